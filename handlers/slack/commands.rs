//! What people type: `/rollback …`, and the same words in a mention.

use super::{
    answer::Answer,
    says,
    shared::{self, Read},
    signed::Signed,
};
use crate::{
    App,
    config::Service,
    crash::{self, Point},
    engine::{Error, Outcome, Submission, refused},
    slack::blocks::{self, Mrkdwn, inline},
    store::rollbacks,
    telemetry,
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::{self, About, ExportFormat, Moment, Request, ServiceRef, Target, Wish, nearest},
    job::{Form, Format, Job, Query, ServiceAction},
    people::Person,
    plan::Aim,
    refusal::{Refusal, Source},
    rollback::{Act, Confirmed, Message, Proposal, Waiting},
};
use sha2::{Digest, Sha256};
use std::time::Instant;
use tracing::Instrument;

/// `POST /slack/commands`.
pub async fn slash(State(app): State<App>, Signed(body): Signed) -> Response {
    let began = Instant::now();
    let mut input = Input {
        source: Source::Command,
        ..Input::default()
    };
    let mut text = String::new();
    let mut trigger = String::new();
    for (key, value) in form_urlencoded::parse(&body) {
        match key.as_ref() {
            "ssl_check" if value == "1" => return Answer::Received.into_response(),
            "user_id" => input.person.id = value.into_owned(),
            "user_name" => input.person.name = value.into_owned(),
            "channel_id" => input.channel = value.into_owned(),
            "response_url" => input.reply_to = Some(value.into_owned()),
            "trigger_id" => trigger = value.into_owned(),
            "text" => text = value.into_owned(),
            _ => {}
        }
    }
    if input.person.id.is_empty() || input.channel.is_empty() {
        return Answer::whisper("Slack did not say who you are or where. Nothing was run.")
            .into_response();
    }
    if input.person.name.is_empty() {
        input.person.name.clone_from(&input.person.id);
    }
    // Slack gives every typed command its own trigger; without one the bytes are the identity.
    input.key = match trigger.is_empty() {
        false => format!("command:{trigger}"),
        true => format!("command:{}", hex::encode(Sha256::digest(&body))),
    };
    input.trigger = Some(trigger).filter(|trigger| !trigger.is_empty());
    crash::point(Point::CommandHeard);
    let now = app.engine.clock.now();
    if let Err(over) = app
        .limits
        .admit_message(&input.person.id, &input.channel, now)
    {
        app.metrics.too_much(over.whose());
        return refuse(&over.refusal()).into_response();
    }
    let span = telemetry::request("command", &input.person.id, &input.channel);
    let (verb, answer) = respond(&app, input, &text).instrument(span).await;
    crash::point(Point::CommandStored);
    let status = status(verb, &answer);
    app.metrics
        .answered("command", verb, status, began.elapsed());
    answer.into_response()
}

/// What became of something that was said, for counting.
pub fn status(verb: &str, answer: &Answer) -> &'static str {
    match verb {
        MISREAD => MISREAD,
        _ => answer.status(),
    }
}

/// What could not be understood.
const MISREAD: &str = "misread";

/// Something a person said, and where.
#[derive(Clone, Debug)]
pub struct Input {
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
    /// What lets a form be opened for them, for three seconds.
    pub trigger: Option<String>,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            key: String::new(),
            person: Person::new("", ""),
            channel: String::new(),
            thread: None,
            source: Source::Command,
            reply_to: None,
            trigger: None,
        }
    }
}

