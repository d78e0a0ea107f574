//! What Slack is answered, in the same breath: as an HTTP response, or with an acknowledgement.

use crate::{commands::Answer, slack::Words};
use axum::{
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// The answer to one input of Slack's, however it came.
#[must_use = "Slack waits for it"]
pub enum Reply {
    /// It was received.
    Received,
    /// It was received, and Slack shows this JSON.
    Shown(String),
    /// It could not be stored: Slack delivers it again, or shows that it did not work.
    NotStored,
    /// It was not taken, because of `[limits]`: Slack shows that it did not work.
    TooMany,
}

impl From<&Answer> for Reply {
    fn from(answer: &Answer) -> Self {
        let private = |words: &Words| encode("ephemeral", words);
        match answer {
            Answer::Shared(shared) => Reply::Shown(shared.encoded(private).to_owned()),
            Answer::Public(words) => Reply::Shown(encode("in_channel", words)),
            Answer::Received
            | Answer::Private(_)
            | Answer::Queued { .. }
            | Answer::Choose { .. }
            | Answer::Declined { .. }
            | Answer::Refused(_) => match answer.words() {
                Some(words) => Reply::Shown(private(&words)),
                None => Reply::Received,
            },
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Reply::Received => StatusCode::OK.into_response(),
            Reply::Shown(json) => {
                let kind = HeaderValue::from_static("application/json");
                ([(CONTENT_TYPE, kind)], json).into_response()
            }
            Reply::NotStored => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Reply::TooMany => StatusCode::TOO_MANY_REQUESTS.into_response(),
        }
    }
}

fn encode(visible_to: &str, words: &Words) -> String {
    let mut body = json!({ "response_type": visible_to, "text": words.text });
    if !words.blocks.is_empty() {
        body["blocks"] = json!(words.blocks);
    }
    body.to_string()
}
