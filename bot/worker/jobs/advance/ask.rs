//! Asking the platform: once, or it is not known whether it was asked.

use super::Advance;
use crate::{
    crash::{self, Point},
    engine::{Ended, Error, SideEffects, Submission},
    store::{jobs, rollbacks},
};
use rollback_domain::{
    incident::{Actor, Kind, TimelineEvent},
    job::{Job, Post},
    platform::{ProviderError, Receipt},
    refusal::Source,
    rollback::{Command, Message, Rollback, State},
};
use std::time::{Duration, Instant};

/// How long after the last look at the lease the platform may be asked: long before anybody else
/// can have it. Whoever stood still in between reads the platform again.
const ASK_WITHIN: Duration = Duration::from_secs(5);
/// How often storing a platform's answer is tried again.
const STORE_TRIES: u32 = 30;
/// How long it waits in between.
const STORE_AGAIN: Duration = Duration::from_secs(1);

/// What came of asking the platform.
struct Asked {
    /// Whether it was asked at all.
    is_sent: bool,
    /// The platform's name.
    platform: String,
    answer: Result<Receipt, ProviderError>,
}

impl Advance<'_> {
    /// Asks the platform and stores its answer. That it is asked is stored by now, in a
    /// transaction that `began` not long ago and in which the lease was ours.
    pub(super) async fn ask(&self, rollback: &Rollback, began: Instant) -> Result<Ended, Error> {
        crash::point(Point::AskingStored);
        let asked = self.ask_in_time(rollback, began).await;
        let ended = self.store_answer(rollback, &asked).await?;
        crash::point(Point::AnswerStored);
        Ok(ended)
    }

    /// Asks the platform, unless so much time has passed that the lease may be somebody else's.
    async fn ask_in_time(&self, rollback: &Rollback, began: Instant) -> Asked {
        let id = rollback.id;
        let platform = self.provider.effects(rollback.aim.way()).platform;
        let stood = began.elapsed();
        if stood < ASK_WITHIN.min(jobs::lasts() / 2) {
            crash::point(Point::AskingNow);
            let answer = self.provider.roll_back(rollback).await;
            crash::point(Point::Asked);
            tracing::info!(id, platform, ?answer, "asked the platform");
            return Asked {
                is_sent: true,
                platform,
                answer,
            };
        }
        tracing::warn!(id, ?stood, "stood still; the platform was not asked");
        let why = format!(
            "{platform} was not asked: the bot stood still for {} s before it could. It is read again",
            stood.as_secs()
        );
        Asked {
            is_sent: false,
            platform,
            answer: Err(ProviderError::Busy {
                why,
                retry_after: Some(0),
            }),
        }
    }

    /// Stores what the platform answered. The answer is known here and nowhere else: a database
    /// that is away for a moment must not turn it into a lost one. The lease is renewed meanwhile.
    async fn store_answer(&self, rollback: &Rollback, asked: &Asked) -> Result<Ended, Error> {
        let decision = self.decision(Command::Answered {
            answer: asked.answer.clone(),
        });
        let mut tries = 0;
        loop {
            let (decision, none) = (decision.clone(), SideEffects::default());
            match self.app.engine.decide(self.lease, decision, none).await {
                Ok(completed) => return Ok(completed.into()),
                Err(Error::Database(error)) if tries < STORE_TRIES => {
                    tracing::warn!(id = rollback.id, %error, "the platform's answer could not be stored yet");
                    tries += 1;
                    tokio::time::sleep(STORE_AGAIN).await;
                }
                Err(Error::Fenced) if asked.is_sent => {
                    self.record_late_answer(rollback, asked).await?;
                    return Err(Error::Fenced);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The platform has answered, and somebody else has the job by now: they have called the
    /// answer lost and look at what is live. What it was is for the record; and if they have given
    /// up before the platform took it, everybody must know.
    async fn record_late_answer(&self, rollback: &Rollback, asked: &Asked) -> Result<(), Error> {
        let engine = &self.app.engine;
        let id = rollback.id;
        let platform = &asked.platform;
        let said = match &asked.answer {
            Ok(receipt) => receipt.said.clone(),
            Err(error) => error.to_string(),
        };
        let late = Submission::Record {
            channel: rollback.channel.clone(),
            event: TimelineEvent {
                at: engine.clock.now(),
                who: Actor::Platform(platform.clone()),
                source: Source::Platform,
                kind: Kind::Progress,
                text: format!("answered after its answer was given up: {said}"),
                rollback: Some(id),
            },
        };
        let mut jobs = vec![self.survey_job()];
        let given_up = rollbacks::get(&engine.db, id).await?.filter(|now| {
            matches!(
                now.state,
                State::Failed { .. } | State::Partial { .. } | State::Resolved { done: false, .. }
            )
        });
        if let Some(now) = given_up.filter(|_| asked.answer.is_ok()) {
            jobs.push(Job::Post(Post {
                channel: now.channel.clone(),
                thread: None,
                under: None,
                message: Message::Text(format!(
                    "RB-{id} ended as {}, and {platform} has taken its request after all: the process that asked had stood still. Look at what is live: /rollback status {}",
                    now.word(),
                    now.service
                )),
                id: format!("RB-{id}:late"),
            }));
        }
        // First what everybody must know.
        engine.enqueue(&jobs).await?;
        engine.take(&format!("late:RB-{id}"), late).await.map(drop)
    }
}
