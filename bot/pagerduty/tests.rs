//! Tests of what is sent to PagerDuty and how its answers are read.

use super::*;
use axum::{Router, body::Bytes, http::Uri, response::IntoResponse};
use std::sync::{Arc, Mutex};

const TOKEN: &str = "a-token-of-the-tests";
const KEY: &str = "fedcba9876543210fedcba9876543210";

#[derive(Clone, Debug)]
struct Received {
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Value,
}

impl Received {
    fn asked(&self, name: &str) -> Option<&str> {
        let (_, value) = self.query.iter().find(|(key, _)| key == name)?;
        Some(value)
    }
}

type Log = Arc<Mutex<Vec<Received>>>;

/// A server that answers whatever it is asked like this, and what it was asked.
async fn answering<R: IntoResponse>(
    answer: impl Fn(&Received) -> R + Clone + Send + Sync + 'static,
) -> (PagerDuty, Log) {
    let log = Log::default();
    let kept = log.clone();
    let routes = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let received = Received {
            path: uri.path().to_owned(),
            query: query.into_owned().collect(),
            headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        };
        let reply = answer(&received).into_response();
        kept.lock().unwrap().push(received);
        async move { reply }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (client(&base), log)
}

fn client(base: &str) -> PagerDuty {
    let base: Url = base.parse().unwrap();
    PagerDuty::new(
        crate::http_client().unwrap(),
        base.clone(),
        base,
        Some(Secret::new(TOKEN)),
        Some(Secret::new(KEY)),
    )
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap()
}

fn primary() -> OnCall {
    OnCall::Schedule("PPRIMARY".into())
}

fn row(level: u64, schedule: &str, user: Value) -> Value {
    json!({
        "user": user, "escalation_level": level,
        "schedule": { "id": schedule, "type": "schedule_reference", "summary": "Primary" },
        "escalation_policy": { "id": "PPOLICY", "type": "escalation_policy_reference" },
        "start": "2026-03-14T00:00:00Z", "end": null,
    })
}

fn user(id: &str, name: &str, email: Option<&str>) -> Value {
    json!({ "id": id, "type": "user", "summary": name, "email": email })
}

fn list(rows: Value) -> String {
    json!({ "oncalls": rows, "limit": 100, "offset": 0, "more": false, "total": null }).to_string()
}

fn never(why: &str) -> PagerDutyError {
    PagerDutyError::Never(why.into())
}

fn later(why: &str, after: Option<u64>) -> PagerDutyError {
    PagerDutyError::Later {
        why: why.into(),
        after: after.map(Duration::from_secs),
    }
}

#[tokio::test]
async fn only_the_first_level_of_what_was_asked_counts_and_everybody_once() {
    let rows = json!([
        row(1, "PPRIMARY", user("PSAM", "Sam Okafor", Some("sam@acme.example"))),
        row(2, "PPRIMARY", user("PANA", "Ana Ruiz", Some("ana@acme.example"))),
        row(1, "PPRIMARY", user("PSAM", "Sam Okafor", Some("sam@acme.example"))),
        // A reference, as when users are not included, and one whose address is hidden.
        row(1, "PPRIMARY", json!({ "id": "PTOM", "type": "user_reference", "summary": "Tom" })),
        row(1, "PPRIMARY", user("PKIM", "", Some(" "))),
        row(1, "PPRIMARY", Value::Null),
        // Of something else: a filter that PagerDuty did not see lists everybody.
        row(1, "POTHER", user("PGUS", "Gus", Some("gus@acme.example"))),
        { "user": user("PLEE", "Lee", None), "escalation_level": 1, "schedule": null },
        { "user": user("PMAX", "Max", None), "schedule": { "id": "PPRIMARY" } },
    ]);
    let (pagerduty, log) = answering(move |_| list(rows.clone())).await;
    let person = |name: &str, email: Option<&str>| OnCallPerson {
        name: name.into(),
        email: email.map(str::to_owned),
    };
    assert_eq!(
        pagerduty.on_call(&primary()).await,
        Ok(vec![
            person("Sam Okafor", Some("sam@acme.example")),
            person("Tom", None),
            person("PKIM", None),
        ])
    );
    let policy = OnCall::EscalationPolicy("PPOLICY".into());
    let of_policy = pagerduty.on_call(&policy).await.unwrap();
    assert_eq!(of_policy.len(), 4, "the policy's rows: {of_policy:?}");
    assert_eq!(of_policy[3], person("Gus", Some("gus@acme.example")));

    let log = log.lock().unwrap();
    let asked = &log[0];
    assert_eq!(asked.path, "/oncalls");
    assert_eq!(asked.asked("schedule_ids[]"), Some("PPRIMARY"));
    assert_eq!(asked.asked("escalation_policy_ids[]"), None);
    assert_eq!(asked.asked("earliest"), Some("true"));
    assert_eq!(asked.asked("include[]"), Some("users"));
    assert_eq!(
        asked.headers["authorization"],
        format!("Token token={TOKEN}")
    );
    assert_eq!(asked.headers["accept"], VERSION);
    assert_eq!(log[1].asked("escalation_policy_ids[]"), Some("PPOLICY"));
    assert_eq!(log[1].asked("schedule_ids[]"), None);
}

