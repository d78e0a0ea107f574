//! Checks the chain of a timeline in the record, beside the bot that may be at work on it.

use super::{
    beside::{Beside, beside},
    micros, moment, timelines,
};
use anyhow::Context;
use jiff::Timestamp;
use rollback_domain::identity::IncidentId;
use rollback_domain::incident::chain::{
    Break, ChainedEvent, Check, EventHash, Unbroken, canonical,
};
use serde_json::{Map, Value};

/// A row of `timeline`: its place, rollback, kind, times, document, and the hash before it.
type Row = (i64, Option<i64>, String, i64, i64, String, Option<String>);

/// How many entries are in memory at once.
const PAGE: i64 = 1_000;

// What is written meanwhile is not in it.
const BEGIN_SQLITE: &str = "BEGIN";
const BEGIN_POSTGRES: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const INCIDENT: &str = "SELECT last_seq, head, head_seq FROM incident WHERE id = $1";
const ROWS: &str = "SELECT seq, rollback, kind, at, recorded_at, doc, previous FROM timeline
    WHERE incident = $1 AND seq > $2 ORDER BY seq LIMIT $3";
/// Why nothing could be read.
const UNREADABLE: &str =
    "the timeline cannot be read: has a bot of this version been started on this record?";

/// Checks an incident's timeline against its head; `None`: there is no such incident.
pub async fn verify(
    record: &mut Beside,
    incident: IncidentId,
) -> anyhow::Result<Option<Result<Unbroken, Break>>> {
    match record {
        Beside::Sqlite(connection) => sqlx::raw_sql(BEGIN_SQLITE)
            .execute(connection)
            .await
            .map(drop),
        Beside::Postgres(connection) => sqlx::raw_sql(BEGIN_POSTGRES)
            .execute(connection)
            .await
            .map(drop),
    }?;
    let verified = verify_snapshot(record, incident).await;
    beside!(record, c => sqlx::raw_sql("ROLLBACK").execute(c).await.map(drop))?;
    verified
}

async fn verify_snapshot(
    record: &mut Beside,
    incident: IncidentId,
) -> anyhow::Result<Option<Result<Unbroken, Break>>> {
    let id = incident.number();
    let found: Option<(i64, Option<String>, Option<i64>)> = beside!(&mut *record, c =>
        sqlx::query_as(INCIDENT).bind(id).fetch_optional(c).await)
    .context(UNREADABLE)?;
    let Some((counted, hash, head_seq)) = found else {
        return Ok(None);
    };
    let mut check = Check::new(incident, timelines::head(hash, head_seq));
    let mut after = i64::MIN;
    loop {
        let rows: Vec<Row> = beside!(&mut *record, c =>
            sqlx::query_as(ROWS).bind(id).bind(after).bind(PAGE).fetch_all(c).await)
        .context(UNREADABLE)?;
        let Some(last) = rows.last() else {
            return Ok(Some(check.end(counted)));
        };
        after = last.0;
        for row in rows {
            if let Err(broken) = event(row).and_then(|event| check.next(&event)) {
                return Ok(Some(Err(broken)));
            }
        }
    }
}

/// The event of a row, if it is as the bot writes it.
fn event(row: Row) -> Result<ChainedEvent, Break> {
    let (seq, rollback, kind, at, recorded_at, doc, previous) = row;
    let not = |why: &str| Break::Unreadable {
        seq,
        why: why.to_owned(),
    };
    let Ok(event) = serde_json::from_str::<Map<String, Value>>(&doc) else {
        return Err(not("its document is no JSON object"));
    };
    // Rows from before are read as they are: what wrote them had rules of its own.
    if previous.is_some() {
        if canonical(&event) != doc {
            return Err(not("its document is spelled in another way"));
        }
        let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
        if text("kind").replace('_', " ") != kind {
            return Err(not("its column `kind` differs from its document"));
        }
        if event.get("rollback").and_then(Value::as_i64) != rollback {
            return Err(not("its column `rollback` differs from its document"));
        }
        if text("at").parse::<Timestamp>().ok().map(micros) != Some(at) {
            return Err(not("its column `at` differs from its document"));
        }
    }
    Ok(ChainedEvent {
        seq,
        recorded_at: moment(recorded_at),
        previous: previous.map(EventHash),
        event,
    })
}
