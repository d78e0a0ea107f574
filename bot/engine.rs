//! The one writer: load, decide, store.
//!
//! Every change of a rollback, its timeline entries and the jobs it leaves behind are committed
//! in one transaction, by the modules below and nowhere else. Nothing here touches the network.

mod actions;
mod batch;
mod captures;
mod checklists;
mod complete;
mod drills;
mod ended;
mod incidents;
mod shared_commits;
mod side_effects;
mod updates;

pub use actions::KeptPromise;
pub use captures::RecordedCapture;
pub use checklists::{RecordedTick, TickByHand};
pub use ended::{Completed, Decide, Ended, Held};
pub use incidents::noted;
pub use side_effects::{
    AddressedReply, FreezeChange, MarkChange, RecordedEvent, RecordedSurvey, RecordedTold,
    SentMessage, SideEffects, UndeliveredChange,
};
pub use updates::{NewUpdate, Publication, UpdateChange};

use crate::{
    clock::Clock,
    store::{
        Db, Tx,
        health::Health,
        jobs, pace,
        replies::{self, Reply},
    },
};
use jiff::Timestamp;
use rollback_domain::{
    action::{ActionItem, PromiseRule},
    checklist::Checklist,
    identity::{IncidentId, RollbackId},
    incident::{Actor, CourseRules, Fact, IncidentChange, TimelineEvent},
    job::{Job, Notification},
    people::{Person, Zone},
    procedure::{LastReview, Procedure},
    refusal::{Refusal, Source},
    rollback::{Message, Proposal, Rollback},
};
use serde::{Deserialize, Serialize};
use shared_commits::Queue;
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;

/// What waits longer than this is looked at when the bot starts.
const WAITS_LONG: Duration = Duration::from_secs(10 * 60);

/// Where rollbacks are changed.
#[derive(Clone, Debug)]
pub struct Engine {
    /// The record.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Whether the record can be used.
    pub health: Health,
    /// Rung when there may be something to do.
    pub bell: Arc<Notify>,
    queue: Queue,
}

/// Why nothing could be stored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The lease was lost: another worker has the job, and what was done under it does not count.
    #[error("the lease on this job was lost to another worker")]
    Fenced,
    /// More input waits than can be taken in time.
    #[error("too much input waits to be taken")]
    Overloaded,
    /// Others kept changing it first.
    #[error("the rollback was changed by somebody else at the same time")]
    Raced,
}

/// What a person or Slack sends, ready to be taken. Taking it is one transaction.
#[derive(Clone, Debug)]
pub enum Submission {
    /// Open a rollback.
    Propose(Proposal),
    /// Write a note into the channel's timeline.
    Note(NewNote),
    /// Change the channel's incident, as people have decided.
    ChangeIncident(NewCourse),
    /// Record what became of a captured message.
    Capture(RecordedCapture),
    /// Enqueue a job.
    Enqueue(Job),
    /// Write into the channel's timeline, if an incident is going on there.
    Record {
        /// The channel.
        channel: String,
        /// What happened.
        event: TimelineEvent,
    },
    /// Write into the timeline of an incident, whether it is going on or not.
    Append {
        /// The incident.
        incident: IncidentId,
        /// What happened.
        event: TimelineEvent,
    },
    /// Draft an update.
    DraftUpdate(Box<NewUpdate>),
    /// Add an action item, which gets the next number.
    AddAction {
        /// The action item.
        action: ActionItem,
        /// Where it came from.
        source: Source,
    },
    /// Say that an action item of a channel is done.
    FinishAction {
        /// Its number.
        number: i64,
        /// The channel.
        channel: String,
        /// Who says so.
        by: Person,
        /// Where it came from.
        source: Source,
    },
    /// Tick an item of the checklist of a rollback.
    Tick(TickByHand),
    /// Record that something was reviewed.
    Review {
        /// What.
        procedure: Procedure,
        /// Who, and when.
        review: LastReview,
    },
    /// Bind the key to what was sent under it, by its digest. The same key with something else is
    /// answered with the digest of what came first.
    Bind {
        /// The digest.
        digest: String,
    },
}

/// Who is told when an incident gets a severity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToldPeople {
    /// Those who are mentioned in the channel of the incident, by their Slack ids.
    pub people: Vec<String>,
    /// The channels, by id, in which it is told too.
    pub channels: Vec<String>,
}

/// What somebody decides about the incident of a channel.
#[derive(Clone, Debug)]
pub struct NewCourse {
    /// The channel.
    pub channel: String,
    /// Who decides.
    pub by: Person,
    /// Where it came from.
    pub source: Source,
    /// What is decided.
    pub change: IncidentChange,
    /// What the configuration wants of incidents.
    pub rules: CourseRules,
    /// How often others are told of an incident as severe as it becomes by this; `None`: that is
    /// not configured, or its severity does not change.
    pub update_every: Option<Duration>,
    /// What is promised if that resolves it.
    pub promises: Vec<PromiseRule>,
    /// Who is told if that sets a severity.
    pub told: ToldPeople,
    /// Where to echo it by a job, when the answer itself cannot: the thread.
    pub echo: Option<Option<String>>,
}

/// A note that somebody writes.
#[derive(Clone, Debug)]
pub struct NewNote {
    /// The channel.
    pub channel: String,
    /// Who writes.
    pub by: Person,
    /// Where it came from.
    pub source: Source,
    /// When it happened.
    pub at: Timestamp,
    /// The time zone by whose clock that was meant; `None`: by none, or by UTC.
    pub zone: Option<Zone>,
    /// What happened.
    pub text: String,
    /// Whether it corrects their last note, and happened when that did.
    pub is_correction: bool,
    /// Where to echo it by a job, when the answer itself cannot: the thread.
    pub echo: Option<Option<String>>,
}

