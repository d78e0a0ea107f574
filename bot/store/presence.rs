//! Who else is at work on a Postgres database: a lock that every process shares, and that a
//! process which must be alone takes for itself. On SQLite the lock file does the same.

use super::address::{self, Address};
use anyhow::{anyhow, bail};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use std::time::Duration;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

/// The number of the lock: the bytes of "rollback".
const LOCK: i64 = i64::from_be_bytes(*b"rollback");
const SHARE: &str = "SELECT pg_try_advisory_lock_shared($1)";
const TAKE: &str = "SELECT pg_try_advisory_lock($1)";
/// How often it is looked whether the connection that has the lock still lives.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long it waits before it connects again after a lost connection.
const AGAIN: Duration = Duration::from_secs(1);
/// How often a lock is asked for. A process that has just ended may not have let go of it.
const TRIES: u32 = 10;
/// How long it waits in between.
const TRY_EVERY: Duration = Duration::from_millis(100);

/// That this process is at work; given up when it is dropped.
#[derive(Debug)]
pub struct Presence(Option<JoinHandle<()>>);

impl Drop for Presence {
    fn drop(&mut self) {
        if let Some(kept) = &self.0 {
            kept.abort();
        }
    }
}

/// Who else may be at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Any number of other processes.
    Others,
    /// No other one.
    Nobody,
}

impl Presence {
    /// Begins to be at work, or says why that cannot be now.
    pub async fn begin(url: &str, company: Company) -> anyhow::Result<Presence> {
        let address = Address::parse(url).map_err(|why| anyhow!("database.url {why}"))?;
        let Address::Postgres(options) = address else {
            return Ok(Presence(None));
        };
        let Some(connection) = locked(&options, company).await? else {
            match company {
                Company::Others => bail!(
                    "`rollback-bot run --offline` is at work on this database. Start the bot again when it has ended"
                ),
                Company::Nobody => bail!("another rollback-bot is at work on this database"),
            }
        };
        Ok(Presence(Some(tokio::spawn(keep(
            *options, company, connection,
        )))))
    }
}

async fn locked(
    options: &PgConnectOptions,
    company: Company,
) -> anyhow::Result<Option<PgConnection>> {
    let how = match company {
        Company::Others => SHARE,
        Company::Nobody => TAKE,
    };
    let mut connection = address::connect(options)
        .await
        .map_err(|why| anyhow!("the lock on the Postgres database cannot be asked for: {why}"))?;
    for _ in 0..TRIES {
        let (got,): (bool,) = sqlx::query_as(how)
            .bind(LOCK)
            .fetch_one(&mut connection)
            .await?;
        if got {
            return Ok(Some(connection));
        }
        sleep(TRY_EVERY).await;
    }
    connection.close().await?;
    Ok(None)
}

/// Keeps the lock, over lost connections too, until it is aborted.
async fn keep(options: PgConnectOptions, company: Company, mut connection: PgConnection) {
    loop {
        sleep(LOOK_EVERY).await;
        if let Ok(Ok(())) = timeout(LOOK_EVERY, connection.ping()).await {
            continue;
        }
        connection = loop {
            match locked(&options, company).await {
                Ok(Some(again)) => break again,
                Ok(None) => {
                    tracing::error!("another rollback-bot has taken the database for itself");
                }
                Err(error) => {
                    tracing::warn!(%error, "the lock on the database is not held for a moment");
                }
            }
            sleep(AGAIN).await;
        };
    }
}
