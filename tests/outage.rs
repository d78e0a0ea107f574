//! Slack is away for minutes, asks to slow down, or loses answers: nothing stops, nothing is said
//! twice, and what is said late says so.

use crate::support::{CHANNEL, FRONTEND, World, pagerduty::Broken};
use insta::assert_snapshot;
use rollback_bot::{App, worker};
use rollback_simulation::Fault;
use std::time::Duration;

/// An escalation with one step, five minutes after the card.
const LADDER: &str = r#"
[roles.oncall]
members = ["U0SAM"]
[roles.lead]
members = ["U0ANA"]
[[policy.escalate]]
after = "5m"
people = ["U0KIM"]
"#;

const MINUTE: Duration = Duration::from_secs(60);

/// The messages of ours in a channel whose words have this in them.
fn messages(world: &World, channel: &str, text: &str) -> Vec<String> {
    let all = world.slack.messages(channel);
    all.into_iter()
        .filter(|message| message.user == "UBOT")
        .map(|message| match message.blocks.is_empty() {
            true => message.text,
            false => serde_json::to_string(&message.blocks).unwrap(),
        })
        .filter(|said| said.contains(text))
        .collect()
}

/// What was told late in the channel of most stories.
fn late(world: &World) -> Vec<String> {
    messages(world, CHANNEL, "*Late:*")
}

/// Nobody may be posted to or edited for, as long as it lasts.
fn words_fail(world: &World, fault: Fault) {
    for method in ["chat.postMessage", "chat.update"] {
        world.slack.fault(fault, Some(method), None);
    }
}

async fn a_whole_rollback_while_words_fail(fault: Fault) -> World {
    let mut world = World::set_up(LADDER, FRONTEND).await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    words_fail(&world, fault);
    // The reminder of 03:13, and of 03:15.
    world.passes(MINUTE * 4).await;
    world.sam().clicks("Approve").await;
    world.passes(MINUTE).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    assert_eq!(world.channel(), "");
    world.slack.heal();
    world.passes(MINUTE * 3).await;
    // One card with the last state, which was edited once, and one message with the rest.
    assert_eq!(messages(&world, CHANNEL, "VERIFIED  frontend").len(), 1);
    let late = late(&world);
    assert_eq!(late.len(), 1);
    assert_eq!(messages(&world, CHANNEL, "is back on v213").len(), 1);
    assert_eq!(messages(&world, CHANNEL, "approve or deny").len(), 1);
    // Nobody is pinged for what is over.
    assert!(!late[0].contains("<@"), "{}", late[0]);
    let said = |what: &str| late[0].find(what).unwrap();
    assert!(said("waiting 1 m") < said("waiting 3 m"));
    assert!(said("waiting 3 m") < said("is back on v213"));
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world
}

#[tokio::test]
async fn five_minutes_of_silence_are_told_in_one_message_in_order() {
    let world = a_whole_rollback_while_words_fail(Fault::Outage).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:16:00 UTC by @sam (oncall)
      ✅ Accepted 03:16:00 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:16:00 UTC 8/8 on v213
      ✅ Verified 03:16:02 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 4 m (goal 2 m: missed), of which 4 m waiting for approval
      [ Undo… ]
    Rollback Bot:
      Late: Slack took no messages from 03:13:00 UTC to 03:17:05 UTC. What happened meanwhile:
      • 03:13:00 UTC  @sam and @ana: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 1 m.
      • 03:15:00 UTC  @sam and @ana: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 3 m.
      • 03:16:02 UTC  ✅ frontend (production) is back on v213 (RB-1) · @maya, approved by @sam
      version v213 answers, 1/1 checks pass · took 4 m, of which 4 m waiting for approval (goal 2 m: missed)
      Automatic deploys are off until `/rollback unpin frontend@production`.
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);
}

#[tokio::test]
async fn connections_that_break_are_no_different() {
    let world = a_whole_rollback_while_words_fail(Fault::Reset).await;
    world.slack.take_all();
}

