//! Bad days: Slack down, processes gone, fifty people clicking at once.

use crate::support::{FRONTEND, IN_TIME, ROLES, World};
use insta::assert_snapshot;
use rollback_bot::{
    engine::{Engine, NewNote, Submission},
    store::{
        Db, Tx,
        jobs::{self, Lease, LeaseEnd, Next},
    },
    worker,
};
use rollback_domain::{identity::RollbackId, job::Job, people::Person, refusal::Source};
use rollback_simulation::Fault;
use std::time::Duration;

#[tokio::test]
async fn slack_being_down_delays_words_and_not_the_rollback() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    // Who Sam is was read; then Slack goes away for five minutes.
    while world.rollback(1).await.state.name() == "proposed" {
        worker::run_due(world.app()).await;
    }
    world.slack.set_fault(Some(Fault::Outage));
    world.passes(Duration::from_secs(300)).await;
    assert_eq!(world.vercel.production(), "v213");
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world.slack.take_all();
    world.slack.heal();
    world.passes(Duration::from_secs(180)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:00 UTC 8/8 on v213
      ✅ Verified 03:12:02 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Undo… ] [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: … entries.
      |   [file INC-1-RB-1-timeline.md]
    Rollback Bot:
      Late: Slack took no messages from 03:12:02 UTC to 03:17:08 UTC. What happened meanwhile:
      • 03:12:02 UTC  ✅ frontend (production) is back on v213 (RB-1) · @maya, approved by @sam
      version v213 answers, 1/1 checks pass · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
      Automatic deploys are off until `/rollback unpin frontend@production`.
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);
    assert_eq!(world.vercel.rollbacks_asked(), 1);
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_is_not_posted_twice() {
    let mut world = World::new().await;
    world
        .slack
        .fault(Fault::LoseAnswer, Some("chat.postMessage"), Some(1));
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.passes(Duration::from_secs(10)).await;
    assert_eq!(world.channel().matches("Roll back frontend to").count(), 1);
    world.sam().clicks("Cancel").await;
    world.settle().await;
    assert!(world.channel().contains("RB-1 CANCELLED"));
    world.slack.take_all();
}

#[tokio::test]
async fn slack_asking_to_slow_down_is_obeyed() {
    let mut world = World::new().await;
    world.slack.fault(
        Fault::RateLimited { retry_after: 30 },
        Some("chat.postMessage"),
        Some(1),
    );
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.passes(Duration::from_secs(29)).await;
    assert!(!world.channel().contains("Roll back"));
    world.passes(Duration::from_secs(5)).await;
    assert!(world.channel().contains("Roll back frontend to"));
    world.slack.take_all();
}

#[tokio::test]
async fn a_process_that_starts_again_finds_the_card_open() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.stops().await;
    world.starts().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn a_process_that_dies_while_asking_never_asks_again() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.sam().clicks("Approve").await;
    world.vercel.hang_after_accepting();
    world.vercel.moves_at_once(true);
    // The platform has the request, and the process is gone before the answer.
    let app = world.app().clone();
    let dying = tokio::spawn(async move {
        loop {
            worker::run_due(&app).await;
        }
    });
    while world.vercel.rollbacks_asked() == 0 {
        tokio::task::yield_now().await;
    }
    dying.abort();
    let _ = dying.await;
    world.stops().await;
    world.starts().await;
    world.leases_end().await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    let record = world.record().await;
    assert!(record.contains("the answer was lost"), "{record}");
    world.slack.take_all();
    world.vercel.abandon();
}

