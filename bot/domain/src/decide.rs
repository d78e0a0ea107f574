//! The machine: what each command leads to.
//!
//! ```text
//! Planning → Proposed → Approved → Executing → Accepted → Serving(n/m) → Watching → Closed
//!          ↘ Blocked  ↘ Denied · Cancelled · Expired · Superseded
//!                                  Executing | Accepted | Serving → Failed | Partial(n/m) | Unknown
//! ```
//!
//! [`decide`] is the only way from one state to the next. It reads no clock and touches nothing:
//! what must happen comes back as a [`Decision`], and the engine stores all of it or none.
//! `tests/snapshots` beside it has every command in every state.

use crate::{
    authority::{Case, Roster, Truth},
    grammar::ReviewAnswer,
    people::{Person, Standing},
    plan::{Aim, Plan, PlanHash},
    policy::{Policy, Rung},
    proof::{Round, spell},
    refusal::{Refusal, Source, list},
    release::{Pin, Progress, Receipt, Release, Surface, Survey, Trouble},
    risk::Risk,
    rollback::{
        Act, Approval, Asked, Command, Confirmed, Decision, Freeze, Glass, Objection, Page,
        Proposal, Review, Rollback, Say, Spoken, State,
    },
    timeline::{Actor, Happening, Kind},
};
use jiff::Timestamp;
use std::time::Duration;

/// How often something that got no answer is read back at most.
const READ_BACK_AT_MOST: Duration = Duration::from_secs(60);
/// How long the platform may take from accepting to serving before that is said to be too long.
pub const SERVE_WITHIN: Duration = Duration::from_secs(15 * 60);
/// How long a card may take to appear before somebody is asked to look at it.
const CARD_FIRST: Duration = Duration::from_secs(5);
/// How many objections one card takes.
const OBJECTIONS_AT_MOST: usize = 20;
/// How long a request may leave no trace before it counts as never received.
const TRACE_WITHIN: Duration = Duration::from_secs(60);

/// What `command` does to `rollback` at `now`, or why it does nothing.
pub fn decide(
    rollback: &Rollback,
    command: Command,
    policy: &Policy,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let mut next = Draft {
        happenings: vec![],
        drive_at: None,
        says: vec![],
        opens: None,
        rollback: rollback.clone(),
        now,
    };
    match command {
        Command::Person {
            by,
            standing,
            roster,
            source,
            reply_to,
            act,
        } => {
            standing.admit()?;
            let who = Who {
                person: by,
                standing,
                roster: *roster,
                source,
            };
            match act {
                Act::Approve { hash, confirmed } => next.approve(who, hash, confirmed, policy)?,
                Act::Withdraw { because } => next.withdraw(who, because, policy)?,
                Act::Object { because } => next.object(who, because, policy)?,
                Act::BreakGlass {
                    hash,
                    because,
                    promised,
                } => next.break_glass(who, hash, because, promised, policy)?,
                Act::Review { answer, because } => next.review(who, answer, because, policy)?,
                Act::Resolve { done, because } => next.resolve(who, done, because, policy)?,
                Act::Deny { because } => next.deny(who, because, policy)?,
                Act::Stop { because } => next.stop(who, because, policy)?,
                Act::Retarget { hash, to } => next.retarget(who, hash, to, reply_to)?,
            }
        }
        Command::Planned {
            plan,
            requester,
            roster,
            frozen,
        } => next.planned(*plan, requester, &roster, frozen, policy)?,
        Command::CannotPlan { refusal } => next.cannot_plan(refusal)?,
        Command::Waited { roster } => next.waited(&roster, policy)?,
        Command::WindowEnded { standing, roster } => {
            next.window_ended(&standing, &roster, policy)?;
        }
        Command::Renewed { plan } => next.renewed(plan, policy)?,
        Command::Froze { freeze } => next.froze(freeze, policy)?,
        Command::ReviewDue { roster } => next.review_due(&roster, policy)?,
        Command::Expire => next.expire()?,
        Command::Rechecked {
            survey,
            plan,
            roster,
        } => next.rechecked(*survey, plan, &roster, policy)?,
        Command::RecheckFailed { why } => next.recheck_failed(why, policy)?,
        Command::Answered { answer } => next.answered(answer, policy)?,
        Command::LostTrack => next.lost_track()?,
        Command::Observed { progress } => next.observed(progress, policy)?,
        Command::Probed { round, seen } => next.probed(round, seen, policy)?,
        Command::Close { replaced_by } => next.close(replaced_by)?,
    }
    next.rollback.revision += 1;
    Ok(Decision {
        rollback: next.rollback,
        happenings: next.happenings,
        drive_at: next.drive_at,
        says: next.says,
        opens: next.opens,
    })
}

/// Somebody who acts, with what was read of them for this.
struct Who {
    person: Person,
    standing: Standing,
    roster: Roster,
    source: Source,
}

/// A decision being made.
struct Draft {
    rollback: Rollback,
    happenings: Vec<Happening>,
    drive_at: Option<Timestamp>,
    says: Vec<Say>,
    opens: Option<Proposal>,
    now: Timestamp,
}

impl Draft {
    fn approve(
        &mut self,
        who: Who,
        hash: Option<PlanHash>,
        confirmed: Confirmed,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let expires_at = self.open_with(hash)?;
        let case = self.rollback.case(policy, &who.roster);
        let roles = case
            .may_approve(&who.person, &who.standing, self.now)
            .admit()?;
        if let Some(plan) = &self.rollback.plan
            && let Some(what) = confirmed.lacks(case.rule, plan)
        {
            return Err(Refusal::Unconfirmed { what });
        }
        let mut text = format!("approved plan {} as {}", self.hash(), list(&roles, "and"));
        if !confirmed.ticked.is_empty() {
            text.push_str(&format!(", seeing: {}", self.cautions().join("; ")));
        }
        if let Some(typed) = &confirmed.typed {
            text.push_str(&format!(", typing {}", typed.trim()));
        }
        if let Some(because) = &confirmed.because {
            text.push_str(&format!(", because \"{because}\""));
        }
        if let Some(frozen) = &self.rollback.frozen {
            text.push_str(&format!(
                ", while frozen by @{} because \"{}\"",
                frozen.by.name, frozen.because
            ));
        }
        self.let_run(
            Approval {
                by: who.person,
                roles,
                at: self.now,
                unopposed: false,
            },
            who.source,
            text,
            expires_at,
            &who.roster,
            policy,
        );
        Ok(())
    }

