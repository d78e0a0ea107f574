//! Whether it lives, whether it works, and what it counts.

use crate::{
    App,
    metrics::Recorded,
    store::{overview, readiness},
};
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

/// `GET /readyz`: the database answers and takes what is written, the worker goes on, and Slack can
/// reach the bot, as far as that needs a connection.
pub async fn ready(State(app): State<App>) -> impl IntoResponse {
    let not = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why + "\n");
    let engine = &app.engine;
    if let Err(error) = engine.db.ping().await {
        engine.health.failed(&error);
        return not("the database does not answer".into());
    }
    // Nobody sends anything to a bot that is not ready: whether it would be taken by now has to
    // be tried.
    if engine.health.failing().is_some() {
        match engine.db.probe(engine.clock.now()).await {
            Ok(()) => engine.health.worked(),
            Err(error) => engine.health.failed(&error),
        }
    }
    if let Some(why) = engine.health.failing() {
        return not(format!("the database cannot be written: {why}"));
    }
    if !app.metrics.worker_lives() {
        return not("the worker has stopped".into());
    }
    match app.metrics.why_not_connected() {
        None => (StatusCode::OK, "ready\n".into()),
        Some(why) => not(format!(
            "Slack cannot reach this bot, no connection of Socket Mode is open: {why}"
        )),
    }
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let read = async {
        let read = async {
            let (db, now) = (&app.engine.db, app.engine.clock.now());
            let mut readiness = readiness::all(db).await?;
            readiness.retain(|facts| app.config.service(&facts.service).is_some());
            Ok(Recorded {
                overview: overview::overview(db, now).await?,
                emergency_runs: overview::emergency_runs(db, now).await?,
                readiness,
            })
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
