//! A Statuspage on loopback, and a program that takes updates.
//!
//! Every request is held against what the published API takes; whatever is not in it ends up in
//! [`Notices::violations`], which is empty after every story.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header::RETRY_AFTER},
    response::{Html, IntoResponse, Response},
};
use boon::{Compiler, Schemas};
use jiff::Timestamp;
use rollback_bot::notices::webhook::signature;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

/// The only key that is let in.
pub const TOKEN: &str = "8f1c2d3e4a5b69788796a5b4c3d2e1f0aabbccdd";
/// What updates for the program are signed with.
pub const SECRET: &str = "hook-secret-of-the-fake-program";
/// What is published of the API.
const PUBLISHED: &str = include_str!("statuspage.json");
/// The only page there is.
pub const PAGE: &str = "kctbh9vrtdwd";

/// What it does instead of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It answers.
    Not,
    /// Answers this, and does nothing.
    Status(u16),
    /// Answers 200 with a page of a proxy, and does nothing.
    Html,
    /// Does what it is asked for, and closes the connection without saying so, once.
    LosesAnswer,
}

type Time = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The fake.
#[derive(Clone)]
pub struct Notices {
    base: String,
    time: Time,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    broken: Option<Broken>,
    incidents: Vec<Value>,
    /// How the components of each incident are said to be.
    components: BTreeMap<String, Value>,
    next: u32,
    /// When it was asked.
    asked: Vec<Timestamp>,
    hooked: Vec<Value>,
    violations: Vec<String>,
}

impl Notices {
    /// A page without an incident.
    pub async fn start(time: Time) -> Notices {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let notices = Notices {
            base: format!("http://{}", listener.local_addr().unwrap()),
            time,
            books: Arc::default(),
        };
        let routes = Router::new().fallback(answer).with_state(notices.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        notices
    }

    /// Where the API is.
    pub fn api_url(&self) -> String {
        format!("{}/v1", self.base)
    }

    /// Where the program listens.
    pub fn hook_url(&self) -> String {
        format!("{}/hook/s3cr3t", self.base)
    }

    /// From now on it lets down whoever asks, or does not any more.
    pub fn breaks(&self, how: Broken) {
        self.books.lock().unwrap().broken = Some(how);
    }

    /// Every incident of the page, each with its updates, oldest first.
    pub fn page(&self) -> String {
        let books = self.books.lock().unwrap();
        let incident = |incident: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let updates = incident["incident_updates"]
                .as_array()
                .unwrap()
                .iter()
                .rev();
            let updates = updates.map(|update| {
                let mail = match update["deliver_notifications"] == true {
                    true => ", mailed",
                    false => "",
                };
                let body = text(&update["body"]).replace('\n', " / ");
                format!("  {}{mail}: {body}", text(&update["status"]))
            });
            let components = books.components.get(&text(&incident["id"]));
            let components = components.unwrap_or(&Value::Null).to_string();
            let head = format!(
                "{} {} ({}) {components}",
                text(&incident["id"]),
                text(&incident["name"]),
                text(&incident["impact_override"]),
            );
            [head]
                .into_iter()
                .chain(updates)
                .collect::<Vec<_>>()
                .join("\n")
        };
        let incidents: Vec<String> = books.incidents.iter().map(incident).collect();
        incidents.join("\n")
    }

    /// Somebody deletes every incident of the page by hand.
    pub fn is_emptied(&self) {
        self.books.lock().unwrap().incidents.clear();
    }

    /// What the program got, in order and with repetitions.
    pub fn hooked(&self) -> Vec<Value> {
        self.books.lock().unwrap().hooked.clone()
    }

    /// How often the page was asked.
    pub fn asked(&self) -> usize {
        self.books.lock().unwrap().asked.len()
    }

    /// What was wrong with how it was asked.
    pub fn violations(&self) -> Vec<String> {
        self.books.lock().unwrap().violations.clone()
    }
}

async fn answer(
    State(notices): State<Notices>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut books = notices.books.lock().unwrap();
    if uri.path().starts_with("/hook/") {
        return books.hook(&headers, &body);
    }
    let now = (notices.time)();
    books.asked.push(now);
    let in_a_minute = |at: &&Timestamp| now.duration_since(**at).as_secs() < 60;
    if books.asked.iter().filter(in_a_minute).count() > 60 {
        books.violations.push("more than a request a second".into());
    }
    let broken = books.broken.unwrap_or(Broken::Not);
    match broken {
        Broken::Status(code) => {
            let status = StatusCode::from_u16(code).unwrap();
            let error = json!({ "error": ["Name can't be blank", format!("key {TOKEN}")] });
            return (status, [(RETRY_AFTER, "90")], Json(error)).into_response();
        }
        Broken::Html => return Html("<html><b>Sign in</b>").into_response(),
        Broken::Not | Broken::LosesAnswer => {}
    }
    if headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        != Some(&format!("OAuth {TOKEN}"))
    {
        let error = json!({ "error": "Could not authenticate" });
        return (StatusCode::UNAUTHORIZED, Json(error)).into_response();
    }
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let answer = books.page(&method, uri.path(), &body, now);
    if broken == Broken::LosesAnswer {
        books.broken = None;
        // A body that ends before it is whole: the connection is cut in the middle of it.
        return Response::builder()
            .header("content-length", "1000")
            .body(axum::body::Body::from("{"))
            .unwrap();
    }
    answer
}

