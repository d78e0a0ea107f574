//! Entries of a timeline on a page: the latest first, as many as there is room for.

use super::room::{Room, escaped_length};
use crate::messages::{Line, Names, readable};
use rollback_domain::incident::Entry;
use serde::Serialize;

/// How many entries a page has at most.
pub(super) const ENTRIES_AT_MOST: i64 = 60;
/// How much of a page they take, in bytes.
const ROOM: usize = 20_000;
/// What an entry takes besides its texts, in bytes.
const BESIDES: usize = 330;

/// The entries of a page.
#[derive(Debug, Serialize)]
pub(super) struct Entries {
    /// The latest first.
    lines: Vec<Line>,
    /// The number before which the next page begins; `None`: there are no earlier ones.
    earlier: Option<i64>,
}

impl Entries {
    /// A page of these, the latest first, of which there are at most [`ENTRIES_AT_MOST`] and one more.
    pub(super) fn of(entries: &[Entry], names: &Names) -> Self {
        let mut room = Room::new(ROOM);
        let mut lines: Vec<Line> = vec![];
        let most = usize::try_from(ENTRIES_AT_MOST).unwrap_or(usize::MAX);
        for entry in entries.iter().take(most) {
            let line = Line::of(entry, names, readable);
            let length = BESIDES + escaped_length(&line.text) + escaped_length(&line.who);
            // One that is longer than a page is on one of its own.
            if !room.take(length) && !lines.is_empty() {
                break;
            }
            lines.push(line);
        }
        let earlier = lines.last().map(|line| line.seq);
        Entries {
            earlier: earlier.filter(|_| lines.len() < entries.len()),
            lines,
        }
    }
}