#[tokio::test]
async fn all_pages_are_read_however_short() {
    // It is asked for a hundred, and gives two at a time.
    let (pagerduty, log) = answering(|received| {
        let offset: usize = received.asked("offset").unwrap().parse().unwrap();
        let rows: Vec<_> = (offset..(offset + 2).min(5))
            .map(|at| {
                let id = format!("P{at}");
                row(1, "PPRIMARY", user(&id, &id, None))
            })
            .collect();
        json!({ "oncalls": rows, "limit": 2, "offset": offset, "more": offset + 2 < 5 }).to_string()
    })
    .await;
    let people = pagerduty.on_call(&primary()).await.unwrap();
    let names: Vec<_> = people.iter().map(|person| person.name.as_str()).collect();
    assert_eq!(names, ["P0", "P1", "P2", "P3", "P4"]);
    let log = log.lock().unwrap();
    let offsets: Vec<_> = log
        .iter()
        .map(|received| received.asked("offset"))
        .collect();
    assert_eq!(offsets, [Some("0"), Some("2"), Some("4")]);
    assert_eq!(log[0].asked("limit"), Some("100"));
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let (pagerduty, log) = answering(|_| r#"{"oncalls":[],"more":true,"limit":0}"#).await;
    assert_eq!(
        pagerduty.on_call(&primary()).await,
        Err(never(
            "PagerDuty's list for the schedule PPRIMARY is longer than 10 pages of 100"
        ))
    );
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 10);
    assert_eq!(log[9].asked("offset"), Some("900"));
}

#[tokio::test]
async fn what_cannot_be_read_is_no_list_of_people() {
    for body in [
        "",
        "<html>busy</html>",
        "[]",
        r#"{"error":{"message":"no"}}"#,
        r#"{"oncalls":[{"escalation_level":1,"user":{"summary":"without an id"}}]}"#,
        r#"{"oncalls":[{"escalation_level":"1"}]}"#,
    ] {
        let (pagerduty, _) = answering(move |_| body).await;
        assert_eq!(
            pagerduty.on_call(&primary()).await,
            Err(later("PagerDuty's answer could not be read", None)),
            "{body}"
        );
    }
    let (pagerduty, _) = answering(|_| " ".repeat(ANSWER_AT_MOST + 1)).await;
    assert_eq!(
        pagerduty.on_call(&primary()).await,
        Err(never(
            "PagerDuty's answer could not be read: it is larger than 1 MiB"
        ))
    );
}

#[tokio::test]
async fn a_refusal_is_for_good_and_trouble_is_not() {
    let refusal = r#"{"error":{"message":"Not\nFound","code":2100,"errors":["a-token-of-the-tests is odd"]}}"#;
    for (code, error) in [
        (401, never("PagerDuty refused the token (401)")),
        (
            403,
            never("PagerDuty does not let this token see who is on call (403)"),
        ),
        (404, never("PagerDuty answered 404: Not Found … is odd")),
        (302, never("PagerDuty answered 302: Not Found … is odd")),
        (408, later("PagerDuty answered 408", None)),
        (429, later("PagerDuty answered 429", None)),
        (503, later("PagerDuty answered 503", None)),
    ] {
        let (pagerduty, _) = answering(move |_| (status(code), refusal)).await;
        assert_eq!(pagerduty.on_call(&primary()).await, Err(error), "{code}");
    }
}

#[tokio::test]
async fn it_is_waited_as_long_as_pagerduty_wants() {
    for (name, value, after) in [
        ("retry-after", "7", Some(7)),
        ("ratelimit-reset", "41", Some(41)),
        // By their clock that is past, or too far away.
        ("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT", Some(1)),
        ("retry-after", "Fri, 21 Oct 2140 07:28:00 GMT", Some(300)),
        ("retry-after", "soon", None),
        ("x-other", "7", None),
    ] {
        let (pagerduty, _) = answering(move |_| (status(429), [(name, value)])).await;
        let error = later("PagerDuty answered 429", after);
        assert_eq!(pagerduty.on_call(&primary()).await, Err(error.clone()));
        assert_eq!(pagerduty.resolve("RB-41").await, Err(error));
    }
}

