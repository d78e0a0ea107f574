//! What people click and save.

use super::{
    answer::Answer,
    command::{self, Input, slack_moment},
    signed::Signed,
};
use crate::{
    App,
    crash::{self, Point},
    engine::{Error, Submission},
    limits::TooMuch,
    slack::{break_glass, card, modal},
    store::rollbacks,
    telemetry,
};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rollback_domain::{
    grammar::ReviewAnswer,
    job::{Form, Job},
    people::Person,
    plan::PlanHash,
    policy::Confirm,
    refusal::Source,
    rollback::{Act, Confirmed, Message},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{sync::Arc, time::Instant};
use tracing::Instrument;

/// Everything in it is optional: org-wide installs have no team, and Slack adds fields.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    r#type: Option<String>,
    user: Clicker,
    team: Option<Named>,
    channel: Option<Named>,
    container: Option<Container>,
    trigger_id: Option<String>,
    response_url: Option<String>,
    actions: Vec<Action>,
    view: Option<View>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Clicker {
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
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Action {
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
    hash: Option<String>,
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
        return Answer::Received.into_response();
    };
    let began = Instant::now();
    let (input, verb) = match payload.r#type.as_deref() {
        Some("block_actions") => ("click", payload.clicked().map_or("none", Click::name)),
        Some("view_submission") => ("form", "save"),
        // Shortcuts, closed views and whatever comes: received.
        _ => return Answer::Received.into_response(),
    };
    let channel = payload.channel.as_ref().map_or("", |channel| &channel.id);
    let span = telemetry::request(input, &payload.user.id, channel);
    let response = async {
        telemetry::record_verb(verb);
        match input {
            "click" => {
                crash::point(Point::ClickHeard);
                let answer = click(&app, payload).await;
                crash::point(Point::ClickStored);
                answer
            }
            _ => {
                crash::point(Point::FormHeard);
                let answer = save(&app, payload).await;
                crash::point(Point::FormStored);
                answer
            }
        }
    };
    let response = response.instrument(span).await;
    let error = response.extensions().get::<Arc<Error>>();
    let status = match error {
        Some(error) => {
            app.metrics.failed(error);
            "busy"
        }
        None => "answered",
    };
    app.metrics.answered(input, verb, status, began.elapsed());
    response
}

impl Payload {
    /// The button that was clicked, if it is one of ours.
    fn clicked(&self) -> Option<Click> {
        Click::of(self.actions.first()?.action_id.as_deref()?)
    }

    fn person(&self) -> Person {
        let user = &self.user;
        let name = user
            .username
            .as_ref()
            .or(user.name.as_ref())
            .unwrap_or(&user.id);
        Person::new(user.id.clone(), name.clone())
    }
}

/// A button's value: which rollback, and which plan was seen.
fn meant(value: &str) -> Option<(u64, PlanHash)> {
    let (id, hash) = value.strip_prefix("RB-")?.split_once(':')?;
    Some((id.parse().ok()?, PlanHash(hash.to_owned())))
}

