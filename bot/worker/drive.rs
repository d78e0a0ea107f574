//! Driving a rollback: what its state asks for next.

use super::{backoff, later, say::whisper, standing};
use crate::{
    App,
    config::Service,
    engine::{Error, Extra},
    probe,
    providers::Provider,
    slack::{Failure, Words, blocks},
    store::{
        rollbacks,
        steps::{Lease, Next},
    },
};
use rollback_domain::{
    people::{Policy, Standing},
    plan::Plan,
    refusal::Refusal,
    release::{Pin, Progress, Surface, Survey, Trouble},
    rollback::{Command, Rollback, State},
    step::Step,
};
use std::{sync::Arc, time::Duration};

/// How often something that may pass is tried before a person who waits is told.
const PATIENCE: i64 = 4;

/// A rollback being driven under a lease.
struct Drive<'a> {
    app: &'a App,
    lease: &'a Lease,
    rollback: Rollback,
    service: &'a Service,
    provider: Arc<dyn Provider>,
    policy: Policy,
}

/// Does what the state of a rollback asks for.
pub(super) async fn drive(app: &App, lease: &Lease, id: u64) -> Result<(), Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return app.engine.end(lease, Next::Done, Extra::default()).await;
    };
    if rollback.state.is_ended() {
        return app.engine.end(lease, Next::Done, Extra::default()).await;
    }
    let service = app.config.service(&rollback.service, &rollback.environment);
    let Some((service, provider)) =
        service.and_then(|service| Some((service, app.provider(service)?)))
    else {
        let why = format!(
            "{}@{} is not in the configuration",
            rollback.service, rollback.environment
        );
        tracing::error!(id, why, "a rollback cannot go on");
        return app
            .engine
            .end(
                lease,
                Next::Retry(later(app, Duration::from_secs(60)), why),
                Extra::default(),
            )
            .await;
    };
    let drive = Drive {
        app,
        lease,
        service,
        provider,
        policy: app.policy(service),
        rollback,
    };
    let now = app.engine.clock.now();
    match drive.rollback.state {
        State::Planning => drive.plan().await,
        State::Proposed { expires_at } if now < expires_at => {
            app.engine
                .end(lease, Next::At(expires_at), Extra::default())
                .await
        }
        State::Proposed { .. } => drive.put(Command::Expire).await,
        State::Approved { expires_at } if now >= expires_at => drive.put(Command::Expire).await,
        State::Approved { .. } => drive.recheck().await,
        // Whoever asked did not live to store the answer.
        State::Executing { .. } => drive.put(Command::LostTrack).await,
        State::Serving { n, m } if n == m => drive.prove(None).await,
        State::Accepted { .. } | State::Serving { .. } | State::Unknown { .. } => {
            drive.read_back().await
        }
        State::Watching { until } if now >= until => {
            drive.put(Command::Close { replaced_by: None }).await
        }
        State::Watching { .. } => drive.keep_watch().await,
        _ => app.engine.end(lease, Next::Done, Extra::default()).await,
    }
}

