//! The API: acting without Slack, with a token.
//!
//! A body becomes the same request as a typed command, field by field, and goes the same way: the
//! same refusals, the same evaluator, the same plan with its hash. What a person does is a job here
//! too; the caller waits for its result, at an address of our own.

mod answer;
mod caller;
mod deploys;
pub mod description;
mod drills;
mod readiness;

use crate::{
    App,
    api::{
        ApproveRequest, EndRequest, Entry, ExportRequest, NoteRequest, PlanRequest, ProposeRequest,
        ReviewRequest, RollbackResponse, StatusRequest, TimelineRequest, TimelineView, evidence,
        view,
    },
    commands::{self, Failure, status::Found, timeline::Page},
    messages::{Named, stamp},
    slack::{blocks::plainly, card},
    store::rollbacks,
    telemetry,
};
use answer::{Problem, Reply};
use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use caller::{Caller, done};
pub use deploys::gate;
use description::{ActHeaders, ActResponses, Problems};
pub use drills::drill_report;
pub use readiness::readiness;
use rollback_domain::{
    grammar::{
        Request, Target, Verb,
        fields::{
            about_field, format_field, incident_field, reason_field, review_field, rollback_field,
            service_field, target_field, time_field,
        },
        verbs::{Deny, Export, Note, Plan, Propose, RecordReview, Stop},
    },
    identity::RollbackId,
    incident::Entry as Recorded,
    rollback::Confirmed,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{collections::BTreeMap, time::Instant};
use tracing::Instrument;

/// How many entries of a timeline are given at once.
const ENTRIES_AT_MOST: i64 = 200;

/// One address of the API.
#[derive(Clone, Copy)]
struct Endpoint {
    /// The verb it is for.
    verb: Verb,
    /// Whether it only looks.
    looks: bool,
}

impl Endpoint {
    fn acts(verb: Verb) -> Self {
        Endpoint { verb, looks: false }
    }

    fn looks(verb: Verb) -> Self {
        Endpoint { verb, looks: true }
    }
}

/// Propose a rollback.
#[utoipa::path(
    post, path = "/api/v1/propose", request_body = ProposeRequest, security(("token" = [])),
    params(ActHeaders), responses(ActResponses, Problems)
)]
pub async fn propose(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let endpoint = Endpoint::acts(Verb::Propose);
    let run = async |caller: &Caller, body: ProposeRequest| {
        let proposal = Propose {
            service: service_field(&body.service)?,
            target: match &body.to {
                Some(to) => target_field(to)?,
                None => Target::Previous,
            },
            because: reason(body.because)?,
        };
        let caller = caller.pointing_to(evidence(caller, &body.evidence)?);
        caller.run(&app, Request::Propose(proposal)).await
    };
    answered(&app, endpoint, headers, body, run).await
}

/// What a proposal points to. An agent has to name something.
fn evidence(caller: &Caller, links: &[String]) -> Result<Vec<String>, Problem> {
    let links = evidence::links(links)
        .map_err(|why| Problem::misread(format!("{why} Nothing was run.")))?;
    if links.is_empty() && caller.context.person.agent.is_some() {
        return Err(Problem::misread(
            "An agent says what its proposal rests on: name one to five links as `evidence`, like [\"https://grafana.example.com/d/errors\"]. Nothing was run.".into(),
        ));
    }
    Ok(links)
}

/// Show what a rollback would do; nothing is proposed.
#[utoipa::path(
    post, path = "/api/v1/plan", request_body = PlanRequest, security(("token" = [])),
    params(ActHeaders), responses(ActResponses, Problems)
)]
pub async fn plan(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let endpoint = Endpoint::acts(Verb::Plan);
    let run = async |caller: &Caller, body: PlanRequest| {
        let proposal = Propose {
            service: service_field(&body.service)?,
            target: match &body.to {
                Some(to) => target_field(to)?,
                None => Target::Previous,
            },
            because: None,
        };
        let plan = Plan { proposal };
        caller.run_and_read(&app, Request::Plan(plan)).await
    };
    answered(&app, endpoint, headers, body, run).await
}

