//! The Web API calls we make: one `call`, with a base address, time-outs and honest failures.

pub mod action;
pub mod backfill;
pub mod blocks;
pub mod break_glass;
pub mod capture;
pub mod card;
pub mod checklist;
pub mod content;
mod directory;
pub mod modal;
pub mod openid;
pub mod pace;
pub mod readiness;
pub mod update;

pub use blocks::Words;

use crate::{
    clock::Clock,
    crash::{self, Point},
    metrics::Metrics,
};
use content::is_about_content;
use directory::Directory;
use jiff::{Timestamp, fmt::rfc2822};
use pace::{Pace, Turn};
use reqwest::{Client, StatusCode, header::CONTENT_LENGTH};
use rollback_domain::people::{Membership, Zone};
use rollback_http::{Lost, cut, retry_after};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use slack_morphism::prelude::SlackView;
use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Semaphore, task::JoinSet};
use tracing::Instrument;
use url::Url;

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const ANSWER_AT_MOST: usize = 1 << 20;

/// How many addresses are looked up at once.
const LOOKED_UP_AT_ONCE: usize = 50;

/// How many pages of a channel's members are read; who is only on later ones is not counted.
const MEMBER_PAGES_AT_MOST: usize = 10;

/// How much of what Slack says about a refusal is logged, in characters.
const DETAILS_AT_MOST: usize = 500;

/// Slack, as the bot talks to it.
#[derive(Clone)]
pub struct Slack {
    http: Client,
    api_url: String,
    token: String,
    metrics: Metrics,
    pace: Option<Pace>,
    turn: Turn,
    directory: Directory,
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slack")
            .field("api_url", &self.api_url)
            .finish_non_exhaustive()
    }
}

/// Why Slack did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It may be tried again; after so long, if Slack said so.
    #[error("{why}")]
    Later {
        /// What happened.
        why: String,
        /// What Slack wants us to wait.
        after: Option<Duration>,
    },
    /// It was not sent: Slack would not allow so many calls. After so long it would.
    #[error("Slack allows no more calls of {method} for a moment")]
    TooSoon {
        /// The method.
        method: String,
        /// How long it has to wait.
        wait: Duration,
    },
    /// It is not known whether it was done.
    #[error("{0}")]
    Lost(String),
    /// It will never work like this: Slack's error code.
    #[error("Slack says {0}")]
    Never(String),
}

impl Failure {
    /// Slack's error code, when it gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Failure::Never(code) => Some(code),
            Failure::Later { .. } | Failure::TooSoon { .. } | Failure::Lost(_) => None,
        }
    }

    /// How long it is to be waited before it is tried again, where that is known.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Failure::TooSoon { wait, .. } => Some(*wait),
            Failure::Later { after, .. } => *after,
            Failure::Lost(_) | Failure::Never(_) => None,
        }
    }
}

/// Who the token belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Identity {
    /// The workspace.
    #[serde(default)]
    pub team_id: Option<String>,
    /// The bot's own id, which is not a user's.
    #[serde(default)]
    pub bot_id: Option<String>,
    /// The bot's own user id.
    #[serde(default)]
    pub user_id: Option<String>,
    /// The address of the workspace: `https://shop.slack.com/`.
    #[serde(default)]
    pub url: Option<String>,
    /// The organisation; `None`: the workspace is in none.
    #[serde(default)]
    pub enterprise_id: Option<String>,
}

#[derive(Deserialize)]
struct OpenedConnection {
    url: String,
}

#[derive(Deserialize)]
struct Posted {
    ts: String,
}

/// What the headers of an answer tell of a token and of Slack's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAnswer {
    /// The scopes that the token has; `None` when the answer does not name them.
    pub scopes: Option<Vec<String>>,
    /// When Slack sent it; `None` when it does not say.
    pub sent_at: Option<Timestamp>,
}

impl Slack {
    /// A client for `api_url` (`https://slack.com/api`), acting with a bot token.
    pub fn new(http: Client, api_url: &Url, token: &str) -> Self {
        Self {
            http,
            api_url: api_url.as_str().trim_end_matches('/').to_owned(),
            token: token.to_owned(),
            metrics: Metrics::default(),
            pace: None,
            turn: Turn::InLine,
            directory: Directory::new(Clock::real()),
        }
    }

