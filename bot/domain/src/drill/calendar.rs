//! When drills are held, as people write it: `monthly last friday 14:00 Europe/Berlin`.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time, Weekday},
    tz::{AmbiguousOffset, TimeZone},
};
use std::{fmt, str::FromStr};

/// A text as it can be written.
const EXAMPLE: &str = "\"monthly last friday 14:00 Europe/Berlin\"";

/// Days on which drills are held, at a time of day by the clock of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    every: Every,
    which: Which,
    weekday: Weekday,
    time: Time,
    zone: TimeZone,
    zone_name: String,
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
enum Every {
    Monthly,
    Quarterly,
}

/// Which of the weekdays of its month; of a quarter, the last one is in its last month and each other
/// one in its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
enum Which {
    First,
    Second,
    Third,
    Fourth,
    Last,
}

/// What a change of the clocks does to a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// There is no such time on that day: the drill is as much later as the clocks were put forward.
    Never,
    /// There are two: the drill is at the first.
    Twice,
}

impl FromStr for Calendar {
    /// What is wrong with it, as a clause.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [every, which, weekday, time, zone_name] = words.as_slice() else {
            return Err(format!(
                "{text:?} is not five words; write it like {EXAMPLE}"
            ));
        };
        let (every, which) = (every.to_lowercase(), which.to_lowercase());
        let zone = TimeZone::get(zone_name).map_err(|_| {
            format!("there is no time zone {zone_name:?}; write one like \"Europe/Berlin\", or UTC")
        })?;
        Ok(Calendar {
            every: every.parse().map_err(|_| {
                format!("{every:?} is neither monthly nor quarterly; write it like {EXAMPLE}")
            })?,
            which: which.parse().map_err(|_| {
                format!(
                    "{which:?} is not first, second, third, fourth or last; write it like {EXAMPLE}"
                )
            })?,
            weekday: weekday_named(&weekday.to_lowercase())
                .ok_or_else(|| format!("{weekday:?} is no weekday; write it like {EXAMPLE}"))?,
            time: Time::strptime("%H:%M", time)
                .map_err(|_| format!("{time:?} is no time of day; write one like \"14:00\""))?,
            zone,
            zone_name: (*zone_name).to_owned(),
        })
    }
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

fn weekday_named(name: &str) -> Option<Weekday> {
    let mut known = WEEKDAYS.into_iter();
    known.find_map(|(known, weekday)| (known == name).then_some(weekday))
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut known = WEEKDAYS.into_iter();
        let weekday = known.find(|(_, weekday)| *weekday == self.weekday);
        let weekday = weekday.map_or("", |(name, _)| name);
        let time = self.time.strftime("%H:%M");
        let Calendar {
            every,
            which,
            zone_name,
            ..
        } = self;
        write!(f, "{every} {which} {weekday} {time} {zone_name}")
    }
}

