//! One function for each page.

use super::{
    answer::{Message, not_now, page},
    session::Cookie,
};
use crate::{
    App,
    config::WebPage,
    web::{self, NotNow, Reader},
};
use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use rollback_domain::{
    grammar::{Verb, fields::rollback_field},
    identity::IncidentId,
};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Which part of a page is wanted.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    /// On the board: from which service on.
    from: Option<usize>,
    /// In a timeline: only entries before this one.
    before: Option<i64>,
}

/// A part that is not understood is the first one.
type Parted = Result<Query<Part>, QueryRejection>;

fn part(part: Parted) -> Part {
    part.map(|Query(part)| part).unwrap_or_default()
}

/// What is shown of a page that was wanted.
enum Shown<V> {
    View(V),
    /// It is not there, or not for them: a sentence.
    NotFound(String),
}

/// `GET /web`.
pub(super) async fn board(State(app): State<App>, headers: HeaderMap, query: Parted) -> Response {
    let first = part(query).from.unwrap_or(0);
    let read = async |_: &Reader| Ok(Shown::View(web::board::read(&app, first).await?));
    answered(&app, &headers, WebPage::Board, "web-board.html.j2", read).await
}

/// `GET /web/rollbacks/RB-41`.
pub(super) async fn rollback(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Parted,
) -> Response {
    let before = part(query).before.unwrap_or(i64::MAX);
    let Ok(id) = rollback_field(Verb::Status, &id) else {
        return misread(
            &app,
            "The address ends in the number of a rollback, such as RB-41.",
        );
    };
    let read = async |reader: &Reader| {
        let found = web::rollback::read(&app, reader, id, before).await?;
        Ok(match found {
            Some(view) => Shown::View(view),
            None => Shown::NotFound(format!("There is no {id}. The board lists the last ones.")),
        })
    };
    let wanted = WebPage::Rollback(id);
    answered(&app, &headers, wanted, "web-rollback.html.j2", read).await
}

/// `GET /web/incidents/INC-7`.
pub(super) async fn incident(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Parted,
) -> Response {
    let before = part(query).before.unwrap_or(i64::MAX);
    let Ok(id) = id.parse::<IncidentId>() else {
        return misread(
            &app,
            "The address ends in the number of an incident, such as INC-7.",
        );
    };
    let read = async |reader: &Reader| {
        let found = web::incident::read(&app, reader, id, before).await?;
        Ok(match found {
            Some(view) => Shown::View(view),
            None => Shown::NotFound(format!(
                "There is no {id} that you can read. What was said in a private channel is shown only to those who are in it."
            )),
        })
    };
    let wanted = WebPage::Incident(id);
    answered(&app, &headers, wanted, "web-incident.html.j2", read).await
}

/// `GET /web/stats`.
pub(super) async fn stats(State(app): State<App>, headers: HeaderMap) -> Response {
    let read = async |_: &Reader| Ok(Shown::View(web::stats::read(&app).await?));
    answered(&app, &headers, WebPage::Stats, "web-stats.html.j2", read).await
}

/// Shows a page to somebody who may read it, or says why not.
async fn answered<V: Serialize>(
    app: &App,
    headers: &HeaderMap,
    wanted: WebPage,
    template: &str,
    read: impl AsyncFnOnce(&Reader) -> Result<Shown<V>, NotNow>,
) -> Response {
    let began = Instant::now();
    let Some(web) = &app.config.web else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let shown = async {
        let reader = web::admit(app, Cookie::Session.of(headers)).await?;
        let shown = read(&reader).await?;
        Ok((reader, shown))
    };
    let (status, response) = match shown.await {
        Ok((reader, Shown::View(view))) => ("answered", page(app, web, &reader, template, &view)),
        Ok((_, Shown::NotFound(sentence))) => {
            ("refused", Message::not_found(sentence).write(app, web))
        }
        Err(why) => ("refused", not_now(app, web, why, wanted)),
    };
    app.metrics
        .answered("web", name_of(wanted), status, began.elapsed());
    response
}

/// What the page is called where answers are counted.
fn name_of(page: WebPage) -> &'static str {
    match page {
        WebPage::Board => "board",
        WebPage::Rollback(_) => "rollback",
        WebPage::Incident(_) => "incident",
        WebPage::Stats => "stats",
    }
}

/// An address that names nothing.
fn misread(app: &App, sentence: &str) -> Response {
    match &app.config.web {
        Some(web) => Message::not_found(sentence.to_owned()).write(app, web),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
