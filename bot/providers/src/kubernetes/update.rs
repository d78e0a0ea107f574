//! The update of a Rollout of Argo Rollouts: how far it is on the way from its stable template to
//! the one that it has.
//!
//! To abort an update and to undo a release are two things. An abort leaves the template as it is
//! and has the stable one serve everything again; it needs an update that is under way. An undo
//! gives the Rollout an earlier template, which is then rolled out by its strategy.

use super::workload::{Kind, Rollout, Workload};
use crate::json::{flag, text};
use rollback_http::{cut, one_line};
use serde_json::Value;

/// How far a Rollout is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Update<'a> {
    spec: &'a Value,
    status: &'a Value,
}

impl<'a> Update<'a> {
    /// The update of a workload; `None`: it is no Rollout.
    pub(super) fn of(workload: &'a Workload) -> Option<Self> {
        let object = &workload.object;
        (workload.kind == Kind::Rollout).then(|| Self {
            spec: &object["spec"],
            status: &object["status"],
        })
    }

    /// The hash of the template that serves until an update has come to its end.
    pub(super) fn stable(&self) -> Option<&'a str> {
        text(self.status, "stableRS")
    }

    /// The hash of the template that it has.
    pub(super) fn current(&self) -> Option<&'a str> {
        text(self.status, "currentPodHash")
    }

    /// Whether an update was aborted: the stable template serves, and the other one is kept.
    pub(super) fn is_aborted(&self) -> bool {
        flag(self.status, "abort") && self.stable() != self.current()
    }

    /// Whether a template is on its way that the stable one can still be had instead of.
    pub(super) fn is_under_way(&self) -> bool {
        let is_other = self.stable().is_some() && self.stable() != self.current();
        is_other && !flag(self.status, "abort")
    }

    /// Whether a template serves everything, `is_it` by its hash.
    pub(super) fn serves(&self, rollout: &Rollout, is_it: impl Fn(&str) -> bool) -> bool {
        let is_stable = self.stable().is_some_and(&is_it);
        let active = text(&self.status["blueGreen"], "activeSelector");
        let weight = self.status["canary"]["weights"]["canary"]["weight"].as_i64();
        let is_up = rollout.desired > 0 && rollout.available >= rollout.desired;
        is_stable
            && is_up
            && match (active, self.is_aborted()) {
                (Some(active), _) => is_it(active),
                (None, true) => weight.map_or(rollout.updated, |weight| weight) == 0,
                (None, false) => self.current().is_some_and(&is_it) && rollout.is_complete(),
            }
    }

    /// How many steps its strategy has.
    pub(super) fn steps(&self) -> usize {
        let steps = self.spec["strategy"]["canary"]["steps"].as_array();
        steps.map_or(0, Vec::len)
    }

    /// Why it waits for people, as a clause; `None`: it goes on by itself.
    pub(super) fn waits_for_people(&self) -> Option<String> {
        let strategy = &self.spec["strategy"];
        let reason = text(&self.status["pauseConditions"][0], "reason")?;
        let waits = match reason {
            "CanaryPauseStep" => {
                let step = self.status["currentStepIndex"].as_u64().unwrap_or(0);
                let step = usize::try_from(step).unwrap_or(usize::MAX);
                let pause = &strategy["canary"]["steps"][step]["pause"];
                pause["duration"].is_null()
            }
            "BlueGreenPause" => {
                let seconds = &strategy["blueGreen"]["autoPromotionSeconds"];
                seconds.as_i64().unwrap_or(0) == 0
            }
            _ => true,
        };
        waits.then(|| self.clause())
    }

    /// What Argo Rollouts says of it, as a clause: `Paused (CanaryPauseStep) at step 2 of 5`.
    pub(super) fn clause(&self) -> String {
        let word = |key| text(self.status, key).map(|word| cut(&one_line(word), 160));
        let phase = word("phase").unwrap_or_else(|| "in an unknown phase".to_owned());
        let message = word("message").map_or(String::new(), |message| format!(" ({message})"));
        let (steps, step) = (self.steps(), self.status["currentStepIndex"].as_u64());
        let at = step
            .filter(|step| !self.is_aborted() && *step < steps as u64)
            .map_or(String::new(), |step| {
                format!(" at step {} of {steps}", step + 1)
            });
        format!("it is {phase}{message}{at}")
    }
}
