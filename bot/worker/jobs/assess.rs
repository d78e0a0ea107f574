//! Puts onto the card of a proposal what the decision matrix says of its service. It advises, and is in
//! nobody's way; an assessment that comes after the proposal was decided on is dropped.

use crate::{
    App,
    engine::{Ended, Error},
    store::{rollbacks, timelines},
    worker::assessing,
};
use rollback_domain::{
    job::AssessRequest,
    rollback::{Command, State},
};

pub(super) async fn run(app: &App, request: &AssessRequest) -> Result<Ended, Error> {
    let db = &app.engine.db;
    let Some(rollback) = rollbacks::get(db, request.rollback).await? else {
        return Ok(Ended::done());
    };
    let policy = app.policy_of(&rollback.service);
    let (Some(policy), State::Proposed { .. }) = (policy, &rollback.state) else {
        return Ok(Ended::done());
    };
    let Some(incident) = timelines::find(db, rollback.incident).await? else {
        return Ok(Ended::done());
    };
    let named = &request.symptoms;
    let weighed = assessing::assess_proposal(app, &rollback, named, Some(&incident)).await;
    let Some(weighed) = weighed else {
        return Ok(Ended::done());
    };
    let reminder = assessing::reminder(&rollback.service, &incident, &weighed.assessed);
    let command = Command::Assessed {
        assessed: Box::new(weighed.assessed),
        by: request.by.clone(),
    };
    let ended = Ended::decide(rollback.id, command, policy);
    Ok(match reminder {
        // It finds nothing to remind of if this was refused.
        Some((job, due)) => ended.then(job, due),
        None => ended,
    })
}
