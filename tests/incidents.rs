//! Incidents that people manage: declared, led, resolved, opened again.

use crate::support::{FRONTEND, ROLES, World};
use insta::assert_snapshot;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

async fn world() -> World {
    let names =
        format!("{ROLES}[incidents.severity]\np1 = \"shop down\"\np2 = \"shop impaired\"\n");
    World::set_up(&names, FRONTEND).await
}

#[tokio::test]
async fn an_incident_is_declared_led_and_resolved() {
    let mut world = world().await;
    for (person, text) in [
        ("maya", "/rollback incident open P2 because checkout 500s"),
        ("maya", "/rollback incident lead me"),
        ("sam", "/rollback incident comms <@U0ANA>"),
        (
            "sam",
            "/rollback incident severity P1 because nobody can pay",
        ),
        (
            "sam",
            "/rollback incident started 02:55 because the graph shows it",
        ),
        (
            "maya",
            "/rollback incident status identified because it is the tax engine",
        ),
    ] {
        match person {
            "maya" => world.maya().says(text).await,
            _ => world.sam().says(text).await,
        };
    }
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    maya: /rollback incident open P2 because checkout 500s
    Rollback Bot: INC-1: @maya declared the incident, because "checkout 500s" and set the severity to P2 (shop impaired). Nobody leads it yet: `/rollback incident lead me`.
    maya: /rollback incident lead me
    Rollback Bot: INC-1: @maya assigned the role lead to @maya.
    sam: /rollback incident comms <@U0ANA>
    Rollback Bot: INC-1: @sam assigned the role communications to @ana.
    sam: /rollback incident severity P1 because nobody can pay
    Rollback Bot: INC-1: @sam set the severity to P1 (shop down), because "nobody can pay".
    sam: /rollback incident started 02:55 because the graph shows it
    Rollback Bot: INC-1: @sam set started to 2026-03-14 02:55:00 UTC, because "the graph shows it".
    maya: /rollback incident status identified because it is the tax engine
    Rollback Bot: INC-1: @maya changed the status from investigating to identified, because "it is the tax engine".
    "#);
    world.sam().says("/rollback incident").await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam):
      INC-1: P1 (shop down), identified
      lead: @maya · communications: @ana · scribe: nobody
      opened: 03:12:00 UTC · started: 02:55:00 UTC · detected: not recorded · reported: not recorded · mitigated: not recorded · resolved: not recorded
      It stays open until `/rollback incident resolve because …`: a verified rollback leaves the defect. `/rollback help incident` shows what can be recorded.
    ");
    world.clock.advance(HOUR);
    world
        .maya()
        .says("/rollback incident resolve because v213 holds")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    maya: /rollback incident resolve because v213 holds
    Rollback Bot:
      INC-1: @maya resolved the incident, because "v213 holds". The timeline follows as a file. 3 promises run from now on: `/rollback action list` shows them. `/rollback incident reopen because …` opens it again.
      [ Post-mortem ]
    Rollback Bot:
      Timeline of INC-1, exported when it was resolved: 12 entries. Head of the chain: entry 12, 3d44a0f6d78540e20c1f31fe8833b8ca2956fa6e3b8cfc61ec6b27b8e851c1a8.
      [file INC-1-20260314T041200Z-timeline.md]
    Rollback Bot:
      Timeline of INC-1, exported when it was resolved: 13 entries. Head of the chain: entry 13, 62f223873ba58931f04ba28f7c0690ce2278e400f50b31f6eb73cdaf2fa4cba0.
      [file INC-1-20260314T041201Z-timeline.html]
    "#);
    let files = world.slack.files();
    let text = files.iter().find(|file| file.name.ends_with(".md"));
    let file = String::from_utf8(text.unwrap().bytes.clone()).unwrap();
    assert_snapshot!(file, @r#"
    # INC-1: timeline

    Channel C0SHOP · 12 entries · exported 2026-03-14 04:12:00 UTC · all times UTC

    | # | happened | recorded | who | from | what |
    |---|---|---|---|---|---|
    | 1 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | rollback-bot | bot | **incident opened** opened INC-1 in this channel |
    | 2 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | @maya | command | **incident opened** declared the incident, because "checkout 500s" |
    | 3 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | @maya | command | **severity** set the severity to P2 (shop impaired) |
    | 4 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | @maya | command | **role** assigned the role lead to @maya |
    | 5 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | @sam | command | **role** assigned the role communications to @U0ANA |
    | 6 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | @sam | command | **severity** set the severity to P1 (shop down), because "nobody can pay" |
    | 7 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | @sam | command | **time set** set started to 2026-03-14 02:55:00 UTC, because "the graph shows it" |
    | 8 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | @maya | command | **status** changed the status from investigating to identified, because "it is the tax engine" |
    | 9 | 2026-03-14 04:12:00 UTC | 2026-03-14 04:12:00 UTC | @maya | command | **status** resolved the incident, because "v213 holds" |
    | 10 | 2026-03-14 04:12:00 UTC | 2026-03-14 04:12:00 UTC | rollback-bot | bot | **action** promised 1 by @maya: "report what happened", until 2026-03-14 05:12 UTC |
    | 11 | 2026-03-14 04:12:00 UTC | 2026-03-14 04:12:00 UTC | rollback-bot | bot | **action** promised 2 by @maya: "confirm that it is stable", until 2026-03-15 04:12 UTC |
    | 12 | 2026-03-14 04:12:00 UTC | 2026-03-14 04:12:00 UTC | rollback-bot | bot | **action** promised 3 by @maya: "post-mortem", until 2026-03-16 04:12 UTC |

    ## Actions

    | # | action | owner | due | done |
    |---|---|---|---|---|
    | 1 | report what happened | @maya | 2026-03-14 05:12 UTC |  |
    | 2 | confirm that it is stable | @maya | 2026-03-15 04:12 UTC |  |
    | 3 | post-mortem | @maya | 2026-03-16 04:12 UTC |  |

    Head of the chain: entry 12, 3d44a0f6d78540e20c1f31fe8833b8ca2956fa6e3b8cfc61ec6b27b8e851c1a8
    "#);
    world.maya().says("/rollback incident").await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      INC-1: P1 (shop down), resolved
      lead: @maya · communications: @ana · scribe: nobody
      opened: 03:12:00 UTC · started: 02:55:00 UTC · detected: not recorded · reported: not recorded · mitigated: not recorded · resolved: 04:12:00 UTC
      Promised:
      1 report what happened · @maya · is due at 2026-03-14 05:12 UTC.
      2 confirm that it is stable · @maya · is due at 2026-03-15 04:12 UTC.
      3 post-mortem · @maya · is due at 2026-03-16 04:12 UTC.
      `/rollback incident reopen because …` opens it again; `/rollback incident open` begins another one.
    ");
}

