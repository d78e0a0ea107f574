//! The proof: the service is looked at from outside.

use super::OnPlatform;
use crate::{
    crash::{self, Point},
    engine::{Ended, Error},
    proofs,
};
use rollback_domain::{
    release::{Pin, Surface},
    rollback::Command,
};

impl OnPlatform<'_> {
    /// Does one round of the proof; with what production serves, if that was read for this.
    pub(super) async fn prove(&self, live: Option<(Vec<Surface>, Pin)>) -> Result<Ended, Error> {
        if self.rollback.proof.last.is_none() {
            // What the board shows was read before production moved. Not with the end of this job:
            // a proof takes its time.
            self.app.engine.enqueue(&[self.survey_job()]).await?;
        }
        let plan = self.rollback.plan.as_ref();
        let round = proofs::look(
            &self.app.http,
            self.service.fingerprint.as_ref(),
            &self.service.verify,
            plan.map_or(&[], |plan| plan.baselines.as_slice()),
        )
        .await;
        crash::point(Point::ProofLooked);
        Ok(self
            .decide(Command::Probed { round, live })
            .stored_at(Point::ProofStored))
    }
}
