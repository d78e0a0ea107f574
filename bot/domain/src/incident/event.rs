//! What happened, in order: the record from which a post-mortem is written.

use crate::{people::Person, refusal::Source};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person.
    Person(Person),
    /// The bot, by its own rules.
    Bot,
    /// A platform, by name.
    Platform(String),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Person(person) => write!(f, "@{}", person.name),
            Actor::Bot => f.write_str("rollback-bot"),
            Actor::Platform(name) => f.write_str(name),
        }
    }
}

/// What kind of thing happened; for machines and for finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each is its name; the entry's text says the rest"
)]
pub enum Kind {
    IncidentOpened,
    Requested,
    Planned,
    Blocked,
    Approved,
    Withdrawn,
    Objected,
    BreakGlass,
    Reviewed,
    Reminded,
    Escalated,
    Paged,
    Refused,
    Denied,
    Cancelled,
    Expired,
    Superseded,
    Rechecked,
    Executing,
    Asked,
    Accepted,
    Unanswered,
    Failed,
    Progress,
    Pinned,
    Serving,
    Checked,
    Verified,
    Unproven,
    StillFailing,
    Partial,
    PeopleNeeded,
    SignedOff,
    Resolved,
    Drifted,
    Closed,
    Unpinned,
    Frozen,
    Unfrozen,
    Note,
    Exported,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = serde_json::to_value(self).unwrap_or_default();
        f.write_str(&name.as_str().unwrap_or_default().replace('_', " "))
    }
}

/// An entry before it has a place in an incident's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEvent {
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub who: Actor,
    /// Where it came from.
    pub source: Source,
    /// What kind of thing it is.
    pub kind: Kind,
    /// What happened, as a clause in plain text.
    pub text: String,
    /// The rollback it belongs to.
    pub rollback: Option<u64>,
}

/// An entry of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the incident, from 1, without holes.
    pub seq: i64,
    /// When it was written down.
    pub recorded_at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: TimelineEvent,
}