/// Write into the timeline of a channel.
#[utoipa::path(
    post, path = "/api/v1/note", request_body = NoteRequest, security(("token" = [])),
    params(ActHeaders), responses(ActResponses, Problems)
)]
pub async fn note(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let endpoint = Endpoint::acts(Verb::Note);
    let run = async |caller: &Caller, body: NoteRequest| {
        let Some(text) = reason(Some(body.text))? else {
            return Err(Problem::misread(
                "The note is empty: say what happened as `text`. Nothing was noted.".into(),
            ));
        };
        let note = Note {
            at: time_field(&body.at.unwrap_or_default())?,
            text,
            is_correction: false,
        };
        match caller.run(&app, Request::Note(note)).await? {
            Reply::Done(response) if response == RollbackResponse::default() => {
                Ok(done("It is in the timeline.".into()))
            }
            reply => Ok(reply),
        }
    };
    answered(&app, endpoint, headers, body, run).await
}

/// Say that something that is configured was looked at, and still holds.
#[utoipa::path(
    post, path = "/api/v1/reviewed", request_body = ReviewRequest, security(("token" = [])),
    params(ActHeaders), responses(ActResponses, Problems)
)]
pub async fn reviewed(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let endpoint = Endpoint::acts(Verb::RecordReview);
    let run = async |caller: &Caller, body: ReviewRequest| {
        let subject = review_field(&body.subject.unwrap_or_default())?;
        let review = RecordReview { subject };
        caller.run(&app, Request::RecordReview(review)).await
    };
    answered(&app, endpoint, headers, body, run).await
}

/// A verb that is only in Slack. An agent that asks for one is refused as for those that are here.
pub async fn elsewhere(
    State(app): State<App>,
    Path(word): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(verb) = Verb::named(&word) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let run = async |_: &Caller, _: Value| {
        Err(Problem::elsewhere(format!(
            "`{verb}` is only in Slack: `/rollback {verb}`. Nothing was run."
        )))
    };
    answered(&app, Endpoint::looks(verb), headers, body, run).await
}

/// Approve the plan that was shown.
#[utoipa::path(
    post, path = "/api/v1/approve", request_body = ApproveRequest, security(("token" = [])),
    params(ActHeaders), responses(ActResponses, Problems)
)]
pub async fn approve(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let endpoint = Endpoint::acts(Verb::Approve);
    let run = async |caller: &Caller, body: ApproveRequest| {
        let rollback = rollback_field(endpoint.verb, &body.rollback)?;
        let confirmed = Confirmed {
            because: reason(body.because)?,
            ticked: body.ticks,
            typed: body.typed,
        };
        let (context, plan) = (&caller.context, body.plan.as_deref());
        let answer = commands::approve_named_plan(&app, context, rollback, plan, confirmed).await;
        let reply = caller.reply(&app, endpoint.verb, answer).await?;
        match plan {
            Some(_) => Ok(reply),
            None => with_plan(&app, caller, rollback, reply).await,
        }
    };
    answered(&app, endpoint, headers, body, run).await
}

/// A refusal with the plan that has to be named, as it stands.
async fn with_plan(
    app: &App,
    caller: &Caller,
    rollback: RollbackId,
    reply: Reply,
) -> Result<Reply, Problem> {
    let found = rollbacks::get(&app.engine.db, rollback).await?;
    let (Reply::Done(refusal), Some(found)) = (&reply, found) else {
        return Ok(reply);
    };
    let view = view::rollback(app, &found, &caller.context.channel).await?;
    Ok(Reply::Done(RollbackResponse {
        text: format!("{} {}", refusal.text, view.text),
        refused: refusal.refused.clone(),
        ..view
    }))
}

