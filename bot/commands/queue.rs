//! Leaves to jobs what a command may not do itself: reading who a person is, reading a platform,
//! opening a form, writing to somebody.

use super::{Answer, Context, Result, find};
use crate::{
    App,
    config::Service,
    engine::{Error, Submission},
    slack::Words,
};
use jiff::Timestamp;
use rollback_domain::{
    authority,
    grammar::Request,
    identity::{RollbackId, ServiceKey},
    job::{
        ActRequest, DeferredRequest, ExamineRequest, ForgedClick, Form, Job, Notification,
        OpenForm, PublishRequest, Query, QueryRequest, ServiceAction, ServiceRequest,
    },
    people::Person,
    plan::PlanHash,
    refusal::Refusal,
    rollback::{Act, Message},
};

/// Queues an act that was typed, and says what is done about it: `doing` begins the sentence.
pub(super) async fn typed_act(
    app: &App,
    context: &Context,
    rollback: RollbackId,
    act: Act,
    doing: &str,
) -> Result {
    find::rollback(app, rollback).await?;
    self::act(app, context, rollback, act).await?;
    Ok(Answer::Queued {
        rollback,
        words: Words::plain(format!(
            "{doing}: checking your permissions. The card will update."
        )),
    })
}

/// Queues what a person does to a rollback. The job reads who they are first.
pub async fn act(
    app: &App,
    context: &Context,
    rollback: RollbackId,
    act: Act,
) -> std::result::Result<(), Error> {
    let job = Job::Act(ActRequest {
        rollback,
        by: context.person.clone(),
        source: context.source,
        channel: context.channel.clone(),
        reply_to: context.reply_to.clone(),
        act,
        id: context.key.clone(),
    });
    enqueue(app, &context.key, job).await
}

/// Queues what a person publishes. The job reads who they are first.
pub async fn publish_update(
    app: &App,
    context: &Context,
    update: i64,
) -> std::result::Result<(), Error> {
    let job = Job::PublishUpdate(PublishRequest {
        update,
        by: context.person.clone(),
        source: context.source,
        channel: context.channel.clone(),
        reply_to: context.reply_to.clone(),
        id: context.key.clone(),
    });
    enqueue(app, &context.key, job).await
}

/// Queues what a person does to a service. The job reads who they are first.
pub(super) async fn service_action(
    app: &App,
    context: &Context,
    service: &Service,
    action: ServiceAction,
) -> Result {
    let job = Job::ServiceAction(ServiceRequest {
        service: service.key.clone(),
        by: context.person.clone(),
        source: context.source,
        channel: context.channel.clone(),
        thread: context.thread.clone(),
        reply_to: context.reply_to.clone(),
        action,
        id: context.key.clone(),
    });
    enqueue(app, &context.key, job).await?;
    Ok(Answer::private(
        "Checking your permissions… I'll post here when it is done.",
    ))
}

/// Queues what a person wants to see of a service and what only its platform or Slack knows.
pub(super) async fn query(
    app: &App,
    context: &Context,
    service: ServiceKey,
    query: Query,
) -> std::result::Result<(), Error> {
    let job = Job::Query(QueryRequest {
        query,
        service,
        person: context.person.clone(),
        channel: context.channel.clone(),
        thread: context.thread.clone(),
        reply_to: context.reply_to.clone(),
        id: context.key.clone(),
    });
    enqueue(app, &context.key, job).await
}

/// Queues a look at everything that the configuration names.
pub(super) async fn examination(app: &App, context: &Context) -> std::result::Result<(), Error> {
    let job = Job::Examine(ExamineRequest {
        person: context.person.clone(),
        channel: context.channel.clone(),
        thread: context.thread.clone(),
        reply_to: context.reply_to.clone(),
        id: context.key.clone(),
    });
    enqueue(app, &context.key, job).await
}

/// A form that is to be opened for a person.
#[derive(Clone, Debug)]
pub struct FormRequest {
    /// The form.
    pub form: Form,
    /// The number of the rollback it is about.
    pub rollback: RollbackId,
    /// The plan that the person has seen.
    pub hash: PlanHash,
    /// The channel of the card of the rollback.
    pub channel: String,
    /// What lets Slack open it, for three seconds.
    pub trigger: String,
    /// When the person clicked or typed.
    pub clicked_at: Timestamp,
    /// The reason that the form begins with, if one was given already.
    pub because: Option<String>,
}

