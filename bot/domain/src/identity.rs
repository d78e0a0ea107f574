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
