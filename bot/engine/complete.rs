//! Completing jobs: the end of a job, the decision it led to and its side effects are one
//! transaction.

use super::{
    Completed, Decide, Ended, Engine, Error, Held, SideEffects, batch::Changes, checklists, drills,
    ended::JobOutcome, refusal_key, refused, side_effects::is_first,
};
use crate::{
    crash::{self, Point},
    store::{
        Tx,
        jobs::{self, Lease, LeaseEnd, Next},
        messages,
        replies::{self, Reply},
        rollbacks, timelines,
    },
    telemetry,
};
use jiff::Timestamp;
use rollback_domain::{
    decide::decide,
    grammar::ExportFormat,
    group::{Member, Start},
    identity::RollbackId,
    job::{Document, ExportRequest, Job, Notification, Otherwise, Post, WhenRefused},
    people::{Addressee, Person},
    policy::Policy,
    refusal::{Refusal, Source},
    rollback::{Command, Decision, Message, Notice, Rollback},
};
use std::{collections::BTreeSet, time::Duration};

/// How long input is recognised when it comes again: longer than Slack retries.
const REMEMBERED: Duration = Duration::from_secs(48 * 3_600);
/// How soon a rollback is looked at again after the command of its own job was refused.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long a card may take to be posted before those are told whose card it replaces, and before
/// the checklist follows in its thread.
const NEW_CARD_FIRST: Duration = Duration::from_secs(2);

/// What a command came to, in a transaction that is still open.
struct Decided {
    /// The rollback as it is stored now, or why the command changed nothing.
    outcome: Result<Rollback, Refusal>,
    /// Whether the platform is to be asked next.
    is_asking: bool,
    /// Whether the rollback has ended by this.
    has_ended: bool,
    /// What becomes of the job that put it.
    next: Next,
    /// The job that tells a person of the refusal; `None`: no person put the command.
    notification: Option<Job>,
    /// When it was decided.
    now: Timestamp,
}

impl Decided {
    /// The command changes nothing.
    fn refused(refusal: Refusal, notification: Option<Job>, next: Next, now: Timestamp) -> Self {
        Self {
            outcome: Err(refusal),
            is_asking: false,
            has_ended: false,
            next,
            notification,
            now,
        }
    }
}

impl Engine {
    /// Ends a job as it says: all of that in one transaction, or nothing.
    ///
    /// A refused command changes no rollback, and the job ends all the same; when it came from a
    /// person, the refusal is recorded and they are told.
    pub async fn complete(&self, lease: &Lease, ended: Ended) -> Result<(), Error> {
        let Ended {
            outcome,
            effects,
            stored,
        } = ended;
        let edited = effects.edited.clone();
        let completed = match outcome {
            JobOutcome::Completed(completed) => Ok(completed),
            JobOutcome::Decide(decide) => self.decide(lease, *decide, effects).await,
            JobOutcome::Next(next) => {
                let now = self.clock.now();
                let tx = self.db.begin().await?;
                self.finish(tx, lease, next, effects, now).await
            }
        };
        if let (Err(Error::Fenced), Some(key)) = (&completed, edited) {
            tracing::warn!(key, "edited after somebody else had the job; done again");
            self.invalidate(&key, &lease.job).await?;
        }
        let Completed(()) = completed?;
        if let Some(point) = stored {
            crash::point(point);
        }
        Ok(())
    }

    /// Puts a command to a rollback and completes the job that led to it, both or neither.
    pub async fn decide(
        &self,
        lease: &Lease,
        decide: Decide,
        effects: SideEffects,
    ) -> Result<Completed, Error> {
        let mut tx = self.db.begin().await?;
        let decided = self.put_to_rollback(&mut tx, lease, decide).await?;
        self.conclude(tx, lease, decided, effects).await
    }

    /// The same, but when the platform is to be asked next the job goes on under its lease, and
    /// the side effects are left out.
    pub async fn decide_and_hold(
        &self,
        lease: &Lease,
        decide: Decide,
        effects: SideEffects,
    ) -> Result<Held, Error> {
        let mut tx = self.db.begin().await?;
        let decided = self.put_to_rollback(&mut tx, lease, decide).await?;
        match decided.outcome {
            Ok(rollback) if decided.is_asking => {
                if !jobs::hold(&mut tx, lease).await? {
                    return Err(Error::Fenced);
                }
                tx.commit().await?;
                self.bell.notify_one();
                Ok(Held::Asking(Box::new(rollback)))
            }
            Ok(_) | Err(_) => {
                let completed = self.conclude(tx, lease, decided, effects).await?;
                Ok(Held::Completed(completed))
            }
        }
    }

