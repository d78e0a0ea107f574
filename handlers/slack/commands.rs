//! What people type after `/rollback`.

use super::{answer::Reply, run_text, signed::Signed};
use crate::{
    App,
    commands::{
        ANSWERED_WITHIN, Answer, Context,
        gate::{self, Origin},
    },
    crash::{self, Point},
    telemetry,
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rollback_domain::{grammar, people::Person, refusal::Source};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, time::Instant};
use tokio::time::timeout;
use tracing::Instrument;

/// `POST /slack/commands`.
pub async fn command(State(app): State<App>, Signed(body): Signed) -> Response {
    let form = Form::of(form_urlencoded::parse(&body));
    match form.is_probe {
        true => StatusCode::OK.into_response(),
        false => receive(&app, form).await.into_response(),
    }
}

/// Runs a command, however it came.
pub(super) async fn receive(app: &App, form: Form) -> Reply {
    let began = Instant::now();
    if form.user_id.is_empty() || form.channel_id.is_empty() {
        return Reply::from(&Answer::private(
            "Slack did not say who you are or where. Nothing was run.",
        ));
    }
    crash::point(Point::CommandRead);
    let context = form.context();
    let now = app.engine.clock.now();
    let (person, channel) = (&context.person.id, &context.channel);
    if let Err(over) = app.limits.admit_message(person, channel, now) {
        app.metrics.too_much(over.whose());
        return Reply::from(&Answer::from(over.refusal()));
    }
    app.names.learn(person, &context.person.name);
    let text = grammar::with_names(&form.text, |id| app.names.of(id));
    let is_own = |id: &str| app.known_user() == Some(id);
    let span = telemetry::request("command", person, channel);
    let run = run_text(app, &context, grammar::parse_mention(&text, is_own));
    let noted = async {
        let is_anothers = app.known_app().is_some_and(|own| own != form.app_id);
        let is_named = !form.app_id.is_empty();
        if is_named && is_anothers && app.limits.is_worth_a_line(&form.app_id, now) {
            tracing::warn!(app = form.app_id, "a command came from another Slack app");
            // Beside the command: it is not to wait for that.
            timeout(ANSWERED_WITHIN, gate::note_app(app, &form.app_id))
                .await
                .ok();
        }
    };
    let ((verb, status, answer), ()) = tokio::join!(run.instrument(span), noted);
    crash::point(Point::CommandStored);
    let took = began.elapsed();
    app.metrics.answered("command", verb, status, took);
    Reply::from(&answer)
}

/// The fields of a slash command. Slack adds others.
#[derive(Default)]
pub(super) struct Form {
    user_id: String,
    user_name: String,
    channel_id: String,
    response_url: Option<String>,
    trigger_id: Option<String>,
    text: String,
    /// The Slack app whose command it is, `A…`.
    app_id: String,
    origin: Origin,
    /// Whether Slack only looks at our certificate.
    is_probe: bool,
}

impl Form {
    /// The same as an object of JSON, as it comes in an envelope.
    pub(super) fn of_object(object: &Map<String, Value>) -> Self {
        Form::of(object.iter().filter_map(|(key, value)| {
            let value = value.as_str()?;
            Some((Cow::Borrowed(key.as_str()), Cow::Borrowed(value)))
        }))
    }

    fn of<'a>(fields: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        let mut form = Form::default();
        for (key, value) in fields {
            match key.as_ref() {
                "ssl_check" => form.is_probe = value == "1",
                "user_id" => form.user_id = value.into_owned(),
                "user_name" => form.user_name = value.into_owned(),
                "channel_id" => form.channel_id = value.into_owned(),
                "response_url" => form.response_url = Some(value.into_owned()),
                "trigger_id" if !value.is_empty() => form.trigger_id = Some(value.into_owned()),
                "text" => form.text = value.into_owned(),
                "api_app_id" => form.app_id = value.into_owned(),
                "team_id" if !value.is_empty() => form.origin.team = Some(value.into_owned()),
                "enterprise_id" if !value.is_empty() => {
                    form.origin.enterprise = Some(value.into_owned());
                }
                _ => {}
            }
        }
        form
    }

    fn context(&self) -> Context {
        // Slack gives every typed command its own trigger; without one its fields are the identity,
        // and not its bytes: they differ where it comes in an envelope.
        let key = match &self.trigger_id {
            Some(trigger) => format!("command:{trigger}"),
            None => {
                let fields = json!([self.user_id, self.channel_id, self.text, self.response_url]);
                let digest = Sha256::digest(fields.to_string());
                format!("command:{}", hex::encode(digest))
            }
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
