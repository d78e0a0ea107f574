//! What Slack sends over a connection of Socket Mode: what it would send as requests, in envelopes
//! that are acknowledged.

use super::{
    answer::Reply,
    commands::{self, Form},
    events, interactions,
};
use crate::App;
use serde::Deserialize;
use serde_json::{Value, json};

/// One input of Slack's. Which attempt it is changes nothing: inputs carry keys of their own.
#[derive(Debug, Deserialize)]
pub struct Envelope {
    /// The type of the payload: `slash_commands`, `interactive`, `events_api`.
    pub r#type: String,
    /// The id by which it is acknowledged.
    pub envelope_id: String,
    /// Whether Slack shows what an acknowledgement carries.
    #[serde(default)]
    pub accepts_response_payload: bool,
    /// What would be the body of a request.
    #[serde(default)]
    pub payload: Value,
}

/// Runs what is in an envelope, and gives its acknowledgement once everything that must happen is
/// stored. `None`: it could not be stored, or was not taken. Slack then delivers an event again,
/// and shows that anything else did not work.
pub async fn receive(app: App, envelope: Envelope) -> Option<String> {
    let Envelope {
        r#type,
        envelope_id,
        accepts_response_payload,
        payload,
    } = envelope;
    let reply = match (r#type.as_str(), payload) {
        ("slash_commands", Value::Object(fields)) => {
            commands::receive(&app, Form::of_object(&fields)).await
        }
        ("interactive", payload) => match serde_json::from_value(payload) {
            Ok(payload) => interactions::receive(&app, payload).await,
            Err(_) => unknown("interactive"),
        },
        ("events_api", payload) => match serde_json::from_value(payload) {
            Ok(callback) => events::receive(&app, &callback).await,
            Err(_) => unknown("events_api"),
        },
        // Slack would deliver it again, and it would be no better known then.
        (other, _) => unknown(other),
    };
    let id = json!(envelope_id);
    match reply {
        Reply::Shown(json) if accepts_response_payload => {
            Some(format!(r#"{{"envelope_id":{id},"payload":{json}}}"#))
        }
        Reply::Received | Reply::Shown(_) => Some(format!(r#"{{"envelope_id":{id}}}"#)),
        Reply::NotStored | Reply::TooMany => None,
    }
}

fn unknown(kind: &str) -> Reply {
    let kind: String = kind.chars().take(40).collect();
    tracing::warn!(kind, "an envelope is not of a known shape");
    Reply::Received
}
