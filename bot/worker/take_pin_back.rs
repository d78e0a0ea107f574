//! A rollback changed nothing: automatic deploys that were held off for it go live again.

use super::{PATIENCE, backoff, later};
use crate::{
    App,
    engine::{Error, SideEffects},
    store::{
        jobs::{Lease, Next},
        rollbacks,
    },
};
use rollback_domain::{
    incident::{Actor, Kind, TimelineEvent},
    job::Job,
    platform::ProviderError,
    refusal::Source,
    rollback::Message,
};
use std::time::Duration;

/// Puts automatic deploys back to what they were before the rollback held them off.
pub(super) async fn take_pin_back(app: &App, lease: &Lease, id: u64) -> Result<(), Error> {
    let done = |effects| app.engine.end(lease, Next::Done, effects);
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return done(SideEffects::default()).await;
    };
    let service = app.config.service(&rollback.service, &rollback.environment);
    let provider = service.and_then(|service| app.provider(service));
    let (Some(provider), Some(_)) = (provider, &rollback.hold) else {
        return done(SideEffects::default()).await;
    };
    let (kind, text) = match provider.unpin().await {
        Ok(said) => (Kind::Unpinned, format!("nothing was changed, so {said}")),
        // Safe to repeat, so it is tried until the platform says yes or no.
        Err(ProviderError::Busy { why, retry_after }) => {
            let at = match retry_after {
                Some(wait) => later(app, Duration::from_millis(wait)),
                None => backoff(app, lease.attempt),
            };
            let again = Next::Retry(at, why);
            return app.engine.end(lease, again, SideEffects::default()).await;
        }
        Err(ProviderError::Unanswered(why)) if lease.attempt < 5 * PATIENCE => {
            let again = Next::Retry(backoff(app, lease.attempt), why);
            return app.engine.end(lease, again, SideEffects::default()).await;
        }
        Err(ProviderError::Unanswered(why) | ProviderError::Refused(why)) => (
            Kind::Failed,
            format!("automatic deploys could not be let go live again: {why}"),
        ),
    };
    let now = app.engine.clock.now();
    let mut effects = SideEffects::default();
    if kind == Kind::Failed {
        let post = Job::Post {
            channel: rollback.channel.clone(),
            thread: None,
            under: None,
            message: Message::Text(format!(
                "RB-{id} changed nothing, but automatic deploys of {} ({}) are still held off. To let them go live: `/rollback unpin {}`. ({text})",
                rollback.service, rollback.environment, rollback.service
            )),
            id: format!("RB-{id}:pin-stays"),
        };
        effects.jobs.push((post, now));
    }
    effects.event = Some((
        rollback.incident,
        TimelineEvent {
            at: now,
            who: Actor::Bot,
            source: Source::Bot,
            kind,
            text,
            rollback: Some(id),
        },
    ));
    done(effects).await
}
