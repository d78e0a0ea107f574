//! The pages that people read in a browser. They only read, and nothing is there that is not
//! configured.
//!
//! A handler finds out which page is wanted and by whom, has `bot/web` read it, and writes it down.
//! Other than at the doors of Slack nobody waits three seconds here: Slack is asked at each page
//! whether somebody may still read.

mod answer;
mod pages;
mod session;
mod sign_in;

use crate::{CurrentApp, config::Web};
use axum::{
    Router,
    routing::{get, post},
};

/// The routes of the pages, if they are configured.
pub(super) fn routes(web: Option<&Web>) -> Router<CurrentApp> {
    let Some(_) = web else {
        return Router::new();
    };
    Router::new()
        .route("/web", get(pages::board))
        .route("/web/", get(pages::board))
        .route("/web/rollbacks/{id}", get(pages::rollback))
        .route("/web/incidents/{id}", get(pages::incident))
        .route("/web/stats", get(pages::stats))
        .route("/web/style.css", get(answer::style))
        .route("/web/sign-in", get(sign_in::begin))
        .route("/web/signed-in", get(sign_in::finish))
        .route("/web/sign-out", post(sign_in::sign_out))
}
