//! The alerts of services, in groups.

use super::{Db, Tx, in_tx, read, reading, written};
use rollback_domain::{
    alert::AlertGroup,
    identity::{IncidentId, ServiceKey},
};

/// How many groups of one incident are read at most.
const OF_INCIDENT_AT_MOST: i64 = 50;
/// How many groups that fire are read at most.
const FIRING_AT_MOST: i64 = 200;

type Row = (String,);

fn group((doc,): Row) -> sqlx::Result<AlertGroup> {
    read(&doc)
}

/// Where groups of a service follow each other: the channel of its alerts, and the service.
fn slot(channel: &str, service: Option<&ServiceKey>) -> String {
    let service = service.map_or_else(String::new, ServiceKey::typed);
    format!("{channel} {service}")
}

const INSERT: &str =
    "INSERT INTO alert_group (id, incident, slot, firing, doc) VALUES ($1, $2, $3, $4, $5)";

/// Stores a new one.
pub async fn insert(tx: &mut Tx, group: &AlertGroup) -> sqlx::Result<()> {
    let doc = written(group)?;
    in_tx!(tx, c => sqlx::query(INSERT)
        .bind(group.id)
        .bind(group.incident.number())
        .bind(slot(&group.channel, group.service.as_ref()))
        .bind(i64::from(group.firing() > 0))
        .bind(&doc)
        .execute(c).await.map(drop))
}

const SAVE: &str = "UPDATE alert_group SET firing = $2, doc = $3 WHERE id = $1";

/// Stores a change of one that is locked.
pub async fn save(tx: &mut Tx, group: &AlertGroup) -> sqlx::Result<()> {
    let doc = written(group)?;
    in_tx!(tx, c => sqlx::query(SAVE)
        .bind(group.id)
        .bind(i64::from(group.firing() > 0))
        .bind(&doc)
        .execute(c).await.map(drop))
}

const LATEST: &str = "UPDATE alert_group SET firing = firing
    WHERE id = (SELECT id FROM alert_group WHERE slot = $1 ORDER BY id DESC LIMIT 1)
    RETURNING doc";

/// The latest group of a service whose alerts go into a channel; nobody else changes it until the
/// transaction ends.
pub async fn lock_latest(
    tx: &mut Tx,
    channel: &str,
    service: Option<&ServiceKey>,
) -> sqlx::Result<Option<AlertGroup>> {
    let row: Option<Row> = in_tx!(tx, c => sqlx::query_as(LATEST)
        .bind(slot(channel, service)).fetch_optional(c).await)?;
    row.map(group).transpose()
}

const LOCK: &str = "UPDATE alert_group SET firing = firing WHERE id = $1 RETURNING doc";

/// A group by its number; nobody else changes it until the transaction ends.
pub async fn lock(tx: &mut Tx, id: i64) -> sqlx::Result<Option<AlertGroup>> {
    let row: Option<Row> = in_tx!(tx, c => sqlx::query_as(LOCK).bind(id).fetch_optional(c).await)?;
    row.map(group).transpose()
}

const GET: &str = "SELECT doc FROM alert_group WHERE id = $1";

/// A group by its number.
pub async fn get(db: &Db, id: i64) -> sqlx::Result<Option<AlertGroup>> {
    let row: Option<Row> =
        reading!(db, pool => sqlx::query_as(GET).bind(id).fetch_optional(pool).await)?;
    row.map(group).transpose()
}

const OF_INCIDENT: &str =
    "SELECT doc FROM alert_group WHERE incident = $1 ORDER BY id DESC LIMIT $2";

/// The groups of an incident, the latest first.
pub async fn of_incident(db: &Db, incident: IncidentId) -> sqlx::Result<Vec<AlertGroup>> {
    let rows: Vec<Row> = reading!(db, pool => sqlx::query_as(OF_INCIDENT)
        .bind(incident.number()).bind(OF_INCIDENT_AT_MOST).fetch_all(pool).await)?;
    rows.into_iter().map(group).collect()
}

/// Those of one service.
pub async fn of_service(
    db: &Db,
    incident: IncidentId,
    service: &ServiceKey,
) -> sqlx::Result<Vec<AlertGroup>> {
    let mut groups = of_incident(db, incident).await?;
    groups.retain(|group| group.service.as_ref() == Some(service));
    Ok(groups)
}

const FIRING: &str = "SELECT doc FROM alert_group WHERE firing = 1 ORDER BY id DESC LIMIT $1";

/// The groups in which alerts fire, the latest first.
pub async fn firing(db: &Db) -> sqlx::Result<Vec<AlertGroup>> {
    let rows: Vec<Row> = reading!(db, pool => sqlx::query_as(FIRING)
        .bind(FIRING_AT_MOST).fetch_all(pool).await)?;
    rows.into_iter().map(group).collect()
}