/// Understands what was said and answers it; also gives the verb, for counting.
pub async fn respond(app: &App, input: Input, text: &str) -> (&'static str, Answer) {
    telemetry::record_key(&input.key);
    let request = match grammar::parse(text) {
        Ok(request) => request,
        Err(misread) => {
            return (
                MISREAD,
                Answer::whisper(blocks::escape(&misread.to_string())),
            );
        }
    };
    let verb = name(&request);
    telemetry::record_verb(verb);
    let answer = match request {
        Request::Help(about) => Ok(Answer::whisper(grammar::help(about))),
        Request::Board => Ok(shared::answer(app, Read::Board).await),
        Request::Status(None) => Ok(shared::answer(app, Read::Open).await),
        Request::Status(Some(About::Rollback(id))) => {
            let channel = input.channel.clone();
            Ok(shared::answer(app, Read::Rollback { channel, id }).await)
        }
        Request::Status(Some(About::Service(named))) => match find(app, &named) {
            Ok(service) => {
                let read = Read::Service {
                    channel: input.channel.clone(),
                    service: service.name.clone(),
                    environment: service.environment.clone(),
                };
                Ok(shared::answer(app, read).await)
            }
            Err(refusal) => Ok(refuse(&refusal)),
        },
        Request::Timeline => {
            let channel = input.channel.clone();
            Ok(shared::answer(app, Read::Timeline { channel }).await)
        }
        Request::Pins => Ok(shared::answer(app, Read::Pins).await),
        Request::Contacts(None) => says::contacts(app, None).await,
        Request::Contacts(Some(named)) => match find(app, &named) {
            Ok(service) => says::contacts(app, Some(service)).await,
            Err(refusal) => Ok(refuse(&refusal)),
        },
        Request::Propose(wish) => propose(app, input.clone(), wish).await,
        Request::Undo { rollback, because } => undo(app, input.clone(), rollback, because).await,
        Request::Plan(wish) => plan(app, input.clone(), wish).await,
        Request::List(named) => match find(app, &named) {
            Ok(service) => leave_show(app, &input, service, Query::List).await,
            Err(refusal) => Ok(refuse(&refusal)),
        },
        Request::Approve { rollback, because } => {
            let act_ = Act::Approve {
                hash: None,
                confirmed: Confirmed {
                    because,
                    ..Confirmed::default()
                },
            };
            act(app, input.clone(), rollback, act_).await
        }
        Request::Deny { rollback, because } => {
            act(app, input.clone(), rollback, Act::Deny { because }).await
        }
        Request::Stop { rollback, because } => {
            act(app, input.clone(), rollback, Act::Stop { because }).await
        }
        Request::Object { rollback, because } => {
            act(app, input.clone(), rollback, Act::Object { because }).await
        }
        Request::Withdraw { rollback, because } => {
            act(app, input.clone(), rollback, Act::Withdraw { because }).await
        }
        Request::Review {
            rollback,
            answer,
            because,
        } => {
            act(
                app,
                input.clone(),
                rollback,
                Act::Review { answer, because },
            )
            .await
        }
        Request::Resolve {
            rollback,
            done,
            because,
        } => {
            let resolve = Act::Resolve { done, because };
            act(app, input.clone(), rollback, resolve).await
        }
        Request::BreakGlass { about, because } => {
            break_glass(app, input.clone(), about, because).await
        }
        Request::Who(about) => who(app, &input, about).await,
        Request::Why { rollback } => why(app, &input, rollback).await,
        Request::Unpin { service, because } => {
            service_action(app, &input, &service, ServiceAction::Unpin { because }).await
        }
        Request::Freeze { service, because } => {
            service_action(app, &input, &service, ServiceAction::Freeze { because }).await
        }
        Request::Unfreeze { service, because } => {
            service_action(app, &input, &service, ServiceAction::Unfreeze { because }).await
        }
        Request::Note { at, text } => note(app, input.clone(), at, text).await,
        Request::Export(format) => export(app, input.clone(), format).await,
    };
    let answer = answer.unwrap_or_else(|error| {
        app.engine.could_not(&error);
        app.metrics.failed(&error);
        refuse(&Refusal::Busy {
            why: "the database does not answer".into(),
        })
    });
    // What could not be taken cannot be recorded either, and there is no time to find that out.
    if let Answer::Refused(refusal) = &answer
        && !matches!(**refusal, Refusal::Busy { .. })
    {
        record(app, &input, verb, refusal).await;
    }
    tracing::debug!(status = answer.status(), "answered");
    (verb, answer)
}

/// Writes a refusal that needed no job into the timeline, if an incident is going on: a slip of
/// the finger opens none.
pub(super) async fn record(app: &App, input: &Input, verb: &str, refusal: &Refusal) {
    let now = app.engine.clock.now();
    let event = refused(&input.person, input.source, verb, refusal, None, now);
    let ask = Submission::Record {
        channel: input.channel.clone(),
        event,
    };
    let key = format!("refused:{}", input.key);
    // If it cannot be recorded, the log says why.
    app.engine.take(&key, ask).await.ok();
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
        Request::Object { .. } => "object",
        Request::Withdraw { .. } => "withdraw",
        Request::BreakGlass { .. } => "breakglass",
        Request::Review { .. } => "review",
        Request::Resolve { .. } => "resolve",
        Request::Undo { .. } => "undo",
        Request::Who(_) => "who",
        Request::Why { .. } => "why",
        Request::Contacts(_) => "contacts",
        Request::Pins => "pins",
        Request::Unpin { .. } => "unpin",
        Request::Freeze { .. } => "freeze",
        Request::Unfreeze { .. } => "unfreeze",
        Request::Timeline => "timeline",
        Request::Export(_) => "export",
        Request::Help(_) => "help",
    }
}

