//! The demo page: a browser looks at the workspace as one of its people, and acts as them.

use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Slack;
use crate::acting::{Target, elements};
use crate::delivery::{Answer, Impossible};
use crate::message::Message;
use crate::rendering::name;
use crate::state;
use crate::view::View;

/// The reaction that the page offers.
const PIN: &str = "pushpin";
/// How long a browser waits for news before it asks again.
const WAIT: Duration = Duration::from_secs(20);

/// What the page may load: itself, and frames of other loopback pages.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; frame-src http://127.0.0.1:* http://localhost:*; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(crate) async fn html() -> Response {
    asset("text/html; charset=utf-8", include_str!("page/page.html"))
}

pub(crate) async fn css() -> Response {
    asset("text/css; charset=utf-8", include_str!("page/page.css"))
}

pub(crate) async fn script() -> Response {
    asset(
        "text/javascript; charset=utf-8",
        include_str!("page/page.js"),
    )
}

pub(crate) async fn markup_script() -> Response {
    asset(
        "text/javascript; charset=utf-8",
        include_str!("page/markup.js"),
    )
}

pub(crate) async fn blocks_script() -> Response {
    asset(
        "text/javascript; charset=utf-8",
        include_str!("page/blocks.js"),
    )
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, text).into_response()
}

/// Who looks, and what they have seen already.
#[derive(Deserialize)]
pub(crate) struct Looking {
    person: Option<String>,
    seen: Option<u64>,
}

/// Answers what a person sees, at once or as soon as it differs from what they have seen.
pub(crate) async fn state(State(slack): State<Slack>, Query(looking): Query<Looking>) -> Response {
    if let Some(seen) = looking.seen {
        let mut versions = slack.inner.version.subscribe();
        // after the wait the same state is as good an answer as a new one
        let _ = tokio::time::timeout(WAIT, versions.wait_for(|version| *version != seen)).await;
    }
    let version = *slack.inner.version.borrow();
    let seen = slack.look(|state| as_seen(&slack, state, looking.person.as_deref(), version));
    ([(header::CACHE_CONTROL, "no-store")], Json(seen)).into_response()
}

fn as_seen(slack: &Slack, state: &state::State, person: Option<&str>, version: u64) -> Value {
    let humans: Vec<_> = state
        .people
        .iter()
        .filter(|known| !known.is_bot && !known.deleted)
        .collect();
    let me = person
        .and_then(|id| humans.iter().find(|known| known.id == id))
        .or(humans.first());
    let my_id = me.map(|me| me.id.as_str()).unwrap_or_default();
    let messages: Vec<_> = state
        .messages
        .iter()
        .filter(|message| message.is_visible_to(my_id))
        .map(|message| message_as_seen(state, message))
        .collect();
    let view = state.views.iter().rev().find(|view| view.person == my_id);
    let foreign_direct =
        |id: &str| id.starts_with('D') && format!("D{}", my_id.trim_start_matches('U')) != id;
    json!({
        "version": version,
        "workspace": slack.inner.options.team_domain,
        "me": my_id,
        "bot": { "id": state.bot_user, "name": state.bot_name, "handle": slack.inner.options.bot_handle },
        "people": state.people.iter().map(|known| json!({
            "id": known.id, "name": known.name, "real_name": known.real_name, "title": known.title,
            "is_bot": known.is_bot, "deleted": known.deleted, "tz": known.tz,
        })).collect::<Vec<_>>(),
        "channels": state.channels.iter().filter(|channel| !foreign_direct(&channel.id)).map(|channel| json!({
            "id": channel.id, "is_direct": channel.id.starts_with('D'),
            "name": if channel.id.starts_with('D') { &state.bot_name } else { &channel.name },
        })).collect::<Vec<_>>(),
        "messages": messages,
        "view": view.map(|view| json!({ "view": slack.view_json(view), "errors": view.errors })),
        "home": state.homes.get(my_id).map(View::blocks),
        "side": state.side.as_ref().map(|(title, url)| json!({ "title": title, "url": url })),
        "suggestions": slack.inner.options.suggestions,
    })
}

fn message_as_seen(state: &state::State, message: &Message) -> Value {
    let files: Vec<_> = message
        .files
        .iter()
        .filter_map(|id| state.files.iter().find(|file| file.id == *id))
        .map(|file| json!({ "id": file.id, "name": file.name, "title": file.title, "size": file.bytes.len() }))
        .collect();
    json!({
        "ts": message.ts, "channel": message.channel, "user": message.user,
        "author": name(state, &message.user), "is_app": message.user == state.bot_user,
        "text": message.text, "blocks": message.blocks, "thread_ts": message.thread_ts,
        "edited": message.edited, "only_me": message.only_for.is_some(), "files": files,
        "pinned_by": message.reactions.iter()
            .filter(|(_, reaction)| reaction == PIN)
            .map(|(person, _)| person)
            .collect::<Vec<_>>(),
    })
}

