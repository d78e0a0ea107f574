//! `assess frontend payments errors 6%`: shows one person what the decision matrix says. A job reads
//! the platform. Without a word of what is known, a form asks for it besides.

use super::{
    Answer, Context, Result, find,
    list::query_platform,
    queue::{self, enqueue},
};
use crate::{App, engine::Error, slack::assess::About, store::rollbacks};
use jiff::Timestamp;
use rollback_domain::{
    grammar::verbs::Assess,
    identity::{RollbackId, ServiceKey},
    job::{AssessFormRequest, FormTrigger, Job, Query},
    matrix::Symptoms,
};

pub(super) async fn run(app: &App, context: &Context, request: Assess) -> Result<Answer> {
    let Assess { service, symptoms } = request;
    let service = find::service(app, &service)?;
    if symptoms.is_empty() && !app.config.matrix.is_empty() {
        let asked_at = app.engine.clock.now();
        form(app, context, service.key.clone(), None, asked_at).await?;
    }
    let query = Query::Assess {
        symptoms,
        rollback: None,
    };
    query_platform(app, context, service, query).await
}

/// Has the form opened that the card of a proposal has a button for.
pub async fn of_proposal(
    app: &App,
    context: &Context,
    id: RollbackId,
    clicked_at: Timestamp,
) -> std::result::Result<(), Error> {
    match rollbacks::get(&app.engine.db, id).await? {
        Some(rollback) => form(app, context, rollback.service, Some(id), clicked_at).await,
        None => Ok(()),
    }
}

/// Has a form opened, where Slack can open one.
async fn form(
    app: &App,
    context: &Context,
    service: ServiceKey,
    rollback: Option<RollbackId>,
    asked_at: Timestamp,
) -> std::result::Result<(), Error> {
    let Some(trigger) = context.trigger.clone() else {
        return Ok(());
    };
    let id: String = format!("form:{}", context.key).chars().take(250).collect();
    let job = Job::AssessForm(AssessFormRequest {
        service,
        rollback,
        person: context.person.clone(),
        channel: context.channel.clone(),
        thread: context.thread.clone(),
        reply_to: context.reply_to.clone(),
        form: FormTrigger { trigger, asked_at },
        id: id.clone(),
    });
    enqueue(app, &id, job).await
}

/// Has assessed what somebody has said in the form.
pub async fn save(
    app: &App,
    context: &Context,
    about: &About,
    symptoms: Symptoms,
) -> std::result::Result<(), Error> {
    let query = Query::Assess {
        symptoms,
        rollback: about.rollback,
    };
    queue::query(app, context, about.service.clone(), query).await
}
