//! Alertmanager of Prometheus. It signs nothing: its `http_config` sends a token or a password.

use super::{
    ALERTS_AT_MOST, Alert, AlertKind, AlertSender, Fields, moment_at, proof::Proof,
    shared_secret::SharedSecret, text_at, texts,
};
use rollback_domain::alert::AlertState;
use rollback_settings::Section;
use serde_json::Value;
use std::sync::Arc;

pub(super) const KIND: AlertKind = AlertKind {
    name: "alertmanager",
    read,
    fields: Fields::Labels,
};

#[derive(Debug)]
struct Alertmanager(SharedSecret);

fn read(section: &Section<'_>) -> Option<Arc<dyn AlertSender>> {
    Some(Arc::new(Alertmanager(SharedSecret::read(section)?)))
}

impl AlertSender for Alertmanager {
    fn is_own(&self, proof: &Proof<'_>) -> bool {
        self.0.is_in(proof)
    }

    fn alerts(&self, body: &Value) -> Vec<Alert> {
        listed(body)
    }
}

/// The alerts of a body in the form that Alertmanager has, and Grafana after it.
pub(super) fn listed(body: &Value) -> Vec<Alert> {
    let alerts = body.get("alerts").and_then(Value::as_array);
    let alerts = alerts.into_iter().flatten().take(ALERTS_AT_MOST);
    alerts.filter_map(alert).collect()
}

fn alert(alert: &Value) -> Option<Alert> {
    let state = match alert.get("status")?.as_str()? {
        "firing" => AlertState::Firing,
        "resolved" => AlertState::Resolved,
        _ => return None,
    };
    let fields = texts(alert.get("labels"));
    let title = fields.get("alertname").cloned();
    let summary = text_at(alert, "/annotations/summary");
    let fingerprint = text_at(alert, "/fingerprint").unwrap_or_else(|| {
        // Without one the labels are what tells it from the others.
        let labels = fields.iter().map(|(name, value)| format!("{name}={value}"));
        labels.collect::<Vec<_>>().join("\n")
    });
    Some(Alert {
        fingerprint,
        state,
        started_at: moment_at(alert, "/startsAt"),
        ended_at: moment_at(alert, "/endsAt").filter(|_| state == AlertState::Resolved),
        title: title.or_else(|| summary.clone()).unwrap_or_default(),
        description: summary.or_else(|| text_at(alert, "/annotations/description")),
        link: text_at(alert, "/generatorURL"),
        fields,
    })
}
