//! The database goes away and comes back, while people type and a rollback runs.

use crate::{
    process::{CHANNEL, On, Record, SERVICES, STARTS_WITHIN, Start, World, until},
    server::Server,
};
use reqwest::StatusCode;
use rollback_domain::rollback::Rollback;
use rustix::process::Signal;
use sqlx::{Connection, PgConnection};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// How long one thing may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How soon Slack must have its answer.
const SLACK_WAITS: Duration = Duration::from_secs(3);

/// People who type all the time, and what came of it.
struct Typing {
    stop: Arc<AtomicBool>,
    typed: tokio::task::JoinHandle<Typed>,
}

#[derive(Debug, Default)]
struct Typed {
    /// The notes that were promised to be written down.
    promised: Vec<String>,
    /// How many were answered with BUSY.
    busy: usize,
    /// How many were answered with anything else, and the last of those.
    otherwise: (usize, String),
    slowest: Duration,
}

impl Typing {
    fn begins(world: &World) -> Typing {
        let (slack, stop) = (world.slack.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let typed = tokio::spawn(async move {
            let mut typed = Typed::default();
            for n in 0.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let words = ["note number", "status", "note number"];
                let (typing, text) = match n % 3 {
                    1 => ("/rollback status".to_owned(), String::new()),
                    _ => (
                        format!("/rollback {} {n}.", words[n % 3]),
                        format!("number {n}."),
                    ),
                };
                let answer = slack.says("U0ANA", CHANNEL, &typing).await;
                typed.slowest = typed.slowest.max(answer.took);
                match answer.body {
                    body if body.contains("Noted ") => typed.promised.push(text),
                    body if body.contains("does not answer") => typed.busy += 1,
                    body if n % 3 == 1
                        && (body.contains("RB-1") || body.contains("No rollback is open")) => {}
                    body => {
                        typed.otherwise.0 += 1;
                        typed.otherwise.1 = format!("{} {body}", answer.status);
                    }
                }
                sleep(Duration::from_millis(50)).await;
            }
            typed
        });
        Typing { stop, typed }
    }

    /// They stop. What was promised is there once; nobody waited too long or was told anything but
    /// a yes or BUSY.
    async fn ends(self, record: &Record) -> Typed {
        self.stop.store(true, Ordering::Relaxed);
        let typed = self.typed.await.unwrap();
        let entries = record.timeline().await;
        for (at, entry) in (1..).zip(&entries) {
            assert_eq!(entry.seq, at, "the timeline has a hole");
        }
        let times = |text: &str| {
            let noted = entries.iter().filter(|entry| entry.event.text() == text);
            noted.count()
        };
        for text in &typed.promised {
            assert_eq!(times(text), 1, "{text}");
        }
        assert_eq!(typed.otherwise, (0, String::new()));
        assert!(typed.slowest < SLACK_WAITS, "{:?}", typed.slowest);
        typed
    }
}

async fn world(server: &Server) -> (World, Record) {
    let world = World::at(On::Postgres, Some(server.url()), SERVICES).await;
    let record = world.record().await;
    (world, record)
}

async fn proposes(world: &World) {
    let asked = "/rollback frontend because checkout 500s";
    let asked = world.slack.says("U0MAYA", CHANNEL, asked).await;
    assert!(asked.is_ok(), "{asked:?}");
    let shows = world.slack.shows(CHANNEL, "· RB-1 ·", PATIENCE).await;
    shows.unwrap();
}

async fn approves(world: &World) {
    let clicked = world.slack.clicks("U0SAM", "Approve").await.unwrap();
    assert!(clicked.is_ok(), "{clicked:?}");
}

async fn becomes(record: &Record, is_so: impl Fn(&Rollback) -> bool) {
    let came = async || record.rollback(1).await.is_some_and(|found| is_so(&found));
    let so = until(PATIENCE, came).await;
    assert!(so, "RB-1 is {:?}", record.rollback(1).await);
}

