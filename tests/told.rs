//! What changes for somebody reaches them: those whom a turn or an ending concerns are mentioned,
//! and where Slack takes no post they are told another way.

use crate::support::{CHANNEL, FRONTEND, ROLES, World};
use insta::assert_snapshot;
use rollback_simulation::Fault;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// The same people, and PagerDuty to page.
const PAGED: &str = r#"
[roles.oncall]
members = ["U0SAM"]
[roles.lead]
members = ["U0ANA"]
[pagerduty]
api_url = "{pagerduty}"
events_url = "{pagerduty}"
token = "env:PAGERDUTY_TOKEN"
routing_key = "env:PAGERDUTY_ROUTING_KEY"
"#;

/// Codes by which Slack says that nothing can be posted in a channel.
const CLOSED: [&str; 12] = [
    "restricted_action",
    "restricted_action_read_only_channel",
    "is_archived",
    "missing_scope",
    "ekm_access_denied",
    "team_access_not_granted",
    "token_expired",
    "token_revoked",
    "account_inactive",
    "not_in_channel",
    "channel_not_found",
    "a_code_that_nobody_knows_yet",
];

/// Codes by which Slack says that it does not take what is in a message.
const TOO_MUCH: [&str; 4] = [
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
];

/// How often a message of ours in the channel names somebody so that they are notified.
fn mentions(world: &World, person: &str, text: &str) -> usize {
    let mention = format!("<@{person}>");
    let all = world.slack.messages(CHANNEL);
    let ours = all.iter().filter(|message| message.user == "UBOT");
    ours.filter(|message| without_links(&message.text).contains(text))
        .filter(|message| message.text.contains(&mention))
        .count()
}

/// The text with its links as they are read.
fn without_links(mrkdwn: &str) -> String {
    let mut pieces = mrkdwn.split("<https://");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |read, link| {
        let (_, shown) = link.split_once('|').unwrap();
        read + &shown.replacen('>', "", 1)
    })
}

#[tokio::test]
async fn who_asked_is_told_whatever_slack_says_when_it_takes_no_card() {
    for code in CLOSED {
        let mut world = World::new().await;
        world
            .slack
            .fault(Fault::Refuses(code), Some("chat.postMessage"), None);
        world
            .maya()
            .says("/rollback frontend because checkout 500s")
            .await;
        world.passes(Duration::from_secs(50)).await;
        let seen = world.maya().sees();
        let told = format!("I can't post in #shop-incidents (Slack says {code}).");
        assert_eq!(seen.matches(&told).count(), 1, "{code}: {seen}");
        assert!(seen.contains("from v214 to v213"), "{code}: {seen}");
        world.slack.take_all();
    }
}

#[tokio::test]
async fn a_channel_that_closes_between_two_attempts_is_told_as_well() {
    let mut world = World::new().await;
    world
        .slack
        .fault(Fault::Outage, Some("chat.postMessage"), Some(1));
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    while world.slack.calls().iter().all(|call| call.ok) {
        rollback_bot::worker::run_due(world.app()).await;
    }
    world.slack.set_bot_in(CHANNEL, false);
    world.passes(Duration::from_secs(20)).await;
    let seen = world.maya().sees();
    assert!(seen.contains("(Slack says not_in_channel)"), "{seen}");
    world.slack.set_bot_in(CHANNEL, true);
    world.passes(Duration::from_secs(20)).await;
    assert!(world.channel().contains("Roll back frontend"));
}

#[tokio::test]
async fn a_card_that_is_too_much_for_slack_is_posted_in_plain_words() {
    for code in TOO_MUCH {
        let mut world = World::new().await;
        world
            .slack
            .fault(Fault::Refuses(code), Some("chat.postMessage"), Some(1));
        world
            .maya()
            .says("/rollback frontend because checkout 500s")
            .await;
        world.passes(Duration::from_secs(20)).await;
        let seen = world.channel();
        assert!(
            seen.contains("RB-1") && seen.contains("v213"),
            "{code}: {seen}"
        );
        assert_eq!(world.slack.messages(CHANNEL).len(), 1, "{code}");
        world.slack.take_all();
    }
}