#[tokio::test]
async fn answers_that_are_lost_for_minutes_are_told_once() {
    let mut world = World::set_up(LADDER, FRONTEND).await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    // All of it arrives, and nothing can be looked for.
    words_fail(&world, Fault::LoseAnswer);
    world
        .slack
        .fault(Fault::Outage, Some("conversations.history"), None);
    world
        .slack
        .fault(Fault::Outage, Some("conversations.replies"), None);
    world.passes(MINUTE * 4).await;
    world.sam().clicks("Approve").await;
    world.passes(MINUTE).await;
    world.slack.heal();
    world.passes(MINUTE * 3).await;
    assert_eq!(messages(&world, CHANNEL, "waiting 1 m").len(), 1);
    assert_eq!(messages(&world, CHANNEL, "waiting 3 m").len(), 1);
    assert_eq!(messages(&world, CHANNEL, "is back on v213").len(), 1);
    assert_eq!(messages(&world, CHANNEL, "VERIFIED  frontend").len(), 1);
    world.slack.take_all();
}

/// Takes the ten seconds that a call may take.
#[tokio::test]
async fn what_is_posted_and_never_answered_is_found_again() {
    let mut world = World::new().await;
    world
        .slack
        .fault(Fault::Silent, Some("chat.postMessage"), Some(1));
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.passes(Duration::from_secs(20)).await;
    assert_eq!(messages(&world, CHANNEL, "Roll back frontend").len(), 1);
    world.slack.heal();
    world.sam().clicks("Cancel").await;
    world.settle().await;
    assert!(world.channel().contains("RB-1 CANCELLED"));
    world.slack.take_all();
}

