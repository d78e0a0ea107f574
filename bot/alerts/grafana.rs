//! Grafana's own alerting. It signs the body if a secret is set, and its time if a header for that
//! is; without, its contact point sends a token or a password.

use super::{
    Alert, AlertKind, AlertSender, Fields, alertmanager,
    proof::Proof,
    shared_secret::{self, SharedSecret, secrets},
};
use rollback_settings::{Secret, Section, header};
use serde_json::Value;
use std::sync::Arc;

pub(super) const KIND: AlertKind = AlertKind {
    name: "grafana",
    read,
    fields: Fields::Labels,
};

#[derive(Debug)]
enum Grafana {
    Signed {
        secrets: Vec<Secret>,
        /// The header with the time that is signed too, as the contact point names it.
        timestamp_header: String,
    },
    Shared(SharedSecret),
}

fn read(section: &Section<'_>) -> Option<Arc<dyn AlertSender>> {
    if shared_secret::is_there(section) && section.get("secret").is_none() {
        let shared = SharedSecret::read(section)?;
        return Some(Arc::new(Grafana::Shared(shared)));
    }
    let secrets = secrets(section, "secret", Ok);
    // Without its time what was sent once could be sent again for ever.
    let timestamp_header = section.or(
        "timestamp_header",
        "X-Grafana-Alerting-Timestamp".to_owned(),
        header,
    );
    Some(Arc::new(Grafana::Signed {
        secrets: secrets?,
        timestamp_header,
    }))
}

impl AlertSender for Grafana {
    fn is_own(&self, proof: &Proof<'_>) -> bool {
        match self {
            Grafana::Shared(shared) => shared.is_in(proof),
            Grafana::Signed {
                secrets,
                timestamp_header,
            } => {
                let signature = proof.header("x-grafana-alerting-signature");
                let (Some(signature), Some(stamp)) = (signature, proof.header(timestamp_header))
                else {
                    return false;
                };
                proof.is_of_now(stamp)
                    && proof.is_signed(secrets, &[stamp.as_bytes(), b":", proof.body], signature)
            }
        }
    }

    fn alerts(&self, body: &Value) -> Vec<Alert> {
        alertmanager::listed(body)
    }
}
