//! Shows an update to one person exactly as it would appear. May be shown twice.

use super::Begun;
use crate::{
    App,
    engine::{Ended, Error},
    slack::update,
    store::{jobs::Lease, rollbacks, updates},
    worker::{destinations, recipient::Recipient},
};
use rollback_domain::job::PreviewRequest;

pub(super) fn run<'a>(app: &'a App, lease: &'a Lease, request: &'a PreviewRequest) -> Begun<'a> {
    Box::pin(perform(app, lease, request))
}

async fn perform(app: &App, lease: &Lease, request: &PreviewRequest) -> Result<Ended, Error> {
    let recipient = Recipient {
        channel: &request.channel,
        person: &request.person,
        thread: request.thread.as_deref(),
        reply_to: request.reply_to.as_deref(),
    };
    let Some(found) = updates::get(&app.engine.db, request.update).await? else {
        return Ok(Ended::done());
    };
    let rollbacks = rollbacks::of_incident(&app.engine.db, found.incident).await?;
    let why_not = found.why_not(&rollbacks);
    let to = destinations::of(app, &found).await?;
    let words = update::preview(&found, &to, why_not.as_ref(), app.engine.clock.now());
    recipient.notify(app, lease, &words).await
}