#[tokio::test]
async fn fifty_people_click_and_the_platform_is_asked_once() {
    // Two people, that is; they may click so fast.
    let fast = format!("{ROLES}[limits]\nperson_per_minute = 600\n");
    let mut world = World::set_up(&fast, FRONTEND).await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    let clicks = (0..50).map(|n| {
        let slack = world.slack.clone();
        let who = ["U0SAM", "U0ANA"][n % 2];
        tokio::spawn(async move { slack.clicks(who, "Approve").await.unwrap().is_ok() })
    });
    for click in clicks.collect::<Vec<_>>() {
        assert!(click.await.unwrap());
    }
    world.settle().await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    let record = world.record().await;
    assert_eq!(record.matches("approved plan").count(), 1);
    assert_eq!(
        record
            .matches("refused: tried `approve` and was refused (ALREADY_UNDER_WAY)")
            .count(),
        49
    );
    let told = world.sam().sees() + &world.ana().sees();
    assert_eq!(told.matches("was already approved by @").count(), 49);
    world.slack.take_all();
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_even_when_the_channel_is_busy() {
    let mut world = World::new().await;
    world
        .slack
        .fault(Fault::LoseAnswer, Some("chat.postMessage"), Some(1));
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    worker::run_due(world.app()).await;
    worker::run_due(world.app()).await;
    // Something else is posted in the very second in which the card is tried again.
    world.clock.advance(Duration::from_secs(2));
    world
        .slack
        .says("U0TOM", crate::support::CHANNEL, "<@UBOT> note looking")
        .await;
    world.passes(Duration::from_secs(20)).await;
    assert_eq!(world.channel().matches("Roll back frontend to").count(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn a_worker_that_slept_through_its_step_does_not_end_the_next_one() {
    let mut world = World::new().await;
    let Engine { db, clock, .. } = world.app().engine.clone();
    let job = Job::Card {
        rollback: RollbackId::new(7),
    };
    let poked = async || {
        let mut tx = db.begin().await.unwrap();
        jobs::poke(&mut tx, &[(job.clone(), clock.now())])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        clock.advance(Duration::from_secs(1));
    };
    let claimed = async || {
        let mut claimed = jobs::claim(&db, clock.now(), 10, jobs::Claim::Everything)
            .await
            .unwrap();
        claimed.retain(|lease| lease.job == job);
        claimed.pop().unwrap()
    };
    let ended = async |lease: &Lease| {
        let mut tx = db.begin().await.unwrap();
        let now = clock.now();
        let ended = jobs::finish(&mut tx, lease, &Next::Done, now).await;
        tx.commit().await.unwrap();
        ended.unwrap()
    };
    poked().await;
    let asleep = claimed().await;
    // Its lease ends, somebody else does the job, and later it is to be done again.
    jobs::release(&db, &asleep).await.unwrap();
    let other = claimed().await;
    assert_eq!(ended(&other).await, LeaseEnd::Well);
    poked().await;
    let next = claimed().await;
    assert_eq!(ended(&asleep).await, LeaseEnd::Lost, "it is another job");
    assert_eq!(ended(&next).await, LeaseEnd::Well);
    world.settle().await;
}

#[tokio::test]
async fn a_card_that_is_found_late_shows_what_is_true_by_then() {
    let mut world = World::new().await;
    world
        .slack
        .fault(Fault::LoseAnswer, Some("chat.postMessage"), Some(1));
    // And nobody can look for it until all is over.
    world
        .slack
        .fault(Fault::Outage, Some("conversations.history"), None);
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(600)).await;
    assert_eq!(world.rollback(1).await.state.name(), "closed");
    world.slack.heal();
    world.passes(Duration::from_secs(120)).await;
    let seen = world.channel();
    assert!(seen.contains("RB-1 VERIFIED  frontend"), "{seen}");
    assert!(!seen.contains("Roll back frontend to"), "{seen}");
}

#[tokio::test]
async fn a_file_that_cannot_be_looked_for_is_not_uploaded_twice() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    let fault = |fault, method| world.slack.fault(fault, Some(method), Some(1));
    fault(Fault::LoseAnswer, "files.completeUploadExternal");
    fault(Fault::Outage, "conversations.replies");
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(600)).await;
    let files = world.slack.files();
    let shared = files.iter().filter(|file| file.channel.is_some()).count();
    assert_eq!(shared, 1);
    assert!(world.record().await.contains("exported: exported INC-1"));
    world.slack.take_all();
}

#[tokio::test]
async fn a_form_that_is_saved_again_is_no_forgery() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.sam().clicks("Object").await;
    world.settle().await;
    world
        .slack
        .types("U0SAM", "look at the queue first")
        .unwrap();
    // Slack has not heard that it was taken, and the form stays open for the second time.
    assert!(world.slack.submits("U0SAM").await.unwrap().is_ok());
    assert!(world.slack.redeliver_last().await.is_ok());
    world.settle().await;
    let record = world.record().await;
    assert!(record.contains("look at the queue first"), "{record}");
    assert!(!record.contains("FORGED"), "{record}");
    world.slack.take_all();
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_said_in_time() {
    let mut world = World::new().await;
    // Nobody else gets a connection to write with.
    let held = hold_the_database(&world).await;
    let began = std::time::Instant::now();
    let asked = (0..5).map(|n| {
        let slack = world.slack.clone();
        let text = format!("/rollback note still looking {n}");
        tokio::spawn(async move {
            let answer = slack.says("U0MAYA", crate::support::CHANNEL, &text).await;
            (answer, std::time::Instant::now())
        })
    });
    let mut bodies = vec![];
    for asked in asked.collect::<Vec<_>>() {
        let (answer, at) = asked.await.unwrap();
        bodies.push(answer.body.clone());
        let took = at.duration_since(began);
        assert!(took < IN_TIME, "answered after {took:?}: {}", answer.body);
        assert!(answer.is_ok(), "{}: {}", answer.status, answer.body);
    }
    drop(held);
    let said = world.maya().sees();
    assert_eq!(
        said.matches("does not answer").count(),
        5,
        "{said}: {bodies:?}"
    );
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn what_reads_a_record_that_is_held_up_is_said_in_time() {
    let world = World::new().await;
    world.maya().says("/rollback note looking").await;
    let held = hold_up_reading(&world).await;
    for text in ["/rollback timeline", "/rollback status", "/rollback"] {
        let began = std::time::Instant::now();
        let answer = world.maya().says(text).await;
        let took = began.elapsed();
        assert!(took < IN_TIME, "{text}: {took:?}");
        assert!(answer.body.contains("does not answer"), "{}", answer.body);
    }
    drop(held);
    world.slack.take_all();
    world.sam().sees();
    world.maya().sees();
}

#[tokio::test]
async fn a_click_while_the_record_is_held_up_is_answered_in_time() {
    let mut world = World::by_requests(ROLES, FRONTEND).await;
    world.with_a_card().await;
    let held = hold_up_reading(&world).await;
    // Slack waits for three seconds, and marks the button where it is told no.
    let answer = world.slack.clicks("U0SAM", "Approve").await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.body);
    drop(held);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.approvals.len(), 1);
    world.slack.take_all();
}

