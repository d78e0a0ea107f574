//! What things are called: the numbers of rollbacks and incidents, and the name of a service.
//!
//! This is the one place that knows how they are written; everywhere else they print themselves.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The number of a rollback, which is written `RB-41`.
///
/// It begins at 1, counts on without holes, and is stored as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RollbackId(u64);

impl RollbackId {
    /// The rollback with this number.
    pub const fn new(number: u64) -> Self {
        RollbackId(number)
    }

    /// The bare number, as it is stored.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RollbackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RB-{}", self.0)
    }
}

/// What is not the name of a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the number of a rollback, such as RB-41")]
pub struct NotARollback;

impl FromStr for RollbackId {
    type Err = NotARollback;

    /// Reads what [`fmt::Display`] writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, NotARollback> {
        let digits = text.strip_prefix("RB-").ok_or(NotARollback)?;
        match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().map(RollbackId).map_err(|_| NotARollback),
            false => Err(NotARollback),
        }
    }
}

/// The number of an incident, which is written `INC-7`.
///
/// It begins at 1, counts on without holes, and is stored as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(i64);

impl IncidentId {
    /// The incident with this number.
    pub const fn new(number: i64) -> Self {
        IncidentId(number)
    }

    /// The bare number, as it is stored.
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "INC-{}", self.0)
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
        let digits = text.strip_prefix("INC-").ok_or(NotAnIncident)?;
        match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().map(IncidentId).map_err(|_| NotAnIncident),
            false => Err(NotAnIncident),
        }
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
