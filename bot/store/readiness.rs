//! What was last read to tell whether services could be rolled back.

use super::{Db, Tx, in_tx, micros, read, reading, written};
use rollback_domain::{identity::ServiceKey, readiness::ServiceFacts};

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

const ALL: &str = "SELECT facts FROM readiness ORDER BY service, environment";

/// What was last read of every service that was ever read.
pub async fn all(db: &Db) -> sqlx::Result<Vec<ServiceFacts>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(ALL).fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}
