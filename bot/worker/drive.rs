//! Driving a rollback: what its state asks for next.

use super::{
    PATIENCE, backoff,
    last_known::{self, membership_by},
    later, membership,
    say::card_key,
};
use crate::{
    App,
    config::Service,
    crash::{self, Point},
    engine::{Error, SideEffects, Submission},
    probe,
    providers::Provider,
    roster,
    slack::Failure,
    store::{
        jobs::{self, Lease, Next},
        messages, rollbacks, rosters,
    },
    telemetry,
};
use rollback_domain::{
    authority::Roster,
    history::History,
    incident::{Actor, Kind, TimelineEvent},
    job::Job,
    people::Membership,
    plan::{Basis, Plan},
    platform::{Production, Progress, ProviderError, Receipt},
    policy::Policy,
    refusal::{Refusal, Source},
    release::{Pin, Surface, Survey},
    rollback::{Command, Message, Rollback, State},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How long after the last look at the lease the platform may be asked: long before anybody else
/// can have it. Whoever stood still in between reads the platform again.
const ASK_WITHIN: Duration = Duration::from_secs(5);
/// How often storing a platform's answer is tried again.
const STORE_TRIES: u32 = 30;
/// How long it waits in between.
const STORE_AGAIN: Duration = Duration::from_secs(1);

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
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    };
    telemetry::record_incident(&rollback);
    if rollback.state.is_ended() {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
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
                SideEffects::default(),
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
    crash::point(Point::DriveLeased);
    let now = app.engine.clock.now();
    match drive.rollback.state {
        State::Planning => {
            drive.plan().await?;
            crash::point(Point::PlanStored);
            Ok(())
        }
        State::Proposed { expires_at } => drive.wait(expires_at).await,
        State::Approved { expires_at } if now >= expires_at => drive.put(Command::Expire).await,
        State::Approved { .. } => drive.recheck().await,
        // Whoever asked did not live to store the answer.
        State::Executing { .. } => drive.put(Command::LostTrack).await,
        State::Serving { n, m } if n == m => drive.prove(None).await,
        State::Accepted { .. } | State::Serving { .. } | State::Unknown { .. } => {
            drive.read_back().await
        }
        State::Watching { until } if now >= until => {
            drive.put(Command::Close { replaced_by: None }).await?;
            crash::point(Point::Closed);
            Ok(())
        }
        State::Watching { .. } => drive.keep_watch().await,
        _ => {
            app.engine
                .end(lease, Next::Done, SideEffects::default())
                .await
        }
    }
}

