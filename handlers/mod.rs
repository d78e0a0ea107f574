//! Every route on one page.
//!
//! A handler decodes what arrives, has `bot/commands` run it, and encodes the answer. It answers
//! within Slack's three seconds, so it never calls a platform or Slack.

mod api;
mod health;
mod slack;

use crate::App;
use axum::{
    Router,
    routing::{get, post},
};

/// Everything that listens.
pub fn routes(app: App) -> Router {
    let with_token = match app.config.api.enabled {
        true => Router::new()
            .route("/api/v1/propose", post(api::propose))
            .route("/api/v1/approve", post(api::approve))
            .route("/api/v1/deny", post(api::deny))
            .route("/api/v1/stop", post(api::stop))
            .route("/api/v1/status", post(api::status))
            .route("/api/v1/timeline", post(api::timeline))
            .route("/api/v1/openapi.json", get(api::description::serve)),
        false => Router::new(),
    };
    Router::new()
        // The API and the CLI: with a token, or answered 401.
        .merge(with_token)
        // What Slack sends: signed, or answered 401.
        .route("/slack/commands", post(slack::commands::command))
        .route(
            "/slack/interactions",
            post(slack::interactions::interaction),
        )
        .route("/slack/events", post(slack::events::event))
        // What operators and their machines read.
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(app)
}

pub use slack::signed::{BODY_AT_MOST, sign};