    /// Locks a rollback, puts a command to it and stores what was decided.
    async fn put_to_rollback(
        &self,
        tx: &mut Tx,
        lease: &Lease,
        decision: Decide,
    ) -> Result<Decided, Error> {
        let Decide {
            rollback: id,
            command,
            policy,
        } = decision;
        let found = rollbacks::lock(tx, id).await?;
        // The holder of the lock before us was earlier.
        let now = self.clock.now();
        let Some(rollback) = found else {
            let refusal = Refusal::UnknownRollback { id };
            return Ok(Decided::refused(refusal, None, Next::Done, now));
        };
        telemetry::record_incident(&rollback);
        let author = Author::of(&command);
        let command = one_production(tx, &rollback, command, now).await?;
        let waits_at = address_of(&rollback, &command).filter(|address| replies::is_ours(address));
        match decide(&rollback, command, &policy, now) {
            Ok(decision) => {
                let decided = self
                    .accept(tx, lease, &rollback, decision, &policy, now)
                    .await?;
                // A caller that waits at an address of ours gets the outcome in the same commit.
                if let (Some(address), Ok(rollback)) = (waits_at, &decided.outcome) {
                    let reply = Reply {
                        rollback: Some(Box::new(rollback.clone())),
                        ..Reply::default()
                    };
                    replies::put(tx, &address, &reply, now).await?;
                }
                crash::point(Point::DecisionUncommitted);
                Ok(decided)
            }
            Err(refusal) => refuse(tx, lease, &rollback, refusal, author, now).await,
        }
    }

