//! Whether the record can be used: it failed, and nothing has been written to it since.
//!
//! A database can answer every question and take nothing, because its disk is full or it may only
//! be read. So what failed is remembered until something was written. Under load the same failure
//! comes a hundred times a second: it is logged once, and then now and again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How often the same failure is logged.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// Whether the last writes worked. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Option<Failing>>>);

#[derive(Debug)]
struct Failing {
    why: String,
    times: u64,
    logged_at: Instant,
}

impl Health {
    /// Something was written.
    pub fn worked(&self) {
        if let Some(failing) = self.inside().take() {
            let (why, times) = (failing.why, failing.times);
            tracing::info!(why, times, "the database can be written again");
        }
    }

    /// Something was not read or written.
    pub fn failed(&self, error: &sqlx::Error) {
        if let Some((why, times)) = self.to_log(error, Instant::now()) {
            tracing::error!(why, times, "the database fails");
        }
    }

    /// Why it cannot be used, if so.
    pub fn failing(&self) -> Option<String> {
        self.inside().as_ref().map(|failing| failing.why.clone())
    }

    /// Why it failed and how often so far, if that is to be logged now.
    fn to_log(&self, error: &sqlx::Error, now: Instant) -> Option<(String, u64)> {
        let why = cause(error);
        let mut inside = self.inside();
        match inside.as_mut() {
            Some(failing) if failing.why == why => {
                failing.times += 1;
                if now.duration_since(failing.logged_at) < LOG_EVERY {
                    return None;
                }
                failing.logged_at = now;
                Some((why, failing.times))
            }
            other => {
                let times = other.map_or(0, |failing| failing.times) + 1;
                *inside = Some(Failing {
                    why: why.clone(),
                    times,
                    logged_at: now,
                });
                Some((why, times))
            }
        }
    }

    fn inside(&self) -> MutexGuard<'_, Option<Failing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What went wrong, in the database's own words where it has said something.
fn cause(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(said) => said.message().to_owned(),
        sqlx::Error::PoolTimedOut => "it does not answer".into(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
