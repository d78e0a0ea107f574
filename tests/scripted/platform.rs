//! The platform of the scripted providers: it remembers what it was asked for, over real HTTP.

use super::seen::{PUT_BACK, Seen};
use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use jiff::Timestamp;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::{net::TcpListener, task::JoinHandle};

/// A platform with one box, or one database.
pub struct Platform {
    seen: Shared,
    /// Where it listens, with a slash at the end.
    pub url: String,
    listening: JoinHandle<()>,
}

type Shared = Arc<Mutex<(Seen, Script)>>;

/// How it behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Script {
    /// The step that fails.
    pub fails_at: Option<u32>,
    /// How many looks a restore takes.
    pub restores_for: u32,
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Platform {
    /// Starts with `v2` live for an hour, and automatic deploys on push.
    pub async fn start(script: Script, began: Timestamp) -> Platform {
        let seen = Seen {
            live: Some("v2".into()),
            automatic: "on push".into(),
            began,
            ..Seen::default()
        };
        let shared: Shared = Arc::new(Mutex::new((seen, script)));
        let routes = Router::new()
            .route("/seen", get(look))
            .route("/step", post(step))
            .route("/automatic", post(automatic))
            .with_state(shared.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let listening = tokio::spawn(async move {
            axum::serve(listener, routes).await.unwrap();
        });
        Platform {
            seen: shared,
            url,
            listening,
        }
    }

    /// Everything about it.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().0.clone()
    }
}

async fn look(State(shared): State<Shared>) -> Json<Seen> {
    let mut shared = shared.lock().unwrap();
    let seen = shared.0.clone();
    shared.0.busy_for = seen.busy_for.saturating_sub(1);
    Json(seen)
}

async fn step(State(shared): State<Shared>, Json(body): Json<Value>) -> Json<Seen> {
    let number = u32::try_from(body["number"].as_u64().unwrap()).unwrap();
    let mut shared = shared.lock().unwrap();
    let script = shared.1;
    let seen = &mut shared.0;
    // A box that was recreated is recreated once more.
    if number == 0 && seen.done.last() == Some(&4) {
        seen.done.clear();
    }
    *seen.asked.entry(number).or_default() += 1;
    if script.fails_at == Some(number) {
        seen.failed = Some(number);
    } else {
        seen.done.push(number);
    }
    seen.live = match number {
        1 if script.restores_for == 0 => None,
        4 => body["to"].as_str().map(str::to_owned),
        PUT_BACK => Some("v2".into()),
        _ => seen.live.take(),
    };
    if number == 1 {
        seen.busy_for = script.restores_for;
    }
    Json(seen.clone())
}

async fn automatic(State(shared): State<Shared>, Json(body): Json<Value>) -> Json<Seen> {
    let mut shared = shared.lock().unwrap();
    shared.0.automatic = body["automatic"].as_str().unwrap().to_owned();
    shared.0.set += 1;
    Json(shared.0.clone())
}
