//! The form in which somebody puts a message into the timeline: when it happened, and what there is
//! to say about it.

use super::blocks::{cut, inline, plain, section, text_input};
use rollback_domain::incident::{CapturedMessage, MessageAuthor};
use serde::{Deserialize, Serialize};
use slack_morphism::prelude::*;

/// What Slack calls this form when it is saved.
pub const CALLBACK: &str = "capture";
/// The input for when it happened.
pub const AT: &str = "at";
/// The input for a comment.
pub const COMMENT: &str = "comment";
/// The longest comment, in characters.
pub const COMMENT_AT_MOST: usize = 500;

/// Which message the form is about, and for whom it was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The only person who can send the form.
    pub person: String,
    /// The channel of the message.
    pub channel: String,
    /// The message's id within the channel.
    pub ts: String,
    /// The address at which they are told what comes of it; `None`: in the channel.
    pub reply_to: Option<String>,
}

/// The form for a message.
pub fn form(about: &About, external_id: &str, message: &CapturedMessage) -> SlackView {
    let author = match &message.author {
        MessageAuthor::Person(id) => super::blocks::mention(id),
        MessageAuthor::App(name) => inline(name, 80),
    };
    let text = inline(&message.text, 500);
    let at = text_input(AT, "When it happened", "", 40, false).with_hint(plain(
        "-5m, 03:07 by your own clock, yesterday 23:50. Empty: when the message was written.",
        2000,
    ));
    let comment = text_input(COMMENT, "Comment", "", COMMENT_AT_MOST, true);
    let blocks = vec![
        section(&format!("{author}: {text}")),
        at.with_optional(true).into(),
        comment.with_optional(true).into(),
    ];
    SlackView::Modal(
        SlackModalView::new(plain("Add to timeline", 24), blocks)
            .with_callback_id(CALLBACK.into())
            .with_external_id(cut(external_id, 255))
            .with_close(plain("Go back", 24))
            .with_submit(plain("Add", 24))
            .with_private_metadata(serde_json::to_string(about).unwrap_or_default()),
    )
}
