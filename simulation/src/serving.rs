//! Serves everything on one loopback port, to those who call it by a loopback name.

use std::io;
use std::sync::Weak;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, RawQuery, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::{Inner, Slack, openid, page, respond, web_api};

/// The largest request the workspace takes.
const LARGEST: usize = 64 * 1024 * 1024;

/// Accepts connections until the workspace is dropped.
pub(crate) async fn serve(listener: TcpListener, workspace: Weak<Inner>) {
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(500));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.map(|(stream, _)| stream),
            _ = tick.tick() => {
                if workspace.strong_count() == 0 { return; }
                continue;
            }
        };
        let Some(inner) = workspace.upgrade() else {
            return;
        };
        let Ok(stream) = stream else { continue };
        let routes = routes(inner);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(
                move |request: hyper::Request<hyper::body::Incoming>| {
                    let routes = routes.clone();
                    async move {
                        let Ok(response) = routes.oneshot(request.map(Body::new)).await;
                        if response.extensions().get::<Dropped>().is_some() {
                            return Err(io::Error::from(io::ErrorKind::ConnectionReset));
                        }
                        Ok(response)
                    }
                },
            );
            // a client that goes away is none of our business
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

#[derive(Clone)]
struct Dropped;

/// Stands for no answer at all: the connection is closed instead.
pub(crate) fn drop_connection() -> Response {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(Dropped);
    response
}

fn routes(inner: std::sync::Arc<Inner>) -> Router {
    Router::new()
        .route("/api/{method}", get(api).post(api))
        .route("/openid/connect/authorize", get(openid::authorize))
        .route("/upload/{id}", post(upload))
        .route("/respond/{id}", post(reply))
        .route("/file/{id}", get(file))
        .route("/", get(page::html))
        .route("/page.css", get(page::css))
        .route("/page.js", get(page::script))
        .route("/markup.js", get(page::markup_script))
        .route("/blocks.js", get(page::blocks_script))
        .route("/state", get(page::state))
        .route("/act", post(page::act))
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(from_fn(only_loopback))
        .with_state(Slack { inner })
}

/// Refuses requests that a foreign page could have made a browser send.
async fn only_loopback(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.parse::<u16>().is_ok())
        .map_or(host, |(name, _)| name);
    if !matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return (
            StatusCode::MISDIRECTED_REQUEST,
            "this workspace answers on loopback only\n",
        )
            .into_response();
    }
    if let Some(origin) = text(header::ORIGIN)
        && origin != format!("http://{host}")
    {
        return (StatusCode::FORBIDDEN, "other sites may not act here\n").into_response();
    }
    next.run(request).await
}

async fn api(
    State(slack): State<Slack>,
    Path(name): Path<String>,
    verb: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    web_api::serve(&slack, name, verb, headers, query, body).await
}

async fn upload(
    State(slack): State<Slack>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    web_api::upload(&slack, &id, &headers, &body).await
}

async fn reply(State(slack): State<Slack>, Path(id): Path<String>, body: Bytes) -> Response {
    respond::serve(&slack, &id, &body).await
}

async fn file(State(slack): State<Slack>, Path(id): Path<String>) -> Response {
    web_api::download(&slack, &id)
}
