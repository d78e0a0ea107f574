//! Who calls the API, by their token, and how they are answered.

use super::{
    Endpoint,
    answer::{self, Problem, Reply},
};
use crate::{
    App,
    api::{BODY_AT_MOST, Progress, RollbackResponse, is_channel, view},
    commands::{self, Answer, Context, Failure, agent},
    slack::blocks::plainly,
    store::{
        replies::{self, OURS},
        tokens::{self, Token},
    },
};
use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::{Request, Verb},
    identity::RollbackId,
    people::Person,
    refusal::{Plain, Refusal, Source},
    rollback::Message,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(5);
/// How long a caller waits for the result of a request.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);
/// How often it is looked for meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Somebody with a token that counts.
pub struct Caller {
    /// Who calls, and the channel in which it is shown and recorded.
    pub context: Context,
    /// How long they wait for the result of their request.
    patience: Duration,
}

/// Admits a caller with a valid token, and reads the body they sent.
pub async fn admit(
    app: &App,
    endpoint: Endpoint,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Caller, Value), Problem> {
    let token = token(app, headers).await?;
    // Nobody without a token has us read this.
    let body = read(body).await?;
    let channel = channel(app, body.as_ref().ok());
    let now = app.engine.clock.now();
    let token = refuse_spent(app, token, channel.as_deref(), endpoint, now).await?;
    count(app, &token, endpoint, now).await?;
    refuse_agent(app, &token.person, channel.as_deref(), endpoint, now).await?;
    let body = body.map_err(|error| {
        Problem::misread(format!("The body is not JSON: {error}. Nothing was run."))
    })?;
    let channel = channel.ok_or_else(|| {
        Problem::misread("It has to be shown and recorded in a Slack channel: name its id as `channel`, like \"C0123ABCD\", or write it into [api] of the configuration. Nothing was run.".into())
    })?;
    let own_key = own_key(headers);
    if let Some(own_key) = &own_key
        && !endpoint.looks
    {
        bind(app, &token, own_key, endpoint, &body).await?;
    }
    let key = key(own_key, endpoint, &token)?;
    let context = Context {
        // The result is stored where the same key looks for it.
        reply_to: Some(key.clone()),
        ..Context::new(key, token.person, channel, Source::OutOfBand)
    };
    let patience = patience(headers);
    Ok((Caller { context, patience }, body))
}

/// Admits a caller with a valid token who only looks, and whose request has no body. What they see
/// belongs to no channel.
pub async fn admit_reader(
    app: &App,
    endpoint: Endpoint,
    headers: &HeaderMap,
) -> Result<Caller, Problem> {
    let token = token(app, headers).await?;
    let channel = channel(app, None);
    let now = app.engine.clock.now();
    let token = refuse_spent(app, token, channel.as_deref(), endpoint, now).await?;
    count(app, &token, endpoint, now).await?;
    refuse_agent(app, &token.person, channel.as_deref(), endpoint, now).await?;
    let key = key(None, endpoint, &token)?;
    let channel = channel.unwrap_or_default();
    Ok(Caller {
        context: Context::new(key, token.person, channel, Source::OutOfBand),
        patience: ANSWERED_WITHIN,
    })
}

/// Refuses a token that does not count any more, and has it recorded. Gives one that counts, with
/// the person it is of: of an agent's the one who is responsible for it now.
async fn refuse_spent(
    app: &App,
    token: Token,
    channel: Option<&str>,
    endpoint: Endpoint,
    now: Timestamp,
) -> Result<Token, Problem> {
    let owner = match token.spent(now) {
        Some(why) => Err(Refusal::TokenRefused { why }),
        None => agent::owner(app, &token.person).await?,
    };
    match owner {
        Ok(person) => Ok(Token { person, ..token }),
        Err(refusal) => {
            record_spent(app, &token, channel, endpoint, &refusal, now).await;
            Err(Problem::refused(StatusCode::UNAUTHORIZED, &refusal))
        }
    }
}

/// Refuses an agent what only people may do; it is recorded, and the person who is responsible for
/// it is told.
async fn refuse_agent(
    app: &App,
    person: &Person,
    channel: Option<&str>,
    endpoint: Endpoint,
    now: Timestamp,
) -> Result<(), Problem> {
    let verb = endpoint.verb;
    let Err(refusal) = person.refuse_agent() else {
        return Ok(());
    };
    if verb.is_open_to_agents() {
        return Ok(());
    }
    agent::record_attempt(app, person, channel, verb, &refusal, now).await?;
    Err(Problem::refused(StatusCode::FORBIDDEN, &refusal))
}

