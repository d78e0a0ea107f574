//! Brings the card of a rollback to the present state: posts it once, then edits it.

use crate::{
    App,
    config::WebPage,
    crash::Point,
    engine::{Ended, Error},
    permalinks,
    slack::card,
    store::{alerts, jobs::Lease, messages, rollbacks},
    worker::rollback_message::{RollbackMessage, card_key},
};
use rollback_domain::identity::RollbackId;
use rollback_domain::job::Job;
use rollback_domain::rollback::State;

pub(super) async fn run(app: &App, lease: &Lease, id: RollbackId) -> Result<Ended, Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return Ok(Ended::done());
    };
    let key = card_key(id);
    let sent = messages::get(&app.engine.db, &key).await?;
    // Without a plan there is nothing to decide on; the requester is told alone.
    if rollback.plan.is_none() || sent.revision >= rollback.revision {
        return Ok(Ended::done());
    }
    let authority = app.authority(&rollback).await?;
    let mut words = card::card(&rollback, authority.as_ref(), app.engine.clock.now());
    if matches!(rollback.state, State::Proposed { .. }) {
        match app.templates.proposed(&rollback) {
            Ok(text) => words.text = text,
            Err(error) => tracing::error!(%id, %error, "the proposal could not be rendered"),
        }
    }
    let message = RollbackMessage {
        rollback: &rollback,
        key,
        words: permalinks::with_page(app, words, WebPage::Rollback(id)),
        sent,
        points: [Point::CardUnposted, Point::CardPosted, Point::CardStored],
    };
    let ended = message.send(app, lease).await?;
    // The message about the alerts of the service names the rollback and how it stands.
    let groups = alerts::of_service(&app.engine.db, rollback.incident, &rollback.service).await?;
    let now = app.engine.clock.now();
    Ok(groups.into_iter().fold(ended, |ended, group| {
        ended.then(Job::AlertMessage { group: group.id }, now)
    }))
}
