//! What people type: `/rollback …`, and the same words in a mention.

use super::{answer::Answer, says, signed::Signed};
use crate::{
    App,
    config::Service,
    engine::{Ask, Error, Taken},
    slack::blocks::{self, Mrkdwn, inline},
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::{self, About, ExportFormat, Moment, Request, ServiceRef, Target, Wish, nearest},
    people::Person,
    plan::Aim,
    refusal::{Refusal, Source},
    rollback::{Act, Proposal, Spoken},
    step::{Format, Show, Step},
};
use sha2::{Digest, Sha256};
use std::time::Instant;

/// `POST /slack/commands`.
pub async fn slash(State(app): State<App>, Signed(body): Signed) -> Response {
    let began = Instant::now();
    let mut heard = Heard {
        source: Source::Command,
        ..Heard::default()
    };
    let mut text = String::new();
    let mut trigger = String::new();
    for (key, value) in form_urlencoded::parse(&body) {
        match key.as_ref() {
            "ssl_check" if value == "1" => return Answer::Received.into_response(),
            "user_id" => heard.person.id = value.into_owned(),
            "user_name" => heard.person.name = value.into_owned(),
            "channel_id" => heard.channel = value.into_owned(),
            "response_url" => heard.reply_to = Some(value.into_owned()),
            "trigger_id" => trigger = value.into_owned(),
            "text" => text = value.into_owned(),
            _ => {}
        }
    }
    if heard.person.id.is_empty() || heard.channel.is_empty() {
        return Answer::whisper("Slack did not say who you are or where. Nothing was run.")
            .into_response();
    }
    if heard.person.name.is_empty() {
        heard.person.name.clone_from(&heard.person.id);
    }
    // Slack gives every typed command its own trigger; without one the bytes are the identity.
    heard.key = match trigger.is_empty() {
        false => format!("command:{trigger}"),
        true => format!("command:{}", hex::encode(Sha256::digest(&body))),
    };
    let (verb, answer) = respond(&app, heard, &text).await;
    app.metrics.answered(verb, began.elapsed());
    answer.into_response()
}

/// Something a person said, and where.
#[derive(Clone, Debug)]
pub struct Heard {
    /// What makes it the same when it comes again.
    pub key: String,
    /// Who said it.
    pub person: Person,
    /// Where.
    pub channel: String,
    /// In which thread.
    pub thread: Option<String>,
    /// How.
    pub source: Source,
    /// An address by which to answer them alone.
    pub reply_to: Option<String>,
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            key: String::new(),
            person: Person::new("", ""),
            channel: String::new(),
            thread: None,
            source: Source::Command,
            reply_to: None,
        }
    }
}

/// Understands what was said and answers it; also gives the verb, for counting.
pub async fn respond(app: &App, heard: Heard, text: &str) -> (&'static str, Answer) {
    let request = match grammar::parse(text) {
        Ok(request) => request,
        Err(misread) => {
            return (
                "misread",
                Answer::whisper(blocks::escape(&misread.to_string())),
            );
        }
    };
    let verb = name(&request);
    let answer = match request {
        Request::Help(about) => Ok(Answer::whisper(grammar::help(about))),
        Request::Board => says::board(app).await,
        Request::Status(None) => says::open_rollbacks(app).await,
        Request::Status(Some(About::Rollback(id))) => says::status(app, &heard.channel, id).await,
        Request::Status(Some(About::Service(named))) => match find(app, &named) {
            Ok(service) => says::status_of(app, &heard.channel, service).await,
            Err(refusal) => Ok(refuse(&refusal)),
        },
        Request::Timeline => says::timeline(app, &heard.channel).await,
        Request::Propose(wish) => propose(app, heard, wish).await,
        Request::Plan(wish) => plan(app, heard, wish).await,
        Request::List(named) => match find(app, &named) {
            Ok(service) => leave_show(app, &heard, service, Show::List).await,
            Err(refusal) => Ok(refuse(&refusal)),
        },
        Request::Approve {
            rollback,
            because: _,
        } => act(app, heard, rollback, Act::Approve { hash: None }).await,
        Request::Deny { rollback, because } => {
            act(app, heard, rollback, Act::Deny { because }).await
        }
        Request::Stop { rollback, because } => {
            act(app, heard, rollback, Act::Stop { because }).await
        }
        Request::Note { at, text } => note(app, heard, at, text).await,
        Request::Export(format) => export(app, heard, format).await,
    };
    let answer = answer.unwrap_or_else(|error| {
        tracing::error!(verb, %error, "a command could not be taken");
        refuse(&Refusal::Busy {
            why: "the database does not answer".into(),
        })
    });
    (verb, answer)
}

