//! What platforms send when something has changed there. Each proves that it is the platform's own
//! before a byte of it is read, or is answered 401. Nothing is there that is not configured.
//!
//! Whoever sends the same again has the same platform read again, and no more.

use super::slack::signed::receive;
use crate::{
    App, CurrentApp,
    commands::webhook::{self, About},
    config::{Webhooks, webhook_key},
};
use axum::{
    Router,
    body::Bytes,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use rollback_settings::Secret;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::time::Instant;
use subtle::ConstantTimeEq;

/// The largest body that is read, in bytes. What is about a deploy has a few kilobytes.
const BODY_AT_MOST: usize = 256 * 1024;
/// How far the time of a webhook may be from ours, in seconds, as Standard Webhooks advise.
const AGE_AT_MOST: i64 = 300;

/// Who sends webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Vercel,
    Render,
    Railway,
    GitHub,
}

/// The routes of those who are configured.
pub(super) fn routes(webhooks: &Webhooks) -> Router<CurrentApp> {
    let mut routes = Router::new();
    if webhooks.vercel.is_some() {
        let take = |State(app), request| take(app, Sender::Vercel, None, request);
        routes = routes.route("/webhooks/vercel", post(take));
    }
    if webhooks.render.is_some() {
        let take = |State(app), request| take(app, Sender::Render, None, request);
        routes = routes.route("/webhooks/render", post(take));
    }
    if webhooks.github.is_some() {
        let take = |State(app), request| take(app, Sender::GitHub, None, request);
        routes = routes.route("/webhooks/github", post(take));
    }
    if webhooks.railway.is_some() {
        let take = |State(app), Path(last): Path<String>, request| {
            take(app, Sender::Railway, Some(last), request)
        };
        routes = routes.route("/webhooks/railway/{secret}", post(take));
    }
    routes
}

/// Reads a webhook that is found to be the platform's own. `last` is the last part of the address,
/// where that is the proof.
async fn take(app: App, sender: Sender, last: Option<String>, request: Request) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let body = match receive(&parts.headers, body, BODY_AT_MOST).await {
        Ok(body) => body,
        Err(rejection) => return rejected(&app, rejection.into_response()),
    };
    let proof = Proof {
        headers: &parts.headers,
        last: last.as_deref(),
        body: &body,
        now: app.engine.clock.now(),
    };
    if !proof.is_of(sender, &app.config.webhooks) {
        let why = "the webhook is not signed as configured, or its time is off";
        return rejected(&app, (StatusCode::UNAUTHORIZED, why).into_response());
    }
    let named: Value = serde_json::from_slice(&body).unwrap_or_default();
    let looked = webhook::look(&app, &sender.about(&named)).await;
    let (status, response) = match looked {
        Ok(services) => {
            tracing::debug!(?sender, services, "a webhook has platforms read");
            ("answered", StatusCode::NO_CONTENT.into_response())
        }
        // The platform sends it again.
        Err(error) => {
            app.metrics.failed(&error);
            ("busy", StatusCode::SERVICE_UNAVAILABLE.into_response())
        }
    };
    let name = sender.name();
    app.metrics
        .answered("webhook", name, status, began.elapsed());
    response
}

fn rejected(app: &App, response: Response) -> Response {
    app.metrics.rejected();
    response
}

impl Sender {
    fn name(self) -> &'static str {
        match self {
            Sender::Vercel => "vercel",
            Sender::Render => "render",
            Sender::Railway => "railway",
            Sender::GitHub => "github",
        }
    }

    /// What a webhook is about, by where each platform names it.
    fn about(self, body: &Value) -> Vec<About<'_>> {
        let places: &[&str] = match self {
            Sender::Vercel => &[
                "/payload/project/id",
                "/payload/project/name",
                "/payload/projectId",
                "/payload/name",
                "/payload/deployment/name",
            ],
            Sender::Render => &["/data/serviceId"],
            Sender::Railway => &["/resource/service/id"],
            Sender::GitHub => &["/repository/full_name"],
        };
        let names = places.iter().filter_map(|at| body.pointer(at)?.as_str());
        let about = |name| match self {
            // A service can be built from a repository there, and be deployed by it.
            Sender::GitHub => vec![About::Repository(name), About::Platform("github", name)],
            Sender::Vercel | Sender::Render | Sender::Railway => {
                vec![About::Platform(self.name(), name)]
            }
        };
        names.flat_map(about).collect()
    }
}

