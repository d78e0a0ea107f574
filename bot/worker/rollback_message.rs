//! A message about a rollback: posted once, then edited to what is true now.

use super::{
    plainer::{acceptable, try_plainer},
    retry::{after_slack, later},
    ways_round::Refused,
};
use crate::{
    App,
    crash::{self, Point},
    engine::{Ended, Error, SentMessage, SideEffects},
    slack::{Failure, Words, content::is_about_content},
    store::{
        jobs::{Lease, Next},
        messages::{self, Sent},
    },
    telemetry,
};
use rollback_domain::{
    identity::RollbackId,
    rollback::{Rollback, State},
};
use std::time::Duration;

/// A message is edited at most so often.
pub(super) const EDIT_EVERY: Duration = Duration::from_secs(2);
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
    /// This attempt or an earlier one, because Slack does not take the edit of the message before.
    Again {
        /// Where it is.
        ts: String,
        /// Where the message before is, which still counts as ours.
        before: String,
        /// Whether it was this attempt.
        now: bool,
    },
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
    // The history of the messages to one person cannot be read: they may get one twice.
    if lease.attempt > 1
        && !channel.starts_with(['U', 'W'])
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
        let words = acceptable(app, lease, &self.key, &self.words).await?;
        Ok(match self.post_or_edit(app, lease, &words).await {
            Ok(posted) => self.sent_now(app, posted),
            Err(Failure::Never(code)) if is_about_content(&code) && words == self.words => {
                try_plainer(app, &self.rollback.channel, &self.key, code)
            }
            Err(Failure::Never(code)) => self.refused(app, code).await?,
            // It may be edited all the same.
            Err(failure @ Failure::Lost(_)) => {
                Ended::from(after_slack(app, lease, &failure)).with(self.edited())
            }
            Err(failure @ (Failure::Later { .. } | Failure::TooSoon { .. })) => {
                after_slack(app, lease, &failure).into()
            }
        })
    }

    /// Ends the job: Slack has the message.
    fn sent_now(&self, app: &App, posted: Posted) -> Ended {
        // What an earlier attempt posted shows what was true then.
        let (ts, revision, next, before) = match posted {
            Posted::Now(ts) => (ts, self.rollback.revision, Next::Done, None),
            Posted::Before(ts) => (ts, 0, Next::At(later(app, EDIT_EVERY)), None),
            Posted::Again {
                ts,
                before,
                now: true,
            } => (ts, self.rollback.revision, Next::Done, Some(before)),
            Posted::Again {
                ts,
                before,
                now: false,
            } => (ts, 0, Next::At(later(app, EDIT_EVERY)), Some(before)),
        };
        let at = app.engine.clock.now();
        let sent = |ts| Sent {
            ts: Some(ts),
            revision,
            at,
        };
        let ended = Ended::from(next)
            .with(self.sent_as(sent(ts)))
            .with(self.edited())
            .stored_at(self.points[2]);
        match before {
            // Who clicks there still clicks a message of this rollback.
            Some(before) => ended.with(SentMessage {
                key: format!("{}:{before}", self.key),
                ..self.sent_as(sent(before))
            }),
            None => ended,
        }
    }

    async fn post_or_edit(
        &self,
        app: &App,
        lease: &Lease,
        words: &Words,
    ) -> Result<Posted, Failure> {
        let channel = &self.rollback.channel;
        let [unposted, posted, _] = self.points;
        match &self.sent.ts {
            Some(ts) => {
                crash::point(Point::CardUnedited);
                let edited = match ensure_held(lease) {
                    Ok(()) => {
                        crash::point(Point::CardEditing);
                        app.slack.update(channel, ts, words).await
                    }
                    Err(failure) => Err(failure),
                };
                crash::point(Point::CardEdited);
                match edited {
                    Ok(()) => Ok(Posted::Now(ts.clone())),
                    Err(Failure::Never(code)) if self.is_wanted_after(&code) => {
                        tracing::warn!(key = self.key, code, "an edit was refused by Slack");
                        self.post_again(app, lease, words, ts).await
                    }
                    Err(failure) => Err(failure),
                }
            }
            None => {
                crash::point(unposted);
                let post = post_once(app, lease, channel, None, words, &self.key).await;
                crash::point(posted);
                post
            }
        }
    }

    /// Whether it is posted again when an edit was refused like this. While it runs, only if it is
    /// gone: each step would be a message. When it has ended, only if nobody deleted it.
    fn is_wanted_after(&self, code: &str) -> bool {
        let is_deleted = code == "message_not_found";
        match &self.rollback.state {
            State::Executing { .. } | State::Accepted { .. } | State::Serving { .. } => is_deleted,
            State::Planning
            | State::Proposed { .. }
            | State::Approved { .. }
            | State::WaitingForPeople { .. }
            | State::Unknown { .. }
            | State::Watching { .. } => true,
            State::Blocked { .. }
            | State::Closed
            | State::Failed { .. }
            | State::Partial { .. }
            | State::Rehearsed
            | State::Resolved { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => !is_deleted,
        }
    }

    /// Posts it again, as the newest message.
    async fn post_again(
        &self,
        app: &App,
        lease: &Lease,
        words: &Words,
        before: &str,
    ) -> Result<Posted, Failure> {
        // The one before has the message's own key.
        let key = format!("{}:after:{before}", self.key);
        let channel = &self.rollback.channel;
        let posted = post_once(app, lease, channel, None, words, &key).await?;
        let now = matches!(posted, Posted::Now(_));
        let (Posted::Now(ts) | Posted::Before(ts) | Posted::Again { ts, .. }) = posted;
        Ok(Posted::Again {
            ts,
            before: before.to_owned(),
            now,
        })
    }

    /// Slack will not take it here: those whom it concerns are told alone, each once. Perhaps
    /// somebody invites the bot: while it is open it is tried again.
    async fn refused(&self, app: &App, code: String) -> Result<Ended, Error> {
        let rollback = self.rollback;
        if self.is_posted() && !self.is_wanted_after(&code) {
            return Ok(Ended::done());
        }
        tracing::warn!(key = self.key, code, "Slack will not take this message");
        let text = format!(
            "{} `/rollback status {}` shows how it stands.",
            self.words.text.trim(),
            rollback.id
        );
        let refused = Refused {
            channel: &rollback.channel,
            text: &text,
            rollback: Some(rollback.id),
            key: &self.key,
        };
        let mut people = vec![];
        // What changes after it was posted is told by messages of their own.
        let concerned = match self.is_posted() {
            true => vec![],
            false => rollback.concerned(),
        };
        for addressee in concerned {
            let key = refused.alone_key(&addressee.person);
            if messages::get(&app.engine.db, &key).await?.revision == 0 {
                people.push(addressee);
            }
        }
        let now = app.engine.clock.now();
        let ended = match rollback.state.is_ended() {
            true => Ended::done(),
            false => Ended::retry(later(app, REFUSED_EVERY), &*code),
        };
        let jobs = refused.tell_alone(&people, &code).into_iter();
        Ok(jobs.fold(ended, |ended, job| ended.then(job, now)))
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
