//! How much there is to do, for those who watch.

use super::{Db, jobs, micros, read, reading, timelines};
use jiff::Timestamp;
use rollback_domain::{incident::Kind, rollback::Rollback};
use std::time::Duration;

/// How long a job may be due before it counts as overdue.
const LATE_AFTER: Duration = Duration::from_secs(30);

/// What is left to do of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCounts {
    /// The kind, as it is stored; perhaps one of a newer version.
    pub kind: String,
    /// How many are left to do, now or later.
    pub waiting: i64,
    /// How many of them are due for more than thirty seconds.
    pub overdue: i64,
    /// How many of them failed the last time.
    pub failing: i64,
}

/// What there is to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// By kind. Of more than ten thousand jobs, those that are due first.
    pub jobs: Vec<JobCounts>,
    /// How many rollbacks have not ended, by the name of their state.
    pub open: Vec<(String, i64)>,
    /// Those that are unknown, a hundred at most.
    pub unknown: Vec<Rollback>,
}

const STEPS: &str = "SELECT kind, count(*),
        sum(CASE WHEN due_at < $1 THEN 1 ELSE 0 END), sum(CASE WHEN last_error IS NULL THEN 0 ELSE 1 END)
    FROM (SELECT kind, due_at, last_error FROM step WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 10000) AS due
    GROUP BY kind";
// Drills are not counted. A rollback that has not ended is being driven, so the table of all of them need not be read.
const OPEN: &str = "SELECT state, count(*) FROM rollback
    WHERE id IN (SELECT CAST(substr(key, 4) AS BIGINT) FROM step WHERE kind = 'drive' AND key LIKE 'RB-%')
    GROUP BY state";
const UNKNOWN: &str = "SELECT doc FROM rollback WHERE holds = 1 AND state = 'unknown' AND id > 0 ORDER BY id LIMIT 100";

/// Reads it: three short queries, each over an index.
pub async fn overview(db: &Db, now: Timestamp) -> sqlx::Result<Overview> {
    let overdue = micros(now.checked_sub(LATE_AFTER).unwrap_or(now));
    let jobs: Vec<(String, i64, i64, i64)> =
        reading!(db, pool => sqlx::query_as(STEPS).bind(overdue).fetch_all(pool).await)?;
    let open = reading!(db, pool => sqlx::query_as(OPEN).fetch_all(pool).await)?;
    let unknown: Vec<(String,)> =
        reading!(db, pool => sqlx::query_as(UNKNOWN).fetch_all(pool).await)?;
    Ok(Overview {
        jobs: jobs
            .into_iter()
            .map(|(kind, waiting, overdue, failing)| JobCounts {
                kind,
                waiting,
                overdue,
                failing,
            })
            .collect(),
        open,
        unknown: unknown
            .iter()
            .map(|(doc,)| read(doc))
            .collect::<sqlx::Result<_>>()?,
    })
}

/// How often a rollback was run without an approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmergencyRuns {
    /// In the last thirty days.
    pub last_30_days: i64,
    /// In the thirty days before them.
    pub previous_30_days: i64,
    /// Reviews that nobody has answered yet.
    pub open_reviews: i64,
}

/// Counts the emergency runs before `now`.
pub async fn emergency_runs(db: &Db, now: Timestamp) -> sqlx::Result<EmergencyRuns> {
    const THIRTY_DAYS: Duration = Duration::from_secs(30 * 86_400);
    let back = |times: u32| now.checked_sub(THIRTY_DAYS * times).unwrap_or(now);
    Ok(EmergencyRuns {
        last_30_days: timelines::count(db, Kind::BreakGlass, back(1), now).await?,
        previous_30_days: timelines::count(db, Kind::BreakGlass, back(2), back(1)).await?,
        open_reviews: jobs::count(db, "review").await?,
    })
}
