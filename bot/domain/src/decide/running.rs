//! Once it was let run: read again, asked, read back, proven, watched.

use super::*;
use crate::{changes::LostChanges, identity::RollbackId};

impl Draft {
    pub(super) fn rechecked(
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
        // What we hold off ourselves is no change of the platform's.
        let plan = plan.map(|mut plan| {
            if self
                .rollback
                .hold
                .as_ref()
                .is_some_and(|hold| hold.confirmed)
            {
                plan.pin = self
                    .rollback
                    .plan
                    .as_ref()
                    .map_or(plan.pin, |plan| plan.pin);
            }
            plan
        });
        let fresh = plan
            .as_ref()
            .ok()
            .map(|plan| plan.hash(&self.rollback.service));
        if fresh.is_some() && fresh == self.rollback.hash {
            // An approver may be known by now to have lost the role since the click.
            let part_of = self.rollback.part_of.as_ref();
            let is_emergency =
                part_of.is_some_and(|part_of| part_of.emergency) || self.rollback.is_break_glass();
            if !is_emergency && !self.still_approved(roster, policy) {
                return self.open_again(Reopening::ApprovalsLapsed, policy);
            }
            if self.rollback.busy == 0 {
                self.record_own(WaitingFact::Rechecked { open_until: None });
            }
            let acts = self.rollback.drill.as_ref().is_none_or(|drill| drill.acts);
            match (self.rollback.group().is_some(), acts) {
                (_, false) => self.rehearsed(),
                (true, true) => self.begin_group(policy),
                (false, true) => self.begin(survey),
            }
            return Ok(());
        }
        let moved = match plan {
            Ok(fresh) => moved(self.rollback.plan.as_ref(), &fresh),
            // The same aim drawn once more would come to the same.
            Err(refusal) => return self.no_plan_any_more(&refusal, &survey),
        };
        let why = self.record_reason(WaitingFact::Superseded { moved });
        if self.rollback.part_of.is_some() {
            // Its group decides what follows: an approval of the group is for no other plan.
            self.finish(State::Superseded { why });
            return Ok(());
        }
        self.tell_superseded(&why);
        self.void_break_glass(&why);
        let mut proposal = self.again(self.rollback.aim.target.clone());
        // What came out of band goes on so.
        if proposal.source != Source::OutOfBand {
            proposal.source = Source::Bot;
        }
        self.opens = Some(proposal);
        self.finish(State::Superseded { why });
        Ok(())
    }

    /// The platform is asked for the first step, or first to hold automatic deploys off. In one
    /// commit with the reading: nothing is asked on an old one.
    fn begin(&mut self, survey: Survey) {
        // While the platform is busy it is asked again and again, and that is one entry.
        if self.rollback.busy == 0 {
            self.record_own(RunningFact::Executing {
                platform: self.platform(),
                from: self.rollback.from_label().to_owned(),
                to: self.rollback.to_label().to_owned(),
            });
        }
        self.rollback.memory = survey.memory;
        self.rollback.said = None;
        self.rollback.times.asked = Some(self.now);
        self.rollback.asks = 1;
        if let Some(plan) = &self.rollback.plan {
            self.rollback.restore_point = plan.restore_point.clone();
            self.rollback.tasks = plan.tasks.clone();
            // One that is held off by us already keeps what it was before that.
            if plan.effects.holds == Holds::OnRequest
                && plan.pin == Pin::Off
                && self.rollback.hold.is_none()
            {
                self.rollback.hold = Some(Hold {
                    before: survey.before_pin,
                    confirmed: false,
                });
            }
        }
        self.ask_for(0);
    }

    /// Whether the platform lists the release no more that was approved.
    fn target_is_gone(&self, survey: &Survey) -> bool {
        let plan = self.rollback.plan.as_ref();
        // A group is on no platform, and none was read for it as a whole.
        let plan = plan.filter(|plan| plan.group.is_none());
        let to = plan.map(|plan| &plan.to);
        to.is_some_and(|to| {
            let mut candidates = survey.candidates.iter();
            to.kind == TargetKind::Release
                && !candidates.any(|candidate| candidate.release.is(&to.id))
        })
    }

    /// The platform went on in a way that leaves nothing to approve.
    fn no_plan_any_more(&mut self, refusal: &Refusal, survey: &Survey) -> Result<(), Refusal> {
        let why = match self.target_is_gone(survey) {
            true => format!(
                "{} is not on {} any more. {refusal}",
                self.rollback.to_label(),
                self.platform()
            ),
            false => refusal.to_string(),
        };
        self.record_own(WaitingFact::blocked(refusal));
        let what = format!("{} was not run. {why}", self.named_change());
        self.tell(&what, None, false, "blocked");
        self.void_break_glass(&why);
        self.finish(State::Blocked { why });
        Ok(())
    }

