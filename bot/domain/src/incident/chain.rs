//! The chain of a timeline: each event carries the hash of the one before it, so that an event
//! that is changed, removed, inserted or moved afterwards is found.
//!
//! The hash of an event is SHA-256 over its record as canonical JSON, in which keys are sorted and
//! no white space stands between values:
//!
//! ```json
//! {"event":{…},"incident":"INC-12","previous":"3f…","recorded_at":"2026-03-14T03:12:00Z","seq":5}
//! ```
//!
//! `previous` is the hash of the event before it, and 64 zeros for the first. The hash of the last
//! event is the head of the incident. Events of versions that had no chain carry no hash: theirs are
//! taken when the first event follows that carries one, and their records say `"from_before":true`.

use super::{Entry, TimelineEvent};
use crate::identity::IncidentId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt;

/// The SHA-256 of an event's record, in 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventHash(pub String);

impl fmt::Display for EventHash {
    /// The twelve digits people see.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..12).unwrap_or(&self.0))
    }
}

/// Where the chain of an incident ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The place of its last event; 0: there is none.
    pub seq: i64,
    /// The hash of that event; 64 zeros if there is none.
    pub hash: EventHash,
}

impl Head {
    /// The head of an incident without events.
    pub fn start() -> Self {
        Self {
            seq: 0,
            hash: EventHash("0".repeat(64)),
        }
    }
}

/// An event with its place in the chain, as the record and exports have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainedEvent {
    /// Its place in the incident, from 1, without holes.
    pub seq: i64,
    /// When it was written down.
    pub recorded_at: Timestamp,
    /// The hash of the event before it; `None`: a version recorded it that had no chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<EventHash>,
    /// What was recorded, key by key; [`super::TimelineEvent`] reads it.
    #[serde(flatten)]
    pub event: Map<String, Value>,
}

impl ChainedEvent {
    /// The entry that was recorded.
    pub fn entry(&self) -> serde_json::Result<Entry> {
        Ok(Entry {
            seq: self.seq,
            recorded_at: self.recorded_at,
            event: TimelineEvent::deserialize(&self.event)?,
        })
    }
}

/// Why a chain is broken: the first place at which it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// Another event stands where the next one belongs.
    #[error(
        "entry {found} stands where entry {expected} belongs: one was removed, inserted or moved"
    )]
    OutOfPlace {
        /// The place that follows.
        expected: i64,
        /// The place that the event names.
        found: i64,
    },
    /// An event does not carry the hash of the one before it.
    #[error(
        "entry {seq} carries the hash {carried} for the entry before it, whose hash is {computed} now: entry {} was changed, removed, inserted or moved, or the hash was changed",
        .seq - 1
    )]
    Previous {
        /// The place of the event that carries the hash.
        seq: i64,
        /// The hash that it carries.
        carried: EventHash,
        /// The hash of the event before it.
        computed: EventHash,
    },
    /// The event at the stored head has another hash.
    #[error(
        "entry {} is the head with the hash {}, and its hash is {computed} now: the entry or the head was changed",
        .stored.seq, .stored.hash
    )]
    Head {
        /// The head that was stored.
        stored: Head,
        /// The hash of the event at its place.
        computed: EventHash,
    },
    /// An event that carries a hash stands behind the stored head.
    #[error(
        "entry {seq} stands behind the head, which is entry {head}: the head was changed, or the entry was inserted"
    )]
    BehindHead {
        /// The place of the event.
        seq: i64,
        /// The place of the head; 0: none is stored.
        head: i64,
    },
    /// There are fewer or more events than were counted.
    #[error(
        "there are {found} entries, and {counted} were counted: some were removed or inserted at the end, or the count was changed"
    )]
    Count {
        /// How many there are.
        found: i64,
        /// How many were counted.
        counted: i64,
    },
    /// An event is not written as the bot writes it.
    #[error("entry {seq} is not as the bot wrote it: {why}")]
    Unreadable {
        /// Its place.
        seq: i64,
        /// What is wrong, as a clause.
        why: String,
    },
}

/// The chain of one incident, up to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    incident: IncidentId,
    head: Head,
}

