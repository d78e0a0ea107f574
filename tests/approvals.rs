//! What an approval takes: one or two people who count, for exactly this plan.

use crate::support::{FRONTEND, ROLES, World};
use insta::assert_snapshot;
use std::time::Duration;

/// Everybody that a plan which touches data takes.
const OWNERS: &str = r#"
[roles.oncall]
members = ["U0SAM", "U0MAYA"]
[roles.lead]
members = ["U0ANA"]
[roles.data_owner]
members = ["U0KIM", "U0ANA"]
"#;

fn of_class(class: &str) -> String {
    FRONTEND.replace(
        "target_time = \"2m\"",
        &format!("target_time = \"2m\"\nrisk = \"{class}\""),
    )
}

async fn with_data() -> World {
    let mut world = World::set_up(OWNERS, &of_class("data")).await;
    world.with_a_card().await;
    world
}

/// Opens the form of an approval and types the target.
async fn types_the_target(world: &mut World, who: &'static str, target: &str) {
    world.somebody(who).clicks("Approve").await;
    world.settle().await;
    world.slack.types(who, target).unwrap();
    let answer = world.slack.submits(who).await.unwrap();
    assert!(answer.is_ok(), "{}", answer.body);
    world.settle().await;
}

#[tokio::test]
async fn data_takes_two_people_one_of_them_its_owner_and_the_typed_target() {
    let mut world = World::set_up(OWNERS, &of_class("data")).await;
    world
        .maya()
        .says("/rollback frontend because orders are lost")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @maya): RB-1: finding a version of frontend (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Roll back frontend to v213?
      orders are lost · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      ⚠️ Data  the configuration says that going back may affect the data
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Who can approve / May I approve? ]
      Needs  2 approvals, one of them from data_owner: @kim (data_owner), @ana (data_owner), @sam (oncall) or one more · expires 03:22:00 UTC · RB-1 · production · data · plan `f668`
    "#);
    types_the_target(&mut world, "U0SAM", "v213").await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v213?
      orders are lost · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m 2 s) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      ⚠️ Data  the configuration says that going back may affect the data
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Withdraw my approval / Who can approve / May I approve? ]
      Needs  2 approvals, one of them from data_owner; has @sam (oncall); still needs one more, from data_owner: @kim (data_owner) or @ana (data_owner) · expires 03:22:00 UTC · RB-1 · production · data · plan `f668`
    "#);
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    // Another one of the same role does not help any more.
    types_the_target(&mut world, "U0MAYA", "v213").await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): This needs somebody with the role data_owner, and you do not have it. @kim or @ana can. Nothing was run.");
    world.vercel.moves_at_once(true);
    types_the_target(&mut world, "U0KIM", " v213 ").await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya requested: asked to roll back frontend (production) to the previous release, because "orders are lost"
    rollback-bot planned: proposed v214 → v213, risk data, plan f668
    @sam approved: approved plan f668 as oncall, typing v213
    @maya refused: tried `approve` and was refused (NOT_AUTHORISED): This needs somebody with the role data_owner, and you do not have it. @U0KIM or @U0ANA can. Nothing was run.
    @kim approved: approved plan f668 as data_owner, typing v213
    rollback-bot rechecked: read the platform again: nothing that matters has changed
    rollback-bot executing: asking Vercel for v214 → v213
    Vercel accepted: job accepted
    Vercel pinned: automatic deploys are held off (checked)
    Vercel serving: serves v213 on 8/8
    rollback-bot checked: version v213 answers, 1/1 checks pass
    rollback-bot verified: verified: v213 answers from outside and passes its checks.
    "#);
    world.slack.take_all();
}

#[tokio::test]
async fn a_target_that_is_typed_wrong_is_said_below_the_field() {
    let mut world = with_data().await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.slack.types("U0SAM", "v214").unwrap();
    world.slack.submits("U0SAM").await.unwrap();
    assert_snapshot!(serde_json::Value::from(world.slack.view_errors("U0SAM")), @r#"{"typed":"Not the same: the target is v213."}"#);
    // Typing the command instead does not get around it.
    world.sam().says("/rollback approve RB-1").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Approving RB-1: checking your permissions. The card will update.
    Rollback Bot (only visible to @sam): Type the exact target before you approve, as the card names it: v213. The card's Approve button asks for it. Nothing was run.
    ");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}

#[tokio::test]
async fn two_approvals_by_one_person_are_one() {
    let mut world = with_data().await;
    types_the_target(&mut world, "U0ANA", "v213").await;
    world.slack.take_all();
    types_the_target(&mut world, "U0ANA", "v213").await;
    assert_snapshot!(world.ana().sees(), @"Rollback Bot (only visible to @ana): You already approved RB-1. It still needs one more, from somebody else. Nothing was changed.");
    assert_eq!(world.rollback(1).await.approvals.len(), 1);
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.slack.take_all();
}

#[tokio::test]
async fn an_approval_is_withdrawn_until_it_runs() {
    let mut world = with_data().await;
    types_the_target(&mut world, "U0SAM", "v213").await;
    world.slack.take_all();
    world.ana().clicks("Withdraw").await;
    world.settle().await;
    assert_snapshot!(world.ana().sees(), @"Rollback Bot (only visible to @ana): You have not approved RB-1, so there is nothing to withdraw. To object: `/rollback object RB-1 because …`. Nothing was changed.");
    world.sam().clicks("Withdraw").await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.approvals, []);
    assert!(
        world
            .record()
            .await
            .contains("@sam withdrawn: took their approval back")
    );
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m 4 s) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      ⚠️ Data  the configuration says that going back may affect the data
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Who can approve / May I approve? ]
      Needs  2 approvals, one of them from data_owner: @kim (data_owner), @ana (data_owner), @sam (oncall) or one more · expires 03:22:00 UTC · RB-1 · production · data · plan `f668`
      | Rollback Bot: @maya: @sam withdrew their approval of RB-1 (frontend (production), v214 → v213). It needs another one: `/rollback who RB-1` says whose.
    "#);
    // The owner alone is one of two.
    types_the_target(&mut world, "U0KIM", "v213").await;
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.slack.take_all();
}

