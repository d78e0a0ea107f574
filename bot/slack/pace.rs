//! How much of Slack's limits a call may use up: one budget for all replicas, kept in the record.
//!
//! Slack counts calls by method, those that post by channel. A call that would be too many is not
//! made, and whatever makes it waits; when Slack says all the same that it was too much, everybody
//! waits as long as it says.

use super::Failure;
use crate::{
    clock::Clock,
    metrics::Metrics,
    store::{self, Db},
};
use rollback_http::{WAIT_AT_LEAST, WAIT_AT_MOST};
use std::time::Duration;

/// The budgets, shared by all replicas through the record.
#[derive(Clone)]
pub struct Pace {
    db: Db,
    clock: Clock,
    metrics: Metrics,
}

/// Whether a call may use up what is kept for those who decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It leaves room for them.
    InLine,
    /// Somebody approves, denies or stops.
    First,
}

/// What is asked about people. However many want to read something, the person who decides is read.
const PEOPLE: [&str; 4] = [
    "users.info",
    "users.lookupByEmail",
    "usergroups.users.list",
    "auth.test",
];

/// What one kind of calls may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Budget {
    /// What one call is worth.
    every: Duration,
    /// How many may come at once.
    at_once: u32,
}

impl Budget {
    /// How far calls may be ahead of their time.
    fn ahead(self) -> Duration {
        self.every * self.at_once.saturating_sub(1)
    }

    /// A part of it: as many of so many.
    fn part(self, n: u32, of: u32) -> Self {
        Self {
            every: self.every * of / n,
            at_once: self.at_once * n / of,
        }
    }
}

/// The budget of a method, under what Slack publishes: with what may come at once, no minute has
/// more than is allowed.
///
/// What a person waits for comes at once when many people act; it may use up a whole minute's
/// calls in a moment, and what nobody waits for is in other buckets.
fn budget(method: &str) -> Budget {
    let steady = |a_minute: u32| Budget {
        every: Duration::from_secs(60) * 5 / (a_minute * 3),
        at_once: a_minute * 2 / 5,
    };
    let waited_for = |a_minute: u32| Budget {
        every: Duration::from_secs(60) / a_minute,
        at_once: a_minute,
    };
    match method {
        // By channel.
        "chat.postMessage" => Budget {
            every: Duration::from_secs(1),
            at_once: 1,
        },
        "usergroups.users.list" => waited_for(20),
        // Somebody waits for a page that is about the channel.
        "users.lookupByEmail" | "conversations.info" => waited_for(50),
        "users.info" | "chat.postEphemeral" | "views.open" | "views.update" | "auth.test" => {
            waited_for(100)
        }
        "files.getUploadURLExternal" | "files.completeUploadExternal" | "views.publish" => {
            steady(100)
        }
        // `chat.update`, and looking for what was posted.
        _ => steady(50),
    }
}

impl Pace {
    /// Budgets that are kept in `db`.
    pub fn new(db: Db, clock: Clock, metrics: Metrics) -> Self {
        Self { db, clock, metrics }
    }

    /// Takes one call out of a bucket of a method's; [`Failure::TooSoon`] if there is none left for
    /// this turn.
    pub(super) async fn take(&self, method: &str, bucket: &str, turn: Turn) -> Result<(), Failure> {
        if !PEOPLE.contains(&method) {
            return self.take_of(budget(method), method, bucket).await;
        }
        // Two buckets that together have no more than the method may.
        let in_line = budget(method).part(3, 5);
        if turn == Turn::InLine {
            return self.take_of(in_line, method, bucket).await;
        }
        let kept = budget(method).part(2, 5);
        match self.take_of(kept, method, &kept_of(bucket)).await {
            Err(Failure::TooSoon { .. }) => self.take_of(in_line, method, bucket).await,
            taken => taken,
        }
    }

    async fn take_of(&self, budget: Budget, method: &str, bucket: &str) -> Result<(), Failure> {
        let now = self.clock.now();
        let take = || store::pace::take(&self.db, bucket, budget.every, budget.ahead(), now);
        let mut taken = take().await;
        // No answer of Slack's holds calls back for so long: it was stored by a clock that was ahead.
        if let Ok(Err(at)) = &taken
            && at.duration_since(now).unsigned_abs() > WAIT_AT_MOST
        {
            tracing::error!(method, until = %at, "a budget was used up until an impossible time; it begins anew");
            self.metrics.moment_corrected("pace");
            taken = match store::pace::begin_anew(&self.db, bucket, now).await {
                Ok(()) => take().await,
                Err(error) => Err(error),
            };
        }
        match taken {
            Ok(Ok(())) => Ok(()),
            Ok(Err(at)) => {
                self.metrics.slack_paced(method);
                Err(Failure::TooSoon {
                    method: method.to_owned(),
                    wait: Duration::try_from(at.duration_since(now)).unwrap_or_default(),
                })
            }
            // Slack was not asked: nobody is to take that for its silence.
            Err(error) => {
                tracing::warn!(method, %error, "whether Slack may be called is not known");
                Err(Failure::TooSoon {
                    method: method.to_owned(),
                    wait: Duration::from_secs(1),
                })
            }
        }
    }

    /// Slack wants everybody to wait.
    pub(super) async fn hold(&self, method: &str, bucket: &str, wait: Duration) {
        if !PEOPLE.contains(&method) {
            return self.hold_of(budget(method), method, bucket, wait).await;
        }
        let (in_line, kept) = (budget(method).part(3, 5), budget(method).part(2, 5));
        self.hold_of(in_line, method, bucket, wait).await;
        self.hold_of(kept, method, &kept_of(bucket), wait).await;
    }

    async fn hold_of(&self, budget: Budget, method: &str, bucket: &str, wait: Duration) {
        let now = self.clock.now();
        let wait = wait.clamp(WAIT_AT_LEAST, WAIT_AT_MOST);
        let until = now.checked_add(wait).unwrap_or(now);
        if let Err(error) = store::pace::hold(&self.db, bucket, until, budget.ahead()).await {
            tracing::warn!(method, %error, "other replicas do not know that Slack asked to slow down");
        }
    }
}

/// The bucket that is kept for those who decide.
fn kept_of(bucket: &str) -> String {
    format!("{bucket} kept")
}

#[cfg(test)]
mod tests;
