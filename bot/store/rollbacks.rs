//! Rollbacks, and what their platforms served when last read.

use super::{
    Db, Tx,
    beside::{Beside, beside},
    in_tx, marks, micros, moment, read, reading, written,
};
use jiff::Timestamp;
use rollback_domain::{
    history::{History, Past},
    identity::{IncidentId, RollbackId, ServiceKey},
    incident::Kind,
    release::Survey,
    rollback::Rollback,
};
use sqlx::QueryBuilder;
use std::collections::{BTreeSet, HashMap};

const NEXT_ID: &str = "UPDATE counter SET value = value + 1 WHERE name = $1 RETURNING value";

/// The next number of `name`; numbers have no holes, because they are taken in the transaction.
pub async fn next_id(tx: &mut Tx, name: &str) -> sqlx::Result<i64> {
    let (id,): (i64,) = in_tx!(tx, c => sqlx::query_as(NEXT_ID).bind(name).fetch_one(c).await)?;
    Ok(id)
}

const HOLD_NUMBERS: &str = "SELECT name FROM counter ORDER BY name FOR UPDATE";

/// Keeps both counters from others until the transaction ends. SQLite has one writer.
pub async fn hold_numbers(tx: &mut Tx) -> sqlx::Result<()> {
    if let Tx::Postgres(tx) = tx {
        sqlx::query(HOLD_NUMBERS).execute(&mut **tx).await?;
    }
    Ok(())
}

const RAISE_OLDEST_READER: &str =
    "UPDATE counter SET value = $1 WHERE name = 'oldest_reader' AND value < $1";
/// The migration that a version has to know to read drills.
const KNOWS_DRILLS: i64 = 20;

/// Keeps versions from starting on this record that know no drills.
pub async fn hold_drills(tx: &mut Tx) -> sqlx::Result<()> {
    in_tx!(tx, c => sqlx::query(RAISE_OLDEST_READER).bind(KNOWS_DRILLS).execute(c).await.map(drop))
}

const SET_ID: &str = "UPDATE counter SET value = $2 WHERE name = $1";

/// Says which number of `name` was taken last, in the transaction that took one by [`next_id`]
/// and then more.
pub async fn set_id(tx: &mut Tx, name: &str, last: i64) -> sqlx::Result<()> {
    in_tx!(tx, c => sqlx::query(SET_ID).bind(name).bind(last).execute(c).await.map(drop))
}

const INSERT: &str = "INSERT INTO rollback (id, revision, incident, service, environment, state, holds, doc, production) ";

/// Stores new ones. Violating `one_open_rollback` is told by [`is_taken`].
pub async fn insert(tx: &mut Tx, rollbacks: &[Rollback]) -> sqlx::Result<()> {
    if rollbacks.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(rollbacks.len());
    for rollback in rollbacks {
        rows.push((rollback, written(rollback)?));
    }
    in_tx!(tx, c => {
        let mut query = QueryBuilder::new(INSERT);
        query.push_values(rows, |mut row, (rollback, doc)| {
            row.push_bind(rollback.id.number())
                .push_bind(rollback.revision)
                .push_bind(rollback.incident.number())
                .push_bind(&rollback.service.name)
                .push_bind(&rollback.service.environment)
                .push_bind(rollback.state.name())
                .push_bind(i64::from(rollback.state.holds()))
                .push_bind(doc)
                .push_bind(production_of(rollback));
        });
        query.build().persistent(rollbacks.len() == 1).execute(c).await.map(drop)
    })
}

/// What the platform itself calls the production that it changes; `None` while there is no plan.
fn production_of(rollback: &Rollback) -> Option<&str> {
    rollback.plan.as_ref()?.production.as_deref()
}

const SAVE: &str =
    "UPDATE rollback SET revision = $2, state = $3, holds = $4, doc = $5, production = $6
    WHERE id = $1 AND revision = $2 - 1";

