//! Tells one person something: by the address that came with what they did, else in the channel,
//! else by the ways round.

use crate::{
    App,
    engine::{Ended, Error, SentMessage},
    permalinks,
    slack::{Words, blocks},
    store::{
        jobs::Lease,
        messages::{self, Sent},
    },
    worker::{
        recipient::{Attempt, Recipient},
        ways_round::tell_elsewhere,
    },
};
use rollback_domain::job::Notification;

pub(super) async fn run(
    app: &App,
    lease: &Lease,
    notification: &Notification,
) -> Result<Ended, Error> {
    let Notification {
        channel,
        person,
        thread,
        reply_to,
        message,
        otherwise,
        id,
    } = notification;
    let recipient = Recipient {
        channel,
        person,
        thread: thread.as_deref(),
        reply_to: reply_to.as_deref(),
    };
    let words = Words::plain(permalinks::linked(app, &blocks::message(message)).await?);
    let Some(otherwise) = otherwise else {
        return recipient.notify(app, lease, &words).await;
    };
    // The person who asks for it again does not know that they were told.
    if messages::get(&app.engine.db, id).await?.revision > 0 {
        return Ok(Ended::done());
    }
    let told = SentMessage {
        key: id.clone(),
        channel: channel.clone(),
        sent: Sent {
            ts: None,
            revision: 1,
            at: app.engine.clock.now(),
        },
    };
    Ok(match recipient.attempt(app, lease, &words).await? {
        Attempt::Told(ended) => ended.with(told),
        Attempt::TryAgain(ended) => ended,
        Attempt::Unreachable(code) => {
            let ended = tell_elsewhere(app, notification, otherwise, &words.text, &code).await?;
            ended.with(told)
        }
    })
}
