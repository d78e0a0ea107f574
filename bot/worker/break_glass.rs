//! Emergencies: the message about a broken glass, and its review.

use super::{later, say::put};
use crate::{
    App,
    engine::{Error, SideEffects},
    roster,
    slack::break_glass,
    store::{
        jobs::{Lease, Next},
        messages, rollbacks,
    },
};
use rollback_domain::rollback::{Command, Rollback};
use std::time::Duration;

/// Brings the message about a broken glass to the present state: posts it once, then edits it.
pub(super) async fn message(app: &App, lease: &Lease, id: u64) -> Result<(), Error> {
    let found = rollbacks::get(&app.engine.db, id).await?;
    let Some(rollback) = found.filter(|rollback| rollback.break_glass.is_some()) else {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    };
    let key = format!("RB-{id}:glass");
    let sent = messages::get(&app.engine.db, &key).await?;
    if sent.revision >= rollback.revision {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    }
    let reviewers = reviewers(app, &rollback).await?;
    let words = break_glass::message(&rollback, &reviewers, app.engine.clock.now());
    put(app, lease, &rollback, &key, None, words, sent).await
}

/// Who could review it, as far as it is known.
async fn reviewers(app: &App, rollback: &Rollback) -> Result<Vec<String>, Error> {
    let Some(service) = app.config.service(&rollback.service, &rollback.environment) else {
        return Ok(vec![]);
    };
    let policy = app.policy(service);
    let roster = roster::last_known(app, &app.config.roles_of(service)).await?;
    let case = rollback.case(&policy, &roster);
    let mut people: Vec<String> = vec![];
    for role in case.rule.eligible() {
        for member in roster.members(role) {
            let breaker = rollback
                .break_glass
                .as_ref()
                .is_some_and(|break_glass| break_glass.by.id == member);
            if (!breaker || case.rule.requester_counts) && !people.iter().any(|id| id == member) {
                people.push(member.to_owned());
            }
        }
    }
    Ok(people)
}

/// Asks for the review of a broken glass, until it is answered.
pub(super) async fn review(app: &App, lease: &Lease, id: u64) -> Result<(), Error> {
    let found = rollbacks::get(&app.engine.db, id).await?;
    let wanted = found.filter(|rollback| {
        rollback
            .break_glass
            .as_ref()
            .is_some_and(rollback_domain::rollback::BreakGlass::wants_review)
    });
    let Some(rollback) = wanted else {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    };
    let Some(service) = app.config.service(&rollback.service, &rollback.environment) else {
        let at = later(app, Duration::from_secs(3_600));
        let why = "its service is not in the configuration".to_owned();
        return app
            .engine
            .end(lease, Next::Retry(at, why), SideEffects::default())
            .await;
    };
    let policy = app.policy(service);
    let again = rollback
        .break_glass
        .as_ref()
        .map(|break_glass| break_glass.asks_again_at(policy.review_within));
    if let Some(at) = again
        && app.engine.clock.now() < at
    {
        return app
            .engine
            .end(lease, Next::At(at), SideEffects::default())
            .await;
    }
    let roster = Box::new(roster::last_known(app, &app.config.roles_of(service)).await?);
    app.engine
        .complete(
            lease,
            id,
            Command::ReviewDue { roster },
            &policy,
            SideEffects::default(),
        )
        .await?
        .ok();
    Ok(())
}
