//! The ways round when Slack does not let us post where something belongs: those whom it concerns
//! are told alone, else named in other channels, else somebody is paged.

use crate::{
    App,
    engine::{Ended, RecordedEvent},
    slack::blocks::{escape, mention, plainly},
    store::rollbacks,
};
use jiff::Timestamp;
use rollback_domain::{
    identity::RollbackId,
    incident::{Actor, IncidentFact, Instead, TimelineEvent},
    job::{Job, Notification, Otherwise, Post, WhenRefused},
    people::Addressee,
    refusal::{Source, list},
    rollback::{Message, Page, Rollback},
};

/// Something that Slack did not take in its channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused<'a> {
    /// The channel it belongs to.
    pub(super) channel: &'a str,
    /// What it says, as mrkdwn.
    pub(super) text: &'a str,
    /// The rollback it is about; `None`: it is about none.
    pub(super) rollback: Option<RollbackId>,
    /// The key under which it was to be posted.
    pub(super) key: &'a str,
}

impl Refused<'_> {
    /// The jobs that tell each of these people alone, once.
    pub(super) fn tell_alone(&self, people: &[Addressee], code: &str) -> Vec<Job> {
        let names: Vec<String> = people.iter().map(|one| one.person.clone()).collect();
        let text = format!("{} {}", cannot_post_in(self.channel, code), self.text);
        let notify = |one: &Addressee| {
            Job::Notify(Notification {
                channel: self.channel.to_owned(),
                person: one.person.clone(),
                thread: None,
                reply_to: one.reply_to.clone(),
                message: Message::Mrkdwn(text.clone()),
                otherwise: Some(Otherwise {
                    rollback: self.rollback,
                    people: names.clone(),
                    key: self.key.to_owned(),
                }),
                id: self.alone_key(&one.person),
            })
        };
        people.iter().map(notify).collect()
    }

    /// The key under which somebody is told of it alone once.
    pub(super) fn alone_key(&self, person: &str) -> String {
        format!("{}:alone:{person}", self.key)
    }
}

/// That a channel takes no posts, and what helps.
fn cannot_post_in(channel: &str, code: &str) -> String {
    let helps = match code {
        "not_in_channel" | "channel_not_found" => "Invite me there with /invite @rollback.",
        "is_archived" => "It is archived: go on in another channel.",
        "restricted_action" | "restricted_action_read_only_channel" => {
            "Only some may post there: ask an admin of the channel, or go on in another one."
        }
        "thread_not_found" => "The thread is gone.",
        "missing_scope"
        | "ekm_access_denied"
        | "team_access_not_granted"
        | "token_expired"
        | "token_revoked"
        | "account_inactive" => "My own access to Slack is the cause: tell the people who run me.",
        _ => "Tell the people who run me.",
    };
    format!(
        "I can't post in <#{channel}> (Slack says {}). {helps}",
        escape(code)
    )
}

/// The channels in which what cannot be posted where it belongs is announced, in their order.
fn announcement_channels(app: &App, rollback: Option<&Rollback>) -> Vec<String> {
    let common = &app.config.announce;
    let Some(rollback) = rollback else {
        return common.every.clone();
    };
    let announce = match app.config.service(&rollback.service) {
        Some(service) => service.announce(common),
        None => common.clone(),
    };
    let channels = announce.of(rollback.risk()).into_iter();
    channels.map(str::to_owned).collect()
}

/// The rollback that people could not be told of, if it was one.
async fn rollback_of(app: &App, otherwise: &Otherwise) -> sqlx::Result<Option<Rollback>> {
    match otherwise.rollback {
        Some(id) => rollbacks::get(&app.engine.db, id).await,
        None => Ok(None),
    }
}

fn can_page(app: &App) -> bool {
    let pagerduty = app.config.pagerduty.as_ref();
    pagerduty.is_some_and(|settings| settings.routing_key.is_some())
}

