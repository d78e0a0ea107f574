//! What is used up of Slack's limits: one row for each bucket of calls, shared by all replicas.
//!
//! A bucket is stored as one moment, until which its quota is used up. Each call moves it by the
//! time that one call is worth; how far it may lie ahead of now is how many calls may come at once.

use super::{Db, Tx, in_tx, micros, moment, reading};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

const TAKE: &str = "INSERT INTO pace (bucket, until) VALUES ($1, $2 + $3)
    ON CONFLICT (bucket) DO UPDATE
        SET until = CASE WHEN pace.until > $2 THEN pace.until ELSE $2 END + $3
        WHERE pace.until <= $2 + $4";
const UNTIL: &str = "SELECT until FROM pace WHERE bucket = $1";

/// Takes one call out of a bucket, or gives when there will be one. A call is worth `every`, and
/// others up to `ahead` may have come just before. One statement, and a reading if there is none.
pub async fn take(
    db: &Db,
    bucket: &str,
    every: Duration,
    ahead: Duration,
    now: Timestamp,
) -> sqlx::Result<Result<(), Timestamp>> {
    let taken = match db {
        Db::Sqlite { write, .. } => sqlx::query(TAKE)
            .bind(bucket)
            .bind(micros(now))
            .bind(long(every))
            .bind(long(ahead))
            .execute(write)
            .await?
            .rows_affected(),
        Db::Postgres(pool) => sqlx::query(TAKE)
            .bind(bucket)
            .bind(micros(now))
            .bind(long(every))
            .bind(long(ahead))
            .execute(pool)
            .await?
            .rows_affected(),
    };
    if taken == 1 {
        return Ok(Ok(()));
    }
    let until: Option<(i64,)> =
        reading!(db, pool => sqlx::query_as(UNTIL).bind(bucket).fetch_optional(pool).await)?;
    let until = until.map_or(now, |(until,)| moment(until));
    let ahead = SignedDuration::try_from(ahead).unwrap_or_default();
    Ok(Err(until.checked_sub(ahead).unwrap_or(until).max(now)))
}

const HOLD: &str = "INSERT INTO pace (bucket, until) VALUES ($1, $2)
    ON CONFLICT (bucket) DO UPDATE SET until = excluded.until WHERE pace.until < excluded.until";

/// Holds a bucket back until then; after that one call is let through first, and not all that
/// waited.
pub async fn hold(db: &Db, bucket: &str, until: Timestamp, ahead: Duration) -> sqlx::Result<()> {
    let until = micros(until).saturating_add(long(ahead));
    match db {
        Db::Sqlite { write, .. } => {
            sqlx::query(HOLD)
                .bind(bucket)
                .bind(until)
                .execute(write)
                .await?;
        }
        Db::Postgres(pool) => {
            sqlx::query(HOLD)
                .bind(bucket)
                .bind(until)
                .execute(pool)
                .await?;
        }
    }
    Ok(())
}

const BEGIN_ANEW: &str = "UPDATE pace SET until = $2 WHERE bucket = $1 AND until > $2";
const BEGIN_ALL_ANEW: &str = "UPDATE pace SET until = $1 WHERE until > $1";

/// Has a bucket begin anew, as if nothing of it were used up.
pub async fn begin_anew(db: &Db, bucket: &str, now: Timestamp) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    in_tx!(&mut tx, c => sqlx::query(BEGIN_ANEW).bind(bucket).bind(micros(now)).execute(c).await.map(drop))?;
    tx.commit().await
}

/// The same for every bucket, when the clock was set back.
pub async fn begin_all_anew(tx: &mut Tx, now: Timestamp) -> sqlx::Result<()> {
    in_tx!(tx, c => sqlx::query(BEGIN_ALL_ANEW).bind(micros(now)).execute(c).await.map(drop))
}

fn long(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
