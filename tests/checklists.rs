//! The checklist of a rollback: what the bot ticks by itself, what people tick, and that nothing waits
//! for it.

use crate::support::{FRONTEND, ROLES, World};
use insta::assert_snapshot;
use rollback_simulation::Fault;
use std::time::Duration;

const OWN: &str = r#"
[checklists]
before = [{ text = "The target is identified", ticked_by = "planned" }, "The dashboards are open", { text = "The team is told", ticked_by = "told" }]
during = [{ text = "It runs", ticked_by = "executed" }]
after = [{ text = "It is verified", ticked_by = "verified" }, "The error rate is *back*", "Status page", { text = "It is written down", ticked_by = "exported" }, { text = "The post-mortem is drafted", ticked_by = "drafted" }]
"#;

async fn world(checklists: &str) -> World {
    World::set_up(&format!("{checklists}{ROLES}"), FRONTEND).await
}

#[tokio::test]
async fn what_the_bot_sees_is_ticked_with_its_evidence_and_people_tick_the_rest() {
    let mut world = world(OWN).await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @maya): RB-1: finding a version of frontend (production) to go back to. Nothing has changed yet: its card says what it needs.
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
      | Rollback Bot:
      |   Checklist of RB-1: 2 of 9 done
      |   Before
      |   ✅ 1 The target is identified · v214 → v213, plan d63f · 03:12:00 UTC
      |   ▫️ 2 The dashboards are open
      |   ✅ 3 The team is told · the card is in this channel · 03:12:02 UTC
      |   During
      |   ▫️ 4 It runs
      |   After
      |   ▫️ 5 It is verified
      |   ▫️ 6 The error rate is back
      |   ▫️ 7 Status page
      |   ▫️ 8 It is written down
      |   ▫️ 9 The post-mortem is drafted
      |   [ Done: 2 ] [ Done: 6 ] [ Done: 7 ]
      |   `/rollback checklist done 3` ticks an item, `/rollback checklist skip 3 because …` leaves it out. Nothing waits for it.
    "#);
    // Nothing waits for it: the rollback runs with open items.
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(400)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world.slack.take_all();
    world.tom().clicks("Done: 2").await;
    world
        .tom()
        .says("/rollback checklist done 6 because 0.05 %, was 7.2 %")
        .await;
    world
        .maya()
        .says("/rollback checklist RB-1 skip 7 because we have no status page")
        .await;
    world.maya().says("/rollback checklist done 6").await;
    world.maya().says("/rollback postmortem").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    in the thread of "✅ RB-1 VERIFIED  frontend (production)":
      | Rollback Bot (edited):
      |   Checklist of RB-1: 9 of 9 done
      |   Before
      |   ✅ 1 The target is identified · v214 → v213, plan d63f · 03:12:00 UTC
      |   ✅ 2 The dashboards are open · @tom · 03:18:42 UTC
      |   ✅ 3 The team is told · the card is in this channel · 03:12:02 UTC
      |   During
      |   ✅ 4 It runs · v213 live at 03:12:02 UTC · 03:12:02 UTC
      |   After
      |   ✅ 5 It is verified · version v213 answers, 1/1 checks pass · 03:12:04 UTC
      |   ✅ 6 The error rate is back · @tom · 0.05 %, was 7.2 % · 03:18:42 UTC
      |   ➖ left out: 7 Status page · @maya · we have no status page · 03:18:42 UTC
      |   ✅ 8 It is written down · INC-1-RB-1-timeline.md · 03:17:04 UTC
      |   ✅ 9 The post-mortem is drafted · 2026-03-14-rollback-checkout-500s.md · 03:18:42 UTC
    Rollback Bot (only visible to @tom): Ticked 6 of RB-1: The error rate is back. 7 of 9 are done.
    Rollback Bot (only visible to @maya): Left out 7 of RB-1: Status page. 8 of 9 are done.
    Rollback Bot (only visible to @maya): Nothing was changed, 6 of RB-1 is ticked already: The error rate is back.
    Rollback Bot (only visible to @maya): Writing a draft of the post-mortem of INC-1. I'll post the file in this channel.
    Rollback Bot (only visible to @tom): Ticked 2 of RB-1: The dashboards are open. 6 of 9 are done.
    Rollback Bot:
      Draft of the post-mortem of INC-1. 30 fields are not recorded and marked so. Keep it as `incidents/2026-03-14-rollback-checkout-500s.md`; `/rollback postmortem INC-1 root cause: …` fills a field.
      [file 2026-03-14-rollback-checkout-500s.md]
    "#);
    world.slack.take_all();
    world.maya().says("/rollback checklist").await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      Checklist of RB-1: 9 of 9 done
      Before
      ✅ 1 The target is identified · v214 → v213, plan d63f · 03:12:00 UTC
      ✅ 2 The dashboards are open · @tom · 03:18:42 UTC
      ✅ 3 The team is told · the card is in this channel · 03:12:02 UTC
      During
      ✅ 4 It runs · v213 live at 03:12:02 UTC · 03:12:02 UTC
      After
      ✅ 5 It is verified · version v213 answers, 1/1 checks pass · 03:12:04 UTC
      ✅ 6 The error rate is back · @tom · 0.05 %, was 7.2 % · 03:18:42 UTC
      ➖ left out: 7 Status page · @maya · we have no status page · 03:18:42 UTC
      ✅ 8 It is written down · INC-1-RB-1-timeline.md · 03:17:04 UTC
      ✅ 9 The post-mortem is drafted · 2026-03-14-rollback-checkout-500s.md · 03:18:42 UTC
    ");
    assert_snapshot!(world.record().await.lines().filter(|line| line.contains("item")).collect::<Vec<_>>().join("\n"), @r#"
    @tom checklist: ticked item 2: The dashboards are open
    @tom checklist: ticked item 6: The error rate is *back*, because "0.05 %, was 7.2 %"
    @maya checklist: left out item 7: Status page, because "we have no status page"
    "#);
}

