//! Lets a person act on a rollback: who they are, and what their roles are, is read now, and the
//! machine decides.

use crate::{
    App,
    config::Service,
    crash::{self, Point},
    engine::{Ended, Error, RecordedSurvey, SideEffects},
    slack::{Words, blocks},
    store::{
        jobs::{Lease, Next},
        rollbacks,
    },
    worker::{
        acting::Acting,
        planning::{self, NoPlan, Planning},
        recipient::Recipient,
        retry::{PATIENCE, after_busy},
    },
};
use rollback_domain::{
    job::ActRequest,
    plan::Plan,
    platform::ProviderError,
    refusal::Refusal,
    risk::Risk,
    rollback::{Act, Command, Rollback},
};

pub(super) async fn run(app: &App, lease: &Lease, request: &ActRequest) -> Result<Ended, Error> {
    let ActRequest {
        rollback,
        channel,
        by,
        source,
        reply_to,
        act,
        ..
    } = request;
    crash::point(Point::ActLeased);
    let recipient = Recipient {
        channel,
        person: &by.id,
        thread: None,
        reply_to: reply_to.as_deref(),
    };
    let forged = |what: String| {
        let refusal = Refusal::Forged { what };
        recipient.refuse(app, lease, by, *source, act.verb(), &refusal)
    };
    let Some(found) = rollbacks::get(&app.engine.db, *rollback).await? else {
        return Ok(forged(format!("there is no {rollback}")));
    };
    let policy = match app.config.service(&found.service) {
        Some(service) => app.policy(service),
        None if runs_it(act) => {
            let text = format!(
                "{} is not in the configuration any more, so {rollback} cannot be run. `/rollback stop {rollback}` ends it. Nothing was run.",
                found.service
            );
            let words = Words::plain(blocks::escape(&text));
            return recipient.notify(app, lease, &words).await;
        }
        None => app.policy_of_unconfigured(),
    };
    let risk = found.plan.as_ref().map_or(Risk::Caution, |plan| plan.risk);
    let mut roles = policy.rules.of(risk).eligible();
    if let Act::SignOff { task, .. } = act {
        // A manual task may be for a role of its own.
        let task = found.tasks.iter().find(|candidate| candidate.id == *task);
        roles.extend(task.and_then(|task| task.role.as_deref()));
    }
    let acting = match Acting::read(app, lease, by, &roles).await? {
        Ok(acting) => acting,
        Err(next) => return Ok(next.into()),
    };
    crash::point(Point::RolesRead);
    let mut effects = SideEffects {
        rosters: acting.read,
        ..SideEffects::default()
    };
    // Before anything is replaced, what takes its place is prepared.
    let mut prepared = None;
    if let Act::Retarget { hash, to } = act
        && let Some(service) = app.config.service(&found.service)
        && acting.membership.admit().is_ok()
        && found
            .open_with(hash.as_ref(), app.engine.clock.now())
            .is_ok()
    {
        match successor(app, lease, service, &found, to).await? {
            Ok((plan, survey)) => {
                prepared = Some(plan);
                effects.survey = survey;
            }
            Err(next) => return Ok(next.into()),
        }
    }
    let command = Command::Person {
        by: acting.by,
        membership: acting.membership,
        roster: Box::new(acting.roster),
        last_known: acting.last_known,
        source: *source,
        reply_to: reply_to.clone(),
        act: act.clone(),
        prepared,
    };
    Ok(Ended::decide(*rollback, command, policy)
        .with(effects)
        .stored_at(Point::ActStored))
}

/// A plan or why there is none, and what was read for it.
type Prepared = (Result<Box<Plan>, Refusal>, Option<RecordedSurvey>);

/// Reads the platform and makes the plan for another target of a rollback; a platform that is busy
/// is tried again.
async fn successor(
    app: &App,
    lease: &Lease,
    service: &Service,
    rollback: &Rollback,
    to: &str,
) -> Result<Result<Prepared, Next>, Error> {
    let unreadable = |error: ProviderError| match error {
        ProviderError::Busy { why, retry_after } if lease.attempt < PATIENCE => {
            Err(Next::Retry(after_busy(app, lease, retry_after), why))
        }
        error => {
            let why = error.to_string();
            Ok((Err(Refusal::PlatformTrouble { why }), None))
        }
    };
    let Some(provider) = app.provider(service) else {
        let why = "its platform is not known".into();
        return Ok(unreadable(ProviderError::Refused(why)));
    };
    let aim = rollback.retargeted(to);
    let about = planning::about(app, &rollback.service, &aim).await?;
    let survey = match provider.survey(&about).await {
        Ok(survey) => survey,
        Err(error) => return Ok(unreadable(error)),
    };
    let planning = Planning {
        provider: provider.as_ref(),
        about: &about,
        aim: &aim,
        survey: &survey,
        history: &rollbacks::history(&app.engine.db, &rollback.service).await?,
        risks: &app.policy(service).risks,
    };
    let plan = match planning.plan(app.engine.clock.now()).await {
        Ok(plan) => Ok(Box::new(plan)),
        Err(NoPlan::Refused(refusal)) => Err(refusal),
        Err(NoPlan::Unreadable(error)) => return Ok(unreadable(error)),
    };
    let read = RecordedSurvey {
        service: rollback.service.clone(),
        survey,
    };
    Ok(Ok((plan, Some(read))))
}

/// Whether the rollback would be run by this, which needs its service.
fn runs_it(act: &Act) -> bool {
    match act {
        Act::Approve { .. } | Act::BreakGlass { .. } | Act::Retarget { .. } => true,
        Act::Withdraw { .. }
        | Act::Object { .. }
        | Act::Review { .. }
        | Act::Resolve { .. }
        | Act::SignOff { .. }
        | Act::Deny { .. }
        | Act::Stop { .. } => false,
    }
}
