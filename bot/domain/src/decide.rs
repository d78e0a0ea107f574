//! The machine: what each command leads to.
//!
//! ```text
//! Planning → Proposed → Approved → Executing → Accepted → Serving(n/m) → Watching → Closed
//!          ↘ Blocked  ↘ Denied · Cancelled · Expired · Superseded
//!                                  Executing | Accepted | Serving → Failed | Partial(n/m) | Unknown → Resolved
//! ```
//!
//! [`decide`] is the only way from one state to the next. It reads no clock and touches nothing:
//! what must happen comes back as a [`Decision`], and the engine stores all of it or none.
//! `tests/snapshots` beside it has every command in every state. Eight modules: what people do
//! (`acts`), while approvals are waited for (`waiting`), once it runs (`running`), plans of several
//! steps (`steps`), the later looks at what was verified (`stages`), the members of a group (`group`),
//! what a drill does otherwise (`drill`), and what those are told whom a turn or an ending concerns
//! (`turns`).

mod acts;
mod afterwards;
mod drill;
mod group;
mod running;
mod stages;
mod steps;
mod turns;
mod waiting;

use crate::{
    audience::Audience,
    authority::{Case, Roster, Truth},
    drill::Drill,
    grammar::ReviewAnswer,
    group::Start,
    identity::RollbackId,
    incident::{
        Actor, Approved, Evidence, Fact, IncidentFact, Lacking, Moved, NotStarted, PeopleFact,
        ProofFact, ProposedChange, Reopening, RunningFact, TimelineEvent, WaitingFact,
    },
    people::{Membership, Person},
    plan::{Aim, Plan, PlanHash},
    platform::{
        Holds, NextStep, Production, Progress, ProviderError, Receipt, SignOff, Task, Timing,
        busy_wait,
    },
    policy::{EscalationStep, Policy, Rule},
    proof::{Round, Verdict},
    refusal::{Refusal, Source, list},
    release::{Pin, Release, Surface, Survey, TargetKind},
    risk::Risk,
    rollback::{
        Act, Approval, Asked, BreakGlass, Command, Confirmed, Decision, Freeze, Hold, Message,
        Notice, Objection, Page, Proposal, Review, Rollback, State,
    },
};
use jiff::Timestamp;
use std::time::Duration;

/// How soon after a change the platform and the outside are looked at first.
const LOOK_FIRST: Duration = Duration::from_millis(250);
/// How often something that got no answer is read back at most.
const READ_BACK_AT_MOST: Duration = Duration::from_secs(60);
/// How often a platform is looked at, at most and at least, whatever its provider names.
const LOOK_EVERY_AT_LEAST: Duration = Duration::from_secs(1);
const LOOK_EVERY_AT_MOST: Duration = Duration::from_secs(5 * 60);
/// How long a card may take to appear before somebody is asked to look at it.
const CARD_FIRST: Duration = Duration::from_secs(5);
/// How often it is looked again whether a service is back in the configuration.
const UNCONFIGURED_EVERY: Duration = Duration::from_secs(60);
/// How many objections one card takes.
const OBJECTIONS_AT_MOST: usize = 20;
/// How often a platform is asked for a step of one rollback at most, however often its provider
/// says that the next one is safe.
const ASKS_AT_MOST: u32 = 60;