/// A refusal, for the person alone.
pub fn refuse(refusal: &Refusal) -> Answer {
    Answer::Refused(Box::new(refusal.clone()))
}

/// The service that is meant; never a guess.
pub(crate) fn find<'a>(app: &'a App, named: &ServiceRef) -> Result<&'a Service, Refusal> {
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
            .ok_or_else(|| Refusal::WhichEnvironment {
                service: named.service.clone(),
                named: Some(wanted.clone()),
                known: known(),
            }),
        (None, [only]) => Ok(only),
        (None, _) => Err(Refusal::WhichEnvironment {
            service: named.service.clone(),
            named: None,
            known: known(),
        }),
    }
}

async fn propose(app: &App, input: Input, wish: Wish) -> Result<Answer, Error> {
    let service = match find(app, &wish.service) {
        Ok(service) => service,
        Err(refusal @ Refusal::WhichEnvironment { named: None, .. }) => {
            return Ok(says::pick_environment(&refusal, &wish));
        }
        Err(refusal) => return Ok(refuse(&refusal)),
    };
    open(app, input, service, aim(wish.target), wish.because).await
}

/// Opens a rollback, or says what is in its way.
async fn open(
    app: &App,
    input: Input,
    service: &Service,
    aim: Aim,
    because: Option<String>,
) -> Result<Answer, Error> {
    let undoes = aim.undoes;
    let channel = input.channel.clone();
    Ok(
        match take_proposal(app, input, service, aim, because).await? {
            Outcome::Opened { id } => Answer::whisper(match undoes {
                None => format!(
                    "RB-{id}: reading what {} ({}) could go back to. Its card follows; nothing changes until it is approved.",
                    inline(&service.name, 80),
                    inline(&service.environment, 80)
                ),
                Some(undone) => format!(
                    "RB-{id}: reading whether {} ({}) can go forward again to what RB-{undone} left. Its card follows; nothing changes until it is approved.",
                    inline(&service.name, 80),
                    inline(&service.environment, 80)
                ),
            }),
            Outcome::Refused {
                message,
                see: Some(first),
                seen,
            } => {
                let first = match seen {
                    Some(seen) => Some(*seen),
                    None => rollbacks::get(&app.engine.db, first).await?,
                };
                says::first_one(app, &channel, &message, first).await?
            }
            outcome => taken_otherwise(&outcome),
        },
    )
}

/// Takes the wish for a rollback.
pub(crate) async fn take_proposal(
    app: &App,
    input: Input,
    service: &Service,
    aim: Aim,
    because: Option<String>,
) -> Result<Outcome, Error> {
    let proposal = Proposal {
        channel: input.channel.clone(),
        service: service.name.clone(),
        environment: service.environment.clone(),
        requester: input.person,
        because,
        aim,
        source: input.source,
        commanded: app.engine.clock.now(),
        target_time: service.target_time,
        reply_to: input.reply_to,
        replaces: None,
        waiting: Waiting::default(),
        turns: vec![],
    };
    app.engine
        .take(&input.key, Submission::Propose(proposal))
        .await
}

/// Proposes to go forward again to what a rollback left: a plan like any other.
async fn undo(
    app: &App,
    input: Input,
    rollback: u64,
    because: Option<String>,
) -> Result<Answer, Error> {
    let Some(found) = rollbacks::get(&app.engine.db, rollback).await? else {
        return Ok(refuse(&Refusal::UnknownRollback { id: rollback }));
    };
    let left = found
        .plan
        .as_ref()
        .and_then(|plan| plan.from.as_ref())
        .map(|from| from.id.clone());
    let why = found.why_not_undone();
    let service = app.config.service(&found.service, &found.environment);
    match (why, left, service) {
        (None, Some(left), Some(service)) => {
            let aim = Aim {
                undoes: Some(rollback),
                ..aim(Target::Named(left))
            };
            open(app, input, service, aim, because).await
        }
        (why, ..) => Ok(refuse(&Refusal::CannotUndo {
            id: rollback,
            why: why.unwrap_or_else(|| "its service is not in the configuration any more".into()),
        })),
    }
}

