//! When somebody last reviewed a service, a role, the contacts or the decision matrix.

use super::{
    Db, Tx,
    beside::{Beside, beside},
    in_tx, micros, read, reading, written,
};
use rollback_domain::procedure::{LastReview, LastReviews, Procedure};

const UPSERT: &str = "INSERT INTO review (subject, reviewed_at, doc) VALUES ($1, $2, $3)
    ON CONFLICT (subject) DO UPDATE SET reviewed_at = excluded.reviewed_at, doc = excluded.doc";

/// Remembers a review in place of the one before.
pub async fn record(tx: &mut Tx, procedure: &Procedure, review: &LastReview) -> sqlx::Result<()> {
    let doc = written(review)?;
    in_tx!(tx, c => sqlx::query(UPSERT)
        .bind(procedure.typed()).bind(micros(review.at)).bind(&doc)
        .execute(c).await.map(drop))
}

const ALL: &str = "SELECT subject, doc FROM review";

/// Every last review.
pub async fn all(db: &Db) -> sqlx::Result<LastReviews> {
    let rows: Vec<(String, String)> =
        reading!(db, pool => sqlx::query_as(ALL).fetch_all(pool).await)?;
    by_subject(rows)
}

impl Beside {
    /// Every last review.
    pub async fn reviews(&mut self) -> sqlx::Result<LastReviews> {
        let rows: Vec<(String, String)> =
            beside!(self, c => sqlx::query_as(ALL).fetch_all(c).await)?;
        by_subject(rows)
    }
}

fn by_subject(rows: Vec<(String, String)>) -> sqlx::Result<LastReviews> {
    let rows = rows.into_iter();
    rows.map(|(subject, doc)| Ok((subject, read(&doc)?)))
        .collect()
}
