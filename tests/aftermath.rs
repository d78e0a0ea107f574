//! What is told of production after a rollback was closed: that its pin is gone, that somebody else
//! moved it, that automatic deploys are still held off, and that the platform does not keep what
//! production was taken to.

use crate::{
    command, docker, emergency, releases,
    support::{World, docker::id},
};
use insta::assert_snapshot;
use std::{fs, os::unix::fs::symlink, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// frontend was rolled back to v213 and is not watched any more.
async fn closed() -> World {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(20 * MINUTE).await;
    assert_eq!(world.rollback(1).await.state.name(), "closed");
    world.slack.take_all();
    world
}

/// What the timeline has of it.
async fn recorded(world: &World, what: &str) -> usize {
    let record = world.record().await;
    record.lines().filter(|line| line.contains(what)).count()
}

#[tokio::test]
async fn a_pin_that_somebody_takes_off_elsewhere_is_told_once() {
    let mut world = closed().await;
    world.vercel.unpin();
    world.passes(6 * MINUTE).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @maya and @sam: automatic deploys of frontend (production) are on again, and that was not done from here: the next one goes live. Hold them off on Vercel if that could bring v214 back.");
    assert_eq!(recorded(&world, "automatic deploys are on again").await, 1);
    // What is deployed then is a deploy like any other.
    world
        .vercel
        .deploy("v215", "5e6f7a8b9c0", "checkout again", "kim");
    world.passes(HOUR).await;
    assert_snapshot!(world.channel(), @"");
    // But not the release that was left.
    world.vercel.promote("v214");
    world.passes(6 * MINUTE).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @maya and @sam: frontend (production) serves v214, which was left as bad by RB-1. That was not done from here. `/rollback frontend@production because …` proposes to go back.");
    world.passes(HOUR).await;
    assert_snapshot!(world.channel(), @"");
    assert_eq!(recorded(&world, "left as bad by RB-1").await, 1);
}

#[tokio::test]
async fn production_that_moves_although_it_is_pinned_is_told() {
    let mut world = closed().await;
    world.vercel.deploy("v215", "5e6f7a8b9c0", "hotfix", "lee");
    for surface in world.rollback(1).await.surfaces {
        world.vercel.point(&surface.name, "v215");
    }
    world.passes(6 * MINUTE).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @maya and @sam: frontend (production) serves v215, although automatic deploys are held off since RB-1. That was not done from here. `/rollback frontend@production because …` proposes to go back.");
}

#[tokio::test]
async fn a_rollback_on_the_platform_is_recorded_as_one() {
    let mut world = closed().await;
    world.vercel.roll_back("v212");
    world.passes(6 * MINUTE).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @maya and @sam: frontend (production) was taken back to v212, and not from here. `/rollback list frontend@production` shows what there is.");
    assert_eq!(
        recorded(&world, "was taken back to v212, and not from here").await,
        1
    );
}

#[tokio::test]
async fn what_people_do_from_here_is_no_news() {
    let mut world = closed().await;
    world.sam().says("/rollback unpin frontend").await;
    world.settle().await;
    world.slack.take_all();
    world.passes(HOUR).await;
    assert_snapshot!(world.channel(), @"");
    world
        .maya()
        .says("/rollback frontend to v212 because of the carts")
        .await;
    world.settle().await;
    world.sam().clicks("Approve").await;
    world.passes(HOUR).await;
    assert_eq!(world.vercel.production(), "v212");
    world.slack.take_all();
    world.passes(3 * HOUR).await;
    assert_snapshot!(world.channel(), @"");
    assert_eq!(recorded(&world, "not done from here").await, 0);
}

#[tokio::test]
async fn the_owner_of_a_pin_is_reminded_until_it_is_taken_off() {
    let mut world = closed().await;
    world.passes(23 * HOUR).await;
    assert_snapshot!(world.channel(), @"");
    world.passes(2 * HOUR).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot:
      @sam: automatic deploys of frontend (production) are still held off since RB-1, so that v214 does not come back by itself. `/rollback unpin frontend@production` lets them go live again.
      [ Snooze for 2 days ]
    ");
    // Once, whatever happens in between.
    world.stops().await;
    world.starts().await;
    world.passes(24 * HOUR).await;
    assert_snapshot!(world.channel(), @"");
    world.passes(24 * HOUR).await;
    let seen = world.channel();
    assert_eq!(
        seen.matches("still held off").count(),
        1,
        "the third day: {seen}"
    );
    world.sam().says("/rollback unpin frontend").await;
    world.settle().await;
    world.slack.take_all();
    world.passes(8 * 24 * HOUR).await;
    assert_snapshot!(world.channel(), @"");
}

/// What the button below the newest reminder and the words of `pins snooze` do.
#[tokio::test]
async fn a_reminder_of_a_pin_is_put_off() {
    let mut world = closed().await;
    world.passes(25 * HOUR).await;
    world.slack.take_all();
    world.sam().clicks("Snooze for 2 days").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @sam): Checking your permissions… I'll post here when it is done.
    Rollback Bot: @sam put the reminder off that automatic deploys of frontend (production) are held off, until 2026-03-17 04:32 UTC. `/rollback unpin frontend@production` lets them go live again.
    ");
    assert_eq!(recorded(&world, "put the reminder of the pin").await, 1);
    // The reminder of the third day is over before that.
    world.passes(47 * HOUR).await;
    assert_snapshot!(world.channel(), @"");
    world.stops().await;
    world.starts().await;
    world.passes(2 * HOUR).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot:
      @sam: automatic deploys of frontend (production) are still held off since RB-1, so that v214 does not come back by itself. `/rollback unpin frontend@production` lets them go live again.
      [ Snooze for 2 days ]
    ");
    // Anybody in the team may, in words too.
    world.tom().says("/rollback pins snooze frontend 14d").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @tom): Checking your permissions… I'll post here when it is done.
    Rollback Bot: @tom put the reminder off that automatic deploys of frontend (production) are held off, until 2026-03-31 05:32 UTC. `/rollback unpin frontend@production` lets them go live again.
    ");
    world.passes(13 * 24 * HOUR).await;
    assert_snapshot!(world.channel(), @"");
    world.passes(25 * HOUR).await;
    assert_eq!(
        world
            .channel()
            .lines()
            .filter(|line| line.contains("still held off"))
            .count(),
        1
    );
    for (said, told) in [
        (
            "pins snooze frontend 15d",
            "\"15d\" is no time from one hour to two weeks",
        ),
        (
            "pins snooze frontend 20m",
            "\"20m\" is no time from one hour to two weeks",
        ),
        ("pins snooze shop 2d", "shop"),
    ] {
        world.sam().says(&format!("/rollback {said}")).await;
        world.settle().await;
        let seen = world.sam().sees();
        assert!(seen.contains(told), "{said}: {seen}");
    }
    world.sam().says("/rollback unpin frontend").await;
    world.settle().await;
    world.slack.take_all();
    world.sam().says("/rollback pins snooze frontend 2d").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Checking your permissions… I'll post here when it is done.
    Rollback Bot (only visible to @sam): No rollback of frontend (production) that is over holds automatic deploys off: there is nothing to be reminded of. Nothing was changed.
    ");
}

