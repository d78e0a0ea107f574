//! What people can ask for, one file per verb, by whatever door it comes.
//!
//! A handler decodes what arrives into a [`Context`] and a request, has it [`run`], and encodes the
//! [`Answer`]. A command reads the record, refuses what cannot be done, and leaves the rest to the
//! engine: as something that is stored at once, or as a job. It never calls a platform or Slack,
//! because Slack waits three seconds for the answer.

pub mod agent;
pub mod captures;
pub mod deploy_gate;
mod find;
pub mod gate;
pub mod queue;
mod reads;
pub mod webhook;
mod zone;

pub use crate::answer::{Answer, SharedWords};
use gate::{Origin, Passage};

pub use approve::{approve_named_plan, missing_confirmation};

use crate::{
    App,
    engine::{Error, Submission, refusal_key, refused},
    permalinks,
    slack::Words,
    telemetry,
};
use jiff::Timestamp;
use rollback_domain::{
    for_every_verb,
    grammar::{Request, Verb},
    people::Person,
    refusal::{Refusal, Source},
};
use std::time::Duration;
use tokio::time::timeout;

/// Who asks for something, where, and how it came.
#[derive(Clone, Debug)]
pub struct Context {
    /// The identity of the input: the same key again gets the same answer, and nothing is done.
    pub key: String,
    /// The person who asks.
    pub person: Person,
    /// What the person points to: addresses that begin with `https://`.
    pub evidence: Vec<String>,
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
    /// The workspace it comes from, as far as the payload says.
    pub origin: Origin,
    /// When it was asked for, where a job runs it after the input itself was answered; `None`: it is
    /// run at once.
    pub deferred: Option<Timestamp>,
}

impl Context {
    /// Something that came to a channel, without a thread, a reply address or a trigger.
    pub fn new(key: String, person: Person, channel: String, source: Source) -> Self {
        Context {
            key,
            person,
            evidence: vec![],
            channel,
            thread: None,
            source,
            reply_to: None,
            trigger: None,
            origin: Origin::default(),
            deferred: None,
        }
    }

    /// Whether what is answered now can be shown to everybody in the channel.
    fn answers_in_channel(&self) -> bool {
        self.source == Source::Command && self.deferred.is_none()
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

/// How long a command or a click may take, with all that it reads and stores, and the gate before it.
pub const ANSWERED_WITHIN: Duration = Duration::from_millis(2_500);
const _: () = assert!(ANSWERED_WITHIN.as_millis() < SLACK_WAITS.as_millis());
/// How long Slack waits for the answer to a command.
const SLACK_WAITS: Duration = Duration::from_secs(3);

/// What a command gives.
pub type Result<T = Answer> = std::result::Result<T, Failure>;

/// Runs a request that passes the gate, and answers it.
pub async fn run(app: &App, context: &Context, request: Request) -> Answer {
    let verb = request.verb();
    telemetry::record_verb(verb.name());
    let running = async {
        match gate::admit(app, context, verb).await? {
            Passage::Open => dispatch(app, context, request).await,
            Passage::Unread => gate::read_first(app, context, &request).await,
        }
    };
    let result = in_time(running).await;
    answer(app, context, verb, result).await
}

/// Runs a request whose person was read for it, and answers it.
pub async fn run_admitted(app: &App, context: &Context, request: Request) -> Answer {
    let verb = request.verb();
    let result = in_time(dispatch(app, context, request)).await;
    answer(app, context, verb, result).await
}

/// Lets a command run for as long as its answer can wait, whatever holds the record up.
async fn in_time(running: impl Future<Output = Result>) -> Result {
    match timeout(ANSWERED_WITHIN, running).await {
        Ok(result) => result,
        Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
    }
}

/// Makes the module of every verb of the table, and hands a request to the module of its verb.
///
/// A module has `run`, which takes the struct of the verb.
macro_rules! command_modules {
    ($($module:ident: $Verb:ident,)*) => {
        $(pub mod $module;)*

        async fn dispatch(app: &App, context: &Context, request: Request) -> Result {
            match request {
                $(Request::$Verb(request) => $module::run(app, context, request).await,)*
            }
        }
    };
}

for_every_verb!(command_modules);

/// The answer for the person who asked. A refusal is recorded too.
async fn answer(app: &App, context: &Context, verb: Verb, result: Result) -> Answer {
    let answer = match result {
        // What is done to a drill says first that it is one.
        Ok(Answer::Queued { rollback, words }) => Answer::Queued {
            rollback,
            words: words.about(rollback),
        },
        Ok(Answer::Private(words)) => Answer::Private(of_a_drill(words)),
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

/// Words that name a drill first of all, marked as such.
fn of_a_drill(words: Words) -> Words {
    match permalinks::first_named(&words.text) {
        Some(rollback) => words.about(rollback),
        None => words,
    }
}

/// Writes a refusal into the timeline of the channel, if an incident is going on: a slip of the
/// finger opens none.
pub async fn record_refusal(app: &App, context: &Context, verb: Verb, refusal: &Refusal) {
    let now = app.engine.clock.now();
    let (by, verb) = (&context.person, verb.name());
    let event = refused(by, context.source, verb, refusal, None, now);
    let submission = Submission::Record {
        channel: context.channel.clone(),
        event,
    };
    // Somebody who may do nothing here fills no timeline, however often they try.
    let key = match refusal {
        Refusal::NotAMember { .. } => refusal_key(by, &context.channel, now),
        _ => format!("refused:{}", context.key),
    };
    // If it cannot be recorded, the log says why.
    app.engine.take(&key, submission).await.ok();
}
