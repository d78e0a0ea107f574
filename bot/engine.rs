//! The one writer: load, decide, store.
//!
//! Every change of a rollback, its timeline entries and the jobs it leaves behind are committed
//! in one transaction, by the functions here and nowhere else. Nothing here touches the network.

mod batch;
mod incidents;
mod shared_commits;

use crate::{
    clock::Clock,
    crash::{self, Point},
    store::{
        Db, Tx,
        health::Health,
        jobs::{self, Ended, Lease, Next},
        messages,
        replies::{self, Reply},
        rollbacks, rosters, timelines, undelivered,
    },
    telemetry,
};
use batch::Changes;
use jiff::Timestamp;
use rollback_domain::{
    authority::{self, Found},
    decide::decide,
    incident::{Actor, Kind, TimelineEvent},
    job::{Format, Job},
    people::Person,
    policy::Policy,
    refusal::{Refusal, Source},
    release::Survey,
    rollback::{self, Command, Decision, Freeze, Message, Notice, Proposal, Rollback},
};
use serde::{Deserialize, Serialize};
use shared_commits::Queue;
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;

/// How long input is recognised when it comes again: longer than Slack retries.
const REMEMBERED: Duration = Duration::from_secs(48 * 3_600);

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
    Note {
        /// The channel.
        channel: String,
        /// Who writes.
        by: Person,
        /// Where it came from.
        source: Source,
        /// When it happened.
        at: Timestamp,
        /// What happened.
        text: String,
        /// Where to echo it by a job, when the answer itself cannot: the thread.
        echo: Option<Option<String>>,
    },
    /// Enqueue a job.
    Enqueue(Job),
    /// Write into the channel's timeline, if an incident is going on there.
    Record {
        /// The channel.
        channel: String,
        /// What happened.
        event: TimelineEvent,
    },
    /// Put a channel's timeline into a file.
    Export {
        /// The channel.
        channel: String,
        /// How it is written.
        format: Format,
        /// The thread it goes to.
        thread: Option<String>,
        /// Who asked.
        by: Person,
    },
}

/// How something that was asked was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "taken", rename_all = "snake_case")]
pub enum Outcome {
    /// A rollback is open.
    Opened {
        /// Its number.
        id: u64,
    },
    /// Nothing was done, and this is why.
    Refused {
        /// The sentence.
        #[serde(rename = "spoken")]
        message: Message,
        /// The rollback that is in the way, to be shown with it.
        #[serde(default)]
        see: Option<u64>,
        /// The same as it was when this was taken; not told again to input that comes again.
        #[serde(skip)]
        seen: Option<Box<Rollback>>,
    },
    /// The note is in the timeline.
    Noted {
        /// When it happened.
        at: Timestamp,
        /// When it was written down.
        recorded_at: Timestamp,
    },
    /// It will be done.
    #[serde(rename = "left")]
    Queued,
}

/// What a completed job leads to besides the change of a rollback.
#[derive(Clone, Debug, Default)]
pub struct SideEffects {
    /// What Slack has now, by message key and channel.
    pub sent: Option<(String, String, messages::Sent)>,
    /// What becomes of what a channel has missed.
    pub undelivered: Option<(String, undelivered::Change)>,
    /// What the platform served: service, environment, survey.
    pub survey: Option<(String, String, Survey)>,
    /// Who was found in the sources of roles.
    pub roster: Vec<(authority::Source, Found)>,
    /// What is wished for a service: service, environment, a freeze or none.
    pub froze: Option<(String, String, Option<Freeze>)>,
    /// What is said to an address of our own.
    pub reply: Option<(String, Reply)>,
    /// What else goes into a timeline.
    pub event: Option<(i64, TimelineEvent)>,
    /// What goes into the timeline of a channel, which begins with it if there is none.
    pub recorded: Option<(String, TimelineEvent)>,
    /// What else is to be done, and when.
    pub jobs: Vec<(Job, Timestamp)>,
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

