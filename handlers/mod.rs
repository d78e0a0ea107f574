//! Every route on one page.
//!
//! A handler answers within Slack's three seconds: it verifies, understands, takes (one
//! transaction) and answers. It never calls a platform or Slack; it leaves a job that does.

mod answer;
pub mod api;
pub mod command;
mod events;
mod health;
mod interactions;
mod says;
mod shared;
mod signed;
use crate::App;
use axum::{
    Router,
    routing::{get, post},
};

/// Everything that listens.
pub fn routes(app: App) -> Router {
    let out_of_band = match app.config.api.enabled {
        true => Router::new()
            .route("/api/v1/propose", post(api::propose))
            .route("/api/v1/approve", post(api::approve))
            .route("/api/v1/deny", post(api::deny))
            .route("/api/v1/stop", post(api::stop))
            .route("/api/v1/status", post(api::status))
            .route("/api/v1/timeline", post(api::timeline))
            .route("/api/v1/openapi.json", get(api::description)),
        false => Router::new(),
    };
    Router::new()
        // What people ask when Slack is down: with a token, or answered 401.
        .merge(out_of_band)
        // What Slack sends: signed, or answered 401.
        .route("/slack/commands", post(command::slash))
        .route("/slack/interactions", post(interactions::interaction))
        .route("/slack/events", post(events::event))
        // What operators and their machines ask.
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(app)
}

pub use shared::Reads;
pub use signed::{BODY_AT_MOST, sign};
