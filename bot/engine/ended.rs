//! How a job ends: what it returns, and what the engine stores.

use super::SideEffects;
use crate::{crash::Point, store::jobs::Next};
use jiff::Timestamp;
use rollback_domain::{
    identity::RollbackId,
    job::Job,
    policy::Policy,
    rollback::{Command, Rollback},
};

/// How a job ends. Every job returns one; the worker hands it to [`super::Engine::complete`],
/// which stores it in one transaction.
#[derive(Debug)]
#[must_use = "a job ends by returning this"]
pub struct Ended {
    pub(super) outcome: JobOutcome,
    pub(super) effects: SideEffects,
    /// The crash point right after the commit.
    pub(super) stored: Option<Point>,
}

/// What becomes of the job itself.
#[derive(Debug)]
pub(super) enum JobOutcome {
    /// It changes no rollback.
    Next(Next),
    /// It puts a command to a rollback, which also says when the job goes on.
    Decide(Box<Decide>),
    /// The engine has completed it already.
    Completed(Completed),
}

/// A command that is put to a rollback.
#[derive(Clone, Debug)]
pub struct Decide {
    /// The rollback's number.
    pub rollback: RollbackId,
    /// What happened to it, or what somebody wants of it.
    pub command: Command,
    /// The rules of its service.
    pub policy: Policy,
}

/// Proves that a job is completed. Only the engine makes one.
#[derive(Debug)]
#[must_use = "a job ends by returning this"]
pub struct Completed(pub(super) ());

/// What [`super::Engine::decide_and_hold`] came to.
#[derive(Debug)]
pub enum Held {
    /// The platform is to be asked for this rollback now. The job goes on under its lease, which
    /// began anew in the transaction that stored so.
    Asking(Box<Rollback>),
    /// The job is completed.
    Completed(Completed),
}

impl Ended {
    /// There is nothing left to do.
    pub fn done() -> Self {
        Next::Done.into()
    }

    /// It got somewhere and goes on then.
    pub fn at(at: Timestamp) -> Self {
        Next::At(at).into()
    }

    /// It was not begun, because it is too soon: what is known of earlier attempts stays.
    pub fn wait(until: Timestamp) -> Self {
        Next::Wait(until).into()
    }

    /// It failed and is tried again then; why.
    pub fn retry(at: Timestamp, why: impl Into<String>) -> Self {
        Next::Retry(at, why.into()).into()
    }

    /// It puts a command to a rollback. The decision, the side effects and the end of the job are
    /// one transaction.
    pub fn decide(rollback: RollbackId, command: Command, policy: Policy) -> Self {
        let decide = Decide {
            rollback,
            command,
            policy,
        };
        Self::new(JobOutcome::Decide(Box::new(decide)))
    }

    /// Adds what it leads to.
    pub fn with(mut self, effects: impl Into<SideEffects>) -> Self {
        self.effects.add(effects.into());
        self
    }

    /// Adds a job, and when it is due.
    pub fn then(mut self, job: Job, at: Timestamp) -> Self {
        self.effects.jobs.push((job, at));
        self
    }

    /// Says which crash point stands right after the commit.
    pub fn stored_at(mut self, point: Point) -> Self {
        self.stored = Some(point);
        self
    }

    fn new(outcome: JobOutcome) -> Self {
        Self {
            outcome,
            effects: SideEffects::default(),
            stored: None,
        }
    }
}

impl From<Next> for Ended {
    fn from(next: Next) -> Self {
        Self::new(JobOutcome::Next(next))
    }
}

impl From<Completed> for Ended {
    fn from(completed: Completed) -> Self {
        Self::new(JobOutcome::Completed(completed))
    }
}
