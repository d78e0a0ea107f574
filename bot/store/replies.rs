//! Answers to addresses of our own. A caller of the CLI or the API waits there, and gets the
//! same answer when they ask the same again.

use super::{Db, Tx, in_tx, micros, read, reading, written};
use jiff::Timestamp;
use rollback_domain::rollback::{Message, Rollback};
use serde::{Deserialize, Serialize};

/// What an address of our own begins with; every other one is Slack's.
pub const OURS: &str = "api:";

/// What was said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The code of the refusal, if it was one.
    pub refused: Option<String>,
    /// What was said, in plain words; empty: where the rollback stood says it.
    pub text: String,
    /// The rollback as it was then, if something was done to it.
    pub rollback: Option<Box<Rollback>>,
}

impl From<&Message> for Reply {
    fn from(message: &Message) -> Self {
        Reply {
            refused: message.code().map(str::to_owned),
            text: message.plain(),
            rollback: None,
        }
    }
}

/// Whether an address is one of ours.
pub fn is_ours(address: &str) -> bool {
    address.starts_with(OURS)
}

const PUT: &str = "INSERT INTO reply (address, doc, at) VALUES ($1, $2, $3)
    ON CONFLICT (address) DO NOTHING";

/// Stores an answer for an address; `false`: its caller was answered before, and has gone.
pub async fn put(tx: &mut Tx, address: &str, reply: &Reply, now: Timestamp) -> sqlx::Result<bool> {
    let doc = written(reply)?;
    let put = in_tx!(tx, c => sqlx::query(PUT)
        .bind(address).bind(&doc).bind(micros(now))
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(put == 1)
}

const GET: &str = "SELECT doc FROM reply WHERE address = $1";

/// What was said to an address, if it was by now.
pub async fn get(db: &Db, address: &str) -> sqlx::Result<Option<Reply>> {
    let row: Option<(String,)> =
        reading!(db, pool => sqlx::query_as(GET).bind(address).fetch_optional(pool).await)?;
    row.map(|(doc,)| read(&doc)).transpose()
}

const SWEEP: &str = "DELETE FROM reply WHERE at < $1";

/// Forgets what was said so long ago that nobody asks for it again.
pub async fn sweep(tx: &mut Tx, before: Timestamp) -> sqlx::Result<()> {
    in_tx!(tx, c => sqlx::query(SWEEP).bind(micros(before)).execute(c).await.map(drop))
}
