//! Acting without Slack: what is asked for with a token.
//!
//! The bodies become requests of the same grammar, and go the way of a typed command: the same
//! engine, the same evaluator, the same plan with its hash. What a person does is a job here
//! too; whoever asked waits for what comes of it, at an address of our own.

use super::{command, says};
use crate::{
    App,
    engine::{Error, Outcome, refused},
    messages::named,
    slack::{blocks::plainly, card},
    store::{
        memberships,
        replies::{self, OURS, Reply},
        rollbacks, timelines,
        tokens::{self, Token},
    },
    telemetry,
};
use axum::{
    Json,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use command::Input;
use jiff::Timestamp;
use rollback_domain::{
    grammar::{self, About, Misread, Request, Wish},
    people::Person,
    plan::PlanHash,
    policy::Confirm,
    proof::Verdict,
    refusal::{Plain, Refusal, Source},
    rollback::{Act, Confirmed, Rollback, State as Stands},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::time::timeout;
use tracing::Instrument;
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// The largest body that is read, in bytes.
pub const BODY_AT_MOST: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(5);
/// How long somebody waits for what comes of what they asked for.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);
/// How often it is looked for meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How many entries of a timeline are given at once.
const ENTRIES_AT_MOST: i64 = 200;

/// What should be rolled back, and why. Nothing changes until it is approved.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Propose {
    /// The service, with its environment if it has several: `frontend`, `frontend@production`.
    pub service: String,
    /// The release to go back to, or a moment (`@-45m`, `@02:40`). Without it, the previous known
    /// good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The Slack channel, by id, in which it is shown and recorded. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// A yes to one plan.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The rollback: `RB-1`.
    pub rollback: String,
    /// The hash of the plan that was shown: its first four digits, or all of it. Without it
    /// nothing is approved, and the answer shows the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The names of the cautions that were seen, where the rule wants them ticked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ticks: Vec<String>,
    /// The target, where the rule wants it typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed: Option<String>,
    /// The Slack channel, by id, in which a no is recorded. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// A no to a proposal, or the wish that it is stopped before the platform is asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The rollback: `RB-1`.
    pub rollback: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The Slack channel, by id, in which a no is recorded. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// What is asked after.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// A rollback, `RB-1`, or a service, for its last one. Without it, everything that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The Slack channel, by id, whose reasons are shown. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Which part of the timeline of a channel.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimelineRequest {
    /// Only entries after this one.
    #[serde(default)]
    pub after: i64,
    /// The Slack channel, by id. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RollbackResponse {
    /// The rollback it is about: `RB-1`.
    pub rollback: Option<String>,
    /// Where that stands, as its card says it: `PROPOSED`, `SERVING 7/8`, `VERIFIED`.
    pub state: Option<String>,
    /// Whether anything is still to be waited for.
    pub outcome: Option<Progress>,
    /// The same in plain words.
    pub text: String,
    /// Why nothing was done, if nothing was.
    pub refused: Option<RefusalView>,
    /// The plan, while there is one.
    pub plan: Option<PlanView>,
}

/// Whether a rollback is still to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// It goes on, or waits for somebody.
    Open,
    /// The target serves, and nothing that was looked at from outside speaks against it.
    Done,
    /// It ended in another way, or what is seen from outside is not well.
    Failed,
}

/// A no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusalView {
    /// One of docs/refusals.md, or `MISREAD` for a body that is not understood.
    pub code: String,
    /// The sentence, with the next step.
    pub sentence: String,
}

/// A plan, as an approval names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    /// Its whole hash.
    pub hash: String,
    /// What people see of it.
    pub short: String,
    /// The release that serves, as far as that is known.
    pub from: Option<String>,
    /// The release that would serve.
    pub to: String,
    /// Its class.
    pub risk: String,
    /// What is unusual about it, by the name that is ticked.
    pub cautions: BTreeMap<String, String>,
    /// Whether an approval has to tick each of them (`ticks`).
    pub ticks: bool,
    /// Whether an approval has to type the target (`typed`).
    pub typed: bool,
}

/// The timeline of a channel, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineView {
    /// The incident: `INC-1`.
    pub incident: String,
    /// How many entries it has.
    pub count: i64,
    /// Those that were asked for, in the order of their recording, at most 200.
    pub entries: Vec<Entry>,
}

