//! Somebody comes late and wants to know where the incident stands.

use crate::support::{FRONTEND, ROLES, World};
use insta::assert_snapshot;
use std::time::Duration;

#[tokio::test]
async fn who_comes_late_reads_ten_lines() {
    let names = format!("{ROLES}[incidents.severity]\np1 = \"shop down\"\n");
    let mut world = World::set_up(&names, FRONTEND).await;
    world.tom().says("/rollback catchup").await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): Nothing has happened in this channel yet, so there is no incident. A rollback, `/rollback incident open` or `/rollback note` starts one.");
    world.with_a_card().await;
    world.tom().says("/rollback catchup").await;
    assert_snapshot!(world.tom().sees(), @"
    Rollback Bot (only visible to @tom):
      INC-1: no severity, investigating: checkout 500s
      opened 03:12:00 UTC
      Nobody leads it: `/rollback incident lead me`
      RB-1 PROPOSED · frontend (production) · v214 → v213 · last change 03:12:00 UTC
      Open: RB-1 waits for an approval until 03:22:00 UTC
    ");
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(400)).await;
    for text in [
        "/rollback incident open P1 because nobody can pay",
        "/rollback incident lead me",
        "/rollback incident started 02:55 because the graph shows it",
        "/rollback action add \"test empty carts\" <@U0SAM> due friday",
        "/rollback note one",
        "/rollback note two is *bold* & <loud>",
        "/rollback note issue: checkout answers 500",
        "/rollback note carts are back",
    ] {
        world.maya().says(text).await;
    }
    world.settle().await;
    world.slack.take_all();
    world.tom().says("/rollback catchup").await;
    let caught_up = world.tom().sees();
    assert_snapshot!(caught_up, @"
    Rollback Bot (only visible to @tom):
      INC-1: P1 (shop down), investigating: checkout answers 500
      opened 03:12:00 UTC · started 02:55:00 UTC
      lead: @maya · communications: nobody · scribe: nobody
      RB-1 VERIFIED · frontend (production) · v214 → v213 · last change 03:17:02 UTC
      Open: automatic deploys of frontend (production) are off · 1 action (`/rollback action list`)
      03:18:40 UTC @maya: two is bold & <loud>
      03:18:40 UTC @maya: issue: checkout answers 500
      03:18:40 UTC @maya: carts are back
    ");
    assert!(caught_up.lines().count() <= 11, "ten lines below the name");
    // Of the same incident, by its number and by a rollback's.
    for text in ["/rollback catchup INC-1", "/rollback catchup RB-1"] {
        world.tom().says(text).await;
        assert_eq!(world.tom().sees(), caught_up, "{text}");
    }
}

#[tokio::test]
async fn only_those_catch_up_who_may_read_the_timeline() {
    let mut world = World::set_up(&format!("[policy]\nread = \"roles\"\n{ROLES}"), FRONTEND).await;
    world.with_a_card().await;
    world.tom().says("/rollback catchup").await;
    world.gus().says("/rollback catchup").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): This needs somebody with the role lead or oncall, and you do not have it. @ana or @sam can. Nothing was run.");
    assert_snapshot!(world.gus().sees(), @"Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.");
    world.sam().says("/rollback catchup").await;
    world.settle().await;
    assert!(world.sam().sees().contains("RB-1 PROPOSED"));
    // What was said here stays here.
    let elsewhere = world
        .slack
        .says("U0SAM", "C0OPS", "/rollback catchup INC-1")
        .await;
    assert!(elsewhere.is_ok(), "{}", elsewhere.body);
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): There is no INC-1 in this channel. `/rollback timeline` names the latest one; what was recorded in another channel is shown only there.");
    world.slack.take_all();
}
