//! One whole night: from the first alert to the promise that is kept two days later.

use crate::support::{CHANNEL, FRONTEND, ROLES, World};
use insta::assert_snapshot;
use std::{path::Path, process::Command, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// What this team has configured: a checklist, who tells customers, and where.
const TEAM: &str = r#"
[checklists]
before = [{ text = "The target is identified", ticked_by = "planned" }, { text = "The team is told", ticked_by = "told" }]
during = [{ text = "It runs", ticked_by = "executed" }]
after = [{ text = "It is verified", ticked_by = "verified" }, "The error rate is back", { text = "It is written down", ticked_by = "exported" }]
[roles.comms]
members = ["U0ANA"]
[updates]
publish = ["comms"]
[notices.status-page]
kind = "statuspage"
page = "kctbh9vrtdwd"
token = "env:STATUSPAGE_TOKEN"
api_url = "{statuspage}"
deliver_notifications = false
"#;

/// The lines of the timeline that are about this.
async fn recorded(world: &World, what: &[&str]) -> String {
    let record = world.record().await;
    let lines = record
        .lines()
        .filter(|line| what.iter().any(|what| line.contains(what)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Somebody drafts an update, saves the form as it is and publishes it.
async fn publishes(world: &mut World, kind: &str) {
    world.ana().says(&format!("/rollback update {kind}")).await;
    world.settle().await;
    world.slack.submits("U0ANA").await.unwrap();
    world.settle().await;
    world.ana().sees();
    world.ana().clicks("Publish").await;
    world.settle().await;
}

/// What `rollback-bot verify` says of a file.
fn verified(file: &Path) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rollback-bot"));
    let output = program
        .arg("verify")
        .arg(file)
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_whole_night_is_on_the_record() {
    let mut world = World::set_up(&format!("{ROLES}{TEAM}"), FRONTEND).await;

    // 03:12: an alert, an incident, and what people say in the channel.
    world
        .maya()
        .says("/rollback note -4m the alert: checkout answers 500")
        .await;
    for text in [
        "/rollback incident open P1 because nobody can pay",
        "/rollback incident lead me",
        "/rollback incident comms <@U0ANA>",
        "/rollback incident detected 03:07 because the alert came then",
        "/rollback note impact: nobody can pay",
    ] {
        world.maya().says(text).await;
    }
    let graph = world
        .slack
        .says("U0SAM", CHANNEL, "errors are at 6 %")
        .await;
    let guess = world.slack.says("U0TOM", CHANNEL, "it is the cache").await;
    for message in [&graph, &guess] {
        let ts = message.ts.as_deref().unwrap();
        world.slack.reacts("U0MAYA", CHANNEL, ts, "pushpin").await;
        world.settle().await;
    }
    let graph = graph.ts.unwrap();
    world
        .slack
        .edits("U0SAM", CHANNEL, &graph, "errors are at 7.2 %")
        .await;
    world.slack.deletes(CHANNEL, &guess.ts.unwrap()).await;
    world.settle().await;
    assert_snapshot!(recorded(&world, &["captured"]).await, @r#"
    @maya captured: captured a message of @U0SAM: "errors are at 6 %" (https://acme.slack.com/archives/C0SHOP/p1773457920001200)
    @maya captured: captured a message of @U0TOM: "it is the cache" (https://acme.slack.com/archives/C0SHOP/p1773457920001300)
    @U0SAM capture revised: edited what was captured: now it is a message of @U0SAM: "errors are at 7.2 %" (https://acme.slack.com/archives/C0SHOP/p1773457920001200)
    "#);

    // 03:13: the proposal, what customers are told, the approval, and the proof.
    world.with_a_card().await;
    publishes(&mut world, "identified").await;
    world.clock.advance(MINUTE);
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(15 * MINUTE).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world
        .sam()
        .says("/rollback checklist done 5 because 0.05 %, was 7.2 %")
        .await;
    world
        .maya()
        .says("/rollback incident mitigated now because it is verified")
        .await;
    assert!(
        recorded(&world, &["set mitigated"])
            .await
            .contains("it is verified")
    );
    publishes(&mut world, "resolved").await;
    world.settle().await;
    assert_snapshot!(world.notices.page(), @"
    inc1 checkout 500s (critical) null
      identified: We have identified a problem with frontend that began at 2026-03-14 03:07 UTC or earlier. /  / Impact: nobody can pay / What is being done: we are preparing to return to an earlier version
      resolved: The problem with frontend that began at 2026-03-14 03:07 UTC or earlier is resolved. We apologize for the inconvenience. /  / What is being done: we returned to an earlier version and verified it / Impact: nobody can pay / Post-mortem: [not recorded: whether and when a post-mortem will be shared]
    ");
    world.slack.take_all();
    world.maya().says("/rollback checklist").await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      Checklist of RB-1: 6 of 6 done
      Before
      ✅ 1 The target is identified · v214 → v213, plan d63f · 03:12:00 UTC
      ✅ 2 The team is told · the card is in this channel · 03:12:02 UTC
      During
      ✅ 3 It runs · v213 live at 03:13:03 UTC · 03:13:03 UTC
      After
      ✅ 4 It is verified · version v213 answers, 1/1 checks pass · 03:13:05 UTC
      ✅ 5 The error rate is back · @sam · 0.05 %, was 7.2 % · 03:28:03 UTC
      ✅ 6 It is written down · INC-1-RB-1-timeline.md · 03:18:05 UTC
    ");

    // 03:29: it is over, and what is known of it is taken away in every format.
    world
        .maya()
        .says("/rollback incident resolve because v213 holds")
        .await;
    for format in ["json", "csv"] {
        let export = format!("/rollback export {format}");
        world.maya().says(&export).await;
        world.settle().await;
    }
    world
        .maya()
        .says("/rollback postmortem root cause: the tax engine divides by zero")
        .await;
    world
        .maya()
        .says("/rollback action add \"test empty carts\" <@U0SAM> due monday")
        .await;
    world.maya().says("/rollback postmortem").await;
    world.settle().await;
    let files = world.slack.files();
    let name = |end: &str| {
        let mut ending = files.iter().filter(|file| file.name.ends_with(end));
        let file = ending.next_back();
        file.unwrap_or_else(|| panic!("no file that ends in {end}"))
    };
    let place = tempfile::tempdir().unwrap();
    let json = place.path().join("night.json");
    std::fs::write(&json, &name(".json").bytes).unwrap();
    assert!(verified(&json).starts_with("INC-1 is unbroken: "));
    let text = |end: &str| String::from_utf8(name(end).bytes.clone()).unwrap();
    for end in ["timeline.md", ".html", ".csv"] {
        let file = text(end);
        for what in ["errors are at 7.2 %", "0.05 %, was 7.2 %", "nobody can pay"] {
            assert!(file.contains(what), "{end} lacks {what}");
        }
    }
    let postmortem = text("checkout-500s.md");
    for what in [
        "the tax engine divides by zero",
        "test empty carts",
        "nobody can pay",
        "identified",
        "resolved",
        "The error rate is back",
    ] {
        assert!(postmortem.contains(what), "{what}: {postmortem}");
    }
    world.slack.take_all();

    // The days after: promises and actions are reminded of until they are kept.
    world.passes(HOUR).await;
    world.maya().says("/rollback action done 1").await;
    world.passes(23 * HOUR).await;
    world.maya().says("/rollback action done 2").await;
    world.slack.take_all();
    world.passes(24 * HOUR).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @sam owns this action, which is due tomorrow: test empty carts. It is from INC-1. `/rollback action done 4` when it is done.");
    world.maya().says("/rollback action list").await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): 4 test empty carts · @sam · is due today.");
    world.sam().says("/rollback action done 4").await;
    world.passes(10 * 24 * HOUR).await;
    let later = world.channel();
    assert!(!later.contains("INC-1"), "nothing is left: {later}");
    assert_snapshot!(recorded(&world, &["did action", "reminded of action"]).await, @r#"
    @maya action: did action 3 by @U0MAYA: "post-mortem": 2026-03-14-rollback-checkout-500s.md
    rollback-bot reminded: reminded of action 1 by @U0MAYA: "report what happened", which is due 2026-03-14 04:28 UTC
    @maya action: did action 1 by @U0MAYA: "report what happened"
    rollback-bot reminded: reminded of action 2 by @U0MAYA: "confirm that it is stable", which is due 2026-03-15 03:28 UTC
    @maya action: did action 2 by @U0MAYA: "confirm that it is stable"
    rollback-bot reminded: reminded of action 4 by @U0SAM: "test empty carts", which is due 2026-03-16
    @sam action: did action 4 by @U0SAM: "test empty carts"
    "#);
}
