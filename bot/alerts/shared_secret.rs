//! A secret that is sent with every request, for programs that sign nothing.

use super::proof::{Proof, is_same};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rollback_settings::{Repeats, Secret, Section, Value, header, text};

/// The fewest characters that nobody guesses.
const UNGUESSABLE: usize = 20;

/// A secret that is sent with every request, and how.
#[derive(Clone, Debug)]
pub(super) struct SharedSecret {
    /// The secrets that count; more than one while one is replaced.
    secrets: Vec<Secret>,
    place: Place,
}

/// Where the secret is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// `Authorization: Bearer …`.
    Bearer,
    /// `Authorization: Basic …`, as the password of this user.
    Basic { user: String },
    /// By itself in a header.
    Header { name: String },
}

/// Whether a section has such a secret.
pub(super) fn is_there(section: &Section<'_>) -> bool {
    section.get("token").is_some()
}

impl SharedSecret {
    /// Reads `token` with `user` or `header`.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let secrets = secrets(section, "token", |secret| {
            match secret.expose().len() >= UNGUESSABLE {
                true => Ok(secret),
                false => Err(format!(
                    "can be guessed; make {UNGUESSABLE} characters or more with `openssl rand -hex 24`"
                )),
            }
        });
        let user = section.optional("user", |value| {
            let user = text(value)?;
            match user.contains(':') {
                true => Err("has a colon in it, which no user name has".to_owned()),
                false => Ok(user),
            }
        });
        let name = section.optional("header", header);
        let place = match (user, name) {
            (Some(_), Some(_)) => {
                section.mistake("header", "is there, and user is too; keep one of them");
                None
            }
            (Some(user), None) => Some(Place::Basic { user }),
            (None, Some(name)) => Some(Place::Header { name }),
            (None, None) => Some(Place::Bearer),
        };
        Some(SharedSecret {
            secrets: secrets?,
            place: place?,
        })
    }

    /// Whether the request has one of the secrets.
    pub(super) fn is_in(&self, proof: &Proof<'_>) -> bool {
        let sent = match &self.place {
            Place::Bearer => after_scheme(proof, "bearer").map(str::to_owned),
            Place::Basic { user } => after_scheme(proof, "basic").and_then(|encoded| {
                let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
                let (sent_user, password) = decoded.split_once(':')?;
                is_same(sent_user, user).then(|| password.to_owned())
            }),
            Place::Header { name } => proof.header(name).map(str::to_owned),
        };
        let Some(sent) = sent else {
            return false;
        };
        // Each is compared, whichever it is.
        let same = self.secrets.iter().map(|one| is_same(&sent, one.expose()));
        same.fold(false, |any, same| any | same)
    }
}

/// What follows the name of the scheme in `Authorization`.
fn after_scheme<'a>(proof: &Proof<'a>, scheme: &str) -> Option<&'a str> {
    let (name, rest) = proof.header("authorization")?.split_once(' ')?;
    name.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// Secrets under a key: one, or a list while one is replaced.
pub(super) fn secrets(
    section: &Section<'_>,
    key: &str,
    check: impl Fn(Secret) -> Result<Secret, String>,
) -> Option<Vec<Secret>> {
    let read = |value: &Value| check(section.token(value, "the sender of alerts")?);
    let example = "\"env:ALERTS_SECRET\"";
    match section.get(key) {
        Some(Value::Array(_)) => section.list(key, example, Repeats::Refused, read),
        Some(_) | None => section
            .required(key, example, read)
            .map(|secret| vec![secret]),
    }
}
