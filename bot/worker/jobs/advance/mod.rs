//! Advances a rollback: does what its state asks for next.

mod ask;
mod group;
mod observe;
mod plan;
mod prove;
mod recheck;
mod wait;
mod watch;

use crate::{
    App,
    config::Service,
    crash::{self, Point},
    engine::{Decide, Ended, Error, RecordedSurvey},
    roster,
    store::{
        jobs::{Lease, Next},
        rollbacks,
    },
    telemetry,
    worker::{
        planning::{self, NoPlan, Planning},
        retry::{PATIENCE, after_busy, later},
    },
};
use group::OfGroup;
use jiff::Timestamp;
use rollback_domain::{
    authority::Roster,
    identity::RollbackId,
    job::Job,
    plan::Plan,
    platform::{About, Order, ProviderError},
    policy::Policy,
    refusal::Refusal,
    release::Survey,
    rollback::{Command, Rollback, State},
};
use rollback_providers::Provider;
use std::{ops::Deref, sync::Arc, time::Duration};

/// How often a rollback is tried whose service is not in the configuration.
const CONFIGURED_EVERY: Duration = Duration::from_secs(60);

/// A rollback, and what is needed to advance it under a lease.
struct Advance<'a> {
    app: &'a App,
    lease: &'a Lease,
    rollback: Rollback,
    policy: Policy,
}

/// The rollback of one service, on its platform.
struct OnPlatform<'a> {
    advance: Advance<'a>,
    service: &'a Service,
    provider: Arc<dyn Provider>,
}

impl<'a> Deref for OnPlatform<'a> {
    type Target = Advance<'a>;
    fn deref(&self) -> &Advance<'a> {
        &self.advance
    }
}

/// Why the platform was not read.
enum NotRead {
    /// The platform is busy, and the job is tried again.
    TryAgain(Next),
    /// The platform could not be read.
    Failed(ProviderError),
}

/// A plan, or why there is none.
enum Drawn {
    Plan(Box<Plan>),
    Refused(Refusal),
    NotRead(NotRead),
}

/// Does what the state of a rollback asks for.
pub(super) async fn run(app: &App, lease: &Lease, id: RollbackId) -> Result<Ended, Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return Ok(Ended::done());
    };
    telemetry::record_incident(&rollback);
    if rollback.state.is_ended() {
        return Ok(Ended::done());
    }
    let Some(policy) = app.policy_of(&rollback.service) else {
        return Ok(unconfigured(app, &rollback));
    };
    let service = app.config.service(&rollback.service);
    let platform = service.and_then(|service| Some((service, app.provider(service)?)));
    let group = app.config.group(&rollback.service);
    let advance = Advance {
        app,
        lease,
        policy,
        rollback,
    };
    if let Some(ended) = advance.correct_moments() {
        return Ok(ended);
    }
    crash::point(Point::DriveLeased);
    match (platform, group) {
        (Some((service, provider)), _) => {
            let one = OnPlatform {
                advance,
                service,
                provider,
            };
            Box::pin(one.step()).await
        }
        (None, Some(group)) => {
            let group = OfGroup { advance, group };
            Box::pin(group.step()).await
        }
        (None, None) => Ok(unconfigured(app, &advance.rollback)),
    }
}

/// What follows for a rollback whose service is not in the configuration any more.
fn unconfigured(app: &App, rollback: &Rollback) -> Ended {
    let id = rollback.id;
    let why = format!("{} is not in the configuration", rollback.service);
    tracing::error!(%id, why, "a rollback cannot go on");
    let now = app.engine.clock.now();
    match rollback.state {
        // Nothing follows by itself: it can be stopped, or somebody says how it ended.
        State::Proposed { expires_at } | State::Approved { expires_at } if now < expires_at => {
            Ended::at(expires_at)
        }
        State::WaitingForPeople { .. } | State::Unknown { .. } => {
            Ended::retry(later(app, CONFIGURED_EVERY), why)
        }
        State::Planning
        | State::Proposed { .. }
        | State::Approved { .. }
        | State::Executing { .. }
        | State::Accepted { .. }
        | State::Serving { .. }
        | State::Watching { .. } => {
            Ended::decide(id, Command::Unconfigured, app.policy_of_unconfigured())
        }
        State::Blocked { .. }
        | State::Closed
        | State::Failed { .. }
        | State::Partial { .. }
        | State::Rehearsed
        | State::Resolved { .. }
        | State::Denied { .. }
        | State::Cancelled { .. }
        | State::Expired { .. }
        | State::Superseded { .. } => Ended::done(),
    }
}

