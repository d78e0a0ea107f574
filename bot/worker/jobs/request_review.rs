//! Asks for the review of an emergency run until it is answered, and its author for the explanation
//! that they promised until they note it.

use crate::{
    App,
    engine::{Ended, Error},
    roster,
    store::{rollbacks, timelines},
    worker::retry::later,
};
use rollback_domain::identity::RollbackId;
use rollback_domain::{
    incident::{Actor, Kind, TimelineEvent},
    rollback::{BreakGlass, Command},
};
use std::time::Duration;

/// How often it is tried for a service that is not in the configuration.
const CONFIGURED_EVERY: Duration = Duration::from_secs(3_600);

pub(super) async fn run(app: &App, id: RollbackId) -> Result<Ended, Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return Ok(Ended::done());
    };
    let wanted = rollback.break_glass.as_ref();
    let Some(break_glass) = wanted.filter(|break_glass| BreakGlass::wants_review(break_glass))
    else {
        return Ok(Ended::done());
    };
    let Some(policy) = app.policy_of(&rollback.service) else {
        let why = "its service is not in the configuration";
        return Ok(Ended::retry(later(app, CONFIGURED_EVERY), why));
    };
    let due = break_glass.asks_again_at(policy.review_within);
    if app.engine.clock.now() < due {
        return Ok(Ended::at(due));
    }
    let roles = app.config.roles_of(&policy.rules);
    let roster = Box::new(roster::last_known(app, &roles).await?);
    let explained = is_explained(app, &rollback.channel, break_glass).await?;
    let command = Command::ReviewDue { roster, explained };
    Ok(Ended::decide(id, command, policy))
}

/// Whether the person who ran it, and promised to explain it, has noted something since.
async fn is_explained(app: &App, channel: &str, run: &BreakGlass) -> sqlx::Result<bool> {
    let db = &app.engine.db;
    let notes = timelines::recorded_since(db, channel, Kind::Note, run.at).await?;
    let by_author = |event: &TimelineEvent| matches!(&event.who, Actor::Person(person) if person.id == run.by.id && person.agent.is_none());
    Ok(notes.iter().any(by_author))
}
