//! The later looks at a rollback that was verified.

use super::{turns::whom, *};
use crate::{
    proof::{StageResult, StageTold, Stages, StagesEnd, spell},
    rollback::IncidentThen,
};

impl Draft {
    /// It is verified for the first time: when it is looked at again is stored with that.
    pub(super) fn begin_stages(&mut self, policy: &Policy) {
        if self.rollback.stages.is_some() || self.rollback.drill.is_some() {
            return;
        }
        let stages = Stages::begin(self.now, &policy.stages);
        if let Some(at) = stages.as_ref().and_then(Stages::due) {
            self.notices.push(Notice::LookAgainAt { at });
        }
        self.rollback.stages = stages;
    }

    /// It was looked at once more for the stage that is due.
    pub(super) fn stage_looked(
        &mut self,
        round: Round,
        incident: &IncidentThen,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let State::Closed = self.rollback.state else {
            return Err(self.not_open());
        };
        let Some(mut stages) = self.rollback.stages.clone() else {
            return Err(self.not_open());
        };
        let Some(stage_after) = stages.next() else {
            return Err(self.not_open());
        };
        let plan = self.rollback.plan.as_ref();
        let target = plan.map(|plan| plan.to.clone());
        let proof = &mut self.rollback.proof;
        if stages.looking_since.is_none() {
            // Each stage is proven by looks of its own.
            (proof.streak, proof.failing) = (0, 0);
        }
        let looking_since = *stages.looking_since.get_or_insert(self.now);
        proof.take(round.clone(), target.as_ref());
        let is_good = proof.streak >= policy.passes;
        let is_bad = proof.failing >= policy.passes;
        let is_overdue = since(looking_since, self.now) >= policy.prove_within;
        // A good look that came late is followed by more of them.
        if !is_good && !is_bad && (!is_overdue || proof.streak > 0) {
            let wait = match proof.streak {
                0 => policy.check_every,
                _ => policy.pass_every,
            };
            self.rollback.stages = Some(stages);
            self.drive_at = Some(after(self.now, wait));
            return Ok(());
        }
        let result = match (is_good, proof.failing) {
            (true, _) => StageResult::Stable,
            (false, 0) => StageResult::Unproven,
            (false, _) => StageResult::Failed,
        };
        // What cannot be told takes no verdict back.
        if result != StageResult::Unproven {
            proof.conclude(policy.fingerprint, is_good, target.as_ref());
        }
        stages.looking_since = None;
        stages.results.push(result);
        if stages.next().is_none() {
            stages.ended = Some(StagesEnd::Done);
        }
        self.record(
            Actor::Bot,
            Source::Check,
            ProofFact::LookedAgain {
                after_seconds: stage_after.as_secs(),
                result,
                round: round.clone(),
            },
        );
        self.drive_at = stages.due().map(|due| due.max(self.now));
        self.rollback.stages = Some(stages);
        self.notices.push(Notice::Card);
        match result {
            StageResult::Stable => self.tell_stable(stage_after, &round, policy),
            StageResult::Failed => self.tell_late_failure(stage_after, &round, incident),
            StageResult::Unproven => self.tell_not_proven(stage_after, &round),
        }
        Ok(())
    }

    /// No more looks follow, because of this.
    pub(super) fn stages_end(&mut self, because: StagesEnd) -> Result<(), Refusal> {
        let going_on = self.rollback.stages.as_mut();
        let Some(stages) = going_on.filter(|stages| stages.ended.is_none()) else {
            return Err(self.not_open());
        };
        stages.ended = Some(because.clone());
        let text = format!(
            "{} is not looked at again: {}.",
            self.named_change(),
            Message::quoted(&because.clause())
        );
        self.record_own(ProofFact::StagesEnded { because });
        self.notices.push(Notice::Card);
        self.post(text, vec![], true, "stages-ended");
        Ok(())
    }

    fn tell_stable(&mut self, stage_after: Duration, round: &Round, policy: &Policy) {
        let mut rules = policy.stages.iter();
        let Some(rule) = rules.find(|rule| rule.after == stage_after) else {
            return;
        };
        let in_thread = match rule.tell {
            StageTold::Card => return,
            StageTold::Thread => true,
            StageTold::Channel => self.rollback.part_of.is_some(),
        };
        let note = rule.note.as_ref();
        let note = note.map(|note| format!(" {}", Message::quoted(note)));
        let text = format!(
            "{} is stable for {}: {}.{}",
            self.named_change(),
            spell(stage_after),
            Message::quoted(&round.text()),
            note.unwrap_or_default()
        );
        self.post(text, vec![], in_thread, "stable");
    }

    fn tell_not_proven(&mut self, stage_after: Duration, round: &Round) {
        let what = format!(
            "that {} is stable for {} could not be proven: {}. Check by hand.",
            self.named_change(),
            spell(stage_after),
            Message::quoted(&round.text())
        );
        self.tell_turn(&what, None, "not-proven");
    }

    /// Tells the one who leads, or those whom it concerns, that it fails by now, and what can be
    /// done next.
    fn tell_late_failure(&mut self, stage_after: Duration, round: &Round, incident: &IncidentThen) {
        let rollback = &self.rollback;
        let people = match &incident.lead {
            Some(lead) => vec![lead.clone()],
            None => {
                let concerned = rollback.concerned().into_iter();
                concerned.map(|addressee| addressee.person).collect()
            }
        };
        let typed = rollback.service.typed();
        let typed = Message::quoted(&typed);
        let id = rollback.id;
        let mut next = vec![format!(
            "`/rollback {typed} because …` proposes the version before it"
        )];
        if rollback.why_not_undone().is_none() {
            next.push(format!(
                "`/rollback undo {id}` takes production forward again to {}",
                Message::quoted(rollback.from_label())
            ));
        }
        next.push("or deploy a fix".into());
        let reopens = match incident.is_resolved {
            true => format!(
                " {} was resolved: `/rollback incident reopen because …` opens it again.",
                rollback.incident
            ),
            false => String::new(),
        };
        let text = format!(
            "{}: {} was verified, and {} later it fails: {}. {}.{reopens}",
            whom(people.len()),
            self.named_change(),
            spell(stage_after),
            Message::quoted(&round.text()),
            next.join(", ")
        );
        let in_thread = rollback.part_of.is_some();
        self.post(text, people, in_thread, "late-failure");
    }
}
