//! Making a plan: what was read of the platform, and what the platform says of the target.

use crate::{App, config::Service, engine::Error, store::rollbacks};
use jiff::Timestamp;
use rollback_domain::{
    history::History,
    identity::ServiceKey,
    migrations::MigrationReading,
    plan::{Aim, Basis, Plan},
    platform::{About, ProviderError},
    refusal::Refusal,
    release::{Survey, Way},
    risk::RiskRules,
};
use rollback_providers::Provider;

/// Why there is no plan.
pub(super) enum NoPlan {
    /// There is nothing that may be done.
    Refused(Refusal),
    /// The platform could not be asked about the target.
    Unreadable(ProviderError),
}

/// What a platform has to know to be read for an aim.
pub(super) async fn about(app: &App, service: &ServiceKey, aim: &Aim) -> Result<About, Error> {
    let undone = match aim.undoes {
        Some(id) => rollbacks::get(&app.engine.db, id).await?,
        None => None,
    };
    Ok(About {
        way: aim.way(),
        part: aim.part.clone(),
        undoes: undone.map(|undone| undone.as_undone()),
        ..about_service(app, service).await?
    })
}

/// What a platform has to know to be read without an aim.
pub(super) async fn about_service(app: &App, service: &ServiceKey) -> Result<About, Error> {
    let latest = rollbacks::latest_asked(&app.engine.db, service).await?;
    Ok(About {
        unfinished: latest.and_then(|latest| latest.as_unfinished()),
        ..About::default()
    })
}

/// Adds to a plan the changes that production loses, where the service names its repository. What
/// its host does not answer is not known, and keeps nobody waiting.
pub(super) async fn add_lost_changes(app: &App, service: &Service, plan: &mut Plan) {
    if let (Some(repository), Some(from), Way::Back) = (&service.repository, &plan.from, plan.way) {
        // On the heap: the job that holds this is large enough.
        let lost = Box::pin(app.repositories.lost(repository, from, &plan.to)).await;
        plan.lost_changes = lost;
    }
}

/// What a plan is made from.
pub(super) struct Planning<'a> {
    pub(super) app: &'a App,
    pub(super) service: &'a ServiceKey,
    pub(super) provider: &'a dyn Provider,
    pub(super) about: &'a About,
    pub(super) aim: &'a Aim,
    pub(super) survey: &'a Survey,
    pub(super) history: &'a History,
    pub(super) risks: &'a RiskRules,
}

impl Planning<'_> {
    /// Draws the plan as of `at`, and asks the platform what going to its target means.
    pub(super) async fn plan(&self, at: Timestamp) -> Result<Plan, NoPlan> {
        let basis = Basis {
            service: self.service,
            survey: self.survey,
            effects: &self.provider.effects(self.about.way),
            history: self.history,
            risks: self.risks,
        };
        let plan = Plan::draw(basis, self.aim, at).map_err(NoPlan::Refused)?;
        let dry_run = self.provider.dry_run(self.survey, &plan.to, self.about);
        let dry_run = dry_run.await.map_err(NoPlan::Unreadable)?;
        let plan = plan.with_dry_run(dry_run, self.risks);
        Ok(match Box::pin(self.migrations(&plan)).await {
            Some(reading) => plan.with_migrations(reading, self.risks),
            None => plan,
        })
    }

    /// What the migrations since the target mean, where the service says where they are.
    async fn migrations(&self, plan: &Plan) -> Option<MigrationReading> {
        let service = self.app.config.service(self.service)?;
        let (Some(files), Some(repository), Way::Back) =
            (&service.migrations, &service.repository, plan.way)
        else {
            return None;
        };
        Some(match &plan.from {
            Some(from) => {
                let repositories = &self.app.repositories;
                repositories
                    .migrations(repository, files, from, &plan.to)
                    .await
            }
            None => MigrationReading::unknown("what serves now is not known".into()),
        })
    }
}