#[tokio::test]
async fn silence_is_given_up_in_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut pagerduty = client(&format!("http://{}", silent.local_addr().unwrap()));
    pagerduty.within = Duration::from_millis(50);
    let timed_out = later("PagerDuty did not answer: it timed out", None);
    assert_eq!(pagerduty.on_call(&primary()).await, Err(timed_out.clone()));
    assert_eq!(pagerduty.resolve("RB-41").await, Err(timed_out));
    assert_eq!(
        client("http://127.0.0.1:1").resolve("RB-41").await,
        Err(later(
            "PagerDuty did not answer: no connection (connection refused)",
            None
        ))
    );
}

#[tokio::test]
async fn an_event_is_what_pagerduty_documents() {
    let (pagerduty, log) = answering(|_| {
        let body = r#"{"status":"success","message":"Event processed","dedup_key":"RB-41"}"#;
        (status(202), body)
    })
    .await;
    let link = Some(("https://acme.slack.com/archives/C0SHOP", "the channel"));
    pagerduty
        .trigger(
            "RB-41",
            "RB-41 wants a yes",
            json!({ "service": "frontend" }),
            link,
        )
        .await
        .unwrap();
    pagerduty
        .trigger("RB-42", &"ä".repeat(1025), json!({}), None)
        .await
        .unwrap();
    pagerduty.resolve("RB-41").await.unwrap();
    let log = log.lock().unwrap();
    assert_eq!(log[0].path, "/v2/enqueue");
    assert_eq!(log[0].headers.get("authorization"), None);
    assert_eq!(
        log[0].body,
        json!({
            "routing_key": KEY, "event_action": "trigger", "dedup_key": "RB-41",
            "payload": {
                "summary": "RB-41 wants a yes", "source": "rollback-bot", "severity": "critical",
                "custom_details": { "service": "frontend" },
            },
            "links": [{
                "href": "https://acme.slack.com/archives/C0SHOP", "text": "the channel",
            }],
        })
    );
    let summary = log[1].body["payload"]["summary"].as_str().unwrap();
    assert_eq!(summary.chars().count(), 1024);
    assert!(summary.ends_with("ä…"));
    assert_eq!(log[1].body.get("links"), None);
    assert_eq!(
        log[2].body,
        json!({ "routing_key": KEY, "event_action": "resolve", "dedup_key": "RB-41" })
    );
}

#[tokio::test]
async fn an_event_is_taken_only_if_pagerduty_says_so() {
    let invalid = r#"{"status":"invalid event","message":"Event object is invalid","errors":["no such key fedcba9876543210fedcba9876543210"]}"#;
    let unread = || later("PagerDuty's answer could not be read", None);
    for (code, body, error) in [
        (
            400,
            invalid,
            never("PagerDuty refused the event (400): Event object is invalid no such key …"),
        ),
        (400, "", never("PagerDuty refused the event (400)")),
        (503, "", later("PagerDuty answered 503", None)),
        (200, "<html>sign in</html>", unread()),
        (202, invalid, unread()),
    ] {
        let (pagerduty, _) = answering(move |_| (status(code), body)).await;
        let said = pagerduty.trigger("RB-41", "help", json!({}), None).await;
        assert_eq!(said, Err(error), "{code} {body}");
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_sent() {
    let (mut pagerduty, log) = answering(|_| "").await;
    (pagerduty.token, pagerduty.routing_key) = (None, None);
    assert_eq!(
        pagerduty.on_call(&primary()).await,
        Err(never("pagerduty.token is not configured"))
    );
    let unset = Err(never("pagerduty.routing_key is not configured"));
    assert_eq!(pagerduty.resolve("RB-41").await, unset);
    assert_eq!(
        pagerduty.trigger("RB-41", "help", json!({}), None).await,
        unset
    );
    pagerduty.token = Some(Secret::new("two\nlines"));
    assert_eq!(
        pagerduty.on_call(&primary()).await,
        Err(never("pagerduty.token has characters that cannot be sent"))
    );
    assert_eq!(log.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn addresses_may_have_a_path_and_must_be_for_the_web() {
    let (pagerduty, log) = answering(|_| list(json!([]))).await;
    for tail in ["proxy", "proxy/"] {
        let base = pagerduty.api_url.join(tail).unwrap();
        let behind = client(base.as_str());
        assert_eq!(behind.on_call(&primary()).await, Ok(vec![]));
    }
    let log = log.lock().unwrap().clone();
    assert!(log.iter().all(|received| received.path == "/proxy/oncalls"));
    let web = "pagerduty.api_url or pagerduty.events_url is no web address";
    assert_eq!(client("ftp://x").on_call(&primary()).await, Err(never(web)));
    assert_eq!(
        client("mailto:a@b").resolve("RB-41").await,
        Err(never("pagerduty.events_url is no web address"))
    );
}

#[test]
fn no_key_is_ever_printed() {
    let printed = format!("{:?}", client("https://api.pagerduty.com"));
    assert_eq!(
        printed,
        r#"PagerDuty { api_url: "https://api.pagerduty.com/", events_url: "https://api.pagerduty.com/", .. }"#
    );
}
