//! The one writer: load, decide, store.
//!
//! Every change of a rollback, its timeline entries and the steps it leaves behind are committed
//! in one transaction, by the functions here and nowhere else. Nothing here touches the network.

mod together;

use crate::{
    clock::Clock,
    store::{
        Db, Tx, messages, rollbacks, rosters,
        steps::{self, Lease, Next},
        timelines,
    },
};
use jiff::Timestamp;
use rollback_domain::{
    authority::{self, Found},
    decide::decide,
    people::Person,
    policy::Policy,
    refusal::{Refusal, Source},
    release::{Survey, Way},
    rollback::{self, Command, Decision, Freeze, Proposal, Rollback, Say, Spoken},
    step::{Format, Step},
    timeline::{Actor, Happening, Kind},
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use together::Queue;
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
    /// The lease was lost: another worker has the step, and what was done under it does not count.
    #[error("the lease on this step was lost to another worker")]
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
pub enum Ask {
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
        /// Where to echo it by a step, when the answer itself cannot: the thread.
        echo: Option<Option<String>>,
    },
    /// Leave a step behind.
    Leave(Step),
    /// Write into the channel's timeline, if an incident is going on there.
    Record {
        /// The channel.
        channel: String,
        /// What happened.
        happening: Happening,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "taken", rename_all = "snake_case")]
pub enum Taken {
    /// A rollback is open.
    Opened {
        /// Its number.
        id: u64,
    },
    /// Nothing was done, and this is why.
    Refused {
        /// The sentence.
        spoken: Spoken,
        /// The rollback that is in the way, to be shown with it.
        #[serde(default)]
        see: Option<u64>,
    },
    /// The note is in the timeline.
    Noted {
        /// When it happened.
        at: Timestamp,
        /// When it was written down.
        recorded_at: Timestamp,
    },
    /// It will be done.
    Left,
}

/// What a completed step leads to besides the change of a rollback.
#[derive(Clone, Debug, Default)]
pub struct Extra {
    /// What Slack has now, by message key and channel.
    pub sent: Option<(String, String, messages::Sent)>,
    /// What the platform served: service, environment, survey.
    pub saw: Option<(String, String, Survey)>,
    /// Who was found in the sources of roles.
    pub roster: Vec<(authority::Source, Found)>,
    /// What is wished for a service: service, environment, a freeze or none.
    pub froze: Option<(String, String, Option<Freeze>)>,
    /// What else goes into a timeline.
    pub happened: Option<(i64, Happening)>,
    /// What goes into the timeline of a channel, which begins with it if there is none.
    pub recorded: Option<(String, Happening)>,
    /// What else is to be done, and when.
    pub steps: Vec<(Step, Timestamp)>,
}

impl Engine {
    /// The one writer of `db`.
    pub fn new(db: Db, clock: Clock) -> Self {
        Self {
            db,
            clock,
            bell: Arc::new(Notify::new()),
            queue: Queue::default(),
        }
    }

