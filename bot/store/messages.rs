//! Messages in Slack and input that was taken from it.

use super::{
    Db, Tx,
    beside::{Beside, beside},
    in_tx, micros, moment, read, reading,
};
use jiff::Timestamp;
use rollback_domain::identity::RollbackId;
use sqlx::QueryBuilder;
use std::collections::HashMap;

/// A message of ours, as Slack has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Where it is; `None` until Slack has said so.
    pub ts: Option<String>,
    /// The revision it shows.
    pub revision: i64,
    /// When it was last sent.
    pub at: Timestamp,
}

const GET: &str = "SELECT ts, sent, sent_at FROM message WHERE key = $1";

/// The message with this key, as it was last sent.
pub async fn get(db: &Db, key: &str) -> sqlx::Result<Sent> {
    let row: Option<(Option<String>, i64, i64)> =
        reading!(db, pool => sqlx::query_as(GET).bind(key).fetch_optional(pool).await)?;
    Ok(row.map_or_else(Sent::default, |(ts, revision, at)| Sent {
        ts,
        revision,
        at: moment(at),
    }))
}

const POSITION: &str = "SELECT channel, ts FROM message WHERE key = $1 AND ts IS NOT NULL";

/// The channel and `ts` of the message with this key; `None`: it is not in Slack.
pub async fn position(db: &Db, key: &str) -> sqlx::Result<Option<(String, String)>> {
    reading!(db, pool => sqlx::query_as(POSITION).bind(key).fetch_optional(pool).await)
}

const SENT: &str = "INSERT INTO message (key, channel, ts, sent, sent_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (key) DO UPDATE SET ts = excluded.ts, sent = excluded.sent, sent_at = excluded.sent_at";

/// Remembers what Slack has now.
pub async fn sent(tx: &mut Tx, key: &str, channel: &str, sent: &Sent) -> sqlx::Result<()> {
    in_tx!(tx, c => sqlx::query(SENT)
        .bind(key).bind(channel).bind(&sent.ts).bind(sent.revision).bind(micros(sent.at))
        .execute(c).await.map(drop))
}

const DOUBT: &str = "UPDATE message SET sent = 0 WHERE key = $1";

/// Which revision a message shows is not known any more.
pub async fn invalidate(tx: &mut Tx, key: &str) -> sqlx::Result<()> {
    in_tx!(tx, c => sqlx::query(DOUBT).bind(key).execute(c).await.map(drop))
}

const ANSWERS: &str = "SELECT key, answer FROM inbox WHERE key IN ";
const TAKE: &str = "INSERT INTO inbox (key, answer, received_at) ";
const SWEEP: &str = "DELETE FROM inbox WHERE received_at < $1 AND received_at <= (SELECT max(received_at)
        FROM (SELECT received_at FROM inbox WHERE received_at < $1 ORDER BY received_at LIMIT 10000) AS oldest)";

/// What input with these keys was answered before, by key.
pub async fn answers(tx: &mut Tx, keys: &[&str]) -> sqlx::Result<HashMap<String, String>> {
    let found: Vec<(String, String)> = in_tx!(tx, c => {
        let mut query = QueryBuilder::new(ANSWERS);
        query.push_tuples(keys, |mut tuple, key| {
            tuple.push_bind(*key);
        });
        query.build_query_as().persistent(keys.len() == 1).fetch_all(c).await
    })?;
    Ok(found.into_iter().collect())
}

/// Remembers inputs (key, answer). Taking one twice at once fails: see
/// [`super::rollbacks::is_taken`].
pub async fn take(tx: &mut Tx, taken: &[(String, String)], now: Timestamp) -> sqlx::Result<()> {
    if taken.is_empty() {
        return Ok(());
    }
    in_tx!(tx, c => {
        let mut query = QueryBuilder::new(TAKE);
        query.push_values(taken, |mut row, (key, answer)| {
            row.push_bind(key).push_bind(answer).push_bind(micros(now));
        });
        query.build().persistent(taken.len() == 1).execute(c).await.map(drop)
    })
}

/// Forgets input that is too old to come again: the oldest ten thousand at a time, so that
/// others wait for it only so long.
pub async fn sweep(tx: &mut Tx, before: Timestamp) -> sqlx::Result<()> {
    in_tx!(tx, c => sqlx::query(SWEEP).bind(micros(before)).execute(c).await.map(drop))
}

/// A place in Slack where something of a rollback's was clicked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The key of the message of ours that is known to be there; `None`: none is.
    pub key: Option<String>,
    /// Whether the rollback has a message whose place is not stored yet: its card, or one that a
    /// job is posting.
    pub is_being_posted: bool,
}

/// One statement, so that both halves are of the same moment: a place that is stored between two
/// reads would be found by neither.
const PLACE: &str = "SELECT
        (SELECT key FROM message WHERE channel = $1 AND ts = $2 LIMIT 1),
        (SELECT ts FROM message WHERE key = $3),
        (SELECT kind FROM step WHERE kind IN ('outcome', 'glass') AND key = $4 LIMIT 1)";

/// What is known of a place in Slack, for a rollback.
pub async fn place(db: &Db, rollback: RollbackId, channel: &str, ts: &str) -> sqlx::Result<Place> {
    let card = format!("{rollback}:card");
    let (key, card, posting): (Option<String>, Option<String>, Option<String>) = reading!(db, pool => sqlx::query_as(PLACE)
            .bind(channel).bind(ts).bind(&card).bind(rollback.to_string())
            .fetch_one(pool).await)?;
    Ok(Place {
        key,
        is_being_posted: card.is_none() || posting.is_some(),
    })
}

/// The keys under which it is remembered of which other Slack apps commands were, one for each app.
pub const APPS_SEEN: [&str; 3] = ["app:1", "app:2", "app:3"];

const APPS: &str = "SELECT answer FROM inbox WHERE key IN ($1, $2, $3)";

impl Beside {
    /// The other Slack apps of which commands were in the last two days, by their ids.
    pub async fn apps_seen(&mut self) -> anyhow::Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Bound {
            digest: String,
        }
        let [first, second, third] = APPS_SEEN;
        let rows: Vec<(String,)> = beside!(self, c => sqlx::query_as(APPS)
            .bind(first).bind(second).bind(third).fetch_all(c).await)?;
        let bound = rows.iter().map(|(answer,)| read::<Bound>(answer));
        let bound = bound.collect::<sqlx::Result<Vec<_>>>()?.into_iter();
        Ok(bound.map(|bound| bound.digest).collect())
    }
}