/// What `command` does to `rollback` at `now`, or why it does nothing.
pub fn decide(
    rollback: &Rollback,
    command: Command,
    policy: &Policy,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let mut next = Draft::of(rollback, now);
    next.rollback.correct_moments(now, policy);
    match command {
        Command::Person {
            by,
            membership,
            roster,
            last_known,
            source,
            reply_to,
            act,
            prepared,
        } => {
            by.refuse_agent()?;
            membership.admit()?;
            let address = reply_to.clone().map(|address| (by.id.clone(), address));
            let who = Who {
                person: by,
                membership,
                roster: *roster,
                source,
            };
            next.act(who, act, reply_to, prepared, policy)?;
            next.rollback.addresses.extend(address);
            next.admit_last_known(last_known);
        }
        Command::Planned {
            plan,
            requester,
            last_known,
            roster,
            frozen,
            objections,
            audience,
        } => {
            next.rollback.objections = objections;
            next.planned(*plan, requester, &roster, frozen, &audience, policy)?;
            next.admit_last_known(last_known);
        }
        Command::FaultBegins => next.fault_begins()?,
        Command::FaultEnded { result } => next.fault_ended(result)?,
        Command::CannotPlan { refusal } => next.cannot_plan(refusal)?,
        Command::Waited { roster } => next.waited(&roster, policy)?,
        Command::WindowEnded {
            membership,
            roster,
            audience,
        } => {
            next.window_ended(&membership, &roster, &audience, policy)?;
        }
        Command::Renewed { plan } => next.renewed(plan, policy)?,
        Command::Froze { freeze } => next.froze(freeze, policy)?,
        Command::Unpinned => next.unpinned(policy)?,
        Command::LookedAfter {
            survey,
            bad,
            unpinners,
        } => next.looked_after(&survey, bad.as_deref(), unpinners)?,
        Command::Snoozed { until, by, source } => next.snoozed(until, by, source)?,
        Command::Unconfigured => next.unconfigured()?,
        Command::ReviewDue { roster, explained } => {
            next.review_due(&roster, explained, policy)?;
        }
        Command::Expire => next.expire()?,
        Command::Rechecked {
            survey,
            plan,
            roster,
        } => next.rechecked(*survey, plan, &roster, policy)?,
        Command::RecheckFailed { why } => next.recheck_failed(why, policy)?,
        Command::PinAnswered { answer } => next.pin_answered(answer, policy)?,
        Command::Answered { answer } => next.answered(answer, policy)?,
        Command::LostTrack => next.lost_track()?,
        Command::ClockSet => next.clock_set(),
        Command::Observed { progress, roster } => next.observed(progress, &roster, policy)?,
        Command::MembersSeen { members } => next.members_seen(members, policy)?,
        Command::Probed { round, live } => next.probed(round, live, policy)?,
        Command::Close { replaced_by } => next.close(replaced_by)?,
        Command::StageLooked { round, incident } => {
            next.stage_looked(round, &incident, policy)?;
        }
        Command::StagesEnd { because } => next.stages_end(because)?,
    }
    Ok(next.decision())
}

/// What becomes of a drill at `now` when a rollback of the same production is asked for, or why it
/// stays. That follows from no policy.
pub fn give_way(drill: &Rollback, to: RollbackId, now: Timestamp) -> Result<Decision, Refusal> {
    let mut next = Draft::of(drill, now);
    next.give_way(to)?;
    Ok(next.decision())
}

/// Somebody who acts, with what was read of them for this.
struct Who {
    person: Person,
    membership: Membership,
    roster: Roster,
    source: Source,
}

/// A decision being made.
struct Draft {
    rollback: Rollback,
    events: Vec<TimelineEvent>,
    drive_at: Option<Timestamp>,
    notices: Vec<Notice>,
    starts: Vec<Start>,
    opens: Option<Proposal>,
    opens_with: Option<Box<Command>>,
    now: Timestamp,
}

impl Draft {
    fn of(rollback: &Rollback, now: Timestamp) -> Draft {
        Draft {
            events: vec![],
            drive_at: None,
            notices: vec![],
            starts: vec![],
            opens: None,
            opens_with: None,
            rollback: rollback.clone(),
            now,
        }
    }

    fn decision(mut self) -> Decision {
        self.rollback.revision += 1;
        Decision {
            rollback: self.rollback,
            events: self.events,
            drive_at: self.drive_at,
            notices: self.notices,
            starts: self.starts,
            opens: self.opens,
            opens_with: self.opens_with,
        }
    }

