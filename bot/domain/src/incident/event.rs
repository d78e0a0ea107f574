//! What happened, in order: the record from which a post-mortem is written.

use super::Fact;
use crate::{identity::RollbackId, people::Person, refusal::Source};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error as _};
use serde_json::Value;
use std::fmt;

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person, or an agent for which one is responsible.
    Person(Person),
    /// The bot, by its own rules.
    Bot,
    /// A platform, by name.
    Platform(String),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Person(person) => f.write_str(&person.called()),
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
    Marked,
    Assessed,
    Note,
    Exported,
    Unreached,
    Severity,
    Role,
    Status,
    TimeSet,
    Linked,
    IncidentMoved,
    Captured,
    CaptureWithdrawn,
    CaptureRevised,
    CaptureDeleted,
    Update,
    Action,
    Checklist,
    Drill,
    Alert,
    /// One that a newer version knows.
    #[serde(other)]
    Other,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = serde_json::to_value(self).unwrap_or_default();
        f.write_str(&name.as_str().unwrap_or_default().replace('_', " "))
    }
}

/// What supports a fact, besides who reported it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Evidence {
    /// Slack did not answer, and what was read of somebody before counted.
    LastRead {
        /// What it was and when it was read, as a clause.
        clause: String,
    },
    /// What somebody who proposed something points to.
    Link {
        /// Its address, which begins with `https://`.
        url: String,
    },
}

/// An entry before it has a place in an incident's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEvent {
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub who: Actor,
    /// Where it came from.
    pub source: Source,
    /// What happened.
    pub fact: Fact,
    /// The rollback it belongs to; `None`: it belongs to the incident alone.
    pub rollback: Option<RollbackId>,
    /// What supports it.
    pub evidence: Vec<Evidence>,
}

impl TimelineEvent {
    /// A fact by itself, without evidence.
    pub fn new(
        at: Timestamp,
        who: Actor,
        source: Source,
        rollback: Option<RollbackId>,
        fact: impl Into<Fact>,
    ) -> Self {
        Self {
            at,
            who,
            source,
            fact: fact.into(),
            rollback,
            evidence: vec![],
        }
    }

    /// What kind of thing it is.
    pub fn kind(&self) -> Kind {
        self.fact.kind()
    }
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

/// An event as it is stored and exported. Versions that know no facts read `kind` and `text`, and
/// wrote nothing else.
#[derive(Serialize, Deserialize)]
struct Stored {
    at: Timestamp,
    who: Actor,
    source: Source,
    kind: Kind,
    text: String,
    rollback: Option<RollbackId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fact: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<Value>,
}

impl Serialize for TimelineEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fact = match &self.fact {
            Fact::Prose { .. } => None,
            fact => Some(serde_json::to_value(fact).map_err(S::Error::custom)?),
        };
        let evidence = match self.evidence.as_slice() {
            [] => None,
            evidence => Some(serde_json::to_value(evidence).map_err(S::Error::custom)?),
        };
        let stored = Stored {
            at: self.at,
            who: self.who.clone(),
            source: self.source,
            kind: self.kind(),
            text: self.text(),
            rollback: self.rollback,
            fact,
            evidence,
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TimelineEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let known = |fact: Value, evidence: Option<Value>| {
            let evidence = evidence.map(serde_json::from_value).transpose().ok()?;
            Some((
                serde_json::from_value(fact).ok()?,
                evidence.unwrap_or_default(),
            ))
        };
        // A newer version may record what is not known here: then its words are.
        let known = stored.fact.and_then(|fact| known(fact, stored.evidence));
        let (fact, evidence) = known.unwrap_or_else(|| {
            let fact = Fact::Prose {
                kind: stored.kind,
                text: stored.text,
            };
            (fact, vec![])
        });
        Ok(TimelineEvent {
            at: stored.at,
            who: stored.who,
            source: stored.source,
            fact,
            rollback: stored.rollback,
            evidence,
        })
    }
}
