//! Render, and what it can say instead of yes.

use crate::{
    api::Answered,
    render_api::{Meets, Render, SERVICE, TOKEN},
    run::{self, Run, connect, survey},
    spec::Spec,
};
use jiff::Timestamp;
use rollback_domain::{
    platform::{Holds, Production, Progress, ProviderError},
    release::{Pin, Way},
};
use rollback_providers::Provider;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

const FIRST: &str = "1111111aaaa";
const SECOND: &str = "2222222bbbb";
const THIRD: &str = "3333333cccc";

/// Three commits, of which the last serves; a minute passes with every look at the clock.
async fn render() -> (Render, Arc<dyn Provider>) {
    let render = empty().await;
    for (commit, message) in [(FIRST, "Add a cart"), (SECOND, "Fix it"), (THIRD, "Tax")] {
        render.deploy(commit, message);
    }
    let provider = connected(&render);
    (render, provider)
}

async fn empty() -> Render {
    let minutes = AtomicI64::new(0);
    let start: Timestamp = "2026-03-14T00:00:00Z".parse().unwrap();
    let now = move || {
        let minute = minutes.fetch_add(1, Ordering::Relaxed);
        start + jiff::SignedDuration::from_mins(minute)
    };
    Render::start(Arc::new(now)).await
}

fn connected(render: &Render) -> Arc<dyn Provider> {
    connect(&section(render))
}

fn section(render: &Render) -> String {
    format!(
        "provider = \"render\"\nservice = \"{SERVICE}\"\ntoken = \"env:RENDER_API_KEY\"\napi_url = \"{}\"",
        render.api_url()
    )
}

/// What is in flight, why the candidates are barred, and which ids are copies.
fn barred(survey: &rollback_domain::release::Survey) -> Vec<(String, Option<String>)> {
    let candidates = survey.candidates.iter();
    candidates
        .map(|candidate| {
            (
                candidate.release.label().to_owned(),
                candidate.barred.clone(),
            )
        })
        .collect()
}

#[tokio::test]
async fn every_request_and_answer_is_as_render_publishes_it() {
    let (render, provider) = render().await;
    let before = survey(&*provider).await;
    assert_eq!(before.pin, Pin::Off);
    assert_eq!(Run::to(&*provider, "2222222").await.finish().await, Pin::On);
    assert_eq!(render.live(), "2222222");
    provider.unpin(&before.before_pin).await.unwrap();
    assert_eq!(render.automatic(), "yes");
    provider.check().await.unwrap();
    let spec = Spec::read(include_str!("specs/render.json"));
    let mut calls: Vec<String> = render
        .answered()
        .iter()
        .map(|(asked, status, answer)| spec.hold("/v1", asked, *status, answer))
        .collect();
    calls.sort();
    calls.dedup();
    assert_eq!(
        calls,
        [
            "GET /services/{serviceId}",
            "GET /services/{serviceId}/deploys",
            "GET /services/{serviceId}/deploys/{deployId}",
            "GET /services/{serviceId}/events",
            "PATCH /services/{serviceId}",
            "POST /services/{serviceId}/rollback",
        ]
    );
}