/// Stores a change; `false`: somebody else changed it first, and nothing was stored.
pub async fn save(tx: &mut Tx, rollback: &Rollback) -> sqlx::Result<bool> {
    let doc = written(rollback)?;
    let production = production_of(rollback);
    let saved = in_tx!(tx, c => sqlx::query(SAVE)
        .bind(rollback.id.number())
        .bind(rollback.revision)
        .bind(rollback.state.name())
        .bind(i64::from(rollback.state.holds()))
        .bind(&doc)
        .bind(production)
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(saved == 1)
}

const GET: &str = "SELECT doc FROM rollback WHERE id = $1";
const LOCK: &str = "SELECT doc FROM rollback WHERE id = $1 FOR UPDATE";

/// One by number.
pub async fn get(db: &Db, id: RollbackId) -> sqlx::Result<Option<Rollback>> {
    let row: Option<(String,)> =
        reading!(db, pool => sqlx::query_as(GET).bind(id.number()).fetch_optional(pool).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

/// One by number, kept from others until the transaction ends.
///
/// Postgres needs the row lock: without it two people's approvals each see only their own.
/// SQLite has one writer.
pub async fn lock(tx: &mut Tx, id: RollbackId) -> sqlx::Result<Option<Rollback>> {
    let id = id.number();
    let row: Option<(String,)> = match tx {
        Tx::Sqlite(tx) => {
            sqlx::query_as(GET)
                .bind(id)
                .fetch_optional(&mut **tx)
                .await?
        }
        Tx::Postgres(tx) => {
            sqlx::query_as(LOCK)
                .bind(id)
                .fetch_optional(&mut **tx)
                .await?
        }
    };
    row.map(|(doc,)| read(&doc)).transpose()
}

const OPEN: &str = "SELECT doc FROM rollback WHERE holds = 1 ORDER BY id LIMIT 50";
const OPEN_OF: &str =
    "SELECT doc FROM rollback WHERE holds = 1 AND service = $1 AND environment = $2";

/// Those that are open, oldest first, at most fifty.
pub async fn open(db: &Db) -> sqlx::Result<Vec<Rollback>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(OPEN).fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}

/// The open one of a service.
pub async fn open_for(db: &Db, service: &ServiceKey) -> sqlx::Result<Option<Rollback>> {
    let row: Option<(String,)> = reading!(db, pool => sqlx::query_as(OPEN_OF)
        .bind(&service.name).bind(&service.environment).fetch_optional(pool).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

const RECENT: &str = "SELECT doc FROM rollback WHERE id > 0 ORDER BY id DESC LIMIT $1";

/// The last ones of all services, newest first.
pub async fn recent(db: &Db, at_most: i64) -> sqlx::Result<Vec<Rollback>> {
    let rows: Vec<(String,)> =
        reading!(db, pool => sqlx::query_as(RECENT).bind(at_most).fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}

const REQUESTED: &str = "SELECT doc FROM rollback
    WHERE id > 0 AND id IN (SELECT rollback FROM timeline WHERE kind = $1 AND at > $2)
    ORDER BY id DESC LIMIT $3";

/// Those that were asked for after a moment, newest first.
pub async fn requested_since(
    db: &Db,
    after: Timestamp,
    at_most: i64,
) -> sqlx::Result<Vec<Rollback>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(REQUESTED)
        .bind(Kind::Requested.to_string()).bind(micros(after)).bind(at_most)
        .fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}

// The numbers of drills are negative, so that they come last and are left out here: PostgreSQL takes
// a second bound for the sign of a short list, which it then sorts.
const BEFORE: &str = "SELECT doc FROM rollback WHERE service = $1 AND environment = $2 AND id < $3
    ORDER BY id DESC LIMIT 50";

/// The rollbacks of a service before this one, newest first, at most fifty.
pub async fn before(db: &Db, service: &ServiceKey, id: RollbackId) -> sqlx::Result<Vec<Rollback>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(BEFORE)
        .bind(&service.name).bind(&service.environment).bind(id.number())
        .fetch_all(pool).await)?;
    let rollbacks = rows
        .iter()
        .map(|(doc,)| read(doc))
        .collect::<Result<Vec<Rollback>, _>>()?;
    Ok(rollbacks
        .into_iter()
        .take_while(|rollback| !rollback.id.is_drill())
        .collect())
}

const OF_INCIDENT: &str = "SELECT doc FROM rollback WHERE incident = $1 ORDER BY id LIMIT 50";

/// Those of an incident, oldest first, at most fifty.
pub async fn of_incident(db: &Db, incident: IncidentId) -> sqlx::Result<Vec<Rollback>> {
    let rows: Vec<(String,)> = reading!(db, pool =>
        sqlx::query_as(OF_INCIDENT).bind(incident.number()).fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}

/// The same as they are in a transaction.
pub async fn of_incident_in(tx: &mut Tx, incident: IncidentId) -> sqlx::Result<Vec<Rollback>> {
    let rows: Vec<(String,)> = in_tx!(tx, c =>
        sqlx::query_as(OF_INCIDENT).bind(incident.number()).fetch_all(c).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}

const OPEN_ON: &str = "SELECT doc FROM rollback WHERE holds = 1 AND production = $1";

/// The open one of a production, whatever service it was asked for.
pub async fn open_on(tx: &mut Tx, production: &str) -> sqlx::Result<Option<Rollback>> {
    let row: Option<(String,)> = in_tx!(tx, c => sqlx::query_as(OPEN_ON)
        .bind(production).fetch_optional(c).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

// A rollback that has not ended has a job that advances it, and so has a drill, whose stored number
// is negative.
const UNFINISHED: &str = "SELECT doc FROM rollback
    WHERE id IN (SELECT CAST(substr(key, 4) AS BIGINT) FROM step WHERE kind = 'drive' AND key LIKE 'RB-%'
        UNION ALL SELECT -CAST(substr(key, 4) AS BIGINT) FROM step WHERE kind = 'drive' AND key LIKE 'DR-%')
    ORDER BY id";

/// Those to which something is still going to happen, drills first: the open ones, and those whose
/// production is watched.
pub async fn unfinished(db: &Db) -> sqlx::Result<Vec<Rollback>> {
    let rows: Vec<(String,)> =
        reading!(db, pool => sqlx::query_as(UNFINISHED).fetch_all(pool).await)?;
    let rollbacks: Vec<Rollback> = rows
        .iter()
        .map(|(doc,)| read(doc))
        .collect::<Result<_, _>>()?;
    let is_unfinished = |rollback: &Rollback| !rollback.state.is_ended();
    Ok(rollbacks.into_iter().filter(is_unfinished).collect())
}

const OPEN_AMONG: &str = "SELECT doc FROM rollback WHERE holds = 1 AND (service, environment) IN ";

/// The open ones of these services.
pub async fn open_among(
    tx: &mut Tx,
    services: &BTreeSet<ServiceKey>,
) -> sqlx::Result<HashMap<ServiceKey, Rollback>> {
    if services.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String,)> = in_tx!(tx, c => {
        let mut query = QueryBuilder::new(OPEN_AMONG);
        query.push("(");
        query.push_values(services, |mut row, service| {
            row.push_bind(&service.name).push_bind(&service.environment);
        });
        query.push(")");
        query.build_query_as().persistent(services.len() == 1).fetch_all(c).await
    })?;
    rows.iter()
        .map(|(doc,)| {
            let rollback: Rollback = read(doc)?;
            Ok((rollback.service.clone(), rollback))
        })
        .collect()
}

const LATEST_OF: &str = "SELECT doc FROM rollback WHERE service = $1 AND environment = $2 AND id > 0 ORDER BY id DESC LIMIT 1";

/// The last one of a service, open or not.
pub async fn latest_of(db: &Db, service: &ServiceKey) -> sqlx::Result<Option<Rollback>> {
    let row: Option<(String,)> = reading!(db, pool => sqlx::query_as(LATEST_OF)
        .bind(&service.name).bind(&service.environment).fetch_optional(pool).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

const DRILLS: &str = "SELECT doc FROM rollback WHERE id < 0 ORDER BY id LIMIT 500";
const DRILLS_OF: &str =
    "SELECT doc FROM rollback WHERE service = $1 AND environment = $2 AND id < 0
    ORDER BY id LIMIT 50";

/// The last drills, newest first, at most five hundred.
pub async fn drills(db: &Db) -> sqlx::Result<Vec<Rollback>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(DRILLS).fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}

/// The last drills of a service, newest first, at most fifty.
pub async fn drills_of(db: &Db, service: &ServiceKey) -> sqlx::Result<Vec<Rollback>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(DRILLS_OF)
        .bind(&service.name).bind(&service.environment).fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}

const LATEST_DRILL_OF: &str = "SELECT doc FROM rollback WHERE service = $1 AND environment = $2 AND id < 0 ORDER BY id LIMIT 1";

/// The last drill of a service, open or not.
pub async fn latest_drill_of(db: &Db, service: &ServiceKey) -> sqlx::Result<Option<Rollback>> {
    let row: Option<(String,)> = reading!(db, pool => sqlx::query_as(LATEST_DRILL_OF)
        .bind(&service.name).bind(&service.environment).fetch_optional(pool).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

/// The last one of a service, among its last fifty, that its platform was asked for.
pub async fn latest_asked(db: &Db, service: &ServiceKey) -> sqlx::Result<Option<Rollback>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(LAST_OF)
        .bind(&service.name).bind(&service.environment).fetch_all(pool).await)?;
    for (doc,) in &rows {
        let rollback: Rollback = read(doc)?;
        if rollback.times.asked.is_some() {
            return Ok(Some(rollback));
        }
    }
    Ok(None)
}

const LAST_OF: &str = "SELECT doc FROM rollback WHERE service = $1 AND environment = $2 AND id > 0 ORDER BY id DESC LIMIT 50";

/// What was done to a service before, as far as its last fifty rollbacks tell, and which of its
/// releases people have marked.
pub async fn history(db: &Db, service: &ServiceKey) -> sqlx::Result<History> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(LAST_OF)
        .bind(&service.name).bind(&service.environment).fetch_all(pool).await)?;
    let mut history = History {
        marks: marks::of_service(db, service).await?,
        ..History::default()
    };
    for (doc,) in &rows {
        history.rollbacks.extend(Past::of(&read(doc)?));
    }
    Ok(history)
}

/// How automatic deploys of a service were set before the latest rollback or drill held them off by
/// a call of ours; `None`: none of the last ones did.
pub async fn latest_hold(db: &Db, service: &ServiceKey) -> sqlx::Result<Option<serde_json::Value>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(LAST_OF)
        .bind(&service.name).bind(&service.environment).fetch_all(pool).await)?;
    let mut held = latest_drill_of(db, service)
        .await?
        .filter(|drill| drill.hold.is_some());
    for (doc,) in &rows {
        let rollback: Rollback = read(doc)?;
        if rollback.hold.is_some() {
            if held.as_ref().is_none_or(|drill| rollback.is_after(drill)) {
                held = Some(rollback);
            }
            break;
        }
    }
    Ok(held
        .and_then(|rollback| rollback.hold)
        .map(|hold| hold.before))
}

const THIS: &str = "SELECT service, environment, doc FROM (SELECT service, environment, doc FROM rollback WHERE service = ";
const THERE: &str = " AND environment = ";
const LAST: &str = " AND id > 0 ORDER BY id DESC LIMIT 50) AS of_one";

/// The rollbacks of several services at once, seen from inside a transaction; without marks.
pub async fn histories(
    tx: &mut Tx,
    services: &BTreeSet<ServiceKey>,
) -> sqlx::Result<HashMap<ServiceKey, History>> {
    if services.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, String, String)> = in_tx!(tx, c => {
        let mut query = QueryBuilder::new("");
        for (n, service) in services.iter().enumerate() {
            if n > 0 {
                query.push(" UNION ALL ");
            }
            query.push(THIS).push_bind(&service.name);
            query.push(THERE).push_bind(&service.environment).push(LAST);
        }
        query.build_query_as().persistent(services.len() == 1).fetch_all(c).await
    })?;
    let mut histories: HashMap<ServiceKey, History> = HashMap::new();
    for (service, environment, doc) in rows {
        let history = histories
            .entry(ServiceKey::new(service, environment))
            .or_default();
        history.rollbacks.extend(Past::of(&read(&doc)?));
    }
    // Newest first, whatever order a union comes in.
    for history in histories.values_mut() {
        history
            .rollbacks
            .sort_by_key(|past| std::cmp::Reverse(past.id));
    }
    Ok(histories)
}