    /// Counts a yes, and goes on if it was the last that was missing.
    fn let_run(
        &mut self,
        approval: Approval,
        source: Source,
        text: String,
        expires_at: Timestamp,
        roster: &Roster,
        policy: &Policy,
    ) {
        self.happened(
            Actor::Person(approval.by.clone()),
            source,
            Kind::Approved,
            text,
        );
        self.rollback.approvals.push(approval);
        self.rollback.waiting.window_ends = None;
        if self.rollback.case(policy, roster).missing().people > 0 {
            self.become_(State::Proposed { expires_at });
            self.wait_on(policy);
            return;
        }
        self.rollback.times.approved = Some(self.now);
        self.become_(State::Approved { expires_at });
        self.drive_at = Some(self.now);
    }

    fn withdraw(
        &mut self,
        who: Who,
        because: Option<String>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let (State::Proposed { expires_at } | State::Approved { expires_at }) = self.rollback.state
        else {
            return Err(self.not_open());
        };
        let given = |approval: &Approval| approval.by.id == who.person.id;
        let Some(at) = self.rollback.approvals.iter().position(given) else {
            return Err(Refusal::AlreadySo {
                what: format!(
                    "You have not approved RB-{0}, so there is nothing to take back. `/rollback object RB-{0} because …` speaks against it.",
                    self.rollback.id
                ),
            });
        };
        self.rollback.approvals.remove(at);
        self.happened(
            Actor::Person(who.person),
            who.source,
            Kind::Withdrawn,
            reasoned("took their approval back", &because),
        );
        if self.rollback.breaks_glass() {
            // It never ran on this approval alone.
            self.become_(State::Approved { expires_at });
            self.drive_at = Some(self.now);
            return Ok(());
        }
        self.rollback.times.approved = None;
        self.become_(State::Proposed { expires_at });
        self.wait_on(policy);
        Ok(())
    }

    fn object(&mut self, who: Who, because: String, policy: &Policy) -> Result<(), Refusal> {
        if !matches!(
            self.rollback.state,
            State::Proposed { .. } | State::Approved { .. }
        ) {
            return Err(self.not_open());
        }
        if self.rollback.objections.len() >= OBJECTIONS_AT_MOST {
            return Err(Refusal::AlreadySo {
                what: format!(
                    "RB-{} has {OBJECTIONS_AT_MOST} objections already; `/rollback note` writes yours down.",
                    self.rollback.id
                ),
            });
        }
        self.happened(
            Actor::Person(who.person.clone()),
            who.source,
            Kind::Objected,
            format!("objected: \"{because}\""),
        );
        let waits = match self.break_silence() {
            true => " It does not start by itself any more; somebody with authority decides.",
            false => "",
        };
        let text = format!(
            "{} objects to RB-{}: \"{}\".{waits}",
            Spoken::whom(0),
            self.rollback.id,
            Spoken::quoted(&because)
        );
        self.post(text, vec![who.person.id.clone()], true, "objection");
        self.rollback.objections.push(Objection {
            by: who.person,
            because,
            at: self.now,
        });
        self.says.push(Say::Card);
        match self.rollback.state {
            State::Proposed { .. } => self.wait_on(policy),
            _ => self.drive_at = Some(self.now),
        }
        Ok(())
    }

    /// Silence is no approval any more, and what it started waits again, as long as the platform
    /// was not asked. Gives whether there was anything to end.
    fn break_silence(&mut self) -> bool {
        let window = self.rollback.waiting.window_ends.take().is_some();
        let unopposed = self.rollback.approvals.iter().any(|one| one.unopposed);
        if let State::Approved { expires_at } = self.rollback.state
            && unopposed
            && !self.rollback.breaks_glass()
        {
            self.rollback.approvals.clear();
            self.rollback.times.approved = None;
            self.become_(State::Proposed { expires_at });
        }
        window || unopposed
    }

    fn break_glass(
        &mut self,
        who: Who,
        hash: Option<PlanHash>,
        because: String,
        promised: bool,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let expires_at = self.open_with(hash)?;
        let case = self.rollback.case(policy, &who.roster);
        let people: Vec<String> = case
            .could_approve(self.now)
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        if !case.rule.break_glass {
            return Err(Refusal::NoBreakGlass {
                risk: case.risk,
                people,
            });
        }
        if because.trim().is_empty() || !promised {
            return Err(Refusal::Unconfirmed {
                what: "Say why it cannot wait, and tick that you will explain it: the card's *Break glass…* asks for both.".into(),
            });
        }
        let due = after(self.now, policy.review_within);
        self.happened(
            Actor::Person(who.person.clone()),
            who.source,
            Kind::BreakGlass,
            format!(
                "broke the glass for plan {}, without an approval: \"{because}\"; a review is due {}",
                self.hash(),
                due.strftime("%Y-%m-%d %H:%M UTC")
            ),
        );
        if policy.page_on_break_glass {
            let does = match self.rollback.aim.undoes {
                Some(undone) => format!("undoes RB-{undone} on"),
                None => "rolls back".to_owned(),
            };
            let summary = format!(
                "BREAK GLASS: @{} {does} {} without an approval: {because}",
                who.person.name,
                self.what()
            );
            self.page("glass", summary);
        }
        self.rollback.glass = Some(Glass {
            by: who.person,
            because,
            at: self.now,
            due,
            reminded: 0,
            paged: policy.page_on_break_glass,
            spent: None,
            review: None,
        });
        self.rollback.waiting.window_ends = None;
        self.rollback.times.approved = Some(self.now);
        self.says.push(Say::Glass);
        self.says.push(Say::ReviewAt {
            at: after(self.now, policy.review_within / 2),
        });
        self.become_(State::Approved { expires_at });
        self.drive_at = Some(self.now);
        Ok(())
    }

    fn review(
        &mut self,
        who: Who,
        answer: ReviewAnswer,
        because: String,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let id = self.rollback.id;
        let nothing = |what: String| Err(Refusal::AlreadySo { what });
        let Some(glass) = &self.rollback.glass else {
            return nothing(format!("Nobody broke the glass for RB-{id}."));
        };
        if let Some(review) = &glass.review {
            return nothing(format!(
                "@{} reviewed RB-{id} already: {}.",
                review.by.name, review.answer
            ));
        }
        if let Some(spent) = &glass.spent {
            return nothing(format!("RB-{id} needs no review. {spent}"));
        }
        let case = self.rollback.case(policy, &who.roster);
        // Nobody is their own judge, unless they may be their own approver.
        if who.person.id == glass.by.id && !case.rule.requester_counts {
            let others = case.has_authority(&who.person, &who.standing, self.now);
            return Err(Refusal::OwnRequest {
                risk: None,
                people: others.otherwise.people,
            });
        }
        case.has_authority(&who.person, &who.standing, self.now)
            .admit()?;
        self.happened(
            Actor::Person(who.person.clone()),
            who.source,
            Kind::Reviewed,
            format!("reviewed the broken glass: {answer}: \"{because}\""),
        );
        if let Some(glass) = &mut self.rollback.glass {
            glass.review = Some(Review {
                by: who.person,
                answer,
                because,
                at: self.now,
            });
        }
        self.unpage_glass();
        self.forget_review();
        self.says.push(Say::Glass);
        self.says.push(Say::Card);
        if self.rollback.state.is_ended() {
            // The file that was exported when it ended does not have the answer.
            self.says.push(Say::Export {
                why: "reviewed".into(),
            });
        }
        self.go_on(policy);
        Ok(())
    }

