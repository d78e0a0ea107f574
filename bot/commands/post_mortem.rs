//! `postmortem`: writes the draft of a post-mortem by a job, or fills one of its fields.

use super::{
    Answer, Context, Result,
    export::{place, uploaded_here},
    find,
};
use crate::{
    App,
    engine::{Outcome, Submission},
    slack::blocks::inline,
};
use rollback_domain::{
    grammar::{ExportFormat, verbs::PostMortem},
    incident::{Actor, IncidentFact, TimelineEvent},
    job::{Document, ExportRequest, Job},
};

pub(super) async fn run(app: &App, context: &Context, request: PostMortem) -> Result {
    let PostMortem { about, said } = request;
    let incident = find::incident(app, &context.channel, about).await?;
    let Some((field, text)) = said else {
        let job = Job::Export(ExportRequest {
            document: Document::PostMortem,
            ..uploaded_here(context, incident, ExportFormat::Markdown)
        });
        let submission = Submission::Enqueue(job);
        return Ok(match app.engine.take(&context.key, submission).await? {
            Outcome::Queued => Answer::private(incident.marks(&format!(
                "Writing a draft of the post-mortem of {incident}. I'll post the file in {}.",
                place(context)
            ))),
            outcome => Answer::from(outcome),
        });
    };
    let fact = IncidentFact::Note {
        text: format!("{}: {text}", field.name()),
    };
    let who = Actor::Person(context.person.clone());
    let event = TimelineEvent::new(app.engine.clock.now(), who, context.source, None, fact);
    let submission = Submission::Append { incident, event };
    Ok(match app.engine.take(&context.key, submission).await? {
        Outcome::Queued => Answer::private(incident.marks(&format!(
            "Noted for the post-mortem of {incident}: *{}* {}",
            field.name(),
            inline(&text, 500)
        ))),
        outcome => Answer::from(outcome),
    })
}
