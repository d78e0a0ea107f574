//! A Deployment of a cluster, or a Rollout: its earlier templates, its rollout pod by pod, and who else owns it.

use crate::support::{
    World, dawn,
    kubernetes::{Kubernetes, Meets, TOKEN},
    site::Site,
};
use insta::assert_snapshot;
use rollback_bot::clock::Clock;
use serde_json::json;
use std::{fs, sync::Arc, time::Duration};
use tempfile::TempDir;

const SERVICE: &str = r#"
[services.api.production]
provider = "kubernetes"
{key} = "shop"
namespace = "production"
service_account = "{account}"
api_url = "{api}"
approve = ["oncall"]
[services.api.production.fingerprint]
url = "{local}/version.json"
json = "/version"
"#;

/// A world in which `api` runs the third of three images, and the account it is asked as.
async fn world() -> (World, Arc<Kubernetes>, TempDir) {
    world_of("Deployment", "deployment").await
}

/// The same with another kind of workload, which is `key` in the configuration.
async fn world_of(kind: &'static str, key: &str) -> (World, Arc<Kubernetes>, TempDir) {
    let clock = Clock::fixed(dawn().checked_sub(Duration::from_secs(50 * 3_600)).unwrap());
    let before = clock.clone();
    let image = |version: &str| format!("registry.example.com/acme/shop:{version}");
    let now = Arc::new(move || before.now());
    let cluster = Kubernetes::start(kind, now, &image("v211")).await;
    for (version, cause, minutes) in [
        ("v212", "Fix the session", 41 * 60),
        ("v213", "New tax engine", 8 * 60 + 29),
    ] {
        clock.advance(Duration::from_secs(minutes * 60));
        cluster.deploy(&image(version), Some(cause));
    }
    let cluster = Arc::new(cluster);
    let account = tempfile::tempdir().unwrap();
    fs::write(account.path().join("token"), TOKEN).unwrap();
    let serving = cluster.clone();
    let site = Site::start(move || serving.live()).await;
    let settings = SERVICE
        .replace("{key}", key)
        .replace("{account}", &account.path().display().to_string())
        .replace("{api}", &cluster.url())
        .replace("{local}", &site.url());
    let mut world = World::with(&settings).await;
    world.site = site;
    let time = world.clock.clone();
    cluster.follows(Arc::new(move || time.now()));
    (world, cluster, account)
}

/// maya wants it back, and sam approves it.
async fn roll_back(world: &mut World) {
    world
        .maya()
        .says("/rollback api because checkout 500s")
        .await;
    world.settle().await;
    world.maya().sees();
    approve(world).await;
}

