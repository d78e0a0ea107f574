//! Many at once: what is asked for in the same moment is read once, and never from before it was
//! asked.

use crate::support::{CHANNEL, FRONTEND, ROLES, World};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_after_an_answer_sees_what_it_promised() {
    let fast =
        format!("{ROLES}[limits]\nperson_per_minute = 100000\nchannel_per_minute = 100000\n");
    let world = World::set_up(&fast, FRONTEND).await;
    let (slack, stop) = (world.slack.clone(), Arc::new(AtomicBool::new(false)));
    let crowd: Vec<_> = (0..8)
        .map(|_| {
            let (slack, stop) = (slack.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let answer = slack.says("U0TOM", CHANNEL, "/rollback timeline").await;
                    assert!(answer.is_ok(), "{}: {}", answer.status, answer.body);
                }
            })
        })
        .collect();
    for n in 0..30 {
        world.maya().says(&format!("/rollback note fact {n}")).await;
        let seen = world.sam().says("/rollback timeline").await;
        assert!(seen.body.contains(&format!("fact {n}")), "{}", seen.body);
    }
    stop.store(true, Ordering::Relaxed);
    for one in crowd {
        one.await.unwrap();
    }
    world.slack.take_all();
}

#[tokio::test(flavor = "multi_thread")]
async fn proposals_of_one_moment_open_one_rollback_each_for_its_service() {
    let mut world = World::new().await;
    let asks = (0..40).map(|n| {
        let slack = world.slack.clone();
        let person = ["U0MAYA", "U0SAM", "U0ANA", "U0TOM"][n % 4];
        tokio::spawn(async move {
            let text = format!("/rollback frontend because reason {n}");
            slack.says(person, CHANNEL, &text).await
        })
    });
    let (mut opened, mut refused) = (0, 0);
    for ask in asks.collect::<Vec<_>>() {
        let answer = ask.await.unwrap();
        assert!(answer.is_ok(), "{}: {}", answer.status, answer.body);
        opened += usize::from(answer.body.contains("RB-1: finding"));
        refused += usize::from(answer.body.contains("already"));
    }
    assert_eq!((opened, refused), (1, 39));
    let record = world.record().await;
    assert_eq!(record.matches("ALREADY_OPEN").count(), 39, "{record}");
    world.settle().await;
    world.sam().clicks("Cancel").await;
    world.settle().await;
    world.slack.take_all();
}
