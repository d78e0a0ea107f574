//! Points in time as people write them: `-45m`, `02:40`, `2026-01-21T02:40Z`.

use std::fmt;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::Offset};
use serde::{Deserialize, Serialize};

use super::{
    misread::Misread,
    words::{Words, bare},
};

/// The furthest that `-45m` may reach back, in seconds: a year.
pub(super) const LONGEST_AGO: i64 = 366 * 24 * 60 * 60;

/// A point in time as people say it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// So long before now: `-45m`.
    Ago {
        /// The distance from now, in seconds.
        seconds: i64,
    },
    /// The last time a clock on the person's wall showed this: `02:40`.
    Clock {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
        /// 0 to 59.
        second: u8,
    },
    /// An instant: `2026-01-21T02:40Z`.
    Exact(Timestamp),
}

impl Moment {
    /// The instant that was meant by somebody whose clock is `utc_offset_seconds` ahead of UTC:
    /// a time of day is its latest occurrence that is not after `now`.
    pub fn resolve(&self, now: Timestamp, utc_offset_seconds: i32) -> Timestamp {
        const DAY: i64 = 24 * 60 * 60;
        match *self {
            Moment::Ago { seconds } => now
                .checked_sub(SignedDuration::from_secs(seconds.max(0)))
                .unwrap_or(Timestamp::MIN),
            Moment::Clock {
                hour,
                minute,
                second,
            } => {
                let offset = i64::from(utc_offset_seconds);
                let local = now.as_second() - i64::from(now.subsec_nanosecond() < 0) + offset;
                let midnight = local - local.rem_euclid(DAY);
                let today =
                    midnight + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
                let latest = if today > local { today - DAY } else { today };
                Timestamp::from_second(latest - offset).unwrap_or(now)
            }
            Moment::Exact(instant) => instant,
        }
    }

    /// Reads a word without the `@` before it.
    pub(super) fn parse(word: &str) -> Result<Self, Misread> {
        let moment = if let Some(ago) = word.strip_prefix('-') {
            seconds(ago).map(|seconds| Moment::Ago { seconds })
        } else if word.contains(['T', 't']) {
            exact(word)
        } else {
            clock(word)
        };
        moment.ok_or_else(|| Misread::BadMoment {
            word: word.to_owned(),
        })
    }
}

/// Whether a word can only be meant as a time, even if it is none: `-5x`, `25:99`, `2026-01-21`.
pub(super) fn is_like_a_moment(word: &str) -> bool {
    let word = bare(word);
    let time = word.strip_prefix('@').unwrap_or(word);
    let is_digit = |at: usize| time.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let is_ago = time.starts_with('-') && is_digit(1);
    let is_clock =
        is_digit(0) && time.contains(':') && time.bytes().all(|b| b.is_ascii_digit() || b == b':');
    let is_date = (0..4).all(is_digit)
        && time.get(4..5) == Some("-")
        && (5..7).all(is_digit)
        && time.get(7..8) == Some("-")
        && (8..10).all(is_digit);
    is_ago || is_clock || is_date || (word.starts_with('@') && is_digit(0))
}

/// `45m` in seconds.
fn seconds(ago: &str) -> Option<i64> {
    let at = ago.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = ago.split_at(at);
    let unit = match unit {
        "s" | "S" => 1,
        "m" | "M" => 60,
        "h" | "H" => 3600,
        _ => return None,
    };
    let seconds = count.parse::<i64>().ok()?.checked_mul(unit)?;
    (seconds <= LONGEST_AGO).then_some(seconds)
}

/// `2026-01-21T02:40Z` or `2026-01-21T02:40:10+02:00`, without the brackets that may name a zone.
fn exact(word: &str) -> Option<Moment> {
    let is_plain = word
        .bytes()
        .all(|b| b.is_ascii_digit() || b"-+:.TtZz".contains(&b));
    if is_plain {
        word.parse().ok().map(Moment::Exact)
    } else {
        None
    }
}