impl Drive<'_> {
    async fn plan(self) -> Result<(), Error> {
        let requester = match standing(self.app, &self.rollback.requester).await {
            Err(failure)
                if self.lease.attempt < PATIENCE && !matches!(failure, Failure::Never(_)) =>
            {
                return self.again(failure.to_string(), None).await;
            }
            Err(failure) => {
                let refusal = Refusal::AuthorityUnreadable {
                    why: failure.to_string(),
                };
                return self.put(Command::CannotPlan { refusal }).await;
            }
            Ok((standing, requester)) => {
                if let Err(refusal) = standing.admit() {
                    return self.put(Command::CannotPlan { refusal }).await;
                }
                requester
            }
        };
        let survey = match self.provider.survey().await {
            Ok(survey) => survey,
            Err(Trouble::Busy { why, retry_after }) if self.lease.attempt < PATIENCE => {
                return self.again(why, retry_after).await;
            }
            Err(trouble) => {
                let refusal = Refusal::PlatformTrouble {
                    why: trouble.to_string(),
                };
                return self.put(Command::CannotPlan { refusal }).await;
            }
        };
        let command = match self.draw(&survey) {
            Ok(plan) => Command::Planned {
                plan: Box::new(plan),
                requester,
            },
            Err(refusal) => Command::CannotPlan { refusal },
        };
        let saw = self.saw(&survey);
        self.put_with(command, saw).await
    }

    async fn recheck(self) -> Result<(), Error> {
        let survey = match self.provider.survey().await {
            Ok(survey) => survey,
            Err(Trouble::Busy { why, retry_after }) if self.lease.attempt < PATIENCE => {
                return self.again(why, retry_after).await;
            }
            Err(trouble) => {
                return self
                    .put(Command::RecheckFailed {
                        why: trouble.to_string(),
                    })
                    .await;
            }
        };
        // The same aim, drawn on what is there now: an aim like "previous" or "@02:40" is drawn
        // at the card's moment, so that only the platform's changes count.
        let plan = match &self.rollback.plan {
            Some(before) => Plan::draw(
                &survey,
                &self.provider.nature(self.rollback.aim.way()),
                &self.rollback.aim,
                before.read_at,
            )
            .map(Box::new),
            None => Err(Refusal::OldCard {
                id: self.rollback.id,
            }),
        };
        let command = Command::Rechecked {
            survey: Box::new(survey.clone()),
            plan,
        };
        let id = self.rollback.id;
        let saw = self.saw(&survey);
        let checked = self
            .app
            .engine
            .complete(self.lease, id, command, &self.policy, saw)
            .await?;
        match checked {
            Ok(rollback) if matches!(rollback.state, State::Executing { .. }) => {
                self.ask(&rollback).await
            }
            Ok(rollback) => {
                tracing::info!(id, state = rollback.state.name(), "not asked");
                Ok(())
            }
            Err(refusal) => {
                tracing::info!(id, %refusal, "did not move");
                Ok(())
            }
        }
    }

    /// Asks the platform. That it is asked is stored by now, so it is asked once or not known.
    async fn ask(self, rollback: &Rollback) -> Result<(), Error> {
        let answer = self.provider.roll_back(rollback).await;
        let platform = self.provider.nature(rollback.aim.way()).platform;
        self.app.metrics.asked(&platform, answer.is_ok());
        tracing::info!(id = rollback.id, platform, ?answer, "asked the platform");
        self.put(Command::Answered { answer }).await
    }

    async fn read_back(self) -> Result<(), Error> {
        match self.provider.observe(&self.rollback).await {
            Ok(progress) => self.put(Command::Observed { progress }).await,
            Err(Trouble::Busy { why, retry_after }) => self.again(why, retry_after).await,
            Err(trouble) => self.again(trouble.to_string(), None).await,
        }
    }

    async fn prove(self, seen: Option<(Vec<Surface>, Pin)>) -> Result<(), Error> {
        let round = probe::look(&self.app.http, self.service).await;
        self.put(Command::Probed { round, seen }).await
    }

    async fn keep_watch(self) -> Result<(), Error> {
        let latest = rollbacks::latest_of(
            &self.app.engine.db,
            &self.rollback.service,
            &self.rollback.environment,
        )
        .await?;
        // What a later rollback does to production is its story, not this one's.
        if let Some(latest) = latest
            && latest.id > self.rollback.id
            && latest.times.asked.is_some()
        {
            return self
                .put(Command::Close {
                    replaced_by: Some(latest.id),
                })
                .await;
        }
        let seen = match self.provider.observe(&self.rollback).await {
            Ok(Progress::Serving { surfaces, pin, .. }) => Some((surfaces, pin)),
            // It says nothing of this rollback any more: what does production serve?
            Ok(_) => match self.provider.survey().await {
                Ok(survey) => Some((survey.surfaces, survey.pin)),
                Err(_) => None,
            },
            // A platform that cannot be read now is no drift.
            Err(_) => None,
        };
        self.prove(seen).await
    }

    fn draw(&self, survey: &Survey) -> Result<Plan, Refusal> {
        let now = self.app.engine.clock.now();
        let aim = &self.rollback.aim;
        Plan::draw(survey, &self.provider.nature(aim.way()), aim, now)
    }

    fn saw(&self, survey: &Survey) -> Extra {
        Extra {
            saw: Some((
                self.rollback.service.clone(),
                self.rollback.environment.clone(),
                survey.clone(),
            )),
            ..Extra::default()
        }
    }

    async fn again(&self, why: String, retry_after: Option<u64>) -> Result<(), Error> {
        let at = match retry_after {
            Some(wait) => later(self.app, Duration::from_millis(wait)),
            None => backoff(self.app, self.lease.attempt),
        };
        self.app
            .engine
            .end(self.lease, Next::Retry(at, why), Extra::default())
            .await
    }

    async fn put(self, command: Command) -> Result<(), Error> {
        self.put_with(command, Extra::default()).await
    }

    async fn put_with(self, command: Command, extra: Extra) -> Result<(), Error> {
        let id = self.rollback.id;
        match self
            .app
            .engine
            .complete(self.lease, id, command, &self.policy, extra)
            .await?
        {
            Ok(rollback) => tracing::info!(id, state = rollback.state.name(), "moved"),
            Err(refusal) => tracing::info!(id, %refusal, "did not move"),
        }
        Ok(())
    }
}

/// Lets a person act: who they are is read now, and the machine decides.
pub(super) async fn act(app: &App, lease: &Lease) -> Result<(), Error> {
    let Step::Act {
        rollback,
        channel,
        by,
        source,
        reply_to,
        act,
        ..
    } = &lease.step
    else {
        return Ok(());
    };
    let (standing, by) = match standing(app, by).await {
        Ok(known) => known,
        Err(failure) if lease.attempt < PATIENCE && !matches!(failure, Failure::Never(_)) => {
            let next = Next::Retry(backoff(app, lease.attempt - 1), failure.to_string());
            return app.engine.end(lease, next, Extra::default()).await;
        }
        Err(failure) => (Standing::Unreadable(failure.to_string()), by.clone()),
    };
    let Some(found) = rollbacks::get(&app.engine.db, *rollback).await? else {
        return app.engine.end(lease, Next::Done, Extra::default()).await;
    };
    let policy = match app.config.service(&found.service, &found.environment) {
        Some(service) => app.policy(service),
        None => {
            let text = format!(
                "{}@{} is not in the configuration any more, so nobody has authority over it. Nothing was run.",
                found.service, found.environment
            );
            let words = Words::plain(blocks::escape(&text));
            return whisper(
                app,
                lease,
                channel,
                &by.id,
                None,
                reply_to.as_deref(),
                &words,
            )
            .await;
        }
    };
    let command = Command::Person {
        by,
        standing,
        source: *source,
        reply_to: reply_to.clone(),
        act: act.clone(),
    };
    app.engine
        .complete(lease, *rollback, command, &policy, Extra::default())
        .await?
        .ok();
    Ok(())
}