/// Opens the form in which somebody says why it cannot wait.
async fn break_glass(
    app: &App,
    input: Input,
    about: About,
    said: Option<String>,
) -> Result<Answer, Error> {
    let found = match &about {
        About::Rollback(id) => match rollbacks::get(&app.engine.db, *id).await? {
            None => return Ok(refuse(&Refusal::UnknownRollback { id: *id })),
            found => found,
        },
        About::Service(named) => {
            let service = match find(app, named) {
                Ok(service) => service,
                Err(refusal) => return Ok(refuse(&refusal)),
            };
            rollbacks::open_for(&app.engine.db, &service.name, &service.environment).await?
        }
    };
    let Some(found) = found else {
        return Ok(Answer::whisper(format!(
            "Nothing is proposed for it yet: `/rollback {} because …` first, then *Break glass…* in its card's menu. Nothing was run.",
            match about {
                About::Service(named) => blocks::escape(&named.to_string()),
                About::Rollback(id) => format!("RB-{id}"),
            }
        )));
    };
    let (Some(trigger), Some(hash)) = (input.trigger.clone(), found.hash.clone()) else {
        return Ok(Answer::whisper(format!(
            "I can only open the form from its card or from the command itself: *Break glass…* in the menu of RB-{}, or type `/rollback breakglass RB-{}` in the channel. Nothing was run.",
            found.id, found.id
        )));
    };
    let job = Job::Modal {
        form: Form::BreakGlass,
        reply_to: input.reply_to.clone(),
        rollback: found.id,
        hash,
        person: input.person.clone(),
        channel: found.channel.clone(),
        trigger,
        clicked_at: app.engine.clock.now(),
        said,
        id: input.key.clone(),
    };
    app.engine
        .take(&input.key, Submission::Enqueue(job))
        .await?;
    Ok(Answer::Received)
}

async fn who(app: &App, input: &Input, about: About) -> Result<Answer, Error> {
    let (service, environment) = match &about {
        About::Rollback(id) => match rollbacks::get(&app.engine.db, *id).await? {
            None => return Ok(refuse(&Refusal::UnknownRollback { id: *id })),
            Some(found) => (found.service, found.environment),
        },
        About::Service(named) => match find(app, named) {
            Ok(service) => (service.name.clone(), service.environment.clone()),
            Err(refusal) => return Ok(refuse(&refusal)),
        },
    };
    let query = Query::Who { about };
    leave_look(app, input, service, environment, query).await?;
    Ok(Answer::whisper("Reading who is in its roles…"))
}

async fn why(app: &App, input: &Input, rollback: u64) -> Result<Answer, Error> {
    let Some(found) = rollbacks::get(&app.engine.db, rollback).await? else {
        return Ok(refuse(&Refusal::UnknownRollback { id: rollback }));
    };
    let query = Query::Why { rollback };
    leave_look(app, input, found.service, found.environment, query).await?;
    Ok(Answer::whisper("Reading who you are…"))
}

async fn service_action(
    app: &App,
    input: &Input,
    named: &ServiceRef,
    service_action: ServiceAction,
) -> Result<Answer, Error> {
    let service = match find(app, named) {
        Ok(service) => service,
        Err(refusal) => return Ok(refuse(&refusal)),
    };
    let job = Job::ServiceAction {
        service: service.name.clone(),
        environment: service.environment.clone(),
        by: input.person.clone(),
        source: input.source,
        channel: input.channel.clone(),
        thread: input.thread.clone(),
        reply_to: input.reply_to.clone(),
        action: service_action,
        id: input.key.clone(),
    };
    app.engine
        .take(&input.key, Submission::Enqueue(job))
        .await?;
    Ok(Answer::whisper(
        "Checking who you are first. The channel hears of it when it is done.",
    ))
}

pub(crate) fn aim(target: Target) -> Aim {
    Aim {
        target,
        utc_offset: 0,
        undoes: None,
    }
}

