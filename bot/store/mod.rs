//! The record: one SQL text, two native drivers.
//!
//! [`Db`] is SQLite or Postgres. The two macros expand a body once per driver, so every query is
//! written once (`$1` works on both) and still uses native types and native pools. All columns
//! are integers (UTC microseconds for times) and text.
//!
//! What a transaction reads or writes several of is one statement, built to its length. Only the
//! text for a single one is remembered as a prepared statement: the others would fill the cache.

pub mod backup;
pub mod messages;
pub mod missed;
pub mod overview;
pub mod pace;
pub mod presence;
pub mod replies;
pub mod rollbacks;
pub mod rosters;
pub mod standings;
pub mod steps;
pub mod timelines;
pub mod tokens;

use anyhow::{Context, bail};
use jiff::Timestamp;
use sqlx::{
    Connection, Postgres, Sqlite, Transaction,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
    },
};
use std::{fs::File, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The oldest SQLite without a known way to lose data in WAL mode.
const SQLITE_AT_LEAST: &str = "3.51.3";

/// How long a connection is waited for: Slack wants its answer within three seconds.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(2);

/// The database.
#[derive(Clone, Debug)]
pub enum Db {
    /// One file, one process.
    Sqlite {
        /// The one connection that writes.
        write: SqlitePool,
        /// Connections that only read.
        read: SqlitePool,
        /// Held as long as the process lives: a second one is refused.
        lock: Arc<File>,
    },
    /// Shared by any number of replicas.
    Postgres(PgPool),
}

/// A transaction that writes.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite, begun with `BEGIN IMMEDIATE`.
    Sqlite(Transaction<'static, Sqlite>),
    /// On Postgres.
    Postgres(Transaction<'static, Postgres>),
}

/// Runs `$body` with `$connection` bound to the transaction's native connection.
macro_rules! in_tx {
    ($tx:expr, $connection:ident => $body:expr) => {
        match $tx {
            $crate::store::Tx::Sqlite(tx) => {
                let $connection = &mut **tx;
                $body
            }
            $crate::store::Tx::Postgres(tx) => {
                let $connection = &mut **tx;
                $body
            }
        }
    };
}

/// Runs `$body` with `$pool` bound to a native pool that may be read from.
macro_rules! reading {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            $crate::store::Db::Sqlite { read: $pool, .. } => $body,
            $crate::store::Db::Postgres($pool) => $body,
        }
    };
}
pub(crate) use {in_tx, reading};

impl Db {
    /// Opens `url`, brings its tables up to date, and refuses what it cannot trust.
    pub async fn open(url: &str) -> anyhow::Result<Db> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return open_sqlite(path.trim_start_matches("//")).await;
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            bail!("database.url must begin with sqlite:// or postgres://");
        }
        let options =
            PgConnectOptions::from_str(url).context("database.url is not a Postgres address")?;
        let place = format!(
            "{}:{}/{}",
            options.get_host(),
            options.get_port(),
            options.get_database().unwrap_or("?")
        );
        let pool = PgPoolOptions::new()
            .max_connections(10)
            .acquire_timeout(ACQUIRE_WITHIN)
            .connect_with(options)
            .await
            .with_context(|| format!("the Postgres database at {place} cannot be reached"))?;
        POSTGRES.run(&pool).await.with_context(|| {
            format!(
                "the tables of the Postgres database at {place} could not be brought up to date"
            )
        })?;
        Ok(Db::Postgres(pool))
    }

    /// Begins a transaction that will write.
    ///
    /// On SQLite it must begin IMMEDIATE: a plain one that reads first and then writes fails at
    /// once with "database is locked" when another process reads.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        match self {
            Db::Sqlite { write, .. } => write.begin_with("BEGIN IMMEDIATE").await.map(Tx::Sqlite),
            Db::Postgres(pool) => pool.begin().await.map(Tx::Postgres),
        }
    }

    /// Whether it answers.
    pub async fn ping(&self) -> sqlx::Result<()> {
        reading!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))
    }

    /// The pools: name, connections that are open, connections of these that nobody uses.
    pub fn pools(&self) -> Vec<(&'static str, u32, usize)> {
        match self {
            Db::Sqlite { write, read, .. } => vec![
                ("write", write.size(), write.num_idle()),
                ("read", read.size(), read.num_idle()),
            ],
            Db::Postgres(pool) => vec![("all", pool.size(), pool.num_idle())],
        }
    }

    /// Closes every connection, after what is under way.
    pub async fn close(&self) {
        match self {
            Db::Sqlite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// Makes everything in it true at once.
    pub async fn commit(self) -> sqlx::Result<()> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await,
            Tx::Postgres(tx) => tx.commit().await,
        }
    }
}

async fn open_sqlite(path: &str) -> anyhow::Result<Db> {
    let path = PathBuf::from(path);
    let shown = path.display();
    let lock_path = PathBuf::from(format!("{shown}.lock"));
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .with_context(|| format!("the lock file {} cannot be opened: is the directory there, and may this user write in it?", lock_path.display()))?;
    if lock.try_lock().is_err() {
        bail!(
            "another rollback-bot uses {shown} (its lock {} is held). One SQLite file serves one process; use Postgres for several",
            lock_path.display()
        );
    }
    // Set here and not by a PRAGMA through the pool, which would reach one connection only.
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // 16 MiB of changes before they are moved into the file: under load the same pages change
        // again and again, and each is moved once.
        .pragma("wal_autocheckpoint", "4000")
        .busy_timeout(Duration::from_secs(5));
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_WITHIN)
        // SQLite ends a transaction by itself when the disk is full. The driver believes that it
        // is still in one, and would begin no other on this connection, for ever.
        .before_acquire(|connection, _| {
            let fit = !connection.is_in_transaction();
            Box::pin(async move { Ok(fit) })
        })
        .connect_with(options.clone())
        .await
        .with_context(|| format!("the SQLite database {shown} cannot be opened"))?;
    let (version,): (String,) = sqlx::query_as("SELECT sqlite_version()")
        .fetch_one(&write)
        .await?;
    if parts(&version) < parts(SQLITE_AT_LEAST) {
        bail!(
            "this build carries SQLite {version}, which can lose data in WAL mode; {SQLITE_AT_LEAST} or newer is needed"
        );
    }
    SQLITE
        .run(&write)
        .await
        .with_context(|| format!("the tables of {shown} could not be brought up to date"))?;
    // Under the lock nobody else can be at work: whatever was leased is free again.
    sqlx::query("UPDATE step SET lease_until = NULL")
        .execute(&write)
        .await?;
    let read = SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(ACQUIRE_WITHIN)
        .connect_with(options.read_only(true))
        .await
        .with_context(|| format!("the SQLite database {shown} cannot be read"))?;
    Ok(Db::Sqlite {
        write,
        read,
        lock: Arc::new(lock),
    })
}

fn parts(version: &str) -> Vec<u32> {
    version
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// As it is stored: UTC microseconds.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// As it was stored.
pub(crate) fn moment(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or_default()
}

/// A document as it is stored.
pub(crate) fn written<T: serde::Serialize>(value: &T) -> sqlx::Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

/// A document as it was stored.
pub(crate) fn read<T: serde::de::DeserializeOwned>(text: &str) -> sqlx::Result<T> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
