//! `[webhooks]`: what platforms send when something has changed there.

use super::Service;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rollback_domain::changes::Repository;
use rollback_settings::{Secret, Section};

/// With what a secret of a Standard Webhook begins.
const STANDARD_SECRET: &str = "whsec_";
/// The fewest letters that nobody guesses in an address.
const UNGUESSABLE: usize = 32;

/// What each platform proves with that a webhook is its own; `None`: none of its are taken.
#[derive(Clone, Debug, Default)]
pub struct Webhooks {
    /// The client secret of an integration, or the secret of an account's webhook.
    pub vercel: Option<Secret>,
    /// The signing secret, `whsec_…`.
    pub render: Option<Secret>,
    /// The last part of the address: Railway signs nothing.
    pub railway: Option<Secret>,
    /// The secret of a repository's webhook, or of an app's.
    pub github: Option<Secret>,
}

/// Reads what each platform proves with.
pub(super) fn webhooks(section: &Section<'_>) -> Webhooks {
    let signed = |key: &str, owner: &str| {
        section.optional(key, |value| {
            section.token(value, &format!("{owner}'s webhooks"))
        })
    };
    let webhooks = Webhooks {
        vercel: signed("vercel", "Vercel"),
        github: signed("github", "GitHub"),
        render: section.optional("render", |value| {
            let secret = section.secret(value)?;
            match key_of(secret.expose()) {
                Some(_) => Ok(secret),
                None => Err(
                    "is not a signing secret; copy it from the webhook's page on Render, it begins with whsec_"
                        .to_owned(),
                ),
            }
        }),
        railway: section.optional("railway", |value| {
            let secret = section.secret(value)?;
            let fits = |letter: u8| letter.is_ascii_alphanumeric() || b"-_".contains(&letter);
            let is_unguessable = secret.expose().len() >= UNGUESSABLE;
            match is_unguessable && secret.expose().bytes().all(fits) {
                true => Ok(secret),
                false => Err(
                    "can be guessed; Railway signs nothing, so make 32 letters or more with `openssl rand -hex 24`"
                        .to_owned(),
                ),
            }
        }),
    };
    section.done();
    webhooks
}

impl Webhooks {
    /// Warns of those that no service is concerned by.
    pub(super) fn warn_of_unneeded(&self, file: &Section<'_>, services: &[Service]) {
        let is_on = |platform: &str| {
            let mut identities = services.iter().map(|service| service.platform.identity());
            identities.any(|identity| identity.split(' ').next() == Some(platform))
        };
        let has_repository = services.iter().any(|service| {
            let repository = service.repository.as_ref();
            repository.and_then(Repository::on_github).is_some()
        });
        let has_repository = has_repository || is_on("github");
        for (key, secret, is_needed, needs) in [
            ("vercel", &self.vercel, is_on("vercel"), "is on Vercel"),
            ("render", &self.render, is_on("render"), "is on Render"),
            ("railway", &self.railway, is_on("railway"), "is on Railway"),
            (
                "github",
                &self.github,
                has_repository,
                "says which repository it is built from",
            ),
        ] {
            if secret.is_some() && !is_needed {
                let problem = format!("has nothing to be read for: no service {needs}");
                file.reader().warn(&format!("webhooks.{key}"), problem);
            }
        }
    }
}

/// The key that a secret of a Standard Webhook stands for; `None`: it is none.
pub fn key_of(secret: &str) -> Option<Vec<u8>> {
    let encoded = secret.strip_prefix(STANDARD_SECRET)?;
    STANDARD.decode(encoded).ok().filter(|key| !key.is_empty())
}
