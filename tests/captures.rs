//! Messages that people put into the timeline, by a reaction or the shortcut.

use crate::support::{CHANNEL, World};
use insta::assert_snapshot;
use rollback_domain::incident::{PROPOSE_SHORTCUT, SHORTCUT};
use rollback_simulation::Fault;
use std::time::Duration;

/// A message of the channel, which anybody wrote there without the bot.
async fn written(world: &World, person: &str, text: &str) -> String {
    world.slack.says(person, CHANNEL, text).await.ts.unwrap()
}

/// The timeline without the entries that every incident begins with.
async fn captured(world: &World) -> String {
    let record = world.record().await;
    let lines = record.lines().skip(2);
    lines.collect::<Vec<_>>().join("\n")
}

async fn with_an_incident() -> World {
    let mut world = World::new().await;
    world.maya().says("/rollback incident open").await;
    world.settle().await;
    world.slack.take_all();
    world
}

#[tokio::test]
async fn a_pinned_message_is_in_the_timeline_with_what_becomes_of_it() {
    let mut world = with_an_incident().await;
    let message = written(
        &world,
        "U0SAM",
        "checkout 500s since the deploy, <@U0KIM> looks",
    )
    .await;
    world.clock.advance(Duration::from_secs(90));
    for (person, reaction) in [
        ("U0MAYA", "pushpin"),
        ("U0MAYA", "pushpin"),
        ("U0ANA", "stopwatch"),
        // Of no meaning here.
        ("U0ANA", "tada"),
        ("U0GUS", "pushpin"),
    ] {
        world
            .slack
            .reacts(person, CHANNEL, &message, reaction)
            .await;
        // One after the other: whoever comes first is whose capture it is.
        world.settle().await;
    }
    assert_snapshot!(captured(&world).await, @r#"@maya captured: captured a message of @U0SAM: "checkout 500s since the deploy, @U0KIM looks" (https://acme.slack.com/archives/C0SHOP/p1773457920000200)"#);
    world.clock.advance(Duration::from_secs(60));
    let edited = "checkout 500s since 02:55, <@U0KIM> looks";
    world.slack.edits("U0SAM", CHANNEL, &message, edited).await;
    // The first one alone does not withdraw it.
    world
        .slack
        .unreacts("U0MAYA", CHANNEL, &message, "pushpin")
        .await;
    world.slack.edits("U0SAM", CHANNEL, &message, edited).await;
    world.slack.deletes(CHANNEL, &message).await;
    world.slack.deletes(CHANNEL, &message).await;
    world.settle().await;
    assert_snapshot!(captured(&world).await, @r#"
    @maya captured: captured a message of @U0SAM: "checkout 500s since the deploy, @U0KIM looks" (https://acme.slack.com/archives/C0SHOP/p1773457920000200)
    @U0SAM capture revised: edited what was captured: now it is a message of @U0SAM: "checkout 500s since 02:55, @U0KIM looks" (https://acme.slack.com/archives/C0SHOP/p1773457920000200)
    Slack capture deleted: deleted from the channel a message of @U0SAM: "checkout 500s since 02:55, @U0KIM looks" (https://acme.slack.com/archives/C0SHOP/p1773457920000200)
    "#);
    world.slack.take_all();
}

#[tokio::test]
async fn a_reaction_that_is_taken_back_withdraws_the_message() {
    let mut world = with_an_incident().await;
    let message = written(&world, "U0SAM", "it is the tax engine").await;
    world
        .slack
        .reacts("U0MAYA", CHANNEL, &message, "pushpin::skin-tone-2")
        .await;
    world.settle().await;
    world
        .slack
        .unreacts("U0MAYA", CHANNEL, &message, "pushpin")
        .await;
    world.slack.redeliver_last().await;
    world
        .slack
        .reacts("U0MAYA", CHANNEL, &message, "pushpin")
        .await;
    world.settle().await;
    assert_snapshot!(captured(&world).await, @r#"
    @maya captured: captured a message of @U0SAM: "it is the tax engine" (https://acme.slack.com/archives/C0SHOP/p1773457920000200)
    @maya capture withdrawn: withdrew a message of @U0SAM: "it is the tax engine" (https://acme.slack.com/archives/C0SHOP/p1773457920000200) from the timeline
    @maya captured: captured a message of @U0SAM: "it is the tax engine" (https://acme.slack.com/archives/C0SHOP/p1773457920000200)
    "#);
    // Nobody's: it was never captured.
    let other = written(&world, "U0SAM", "lunch?").await;
    world
        .slack
        .unreacts("U0MAYA", CHANNEL, &other, "pushpin")
        .await;
    world.slack.edits("U0SAM", CHANNEL, &other, "dinner?").await;
    world.slack.deletes(CHANNEL, &other).await;
    world.settle().await;
    assert_eq!(captured(&world).await.lines().count(), 3);
    world.slack.take_all();
}

#[tokio::test]
async fn in_a_channel_without_an_incident_a_reaction_is_only_a_reaction() {
    let mut world = World::new().await;
    let message = written(&world, "U0SAM", "good morning").await;
    world
        .slack
        .reacts("U0MAYA", CHANNEL, &message, "pushpin")
        .await;
    world
        .slack
        .uses_shortcut("U0MAYA", CHANNEL, &message, SHORTCUT)
        .await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): No incident goes on in this channel, so nothing was added to a timeline. `/rollback incident open` starts one.");
    world.maya().says("/rollback timeline").await;
    assert!(
        world
            .maya()
            .sees()
            .contains("Nothing has happened in this channel yet")
    );
    world.slack.take_all();
}

#[tokio::test]
async fn the_shortcut_adds_a_message_and_says_so() {
    let mut world = with_an_incident().await;
    let thread = written(&world, "U0SAM", "what do we know?").await;
    let said = world
        .slack
        .says_in_thread(
            "U0KIM",
            CHANNEL,
            &thread,
            "rates fell at 03:07, see https://graphs.example.com/1",
        )
        .await;
    let message = said.ts.unwrap();
    world
        .slack
        .uses_shortcut("U0MAYA", CHANNEL, &message, SHORTCUT)
        .await;
    world.settle().await;
    assert_eq!(
        captured(&world).await,
        "",
        "nothing is added before the form is saved"
    );
    world.slack.submits("U0MAYA").await.unwrap();
    world.settle().await;
    // The same in the same thread by a reaction.
    world
        .slack
        .reacts("U0ANA", CHANNEL, &message, "pushpin")
        .await;
    world
        .slack
        .uses_shortcut("U0GUS", CHANNEL, &message, SHORTCUT)
        .await;
    world
        .slack
        .uses_shortcut("U0MAYA", CHANNEL, &message, "somebody_elses")
        .await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): Added to the timeline of this channel: `/rollback timeline` shows it.");
    assert_snapshot!(world.gus().sees(), @"Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.");
    assert_snapshot!(captured(&world).await, @r#"@maya captured: captured a message of @U0KIM: "rates fell at 03:07, see https://graphs.example.com/1" (https://acme.slack.com/archives/C0SHOP/p1773457920000300?thread_ts=1773457920.000200&cid=C0SHOP)"#);
    world.slack.take_all();
}

#[tokio::test]
async fn the_shortcut_takes_a_time_and_a_comment() {
    let mut world = with_an_incident().await;
    let message = written(&world, "U0SAM", "rates fall").await;
    // It is in the timeline already, and what is said of it is added all the same.
    world
        .slack
        .reacts("U0ANA", CHANNEL, &message, "pushpin")
        .await;
    world.settle().await;
    world
        .slack
        .uses_shortcut("U0MAYA", CHANNEL, &message, SHORTCUT)
        .await;
    world.settle().await;
    let slack = &world.slack;
    slack
        .types_into("U0MAYA", "Comment", "=the first\n*sign*")
        .unwrap();
    for (typed, problem) in [
        (
            "soon",
            "That is no time: write -5m, 03:07 or yesterday 23:50, or leave it empty.",
        ),
        ("2027-01-01 00:00", "That time is still to come."),
    ] {
        slack.types_into("U0MAYA", "When", typed).unwrap();
        let answer = slack.submits("U0MAYA").await.unwrap();
        assert!(answer.body.contains(problem), "{}", answer.body);
    }
    slack.types_into("U0MAYA", "When", "-25m").unwrap();
    slack.submits("U0MAYA").await.unwrap();
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): Added to the timeline of this channel, for 2026-03-14 02:47:00 UTC: `/rollback timeline` shows it.");
    assert_snapshot!(captured(&world).await, @r#"
    @ana captured: captured a message of @U0SAM: "rates fall" (https://acme.slack.com/archives/C0SHOP/p1773457920000200)
    @maya captured: captured a message of @U0SAM: "rates fall" (https://acme.slack.com/archives/C0SHOP/p1773457920000200), with the comment "=the first *sign*"
    "#);
    // A form that nobody saves adds nothing, and one that does not open is not waited for.
    let late = written(&world, "U0SAM", "rates are back").await;
    world.slack.fault(
        Fault::Refuses("expired_trigger_id"),
        Some("views.open"),
        None,
    );
    world
        .slack
        .uses_shortcut("U0MAYA", CHANNEL, &late, SHORTCUT)
        .await;
    world.settle().await;
    assert!(captured(&world).await.contains("rates are back"));
    world.slack.take_all();
}

#[tokio::test]
async fn a_reaction_opens_an_incident_where_that_is_configured() {
    let mut world = World::new().await;
    world
        .reconfigures(
            "[roles.oncall]",
            "[incidents]\nreactions_open_incidents = true\n[roles.oncall]",
        )
        .await;
    let message = written(&world, "U0SAM", "checkout 500s").await;
    world
        .slack
        .reacts("U0GUS", CHANNEL, &message, "pushpin")
        .await;
    world.settle().await;
    assert_eq!(world.record().await, "", "a guest opens nothing");
    world
        .slack
        .reacts("U0MAYA", CHANNEL, &message, "pushpin")
        .await;
    world.settle().await;
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya captured: captured a message of @U0SAM: "checkout 500s" (https://acme.slack.com/archives/C0SHOP/p1773457920000000)
    "#);
    world.slack.take_all();
}

#[tokio::test]
async fn a_rollback_is_proposed_because_of_a_message() {
    let mut world = World::new().await;
    let alert = written(&world, "U0SAM", "checkout answers 500 | *now*").await;
    world
        .slack
        .uses_shortcut("U0MAYA", CHANNEL, &alert, PROPOSE_SHORTCUT)
        .await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya):
      Which service should go back, because "checkout answers 500 | now"?
      [ frontend@production ]
    "#);
    world.maya().clicks("frontend@production").await;
    world.settle().await;
    let card = world.channel();
    assert!(card.contains("Roll back frontend to v213?"), "{card}");
    assert!(
        card.contains("checkout answers 500 | now · @maya"),
        "{card}"
    );
    // Now that an incident goes on, the message that is chosen is evidence too.
    let graph = written(&world, "U0SAM", "error rate is at 6 %").await;
    world
        .slack
        .uses_shortcut("U0MAYA", CHANNEL, &graph, PROPOSE_SHORTCUT)
        .await;
    world
        .slack
        .uses_shortcut("U0GUS", CHANNEL, &graph, PROPOSE_SHORTCUT)
        .await;
    world.settle().await;
    let record = captured(&world).await;
    assert!(record.contains("error rate is at 6 %"), "{record}");
    assert!(world.gus().sees().contains("you are a guest"));
    world.slack.take_all();
}

#[tokio::test]
async fn hostile_messages_and_two_hundred_in_a_minute_are_captured_as_text() {
    let mut world = with_an_incident().await;
    let hostile = [
        "=cmd|' /C calc'!A0 | # heading\n```code``` <!channel> *bold*",
        "\u{202e}drawkcab \u{1b}[31mred\u{7}",
        &"long ".repeat(900),
    ];
    for text in hostile {
        let message = written(&world, "U0SAM", text).await;
        world
            .slack
            .reacts("U0MAYA", CHANNEL, &message, "pushpin")
            .await;
        // Each is read by a job of its own: one after the other, for their order.
        world.settle().await;
    }
    let record = captured(&world).await;
    let short: Vec<String> = record
        .lines()
        .map(|line| line.chars().take(140).collect())
        .collect();
    assert_snapshot!(short.join("\n"), @r#"
    @maya captured: captured a message of @U0SAM: "=cmd|' /C calc'!A0 | # heading ```code``` <!channel> *bold*" (https://acme.slack.com/archives
    @maya captured: captured a message of @U0SAM: "drawkcab [31mred" (https://acme.slack.com/archives/C0SHOP/p1773457920000400)
    @maya captured: captured a message of @U0SAM: "long long long long long long long long long long long long long long long long long long lon
    "#);
    for n in 0..200 {
        let message = written(&world, "U0SAM", &format!("message {n}")).await;
        world
            .slack
            .reacts("U0MAYA", CHANNEL, &message, "pushpin")
            .await;
    }
    world.passes(Duration::from_secs(600)).await;
    assert_eq!(captured(&world).await.lines().count(), 203);
    world.slack.take_all();
}

#[tokio::test]
async fn other_reactions_are_configured_or_none() {
    let mut world = with_an_incident().await;
    assert!(
        world
            .reads_settings("[incidents]\nreactions = [\":pin:\"]")
            .is_err()
    );
    assert!(world.reads_settings("[incidents]\nreactions = []").is_ok());
    world
        .reconfigures(
            "[roles.oncall]",
            "[incidents]\nreactions = [\"eyes\"]\n[roles.oncall]",
        )
        .await;
    let message = written(&world, "U0SAM", "carts are empty").await;
    world
        .slack
        .reacts("U0MAYA", CHANNEL, &message, "pushpin")
        .await;
    world.settle().await;
    assert_eq!(captured(&world).await, "");
    world
        .slack
        .reacts("U0MAYA", CHANNEL, &message, "eyes")
        .await;
    world.settle().await;
    assert!(captured(&world).await.contains("carts are empty"));
    world.slack.take_all();
}
