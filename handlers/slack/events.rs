//! What Slack reports: mentions, which are commands that also work in threads, changes of user
//! groups, reactions to messages, by which these get into a timeline, and who opens their Home.

use super::{answer::Reply, run_text, signed::Signed};
use crate::{
    App,
    commands::{
        Context,
        captures::{self, Reaction},
        gate::Origin,
        queue,
    },
    crash::{self, Point},
    engine::Error,
    telemetry,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use rollback_domain::{grammar, people::Person, refusal::Source, rollback::Message};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;
use tracing::Instrument;

/// Everything in it is optional: unknown events and shapes are received, not refused.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct EventCallback {
    r#type: Option<String>,
    challenge: Option<String>,
    event_id: Option<String>,
    team_id: Option<String>,
    enterprise_id: Option<String>,
    /// The workspace through which it came, where the channel is shared with others.
    context_team_id: Option<String>,
    context_enterprise_id: Option<String>,
    /// For whom the app is installed: the bot's own user is in it.
    authorizations: Value,
    event: Value,
}

/// A message that mentions the bot.
struct Mention<'a> {
    context: Context,
    text: &'a str,
    /// Whether somebody has changed a message that they had sent before.
    is_edit: bool,
}

/// `POST /slack/events`.
pub async fn event(State(app): State<App>, Signed(body): Signed) -> Response {
    let Ok(callback) = serde_json::from_slice::<EventCallback>(&body) else {
        // Slack would send the same again, three times.
        tracing::warn!("an event is not JSON of the known shape");
        return Reply::Received.into_response();
    };
    if callback.r#type.as_deref() == Some("url_verification") {
        let challenge = callback.challenge.unwrap_or_default();
        return Json(json!({ "challenge": challenge })).into_response();
    }
    receive(&app, &callback).await.into_response()
}

/// Does what an event asks for, however it came.
pub(super) async fn receive(app: &App, callback: &EventCallback) -> Reply {
    if callback.r#type.as_deref() != Some("event_callback") {
        return Reply::Received;
    }
    match callback.event["type"].as_str() {
        Some("app_mention") => mention(app, callback).await,
        // The cards name the members of a group as they are now.
        Some("subteam_members_changed" | "subteam_updated") => group(app, callback).await,
        Some(kind @ ("reaction_added" | "reaction_removed")) => {
            reaction(app, callback, kind == "reaction_added").await
        }
        Some("message") => revision(app, callback).await,
        Some("app_home_opened") => home(app, callback).await,
        Some(_) | None => Reply::Received,
    }
}

/// Runs what somebody typed after a mention. The answer is a message in its thread.
async fn mention(app: &App, callback: &EventCallback) -> Reply {
    let began = Instant::now();
    let own: Vec<&str> = callback.own_users(app);
    let Some(mention) = callback.mention(&own) else {
        return Reply::Received;
    };
    let Mention {
        context,
        text,
        is_edit,
    } = mention;
    let now = app.engine.clock.now();
    let (person, channel) = (&context.person.id, &context.channel);
    if let Err(over) = app.limits.admit_message(person, channel, now) {
        // Not 503: Slack would deliver it again, three times.
        app.metrics.too_much(over.whose());
        return Reply::Received;
    }
    let span = telemetry::request("mention", person, channel);
    let run = async {
        if is_edit {
            let reply = queue::reply(app, &context, Message::Text(EDITED.into())).await;
            return ("edited", "refused", reply);
        }
        let is_own = |id: &str| is_own(id, &own, text);
        let labelled = grammar::with_names(text, |id| app.names.of(id));
        let read = grammar::parse_mention(&labelled, is_own);
        let (verb, status, answer) = run_text(app, &context, read).await;
        crash::point(Point::EventStored);
        let reply = match answer.words() {
            Some(words) => queue::reply(app, &context, Message::Mrkdwn(words.text)).await,
            None => Ok(()),
        };
        (verb, status, reply)
    };
    let (verb, mut status, reply) = run.instrument(span).await;
    let mut received = Reply::Received;
    if let Err(error) = reply {
        app.metrics.failed(&error);
        status = "busy";
        // Not 200: Slack delivers it again, and the same input is accepted once.
        received = Reply::NotStored;
    }
    let took = began.elapsed();
    app.metrics.answered("mention", verb, status, took);
    received
}