/// An entry of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// Its place, from 1, without holes.
    pub seq: i64,
    /// When it happened, in UTC.
    pub at: String,
    /// Who did it.
    pub who: String,
    /// Where it came from: `command`, `out_of_band`, `platform` and others.
    pub source: String,
    /// What kind of thing it is.
    pub kind: String,
    /// The rollback it belongs to.
    pub rollback: Option<String>,
    /// What happened.
    pub text: String,
}

/// The API, described by itself.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rollback Bot, out of band",
        description = "Proposing and approving rollbacks without Slack. A no is an answer too: 200 with `refused`."
    ),
    paths(propose, approve, deny, stop, status, timeline),
    modifiers(&WithToken)
)]
struct Described;

/// Says how a token is sent.
struct WithToken;

impl Modify for WithToken {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("`rollback-bot token create` makes one: rbt_…"))
            .build();
        api.components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(token));
    }
}

/// `GET /api/v1/openapi.json`.
pub async fn description() -> Response {
    Json(Described::openapi()).into_response()
}

/// Propose a rollback.
#[utoipa::path(
    post, path = "/api/v1/propose", request_body = Propose, security(("token" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The same key again gets the same answer, and nothing is done"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: for how many seconds it is waited for what comes of it, 15 at most"),
    ),
    responses(
        (status = 200, description = "The plan with its hash, or why there is none", body = RollbackResponse),
        (status = 202, description = "Taken, and the platform is still read: ask for its status", body = RollbackResponse),
        (status = 400, description = "The body is not understood", body = RollbackResponse),
        (status = 401, description = "No token that counts", body = RollbackResponse),
        (status = 413, description = "The body is larger than 64 KiB", body = RollbackResponse),
        (status = 429, description = "More than `[limits]` allows one person", body = RollbackResponse),
        (status = 503, description = "The database does not answer in time", body = RollbackResponse),
    )
)]
pub async fn propose(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    answered(
        &app,
        "propose",
        headers,
        body,
        async |caller, ask: Propose| {
            let request = match proposal(&ask) {
                Ok(request) => request,
                Err(misread) => return Ok(misread.into()),
            };
            let Request::Propose(wish) = request else {
                return Ok(not_that("propose", &request));
            };
            let service = match command::find(&app, &wish.service) {
                Ok(service) => service,
                Err(refusal) => return caller.refuses(&app, "propose", &refusal).await,
            };
            let input = caller.input();
            let aim = command::aim(wish.target);
            match command::take_proposal(&app, input, service, aim, wish.because).await? {
                Outcome::Opened { id } => caller.waits(&app, id).await,
                Outcome::Refused { message, see, .. } => {
                    let text = plain(&app, &message.plain()).await?;
                    Ok(Answered::Done(RollbackResponse {
                        rollback: see.map(|id| format!("RB-{id}")),
                        refused: Some(RefusalView {
                            code: message.code().unwrap_or_default().to_owned(),
                            sentence: text.clone(),
                        }),
                        text,
                        ..RollbackResponse::default()
                    }))
                }
                Outcome::Noted { .. } | Outcome::Queued => Err(Error::Raced),
            }
        },
    )
    .await
}

