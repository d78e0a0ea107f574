//! A quarter of a year, as people write it: `2026-Q4`.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A quarter of a year, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quarter {
    /// The year.
    year: i16,
    /// 1 to 4.
    quarter: i8,
}

impl Quarter {
    /// The one in which a moment is.
    pub fn of(at: Timestamp) -> Quarter {
        let day = at.to_zoned(TimeZone::UTC).date();
        Quarter {
            year: day.year(),
            quarter: (day.month() - 1) / 3 + 1,
        }
    }

    /// Its first moment.
    pub fn begins(self) -> Timestamp {
        moment(Date::new(self.year, (self.quarter - 1) * 3 + 1, 1).ok())
    }

    /// The first moment after it.
    pub fn ends(self) -> Timestamp {
        let first = Date::new(self.year, (self.quarter - 1) * 3 + 1, 1).ok();
        moment(first.and_then(|first| first.checked_add(3.months()).ok()))
    }
}

fn moment(day: Option<Date>) -> Timestamp {
    let zoned = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// What is not a quarter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a quarter, such as 2026-Q4")]
pub struct NotAQuarter;

impl FromStr for Quarter {
    type Err = NotAQuarter;

    fn from_str(text: &str) -> Result<Self, NotAQuarter> {
        let (year, quarter) = text.split_once('-').ok_or(NotAQuarter)?;
        let quarter = quarter.strip_prefix(['Q', 'q']).ok_or(NotAQuarter)?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !(year.len() == 4 && quarter.len() == 1 && digits(year) && digits(quarter)) {
            return Err(NotAQuarter);
        }
        let (year, quarter) = (year.parse().ok(), quarter.parse().ok());
        let quarter = quarter.filter(|quarter| (1..=4).contains(quarter));
        Ok(Quarter {
            year: year.ok_or(NotAQuarter)?,
            quarter: quarter.ok_or(NotAQuarter)?,
        })
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-Q{}", self.year, self.quarter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_is_three_months() {
        let read = |text: &str| text.parse::<Quarter>();
        let shown = read("2026-q4").map(|quarter| {
            (
                quarter.to_string(),
                quarter.begins().to_string(),
                quarter.ends().to_string(),
            )
        });
        let expected = ("2026-Q4", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z");
        let expected = (expected.0.into(), expected.1.into(), expected.2.into());
        assert_eq!(shown, Ok(expected));
        for text in [
            "2026-Q5", "2026-Q0", "Q4", "2026Q4", "26-Q4", "2026-Q44", "+026-Q4",
        ] {
            assert_eq!(read(text), Err(NotAQuarter), "{text}");
        }
        let at = read("2026-Q1").map(Quarter::begins);
        assert_eq!(at.map(Quarter::of), read("2026-Q1"));
    }
}