/// What somebody is told whose edited message mentions the bot.
const EDITED: &str = "An edited message is never a command, so nothing was run because of it. To run it, send it as a new message.";

impl EventCallback {
    fn mention(&self, own: &[&str]) -> Option<Mention<'_>> {
        let event = &self.event;
        let text = |key: &str| event[key].as_str();
        let is_of_a_bot = ["bot_id", "bot_profile", "subtype"]
            .iter()
            .any(|key| !event[key].is_null());
        let (user, channel, typed) = (text("user")?, text("channel")?, text("text")?);
        if is_of_a_bot || own.contains(&user) {
            return None;
        }
        let ts = text("ts").unwrap_or_default();
        let is_edit = !event["edited"].is_null();
        // A message is one input, whatever ids the events have that report it.
        let key = match (ts, &self.event_id) {
            ("", Some(id)) => format!("event:{id}"),
            (ts, _) if is_edit => format!("edited:{channel}:{ts}"),
            (ts, _) => format!("message:{channel}:{ts}"),
        };
        let person = Person::new(user, text("username").unwrap_or(user));
        let context = Context {
            thread: Some(text("thread_ts").unwrap_or(ts).to_owned()),
            origin: self.origin(),
            ..Context::new(key, person, channel.to_owned(), Source::Mention)
        };
        Some(Mention {
            context,
            text: typed,
            is_edit,
        })
    }

    /// Where it comes from. In a channel that is shared with others the author may be theirs.
    fn origin(&self) -> Origin {
        let author = ["user_team", "source_team", "team"]
            .iter()
            .find_map(|key| self.event[key].as_str());
        Origin {
            team: self.context_team_id.clone().or(self.team_id.clone()),
            enterprise: self
                .context_enterprise_id
                .clone()
                .or(self.enterprise_id.clone()),
            author_team: author
                .filter(|team| team.starts_with('T'))
                .map(str::to_owned),
        }
    }

    /// The bot's own user ids, as far as they are known.
    fn own_users<'a>(&'a self, app: &'a App) -> Vec<&'a str> {
        self.authorizations
            .as_array()
            .into_iter()
            .flatten()
            .filter(|authorization| authorization["is_bot"] == true)
            .filter_map(|authorization| authorization["user_id"].as_str())
            .chain(app.known_user())
            .collect()
    }
}

/// Whether a mention in this text is of the bot. Slack reports only messages that mention it, so
/// where its id is not known, the only one that is mentioned is the bot.
fn is_own(id: &str, own: &[&str], text: &str) -> bool {
    if !own.is_empty() {
        return own.contains(&id);
    }
    let mentioned = text.split("<@").skip(1);
    mentioned
        .filter_map(|rest| rest.split(['>', '|']).next())
        .all(|mentioned| mentioned == id)
}

/// Has the message captured, or withdrawn, to which a reaction was added or taken back.
async fn reaction(app: &App, callback: &EventCallback, is_added: bool) -> Reply {
    let event = &callback.event;
    let item = &event["item"];
    let parts = (
        item["channel"].as_str(),
        item["ts"].as_str(),
        event["user"].as_str(),
        event["reaction"].as_str(),
    );
    let (Some(channel), Some(ts), Some(person), Some(name)) = parts else {
        return Reply::Received;
    };
    let is_own = callback.own_users(app).contains(&person);
    if is_own || callback.origin().why_elsewhere(app).is_some() {
        return Reply::Received;
    }
    let reaction = Reaction {
        channel,
        ts,
        person,
        name,
        event_ts: event["event_ts"].as_str().unwrap_or_default(),
    };
    let captured = async {
        match is_added {
            true => captures::by_reaction(app, reaction).await,
            false => captures::without_reaction(app, reaction).await,
        }
    };
    received(app, person, channel, captured).await
}