#[tokio::test]
async fn the_copy_of_a_build_is_that_build() {
    let (render, provider) = render().await;
    // The same commit once more: the event, and not the commit, says which build the copy has.
    render.deploy(SECOND, "Fix it");
    render.deploy(THIRD, "Tax");
    let mut run = Run::to(&*provider, "dep-2").await;
    run.finish().await;
    let now = survey(&*provider).await;
    let live = now.live().unwrap();
    assert_eq!(
        (live.id.as_str(), live.also.as_slice()),
        ("dep-2", ["dep-6".to_owned()].as_slice())
    );
    let ids: Vec<&str> = now
        .candidates
        .iter()
        .map(|one| one.release.id.as_str())
        .collect();
    assert_eq!(ids, ["dep-5", "dep-4", "dep-3", "dep-2", "dep-1"]);
    // A copy of the copy is still that build.
    render.deploy(THIRD, "Tax");
    Run::to(&*provider, "dep-6").await.finish().await;
    assert_eq!(survey(&*provider).await.live().unwrap().id, "dep-2");
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_again_by_what_was_made() {
    let (render, provider) = render().await;
    render.next_meets(Meets::DoneAndCut);
    let mut run = Run::to(&*provider, "2222222").await;
    let lost = run.ask().await;
    assert!(
        matches!(lost, Err(ProviderError::Unanswered(_))),
        "{lost:?}"
    );
    run.look_until_it_serves().await;
    assert_eq!(
        (render.live().as_str(), render.rollbacks_asked()),
        ("2222222", 1)
    );
    // One of last week is not taken for it.
    render.deploy(THIRD, "Tax");
    let run = Run::to(&*provider, "2222222").await;
    let Progress::NotAsked { why } = run.look().await else {
        panic!("nothing was asked")
    };
    assert_eq!(
        why,
        "Render lists no rollback to 2222222, and 3333333 still serves"
    );
}

#[tokio::test]
async fn a_deploy_that_ends_badly_leaves_production_as_before() {
    for (status, told) in [
        ("update_failed", "it did not become healthy"),
        ("pre_deploy_failed", "its pre-deploy command failed"),
        ("canceled", "it was cancelled"),
    ] {
        let (render, provider) = render().await;
        render.rollback_ends(status);
        let mut run = Run::to(&*provider, "2222222").await;
        run.ask().await.unwrap();
        render.finish();
        match run.look().await {
            Progress::Failed { why, production } => {
                assert_eq!(production, Production::AsBefore);
                assert!(why.contains(told) && why.contains("dep-4"), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_deploy_in_between_is_told() {
    let (render, provider) = render().await;
    let mut run = Run::to(&*provider, "2222222").await;
    run.ask().await.unwrap();
    render.finish();
    render.deploy("4444444dddd", "Hurry");
    match run.look().await {
        Progress::Failed { why, production } => {
            assert_eq!(production, Production::Unknown);
            assert!(
                why.starts_with("another deploy went live after dep-4: dep-5 serves."),
                "{why}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_answer_means_one_thing() {
    let error =
        |status, message: &str| Answered::Json(status, json!({"id": "r", "message": message}));
    for (answer, what) in [
        (
            error(400, "build artifact expired"),
            "refused: Render cannot go back to 2222222 (400: build artifact expired). It keeps the builds of a fixed number of deploys only: ask for a new plan and choose a newer release, or deploy the commit of 2222222 anew.",
        ),
        (
            error(401, "Unauthorized"),
            "refused: Render says the token is unknown, expired or lacks access (401: Unauthorized). Create an API key at dashboard.render.com under Account Settings, as a member of the service's workspace, and set it in the configuration.",
        ),
        (
            error(404, "not found"),
            "refused: Render no longer has the deploy 2222222, or not of this service (404: not found). Ask for a new plan and choose another release.",
        ),
        (
            error(409, "busy"),
            "refused: Render cannot go back to 2222222 as things are (409: busy). Look at what is under way on dashboard.render.com, then ask for a new plan.",
        ),
        (
            error(418, "no"),
            "refused: Render would not go back to 2222222 (418: no). Ask for a new plan and choose another release.",
        ),
        (
            Answered::Elsewhere("http://127.0.0.1:1/".into()),
            "refused: Render's API is not where it was asked (302, a redirect). Check api_url in the configuration.",
        ),
        (
            Answered::Wait(429, 7),
            "busy for 7000: Render is rate-limiting this bot and has done nothing (429).",
        ),
        (
            error(503, "maintenance"),
            "unanswered: Render answered the request with an error (503: maintenance). I'm checking its deploys and won't send the request again.",
        ),
        (
            Answered::Json(404, Value::Null),
            "unanswered: Something answered 404, and it is not Render, so it is not known whether Render was asked. I'm checking its deploys and won't send the request again. Check api_url in the configuration.",
        ),
        (
            Answered::Page,
            "unanswered: Render was asked, and its answer (200) names no deploy. I'm checking its deploys and won't send the request again.",
        ),
        (
            Answered::Cut,
            "unanswered: Render was asked and gave no answer: ",
        ),
    ] {
        let (render, provider) = render().await;
        render.next_meets(Meets::Answer(answer));
        let came = Run::to(&*provider, "2222222").await.ask().await;
        let came = match came {
            Ok(receipt) => format!("accepted: {}", receipt.said),
            Err(ProviderError::Refused(why)) => format!("refused: {why}"),
            Err(ProviderError::Busy { why, retry_after }) => {
                format!("busy for {}: {why}", retry_after.unwrap_or_default())
            }
            Err(ProviderError::Unanswered(why)) => format!("unanswered: {why}"),
        };
        assert!(came.starts_with(what), "{came}");
        assert!(!came.contains(TOKEN), "{came}");
        assert_eq!(render.rollbacks_asked(), 1);
    }
}

#[tokio::test]
async fn what_cannot_be_gone_to_says_why() {
    let (render, provider) = render().await;
    render.deploy_ends("4444444dddd", "build_failed");
    render.deploy_ends("5555555eeee", "build_in_progress");
    let now = survey(&*provider).await;
    assert_eq!(now.in_flight.as_deref(), Some("deploy dep-5 is under way"));
    let why = |why: &str| Some(why.to_owned());
    assert_eq!(
        barred(&now)[..3],
        [
            (
                "5555555".into(),
                why("it is still being deployed (build_in_progress)")
            ),
            ("4444444".into(), why("its build failed")),
            ("3333333".into(), None),
        ]
    );
    render.suspend();
    let suspended =
        "the service is suspended (by billing); resume it on dashboard.render.com first";
    assert!(
        barred(&survey(&*provider).await)
            .iter()
            .all(|(_, seen)| *seen == why(suspended))
    );
    let check = provider.check().await.unwrap();
    assert!(check.contains("nothing can be rolled back"), "{check}");
}

#[tokio::test]
async fn an_image_by_its_tag_is_a_risk_and_has_no_deploys_to_hold_off() {
    let render = empty().await;
    for (tag, digest) in [("v1", "a1"), ("v2", "b2")] {
        render.deploy_image(
            &format!("docker.io/acme/api:{tag}"),
            &format!("sha256:{}", digest.repeat(32)),
        );
    }
    let provider = connected(&render);
    let now = survey(&*provider).await;
    assert_eq!(
        (now.pin, now.live().unwrap().label()),
        (Pin::NotNeeded, "v2")
    );
    let to = now.release("dep-1");
    let about = rollback_domain::platform::About::default();
    let dry_run = provider.dry_run(&now, &to, &about).await.unwrap();
    assert_eq!(dry_run.warnings[0].name(), "image_tag");
    assert_eq!(dry_run.content, Some("a1".repeat(32)));
    assert_eq!(
        (dry_run.effects.holds, dry_run.effects.after),
        (Holds::Not, None)
    );
}

#[tokio::test]
async fn automatic_deploys_are_given_back_as_they_were() {
    let (render, provider) = render().await;
    assert_eq!(provider.effects(Way::Back).holds, Holds::OnRequest);
    provider.pin().await.unwrap();
    assert_eq!(render.automatic(), "no");
    let said = provider.pin().await.unwrap();
    assert_eq!(
        said,
        "automatic deploys are held off already (read back), nothing was changed"
    );
    let before = json!({"autoDeploy": "yes", "autoDeployTrigger": "checksPass"});
    let said = provider.unpin(&before).await.unwrap();
    assert_eq!(said, "automatic deploys go live again (read back)");
    let patches: Vec<Value> = render
        .answered()
        .into_iter()
        .filter(|(asked, ..)| asked.method == "PATCH")
        .map(|(asked, ..)| asked.body)
        .collect();
    assert_eq!(patches, [json!({"autoDeploy": "no"}), before]);
}

#[test]
fn a_name_is_not_an_id() {
    let named = "provider = \"render\"\nservice = \"api\"\ntoken = \"env:TOKEN\"";
    let mistake = run::platform(named).unwrap_err();
    assert!(mistake.contains("begins with srv- or crn-"), "{mistake}");
}
