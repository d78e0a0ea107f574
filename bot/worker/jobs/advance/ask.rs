//! Asking the platform: once, or it is not known whether it was asked.

use super::Advance;
use crate::{
    crash::{self, Point},
    engine::{Ended, Error, Held, SideEffects, Submission},
    store::{jobs, rollbacks},
};
use rollback_domain::{
    incident::{Actor, RunningFact, TimelineEvent},
    job::{Job, Post, WhenRefused},
    platform::{Order, ProviderError, Receipt},
    refusal::Source,
    rollback::{Command, Message, Rollback, State},
};
use std::time::{Duration, Instant};

/// How long after the last look at the lease the platform may be asked: long before anybody else
/// can have it. A process that stood still in between reads the platform again.
const ASK_WITHIN: Duration = Duration::from_secs(5);
/// How often storing a platform's answer is tried again.
const STORE_TRIES: u32 = 30;
/// How long it waits in between.
const STORE_AGAIN: Duration = Duration::from_secs(1);

/// What the platform was asked for, and what it said.
#[derive(Clone)]
enum Answer {
    /// To hold automatic deploys off, before the first step.
    Pin(Result<String, ProviderError>),
    /// A step.
    Step(Result<Receipt, ProviderError>),
}

impl Answer {
    fn command(self) -> Command {
        match self {
            Answer::Pin(answer) => Command::PinAnswered { answer },
            Answer::Step(answer) => Command::Answered { answer },
        }
    }

    /// Whether the platform has taken it.
    fn is_taken(&self) -> bool {
        match self {
            Answer::Pin(answer) => answer.is_ok(),
            Answer::Step(answer) => answer.is_ok(),
        }
    }

    /// What it said, as a clause.
    fn said(&self) -> String {
        match self {
            Answer::Pin(Ok(said)) => said.clone(),
            Answer::Step(Ok(receipt)) => receipt.said.clone(),
            Answer::Pin(Err(error)) | Answer::Step(Err(error)) => error.to_string(),
        }
    }
}

/// What came of asking the platform.
struct Asked {
    /// Whether it was asked at all.
    is_sent: bool,
    /// The platform's name.
    platform: String,
    answer: Answer,
}

/// A stored answer, and when the transaction that stored it began.
struct Stored {
    held: Held,
    began: Instant,
}

impl Advance<'_> {
    /// Asks the platform for a step and stores its answer, and goes on with the next step where
    /// the answer lets it. That a step is asked for is stored by now, in a transaction that `began`
    /// not long ago and in which the lease was ours.
    pub(super) async fn ask(
        &self,
        mut rollback: Rollback,
        mut began: Instant,
    ) -> Result<Ended, Error> {
        crash::point(Point::AskingStored);
        loop {
            let asked = self.ask_in_time(&rollback, began).await?;
            let stored = self.store_answer(&rollback, &asked).await?;
            match stored.held {
                Held::Asking(next) => {
                    crash::point(match asked.answer {
                        Answer::Pin(_) => Point::PinStored,
                        Answer::Step(_) => Point::StepStored,
                    });
                    rollback = *next;
                    began = stored.began;
                }
                Held::Completed(completed) => {
                    crash::point(Point::AnswerStored);
                    return Ok(completed.into());
                }
            }
        }
    }

    /// Asks the platform, unless so much time has passed that the lease may be somebody else's.
    async fn ask_in_time(&self, rollback: &Rollback, began: Instant) -> Result<Asked, Error> {
        let id = rollback.id;
        let platform = self.provider.effects(rollback.aim.way()).platform;
        let order = self.order(rollback).await?;
        let stood = began.elapsed();
        let not_asked = |why: String| {
            Answer::Step(Err(ProviderError::Busy {
                why,
                retry_after: Some(0),
            }))
        };
        if stood >= ASK_WITHIN.min(jobs::lasts() / 2) {
            tracing::warn!(%id, ?stood, "stood still; the platform was not asked");
            let answer = not_asked(format!(
                "{platform} was not asked: the bot stood still for {} s before it could. It is read again",
                stood.as_secs()
            ));
            return Ok(Asked {
                is_sent: false,
                platform,
                answer,
            });
        }
        let answer = match order {
            Some(order) => self.ask_now(rollback, &order).await,
            None => not_asked(format!("{platform} was not asked: there is no plan")),
        };
        tracing::info!(%id, platform, said = answer.said(), "asked the platform");
        Ok(Asked {
            is_sent: true,
            platform,
            answer,
        })
    }

    /// Asks for what is next: that automatic deploys are held off, or the step.
    async fn ask_now(&self, rollback: &Rollback, order: &Order) -> Answer {
        if rollback.wants_pin() {
            let answer = Answer::Pin(self.provider.pin().await);
            crash::point(Point::PinAsked);
            return answer;
        }
        crash::point(Point::AskingNow);
        let answer = Answer::Step(self.provider.act(order).await);
        crash::point(Point::Asked);
        answer
    }

    /// Stores what the platform answered. The answer is known here and nowhere else: a database
    /// that is away for a moment must not turn it into a lost one. The lease is renewed meanwhile.
    async fn store_answer(&self, rollback: &Rollback, asked: &Asked) -> Result<Stored, Error> {
        let decision = self.decision(asked.answer.clone().command());
        let mut tries = 0;
        loop {
            let (decision, none) = (decision.clone(), SideEffects::default());
            // Before the commit: the lease is ours at least as long as it is thought to be.
            let began = Instant::now();
            let engine = &self.app.engine;
            match engine.decide_and_hold(self.lease, decision, none).await {
                Ok(held) => return Ok(Stored { held, began }),
                Err(Error::Database(error)) if tries < STORE_TRIES => {
                    tracing::warn!(id = %rollback.id, %error, "the platform's answer could not be stored yet");
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
        let answer = asked.answer.said();
        let answer = Submission::Record {
            channel: rollback.channel.clone(),
            event: TimelineEvent::new(
                engine.clock.now(),
                Actor::Platform(platform.clone()),
                Source::Platform,
                Some(id),
                RunningFact::AnsweredLate { answer },
            ),
        };
        let mut jobs = vec![self.survey_job()];
        let given_up = rollbacks::get(&engine.db, id).await?.filter(|now| {
            matches!(
                now.state,
                State::Failed { .. } | State::Partial { .. } | State::Resolved { done: false, .. }
            )
        });
        if let Some(now) = given_up.filter(|_| asked.answer.is_taken()) {
            jobs.push(Job::Post(Post {
                channel: now.channel.clone(),
                thread: None,
                under: None,
                message: Message::Text(format!(
                    "Correction: {id} was reported as {}, but {platform} accepted it after all. Check what is live: `/rollback list {}`.",
                    now.word(),
                    now.service.typed()
                )),
                button: None,
                when_refused: WhenRefused::TellAlone {
                    rollback: Some(id),
                    people: now.concerned(),
                },
                id: format!("{id}:late"),
            }));
        }
        // First what everybody must know.
        engine.enqueue(&jobs).await?;
        engine.take(&format!("late:{id}"), answer).await.map(drop)
    }
}