    /// Puts `command` to a rollback and completes the job that led to it, both or neither.
    ///
    /// A refused command changes nothing; when it came from a person, the refusal is recorded and
    /// they are told. Gives the rollback as it is now, or the refusal.
    pub async fn complete(
        &self,
        lease: &Lease,
        id: u64,
        command: Command,
        policy: &Policy,
        effects: SideEffects,
    ) -> Result<Result<Rollback, Refusal>, Error> {
        let mut tx = self.db.begin().await?;
        let found = rollbacks::lock(&mut tx, id).await?;
        // Whoever had the lock before was earlier.
        let now = self.clock.now();
        let Some(rollback) = found else {
            self.finish(tx, lease, Next::Done, effects, now).await?;
            return Ok(Err(Refusal::UnknownRollback { id }));
        };
        telemetry::record_incident(&rollback);
        let goes_on = !rollback.state.is_ended();
        let person = match &command {
            Command::Person {
                by,
                source,
                reply_to,
                act,
                ..
            } => Some((by.clone(), *source, reply_to.clone(), act.verb())),
            _ => None,
        };
        // Whoever waits at an address of ours hears what came of it in the same commit.
        let waits_at = match &command {
            Command::Person { reply_to, .. } => reply_to.clone(),
            Command::Planned { .. } => rollback.reply_to.clone(),
            _ => None,
        };
        match decide(&rollback, command, policy, now) {
            Ok(decision) => {
                // These two go on by themselves: what is asked for is when they go on.
                let drives = matches!(lease.job, Job::Advance { .. } | Job::RequestReview { .. });
                let next = match decision.drive_at {
                    Some(at) if drives => Next::At(at),
                    _ => Next::Done,
                };
                // The platform is about to be asked, under this very lease.
                let executing =
                    |state: &rollback::State| matches!(state, rollback::State::Executing { .. });
                let asking = matches!(lease.job, Job::Advance { .. })
                    && !executing(&rollback.state)
                    && executing(&decision.rollback.state);
                let rollback = self.store(&mut tx, decision, !drives, now).await?;
                if let Some(address) = waits_at.filter(|address| replies::is_ours(address)) {
                    let reply = Reply {
                        rollback: Some(Box::new(rollback.clone())),
                        ..Reply::default()
                    };
                    replies::put(&mut tx, &address, &reply, now).await?;
                }
                crash::point(Point::DecisionUncommitted);
                if asking {
                    if !jobs::hold(&mut tx, lease).await? {
                        return Err(Error::Fenced);
                    }
                    tx.commit().await?;
                    self.bell.notify_one();
                } else {
                    self.finish(tx, lease, next, effects, now).await?;
                }
                if goes_on && rollback.state.is_ended() {
                    telemetry::record_end(&rollback);
                }
                Ok(Ok(rollback))
            }
            Err(refusal) => {
                let mut effects = effects;
                if let Some((by, source, reply_to, verb)) = person {
                    let event = refused(&by, source, verb, &refusal, Some(id), now);
                    timelines::append(&mut tx, &[(rollback.incident, event)], now).await?;
                    let tell = Job::Notify {
                        channel: rollback.channel.clone(),
                        person: by.id,
                        thread: None,
                        reply_to,
                        message: Message::from(&refusal),
                        id: format!("refused:{}", lease.job.key()),
                    };
                    effects.jobs.push((tell, now));
                }
                let next = match lease.job {
                    // It is driven again by whatever changed it, or looks at itself once more.
                    Job::Advance { .. } if !rollback.state.is_ended() => {
                        Next::At(now.checked_add(Duration::from_secs(1)).unwrap_or(now))
                    }
                    _ => Next::Done,
                };
                self.finish(tx, lease, next, effects, now).await?;
                Ok(Err(refusal))
            }
        }
    }

    /// Ends a job that changes no rollback.
    pub async fn end(&self, lease: &Lease, next: Next, effects: SideEffects) -> Result<(), Error> {
        let now = self.clock.now();
        let tx = self.db.begin().await?;
        self.finish(tx, lease, next, effects, now).await
    }

    async fn store(
        &self,
        tx: &mut Tx,
        decision: Decision,
        poke_drive: bool,
        now: Timestamp,
    ) -> Result<Rollback, Error> {
        let Decision {
            rollback,
            events,
            drive_at,
            notices,
            opens,
        } = decision;
        let id = rollback.id;
        if !rollbacks::save(tx, &rollback).await? {
            return Err(Error::Raced);
        }
        let opens = match opens {
            Some(proposal) => {
                let id = rollbacks::next_id(tx, "rollback").await?.cast_unsigned();
                Some((id, proposal))
            }
            None => None,
        };
        let mut changes = Changes::default();
        let incident = rollback.incident;
        changes
            .events
            .extend(events.into_iter().map(|event| (incident, event)));
        if poke_drive && let Some(at) = drive_at {
            changes.jobs.push((Job::Advance { rollback: id }, at));
        }
        for (n, say) in notices.into_iter().enumerate() {
            let at = match &say {
                Notice::ReviewAt { at } => *at,
                _ => now,
            };
            let job = match say {
                Notice::Card => Job::Card { rollback: id },
                Notice::Outcome => Job::AnnounceOutcome { rollback: id },
                Notice::Tell {
                    person,
                    reply_to,
                    message,
                } => Job::Notify {
                    channel: rollback.channel.clone(),
                    person,
                    thread: None,
                    reply_to,
                    message,
                    id: format!("RB-{id}:{}:{n}", rollback.revision),
                },
                Notice::Post {
                    message,
                    in_thread,
                    key,
                } => Job::Post {
                    channel: rollback.channel.clone(),
                    thread: None,
                    under: in_thread.then_some(id),
                    message,
                    id: format!("RB-{id}:{key}"),
                },
                Notice::Page { page } => Job::Page { rollback: id, page },
                Notice::BreakGlass => Job::BreakGlassMessage { rollback: id },
                Notice::TakePinBack => Job::TakePinBack { rollback: id },
                Notice::ReviewAt { .. } => Job::RequestReview { rollback: id },
                Notice::Export { why } => Job::Export {
                    incident: rollback.incident,
                    format: Format::Markdown,
                    channel: rollback.channel.clone(),
                    rollback: Some(id),
                    thread: None,
                    asked_by: None,
                    id: format!("RB-{id}:{why}"),
                },
            };
            changes.jobs.push((job, at));
        }
        if let Some((id, proposal)) = opens {
            changes.open(id, proposal, incident, now);
        }
        changes.write(tx, now).await?;
        Ok(rollback)
    }