/// sam approves: that v212 served is not known, so it is ticked.
async fn approve(world: &mut World) {
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    world
        .slack
        .chooses("U0SAM", "v212 is not known to have served")
        .await
        .unwrap();
    assert!(world.slack.submits("U0SAM").await.unwrap().is_ok());
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
async fn a_deployment_goes_back_pod_by_pod_and_is_verified() {
    let (mut world, cluster, _account) = world().await;
    world
        .maya()
        .says("/rollback api because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @maya): RB-1: finding a version of api (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Roll back api to v212?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v213`, since when is not known New tax engine
      Go back to `v212`, made 18:12:00 UTC, never seen live · previous release, it is not known whether it ever served Fix the session
      ⚠️ Caution  v212 is not known to have served production
      You lose  1 change: v213 "New tax engine"
      Changes  image, command, the env, probes and resources of its pod template
      Stays  database · volumes · ConfigMaps and Secrets · replicas
      Details  it reads ConfigMap shop-settings, Secret shop-database as they are today
      After  the next deploy replaces it
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall), not @maya · expires 03:22:00 UTC · RB-1 · production · caution · plan `6285`
    "#);
    approve(&mut world).await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(
        (cluster.live().as_str(), cluster.patches_asked()),
        ("v212", 1)
    );
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  api (production)
      v213 → v212 · @maya · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by Kubernetes: all 3 pods have it and are available
      ✅ Live 03:12:21 UTC 3/3 on v212
      ✅ Verified 03:12:23 UTC version v212 answers, no checks configured
      v212 answers from outside and passes its checks.
      Command to live: 21 s, of which 20 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ api (production) is back on v212 (RB-1) · @maya, approved by @sam
      version v212 answers, no checks configured · took 21 s, of which 20 s waiting for approval
      This doesn't fix the bug. If v213 caused it, deploying v213 again brings it back.
    "#);
    let record = world.record().await;
    assert!(record.contains("2/3"), "{record}");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_deployment_of_argo_cd_is_refused_with_where_to_go_instead() {
    let (mut world, cluster, _account) = world().await;
    cluster.edit(|object| {
        let tracked = "acme-shop:apps/Deployment:production/shop";
        object["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = json!(tracked);
    });
    world
        .maya()
        .says("/rollback api because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya): RB-1: finding a version of api (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot (only visible to @maya): Deployment/shop belongs to the application acme-shop of Argo CD, which would put its own template back. Use provider = "argocd" with application = "acme-shop" instead. Nothing was run. If it can't wait, roll back on the platform itself.
    "#);
    assert_eq!(cluster.patches_asked(), 0);
    world.slack.take_all();
}

#[tokio::test]
async fn a_deploy_at_the_same_moment_wins_and_nothing_is_lost() {
    let (mut world, cluster, _account) = world().await;
    cluster.next_meets(Meets::Deploy("registry.example.com/acme/shop:v214".into()));
    roll_back(&mut world).await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(
        (cluster.live().as_str(), cluster.patches_asked()),
        ("v214", 1)
    );
    assert_snapshot!(channel(&mut world), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 FAILED  api (production)
      v213 → v212 · @maya · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      Somebody changed deployment/shop at this very moment (422: the server rejected our request due to an error in our request), so nothing was done. Ask for a new plan. Production serves v213 on 1/1, as last read.
      [ Propose again ] [ Post-mortem ]
    Rollback Bot:
      ⚠️ api (production): going to v212 failed (RB-1) · @maya, approved by @sam
      Somebody changed deployment/shop at this very moment (422: the server rejected our request due to an error in our request), so nothing was done. Ask for a new plan.
      v213 is still live, as last read.
      Next  Retry with `/rollback api@production to v212 because …`, or roll back in Kubernetes and log it with `/rollback note`.
    "#);
}

#[tokio::test]
async fn a_rollback_whose_answer_is_lost_is_found_and_not_asked_again() {
    let (mut world, cluster, _account) = world().await;
    cluster.next_meets(Meets::DoneAndCut);
    roll_back(&mut world).await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(
        (cluster.live().as_str(), cluster.patches_asked()),
        ("v212", 1)
    );
    let record = world.record().await;
    assert!(record.contains("verified: v212 answers"), "{record}");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_rollout_that_pauses_for_people_says_what_they_have_to_do() {
    let (mut world, cluster, _account) = world_of("Rollout", "rollout").await;
    cluster.promotes(false);
    roll_back(&mut world).await;
    world.passes(Duration::from_secs(30)).await;
    assert_snapshot!(channel(&mut world), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 WAITING FOR PEOPLE  api (production)
      v213 → v212 · @maya · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by Kubernetes: it is Paused (CanaryPauseStep) at step 2 of 3
      ⏳ Going live 0/1 on v212, waiting for rollout/shop
      Waiting for people: it is Paused (CanaryPauseStep) at step 2 of 3.
      • Promote rollout/shop to v212, or all of its steps at once: kubectl argo rollouts promote shop --full. Then: `/rollback signoff RB-1 promote done`.
    "#);
    cluster.promotes(true);
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(
        (cluster.live().as_str(), cluster.patches_asked()),
        ("v212", 1)
    );
    let record = world.record().await;
    assert!(record.contains("verified: v212 answers"), "{record}");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn an_update_of_a_rollout_that_argo_cd_owns_is_aborted_and_cannot_be_undone() {
    let (mut world, cluster, _account) = world_of("Rollout", "rollout").await;
    cluster.edit(|object| {
        let tracked = "acme-shop:argoproj.io/Rollout:production/shop";
        object["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = json!(tracked);
    });
    cluster.begins_an_update("registry.example.com/acme/shop:v214");
    world
        .maya()
        .says("/rollback api because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @maya): RB-1: finding a version of api (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Roll back api to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214`, since when is not known New tax engine
      Go back to `v213`, made 02:41:00 UTC, never seen live · previous release, ran before New tax engine
      ⚠️ Under way now  an update is under way: it is Paused (CanaryPauseStep) at step 2 of 3
      You lose  1 change: v214 "New tax engine"
      Changes  image, command, the env, probes and resources of its pod template
      Stays  database · volumes · ConfigMaps and Secrets · replicas
      Details  it aborts the update that is under way: the stable template serves again, and that cannot be undone from here · it reads ConfigMap shop-settings, Secret shop-database as they are today
      After  the new template stays in the Rollout until its owner changes it
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `862b`
    "#);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(60)).await;
    assert!(cluster.is_aborted());
    assert_snapshot!(channel(&mut world), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  api (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Kubernetes: it is Degraded (RolloutAborted: Rollout aborted update)
      ✅ Live 03:12:00 UTC 1/1 on v213
      ✅ Verified 03:12:02 UTC version v213 answers, no checks configured
      v213 answers from outside and passes its checks.
      Command to live: 0 s, of which 0 s waiting for approval
    Rollback Bot:
      ✅ api (production) is back on v213 (RB-1) · @maya, approved by @sam
      version v213 answers, no checks configured · took 0 s, of which 0 s waiting for approval
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}