/// How something that was asked was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "taken", rename_all = "snake_case")]
pub enum Outcome {
    /// A rollback is open.
    Opened {
        /// Its number.
        id: RollbackId,
    },
    /// Nothing was done, and this is why.
    Refused {
        /// The sentence.
        #[serde(rename = "spoken")]
        message: Message,
        /// The rollback that is in the way, to be shown with it.
        #[serde(default)]
        see: Option<RollbackId>,
        /// The same rollback as it was then; `None` when the input comes a second time.
        #[serde(skip)]
        snapshot: Option<Box<Rollback>>,
    },
    /// The note is in the timeline.
    Noted {
        /// When it happened.
        at: Timestamp,
        /// When it was written down.
        recorded_at: Timestamp,
        /// The place of the note that it corrects; `None`: it corrects none.
        #[serde(default)]
        corrects: Option<i64>,
        /// The drill of which it is noted; `None`: of the channel's incident.
        #[serde(default)]
        drill: Option<RollbackId>,
    },
    /// The incident is changed.
    IncidentChanged {
        /// What everybody is told.
        message: Message,
        /// The incident, if this has resolved it: then its post-mortem can be drafted.
        #[serde(default)]
        resolved: Option<IncidentId>,
    },
    /// An action item was added or is done.
    ActionChanged {
        /// The action item as it is now.
        action: Box<ActionItem>,
        /// Whether it was otherwise before.
        changed: bool,
    },
    /// An item of a checklist is ticked.
    Ticked {
        /// The checklist as it is now.
        checklist: Box<Checklist>,
        /// Whether the item was open before.
        changed: bool,
    },
    /// The checklist has no item with this number.
    NoItem,
    /// The channel has no action item with this number.
    NoAction {
        /// The number.
        number: i64,
    },
    /// It will be done.
    #[serde(rename = "left")]
    Queued,
    /// The key is bound to this.
    Bound {
        /// The digest of what came first under the key.
        digest: String,
    },
}

impl Outcome {
    /// Nothing was done, and no rollback is in the way.
    fn refused(refusal: &Refusal) -> Self {
        Outcome::Refused {
            message: Message::from(refusal),
            see: None,
            snapshot: None,
        }
    }
}

impl Engine {
    /// The one writer of `db`.
    pub fn new(db: Db, clock: Clock) -> Self {
        Self {
            db,
            clock,
            health: Health::default(),
            bell: Arc::new(Notify::new()),
            queue: Queue::default(),
        }
    }

    /// Something could not be read or written: remembered, and told in the log, but not for each
    /// of many.
    pub fn could_not(&self, error: &Error) {
        match error {
            Error::Database(error) => self.health.failed(error),
            error => tracing::error!(%error, "something could not be taken"),
        }
    }

    /// Has everything that waits looked at now, because the clock was set. Each job sees by itself
    /// whether it is too early.
    pub async fn look_again(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        jobs::wake_all(&mut tx, now, now).await?;
        pace::begin_all_anew(&mut tx, now).await?;
        tx.commit().await?;
        self.bell.notify_one();
        Ok(())
    }

    /// At a start, has whatever waits for long looked at now: a clock that was ahead may have stored
    /// when it is due, and nothing else would tell.
    pub async fn look_at_what_waits_long(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let beyond = now.checked_add(WAITS_LONG).unwrap_or(now);
        let mut tx = self.db.begin().await?;
        jobs::wake_all(&mut tx, now, beyond).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Leaves jobs behind that are due now.
    pub async fn enqueue(&self, jobs: &[Job]) -> Result<(), Error> {
        let now = self.clock.now();
        let jobs: Vec<(Job, Timestamp)> = jobs.iter().map(|job| (job.clone(), now)).collect();
        self.enqueue_at(&jobs).await
    }

    /// Leaves jobs behind, each with when it is due. One that is there does not become due later.
    pub async fn enqueue_at(&self, jobs: &[(Job, Timestamp)]) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        jobs::poke(&mut tx, jobs).await?;
        tx.commit().await?;
        self.bell.notify_one();
        Ok(())
    }
}

/// Adds jobs. A message to an address of our own is stored at once, for the caller who waits there
/// reads the record. A caller who no longer waits gets it in Slack.
async fn enqueue(tx: &mut Tx, jobs: &[(Job, Timestamp)], now: Timestamp) -> sqlx::Result<()> {
    let mut left = Vec::with_capacity(jobs.len());
    for (job, at) in jobs {
        if let Job::Notify(Notification {
            reply_to: Some(address),
            message,
            ..
        }) = job
            && replies::is_ours(address)
            && replies::put(tx, address, &Reply::from(message), now).await?
        {
            continue;
        }
        left.push((job.clone(), *at));
    }
    jobs::poke(tx, &left).await
}

/// The key under which refusals of somebody who may do nothing here are recorded in a place: once
/// an hour, however often they try.
pub fn refusal_key(by: &Person, place: &str, now: Timestamp) -> String {
    format!("outsider:{}:{place}:{}", by.id, now.as_second() / 3_600)
}

/// A refusal for the record.
pub fn refused(
    by: &Person,
    source: Source,
    verb: &str,
    refusal: &Refusal,
    rollback: Option<RollbackId>,
    now: Timestamp,
) -> TimelineEvent {
    let who = Actor::Person(by.clone());
    TimelineEvent::new(now, who, source, rollback, Fact::refused(verb, refusal))
}
