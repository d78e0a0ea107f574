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
    };
    Ok(match app.engine.take(&context.key, submission).await? {
        Outcome::Queued => Answer::private("Writing the timeline; the file follows in the thread."),
        outcome => Answer::from(outcome),
    })
}