/// Counts a request of the owner of a token, and turns away who sends too many.
async fn count(
    app: &App,
    token: &Token,
    endpoint: Endpoint,
    now: Timestamp,
) -> Result<(), Problem> {
    // An agent uses up its own budget, and not the one of the person who is responsible for it.
    let whose = match &token.person.agent {
        Some(agent) => format!("agent:{agent}"),
        None => token.person.id.clone(),
    };
    // A client that waits for a rollback asks for its status again and again.
    let admitted = match endpoint.looks {
        true => app.limits.admit_look(&whose, now),
        false => app.limits.admit_click(&whose, now),
    };
    if let Err(over) = admitted {
        app.metrics.too_much(over.whose());
        let status = StatusCode::TOO_MANY_REQUESTS;
        return Err(Problem::refused(status, &over.refusal()));
    }
    Ok(tokens::used(&app.engine.db, token, now).await?)
}

/// The token that a request came with.
async fn token(app: &App, headers: &HeaderMap) -> Result<Token, Problem> {
    let unknown = |why: &str| {
        app.metrics.rejected();
        let refusal = Refusal::TokenRefused { why: why.into() };
        Problem::refused(StatusCode::UNAUTHORIZED, &refusal)
    };
    let secret = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or_else(|| unknown("none came with this (`Authorization: Bearer rbt_…`)"))?;
    let token = tokens::find(&app.engine.db, secret.trim()).await?;
    token.ok_or_else(|| unknown("this bot has not made it"))
}

/// The body as JSON.
async fn read(body: Body) -> Result<serde_json::Result<Value>, Problem> {
    let Ok(Ok(body)) = timeout(BODY_WITHIN, to_bytes(body, BODY_AT_MOST)).await else {
        return Err(Problem::too_large(format!(
            "The body is larger than {BODY_AT_MOST} bytes, or took too long. Nothing was run."
        )));
    };
    Ok(serde_json::from_slice(&body))
}

/// The channel that the body names, or the configured one.
fn channel(app: &App, body: Option<&Value>) -> Option<String> {
    body.and_then(|body| body["channel"].as_str())
        .or(app.config.api.channel.as_deref())
        .filter(|channel| is_channel(channel))
        .map(str::to_owned)
}

/// The caller's own key for the request. Whatever it is, only whether it is the same counts.
fn own_key(headers: &HeaderMap) -> Option<String> {
    let key = headers.get("idempotency-key")?;
    Some(hex::encode(Sha256::digest(key.as_bytes())))
}

/// Binds a caller's own key to this request; refused where it came with another one before.
async fn bind(
    app: &App,
    token: &Token,
    own_key: &str,
    endpoint: Endpoint,
    body: &Value,
) -> Result<(), Problem> {
    let digest = hex::encode(Sha256::digest(format!("{}:{body}", endpoint.verb)));
    let key = format!("bind:{}:{own_key}", token.id);
    match commands::gate::bind(app, &key, digest).await? {
        true => Ok(()),
        false => Err(Problem::reused_key()),
    }
}

/// The identity of the request: the caller's own key if there is one, or a new one.
fn key(own_key: Option<String>, endpoint: Endpoint, token: &Token) -> Result<String, Problem> {
    let key = own_key
        .map_or_else(|| tokens::random(16), Ok)
        .map_err(|error| {
            tracing::error!(%error, "a request could not be told from others");
            Problem::busy(&error.to_string())
        })?;
    Ok(format!("{OURS}{}:{}:{key}", token.id, endpoint.verb))
}

/// How long the caller wants to wait: `Prefer: wait=5`.
fn patience(headers: &HeaderMap) -> Duration {
    let prefer = headers.get("prefer").and_then(|value| value.to_str().ok());
    let seconds = prefer.and_then(|prefer| prefer.trim().strip_prefix("wait=")?.parse().ok());
    seconds.map_or(ANSWERED_WITHIN, |seconds| {
        Duration::from_secs(seconds).min(ANSWERED_WITHIN)
    })
}

/// Has the log and, if an incident is going on, its timeline say that a token was used that does
/// not count any more. At most once a minute: somebody who found it may try again and again.
async fn record_spent(
    app: &App,
    token: &Token,
    channel: Option<&str>,
    endpoint: Endpoint,
    refusal: &Refusal,
    now: Timestamp,
) {
    let about = format!("token:{}", token.id);
    if !app.limits.is_worth_a_line(&about, now) {
        return;
    }
    let verb = endpoint.verb;
    tracing::warn!(token = token.id, person = token.person.id, %verb, %refusal, "a token was refused");
    let Some(channel) = channel else { return };
    let key = format!("token:{}:{}", token.id, now.as_second() / 60);
    let context = Context::new(key, token.person.clone(), channel.into(), Source::OutOfBand);
    commands::record_refusal(app, &context, verb, refusal).await;
}

impl Caller {
    /// Why they may not look, if so. Nobody asks Slack for that; but somebody who has left is shown
    /// nothing.
    pub async fn why_not_look(
        &self,
        app: &App,
        endpoint: Endpoint,
    ) -> Result<Option<Refusal>, Problem> {
        match commands::gate::look(app, &self.context, endpoint.verb).await {
            Ok(()) => Ok(None),
            Err(Failure::Refused(refusal)) => Ok(Some(*refusal)),
            Err(Failure::Engine(error)) => Err(error.into()),
        }
    }