/// Approve the plan that was shown.
#[utoipa::path(
    post, path = "/api/v1/approve", request_body = Approve, security(("token" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The same key again gets the same answer, and nothing is done"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: for how many seconds it is waited for what comes of it, 15 at most"),
    ),
    responses(
        (status = 200, description = "Where it stands now, or why the approval does not count", body = RollbackResponse),
        (status = 202, description = "Taken, and nothing is known of it yet: ask for its status", body = RollbackResponse),
        (status = 400, description = "The body is not understood", body = RollbackResponse),
        (status = 401, description = "No token that counts", body = RollbackResponse),
        (status = 413, description = "The body is larger than 64 KiB", body = RollbackResponse),
        (status = 429, description = "More than `[limits]` allows one person", body = RollbackResponse),
        (status = 503, description = "The database does not answer in time", body = RollbackResponse),
    )
)]
pub async fn approve(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    answered(
        &app,
        "approve",
        headers,
        body,
        async |caller, ask: Approve| {
            let (id, because) =
                match reread(&ask.rollback, ask.because.clone(), |rollback, because| {
                    Request::Approve { rollback, because }
                }) {
                    Ok(Request::Approve { rollback, because }) => (rollback, because),
                    Ok(request) => return Ok(not_that("approve", &request)),
                    Err(misread) => return Ok(misread.into()),
                };
            let Some(found) = rollbacks::get(&app.engine.db, id).await? else {
                let refusal = Refusal::UnknownRollback { id };
                return caller.refuses(&app, "approve", &refusal).await;
            };
            // Never for whatever plan is open: what was not shown is not approved.
            let Some(plan) = ask.plan else {
                let refusal = match found.state {
                    Stands::Proposed { .. } => Refusal::Unconfirmed {
                        what:
                            "An approval is for one plan: name the hash of the one you have seen."
                                .into(),
                    },
                    _ => found.not_open(app.engine.clock.now()),
                };
                let mut given = caller.refuses(&app, "approve", &refusal).await?;
                if let Answered::Done(said) = &mut given {
                    let shown = shown(&app, &found, &caller.channel).await?;
                    said.text = format!("{} {}", said.text, shown.text);
                    *said = RollbackResponse {
                        refused: said.refused.take(),
                        text: std::mem::take(&mut said.text),
                        ..shown
                    };
                }
                return Ok(given);
            };
            let act = Act::Approve {
                hash: Some(meant(&found, &plan)),
                confirmed: Confirmed {
                    ticked: ask.ticks,
                    typed: ask.typed,
                    because,
                },
            };
            caller.acts(&app, id, act).await
        },
    )
    .await
}

/// Deny a proposal.
#[utoipa::path(
    post, path = "/api/v1/deny", request_body = End, security(("token" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The same key again gets the same answer, and nothing is done"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: for how many seconds it is waited for what comes of it, 15 at most"),
    ),
    responses(
        (status = 200, description = "Where it stands now, or why nothing was done", body = RollbackResponse),
        (status = 202, description = "Taken, and nothing is known of it yet: ask for its status", body = RollbackResponse),
        (status = 400, description = "The body is not understood", body = RollbackResponse),
        (status = 401, description = "No token that counts", body = RollbackResponse),
        (status = 413, description = "The body is larger than 64 KiB", body = RollbackResponse),
        (status = 429, description = "More than `[limits]` allows one person", body = RollbackResponse),
        (status = 503, description = "The database does not answer in time", body = RollbackResponse),
    )
)]
pub async fn deny(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    answered(&app, "deny", headers, body, async |caller, ask: End| {
        let request = reread(&ask.rollback, ask.because, |rollback, because| {
            Request::Deny { rollback, because }
        });
        match request {
            Ok(Request::Deny { rollback, because }) => {
                caller.acts(&app, rollback, Act::Deny { because }).await
            }
            Ok(request) => Ok(not_that("deny", &request)),
            Err(misread) => Ok(misread.into()),
        }
    })
    .await
}

/// Stop a rollback before the platform is asked.
#[utoipa::path(
    post, path = "/api/v1/stop", request_body = End, security(("token" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The same key again gets the same answer, and nothing is done"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: for how many seconds it is waited for what comes of it, 15 at most"),
    ),
    responses(
        (status = 200, description = "Where it stands now, or why nothing was done", body = RollbackResponse),
        (status = 202, description = "Taken, and nothing is known of it yet: ask for its status", body = RollbackResponse),
        (status = 400, description = "The body is not understood", body = RollbackResponse),
        (status = 401, description = "No token that counts", body = RollbackResponse),
        (status = 413, description = "The body is larger than 64 KiB", body = RollbackResponse),
        (status = 429, description = "More than `[limits]` allows one person", body = RollbackResponse),
        (status = 503, description = "The database does not answer in time", body = RollbackResponse),
    )
)]
pub async fn stop(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    answered(&app, "stop", headers, body, async |caller, ask: End| {
        let request = reread(&ask.rollback, ask.because, |rollback, because| {
            Request::Stop { rollback, because }
        });
        match request {
            Ok(Request::Stop { rollback, because }) => {
                caller.acts(&app, rollback, Act::Stop { because }).await
            }
            Ok(request) => Ok(not_that("stop", &request)),
            Err(misread) => Ok(misread.into()),
        }
    })
    .await
}

