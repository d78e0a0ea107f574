//! `approve RB-41`: says yes to a plan, by a job that reads who the person is.

use super::{Answer, Context, Failure, Result, answer, find, queue};
use crate::{App, engine::Error, store::rollbacks};
use rollback_domain::{
    grammar::{Verb, verbs::Approve},
    identity::RollbackId,
    plan::PlanHash,
    policy::Confirm,
    refusal::Refusal,
    rollback::{Act, Confirmed, Rollback, State},
};

/// Approves the plan that is open.
pub(super) async fn run(app: &App, context: &Context, request: Approve) -> Result {
    let Approve { rollback, because } = request;
    let confirmed = Confirmed {
        because,
        ..Confirmed::default()
    };
    submit(app, context, rollback, None, confirmed).await
}

async fn submit(
    app: &App,
    context: &Context,
    rollback: RollbackId,
    hash: Option<PlanHash>,
    confirmed: Confirmed,
) -> Result {
    let act = Act::Approve { hash, confirmed };
    let doing = format!("Approving {rollback}");
    queue::typed_act(app, context, rollback, act, &doing).await
}

/// Approves the plan whose hash a person without a card in front of them names, whole or by its
/// first four digits. Without a hash nothing is approved: nobody approves what they have not seen.
pub async fn approve_named_plan(
    app: &App,
    context: &Context,
    rollback: RollbackId,
    plan: Option<&str>,
    confirmed: Confirmed,
) -> Answer {
    let result = named_plan(app, context, rollback, plan, confirmed).await;
    answer(app, context, Verb::Approve, result).await
}

async fn named_plan(
    app: &App,
    context: &Context,
    rollback: RollbackId,
    plan: Option<&str>,
    confirmed: Confirmed,
) -> Result {
    let found = find::rollback(app, rollback).await?;
    let Some(plan) = plan else {
        let is_open = matches!(found.state, State::Proposed { .. });
        return Err(Failure::from(match is_open {
            true => Refusal::Unconfirmed {
                what: "An approval is for one plan: name the hash of the one you have seen.".into(),
            },
            false => found.not_open(app.engine.clock.now()),
        }));
    };
    let hash = hash_of(&found, plan);
    submit(app, context, rollback, Some(hash), confirmed).await
}

/// The hash that begins as people see it. What does not fit stays what it is, and is refused as an
/// old card is.
fn hash_of(rollback: &Rollback, digits: &str) -> PlanHash {
    let digits = digits.trim().to_lowercase();
    match &rollback.hash {
        Some(whole) if digits.len() >= 4 && whole.0.starts_with(&digits) => whole.clone(),
        _ => PlanHash(digits),
    }
}

/// What an approval by a form still lacks: how it is confirmed, and the label of the target. `None`
/// if it lacks nothing, as far as is known; the decision looks again.
pub async fn missing_confirmation(
    app: &App,
    rollback: RollbackId,
    confirmed: &Confirmed,
) -> std::result::Result<Option<(Confirm, String)>, Error> {
    let found = rollbacks::get(&app.engine.db, rollback).await?;
    let plan = found.as_ref().and_then(|found| found.plan.as_ref());
    let policy = found
        .as_ref()
        .and_then(|found| app.policy_of(&found.service));
    let (Some(plan), Some(policy)) = (plan, policy) else {
        return Ok(None);
    };
    let rule = policy.rules.of(plan.risk);
    let lacks = confirmed.lacks(rule, plan);
    Ok(lacks.map(|_| (rule.confirm, plan.to.label().to_owned())))
}
