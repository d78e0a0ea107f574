//! Sign in with Slack (OpenID Connect, with a code).
//!
//! What belongs to one sign-in is in the browser that began it and in no record: a cookie with a
//! random secret and the page that was wanted. The `state` and the `nonce` are MACs of it with the
//! client secret, so that nobody makes them up, and none fits another browser, page or moment.

use super::{
    NotNow,
    id_token::{self, Expected},
    reader,
};
use crate::{
    App,
    config::{Web, WebPage},
    slack::{Failure, openid::SigningIn},
    store::{sessions, tokens},
};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use rollback_domain::people::Person;
use sha2::Sha256;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How long somebody may take between being sent to Slack and coming back.
pub const SIGN_IN_WITHIN: Duration = Duration::from_secs(600);
/// How long a session lasts. Signing in again is one click.
pub const SESSION_LASTS: Duration = Duration::from_secs(4 * 3_600);
/// How many random bytes a secret of a browser has.
const SECRET_BYTES: usize = 32;
/// The longest code that is sent on to Slack, in bytes. Slack's have about a hundred.
const CODE_AT_MOST: usize = 1_000;

/// A sign-in that has begun.
#[derive(Clone, PartialEq, Eq)]
pub struct Begun {
    /// What the browser keeps until it comes back.
    pub cookie: String,
    /// Where the browser goes.
    pub address: String,
}

/// A session that has begun.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// What the browser keeps from now on.
    pub cookie: String,
    /// The page that was wanted.
    pub page: WebPage,
}

/// What Slack sends a browser back with.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct Back {
    /// What stands for the person, for the app alone; there unless they did not sign in.
    pub code: Option<String>,
    /// What was sent along when they began.
    pub state: Option<String>,
    /// Why they did not sign in.
    pub error: Option<String>,
}

/// Why somebody is not signed in.
#[derive(Debug)]
pub enum NotSignedIn {
    /// They did not want to.
    Declined,
    /// What came back is not of a sign-in that this browser has begun, or of one long ago.
    Forged,
    /// Slack does not know the code, or what it says of the person does not fit.
    Refused,
    /// They may not read here, or nobody can tell now.
    Not(NotNow),
}

impl From<NotNow> for NotSignedIn {
    fn from(why: NotNow) -> Self {
        NotSignedIn::Not(why)
    }
}

/// One sign-in: what makes it different from all others.
struct Attempt<'a> {
    web: &'a Web,
    /// The browser's secret, in hex.
    secret: &'a str,
    /// The page that was wanted.
    page: WebPage,
    /// When it began, in seconds since 1970.
    began: i64,
}

