//! Whether a service could be rolled back now: what was read of it, and what to do about what is
//! missing.

use crate::{
    command,
    support::{FRONTEND, ROLES, World},
};
use insta::assert_snapshot;
use jiff::Timestamp;
use std::{fs, time::Duration};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A world in which nothing is wrong with what is live.
async fn healthy() -> World {
    let world = World::new().await;
    world.site.heals("v214");
    world
}

/// What tom sees when he asks whether a service is ready.
async fn asked(world: &mut World, command: &str) -> String {
    world.tom().says(command).await;
    world.settle().await;
    world.tom().sees()
}

#[tokio::test]
async fn everything_that_a_rollback_would_read_is_read_and_nothing_changes() {
    let mut world = healthy().await;
    let seen = asked(&mut world, "/rollback ready frontend").await;
    assert_snapshot!(seen.replace(&world.site.url(), "https://shop.example.com"), @"
    Rollback Bot (only visible to @tom): Reading frontend (production)…
    Rollback Bot (only visible to @tom):
      frontend (production): ready
      credentials ready: The token works: project frontend (prj_2WkFZr3TqUoXcB7mNvL9sHdYeA4g) readable, 8 production domains. When it expires is not told.
      target ready: It could go back from v214 to v213 (code).
      time not known: How long a rollback takes is not known: none of it has served from here yet.
      pin ready: Automatic deploys can be read; a rollback holds them off.
      approvers ready: code needs 1 approval, and 2 people could give one, 2 of them active in Slack; caution needs 1 approval, and 2 people could give one, 2 of them active in Slack.
      proofs ready: fingerprint says v214; GET https://shop.example.com/api/health answers as it must.
      drill ready: It was never drilled, and no day is set for one.
            `/rollback drill frontend` begins one.
      Read just now; nothing was changed.
    ");
    let requests = world.vercel.requests();
    let changes = requests.iter().filter(|(method, _)| method != "GET");
    assert_eq!(changes.collect::<Vec<_>>(), Vec::<&(String, String)>::new());
}

#[tokio::test]
async fn a_token_that_expires_is_told_before_it_does() {
    let mut world = healthy().await;
    world.vercel.token_ends(at("2026-03-20T12:00:00Z"));
    let seen = asked(&mut world, "/rollback ready frontend").await;
    assert!(
        seen.contains(
            "credentials attention: The token works, and expires at 2026-03-20 12:00 UTC, in 6 d."
        ),
        "{seen}"
    );
    // What was read is kept, and is not believed for longer than it holds.
    world.passes(Duration::from_secs(7 * 86_400)).await;
    let seen = asked(&mut world, "/rollback ready").await;
    assert_snapshot!(seen, @"
    Rollback Bot (only visible to @tom):
      Can it be rolled back now?
      frontend (production)  not ready · read 7 d ago  The token expired at 2026-03-20 12:00 UTC.
      `/rollback ready frontend@production` reads it now, and says what to do about each line.
    ");
    let seen = asked(&mut world, "/rollback").await;
    assert!(
        seen.contains("not ready to roll back: The token expired at 2026-03-20 12:00 UTC."),
        "{seen}"
    );
}

#[tokio::test]
async fn a_target_that_the_platform_removes_soon_is_told() {
    let (mut world, place) = command::world().await;
    fs::write(place.path().join("kept-v213"), "2026-03-16T03:12:00Z").unwrap();
    let seen = asked(&mut world, "/rollback ready api").await;
    assert!(
        seen.contains("target attention: It could go back from v214 to v213 (code), which is kept until 2026-03-16 03:12 UTC, for 2 d more."),
        "{seen}"
    );
    world.passes(Duration::from_secs(3 * 86_400)).await;
    let seen = asked(&mut world, "/rollback ready").await;
    assert!(
        seen.contains(
            "api (production)  not ready · read 3 d ago  v213 was kept until 2026-03-16 03:12 UTC."
        ),
        "{seen}"
    );
}

#[tokio::test]
async fn an_approver_who_has_left_does_not_count() {
    let mut world = World::new().await;
    world.slack.deactivates("U0SAM");
    world.slack.is_away("U0ANA", true);
    let seen = asked(&mut world, "/rollback ready frontend").await;
    assert!(
        seen.contains("approvers attention: code needs 1 approval, and 1 person could give one, 0 of them active in Slack; "),
        "{seen}"
    );
    assert!(
        seen.contains("sam has the role oncall and is deactivated."),
        "{seen}"
    );
    world.slack.deactivates("U0ANA");
    let seen = asked(&mut world, "/rollback ready frontend").await;
    assert!(
        seen.contains("approvers not ready: code needs 1 approval, and nobody could give one; "),
        "{seen}"
    );
}

#[tokio::test]
async fn a_platform_that_does_not_answer_is_not_known_and_one_that_says_no_is_not_ready() {
    let mut world = healthy().await;
    world.vercel.fail_reads(502);
    let seen = asked(&mut world, "/rollback ready frontend").await;
    assert!(seen.contains("frontend (production): not known"), "{seen}");
    world.vercel.fail_reads(403);
    let seen = asked(&mut world, "/rollback ready frontend").await;
    assert!(seen.contains("frontend (production): not ready"), "{seen}");
    assert!(seen.contains("credentials not ready: "), "{seen}");
}

#[tokio::test]
async fn how_long_it_took_the_last_times_is_told() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.passes(Duration::from_secs(600)).await;
    world.slack.take_all();
    let seen = asked(&mut world, "/rollback ready frontend").await;
    assert!(seen.contains("time ready: Going back took "), "{seen}");
    assert!(seen.contains("(RB-1); the goal is 2 m."), "{seen}");
    // What is live now has nothing good before it but v212.
    assert!(
        seen.contains("target ready: It could go back from v213 to v212 (code)."),
        "{seen}"
    );
    assert!(
        seen.contains("pin ready: Automatic deploys can be read: they are held off now."),
        "{seen}"
    );
}

#[tokio::test]
async fn a_check_that_fails_says_that_production_does_not_work() {
    let mut world = World::new().await;
    let seen = asked(&mut world, "/rollback ready frontend").await;
    assert!(seen.contains("proofs not ready: "), "{seen}");
    assert!(
        seen.contains("Look at the service: it does not answer as it must right now"),
        "{seen}"
    );
}

#[tokio::test]
async fn it_is_asked_for_by_name_and_by_people_who_may_see_it() {
    let mut world = World::set_up(ROLES, FRONTEND).await;
    let seen = asked(&mut world, "/rollback ready").await;
    assert!(
        seen.contains("frontend (production)  not read yet"),
        "{seen}"
    );
    let seen = asked(&mut world, "/rollback ready frontent").await;
    assert!(seen.contains("Did you mean frontend?"), "{seen}");
    world.gus().says("/rollback ready frontend").await;
    world.settle().await;
    let seen = world.gus().sees();
    assert!(seen.contains("a guest"), "{seen}");
}
