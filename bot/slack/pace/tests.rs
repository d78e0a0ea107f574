//! Tests of the budgets next door, kept in a database of their own.

use super::*;

const METHODS: [(&str, u64); 6] = [
    ("chat.update", 50),
    ("conversations.history", 50),
    ("conversations.replies", 50),
    ("files.getUploadURLExternal", 100),
    ("files.completeUploadExternal", 100),
    ("chat.postMessage", 61),
];

/// Two replicas on one record, at one time.
async fn replicas() -> (tempfile::TempDir, Clock, Pace, Pace) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/bot.db", dir.path().display());
    let db = Db::open(&url).await.unwrap();
    let clock = Clock::fixed("2026-03-14T03:12:00Z".parse().unwrap());
    let pace = || Pace::new(db.clone(), clock.clone(), Metrics::default());
    let (one, other) = (pace(), pace());
    (dir, clock, one, other)
}

fn wait(taken: Result<(), Failure>) -> Duration {
    match taken {
        Err(Failure::TooSoon { wait, .. }) => wait,
        taken => panic!("{taken:?}"),
    }
}

#[tokio::test]
async fn no_minute_has_more_calls_than_slack_allows() {
    let (_dir, clock, one, other) = replicas().await;
    for (method, allowed) in METHODS {
        let mut calls = 0;
        for second in 0..60 {
            for pace in [&one, &other] {
                while pace.take(method, method, Turn::First).await.is_ok() {
                    calls += 1;
                }
            }
            if second < 59 {
                clock.advance(Duration::from_secs(1));
            }
        }
        assert!(calls <= allowed, "{method}: {calls}");
        assert!(calls >= allowed * 3 / 4, "{method}: {calls}");
    }
}

#[tokio::test]
async fn what_one_replica_uses_up_the_other_one_waits_for() {
    let (_dir, clock, one, other) = replicas().await;
    let (post, here, there) = (
        "chat.postMessage",
        "chat.postMessage C1",
        "chat.postMessage C2",
    );
    one.take(post, here, Turn::First).await.unwrap();
    assert_eq!(
        wait(other.take(post, here, Turn::First).await),
        Duration::from_secs(1)
    );
    // Another channel has its own.
    other.take(post, there, Turn::First).await.unwrap();
    clock.advance(Duration::from_secs(1));
    other.take(post, here, Turn::First).await.unwrap();
}

#[tokio::test]
async fn retry_after_holds_every_replica_back_and_then_lets_one_call_through_first() {
    let (_dir, clock, one, other) = replicas().await;
    let edit = "chat.update";
    one.take(edit, edit, Turn::First).await.unwrap();
    one.hold(edit, edit, Duration::from_secs(30)).await;
    // A shorter one does not shorten it.
    other.hold(edit, edit, Duration::from_secs(5)).await;
    assert_eq!(
        wait(other.take(edit, edit, Turn::First).await),
        Duration::from_secs(30)
    );
    clock.advance(Duration::from_secs(29));
    assert_eq!(
        wait(one.take(edit, edit, Turn::First).await),
        Duration::from_secs(1)
    );
    // Who clicks is read all the same.
    other
        .take("users.info", "users.info", Turn::First)
        .await
        .unwrap();
    clock.advance(Duration::from_secs(1));
    other.take(edit, edit, Turn::First).await.unwrap();
    assert_eq!(
        wait(one.take(edit, edit, Turn::First).await),
        Duration::from_secs(2)
    );
}

#[tokio::test]
async fn fifty_clicks_at_once_are_read_whatever_the_cards_use_up() {
    let (_dir, _clock, one, other) = replicas().await;
    while one
        .take("chat.update", "chat.update", Turn::First)
        .await
        .is_ok()
    {}
    for _ in 0..50 {
        other
            .take("users.info", "users.info", Turn::First)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_absurd_retry_after_does_not_hold_for_ever() {
    let (_dir, _clock, one, _) = replicas().await;
    one.hold("chat.update", "chat.update", Duration::from_secs(1 << 40))
        .await;
    assert_eq!(
        wait(one.take("chat.update", "chat.update", Turn::First).await),
        WAIT_AT_MOST
    );
}

#[tokio::test]
async fn however_many_read_something_whoever_decides_is_read() {
    let (_dir, _clock, one, other) = replicas().await;
    for method in PEOPLE {
        let mut read = 0;
        while one.take(method, method, Turn::InLine).await.is_ok() {
            read += 1;
        }
        let mut decided = 0;
        while other.take(method, method, Turn::First).await.is_ok() {
            decided += 1;
        }
        assert!(read >= 10 && decided >= 8, "{method}: {read}, {decided}");
    }
}
