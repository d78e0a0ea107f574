//! Sign in with Slack: the page on which somebody says who they are, and what its code stands for.
//!
//! It follows Slack's documentation of `openid.connect.token`: a code is good for once and for ten
//! minutes, and only with the secret of the app and the address that it was sent to.

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;

use crate::Slack;
use crate::web_api::{Failure, Outcome, Params};

/// How long a code is good, in seconds.
const CODE_LIVES: i64 = 600;
/// How long an `id_token` is good, in seconds.
const TOKEN_LIVES: i64 = 300;

/// What a code stands for.
#[derive(Clone)]
pub(crate) struct Code {
    person: String,
    team: String,
    nonce: Option<String>,
    redirect: String,
    at: Timestamp,
    is_used: bool,
}

/// What is changed in what an `id_token` says.
pub(crate) type Claims = Box<dyn Fn(&mut Value) + Send>;

impl Slack {
    /// Changes what the workspace says of those who sign in from now on.
    pub fn says_of_sign_ins(&self, change: impl Fn(&mut Value) + Send + 'static) {
        self.change(|state| state.claims = Some(Box::new(change)));
    }
}

/// `GET /openid/connect/authorize`: who signs in is asked, or named by `as`.
pub(crate) async fn authorize(
    State(slack): State<Slack>,
    Query(asked): Query<HashMap<String, String>>,
) -> Response {
    let text = |key: &str| asked.get(key).map(String::as_str).unwrap_or_default();
    let scopes = text("scope").split([' ', ',']).collect::<Vec<_>>();
    let wrong = match () {
        () if text("client_id") != slack.inner.options.client_id => Some("invalid_client_id"),
        () if text("response_type") != "code" => Some("response_type_not_supported"),
        () if !scopes.contains(&"openid") => Some("invalid_scope"),
        () if text("state").is_empty() => Some("missing_state"),
        () if !is_address(text("redirect_uri")) => Some("bad_redirect_uri"),
        () => None,
    };
    if let Some(wrong) = wrong {
        return (StatusCode::BAD_REQUEST, format!("{wrong}\n")).into_response();
    }
    match asked.get("as").map(String::as_str) {
        None => Html(people(&slack, &asked)).into_response(),
        Some("nobody") => back(&asked, &[("error", "access_denied")]),
        Some(person) => {
            let code = slack.give_code(person, &asked);
            back(&asked, &[("code", &code)])
        }
    }
}

fn is_address(address: &str) -> bool {
    address.starts_with("https://") || address.starts_with("http://127.0.0.1:")
}

/// A link for everybody in the workspace.
fn people(slack: &Slack, asked: &HashMap<String, String>) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(asked)
        .finish();
    let query = query.replace('&', "&amp;");
    let everybody = slack.look(|state| state.people.clone());
    let links = everybody.iter().map(|person| {
        let (id, name) = (&person.id, &person.name);
        format!("<li><a href=\"?{query}&amp;as={id}\">{name}</a></li>")
    });
    format!(
        "<!doctype html><title>Sign in</title><h1>Who are you?</h1><ul>{}</ul>",
        links.collect::<String>()
    )
}

/// Sends the browser back to the app.
fn back(asked: &HashMap<String, String>, answer: &[(&str, &str)]) -> Response {
    let state = asked.get("state").map(String::as_str).unwrap_or_default();
    let redirect = asked.get("redirect_uri").map(String::as_str);
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(answer)
        .append_pair("state", state)
        .finish();
    let address = format!("{}?{query}", redirect.unwrap_or_default());
    (StatusCode::FOUND, [(header::LOCATION, address)]).into_response()
}

impl Slack {
    fn give_code(&self, person: &str, asked: &HashMap<String, String>) -> String {
        let at = self.now();
        self.change(|state| {
            let known = state.person(person);
            let team = known.map(|person| person.team_id.clone());
            let name = state.id("code-of-a-sign-in");
            let code = Code {
                person: person.to_owned(),
                team: team.unwrap_or_default(),
                nonce: asked.get("nonce").cloned(),
                redirect: asked.get("redirect_uri").cloned().unwrap_or_default(),
                at,
                is_used: false,
            };
            state.codes.insert(name.clone(), code);
            name
        })
    }
}

/// `openid.connect.token`.
pub(crate) fn token(slack: &Slack, params: &Params) -> Outcome {
    let options = &slack.inner.options;
    if params.need("client_id")? != options.client_id {
        return Err(Failure::from("invalid_client_id"));
    }
    if params.need("client_secret")? != options.client_secret {
        return Err(Failure::from("bad_client_secret"));
    }
    let now = slack.now();
    let (name, redirect) = (params.need("code")?, params.text("redirect_uri"));
    slack.change(|state| {
        let code = state.codes.get_mut(name);
        let code = code.ok_or(Failure::from("invalid_code"))?;
        if code.is_used || now.duration_since(code.at).as_secs() > CODE_LIVES {
            return Err(Failure::from("invalid_code"));
        }
        if redirect != Some(&code.redirect) {
            return Err(Failure::from("bad_redirect_uri"));
        }
        code.is_used = true;
        let mut claims = json!({
            "iss": format!("http://{}", slack.inner.address),
            "sub": code.person, "aud": options.client_id, "nonce": code.nonce,
            "iat": now.as_second(), "exp": now.as_second() + TOKEN_LIVES,
            "auth_time": now.as_second(),
            "https://slack.com/team_id": code.team,
            "https://slack.com/user_id": code.person,
        });
        if let Some(change) = &state.claims {
            change(&mut claims);
        }
        Ok(json!({
            "access_token": "xoxp-of-a-sign-in", "token_type": "Bearer",
            "id_token": written(&claims),
        }))
    })
}

/// As Slack writes it, with what stands in for its signature.
fn written(claims: &Value) -> String {
    let part = |value: &str| URL_SAFE_NO_PAD.encode(value);
    format!(
        "{}.{}.{}",
        part(r#"{"typ":"JWT","alg":"RS256","kid":"simulation"}"#),
        part(&claims.to_string()),
        part("a signature of the simulation")
    )
}