/// What proves that a webhook is the platform's own.
struct Proof<'a> {
    headers: &'a HeaderMap,
    last: Option<&'a str>,
    body: &'a Bytes,
    now: Timestamp,
}

impl Proof<'_> {
    fn is_of(&self, sender: Sender, webhooks: &Webhooks) -> bool {
        match sender {
            Sender::Vercel => proves(&webhooks.vercel, |secret| self.is_vercel(secret)),
            Sender::Render => proves(&webhooks.render, |secret| self.is_standard(secret)),
            Sender::GitHub => proves(&webhooks.github, |secret| self.is_github(secret)),
            Sender::Railway => proves(&webhooks.railway, |secret| self.is_in_address(secret)),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// HMAC-SHA1 of the body in hex.
    fn is_vercel(&self, secret: &str) -> Option<bool> {
        let signature = lower_hex(self.header("x-vercel-signature")?)?;
        let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok()?;
        mac.update(self.body);
        Some(mac.verify_slice(&signature).is_ok())
    }

    /// HMAC-SHA256 of the body in hex.
    fn is_github(&self, secret: &str) -> Option<bool> {
        let signature = self
            .header("x-hub-signature-256")?
            .strip_prefix("sha256=")?;
        let signature = lower_hex(signature)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
        mac.update(self.body);
        Some(mac.verify_slice(&signature).is_ok())
    }

    /// As Standard Webhooks have it: HMAC-SHA256 of id, time and body in Base64, one of several.
    fn is_standard(&self, secret: &str) -> Option<bool> {
        let (id, stamp) = (
            self.header("webhook-id")?,
            self.header("webhook-timestamp")?,
        );
        let is_plain = !stamp.is_empty() && stamp.bytes().all(|digit| digit.is_ascii_digit());
        let sent: i64 = stamp.parse().ok().filter(|_| is_plain)?;
        let age = self.now.as_second().saturating_sub(sent).saturating_abs();
        let mut mac = Hmac::<Sha256>::new_from_slice(&webhook_key(secret)?).ok()?;
        mac.update(format!("{id}.{stamp}.").as_bytes());
        mac.update(self.body);
        let signatures = self.header("webhook-signature")?.split(' ');
        let mut signatures =
            signatures.filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
        let is_signed = signatures.any(|signature| mac.clone().verify_slice(&signature).is_ok());
        Some(age <= AGE_AT_MOST && is_signed)
    }

    /// Of the same length whatever was sent, so that the time tells nothing.
    fn is_in_address(&self, secret: &str) -> Option<bool> {
        let (sent, ours) = (Sha256::digest(self.last?), Sha256::digest(secret));
        Some(sent.ct_eq(&ours).into())
    }
}

fn proves(secret: &Option<Secret>, check: impl FnOnce(&str) -> Option<bool>) -> bool {
    let secret = secret.as_ref().map(Secret::expose);
    secret.and_then(check) == Some(true)
}

/// The bytes of a text in lower-case hex.
fn lower_hex(text: &str) -> Option<Vec<u8>> {
    let is_lower = !text.bytes().any(|digit| digit.is_ascii_uppercase());
    hex::decode(text).ok().filter(|_| is_lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signed by `standardwebhooks` 1.1.1 of npm: `new Webhook(secret).sign(id, time, body)`.
    const RENDER: [&str; 4] = [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "evt-d6r1",
        r#"{"type":"deploy_ended","timestamp":"2026-03-14T03:12:00Z","data":{"id":"evt-d6r1","serviceId":"srv-d6r00001","serviceName":"api","status":"succeeded"}}"#,
        "v1,RO3xW6/L6F07/anBsOuXoqCFX/K7tT0M8QzOYz+lM0I=",
    ];
    const RENDER_AT: &str = "1773457920";
    /// Signed by `@octokit/webhooks-methods` 6.0.0 of npm: `await sign(secret, body)`. The second is
    /// also in GitHub's documentation.
    const GITHUB: [[&str; 2]; 2] = [
        [
            r#"{"action":"created","deployment_status":{"state":"success"},"repository":{"full_name":"acme/shop"}}"#,
            "sha256=8d73662823bc870bc18ffc3f8a18cf98d0180c77fe080780d22f3b64dfe39363",
        ],
        [
            "Hello, World!",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ],
    ];
    const GITHUB_SECRET: &str = "It's a Secret to Everybody";
    /// Signed as Vercel's documentation does, by `node:crypto` of Node 20:
    /// `createHmac("sha1", secret).update(body).digest("hex")`.
    const VERCEL: [&str; 3] = [
        "a-client-secret-of-vercels",
        r#"{"id":"uev_1","type":"deployment.rollback","createdAt":1773457920000,"payload":{"team":{"id":"team_nLlpyC6REAqxydlFKbrMDlud"},"project":{"id":"prj_2WkFZr3TqUoXcB7mNvL9sHdYeA4g"},"fromDeploymentId":"dpl_v214","toDeploymentId":"dpl_v212"}}"#,
        "4f4e09bd47b04658aacabf0fce506b91fc15f836",
    ];

    fn is_of(
        sender: Sender,
        webhooks: &Webhooks,
        headers: &[(&'static str, &str)],
        body: &str,
        now: i64,
    ) -> bool {
        let headers = headers.iter().map(|(name, value)| {
            let value = value.parse().unwrap();
            ((*name).parse().unwrap(), value)
        });
        let proof = Proof {
            headers: &headers.collect(),
            last: None,
            body: &Bytes::from(body.to_owned()),
            now: Timestamp::from_second(now).unwrap(),
        };
        proof.is_of(sender, webhooks)
    }

    /// What a signature becomes that is cut, changed, missing or another one's.
    fn forgeries(signature: &str) -> Vec<String> {
        let changed = match signature.ends_with('f') {
            true => format!("{}0", &signature[..signature.len() - 1]),
            false => format!("{}f", &signature[..signature.len() - 1]),
        };
        vec![
            String::new(),
            signature[1..].to_owned(),
            signature[..signature.len() - 2].to_owned(),
            signature.to_uppercase(),
            changed,
        ]
    }

    #[test]
    fn what_others_have_signed_is_taken_and_what_was_changed_is_not() {
        let webhooks = Webhooks {
            vercel: Some(Secret::new(VERCEL[0])),
            github: Some(Secret::new(GITHUB_SECRET)),
            ..Webhooks::default()
        };
        let mut signed = vec![(Sender::Vercel, "x-vercel-signature", VERCEL[1], VERCEL[2])];
        for [body, signature] in GITHUB {
            signed.push((Sender::GitHub, "x-hub-signature-256", body, signature));
        }
        for (sender, header, body, signature) in signed {
            let is_taken = |body: &str, signature: &str| {
                is_of(sender, &webhooks, &[(header, signature)], body, 0)
            };
            assert!(is_taken(body, signature), "{body}");
            assert!(!is_taken(&format!("{body} "), signature), "{body}");
            for forged in forgeries(signature) {
                assert!(!is_taken(body, &forged), "{forged}");
            }
            let unsigned = is_of(sender, &webhooks, &[], body, 0);
            let off = is_of(
                sender,
                &Webhooks::default(),
                &[(header, signature)],
                body,
                0,
            );
            assert!(!unsigned && !off, "{body}");
        }
    }

    #[test]
    fn a_standard_webhook_is_good_for_five_minutes() {
        let [secret, id, body, signature] = RENDER;
        let webhooks = Webhooks {
            render: Some(Secret::new(secret)),
            ..Webhooks::default()
        };
        let at: i64 = RENDER_AT.parse().unwrap();
        let is_taken = |id: &str, stamp: &str, body: &str, signature: &str, now: i64| {
            let headers = [
                ("webhook-id", id),
                ("webhook-timestamp", stamp),
                ("webhook-signature", signature),
            ];
            is_of(Sender::Render, &webhooks, &headers, body, now)
        };
        for (now, wanted) in [
            (at, true),
            (at + 300, true),
            (at - 300, true),
            (at + 301, false),
            (at - 301, false),
        ] {
            assert_eq!(
                is_taken(id, RENDER_AT, body, signature, now),
                wanted,
                "{now}"
            );
        }
        // While a secret is rotated there are two.
        let both = format!("v1,AAAA {signature}");
        assert!(is_taken(id, RENDER_AT, body, &both, at));
        assert!(!is_taken("evt-2", RENDER_AT, body, signature, at));
        assert!(!is_taken(id, "1773457921", body, signature, at));
        assert!(!is_taken(id, "+1773457920", body, signature, at));
        assert!(!is_taken(id, RENDER_AT, "{}", signature, at));
        for forged in forgeries(signature).into_iter().chain(["v1a,xx".into()]) {
            assert!(!is_taken(id, RENDER_AT, body, &forged, at), "{forged}");
        }
    }
}
