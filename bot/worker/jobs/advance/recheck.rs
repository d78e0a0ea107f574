//! Before the platform is asked, it is read again.

use super::{Advance, NoSurvey};
use crate::{
    crash::{self, Point},
    engine::{Ended, Error, Held},
};
use rollback_domain::rollback::Command;
use std::time::Instant;

impl Advance<'_> {
    /// Reads the platform again, and asks it under the same lease if the plan still holds.
    pub(super) async fn recheck(&self) -> Result<Ended, Error> {
        crash::point(Point::RecheckBegun);
        let survey = match self.survey().await {
            Ok(survey) => survey,
            Err(NoSurvey::TryAgain(next)) => return Ok(next.into()),
            Err(NoSurvey::Failed(error)) => {
                let why = error.to_string();
                return Ok(self.decide(Command::RecheckFailed { why }));
            }
        };
        crash::point(Point::Rechecked);
        let command = Command::Rechecked {
            plan: self.redraw(&survey).await?,
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
            Held::Asking(rollback) => self.ask(&rollback, began).await,
            Held::Completed(completed) => Ok(completed.into()),
        }
    }
}