/// `2:40`, `02:40` or `02:40:10`.
fn clock(word: &str) -> Option<Moment> {
    let mut parts = word.split(':');
    let mut part = |shortest: usize, below: u8| {
        let part = parts.next()?;
        let fits = (shortest..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u8>()
            .ok()
            .filter(|value| fits && *value < below)
    };
    let (hour, minute) = (part(1, 24)?, part(2, 60)?);
    let second = if word.matches(':').count() == 1 {
        0
    } else {
        part(2, 60)?
    };
    parts.next().is_none().then_some(Moment::Clock {
        hour,
        minute,
        second,
    })
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::Ago { seconds } => match (*seconds).max(0) {
                0 => f.write_str("-0s"),
                seconds if seconds % 3600 == 0 => write!(f, "-{}h", seconds / 3600),
                seconds if seconds % 60 == 0 => write!(f, "-{}m", seconds / 60),
                seconds => write!(f, "-{seconds}s"),
            },
            Moment::Clock {
                hour,
                minute,
                second: 0,
            } => write!(f, "{hour:02}:{minute:02}"),
            Moment::Clock {
                hour,
                minute,
                second,
            } => write!(f, "{hour:02}:{minute:02}:{second:02}"),
            Moment::Exact(instant) => write!(f, "{instant}"),
        }
    }
}

/// When something happened, as people say it: a moment, or a time of day on a day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// A moment: `-5m`, `03:07`.
    Moment(Moment),
    /// A time of day by the clock on the person's wall: `yesterday 23:50`, `2026-03-13 23:50`.
    OnDay {
        /// Which day.
        day: Day,
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
        /// 0 to 59.
        second: u8,
    },
}

/// A day as people say it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Day {
    /// The day before this one.
    Yesterday,
    /// A date.
    Date(Date),
}

impl When {
    /// Reads a time at the start of the words; `None`: they begin with something else.
    pub(super) fn read(words: &mut Words<'_>) -> Option<Result<Self, Misread>> {
        let first = words.peek()?;
        let word = bare(first);
        let day = match word.strip_prefix('@').unwrap_or(word) {
            day if day.eq_ignore_ascii_case("yesterday") => Some(Day::Yesterday),
            day => day
                .parse()
                .ok()
                .filter(|_| is_like_a_moment(day))
                .map(Day::Date),
        };
        if let Some(day) = day {
            let mut after = words.clone();
            after.next();
            let time = after.next().map(bare).map(clock);
            if let Some(Some(Moment::Clock {
                hour,
                minute,
                second,
            })) = time
            {
                *words = after;
                return Some(Ok(When::OnDay {
                    day,
                    hour,
                    minute,
                    second,
                }));
            }
        }
        if !is_like_a_moment(first) {
            return None;
        }
        words.next();
        Some(Moment::parse(word.trim_start_matches('@')).map(When::Moment))
    }

    /// Whether it depends on the clock on the person's wall.
    pub fn is_by_the_wall(&self) -> bool {
        match self {
            When::Moment(Moment::Clock { .. }) | When::OnDay { .. } => true,
            When::Moment(Moment::Ago { .. } | Moment::Exact(_)) => false,
        }
    }

