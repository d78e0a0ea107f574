//! A rollback as programs and terminals see it.

use super::{AgentView, PlanView, Progress, RefusalView, RollbackResponse};
use crate::{
    App,
    engine::Error,
    messages::Named,
    slack::{blocks::plainly, card},
    store::{replies::Reply, rollbacks, tokens},
};
use jiff::Timestamp;
use rollback_domain::{
    authority::Case,
    drill::watermarked,
    identity::RollbackId,
    incident::naming,
    plan::Plan,
    policy::Confirm,
    proof::Verdict,
    refusal::Plain,
    rollback::{Rollback, State},
};
use std::collections::BTreeMap;

/// What came of a request about a rollback, as the reply says it: with the rollback as it was then,
/// or, after a refusal, as it is now.
pub async fn reply(
    app: &App,
    id: RollbackId,
    reply: Reply,
    channel: &str,
) -> Result<RollbackResponse, Error> {
    let found = match reply.rollback {
        Some(then) => Some(*then),
        None => rollbacks::get(&app.engine.db, id).await?,
    };
    let mut response = match found {
        Some(found) => rollback(app, &found, channel).await?,
        None => RollbackResponse::default(),
    };
    if !reply.text.is_empty() {
        response.text = with_names(app, &reply.text).await?;
    }
    response.refused = reply.refused.map(|code| RefusalView {
        code,
        sentence: response.text.clone(),
    });
    Ok(response)
}

/// A rollback as it stands, for the people who look at it from a channel.
pub async fn rollback(
    app: &App,
    rollback: &Rollback,
    channel: &str,
) -> Result<RollbackResponse, Error> {
    let now = app.engine.clock.now();
    let authority = app.authority(rollback).await?;
    let case = authority
        .as_ref()
        .map(|authority| rollback.case(&authority.policy, &authority.roster));
    let text = match (&rollback.state, &rollback.plan) {
        (State::Proposed { .. }, Some(plan)) => proposal(rollback, plan, case.as_ref(), now),
        // Reasons given in another channel, perhaps a private one, stay there.
        _ if rollback.channel != channel => plainly(&card::line(rollback)),
        _ => plainly(&card::card(rollback, authority.as_ref(), now).text),
    };
    let confirm = case.map(|case| case.rule.confirm);
    let plan = rollback.plan.as_ref();
    Ok(RollbackResponse {
        rollback: Some(rollback.id.to_string()),
        state: Some(watermarked(rollback.id, &rollback.word()).into_owned()),
        outcome: Some(progress(rollback)),
        text: with_names(app, &watermarked(rollback.id, &text)).await?,
        refused: None,
        plan: plan.map(|plan| plan_view(rollback, plan, confirm)),
        agent: rollback.requester.agent.as_ref().map(|agent| AgentView {
            name: agent.to_string(),
            responsible: rollback.requester.name.clone(),
        }),
        evidence: rollback.evidence.clone(),
    })
}

/// The lines of a proposal, from which somebody decides without its card.
fn proposal(rollback: &Rollback, plan: &Plan, case: Option<&Case>, now: Timestamp) -> String {
    let needs = case.map_or_else(
        || "somebody with authority; this service is not in the configuration any more".into(),
        |case| case.needs(&Plain, now),
    );
    let hash = rollback.hash.as_ref().map(ToString::to_string);
    let mut lines = vec![
        plainly(&card::line(rollback)),
        plainly(&card::facts(plan, now)).replace(['*', '`'], ""),
        format!("Needs  {needs}"),
        format!("Risk  {} · plan {}", plan.risk, hash.unwrap_or_default()),
    ];
    lines.extend(
        rollback
            .evidence
            .iter()
            .map(|url| format!("Evidence  {url}")),
    );
    lines.extend(plan.cautions.iter().map(|caution| {
        let sentence = caution.draw(plan.to.label(), plan.read_at);
        format!("Careful  {sentence} ({})", caution.name())
    }));
    lines.join("\n")
}

fn plan_view(rollback: &Rollback, plan: &Plan, confirm: Option<Confirm>) -> PlanView {
    let hash = rollback.hash.as_ref();
    PlanView {
        hash: hash.map_or_else(String::new, |hash| hash.0.clone()),
        short: hash.map(ToString::to_string).unwrap_or_default(),
        from: plan.from.as_ref().map(|from| from.label().to_owned()),
        to: plan.to.label().to_owned(),
        risk: plan.risk.to_string(),
        cautions: plan
            .cautions
            .iter()
            .map(|caution| {
                let sentence = caution.draw(plan.to.label(), plan.read_at);
                (caution.name().to_owned(), sentence)
            })
            .collect(),
        ticks: confirm == Some(Confirm::Tick) && !plan.cautions.is_empty(),
        typed: confirm == Some(Confirm::Type),
    }
}

/// Whether anything is still to be waited for.
pub fn progress(rollback: &Rollback) -> Progress {
    match &rollback.state {
        State::Watching { .. } | State::Closed => match rollback.proof.verdict {
            _ if rollback.proof.drifted.is_some() => Progress::Failed,
            Some(Verdict::Verified | Verdict::Unproven) => Progress::Done,
            _ => Progress::Failed,
        },
        State::Rehearsed | State::Resolved { done: true, .. } => Progress::Done,
        state if state.is_ended() => Progress::Failed,
        _ => Progress::Open,
    }
}

/// What people are called who have a token, by their Slack id.
pub async fn names(app: &App) -> Result<BTreeMap<String, String>, Error> {
    let owners = tokens::owners(&app.engine.db, app.engine.clock.now()).await?;
    let names = owners.into_iter().map(|owner| (owner.id, owner.name));
    Ok(names.collect())
}

/// A text with names in place of the ids of those who have a token.
pub async fn with_names(app: &App, text: &str) -> Result<String, Error> {
    Ok(naming(text, &Named(&names(app).await?)))
}
