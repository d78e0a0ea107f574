//! `pins`: where automatic deploys are off; `pins snooze frontend 2d`: be reminded of one later.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::{Misread, excerpt},
    subjects::{ServiceRef, expect_end},
    words::{Words, bare},
};

/// The shortest time that a reminder can be put off, in hours.
const SHORTEST: u32 = 1;
/// The longest, in hours: two weeks.
const LONGEST: u32 = 14 * 24;

/// Shows where automatic deploys are off, or puts the reminder of one such place off.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pins {
    /// Shows where automatic deploys are off.
    List,
    /// Puts a reminder off.
    Snooze {
        /// The service.
        service: ServiceRef,
        /// For how many hours from now.
        hours: u32,
    },
}

pub(super) const SPEC: Spec = Spec {
    words: &["pins"],
    takes: Takes::Nothing,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`pins`",
        meaning: "where automatic deploys are held off",
    },
    help: &[
        "`pins`: where automatic deploys are held off, so that a bad release does not come back by itself.",
        "`pins snooze frontend 2d`: remind of it later; from an hour (`1h`) to two weeks (`14d`).",
        "`unpin frontend` lets them flow again.",
    ],
};

impl Pins {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let is_snooze = words.peek().map(bare);
        if !is_snooze.is_some_and(|word| word.eq_ignore_ascii_case("snooze")) {
            expect_end(Verb::Pins, None, &words)?;
            return Ok(Pins::List);
        }
        words.next();
        let Some(word) = words.next() else {
            return Err(misread(
                "Nothing was changed, because no service was named: write, for example, `pins snooze frontend 2d`.".into(),
            ));
        };
        let service = ServiceRef::parse(Verb::Pins, Some(word))?;
        let time = words.next().map(bare).unwrap_or_default();
        let hours = hours(time).filter(|hours| (SHORTEST..=LONGEST).contains(hours));
        let hours = hours.ok_or_else(|| no_time(&service, time))?;
        expect_end(Verb::Pins, None, &words)?;
        Ok(Pins::Snooze { service, hours })
    }
}

/// `36h` or `2d` in hours.
fn hours(time: &str) -> Option<u32> {
    let unit = time.chars().last()?;
    let count = time.strip_suffix(unit)?;
    let is_plain = count.bytes().all(|byte| byte.is_ascii_digit());
    let count: u32 = count.parse().ok().filter(|_| is_plain)?;
    match unit {
        'h' | 'H' => Some(count),
        'd' | 'D' => count.checked_mul(24),
        _ => None,
    }
}

fn misread(sentence: String) -> Misread {
    Misread::BadArgument {
        verb: Verb::Pins,
        sentence,
    }
}

fn no_time(service: &ServiceRef, time: &str) -> Misread {
    let why = match time.is_empty() {
        true => "it was not said for how long".to_owned(),
        false => format!(
            "\"{}\" is no time from one hour to two weeks",
            excerpt(time)
        ),
    };
    misread(format!(
        "Nothing was changed, because {why}: write, for example, `pins snooze {service} 2d` or `pins snooze {service} 12h`."
    ))
}

impl fmt::Display for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pins::List => write!(f, "{}", Verb::Pins),
            Pins::Snooze { service, hours } if hours % 24 == 0 => {
                write!(f, "{} snooze {service} {}d", Verb::Pins, hours / 24)
            }
            Pins::Snooze { service, hours } => {
                write!(f, "{} snooze {service} {hours}h", Verb::Pins)
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_service, at, misreads, not_a_name, reads, reserved, trailing},
    };

    pub fn any() -> impl Strategy<Value = Pins> {
        prop_oneof![
            Just(Pins::List),
            (any_service(), SHORTEST..=LONGEST)
                .prop_map(|(service, hours)| Pins::Snooze { service, hours }),
        ]
    }

    fn snooze(service: &str, hours: u32) -> Request {
        Request::Pins(Pins::Snooze {
            service: at(service),
            hours,
        })
    }

    #[test]
    fn asking_for_pins() {
        reads([
            ("pins", Request::Pins(Pins::List)),
            ("Pins.", Request::Pins(Pins::List)),
        ]);
        misreads([("pins frontend", trailing("frontend", &[]))]);
    }

    #[test]
    fn putting_a_reminder_off() {
        reads([
            ("pins snooze frontend 2d", snooze("frontend", 48)),
            (
                "pins Snooze frontend@production 36H.",
                snooze("frontend@production", 36),
            ),
            ("pins snooze frontend 1h", snooze("frontend", 1)),
            ("pins snooze frontend 14d", snooze("frontend", 336)),
        ]);
        misreads([
            ("pins snooze pins 2d", reserved("pins")),
            ("pins snooze RB-41 2d", not_a_name("rb-41")),
            ("pins snooze frontend 2d please", trailing("please", &[])),
        ]);
        for (text, why) in [
            ("pins snooze", "no service was named"),
            ("pins snooze frontend", "it was not said for how long"),
            ("pins snooze frontend 0h", "\"0h\" is no time"),
            ("pins snooze frontend 15d", "\"15d\" is no time"),
            ("pins snooze frontend 99999999d", "is no time"),
            ("pins snooze frontend -2d", "is no time"),
            ("pins snooze frontend 30m", "is no time"),
            ("pins snooze frontend soon", "is no time"),
        ] {
            let misread = crate::grammar::parse(text).unwrap_err().to_string();
            assert!(misread.contains(why), "{text}: {misread}");
        }
    }
}