impl Books {
    fn page(&mut self, method: &Method, path: &str, body: &Value, now: Timestamp) -> Response {
        let unknown =
            || (StatusCode::NOT_FOUND, Json(json!({ "error": "Not found" }))).into_response();
        let path: Vec<&str> = path.trim_matches('/').split('/').collect();
        if path == ["v1", "pages", PAGE] {
            return Json(json!({ "id": PAGE, "name": "Acme status" })).into_response();
        }
        let ["v1", "pages", PAGE, "incidents", ref rest @ ..] = path[..] else {
            return unknown();
        };
        match (method.as_str(), rest) {
            ("GET", []) => {
                let all = json!(self.incidents);
                self.answers("incidents", &all).into_response()
            }
            ("GET", ["unresolved"]) => {
                let all = self.incidents.iter();
                let open = all.filter(|one| one["status"] != "resolved");
                let open = json!(open.collect::<Vec<_>>());
                self.answers("incidents", &open).into_response()
            }
            ("POST", []) => {
                self.conforms("create", body);
                self.next += 1;
                let id = format!("inc{}", self.next);
                let incident = json!({
                    "id": id, "shortlink": format!("https://stspg.io/{id}"),
                    "incident_updates": [], "metadata": {}, "created_at": now.to_string(),
                });
                self.incidents.push(incident);
                let at = self.incidents.len() - 1;
                (StatusCode::CREATED, self.change(at, &body["incident"])).into_response()
            }
            (_, [id, rest @ ..]) => {
                let Some(at) = self.incidents.iter().position(|one| one["id"] == *id) else {
                    return unknown();
                };
                match (method.as_str(), rest) {
                    ("GET", []) => {
                        let incident = self.incidents[at].clone();
                        self.answers("incident", &incident).into_response()
                    }
                    ("PATCH", []) => {
                        self.conforms("change", body);
                        self.change(at, &body["incident"]).into_response()
                    }
                    ("PATCH", ["incident_updates", update]) => {
                        self.conforms("change_update", body);
                        let wanted = &body["incident_update"];
                        let updates = self.incidents[at]["incident_updates"]
                            .as_array_mut()
                            .unwrap();
                        let Some(found) = updates.iter_mut().find(|one| one["id"] == *update)
                        else {
                            return unknown();
                        };
                        found["body"] = wanted["body"].clone();
                        let found = found.clone();
                        self.answers("update", &found).into_response()
                    }
                    _ => unknown(),
                }
            }
            _ => unknown(),
        }
    }

    fn change(&mut self, at: usize, wanted: &Value) -> Json<Value> {
        self.next += 1;
        let incident = &mut self.incidents[at];
        for key in ["name", "status", "impact_override", "metadata"] {
            if !wanted[key].is_null() {
                incident[key] = wanted[key].clone();
            }
        }
        let id = incident["id"].as_str().unwrap_or_default().to_owned();
        if !wanted["components"].is_null() {
            self.components.insert(id, wanted["components"].clone());
        }
        let update = json!({
            "id": format!("upd{}", self.next), "status": incident["status"],
            "body": wanted["body"],
            // It notifies unless it is told not to.
            "deliver_notifications": wanted["deliver_notifications"] != false,
        });
        incident["incident_updates"]
            .as_array_mut()
            .unwrap()
            .insert(0, update);
        let incident = incident.clone();
        self.answers("incident", &incident)
    }

    /// An answer, which is held against what the API answers.
    fn answers(&mut self, call: &str, answer: &Value) -> Json<Value> {
        self.conforms(call, answer);
        Json(answer.clone())
    }

    /// Holds a request, or what answers it, against what is published.
    fn conforms(&mut self, call: &str, value: &Value) {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        let published = serde_json::from_str(PUBLISHED).unwrap();
        let place = "https://statuspage.example/";
        compiler.add_resource(place, published).unwrap();
        let mut schemas = Schemas::new();
        let schema = compiler.compile(&format!("{place}#/{call}"), &mut schemas);
        if let Err(error) = schemas.validate(value, schema.unwrap()) {
            self.violations.push(format!("{call}: {error:#}"));
        }
    }

    fn hook(&mut self, headers: &HeaderMap, body: &[u8]) -> Response {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let at: i64 = header("x-rollback-bot-timestamp")
            .unwrap_or_default()
            .parse()
            .unwrap_or(0);
        if header("x-rollback-bot-signature") != signature(SECRET, at, body).as_deref() {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        if let Some(Broken::Status(code)) = self.broken {
            return StatusCode::from_u16(code).unwrap().into_response();
        }
        let body: Value = serde_json::from_slice(body).unwrap();
        if header("idempotency-key") != body["id"].as_str() {
            self.violations
                .push("another idempotency key than id".into());
        }
        self.hooked.push(body);
        StatusCode::ACCEPTED.into_response()
    }
}
