//! Incidents and their timelines: append-only, numbered without holes.

use super::{Db, Tx, in_tx, micros, moment, read, reading, written};
use crate::store::rollbacks::next_id;
use jiff::Timestamp;
use rollback_domain::{
    refusal::Source,
    timeline::{Actor, Entry, Happening, Kind},
};

/// A channel that was silent for so long begins a new incident.
const SILENCE: i64 = 12 * 3_600 * 1_000_000;

const LATEST: &str = "SELECT id, last_at FROM incident WHERE channel = $1 ORDER BY id DESC LIMIT 1";
const OPEN: &str =
    "INSERT INTO incident (id, channel, opened_at, last_at, last_seq) VALUES ($1, $2, $3, $3, 0)";

/// The channel's incident; opened, with its first entry, if there is none or it was long silent.
pub async fn incident_of(tx: &mut Tx, channel: &str, now: Timestamp) -> sqlx::Result<i64> {
    let latest: Option<(i64, i64)> =
        in_tx!(tx, c => sqlx::query_as(LATEST).bind(channel).fetch_optional(c).await)?;
    if let Some((id, last_at)) = latest
        && micros(now) - last_at < SILENCE
    {
        return Ok(id);
    }
    let id = next_id(tx, "incident").await?;
    // The counter's row is ours now: whoever had it before may have opened one just now.
    let latest: Option<(i64, i64)> =
        in_tx!(tx, c => sqlx::query_as(LATEST).bind(channel).fetch_optional(c).await)?;
    if let Some((id, last_at)) = latest
        && micros(now) - last_at < SILENCE
    {
        return Ok(id);
    }
    in_tx!(tx, c => sqlx::query(OPEN).bind(id).bind(channel).bind(micros(now)).execute(c).await.map(drop))?;
    let opened = Happening {
        at: now,
        who: Actor::Bot,
        source: Source::Bot,
        kind: Kind::IncidentOpened,
        text: format!("opened INC-{id} in this channel"),
        rollback: None,
    };
    append(tx, id, &[opened], now).await?;
    Ok(id)
}

const ONGOING: &str =
    "SELECT id FROM incident WHERE channel = $1 AND last_at > $2 ORDER BY id DESC LIMIT 1";

/// The channel's incident, if one is going on; nothing is opened.
pub async fn ongoing(tx: &mut Tx, channel: &str, now: Timestamp) -> sqlx::Result<Option<i64>> {
    let row: Option<(i64,)> = in_tx!(tx, c => sqlx::query_as(ONGOING)
        .bind(channel).bind(micros(now) - SILENCE).fetch_optional(c).await)?;
    Ok(row.map(|(id,)| id))
}

const SO_MANY: &str = "SELECT count(*) FROM timeline WHERE kind = $1 AND at > $2 AND at <= $3";

/// How often something of a kind happened between two moments.
pub async fn so_many(db: &Db, kind: Kind, after: Timestamp, until: Timestamp) -> sqlx::Result<i64> {
    let (n,): (i64,) = reading!(db, pool => sqlx::query_as(SO_MANY)
        .bind(kind.to_string()).bind(micros(after)).bind(micros(until)).fetch_one(pool).await)?;
    Ok(n)
}

/// The channel's latest incident, seen from inside a transaction.
pub async fn latest_in(tx: &mut Tx, channel: &str) -> sqlx::Result<Option<i64>> {
    let row: Option<(i64,)> =
        in_tx!(tx, c => sqlx::query_as(LATEST_IN).bind(channel).fetch_optional(c).await)?;
    Ok(row.map(|(id,)| id))
}

const LATEST_IN: &str = "SELECT id FROM incident WHERE channel = $1 ORDER BY id DESC LIMIT 1";

/// The channel's latest incident.
pub async fn latest(db: &Db, channel: &str) -> sqlx::Result<Option<i64>> {
    let row: Option<(i64,)> =
        reading!(db, pool => sqlx::query_as(LATEST_IN).bind(channel).fetch_optional(pool).await)?;
    Ok(row.map(|(id,)| id))
}

const TAKE_SEQ: &str =
    "UPDATE incident SET last_seq = last_seq + $2, last_at = $3 WHERE id = $1 RETURNING last_seq";
const APPEND: &str = "INSERT INTO timeline (incident, seq, rollback, kind, at, recorded_at, doc)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Writes down what happened.
pub async fn append(
    tx: &mut Tx,
    incident: i64,
    happenings: &[Happening],
    now: Timestamp,
) -> sqlx::Result<()> {
    if happenings.is_empty() {
        return Ok(());
    }
    let n = i64::try_from(happenings.len()).unwrap_or(i64::MAX);
    let (last,): (i64,) = in_tx!(tx, c => sqlx::query_as(TAKE_SEQ)
        .bind(incident).bind(n).bind(micros(now)).fetch_one(c).await)?;
    for (seq, happening) in (last - n + 1..).zip(happenings) {
        let doc = written(happening)?;
        in_tx!(tx, c => sqlx::query(APPEND)
            .bind(incident)
            .bind(seq)
            .bind(happening.rollback.map(u64::cast_signed))
            .bind(happening.kind.to_string())
            .bind(micros(happening.at))
            .bind(micros(now))
            .bind(&doc)
            .execute(c).await.map(drop))?;
    }
    Ok(())
}

const ENTRIES: &str = "SELECT seq, recorded_at, doc FROM timeline WHERE incident = $1 AND seq > $2 ORDER BY seq LIMIT $3";

/// A page of an incident's timeline: up to `limit` entries after `seq`, in the order of recording.
pub async fn entries(db: &Db, incident: i64, after: i64, limit: i64) -> sqlx::Result<Vec<Entry>> {
    let rows: Vec<(i64, i64, String)> = reading!(db, pool => sqlx::query_as(ENTRIES)
        .bind(incident).bind(after).bind(limit).fetch_all(pool).await)?;
    rows.into_iter()
        .map(|(seq, recorded_at, doc)| {
            Ok(Entry {
                seq,
                recorded_at: moment(recorded_at),
                happening: read(&doc)?,
            })
        })
        .collect()
}

const LAST: &str = "SELECT last_seq FROM incident WHERE id = $1";

/// How many entries an incident has.
pub async fn count(db: &Db, incident: i64) -> sqlx::Result<i64> {
    let row: Option<(i64,)> =
        reading!(db, pool => sqlx::query_as(LAST).bind(incident).fetch_optional(pool).await)?;
    Ok(row.map_or(0, |(n,)| n))
}
