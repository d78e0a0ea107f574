//! Releases that are known to be bad, and what a pipeline is told before it deploys.

use crate::support::World;
use insta::assert_snapshot;
use reqwest::StatusCode;
use rollback_bot::http_client;
use serde_json::Value;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// What a pipeline is answered that asks with this query.
async fn gate(world: &World, token: &str, query: &str) -> (StatusCode, Value) {
    let address = format!("{}/api/v1/gate?{query}", world.base());
    let request = http_client().unwrap().get(address).bearer_auth(token);
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// What holds a deploy, by the names of the reasons, and what the pipeline prints.
async fn held(world: &World, token: &str, query: &str) -> (Vec<String>, String) {
    let (status, body) = gate(world, token, query).await;
    let holds = body["holds"].as_array().unwrap();
    let name = |hold: &Value| hold["name"].as_str().unwrap().to_owned();
    let names: Vec<String> = holds.iter().map(name).collect();
    let expected = match names.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::LOCKED,
    };
    assert_eq!(status, expected, "{body}");
    assert_eq!(body["held"], Value::Bool(!names.is_empty()));
    (names, body["text"].as_str().unwrap().to_owned())
}

/// The line that begins so.
fn line(seen: &str, begins: &str) -> String {
    let mut lines = seen.lines().map(str::trim);
    let found = lines.find(|line| line.starts_with(begins));
    found
        .unwrap_or_else(|| panic!("no {begins}: {seen}"))
        .into()
}

#[tokio::test]
async fn a_release_that_somebody_marked_is_gone_to_only_with_a_reason() {
    let mut world = World::new().await;
    world
        .maya()
        .says("/rollback bad frontend v213 because it loses carts")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @maya): Checking your permissions… I'll post here when it is done.
    Rollback Bot: @maya marked v213 of frontend (production) as bad: "it loses carts". It is never taken as the previous one, and going to it needs a reason.
    "#);
    world.maya().sees();

    // It is never the previous one, and every list says why.
    world.maya().says("/rollback list frontend").await;
    world.settle().await;
    let list = world.maya().sees();
    assert!(
        line(&list, "`v213`").ends_with("marked bad by maya: \"it loses carts\""),
        "{list}"
    );
    world.maya().says("/rollback frontend").await;
    world.settle().await;
    assert!(
        line(&world.channel(), "Go back to").contains("`v212`"),
        "the one before it"
    );
    world.maya().says("/rollback stop RB-1").await;
    world.settle().await;
    world.slack.take_all();

    // Whoever means it says why, and whoever approves it has seen what is known of it.
    world.maya().says("/rollback frontend to v213").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya): RB-2: finding a version of frontend (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot (only visible to @maya): v213 was marked bad by maya at 2026-03-14 03:12 UTC: "it loses carts". To go back to v213 all the same, say why: `/rollback frontend@production to v213 because …`. Nothing was run.
    "#);
    world
        .maya()
        .says("/rollback frontend to v213 because v212 is worse")
        .await;
    world.settle().await;
    let card = world.channel();
    assert!(
        card.contains("v213 was marked bad by maya at 2026-03-14 03:12 UTC: \"it loses carts\""),
        "{card}"
    );
    let rollback = world.rollback(3).await;
    let plan = rollback.plan.unwrap();
    assert_eq!(plan.cautions[0].name(), "marked_bad");
    assert_eq!(plan.risk.name(), "caution");
    world.slack.take_all();
}

#[tokio::test]
async fn the_mark_is_taken_off_by_those_who_may_approve() {
    let mut world = World::new().await;
    // The service of this channel's last rollback, where none is named.
    world.maya().says("/rollback frontend because 500s").await;
    world.settle().await;
    world.maya().says("/rollback stop RB-1").await;
    world.settle().await;
    world
        .maya()
        .says("/rollback bad v213 because it loses carts")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.maya().says("/rollback good frontend v213").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): Checking your permissions… I'll post here when it is done.
    Rollback Bot (only visible to @maya): This needs somebody with the role oncall or lead, and you do not have it. @sam or @ana can. Nothing was run.
    ");
    world.slack.take_all();
    world
        .sam()
        .says("/rollback good frontend v213 because it was the tax table")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @sam): Checking your permissions… I'll post here when it is done.
    Rollback Bot: @sam took the mark "bad" off v213 of frontend (production), because "it was the tax table". It was marked bad by maya: "it loses carts".
    "#);
    world.sam().sees();
    world.sam().says("/rollback good frontend v213").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Checking your permissions… I'll post here when it is done.
    Rollback Bot (only visible to @sam): v213 of frontend (production) is not marked as bad. Nothing was changed.
    ");
    let record = world.record().await;
    assert_snapshot!(
        record.lines().filter(|line| line.contains("v213")).collect::<Vec<_>>().join("\n"),
        @r#"
    rollback-bot planned: proposed v214 → v213, risk code, plan d63f
    @maya marked: marked v213 of frontend (production) as bad, because "it loses carts"
    @sam marked: took the mark "bad" off v213 of frontend (production), because "it was the tax table"
    @sam refused: tried `good frontend (production)` and was refused (ALREADY_SO): v213 of frontend (production) is not marked as bad. Nothing was changed.
    "#
    );
    world.maya().says("/rollback frontend because 500s").await;
    world.settle().await;
    assert!(line(&world.channel(), "Go back to").contains("`v213`"));
    world.slack.take_all();
}

