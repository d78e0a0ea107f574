//! `GET /api/v1/readiness`: whether services could be rolled back now.

use super::{
    Endpoint,
    answer::Problem,
    caller::{self, Caller},
    description::Problems,
};
use crate::{
    App,
    api::{ReadinessLine, ReadinessQuery, ReadinessView, RollbackResponse, ServiceReadiness},
    commands::{Failure, ready::last_read},
    messages::stamp,
};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::{Verb, fields::service_field},
    identity::ServiceKey,
    readiness::{Level, Line, ServiceFacts},
};
use std::time::Instant;

/// Whether services could be rolled back now, as they were last read.
#[utoipa::path(
    get, path = "/api/v1/readiness", params(ReadinessQuery), security(("token" = [])),
    responses(
        (status = 200, description = "What is known of each service", body = ReadinessView),
        (status = 403, description = "Not for them", body = RollbackResponse),
        (status = 404, description = "There is no such service", body = RollbackResponse),
        Problems,
    )
)]
pub async fn readiness(
    State(app): State<App>,
    headers: HeaderMap,
    query: Result<Query<ReadinessQuery>, QueryRejection>,
) -> Response {
    let began = Instant::now();
    let endpoint = Endpoint::looks(Verb::Ready);
    let answer = async {
        let caller = caller::admit_reader(&app, endpoint, &headers).await?;
        let Query(query) = query
            .map_err(|error| Problem::misread(format!("The query is not understood: {error}.")))?;
        look(&app, &caller, endpoint, &query).await
    };
    let (status, response) = match answer.await {
        Ok(view) => ("answered", Json(view).into_response()),
        Err(problem) => ("refused", problem.into_response()),
    };
    let verb = endpoint.verb.name();
    app.metrics.answered("api", verb, status, began.elapsed());
    response
}

async fn look(
    app: &App,
    caller: &Caller,
    endpoint: Endpoint,
    query: &ReadinessQuery,
) -> Result<ReadinessView, Problem> {
    if let Some(refusal) = caller.why_not_look(app, endpoint).await? {
        return Err(Problem::refused(StatusCode::FORBIDDEN, &refusal));
    }
    let service = query.service.as_deref().map(service_field).transpose()?;
    match last_read(app, service.as_ref()).await {
        Ok(read) => {
            let now = app.engine.clock.now();
            let services = read.iter();
            let services: Vec<ServiceReadiness> = services
                .map(|(service, facts)| view(&service.key, facts.as_ref(), now))
                .collect();
            let texts: Vec<String> = services.iter().map(text).collect();
            Ok(ReadinessView {
                text: texts.join("\n"),
                services,
            })
        }
        Err(Failure::Refused(refusal)) => Err(Problem::refused(StatusCode::NOT_FOUND, &refusal)),
        Err(Failure::Engine(error)) => Err(error.into()),
    }
}

fn view(service: &ServiceKey, facts: Option<&ServiceFacts>, now: Timestamp) -> ServiceReadiness {
    let lines = facts.map_or_else(Vec::new, |facts| facts.lines(now));
    let line = |line: &Line| ReadinessLine {
        name: line.subject.name().to_owned(),
        level: line.level.name().to_owned(),
        sentence: line.sentence.clone(),
        next: line.next.clone(),
        read_at: stamp(line.read_at),
    };
    ServiceReadiness {
        service: service.typed(),
        level: Level::of(&lines).name().to_owned(),
        read_at: facts.map(|facts| stamp(facts.read_at)),
        lines: lines.iter().map(line).collect(),
    }
}

/// A service in plain words, a line for each thing.
fn text(service: &ServiceReadiness) -> String {
    let name = &service.service;
    let Some(read_at) = &service.read_at else {
        return format!("{name}: not read yet");
    };
    let mut text = format!("{name}: {}, read at {read_at}", words(&service.level));
    for line in &service.lines {
        let level = words(&line.level);
        text.push_str(&format!("\n  {} {level}: {}", line.name, line.sentence));
        if let Some(next) = &line.next {
            text.push_str(&format!("\n    {next}"));
        }
    }
    text
}

fn words(level: &str) -> String {
    level.replace('_', " ")
}
