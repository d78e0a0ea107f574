//! Watching: production is kept in sight for a while after it serves.

use super::OnPlatform;
use crate::{
    crash::{self, Point},
    engine::{Ended, Error},
    store::rollbacks,
};
use rollback_domain::{
    identity::RollbackId,
    platform::Progress,
    release::{Pin, Surface},
    rollback::Command,
};

impl OnPlatform<'_> {
    /// Looks at production once more, unless a later rollback has taken over.
    pub(super) async fn watch(&self) -> Result<Ended, Error> {
        if let Some(replaced_by) = self.replaced_by().await? {
            let replaced_by = Some(replaced_by);
            return Ok(self.decide(Command::Close { replaced_by }));
        }
        let live = self.live().await;
        crash::point(Point::WatchLooked);
        self.prove(live).await
    }

    /// A later rollback or drill of the service whose platform was asked: what it does to production is its
    /// story, and not this one's.
    async fn replaced_by(&self) -> Result<Option<RollbackId>, Error> {
        let rollback = &self.rollback;
        let db = &self.app.engine.db;
        let latest = rollbacks::latest_of(db, &rollback.service).await?;
        let drill = rollbacks::latest_drill_of(db, &rollback.service).await?;
        let mut later = [latest, drill].into_iter().flatten();
        let later = later.find(|later| later.is_after(rollback) && later.times.asked.is_some());
        Ok(later.map(|later| later.id))
    }

    /// What production serves; `None`: the platform cannot be read now, which is no drift.
    async fn live(&self) -> Option<(Vec<Surface>, Pin)> {
        let about = self.about().await.ok()?;
        let order = self.rollback.order(about.undoes.clone())?;
        match self.provider.observe(&order).await {
            Ok(Progress::Serving { surfaces, pin, .. }) => Some((surfaces, pin)),
            // It says nothing of this rollback any more: what does production serve?
            Ok(
                Progress::StepReady { .. }
                | Progress::PeopleNeeded { .. }
                | Progress::Partial { .. }
                | Progress::Failed { .. }
                | Progress::NotAsked { .. },
            ) => {
                let survey = self.provider.survey(&about).await.ok()?;
                Some((survey.surfaces, survey.pin))
            }
            Err(_) => None,
        }
    }
}
