use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// Reads that end when they are let: each gives how many had begun before it.
fn gated() -> (Reads<&'static str, usize>, Arc<Semaphore>, Arc<AtomicUsize>) {
    (
        Reads::default(),
        Arc::new(Semaphore::new(0)),
        Arc::new(AtomicUsize::new(0)),
    )
}

#[tokio::test]
async fn whoever_comes_while_it_is_read_gets_the_next_read_and_shares_it() {
    let (reads, gate, begun) = gated();
    let ask = || {
        let (reads, gate, begun) = (Reads(reads.0.clone()), gate.clone(), begun.clone());
        tokio::spawn(async move {
            let read = move |_| {
                let (gate, n) = (gate.clone(), begun.fetch_add(1, Ordering::SeqCst));
                async move {
                    gate.acquire().await.unwrap().forget();
                    n
                }
            };
            reads.share("board", read).await
        })
    };
    let first = ask();
    while begun.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let (second, third) = (ask(), ask());
    while reads.inside(|reads| reads["board"].len()) < 2 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(2);
    assert_eq!(first.await.unwrap(), Some(0));
    assert_eq!(second.await.unwrap(), Some(1));
    assert_eq!(third.await.unwrap(), Some(1));
    assert_eq!(begun.load(Ordering::SeqCst), 2);
    while !reads.inside(|reads| reads.is_empty()) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_read_that_panics_leaves_nothing_behind() {
    let (reads, _, _) = gated();
    let broken = reads.share("board", |_| async { panic!("cannot read") });
    assert_eq!(broken.await, None);
    assert!(reads.inside(|reads| reads.is_empty()));
    assert_eq!(reads.share("board", |_| async { 7 }).await, Some(7));
}
