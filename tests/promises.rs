//! What is promised when an incident is resolved: reminded of before and after it is due, and kept.

use crate::support::{FRONTEND, ROLES, World};
use insta::assert_snapshot;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// An incident that sam leads and maya resolves.
async fn resolved() -> World {
    let mut world = World::new().await;
    for text in [
        "/rollback incident open P1 because checkout 500s",
        "/rollback incident lead <@U0SAM>",
    ] {
        world.maya().says(text).await;
    }
    world.settle().await;
    world.slack.take_all();
    world
        .maya()
        .says("/rollback incident resolve because v213 holds")
        .await;
    world.settle().await;
    world
}

#[tokio::test]
async fn promises_begin_when_an_incident_is_resolved_and_run_until_they_are_kept() {
    let mut world = resolved().await;
    assert_snapshot!(world.channel(), @r#"
    maya: /rollback incident resolve because v213 holds
    Rollback Bot:
      INC-1: @maya resolved the incident, because "v213 holds". The timeline follows as a file. 3 promises run from now on: `/rollback action list` shows them. `/rollback incident reopen because …` opens it again.
      [ Post-mortem ]
    Rollback Bot:
      Timeline of INC-1, exported when it was resolved: 8 entries. Head of the chain: entry 8, b4851043099af9086f1394776d747aa554a4b5537dadcdebe8a3cbab6526b057.
      [file INC-1-20260314T031200Z-timeline.md]
    Rollback Bot:
      Timeline of INC-1, exported when it was resolved: 9 entries. Head of the chain: entry 9, 117205fa677c22aac3481035604c3410fad7888c4529c28c119e50710b176d7d.
      [file INC-1-20260314T031201Z-timeline.html]
    "#);
    world.tom().says("/rollback incident").await;
    assert_snapshot!(world.tom().sees(), @"
    Rollback Bot (only visible to @tom):
      INC-1: P1, resolved
      lead: @sam · communications: nobody · scribe: nobody
      opened: 03:12:00 UTC · started: not recorded · detected: not recorded · reported: not recorded · mitigated: not recorded · resolved: 03:12:00 UTC
      Promised:
      1 report what happened · @sam · is due at 2026-03-14 04:12 UTC.
      2 confirm that it is stable · @sam · is due at 2026-03-15 03:12 UTC.
      3 post-mortem · @sam · is due at 2026-03-16 03:12 UTC.
      `/rollback incident reopen because …` opens it again; `/rollback incident open` begins another one.
    ");
    // The first is due in an hour: a quarter of it before, and a quarter of it after.
    world.passes(46 * MINUTE).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @sam owns this promise, which is due at 2026-03-14 04:12 UTC: report what happened. It is from INC-1. `/rollback action done 1` when it is kept.");
    world.passes(HOUR).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @sam owns this promise, which was due at 2026-03-14 04:12 UTC: report what happened. It is from INC-1. `/rollback action done 1` when it is kept.");
    world.sam().says("/rollback action done 1").await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): Done: 1 report what happened · @sam · done by @sam.");
    // The second is due a day after.
    world.passes(20 * HOUR).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @sam owns this promise, which is due at 2026-03-15 03:12 UTC: confirm that it is stable. It is from INC-1. `/rollback action done 2` when it is kept.");
    world.sam().says("/rollback action done 2").await;
    world.passes(24 * HOUR).await;
    world.slack.take_all();
    // A draft without the root cause keeps nothing.
    world.sam().says("/rollback postmortem").await;
    world.settle().await;
    world.slack.take_all();
    world.sam().says("/rollback action list").await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): 3 post-mortem · @sam · is due at 2026-03-16 03:12 UTC.");
    world
        .sam()
        .says("/rollback postmortem root cause: the tax engine divides by zero")
        .await;
    world.sam().says("/rollback postmortem").await;
    world.settle().await;
    world.slack.take_all();
    world.sam().says("/rollback action list").await;
    assert_snapshot!(world.sam().sees(), @r#"Rollback Bot (only visible to @sam): No action is open in this channel. `/rollback action add "…" @owner due friday` adds one."#);
    world.passes(40 * 24 * HOUR).await;
    assert_snapshot!(world.channel(), @"");
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya incident opened: declared the incident, because "checkout 500s"
    @maya severity: set the severity to P1
    @maya role: assigned the role lead to @U0SAM
    @maya status: resolved the incident, because "v213 holds"
    rollback-bot action: promised 1 by @U0SAM: "report what happened", until 2026-03-14 04:12 UTC
    rollback-bot action: promised 2 by @U0SAM: "confirm that it is stable", until 2026-03-15 03:12 UTC
    rollback-bot action: promised 3 by @U0SAM: "post-mortem", until 2026-03-16 03:12 UTC
    rollback-bot exported: exported INC-1-20260314T031200Z-timeline.md, 8 entries, 1660 bytes
    rollback-bot exported: exported INC-1-20260314T031201Z-timeline.html, 9 entries, 10219 bytes
    rollback-bot reminded: reminded of action 1 by @U0SAM: "report what happened", which is due 2026-03-14 04:12 UTC
    rollback-bot reminded: reminded of action 1 by @U0SAM: "report what happened", which was due 2026-03-14 04:12 UTC
    @sam action: did action 1 by @U0SAM: "report what happened"
    rollback-bot reminded: reminded of action 2 by @U0SAM: "confirm that it is stable", which is due 2026-03-15 03:12 UTC
    @sam action: did action 2 by @U0SAM: "confirm that it is stable"
    rollback-bot reminded: reminded of action 3 by @U0SAM: "post-mortem", which is due 2026-03-16 03:12 UTC
    @sam exported: exported 2026-03-14-rollback.md, 16 entries, 4718 bytes
    @sam note: root cause: the tax engine divides by zero
    @sam exported: exported 2026-03-14-rollback.md, 18 entries, 4832 bytes
    @sam action: did action 3 by @U0SAM: "post-mortem": 2026-03-14-rollback.md
    "#);
}

#[tokio::test]
async fn the_post_mortem_is_a_button_below_the_news() {
    let mut world = resolved().await;
    world.slack.take_all();
    world.sam().clicks("Post-mortem").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    in the thread of "INC-1: @maya resolved the incident, because \"v213 holds\". The timeline follows as a file. 3 promises run from now on: `/rollback action list` shows them. `/rollback incident reopen because …` opens it again.":
      | Rollback Bot:
      |   Draft of the post-mortem of INC-1. 27 fields are not recorded and marked so. Keep it as `incidents/2026-03-14-rollback.md`; `/rollback postmortem INC-1 root cause: …` fills a field.
      |   [file 2026-03-14-rollback.md]
    Rollback Bot (only visible to @sam): Writing a draft of the post-mortem of INC-1. I'll post the file in this thread.
    "#);
    // What was said by a mention is answered by a message, which has the button too.
    world
        .maya()
        .says("/rollback incident reopen because it is back")
        .await;
    world
        .maya()
        .says("<@UBOT> incident resolve because v212 holds")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.tom().clicks("Post-mortem").await;
    world.settle().await;
    let drafted = world.channel();
    assert!(
        drafted.contains("Draft of the post-mortem of INC-1"),
        "{drafted}"
    );
}

#[tokio::test]
async fn a_reopened_incident_lets_its_promises_go_and_makes_them_anew() {
    let mut world = resolved().await;
    world
        .maya()
        .says("/rollback incident reopen because it is back")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.passes(60 * HOUR).await;
    assert_snapshot!(world.channel(), @"");
    world.maya().says("/rollback action list").await;
    world.settle().await;
    world.maya().says("/rollback action done 1").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya): No action is open in this channel. `/rollback action add "…" @owner due friday` adds one.
    Rollback Bot (only visible to @maya): Nothing was changed, the incident was reopened: 1 report what happened · @sam · dropped.
    "#);
    world.maya().says("/rollback incident resolve").await;
    world.settle().await;
    world.slack.take_all();
    world.maya().says("/rollback action list").await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      4 report what happened · @sam · is due at 2026-03-16 16:12 UTC.
      5 confirm that it is stable · @sam · is due at 2026-03-17 15:12 UTC.
      6 post-mortem · @sam · is due at 2026-03-18 15:12 UTC.
    ");
}

