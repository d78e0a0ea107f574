//! Sentry: the webhooks of an internal integration, whose client secret signs them.

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
    name: "sentry",
    read,
    fields: Fields::These(&["project", "environment", "level", "rule", "release"]),
};

/// Where each field is: in an issue alert, or in a metric alert.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "project",
        &[
            "/data/event/project_slug",
            "/data/event/project",
            "/data/metric_alert/projects/0",
        ],
    ),
    (
        "environment",
        &[
            "/data/event/environment",
            "/data/metric_alert/alert_rule/environment",
        ],
    ),
    ("level", &["/data/event/level", "/action"]),
    (
        "rule",
        &[
            "/data/triggered_rule",
            "/data/metric_alert/alert_rule/name",
        ],
    ),
    ("release", &["/data/event/release"]),
];

#[derive(Debug)]
struct Sentry {
    secrets: Vec<Secret>,
}

fn read(section: &Section<'_>) -> Option<Arc<dyn AlertSender>> {
    let secrets = secrets(section, "secret", Ok)?;
    Some(Arc::new(Sentry { secrets }))
}

impl AlertSender for Sentry {
    fn is_own(&self, proof: &Proof<'_>) -> bool {
        let signature = proof.header("sentry-hook-signature");
        // It is not signed; whoever changes it is found by the time in the body.
        let is_of_now = proof.header("sentry-hook-timestamp");
        let is_of_now = is_of_now.is_some_and(|stamp| proof.is_of_now(stamp));
        is_of_now
            && signature
                .is_some_and(|signature| proof.is_signed(&self.secrets, &[proof.body], signature))
    }

    fn alerts(&self, body: &Value) -> Vec<Alert> {
        let alert = match body.pointer("/data/metric_alert") {
            Some(alert) => metric_alert(body, alert),
            None => issue_alert(body),
        };
        alert.into_iter().collect()
    }

    fn sent_at(&self, body: &Value) -> Option<Timestamp> {
        // What a metric alert says besides is when it began, which may be long ago.
        let places = ["/data/metric_alert/date_closed", "/data/event/datetime"];
        places.iter().find_map(|place| moment_at(body, place))
    }
}

/// An alert about an issue. Sentry never says that one is over.
fn issue_alert(body: &Value) -> Option<Alert> {
    let event = body.pointer("/data/event")?;
    let rule = text_at(body, "/data/triggered_rule");
    let issue = text_at(event, "/issue_id").or_else(|| text_at(event, "/event_id"))?;
    Some(Alert {
        fingerprint: format!("issue {issue} {}", rule.as_deref().unwrap_or_default()),
        state: AlertState::Firing,
        started_at: None,
        ended_at: None,
        title: rule.unwrap_or_else(|| "Sentry".to_owned()),
        description: text_at(event, "/title"),
        link: text_at(event, "/web_url"),
        fields: fields(body, FIELDS),
    })
}

/// An alert about a number.
fn metric_alert(body: &Value, alert: &Value) -> Option<Alert> {
    let state = match body.get("action")?.as_str()? {
        "critical" | "warning" => AlertState::Firing,
        "resolved" => AlertState::Resolved,
        _ => return None,
    };
    let id = text_at(alert, "/alert_rule/id").or_else(|| text_at(alert, "/id"))?;
    Some(Alert {
        fingerprint: format!("metric {id}"),
        state,
        started_at: moment_at(alert, "/date_started"),
        ended_at: moment_at(alert, "/date_closed").filter(|_| state == AlertState::Resolved),
        title: text_at(alert, "/alert_rule/name").unwrap_or_else(|| "Sentry".to_owned()),
        description: text_at(body, "/data/description_text"),
        link: text_at(body, "/data/web_url"),
        fields: fields(body, FIELDS),
    })
}
