//! What a number that was measured means: against a threshold, and against what it was before.

use super::{CheckResult, Importance};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::cmp::Ordering;

/// The largest number that is taken from outside; nothing that is measured is larger.
const AT_MOST: f64 = 1e15;

/// A finite number. Stored as text, so that it is read back exactly as it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Number(f64);

// No number is NaN.
impl Eq for Number {}

impl Number {
    /// `None`: it is not a number, infinite, or larger than anything that is measured.
    pub fn new(value: f64) -> Option<Self> {
        // Zero has one sign, so that what is equal is also stored alike.
        (value.is_finite() && value.abs() <= AT_MOST).then_some(Number(value + 0.0))
    }

    /// The number itself.
    pub fn value(self) -> f64 {
        self.0
    }

    /// As people read it, with so many significant digits.
    fn readable(self, digits: usize) -> String {
        let value = self.0;
        if value == 0.0 {
            return "0".into();
        }
        // Its decimal exponent, after it was rounded.
        let scientific = format!("{value:.*e}", digits - 1);
        let exponent = scientific
            .split_once('e')
            .and_then(|(_, exponent)| exponent.parse::<i32>().ok())
            .unwrap_or_default();
        if exponent < -6 {
            return scientific;
        }
        let shown = i32::try_from(digits).unwrap_or(i32::MAX) - 1;
        let decimals = usize::try_from(shown - exponent).unwrap_or(0);
        let text = format!("{value:.decimals$}");
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse().ok().and_then(Number::new);
        number.ok_or_else(|| D::Error::custom(format!("{text:?} is not a number")))
    }
}

/// What a number counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A bare number.
    #[default]
    Count,
    /// A part of one, which people read in per cent: 0.072 is 7.2 %.
    Ratio,
    /// Something with a name of its own: `ms`.
    Named(String),
}

impl Unit {
    fn is_count(&self) -> bool {
        *self == Unit::Count
    }

    fn spell(&self, number: Number, digits: usize) -> String {
        match self {
            Unit::Count => number.readable(digits),
            Unit::Ratio => format!("{} %", Number(number.0 * 100.0).readable(digits)),
            Unit::Named(name) => format!("{} {name}", number.readable(digits)),
        }
    }
}

/// What a number must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Lower than this.
    Below(Number),
    /// Higher than this.
    Above(Number),
    /// At most this part of what it was before: 0.5 is half of it.
    FallsTo(Number),
    /// At least this part of what it was before.
    RisesTo(Number),
    /// As it was before, give or take this part of it.
    StaysWithin(Number),
}

impl Limit {
    /// Whether it can only be judged against what the number was before.
    pub fn needs_baseline(self) -> bool {
        match self {
            Limit::Below(_) | Limit::Above(_) => false,
            Limit::FallsTo(_) | Limit::RisesTo(_) | Limit::StaysWithin(_) => true,
        }
    }

    /// What is wrong with a number, as a clause; `Ok(None)`: nothing is. An error says why that
    /// cannot be told.
    fn problem(
        self,
        now: Number,
        before: Option<Number>,
    ) -> Result<Option<&'static str>, Unmeasured> {
        let before = || before.ok_or(Unmeasured::NoBaseline);
        let high = |holds: bool| (!holds).then_some("is too high");
        let low = |holds: bool| (!holds).then_some("is too low");
        Ok(match self {
            Limit::Below(bound) => high(now < bound),
            Limit::Above(bound) => low(now > bound),
            Limit::FallsTo(share) => high(now.0 <= part(before()?, share)),
            Limit::RisesTo(share) => low(now.0 >= part(before()?, share)),
            Limit::StaysWithin(share) => {
                let before = before()?;
                // What is exactly at the limit passes, however it is rounded.
                let slack = part(before, share).abs() * (1.0 + 1e-9);
                match now.0.partial_cmp(&before.0) {
                    Some(Ordering::Greater) => high(now.0 - before.0 <= slack),
                    Some(Ordering::Less) => low(before.0 - now.0 <= slack),
                    Some(Ordering::Equal) | None => None,
                }
            }
        })
    }

    /// The number at which it ends; `None`: it has none, or that depends on a baseline that is not
    /// known.
    fn bound(self, before: Option<Number>) -> Option<Number> {
        match self {
            Limit::Below(bound) | Limit::Above(bound) => Some(bound),
            Limit::FallsTo(share) | Limit::RisesTo(share) => Number::new(part(before?, share)),
            Limit::StaysWithin(_) => None,
        }
    }
}

/// A part of a number.
fn part(of: Number, share: Number) -> f64 {
    of.0 * share.0
}

/// Why a limit says nothing about a number.
enum Unmeasured {
    /// What it was before is not known.
    NoBaseline,
}

/// What came of measuring once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// One number.
    Number(Number),
    /// An answer with nothing in it, which is not zero.
    NoData,
    /// No number, for this reason, as a clause.
    Unknown(String),
}