async fn plan(app: &App, input: Input, wish: Wish) -> Result<Answer, Error> {
    match find(app, &wish.service) {
        Ok(service) => {
            leave_show(
                app,
                &input,
                service,
                Query::Plan {
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
    input: &Input,
    service: &Service,
    query: Query,
) -> Result<Answer, Error> {
    let (name, environment) = (service.name.clone(), service.environment.clone());
    leave_look(app, input, name, environment, query).await?;
    Ok(Answer::whisper(format!(
        "Reading {} ({})…",
        inline(&service.name, 80),
        inline(&service.environment, 80)
    )))
}

/// Leaves it to a job to read what somebody wants to see.
async fn leave_look(
    app: &App,
    input: &Input,
    service: String,
    environment: String,
    query: Query,
) -> Result<(), Error> {
    let job = Job::Query {
        query,
        service,
        environment,
        person: input.person.clone(),
        channel: input.channel.clone(),
        thread: input.thread.clone(),
        reply_to: input.reply_to.clone(),
        id: input.key.clone(),
    };
    app.engine
        .take(&input.key, Submission::Enqueue(job))
        .await?;
    Ok(())
}

async fn act(app: &App, input: Input, rollback: u64, act: Act) -> Result<Answer, Error> {
    if rollbacks::get(&app.engine.db, rollback).await?.is_none() {
        return Ok(refuse(&Refusal::UnknownRollback { id: rollback }));
    }
    let doing = match &act {
        Act::Approve { .. } => format!("Approving RB-{rollback}"),
        Act::Deny { .. } => format!("Denying RB-{rollback}"),
        Act::Withdraw { .. } => format!("Taking your approval of RB-{rollback} back"),
        Act::Object { .. } => format!("Writing your objection to RB-{rollback} down"),
        Act::Review { .. } => format!("Writing your review of RB-{rollback} down"),
        Act::Resolve { .. } => format!("Resolving RB-{rollback}"),
        Act::BreakGlass { .. } => format!("Breaking the glass for RB-{rollback}"),
        Act::Stop { .. } | Act::Retarget { .. } => {
            format!("Stopping RB-{rollback} if that is still possible")
        }
    };
    let said = format!("{doing}: checking who you are. Its card shows what comes of it.");
    leave_act(app, input, rollback, None, act).await?;
    Ok(Answer::whisper(said))
}

/// Leaves a person's act to a job that reads who they are first.
pub async fn leave_act(
    app: &App,
    input: Input,
    rollback: u64,
    clicked: Option<String>,
    act: Act,
) -> Result<Outcome, Error> {
    let job = Job::Act {
        rollback,
        by: input.person,
        source: input.source,
        channel: input.channel,
        reply_to: input.reply_to,
        act,
        clicked,
        id: input.key.clone(),
    };
    app.engine.take(&input.key, Submission::Enqueue(job)).await
}

async fn note(app: &App, input: Input, at: Option<Moment>, text: String) -> Result<Answer, Error> {
    let now = app.engine.clock.now();
    let at = at.map_or(now, |at| at.resolve(now, 0));
    if at > now {
        return Ok(Answer::whisper(
            "A note is about something that happened; that time is still to come. Nothing was noted.",
        ));
    }
    let by = input.person.name.clone();
    let aloud = input.source == Source::Command;
    let ask = Submission::Note {
        channel: input.channel,
        by: input.person,
        source: input.source,
        at,
        text: text.clone(),
        // A mention has no answer of its own: the echo is a job.
        echo: (!aloud).then_some(input.thread),
    };
    Ok(match app.engine.take(&input.key, ask).await? {
        Outcome::Noted { at, recorded_at } if aloud => {
            let echo = crate::messages::noted(at, recorded_at, &by);
            Answer::Aloud(crate::slack::Words::plain(format!(
                "{} \"{}\"",
                blocks::escape(&echo),
                inline(&text, 500)
            )))
        }
        Outcome::Noted { .. } => Answer::Received,
        outcome => taken_otherwise(&outcome),
    })
}

async fn export(app: &App, input: Input, format: ExportFormat) -> Result<Answer, Error> {
    let ask = Submission::Export {
        channel: input.channel,
        format: match format {
            ExportFormat::Markdown => Format::Markdown,
            ExportFormat::Json => Format::Json,
        },
        thread: input.thread,
        by: input.person,
    };
    Ok(match app.engine.take(&input.key, ask).await? {
        Outcome::Queued => Answer::whisper("Writing the timeline; the file follows in the thread."),
        outcome => taken_otherwise(&outcome),
    })
}

fn taken_otherwise(outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Refused { message, .. } => Answer::whisper(blocks::message(message)),
        Outcome::Opened { id } => Answer::whisper(format!("RB-{id} is open.")),
        Outcome::Noted { .. } | Outcome::Queued => Answer::Received,
    }
}

/// An answer to somebody who has no other way to hear it: said by a job.
pub fn message_later(input: &Input, answer: Answer) -> Option<Job> {
    let text = match answer {
        Answer::Received => return None,
        Answer::Whisper(words) | Answer::Aloud(words) => words.text,
        Answer::Shared(rendered) => rendered.words.text.clone(),
        Answer::Refused(refusal) => refusal.say(&Mrkdwn),
    };
    Some(Job::Notify {
        channel: input.channel.clone(),
        person: input.person.id.clone(),
        thread: input.thread.clone(),
        reply_to: None,
        message: Message::Mrkdwn(text),
        id: format!("answer:{}", input.key),
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
