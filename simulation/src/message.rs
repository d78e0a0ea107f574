//! A message as the workspace keeps it, with everything it ever said.

use jiff::Timestamp;
use serde_json::Value;

/// A message in a channel, or one that only a single person sees.
#[derive(Clone, Debug)]
pub struct Message {
    /// The message's id within its channel.
    pub ts: String,
    /// The channel it is in.
    pub channel: String,
    /// Who wrote it.
    pub user: String,
    /// The plain text, which notifications and screen readers use.
    pub text: String,
    /// The Block Kit blocks, with the ids Slack fills in.
    pub blocks: Vec<Value>,
    /// The message whose thread this is in.
    pub thread_ts: Option<String>,
    /// What the app attached for itself.
    pub metadata: Option<Value>,
    /// The ids of attached files.
    pub files: Vec<String>,
    /// The only person who sees it, for an ephemeral message.
    pub only_for: Option<String>,
    /// Who has reacted, each with the name of the reaction.
    pub reactions: Vec<(String, String)>,
    /// Whether it was changed after posting.
    pub edited: bool,
    /// Whether it is gone.
    pub deleted: bool,
    /// Everything it ever said, oldest first; the last one is what it says now.
    pub revisions: Vec<Revision>,
    pub(crate) taken: usize,
}

/// What a message said at one time.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The plain text.
    pub text: String,
    /// The blocks.
    pub blocks: Vec<Value>,
    /// The attached metadata.
    pub metadata: Option<Value>,
    /// When it began to say so.
    pub at: Timestamp,
}

/// A file somebody can open.
#[derive(Clone, Debug)]
pub struct File {
    /// The file's id.
    pub id: String,
    /// The file's name.
    pub name: String,
    /// The title it was shared under.
    pub title: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The channel it was shared in, once it was.
    pub channel: Option<String>,
    /// The thread it was shared in.
    pub thread_ts: Option<String>,
}

/// Something that the app sent, as it was read at that time.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Who could read it, for instance `#ops`, `a thread in #ops` or `@maya alone`.
    pub to: String,
    /// How it read, one line each, without its author.
    pub text: String,
}

impl Message {
    /// Whether this is the start of a conversation rather than an answer in a thread.
    pub(crate) fn is_top(&self) -> bool {
        self.thread_ts
            .as_ref()
            .is_none_or(|thread| *thread == self.ts)
    }

    /// Whether something was said that nobody has taken yet.
    pub(crate) fn is_new(&self) -> bool {
        !self.deleted && self.revisions.len() > self.taken
    }

    /// Whether this person can see it.
    pub(crate) fn is_visible_to(&self, person: &str) -> bool {
        !self.deleted && self.only_for.as_deref().is_none_or(|only| only == person)
    }
}
