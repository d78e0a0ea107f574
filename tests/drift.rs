//! What happens between the card and the click.

use crate::support::World;
use insta::assert_snapshot;
use std::time::Duration;

#[tokio::test]
async fn a_card_that_expired_runs_nothing() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.passes(Duration::from_secs(601)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 EXPIRED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      Nobody approved it by 03:22:00 UTC. Nothing changed. To propose it again: `/rollback frontend@production to v213 because …`.
      [ Propose again ]
      | Rollback Bot: @sam and @ana: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 1 m.
      | Rollback Bot: @sam and @ana: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 3 m.
    Rollback Bot: @maya: RB-1 (frontend (production), v214 → v213) expired: nobody approved it in time. Nothing was changed. To propose it again: `/rollback frontend@production to v213 because …`.
    "#);
    world.sam().clicks_an_old("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): The card of RB-1 is from 03:12:00 UTC and expired at 03:22:00 UTC. Nothing was run. Propose it again.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}

#[tokio::test]
async fn production_that_moved_gets_a_fresh_card() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.deploy("v215", "5e6f7a8b9c0", "hotfix", "lee");
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 SUPERSEDED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      Nothing was run: production moved from v214 to v215 after the card was made. If there is a fresh plan, its card takes this one's place.
      | Rollback Bot: @maya and @sam: RB-1 (frontend (production), v214 → v213) is out of date. Nothing was run: production moved from v214 to v215 after the card was made. Approvals of it don't count for another plan; if there is one, its card appears here.
    Rollback Bot:
      Roll back frontend to v214?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v215` 5e6f7a8, since 03:12:00 UTC (1 s) lee: hotfix on 8/8 surfaces
      Go back to `v214` a1b2c3d, ran 31 m until 03:12:00 UTC · previous release, ran before kim: checkout: new tax engine
      You lose  1 change: v215 "hotfix"; it looks like a fix
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-2 (replaces RB-1) · production · code · plan `33f6`
    "#);
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}

#[tokio::test]
async fn another_target_is_chosen_in_a_modal() {
    let mut world = World::new().await;
    world.vercel.no_longer_offer("v211");
    world.with_a_card().await;
    world.maya().clicks("Change version").await;
    world.settle().await;
    assert_snapshot!(world.slack.view("U0MAYA"), @r#"
    == Change version ==
    Go back to: [ v213 · ran until 31 m ago · lee ▾ ] of v213 · ran until 31 m ago · lee / v212 · ran until 7 h ago · kim
      Saving replaces the card. Nothing is run.
    Not eligible
    • `v214`  a1b2c3d  by kim  live since 02:41:00 UTC (31 m ago)  "checkout: new tax engine": it is live
    • `v211`  1111111  by kim  ran 24 h until 2026-03-12 03:12 UTC  "winter sale banner": Vercel does not offer it for instant rollback
    [ Go back ] [ Save ]
    "#);
    world.slack.chooses("U0MAYA", "v212").await.unwrap();
    assert!(world.slack.submits("U0MAYA").await.unwrap().is_ok());
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 SUPERSEDED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      @maya changed the target. If there is a fresh plan, its card takes this one's place.
    Rollback Bot:
      Roll back frontend to v212?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m 1 s) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v212` 9f8e7d6, ran 41 h until 20:12:00 UTC · named kim: faster search
      You lose  2 changes: v214 "checkout: new tax engine", v213 "session expiry"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-2 (replaces RB-1) · production · code · plan `b346`
    "#);
    world.sam().clicks_an_old("Cancel").await;
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_modal_that_comes_too_late_says_so() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.maya().clicks("Change version").await;
    world.clock.advance(Duration::from_secs(4));
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): Slack did not open the form in time. Nothing was changed. Try it once more.");
}

#[tokio::test]
async fn it_is_stopped_before_the_platform_is_asked() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.fail_reads(503);
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.slack.take_all();
    world.maya().clicks("Stop").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 CANCELLED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      Cancelled by @maya. Nothing changed.
    Rollback Bot: @sam: @maya cancelled RB-1 (frontend (production), v214 → v213). Nothing was changed. To propose it again: `/rollback frontend@production to v213 because …`.
    "#);
    world.vercel.fail_reads(None);
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}

#[tokio::test]
async fn once_the_platform_was_asked_it_cannot_be_stopped() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.slack.take_all();
    world.maya().says("/rollback stop RB-1").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): Stopping RB-1 if that is still possible: checking your permissions. The card will update.
    Rollback Bot (only visible to @maya): RB-1 cannot be stopped any more: Vercel was asked at 03:12:00 UTC and cannot take it back. Nothing else will be asked; its card shows where it stands.
    ");
    assert_eq!(world.rollback(1).await.state.name(), "accepted");
}

#[tokio::test]
async fn a_platform_that_cannot_be_read_again_opens_the_card_again() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.fail_reads(403);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"");
    world.channel();
    world.vercel.fail_reads(None);
    world.vercel.moves_at_once(true);
    world.ana().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.production(), "v213");
    world.slack.take_all();
}

#[tokio::test]
async fn a_target_that_is_gone_by_the_time_of_the_yes_leaves_nothing_to_run() {
    let mut world = World::new().await;
    world
        .maya()
        .says("/rollback frontend to v213 because checkout 500s")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.vercel.no_longer_offer("v213");
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"");
    assert_snapshot!(world.maya().sees(), @"");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 BLOCKED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      You can't go to v213: Vercel does not offer it for instant rollback. Nothing was run. Possible: /rollback frontend@production to v212 because ….
    Rollback Bot: @maya and @sam: RB-1 (frontend (production), v214 → v213) was not run. You can't go to v213: Vercel does not offer it for instant rollback. Nothing was run. Possible: `/rollback frontend@production to v212 because …`.
    "#);
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    // Nothing is open any more that would be in the way of another one.
    world
        .maya()
        .says("/rollback frontend to v212 because checkout 500s")
        .await;
    world.settle().await;
    assert!(world.channel().contains("· RB-2 · production"));
    world.maya().clicks("Cancel").await;
    world.settle().await;
    world.slack.take_all();
}