    /// Stores what was decided.
    async fn accept(
        &self,
        tx: &mut Tx,
        lease: &Lease,
        before: &Rollback,
        decision: Decision,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Decided, Error> {
        // These go on by themselves: what is asked for is when they go on.
        let goes_on = matches!(
            lease.job,
            Job::Advance { .. } | Job::RequestReview { .. } | Job::LookAgain { .. }
        );
        let next = match decision.drive_at {
            Some(at) if goes_on => Next::At(at),
            Some(_) | None => Next::Done,
        };
        let rollback = self.store(tx, decision, policy, !goes_on, now).await?;
        Ok(Decided {
            is_asking: rollback.asks_more_than(before),
            has_ended: !before.state.is_ended() && rollback.state.is_ended(),
            outcome: Ok(rollback),
            next,
            notification: None,
            now,
        })
    }

    /// Completes the job that has put a command.
    async fn conclude(
        &self,
        tx: Tx,
        lease: &Lease,
        decided: Decided,
        mut effects: SideEffects,
    ) -> Result<Completed, Error> {
        let Decided { next, now, .. } = decided;
        effects
            .jobs
            .extend(decided.notification.map(|job| (job, now)));
        let completed = self.finish(tx, lease, next, effects, now).await?;
        match &decided.outcome {
            Ok(rollback) => {
                tracing::info!(id = %rollback.id, state = rollback.state.name(), "moved");
                if decided.has_ended {
                    telemetry::record_end(rollback);
                }
            }
            Err(refusal) => tracing::info!(%refusal, "did not move"),
        }
        Ok(completed)
    }

    /// Stores a decision: the rollback, its timeline entries, and the jobs that tell of it.
    async fn store(
        &self,
        tx: &mut Tx,
        decision: Decision,
        policy: &Policy,
        wakes_advance: bool,
        now: Timestamp,
    ) -> Result<Rollback, Error> {
        let Decision {
            mut rollback,
            events,
            drive_at,
            notices,
            starts,
            opens,
            opens_with,
        } = decision;
        let id = rollback.id;
        let mut changes = Changes::default();
        // Before it is saved: it keeps the numbers of its members' rollbacks.
        for start in starts {
            // On the heap: few decisions start members.
            Box::pin(start_member(tx, &mut rollback, start, &mut changes, now)).await?;
        }
        match rollbacks::save(tx, &rollback).await {
            Ok(true) => {}
            Ok(false) => return Err(Error::Raced),
            // Another service planned for the same production in this very moment.
            Err(error) if rollbacks::is_taken(&error) => return Err(Error::Raced),
            Err(error) => return Err(error.into()),
        }
        let incident = rollback.incident;
        let opens = match opens {
            // What takes the place of a drill is one.
            Some(proposal) if proposal.drill.is_some() => {
                let (id, record) = drills::begin(tx, &proposal.channel, now).await?;
                Some((id, record, proposal))
            }
            Some(proposal) => {
                let id = rollbacks::next_id(tx, "rollback").await?;
                let id = RollbackId::new(id.cast_unsigned());
                Some((id, incident, proposal))
            }
            None => None,
        };
        let events = events.into_iter().map(|event| (incident, event));
        // What a decision records was so before its members began.
        changes.events.splice(0..0, events);
        if let Some(part_of) = &rollback.part_of {
            let group = Job::Advance {
                rollback: part_of.rollback,
            };
            changes.jobs.push((group, now));
        }
        if wakes_advance && let Some(at) = drive_at {
            changes.jobs.push((Job::Advance { rollback: id }, at));
        }
        for (n, notice) in notices.into_iter().enumerate() {
            for (job, mut at) in jobs_of(notice, &rollback, n, now) {
                // The person who is told that another card takes the place of theirs finds it there.
                if opens.is_some() && matches!(job, Job::Post(_)) {
                    at = now.checked_add(NEW_CARD_FIRST).unwrap_or(now);
                }
                changes.jobs.push((job, at));
            }
        }
        if let Some((id, incident, proposal)) = opens {
            changes.open(id, proposal, incident, now);
            if let Some(command) = opens_with {
                changes.put_to_opened(*command, policy, now);
            }
        }
        // Before the timeline, as where somebody ticks an item: everybody locks in one order.
        let checklist = checklists::follow(tx, &rollback, policy, now).await?;
        let after_card = now.checked_add(NEW_CARD_FIRST).unwrap_or(now);
        changes.jobs.extend(checklist.map(|job| (job, after_card)));
        changes.write(tx, now).await?;
        Ok(rollback)
    }

    /// Stores the side effects of a job and ends its lease.
    async fn finish(
        &self,
        mut tx: Tx,
        lease: &Lease,
        next: Next,
        effects: SideEffects,
        now: Timestamp,
    ) -> Result<Completed, Error> {
        let sent = effects.write(&mut tx, now).await?;
        if matches!(lease.job, Job::Survey { .. }) {
            let two_days_ago = now.checked_sub(REMEMBERED).unwrap_or(now);
            messages::sweep(&mut tx, two_days_ago).await?;
            replies::sweep(&mut tx, two_days_ago).await?;
        }
        let end = jobs::finish(&mut tx, lease, &next, now).await?;
        if end == LeaseEnd::Lost {
            return Err(Error::Fenced);
        }
        // After the lease: only now is it known whether this was the last to be sent.
        for mut message in sent {
            // Perhaps because somebody else has sent it too: which was the last is not known.
            if end == LeaseEnd::Poked && message.sent.ts.is_some() {
                message.sent.revision = 0;
            }
            messages::sent(&mut tx, &message.key, &message.channel, &message.sent).await?;
        }
        tx.commit().await?;
        self.bell.notify_one();
        Ok(Completed(()))
    }

    /// A message was edited under a lease that was lost: the new holder may have edited it
    /// before, to what is true now. `job` does it again.
    async fn invalidate(&self, key: &str, job: &Job) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        jobs::poke(&mut tx, &[(job.clone(), now)]).await?;
        messages::invalidate(&mut tx, key).await?;
        tx.commit().await?;
        self.bell.notify_one();
        Ok(())
    }
}

/// Opens the rollback of a member of a group, unless another one of the same production is open.
async fn start_member(
    tx: &mut Tx,
    group: &mut Rollback,
    start: Start,
    changes: &mut Changes,
    now: Timestamp,
) -> Result<(), Error> {
    let service = start.member.service.clone();
    let production = start.member.plan.as_ref().ok();
    let production = production.and_then(|plan| plan.production.clone());
    let among = BTreeSet::from([service.clone()]);
    let mut open = rollbacks::open_among(tx, &among).await?.remove(&service);
    if let (None, Some(production)) = (&open, production) {
        open = rollbacks::open_on(tx, &production).await?;
    }
    let stays = match &open {
        Some(open) if open.gives_way() => {
            !drills::make_way(tx, open.id, group.id, changes, now).await?
        }
        Some(_) | None => true,
    };
    if let Some(open) = open.filter(|_| stays) {
        group.members.push(Member::busy(service, &open));
        changes
            .jobs
            .push((Job::Advance { rollback: group.id }, now));
        return Ok(());
    }
    let id = rollbacks::next_id(tx, "rollback").await?;
    let id = RollbackId::new(id.cast_unsigned());
    if let Some((opened, events)) = group.start_member(start, id, now) {
        changes.open_member(opened, events, now);
    }
    Ok(())
}

