//! The record: one SQL text, two native drivers.
//!
//! [`Db`] is SQLite or Postgres. The two macros expand a body once per driver, so every query is
//! written once (`$1` works on both) and still uses native types and native pools. All columns
//! are integers (UTC microseconds for times) and text.
//!
//! What a transaction reads or writes several of is one statement, built to its length. Only the
//! text for a single one is remembered as a prepared statement: the others would fill the cache.

pub mod actions;
pub mod address;
pub mod backup;
pub mod beside;
pub mod captures;
pub mod checklists;
pub mod health;
pub mod jobs;
pub mod marks;
pub mod memberships;
pub mod messages;
pub mod overview;
pub mod pace;
pub mod presence;
pub mod processes;
pub mod readiness;
pub mod replies;
pub mod reviews;
pub mod rollbacks;
pub mod rosters;
pub mod sessions;
pub mod timelines;
pub mod tokens;
pub mod undelivered;
pub mod updates;
pub mod verify;

use address::Address;
use anyhow::{Context, anyhow, bail};
use jiff::Timestamp;
use sqlx::{
    Connection, Postgres, Sqlite, Transaction,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
    },
};
use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// What newer versions have added is left alone: see [`trusted`].
static SQLITE: Migrator = Migrator {
    ignore_missing: true,
    ..sqlx::migrate!("migrations/sqlite")
};
static POSTGRES: Migrator = Migrator {
    ignore_missing: true,
    ..sqlx::migrate!("migrations/postgres")
};

/// The oldest SQLite without a known way to lose data in WAL mode.
const SQLITE_AT_LEAST: &str = "3.51.3";

/// How long a connection is waited for: Slack wants its answer within three seconds.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(2);
/// How long an idle connection to Postgres is kept, and how long any is used: shorter than what
/// proxies and servers in between allow.
const IDLE_AT_MOST: Duration = Duration::from_secs(300);
const LIVES_AT_MOST: Duration = Duration::from_secs(1_800);

/// What a session on Postgres is begun with, unless the address has its own `options`: whatever
/// hangs there is given up, and done again.
const WORKING: [(&str, &str); 3] = [
    ("statement_timeout", "10s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "30s"),
];
/// The same while tables are changed: that may take long, but nobody waits long for their turn.
const CHANGING: [(&str, &str); 3] = [
    ("statement_timeout", "0"),
    ("lock_timeout", "30s"),
    ("idle_in_transaction_session_timeout", "0"),
];

const TIME: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

const PROBE: &str = "INSERT INTO inbox (key, answer, received_at) VALUES ('probe', '', $1)
    ON CONFLICT (key) DO UPDATE SET received_at = excluded.received_at";

/// A process that stands still in the middle of a transaction keeps its locks, and with them every
/// other replica from its work: after five seconds without a word the server ends it. Nothing here
/// is as long in a transaction. Said with each one, so that a pooler in between makes no difference.
const BEGIN_POSTGRES: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 5000";

/// After how long a database that says nothing is given up. Its own time limits are shorter; this
/// one is for a connection at whose other end nobody is any more.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(12);

/// The same, given up when the database says nothing for too long: others wait behind it.
pub async fn within<T, E: From<sqlx::Error>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match tokio::time::timeout(GIVEN_UP_AFTER, work).await {
        Ok(done) => done,
        Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
    }
}

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
        Db::open_directly(url)
            .await
            .map_err(|error| match is_behind_a_pooler(&error) {
                true => error.context(BEHIND_A_POOLER),
                false => error,
            })
    }

    async fn open_directly(url: &str) -> anyhow::Result<Db> {
        let address = Address::parse(url).map_err(|why| anyhow!("database.url {why}"))?;
        let options = match &address {
            Address::Sqlite(path) => return open_sqlite(path).await,
            Address::Postgres(options) => options,
        };
        let place = address.to_string();
        // One connection first: a pool that gets none says only that it timed out.
        let mut changing = address::connect(&session(options, &CHANGING))
            .await
            .map_err(|why| anyhow!("the Postgres database at {place} cannot be reached: {why}"))?;
        let pool = PgPoolOptions::new()
            .max_connections(10)
            .acquire_timeout(ACQUIRE_WITHIN)
            .idle_timeout(IDLE_AT_MOST)
            .max_lifetime(LIVES_AT_MOST)
            // One round trip more, so that a connection that was closed meanwhile, by the server
            // or in between, is replaced instead of failing the caller who got it.
            .test_before_acquire(true)
            .connect_lazy_with(session(options, &WORKING));
        let changed = POSTGRES.run(&mut changing).await;
        if changed.as_ref().is_err_and(is_held) {
            bail!(
                "the tables of the Postgres database at {place} are held by somebody else for longer than 30 s: another rollback-bot that is just being started, or somebody who works on them by hand. Nothing was changed; start again when that is over"
            );
        }
        changed.with_context(|| {
            format!(
                "the tables of the Postgres database at {place} could not be brought up to date"
            )
        })?;
        changing.close().await?;
        let db = Db::Postgres(pool);
        trusted(&db, &POSTGRES).await?;
        Ok(db)
    }

    /// Begins a transaction that will write.
    ///
    /// On SQLite it must begin IMMEDIATE: a plain one that reads first and then writes fails at
    /// once with "database is locked" when another process reads.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        match self {
            Db::Sqlite { write, .. } => write.begin_with("BEGIN IMMEDIATE").await.map(Tx::Sqlite),
            Db::Postgres(pool) => pool.begin_with(BEGIN_POSTGRES).await.map(Tx::Postgres),
        }
    }

    /// Whether it answers.
    pub async fn ping(&self) -> sqlx::Result<()> {
        reading!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))
    }

    /// The time by the clock of the database, where replicas share one; `None` on SQLite, whose
    /// clock is this machine's.
    pub async fn time(&self) -> sqlx::Result<Option<Timestamp>> {
        let Db::Postgres(pool) = self else {
            return Ok(None);
        };
        let (time,): (i64,) = sqlx::query_as(TIME).fetch_one(pool).await?;
        Ok(Some(moment(time)))
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

    /// Whether it takes something: one row of no meaning, which is swept out like old input.
    pub async fn probe(&self, now: Timestamp) -> sqlx::Result<()> {
        let mut tx = self.begin().await?;
        in_tx!(&mut tx, c => sqlx::query(PROBE).bind(micros(now)).execute(c).await.map(drop))?;
        tx.commit().await
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
    /// Commits everything in it at once.
    pub async fn commit(self) -> sqlx::Result<()> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await,
            Tx::Postgres(tx) => tx.commit().await,
        }
    }
}

