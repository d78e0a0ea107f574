//! An application of Argo CD: its syncs, automated sync that is held off before and given back as
//! it was, and what refuses or takes long.

use crate::{
    api::Answered,
    support::{
        World,
        argocd::{ArgoCd, Meets, NAME},
        dawn,
        site::Site,
    },
};
use insta::assert_snapshot;
use rollback_bot::clock::Clock;
use serde_json::json;
use std::{sync::Arc, time::Duration};

const SERVICE: &str = r#"
[services.api.production]
provider = "argocd"
application = "shop"
token = "env:ARGOCD_TOKEN"
api_url = "{api}"
approve = ["oncall"]
requester_may_approve = true
[services.api.production.fingerprint]
url = "{local}/version.json"
json = "/version"
"#;

/// A world in which the last sync of `api` is to the third of three commits.
async fn world() -> (World, Arc<ArgoCd>) {
    let clock = Clock::fixed(dawn().checked_sub(Duration::from_secs(50 * 3_600)).unwrap());
    let before = clock.clone();
    let argocd = Arc::new(ArgoCd::start(Arc::new(move || before.now())).await);
    for (commit, message, minutes) in [
        ("1111111aaaa", "Add a cart", 41 * 60),
        ("2222222bbbb", "Fix the session", 8 * 60 + 29),
        ("3333333cccc", "New tax engine", 31),
    ] {
        argocd.deploy(commit, message);
        clock.advance(Duration::from_secs(minutes * 60));
    }
    let serving = argocd.clone();
    let site = Site::start(move || serving.live()).await;
    let settings = SERVICE
        .replace("{api}", &argocd.url())
        .replace("{local}", &site.url());
    let mut world = World::with(&settings).await;
    world.site = site;
    let time = world.clock.clone();
    argocd.follows(Arc::new(move || time.now()));
    (world, argocd)
}

/// sam wants it back, and approves it.
async fn roll_back(world: &mut World) {
    world
        .sam()
        .says("/rollback api because checkout 500s")
        .await;
    world.settle().await;
    world.sam().sees();
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
}

