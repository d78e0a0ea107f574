//! Notes about earlier times, by the clock on the wall of whoever writes them, and the timeline in
//! the order in which it happened.

use crate::support::{CHANNEL, World};
use insta::assert_snapshot;
use std::time::Duration;

/// A world in which maya lives in Berlin, an hour ahead of UTC in March.
async fn berlin() -> World {
    let mut world = World::new().await;
    world.slack.moves("U0MAYA", "Europe/Berlin", 3_600);
    // It is read again when she does something.
    world.maya().says("/rollback status").await;
    world.settle().await;
    world.slack.take_all();
    world.maya().sees();
    world
}

#[tokio::test]
async fn a_time_of_day_is_by_ones_own_clock_and_is_shown_back_with_the_zone() {
    let mut world = berlin().await;
    for text in [
        "/rollback note 04:07 rates fell",
        "/rollback note yesterday 23:50 rates rose",
        "/rollback note 2026-03-12 09:00 the tax engine was deployed",
        "/rollback note -5m paged the team",
        "/rollback note it holds",
        "/rollback incident started yesterday 23:45 because the graph shows it",
    ] {
        world.maya().says(text).await;
    }
    // sam is where UTC is.
    world.sam().says("/rollback note 03:07 rates fell").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    maya: /rollback note 04:07 rates fell
    Rollback Bot: Noted for 2026-03-14 04:07:00 Europe/Berlin (03:07:00 UTC, recorded 03:12:00 UTC) by @maya. "rates fell"
    maya: /rollback note yesterday 23:50 rates rose
    Rollback Bot: Noted for 2026-03-13 23:50:00 Europe/Berlin (22:50:00 UTC, recorded 03:12:00 UTC) by @maya. "rates rose"
    maya: /rollback note 2026-03-12 09:00 the tax engine was deployed
    Rollback Bot: Noted for 2026-03-12 09:00:00 Europe/Berlin (08:00:00 UTC, recorded 03:12:00 UTC) by @maya. "the tax engine was deployed"
    maya: /rollback note -5m paged the team
    Rollback Bot: Noted for 03:07:00 UTC (recorded 03:12:00 UTC) by @maya. "paged the team"
    maya: /rollback note it holds
    Rollback Bot: Noted at 03:12:00 UTC by @maya. "it holds"
    maya: /rollback incident started yesterday 23:45 because the graph shows it
    Rollback Bot: INC-1: @maya set started to 2026-03-13 22:45:00 UTC, because "the graph shows it".
    sam: /rollback note 03:07 rates fell
    Rollback Bot: Noted for 03:07:00 UTC (recorded 03:12:00 UTC) by @sam. "rates fell"
    "#);
    world.maya().says("/rollback timeline").await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya):
      INC-1: last 8 of 8 entries
      2026-03-12 08:00 UTC @maya note: the tax engine was deployed
      2026-03-13 22:50 UTC @maya note: rates rose
      03:07:00 UTC @maya note: rates fell
      03:07:00 UTC @maya note: paged the team
      03:07:00 UTC @sam note: rates fell
      03:12:00 UTC rollback-bot incident opened: opened INC-1 in this channel
      03:12:00 UTC @maya note: it holds
      03:12:00 UTC @maya time set: set started to 2026-03-13 22:45:00 UTC, because "the graph shows it"
      `/rollback export` puts all of it into a file.
    "#);
    world
        .maya()
        .says("/rollback note 05:00 from the future")
        .await;
    world
        .maya()
        .says("/rollback note 2026-03-15 01:00 from the future")
        .await;
    world.settle().await;
    // 05:00 was yesterday; what lies ahead is no note.
    assert_snapshot!(world.channel(), @r#"
    maya: /rollback note 05:00 from the future
    Rollback Bot: Noted for 2026-03-13 05:00:00 Europe/Berlin (04:00:00 UTC, recorded 03:12:00 UTC) by @maya. "from the future"
    Rollback Bot (only visible to @maya): A note is about something that happened; that time is still to come. Nothing was noted.
    "#);
    assert_snapshot!(world.maya().sees(), @"");
    world.slack.take_all();
}