impl Reading {
    fn number(&self) -> Option<Number> {
        match self {
            Reading::Number(number) => Some(*number),
            Reading::NoData | Reading::Unknown(_) => None,
        }
    }

    fn clause(&self, unit: &Unit) -> String {
        match self {
            Reading::Number(number) => unit.spell(*number, DIGITS),
            Reading::NoData => "no data".into(),
            Reading::Unknown(why) => format!("not known, {why}"),
        }
    }
}

/// How many significant digits people read, as long as they tell what is different apart.
const DIGITS: usize = 3;
/// What differs only after so many digits is the same to people.
const DIGITS_AT_MOST: usize = 6;

/// What was measured before production was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The name of the check.
    pub check: String,
    /// What it counts.
    #[serde(default, skip_serializing_if = "Unit::is_count")]
    pub unit: Unit,
    /// What was measured.
    pub reading: Reading,
    /// When.
    pub at: Timestamp,
}

impl Baseline {
    /// As a clause: `error rate 7.2 %`.
    pub fn clause(&self) -> String {
        format!("{} {}", self.check, self.reading.clause(&self.unit))
    }
}

/// A number that was measured, beside what it is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// What it is now.
    pub now: Number,
    /// What it was before production was changed; `None`: that is not known.
    pub before: Option<Number>,
    /// What it must be; `None`: it is only watched.
    pub limit: Option<Limit>,
    /// What it counts.
    #[serde(default, skip_serializing_if = "Unit::is_count")]
    pub unit: Unit,
}

impl Measured {
    /// What it is now, as a clause: `0.05 %`.
    pub fn now_clause(&self) -> String {
        self.unit.spell(self.now, DIGITS)
    }

    /// As a clause: `0.05 % (before 7.2 %, threshold 0.1 %)`.
    pub fn clause(&self) -> String {
        let bound = self.limit.and_then(|limit| limit.bound(self.before));
        let digits = self.digits(bound);
        let spell = |number| self.unit.spell(number, digits);
        let before = match self.before {
            Some(before) => format!("before {}", spell(before)),
            None => "before not known".into(),
        };
        let limit = match (self.limit, bound) {
            (_, Some(bound)) => format!(", threshold {}", spell(bound)),
            (Some(Limit::StaysWithin(share)), None) => {
                format!(", threshold ±{}", Unit::Ratio.spell(share, DIGITS))
            }
            (
                Some(Limit::Below(_) | Limit::Above(_) | Limit::FallsTo(_) | Limit::RisesTo(_))
                | None,
                None,
            ) => String::new(),
        };
        format!("{} ({before}{limit})", spell(self.now))
    }

    /// So many digits that the number is told apart from what it is compared with.
    fn digits(&self, bound: Option<Number>) -> usize {
        let others = [bound, self.before];
        let alike = |digits: &usize| {
            others.iter().flatten().any(|other| {
                *other != self.now && other.readable(*digits) == self.now.readable(*digits)
            })
        };
        let enough = (DIGITS..=DIGITS_AT_MOST).find(|digits| !alike(digits));
        enough.unwrap_or(DIGITS)
    }
}

/// A check that measures: what its number is called, counts and must be.
#[derive(Clone, Debug)]
pub struct Criterion {
    /// The name of the check.
    pub name: String,
    /// How much depends on it.
    pub importance: Importance,
    /// What its number counts.
    pub unit: Unit,
    /// What its number must be; `None`: it is only watched.
    pub limit: Option<Limit>,
}

impl Criterion {
    /// What a measurement means, beside what was measured before production was changed.
    ///
    /// What is not known is never taken for good, and never for bad.
    pub fn judge(&self, now: &Reading, before: Option<&Baseline>) -> CheckResult {
        let result = CheckResult {
            importance: self.importance,
            ..CheckResult::passed(self.name.clone())
        };
        let now = match now {
            Reading::Number(now) => *now,
            Reading::NoData => return result.unknown("no data"),
            Reading::Unknown(why) => return result.unknown(why),
        };
        let before_number = before.and_then(|before| before.reading.number());
        let measured = Measured {
            now,
            before: before_number,
            limit: self.limit,
            unit: self.unit.clone(),
        };
        let problem = match self.limit {
            Some(limit) => limit.problem(now, before_number),
            None => Ok(None),
        };
        let result = match problem {
            Ok(problem) => CheckResult {
                problem: problem.map(str::to_owned),
                ..result
            },
            Err(Unmeasured::NoBaseline) => {
                let why = match before {
                    None => "nothing was measured before to compare with".into(),
                    Some(before) => format!(
                        "nothing to compare with (before: {})",
                        before.reading.clause(&before.unit)
                    ),
                };
                result.unknown(&why)
            }
        };
        CheckResult {
            measured: Some(measured),
            ..result
        }
    }
}

#[cfg(test)]
mod tests;
