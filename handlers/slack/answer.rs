//! Writes answers for Slack: as JSON in the same breath, or as a message that a job sends.

use crate::{commands::Answer, slack::Words};
use axum::{
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// The answer to a request that shows what it is answered with.
pub fn respond(answer: &Answer) -> Response {
    let private = |words: &Words| encode("ephemeral", words);
    match answer {
        Answer::Shared(shared) => body(shared.encoded(private).to_owned()),
        Answer::Public(words) => body(encode("in_channel", words)),
        Answer::Received
        | Answer::Private(_)
        | Answer::Queued { .. }
        | Answer::Choose { .. }
        | Answer::Declined { .. }
        | Answer::Refused(_) => match answer.words() {
            Some(words) => body(private(&words)),
            None => StatusCode::OK.into_response(),
        },
    }
}

fn body(json: String) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind)], json).into_response()
}

fn encode(visible_to: &str, words: &Words) -> String {
    let mut body = json!({ "response_type": visible_to, "text": words.text });
    if !words.blocks.is_empty() {
        body["blocks"] = json!(words.blocks);
    }
    body.to_string()
}
