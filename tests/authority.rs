//! Who may say yes, and what everybody else is told.

use crate::support::World;
use insta::assert_snapshot;
use std::time::Duration;

#[tokio::test]
async fn somebody_without_the_role_is_told_who_has_it() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.tom().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): This needs somebody with the role oncall or lead, and you do not have it. @sam or @ana can. Nothing was run.");
    assert_snapshot!(world.channel(), @"");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    assert!(
        world
            .record()
            .await
            .contains("@tom refused: tried `approve` and was refused (NOT_AUTHORISED)")
    );
}

#[tokio::test]
async fn ones_own_request_needs_somebody_else() {
    let mut world = World::new().await;
    world
        .sam()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): You requested this, so someone else must approve it (class code). @ana can. Nothing was run.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}

#[tokio::test]
async fn a_guest_can_neither_ask_nor_approve() {
    let mut world = World::new().await;
    world.gus().says("/rollback frontend because I can").await;
    world.settle().await;
    assert_snapshot!(world.gus().sees(), @"Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.");
    world.with_a_card().await;
    world.gus().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.gus().sees(), @"Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}

#[tokio::test]
async fn nobody_is_believed_while_slack_cannot_say_who_they_are() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world
        .slack
        .fault(rollback_simulation::Fault::Outage, Some("users.info"), None);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(20)).await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): I can't check your permission: Slack could not be read (Slack answered 503 to users.info, and what it last said is 13 h old, which is more than 12 h). Try again in a moment. Nothing was run.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}

#[tokio::test]
async fn an_authority_denies_and_nothing_runs() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world
        .ana()
        .says("/rollback deny RB-1 because the fix is on its way")
        .await;
    world.settle().await;
    world.ana().sees();
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 DENIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      Denied by @ana: "the fix is on its way". Nothing changed.
    Rollback Bot: @maya: @ana denied RB-1 (frontend (production), v214 → v213): "the fix is on its way". Nothing was changed. To propose it again: `/rollback frontend@production to v213 because …`.
    "#);
    world.sam().clicks_an_old("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): RB-1 has already ended (denied, 03:12:00 UTC), so this did nothing. Propose again if it is still needed.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}

#[tokio::test]
async fn whoever_asked_takes_it_back_and_others_do_not() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.tom().clicks("Cancel").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): This needs somebody with the role oncall or lead, and you do not have it. @sam or @ana can. Nothing was run.");
    world.maya().clicks("Cancel").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 CANCELLED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      Cancelled by @maya. Nothing changed.
    "#);
}

#[tokio::test]
async fn forged_buttons_change_nothing() {
    let mut world = World::new().await;
    world.with_a_card().await;
    let hash = world.rollback(1).await.hash.unwrap().0;
    for value in [
        format!("RB-2:{hash}"),
        "RB-1:0000000000000000".into(),
        "RB-1".into(),
        "nonsense".into(),
        "RB-99999999999999999999:x".into(),
    ] {
        let payload = serde_json::json!({
            "type": "block_actions",
            "team": null,
            "container": { "type": "message", "channel_id": crate::support::CHANNEL, "message_ts": "1.1" },
            "actions": [{ "action_id": "approve", "type": "button", "value": value, "action_ts": "1.2" }],
        });
        let answer = world.slack.interact("U0SAM", payload).await;
        assert!(answer.is_ok(), "{value}: {}", answer.status);
        world.settle().await;
    }
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): That button isn't valid, so I ignored it: there is no RB-2. It was logged. Use the latest card. Nothing was run.
    Rollback Bot (only visible to @sam): That button isn't valid, so I ignored it: that button is not on a message about RB-1. It was logged. Use the latest card. Nothing was run.
    Rollback Bot (only visible to @sam): That button isn't valid, so I ignored it: its value is not one of mine. It was logged. Use the latest card. Nothing was run.
    Rollback Bot (only visible to @sam): That button isn't valid, so I ignored it: its value is not one of mine. It was logged. Use the latest card. Nothing was run.
    Rollback Bot (only visible to @sam): That button isn't valid, so I ignored it: its value is not one of mine. It was logged. Use the latest card. Nothing was run.
    ");
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    assert_eq!(
        world
            .record()
            .await
            .matches("@sam refused: tried `click` and was refused (FORGED)")
            .count()
            + world
                .record()
                .await
                .matches("@sam refused: tried `approve` and was refused (FORGED)")
                .count(),
        5
    );
}

/// A click on the button that approves, with whatever somebody may have made of it.
fn click(message: &str, value: &str, team: &str) -> serde_json::Value {
    serde_json::json!({
        "type": "block_actions",
        "team": { "id": team, "domain": "acme" },
        "container": { "type": "message", "channel_id": crate::support::CHANNEL, "message_ts": message },
        "channel": { "id": crate::support::CHANNEL, "name": "incident" },
        "actions": [{ "action_id": "approve", "type": "button", "value": value, "action_ts": "1.2" }],
    })
}

