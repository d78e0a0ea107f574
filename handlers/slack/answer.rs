//! Writes answers for Slack: as JSON in the same breath, or as a message that a job sends.

use crate::{
    commands::Answer,
    slack::{
        Words,
        action::Action,
        blocks::{Mrkdwn, actions, section},
    },
};
use axum::{
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use rollback_domain::{grammar::verbs::Propose, refusal::Refusal};
use serde_json::json;

/// How many environments there are buttons for: a row holds no more.
const CHOICES_AT_MOST: usize = 5;

/// The answer in the body of the HTTP response, for requests of which Slack shows it.
pub fn respond(answer: Answer) -> Response {
    let private = |words: &Words| encode("ephemeral", words);
    match answer {
        Answer::Received => StatusCode::OK.into_response(),
        Answer::Private(words) | Answer::Queued { words, .. } | Answer::Declined { words, .. } => {
            body(private(&words))
        }
        Answer::Shared(shared) => body(shared.encoded(private).to_owned()),
        Answer::Public(words) => body(encode("in_channel", &words)),
        Answer::Choose { refusal, proposals } => body(private(&choice(&refusal, &proposals))),
        Answer::Refused(refusal) => body(private(&Words::plain(refusal.draw(&Mrkdwn)))),
    }
}

/// The answer as a message of mrkdwn, for requests whose response Slack does not show; `None` if
/// there is nothing to show.
pub fn message(answer: Answer) -> Option<String> {
    match answer {
        Answer::Received => None,
        Answer::Private(words)
        | Answer::Public(words)
        | Answer::Queued { words, .. }
        | Answer::Declined { words, .. } => Some(words.text),
        Answer::Shared(shared) => Some(shared.words.text.clone()),
        Answer::Choose { refusal, .. } | Answer::Refused(refusal) => Some(refusal.draw(&Mrkdwn)),
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

/// Which environment is meant: a button proposes there, and only there.
fn choice(refusal: &Refusal, proposals: &[Propose]) -> Words {
    let sentence = refusal.draw(&Mrkdwn);
    let buttons = proposals
        .iter()
        .take(CHOICES_AT_MOST)
        .map(|proposal| {
            let environment = proposal.service.environment.as_deref().unwrap_or_default();
            let label = format!("Propose for {environment}");
            Action::Propose(proposal.clone()).button(&label)
        })
        .collect();
    Words {
        blocks: vec![section(&sentence), actions("pick", buttons)],
        text: sentence,
    }
}