#[tokio::test]
async fn a_verified_rollback_leaves_the_incident_open_and_a_resolved_one_takes_no_other() {
    let mut world = world().await;
    world.with_a_card().await;
    world.maya().says("/rollback incident open P1").await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(400)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world.slack.take_all();
    world.maya().says("/rollback incident").await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      INC-1: P1 (shop down), investigating
      lead: nobody · communications: nobody · scribe: nobody
      opened: 03:12:00 UTC · started: not recorded · detected: not recorded · reported: not recorded · mitigated: not recorded · resolved: not recorded
      RB-1 VERIFIED  frontend (production)
      It stays open until `/rollback incident resolve because …`: a verified rollback leaves the defect. `/rollback help incident` shows what can be recorded.
    ");
    // Silence does not end what people manage.
    world.passes(20 * HOUR).await;
    world.maya().says("/rollback note it still holds").await;
    world.maya().says("/rollback incident resolve").await;
    world
        .maya()
        .says("/rollback note the post-mortem is on Monday")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.maya().says("/rollback timeline").await;
    let timeline = world.maya().sees();
    assert!(
        timeline.contains("INC-1") && timeline.contains("on Monday"),
        "{timeline}"
    );
    // What is begun now is something else.
    world
        .maya()
        .says("/rollback frontend because search is slow")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.maya().says("/rollback incident").await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      INC-2: no severity, investigating
      lead: nobody · communications: nobody · scribe: nobody
      opened: 23:18:41 UTC · started: not recorded · detected: not recorded · reported: not recorded · mitigated: not recorded · resolved: not recorded
      RB-2 PROPOSED  frontend (production)
      Nobody has declared it: it is over after twelve silent hours. `/rollback incident open P1` declares it.
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn an_incident_is_opened_again() {
    let mut world = world().await;
    world.maya().says("/rollback incident open").await;
    world
        .maya()
        .says("/rollback incident status resolved")
        .await;
    world.settle().await;
    world.slack.take_all();
    world
        .maya()
        .says("/rollback incident status monitoring")
        .await;
    world
        .maya()
        .says("/rollback incident reopen because it is back")
        .await;
    world
        .maya()
        .says("/rollback incident reopen because it is back")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @maya): INC-1 is resolved. `/rollback incident reopen because …` reopens it. Nothing was changed.
    maya: /rollback incident reopen because it is back
    Rollback Bot: INC-1: @maya reopened the incident, because "it is back".
    Rollback Bot (only visible to @maya): INC-1 is open. Nothing was changed.
    "#);
    assert_snapshot!(world.maya().sees(), @"");
    // A declared one is not opened twice.
    world.maya().says("/rollback incident open P3").await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): INC-1 is open in this channel already. `/rollback incident` shows it. Nothing was changed.");
    world.slack.take_all();
}

