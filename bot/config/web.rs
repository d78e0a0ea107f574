//! `[web]`: the pages that people read in a browser.

use super::{Delivery, Server, Slack, public_url};
use rollback_domain::identity::{IncidentId, RollbackId};
use rollback_settings::{
    Secret, SecretKind, Section, Value, characters, check_characters, is_loopback, text,
};
use std::fmt;
use url::Url;

/// Where the pages begin, below the address of the bot.
const PAGES: &str = "/web";
/// Where Slack sends the person back who signs in, below that.
const SIGNED_IN: &str = "/signed-in";

/// The pages, and how people sign in.
#[derive(Clone, Debug)]
pub struct Web {
    /// The address under which browsers reach the bot; https unless it is this machine.
    pub url: Url,
    /// The client id of the Slack app: `2141029472.691202649728`.
    pub client_id: String,
    /// The client secret of the Slack app.
    pub client_secret: Secret,
}

/// A page that somebody can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebPage {
    /// Every service, and what goes on.
    Board,
    /// One rollback.
    Rollback(RollbackId),
    /// One incident, with its timeline.
    Incident(IncidentId),
    /// How fast and how well rollbacks went.
    Stats,
}

/// The page as it is named in addresses: `board`, `RB-41`, `INC-7`, `stats`.
impl fmt::Display for WebPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WebPage::Board => f.write_str("board"),
            WebPage::Rollback(id) => write!(f, "{id}"),
            WebPage::Incident(id) => write!(f, "{id}"),
            WebPage::Stats => f.write_str("stats"),
        }
    }
}

impl WebPage {
    /// The page that is named so; `None`: there is none.
    pub fn named(name: &str) -> Option<WebPage> {
        match name {
            "board" => Some(WebPage::Board),
            "stats" => Some(WebPage::Stats),
            name => {
                let rollback = name.parse().ok().map(WebPage::Rollback);
                rollback.or_else(|| name.parse().ok().map(WebPage::Incident))
            }
        }
    }

    /// The place of the page below the first one.
    fn path(self) -> String {
        match self {
            WebPage::Board => String::new(),
            WebPage::Rollback(id) => format!("/rollbacks/{id}"),
            WebPage::Incident(id) => format!("/incidents/{id}"),
            WebPage::Stats => "/stats".to_owned(),
        }
    }
}

impl Web {
    /// The address of a page.
    pub fn address(&self, page: WebPage) -> String {
        self.below(&page.path())
    }

    /// Where Slack sends the person back who signs in. It has to be among the redirect URLs of the
    /// Slack app.
    pub fn redirect_url(&self) -> String {
        self.below(SIGNED_IN)
    }

    /// The path of the pages on their host, without a slash at its end: where the bot stands behind
    /// a path of a proxy, browsers name that path too.
    pub fn path(&self) -> String {
        format!("{}{PAGES}", self.url.path().trim_end_matches('/'))
    }

    fn below(&self, path: &str) -> String {
        let address = self.url.as_str().trim_end_matches('/');
        format!("{address}{PAGES}{path}")
    }
}

/// Reads where the pages are, and what people sign in with.
pub(super) fn web(
    section: &Section<'_>,
    server: Option<&Server>,
    slack: Option<&Slack>,
) -> Option<Web> {
    let own_url = section.optional("url", public_url);
    let client_id = section.required("client_id", "\"2141029472.691202649728\"", client_id);
    let client_secret = section.required("client_secret", "\"env:SLACK_CLIENT_SECRET\"", |value| {
        client_secret(section, value)
    });
    section.done();
    if server.is_some_and(|server| server.listen.is_none()) {
        section.mistake_here(
            "is there, and nothing listens for browsers; write listen = \"127.0.0.1:3000\" into \
             [server], or remove [web]",
        );
    }
    let shared_url = server.and_then(|server| server.public_url.clone());
    let has_url = section.get("url").is_some();
    if server.is_some() && shared_url.is_none() && !has_url {
        section.mistake(
            "url",
            "is missing, and server.public_url is too: browsers and Slack have to know where the \
             pages are; write url = \"https://rollback.example.com\"",
        );
    }
    if let (Some(slack), Some(secret)) = (slack, &client_secret) {
        refuse_mixed_up(section, slack, secret);
    }
    Some(Web {
        url: own_url.or(shared_url.filter(|_| !has_url))?,
        client_id: client_id?,
        client_secret: client_secret?,
    })
}