    async fn finish(
        &self,
        mut tx: Tx,
        lease: &Lease,
        next: Next,
        effects: SideEffects,
        now: Timestamp,
    ) -> Result<(), Error> {
        if let Some((channel, change)) = &effects.undelivered {
            undelivered::change(&mut tx, channel, change, now).await?;
        }
        if let Some((service, environment, survey)) = &effects.survey {
            rollbacks::record_survey(&mut tx, service, environment, survey, now).await?;
        }
        if let Some((service, environment, freeze)) = &effects.froze {
            rosters::freeze(&mut tx, service, environment, freeze.as_ref()).await?;
        }
        if let Some((channel, event)) = effects.recorded {
            let incident = incidents::opened(&mut tx, &channel, now).await?;
            timelines::append(&mut tx, &[(incident.id, event)], now).await?;
        }
        if let Some(event) = effects.event {
            timelines::append(&mut tx, &[event], now).await?;
        }
        // After the timeline, in the order of the sources: everybody locks these rows in one order.
        for (source, found) in &effects.roster {
            rosters::record(&mut tx, source, found, now).await?;
        }
        if let Some((address, reply)) = &effects.reply {
            replies::put(&mut tx, address, reply, now).await?;
        }
        enqueue(&mut tx, &effects.jobs, now).await?;
        if matches!(lease.job, Job::Survey { .. }) {
            let two_days_ago = now.checked_sub(REMEMBERED).unwrap_or(now);
            messages::sweep(&mut tx, two_days_ago).await?;
            replies::sweep(&mut tx, two_days_ago).await?;
        }
        let ended = jobs::finish(&mut tx, lease, &next, now).await?;
        if ended == Ended::Lost {
            return Err(Error::Fenced);
        }
        if let Some((key, channel, mut sent)) = effects.sent {
            // Perhaps because somebody else has sent it too: which was the last is not known.
            if ended == Ended::Poked {
                sent.revision = 0;
            }
            messages::sent(&mut tx, &key, &channel, &sent).await?;
        }
        tx.commit().await?;
        self.bell.notify_one();
        Ok(())
    }

    /// A message was edited under a lease that was lost: whoever has the job may have edited it
    /// before, to what is true now. `job` does it again.
    pub async fn invalidate(&self, key: &str, job: &Job) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        jobs::poke(&mut tx, &[(job.clone(), now)]).await?;
        messages::invalidate(&mut tx, key).await?;
        tx.commit().await?;
        self.bell.notify_one();
        Ok(())
    }

    /// Leaves jobs behind at start-up.
    pub async fn enqueue(&self, jobs: &[Job]) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let jobs: Vec<(Job, Timestamp)> = jobs.iter().map(|job| (job.clone(), now)).collect();
        jobs::poke(&mut tx, &jobs).await?;
        tx.commit().await?;
        self.bell.notify_one();
        Ok(())
    }
}

/// Leaves jobs behind. What is to be told at an address of our own is told at once: whoever
/// waits there reads the record. Whoever does not wait there any more is told in Slack.
async fn enqueue(tx: &mut Tx, jobs: &[(Job, Timestamp)], now: Timestamp) -> sqlx::Result<()> {
    let mut left = Vec::with_capacity(jobs.len());
    for (job, at) in jobs {
        if let Job::Notify {
            reply_to: Some(address),
            message,
            ..
        } = job
            && replies::is_ours(address)
            && replies::put(tx, address, &Reply::from(message), now).await?
        {
            continue;
        }
        left.push((job.clone(), *at));
    }
    jobs::poke(tx, &left).await
}

/// A refusal for the record.
pub fn refused(
    by: &Person,
    source: Source,
    verb: &str,
    refusal: &Refusal,
    rollback: Option<u64>,
    now: Timestamp,
) -> TimelineEvent {
    TimelineEvent {
        at: now,
        who: Actor::Person(by.clone()),
        source,
        kind: Kind::Refused,
        text: format!("tried to {verb}: {} {refusal}", refusal.code()),
        rollback,
    }
}
