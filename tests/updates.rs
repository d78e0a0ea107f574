//! Updates: what the team, other teams and customers are told, by whom, and when the next one is due.

use crate::support::{FRONTEND, ROLES, World, notices::Broken};
use insta::assert_snapshot;
use rollback_simulation::Fault;
use serde_json::Value;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const SUPPORT: &str = "C0SUPPORT";

/// `ana` may tell customers, support is told of everything, and a P1 every half an hour.
const UPDATES: &str = r#"
[roles.comms]
members = ["U0ANA"]
[updates]
publish = ["comms"]
internal = ["C0SUPPORT"]
external = ["C0SUPPORT"]
[updates.every]
p1 = "30m"
"#;

async fn world() -> World {
    let world = World::set_up(&format!("{ROLES}{UPDATES}"), FRONTEND).await;
    world.slack.add_channel(SUPPORT, "support");
    world
}

/// A rollback that was proposed, with its card, and nothing else to read.
async fn with_a_card() -> World {
    let mut world = world().await;
    world.with_a_card().await;
    world
}

/// The fields of the form in front of somebody: label and what it begins with.
fn form(world: &World, person: &str) -> String {
    let view = world.slack.open_view(person).unwrap();
    let inputs = view["blocks"].as_array().unwrap().iter();
    let inputs = inputs.filter(|block| block["type"] == "input");
    let line = |block: &Value| {
        let begins = block["element"]["initial_value"]
            .as_str()
            .unwrap_or_default();
        let label = block["label"]["text"].as_str().unwrap();
        format!("{label}: {begins}").trim_end().to_owned()
    };
    let title = view["title"]["text"].as_str().unwrap().to_owned();
    let lines: Vec<String> = [title].into_iter().chain(inputs.map(line)).collect();
    lines.join("\n")
}

/// Somebody drafts an update and saves the form as it is.
async fn drafts(world: &mut World, person: &'static str, command: &str) {
    world.somebody(person).says(command).await;
    world.settle().await;
    world.slack.submits(person).await.unwrap();
    world.settle().await;
}

