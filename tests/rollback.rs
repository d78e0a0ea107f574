//! The main story: proposed, approved, done, proven, recorded.

use crate::support::World;
use insta::assert_snapshot;
use std::time::Duration;

#[tokio::test]
async fn a_bad_release_is_rolled_back_on_vercel() {
    let mut world = World::new().await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): RB-1: finding a version of frontend (production) to go back to. Nothing changes until it's approved.");
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot:
      Roll back frontend (production)?  RB-1
      Requested by @maya at 03:12:00 UTC · "checkout 500s" · expires 03:22:00 UTC
      Now  `v214`  a1b2c3d  live since 02:41:00 UTC by kim (31 m ago)  "checkout: new tax engine"
      Target  `v213`  3c4d5e6  live since 20:12:00 UTC by lee (7 h ago)  "session expiry" · served 6 h 29 m until 02:41:00 UTC · previous known good
      Removes  1 release: v214 "checkout: new tax engine" (the commits between are unknown)
      Restores  code, cron jobs of the target's vercel.json, env values baked into the build
      Leaves  database · today's env settings · flags · storage
      After  automatic deploys stay OFF until unpinned
      Where  8 surfaces: 8/8 serve v214
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya
      Risk  code · plan `625a`
      [ Change target… ] [ Approve & roll back… ] [ Cancel ] [ ⋯ Object… / Break glass… / Who can approve / May I approve? ]
    "#);

    world.passes(Duration::from_secs(50)).await;
    world.sam().clicks("Approve & roll back").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 ACCEPTED  frontend (production)
      v214 → v213 · asked for by @maya · "checkout 500s"
      `[x]` 03:12:50 UTC approved   @sam as oncall
      `[x]` 03:12:50 UTC accepted   Vercel says: job pending
      `[x]` pinned   automatic deploys are off (read back)
      `[~]` serving   0/8 on v213, waiting for shop.example.com, www.shop.example.com and checkout.example.com
      Vercel accepted the request. That does not mean it is live: checking.
    "#);

    world.vercel.advance_to(7);
    world.passes(Duration::from_secs(10)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 SERVING 7/8  frontend (production)
      v214 → v213 · asked for by @maya · "checkout 500s"
      `[x]` 03:12:50 UTC approved   @sam as oncall
      `[x]` 03:12:50 UTC accepted   Vercel says: job in progress
      `[x]` pinned   automatic deploys are off (read back)
      `[~]` serving   7/8 on v213, waiting for frontend.vercel.app
    "#);

    world.vercel.advance_to(8);
    world.passes(Duration::from_secs(20)).await;
    assert_snapshot!(world.vercel.production(), @"v213");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 VERIFIED  frontend (production)
      v214 → v213 · asked for by @maya · "checkout 500s"
      `[x]` 03:12:50 UTC approved   @sam as oncall
      `[x]` 03:12:50 UTC accepted   Vercel says: job succeeded
      `[x]` pinned   automatic deploys are off (read back)
      `[x]` 03:13:05 UTC serving   8/8 on v213
      `[x]` 03:13:15 UTC verified   version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command → serving 1 m 5 s (target 2 m: met) · of which waiting for approval 50 s · automatic deploys stay OFF
      [ Undo… ]
    Rollback Bot:
      ROLLBACK VERIFIED · frontend (production) · v214 → v213 · RB-1
      Why  checkout 500s
      Status  v213 answers from outside and passes its checks.
      Now serving  v213 on 8/8, since 2026-03-14 03:13:05 UTC
      Checked from outside  version v213 answers, 1/1 checks pass
      Time  command → serving 1 m 5 s (target 2 m: met), of which waiting for approval 50 s
      Un-shipped  v214
      Not touched  database, today's env settings, flags, storage
      Afterwards  automatic deploys stay OFF until unpinned
      Contact  asked for by @maya, approved by @sam
      The defect itself is not fixed by this: it is still in v214.
    "#);

    world.passes(Duration::from_secs(360)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 VERIFIED  frontend (production)
      v214 → v213 · asked for by @maya · "checkout 500s"
      `[x]` 03:12:50 UTC approved   @sam as oncall
      `[x]` 03:12:50 UTC accepted   Vercel says: job succeeded
      `[x]` pinned   automatic deploys are off (read back)
      `[x]` 03:13:05 UTC serving   8/8 on v213
      `[x]` 03:13:15 UTC verified   version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command → serving 1 m 5 s (target 2 m: met) · of which waiting for approval 50 s · automatic deploys stay OFF
      [ Undo… ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: 14 entries.
      |   [file INC-1-RB-1-timeline.md 2085 bytes]
    "#);
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert!(world.vercel.is_pinned());
    assert_snapshot!(String::from_utf8(world.slack.files()[0].bytes.clone()).unwrap(), @r#"
    # INC-1: timeline

    Channel C0SHOP · 14 entries · exported 2026-03-14 03:18:15 UTC · all times UTC

    | # | happened | recorded | who | from | what |
    |---|---|---|---|---|---|
    | 1 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | rollback-bot | bot | **incident opened** opened INC-1 in this channel |
    | 2 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | @maya | command | RB-1 **requested** asked to roll back frontend (production) to the previous known good, because "checkout 500s" |
    | 3 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | rollback-bot | bot | RB-1 **planned** proposed v214 → v213, risk code, plan 625a |
    | 4 | 2026-03-14 03:12:50 UTC | 2026-03-14 03:12:50 UTC | @sam | button | RB-1 **approved** approved plan 625a as oncall |
    | 5 | 2026-03-14 03:12:50 UTC | 2026-03-14 03:12:50 UTC | rollback-bot | bot | RB-1 **rechecked** read the platform again: nothing that matters has changed |
    | 6 | 2026-03-14 03:12:50 UTC | 2026-03-14 03:12:50 UTC | rollback-bot | bot | RB-1 **executing** asking Vercel for v214 → v213 |
    | 7 | 2026-03-14 03:12:50 UTC | 2026-03-14 03:12:50 UTC | Vercel | platform | RB-1 **accepted** job accepted |
    | 8 | 2026-03-14 03:12:50 UTC | 2026-03-14 03:12:50 UTC | Vercel | platform | RB-1 **pinned** automatic deploys are held off (checked) |
    | 9 | 2026-03-14 03:12:50 UTC | 2026-03-14 03:12:50 UTC | Vercel | platform | RB-1 **progress** job pending, 0/8 on v213 |
    | 10 | 2026-03-14 03:12:55 UTC | 2026-03-14 03:12:55 UTC | Vercel | platform | RB-1 **progress** job in progress, 7/8 on v213 |
    | 11 | 2026-03-14 03:13:05 UTC | 2026-03-14 03:13:05 UTC | Vercel | platform | RB-1 **serving** serves v213 on 8/8 |
    | 12 | 2026-03-14 03:13:05 UTC | 2026-03-14 03:13:05 UTC | rollback-bot | check | RB-1 **checked** version v213 answers, 1/1 checks pass |
    | 13 | 2026-03-14 03:13:15 UTC | 2026-03-14 03:13:15 UTC | rollback-bot | check | RB-1 **verified** verified: v213 answers from outside and passes its checks. |
    | 14 | 2026-03-14 03:18:15 UTC | 2026-03-14 03:18:15 UTC | rollback-bot | bot | RB-1 **closed** closed as verified |
    "#);
    assert_snapshot!(world.vercel.description().unwrap(), @"RB-1 @maya: checkout 500s");
    world.passes(Duration::from_secs(600)).await;
}