    /// What was under way before something was only written down goes on when it would have.
    fn go_on(&mut self, policy: &Policy) {
        match self.rollback.state {
            State::Proposed { .. } => self.wait_on(policy),
            ref state if state.is_ended() => {}
            // Poking an earlier moment never moves the drive step later.
            _ => self.drive_at = Some(after(self.now, policy.check_every)),
        }
    }

    fn review_due(&mut self, roster: &Roster, policy: &Policy) -> Result<(), Refusal> {
        let id = self.rollback.id;
        let people: Vec<String> = {
            let Some(glass) = self
                .rollback
                .glass
                .as_ref()
                .filter(|glass| glass.wants_review())
            else {
                return Err(Refusal::AlreadySo {
                    what: format!("RB-{id} needs no review."),
                });
            };
            let case = self.rollback.case(policy, roster);
            case.has_authority(&glass.by, &Standing::Member, self.now)
                .otherwise
                .people
        };
        let Some(glass) = &mut self.rollback.glass else {
            return Ok(());
        };
        // After an outage the ones that were missed are not made up for.
        let half = (policy.review_within / 2).max(Duration::from_secs(60));
        let over = since(glass.at, self.now).as_secs() / half.as_secs().max(1);
        glass.reminded = (glass.reminded + 1).max(u32::try_from(over).unwrap_or(u32::MAX));
        let (due, n, by) = (glass.due, glass.reminded, glass.by.id.clone());
        let late = self.now >= due;
        let said = match late {
            true => format!("was due {}", due.strftime("%Y-%m-%d %H:%M UTC")),
            false => format!("is due {}", due.strftime("%Y-%m-%d %H:%M UTC")),
        };
        self.happened(
            Actor::Bot,
            Source::Bot,
            Kind::Reminded,
            format!("asked for the review of the broken glass again: it {said}"),
        );
        let mut named: Vec<String> = people.into_iter().take(5).collect();
        let asked = match named.is_empty() {
            true => {
                named.push(by);
                format!(
                    "{}, somebody with authority has to say what they think of it",
                    Spoken::whom(0)
                )
            }
            false => {
                let whom: Vec<String> = (0..named.len()).map(Spoken::whom).collect();
                format!("{}: one of you, please", list(&whom, "and"))
            }
        };
        self.post(
            format!(
                "The review of RB-{id}, which was run without an approval, {said}. {asked}: `/rollback review RB-{id} justified because …`, `should-have-waited` or `policy-too-strict`."
            ),
            named,
            false,
            &format!("review:{n}"),
        );
        // The message about it says by now that it was due.
        if late {
            self.says.push(Say::Glass);
        }
        // When the review is asked for next; what drives the rollback itself is not touched.
        let glass = self.rollback.glass.as_ref();
        self.drive_at = glass.map(|glass| glass.asks_again_at(policy.review_within));
        Ok(())
    }

    fn resolve(
        &mut self,
        who: Who,
        done: bool,
        because: String,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        if !matches!(self.rollback.state, State::Unknown { .. }) {
            return Err(self.not_open());
        }
        self.rollback
            .case(policy, &who.roster)
            .has_authority(&who.person, &who.standing, self.now)
            .admit()?;
        let outcome = if done { "done" } else { "not done" };
        self.happened(
            Actor::Person(who.person.clone()),
            who.source,
            Kind::Resolved,
            format!("resolved it as {outcome}: \"{because}\""),
        );
        self.end_loudly(State::Resolved {
            done,
            by: who.person,
            because,
        });
        Ok(())
    }

    fn deny(&mut self, who: Who, because: Option<String>, policy: &Policy) -> Result<(), Refusal> {
        match self.rollback.state {
            State::Proposed { .. } | State::Approved { .. } => {}
            _ => return Err(self.not_open()),
        }
        self.rollback
            .case(policy, &who.roster)
            .has_authority(&who.person, &who.standing, self.now)
            .admit()?;
        self.happened(
            Actor::Person(who.person.clone()),
            who.source,
            Kind::Denied,
            reasoned("denied it", &because),
        );
        self.end(State::Denied {
            by: who.person,
            because,
        });
        Ok(())
    }

    fn stop(&mut self, who: Who, because: Option<String>, policy: &Policy) -> Result<(), Refusal> {
        if self.rollback.state.is_ended() || matches!(self.rollback.state, State::Watching { .. }) {
            return Err(self.not_open());
        }
        if who.person.id != self.rollback.requester.id {
            self.rollback
                .case(policy, &who.roster)
                .has_authority(&who.person, &who.standing, self.now)
                .admit()?;
        }
        if let Some(asked_at) = self.rollback.times.asked {
            return Err(Refusal::TooLateToStop {
                id: self.rollback.id,
                platform: self.platform(),
                asked_at,
            });
        }
        self.happened(
            Actor::Person(who.person.clone()),
            who.source,
            Kind::Cancelled,
            reasoned("took it back before the platform was asked", &because),
        );
        self.end(State::Cancelled {
            by: who.person,
            because,
        });
        Ok(())
    }

    fn retarget(
        &mut self,
        who: Who,
        hash: Option<PlanHash>,
        to: String,
        reply_to: Option<String>,
    ) -> Result<(), Refusal> {
        if !matches!(self.rollback.state, State::Proposed { .. }) {
            return Err(self.not_open());
        }
        if hash.is_some() && hash != self.rollback.hash {
            return Err(Refusal::OldCard {
                id: self.rollback.id,
            });
        }
        if self
            .rollback
            .plan
            .as_ref()
            .is_some_and(|plan| plan.to.is_called(&to))
        {
            return Err(Refusal::AlreadySo {
                what: format!(
                    "RB-{} aims at {} already.",
                    self.rollback.id,
                    self.rollback.to_label()
                ),
            });
        }
        self.happened(
            Actor::Person(who.person.clone()),
            who.source,
            Kind::Superseded,
            format!("changed the target to {to}"),
        );
        self.tell_approvers(&format!(
            "@{} changed the target of RB-{}, so your approval does not count any more. A fresh plan is being made.",
            who.person.name, self.rollback.id
        ));
        let mut proposal = self.again(crate::grammar::Target::Named(to));
        // Another target is not what the rollback left.
        proposal.aim.undoes = None;
        proposal.requester = who.person.clone();
        proposal.source = who.source;
        proposal.reply_to = reply_to;
        self.opens = Some(proposal);
        self.end(State::Superseded {
            why: format!("@{} changed the target", who.person.name),
        });
        Ok(())
    }