#[tokio::test]
async fn who_is_still_needed_is_asked_once_when_slack_is_back() {
    let mut world = World::set_up(LADDER, FRONTEND).await;
    world.with_a_card().await;
    world.slack.set_fault(Some(Fault::Outage));
    world.passes(Duration::from_secs(350)).await;
    world.slack.heal();
    world.passes(MINUTE * 2).await;
    let late = late(&world);
    assert_eq!(late.len(), 1);
    // By the newest reminder and the newest escalation step, and not by the reminder before.
    for asked in ["U0SAM", "U0ANA", "U0KIM"] {
        let mention = format!("<@{asked}>");
        assert_eq!(late[0].matches(&mention).count(), 1, "{}", late[0]);
    }
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (37 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      ⏳ Waiting since 03:12:00 UTC; asked @sam, @ana, @kim, last at 03:17:00 UTC
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`
    Rollback Bot:
      Late: Slack took no messages from 03:13:00 UTC to 03:18:00 UTC. What happened meanwhile:
      • 03:13:00 UTC  @sam and @ana: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 1 m.
      • 03:15:00 UTC  @sam and @ana: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 3 m.
      • 03:17:00 UTC  @kim: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 5 m.
    "#);
}

#[tokio::test]
async fn what_expired_meanwhile_asks_nobody() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.slack.set_fault(Some(Fault::Outage));
    world.passes(MINUTE * 11).await;
    world.slack.heal();
    world.passes(MINUTE * 2).await;
    let late = late(&world);
    assert_eq!(late.len(), 1);
    for asked in ["<@U0SAM>", "<@U0ANA>"] {
        assert!(!late[0].contains(asked), "{}", late[0]);
    }
    assert!(
        late[0].contains("@sam and @ana: approve or deny"),
        "{}",
        late[0]
    );
    // Who asked for it has not heard of its end.
    assert!(late[0].contains("<@U0MAYA>: "), "{}", late[0]);
    assert!(world.channel().contains("RB-1 EXPIRED"));
    world.maya().sees();
}

#[tokio::test]
async fn a_hiccup_of_seconds_is_not_seen() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.slack.set_fault(Some(Fault::Outage));
    world.passes(Duration::from_secs(75)).await;
    world.slack.heal();
    world.passes(MINUTE).await;
    let seen = world.channel();
    assert!(
        seen.contains("| Rollback Bot: @sam and @ana: approve or deny RB-1?"),
        "{seen}"
    );
    assert_eq!(late(&world), Vec::<String>::new());
}

#[tokio::test]
async fn a_card_that_was_never_posted_is_posted_once_with_the_last_state() {
    let mut world = World::new().await;
    world.vercel.moves_at_once(true);
    words_fail(&world, Fault::Outage);
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.passes(MINUTE * 2).await;
    world.sam().says("/rollback approve RB-1").await;
    world.passes(MINUTE * 2).await;
    world.slack.heal();
    world.passes(MINUTE * 2).await;
    assert_eq!(messages(&world, CHANNEL, "Roll back frontend").len(), 0);
    assert_eq!(messages(&world, CHANNEL, "VERIFIED  frontend").len(), 1);
    assert_eq!(late(&world).len(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn a_process_that_starts_again_in_the_middle_forgets_nothing() {
    let mut world = World::by_requests(LADDER, FRONTEND).await;
    world.with_a_card().await;
    world.slack.set_fault(Some(Fault::Outage));
    world.passes(Duration::from_secs(150)).await;
    world.stops().await;
    world.starts().await;
    world.leases_end().await;
    world.passes(Duration::from_secs(100)).await;
    world.stops().await;
    world.clock.advance(MINUTE);
    world.slack.heal();
    world.starts().await;
    world.leases_end().await;
    world.passes(MINUTE * 2).await;
    let late = late(&world);
    assert_eq!(late.len(), 1, "{late:?}");
    assert_eq!(messages(&world, CHANNEL, "waiting 1 m").len(), 1);
    assert_eq!(messages(&world, CHANNEL, "waiting 3 m").len(), 1);
    assert_eq!(messages(&world, CHANNEL, "waiting 5 m").len(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn each_channel_is_told_what_it_missed_and_a_long_story_is_cut() {
    let mut world = World::new().await;
    world.slack.add_channel("C0OPS", "ops");
    world.slack.set_fault(Some(Fault::Outage));
    for n in 0..60 {
        let text = format!("<@UBOT> note step {n}");
        world.slack.says("U0TOM", CHANNEL, &text).await;
        world.passes(Duration::from_secs(3)).await;
    }
    world
        .slack
        .says("U0ANA", "C0OPS", "<@UBOT> note watching from here")
        .await;
    world.passes(MINUTE * 2).await;
    world.slack.heal();
    world.passes(MINUTE * 2).await;
    let here = late(&world);
    assert_eq!(here.len(), 1);
    assert!(here[0].chars().count() < 4_000);
    assert!(here[0].contains(" more before these: `/rollback export md` has them"));
    let there = messages(&world, "C0OPS", "*Late:*");
    assert_eq!(there.len(), 1);
    assert!(
        there[0].contains("Noted at 03:15:00 UTC by @ana"),
        "{}",
        there[0]
    );
    assert!(!there[0].contains("U0TOM"));
    assert_eq!(world.slack.messages("C0OPS").len(), 2);
    world.slack.take_all();
}

#[tokio::test]
async fn the_late_message_itself_is_not_told_twice() {
    let mut world = World::set_up(LADDER, FRONTEND).await;
    world.with_a_card().await;
    world.slack.set_fault(Some(Fault::Outage));
    world.passes(Duration::from_secs(280)).await;
    world.slack.heal();
    // It arrives, its answer does not, and it cannot be looked for either; meanwhile there is more.
    world
        .slack
        .fault(Fault::LoseAnswer, Some("chat.postMessage"), Some(1));
    while late(&world).is_empty() {
        world.passes(Duration::from_secs(1)).await;
    }
    world
        .slack
        .fault(Fault::Outage, Some("conversations.history"), Some(3));
    world
        .slack
        .says("U0TOM", CHANNEL, "<@UBOT> note looking")
        .await;
    world.passes(MINUTE * 2).await;
    assert_eq!(late(&world).len(), 1);
    for said in ["waiting 1 m", "waiting 3 m", "waiting 5 m", "Noted at"] {
        assert_eq!(messages(&world, CHANNEL, said).len(), 1, "{said}");
    }
    world.slack.take_all();
}

#[tokio::test]
async fn what_joins_a_message_that_did_not_arrive_is_told_by_it() {
    let mut world = World::set_up(LADDER, FRONTEND).await;
    world.with_a_card().await;
    world.slack.set_fault(Some(Fault::Outage));
    // The message is fixed, and cannot be posted; then the escalation step of 03:17 is due.
    world.passes(Duration::from_secs(350)).await;
    world.slack.heal();
    world.passes(MINUTE * 2).await;
    let late = late(&world);
    assert_eq!(late.len(), 1);
    assert!(late[0].contains("waiting 1 m") && late[0].contains("waiting 5 m"));
    world.slack.take_all();
}

#[tokio::test]
async fn a_lost_answer_to_anything_that_is_said_is_looked_for() {
    let mut world = World::new().await;
    world.vercel.moves_at_once(true);
    for _ in 0..2 {
        for method in ["chat.postMessage", "chat.update"] {
            world.slack.fault(Fault::LoseAnswer, Some(method), Some(1));
        }
        for method in ["conversations.history", "conversations.replies"] {
            world.slack.fault(Fault::Reset, Some(method), Some(1));
        }
    }
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.passes(Duration::from_secs(90)).await;
    world.slack.heal();
    world.tom().clicks("Emergency run").await;
    world.settle().await;
    world.slack.types("U0TOM", "auth is down").unwrap();
    world
        .slack
        .chooses("U0TOM", "I will explain")
        .await
        .unwrap();
    // The message about the glass, the outcome, and the file.
    for method in ["chat.postMessage", "files.completeUploadExternal"] {
        world.slack.fault(Fault::LoseAnswer, Some(method), Some(2));
    }
    for method in ["conversations.history", "conversations.replies"] {
        world.slack.fault(Fault::Reset, Some(method), Some(1));
    }
    world.slack.submits("U0TOM").await.unwrap();
    world.passes(MINUTE * 10).await;
    for said in [
        "VERIFIED  frontend",
        "EMERGENCY RUN  RB-1",
        "is back on v213",
        "waiting 1 m",
        "exported when RB-1 closed",
    ] {
        assert_eq!(messages(&world, CHANNEL, said).len(), 1, "{said}");
    }
    let lost = world.slack.calls();
    let lost = lost
        .iter()
        .filter(|call| call.error.as_deref() == Some("lost answer"));
    assert!(lost.count() >= 6);
    assert_eq!(late(&world), Vec::<String>::new());
    world.slack.take_all();
}

#[tokio::test]
async fn an_export_that_was_asked_for_is_uploaded_once_and_the_next_one_again() {
    let mut world = World::new().await;
    world.with_a_card().await;
    // The first one arrives and its answer does not; the other one does not arrive, and the file
    // that is there is not taken for it.
    for (n, fault) in [(1, Fault::LoseAnswer), (2, Fault::Reset)] {
        world
            .slack
            .fault(fault, Some("files.completeUploadExternal"), Some(1));
        world
            .slack
            .fault(Fault::Outage, Some("conversations.replies"), Some(2));
        world.maya().says("/rollback export md").await;
        world.passes(Duration::from_secs(30)).await;
        let shared: Vec<String> = world
            .slack
            .files()
            .into_iter()
            .filter(|file| file.channel.is_some())
            .map(|file| file.name)
            .collect();
        assert_eq!(shared.len(), n, "{shared:?}");
    }
    world.sam().clicks("Cancel").await;
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn one_person_is_told_for_a_quarter_of_an_hour_and_not_longer() {
    for (minutes, told) in [(12, true), (20, false)] {
        let mut world = World::new().await;
        world.with_a_card().await;
        world.slack.fault(Fault::Outage, Some("respond"), None);
        world
            .slack
            .fault(Fault::Outage, Some("chat.postEphemeral"), None);
        world.tom().clicks("Approve").await;
        world.passes(MINUTE * minutes).await;
        world.slack.heal();
        world.passes(MINUTE * 2).await;
        let said = world.tom().sees();
        assert_eq!(said.contains("you do not have it"), told, "{said}");
        world.slack.take_all();
    }
}

/// Time passes for two replicas that work at once.
async fn pass_together(world: &mut World, other: &App, time: Duration) {
    let end = world.clock.now().checked_add(time).unwrap();
    while world.clock.now() < end {
        loop {
            let (one, two) = tokio::join!(worker::run_due(world.app()), worker::run_due(other));
            if one + two == 0 {
                break;
            }
        }
        world.clock.advance(Duration::from_millis(500));
    }
    world.passes(Duration::ZERO).await;
}

#[tokio::test]
async fn a_storm_of_429_holds_back_every_replica() {
    let mut world = World::new().await;
    // On SQLite there is one process.
    let other = match world.another().await {
        Some(other) => other,
        None => world.app().clone(),
    };
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    words_fail(&world, Fault::RateLimited { retry_after: 30 });
    world.sam().clicks("Approve").await;
    // Enough to be said that both replicas want to say something.
    for n in 0..4 {
        let text = format!("<@UBOT> note step {n}");
        world.slack.says("U0TOM", CHANNEL, &text).await;
        pass_together(&mut world, &other, MINUTE).await;
    }
    // Who may act was read meanwhile, and production moved.
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    let refused = |method: &str| {
        let calls = world.slack.calls();
        let refused = calls
            .iter()
            .filter(|call| call.method == method && call.error.as_deref() == Some("ratelimited"));
        refused.count()
    };
    // Once in thirty seconds; who was told to wait too early is a violation.
    let (posts, edits) = (refused("chat.postMessage"), refused("chat.update"));
    assert!((2..=9).contains(&posts), "{posts}");
    assert!((2..=9).contains(&edits), "{edits}");
    world.slack.heal();
    pass_together(&mut world, &other, MINUTE * 2).await;
    assert_eq!(messages(&world, CHANNEL, "VERIFIED  frontend").len(), 1);
    assert_eq!(late(&world).len(), 1);
    assert_eq!(messages(&world, CHANNEL, "is back on v213").len(), 1);
    assert_eq!(late(&world)[0].matches("Noted at").count(), 4);
    world.slack.take_all();
}

#[tokio::test]
async fn what_only_waited_behind_a_429_is_late_all_the_same() {
    let mut world = World::new().await;
    world.slack.fault(
        Fault::RateLimited { retry_after: 90 },
        Some("chat.postMessage"),
        Some(1),
    );
    for n in 0..3 {
        let text = format!("<@UBOT> note step {n}");
        world.slack.says("U0TOM", CHANNEL, &text).await;
    }
    world.passes(MINUTE * 3).await;
    assert_eq!(late(&world).len(), 1);
    assert_eq!(late(&world)[0].matches("Noted at").count(), 3);
    assert_eq!(messages(&world, CHANNEL, "Noted at").len(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn a_channel_is_posted_to_once_a_second_and_who_waits_is_counted() {
    let mut world = World::new().await;
    let other = match world.another().await {
        Some(other) => other,
        None => world.app().clone(),
    };
    for n in 0..6 {
        let text = format!("<@UBOT> note step {n}");
        world.slack.says("U0TOM", CHANNEL, &text).await;
    }
    pass_together(&mut world, &other, Duration::from_secs(10)).await;
    let calls = world.slack.calls();
    let posts: Vec<_> = calls
        .iter()
        .filter(|call| call.method == "chat.postMessage")
        .map(|call| call.at)
        .collect();
    assert_eq!(posts.len(), 6);
    for pair in posts.windows(2) {
        let apart = pair[1].duration_since(pair[0]);
        assert!(apart.as_millis() >= 1_000, "{posts:?}");
    }
    let waits = "rollback_bot_slack_pacing_total{method=\"chat.postMessage\"}";
    let mut metrics = String::new();
    for bot in [world.app(), &other] {
        metrics += &bot.metrics.text(&bot.engine, async { None }).await;
    }
    assert!(metrics.contains(waits), "{metrics}");
    world.slack.take_all();
}

/// PagerDuty is asked a minute after the card.
const PAGED: &str = r#"
[roles.oncall]
members = ["U0SAM"]
[roles.lead]
members = ["U0ANA"]
[pagerduty]
routing_key = "env:PAGERDUTY_ROUTING_KEY"
api_url = "{pagerduty}"
events_url = "{pagerduty}"
[[policy.escalate]]
after = "1m"
page = true
"#;

#[tokio::test]
async fn a_page_that_is_late_says_so_and_is_taken_back_in_order() {
    let mut world = World::set_up(PAGED, FRONTEND).await;
    world.with_a_card().await;
    world.pagerduty.breaks(Broken::Status(503));
    world.passes(MINUTE * 5).await;
    assert_eq!(world.pagerduty.pages(), Vec::<String>::new());
    world.pagerduty.breaks(Broken::Not);
    world.passes(MINUTE).await;
    assert_snapshot!(world.pagerduty.pages().join("\n"), @r#"trigger rollback-bot:rollback.example.com:RB-1:approval: LATE, PagerDuty could not be told since 03:13 UTC: RB-1 has waited since 03:12 UTC for an approval to roll back frontend (production), v214 → v213; asked for by @maya, because "checkout 500s""#);
    // It is taken back while PagerDuty is away once more.
    world.pagerduty.breaks(Broken::Status(503));
    world.sam().clicks("Cancel").await;
    world.passes(MINUTE * 5).await;
    world.pagerduty.breaks(Broken::Not);
    world.passes(MINUTE).await;
    let pages = world.pagerduty.pages();
    assert_eq!(pages.len(), 2);
    assert!(pages[1].starts_with("resolve "), "{pages:?}");
    let record = world.record().await;
    assert_eq!(
        record.matches("PagerDuty took the page").count(),
        1,
        "{record}"
    );
    world.slack.take_all();
}
