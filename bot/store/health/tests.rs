use super::{Health, LOG_EVERY};
use std::time::{Duration, Instant};

#[test]
fn a_failure_is_told_once_and_then_now_and_again() {
    let (health, now) = (Health::default(), Instant::now());
    let full = sqlx::Error::Protocol("full".into());
    let logged = |after| health.to_log(&full, now + after).map(|(_, times)| times);
    assert_eq!(logged(Duration::ZERO), Some(1));
    assert_eq!(logged(Duration::from_millis(1)), None);
    assert_eq!(logged(LOG_EVERY - Duration::from_millis(1)), None);
    assert_eq!(logged(LOG_EVERY), Some(4));
    assert_eq!(logged(LOG_EVERY * 2 - Duration::from_millis(1)), None);
    // Another reason is news.
    let later = health.to_log(&sqlx::Error::PoolTimedOut, now + LOG_EVERY);
    assert_eq!(later, Some(("it does not answer".into(), 6)));
}

#[test]
fn it_fails_until_something_was_written() {
    let health = Health::default();
    assert_eq!(health.failing(), None);
    health.failed(&sqlx::Error::PoolTimedOut);
    assert_eq!(
        health.clone().failing(),
        Some("it does not answer".to_owned())
    );
    health.worked();
    assert_eq!(health.failing(), None);
}
