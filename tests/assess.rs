//! The decision matrix, as people ask it in an incident.

use crate::support::{FRONTEND, ROLES, World};
use insta::assert_snapshot;

const MATRIX: &str = "[matrix]\npreset = \"platform\"\n";

async fn world() -> World {
    World::set_up(&format!("{MATRIX}{ROLES}"), FRONTEND).await
}

#[tokio::test]
async fn the_matrix_advises_and_the_timeline_says_why() {
    let mut world = world().await;
    world.maya().says("/rollback incident open P3").await;
    world.settle().await;
    world.slack.take_all();
    world
        .maya()
        .says("/rollback assess frontend payments errors 6%")
        .await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya): Reading frontend (production)…
    Rollback Bot (only visible to @maya):
      Assessment of frontend (production)
      Roll back now, within 15 m. Row "Payment processing is broken": people cannot pay.
      The matrix calls this P1, and the incident is P3: `/rollback incident severity P1`.
      Known: the incident is P3, people cannot pay, 6 % of requests fail and v214 has been live for 31 m.
      Only you see this, and it is advice: `/rollback frontend@production because …` proposes going back.
    "#);
    world.maya().says("/rollback timeline").await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya):
      INC-1: last 4 of 4 entries
      03:12:00 UTC rollback-bot incident opened: opened INC-1 in this channel
      03:12:00 UTC @maya incident opened: declared the incident
      03:12:00 UTC @maya severity: set the severity to P3
      03:12:00 UTC @maya assessed: assessed frontend (production): the incident is P3; people cannot pay; 6 % of requests fail; v214 has been live for 31 m. The decision matrix says: roll back now ("Payment processing is broken")
      `/rollback export` puts all of it into a file.
    "#);
    // It is advice: nothing is proposed, and nobody else is told.
    assert_snapshot!(world.channel(), @"");
}

#[tokio::test]
async fn what_nobody_has_said_is_asked_for() {
    let mut world = world().await;
    world.maya().says("/rollback assess frontend").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): Reading frontend (production)…
    Rollback Bot (only visible to @maya):
      Assessment of frontend (production)
      Not decided: too little is known.
      If it is down or it does not start: Roll back now, within 15 m.
      If people cannot sign in: Roll back now, within 15 m.
      If people cannot pay: Roll back now, within 15 m.
      If data is wrong or lost: Roll back now, within 30 m.
      If a core workflow is broken or a major feature is broken: Assess first, then roll back, within 1 h.
      4 more rows could fit.
      Say what you know behind the service: `payments errors 6% slower 50%`.
      Known: v214 has been live for 31 m.
      Only you see this, and it is advice: `/rollback frontend@production because …` proposes going back.
    ");
    world
        .maya()
        .says("/rollback assess frontend cosmetic errors 0.1% slower 0%")
        .await;
    world.settle().await;
    let seen = world.maya().sees();
    assert!(seen.contains("A hotfix is better"), "{seen}");
    // Nobody has opened an incident, and asking opens none.
    world.maya().says("/rollback timeline").await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): Nothing has happened in this channel yet, so there is no incident. A rollback, `/rollback incident open` or `/rollback note` starts one.");
    world.maya().says("/rollback assess frontend broken").await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): Nothing was assessed, because `broken` is not something it knows: write, for example, `assess frontend payments errors 6%`; `help assess` has all of it.");
}

#[tokio::test]
async fn what_began_before_the_deploy_speaks_against_going_back() {
    let mut world = world().await;
    world.maya().says("/rollback incident open P1").await;
    world
        .maya()
        .says("/rollback incident started -62m because the graphs fell")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.maya().says("/rollback assess frontend login").await;
    world.settle().await;
    let seen = world.maya().sees();
    assert!(
        seen.contains("Against going back: it began before v214 went live"),
        "{seen}"
    );
    world.slack.take_all();
}

#[tokio::test]
async fn the_matrix_can_be_read_while_the_platform_cannot() {
    let mut world = world().await;
    world.vercel.fail_reads(500);
    world.maya().says("/rollback assess frontend down").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya): Reading frontend (production)…
    Rollback Bot (only visible to @maya):
      Assessment of frontend (production)
      Roll back now, within 15 m. Row "The site is down": it is down or it does not start.
      Known: it is down.
      Against going back: what is live could not be read (Vercel answers with an error (500: An unexpected error occurred)).
      Only you see this, and it is advice: `/rollback frontend@production because …` proposes going back.
    "#);
}

#[tokio::test]
async fn without_a_matrix_people_are_told_where_it_comes_from() {
    let mut world = World::new().await;
    world.maya().says("/rollback assess frontend down").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): Reading frontend (production)…
    Rollback Bot (only visible to @maya): There is no decision matrix: write `[matrix]` with a `preset` or rows of your own into the configuration. docs/deciding.md has the presets.
    ");
}