    /// Takes one input inside a transaction; see [`Engine::take`].
    async fn take_in(
        &self,
        tx: &mut Tx,
        key: &str,
        ask: &Ask,
        first: bool,
        now: Timestamp,
    ) -> Result<Taken, Error> {
        if let Some(answer) = messages::answer(tx, key).await? {
            if first {
                self.replayed(tx, key, ask, now).await?;
            }
            return crate::store::read(&answer).map_err(Error::from);
        }
        let taken = match ask {
            Ask::Propose(proposal) => self.propose(tx, proposal.clone(), now).await?,
            Ask::Note {
                channel,
                by,
                source,
                at,
                text,
                echo,
            } => {
                let incident = timelines::incident_of(tx, channel, now).await?;
                let happening = Happening {
                    at: *at,
                    who: Actor::Person(by.clone()),
                    source: *source,
                    kind: Kind::Note,
                    text: text.clone(),
                    rollback: None,
                };
                timelines::append(tx, incident, &[happening], now).await?;
                if let Some(thread) = echo {
                    let step = Step::Post {
                        channel: channel.clone(),
                        thread: thread.clone(),
                        under: None,
                        spoken: Spoken::Text(crate::messages::noted(*at, now, &by.name)),
                        id: format!("note:{key}"),
                    };
                    steps::poke(tx, &step, now).await?;
                }
                Taken::Noted {
                    at: *at,
                    recorded_at: now,
                }
            }
            Ask::Record { channel, happening } => {
                if let Some(incident) = timelines::ongoing(tx, channel, now).await? {
                    timelines::append(tx, incident, std::slice::from_ref(happening), now).await?;
                }
                Taken::Left
            }
            Ask::Leave(step) => {
                steps::poke(tx, step, now).await?;
                Taken::Left
            }
            Ask::Export {
                channel,
                format,
                thread,
                by,
            } => match timelines::latest_in(tx, channel).await? {
                None => Taken::Refused {
                    spoken: Spoken::from(&Refusal::NoIncident),
                    see: None,
                },
                Some(incident) => {
                    let step = Step::Export {
                        incident,
                        format: *format,
                        channel: channel.clone(),
                        rollback: None,
                        thread: thread.clone(),
                        asked_by: Some(by.clone()),
                        id: key.to_owned(),
                    };
                    steps::poke(tx, &step, now).await?;
                    Taken::Left
                }
            },
        };
        messages::take(tx, key, &crate::store::written(&taken)?, now).await?;
        Ok(taken)
    }

    /// Writes down, once, that a click came a second time. Slack delivers a click once; somebody
    /// else may have recorded it.
    async fn replayed(
        &self,
        tx: &mut Tx,
        key: &str,
        ask: &Ask,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Ask::Leave(Step::Act {
            rollback,
            by,
            source: source @ (Source::Button | Source::Modal),
            act,
            ..
        }) = ask
        else {
            return Ok(());
        };
        let again = format!("again:{key}");
        if messages::answer(tx, &again).await?.is_some() {
            return Ok(());
        }
        if let Some(found) = rollbacks::lock(tx, *rollback).await? {
            let refusal = Refusal::Forged {
                what: "the same click arrived again".into(),
            };
            let happening = refused(by, *source, act.verb(), &refusal, Some(*rollback), now);
            timelines::append(tx, found.incident, &[happening], now).await?;
        }
        messages::take(tx, &again, "null", now).await?;
        Ok(())
    }

    async fn propose(
        &self,
        tx: &mut Tx,
        mut proposal: Proposal,
        now: Timestamp,
    ) -> Result<Taken, Error> {
        let incident = timelines::incident_of(tx, &proposal.channel, now).await?;
        let open = rollbacks::open_of(tx, &proposal.service, &proposal.environment).await?;
        let history = rollbacks::history_in(tx, &proposal.service, &proposal.environment).await?;
        let turns: Vec<String> = history
            .flapping(proposal.aim.way(), now)
            .into_iter()
            .flatten()
            .map(|past| match past.way {
                Way::Back => format!("RB-{} went back", past.id),
                Way::Forward => format!("RB-{} went forward", past.id),
            })
            .collect();
        let see = open.as_ref().map(|open| open.id);
        let refusal = match open {
            Some(open) => Some(Refusal::AlreadyOpen {
                id: open.id,
                word: open.word(),
                stoppable: open.times.asked.is_none(),
                service: open.service,
                environment: open.environment,
            }),
            None if !turns.is_empty() && proposal.because.is_none() => Some(Refusal::Flapping {
                service: proposal.service.clone(),
                turns: turns.clone(),
                undoes: proposal.aim.undoes,
            }),
            None => None,
        };
        if let Some(refusal) = refusal {
            let happening = refused(
                &proposal.requester,
                proposal.source,
                "propose",
                &refusal,
                None,
                now,
            );
            timelines::append(tx, incident, &[happening], now).await?;
            return Ok(Taken::Refused {
                spoken: Spoken::from(&refusal),
                see,
            });
        }
        proposal.turns = turns;
        // Always the counter before the incident's row, so that two of these never wait for each other.
        let id = rollbacks::next_id(tx, "rollback").await?.cast_unsigned();
        self.open(tx, id, proposal, incident, now).await?;
        Ok(Taken::Opened { id })
    }

