//! Railway, and what it can say instead of yes.

use crate::{
    api::Answered,
    railway_api::{Meets, Railway, SERVICE, TOKEN, error},
    run::{Run, connect, survey},
};
use apollo_compiler::{ExecutableDocument, Schema, request::coerce_variable_values};
use jiff::{SignedDuration, Timestamp};
use rollback_domain::{
    platform::{Production, Progress, ProviderError},
    release::Pin,
};
use rollback_providers::Provider;
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

const FIRST: &str = "1111111aaaa";
const SECOND: &str = "2222222bbbb";
const THIRD: &str = "3333333cccc";

/// Three commits, of which the last serves; a minute passes with every look at the clock.
async fn railway() -> (Railway, Arc<dyn Provider>) {
    let minutes = AtomicI64::new(0);
    let start: Timestamp = "2026-03-14T00:00:00Z".parse().unwrap();
    let now = move || start + SignedDuration::from_mins(minutes.fetch_add(1, Ordering::Relaxed));
    let railway = Railway::start(Arc::new(now)).await;
    for (commit, message) in [(FIRST, "Add a cart"), (SECOND, "Fix it"), (THIRD, "Tax")] {
        railway.deploy(commit, message);
    }
    let section = format!(
        "provider = \"railway\"\nproject = \"p1\"\nenvironment = \"e1\"\nservice = \"{SERVICE}\"\n\
         token = \"env:RAILWAY_TOKEN\"\napi_url = \"{}\"",
        railway.api_url()
    );
    (railway, connect(&section))
}

#[tokio::test]
async fn every_document_and_its_variables_are_what_the_schema_takes() {
    let (railway, provider) = railway().await;
    let before = survey(&*provider).await;
    assert_eq!(before.pin, Pin::Off);
    assert_eq!(Run::to(&*provider, "2222222").await.finish().await, Pin::On);
    provider.unpin(&before.before_pin).await.unwrap();
    assert!(railway.is_automatic());
    let schema = include_str!("specs/railway.graphql");
    let schema = Schema::parse_and_validate(schema, "railway.graphql").unwrap();
    let mut seen = vec![];
    for sent in railway.sent() {
        let (name, document) = (
            sent["operationName"].as_str().unwrap(),
            sent["query"].as_str(),
        );
        let document = ExecutableDocument::parse_and_validate(&schema, document.unwrap(), name);
        let document = document.unwrap_or_else(|errors| panic!("{name}: {}", errors.errors));
        let operation = document.operations.get(Some(name)).unwrap();
        let variables = serde_json::from_value(sent["variables"].clone()).unwrap();
        if let Err(wrong) = coerce_variable_values(&schema, operation, &variables) {
            panic!("{name}: {wrong:?}");
        }
        // A key that the document does not declare would be refused, or ignored.
        for key in sent["variables"].as_object().unwrap().keys() {
            assert!(
                operation
                    .variables
                    .iter()
                    .any(|one| one.name == key.as_str()),
                "{name}: {key}"
            );
        }
        seen.push(name.to_owned());
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["Automatic", "Rollback", "SetAutomatic", "Survey"]);
}

#[test]
fn a_document_that_the_schema_does_not_take_is_noticed() {
    let schema = include_str!("specs/railway.graphql");
    let schema = Schema::parse_and_validate(schema, "railway.graphql").unwrap();
    // As Railway's own manual has it.
    let wrong = "mutation Rollback($id: String!) { deploymentRollback(id: $id) { id status } }";
    assert!(ExecutableDocument::parse_and_validate(&schema, wrong, "wrong").is_err());
}

#[tokio::test]
async fn the_copy_of_an_image_is_that_release() {
    let (railway, provider) = railway().await;
    Run::to(&*provider, "2222222").await.finish().await;
    let now = survey(&*provider).await;
    let live = now.live().unwrap();
    assert_eq!(
        (live.id.as_str(), live.also.as_slice()),
        ("d2", ["d4".to_owned()].as_slice())
    );
    let ids: Vec<&str> = now
        .candidates
        .iter()
        .map(|one| one.release.id.as_str())
        .collect();
    assert_eq!(ids, ["d3", "d2", "d1"]);
    // The first is deleted, and its copy is what is asked for.
    railway.deploy("4444444dddd", "Again");
    railway.forgets(2);
    Run::to(&*provider, "2222222").await.finish().await;
    let asked = railway.sent();
    let asked = asked
        .iter()
        .rev()
        .find(|sent| sent["operationName"] == "Rollback");
    assert_eq!(asked.unwrap()["variables"], json!({"id": "d4"}));
}

