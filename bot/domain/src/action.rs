//! An action item: what somebody is to do after an incident, and until when.
//!
//! A promise is one that the bot adds by itself when an incident is resolved: it is due at a moment,
//! not on a day.

use crate::{identity::IncidentId, people::Person};
use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Weekday, time},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// What is to be done after an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionItem {
    /// Its number, by which it is done: 3.
    pub number: i64,
    /// The incident that it comes from.
    pub incident: IncidentId,
    /// The Slack channel of the incident.
    pub channel: String,
    /// What is to be done, in the words of the person who added it.
    pub text: String,
    /// The Slack id of the person who is to do it; `None`: nobody is named.
    pub owner: Option<String>,
    /// Until when it is to be done; `None`: there is no such time.
    pub due: Option<Deadline>,
    /// Who added it. A promise is added by the person who resolved the incident.
    pub added_by: Person,
    /// When they did.
    pub added_at: Timestamp,
    /// Who did it, and when; `None`: it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Done>,
    /// What makes it a promise; `None`: somebody added it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<Promise>,
}

/// Until when something is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Deadline {
    /// Until this moment.
    At(Timestamp),
    /// By the end of this day, in UTC.
    On(Date),
}

/// What makes an action item a promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// How much time there was for it, in seconds.
    pub within_seconds: u64,
    /// What keeps it.
    pub kept_by: KeptBy,
    /// When the incident was reopened before it was kept: it does not hold any more. `None`: it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_at: Option<Timestamp>,
}

/// What keeps a promise, besides a person who says that it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptBy {
    /// Nothing: a person says so.
    #[default]
    Person,
    /// The draft of a post-mortem in which the root cause is filled.
    PostMortem,
}

/// A promise that is made whenever an incident is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromiseRule {
    /// What is promised.
    pub text: String,
    /// How much time there is for it.
    pub within: Duration,
    /// What keeps it.
    pub kept_by: KeptBy,
}

/// That an action item is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Who says so.
    pub by: Person,
    /// When they did.
    pub at: Timestamp,
}

/// The days after the day on which an action is due on which its owner is reminded; -1 is the day
/// before.
const REMINDED_ON: [i64; 4] = [-1, 1, 8, 15];
/// The hour of the day, in UTC, at which that happens.
const REMINDED_AT: i8 = 9;
/// How long before a promise is due its owner is reminded at most, and how long after.
const REMINDED_WITHIN: SignedDuration = SignedDuration::from_hours(12);
/// How long after a promise was due its owner is reminded once more, and again.
const REMINDED_LATER: [SignedDuration; 2] = [
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(7 * 24),
];

impl Deadline {
    /// The moment at which it is over.
    pub fn end(self) -> Option<Timestamp> {
        match self {
            Deadline::At(at) => Some(at),
            Deadline::On(day) => day.tomorrow().ok().and_then(|next| at_hour(next, 0)),
        }
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deadline::At(at) => write!(f, "{}", at.strftime("%Y-%m-%d %H:%M UTC")),
            Deadline::On(day) => write!(f, "{day}"),
        }
    }
}

impl PromiseRule {
    /// The action item that is this promise, made at `now`; the engine numbers it.
    pub fn make(
        &self,
        incident: IncidentId,
        channel: &str,
        owner: &str,
        made_by: &Person,
        now: Timestamp,
    ) -> ActionItem {
        ActionItem {
            number: 0,
            incident,
            channel: channel.to_owned(),
            text: self.text.clone(),
            owner: Some(owner.to_owned()),
            due: now.checked_add(self.within).ok().map(Deadline::At),
            added_by: made_by.clone(),
            added_at: now,
            done: None,
            promise: Some(Promise {
                within_seconds: self.within.as_secs(),
                kept_by: self.kept_by,
                dropped_at: None,
            }),
        }
    }
}