    /// The same caller, who points to this.
    pub fn pointing_to(&self, evidence: Vec<String>) -> Caller {
        Caller {
            context: Context {
                evidence,
                ..self.context.clone()
            },
            patience: self.patience,
        }
    }

    /// Runs a request, and waits for its result.
    pub async fn run(&self, app: &App, request: Request) -> Result<Reply, Problem> {
        let verb = request.verb();
        let answer = commands::run(app, &self.context, request).await;
        self.reply(app, verb, answer).await
    }

    /// What an answer is here. Where a job goes on, the caller waits for its result.
    pub async fn reply(&self, app: &App, verb: Verb, answer: Answer) -> Result<Reply, Problem> {
        match answer {
            Answer::Queued { rollback, .. } => self.wait(app, rollback).await,
            Answer::Refused(refusal) if matches!(*refusal, Refusal::Busy { .. }) => {
                Err(Problem::refused(StatusCode::SERVICE_UNAVAILABLE, &refusal))
            }
            Answer::Refused(refusal) => self.refused(app, &refusal).await,
            // There is nothing to choose with.
            Answer::Choose { refusal, .. } => {
                commands::record_refusal(app, &self.context, verb, &refusal).await;
                self.refused(app, &refusal).await
            }
            Answer::Declined {
                message, rollback, ..
            } => self.declined(app, &message, rollback).await,
            Answer::Private(words) | Answer::Public(words) => Ok(done(plainly(&words.text))),
            Answer::Shared(shared) => Ok(done(plainly(&shared.words.text))),
            Answer::Received => Ok(done(String::new())),
        }
    }

    /// A refusal, with names in place of ids.
    pub async fn refused(&self, app: &App, refusal: &Refusal) -> Result<Reply, Problem> {
        let sentence = view::with_names(app, &refusal.draw(&Plain)).await?;
        Ok(Reply::Done(answer::refusal(refusal.code(), sentence)))
    }

    async fn declined(
        &self,
        app: &App,
        message: &Message,
        rollback: Option<RollbackId>,
    ) -> Result<Reply, Problem> {
        let sentence = view::with_names(app, &message.plain()).await?;
        let code = message.code().unwrap_or_default();
        Ok(Reply::Done(RollbackResponse {
            rollback: rollback.map(|id| id.to_string()),
            ..answer::refusal(code, sentence)
        }))
    }

    /// Runs a request whose answer a job gives, and waits for that.
    pub async fn run_and_read(&self, app: &App, request: Request) -> Result<Reply, Problem> {
        let verb = request.verb();
        let answer = commands::run(app, &self.context, request).await;
        match &answer {
            Answer::Private(_) | Answer::Received => {}
            Answer::Queued { .. }
            | Answer::Refused(_)
            | Answer::Choose { .. }
            | Answer::Declined { .. }
            | Answer::Public(_)
            | Answer::Shared(_) => return self.reply(app, verb, answer).await,
        }
        match self.replied(app).await? {
            Some(reply) => {
                let text = view::with_names(app, &reply.text).await?;
                Ok(Reply::Done(match reply.refused {
                    Some(code) => answer::refusal(&code, text),
                    None => RollbackResponse {
                        text,
                        ..RollbackResponse::default()
                    },
                }))
            }
            None => Ok(Reply::Later(RollbackResponse {
                text: "The platform does not answer yet. The same Idempotency-Key gets the answer."
                    .into(),
                ..RollbackResponse::default()
            })),
        }
    }

    /// What a job answered, as soon as it did; `None`: nothing, for as long as the caller waits.
    async fn replied(&self, app: &App) -> Result<Option<replies::Reply>, Problem> {
        let began = Instant::now();
        loop {
            let reply = replies::get(&app.engine.db, &self.context.key).await?;
            if reply.is_some() || began.elapsed() >= self.patience {
                return Ok(reply);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits for the result of a request that a job goes on with.
    async fn wait(&self, app: &App, id: RollbackId) -> Result<Reply, Problem> {
        if let Some(reply) = self.replied(app).await? {
            let response = view::reply(app, id, reply, &self.context.channel).await?;
            return Ok(Reply::Done(response));
        }
        Ok(Reply::Later(RollbackResponse {
            rollback: Some(id.to_string()),
            outcome: Some(Progress::Open),
            text: format!(
                "It was taken, and nothing is known of it yet. The status of {id} tells; the same Idempotency-Key gets the answer."
            ),
            ..RollbackResponse::default()
        }))
    }
}

/// An answer of words alone.
pub fn done(text: String) -> Reply {
    Reply::Done(RollbackResponse {
        text,
        ..RollbackResponse::default()
    })
}
