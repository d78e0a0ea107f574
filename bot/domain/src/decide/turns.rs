//! Turns and endings, each in a message of its own that mentions those whom it concerns: who asked,
//! who approved it, and who ran it as an emergency.

use super::*;

impl Draft {
    /// An ending before anything was run, in the channel. `by` has decided it and knows.
    pub(super) fn tell_ending(&mut self, what: &str, by: Option<&Person>, key: &str) {
        let next = format!(
            "To propose it again: `{}`.",
            Message::quoted(&self.rollback.command_again())
        );
        self.tell(
            &format!("{what} Nothing was changed. {next}"),
            by,
            false,
            key,
        );
    }

    /// A turn after which it waits for somebody, in the card's thread. `by` has led to it and knows.
    pub(super) fn tell_turn(&mut self, what: &str, by: Option<&Person>, key: &str) {
        self.tell(what, by, true, key);
    }

    /// The rollback with what it changes: `RB-41 (frontend (production), v214 → v213)`.
    pub(super) fn named_change(&self) -> String {
        let change = self.change().to_string();
        format!("{} ({})", self.rollback.id, Message::quoted(&change))
    }

    /// The same in the thread or the channel.
    pub(super) fn tell(&mut self, what: &str, by: Option<&Person>, in_thread: bool, key: &str) {
        let people: Vec<String> = self
            .rollback
            .concerned()
            .into_iter()
            .map(|addressee| addressee.person)
            .filter(|id| by.is_none_or(|by| by.id != *id))
            .collect();
        if people.is_empty() {
            return;
        }
        let text = format!("{}: {}", whom(people.len()), Message::unmarked(what));
        // Of a part of a group the channel is told by the group.
        let in_thread = in_thread || self.rollback.part_of.is_some();
        self.post(text, people, in_thread, key);
    }
}

/// What stands for so many people who are mentioned.
pub(super) fn whom(count: usize) -> String {
    let marks: Vec<String> = (0..count).map(Message::whom).collect();
    list(&marks, "and")
}

/// A reason as the end of a clause: `: "not now"`; empty if there is none.
pub(super) fn reason(because: Option<&str>) -> String {
    because.map_or_else(String::new, |because| {
        format!(": \"{}\"", Message::quoted(because))
    })
}

/// Somebody by their name, who is not pinged by it.
pub(super) fn named(person: &Person) -> String {
    format!("@{}", Message::quoted(&person.name))
}
