//! Tokens: who may act without Slack, and until when. Of a token only its SHA-256 is stored.

use super::{
    Db,
    beside::{Beside, beside},
    in_tx, micros, moment, reading,
};
use anyhow::Context;
use jiff::Timestamp;
use rollback_domain::people::Person;
use sha2::{Digest, Sha256};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// The variable that has a token: an argument could be read by everybody on the machine.
pub const TOKEN: &str = "ROLLBACK_BOT_TOKEN";
/// What the token of a person begins with, so that it is recognised where it does not belong.
const OF_PEOPLE: &str = "rbt_";
/// What the token of an agent begins with. Versions that know no agents take it for no token of
/// theirs, and never for the person's who is responsible.
const OF_AGENTS: &str = "rba_";
/// How many random bytes make a token.
const SECRET_BYTES: usize = 32;
/// How many random bytes make its id.
const ID_BYTES: usize = 5;
/// How exactly it is known when a token was last used: a status that is asked for every second
/// is not worth a commit each time.
const USED_EVERY: Duration = Duration::from_secs(60);

/// A token, without what makes it one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its id, by which it is listed and revoked.
    pub id: String,
    /// Whose it is. Of an agent's token: the agent, with who was responsible for it when it was made.
    pub person: Person,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was taken back, if it was.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl Token {
    /// Why it counts for nothing at `now`, as a clause; `None`: it counts.
    pub fn spent(&self, now: Timestamp) -> Option<String> {
        let on = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        match self.revoked_at {
            Some(at) => Some(format!("it was revoked on {}", on(at))),
            None if self.expires_at <= now => Some(format!("it ended on {}", on(self.expires_at))),
            None => None,
        }
    }
}

/// A new token for somebody, to be shown once, and its row.
///
/// Fails when the machine has no random numbers.
pub fn make(person: Person, now: Timestamp, lives: Duration) -> anyhow::Result<(String, Token)> {
    let id = random(ID_BYTES)?;
    let begins = match person.agent {
        Some(_) => OF_AGENTS,
        None => OF_PEOPLE,
    };
    let secret = format!("{begins}{id}{}", random(SECRET_BYTES)?);
    let token = Token {
        id,
        person,
        created_at: now,
        expires_at: now
            .checked_add(lives)
            .context("that is too far in the future")?,
        revoked_at: None,
        last_used_at: None,
    };
    Ok((secret, token))
}

/// So many random bytes, in hex.
///
/// Fails when the machine has none.
pub fn random(bytes: usize) -> anyhow::Result<String> {
    let mut some = vec![0; bytes];
    getrandom::fill(&mut some).context("this machine gives no random numbers")?;
    Ok(hex::encode(some))
}

fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

/// Whether this looks like the token of an agent.
pub fn is_of_agent(secret: &str) -> bool {
    secret.starts_with(OF_AGENTS)
}

/// The id in something that looks like a token.
fn id_of(secret: &str) -> Option<&str> {
    let rest = secret
        .strip_prefix(OF_PEOPLE)
        .or_else(|| secret.strip_prefix(OF_AGENTS))?;
    let whole = rest.len() == 2 * (ID_BYTES + SECRET_BYTES)
        && rest.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    whole.then(|| &rest[..2 * ID_BYTES])
}

/// A row as the database has it.
#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    person: String,
    name: String,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
    agent: Option<String>,
}

fn token(row: Row) -> Token {
    let Row {
        id,
        person,
        name,
        created_at: created,
        expires_at: expires,
        revoked_at: revoked,
        last_used_at: used,
        agent,
    } = row;
    Token {
        id,
        person: Person {
            agent: agent.map(String::into_boxed_str),
            ..Person::new(person, name)
        },
        created_at: moment(created),
        expires_at: moment(expires),
        revoked_at: revoked.map(moment),
        last_used_at: used.map(moment),
    }
}

/// A row with the hash of its token.
#[derive(sqlx::FromRow)]
struct Hashed {
    hash: String,
    #[sqlx(flatten)]
    row: Row,
}

