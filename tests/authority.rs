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
            .contains("@tom refused: tried to approve: NOT_AUTHORISED")
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
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): This one is your own, and a plan of class code needs somebody else's yes. @ana can. Nothing was run.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}

#[tokio::test]
async fn a_guest_can_neither_ask_nor_approve() {
    let mut world = World::new().await;
    world.gus().says("/rollback frontend because I can").await;
    world.settle().await;
    assert_snapshot!(world.gus().sees(), @"
    Rollback Bot (only visible to @gus): RB-1: reading what frontend (production) could go back to. Its card follows; nothing changes until it is approved.
    Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask somebody on the team. Nothing was run.
    ");
    world.with_a_card().await;
    world.gus().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.gus().sees(), @"Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask somebody on the team. Nothing was run.");
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
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): I could not check whether you may: Slack does not tell (Slack answered 503 to users.info), and nothing is decided on old data. Try again in a moment. Nothing was run.");
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
      v214 → v213 · asked for by @maya · "checkout 500s"
      Denied by @ana: "the fix is on its way". Nothing was run.
    "#);
    world.sam().clicks_an_old("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): RB-1 ended at 03:12:00 UTC: denied. Nothing was run. Propose again if it is still needed.");
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
      v214 → v213 · asked for by @maya · "checkout 500s"
      Cancelled by @maya. Nothing was run.
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
    Rollback Bot (only visible to @sam): That click does not fit: there is no RB-2. It was recorded. Nothing was run. Use the buttons of the newest card.
    Rollback Bot (only visible to @sam): That click does not fit: that button is not on a message about RB-1. It was recorded. Nothing was run. Use the buttons of the newest card.
    Rollback Bot (only visible to @sam): That click does not fit: its value is not one of mine. It was recorded. Nothing was run. Use the buttons of the newest card.
    Rollback Bot (only visible to @sam): That click does not fit: its value is not one of mine. It was recorded. Nothing was run. Use the buttons of the newest card.
    Rollback Bot (only visible to @sam): That click does not fit: its value is not one of mine. It was recorded. Nothing was run. Use the buttons of the newest card.
    ");
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}