#[tokio::test]
async fn what_cannot_be_marked_is_refused_with_the_next_step() {
    let mut world = World::new().await;
    for (request, refusal) in [
        ("/rollback bad frontend v999 because x1", "UNKNOWN"),
        ("/rollback bad frontend because x1", "frontend"),
        ("/rollback bad shop v213 because x1", "shop"),
        ("/rollback bad frontend v213", "needs a reason"),
    ] {
        world.maya().says(request).await;
        world.settle().await;
        let seen = world.maya().sees();
        assert!(
            seen.contains(refusal) || seen.contains("Nothing was run"),
            "{request}: {seen}"
        );
        assert!(seen.contains("`"), "the next step: {seen}");
    }
    let record = world.record().await;
    assert!(!record.contains("marked v"), "{record}");
    world.slack.take_all();
}

#[tokio::test]
async fn a_pipeline_is_told_what_holds_a_deploy() {
    let mut world = World::new().await;
    let token = crate::out_of_band::token(&world, "U0MAYA", "maya").await;
    let free = held(&world, &token, "service=frontend&release=v215").await;
    assert_eq!(free.0, [""; 0]);
    assert!(
        free.1.contains("The platform was last read at"),
        "{}",
        free.1
    );

    world.maya().says("/rollback frontend because 500s").await;
    world.settle().await;
    let open = held(&world, &token, "service=frontend").await;
    assert_eq!(open.0, ["rollback_open"]);
    assert_eq!(
        open.1,
        "Do not deploy frontend (production) now. RB-1 is PROPOSED."
    );

    // Done, and the release that it left does not come back.
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(10 * MINUTE).await;
    let sha = "service=frontend@production&release=a1b2c3d";
    let (names, text) = held(&world, &token, sha).await;
    assert_eq!(names, ["pinned", "known_bad"]);
    assert_snapshot!(text, @"Do not deploy frontend (production) now. Automatic deploys are held off by RB-1. v214 was left as bad by RB-1.");
    world.sam().says("/rollback unpin frontend").await;
    world.settle().await;
    assert_eq!(held(&world, &token, sha).await.0, ["known_bad"]);
    let free = held(&world, &token, "service=frontend&release=v215").await;
    assert_eq!(free.0, [""; 0]);

    // People hold it too.
    world
        .ana()
        .says("/rollback freeze frontend because we migrate")
        .await;
    world.ana().says("/rollback incident open P2").await;
    world.settle().await;
    let (names, text) = held(&world, &token, "service=frontend&release=v215").await;
    assert_eq!(names, ["frozen", "incident_open"]);
    assert_snapshot!(text, @r#"Do not deploy frontend (production) now. ana asked to hold changes: "we migrate". INC-1 is not resolved."#);
    world.slack.take_all();
}

#[tokio::test]
async fn a_pipeline_that_asks_wrongly_is_told_how() {
    let world = World::new().await;
    let token = crate::out_of_band::token(&world, "U0MAYA", "maya").await;
    for (token, query, status, sentence) in [
        (token.as_str(), "service=shop", 404, "shop"),
        (token.as_str(), "release=v215", 400, "service"),
        (token.as_str(), "service=front%20end", 400, "frontend"),
        ("rbt_0", "service=frontend", 401, "token"),
    ] {
        let (answered, body) = gate(&world, token, query).await;
        assert_eq!(answered.as_u16(), status, "{query}: {body}");
        assert!(body["text"].as_str().unwrap().contains(sentence), "{body}");
    }
}