    /// The same within the budgets that all replicas share.
    pub fn paced(self, pace: Pace) -> Self {
        Self {
            pace: Some(pace),
            ..self
        }
    }

    /// The same for somebody who decides: what readers leave room for is theirs.
    pub fn going_first(&self) -> Self {
        Self {
            turn: Turn::First,
            ..self.clone()
        }
    }

    /// The same, with the age of what it remembers counted by this clock.
    pub fn timed(self, clock: Clock) -> Self {
        Self {
            directory: Directory::new(clock),
            ..self
        }
    }

    /// The same, with its calls counted.
    pub fn counted(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Calls a Web API method with a JSON body.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.call_in(method, method, body).await
    }

    /// The same, counted in a bucket of the method's.
    async fn call_in<T: DeserializeOwned>(
        &self,
        method: &'static str,
        bucket: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let request = self
            .http
            .post(format!("{}/{method}", self.api_url))
            .bearer_auth(&self.token)
            .json(body);
        self.send(method, bucket, request).await
    }

    /// Calls a Web API method that wants a form.
    async fn form<T: DeserializeOwned>(
        &self,
        method: &'static str,
        form: &[(&str, &str)],
    ) -> Result<T, Failure> {
        let request = self
            .http
            .post(format!("{}/{method}", self.api_url))
            .bearer_auth(&self.token)
            .form(form);
        self.send(method, method, request).await
    }

