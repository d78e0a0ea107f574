//! Tells one person something: by the address that came with what they did, else in the channel.

use crate::{
    App,
    engine::{Ended, Error},
    slack::{Words, blocks},
    store::jobs::Lease,
    worker::recipient::Recipient,
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
        ..
    } = notification;
    let recipient = Recipient {
        channel,
        person,
        thread: thread.as_deref(),
        reply_to: reply_to.as_deref(),
    };
    let words = Words::plain(blocks::message(message));
    recipient.notify(app, lease, &words).await
}