async fn is_verified_once(world: &World, record: &Record) {
    becomes(record, |found| found.state.is_ended()).await;
    assert_eq!(record.rollback(1).await.unwrap().word(), "VERIFIED");
    let nothing_left = async || record.left().await.is_empty();
    let rests = until(PATIENCE, nothing_left).await;
    assert!(rests, "left over: {:?}", record.left().await);
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert_eq!(world.violations(), Vec::<String>::new());
    let shown = world.slack.channel(CHANNEL);
    assert!(shown.contains("RB-1 VERIFIED"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_restarts_while_a_rollback_runs() {
    let mode = |mode: &'static str| async move {
        let Some(server) = Server::starts("a Postgres that restarts").await else {
            return;
        };
        let (world, record) = world(&server).await;
        let bots = [world.starts().await, world.starts().await];
        proposes(&world).await;
        world.vercel.moves_at_once(false);
        let typing = Typing::begins(&world);
        approves(&world).await;
        becomes(&record, |found| found.times.accepted.is_some()).await;
        world.vercel.advance_to(3);
        let began = Instant::now();
        server.ends(mode).await;
        world.vercel.advance_to(8);
        assert!(server.begins().await);
        let away = began.elapsed();
        for bot in &bots {
            assert!(bot.ready(STARTS_WITHIN).await, "{}", bot.log());
        }
        sleep(Duration::from_secs(1)).await;
        is_verified_once(&world, &record).await;
        let typed = typing.ends(&record).await;
        println!(
            "restarted -m {mode}, away for {away:.1?}: {} notes, {} BUSY, slowest answer {:.2?}",
            typed.promised.len(),
            typed.busy,
            typed.slowest
        );
    };
    tokio::join!(mode("fast"), mode("immediate"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_away_for_half_a_minute() {
    let Some(server) = Server::starts("a Postgres that is away").await else {
        return;
    };
    let (world, record) = world(&server).await;
    let bots = [world.starts().await, world.starts().await];
    proposes(&world).await;
    world.vercel.moves_at_once(false);
    approves(&world).await;
    becomes(&record, |found| found.times.accepted.is_some()).await;
    let typing = Typing::begins(&world);
    sleep(Duration::from_secs(1)).await;
    server.ends("fast").await;
    let away = Instant::now();
    for bot in &bots {
        let says_so = async || {
            let not_ready = StatusCode::SERVICE_UNAVAILABLE;
            let told = "the database does not answer\n".to_owned();
            bot.asks("/readyz").await == Some((not_ready, told))
        };
        assert!(
            until(Duration::from_secs(10), says_so).await,
            "it says that it is ready"
        );
        let alive = bot.asks("/healthz").await;
        assert_eq!(alive, Some((StatusCode::OK, "alive\n".to_owned())));
    }
    world.vercel.advance_to(8);
    sleep(Duration::from_secs(30).saturating_sub(away.elapsed())).await;
    assert!(server.begins().await);
    let back = Instant::now();
    for bot in &bots {
        assert!(bot.ready(STARTS_WITHIN).await, "{}", bot.log());
    }
    let ready = back.elapsed();
    is_verified_once(&world, &record).await;
    let verified = back.elapsed();
    let typed = typing.ends(&record).await;
    assert!(typed.busy > 0);
    println!(
        "away for 30 s: ready {ready:.1?} and verified {verified:.1?} after it was back; {} notes, {} BUSY, slowest answer {:.2?}",
        typed.promised.len(),
        typed.busy,
        typed.slowest
    );
}

/// The platform has answered, and there is no database to write that into.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_away_when_the_platform_answers() {
    let Some(server) = Server::starts("a Postgres that is away in the worst moment").await else {
        return;
    };
    let (world, record) = world(&server).await;
    let bot = world.spawns(&Start {
        crash_at: Some("asked:stop".into()),
        ..Start::default()
    });
    assert!(bot.ready(STARTS_WITHIN).await, "{}", bot.log());
    proposes(&world).await;
    approves(&world).await;
    let stands = async || bot.log().contains("stands still at");
    assert!(until(PATIENCE, stands).await);
    server.ends("immediate").await;
    bot.signal(Signal::CONT);
    sleep(Duration::from_secs(8)).await;
    assert!(server.begins().await);
    is_verified_once(&world, &record).await;
    let timeline = record.timeline().await;
    let lost = timeline
        .iter()
        .any(|entry| entry.event.text().contains("answer was lost"));
    assert!(!lost, "the answer was known all the time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_that_every_connection_was_cut() {
    let Some(server) = Server::starts("connections that are cut").await else {
        return;
    };
    let (world, record) = world(&server).await;
    let _bots = [world.starts().await, world.starts().await];
    proposes(&world).await;
    let mut admin = PgConnection::connect(&server.url()).await.unwrap();
    let typing = Typing::begins(&world);
    let mut cut = 0;
    for round in 0..20 {
        if round == 10 {
            approves(&world).await;
        }
        let (n,): (i64,) = sqlx::query_as(
            "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()) AS cut",
        )
        .fetch_one(&mut admin)
        .await
        .unwrap();
        cut += n;
        sleep(Duration::from_millis(300)).await;
    }
    is_verified_once(&world, &record).await;
    let typed = typing.ends(&record).await;
    println!(
        "{cut} connections cut: {} notes, {} BUSY, slowest answer {:.2?}",
        typed.promised.len(),
        typed.busy,
        typed.slowest
    );
    // A connection may be cut a second time while the same input is tried again: that is one in a
    // hundred or two, and a few dozen are too few to hold so small a share to.
    assert!(typed.busy * 20 <= typed.promised.len(), "{}", typed.busy);
}
