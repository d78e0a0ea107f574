//! The record is lost and comes back from a backup, as docs/operations.md says: with
//! `rollback-bot backup` on SQLite, with pg_dump and pg_restore on Postgres.

use crate::support::{CHANNEL, World};
use insta::assert_snapshot;
use std::{fs, path::Path, process::Output, time::Duration};
use tempfile::TempDir;
use tokio::process::Command;

/// A backup that was made while the bot ran.
struct Backup(TempDir);

impl Backup {
    async fn of(world: &World) -> Backup {
        let backup = Backup(tempfile::tempdir().unwrap());
        let config = backup.0.path().join("rollback-bot.toml");
        fs::write(&config, world.settings()).unwrap();
        match file_of(world) {
            Some(_) => {
                let mut program = Command::new(env!("CARGO_BIN_EXE_rollback-bot"));
                program
                    .arg("backup")
                    .arg("--config")
                    .arg(&config)
                    .arg("--to")
                    .arg(backup.copy())
                    .env_clear()
                    .envs([
                        ("DATABASE_URL", database_of(world).as_str()),
                        ("SIGNING_SECRET", "the-signing-secret"),
                        ("SIGNING_SECRET_NEW", "the-next-secret"),
                        ("APP_TOKEN", crate::support::socket::APP_TOKEN),
                        ("BOT_TOKEN", "xoxb-simulation"),
                        ("VERCEL_TOKEN", "an-unused-token"),
                    ]);
                succeeds(&mut program).await;
            }
            None => {
                let mut program = Command::new("pg_dump");
                program
                    .args(["--format=custom", "--dbname", &database_of(world)])
                    .arg("--file")
                    .arg(backup.copy());
                succeeds(&mut program).await;
            }
        }
        backup
    }

    fn copy(&self) -> std::path::PathBuf {
        self.0.path().join("copy")
    }

    /// What was there is gone, and the backup stands in its place. The bot does not run.
    async fn restored_to(&self, world: &World) {
        match file_of(world) {
            Some(file) => {
                for beside in ["", "-wal", "-shm"] {
                    let _ = fs::remove_file(format!("{file}{beside}"));
                }
                fs::copy(self.copy(), file).unwrap();
            }
            None => {
                let database = database_of(world);
                let (server, name) = database.rsplit_once('/').unwrap();
                for command in ["DROP DATABASE", "CREATE DATABASE"] {
                    let mut program = Command::new("psql");
                    program
                        .args(["--quiet", "--dbname", &format!("{server}/postgres")])
                        .args(["--command", &format!("{command} {name}")]);
                    succeeds(&mut program).await;
                }
                let mut program = Command::new("pg_restore");
                program
                    .args(["--exit-on-error", "--dbname", &database])
                    .arg(self.copy());
                succeeds(&mut program).await;
            }
        }
    }
}

async fn succeeds(program: &mut Command) -> Output {
    let output = program.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program:?}: {said}");
    output
}

fn database_of(world: &World) -> String {
    let line = |line: &str| line.strip_prefix("# database: ").map(str::to_owned);
    world.settings().lines().find_map(line).unwrap()
}

/// The file, on SQLite.
fn file_of(world: &World) -> Option<String> {
    let file = database_of(world).strip_prefix("sqlite://")?.to_owned();
    assert!(Path::new(&file).is_file());
    Some(file)
}

/// The bot is gone with its record, and starts on the backup.
async fn is_restored(world: &mut World, backup: &Backup) {
    world.slack.take_all();
    world.stops().await;
    backup.restored_to(world).await;
    world.starts().await;
    world.leases_end().await;
    world.settle().await;
}

#[tokio::test]
async fn a_proposal_comes_back_from_the_backup_and_is_approved() {
    let mut world = World::new().await;
    world.with_a_card().await;
    let backup = Backup::of(&world).await;
    // What happens after the backup is not in it.
    world.maya().says("/rollback note this will be lost").await;
    assert!(world.record().await.contains("this will be lost"));

    is_restored(&mut world, &backup).await;
    assert_snapshot!(world.channel(), @"");
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    let channel = world.channel();
    assert!(channel.contains("RB-1 VERIFIED"), "{channel}");
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.passes(Duration::from_secs(600)).await;
    assert_eq!(world.rollback(1).await.state.name(), "closed");
    assert!(!world.record().await.contains("this will be lost"));
    world.slack.take_all();
}

#[tokio::test]
async fn a_rollback_under_way_is_read_back_from_the_platform() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.state.name(), "accepted");
    let backup = Backup::of(&world).await;
    // It is over, and told, before the record is lost.
    world.vercel.advance_to(8);
    world.passes(Duration::from_secs(400)).await;
    assert_eq!(world.rollback(1).await.state.name(), "closed");

    is_restored(&mut world, &backup).await;
    world.passes(Duration::from_secs(400)).await;
    assert_eq!(world.rollback(1).await.state.name(), "closed");
    assert_eq!(world.vercel.rollbacks_asked(), 1, "it is not asked again");
    // The same card; what the record does not know to have been told is told again.
    let channel = world.channel();
    assert!(
        channel.contains("(edited):\n  ✅ RB-1 VERIFIED"),
        "{channel}"
    );
    assert!(
        channel.contains("✅ frontend (production) is back on v213 (RB-1)"),
        "{channel}"
    );
    let cards = world.slack.channel(CHANNEL);
    assert_eq!(cards.matches("RB-1 VERIFIED  frontend").count(), 1);
}

#[tokio::test]
async fn what_was_done_after_the_backup_is_not_done_again() {
    let mut world = World::new().await;
    world.with_a_card().await;
    let backup = Backup::of(&world).await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(400)).await;
    assert_eq!(world.rollback(1).await.state.name(), "closed");

    // The record says that RB-1 is a proposal, and so does its card; production is on its target.
    is_restored(&mut world, &backup).await;
    let channel = world.channel();
    let card = "(edited):\n  Roll back frontend to v213?";
    assert!(channel.contains(card), "{channel}");

    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1, "it is not asked again");
    assert_snapshot!(world.sam().sees(), @"");
    // What is previous now is another release: somebody has to decide anew.
    let channel = world.channel();
    assert!(channel.contains("RB-1 SUPERSEDED"), "{channel}");
    let card = "RB-2 (replaces RB-1) · production";
    assert!(channel.contains(card), "{channel}");
}

#[tokio::test]
async fn the_bot_writes_again_when_the_disk_has_room_again() {
    let mut world = World::new().await;
    let rollback_bot::store::Db::Sqlite { write, .. } = world.app().engine.db.clone() else {
        // A full disk ends no transaction behind the driver's back there.
        return;
    };
    // As SQLite does it when the disk is full: the statement fails, and the transaction is over.
    let full = "CREATE TRIGGER full BEFORE INSERT ON inbox
        BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END";
    sqlx::query(full).execute(&write).await.unwrap();
    for _ in 0..3 {
        let answer = world.maya().says("/rollback note checkout fails").await;
        assert!(answer.body.contains("does not answer"), "{}", answer.body);
    }
    sqlx::query("DROP TRIGGER full")
        .execute(&write)
        .await
        .unwrap();
    world.maya().says("/rollback note checkout fails").await;
    world.settle().await;
    world.slack.take_all();
    assert!(world.record().await.contains("checkout fails"));
}