/// Deny a proposal.
#[utoipa::path(
    post, path = "/api/v1/deny", request_body = EndRequest, security(("token" = [])),
    params(ActHeaders), responses(ActResponses, Problems)
)]
pub async fn deny(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let endpoint = Endpoint::acts(Verb::Deny);
    let run = async |caller: &Caller, body: EndRequest| {
        let rollback = rollback_field(endpoint.verb, &body.rollback)?;
        let because = reason(body.because)?;
        let deny = Deny { rollback, because };
        caller.run(&app, Request::Deny(deny)).await
    };
    answered(&app, endpoint, headers, body, run).await
}

/// Stop a rollback before the platform is asked.
#[utoipa::path(
    post, path = "/api/v1/stop", request_body = EndRequest, security(("token" = [])),
    params(ActHeaders), responses(ActResponses, Problems)
)]
pub async fn stop(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let endpoint = Endpoint::acts(Verb::Stop);
    let run = async |caller: &Caller, body: EndRequest| {
        let rollback = rollback_field(endpoint.verb, &body.rollback)?;
        let because = reason(body.because)?;
        let stop = Stop { rollback, because };
        caller.run(&app, Request::Stop(stop)).await
    };
    answered(&app, endpoint, headers, body, run).await
}

/// Where a rollback stands, or everything that is open.
#[utoipa::path(
    post, path = "/api/v1/status", request_body = StatusRequest, security(("token" = [])),
    responses(
        (status = 200, description = "Where it stands, or why that is not told", body = RollbackResponse),
        Problems,
    )
)]
pub async fn status(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let endpoint = Endpoint::looks(Verb::Status);
    let run = async |caller: &Caller, body: StatusRequest| {
        if let Some(refusal) = caller.why_not_look(&app, endpoint).await? {
            return caller.refused(&app, &refusal).await;
        }
        let about = about_field(endpoint.verb, &body.about.unwrap_or_default())?;
        let channel = &caller.context.channel;
        match commands::status::lookup(&app, about.as_ref()).await {
            Ok(Found::Open(open)) => Ok(done(match open.as_slice() {
                [] => "No rollback is open.".into(),
                open => {
                    let lines = open.iter().map(|open| plainly(&card::line(open)));
                    lines.collect::<Vec<_>>().join("\n")
                }
            })),
            Ok(Found::Rollback(found)) => {
                Ok(Reply::Done(view::rollback(&app, &found, channel).await?))
            }
            Ok(Found::NeverRolledBack(service)) => Ok(done(format!(
                "{} was never rolled back from here.",
                service.key
            ))),
            Err(Failure::Refused(refusal)) => caller.refused(&app, &refusal).await,
            Err(Failure::Engine(error)) => Err(error.into()),
        }
    };
    answered(&app, endpoint, headers, body, run).await
}

/// What happened in a channel.
#[utoipa::path(
    post, path = "/api/v1/timeline", request_body = TimelineRequest, security(("token" = [])),
    responses(
        (status = 200, description = "The entries", body = TimelineView),
        (status = 403, description = "Not for them", body = RollbackResponse),
        (status = 404, description = "Nothing was ever recorded for the channel", body = RollbackResponse),
        Problems,
    )
)]
pub async fn timeline(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let endpoint = Endpoint::looks(Verb::Timeline);
    let run = async |caller: &Caller, body: TimelineRequest| {
        let context = &caller.context;
        if let Some(refusal) = caller.why_not_look(&app, endpoint).await? {
            commands::record_refusal(&app, context, endpoint.verb, &refusal).await;
            return Err(Problem::refused(StatusCode::FORBIDDEN, &refusal));
        }
        let after = |_| body.after;
        match commands::timeline::page(&app, &context.channel, after, ENTRIES_AT_MOST).await {
            Ok(page) => Ok(Reply::Timeline(timeline_view(
                page,
                &view::names(&app).await?,
            ))),
            Err(Failure::Refused(refusal)) => {
                Err(Problem::refused(StatusCode::NOT_FOUND, &refusal))
            }
            Err(Failure::Engine(error)) => Err(error.into()),
        }
    };
    answered(&app, endpoint, headers, body, run).await
}

