//! The Web API as the app calls it: checks the token, runs the method, remembers the call.

mod chat;
mod conversations;
mod files;
mod people;
mod views;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::Slack;
use crate::faults::{Fault, OUTAGE_PAGE};
use crate::openid;
use crate::serving::drop_connection;
use crate::state::{Call, State};

pub(crate) use files::{download, upload};

/// The bot behind the bot user.
pub(crate) const BOT_ID: &str = "BROLLBACK";

/// The one method that wants the token of an app.
const CONNECT: &str = "apps.connections.open";

/// The one method that wants the secret of an app.
const SIGN_IN: &str = "openid.connect.token";

/// What a method was called with.
pub(crate) struct Params(Map<String, Value>);

/// A method's answer: what goes beside `ok: true`, or an error.
pub(crate) type Outcome = Result<Value, Failure>;

/// An `ok: false` answer.
pub(crate) struct Failure {
    code: &'static str,
    messages: Vec<String>,
}

impl From<&'static str> for Failure {
    fn from(code: &'static str) -> Self {
        Self {
            code,
            messages: Vec::new(),
        }
    }
}

impl Failure {
    pub(crate) fn invalid(code: &'static str, messages: Vec<String>) -> Self {
        Self { code, messages }
    }
}

impl Params {
    /// A text that must be there.
    pub(crate) fn need(&self, key: &str) -> Result<&str, Failure> {
        self.text(key)
            .filter(|text| !text.is_empty())
            .ok_or(Failure::from("invalid_arguments"))
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        let value = self.0.get(key)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    }

    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.0
            .get(key)
            .is_some_and(|value| *value == json!(true) || *value == "true" || *value == "1")
    }

    /// A structured value, which may also be sent as JSON in a string.
    pub(crate) fn json(&self, key: &str) -> Option<Value> {
        match self.0.get(key)? {
            Value::Null => None,
            Value::String(text) => serde_json::from_str(text).ok(),
            value => Some(value.clone()),
        }
    }

    /// The blocks, if any were sent.
    pub(crate) fn blocks(&self) -> Result<Option<Vec<Value>>, Failure> {
        if self.0.get("blocks").is_none_or(Value::is_null) {
            return Ok(None);
        }
        match self.json("blocks") {
            Some(Value::Array(blocks)) => Ok(Some(blocks)),
            _ => Err(Failure::from("invalid_blocks_format")),
        }
    }
}

/// Serves `/api/{method}`.
pub(crate) async fn serve(
    slack: &Slack,
    name: String,
    verb: Method,
    headers: HeaderMap,
    query: Option<String>,
    body: Bytes,
) -> Response {
    let params = read_params(&headers, query.as_deref(), &body);
    let channel = params
        .text("channel")
        .or_else(|| params.text("channel_id"))
        .map(str::to_owned);
    let mut call = Call {
        method: name.clone(),
        at: slack.now(),
        channel,
        ok: false,
        error: None,
        params: Value::Object(params.0.clone()),
    };
    // Slack counts what posts by channel, and everything else by method.
    let counted = match (name.as_str(), &call.channel) {
        ("chat.postMessage", Some(channel)) => format!("{name} in {channel}"),
        _ => name.clone(),
    };
    tokio::time::sleep(slack.look(|state| state.delay)).await;
    slack.check_patience(&counted, call.at);
    let fault = slack.hit(&name);
    if let Some(Fault::RateLimited { retry_after }) = fault {
        slack.tell_to_wait(&counted, call.at, retry_after);
    }
    if let Some(answer) = fault_answer(slack, fault, &mut call).await {
        return answer;
    }
    let outcome = if name == SIGN_IN {
        // The app proves itself with its own secret.
        openid::token(slack, &params)
    } else if params.text("token").or_else(|| bearer(&headers)).is_none() {
        Err(Failure::from("not_authed"))
    } else if let Err(failure) =
        check_token(slack, &name, bearer(&headers).or(params.text("token")))
    {
        Err(failure)
    } else if verb == Method::GET && !is_read(&name) {
        Err(Failure::from("invalid_arguments"))
    } else {
        run(slack, &name, &params)
    };
    let answer = match outcome {
        Ok(mut answer) => {
            answer["ok"] = json!(true);
            call.ok = true;
            answer
        }
        Err(failure) => {
            call.error = Some(failure.code.to_owned());
            let mut answer = json!({ "ok": false, "error": failure.code });
            if !failure.messages.is_empty() {
                answer["response_metadata"] = json!({ "messages": failure.messages });
                answer["errors"] = json!(failure.messages);
            }
            answer
        }
    };
    if matches!(fault, Some(Fault::LoseAnswer | Fault::Silent)) {
        call.error = Some("lost answer".to_owned());
        slack.change(|state| state.calls.push(call.clone()));
    }
    if let Some(answer) = slack.keep_back(fault).await {
        return answer;
    }
    let request_id = slack.change(|state| {
        state.calls.push(call);
        state.id("req")
    });
    let headers = [
        (
            header::CONTENT_TYPE.as_str(),
            "application/json; charset=utf-8".to_owned(),
        ),
        ("x-oauth-scopes", slack.inner.options.scopes.clone()),
        ("x-slack-req-id", request_id),
    ];
    (headers, answer.to_string()).into_response()
}

