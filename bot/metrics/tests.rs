use super::*;
use crate::clock::Clock;
use std::collections::BTreeSet;

async fn engine() -> (tempfile::TempDir, Engine) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/bot.db", dir.path().display());
    let db = Db::open(&url).await.unwrap();
    let clock = Clock::fixed("2026-03-14T03:12:00Z".parse().unwrap());
    (dir, Engine::new(db, clock))
}

fn busy() -> Metrics {
    let metrics = Metrics::default();
    let took = Duration::from_millis(7);
    metrics.answered("command", "status", "answered", took);
    metrics.rejected();
    metrics.job("drive", &Ok(()));
    metrics.job("drive", &Err(Error::Fenced));
    metrics.job("drive", &Err(Error::Raced));
    metrics.platform("Vercel", "survey", &Ok(()), took);
    metrics.slack("users.info", "ok", took);
    metrics.slack_waits(Duration::from_secs(30));
    metrics.paged(false);
    metrics
}

async fn read() -> Option<Recorded> {
    Some(Recorded::default())
}

#[tokio::test]
async fn every_sample_is_described_and_nothing_twice() {
    let (_dir, engine) = engine().await;
    let text = busy().text(&engine, read()).await;
    let (mut helped, mut typed) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            assert!(helped.insert(help.split_once(' ').unwrap().0), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(typed.insert(name), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        } else {
            let name = line.split(['{', ' ']).next().unwrap();
            let of_histogram = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            let described =
                typed.contains(name) || of_histogram.is_some_and(|base| typed.contains(base));
            assert!(described, "{line} comes without a type");
            let value = line.rsplit_once(' ').unwrap().1;
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert_eq!(helped, typed);
    assert!(typed.len() > 20, "{typed:?}");
}

#[tokio::test]
async fn how_a_step_ended_is_told_apart() {
    let (_dir, engine) = engine().await;
    let text = busy().text(&engine, read()).await;
    for line in [
        "rollback_bot_steps_total{kind=\"drive\",outcome=\"done\"} 1",
        "rollback_bot_steps_total{kind=\"drive\",outcome=\"failed\"} 1",
        "rollback_bot_leases_lost_total{kind=\"drive\"} 1",
        "rollback_bot_errors_total{cause=\"raced\"} 1",
        "rollback_bot_errors_total{cause=\"no_connection\"} 0",
        "rollback_bot_pages_total{outcome=\"failed\"} 1",
        "rollback_bot_slack_wait_seconds_total 30.0",
        "rollback_bot_database_connections{pool=\"write\"} 1",
    ] {
        assert!(text.lines().any(|there| there == line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn the_record_is_asked_once_a_second_and_never_claimed_for() {
    let (_dir, engine) = engine().await;
    let metrics = Metrics::default();
    let up = "\nrollback_bot_database_up 1\n";
    assert!(metrics.text(&engine, read()).await.contains(up));
    let never = async { panic!("the record was asked again") };
    assert!(metrics.text(&engine, never).await.contains(up));
    engine.clock.advance(Duration::from_secs(1));
    let text = metrics.text(&engine, async { None }).await;
    assert!(text.contains("\nrollback_bot_database_up 0\n"), "{text}");
    assert!(!text.contains("rollback_bot_steps_waiting"), "{text}");
    assert!(!text.contains("rollback_bot_unknown_age"), "{text}");
}