/// What the channel sees, without the file, whose number of entries depends on which job is first.
fn channel(world: &mut World) -> String {
    let seen = world.channel();
    let but_the_file = |line: &&str| !line.trim_start().starts_with('|');
    seen.lines()
        .filter(but_the_file)
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn an_application_goes_back_and_automated_sync_stays_off_until_unpinned() {
    let (mut world, argocd) = world().await;
    world
        .sam()
        .says("/rollback api because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @sam): RB-1: finding a version of api (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Roll back api to 2222222?
      checkout 500s · @sam, 03:12:00 UTC
      Live now `3333333`, since 02:41:00 UTC (31 m) Ana Lima: New tax engine
      Go back to `2222222`, ran 8 h 29 m until 02:41:00 UTC · previous release, ran before Ana Lima: Fix the session
      You lose  1 change: 3333333 "New tax engine"
      Changes  manifests, Helm and Kustomize parameters
      Stays  git · database · volumes · resources that were added since
      After  automated sync is OFF until unpinned; git still has what is left
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) · expires 03:22:00 UTC · RB-1 · production · code · plan `29b5`
    "#);
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(
        (argocd.live().as_str(), argocd.rollbacks_asked()),
        ("2222222", 1)
    );
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  api (production)
      3333333 → 2222222 · @sam · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by Argo CD: it is synced and Healthy
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:20 UTC 1/1 on 2222222
      ✅ Verified 03:12:22 UTC version 2222222 answers, no checks configured
      2222222 answers from outside and passes its checks.
      Command to live: 20 s, of which 20 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ api (production) is back on 2222222 (RB-1) · @sam, approved by @sam
      version 2222222 answers, no checks configured · took 20 s, of which 20 s waiting for approval
      Automatic deploys are off until `/rollback unpin api@production`.
      This doesn't fix the bug. If 3333333 caused it, deploying 3333333 again brings it back.
    "#);
    assert_eq!(argocd.automated(), json!(null));
    world
        .sam()
        .says("/rollback unpin api because I want to")
        .await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Checking your permissions… I'll post here when it is done.
    Rollback Bot (only visible to @sam): Automatic deploys of api (production) are as they were, as far as I know: Git still has 3333333, which was left: with automated sync on, Argo CD would sync shop to it at once. Revert it in its repository first. To take production forward to it, undo the rollback. Try `/rollback unpin api@production` again, or turn them on in the platform's settings.
    ");
    argocd.push("4444444dddd", "Revert the tax engine");
    assert_eq!(argocd.live(), "2222222");
    world
        .sam()
        .says("/rollback unpin api because it is reverted")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  api (production)
      3333333 → 2222222 · @sam · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by Argo CD: it is synced and Healthy
      ⚠️ Deploys not held automatic deploys are ON
      ✅ Live 03:12:20 UTC 1/1 on 2222222
      ✅ Verified 03:12:22 UTC version 2222222 answers, no checks configured
      2222222 answers from outside and passes its checks.
      Command to live: 20 s, of which 20 s waiting for approval
      [ Undo… ]
    Rollback Bot (only visible to @sam): Checking your permissions… I'll post here when it is done.
    Rollback Bot: @sam unpinned api (production), because "it is reverted": automatic deploys go live again (read back); git has 4444444, which is synced now.
    "#);
    let as_before = json!({"prune": true, "selfHeal": true});
    assert_eq!(argocd.automated(), as_before);
    let annotations = &argocd.application()["metadata"]["annotations"];
    assert_eq!(annotations, &json!({"team": "shop"}));
    argocd.finish();
    assert_eq!(argocd.live(), "4444444");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn an_undo_syncs_forward_again_and_leaves_automated_sync_off() {
    let (mut world, argocd) = world().await;
    roll_back(&mut world).await;
    world.passes(Duration::from_secs(60)).await;
    world.slack.take_all();
    world
        .maya()
        .says("/rollback undo RB-1 because it was the database")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @maya): RB-2: checking whether api (production) can return to what RB-1 left. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Undo RB-1: take api to 3333333?
      it was the database · @maya, 03:13:20 UTC
      Live now `2222222`, since 03:12:20 UTC by RB-1 (@sam) (59 s) Ana Lima: Fix the session
      Return to `3333333`, ran 31 m 20 s until 03:12:20 UTC · undo of RB-1 Ana Lima: New tax engine
      ⚠️ Caution  3333333 was rolled back by RB-1 at 2026-03-14 03:12 UTC
      You lose  nothing: it goes forward
      Changes  manifests, Helm and Kustomize parameters
      Stays  git · database · volumes · resources that were added since
      After  automated sync is OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall), not @maya · expires 03:23:20 UTC · RB-2 · production · caution · plan `754a`
    ");
    world.sam().clicks("Approve").await;
    world.settle().await;
    world
        .slack
        .chooses("U0SAM", "3333333 was rolled back")
        .await
        .unwrap();
    assert!(world.slack.submits("U0SAM").await.unwrap().is_ok());
    world.passes(Duration::from_secs(60)).await;
    assert_snapshot!(channel(&mut world), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  api (production)
      3333333 → 2222222 · @sam · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by Argo CD: it is synced and Healthy
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:20 UTC 1/1 on 2222222
      ✅ Verified 03:12:22 UTC version 2222222 answers, no checks configured
      2222222 answers from outside and passes its checks.
      Command to live: 20 s, of which 20 s waiting for approval
      [ Undo… ] [ Post-mortem ]
    Rollback Bot (edited):
      ✅ RB-2 VERIFIED  api (production)
      2222222 → 3333333 · @maya · "it was the database"
      ✅ Approved 03:13:20 UTC by @sam (oncall)
      ✅ Accepted 03:13:20 UTC by Argo CD: it is synced and Healthy
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:13:20 UTC 1/1 on 3333333
      ✅ Verified 03:13:22 UTC version 3333333 answers, no checks configured
      3333333 answers from outside and passes its checks.
      Command to live: 0 s, of which 0 s waiting for approval
    Rollback Bot:
      ✅ api (production) is on 3333333 again (RB-2) · @maya, approved by @sam
      version 3333333 answers, no checks configured · took 0 s, of which 0 s waiting for approval
      Automatic deploys are off until `/rollback unpin api@production`.
      3333333 is live again, so the problem RB-1 was for may be back.
    "#);
    assert_eq!(
        (argocd.live().as_str(), argocd.rollbacks_asked()),
        ("3333333", 2)
    );
    assert_eq!(argocd.automated(), json!(null));
    let record = world.record().await;
    assert!(record.contains("verified: 3333333 answers"), "{record}");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_sync_that_fails_before_it_applies_anything_gives_automated_sync_back() {
    let (mut world, argocd) = world().await;
    argocd.sync_ends("Failed", false);
    roll_back(&mut world).await;
    world.passes(Duration::from_secs(60)).await;
    assert_snapshot!(channel(&mut world), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 FAILED  api (production)
      3333333 → 2222222 · @sam · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by Argo CD: the sync of shop is Running: waiting for healthy state of apps/Deployment/shop
      Deploys being set back to what they were, because nothing was changed
      The sync of shop failed: one or more objects failed to apply. Look with argocd app get shop at what is wrong, then ask for a new plan. Production serves 3333333 on 1/1, as last read.
      [ Propose again ] [ Post-mortem ]
    Rollback Bot:
      ⚠️ api (production): going to 2222222 failed (RB-1) · @sam, approved by @sam
      the sync of shop failed: one or more objects failed to apply. Look with argocd app get shop at what is wrong, then ask for a new plan.
      3333333 is still live, as last read.
      I'm setting automatic deploys back to what they were, because nothing was changed. If that fails, I'll say so here.
      Next  Retry with `/rollback api@production to 2222222 because …`, or roll back in Argo CD and log it with `/rollback note`.
    "#);
    let as_before = json!({"prune": true, "selfHeal": true});
    assert_eq!(argocd.automated(), as_before);
    assert_eq!(argocd.live(), "3333333");
    world.slack.take_all();
}

#[tokio::test]
async fn an_operation_that_is_under_way_is_waited_for() {
    let (mut world, argocd) = world().await;
    roll_back(&mut world).await;
    // It begins after the plan was read, and is over soon.
    let busy = json!({
        "code": 9, "error": "another operation is already in progress",
        "message": "another operation is already in progress",
    });
    argocd.next_meets(Meets::Answer(Answered::Json(400, busy)));
    world.passes(Duration::from_secs(80)).await;
    assert_eq!(
        (argocd.live().as_str(), argocd.rollbacks_asked()),
        ("2222222", 2)
    );
    let record = world.record().await;
    assert!(
        record.contains("argocd app terminate-op shop ends it"),
        "{record}"
    );
    assert!(record.contains("verified: 2222222 answers"), "{record}");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_rollback_whose_answer_is_lost_is_found_and_not_asked_again() {
    let (mut world, argocd) = world().await;
    argocd.next_meets(Meets::DoneAndCut);
    roll_back(&mut world).await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(
        (argocd.live().as_str(), argocd.rollbacks_asked()),
        ("2222222", 1)
    );
    let record = world.record().await;
    assert!(record.contains("verified: 2222222 answers"), "{record}");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn an_application_of_an_application_set_is_refused_with_the_reason() {
    let (mut world, argocd) = world().await;
    argocd.edit(|app| {
        app["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": "shops",
            "uid": "1", "controller": true,
        }]);
    });
    world
        .sam()
        .says("/rollback api because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): RB-1: finding a version of api (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot (only visible to @sam): The application shop is made by the ApplicationSet shops, which writes its sync policy anew: automated sync would not stay off, and git's release would be synced again. Revert the commit in its repository. Nothing was run. If it can't wait, roll back on the platform itself.
    ");
    assert_eq!(
        (
            argocd.rollbacks_asked(),
            argocd.automated()["prune"].clone()
        ),
        (0, json!(true)),
        "{NAME}"
    );
    world.slack.take_all();
}