    /// What a person does to it, each with the authority that it needs.
    fn act(
        &mut self,
        who: Who,
        act: Act,
        reply_to: Option<String>,
        prepared: Option<Result<Box<Plan>, Refusal>>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        match act {
            Act::Approve { hash, confirmed } => self.approve(who, hash, confirmed, policy),
            Act::Withdraw { because } => self.withdraw(who, because, policy),
            Act::Object { because } => self.object(who, because, policy),
            Act::BreakGlass {
                hash,
                because,
                promised,
            } => self.break_glass(who, hash, because, promised, policy),
            Act::Review { answer, because } => self.review(who, answer, because, policy),
            Act::Resolve { done, because } => self.resolve(who, done, because, policy),
            Act::SignOff { task, done, note } => self.sign_off(who, &task, done, note, policy),
            Act::Deny { because } => self.deny(who, because, policy),
            Act::Stop { because } => self.stop(who, because, policy),
            Act::Retarget { hash, to } => self.retarget(who, hash, to, reply_to, prepared),
        }
    }

    /// Keeps the next wake-up as it was, after a command that changes no state.
    fn go_on(&mut self, policy: &Policy) {
        match self.rollback.state {
            State::Proposed { .. } => self.wait_on(policy),
            // Poking an earlier moment never moves the drive job later.
            State::Planning
            | State::Approved { .. }
            | State::Executing { .. }
            | State::WaitingForPeople { .. }
            | State::Accepted { .. }
            | State::Serving { .. }
            | State::Unknown { .. }
            | State::Watching { .. } => {
                self.drive_at = Some(after(self.now, policy.check_every));
            }
            State::Blocked { .. }
            | State::Closed
            | State::Failed { .. }
            | State::Partial { .. }
            | State::Rehearsed
            | State::Resolved { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => {}
        }
    }

    /// Its moments were corrected by a clock that is right: what is due by it is looked at now.
    fn clock_set(&mut self) {
        self.drive_at = Some(self.now);
        // While it is planned there is no card.
        if self.rollback.state != State::Planning {
            self.notices.push(Notice::Card);
        }
    }

    /// The end of the plan that is open for this hash; refused if it is not.
    fn open_with(&self, hash: Option<PlanHash>) -> Result<Timestamp, Refusal> {
        self.rollback.open_with(hash.as_ref(), self.now)
    }

    /// When it is looked at next while it is open.
    fn wait_on(&mut self, policy: &Policy) {
        // A page that was taken back when it was approved goes out again.
        let waiting = &mut self.rollback.waiting;
        if !waiting.paged
            && let Some(first) = policy.escalate.iter().position(|step| step.page)
        {
            waiting.escalated = waiting.escalated.min(first);
        }
        if let State::Proposed { expires_at } = self.rollback.state {
            self.drive_at = Some(self.rollback.next_look(policy, expires_at));
        }
    }

    /// The cautions of its plan, as clauses.
    fn cautions(&self) -> Vec<String> {
        let plan = self.rollback.plan.as_ref();
        plan.map_or_else(Vec::new, |plan| {
            plan.cautions
                .iter()
                .map(|caution| caution.draw(plan.to.label(), plan.read_at))
                .collect()
        })
    }

    /// What an approval would let happen.
    fn change(&self) -> ProposedChange {
        ProposedChange {
            undoes: self.rollback.aim.undoes,
            service: self.rollback.service.clone(),
            from: self.rollback.from_label().to_owned(),
            to: self.rollback.to_label().to_owned(),
        }
    }

    /// Says something where everybody sees it; [`Message::whom`] stands in `text` for `people`.
    fn post(&mut self, text: String, people: Vec<String>, in_thread: bool, key: &str) {
        self.notices.push(Notice::Post {
            message: Message::Naming(text, people),
            button: None,
            in_thread,
            key: format!("{key}:{}", self.rollback.revision),
        });
    }

    /// Says something in the channels that are configured for it, besides its own.
    fn announce(&mut self, text: String, people: Vec<String>, policy: &Policy, key: &str) {
        let channels: Vec<String> = policy
            .announce
            .of(self.rollback.risk())
            .into_iter()
            .filter(|channel| *channel != self.rollback.channel)
            .map(str::to_owned)
            .collect();
        if !channels.is_empty() {
            self.notices.push(Notice::Announce {
                channels,
                message: Message::Naming(text, people),
                key: format!("{key}:{}", self.rollback.revision),
            });
        }
    }

    /// A drill wakes nobody.
    fn page(&mut self, about: &str, summary: String) {
        if self.rollback.drill.is_some() {
            return;
        }
        self.record_own(IncidentFact::Paging {
            summary: summary.clone(),
        });
        let key = format!("{}:{about}", self.rollback.id);
        self.notices.push(Notice::Page {
            page: Page::Trigger { key, summary },
        });
    }

    /// Voids an emergency run that never reached the platform.
    fn void_break_glass(&mut self, why: &str) {
        if let Some(break_glass) = &mut self.rollback.break_glass
            && break_glass.spent.is_none()
        {
            break_glass.spent = Some(why.to_owned());
            self.notices.push(Notice::BreakGlass);
            self.resolve_break_glass_page();
            self.drop_review_request();
        }
    }

    /// Has the job that asks for the review look at once, and find that nothing is to be asked.
    fn drop_review_request(&mut self) {
        self.notices.push(Notice::ReviewAt { at: self.now });
    }

    /// Resolves the page about an emergency run: it was reviewed, or nothing was run.
    fn resolve_break_glass_page(&mut self) {
        let id = self.rollback.id;
        if let Some(break_glass) = &mut self.rollback.break_glass
            && std::mem::take(&mut break_glass.paged)
        {
            self.notices.push(Notice::Page {
                page: Page::Resolve {
                    key: format!("{id}:glass"),
                },
            });
        }
    }

    /// Why a command that needs another state does nothing: the fact, as a refusal.
    fn not_open(&self) -> Refusal {
        self.rollback.not_open(self.now)
    }

    /// The same wish once more, in a new rollback.
    fn again(&self, target: crate::grammar::Target) -> Proposal {
        let rollback = &self.rollback;
        Proposal {
            channel: rollback.channel.clone(),
            service: rollback.service.clone(),
            requester: rollback.requester.clone(),
            because: rollback.because.clone(),
            evidence: rollback.evidence.clone(),
            aim: Aim {
                target,
                utc_offset: rollback.aim.utc_offset,
                undoes: rollback.aim.undoes,
                part: rollback.aim.part.clone(),
            },
            // The request came from the CLI or the API, so its requester is checked by the rules for those.
            source: match rollback.out_of_band {
                true => Source::OutOfBand,
                false => Source::Bot,
            },
            commanded: self.now,
            target_time: rollback.target_time,
            reply_to: rollback.reply_to.clone(),
            replaces: Some(rollback.id),
            waiting: crate::rollback::Waiting::default(),
            turns: rollback.turns.clone(),
            part_of: None,
            drill: rollback.drill.as_ref().map(Drill::again),
        }
    }

    fn platform(&self) -> String {
        self.rollback.plan.as_ref().map_or_else(
            || "the platform".into(),
            |plan| plan.effects.platform.clone(),
        )
    }

    /// Records which facts were last known ones, because they could not be read for this.
    fn admit_last_known(&mut self, last_known: Option<String>) {
        if let (Some(clause), Some(first)) = (last_known, self.events.first_mut()) {
            first.evidence.push(Evidence::LastRead { clause });
        }
    }

    fn record(&mut self, who: Actor, source: Source, fact: impl Into<Fact>) {
        let rollback = Some(self.rollback.id);
        let event = TimelineEvent::new(self.now, who, source, rollback, fact);
        self.events.push(event);
    }

    /// Records what somebody decided.
    fn record_by(&mut self, who: &Who, fact: PeopleFact) {
        self.record(Actor::Person(who.person.clone()), who.source, fact);
    }

    /// Records what the bot did by its own rules.
    fn record_own(&mut self, fact: impl Into<Fact>) {
        self.record(Actor::Bot, Source::Bot, fact);
    }

    /// Records what the platform did.
    fn record_platform(&mut self, fact: impl Into<Fact>) {
        self.record(Actor::Platform(self.platform()), Source::Platform, fact);
    }

    /// Records why something is not done; gives it in words, for those who are told.
    fn record_reason(&mut self, fact: impl Into<Fact>) -> String {
        let fact = fact.into();
        let why = fact.text();
        self.record_own(fact);
        why
    }

    fn transition_to(&mut self, state: State) {
        if self.rollback.waiting.paged && !matches!(state, State::Proposed { .. }) {
            self.rollback.waiting.paged = false;
            self.notices.push(Notice::Page {
                page: Page::Resolve {
                    key: format!("{}:approval", self.rollback.id),
                },
            });
        }
        self.rollback.state = state;
        self.notices.push(Notice::Card);
    }

    fn finish(&mut self, state: State) {
        self.rollback.times.ended = Some(self.now);
        self.rollback.waiting.window_ends = None;
        // An emergency run that ran nothing needs no review.
        if self.rollback.times.asked.is_none() {
            self.void_break_glass("Nothing was run.");
        }
        self.transition_to(state);
        // What was not run, and what failed with production as it was, needs no pin.
        if self.rollback.gives_hold_back() {
            self.take_pin_back();
        }
        self.drive_at = None;
    }

    /// Ended after the platform was asked: the channel hears how, and the timeline is exported.
    fn finish_and_announce(&mut self, state: State) {
        self.finish(state);
        self.notices.push(Notice::Outcome);
        self.notices.push(Notice::Export {
            why: "closed".into(),
        });
    }
}

/// What moved between the card and now.
fn moved(before: Option<&Plan>, fresh: &Plan) -> Moved {
    let Some(before) = before else {
        return Moved::NoPlan;
    };
    let label =
        |release: &Option<Release>| release.as_ref().map(|release| release.label().to_owned());
    if before.from.as_ref().map(|from| &from.id) != fresh.from.as_ref().map(|from| &from.id) {
        return Moved::Live {
            from: label(&before.from),
            to: label(&fresh.from),
        };
    }
    if before.to.id != fresh.to.id {
        return Moved::Target {
            from: before.to.label().to_owned(),
            to: fresh.to.label().to_owned(),
        };
    }
    let content = |plan: &Plan| {
        let Plan { to, content, .. } = plan;
        (to.version.clone(), to.sha.clone(), content.clone())
    };
    if content(before) != content(fresh) {
        return Moved::Content {
            to: fresh.to.label().to_owned(),
        };
    }
    if before.surfaces != fresh.surfaces {
        return Moved::Surfaces;
    }
    if before.pin != fresh.pin {
        return Moved::Pin;
    }
    Moved::Effects
}

/// How long until the next look at what has been waited for so long: a quarter of that, so that
/// what comes soon is seen soon, and what takes long costs few requests.
fn look_again(waited: Duration, check_every: Duration) -> Duration {
    (waited / 4).max(LOOK_FIRST).min(check_every)
}

fn watch_every(policy: &Policy) -> Duration {
    policy.check_every.max(Duration::from_secs(15))
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::look_again;
    use std::time::Duration;

    /// When it is looked, until half a minute has passed.
    fn looks(check_every: Duration) -> Vec<Duration> {
        let mut looks = vec![];
        let mut waited = Duration::ZERO;
        while waited < Duration::from_secs(30) {
            waited += look_again(waited, check_every);
            looks.push(waited);
        }
        looks
    }

    #[test]
    fn what_comes_soon_is_seen_within_a_second() {
        let looks = looks(Duration::from_secs(5));
        let soon = looks.iter().take_while(|at| at.as_secs() < 4).count();
        assert_eq!((soon, looks.len()), (10, 20), "few requests: {looks:?}");
        let mut before = Duration::ZERO;
        for at in looks {
            let most = Duration::from_secs(if before.as_secs() < 4 { 1 } else { 5 });
            assert!(at - before <= most, "{before:?} and {at:?}");
            before = at;
        }
    }

    #[test]
    fn nobody_is_looked_at_less_often_than_was_configured() {
        let often = Duration::from_millis(100);
        assert_eq!(look_again(Duration::ZERO, often), often);
        assert_eq!(look_again(Duration::from_secs(3600), often), often);
    }
}