fn name(request: &Request) -> &'static str {
    match request {
        Request::Board => "board",
        Request::Propose(_) => "propose",
        Request::Plan(_) => "plan",
        Request::List(_) => "list",
        Request::Status(_) => "status",
        Request::Approve { .. } => "approve",
        Request::Deny { .. } => "deny",
        Request::Stop { .. } => "stop",
        Request::Note { .. } => "note",
        Request::Timeline => "timeline",
        Request::Export(_) => "export",
        Request::Help(_) => "help",
    }
}

/// A refusal, for the person alone.
pub fn refuse(refusal: &Refusal) -> Answer {
    Answer::whisper(refusal.say(&Mrkdwn))
}

/// The service that is meant; never a guess.
fn find<'a>(app: &'a App, named: &ServiceRef) -> Result<&'a Service, Refusal> {
    let config = &app.config;
    let environments = config.environments(&named.service);
    if environments.is_empty() {
        let mut known: Vec<String> = config
            .services
            .iter()
            .map(|service| service.name.clone())
            .collect();
        known.dedup();
        let verbs = grammar::Verb::ALL.iter().map(|verb| verb.name());
        let nearest = nearest(
            &named.service,
            known.iter().map(String::as_str).chain(verbs),
        )
        .map(str::to_owned);
        return Err(Refusal::UnknownService {
            name: named.service.clone(),
            nearest,
            known,
        });
    }
    let known = || {
        environments
            .iter()
            .map(|service| service.environment.clone())
            .collect()
    };
    match (&named.environment, environments.as_slice()) {
        (Some(wanted), all) => all
            .iter()
            .find(|service| service.environment == *wanted)
            .copied()
            .ok_or_else(|| Refusal::UnknownEnvironment {
                service: named.service.clone(),
                name: wanted.clone(),
                known: known(),
            }),
        (None, [only]) => Ok(only),
        (None, _) => Err(Refusal::AmbiguousEnvironment {
            service: named.service.clone(),
            environments: known(),
        }),
    }
}

async fn propose(app: &App, heard: Heard, wish: Wish) -> Result<Answer, Error> {
    let service = match find(app, &wish.service) {
        Ok(service) => service,
        Err(refusal @ Refusal::AmbiguousEnvironment { .. }) => {
            return Ok(says::pick_environment(app, &refusal, &wish));
        }
        Err(refusal) => return Ok(refuse(&refusal)),
    };
    let now = app.engine.clock.now();
    let proposal = Proposal {
        channel: heard.channel,
        service: service.name.clone(),
        environment: service.environment.clone(),
        requester: heard.person,
        because: wish.because,
        aim: aim(wish.target),
        source: heard.source,
        commanded: now,
        target_time: service.target_time,
        reply_to: heard.reply_to,
        replaces: None,
    };
    Ok(
        match app.engine.take(&heard.key, Ask::Propose(proposal)).await? {
            Taken::Opened { id } => Answer::whisper(format!(
                "RB-{id}: reading what {} ({}) could go back to. Its card follows; nothing changes until it is approved.",
                inline(&service.name, 80),
                inline(&service.environment, 80)
            )),
            taken => taken_otherwise(&taken),
        },
    )
}

fn aim(target: Target) -> Aim {
    Aim {
        target,
        utc_offset: 0,
        undoes: None,
    }
}

async fn plan(app: &App, heard: Heard, wish: Wish) -> Result<Answer, Error> {
    match find(app, &wish.service) {
        Ok(service) => {
            leave_show(
                app,
                &heard,
                service,
                Show::Plan {
                    aim: aim(wish.target),
                },
            )
            .await
        }
        Err(refusal) => Ok(refuse(&refusal)),
    }
}

async fn leave_show(
    app: &App,
    heard: &Heard,
    service: &Service,
    show: Show,
) -> Result<Answer, Error> {
    let step = Step::Show {
        show,
        service: service.name.clone(),
        environment: service.environment.clone(),
        person: heard.person.clone(),
        channel: heard.channel.clone(),
        thread: heard.thread.clone(),
        reply_to: heard.reply_to.clone(),
        id: heard.key.clone(),
    };
    app.engine.take(&heard.key, Ask::Leave(step)).await?;
    Ok(Answer::whisper(format!(
        "Reading {} ({})…",
        inline(&service.name, 80),
        inline(&service.environment, 80)
    )))
}

