//! What people type, and what they are told.

use crate::support::{CHANNEL, FRONTEND, World};
use insta::assert_snapshot;
use std::time::Duration;

#[tokio::test]
async fn what_is_not_understood_runs_nothing_and_says_what_would() {
    let mut world = World::new().await;
    for text in [
        "/rollback fronted",
        "/rollback aprove RB-1",
        "/rollback undo RB-1",
        "/rollback frontend@staging",
        "/rollback approve",
        "/rollback status RB-7",
        "/rollback frontend to",
        "/rollback timeline",
        "/rollback <!channel>",
    ] {
        world.tom().says(text).await;
    }
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @r#"
    Rollback Bot (only visible to @tom): No service or command "fronted". Did you mean frontend? Nothing was run.
    Rollback Bot (only visible to @tom): Nothing was run: "aprove" is not a command. Did you mean `approve`?
    Rollback Bot (only visible to @tom): There is no RB-1. `/rollback status` lists the ones that are open.
    Rollback Bot (only visible to @tom): frontend has no environment "staging"; it has production. For example `/rollback frontend@production`. Nothing was run.
    Rollback Bot (only visible to @tom): Nothing was run, because `approve` needs to know which rollback: write `approve RB-` and its number.
    Rollback Bot (only visible to @tom): There is no RB-7. `/rollback status` lists the ones that are open.
    Rollback Bot (only visible to @tom): Nothing was run, because nothing followed `to`: write `to prev`, `to v212` or `to @02:40`.
    Rollback Bot (only visible to @tom): Nothing has happened in this channel yet, so there is no incident. A rollback, `/rollback incident open` or `/rollback note` starts one.
    Rollback Bot (only visible to @tom): Nothing was run, because "<!channel>" cannot be the name of a service: write it like `frontend` or `frontend@production`, or ask for `help`.
    "#);
    assert_eq!(world.channel(), "");
}

#[tokio::test]
async fn targets_that_cannot_be_are_refused_with_the_one_that_could() {
    let mut world = World::new().await;
    world.vercel.push("v215", "BUILDING");
    for target in ["v999", "v214", "v215", "@-5d", "@02:40"] {
        world
            .maya()
            .says(&format!("/rollback plan frontend to {target}"))
            .await;
        world.settle().await;
    }
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya): Reading frontend (production)…
    Rollback Bot (only visible to @maya): frontend (production) has no release "v999". You can go to v213, v212 and v211; `/rollback list frontend@production` shows more. Nothing was run.
    Rollback Bot (only visible to @maya): Reading frontend (production)…
    Rollback Bot (only visible to @maya): v214 is live already. Nothing was run. Possible: `/rollback frontend@production to v213 because …`.
    Rollback Bot (only visible to @maya): Reading frontend (production)…
    Rollback Bot (only visible to @maya): You can't go to v215: it is newer than v214, which is live: that would be a deploy, not a rollback. Nothing was run. Possible: `/rollback frontend@production to v213 because …`.
    Rollback Bot (only visible to @maya): Nothing was run, because "-5d" is not a time I can read: write -45m, 02:40, 02:40:10 or 2026-01-21T02:40Z.
    Rollback Bot (only visible to @maya): Reading frontend (production)…
    Rollback Bot (only visible to @maya):
      Plan for frontend (production)
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · was live at 02:40:00 UTC lee: session expiry
      ⚠️ Under way now  a production deployment (v215) is being built
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      Only you see this. To propose it: `/rollback frontend@production to v213 because …`. code · plan `d63f`
    "#);
    assert_eq!(world.channel(), "");
}

