//! A service on Render: its builds, and automatic deploys that are held off before.

use crate::{
    api::Answered,
    support::{
        World, dawn,
        render::{Meets, Render},
        site::Site,
    },
};
use insta::assert_snapshot;
use rollback_bot::clock::Clock;
use serde_json::json;
use std::{sync::Arc, time::Duration};

const SERVICE: &str = r#"
[services.api.production]
provider = "render"
service = "srv-c1k2m3"
token = "env:RENDER_API_KEY"
api_url = "{api}"
approve = ["oncall"]
requester_may_approve = true
[services.api.production.fingerprint]
url = "{local}/version.json"
json = "/version"
"#;

/// A world in which `api` serves the third of three commits.
async fn world() -> (World, Arc<Render>) {
    let clock = Clock::fixed(dawn().checked_sub(Duration::from_secs(50 * 3_600)).unwrap());
    let before = clock.clone();
    let render = Arc::new(Render::start(Arc::new(move || before.now())).await);
    for (commit, message, minutes) in [
        ("1111111aaaa", "Add a cart", 41 * 60),
        ("2222222bbbb", "Fix the session", 8 * 60 + 29),
        ("3333333cccc", "New tax engine", 31),
    ] {
        render.deploy(commit, message);
        clock.advance(Duration::from_secs(minutes * 60));
    }
    let serving = render.clone();
    let site = Site::start(move || serving.live()).await;
    let settings = SERVICE
        .replace("{api}", &render.api_url())
        .replace("{local}", &site.url());
    let mut world = World::with(&settings).await;
    world.site = site;
    let time = world.clock.clone();
    render.follows(Arc::new(move || time.now()));
    (world, render)
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

#[tokio::test]
async fn a_build_is_served_again_and_pushes_stay_out_until_unpinned() {
    let (mut world, render) = world().await;
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
      Live now `3333333`, since 02:41:00 UTC (31 m) New tax engine
      Go back to `2222222`, ran 8 h 29 m until 02:41:00 UTC · previous release, ran before Fix the session
      You lose  1 change: 3333333 "New tax engine"
      Changes  build, start command, instance count, the service's own env of then
      Stays  database · disks · env groups · domains
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) · expires 03:22:00 UTC · RB-1 · production · code · plan `5aa6`
    "#);
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(
        (render.live().as_str(), render.rollbacks_asked()),
        ("2222222", 1)
    );
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  api (production)
      3333333 → 2222222 · @sam · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by Render: deploy dep-4 is live
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
    render.push("4444444dddd", "Another try");
    assert_eq!(render.live(), "2222222");
    world
        .sam()
        .says("/rollback unpin api because it is fixed")
        .await;
    world.passes(Duration::from_secs(400)).await;
    assert_eq!(render.automatic(), "yes");
    render.push("4444444dddd", "Another try");
    assert_eq!(render.live(), "4444444");
    world.slack.take_all();
}

#[tokio::test]
async fn a_build_that_is_not_kept_any_more_changes_nothing_and_gives_the_deploys_back() {
    let (mut world, render) = world().await;
    let expired = json!({"id": "req-1", "message": "deploy artifact is no longer available"});
    render.next_meets(Meets::Answer(Answered::Json(400, expired)));
    roll_back(&mut world).await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(
        (render.live().as_str(), render.automatic().as_str()),
        ("3333333", "yes")
    );
    // Whether the file has it that deploys are given back already depends on which job was first.
    let seen = world.channel();
    let but_the_file = |line: &&str| !line.trim_start().starts_with('|');
    let seen: Vec<&str> = seen.lines().filter(but_the_file).collect();
    assert_snapshot!(seen.join("\n"), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 FAILED  api (production)
      3333333 → 2222222 · @sam · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      Render cannot go back to 2222222 (400: deploy artifact is no longer available). It keeps the builds of a fixed number of deploys only: ask for a new plan and choose a newer release, or deploy the commit of 2222222 anew. Production serves 3333333 on 1/1, as last read.
      [ Propose again ] [ Post-mortem ]
    Rollback Bot:
      ⚠️ api (production): going to 2222222 failed (RB-1) · @sam, approved by @sam
      Render cannot go back to 2222222 (400: deploy artifact is no longer available). It keeps the builds of a fixed number of deploys only: ask for a new plan and choose a newer release, or deploy the commit of 2222222 anew.
      3333333 is still live, as last read.
      Next  Retry with `/rollback api@production to 2222222 because …`, or roll back in Render and log it with `/rollback note`.
    "#);
}

#[tokio::test]
async fn a_rollback_whose_answer_is_lost_is_found_and_not_asked_again() {
    let (mut world, render) = world().await;
    render.next_meets(Meets::DoneAndCut);
    roll_back(&mut world).await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(
        (render.live().as_str(), render.rollbacks_asked()),
        ("2222222", 1)
    );
    let record = world.record().await;
    assert!(record.contains("verified: 2222222 answers"), "{record}");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}
