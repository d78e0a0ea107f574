//! A message about a rollback: posted once, then edited to what is true now.

use super::retry::{after_slack, later};
use crate::{
    App,
    crash::{self, Point},
    engine::{Ended, Error, SentMessage, SideEffects},
    slack::{Failure, Words},
    store::{
        jobs::{Lease, Next},
        messages::{self, Sent},
    },
    telemetry,
};
use rollback_domain::{
    identity::RollbackId,
    job::{Job, Notification},
    rollback::{Message, Rollback},
};
use std::time::Duration;

/// A message is edited at most so often.
const EDIT_EVERY: Duration = Duration::from_secs(2);
/// A message that somebody deleted is posted again after so long.
const POST_AGAIN: Duration = Duration::from_secs(1);
/// How often a job is tried that waits for the card, and after what time.
pub(super) const CARD_TRIES: i64 = 10;
pub(super) const CARD_EVERY: Duration = Duration::from_secs(5);
/// How often it is tried again to post where Slack does not let us.
const REFUSED_EVERY: Duration = Duration::from_secs(15);

/// A message about a rollback.
pub(super) struct RollbackMessage<'a> {
    pub(super) rollback: &'a Rollback,
    /// The key under which it is posted once.
    pub(super) key: String,
    /// What it is to show.
    pub(super) words: Words,
    /// What Slack has.
    pub(super) sent: Sent,
    /// The crash points of posting it: before and after it is posted, and after that is stored.
    pub(super) points: [Point; 3],
}

/// Where a message is, and who posted it.
pub(super) enum Posted {
    /// This attempt.
    Now(String),
    /// An earlier one, whose answer was lost.
    Before(String),
}

/// The key of a rollback's card.
pub(super) fn card_key(id: RollbackId) -> String {
    format!("{id}:card")
}

/// Where a rollback's card is; `None`: it is not posted.
pub(super) async fn card_ts(app: &App, id: RollbackId) -> sqlx::Result<Option<String>> {
    Ok(messages::get(&app.engine.db, &card_key(id)).await?.ts)
}

/// Fails when the lease may be somebody else's: a process that stood still must not say what is
/// older than what somebody else has said meanwhile.
pub(super) fn ensure_held(lease: &Lease) -> Result<(), Failure> {
    match lease.is_sure() {
        true => Ok(()),
        false => Err(Failure::Later {
            why: "the bot stood still, and somebody else may be at it".into(),
            after: None,
        }),
    }
}

/// Posts, unless an earlier attempt did and only its answer was lost.
pub(super) async fn post_once(
    app: &App,
    lease: &Lease,
    channel: &str,
    thread: Option<&str>,
    words: &Words,
    key: &str,
) -> Result<Posted, Failure> {
    if lease.attempt > 1
        && let Some(ts) = app.slack.find(channel, thread, key).await?
    {
        return Ok(Posted::Before(ts));
    }
    ensure_held(lease)?;
    let ts = app.slack.post(channel, thread, words, key).await?;
    Ok(Posted::Now(ts))
}

impl RollbackMessage<'_> {
    /// Posts or edits it.
    pub(super) async fn send(self, app: &App, lease: &Lease) -> Result<Ended, Error> {
        telemetry::record_incident(self.rollback);
        let now = app.engine.clock.now();
        let soonest = self.sent.at.checked_add(EDIT_EVERY).unwrap_or(now);
        if self.is_posted() && now < soonest {
            return Ok(Ended::wait(soonest));
        }
        Ok(match self.post_or_edit(app, lease).await {
            Ok(posted) => {
                // What an earlier attempt posted shows what was true then.
                let (ts, revision, next) = match posted {
                    Posted::Now(ts) => (ts, self.rollback.revision, Next::Done),
                    Posted::Before(ts) => (ts, 0, Next::At(later(app, EDIT_EVERY))),
                };
                let sent = Sent {
                    ts: Some(ts),
                    revision,
                    at: now,
                };
                Ended::from(next)
                    .with(self.sent_as(sent))
                    .with(self.edited())
                    .stored_at(self.points[2])
            }
            Err(Failure::Never(code)) => self.refused(app, lease, code),
            // It may be edited all the same.
            Err(failure @ Failure::Lost(_)) => {
                Ended::from(after_slack(app, lease, &failure)).with(self.edited())
            }
            Err(failure @ (Failure::Later { .. } | Failure::TooSoon { .. })) => {
                after_slack(app, lease, &failure).into()
            }
        })
    }

    async fn post_or_edit(&self, app: &App, lease: &Lease) -> Result<Posted, Failure> {
        let channel = &self.rollback.channel;
        let [unposted, posted, _] = self.points;
        match &self.sent.ts {
            Some(ts) => {
                crash::point(Point::CardUnedited);
                let edited = match ensure_held(lease) {
                    Ok(()) => {
                        crash::point(Point::CardEditing);
                        app.slack.update(channel, ts, &self.words).await
                    }
                    Err(failure) => Err(failure),
                };
                crash::point(Point::CardEdited);
                edited.map(|()| Posted::Now(ts.clone()))
            }
            None => {
                crash::point(unposted);
                let post = post_once(app, lease, channel, None, &self.words, &self.key).await;
                crash::point(posted);
                post
            }
        }
    }

    /// Slack will not take it like this.
    fn refused(&self, app: &App, lease: &Lease, code: String) -> Ended {
        let is_open = !self.rollback.state.is_ended();
        // Perhaps somebody invites the bot: it is tried again, the requester told once.
        if !self.is_posted() && is_open {
            let ended = Ended::retry(later(app, REFUSED_EVERY), &*code);
            let cannot_post = self.key == card_key(self.rollback.id)
                && lease.attempt == 1
                && matches!(code.as_str(), "not_in_channel" | "channel_not_found");
            return match cannot_post {
                true => ended.then(self.ask_for_invitation(&code), app.engine.clock.now()),
                false => ended,
            };
        }
        // Somebody deleted it: it is posted again, as the newest message.
        if code == "message_not_found" && is_open {
            let gone = Sent {
                ts: None,
                revision: 0,
                at: app.engine.clock.now(),
            };
            return Ended::at(later(app, POST_AGAIN)).with(self.sent_as(gone));
        }
        tracing::warn!(key = self.key, code, "Slack will not take this message");
        Ended::done()
    }

    fn ask_for_invitation(&self, code: &str) -> Job {
        let rollback = self.rollback;
        Job::Notify(Notification {
            channel: rollback.channel.clone(),
            person: rollback.requester.id.clone(),
            thread: None,
            reply_to: rollback.reply_to.clone(),
            message: Message::Text(format!(
                "I cannot post the card of {} here (Slack says {code}). Invite me with /invite @rollback and it appears.",
                rollback.id
            )),
            id: format!("{}:cannot-post", rollback.id),
        })
    }

    fn is_posted(&self) -> bool {
        self.sent.ts.is_some()
    }

    fn sent_as(&self, sent: Sent) -> SentMessage {
        SentMessage {
            key: self.key.clone(),
            channel: self.rollback.channel.clone(),
            sent,
        }
    }

    /// That it was edited, if it was not posted just now.
    fn edited(&self) -> SideEffects {
        SideEffects {
            edited: self.is_posted().then(|| self.key.clone()),
            ..SideEffects::default()
        }
    }
}