#[tokio::test]
async fn the_board_and_the_lists_are_for_one_person_alone() {
    // Nobody is reminded: what is asked here is all that is said.
    let quiet = format!("{FRONTEND}\n[policy]\nremind = []\n");
    let mut world = World::with(&quiet).await;
    world.with_a_card().await;
    world.clock.advance(Duration::from_secs(70));
    for text in [
        "/rollback",
        "/rollback list frontend",
        "/rollback status",
        "/rollback status RB-1",
        "/rollback help export",
        "/rollback timeline",
    ] {
        world.tom().says(text).await;
        world.settle().await;
    }
    assert_snapshot!(world.tom().sees(), @r#"
    Rollback Bot (only visible to @tom):
      Services
      frontend (production)  `v214` on 8/8 · before `v213` · read 1 m 10 s ago
            RB-1 PROPOSED
      `/rollback frontend@production because …` proposes, `/rollback list frontend@production` shows releases, `/rollback help` the rest.
    Rollback Bot (only visible to @tom): Reading frontend (production)…
    Rollback Bot (only visible to @tom):
      Releases of frontend (production)
      `v214`  a1b2c3d  by kim  live since 02:41:00 UTC (32 m 10 s ago)  "checkout: new tax engine" · live
      `v213`  3c4d5e6  by lee  ran 6 h 29 m until 02:41:00 UTC  "session expiry" · eligible
      `v212`  9f8e7d6  by kim  ran 41 h until 20:12:00 UTC  "faster search" · eligible
      `v211`  1111111  by kim  ran 24 h until 2026-03-12 03:12 UTC  "winter sale banner" · eligible
      Read at 03:13:10 UTC.
    Rollback Bot (only visible to @tom): RB-1 PROPOSED · frontend (production) · v214 → v213 · last change 03:12:00 UTC
    Rollback Bot (only visible to @tom):
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (32 m 10 s) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`
      RB-1 PROPOSED · frontend (production) · v214 → v213 · last change 03:12:00 UTC
    Rollback Bot (only visible to @tom):
      `export`: the timeline of this channel's latest incident as a file, in Markdown. `export html`, `export json` and `export csv` choose another format.
      `export INC-12 html`, `export RB-41`: of another incident of this channel, by its number or by one of its rollbacks.
    Rollback Bot (only visible to @tom):
      INC-1: last 3 of 3 entries
      03:12:00 UTC rollback-bot incident opened: opened INC-1 in this channel
      03:12:00 UTC RB-1 @maya requested: asked to roll back frontend (production) to the previous release, because "checkout 500s"
      03:12:00 UTC RB-1 rollback-bot planned: proposed v214 → v213, risk code, plan d63f
      `/rollback export` puts all of it into a file.
    "#);
    assert_eq!(world.channel(), "");
}

#[tokio::test]
async fn two_environments_and_none_named_gets_a_picker() {
    let two = format!(
        "{FRONTEND}{}",
        FRONTEND
            .replace("frontend.production", "frontend.staging")
            .replace("prj_2WkFZr3TqUoXcB7mNvL9sHdYeA4g", "prj_staging")
    );
    let mut world = World::with(&two).await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      frontend runs in production and staging: say which, for example `/rollback frontend@production`. Nothing was run.
      [ Propose for production ] [ Propose for staging ]
    ");
    assert_eq!(world.channel(), "");
    world.maya().clicks("Propose for production").await;
    world.settle().await;
    assert!(world.channel().contains("Roll back frontend to"));
    world.slack.take_all();
}

#[tokio::test]
async fn a_picker_of_an_older_version_proposes_and_can_do_nothing_else() {
    let mut world = World::new().await;
    for (action_ts, value) in [
        ("1.1", "frontend@production to v212 because checkout 500s"),
        ("1.2", "approve RB-1"),
    ] {
        let payload = serde_json::json!({
            "type": "block_actions",
            "container": { "type": "message", "channel_id": CHANNEL, "message_ts": "1.1" },
            "actions": [{ "action_id": "pick:production", "type": "button", "value": value, "action_ts": action_ts }],
        });
        let answer = world.slack.interact("U0SAM", payload).await;
        assert!(answer.is_ok(), "{value}: {}", answer.status);
        world.settle().await;
    }
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): RB-1: finding a version of frontend (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot (only visible to @sam): That button isn't valid, so I ignored it: its value is not one of mine. It was logged. Use the latest card. Nothing was run.
    ");
    assert_eq!(world.rollback(1).await.to_label(), "v212");
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    world.slack.take_all();
}

#[tokio::test]
async fn a_note_is_echoed_and_kept_with_the_time_it_happened() {
    let mut world = World::new().await;
    world
        .maya()
        .says("/rollback note -5m error rate 6 % <!channel> on the dashboard")
        .await;
    world
        .maya()
        .says("/rollback note 03:07 pager went off")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    maya: /rollback note -5m error rate 6 % <!channel> on the dashboard
    Rollback Bot: Noted for 03:07:00 UTC (recorded 03:12:00 UTC) by @maya. "error rate 6 % <!channel> on the dashboard"
    maya: /rollback note 03:07 pager went off
    Rollback Bot: Noted for 03:07:00 UTC (recorded 03:12:00 UTC) by @maya. "pager went off"
    "#);
    assert_snapshot!(world.record().await, @"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya note: error rate 6 % <!channel> on the dashboard
    @maya note: pager went off
    ");
    world.maya().says("/rollback export json").await;
    world.settle().await;
    let file = &world.slack.files()[0];
    let json: serde_json::Value = serde_json::from_slice(&file.bytes).unwrap();
    assert_eq!(json["entries"][1]["at"], "2026-03-14T03:07:00Z");
    assert_eq!(json["entries"][1]["kind"], "note");
    world.slack.take_all();
}

#[tokio::test]
async fn a_mention_in_a_thread_is_a_command_too() {
    let mut world = World::new().await;
    let said = world
        .slack
        .says("U0MAYA", CHANNEL, "checkout is down")
        .await;
    let thread = said.ts.unwrap();
    world
        .slack
        .says_in_thread(
            "U0MAYA",
            CHANNEL,
            &thread,
            "<@UBOT> frontend because checkout 500s",
        )
        .await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): RB-1: finding a version of frontend (production) to go back to. Nothing has changed yet: its card says what it needs.");
    assert!(world.channel().contains("Roll back frontend to"));
    world
        .slack
        .says_in_thread("U0SAM", CHANNEL, &thread, "<@UBOT> note looking at it")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    in the thread of "maya: checkout is down":
      | sam: @rollback note looking at it
      | Rollback Bot: Noted at 03:12:00 UTC by @sam.
    "#);
    world.vercel.moves_at_once(true);
    world
        .slack
        .says_in_thread("U0SAM", CHANNEL, &thread, "<@UBOT> approve RB-1")
        .await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.production(), "v213");
    world.slack.take_all();
}

#[tokio::test]
async fn strange_text_is_answered() {
    let mut world = World::new().await;
    let long = "x".repeat(10_000);
    for text in [
        "/rollback 🔥🔥🔥",
        "/rollback frontend because “it’s down”",
        "/rollback \u{202e}frontend",
        "/rollback front\0end",
        &format!("/rollback {long}"),
        &format!("/rollback note {long}"),
        "/rollback note <!channel> <@U0SAM> <https://evil.example|click>",
    ] {
        let answer = world.tom().says(text).await;
        assert!(!answer.body.is_empty(), "{text}");
    }
    world.settle().await;
    assert!(!world.channel().contains("PING"));
    world.slack.take_all();
}

#[tokio::test]
async fn a_second_proposal_is_shown_the_first() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.tom().says("/rollback frontend because me too").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @r#"
    Rollback Bot (only visible to @tom):
      RB-1 is already open for frontend (production): proposed. Use its card, or stop it first with `/rollback stop RB-1`. Nothing was run.
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`
      RB-1 PROPOSED · frontend (production) · v214 → v213 · last change 03:12:00 UTC
    "#);
    assert_eq!(world.channel(), "");
}

#[tokio::test]
async fn a_bot_that_was_not_invited_says_so_and_the_card_follows() {
    let mut world = World::new().await;
    world.slack.set_bot_in(CHANNEL, false);
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): RB-1: finding a version of frontend (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot (only visible to @maya): I can't post in #shop-incidents (Slack says not_in_channel). Invite me there with /invite @rollback. Roll back frontend (production) from v214 to v213? Because checkout 500s. RB-1, requested by @maya. You lose v214. Stays: database, today's env settings, flags, storage. Nothing has changed yet. `/rollback who RB-1` says who can approve it, with `/rollback approve RB-1`; to deny it, `/rollback deny RB-1 because …`. `/rollback status RB-1` shows how it stands.
    ");
    world.slack.set_bot_in(CHANNEL, true);
    world.passes(Duration::from_secs(20)).await;
    assert!(world.channel().contains("Roll back frontend to"));
    world.slack.take_all();
}

#[tokio::test]
async fn what_is_typed_wrong_is_answered_with_what_was_meant() {
    let mut world = World::new().await;
    for typed in [
        "frontend becuase checkout 500s",
        "frontend checkout 500s",
        "roll back frontend",
        "rollback frontend",
        "status nope",
        "frontned because checkout 500s",
        "aprove RB-1",
    ] {
        world.maya().says(&format!("/rollback {typed}")).await;
    }
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya): Nothing was run, because I don't understand "becuase checkout 500s": write `frontend because checkout 500s`.
    Rollback Bot (only visible to @maya): Nothing was run, because I don't understand "checkout 500s": write `frontend because checkout 500s`.
    Rollback Bot (only visible to @maya): Nothing was run, because I don't understand "frontend": write `frontend`.
    Rollback Bot (only visible to @maya): Nothing was run: "rollback" is not a command. `/rollback help` lists them.
    Rollback Bot (only visible to @maya): No service or command "nope". Services: frontend. `/rollback help` lists the commands. Nothing was run.
    Rollback Bot (only visible to @maya): No service or command "frontned". Did you mean frontend? Nothing was run.
    Rollback Bot (only visible to @maya): Nothing was run: "aprove" is not a command. Did you mean `approve`?
    "#);
    assert_eq!(world.channel(), "");
}
