//! What a request is answered with, and what everything a person can send is turned into.

use crate::slack::{Words, blocks::Mrkdwn};
use axum::{
    Json,
    body::Bytes,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use rollback_domain::refusal::Refusal;
use serde_json::{Value, json};
use std::sync::Arc;

/// What goes back to Slack in the same breath.
#[derive(Clone, Debug)]
#[must_use = "every input gets an answer"]
pub enum Answer {
    /// Received; nothing to show.
    Received,
    /// For the person alone.
    Whisper(Words),
    /// The same, for several people who asked in the same moment.
    Shared(Arc<Rendered>),
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

/// What several people are told, written once.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The words.
    pub words: Words,
    body: Bytes,
}

impl From<Words> for Rendered {
    fn from(words: Words) -> Self {
        let body = body("ephemeral", &words).to_string().into();
        Self { words, body }
    }
}

fn body(kind: &str, words: &Words) -> Value {
    let mut body = json!({ "response_type": kind, "text": words.text });
    if !words.blocks.is_empty() {
        body["blocks"] = json!(words.blocks);
    }
    body
}

impl Answer {
    /// What became of the input, for counting.
    pub fn status(&self) -> &'static str {
        match self {
            Answer::Refused(refusal) if matches!(**refusal, Refusal::Busy { .. }) => "busy",
            Answer::Refused(_) => "refused",
            Answer::Received | Answer::Whisper(_) | Answer::Shared(_) | Answer::Aloud(_) => {
                "answered"
            }
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (kind, words) = match self {
            Answer::Received => return StatusCode::OK.into_response(),
            Answer::Whisper(words) => ("ephemeral", words),
            Answer::Shared(rendered) => {
                let json = HeaderValue::from_static("application/json");
                return ([(CONTENT_TYPE, json)], rendered.body.clone()).into_response();
            }
            Answer::Aloud(words) => ("in_channel", words),
            Answer::Refused(refusal) => ("ephemeral", Words::plain(refusal.say(&Mrkdwn))),
        };
        Json(body(kind, &words)).into_response()
    }
}