/// What a person does on the page.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Act {
    /// Types something.
    Says {
        person: String,
        channel: String,
        text: String,
        thread_ts: Option<String>,
    },
    /// Clicks in a message, or chooses an option there.
    Clicks {
        person: String,
        channel: String,
        ts: String,
        block_id: String,
        action_id: String,
        option: Option<Value>,
    },
    /// Adds a reaction to a message, or takes it back.
    Reacts {
        person: String,
        channel: String,
        ts: String,
        reaction: String,
    },
    /// Clicks in the open modal, or chooses an option there that the app wants to hear of.
    ClicksInView {
        person: String,
        view: String,
        block_id: String,
        action_id: String,
        option: Option<Value>,
    },
    /// Opens the app's Home.
    OpensHome { person: String },
    /// Clicks in the app's Home.
    ClicksInHome {
        person: String,
        block_id: String,
        action_id: String,
    },
    /// Fills in a field of the open modal.
    Enters {
        view: String,
        block_id: String,
        action_id: String,
        value: Value,
    },
    /// Submits the open modal.
    Submits { person: String },
    /// Closes the open modal.
    Closes { person: String },
}

/// Does what the page asks and answers how the app took it.
pub(crate) async fn act(State(slack): State<Slack>, Json(act): Json<Act>) -> Response {
    match perform(&slack, act).await {
        Ok(answer) => {
            let problem = if answer.is_ok() {
                None
            } else if answer.status == 0 {
                Some(format!("The app gave no answer ({}).", answer.body))
            } else {
                Some(format!("The app answered with HTTP {}.", answer.status))
            };
            Json(json!({ "ok": answer.is_ok(), "problem": problem })).into_response()
        }
        Err(Impossible(reason)) => (
            StatusCode::CONFLICT,
            Json(json!({ "ok": false, "problem": reason })),
        )
            .into_response(),
    }
}

async fn perform(slack: &Slack, act: Act) -> Result<Answer, Impossible> {
    match act {
        Act::Says {
            person,
            channel,
            text,
            thread_ts: None,
        } => Ok(slack.says(&person, &channel, &text).await),
        Act::Says {
            person,
            channel,
            text,
            thread_ts: Some(thread_ts),
        } => Ok(slack
            .says_in_thread(&person, &channel, &thread_ts, &text)
            .await),
        Act::Clicks {
            person,
            channel,
            ts,
            block_id,
            action_id,
            option,
        } => {
            let message = slack.look(|state| state.message(&channel, &ts).cloned());
            let message = message.filter(|message| message.is_visible_to(&person));
            let message = message.ok_or_else(|| Impossible("This message is gone.".to_owned()))?;
            let target = target(&message.blocks, &block_id, &action_id, option)
                .ok_or_else(|| Impossible("This button is gone.".to_owned()))?;
            Ok(slack.click_in_message(&person, &message, &target).await)
        }
        Act::Reacts {
            person,
            channel,
            ts,
            reaction,
        } => {
            let mine = (person.clone(), reaction.clone());
            let message = slack.look(|state| state.message(&channel, &ts).cloned());
            let message = message.ok_or_else(|| Impossible("This message is gone.".to_owned()))?;
            Ok(match message.reactions.contains(&mine) {
                true => slack.unreacts(&person, &channel, &ts, &reaction).await,
                false => slack.reacts(&person, &channel, &ts, &reaction).await,
            })
        }
        Act::ClicksInView {
            person,
            view,
            block_id,
            action_id,
            option,
        } => {
            let target = slack.look(|state| {
                let view = state
                    .views
                    .iter()
                    .find(|known| known.id == view && known.person == person)?;
                let (_, element) = view
                    .fields()
                    .into_iter()
                    .chain(
                        elements(view.blocks())
                            .map(|(id, element)| (id.to_owned(), element.clone())),
                    )
                    .find(|(id, element)| {
                        *id == block_id && element["action_id"] == json!(action_id)
                    })?;
                Some(Target {
                    block_id: block_id.clone(),
                    element,
                    option,
                })
            });
            let target = target.ok_or_else(|| Impossible("This is gone.".to_owned()))?;
            Ok(slack.click_in_view(&person, &view, &target).await)
        }
        Act::OpensHome { person } => Ok(slack.opens_home(&person).await),
        Act::ClicksInHome {
            person,
            block_id,
            action_id,
        } => {
            let target = slack.target_in_home(&person, &block_id, &action_id);
            let target = target.ok_or_else(|| Impossible("This button is gone.".to_owned()))?;
            Ok(slack.click_in_home(&person, &target).await)
        }
        Act::Enters {
            view,
            block_id,
            action_id,
            value,
        } => {
            slack.enter(&view, &block_id, &action_id, |entered| *entered = value);
            Ok(Answer::nothing_sent(None))
        }
        Act::Submits { person } => match slack.submits(&person).await {
            // The form says it below each field.
            Err(_) if !slack.view_errors(&person).is_empty() => Ok(Answer::nothing_sent(None)),
            submitted => submitted,
        },
        Act::Closes { person } => slack.closes(&person).await,
    }
}

fn target(
    blocks: &[Value],
    block_id: &str,
    action_id: &str,
    option: Option<Value>,
) -> Option<Target> {
    let (_, element) = elements(blocks)
        .find(|(id, element)| *id == block_id && element["action_id"] == json!(action_id))?;
    Some(Target {
        block_id: block_id.to_owned(),
        element: element.clone(),
        option,
    })
}
