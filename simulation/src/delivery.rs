//! Sends requests to the app, signed as Slack signs them, and keeps what came back.

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Slack;
use crate::signing::signature;
use crate::state::State;

/// What the app answered to a request.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The HTTP status; 0 when there was no answer, 200 when nothing had to be sent.
    pub status: u16,
    /// The body, or what went wrong.
    pub body: String,
    /// How long it took by the real clock.
    pub took: Duration,
    /// The message that was posted by acting, if there was one.
    pub ts: Option<String>,
}

/// A request that was sent to the app.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The path below the app's base.
    pub path: String,
    /// The exact body.
    pub body: Vec<u8>,
    /// What came back.
    pub answer: Answer,
}

/// Why a person could not do that, such as clicking a button that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible(pub String);

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Impossible {}

/// The exact request that was sent last.
#[derive(Clone)]
pub(crate) struct Request {
    pub path: String,
    pub body: Vec<u8>,
    pub headers: Vec<(String, String)>,
}

impl Answer {
    /// Whether the app accepted the request.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON, if it is.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    pub(crate) fn nothing_sent(ts: Option<String>) -> Self {
        Self {
            status: 200,
            ts,
            ..Self::default()
        }
    }
}

impl Slack {
    /// The headers that make this body a request from Slack, by the workspace's clock.
    pub fn sign(&self, body: &[u8]) -> Vec<(String, String)> {
        self.sign_at(body, self.now().as_second())
    }

    /// The same for another time, in seconds since 1970.
    pub fn sign_at(&self, body: &[u8], timestamp: i64) -> Vec<(String, String)> {
        let signature = signature(&self.inner.options.signing_secret, timestamp, body);
        vec![
            (
                "x-slack-request-timestamp".to_owned(),
                timestamp.to_string(),
            ),
            ("x-slack-signature".to_owned(), signature),
        ]
    }

    /// Sends exactly this to the app; nothing is signed or added.
    pub async fn raw(
        &self,
        path: &str,
        body: impl Into<Vec<u8>>,
        headers: &[(String, String)],
    ) -> Answer {
        let request = Request {
            path: path.to_owned(),
            body: body.into(),
            headers: headers.to_vec(),
        };
        self.send(request).await
    }

    /// Sends the last request's exact bytes again. An event is signed anew and marked as a retry,
    /// as Slack does; anything else keeps its signature, as in a replay.
    pub async fn redeliver_last(&self) -> Answer {
        let Some(mut request) = self.look(|state| state.last_request.clone()) else {
            return Answer {
                body: "nothing was sent yet".to_owned(),
                ..Answer::default()
            };
        };
        if request.path == "/slack/events" {
            request
                .headers
                .retain(|(name, _)| !name.starts_with("x-slack-"));
            request.headers.extend(self.sign(&request.body));
            request
                .headers
                .push(("x-slack-retry-num".to_owned(), "1".to_owned()));
            request
                .headers
                .push(("x-slack-retry-reason".to_owned(), "http_timeout".to_owned()));
        }
        self.send(request).await
    }

    /// Sends an interaction as this person. Who, where and with which app is filled in unless the
    /// payload says it, so that a test can forge any of it.
    pub async fn interact(&self, person: &str, payload: Value) -> Answer {
        let payload = self.change(|state| self.with_actor(state, person, payload));
        self.send_payload(&payload).await
    }

    /// Everything that was sent to the app, in order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.look(|state| state.deliveries.clone())
    }

    pub(crate) async fn send_payload(&self, payload: &Value) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", &payload.to_string())
            .finish();
        self.send_form("/slack/interactions", form).await
    }

    /// Sends what [`Slack::as_event`] made.
    pub(crate) async fn send_event(&self, event: &Value) -> Answer {
        let body = event.to_string().into_bytes();
        self.send_signed("/slack/events", "application/json", body)
            .await
    }

    pub(crate) async fn send_form(&self, path: &str, form: String) -> Answer {
        self.send_signed(path, "application/x-www-form-urlencoded", form.into_bytes())
            .await
    }

    pub(crate) async fn send_signed(&self, path: &str, kind: &str, body: Vec<u8>) -> Answer {
        let mut headers = self.sign(&body);
        headers.push(("content-type".to_owned(), kind.to_owned()));
        headers.push((
            "user-agent".to_owned(),
            "Slackbot 1.0 (+https://api.slack.com/robots)".to_owned(),
        ));
        self.send(Request {
            path: path.to_owned(),
            body,
            headers,
        })
        .await
    }

    async fn send(&self, request: Request) -> Answer {
        let base = self.change(|state| {
            state.last_request = Some(request.clone());
            state.app.clone()
        });
        let begun = Instant::now();
        let mut answer = match base {
            None => Answer {
                body: "no app is connected".to_owned(),
                ..Answer::default()
            },
            Some(base) => {
                self.exchange(&format!("{base}{}", request.path), &request)
                    .await
            }
        };
        answer.took = begun.elapsed();
        self.change(|state| {
            state.deliveries.push(Delivery {
                path: request.path,
                body: request.body,
                answer: answer.clone(),
            });
        });
        answer
    }

    async fn exchange(&self, url: &str, request: &Request) -> Answer {
        let mut post = self.inner.client.post(url).body(request.body.clone());
        for (name, value) in &request.headers {
            post = post.header(name, value);
        }
        let response = match post.send().await {
            Ok(response) => response,
            Err(error) => return no_answer(&error),
        };
        let status = response.status().as_u16();
        match response.text().await {
            Ok(body) => Answer {
                status,
                body,
                ..Answer::default()
            },
            Err(error) => no_answer(&error),
        }
    }

    /// An event in the envelope that every event comes in.
    pub(crate) fn as_event(&self, state: &mut State, event: Value) -> Value {
        let options = &self.inner.options;
        json!({
            "token": "legacy-verification-token", "team_id": options.team_id, "api_app_id": options.app_id,
            "event": event, "type": "event_callback", "event_id": state.id("Ev"),
            "event_time": self.now().as_second(), "event_context": state.id("4-"),
            "authorizations": [{
                "enterprise_id": null, "team_id": options.team_id, "user_id": options.bot_user,
                "is_bot": true, "is_enterprise_install": false,
            }],
            "is_ext_shared_channel": false, "context_team_id": options.team_id, "context_enterprise_id": null,
        })
    }

    pub(crate) fn with_actor(&self, state: &mut State, person: &str, payload: Value) -> Value {
        let options = &self.inner.options;
        let actor = state.person(person).map_or_else(
            || json!({ "id": person, "username": person, "name": person, "team_id": options.team_id }),
            crate::person::Person::as_actor,
        );
        let mut full = json!({
            "user": actor,
            "api_app_id": options.app_id,
            "token": "legacy-verification-token",
            "team": { "id": options.team_id, "domain": options.team_domain },
            "enterprise": null,
            "is_enterprise_install": false,
        });
        if payload.get("trigger_id").is_none() {
            full["trigger_id"] = json!(self.trigger(state, person));
        }
        if let (Some(full), Value::Object(payload)) = (full.as_object_mut(), payload) {
            full.extend(payload);
        }
        full
    }
}

fn no_answer(error: &reqwest::Error) -> Answer {
    let body = if error.is_timeout() {
        "operation_timeout"
    } else {
        "no answer"
    };
    Answer {
        body: body.to_owned(),
        ..Answer::default()
    }
}
