//! Finds the service or the rollback that a request is about; never guesses.

use super::{Failure, Result};
use crate::{
    App,
    config::Service,
    store::{rollbacks, timelines},
};
use rollback_domain::{
    grammar::{IncidentRef, ServiceRef, Verb, nearest},
    identity::{IncidentId, RollbackId},
    refusal::Refusal,
    rollback::Rollback,
};

/// The service of the configuration that is meant.
pub fn service<'a>(app: &'a App, name: &ServiceRef) -> std::result::Result<&'a Service, Refusal> {
    service_among(app, name, &[])
}

/// The same where the word may have been meant as a verb.
pub(super) fn service_or_verb<'a>(
    app: &'a App,
    name: &ServiceRef,
) -> std::result::Result<&'a Service, Refusal> {
    service_among(app, name, Verb::ALL)
}

fn service_among<'a>(
    app: &'a App,
    name: &ServiceRef,
    verbs: &[Verb],
) -> std::result::Result<&'a Service, Refusal> {
    let environments = app.config.environments(&name.service);
    let refusal = || Refusal::WhichEnvironment {
        service: name.service.clone(),
        named: name.environment.clone(),
        known: environments
            .iter()
            .map(|service| service.key.environment.clone())
            .collect(),
    };
    match (&name.environment, environments.as_slice()) {
        (_, []) => Err(unknown_service(app, &name.service, verbs)),
        (None, [only]) => Ok(only),
        (None, [..]) => Err(refusal()),
        (Some(environment), services) => services
            .iter()
            .find(|service| service.key.environment == *environment)
            .copied()
            .ok_or_else(refusal),
    }
}

fn unknown_service(app: &App, name: &str, verbs: &[Verb]) -> Refusal {
    let services = app.config.services.iter();
    let mut known: Vec<String> = services.map(|service| service.key.name.clone()).collect();
    known.dedup();
    let verbs = verbs.iter().filter_map(|verb| verb.word());
    let candidates = known.iter().map(String::as_str).chain(verbs);
    Refusal::UnknownService {
        name: name.to_owned(),
        nearest: nearest(name, candidates).map(str::to_owned),
        known,
    }
}

/// The rollback with a number.
pub async fn rollback(app: &App, id: RollbackId) -> Result<Rollback> {
    let found = rollbacks::get(&app.engine.db, id).await?;
    found.ok_or(Failure::from(Refusal::UnknownRollback { id }))
}

/// The incident that is meant: the channel's latest one if none is named. What was said in another
/// channel, perhaps a private one, stays there.
pub async fn incident(app: &App, channel: &str, about: Option<IncidentRef>) -> Result<IncidentId> {
    let db = &app.engine.db;
    let (id, its_channel) = match about {
        None => {
            let latest = timelines::latest(db, channel).await?;
            let latest = latest.ok_or(Failure::from(Refusal::NoIncident))?;
            return Ok(latest.id);
        }
        Some(IncidentRef::Rollback(id)) => {
            let rollback = rollback(app, id).await?;
            (rollback.incident, rollback.channel)
        }
        Some(IncidentRef::Incident(id)) => {
            let found = timelines::find(db, id).await?;
            let found = found.ok_or(Failure::from(Refusal::UnknownIncident { id }))?;
            (id, found.channel)
        }
    };
    match its_channel == channel {
        true => Ok(id),
        false => Err(Refusal::UnknownIncident { id }.into()),
    }
}
