//! Messages that people put into the timeline, by a reaction or a shortcut, and what becomes of them.
//!
//! In a channel without an incident a reaction is only a reaction, unless reactions open incidents.

use crate::{
    App,
    engine::{Error, RecordedCapture, Submission},
    permalinks,
    slack::action::moment_of,
    store::{captures, memberships, timelines},
};
use jiff::Timestamp;
use rollback_domain::{
    grammar,
    identity::IncidentId,
    incident::{
        Actor, AttachedFile, CaptureChange, CapturedBy, CapturedMessage, Incident, IncidentState,
        MessageAuthor, SHORTCUT,
    },
    job::{CaptureRequest, FormTrigger, Job},
    people::{Person, Zone},
};
use serde_json::Value;

use super::Context;

/// How many attached files of a message are named.
const FILES_AT_MOST: usize = 10;

/// A reaction to a message, added or taken back.
#[derive(Clone, Copy, Debug)]
pub struct Reaction<'a> {
    /// The channel of the message.
    pub channel: &'a str,
    /// The message's id within the channel.
    pub ts: &'a str,
    /// The Slack id of the person.
    pub person: &'a str,
    /// Its name, perhaps with a tone of skin.
    pub name: &'a str,
    /// Slack's id of what happened.
    pub event_ts: &'a str,
}

impl Reaction<'_> {
    /// Its name without a tone of skin.
    fn plain_name(&self) -> &str {
        self.name.split("::").next().unwrap_or_default()
    }

    fn is_configured(&self, app: &App) -> bool {
        let configured = &app.config.incidents.reactions;
        configured.iter().any(|name| name == self.plain_name())
    }

    fn key(&self, what: &str) -> String {
        let Reaction {
            channel,
            ts,
            person,
            event_ts,
            ..
        } = self;
        format!(
            "reaction:{channel}:{ts}:{person}:{}:{what}:{event_ts}",
            self.plain_name()
        )
    }
}

/// Has a message captured to which a reaction was added, if it is one that captures and an incident
/// or a drill goes on in the channel, or it opens one. Gives whether it is.
pub async fn by_reaction(app: &App, reaction: Reaction<'_>) -> Result<bool, Error> {
    let opens = app.config.incidents.reactions_open_incidents;
    if !reaction.is_configured(app) || !(opens || record_of(app, reaction.channel).await?.is_some())
    {
        return Ok(false);
    }
    let key = reaction.key("added");
    let name = app.names.of(reaction.person);
    let name = name.unwrap_or_else(|| reaction.person.to_owned());
    let job = Job::Capture(CaptureRequest {
        channel: reaction.channel.to_owned(),
        ts: reaction.ts.to_owned(),
        person: Person::new(reaction.person, name),
        by: reaction.plain_name().to_owned(),
        message: None,
        at: None,
        comment: None,
        form: None,
        reply_to: None,
        id: key.clone(),
    });
    app.engine.take(&key, Submission::Enqueue(job)).await?;
    Ok(true)
}

/// Withdraws a captured message when the last reaction that holds it is taken back. Gives whether
/// it was captured.
pub async fn without_reaction(app: &App, reaction: Reaction<'_>) -> Result<bool, Error> {
    let known = captures::is_known(&app.engine.db, reaction.channel, reaction.ts).await?;
    if !reaction.is_configured(app) || !known {
        return Ok(false);
    }
    let pin = CapturedBy {
        person: reaction.person.to_owned(),
        by: reaction.plain_name().to_owned(),
    };
    let name = app.names.of(reaction.person);
    let name = name.unwrap_or_else(|| reaction.person.to_owned());
    let capture = RecordedCapture {
        channel: reaction.channel.to_owned(),
        ts: reaction.ts.to_owned(),
        at: moment_of(reaction.event_ts).unwrap_or_else(|| app.engine.clock.now()),
        who: Actor::Person(Person::new(reaction.person, name)),
        change: CaptureChange::Unpinned { pin },
        opens: false,
    };
    let key = reaction.key("removed");
    app.engine.take(&key, Submission::Capture(capture)).await?;
    Ok(true)
}

/// Has the message captured on which a shortcut was used; *Add to timeline* asks first when it
/// happened, and what there is to say of it.
pub async fn by_shortcut(
    app: &App,
    context: &Context,
    shortcut: &str,
    ts: &str,
    message: &Value,
) -> Result<(), Error> {
    let job = Job::Capture(CaptureRequest {
        channel: context.channel.clone(),
        ts: ts.to_owned(),
        person: context.person.clone(),
        by: shortcut.to_owned(),
        message: Some(read(app, &context.channel, ts, message)),
        at: None,
        comment: None,
        form: context
            .trigger
            .clone()
            .filter(|_| shortcut == SHORTCUT)
            .map(|trigger| FormTrigger {
                trigger,
                asked_at: app.engine.clock.now(),
            }),
        reply_to: context.reply_to.clone(),
        id: context.key.clone(),
    });
    let key = &context.key;
    app.engine.take(key, Submission::Enqueue(job)).await?;
    Ok(())
}

