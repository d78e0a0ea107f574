//! Incidents and their timelines: append-only, numbered without holes.
//!
//! What belongs to which incident is decided in the domain; here it is loaded and stored.

use super::{Db, Tx, in_tx, micros, moment, read, reading, written};
use jiff::Timestamp;
use rollback_domain::identity::IncidentId;
use rollback_domain::incident::{Entry, Incident, Kind, TimelineEvent};
use sqlx::QueryBuilder;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const LATEST: &str = "SELECT channel, id, opened_at, last_at FROM (SELECT channel, id, opened_at, last_at FROM incident WHERE channel = ";
const LAST_OF_ONE: &str = " ORDER BY id DESC LIMIT 1) AS of_one";

/// The latest incident of each of these channels that has one.
pub async fn latest_of(
    tx: &mut Tx,
    channels: &BTreeSet<&str>,
) -> sqlx::Result<HashMap<String, Incident>> {
    if channels.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, i64, i64, i64)> = in_tx!(tx, c => {
        let mut query = QueryBuilder::new("");
        for (n, channel) in channels.iter().enumerate() {
            if n > 0 {
                query.push(" UNION ALL ");
            }
            query.push(LATEST).push_bind(*channel).push(LAST_OF_ONE);
        }
        query.build_query_as().persistent(channels.len() == 1).fetch_all(c).await
    })?;
    Ok(rows
        .into_iter()
        .map(|(channel, id, opened_at, last_at)| {
            let incident = Incident {
                id: IncidentId::new(id),
                channel: channel.clone(),
                opened_at: moment(opened_at),
                last_at: moment(last_at),
            };
            (channel, incident)
        })
        .collect())
}

const OPEN: &str =
    "INSERT INTO incident (id, channel, opened_at, last_at, last_seq) VALUES ($1, $2, $3, $4, 0)";

/// Stores a new incident, which has no entries yet.
pub async fn open(tx: &mut Tx, incident: &Incident) -> sqlx::Result<()> {
    in_tx!(tx, c => sqlx::query(OPEN)
        .bind(incident.id.number())
        .bind(&incident.channel)
        .bind(micros(incident.opened_at))
        .bind(micros(incident.last_at))
        .execute(c).await.map(drop))
}

const COUNT: &str = "SELECT count(*) FROM timeline WHERE kind = $1 AND at > $2 AND at <= $3";

/// How often something of a kind happened between two moments.
pub async fn count(db: &Db, kind: Kind, after: Timestamp, until: Timestamp) -> sqlx::Result<i64> {
    let (n,): (i64,) = reading!(db, pool => sqlx::query_as(COUNT)
        .bind(kind.to_string()).bind(micros(after)).bind(micros(until)).fetch_one(pool).await)?;
    Ok(n)
}

const LATEST_IN: &str = "SELECT id FROM incident WHERE channel = $1 ORDER BY id DESC LIMIT 1";

/// The channel's latest incident.
pub async fn latest(db: &Db, channel: &str) -> sqlx::Result<Option<IncidentId>> {
    let row: Option<(i64,)> =
        reading!(db, pool => sqlx::query_as(LATEST_IN).bind(channel).fetch_optional(pool).await)?;
    Ok(row.map(|(id,)| IncidentId::new(id)))
}

const CHANNEL_OF: &str = "SELECT channel FROM incident WHERE id = $1";

/// The channel of an incident; `None`: there is no such incident.
pub async fn channel_of(db: &Db, incident: IncidentId) -> sqlx::Result<Option<String>> {
    let row: Option<(String,)> = reading!(db, pool => sqlx::query_as(CHANNEL_OF)
        .bind(incident.number()).fetch_optional(pool).await)?;
    Ok(row.map(|(channel,)| channel))
}

const TAKE_SEQS: &str =
    "UPDATE incident SET last_seq = last_seq + more.column2, last_at = more.column3 FROM (";
