//! Who is signed in to the pages. Of what a browser keeps only the SHA-256 is stored.

use super::{Db, in_tx, micros, reading};
use jiff::Timestamp;
use rollback_domain::people::Person;
use sha2::{Digest, Sha256};

/// How many sessions one person has at once; of more, those that end first are gone.
const OF_ONE_AT_MOST: i64 = 20;

fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

const SWEEP: &str = "DELETE FROM web_session WHERE expires_at <= $1";
const MAKE_ROOM: &str = "DELETE FROM web_session WHERE person = $1 AND digest NOT IN
    (SELECT digest FROM web_session WHERE person = $1 ORDER BY expires_at DESC, digest LIMIT $2)";
const INSERT: &str =
    "INSERT INTO web_session (digest, person, name, expires_at) VALUES ($1, $2, $3, $4)";

/// Stores a session of somebody until it ends, and forgets those that have ended.
pub async fn open(
    db: &Db,
    secret: &str,
    person: &Person,
    now: Timestamp,
    ends_at: Timestamp,
) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    in_tx!(&mut tx, c => {
        sqlx::query(SWEEP).bind(micros(now)).execute(&mut *c).await?;
        sqlx::query(MAKE_ROOM).bind(&person.id).bind(OF_ONE_AT_MOST - 1).execute(&mut *c).await?;
        sqlx::query(INSERT)
            .bind(digest(secret)).bind(&person.id).bind(&person.name).bind(micros(ends_at))
            .execute(c).await.map(drop)
    })?;
    tx.commit().await
}

const FIND: &str = "SELECT person, name FROM web_session WHERE digest = $1 AND expires_at > $2";

/// The person whose session this is; `None`: there is none, or it has ended.
///
/// What is searched for is a digest, so that the time it takes tells nothing of what is stored.
pub async fn find(db: &Db, secret: &str, now: Timestamp) -> sqlx::Result<Option<Person>> {
    let row: Option<(String, String)> = reading!(db, pool => sqlx::query_as(FIND)
        .bind(digest(secret)).bind(micros(now)).fetch_optional(pool).await)?;
    Ok(row.map(|(id, name)| Person::new(id, name)))
}

const END: &str = "DELETE FROM web_session WHERE digest = $1";

/// Ends a session.
pub async fn end(db: &Db, secret: &str) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    in_tx!(&mut tx, c => sqlx::query(END).bind(digest(secret)).execute(c).await.map(drop))?;
    tx.commit().await
}

const END_ALL: &str = "DELETE FROM web_session WHERE person = $1";

/// Ends every session of somebody.
pub async fn end_all(db: &Db, person: &str) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    in_tx!(&mut tx, c => sqlx::query(END_ALL).bind(person).execute(c).await.map(drop))?;
    tx.commit().await
}
