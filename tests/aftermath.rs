//! What is told of production after a rollback was closed: that its pin is gone, that somebody else
//! moved it, and that automatic deploys are still held off.

use crate::{releases, support::World};
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
    assert_snapshot!(world.channel(), @"Rollback Bot: @sam: automatic deploys of frontend (production) are still held off since RB-1, so that v214 does not come back by itself. `/rollback unpin frontend@production` lets them go live again.");
    // Once, whatever happens in between.
    world.stops().await;
    world.starts().await;
    world.passes(24 * HOUR).await;
    assert_snapshot!(world.channel(), @"");
    world.passes(24 * HOUR).await;
    assert_eq!(world.channel().lines().count(), 1, "the third day");
    world.sam().says("/rollback unpin frontend").await;
    world.settle().await;
    world.slack.take_all();
    world.passes(8 * 24 * HOUR).await;
    assert_snapshot!(world.channel(), @"");
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
