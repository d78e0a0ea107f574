//! Job rows: left behind by changes, leased by workers, finished or fenced.
//!
//! `epoch` is raised by every claim and checked by the transaction that completes the job, so a
//! worker that was frozen past its lease changes nothing. `signal` is raised by every poke, so a
//! poke that arrives during a lease is not lost. `due_at` is the bot's clock. Leases on Postgres are
//! by the database's clock, because replicas' clocks differ; on SQLite, where a start takes over all
//! leases, by the time that has passed in this process, because a clock may be set.

use super::{Db, Tx, in_tx, micros, moment, read, reading, written};
use crate::crash;
use jiff::Timestamp;
use rollback_domain::job::Job;
use sqlx::{QueryBuilder, postgres::PgListener};
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// A job that is ours to do until the lease ends.
#[derive(Clone, Debug)]
pub struct Lease {
    /// What is to be done.
    pub job: Job,
    /// How often it was begun since it last got somewhere.
    pub attempt: i64,
    /// Since when it is to be done, since it last got somewhere.
    pub wanted_at: Timestamp,
    /// Whether it was tried since then and failed.
    pub failed: bool,
    epoch: i64,
    signal: i64,
    /// Since when it is known to be ours; `None` when it is known not to be.
    held: Arc<Mutex<Option<Instant>>>,
}

impl Lease {
    /// Whether the lease holds for certain, so that no other process can have the job. To be asked
    /// right before something is done that cannot be taken back: a process that stood still finds
    /// out by it.
    pub fn is_sure(&self) -> bool {
        let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.is_some_and(|held| held.elapsed() < lasts() / 3 * 2)
    }

    fn hold(&self, held: Option<Instant>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
    }
}

/// How long it waits before it listens to other replicas again after a lost connection.
const HEAR_AGAIN: Duration = Duration::from_secs(1);
/// How long a lease lasts without being renewed.
const LEASE: Duration = Duration::from_secs(30);

/// How long a lease lasts without being renewed.
pub fn lasts() -> Duration {
    crash::lease(LEASE)
}

fn lasts_micros() -> i64 {
    i64::try_from(lasts().as_micros()).unwrap_or(i64::MAX)
}

/// The time that has passed in this process, in microseconds.
fn passed() -> i64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    i64::try_from(BEGAN.elapsed().as_micros()).unwrap_or(i64::MAX)
}

const CLAIM_SQLITE: &str = "UPDATE step SET epoch = epoch + 1, attempt = attempt + 1,
        wanted_at = COALESCE(wanted_at, due_at),
        lease_until = $4 + $1
    WHERE (kind, key) IN (
        SELECT kind, key FROM step
        WHERE due_at <= $2 AND (lease_until IS NULL OR lease_until < $4)
          AND ($5 OR kind NOT IN ('show', 'assess', 'export', 'survey', 'roster', 'standings', 'membership', 'request', 'canary', 'canary_of_bot', 'home'))
        ORDER BY due_at LIMIT $3)
    RETURNING payload, attempt, wanted_at, CAST(last_error IS NOT NULL AS INTEGER), epoch, signal";
const CLAIM_POSTGRES: &str = "UPDATE step SET epoch = step.epoch + 1, attempt = step.attempt + 1,
        wanted_at = COALESCE(step.wanted_at, step.due_at),
        lease_until = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $1
    FROM (SELECT kind, key FROM step
        WHERE due_at <= $2 AND (lease_until IS NULL OR lease_until < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
          AND kind = ANY($4) AND ($5 OR kind NOT IN ('show', 'assess', 'export', 'survey', 'roster', 'standings', 'membership', 'request', 'canary', 'canary_of_bot', 'home'))
        ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED) due
    WHERE step.kind = due.kind AND step.key = due.key
    RETURNING step.payload, step.attempt, step.wanted_at, CAST(step.last_error IS NOT NULL AS INTEGER)::bigint, step.epoch, step.signal";

/// Payload, attempt, since when it is wanted, whether it failed, epoch, signal.
type Claimed = (String, i64, i64, i64, i64, i64);

/// Which jobs are claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Those that change something, and those that tell somebody.
    WithoutReading,
    /// All of them.
    Everything,
}

