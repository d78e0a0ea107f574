//! `[canary]`: when everything is read that a rollback would read, and where it is told.

use super::values::slack_id;
use jiff::{
    civil::Time,
    tz::{self, TimeZone},
};
use rollback_domain::canary::Schedule;
use rollback_settings::{Section, Value, did_you_mean, flag, text};

/// When everything is read that a rollback would read, and where it is told.
#[derive(Clone, Debug)]
pub struct Canary {
    /// Whether it is read at all, unless somebody asks.
    pub enabled: bool,
    /// When.
    pub schedule: Schedule,
    /// The channel, by id, in which it is told; `None`: that of `[api]`, or else the first of
    /// `[announce]`.
    pub channel: Option<String>,
}

/// Reads the section, which may be missing.
pub(super) fn canary(section: &Section<'_>) -> Option<Canary> {
    let enabled = section.or("enabled", true, flag);
    let at = section.or("at", Time::constant(8, 0, 0, 0), time);
    let hours = (Time::constant(8, 0, 0, 0), Time::constant(20, 0, 0, 0));
    let (from, to) = section.or("hours", hours, hours_of);
    let zone = section.or("zone", TimeZone::UTC, zone);
    let channel = section.optional("channel", |value| {
        let what = "the id of a channel; copy it from the channel's details in Slack, it looks \
                    like \"C0123ABCD\"";
        slack_id(value, &['C', 'G'], what)
    });
    section.done();
    Some(Canary {
        enabled,
        schedule: Schedule { at, from, to, zone },
        channel,
    })
}

/// A time of day as it is written in the file: `"08:00"`.
fn time(value: &Value) -> Result<Time, String> {
    let text = text(value)?;
    time_of(&text).ok_or_else(|| {
        format!("{text:?} is not a time of day; write it like \"08:00\" or \"17:30\"")
    })
}

fn time_of(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |part: &str| match part.len() {
        1..=2 if part.bytes().all(|byte| byte.is_ascii_digit()) => part.parse::<i8>().ok(),
        _ => None,
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

/// Two times of day: `"08:00-20:00"`.
fn hours_of(value: &Value) -> Result<(Time, Time), String> {
    let text = text(value)?;
    let both = text
        .split_once('-')
        .and_then(|(from, to)| Some((time_of(from)?, time_of(to)?)));
    match both {
        Some((from, to)) if from == to => Err(format!(
            "{text:?} is no time at all; write from when until when people may be told, like \"08:00-20:00\""
        )),
        Some(both) => Ok(both),
        None => Err(format!(
            "{text:?} are not hours; write two times of day with a dash between them, like \"08:00-20:00\""
        )),
    }
}

/// A time zone by its name.
fn zone(value: &Value) -> Result<TimeZone, String> {
    let text = text(value)?;
    TimeZone::get(&text).map_err(|_| {
        let names: Vec<String> = tz::db().available().map(|name| name.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let otherwise =
            || "write the name of a city's zone, like \"Europe/Berlin\", or \"UTC\"".to_owned();
        format!(
            "there is no time zone {text:?}; {}",
            did_you_mean(&text, &names).unwrap_or_else(otherwise)
        )
    })
}
