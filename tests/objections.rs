//! Objections, and the window in which they keep a rollback from starting by itself.

use crate::support::{FRONTEND, World};
use insta::assert_snapshot;
use rollback_simulation::Fault;
use std::time::Duration;

fn windowed() -> String {
    format!("{FRONTEND}\n[policy]\nobjection_window = \"60s\"\n")
}

/// sam, who has the role, asks.
async fn sam_asks() -> World {
    let mut world = World::with(&windowed()).await;
    world
        .sam()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    world
}

#[tokio::test]
async fn anybody_objects_and_the_card_says_so() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.tom().clicks("Object").await;
    world.settle().await;
    world
        .slack
        .types("U0TOM", "the fix is already building")
        .unwrap();
    world.slack.submits("U0TOM").await.unwrap();
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m 2 s) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      ⚠️ Objection by @tom, 03:12:00 UTC: "the fix is already building"
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`
      | Rollback Bot: @maya: @tom objects to RB-1 (frontend (production), v214 → v213): "the fix is already building".
    "#);
    // It stops nobody with authority.
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    let card = world.channel();
    assert!(card.contains("the fix is already building"), "{card}");
    world.slack.take_all();
    // Once it was asked there is nothing to object to.
    world
        .tom()
        .says("/rollback object RB-1 because I told you")
        .await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"
    Rollback Bot (only visible to @tom): Writing your objection to RB-1 down: checking your permissions. The card will update.
    Rollback Bot (only visible to @tom): RB-1 was already approved by @sam at 03:12:02 UTC; it is now: verified. Nothing more was run. `/rollback status RB-1` shows where it stands.
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn an_authoritys_own_rollback_starts_when_nobody_objects() {
    let mut world = sam_asks().await;
    let card = world.channel();
    let starts = card.lines().find(|line| line.contains("Starts"));
    assert_snapshot!(starts.unwrap_or("it does not start by itself").trim(), @"⏳ Starts by itself at 03:13:00 UTC, unless somebody objects");
    world.vercel.moves_at_once(true);
    world.passes(Duration::from_secs(59)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.passes(Duration::from_secs(2)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    let record = world.record().await;
    let started = record.lines().find(|line| line.contains("nobody objected"));
    assert_snapshot!(started.unwrap_or("not recorded"), @"@sam approved: started plan d63f as oncall: nobody objected");
    world.slack.take_all();
}

#[tokio::test]
async fn one_objection_and_it_waits_for_somebody_else() {
    let mut world = sam_asks().await;
    world.slack.take_all();
    world
        .tom()
        .says("/rollback object RB-1 because the fix is building")
        .await;
    world.passes(Duration::from_secs(61)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v213?
      checkout 500s · @sam, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (32 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      ⚠️ Objection by @tom, 03:12:00 UTC: "the fix is building"
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      ⏳ Waiting since 03:12:00 UTC; asked @ana, last at 03:13:00 UTC
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @ana (lead), not @sam · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`
      | Rollback Bot: @sam: @tom objects to RB-1 (frontend (production), v214 → v213): "the fix is building". It won't run automatically now; an approver must decide.
      | Rollback Bot: @ana: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 1 m.
    Rollback Bot (only visible to @tom): Writing your objection to RB-1 down: checking your permissions. The card will update.
    "#);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): You requested this, so someone else must approve it (class code). @ana can. Nothing was run.");
    world.vercel.moves_at_once(true);
    world.ana().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn without_authority_there_is_no_window() {
    let mut world = World::with(&windowed()).await;
    world.with_a_card().await;
    world.passes(Duration::from_secs(90)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    world.slack.take_all();
}

#[tokio::test]
async fn an_authority_that_cannot_be_confirmed_when_the_window_ends_starts_nothing() {
    let mut world = sam_asks().await;
    world.slack.take_all();
    world.slack.fault(Fault::Outage, Some("users.info"), None);
    world.passes(Duration::from_secs(61)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.slack.heal();
    world.passes(Duration::from_secs(5)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    assert!(
        world
            .record()
            .await
            .contains("did not start by itself: the authority of @sam could not be confirmed")
    );
    world.slack.take_all();
}

#[tokio::test]
async fn a_restart_in_the_window_does_not_lose_it() {
    let mut world = sam_asks().await;
    world.slack.take_all();
    world.vercel.moves_at_once(true);
    world.stops().await;
    world.clock.advance(Duration::from_secs(61));
    world.starts().await;
    world.leases_end().await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn silence_says_nothing_while_nobody_can_have_seen_the_card() {
    let mut world = World::with(&windowed()).await;
    world
        .slack
        .fault(Fault::Outage, Some("chat.postMessage"), None);
    world.vercel.moves_at_once(true);
    world
        .sam()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.passes(Duration::from_secs(100)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    // The card is there at last; whoever has something against it has as long as ever.
    world.slack.heal();
    world.passes(Duration::from_secs(30)).await;
    assert!(world.channel().contains("Roll back frontend to"));
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.passes(Duration::from_secs(120)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}
