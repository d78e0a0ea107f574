//! Requests that a service describes itself: what is sent, and what answers mean.

use crate::{
    api::{Answered, Api, Asked},
    run::{Run, TOKEN, connect, live},
};
use rollback_domain::platform::{Progress, ProviderError};
use serde_json::json;
use std::sync::{Arc, Mutex};

/// An API with the releases `a/b c` and `v2`, of which v2 serves, and what it answers to a change.
async fn api(change: impl Fn(&Asked) -> Answered + Send + 'static) -> (Api, Arc<Mutex<String>>) {
    let live = Arc::new(Mutex::new("v2".to_owned()));
    let serving = live.clone();
    let api = Api::start(move |asked| match asked.method.as_str() {
        "GET" if asked.path.starts_with("/api/releases") => {
            Answered::Json(200, json!([{"id": "v2"}, {"id": "a/b c"}]))
        }
        "GET" => Answered::Json(200, json!({"live": *serving.lock().unwrap()})),
        _ => {
            let answer = change(asked);
            if matches!(answer, Answered::Json(200..=299, _)) {
                *serving.lock().unwrap() = "a/b c".into();
            }
            answer
        }
    })
    .await;
    (api, live)
}

fn service(url: &str, roll_back: &str) -> String {
    format!(
        "provider = \"http\"\nplatform = \"Sites\"\napi_url = \"{}/api/\"\n\
         restores = [\"files\"]\nleaves = [\"data\"]\nsecrets = {{ token = \"env:TOKEN\" }}\n\
         headers = {{ Authorization = \"Bearer {{token}}\" }}\n\
         list = {{ path = \"/releases\", query = {{ limit = \"50\" }} }}\n\
         live = {{ path = \"/site\", id = \"/live\" }}\n[roll_back]\nmethod = \"POST\"\n{roll_back}\n",
        url
    )
}

const RESTORE: &str = "path = \"/releases/{id}/restore\"\nquery = { why = \"{because}\" }\n\
                       body = { release = \"{id}\", note = [\"{rollback} by {by}\", 100, true] }";

#[tokio::test]
async fn values_are_escaped_for_their_place() {
    let (api, _) = api(|_| Answered::Json(200, json!({}))).await;
    let provider = connect(&service(&api.url, RESTORE));
    Run::to(&*provider, "a/b c").await.finish().await;
    assert_eq!(live(&*provider).await, "a/b c");
    let asked = api.asked();
    let restore = asked.iter().find(|asked| asked.method == "POST").unwrap();
    assert_eq!(
        restore.path,
        "/api/releases/a%2Fb%20c/restore?why=checkout+%22500s%22%3B+rm+-rf+%2F"
    );
    assert_eq!(
        restore.body,
        json!({"release": "a/b c", "note": ["RB-41 by sam", 100, true]})
    );
    assert!(asked.iter().all(|asked| asked.is_by(TOKEN)));
}

#[tokio::test]
async fn each_answer_means_one_thing() {
    for (answer, what) in [
        (Answered::Json(202, json!({})), "accepted"),
        (Answered::Json(204, json!({})), "accepted"),
        // It sounds like a yes; what serves tells.
        (Answered::Page, "accepted"),
        (Answered::Json(409, json!({"message": "locked"})), "refused"),
        (
            Answered::Json(401, json!({"error": {"message": TOKEN}})),
            "refused",
        ),
        (Answered::Wait(429, 7), "busy"),
        (Answered::Wait(429, 999_999), "busy for 300000"),
        (Answered::Json(500, json!({})), "unanswered"),
        (Answered::Json(503, json!({})), "unanswered"),
        (Answered::Json(418, json!({})), "unanswered"),
        (
            Answered::Elsewhere("http://127.0.0.1:1/".into()),
            "unanswered",
        ),
        (Answered::Cut, "unanswered"),
        (Answered::Endless, "unanswered"),
    ] {
        let answering = answer.clone();
        let (api, _) = api(move |_| answering.clone()).await;
        let provider = connect(&service(&api.url, RESTORE));
        let mut run = Run::to(&*provider, "a/b c").await;
        let came = run.ask().await;
        let seen = match &came {
            Ok(_) => "accepted".to_owned(),
            Err(ProviderError::Refused(_)) => "refused".to_owned(),
            Err(ProviderError::Busy {
                retry_after: Some(7_000),
                ..
            }) => "busy".to_owned(),
            Err(ProviderError::Busy { retry_after, .. }) => {
                format!("busy for {}", retry_after.unwrap())
            }
            Err(ProviderError::Unanswered(_)) => "unanswered".to_owned(),
        };
        assert_eq!(seen, what, "{answer:?}: {came:?}");
        assert!(!format!("{came:?}").contains(TOKEN), "{came:?}");
        let changes = api
            .asked()
            .iter()
            .filter(|asked| asked.method == "POST")
            .count();
        assert_eq!(changes, 1);
        assert!(
            api.most_sent() < 16 << 20,
            "{} bytes were taken",
            api.most_sent()
        );
    }
}

#[tokio::test]
async fn an_answer_without_the_handle_that_was_expected_is_no_answer() {
    let (api, live) = api(|_| Answered::Json(202, json!({"queued": true}))).await;
    let provider = connect(&service(&api.url, &format!("{RESTORE}\njob = \"/job/id\"")));
    let mut run = Run::to(&*provider, "a/b c").await;
    let Err(ProviderError::Unanswered(why)) = run.ask().await else {
        panic!("it does not fit");
    };
    assert!(
        why.contains("expected the request's own id at /job/id, seen: {\"queued\":true}"),
        "{why}"
    );
    // It was done all the same, which looking shows.
    assert_eq!(*live.lock().unwrap(), "a/b c");
    assert!(matches!(run.look().await, Progress::Serving { .. }));
}

#[tokio::test]
async fn nobody_there_is_busy_and_nothing_was_done() {
    let (api, _) = api(|_| Answered::Json(200, json!({}))).await;
    let provider = connect(&service(&api.url, RESTORE));
    let order = Run::to(&*provider, "a/b c").await.order;
    let answer = connect(&service("http://127.0.0.1:1", RESTORE))
        .act(&order)
        .await;
    assert!(
        matches!(&answer, Err(ProviderError::Busy { why, .. }) if why.contains("was not reached")),
        "{answer:?}"
    );
}
