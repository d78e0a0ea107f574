//! Whether a service could be rolled back now: all that a rollback would read is read for it.

use crate::{
    App,
    engine::{Ended, Error},
    slack::{Words, readiness::of_service},
    store::jobs::Lease,
    worker::{readiness, recipient::Recipient},
};
use rollback_domain::identity::ServiceKey;

pub(super) async fn run(
    app: &App,
    lease: &Lease,
    service: &ServiceKey,
    recipient: Recipient<'_>,
) -> Result<Ended, Error> {
    let read = match app.config.service(service) {
        Some(settings) => readiness::read(app, settings).await?,
        None => None,
    };
    let Some(facts) = read else {
        let words = Words::plain("That service is not in the configuration any more.");
        return recipient.notify(app, lease, &words).await;
    };
    let words = of_service(&facts, app.engine.clock.now());
    let ended = recipient.notify(app, lease, &words).await?;
    Ok(ended.with(facts))
}