    async fn open(
        &self,
        tx: &mut Tx,
        id: u64,
        proposal: Proposal,
        incident: i64,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let (rollback, happening) = proposal.open(id, incident);
        rollbacks::insert(tx, &rollback).await?;
        timelines::append(tx, incident, &[happening], now).await?;
        steps::poke(tx, &Step::Drive { rollback: id }, now).await?;
        Ok(id)
    }

    /// Puts `command` to a rollback and completes the step that led to it, both or neither.
    ///
    /// A refused command changes nothing; when it came from a person, the refusal is recorded and
    /// they are told. Gives the rollback as it is now, or the refusal.
    pub async fn complete(
        &self,
        lease: &Lease,
        id: u64,
        command: Command,
        policy: &Policy,
        extra: Extra,
    ) -> Result<Result<Rollback, Refusal>, Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let Some(rollback) = rollbacks::lock(&mut tx, id).await? else {
            self.finish(tx, lease, Next::Done, extra, now).await?;
            return Ok(Err(Refusal::UnknownRollback { id }));
        };
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
        match decide(&rollback, command, policy, now) {
            Ok(decision) => {
                // These two go on by themselves: what is asked for is when they go on.
                let drives = matches!(lease.step, Step::Drive { .. } | Step::Review { .. });
                let next = match decision.drive_at {
                    Some(at) if drives => Next::At(at),
                    _ => Next::Done,
                };
                // The platform is about to be asked, under this very lease.
                let executing =
                    |state: &rollback::State| matches!(state, rollback::State::Executing { .. });
                let asking = matches!(lease.step, Step::Drive { .. })
                    && !executing(&rollback.state)
                    && executing(&decision.rollback.state);
                let rollback = self.store(&mut tx, decision, !drives, now).await?;
                if asking {
                    if !steps::hold(&mut tx, lease).await? {
                        return Err(Error::Fenced);
                    }
                    tx.commit().await?;
                    self.bell.notify_one();
                } else {
                    self.finish(tx, lease, next, extra, now).await?;
                }
                Ok(Ok(rollback))
            }
            Err(refusal) => {
                let mut extra = extra;
                if let Some((by, source, reply_to, verb)) = person {
                    let happening = refused(&by, source, verb, &refusal, Some(id), now);
                    timelines::append(&mut tx, rollback.incident, &[happening], now).await?;
                    let tell = Step::Tell {
                        channel: rollback.channel.clone(),
                        person: by.id,
                        thread: None,
                        reply_to,
                        spoken: Spoken::from(&refusal),
                        id: format!("refused:{}", lease.step.key()),
                    };
                    extra.steps.push((tell, now));
                }
                let next = match lease.step {
                    // It is driven again by whatever changed it, or looks at itself once more.
                    Step::Drive { .. } if !rollback.state.is_ended() => {
                        Next::At(now.checked_add(Duration::from_secs(1)).unwrap_or(now))
                    }
                    _ => Next::Done,
                };
                self.finish(tx, lease, next, extra, now).await?;
                Ok(Err(refusal))
            }
        }
    }

    /// Ends a step that changes no rollback.
    pub async fn end(&self, lease: &Lease, next: Next, extra: Extra) -> Result<(), Error> {
        let now = self.clock.now();
        let tx = self.db.begin().await?;
        self.finish(tx, lease, next, extra, now).await
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
            happenings,
            drive_at,
            says,
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
        timelines::append(tx, rollback.incident, &happenings, now).await?;
        if poke_drive && let Some(at) = drive_at {
            steps::poke(tx, &Step::Drive { rollback: id }, at).await?;
        }
        for (n, say) in says.into_iter().enumerate() {
            let at = match &say {
                Say::ReviewAt { at } => *at,
                _ => now,
            };
            let step = match say {
                Say::Card => Step::Card { rollback: id },
                Say::Outcome => Step::Outcome { rollback: id },
                Say::Tell {
                    person,
                    reply_to,
                    spoken,
                } => Step::Tell {
                    channel: rollback.channel.clone(),
                    person,
                    thread: None,
                    reply_to,
                    spoken,
                    id: format!("RB-{id}:{}:{n}", rollback.revision),
                },
                Say::Post {
                    spoken,
                    in_thread,
                    key,
                } => Step::Post {
                    channel: rollback.channel.clone(),
                    thread: None,
                    under: in_thread.then_some(id),
                    spoken,
                    id: format!("RB-{id}:{key}"),
                },
                Say::Page { page } => Step::Page { rollback: id, page },
                Say::Glass => Step::Glass { rollback: id },
                Say::ReviewAt { .. } => Step::Review { rollback: id },
                Say::Export { why } => Step::Export {
                    incident: rollback.incident,
                    format: Format::Markdown,
                    channel: rollback.channel.clone(),
                    rollback: Some(id),
                    thread: None,
                    asked_by: None,
                    id: format!("RB-{id}:{why}"),
                },
            };
            steps::poke(tx, &step, at).await?;
        }
        if let Some((id, proposal)) = opens {
            self.open(tx, id, proposal, rollback.incident, now).await?;
        }
        Ok(rollback)
    }

    async fn finish(
        &self,
        mut tx: Tx,
        lease: &Lease,
        next: Next,
        extra: Extra,
        now: Timestamp,
    ) -> Result<(), Error> {
        if let Some((key, channel, sent)) = &extra.sent {
            messages::sent(&mut tx, key, channel, sent).await?;
        }
        if let Some((service, environment, survey)) = &extra.saw {
            rollbacks::saw(&mut tx, service, environment, survey, now).await?;
        }
        if let Some((service, environment, freeze)) = &extra.froze {
            rosters::freeze(&mut tx, service, environment, freeze.as_ref()).await?;
        }
        if let Some((channel, happening)) = extra.recorded {
            let incident = timelines::incident_of(&mut tx, &channel, now).await?;
            timelines::append(&mut tx, incident, &[happening], now).await?;
        }
        if let Some((incident, happening)) = extra.happened {
            timelines::append(&mut tx, incident, &[happening], now).await?;
        }
        // After the timeline, in the order of the sources: everybody locks these rows in one order.
        for (source, found) in &extra.roster {
            rosters::saw(&mut tx, source, found, now).await?;
        }
        for (step, at) in &extra.steps {
            steps::poke(&mut tx, step, *at).await?;
        }
        if matches!(lease.step, Step::Survey { .. }) {
            let two_days_ago = now.checked_sub(REMEMBERED).unwrap_or(now);
            messages::sweep(&mut tx, two_days_ago).await?;
        }
        if !steps::finish(&mut tx, lease, &next, now).await? {
            return Err(Error::Fenced);
        }
        tx.commit().await?;
        self.bell.notify_one();
        Ok(())
    }

    /// Leaves steps behind at start-up.
    pub async fn leave(&self, steps: &[Step]) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        for step in steps {
            steps::poke(&mut tx, step, now).await?;
        }
        tx.commit().await?;
        self.bell.notify_one();
        Ok(())
    }
}

/// A refusal for the record.
pub fn refused(
    by: &Person,
    source: Source,
    verb: &str,
    refusal: &Refusal,
    rollback: Option<u64>,
    now: Timestamp,
) -> Happening {
    Happening {
        at: now,
        who: Actor::Person(by.clone()),
        source,
        kind: Kind::Refused,
        text: format!("tried to {verb}: {} {refusal}", refusal.code()),
        rollback,
    }
}
