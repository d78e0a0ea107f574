//! Looks at a rollback again, long after it was verified. It looks from outside and changes nothing, so
//! that it may run twice.

use super::Begun;
use crate::{
    App,
    config::Service,
    engine::{Ended, Error},
    proofs,
    store::{rollbacks, timelines},
    worker::planning,
};
use rollback_domain::{
    identity::{IncidentId, RollbackId},
    incident::{IncidentRole, IncidentStatus},
    proof::{Stages, StagesEnd},
    rollback::{Command, IncidentThen, Rollback, State},
};
use std::time::Duration;

/// How long after the end of the watch a stage is looked at that is due before it.
const AFTER_WATCH: Duration = Duration::from_secs(1);

pub(super) fn run<'a>(app: &'a App, id: RollbackId) -> Begun<'a> {
    Box::pin(perform(app, id))
}

async fn perform(app: &App, id: RollbackId) -> Result<Ended, Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return Ok(Ended::done());
    };
    let stages = rollback.stages.as_ref();
    let Some((after, due)) = stages.and_then(|stages| stages.next().zip(stages.due())) else {
        return Ok(Ended::done());
    };
    if app.engine.clock.now() < due {
        return Ok(Ended::at(due));
    }
    if let State::Watching { until } = rollback.state {
        return Ok(Ended::at(until.checked_add(AFTER_WATCH).unwrap_or(until)));
    }
    let ends = |because, policy| Ended::decide(id, Command::StagesEnd { because }, policy);
    let service = app.config.service(&rollback.service);
    let stage = service.and_then(|service| {
        let mut stages = service.stages.iter();
        stages
            .find(|stage| stage.rule.after == after)
            .map(|stage| (service, stage))
    });
    let Some((service, stage)) = stage else {
        let policy = app.policy_of(&rollback.service);
        let policy = policy.unwrap_or_else(|| app.policy_of_unconfigured());
        return Ok(ends(StagesEnd::Unconfigured, policy));
    };
    let policy = app.policy(service);
    // A stage that has been begun goes on with what it began with.
    let is_first = stages.is_some_and(|stages: &Stages| stages.looking_since.is_none());
    if is_first && let Some(because) = overtaken(app, service, &rollback).await? {
        return Ok(ends(because, policy));
    }
    let plan = rollback.plan.as_ref();
    let round = proofs::look(
        &app.http,
        service.fingerprint.as_ref(),
        &stage.checks,
        plan.map_or(&[], |plan| plan.baselines.as_slice()),
    )
    .await;
    let incident = incident_then(app, rollback.incident).await?;
    Ok(Ended::decide(
        id,
        Command::StageLooked { round, incident },
        policy,
    ))
}

/// What has taken the place of a rollback; `None`: nothing, or the platform cannot be read now.
async fn overtaken(
    app: &App,
    service: &Service,
    rollback: &Rollback,
) -> Result<Option<StagesEnd>, Error> {
    let latest = rollbacks::latest_asked(&app.engine.db, &rollback.service).await?;
    if let Some(later) = latest.filter(|latest| latest.is_after(rollback)) {
        return Ok(Some(StagesEnd::RolledBack(later.id)));
    }
    if rollback.proof.drifted.is_some() {
        return Ok(Some(StagesEnd::Drifted));
    }
    let (Some(provider), Some(plan)) = (app.provider(service), &rollback.plan) else {
        return Ok(None);
    };
    let about = planning::about_service(app, &rollback.service).await?;
    let Ok(survey) = provider.survey(&about).await else {
        return Ok(None);
    };
    let live = survey.live().filter(|live| !live.is(&plan.to.id));
    Ok(live.map(|live| StagesEnd::Deployed(live.label().to_owned())))
}

/// What is known of an incident now.
async fn incident_then(app: &App, id: IncidentId) -> Result<IncidentThen, Error> {
    let Some(incident) = timelines::find(&app.engine.db, id).await? else {
        return Ok(IncidentThen::default());
    };
    let lead = incident.course.roles.get(&IncidentRole::Lead);
    Ok(IncidentThen {
        lead: lead.map(|person| person.id.clone()),
        is_resolved: incident.course.status == IncidentStatus::Resolved,
    })
}