fn at_hour(day: Date, hour: i8) -> Option<Timestamp> {
    let at = day.to_datetime(time(hour, 0, 0, 0));
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

impl ActionItem {
    /// Whether it is still to be done.
    pub fn is_open(&self) -> bool {
        let dropped_at = self.promise.as_ref().and_then(|promise| promise.dropped_at);
        self.done.is_none() && dropped_at.is_none()
    }

    /// The first reminder after this moment, by its place among all of them, and when it is;
    /// `None`: there is no other one.
    pub fn reminder_after(&self, now: Timestamp) -> Option<(u32, Timestamp)> {
        (0..).zip(self.reminders()).find(|(_, at)| *at > now)
    }

    /// When the reminder at this place is; `None`: there is none.
    pub fn reminder(&self, place: u32) -> Option<Timestamp> {
        self.reminders().get(place as usize).copied()
    }

    /// When its owner is reminded, earliest first.
    fn reminders(&self) -> Vec<Timestamp> {
        match self.due {
            None => vec![],
            Some(Deadline::On(day)) => REMINDED_ON
                .iter()
                .filter_map(|days| {
                    let after = SignedDuration::from_hours(24 * days);
                    at_hour(day.checked_add(after).ok()?, REMINDED_AT)
                })
                .collect(),
            Some(Deadline::At(due)) => {
                let near = self.near_its_end();
                [-near, near]
                    .into_iter()
                    .chain(REMINDED_LATER)
                    .filter_map(|after| due.checked_add(after).ok())
                    .collect()
            }
        }
    }

    /// How long before and after a moment at which it is due its owner is reminded: a quarter of
    /// the time that there was.
    fn near_its_end(&self) -> SignedDuration {
        let within = self.promise.as_ref().map(|promise| promise.within_seconds);
        let quarter = i64::try_from(within.unwrap_or_default() / 4).unwrap_or(i64::MAX);
        SignedDuration::from_secs(quarter).min(REMINDED_WITHIN)
    }

    /// What its owner is reminded of, as the end of a sentence about it.
    pub fn due_clause(&self, now: Timestamp) -> String {
        let due = match self.due {
            None => return "has no day on which it is due".into(),
            Some(Deadline::At(at)) if at > now => {
                return format!("is due at {}", Deadline::At(at));
            }
            Some(Deadline::At(at)) => return format!("was due at {}", Deadline::At(at)),
            Some(Deadline::On(day)) => day,
        };
        let today = now.to_zoned(TimeZone::UTC).date();
        let days = (due - today).get_days();
        match days {
            0 => "is due today".into(),
            1 => "is due tomorrow".into(),
            -1 => "was due yesterday".into(),
            2.. => format!("is due on {due}"),
            ..-1 => format!("was due on {due}"),
        }
    }
}

/// The next such day of the week after this moment, in UTC: never the same day.
pub fn next_weekday(weekday: Weekday, now: Timestamp) -> Option<Date> {
    now.to_zoned(TimeZone::UTC)
        .date()
        .nth_weekday(1, weekday)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap_or_default()
    }

    fn due(day: &str) -> ActionItem {
        ActionItem {
            number: 3,
            incident: IncidentId::new(1),
            channel: "C1".into(),
            text: "add a test".into(),
            owner: Some("U1".into()),
            due: day.parse().ok().map(Deadline::On),
            added_by: Person::new("U1", "sam"),
            added_at: at("2026-03-14T03:12:00Z"),
            done: None,
            promise: None,
        }
    }

    fn all_reminders(action: &ActionItem) -> Vec<String> {
        let mut reminders = vec![];
        let mut now = action.added_at;
        while let Some((place, next)) = action.reminder_after(now) {
            now = next;
            reminders.push(format!("{place} {next} {}", action.due_clause(next)));
        }
        reminders
    }

    #[test]
    fn its_owner_is_reminded_before_it_is_due_and_after() {
        let action = due("2026-03-20");
        assert_eq!(
            all_reminders(&action),
            [
                "0 2026-03-19T09:00:00Z is due tomorrow",
                "1 2026-03-21T09:00:00Z was due yesterday",
                "2 2026-03-28T09:00:00Z was due on 2026-03-20",
                "3 2026-04-04T09:00:00Z was due on 2026-03-20",
            ]
        );
        // Added on the day on which it is due: only afterwards.
        let late = action.reminder_after(at("2026-03-20T08:00:00Z"));
        assert_eq!(late, Some((1, at("2026-03-21T09:00:00Z"))));
        assert_eq!(all_reminders(&due("")), Vec::<String>::new());
    }

    #[test]
    fn a_promise_is_reminded_of_in_time_and_until_it_is_kept() {
        let made_at = at("2026-03-14T04:00:00Z");
        let make = |hours: u64| {
            let rule = PromiseRule {
                text: "report".into(),
                within: Duration::from_secs(hours * 3_600),
                kept_by: KeptBy::Person,
            };
            let sam = Person::new("U1", "sam");
            rule.make(IncidentId::new(1), "C1", "U2", &sam, made_at)
        };
        assert_eq!(
            all_reminders(&make(1)),
            [
                "0 2026-03-14T04:45:00Z is due at 2026-03-14 05:00 UTC",
                "1 2026-03-14T05:15:00Z was due at 2026-03-14 05:00 UTC",
                "2 2026-03-15T05:00:00Z was due at 2026-03-14 05:00 UTC",
                "3 2026-03-21T05:00:00Z was due at 2026-03-14 05:00 UTC",
            ]
        );
        // Half a day before, however long it may take.
        let first = make(30 * 24).reminder_after(made_at);
        assert_eq!(first, Some((0, at("2026-04-12T16:00:00Z"))));
        let mut promise = make(1);
        assert!(promise.is_open());
        if let Some(promise) = &mut promise.promise {
            promise.dropped_at = Some(made_at);
        }
        assert!(!promise.is_open());
    }

    #[test]
    fn a_day_and_a_moment_are_stored_as_they_are_written() {
        for (deadline, stored) in [
            (Deadline::On(jiff::civil::date(2026, 3, 20)), "2026-03-20"),
            (
                Deadline::At(at("2026-03-14T05:12:00Z")),
                "2026-03-14T05:12:00Z",
            ),
        ] {
            let json = serde_json::json!(stored);
            assert_eq!(serde_json::to_value(deadline).ok(), Some(json.clone()));
            assert_eq!(serde_json::from_value(json).ok(), Some(deadline));
        }
    }

    #[test]
    fn a_day_of_the_week_is_the_next_one() {
        // A Saturday.
        let now = at("2026-03-14T03:12:00Z");
        let day = |weekday| next_weekday(weekday, now).map(|day| day.to_string());
        assert_eq!(day(Weekday::Friday).as_deref(), Some("2026-03-20"));
        assert_eq!(day(Weekday::Saturday).as_deref(), Some("2026-03-21"));
        assert_eq!(day(Weekday::Sunday).as_deref(), Some("2026-03-15"));
    }
}
