//! Messages that are or were held in a timeline.

use super::{Db, Tx, in_tx, read, reading, written};
use rollback_domain::identity::IncidentId;
use rollback_domain::incident::Capture;

const FIND: &str = "SELECT incident, doc FROM captured WHERE channel = $1 AND ts = $2";

/// A message that was captured, and in which incident.
pub async fn find(
    tx: &mut Tx,
    channel: &str,
    ts: &str,
) -> sqlx::Result<Option<(IncidentId, Capture)>> {
    let row: Option<(i64, String)> =
        in_tx!(tx, c => sqlx::query_as(FIND).bind(channel).bind(ts).fetch_optional(c).await)?;
    row.map(|(incident, doc)| Ok((IncidentId::new(incident), read(&doc)?)))
        .transpose()
}

/// Whether a message was captured.
pub async fn is_known(db: &Db, channel: &str, ts: &str) -> sqlx::Result<bool> {
    let row: Option<(i64, String)> = reading!(db, pool =>
        sqlx::query_as(FIND).bind(channel).bind(ts).fetch_optional(pool).await)?;
    Ok(row.is_some())
}

const STORE: &str = "INSERT INTO captured (channel, ts, incident, doc) VALUES ($1, $2, $3, $4)
    ON CONFLICT (channel, ts) DO UPDATE SET incident = excluded.incident, doc = excluded.doc";

/// Stores a message as it is known now.
pub async fn store(tx: &mut Tx, incident: IncidentId, capture: &Capture) -> sqlx::Result<()> {
    let doc = written(capture)?;
    let message = &capture.message;
    in_tx!(tx, c => sqlx::query(STORE)
        .bind(&message.channel).bind(&message.ts).bind(incident.number()).bind(&doc)
        .execute(c).await.map(drop))
}