/// Where a rollback stands, or everything that is open.
#[utoipa::path(
    post, path = "/api/v1/status", request_body = Look, security(("token" = [])),
    responses(
        (status = 200, description = "Where it stands, or why that is not told", body = RollbackResponse),
        (status = 400, description = "The body is not understood", body = RollbackResponse),
        (status = 401, description = "No token that counts", body = RollbackResponse),
        (status = 413, description = "The body is larger than 64 KiB", body = RollbackResponse),
        (status = 429, description = "More than `[limits]` allows one person", body = RollbackResponse),
        (status = 503, description = "The database does not answer in time", body = RollbackResponse),
    )
)]
pub async fn status(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    answered(&app, "status", headers, body, async |caller, ask: Look| {
        if let Err(refusal) = caller.may_look(&app).await? {
            return caller.refuses(&app, "status", &refusal).await;
        }
        let typed = format!("status {}", ask.about.unwrap_or_default());
        let about = match grammar::parse(&typed) {
            Ok(Request::Status(about)) => about,
            Ok(request) => return Ok(not_that("status", &request)),
            Err(misread) => return Ok(misread.into()),
        };
        let db = &app.engine.db;
        let found = match &about {
            None => {
                let open = rollbacks::open(db).await?;
                let lines: Vec<String> =
                    open.iter().map(|open| plainly(&says::line(open))).collect();
                return Ok(Answered::Done(RollbackResponse {
                    text: match lines.is_empty() {
                        true => "No rollback is open.".into(),
                        false => lines.join("\n"),
                    },
                    ..RollbackResponse::default()
                }));
            }
            Some(About::Rollback(id)) => match rollbacks::get(db, *id).await? {
                Some(found) => found,
                None => {
                    let refusal = Refusal::UnknownRollback { id: *id };
                    return caller.refuses(&app, "status", &refusal).await;
                }
            },
            Some(About::Service(service)) => match command::find(&app, service) {
                Err(refusal) => return caller.refuses(&app, "status", &refusal).await,
                Ok(service) => {
                    match rollbacks::latest_of(db, &service.name, &service.environment).await? {
                        Some(found) => found,
                        None => {
                            return Ok(Answered::Done(RollbackResponse {
                                text: format!(
                                    "{} ({}) was never rolled back from here.",
                                    service.name, service.environment
                                ),
                                ..RollbackResponse::default()
                            }));
                        }
                    }
                }
            },
        };
        Ok(Answered::Done(shown(&app, &found, &caller.channel).await?))
    })
    .await
}

/// What happened in a channel.
#[utoipa::path(
    post, path = "/api/v1/timeline", request_body = TimelineRequest, security(("token" = [])),
    responses(
        (status = 200, description = "The entries", body = TimelineView),
        (status = 400, description = "The body is not understood", body = RollbackResponse),
        (status = 401, description = "No token that counts", body = RollbackResponse),
        (status = 403, description = "Not for them", body = RollbackResponse),
        (status = 404, description = "Nothing was ever recorded for the channel", body = RollbackResponse),
        (status = 413, description = "The body is larger than 64 KiB", body = RollbackResponse),
        (status = 429, description = "More than `[limits]` allows one person", body = RollbackResponse),
        (status = 503, description = "The database does not answer in time", body = RollbackResponse),
    )
)]
pub async fn timeline(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    answered(
        &app,
        "timeline",
        headers,
        body,
        async |caller, ask: TimelineRequest| {
            if let Err(refusal) = caller.may_look(&app).await? {
                command::record(&app, &caller.input(), "timeline", &refusal).await;
                let sentence = refusal.to_string();
                return Ok(Answered::No(
                    StatusCode::FORBIDDEN,
                    refusal.code(),
                    sentence,
                ));
            }
            let db = &app.engine.db;
            let Some(incident) = timelines::latest(db, &caller.channel).await? else {
                let refusal = Refusal::NoIncident;
                return Ok(Answered::No(
                    StatusCode::NOT_FOUND,
                    refusal.code(),
                    refusal.to_string(),
                ));
            };
            let names = names(&app).await?;
            let entries = timelines::entries(db, incident, ask.after, ENTRIES_AT_MOST).await?;
            Ok(Answered::TimelineView(TimelineView {
                incident: format!("INC-{incident}"),
                count: timelines::entries_in(db, incident).await?,
                entries: entries
                    .into_iter()
                    .map(|entry| {
                        let event = entry.event;
                        let source = serde_json::to_value(event.source).unwrap_or_default();
                        Entry {
                            seq: entry.seq,
                            at: crate::messages::stamp(event.at),
                            who: event.who.to_string(),
                            source: source.as_str().unwrap_or_default().to_owned(),
                            kind: event.kind.to_string(),
                            rollback: event.rollback.map(|id| format!("RB-{id}")),
                            text: named(&event.text, &names),
                        }
                    })
                    .collect(),
            }))
        },
    )
    .await
}