    fn planned(
        &mut self,
        plan: Plan,
        requester: Person,
        roster: &Roster,
        frozen: Option<Freeze>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        if self.rollback.state != State::Planning {
            return Err(self.not_open());
        }
        // A mention does not carry its author's name; by now Slack has told it.
        self.rollback.requester = requester;
        let hash = plan.hash(&self.rollback.service, &self.rollback.environment);
        self.happened(
            Actor::Bot,
            Source::Bot,
            Kind::Planned,
            format!(
                "proposed {} → {}, risk {}, plan {hash}",
                plan.from.as_ref().map_or("unknown", Release::label),
                plan.to.label(),
                plan.risk
            ),
        );
        let expires_at = after(self.now, policy.plan_ttl);
        let risk = plan.risk;
        self.rollback.surfaces = plan.surfaces.clone();
        self.rollback.pin = plan.pin;
        self.rollback.plan = Some(plan);
        self.rollback.hash = Some(hash);
        // It may have been frozen while the platform was read.
        self.rollback.frozen = frozen.or(self.rollback.frozen.take());
        self.rollback.plan_until = Some(expires_at);
        self.rollback.times.proposed = Some(self.now);
        self.rollback.waiting.since.get_or_insert(self.now);
        if let Some(window) = policy.objection_window
            && risk <= Risk::Code
            && self.rollback.frozen.is_none()
            && self.rollback.replaces.is_none()
            && self.may_start_unopposed(&Standing::Member, roster, policy)
        {
            self.rollback.waiting.window_ends = Some(after(self.now, window));
        }
        self.become_(State::Proposed { expires_at });
        self.wait_on(policy);
        // What is due already, because a card before this one waited, is said below this one.
        let card = after(self.now, CARD_FIRST);
        self.drive_at = self.drive_at.map(|at| at.max(card));
        Ok(())
    }

    /// Whether whoever asked has the authority that an objection window stands for.
    fn may_start_unopposed(&self, standing: &Standing, roster: &Roster, policy: &Policy) -> bool {
        let case = self.rollback.case(policy, roster);
        let requester = &self.rollback.requester;
        let verdict = case.has_authority(requester, standing, self.now);
        case.rule.approvals == 1
            && case.rule.one_of.is_empty()
            && verdict.reason.truth == Truth::Yes
    }

    fn window_ended(
        &mut self,
        standing: &Standing,
        roster: &Roster,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let State::Proposed { expires_at } = self.rollback.state else {
            return Err(self.not_open());
        };
        match self.rollback.waiting.window_ends {
            Some(ends) if ends <= self.now && self.now < expires_at => {}
            _ => return Err(self.not_open()),
        }
        if policy.objection_window.is_some()
            && self.rollback.objections.is_empty()
            && self.may_start_unopposed(standing, roster, policy)
        {
            let requester = self.rollback.requester.clone();
            let roles = self
                .rollback
                .case(policy, roster)
                .has_authority(&requester, standing, self.now)
                .roles;
            let text = format!(
                "started plan {} as {}: nobody objected",
                self.hash(),
                list(&roles, "and")
            );
            let approval = Approval {
                by: requester,
                roles,
                at: self.now,
                unopposed: true,
            };
            self.let_run(approval, Source::Bot, text, expires_at, roster, policy);
            return Ok(());
        }
        self.rollback.waiting.window_ends = None;
        let why = match policy.objection_window {
            None => "that is not configured any more".to_owned(),
            Some(_) => format!(
                "the authority of @{} could not be confirmed",
                self.rollback.requester.name
            ),
        };
        self.happened(
            Actor::Bot,
            Source::Bot,
            Kind::Refused,
            format!("did not start by itself: {why}; it waits for an approval"),
        );
        self.says.push(Say::Card);
        self.wait_on(policy);
        Ok(())
    }

    /// Nobody has answered: reminds those who could, and climbs the ladder.
    fn waited(&mut self, roster: &Roster, policy: &Policy) -> Result<(), Refusal> {
        let State::Proposed { .. } = self.rollback.state else {
            return Err(self.not_open());
        };
        let waited_since = self.rollback.waiting.since.unwrap_or(self.now);
        let waited = since(waited_since, self.now);
        let id = self.rollback.id;
        let due = |times: &[Duration], over: usize| {
            times
                .iter()
                .skip(over)
                .filter(|after| **after <= waited)
                .count()
        };
        // After an outage several may be due: one reminder says it.
        let reminders = due(&policy.remind, self.rollback.waiting.reminded);
        if reminders > 0 {
            self.rollback.waiting.reminded += reminders;
            let n = self.rollback.waiting.reminded;
            let people: Vec<String> = self
                .rollback
                .case(policy, roster)
                .could_approve(self.now)
                .into_iter()
                .map(|(person, _)| person)
                .take(5)
                .collect();
            self.asked(
                Kind::Reminded,
                format!("RB-{id} has waited {} for an approval", spell(waited)),
                people,
                None,
                true,
                &format!("reminder:{n}"),
            );
        }
        self.climb(waited_since, roster, policy);
        self.says.push(Say::Card);
        self.wait_on(policy);
        Ok(())
    }

    /// Asks whoever is next on the ladder; of several rungs that are due, everybody at once.
    fn climb(&mut self, waited_since: Timestamp, roster: &Roster, policy: &Policy) {
        let waited = since(waited_since, self.now);
        let left = policy.escalate.iter().skip(self.rollback.waiting.climbed);
        let due: Vec<&Rung> = left.take_while(|rung| rung.after <= waited).collect();
        if due.is_empty() {
            return;
        }
        self.rollback.waiting.climbed += due.len();
        let n = self.rollback.waiting.climbed;
        let mut people: Vec<String> = vec![];
        for rung in &due {
            let members = rung.roles.iter().flat_map(|role| roster.members(role));
            for id in rung.people.iter().map(String::as_str).chain(members) {
                if !people.iter().any(|known| known == id) {
                    people.push(id.to_owned());
                }
            }
        }
        people.truncate(10);
        let pages = due.iter().any(|rung| rung.page);
        let id = self.rollback.id;
        let what = self.deed();
        self.asked(
            Kind::Escalated,
            format!(
                "RB-{id} has waited {} for an approval to {what}",
                spell(waited)
            ),
            people,
            pages.then(|| "PagerDuty".to_owned()),
            false,
            &format!("escalation:{n}"),
        );
        if pages {
            let because = match &self.rollback.because {
                Some(because) => format!(", because \"{because}\""),
                None => String::new(),
            };
            let summary = format!(
                "RB-{id} has waited since {} for an approval to {what}; asked for by @{}{because}",
                waited_since.strftime("%H:%M UTC"),
                self.rollback.requester.name,
            );
            self.rollback.waiting.paged = true;
            self.page("approval", summary);
        }
    }