    /// Every call of a method goes through here, so that none is made that Slack would not allow.
    async fn send<T: DeserializeOwned>(
        &self,
        method: &'static str,
        bucket: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<T, Failure> {
        let Some(pace) = &self.pace else {
            return self.count(method, self.ask(method, request)).await;
        };
        pace.take(method, bucket, self.turn).await?;
        let answer = self.count(method, self.ask(method, request)).await;
        if let Err(Failure::Later {
            after: Some(after), ..
        }) = &answer
        {
            pace.hold(method, bucket, *after).await;
        }
        answer
    }

    /// Counts a call that is made, and how it ended.
    async fn count<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let span = tracing::info_span!("slack", method);
        let began = Instant::now();
        let answer = call.instrument(span).await;
        let outcome = match &answer {
            Ok(_) => "ok",
            Err(Failure::Later {
                after: Some(after), ..
            }) => {
                self.metrics.slack_waits(*after);
                "slow_down"
            }
            Err(Failure::Later { after: None, .. }) => "later",
            Err(Failure::Lost(_)) => "lost",
            Err(Failure::Never(_)) => "refused",
            // It was not made.
            Err(Failure::TooSoon { .. }) => return answer,
        };
        self.metrics.slack(method, outcome, began.elapsed());
        answer
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        request: reqwest::RequestBuilder,
    ) -> Result<T, Failure> {
        let answer = rollback_http::send(request, TIMEOUT).await;
        let answer = answer.map_err(|lost| unanswered(method, &lost))?;
        let status = answer.status();
        let after = retry_after(answer.headers());
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Failure::Later {
                why: format!("Slack asked to slow down ({method})"),
                after,
            });
        }
        if status.is_server_error() {
            return Err(Failure::Later {
                why: format!("Slack answered {} to {method}", status.as_u16()),
                after,
            });
        }
        let body = answer
            .body(ANSWER_AT_MOST)
            .await
            .map_err(|why| Failure::Lost(format!("Slack's answer to {method} was lost: {why}")))?;
        let Ok(value) = serde_json::from_slice::<Value>(&body) else {
            return Err(Failure::Later {
                why: format!(
                    "Slack answered {method} with something that is not JSON ({})",
                    status.as_u16()
                ),
                after,
            });
        };
        if value["ok"] != Value::Bool(true) {
            // Whatever answers there: neither the log nor the record takes more than this of it.
            let code = cut(value["error"].as_str().unwrap_or("unknown_error"), 100);
            return Err(match code.as_str() {
                "ratelimited" | "rate_limited" => Failure::Later {
                    why: format!("Slack asked to slow down ({method})"),
                    after,
                },
                "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
                    Failure::Lost(format!("Slack failed inside {method} ({code})"))
                }
                _ => {
                    let details = value["response_metadata"]["messages"].to_string();
                    let details = cut(&details, DETAILS_AT_MOST);
                    tracing::warn!(method, code, details, "Slack refused a call");
                    Failure::Never(code)
                }
            });
        }
        serde_json::from_value(value).map_err(|error| {
            Failure::Lost(format!(
                "Slack's answer to {method} is not understood: {error}"
            ))
        })
    }

    /// Who the token belongs to.
    pub async fn identity(&self) -> Result<Identity, Failure> {
        self.call("auth.test", &json!({})).await
    }

    /// What an answer's headers tell besides the answer.
    pub async fn token(&self) -> Result<TokenAnswer, Failure> {
        let method = "auth.test";
        let request = self
            .http
            .post(format!("{}/{method}", self.api_url))
            .bearer_auth(&self.token);
        let answer = rollback_http::send(request, TIMEOUT).await;
        let answer = answer.map_err(|lost| unanswered(method, &lost))?;
        let header = |name: &str| answer.headers().get(name)?.to_str().ok();
        let scopes = header("x-oauth-scopes");
        let sent_at = header("date").and_then(|date| rfc2822::parse(date).ok());
        Ok(TokenAnswer {
            scopes: scopes
                .map(|scopes| scopes.split(',').map(|one| one.trim().to_owned()).collect()),
            sent_at: sent_at.map(|at| at.timestamp()),
        })
    }

    /// The address of a new connection of Socket Mode, for one use; for the token of an app.
    pub async fn open_connection(&self) -> Result<String, Failure> {
        let opened: OpenedConnection = self.form("apps.connections.open", &[]).await?;
        Ok(opened.url)
    }

    /// Where that connection is opened by HTTP; `None`: it is not encrypted, although Slack's Web
    /// API is.
    pub fn address_of_socket(&self, address: &str) -> Option<String> {
        if let Some(rest) = address.strip_prefix("wss://") {
            return Some(format!("https://{rest}"));
        }
        // A Slack that stands in for it on this machine.
        let rest = address.strip_prefix("ws://")?;
        let is_plain = self.api_url.starts_with("http://");
        is_plain.then(|| format!("http://{rest}"))
    }

    /// The app that a bot is of, by the bot's id.
    pub async fn app_of(&self, bot: &str) -> Result<Option<String>, Failure> {
        let found: Value = self.form("bots.info", &[("bot", bot)]).await?;
        Ok(found["bot"]["app_id"].as_str().map(str::to_owned))
    }

    /// Whether the bot can read a channel, as it does to find what it has posted.
    pub async fn can_read(&self, channel: &str) -> Result<(), Failure> {
        let form = [("channel", channel), ("limit", "1")];
        self.form::<Value>("conversations.history", &form)
            .await
            .map(drop)
    }

    /// Posts a message and gives its `ts`. `key` goes into its metadata, by which [`Slack::find`]
    /// finds it again when the answer was lost.
    pub async fn post(
        &self,
        channel: &str,
        thread: Option<&str>,
        words: &Words,
        key: &str,
    ) -> Result<String, Failure> {
        let mut body = json!({
            "channel": channel,
            "text": words.text,
            "unfurl_links": false,
            "unfurl_media": false,
            "metadata": { "event_type": "rollback_bot", "event_payload": { "key": key } },
        });
        if !words.blocks.is_empty() {
            body["blocks"] = json!(words.blocks);
        }
        if let Some(thread) = thread {
            body["thread_ts"] = json!(thread);
        }
        let method = "chat.postMessage";
        let posted: Posted = self
            .call_in(method, &format!("{method} {channel}"), &body)
            .await?;
        Ok(posted.ts)
    }

    /// Brings a message to these words, or to the same without blocks if Slack does not take them.
    pub async fn update(&self, channel: &str, ts: &str, words: &Words) -> Result<(), Failure> {
        match self.update_as_it_is(channel, ts, words).await {
            Err(Failure::Never(code)) if is_about_content(&code) => {
                self.update_as_it_is(channel, ts, &words.plainer()).await
            }
            edited => edited,
        }
    }

    async fn update_as_it_is(&self, channel: &str, ts: &str, words: &Words) -> Result<(), Failure> {
        let body =
            json!({ "channel": channel, "ts": ts, "text": words.text, "blocks": words.blocks });
        self.call::<Value>("chat.update", &body).await.map(drop)
    }

    /// Looks for a message of ours by its key, among the last hundred of a channel or thread.
    pub async fn find(
        &self,
        channel: &str,
        thread: Option<&str>,
        key: &str,
    ) -> Result<Option<String>, Failure> {
        Ok(self.keys(channel, thread).await?.remove(key))
    }

    /// The last hundred messages of a channel or thread that have a key: their `ts` by it.
    pub async fn keys(
        &self,
        channel: &str,
        thread: Option<&str>,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let recent = self.recent(channel, thread).await?;
        let keyed = recent.iter().filter_map(|message| {
            let key = message["metadata"]["event_payload"]["key"].as_str()?;
            Some((key.to_owned(), message["ts"].as_str()?.to_owned()))
        });
        Ok(keyed.collect())
    }

    /// Whether a file with this name is among the last hundred messages of a channel or thread.
    pub async fn find_file(
        &self,
        channel: &str,
        thread: Option<&str>,
        name: &str,
    ) -> Result<bool, Failure> {
        let recent = self.recent(channel, thread).await?;
        let mut files = recent
            .iter()
            .filter_map(|message| message["files"].as_array())
            .flatten();
        Ok(files.any(|file| file["name"] == name || file["title"] == name))
    }

    /// One message of a channel or thread; `None`: it is not there.
    pub async fn message(&self, channel: &str, ts: &str) -> Result<Option<Value>, Failure> {
        let form = [
            ("channel", channel),
            ("oldest", ts),
            ("latest", ts),
            ("inclusive", "true"),
            ("limit", "1"),
        ];
        let found: Value = self.form("conversations.history", &form).await?;
        if let Some(message) = message_at(&found, ts) {
            return Ok(Some(message));
        }
        // It may be in a thread; the thread's first message comes with it.
        let form = [
            ("channel", channel),
            ("ts", ts),
            ("oldest", ts),
            ("latest", ts),
            ("inclusive", "true"),
            ("limit", "2"),
        ];
        match self.form::<Value>("conversations.replies", &form).await {
            Ok(found) => Ok(message_at(&found, ts)),
            Err(failure) if failure.code() == Some("thread_not_found") => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn recent(&self, channel: &str, thread: Option<&str>) -> Result<Vec<Value>, Failure> {
        let mut form = vec![
            ("channel", channel),
            ("limit", "100"),
            ("include_all_metadata", "true"),
        ];
        let method = match thread {
            Some(thread) => {
                form.push(("ts", thread));
                "conversations.replies"
            }
            None => "conversations.history",
        };
        let mut found: Value = self.form(method, &form).await?;
        Ok(match found["messages"].take() {
            Value::Array(messages) => messages,
            _ => vec![],
        })
    }

    /// Tells one person something in a channel, if they are there to see it; without blocks if
    /// Slack does not take them.
    pub async fn tell(
        &self,
        channel: &str,
        person: &str,
        thread: Option<&str>,
        words: &Words,
    ) -> Result<(), Failure> {
        match self.tell_as_it_is(channel, person, thread, words).await {
            Err(Failure::Never(code)) if is_about_content(&code) => {
                let plainer = words.plainer();
                self.tell_as_it_is(channel, person, thread, &plainer).await
            }
            told => told,
        }
    }

    async fn tell_as_it_is(
        &self,
        channel: &str,
        person: &str,
        thread: Option<&str>,
        words: &Words,
    ) -> Result<(), Failure> {
        let mut body = json!({ "channel": channel, "user": person, "text": words.text });
        if !words.blocks.is_empty() {
            body["blocks"] = json!(words.blocks);
        }
        if let Some(thread) = thread {
            body["thread_ts"] = json!(thread);
        }
        self.call::<Value>("chat.postEphemeral", &body)
            .await
            .map(drop)
    }

    /// Answers through the address that came with a command or click (30 minutes, five times);
    /// without blocks if Slack does not take them.
    ///
    /// Only Slack's own hosts and the configured one are written to: the address came from outside.
    pub async fn reply(&self, response_url: &str, words: &Words) -> Result<(), Failure> {
        match self.reply_as_it_is(response_url, words).await {
            Err(Failure::Never(code)) if is_about_content(&code) => {
                self.reply_as_it_is(response_url, &words.plainer()).await
            }
            replied => replied,
        }
    }

    async fn reply_as_it_is(&self, response_url: &str, words: &Words) -> Result<(), Failure> {
        if !self.may_reply_to(response_url) {
            return Err(Failure::Never("response_url_not_slack".into()));
        }
        let mut body =
            json!({ "response_type": "ephemeral", "replace_original": false, "text": words.text });
        if !words.blocks.is_empty() {
            body["blocks"] = json!(words.blocks);
        }
        self.count("response_url", async {
            let request = self.http.post(response_url).json(&body);
            let answer = rollback_http::send(request, TIMEOUT).await;
            let answer = answer.map_err(|lost| unanswered("response_url", &lost))?;
            match answer.status() {
                status if status.is_success() => Ok(()),
                StatusCode::TOO_MANY_REQUESTS => Err(Failure::Later {
                    why: "Slack asked to slow down (response_url)".into(),
                    after: None,
                }),
                status if status.is_server_error() => Err(Failure::Later {
                    why: format!("Slack answered {} to response_url", status.as_u16()),
                    after: None,
                }),
                status => Err(Failure::Never(format!("response_url_{}", status.as_u16()))),
            }
        })
        .await
    }

    fn may_reply_to(&self, address: &str) -> bool {
        let Ok(address) = Url::parse(address) else {
            return false;
        };
        let slack = address.scheme() == "https"
            && matches!(
                address.host_str(),
                Some("hooks.slack.com" | "hooks.slack-gov.com")
            );
        let configured =
            Url::parse(&self.api_url).is_ok_and(|api| api.origin() == address.origin());
        slack || configured
    }

    /// What Slack says a person is, as far as acting here goes, and what they are called.
    pub async fn membership(&self, person: &str, team: Option<&str>) -> Result<SlackUser, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            user: Known,
        }
        #[derive(Deserialize)]
        #[serde(default)]
        #[derive(Default)]
        struct Known {
            name: Option<String>,
            tz: Option<String>,
            tz_offset: Option<i32>,
            team_id: Option<String>,
            enterprise_user: Option<EnterpriseUser>,
            deleted: bool,
            is_bot: bool,
            is_restricted: bool,
            is_ultra_restricted: bool,
            is_stranger: bool,
            profile: Profile,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Profile {
            email: Option<String>,
        }
        #[derive(Deserialize)]
        struct EnterpriseUser {
            #[serde(default)]
            teams: Vec<String>,
        }
        let answer: Answer = match self.form("users.info", &[("user", person)]).await {
            Ok(answer) => answer,
            Err(Failure::Never(code)) if code == "user_not_found" || code == "user_not_visible" => {
                return Ok(SlackUser {
                    membership: Membership::Outsider("not known in this workspace"),
                    name: None,
                    zone: None,
                });
            }
            Err(failure) => return Err(failure),
        };
        let user = answer.user;
        let elsewhere = team.is_some_and(|team| {
            let own = user.team_id.as_deref() == Some(team);
            let shared = user
                .enterprise_user
                .is_some_and(|in_org| in_org.teams.iter().any(|id| id == team));
            !own && !shared
        });
        let membership = match () {
            () if user.deleted => Membership::Outsider("deactivated"),
            () if user.is_bot => Membership::Outsider("a bot"),
            () if user.is_stranger || elsewhere => Membership::Outsider("from another workspace"),
            () if user.is_restricted || user.is_ultra_restricted => Membership::Outsider("a guest"),
            () => Membership::Member,
        };
        if let (Membership::Member, Some(email)) = (&membership, &user.profile.email) {
            self.directory.remember(email, Some(person));
        }
        let zone = user.tz.zip(user.tz_offset);
        Ok(SlackUser {
            membership,
            name: user.name,
            zone: zone.map(|(name, utc_offset)| Zone { name, utc_offset }),
        })
    }

    /// Whether somebody is active in Slack right now (`users.getPresence`).
    pub async fn is_active(&self, person: &str) -> Result<bool, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            presence: String,
        }
        let answer: Answer = self.form("users.getPresence", &[("user", person)]).await?;
        Ok(answer.presence == "active")
    }

    /// Who is in a user group (`S…`), as Slack lists them (`usergroups.users.list`); being listed
    /// says nothing of whether they may act, [`Slack::membership`] does. Slack lists nobody of a
    /// group that is disabled or not known: that is [`Failure::Never`] with its code.
    pub async fn group_members(&self, group: &str) -> Result<Vec<String>, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            users: Vec<String>,
        }
        let answer: Answer = self
            .form("usergroups.users.list", &[("usergroup", group)])
            .await?;
        Ok(answer.users)
    }

    /// Whose these e-mail addresses are in the workspace, in their order: remembered, or looked up,
    /// all at once; `None` of an address that is nobody's. Says nothing of whether they may act,
    /// [`Slack::membership`] does.
    pub async fn by_emails(&self, emails: &[&str]) -> Vec<Result<Option<String>, Failure>> {
        let mut looking = JoinSet::new();
        let room = Arc::new(Semaphore::new(LOOKED_UP_AT_ONCE));
        let not_looked_up = || Err(Failure::Lost("an address could not be looked up".into()));
        let mut owners: Vec<_> = emails.iter().map(|_| not_looked_up()).collect();
        for (place, email) in emails.iter().enumerate() {
            if let Some(owner) = self.directory.owner(email) {
                owners[place] = Ok(owner);
                continue;
            }
            let (slack, room, email) = (self.clone(), room.clone(), (*email).to_owned());
            looking.spawn(async move {
                let _place = room.acquire_owned().await;
                (place, slack.by_email(&email).await)
            });
        }
        while let Some(looked_up) = looking.join_next().await {
            if let Ok((place, owner)) = looked_up {
                owners[place] = owner;
            }
        }
        owners
    }

    /// Whose these e-mail addresses are, as far as that is remembered.
    pub fn remembered_owners(&self, emails: &[String]) -> Vec<String> {
        let owners = emails
            .iter()
            .filter_map(|email| self.directory.owner(email));
        owners.flatten().collect()
    }

    /// The id of the person who has this e-mail address in the workspace (`users.lookupByEmail`),
    /// remembered from now on; `None` if nobody has.
    async fn by_email(&self, email: &str) -> Result<Option<String>, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            user: SlackUser,
        }
        #[derive(Deserialize)]
        struct SlackUser {
            id: String,
        }
        match self
            .form::<Answer>("users.lookupByEmail", &[("email", email)])
            .await
        {
            Ok(Answer {
                user: SlackUser { id },
            }) => {
                self.directory.remember(email, Some(&id));
                Ok(Some(id))
            }
            Err(Failure::Never(code)) if code == "users_not_found" => {
                self.directory.remember(email, None);
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Who is in a channel (`conversations.members`), page after page.
    pub async fn channel_members(&self, channel: &str) -> Result<Vec<String>, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            members: Vec<String>,
            #[serde(default)]
            response_metadata: Metadata,
        }
        #[derive(Default, Deserialize)]
        struct Metadata {
            #[serde(default)]
            next_cursor: String,
        }
        let mut members = vec![];
        let mut cursor = String::new();
        for _ in 0..MEMBER_PAGES_AT_MOST {
            let mut form = vec![("channel", channel), ("limit", "1000")];
            if !cursor.is_empty() {
                form.push(("cursor", &cursor));
            }
            let answer: Answer = self.form("conversations.members", &form).await?;
            members.extend(answer.members);
            cursor = answer.response_metadata.next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        Ok(members)
    }

    /// Whether every member of the workspace can read a channel (`conversations.info`). What Slack does
    /// not call public is not.
    pub async fn is_public(&self, channel: &str) -> Result<bool, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            channel: Known,
        }
        #[derive(Deserialize)]
        struct Known {
            #[serde(default)]
            is_channel: bool,
            #[serde(default)]
            is_private: Option<bool>,
        }
        let answer: Answer = self
            .form("conversations.info", &[("channel", channel)])
            .await?;
        Ok(answer.channel.is_channel && answer.channel.is_private == Some(false))
    }

    /// Opens a modal and gives nothing: it is found again by its `external_id`.
    pub async fn open_view(&self, trigger: &str, view: &SlackView) -> Result<(), Failure> {
        self.call::<Value>(
            "views.open",
            &json!({ "trigger_id": trigger, "view": view }),
        )
        .await
        .map(drop)
    }

    /// Fills a modal that is open.
    pub async fn update_view(&self, external_id: &str, view: &SlackView) -> Result<(), Failure> {
        self.call::<Value>(
            "views.update",
            &json!({ "external_id": external_id, "view": view }),
        )
        .await
        .map(drop)
    }

    /// Uploads a file of this length, in bytes, into a channel or thread, with a line that comes
    /// with it. It is read as it is sent, and never in memory as a whole.
    pub async fn upload(
        &self,
        channel: &str,
        thread: Option<&str>,
        name: &str,
        file: File,
        length: u64,
        comment: &str,
    ) -> Result<(), Failure> {
        #[derive(Deserialize)]
        struct Ticket {
            upload_url: String,
            file_id: String,
        }
        // A mebibyte a second at least, besides the time that every upload has.
        let within = TIMEOUT * 3 + Duration::from_secs(length >> 20);
        let length = length.to_string();
        let ticket: Ticket = self
            .form(
                "files.getUploadURLExternal",
                &[("filename", name), ("length", &length)],
            )
            .await?;
        crash::point(Point::UploadTicket);
        // The address carries its own permission: our token is not sent there.
        let request = self
            .http
            .post(&ticket.upload_url)
            .header(CONTENT_LENGTH, &length)
            .body(tokio::fs::File::from_std(file));
        self.count("upload_url", async {
            let stored = rollback_http::send(request, within).await;
            let stored = stored.map_err(|lost| Failure::Later {
                why: format!("the upload of {name} failed: {lost}"),
                after: None,
            })?;
            match stored.status() {
                status if status.is_success() => Ok(()),
                status => Err(Failure::Later {
                    why: format!("Slack answered {} to the upload of {name}", status.as_u16()),
                    after: None,
                }),
            }
        })
        .await?;
        crash::point(Point::UploadBytes);
        let mut body = json!({
            "files": [{ "id": ticket.file_id, "title": name }],
            "channel_id": channel,
            "initial_comment": comment,
        });
        if let Some(thread) = thread {
            body["thread_ts"] = json!(thread);
        }
        self.call::<Value>("files.completeUploadExternal", &body)
            .await?;
        crash::point(Point::UploadCompleted);
        Ok(())
    }
}

/// A failure to get an answer: certainly not sent, or nobody knows.
fn unanswered(method: &str, lost: &Lost) -> Failure {
    let why = format!("Slack did not answer {method}: {lost}");
    match lost {
        Lost::Unsent | Lost::Unreachable { .. } => Failure::Later { why, after: None },
        Lost::Silent(_) => Failure::Lost(why),
    }
}

/// Somebody, as Slack knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlackUser {
    /// What they are in the workspace.
    pub membership: Membership,
    /// What they are called; `None`: Slack does not say.
    pub name: Option<String>,
    /// Their time zone; `None`: Slack does not say.
    pub zone: Option<Zone>,
}

/// The message with this id among those that were found.
fn message_at(found: &Value, ts: &str) -> Option<Value> {
    let messages = found["messages"].as_array()?;
    messages.iter().find(|message| message["ts"] == ts).cloned()
}

#[cfg(test)]
mod tests;
