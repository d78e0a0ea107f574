//! What the record knows for an update of an incident, and where it knows nothing.

use super::{
    pages::{Overview, Pages},
    post_mortem::issue,
};
use crate::{
    messages::{UpdateFacts, UpdateRollback},
    store::{Db, rollbacks},
};
use jiff::Timestamp;
use rollback_domain::{
    identity::IncidentId,
    incident::{Course, IncidentRole, Milestone},
    post_mortem::Field,
    proof::{Round, Verdict},
    refusal::list,
    rollback::{Rollback, State},
    update::{GAP, plain_line},
};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// How long one thing that an update says may be, in characters.
const LINE_AT_MOST: usize = 300;

/// Reads what the record knows of an incident for an update.
pub async fn update_facts(db: &Db, incident: IncidentId) -> sqlx::Result<UpdateFacts> {
    let pages = Arc::new(Pages::open(db.clone(), incident).await?);
    let rollbacks = rollbacks::of_incident(db, incident).await?;
    // Its pages wait for the database on a thread of their own.
    let read = {
        let pages = pages.clone();
        spawn_blocking(move || pages.overview()).await
    };
    let overview = read.map_err(|panic| sqlx::Error::Io(panic.into()))?;
    match pages.failed() {
        Some(error) => Err(error),
        None => Ok(facts(incident, &pages, &overview, &rollbacks)),
    }
}

fn facts(
    incident: IncidentId,
    pages: &Pages,
    overview: &Overview,
    rollbacks: &[Rollback],
) -> UpdateFacts {
    let course = &pages.course;
    let said = |field| said(field, overview);
    let or_gap = |known: Option<String>, field: Field| known.unwrap_or_else(|| gap(field.gap()));
    let mut systems: Vec<String> = rollbacks
        .iter()
        .map(|rollback| line(&rollback.service.name))
        .collect();
    systems.sort();
    systems.dedup();
    let open_actions = pages.actions.iter().filter(|action| action.done.is_none());
    let actions = open_actions.map(|action| match action.due {
        Some(due) => format!("{} (due {due})", line(&action.text)),
        None => line(&action.text),
    });
    let next_steps: Vec<String> = said(Field::NextSteps).into_iter().chain(actions).collect();
    UpdateFacts {
        incident: incident.to_string(),
        issue: or_gap(
            issue(overview, rollbacks).map(|issue| line(&issue)),
            Field::Issue,
        ),
        systems: match systems.is_empty() {
            true => gap("what is affected"),
            false => list(&systems, "and"),
        },
        severity: or_gap(
            course
                .severity
                .as_ref()
                .map(|named| line(&named.to_string()))
                .or_else(|| said(Field::Severity)),
            Field::Severity,
        ),
        impact: or_gap(said(Field::Impact), Field::Impact),
        users: or_gap(said(Field::Users), Field::Users),
        since: since(course, overview),
        status: match (course.managed, said(Field::Status)) {
            (_, Some(said)) => said,
            (true, None) => course.status.to_string(),
            (false, None) => gap(Field::Status.gap()),
        },
        doing: doing(rollbacks),
        eta: or_gap(said(Field::Eta), Field::Eta),
        error_rate: or_gap(said(Field::ErrorRate), Field::ErrorRate),
        root_cause: or_gap(said(Field::RootCause), Field::RootCause),
        next_steps: match next_steps.is_empty() {
            true => gap(Field::NextSteps.gap()),
            false => next_steps.join("; "),
        },
        fix_planned: or_gap(said(Field::FixPlanned), Field::FixPlanned),
        contact: or_gap(
            course
                .roles
                .get(&IncidentRole::Lead)
                .map(|lead| format!("@{}", line(&lead.name)))
                .or_else(|| said(Field::Lead)),
            Field::Lead,
        ),
        post_mortem: gap("where the post-mortem is"),
        post_mortem_promise: gap("whether and when a post-mortem will be shared"),
        nothing: gap("nothing was rolled back"),
        rollbacks: rollbacks.iter().map(rollback).collect(),
    }
}

/// What people said last of a field.
fn said(field: Field, overview: &Overview) -> Option<String> {
    let said = overview.fields.get(&field)?;
    Some(line(&said.last()?.text))
}

/// When the problem began; where nobody has said it, when somebody first knew of it.
fn since(course: &Course, overview: &Overview) -> String {
    let at = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let time = |milestone| course.times.get(&milestone).copied();
    let known = [Milestone::Detected, Milestone::Reported].map(time);
    let first = known.into_iter().chain([overview.first_at]).flatten().min();
    match (time(Milestone::Started), first) {
        (Some(started), _) => at(started),
        (None, Some(first)) => format!("{} or earlier", at(first)),
        (None, None) => gap(Field::Started.gap()),
    }
}

/// What is being done, as customers may know it.
fn doing(rollbacks: &[Rollback]) -> String {
    let Some(latest) = rollbacks.iter().max_by_key(|rollback| rollback.id) else {
        return gap("what is being done");
    };
    match &latest.state {
        State::Planning | State::Proposed { .. } => {
            "we are preparing to return to an earlier version".into()
        }
        State::Approved { .. }
        | State::Executing { .. }
        | State::WaitingForPeople { .. }
        | State::Accepted { .. }
        | State::Serving { .. } => "we are returning to an earlier version".into(),
        State::Watching { .. } | State::Closed => match latest.proof.verdict {
            Some(Verdict::Verified) => "we returned to an earlier version and verified it".into(),
            Some(Verdict::Unproven | Verdict::StillFailing | Verdict::WrongVersion) | None => {
                gap("what is being done")
            }
        },
        State::Unknown { .. }
        | State::Failed { .. }
        | State::Partial { .. }
        | State::Rehearsed
        | State::Resolved { .. }
        | State::Blocked { .. }
        | State::Denied { .. }
        | State::Cancelled { .. }
        | State::Expired { .. }
        | State::Superseded { .. } => gap("what is being done"),
    }
}

fn rollback(rollback: &Rollback) -> UpdateRollback {
    let or_gap = |known: Option<String>, what: &str| known.unwrap_or_else(|| gap(what));
    UpdateRollback {
        id: rollback.id.to_string(),
        service: line(&rollback.service.to_string()),
        from: line(rollback.from_label()),
        to: line(rollback.to_label()),
        because: or_gap(
            rollback.because.as_deref().map(line),
            "why it was asked for",
        ),
        status: rollback.word(),
        conclusion: line(&rollback.conclusion()),
        executed_at: or_gap(
            rollback
                .times
                .serving
                .map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
            "when it was live",
        ),
        checks: or_gap(
            rollback
                .proof
                .last
                .as_ref()
                .map(|round| line(&Round::text(round))),
            "what was seen from outside",
        ),
        steps: match &rollback.plan {
            Some(plan) if plan.steps.is_empty() => {
                format!("one request to {}", line(&plan.effects.platform))
            }
            Some(plan) => line(&plan.steps.join("; ")),
            None => gap("what was done"),
        },
        restore_point: match &rollback.restore_point {
            Some(point) => format!(
                "{}, of {}",
                line(&point.what),
                point.made_at.strftime("%Y-%m-%d %H:%M UTC")
            ),
            None => "not restored".into(),
        },
    }
}

fn gap(what: &str) -> String {
    format!("{GAP}{what}]")
}

fn line(text: &str) -> String {
    let line = plain_line(text);
    match line.chars().count() <= LINE_AT_MOST {
        true => line,
        false => line.chars().take(LINE_AT_MOST - 1).chain(['…']).collect(),
    }
}