fn check_token(slack: &Slack, name: &str, token: Option<&str>) -> Result<(), Failure> {
    let options = &slack.inner.options;
    let (wanted, other) = match name {
        CONNECT => (&options.app_token, &options.bot_token),
        _ => (&options.bot_token, &options.app_token),
    };
    match token {
        Some(token) if token == wanted => Ok(()),
        Some(token) if token == other => Err(Failure::from("not_allowed_token_type")),
        Some(_) | None => Err(Failure::from("invalid_auth")),
    }
}

fn run(slack: &Slack, name: &str, params: &Params) -> Outcome {
    match name {
        CONNECT => people::open_connection(slack),
        "bots.info" => people::bot_info(slack, params),
        "auth.test" => people::auth_test(slack),
        "users.info" => people::info(slack, params),
        "users.getPresence" => people::presence(slack, params),
        "users.lookupByEmail" => people::lookup_by_email(slack, params),
        "usergroups.users.list" => people::usergroup_members(slack, params),
        "usergroups.list" => people::usergroups(slack),
        "chat.postMessage" => chat::post_message(slack, params),
        "chat.update" => chat::update(slack, params),
        "chat.delete" => chat::delete(slack, params),
        "chat.postEphemeral" => chat::post_ephemeral(slack, params),
        "chat.getPermalink" => chat::permalink(slack, params),
        "conversations.history" => conversations::history(slack, params),
        "conversations.replies" => conversations::replies(slack, params),
        "conversations.info" => conversations::info(slack, params),
        "conversations.members" => conversations::members(slack, params),
        "conversations.open" => conversations::open(slack, params),
        "views.open" => views::open(slack, params),
        "views.push" => views::push(slack, params),
        "views.update" => views::update(slack, params),
        "files.getUploadURLExternal" => files::upload_url(slack, params),
        "files.completeUploadExternal" => files::complete(slack, params),
        _ => Err(Failure::from("unknown_method")),
    }
}

fn is_read(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    matches!(
        last,
        "test"
            | "info"
            | "list"
            | "history"
            | "replies"
            | "lookupByEmail"
            | "getPermalink"
            | "getUploadURLExternal"
    )
}

/// The answer a fault gives, unless it lets the call through. The call is kept with it.
pub(crate) async fn fault_answer(
    slack: &Slack,
    fault: Option<Fault>,
    call: &mut Call,
) -> Option<Response> {
    let fault = fault.filter(|fault| !matches!(fault, Fault::LoseAnswer | Fault::Silent))?;
    let mut kept = call.clone();
    kept.error = Some(
        match fault {
            Fault::Outage => "outage",
            Fault::RateLimited { .. } => "ratelimited",
            Fault::Hang => "hang",
            Fault::Reset => "reset",
            Fault::InternalError => "internal_error",
            Fault::Refuses(code) => code,
            Fault::LoseAnswer | Fault::Silent => "lost answer",
        }
        .to_owned(),
    );
    let mut healed = slack.inner.healed.subscribe();
    slack.change(|state| state.calls.push(kept));
    Some(match fault {
        Fault::Outage => (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            OUTAGE_PAGE,
        )
            .into_response(),
        Fault::RateLimited { retry_after } => (
            StatusCode::TOO_MANY_REQUESTS,
            [
                (header::RETRY_AFTER, retry_after.to_string()),
                (
                    header::CONTENT_TYPE,
                    "application/json; charset=utf-8".to_owned(),
                ),
            ],
            json!({ "ok": false, "error": "ratelimited" }).to_string(),
        )
            .into_response(),
        Fault::InternalError => (
            [(header::CONTENT_TYPE, "application/json; charset=utf-8")],
            json!({ "ok": false, "error": "internal_error" }).to_string(),
        )
            .into_response(),
        Fault::Refuses(code) if call.method == "respond" => {
            (StatusCode::NOT_FOUND, code).into_response()
        }
        Fault::Refuses(code) => (
            [(header::CONTENT_TYPE, "application/json; charset=utf-8")],
            json!({ "ok": false, "error": code }).to_string(),
        )
            .into_response(),
        Fault::Hang => {
            // an error means that the workspace is gone, which ends the wait as well
            let _ = healed.changed().await;
            drop_connection()
        }
        Fault::Reset | Fault::LoseAnswer | Fault::Silent => drop_connection(),
    })
}

/// The channel a call means, if it exists.
pub(crate) fn known_channel<'a>(
    state: &'a State,
    id_or_name: &str,
) -> Result<&'a crate::state::Channel, Failure> {
    state
        .channel(id_or_name)
        .ok_or(Failure::from("channel_not_found"))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

fn read_params(headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Params {
    let form = |bytes: &[u8]| {
        form_urlencoded::parse(bytes)
            .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
            .collect::<Map<_, _>>()
    };
    let mut params = form(query.unwrap_or_default().as_bytes());
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    if kind.starts_with("application/json") {
        if let Ok(Value::Object(sent)) = serde_json::from_slice(body) {
            params.extend(sent);
        }
    } else {
        params.extend(form(body));
    }
    Params(params)
}
