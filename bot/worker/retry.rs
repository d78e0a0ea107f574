//! When a job is tried again.

use crate::{
    App,
    slack::Failure,
    store::jobs::{Lease, Next},
};
use jiff::Timestamp;
use rollback_domain::platform::busy_wait;
use rollback_http::WAIT_AT_LEAST;
use std::time::Duration;

/// How often something that may pass is tried before a person who waits is told.
pub(super) const PATIENCE: i64 = 4;
/// What could not be sent for so long is not sent any more as if it happened now.
pub(super) const LATE_AFTER: Duration = Duration::from_secs(60);
/// How long a call waits for its turn among our own at most. Longer waits come from Slack, and
/// count as failed attempts.
pub(super) const OWN_PACE: Duration = Duration::from_secs(5);
/// How long a person who acts waits for a source that asks for patience, before they are refused.
const PERSON_WAITS: Duration = Duration::from_secs(60);
/// The longest wait before somebody is paged again: what PagerDuty names may be longer, an
/// emergency is not.
const PAGE_WAITS_AT_MOST: Duration = Duration::from_secs(60);

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
        } => later(app, *after),
        Failure::Later { after: None, .. } | Failure::Lost(_) | Failure::Never(_) => {
            backoff(app, lease.attempt)
        }
    };
    Next::Retry(at, failure.to_string())
}

/// When to call a platform again that is busy: after so many milliseconds, within bounds, or as
/// usual.
pub(super) fn after_busy(app: &App, lease: &Lease, retry_after: Option<u64>) -> Timestamp {
    let times = u32::try_from(lease.attempt - 1).unwrap_or_default();
    match retry_after {
        Some(_) => later(app, busy_wait(retry_after, times)),
        None => backoff(app, lease.attempt),
    }
}

/// When to page somebody again: when PagerDuty wants it, within bounds, and less often each time.
pub(super) fn after_page(app: &App, lease: &Lease, after: Option<Duration>) -> Timestamp {
    let usual = backoff(app, lease.attempt);
    let named = after.map(|after| later(app, after.min(PAGE_WAITS_AT_MOST)));
    named.map_or(usual, |named| named.max(usual))
}

/// When to read a person who acts once more; `None`: they have waited long enough, and are told.
///
/// A wait that is named and short is waited for. Whatever names none is tried a few times.
pub(super) fn after_unread(app: &App, lease: &Lease, failure: &Failure) -> Option<Next> {
    match failure {
        Failure::Never(_) => None,
        failure if failure.wait().is_some() => after_pause(app, lease, failure),
        _ if lease.attempt < PATIENCE => {
            let at = backoff(app, lease.attempt - 1);
            Some(Next::Retry(at, failure.to_string()))
        }
        _ => None,
    }
}

/// When to try again what Slack put off for a short time that it named; `None`: it named none, or
/// somebody has waited long enough.
pub(super) fn after_pause(app: &App, lease: &Lease, failure: &Failure) -> Option<Next> {
    after_named(app, lease, failure.wait()?, failure.to_string())
}

/// The same for a wait that another source names.
pub(super) fn after_named(app: &App, lease: &Lease, wait: Duration, why: String) -> Option<Next> {
    let wait = wait.max(WAIT_AT_LEAST);
    (tried_for(app, lease) + wait <= PERSON_WAITS).then(|| Next::Retry(later(app, wait), why))
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
