//! `export`, `export RB-41 html`: puts a timeline into a file, by a job.

use super::{Answer, Context, Result, find};
use crate::{
    App,
    engine::{Outcome, Submission},
    export::{self, Unwritten, Written, extension},
};
use rollback_domain::{
    grammar::{ExportFormat, verbs::Export},
    identity::IncidentId,
    job::{Document, ExportRequest, Job},
};

pub(super) async fn run(app: &App, context: &Context, request: Export) -> Result {
    let Export { about, format } = request;
    let incident = find::incident(app, &context.channel, about).await?;
    let job = Job::Export(uploaded_here(context, incident, format));
    let submission = Submission::Enqueue(job);
    Ok(match app.engine.take(&context.key, submission).await? {
        Outcome::Queued => Answer::private(incident.marks(&format!(
            "Writing the timeline. I'll post the file in {}.",
            place(context)
        ))),
        outcome => Answer::from(outcome),
    })
}

/// Where a file is uploaded for somebody.
pub(super) fn place(context: &Context) -> &'static str {
    match context.thread {
        Some(_) => "this thread",
        None => "this channel",
    }
}

/// A file about an incident, uploaded where the person asks for it.
pub(super) fn uploaded_here(
    context: &Context,
    incident: IncidentId,
    format: ExportFormat,
) -> ExportRequest {
    ExportRequest {
        incident,
        document: Document::Timeline,
        format,
        channel: context.channel.clone(),
        rollback: None,
        thread: context.thread.clone(),
        asked_by: Some(context.person.clone()),
        reply_to: context.reply_to.clone(),
        id: context.key.clone(),
    }
}

/// A timeline for somebody who waits for it.
#[derive(Debug)]
pub struct Attachment {
    /// What the file is called.
    pub name: String,
    /// The file.
    pub written: Written,
}

/// Writes the timeline of an incident of a channel; or says why there is no file, which no refusal
/// of the request is.
pub async fn attachment(
    app: &App,
    channel: &str,
    request: Export,
) -> Result<std::result::Result<Attachment, Unwritten>> {
    let Export { about, format } = request;
    let incident = find::incident(app, channel, about).await?;
    let export = export::Export {
        incident,
        channel: channel.to_owned(),
        document: Document::Timeline,
        format,
        now: app.engine.clock.now(),
    };
    match export.write(&app.engine.db, &app.templates).await {
        Ok(written) => Ok(Ok(Attachment {
            name: export::of_drill(
                incident,
                format!("{incident}-timeline.{}", extension(format)),
            ),
            written,
        })),
        Err(Unwritten::Database(error)) => Err(error.into()),
        Err(unwritten) => {
            tracing::error!(%incident, %unwritten, "a timeline could not be exported");
            Ok(Err(unwritten))
        }
    }
}