async fn click(app: &App, payload: Payload) -> Response {
    let Some(action) = payload.actions.first() else {
        return Answer::Received.into_response();
    };
    let container = payload.container.as_ref();
    let channel = payload
        .channel
        .as_ref()
        .map(|channel| channel.id.clone())
        .or_else(|| container?.channel_id.clone())
        .unwrap_or_default();
    let person = payload.person();
    let action_id = action.action_id.as_deref().unwrap_or_default();
    let click = Click::of(action_id);
    if person.id.is_empty() || click.is_none() {
        return Answer::Received.into_response();
    }
    if let Err(over) = app.limits.admit_click(&person.id, app.engine.clock.now()) {
        let reply_to = payload.response_url.clone();
        return too_much(app, over, &person, channel, reply_to).await;
    }
    let value = action
        .value
        .clone()
        .or_else(|| action.selected_option.as_ref().map(|one| one.value.clone()))
        .unwrap_or_default();
    let clicked = action.action_ts.clone().unwrap_or_default();
    let message = container
        .and_then(|container| container.message_ts.clone())
        .unwrap_or_default();
    let input = Input {
        key: format!(
            "click:{channel}:{message}:{action_id}:{}:{clicked}:{value}",
            person.id
        ),
        person,
        channel,
        thread: None,
        source: Source::Button,
        reply_to: payload.response_url.clone(),
        trigger: payload.trigger_id.clone(),
    };
    telemetry::record_key(&input.key);
    if let Some(what) = payload.why_elsewhere(app) {
        return stored(forged(app, input, what).await);
    }
    let what = match click {
        Some(Click::Notice) => {
            // The value is the whole command, and is understood like one that was typed.
            return say(app, input, &value).await;
        }
        Some(Click::More) => match value.split_once(':') {
            Some(("object", rest)) => Meant::open(Form::Object, rest),
            Some(("glass", rest)) => Meant::open(Form::BreakGlass, rest),
            Some(("withdraw", rest)) => Meant::act(Act::Withdraw { because: None }, rest),
            Some((verb @ ("who" | "why"), rest)) => match meant(rest) {
                Some((rollback, _)) => {
                    return say(app, input, &format!("{verb} RB-{rollback}")).await;
                }
                None => None,
            },
            _ => None,
        },
        Some(Click::Approve) => meant(&value).map(|(rollback, hash)| {
            let act = Act::Approve {
                hash: Some(hash.clone()),
                confirmed: Confirmed::default(),
            };
            (rollback, hash, Meant::Act(act))
        }),
        Some(Click::Cancel) => Meant::act(Act::Stop { because: None }, &value),
        Some(Click::Open(form)) => Meant::open(form, &value),
        Some(Click::Undo) => match meant(&value) {
            Some((rollback, _)) => {
                return say(app, input, &format!("undo RB-{rollback}")).await;
            }
            None => None,
        },
        None => None,
    };
    let Some((rollback, hash, what)) = what else {
        let what = "its value is not one of mine".to_owned();
        return stored(forged(app, input, what).await);
    };
    let outcome = match what {
        Meant::Act(act) => {
            let clicked = Some(message).filter(|ts| !ts.is_empty());
            command::leave_act(app, input, rollback, clicked, act).await
        }
        Meant::Open(form) => {
            let clicked_at = app.engine.clock.now();
            let clicked_at = slack_moment(&clicked).map_or(clicked_at, |at| at.max(clicked_at));
            let job = Job::Modal {
                form,
                reply_to: input.reply_to.clone(),
                rollback,
                hash,
                person: input.person.clone(),
                channel: input.channel.clone(),
                trigger: payload.trigger_id.unwrap_or_default(),
                clicked_at,
                said: None,
                id: input.key.chars().take(250).collect(),
            };
            app.engine.take(&input.key, Submission::Enqueue(job)).await
        }
    };
    stored(outcome.map(drop))
}

/// A button of ours, by the id of its action.
#[derive(Clone, Copy, Debug)]
enum Click {
    Approve,
    Cancel,
    Open(Form),
    More,
    Undo,
    Notice,
}

impl Click {
    fn of(action_id: &str) -> Option<Click> {
        Some(match action_id {
            card::APPROVE => Click::Approve,
            card::APPROVE_BY_FORM => Click::Open(Form::Approve),
            card::CANCEL => Click::Cancel,
            card::RETARGET => Click::Open(Form::Target),
            card::MORE => Click::More,
            card::UNDO => Click::Undo,
            other if other.starts_with(super::says::PICK) => Click::Notice,
            other => {
                let answer = other.strip_prefix(break_glass::REVIEW)?.strip_prefix(':')?;
                Click::Open(Form::Review(ReviewAnswer::named(answer)?))
            }
        })
    }
}

impl Click {
    /// What it is called, for counting.
    fn name(self) -> &'static str {
        match self {
            Click::Approve => "approve",
            Click::Cancel => "cancel",
            Click::Open(_) => "open",
            Click::More => "more",
            Click::Undo => "undo",
            Click::Notice => "say",
        }
    }
}

/// What a click on a rollback's message leads to.
enum Meant {
    Act(Act),
    Open(Form),
}

