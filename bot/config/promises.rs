//! `[[incidents.promises]]`: what is promised whenever an incident is resolved.

use super::{DAY, HOUR, MINUTE};
use rollback_domain::action::{KeptBy, PromiseRule};
use rollback_settings::{Section, Value, choice, duration, text};

/// What is promised unless it is written otherwise.
pub(super) fn usual() -> Vec<PromiseRule> {
    let rule = |text: &str, within, kept_by| PromiseRule {
        text: text.to_owned(),
        within,
        kept_by,
    };
    vec![
        rule("report what happened", HOUR, KeptBy::Person),
        rule("confirm that it is stable", DAY, KeptBy::Person),
        rule("post-mortem", 2 * DAY, KeptBy::PostMortem),
    ]
}

pub(super) fn promise(section: &Section<'_>) -> Option<PromiseRule> {
    let what = section.required("what", "\"report what happened\"", what);
    let within = section.required("within", "\"1h\"", duration(MINUTE..=90 * DAY));
    let kept_by = section.or("kept_by", KeptBy::Person, |value| {
        let kept_by = [
            ("person", KeptBy::Person),
            ("post_mortem", KeptBy::PostMortem),
        ];
        choice(value, &kept_by)
    });
    section.done();
    Some(PromiseRule {
        text: what?,
        within: within?,
        kept_by,
    })
}

fn what(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    match text.chars().count() {
        1..=200 => Ok(text),
        _ => Err("is too long or empty; write 1 to 200 characters".to_owned()),
    }
}