#[tokio::test]
async fn a_zone_that_was_never_read_is_read_first() {
    let mut world = World::new().await;
    world.slack.moves("U0OLD", "America/New_York", -4 * 3_600);
    world
        .somebody("U0OLD")
        .says("/rollback note 23:10 rates fell")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @"Rollback Bot: Noted for 2026-03-13 23:10:00 America/New_York (03:10:00 UTC, recorded 03:12:00 UTC) by @oleg.");
    world.slack.take_all();
}

#[tokio::test]
async fn what_was_live_then_is_by_ones_own_clock_too() {
    let mut world = berlin().await;
    world
        .maya()
        .says("/rollback frontend to @03:00 because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): RB-1: finding a version of frontend (production) to go back to. Nothing has changed yet: its card says what it needs. Its target is what was live at 2026-03-14 03:00:00 Europe/Berlin.");
    let card = world.channel();
    assert!(card.contains("was live at 02:00:00 UTC"), "{card}");
}

#[tokio::test]
async fn a_note_is_corrected_by_another_one() {
    let mut world = World::new().await;
    world.maya().says("/rollback note edit it was 6 %").await;
    world
        .maya()
        .says("/rollback note -5m error rate 60 %")
        .await;
    world.sam().says("/rollback note looking").await;
    world
        .sam()
        .says("/rollback note edit looking at checkout")
        .await;
    world.maya().says("/rollback note edit it was 6 %").await;
    world.ana().says("/rollback note edit nothing").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @maya): Nothing has happened in this channel yet, so there is no incident. A rollback, `/rollback incident open` or `/rollback note` starts one.
    maya: /rollback note -5m error rate 60 %
    Rollback Bot: Noted for 03:07:00 UTC (recorded 03:12:00 UTC) by @maya. "error rate 60 %"
    sam: /rollback note looking
    Rollback Bot: Noted at 03:12:00 UTC by @sam. "looking"
    sam: /rollback note edit looking at checkout
    Rollback Bot: Corrected at 03:12:00 UTC by @sam: entry 3 stays, and this is beside it. "looking at checkout"
    maya: /rollback note edit it was 6 %
    Rollback Bot: Corrected at 03:12:00 UTC by @maya: entry 2 stays, and this is beside it. "it was 6 %"
    Rollback Bot (only visible to @ana): You have noted nothing in INC-1 that could be corrected: write a note, `/rollback note …`. Nothing was changed.
    "#);
    assert_snapshot!(world.maya().sees(), @"");
    assert_snapshot!(world.ana().sees(), @"");
    assert_snapshot!(world.record().await, @"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya note: error rate 60 %
    @sam note: looking
    @sam note: looking at checkout (corrects entry 3)
    @maya note: it was 6 % (corrects entry 2)
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn the_timeline_is_in_the_order_of_happening_and_hides_what_is_routine() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.tom().clicks("Approve").await;
    world.settle().await;
    world.clock.advance(Duration::from_secs(600));
    let message = world.slack.says("U0SAM", CHANNEL, "carts are empty").await;
    world.clock.advance(Duration::from_secs(600));
    world
        .maya()
        .says("/rollback note -15m paged the team")
        .await;
    world
        .slack
        .reacts("U0MAYA", CHANNEL, &message.ts.unwrap(), "pushpin")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.tom().sees();
    world.maya().says("/rollback timeline").await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya):
      INC-1: last 6 of 7 entries
      03:12:00 UTC rollback-bot incident opened: opened INC-1 in this channel
      03:12:00 UTC RB-1 @maya requested: asked to roll back frontend (production) to the previous release, because "checkout 500s"
      03:12:00 UTC RB-1 rollback-bot planned: proposed v214 → v213, risk code, plan d63f
      03:17:00 UTC @maya note: paged the team
      03:22:00 UTC @maya captured: captured a message of @sam: "carts are empty" (https://acme.slack.com/archives/C0SHOP/p1773458520000000)
      03:32:00 UTC RB-1 rollback-bot expired: nobody approved in time; nothing was run
      `/rollback timeline all` also shows what is routine, such as refusals; `/rollback export` puts all of it into a file.
    "#);
    world.maya().says("/rollback timeline all").await;
    let all = world.maya().sees();
    assert!(all.contains("NOT_AUTHORISED"), "{all}");
    world.slack.take_all();
}