    /// The instant that was meant by somebody whose clock is `utc_offset_seconds` ahead of UTC.
    pub fn resolve(&self, now: Timestamp, utc_offset_seconds: i32) -> Timestamp {
        let (day, hour, minute, second) = match self {
            When::Moment(moment) => return moment.resolve(now, utc_offset_seconds),
            When::OnDay {
                day,
                hour,
                minute,
                second,
            } => (day, *hour, *minute, *second),
        };
        let offset = Offset::from_seconds(utc_offset_seconds).unwrap_or(Offset::UTC);
        let date = match day {
            Day::Yesterday => {
                let today = offset.to_datetime(now).date();
                today.yesterday().unwrap_or(today)
            }
            Day::Date(date) => *date,
        };
        let parts = [hour, minute, second].map(|part| i8::try_from(part).unwrap_or_default());
        let [hour, minute, second] = parts;
        let on_the_wall = date.at(hour, minute, second, 0);
        offset.to_timestamp(on_the_wall).unwrap_or(now)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            When::Moment(moment) => write!(f, "{moment}"),
            When::OnDay {
                day,
                hour,
                minute,
                second,
            } => {
                match day {
                    Day::Yesterday => f.write_str("yesterday ")?,
                    Day::Date(date) => write!(f, "{date} ")?,
                }
                let (hour, minute, second) = (*hour, *minute, *second);
                let clock = Moment::Clock {
                    hour,
                    minute,
                    second,
                };
                write!(f, "{clock}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::samples::{ago, clock, instant};

    #[test]
    fn a_moment_is_read() {
        for (word, moment) in [
            ("-45m", ago(2_700)),
            ("-90S", ago(90)),
            ("-0h", ago(0)),
            ("2:40", clock(2, 40, 0)),
            ("02:40:10", clock(2, 40, 10)),
            (
                "2026-01-21T02:40:10+02:00",
                Moment::Exact(instant("2026-01-21T00:40:10Z")),
            ),
        ] {
            assert_eq!(Moment::parse(word), Ok(moment.clone()), "{word}");
            assert_eq!(Moment::parse(&moment.to_string()), Ok(moment), "{word}");
        }
        for word in [
            "",
            "-5",
            "-5x",
            "-99999999999999999999h",
            "-9000h",
            "3:7",
            "25:00",
            "02:40:10:00",
            "monday",
            "2026-01-21",
            "2026-01-21T02:40",
            "2026-01-21T02:40Z[UTC]",
        ] {
            let bad = Misread::BadMoment { word: word.into() };
            assert_eq!(Moment::parse(word), Err(bad), "{word}");
        }
    }

    #[test]
    fn a_word_that_can_only_be_a_time() {
        for word in ["-5x", "25:99", "@25", "2026-01-21", "@-5m", "02:40,"] {
            assert!(is_like_a_moment(word), "{word}");
        }
        for word in ["-x", "v2", "41", "@production", "2026", "sha256:0f", ""] {
            assert!(!is_like_a_moment(word), "{word}");
        }
    }

    #[test]
    fn a_moment_is_the_latest_of_its_kind() {
        let now = instant("2026-01-21T03:12:12.5Z");
        for (moment, offset, meant) in [
            (ago(2700), 0, "2026-01-21T02:27:12.5Z"),
            (ago(-5), 0, "2026-01-21T03:12:12.5Z"),
            (ago(i64::MAX), 0, "-009999-01-02T01:59:59Z"),
            (clock(2, 40, 0), 0, "2026-01-21T02:40:00Z"),
            (clock(3, 12, 12), 0, "2026-01-21T03:12:12Z"),
            (clock(3, 12, 13), 0, "2026-01-20T03:12:13Z"),
            (clock(23, 0, 0), 0, "2026-01-20T23:00:00Z"),
            (clock(2, 40, 0), 3600, "2026-01-21T01:40:00Z"),
            (clock(22, 0, 0), -5 * 3600, "2026-01-21T03:00:00Z"),
            (clock(22, 30, 0), -5 * 3600, "2026-01-20T03:30:00Z"),
            (
                Moment::Exact(instant("2030-01-01T00:00Z")),
                60,
                "2030-01-01T00:00:00Z",
            ),
        ] {
            assert_eq!(
                moment.resolve(now, offset).to_string(),
                meant,
                "{moment} at {offset}"
            );
        }
        let old = instant("1969-12-31T23:59:59.5Z");
        assert_eq!(
            clock(23, 59, 59).resolve(old, 0),
            instant("1969-12-31T23:59:59Z")
        );
    }

    #[test]
    fn a_time_on_another_day_is_by_the_clock_on_the_wall() {
        fn read(text: &str) -> Option<When> {
            let mut words = Words::new(text);
            let when = When::read(&mut words)?.expect("a time");
            assert_eq!(words.rest, "it fell");
            Some(when)
        }
        let now = instant("2026-01-21T03:12:12Z");
        let berlin = 3600;
        for (text, offset, meant) in [
            ("yesterday 23:50 it fell", 0, "2026-01-20T23:50:00Z"),
            ("Yesterday, 23:50: it fell", berlin, "2026-01-20T22:50:00Z"),
            // Their yesterday ended nine hours ago, and began before ours.
            ("yesterday 23:50 it fell", 9 * 3600, "2026-01-20T14:50:00Z"),
            ("yesterday 23:50 it fell", -5 * 3600, "2026-01-20T04:50:00Z"),
            (
                "2026-01-19 08:00:01 it fell",
                berlin,
                "2026-01-19T07:00:01Z",
            ),
            ("03:07 it fell", berlin, "2026-01-21T02:07:00Z"),
            ("-5m it fell", berlin, "2026-01-21T03:07:12Z"),
        ] {
            let when = read(text).expect("a time");
            assert_eq!(when.resolve(now, offset).to_string(), meant, "{text}");
            assert_eq!(read(&format!("{when} it fell")), Some(when), "{text}");
        }
        for text in ["yesterday it fell", "yesterday", "it fell", ""] {
            assert!(When::read(&mut Words::new(text)).is_none(), "{text}");
        }
    }
}
