//! `[matrix]`: what the team has agreed to do in an incident.

use super::Declared;
use rollback_domain::{
    incident::Severity,
    matrix::{Advice, Age, Band, Conditions, Hidden, Percent, Row, Symptom, hidden},
};
use rollback_settings::{Repeats, Section, Value, choice, duration, flag, one_of, read, text};
use std::{io, str::FromStr, time::Duration};

/// How many rows there are at most: a card shows those that fit, and people read all of them.
const ROWS_AT_MOST: usize = 60;

/// Every preset: its name, and its rows as a configuration would write them.
pub const PRESETS: [(&str, &str); 6] = [
    ("web-app", include_str!("matrix/web-app.toml")),
    ("platform", include_str!("matrix/platform.toml")),
    ("flowchart", include_str!("matrix/flowchart.toml")),
    ("business-app", include_str!("matrix/business-app.toml")),
    (
        "frontend-backend",
        include_str!("matrix/frontend-backend.toml"),
    ),
    ("database", include_str!("matrix/database.toml")),
];

/// The rows in their order, own ones before those of the preset; empty: there is no matrix.
pub(super) fn matrix(section: &Section<'_>, there: &Declared<'_>) -> Option<Vec<Row>> {
    let names = PRESETS.map(|(name, _)| name);
    let preset = section.optional("preset", |value| one_of(&text(value)?, &names));
    let own = section.sections("row");
    section.done();
    let read: Option<Vec<Row>> = own?
        .iter()
        .map(|section| section.reader().sound(|| row(section, Some(there)))?)
        .collect();
    let mut rows = read?;
    // A row of the preset may be hidden: own rows are there to take its place.
    for row in hidden(&rows) {
        section.reader().warn(section.path(), sentence(&row));
    }
    if let Some(preset) = preset {
        rows.extend(preset_rows(preset)?);
    }
    if rows.len() > ROWS_AT_MOST {
        section.mistake_here(format!(
            "has {} rows; keep {ROWS_AT_MOST} at most",
            rows.len()
        ));
    }
    Some(rows)
}

/// The rows of a preset; `None` if there is none of this name.
pub fn preset_rows(name: &str) -> Option<Vec<Row>> {
    let (_, text) = PRESETS.into_iter().find(|(preset, _)| *preset == name)?;
    let rows = |file: &Section<'_>| {
        let rows = file.sections("row")?;
        file.done();
        rows.iter().map(|section| row(section, None)).collect()
    };
    let none = |_: &str| None;
    let no_file = |_: &std::path::Path| Err(io::ErrorKind::NotFound.into());
    read(text, &none, &no_file, &[], rows)
        .ok()
        .map(|(rows, _)| rows)
}

/// Reads one row. Where it is one of a configuration, the services it names must be there.
fn row(section: &Section<'_>, there: Option<&Declared<'_>>) -> Option<Row> {
    let name = section.required("name", "\"People cannot pay\"", short);
    let when = section.section("when").map(|when| conditions(&when));
    let advice = section.required("advice", "\"roll_back_now\"", |value| {
        choice(value, &ADVICE)
    });
    let within = section.optional("within", duration(WITHIN));
    let severity = section.optional("severity", severity);
    let note = section.optional("note", short);
    let known = |value: &Value| {
        let name = text(value)?;
        match there.is_none_or(|there| there.services.contains(&name.as_str())) {
            true => Ok(name),
            false => Err(format!("{name:?} is no service of this file")),
        }
    };
    let services = section.optional_list("services", "\"frontend\"", Repeats::Refused, known);
    section.done();
    Some(Row {
        name: name?,
        when: when?,
        advice: advice?,
        within,
        severity,
        note,
        services: services.unwrap_or_default(),
    })
}

fn conditions(section: &Section<'_>) -> Conditions {
    let severities = section.optional_list("severity", "\"P1\"", Repeats::Refused, severity);
    let broken = section.optional_list("broken", "\"payments\"", Repeats::Refused, symptom);
    let conditions = Conditions {
        severity: severities.unwrap_or_default(),
        broken: broken.unwrap_or_default().into_iter().collect(),
        error_rate: section.optional("error_rate", percents),
        users: section.optional("users", percents),
        slower: section.optional("slower", percents),
        since_deploy: section.optional("since_deploy", |value| {
            band::<Age>(value, "\"< 10m\" or \">= 3d\"")
        }),
        workaround: section.optional("workaround", flag),
    };
    section.done();
    conditions
}

/// What a row can advise, as it is written.
const ADVICE: [(&str, Advice); 6] = [
    ("roll_back_now", Advice::RollBackNow),
    ("assess_first", Advice::AssessFirst),
    ("disable_flag", Advice::DisableFlag),
    ("hotfix", Advice::Hotfix),
    ("wait", Advice::Wait),
    ("do_not_roll_back", Advice::DoNotRollBack),
];

/// How much time a row can leave.
const WITHIN: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(7 * 86_400);

/// A name or a note, which people read in one line.
fn short(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    match text.chars().count() {
        1..=150 => Ok(text),
        _ => Err("is too long; write 150 characters at most".to_owned()),
    }
}

fn severity(value: &Value) -> Result<Severity, String> {
    let word = text(value)?;
    word.parse()
        .map_err(|_| format!("{word:?} is no severity; write \"P1\", \"P2\", \"P3\" or \"P4\""))
}

fn symptom(value: &Value) -> Result<Symptom, String> {
    let word = text(value)?;
    let words: Vec<&'static str> = Symptom::ALL.iter().map(|symptom| symptom.word()).collect();
    one_of(&word, &words)?;
    word.parse().map_err(|_| format!("{word:?} is not known"))
}

fn percents(value: &Value) -> Result<Band<Percent>, String> {
    band(value, "\"> 50\", \"<= 1\" or \"0.5 to 1\", in percent")
}

fn band<N: FromStr + Copy + Ord>(value: &Value, example: &str) -> Result<Band<N>, String> {
    let written = text(value)?;
    written
        .parse()
        .map_err(|()| format!("{written:?} is not a range; write it like {example}"))
}

/// What is said of a row that never decides.
fn sentence(hidden: &Hidden<'_>) -> String {
    let Hidden { row, by } = hidden;
    match hidden.contradicts() {
        true => format!(
            "{:?} and {:?} are about the same and advise different things: the first one, \
             {:?}, decides. Remove one of them",
            by.name,
            row.name,
            by.advice.sentence()
        ),
        false => format!(
            "the row {:?} never decides, because {:?} before it fits whenever it does. Move it up \
             or remove it",
            row.name, by.name
        ),
    }
}

#[cfg(test)]
mod tests;
