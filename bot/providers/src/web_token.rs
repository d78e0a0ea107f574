//! When a JSON Web Token expires, which it says itself.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rollback_settings::Secret;
use serde_json::Value;

/// When a token says that it expires; `None`: it is no JSON Web Token, or it says nothing of that.
/// Its signature is not looked at: the platform does that.
pub(crate) fn expiry(token: &Secret) -> Option<Timestamp> {
    let payload = token.expose().split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Timestamp::from_second(claims.get("exp")?.as_i64()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_token_says_when_it_expires() {
        let token =
            |claims: &str| Secret::new(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)));
        let at: Timestamp = "2026-06-30T12:00:00Z".parse().unwrap();
        let claims = format!(r#"{{"iss":"argocd","exp":{}}}"#, at.as_second());
        assert_eq!(expiry(&token(&claims)), Some(at));
        for silent in [r#"{"iss":"argocd"}"#, r#"{"exp":"soon"}"#, "not json"] {
            assert_eq!(expiry(&token(silent)), None, "{silent}");
        }
        for other in ["", "rnd_c5a1", "a.b", "a.%%.c"] {
            assert_eq!(expiry(&Secret::new(other.to_owned())), None, "{other}");
        }
    }
}