/// Where the card of a rollback is.
async fn card_of(world: &World, id: u64) -> String {
    let key = format!("RB-{id}:card");
    let db = &world.app().engine.db;
    let sent = rollback_bot::store::messages::get(db, &key).await.unwrap();
    sent.ts.unwrap()
}

#[tokio::test]
async fn a_value_on_another_rollbacks_card_or_of_another_plan_changes_nothing() {
    let mut world = World::new().await;
    world.with_a_card().await;
    let (old_card, old_hash) = (
        card_of(&world, 1).await,
        world.rollback(1).await.hash.unwrap().0,
    );
    world.maya().clicks("Cancel").await;
    world.settle().await;
    world
        .maya()
        .says("/rollback frontend to v212 because checkout 500s")
        .await;
    world.settle().await;
    world.slack.take_all();
    let (card, hash) = (
        card_of(&world, 2).await,
        world.rollback(2).await.hash.unwrap().0,
    );
    for (message, value) in [
        (&old_card, format!("RB-2:{hash}")),
        (&card, format!("RB-2:{old_hash}")),
        (&card, format!("RB-1:{old_hash}")),
    ] {
        let answer = world
            .slack
            .interact("U0SAM", click(message, &value, "T0ACME"))
            .await;
        assert!(answer.is_ok());
        world.settle().await;
    }
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): That button isn't valid, so I ignored it: that button is not on a message about RB-2. It was logged. Use the latest card. Nothing was run.
    Rollback Bot (only visible to @sam): That button belongs to an older plan of RB-2. Nothing was run. Use the newest card.
    Rollback Bot (only visible to @sam): That button isn't valid, so I ignored it: that button is not on a message about RB-1. It was logged. Use the latest card. Nothing was run.
    ");
    assert_eq!(world.rollback(2).await.state.name(), "proposed");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    let record = world.record().await;
    assert_eq!(
        record
            .matches("@sam refused: tried `approve` and was refused")
            .count(),
        1
    );
    assert_eq!(
        record
            .matches("@sam refused: tried `click` and was refused")
            .count(),
        2
    );
}

#[tokio::test]
async fn a_click_from_another_workspace_changes_nothing() {
    let mut world = World::new().await;
    world.with_a_card().await;
    let card = card_of(&world, 1).await;
    let value = format!("RB-1:{}", world.rollback(1).await.hash.unwrap().0);
    let payload = click(&card, &value, "T0OTHER");
    let answer = world.slack.interact("U0SAM", payload).await;
    assert!(answer.is_ok());
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): That button isn't valid, so I ignored it: it comes from the workspace T0OTHER. It was logged. Use the latest card. Nothing was run.");
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    assert!(world.record().await.contains("FORGED"));
}

#[tokio::test]
async fn a_form_is_sent_by_whoever_it_was_opened_for() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.tom().clicks("Emergency run").await;
    world.settle().await;
    world.slack.types("U0TOM", "it is on fire").unwrap();
    world
        .slack
        .chooses("U0TOM", "I will explain")
        .await
        .unwrap();
    let view = world.slack.open_view("U0TOM").unwrap();
    let payload = serde_json::json!({ "type": "view_submission", "view": view });
    let answer = world.slack.interact("U0ANA", payload).await;
    assert!(answer.is_ok());
    world.settle().await;
    assert_snapshot!(world.ana().sees(), @"Rollback Bot (only visible to @ana): That button isn't valid, so I ignored it: that form was opened for somebody else. It was logged. Use the latest card. Nothing was run.");
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    assert!(
        world
            .record()
            .await
            .contains("@ana refused: tried `click` and was refused (FORGED)")
    );
}

#[tokio::test]
async fn the_same_click_again_changes_nothing_and_is_recorded_once() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.tom().clicks("Approve").await;
    world.settle().await;
    world.tom().sees();
    for _ in 0..3 {
        let answer = world.slack.redeliver_last().await;
        assert!(answer.is_ok());
        world.settle().await;
    }
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya requested: asked to roll back frontend (production) to the previous release, because "checkout 500s"
    rollback-bot planned: proposed v214 → v213, risk code, plan d63f
    @tom refused: tried `approve` and was refused (NOT_AUTHORISED): This needs somebody with the role oncall or lead, and you do not have it. @U0SAM or @U0ANA can. Nothing was run.
    @tom refused: tried `approve` and was refused (FORGED): That button isn't valid, so I ignored it: the same click arrived again. It was logged. Use the latest card. Nothing was run.
    "#);
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
}
