//! What Slack last said of the people who have a token: used from the CLI and the API while Slack is
//! silent, and nowhere else.

use super::{Db, Tx, in_tx, micros, moment, reading};
use jiff::Timestamp;
use rollback_domain::people::{Membership, Person, Zone};
use std::collections::BTreeMap;

/// How a full member is stored.
const MEMBER: &str = "member";

pub(super) const UPSERT: &str =
    "INSERT INTO standing (person, standing, name, read_at, zone, utc_offset) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (person) DO UPDATE SET
        standing = excluded.standing, name = excluded.name, read_at = excluded.read_at,
        zone = COALESCE(excluded.zone, standing.zone),
        utc_offset = COALESCE(excluded.utc_offset, standing.utc_offset)
    WHERE excluded.read_at >= standing.read_at";

/// A membership as it is stored; `None`: it was not read.
pub fn stored(membership: &Membership) -> Option<&str> {
    match membership {
        Membership::Member => Some(MEMBER),
        Membership::Outsider(what) => Some(what),
        Membership::Unreadable(_) => None,
    }
}

/// Remembers what Slack said of somebody, unless it was asked again meanwhile.
pub async fn record(
    tx: &mut Tx,
    person: &Person,
    membership: &Membership,
    zone: Option<&Zone>,
    now: Timestamp,
) -> sqlx::Result<()> {
    let Some(membership) = stored(membership) else {
        return Ok(());
    };
    in_tx!(tx, c => sqlx::query(UPSERT)
        .bind(&person.id).bind(membership).bind(&person.name).bind(micros(now))
        .bind(zone.map(|zone| zone.name.as_str())).bind(zone.map(|zone| i64::from(zone.utc_offset)))
        .execute(c).await.map(drop))
}

const ZONE: &str = "SELECT zone, utc_offset FROM standing WHERE person = $1";

/// The time zone of somebody, as last read; `None`: it was not read, or Slack does not say.
pub async fn zone(db: &Db, person: &str) -> sqlx::Result<Option<Zone>> {
    let row: Option<(Option<String>, Option<i64>)> =
        reading!(db, pool => sqlx::query_as(ZONE).bind(person).fetch_optional(pool).await)?;
    let (name, utc_offset) = row.unwrap_or_default();
    Ok(name.zip(utc_offset).map(|(name, utc_offset)| Zone {
        name,
        utc_offset: i32::try_from(utc_offset).unwrap_or_default(),
    }))
}

const NAMES: &str = "SELECT person, name FROM standing ORDER BY read_at DESC LIMIT 5000";

/// What people are called, by their Slack id, of those who were read last.
pub async fn names(db: &Db) -> sqlx::Result<BTreeMap<String, String>> {
    let rows: Vec<(String, String)> =
        reading!(db, pool => sqlx::query_as(NAMES).fetch_all(pool).await)?;
    Ok(rows.into_iter().collect())
}

const KNOWN: &str = "SELECT standing, name, read_at FROM standing WHERE person = $1";

/// What Slack last said of somebody, their name, and when that was.
pub async fn last_known(
    db: &Db,
    person: &str,
) -> sqlx::Result<Option<(Membership, Person, Timestamp)>> {
    let row: Option<(String, String, i64)> =
        reading!(db, pool => sqlx::query_as(KNOWN).bind(person).fetch_optional(pool).await)?;
    Ok(row.map(|(membership, name, read_at)| {
        let membership = match membership.as_str() {
            MEMBER => Membership::Member,
            _ => Membership::Outsider("not one of them, as Slack last answered"),
        };
        (membership, Person::new(person, name), moment(read_at))
    }))
}