/// Whether an insert failed because the service has an open rollback already.
pub fn is_taken(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.is_unique_violation())
}

const UPSERT_SURVEY: &str = "INSERT INTO sight (service, environment, read_at, doc) VALUES ($1, $2, $3, $4)
    ON CONFLICT (service, environment) DO UPDATE SET read_at = excluded.read_at, doc = excluded.doc";

/// Remembers what a platform served, for the board.
pub async fn record_survey(
    tx: &mut Tx,
    service: &ServiceKey,
    survey: &Survey,
    at: Timestamp,
) -> sqlx::Result<()> {
    let doc = written(survey)?;
    in_tx!(tx, c => sqlx::query(UPSERT_SURVEY)
        .bind(&service.name).bind(&service.environment).bind(micros(at)).bind(&doc)
        .execute(c).await.map(drop))
}

const SURVEY: &str = "SELECT read_at, doc FROM sight WHERE service = $1 AND environment = $2";

/// What the platform of a service served when last read, and when that was.
pub async fn snapshot(db: &Db, service: &ServiceKey) -> sqlx::Result<Option<(Survey, Timestamp)>> {
    let row: Option<(i64, String)> = reading!(db, pool => sqlx::query_as(SURVEY)
        .bind(&service.name).bind(&service.environment).fetch_optional(pool).await)?;
    row.map(|(at, doc)| Ok((read(&doc)?, moment(at))))
        .transpose()
}

const SURVEYS: &str = "SELECT service, environment, read_at, doc FROM sight";

/// What every platform served when last read, and when that was.
pub async fn snapshots(db: &Db) -> sqlx::Result<Vec<(ServiceKey, Survey, Timestamp)>> {
    let rows: Vec<(String, String, i64, String)> =
        reading!(db, pool => sqlx::query_as(SURVEYS).fetch_all(pool).await)?;
    rows.into_iter()
        .map(|(service, environment, at, doc)| {
            let service = ServiceKey::new(service, environment);
            Ok((service, read(&doc)?, moment(at)))
        })
        .collect()
}

impl Beside {
    /// What every platform served when last read.
    pub async fn surveys(&mut self) -> sqlx::Result<Vec<(ServiceKey, Survey)>> {
        let rows: Vec<(String, String, i64, String)> =
            beside!(self, c => sqlx::query_as(SURVEYS).fetch_all(c).await)?;
        let rows = rows.into_iter();
        rows.map(|(service, environment, _, doc)| {
            Ok((ServiceKey::new(service, environment), read(&doc)?))
        })
        .collect()
    }
}
