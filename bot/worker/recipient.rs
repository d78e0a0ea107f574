//! Somebody who is told something that only they see.

use super::retry::{after_slack, tried_for};
use crate::{
    App,
    engine::{AddressedReply, Ended, Error, RecordedEvent, refusal_key, refused},
    slack::{Failure, Words, blocks},
    store::{
        jobs::Lease,
        replies::{self, Reply},
    },
};
use rollback_domain::{
    job::{Job, Notification},
    people::Person,
    refusal::{Refusal, Source},
    rollback::Message,
};
use std::time::Duration;

/// How long one person is tried to be told: what was true then is not worth telling later.
const TELL_WITHIN: Duration = Duration::from_secs(15 * 60);

/// Somebody, and where they are told something that only they see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipient<'a> {
    pub(super) channel: &'a str,
    /// Their Slack id.
    pub(super) person: &'a str,
    /// The thread in the channel; `None`: the channel itself.
    pub(super) thread: Option<&'a str>,
    /// The address that came with what they did, which is tried first; `None`: none came.
    pub(super) reply_to: Option<&'a str>,
}

/// What came of telling somebody something alone.
pub(super) enum Attempt {
    /// They are told, and the job ends so.
    Told(Ended),
    /// It is tried again.
    TryAgain(Ended),
    /// Nothing that only they see reaches them; why, as Slack's code.
    Unreachable(String),
}

impl Recipient<'_> {
    /// Tells them something and ends the job. Nothing else is done if that is not possible.
    pub(super) async fn notify(
        self,
        app: &App,
        lease: &Lease,
        words: &Words,
    ) -> Result<Ended, Error> {
        Ok(match self.attempt(app, lease, words).await? {
            Attempt::Told(ended) | Attempt::TryAgain(ended) => ended,
            Attempt::Unreachable(code) => {
                let person = self.person;
                tracing::warn!(person, code, "somebody could not be told");
                Ended::done()
            }
        })
    }

    /// Tries to tell them something: by the address that came with what they did, else in the
    /// channel, where only they see it.
    pub(super) async fn attempt(
        self,
        app: &App,
        lease: &Lease,
        words: &Words,
    ) -> Result<Attempt, Error> {
        // What a job tells of a drill says first that it is one.
        let words = match lease.job.rollback() {
            Some(rollback) => &words.clone().about(rollback),
            None => words,
        };
        if let Some(address) = self.reply_to.filter(|address| replies::is_ours(address))
            && replies::get(&app.engine.db, address).await?.is_none()
        {
            return Ok(Attempt::Told(Ended::done().with(AddressedReply {
                address: address.to_owned(),
                reply: Reply {
                    text: blocks::plainly(&words.text),
                    ..Reply::default()
                },
            })));
        }
        if lease.failed && tried_for(app, lease) > TELL_WITHIN {
            return Ok(Attempt::Unreachable(
                "nothing for a quarter of an hour".into(),
            ));
        }
        Ok(match self.send(app, words).await {
            Ok(()) => Attempt::Told(Ended::done()),
            Err(Failure::Never(code)) => Attempt::Unreachable(code),
            Err(failure) => Attempt::TryAgain(after_slack(app, lease, &failure).into()),
        })
    }

    async fn send(self, app: &App, words: &Words) -> Result<(), Failure> {
        if let Some(reply_to) = self.reply_to.filter(|address| !replies::is_ours(address)) {
            let sent = app.slack.reply(reply_to, words).await;
            // The address ends after 30 minutes or five uses; the channel does not.
            if !matches!(sent, Err(Failure::Never(_))) {
                return sent;
            }
        }
        let Recipient {
            channel,
            person,
            thread,
            ..
        } = self;
        app.slack.tell(channel, person, thread, words).await
    }

    /// Ends the job by telling `by` no, which also goes into the channel's timeline.
    pub(super) fn refuse(
        self,
        app: &App,
        lease: &Lease,
        by: &Person,
        source: Source,
        verb: &str,
        refusal: &Refusal,
    ) -> Ended {
        let now = app.engine.clock.now();
        let message = Message::from(refusal);
        let message = match lease.job.rollback() {
            Some(rollback) => message.about(rollback),
            None => message,
        };
        let notification = Job::Notify(Notification {
            channel: self.channel.to_owned(),
            person: self.person.to_owned(),
            thread: self.thread.map(str::to_owned),
            reply_to: self.reply_to.map(str::to_owned),
            message,
            otherwise: None,
            id: format!("refused:{}:{}", lease.job.kind(), lease.job.key()),
        });
        let event = refused(by, source, verb, refusal, None, now);
        let once = match refusal {
            Refusal::NotAMember { .. } => Some(refusal_key(by, self.channel, now)),
            _ => None,
        };
        let refused = RecordedEvent::OpenIncident {
            channel: self.channel.to_owned(),
            event,
            once,
        };
        Ended::done().with(refused).then(notification, now)
    }
}
