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

impl Recipient<'_> {
    /// Tells them something and ends the job.
    pub(super) async fn notify(
        self,
        app: &App,
        lease: &Lease,
        words: &Words,
    ) -> Result<Ended, Error> {
        if let Some(address) = self.reply_to.filter(|address| replies::is_ours(address))
            && replies::get(&app.engine.db, address).await?.is_none()
        {
            return Ok(Ended::done().with(AddressedReply {
                address: address.to_owned(),
                reply: Reply {
                    text: blocks::plainly(&words.text),
                    ..Reply::default()
                },
            }));
        }
        let person = self.person;
        if lease.failed && tried_for(app, lease) > TELL_WITHIN {
            tracing::warn!(person, "somebody could not be told in time");
            return Ok(Ended::done());
        }
        Ok(match self.send(app, words).await {
            Ok(()) => Ended::done(),
            Err(Failure::Never(code)) => {
                tracing::warn!(person, code, "somebody could not be told");
                Ended::done()
            }
            Err(failure) => after_slack(app, lease, &failure).into(),
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
        let notification = Job::Notify(Notification {
            channel: self.channel.to_owned(),
            person: self.person.to_owned(),
            thread: self.thread.map(str::to_owned),
            reply_to: self.reply_to.map(str::to_owned),
            message: Message::from(refusal),
            id: format!("refused:{}:{}", lease.job.kind(), lease.job.key()),
        });
        let event = refused(by, source, verb, refusal, None, now);
        let once = match refusal {
            Refusal::NotAMember { .. } => Some(refusal_key(by, self.channel, now)),
            _ => None,
        };
        let refused = RecordedEvent::Refusal {
            channel: self.channel.to_owned(),
            event,
            once,
        };
        Ended::done().with(refused).then(notification, now)
    }
}