/// The timeline of an incident as a file.
#[utoipa::path(
    post, path = "/api/v1/export", request_body = ExportRequest, security(("token" = [])),
    responses(
        (
            status = 200,
            description = "The file",
            content(
                (serde_json::Value = "application/json"),
                (String = "text/markdown"),
                (String = "text/html"),
                (String = "text/csv"),
            )
        ),
        (status = 403, description = "Not for them", body = RollbackResponse),
        (status = 404, description = "There is no such incident in the channel", body = RollbackResponse),
        (status = 500, description = "The file could not be written", body = RollbackResponse),
        Problems,
    )
)]
pub async fn export(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let endpoint = Endpoint::looks(Verb::Export);
    let run = async |caller: &Caller, body: ExportRequest| {
        let context = &caller.context;
        let request = Export {
            about: incident_field(endpoint.verb, &body.about.unwrap_or_default())?,
            format: format_field(&body.format.unwrap_or_default())?,
        };
        if let Some(refusal) = caller.why_not_look(&app, endpoint).await? {
            commands::record_refusal(&app, context, endpoint.verb, &refusal).await;
            return Err(Problem::refused(StatusCode::FORBIDDEN, &refusal));
        }
        let format = request.format;
        match commands::export::attachment(&app, &context.channel, request).await {
            Ok(Ok(attachment)) => Ok(Reply::File(attachment, format)),
            Ok(Err(unwritten)) => Err(Problem::unwritten(&unwritten.to_string())),
            Err(Failure::Refused(refusal)) => {
                Err(Problem::refused(StatusCode::NOT_FOUND, &refusal))
            }
            Err(Failure::Engine(error)) => Err(error.into()),
        }
    };
    answered(&app, endpoint, headers, body, run).await
}

fn timeline_view(page: Page, names: &BTreeMap<String, String>) -> TimelineView {
    let entry = |entry: Recorded| {
        let event = entry.event;
        let source = serde_json::to_value(event.source).unwrap_or_default();
        Entry {
            seq: entry.seq,
            at: stamp(event.at),
            who: event.who.to_string(),
            source: source.as_str().unwrap_or_default().to_owned(),
            kind: event.kind().to_string(),
            rollback: event.rollback.map(|id| id.to_string()),
            text: event.clause(&Named(names)),
        }
    };
    TimelineView {
        incident: page.incident.to_string(),
        count: page.count,
        entries: page.entries.into_iter().map(entry).collect(),
    }
}

fn reason(because: Option<String>) -> Result<Option<String>, Problem> {
    Ok(reason_field(&because.unwrap_or_default())?)
}

/// Admits a caller with a token, reads the body, and answers what `run` makes of it.
async fn answered<T: DeserializeOwned>(
    app: &App,
    endpoint: Endpoint,
    headers: HeaderMap,
    body: Body,
    run: impl AsyncFnOnce(&Caller, T) -> Result<Reply, Problem>,
) -> Response {
    let began = Instant::now();
    let verb = endpoint.verb.name();
    let reply = async {
        let (caller, body) = caller::admit(app, endpoint, &headers, body).await?;
        let body = serde_json::from_value(body).map_err(|error| {
            Problem::misread(format!(
                "The body is not understood: {error}. Nothing was run."
            ))
        })?;
        let context = &caller.context;
        let span = telemetry::request("api", &context.person.id, &context.channel);
        let run = async {
            telemetry::record_key(&context.key);
            telemetry::record_verb(verb);
            run(&caller, body).await
        };
        run.instrument(span).await
    };
    let (status, response) = match reply.await {
        Ok(reply) => ("answered", reply.into_response()),
        Err(problem) if problem.status == StatusCode::SERVICE_UNAVAILABLE => {
            ("busy", problem.into_response())
        }
        Err(problem) => ("refused", problem.into_response()),
    };
    app.metrics.answered("api", verb, status, began.elapsed());
    response
}