/// The two secrets of an app look alike, and stand below each other where they are copied. And who
/// somebody is, is told over the connection to Slack alone.
fn refuse_mixed_up(section: &Section<'_>, slack: &Slack, client_secret: &Secret) {
    let is_signing_secret = match &slack.delivery {
        Delivery::Requests { signing_secrets } => signing_secrets
            .iter()
            .any(|signing| signing.expose() == client_secret.expose()),
        Delivery::SocketMode { .. } => false,
    };
    if is_signing_secret {
        section.mistake(
            "client_secret",
            "is the signing secret; copy the Client Secret, which is above it on the app's page \
             Basic Information",
        );
    }
    if slack.api_url.scheme() != "https" && !is_loopback(&slack.api_url) {
        section.mistake_here(
            "needs a slack.api_url that begins with https://: who signs in is told by it, and \
             anybody could answer in its place",
        );
    }
}

fn client_id(value: &Value) -> Result<String, String> {
    let id = text(value)?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match id.split_once('.') {
        Some((workspace, app)) if is_number(workspace) && is_number(app) => Ok(id),
        Some(_) | None => Err(format!(
            "{id:?} is no client id of Slack's; copy the Client ID from the app's page Basic \
             Information, it looks like \"2141029472.691202649728\""
        )),
    }
}

/// Slack's own is 32 of 0-9 and a-f; a server that stands in for Slack may have another one.
fn client_secret(section: &Section<'_>, value: &Value) -> Result<Secret, String> {
    const WHERE: &str = "copy the Client Secret from the app's page Basic Information";
    const AT_LEAST: usize = 16;
    let secret = section.secret(value)?;
    let text = secret.expose();
    match SecretKind::of(text) {
        Some(SecretKind::Hex32) => return Ok(secret),
        Some(kind) => return Err(format!("looks like {}; {WHERE}", kind.description())),
        None => check_characters(text)?,
    }
    match text.len() < AT_LEAST {
        true => Err(format!(
            "is {} long, which no client secret is; {WHERE}",
            characters(text.len())
        )),
        false => Ok(secret),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(url: &str) -> Web {
        Web {
            url: Url::parse(url).unwrap(),
            client_id: "1.2".into(),
            client_secret: Secret::new("a-client-secret-of-slack"),
        }
    }

    #[test]
    fn pages_are_below_the_address_of_the_bot() {
        let rollback = WebPage::Rollback(RollbackId::new(41));
        for (url, board, path) in [
            ("https://r.example.com", "https://r.example.com/web", "/web"),
            (
                "https://r.example.com/",
                "https://r.example.com/web",
                "/web",
            ),
            (
                "https://example.com/bot/",
                "https://example.com/bot/web",
                "/bot/web",
            ),
        ] {
            let web = web(url);
            assert_eq!(web.address(WebPage::Board), board);
            assert_eq!(web.address(rollback), format!("{board}/rollbacks/RB-41"));
            assert_eq!(web.redirect_url(), format!("{board}/signed-in"));
            assert_eq!(web.path(), path);
        }
    }

    #[test]
    fn a_page_is_named_and_found_again_and_nothing_else_is_one() {
        for page in [
            WebPage::Board,
            WebPage::Stats,
            WebPage::Rollback(RollbackId::new(41)),
            WebPage::Incident(IncidentId::new(7)),
        ] {
            assert_eq!(WebPage::named(&page.to_string()), Some(page));
        }
        for name in [
            "",
            "/",
            "//evil.example",
            "https://evil.example",
            "RB-",
            "rb-1",
            "INC-x",
        ] {
            assert_eq!(WebPage::named(name), None, "{name}");
        }
    }
}
