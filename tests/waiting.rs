//! Nobody answers: who is reminded, who is asked next, who is woken, and when it is given up.

use crate::support::{FRONTEND, World, pagerduty::Broken};
use insta::assert_snapshot;
use jiff::Timestamp;
use std::time::Duration;

/// sam is asked by the card, then ana, then kim, and then whoever PagerDuty wakes.
const LADDER: &str = r#"
[roles.oncall]
members = ["U0SAM"]
[roles.lead]
members = ["U0ANA"]
[pagerduty]
token = "env:PAGERDUTY_TOKEN"
routing_key = "env:PAGERDUTY_ROUTING_KEY"
api_url = "{pagerduty}"
events_url = "{pagerduty}"
[[policy.escalate]]
after = "5m"
roles = ["lead"]
[[policy.escalate]]
after = "15m"
people = ["U0KIM"]
[[policy.escalate]]
after = "30m"
page = true
"#;

/// A card that was posted at 03:12, and the escalation behind it.
async fn a_card_with_an_escalation() -> World {
    let mut world = World::set_up(LADDER, FRONTEND).await;
    world.with_a_card().await;
    world
}

/// Time passes until then.
async fn until(world: &mut World, time: &str) {
    let then: Timestamp = format!("2026-03-14T{time}Z").parse().unwrap();
    let left = then.duration_since(world.clock.now());
    world.passes(Duration::try_from(left).unwrap()).await;
}