/// A pin is outstanding for as long as it is on.
#[tokio::test]
async fn a_pin_is_reminded_of_every_week_without_an_end() {
    let mut world = closed().await;
    for _day in 0..36 {
        world.passes(24 * HOUR).await;
    }
    let seen = world.channel();
    assert_eq!(seen.matches("still held off").count(), 7, "{seen}");
    world.vercel.unpin();
    world.passes(6 * MINUTE).await;
    let seen = world.channel();
    assert!(seen.contains("are on again"), "{seen}");
}

#[tokio::test]
async fn those_who_may_unpin_are_reminded_where_an_emergency_was_run_by_somebody_else() {
    let mut world = emergency::broken().await;
    world.passes(20 * MINUTE).await;
    assert_eq!(world.rollback(1).await.state.name(), "closed");
    world.slack.take_all();
    world.passes(25 * HOUR).await;
    let seen = world.channel();
    let mut lines = seen.lines();
    let reminder = lines.find(|line| line.contains("still held off"));
    assert_snapshot!(reminder.unwrap(), @"  @sam and @ana: automatic deploys of frontend (production) are still held off since RB-1 (run by @tom, who may not unpin), so that v214 does not come back by itself. `/rollback unpin frontend@production` lets them go live again.");
    world.slack.take_all();
}

/// The engine has removed the image that runs; whatever else is told of it is told once.
#[tokio::test]
async fn a_target_that_the_platform_does_not_keep_is_told_once() {
    let (mut world, engine) = docker::world().await;
    docker::proposes(&mut world).await;
    docker::approves(&mut world, "v2").await;
    world.passes(20 * MINUTE).await;
    assert_eq!(world.rollback(1).await.state.name(), "closed");
    world.slack.take_all();
    engine.change(|inside| inside.images.remove(&id("v212")));
    world.passes(6 * MINUTE).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @maya and @sam: Docker does not keep v212 any more, which RB-1 took shop (production) back to: the engine has removed its image. It cannot be gone back to again, and may not start again: deploy a fixed version soon.");
    world.passes(5 * HOUR).await;
    assert_snapshot!(world.channel(), @"");
    assert_eq!(recorded(&world, "is not kept any more").await, 1);
}

#[tokio::test]
async fn a_target_that_is_about_to_expire_is_told_once() {
    let (mut world, place) = command::world().await;
    command::roll_back(&mut world).await;
    world.passes(20 * MINUTE).await;
    world.slack.take_all();
    command::keeps(&place, "v213", "2026-03-20T12:00:00Z");
    world.passes(HOUR).await;
    assert_snapshot!(world.channel(), @"");
    world.passes(4 * 24 * HOUR).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @sam: deployctl keeps v213, which RB-1 took api (production) back to, until 2026-03-20 12:00 UTC. After that it cannot be gone back to again: deploy a fixed version before then.");
    world.passes(4 * 24 * HOUR).await;
    assert_snapshot!(world.channel(), @"");
    assert_eq!(recorded(&world, "is kept until").await, 1);
}

#[tokio::test]
async fn where_nothing_is_held_off_a_move_is_told_only_to_what_is_bad() {
    let (mut world, place) = releases::shop().await;
    let shop = place.join("shop");
    world.sam().says("/rollback shop because 500s").await;
    world.settle().await;
    world.sam().clicks("Approve").await;
    world.passes(20 * MINUTE).await;
    assert_eq!(world.rollback(1).await.state.name(), "closed");
    world.slack.take_all();
    let goes_live = |release: &str| {
        fs::create_dir_all(shop.join("releases").join(release)).unwrap();
        fs::remove_file(shop.join("current")).unwrap();
        symlink(format!("releases/{release}"), shop.join("current")).unwrap();
    };
    goes_live("v215");
    world.passes(HOUR).await;
    assert_snapshot!(world.channel(), @"");
    goes_live("v214");
    world.passes(HOUR).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @sam: shop (local) serves v214, which was left as bad by RB-1. That was not done from here. `/rollback shop@local because …` proposes to go back.");
    fs::remove_dir_all(place).unwrap();
}
