//! Rollbacks, and what their platforms served when last read.

use super::{Db, Tx, in_tx, micros, moment, read, reading, written};
use jiff::Timestamp;
use rollback_domain::{
    history::{History, Past},
    release::Survey,
    rollback::Rollback,
};

const NEXT_ID: &str = "UPDATE counter SET value = value + 1 WHERE name = $1 RETURNING value";

/// The next number of `name`; numbers have no holes, because they are taken in the transaction.
pub async fn next_id(tx: &mut Tx, name: &str) -> sqlx::Result<i64> {
    let (id,): (i64,) = in_tx!(tx, c => sqlx::query_as(NEXT_ID).bind(name).fetch_one(c).await)?;
    Ok(id)
}

const HOLD_NUMBERS: &str = "SELECT name FROM counter ORDER BY name FOR UPDATE";

/// Keeps both counters from others until the transaction ends. SQLite has one writer.
pub async fn hold_numbers(tx: &mut Tx) -> sqlx::Result<()> {
    if let Tx::Postgres(tx) = tx {
        sqlx::query(HOLD_NUMBERS).execute(&mut **tx).await?;
    }
    Ok(())
}

const INSERT: &str =
    "INSERT INTO rollback (id, revision, incident, service, environment, state, holds, doc)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Stores a new one. Violating `one_open_rollback` is told by [`is_taken`].
pub async fn insert(tx: &mut Tx, rollback: &Rollback) -> sqlx::Result<()> {
    let doc = written(rollback)?;
    in_tx!(tx, c => sqlx::query(INSERT)
        .bind(rollback.id.cast_signed())
        .bind(rollback.revision)
        .bind(rollback.incident)
        .bind(&rollback.service)
        .bind(&rollback.environment)
        .bind(rollback.state.name())
        .bind(i64::from(rollback.state.holds()))
        .bind(&doc)
        .execute(c).await.map(drop))
}

const SAVE: &str = "UPDATE rollback SET revision = $2, state = $3, holds = $4, doc = $5
    WHERE id = $1 AND revision = $2 - 1";

