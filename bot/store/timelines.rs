//! Incidents and their timelines: append-only, numbered without holes, each entry with the hash of
//! the one before it.
//!
//! What belongs to which incident is decided in the domain; here it is loaded and stored.

use super::{Db, Tx, in_tx, micros, moment, read, reading, written};
use jiff::Timestamp;
use rollback_domain::identity::{IncidentId, RollbackId};
use rollback_domain::incident::{
    Actor, Course, Entry, Fact, Incident, IncidentFact, Kind, TimelineEvent,
    chain::{Chain, ChainedEvent, EventHash, Head, canonical},
};
use rollback_domain::people::Person;
use serde_json::{Map, Value};
use sqlx::QueryBuilder;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const LATEST: &str = "SELECT channel, id, opened_at, last_at, course FROM (SELECT channel, id, opened_at, last_at, course FROM incident WHERE channel = ";
const LAST_OF_ONE: &str = " ORDER BY id DESC LIMIT 1) AS of_one";

/// A row of `incident`: its channel, id, times, and what people have decided about it.
type Row = (String, i64, i64, i64, Option<String>);

fn incident((channel, id, opened_at, last_at, course): Row) -> sqlx::Result<Incident> {
    Ok(Incident {
        id: IncidentId::new(id),
        channel,
        opened_at: moment(opened_at),
        last_at: moment(last_at),
        course: course.map_or_else(|| Ok(Course::default()), |course| read(&course))?,
    })
}

/// The latest incident of each of these channels that has one.
pub async fn latest_of(
    tx: &mut Tx,
    channels: &BTreeSet<&str>,
) -> sqlx::Result<HashMap<String, Incident>> {
    if channels.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Row> = in_tx!(tx, c => {
        let mut query = QueryBuilder::new("");
        for (n, channel) in channels.iter().enumerate() {
            if n > 0 {
                query.push(" UNION ALL ");
            }
            query.push(LATEST).push_bind(*channel).push(LAST_OF_ONE);
        }
        query.build_query_as().persistent(channels.len() == 1).fetch_all(c).await
    })?;
    rows.into_iter()
        .map(|row| Ok((row.0.clone(), incident(row)?)))
        .collect()
}

const LOCK: &str = "UPDATE incident SET last_at = last_at WHERE id = $1
    RETURNING channel, id, opened_at, last_at, course";

/// An incident as it is now; nobody else changes it until the transaction ends.
pub async fn lock(tx: &mut Tx, id: IncidentId) -> sqlx::Result<Incident> {
    let row: Row = in_tx!(tx, c => sqlx::query_as(LOCK).bind(id.number()).fetch_one(c).await)?;
    incident(row)
}

const SET_COURSE: &str = "UPDATE incident SET course = $2 WHERE id = $1";

/// Stores what people have decided about an incident that is locked.
pub async fn set_course(tx: &mut Tx, id: IncidentId, course: &Course) -> sqlx::Result<()> {
    let course = written(course)?;
    in_tx!(tx, c => sqlx::query(SET_COURSE).bind(id.number()).bind(&course).execute(c).await.map(drop))
}

const MOVE: &str = "UPDATE incident SET channel = $2 WHERE id = $1";