/// The kinds of entries that tell of waiting, in their order.
async fn told(world: &World) -> String {
    let record = world.record().await;
    let of_waiting = |line: &&str| {
        [
            " reminded:",
            " escalated:",
            " paged:",
            " rechecked:",
            " expired:",
            " superseded:",
        ]
        .iter()
        .any(|kind| line.contains(kind))
    };
    record
        .lines()
        .filter(of_waiting)
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn whoever_may_approve_is_reminded_then_others_are_asked_and_at_last_somebody_is_woken() {
    let mut world = a_card_with_an_escalation().await;
    until(&mut world, "03:12:58").await;
    assert_eq!(
        world.channel(),
        "",
        "nobody is bothered in the first minute"
    );
    until(&mut world, "03:13:10").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (32 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      ⏳ Waiting since 03:12:00 UTC; asked @sam, @ana, last at 03:13:00 UTC
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`
      | Rollback Bot: @sam and @ana: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 1 m.
    "#);
    until(&mut world, "03:15:10").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (34 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      ⏳ Waiting since 03:12:00 UTC; asked @sam, @ana, last at 03:15:00 UTC
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`
      | Rollback Bot: @sam and @ana: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 3 m.
    "#);
    until(&mut world, "03:16:58").await;
    assert_eq!(world.channel(), "");
    until(&mut world, "03:17:10").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (36 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      ⏳ Waiting since 03:12:00 UTC; asked @sam, @ana, last at 03:17:00 UTC
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`
    Rollback Bot: @ana: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 5 m.
    "#);
    // The plan is ten minutes old: the platform is read again, and nothing has changed.
    until(&mut world, "03:22:10").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (41 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      ⏳ Waiting since 03:12:00 UTC; asked @sam, @ana, last at 03:17:00 UTC
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:32:00 UTC · RB-1 · production · code · plan `d63f`
    "#);
    until(&mut world, "03:27:10").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (46 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      ⏳ Waiting since 03:12:00 UTC; asked @sam, @ana, @kim, last at 03:27:00 UTC
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:32:00 UTC · RB-1 · production · code · plan `d63f`
    Rollback Bot: @kim: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 15 m.
    "#);
    // Whoever is asked may not be one of those who may: the click says who is.
    world.somebody("U0KIM").clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.somebody("U0KIM").sees(), @"Rollback Bot (only visible to @kim): This needs somebody with the role oncall or lead, and you do not have it. @sam or @ana can. Nothing was run.");
    until(&mut world, "03:41:58").await;
    assert!(world.channel().contains("expires 03:42:00 UTC"));
    assert_eq!(world.pagerduty.pages(), Vec::<String>::new());
    until(&mut world, "03:42:10").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (1 h 1 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      ⏳ Waiting since 03:12:00 UTC; asked @sam, @ana, @kim, paging PagerDuty, last at 03:42:00 UTC
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:52:00 UTC · RB-1 · production · code · plan `d63f`
    Rollback Bot: RB-1 needs an approval: frontend (production), v214 → v213, "checkout 500s", waiting 30 m. Paging PagerDuty.
    "#);
    assert_snapshot!(world.pagerduty.pages().join("\n"), @r#"trigger rollback-bot:rollback.example.com:RB-1:approval: RB-1 has waited since 03:12 UTC for an approval to roll back frontend (production), v214 → v213; asked for by @maya, because "checkout 500s""#);
    // sam wakes up.
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.production(), "v213");
    assert_snapshot!(world.pagerduty.pages().join("\n"), @r#"
    trigger rollback-bot:rollback.example.com:RB-1:approval: RB-1 has waited since 03:12 UTC for an approval to roll back frontend (production), v214 → v213; asked for by @maya, because "checkout 500s"
    resolve rollback-bot:rollback.example.com:RB-1:approval
    "#);
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:42:10 UTC by @sam (oncall)
      ✅ Accepted 03:42:10 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:42:10 UTC 8/8 on v213
      ✅ Verified 03:42:12 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 30 m 10 s (goal 2 m: missed), of which 30 m 10 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ frontend (production) is back on v213 (RB-1) · @maya, approved by @sam
      version v213 answers, 1/1 checks pass · took 30 m 10 s, of which 30 m 10 s waiting for approval (goal 2 m: missed)
      Automatic deploys are off until `/rollback unpin frontend@production`.
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);
    assert_snapshot!(told(&world).await, @r#"
    rollback-bot reminded: RB-1 has waited 1 m for an approval: asked @U0SAM and @U0ANA
    rollback-bot reminded: RB-1 has waited 3 m for an approval: asked @U0SAM and @U0ANA
    rollback-bot escalated: RB-1 has waited 5 m for an approval to roll back frontend (production), v214 → v213: asked @U0ANA
    rollback-bot rechecked: read the platform again: nothing that matters has changed; the plan is open until 03:32:00 UTC
    rollback-bot escalated: RB-1 has waited 15 m for an approval to roll back frontend (production), v214 → v213: asked @U0KIM
    rollback-bot rechecked: read the platform again: nothing that matters has changed; the plan is open until 03:42:00 UTC
    rollback-bot rechecked: read the platform again: nothing that matters has changed; the plan is open until 03:52:00 UTC
    rollback-bot escalated: RB-1 has waited 30 m for an approval to roll back frontend (production), v214 → v213: asked PagerDuty
    rollback-bot paged: paging PagerDuty: RB-1 has waited since 03:12 UTC for an approval to roll back frontend (production), v214 → v213; asked for by @maya, because "checkout 500s"
    rollback-bot rechecked: read the platform again: nothing that matters has changed
    "#);
    // Whoever was asked is not asked any more.
    world.passes(Duration::from_secs(1_800)).await;
    assert!(!world.channel().contains("waited"));
    assert_eq!(world.pagerduty.pages().len(), 2);
}

#[tokio::test]
async fn when_the_last_who_was_asked_is_silent_too_it_expires_and_the_page_is_taken_back() {
    let mut world = a_card_with_an_escalation().await;
    until(&mut world, "03:51:58").await;
    world.channel();
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    assert_eq!(world.pagerduty.pages().len(), 1);
    until(&mut world, "03:52:10").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 EXPIRED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      Nobody approved it by 03:52:00 UTC. Nothing changed. To propose it again: `/rollback frontend@production to v213 because …`.
      [ Propose again ]
    Rollback Bot: @maya: RB-1 (frontend (production), v214 → v213) expired: nobody approved it in time. Nothing was changed. To propose it again: `/rollback frontend@production to v213 because …`.
    "#);
    assert_snapshot!(world.pagerduty.pages().join("\n"), @r#"
    trigger rollback-bot:rollback.example.com:RB-1:approval: RB-1 has waited since 03:12 UTC for an approval to roll back frontend (production), v214 → v213; asked for by @maya, because "checkout 500s"
    resolve rollback-bot:rollback.example.com:RB-1:approval
    "#);
    assert_snapshot!(told(&world).await, @r#"
    rollback-bot reminded: RB-1 has waited 1 m for an approval: asked @U0SAM and @U0ANA
    rollback-bot reminded: RB-1 has waited 3 m for an approval: asked @U0SAM and @U0ANA
    rollback-bot escalated: RB-1 has waited 5 m for an approval to roll back frontend (production), v214 → v213: asked @U0ANA
    rollback-bot rechecked: read the platform again: nothing that matters has changed; the plan is open until 03:32:00 UTC
    rollback-bot escalated: RB-1 has waited 15 m for an approval to roll back frontend (production), v214 → v213: asked @U0KIM
    rollback-bot rechecked: read the platform again: nothing that matters has changed; the plan is open until 03:42:00 UTC
    rollback-bot rechecked: read the platform again: nothing that matters has changed; the plan is open until 03:52:00 UTC
    rollback-bot escalated: RB-1 has waited 30 m for an approval to roll back frontend (production), v214 → v213: asked PagerDuty
    rollback-bot paged: paging PagerDuty: RB-1 has waited since 03:12 UTC for an approval to roll back frontend (production), v214 → v213; asked for by @maya, because "checkout 500s"
    rollback-bot expired: nobody approved in time; nothing was run
    "#);
    world.sam().clicks_an_old("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): The card of RB-1 is from 03:12:00 UTC and expired at 03:52:00 UTC. Nothing was run. Propose it again.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}

#[tokio::test]
async fn a_process_that_starts_again_climbs_on_where_it_was() {
    let mut world = a_card_with_an_escalation().await;
    until(&mut world, "03:17:10").await;
    world.channel();
    world.stops().await;
    world.clock.advance(Duration::from_secs(120));
    world.starts().await;
    until(&mut world, "03:21:58").await;
    assert_eq!(world.channel(), "", "nobody is asked a second time");
    until(&mut world, "03:27:10").await;
    assert_snapshot!(told(&world).await, @"
    rollback-bot reminded: RB-1 has waited 1 m for an approval: asked @U0SAM and @U0ANA
    rollback-bot reminded: RB-1 has waited 3 m for an approval: asked @U0SAM and @U0ANA
    rollback-bot escalated: RB-1 has waited 5 m for an approval to roll back frontend (production), v214 → v213: asked @U0ANA
    rollback-bot rechecked: read the platform again: nothing that matters has changed; the plan is open until 03:32:00 UTC
    rollback-bot escalated: RB-1 has waited 15 m for an approval to roll back frontend (production), v214 → v213: asked @U0KIM
    ");
    let seen = world.channel();
    assert_eq!(seen.matches("approve or deny").count(), 1, "{seen}");
    world.sam().clicks("Cancel").await;
    world.settle().await;
    assert!(world.channel().contains("RB-1 CANCELLED"));
    assert_eq!(world.pagerduty.pages(), Vec::<String>::new());
}

#[tokio::test]
async fn what_fell_due_while_the_process_was_gone_is_done_once_each() {
    let mut world = a_card_with_an_escalation().await;
    until(&mut world, "03:12:30").await;
    world.stops().await;
    // Two reminders, two escalation steps and the plan's end fall into these sixteen minutes.
    world.clock.advance(Duration::from_secs(16 * 60));
    world.starts().await;
    until(&mut world, "03:28:40").await;
    let seen = world.channel();
    let asked: Vec<&str> = seen
        .lines()
        .filter(|line| line.contains("waiting") || line.contains("Waits"))
        .collect();
    assert_snapshot!(asked.join("\n"), @r#"
      | Rollback Bot: @sam and @ana: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 16 m 30 s.
    Rollback Bot: @ana and @kim: approve or deny RB-1? frontend (production), v214 → v213, "checkout 500s", waiting 16 m 30 s.
    "#);
    assert_snapshot!(told(&world).await, @"
    rollback-bot rechecked: read the platform again: nothing that matters has changed; the plan is open until 03:38:30 UTC
    rollback-bot reminded: RB-1 has waited 16 m 30 s for an approval: asked @U0SAM and @U0ANA
    rollback-bot escalated: RB-1 has waited 16 m 30 s for an approval to roll back frontend (production), v214 → v213: asked @U0ANA and @U0KIM
    ");
    until(&mut world, "03:38:25").await;
    assert_eq!(world.channel(), "");
    world.ana().clicks("Cancel").await;
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_pagerduty_that_is_down_is_told_when_it_is_back_and_once() {
    let mut world = a_card_with_an_escalation().await;
    until(&mut world, "03:41:58").await;
    world.pagerduty.breaks(Broken::Status(503));
    until(&mut world, "03:46:00").await;
    assert_eq!(world.pagerduty.pages(), Vec::<String>::new());
    // What people are told does not wait for PagerDuty.
    assert!(world.channel().contains("PagerDuty"));
    world.pagerduty.breaks(Broken::Not);
    until(&mut world, "03:48:00").await;
    assert_snapshot!(world.pagerduty.pages().join("\n"), @r#"trigger rollback-bot:rollback.example.com:RB-1:approval: LATE, PagerDuty could not be told since 03:42 UTC: RB-1 has waited since 03:12 UTC for an approval to roll back frontend (production), v214 → v213; asked for by @maya, because "checkout 500s""#);
    until(&mut world, "03:51:00").await;
    assert_eq!(world.pagerduty.pages().len(), 1);
    assert_eq!(world.channel(), "");
    world.sam().clicks("Cancel").await;
    world.settle().await;
    assert_eq!(world.pagerduty.pages().len(), 2);
    world.slack.take_all();
}

#[tokio::test]
async fn nobody_is_woken_for_what_was_decided_while_pagerduty_was_down() {
    let mut world = a_card_with_an_escalation().await;
    until(&mut world, "03:41:58").await;
    world.pagerduty.breaks(Broken::Status(503));
    until(&mut world, "03:43:00").await;
    world
        .ana()
        .says("/rollback deny RB-1 because we fixed it")
        .await;
    until(&mut world, "03:44:00").await;
    world.pagerduty.breaks(Broken::Not);
    until(&mut world, "03:50:00").await;
    assert!(
        !world.pagerduty.pages().join("\n").contains("trigger"),
        "{:?}",
        world.pagerduty.pages()
    );
    world.slack.take_all();
}

#[tokio::test]
async fn a_page_that_pagerduty_refuses_is_no_secret() {
    let mut world = a_card_with_an_escalation().await;
    until(&mut world, "03:41:58").await;
    world.channel();
    world.pagerduty.breaks(Broken::Status(400));
    until(&mut world, "03:42:30").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (1 h 1 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      ⏳ Waiting since 03:12:00 UTC; asked @sam, @ana, @kim, paging PagerDuty, last at 03:42:00 UTC
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:52:00 UTC · RB-1 · production · code · plan `d63f`
    Rollback Bot: RB-1 needs an approval: frontend (production), v214 → v213, "checkout 500s", waiting 30 m. Paging PagerDuty.
    Rollback Bot: PagerDuty could not be told of RB-1 (frontend (production), v214 → v213), so nobody was paged: PagerDuty refused the event (400). `/rollback who RB-1` says who can approve it, `/rollback contacts` who can help.
    "#);
    assert_snapshot!(told(&world).await, @r#"
    rollback-bot reminded: RB-1 has waited 1 m for an approval: asked @U0SAM and @U0ANA
    rollback-bot reminded: RB-1 has waited 3 m for an approval: asked @U0SAM and @U0ANA
    rollback-bot escalated: RB-1 has waited 5 m for an approval to roll back frontend (production), v214 → v213: asked @U0ANA
    rollback-bot rechecked: read the platform again: nothing that matters has changed; the plan is open until 03:32:00 UTC
    rollback-bot escalated: RB-1 has waited 15 m for an approval to roll back frontend (production), v214 → v213: asked @U0KIM
    rollback-bot rechecked: read the platform again: nothing that matters has changed; the plan is open until 03:42:00 UTC
    rollback-bot rechecked: read the platform again: nothing that matters has changed; the plan is open until 03:52:00 UTC
    rollback-bot escalated: RB-1 has waited 30 m for an approval to roll back frontend (production), v214 → v213: asked PagerDuty
    rollback-bot paged: paging PagerDuty: RB-1 has waited since 03:12 UTC for an approval to roll back frontend (production), v214 → v213; asked for by @maya, because "checkout 500s"
    rollback-bot paged: PagerDuty could not be told, nobody was paged: PagerDuty refused the event (400)
    "#);
    world.sam().clicks("Cancel").await;
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_fresh_card_waits_on_where_the_one_before_it_was() {
    let mut world = a_card_with_an_escalation().await;
    until(&mut world, "03:19:00").await;
    world.channel();
    world.vercel.deploy("v215", "5e6f7a8b9c0", "hotfix", "lee");
    until(&mut world, "03:21:58").await;
    assert_eq!(world.channel(), "");
    until(&mut world, "03:22:30").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 SUPERSEDED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      Nothing was run: production moved from v214 to v215 after the card was made. If there is a fresh plan, its card takes this one's place.
      | Rollback Bot: @maya: RB-1 (frontend (production), v214 → v213) is out of date. Nothing was run: production moved from v214 to v215 after the card was made. Approvals of it don't count for another plan; if there is one, its card appears here.
    Rollback Bot:
      Roll back frontend to v214?
      checkout 500s · @maya, 03:22:00 UTC
      Live now `v215` 5e6f7a8, since 03:19:00 UTC (3 m) lee: hotfix on 8/8 surfaces
      Go back to `v214` a1b2c3d, ran 38 m until 03:19:00 UTC · previous release, ran before kim: checkout: new tax engine
      You lose  1 change: v215 "hotfix"; it looks like a fix
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      ⏳ Waiting since 03:12:00 UTC; asked @sam, @ana, last at 03:17:00 UTC
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:32:00 UTC · RB-2 (replaces RB-1) · production · code · plan `33f6`
    "#);
    until(&mut world, "03:26:58").await;
    assert_eq!(world.channel(), "", "nobody is reminded a second time");
    until(&mut world, "03:27:10").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v214?
      checkout 500s · @maya, 03:22:00 UTC
      Live now `v215` 5e6f7a8, since 03:19:00 UTC (8 m) lee: hotfix on 8/8 surfaces
      Go back to `v214` a1b2c3d, ran 38 m until 03:19:00 UTC · previous release, ran before kim: checkout: new tax engine
      You lose  1 change: v215 "hotfix"; it looks like a fix
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      ⏳ Waiting since 03:12:00 UTC; asked @sam, @ana, @kim, last at 03:27:00 UTC
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:32:00 UTC · RB-2 (replaces RB-1) · production · code · plan `33f6`
    Rollback Bot: @kim: approve or deny RB-2? frontend (production), v215 → v214, "checkout 500s", waiting 15 m.
    "#);
    until(&mut world, "03:42:10").await;
    world.channel();
    assert_snapshot!(world.pagerduty.pages().join("\n"), @r#"trigger rollback-bot:rollback.example.com:RB-2:approval: RB-2 has waited since 03:12 UTC for an approval to roll back frontend (production), v215 → v214; asked for by @maya, because "checkout 500s""#);
    until(&mut world, "03:52:30").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-2 EXPIRED  frontend (production)
      v215 → v214 · @maya · "checkout 500s"
      Nobody approved it by 03:52:00 UTC. Nothing changed. To propose it again: `/rollback frontend@production to v214 because …`.
      [ Propose again ]
    Rollback Bot: @maya: RB-2 (frontend (production), v215 → v214) expired: nobody approved it in time. Nothing was changed. To propose it again: `/rollback frontend@production to v214 because …`.
    "#);
    assert_snapshot!(told(&world).await, @r#"
    rollback-bot reminded: RB-1 has waited 1 m for an approval: asked @U0SAM and @U0ANA
    rollback-bot reminded: RB-1 has waited 3 m for an approval: asked @U0SAM and @U0ANA
    rollback-bot escalated: RB-1 has waited 5 m for an approval to roll back frontend (production), v214 → v213: asked @U0ANA
    rollback-bot superseded: Nothing was run: production moved from v214 to v215 after the card was made.
    rollback-bot escalated: RB-2 has waited 15 m for an approval to roll back frontend (production), v215 → v214: asked @U0KIM
    rollback-bot rechecked: read the platform again: nothing that matters has changed; the plan is open until 03:42:00 UTC
    rollback-bot rechecked: read the platform again: nothing that matters has changed; the plan is open until 03:52:00 UTC
    rollback-bot escalated: RB-2 has waited 30 m for an approval to roll back frontend (production), v215 → v214: asked PagerDuty
    rollback-bot paged: paging PagerDuty: RB-2 has waited since 03:12 UTC for an approval to roll back frontend (production), v215 → v214; asked for by @maya, because "checkout 500s"
    rollback-bot expired: nobody approved in time; nothing was run
    "#);
    assert_eq!(world.pagerduty.pages().len(), 2);
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}

#[tokio::test]
async fn a_fresh_card_pages_in_the_place_of_the_one_before_it() {
    let escalation = LADDER.replace("people = [\"U0KIM\"]", "page = true");
    let mut world = World::set_up(&escalation, FRONTEND).await;
    world.with_a_card().await;
    until(&mut world, "03:28:00").await;
    assert_eq!(world.pagerduty.pages().len(), 1);
    world.slack.take_all();
    world.vercel.deploy("v215", "5e6f7a8b9c0", "hotfix", "lee");
    until(&mut world, "03:33:00").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 SUPERSEDED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      Nothing was run: production moved from v214 to v215 after the card was made. If there is a fresh plan, its card takes this one's place.
      | Rollback Bot: @maya: RB-1 (frontend (production), v214 → v213) is out of date. Nothing was run: production moved from v214 to v215 after the card was made. Approvals of it don't count for another plan; if there is one, its card appears here.
    Rollback Bot (edited):
      Roll back frontend to v214?
      checkout 500s · @maya, 03:32:00 UTC
      Live now `v215` 5e6f7a8, since 03:28:00 UTC (4 m 5 s) lee: hotfix on 8/8 surfaces
      Go back to `v214` a1b2c3d, ran 47 m until 03:28:00 UTC · previous release, ran before kim: checkout: new tax engine
      You lose  1 change: v215 "hotfix"; it looks like a fix
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      ⏳ Waiting since 03:12:00 UTC; asked @sam, @ana, paging PagerDuty, last at 03:32:05 UTC
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:42:00 UTC · RB-2 (replaces RB-1) · production · code · plan `33f6`
    Rollback Bot: RB-2 needs an approval: frontend (production), v215 → v214, "checkout 500s", waiting 20 m 5 s. Paging PagerDuty.
    "#);
    assert_snapshot!(world.pagerduty.pages().join("\n"), @r#"
    trigger rollback-bot:rollback.example.com:RB-1:approval: RB-1 has waited since 03:12 UTC for an approval to roll back frontend (production), v214 → v213; asked for by @maya, because "checkout 500s"
    resolve rollback-bot:rollback.example.com:RB-1:approval
    trigger rollback-bot:rollback.example.com:RB-2:approval: RB-2 has waited since 03:12 UTC for an approval to roll back frontend (production), v215 → v214; asked for by @maya, because "checkout 500s"
    "#);
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.production(), "v214");
    assert_eq!(
        world.pagerduty.pages().last().unwrap(),
        "resolve rollback-bot:rollback.example.com:RB-2:approval"
    );
    world.slack.take_all();
}

#[tokio::test]
async fn a_page_that_could_not_be_sent_yet_is_not_lost_with_its_card() {
    let escalation = LADDER.replace("people = [\"U0KIM\"]", "page = true");
    let mut world = World::set_up(&escalation, FRONTEND).await;
    world.with_a_card().await;
    world.pagerduty.breaks(Broken::Status(503));
    until(&mut world, "03:28:00").await;
    world.vercel.deploy("v215", "5e6f7a8b9c0", "hotfix", "lee");
    until(&mut world, "03:33:00").await;
    assert_eq!(world.rollback(2).await.state.name(), "proposed");
    world.pagerduty.breaks(Broken::Not);
    until(&mut world, "03:35:00").await;
    // The last escalation step pages too: the same alert, by the same key, and one end for it.
    until(&mut world, "03:43:00").await;
    world.sam().clicks("Cancel").await;
    world.settle().await;
    assert_snapshot!(world.pagerduty.pages().join("\n"), @r#"
    resolve rollback-bot:rollback.example.com:RB-1:approval
    trigger rollback-bot:rollback.example.com:RB-2:approval: LATE, PagerDuty could not be told since 03:32 UTC: RB-2 has waited since 03:12 UTC for an approval to roll back frontend (production), v215 → v214; asked for by @maya, because "checkout 500s"
    trigger rollback-bot:rollback.example.com:RB-2:approval: RB-2 has waited since 03:12 UTC for an approval to roll back frontend (production), v215 → v214; asked for by @maya, because "checkout 500s"
    resolve rollback-bot:rollback.example.com:RB-2:approval
    "#);
    world.slack.take_all();
}

#[tokio::test]
async fn a_plan_that_cannot_be_read_again_is_not_kept_open() {
    let mut world = a_card_with_an_escalation().await;
    until(&mut world, "03:21:50").await;
    world.channel();
    world.vercel.fail_reads(503);
    until(&mut world, "03:22:30").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 EXPIRED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      Nobody approved it by 03:22:00 UTC. Nothing changed. To propose it again: `/rollback frontend@production to v213 because …`.
      [ Propose again ]
    Rollback Bot: @maya: RB-1 (frontend (production), v214 → v213) expired: not kept open, because no fresh plan could be made. Vercel answers with an error (503: An unexpected error occurred). Nothing was changed. To propose it again: `/rollback frontend@production to v213 because …`.
    "#);
    assert_snapshot!(told(&world).await, @"
    rollback-bot reminded: RB-1 has waited 1 m for an approval: asked @U0SAM and @U0ANA
    rollback-bot reminded: RB-1 has waited 3 m for an approval: asked @U0SAM and @U0ANA
    rollback-bot escalated: RB-1 has waited 5 m for an approval to roll back frontend (production), v214 → v213: asked @U0ANA
    rollback-bot expired: nobody approved in time; nothing was run
    ");
    assert_eq!(world.pagerduty.pages(), Vec::<String>::new());
}

/// Who can help, besides those who are asked anyway.
const CONTACTS: &str = r#"
[[contacts]]
name = "Vercel support"
how = "https://vercel.com/help"
services = ["frontend"]
[[contacts]]
name = "Kim, for the database"
how = "+49 30 1234 <after 9>"
services = ["stock"]
[[contacts]]
name = "The office"
how = "open from 8 to 18"
"#;

#[tokio::test]
async fn whom_to_reach_is_told_to_whoever_asks_and_to_nobody_else() {
    let stock = FRONTEND
        .replace("services.frontend", "services.stock")
        .replace("prj_2WkFZr3TqUoXcB7mNvL9sHdYeA4g", "prj_stock");
    let mut world = World::set_up(
        &format!("{LADDER}{CONTACTS}"),
        &format!("{FRONTEND}{stock}"),
    )
    .await;
    world.tom().says("/rollback contacts").await;
    world.tom().says("/rollback contacts frontend").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"
    Rollback Bot (only visible to @tom):
      Contacts
      While nobody approves
      After 1 m and 3 m: approvers are reminded.
      After 5 m: lead (@ana) is asked.
      After 15 m: @kim is asked.
      After 30 m: PagerDuty is paged.
      Who helps
      Vercel support: https://vercel.com/help (for frontend)
      Kim, for the database: +49 30 1234 <after 9> (for stock)
      The office: open from 8 to 18
    Rollback Bot (only visible to @tom):
      Contacts
      While nobody approves
      After 1 m and 3 m: approvers are reminded.
      After 5 m: lead (@ana) is asked.
      After 15 m: @kim is asked.
      After 30 m: PagerDuty is paged.
      Who helps
      Vercel support: https://vercel.com/help (for frontend)
      The office: open from 8 to 18
    ");
    assert_eq!(world.channel(), "");
}

#[tokio::test]
async fn without_an_escalation_the_contacts_say_so() {
    let mut world = World::new().await;
    world.tom().says("/rollback contacts").await;
    world.tom().says("/rollback contacts frontent").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @r#"
    Rollback Bot (only visible to @tom):
      Contacts
      While nobody approves
      After 1 m and 3 m: approvers are reminded.
      Nobody else is asked.
    Rollback Bot (only visible to @tom): No service or command "frontent". Did you mean frontend? Nothing was run.
    "#);
    assert_eq!(world.channel(), "");
}
