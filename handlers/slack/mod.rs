//! What Slack sends: commands, clicks and forms, events; as signed requests, or in envelopes.

mod answer;
pub mod commands;
pub mod events;
mod forms;
pub mod interactions;
pub mod signed;
pub mod socket;

use crate::{
    App,
    commands::{Answer, Context, run},
    slack::blocks::escape,
    telemetry,
};
use rollback_domain::grammar::{Misread, Request};

/// The verb and the status of what is not understood, for counting.
const MISREAD: &str = "misread";

/// Runs what a person typed, as it was read. Also gives its verb and its status, for counting.
async fn run_text(
    app: &App,
    context: &Context,
    read: Result<Request, Misread>,
) -> (&'static str, &'static str, Answer) {
    telemetry::record_key(&context.key);
    match read {
        Ok(request) => {
            let verb = request.verb().name();
            let answer = run(app, context, request).await;
            (verb, answer.status(), answer)
        }
        Err(misread) => {
            let sentence = escape(&misread.to_string());
            (MISREAD, MISREAD, Answer::private(sentence))
        }
    }
}