/// Has nobody read the record: on SQLite for want of a connection, on Postgres for a lock.
async fn hold_up_reading(world: &World) -> Vec<Box<dyn std::any::Any>> {
    let mut held: Vec<Box<dyn std::any::Any>> = vec![];
    match &world.app().engine.db {
        Db::Sqlite { read, .. } => {
            for _ in 0..4 {
                held.push(Box::new(read.acquire().await.unwrap()));
            }
        }
        Db::Postgres(pool) => {
            let mut tx = pool.begin().await.unwrap();
            sqlx::query(
                "LOCK TABLE timeline, incident, rollback, message IN ACCESS EXCLUSIVE MODE",
            )
            .execute(&mut *tx)
            .await
            .unwrap();
            held.push(Box::new(tx));
        }
    }
    held
}

/// Every connection that could write, taken.
pub async fn hold_the_database(world: &World) -> Vec<Tx> {
    let db = &world.app().engine.db;
    let mut held = vec![];
    while let Ok(Ok(tx)) = tokio::time::timeout(Duration::from_millis(300), db.begin()).await {
        held.push(tx);
    }
    held
}

/// Postgres finds out after a second, in which everybody behind them waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_that_share_commits_do_not_wait_for_each_other() {
    let world = World::new().await;
    let db = world.app().engine.db.clone();
    let replicas = [0, 1].map(|_| Engine::new(db.clone(), world.clock.clone()));
    let note = |channel: usize| {
        Submission::Note(NewNote {
            channel: format!("C{channel}"),
            by: Person::new("U0MAYA", "maya"),
            source: Source::Command,
            at: world.clock.now(),
            zone: None,
            text: "looking".into(),
            is_correction: false,
            echo: None,
        })
    };
    for channel in 0..6 {
        let key = format!("first:{channel}");
        replicas[0].take(&key, note(channel)).await.unwrap();
    }
    // One takes the channels in this order, the other one in that.
    let asked = (0..600).map(|n| {
        let (replica, at) = (replicas[n % 2].clone(), n / 2 % 6);
        let ask = note(if n % 2 == 0 { at } else { 5 - at });
        tokio::spawn(async move { replica.take(&format!("note:{n}"), ask).await })
    });
    for taken in asked.collect::<Vec<_>>() {
        taken.await.unwrap().unwrap();
    }
    if let Db::Postgres(pool) = &db {
        // When Postgres has counted.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let count = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        let (deadlocks,): (i64,) = sqlx::query_as(count).fetch_one(pool).await.unwrap();
        assert_eq!(deadlocks, 0);
    }
}