#[tokio::test]
async fn what_makes_no_sense_is_a_sentence() {
    let mut world = world().await;
    for text in [
        "/rollback incident lead me",
        "/rollback incident",
        "/rollback incident severity P7",
        "/rollback incident lead @sam",
        "/rollback incident close",
        "/rollback incident started because x",
        "/rollback incident mitigated 03:00",
    ] {
        world.maya().says(text).await;
    }
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya): Nothing has happened in this channel yet, so there is no incident. A rollback, `/rollback incident open` or `/rollback note` starts one.
    Rollback Bot (only visible to @maya): Nothing has happened in this channel yet, so there is no incident. A rollback, `/rollback incident open` or `/rollback note` starts one.
    Rollback Bot (only visible to @maya): Nothing was changed, because there is "P7" where the severity should stand: write `incident severity P1`, P2, P3 or P4.
    Rollback Bot (only visible to @maya): Nothing has happened in this channel yet, so there is no incident. A rollback, `/rollback incident open` or `/rollback note` starts one.
    Rollback Bot (only visible to @maya): Nothing was changed, because "close" cannot follow `incident`: `help incident` shows what it can be followed by.
    Rollback Bot (only visible to @maya): Nothing was changed, because the time is missing: write, for example, `incident started 02:55 because the graph shows it`.
    Rollback Bot (only visible to @maya): Nothing was run, because `incident` needs a reason: write, for example, `incident mitigated 03:00 because …`.
    "#);
    world.maya().says("/rollback incident open").await;
    for text in [
        "/rollback incident detected 2026-03-14T05:00Z because I come from there",
        "/rollback incident started 03:00 because the graph shows it",
        "/rollback incident mitigated 02:50 because the graph shows it",
    ] {
        world.maya().says(text).await;
    }
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): 2026-03-14 05:00:00 UTC is still to come. Check the times: `/rollback incident` shows them. Nothing was changed.
    Rollback Bot (only visible to @maya): mitigated at 2026-03-14 02:50:00 UTC would be before started at 2026-03-14 03:00:00 UTC. Check the times: `/rollback incident` shows them. Nothing was changed.
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn what_is_sent_by_mention_is_echoed_once_and_what_comes_again_changes_nothing() {
    let mut world = world().await;
    world
        .maya()
        .says("<@UBOT> incident open P2 because carts are empty")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    maya: @rollback incident open P2 because carts are empty
      | Rollback Bot: INC-1: @maya declared the incident, because "carts are empty" and set the severity to P2 (shop impaired). Nobody leads it yet: `/rollback incident lead me`.
    "#);
    world.gus().says("/rollback incident lead me").await;
    world.settle().await;
    assert_snapshot!(world.gus().sees(), @"Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.");
    world.slack.take_all();
}

