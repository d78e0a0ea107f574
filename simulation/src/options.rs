//! What a simulated workspace is started with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::person::Person;

/// Where the simulation gets the time from; a story hands in a clock it can move.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The workspace to simulate. Start from [`Options::default`] and change what matters.
#[derive(Clone)]
pub struct Options {
    /// The address to listen on; loopback with a free port unless told otherwise.
    pub listen: SocketAddr,
    /// Every request to the app is signed with this.
    pub signing_secret: String,
    /// The only token the Web API accepts.
    pub bot_token: String,
    /// The only token that opens connections of Socket Mode.
    pub app_token: String,
    /// The client id of the app, with which people sign in.
    pub client_id: String,
    /// The client secret of the app.
    pub client_secret: String,
    /// The scopes announced in `X-OAuth-Scopes`, comma-separated.
    pub scopes: String,
    /// The workspace's id.
    pub team_id: String,
    /// The workspace's domain, as in `acme.slack.com`.
    pub team_domain: String,
    /// The app's id.
    pub app_id: String,
    /// The bot's user id, as in `<@UBOT>`.
    pub bot_user: String,
    /// The bot's handle, as in `@rollback`.
    pub bot_handle: String,
    /// The name the bot's messages are shown under.
    pub bot_name: String,
    /// Where time comes from.
    pub clock: Clock,
    /// How long the app has to answer a command, a click or a form.
    pub patience: Duration,
    /// Whether the command was configured to escape mentions, channels and links.
    pub should_escape: bool,
    /// Everybody in the workspace.
    pub people: Vec<Person>,
    /// Every channel as `(id, name)`; the bot and everybody are members.
    pub channels: Vec<(String, String)>,
    /// A page shown beside the conversation in the demo, as `(title, url)`.
    pub side: Option<(String, String)>,
    /// What the demo offers to be typed.
    pub suggestions: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            signing_secret: "a-signing-secret-of-the-simulation".to_owned(),
            bot_token: "xoxb-simulation".to_owned(),
            app_token: "xapp-1-A0ROLLBACK-1-simulation".to_owned(),
            client_id: "25259531569.11152291".to_owned(),
            client_secret: "a-client-secret-of-the-simulation".to_owned(),
            scopes: "commands,chat:write,usergroups:read,users:read,users:read.email,files:write,\
                     app_mentions:read,channels:read,groups:read,channels:history,groups:history,metadata.message:read,reactions:read"
                .to_owned(),
            team_id: "T0ACME".to_owned(),
            team_domain: "acme".to_owned(),
            app_id: "A0ROLLBACK".to_owned(),
            bot_user: "UBOT".to_owned(),
            bot_handle: "rollback".to_owned(),
            bot_name: "Rollback Bot".to_owned(),
            clock: wall_clock(),
            patience: Duration::from_secs(3),
            should_escape: true,
            people: vec![
                Person::member("U0MAYA", "maya")
                    .named("Maya Lindqvist")
                    .titled("requester"),
                Person::member("U0SAM", "sam")
                    .named("Sam Okafor")
                    .titled("on call"),
            ],
            channels: vec![("C0SHOP".to_owned(), "shop-incidents".to_owned())],
            side: None,
            suggestions: vec!["/rollback".to_owned(), "/rollback help".to_owned()],
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a workspace nobody gave a clock lives in real time"
)]
fn wall_clock() -> Clock {
    Arc::new(Timestamp::now)
}
