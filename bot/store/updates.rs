//! What others are told of incidents: drafts, and what was published.

use super::{Db, Tx, in_tx, read, reading, written};
use rollback_domain::{identity::IncidentId, update::StatusUpdate};

const LAST: &str = "SELECT COALESCE(MAX(id), 0) FROM status_update";

/// The number after the last one. Where two are drafted at the same moment, storing the second
/// fails and is done again.
pub async fn next_number(tx: &mut Tx) -> sqlx::Result<i64> {
    let (last,): (i64,) = in_tx!(tx, c => sqlx::query_as(LAST).fetch_one(c).await)?;
    Ok(last + 1)
}

const INSERT: &str =
    "INSERT INTO status_update (id, incident, root, published, doc) VALUES ($1, $2, $3, $4, $5)";

/// Stores a new one.
pub async fn insert(tx: &mut Tx, update: &StatusUpdate) -> sqlx::Result<()> {
    let doc = written(update)?;
    in_tx!(tx, c => sqlx::query(INSERT)
        .bind(update.number)
        .bind(update.incident.number())
        .bind(update.root())
        .bind(i64::from(update.published.is_some()))
        .bind(&doc)
        .execute(c).await.map(drop))
}

const LOCK: &str = "UPDATE status_update SET doc = doc WHERE id = $1 RETURNING doc";

/// One by number; nobody else changes it until the transaction ends.
pub async fn lock(tx: &mut Tx, number: i64) -> sqlx::Result<Option<StatusUpdate>> {
    let row: Option<(String,)> =
        in_tx!(tx, c => sqlx::query_as(LOCK).bind(number).fetch_optional(c).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

const SAVE: &str = "UPDATE status_update SET published = $2, doc = $3 WHERE id = $1";

/// Stores a change of one that is locked.
pub async fn save(tx: &mut Tx, update: &StatusUpdate) -> sqlx::Result<()> {
    let doc = written(update)?;
    in_tx!(tx, c => sqlx::query(SAVE)
        .bind(update.number)
        .bind(i64::from(update.published.is_some()))
        .bind(&doc)
        .execute(c).await.map(drop))
}

const GET: &str = "SELECT doc FROM status_update WHERE id = $1";

/// One by number, as it is in a transaction.
pub async fn find(tx: &mut Tx, number: i64) -> sqlx::Result<Option<StatusUpdate>> {
    let row: Option<(String,)> =
        in_tx!(tx, c => sqlx::query_as(GET).bind(number).fetch_optional(c).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

/// One by number.
pub async fn get(db: &Db, number: i64) -> sqlx::Result<Option<StatusUpdate>> {
    let row: Option<(String,)> =
        reading!(db, pool => sqlx::query_as(GET).bind(number).fetch_optional(pool).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

const SHOWN: &str = "SELECT doc FROM status_update WHERE root = $1 AND published = 1
    ORDER BY id DESC LIMIT 1";

/// The published one that stands now where the one with this number was published.
pub async fn shown(db: &Db, root: i64) -> sqlx::Result<Option<StatusUpdate>> {
    let row: Option<(String,)> =
        reading!(db, pool => sqlx::query_as(SHOWN).bind(root).fetch_optional(pool).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

const PUBLISHED: &str = "SELECT doc FROM status_update WHERE incident = $1 AND published = 1
    ORDER BY id DESC LIMIT 100";

/// The last hundred that were published of an incident, newest first.
pub async fn published(db: &Db, incident: IncidentId) -> sqlx::Result<Vec<StatusUpdate>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(PUBLISHED)
        .bind(incident.number()).fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}
