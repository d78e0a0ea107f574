//! Lets a person publish an update: who they are, and what their roles are, is read now.

use super::Begun;
use crate::{
    App,
    engine::{Ended, Error, Publication, SideEffects, UpdateChange},
    store::{jobs::Lease, updates},
    worker::{acting::Acting, destinations, recipient::Recipient},
};
use jiff::Timestamp;
use rollback_domain::{
    authority::Case,
    job::PublishRequest,
    policy::{Confirm, Rule},
    refusal::Refusal,
    risk::Risk,
    update::StatusUpdate,
};

pub(super) fn run<'a>(app: &'a App, lease: &'a Lease, request: &'a PublishRequest) -> Begun<'a> {
    Box::pin(perform(app, lease, request))
}

async fn perform(app: &App, lease: &Lease, request: &PublishRequest) -> Result<Ended, Error> {
    let recipient = Recipient {
        channel: &request.channel,
        person: &request.by.id,
        thread: None,
        reply_to: request.reply_to.as_deref(),
    };
    let found = updates::get(&app.engine.db, request.update).await?;
    let Some(found) = found.filter(|update| update.channel == request.channel) else {
        let what = format!("there is no update {} here", request.update);
        let (by, source) = (&request.by, request.source);
        let refusal = Refusal::Forged { what };
        return Ok(recipient.refuse(app, lease, by, source, "publish", &refusal));
    };
    let roles = &app.config.updates.publish;
    let names: Vec<&str> = roles.iter().map(String::as_str).collect();
    let acting = match Acting::read(app, lease, &request.by, &names).await? {
        Ok(acting) => acting,
        Err(next) => return Ok(next.into()),
    };
    let now = app.engine.clock.now();
    if let Err(refusal) = admit(&found, roles, &acting, now) {
        let verb = format!("publish update {}", found.number);
        let (by, source) = (&acting.by, request.source);
        let refused = recipient.refuse(app, lease, by, source, &verb, &refusal);
        return Ok(refused.with(SideEffects {
            rosters: acting.read,
            ..SideEffects::default()
        }));
    }
    let to = destinations::of(app, &found).await?;
    let publication = Publication {
        update: found.number,
        by: acting.by,
        source: request.source,
        channel: request.channel.clone(),
        reply_to: request.reply_to.clone(),
        channels: to.channels,
        outside: to.outside.into_iter().map(|place| place.name).collect(),
        id: request.id.clone(),
    };
    Ok(Ended::done().with(SideEffects {
        rosters: acting.read,
        update: Some(Box::new(UpdateChange::Publish(Box::new(publication)))),
        ..SideEffects::default()
    }))
}

/// Whether somebody may publish this: what is for the team, every full member; what is for
/// customers, those in the configured roles.
fn admit(
    update: &StatusUpdate,
    roles: &[String],
    acting: &Acting,
    now: Timestamp,
) -> Result<(), Refusal> {
    if !update.kind.is_external() || roles.is_empty() {
        return acting.membership.admit();
    }
    let rule = Rule {
        approvals: 1,
        roles: roles.to_vec(),
        one_of: vec![],
        requester_counts: true,
        break_glass: false,
        confirm: Confirm::Click,
    };
    let case = Case {
        rollback: None,
        risk: Risk::Code,
        rule: &rule,
        requester: None,
        approvals: &[],
        roster: &acting.roster,
    };
    let verdict = case.has_authority(&acting.by, &acting.membership, now);
    verdict.admit().map(drop)
}
