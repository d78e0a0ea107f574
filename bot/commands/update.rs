//! `update`, `update monitoring`, `update 7`: drafts what others are told, or shows it again, by a
//! job. Nothing is published here.

use super::{Answer, Context, Result, find, queue};
use crate::{
    App,
    engine::{Error, NewUpdate, Submission},
    store::updates,
};
use rollback_domain::{
    drill::watermarked,
    grammar::verbs::DraftUpdate,
    job::{Job, PreviewRequest, UpdateDraft, UpdateFormRequest},
    update::StatusUpdate,
};

pub(super) async fn run(app: &App, context: &Context, request: DraftUpdate) -> Result {
    match request {
        DraftUpdate::Draft { kind, text } => {
            let incident = find::incident(app, &context.channel, None).await?;
            if let Some(drill) = incident.drill() {
                let why = format!(
                    "{drill} is a drill, and nobody else is told of one. Nothing was drafted."
                );
                return Ok(Answer::private(watermarked(drill, &why)));
            }
            let draft = match (kind, text) {
                (Some(kind), Some(text)) => UpdateDraft::Written { kind, text },
                (kind, _) => UpdateDraft::OfKind(kind),
            };
            let job = Job::UpdateForm(UpdateFormRequest {
                incident,
                draft,
                person: context.person.clone(),
                channel: context.channel.clone(),
                thread: context.thread.clone(),
                reply_to: context.reply_to.clone(),
                trigger: context.trigger.clone(),
                asked_at: app.engine.clock.now(),
                id: context.key.chars().take(250).collect(),
            });
            let submission = Submission::Enqueue(job);
            app.engine.take(&context.key, submission).await?;
            Ok(Answer::Received)
        }
        DraftUpdate::Show { number } => {
            let update = updates::get(&app.engine.db, number).await?;
            if update.is_none_or(|update| update.channel != context.channel) {
                return Ok(Answer::private(format!(
                    "There is no update {number} in this channel. `/rollback update` drafts one."
                )));
            }
            let job = Job::PreviewUpdate(PreviewRequest {
                update: number,
                person: context.person.id.clone(),
                channel: context.channel.clone(),
                thread: context.thread.clone(),
                reply_to: context.reply_to.clone(),
                id: format!("preview:{}", context.key),
            });
            let submission = Submission::Enqueue(job);
            app.engine.take(&context.key, submission).await?;
            Ok(Answer::Received)
        }
    }
}

/// Stores an update as somebody has saved it, and has it shown to them.
pub async fn save(
    app: &App,
    context: &Context,
    thread: Option<String>,
    update: StatusUpdate,
) -> std::result::Result<(), Error> {
    let preview = PreviewRequest {
        // The engine numbers it.
        update: 0,
        person: context.person.id.clone(),
        channel: context.channel.clone(),
        thread,
        reply_to: context.reply_to.clone(),
        id: format!("preview:{}", context.key),
    };
    let new = NewUpdate { update, preview };
    let submission = Submission::DraftUpdate(Box::new(new));
    app.engine.take(&context.key, submission).await.map(drop)
}

/// Queues the form in which an update is edited, or corrected once it is published.
pub async fn edit(app: &App, context: &Context, number: i64) -> std::result::Result<(), Error> {
    let update = updates::get(&app.engine.db, number).await?;
    let Some(update) = update.filter(|update| update.channel == context.channel) else {
        return queue::forged(app, context, format!("there is no update {number} here")).await;
    };
    let job = Job::UpdateForm(UpdateFormRequest {
        incident: update.incident,
        draft: UpdateDraft::Of(number),
        person: context.person.clone(),
        channel: context.channel.clone(),
        thread: context.thread.clone(),
        reply_to: context.reply_to.clone(),
        trigger: context.trigger.clone(),
        asked_at: app.engine.clock.now(),
        id: context.key.chars().take(250).collect(),
    });
    queue::enqueue(app, &context.key, job).await
}
