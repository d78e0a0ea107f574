//! What people have decided of releases: that they are bad, or that they are not.

use super::{Db, Tx, in_tx, read, reading, written};
use rollback_domain::{history::Mark, identity::ServiceKey};

const UPSERT: &str = "INSERT INTO mark (service, environment, release, doc) VALUES ($1, $2, $3, $4)
    ON CONFLICT (service, environment, release) DO UPDATE SET doc = excluded.doc";

/// Stores what somebody decided of a release, in place of what was decided before.
pub async fn put(tx: &mut Tx, service: &ServiceKey, mark: &Mark) -> sqlx::Result<()> {
    let doc = written(mark)?;
    in_tx!(tx, c => sqlx::query(UPSERT)
        .bind(&service.name).bind(&service.environment).bind(&mark.release).bind(&doc)
        .execute(c).await.map(drop))
}

const OF_SERVICE: &str = "SELECT doc FROM mark WHERE service = $1 AND environment = $2";

/// What was decided last of each release of a service that somebody has marked.
pub async fn of_service(db: &Db, service: &ServiceKey) -> sqlx::Result<Vec<Mark>> {
    let rows: Vec<(String,)> = reading!(db, pool => sqlx::query_as(OF_SERVICE)
        .bind(&service.name).bind(&service.environment).fetch_all(pool).await)?;
    rows.iter().map(|(doc,)| read(doc)).collect()
}