impl Chain {
    /// The chain of an incident that ends at `head`.
    pub fn new(incident: IncidentId, head: Head) -> Self {
        Self { incident, head }
    }

    /// Where it ends.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Adds the next event, which is `document` as canonical JSON. Gives the hash that it carries.
    pub fn append(&mut self, document: &str, recorded_at: Timestamp) -> EventHash {
        self.link(document, recorded_at, "")
    }

    /// Adds the next event, which a version recorded that had no chain.
    pub fn append_from_before(&mut self, document: &str, recorded_at: Timestamp) {
        self.link(document, recorded_at, r#","from_before":true"#);
    }

    /// Adds an event, and gives the hash of the one before it.
    fn link(&mut self, document: &str, recorded_at: Timestamp, from_before: &str) -> EventHash {
        let seq = self.head.seq + 1;
        let record = format!(
            r#"{{"event":{document}{from_before},"incident":"{}","previous":"{}","recorded_at":"{recorded_at}","seq":{seq}}}"#,
            self.incident, self.head.hash.0
        );
        let hash = EventHash(hex::encode(Sha256::digest(record.as_bytes())));
        std::mem::replace(&mut self.head, Head { seq, hash }).hash
    }
}

/// Checks the events of one incident, in their order, against its stored head.
#[derive(Clone, Debug)]
pub struct Check {
    chain: Chain,
    stored: Option<Head>,
    from_before: i64,
}

/// A chain without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbroken {
    /// How many events there are.
    pub entries: i64,
    /// How many of them are from versions that had no chain.
    pub from_before: i64,
    /// The head; `None`: no event is vouched for by a hash, they are all from before.
    pub head: Option<Head>,
}

impl Unbroken {
    /// How many events at the end are behind the head, so that no hash vouches for them.
    pub fn behind_head(&self) -> i64 {
        self.entries - self.head.as_ref().map_or(0, |head| head.seq)
    }
}

impl Check {
    /// Begins before the first event of an incident with this stored head.
    pub fn new(incident: IncidentId, stored: Option<Head>) -> Self {
        Self {
            chain: Chain::new(incident, Head::start()),
            stored,
            from_before: 0,
        }
    }

    /// Checks the next event.
    pub fn next(&mut self, event: &ChainedEvent) -> Result<(), Break> {
        let seq = event.seq;
        let before = self.chain.head();
        if seq != before.seq + 1 {
            return Err(Break::OutOfPlace {
                expected: before.seq + 1,
                found: seq,
            });
        }
        let head = self.stored.as_ref().map_or(0, |stored| stored.seq);
        let document = canonical(&event.event);
        match &event.previous {
            Some(_) if seq > head => return Err(Break::BehindHead { seq, head }),
            Some(carried) if *carried != before.hash => {
                return Err(Break::Previous {
                    seq,
                    carried: carried.clone(),
                    computed: before.hash.clone(),
                });
            }
            Some(_) => {
                self.chain.append(&document, event.recorded_at);
            }
            None => {
                self.chain.append_from_before(&document, event.recorded_at);
                self.from_before += 1;
            }
        }
        let now = self.chain.head();
        match &self.stored {
            Some(stored) if stored.seq == seq && *stored != *now => Err(Break::Head {
                stored: stored.clone(),
                computed: now.hash.clone(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Ends after the last event; so many were counted.
    pub fn end(self, counted: i64) -> Result<Unbroken, Break> {
        let found = self.chain.head().seq;
        let head = self.stored.as_ref().map_or(0, |stored| stored.seq);
        if found != counted || found < head {
            let counted = counted.max(head);
            return Err(Break::Count { found, counted });
        }
        Ok(Unbroken {
            entries: found,
            from_before: self.from_before,
            head: self.stored,
        })
    }
}

/// An event as canonical JSON: keys sorted, no white space.
pub fn canonical(event: &Map<String, Value>) -> String {
    // Sorted at every depth, because serde_json keeps objects in a `BTreeMap`; a test and
    // `deny.toml` hold it to that.
    serde_json::to_string(event).unwrap_or_default()
}

#[cfg(test)]
mod tests;
