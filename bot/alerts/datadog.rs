//! Datadog: its Webhooks integration, with the payload that `docs/alerts.md` has. It signs nothing:
//! a custom header has a secret, or an address with a user and a password.

use super::{
    Alert, AlertKind, AlertSender, Fields, FIELDS_AT_MOST, proof::Proof,
    shared_secret::SharedSecret, text_at,
};
use jiff::Timestamp;
use rollback_domain::alert::AlertState;
use rollback_settings::Section;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

pub(super) const KIND: AlertKind = AlertKind {
    name: "datadog",
    read,
    fields: Fields::Labels,
};

#[derive(Debug)]
struct Datadog(SharedSecret);

fn read(section: &Section<'_>) -> Option<Arc<dyn AlertSender>> {
    Some(Arc::new(Datadog(SharedSecret::read(section)?)))
}

impl AlertSender for Datadog {
    fn is_own(&self, proof: &Proof<'_>) -> bool {
        self.0.is_in(proof)
    }

    fn alerts(&self, body: &Value) -> Vec<Alert> {
        alert(body).into_iter().collect()
    }
}

fn alert(body: &Value) -> Option<Alert> {
    let transition = text_at(body, "/transition")?;
    let state = match transition.to_lowercase().as_str() {
        "triggered" | "re-triggered" | "warn" | "re-warn" | "no data" | "re-no data" => {
            AlertState::Firing
        }
        "recovered" => AlertState::Resolved,
        _ => return None,
    };
    let id = text_at(body, "/id")?;
    let scope = text_at(body, "/scope").unwrap_or_default();
    let at = text_at(body, "/date").and_then(|date| milliseconds(&date));
    // What is sent again while it goes on has the same cycle.
    let cycle = text_at(body, "/cycle").unwrap_or_default();
    let title = text_at(body, "/title").unwrap_or_else(|| "Datadog".to_owned());
    Some(Alert {
        fingerprint: format!("{id} {scope} {cycle}"),
        state,
        started_at: at.filter(|_| state == AlertState::Firing),
        ended_at: at.filter(|_| state == AlertState::Resolved),
        description: text_at(body, "/message"),
        link: text_at(body, "/link"),
        fields: tags(body, &title),
        title,
    })
}

/// A moment in milliseconds since 1970, as Datadog writes it.
fn milliseconds(text: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(text.parse().ok()?).ok()
}

/// `service:web,env:production` as fields, with the priority and the title.
fn tags(body: &Value, title: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::from([("title".to_owned(), title.to_owned())]);
    fields.extend(text_at(body, "/priority").map(|priority| ("priority".to_owned(), priority)));
    for place in ["/scope", "/tags"] {
        let text = text_at(body, place).unwrap_or_default();
        let pairs = text.split(',').filter_map(|pair| pair.trim().split_once(':'));
        for (name, value) in pairs.take(FIELDS_AT_MOST) {
            fields.insert(name.to_owned(), value.to_owned());
        }
    }
    fields
}
