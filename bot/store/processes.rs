//! The processes that serve a record, and what came of the last reload of each: how a command on
//! the same machine finds them, and what it tells.

use super::{
    Db,
    beside::{Beside, beside},
    in_tx, micros, moment, read, reading, written,
};
use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often a process says that it is there.
pub const SAID_EVERY: Duration = Duration::from_secs(30);
/// How long a process counts as being there after it said so.
const THERE_FOR: Duration = Duration::from_secs(90);

/// A process that serves the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// A name that no other one has.
    pub id: String,
    /// The name of its machine, or of its container.
    pub host: String,
    /// Its number there.
    pub pid: i32,
    /// The version of the program.
    pub version: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it last said that it is there.
    pub seen_at: Timestamp,
    /// What came of its last reload; `None`: there was none.
    pub reload: Option<Reload>,
}

/// What came of a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// When it was.
    pub at: Timestamp,
    /// Whether the old configuration stays.
    pub refused: bool,
    /// What changed, or why it was refused, a sentence each; no secret is in them.
    pub lines: Vec<String>,
}

const FORGET: &str = "DELETE FROM process WHERE seen_at < $1";
const INSERT: &str = "INSERT INTO process (id, host, pid, version, started_at, seen_at)
    VALUES ($1, $2, $3, $4, $5, $6)";
const SEEN: &str = "UPDATE process SET seen_at = $2 WHERE id = $1";
const RELOADED: &str = "UPDATE process SET reload = $2 WHERE id = $1";
const REMOVE: &str = "DELETE FROM process WHERE id = $1";
const LIST: &str = "SELECT id, host, pid, version, started_at, seen_at, reload FROM process
    WHERE seen_at >= $1 ORDER BY started_at, id";

/// Lists a process that begins, and forgets those that have not been there for long. One SQLite
/// file serves one process, so that all others are forgotten there.
pub async fn begin(db: &Db, process: &Process) -> sqlx::Result<()> {
    let before = match db {
        Db::Sqlite { .. } => i64::MAX,
        Db::Postgres(_) => since(process.started_at),
    };
    let mut tx = db.begin().await?;
    in_tx!(&mut tx, c => {
        sqlx::query(FORGET).bind(before).execute(&mut *c).await?;
        sqlx::query(INSERT)
            .bind(&process.id).bind(&process.host).bind(i64::from(process.pid))
            .bind(&process.version).bind(micros(process.started_at)).bind(micros(process.seen_at))
            .execute(c).await?;
    });
    tx.commit().await
}

/// Says that a process is there.
pub async fn seen(db: &Db, id: &str, now: Timestamp) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    in_tx!(&mut tx, c => sqlx::query(SEEN).bind(id).bind(micros(now)).execute(c).await.map(drop))?;
    tx.commit().await
}

/// Stores what came of the last reload of a process.
pub async fn reloaded(db: &Db, id: &str, reload: &Reload) -> sqlx::Result<()> {
    let reload = written(reload)?;
    let mut tx = db.begin().await?;
    in_tx!(&mut tx, c => sqlx::query(RELOADED).bind(id).bind(&reload).execute(c).await.map(drop))?;
    tx.commit().await
}

/// Takes a process that ends from the list.
pub async fn end(db: &Db, id: &str) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    in_tx!(&mut tx, c => sqlx::query(REMOVE).bind(id).execute(c).await.map(drop))?;
    tx.commit().await
}

/// The processes that are there at `now`, oldest first.
pub async fn list(db: &Db, now: Timestamp) -> sqlx::Result<Vec<Process>> {
    let rows: Vec<Row> =
        reading!(db, pool => sqlx::query_as(LIST).bind(since(now)).fetch_all(pool).await)?;
    rows.into_iter().map(process).collect()
}

impl Beside {
    /// The processes that are there at `now`, oldest first.
    pub async fn processes(&mut self, now: Timestamp) -> anyhow::Result<Vec<Process>> {
        let rows: Vec<Row> =
            beside!(self, c => sqlx::query_as(LIST).bind(since(now)).fetch_all(c).await).context(
                "the processes that serve this record cannot be read: has a bot of this version been started on it?",
            )?;
        Ok(rows.into_iter().map(process).collect::<sqlx::Result<_>>()?)
    }
}

/// A row as the database has it.
type Row = (String, String, i64, String, i64, i64, Option<String>);

fn process((id, host, pid, version, started, seen, reload): Row) -> sqlx::Result<Process> {
    Ok(Process {
        id,
        host,
        pid: i32::try_from(pid).unwrap_or_default(),
        version,
        started_at: moment(started),
        seen_at: moment(seen),
        reload: reload.as_deref().map(read).transpose()?,
    })
}

fn since(now: Timestamp) -> i64 {
    micros(now.checked_sub(THERE_FOR).unwrap_or(now))
}
