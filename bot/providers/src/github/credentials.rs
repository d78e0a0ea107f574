//! What GitHub is asked with: a token, or an App, whose installation is given tokens that last an
//! hour.

use super::api::API;
use crate::{
    json::text as field,
    rest::{Access, Rest},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::{Client, Method};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rollback_domain::platform::ProviderError;
use rollback_settings::{Secret, Section, Value as Setting, text};
use serde_json::{Value, json};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Mutex;
use url::Url;

/// How long a token of an installation is used. It lasts an hour.
const USED_FOR: Duration = Duration::from_secs(50 * 60);
/// How far GitHub's clock may be behind ours.
const SKEW: u64 = 60;
/// How long what the App signs is good for, in seconds; GitHub takes ten minutes at most.
const SIGNED_FOR: u64 = 9 * 60;

/// What GitHub is asked with, as the configuration has it.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A fine-grained token, or a classic one.
    Token(Secret),
    /// An App that is installed where the repositories are.
    App(App),
}

/// A GitHub App, in one of the places where it is installed.
#[derive(Clone)]
pub struct App {
    /// Its id, or its client id.
    id: String,
    installation: String,
    key: Arc<RsaKeyPair>,
    issued: Arc<Mutex<Option<Issued>>>,
}

/// A token of the installation.
struct Issued {
    token: Secret,
    at: Instant,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("id", &self.id)
            .field("installation", &self.installation)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads them from a section that has `token`, or `app`, `installation` and `private_key`;
    /// `None` when there is a mistake in them.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        const PARTS: [&str; 3] = ["app", "installation", "private_key"];
        let is_app = PARTS.iter().any(|part| section.get(part).is_some());
        let token = |value: &Setting| section.token(value, "GitHub");
        if !is_app {
            let token = section.required("token", "\"env:GITHUB_TOKEN\"", token);
            return token.map(Credentials::Token);
        }
        if section.get("token").is_some() {
            section.mistake("token", "is there, and so is an App; keep one of them");
        }
        let app = section.required("app", "\"123456\"", number);
        // It ends the address of the installation's settings.
        let installation = section.required("installation", "\"987654\"", number);
        let example = "\"file:/run/secrets/github.pem\"";
        let key = section.required("private_key", example, |value| {
            key(section.pem(value)?.expose())
        });
        Some(Credentials::App(App {
            id: app?,
            installation: installation?,
            key: Arc::new(key?),
            issued: Arc::default(),
        }))
    }

    /// The token for the next request. An App is given one first where it has none that lasts.
    pub async fn token(&self, http: &Client, api_url: &Url) -> Result<Secret, ProviderError> {
        match self {
            Credentials::Token(token) => Ok(token.clone()),
            Credentials::App(app) => app.token(http, api_url).await,
        }
    }
}

impl App {
    async fn token(&self, http: &Client, api_url: &Url) -> Result<Secret, ProviderError> {
        // Held while it is asked for: those who wait use the same one.
        let mut issued = self.issued.lock().await;
        if let Some(issued) = issued
            .as_ref()
            .filter(|issued| issued.at.elapsed() < USED_FOR)
        {
            return Ok(issued.token.clone());
        }
        let at = Instant::now();
        let access = Access::Bearer(Secret::new(self.signed()?));
        let rest = Rest::new(http.clone(), &API, api_url.clone(), access);
        let path = ["app", "installations", &self.installation, "access_tokens"];
        let answer = rest.change(Method::POST, &path, &[], &json!({})).await;
        let answer = answer.map_err(|lost| ProviderError::Busy {
            why: format!("GitHub could not be asked for a token of its App: {lost:#}."),
            retry_after: None,
        })?;
        let quoted = answer.quoted();
        let refused = |why: String| Err(ProviderError::Refused(why));
        match answer.status {
            401 => refused(format!(
                "GitHub does not know the App {}, or private_key is none of its keys ({quoted}). Make a key in the App's settings, set it in the configuration, and look that the clock of this machine is right.",
                self.id
            )),
            404 => refused(format!(
                "GitHub knows no installation {} of the App {} ({quoted}). Its number ends the address of the installation's settings; set it in the configuration.",
                self.installation, self.id
            )),
            _ => match field(&answer.body, "token") {
                Some(token) if answer.is_success() => {
                    let token = Secret::new(token);
                    *issued = Some(Issued {
                        token: token.clone(),
                        at,
                    });
                    Ok(token)
                }
                _ => Err(answer.busy(format!("GitHub gave its App no token ({quoted})."))),
            },
        }
    }

    /// That we are this App: a JSON web token.
    fn signed(&self) -> Result<String, ProviderError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "GitHub holds it against its own clock"
        )]
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let head = part(&json!({"alg": "RS256", "typ": "JWT"}));
        let claims =
            json!({"iat": now.saturating_sub(SKEW), "exp": now + SIGNED_FOR, "iss": self.id});
        let signed = format!("{head}.{}", part(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| {
                ProviderError::Refused("private_key of the GitHub App does not sign. Make another one in the App's settings, and set it in the configuration.".into())
            })?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// An id, which may be written as a number or as a text.
fn number(value: &Setting) -> Result<String, String> {
    let id = match value.as_integer() {
        Some(number) => number.to_string(),
        None => text(value)?,
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
    match !id.is_empty() && id.bytes().all(fits) {
        true => Ok(id),
        false => Err(format!("{id:?} is no id; it is a number")),
    }
}

/// The key in a PEM file, as GitHub gives it out or as `openssl pkcs8` writes it.
fn key(pem: &str) -> Result<RsaKeyPair, String> {
    let unfit = || "is no RSA key; use the .pem file that the App's settings gave".to_owned();
    let kind = pem.lines().next().unwrap_or_default();
    let lines = pem.lines().map(str::trim);
    let body: String = lines.filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).map_err(|_| unfit())?;
    match kind.trim() {
        "-----BEGIN RSA PRIVATE KEY-----" => RsaKeyPair::from_der(&der).map_err(|_| unfit()),
        "-----BEGIN PRIVATE KEY-----" => RsaKeyPair::from_pkcs8(&der).map_err(|_| unfit()),
        _ => Err(unfit()),
    }
}
