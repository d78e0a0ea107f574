//! Whether it lives, whether it works, and what it counts.

use crate::App;
use axum::{
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};

/// `GET /healthz`: the process answers.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// `GET /readyz`: the database answers, and the worker keeps up.
pub async fn ready(State(app): State<App>) -> impl IntoResponse {
    if let Err(error) = app.engine.db.ping().await {
        tracing::warn!(%error, "not ready");
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer\n",
        );
    }
    match app.metrics.worker_lives() {
        true => (StatusCode::OK, "ready\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the worker has stopped\n"),
    }
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(State(app): State<App>) -> impl IntoResponse {
    // As it was when last read, if the database does not answer: the rest is told all the same.
    match super::says::glass_count(&app).await {
        Ok(count) => app.metrics.glass(count),
        Err(error) => tracing::warn!(%error, "broken glasses could not be counted"),
    }
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4")],
        app.metrics.text(),
    )
}
