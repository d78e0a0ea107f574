//! A service on Railway: its images, and automatic deploys that are switched off before.

use crate::support::{
    World, dawn,
    railway::{Meets, Railway, error},
    site::Site,
};
use insta::assert_snapshot;
use rollback_bot::clock::Clock;
use std::{sync::Arc, time::Duration};

const SERVICE: &str = r#"
[services.api.production]
provider = "railway"
project = "p1"
environment = "e1"
service = "5e2f0000-aaaa-4bbb-8ccc-000000000001"
token = "env:RAILWAY_TOKEN"
api_url = "{api}"
approve = ["oncall"]
requester_may_approve = true
[services.api.production.fingerprint]
url = "{local}/version.json"
json = "/version"
"#;

/// A world in which `api` serves the third of three commits.
async fn world() -> (World, Arc<Railway>) {
    let clock = Clock::fixed(dawn().checked_sub(Duration::from_secs(50 * 3_600)).unwrap());
    let before = clock.clone();
    let railway = Arc::new(Railway::start(Arc::new(move || before.now())).await);
    for (commit, message, minutes) in [
        ("1111111aaaa", "Add a cart", 41 * 60),
        ("2222222bbbb", "Fix the session", 8 * 60 + 29),
        ("3333333cccc", "New tax engine", 31),
    ] {
        railway.deploy(commit, message);
        clock.advance(Duration::from_secs(minutes * 60));
    }
    let serving = railway.clone();
    let site = Site::start(move || serving.live()).await;
    let settings = SERVICE
        .replace("{api}", &railway.api_url())
        .replace("{local}", &site.url());
    let mut world = World::with(&settings).await;
    world.site = site;
    let time = world.clock.clone();
    railway.follows(Arc::new(move || time.now()));
    (world, railway)
}

#[tokio::test]
async fn an_image_is_started_again_and_pushes_stay_out_until_unpinned() {
    let (mut world, railway) = world().await;
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
      Live now `3333333`, since 02:41:00 UTC (31 m) kim: New tax engine
      Go back to `2222222`, ran 8 h 29 m until 02:41:00 UTC · previous release, ran before kim: Fix the session
      You lose  1 change: 3333333 "New tax engine"
      Changes  image, the service's variables of then
      Stays  database · volumes · domains · other services
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) · expires 03:22:00 UTC · RB-1 · production · code · plan `83f0`
    "#);
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(
        (railway.live().as_str(), railway.rollbacks_asked()),
        ("2222222", 1)
    );
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  api (production)
      3333333 → 2222222 · @sam · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by Railway: deployment d4 is live
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
    railway.push("4444444dddd", "Another try");
    assert_eq!(railway.live(), "2222222");
    world
        .sam()
        .says("/rollback unpin api because it is fixed")
        .await;
    world.passes(Duration::from_secs(400)).await;
    assert!(railway.is_automatic());
    world.slack.take_all();
}

#[tokio::test]
async fn a_refusal_changes_nothing_and_gives_the_deploys_back() {
    let (mut world, railway) = world().await;
    railway.next_meets(Meets::Answer(error("Deployment can not be rolled back")));
    world
        .sam()
        .says("/rollback api because checkout 500s")
        .await;
    world.settle().await;
    world.channel();
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(
        (railway.live().as_str(), railway.is_automatic()),
        ("3333333", true)
    );
    // Whether the file has it that deploys are given back already depends on which job was first.
    let seen = world.channel();
    let but_the_file = |line: &&str| !line.trim_start().starts_with('|');
    let seen: Vec<&str> = seen.lines().filter(but_the_file).collect();
    assert_snapshot!(seen.join("\n"), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 FAILED  api (production)
      3333333 → 2222222 · @sam · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      Railway would not go back to 2222222 (Deployment can not be rolled back). Ask for a new plan and choose another release. Production serves 3333333 on 1/1, as last read.
      [ Propose again ] [ Post-mortem ]
    Rollback Bot:
      ⚠️ api (production): going to 2222222 failed (RB-1) · @sam, approved by @sam
      Railway would not go back to 2222222 (Deployment can not be rolled back). Ask for a new plan and choose another release.
      3333333 is still live, as last read.
      Next  Retry with `/rollback api@production to 2222222 because …`, or roll back in Railway and log it with `/rollback note`.
    "#);
}

#[tokio::test]
async fn a_rollback_whose_answer_is_lost_is_found_and_not_asked_again() {
    let (mut world, railway) = world().await;
    railway.next_meets(Meets::DoneAndCut);
    world
        .sam()
        .says("/rollback api because checkout 500s")
        .await;
    world.settle().await;
    world.channel();
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(
        (railway.live().as_str(), railway.rollbacks_asked()),
        ("2222222", 1)
    );
    let record = world.record().await;
    assert!(record.contains("verified: 2222222 answers"), "{record}");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}
