//! Finds the service or the rollback that a request is about; never guesses.

use super::{Failure, Result};
use crate::{
    App,
    config::{Group, Service},
    store::{rollbacks, timelines},
};
use rollback_domain::{
    grammar::{IncidentRef, ServiceRef, Verb, nearest},
    identity::{IncidentId, RollbackId, ServiceKey},
    incident::{Incident, IncidentState},
    refusal::Refusal,
    rollback::Rollback,
};
use std::time::Duration;

/// What can be proposed: a service, or services together.
#[derive(Clone, Copy, Debug)]
pub(super) enum Proposable<'a> {
    Service(&'a Service),
    Group(&'a Group),
}

impl Proposable<'_> {
    /// What people call it, and its environment.
    pub(super) fn key(&self) -> &ServiceKey {
        match self {
            Proposable::Service(service) => &service.key,
            Proposable::Group(group) => &group.key,
        }
    }

    /// The channels, by id, in which it can be proposed; empty: any.
    pub(super) fn channels(&self) -> &[String] {
        match self {
            Proposable::Service(service) => &service.channels,
            Proposable::Group(group) => &group.channels,
        }
    }

    /// How fast a rollback of it should be; `None`: no goal is set.
    pub(super) fn target_time(&self) -> Option<Duration> {
        match self {
            Proposable::Service(service) => service.target_time,
            Proposable::Group(_) => None,
        }
    }
}

/// The service of the configuration that is meant.
pub fn service<'a>(app: &'a App, name: &ServiceRef) -> std::result::Result<&'a Service, Refusal> {
    match group(app, name) {
        None => service_among(app, name, &[]),
        Some(group) => Err(is_group(group)),
    }
}

/// The service or the group that is meant, where the word may have been meant as a verb.
pub(super) fn proposable<'a>(
    app: &'a App,
    name: &ServiceRef,
) -> std::result::Result<Proposable<'a>, Refusal> {
    match group(app, name) {
        None => service_among(app, name, Verb::ALL).map(Proposable::Service),
        Some(group) => match &name.environment {
            Some(named) if *named != group.key.environment => Err(Refusal::WhichEnvironment {
                service: name.service.clone(),
                named: Some(named.clone()),
                known: vec![group.key.environment.clone()],
            }),
            Some(_) | None => Ok(Proposable::Group(group)),
        },
    }
}

/// What is proposed that has this key.
pub(super) fn proposable_of<'a>(app: &'a App, key: &ServiceKey) -> Option<Proposable<'a>> {
    let service = app.config.service(key).map(Proposable::Service);
    service.or_else(|| app.config.group(key).map(Proposable::Group))
}

/// The group of this name, if there is one.
fn group<'a>(app: &'a App, name: &ServiceRef) -> Option<&'a Group> {
    let mut groups = app.config.groups.iter();
    groups.find(|group| group.key.name == name.service)
}

/// Why nothing is done to a group that is done to one service.
pub(super) fn is_group(group: &Group) -> Refusal {
    let members = group.members.iter();
    Refusal::IsGroup {
        group: group.key.name.clone(),
        members: members.map(|member| member.service.name.clone()).collect(),
    }
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
    known.extend(app.config.groups.iter().map(|group| group.key.name.clone()));
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
            let now = app.engine.clock.now();
            let is_over = |incident: &Incident| incident.state(now) == IncidentState::Silent;
            if latest.as_ref().is_none_or(is_over) {
                // Where no incident goes on, a drill may.
                let drill = timelines::latest_drill(db, channel).await?;
                if let Some(drill) = drill.filter(|drill| !is_over(drill)) {
                    return Ok(drill.id);
                }
            }
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