#[tokio::test]
async fn an_approval_by_words_where_nothing_can_be_posted_is_answered() {
    let mut world = World::new().await;
    world.vercel.moves_at_once(true);
    world.slack.fault(
        Fault::Refuses("restricted_action"),
        Some("chat.postMessage"),
        None,
    );
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    world.maya().sees();
    world.sam().says("/rollback approve RB-1").await;
    world.passes(MINUTE).await;
    assert_eq!(world.vercel.production(), "v213");
    for (who, seen) in [("maya", world.maya().sees()), ("sam", world.sam().sees())] {
        assert!(seen.contains("is back on v213"), "{who}: {seen}");
    }
    assert_eq!(world.channel(), "");
    world.passes(MINUTE * 10).await;
    world.slack.take_all();
}

#[tokio::test]
async fn who_cannot_be_told_alone_either_has_somebody_paged_and_the_timeline_says_so() {
    let mut world = World::set_up(PAGED, FRONTEND).await;
    world.with_a_card().await;
    for method in ["chat.postMessage", "chat.postEphemeral", "respond"] {
        world
            .slack
            .fault(Fault::Refuses("is_archived"), Some(method), None);
    }
    world.ana().clicks("Cancel").await;
    world.passes(MINUTE).await;
    let record = world.record().await;
    assert!(
        record.contains(
            "could not reach @U0MAYA in C0SHOP (Slack says is_archived): paging PagerDuty instead"
        ),
        "{record}"
    );
    let pages = world.pagerduty.pages();
    assert_eq!(pages.len(), 1, "{pages:?}");
    assert!(pages[0].contains("RB-1"), "{pages:?}");
    world.slack.take_all();
}

#[tokio::test]
async fn who_cannot_be_told_alone_either_is_named_where_it_is_announced() {
    let announce = format!("[announce]\nchannels = [\"C0SHOP\"]\ncode = [\"C0OPS\"]\n{PAGED}");
    let mut world = World::set_up(&announce, FRONTEND).await;
    world.with_a_card().await;
    world.slack.set_bot_in(CHANNEL, false);
    for method in ["chat.postEphemeral", "respond"] {
        world
            .slack
            .fault(Fault::Refuses("is_archived"), Some(method), None);
    }
    world.ana().clicks("Cancel").await;
    world.passes(MINUTE).await;
    let seen = world.slack.take_new("C0OPS");
    assert!(seen.contains("@maya (about #shop-incidents):"), "{seen}");
    let record = world.record().await;
    assert!(
        record.contains(
            "could not reach @U0MAYA in C0SHOP (Slack says is_archived): posting in C0OPS instead"
        ),
        "{record}"
    );
    assert_eq!(world.pagerduty.pages(), Vec::<String>::new());
    world.slack.take_all();
}

#[tokio::test]
async fn who_cannot_be_reached_by_any_way_is_in_the_timeline() {
    let mut world = World::new().await;
    world.with_a_card().await;
    for method in ["chat.postMessage", "chat.postEphemeral", "respond"] {
        world
            .slack
            .fault(Fault::Refuses("account_inactive"), Some(method), None);
    }
    world.passes(MINUTE * 11).await;
    let record = world.record().await;
    assert!(
        record.contains("could not reach @U0MAYA in C0SHOP (Slack says account_inactive): no other way is configured"),
        "{record}"
    );
    world.slack.take_all();
}

#[tokio::test]
async fn a_denial_is_seen_where_the_card_cannot_be_edited() {
    for code in [
        "cant_update_message",
        "edit_window_closed",
        "restricted_action",
    ] {
        let mut world = World::new().await;
        world.with_a_card().await;
        world
            .slack
            .fault(Fault::Refuses(code), Some("chat.update"), None);
        world
            .sam()
            .says("/rollback deny RB-1 because not now")
            .await;
        world.passes(MINUTE).await;
        let seen = world.channel();
        assert!(seen.contains("RB-1 DENIED"), "{code}: {seen}");
        assert_eq!(mentions(&world, "U0MAYA", "denied RB-1"), 1, "{code}");
        let cards = world.slack.messages(CHANNEL);
        let again = cards.iter().filter(|message| !message.blocks.is_empty());
        assert_eq!(again.count(), 2, "{code}: posted again once");
        // The card that could not be edited is still one of ours.
        world
            .slack
            .clicks_stale("U0SAM", "Approve & roll back…")
            .await
            .ok();
        world.passes(MINUTE).await;
        let told = world.sam().sees();
        assert!(!told.contains("FORGED"), "{code}: {told}");
        world.slack.take_all();
    }
}

