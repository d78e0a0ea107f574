//! The service as its customers see it: what it answers depends on what the platform serves.

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// A public site.
#[derive(Clone)]
pub struct Site {
    base: String,
    behaviour: Arc<Mutex<Behaviour>>,
}

struct Behaviour {
    live: Box<dyn Fn() -> String + Send>,
    cached: Option<String>,
    sick: Vec<String>,
}

impl Site {
    /// A site that answers as the release that `live` names; v214 is sick.
    pub async fn start(live: impl Fn() -> String + Send + 'static) -> Site {
        let behaviour = Arc::new(Mutex::new(Behaviour {
            live: Box::new(live),
            cached: None,
            sick: vec!["v214".into()],
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new()
            .route("/version.json", get(version))
            .route("/api/health", get(health))
            .with_state(behaviour.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Site { base, behaviour }
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.base.clone()
    }

    /// A cache in front goes on answering as this release.
    pub fn caches(&self, release: &str) {
        self.behaviour.lock().unwrap().cached = Some(release.into());
    }

    /// This release fails its health check, too.
    pub fn sickens(&self, release: &str) {
        self.behaviour.lock().unwrap().sick.push(release.into());
    }

    /// What this release needs is there again: it is well from now on.
    pub fn heals(&self, release: &str) {
        let mut behaviour = self.behaviour.lock().unwrap();
        behaviour.sick.retain(|sick| sick != release);
    }
}

impl Behaviour {
    fn answering(&self) -> String {
        self.cached.clone().unwrap_or_else(|| (self.live)())
    }
}

async fn version(State(behaviour): State<Arc<Mutex<Behaviour>>>) -> impl IntoResponse {
    Json(json!({ "version": behaviour.lock().unwrap().answering() }))
}

async fn health(State(behaviour): State<Arc<Mutex<Behaviour>>>) -> impl IntoResponse {
    let behaviour = behaviour.lock().unwrap();
    let live = (behaviour.live)();
    match behaviour.sick.contains(&live) {
        true => (StatusCode::INTERNAL_SERVER_ERROR, "sick"),
        false => (StatusCode::OK, "well"),
    }
}
