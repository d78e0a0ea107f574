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
    engine::{Ask, Error, Taken, refused},
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
    people::Person,
    plan::Aim,
    refusal::{Refusal, Source},
    rollback::{Act, Confirmed, Proposal, Spoken, Waiting},
    job::{Form, Format, Show, Job, Tend},
};
use sha2::{Digest, Sha256};
use std::time::Instant;
use tracing::Instrument;

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
    heard.trigger = Some(trigger).filter(|trigger| !trigger.is_empty());
    crash::point(Point::CommandHeard);
    let now = app.engine.clock.now();
    if let Err(over) = app.limits.said(&heard.person.id, &heard.channel, now) {
        app.metrics.too_much(over.whose());
        return refuse(&over.refusal()).into_response();
    }
    let span = telemetry::request("command", &heard.person.id, &heard.channel);
    let (verb, answer) = respond(&app, heard, &text).instrument(span).await;
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
    /// What lets a form be opened for them, for three seconds.
    pub trigger: Option<String>,
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
            trigger: None,
        }
    }
}

/// Understands what was said and answers it; also gives the verb, for counting.
pub async fn respond(app: &App, heard: Heard, text: &str) -> (&'static str, Answer) {
    telemetry::keyed(&heard.key);
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
    telemetry::wants(verb);
    let answer = match request {
        Request::Help(about) => Ok(Answer::whisper(grammar::help(about))),
        Request::Board => Ok(shared::answer(app, Read::Board).await),
        Request::Status(None) => Ok(shared::answer(app, Read::Open).await),
        Request::Status(Some(About::Rollback(id))) => {
            let channel = heard.channel.clone();
            Ok(shared::answer(app, Read::Rollback { channel, id }).await)
        }
        Request::Status(Some(About::Service(named))) => match find(app, &named) {
            Ok(service) => {
                let read = Read::Service {
                    channel: heard.channel.clone(),
                    service: service.name.clone(),
                    environment: service.environment.clone(),
                };
                Ok(shared::answer(app, read).await)
            }
            Err(refusal) => Ok(refuse(&refusal)),
        },
        Request::Timeline => {
            let channel = heard.channel.clone();
            Ok(shared::answer(app, Read::Timeline { channel }).await)
        }
        Request::Pins => Ok(shared::answer(app, Read::Pins).await),
        Request::Contacts(None) => says::contacts(app, None).await,
        Request::Contacts(Some(named)) => match find(app, &named) {
            Ok(service) => says::contacts(app, Some(service)).await,
            Err(refusal) => Ok(refuse(&refusal)),
        },
        Request::Propose(wish) => propose(app, heard.clone(), wish).await,
        Request::Undo { rollback, because } => undo(app, heard.clone(), rollback, because).await,
        Request::Plan(wish) => plan(app, heard.clone(), wish).await,
        Request::List(named) => match find(app, &named) {
            Ok(service) => leave_show(app, &heard, service, Show::List).await,
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
            act(app, heard.clone(), rollback, act_).await
        }
        Request::Deny { rollback, because } => {
            act(app, heard.clone(), rollback, Act::Deny { because }).await
        }
        Request::Stop { rollback, because } => {
            act(app, heard.clone(), rollback, Act::Stop { because }).await
        }
        Request::Object { rollback, because } => {
            act(app, heard.clone(), rollback, Act::Object { because }).await
        }
        Request::Withdraw { rollback, because } => {
            act(app, heard.clone(), rollback, Act::Withdraw { because }).await
        }
        Request::Review {
            rollback,
            answer,
            because,
        } => {
            act(
                app,
                heard.clone(),
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
            act(app, heard.clone(), rollback, resolve).await
        }
        Request::BreakGlass { about, because } => {
            break_glass(app, heard.clone(), about, because).await
        }
        Request::Who(about) => who(app, &heard, about).await,
        Request::Why { rollback } => why(app, &heard, rollback).await,
        Request::Unpin { service, because } => {
            tend(app, &heard, &service, Tend::Unpin { because }).await
        }
        Request::Freeze { service, because } => {
            tend(app, &heard, &service, Tend::Freeze { because }).await
        }
        Request::Unfreeze { service, because } => {
            tend(app, &heard, &service, Tend::Unfreeze { because }).await
        }
        Request::Note { at, text } => note(app, heard.clone(), at, text).await,
        Request::Export(format) => export(app, heard.clone(), format).await,
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
        record(app, &heard, verb, refusal).await;
    }
    tracing::debug!(status = answer.status(), "answered");
    (verb, answer)
}

/// Writes a refusal that needed no job into the timeline, if an incident is going on: a slip of
/// the finger opens none.
pub(super) async fn record(app: &App, heard: &Heard, verb: &str, refusal: &Refusal) {
    let now = app.engine.clock.now();
    let happening = refused(&heard.person, heard.source, verb, refusal, None, now);
    let ask = Ask::Record {
        channel: heard.channel.clone(),
        happening,
    };
    let key = format!("refused:{}", heard.key);
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

async fn propose(app: &App, heard: Heard, wish: Wish) -> Result<Answer, Error> {
    let service = match find(app, &wish.service) {
        Ok(service) => service,
        Err(refusal @ Refusal::WhichEnvironment { named: None, .. }) => {
            return Ok(says::pick_environment(&refusal, &wish));
        }
        Err(refusal) => return Ok(refuse(&refusal)),
    };
    open(app, heard, service, aim(wish.target), wish.because).await
}

/// Opens a rollback, or says what is in its way.
async fn open(
    app: &App,
    heard: Heard,
    service: &Service,
    aim: Aim,
    because: Option<String>,
) -> Result<Answer, Error> {
    let undoes = aim.undoes;
    let channel = heard.channel.clone();
    Ok(
        match take_proposal(app, heard, service, aim, because).await? {
            Taken::Opened { id } => Answer::whisper(match undoes {
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
            Taken::Refused {
                spoken,
                see: Some(first),
                seen,
            } => {
                let first = match seen {
                    Some(seen) => Some(*seen),
                    None => rollbacks::get(&app.engine.db, first).await?,
                };
                says::first_one(app, &channel, &spoken, first).await?
            }
            taken => taken_otherwise(&taken),
        },
    )
}

/// Takes the wish for a rollback.
pub(crate) async fn take_proposal(
    app: &App,
    heard: Heard,
    service: &Service,
    aim: Aim,
    because: Option<String>,
) -> Result<Taken, Error> {
    let proposal = Proposal {
        channel: heard.channel.clone(),
        service: service.name.clone(),
        environment: service.environment.clone(),
        requester: heard.person,
        because,
        aim,
        source: heard.source,
        commanded: app.engine.clock.now(),
        target_time: service.target_time,
        reply_to: heard.reply_to,
        replaces: None,
        waiting: Waiting::default(),
        turns: vec![],
    };
    app.engine.take(&heard.key, Ask::Propose(proposal)).await
}

/// Proposes to go forward again to what a rollback left: a plan like any other.
async fn undo(
    app: &App,
    heard: Heard,
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
            open(app, heard, service, aim, because).await
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
    heard: Heard,
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
    let (Some(trigger), Some(hash)) = (heard.trigger.clone(), found.hash.clone()) else {
        return Ok(Answer::whisper(format!(
            "I can only open the form from its card or from the command itself: *Break glass…* in the menu of RB-{}, or type `/rollback breakglass RB-{}` in the channel. Nothing was run.",
            found.id, found.id
        )));
    };
    let job = Job::Modal {
        form: Form::BreakGlass,
        reply_to: heard.reply_to.clone(),
        rollback: found.id,
        hash,
        person: heard.person.clone(),
        channel: found.channel.clone(),
        trigger,
        clicked_at: app.engine.clock.now(),
        said,
        id: heard.key.clone(),
    };
    app.engine.take(&heard.key, Ask::Leave(job)).await?;
    Ok(Answer::Received)
}

async fn who(app: &App, heard: &Heard, about: About) -> Result<Answer, Error> {
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
    let show = Show::Who { about };
    leave_look(app, heard, service, environment, show).await?;
    Ok(Answer::whisper("Reading who is in its roles…"))
}

async fn why(app: &App, heard: &Heard, rollback: u64) -> Result<Answer, Error> {
    let Some(found) = rollbacks::get(&app.engine.db, rollback).await? else {
        return Ok(refuse(&Refusal::UnknownRollback { id: rollback }));
    };
    let show = Show::Why { rollback };
    leave_look(app, heard, found.service, found.environment, show).await?;
    Ok(Answer::whisper("Reading who you are…"))
}

async fn tend(app: &App, heard: &Heard, named: &ServiceRef, tend: Tend) -> Result<Answer, Error> {
    let service = match find(app, named) {
        Ok(service) => service,
        Err(refusal) => return Ok(refuse(&refusal)),
    };
    let job = Job::ServiceAction {
        service: service.name.clone(),
        environment: service.environment.clone(),
        by: heard.person.clone(),
        source: heard.source,
        channel: heard.channel.clone(),
        thread: heard.thread.clone(),
        reply_to: heard.reply_to.clone(),
        tend,
        id: heard.key.clone(),
    };
    app.engine.take(&heard.key, Ask::Leave(job)).await?;
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
    let (name, environment) = (service.name.clone(), service.environment.clone());
    leave_look(app, heard, name, environment, show).await?;
    Ok(Answer::whisper(format!(
        "Reading {} ({})…",
        inline(&service.name, 80),
        inline(&service.environment, 80)
    )))
}

/// Leaves it to a job to read what somebody wants to see.
async fn leave_look(
    app: &App,
    heard: &Heard,
    service: String,
    environment: String,
    show: Show,
) -> Result<(), Error> {
    let job = Job::Query {
        show,
        service,
        environment,
        person: heard.person.clone(),
        channel: heard.channel.clone(),
        thread: heard.thread.clone(),
        reply_to: heard.reply_to.clone(),
        id: heard.key.clone(),
    };
    app.engine.take(&heard.key, Ask::Leave(job)).await?;
    Ok(())
}

async fn act(app: &App, heard: Heard, rollback: u64, act: Act) -> Result<Answer, Error> {
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
    leave_act(app, heard, rollback, None, act).await?;
    Ok(Answer::whisper(said))
}

/// Leaves a person's act to a job that reads who they are first.
pub async fn leave_act(
    app: &App,
    heard: Heard,
    rollback: u64,
    clicked: Option<String>,
    act: Act,
) -> Result<Taken, Error> {
    let job = Job::Act {
        rollback,
        by: heard.person,
        source: heard.source,
        channel: heard.channel,
        reply_to: heard.reply_to,
        act,
        clicked,
        id: heard.key.clone(),
    };
    app.engine.take(&heard.key, Ask::Leave(job)).await
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
        // A mention has no answer of its own: the echo is a job.
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
        Taken::Refused { spoken, .. } => Answer::whisper(blocks::spoken(spoken)),
        Taken::Opened { id } => Answer::whisper(format!("RB-{id} is open.")),
        Taken::Noted { .. } | Taken::Left => Answer::Received,
    }
}

/// An answer to somebody who has no other way to hear it: said by a job.
pub fn spoken_later(heard: &Heard, answer: Answer) -> Option<Job> {
    let text = match answer {
        Answer::Received => return None,
        Answer::Whisper(words) | Answer::Aloud(words) => words.text,
        Answer::Shared(rendered) => rendered.words.text.clone(),
        Answer::Refused(refusal) => refusal.say(&Mrkdwn),
    };
    Some(Job::Notify {
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
