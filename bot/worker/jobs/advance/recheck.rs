//! Before the platform is asked, it is read again.

use super::{Drawn, NotRead, OnPlatform};
use crate::{
    crash::{self, Point},
    engine::{Ended, Error, Held},
};
use rollback_domain::rollback::Command;
use std::time::Instant;

impl OnPlatform<'_> {
    /// Reads the platform again, and asks it under the same lease if the plan still holds.
    pub(super) async fn recheck(&self) -> Result<Ended, Error> {
        crash::point(Point::RecheckBegun);
        let about = self.about().await?;
        let survey = match self.survey(&about).await {
            Ok(survey) => survey,
            Err(not_read) => return Ok(self.not_rechecked(not_read)),
        };
        let plan = match self.redraw(&about, &survey).await? {
            Drawn::Plan(plan) => Ok(plan),
            Drawn::Refused(refusal) => Err(refusal),
            Drawn::NotRead(not_read) => return Ok(self.not_rechecked(not_read)),
        };
        crash::point(Point::Rechecked);
        let command = Command::Rechecked {
            plan,
            survey: Box::new(survey.clone()),
            roster: Box::new(self.last_known_roster().await?),
        };
        let effects = self.recorded(&survey).into();
        // Goes on while the process stands still (`CLOCK_MONOTONIC`). Before the commit: the lease
        // is ours at least as long as it is thought to be.
        let began = Instant::now();
        let held = self
            .app
            .engine
            .decide_and_hold(self.lease, self.decision(command), effects)
            .await?;
        match held {
            Held::Asking(rollback) => self.ask(*rollback, began).await,
            Held::Completed(completed) => Ok(completed.into()),
        }
    }
    fn not_rechecked(&self, not_read: NotRead) -> Ended {
        match not_read {
            NotRead::TryAgain(next) => next.into(),
            NotRead::Failed(error) => {
                let why = error.to_string();
                self.decide(Command::RecheckFailed { why })
            }
        }
    }
}
