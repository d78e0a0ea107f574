//! The pages that people read in a browser: what they show, and who may read them.
//!
//! They only read. What people decide, they decide in Slack or with a token, where it is recorded who
//! did. `handlers/web` has the routes and the cookies, `templates/` what the pages look like.

mod blocks;
pub mod board;
mod entries;
mod id_token;
pub mod incident;
mod mrkdwn;
mod not_now;
mod reader;
pub mod rollback;
mod room;
pub mod sign_in;
pub mod stats;

pub use not_now::NotNow;
pub use reader::{Reader, admit};

use crate::{
    App,
    messages::{Names, stamp},
    store::memberships,
};
use rollback_domain::incident::{Actor, Entry};
use serde::Serialize;

/// What stands on every page.
#[derive(Debug, Serialize)]
pub struct Frame<'a> {
    /// The path of the pages: `/web`.
    pub path: &'a str,
    /// Who reads; `None`: somebody who is not signed in.
    pub reader: Option<&'a str>,
    /// When it was read, in UTC.
    pub now: String,
}

impl<'a> Frame<'a> {
    /// The frame of a page that is read now.
    pub fn new(app: &App, path: &'a str, reader: Option<&'a Reader>) -> Self {
        Frame {
            path,
            reader: reader.map(Reader::name),
            now: stamp(app.engine.clock.now()),
        }
    }
}

/// What people are called, by their Slack id: as they were read last, and as they acted here.
async fn names(app: &App, entries: &[Entry]) -> sqlx::Result<Names> {
    let mut names = memberships::names(&app.engine.db).await?;
    names.extend(app.names.all());
    for entry in entries {
        match &entry.event.who {
            Actor::Person(person) => {
                names.insert(person.id.clone(), person.name.clone());
            }
            Actor::Bot | Actor::Platform(_) => {}
        }
    }
    Ok(names)
}