/// Records that a command was refused, if a person has put it, and tells them.
async fn refuse(
    tx: &mut Tx,
    lease: &Lease,
    rollback: &Rollback,
    refusal: Refusal,
    author: Option<Author>,
    now: Timestamp,
) -> Result<Decided, Error> {
    let notification = match author {
        Some(author) => {
            let (source, verb) = (author.source, author.verb);
            let once = match refusal {
                Refusal::NotAMember { .. } => Some(refusal_key(&author.by, &rollback.channel, now)),
                _ => None,
            };
            if is_first(tx, once.as_deref(), now).await? {
                let event = refused(&author.by, source, verb, &refusal, Some(rollback.id), now);
                timelines::append(tx, &[(rollback.incident, event)], now).await?;
            }
            Some(author.notification(lease, rollback, &refusal))
        }
        None => None,
    };
    // It is advanced again by whatever changed it, or looks at itself once more.
    let looks_again = matches!(lease.job, Job::Advance { .. }) && !rollback.state.is_ended();
    let next = match looks_again {
        true => Next::At(now.checked_add(LOOK_AGAIN).unwrap_or(now)),
        false => Next::Done,
    };
    Ok(Decided::refused(refusal, notification, next, now))
}

/// The person who has put a command.
struct Author {
    by: Person,
    source: Source,
    reply_to: Option<String>,
    verb: &'static str,
}

impl Author {
    /// Who has put this command; `None`: no person has.
    fn of(command: &Command) -> Option<Self> {
        let Command::Person {
            by,
            source,
            reply_to,
            act,
            ..
        } = command
        else {
            return None;
        };
        Some(Self {
            by: by.clone(),
            source: *source,
            reply_to: reply_to.clone(),
            verb: act.verb(),
        })
    }

    /// The job that tells them of a refusal.
    fn notification(self, lease: &Lease, rollback: &Rollback, refusal: &Refusal) -> Job {
        Job::Notify(Notification {
            channel: rollback.channel.clone(),
            person: self.by.id,
            thread: None,
            reply_to: self.reply_to,
            message: Message::from(refusal).about(rollback.id),
            otherwise: None,
            id: format!("refused:{}", lease.job.key()),
        })
    }
}

/// Lets no plan be proposed for a production that has an open rollback already, whatever service
/// that one was asked for. An open drill ends for a rollback.
async fn one_production(
    tx: &mut Tx,
    rollback: &Rollback,
    command: Command,
    now: Timestamp,
) -> Result<Command, Error> {
    let Command::Planned { plan, .. } = &command else {
        return Ok(command);
    };
    let Some(production) = &plan.production else {
        return Ok(command);
    };
    let mut open = rollbacks::open_on(tx, production).await?;
    open = open.filter(|open| open.id != rollback.id);
    if let Some(drill) = open.as_ref().filter(|open| open.gives_way())
        && rollback.drill.is_none()
        && drills::make_way_at_once(tx, drill.id, rollback.id, now).await?
    {
        open = None;
    }
    Ok(match open {
        Some(open) => Command::CannotPlan {
            refusal: Refusal::AlreadyOpen {
                id: open.id,
                word: open.word(),
                stoppable: open.times.asked.is_none(),
                asked_for: (open.service != rollback.service)
                    .then(|| Box::new(rollback.service.clone())),
                service: open.service,
            },
        },
        None => command,
    })
}

/// Where somebody waits to hear what comes of a command.
fn address_of(rollback: &Rollback, command: &Command) -> Option<String> {
    match command {
        Command::Person { reply_to, .. } => reply_to.clone(),
        Command::Planned { .. } => rollback.reply_to.clone(),
        Command::CannotPlan { .. }
        | Command::FaultBegins
        | Command::FaultEnded { .. }
        | Command::Waited { .. }
        | Command::WindowEnded { .. }
        | Command::Renewed { .. }
        | Command::Expire
        | Command::Froze { .. }
        | Command::Unpinned
        | Command::Snoozed { .. }
        | Command::Unconfigured
        | Command::ReviewDue { .. }
        | Command::Rechecked { .. }
        | Command::RecheckFailed { .. }
        | Command::Answered { .. }
        | Command::PinAnswered { .. }
        | Command::LostTrack
        | Command::ClockSet
        | Command::Observed { .. }
        | Command::MembersSeen { .. }
        | Command::Probed { .. }
        | Command::Close { .. }
        | Command::LookedAfter { .. }
        | Command::StageLooked { .. }
        | Command::StagesEnd { .. } => None,
    }
}

