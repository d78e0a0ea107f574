//! A PagerDuty on loopback: who is on call, and who was paged.
//!
//! Every request is held against the published API on the way in; whatever is not in it ends up
//! in [`PagerDuty::violations`], which a story should find empty.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;
use url::Url;

/// The only token that is let in.
pub const TOKEN: &str = "pd-token-of-the-fake";
/// The only routing key that reaches somebody.
pub const ROUTING_KEY: &str = "5f0a1c9be27d4863a4d2b7c6908e13fd";

/// The fake: the REST API and the Events API behind one address.
#[derive(Clone)]
pub struct PagerDuty {
    base: Url,
    books: Arc<Mutex<Books>>,
}

/// What it does instead of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It answers.
    Not,
    /// Answers this, and does nothing.
    Status(u16),
    /// Answers 429 with this `Retry-After`, and does nothing.
    Busy(&'static str),
    /// Answers 200 with a page that is not JSON, and does nothing.
    Garbage,
    /// Takes the request, with what follows from it, and never answers.
    Silent,
}

struct Books {
    delay: Duration,
    events: usize,
    rows: Vec<Row>,
    broken: Broken,
    pages: Vec<String>,
    violations: Vec<String>,
}

/// Somebody's turn in a schedule or an escalation policy.
struct Row {
    of: String,
    level: u64,
    name: String,
    email: String,
}

/// An answer, and the page that goes out with it.
struct Reply {
    status: u16,
    body: Value,
    page: Option<String>,
}