/// Leases up to `limit` jobs that are due.
pub async fn claim(db: &Db, now: Timestamp, limit: i64, which: Claim) -> sqlx::Result<Vec<Lease>> {
    // Before it is asked for: what the database counts from comes later.
    let held = Instant::now();
    let rows: Vec<Claimed> = match db {
        Db::Sqlite { write, .. } => {
            sqlx::query_as(CLAIM_SQLITE)
                .bind(lasts_micros())
                .bind(micros(now))
                .bind(limit)
                .bind(passed())
                .bind(which == Claim::Everything)
                .fetch_all(write)
                .await?
        }
        // Kinds and states that a newer replica knows are left to it.
        Db::Postgres(pool) => {
            sqlx::query_as(CLAIM_POSTGRES)
                .bind(lasts_micros())
                .bind(micros(now))
                .bind(limit)
                .bind(Job::KINDS)
                .bind(which == Claim::Everything)
                .fetch_all(pool)
                .await?
        }
    };
    let lease = |(payload, attempt, wanted_at, failed, epoch, signal): Claimed| match read(&payload)
    {
        Ok(job) => Some(Lease {
            job,
            attempt,
            wanted_at: moment(wanted_at),
            failed: failed != 0,
            epoch,
            signal,
            held: Arc::new(Mutex::new(Some(held))),
        }),
        // Written by a newer version: left to it, and no reason to leave the others undone.
        Err(error) => {
            tracing::error!(%error, "a job cannot be read by this version");
            None
        }
    };
    Ok(rows.into_iter().filter_map(lease).collect())
}

const ONE_SQLITE: &str = "UPDATE step SET epoch = epoch + 1, attempt = attempt + 1,
        wanted_at = COALESCE(wanted_at, due_at),
        lease_until = $5 + $1
    WHERE kind = $2 AND key = $3 AND due_at <= $4
      AND (lease_until IS NULL OR lease_until < $5)
    RETURNING payload, attempt, wanted_at, CAST(last_error IS NOT NULL AS INTEGER), epoch, signal";
const ONE_POSTGRES: &str = "UPDATE step SET epoch = epoch + 1, attempt = attempt + 1,
        wanted_at = COALESCE(wanted_at, due_at),
        lease_until = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $1
    WHERE kind = $2 AND key = $3 AND due_at <= $4
      AND (lease_until IS NULL OR lease_until < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    RETURNING payload, attempt, wanted_at, CAST(last_error IS NOT NULL AS INTEGER)::bigint, epoch, signal";

/// Leases the job of this kind and key, if it is there, due, and nobody else is at it.
pub async fn claim_one(
    db: &Db,
    kind: &str,
    key: &str,
    now: Timestamp,
) -> sqlx::Result<Option<Lease>> {
    let held = Instant::now();
    let row: Option<Claimed> = match db {
        Db::Sqlite { write, .. } => {
            sqlx::query_as(ONE_SQLITE)
                .bind(lasts_micros())
                .bind(kind)
                .bind(key)
                .bind(micros(now))
                .bind(passed())
                .fetch_optional(write)
                .await?
        }
        Db::Postgres(pool) => {
            sqlx::query_as(ONE_POSTGRES)
                .bind(lasts_micros())
                .bind(kind)
                .bind(key)
                .bind(micros(now))
                .fetch_optional(pool)
                .await?
        }
    };
    row.map(|(payload, attempt, wanted_at, failed, epoch, signal)| {
        Ok(Lease {
            job: read(&payload)?,
            attempt,
            wanted_at: moment(wanted_at),
            failed: failed != 0,
            epoch,
            signal,
            held: Arc::new(Mutex::new(Some(held))),
        })
    })
    .transpose()
}

// A job that comes again begins at another epoch than the one before: a worker that slept through
// the end of its job must not take the next one for its own.
const POKE: &str = "INSERT INTO step (kind, key, payload, due_at, signal, epoch) ";
const OR_WAKE: &str = " ON CONFLICT (kind, key) DO UPDATE SET
        payload = excluded.payload,
        signal = step.signal + 1,
        due_at = CASE WHEN step.due_at IS NULL OR excluded.due_at < step.due_at THEN excluded.due_at ELSE step.due_at END";

/// How many rows one statement pokes at most.
const POKED_AT_ONCE: usize = 1_000;

/// The channel on which replicas tell each other that there may be something to do.
const CALL: &str = "rollback_bot_step";
const RING: &str = "SELECT pg_notify($1, '')";

/// Leaves jobs behind, or wakes those that are there; never moves one later.
///
/// On Postgres the commit also calls the other replicas; many pokes of one transaction are one
/// call. It is a hint: a replica that misses it looks by itself half a second later.
pub async fn poke(tx: &mut Tx, jobs: &[(Job, Timestamp)]) -> sqlx::Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    // Each row once, in one order: a statement may not touch a row twice, and two replicas that
    // poke the same rows may not wait for each other.
    let mut rows: BTreeMap<(&str, String), (String, i64)> = BTreeMap::new();
    for (job, at) in jobs {
        let (payload, at) = (written(job)?, micros(*at));
        let row = rows
            .entry((job.kind(), job.key()))
            .or_insert_with(|| (String::new(), at));
        *row = (payload, at.min(row.1));
    }
    let rows: Vec<_> = rows.into_iter().collect();
    // A statement has so many places for values, and a configuration may have many services.
    for rows in rows.chunks(POKED_AT_ONCE) {
        in_tx!(&mut *tx, c => {
            let mut query = QueryBuilder::new(POKE);
            query.push_values(rows, |mut row, ((kind, key), (payload, at))| {
                row.push_bind(*kind).push_bind(key).push_bind(payload).push_bind(*at).push_bind(1_i64).push_bind(*at);
            });
            query.push(OR_WAKE);
            query.build().persistent(rows.len() == 1).execute(c).await.map(drop)
        })?;
    }
    if let Tx::Postgres(tx) = tx {
        sqlx::query(RING).bind(CALL).execute(&mut **tx).await?;
    }
    Ok(())
}

