//! A disk that takes nothing more: everybody is told, nothing is half done, and when there is room
//! again it goes on by itself.

use crate::process::{Bot, CHANNEL, On, STARTS_WITHIN, Start, World, until};
use reqwest::StatusCode;
use rollback_domain::rollback::State;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// A bot whose files can be kept from growing: the signal that comes with it is not for it.
fn limited() -> Start {
    let shell = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
    Start {
        through: shell.map(str::to_owned).to_vec(),
        ..Start::default()
    }
}

/// How large the bot's files may become, in bytes; `None`: as large as they like.
fn may_grow(bot: &Bot, bytes: Option<u64>) {
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    let pid: Pid = bot.pid().unwrap();
    prlimit(Some(pid), Resource::Fsize, limit).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_room_is_told_and_outlived() {
    let world = World::new(On::Sqlite).await;
    let bot = world.spawns(&limited());
    assert!(bot.ready(STARTS_WITHIN).await, "{}", bot.log());
    let asked = "/rollback frontend because checkout 500s";
    assert!(world.slack.says("U0MAYA", CHANNEL, asked).await.is_ok());
    world.slack.shows(CHANNEL, "· RB-1 ·", SOON).await.unwrap();
    let record = world.record().await;
    let rests = async || record.left().await.iter().all(|(_, due)| !due);
    assert!(until(SOON, rests).await);
    let before = record.timeline().await;

    // The write-ahead log may not grow any more.
    let log = world.directory().join("bot.db-wal");
    may_grow(&bot, Some(std::fs::metadata(log).unwrap().len()));
    for n in 0..30 {
        let note = format!("/rollback note step {n}");
        let answer = world.slack.says("U0MAYA", CHANNEL, &note).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(
            answer.body.contains("The database does not answer."),
            "{}",
            answer.body
        );
    }
    let clicked = world.slack.clicks("U0SAM", "Approve").await.unwrap();
    assert_eq!(clicked.status, 503);
    let (status, why) = bot.asks("/readyz").await.unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        why.starts_with("the database cannot be written: disk I/O error"),
        "{why}"
    );
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = bot.log();
    let told: Vec<&str> = told.lines().filter(|line| line.contains("disk")).collect();
    assert!((1..=4).contains(&told.len()), "{told:#?}");
    assert!(told[0].contains("the database fails"), "{told:#?}");
    // Nothing of it was done, not even half.
    assert_eq!(record.timeline().await, before);
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    let found = record.rollback(1).await.unwrap();
    assert!(matches!(found.state, State::Proposed { .. }), "{found:?}");

    // There is room again: nobody has to do anything about the bot.
    may_grow(&bot, None);
    let ready = async || {
        let answer = bot.asks("/readyz").await;
        answer.is_some_and(|(status, _)| status == StatusCode::OK)
    };
    assert!(until(SOON, ready).await, "{}", bot.log());
    assert!(bot.log().contains("can be written again"), "{}", bot.log());
    let clicked = world.slack.clicks("U0SAM", "Approve").await.unwrap();
    assert_eq!(clicked.status, 200);
    let closed = async || {
        let found = record.rollback(1).await.unwrap();
        matches!(found.state, State::Closed) && record.left().await.is_empty()
    };
    assert!(until(SOON, closed).await, "{}", bot.log());
    assert_eq!(record.rollback(1).await.unwrap().word(), "VERIFIED");
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_cannot_be_stored_is_kept_until_it_can() {
    let world = World::new(On::Sqlite).await;
    let bot = world.spawns(&limited());
    assert!(bot.ready(STARTS_WITHIN).await, "{}", bot.log());
    let asked = "/rollback frontend because checkout 500s";
    assert!(world.slack.says("U0MAYA", CHANNEL, asked).await.is_ok());
    let card = world.slack.shows(CHANNEL, "· RB-1 ·", SOON).await;
    card.unwrap();
    // The platform does it, and while it has not answered yet the disk fills up.
    world.vercel.hang_after_accepting();
    let clicked = world.slack.clicks("U0SAM", "Approve").await.unwrap();
    assert_eq!(clicked.status, 200);
    let record = world.record().await;
    assert!(until(SOON, async || world.vercel.rollbacks_asked() == 1).await);
    may_grow(&bot, Some(0));
    world.vercel.abandon();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let found = record.rollback(1).await.unwrap();
    assert!(matches!(found.state, State::Executing { .. }), "{found:?}");
    assert!(
        bot.log().contains("could not be stored yet"),
        "{}",
        bot.log()
    );

    may_grow(&bot, None);
    let closed = async || {
        let found = record.rollback(1).await.unwrap();
        matches!(found.state, State::Closed) && record.left().await.is_empty()
    };
    // What was leased when the disk was full is done when its lease ends.
    let long = Duration::from_secs(60);
    assert!(until(long, closed).await, "{}", bot.log());
    assert_eq!(record.rollback(1).await.unwrap().word(), "VERIFIED");
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_system_that_may_only_be_read_is_named_at_start() {
    let world = World::new(On::Sqlite).await;
    let mut bot = world.starts().await;
    bot.kill().await;
    // The same directory, read-only, for this process alone.
    let script = "mount --bind . \"$PWD\" && mount -o remount,ro,bind \"$PWD\" && cd \"$PWD\" && exec \"$@\"";
    let Some(through) = mounting(script) else {
        return;
    };
    let mut bot = world.spawns(&Start {
        through,
        ..Start::default()
    });
    let ended = bot.ended(SOON).await.unwrap();
    let told = async || bot.log().contains("Read-only file system");
    assert!(until(SOON, told).await, "{}", bot.log());
    assert_eq!(ended.code(), Some(1));
    let told = bot.log();
    assert!(told.contains("may this user write in it?"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_file_system_is_outlived() {
    let script = "mkdir disk && mount -t tmpfs -o size=16m tmpfs disk && exec \"$@\"";
    let Some(through) = mounting(script) else {
        return;
    };
    let world = World::new(On::Sqlite).await;
    let disk = world.directory().join("disk");
    let database = format!("sqlite://{}/bot.db", disk.display());
    let bot = world.spawns(&Start {
        through,
        env: vec![("DATABASE_URL".into(), database)],
        ..Start::default()
    });
    assert!(bot.ready(STARTS_WITHIN).await, "{}", bot.log());
    let asked = "/rollback frontend because checkout 500s";
    assert!(world.slack.says("U0MAYA", CHANNEL, asked).await.is_ok());
    let card = world.slack.shows(CHANNEL, "· RB-1 ·", SOON).await;
    card.unwrap();
    world.slack.settles(Duration::from_millis(500)).await;

    // Somebody else's file takes all of it; it is the bot's disk, seen through its process.
    let pid = bot.pid().unwrap().as_raw_nonzero();
    let ballast = format!("/proc/{pid}/root{}/ballast", disk.display());
    let rest = vec![0; 32 << 20];
    let full = std::fs::write(&ballast, &rest).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let mut busy = 0;
    // The last page of the log may still have room.
    for n in 0..30 {
        let note = format!("/rollback note step {n}");
        let answer = world.slack.says("U0MAYA", CHANNEL, &note).await;
        busy += usize::from(answer.body.contains("The database does not answer."));
    }
    assert!(busy > 20, "{busy}");
    let clicked = world.slack.clicks("U0SAM", "Approve").await.unwrap();
    assert_eq!(clicked.status, 503);
    let (status, why) = bot.asks("/readyz").await.unwrap();
    assert_eq!(
        (status, why.as_str()),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database cannot be written: database or disk is full\n"
        )
    );
    assert_eq!(world.vercel.rollbacks_asked(), 0);

    std::fs::remove_file(&ballast).unwrap();
    let ready = async || {
        let answer = bot.asks("/readyz").await;
        answer.is_some_and(|(status, _)| status == StatusCode::OK)
    };
    assert!(until(SOON, ready).await, "{}", bot.log());
    let clicked = world.slack.clicks("U0SAM", "Approve").await.unwrap();
    assert_eq!(clicked.status, 200);
    // What was leased when the disk was full is done when its lease ends.
    let long = Duration::from_secs(60);
    let exported = world.slack.shows(CHANNEL, "exported when RB-1", long).await;
    exported.unwrap();
    // The card is edited at a pace of its own.
    let verified = world.slack.shows(CHANNEL, "RB-1 VERIFIED", long).await;
    verified.unwrap();
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert_eq!(world.violations(), Vec::<String>::new());
}

/// What starts a program after a script that mounts something for it alone; nothing, and a line
/// that says so, where that is not possible.
fn mounting(script: &str) -> Option<Vec<String>> {
    let mut words = vec!["unshare"];
    if !rustix::process::geteuid().is_root() {
        words.push("--map-root-user");
    }
    words.push("--mount");
    let tried = std::process::Command::new("unshare")
        .args(&words[1..])
        .args(["mount", "-t", "tmpfs", "tmpfs", "/tmp"])
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        println!("skipped: a process cannot have a mount of its own here");
        return None;
    }
    words.extend(["sh", "-c", script, "sh"]);
    Some(words.into_iter().map(str::to_owned).collect())
}
