//! What a request is answered with, and what everything a person can send is turned into.

use crate::slack::{Words, blocks::Mrkdwn};
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rollback_domain::refusal::Refusal;
use serde_json::json;

/// What goes back to Slack in the same breath.
#[must_use = "every input gets an answer"]
pub enum Answer {
    /// Received; nothing to show.
    Received,
    /// For the person alone.
    Whisper(Words),
    /// For everybody in the channel.
    Aloud(Words),
    /// A no, for the person alone, and for the record.
    Refused(Box<Refusal>),
}

impl Answer {
    /// A sentence for the person alone; mrkdwn, escaped already.
    pub fn whisper(text: impl Into<String>) -> Self {
        Answer::Whisper(Words::plain(text))
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (kind, words) = match self {
            Answer::Received => return StatusCode::OK.into_response(),
            Answer::Whisper(words) => ("ephemeral", words),
            Answer::Aloud(words) => ("in_channel", words),
            Answer::Refused(refusal) => ("ephemeral", Words::plain(refusal.say(&Mrkdwn))),
        };
        let mut body = json!({ "response_type": kind, "text": words.text });
        if !words.blocks.is_empty() {
            body["blocks"] = json!(words.blocks);
        }
        Json(body).into_response()
    }
}