#[tokio::test]
async fn each_ending_mentions_who_asked_in_a_message_of_its_own() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world
        .sam()
        .says("/rollback deny RB-1 because not now")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 DENIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      Denied by @sam: "not now". Nothing changed.
    Rollback Bot (only visible to @sam): Denying RB-1: checking your permissions. The card will update.
    Rollback Bot: @maya: @sam denied RB-1 (frontend (production), v214 → v213): "not now". Nothing was changed. To propose it again: `/rollback frontend@production to v213 because …`.
    "#);
    world.sam().sees();
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.passes(MINUTE * 11).await;
    assert_eq!(mentions(&world, "U0MAYA", "RB-2"), 1, "once");
    assert!(world.channel().contains("nobody approved it in time"));
    world.maya().says("/rollback frontend").await;
    world.settle().await;
    world.slack.take_all();
    world.ana().clicks("Cancel").await;
    world.settle().await;
    assert_eq!(mentions(&world, "U0MAYA", "@ana cancelled RB-3"), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn an_objection_reaches_who_asked_and_who_approved() {
    let two = format!("{ROLES}[policy.code]\napprovals = 2\n");
    let mut world = World::set_up(&two, FRONTEND).await;
    world.with_a_card().await;
    world.sam().says("/rollback approve RB-1").await;
    world.settle().await;
    world.slack.take_all();
    world
        .tom()
        .says("/rollback object RB-1 because the sale ends at noon")
        .await;
    world.settle().await;
    assert_eq!(mentions(&world, "U0MAYA", "@tom objects to RB-1"), 1);
    assert_eq!(mentions(&world, "U0SAM", "@tom objects to RB-1"), 1);
    assert_eq!(mentions(&world, "U0TOM", "@tom objects to RB-1"), 0);
    world.sam().says("/rollback withdraw RB-1").await;
    world.settle().await;
    assert_eq!(mentions(&world, "U0MAYA", "withdrew their approval"), 1);
    world.slack.take_all();
    world.maya().says("/rollback stop RB-1").await;
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn an_export_that_slack_refuses_is_recorded_and_told() {
    let mut world = World::new().await;
    world.maya().says("/rollback note it begins").await;
    world.settle().await;
    world.slack.take_all();
    world.slack.fault(
        Fault::Refuses("missing_scope"),
        Some("files.getUploadURLExternal"),
        None,
    );
    world.maya().says("/rollback export md").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): Writing the timeline. I'll post the file in this channel.
    Rollback Bot (only visible to @maya): The timeline of INC-1 could not be uploaded: Slack says missing_scope. `/rollback timeline` shows it.
    ");
    let record = world.record().await;
    assert!(record.contains("could not export INC-1"), "{record}");
}

#[tokio::test]
async fn an_export_goes_where_its_answer_says() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.maya().says("/rollback export md").await;
    world.settle().await;
    let answer = world.maya().sees();
    assert!(
        answer.contains("I'll post the file in this channel."),
        "{answer}"
    );
    let posted = world.slack.messages(CHANNEL);
    let file = posted.iter().find(|message| !message.files.is_empty());
    assert_eq!(file.unwrap().thread_ts, None, "it is under no card");
    world.maya().says("/rollback stop RB-1").await;
    world.settle().await;
    world.slack.take_all();
}

/// Opens the form of the card, chooses v212 and saves it.
async fn changes_the_target(world: &mut World, who: &'static str) {
    world.somebody(who).clicks("Change version…").await;
    world.settle().await;
    world.slack.chooses(who, "v212").await.unwrap();
    let answer = world.slack.submits(who).await.unwrap();
    assert!(answer.is_ok(), "{}", answer.body);
}

