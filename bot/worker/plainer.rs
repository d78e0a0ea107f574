//! Remembers which messages Slack does not take as they are, so that they are sent plainer.

use crate::{
    App,
    engine::{Ended, SentMessage},
    slack::Words,
    store::{
        jobs::Lease,
        messages::{self, Sent},
    },
    worker::retry::later,
};
use std::time::Duration;

/// After what time a message is posted plainer: a channel takes one post a second.
const PLAINER_AFTER: Duration = Duration::from_secs(1);

/// The words as Slack may take them: plainer, if it refused these before.
pub(super) async fn acceptable(
    app: &App,
    lease: &Lease,
    key: &str,
    words: &Words,
) -> sqlx::Result<Words> {
    let is_refused = lease.failed && {
        let refused = messages::get(&app.engine.db, &refused_key(key)).await?;
        refused.revision > 0
    };
    Ok(match is_refused {
        true => words.plainer(),
        false => words.clone(),
    })
}

/// Ends a job: Slack does not take what is in the message, which is posted plainer next.
pub(super) fn try_plainer(app: &App, channel: &str, key: &str, code: String) -> Ended {
    let refused = SentMessage {
        key: refused_key(key),
        channel: channel.to_owned(),
        sent: Sent {
            ts: None,
            revision: 1,
            at: app.engine.clock.now(),
        },
    };
    Ended::retry(later(app, PLAINER_AFTER), code).with(refused)
}

fn refused_key(key: &str) -> String {
    format!("{key}:refused")
}