/// By which clock somebody means a time of day; `None`: it was never read, so by UTC.
pub async fn zone(app: &App, person: &Person) -> Result<Option<Zone>, Error> {
    Ok(memberships::zone(&app.engine.db, &person.id).await?)
}

/// Has the message captured whose form was saved.
pub async fn by_form(
    app: &App,
    context: &Context,
    ts: &str,
    at: Option<Timestamp>,
    comment: Option<String>,
) -> Result<(), Error> {
    let job = Job::Capture(CaptureRequest {
        channel: context.channel.clone(),
        ts: ts.to_owned(),
        person: context.person.clone(),
        by: SHORTCUT.to_owned(),
        message: None,
        at,
        comment,
        form: None,
        reply_to: context.reply_to.clone(),
        id: context.key.clone(),
    });
    let key = &context.key;
    app.engine.take(key, Submission::Enqueue(job)).await?;
    Ok(())
}

/// Records that a captured message was edited or, without `message`, deleted. Gives whether it was
/// captured.
pub async fn revised(
    app: &App,
    channel: &str,
    ts: &str,
    event_ts: &str,
    message: Option<&Value>,
) -> Result<bool, Error> {
    if !captures::is_known(&app.engine.db, channel, ts).await? {
        return Ok(false);
    }
    let editor = message.and_then(|message| message["edited"]["user"].as_str());
    let who = match editor {
        Some(id) => {
            let name = app.names.of(id).unwrap_or_else(|| id.to_owned());
            Actor::Person(Person::new(id, name))
        }
        // Slack does not say who deletes a message, nor who edits one of an app.
        None => Actor::Platform("Slack".to_owned()),
    };
    let (what, change) = match message {
        Some(message) => {
            let CapturedMessage { text, files, .. } = read(app, channel, ts, message);
            ("edited", CaptureChange::Edited { text, files })
        }
        None => ("deleted", CaptureChange::Deleted),
    };
    let capture = RecordedCapture {
        channel: channel.to_owned(),
        ts: ts.to_owned(),
        at: moment_of(event_ts).unwrap_or_else(|| app.engine.clock.now()),
        who,
        change,
        opens: false,
    };
    let key = format!("{what}:captured:{channel}:{ts}:{event_ts}");
    app.engine.take(&key, Submission::Capture(capture)).await?;
    Ok(true)
}

/// The record to which something belongs that is said in a channel: the incident that goes on
/// there, else the drill; `None`: neither does.
pub async fn record_of(app: &App, channel: &str) -> Result<Option<IncidentId>, Error> {
    let db = &app.engine.db;
    let now = app.engine.clock.now();
    let goes_on = |incident: &Incident| incident.state(now) != IncidentState::Silent;
    let incident = timelines::latest(db, channel).await?.filter(goes_on);
    let record = match incident {
        Some(incident) => Some(incident),
        None => timelines::latest_drill(db, channel).await?.filter(goes_on),
    };
    Ok(record.map(|record| record.id))
}

/// A message as Slack sends it, as it is captured.
pub fn read(app: &App, channel: &str, ts: &str, message: &Value) -> CapturedMessage {
    let text = |value: &Value, keys: &[&str]| {
        let mut texts = keys.iter().filter_map(|key| value.pointer(key)?.as_str());
        texts.find(|text| !text.is_empty()).map(str::to_owned)
    };
    let author = match text(message, &["/user"]) {
        Some(id) if message["bot_id"].is_null() => MessageAuthor::Person(id),
        _ => {
            let name = text(message, &["/bot_profile/name", "/username"]);
            MessageAuthor::App(name.unwrap_or_else(|| "an app".to_owned()))
        }
    };
    // What an app posts is often all in its attachments.
    let said = ["/text", "/attachments/0/fallback", "/attachments/0/text"];
    let said = text(message, &said).unwrap_or_default();
    let files = message["files"].as_array().into_iter().flatten();
    let files = files.take(FILES_AT_MOST).map(|file| AttachedFile {
        name: text(file, &["/name", "/title", "/id"]).unwrap_or_else(|| "a file".to_owned()),
        link: text(file, &["/permalink", "/url_private"]),
    });
    let thread = message["thread_ts"].as_str();
    CapturedMessage {
        channel: channel.to_owned(),
        ts: ts.to_owned(),
        author,
        text: grammar::message_text(&said, |id| app.names.of(id)),
        files: files.collect(),
        link: permalinks::of_message(app, channel, ts, thread),
        comment: None,
    }
}