/// Moves an incident that is locked into another channel.
pub async fn move_to(tx: &mut Tx, id: IncidentId, channel: &str) -> sqlx::Result<()> {
    in_tx!(tx, c => sqlx::query(MOVE).bind(id.number()).bind(channel).execute(c).await.map(drop))
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

const LATEST_IN: &str = "SELECT channel, id, opened_at, last_at, course FROM incident
    WHERE channel = $1 ORDER BY id DESC LIMIT 1";

/// The channel's latest incident.
pub async fn latest(db: &Db, channel: &str) -> sqlx::Result<Option<Incident>> {
    let row: Option<Row> =
        reading!(db, pool => sqlx::query_as(LATEST_IN).bind(channel).fetch_optional(pool).await)?;
    row.map(incident).transpose()
}

const RECENT: &str =
    "SELECT channel, id, opened_at, last_at, course FROM incident ORDER BY id DESC LIMIT $1";

/// The last incidents of all channels, newest first.
pub async fn recent(db: &Db, at_most: i64) -> sqlx::Result<Vec<Incident>> {
    let rows: Vec<Row> =
        reading!(db, pool => sqlx::query_as(RECENT).bind(at_most).fetch_all(pool).await)?;
    rows.into_iter().map(incident).collect()
}

const FIND: &str = "SELECT channel, id, opened_at, last_at, course FROM incident WHERE id = $1";

/// An incident by its number.
pub async fn find(db: &Db, id: IncidentId) -> sqlx::Result<Option<Incident>> {
    let row: Option<Row> = reading!(db, pool => sqlx::query_as(FIND)
        .bind(id.number()).fetch_optional(pool).await)?;
    row.map(incident).transpose()
}

/// An entry is recorded no earlier than the one before it: a replica that waited for the row read
/// its clock before it waited. What is further ahead than any wait comes of a clock that was wrong.
///
/// What is to be done after the incident is recorded in its turn and keeps it no longer open.
const TAKE_SEQS: &str = "UPDATE incident SET last_seq = last_seq + more.column2,
    written_at = CASE
        WHEN written_at > last_at AND written_at > more.column3
            AND written_at <= more.column3 + 10000000 THEN written_at
        WHEN last_at > more.column3 AND last_at <= more.column3 + 10000000 THEN last_at
        ELSE more.column3 END,
    last_at = CASE
        WHEN more.column4 = 0 THEN last_at
        WHEN last_at > more.column3 AND last_at <= more.column3 + 10000000 THEN last_at
        ELSE more.column3 END FROM (";
const OF_INCIDENTS: &str = ") AS more WHERE incident.id = more.column1 RETURNING incident.id, incident.last_seq, incident.written_at, incident.head, incident.head_seq";
const APPEND: &str =
    "INSERT INTO timeline (incident, seq, rollback, kind, at, recorded_at, doc, previous) ";
const MOVE_HEADS: &str =
    "UPDATE incident SET head = moved.column2, head_seq = moved.column3 FROM (";
const TO_HEADS: &str = ") AS moved WHERE incident.id = moved.column1";

/// An incident's row whose numbers were taken: its id, its last number, when its entries are
/// recorded, and the head before.
type Taken = (i64, i64, i64, Option<String>, Option<i64>);

/// Writes down what happened in which incident, in this order.
pub async fn append(
    tx: &mut Tx,
    events: &[(IncidentId, TimelineEvent)],
    now: Timestamp,
) -> sqlx::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    // As it is read back: the hashes cover it.
    let now = moment(micros(now));
    let mut chains = take_seqs(tx, events, now).await?;
    let mut rows = Vec::with_capacity(events.len());
    for (incident, event) in events {
        let (chain, at) = chains.get_mut(incident).ok_or(sqlx::Error::RowNotFound)?;
        let doc = document(event)?;
        let previous = chain.append(&doc, *at);
        rows.push((*incident, chain.head().seq, *at, event, doc, previous));
    }
    in_tx!(&mut *tx, c => {
        let mut query = QueryBuilder::new(APPEND);
        query.push_values(rows, |mut row, (incident, seq, at, event, doc, previous)| {
            row.push_bind(incident.number())
                .push_bind(seq)
                .push_bind(event.rollback.map(|id| id.number().cast_signed()))
                .push_bind(event.kind().to_string())
                .push_bind(micros(event.at))
                .push_bind(micros(at))
                .push_bind(doc)
                .push_bind(previous.0);
        });
        query.build().persistent(events.len() == 1).execute(c).await.map(drop)
    })?;
    in_tx!(tx, c => {
        let mut query = QueryBuilder::new(MOVE_HEADS);
        query.push_values(&chains, |mut row, (incident, (chain, _))| {
            let Head { seq, hash } = chain.head();
            row.push_bind(incident.number()).push_bind(&hash.0).push_bind(*seq);
        });
        query.push(TO_HEADS);
        query.build().persistent(chains.len() == 1).execute(c).await.map(drop)
    })
}

/// Takes a number for each event. Gives the chains of their incidents, up to the numbers before,
/// and when the entries of each are recorded.
async fn take_seqs(
    tx: &mut Tx,
    events: &[(IncidentId, TimelineEvent)],
    now: Timestamp,
) -> sqlx::Result<BTreeMap<IncidentId, (Chain, Timestamp)>> {
    // How many more each incident has, and whether any of them is part of it.
    let mut more: BTreeMap<IncidentId, (i64, bool)> = BTreeMap::new();
    for (incident, event) in events {
        let (count, is_part) = more.entry(*incident).or_default();
        *count += 1;
        *is_part |= event.fact.is_part_of_the_incident();
    }
    let taken: Vec<Taken> = in_tx!(&mut *tx, c => {
        let mut query = QueryBuilder::new(TAKE_SEQS);
        query.push_values(&more, |mut row, (incident, (count, is_part))| {
            row.push_bind(incident.number())
                .push_bind(*count)
                .push_bind(micros(now))
                .push_bind(i64::from(*is_part));
        });
        query.push(OF_INCIDENTS);
        query.build_query_as().persistent(more.len() == 1).fetch_all(c).await
    })?;
    let mut chains = BTreeMap::new();
    for (incident, last, at, hash, head_seq) in taken {
        let incident = IncidentId::new(incident);
        let before = last - more.get(&incident).map_or(0, |(count, _)| *count);
        let mut chain = Chain::new(incident, head(hash, head_seq).unwrap_or_else(Head::start));
        if chain.head().seq < before {
            catch_up(tx, incident, &mut chain, before).await?;
        }
        chains.insert(incident, (chain, moment(at)));
    }
    Ok(chains)
}

const DOCUMENTS: &str = "SELECT recorded_at, doc FROM timeline WHERE incident = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT 1000";

/// Brings a chain up to an entry with what versions wrote that had none.
async fn catch_up(
    tx: &mut Tx,
    incident: IncidentId,
    chain: &mut Chain,
    until: i64,
) -> sqlx::Result<()> {
    while chain.head().seq < until {
        let after = chain.head().seq;
        let rows: Vec<(i64, String)> = in_tx!(&mut *tx, c => sqlx::query_as(DOCUMENTS)
            .bind(incident.number()).bind(after).bind(until).fetch_all(c).await)?;
        if rows.is_empty() {
            return Err(sqlx::Error::RowNotFound);
        }
        for (recorded_at, doc) in rows {
            let document: Map<String, Value> = read(&doc)?;
            chain.append_from_before(&canonical(&document), moment(recorded_at));
        }
    }
    Ok(())
}

/// An event as it is stored.
fn document(event: &TimelineEvent) -> sqlx::Result<String> {
    match serde_json::to_value(event) {
        Ok(Value::Object(event)) => Ok(canonical(&event)),
        Ok(_) => Err(sqlx::Error::Encode("an event is an object".into())),
        Err(error) => Err(sqlx::Error::Encode(Box::new(error))),
    }
}

/// The head as it was stored; `None`: the incident has only entries from before.
pub(super) fn head(hash: Option<String>, seq: Option<i64>) -> Option<Head> {
    Some(Head {
        seq: seq?,
        hash: EventHash(hash?),
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
    let rows: Vec<EntryRow> = reading!(db, pool => sqlx::query_as(ENTRIES)
        .bind(incident.number()).bind(after).bind(limit).fetch_all(pool).await)?;
    rows.into_iter().map(entry).collect()
}

/// A row of `timeline`: its number, when it was recorded, and the event.
type EntryRow = (i64, i64, String);

fn entry((seq, recorded_at, doc): EntryRow) -> sqlx::Result<Entry> {
    Ok(Entry {
        seq,
        recorded_at: moment(recorded_at),
        event: read(&doc)?,
    })
}

const LATEST_ENTRIES: &str = "SELECT seq, recorded_at, doc FROM timeline
    WHERE incident = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";

/// The last entries of an incident's timeline before a number, newest first.
pub async fn latest_entries(
    db: &Db,
    incident: IncidentId,
    before: i64,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    let rows: Vec<EntryRow> = reading!(db, pool => sqlx::query_as(LATEST_ENTRIES)
        .bind(incident.number()).bind(before).bind(limit).fetch_all(pool).await)?;
    rows.into_iter().map(entry).collect()
}

const OF_ROLLBACK: &str = "SELECT seq, recorded_at, doc FROM timeline
    WHERE incident = $1 AND rollback = $2 AND seq < $3 ORDER BY seq DESC LIMIT $4";

/// The last entries about a rollback before a number, newest first.
pub async fn latest_of_rollback(
    db: &Db,
    incident: IncidentId,
    rollback: RollbackId,
    before: i64,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    let rows: Vec<EntryRow> = reading!(db, pool => sqlx::query_as(OF_ROLLBACK)
        .bind(incident.number()).bind(rollback.number().cast_signed()).bind(before).bind(limit)
        .fetch_all(pool).await)?;
    rows.into_iter().map(entry).collect()
}

const CHAINED: &str = "SELECT seq, recorded_at, doc, previous FROM timeline WHERE incident = $1 AND seq > $2 ORDER BY seq LIMIT $3";

/// The same with their places in the chain, for code that checks it or exports what can be checked.
pub async fn chained(
    db: &Db,
    incident: IncidentId,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<ChainedEvent>> {
    let rows: Vec<(i64, i64, String, Option<String>)> = reading!(db, pool => sqlx::query_as(CHAINED)
        .bind(incident.number()).bind(after).bind(limit).fetch_all(pool).await)?;
    rows.into_iter()
        .map(|(seq, recorded_at, doc, previous)| {
            Ok(ChainedEvent {
                seq,
                recorded_at: moment(recorded_at),
                previous: previous.map(EventHash),
                event: read(&doc)?,
            })
        })
        .collect()
}

/// Where the timeline of an incident ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// How many entries it has.
    pub entries: i64,
    /// The head of its chain; `None`: it has only entries of versions that had no chain.
    pub head: Option<Head>,
}

const END: &str = "SELECT last_seq, head, head_seq FROM incident WHERE id = $1";

/// Where the timeline of an incident ends now.
pub async fn end(db: &Db, incident: IncidentId) -> sqlx::Result<End> {
    let row: Option<(i64, Option<String>, Option<i64>)> = reading!(db, pool =>
        sqlx::query_as(END).bind(incident.number()).fetch_optional(pool).await)?;
    Ok(row.map_or_else(End::default, |(entries, hash, seq)| End {
        entries,
        head: head(hash, seq),
    }))
}

const LAST_NOTES: &str = "SELECT seq, doc FROM timeline WHERE incident = $1 AND kind = 'note' ORDER BY seq DESC LIMIT 100";

/// The place of the last note of somebody in an incident, and when what it says happened; `None`:
/// none of the last notes is theirs.
pub async fn last_note(
    tx: &mut Tx,
    incident: IncidentId,
    by: &Person,
) -> sqlx::Result<Option<(i64, Timestamp)>> {
    let rows: Vec<(i64, String)> = in_tx!(tx, c =>
        sqlx::query_as(LAST_NOTES).bind(incident.number()).fetch_all(c).await)?;
    for (seq, doc) in rows {
        let event: TimelineEvent = read(&doc)?;
        let is_theirs = matches!(&event.who, Actor::Person(person) if (&person.id, &person.agent) == (&by.id, &by.agent));
        if is_theirs
            && !matches!(
                event.fact,
                Fact::Incident(IncidentFact::NoteCorrected { .. })
            )
        {
            return Ok(Some((seq, event.at)));
        }
    }
    Ok(None)
}

/// The last notes in an incident, newest first, at most a hundred.
pub async fn last_notes(db: &Db, incident: IncidentId) -> sqlx::Result<Vec<TimelineEvent>> {
    let rows: Vec<(i64, String)> = reading!(db, pool =>
        sqlx::query_as(LAST_NOTES).bind(incident.number()).fetch_all(pool).await)?;
    rows.iter().map(|(_, doc)| read(doc)).collect()
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
