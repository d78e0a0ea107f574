//! A rollback changed nothing: automatic deploys that were held off for it go live again.

use crate::{
    App,
    crash::{self, Point},
    engine::{Ended, Error, RecordedEvent},
    store::{jobs::Lease, rollbacks},
    worker::retry::{PATIENCE, after_busy, backoff},
};
use rollback_domain::{
    identity::RollbackId,
    incident::{Fact, RunningFact},
    job::{Job, Post, WhenRefused},
    platform::ProviderError,
    rollback::{Message, Rollback},
};

/// Puts automatic deploys back to what they were before the rollback held them off.
pub(super) async fn run(app: &App, lease: &Lease, id: RollbackId) -> Result<Ended, Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return Ok(Ended::done());
    };
    let service = app.config.service(&rollback.service);
    let provider = service.and_then(|service| app.provider(service));
    let (Some(provider), Some(hold)) = (provider, &rollback.hold) else {
        return Ok(Ended::done());
    };
    // Automatic deploys are a later rollback's by now, which needs them held off.
    let latest = rollbacks::latest_of(&app.engine.db, &rollback.service).await?;
    if latest.is_some_and(|latest| latest.is_after(&rollback) && latest.times.asked.is_some()) {
        return Ok(Ended::done());
    }
    crash::point(Point::PinUntaken);
    let unpinned = provider.unpin(&hold.before).await;
    crash::point(Point::PinTakenBack);
    let now = app.engine.clock.now();
    Ok(match unpinned {
        Ok(answer) => {
            let fact = RunningFact::PinTakenBack { answer };
            Ended::done().with(RecordedEvent::of(&rollback, now, fact))
        }
        // Safe to repeat, so it is tried until the platform says yes or no.
        Err(ProviderError::Busy { why, retry_after }) => {
            Ended::retry(after_busy(app, lease, retry_after), why)
        }
        Err(ProviderError::Unanswered(why)) if lease.attempt < 5 * PATIENCE => {
            Ended::retry(backoff(app, lease.attempt), why)
        }
        Err(ProviderError::Unanswered(why) | ProviderError::Refused(why)) => {
            let fact = Fact::from(RunningFact::PinStays { why });
            let post = pin_stays(&rollback, &fact.text());
            Ended::done()
                .with(RecordedEvent::of(&rollback, now, fact))
                .then(post, now)
        }
    })
}

/// The job that tells the channel that the pin stays.
fn pin_stays(rollback: &Rollback, text: &str) -> Job {
    let Rollback { id, service, .. } = rollback;
    Job::Post(Post {
        channel: rollback.channel.clone(),
        thread: None,
        under: None,
        message: Message::Text(format!(
            "{id} changed nothing, but automatic deploys of {service} are still held off. To let them go live: `/rollback unpin {}`. ({text})",
            service.typed()
        )),
        button: None,
        when_refused: WhenRefused::TellAlone {
            rollback: Some(*id),
            people: rollback.concerned(),
        },
        id: format!("{id}:pin-stays"),
    })
}
