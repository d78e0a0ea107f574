//! What people can ask for, one file per verb, by whatever door it comes.
//!
//! A handler decodes what arrives into a [`Context`] and a request, has it [`run`], and encodes the
//! [`Answer`]. A command reads the record, refuses what cannot be done, and leaves the rest to the
//! engine: as something that is stored at once, or as a job. It never calls a platform or Slack,
//! because Slack waits three seconds for the answer.

mod answer;
mod approve;
mod board;
mod break_glass;
mod contacts;
mod deny;
mod export;
mod find;
mod freeze;
mod help;
mod list;
mod note;
mod object;
mod pins;
mod plan;
mod propose;
pub mod queue;
mod reads;
mod resolve;
mod review;
pub mod status;
mod stop;
pub mod timeline;
mod undo;
mod unfreeze;
mod unpin;
mod who;
mod why;
mod withdraw;

pub use answer::{Answer, SharedWords};
pub use approve::{approve_named_plan, missing_confirmation};
pub use reads::Reads;

use crate::{
    App,
    engine::{Error, Submission, refused},
    telemetry,
};
use rollback_domain::{
    grammar::Request,
    people::Person,
    refusal::{Refusal, Source},
};

/// Who asks for something, where, and how it came.
#[derive(Clone, Debug)]
pub struct Context {
    /// The identity of the input: the same key again gets the same answer, and nothing is done.
    pub key: String,
    /// The person who asks.
    pub person: Person,
    /// The Slack channel, by id, in which it is answered and recorded.
    pub channel: String,
    /// The thread it came from, by the timestamp of its first message; `None` outside of threads.
    pub thread: Option<String>,
    /// The door by which it came.
    pub source: Source,
    /// The address at which the person alone is answered later; `None` if there is none.
    pub reply_to: Option<String>,
    /// What lets Slack open a form for the person within three seconds; `None` where it cannot.
    pub trigger: Option<String>,
}

impl Context {
    /// Something that came to a channel, without a thread, a reply address or a trigger.
    pub fn new(key: String, person: Person, channel: String, source: Source) -> Self {
        Context {
            key,
            person,
            channel,
            thread: None,
            source,
            reply_to: None,
            trigger: None,
        }
    }
}

/// Why a command goes no further.
#[derive(Debug)]
pub enum Failure {
    /// It cannot be done, and the person is told why.
    Refused(Box<Refusal>),
    /// The record could not be read or written.
    Engine(Error),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::Refused(Box::new(refusal))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Engine(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Failure::Engine(error.into())
    }
}

/// What a command gives.
pub type Result<T = Answer> = std::result::Result<T, Failure>;

/// Runs a request and answers it.
pub async fn run(app: &App, context: &Context, request: Request) -> Answer {
    let verb = request.verb();
    telemetry::record_verb(verb);
    let result = dispatch(app, context, request).await;
    answer(app, context, verb, result).await
}

/// Hands a request to its verb.
async fn dispatch(app: &App, context: &Context, request: Request) -> Result {
    match request {
        Request::Board => board::run(app).await,
        Request::Propose(wish) => propose::run(app, context, wish).await,
        Request::Plan(wish) => plan::run(app, context, wish).await,
        Request::List(service) => list::run(app, context, service).await,
        Request::Status(about) => status::run(app, context, about).await,
        Request::Approve { rollback, because } => {
            approve::run(app, context, rollback, because).await
        }
        Request::Deny { rollback, because } => deny::run(app, context, rollback, because).await,
        Request::Object { rollback, because } => object::run(app, context, rollback, because).await,
        Request::Withdraw { rollback, because } => {
            withdraw::run(app, context, rollback, because).await
        }
        Request::Who(about) => who::run(app, context, about).await,
        Request::Why { rollback } => why::run(app, context, rollback).await,
        Request::Contacts(service) => contacts::run(app, service).await,
        Request::Stop { rollback, because } => stop::run(app, context, rollback, because).await,
        Request::BreakGlass { about, because } => {
            break_glass::run(app, context, about, because).await
        }
        Request::Review {
            rollback,
            answer,
            because,
        } => review::run(app, context, rollback, answer, because).await,
        Request::Resolve {
            rollback,
            done,
            because,
        } => resolve::run(app, context, rollback, done, because).await,
        Request::Undo { rollback, because } => undo::run(app, context, rollback, because).await,
        Request::Pins => pins::run(app).await,
        Request::Unpin { service, because } => unpin::run(app, context, service, because).await,
        Request::Freeze { service, because } => freeze::run(app, context, service, because).await,
        Request::Unfreeze { service, because } => {
            unfreeze::run(app, context, service, because).await
        }
        Request::Note { at, text } => note::run(app, context, at, text).await,
        Request::Timeline => timeline::run(app, context).await,
        Request::Export(format) => export::run(app, context, format).await,
        Request::Help(verb) => Ok(help::run(verb)),
    }
}

/// The answer for whoever asked. A refusal is recorded too.
async fn answer(app: &App, context: &Context, verb: &str, result: Result) -> Answer {
    let answer = match result {
        Ok(answer) => answer,
        Err(Failure::Refused(refusal)) => Answer::Refused(refusal),
        Err(Failure::Engine(error)) => {
            app.engine.could_not(&error);
            app.metrics.failed(&error);
            Answer::busy()
        }
    };
    // What could not be stored cannot be recorded either, and there is no time to find that out.
    if let Answer::Refused(refusal) = &answer
        && !matches!(**refusal, Refusal::Busy { .. })
    {
        record_refusal(app, context, verb, refusal).await;
    }
    tracing::debug!(status = answer.status(), "answered");
    answer
}

/// Writes a refusal into the timeline of the channel, if an incident is going on: a slip of the
/// finger opens none.
pub async fn record_refusal(app: &App, context: &Context, verb: &str, refusal: &Refusal) {
    let now = app.engine.clock.now();
    let event = refused(&context.person, context.source, verb, refusal, None, now);
    let submission = Submission::Record {
        channel: context.channel.clone(),
        event,
    };
    let key = format!("refused:{}", context.key);
    // If it cannot be recorded, the log says why.
    app.engine.take(&key, submission).await.ok();
}
