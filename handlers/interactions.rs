//! What people click and save.

use super::{
    answer::Answer,
    command::{self, Heard, slack_moment},
    signed::Signed,
};
use crate::{
    App,
    engine::Ask,
    slack::{card, modal},
};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rollback_domain::{people::Person, plan::PlanHash, refusal::Source, rollback::Act, step::Step};
use serde::Deserialize;
use serde_json::{Value, json};

/// Everything in it is optional: org-wide installs have no team, and Slack adds fields.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    r#type: Option<String>,
    user: Clicker,
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
    action_ts: Option<String>,
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
    match payload.r#type.as_deref() {
        Some("block_actions") => click(&app, payload).await,
        Some("view_submission") => save(&app, payload).await,
        // Shortcuts, closed views and whatever comes: received.
        _ => Answer::Received.into_response(),
    }
}

impl Payload {
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
    let known = matches!(action_id, card::APPROVE | card::RETARGET | card::CANCEL);
    let propose = action_id.starts_with(super::says::PICK);
    if person.id.is_empty() || !(known || propose) {
        return Answer::Received.into_response();
    }
    let value = action.value.clone().unwrap_or_default();
    let clicked = action.action_ts.clone().unwrap_or_default();
    let message = container
        .and_then(|container| container.message_ts.clone())
        .unwrap_or_default();
    let heard = Heard {
        key: format!(
            "click:{channel}:{message}:{action_id}:{}:{clicked}:{value}",
            person.id
        ),
        person,
        channel,
        thread: None,
        source: Source::Button,
        reply_to: payload.response_url.clone(),
    };
    if propose {
        // The value is the whole command, and is understood like one that was typed.
        let (_, answer) = command::respond(app, heard.clone(), &value).await;
        let mut step = command::spoken_later(&heard, answer);
        if let Some(Step::Tell { reply_to, .. }) = &mut step {
            reply_to.clone_from(&heard.reply_to);
        }
        return match step {
            Some(step) => stored(
                app.engine
                    .take(&format!("answer:{}", heard.key), Ask::Leave(step))
                    .await
                    .map(drop),
            ),
            None => Answer::Received.into_response(),
        };
    }
    let Some((rollback, hash)) = meant(&value) else {
        tracing::warn!(action_id, "a button of ours carried a value that is not");
        return Answer::Received.into_response();
    };
    let taken = match action_id {
        card::APPROVE => {
            command::leave_act(app, heard, rollback, Act::Approve { hash: Some(hash) }).await
        }
        card::CANCEL => command::leave_act(app, heard, rollback, Act::Stop { because: None }).await,
        _ => {
            let clicked_at = app.engine.clock.now();
            let clicked_at = slack_moment(&clicked).map_or(clicked_at, |at| at.max(clicked_at));
            let step = Step::Modal {
                rollback,
                hash,
                person: heard.person.clone(),
                channel: heard.channel.clone(),
                trigger: payload.trigger_id.unwrap_or_default(),
                clicked_at,
                id: heard.key.chars().take(250).collect(),
            };
            app.engine.take(&heard.key, Ask::Leave(step)).await
        }
    };
    stored(taken.map(drop))
}

async fn save(app: &App, payload: Payload) -> Response {
    let person = payload.person();
    let view = payload.view.unwrap_or_default();
    if view.callback_id.as_deref() != Some(modal::CALLBACK) || person.id.is_empty() {
        return Answer::Received.into_response();
    }
    let about = view
        .private_metadata
        .as_deref()
        .and_then(|text| serde_json::from_str::<modal::About>(text).ok());
    let chosen =
        view.state["values"][modal::BLOCK][modal::BLOCK]["selected_option"]["value"].as_str();
    let (Some(about), Some(to)) = (about, chosen) else {
        return Json(json!({
            "response_action": "errors",
            "errors": { modal::BLOCK: "Choose a release first." },
        }))
        .into_response();
    };
    let heard = Heard {
        key: format!(
            "save:{}:{}:{}",
            view.id.unwrap_or_default(),
            view.hash.unwrap_or_default(),
            person.id
        ),
        person,
        channel: about.channel,
        thread: None,
        source: Source::Modal,
        reply_to: None,
    };
    let act = Act::Retarget {
        hash: Some(about.hash),
        to: to.to_owned(),
    };
    // An empty 200 closes the modal.
    stored(
        command::leave_act(app, heard, about.rollback, act)
            .await
            .map(drop),
    )
}

/// 200 once it is stored. Anything else makes Slack show that the click did not work.
fn stored(taken: Result<(), crate::engine::Error>) -> Response {
    match taken {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            tracing::error!(%error, "a click could not be stored");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