#[tokio::test]
async fn what_is_promised_is_configured() {
    let promises = "[[incidents.promises]]\nwhat = \"call *the* shops\"\nwithin = \"30m\"\n";
    let mut world = World::set_up(&format!("{promises}{ROLES}"), FRONTEND).await;
    world.maya().says("/rollback incident open").await;
    world.maya().says("/rollback incident resolve").await;
    world.settle().await;
    world.slack.take_all();
    world.maya().says("/rollback action list").await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): 1 call the shops · @maya · is due at 2026-03-14 03:42 UTC.");
    world
        .reconfigures(promises, "[incidents]\npromises = []\n")
        .await;
    world.maya().says("/rollback incident open").await;
    world.maya().says("/rollback incident resolve").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @"
    maya: /rollback incident open
    Rollback Bot: INC-2: @maya declared the incident. Nobody leads it yet: `/rollback incident lead me`.
    maya: /rollback incident resolve
    Rollback Bot:
      INC-2: @maya resolved the incident. The timeline follows as a file. `/rollback incident reopen because …` opens it again.
      [ Post-mortem ]
    Rollback Bot:
      Timeline of INC-2, exported when it was resolved: 3 entries. Head of the chain: entry 3, 603cbb0fcebbb5d28d1ed76d4ef2744000d935d942ae05f6904907480fdbdf01.
      [file INC-2-20260314T031201Z-timeline.md]
    Rollback Bot:
      Timeline of INC-2, exported when it was resolved: 4 entries. Head of the chain: entry 4, bccf9c749459f328ade1dac541b93fd7e890c8399de226ca1bd7c20a6eacdfe9.
      [file INC-2-20260314T031202Z-timeline.html]
    ");
    let wrong =
        "[[incidents.promises]]\nwhat = \"\"\nwithin = \"1s\"\nkept_by = \"me\"\nwhen = 1\n";
    let world = World::new().await;
    assert_snapshot!(world.reads_settings(wrong).unwrap_err(), @r#"
    incidents.promises[0].what: is empty; write something between the quotes, or remove it
    incidents.promises[0].within: "1s" is out of range; write a duration from 1m to 90d
    incidents.promises[0].kept_by: "me" is not known; write "person" or "post_mortem"
    incidents.promises[0].when: is not a key here; remove it, or use one of what, within, kept_by
    "#);
}

#[tokio::test]
async fn what_is_done_afterwards_keeps_no_incident_open() {
    let mut world = World::new().await;
    world.maya().says("/rollback note checkout 500s").await;
    world
        .maya()
        .says("/rollback action add \"test carts\" <@U0SAM> due tomorrow")
        .await;
    // Nobody declared it: it is over after twelve silent hours, whatever is reminded of then.
    world.passes(30 * HOUR).await;
    world.sam().says("/rollback action done 1").await;
    world.maya().says("/rollback note search is slow").await;
    world.settle().await;
    world.slack.take_all();
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya note: checkout 500s
    @maya action: added action 1 by @U0SAM: "test carts", until 2026-03-15
    rollback-bot reminded: reminded of action 1 by @U0SAM: "test carts", which is due 2026-03-15
    @sam action: did action 1 by @U0SAM: "test carts"
    "#);
    world.maya().says("/rollback timeline").await;
    assert!(world.maya().sees().contains("INC-2"));
}
