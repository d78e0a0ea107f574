//! When a job is tried again.

use crate::{
    App,
    slack::Failure,
    store::jobs::{Lease, Next},
};
use jiff::Timestamp;
use std::time::Duration;

/// How often something that may pass is tried before a person who waits is told.
pub(super) const PATIENCE: i64 = 4;
/// What could not be sent for so long is not sent any more as if it happened now.
pub(super) const LATE_AFTER: Duration = Duration::from_secs(60);
/// How long a call waits for its turn among our own at most. Longer waits are Slack's wish, and
/// what waits for them was tried in vain.
const OWN_PACE: Duration = Duration::from_secs(5);
/// The shortest wait after Slack asked for one.
const SLACK_WAITS_AT_LEAST: Duration = Duration::from_millis(100);

/// The time so long from now.
pub(super) fn later(app: &App, wait: Duration) -> Timestamp {
    let now = app.engine.clock.now();
    now.checked_add(wait).unwrap_or(now)
}

/// When to try again after so many attempts: 0.5 s, doubled, at most a minute.
pub(super) fn backoff(app: &App, attempt: i64) -> Timestamp {
    let wait =
        Duration::from_millis(500) * 2_u32.pow(u32::try_from(attempt.clamp(0, 7)).unwrap_or(7));
    later(app, wait.min(Duration::from_secs(60)))
}

/// When to call Slack again after a failure that may pass.
pub(super) fn after_slack(app: &App, lease: &Lease, failure: &Failure) -> Next {
    let at = match failure {
        Failure::TooSoon { wait, .. } if *wait <= OWN_PACE => return Next::Wait(later(app, *wait)),
        Failure::TooSoon { wait, .. } => later(app, *wait),
        Failure::Later {
            after: Some(after), ..
        } => later(app, (*after).max(SLACK_WAITS_AT_LEAST)),
        Failure::Later { after: None, .. } | Failure::Lost(_) | Failure::Never(_) => {
            backoff(app, lease.attempt)
        }
    };
    Next::Retry(at, failure.to_string())
}

/// When to call a platform again that is busy: after so many milliseconds, or as usual.
pub(super) fn after_busy(app: &App, lease: &Lease, retry_after: Option<u64>) -> Timestamp {
    match retry_after {
        Some(wait) => later(app, Duration::from_millis(wait)),
        None => backoff(app, lease.attempt),
    }
}

/// How long a job has been tried without getting anywhere.
pub(super) fn tried_for(app: &App, lease: &Lease) -> Duration {
    let since = app.engine.clock.now().duration_since(lease.wanted_at);
    Duration::try_from(since).unwrap_or_default()
}

/// Whether a job has failed for so long that what it sends would be taken for news.
pub(super) fn is_late(app: &App, lease: &Lease) -> bool {
    lease.failed && tried_for(app, lease) > LATE_AFTER
}
