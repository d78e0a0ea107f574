//! Messages that people put into a timeline by a reaction or a shortcut.
//!
//! A captured message is evidence: what becomes of it afterwards is recorded beside what it said
//! first, and never in its place.

use super::CaptureFact;
use serde::{Deserialize, Serialize};

/// The shortcut *Add to timeline*, as Slack knows it; also what holds a message that was captured by
/// it.
pub const SHORTCUT: &str = "add_to_timeline";

/// The shortcut *Propose a rollback*, as Slack knows it; also what holds a message from which a
/// rollback was proposed.
pub const PROPOSE_SHORTCUT: &str = "propose_rollback";

/// A message of a channel, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedMessage {
    /// The Slack id of its channel.
    pub channel: String,
    /// Its id within the channel.
    pub ts: String,
    /// Who wrote it.
    pub author: MessageAuthor,
    /// What it says, as one plain line.
    pub text: String,
    /// What is attached to it.
    #[serde(default)]
    pub files: Vec<AttachedFile>,
    /// Where it is; `None`: the address of the workspace was not known.
    #[serde(default)]
    pub link: Option<String>,
    /// What the person says of it who put it into the timeline; `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageAuthor {
    /// A person, by Slack id.
    Person(String),
    /// An app, by what it calls itself.
    App(String),
}

/// A file in Slack. Its content is not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedFile {
    /// What it is called.
    pub name: String,
    /// Where it is; `None`: Slack does not say.
    pub link: Option<String>,
}

/// A message that was captured, as it is known now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// The message as it was last seen.
    pub message: CapturedMessage,
    /// By what it is held in the timeline: each person with their reaction or shortcut.
    pub pins: Vec<CapturedBy>,
}

/// What holds a message in a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedBy {
    /// The Slack id of the person.
    pub person: String,
    /// The name of the reaction, or [`SHORTCUT`].
    pub by: String,
}

/// What happens to a message that is captured, or is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureChange {
    /// Somebody puts it into the timeline.
    Pinned {
        /// By what.
        pin: CapturedBy,
        /// The message.
        message: CapturedMessage,
        /// Whether they say something of it themselves: when it happened, or a comment. That is
        /// recorded also of a message that is in the timeline already.
        is_remark: bool,
    },
    /// Somebody takes that back.
    Unpinned {
        /// By what it was put there.
        pin: CapturedBy,
    },
    /// It says something else now.
    Edited {
        /// What it says, as one plain line.
        text: String,
        /// What is attached to it.
        files: Vec<AttachedFile>,
    },
    /// It is gone from the channel.
    Deleted,
}

impl Capture {
    /// Decides what a change makes of a message, with what is to be recorded; `None`: nothing
    /// changes.
    pub fn change(
        known: Option<&Capture>,
        change: CaptureChange,
    ) -> Option<(Capture, Option<CaptureFact>)> {
        match (known.cloned(), change) {
            (None, CaptureChange::Pinned { pin, message, .. }) => {
                let fact = CaptureFact::Captured(message.clone());
                let capture = Capture {
                    message,
                    pins: vec![pin],
                };
                Some((capture, Some(fact)))
            }
            (
                None,
                CaptureChange::Unpinned { .. }
                | CaptureChange::Edited { .. }
                | CaptureChange::Deleted,
            ) => None,
            (
                Some(capture),
                CaptureChange::Pinned {
                    pin,
                    message,
                    is_remark,
                },
            ) => capture.pinned(pin, message, is_remark),
            (Some(capture), CaptureChange::Unpinned { pin }) => capture.unpinned(&pin),
            (Some(mut capture), CaptureChange::Edited { text, files }) => {
                let message = &mut capture.message;
                if capture.pins.is_empty() || (message.text == text && message.files == files) {
                    return None;
                }
                message.text.clone_from(&text);
                message.files.clone_from(&files);
                let fact = CaptureFact::CaptureRevised(message.clone());
                Some((capture, Some(fact)))
            }
            (Some(mut capture), CaptureChange::Deleted) => {
                let fact = CaptureFact::CaptureDeleted(capture.message.clone());
                let was_held = !capture.pins.is_empty();
                capture.pins.clear();
                was_held.then_some((capture, Some(fact)))
            }
        }
    }

    fn pinned(
        mut self,
        pin: CapturedBy,
        message: CapturedMessage,
        is_remark: bool,
    ) -> Option<(Capture, Option<CaptureFact>)> {
        let is_held = self.pins.contains(&pin);
        if is_held && !is_remark {
            return None;
        }
        let fact =
            (self.pins.is_empty() || is_remark).then(|| CaptureFact::Captured(message.clone()));
        if fact.is_some() {
            self.message = message;
        }
        if !is_held {
            self.pins.push(pin);
        }
        Some((self, fact))
    }

    fn unpinned(mut self, pin: &CapturedBy) -> Option<(Capture, Option<CaptureFact>)> {
        let held = self.pins.len();
        self.pins.retain(|held| held != pin);
        if self.pins.len() == held {
            return None;
        }
        let fact = self
            .pins
            .is_empty()
            .then(|| CaptureFact::CaptureWithdrawn(self.message.clone()));
        Some((self, fact))
    }
}

#[cfg(test)]
mod tests;
