//! A rollback changed nothing: automatic deploys that were held off for it go live again.

use crate::{
    App,
    engine::{Ended, Error, RecordedEvent},
    store::{jobs::Lease, rollbacks},
    worker::retry::{PATIENCE, after_busy, backoff},
};
use rollback_domain::{
    incident::{Actor, Kind, TimelineEvent},
    job::{Job, Post},
    platform::ProviderError,
    refusal::Source,
    rollback::{Message, Rollback},
};

/// Puts automatic deploys back to what they were before the rollback held them off.
pub(super) async fn run(app: &App, lease: &Lease, id: u64) -> Result<Ended, Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return Ok(Ended::done());
    };
    let service = app.config.service(&rollback.service, &rollback.environment);
    let provider = service.and_then(|service| app.provider(service));
    let (Some(provider), Some(_)) = (provider, &rollback.hold) else {
        return Ok(Ended::done());
    };
    Ok(match provider.unpin().await {
        Ok(said) => {
            let text = format!("nothing was changed, so {said}");
            Ended::done().with(event(app, &rollback, Kind::Unpinned, text))
        }
        // Safe to repeat, so it is tried until the platform says yes or no.
        Err(ProviderError::Busy { why, retry_after }) => {
            Ended::retry(after_busy(app, lease, retry_after), why)
        }
        Err(ProviderError::Unanswered(why)) if lease.attempt < 5 * PATIENCE => {
            Ended::retry(backoff(app, lease.attempt), why)
        }
        Err(ProviderError::Unanswered(why) | ProviderError::Refused(why)) => {
            let text = format!("automatic deploys could not be let go live again: {why}");
            let post = pin_stays(&rollback, &text);
            Ended::done()
                .with(event(app, &rollback, Kind::Failed, text))
                .then(post, app.engine.clock.now())
        }
    })
}

fn event(app: &App, rollback: &Rollback, kind: Kind, text: String) -> RecordedEvent {
    RecordedEvent::Incident {
        incident: rollback.incident,
        event: TimelineEvent {
            at: app.engine.clock.now(),
            who: Actor::Bot,
            source: Source::Bot,
            kind,
            text,
            rollback: Some(rollback.id),
        },
    }
}

/// The job that tells the channel that the pin stays.
fn pin_stays(rollback: &Rollback, text: &str) -> Job {
    let Rollback {
        id,
        service,
        environment,
        ..
    } = rollback;
    Job::Post(Post {
        channel: rollback.channel.clone(),
        thread: None,
        under: None,
        message: Message::Text(format!(
            "RB-{id} changed nothing, but automatic deploys of {service} ({environment}) are still held off. To let them go live: `/rollback unpin {service}`. ({text})"
        )),
        id: format!("RB-{id}:pin-stays"),
    })
}
