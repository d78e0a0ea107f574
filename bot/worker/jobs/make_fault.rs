//! Breaks the environment of a drill with the command that is configured for it: once. A process that
//! ended meanwhile may have done it, so it is not done again.

use super::Begun;
use crate::{
    App,
    engine::{Ended, Error},
    store::{jobs::Lease, rollbacks},
};
use rollback_domain::{
    identity::RollbackId,
    rollback::{Command, State},
};
use rollback_providers::process::{NotDone, run_to_end};
use std::time::Duration;

/// How long the command may take.
const WITHIN: Duration = Duration::from_secs(60);

pub(super) fn run<'a>(app: &'a App, lease: &'a Lease, id: RollbackId) -> Begun<'a> {
    Box::pin(perform(app, lease, id))
}

async fn perform(app: &App, lease: &Lease, id: RollbackId) -> Result<Ended, Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return Ok(Ended::done());
    };
    let fault = rollback
        .drill
        .as_ref()
        .and_then(|drill| drill.fault.as_ref());
    let is_waited_for = fault.is_some_and(|fault| fault.ended.is_none());
    let Some(policy) = app.policy_of(&rollback.service) else {
        return Ok(Ended::done());
    };
    if rollback.state != State::Planning || !is_waited_for {
        return Ok(Ended::done());
    }
    let service = app.config.service(&rollback.service);
    let command = service.and_then(|service| service.drills.fault.as_ref());
    let result = match command {
        _ if lease.attempt > 1 => Err("the bot ended while it ran, so it is not known whether it did, and it is not run again".into()),
        Some(command) => run_to_end(command, &[], WITHIN).await.map_err(NotDone::why),
        None => Err("it is not in the configuration any more".into()),
    };
    Ok(Ended::decide(id, Command::FaultEnded { result }, policy))
}