impl Attempt<'_> {
    fn state(&self) -> String {
        format!("{}.{}", self.began, self.mac("state"))
    }

    fn nonce(&self) -> String {
        self.mac("nonce")
    }

    fn mac(&self, purpose: &str) -> String {
        let key = self.web.client_secret.expose().as_bytes();
        // A key of any length makes one.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
            return String::new();
        };
        let Attempt {
            secret,
            page,
            began,
            ..
        } = self;
        mac.update(format!("{purpose}:{began}:{page}:{secret}").as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

/// Begins a sign-in of somebody who wants to read a page.
///
/// Fails when the machine has no random numbers.
pub fn begin(app: &App, web: &Web, page: WebPage) -> anyhow::Result<Begun> {
    let secret = tokens::random(SECRET_BYTES)?;
    let attempt = Attempt {
        web,
        secret: &secret,
        page,
        began: app.engine.clock.now().as_second(),
    };
    let mut address = app.config.slack.api_url.clone();
    address.set_path("/openid/connect/authorize");
    address
        .query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("scope", "openid")
        .append_pair("client_id", &web.client_id)
        .append_pair("redirect_uri", &web.redirect_url())
        .append_pair("state", &attempt.state())
        .append_pair("nonce", &attempt.nonce());
    // Slack offers no other workspace then.
    if let Some(team) = app.known_team() {
        address.query_pairs_mut().append_pair("team", team);
    }
    Ok(Begun {
        cookie: format!("{secret}.{page}"),
        address: address.into(),
    })
}

/// Ends a sign-in whose browser has come back: with a session, or with why there is none.
pub async fn finish(
    app: &App,
    web: &Web,
    cookie: Option<&str>,
    back: &Back,
) -> Result<SignedIn, NotSignedIn> {
    let now = app.engine.clock.now();
    let state = back.state.as_deref().unwrap_or_default();
    let attempt = attempt_of(web, cookie, state, now).ok_or(NotSignedIn::Forged)?;
    if back.error.is_some() {
        return Err(NotSignedIn::Declined);
    }
    let code = back.code.as_deref().unwrap_or_default();
    if code.is_empty() || code.len() > CODE_AT_MOST {
        return Err(NotSignedIn::Forged);
    }
    let id = person_of(app, &attempt, code, now).await?;
    let name = app.names.of(&id).unwrap_or_else(|| id.clone());
    let person = reader::admit_person(app, &Person::new(id, name)).await?;
    let session = async {
        let secret = tokens::random(SECRET_BYTES)?;
        let ends_at = now.checked_add(SESSION_LASTS)?;
        sessions::open(&app.engine.db, &secret, &person, now, ends_at).await?;
        anyhow::Ok(secret)
    };
    let secret = session.await.map_err(|error| {
        tracing::error!(%error, "a session could not be stored");
        NotNow::record_is_silent()
    })?;
    tracing::info!(person = person.id, "somebody signed in to the pages");
    Ok(SignedIn {
        cookie: secret,
        page: attempt.page,
    })
}

/// The sign-in that this browser has begun and that this state is of; `None`: it is of none, or of one
/// long ago.
fn attempt_of<'a>(
    web: &'a Web,
    cookie: Option<&'a str>,
    state: &str,
    now: Timestamp,
) -> Option<Attempt<'a>> {
    let (secret, page) = cookie?.split_once('.')?;
    let (began, _) = state.split_once('.')?;
    let began: i64 = began.parse().ok()?;
    let attempt = Attempt {
        web,
        secret,
        page: WebPage::named(page)?,
        began,
    };
    let is_of_it: bool = attempt.state().as_bytes().ct_eq(state.as_bytes()).into();
    let age = now.as_second().checked_sub(began)?;
    let is_young = u64::try_from(age).is_ok_and(|age| age <= SIGN_IN_WITHIN.as_secs());
    (is_of_it && is_young && secret.len() == 2 * SECRET_BYTES).then_some(attempt)
}

/// The person whom a code stands for.
async fn person_of(
    app: &App,
    attempt: &Attempt<'_>,
    code: &str,
    now: Timestamp,
) -> Result<String, NotSignedIn> {
    let web = attempt.web;
    let signing_in = SigningIn {
        client_id: &web.client_id,
        client_secret: web.client_secret.expose(),
        redirect_url: &web.redirect_url(),
    };
    let team = app
        .team()
        .await
        .map_err(|failure| NotNow::slack(&failure))?;
    let team = team.ok_or(NotSignedIn::Refused)?;
    let token = match app.slack.id_token(signing_in, code).await {
        Ok(token) => token,
        Err(Failure::Never(code)) => {
            // `bad_client_secret` is the operator's mistake, `invalid_code` is a code that was used.
            tracing::warn!(code, "Slack refused a sign-in");
            return Err(NotSignedIn::Refused);
        }
        Err(failure) => return Err(NotNow::slack(&failure).into()),
    };
    let expected = Expected {
        issuer: &app.config.slack.api_url.origin().ascii_serialization(),
        client_id: &web.client_id,
        team: &team,
        nonce: &attempt.nonce(),
        now,
    };
    id_token::person_of(&token, expected).map_err(|unusable| {
        tracing::warn!(
            why = unusable.clause(),
            "the id_token of a sign-in does not count"
        );
        NotSignedIn::Refused
    })
}

/// Ends a session.
pub async fn end(app: &App, session: &str) -> Result<(), NotNow> {
    Ok(sessions::end(&app.engine.db, session).await?)
}