#[tokio::test]
async fn an_image_that_is_not_kept_bars_its_release() {
    let (railway, provider) = railway().await;
    railway.forgets(2);
    let now = survey(&*provider).await;
    let barred: Vec<Option<&str>> = now
        .candidates
        .iter()
        .map(|one| one.barred.as_deref())
        .collect();
    assert_eq!(
        barred,
        [None, Some("Railway no longer keeps its image"), None]
    );
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_again_by_what_was_made() {
    let (railway, provider) = railway().await;
    railway.next_meets(Meets::DoneAndCut);
    let mut run = Run::to(&*provider, "2222222").await;
    let lost = run.ask().await;
    assert!(
        matches!(lost, Err(ProviderError::Unanswered(_))),
        "{lost:?}"
    );
    run.look_until_it_serves().await;
    assert_eq!(
        (railway.live().as_str(), railway.rollbacks_asked()),
        ("2222222", 1)
    );
}

#[tokio::test]
async fn a_deployment_that_ends_badly_says_what_production_is() {
    for (status, told, after) in [
        (
            "FAILED",
            "its build or its start failed",
            Production::AsBefore,
        ),
        ("CANCELLED", "it was cancelled", Production::AsBefore),
        ("CRASHED", "the deployment d4 crashed", Production::Changed),
    ] {
        let (railway, provider) = railway().await;
        railway.rollback_ends(status);
        let mut run = Run::to(&*provider, "2222222").await;
        run.ask().await.unwrap();
        railway.finish();
        match run.look().await {
            Progress::Failed { why, production } => {
                assert_eq!(production, after, "{status}");
                assert!(why.contains(told), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
    let (railway, provider) = railway().await;
    let mut run = Run::to(&*provider, "2222222").await;
    run.ask().await.unwrap();
    railway.finish();
    railway.deploy("5555555eeee", "Hurry");
    match run.look().await {
        Progress::Failed { why, production } => {
            assert_eq!(production, Production::Unknown);
            assert!(
                why.starts_with("the deployment d4 was taken down: d5 serves."),
                "{why}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_error_with_the_status_200_is_no_yes() {
    for (answer, what) in [
        (
            error("Not Authorized"),
            "refused: Railway says the token is unknown, expired or lacks access (Not Authorized). Create a project token",
        ),
        (
            error("Deployment can not be rolled back."),
            "refused: Railway would not go back to 2222222 (Deployment can not be rolled back). Ask for a new plan and choose another release.",
        ),
        (
            error("Problem processing request"),
            "unanswered: Railway answered the request with an error (Problem processing request).",
        ),
        (
            Answered::Json(200, json!({"data": {"deploymentRollback": false}})),
            "refused: Railway would not go back to 2222222 (200).",
        ),
        (
            Answered::Json(400, json!({"errors": [{"message": "Cannot query field"}]})),
            "refused: Railway would not go back to 2222222 (400: Cannot query field).",
        ),
        (
            Answered::Json(502, json!({})),
            "unanswered: Railway answered the request with an error (502).",
        ),
        (
            Answered::Page,
            "unanswered: Railway answered the request with an error (200, and it is not Railway's).",
        ),
        (
            Answered::Wait(429, 7),
            "busy for 7000: Railway is rate-limiting this bot and has done nothing (429).",
        ),
        (
            error("Rate limit exceeded"),
            "busy for 0: Railway is rate-limiting this bot and has done nothing (Rate limit exceeded).",
        ),
        (
            Answered::Elsewhere("http://127.0.0.1:1/".into()),
            "refused: Railway's API is not where it was asked",
        ),
        (
            Answered::Cut,
            "unanswered: Railway was asked and gave no answer: ",
        ),
    ] {
        let (railway, provider) = railway().await;
        railway.next_meets(Meets::Answer(answer));
        let came = match Run::to(&*provider, "2222222").await.ask().await {
            Ok(receipt) => format!("accepted: {}", receipt.said),
            Err(ProviderError::Refused(why)) => format!("refused: {why}"),
            Err(ProviderError::Busy { why, retry_after }) => {
                format!("busy for {}: {why}", retry_after.unwrap_or_default())
            }
            Err(ProviderError::Unanswered(why)) => format!("unanswered: {why}"),
        };
        assert!(came.starts_with(what), "{came}");
        assert!(!came.contains(TOKEN), "{came}");
        assert_eq!(railway.rollbacks_asked(), 1);
    }
}
