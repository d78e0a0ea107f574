//! Argo CD, and what it can say instead of yes.

use crate::{
    api::Answered,
    argocd_api::{ArgoCd, Meets, NAME, TOKEN},
    run::{Run, connect, survey},
    spec::Spec,
};
use jiff::Timestamp;
use rollback_domain::{
    platform::{About, Holds, Production, Progress, ProviderError},
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

/// An Argo CD in which a minute passes with every look at the clock.
async fn empty() -> ArgoCd {
    let minutes = AtomicI64::new(0);
    let start: Timestamp = "2026-03-14T00:00:00Z".parse().unwrap();
    let now = move || {
        let minute = minutes.fetch_add(1, Ordering::Relaxed);
        start + jiff::SignedDuration::from_mins(minute)
    };
    ArgoCd::start(Arc::new(now)).await
}

/// Three commits, of which the last was synced last.
async fn argocd() -> (ArgoCd, Arc<dyn Provider>) {
    let argocd = empty().await;
    for (commit, message) in [(FIRST, "Add a cart"), (SECOND, "Fix it"), (THIRD, "Tax")] {
        argocd.deploy(commit, message);
    }
    let provider = connected(&argocd, "");
    (argocd, provider)
}

fn connected(argocd: &ArgoCd, more: &str) -> Arc<dyn Provider> {
    connect(&format!(
        "provider = \"argocd\"\napplication = \"{NAME}\"\ntoken = \"env:ARGOCD_TOKEN\"\napi_url = \"{}\"\n{more}",
        argocd.url()
    ))
}

/// Why a plan to go back to the second commit is refused.
async fn refusal(provider: &dyn Provider) -> String {
    let found = survey(provider).await;
    let to = found.candidates[1].release.clone();
    let refused = provider.dry_run(&found, &to, &About::default()).await;
    refused.unwrap_err().to_string()
}

/// A rollback to the second commit with automated sync held off, as it is before it is asked for.
async fn held<'a>(provider: &'a dyn Provider) -> Run<'a> {
    let run = Run::to(provider, "2222222").await;
    provider.pin().await.unwrap();
    run
}

#[tokio::test]
async fn every_request_and_answer_is_as_argo_cd_publishes_it() {
    let (argocd, provider) = argocd().await;
    let before = survey(&*provider).await;
    assert_eq!(before.pin, Pin::Off);
    assert_eq!(Run::to(&*provider, "2222222").await.finish().await, Pin::On);
    assert_eq!(argocd.live(), "2222222");
    argocd.push("4444444dddd", "Revert");
    provider.unpin(&before.before_pin).await.unwrap();
    argocd.finish();
    argocd.deploy_chart("1.2.3", SECOND);
    survey(&*provider).await;
    provider.check().await.unwrap();
    let spec = Spec::read(include_str!("specs/argocd.json"));
    let mut calls: Vec<String> = argocd
        .answered()
        .iter()
        .map(|(asked, status, answer)| spec.hold("/api/v1", asked, *status, answer))
        .collect();
    calls.sort();
    calls.dedup();
    assert_eq!(
        calls,
        [
            "GET /account/can-i/{resource}/{action}/{project}/{name}",
            "GET /applications/{name}",
            "GET /applications/{name}/revisions/{revision}/metadata",
            "GET /applications/{name}/syncwindows",
            "PATCH /applications/{name}",
            "POST /applications/{name}/rollback",
        ]
    );
}

#[tokio::test]
async fn every_sync_to_the_same_is_one_release() {
    let (argocd, provider) = argocd().await;
    let before = survey(&*provider).await;
    let second = before.candidates[1].release.clone();
    assert_eq!(
        (second.label(), second.also.as_slice()),
        ("2222222", ["1".to_owned()].as_slice())
    );
    assert_eq!(
        (second.message.as_deref(), second.by.as_deref()),
        (Some("Fix it"), Some("Ana Lima"))
    );
    Run::to(&*provider, "2222222").await.finish().await;
    let now = survey(&*provider).await;
    let live = now.live().unwrap();
    assert_eq!(
        (&live.id, live.also.as_slice()),
        (&second.id, ["1".to_owned(), "3".to_owned()].as_slice())
    );
    assert_eq!(now.candidates.len(), 3, "a rollback makes no release");
    // Of the syncs to it the newest is asked for: the others may be gone.
    argocd.deploy("4444444dddd", "Another");
    argocd.keeps(2);
    let mut run = held(&*provider).await;
    run.ask().await.unwrap();
    assert_eq!(run.order.memory["accepted"], 3);
    run.look_until_it_serves().await;
    assert_eq!(survey(&*provider).await.live().unwrap().id, second.id);
}