impl OnPlatform<'_> {
    /// One state, one function.
    async fn step(&self) -> Result<Ended, Error> {
        let now = self.now();
        match self.rollback.state {
            // These two are large: kept off the stack.
            State::Planning => Box::pin(self.plan()).await,
            State::Proposed { expires_at } => match self.wait(expires_at).await? {
                Some(ended) => Ok(ended),
                None => self.renew().await,
            },
            State::Approved { expires_at } if now >= expires_at => Ok(self.decide(Command::Expire)),
            State::Approved { .. } => Box::pin(self.recheck()).await,
            // The process that asked ended before it could store the answer.
            State::Executing { .. } => Ok(self.decide(Command::LostTrack)),
            State::Serving { n, m } if n == m => self.prove(None).await,
            State::Accepted { .. }
            | State::WaitingForPeople { .. }
            | State::Serving { .. }
            | State::Unknown { .. } => self.observe().await,
            State::Watching { until } if now >= until => Ok(self
                .decide(Command::Close { replaced_by: None })
                .stored_at(Point::Closed)),
            State::Watching { .. } => self.watch().await,
            State::Blocked { .. }
            | State::Closed
            | State::Failed { .. }
            | State::Partial { .. }
            | State::Rehearsed
            | State::Resolved { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => Ok(Ended::done()),
        }
    }

    /// Reads the platform.
    async fn survey(&self, about: &About) -> Result<Survey, NotRead> {
        let survey = self.provider.survey(about).await;
        survey.map_err(|error| self.not_read(error))
    }

    /// What the platform has to know to be read for this rollback.
    async fn about(&self) -> Result<About, Error> {
        planning::about(self.app, &self.rollback.service, &self.rollback.aim).await
    }

    /// What the provider is told of a rollback that has a plan.
    async fn order(&self, rollback: &Rollback) -> Result<Option<Order>, Error> {
        Ok(rollback.order(self.about().await?.undoes))
    }

    /// What was read, for the board.
    fn recorded(&self, survey: &Survey) -> RecordedSurvey {
        RecordedSurvey {
            service: self.rollback.service.clone(),
            survey: survey.clone(),
        }
    }

    /// The job that reads the platform for the board.
    fn survey_job(&self) -> Job {
        Job::Survey {
            service: self.rollback.service.clone(),
        }
    }

    /// Draws the plan for the rollback's aim on what was read, as of `at`.
    async fn draw(&self, about: &About, survey: &Survey, at: Timestamp) -> Result<Drawn, Error> {
        let planning = Planning {
            app: self.app,
            service: &self.rollback.service,
            provider: self.provider.as_ref(),
            about,
            aim: &self.rollback.aim,
            survey,
            history: &rollbacks::history(&self.app.engine.db, &self.rollback.service).await?,
            risks: &self.policy.risks,
        };
        Ok(match planning.plan(at).await {
            Ok(plan) => Drawn::Plan(Box::new(plan)),
            Err(NoPlan::Refused(refusal)) => Drawn::Refused(refusal),
            Err(NoPlan::Unreadable(error)) => Drawn::NotRead(self.not_read(error)),
        })
    }

    /// Draws the plan anew on what is there now. An aim like "previous" or "@02:40" is drawn at
    /// the card's moment, so that only the platform's changes count.
    async fn redraw(&self, about: &About, survey: &Survey) -> Result<Drawn, Error> {
        let Some(before) = &self.rollback.plan else {
            let id = self.rollback.id;
            return Ok(Drawn::Refused(Refusal::OldCard { id }));
        };
        self.draw(about, survey, before.read_at).await
    }
}

impl Advance<'_> {
    /// Treats moments that lie in an impossible future as now, if there are any: they were stored by
    /// a clock that was ahead.
    fn correct_moments(&self) -> Option<Ended> {
        let corrected = self
            .rollback
            .clone()
            .correct_moments(self.now(), &self.policy);
        corrected.then(|| {
            tracing::error!(id = %self.rollback.id, "moments of this rollback lie in an impossible future and count as now");
            self.app.metrics.moment_corrected("rollback");
            self.decide(Command::ClockSet)
        })
    }

    fn now(&self) -> Timestamp {
        self.app.engine.clock.now()
    }

    /// Ends the job with a command that is put to the rollback.
    fn decide(&self, command: Command) -> Ended {
        Ended::decide(self.rollback.id, command, self.policy.clone())
    }

    /// The same, for what is put to it while the job goes on.
    fn decision(&self, command: Command) -> Decide {
        Decide {
            rollback: self.rollback.id,
            command,
            policy: self.policy.clone(),
        }
    }

    /// The job is tried again: after so many milliseconds, or as usual; but at once when what it
    /// is tried for ends.
    fn try_again(&self, why: String, retry_after: Option<u64>) -> Next {
        let at = after_busy(self.app, self.lease, retry_after);
        let ends = self.ends_at().filter(|ends| *ends > self.now());
        Next::Retry(ends.map_or(at, |ends| at.min(ends)), why)
    }

    /// When its state ends by itself; `None`: it lasts until something happens.
    fn ends_at(&self) -> Option<Timestamp> {
        match self.rollback.state {
            State::Proposed { expires_at } | State::Approved { expires_at } => Some(expires_at),
            State::Watching { until } => Some(until),
            State::Planning
            | State::Blocked { .. }
            | State::Executing { .. }
            | State::WaitingForPeople { .. }
            | State::Accepted { .. }
            | State::Serving { .. }
            | State::Unknown { .. }
            | State::Closed
            | State::Failed { .. }
            | State::Partial { .. }
            | State::Rehearsed
            | State::Resolved { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => None,
        }
    }

    /// A platform that is busy is tried again before anybody is told.
    fn not_read(&self, error: ProviderError) -> NotRead {
        match error {
            ProviderError::Busy { why, retry_after } if self.lease.attempt < PATIENCE => {
                NotRead::TryAgain(self.try_again(why, retry_after))
            }
            error => NotRead::Failed(error),
        }
    }

    /// What the record knows of the service's roles.
    async fn last_known_roster(&self) -> Result<Roster, Error> {
        let roles = self.app.config.roles_of(&self.policy.rules);
        Ok(roster::last_known(self.app, &roles).await?)
    }
}
