//! Says something where everybody sees it: in a channel, or under the card of a rollback.

use crate::{
    App,
    crash::{self, Point},
    engine::{Ended, Error, SentMessage},
    slack::{Failure, Words, blocks},
    store::{jobs::Lease, messages::Sent},
    worker::{
        retry::{after_slack, later},
        rollback_message::{CARD_EVERY, CARD_TRIES, Posted, card_ts, post_once},
        undelivered::{defer, is_undelivered},
    },
};
use rollback_domain::job::Post;

pub(super) async fn run(app: &App, lease: &Lease, post: &Post) -> Result<Ended, Error> {
    let Post {
        channel,
        thread,
        under,
        message,
        id,
    } = post;
    if is_undelivered(app, lease, channel).await? {
        return Ok(defer(lease, channel, id, None));
    }
    let now = app.engine.clock.now();
    let thread = match under {
        Some(rollback) => card_ts(app, *rollback).await?,
        None => thread.clone(),
    };
    if under.is_some() && thread.is_none() && lease.attempt < CARD_TRIES {
        return Ok(Ended::retry(
            later(app, CARD_EVERY),
            "the card is not posted yet",
        ));
    }
    let words = Words::plain(blocks::message(message));
    crash::point(Point::PostUnposted);
    let posted = post_once(app, lease, channel, thread.as_deref(), &words, id).await;
    crash::point(Point::PostPosted);
    Ok(match posted {
        Ok(Posted::Now(ts) | Posted::Before(ts)) => Ended::done().with(SentMessage {
            key: id.clone(),
            channel: channel.clone(),
            sent: Sent {
                ts: Some(ts),
                revision: 1,
                at: now,
            },
        }),
        Err(Failure::Never(code)) => {
            tracing::warn!(channel, code, "a post was refused by Slack");
            Ended::done()
        }
        Err(failure) => after_slack(app, lease, &failure).into(),
    })
}
