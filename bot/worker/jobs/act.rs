//! Lets a person act on a rollback: who they are, and what their roles are, is read now, and the
//! machine decides.

use crate::{
    App,
    crash::{self, Point},
    engine::{Ended, Error, SideEffects},
    slack::{Words, blocks},
    store::{jobs::Lease, rollbacks},
    worker::{acting::Acting, recipient::Recipient},
};
use rollback_domain::{
    job::ActRequest,
    refusal::Refusal,
    risk::Risk,
    rollback::{Act, Command},
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
    let command = Command::Person {
        by: acting.by,
        membership: acting.membership,
        roster: Box::new(acting.roster),
        last_known: acting.last_known,
        source: *source,
        reply_to: reply_to.clone(),
        act: act.clone(),
    };
    let effects = SideEffects {
        rosters: acting.read,
        ..SideEffects::default()
    };
    Ok(Ended::decide(*rollback, command, policy)
        .with(effects)
        .stored_at(Point::ActStored))
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