    /// Asks people, in the card's thread or in the channel, and writes down that they were asked.
    fn asked(
        &mut self,
        kind: Kind,
        what: String,
        people: Vec<String>,
        else_: Option<String>,
        in_thread: bool,
        key: &str,
    ) {
        let mut whom: Vec<String> = (0..people.len()).map(Spoken::whom).collect();
        let mut recorded: Vec<String> = people.iter().map(|id| format!("@{id}")).collect();
        whom.extend(else_.clone());
        recorded.extend(else_.clone());
        let text = match whom.is_empty() {
            true => format!(
                "{what}. Nobody is known who could give it: `/rollback contacts` says who can help."
            ),
            false => format!("{what}. Asking {}.", list(&whom, "and")),
        };
        let listed = match recorded.is_empty() {
            true => "nobody is known who could".to_owned(),
            false => format!("asked {}", list(&recorded, "and")),
        };
        self.happened(Actor::Bot, Source::Bot, kind, format!("{what}: {listed}"));
        self.post(text, people.clone(), in_thread, key);
        if !people.is_empty() || else_.is_some() {
            self.rollback.waiting.asked.push(Asked {
                people,
                else_,
                at: self.now,
            });
        }
    }

    /// The plan's time is over and it is still waited for: the same plan goes on, another one
    /// takes its place.
    fn renewed(
        &mut self,
        plan: Result<Box<Plan>, Refusal>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let State::Proposed { expires_at } = self.rollback.state else {
            return Err(self.not_open());
        };
        if self.now < expires_at {
            return Err(self.not_open());
        }
        let fresh = match plan {
            Ok(fresh) => fresh,
            Err(refusal) => {
                let why = match refusal {
                    Refusal::PlatformTrouble { why } => why,
                    refusal => refusal.to_string(),
                };
                let text = format!(
                    "not kept open, because no fresh plan could be made. {}",
                    crate::refusal::sentence(&why)
                );
                self.happened(Actor::Bot, Source::Bot, Kind::Refused, text.clone());
                let text = format!("RB-{} is {}", self.rollback.id, Spoken::quoted(&text));
                self.post(text, vec![], true, "not-kept-open");
                return self.expire();
            }
        };
        let hash = fresh.hash(&self.rollback.service, &self.rollback.environment);
        if Some(&hash) == self.rollback.hash.as_ref() {
            let until = after(self.now, policy.plan_ttl);
            self.happened(
                Actor::Bot,
                Source::Bot,
                Kind::Rechecked,
                format!(
                    "read the platform again: nothing that matters has changed; the plan is open until {}",
                    until.strftime("%H:%M:%S UTC")
                ),
            );
            // The bot was not running when it would have started: nobody could have objected.
            if self.rollback.waiting.window_ends.take().is_some() {
                self.happened(
                    Actor::Bot,
                    Source::Bot,
                    Kind::Refused,
                    "does not start by itself any more: its first plan ended before".into(),
                );
            }
            // `read_at` stays: an aim like "45 minutes ago" means the card's moment.
            self.rollback.plan_until = Some(until);
            self.become_(State::Proposed { expires_at: until });
            self.wait_on(policy);
            return Ok(());
        }
        let why = format!(
            "Nothing was run: {}",
            drift(self.rollback.plan.as_ref(), &fresh)
        );
        self.happened(Actor::Bot, Source::Bot, Kind::Superseded, why.clone());
        let mut proposal = self.again(self.rollback.aim.target.clone());
        proposal.waiting = self.rollback.waiting.clone();
        // Nobody had the time to object to what it is now.
        proposal.waiting.window_ends = None;
        // The page is taken back with this card; the next one pages for itself.
        proposal.waiting.paged = false;
        self.tell_approvers(&format!("{why} A fresh plan is being made."));
        self.opens = Some(proposal);
        self.end(State::Superseded { why });
        Ok(())
    }

    fn froze(&mut self, freeze: Option<Freeze>, policy: &Policy) -> Result<(), Refusal> {
        if self.rollback.times.asked.is_some() || self.rollback.state.is_ended() {
            return Err(self.not_open());
        }
        if freeze.is_some() && self.break_silence() {
            self.happened(
                Actor::Bot,
                Source::Bot,
                Kind::Refused,
                "does not start by itself any more: the service was frozen".into(),
            );
        }
        self.rollback.frozen = freeze;
        self.says.push(Say::Card);
        self.go_on(policy);
        Ok(())
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
            && let Some(first) = policy.escalate.iter().position(|rung| rung.page)
        {
            waiting.climbed = waiting.climbed.min(first);
        }
        if let State::Proposed { expires_at } = self.rollback.state {
            self.drive_at = Some(self.rollback.next_look(policy, expires_at));
        }
    }

    fn hash(&self) -> String {
        self.rollback
            .hash
            .as_ref()
            .map(PlanHash::to_string)
            .unwrap_or_default()
    }

    /// The cautions of its plan, as clauses.
    fn cautions(&self) -> Vec<String> {
        let plan = self.rollback.plan.as_ref();
        plan.map_or_else(Vec::new, |plan| {
            plan.cautions
                .iter()
                .map(|caution| caution.say(plan.to.label(), plan.read_at))
                .collect()
        })
    }

    /// What is changed, in short: `frontend (production), v214 → v213`.
    fn what(&self) -> String {
        format!(
            "{} ({}), {} → {}",
            self.rollback.service,
            self.rollback.environment,
            self.rollback.from_label(),
            self.rollback.to_label()
        )
    }

    /// What an approval would let happen, as a verb.
    fn deed(&self) -> String {
        match self.rollback.aim.undoes {
            Some(undone) => format!("undo RB-{undone} on {}", self.what()),
            None => format!("roll back {}", self.what()),
        }
    }

    /// Says something where everybody sees it; [`Spoken::whom`] stands in `text` for `people`.
    fn post(&mut self, text: String, people: Vec<String>, in_thread: bool, key: &str) {
        self.says.push(Say::Post {
            spoken: Spoken::Naming(text, people),
            in_thread,
            key: format!("{key}:{}", self.rollback.revision),
        });
    }

    fn page(&mut self, about: &str, summary: String) {
        self.happened(
            Actor::Bot,
            Source::Bot,
            Kind::Paged,
            format!("paging PagerDuty: {summary}"),
        );
        let key = format!("RB-{}:{about}", self.rollback.id);
        self.says.push(Say::Page {
            page: Page::Trigger { key, summary },
        });
    }

    fn cannot_plan(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        if self.rollback.state != State::Planning {
            return Err(self.not_open());
        }
        let why = refusal.to_string();
        self.happened(
            Actor::Bot,
            Source::Bot,
            Kind::Blocked,
            format!("{}: {why}", refusal.code()),
        );
        self.says.push(Say::Tell {
            person: self.rollback.requester.id.clone(),
            reply_to: self.rollback.reply_to.clone(),
            spoken: Spoken::from(&refusal),
        });
        self.rollback.times.ended = Some(self.now);
        self.rollback.state = State::Blocked { why };
        Ok(())
    }

