//! Alerts of programs that watch production. Each request proves that it comes from the program
//! before it is parsed, or is answered 401; nobody is told why. What a body leads to is stored, and
//! all else is left to jobs: some programs wait a second for their answer.

use super::slack::signed::receive;
use crate::{App, CurrentApp, alerts::Proof, commands::alert, metrics::AlertOutcome};
use axum::{
    Router,
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The largest body that is read, in bytes.
const BODY_AT_MOST: usize = 256 * 1024;
/// How long storing may take: Sentry waits a second for its answer.
const STORED_WITHIN: Duration = Duration::from_millis(900);
/// How old a body may be that says when it was sent, in seconds. What was sent before is remembered
/// for longer than that.
const SENT_AT_MOST: i64 = 24 * 3_600;

/// The route of everybody who is configured.
pub(super) fn routes() -> Router<CurrentApp> {
    Router::new().route("/alerts/{name}", post(take))
}

async fn take(State(app): State<App>, Path(name): Path<String>, request: Request) -> Response {
    let began = Instant::now();
    let Some((name, source)) = app.config.alerts.get_key_value(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (parts, body) = request.into_parts();
    let body = match receive(&parts.headers, body, BODY_AT_MOST).await {
        Ok(body) => body,
        Err(rejection) => return refused(&app, name, rejection.into_response()),
    };
    let now = app.engine.clock.now();
    let proof = Proof {
        headers: &parts.headers,
        body: &body,
        now,
    };
    let unauthorized = || {
        let why = "the alert is not proven as configured, or its time is off";
        refused(&app, name, (StatusCode::UNAUTHORIZED, why).into_response())
    };
    if !source.sender.is_own(&proof) {
        return unauthorized();
    }
    let Ok(json) = serde_json::from_slice::<Value>(&body) else {
        let why = "the body is not JSON";
        return refused(&app, name, (StatusCode::BAD_REQUEST, why).into_response());
    };
    let sent_at = source.sender.sent_at(&json);
    if sent_at.is_some_and(|sent| now.duration_since(sent).as_secs() > SENT_AT_MOST) {
        return unauthorized();
    }
    let alerts = source.sender.alerts(&json);
    let stored = timeout(
        STORED_WITHIN,
        alert::receive(&app, name, source, &body, alerts),
    );
    let (status, response) = match stored.await {
        Ok(Ok(())) => ("answered", StatusCode::NO_CONTENT.into_response()),
        // The program sends it again, and it is taken once.
        Ok(Err(error)) => {
            app.metrics.failed(&error);
            ("busy", StatusCode::SERVICE_UNAVAILABLE.into_response())
        }
        Err(_) => ("busy", StatusCode::SERVICE_UNAVAILABLE.into_response()),
    };
    app.metrics
        .answered("alert", "alert", status, began.elapsed());
    response
}

fn refused(app: &App, name: &str, response: Response) -> Response {
    app.metrics.rejected();
    app.metrics.alert(name, AlertOutcome::Refused);
    response
}
