//! A platform that never confirms how it ended: somebody with authority says so.

use crate::support::World;
use insta::assert_snapshot;
use std::time::Duration;

/// The platform was asked, did not answer, and cannot be read since.
async fn unknown() -> World {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.break_after_accepting();
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.vercel.fail_reads(503);
    world.passes(Duration::from_secs(30 * 60)).await;
    assert_eq!(world.rollback(1).await.state.name(), "unknown");
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
    world
}

#[tokio::test]
async fn not_done_and_the_service_is_free_again() {
    let mut world = unknown().await;
    world
        .sam()
        .says("/rollback resolve RB-1 not done because Vercel's support sees no job")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 RESOLVED AS NOT DONE  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      @sam says that it is not done: "Vercel's support sees no job". Vercel has not confirmed it; nothing more is checked.
      [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: … entries.
      |   [file INC-1-RB-1-timeline.md]
    Rollback Bot (only visible to @sam): Resolving RB-1: checking your permissions. The card will update.
    Rollback Bot:
      ⚠️ frontend (production): not done, says @sam (RB-1) · @maya, approved by @sam
      @sam says that it is not done: "Vercel's support sees no job".
      v214 is still live, as last read.
      Next  Retry with `/rollback frontend@production to v213 because …`, or roll back in Vercel and log it with `/rollback note`.
    "#);
    assert_snapshot!(world.record().await.lines().last().unwrap_or_default(), @"rollback-bot exported: exported INC-1-RB-1-timeline.md, 8 entries, 1555 bytes");
    assert!(
        world
            .record()
            .await
            .contains("@sam resolved: resolved it as not done")
    );
    // Nothing is asked or read for it any more, and the next one is a new one.
    world.vercel.fail_reads(None);
    world.passes(Duration::from_secs(600)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    assert!(world.channel().contains("RB-2"));
    world.slack.take_all();
}

#[tokio::test]
async fn done_and_it_is_said_who_says_so() {
    let mut world = unknown().await;
    world
        .ana()
        .says("/rollback resolve RB-1 done because I see v213 on every domain")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 RESOLVED AS DONE  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      @ana says that it is done: "I see v213 on every domain". Vercel has not confirmed it; nothing more is checked.
      [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: … entries.
      |   [file INC-1-RB-1-timeline.md]
    Rollback Bot (only visible to @ana): Resolving RB-1: checking your permissions. The card will update.
    Rollback Bot:
      frontend (production): done, says @ana (RB-1) · @maya, approved by @sam
      @ana says that it is done: "I see v213 on every domain".
      I could not confirm it: my last reading showed v214.
      Next  `/rollback list frontend@production` shows what Vercel has.
    "#);
    world
        .ana()
        .says("/rollback resolve RB-1 done because twice")
        .await;
    world.settle().await;
    assert_snapshot!(world.ana().sees(), @"
    Rollback Bot (only visible to @ana): Resolving RB-1: checking your permissions. The card will update.
    Rollback Bot (only visible to @ana): RB-1 has already ended (resolved as done, 03:42:02 UTC), so this did nothing. Propose again if it is still needed.
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn only_authority_resolves_and_only_what_is_unknown() {
    let mut world = unknown().await;
    world
        .tom()
        .says("/rollback resolve RB-1 done because I think so")
        .await;
    world.tom().says("/rollback resolve RB-1 done").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"
    Rollback Bot (only visible to @tom): Resolving RB-1: checking your permissions. The card will update.
    Rollback Bot (only visible to @tom): Nothing was run, because `resolve` needs a reason: write, for example, `resolve RB-1 done because …`.
    Rollback Bot (only visible to @tom): This needs somebody with the role oncall or lead, and you do not have it. @sam or @ana can. Nothing was run.
    ");
    assert_eq!(world.rollback(1).await.state.name(), "unknown");
    // The truth comes back by itself when the platform does.
    world.vercel.fail_reads(None);
    for _ in 0..4 {
        world.vercel.advance();
    }
    world.passes(Duration::from_secs(120)).await;
    assert_ne!(world.rollback(1).await.state.name(), "unknown");
    world
        .sam()
        .says("/rollback resolve RB-1 not-done because I was late")
        .await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Resolving RB-1: checking your permissions. The card will update.
    Rollback Bot (only visible to @sam): RB-1 has already ended (partial 3/8, 03:42:08 UTC), so this did nothing. Propose again if it is still needed.
    ");
    world.slack.take_all();
    world.passes(Duration::from_secs(900)).await;
    world.slack.take_all();
}
