//! What Slack reports: a mention is a command that also works in threads.

use super::{
    answer::Answer,
    command::{self, Input},
    signed::Signed,
};
use crate::{
    App,
    crash::{self, Point},
    engine::Submission,
    telemetry,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use rollback_domain::{authority, job::Job, people::Person, refusal::Source};
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
        return Answer::Received.into_response();
    };
    match envelope.r#type.as_deref() {
        Some("url_verification") => {
            Json(json!({ "challenge": envelope.challenge.unwrap_or_default() })).into_response()
        }
        Some("event_callback") if envelope.event["type"] == "app_mention" => {
            let text = |key: &str| envelope.event[key].as_str().unwrap_or_default();
            let span = telemetry::request("mention", text("user"), text("channel"));
            mention(&app, &envelope).instrument(span).await
        }
        // A user group changed: the cards name its members as they are now.
        Some("event_callback")
            if matches!(
                envelope.event["type"].as_str(),
                Some("subteam_members_changed" | "subteam_updated")
            ) =>
        {
            let span = telemetry::request("event", "", "");
            regrouped(&app, &envelope).instrument(span).await
        }
        _ => Answer::Received.into_response(),
    }
}

async fn regrouped(app: &App, envelope: &Envelope) -> Response {
    let event = &envelope.event;
    let id = event["subteam_id"]
        .as_str()
        .or_else(|| event["subteam"]["id"].as_str());
    let Some(id) = id else {
        return Answer::Received.into_response();
    };
    let source = authority::Source::SlackGroup(id.to_owned());
    if !app.config.sources().contains(&&source) {
        return Answer::Received.into_response();
    }
    let began = Instant::now();
    let key = format!("event:{}", envelope.event_id.as_deref().unwrap_or(id));
    telemetry::record_key(&key);
    let outcome = app
        .engine
        .take(&key, Submission::Enqueue(Job::RefreshRoster { source }))
        .await;
    let status = if outcome.is_ok() { "answered" } else { "busy" };
    app.metrics
        .answered("event", "group", status, began.elapsed());
    match outcome {
        Ok(_) => Answer::Received.into_response(),
        Err(error) => {
            app.metrics.failed(&error);
            axum::http::StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

async fn mention(app: &App, envelope: &Envelope) -> Response {
    let event = &envelope.event;
    let text = |key: &str| event[key].as_str().map(str::to_owned);
    // Other bots' words, and edits of our own, are not commands.
    let (Some(user), Some(channel), Some(said)) = (text("user"), text("channel"), text("text"))
    else {
        return Answer::Received.into_response();
    };
    if event.get("bot_id").is_some_and(|bot| !bot.is_null())
        || event.get("subtype").is_some_and(|kind| !kind.is_null())
    {
        return Answer::Received.into_response();
    }
    let now = app.engine.clock.now();
    if let Err(over) = app.limits.admit_message(&user, &channel, now) {
        // Not 503: Slack would deliver it again, three times.
        app.metrics.too_much(over.whose());
        return Answer::Received.into_response();
    }
    let ts = text("ts").unwrap_or_default();
    let input = Input {
        key: match &envelope.event_id {
            Some(id) => format!("event:{id}"),
            None => format!("event:{channel}:{ts}"),
        },
        person: Person::new(user.clone(), text("username").unwrap_or(user)),
        channel,
        thread: text("thread_ts").or(Some(ts)),
        source: Source::Mention,
        reply_to: None,
        trigger: None,
    };
    let began = Instant::now();
    let (verb, answer) = command::respond(app, input.clone(), &said).await;
    crash::point(Point::EventStored);
    let mut status = command::status(verb, &answer);
    let mut response = Answer::Received.into_response();
    if let Some(job) = command::message_later(&input, answer) {
        let key = format!("answer:{}", input.key);
        if let Err(error) = app.engine.take(&key, Submission::Enqueue(job)).await {
            app.metrics.failed(&error);
            status = "busy";
            // Not 200: Slack delivers it again, and what was taken is taken once.
            response = axum::http::StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    }
    app.metrics
        .answered("mention", verb, status, began.elapsed());
    response
}