#[tokio::test]
async fn a_severity_tells_those_who_are_to_be_told_once() {
    let told = format!(
        "{ROLES}[incidents.severity]\np1 = \"shop down\"\n[incidents.told.p1]\nroles = [\"lead\", \"oncall\"]\nchannels = [\"C0OPS\", \"C0SHOP\"]\n"
    );
    let mut world = World::set_up(&told, FRONTEND).await;
    for text in [
        "/rollback incident open P2",
        "/rollback incident severity P1 because nobody can pay",
        "/rollback incident severity P3",
        "/rollback incident severity P1",
    ] {
        world.maya().says(text).await;
        world.settle().await;
    }
    assert_snapshot!(world.channel(), @r#"
    maya: /rollback incident open P2
    Rollback Bot: INC-1: @maya declared the incident and set the severity to P2. Nobody leads it yet: `/rollback incident lead me`.
    maya: /rollback incident severity P1 because nobody can pay
    Rollback Bot: INC-1: @maya set the severity to P1 (shop down), because "nobody can pay". Nobody leads it yet: `/rollback incident lead me`.
    Rollback Bot: @ana and @sam: INC-1 is P1 (shop down). `/rollback catchup` shows where it stands.
    maya: /rollback incident severity P3
    Rollback Bot: INC-1: @maya set the severity to P3. Nobody leads it yet: `/rollback incident lead me`.
    maya: /rollback incident severity P1
    Rollback Bot: INC-1: @maya set the severity to P1 (shop down). Nobody leads it yet: `/rollback incident lead me`.
    "#);
    assert_snapshot!(world.slack.take_new("C0OPS"), @"Rollback Bot: INC-1 in #shop-incidents is P1 (shop down), says @maya.");
    let wrong = "[incidents.told.p1]\nroles = [\"leads\"]\nchannels = [\"ops\"]\nwho = 1\n[incidents.told.p9]\n";
    let world = World::new().await;
    assert_snapshot!(world.reads_settings(wrong).unwrap_err(), @r#"
    incidents.told.p1.roles[0]: there is no role "leads"; did you mean "lead"?
    incidents.told.p1.channels[0]: "ops" is not the id of a channel; copy it from the channel's details in Slack, it looks like "C0123ABCD"
    incidents.told.p1.who: is not a key here; remove it, or use one of roles, channels
    incidents.told.p9: is not a key here; remove it, or use one of p1, p2, p3, p4
    "#);
}

/// Times and tickets as one kind of team wants them.
const WANTED: &str = r#"
[incidents]
preset = "platform"
[incidents.references]
url = "https://tickets.example.com/{reference}"
needed_to = ["approve", "resolve"]
"#;

#[tokio::test]
async fn who_leads_is_told_when_it_was_to_be_mitigated() {
    let mut world = World::set_up(&format!("{ROLES}{WANTED}"), FRONTEND).await;
    world.maya().says("/rollback incident open P1").await;
    assert_snapshot!(world.channel(), @"
    maya: /rollback incident open P1
    Rollback Bot: INC-1: @maya declared the incident and set the severity to P1 (critical). It is to be mitigated by 03:27 UTC. Nobody leads it yet: `/rollback incident lead me`.
    ");
    world.passes(14 * MINUTE).await;
    assert_eq!(world.channel(), "");
    world.passes(2 * MINUTE).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: Nobody leads this incident (`/rollback incident lead me`): INC-1 is P1 (critical) and was to be mitigated by 03:27 UTC, and nobody has said that it is. `/rollback incident mitigated now because …` if it is, `/rollback incident severity …` if it is less severe.");
    // Less severe, there is more time, from then on; and it is told once.
    world.maya().says("/rollback incident lead <@U0SAM>").await;
    world.maya().says("/rollback incident severity P2").await;
    world.maya().says("/rollback catchup").await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      INC-1: P2 (high), investigating: nobody has said what the problem is
      opened 03:12:00 UTC · to be mitigated by 04:28:00 UTC
      lead: @sam · communications: nobody · scribe: nobody
      No rollback was asked for.
      Open: nothing that I know of
    ");
    world.slack.take_all();
    world.passes(HOUR + MINUTE).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @sam, INC-1 is P2 (high) and was to be mitigated by 04:28 UTC, and nobody has said that it is. `/rollback incident mitigated now because …` if it is, `/rollback incident severity …` if it is less severe.");
    // What is mitigated in time is not told of.
    world.maya().says("/rollback incident severity P1").await;
    world
        .maya()
        .says("/rollback incident mitigated now because it is back")
        .await;
    world.slack.take_all();
    world.passes(HOUR).await;
    assert_eq!(world.channel(), "");
}

#[tokio::test]
async fn a_team_that_wants_a_ticket_is_asked_for_one() {
    let mut world = World::set_up(&format!("{ROLES}{WANTED}"), FRONTEND).await;
    world.with_a_card().await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): INC-1 has no ticket, and this team wants one first: `/rollback incident link SHOP-123` in its channel, or the address of one. Then do the same again. Nothing was changed.");
    assert_eq!(world.rollback(1).await.word(), "PROPOSED");
    for text in [
        "/rollback incident resolve",
        "/rollback incident link SHOP-123",
        "/rollback incident link SHOP-123",
        "/rollback incident link https://acme.pagerduty.com/incidents/Q1&x=<y>",
        "/rollback incident link SHOP-9",
        "/rollback incident unlink SHOP-9",
        "/rollback incident unlink SHOP-9",
        "/rollback incident link two words",
    ] {
        world.sam().says(text).await;
        world.settle().await;
    }
    assert_snapshot!(world.sam().sees(), @r#"
    Rollback Bot (only visible to @sam): INC-1 has no ticket, and this team wants one first: `/rollback incident link SHOP-123` in its channel, or the address of one. Then do the same again. Nothing was changed.
    Rollback Bot (only visible to @sam): INC-1 is linked to SHOP-123 already. Nothing was changed.
    Rollback Bot (only visible to @sam): INC-1 is not linked to SHOP-9. Nothing was changed.
    Rollback Bot (only visible to @sam): Nothing was run, because I don't understand "words": write `incident link two`.
    "#);
    assert_snapshot!(world.channel(), @"
    sam: /rollback incident link SHOP-123
    Rollback Bot: INC-1: @sam linked the incident to SHOP-123.
    sam: /rollback incident link https://acme.pagerduty.com/incidents/Q1&x=<y>
    Rollback Bot: INC-1: @sam linked the incident to https://acme.pagerduty.com/incidents/Q1&x=<y&gt;.
    sam: /rollback incident link SHOP-9
    Rollback Bot: INC-1: @sam linked the incident to SHOP-9.
    sam: /rollback incident unlink SHOP-9
    Rollback Bot: INC-1: @sam took the link to SHOP-9 back.
    ");
    world.sam().says("/rollback incident").await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam):
      INC-1: no severity, investigating
      lead: nobody · communications: nobody · scribe: nobody
      opened: 03:12:00 UTC · started: not recorded · detected: not recorded · reported: not recorded · mitigated: not recorded · resolved: not recorded
      Linked to SHOP-123 (https://tickets.example.com/SHOP-123), https://acme.pagerduty.com/incidents/Q1&x=<y&gt;
      RB-1 PROPOSED  frontend (production)
      Nobody has declared it: it is over after twelve silent hours. `/rollback incident open P1` declares it.
    ");
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(MINUTE).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world.slack.take_all();
}

#[tokio::test]
async fn an_incident_goes_on_in_a_channel_of_its_own() {
    let mut world = World::set_up(
        &format!("{ROLES}\n[incidents.mitigate_within]\np1 = \"15m\"\n"),
        FRONTEND,
    )
    .await;
    world.slack.add_channel("C0INC", "inc-1");
    world.with_a_card().await;
    for text in [
        "/rollback incident open P1",
        "/rollback incident lead me",
        "/rollback action add \"write it down\" <@U0SAM>",
        "/rollback incident move #inc-1",
        "/rollback incident move <#C0SHOP|shop>",
        "/rollback incident move <#C0INC|inc-1>",
    ] {
        world.maya().says(text).await;
        world.settle().await;
    }
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): Added to INC-1: 1 write it down · @sam · no day. `/rollback action done 1` when it is done.
    Rollback Bot (only visible to @maya): Nothing has happened in this channel yet, so there is no incident. A rollback, `/rollback incident open` or `/rollback note` starts one.
    Rollback Bot (only visible to @maya): Nothing has happened in this channel yet, so there is no incident. A rollback, `/rollback incident open` or `/rollback note` starts one.
    ");
    let channel = world.channel();
    let moved = channel.lines().rev().take(2).collect::<Vec<_>>();
    assert_snapshot!(moved.join("\n"), @"
    Rollback Bot: INC-1: @maya moved the incident from #shop-incidents to #inc-1. What is recorded in this channel from now on belongs to another incident.
    maya: /rollback incident move #inc-1
    ");
    assert_snapshot!(world.slack.take_new("C0INC"), @"Rollback Bot: INC-1 (P1, investigating) goes on in this channel: @maya moved it from #shop-incidents. `/rollback catchup` shows where it stands, `/rollback timeline` what was recorded so far.");
    // The card stays where it is, and from now on the incident is reminded of and recorded there.
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(16 * MINUTE).await;
    assert_snapshot!(world.slack.take_new("C0INC"), @"Rollback Bot: @maya, INC-1 is P1 and was to be mitigated by 03:27 UTC, and nobody has said that it is. `/rollback incident mitigated now because …` if it is, `/rollback incident severity …` if it is less severe.");
    assert_eq!(world.rollback(1).await.incident.to_string(), "INC-1");
    let there = |text: &str| format!("<@UBOT> {text}");
    for text in ["note it is the tax engine", "action list", "timeline"] {
        world.slack.says("U0MAYA", "C0INC", &there(text)).await;
        world.settle().await;
    }
    assert_snapshot!(world.slack.take_new("C0INC"), @r#"
    maya: @rollback note it is the tax engine
      | Rollback Bot: Noted at 03:28:00 UTC by @maya.
    maya: @rollback action list
    Rollback Bot (only visible to @maya): 1 write it down · @sam · no day.
    maya: @rollback timeline
    Rollback Bot (only visible to @maya):
      INC-1: last 15 of 20 entries
      03:12:00 UTC @maya severity: set the severity to P1
      03:12:00 UTC @maya role: assigned the role lead to @maya
      03:12:00 UTC @maya action: added action 1 by @sam: "write it down"
      03:12:00 UTC @maya incident moved: moved the incident from #shop-incidents to #inc-1
      03:12:00 UTC RB-1 @sam approved: approved plan d63f as oncall
      03:12:00 UTC RB-1 rollback-bot executing: asking Vercel for v214 → v213
      03:12:00 UTC RB-1 Vercel accepted: job accepted
      03:12:00 UTC RB-1 Vercel pinned: automatic deploys are held off (checked)
      03:12:00 UTC RB-1 Vercel serving: serves v213 on 8/8
      03:12:00 UTC RB-1 rollback-bot checked: version v213 answers, 1/1 checks pass
      03:12:02 UTC RB-1 rollback-bot verified: verified: v213 answers from outside and passes its checks.
      03:17:02 UTC RB-1 rollback-bot closed: closed as verified
      03:17:02 UTC RB-1 rollback-bot exported: exported INC-1-RB-1-timeline.md, 17 entries, 2656 bytes
      03:27:00 UTC rollback-bot reminded: reminded @maya that it is P1 and was to be mitigated by 2026-03-14 03:27 UTC
      03:28:00 UTC @U0MAYA note: it is the tax engine
    "#);
    assert_snapshot!(world.slack.take_ephemerals("U0MAYA"), @"");
    // The channel that it came from begins another one, into which it cannot go back.
    world.maya().says("/rollback note something else").await;
    world.settle().await;
    world
        .slack
        .says("U0MAYA", "C0INC", &there("incident move <#C0SHOP|shop>"))
        .await;
    world.settle().await;
    assert_snapshot!(world.slack.take_ephemerals("U0MAYA"), @"Rollback Bot (only visible to @maya): INC-1 cannot go there, because INC-2 is open in that channel: resolve it first, or choose another channel. Nothing was changed.");
    world.slack.take_all();
}