async fn act(app: &App, heard: Heard, rollback: u64, act: Act) -> Result<Answer, Error> {
    if crate::store::rollbacks::get(&app.engine.db, rollback)
        .await?
        .is_none()
    {
        return Ok(refuse(&Refusal::UnknownRollback { id: rollback }));
    }
    let said = match &act {
        Act::Approve { .. } => format!(
            "Approving RB-{rollback}: checking who you are. Its card shows what comes of it."
        ),
        Act::Deny { .. } => {
            format!("Denying RB-{rollback}: checking who you are. Its card shows what comes of it.")
        }
        Act::Stop { .. } | Act::Retarget { .. } => format!(
            "Stopping RB-{rollback} if that is still possible. Its card shows what comes of it."
        ),
    };
    leave_act(app, heard, rollback, act).await?;
    Ok(Answer::whisper(said))
}

/// Leaves a person's act to a step that reads who they are first.
pub async fn leave_act(app: &App, heard: Heard, rollback: u64, act: Act) -> Result<Taken, Error> {
    let step = Step::Act {
        rollback,
        by: heard.person,
        source: heard.source,
        channel: heard.channel,
        reply_to: heard.reply_to,
        act,
        id: heard.key.clone(),
    };
    app.engine.take(&heard.key, Ask::Leave(step)).await
}

async fn note(app: &App, heard: Heard, at: Option<Moment>, text: String) -> Result<Answer, Error> {
    let now = app.engine.clock.now();
    let at = at.map_or(now, |at| at.resolve(now, 0));
    if at > now {
        return Ok(Answer::whisper(
            "A note is about something that happened; that time is still to come. Nothing was noted.",
        ));
    }
    let by = heard.person.name.clone();
    let aloud = heard.source == Source::Command;
    let ask = Ask::Note {
        channel: heard.channel,
        by: heard.person,
        source: heard.source,
        at,
        text: text.clone(),
        // A mention has no answer of its own: the echo is a step.
        echo: (!aloud).then_some(heard.thread),
    };
    Ok(match app.engine.take(&heard.key, ask).await? {
        Taken::Noted { at, recorded_at } if aloud => {
            let echo = crate::messages::noted(at, recorded_at, &by);
            Answer::Aloud(crate::slack::Words::plain(format!(
                "{} \"{}\"",
                blocks::escape(&echo),
                inline(&text, 500)
            )))
        }
        Taken::Noted { .. } => Answer::Received,
        taken => taken_otherwise(&taken),
    })
}

async fn export(app: &App, heard: Heard, format: ExportFormat) -> Result<Answer, Error> {
    let ask = Ask::Export {
        channel: heard.channel,
        format: match format {
            ExportFormat::Markdown => Format::Markdown,
            ExportFormat::Json => Format::Json,
        },
        thread: heard.thread,
        by: heard.person,
    };
    Ok(match app.engine.take(&heard.key, ask).await? {
        Taken::Left => Answer::whisper("Writing the timeline; the file follows in the thread."),
        taken => taken_otherwise(&taken),
    })
}

fn taken_otherwise(taken: &Taken) -> Answer {
    match taken {
        Taken::Refused { spoken } => Answer::whisper(blocks::spoken(spoken)),
        Taken::Opened { id } => Answer::whisper(format!("RB-{id} is open.")),
        Taken::Noted { .. } | Taken::Left => Answer::Received,
    }
}

/// An answer to somebody who has no other way to hear it: said by a step.
pub fn spoken_later(heard: &Heard, answer: Answer) -> Option<Step> {
    let text = match answer {
        Answer::Received => return None,
        Answer::Whisper(words) | Answer::Aloud(words) => words.text,
    };
    Some(Step::Tell {
        channel: heard.channel.clone(),
        person: heard.person.id.clone(),
        thread: heard.thread.clone(),
        reply_to: None,
        spoken: Spoken::Mrkdwn(text),
        id: format!("answer:{}", heard.key),
    })
}

/// When something that carries Slack's own timestamp happened.
pub fn slack_moment(ts: &str) -> Option<Timestamp> {
    let (seconds, micros) = ts.split_once('.').unwrap_or((ts, "0"));
    let micros: i64 = format!("{micros:0<6}").get(..6)?.parse().ok()?;
    Timestamp::from_microsecond(
        seconds
            .parse::<i64>()
            .ok()?
            .checked_mul(1_000_000)?
            .checked_add(micros)?,
    )
    .ok()
}