impl Meant {
    fn act(act: Act, value: &str) -> Option<(u64, PlanHash, Meant)> {
        meant(value).map(|(rollback, hash)| (rollback, hash, Meant::Act(act)))
    }

    fn open(form: Form, value: &str) -> Option<(u64, PlanHash, Meant)> {
        meant(value).map(|(rollback, hash)| (rollback, hash, Meant::Open(form)))
    }
}

impl Payload {
    /// Why it cannot be about anything here, if so: another workspace's payload.
    fn why_elsewhere(&self, app: &App) -> Option<String> {
        let (ours, theirs) = (app.known_team()?, self.team.as_ref()?);
        (theirs.id != ours).then(|| format!("it comes from the workspace {}", theirs.id))
    }
}

/// Says what a click stands for, as if it had been typed, and answers the clicker alone.
async fn say(app: &App, input: Input, text: &str) -> Response {
    let (_, answer) = command::respond(app, input.clone(), text).await;
    let mut job = command::message_later(&input, answer);
    if let Some(Job::Notify { reply_to, .. }) = &mut job {
        reply_to.clone_from(&input.reply_to);
    }
    match job {
        Some(job) => stored(
            app.engine
                .take(&format!("answer:{}", input.key), Submission::Enqueue(job))
                .await
                .map(drop),
        ),
        None => Answer::Received.into_response(),
    }
}

/// Leaves a click that does not fit to a job that records it.
async fn forged(app: &App, input: Input, what: String) -> Result<(), crate::engine::Error> {
    let job = Job::RejectForged {
        by: input.person,
        source: input.source,
        channel: input.channel,
        reply_to: input.reply_to,
        what,
        id: input.key.clone(),
    };
    app.engine
        .take(&input.key, Submission::Enqueue(job))
        .await
        .map(drop)
}

async fn save(app: &App, payload: Payload) -> Response {
    let person = payload.person();
    let elsewhere = payload.why_elsewhere(app);
    let view = payload.view.unwrap_or_default();
    if view.callback_id.as_deref() != Some(modal::CALLBACK) || person.id.is_empty() {
        return Answer::Received.into_response();
    }
    let about = view
        .private_metadata
        .as_deref()
        .and_then(|text| serde_json::from_str::<modal::About>(text).ok());
    let Some(about) = about else {
        tracing::warn!("a form of ours does not say what it is about");
        return Answer::Received.into_response();
    };
    if let Err(over) = app.limits.admit_click(&person.id, app.engine.clock.now()) {
        // The form stays open, with what was filled in.
        return too_much(app, over, &person, about.channel, None).await;
    }
    let input = Input {
        key: format!(
            "save:{}:{}:{}",
            view.id.unwrap_or_default(),
            view.hash.unwrap_or_default(),
            person.id
        ),
        person,
        channel: about.channel.clone(),
        source: Source::Modal,
        ..Input::default()
    };
    telemetry::record_key(&input.key);
    // The address is that of whoever it was opened for, and of nobody else.
    let reply_to = (input.person.id == about.person).then(|| about.reply_to.clone());
    let input = Input {
        reply_to: reply_to.flatten(),
        ..input
    };
    let wrong = match elsewhere {
        None if input.person.id != about.person => {
            Some("that form was opened for somebody else".to_owned())
        }
        elsewhere => elsewhere,
    };
    if let Some(what) = wrong {
        return stored(forged(app, input, what).await);
    }
    let act = match filled(app, &about, &view.state).await {
        Ok(Ok(act)) => act,
        // Slack shows it below the field, and the form stays open.
        Ok(Err((field, problem))) => {
            let errors = json!({ field: problem });
            return Json(json!({ "response_action": "errors", "errors": errors })).into_response();
        }
        Err(error) => {
            app.engine.could_not(&error);
            return stored(Err(error));
        }
    };
    // An empty 200 closes the form.
    stored(
        command::leave_act(app, input, about.rollback, None, act)
            .await
            .map(drop),
    )
}

