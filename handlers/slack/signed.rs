//! A request that Slack has signed: the only kind a handler of Slack's can be given.

use crate::{App, CurrentApp, config::Delivery};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_LENGTH},
    response::{IntoResponse, Response},
};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use rollback_settings::Secret;
use sha2::Sha256;
use std::time::Duration;
use tokio::time::timeout;

/// The largest body that is read, in bytes. Slack's are a few kilobytes.
pub const BODY_AT_MOST: usize = 256 * 1024;
/// How long a body may take to arrive: Slack does not wait for its answer so long.
const BODY_WITHIN: Duration = Duration::from_secs(5);
/// How far a request's time may be from ours, in seconds (Slack's documentation: five minutes).
const AGE_AT_MOST: i64 = 300;

/// A body whose signature and age were found good.
pub struct Signed(pub Bytes);

/// Why a request is rejected. Says nothing about what was expected.
pub enum Rejection {
    /// The body is too large.
    TooLarge,
    /// The body did not arrive in time.
    TooSlow,
    /// Signature or time are missing, wrong or old.
    Unsigned,
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self {
            Rejection::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large").into_response()
            }
            Rejection::TooSlow => {
                (StatusCode::REQUEST_TIMEOUT, "the body takes too long").into_response()
            }
            Rejection::Unsigned => (
                StatusCode::UNAUTHORIZED,
                "the request is not signed by Slack, or its time is off",
            )
                .into_response(),
        }
    }
}

impl FromRequest<CurrentApp> for Signed {
    type Rejection = Response;

    async fn from_request(request: Request, current: &CurrentApp) -> Result<Self, Response> {
        let app = current.app();
        let (parts, body) = request.into_parts();
        let now = app.engine.clock.now();
        let input = match read(&parts.headers, body, parts.uri.path()).await {
            Ok(Read::Probe) => return Err(StatusCode::OK.into_response()),
            Ok(Read::Body(body)) => match verify(&parts.headers, &body, secrets(&app), now) {
                true => Ok(Signed(body)),
                false => Err(Rejection::Unsigned),
            },
            Err(rejection) => Err(rejection),
        };
        input.map_err(|rejection| {
            app.metrics.rejected();
            rejection.into_response()
        })
    }
}

enum Read {
    Body(Bytes),
    /// Slack asks whether our certificate is good; it does not sign that.
    Probe,
}

async fn read(headers: &HeaderMap, body: Body, path: &str) -> Result<Read, Rejection> {
    if is_announced_beyond(headers, BODY_AT_MOST) {
        return Err(Rejection::TooLarge);
    }
    let unsigned = !headers.contains_key("x-slack-signature");
    if unsigned && path != "/slack/commands" && path != "/slack/interactions" {
        return Err(Rejection::Unsigned);
    }
    // What is not signed can only be the probe, which is short.
    let at_most = if unsigned { 4 * 1024 } else { BODY_AT_MOST };
    let body = match receive(headers, body, at_most).await {
        Err(Rejection::TooLarge) if unsigned => return Err(Rejection::Unsigned),
        body => body?,
    };
    if unsigned
        && form_urlencoded::parse(&body).any(|(key, value)| key == "ssl_check" && value == "1")
    {
        return Ok(Read::Probe);
    }
    Ok(Read::Body(body))
}

/// Receives a body of so many bytes at most, in time.
pub(in super::super) async fn receive(
    headers: &HeaderMap,
    body: Body,
    at_most: usize,
) -> Result<Bytes, Rejection> {
    if is_announced_beyond(headers, at_most) {
        return Err(Rejection::TooLarge);
    }
    let body = timeout(BODY_WITHIN, to_bytes(body, at_most)).await;
    body.map_err(|_| Rejection::TooSlow)?
        .map_err(|_| Rejection::TooLarge)
}

/// Whether a body says that it is too large: it is refused before a byte of it is read.
fn is_announced_beyond(headers: &HeaderMap, at_most: usize) -> bool {
    let length = headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    length.is_some_and(|length| length > at_most)
}

/// What Slack signs with; nothing where it sends no requests, and then none is signed.
fn secrets(app: &App) -> &[Secret] {
    match &app.config.slack.delivery {
        Delivery::Requests { signing_secrets } => signing_secrets,
        Delivery::SocketMode { .. } => &[],
    }
}