#[tokio::test]
async fn a_target_that_cannot_be_planned_replaces_no_card() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.somebody("U0TOM").clicks("Change version…").await;
    world.settle().await;
    world.slack.chooses("U0TOM", "v212").await.unwrap();
    world.vercel.fail_reads(500);
    let answer = world.slack.submits("U0TOM").await.unwrap();
    assert!(answer.is_ok(), "{}", answer.body);
    world.passes(MINUTE / 2).await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): Vercel answers with an error (500: An unexpected error occurred). Nothing was run. Try again in a minute; if it can't wait, roll back on the platform itself. RB-1 stays open as it is.");
    assert_snapshot!(world.channel(), @r#"
    in the thread of "Roll back frontend to v213?":
      | Rollback Bot: @maya: @tom tried to change the target of RB-1 (frontend (production), v214 → v213) to dpl_8F3kQzTn0000000000000002, and that could not be planned: Vercel answers with an error (500: An unexpected error occurred). Nothing was run. Try again in a minute; if it can't wait, roll back on the platform itself. RB-1 stays open as it is.
    "#);
    assert_eq!(world.rollback(1).await.word(), "PROPOSED");
    // The card that stayed open can still be approved.
    world.vercel.fail_reads(None);
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(MINUTE).await;
    assert_eq!(world.vercel.production(), "v213");
    world.slack.take_all();
}

#[tokio::test]
async fn another_target_has_its_plan_before_it_replaces_the_card() {
    let mut world = World::new().await;
    world.with_a_card().await;
    changes_the_target(&mut world, "U0TOM").await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.word(), "SUPERSEDED");
    let next = world.rollback(2).await;
    assert_eq!(
        (next.word().as_str(), next.to_label()),
        ("PROPOSED", "v212")
    );
    assert_eq!(
        mentions(&world, "U0MAYA", "@tom changed the target of RB-1"),
        1
    );
    world.slack.take_all();
    world.tom().says("/rollback stop RB-2").await;
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn wherever_a_rollback_is_named_its_card_is_a_click_away() {
    let mut world = World::set_up(PAGED, FRONTEND).await;
    world.with_a_card().await;
    let card = world.slack.messages(CHANNEL).remove(0).ts.replace('.', "");
    let link = format!(".slack.com/archives/{CHANNEL}/p{card}|RB-1>");
    let is_linked = |text: &str| text.contains(&link);
    // The board, the status, and the refusal of a second proposal.
    for words in [
        "/rollback",
        "/rollback status",
        "/rollback frontend because again",
    ] {
        let answer = world.ana().says(words).await;
        assert!(is_linked(&answer.body), "{words}: {}", answer.body);
    }
    // Reminders.
    world.passes(MINUTE * 2).await;
    let all = world.slack.messages(CHANNEL);
    let reminder = all.iter().find(|one| one.text.contains("approve or deny"));
    assert!(
        is_linked(&reminder.unwrap().text),
        "{:?}",
        reminder.unwrap().text
    );
    // An end.
    world.sam().says("/rollback deny RB-1").await;
    world.settle().await;
    let all = world.slack.messages(CHANNEL);
    let denied = all.iter().find(|one| one.text.contains("@sam denied"));
    assert!(
        is_linked(&denied.unwrap().text),
        "{:?}",
        denied.unwrap().text
    );
    world.slack.take_all();
}

#[tokio::test]
async fn who_promised_to_explain_an_emergency_run_is_asked_until_they_have() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.tom().clicks("Emergency run").await;
    world.settle().await;
    world.slack.types("U0TOM", "carts are lost").unwrap();
    let promise = world.slack.chooses("U0TOM", "I will explain");
    promise.await.unwrap();
    let answer = world.slack.submits("U0TOM").await.unwrap();
    assert!(answer.is_ok(), "{}", answer.body);
    world.passes(Duration::from_secs(11 * 3_600)).await;
    world.slack.take_all();
    world.passes(Duration::from_secs(3_600)).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: RB-1 (frontend (production), v214 → v213) ran without approval, and its review is due 2026-03-15 03:12 UTC. @sam or @ana, please review it: `/rollback review RB-1 justified because …`, or `should-have-waited`, or `policy-too-strict`. @tom, you promised to explain why it could not wait: `/rollback note …` in this channel records it.");
    assert_eq!(mentions(&world, "U0TOM", "you promised to explain"), 1);
    world
        .tom()
        .says("/rollback note nobody with the role was awake, and carts were lost")
        .await;
    world.passes(Duration::from_secs(12 * 3_600)).await;
    assert!(world.channel().contains("its review was due"));
    assert_eq!(
        mentions(&world, "U0TOM", "you promised to explain"),
        1,
        "not again"
    );
    world
        .sam()
        .says("/rollback review RB-1 justified because they were")
        .await;
    world.settle().await;
    world.slack.take_all();
}