/// What a request is answered with.
enum Answered {
    Done(RollbackResponse),
    /// Taken, and what comes of it is not known yet.
    Later(RollbackResponse),
    TimelineView(TimelineView),
    /// Not what was asked for: status, code and sentence.
    No(StatusCode, &'static str, String),
}

impl From<Misread> for Answered {
    fn from(misread: Misread) -> Self {
        Answered::No(StatusCode::BAD_REQUEST, "MISREAD", misread.to_string())
    }
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        match self {
            Answered::Done(said) => Json(said).into_response(),
            Answered::Later(said) => (StatusCode::ACCEPTED, Json(said)).into_response(),
            Answered::TimelineView(story) => Json(story).into_response(),
            Answered::No(status, code, sentence) => {
                let said = RollbackResponse {
                    text: sentence.clone(),
                    refused: Some(RefusalView {
                        code: code.to_owned(),
                        sentence,
                    }),
                    ..RollbackResponse::default()
                };
                (status, Json(said)).into_response()
            }
        }
    }
}

/// The words were understood as something else than this path is for.
fn not_that(verb: &str, request: &Request) -> Answered {
    let sentence =
        format!("That would be `{request}`, and this address is for `{verb}`. Nothing was run.");
    Answered::No(StatusCode::BAD_REQUEST, "MISREAD", sentence)
}

/// Somebody with a token that counts, and where it is shown and recorded.
struct Caller {
    person: Person,
    channel: String,
    /// What makes what they ask the same when it comes again; also where they wait.
    key: String,
    /// For how long.
    patience: Duration,
}

/// Lets whoever has a token ask, and answers them.
async fn answered<T: DeserializeOwned>(
    app: &App,
    verb: &'static str,
    headers: HeaderMap,
    body: Body,
    ask: impl AsyncFnOnce(&Caller, T) -> Result<Answered, Error>,
) -> Response {
    let began = Instant::now();
    let given = async {
        let (caller, body) = match admitted(app, verb, &headers, body).await? {
            Ok(admitted) => admitted,
            Err(no) => return Ok(no),
        };
        match serde_json::from_value(body) {
            Ok(asked) => {
                let span = telemetry::request("api", &caller.person.id, &caller.channel);
                async {
                    telemetry::record_key(&caller.key);
                    telemetry::record_verb(verb);
                    ask(&caller, asked).await
                }
                .instrument(span)
                .await
            }
            Err(error) => Ok(Answered::No(
                StatusCode::BAD_REQUEST,
                "MISREAD",
                format!("The body is not understood: {error}. Nothing was run."),
            )),
        }
    };
    let given: Result<Answered, Error> = given.await;
    let given = given.unwrap_or_else(|error| {
        tracing::error!(verb, %error, "what came with a token could not be taken");
        let refusal = Refusal::Busy {
            why: "the database does not answer".into(),
        };
        Answered::No(
            StatusCode::SERVICE_UNAVAILABLE,
            refusal.code(),
            refusal.to_string(),
        )
    });
    let status = match &given {
        Answered::No(StatusCode::SERVICE_UNAVAILABLE, ..) => "busy",
        Answered::No(..) => "refused",
        _ => "answered",
    };
    app.metrics.answered("api", verb, status, began.elapsed());
    given.into_response()
}

/// Whether it only looks.
fn is_look(verb: &str) -> bool {
    matches!(verb, "status" | "timeline")
}

