//! Messages that Slack did not take, kept per channel until one message delivers them.

use super::{
    Db, Tx, in_tx, jobs,
    messages::{self, Sent},
    micros, moment, read, reading, written,
};
use jiff::Timestamp;
use rollback_domain::job::Job;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A message that could not be posted when it was due.
#[derive(Clone, Debug, PartialEq)]
pub struct Undelivered {
    /// The key of the message, under which it is posted once.
    pub key: String,
    /// When it was due.
    pub at: Timestamp,
    /// Whether posting was tried and not checked since: it may be there after all.
    pub tried: bool,
    /// The key of the message that delivers it with others; `None`: none so far.
    pub batch: Option<String>,
    /// The message itself.
    pub what: What,
}

/// What was to be posted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct What {
    /// The job that would have posted it.
    pub job: Job,
    /// The text as it was then, mrkdwn, for what is drawn from a rollback; `None`: the job has it.
    pub text: Option<String>,
}

/// A change of a channel's undelivered messages.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// One more message could not be posted.
    More(Box<Undelivered>),
    /// All of them go into one message with this key.
    Gathered(String),
    /// Slack was searched for some of them.
    Looked {
        /// The keys that were searched for.
        keys: Vec<String>,
        /// Those that are there, by key, with their `ts`.
        found: BTreeMap<String, String>,
    },
    /// These are done: by key, with the `ts` of the message that delivers them, if one does. All
    /// others are posted as usual.
    Delivered(BTreeMap<String, Option<String>>),
}

const ANY: &str = "SELECT 1 FROM missed WHERE channel = $1 LIMIT 1";

/// Whether a channel has undelivered messages.
pub async fn any(db: &Db, channel: &str) -> sqlx::Result<bool> {
    let row: Option<(i32,)> =
        reading!(db, pool => sqlx::query_as(ANY).bind(channel).fetch_optional(pool).await)?;
    Ok(row.is_some())
}

const OF: &str =
    "SELECT key, at, tried, batch, doc FROM missed WHERE channel = $1 ORDER BY at, key";

/// Reads a channel's undelivered messages, in order.
pub async fn of(db: &Db, channel: &str) -> sqlx::Result<Vec<Undelivered>> {
    let rows: Vec<(String, i64, i64, Option<String>, String)> =
        reading!(db, pool => sqlx::query_as(OF).bind(channel).fetch_all(pool).await)?;
    rows.into_iter()
        .map(|(key, at, tried, batch, doc)| {
            Ok(Undelivered {
                key,
                at: moment(at),
                tried: tried != 0,
                batch,
                what: read(&doc)?,
            })
        })
        .collect()
}

const INSERT: &str = "INSERT INTO missed (channel, key, at, tried, doc) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING";
const SET_BATCH: &str = "UPDATE missed SET batch = $2 WHERE channel = $1";
const CLEAR_TRIED: &str = "UPDATE missed SET tried = 0 WHERE channel = $1 AND key = $2";
const DELETE: &str = "DELETE FROM missed WHERE channel = $1 AND key = $2";
const DELETE_ALL: &str = "DELETE FROM missed WHERE channel = $1 RETURNING key, at, tried, doc";

/// Changes a channel's undelivered messages, and adds the job that delivers them.
pub async fn change(
    tx: &mut Tx,
    channel: &str,
    change: &Change,
    now: Timestamp,
) -> sqlx::Result<()> {
    match change {
        Change::More(undelivered) => {
            let doc = written(&undelivered.what)?;
            in_tx!(tx, c => sqlx::query(INSERT)
                .bind(channel).bind(&undelivered.key).bind(micros(undelivered.at))
                .bind(i64::from(undelivered.tried)).bind(&doc)
                .execute(c).await.map(drop))?;
            let channel = channel.to_owned();
            jobs::poke(tx, &[(Job::Backfill { channel }, now)]).await
        }
        Change::Gathered(batch) => {
            in_tx!(tx, c => sqlx::query(SET_BATCH)
                .bind(channel).bind(batch).execute(c).await.map(drop))
        }
        Change::Looked { keys, found } => {
            for key in keys {
                match found.get(key) {
                    Some(ts) => {
                        said(tx, channel, key, ts, now).await?;
                        in_tx!(tx, c => sqlx::query(DELETE)
                            .bind(channel).bind(key).execute(c).await.map(drop))?;
                    }
                    None => {
                        in_tx!(tx, c => sqlx::query(CLEAR_TRIED)
                            .bind(channel).bind(key).execute(c).await.map(drop))?;
                    }
                }
            }
            Ok(())
        }
        Change::Delivered(by) => {
            let rows: Vec<(String, i64, i64, String)> = in_tx!(tx, c => sqlx::query_as(DELETE_ALL)
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