impl PagerDuty {
    /// A PagerDuty in which nobody is on call.
    pub async fn start() -> PagerDuty {
        let books = Arc::new(Mutex::new(Books {
            delay: Duration::ZERO,
            events: 0,
            rows: vec![],
            broken: Broken::Not,
            pages: vec![],
            violations: vec![],
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(answer).with_state(books.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        PagerDuty {
            base: base.parse().unwrap(),
            books,
        }
    }

    /// Where the REST API is.
    pub fn api_url(&self) -> Url {
        self.base.clone()
    }

    /// Where the Events API is: at the same address.
    pub fn events_url(&self) -> Url {
        self.base.clone()
    }

    /// From now on these people, by name and e-mail address, are the first level of a schedule or
    /// an escalation policy. An empty address is one that PagerDuty does not show.
    pub fn on_call(&self, schedule_or_policy: &str, people: &[(&str, &str)]) {
        self.books
            .lock()
            .unwrap()
            .rows
            .retain(|row| row.of != schedule_or_policy || row.level != 1);
        for (name, email) in people {
            self.also(schedule_or_policy, 1, name, email);
        }
    }

    /// One more person is on call, at this level.
    pub fn also(&self, schedule_or_policy: &str, level: u64, name: &str, email: &str) {
        self.books.lock().unwrap().rows.push(Row {
            of: schedule_or_policy.into(),
            level,
            name: name.into(),
            email: email.into(),
        });
    }

    /// From now on it lets down whoever asks, or does not any more.
    pub fn breaks(&self, how: Broken) {
        self.books.lock().unwrap().broken = how;
    }

    /// Every answer takes this long from now on.
    pub fn takes(&self, delay: Duration) {
        self.books.lock().unwrap().delay = delay;
    }

    /// How often it was sent an event, whether it took it or not.
    pub fn events(&self) -> usize {
        self.books.lock().unwrap().events
    }

    /// Every event that it took, in order and with repetitions: `trigger <dedup_key>: <summary>`
    /// or `resolve <dedup_key>`.
    pub fn pages(&self) -> Vec<String> {
        self.books.lock().unwrap().pages.clone()
    }

    /// Everything it was asked that is not in the published API.
    pub fn violations(&self) -> Vec<String> {
        self.books.lock().unwrap().violations.clone()
    }
}

async fn answer(
    State(books): State<Arc<Mutex<Books>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let delay = books.lock().unwrap().delay;
    tokio::time::sleep(delay).await;
    let (reply, broken) = {
        let mut books = books.lock().unwrap();
        let reply = match (method.as_str(), uri.path()) {
            ("GET", "/oncalls") => books.on_calls(&headers, uri.query().unwrap_or_default()),
            ("POST", "/v2/enqueue") => books.sent_event(&headers, &body),
            (method, path) => books.wrong(404, &format!("there is no {method} {path}")),
        };
        if matches!(books.broken, Broken::Not | Broken::Silent) {
            books.pages.extend(reply.page.clone());
        }
        (reply, books.broken)
    };
    let status = |code| StatusCode::from_u16(code).unwrap();
    match broken {
        Broken::Not => (status(reply.status), Json(reply.body)).into_response(),
        Broken::Status(code) => status(code).into_response(),
        Broken::Busy(wait) => (status(429), [("retry-after", wait)]).into_response(),
        Broken::Garbage => "<html>PagerDuty will be back soon</html>".into_response(),
        Broken::Silent => std::future::pending().await,
    }
}

impl Books {
    /// Remembers what was wrong, and refuses as PagerDuty would.
    fn wrong(&mut self, status: u16, what: &str) -> Reply {
        self.violations.push(what.into());
        Reply {
            status,
            // Both APIs' shapes in one.
            body: json!({
                "error": { "message": what, "code": 2001 },
                "status": "invalid event", "message": what, "errors": [],
            }),
            page: None,
        }
    }

    fn on_calls(&mut self, headers: &HeaderMap, query: &str) -> Reply {
        if header(headers, "authorization") != Some(&format!("Token token={TOKEN}")) {
            return self.wrong(401, "the token is not the fake's");
        }
        if header(headers, "accept") != Some("application/vnd.pagerduty+json;version=2") {
            return self.wrong(400, "the Accept header does not name version 2");
        }
        let (mut limit, mut offset, mut includes_users) = (25, 0, false);
        let (mut schedules, mut policies) = (vec![], vec![]);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let number = value.parse::<usize>();
            match (&*name, number) {
                ("limit", Ok(number)) if (1..=100).contains(&number) => limit = number,
                ("offset", Ok(number)) => offset = number,
                ("include[]", _) if value == "users" => includes_users = true,
                ("earliest", _) if value == "true" || value == "false" => {}
                ("schedule_ids[]", _) => schedules.push(value.into_owned()),
                ("escalation_policy_ids[]", _) => policies.push(value.into_owned()),
                _ => return self.wrong(400, &format!("/oncalls has no {name}={value}")),
            }
        }
        if schedules.is_empty() && policies.is_empty() {
            return self.wrong(400, "everybody who is on call for anything was asked for");
        }
        let rows: Vec<_> = self
            .rows
            .iter()
            .filter(|row| schedules.contains(&row.of) || policies.contains(&row.of))
            .map(|row| row.shown(schedules.contains(&row.of), includes_users))
            .collect();
        let page: Vec<_> = rows.iter().skip(offset).take(limit).collect();
        Reply {
            status: 200,
            body: json!({
                "oncalls": page, "limit": limit, "offset": offset,
                "more": offset + limit < rows.len(), "total": null,
            }),
            page: None,
        }
    }

    fn sent_event(&mut self, headers: &HeaderMap, body: &[u8]) -> Reply {
        self.events += 1;
        self.event(headers, body)
    }

    fn event(&mut self, headers: &HeaderMap, body: &[u8]) -> Reply {
        if headers.contains_key("authorization") {
            return self.wrong(400, "a token was sent to the Events API");
        }
        if !header(headers, "content-type").is_some_and(|kind| kind.starts_with("application/json"))
        {
            return self.wrong(400, "an event is not sent as JSON");
        }
        let Ok(event) = serde_json::from_slice::<Value>(body) else {
            return self.wrong(400, "an event is not JSON");
        };
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        match text("/routing_key") {
            Some(ROUTING_KEY) => {}
            Some(key) if key.len() == 32 => {
                return self.wrong(400, "the routing key is not the fake's");
            }
            _ => return self.wrong(400, "the routing key has not 32 characters"),
        }
        let Some(dedup_key) = text("/dedup_key").filter(|key| !key.is_empty()) else {
            return self.wrong(400, "an event has no dedup_key");
        };
        let page = match text("/event_action") {
            Some("resolve") => format!("resolve {dedup_key}"),
            Some("trigger") => {
                let summary = text("/payload/summary").unwrap_or_default();
                let links = event["links"].as_array().into_iter().flatten();
                let wrong = match () {
                    () if summary.is_empty() => "an event has no summary",
                    () if summary.chars().count() > 1024 => "a summary is too long",
                    () if text("/payload/source").unwrap_or_default().is_empty() => {
                        "an event has no source"
                    }
                    () if !["critical", "error", "warning", "info"]
                        .contains(&text("/payload/severity").unwrap_or_default()) =>
                    {
                        "an event has no severity"
                    }
                    () if !matches!(
                        event.pointer("/payload/custom_details"),
                        None | Some(Value::Object(_))
                    ) =>
                    {
                        "custom_details is no object"
                    }
                    () if links.into_iter().any(|link| {
                        link["href"]
                            .as_str()
                            .is_none_or(|href| Url::parse(href).is_err())
                    }) =>
                    {
                        "a link has no address"
                    }
                    () => "",
                };
                if !wrong.is_empty() {
                    return self.wrong(400, wrong);
                }
                format!("trigger {dedup_key}: {summary}")
            }
            _ => return self.wrong(400, "an event is neither trigger nor resolve"),
        };
        Reply {
            status: 202,
            body: json!({
                "status": "success", "message": "Event processed", "dedup_key": dedup_key,
            }),
            page: Some(page),
        }
    }
}

impl Row {
    /// As `/oncalls` lists it, in a schedule or directly in a policy.
    fn shown(&self, in_schedule: bool, with_user: bool) -> Value {
        let id = format!("PU{}", self.name.to_uppercase().replace(' ', ""));
        let mut user = json!({ "id": id, "type": "user_reference", "summary": self.name });
        if with_user {
            user["type"] = json!("user");
            user["name"] = json!(self.name);
            if !self.email.is_empty() {
                user["email"] = json!(self.email);
            }
        }
        let reference = |id: &str, kind: &str| json!({ "id": id, "type": kind, "summary": id });
        let (schedule, policy) = match in_schedule {
            true => (
                reference(&self.of, "schedule_reference"),
                "POLICY-OF-THE-FAKE",
            ),
            false => (Value::Null, self.of.as_str()),
        };
        json!({
            "user": user, "schedule": schedule,
            "escalation_policy": reference(policy, "escalation_policy_reference"),
            "escalation_level": self.level, "start": null, "end": null,
        })
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The fake keeps what it promises, and the client understands it: one is tried with the other.
#[cfg(test)]
mod promises {
    use super::*;
    use rollback_bot::pagerduty::{OnCall, PagerDuty as Client, PagerDutyError};
    use rollback_settings::Secret;
    use std::time::Duration;

    fn client(fake: &PagerDuty, token: &str, routing_key: &str) -> Client {
        Client::new(
            rollback_bot::http_client().unwrap(),
            fake.api_url(),
            fake.events_url(),
            Some(Secret::new(token)),
            Some(Secret::new(routing_key)),
        )
    }

    async fn names(client: &Client, of: OnCall) -> String {
        let people = client.on_call(&of).await.unwrap().into_iter();
        let shown = people.map(|person| match person.email {
            Some(email) => format!("{} <{email}>", person.name),
            None => person.name,
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    #[tokio::test]
    async fn who_is_on_call_is_known() {
        let fake = PagerDuty::start().await;
        let client = client(&fake, TOKEN, ROUTING_KEY);
        let schedule = || OnCall::Schedule("PWEEK".into());
        let policy = || OnCall::EscalationPolicy("PSHOP".into());
        assert_eq!(names(&client, schedule()).await, "");
        fake.on_call("PWEEK", &[("sam", "sam@acme.example"), ("tom", "")]);
        fake.also("PWEEK", 2, "ana", "ana@acme.example");
        fake.on_call("PSHOP", &[("kim", "kim@acme.example")]);
        assert_eq!(
            names(&client, schedule()).await,
            "sam <sam@acme.example>, tom"
        );
        assert_eq!(names(&client, policy()).await, "kim <kim@acme.example>");
        fake.on_call("PWEEK", &[("lee", "lee@acme.example")]);
        assert_eq!(names(&client, schedule()).await, "lee <lee@acme.example>");
        for at in 0..250 {
            fake.also("PSHOP", 1, &format!("p{at}"), "");
        }
        let everybody = client.on_call(&policy()).await.unwrap();
        assert_eq!(everybody.len(), 251);
        assert_eq!(fake.violations(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn pages_are_taken_in_order_and_what_is_wrong_is_remembered() {
        let fake = PagerDuty::start().await;
        let good = client(&fake, TOKEN, ROUTING_KEY);
        let link = Some(("https://acme.slack.com/archives/C0SHOP", "#shop-incidents"));
        let details = || json!({ "service": "frontend" });
        for summary in ["RB-41 wants a yes", "RB-41 still wants one"] {
            good.trigger("RB-41", summary, details(), link)
                .await
                .unwrap();
        }
        good.trigger("RB-42", &"x".repeat(5_000), details(), None)
            .await
            .unwrap();
        good.resolve("RB-41").await.unwrap();
        let pages = fake.pages();
        assert_eq!(
            pages[..2],
            [
                "trigger RB-41: RB-41 wants a yes",
                "trigger RB-41: RB-41 still wants one",
            ]
        );
        assert!(pages[2].ends_with("xx…"));
        assert_eq!(pages[3..], ["resolve RB-41"]);
        assert_eq!(fake.violations(), Vec::<String>::new());

        let week = OnCall::Schedule("PWEEK".into());
        let stranger = client(&fake, "another-token", "a-key-that-is-too-short");
        assert_eq!(
            stranger.on_call(&week).await,
            Err(PagerDutyError::Never(
                "PagerDuty refused the token (401)".into()
            ))
        );
        let refused = stranger.resolve("RB-41").await.unwrap_err().to_string();
        assert!(refused.starts_with("PagerDuty refused the event (400)"));
        let unnamed = good.resolve("").await.unwrap_err();
        assert!(matches!(unnamed, PagerDutyError::Never(_)));
        assert_eq!(fake.pages().len(), 4);
        let elsewhere = fake.api_url().join("/v1/oncalls").unwrap();
        let http = rollback_bot::http_client().unwrap();
        assert_eq!(http.get(elsewhere).send().await.unwrap().status(), 404);
        assert_eq!(
            fake.violations(),
            [
                "the token is not the fake's",
                "the routing key has not 32 characters",
                "an event has no dedup_key",
                "there is no GET /v1/oncalls",
            ]
        );
    }

    #[tokio::test]
    async fn it_breaks_and_heals() {
        let fake = PagerDuty::start().await;
        let client = client(&fake, TOKEN, ROUTING_KEY);
        let week = OnCall::Schedule("PWEEK".into());
        for (how, why) in [
            (Broken::Status(503), "PagerDuty answered 503"),
            (Broken::Garbage, "PagerDuty's answer could not be read"),
            (Broken::Silent, "PagerDuty did not answer: it timed out"),
        ] {
            fake.breaks(how);
            let later = PagerDutyError::Later {
                why: why.into(),
                after: None,
            };
            let summary = format!("{how:?}");
            let begun = std::time::Instant::now();
            let (listed, paged) = tokio::join!(
                client.on_call(&week),
                client.trigger("RB-41", &summary, json!({}), None),
            );
            assert_eq!(listed, Err(later.clone()));
            assert_eq!(paged, Err(later));
            assert!(begun.elapsed() < Duration::from_secs(20), "{how:?}");
        }
        fake.breaks(Broken::Busy("40"));
        let busy = PagerDutyError::Later {
            why: "PagerDuty answered 429".into(),
            after: Some(Duration::from_secs(40)),
        };
        assert_eq!(client.on_call(&week).await, Err(busy));
        fake.breaks(Broken::Not);
        assert_eq!(fake.events(), 3);
        fake.takes(Duration::from_millis(50));
        let begun = std::time::Instant::now();
        assert_eq!(client.on_call(&week).await, Ok(vec![]));
        assert!(begun.elapsed() >= Duration::from_millis(50));
        // Silence had taken it; the same again does no harm.
        client
            .trigger("RB-41", "again", json!({}), None)
            .await
            .unwrap();
        assert_eq!(
            fake.pages(),
            ["trigger RB-41: Silent", "trigger RB-41: again"]
        );
        assert_eq!(fake.violations(), Vec::<String>::new());
    }
}
