//! Who has opened the app's Home in Slack, and what it shows them.

use super::{Db, Tx, in_tx, micros, moment, read, reading, written};
use jiff::Timestamp;
use rollback_domain::rollback::Message;
use std::time::Duration;

/// How many people have a Home that is kept up to date; of more, those who opened it last.
const PEOPLE_AT_MOST: i64 = 500;
/// How long a Home is kept up to date that is not opened any more. Opening it begins anew.
const KEPT_FOR: Duration = Duration::from_secs(30 * 86_400);

/// The Home of somebody, as Slack has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The SHA-256 of what was last published; `None`: whatever is published next is new.
    pub published: Option<String>,
    /// What Slack calls that state of the view; `None`: it is not known.
    pub hash: Option<String>,
    /// What came of what they last clicked there, and when; `None`: nothing is to be said.
    pub answer: Option<(Message, Timestamp)>,
}

const OPEN: &str = "INSERT INTO home (person, opened_at) VALUES ($1, $2)
    ON CONFLICT (person) DO UPDATE SET opened_at = excluded.opened_at, published = NULL";
const FORGET_OLD: &str = "DELETE FROM home WHERE opened_at < $1";
const MAKE_ROOM: &str = "DELETE FROM home WHERE person NOT IN
    (SELECT person FROM home ORDER BY opened_at DESC, person LIMIT $1)";

/// Remembers that somebody has opened their Home, and forgets those who have not for long.
pub async fn open(tx: &mut Tx, person: &str, now: Timestamp) -> sqlx::Result<()> {
    let old = now.checked_sub(KEPT_FOR).unwrap_or(now);
    in_tx!(tx, c => {
        sqlx::query(FORGET_OLD).bind(micros(old)).execute(&mut *c).await?;
        sqlx::query(OPEN).bind(person).bind(micros(now)).execute(&mut *c).await?;
        sqlx::query(MAKE_ROOM).bind(PEOPLE_AT_MOST).execute(c).await.map(drop)
    })
}

const PEOPLE: &str = "SELECT person FROM home ORDER BY person";

/// Everybody whose Home is kept up to date, by their Slack ids.
pub async fn people(tx: &mut Tx) -> sqlx::Result<Vec<String>> {
    let rows: Vec<(String,)> = in_tx!(tx, c => sqlx::query_as(PEOPLE).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(person,)| person).collect())
}

const GET: &str = "SELECT published, hash, answer, answered_at FROM home WHERE person = $1";

/// The Home of somebody; `None`: they have not opened it, or not for long.
pub async fn get(db: &Db, person: &str) -> sqlx::Result<Option<Home>> {
    type Row = (Option<String>, Option<String>, Option<String>, Option<i64>);
    let row: Option<Row> =
        reading!(db, pool => sqlx::query_as(GET).bind(person).fetch_optional(pool).await)?;
    row.map(|(published, hash, answer, answered_at)| {
        let answer = answer.map(|answer| read(&answer)).transpose()?;
        Ok(Home {
            published,
            hash,
            answer: answer.zip(answered_at.map(moment)),
        })
    })
    .transpose()
}

const PUBLISHED: &str = "UPDATE home SET published = $2, hash = $3 WHERE person = $1";

/// Remembers what Slack shows somebody now.
pub async fn published(
    tx: &mut Tx,
    person: &str,
    digest: Option<&str>,
    hash: Option<&str>,
) -> sqlx::Result<()> {
    in_tx!(tx, c => sqlx::query(PUBLISHED)
        .bind(person).bind(digest).bind(hash)
        .execute(c).await.map(drop))
}

const ANSWER: &str = "UPDATE home SET answer = $2, answered_at = $3 WHERE person = $1";

/// Remembers what somebody is told in their Home; `false`: they have none.
pub async fn answer(
    tx: &mut Tx,
    person: &str,
    message: &Message,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let doc = written(message)?;
    let answered = in_tx!(tx, c => sqlx::query(ANSWER)
        .bind(person).bind(&doc).bind(micros(now))
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(answered == 1)
}

const FORGET: &str = "DELETE FROM home WHERE person = $1";

/// Keeps the Home of somebody up to date no longer.
pub async fn forget(tx: &mut Tx, person: &str) -> sqlx::Result<()> {
    in_tx!(tx, c => sqlx::query(FORGET).bind(person).execute(c).await.map(drop))
}
