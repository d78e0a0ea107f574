//! A record, reached beside the bot that may be at work on it.

use super::{
    POSTGRES, SQLITE,
    address::{self, Address},
};
use anyhow::{Context, anyhow, bail};
use sqlx::{
    Connection, PgConnection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use std::time::Duration;

const NEWEST_CHANGE: &str = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations";

/// A record, reached beside the bot that may be at work on it.
///
/// On SQLite the lock file is the bot's and is left alone: a second process may read, and write one
/// row.
#[derive(Debug)]
pub enum Beside {
    /// The file.
    Sqlite(SqliteConnection),
    /// The server.
    Postgres(PgConnection),
}

/// Runs `$body` with `$connection` bound to the native connection.
macro_rules! beside {
    ($beside:expr, $connection:ident => $body:expr) => {
        match $beside {
            $crate::store::beside::Beside::Sqlite($connection) => $body,
            $crate::store::beside::Beside::Postgres($connection) => $body,
        }
    };
}
pub(super) use beside;

/// The number of the newest change of the tables that this program has.
pub fn newest_change(record: &Beside) -> i64 {
    let migrator = match record {
        Beside::Sqlite(_) => &SQLITE,
        Beside::Postgres(_) => &POSTGRES,
    };
    let changes = migrator.iter().map(|change| change.version);
    changes.max().unwrap_or(0)
}

impl Beside {
    /// Opens the record that a bot has made. Fails when it cannot be reached.
    pub async fn open(url: &str) -> anyhow::Result<Beside> {
        let address = Address::parse(url).map_err(|why| anyhow!("database.url {why}"))?;
        match &address {
            Address::Sqlite(path) => {
                if !path.exists() {
                    bail!(
                        "there is no record at {address} yet: start the bot once with `rollback-bot serve`"
                    );
                }
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(Duration::from_secs(30));
                let connection = SqliteConnection::connect_with(&options)
                    .await
                    .with_context(|| format!("the SQLite database {address} cannot be opened"))?;
                Ok(Beside::Sqlite(connection))
            }
            Address::Postgres(options) => {
                let connection = address::connect(options).await.map_err(|why| {
                    anyhow!("the Postgres database at {address} cannot be reached: {why}")
                })?;
                Ok(Beside::Postgres(connection))
            }
        }
    }

    /// The number of the newest change that was made to its tables.
    pub async fn newest_change(&mut self) -> sqlx::Result<i64> {
        let (version,): (i64,) =
            beside!(self, c => sqlx::query_as(NEWEST_CHANGE).fetch_one(c).await)?;
        Ok(version)
    }
}
