//! What is configured goes stale by itself: who looked at it last, and who is told when it is due.

use crate::{
    out_of_band::{asks, token},
    support::{FRONTEND, ROLES, World},
};
use insta::assert_snapshot;
use serde_json::json;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// In Berlin it is 04:12 on Saturday the 14th of March when a story begins.
const REVIEWS: &str = r#"
[canary]
enabled = false
channel = "C0OPS"
zone = "Europe/Berlin"
[reviews]
every = "30d"
owner = "U0ANA"
[[contacts]]
name = "Vercel support"
how = "https://vercel.com/help"
"#;

async fn world() -> World {
    let owned = FRONTEND.replace("project =", "owner = \"U0KIM\"\nproject =");
    World::set_up(&format!("{REVIEWS}{ROLES}"), &owned).await
}

fn told(world: &World) -> String {
    world.slack.take_new("C0OPS")
}

#[tokio::test]
async fn each_owner_is_told_once_a_month_what_is_due() {
    let mut world = world().await;
    world.passes(DAY / 8).await;
    assert_eq!(told(&world), "", "it is 07:12 in Berlin");
    world.passes(DAY / 8).await;
    let due = told(&world);
    for line in [
        "@kim, please look whether what is configured still holds, and say so with the command beside it:",
        "• frontend (production): never reviewed; a review is due every 30 d. `/rollback reviewed frontend@production`",
        "@ana, please look whether",
        "• the role lead: never reviewed; a review is due every 30 d. `/rollback reviewed role lead`",
        "• the role oncall: never reviewed;",
        "• the contacts: never reviewed;",
    ] {
        assert_eq!(due.matches(line).count(), 1, "{line} in {due}");
    }
    // Once a month, whatever happens to the process.
    world.stops().await;
    world.starts().await;
    world.leases_end().await;
    world.passes(DAY * 3).await;
    assert_eq!(told(&world), "");
    world.ana().says("/rollback reviewed frontend").await;
    world.settle().await;
    assert_snapshot!(world.ana().sees(), @"Rollback Bot (only visible to @ana): Recorded: @ana has reviewed frontend (production). The next review is due on 2026-04-16.");
    world.tom().says("/rollback reviewed role oncall").await;
    world.tom().says("/rollback reviewed contacts").await;
    world.settle().await;
    world.slack.take_ephemerals("U0TOM");
    for (typed, why) in [
        (
            "reviewed matrix",
            "The configuration has no decision matrix. Nothing was recorded.",
        ),
        (
            "reviewed role oncal",
            "There is no role \"oncal\". Did you mean oncall? Nothing was recorded.",
        ),
        ("reviewed frontent", "Did you mean frontend?"),
    ] {
        world.tom().says(&format!("/rollback {typed}")).await;
        world.settle().await;
        let seen = world.tom().sees();
        assert!(seen.contains(why), "{seen}");
    }
    world.tom().says("/rollback reviewed").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"
    Rollback Bot (only visible to @tom):
      Reviews, every 30 d:
      • frontend (production): reviewed by @ana on 2026-03-17; the next review is due on 2026-04-16.
      • the role lead: never reviewed; a review is due every 30 d. `/rollback reviewed role lead`
      • the role oncall: reviewed by @tom on 2026-03-17; the next review is due on 2026-04-16.
      • the contacts: reviewed by @tom on 2026-03-17; the next review is due on 2026-04-16.
    ");
    // In April it is ana alone, for the role that nobody looked at; the review of kim's service holds until the 16th.
    world.passes(DAY * 20).await;
    let april = told(&world);
    assert!(
        april.contains("@ana") && april.contains("the role lead: never reviewed"),
        "{april}"
    );
    assert!(!april.contains("frontend"), "{april}");
    world.passes(DAY * 12).await;
    let later = told(&world);
    assert!(later.contains("@kim") && later.contains("frontend (production): reviewed by @ana on 2026-03-17; the next review was due on 2026-04-16."), "{later}");
    world.tom().says("/rollback ready frontend").await;
    world.settle().await;
    let ready = world.tom().sees();
    assert!(
        ready.contains("review attention: Reviewed by @ana on 2026-03-17"),
        "{ready}"
    );
    assert!(
        ready.contains("`/rollback reviewed frontend@production`"),
        "{ready}"
    );
}

#[tokio::test]
async fn with_a_token_it_is_the_same() {
    let mut world = World::set_up(&format!("[api]\nchannel = \"C0SHOP\"\n{ROLES}"), FRONTEND).await;
    let sam = token(&world, "U0SAM", "sam").await;
    let (status, answer) = asks(
        &mut world,
        &sam,
        "reviewed",
        json!({ "subject": "frontend" }),
    )
    .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["text"],
        "Recorded: @sam has reviewed frontend (production). No next one is set: `[reviews]` in the configuration says how long one holds."
    );
    let (_, answer) = asks(&mut world, &sam, "reviewed", json!({ "subject": "role" })).await;
    assert_eq!(answer["refused"]["code"], "MISREAD", "{answer}");
    world.tom().says("/rollback reviewed").await;
    world.settle().await;
    let seen = world.tom().sees();
    assert!(seen.contains("No review is ever due"), "{seen}");
    world.settle().await;
    world.slack.take_all();
}
