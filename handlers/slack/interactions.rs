//! What people click, and the forms they save.

use super::{
    answer::Reply,
    forms::{self, Fields},
    signed::Signed,
};
use crate::{
    App,
    commands::{
        self, Context, captures,
        gate::{self, Origin},
        queue::{self, FormRequest},
    },
    crash::{self, Point},
    engine::Error,
    limits::TooMuch,
    slack::{
        action::{Action, ForgedValue, PlanRef, moment_of},
        assess, capture, modal, update,
    },
    store::rollbacks,
    telemetry,
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::{
        About, ChecklistStep, IncidentRef, Request,
        verbs::{Checklist, Pins, PostMortem, Undo, Who, Why},
    },
    incident,
    job::Form,
    people::{Person, home_address},
    refusal::Source,
    rollback::{Act, Confirmed, Message},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;
use tokio::time::timeout;
use tracing::Instrument;

/// How long the button below the reminder of a pin puts it off, in hours.
const SNOOZED_BY_A_CLICK: u32 = 48;

/// Everything in it is optional: org-wide installs have no team, and Slack adds fields.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Payload {
    r#type: Option<String>,
    user: User,
    team: Option<Named>,
    enterprise: Option<Named>,
    channel: Option<Named>,
    container: Option<Container>,
    trigger_id: Option<String>,
    response_url: Option<String>,
    actions: Vec<Element>,
    view: Option<View>,
    /// Which shortcut was used, when, and on which message.
    callback_id: Option<String>,
    action_ts: Option<String>,
    message_ts: Option<String>,
    message: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    id: String,
    username: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Container {
    channel_id: Option<String>,
    message_ts: Option<String>,
    thread_ts: Option<String>,
}

/// A button or a menu that was clicked.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Element {
    action_id: Option<String>,
    value: Option<String>,
    selected_option: Option<Chosen>,
    action_ts: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chosen {
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct View {
    id: Option<String>,
    r#type: Option<String>,
    callback_id: Option<String>,
    private_metadata: Option<String>,
    state: Value,
}

/// `POST /slack/interactions`.
pub async fn interaction(State(app): State<App>, Signed(body): Signed) -> Response {
    let payload = form_urlencoded::parse(&body).find(|(key, _)| key == "payload");
    let parsed = payload.and_then(|(_, json)| serde_json::from_str::<Payload>(&json).ok());
    let Some(payload) = parsed else {
        tracing::warn!("an interaction is not of a known shape");
        return Reply::Received.into_response();
    };
    receive(&app, payload).await.into_response()
}

/// Does what an interaction means, however it came.
pub(super) async fn receive(app: &App, payload: Payload) -> Reply {
    let began = Instant::now();
    let input = match payload.r#type.as_deref() {
        Some("block_actions") => "click",
        Some("view_submission") => "form",
        Some("message_action") => "shortcut",
        // Other shortcuts, closed views and whatever comes: received.
        _ => return Reply::Received,
    };
    let channel = payload.channel.as_ref().map_or("", |channel| &channel.id);
    let called = payload
        .user
        .username
        .as_ref()
        .or(payload.user.name.as_ref());
    if let Some(name) = called {
        app.names.learn(&payload.user.id, name);
    }
    let span = telemetry::request(input, &payload.user.id, channel);
    let run = async {
        match input {
            "click" => {
                crash::point(Point::ClickRead);
                let clicked = click(app, payload).await;
                crash::point(Point::ClickStored);
                clicked
            }
            "shortcut" => ("capture", shortcut(app, payload).await),
            _ => {
                crash::point(Point::FormRead);
                let saved = save(app, payload).await;
                crash::point(Point::FormStored);
                ("save", saved)
            }
        }
    };
    // Whatever holds the record up: Slack is told while it still listens.
    let run = timeout(commands::ANSWERED_WITHIN, run.instrument(span));
    let (verb, result) = run
        .await
        .unwrap_or_else(|_| ("none", Err(sqlx::Error::PoolTimedOut.into())));
    let (status, reply) = match result {
        Ok(reply) => ("answered", reply),
        // Slack shows that it did not work.
        Err(error) => {
            app.metrics.failed(&error);
            ("busy", Reply::NotStored)
        }
    };
    app.metrics.answered(input, verb, status, began.elapsed());
    reply
}

impl Payload {
    fn person(&self) -> Person {
        let User { id, username, name } = &self.user;
        let name = username.as_ref().or(name.as_ref()).unwrap_or(id);
        Person::new(id.clone(), name.clone())
    }

    fn channel(&self) -> String {
        let container = self.container.as_ref();
        let channel = self.channel.as_ref().map(|channel| channel.id.clone());
        channel
            .or_else(|| container?.channel_id.clone())
            .unwrap_or_default()
    }

    /// Whether it was clicked in the Home of the person, and not below a message.
    fn is_home(&self) -> bool {
        let kind = self.view.as_ref().and_then(|view| view.r#type.as_deref());
        kind == Some("home") && self.channel().is_empty()
    }

    fn origin(&self) -> Origin {
        let id = |named: &Option<Named>| named.as_ref().map(|named| named.id.clone());
        Origin {
            team: id(&self.team),
            enterprise: id(&self.enterprise),
            author_team: None,
        }
    }
}

impl Element {
    fn value(&self) -> &str {
        let chosen = self.selected_option.as_ref().map(|option| &option.value);
        self.value.as_ref().or(chosen).map_or("", String::as_str)
    }
}

/// Does what a click on one of our buttons or menus means. Also gives its name, for counting.
async fn click(app: &App, payload: Payload) -> (&'static str, Result<Reply, Error>) {
    let received = || Ok(Reply::Received);
    let person = payload.person();
    let Some(element) = payload.actions.first() else {
        return ("none", received());
    };
    let id = element.action_id.as_deref().unwrap_or_default();
    let Some(action) = Action::decode(id, element.value()) else {
        return ("none", received());
    };
    let verb = action.as_ref().map_or("forged", Action::name);
    telemetry::record_verb(verb);
    if person.id.is_empty() {
        return (verb, received());
    }
    let is_home = payload.is_home();
    let channel = payload.channel();
    let message = payload
        .container
        .as_ref()
        .and_then(|container| container.message_ts.as_deref())
        .unwrap_or_default();
    // Where an answer stands below the message: in its thread, or in the one that it is part of.
    let thread = payload
        .container
        .as_ref()
        .and_then(|container| container.thread_ts.as_deref())
        .unwrap_or(message);
    let moment = element.action_ts.as_deref().unwrap_or_default();
    let key = format!(
        "click:{channel}:{message}:{id}:{}:{moment}:{}",
        person.id,
        element.value()
    );
    // A click in a Home has no address of its own: its answer is shown there.
    let home = is_home.then(|| home_address(&person.id));
    let mut context = Context {
        reply_to: payload.response_url.clone().or(home),
        trigger: payload.trigger_id.clone(),
        origin: payload.origin(),
        ..Context::new(key, person, channel, Source::Button)
    };
    let now = app.engine.clock.now();
    if let Err(over) = app.limits.admit_click(&context.person.id, now) {
        return (verb, Ok(too_many(app, &context, over).await));
    }
    telemetry::record_key(&context.key);
    let done = match (context.origin.why_elsewhere(app), action) {
        (Some(why), _) => queue::forged(app, &context, why).await,
        (None, Err(ForgedValue)) => {
            let why = "its value is not one of mine".to_owned();
            queue::forged(app, &context, why).await
        }
        (None, Ok(action)) => {
            let clicked_at = moment_of(moment).map_or(now, |at| at.max(now));
            let why_not = match is_home {
                true => move_to_its_channel(app, &mut context, &action).await,
                false => why_not_its_own(app, &context, &action, message).await,
            };
            match why_not {
                Ok(None) => perform(app, &context, action, thread, clicked_at).await,
                Ok(Some(why)) => queue::forged(app, &context, why).await,
                Err(error) => Err(error),
            }
        }
    };
    (verb, done.map(|()| Reply::Received))
}

/// Why a click cannot come from the message that it names, as a clause; `None`: it can. A form is
/// opened by a click, so that it is checked before it is opened.
async fn why_not_its_own(
    app: &App,
    context: &Context,
    action: &Action,
    message: &str,
) -> Result<Option<String>, Error> {
    let Some(PlanRef { rollback, .. }) = action.plan() else {
        return Ok(None);
    };
    let is_own = gate::is_own_message(app, *rollback, &context.channel, message).await?;
    Ok((!is_own).then(|| format!("that button is not on a message about {rollback}")))
}

/// Puts a click in a Home into the channel of the rollback that it is about. Gives why it cannot come
/// from a Home, as a clause; `None`: it can.
async fn move_to_its_channel(
    app: &App,
    context: &mut Context,
    action: &Action,
) -> Result<Option<String>, Error> {
    let Some(PlanRef { rollback, .. }) = action.plan() else {
        return Ok(Some("no Home has that button".to_owned()));
    };
    Ok(match rollbacks::get(&app.engine.db, *rollback).await? {
        Some(found) => {
            context.channel = found.channel;
            None
        }
        None => Some(format!("there is no {rollback}")),
    })
}

async fn perform(
    app: &App,
    context: &Context,
    action: Action,
    thread: &str,
    clicked_at: Timestamp,
) -> Result<(), Error> {
    let (plan, act) = match action {
        Action::Approve(plan) => {
            let hash = Some(plan.hash.clone());
            let confirmed = Confirmed::default();
            (plan, Act::Approve { hash, confirmed })
        }
        Action::Stop(plan) => (plan, Act::Stop { because: None }),
        Action::Withdraw(plan) => (plan, Act::Withdraw { because: None }),
        Action::Open(form, plan) => return open(app, context, form, plan, clicked_at).await,
        Action::Assess(PlanRef { rollback, .. }) => {
            return commands::assess::of_proposal(app, context, rollback, clicked_at).await;
        }
        Action::Undo(PlanRef { rollback, .. }) => {
            let because = None;
            let undo = Undo { rollback, because };
            return request(app, context, Request::Undo(undo)).await;
        }
        Action::PostMortem(PlanRef { rollback, .. }) => {
            let about = IncidentRef::Rollback(rollback);
            return draft_post_mortem(app, context, about, thread).await;
        }
        Action::PostMortemOf(incident) => {
            let about = IncidentRef::Incident(incident);
            return draft_post_mortem(app, context, about, thread).await;
        }
        Action::Tick { rollback, item } => {
            let because = None;
            let request = Checklist {
                rollback: Some(rollback),
                step: ChecklistStep::Done { item, because },
            };
            return self::request(app, context, Request::Checklist(request)).await;
        }
        Action::SnoozePin(service) => {
            let hours = SNOOZED_BY_A_CLICK;
            let request = Request::Pins(Pins::Snooze { service, hours });
            return self::request(app, context, request).await;
        }
        Action::Who(PlanRef { rollback, .. }) => {
            let about = About::Rollback(rollback);
            return request(app, context, Request::Who(Who { about })).await;
        }
        Action::Why(PlanRef { rollback, .. }) => {
            return request(app, context, Request::Why(Why { rollback })).await;
        }
        Action::PublishUpdate(number) => return queue::publish_update(app, context, number).await,
        Action::EditUpdate(number) => return commands::update::edit(app, context, number).await,
        Action::Propose(proposal) => {
            return request(app, context, Request::Propose(proposal)).await;
        }
    };
    queue::act(app, context, plan.rollback, act).await
}

/// Writes the draft of a post-mortem below the message whose button was clicked.
async fn draft_post_mortem(
    app: &App,
    context: &Context,
    about: IncidentRef,
    thread: &str,
) -> Result<(), Error> {
    let context = Context {
        thread: Some(thread.to_owned()),
        ..context.clone()
    };
    let request = PostMortem {
        about: Some(about),
        said: None,
    };
    self::request(app, &context, Request::PostMortem(request)).await
}

/// Opens a form about a rollback.
async fn open(
    app: &App,
    context: &Context,
    form: Form,
    plan: PlanRef,
    clicked_at: Timestamp,
) -> Result<(), Error> {
    let request = FormRequest {
        form,
        rollback: plan.rollback,
        hash: plan.hash,
        channel: context.channel.clone(),
        trigger: context.trigger.clone().unwrap_or_default(),
        clicked_at,
        because: None,
    };
    queue::form(app, context, request).await
}

/// Runs a request, and answers the clicker alone by a message.
async fn request(app: &App, context: &Context, request: Request) -> Result<(), Error> {
    let answer = commands::run(app, context, request).await;
    match answer.words() {
        Some(words) => queue::reply(app, context, Message::Mrkdwn(words.text)).await,
        None => Ok(()),
    }
}

/// Puts the message on which a shortcut was used into the timeline, and perhaps proposes because of
/// it.
async fn shortcut(app: &App, payload: Payload) -> Result<Reply, Error> {
    let received = || Ok(Reply::Received);
    let (person, channel) = (payload.person(), payload.channel());
    telemetry::record_verb("capture");
    let shortcut = match payload.callback_id.as_deref() {
        Some(incident::SHORTCUT) => incident::SHORTCUT,
        Some(incident::PROPOSE_SHORTCUT) => incident::PROPOSE_SHORTCUT,
        Some(_) | None => return received(),
    };
    let Some(ts) = payload.message_ts.as_deref() else {
        return received();
    };
    if person.id.is_empty() || channel.is_empty() || payload.origin().why_elsewhere(app).is_some() {
        return received();
    }
    let moment = payload.action_ts.as_deref().unwrap_or_default();
    let context = Context {
        reply_to: payload.response_url.clone(),
        trigger: payload.trigger_id.clone(),
        ..Context::new(
            format!("shortcut:{shortcut}:{channel}:{ts}:{}:{moment}", person.id),
            person,
            channel,
            Source::Mention,
        )
    };
    let now = app.engine.clock.now();
    if let Err(over) = app.limits.admit_click(&context.person.id, now) {
        return Ok(too_many(app, &context, over).await);
    }
    telemetry::record_key(&context.key);
    captures::by_shortcut(app, &context, shortcut, ts, &payload.message).await?;
    received()
}

/// Does what a saved form means. An empty answer closes the form.
async fn save(app: &App, payload: Payload) -> Result<Reply, Error> {
    let received = || Ok(Reply::Received);
    let view = payload.view.as_ref();
    let callback = view.and_then(|view| view.callback_id.as_deref());
    let metadata = view.and_then(|view| view.private_metadata.as_deref());
    let metadata = metadata.unwrap_or_default();
    telemetry::record_verb("save");
    let saved = match callback {
        _ if payload.user.id.is_empty() => return received(),
        Some(modal::CALLBACK) => serde_json::from_str(metadata).map(SavedForm::Rollback),
        Some(update::CALLBACK) => serde_json::from_str(metadata).map(SavedForm::Update),
        Some(assess::CALLBACK) => serde_json::from_str(metadata).map(SavedForm::Assess),
        Some(capture::CALLBACK) => serde_json::from_str(metadata).map(SavedForm::Capture),
        Some(_) | None => return received(),
    };
    let Ok(saved) = saved else {
        tracing::warn!("a form of ours does not say what it is about");
        return received();
    };
    saved.save(app, payload).await
}

/// A form of ours that was saved, with what it is about.
enum SavedForm {
    /// One about a rollback.
    Rollback(modal::About),
    /// One of an update.
    Update(update::About),
    /// One for a message of the timeline.
    Capture(capture::About),
    /// One that asks what the decision matrix wants to know.
    Assess(assess::About),
}

impl SavedForm {
    /// For whom it was opened, where, and where they are told alone what comes of it.
    fn opened_for(&self) -> (&str, &str, Option<&String>) {
        match self {
            SavedForm::Rollback(about) => (&about.person, &about.channel, about.reply_to.as_ref()),
            SavedForm::Update(about) => (&about.person, &about.channel, about.reply_to.as_ref()),
            SavedForm::Capture(about) => (&about.person, &about.channel, about.reply_to.as_ref()),
            SavedForm::Assess(about) => (&about.person, &about.channel, about.reply_to.as_ref()),
        }
    }

    async fn save(&self, app: &App, payload: Payload) -> Result<Reply, Error> {
        let received = || Ok(Reply::Received);
        let person = payload.person();
        let origin = payload.origin();
        let elsewhere = origin.why_elsewhere(app);
        let view = payload.view.unwrap_or_default();
        let (opened_for, channel, reply_to) = self.opened_for();
        let id = view.id.unwrap_or_default();
        // A form is saved once, whatever it says the second time.
        let key = format!("save:{id}:{}", person.id);
        let mut context = Context {
            origin,
            ..Context::new(key, person, channel.to_owned(), Source::Modal)
        };
        let now = app.engine.clock.now();
        if let Err(over) = app.limits.admit_click(&context.person.id, now) {
            // The form stays open, with what was filled in.
            return Ok(too_many(app, &context, over).await);
        }
        telemetry::record_key(&context.key);
        let is_theirs = context.person.id == opened_for;
        // The address is that of the person it was opened for, and of nobody else.
        if is_theirs {
            context.reply_to = reply_to.cloned();
        }
        let forged = elsewhere
            .or_else(|| (!is_theirs).then(|| "that form was opened for somebody else".to_owned()));
        if let Some(why) = forged {
            queue::forged(app, &context, why).await?;
            return received();
        }
        let fields = Fields(&view.state);
        match self {
            SavedForm::Rollback(about) => {
                let act = match fields.act(about) {
                    Ok(act) => act,
                    Err(problem) => return Ok(keep_open(problem)),
                };
                let missing = forms::missing(app, about.rollback, &act).await;
                if let Some(problem) = missing.inspect_err(|error| app.engine.could_not(error))? {
                    return Ok(keep_open(problem));
                }
                queue::act(app, &context, about.rollback, act).await?;
            }
            SavedForm::Update(about) => match fields.update(about, &context.person, now) {
                Ok(update) => {
                    let thread = about.thread.clone();
                    commands::update::save(app, &context, thread, update).await?;
                }
                Err(problem) => return Ok(keep_open(problem)),
            },
            SavedForm::Assess(about) => match fields.symptoms() {
                Ok(symptoms) => {
                    context.thread.clone_from(&about.thread);
                    commands::assess::save(app, &context, about, symptoms).await?;
                }
                Err(problem) => return Ok(keep_open(problem)),
            },
            SavedForm::Capture(about) => {
                let zone = captures::zone(app, &context.person).await;
                let zone = zone.inspect_err(|error| app.engine.could_not(error))?;
                match fields.capture(zone.as_ref(), now) {
                    Ok((at, comment)) => {
                        captures::by_form(app, &context, &about.ts, at, comment).await?;
                    }
                    Err(problem) => return Ok(keep_open(problem)),
                }
            }
        }
        received()
    }
}

fn keep_open(problem: forms::Problem) -> Reply {
    let errors = json!({ problem.field: problem.sentence });
    Reply::Shown(json!({ "response_action": "errors", "errors": errors }).to_string())
}

/// The answer to a click of somebody who sends too many. Slack shows only that it did not work, so
/// they are told by a job: once a minute at most, so that a flood writes next to nothing.
async fn too_many(app: &App, context: &Context, over: TooMuch) -> Reply {
    app.metrics.too_much(over.whose());
    if over.first_in_a_minute {
        let queued = queue::too_many_clicks(app, context, &over.refusal()).await;
        if let Err(error) = queued {
            tracing::warn!(%error, "somebody could not be told that they send too much");
        }
    }
    Reply::TooMany
}