#[tokio::test]
async fn an_update_is_drafted_from_the_record_previewed_and_published() {
    let mut world = with_a_card().await;
    world
        .maya()
        .says("/rollback note impact: nobody can pay")
        .await;
    world.maya().says("/rollback incident lead me").await;
    world.settle().await;
    world.slack.take_all();
    world.maya().says("/rollback update").await;
    world.settle().await;
    assert_snapshot!(form(&world, "U0MAYA"), @"
    Update: initiated
    About: checkout 500s
    Text: Rollback initiated

    Time: 2026-03-14 03:12 UTC or earlier
    Severity: [not recorded: how severe it was]
    Impact: nobody can pay
    Rolling back: frontend (production) from v214 to v213 (RB-1, PROPOSED)
    Database restored to: not restored
    Current status: investigating
    Next steps: [not recorded: what happens next]
    Point of contact: @maya
    Next update in:
    ");
    world
        .slack
        .types_into("U0MAYA", "Next update in", "soon")
        .unwrap();
    world.slack.submits("U0MAYA").await.unwrap();
    assert_snapshot!(format!("{:?}", world.slack.view_errors("U0MAYA")), @r#"{"next": String("That is no time from a minute to a day: write 30m or 2h, or leave it empty.")}"#);
    world
        .slack
        .types_into("U0MAYA", "Next update in", "20m")
        .unwrap();
    world
        .slack
        .types_into(
            "U0MAYA",
            "Text",
            "Rolling back checkout.\n*Severity:* P1 <!channel>",
        )
        .unwrap();
    world.slack.submits("U0MAYA").await.unwrap();
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      Preview of update 1: only you see it, and nothing is sent yet. Publish sends it to #shop-incidents and #support.
      Update, initiated: checkout 500s
      Rolling back checkout.
      Severity: P1 ‹!channel›

      Next update by 2026-03-14 03:32 UTC.
      INC-1 · update 1
      [ Publish ] [ Edit… ]
    ");
    world.maya().clicks("Publish").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot:
      Update, initiated: checkout 500s
      Rolling back checkout.
      Severity: P1 ‹!channel›

      Next update by 2026-03-14 03:32 UTC.
      INC-1 · update 1 · @maya
    ");
    assert_snapshot!(world.slack.take_new(SUPPORT), @"
    Rollback Bot:
      Update, initiated: checkout 500s
      Rolling back checkout.
      Severity: P1 ‹!channel›

      Next update by 2026-03-14 03:32 UTC.
      INC-1 · update 1 · @maya
    ");
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya requested: asked to roll back frontend (production) to the previous release, because "checkout 500s"
    rollback-bot planned: proposed v214 → v213, risk code, plan d63f
    @maya note: impact: nobody can pay
    @maya role: assigned the role lead to @U0MAYA
    @maya update: published update 1, initiated, in #C0SHOP and #C0SUPPORT: "checkout 500s: Rolling back checkout.
    *Severity:* P1 ‹!channel›

    Next update by 2026-03-14 03:32 UTC."
    "#);
    world.maya().says("/rollback incident").await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      INC-1: no severity, investigating
      lead: @maya · communications: nobody · scribe: nobody
      opened: 03:12:00 UTC · started: not recorded · detected: not recorded · reported: not recorded · mitigated: not recorded · resolved: not recorded · next update due: 03:32:00 UTC
      RB-1 PROPOSED  frontend (production)
      It stays open until `/rollback incident resolve because …`: a verified rollback leaves the defect. `/rollback help incident` shows what can be recorded.
    ");
}

#[tokio::test]
async fn only_the_configured_role_tells_customers() {
    let mut world = with_a_card().await;
    drafts(&mut world, "U0MAYA", "/rollback update investigating").await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      Preview of update 1: only you see it, and nothing is sent yet. Publish sends it to #shop-incidents and #support.
      Update, investigating: checkout 500s
      We are investigating a problem with frontend since 2026-03-14 03:12 UTC or earlier.

      Impact: [not recorded: what users could not do]
      INC-1 · update 1
      ⚠️ Look again: it has a gap that would be published as it stands.
      [ Publish ] [ Edit… ]
    ");
    world.maya().clicks("Publish").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): This needs somebody with the role comms, and you do not have it. @ana can. Nothing was run.");
    assert_eq!(world.slack.take_new(SUPPORT), "");
    world.ana().says("/rollback update 1").await;
    world.settle().await;
    world.ana().sees();
    world.ana().clicks("Publish").await;
    world.settle().await;
    assert_snapshot!(world.slack.take_new(SUPPORT), @"
    Rollback Bot:
      Update, investigating: checkout 500s
      We are investigating a problem with frontend since 2026-03-14 03:12 UTC or earlier.

      Impact: [not recorded: what users could not do]
      INC-1 · update 1 · @ana
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn a_correction_edits_the_update_wherever_it_is() {
    let mut world = with_a_card().await;
    drafts(&mut world, "U0ANA", "/rollback update identified").await;
    world.ana().clicks("Publish").await;
    world.settle().await;
    world.slack.take_all();
    world.ana().says("/rollback update 1").await;
    world.settle().await;
    assert_snapshot!(world.ana().sees(), @"
    Rollback Bot (only visible to @ana):
      Update 1 was published by @ana at 2026-03-14 03:12 UTC in #shop-incidents and #support. Only you see this.
      Update, identified: checkout 500s
      We have identified a problem with frontend that began at 2026-03-14 03:12 UTC or earlier.

      Impact: [not recorded: what users could not do]
      What is being done: we are preparing to return to an earlier version
      INC-1 · update 1 · @ana
      [ Correct… ] [ Send where it is missing ]
    ");
    world.ana().clicks("Correct…").await;
    world.settle().await;
    world
        .slack
        .types_into("U0ANA", "Text", "Checkout fails; we return to v213.")
        .unwrap();
    world.slack.submits("U0ANA").await.unwrap();
    world.settle().await;
    assert_snapshot!(world.ana().sees(), @"
    Rollback Bot (only visible to @ana):
      Preview of update 2: only you see it, and nothing is sent yet. Publish edits update 1 in #shop-incidents and #support.
      Update, identified: checkout 500s
      Checkout fails; we return to v213.
      INC-1 · update 1
      [ Publish ] [ Edit… ]
    ");
    world.ana().clicks("Publish").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (edited):
      Update, identified: checkout 500s
      Checkout fails; we return to v213.
      INC-1 · update 1 · @ana · corrected at 2026-03-14 03:12 UTC
    ");
    assert_snapshot!(world.slack.channel(SUPPORT), @"
    Rollback Bot (edited):
      Update, identified: checkout 500s
      Checkout fails; we return to v213.
      INC-1 · update 1 · @ana · corrected at 2026-03-14 03:12 UTC
    ");
    world.slack.take_all();
    // Whoever clicks again sends nothing again.
    world.ana().says("/rollback update 2").await;
    world.settle().await;
    world.ana().sees();
    world.ana().clicks("Send where it is missing").await;
    world.settle().await;
    assert_snapshot!(world.ana().sees(), @"Rollback Bot (only visible to @ana): Update 2 was published by @ana at 2026-03-14 03:12 UTC. It is sent again only where it has not arrived.");
    assert_eq!(world.slack.take_new(SUPPORT), "");
}

#[tokio::test]
async fn resolved_waits_for_the_proof_or_for_a_reason() {
    let mut world = with_a_card().await;
    // Without a form nobody is asked why.
    world
        .ana()
        .says("/rollback update resolved: Checkout works again.")
        .await;
    world.settle().await;
    assert_snapshot!(world.ana().sees(), @"
    Rollback Bot (only visible to @ana):
      Preview of update 1: only you see it, and nothing is sent yet. Publish sends it to #shop-incidents and #support.
      Update, resolved: checkout 500s
      Checkout works again.
      INC-1 · update 1
      ⚠️ Look again: RB-1 is PROPOSED: it is not published as resolved before somebody says why (Edit…).
      [ Publish ] [ Edit… ]
    ");
    world.ana().clicks("Publish").await;
    world.settle().await;
    assert_snapshot!(world.ana().sees(), @"Rollback Bot (only visible to @ana): RB-1 is PROPOSED, not VERIFIED, so customers cannot be told yet that it is resolved. `/rollback update monitoring` says what is true; if it is resolved all the same, `/rollback update resolved` asks you why. Nothing was published, and the draft is kept.");
    world.ana().says("/rollback update resolved").await;
    world.settle().await;
    assert_snapshot!(form(&world, "U0ANA"), @"
    Update: resolved
    About: checkout 500s
    Text: The problem with frontend that began at 2026-03-14 03:12 UTC or earlier is resolved. We apologize for the inconvenience.

    What is being done: we are preparing to return to an earlier version
    Impact: [not recorded: what users could not do]
    Post-mortem: [not recorded: whether and when a post-mortem will be shared]
    Next update in:
    Why resolved, although RB-1 is PROPOSED?:
    ");
    world
        .slack
        .types_into("U0ANA", "Why resolved", "the shop sells by phone")
        .unwrap();
    world.slack.submits("U0ANA").await.unwrap();
    world.settle().await;
    world.ana().sees();
    world.ana().clicks("Publish").await;
    world.settle().await;
    world.slack.take_all();
    let record = world.record().await;
    assert_snapshot!(record.lines().skip(4).collect::<Vec<_>>().join("\n"), @r#"
    @ana update: published update 2, resolved, in #C0SHOP and #C0SUPPORT, because "the shop sells by phone": "checkout 500s: The problem with frontend that began at 2026-03-14 03:12 UTC or earlier is resolved. We apologize for the inconvenience.

    What is being done: we are preparing to return to an earlier version
    Impact: [not recorded: what users could not do]
    Post-mortem: [not recorded: whether and when a post-mortem will be shared]"
    "#);
}

#[tokio::test]
async fn resolved_is_published_when_the_rollback_is_verified() {
    let mut world = with_a_card().await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.vercel.advance_to(8);
    world.passes(MINUTE).await;
    world.slack.take_all();
    drafts(&mut world, "U0ANA", "/rollback update resolved").await;
    assert_snapshot!(world.ana().sees(), @"
    Rollback Bot (only visible to @ana):
      Preview of update 1: only you see it, and nothing is sent yet. Publish sends it to #shop-incidents and #support.
      Update, resolved: checkout 500s
      The problem with frontend that began at 2026-03-14 03:12 UTC or earlier is resolved. We apologize for the inconvenience.

      What is being done: we returned to an earlier version and verified it
      Impact: [not recorded: what users could not do]
      Post-mortem: [not recorded: whether and when a post-mortem will be shared]
      INC-1 · update 1
      ⚠️ Look again: it has 2 gaps that would be published as they stand.
      [ Publish ] [ Edit… ]
    ");
    world.ana().clicks("Publish").await;
    world.settle().await;
    assert!(world.slack.take_new(SUPPORT).contains("Update, resolved"));
    world.slack.take_all();
    drafts(&mut world, "U0MAYA", "/rollback update").await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      Preview of update 2: only you see it, and nothing is sent yet. Publish sends it to #shop-incidents and #support.
      Update, executed: checkout 500s
      Rollback executed

      Deployment: frontend (production) from v214 to v213 (RB-1)
      Reason: checkout 500s
      Rollback time: 2026-03-14 03:12:11 UTC
      Status: VERIFIED
      Verification: version v213 answers, 1/1 checks pass
      Error rate: [not recorded: whether the error rate is back to normal]
      Root cause analysis: [not recorded: why it happened]
      Next steps: [not recorded: what happens next]
      Fix deployment: [not recorded: when the fix is deployed]
      Post-mortem: [not recorded: where the post-mortem is]
      INC-1 · update 2
      ⚠️ Look again: it has 5 gaps that would be published as they stand.
      [ Publish ] [ Edit… ]
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn whoever_communicates_is_reminded_and_then_the_lead() {
    let mut world = world().await;
    for command in [
        "/rollback incident open P1",
        "/rollback incident lead me",
        "/rollback incident comms <@U0ANA>",
    ] {
        world.maya().says(command).await;
    }
    world.settle().await;
    world.slack.take_all();
    world.passes(29 * MINUTE).await;
    assert_eq!(world.channel(), "");
    // The clock is a row: the process may end.
    world.stops().await;
    world.starts().await;
    world.leases_end().await;
    world.passes(2 * MINUTE).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @ana, the next update of INC-1 was due at 03:42 UTC. `/rollback update` drafts it.");
    world.passes(6 * MINUTE).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @maya, the next update of INC-1 was due at 03:42 UTC. `/rollback update` drafts it.");
    world.passes(120 * MINUTE).await;
    assert_eq!(world.channel(), "");
    // An update promises the next one, and by that ends the reminders of the one before.
    world
        .maya()
        .says("/rollback update in-progress: we look into it")
        .await;
    world.settle().await;
    world.maya().clicks("Publish").await;
    world.settle().await;
    world.slack.take_all();
    world.passes(10 * MINUTE).await;
    world
        .maya()
        .says("/rollback update in-progress: we still do")
        .await;
    world.settle().await;
    world.maya().clicks("Publish").await;
    world.settle().await;
    world.slack.take_all();
    world.passes(29 * MINUTE).await;
    assert_eq!(world.channel(), "");
    world.passes(2 * MINUTE).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @ana, the next update of INC-1 was due at 06:29 UTC. `/rollback update` drafts it.");
    world
        .maya()
        .says("/rollback incident resolve because it holds")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.passes(120 * MINUTE).await;
    assert!(!world.channel().contains("next update"));
    assert!(
        world
            .record()
            .await
            .contains("reminded @U0ANA of the update that was due at 03:42 UTC")
    );
}

#[tokio::test]
async fn a_channel_that_is_closed_is_named_and_gets_it_later() {
    let mut world = with_a_card().await;
    world.slack.set_bot_in(SUPPORT, false);
    world
        .maya()
        .says("/rollback update initiated: we roll back")
        .await;
    world.settle().await;
    world.maya().clicks("Publish").await;
    world.settle().await;
    let said = world.channel();
    let unsent = said
        .lines()
        .find(|line| line.contains("is not in"))
        .unwrap();
    assert_snapshot!(unsent, @"Rollback Bot: Update 1 is not in #support: Slack refused it (not_in_channel). Invite me there, then `/rollback update 1` and Send where it is missing.");
    world.slack.set_bot_in(SUPPORT, true);
    world.maya().says("/rollback update 1").await;
    world.settle().await;
    world.maya().sees();
    world.maya().clicks("Send where it is missing").await;
    world.settle().await;
    assert!(world.slack.take_new(SUPPORT).contains("we roll back"));
    world.maya().sees();
    assert_eq!(world.channel(), "");
    world.slack.take_all();
}

#[tokio::test]
async fn an_update_goes_out_once_while_slack_is_down() {
    let mut world = with_a_card().await;
    world
        .maya()
        .says("/rollback update initiated: we roll back")
        .await;
    world.settle().await;
    world.maya().sees();
    // It does what it is asked for, and its answer is lost.
    world
        .slack
        .fault(Fault::LoseAnswer, Some("chat.postMessage"), Some(2));
    world.maya().clicks("Publish").await;
    world.passes(MINUTE).await;
    assert_eq!(world.channel().matches("we roll back").count(), 1);
    assert_eq!(
        world
            .slack
            .take_new(SUPPORT)
            .matches("we roll back")
            .count(),
        1
    );
}

#[tokio::test]
async fn an_update_is_of_its_own_channel_and_its_own_form() {
    let mut world = with_a_card().await;
    assert_snapshot!(world.somebody("U0TOM").says("/rollback update 9").await.body, @r#"{"response_type":"ephemeral","text":"There is no update 9 in this channel. `/rollback update` drafts one."}"#);
    world
        .maya()
        .says("/rollback update executed: <b>done</b>")
        .await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      Preview of update 1: only you see it, and nothing is sent yet. Publish sends it to #shop-incidents and #support.
      Update, executed: checkout 500s
      ‹b›done‹/b›
      INC-1 · update 1
      [ Publish ] [ Edit… ]
    ");
    world.gus().says("/rollback update").await;
    world.settle().await;
    assert_snapshot!(world.gus().sees(), @"Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.");
    world.slack.take_all();
    assert!(
        world
            .slack
            .says("U0TOM", "C0OPS", "/rollback update 1")
            .await
            .body
            .contains("There is no update 1")
    );
    world.slack.take_all();
}

/// The fields of the messages that teams send, by the kind of update that has them.
const FIELDS: [(&str, &[&str]); 8] = [
    (
        "initiated",
        &[
            "Time",
            "Severity",
            "Impact on users",
            "Rolled back to",
            "Database restored to",
            "Current status",
            "Next steps",
            "Point of contact",
        ],
    ),
    (
        "in-progress",
        &[
            "Issue",
            "Affected systems",
            "Started at",
            "Estimated end",
            "Status",
            "Actions taken",
            "Database restore",
            "Verification complete",
            "Next steps",
        ],
    ),
    (
        "executed",
        &[
            "Deployment",
            "Reason",
            "Rollback time",
            "Status",
            "Verification of each part",
            "Error rate",
            "Root cause analysis scheduled",
            "Fix deployment scheduled",
            "Link to the post-mortem",
        ],
    ),
    (
        "failed",
        &[
            "Deployment",
            "Reason",
            "Rollback time",
            "Status",
            "Verification of each part",
            "Error rate",
            "Next steps",
        ],
    ),
    ("investigating", &["Issue"]),
    ("identified", &["Issue", "What is being done"]),
    ("monitoring", &["Issue", "What is being done"]),
    ("resolved", &["Issue", "Post-mortem promised"]),
];

#[tokio::test]
async fn every_field_of_every_message_has_its_place() {
    let mut world = with_a_card().await;
    let page = std::fs::read_to_string("docs/record.md").unwrap();
    let (_, table) = page
        .split_once("| update | field | place in the draft |\n")
        .unwrap();
    let rows = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with("| "));
    let rows: Vec<Vec<&str>> = rows
        .map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let documented: Vec<(&str, &str)> = rows.iter().map(|row| (row[0], row[1])).collect();
    let fields = FIELDS
        .iter()
        .flat_map(|(kind, fields)| fields.iter().map(|field| (*kind, *field)));
    assert_eq!(fields.collect::<Vec<_>>(), documented);
    for (kind, _) in FIELDS {
        world.ana().says(&format!("/rollback update {kind}")).await;
        world.settle().await;
        let draft = form(&world, "U0ANA");
        for row in rows.iter().filter(|row| row[0] == kind) {
            assert!(draft.contains(row[2].trim_matches('`')), "{row:?}: {draft}");
        }
        world.slack.closes("U0ANA").await.unwrap();
    }
}

/// A page and a program of the team's own, and nobody else to tell.
const OUTSIDE: &str = r#"
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
[notices.status-page.components]
frontend = "8kbf7d35c070"
"#;

const HOOK: &str = r#"
[notices.intranet]
kind = "webhook"
url = "env:NOTICES_URL"
secret = "env:NOTICES_SECRET"
"#;

async fn with_a_page() -> World {
    let mut world = World::set_up(&format!("{ROLES}{OUTSIDE}"), FRONTEND).await;
    world.with_a_card().await;
    world
}

/// Ana writes an update in her own words and publishes it.
async fn publishes(world: &mut World, update: &str) {
    world
        .ana()
        .says(&format!("/rollback update {update}"))
        .await;
    world.settle().await;
    world.ana().sees();
    world.ana().clicks("Publish").await;
    world.settle().await;
}

#[tokio::test]
async fn the_status_page_has_the_incident_from_its_beginning_to_its_end() {
    let mut world = with_a_page().await;
    world.maya().says("/rollback incident open P1").await;
    world.settle().await;
    world.slack.take_all();
    world
        .ana()
        .says("/rollback update investigating: Nobody can <pay> & we look into it.")
        .await;
    world.settle().await;
    assert_snapshot!(world.ana().sees(), @"
    Rollback Bot (only visible to @ana):
      Preview of update 1: only you see it, and nothing is sent yet. Publish sends it to #shop-incidents and status-page (its subscribers are not notified).
      Update, investigating: checkout 500s
      Nobody can ‹pay› & we look into it.
      INC-1 · update 1
      [ Publish ] [ Edit… ]
    ");
    world.ana().clicks("Publish").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @ana): Update 1 is on status-page: https://stspg.io/inc1.
    Rollback Bot:
      Update, investigating: checkout 500s
      Nobody can ‹pay› & we look into it.
      INC-1 · update 1 · @ana
    ");
    publishes(&mut world, "identified: It is the tax engine.").await;
    publishes(&mut world, "monitoring: We went back.").await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.vercel.advance_to(8);
    world.passes(MINUTE).await;
    publishes(&mut world, "resolved: Checkout works again.").await;
    assert_snapshot!(world.notices.page(), @r#"
    inc1 checkout 500s (critical) {"8kbf7d35c070":"operational"}
      investigating: Nobody can ‹pay› & we look into it.
      identified: It is the tax engine.
      monitoring: We went back.
      resolved: Checkout works again.
    "#);
    // A correction edits the update there, and mails nobody.
    world.slack.take_all();
    world.ana().says("/rollback update 2").await;
    world.settle().await;
    assert_snapshot!(world.ana().sees(), @"
    Rollback Bot (only visible to @ana):
      Update 2 was published by @ana at 2026-03-14 03:12 UTC in #shop-incidents and status-page (https://stspg.io/inc1). Only you see this.
      Update, identified: checkout 500s
      It is the tax engine.
      INC-1 · update 2 · @ana
      [ Correct… ] [ Send where it is missing ]
    ");
    world.ana().clicks("Correct…").await;
    world.settle().await;
    world
        .slack
        .types_into("U0ANA", "Text", "It is a defect of ours.")
        .unwrap();
    world.slack.submits("U0ANA").await.unwrap();
    world.settle().await;
    world.ana().clicks("Publish").await;
    world.settle().await;
    world.slack.take_all();
    assert_snapshot!(world.notices.page(), @r#"
    inc1 checkout 500s (critical) {"8kbf7d35c070":"operational"}
      investigating: Nobody can ‹pay› & we look into it.
      identified: It is a defect of ours.
      monitoring: We went back.
      resolved: Checkout works again.
    "#);
    let record = world.record().await;
    let updates = record.lines().filter(|line| line.contains("status-page"));
    assert_snapshot!(updates.collect::<Vec<_>>().join("\n"), @r#"
    @ana update: published update 1, investigating, in #C0SHOP and status-page: "checkout 500s: Nobody can ‹pay› & we look into it."
    rollback-bot update: status-page took update 1 as inc1: https://stspg.io/inc1
    @ana update: published update 2, identified, in #C0SHOP and status-page: "checkout 500s: It is the tax engine."
    rollback-bot update: status-page took update 2 as inc1: https://stspg.io/inc1
    @ana update: published update 3, monitoring, in #C0SHOP and status-page: "checkout 500s: We went back."
    rollback-bot update: status-page took update 3 as inc1: https://stspg.io/inc1
    @ana update: published update 4, resolved, in #C0SHOP and status-page: "checkout 500s: Checkout works again."
    rollback-bot update: status-page took update 4 as inc1: https://stspg.io/inc1
    @ana update: published update 5, identified, in #C0SHOP and status-page (corrects update 2): "checkout 500s: It is a defect of ours."
    rollback-bot update: status-page took update 5 as inc1: https://stspg.io/inc1
    "#);
    assert_eq!(world.notices.asked(), 5);
    let check = world.app().notices["status-page"].check().await;
    assert_eq!(
        check.unwrap(),
        "Statuspage takes the key for the page Acme status; its subscribers are not notified"
    );
}

#[tokio::test]
async fn a_page_that_is_down_holds_nothing_up_and_is_told_late_in_order() {
    let mut world = with_a_page().await;
    world.notices.breaks(Broken::Status(503));
    publishes(&mut world, "investigating: We look into it.").await;
    world.slack.take_all();
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.vercel.advance_to(8);
    world.passes(2 * MINUTE).await;
    let said = world.channel();
    assert!(said.contains("VERIFIED"), "{said}");
    let about = said.lines().filter(|line| line.contains("status-page"));
    assert_snapshot!(about.collect::<Vec<_>>().join("\n"), @"Rollback Bot: Update 1 is not on status-page yet: Statuspage answered 503; it is sent when it works again. It is kept and sent in order as soon as that works. Nothing else waits for it.");
    publishes(&mut world, "identified: It is the tax engine.").await;
    // It is a row: the process may end.
    world.stops().await;
    world.starts().await;
    world.leases_end().await;
    world.notices.breaks(Broken::Html);
    world.passes(2 * MINUTE).await;
    publishes(&mut world, "resolved: It works.").await;
    world.slack.take_all();
    assert_eq!(world.notices.page(), "");
    world.notices.breaks(Broken::Not);
    world.passes(2 * MINUTE).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:03 UTC by @sam (oncall)
      ✅ Accepted 03:12:03 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:14 UTC 8/8 on v213
      ✅ Verified 03:12:16 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 14 s (goal 2 m: met), of which 3 s waiting for approval
      [ Undo… ] [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: … entries.
      |   [file INC-1-RB-1-timeline.md]
    Rollback Bot: Update 1 is on status-page now, late: https://stspg.io/inc1.
    Rollback Bot (only visible to @ana): Update 2 is on status-page: https://stspg.io/inc1.
    Rollback Bot (only visible to @ana): Update 3 is on status-page: https://stspg.io/inc1.
    "#);
    assert_snapshot!(world.notices.page(), @r#"
    inc1 checkout 500s () {"8kbf7d35c070":"operational"}
      investigating: We look into it.
      identified: It is the tax engine.
      resolved: It works.
    "#);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_looked_for_before_anything_is_posted_again() {
    let mut world = with_a_page().await;
    for update in [
        "investigating: We look into it.",
        "identified: It is the tax engine.",
    ] {
        world.notices.breaks(Broken::LosesAnswer);
        publishes(&mut world, update).await;
        world.passes(MINUTE).await;
    }
    world.slack.take_all();
    assert_snapshot!(world.notices.page(), @r#"
    inc1 checkout 500s () {"8kbf7d35c070":"partial_outage"}
      investigating: We look into it.
      identified: It is the tax engine.
    "#);
    let asked = world.notices.asked();
    world.passes(60 * MINUTE).await;
    assert_eq!(world.notices.asked(), asked);
    world.slack.take_all();
}

#[tokio::test]
async fn a_first_update_that_says_resolved_is_looked_for_too() {
    let mut world = World::set_up(&format!("{ROLES}{OUTSIDE}"), FRONTEND).await;
    world.maya().says("/rollback incident open").await;
    world.settle().await;
    world.notices.breaks(Broken::LosesAnswer);
    publishes(&mut world, "resolved: It was short.").await;
    world.passes(MINUTE).await;
    world.slack.take_all();
    assert_snapshot!(world.notices.page(), @"
    inc1 [not recorded: what the problem is, in a few words] () null
      resolved: It was short.
    ");
}

#[tokio::test]
async fn what_the_page_refuses_is_told_with_the_next_step_and_kept() {
    let mut told = vec![];
    for broken in [401, 404, 422, 302] {
        let mut world = with_a_page().await;
        world.notices.breaks(Broken::Status(broken));
        publishes(&mut world, "investigating: We look into it.").await;
        let said = world.channel();
        let line = said.lines().find(|line| line.contains("is not on"));
        told.push(line.unwrap_or(&said).to_owned());
        world.notices.breaks(Broken::Not);
        world.ana().says("/rollback update 1").await;
        world.settle().await;
        if broken == 422 {
            assert_snapshot!(world.ana().sees(), @"
            Rollback Bot (only visible to @ana):
              Update 1 was published by @ana at 2026-03-14 03:12 UTC in #shop-incidents and status-page (not taken: Statuspage refused it (422): Name can't be blank; key …). Only you see this.
              Update, investigating: checkout 500s
              We look into it.
              INC-1 · update 1 · @ana
              [ Correct… ] [ Send where it is missing ]
            ");
        }
        world.ana().clicks("Send where it is missing").await;
        world.settle().await;
        assert!(world.notices.page().contains("We look into it."));
        world.slack.take_all();
    }
    assert_snapshot!(told.join("\n"), @"
    Rollback Bot: Update 1 is not on status-page: Statuspage refused the key (401): put one that may write to the page into notices.status-page.token, and start me again. It is kept: `/rollback update 1` and Send where it is missing sends it again.
    Rollback Bot: Update 1 is not on status-page: Statuspage does not know the page kctbh9vrtdwd (404): look at notices.status-page.page. It is kept: `/rollback update 1` and Send where it is missing sends it again.
    Rollback Bot: Update 1 is not on status-page: Statuspage refused it (422): Name can't be blank; key …. It is kept: `/rollback update 1` and Send where it is missing sends it again.
    Rollback Bot: Update 1 is not on status-page: it answered with another address (302): look at notices.status-page.api_url. It is kept: `/rollback update 1` and Send where it is missing sends it again.
    ");
}

#[tokio::test]
async fn what_the_page_puts_off_is_told_once_and_sent_later() {
    let mut told = vec![];
    for broken in [
        Broken::Status(420),
        Broken::Status(429),
        Broken::Status(500),
        Broken::Html,
    ] {
        let mut world = with_a_page().await;
        world.notices.breaks(broken);
        publishes(&mut world, "investigating: We look into it.").await;
        world.passes(5 * MINUTE).await;
        let said = world.channel();
        let lines = said.lines().filter(|line| line.contains("is not on"));
        told.extend(lines.map(str::to_owned));
        world.notices.breaks(Broken::Not);
        world.passes(3 * MINUTE).await;
        assert_eq!(world.notices.page().matches("We look into it.").count(), 1);
        world.slack.take_all();
    }
    assert_snapshot!(told.join("\n"), @"
    Rollback Bot: Update 1 is not on status-page yet: Statuspage takes no more requests for now (420); it is sent when it does. It is kept and sent in order as soon as that works. Nothing else waits for it.
    Rollback Bot: Update 1 is not on status-page yet: Statuspage takes no more requests for now (429); it is sent when it does. It is kept and sent in order as soon as that works. Nothing else waits for it.
    Rollback Bot: Update 1 is not on status-page yet: Statuspage answered 500; it is sent when it works again. It is kept and sent in order as soon as that works. Nothing else waits for it.
    Rollback Bot: Update 1 is not on status-page yet: it answered with something that is not Statuspage's (a page of a proxy?); look at notices.status-page.api_url. It is kept and sent in order as soon as that works. Nothing else waits for it.
    ");
}

#[tokio::test]
async fn an_incident_that_was_deleted_on_the_page_begins_anew() {
    let mut world = with_a_page().await;
    publishes(&mut world, "investigating: We look into it.").await;
    world.notices.is_emptied();
    world.slack.take_all();
    publishes(&mut world, "identified: It is the tax engine.").await;
    let said = world.channel();
    assert_snapshot!(said.lines().find(|line| line.contains("is not on")).unwrap_or(&said), @"Rollback Bot: Update 2 is not on status-page: its incident is not on the page any more (404): publish it again to begin a new one. It is kept: `/rollback update 2` and Send where it is missing sends it again.");
    world.ana().says("/rollback update 2").await;
    world.settle().await;
    world.ana().clicks("Send where it is missing").await;
    world.settle().await;
    world.slack.take_all();
    assert_snapshot!(world.notices.page(), @r#"
    inc3 checkout 500s () {"8kbf7d35c070":"partial_outage"}
      identified: It is the tax engine.
    "#);
}

#[tokio::test]
async fn a_program_of_ones_own_gets_each_update_signed() {
    let outside = format!("{ROLES}{OUTSIDE}{HOOK}");
    let mut world = World::set_up(&outside, FRONTEND).await;
    world.with_a_card().await;
    publishes(&mut world, "investigating: We look into it.").await;
    world.notices.breaks(Broken::Status(500));
    publishes(&mut world, "identified: It is the tax engine.").await;
    world.notices.breaks(Broken::Not);
    world.passes(MINUTE).await;
    world.slack.take_all();
    let hooked = world.notices.hooked();
    assert_snapshot!(hooked[0], @r#"{"corrects":null,"id":"rollback.example.com/INC-1/1","incident":"INC-1","kind":"investigating","published_at":"2026-03-14T03:12:00Z","published_by":"ana","services":["frontend (production)"],"severity":null,"text":"We look into it.","title":"checkout 500s","update":1,"version":1}"#);
    let ids: Vec<&str> = hooked.iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(
        ids,
        [
            "rollback.example.com/INC-1/1",
            "rollback.example.com/INC-1/2"
        ]
    );
    // What is for the team goes nowhere outside.
    world.maya().says("/rollback update executed: done").await;
    world.settle().await;
    world.maya().clicks("Publish").await;
    world.settle().await;
    world.slack.take_all();
    assert_eq!(world.notices.hooked().len(), 2);
}

#[tokio::test]
async fn a_place_outside_says_who_may_publish_there_and_who_is_mailed() {
    let world = World::new().await;
    let wrong = [
        "[notices.blog]\nkind = \"statuspage\"\npage = \"a/b\"\ntoken = \"env:STATUSPAGE_TOKEN\"",
        "[notices.blog]\nkind = \"blog\"",
        "[notices.blog]\nkind = \"webhook\"\nurl = \"https://example.com\"\nsecret = \"env:NOTICES_SECRET\"",
        "[updates]\npublish = [\"coms\"]\n[updates.every]\np1 = \"1s\"",
        "[notices.blog]\nkind = \"statuspage\"\npage = \"abc\"\ntoken = \"env:STATUSPAGE_TOKEN\"\ndeliver_notifications = true\n[notices.blog.components]\nfronted = \"abc\"\n[updates]\npublish = [\"lead\"]",
    ];
    let told: Vec<String> = wrong
        .iter()
        .map(|more| world.reads_settings(more).unwrap_err())
        .collect();
    assert_snapshot!(told.join("\n"), @r#"
    notices.blog.page: is not an id of Statuspage's; copy it from manage.statuspage.io, it looks like "kctbh9vrtdwd"
    notices.blog.deliver_notifications: is missing; write deliver_notifications = false
    notices: does not say who may publish there; write publish = ["lead"] into [updates]
    notices.blog.kind: "blog" is not known; write "statuspage" or "webhook"
    notices: does not say who may publish there; write publish = ["lead"] into [updates]
    notices.blog.url: a secret does not belong in this file; write "env:NAME" or "file:PATH"
    notices: does not say who may publish there; write publish = ["lead"] into [updates]
    updates.publish[0]: there is no role "coms"; write one of lead, oncall
    updates.every.p1: "1s" is out of range; write a duration from 1m to 24h
    notices.blog.components.fronted: is not a service; did you mean "frontend"?
    "#);
}
