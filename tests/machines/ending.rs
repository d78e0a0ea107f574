//! SIGTERM: what was promised is kept, what was begun is ended, and the rest is free at once.

use crate::process::{CHANNEL, On, World, until};
use rollback_simulation::Fault;
use rustix::process::Signal;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep};

/// How many people type at once.
const PEOPLE: usize = 12;
/// How long an end may take: the supervisor kills it soon after.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_promised_before_the_end_is_in_the_record() {
    for on in On::all() {
        let world = Arc::new(World::new(on).await);
        let mut bot = world.starts().await;
        // From the first note on she is known to be a full member, and answered at once.
        let first = world
            .slack
            .says("U0MAYA", CHANNEL, "/rollback note the first.");
        assert_eq!(first.await.status, 200);
        let noted = async || !world.record().await.timeline().await.is_empty();
        assert!(until(Duration::from_secs(20), noted).await, "{}", bot.log());
        let enough = Arc::new(AtomicBool::new(false));
        let mut people = JoinSet::new();
        for person in 0..PEOPLE {
            let (world, enough) = (world.clone(), enough.clone());
            people.spawn(async move {
                let mut said = vec![];
                for n in 0.. {
                    if enough.load(Ordering::SeqCst) {
                        break;
                    }
                    let note = format!("note {person}-{n}.");
                    let typed = format!("/rollback note {note}");
                    let answer = world.slack.says("U0MAYA", CHANNEL, &typed).await;
                    said.push((note, answer.status));
                    sleep(Duration::from_millis(20)).await;
                }
                said
            });
        }
        sleep(Duration::from_millis(1_500)).await;
        let told = Instant::now();
        bot.signal(Signal::TERM);
        let status = bot.ended(ENDS_WITHIN).await;
        let took = told.elapsed();
        assert!(
            status.is_some_and(|status| status.success()),
            "{status:?} after {took:?}: {}",
            bot.log()
        );
        sleep(Duration::from_millis(300)).await;
        enough.store(true, Ordering::SeqCst);
        let said: Vec<(String, u16)> = people.join_all().await.into_iter().flatten().collect();
        let _next = world.starts().await;
        let timeline = world.record().await.timeline().await;
        let noted: BTreeSet<String> = timeline.iter().map(|entry| entry.event.text()).collect();
        let (answered, unanswered): (Vec<_>, Vec<_>) =
            said.iter().partition(|(_, status)| *status == 200);
        for (note, _) in &answered {
            assert!(noted.contains(note.as_str()), "{note} was promised");
        }
        for (note, status) in &unanswered {
            assert!(
                !noted.contains(note.as_str()),
                "{note} was taken, and answered {status}"
            );
        }
        // Whoever came later was refused, and not left waiting.
        let refused = unanswered.iter().filter(|(_, status)| *status == 503);
        assert!(refused.count() > 0, "{unanswered:?}");
        println!(
            "{on}: {} commands answered and kept, {} refused or not read, ended after {} ms",
            answered.len(),
            unanswered.len(),
            took.as_millis()
        );
        assert_eq!(world.violations(), Vec::<String>::new());
        world.ends().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_ended_is_free_for_the_next_one_at_once() {
    for on in On::all() {
        let world = World::new(on).await;
        let mut bot = world.starts().await;
        // Slack takes the card and does not answer.
        world
            .slack
            .fault(Fault::Hang, Some("chat.postMessage"), Some(1));
        let asked = "/rollback frontend because checkout 500s";
        assert!(world.slack.says("U0MAYA", CHANNEL, asked).await.is_ok());
        let proposed = async || bot.log().contains("state=\"proposed\"");
        assert!(until(Duration::from_secs(10), proposed).await);
        sleep(Duration::from_millis(500)).await;
        let told = Instant::now();
        bot.signal(Signal::TERM);
        let status = bot.ended(ENDS_WITHIN).await;
        assert!(
            status.is_some_and(|status| status.success()),
            "{status:?} after {:?}: {}",
            told.elapsed(),
            bot.log()
        );
        world.slack.heal();
        let _next = world.starts().await;
        // Not after thirty seconds, when its lease would have ended.
        let card = world
            .slack
            .shows(CHANNEL, "· RB-1 ·", Duration::from_secs(8));
        card.await.unwrap();
        assert_eq!(world.violations(), Vec::<String>::new());
        world.ends().await;
    }
}