impl Calendar {
    /// The first drill after a moment; `None`: there is none before the end of time.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let today = after.to_zoned(self.zone.clone()).date();
        // The one of this month may be over, and that of a quarter three months away.
        let mut months = (0..=3).filter_map(|months| self.in_month(today, months));
        months.find(|at| *at > after)
    }

    /// The last drill up to a moment; `None`: there is none after the beginning of time.
    pub fn last(&self, until: Timestamp) -> Option<Timestamp> {
        let today = until.to_zoned(self.zone.clone()).date();
        let mut months = (0..=3).filter_map(|months| self.in_month(today, -months));
        months.find(|at| *at <= until)
    }

    /// The drill of the month that is so many months from the month of `day`; `None`: that month
    /// has none.
    fn in_month(&self, day: Date, months: i64) -> Option<Timestamp> {
        let month = day.first_of_month().checked_add(months.months()).ok()?;
        let day = self.day_in(month)?;
        let at = self.zone.to_ambiguous_timestamp(day.to_datetime(self.time));
        at.compatible().ok()
    }

    fn day_in(&self, month: Date) -> Option<Date> {
        let of_quarter = match self.which {
            Which::Last => 0,
            Which::First | Which::Second | Which::Third | Which::Fourth => 1,
        };
        match self.every {
            Every::Quarterly if month.month() % 3 != of_quarter => return None,
            Every::Monthly | Every::Quarterly => {}
        }
        let nth = match self.which {
            Which::First => 1,
            Which::Second => 2,
            Which::Third => 3,
            Which::Fourth => 4,
            Which::Last => -1,
        };
        month.nth_weekday_of_month(nth, self.weekday).ok()
    }

    /// The days within two years from `now` on which a change of the clocks moves the drill.
    pub fn odd(&self, now: Timestamp) -> Vec<(Date, Odd)> {
        let today = now.to_zoned(self.zone.clone()).date();
        let months = (0..24_i64).filter_map(|months| {
            let month = today.first_of_month().checked_add(months.months()).ok()?;
            let day = self.day_in(month)?;
            let at = self.zone.to_ambiguous_timestamp(day.to_datetime(self.time));
            match at.offset() {
                AmbiguousOffset::Unambiguous { .. } => None,
                AmbiguousOffset::Gap { .. } => Some((day, Odd::Never)),
                AmbiguousOffset::Fold { .. } => Some((day, Odd::Twice)),
            }
        });
        months.collect()
    }

    /// A moment by the clock of its zone: `2026-12-25 14:00 CET`.
    pub fn show(&self, at: Timestamp) -> String {
        let at = at.to_zoned(self.zone.clone());
        at.strftime("%Y-%m-%d %H:%M %Z").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(text: &str) -> Calendar {
        text.parse().unwrap_or_else(|why| panic!("{why}"))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_last_friday_of_each_month_by_the_clock_of_berlin() {
        let calendar = calendar("Monthly last Friday 14:00 Europe/Berlin");
        assert_eq!(
            calendar.to_string(),
            "monthly last friday 14:00 Europe/Berlin"
        );
        // 14:00 is 13:00 in winter and 12:00 in summer.
        let mut now = at("2026-02-27T13:00:00Z");
        assert_eq!(calendar.last(now), Some(now), "it is that moment");
        let mut held = vec![];
        for _ in 0..3 {
            now = calendar.next(now).unwrap_or(Timestamp::MAX);
            held.push(now.to_string());
        }
        assert_eq!(
            held,
            [
                "2026-03-27T13:00:00Z",
                "2026-04-24T12:00:00Z",
                "2026-05-29T12:00:00Z"
            ]
        );
        assert_eq!(calendar.show(now), "2026-05-29 14:00 CEST");
    }

    #[test]
    fn a_quarter_has_one_in_its_last_month_or_in_its_first() {
        let last = calendar("quarterly last friday 14:00 UTC");
        let first = calendar("quarterly first monday 10:00 UTC");
        let now = at("2026-10-10T00:00:00Z");
        let shown = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        assert_eq!(shown(last.next(now)), "2026-12-25T14:00:00Z");
        assert_eq!(shown(last.last(now)), "2026-09-25T14:00:00Z");
        assert_eq!(shown(first.next(now)), "2027-01-04T10:00:00Z");
        assert_eq!(shown(first.last(now)), "2026-10-05T10:00:00Z");
    }

    #[test]
    fn what_changes_of_the_clocks_do_is_known_before() {
        let spring = calendar("monthly last sunday 02:30 Europe/Berlin");
        let now = at("2026-01-01T00:00:00Z");
        let odd: Vec<(String, Odd)> = spring
            .odd(now)
            .into_iter()
            .map(|(day, odd)| (day.to_string(), odd))
            .take(2)
            .collect();
        assert_eq!(
            odd,
            [
                ("2026-03-29".to_owned(), Odd::Never),
                ("2026-10-25".to_owned(), Odd::Twice)
            ]
        );
        let never = spring.next(at("2026-03-20T00:00:00Z"));
        assert_eq!(
            never.map(|at| spring.show(at)),
            Some("2026-03-29 03:30 CEST".into())
        );
        let twice = spring.next(at("2026-10-20T00:00:00Z"));
        assert_eq!(twice, Some(at("2026-10-25T00:30:00Z")), "the first of two");
        let afternoon = calendar("monthly last sunday 14:00 Europe/Berlin");
        assert_eq!(afternoon.odd(now), []);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, why) in [
            ("monthly", "is not five words"),
            (
                "weekly last friday 14:00 UTC",
                "neither monthly nor quarterly",
            ),
            ("monthly fifth friday 14:00 UTC", "is not first, second"),
            ("monthly last freitag 14:00 UTC", "is no weekday"),
            ("monthly last friday 25:00 UTC", "is no time of day"),
            (
                "monthly last friday 14:00 Europe/Bonn",
                "there is no time zone \"Europe/Bonn\"",
            ),
        ] {
            let read: Result<Calendar, String> = text.parse();
            let wrong = read.err().unwrap_or_default();
            assert!(wrong.contains(why), "{text}: {wrong}");
        }
    }
}
