//! `done` or `not-done`: whether something was done, said by a person.

use super::words::{Words, bare};

/// Reads whether it was done; `None` if the next words do not say so.
pub(super) fn outcome(words: &mut Words<'_>) -> Option<bool> {
    let mut next = || match words.marked_reason() {
        Some(_) => None,
        None => words.next().map(|word| bare(word).to_ascii_lowercase()),
    };
    match next()?.as_str() {
        "done" => Some(true),
        "not-done" | "not_done" | "undone" => Some(false),
        "not" => (next()? == "done").then_some(false),
        _ => None,
    }
}

/// As it is printed.
pub(super) fn name(done: bool) -> &'static str {
    if done { "done" } else { "not-done" }
}
