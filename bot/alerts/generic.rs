//! Any other program: a body of our own form, signed as Standard Webhooks are, or with a secret.

use super::{
    ALERTS_AT_MOST, Alert, AlertKind, AlertSender, Fields, moment_at,
    proof::{Proof, is_mac_of},
    shared_secret::{self, SharedSecret, secrets},
    text_at, texts,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rollback_domain::alert::AlertState;
use rollback_settings::{Secret, Section};
use serde_json::Value;
use std::sync::Arc;

pub(super) const KIND: AlertKind = AlertKind {
    name: "generic",
    read,
    fields: Fields::Labels,
};

#[derive(Debug)]
enum Generic {
    Signed(Vec<Secret>),
    Shared(SharedSecret),
}

fn read(section: &Section<'_>) -> Option<Arc<dyn AlertSender>> {
    if shared_secret::is_there(section) && section.get("secret").is_none() {
        let shared = SharedSecret::read(section)?;
        return Some(Arc::new(Generic::Shared(shared)));
    }
    let secrets = secrets(section, "secret", |secret| match key(&secret) {
        Some(_) => Ok(secret),
        None => Err(
            "is no secret of Standard Webhooks; make one with `echo whsec_$(openssl rand -base64 24)`, or write token = \"env:ALERTS_TOKEN\" instead"
                .to_owned(),
        ),
    })?;
    Some(Arc::new(Generic::Signed(secrets)))
}

/// The key that a secret of Standard Webhooks stands for.
fn key(secret: &Secret) -> Option<Vec<u8>> {
    let encoded = secret.expose().strip_prefix("whsec_")?;
    STANDARD.decode(encoded).ok().filter(|key| key.len() >= 16)
}

impl AlertSender for Generic {
    fn is_own(&self, proof: &Proof<'_>) -> bool {
        match self {
            Generic::Shared(shared) => shared.is_in(proof),
            Generic::Signed(secrets) => is_standard(proof, secrets).unwrap_or_default(),
        }
    }

    fn alerts(&self, body: &Value) -> Vec<Alert> {
        let listed = body.get("alerts").and_then(Value::as_array);
        match listed {
            Some(listed) => listed
                .iter()
                .take(ALERTS_AT_MOST)
                .filter_map(alert)
                .collect(),
            None => alert(body).into_iter().collect(),
        }
    }
}

/// HMAC-SHA256 of id, time and body in Base64, one of several.
fn is_standard(proof: &Proof<'_>, secrets: &[Secret]) -> Option<bool> {
    let (id, stamp) = (
        proof.header("webhook-id")?,
        proof.header("webhook-timestamp")?,
    );
    let parts = [
        id.as_bytes(),
        b".",
        stamp.as_bytes(),
        b".",
        proof.body,
    ];
    let signatures = proof.header("webhook-signature")?.split(' ').take(10);
    let mut signatures =
        signatures.filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    let keys: Vec<Vec<u8>> = secrets.iter().filter_map(key).collect();
    let is_signed = signatures.any(|signature| {
        let mut keys = keys.iter();
        keys.any(|key| is_mac_of(key, &parts, &signature))
    });
    Some(proof.is_of_now(stamp) && is_signed)
}

fn alert(alert: &Value) -> Option<Alert> {
    let state = match alert.get("state")?.as_str()? {
        "firing" => AlertState::Firing,
        "resolved" => AlertState::Resolved,
        _ => return None,
    };
    let title = text_at(alert, "/title")?;
    Some(Alert {
        fingerprint: text_at(alert, "/id").unwrap_or_else(|| title.clone()),
        state,
        started_at: moment_at(alert, "/started_at"),
        ended_at: moment_at(alert, "/ended_at"),
        title,
        description: text_at(alert, "/description"),
        link: text_at(alert, "/link"),
        fields: texts(alert.get("labels")),
    })
}
