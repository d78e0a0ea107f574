//! Observing: what production serves after the platform was asked.

use super::Advance;
use crate::{
    crash::{self, Point},
    engine::{Ended, Error},
};
use rollback_domain::{
    platform::{Production, Progress, ProviderError},
    rollback::Command,
};

impl Advance<'_> {
    /// Reads back how far the platform is.
    pub(super) async fn observe(&self) -> Result<Ended, Error> {
        let observed = self.provider.observe(&self.rollback).await;
        crash::point(Point::ReadBack);
        let progress = match observed {
            Ok(progress) => progress,
            Err(ProviderError::Busy { why, retry_after }) => {
                return Ok(self.try_again(why, retry_after).into());
            }
            Err(error) => return Ok(self.try_again(error.to_string(), None).into()),
        };
        let has_moved = self.has_moved(&progress);
        // Only manual tasks ask for people.
        let roster = match &progress {
            Progress::PeopleNeeded { .. } => Box::new(self.last_known_roster().await?),
            Progress::Serving { .. }
            | Progress::StepReady { .. }
            | Progress::Partial { .. }
            | Progress::Failed { .. }
            | Progress::NotAsked { .. } => Box::default(),
        };
        let ended = self.decide(Command::Observed { progress, roster });
        Ok(match has_moved {
            // The board and the list of pins are to say it at once.
            true => ended.then(self.survey_job(), self.now()),
            false => ended,
        })
    }

    /// Whether the platform is done and production is another one than before.
    fn has_moved(&self, progress: &Progress) -> bool {
        match progress {
            Progress::Serving { surfaces, .. } => surfaces
                .iter()
                .all(|surface| self.rollback.is_on_target(surface)),
            Progress::Partial { .. } => true,
            Progress::Failed { production, .. } => *production == Production::Changed,
            Progress::StepReady { .. }
            | Progress::PeopleNeeded { .. }
            | Progress::NotAsked { .. } => false,
        }
    }
}
