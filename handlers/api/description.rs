//! The API, described by itself. What the verbs share is written here once.

use crate::api::RollbackResponse;
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use utoipa::{
    IntoParams, IntoResponses, Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rollback Bot, out of band",
        description = "Proposing and approving rollbacks without Slack. A refusal is an answer too: 200 with `refused`."
    ),
    paths(
        super::propose,
        super::plan,
        super::note,
        super::reviewed,
        super::approve,
        super::deny,
        super::stop,
        super::status,
        super::timeline,
        super::export,
        super::drills::drill_report,
        super::deploys::gate,
        super::readiness::readiness
    ),
    modifiers(&WithToken)
)]
struct Description;

/// Says how a token is sent.
struct WithToken;

impl Modify for WithToken {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("`rollback-bot token create` makes one: rbt_…, or rba_… for an agent, which may propose, plan, note, and read the status and the timeline"))
            .build();
        api.components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(token));
    }
}

/// The headers of everything that acts.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it only describes; `caller` reads the headers")]
pub struct ActHeaders {
    /// The same key again gets the same answer, and nothing is done
    #[param(rename = "Idempotency-Key")]
    idempotency_key: Option<String>,
    /// `wait=5`: for how many seconds to wait for the result, 15 at most
    #[param(rename = "Prefer")]
    prefer: Option<String>,
}

/// The answers to everything that acts on a rollback.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it only describes")]
pub enum ActResponses {
    /// Where it stands now, or why nothing was done
    #[response(status = 200)]
    Done(RollbackResponse),
    /// Taken, and nothing is known of it yet: ask for its status
    #[response(status = 202)]
    Later(RollbackResponse),
}

/// The answers to requests that are not accepted as they came.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it only describes")]
pub enum Problems {
    /// The body is not understood
    #[response(status = 400)]
    Misread(RollbackResponse),
    /// The Idempotency-Key came with another request before
    #[response(status = 422)]
    ReusedKey(RollbackResponse),
    /// No token that counts
    #[response(status = 401)]
    NoToken(RollbackResponse),
    /// The body is larger than 64 KiB
    #[response(status = 413)]
    TooLarge(RollbackResponse),
    /// More than `[limits]` allows one person
    #[response(status = 429)]
    TooMuch(RollbackResponse),
    /// The database does not answer in time
    #[response(status = 503)]
    Busy(RollbackResponse),
}

/// `GET /api/v1/openapi.json`.
pub async fn serve() -> Response {
    Json(Description::openapi()).into_response()
}
