//! Whether it lives, whether it works, and what it counts.

use crate::{App, store::overview};
use axum::{
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};
use std::time::Duration;
use tokio::time::timeout;

/// How long the record may take to be counted: the rest is told all the same.
const RECORD_WITHIN: Duration = Duration::from_secs(1);

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
    let read = async {
        let read = async {
            let now = app.engine.clock.now();
            let overview = overview::overview(&app.engine.db, now).await?;
            Ok((overview, super::says::glass_count(&app).await?))
        };
        let read: sqlx::Result<_> = timeout(RECORD_WITHIN, read)
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut));
        read.inspect_err(|error| tracing::warn!(%error, "the record could not be counted"))
            .ok()
    };
    let text = app.metrics.text(&app.engine, read).await;
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}
