//! Breaking the glass: at once, in front of everybody, and reviewed afterwards.

use crate::support::{FRONTEND, World, pagerduty::Broken};
use insta::assert_snapshot;
use std::time::Duration;

const PAGED: &str = r#"
[pagerduty]
routing_key = "env:PAGERDUTY_ROUTING_KEY"
api_url = "{pagerduty}"
events_url = "{pagerduty}"
[roles.oncall]
members = ["U0SAM"]
[roles.lead]
members = ["U0ANA"]
"#;

/// tom, who has no role, lets the open rollback run.
async fn tom_breaks_the_glass(world: &mut World) {
    world.tom().clicks("Emergency run").await;
    world.settle().await;
    world
        .slack
        .types("U0TOM", "auth is down and nobody answers")
        .unwrap();
    world
        .slack
        .chooses("U0TOM", "I will explain")
        .await
        .unwrap();
    let answer = world.slack.submits("U0TOM").await.unwrap();
    assert!(answer.is_ok(), "{}", answer.body);
    world.settle().await;
}

/// frontend was taken back by tom, who has no role.
pub async fn broken() -> World {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    tom_breaks_the_glass(&mut world).await;
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
    world
}

#[tokio::test]
async fn somebody_without_a_role_runs_it_in_front_of_everybody() {
    let mut world = World::set_up(PAGED, FRONTEND).await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    tom_breaks_the_glass(&mut world).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ⚠️ Emergency run 03:12:00 UTC by @tom, without approval: "auth is down and nobody answers" · to be reviewed
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:00 UTC 8/8 on v213
      ✅ Verified 03:12:02 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 0 s (goal 2 m: met)
      [ Undo… ]
    Rollback Bot:
      EMERGENCY RUN  RB-1
      @tom ran RB-1 without approval (03:12:00 UTC): frontend (production) v214 → v213.
      > auth is down and nobody answers
      @sam or @ana: please review this. It is due 2026-03-15 03:12 UTC. I'll remind you until it is done.
      [ Justified… ] [ Should have waited… ] [ Policy too strict… ]
    Rollback Bot:
      ✅ frontend (production) is back on v213 (RB-1) · @maya, run by @tom as an emergency
      version v213 answers, 1/1 checks pass · took 0 s (goal 2 m: met)
      Automatic deploys are off until `/rollback unpin frontend@production`.
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert_snapshot!(world.pagerduty.pages().join("\n"), @"trigger rollback-bot:rollback.example.com:RB-1:glass: EMERGENCY RUN: @tom rolls back frontend (production), v214 → v213 without approval: auth is down and nobody answers");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();

    // sam thinks it was right, and says so by the button of the message.
    world.sam().clicks("Justified").await;
    world.settle().await;
    world
        .slack
        .types("U0SAM", "every login failed, I was on a plane")
        .unwrap();
    world.slack.submits("U0SAM").await.unwrap();
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ⚠️ Emergency run 03:12:00 UTC by @tom, without approval: "auth is down and nobody answers" · reviewed by @sam: justified
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:00 UTC 8/8 on v213
      ✅ Verified 03:12:02 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 0 s (goal 2 m: met)
      [ Undo… ] [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1 with the review of RB-1: 15 entries.
      |   [file INC-1-RB-1-reviewed-timeline.md]
    Rollback Bot (edited):
      EMERGENCY RUN  RB-1
      @tom ran RB-1 without approval (03:12:00 UTC): frontend (production) v214 → v213.
      > auth is down and nobody answers
      Reviewed by @sam at 03:18:44 UTC: justified. "every login failed, I was on a plane"
    "#);
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya requested: asked to roll back frontend (production) to the previous release, because "checkout 500s"
    rollback-bot planned: proposed v214 → v213, risk code, plan d63f
    @tom break glass: started an emergency run of plan d63f, without an approval: "auth is down and nobody answers"; a review is due 2026-03-15 03:12 UTC
    rollback-bot paged: paging PagerDuty: EMERGENCY RUN: @tom rolls back frontend (production), v214 → v213 without approval: auth is down and nobody answers
    rollback-bot rechecked: read the platform again: nothing that matters has changed
    rollback-bot executing: asking Vercel for v214 → v213
    Vercel accepted: job accepted
    Vercel pinned: automatic deploys are held off (checked)
    Vercel serving: serves v213 on 8/8
    rollback-bot checked: version v213 answers, 1/1 checks pass
    rollback-bot verified: verified: v213 answers from outside and passes its checks.
    rollback-bot closed: closed as verified
    rollback-bot exported: exported INC-1-RB-1-timeline.md, 13 entries, 2262 bytes
    @sam reviewed: reviewed the emergency run: justified: "every login failed, I was on a plane"
    rollback-bot exported: exported INC-1-RB-1-reviewed-timeline.md, 15 entries, 2590 bytes
    "#);
    // Nobody is asked for it any more.
    world.passes(Duration::from_secs(3 * 86_400)).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot:
      @sam and @ana: automatic deploys of frontend (production) are still held off since RB-1 (run by @tom, who may not unpin), so that v214 does not come back by itself. `/rollback unpin frontend@production` lets them go live again.
      [ Snooze for 2 days ]
    ");
}

#[tokio::test]
async fn a_review_that_nobody_answers_is_asked_for_until_somebody_does() {
    let mut world = broken().await;
    world.passes(Duration::from_secs(12 * 3_600)).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: RB-1 (frontend (production), v214 → v213) ran without approval, and its review is due 2026-03-15 03:12 UTC. @sam or @ana, please review it: `/rollback review RB-1 justified because …`, or `should-have-waited`, or `policy-too-strict`. @tom, you promised to explain why it could not wait: `/rollback note …` in this channel records it.");
    world.stops().await;
    world.starts().await;
    world.leases_end().await;
    world.passes(Duration::from_secs(36 * 3_600)).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (edited):
      EMERGENCY RUN  RB-1
      @tom ran RB-1 without approval (03:12:00 UTC): frontend (production) v214 → v213.
      > auth is down and nobody answers
      @sam or @ana: please review this. It was due 2026-03-15 03:12 UTC. I'll remind you until it is done.
      [ Justified… ] [ Should have waited… ] [ Policy too strict… ]
    Rollback Bot: RB-1 (frontend (production), v214 → v213) ran without approval, and its review was due 2026-03-15 03:12 UTC. @sam or @ana, please review it: `/rollback review RB-1 justified because …`, or `should-have-waited`, or `policy-too-strict`. @tom, you promised to explain why it could not wait: `/rollback note …` in this channel records it.
    Rollback Bot: RB-1 (frontend (production), v214 → v213) ran without approval, and its review was due 2026-03-15 03:12 UTC. @sam or @ana, please review it: `/rollback review RB-1 justified because …`, or `should-have-waited`, or `policy-too-strict`. @tom, you promised to explain why it could not wait: `/rollback note …` in this channel records it.
    Rollback Bot:
      @sam and @ana: automatic deploys of frontend (production) are still held off since RB-1 (run by @tom, who may not unpin), so that v214 does not come back by itself. `/rollback unpin frontend@production` lets them go live again.
      [ Snooze for 2 days ]
    Rollback Bot: RB-1 (frontend (production), v214 → v213) ran without approval, and its review was due 2026-03-15 03:12 UTC. @sam or @ana, please review it: `/rollback review RB-1 justified because …`, or `should-have-waited`, or `policy-too-strict`. @tom, you promised to explain why it could not wait: `/rollback note …` in this channel records it.
    ");
    world.tom().says("/rollback status").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"
    Rollback Bot (only visible to @tom):
      No rollback is open. `/rollback` shows the services.
      Emergency runs: 1 in the last 30 days, 0 in the 30 before, 1 review is still to be answered.
    ");
    world
        .ana()
        .says("/rollback review RB-1 policy too strict because nobody covers the night")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.passes(Duration::from_secs(5 * 86_400)).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot:
      @sam and @ana: automatic deploys of frontend (production) are still held off since RB-1 (run by @tom, who may not unpin), so that v214 does not come back by itself. `/rollback unpin frontend@production` lets them go live again.
      [ Snooze for 2 days ]
    ");
}

#[tokio::test]
async fn the_review_is_for_somebody_with_authority_and_is_answered_once() {
    let mut world = broken().await;
    world
        .tom()
        .says("/rollback review RB-1 justified because I say so")
        .await;
    world
        .maya()
        .says("/rollback review RB-1 justified because it was broken")
        .await;
    world.settle().await;
    assert_snapshot!(world.tom().sees() + &world.maya().sees(), @"
    Rollback Bot (only visible to @tom): Writing your review of RB-1 down: checking your permissions. The card will update.
    Rollback Bot (only visible to @tom): You ran this as an emergency, so someone else must review it. @sam or @ana can. Nothing was changed.
    Rollback Bot (only visible to @maya): Writing your review of RB-1 down: checking your permissions. The card will update.
    Rollback Bot (only visible to @maya): This needs somebody with the role oncall or lead, and you do not have it. @sam or @ana can. Nothing was run.
    ");
    world
        .ana()
        .says("/rollback review RB-1 should have waited because I was there")
        .await;
    world.settle().await;
    world
        .sam()
        .says("/rollback review RB-1 justified because it was not")
        .await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Writing your review of RB-1 down: checking your permissions. The card will update.
    Rollback Bot (only visible to @sam): @ana reviewed RB-1 already: should have waited. Nothing was changed.
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn breaking_the_glass_goes_through_the_same_checks() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.tom().clicks("Emergency run").await;
    world.settle().await;
    // Without a reason, or with an empty one, the form stays open.
    world
        .slack
        .chooses("U0TOM", "I will explain")
        .await
        .unwrap();
    assert!(world.slack.submits("U0TOM").await.is_err());
    world.slack.types("U0TOM", "   ").unwrap();
    world.slack.submits("U0TOM").await.unwrap();
    assert_snapshot!(serde_json::Value::from(world.slack.view_errors("U0TOM")), @r#"{"because":"Say it in a few words."}"#);
    // Production moves meanwhile: nothing is run, and a fresh card takes its place.
    world
        .vercel
        .deploy("v215", "5555555aaaa", "another try", "kim");
    world.slack.types("U0TOM", "auth is down").unwrap();
    world.slack.submits("U0TOM").await.unwrap();
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    assert_snapshot!(world.tom().sees(), @"");
    let channel = world.channel();
    assert!(channel.contains("EMERGENCY RUN"), "{channel}");
    assert!(
        channel.contains("No review is needed. Nothing was run"),
        "{channel}"
    );
    world.passes(Duration::from_secs(2 * 86_400)).await;
    assert!(!world.channel().contains("review of RB-1"));
    world.slack.take_all();
}

#[tokio::test]
async fn a_page_is_not_taken_back_for_a_glass_that_was_broken_before() {
    let mut world = World::set_up(PAGED, FRONTEND).await;
    world.with_a_card().await;
    // Nothing comes of the first one, and PagerDuty cannot be told.
    world.pagerduty.breaks(Broken::Status(503));
    world.vercel.fail_reads(503);
    tom_breaks_the_glass(&mut world).await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(world.rollback(1).await.word(), "PROPOSED");
    world.slack.take_all();

    world.pagerduty.breaks(Broken::Not);
    world.vercel.fail_reads(None);
    world.vercel.moves_at_once(true);
    tom_breaks_the_glass(&mut world).await;
    world.passes(Duration::from_secs(400)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    let pages = world.pagerduty.pages();
    assert!(
        pages.last().is_some_and(|page| page.starts_with("trigger")),
        "nobody is paged any more: {pages:?}"
    );
    world.slack.take_all();
}

#[tokio::test]
async fn a_guest_cannot_break_it_and_for_data_nobody_can() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.gus().clicks("Emergency run").await;
    world.settle().await;
    world.slack.types("U0GUS", "let me").unwrap();
    world
        .slack
        .chooses("U0GUS", "I will explain")
        .await
        .unwrap();
    world.slack.submits("U0GUS").await.unwrap();
    world.settle().await;
    assert_snapshot!(world.gus().sees(), @"Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);

    let data = FRONTEND.replace("target_time", "risk = \"data\"\ntarget_time");
    let roles = "[roles.oncall]\nmembers = [\"U0SAM\"]\n[roles.lead]\nmembers = [\"U0ANA\"]\n[roles.data_owner]\nmembers = [\"U0KIM\"]\n";
    let mut world = World::set_up(roles, &data).await;
    world
        .maya()
        .says("/rollback frontend because orders are lost")
        .await;
    world.settle().await;
    let card = world.channel();
    assert!(!card.contains("Emergency run"), "{card}");
    world.tom().says("/rollback breakglass frontend").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): Emergency runs are off for data rollbacks. @kim, @sam or @ana can approve. Nothing was run.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.slack.take_all();
}

#[tokio::test]
async fn the_command_opens_the_form_and_a_mention_says_where_it_is() {
    let mut world = World::new().await;
    world.tom().says("/rollback breakglass frontend").await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): Nothing is proposed for it yet: `/rollback frontend because …` first, then Emergency run… in its card's menu. Nothing was run.");
    world.with_a_card().await;
    world.tom().says("<@UBOT> breakglass RB-1").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): I can only open the form from its card or from the command itself: Emergency run… in the menu of RB-1, or type `/rollback breakglass RB-1` in the channel. Nothing was run.");
    world.tom().says("/rollback break-glass RB-1").await;
    world.settle().await;
    assert!(world.slack.open_view("U0TOM").is_some());
    world.slack.take_all();
}

#[tokio::test]
async fn how_often_it_happens_is_counted() {
    let mut world = broken().await;
    let metrics = reqwest::get(format!("{}/metrics", world.base()))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let mut counted: Vec<&str> = metrics
        .lines()
        .filter(|line| line.starts_with("rollback_bot_break_glass"))
        .collect();
    counted.sort_unstable();
    assert_snapshot!(counted.join("\n"), @r#"
    rollback_bot_break_glass_reviews_open 1
    rollback_bot_break_glass{days="0-30"} 1
    rollback_bot_break_glass{days="30-60"} 0
    "#);
    world.slack.take_all();
    world.passes(Duration::from_secs(1)).await;
    world.slack.take_all();
}
