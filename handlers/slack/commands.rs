//! What people type after `/rollback`.

use super::{answer, run_text, signed::Signed};
use crate::{
    App,
    commands::{Answer, Context, gate::Origin},
    crash::{self, Point},
    telemetry,
};
use axum::{
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rollback_domain::{grammar, people::Person, refusal::Source};
use sha2::{Digest, Sha256};
use std::time::Instant;
use tracing::Instrument;

/// `POST /slack/commands`.
pub async fn command(State(app): State<App>, Signed(body): Signed) -> Response {
    let began = Instant::now();
    let form = Form::decode(&body);
    if form.is_probe {
        return StatusCode::OK.into_response();
    }
    if form.user_id.is_empty() || form.channel_id.is_empty() {
        return answer::respond(&Answer::private(
            "Slack did not say who you are or where. Nothing was run.",
        ));
    }
    crash::point(Point::CommandRead);
    let context = form.context(&body);
    let now = app.engine.clock.now();
    let (person, channel) = (&context.person.id, &context.channel);
    if let Err(over) = app.limits.admit_message(person, channel, now) {
        app.metrics.too_much(over.whose());
        return answer::respond(&Answer::from(over.refusal()));
    }
    app.names.learn(person, &context.person.name);
    let text = grammar::with_names(&form.text, |id| app.names.of(id));
    let is_own = |id: &str| app.known_user() == Some(id);
    let span = telemetry::request("command", person, channel);
    let run = run_text(&app, &context, grammar::parse_mention(&text, is_own));
    let (verb, status, answer) = run.instrument(span).await;
    crash::point(Point::CommandStored);
    let took = began.elapsed();
    app.metrics.answered("command", verb, status, took);
    answer::respond(&answer)
}

/// The fields of a slash command. Slack adds others.
#[derive(Default)]
struct Form {
    user_id: String,
    user_name: String,
    channel_id: String,
    response_url: Option<String>,
    trigger_id: Option<String>,
    text: String,
    origin: Origin,
    /// Whether Slack only looks at our certificate.
    is_probe: bool,
}

impl Form {
    fn decode(body: &Bytes) -> Self {
        let mut form = Form::default();
        for (key, value) in form_urlencoded::parse(body) {
            match key.as_ref() {
                "ssl_check" => form.is_probe = value == "1",
                "user_id" => form.user_id = value.into_owned(),
                "user_name" => form.user_name = value.into_owned(),
                "channel_id" => form.channel_id = value.into_owned(),
                "response_url" => form.response_url = Some(value.into_owned()),
                "trigger_id" if !value.is_empty() => form.trigger_id = Some(value.into_owned()),
                "text" => form.text = value.into_owned(),
                "team_id" if !value.is_empty() => form.origin.team = Some(value.into_owned()),
                "enterprise_id" if !value.is_empty() => {
                    form.origin.enterprise = Some(value.into_owned());
                }
                _ => {}
            }
        }
        form
    }

    fn context(&self, body: &Bytes) -> Context {
        // Slack gives every typed command its own trigger; without one the bytes are the identity.
        let key = match &self.trigger_id {
            Some(trigger) => format!("command:{trigger}"),
            None => format!("command:{}", hex::encode(Sha256::digest(body))),
        };
        let name = match self.user_name.as_str() {
            "" => &self.user_id,
            name => name,
        };
        let person = Person::new(self.user_id.clone(), name);
        Context {
            reply_to: self.response_url.clone(),
            trigger: self.trigger_id.clone(),
            origin: self.origin.clone(),
            ..Context::new(key, person, self.channel_id.clone(), Source::Command)
        }
    }
}