const TRIED: &str = "UPDATE step SET attempt = 1 WHERE kind = $1 AND key = $2 AND attempt = 0";

/// Marks a job that was queued again as tried before, so that it looks for earlier effects first.
pub async fn tried(tx: &mut Tx, job: &Job) -> sqlx::Result<()> {
    in_tx!(tx, c => sqlx::query(TRIED).bind(job.kind()).bind(job.key()).execute(c).await.map(drop))
}

/// Rings `bell` whenever another replica leaves a job behind, until it is dropped. Does nothing
/// on SQLite, which serves one process.
pub async fn hear(db: &Db, bell: &Notify) {
    let Db::Postgres(pool) = db else {
        return std::future::pending().await;
    };
    loop {
        let listening = async {
            let mut listener = PgListener::connect_with(pool).await?;
            listener.listen(CALL).await?;
            // What was left behind before it listened.
            bell.notify_one();
            loop {
                listener.recv().await?;
                bell.notify_one();
            }
        };
        let listening: sqlx::Result<()> = listening.await;
        if let Err(error) = listening {
            tracing::warn!(%error, "other replicas are not listening for a moment; looking by itself meanwhile");
        }
        tokio::time::sleep(HEAR_AGAIN).await;
    }
}

/// Whether the lease is still ours; to be asked in the transaction that builds on it, with which
/// it begins anew.
pub async fn hold(tx: &mut Tx, lease: &Lease) -> sqlx::Result<bool> {
    let (kind, key) = (lease.job.kind(), lease.job.key());
    let held = match tx {
        Tx::Sqlite(tx) => sqlx::query(RENEW_SQLITE)
            .bind(kind)
            .bind(key)
            .bind(lease.epoch)
            .bind(lasts_micros())
            .bind(passed())
            .execute(&mut **tx)
            .await?
            .rows_affected(),
        Tx::Postgres(tx) => sqlx::query(RENEW_POSTGRES)
            .bind(kind)
            .bind(key)
            .bind(lease.epoch)
            .bind(lasts_micros())
            .execute(&mut **tx)
            .await?
            .rows_affected(),
    };
    Ok(held == 1)
}

/// What becomes of a job that was done.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// It is forgotten.
    Done,
    /// It got somewhere and goes on then.
    At(Timestamp),
    /// It was not begun, because it is too soon: what is known of earlier attempts stays.
    Wait(Timestamp),
    /// It failed and is tried again then; why.
    Retry(Timestamp, String),
}

const FORGET: &str = "DELETE FROM step WHERE kind = $1 AND key = $2 AND epoch = $3 AND signal = $4";
const REARM: &str = "UPDATE step SET lease_until = NULL, attempt = CASE $5 WHEN 1 THEN attempt WHEN 2 THEN attempt - 1 ELSE 0 END,
        wanted_at = CASE $5 WHEN 0 THEN NULL ELSE wanted_at END, last_error = CASE $5 WHEN 2 THEN last_error ELSE $6 END,
        due_at = CASE WHEN signal <> $4 AND due_at < $7 THEN due_at ELSE $7 END
    WHERE kind = $1 AND key = $2 AND epoch = $3";

/// How a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseEnd {
    /// As it was to.
    Well,
    /// It was to be done with, and was poked meanwhile: it is done again.
    Poked,
    /// Somebody else has it by now, and nothing that was done under it counts.
    Lost,
}

