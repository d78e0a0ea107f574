//! Decides which messages are too late to be posted alone, and leaves them to the backfill.

use super::retry::is_late;
use crate::{
    App,
    engine::{Ended, Error, UndeliveredChange},
    store::{
        jobs::Lease,
        undelivered::{self, Change, Undelivered, What},
    },
};

/// Whether a message is too late to be posted alone, or has to wait behind others that are.
pub(super) async fn is_undelivered(app: &App, lease: &Lease, channel: &str) -> Result<bool, Error> {
    Ok(is_late(app, lease) || undelivered::any(&app.engine.db, channel).await?)
}

/// Ends a job by leaving its message to the backfill.
pub(super) fn defer(lease: &Lease, channel: &str, key: &str, text: Option<String>) -> Ended {
    let message = Undelivered {
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
        change: Change::More(Box::new(message)),
    })
}
