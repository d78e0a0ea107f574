//! Clocks that are wrong: a machine's clock jumps, stays wrong, or was wrong before a restart.

use crate::support::World;
use jiff::SignedDuration;
use rollback_bot::{store, worker};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const DAY: i64 = 86_400;

/// So many seconds pass, and what falls due in them is done.
async fn seconds_pass(world: &World, seconds: u64) {
    for _ in 0..seconds {
        world.clock.advance(SECOND);
        while worker::run_due(world.app()).await > 0 {}
    }
}

/// Maya asks, sam approves, and it is verified.
async fn goes_on_as_ever(world: &mut World, id: u64) {
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    seconds_pass(world, 20).await;
    assert_eq!(world.rollback(id).await.word(), "PROPOSED");
    world.sam().clicks("Approve").await;
    seconds_pass(world, 40).await;
    assert_eq!(world.rollback(id).await.word(), "VERIFIED");
}

#[tokio::test]
async fn a_clock_that_jumps_for_a_few_seconds_changes_nothing() {
    for jump in [DAY, -DAY, 120, -120] {
        let mut world = World::new().await;
        world.vercel.moves_at_once(true);
        world.with_a_card().await;
        world.clock.set_by(SignedDuration::from_secs(jump));
        seconds_pass(&world, 5).await;
        assert_eq!(world.rollback(1).await.word(), "PROPOSED", "{jump}");
        world.sam().clicks("Approve").await;
        seconds_pass(&world, 5).await;
        world.clock.set_by(SignedDuration::from_secs(-jump));
        seconds_pass(&world, 60).await;
        assert_eq!(world.rollback(1).await.word(), "VERIFIED", "{jump}");
        assert_eq!(world.vercel.rollbacks_asked(), 1);
        world.passes(Duration::from_secs(400)).await;
        world.slack.take_all();
    }
}

#[tokio::test]
async fn a_clock_that_stays_where_it_jumped_is_followed_and_everything_goes_on() {
    for jump in [DAY, -DAY, -3_600, 120, -120] {
        let mut world = World::new().await;
        world.vercel.moves_at_once(true);
        world.maya().says("/rollback").await;
        // What sam may send is used up, and Slack's limits are too.
        for _ in 0..20 {
            world.sam().says("/rollback help").await;
        }
        world.clock.set_by(SignedDuration::from_secs(jump));
        seconds_pass(&world, 60).await;
        let now = world.clock.now();
        let jobs = store::jobs::waiting(&world.app().engine.db).await.unwrap();
        for (kind, _, due, _) in jobs {
            let wait = due.duration_since(now);
            assert!(wait <= SignedDuration::from_secs(301), "{jump}: {kind}");
        }
        goes_on_as_ever(&mut world, 1).await;
        world.passes(Duration::from_secs(400)).await;
        world.slack.take_all();
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_looked_at_twice_although_the_clock_has_jumped() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.lose_without_doing();
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.word(), "UNKNOWN");
    // However far it jumped: one look is not the last one.
    let looks = world.vercel.requests().len();
    world.clock.advance(Duration::from_secs(86_400));
    worker::run_due(world.app()).await;
    assert!(world.vercel.requests().len() > looks);
    assert_eq!(world.rollback(1).await.word(), "UNKNOWN");
    world.passes(Duration::from_secs(400)).await;
    assert_eq!(world.rollback(1).await.word(), "FAILED");
    world.slack.take_all();
}

#[tokio::test]
async fn what_a_clock_that_was_ahead_has_stored_stops_nothing_after_a_restart() {
    for ahead in [DAY, 120] {
        let mut world = World::new().await;
        world.vercel.moves_at_once(true);
        world.with_a_card().await;
        world.stops().await;
        let wrong = world.clock.another();
        wrong.set_by(SignedDuration::from_secs(ahead));
        world.starts_by(wrong).await;
        world.leases_end().await;
        // By its clock the plan has expired: it edits the card, and uses up budgets of Slack's.
        for _ in 0..5 {
            world.clock.advance(SECOND);
            while worker::run_due(world.app()).await > 0 {}
        }
        world.stops().await;
        world.starts().await;
        world.leases_end().await;
        seconds_pass(&world, 60).await;
        match world.rollback(1).await.state.is_ended() {
            true => goes_on_as_ever(&mut world, 2).await,
            false => {
                world.sam().clicks("Approve").await;
                seconds_pass(&world, 40).await;
                assert_eq!(world.rollback(1).await.word(), "VERIFIED");
            }
        }
        world.passes(Duration::from_secs(400)).await;
        world.slack.take_all();
    }
}

#[tokio::test]
async fn one_replica_with_a_wrong_clock_stops_nobody() {
    for off in [DAY, -DAY, 240, -240] {
        let mut world = World::new().await;
        world.vercel.moves_at_once(true);
        let wrong = world.clock.another();
        wrong.set_by(SignedDuration::from_secs(off));
        let Some(other) = world.another_by(wrong).await else {
            continue;
        };
        world
            .maya()
            .says("/rollback frontend because checkout 500s")
            .await;
        for _ in 0..20 {
            world.clock.advance(SECOND);
            while worker::run_due(&other).await > 0 {}
            while worker::run_due(world.app()).await > 0 {}
        }
        assert_eq!(world.rollback(1).await.word(), "PROPOSED", "{off}");
        world.sam().clicks("Approve").await;
        for _ in 0..40 {
            world.clock.advance(SECOND);
            while worker::run_due(&other).await > 0 {}
            while worker::run_due(world.app()).await > 0 {}
        }
        assert_eq!(world.rollback(1).await.word(), "VERIFIED", "{off}");
        world.passes(Duration::from_secs(400)).await;
        world.slack.take_all();
        other.engine.db.close().await;
    }
}
