//! Observing: what production serves after the platform was asked.

use super::OnPlatform;
use crate::{
    crash::{self, Point},
    engine::{Ended, Error, Held, SideEffects},
};
use rollback_domain::{
    platform::{Production, Progress, ProviderError},
    rollback::Command,
};
use std::time::Instant;

impl OnPlatform<'_> {
    /// Looks how far the platform is. Where the next step is safe it is asked for, under the same
    /// lease.
    pub(super) async fn observe(&self) -> Result<Ended, Error> {
        let Some(order) = self.order(&self.rollback).await? else {
            return Ok(self.try_again("there is no plan".into(), None).into());
        };
        let observed = self.provider.observe(&order).await;
        crash::point(Point::ReadBack);
        let progress = match observed {
            Ok(progress) => progress,
            Err(ProviderError::Busy { why, retry_after }) => {
                return Ok(self.try_again(why, retry_after).into());
            }
            Err(error) => return Ok(self.try_again(error.to_string(), None).into()),
        };
        match progress {
            Progress::StepReady { .. } => self.ask_for_next(progress).await,
            // Manual tasks ask for people.
            Progress::PeopleNeeded { .. } => {
                let roster = Box::new(self.last_known_roster().await?);
                let ended = self.decide(Command::Observed { progress, roster });
                Ok(ended.stored_at(Point::PeopleNeededStored))
            }
            Progress::Serving { .. }
            | Progress::Partial { .. }
            | Progress::Failed { .. }
            | Progress::NotAsked { .. } => Ok(self.looked(progress)),
        }
    }

    fn looked(&self, progress: Progress) -> Ended {
        let has_moved = self.has_moved(&progress);
        let roster = Box::default();
        let ended = self.decide(Command::Observed { progress, roster });
        match has_moved {
            // The board and the list of pins are to say it at once.
            true => ended.then(self.survey_job(), self.now()),
            false => ended,
        }
    }

    /// The next step is safe: that it is asked for is stored, and then it is asked for.
    async fn ask_for_next(&self, progress: Progress) -> Result<Ended, Error> {
        let roster = Box::default();
        let decision = self.decision(Command::Observed { progress, roster });
        // Before the commit: the lease is ours at least as long as it is thought to be.
        let began = Instant::now();
        let engine = &self.app.engine;
        let held = engine.decide_and_hold(self.lease, decision, SideEffects::default());
        match held.await? {
            Held::Asking(rollback) => self.ask(*rollback, began).await,
            Held::Completed(completed) => Ok(completed.into()),
        }
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
