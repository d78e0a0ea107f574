//! Reads the SQL of migrations and says what an earlier release meets when it runs on the schema
//! that they left. Nothing is run and nothing is connected to: [`judge`] is a function of texts.
//!
//! The dialect is PostgreSQL's. What the parser does not know, and what only the database could
//! tell, is never called safe.

mod blocks;
mod changes;
mod columns;
mod known;
mod objects;
#[cfg(test)]
mod page;
mod statements;

use known::Known;
use std::fmt;

/// What a change means for the release that ran before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The earlier release does not notice.
    Additive,
    /// The earlier release does not notice, and rows that it writes lack a value: they are filled
    /// before anybody goes forward again.
    NeedsBackfill,
    /// Only the database, or a person, could tell.
    Unknown,
    /// Rows were changed, and going back to earlier code does not change them back.
    ChangesData,
    /// The earlier release may fail: what it reads, writes or relies on is gone or stricter.
    BreaksOlderCode,
}

/// One change that a migration makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it means for the earlier release.
    pub effect: Effect,
    /// What is done, in the words of SQL, to what: `DROP COLUMN orders.tax_old`. On one line, at
    /// most [`NAMED_AT_MOST`] characters.
    pub statement: String,
    /// Why it has that effect: a part of a sentence that follows a colon.
    pub why: &'static str,
}

/// How many characters of a statement are told.
pub const NAMED_AT_MOST: usize = 120;

impl Change {
    fn new(effect: Effect, statement: impl fmt::Display, why: &'static str) -> Self {
        Self {
            effect,
            statement: on_one_line(&statement.to_string()),
            why,
        }
    }
}

/// Whether an earlier release works on what migrations left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Every change was read, and an earlier release notices none of them.
    Safe,
    /// Something could not be read, and nothing that was read speaks against going back.
    Unknown,
    /// Something that was read may make an earlier release fail, or stays changed.
    Caution,
}

impl Verdict {
    /// The verdict of these changes: the worst of them decides.
    pub fn of(changes: &[Change]) -> Self {
        match changes.iter().map(|change| change.effect).max() {
            None | Some(Effect::Additive | Effect::NeedsBackfill) => Self::Safe,
            Some(Effect::Unknown) => Self::Unknown,
            Some(Effect::ChangesData | Effect::BreaksOlderCode) => Self::Caution,
        }
    }
}

/// How much of one migration is read, in bytes. What is longer is not read, and is not safe.
pub const READ_AT_MOST: usize = 1024 * 1024;

/// The changes that migrations make, each with those of its own text, in the order in which they
/// ran. What an earlier one has created, the release before all of them does not know: a later
/// one may do with it what it likes.
///
/// The parser recurses: it has a thread with a stack of its own, and where there is none to be
/// had, nothing is safe.
pub fn judge(migrations: &[&str]) -> Vec<Vec<Change>> {
    let judged = std::thread::scope(|scope| {
        let reading = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, || {
                let mut known = Known::default();
                migrations
                    .iter()
                    .map(|sql| changes::read(sql, &mut known))
                    .collect()
            });
        reading.ok().and_then(|thread| thread.join().ok())
    });
    judged.unwrap_or_else(|| {
        let unread = Change::new(Effect::Unknown, "the whole text", "it could not be read");
        vec![vec![unread]; migrations.len()]
    })
}

/// The stack of the thread on which a text is parsed, in bytes. Only what is used of it is held.
const STACK: usize = 64 * 1024 * 1024;

/// A text on one line, cut with an ellipsis at [`NAMED_AT_MOST`] characters. Values between single
/// quotation marks are left out: one may be a secret.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for (at, part) in text.split('\'').enumerate() {
        match at % 2 {
            0 => line.push_str(part),
            _ => line.push_str("'…'"),
        }
    }
    let line = line.replace("'…''…'", "'…'");
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= NAMED_AT_MOST {
        return line;
    }
    let mut cut: String = line.chars().take(NAMED_AT_MOST - 1).collect();
    cut.push('…');
    cut
}
