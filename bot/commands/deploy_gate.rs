//! Whether a deploy should wait: what a pipeline asks before it deploys. Nobody types it.

use super::{Result, find};
use crate::{
    App,
    store::{rollbacks, rosters, timelines},
};
use jiff::Timestamp;
use rollback_domain::{
    deploy::{Hold, Known},
    grammar::ServiceRef,
    identity::ServiceKey,
    incident::IncidentState,
};

/// What is known of a deploy.
pub struct DeployGate {
    /// The service it is for.
    pub service: ServiceKey,
    /// Why it should wait; empty: nothing speaks against it.
    pub holds: Vec<Hold>,
    /// When the platform was last read; `None`: it was not.
    pub read_at: Option<Timestamp>,
}

/// Whether a deploy of `release` should wait, as far as the record knows.
pub async fn look(app: &App, service: &ServiceRef, release: Option<&str>) -> Result<DeployGate> {
    let service = find::service(app, service)?.key.clone();
    let db = &app.engine.db;
    let open = rollbacks::open_for(db, &service).await?;
    // A drill that does not act changes nothing that a deploy could disturb.
    let open = open.filter(|open| open.drill.as_ref().is_none_or(|drill| drill.acts));
    let frozen = rosters::frozen_of(db, &service).await?;
    let history = rollbacks::history(db, &service).await?;
    let latest = rollbacks::latest_asked(db, &service).await?;
    let snapshot = rollbacks::snapshot(db, &service).await?;
    let incident = match rollbacks::latest_of(db, &service).await? {
        Some(last) => timelines::find(db, last.incident).await?,
        None => None,
    };
    let now = app.engine.clock.now();
    let incident = incident
        .filter(|incident| incident.course.managed && incident.state(now) == IncidentState::Open);
    let known = Known {
        open: open.as_ref(),
        frozen: frozen.as_ref(),
        survey: snapshot.as_ref().map(|(survey, _)| survey),
        history: &history,
        latest: latest.as_ref(),
        incident: incident.map(|incident| incident.id),
    };
    Ok(DeployGate {
        holds: known.holds(release),
        read_at: snapshot.as_ref().map(|(_, at)| *at),
        service,
    })
}