/// Records that a captured message was edited or deleted. Any other message is nobody's business.
async fn revision(app: &App, callback: &EventCallback) -> Reply {
    let event = &callback.event;
    let (message, before) = (&event["message"], &event["previous_message"]);
    let (edited, ts) = match event["subtype"].as_str() {
        Some("message_changed") => (
            Some(message),
            message["ts"].as_str().or(before["ts"].as_str()),
        ),
        Some("message_deleted") => (None, event["deleted_ts"].as_str().or(before["ts"].as_str())),
        Some(_) | None => return Reply::Received,
    };
    let (Some(channel), Some(ts)) = (event["channel"].as_str(), ts) else {
        return Reply::Received;
    };
    let author = message["user"].as_str().or(before["user"].as_str());
    // What our own messages show is recorded where it happens.
    if author.is_some_and(|author| callback.own_users(app).contains(&author)) {
        return Reply::Received;
    }
    let event_ts = event["event_ts"].as_str().unwrap_or_default();
    let revised = captures::revised(app, channel, ts, event_ts, edited);
    received(app, "", channel, revised).await
}

/// The answer to an event that was stored, if it was about a captured message.
async fn received(
    app: &App,
    person: &str,
    channel: &str,
    stored: impl Future<Output = Result<bool, Error>>,
) -> Reply {
    let began = Instant::now();
    let span = telemetry::request("event", person, channel);
    let (status, received) = match stored.instrument(span).await {
        Ok(false) => return Reply::Received,
        Ok(true) => ("answered", Reply::Received),
        Err(error) => {
            app.metrics.failed(&error);
            ("busy", Reply::NotStored)
        }
    };
    app.metrics
        .answered("event", "capture", status, began.elapsed());
    received
}

/// Has the members of a user group read again, if a role comes from it.
async fn group(app: &App, callback: &EventCallback) -> Reply {
    let began = Instant::now();
    let event = &callback.event;
    let group = event["subteam_id"]
        .as_str()
        .or_else(|| event["subteam"]["id"].as_str());
    let Some(group) = group else {
        return Reply::Received;
    };
    let key = format!("event:{}", callback.event_id.as_deref().unwrap_or(group));
    let read = async {
        telemetry::record_key(&key);
        queue::changed_group(app, &key, group).await
    };
    let span = telemetry::request("event", "", "");
    let (status, received) = match read.instrument(span).await {
        Ok(false) => return Reply::Received,
        Ok(true) => ("answered", Reply::Received),
        Err(error) => {
            app.metrics.failed(&error);
            ("busy", Reply::NotStored)
        }
    };
    let took = began.elapsed();
    app.metrics.answered("event", "group", status, took);
    received
}

/// Has somebody's Home drawn, and kept up to date from now on.
async fn home(app: &App, callback: &EventCallback) -> Reply {
    let began = Instant::now();
    let event = &callback.event;
    let (Some(person), Some("home")) = (event["user"].as_str(), event["tab"].as_str()) else {
        return Reply::Received;
    };
    if callback.origin().why_elsewhere(app).is_some() {
        return Reply::Received;
    }
    let now = app.engine.clock.now();
    if let Err(over) = app.limits.admit_look(person, now) {
        // It shows what it showed, and is drawn again at the next change.
        app.metrics.too_much(over.whose());
        return Reply::Received;
    }
    let opened_at = event["event_ts"].as_str().unwrap_or_default();
    let key = match &callback.event_id {
        Some(id) => format!("event:{id}"),
        None => format!("home:{person}:{opened_at}"),
    };
    let open = async {
        telemetry::record_key(&key);
        queue::open_home(app, &key, person).await
    };
    let span = telemetry::request("event", person, "");
    let (status, received) = match open.instrument(span).await {
        Ok(()) => ("answered", Reply::Received),
        Err(error) => {
            app.metrics.failed(&error);
            ("busy", Reply::NotStored)
        }
    };
    let took = began.elapsed();
    app.metrics.answered("event", "home", status, took);
    received
}
