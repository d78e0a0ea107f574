//! Writes pages: with the headers that keep them from others, and none of them in a cache.

use crate::{
    App,
    config::{Web, WebPage},
    messages::STYLE,
    web::{Frame, NotNow, Reader},
};
use axum::{
    http::{
        HeaderName, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
            SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    response::{Html, IntoResponse, Response},
};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

/// A page has words and our own style, and asks nobody for anything else: no script, no picture, no
/// frame, and its one form goes to us.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, POLICY),
    // Not less: of a page that names nothing browsers say "null" where it posts its form.
    (REFERRER_POLICY, "same-origin"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// `GET /web/style.css`: the same for everybody.
pub(super) async fn style() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=3600"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, STYLE)
}

/// An answer with the headers that every page has.
pub(super) fn guarded(answer: impl IntoResponse) -> Response {
    (HEADERS, answer).into_response()
}

/// A page for somebody who may read it.
pub(super) fn page(
    app: &App,
    web: &Web,
    reader: &Reader,
    template: &str,
    view: &impl Serialize,
) -> Response {
    let path = web.path();
    let frame = Frame::new(app, &path, Some(reader));
    let frame = context! { frame => Value::from(Serde(&frame)) };
    let context = context! { ..Value::from(Serde(view)), ..frame };
    written(app, StatusCode::OK, template, context)
}

/// Why somebody is shown nothing, and how they go on. `wanted`: the page that they get when they sign
/// in.
pub(super) fn not_now(app: &App, web: &Web, why: NotNow, wanted: WebPage) -> Response {
    match why {
        NotNow::SignedOut => Message {
            status: StatusCode::UNAUTHORIZED,
            title: "Sign in",
            sentence: "These pages are for members of the Slack workspace. Slack tells who you are, and nothing else is asked for.".into(),
            sign_in: Some(wanted),
        },
        NotNow::Refused(sentence) => Message {
            status: StatusCode::FORBIDDEN,
            title: "Not for you to read",
            sentence,
            sign_in: None,
        },
        NotNow::TooMuch => Message {
            status: StatusCode::TOO_MANY_REQUESTS,
            title: "Not so fast",
            sentence: "You have opened too many pages within a minute. Reload in a moment.".into(),
            sign_in: None,
        },
        NotNow::Busy(sentence) => Message {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title: "Not now",
            sentence,
            sign_in: None,
        },
    }
    .write(app, web)
}

/// A page with one sentence.
pub(super) struct Message {
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) sentence: String,
    /// The page that a sign-in leads to; `None`: signing in helps nobody.
    pub(super) sign_in: Option<WebPage>,
}

impl Message {
    /// A page that is not there, or not for them.
    pub(super) fn not_found(sentence: String) -> Self {
        Message {
            status: StatusCode::NOT_FOUND,
            title: "Not found",
            sentence,
            sign_in: None,
        }
    }

    pub(super) fn write(self, app: &App, web: &Web) -> Response {
        let path = web.path();
        let frame = Frame::new(app, &path, None);
        let context = context! {
            frame => Value::from(Serde(&frame)),
            title => self.title,
            sentence => self.sentence,
            sign_in => self.sign_in.map(|page| page.to_string()),
        };
        written(app, self.status, "web-message.html.j2", context)
    }
}

fn written(app: &App, status: StatusCode, template: &str, context: Value) -> Response {
    match app.templates.page(template, context) {
        Ok(page) => guarded((status, Html(page))),
        Err(error) => {
            tracing::error!("a page could not be rendered: {error:#}");
            let sentence =
                "This page could not be drawn. The operator finds the reason in the log.\n";
            guarded((StatusCode::INTERNAL_SERVER_ERROR, sentence))
        }
    }
}

/// Sends a browser to another address, with what it is to keep or to forget.
pub(super) fn sent_to(address: &str, cookies: &[String]) -> Response {
    let mut response = guarded((StatusCode::SEE_OTHER, [(LOCATION, address.to_owned())]));
    for cookie in cookies {
        if let Ok(cookie) = cookie.parse() {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}