/// Ends a job: somebody could not be told alone, so all whom it concerns are told elsewhere.
pub(super) async fn tell_elsewhere(
    app: &App,
    notification: &Notification,
    otherwise: &Otherwise,
    text: &str,
    code: &str,
) -> sqlx::Result<Ended> {
    let Notification {
        channel, person, ..
    } = notification;
    let rollback = rollback_of(app, otherwise).await?;
    let mut channels = announcement_channels(app, rollback.as_ref());
    channels.retain(|other| other != channel);
    // Somebody who is not in the channel is reached all the same by what names them there.
    if code == "user_not_in_channel" {
        channels.insert(0, channel.clone());
    }
    let names: Vec<String> = otherwise.people.iter().map(|id| mention(id)).collect();
    let text = format!("{} (about <#{channel}>): {text}", list(&names, "and"));
    let closed = Closed {
        channel,
        people: vec![person.clone()],
        code,
        text,
    };
    closed.next_way(app, otherwise, channels).await
}

/// A channel in which people could not be told something.
pub(super) struct Closed<'a> {
    pub(super) channel: &'a str,
    /// The Slack ids of those who could not be told.
    pub(super) people: Vec<String>,
    /// Slack's error code.
    pub(super) code: &'a str,
    /// What they are to be told, as mrkdwn.
    pub(super) text: String,
}

impl Closed<'_> {
    /// Ends a job with the next way round: the first of these channels, else a page.
    pub(super) async fn next_way(
        self,
        app: &App,
        otherwise: &Otherwise,
        mut channels: Vec<String>,
    ) -> sqlx::Result<Ended> {
        let now = app.engine.clock.now();
        let rollback = rollback_of(app, otherwise).await?;
        let job = match (channels.is_empty(), &rollback) {
            (false, _) => {
                let channel = channels.remove(0);
                Some(self.post(channel, otherwise, channels))
            }
            (true, Some(rollback)) if can_page(app) => Some(self.page(rollback)),
            (true, _) => None,
        };
        let instead = match &job {
            Some(Job::Post(post)) => Instead::Channel {
                channel: post.channel.clone(),
            },
            Some(_) => Instead::Page,
            None => Instead::Nothing,
        };
        let (people, code) = (self.people.join(" "), self.code);
        tracing::warn!(
            channel = self.channel,
            people,
            code,
            ?instead,
            "people could not be told"
        );
        let ended = Ended::done().with(self.recorded(rollback.as_ref(), instead, now));
        Ok(match job {
            Some(job) => ended.then(job, now),
            None => ended,
        })
    }

    fn post(&self, channel: String, otherwise: &Otherwise, left: Vec<String>) -> Job {
        Job::Post(Post {
            thread: None,
            under: None,
            message: Message::Mrkdwn(self.text.clone()),
            id: format!("{}:in:{channel}", otherwise.key),
            button: None,
            when_refused: WhenRefused::TellElsewhere {
                otherwise: otherwise.clone(),
                channels: left,
            },
            channel,
        })
    }

    fn page(&self, rollback: &Rollback) -> Job {
        let id = rollback.id;
        Job::Page {
            rollback: id,
            page: Page::Trigger {
                key: format!("{id}:unreached"),
                summary: format!(
                    "Slack takes no message about {id} in {} ({}): {}",
                    self.channel,
                    self.code,
                    plainly(&self.text)
                ),
            },
        }
    }

    fn recorded(
        &self,
        rollback: Option<&Rollback>,
        instead: Instead,
        now: Timestamp,
    ) -> RecordedEvent {
        let fact = IncidentFact::Unreached {
            people: self.people.clone(),
            channel: self.channel.to_owned(),
            code: self.code.to_owned(),
            instead,
        };
        match rollback {
            Some(rollback) => RecordedEvent::of(rollback, now, fact),
            None => RecordedEvent::Channel {
                channel: self.channel.to_owned(),
                event: TimelineEvent::new(now, Actor::Bot, Source::Bot, None, fact),
            },
        }
    }
}
