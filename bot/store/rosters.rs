//! What was last known of the sources of roles, and of freezes.

use super::{Db, Tx, in_tx, micros, read, reading, written};
use jiff::Timestamp;
use rollback_domain::{
    authority::{Found, Source},
    identity::ServiceKey,
    rollback::Freeze,
};

const UPSERT: &str = "INSERT INTO roster (source, read_at, doc, people) VALUES ($1, $2, $3, $4)
    ON CONFLICT (source) DO UPDATE SET read_at = excluded.read_at, doc = excluded.doc,
        people = CASE WHEN $5 = 1 THEN excluded.people ELSE roster.people END
    WHERE excluded.read_at >= roster.read_at";

const SAID: &str = "SELECT doc FROM roster WHERE source = $1";

/// Remembers what a source said, unless it was asked again meanwhile. One that is silent does not
/// undo whom it named before. Gives whether it names others than before.
pub async fn record(
    tx: &mut Tx,
    source: &Source,
    found: &Found,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let (Found::People { read_at, .. } | Found::Nothing { read_at, .. }) = found;
    let doc = written(found)?;
    let (people, answered) = match found {
        Found::People { .. } => (Some(&doc), true),
        Found::Nothing { answered, .. } => (None, *answered),
    };
    in_tx!(tx, c => {
        let before: Option<(String,)> =
            sqlx::query_as(SAID).bind(source.to_string()).fetch_optional(&mut *c).await?;
        sqlx::query(UPSERT)
            .bind(source.to_string()).bind(micros(read_at.unwrap_or(now))).bind(&doc)
            .bind(people).bind(i64::from(answered))
            .execute(c).await?;
        let before: Option<Found> = before.map(|(doc,)| read(&doc)).transpose()?;
        Ok(before.as_ref().map(named_by) != Some(named_by(found)))
    })
}

/// Whom a source names; `None`: it does not say.
fn named_by(found: &Found) -> Option<&[String]> {
    match found {
        Found::People { ids, .. } => Some(ids),
        Found::Nothing { .. } => None,
    }
}

const KNOWN: &str = "SELECT source, doc FROM roster";

/// What every source said when it was last read, by its name.
pub async fn last_known(db: &Db) -> sqlx::Result<Vec<(String, Found)>> {
    let rows: Vec<(String, String)> =
        reading!(db, pool => sqlx::query_as(KNOWN).fetch_all(pool).await)?;
    rows.into_iter()
        .map(|(source, doc)| Ok((source, read(&doc)?)))
        .collect()
}

const NAMED: &str = "SELECT source, people FROM roster WHERE people IS NOT NULL";

/// Whom every source named when it last answered, by its name.
pub async fn named(db: &Db) -> sqlx::Result<Vec<(String, Found)>> {
    let rows: Vec<(String, String)> =
        reading!(db, pool => sqlx::query_as(NAMED).fetch_all(pool).await)?;
    rows.into_iter()
        .map(|(source, doc)| Ok((source, read(&doc)?)))
        .collect()
}

const FREEZE: &str = "INSERT INTO frozen (service, environment, doc) VALUES ($1, $2, $3)
    ON CONFLICT (service, environment) DO UPDATE SET doc = excluded.doc";
const THAW: &str = "DELETE FROM frozen WHERE service = $1 AND environment = $2";

/// Puts a freeze on a service, in place of any other, or takes it off.
pub async fn freeze(
    tx: &mut Tx,
    service: &ServiceKey,
    freeze: Option<&Freeze>,
) -> sqlx::Result<()> {
    match freeze {
        Some(freeze) => {
            let doc = written(freeze)?;
            in_tx!(tx, c => sqlx::query(FREEZE)
                .bind(&service.name).bind(&service.environment).bind(&doc).execute(c).await.map(drop))
        }
        None => in_tx!(tx, c => sqlx::query(THAW)
            .bind(&service.name).bind(&service.environment).execute(c).await.map(drop)),
    }
}

const FROZEN: &str = "SELECT service, environment, doc FROM frozen";

/// Every freeze, with the service it is on.
pub async fn frozen(db: &Db) -> sqlx::Result<Vec<(ServiceKey, Freeze)>> {
    let rows: Vec<(String, String, String)> =
        reading!(db, pool => sqlx::query_as(FROZEN).fetch_all(pool).await)?;
    rows.into_iter()
        .map(|(service, environment, doc)| Ok((ServiceKey::new(service, environment), read(&doc)?)))
        .collect()
}

/// The freeze of one service.
pub async fn frozen_of(db: &Db, service: &ServiceKey) -> sqlx::Result<Option<Freeze>> {
    let all = frozen(db).await?;
    Ok(all
        .into_iter()
        .find(|(frozen, _)| frozen == service)
        .map(|(_, freeze)| freeze))
}
