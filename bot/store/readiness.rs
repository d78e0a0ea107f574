//! What was last read to tell whether services could be rolled back.

use super::{Db, Tx, in_tx, micros, read, reading, written};
use rollback_domain::{canary::Told, identity::ServiceKey, readiness::ServiceFacts};

const UPSERT: &str = "INSERT INTO readiness (service, environment, read_at, facts) VALUES ($1, $2, $3, $4)
    ON CONFLICT (service, environment) DO UPDATE SET read_at = excluded.read_at, facts = excluded.facts
    WHERE excluded.read_at >= readiness.read_at";

/// Remembers what was read of a service, unless it was read again meanwhile.
pub async fn record(tx: &mut Tx, facts: &ServiceFacts) -> sqlx::Result<()> {
    let doc = written(facts)?;
    let ServiceKey { name, environment } = &facts.service;
    in_tx!(tx, c => sqlx::query(UPSERT)
        .bind(name).bind(environment).bind(micros(facts.read_at)).bind(&doc)
        .execute(c).await.map(drop))
}

const ALL: &str = "SELECT facts FROM readiness WHERE service <> '' ORDER BY service, environment";

/// What was last read of every service that was ever read.
pub async fn all(db: &Db) -> sqlx::Result<Vec<ServiceFacts>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(ALL).fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}

// The row without a name is about the bot itself, of which nothing else is stored.
const TELL: &str =
    "INSERT INTO readiness (service, environment, read_at, facts, told) VALUES ($1, $2, 0, '', $3)
    ON CONFLICT (service, environment) DO UPDATE SET told = excluded.told";

/// Remembers what people were told of a service; `None`: of the bot itself.
pub async fn record_told(
    tx: &mut Tx,
    service: Option<&ServiceKey>,
    told: &Told,
) -> sqlx::Result<()> {
    let doc = written(told)?;
    let (name, environment) = columns(service);
    in_tx!(tx, c => sqlx::query(TELL).bind(name).bind(environment).bind(&doc).execute(c).await.map(drop))
}

const TOLD: &str = "SELECT told FROM readiness WHERE service = $1 AND environment = $2";

/// What people were told of a service; `None`: of the bot itself.
pub async fn told(db: &Db, service: Option<&ServiceKey>) -> sqlx::Result<Told> {
    let (name, environment) = columns(service);
    let row: Option<(Option<String>,)> = reading!(db, pool => sqlx::query_as(TOLD)
        .bind(name).bind(environment).fetch_optional(pool).await)?;
    match row {
        Some((Some(doc),)) => read(&doc),
        Some((None,)) | None => Ok(Told::default()),
    }
}

fn columns(service: Option<&ServiceKey>) -> (&str, &str) {
    service.map_or(("", ""), |service| (&service.name, &service.environment))
}
