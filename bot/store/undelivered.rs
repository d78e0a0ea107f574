//! What was to be said in a channel while Slack took nothing, until it is told.

use super::{
    Db, Tx, in_tx, jobs,
    messages::{self, Sent},
    micros, moment, read, reading, written,
};
use jiff::Timestamp;
use rollback_domain::job::Job;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something that was to be said and could not be.
#[derive(Clone, Debug, PartialEq)]
pub struct Missed {
    /// The key of its message, by which it is said once.
    pub key: String,
    /// When it was to be said.
    pub at: Timestamp,
    /// Whether it was tried and not looked for since: it may have been said after all.
    pub tried: bool,
    /// The key of the message in which it is told with others; `None`: in none so far.
    pub batch: Option<String>,
    /// What it is.
    pub what: What,
}

/// What was to be said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct What {
    /// What would have said it.
    pub job: Job,
    /// Its words, for what is drawn from a rollback: as they were then. Already escaped.
    pub text: Option<String>,
}

/// What becomes of the missed ones of a channel.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// There is another one.
    More(Box<Missed>),
    /// All that there are go into one message, by its key.
    Gathered(String),
    /// Some were looked for.
    Looked {
        /// Those that were, by key.
        keys: Vec<String>,
        /// Those that had been said, with their `ts`.
        found: BTreeMap<String, String>,
    },
    /// These need not be told any more: by key, with the `ts` of the message that tells them, if
    /// one does. All others are left to be said as usual.
    Told(BTreeMap<String, Option<String>>),
}

const ANY: &str = "SELECT 1 FROM missed WHERE channel = $1 LIMIT 1";

/// Whether a channel has missed something that it was not told yet.
pub async fn any(db: &Db, channel: &str) -> sqlx::Result<bool> {
    let row: Option<(i32,)> =
        reading!(db, pool => sqlx::query_as(ANY).bind(channel).fetch_optional(pool).await)?;
    Ok(row.is_some())
}

const OF: &str =
    "SELECT key, at, tried, batch, doc FROM missed WHERE channel = $1 ORDER BY at, key";

/// What a channel has missed, in order.
pub async fn of(db: &Db, channel: &str) -> sqlx::Result<Vec<Missed>> {
    let rows: Vec<(String, i64, i64, Option<String>, String)> =
        reading!(db, pool => sqlx::query_as(OF).bind(channel).fetch_all(pool).await)?;
    rows.into_iter()
        .map(|(key, at, tried, batch, doc)| {
            Ok(Missed {
                key,
                at: moment(at),
                tried: tried != 0,
                batch,
                what: read(&doc)?,
            })
        })
        .collect()
}

const MISS: &str = "INSERT INTO missed (channel, key, at, tried, doc) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING";
const GATHER: &str = "UPDATE missed SET batch = $2 WHERE channel = $1";
const LOOKED: &str = "UPDATE missed SET tried = 0 WHERE channel = $1 AND key = $2";
const SAID: &str = "DELETE FROM missed WHERE channel = $1 AND key = $2";
const FORGET: &str = "DELETE FROM missed WHERE channel = $1 RETURNING key, at, tried, doc";

/// Changes what a channel has missed; leaves a job for what is to be said of it.
pub async fn change(
    tx: &mut Tx,
    channel: &str,
    change: &Change,
    now: Timestamp,
) -> sqlx::Result<()> {
    match change {
        Change::More(undelivered) => {
            let doc = written(&undelivered.what)?;
            in_tx!(tx, c => sqlx::query(MISS)
                .bind(channel).bind(&undelivered.key).bind(micros(undelivered.at))
                .bind(i64::from(undelivered.tried)).bind(&doc)
                .execute(c).await.map(drop))?;
            let channel = channel.to_owned();
            jobs::poke(tx, &[(Job::Backfill { channel }, now)]).await
        }
        Change::Gathered(batch) => {
            in_tx!(tx, c => sqlx::query(GATHER)
                .bind(channel).bind(batch).execute(c).await.map(drop))
        }
        Change::Looked { keys, found } => {
            for key in keys {
                match found.get(key) {
                    Some(ts) => {
                        said(tx, channel, key, ts, now).await?;
                        in_tx!(tx, c => sqlx::query(SAID)
                            .bind(channel).bind(key).execute(c).await.map(drop))?;
                    }
                    None => {
                        in_tx!(tx, c => sqlx::query(LOOKED)
                            .bind(channel).bind(key).execute(c).await.map(drop))?;
                    }
                }
            }
            Ok(())
        }
        Change::Told(by) => {
            let rows: Vec<(String, i64, i64, String)> = in_tx!(tx, c => sqlx::query_as(FORGET)
                .bind(channel).fetch_all(c).await)?;
            for (key, at, tried, doc) in rows {
                match by.get(&key) {
                    Some(Some(ts)) => said(tx, channel, &key, ts, now).await?,
                    Some(None) => {}
                    None => {
                        let what: What = read(&doc)?;
                        jobs::poke(tx, &[(what.job.clone(), moment(at))]).await?;
                        if tried != 0 {
                            jobs::tried(tx, &what.job).await?;
                        }
                    }
                }
            }
            Ok(())
        }
    }
}

/// Remembers where something was said.
async fn said(tx: &mut Tx, channel: &str, key: &str, ts: &str, now: Timestamp) -> sqlx::Result<()> {
    let sent = Sent {
        ts: Some(ts.to_owned()),
        revision: 1,
        at: now,
    };
    messages::sent(tx, key, channel, &sent).await
}
