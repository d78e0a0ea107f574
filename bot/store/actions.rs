//! What is to be done after incidents.

use super::{Db, Tx, in_tx, read, reading, written};
use rollback_domain::{action::ActionItem, identity::IncidentId};

const LAST: &str = "SELECT COALESCE(MAX(id), 0) FROM action";

/// The number after the last one. Where two are added at the same moment, storing the second fails
/// and is done again.
pub async fn next_number(tx: &mut Tx) -> sqlx::Result<i64> {
    let (last,): (i64,) = in_tx!(tx, c => sqlx::query_as(LAST).fetch_one(c).await)?;
    Ok(last + 1)
}

const INSERT: &str = "INSERT INTO action (id, incident, channel, doc) VALUES ($1, $2, $3, $4)";

/// Stores a new one.
pub async fn insert(tx: &mut Tx, action: &ActionItem) -> sqlx::Result<()> {
    let doc = written(action)?;
    in_tx!(tx, c => sqlx::query(INSERT)
        .bind(action.number)
        .bind(action.incident.number())
        .bind(&action.channel)
        .bind(&doc)
        .execute(c).await.map(drop))
}

const LOCK: &str = "UPDATE action SET doc = doc WHERE id = $1 RETURNING doc";

/// One by number; nobody else changes it until the transaction ends.
pub async fn lock(tx: &mut Tx, number: i64) -> sqlx::Result<Option<ActionItem>> {
    let row: Option<(String,)> =
        in_tx!(tx, c => sqlx::query_as(LOCK).bind(number).fetch_optional(c).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

const SAVE: &str = "UPDATE action SET doc = $2, channel = $3 WHERE id = $1";

/// Stores a change of one that is locked.
pub async fn save(tx: &mut Tx, action: &ActionItem) -> sqlx::Result<()> {
    let doc = written(action)?;
    in_tx!(tx, c => sqlx::query(SAVE)
        .bind(action.number)
        .bind(&doc)
        .bind(&action.channel)
        .execute(c).await.map(drop))
}

const LOCK_OF_INCIDENT: &str = "UPDATE action SET doc = doc WHERE incident = $1 RETURNING doc";

/// Those of an incident that are open, in the order of their numbers; nobody else changes them
/// until the transaction ends.
pub async fn lock_open_of(tx: &mut Tx, incident: IncidentId) -> sqlx::Result<Vec<ActionItem>> {
    let rows: Vec<(String,)> = in_tx!(tx, c =>
        sqlx::query_as(LOCK_OF_INCIDENT).bind(incident.number()).fetch_all(c).await)?;
    let mut open = vec![];
    for (doc,) in &rows {
        let action: ActionItem = read(doc)?;
        if action.is_open() {
            open.push(action);
        }
    }
    open.sort_by_key(|action| action.number);
    Ok(open)
}

const GET: &str = "SELECT doc FROM action WHERE id = $1";

/// One by number.
pub async fn get(db: &Db, number: i64) -> sqlx::Result<Option<ActionItem>> {
    let row: Option<(String,)> =
        reading!(db, pool => sqlx::query_as(GET).bind(number).fetch_optional(pool).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

const OF_INCIDENT: &str = "SELECT doc FROM action WHERE incident = $1 ORDER BY id LIMIT 500";

/// Those of an incident, in the order of their numbers, at most five hundred.
pub async fn of_incident(db: &Db, incident: IncidentId) -> sqlx::Result<Vec<ActionItem>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(OF_INCIDENT)
        .bind(incident.number()).fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}

const RECENT: &str = "SELECT doc FROM action ORDER BY id DESC LIMIT 500";

/// Those of the last five hundred of all channels that somebody is to do or has done, newest first.
pub async fn recent_of(db: &Db, person: &str) -> sqlx::Result<Vec<ActionItem>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(RECENT).fetch_all(pool).await)?;
    let actions: Vec<ActionItem> = rows
        .iter()
        .map(|(doc,)| read(doc))
        .collect::<Result<_, _>>()?;
    let is_theirs = |action: &ActionItem| action.owner.as_deref() == Some(person);
    Ok(actions.into_iter().filter(is_theirs).collect())
}

const OF_CHANNEL: &str = "SELECT doc FROM action WHERE channel = $1 ORDER BY id DESC LIMIT 100";

/// The last hundred of a channel, newest first.
pub async fn of_channel(db: &Db, channel: &str) -> sqlx::Result<Vec<ActionItem>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(OF_CHANNEL)
        .bind(channel).fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}
