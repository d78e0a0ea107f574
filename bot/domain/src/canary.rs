//! The canary: when everything is read that a rollback would read, and what of it people are told.

#[cfg(test)]
mod tests;

use crate::readiness::{Level, Line, Subject};
use jiff::{
    SignedDuration, Timestamp,
    civil::{DateTime, Time},
    tz::{AmbiguousOffset, TimeZone},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Over how long the readings of all services are spread out.
const SPREAD: SignedDuration = SignedDuration::from_mins(10);
/// For how many days ahead it is told what changes of the clocks do.
const DAYS_AHEAD: i64 = 400;

/// When it reads each day, and when people are told what is no emergency.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// When it reads each day.
    pub at: Time,
    /// Since when people are told each day.
    pub from: Time,
    /// Until when they are told; before `from`: until then on the next day.
    pub to: Time,
    /// By the clocks of which zone.
    pub zone: TimeZone,
}

impl Schedule {
    /// The first reading of a day after this moment, a while later for each service, so that not all
    /// are read at once.
    pub fn next(&self, name: &str, after: Timestamp) -> Timestamp {
        later(self.first(self.at, after), spread(name))
    }

    /// When a service is read soon after `now`, for example after a start.
    pub fn soon(name: &str, now: Timestamp) -> Timestamp {
        later(now, SignedDuration::from_mins(1) + spread(name))
    }

    /// Whether people may be told now what is no emergency.
    pub fn may_tell(&self, now: Timestamp) -> bool {
        let time = self.zone.to_datetime(now).time();
        match self.from <= self.to {
            true => self.from <= time && time < self.to,
            false => self.from <= time || time < self.to,
        }
    }

    /// When people may be told next, after this moment.
    pub fn tells_at(&self, after: Timestamp) -> Timestamp {
        self.first(self.from, after)
    }

    /// The days on which a change of the clocks moves the reading, a sentence each. A time that
    /// comes twice is read once; one that does not come is read as much later as the clocks jump.
    pub fn odd_days(&self, now: Timestamp) -> Vec<String> {
        let today = self.zone.to_datetime(now).date();
        let days = (0..DAYS_AHEAD).filter_map(|ahead| {
            let day = today
                .checked_add(SignedDuration::from_hours(24 * ahead))
                .ok()?;
            let wanted = day.to_datetime(self.at);
            let time = self.at.strftime("%H:%M");
            let read = self.zone.to_datetime(self.moment(wanted)?).time();
            match self.zone.to_ambiguous_timestamp(wanted).offset() {
                AmbiguousOffset::Unambiguous { .. } => None,
                AmbiguousOffset::Gap { .. } => Some(format!(
                    "there is no {time} on {day}, when the clocks go forward: it reads at {}",
                    read.strftime("%H:%M")
                )),
                AmbiguousOffset::Fold { .. } => Some(format!(
                    "{time} comes twice on {day}, when the clocks go back: it reads the first time"
                )),
            }
        });
        days.collect()
    }

    /// The first moment after `after` at which the clocks show this time.
    fn first(&self, time: Time, after: Timestamp) -> Timestamp {
        let today = self.zone.to_datetime(after).date();
        // Yesterday's may come today, where the clocks jump over midnight.
        let days = (-1..=2).filter_map(|ahead| {
            let day = today
                .checked_add(SignedDuration::from_hours(24 * ahead))
                .ok()?;
            self.moment(day.to_datetime(time))
        });
        days.filter(|moment| *moment > after)
            .min()
            .unwrap_or_else(|| later(after, SignedDuration::from_hours(24)))
    }

    /// When the clocks show this: the first time, or as much later as they jump over it.
    fn moment(&self, wanted: DateTime) -> Option<Timestamp> {
        self.zone.to_ambiguous_timestamp(wanted).compatible().ok()
    }
}

/// How much later than others something of this name is read.
fn spread(name: &str) -> SignedDuration {
    let hash = name.bytes().fold(0_u64, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let seconds = hash % SPREAD.as_secs().unsigned_abs();
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or_default())
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}

/// What people have been told and not been told the end of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// How bad each thing was when they were told.
    pub levels: BTreeMap<Subject, Level>,
    /// What could not be read the last time, and nobody was told.
    #[serde(default)]
    pub unread: BTreeSet<Subject>,
}

/// What people are told now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// What has become bad, or worse.
    pub worse: Vec<Line>,
    /// What is ready again.
    pub better: Vec<Subject>,
    /// Whether something is not told before the next morning.
    pub is_held: bool,
    /// Whether something could not be read for the first time, and is read again soon before anybody is told.
    pub is_unread: bool,
}

impl Told {
    /// What people are told of these lines, each once. What is no emergency is held back unless they
    /// `may` be told.
    pub fn take(&mut self, lines: &[Line], may: bool) -> News {
        let mut news = News::default();
        for line in lines.iter().filter(|line| !line.subject.has_reminders()) {
            let subject = line.subject;
            let before = self.levels.get(&subject).copied();
            let was_unread = self.unread.remove(&subject);
            match (line.level, before) {
                (Level::Ready, None) => {}
                (Level::Ready, Some(_)) if may => {
                    self.levels.remove(&subject);
                    news.better.push(subject);
                }
                (Level::Ready, Some(_)) => news.is_held = true,
                // That it never served is no news.
                (Level::NotKnown, _) if subject == Subject::Time => {}
                (Level::NotKnown, Some(_)) => {}
                (Level::NotKnown, None) if !was_unread => {
                    self.unread.insert(subject);
                    news.is_unread = true;
                }
                (level, Some(before)) if level <= before => {
                    self.levels.insert(subject, level);
                }
                (level, _) if may || line.affects_production => {
                    self.levels.insert(subject, level);
                    news.worse.push(line.clone());
                }
                (level, _) => {
                    if level == Level::NotKnown {
                        self.unread.insert(subject);
                    }
                    news.is_held = true;
                }
            }
        }
        news
    }
}
