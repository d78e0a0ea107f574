//! Records a click that cannot have come from a message of ours, and tells its sender.

use crate::{
    App,
    engine::{Ended, Error},
    store::jobs::Lease,
    worker::recipient::Recipient,
};
use rollback_domain::{job::ForgedClick, refusal::Refusal};

pub(super) fn run(app: &App, lease: &Lease, click: &ForgedClick) -> Result<Ended, Error> {
    let ForgedClick {
        by,
        source,
        channel,
        reply_to,
        what,
        ..
    } = click;
    tracing::warn!(person = by.id, channel, what, "a click does not fit");
    let recipient = Recipient {
        channel,
        person: &by.id,
        thread: None,
        reply_to: reply_to.as_deref(),
    };
    let refusal = Refusal::Forged { what: what.clone() };
    Ok(recipient.refuse(app, lease, by, *source, "click", &refusal))
}