/// The jobs that say the same in several channels.
fn announcements(
    rollback: RollbackId,
    channels: Vec<String>,
    message: &Message,
    key: &str,
) -> impl Iterator<Item = Job> {
    channels.into_iter().map(move |channel| {
        Job::Post(Post {
            id: format!("{rollback}:{key}:{channel}"),
            channel,
            thread: None,
            under: None,
            message: message.clone(),
            button: None,
            when_refused: WhenRefused::Log,
        })
    })
}

/// The jobs that do what a decision asks for, and when each is due. `n` is the place of the notice
/// in the decision.
pub(super) fn jobs_of(
    notice: Notice,
    rollback: &Rollback,
    n: usize,
    now: Timestamp,
) -> Vec<(Job, Timestamp)> {
    let id = rollback.id;
    let channel = || rollback.channel.clone();
    let notice = notice.about(id);
    // A part of a group has no card of its own: its group's shows it, and tells how it ended.
    let card = rollback
        .part_of
        .as_ref()
        .map_or(id, |part_of| part_of.rollback);
    let is_part = card != id;
    let job = match notice {
        Notice::Card | Notice::Export { .. } if is_part => return vec![],
        // A drill wakes nobody, and took nobody's changes away.
        Notice::Page { .. } | Notice::Authors if id.is_drill() => return vec![],
        Notice::MakeFault => Job::MakeFault { rollback: id },
        Notice::ReviewAt { at } => return vec![(Job::RequestReview { rollback: id }, at)],
        Notice::LookAgainAt { at } => return vec![(Job::LookAgain { rollback: id }, at)],
        Notice::Announce {
            channels,
            message,
            key,
        } => {
            let announced = announcements(id, channels, &message, &key);
            return announced.map(|job| (job, now)).collect();
        }
        Notice::Card => Job::Card { rollback: id },
        Notice::Outcome => Job::AnnounceOutcome { rollback: id },
        Notice::Authors => Job::TellAuthors { rollback: id },
        Notice::Tell {
            person,
            reply_to,
            message,
        } => Job::Notify(Notification {
            channel: channel(),
            thread: None,
            reply_to,
            message,
            otherwise: Some(Otherwise {
                rollback: Some(id),
                people: vec![person.clone()],
                key: format!("{id}:{}:{n}", rollback.revision),
            }),
            person,
            id: format!("{id}:{}:{n}", rollback.revision),
        }),
        Notice::Post {
            message,
            button,
            in_thread,
            key,
        } => Job::Post(Post {
            channel: channel(),
            thread: None,
            under: in_thread.then_some(card),
            button,
            when_refused: WhenRefused::TellAlone {
                rollback: Some(id),
                people: addressees(&message, rollback),
            },
            message,
            id: format!("{id}:{key}"),
        }),
        Notice::Page { page } => Job::Page { rollback: id, page },
        Notice::TakePinBack => Job::TakePinBack { rollback: id },
        Notice::BreakGlass => Job::BreakGlassMessage { rollback: id },
        Notice::Export { why } => Job::Export(ExportRequest {
            incident: rollback.incident,
            document: Document::Timeline,
            format: ExportFormat::Markdown,
            channel: channel(),
            rollback: Some(id),
            thread: None,
            asked_by: None,
            reply_to: None,
            id: format!("{id}:{why}"),
        }),
    };
    vec![(job, now)]
}

/// Those whom a message names, else those whom the rollback concerns.
fn addressees(message: &Message, rollback: &Rollback) -> Vec<Addressee> {
    match message {
        Message::Naming(_, people) | Message::Refused(_, _, people) if !people.is_empty() => {
            people.iter().map(|id| rollback.addressee(id)).collect()
        }
        Message::Naming(..) | Message::Refused(..) | Message::Text(_) | Message::Mrkdwn(_) => {
            rollback.concerned()
        }
    }
}