/// Who asks, by their token, and what they sent.
async fn admitted(
    app: &App,
    verb: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Result<(Caller, serde_json::Value), Answered>, Error> {
    let no = |status, code, sentence: String| Ok(Err(Answered::No(status, code, sentence)));
    let unknown = |why: &str| {
        let refusal = Refusal::TokenRefused { why: why.into() };
        app.metrics.unheard();
        no(
            StatusCode::UNAUTHORIZED,
            refusal.code(),
            refusal.to_string(),
        )
    };
    let Some(secret) = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
    else {
        return unknown("none came with this (`Authorization: Bearer rbt_…`)");
    };
    let Some(token) = tokens::find(&app.engine.db, secret.trim()).await? else {
        return unknown("this bot has not made it");
    };
    // Nobody without a token has us read this.
    let Ok(Ok(body)) = timeout(BODY_WITHIN, to_bytes(body, BODY_AT_MOST)).await else {
        return no(
            StatusCode::PAYLOAD_TOO_LARGE,
            "MISREAD",
            format!(
                "The body is larger than {BODY_AT_MOST} bytes, or took too long. Nothing was run."
            ),
        );
    };
    let body: Result<serde_json::Value, _> = match body.is_empty() {
        true => Ok(serde_json::json!({})),
        false => serde_json::from_slice(&body),
    };
    let channel = body
        .as_ref()
        .ok()
        .and_then(|body| body["channel"].as_str())
        .or(app.config.api.channel.as_deref())
        .filter(|channel| is_channel(channel))
        .map(str::to_owned);
    let now = app.engine.clock.now();
    if let Some(why) = token.spent(now) {
        let refusal = Refusal::TokenRefused { why };
        told(app, &token, channel, verb, &refusal, now).await;
        return no(
            StatusCode::UNAUTHORIZED,
            refusal.code(),
            refusal.to_string(),
        );
    }
    let body = match body {
        Ok(body) => body,
        Err(error) => {
            return no(
                StatusCode::BAD_REQUEST,
                "MISREAD",
                format!("The body is not JSON: {error}. Nothing was run."),
            );
        }
    };
    let Some(channel) = channel else {
        return no(
            StatusCode::BAD_REQUEST,
            "MISREAD",
            "It has to be shown and recorded in a Slack channel: name its id as `channel`, like \"C0123ABCD\", or write it into [api] of the configuration. Nothing was run.".into(),
        );
    };
    // Whoever waits for a rollback looks again and again.
    let within = match is_look(verb) {
        true => app.limits.admit_look(&token.person.id, now),
        false => app.limits.admit_click(&token.person.id, now),
    };
    if let Err(over) = within {
        app.metrics.too_much(over.whose());
        let refusal = over.refusal();
        return no(
            StatusCode::TOO_MANY_REQUESTS,
            refusal.code(),
            refusal.to_string(),
        );
    }
    tokens::used(&app.engine.db, &token, now).await?;
    // Whatever it is: only whether it is the same counts.
    let given = headers
        .get("idempotency-key")
        .map(|key| hex::encode(Sha256::digest(key.as_bytes())));
    let key = match given.map_or_else(|| tokens::random(16), Ok) {
        Ok(key) => format!("{OURS}{}:{verb}:{key}", token.id),
        Err(error) => {
            tracing::error!(%error, "a request could not be told from others");
            return no(
                StatusCode::SERVICE_UNAVAILABLE,
                "BUSY",
                format!("{error}. Nothing was run."),
            );
        }
    };
    let caller = Caller {
        person: token.person,
        channel,
        key,
        patience: patience(headers),
    };
    Ok(Ok((caller, body)))
}

/// Has the log and, if an incident is going on, its timeline say that a token was used that does
/// not count any more. At most once a minute: whoever found it may try again and again.
async fn told(
    app: &App,
    token: &Token,
    channel: Option<String>,
    verb: &str,
    refusal: &Refusal,
    now: Timestamp,
) {
    // Not for each of many.
    if app
        .limits
        .admit_click(&format!("token:{}", token.id), now)
        .is_err()
    {
        return;
    }
    tracing::warn!(token = token.id, person = token.person.id, verb, %refusal, "a token was refused");
    let Some(channel) = channel else { return };
    let event = refused(&token.person, Source::OutOfBand, verb, refusal, None, now);
    let key = format!("token:{}:{}", token.id, now.as_second() / 60);
    let ask = crate::engine::Submission::Record { channel, event };
    if let Err(error) = app.engine.take(&key, ask).await {
        tracing::warn!(%error, "a refused token could not be recorded");
    }
}

/// How long somebody wants to wait: `Prefer: wait=5`.
fn patience(headers: &HeaderMap) -> Duration {
    let wanted = headers.get("prefer").and_then(|value| {
        value
            .to_str()
            .ok()?
            .trim()
            .strip_prefix("wait=")?
            .parse()
            .ok()
    });
    wanted.map_or(ANSWERED_WITHIN, |seconds| {
        Duration::from_secs(seconds).min(ANSWERED_WITHIN)
    })
}

/// Whether this is the id of a Slack channel.
pub(crate) fn is_channel(id: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    (2..=32).contains(&id.len()) && id.starts_with(['C', 'G', 'D']) && id.chars().all(fits)
}

impl Caller {
    fn input(&self) -> Input {
        Input {
            key: self.key.clone(),
            person: self.person.clone(),
            channel: self.channel.clone(),
            source: Source::OutOfBand,
            reply_to: Some(self.key.clone()),
            ..Input::default()
        }
    }

    /// A no that needed no job, for them and for the record.
    async fn refuses(&self, app: &App, verb: &str, refusal: &Refusal) -> Result<Answered, Error> {
        if !is_look(verb) {
            command::record(app, &self.input(), verb, refusal).await;
        }
        let sentence = plain(app, &refusal.say(&Plain)).await?;
        Ok(Answered::Done(RollbackResponse {
            text: sentence.clone(),
            refused: Some(RefusalView {
                code: refusal.code().to_owned(),
                sentence,
            }),
            ..RollbackResponse::default()
        }))
    }

    /// Whether they may look. Nobody asks Slack for that; but whoever has left is told nothing.
    async fn may_look(&self, app: &App) -> Result<Result<(), Refusal>, Error> {
        let known = memberships::last_known(&app.engine.db, &self.person.id).await?;
        Ok(known.map_or(Ok(()), |(membership, ..)| membership.admit()))
    }

    async fn acts(&self, app: &App, id: u64, act: Act) -> Result<Answered, Error> {
        if rollbacks::get(&app.engine.db, id).await?.is_none() {
            let refusal = Refusal::UnknownRollback { id };
            return self.refuses(app, act.verb(), &refusal).await;
        }
        command::leave_act(app, self.input(), id, None, act).await?;
        self.waits(app, id).await
    }

    /// Waits for what comes of what was taken.
    async fn waits(&self, app: &App, id: u64) -> Result<Answered, Error> {
        let began = Instant::now();
        loop {
            if let Some(reply) = replies::get(&app.engine.db, &self.key).await? {
                return Ok(Answered::Done(
                    came_of(app, id, reply, &self.channel).await?,
                ));
            }
            if began.elapsed() >= self.patience {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(Answered::Later(RollbackResponse {
            rollback: Some(format!("RB-{id}")),
            outcome: Some(Progress::Open),
            text: format!(
                "It was taken, and nothing is known of it yet. The status of RB-{id} tells; the same Idempotency-Key gets the answer."
            ),
            ..RollbackResponse::default()
        }))
    }
}

/// What came of something, with the rollback as it was then; after a no, as it is now.
pub(crate) async fn came_of(
    app: &App,
    id: u64,
    reply: Reply,
    channel: &str,
) -> Result<RollbackResponse, Error> {
    let found = match reply.rollback {
        Some(then) => Some(*then),
        None => rollbacks::get(&app.engine.db, id).await?,
    };
    let mut said = match found {
        Some(found) => shown(app, &found, channel).await?,
        None => RollbackResponse::default(),
    };
    if !reply.text.is_empty() {
        said.text = plain(app, &reply.text).await?;
    }
    said.refused = reply.refused.map(|code| RefusalView {
        code,
        sentence: said.text.clone(),
    });
    Ok(said)
}

/// A rollback as it stands, for whoever looks from a channel.
pub(crate) async fn shown(
    app: &App,
    rollback: &Rollback,
    channel: &str,
) -> Result<RollbackResponse, Error> {
    let now = app.engine.clock.now();
    let authority = app.authority(rollback).await?;
    let case = authority
        .as_ref()
        .map(|known| rollback.case(&known.policy, &known.roster));
    let confirm = case.as_ref().map(|case| case.rule.confirm);
    let line = plainly(&says::line(rollback));
    let text = match (&rollback.state, &rollback.plan) {
        (Stands::Proposed { .. }, Some(plan)) => {
            let needs = case.map_or_else(
                || {
                    "somebody with authority; this service is not in the configuration any more"
                        .into()
                },
                |case| case.needs(&Plain, now),
            );
            let hash = rollback
                .hash
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            let mut lines = vec![
                line,
                plainly(&card::facts(plan, now)).replace(['*', '`'], ""),
                format!("Needs  {needs}"),
                format!("Risk  {} · plan {hash}", plan.risk),
            ];
            lines.extend(plan.cautions.iter().map(|caution| {
                format!(
                    "Careful  {} ({})",
                    caution.say(plan.to.label(), plan.read_at),
                    caution.name()
                )
            }));
            lines.join("\n")
        }
        // Reasons given in another channel, perhaps a private one, stay there.
        _ if rollback.channel != channel => line,
        _ => plainly(&card::card(rollback, authority.as_ref(), now).text),
    };
    Ok(RollbackResponse {
        rollback: Some(format!("RB-{}", rollback.id)),
        state: Some(rollback.word()),
        outcome: Some(outcome(rollback)),
        text: plain(app, &text).await?,
        refused: None,
        plan: rollback.plan.as_ref().map(|plan| PlanView {
            hash: rollback
                .hash
                .as_ref()
                .map_or_else(String::new, |hash| hash.0.clone()),
            short: rollback
                .hash
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            from: plan.from.as_ref().map(|from| from.label().to_owned()),
            to: plan.to.label().to_owned(),
            risk: plan.risk.to_string(),
            cautions: plan
                .cautions
                .iter()
                .map(|caution| {
                    let said = caution.say(plan.to.label(), plan.read_at);
                    (caution.name().to_owned(), said)
                })
                .collect(),
            ticks: confirm == Some(Confirm::Tick) && !plan.cautions.is_empty(),
            typed: confirm == Some(Confirm::Type),
        }),
    })
}

/// Whether anything is still to be waited for.
pub(crate) fn outcome(rollback: &Rollback) -> Progress {
    match &rollback.state {
        Stands::Watching { .. } | Stands::Closed => match rollback.proof.verdict {
            _ if rollback.proof.drifted.is_some() => Progress::Failed,
            Some(Verdict::Verified | Verdict::Unproven) => Progress::Done,
            _ => Progress::Failed,
        },
        Stands::Resolved { done: true, .. } => Progress::Done,
        state if state.is_ended() => Progress::Failed,
        _ => Progress::Open,
    }
}

/// The plan that is meant by what was shown of its hash. What does not fit stays what it is, and
/// is refused as an old card is.
pub(crate) fn meant(rollback: &Rollback, given: &str) -> PlanHash {
    let given = given.trim().to_lowercase();
    match &rollback.hash {
        Some(whole) if given.len() >= 4 && whole.0.starts_with(&given) => whole.clone(),
        _ => PlanHash(given),
    }
}

/// The wish for a rollback, understood as it would be if it was typed.
fn proposal(ask: &Propose) -> Result<Request, Misread> {
    let to = ask
        .to
        .as_ref()
        .map_or_else(String::new, |to| format!(" to {to}"));
    let request = grammar::parse(&format!("{}{to}", ask.service))?;
    let Request::Propose(wish) = request else {
        return Ok(request);
    };
    let because = reason(ask.because.clone());
    let wish = Wish { because, ..wish };
    grammar::parse(&Request::Propose(wish).to_string())
}

/// An act on a rollback, understood as it would be if it was typed.
fn reread(
    rollback: &str,
    because: Option<String>,
    act: impl FnOnce(u64, Option<String>) -> Request,
) -> Result<Request, Misread> {
    match grammar::parse(&format!("status {rollback}"))? {
        Request::Status(Some(About::Rollback(id))) => {
            grammar::parse(&act(id, reason(because)).to_string())
        }
        request => Ok(request),
    }
}

fn reason(because: Option<String>) -> Option<String> {
    because.filter(|because| !because.trim().is_empty())
}

/// What the people are called who have a token.
async fn names(app: &App) -> Result<BTreeMap<String, String>, Error> {
    let owners = tokens::owners(&app.engine.db, app.engine.clock.now()).await?;
    Ok(owners
        .into_iter()
        .map(|owner| (owner.id, owner.name))
        .collect())
}

/// Words with names in place of the ids of those who can act out of band.
async fn plain(app: &App, text: &str) -> Result<String, Error> {
    Ok(named(text, &names(app).await?))
}
