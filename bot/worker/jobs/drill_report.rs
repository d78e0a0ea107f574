//! Uploads the report of the drills of a quarter, as Markdown and as a page. A file of that name in
//! the channel counts as uploaded.

use super::Begun;
use crate::{
    App,
    commands::drill::facts,
    engine::{Ended, Error},
    export::Written,
    slack::Failure,
    store::jobs::Lease,
    worker::{retry::after_slack, rollback_message::ensure_held},
};
use rollback_domain::job::DrillReportRequest;

pub(super) fn run<'a>(
    app: &'a App,
    lease: &'a Lease,
    request: &'a DrillReportRequest,
) -> Begun<'a> {
    Box::pin(perform(app, lease, request))
}

async fn perform(app: &App, lease: &Lease, request: &DrillReportRequest) -> Result<Ended, Error> {
    let facts = facts(app, request.quarter).await?;
    let templates = &app.templates;
    let texts = [
        ("md", templates.drills_in_markdown(&facts)),
        ("html", templates.drills_as_page(&facts)),
    ];
    for (extension, text) in texts {
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                // Rendered at start-up, so only a value can be at fault.
                tracing::error!(%error, "the report of drills could not be rendered");
                return Ok(Ended::done());
            }
        };
        let at = lease.wanted_at.strftime("%Y%m%dT%H%M%SZ");
        let name = format!("DRILL-{}-{at}.{extension}", request.quarter);
        match upload(app, lease, request, &name, &text).await {
            Ok(()) => {}
            Err(Failure::Never(code)) => {
                tracing::warn!(code, "Slack will not take the report of drills");
                return Ok(Ended::done());
            }
            Err(failure) => return Ok(after_slack(app, lease, &failure).into()),
        }
    }
    Ok(Ended::done())
}

async fn upload(
    app: &App,
    lease: &Lease,
    request: &DrillReportRequest,
    name: &str,
    text: &str,
) -> Result<(), Failure> {
    let (channel, thread) = (request.channel.as_str(), request.thread.as_deref());
    if lease.attempt > 1 && app.slack.find_file(channel, thread, name).await? {
        return Ok(());
    }
    ensure_held(lease)?;
    let Written { file, bytes, .. } =
        Written::text(text).map_err(|error| Failure::Never(error.to_string()))?;
    let comment = format!("DRILL · Drills of {}.", request.quarter);
    let upload = app
        .slack
        .upload(channel, thread, name, file, bytes, &comment);
    upload.await
}