    pub(super) fn recheck_failed(&mut self, why: String, policy: &Policy) -> Result<(), Refusal> {
        self.open_again(Reopening::Unreadable { why }, policy)
    }

    /// Takes the yes back: the card waits for another one.
    fn open_again(&mut self, why: Reopening, policy: &Policy) -> Result<(), Refusal> {
        let State::Approved { expires_at } = self.rollback.state else {
            return Err(self.not_open());
        };
        if self.rollback.part_of.is_some() {
            // Nobody approves a part of a group for itself: the group stops.
            return self.part_blocked(why);
        }
        let text = self.record_reason(WaitingFact::Reopened { why });
        let what = format!(
            "{} is open again and needs an approval: `/rollback who {}` says whose. {text}",
            self.named_change(),
            self.rollback.id
        );
        self.tell_turn(&what, None, "open-again");
        self.void_break_glass(&text);
        self.rollback.approvals.clear();
        self.rollback.busy = 0;
        self.rollback.times.approved = None;
        self.transition_to(State::Proposed { expires_at });
        self.wait_on(policy);
        Ok(())
    }

    /// Whether every approval counts by what is known now, and they are enough.
    pub(super) fn still_approved(&self, roster: &Roster, policy: &Policy) -> bool {
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

    pub(super) fn answered(
        &mut self,
        answer: Result<Receipt, ProviderError>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let State::Executing { step, .. } = self.rollback.state else {
            return Err(self.not_open());
        };
        match answer {
            Ok(receipt) => self.accepted(receipt, policy),
            // Earlier steps were done: only looking tells where it stands.
            Err(error) if step > 0 => {
                let (why, look_at) = match error {
                    ProviderError::Refused(why) => (format!("refused: {why}"), self.now),
                    ProviderError::Busy { why, retry_after } => (
                        format!("not now: {why}"),
                        after(self.now, busy_wait(retry_after, 0)),
                    ),
                    ProviderError::Unanswered(why) => (why, after(self.now, policy.check_every)),
                };
                self.record_platform(RunningFact::Unanswered { why: why.clone() });
                self.lose_sight(why, look_at);
            }
            Err(ProviderError::Refused(why)) => {
                self.record_platform(RunningFact::PlatformRefused { why: why.clone() });
                self.finish_and_announce(State::Failed {
                    why,
                    production: Production::AsBefore,
                });
            }
            // Certainly not done. Before it is asked again the platform is read again, as long as
            // the plan lives.
            Err(ProviderError::Busy { why, retry_after }) => {
                self.busy(why, busy_wait(retry_after, self.rollback.busy), policy);
            }
            Err(ProviderError::Unanswered(why)) => {
                self.record_platform(RunningFact::Unanswered { why: why.clone() });
                self.lose_sight(why, after(self.now, policy.check_every));
            }
        }
        Ok(())
    }

    /// The platform was busy and certainly did nothing. A series of such answers is one entry.
    fn busy(&mut self, why: String, wait: Duration, policy: &Policy) {
        if self.rollback.busy == 0 {
            self.record_platform(RunningFact::PlatformBusy { why: why.clone() });
        }
        let proposed = self.rollback.times.proposed.unwrap_or(self.now);
        let until = self.rollback.plan_until;
        let expires_at = until.unwrap_or_else(|| after(proposed, policy.plan_ttl));
        self.rollback.busy = self.rollback.busy.saturating_add(1);
        self.rollback.times.asked = None;
        self.rollback.asked_last = None;
        self.rollback.said = Some(why);
        self.transition_to(State::Approved { expires_at });
        // No longer than the plan lives: the service is not held by one that has expired.
        self.drive_at = Some(after(self.now, wait).min(expires_at.max(self.now)));
    }

    /// The platform has taken a step.
    fn accepted(&mut self, receipt: Receipt, policy: &Policy) {
        let Receipt {
            said,
            memory,
            next,
            restore_point,
        } = receipt;
        self.record_platform(RunningFact::Accepted {
            answer: said.clone(),
        });
        self.rollback.times.accepted.get_or_insert(self.now);
        self.rollback.busy = 0;
        self.rollback.said = Some(said);
        self.remember(memory);
        if restore_point.is_some() {
            self.rollback.restore_point = restore_point;
        }
        match next {
            Some(next) => self.go_on_with(next, policy),
            None => {
                self.transition_to(State::Accepted { at: self.now });
                self.drive_at = Some(self.now);
            }
        }
    }

    pub(super) fn lost_track(&mut self) -> Result<(), Refusal> {
        let State::Executing { asked_at, .. } = self.rollback.state else {
            return Err(self.not_open());
        };
        let why = self.record_reason(RunningFact::AnswerLost {
            platform: self.platform(),
            asked_at,
        });
        self.lose_sight(why, self.now);
        Ok(())
    }

    pub(super) fn observed(
        &mut self,
        progress: Progress,
        roster: &Roster,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let unknown_since = match self.rollback.state {
            State::Accepted { .. } | State::Serving { .. } | State::WaitingForPeople { .. } => None,
            State::Unknown { since, .. } => Some(since),
            State::Planning
            | State::Blocked { .. }
            | State::Proposed { .. }
            | State::Approved { .. }
            | State::Executing { .. }
            | State::Watching { .. }
            | State::Closed
            | State::Failed { .. }
            | State::Partial { .. }
            | State::Rehearsed
            | State::Resolved { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => return Err(self.not_open()),
        };
        let timing = self.timing();
        match progress {
            Progress::Serving {
                surfaces,
                pin,
                said,
            } => self.serving(surfaces, pin, said, unknown_since, policy),
            Progress::StepReady { next, said, memory } => {
                self.step_ready(next, said, memory, policy);
            }
            Progress::PeopleNeeded { tasks, said } => {
                self.people_needed(tasks, said, roster, policy);
            }
            Progress::Partial { surfaces, failed } => {
                self.rollback.surfaces = surfaces;
                self.pin_unread();
                let (n, m) = self.rollback.served();
                self.record_platform(RunningFact::Partial {
                    to: self.rollback.to_label().to_owned(),
                    n,
                    m,
                    missing: failed.clone(),
                });
                self.finish_and_announce(State::Partial { n, m, failed });
            }
            Progress::Failed { why, production } => {
                self.pin_unread();
                self.record_platform(RunningFact::Failed {
                    why: why.clone(),
                    production,
                });
                self.finish_and_announce(State::Failed { why, production });
            }
            Progress::NotAsked { why } => {
                let asked = self.asked_last().unwrap_or(self.now);
                let looked_before = self.rollback.untraced > 0;
                self.rollback.untraced = self.rollback.untraced.saturating_add(1);
                // Twice: a clock that was set must not make one look the last one.
                if since(asked, self.now) < timing.trace_within || !looked_before {
                    self.drive_at = Some(self.read_back_at(unknown_since, policy));
                    return Ok(());
                }
                let production = match self.rollback.step {
                    0 => Production::AsBefore,
                    _ => Production::Unknown,
                };
                let fact = Fact::from(RunningFact::NeverTookEffect { why, production });
                let why = fact.text();
                self.record(Actor::Platform(self.platform()), Source::Platform, fact);
                self.finish_and_announce(State::Failed { why, production });
            }
        }
        Ok(())
    }

    /// How long things take for what is done here.
    fn timing(&self) -> Timing {
        let plan = self.rollback.plan.as_ref();
        plan.map_or_else(Timing::default, |plan| plan.effects.timing.clone())
    }

    /// When the platform was asked last.
    fn asked_last(&self) -> Option<Timestamp> {
        self.rollback.asked_last.or(self.rollback.times.asked)
    }

    /// The platform is working: so many surfaces serve the target.
    fn serving(
        &mut self,
        surfaces: Vec<Surface>,
        pin: Pin,
        said: String,
        unknown_since: Option<Timestamp>,
        policy: &Policy,
    ) {
        if pin != self.rollback.pin && pin == Pin::On {
            self.record_platform(RunningFact::Pinned { answer: None });
        }
        self.rollback.pin = pin;
        let before = self.rollback.served();
        let changed = self.rollback.said.as_deref() != Some(said.as_str());
        self.rollback.surfaces = surfaces;
        self.rollback.said = Some(said.clone());
        let (n, m) = self.rollback.served();
        let to = self.rollback.to_label().to_owned();
        if n > 0 && n == m {
            self.record_platform(RunningFact::Serving { to, n, m });
            self.rollback.times.serving = Some(self.now);
            self.transition_to(State::Serving { n, m });
            self.drive_at = Some(self.now);
            return;
        }
        if (n, m) != before || changed {
            let answer = said;
            self.record_platform(RunningFact::Progress { answer, to, n, m });
        }
        let serve_within = self.timing().serve_within;
        let overdue = self
            .asked_last()
            .is_some_and(|at| since(at, self.now) > serve_within);
        let waited_for_people = matches!(self.rollback.state, State::WaitingForPeople { .. });
        if n > 0 && overdue {
            self.give_up_on_the_rest(n, m, serve_within);
            return;
        }
        if unknown_since.is_some() && n == 0 {
            // While nothing has moved, the truth is still not known.
        } else if n > 0 && self.rollback.state != (State::Serving { n, m }) {
            self.transition_to(State::Serving { n, m });
        } else if overdue {
            self.unknown(format!(
                "{} accepted the request and after {} nothing serves the target",
                self.platform(),
                crate::proof::spell(serve_within)
            ));
        } else if waited_for_people {
            self.transition_to(State::Accepted { at: self.now });
        } else if changed {
            self.notices.push(Notice::Card);
        }
        self.drive_at = Some(self.read_back_at(unknown_since, policy));
    }

    /// What was read before the platform was asked says nothing of now: asking may hold off
    /// automatic deploys, also where it fails.
    fn pin_unread(&mut self) {
        if self.rollback.pin == Pin::Off {
            self.rollback.pin = Pin::Unknown;
        }
    }

    /// Some surfaces have not moved in the time that the platform normally takes.
    fn give_up_on_the_rest(&mut self, n: usize, m: usize, serve_within: Duration) {
        let failed = self.rollback.waiting_for();
        self.record_own(RunningFact::GaveUp {
            to: self.rollback.to_label().to_owned(),
            n,
            m,
            after_seconds: serve_within.as_secs(),
            missing: failed.clone(),
        });
        self.finish_and_announce(State::Partial { n, m, failed });
    }

    pub(super) fn probed(
        &mut self,
        round: Round,
        live: Option<(Vec<Surface>, Pin)>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let watching = match self.rollback.state {
            State::Serving { n, m } if n == m => None,
            State::Watching { until } => Some(until),
            State::Planning
            | State::Blocked { .. }
            | State::Proposed { .. }
            | State::Approved { .. }
            | State::Executing { .. }
            | State::WaitingForPeople { .. }
            | State::Accepted { .. }
            | State::Serving { .. }
            | State::Unknown { .. }
            | State::Closed
            | State::Failed { .. }
            | State::Partial { .. }
            | State::Rehearsed
            | State::Resolved { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => return Err(self.not_open()),
        };
        if let Some((surfaces, pin)) = live {
            self.rollback.surfaces = surfaces;
            let surfaces = self.rollback.moved_away();
            self.pin_seen(pin, surfaces.is_empty());
            if !surfaces.is_empty() {
                self.rollback.proof.drifted = Some(surfaces.clone());
                self.record_platform(ProofFact::Drifted { surfaces });
                self.finish_and_announce(State::Closed);
                return Ok(());
            }
        }
        let plan = self.rollback.plan.as_ref();
        let target = plan.map(|plan| plan.to.clone());
        self.rollback.proof.unseen = plan.and_then(|plan| plan.unseen.clone());
        let differs = self.rollback.proof.take(round, target.as_ref());
        if let (true, Some(round)) = (differs, self.rollback.proof.last.clone()) {
            self.record(Actor::Bot, Source::Check, ProofFact::Checked { round });
            self.notices.push(Notice::Card);
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
                self.concluded(policy);
            }
            self.drive_at = Some(after(self.now, watch_every(policy)).min(until.max(self.now)));
            return Ok(());
        }
        let serving = self.rollback.times.serving.unwrap_or(self.now);
        let overdue = since(serving, self.now) >= policy.prove_within;
        let ready = self.rollback.proof.streak >= policy.passes;
        // A good look that came late is followed by more of them.
        if !ready && (!overdue || self.rollback.proof.streak > 0) {
            let wait = match self.rollback.proof.streak {
                0 => look_again(since(serving, self.now), policy.check_every),
                _ => policy.pass_every,
            };
            self.drive_at = Some(after(self.now, wait));
            return Ok(());
        }
        self.rollback
            .proof
            .conclude(policy.fingerprint, ready, target.as_ref());
        self.concluded(policy);
        let until = after(self.now, policy.watch);
        self.transition_to(State::Watching { until });
        self.drive_at = Some(after(self.now, policy.watch.min(watch_every(policy))));
        Ok(())
    }

    /// Takes in whether automatic deploys are held off while it is watched. When they are not any
    /// more and production still serves the target, the next one can bring the bad release back, so
    /// everybody is told.
    fn pin_seen(&mut self, pin: Pin, serves_target: bool) {
        let before = std::mem::replace(&mut self.rollback.pin, pin);
        if before != Pin::On || pin != Pin::Off {
            return;
        }
        self.record_platform(RunningFact::PinLost);
        if !serves_target {
            return;
        }
        let text = format!(
            "automatic deploys of {} are on again, while {} is still watched: the next one goes live. Hold them off on {} if that could bring {} back.",
            Message::quoted(&self.rollback.service.to_string()),
            self.rollback.id,
            self.platform(),
            Message::quoted(self.rollback.from_label())
        );
        self.tell(&text, None, false, "pin-lost");
        self.notices.push(Notice::Card);
    }

    /// Somebody let automatic deploys go live again on purpose: the pin is not missed.
    pub(super) fn unpinned(&mut self, policy: &Policy) -> Result<(), Refusal> {
        if matches!(self.rollback.state, State::Closed) {
            let aftermath = self.rollback.aftermath.as_mut();
            let pin = aftermath.map_or(&mut self.rollback.pin, |aftermath| &mut aftermath.pin);
            return match std::mem::replace(pin, Pin::Off) {
                Pin::On => Ok(()),
                Pin::NotNeeded | Pin::Off | Pin::Unknown => Err(self.not_open()),
            };
        }
        if self.rollback.pin != Pin::On || self.rollback.state.is_ended() {
            return Err(self.not_open());
        }
        self.rollback.pin = Pin::Off;
        self.notices.push(Notice::Card);
        self.go_on(policy);
        Ok(())
    }

    pub(super) fn concluded(&mut self, policy: &Policy) {
        // A verdict may change, and nobody is told twice that their change is gone.
        let is_first = self.rollback.times.proven.replace(self.now).is_none();
        let plan = self.rollback.plan.as_ref();
        if let Some(LostChanges::Known(lost)) = plan.and_then(|plan| plan.lost_changes.as_ref())
            && is_first
            && !lost.authors().is_empty()
        {
            self.notices.push(Notice::Authors);
        }
        let proof = &self.rollback.proof;
        let fact = ProofFact::Concluded {
            verdict: proof.verdict.unwrap_or(Verdict::Unproven),
            to: self.rollback.to_label().to_owned(),
            way: self.rollback.aim.way(),
            round: proof.last.clone(),
            unseen: proof.unseen.clone(),
        };
        self.record(Actor::Bot, Source::Check, fact);
        self.notices.push(Notice::Card);
        self.notices.push(Notice::Outcome);
        if self.rollback.proof.verdict == Some(Verdict::Verified) {
            self.begin_stages(policy);
            let text = format!(
                "{} {} in {}: {}.",
                self.rollback.id,
                self.rollback.proof.word(),
                Message::whom(0),
                Message::quoted(&self.change().to_string())
            );
            let people = vec![self.rollback.channel.clone()];
            self.announce(text, people, policy, "verified");
        }
    }

    pub(super) fn close(&mut self, replaced_by: Option<RollbackId>) -> Result<(), Refusal> {
        let State::Watching { until } = self.rollback.state else {
            return Err(self.not_open());
        };
        if self.now < until && replaced_by.is_none() {
            return Err(self.not_open());
        }
        self.record_own(ProofFact::Closed {
            verdict: self.rollback.proof.verdict,
            replaced_by,
        });
        self.finish(State::Closed);
        self.notices.push(Notice::Export {
            why: "closed".into(),
        });
        Ok(())
    }

    pub(super) fn read_back_at(
        &self,
        unknown_since: Option<Timestamp>,
        policy: &Policy,
    ) -> Timestamp {
        let named = self.timing().look_every;
        let named = named.map(|every| every.clamp(LOOK_EVERY_AT_LEAST, LOOK_EVERY_AT_MOST));
        let every = match unknown_since {
            // Backs off with the age of the question.
            Some(at) => (since(at, self.now) / 4)
                .min(READ_BACK_AT_MOST)
                .max(named.unwrap_or(policy.check_every)),
            None => named.unwrap_or_else(|| {
                let asked = self.asked_last().unwrap_or(self.now);
                look_again(since(asked, self.now), policy.check_every)
            }),
        };
        after(self.now, every)
    }
}
