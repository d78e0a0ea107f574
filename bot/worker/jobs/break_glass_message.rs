//! Brings the message about an emergency run to the present state: posts it once, then edits it.

use crate::{
    App,
    crash::Point,
    engine::{Ended, Error},
    slack::break_glass,
    store::{jobs::Lease, messages, rollbacks},
    worker::rollback_message::RollbackMessage,
};
use rollback_domain::rollback::Rollback;
use rollback_domain::{authority::Authority, identity::RollbackId};

pub(super) async fn run(app: &App, lease: &Lease, id: RollbackId) -> Result<Ended, Error> {
    let found = rollbacks::get(&app.engine.db, id).await?;
    let Some(rollback) = found.filter(|rollback| rollback.break_glass.is_some()) else {
        return Ok(Ended::done());
    };
    let key = format!("{id}:glass");
    let sent = messages::get(&app.engine.db, &key).await?;
    if sent.revision >= rollback.revision {
        return Ok(Ended::done());
    }
    let reviewers = reviewers(app, &rollback).await?;
    let words = break_glass::message(&rollback, &reviewers, app.engine.clock.now());
    let words = words.about(id);
    let message = RollbackMessage {
        rollback: &rollback,
        key,
        words,
        sent,
        points: [
            Point::BreakGlassUnposted,
            Point::BreakGlassPosted,
            Point::CardStored,
        ],
    };
    message.send(app, lease).await
}

/// Who could review it, as far as it is known.
async fn reviewers(app: &App, rollback: &Rollback) -> Result<Vec<String>, Error> {
    let Some(Authority { policy, roster }) = app.authority(rollback).await? else {
        return Ok(vec![]);
    };
    let case = rollback.case(&policy, &roster);
    let mut people: Vec<String> = vec![];
    for role in case.rule.eligible() {
        for member in roster.members(role) {
            let ran_it = rollback
                .break_glass
                .as_ref()
                .is_some_and(|break_glass| break_glass.by.id == member);
            if (!ran_it || case.rule.requester_counts) && !people.iter().any(|id| id == member) {
                people.push(member.to_owned());
            }
        }
    }
    Ok(people)
}
