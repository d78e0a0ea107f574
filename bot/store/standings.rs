//! What Slack last said of the people who have a token: believed out of band while Slack is
//! silent, and nowhere else.

use super::{Db, Tx, in_tx, micros, moment, reading};
use jiff::Timestamp;
use rollback_domain::people::{Person, Standing};

/// How a full member is stored.
const MEMBER: &str = "member";

pub(super) const SAW: &str =
    "INSERT INTO standing (person, standing, name, read_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (person) DO UPDATE SET
        standing = excluded.standing, name = excluded.name, read_at = excluded.read_at
    WHERE excluded.read_at >= standing.read_at";

/// A standing as it is stored; `None`: it was not read.
pub fn stored(standing: &Standing) -> Option<&str> {
    match standing {
        Standing::Member => Some(MEMBER),
        Standing::Outsider(what) => Some(what),
        Standing::Unreadable(_) => None,
    }
}

/// Remembers what Slack said of somebody, unless it was asked again meanwhile.
pub async fn saw(
    tx: &mut Tx,
    person: &Person,
    standing: &Standing,
    now: Timestamp,
) -> sqlx::Result<()> {
    let Some(standing) = stored(standing) else {
        return Ok(());
    };
    in_tx!(tx, c => sqlx::query(SAW)
        .bind(&person.id).bind(standing).bind(&person.name).bind(micros(now))
        .execute(c).await.map(drop))
}

const KNOWN: &str = "SELECT standing, name, read_at FROM standing WHERE person = $1";

/// What Slack said of somebody when it last told, their name, and when that was.
pub async fn known(db: &Db, person: &str) -> sqlx::Result<Option<(Standing, Person, Timestamp)>> {
    let row: Option<(String, String, i64)> =
        reading!(db, pool => sqlx::query_as(KNOWN).bind(person).fetch_optional(pool).await)?;
    Ok(row.map(|(standing, name, read_at)| {
        let standing = match standing.as_str() {
            MEMBER => Standing::Member,
            _ => Standing::Outsider("no full member, by what Slack last said"),
        };
        (standing, Person::new(person, name), moment(read_at))
    }))
}