const BY_ID: &str =
    "SELECT hash, id, person, name, created_at, expires_at, revoked_at, last_used_at, agent
    FROM token WHERE id = $1";

/// The token that this is, spent or not; `None`: it is none of ours.
pub async fn find(db: &Db, secret: &str) -> sqlx::Result<Option<Token>> {
    let Some(id) = id_of(secret) else {
        return Ok(None);
    };
    let found: Option<Hashed> =
        reading!(db, pool => sqlx::query_as(BY_ID).bind(id).fetch_optional(pool).await)?;
    Ok(found.and_then(|Hashed { hash: stored, row }| {
        let same: bool = stored.as_bytes().ct_eq(hash(secret).as_bytes()).into();
        same.then(|| token(row))
    }))
}

const USED: &str = "UPDATE token SET last_used_at = $2 WHERE id = $1";

/// Remembers that a token was used, unless that was remembered a moment ago.
pub async fn used(db: &Db, token: &Token, now: Timestamp) -> sqlx::Result<()> {
    let lately = now.checked_sub(USED_EVERY).unwrap_or(now);
    if token.last_used_at.is_some_and(|at| at > lately) {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    in_tx!(&mut tx, c => sqlx::query(USED).bind(&token.id).bind(micros(now)).execute(c).await.map(drop))?;
    tx.commit().await
}

const OWNERS: &str = "SELECT person, min(name) FROM token
    WHERE revoked_at IS NULL AND expires_at > $1 GROUP BY person ORDER BY person";

/// The person whose token this is, if it is valid.
pub async fn owners(db: &Db, now: Timestamp) -> sqlx::Result<Vec<Person>> {
    let rows: Vec<(String, String)> =
        reading!(db, pool => sqlx::query_as(OWNERS).bind(micros(now)).fetch_all(pool).await)?;
    Ok(rows
        .into_iter()
        .map(|(id, name)| Person::new(id, name))
        .collect())
}

const INSERT: &str = "INSERT INTO token (id, person, name, hash, created_at, expires_at, agent)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const MEMBERSHIP: &str = super::memberships::UPSERT;
const LIST: &str =
    "SELECT id, person, name, created_at, expires_at, revoked_at, last_used_at, agent
    FROM token ORDER BY created_at, id";
const REVOKE: &str = "UPDATE token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";

impl Beside {
    /// Stores a new token, and what Slack said of its owner if it was asked.
    pub async fn insert(
        &mut self,
        secret: &str,
        token: &Token,
        membership: Option<&str>,
    ) -> anyhow::Result<()> {
        let hash = hash(secret);
        let stored = beside!(self, c => sqlx::query(INSERT)
            .bind(&token.id).bind(&token.person.id).bind(&token.person.name).bind(&hash)
            .bind(micros(token.created_at)).bind(micros(token.expires_at)).bind(token.person.agent.as_deref())
            .execute(c).await.map(drop));
        stored.context(
            "the token cannot be stored: has a bot of this version been started on this record?",
        )?;
        if let Some(membership) = membership {
            beside!(self, c => sqlx::query(MEMBERSHIP)
                .bind(&token.person.id).bind(membership).bind(&token.person.name)
                .bind(micros(token.created_at)).bind(None::<String>).bind(None::<i64>)
                .execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Every token, oldest first.
    pub async fn list(&mut self) -> anyhow::Result<Vec<Token>> {
        let rows: Vec<Row> = beside!(self, c => sqlx::query_as(LIST).fetch_all(c).await).context(
            "the tokens cannot be read: has a bot of this version been started on this record?",
        )?;
        Ok(rows.into_iter().map(token).collect())
    }

    /// Takes a token back; `false`: there is none of this id that was not taken back before.
    pub async fn revoke(&mut self, id: &str, now: Timestamp) -> anyhow::Result<bool> {
        let revoked = beside!(self, c => sqlx::query(REVOKE)
            .bind(id).bind(micros(now)).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(revoked == 1)
    }
}

#[cfg(test)]
mod tests;