#[tokio::test]
async fn parameters_make_a_release_of_the_same_commit() {
    let argocd = empty().await;
    for tag in ["v212", "v213"] {
        argocd.deploy_set(FIRST, |source| {
            source["kustomize"] = json!({"images": [format!("registry.example.com/shop:{tag}")]});
        });
    }
    let provider = connected(&argocd, "");
    let found = survey(&*provider).await;
    let labels: Vec<&str> = found
        .candidates
        .iter()
        .map(|candidate| candidate.release.label())
        .collect();
    assert_eq!(labels, ["v213", "v212"]);
    Run::to(&*provider, "v212").await.finish().await;
    assert_eq!(survey(&*provider).await.live().unwrap().label(), "v212");
}

#[tokio::test]
async fn several_sources_go_back_together() {
    let argocd = empty().await;
    argocd.deploy_chart("1.2.3", FIRST);
    argocd.deploy_chart("1.2.4", FIRST);
    argocd.deploy_chart("1.2.4", SECOND);
    let provider = connected(&argocd, "");
    let found = survey(&*provider).await;
    let names: Vec<_> = found
        .candidates
        .iter()
        .map(|candidate| {
            let release = &candidate.release;
            (release.label().to_owned(), release.message.clone())
        })
        .collect();
    let said = Some("Change the values".to_owned());
    assert_eq!(
        names,
        [
            ("1.2.4+2222222".to_owned(), said.clone()),
            ("1.2.4+1111111".to_owned(), said.clone()),
            ("1.2.3+1111111".to_owned(), said),
        ]
    );
    Run::to(&*provider, "1.2.3+1111111").await.finish().await;
    let sync = &argocd.application()["status"]["operationState"]["operation"]["sync"];
    assert_eq!(sync["revisions"], json!(["1.2.3", FIRST]));
    let live = survey(&*provider).await.live().unwrap();
    assert_eq!(live.label(), "1.2.3+1111111");
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_again_by_its_sync() {
    let (argocd, provider) = argocd().await;
    argocd.next_meets(Meets::DoneAndCut);
    let mut run = held(&*provider).await;
    let lost = run.ask().await;
    assert!(
        matches!(lost, Err(ProviderError::Unanswered(_))),
        "{lost:?}"
    );
    run.look_until_it_serves().await;
    assert_eq!(
        (argocd.live().as_str(), argocd.rollbacks_asked()),
        ("2222222", 1)
    );
    // One of last week is not taken for it.
    argocd.deploy(THIRD, "Tax");
    let run = Run::to(&*provider, "2222222").await;
    let Progress::NotAsked { why } = run.look().await else {
        panic!("nothing was asked")
    };
    assert_eq!(
        why,
        "Argo CD shows no sync of shop to 2222222, and 3333333 was synced last"
    );
}

#[tokio::test]
async fn a_sync_that_fails_says_whether_it_applied_anything() {
    for (phase, has_applied, left) in [
        ("Error", false, Production::AsBefore),
        ("Failed", true, Production::Unknown),
    ] {
        let (argocd, provider) = argocd().await;
        argocd.sync_ends(phase, has_applied);
        let mut run = held(&*provider).await;
        run.ask().await.unwrap();
        argocd.finish();
        let Progress::Failed { why, production } = run.look().await else {
            panic!("it failed");
        };
        assert_eq!(production, left, "{phase}");
        assert!(
            why.starts_with("the sync of shop failed: one or more objects failed to apply."),
            "{why}"
        );
        // That it failed is told to whoever plans next, and is not about a new attempt.
        let found = survey(&*provider).await;
        assert_eq!(
            found.in_flight.as_deref(),
            Some(
                "its last sync failed, and may have changed a part: one or more objects failed to apply"
            )
        );
        let run = Run::to(&*provider, "2222222").await;
        let progress = run.look().await;
        assert!(
            matches!(progress, Progress::NotAsked { .. }),
            "{progress:?}"
        );
    }
}

#[tokio::test]
async fn it_serves_when_argo_cd_calls_it_healthy() {
    let (argocd, provider) = argocd().await;
    argocd.settles_as("Degraded");
    let mut run = held(&*provider).await;
    run.ask().await.unwrap();
    argocd.finish();
    let Progress::Serving { surfaces, said, .. } = run.look().await else {
        panic!("it is synced");
    };
    assert_eq!(
        (surfaces[0].live.as_deref(), said.as_str()),
        (None, "it is synced and Degraded")
    );
    let provider = connected(&argocd, "wait_for_health = false");
    let serving = provider.observe(&run.order).await.unwrap();
    let Progress::Serving { surfaces, .. } = serving else {
        panic!("it is synced");
    };
    assert_eq!(surfaces[0].live.as_ref(), Some(&run.order.plan.to.id));
    // A health of before the sync says nothing.
    argocd.edit(|app| {
        app["status"]["health"]["status"] = json!("Healthy");
        app["status"]["reconciledAt"] = json!("2026-03-14T00:00:00Z");
    });
    let Progress::Serving { surfaces, said, .. } = run.look().await else {
        panic!("it is synced");
    };
    assert_eq!(
        (surfaces[0].live.as_deref(), said.as_str()),
        (None, "it is synced, and its health was not read since")
    );
}

#[tokio::test]
async fn a_sync_in_between_is_told() {
    for (commit, left) in [
        ("4444444dddd", Production::Changed),
        (THIRD, Production::AsBefore),
    ] {
        let (argocd, provider) = argocd().await;
        let mut run = held(&*provider).await;
        run.ask().await.unwrap();
        argocd.finish();
        argocd.deploy(commit, "Hurry");
        let Progress::Failed { why, production } = run.look().await else {
            panic!("somebody synced");
        };
        assert_eq!(production, left);
        assert!(
            why.starts_with("shop was synced to something else after the rollback: "),
            "{why}"
        );
    }
}

#[tokio::test]
async fn nothing_is_asked_where_something_else_is_under_way_or_was_synced() {
    let (argocd, provider) = argocd().await;
    let mut run = held(&*provider).await;
    argocd.begins_a_sync();
    let found = survey(&*provider).await;
    assert_eq!(
        found.in_flight.as_deref(),
        Some("a sync of shop is Running: waiting for healthy state of apps/Deployment/shop")
    );
    argocd.begins_a_sync();
    let Err(ProviderError::Busy { why, .. }) = run.ask().await else {
        panic!("it is busy");
    };
    assert!(
        why.contains("argocd app terminate-op shop ends it"),
        "{why}"
    );
    argocd.finish();
    argocd.deploy("4444444dddd", "Hurry");
    let Err(ProviderError::Refused(why)) = run.ask().await else {
        panic!("it is another plan");
    };
    assert!(
        why.starts_with("shop was synced since this was approved"),
        "{why}"
    );
    assert_eq!(argocd.rollbacks_asked(), 0);
}

#[tokio::test]
async fn each_answer_means_one_thing() {
    let error = |status, code: u16, message: &str| {
        let body = json!({"error": message, "code": code, "message": message});
        Answered::Json(status, body)
    };
    for (answer, what) in [
        (
            error(400, 9, "another operation is already in progress"),
            "busy for 0: Argo CD is syncing shop already, and has done nothing (400: another operation is already in progress).",
        ),
        (
            // As older versions say it.
            error(
                500,
                2,
                "rpc error: code = FailedPrecondition desc = another operation is already in progress",
            ),
            "busy for 0: Argo CD is syncing shop already",
        ),
        (
            error(409, 10, "the object has been modified"),
            "busy for 0: shop was changed at this very moment, and Argo CD has done nothing (409: the object has been modified).",
        ),
        (
            error(
                400,
                9,
                "rollback cannot be initiated when auto-sync is enabled",
            ),
            "refused: Somebody or something switched automated sync of shop on again after it was held off",
        ),
        (
            error(
                400,
                3,
                "application shop does not have deployment with id 1",
            ),
            "refused: Argo CD has no sync of shop to 2222222 in its history any more (revisionHistoryLimit).",
        ),
        (
            error(400, 9, "application is deleting"),
            "refused: Argo CD would not go back to 2222222 (400: application is deleting).",
        ),
        (
            error(
                403,
                7,
                "permission denied: applications, rollback, acme/shop",
            ),
            "refused: Argo CD does not let this bot roll shop back (403: permission denied: applications, rollback, acme/shop).",
        ),
        (
            error(401, 16, "no session information"),
            "refused: Argo CD says the token is unknown, expired or lacks access (401: no session information).",
        ),
        (
            Answered::Wait(429, 7),
            "busy for 7000: Argo CD is rate-limiting this bot and has done nothing (429).",
        ),
        (
            error(503, 14, "upstream"),
            "unanswered: Argo CD answered the request with an error (503: upstream). I'm checking its syncs and won't send the request again.",
        ),
        (
            Answered::Json(404, Value::Null),
            "unanswered: Something answered 404, and it is not Argo CD",
        ),
        (
            Answered::Page,
            "unanswered: Argo CD was asked, and its answer (200) is no application.",
        ),
        (
            Answered::Cut,
            "unanswered: Argo CD was asked and gave no answer: ",
        ),
    ] {
        let (argocd, provider) = argocd().await;
        argocd.next_meets(Meets::Answer(answer));
        let came = match held(&*provider).await.ask().await {
            Ok(receipt) => format!("accepted: {}", receipt.said),
            Err(ProviderError::Refused(why)) => format!("refused: {why}"),
            Err(ProviderError::Busy { why, retry_after }) => {
                format!("busy for {}: {why}", retry_after.unwrap_or_default())
            }
            Err(ProviderError::Unanswered(why)) => format!("unanswered: {why}"),
        };
        assert!(came.starts_with(what), "{came}");
        assert!(!came.contains(TOKEN), "{came}");
        assert_eq!(argocd.rollbacks_asked(), 1);
    }
}

#[tokio::test]
async fn what_somebody_else_owns_or_is_made_of_is_refused_with_the_reason() {
    let tracked = json!({"annotations": {
        "argocd.argoproj.io/tracking-id": "everything:argoproj.io/Application:argocd/shop",
    }});
    let labelled = json!({"labels": {"app.kubernetes.io/instance": "everything"}});
    let set = json!({"ownerReferences": [{"kind": "ApplicationSet", "name": "shops"}]});
    for (metadata, named) in [
        (set, "made by the ApplicationSet shops, which writes"),
        (
            tracked,
            "a part of the application everything (an app of apps)",
        ),
        (
            labelled,
            "a part of the application everything (an app of apps)",
        ),
        (
            json!({"deletionTimestamp": "2026-03-14T00:00:00Z"}),
            "shop is being deleted",
        ),
    ] {
        let (argocd, provider) = argocd().await;
        argocd.edit(|app| {
            for (key, value) in metadata.as_object().unwrap() {
                app["metadata"][key] = value.clone();
            }
        });
        let why = refusal(&*provider).await;
        assert!(why.contains(named), "{why}");
        let checked = provider.check().await.unwrap_err().to_string();
        assert_eq!(checked, why);
    }
    // One that Helm installed, or that has the tracking of something else, is its own.
    for metadata in [
        json!({"labels": {"app.kubernetes.io/instance": "apps", "app.kubernetes.io/managed-by": "Helm"}}),
        json!({"annotations": {"argocd.argoproj.io/tracking-id": "everything:apps/Deployment:shop/shop"}}),
    ] {
        let (argocd, provider) = argocd().await;
        argocd.edit(|app| {
            for (key, value) in metadata.as_object().unwrap() {
                app["metadata"][key] = value.clone();
            }
        });
        provider.check().await.unwrap();
    }
    let (argocd, provider) = argocd().await;
    argocd.edit(|app| {
        app["status"]["resources"] = json!([
            {"group": "argoproj.io", "kind": "Application", "name": "cart"},
            {"group": "argoproj.io", "kind": "Application", "name": "checkout"},
        ]);
    });
    let why = refusal(&*provider).await;
    assert!(
        why.starts_with("The application shop is an app of apps")
            && why.ends_with("go back: cart, checkout."),
        "{why}"
    );
}

#[tokio::test]
async fn a_sync_window_that_is_closed_is_named_before_anybody_approves() {
    let (argocd, provider) = argocd().await;
    argocd.closes_its_window();
    assert_eq!(
        refusal(&*provider).await,
        "A sync window of its project keeps syncs of shop out now (deny 0 22 * * * for 8h). Let manual syncs in there (argocd proj windows enable-manual-sync), or wait until it is over."
    );
}

#[tokio::test]
async fn a_right_that_is_missing_is_named() {
    for action in ["sync", "update"] {
        let (argocd, provider) = argocd().await;
        argocd.denies(action);
        assert_eq!(
            provider.check().await.unwrap_err().to_string(),
            format!(
                "The account of this token may not {action} the application acme/shop in Argo CD. Allow it in argocd-rbac-cm: p, ROLE, applications, ACTION, acme/shop, allow."
            )
        );
    }
    let (argocd, provider) = argocd().await;
    argocd.denies("get");
    let why = provider.check().await.unwrap_err().to_string();
    assert!(
        why.contains("Check application and namespace in the configuration, and that the token's account may get"),
        "{why}"
    );
}

#[tokio::test]
async fn automated_sync_is_given_back_as_it_was() {
    let (argocd, provider) = argocd().await;
    assert_eq!(provider.effects(Way::Back).holds, Holds::OnRequest);
    assert_eq!(provider.effects(Way::Forward).holds, Holds::OnRequest);
    let before = json!({"prune": true, "selfHeal": true});
    assert_eq!(
        provider.pin().await.unwrap(),
        "automatic deploys are held off (read back)"
    );
    assert_eq!(argocd.automated(), Value::Null);
    assert_eq!(
        argocd.application()["spec"]["syncPolicy"]["syncOptions"],
        json!(["CreateNamespace=true"])
    );
    provider.pin().await.unwrap();
    // What it was is known also where the record has lost it, and while it is held off.
    let held = survey(&*provider).await;
    assert_eq!(
        (held.pin, held.before_pin),
        (Pin::On, json!({"automated": before}))
    );
    provider.unpin(&Value::Null).await.unwrap();
    assert_eq!(argocd.automated(), before);
    // What is remembered counts more.
    provider.pin().await.unwrap();
    let remembered = json!({"automated": {"selfHeal": true}});
    provider.unpin(&remembered).await.unwrap();
    assert_eq!(argocd.automated(), json!({"selfHeal": true}));
    assert_eq!(
        argocd.application()["metadata"]["annotations"],
        json!({"team": "shop"})
    );
}

#[tokio::test]
async fn automated_sync_is_not_given_back_while_git_has_what_was_left() {
    let (argocd, provider) = argocd().await;
    let before = survey(&*provider).await.before_pin;
    Run::to(&*provider, "2222222").await.finish().await;
    let refused = provider.unpin(&before).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        "git still has 3333333, which was left: with automated sync on, Argo CD would sync shop to it at once. Revert it in its repository first. To take production forward to it, undo the rollback."
    );
    assert_eq!(
        (argocd.automated(), argocd.live().as_str()),
        (Value::Null, "2222222")
    );
    argocd.push("4444444dddd", "Revert");
    assert_eq!(
        provider.unpin(&before).await.unwrap(),
        "automatic deploys go live again (read back); git has 4444444, which is synced now"
    );
    argocd.finish();
    assert_eq!(argocd.live(), "4444444");
}

#[tokio::test]
async fn an_application_that_is_synced_by_hand_has_nothing_to_hold_off() {
    for automated in [Value::Null, json!({"enabled": false, "prune": true})] {
        let (argocd, provider) = argocd().await;
        argocd.edit(|app| app["spec"]["syncPolicy"]["automated"] = automated.clone());
        let found = survey(&*provider).await;
        assert_eq!(
            (found.pin, &found.before_pin),
            (Pin::NotNeeded, &Value::Null)
        );
        let mut run = Run::to(&*provider, "2222222").await;
        assert_eq!(run.order.plan.effects.holds, Holds::Not);
        run.ask().await.unwrap();
        run.look_until_it_serves().await;
        assert_eq!(argocd.automated(), automated);
        let why = provider.unpin(&Value::Null).await.unwrap_err().to_string();
        assert!(why.contains("git still has 3333333"), "{why}");
        argocd.push("4444444dddd", "Revert");
        let why = provider.unpin(&Value::Null).await.unwrap_err().to_string();
        assert_eq!(why, "Argo CD: nothing is pinned, shop is synced by hand.");
    }
}
