//! An action item: what somebody is to do after an incident, and until when.

use crate::{identity::IncidentId, people::Person};
use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Weekday, time},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

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
    /// The day, in UTC, by the end of which it is to be done; `None`: there is none.
    pub due: Option<Date>,
    /// Who added it.
    pub added_by: Person,
    /// When they did.
    pub added_at: Timestamp,
    /// Who did it, and when; `None`: it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Done>,
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

impl ActionItem {
    /// The first reminder after this moment, by its place among all of them, and when it is;
    /// `None`: there is no other one.
    pub fn reminder_after(&self, now: Timestamp) -> Option<(u32, Timestamp)> {
        let due = self.due?;
        (0..).zip(REMINDED_ON).find_map(|(place, days)| {
            let day = due
                .checked_add(SignedDuration::from_hours(24 * days))
                .ok()?;
            let at = day.to_datetime(time(REMINDED_AT, 0, 0, 0));
            let at = at.to_zoned(TimeZone::UTC).ok()?.timestamp();
            (at > now).then_some((place, at))
        })
    }

    /// What its owner is reminded of, as the end of a sentence about it.
    pub fn due_clause(&self, now: Timestamp) -> String {
        let Some(due) = self.due else {
            return "has no day on which it is due".into();
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
            due: day.parse().ok(),
            added_by: Person::new("U1", "sam"),
            added_at: at("2026-03-14T03:12:00Z"),
            done: None,
        }
    }

    #[test]
    fn its_owner_is_reminded_before_it_is_due_and_after() {
        let action = due("2026-03-20");
        let mut reminders = vec![];
        let mut now = at("2026-03-14T03:12:00Z");
        while let Some((place, next)) = action.reminder_after(now) {
            now = next;
            reminders.push(format!("{place} {next} {}", action.due_clause(next)));
        }
        assert_eq!(
            reminders,
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
        assert_eq!(due("").reminder_after(now), None);
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
