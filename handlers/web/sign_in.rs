//! Signing in with Slack, and out.

use super::{
    answer::{Message, guarded, not_now, sent_to},
    session::Cookie,
};
use crate::{
    App,
    config::{Web, WebPage},
    web::{
        NotNow,
        sign_in::{self, Back, NotSignedIn, SESSION_LASTS, SIGN_IN_WITHIN},
    },
};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{
        HeaderMap, StatusCode,
        header::{ORIGIN, SET_COOKIE},
    },
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::time::Instant;

/// The page that somebody wants to read, by its name and not by its address: nobody is sent anywhere
/// else.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    page: Option<String>,
}

/// `GET /web/sign-in?page=RB-41`: sends a browser to Slack.
pub(super) async fn begin(
    State(app): State<App>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let Some(web) = &app.config.web else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let name = wanted.ok().and_then(|Query(wanted)| wanted.page);
    let page = name.and_then(|name| WebPage::named(&name));
    match sign_in::begin(&app, web, page.unwrap_or(WebPage::Board)) {
        Ok(begun) => {
            let cookie = Cookie::SignIn.kept(&begun.cookie, SIGN_IN_WITHIN);
            sent_to(&begun.address, &[cookie])
        }
        Err(error) => {
            tracing::error!("a sign-in could not begin: {error:#}");
            let sentence = "This machine gives no random numbers, so nobody can sign in. The operator finds the reason in the log.";
            not_now(&app, web, NotNow::Busy(sentence.into()), WebPage::Board)
        }
    }
}

/// `GET /web/signed-in?code=…&state=…`: where Slack sends the browser back.
pub(super) async fn finish(
    State(app): State<App>,
    headers: HeaderMap,
    back: Result<Query<Back>, QueryRejection>,
) -> Response {
    let began = Instant::now();
    let Some(web) = &app.config.web else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let back = back.map(|Query(back)| back).unwrap_or_default();
    let cookie = Cookie::SignIn.of(&headers);
    let (status, mut response) = match sign_in::finish(&app, web, cookie, &back).await {
        Ok(signed_in) => {
            let session = Cookie::Session.kept(&signed_in.cookie, SESSION_LASTS);
            let address = web.address(signed_in.page);
            ("answered", sent_to(&address, &[session]))
        }
        Err(why) => ("refused", not_signed_in(&app, web, why)),
    };
    // Good for once, however it went.
    forget(&mut response, Cookie::SignIn);
    app.metrics
        .answered("web", "sign_in", status, began.elapsed());
    response
}

fn not_signed_in(app: &App, web: &Web, why: NotSignedIn) -> Response {
    let again = |status, sentence: &str| {
        Message {
            status,
            title: "You are not signed in",
            sentence: sentence.into(),
            sign_in: Some(WebPage::Board),
        }
        .write(app, web)
    };
    match why {
        NotSignedIn::Declined => again(
            StatusCode::FORBIDDEN,
            "Slack says that you did not sign in. Nothing is shown to people it does not name.",
        ),
        NotSignedIn::Forged => {
            app.metrics.rejected();
            again(
                StatusCode::BAD_REQUEST,
                "This sign-in was not begun by this browser, or it was more than ten minutes ago. Begin again.",
            )
        }
        NotSignedIn::Refused => {
            app.metrics.rejected();
            again(
                StatusCode::FORBIDDEN,
                "Slack does not confirm this sign-in for this workspace. Begin again, and choose the workspace of this bot. If that does not help, the operator finds the reason in the log.",
            )
        }
        NotSignedIn::Not(why) => not_now(app, web, why, WebPage::Board),
    }
}

/// `POST /web/sign-out`: ends the session, here and in the record.
///
/// Another site cannot have a browser send it: the cookie does not come along then, and what names
/// another origin is refused.
pub(super) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Response {
    let Some(web) = &app.config.web else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let origin = headers.get(ORIGIN).map(|origin| origin.as_bytes());
    let ours = web.url.origin().ascii_serialization();
    if origin.is_some_and(|origin| origin != ours.as_bytes()) {
        app.metrics.rejected();
        let sentence = "Another site asked for this. Nothing was done.\n";
        return guarded((StatusCode::FORBIDDEN, sentence));
    }
    if let Some(session) = Cookie::Session.of(&headers)
        && let Err(why) = sign_in::end(&app, session).await
    {
        return not_now(&app, web, why, WebPage::Board);
    }
    let mut response = sent_to(&web.address(WebPage::Board), &[]);
    forget(&mut response, Cookie::Session);
    response
}

fn forget(response: &mut Response, cookie: Cookie) {
    if let Ok(forgotten) = cookie.forgotten().parse() {
        response.headers_mut().append(SET_COOKIE, forgotten);
    }
}
