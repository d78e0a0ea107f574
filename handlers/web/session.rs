//! What a browser keeps: who is signed in, and a sign-in that has begun.
//!
//! `__Host-` makes browsers keep a cookie only over TLS, for this host alone and all of its paths, so
//! that no other host of the same domain sets one in its place. With `SameSite=Lax` no other site has
//! anything done with it. No script can read it.

use axum::http::{HeaderMap, header::COOKIE};
use std::time::Duration;

/// A cookie of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    /// The secret of a session.
    Session,
    /// What belongs to a sign-in.
    SignIn,
}

impl Cookie {
    fn name(self) -> &'static str {
        match self {
            Cookie::Session => "__Host-rollback-session",
            Cookie::SignIn => "__Host-rollback-sign-in",
        }
    }

    /// What a browser sends of it; `None`: nothing, or two that contradict each other.
    pub(super) fn of(self, headers: &HeaderMap) -> Option<&str> {
        let cookies = headers.get_all(COOKIE).iter();
        let mut values = cookies
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| {
                let (name, value) = cookie.trim().split_once('=')?;
                (name == self.name()).then_some(value)
            });
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// The header that has a browser keep it for so long.
    pub(super) fn kept(self, value: &str, lasts: Duration) -> String {
        format!(
            "{}={value}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax",
            self.name(),
            lasts.as_secs()
        )
    }

    /// The header that has a browser forget it.
    pub(super) fn forgotten(self) -> String {
        self.kept("", Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &[&str]) -> HeaderMap {
        let cookies = cookies.iter();
        let cookies = cookies.map(|cookies| (COOKIE, cookies.parse().unwrap()));
        HeaderMap::from_iter(cookies)
    }

    #[test]
    fn one_is_found_among_others_and_two_are_none() {
        let one = headers(&["a=b; __Host-rollback-session=s1; c", "d=e"]);
        assert_eq!(Cookie::Session.of(&one), Some("s1"));
        assert_eq!(Cookie::SignIn.of(&one), None);
        let two = headers(&["__Host-rollback-session=s1; __Host-rollback-session=s2"]);
        assert_eq!(Cookie::Session.of(&two), None);
    }
}
