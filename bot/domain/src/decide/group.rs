//! The rollback of a group: its stages begin one after the other, each when the members of the one
//! before are where they should be.

use super::{
    turns::{named, reason},
    *,
};
use crate::{
    group::{Halted, Member, Standing},
    identity::ServiceKey,
};

/// Until when the plan of a member may be run once its stage has begun, at least.
const RUN_WITHIN: Duration = Duration::from_secs(60);

impl Draft {
    /// Nothing has changed since the approval: the first stage begins.
    pub(super) fn begin_group(&mut self, policy: &Policy) {
        self.rollback.times.asked = Some(self.now);
        self.rollback.times.accepted = Some(self.now);
        self.transition_to(State::Accepted { at: self.now });
        if let Some(first) = self.stages().first() {
            self.begin_stage(*first, policy);
        }
    }

    /// Opens a rollback of its own for each member of a stage. The engine does that in the same
    /// transaction, so that a stage has begun for all of its members or for none.
    fn begin_stage(&mut self, stage: u32, policy: &Policy) {
        let until = after(self.now, policy.plan_ttl.max(RUN_WITHIN));
        let planned = self.rollback.group().into_iter();
        let planned = planned.flat_map(|group| group.planned());
        let starts: Vec<Start> = planned
            .filter(|(member, _)| member.stage == stage)
            .map(|(member, _)| Start {
                member: member.clone(),
                until,
            })
            .collect();
        let stages = self.stages();
        let number = stages.iter().position(|one| *one == stage).unwrap_or(0) + 1;
        let members = starts.iter().map(|start| start.member.service.name.clone());
        self.record_own(RunningFact::StageBegun {
            stage: number,
            stages: stages.len(),
            members: members.collect(),
        });
        self.rollback.step = stage;
        self.starts = starts;
        self.notices.push(Notice::Card);
        self.drive_at = Some(after(self.now, policy.check_every));
    }

    /// Somebody stops it while it runs: what has begun goes on, and nothing more begins.
    pub(super) fn halt(&mut self, who: Who, because: Option<String>) {
        let to_come = self.rollback.members_to_come();
        let not_run: Vec<String> = to_come.into_iter().map(|one| one.name.clone()).collect();
        let what = format!(
            "{} stopped {}{}. What has begun goes on. Not run: {}.",
            named(&who.person),
            self.named_change(),
            reason(because.as_deref()),
            Message::quoted(&list(&not_run, "and"))
        );
        self.record_by(&who, PeopleFact::GroupStopped { not_run, because });
        self.tell(&what, Some(&who.person), false, "halted");
        self.rollback.halted = Some(Halted {
            by: who.person,
            at: self.now,
        });
        self.notices.push(Notice::Card);
        self.drive_at = Some(self.now);
    }

