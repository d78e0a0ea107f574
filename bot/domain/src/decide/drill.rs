//! What a drill does otherwise than a rollback: it may begin with a fault, it may end before its
//! platform is asked, and it is in nobody's way.

use super::*;

impl Draft {
    /// The environment is about to be broken.
    pub(super) fn fault_begins(&mut self) -> Result<(), Refusal> {
        let now = self.now;
        let drill = self.rollback.drill.as_mut();
        let fault = drill.and_then(|drill| drill.fault.as_mut());
        let (State::Planning, Some(fault)) = (&self.rollback.state, fault) else {
            return Err(self.not_open());
        };
        if fault.begun.is_some() {
            return Err(self.not_open());
        }
        fault.begun = Some(now);
        let program = fault.program.clone();
        self.record_own(RunningFact::FaultBegun { program });
        // The job that makes it wakes the rollback when it has ended.
        self.notices.push(Notice::MakeFault);
        Ok(())
    }

    /// It is broken, or it is not: then there is nothing to practise on.
    pub(super) fn fault_ended(&mut self, result: Result<String, String>) -> Result<(), Refusal> {
        let now = self.now;
        let drill = self.rollback.drill.as_mut();
        let fault = drill.and_then(|drill| drill.fault.as_mut());
        let (State::Planning, Some(fault)) = (&self.rollback.state, fault) else {
            return Err(self.not_open());
        };
        if fault.begun.is_none() || fault.ended.is_some() {
            return Err(self.not_open());
        }
        let program = fault.program.clone();
        match result {
            Ok(said) => {
                fault.ended = Some(now);
                self.record_own(RunningFact::FaultMade { said });
                self.drive_at = Some(now);
            }
            Err(why) => {
                self.record_own(RunningFact::FaultFailed { why: why.clone() });
                let why = format!("{program} has not broken it: {why}.");
                let text = format!(
                    "{} has ended before it began. {} Look at {}, then: `{}`.",
                    self.rollback.id,
                    Message::unmarked(&why),
                    self.rollback.service,
                    Message::quoted(&self.rollback.command_again()),
                );
                self.tell(&text, None, false, "no-fault");
                self.finish(State::Blocked { why });
            }
        }
        Ok(())
    }

    /// A drill that does not act has come as far as it goes.
    pub(super) fn rehearsed(&mut self) {
        let plan = self.rollback.plan.as_ref();
        let steps = plan.map_or_else(Vec::new, |plan| match plan.steps.is_empty() {
            true => vec!["one step".to_owned()],
            false => plan.steps.clone(),
        });
        self.record_own(RunningFact::Rehearsed {
            platform: self.platform(),
            from: self.rollback.from_label().to_owned(),
            to: self.rollback.to_label().to_owned(),
            steps,
        });
        self.finish_and_announce(State::Rehearsed);
    }

    /// Ends for a rollback of the same production, unless its own platform was asked already.
    pub(super) fn give_way(&mut self, to: RollbackId) -> Result<(), Refusal> {
        if !self.rollback.gives_way() {
            return Err(self.not_open());
        }
        self.record_own(RunningFact::GaveWay { to });
        let why = format!("{to} was asked for, and a drill is in nobody's way.");
        let text = format!(
            "{} is stopped: {why} Nothing was asked of the platform for it.",
            self.rollback.id
        );
        self.tell(&text, None, false, "gave-way");
        self.finish(State::Superseded { why });
        Ok(())
    }
}
