//! Every route on one page.
//!
//! A handler decodes what arrives, has `bot/commands` run it, and encodes the answer. It answers
//! within Slack's three seconds, so it never calls a platform or Slack. Only for a page in a browser,
//! where nobody waits like that, `bot/web` asks Slack who reads.

mod api;
mod health;
mod slack;
mod web;
mod webhooks;

use crate::{App, CurrentApp, config::Delivery};
use axum::{
    Router,
    routing::{get, post},
};

/// What is answered where everybody can come: Slack, platforms' webhooks, browsers, whether the bot
/// is ready, and, unless they have an address of their own, the operators' routes.
/// Which of them there are is decided once, by the configuration that the process was started with.
pub fn routes(current: CurrentApp) -> Router {
    let app = current.app();
    let of_operators = match app.config.server.operators_address {
        Some(_) => Router::new(),
        None => for_operators(&app),
    };
    let of_slack = match app.config.slack.delivery {
        // What Slack sends: signed, or answered 401.
        Delivery::Requests { .. } => Router::new()
            .route("/slack/commands", post(slack::commands::command))
            .route(
                "/slack/interactions",
                post(slack::interactions::interaction),
            )
            .route("/slack/events", post(slack::events::event)),
        // It sends nothing here.
        Delivery::SocketMode { .. } => Router::new(),
    };
    of_slack
        .merge(webhooks::routes(&app.config.webhooks))
        .merge(web::routes(app.config.web.as_ref()))
        .merge(health())
        .merge(of_operators)
        .with_state(current)
}

/// What is answered at the operators' own address.
pub fn operators_routes(current: CurrentApp) -> Router {
    let of_operators = for_operators(&current.app());
    health().merge(of_operators).with_state(current)
}

/// What load balancers and supervisors ask.
fn health() -> Router<CurrentApp> {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
}

/// What operators and their machines read, and what they ask with a token.
fn for_operators(app: &App) -> Router<CurrentApp> {
    let with_token = match app.config.api.enabled {
        // The API and the CLI: with a token, or answered 401.
        true => Router::new()
            .route("/api/v1/propose", post(api::propose))
            .route("/api/v1/plan", post(api::plan))
            .route("/api/v1/note", post(api::note))
            .route("/api/v1/reviewed", post(api::reviewed))
            .route("/api/v1/approve", post(api::approve))
            .route("/api/v1/deny", post(api::deny))
            .route("/api/v1/stop", post(api::stop))
            .route("/api/v1/status", post(api::status))
            .route("/api/v1/timeline", post(api::timeline))
            .route("/api/v1/export", post(api::export))
            .route("/api/v1/drill/report", post(api::drill_report))
            .route("/api/v1/gate", get(api::gate))
            .route("/api/v1/{verb}", post(api::elsewhere))
            .route("/api/v1/readiness", get(api::readiness))
            .route("/api/v1/openapi.json", get(api::description::serve)),
        false => Router::new(),
    };
    with_token.route("/metrics", get(health::metrics))
}

pub use slack::{
    signed::{BODY_AT_MOST, sign},
    socket::{Envelope, receive as receive_envelope},
};
