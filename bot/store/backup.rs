//! A copy of a SQLite record, consistent while the bot goes on writing.

use super::{address::Address, private};
use anyhow::{Context, anyhow, bail};
use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// What a copy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Rollbacks.
    pub rollbacks: i64,
    /// Entries of timelines.
    pub entries: i64,
    /// Its size.
    pub bytes: u64,
}

/// Copies the SQLite database at `url` into the new file `to`, and reads the copy through.
///
/// `VACUUM INTO` copies what is committed when it begins, so that the copy has every change whole
/// or not at all. It takes its name only when it is complete.
pub async fn backup(url: &str, to: &Path) -> anyhow::Result<Copied> {
    let address = Address::parse(url).map_err(|why| anyhow!("database.url {why}"))?;
    let Address::Sqlite(path) = &address else {
        bail!(
            "this bot records in Postgres: back it up with pg_dump, or with the tools of its host"
        );
    };
    let from = path.display();
    if to.exists() {
        bail!("{} is there already; name a file that is not", to.display());
    }
    let part = PathBuf::from(format!("{}.part", to.display()));
    // What an earlier copy left that did not come to its end.
    let _ = fs::remove_file(&part);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(30));
    let mut source = SqliteConnection::connect_with(&options)
        .await
        .with_context(|| format!("the SQLite database {from} cannot be opened"))?;
    // Empty, and readable by this user only: SQLite copies into it as it is.
    private()
        .create_new(true)
        .open(&part)
        .with_context(|| format!("{} cannot be made", part.display()))?;
    sqlx::query("VACUUM INTO $1")
        .bind(part.to_str().context("the name of the copy is not text")?)
        .execute(&mut source)
        .await
        .with_context(|| format!("{from} cannot be copied to {}", part.display()))?;
    source.close().await?;
    let copied = read_through(&part).await?;
    fs::File::open(&part)?.sync_all()?;
    fs::rename(&part, to).with_context(|| format!("the copy cannot be called {}", to.display()))?;
    Ok(copied)
}

async fn read_through(copy: &Path) -> anyhow::Result<Copied> {
    let options = SqliteConnectOptions::new().filename(copy).read_only(true);
    let mut copied = SqliteConnection::connect_with(&options).await?;
    let (found,): (String,) = sqlx::query_as("PRAGMA integrity_check")
        .fetch_one(&mut copied)
        .await?;
    if found != "ok" {
        bail!("the copy is damaged: {found}");
    }
    let (rollbacks, entries): (i64, i64) =
        sqlx::query_as("SELECT (SELECT count(*) FROM rollback), (SELECT count(*) FROM timeline)")
            .fetch_one(&mut copied)
            .await
            .context("this is not the record of a rollback bot")?;
    copied.close().await?;
    Ok(Copied {
        rollbacks,
        entries,
        bytes: fs::metadata(copy)?.len(),
    })
}