/// Stores a change; `false`: somebody else changed it first, and nothing was stored.
pub async fn save(tx: &mut Tx, rollback: &Rollback) -> sqlx::Result<bool> {
    let doc = written(rollback)?;
    let saved = in_tx!(tx, c => sqlx::query(SAVE)
        .bind(rollback.id.cast_signed())
        .bind(rollback.revision)
        .bind(rollback.state.name())
        .bind(i64::from(rollback.state.holds()))
        .bind(&doc)
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(saved == 1)
}

const GET: &str = "SELECT doc FROM rollback WHERE id = $1";
const LOCK: &str = "SELECT doc FROM rollback WHERE id = $1 FOR UPDATE";

/// One by number.
pub async fn get(db: &Db, id: u64) -> sqlx::Result<Option<Rollback>> {
    let row: Option<(String,)> = reading!(db, pool => sqlx::query_as(GET).bind(id.cast_signed()).fetch_optional(pool).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

/// One by number, kept from others until the transaction ends.
///
/// Postgres needs the row lock: without it two people's approvals each see only their own.
/// SQLite has one writer.
pub async fn lock(tx: &mut Tx, id: u64) -> sqlx::Result<Option<Rollback>> {
    let id = id.cast_signed();
    let row: Option<(String,)> = match tx {
        Tx::Sqlite(tx) => {
            sqlx::query_as(GET)
                .bind(id)
                .fetch_optional(&mut **tx)
                .await?
        }
        Tx::Postgres(tx) => {
            sqlx::query_as(LOCK)
                .bind(id)
                .fetch_optional(&mut **tx)
                .await?
        }
    };
    row.map(|(doc,)| read(&doc)).transpose()
}

const OPEN: &str = "SELECT doc FROM rollback WHERE holds = 1 ORDER BY id LIMIT 50";
const OPEN_OF: &str =
    "SELECT doc FROM rollback WHERE holds = 1 AND service = $1 AND environment = $2";

/// Those that are open, oldest first, at most fifty.
pub async fn open(db: &Db) -> sqlx::Result<Vec<Rollback>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(OPEN).fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}

/// The open one of a service.
pub async fn open_for(db: &Db, service: &str, environment: &str) -> sqlx::Result<Option<Rollback>> {
    let row: Option<(String,)> = reading!(db, pool => sqlx::query_as(OPEN_OF)
        .bind(service).bind(environment).fetch_optional(pool).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

/// The open one of a service, seen from inside a transaction.
pub async fn open_of(
    tx: &mut Tx,
    service: &str,
    environment: &str,
) -> sqlx::Result<Option<Rollback>> {
    let row: Option<(String,)> = in_tx!(tx, c => sqlx::query_as(OPEN_OF)
        .bind(service).bind(environment).fetch_optional(c).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

const LATEST_OF: &str =
    "SELECT doc FROM rollback WHERE service = $1 AND environment = $2 ORDER BY id DESC LIMIT 1";

/// The last one of a service, open or not.
pub async fn latest_of(
    db: &Db,
    service: &str,
    environment: &str,
) -> sqlx::Result<Option<Rollback>> {
    let row: Option<(String,)> = reading!(db, pool => sqlx::query_as(LATEST_OF)
        .bind(service).bind(environment).fetch_optional(pool).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

/// The last one of a service, among its last fifty, that its platform was asked for.
pub async fn latest_asked(
    db: &Db,
    service: &str,
    environment: &str,
) -> sqlx::Result<Option<Rollback>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(LAST_OF)
        .bind(service).bind(environment).fetch_all(pool).await)?;
    for (doc,) in &rows {
        let rollback: Rollback = read(doc)?;
        if rollback.times.asked.is_some() {
            return Ok(Some(rollback));
        }
    }
    Ok(None)
}

const LAST_OF: &str =
    "SELECT doc FROM rollback WHERE service = $1 AND environment = $2 ORDER BY id DESC LIMIT 50";

/// What was done to a service before, as far as its last fifty rollbacks tell.
pub async fn history(db: &Db, service: &str, environment: &str) -> sqlx::Result<History> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(LAST_OF)
        .bind(service).bind(environment).fetch_all(pool).await)?;
    told(&rows)
}

/// The same, seen from inside a transaction.
pub async fn history_in(tx: &mut Tx, service: &str, environment: &str) -> sqlx::Result<History> {
    let rows: Vec<(String,)> = in_tx!(tx, c => sqlx::query_as(LAST_OF)
        .bind(service).bind(environment).fetch_all(c).await)?;
    told(&rows)
}

fn told(rows: &[(String,)]) -> sqlx::Result<History> {
    let mut past = vec![];
    for (doc,) in rows {
        past.extend(Past::of(&read(doc)?));
    }
    Ok(History(past))
}

/// Whether an insert failed because the service has an open rollback already.
pub fn is_taken(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.is_unique_violation())
}

const SAW: &str = "INSERT INTO sight (service, environment, read_at, doc) VALUES ($1, $2, $3, $4)
    ON CONFLICT (service, environment) DO UPDATE SET read_at = excluded.read_at, doc = excluded.doc";

/// Remembers what a platform served, for the board.
pub async fn saw(
    tx: &mut Tx,
    service: &str,
    environment: &str,
    survey: &Survey,
    at: Timestamp,
) -> sqlx::Result<()> {
    let doc = written(survey)?;
    in_tx!(tx, c => sqlx::query(SAW)
        .bind(service).bind(environment).bind(micros(at)).bind(&doc)
        .execute(c).await.map(drop))
}

const SIGHTS: &str = "SELECT service, environment, read_at, doc FROM sight";

/// What every platform served when last read: service, environment, survey, when.
pub async fn sights(db: &Db) -> sqlx::Result<Vec<(String, String, Survey, Timestamp)>> {
    let rows: Vec<(String, String, i64, String)> =
        reading!(db, pool => sqlx::query_as(SIGHTS).fetch_all(pool).await)?;
    rows.into_iter()
        .map(|(service, environment, at, doc)| Ok((service, environment, read(&doc)?, moment(at))))
        .collect()
}