/// What somebody filled in, or the field that is not filled as it should be, and why.
async fn filled(
    app: &App,
    about: &modal::About,
    state: &Value,
) -> Result<Result<Act, (&'static str, String)>, crate::engine::Error> {
    let field = |id: &str| &state["values"][id][id];
    let because = field(modal::BECAUSE)["value"]
        .as_str()
        .unwrap_or_default()
        .trim()
        .to_owned();
    let said = |because: String| match because.is_empty() {
        true => Err((modal::BECAUSE, "Say it in a few words.".to_owned())),
        false => Ok(because),
    };
    Ok(match about.form {
        Form::Target => match field(modal::TARGET)["selected_option"]["value"].as_str() {
            Some(to) => Ok(Act::Retarget {
                hash: Some(about.hash.clone()),
                to: to.to_owned(),
            }),
            None => Err((modal::TARGET, "Choose a release first.".to_owned())),
        },
        Form::Approve => {
            let ticked = field(modal::TICKS)["selected_options"].as_array();
            let confirmed = Confirmed {
                ticked: ticked
                    .into_iter()
                    .flatten()
                    .filter_map(|option| option["value"].as_str().map(str::to_owned))
                    .collect(),
                typed: field(modal::TYPED)["value"].as_str().map(str::to_owned),
                because: None,
            };
            // Said at once where it can be; the machine looks again.
            let lacks = lacks(app, about, &confirmed).await?;
            match lacks {
                Some((field, problem)) => Err((field, problem)),
                None => Ok(Act::Approve {
                    hash: Some(about.hash.clone()),
                    confirmed,
                }),
            }
        }
        Form::Object => said(because).map(|because| Act::Object { because }),
        Form::BreakGlass => {
            let promised = field(modal::PROMISE)["selected_options"]
                .as_array()
                .is_some_and(|ticked| !ticked.is_empty());
            said(because).map(|because| Act::BreakGlass {
                hash: Some(about.hash.clone()),
                because,
                promised,
            })
        }
        Form::Review(answer) => said(because).map(|because| Act::Review { answer, because }),
    })
}

/// What an approval still lacks, below the field in which it does.
async fn lacks(
    app: &App,
    about: &modal::About,
    confirmed: &Confirmed,
) -> Result<Option<(&'static str, String)>, crate::engine::Error> {
    let found = rollbacks::get(&app.engine.db, about.rollback).await?;
    let plan = found.as_ref().and_then(|found| found.plan.as_ref());
    let service = found
        .as_ref()
        .and_then(|found| app.config.service(&found.service, &found.environment));
    let (Some(plan), Some(service)) = (plan, service) else {
        return Ok(None);
    };
    let rule = service.rules.of(plan.risk);
    Ok(confirmed.lacks(rule, plan).map(|_| match rule.confirm {
        Confirm::Type => (
            modal::TYPED,
            format!("Not the same: the target is {}.", plan.to.label()),
        ),
        Confirm::Tick | Confirm::Click => (
            modal::TICKS,
            "Tick each of them, or go back and choose another target.".to_owned(),
        ),
    }))
}

/// What happens to a click of somebody who sends too much. Slack shows nothing of what a click is
/// answered with but that it did not work, so they are told by a job: once a minute at most, so
/// that a flood writes next to nothing.
async fn too_much(
    app: &App,
    over: TooMuch,
    person: &Person,
    channel: String,
    reply_to: Option<String>,
) -> Response {
    app.metrics.too_much(over.whose());
    if over.first_in_a_minute {
        let job = Job::Notify {
            channel,
            person: person.id.clone(),
            thread: None,
            reply_to,
            message: Message::from(&over.refusal()),
            id: format!("too-much:{}", person.id),
        };
        if let Err(error) = app.engine.enqueue(&[job]).await {
            tracing::warn!(%error, "somebody could not be told that they send too much");
        }
    }
    StatusCode::TOO_MANY_REQUESTS.into_response()
}

/// 200 once it is stored. Anything else makes Slack show that the click did not work.
fn stored(outcome: Result<(), crate::engine::Error>) -> Response {
    match outcome {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
            response.extensions_mut().insert(Arc::new(error));
            response
        }
    }
}
