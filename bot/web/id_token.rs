//! What an `id_token` has to say before it counts (OpenID Connect Core 1.0, 3.1.3.7).
//!
//! Its signature is not checked. It comes over the TLS connection that the bot itself has opened to
//! Slack's token endpoint, in exchange for a code and the app's secret, and through nobody's browser;
//! point 6 of that section lets the certificate of the connection stand in for the signature then.
//! That the connection is encrypted is held by the configuration.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Deserialize;
use subtle::ConstantTimeEq;

/// How far Slack's clock and ours may be apart, in seconds.
const CLOCKS_APART: i64 = 60;

/// What is expected of the token of a sign-in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    /// Who issues tokens: `https://slack.com`.
    pub(super) issuer: &'a str,
    /// For whom: the client id of the app.
    pub(super) client_id: &'a str,
    /// The workspace that people must belong to.
    pub(super) team: &'a str,
    /// What was sent along when this sign-in began.
    pub(super) nonce: &'a str,
    /// The time.
    pub(super) now: Timestamp,
}

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is not an `id_token`.
    Unreadable,
    /// It is from somebody else than Slack.
    Issuer,
    /// It is for another app.
    Audience,
    /// Its time is over, or has not come.
    Time,
    /// It is of another sign-in.
    Nonce,
    /// The person signed in to another workspace.
    Team,
}

impl Unusable {
    /// What is wrong, as a clause for the log.
    pub(super) fn clause(self) -> &'static str {
        match self {
            Unusable::Unreadable => "it is not an id_token",
            Unusable::Issuer => "it was issued by somebody else",
            Unusable::Audience => "it is for another app",
            Unusable::Time => "its time is over, or the clocks are apart",
            Unusable::Nonce => "it is of another sign-in",
            Unusable::Team => "it is of another workspace",
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    nonce: String,
    #[serde(rename = "https://slack.com/team_id")]
    team: String,
    #[serde(rename = "https://slack.com/user_id")]
    user: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    /// Whether it is for this app and for no other.
    fn is(&self, client_id: &str) -> bool {
        match self {
            Audience::One(one) => one == client_id,
            Audience::Several(several) => several.as_slice() == [client_id],
        }
    }
}

/// The Slack id of the person who signed in.
pub(super) fn person_of(token: &str, expected: Expected<'_>) -> Result<String, Unusable> {
    let claims = claims(token).ok_or(Unusable::Unreadable)?;
    let now = expected.now.as_second();
    let is_current = claims.exp > now - CLOCKS_APART && claims.iat <= now + CLOCKS_APART;
    let is_ours: bool = claims
        .nonce
        .as_bytes()
        .ct_eq(expected.nonce.as_bytes())
        .into();
    match () {
        () if claims.iss != expected.issuer => Err(Unusable::Issuer),
        () if !claims.aud.is(expected.client_id) => Err(Unusable::Audience),
        () if !is_current => Err(Unusable::Time),
        () if !is_ours => Err(Unusable::Nonce),
        () if claims.team != expected.team => Err(Unusable::Team),
        () if !is_user(&claims.user) => Err(Unusable::Unreadable),
        () => Ok(claims.user),
    }
}

/// What a token says; `None`: it is none, or one that says that nobody has signed it.
fn claims(token: &str) -> Option<Claims> {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
    }
    let mut parts = token.split('.');
    let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || signature.is_empty() {
        return None;
    }
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    if header.alg != "RS256" {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

fn is_user(id: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    (2..=32).contains(&id.len()) && id.starts_with(['U', 'W']) && id.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: i64 = 1_773_457_920;

    fn expected() -> Expected<'static> {
        Expected {
            issuer: "https://slack.com",
            client_id: "25259531569.11152291",
            team: "T0ACME",
            nonce: "abcd",
            now: Timestamp::from_second(NOW).unwrap(),
        }
    }

    /// As Slack's documentation shows one.
    fn token(change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({
            "iss": "https://slack.com", "sub": "U0MAYA", "aud": "25259531569.11152291",
            "exp": NOW + 300, "iat": NOW, "auth_time": NOW, "nonce": "abcd",
            "at_hash": "tUbyWGBHe0V32FJEupkgVQ",
            "https://slack.com/team_id": "T0ACME", "https://slack.com/user_id": "U0MAYA",
        });
        change(&mut claims);
        written(
            &json!({ "typ": "JWT", "alg": "RS256", "kid": "k" }),
            &claims,
        )
    }

    fn written(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2lnbmVk", part(header), part(claims))
    }

    #[test]
    fn what_slack_shows_in_its_documentation_names_the_person() {
        let found = person_of(&token(|_| {}), expected());
        assert_eq!(found, Ok("U0MAYA".into()));
        let several = token(|claims| claims["aud"] = json!(["25259531569.11152291"]));
        assert_eq!(person_of(&several, expected()), Ok("U0MAYA".into()));
    }

    #[test]
    fn every_claim_counts() {
        let cases: [(&str, Value, Unusable); 11] = [
            (
                "iss",
                json!("https://slack.com.evil.example"),
                Unusable::Issuer,
            ),
            ("aud", json!("25259531569.99999999"), Unusable::Audience),
            (
                "aud",
                json!(["25259531569.11152291", "other"]),
                Unusable::Audience,
            ),
            ("exp", json!(NOW - 61), Unusable::Time),
            ("iat", json!(NOW + 61), Unusable::Time),
            ("nonce", json!("abce"), Unusable::Nonce),
            ("nonce", json!(""), Unusable::Nonce),
            ("nonce", Value::Null, Unusable::Unreadable),
            ("https://slack.com/team_id", json!("T0EVIL"), Unusable::Team),
            (
                "https://slack.com/user_id",
                json!("B0BOT"),
                Unusable::Unreadable,
            ),
            (
                "https://slack.com/user_id",
                Value::Null,
                Unusable::Unreadable,
            ),
        ];
        for (claim, value, why) in cases {
            let token = token(|claims| claims[claim] = value.clone());
            assert_eq!(person_of(&token, expected()), Err(why), "{claim} {value}");
        }
    }

    #[test]
    fn what_is_no_signed_token_says_nothing() {
        let whole = token(|_| {});
        let (head, signature) = whole.rsplit_once('.').unwrap();
        let (_, claims) = head.split_once('.').unwrap();
        let unsigned = format!(
            "{}.{claims}.{signature}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#)
        );
        for token in ["", "a", "a.b.c", &format!("{head}."), head, &unsigned] {
            assert_eq!(
                person_of(token, expected()),
                Err(Unusable::Unreadable),
                "{token}"
            );
        }
    }
}