/// Queues the opening of a form.
pub async fn form(
    app: &App,
    context: &Context,
    request: FormRequest,
) -> std::result::Result<(), Error> {
    let job = Job::OpenForm(OpenForm {
        form: request.form,
        reply_to: context.reply_to.clone(),
        rollback: request.rollback,
        hash: request.hash,
        person: context.person.clone(),
        channel: request.channel,
        trigger: request.trigger,
        clicked_at: request.clicked_at,
        said: request.because,
        id: context.key.chars().take(250).collect(),
    });
    enqueue(app, &context.key, job).await
}

/// Queues a request that is run once it is read who its person is.
pub(super) async fn request(
    app: &App,
    context: &Context,
    request: &Request,
) -> std::result::Result<(), Error> {
    let job = Job::Request(DeferredRequest {
        text: request.to_string(),
        evidence: context.evidence.clone(),
        person: context.person.clone(),
        source: context.source,
        channel: context.channel.clone(),
        thread: context.thread.clone(),
        reply_to: context.reply_to.clone(),
        trigger: context.trigger.clone(),
        id: context.key.clone(),
    });
    // The request itself is taken under the key of the input.
    enqueue(app, &format!("gate:{}", context.key), job).await
}

/// Queues the reading of what somebody is to Slack.
pub(super) async fn membership(app: &App, person: &Person) -> std::result::Result<(), Error> {
    let job = Job::ReadMembership {
        person: person.clone(),
    };
    app.engine.enqueue(&[job]).await
}

/// Queues the refusal of a click that does not fit; `reason` is a clause.
pub async fn forged(
    app: &App,
    context: &Context,
    reason: String,
) -> std::result::Result<(), Error> {
    let job = Job::RejectForged(ForgedClick {
        by: context.person.clone(),
        source: context.source,
        channel: context.channel.clone(),
        reply_to: context.reply_to.clone(),
        what: reason,
        id: context.key.clone(),
    });
    enqueue(app, &context.key, job).await
}

/// Queues an answer to a person whose input cannot be answered at once.
pub async fn reply(
    app: &App,
    context: &Context,
    message: Message,
) -> std::result::Result<(), Error> {
    let key = format!("answer:{}", context.key);
    let job = Job::Notify(Notification {
        channel: context.channel.clone(),
        person: context.person.id.clone(),
        thread: context.thread.clone(),
        reply_to: context.reply_to.clone(),
        message,
        otherwise: None,
        id: key.clone(),
    });
    enqueue(app, &key, job).await
}

/// Queues the news for somebody whose clicks are too many.
pub async fn too_many_clicks(
    app: &App,
    context: &Context,
    refusal: &Refusal,
) -> std::result::Result<(), Error> {
    let job = Job::Notify(Notification {
        channel: context.channel.clone(),
        person: context.person.id.clone(),
        thread: None,
        reply_to: context.reply_to.clone(),
        message: Message::from(refusal),
        otherwise: None,
        id: format!("too-much:{}", context.person.id),
    });
    app.engine.enqueue(&[job]).await
}

/// Queues the reading of a Slack user group that has changed, if a role comes from it: the cards
/// name its members as they are now. Gives whether one does.
pub async fn changed_group(app: &App, key: &str, group: &str) -> std::result::Result<bool, Error> {
    let source = authority::Source::SlackGroup(group.to_owned());
    if !app.config.sources().contains(&&source) {
        return Ok(false);
    }
    enqueue(app, key, Job::RefreshRoster { source }).await?;
    Ok(true)
}

/// Has somebody's Home drawn, and kept up to date from now on.
pub async fn open_home(app: &App, key: &str, person: &str) -> std::result::Result<(), Error> {
    let person = person.to_owned();
    let submission = Submission::OpenHome { person };
    app.engine.take(key, submission).await.map(drop)
}

pub(super) async fn enqueue(app: &App, key: &str, job: Job) -> std::result::Result<(), Error> {
    app.engine
        .take(key, Submission::Enqueue(job))
        .await
        .map(drop)
}