/// Ends a lease. Only jobs and messages are touched after it in the transaction that stores what
/// the job led to.
pub async fn finish(
    tx: &mut Tx,
    lease: &Lease,
    next: &Next,
    now: Timestamp,
) -> sqlx::Result<LeaseEnd> {
    let (kind, key) = (lease.job.kind(), lease.job.key());
    if *next == Next::Done {
        let forgotten = in_tx!(tx, c => sqlx::query(FORGET)
            .bind(kind).bind(&key).bind(lease.epoch).bind(lease.signal)
            .execute(c).await.map(|done| done.rows_affected()))?;
        if forgotten == 1 {
            return Ok(LeaseEnd::Well);
        }
    }
    let (retry, error, due_at) = match next {
        // Poked while it was leased: what the poke asked for is still to be done.
        Next::Done => (0_i64, None, now),
        Next::At(at) => (0, None, *at),
        Next::Wait(at) => (2, None, *at),
        Next::Retry(at, why) => (1, Some(why.chars().take(500).collect::<String>()), *at),
    };
    let rearmed = in_tx!(tx, c => sqlx::query(REARM)
        .bind(kind).bind(&key).bind(lease.epoch).bind(lease.signal).bind(retry).bind(error).bind(micros(due_at))
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(match rearmed {
        0 => LeaseEnd::Lost,
        _ if *next == Next::Done => LeaseEnd::Poked,
        _ => LeaseEnd::Well,
    })
}

const RENEW_SQLITE: &str = "UPDATE step SET lease_until = $5 + $4
    WHERE kind = $1 AND key = $2 AND epoch = $3 AND lease_until IS NOT NULL";
const RENEW_POSTGRES: &str =
    "UPDATE step SET lease_until = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $4
    WHERE kind = $1 AND key = $2 AND epoch = $3 AND lease_until IS NOT NULL";

/// Lengthens a lease whose work takes long; `false`: it is not ours any more.
pub async fn renew(db: &Db, lease: &Lease) -> sqlx::Result<bool> {
    let (kind, key) = (lease.job.kind(), lease.job.key());
    let held = Instant::now();
    let renewed = match db {
        Db::Sqlite { write, .. } => sqlx::query(RENEW_SQLITE)
            .bind(kind)
            .bind(key)
            .bind(lease.epoch)
            .bind(lasts_micros())
            .bind(passed())
            .execute(write)
            .await?
            .rows_affected(),
        Db::Postgres(pool) => sqlx::query(RENEW_POSTGRES)
            .bind(kind)
            .bind(key)
            .bind(lease.epoch)
            .bind(lasts_micros())
            .execute(pool)
            .await?
            .rows_affected(),
    };
    let is_ours = renewed == 1;
    lease.hold(is_ours.then_some(held));
    Ok(is_ours)
}

const RELEASE: &str =
    "UPDATE step SET lease_until = NULL WHERE kind = $1 AND key = $2 AND epoch = $3";

/// Gives a lease back, the job not done: the next claim gets it at once. The lease must
/// not be used any more.
pub async fn release(db: &Db, lease: &Lease) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    in_tx!(&mut tx, c => sqlx::query(RELEASE)
        .bind(lease.job.kind()).bind(lease.job.key()).bind(lease.epoch)
        .execute(c).await.map(drop))?;
    tx.commit().await
}

const WAKE: &str = "UPDATE step SET due_at = ";

/// Has every job that is due later than `beyond` done now: each looks by itself whether it is too
/// early. Kinds that a newer version knows are left to it.
pub async fn wake_all(tx: &mut Tx, now: Timestamp, beyond: Timestamp) -> sqlx::Result<()> {
    in_tx!(tx, c => {
        let mut query = QueryBuilder::new(WAKE);
        query.push_bind(micros(now)).push(" WHERE due_at > ").push_bind(micros(beyond)).push(" AND kind IN (");
        let mut kinds = query.separated(", ");
        for kind in Job::KINDS {
            kinds.push_bind(*kind);
        }
        kinds.push_unseparated(")");
        query.build().execute(c).await.map(drop)
    })
}

const EARLIEST: &str = "SELECT kind, key, due_at, last_error FROM step WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 100";

/// What is left to do, earliest first: kind, key, when, and why it failed last.
pub async fn waiting(db: &Db) -> sqlx::Result<Vec<(String, String, Timestamp, Option<String>)>> {
    let rows: Vec<(String, String, i64, Option<String>)> =
        reading!(db, pool => sqlx::query_as(EARLIEST).fetch_all(pool).await)?;
    Ok(rows
        .into_iter()
        .map(|(kind, key, at, error)| (kind, key, moment(at), error))
        .collect())
}

const COUNT: &str = "SELECT count(*) FROM step WHERE kind = $1";

/// How many jobs of a kind are left to do.
pub async fn count(db: &Db, kind: &str) -> sqlx::Result<i64> {
    let (n,): (i64,) =
        reading!(db, pool => sqlx::query_as(COUNT).bind(kind).fetch_one(pool).await)?;
    Ok(n)
}
