//! What people say of an incident: what is broken, how badly, and for whom.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use super::Measure;
use crate::incident::Severity;

/// Something that is broken, by the word that people type for it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
pub enum Symptom {
    /// Nobody can reach it.
    Down,
    /// It does not start.
    Crash,
    /// It cannot reach its database.
    Database,
    /// People cannot sign in.
    #[strum(to_string = "login", serialize = "auth", serialize = "authentication")]
    Login,
    /// People cannot pay.
    #[strum(to_string = "payments", serialize = "payment")]
    Payments,
    /// Something that everybody comes for cannot be done to its end.
    Workflow,
    /// A bug of the first order, of whatever kind.
    Bug,
    /// A feature that many use is broken.
    Feature,
    /// A feature behind a flag is broken.
    Flag,
    /// A feature that few use, or for which there is another way, is broken.
    Minor,
    /// It looks wrong and works.
    Cosmetic,
    /// An API answers with errors.
    Api,
    /// It is slow.
    #[strum(to_string = "slow", serialize = "performance")]
    Slow,
    /// Data is wrong, or lost.
    Data,
    /// A migration of the database failed.
    Migration,
    /// It can be attacked, or was.
    Security,
}

impl Symptom {
    /// Every symptom, in the order in which a form asks for them.
    pub const ALL: &'static [Symptom] = Self::VARIANTS;

    /// The word for it.
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// What is the case, as a clause: *people cannot sign in*.
    pub fn clause(self) -> &'static str {
        match self {
            Symptom::Down => "it is down",
            Symptom::Crash => "it does not start",
            Symptom::Database => "it cannot reach its database",
            Symptom::Login => "people cannot sign in",
            Symptom::Payments => "people cannot pay",
            Symptom::Workflow => "a core workflow is broken",
            Symptom::Bug => "there is a critical bug",
            Symptom::Feature => "a major feature is broken",
            Symptom::Flag => "a feature behind a flag is broken",
            Symptom::Minor => "a minor feature is broken",
            Symptom::Cosmetic => "it looks wrong and works",
            Symptom::Api => "the API answers with errors",
            Symptom::Slow => "it is slow",
            Symptom::Data => "data is wrong or lost",
            Symptom::Migration => "a database migration failed",
            Symptom::Security => "there is a security hole",
        }
    }
}

/// A share or a change in hundredths of a percent: 625 is 6.25 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(pub(super) u32);

impl Percent {
    /// The largest one: a hundred times as slow.
    pub const MAX: Percent = Percent(1_000_000);

    /// So many hundredths of a percent, up to [`Percent::MAX`].
    pub fn of_hundredths(hundredths: u32) -> Self {
        Percent(hundredths.min(Self::MAX.0))
    }

    /// How many hundredths of a percent it is.
    pub fn hundredths(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match (rest, rest % 10) {
            (0, _) => write!(f, "{whole}"),
            (_, 0) => write!(f, "{whole}.{}", rest / 10),
            (..) => write!(f, "{whole}.{rest:02}"),
        }
    }
}

impl FromStr for Percent {
    type Err = ();

    /// Reads `6`, `6.25`, `6,25` and each of them with a `%` behind it.
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.strip_suffix('%').unwrap_or(text).trim();
        let (whole, rest) = text.split_once(['.', ',']).unwrap_or((text, "0"));
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_digit());
        if !digits(whole) || !digits(rest) || whole.len() > 5 || rest.len() > 2 {
            return Err(());
        }
        let whole: u32 = whole.parse().map_err(|_| ())?;
        let hundredths: u32 = format!("{rest:0<2}").parse().map_err(|_| ())?;
        let percent = Percent(whole * 100 + hundredths);
        (percent <= Self::MAX).then_some(percent).ok_or(())
    }
}

/// What people say of an incident. Whatever is `None` was not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Symptoms {
    /// How severe it is.
    pub severity: Option<Severity>,
    /// What is broken; an empty set says that nothing of it is.
    pub broken: Option<BTreeSet<Symptom>>,
    /// The share of requests that fail.
    pub error_rate: Option<Percent>,
    /// The share of users who are affected.
    pub users: Option<Percent>,
    /// By how much answers are slower than before.
    pub slower: Option<Percent>,
    /// Whether people can do what they want in another way.
    pub workaround: Option<bool>,
}

impl Symptoms {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Symptoms::default()
    }

    /// What was said, a clause each: *people cannot pay*, *6 % of requests fail*.
    pub fn clauses(&self) -> Vec<String> {
        let Symptoms {
            severity,
            broken,
            error_rate,
            users,
            slower,
            workaround,
        } = self;
        let mut clauses = vec![];
        clauses.extend(severity.map(|severity| format!("the incident is {severity}")));
        match broken {
            Some(broken) if broken.is_empty() => {
                clauses.push("nothing is known to be broken".into())
            }
            Some(broken) => clauses.extend(broken.iter().map(|symptom| symptom.clause().into())),
            None => {}
        }
        clauses.extend(error_rate.map(|rate| Measure::ErrorRate.clause(rate)));
        clauses.extend(users.map(|users| Measure::Users.clause(users)));
        clauses.extend(slower.map(|slower| Measure::Slower.clause(slower)));
        clauses.extend(workaround.map(|there_is| match there_is {
            true => "there is a workaround".to_owned(),
            false => "there is no workaround".to_owned(),
        }));
        clauses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_read_as_people_write_them() {
        for (text, hundredths, printed) in [
            ("6", 600, "6"),
            ("6%", 600, "6"),
            ("6 %", 600, "6"),
            ("6.2%", 620, "6.2"),
            ("0,05", 5, "0.05"),
            ("10000", 1_000_000, "10000"),
        ] {
            let percent: Percent = text.parse().expect(text);
            assert_eq!(percent.hundredths(), hundredths, "{text}");
            assert_eq!(percent.to_string(), printed);
            assert_eq!(printed.parse(), Ok(percent));
        }
        for text in [
            "", "%", "-1", "1.234", "10000.01", "99999", "1e3", ".5", "5.", "NaN",
        ] {
            assert_eq!(text.parse::<Percent>(), Err(()), "{text}");
        }
    }
}
