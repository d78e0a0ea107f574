//! A program that takes updates: each is one POST of JSON, signed.
//!
//! The signature is an HMAC-SHA256 over the time, a full stop and the body, so that a request can
//! neither be forged nor sent again later. Where an answer was lost the same update is sent again
//! with the same `id`: taking it once is up to the program.

use super::{ANSWER_AT_MOST, Notice, NoticeError, Notices, TIMEOUT, quoted, unanswered};
use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, header::CONTENT_TYPE};
use rollback_domain::update::NoticePlace;
use rollback_http::retry_after;
use rollback_settings::Secret;
use serde_json::{Value, json};
use sha2::Sha256;
use std::fmt;
use url::Url;

/// A program, and how it is told.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// What it is called in the configuration.
    pub name: String,
    /// Where it listens; secret because its path may be.
    pub url: Secret,
    /// What requests are signed with.
    pub secret: Secret,
}

/// A program that takes updates.
pub struct Webhook {
    http: Client,
    settings: WebhookSettings,
    clock: Box<dyn Fn() -> jiff::Timestamp + Send + Sync>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("name", &self.settings.name)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// A client for a program. `clock` says when a request is signed.
    pub fn new(
        http: Client,
        settings: WebhookSettings,
        clock: impl Fn() -> jiff::Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self {
            http,
            settings,
            clock: Box::new(clock),
        }
    }
}

/// The body of the request.
fn body(notice: &Notice<'_>) -> Value {
    let services = notice.services.iter();
    let services: Vec<String> = services.map(ToString::to_string).collect();
    json!({
        "version": 1,
        "id": notice.key,
        "incident": notice.incident.to_string(),
        "update": notice.number,
        "kind": notice.kind,
        "title": notice.title,
        "text": notice.body,
        "severity": notice.severity.map(|severity| severity.to_string()),
        "services": services,
        "published_by": notice.by,
        "published_at": notice.published_at,
        "corrects": notice.corrects.map(|place| &place.incident),
    })
}

/// The signature of a body at a moment, in seconds.
pub fn signature(secret: &str, at: i64, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    Some(format!("v1={}", hex::encode(mac.finalize().into_bytes())))
}

#[async_trait]
impl Notices for Webhook {
    fn effect(&self) -> &'static str {
        "it gets the text"
    }

    async fn check(&self) -> Result<String, NoticeError> {
        Ok("is not tried: whatever it is sent is an update".into())
    }

    fn requests(&self, _notice: &Notice<'_>) -> u32 {
        1
    }

    async fn send(&self, notice: &Notice<'_>) -> Result<NoticePlace, NoticeError> {
        let key = format!("notices.{}", self.settings.name);
        let no_address = || NoticeError::refused(format!("{key}.url is no web address"));
        let url: Url = self
            .settings
            .url
            .expose()
            .parse()
            .map_err(|_| no_address())?;
        let body = body(notice).to_string();
        let at = (self.clock)().as_second();
        let secret = self.settings.secret.expose();
        let signature = signature(secret, at, body.as_bytes())
            .ok_or_else(|| NoticeError::refused(format!("{key}.secret cannot sign")))?;
        let request = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", notice.key)
            .header("x-rollback-bot-timestamp", at.to_string())
            .header("x-rollback-bot-signature", signature)
            .body(body);
        let answer = rollback_http::send(request, TIMEOUT).await;
        let answer = answer.map_err(|lost| unanswered(&key, &lost))?;
        let (status, after) = (answer.status(), retry_after(answer.headers()));
        let code = status.as_u16();
        if status.is_success() {
            return Ok(NoticePlace {
                incident: notice.key.to_owned(),
                ..NoticePlace::default()
            });
        }
        let said = answer
            .start_of_body(ANSWER_AT_MOST)
            .await
            .unwrap_or_default();
        let said = quoted(&String::from_utf8_lossy(&said), secret);
        Err(match code {
            408 | 429 | 500..=599 => NoticeError::Later {
                why: format!("it answered {code}; it is sent when it works again"),
                after,
            },
            401 | 403 => NoticeError::refused(format!(
                "it does not accept the signature ({code}): look at {key}.secret{said}"
            )),
            _ => NoticeError::refused(format!("it answered {code}: look at {key}.url{said}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_the_time_and_the_body() {
        let signed = |secret, at, body: &str| signature(secret, at, body.as_bytes());
        let expected = "v1=";
        assert!(signed("s", 1, "{}").is_some_and(|signed| signed.starts_with(expected)));
        assert_eq!(signed("s", 1, "{}"), signed("s", 1, "{}"));
        for other in [
            signed("t", 1, "{}"),
            signed("s", 2, "{}"),
            signed("s", 1, "{ }"),
        ] {
            assert_ne!(signed("s", 1, "{}"), other);
        }
    }
}