async fn open_sqlite(path: &Path) -> anyhow::Result<Db> {
    let shown = path.display();
    let lock_path = PathBuf::from(format!("{shown}.lock"));
    let lock = private()
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .with_context(|| format!("the lock file {} cannot be opened: is the directory there, and may this user write in it?", lock_path.display()))?;
    if lock.try_lock().is_err() {
        bail!(
            "another rollback-bot uses {shown} (its lock {} is held). One SQLite file serves one process; use Postgres for several",
            lock_path.display()
        );
    }
    // Made before SQLite makes it: what stands in it is nobody else's to read. The journals beside
    // it get the same permissions.
    private()
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("the SQLite database {shown} cannot be opened"))?;
    // Set here and not by a PRAGMA through the pool, which would reach one connection only.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
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
        // A megabyte each: what is read again and again is small.
        .connect_with(options.read_only(true).pragma("cache_size", "-1000"))
        .await
        .with_context(|| format!("the SQLite database {shown} cannot be read"))?;
    let db = Db::Sqlite {
        write,
        read,
        lock: Arc::new(lock),
    };
    trusted(&db, &SQLITE).await?;
    Ok(db)
}

/// Opens files for writing that, where they are made by it, only this user can read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// `options` with these settings for its sessions, but for those that the address has itself.
fn session(options: &PgConnectOptions, settings: &[(&str, &str)]) -> PgConnectOptions {
    let own = options.get_options().unwrap_or_default();
    let missing = settings.iter().filter(|(key, _)| !own.contains(key));
    options.clone().options(missing.copied())
}

/// Whether somebody else holds what was waited for (`lock_not_available`).
fn is_held(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some("55P03"))
}

/// What is wrong when statements that were prepared on one connection are asked for on another.
const BEHIND_A_POOLER: &str = "there is a pooler in front of the Postgres database that shares connections within a session (PgBouncer's pool_mode = transaction), and the bot cannot work with it. Set pool_mode = session, with at least eleven connections for each replica, or name the database itself in database.url";

/// Whether a prepared statement was there already, or was not there: some pooler shares connections.
fn is_behind_a_pooler(error: &anyhow::Error) -> bool {
    let shared = |error: &sqlx::Error| {
        let code = error.as_database_error().and_then(|error| error.code());
        matches!(code.as_deref(), Some("42P05" | "26000"))
    };
    error.chain().any(|cause| {
        let of_migration = match cause.downcast_ref::<MigrateError>() {
            Some(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
                Some(error)
            }
            _ => None,
        };
        of_migration.or(cause.downcast_ref()).is_some_and(shared)
    })
}

const OLDEST_READER: &str = "SELECT value FROM counter WHERE name = 'oldest_reader'";

/// Refuses tables that a newer version has changed in a way with which this one cannot work.
///
/// A change that only adds (tables, columns that may be empty, indexes) is none of these: older
/// versions go on beside newer ones, and may come back. One that is says so: it sets
/// `oldest_reader` to its own number.
async fn trusted(db: &Db, migrator: &Migrator) -> anyhow::Result<()> {
    let wanted: Option<(i64,)> =
        reading!(db, pool => sqlx::query_as(OLDEST_READER).fetch_optional(pool).await)?;
    let wanted = wanted.map_or(0, |(version,)| version);
    let newest = migrator
        .iter()
        .map(|change| change.version)
        .max()
        .unwrap_or(0);
    if wanted > newest {
        bail!(
            "a newer rollback-bot has changed the tables in a way that this one cannot work with (change {wanted}; this one knows {newest}). Start the newer one again, or restore the backup that was made before it"
        );
    }
    Ok(())
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