    /// Takes in what has become of the members, and goes on or ends with it.
    pub(super) fn members_seen(
        &mut self,
        seen: Vec<Member>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let is_watched = match self.rollback.state {
            State::Accepted { .. } | State::Serving { .. } => false,
            State::Watching { .. } => true,
            State::Planning
            | State::Blocked { .. }
            | State::Proposed { .. }
            | State::Approved { .. }
            | State::Executing { .. }
            | State::WaitingForPeople { .. }
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
        let Some(group) = self.rollback.group().cloned() else {
            return Err(self.not_open());
        };
        self.take_in(seen);
        if is_watched {
            self.watch_members(policy);
            return Ok(());
        }
        let stage = self.rollback.step;
        let of_stage = |service: &ServiceKey| {
            let mut planned = group.planned();
            planned.any(|(member, _)| member.stage == stage && member.service == *service)
        };
        let members = &self.rollback.members;
        let mut present = members.iter().filter(|member| of_stage(&member.service));
        if present.any(|member| member.standing == Standing::Running) {
            let (n, m) = self.rollback.members_done();
            if n > 0 && self.rollback.state != (State::Serving { n, m }) {
                self.transition_to(State::Serving { n, m });
            }
            self.drive_at = Some(after(self.now, policy.check_every));
            return Ok(());
        }
        let has_failed = members.iter().any(|member| member.standing.has_failed());
        let goes_on = self.rollback.halted.is_none() && (!has_failed || group.goes_on);
        let next = self.stages().into_iter().find(|next| *next > stage);
        match next {
            Some(next) if goes_on => self.begin_stage(next, policy),
            Some(_) | None => self.end_group(policy),
        }
        Ok(())
    }

    /// Keeps what is news of the members, and has the card show it.
    fn take_in(&mut self, seen: Vec<Member>) {
        for member in seen {
            let members = &mut self.rollback.members;
            let known = members.iter_mut().find(|one| one.service == member.service);
            if let Some(known) = known
                && *known != member
            {
                *known = member;
                self.notices.push(Notice::Card);
            }
        }
        let label = self.rollback.plan.as_ref().map(|plan| plan.to.id.clone());
        let done: Vec<String> = self
            .rollback
            .members
            .iter()
            .filter(|member| member.standing.is_done())
            .map(|member| member.service.name.clone())
            .collect();
        for surface in &mut self.rollback.surfaces {
            if done.contains(&surface.name) {
                surface.live.clone_from(&label);
            }
        }
    }

    /// Nothing more begins: tells in numbers how it turned out.
    fn end_group(&mut self, policy: &Policy) {
        let (n, m) = self.rollback.members_done();
        let others = self.rollback.members_unverified();
        self.record_own(RunningFact::GroupEnded {
            verified: m - others.len(),
            members: m,
            others: others.clone(),
        });
        if n == m {
            self.rollback.times.serving = Some(self.now);
            self.rollback.times.proven = Some(self.now);
            self.conclude_members();
            self.notices.push(Notice::Outcome);
            let until = after(self.now, policy.watch);
            self.transition_to(State::Watching { until });
            self.drive_at = Some(after(self.now, watch_every(policy)));
            return;
        }
        let left = self.rollback.members.iter().map(|member| member.standing);
        let changed = |standing: Standing| match standing {
            Standing::Failed(production) => production == Production::Changed,
            Standing::Running | Standing::Verified | Standing::Unproven => false,
        };
        let is_changed = left.clone().any(changed);
        let is_unknown = left
            .clone()
            .any(|standing| standing == Standing::Failed(Production::Unknown));
        if n > 0 {
            self.finish_and_announce(State::Partial {
                n,
                m,
                failed: others,
            });
            return;
        }
        let production = match (is_changed, is_unknown) {
            (true, _) => Production::Changed,
            (false, true) => Production::Unknown,
            (false, false) => Production::AsBefore,
        };
        let why = self.rollback.members_counted();
        self.finish_and_announce(State::Failed { why, production });
    }

    /// All members are where they should be: each is watched for itself, and what is seen of them
    /// is the verdict of the group, until the last one has ended.
    fn watch_members(&mut self, policy: &Policy) {
        let before = (
            self.rollback.proof.verdict,
            self.rollback.proof.drifted.clone(),
        );
        self.conclude_members();
        let proof = &self.rollback.proof;
        if before != (proof.verdict, proof.drifted.clone()) {
            let others = self.rollback.members_unverified();
            let (_, members) = self.rollback.members_done();
            self.record_own(RunningFact::GroupEnded {
                verified: members - others.len(),
                members,
                others,
            });
            self.notices.push(Notice::Card);
            self.notices.push(Notice::Outcome);
        }
        if self.rollback.members.iter().all(|member| member.has_ended) {
            self.record_own(ProofFact::Closed {
                verdict: self.rollback.proof.verdict,
                replaced_by: None,
            });
            self.finish(State::Closed);
            self.notices.push(Notice::Export {
                why: "closed".into(),
            });
            return;
        }
        self.drive_at = Some(after(self.now, watch_every(policy)));
    }

    /// Draws the verdict of the group from those of its members: the worst of them.
    fn conclude_members(&mut self) {
        let standings = self.rollback.members.iter().map(|member| member.standing);
        let verdict = match standings.clone().all(|one| one == Standing::Verified) {
            true => Verdict::Verified,
            false if standings.clone().all(Standing::is_done) => Verdict::Unproven,
            false => Verdict::StillFailing,
        };
        let left: Vec<String> = self
            .rollback
            .members
            .iter()
            .filter(|member| member.word == "DRIFTED")
            .map(|member| member.service.name.clone())
            .collect();
        let round = self.rollback.members_round();
        let proof = &mut self.rollback.proof;
        proof.verdict = Some(verdict);
        proof.passed |= verdict == Verdict::Verified;
        proof.evidence = Some(round.text());
        proof.last = Some(round);
        proof.drifted = (!left.is_empty()).then_some(left);
    }

    /// A part of a group that cannot be run as it was approved ends, and its group decides what
    /// follows.
    pub(super) fn part_blocked(&mut self, why: Reopening) -> Result<(), Refusal> {
        let why = self.record_reason(WaitingFact::Reopened { why });
        self.finish(State::Blocked { why });
        Ok(())
    }

    fn stages(&self) -> Vec<u32> {
        let group = self.rollback.group();
        group.map_or_else(Vec::new, |group| group.stages())
    }
}
