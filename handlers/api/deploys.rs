//! `GET /api/v1/gate`: what a pipeline asks before it deploys.

use super::{
    Endpoint,
    answer::Problem,
    caller::{self, Caller},
    description::Problems,
};
use crate::{
    App,
    api::{DeployView, GateQuery, HoldView, RollbackResponse},
    commands::{Failure, deploy_gate},
    messages::stamp,
};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use rollback_domain::grammar::{Verb, fields::service_field};
use std::time::Instant;

/// Whether a deploy should wait.
#[utoipa::path(
    get, path = "/api/v1/gate", params(GateQuery), security(("token" = [])),
    responses(
        (status = 200, description = "Nothing is known that speaks against the deploy", body = DeployView),
        (status = 423, description = "The deploy should wait, and why", body = DeployView),
        (status = 403, description = "Not for them", body = RollbackResponse),
        (status = 404, description = "There is no such service", body = RollbackResponse),
        Problems,
    )
)]
pub async fn gate(
    State(app): State<App>,
    headers: HeaderMap,
    query: Result<Query<GateQuery>, QueryRejection>,
) -> Response {
    let began = Instant::now();
    // It shows what the board and `pins` show.
    let endpoint = Endpoint::looks(Verb::Pins);
    let answer = async {
        let caller = caller::admit_reader(&app, endpoint, &headers).await?;
        let Query(query) = query
            .map_err(|error| Problem::misread(format!("The query is not understood: {error}.")))?;
        look(&app, &caller, endpoint, &query).await
    };
    let (status, response) = match answer.await {
        Ok(view) if view.held => ("held", (StatusCode::LOCKED, Json(view)).into_response()),
        Ok(view) => ("answered", Json(view).into_response()),
        Err(problem) => ("refused", problem.into_response()),
    };
    app.metrics.answered("api", "gate", status, began.elapsed());
    response
}

async fn look(
    app: &App,
    caller: &Caller,
    endpoint: Endpoint,
    query: &GateQuery,
) -> Result<DeployView, Problem> {
    if let Some(refusal) = caller.why_not_look(app, endpoint).await? {
        return Err(Problem::refused(StatusCode::FORBIDDEN, &refusal));
    }
    let service = service_field(&query.service)?;
    let release = query.release.as_deref().map(str::trim);
    let release = release.filter(|release| !release.is_empty());
    match deploy_gate::look(app, &service, release).await {
        Ok(gate) => Ok(view(&gate, release)),
        Err(Failure::Refused(refusal)) => Err(Problem::refused(StatusCode::NOT_FOUND, &refusal)),
        Err(Failure::Engine(error)) => Err(error.into()),
    }
}

fn view(gate: &deploy_gate::DeployGate, release: Option<&str>) -> DeployView {
    let holds: Vec<HoldView> = gate
        .holds
        .iter()
        .map(|hold| HoldView {
            name: hold.name().to_owned(),
            sentence: hold.to_string(),
        })
        .collect();
    let service = gate.service.to_string();
    let sentences: Vec<&str> = holds.iter().map(|hold| hold.sentence.as_str()).collect();
    let text = match (sentences.as_slice(), gate.read_at) {
        ([], Some(at)) => format!(
            "Nothing holds a deploy of {service}. The platform was last read at {}.",
            stamp(at)
        ),
        ([], None) => format!(
            "Nothing holds a deploy of {service}, as far as is known: its platform was not read yet."
        ),
        (sentences, _) => format!("Do not deploy {service} now. {}", sentences.join(" ")),
    };
    DeployView {
        service: gate.service.typed(),
        release: release.map(str::to_owned),
        held: !holds.is_empty(),
        holds,
        text,
    }
}
