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
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): RB-1: finding a version of frontend (production) to go back to. Nothing has changed yet: its card says what it needs.");
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot:
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`
    "#);

    world.passes(Duration::from_secs(50)).await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⏳ RB-1 ACCEPTED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:50 UTC by @sam (oncall)
      ✅ Accepted 03:12:50 UTC by Vercel: job pending
      ✅ Deploys held automatic deploys are off
      ⏳ Going live 0/8 on v213, waiting for shop.example.com, www.shop.example.com and checkout.example.com
      Vercel accepted it. Waiting for v213 to go live.
    "#);

    world.vercel.advance_to(7);
    world.passes(Duration::from_secs(10)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⏳ RB-1 SERVING 7/8  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:50 UTC by @sam (oncall)
      ✅ Accepted 03:12:50 UTC by Vercel: job in progress
      ✅ Deploys held automatic deploys are off
      ⏳ Going live 7/8 on v213, waiting for frontend.vercel.app
    "#);

    world.vercel.advance_to(8);
    world.passes(Duration::from_secs(20)).await;
    assert_snapshot!(world.vercel.production(), @"v213");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:50 UTC by @sam (oncall)
      ✅ Accepted 03:12:50 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:13:12 UTC 8/8 on v213
      ✅ Verified 03:13:14 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 1 m 12 s (goal 2 m: met), of which 50 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ frontend (production) is back on v213 (RB-1) · @maya, approved by @sam
      version v213 answers, 1/1 checks pass · took 1 m 12 s, of which 50 s waiting for approval (goal 2 m: met)
      Automatic deploys are off until `/rollback unpin frontend@production`.
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);

    world.passes(Duration::from_secs(360)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:50 UTC by @sam (oncall)
      ✅ Accepted 03:12:50 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:13:12 UTC 8/8 on v213
      ✅ Verified 03:13:14 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 1 m 12 s (goal 2 m: met), of which 50 s waiting for approval
      [ Undo… ] [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: … entries.
      |   [file INC-1-RB-1-timeline.md]
    "#);
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert!(world.vercel.is_pinned());
    let exported = String::from_utf8(world.slack.files()[0].bytes.clone()).unwrap();
    // The hash covers addresses whose ports are others every time.
    let (table, head) = exported.split_once("\n\nHead of the chain: ").unwrap();
    assert!(head.starts_with("entry 14, "), "{head}");
    assert_snapshot!(table, @r#"
    # INC-1: timeline

    Channel C0SHOP · 14 entries · exported 2026-03-14 03:18:14 UTC · all times UTC

    | # | happened | recorded | who | from | what |
    |---|---|---|---|---|---|
    | 1 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | rollback-bot | bot | **incident opened** opened INC-1 in this channel |
    | 2 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | @maya | command | RB-1 **requested** asked to roll back frontend (production) to the previous release, because "checkout 500s" |
    | 3 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | rollback-bot | bot | RB-1 **planned** proposed v214 → v213, risk code, plan d63f |
    | 4 | 2026-03-14 03:12:50 UTC | 2026-03-14 03:12:50 UTC | @sam | button | RB-1 **approved** approved plan d63f as oncall |
    | 5 | 2026-03-14 03:12:50 UTC | 2026-03-14 03:12:50 UTC | rollback-bot | bot | RB-1 **rechecked** read the platform again: nothing that matters has changed |
    | 6 | 2026-03-14 03:12:50 UTC | 2026-03-14 03:12:50 UTC | rollback-bot | bot | RB-1 **executing** asking Vercel for v214 → v213 |
    | 7 | 2026-03-14 03:12:50 UTC | 2026-03-14 03:12:50 UTC | Vercel | platform | RB-1 **accepted** job accepted |
    | 8 | 2026-03-14 03:12:50 UTC | 2026-03-14 03:12:50 UTC | Vercel | platform | RB-1 **pinned** automatic deploys are held off (checked) |
    | 9 | 2026-03-14 03:12:50 UTC | 2026-03-14 03:12:50 UTC | Vercel | platform | RB-1 **progress** job pending, 0/8 on v213 |
    | 10 | 2026-03-14 03:13:01 UTC | 2026-03-14 03:13:01 UTC | Vercel | platform | RB-1 **progress** job in progress, 7/8 on v213 |
    | 11 | 2026-03-14 03:13:12 UTC | 2026-03-14 03:13:12 UTC | Vercel | platform | RB-1 **serving** serves v213 on 8/8 |
    | 12 | 2026-03-14 03:13:12 UTC | 2026-03-14 03:13:12 UTC | rollback-bot | check | RB-1 **checked** version v213 answers, 1/1 checks pass |
    | 13 | 2026-03-14 03:13:14 UTC | 2026-03-14 03:13:14 UTC | rollback-bot | check | RB-1 **verified** verified: v213 answers from outside and passes its checks. |
    | 14 | 2026-03-14 03:18:14 UTC | 2026-03-14 03:18:14 UTC | rollback-bot | bot | RB-1 **closed** closed as verified |
    "#);
    assert_snapshot!(world.vercel.description().unwrap(), @"RB-1 @maya: checkout 500s");
    world.passes(Duration::from_secs(600)).await;
}
