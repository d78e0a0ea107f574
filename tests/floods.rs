//! Floods: whatever comes in masses, somebody who approves is answered at once.

use crate::support::{CHANNEL, IN_TIME, World};
use rollback_bot::worker;
use rollback_simulation::{Fault, Person};
use std::time::{Duration, Instant};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinHandle};

/// A card, and a platform that moves at once.
async fn a_card() -> World {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world
}

/// Sam approves, and it is taken in time.
async fn sam_is_answered(world: &mut World) {
    let clicked = Instant::now();
    world.sam().clicks("Approve").await;
    while world.rollback(1).await.approvals.is_empty() {
        worker::run_due(world.app()).await;
        assert!(clicked.elapsed() < IN_TIME);
    }
    assert!(clicked.elapsed() < IN_TIME);
}

/// The flood is over, and everything comes to its end.
async fn it_ends_well(mut world: World) {
    world.passes(Duration::from_secs(900)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
    for person in 0..100 {
        world.slack.take_ephemerals(&format!("U0G{person}"));
    }
}

#[tokio::test]
async fn idle_connections_keep_nobody_out() {
    let mut world = a_card().await;
    let address = world.base().trim_start_matches("http://").to_owned();
    let mut held = vec![];
    for n in 0..700 {
        let Ok(mut stream) = TcpStream::connect(&address).await else {
            break;
        };
        let begun: &[u8] = match n % 3 {
            0 => b"",
            1 => b"POST /slack/interactions HT",
            _ => b"POST /slack/commands HTTP/1.1\r\nhost: h\r\ncontent-length: 99\r\nx-slack-signature: v0=00\r\n\r\na",
        };
        let _ = stream.write_all(begun).await;
        held.push(stream);
    }
    assert!(held.len() > 600, "{}", held.len());
    sam_is_answered(&mut world).await;
    let http = rollback_bot::http_client().unwrap();
    for path in ["healthz", "readyz", "metrics"] {
        let asked = http.get(format!("{}/{path}", world.base())).send();
        let answer = tokio::time::timeout(IN_TIME, asked).await;
        assert!(answer.unwrap().unwrap().status().is_success(), "{path}");
    }
    drop(held);
    it_ends_well(world).await;
}

#[tokio::test]
async fn guests_who_all_want_something_keep_nobody_from_approving() {
    let mut world = a_card().await;
    for n in 0..100 {
        let id = format!("U0G{n}");
        let guest = Person::member(&id, &format!("guest{n}")).guest();
        world.slack.add_person(guest);
        world.slack.set_person_in(&id, CHANNEL, true);
    }
    for command in ["who frontend", "why RB-1", "list frontend"] {
        for n in 0..100 {
            let id = format!("U0G{n}");
            let text = format!("/rollback {command}");
            let _ = world.slack.says(&id, CHANNEL, &text).await;
        }
    }
    // Each reading takes its time.
    world.slack.set_delay(Duration::from_millis(50));
    sam_is_answered(&mut world).await;
    world.slack.set_delay(Duration::ZERO);
    it_ends_well(world).await;
}

#[tokio::test]
async fn whoever_says_retry_at_once_is_not_called_again_and_again() {
    let mut world = a_card().await;
    for method in ["chat.update", "chat.postMessage", "chat.postEphemeral"] {
        let at_once = Fault::RateLimited { retry_after: 0 };
        world.slack.fault(at_once, Some(method), None);
    }
    let before = world.slack.calls().len();
    sam_is_answered(&mut world).await;
    world.passes(Duration::from_secs(20)).await;
    let called = world.slack.calls().len() - before;
    assert!(called < 100, "{called}");
    world.slack.heal();
    it_ends_well(world).await;
}

/// Somebody who sends a hundred megabytes, as far as they are taken.
fn sends_much(address: String) -> JoinHandle<()> {
    tokio::spawn(async move {
        let Ok(mut stream) = TcpStream::connect(&address).await else {
            return;
        };
        let head = "POST /slack/interactions HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\nx-slack-signature: v0=00\r\nx-slack-request-timestamp: 1\r\n\r\n";
        let mut chunk = format!("{:x}\r\n", 1 << 16).into_bytes();
        chunk.extend(vec![b'a'; 1 << 16]);
        chunk.extend(b"\r\n");
        let _ = stream.write_all(head.as_bytes()).await;
        for _ in 0..1_600 {
            if stream.write_all(&chunk).await.is_err() {
                return;
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_a_hundred_megabytes_keep_nobody_out() {
    let mut world = a_card().await;
    let address = world.base().trim_start_matches("http://").to_owned();
    let sending: Vec<_> = (0..50).map(|_| sends_much(address.clone())).collect();
    sam_is_answered(&mut world).await;
    for one in sending {
        one.abort();
    }
    it_ends_well(world).await;
}