const OF_INCIDENTS: &str =
    ") AS more WHERE incident.id = more.column1 RETURNING incident.id, incident.last_seq";
const APPEND: &str = "INSERT INTO timeline (incident, seq, rollback, kind, at, recorded_at, doc) ";

/// Writes down what happened in which incident, in this order.
pub async fn append(
    tx: &mut Tx,
    events: &[(IncidentId, TimelineEvent)],
    now: Timestamp,
) -> sqlx::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut more: BTreeMap<IncidentId, i64> = BTreeMap::new();
    for (incident, _) in events {
        *more.entry(*incident).or_default() += 1;
    }
    let last: Vec<(i64, i64)> = in_tx!(&mut *tx, c => {
        let mut query = QueryBuilder::new(TAKE_SEQS);
        query.push_values(&more, |mut row, (incident, n)| {
            row.push_bind(incident.number()).push_bind(*n).push_bind(micros(now));
        });
        query.push(OF_INCIDENTS);
        query.build_query_as().persistent(more.len() == 1).fetch_all(c).await
    })?;
    if last.len() != more.len() {
        return Err(sqlx::Error::RowNotFound);
    }
    let mut next: HashMap<IncidentId, i64> = last
        .into_iter()
        .map(|(incident, last)| (IncidentId::new(incident), last))
        .map(|(incident, last)| (incident, last - more[&incident] + 1))
        .collect();
    let mut rows = Vec::with_capacity(events.len());
    for (incident, event) in events {
        let seq = next.entry(*incident).or_default();
        rows.push((*incident, *seq, event, written(event)?));
        *seq += 1;
    }
    in_tx!(tx, c => {
        let mut query = QueryBuilder::new(APPEND);
        query.push_values(rows, |mut row, (incident, seq, event, doc)| {
            row.push_bind(incident.number())
                .push_bind(seq)
                .push_bind(event.rollback.map(|id| id.number().cast_signed()))
                .push_bind(event.kind().to_string())
                .push_bind(micros(event.at))
                .push_bind(micros(now))
                .push_bind(doc);
        });
        query.build().persistent(events.len() == 1).execute(c).await.map(drop)
    })
}

const ENTRIES: &str = "SELECT seq, recorded_at, doc FROM timeline WHERE incident = $1 AND seq > $2 ORDER BY seq LIMIT $3";

/// A page of an incident's timeline: up to `limit` entries after `seq`, in the order of recording.
pub async fn entries(
    db: &Db,
    incident: IncidentId,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    let rows: Vec<(i64, i64, String)> = reading!(db, pool => sqlx::query_as(ENTRIES)
        .bind(incident.number()).bind(after).bind(limit).fetch_all(pool).await)?;
    rows.into_iter()
        .map(|(seq, recorded_at, doc)| {
            Ok(Entry {
                seq,
                recorded_at: moment(recorded_at),
                event: read(&doc)?,
            })
        })
        .collect()
}

const LAST: &str = "SELECT last_seq FROM incident WHERE id = $1";

/// How many entries an incident has.
pub async fn entries_in(db: &Db, incident: IncidentId) -> sqlx::Result<i64> {
    let row: Option<(i64,)> = reading!(db, pool => sqlx::query_as(LAST).bind(incident.number()).fetch_optional(pool).await)?;
    Ok(row.map_or(0, |(n,)| n))
}

const RECORDED_SINCE: &str = "SELECT doc FROM timeline WHERE kind = $1 AND recorded_at > $2
        AND incident IN (SELECT id FROM incident WHERE channel = $3) LIMIT 1000";

/// What was recorded of a kind in a channel after a moment.
pub async fn recorded_since(
    db: &Db,
    channel: &str,
    kind: Kind,
    after: Timestamp,
) -> sqlx::Result<Vec<TimelineEvent>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(RECORDED_SINCE)
        .bind(kind.to_string()).bind(micros(after)).bind(channel).fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}
