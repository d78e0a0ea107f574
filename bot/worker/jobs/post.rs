//! Says something where everybody sees it: in a channel, or under the card of a rollback.

use crate::{
    App,
    crash::{self, Point},
    engine::{Ended, Error, SentMessage},
    permalinks,
    slack::{Failure, Words, action::with_button, blocks, content::is_about_content},
    store::{
        jobs::Lease,
        messages::{self, Sent},
    },
    worker::{
        plainer::{acceptable, try_plainer},
        retry::{after_slack, later},
        rollback_message::{CARD_EVERY, CARD_TRIES, Posted, card_ts, post_once},
        undelivered::{defer, is_undelivered},
        ways_round::{Closed, Refused},
    },
};
use rollback_domain::job::{Post, WhenRefused};

pub(super) async fn run(app: &App, lease: &Lease, post: &Post) -> Result<Ended, Error> {
    let Post {
        channel,
        thread,
        under,
        message,
        button,
        when_refused,
        id,
    } = post;
    // Several of those whom it concerns may have led to it.
    if messages::get(&app.engine.db, id).await?.ts.is_some() {
        return Ok(Ended::done());
    }
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
    let text = permalinks::linked(app, &blocks::message(message)).await?;
    let words = match button {
        Some(button) => with_button(&text, button),
        None => Words::plain(text),
    };
    let acceptable = acceptable(app, lease, id, &words).await?;
    crash::point(Point::PostUnposted);
    let posted = post_once(app, lease, channel, thread.as_deref(), &acceptable, id).await;
    crash::point(Point::PostPosted);
    Ok(match posted {
        Ok(Posted::Now(ts) | Posted::Before(ts) | Posted::Again { ts, .. }) => {
            Ended::done().with(SentMessage {
                key: id.clone(),
                channel: channel.clone(),
                sent: Sent {
                    ts: Some(ts),
                    revision: 1,
                    at: now,
                },
            })
        }
        Err(Failure::Never(code)) if is_about_content(&code) && acceptable == words => {
            try_plainer(app, channel, id, code)
        }
        Err(Failure::Never(code)) => {
            tracing::warn!(channel, code, "a post was refused by Slack");
            refused(app, post, when_refused, &words.text, &code).await?
        }
        Err(failure) => after_slack(app, lease, &failure).into(),
    })
}

/// Ends the job by the ways round.
async fn refused(
    app: &App,
    post: &Post,
    when_refused: &WhenRefused,
    text: &str,
    code: &str,
) -> Result<Ended, Error> {
    let now = app.engine.clock.now();
    Ok(match when_refused {
        WhenRefused::Log => Ended::done(),
        WhenRefused::TellAlone { rollback, people } => {
            let refused = Refused {
                channel: &post.channel,
                text,
                rollback: *rollback,
                key: &post.id,
            };
            let jobs = refused.tell_alone(people, code).into_iter();
            jobs.fold(Ended::done(), |ended, job| ended.then(job, now))
        }
        WhenRefused::TellElsewhere {
            otherwise,
            channels,
        } => {
            let closed = Closed {
                channel: &post.channel,
                people: otherwise.people.clone(),
                code,
                text: text.to_owned(),
            };
            closed.next_way(app, otherwise, channels.clone()).await?
        }
    })
}
