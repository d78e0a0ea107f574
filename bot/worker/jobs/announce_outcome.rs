//! Tells the channel how a rollback ended, once.

use crate::{
    App,
    crash::Point,
    engine::{Ended, Error},
    store::{jobs::Lease, messages, rollbacks},
    worker::{
        rollback_message::RollbackMessage,
        undelivered::{defer, is_undelivered},
    },
};
use rollback_domain::{identity::RollbackId, rollback::Rollback};

pub(super) async fn run(app: &App, lease: &Lease, id: RollbackId) -> Result<Ended, Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return Ok(Ended::done());
    };
    if is_told_by_group(app, &rollback).await? {
        return Ok(Ended::done());
    }
    // One message for each way it turned out.
    let key = format!("{id}:outcome:{}", rollback.word());
    let sent = messages::get(&app.engine.db, &key).await?;
    if sent.ts.is_some() {
        return Ok(Ended::done());
    }
    let is_late = is_undelivered(app, lease, &rollback.channel).await?;
    let words = match is_late {
        true => app.templates.late_outcome(&rollback),
        false => app.templates.outcome(&rollback),
    };
    let words = match words {
        Ok(words) => words,
        Err(error) => {
            // Rendered at start-up, so only a value can be at fault: the card still tells it.
            tracing::error!(%id, %error, "the outcome could not be rendered");
            return Ok(Ended::done());
        }
    };
    if is_late {
        return Ok(defer(lease, &rollback.channel, &key, Some(words.text)));
    }
    let message = RollbackMessage {
        rollback: &rollback,
        key,
        words,
        sent,
        points: [
            Point::OutcomeUnposted,
            Point::OutcomePosted,
            Point::OutcomeStored,
        ],
    };
    message.send(app, lease).await
}

/// Whether the group that a rollback is a part of tells how it turned out: it does while it runs,
/// and its own ending tells what it knows of the member.
async fn is_told_by_group(app: &App, rollback: &Rollback) -> Result<bool, Error> {
    let Some(part_of) = &rollback.part_of else {
        return Ok(false);
    };
    let Some(group) = rollbacks::get(&app.engine.db, part_of.rollback).await? else {
        return Ok(false);
    };
    let known = group.member(&rollback.service);
    let is_known = known.is_some_and(|member| member.word == rollback.word());
    Ok(!group.state.is_ended() || is_known)
}
