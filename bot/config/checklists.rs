//! `[checklists]`: what is looked at before, during and after a rollback.

use rollback_domain::checklist::{
    ItemRule,
    Phase::{self, After, Before, During},
    TickedBy::{self, Approved, Drafted, Executed, Exported, Planned, Told, Verified},
};
use rollback_settings::{Repeats, Section, Table, Value, choice, one_of, text};

/// How many items there are at most.
const ITEMS_AT_MOST: usize = 40;

/// An item of a preset: its phase, what is to be true, and what ticks it by itself.
type Line = (Phase, &'static str, Option<TickedBy>);

/// A web application whose code, database, settings or flags can be what has to go back.
const WEB_APP: &[Line] = &[
    (
        Before,
        "The cause is known, or known not to matter now",
        None,
    ),
    (
        Before,
        "It is decided what goes back: code, database, settings or flags",
        None,
    ),
    (
        Before,
        "The target and the steps are written down",
        Some(Planned),
    ),
    (Before, "The target is known to have worked", None),
    (Before, "The team is told", Some(Told)),
    (
        Before,
        "The data is backed up, if the database goes back",
        None,
    ),
    (
        After,
        "The right version answers, and its checks pass",
        Some(Verified),
    ),
    (After, "The system stays stable", None),
    (After, "Error rates are watched", None),
    (After, "The figures that matter are as they were", None),
    (After, "Users are told, if they noticed", None),
    (After, "The incident is written down", Some(Exported)),
    (After, "The fix is planned", None),
];

/// Several parts that are deployed one by one: frontend, backend, database, integrations.
const PLATFORM: &[Line] = &[
    (
        Before,
        "The decision matrix says that a rollback is needed",
        None,
    ),
    (Before, "The target is identified", Some(Planned)),
    (Before, "The team is told", Some(Told)),
    (Before, "The dashboards are open", None),
    (During, "The rollback is executed", Some(Executed)),
    (During, "Errors are watched meanwhile", None),
    (During, "The critical flows are tried", None),
    (
        After,
        "The site answers with the right version",
        Some(Verified),
    ),
    (After, "People can sign in", None),
    (After, "The critical flows work", None),
    (After, "The error rate is back to normal", None),
    (After, "It was watched for 30 minutes", None),
    (After, "The status page is up to date", None),
    (After, "The stakeholders are told", None),
    (After, "The post-mortem has a date", None),
    (After, "The incident report is there", Some(Exported)),
    (After, "The cause is known, and a fix is being made", None),
    (After, "The fix was tried in staging", None),
    (After, "The next deployment is planned", None),
];

/// A business application in which data and approvals count most.
const BUSINESS_APP: &[Line] = &[
    (Before, "A condition for a rollback is met", None),
    (
        Before,
        "Somebody with the authority has approved it",
        Some(Approved),
    ),
    (Before, "The target is identified", Some(Planned)),
    (Before, "The team is told", Some(Told)),
    (During, "The rollback is executed", Some(Executed)),
    (
        After,
        "The application loads, and shows no errors",
        Some(Verified),
    ),
    (After, "People can sign in, and see their overview", None),
    (After, "Lists, users and documents work", None),
    (
        After,
        "No data is lost, and the last transactions are there",
        None,
    ),
    (After, "Answers are as fast as before", None),
    (
        After,
        "No errors pile up in the logs, and no resource runs out",
        None,
    ),
    (After, "What was done when is written down", Some(Exported)),
    (
        After,
        "The status page is up to date, and the stakeholders are told",
        None,
    ),
    (
        After,
        "It is known why it failed, and what testing missed",
        None,
    ),
    (After, "The fix has a design and tests", None),
    (After, "The post-mortem is drafted", Some(Drafted)),
    (
        After,
        "Somebody with the authority allows the next attempt",
        None,
    ),
];

/// A frontend, a backend and the database behind them.
const FRONTEND_BACKEND: &[Line] = &[
    (
        Before,
        "It is known how much is affected, and for whom",
        None,
    ),
    (Before, "A version that worked is identified", Some(Planned)),
    (Before, "The team is told", Some(Told)),
    (Before, "Nothing writes, if the database goes back", None),
    (
        Before,
        "What is there now is backed up, if the database goes back",
        None,
    ),
    (During, "The rollback is executed", Some(Executed)),
    (
        After,
        "The frontend loads with the right version",
        Some(Verified),
    ),
    (After, "The backend answers that it is healthy", None),
    (After, "The backend reaches its database", None),
    (After, "People can sign in and out", None),
    (After, "Things can be made, changed and deleted", None),
    (After, "Uploads and live updates work", None),
    (After, "The data of users and customers is complete", None),
    (After, "Messages and files are there", None),
    (After, "What belongs together still does", None),
    (After, "The incident is written down", Some(Exported)),
];

/// An application whose schema and data went forward with it.
const DATABASE: &[Line] = &[
    (Before, "It is known which migration is live", None),
    (Before, "The target is identified", Some(Planned)),
    (Before, "The team is told", Some(Told)),
    (
        Before,
        "The feature is switched off by its flag, if that is enough",
        None,
    ),
    (
        Before,
        "Row counts are noted, and a fresh backup is there",
        None,
    ),
    (During, "The rollback is executed", Some(Executed)),
    (
        After,
        "The right version answers, and its checks pass",
        Some(Verified),
    ),
    (
        After,
        "The database answers, with the schema that the code wants",
        None,
    ),
    (
        After,
        "The error rate is back to normal within five minutes",
        None,
    ),
    (After, "The critical flows work", None),
    (After, "Row counts are within 2 % of those before", None),
    (After, "No row lost what it refers to", None),
    (After, "The team is told how it ended", None),
    (After, "The post-mortem is drafted", Some(Drafted)),
    (After, "The deployment of the fix has a date", None),
];

/// Every preset, by its name.
const PRESETS: [(&str, &[Line]); 5] = [
    ("web-app", WEB_APP),
    ("platform", PLATFORM),
    ("business-app", BUSINESS_APP),
    ("frontend-backend", FRONTEND_BACKEND),
    ("database", DATABASE),
];

/// What ticks an item by itself, as it is written.
const TICKED_BY: [(&str, TickedBy); 7] = [
    ("planned", Planned),
    ("told", Told),
    ("approved", Approved),
    ("executed", Executed),
    ("verified", Verified),
    ("exported", Exported),
    ("drafted", Drafted),
];

/// What is on the checklist of every rollback; empty: there is none.
pub(super) fn checklist(section: &Section<'_>) -> Vec<ItemRule> {
    let names = PRESETS.map(|(name, _)| name);
    let preset = section.optional("preset", |value| one_of(&text(value)?, &names));
    let lines = PRESETS.iter().find(|(name, _)| Some(*name) == preset);
    let lines = lines.map_or(&[][..], |(_, lines)| lines);
    let mut items = vec![];
    for (phase, key) in [(Before, "before"), (During, "during"), (After, "after")] {
        match section.any_list(key, "\"The dashboards are open\"", Repeats::Refused, item) {
            // What is written takes the place of what the preset has there.
            Some(own) => items.extend(own.into_iter().map(|(text, ticked_by)| ItemRule {
                phase,
                text,
                ticked_by,
            })),
            None => items.extend(lines.iter().filter(|(of, ..)| *of == phase).map(
                |(phase, text, ticked_by)| ItemRule {
                    phase: *phase,
                    text: (*text).to_owned(),
                    ticked_by: *ticked_by,
                },
            )),
        }
    }
    if items.len() > ITEMS_AT_MOST {
        section.mistake_here(format!(
            "has {} items; keep {ITEMS_AT_MOST} at most",
            items.len()
        ));
    }
    section.done();
    items
}

/// An item: a text, or `{ text = "…", ticked_by = "verified" }`.
fn item(value: &Value) -> Result<(String, Option<TickedBy>), String> {
    match value {
        Value::Table(table) => of_table(table),
        value => Ok((item_text(value)?, None)),
    }
}

fn of_table(table: &Table) -> Result<(String, Option<TickedBy>), String> {
    let example = "write { text = \"…\", ticked_by = \"verified\" }";
    if let Some(key) = table
        .keys()
        .find(|key| *key != "text" && *key != "ticked_by")
    {
        return Err(format!("has a key {key:?} that is not known; {example}"));
    }
    let text_of = table.get("text");
    let text_of = item_text(text_of.ok_or_else(|| format!("has no text; {example}"))?)?;
    let ticked_by = match table.get("ticked_by") {
        Some(value) => Some(choice(value, &TICKED_BY)?),
        None => None,
    };
    Ok((text_of, ticked_by))
}

fn item_text(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    match text.chars().count() {
        1..=150 => Ok(text),
        _ => Err("is too long or empty; write 1 to 150 characters".to_owned()),
    }
}
