//! A team of one: asks, approves, and is in nobody's way.

use crate::support::{FRONTEND, World};
use insta::assert_snapshot;
use std::time::Duration;

const OWNER: &str = r#"
[roles.owner]
members = ["U0MAYA"]
[policy]
preset = "solo"
"#;

fn owned(more: &str) -> String {
    let services = FRONTEND.replace("\"oncall\", \"lead\"", "\"owner\"");
    services.replace("target_time", &format!("{more}\ntarget_time"))
}

#[tokio::test]
async fn from_the_command_to_verified_with_two_clicks() {
    let mut world = World::set_up(OWNER, &owned("")).await;
    world.vercel.moves_at_once(true);
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    world.slack.take_all();
    // One click on the button, one on Slack's own question.
    world.maya().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @maya (owner)
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:00 UTC 8/8 on v213
      ✅ Verified 03:12:02 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ frontend (production) is back on v213 (RB-1) · @maya, approved by @maya
      version v213 answers, 1/1 checks pass · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
      Automatic deploys are off until `/rollback unpin frontend@production`.
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn data_takes_the_owner_and_the_typed_target() {
    let mut world = World::set_up(OWNER, &owned("risk = \"data\"")).await;
    world.vercel.moves_at_once(true);
    world
        .maya()
        .says("/rollback frontend because orders are lost")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.maya().clicks("Approve").await;
    world.settle().await;
    world.slack.types("U0MAYA", "v213").unwrap();
    world.slack.submits("U0MAYA").await.unwrap();
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn an_emergency_without_the_owner_is_reviewed_by_the_owner() {
    let mut world = World::set_up(OWNER, &owned("")).await;
    world.vercel.moves_at_once(true);
    world.with_a_card().await;
    world.tom().clicks("Emergency run").await;
    world.settle().await;
    world.slack.types("U0TOM", "the owner sleeps").unwrap();
    world
        .slack
        .chooses("U0TOM", "I will explain")
        .await
        .unwrap();
    world.slack.submits("U0TOM").await.unwrap();
    world.passes(Duration::from_secs(400)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world
        .maya()
        .says("/rollback review RB-1 justified because I did sleep")
        .await;
    world.settle().await;
    assert!(world.record().await.contains("@maya reviewed:"));
    world.slack.take_all();
}
