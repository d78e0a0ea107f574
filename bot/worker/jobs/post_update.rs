//! Brings an update in a channel to what was published last: posts it once, then edits it.

use super::Begun;
use crate::{
    App,
    config::WebPage,
    engine::{Ended, Error, SentMessage, SideEffects},
    permalinks,
    slack::{Failure, Words, content::is_about_content, update},
    store::{
        jobs::{Lease, Next},
        messages::{self, Sent},
        updates,
    },
    worker::{
        plainer::{acceptable, try_plainer},
        retry::{after_slack, later},
        rollback_message::{Posted, ensure_held, post_once},
    },
};
use rollback_domain::{
    job::{Job, Notification, Post, WhenRefused},
    rollback::Message,
    update::StatusUpdate,
};
use std::time::Duration;

/// After what time a message is edited that an earlier attempt posted.
const EDITED_AFTER: Duration = Duration::from_secs(1);

pub(super) fn run<'a>(app: &'a App, lease: &'a Lease, root: i64, channel: &'a str) -> Begun<'a> {
    Box::pin(perform(app, lease, root, channel))
}

async fn perform(app: &App, lease: &Lease, root: i64, channel: &str) -> Result<Ended, Error> {
    let Some(found) = updates::shown(&app.engine.db, root).await? else {
        return Ok(Ended::done());
    };
    let key = format!("update:{root}:{channel}");
    let sent = messages::get(&app.engine.db, &key).await?;
    if sent.revision >= found.number {
        return Ok(Ended::done());
    }
    let message = update::message(&found);
    // Customers cannot sign in: what is for them has a link only where the team reads it.
    let wanted = match found.kind.is_external() && channel != found.channel {
        true => message,
        false => permalinks::with_page(app, message, WebPage::Incident(found.incident)),
    };
    let words = acceptable(app, lease, &key, &wanted).await?;
    let done = match &sent.ts {
        Some(ts) => edit(app, lease, channel, ts, &words).await,
        None => post_once(app, lease, channel, None, &words, &key).await,
    };
    let sent_as = |ts: String, revision| SentMessage {
        key: key.clone(),
        channel: channel.to_owned(),
        sent: Sent {
            ts: Some(ts),
            revision,
            at: app.engine.clock.now(),
        },
    };
    let edited = SideEffects {
        edited: sent.ts.is_some().then(|| key.clone()),
        ..SideEffects::default()
    };
    Ok(match done {
        Ok(Posted::Now(ts) | Posted::Again { ts, .. }) => {
            Ended::done().with(sent_as(ts, found.number)).with(edited)
        }
        // It shows what was published then.
        Ok(Posted::Before(ts)) => {
            Ended::from(Next::At(later(app, EDITED_AFTER))).with(sent_as(ts, 0))
        }
        Err(Failure::Never(code)) if is_about_content(&code) && words == wanted => {
            try_plainer(app, channel, &key, code)
        }
        Err(Failure::Never(code)) => refused(app, &found, channel, &code),
        Err(failure @ Failure::Lost(_)) => {
            Ended::from(after_slack(app, lease, &failure)).with(edited)
        }
        Err(failure @ (Failure::Later { .. } | Failure::TooSoon { .. })) => {
            after_slack(app, lease, &failure).into()
        }
    })
}

async fn edit(
    app: &App,
    lease: &Lease,
    channel: &str,
    ts: &str,
    words: &Words,
) -> Result<Posted, Failure> {
    ensure_held(lease)?;
    app.slack.update(channel, ts, words).await?;
    Ok(Posted::Now(ts.to_owned()))
}

/// Ends the job: Slack does not take the update in this channel. The channel of the incident is
/// told; where it is that one, the person who published it.
fn refused(app: &App, update: &StatusUpdate, channel: &str, code: &str) -> Ended {
    let number = update.number;
    tracing::warn!(number, channel, code, "an update was refused by Slack");
    let now = app.engine.clock.now();
    let sentence = format!(
        "Update {number} is not in {}: Slack refused it ({code}). Invite me there, then `/rollback update {number}` and *Send where it is missing*.",
        Message::whom(0)
    );
    let message = Message::Naming(sentence, vec![channel.to_owned()]);
    let id = format!("update:{number}:{channel}:unsent");
    let job = match (&update.published, channel == update.channel) {
        (Some(published), true) => Job::Notify(Notification {
            channel: channel.to_owned(),
            person: published.by.id.clone(),
            thread: None,
            reply_to: None,
            message,
            otherwise: None,
            id,
        }),
        (_, _) => Job::Post(Post {
            channel: update.channel.clone(),
            thread: None,
            under: None,
            message,
            button: None,
            when_refused: WhenRefused::Log,
            id,
        }),
    };
    Ended::done().then(job, now)
}