    fn expire(&mut self) -> Result<(), Refusal> {
        match self.rollback.state {
            State::Proposed { expires_at } | State::Approved { expires_at }
                if self.now >= expires_at =>
            {
                self.happened(
                    Actor::Bot,
                    Source::Bot,
                    Kind::Expired,
                    match self.rollback.state {
                        State::Approved { .. } => {
                            "approved, but it could not be run before the plan expired; nothing was run"
                                .into()
                        }
                        _ if !self.rollback.approvals.is_empty() => {
                            "not everybody who is needed approved in time; nothing was run".into()
                        }
                        _ => "nobody approved in time; nothing was run".into(),
                    },
                );
                self.end(State::Expired { at: expires_at });
                Ok(())
            }
            _ => Err(self.not_open()),
        }
    }

    fn rechecked(
        &mut self,
        survey: Survey,
        plan: Result<Box<Plan>, Refusal>,
        roster: &Roster,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let State::Approved { expires_at } = self.rollback.state else {
            return Err(self.not_open());
        };
        if self.now >= expires_at {
            return self.expire();
        }
        let fresh = plan
            .as_ref()
            .ok()
            .map(|plan| plan.hash(&self.rollback.service, &self.rollback.environment));
        if fresh.is_some() && fresh == self.rollback.hash {
            // An approver may be known by now to have lost the role since the click.
            if !self.rollback.breaks_glass() && !self.still_approved(roster, policy) {
                return self.open_again(
                    "Nothing was run: not every approval counts any more.".into(),
                    policy,
                );
            }
            self.happened(
                Actor::Bot,
                Source::Bot,
                Kind::Rechecked,
                "read the platform again: nothing that matters has changed".into(),
            );
            let asking = format!(
                "asking {} for {} → {}",
                self.platform(),
                self.rollback.from_label(),
                self.rollback.to_label()
            );
            self.happened(Actor::Bot, Source::Bot, Kind::Executing, asking);
            self.rollback.memory = survey.memory;
            self.rollback.said = None;
            self.rollback.times.asked = Some(self.now);
            // In one commit with the reading: nothing is asked on an old one.
            self.become_(State::Executing { asked_at: self.now });
            self.drive_at = Some(self.now);
            return Ok(());
        }
        let moved = match plan {
            Ok(fresh) => drift(self.rollback.plan.as_ref(), &fresh),
            // The same aim drawn once more would come to the same.
            Err(refusal) => return self.no_plan_any_more(&refusal),
        };
        let why = format!("Nothing was run: {moved}");
        self.happened(Actor::Bot, Source::Bot, Kind::Superseded, why.clone());
        self.tell_approvers(&format!("{why} A fresh plan is being made."));
        self.spend_glass(&why);
        let mut proposal = self.again(self.rollback.aim.target.clone());
        proposal.source = Source::Bot;
        self.opens = Some(proposal);
        self.end(State::Superseded { why });
        Ok(())
    }

    /// The platform went on in a way that leaves nothing to approve.
    fn no_plan_any_more(&mut self, refusal: &Refusal) -> Result<(), Refusal> {
        let why = refusal.to_string();
        self.happened(
            Actor::Bot,
            Source::Bot,
            Kind::Blocked,
            format!("{}: {why}", refusal.code()),
        );
        self.tell_approvers(&why);
        let requester = self.rollback.requester.id.clone();
        if !self
            .rollback
            .approvals
            .iter()
            .any(|one| one.by.id == requester)
        {
            self.says.push(Say::Tell {
                person: requester,
                reply_to: self.rollback.reply_to.clone(),
                spoken: Spoken::from(refusal),
            });
        }
        self.spend_glass(&why);
        self.end(State::Blocked { why });
        Ok(())
    }

    fn recheck_failed(&mut self, why: String, policy: &Policy) -> Result<(), Refusal> {
        self.open_again(
            format!(
                "Nothing was run: the platform could not be read again before executing. {}",
                crate::refusal::sentence(&why)
            ),
            policy,
        )
    }

    /// Takes the yes back: the card waits for another one.
    fn open_again(&mut self, text: String, policy: &Policy) -> Result<(), Refusal> {
        let State::Approved { expires_at } = self.rollback.state else {
            return Err(self.not_open());
        };
        self.happened(Actor::Bot, Source::Bot, Kind::Refused, text.clone());
        self.tell_approvers(&format!("{text} The card is open again."));
        self.spend_glass(&text);
        self.rollback.approvals.clear();
        self.rollback.times.approved = None;
        self.become_(State::Proposed { expires_at });
        self.wait_on(policy);
        Ok(())
    }

    /// Whether every approval counts by what is known now, and they are enough.
    fn still_approved(&self, roster: &Roster, policy: &Policy) -> bool {
        let case = self.rollback.case(policy, roster);
        let approvals: Vec<Approval> = self
            .rollback
            .approvals
            .iter()
            .filter(|approval| case.still_counts(approval))
            .map(|approval| Approval {
                roles: case.still_held(approval),
                ..approval.clone()
            })
            .collect();
        let kept = Case {
            approvals: &approvals,
            ..case
        };
        approvals.len() == self.rollback.approvals.len() && kept.missing().people == 0
    }

    /// Tells everybody who let it run what became of that.
    fn tell_approvers(&mut self, text: &str) {
        let glass = self.rollback.glass.as_ref();
        let broke = glass.filter(|glass| glass.spent.is_none());
        let people: Vec<String> = self
            .rollback
            .approvals
            .iter()
            .map(|approval| approval.by.id.clone())
            .chain(broke.map(|glass| glass.by.id.clone()))
            .collect();
        for person in people {
            self.says.push(Say::Tell {
                person,
                reply_to: None,
                spoken: Spoken::Text(text.to_owned()),
            });
        }
    }

    /// Nothing was run on a broken glass after all.
    fn spend_glass(&mut self, why: &str) {
        if let Some(glass) = &mut self.rollback.glass
            && glass.spent.is_none()
        {
            glass.spent = Some(why.to_owned());
            self.says.push(Say::Glass);
            self.unpage_glass();
            self.forget_review();
        }
    }

    /// Has the step that asks for the review look at once, and find that nothing is to be asked.
    fn forget_review(&mut self) {
        self.says.push(Say::ReviewAt { at: self.now });
    }

    /// Takes the page about a broken glass back: it was answered, or nothing came of it.
    fn unpage_glass(&mut self) {
        let id = self.rollback.id;
        if let Some(glass) = &mut self.rollback.glass
            && std::mem::take(&mut glass.paged)
        {
            self.says.push(Say::Page {
                page: Page::Resolve {
                    key: format!("RB-{id}:glass"),
                },
            });
        }
    }