impl Drive<'_> {
    async fn plan(self) -> Result<(), Error> {
        let roles = self.app.config.roles_of(self.service);
        // What the card names, and whether the requester is an authority, is read with the rest.
        let (who, survey, (roster, read)) = tokio::join!(
            membership_by(self.app, &self.rollback.requester, self.came_by()),
            self.provider.survey(),
            roster::read(self.app, &roles),
        );
        crash::point(Point::PlanRead);
        let (requester, last_known) = match who? {
            Err(failure)
                if self.lease.attempt < PATIENCE && !matches!(failure, Failure::Never(_)) =>
            {
                return self.again(failure.to_string(), None).await;
            }
            Err(failure) => {
                let refusal = Membership::Unreadable(failure.to_string()).admit();
                return match refusal {
                    Err(refusal) => self.put(Command::CannotPlan { refusal }).await,
                    Ok(()) => Ok(()),
                };
            }
            Ok((membership, requester, last_read)) => {
                if let Err(refusal) = membership.admit() {
                    return self.put(Command::CannotPlan { refusal }).await;
                }
                (requester, last_known::clause(last_read, &[]))
            }
        };
        let survey = match survey {
            Ok(survey) => survey,
            Err(ProviderError::Busy { why, retry_after }) if self.lease.attempt < PATIENCE => {
                return self.again(why, retry_after).await;
            }
            Err(error) => {
                let refusal = Refusal::PlatformTrouble {
                    why: error.to_string(),
                };
                return self.put(Command::CannotPlan { refusal }).await;
            }
        };
        let now = self.app.engine.clock.now();
        let command = match self.draw(&survey, &self.history().await?, now) {
            Ok(plan) => Command::Planned {
                plan: Box::new(plan),
                requester,
                last_known,
                roster: Box::new(roster),
                frozen: rosters::frozen_of(
                    &self.app.engine.db,
                    &self.rollback.service,
                    &self.rollback.environment,
                )
                .await?,
            },
            Err(refusal) => Command::CannotPlan { refusal },
        };
        let mut effects = self.with_survey(&survey);
        effects.roster = read;
        self.put_with(command, effects).await
    }

    /// How it was asked for, as far as that matters for whom to believe.
    fn came_by(&self) -> Source {
        match self.rollback.out_of_band {
            true => Source::OutOfBand,
            false => Source::Bot,
        }
    }

    /// The card is open: reminders, the ladder, the objection window, and the plan's end.
    async fn wait(self, expires_at: jiff::Timestamp) -> Result<(), Error> {
        let now = self.app.engine.clock.now();
        let waiting = &self.rollback.waiting;
        if now < self.rollback.next_look(&self.policy, expires_at) {
            let next = Next::At(self.rollback.next_look(&self.policy, expires_at));
            return self
                .app
                .engine
                .end(self.lease, next, SideEffects::default())
                .await;
        }
        if waiting.window_ends.is_some_and(|ends| ends <= now) && now < expires_at {
            return self.end_window().await;
        }
        let since = waiting.since.unwrap_or(now);
        if now < expires_at {
            let roster = Box::new(self.known().await?);
            return self.put(Command::Waited { roster }).await;
        }
        let until = since.checked_add(self.policy.waits()).unwrap_or(now);
        if now < until && self.rollback.hash.is_some() {
            return self.renew().await;
        }
        self.put(Command::Expire).await
    }

    /// Nobody objected in time. Whether whoever asked has the authority is read now.
    async fn end_window(self) -> Result<(), Error> {
        let (db, rollback) = (&self.app.engine.db, &self.rollback);
        // One that was put on in the moment in which it was proposed.
        if rollback.frozen.is_none()
            && let Some(freeze) =
                rosters::frozen_of(db, &rollback.service, &rollback.environment).await?
        {
            let freeze = Some(freeze);
            return self.put(Command::Froze { freeze }).await;
        }
        // Silence says something only where the card could be seen for as long.
        let now = self.app.engine.clock.now();
        let card = messages::get(db, &card_key(rollback.id)).await?;
        let window = self.policy.objection_window.unwrap_or_default();
        let seen = match card.ts {
            Some(_) => card.at.checked_add(window).unwrap_or(now),
            None => later(self.app, Duration::from_secs(5)),
        };
        if now < seen {
            return self
                .app
                .engine
                .end(self.lease, Next::At(seen), SideEffects::default())
                .await;
        }
        let roles = self.eligible();
        let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
        let (who, (roster, read)) = tokio::join!(
            membership(self.app, &self.rollback.requester),
            roster::read(self.app, &roles),
        );
        let membership = match who {
            Ok((membership, _)) => membership,
            Err(failure) => Membership::Unreadable(failure.to_string()),
        };
        let effects = SideEffects {
            roster: read,
            ..SideEffects::default()
        };
        let command = Command::WindowEnded {
            membership,
            roster: Box::new(roster),
        };
        self.put_with(command, effects).await
    }

    /// The plan is too old and still waited for: is it still the same?
    async fn renew(self) -> Result<(), Error> {
        let survey = match self.provider.survey().await {
            Ok(survey) => survey,
            Err(ProviderError::Busy { why, retry_after }) if self.lease.attempt < PATIENCE => {
                return self.again(why, retry_after).await;
            }
            Err(error) => {
                let refusal = Refusal::PlatformTrouble {
                    why: error.to_string(),
                };
                return self.put(Command::Renewed { plan: Err(refusal) }).await;
            }
        };
        let plan = self.redraw(&survey).await?;
        let with_survey = self.with_survey(&survey);
        self.put_with(Command::Renewed { plan }, with_survey).await
    }

    /// The roles that may approve this plan.
    fn eligible(&self) -> Vec<String> {
        let roster = Roster::default();
        let case = self.rollback.case(&self.policy, &roster);
        case.rule
            .eligible()
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    /// What the record knows of the service's roles.
    async fn known(&self) -> Result<Roster, Error> {
        let roles = self.app.config.roles_of(self.service);
        Ok(roster::last_known(self.app, &roles).await?)
    }

    async fn history(&self) -> Result<History, Error> {
        let history = rollbacks::history(
            &self.app.engine.db,
            &self.rollback.service,
            &self.rollback.environment,
        )
        .await?;
        Ok(history)
    }

    async fn recheck(self) -> Result<(), Error> {
        crash::point(Point::RecheckBegun);
        let survey = match self.provider.survey().await {
            Ok(survey) => survey,
            Err(ProviderError::Busy { why, retry_after }) if self.lease.attempt < PATIENCE => {
                return self.again(why, retry_after).await;
            }
            Err(error) => {
                return self
                    .put(Command::RecheckFailed {
                        why: error.to_string(),
                    })
                    .await;
            }
        };
        crash::point(Point::Rechecked);
        let command = Command::Rechecked {
            plan: self.redraw(&survey).await?,
            survey: Box::new(survey.clone()),
            roster: Box::new(self.known().await?),
        };
        let id = self.rollback.id;
        let with_survey = self.with_survey(&survey);
        // Goes on while the process stands still (`CLOCK_MONOTONIC`).
        let began = Instant::now();
        let checked = self
            .app
            .engine
            .complete(self.lease, id, command, &self.policy, with_survey)
            .await?;
        match checked {
            Ok(rollback) if matches!(rollback.state, State::Executing { .. }) => {
                self.ask(&rollback, began).await
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

    /// Asks the platform. That it is asked is stored by now, so it is asked once or not known. The
    /// lease was ours in a transaction that `began` not long ago, or nothing is asked.
    async fn ask(self, rollback: &Rollback, began: Instant) -> Result<(), Error> {
        crash::point(Point::AskingStored);
        let platform = self.provider.effects(rollback.aim.way()).platform;
        let stood = began.elapsed();
        let asks = stood < ASK_WITHIN.min(jobs::lasts() / 2);
        let answer = if asks {
            crash::point(Point::AskingNow);
            let answer = self.provider.roll_back(rollback).await;
            crash::point(Point::Asked);
            tracing::info!(id = rollback.id, platform, ?answer, "asked the platform");
            answer
        } else {
            tracing::warn!(
                id = rollback.id,
                ?stood,
                "stood still; the platform was not asked"
            );
            Err(ProviderError::Busy {
                why: format!(
                    "{platform} was not asked: the bot stood still for {} s before it could. It is read again",
                    stood.as_secs()
                ),
                retry_after: Some(0),
            })
        };
        // The answer is known here and nowhere else: a database that is away for a moment must
        // not turn it into a lost one. The lease is renewed meanwhile.
        let command = Command::Answered {
            answer: answer.clone(),
        };
        let mut tried = 0;
        loop {
            let stored = self
                .app
                .engine
                .complete(
                    self.lease,
                    rollback.id,
                    command.clone(),
                    &self.policy,
                    SideEffects::default(),
                )
                .await;
            match stored {
                Err(Error::Database(error)) if tried < STORE_TRIES => {
                    tracing::warn!(id = rollback.id, %error, "the platform's answer could not be stored yet");
                    tried += 1;
                    tokio::time::sleep(STORE_AGAIN).await;
                }
                Err(Error::Fenced) if asks => {
                    self.answered_late(rollback, &platform, &answer).await?;
                    return Err(Error::Fenced);
                }
                Err(error) => return Err(error),
                Ok(_) => {
                    crash::point(Point::AnswerStored);
                    return Ok(());
                }
            }
        }
    }

    /// The platform has answered, and somebody else has the job by now: they have called the
    /// answer lost and read back. What it was is for the record; and if they have given up before
    /// the platform took it, everybody must know.
    async fn answered_late(
        &self,
        rollback: &Rollback,
        platform: &str,
        answer: &Result<Receipt, ProviderError>,
    ) -> Result<(), Error> {
        let engine = &self.app.engine;
        let id = rollback.id;
        let said = match answer {
            Ok(receipt) => receipt.said.clone(),
            Err(error) => error.to_string(),
        };
        let late = Submission::Record {
            channel: rollback.channel.clone(),
            event: TimelineEvent {
                at: engine.clock.now(),
                who: Actor::Platform(platform.to_owned()),
                source: Source::Platform,
                kind: Kind::Progress,
                text: format!("answered after its answer was given up: {said}"),
                rollback: Some(id),
            },
        };
        let mut jobs = vec![Job::Survey {
            service: rollback.service.clone(),
            environment: rollback.environment.clone(),
        }];
        let given_up = rollbacks::get(&engine.db, id).await?.filter(|now| {
            matches!(
                now.state,
                State::Failed { .. } | State::Partial { .. } | State::Resolved { done: false, .. }
            )
        });
        if let Some(now) = given_up.filter(|_| answer.is_ok()) {
            jobs.push(Job::Post {
                channel: now.channel.clone(),
                thread: None,
                under: None,
                message: Message::Text(format!(
                    "RB-{id} ended as {}, and {platform} has taken its request after all: the process that asked had stood still. Look at what is live: /rollback status {}",
                    now.word(),
                    now.service
                )),
                id: format!("RB-{id}:late"),
            });
        }
        // First what everybody must know.
        engine.enqueue(&jobs).await?;
        engine.take(&format!("late:RB-{id}"), late).await.map(drop)
    }

    async fn read_back(self) -> Result<(), Error> {
        let observed = self.provider.observe(&self.rollback).await;
        crash::point(Point::ReadBack);
        match observed {
            Ok(progress) => {
                let mut effects = SideEffects::default();
                if self.has_moved(&progress) {
                    // The board and the list of pins are to say it at once.
                    let survey = Job::Survey {
                        service: self.rollback.service.clone(),
                        environment: self.rollback.environment.clone(),
                    };
                    effects.jobs.push((survey, self.app.engine.clock.now()));
                }
                // Only manual tasks ask for people.
                let roster = match &progress {
                    Progress::PeopleNeeded { .. } => Box::new(self.known().await?),
                    Progress::Serving { .. }
                    | Progress::StepReady { .. }
                    | Progress::Partial { .. }
                    | Progress::Failed { .. }
                    | Progress::NotAsked { .. } => Box::default(),
                };
                self.put_with(Command::Observed { progress, roster }, effects)
                    .await
            }
            Err(ProviderError::Busy { why, retry_after }) => self.again(why, retry_after).await,
            Err(error) => self.again(error.to_string(), None).await,
        }
    }

    /// Whether the platform is done and production is another one than before.
    fn has_moved(&self, progress: &Progress) -> bool {
        match progress {
            Progress::Serving { surfaces, .. } => surfaces
                .iter()
                .all(|surface| self.rollback.is_on_target(surface)),
            Progress::Partial { .. } => true,
            Progress::Failed { production, .. } => *production == Production::Changed,
            Progress::StepReady { .. }
            | Progress::PeopleNeeded { .. }
            | Progress::NotAsked { .. } => false,
        }
    }

    async fn prove(self, seen: Option<(Vec<Surface>, Pin)>) -> Result<(), Error> {
        if self.rollback.proof.last.is_none() {
            // What the board shows was read before production moved.
            let survey = Job::Survey {
                service: self.rollback.service.clone(),
                environment: self.rollback.environment.clone(),
            };
            self.app.engine.enqueue(&[survey]).await?;
        }
        let round = probe::look(&self.app.http, self.service).await;
        crash::point(Point::ProofLooked);
        self.put(Command::Probed { round, seen }).await?;
        crash::point(Point::ProofStored);
        Ok(())
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
        crash::point(Point::WatchLooked);
        self.prove(seen).await
    }

    /// The same aim, drawn on what is there now: an aim like "previous" or "@02:40" is drawn at
    /// the card's moment, so that only the platform's changes count.
    async fn redraw(&self, survey: &Survey) -> Result<Result<Box<Plan>, Refusal>, Error> {
        let Some(before) = &self.rollback.plan else {
            let id = self.rollback.id;
            return Ok(Err(Refusal::OldCard { id }));
        };
        let history = self.history().await?;
        Ok(self.draw(survey, &history, before.read_at).map(Box::new))
    }

    fn draw(
        &self,
        survey: &Survey,
        history: &History,
        at: jiff::Timestamp,
    ) -> Result<Plan, Refusal> {
        let aim = &self.rollback.aim;
        let basis = Basis {
            survey,
            effects: &self.provider.effects(aim.way()),
            history,
            risks: &self.policy.risks,
        };
        Plan::draw(basis, aim, at)
    }

    fn with_survey(&self, survey: &Survey) -> SideEffects {
        SideEffects {
            survey: Some((
                self.rollback.service.clone(),
                self.rollback.environment.clone(),
                survey.clone(),
            )),
            ..SideEffects::default()
        }
    }

    async fn again(&self, why: String, retry_after: Option<u64>) -> Result<(), Error> {
        let at = match retry_after {
            Some(wait) => later(self.app, Duration::from_millis(wait)),
            None => backoff(self.app, self.lease.attempt),
        };
        self.app
            .engine
            .end(self.lease, Next::Retry(at, why), SideEffects::default())
            .await
    }

    async fn put(self, command: Command) -> Result<(), Error> {
        self.put_with(command, SideEffects::default()).await
    }

    async fn put_with(self, command: Command, effects: SideEffects) -> Result<(), Error> {
        let id = self.rollback.id;
        let engine = &self.app.engine;
        // Large, and in every way that a rollback is driven: kept off the stack.
        match Box::pin(engine.complete(self.lease, id, command, &self.policy, effects)).await? {
            Ok(rollback) => tracing::info!(id, state = rollback.state.name(), "moved"),
            Err(refusal) => tracing::info!(id, %refusal, "did not move"),
        }
        Ok(())
    }
}
