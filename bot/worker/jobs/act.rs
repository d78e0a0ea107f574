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
        rollbacks, timelines,
    },
    worker::{
        acting::Acting,
        audience,
        planning::{self, NoPlan, Planning},
        recipient::Recipient,
        retry::{PATIENCE, after_busy},
    },
};
use rollback_domain::{
    job::ActRequest,
    people::Membership,
    plan::{Plan, PlanHash},
    platform::ProviderError,
    policy::Policy,
    refusal::Refusal,
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
    let policy = match app.policy_of(&found.service) {
        Some(policy) => policy,
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
    let risk = found.risk();
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
    if let Act::BreakGlass { hash, .. } = act
        && let Some(refusal) = why_unseen(app, &found, hash.as_ref(), &acting, &policy).await
    {
        let refused = recipient.refuse(app, lease, by, *source, act.verb(), &refusal);
        return Ok(refused.with(SideEffects {
            rosters: acting.read,
            ..SideEffects::default()
        }));
    }
    if let Act::Approve { .. } = act
        && let Some(refusal) = why_unlinked(app, &found).await?
    {
        let refused = recipient.refuse(app, lease, by, *source, act.verb(), &refusal);
        return Ok(refused.with(SideEffects {
            rosters: acting.read,
            ..SideEffects::default()
        }));
    }
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

/// Why a rollback is not approved before its incident is linked to a ticket; `None`: it is, or the
/// team wants none.
async fn why_unlinked(app: &App, found: &Rollback) -> Result<Option<Refusal>, Error> {
    // A drill has no incident that could be linked.
    if !app.config.incidents.references.to_approve || found.drill.is_some() {
        return Ok(None);
    }
    let id = found.incident;
    let incident = timelines::find(&app.engine.db, id).await?;
    let is_linked = incident.is_some_and(|incident| !incident.course.references.is_empty());
    Ok((!is_linked).then_some(Refusal::NoReference { id }))
}

/// Why an emergency run would not be seen by those who review it; `None`: it would, or it is
/// refused for another reason.
async fn why_unseen(
    app: &App,
    found: &Rollback,
    hash: Option<&PlanHash>,
    acting: &Acting,
    policy: &Policy,
) -> Option<Refusal> {
    let now = app.engine.clock.now();
    let case = found.case(policy, &acting.roster);
    let is_open = found.open_with(hash, now).is_ok();
    if !is_open || !case.rule.break_glass || acting.membership != Membership::Member {
        return None;
    }
    let is_allowed_here = policy.channels.contains(&found.channel);
    if is_allowed_here || !policy.announce.of(case.risk).is_empty() {
        return None;
    }
    let audience = audience::read(app, found, policy, case.risk).await;
    let why = audience.lacks(&case, &acting.by)?;
    let people = case.could_approve(now).into_iter().map(|(id, _)| id);
    Some(Refusal::NoBreakGlass {
        risk: case.risk,
        people: people.filter(|id| *id != acting.by.id).collect(),
        unseen: Some(why),
    })
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
        error => Ok((Err(error.into()), None)),
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
        app,
        service: &rollback.service,
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
