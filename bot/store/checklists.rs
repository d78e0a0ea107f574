//! The checklists of rollbacks.

use super::{Db, Tx, in_tx, read, reading, written};
use rollback_domain::{
    checklist::Checklist,
    identity::{IncidentId, RollbackId},
};

/// A checklist as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// What is on it.
    pub checklist: Checklist,
    /// Raised by every change; its message shows one.
    pub revision: i64,
}

type Row = (String, i64);

fn stored((doc, revision): Row) -> sqlx::Result<Stored> {
    Ok(Stored {
        checklist: read(&doc)?,
        revision,
    })
}

const INSERT: &str =
    "INSERT INTO checklist (rollback, incident, channel, revision, doc) VALUES ($1, $2, $3, 1, $4)";

/// Stores a new one.
pub async fn insert(tx: &mut Tx, checklist: &Checklist) -> sqlx::Result<()> {
    let doc = written(checklist)?;
    in_tx!(tx, c => sqlx::query(INSERT)
        .bind(checklist.rollback.number())
        .bind(checklist.incident.number())
        .bind(&checklist.channel)
        .bind(&doc)
        .execute(c).await.map(drop))
}

const LOCK: &str =
    "UPDATE checklist SET revision = revision WHERE rollback = $1 RETURNING doc, revision";

/// That of a rollback; nobody else changes it until the transaction ends.
pub async fn lock(tx: &mut Tx, rollback: RollbackId) -> sqlx::Result<Option<Stored>> {
    let row: Option<Row> = in_tx!(tx, c => sqlx::query_as(LOCK)
        .bind(rollback.number()).fetch_optional(c).await)?;
    row.map(stored).transpose()
}

const NUMBERS_OF_INCIDENT: &str =
    "SELECT rollback FROM checklist WHERE incident = $1 ORDER BY rollback LIMIT 50";

/// The rollbacks of an incident that have one, at most fifty.
pub async fn rollbacks_of(tx: &mut Tx, incident: IncidentId) -> sqlx::Result<Vec<RollbackId>> {
    let rows: Vec<(i64,)> = in_tx!(tx, c => sqlx::query_as(NUMBERS_OF_INCIDENT)
        .bind(incident.number()).fetch_all(c).await)?;
    let ids = rows.into_iter();
    Ok(ids.map(|(id,)| RollbackId::stored(id)).collect())
}

const SAVE: &str = "UPDATE checklist SET revision = revision + 1, doc = $2 WHERE rollback = $1";

/// Stores a change of one that is locked.
pub async fn save(tx: &mut Tx, checklist: &Checklist) -> sqlx::Result<()> {
    let doc = written(checklist)?;
    in_tx!(tx, c => sqlx::query(SAVE)
        .bind(checklist.rollback.number()).bind(&doc)
        .execute(c).await.map(drop))
}

const GET: &str = "SELECT doc, revision FROM checklist WHERE rollback = $1";

/// That of a rollback.
pub async fn get(db: &Db, rollback: RollbackId) -> sqlx::Result<Option<Stored>> {
    let row: Option<Row> = reading!(db, pool => sqlx::query_as(GET)
        .bind(rollback.number()).fetch_optional(pool).await)?;
    row.map(stored).transpose()
}

const LATEST: &str =
    "SELECT doc, revision FROM checklist WHERE channel = $1 ORDER BY rollback DESC LIMIT 1";

/// The latest one of a channel.
pub async fn latest(db: &Db, channel: &str) -> sqlx::Result<Option<Stored>> {
    let row: Option<Row> = reading!(db, pool => sqlx::query_as(LATEST)
        .bind(channel).fetch_optional(pool).await)?;
    row.map(stored).transpose()
}

const OF_INCIDENT: &str =
    "SELECT doc, revision FROM checklist WHERE incident = $1 ORDER BY rollback LIMIT 50";

/// Those of an incident, in the order of their rollbacks, at most fifty.
pub async fn of_incident(db: &Db, incident: IncidentId) -> sqlx::Result<Vec<Checklist>> {
    let rows: Vec<Row> = reading!(db, pool => sqlx::query_as(OF_INCIDENT)
        .bind(incident.number()).fetch_all(pool).await)?;
    rows.into_iter()
        .map(|row| Ok(stored(row)?.checklist))
        .collect()
}