    fn answered(
        &mut self,
        answer: Result<Receipt, Trouble>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let State::Executing { .. } = self.rollback.state else {
            return Err(self.not_open());
        };
        let platform = Actor::Platform(self.platform());
        match answer {
            Ok(receipt) => {
                self.happened(
                    platform,
                    Source::Platform,
                    Kind::Accepted,
                    receipt.said.clone(),
                );
                self.rollback.times.accepted = Some(self.now);
                self.rollback.said = Some(receipt.said);
                if !receipt.memory.is_null() {
                    self.rollback.memory = receipt.memory;
                }
                self.become_(State::Accepted { at: self.now });
                self.drive_at = Some(self.now);
            }
            Err(Trouble::Refused(why)) => {
                self.happened(
                    platform,
                    Source::Platform,
                    Kind::Failed,
                    format!("refused: {why}"),
                );
                self.end_loudly(State::Failed { why });
            }
            // Certainly not done. Before it is asked again the platform is read again, as long as
            // the plan lives.
            Err(Trouble::Busy { why, retry_after }) => {
                self.happened(
                    platform,
                    Source::Platform,
                    Kind::Progress,
                    format!("not now: {why}"),
                );
                let proposed = self.rollback.times.proposed.unwrap_or(self.now);
                let until = self.rollback.plan_until;
                self.rollback.times.asked = None;
                self.rollback.said = Some(why);
                self.become_(State::Approved {
                    expires_at: until.unwrap_or_else(|| after(proposed, policy.plan_ttl)),
                });
                self.drive_at = Some(after(
                    self.now,
                    Duration::from_millis(retry_after.unwrap_or(5_000)),
                ));
            }
            Err(Trouble::Unanswered(why)) => {
                self.happened(platform, Source::Platform, Kind::Unanswered, why.clone());
                self.become_(State::Unknown {
                    since: self.now,
                    why,
                });
                self.drive_at = Some(after(self.now, policy.check_every));
            }
        }
        Ok(())
    }

    fn lost_track(&mut self) -> Result<(), Refusal> {
        let State::Executing { asked_at } = self.rollback.state else {
            return Err(self.not_open());
        };
        let why = format!(
            "{} was asked at {} and the answer was lost",
            self.platform(),
            asked_at.strftime("%H:%M:%S UTC")
        );
        self.happened(Actor::Bot, Source::Bot, Kind::Unanswered, why.clone());
        self.become_(State::Unknown {
            since: self.now,
            why,
        });
        self.drive_at = Some(self.now);
        Ok(())
    }

    fn observed(&mut self, progress: Progress, policy: &Policy) -> Result<(), Refusal> {
        let unknown_since = match self.rollback.state {
            State::Accepted { .. } | State::Serving { .. } => None,
            State::Unknown { since, .. } => Some(since),
            _ => return Err(self.not_open()),
        };
        let platform = Actor::Platform(self.platform());
        match progress {
            Progress::Serving {
                surfaces,
                pin,
                said,
            } => {
                if pin != self.rollback.pin && pin == Pin::On {
                    self.happened(
                        platform.clone(),
                        Source::Platform,
                        Kind::Pinned,
                        "automatic deploys are held off (read back)".into(),
                    );
                }
                self.rollback.pin = pin;
                let before = self.rollback.served();
                let changed = self.rollback.said.as_deref() != Some(said.as_str());
                self.rollback.surfaces = surfaces;
                self.rollback.said = Some(said.clone());
                let (n, m) = self.rollback.served();
                if n > 0 && n == m {
                    self.happened(
                        platform,
                        Source::Platform,
                        Kind::Serving,
                        format!("serves {} on {n}/{m}", self.rollback.to_label()),
                    );
                    self.rollback.times.serving = Some(self.now);
                    self.become_(State::Serving { n, m });
                    self.drive_at = Some(self.now);
                    return Ok(());
                }
                if (n, m) != before || changed {
                    self.happened(
                        platform,
                        Source::Platform,
                        Kind::Progress,
                        format!("{said}, {n}/{m} on {}", self.rollback.to_label()),
                    );
                }
                let late = self
                    .rollback
                    .times
                    .asked
                    .is_some_and(|at| since(at, self.now) > SERVE_WITHIN);
                match unknown_since {
                    // While nothing has moved, the truth is still not known.
                    Some(_) if n == 0 => {}
                    _ if n > 0 && late => {
                        let failed = self.rollback.waiting_for();
                        self.happened(
                            Actor::Bot,
                            Source::Bot,
                            Kind::Partial,
                            format!(
                                "{n}/{m} on {} after {}; gave up on {}",
                                self.rollback.to_label(),
                                crate::proof::spell(SERVE_WITHIN),
                                failed.join(", ")
                            ),
                        );
                        self.end_loudly(State::Partial { n, m, failed });
                        return Ok(());
                    }
                    _ if n > 0 && self.rollback.state != (State::Serving { n, m }) => {
                        self.become_(State::Serving { n, m });
                    }
                    _ if late => self.become_(State::Unknown {
                        since: self.now,
                        why: format!(
                            "{} accepted the request and after {} nothing serves the target",
                            self.platform(),
                            crate::proof::spell(SERVE_WITHIN)
                        ),
                    }),
                    _ if changed => self.says.push(Say::Card),
                    _ => {}
                }
                self.drive_at = Some(self.read_back_at(unknown_since, policy));
            }
            Progress::Partial { surfaces, failed } => {
                self.rollback.surfaces = surfaces;
                self.rollback.said = Some("it could not move everything".into());
                let (n, m) = self.rollback.served();
                self.happened(
                    platform,
                    Source::Platform,
                    Kind::Partial,
                    format!(
                        "{n}/{m} on {}; could not move {}",
                        self.rollback.to_label(),
                        failed.join(", ")
                    ),
                );
                self.end_loudly(State::Partial { n, m, failed });
            }
            Progress::Failed { why } => {
                self.happened(platform, Source::Platform, Kind::Failed, why.clone());
                self.end_loudly(State::Failed { why });
            }
            Progress::NotAsked { why } => {
                let asked = self.rollback.times.asked.unwrap_or(self.now);
                if since(asked, self.now) < TRACE_WITHIN {
                    self.drive_at = Some(self.read_back_at(unknown_since, policy));
                    return Ok(());
                }
                let why = format!("the request never took effect: {why}");
                self.happened(platform, Source::Platform, Kind::Failed, why.clone());
                self.end_loudly(State::Failed { why });
            }
        }
        Ok(())
    }

