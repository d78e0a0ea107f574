//! `export md`, `export json`: puts the timeline of the channel into a file, by a job.

use super::{Answer, Context, Result};
use crate::{
    App,
    engine::{Outcome, Submission},
};
use rollback_domain::{
    grammar::{ExportFormat, verbs::Export},
    job::Format,
};

pub(super) async fn run(app: &App, context: &Context, request: Export) -> Result {
    let Export { format } = request;
    let submission = Submission::Export {
        channel: context.channel.clone(),
        format: match format {
            ExportFormat::Markdown => Format::Markdown,
            ExportFormat::Json => Format::Json,
        },
        thread: context.thread.clone(),
        by: context.person.clone(),
        reply_to: context.reply_to.clone(),
    };
    let place = match context.thread {
        Some(_) => "this thread",
        None => "this channel",
    };
    Ok(match app.engine.take(&context.key, submission).await? {
        Outcome::Queued => Answer::private(format!(
            "Writing the timeline. I'll post the file in {place}."
        )),
        outcome => Answer::from(outcome),
    })
}
