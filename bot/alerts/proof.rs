//! What a request proves itself by: headers and signatures over its bytes.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use rollback_settings::Secret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How far the time of a request may be from ours, in seconds.
const AGE_AT_MOST: i64 = 300;

/// What came: the headers, and the body before it is parsed.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
    /// The time by our clock.
    pub now: Timestamp,
}

impl<'a> Proof<'a> {
    /// A header, if it is there once and is text.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        let mut all = self.headers.get_all(name).iter();
        let first = all.next()?;
        match all.next() {
            Some(_) => None,
            None => first.to_str().ok(),
        }
    }

    /// Whether any of these secrets signed these parts, one behind the other, with HMAC-SHA256.
    /// `signature` is lower-case hex.
    pub(super) fn is_signed(&self, secrets: &[Secret], parts: &[&[u8]], signature: &str) -> bool {
        let is_lower = !signature.bytes().any(|digit| digit.is_ascii_uppercase());
        let Some(signature) = hex::decode(signature).ok().filter(|_| is_lower) else {
            return false;
        };
        secrets
            .iter()
            .any(|secret| is_mac_of(secret.expose().as_bytes(), parts, &signature))
    }

    /// Whether a time in whole seconds or milliseconds is no further from ours than a request may
    /// be. It is to be plain digits: it is signed as text.
    pub(super) fn is_of_now(&self, stamp: &str) -> bool {
        let is_plain = !stamp.is_empty() && stamp.bytes().all(|digit| digit.is_ascii_digit());
        let Some(stamp) = stamp.parse::<i64>().ok().filter(|_| is_plain) else {
            return false;
        };
        let seconds = match stamp.to_string().len() {
            13 => stamp / 1_000,
            _ => stamp,
        };
        let age = self.now.as_second().saturating_sub(seconds);
        age.saturating_abs() <= AGE_AT_MOST
    }
}

/// Whether the key signed these parts, compared in constant time.
pub(super) fn is_mac_of(key: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return false;
    };
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(signature).is_ok()
}

/// Whether two texts are the same, in a time that does not depend on where they differ.
pub(super) fn is_same(sent: &str, ours: &str) -> bool {
    Sha256::digest(sent).ct_eq(&Sha256::digest(ours)).into()
}

/// A moment in RFC 3339. Programs write the year 1 for none.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let moment: Timestamp = text.parse().ok()?;
    (moment.as_second() > 0).then_some(moment)
}