    fn probed(
        &mut self,
        round: Round,
        seen: Option<(Vec<Surface>, Pin)>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let watching = match self.rollback.state {
            State::Serving { n, m } if n == m => None,
            State::Watching { until } => Some(until),
            _ => return Err(self.not_open()),
        };
        if let Some((surfaces, pin)) = seen {
            self.rollback.surfaces = surfaces;
            self.rollback.pin = pin;
            let (n, m) = self.rollback.served();
            if n < m {
                let text = format!(
                    "production moved away: {} serve something else",
                    self.rollback.waiting_for().join(", ")
                );
                self.happened(
                    Actor::Platform(self.platform()),
                    Source::Platform,
                    Kind::Drifted,
                    text,
                );
                self.rollback.proof.drifted = Some(self.rollback.waiting_for());
                self.end_loudly(State::Closed);
                return Ok(());
            }
        }
        let target = self.rollback.plan.as_ref().map(|plan| plan.to.clone());
        let news = self.rollback.proof.take(round, target.as_ref());
        if let Some(news) = news {
            self.happened(Actor::Bot, Source::Check, Kind::Checked, news);
            self.says.push(Say::Card);
        }
        let fingerprint = policy.fingerprint;
        if let Some(until) = watching {
            // The verdict follows what is seen, once it is seen often enough.
            let before = self.rollback.proof.verdict;
            let proof = &mut self.rollback.proof;
            if proof.streak >= policy.passes || proof.failing >= policy.passes {
                proof.conclude(fingerprint, proof.streak > 0, target.as_ref());
            }
            if self.rollback.proof.verdict != before {
                self.concluded();
            }
            self.drive_at = Some(after(self.now, watch_every(policy)).min(until.max(self.now)));
            return Ok(());
        }
        let serving = self.rollback.times.serving.unwrap_or(self.now);
        let late = since(serving, self.now) >= policy.prove_within;
        let ready = self.rollback.proof.streak >= policy.passes;
        // A good look that came late is followed by more of them.
        if !ready && (!late || self.rollback.proof.streak > 0) {
            self.drive_at = Some(after(self.now, policy.check_every));
            return Ok(());
        }
        self.rollback
            .proof
            .conclude(policy.fingerprint, ready, target.as_ref());
        self.concluded();
        let until = after(self.now, policy.watch);
        self.become_(State::Watching { until });
        self.drive_at = Some(after(self.now, policy.watch.min(watch_every(policy))));
        Ok(())
    }

    fn concluded(&mut self) {
        self.rollback.times.proven = Some(self.now);
        let (kind, text) = self
            .rollback
            .proof
            .verdict_text(self.rollback.to_label(), self.rollback.aim.way());
        self.happened(Actor::Bot, Source::Check, kind, text);
        self.says.push(Say::Card);
        self.says.push(Say::Outcome);
    }

    fn close(&mut self, replaced_by: Option<u64>) -> Result<(), Refusal> {
        let State::Watching { until } = self.rollback.state else {
            return Err(self.not_open());
        };
        if self.now < until && replaced_by.is_none() {
            return Err(self.not_open());
        }
        let word = self.rollback.proof.word().to_lowercase();
        let text = match replaced_by {
            Some(id) => format!("closed as {word}; RB-{id} has taken over"),
            None => format!("closed as {word}"),
        };
        self.happened(Actor::Bot, Source::Bot, Kind::Closed, text);
        self.end(State::Closed);
        self.says.push(Say::Export {
            why: "closed".into(),
        });
        Ok(())
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
            environment: rollback.environment.clone(),
            requester: rollback.requester.clone(),
            because: rollback.because.clone(),
            aim: Aim {
                target,
                utc_offset: rollback.aim.utc_offset,
                undoes: rollback.aim.undoes,
            },
            source: Source::Bot,
            commanded: self.now,
            target_time: rollback.target_time,
            reply_to: rollback.reply_to.clone(),
            replaces: Some(rollback.id),
            waiting: crate::rollback::Waiting::default(),
            turns: rollback.turns.clone(),
        }
    }

    fn read_back_at(&self, unknown_since: Option<Timestamp>, policy: &Policy) -> Timestamp {
        let every = match unknown_since {
            // Backs off with the age of the question.
            Some(at) => policy
                .check_every
                .max(since(at, self.now) / 4)
                .min(READ_BACK_AT_MOST),
            None => policy.check_every,
        };
        after(self.now, every)
    }

    fn platform(&self) -> String {
        self.rollback.plan.as_ref().map_or_else(
            || "the platform".into(),
            |plan| plan.nature.platform.clone(),
        )
    }

    fn happened(&mut self, who: Actor, source: Source, kind: Kind, text: String) {
        self.happenings.push(Happening {
            at: self.now,
            who,
            source,
            kind,
            text,
            rollback: Some(self.rollback.id),
        });
    }

    fn become_(&mut self, state: State) {
        if self.rollback.waiting.paged && !matches!(state, State::Proposed { .. }) {
            self.rollback.waiting.paged = false;
            self.says.push(Say::Page {
                page: Page::Resolve {
                    key: format!("RB-{}:approval", self.rollback.id),
                },
            });
        }
        self.rollback.state = state;
        self.says.push(Say::Card);
    }

    fn end(&mut self, state: State) {
        self.rollback.times.ended = Some(self.now);
        self.rollback.waiting.window_ends = None;
        // A glass that was broken for nothing needs no review.
        if self.rollback.times.asked.is_none() {
            self.spend_glass("Nothing was run.");
        }
        self.become_(state);
        self.drive_at = None;
    }

    /// Ended after the platform was asked: the channel hears how, and the timeline is exported.
    fn end_loudly(&mut self, state: State) {
        self.end(state);
        self.says.push(Say::Outcome);
        self.says.push(Say::Export {
            why: "closed".into(),
        });
    }
}

fn reasoned(what: &str, because: &Option<String>) -> String {
    match because {
        Some(because) => format!("{what}: \"{because}\""),
        None => what.to_owned(),
    }
}

/// What moved between the card and now, as a clause.
fn drift(before: Option<&Plan>, fresh: &Plan) -> String {
    let Some(before) = before else {
        return "there was no plan".into();
    };
    let label = |release: &Option<Release>| {
        release
            .as_ref()
            .map_or("unknown", Release::label)
            .to_owned()
    };
    if before.from.as_ref().map(|from| &from.id) != fresh.from.as_ref().map(|from| &from.id) {
        return format!(
            "production moved from {} to {} after the card was made.",
            label(&before.from),
            label(&fresh.from)
        );
    }
    if before.to.id != fresh.to.id {
        return format!(
            "the target would now be {} and not {}.",
            fresh.to.label(),
            before.to.label()
        );
    }
    if before.surfaces != fresh.surfaces {
        return "what the domains serve changed after the card was made.".into();
    }
    if before.pin != fresh.pin {
        return "automatic deploys were switched on or off after the card was made.".into();
    }
    "what it would restore or un-ship changed after the card was made.".into()
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
