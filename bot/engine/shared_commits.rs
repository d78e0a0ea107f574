//! Shared commits: what arrives while one transaction is being made durable waits, and all of it
//! goes into the next one. Under load this is what makes durable answers fast; alone, an input
//! has a transaction to itself and waits for nobody.

use super::{Engine, Error, Outcome, Submission, batch::Batch};
use crate::{
    crash::{self, Point},
    store::{rollbacks, within},
    telemetry,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

/// How many inputs share a transaction at most.
const AT_ONCE: usize = 128;
/// How many inputs wait at most. More are refused at once: each of them would be too late anyway.
const WAITING_AT_MOST: usize = 2_048;
/// How long an input waits for its answer, behind whatever others wait for. Slack gives up after
/// three seconds.
const ANSWERED_WITHIN: Duration = Duration::from_millis(2_500);

/// What waits for the next transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    waiting: VecDeque<Waiting>,
    /// Whether somebody is at it.
    served: bool,
}

#[derive(Debug)]
struct Waiting {
    key: String,
    submission: Submission,
    answer: oneshot::Sender<Result<Outcome, Error>>,
}

impl Queue {
    fn inside<T>(&self, change: impl FnOnce(&mut Inside) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the next ones, in the order in which they came; empty: this worker has stopped.
    fn next(&self) -> Vec<Waiting> {
        self.inside(|inside| {
            let n = inside.waiting.len().min(AT_ONCE);
            inside.served = n > 0;
            inside.waiting.drain(..n).collect()
        })
    }
}

/// Frees the queue for another worker when its owner panics.
struct Serving(Option<Queue>);

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(queue) = &self.0 {
            queue.inside(|inside| {
                inside.served = false;
                // The callers that wait get an error, and come again.
                inside.waiting.clear();
            });
        }
    }
}

impl Engine {
    /// How many inputs wait for the next transaction.
    pub fn waiting(&self) -> usize {
        self.queue.inside(|inside| inside.waiting.len())
    }

    /// Takes input once. Input with a key that was taken before gets the same answer again, and
    /// nothing else happens. When this returns, what it gives is durable.
    pub async fn take(&self, key: &str, submission: Submission) -> Result<Outcome, Error> {
        if let Submission::Enqueue(job) = &submission
            && let Some(rollback) = job.rollback()
        {
            telemetry::record_rollback(rollback);
        }
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            key: key.to_owned(),
            submission,
            answer,
        };
        let first = self.queue.inside(|inside| {
            if inside.waiting.len() >= WAITING_AT_MOST {
                return Err(Error::Overloaded);
            }
            inside.waiting.push_back(waiting);
            Ok(!std::mem::replace(&mut inside.served, true))
        })?;
        if first {
            // On its own: the first caller may hang up, and the others still get their answers.
            let engine = self.clone();
            tokio::spawn(async move { engine.serve().await });
        }
        let outcome = match timeout(ANSWERED_WITHIN, answered).await {
            Ok(Ok(outcome)) => {
                if let Ok(Outcome::Opened { id }) = &outcome {
                    telemetry::record_rollback(*id);
                    tracing::info!("opened");
                }
                tracing::debug!("taken");
                outcome
            }
            // Given up or timed out: it may be accepted all the same.
            Ok(Err(_)) | Err(_) => Err(Error::Overloaded),
        };
        match &outcome {
            Ok(_) => self.health.worked(),
            Err(error) => self.could_not(error),
        }
        outcome
    }

    /// Takes what waits, transaction after transaction, until nothing does.
    async fn serve(self) {
        let mut serving = Serving(Some(self.queue.clone()));
        loop {
            let some = self.queue.next();
            if some.is_empty() {
                // It was given up under the same lock: somebody else may have it by now.
                serving.0 = None;
                return;
            }
            self.take_together(some).await;
            self.bell.notify_one();
        }
    }

    async fn take_together(&self, some: Vec<Waiting>) {
        let asked: Vec<(&str, &Submission)> = some
            .iter()
            .map(|waiting| (waiting.key.as_str(), &waiting.submission))
            .collect();
        match within(self.take_all(&asked, true)).await {
            Ok(outcome) => {
                for (waiting, outcome) in some.into_iter().zip(outcome) {
                    let _ = waiting.answer.send(Ok(outcome));
                }
            }
            // No connection for one is none for any: each would wait as long once more.
            Err(Error::Database(sqlx::Error::PoolTimedOut)) => {
                for waiting in some {
                    let none = Error::Database(sqlx::Error::PoolTimedOut);
                    let _ = waiting.answer.send(Err(none));
                }
            }
            // One of them may be at fault, or two replicas took the same: each by itself.
            Err(_) => {
                for Waiting {
                    key,
                    submission,
                    answer,
                } in some
                {
                    let _ = answer.send(self.take_alone(&key, &submission).await);
                }
            }
        }
    }

    async fn take_alone(&self, key: &str, submission: &Submission) -> Result<Outcome, Error> {
        for _ in 0..3 {
            match within(self.take_all(&[(key, submission)], false)).await {
                // Somebody else took the same input or opened a rollback of the same service in
                // the same moment: look again.
                Err(Error::Database(error)) if rollbacks::is_taken(&error) => {}
                Err(error) => return Err(error),
                Ok(outcome) => return outcome.into_iter().next().ok_or(Error::Raced),
            }
        }
        Err(Error::Raced)
    }

    /// All of these in one transaction, or none. What is there already came again if this is the
    /// `first` time it is tried; otherwise it may be our own whose answer was lost.
    async fn take_all(
        &self,
        asked: &[(&str, &Submission)],
        first: bool,
    ) -> Result<Vec<Outcome>, Error> {
        let mut tx = self.db.begin().await?;
        // Several incidents are locked in whatever order they come in, and the counters between
        // them: two replicas that do that at once would wait for each other.
        let writes = |submission: &Submission| !matches!(submission, Submission::Enqueue(_));
        if asked.len() > 1 && asked.iter().any(|(_, submission)| writes(submission)) {
            rollbacks::hold_numbers(&mut tx).await?;
        }
        let now = self.clock.now();
        let mut batch = Batch::read(&mut tx, asked, now).await?;
        let mut outcome = Vec::with_capacity(asked.len());
        for (key, submission) in asked {
            outcome.push(batch.take(&mut tx, key, submission, first).await?);
        }
        batch.write(&mut tx).await?;
        crash::point(Point::InputUncommitted);
        tx.commit().await?;
        Ok(outcome)
    }
}
