//! What a channel has missed while Slack took nothing: left to the one message that tells of it.

use super::retry::is_late;
use crate::{
    App,
    engine::{Ended, Error, UndeliveredChange},
    store::{
        jobs::Lease,
        undelivered::{self, Change, Missed, What},
    },
};

/// Whether something is too late to be sent by itself, or has to stand behind what is.
pub(super) async fn is_undelivered(app: &App, lease: &Lease, channel: &str) -> Result<bool, Error> {
    Ok(is_late(app, lease) || undelivered::any(&app.engine.db, channel).await?)
}

/// Ends a job by leaving what it was to send to the message that tells what a channel has missed.
pub(super) fn leave(lease: &Lease, channel: &str, key: &str, text: Option<String>) -> Ended {
    let missed = Missed {
        key: key.to_owned(),
        at: lease.wanted_at,
        tried: lease.attempt > 1,
        batch: None,
        what: What {
            job: lease.job.clone(),
            text,
        },
    };
    Ended::done().with(UndeliveredChange {
        channel: channel.to_owned(),
        change: Change::More(Box::new(missed)),
    })
}
