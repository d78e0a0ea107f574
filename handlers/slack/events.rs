//! What Slack reports: mentions, which are commands that also work in threads, and changes of user
//! groups.

use super::{answer, run_text, signed::Signed};
use crate::{
    App,
    commands::{Context, queue},
    crash::{self, Point},
    telemetry,
};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rollback_domain::{people::Person, refusal::Source, rollback::Message};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;
use tracing::Instrument;

/// Everything in it is optional: unknown events and shapes are received, not refused.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    r#type: Option<String>,
    challenge: Option<String>,
    event_id: Option<String>,
    event: Value,
}

/// `POST /slack/events`.
pub async fn event(State(app): State<App>, Signed(body): Signed) -> Response {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(&body) else {
        // Slack would send the same again, three times.
        tracing::warn!("an event is not JSON of the known shape");
        return StatusCode::OK.into_response();
    };
    let status = match envelope.r#type.as_deref() {
        Some("url_verification") => {
            let challenge = envelope.challenge.unwrap_or_default();
            return Json(json!({ "challenge": challenge })).into_response();
        }
        Some("event_callback") => match envelope.event["type"].as_str() {
            Some("app_mention") => mention(&app, &envelope).await,
            // The cards name the members of a group as they are now.
            Some("subteam_members_changed" | "subteam_updated") => group(&app, &envelope).await,
            _ => StatusCode::OK,
        },
        _ => StatusCode::OK,
    };
    status.into_response()
}

/// Runs what somebody typed after a mention. The answer is a message in its thread.
async fn mention(app: &App, envelope: &Envelope) -> StatusCode {
    let began = Instant::now();
    let Some((context, text)) = decode_mention(envelope) else {
        return StatusCode::OK;
    };
    let now = app.engine.clock.now();
    let (person, channel) = (&context.person.id, &context.channel);
    if let Err(over) = app.limits.admit_message(person, channel, now) {
        // Not 503: Slack would deliver it again, three times.
        app.metrics.too_much(over.whose());
        return StatusCode::OK;
    }
    let span = telemetry::request("mention", person, channel);
    let run = async {
        let (verb, status, answer) = run_text(app, &context, text).await;
        crash::point(Point::EventStored);
        let reply = match answer::message(answer) {
            Some(text) => queue::reply(app, &context, Message::Mrkdwn(text)).await,
            None => Ok(()),
        };
        (verb, status, reply)
    };
    let (verb, mut status, reply) = run.instrument(span).await;
    let mut received = StatusCode::OK;
    if let Err(error) = reply {
        app.metrics.failed(&error);
        status = "busy";
        // Not 200: Slack delivers it again, and the same input is accepted once.
        received = StatusCode::SERVICE_UNAVAILABLE;
    }
    let took = began.elapsed();
    app.metrics.answered("mention", verb, status, took);
    received
}

/// Who mentioned the bot, where, and what they typed; `None` for what is no command: messages of
/// bots, and edits.
fn decode_mention(envelope: &Envelope) -> Option<(Context, &str)> {
    let event = &envelope.event;
    let text = |key: &str| event[key].as_str();
    if !event["bot_id"].is_null() || !event["subtype"].is_null() {
        return None;
    }
    let (user, channel, typed) = (text("user")?, text("channel")?, text("text")?);
    let ts = text("ts").unwrap_or_default();
    let key = match &envelope.event_id {
        Some(id) => format!("event:{id}"),
        None => format!("event:{channel}:{ts}"),
    };
    let person = Person::new(user, text("username").unwrap_or(user));
    let context = Context {
        thread: Some(text("thread_ts").unwrap_or(ts).to_owned()),
        ..Context::new(key, person, channel.to_owned(), Source::Mention)
    };
    Some((context, typed))
}

/// Has the members of a user group read again, if a role comes from it.
async fn group(app: &App, envelope: &Envelope) -> StatusCode {
    let began = Instant::now();
    let event = &envelope.event;
    let group = event["subteam_id"]
        .as_str()
        .or_else(|| event["subteam"]["id"].as_str());
    let Some(group) = group else {
        return StatusCode::OK;
    };
    let key = format!("event:{}", envelope.event_id.as_deref().unwrap_or(group));
    let read = async {
        telemetry::record_key(&key);
        queue::changed_group(app, &key, group).await
    };
    let span = telemetry::request("event", "", "");
    let (status, received) = match read.instrument(span).await {
        Ok(false) => return StatusCode::OK,
        Ok(true) => ("answered", StatusCode::OK),
        Err(error) => {
            app.metrics.failed(&error);
            ("busy", StatusCode::SERVICE_UNAVAILABLE)
        }
    };
    let took = began.elapsed();
    app.metrics.answered("event", "group", status, took);
    received
}
