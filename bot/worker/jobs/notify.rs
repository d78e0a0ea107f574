//! Tells one person something: by the address that came with what they did, else in the channel.

use crate::{
    App,
    engine::{Ended, Error},
    slack::{Words, blocks},
    store::jobs::Lease,
    worker::recipient::Recipient,
};
use rollback_domain::job::Job;

pub(super) async fn run(app: &App, lease: &Lease) -> Result<Ended, Error> {
    let Job::Notify {
        channel,
        person,
        thread,
        reply_to,
        message,
        ..
    } = &lease.job
    else {
        return Ok(Ended::done());
    };
    let recipient = Recipient {
        channel,
        person,
        thread: thread.as_deref(),
        reply_to: reply_to.as_deref(),
    };
    let words = Words::plain(blocks::message(message));
    recipient.tell(app, lease, &words).await
}
