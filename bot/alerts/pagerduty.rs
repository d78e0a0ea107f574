//! PagerDuty: webhooks of version 3, with one signature or several while a secret is replaced.

use super::{
    Alert, AlertKind, AlertSender, Fields, fields, moment_at, proof::Proof, shared_secret::secrets,
    text_at,
};
use jiff::Timestamp;
use rollback_domain::alert::AlertState;
use rollback_settings::{Secret, Section};
use serde_json::Value;
use std::sync::Arc;

pub(super) const KIND: AlertKind = AlertKind {
    name: "pagerduty",
    read,
    fields: Fields::These(&["service", "service_id", "urgency", "priority", "title"]),
};

/// Where each field is.
const FIELDS: &[(&str, &[&str])] = &[
    ("service", &["/event/data/service/summary"]),
    ("service_id", &["/event/data/service/id"]),
    ("urgency", &["/event/data/urgency"]),
    ("priority", &["/event/data/priority/summary"]),
    ("title", &["/event/data/title"]),
];

/// The most signatures that are tried of one request.
const SIGNATURES_AT_MOST: usize = 10;

#[derive(Debug)]
struct PagerDuty {
    secrets: Vec<Secret>,
}

fn read(section: &Section<'_>) -> Option<Arc<dyn AlertSender>> {
    let secrets = secrets(section, "secret", Ok)?;
    Some(Arc::new(PagerDuty { secrets }))
}

impl AlertSender for PagerDuty {
    fn is_own(&self, proof: &Proof<'_>) -> bool {
        let signatures = proof.header("x-pagerduty-signature").unwrap_or_default();
        let signatures = signatures.split(',').take(SIGNATURES_AT_MOST);
        let mut signatures = signatures.filter_map(|one| one.trim().strip_prefix("v1="));
        signatures.any(|signature| proof.is_signed(&self.secrets, &[proof.body], signature))
    }

    fn alerts(&self, body: &Value) -> Vec<Alert> {
        alert(body).into_iter().collect()
    }

    fn sent_at(&self, body: &Value) -> Option<Timestamp> {
        moment_at(body, "/event/occurred_at")
    }
}

fn alert(body: &Value) -> Option<Alert> {
    let event = body.pointer("/event/event_type")?.as_str()?;
    let state = match event {
        "incident.triggered" | "incident.reopened" => AlertState::Firing,
        "incident.resolved" => AlertState::Resolved,
        _ => return None,
    };
    let title = text_at(body, "/event/data/title");
    let number = text_at(body, "/event/data/number");
    Some(Alert {
        fingerprint: text_at(body, "/event/data/id")?,
        state,
        started_at: match event {
            // It has begun again.
            "incident.reopened" => moment_at(body, "/event/occurred_at"),
            _ => moment_at(body, "/event/data/created_at"),
        },
        ended_at: match state {
            AlertState::Firing => None,
            AlertState::Resolved => moment_at(body, "/event/occurred_at"),
        },
        title: title.unwrap_or_else(|| "PagerDuty".to_owned()),
        description: number.map(|number| format!("incident {number}")),
        link: text_at(body, "/event/data/html_url"),
        fields: fields(body, FIELDS),
    })
}
