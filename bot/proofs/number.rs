//! What a number that a check measures counts, and what it must be.

use rollback_domain::proof::{Limit, Number, Unit};
use rollback_settings::{Section, Value, text, wrong_type};

/// The longest name of a unit.
const UNIT_AT_MOST: usize = 12;

/// What a number counts, and what it must be.
#[derive(Clone, Debug)]
pub(super) struct NumberRule {
    /// What it counts.
    pub(super) unit: Unit,
    /// What it must be; `None`: it is only watched.
    pub(super) limit: Option<Limit>,
}

impl NumberRule {
    /// Reads `unit` and one limit; a number that is only watched needs none.
    pub(super) fn read(section: &Section<'_>, is_watched: bool) -> Option<Self> {
        let unit = section.or("unit", Unit::Count, unit);
        Self::of(unit, section, is_watched)
    }

    /// The same, where what it counts is known.
    pub(super) fn of(unit: Unit, section: &Section<'_>, is_watched: bool) -> Option<Self> {
        let limit = limit(section, is_watched)?;
        Some(Self { unit, limit })
    }
}

/// What a number counts.
fn unit(value: &Value) -> Result<Unit, String> {
    let name = text(value)?;
    match name.as_str() {
        "ratio" => Ok(Unit::Ratio),
        _ if name.chars().count() > UNIT_AT_MOST || name.contains(char::is_control) => {
            Err(format!(
                "is no unit; write \"ratio\" for a part of one, or at most {UNIT_AT_MOST} letters like \"ms\""
            ))
        }
        _ => Ok(Unit::Named(name)),
    }
}

/// What a number must be: one limit, or none if it is only watched.
fn limit(section: &Section<'_>, is_watched: bool) -> Option<Option<Limit>> {
    const KEYS: [&str; 5] = ["below", "above", "falls_to", "rises_to", "stays_within"];
    const HOW: &str = "below = 0.001 or above = 0.99, or against what it was before: \
                       falls_to = \"50%\", rises_to = \"90%\", stays_within = \"20%\"";
    for key in ["threshold", "max", "min"] {
        if section.get(key).is_some() {
            let problem = format!("does not say in which direction; write {HOW}");
            section.mistake(key, problem);
            return None;
        }
    }
    let there: Vec<&str> = KEYS
        .into_iter()
        .filter(|key| section.get(key).is_some())
        .collect();
    let limits = [
        section.optional("below", measure).map(Limit::Below),
        section.optional("above", measure).map(Limit::Above),
        section.optional("falls_to", share).map(Limit::FallsTo),
        section.optional("rises_to", share).map(Limit::RisesTo),
        section
            .optional("stays_within", share)
            .map(Limit::StaysWithin),
    ];
    let limit = limits.into_iter().flatten().next();
    match there[..] {
        [] if is_watched => Some(None),
        [] => {
            section.mistake_here(format!("does not say what its number must be; write {HOW}"));
            None
        }
        [_] => limit.map(Some),
        [..] => {
            section.mistake_here(format!(
                "has {} limits; keep one of {}",
                there.len(),
                there.join(", ")
            ));
            None
        }
    }
}

/// A number as it is written.
fn measure(value: &Value) -> Result<Number, String> {
    let number = match value {
        Value::Integer(number) => number.to_string().parse().ok(),
        Value::Float(number) => Some(*number),
        other => return Err(wrong_type(other, "a number, without quotes")),
    };
    let number = number.and_then(Number::new);
    number.ok_or_else(|| "is no number that can be measured".to_owned())
}

/// A part of a whole, in per cent.
fn share(value: &Value) -> Result<Number, String> {
    let written = text(value)?;
    let percent = written.strip_suffix('%').map(str::trim);
    let number = percent.and_then(|percent| percent.parse::<f64>().ok());
    let fits = number.filter(|number| (0.0..=10_000.0).contains(number));
    let number = fits.and_then(|number| Number::new(number / 100.0));
    number.ok_or_else(|| {
        format!("{written:?} is not a part of what it was; write it from \"0%\" to \"10000%\"")
    })
}