#[tokio::test]
async fn an_approval_that_was_enough_is_withdrawn_while_the_platform_says_not_now() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world
        .vercel
        .answer_next(429, serde_json::json!({}), &[("retry-after", "60")]);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.state.name(), "approved");
    world
        .sam()
        .says("/rollback withdraw RB-1 because I misread")
        .await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    world.passes(Duration::from_secs(59)).await;
    assert_eq!(
        world.vercel.rollbacks_asked(),
        1,
        "asked once, before it was taken back"
    );
    world.slack.take_all();
}

#[tokio::test]
async fn ones_own_request_under_each_class() {
    for (class, counts) in [
        ("toggle", true),
        ("code", false),
        ("caution", false),
        ("data", true),
    ] {
        let mut world = World::set_up(OWNERS, &of_class(class)).await;
        world
            .sam()
            .says("/rollback frontend because checkout 500s")
            .await;
        world.settle().await;
        world.slack.take_all();
        world.sam().clicks("Approve").await;
        world.settle().await;
        if matches!(class, "caution" | "data") {
            match class {
                "data" => world.slack.types("U0SAM", "v213").unwrap(),
                _ => {
                    let caution = "the configuration";
                    world.slack.chooses("U0SAM", caution).await.unwrap();
                }
            }
            world.slack.submits("U0SAM").await.unwrap();
            world.settle().await;
        }
        let approvals = world.rollback(1).await.approvals.len();
        assert_eq!(approvals == 1, counts, "{class}");
        let told = world.sam().sees();
        assert_eq!(
            told.contains("You requested this"),
            !counts,
            "{class}: {told}"
        );
        world.slack.take_all();
        world.vercel.abandon();
    }
}

#[tokio::test]
async fn what_is_unusual_is_named_and_ticked() {
    let services = format!("{FRONTEND}\n[policy.risk]\nold_after = \"1h\"\n");
    let mut world = World::by_requests(ROLES, &services).await;
    world
        .maya()
        .says("/rollback frontend to v212 because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @maya): RB-1: finding a version of frontend (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Roll back frontend to v212?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v212` 9f8e7d6, ran 41 h until 20:12:00 UTC · named kim: faster search
      ⚠️ Caution  v212 last served 7 h ago
      You lose  2 changes: v214 "checkout: new tax engine", v213 "session expiry"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · caution · plan `87d4`
    "#);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.slack.open_view("U0SAM").map(|view| view["blocks"].to_string()).unwrap_or_default(), @r#"[{"block_id":"auto16","text":{"text":"*RB-1*  frontend (production) v214 → v212. You lose 2 changes. Plan `87d4`.","type":"mrkdwn","verbatim":true},"type":"section"},{"block_id":"ticks","element":{"action_id":"ticks","options":[{"text":{"text":"v212 last served 7 h ago","type":"plain_text"},"value":"old"}],"type":"checkboxes"},"label":{"text":"I have seen, and accept","type":"plain_text"},"type":"input"}]"#);
    world
        .slack
        .chooses("U0SAM", "v212 last served")
        .await
        .unwrap();
    world.vercel.moves_at_once(true);
    world.slack.submits("U0SAM").await.unwrap();
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert!(
        world.record().await.contains("seeing: v212 last served"),
        "{}",
        world.record().await
    );
    world.slack.take_all();
}

#[tokio::test]
async fn whoever_is_no_full_member_is_refused_whatever_the_lists_say() {
    let roles = r#"
[roles.oncall]
members = ["U0GUS", "U0UNA", "U0EVE", "U0BOT2", "U0OLD", "U0SAM"]
[roles.lead]
members = ["U0ANA"]
"#;
    let mut world = World::set_up(roles, FRONTEND).await;
    world.with_a_card().await;
    world.slack.deactivates("U0OLD");
    let mut told = String::new();
    for who in ["U0GUS", "U0UNA", "U0EVE", "U0BOT2", "U0OLD"] {
        world.somebody(who).clicks("Approve").await;
        world.settle().await;
        told += &world.somebody(who).sees();
        told += "\n";
    }
    assert_snapshot!(told, @"
    Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.

    Rollback Bot (only visible to @una): Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.

    Rollback Bot (only visible to @eve): Only full members of this workspace can use /rollback, and you are from another workspace. Ask someone on the team. Nothing was run.

    Rollback Bot (only visible to @deploybot): Only full members of this workspace can use /rollback, and you are a bot. Ask someone on the team. Nothing was run.

    Rollback Bot (only visible to @oleg): Only full members of this workspace can use /rollback, and you are deactivated. Ask someone on the team. Nothing was run.
    ");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    assert_eq!(world.record().await.matches("NOT_A_MEMBER").count(), 5);
}
