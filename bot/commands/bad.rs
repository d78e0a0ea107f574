//! `bad frontend v214 because …`: marks a release. A job does it once it has read who the person is and what the platform has.

use super::{Context, Failure, Result, find, queue};
use crate::{
    App,
    config::Service,
    store::{rollbacks, timelines},
};
use rollback_domain::{
    grammar::{ServiceRef, verbs::MarkBad},
    job::ServiceAction,
    refusal::Refusal,
};

pub(super) async fn run(app: &App, context: &Context, request: MarkBad) -> Result {
    let MarkBad {
        service,
        release,
        because,
    } = request;
    let service = marked_service(app, context, service, &release).await?;
    let action = ServiceAction::MarkBad { release, because };
    queue::service_action(app, context, service, action).await
}

/// The service that a mark is about: the one that is named, else the only one there is, else the
/// one of the last rollback of the channel's incident.
pub(super) async fn marked_service<'a>(
    app: &'a App,
    context: &Context,
    named: Option<ServiceRef>,
    release: &str,
) -> Result<&'a Service> {
    if let Some(service) = named {
        return Ok(find::service(app, &service)?);
    }
    // A service stands where the release should.
    if let Some(service) = app.config.environments(release).first() {
        return Err(Failure::from(Refusal::UnknownTarget {
            service: service.key.clone(),
            target: release.to_owned(),
            known: vec![],
        }));
    }
    if let [only] = app.config.services.as_slice() {
        return Ok(only);
    }
    let db = &app.engine.db;
    let last = match timelines::latest(db, &context.channel).await? {
        Some(incident) => rollbacks::of_incident(db, incident.id).await?.pop(),
        None => None,
    };
    let service = last.and_then(|last| app.config.service(&last.service));
    service.ok_or_else(|| {
        let services = app.config.services.iter();
        Failure::from(Refusal::UnknownService {
            name: release.to_owned(),
            nearest: None,
            known: services.map(|service| service.key.name.clone()).collect(),
        })
    })
}
