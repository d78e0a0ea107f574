//! What things are called: the numbers of rollbacks and incidents, and the name of a service.
//!
//! This is the one place that knows how they are written; everywhere else they print themselves.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The number of a rollback, which is written `RB-41`, or of a drill, which is written `DR-7`.
///
/// Each begins at 1 and counts on without holes. It is stored as a number, which is negative for a
/// drill: so nothing that looks for rollbacks finds one by accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RollbackId(i64);

impl RollbackId {
    /// The highest number there can be.
    pub const LAST: u64 = i64::MAX.cast_unsigned();

    /// The rollback with this number, at most [`RollbackId::LAST`].
    pub const fn new(number: u64) -> Self {
        RollbackId(number.cast_signed())
    }

    /// The drill with this number, at most [`RollbackId::LAST`].
    pub const fn drill(number: u64) -> Self {
        RollbackId(-number.cast_signed())
    }

    /// The one that is stored as this.
    pub const fn stored(number: i64) -> Self {
        RollbackId(number)
    }

    /// As it is stored: negative for a drill.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// Whether it is a drill.
    pub const fn is_drill(self) -> bool {
        self.0 < 0
    }

    /// What its number is written with: `RB-` or `DR-`.
    pub const PREFIXES: [&'static str; 2] = ["RB-", "DR-"];
}

impl fmt::Display for RollbackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rollback, drill] = RollbackId::PREFIXES;
        let prefix = if self.is_drill() { drill } else { rollback };
        write!(f, "{prefix}{}", self.0.unsigned_abs())
    }
}

/// What is not the name of a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the number of a rollback, such as RB-41, or of a drill, such as DR-7")]
pub struct NotARollback;

impl FromStr for RollbackId {
    type Err = NotARollback;

    /// Reads what [`fmt::Display`] writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, NotARollback> {
        let [rollback, drill] = RollbackId::PREFIXES.map(|prefix| text.strip_prefix(prefix));
        let id = match (rollback, drill) {
            (Some(digits), _) => number(digits).map(RollbackId::new),
            (None, Some(digits)) => number(digits).map(RollbackId::drill),
            (None, None) => None,
        };
        id.ok_or(NotARollback)
    }
}

/// A number that can be stored, in digits.
fn number(digits: &str) -> Option<u64> {
    let is_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| is_digits)?;
    (number <= RollbackId::LAST).then_some(number)
}

/// The number of an incident, which is written `INC-7`, or of the record of a drill, which is
/// written like the drill itself: `DR-7`.
///
/// It begins at 1, counts on without holes, and is stored as a number. The record of a drill has
/// the number of the drill, which is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(i64);

impl IncidentId {
    /// The incident with this number.
    pub const fn new(number: i64) -> Self {
        IncidentId(number)
    }

    /// The record of a drill; `None`: it is a rollback, whose record is its channel's incident.
    pub fn of_drill(rollback: RollbackId) -> Option<Self> {
        rollback.is_drill().then_some(IncidentId(rollback.0))
    }

    /// The drill whose record this is; `None`: it is an incident.
    pub fn drill(self) -> Option<RollbackId> {
        let id = RollbackId(self.0);
        id.is_drill().then_some(id)
    }

    /// The bare number, as it is stored.
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.drill() {
            Some(drill) => write!(f, "{drill}"),
            None => write!(f, "INC-{}", self.0),
        }
    }
}

/// What is not the name of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the number of an incident, such as INC-12")]
pub struct NotAnIncident;

impl FromStr for IncidentId {
    type Err = NotAnIncident;

    /// Reads what [`fmt::Display`] writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, NotAnIncident> {
        let incident = text.strip_prefix("INC-").and_then(number);
        let drill = text.parse().ok().and_then(IncidentId::of_drill);
        let incident = incident.map(|number| IncidentId(number.cast_signed()));
        incident.or(drill).ok_or(NotAnIncident)
    }
}

/// One service in one of its environments: what is rolled back, and what is locked meanwhile.
///
/// It is stored as the two fields `service` and `environment` of what holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceKey {
    /// What the service is called.
    #[serde(rename = "service")]
    pub name: String,
    /// What its environment is called.
    pub environment: String,
}

impl ServiceKey {
    /// The service `name` in `environment`.
    pub fn new(name: impl Into<String>, environment: impl Into<String>) -> Self {
        ServiceKey {
            name: name.into(),
            environment: environment.into(),
        }
    }

    /// How people type it: `frontend@production`.
    pub fn typed(&self) -> String {
        format!("{}@{}", self.name, self.environment)
    }
}

impl fmt::Display for ServiceKey {
    /// How it stands in a sentence: `frontend (production)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drill_is_no_rollback() {
        let drill = RollbackId::drill(7);
        assert_eq!(drill.to_string(), "DR-7");
        assert_eq!("DR-7".parse(), Ok(drill));
        assert_eq!("RB-7".parse(), Ok(RollbackId::new(7)));
        assert_ne!(drill, RollbackId::new(7));
        for text in [
            "DR-",
            "DR--7",
            "RB--7",
            "DR-+7",
            "DR-99999999999999999999",
            "7",
            "INC-7",
        ] {
            assert_eq!(text.parse::<RollbackId>(), Err(NotARollback), "{text}");
        }
    }

    #[test]
    fn the_record_of_a_drill_has_its_number() {
        let record = IncidentId::of_drill(RollbackId::drill(7));
        assert_eq!(record.map(|record| record.to_string()), Some("DR-7".into()));
        assert_eq!("DR-7".parse().ok(), record);
        assert_eq!(IncidentId::of_drill(RollbackId::new(7)), None);
        assert_eq!("INC--7".parse::<IncidentId>(), Err(NotAnIncident));
        assert_eq!("RB-7".parse::<IncidentId>(), Err(NotAnIncident));
    }
}