/// Whether one of our secrets signed this body at this time.
fn verify(headers: &HeaderMap, body: &[u8], secrets: &[Secret], now: Timestamp) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(signature), Some(stamp)) =
        (text("x-slack-signature"), text("x-slack-request-timestamp"))
    else {
        return false;
    };
    // Only plain digits: the stamp is signed as text, and "+1" or " 1" would be another text.
    if stamp.is_empty() || !stamp.bytes().all(|digit| digit.is_ascii_digit()) {
        return false;
    }
    let fresh = stamp
        .parse::<i64>()
        .is_ok_and(|stamp| now.as_second().saturating_sub(stamp).saturating_abs() <= AGE_AT_MOST);
    // Slack writes lower-case hex; anything else was not written by Slack.
    let lower = |hex: &str| !hex.bytes().any(|digit| digit.is_ascii_uppercase());
    let Some(signature) = signature
        .strip_prefix("v0=")
        .filter(|hex| lower(hex))
        .and_then(|hex| hex::decode(hex).ok())
    else {
        return false;
    };
    fresh
        && secrets
            .iter()
            // `verify_slice` compares in constant time.
            .any(|secret| {
                mac(secret.expose(), stamp, body)
                    .is_some_and(|mac| mac.verify_slice(&signature).is_ok())
            })
}

fn mac(secret: &str, stamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(b"v0:");
    mac.update(stamp.as_bytes());
    mac.update(b":");
    mac.update(body);
    Some(mac)
}

/// The signature Slack would send, for tests and benchmarks.
pub fn sign(secret: &str, stamp: &str, body: &[u8]) -> String {
    mac(secret, stamp, body)
        .map(|mac| format!("v0={}", hex::encode(mac.finalize().into_bytes())))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn input(signature: &str, stamp: &str, now: i64, secrets: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-slack-signature",
            HeaderValue::from_str(signature).unwrap(),
        );
        headers.insert(
            "x-slack-request-timestamp",
            HeaderValue::from_str(stamp).unwrap(),
        );
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        verify(
            &headers,
            BODY,
            &secrets,
            Timestamp::from_second(now).unwrap(),
        )
    }

    #[test]
    fn the_published_vector_is_heard() {
        assert!(input(SIGNATURE, "1531420618", 1_531_420_618, &[SECRET]));
        assert_eq!(sign(SECRET, "1531420618", BODY), SIGNATURE);
    }

    #[test]
    fn any_of_our_secrets_will_do_while_one_is_rotated() {
        assert!(input(
            SIGNATURE,
            "1531420618",
            1_531_420_618,
            &["new", SECRET]
        ));
        assert!(!input(SIGNATURE, "1531420618", 1_531_420_618, &["new"]));
        assert!(!input(SIGNATURE, "1531420618", 1_531_420_618, &[]));
    }

    #[test]
    fn old_and_future_requests_are_not() {
        let at = 1_531_420_618;
        for (now, wanted) in [
            (at + 300, true),
            (at + 301, false),
            (at - 300, true),
            (at - 301, false),
        ] {
            assert_eq!(
                input(SIGNATURE, "1531420618", now, &[SECRET]),
                wanted,
                "{now}"
            );
        }
    }

    #[test]
    fn forged_and_malformed_ones_are_not() {
        let now = 1_531_420_618;
        let forged = SIGNATURE.replace('a', "b");
        let upper = SIGNATURE.to_uppercase().replace("V0", "v0");
        for signature in [
            "",
            "v0=",
            "v0=zz",
            "v1=a2114d57",
            &SIGNATURE[3..],
            &SIGNATURE[..40],
            &forged,
            &upper,
        ] {
            assert!(
                !input(signature, "1531420618", now, &[SECRET]),
                "{signature}"
            );
        }
        for stamp in [
            "",
            "now",
            "1531420618.0",
            "+1531420618",
            "-1531420618",
            "99999999999999999999",
        ] {
            assert!(!input(SIGNATURE, stamp, now, &[SECRET]), "{stamp}");
        }
    }
}