#[tokio::test]
async fn what_is_open_is_in_exports_and_told_to_who_comes_late() {
    let mut world = world(OWN).await;
    world.with_a_card().await;
    world
        .maya()
        .says("/rollback checklist skip 6 because | of *this* <b>")
        .await;
    world.tom().says("/rollback catchup").await;
    let caught_up = world.tom().sees();
    assert!(caught_up.contains("6 checklist items"), "{caught_up}");
    for format in ["md", "html", "json", "csv"] {
        world
            .maya()
            .says(&format!("/rollback export {format}"))
            .await;
        world.settle().await;
        world.clock.advance(Duration::from_secs(2));
    }
    world.slack.take_all();
    let files = world.slack.files();
    let file = |ends: &str| {
        let file = files.iter().find(|file| file.name.ends_with(ends)).unwrap();
        String::from_utf8(file.bytes.clone()).unwrap()
    };
    let markdown = file(".md");
    let (_, list) = markdown.split_once("## Checklist of RB-1").unwrap();
    let (list, _) = list.split_once("Head of").unwrap();
    assert_snapshot!(list.trim(), @r#"
    | # | when | what | state | who | at | because |
    |---|---|---|---|---|---|---|
    | 1 | Before | The target is identified | done | rollback-bot | 2026-03-14 03:12:00 UTC | v214 → v213, plan d63f |
    | 2 | Before | The dashboards are open | open |  |  |  |
    | 3 | Before | The team is told | done | rollback-bot | 2026-03-14 03:12:02 UTC | the card is in this channel |
    | 4 | During | It runs | open |  |  |  |
    | 5 | After | It is verified | open |  |  |  |
    | 6 | After | The error rate is \*back\* | left out | @maya | 2026-03-14 03:12:02 UTC | \| of \*this\* &lt;b&gt; |
    | 7 | After | Status page | open |  |  |  |
    | 8 | After | It is written down | open |  |  |  |
    | 9 | After | The post-mortem is drafted | open |  |  |  |
    "#);
    let html = file(".html");
    assert!(html.contains("<h2>Checklist of RB-1</h2>") && !html.contains("<b>"));
    let json: serde_json::Value = serde_json::from_str(&file(".json")).unwrap();
    crate::record::conforms(&json);
    assert_snapshot!(json["checklists"][0]["items"][5], @r#"{"phase":"after","text":"The error rate is *back*","tick":{"at":"2026-03-14T03:12:02Z","because":"| of *this* <b>","by":{"id":"U0MAYA","name":"maya"},"skipped":true},"ticked_by":null}"#);
    assert!(file(".csv").contains("left out item 6"));
    world.maya().says("/rollback postmortem").await;
    world.settle().await;
    world.slack.take_all();
    let files = world.slack.files();
    let draft = files.last().unwrap();
    let draft = String::from_utf8(draft.bytes.clone()).unwrap();
    assert!(draft.contains("## Checklist of RB-1"), "{draft}");
}

#[tokio::test]
async fn what_makes_no_sense_is_a_sentence() {
    let mut without = World::new().await;
    without.maya().says("/rollback checklist").await;
    assert_snapshot!(without.maya().sees(), @"Rollback Bot (only visible to @maya): No rollback of this channel has a checklist: `[checklists]` in the configuration says what is on one.");
    without.with_a_card().await;
    without.maya().says("/rollback checklist RB-1").await;
    assert_snapshot!(without.maya().sees(), @"Rollback Bot (only visible to @maya): RB-1 has no checklist in this channel.");
    let mut world = world("[checklists]\npreset = \"platform\"\nduring = []\n").await;
    world.with_a_card().await;
    for text in [
        "/rollback checklist done 99",
        "/rollback checklist done two",
        "/rollback checklist RB-9 done 1",
        "/rollback checklist skip 1",
    ] {
        world.maya().says(text).await;
    }
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya): The checklist of RB-1 has no item 99. `/rollback checklist` shows it. Nothing was changed.
    Rollback Bot (only visible to @maya): Nothing was changed, because "two" is not the number of an item: `checklist` shows them; write, for example, `checklist done 3`.
    Rollback Bot (only visible to @maya): There is no RB-9. `/rollback status` lists the ones that are open.
    Rollback Bot (only visible to @maya): Nothing was changed, because it does not say why: write, for example, `checklist skip 1 because it is not ours`.
    "#);
    world.gus().says("/rollback checklist done 1").await;
    world.settle().await;
    assert_snapshot!(world.gus().sees(), @"Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.");
    let elsewhere = world
        .slack
        .says("U0MAYA", "C0OPS", "/rollback checklist RB-1 done 1")
        .await;
    assert!(elsewhere.is_ok(), "{}", elsewhere.body);
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): RB-1 has no checklist in this channel.");
    world.slack.take_all();
    let mistakes = world.reads_settings("");
    assert_eq!(mistakes, Ok(()));
    let other = World::new().await;
    for wrong in [
        "[checklists]\npreset = \"web\"\n",
        "[checklists]\nbefore = [{ text = \"x\", ticked_by = \"me\" }, 3, \"\", { txt = \"x\" }]\n",
    ] {
        let mistakes = other.reads_settings(wrong).unwrap_err();
        assert!(!mistakes.is_empty(), "{mistakes}");
    }
    assert_snapshot!(other.reads_settings("[checklists]\npreset = \"web\"\nafter = [{ text = \"x\", ticked_by = \"me\" }, { txt = \"x\" }]\n").unwrap_err(), @r#"
    checklists.preset: "web" is not known; write "web-app" or "platform" or "business-app" or "frontend-backend" or "database"
    checklists.after[0]: "me" is not known; write "planned" or "told" or "approved" or "executed" or "verified" or "exported" or "drafted"
    checklists.after[1]: has a key "txt" that is not known; write { text = "…", ticked_by = "verified" }
    "#);
}

#[tokio::test]
async fn every_preset_is_a_list_that_the_bot_can_tick_some_of() {
    for preset in [
        "web-app",
        "platform",
        "business-app",
        "frontend-backend",
        "database",
    ] {
        let mut world = world(&format!("[checklists]\npreset = \"{preset}\"\n")).await;
        world.with_a_card().await;
        world.maya().says("/rollback checklist").await;
        let list = world.maya().sees();
        assert!(
            list.contains("plan ") && list.contains("the card is in this channel"),
            "{list}"
        );
        assert!(list.contains("▫️ 1 "), "{list}");
    }
}

#[tokio::test]
async fn a_checklist_whose_answer_was_lost_is_posted_once() {
    let mut world = world(OWN).await;
    let lost = Fault::LoseAnswer;
    world.slack.fault(lost, Some("chat.postMessage"), Some(2));
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.passes(Duration::from_secs(30)).await;
    let told = world.channel();
    assert_eq!(told.matches("Checklist of RB-1").count(), 1, "{told}");
    assert!(told.contains("2 of 9 done"), "{told}");
}
