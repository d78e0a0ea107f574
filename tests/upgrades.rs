//! Newer versions and older ones on one record: what a change of the tables may do, and who is
//! refused.

use crate::support::{CHANNEL, FRONTEND, ROLES, World};
use insta::assert_snapshot;
use rollback_bot::store::{self, Db, processes::Process};
use rollback_domain::people::Person;
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, Row, SqlSafeStr, SqliteConnection,
    migrate::{Migrate, Migration, MigrationType, Migrator},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

/// A connection of its own to a record, beside the bot or while it is away.
enum Record {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs `$body` with `$connection` bound to the record's native connection.
macro_rules! on {
    ($record:expr, $connection:ident => $body:expr) => {
        match $record {
            Record::Sqlite($connection) => $body,
            Record::Postgres($connection) => $body,
        }
    };
}

impl Record {
    async fn open(url: &str) -> Record {
        match url.starts_with("sqlite") {
            true => Record::Sqlite(SqliteConnection::connect(url).await.unwrap()),
            false => Record::Postgres(PgConnection::connect(url).await.unwrap()),
        }
    }

    /// The changes of the tables, as this version has them.
    async fn changes(&self) -> Migrator {
        let folder = match self {
            Record::Sqlite(_) => "migrations/sqlite",
            Record::Postgres(_) => "migrations/postgres",
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        Migrator::new(folder).await.unwrap()
    }

    async fn execute(&mut self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        on!(self, c => sqlx::raw_sql(statement).execute(c).await.map(drop)).unwrap();
    }

    async fn texts(&mut self, query: String) -> Vec<String> {
        let query = AssertSqlSafe(query);
        on!(self, c => {
            let rows = sqlx::raw_sql(query).fetch_all(c).await.unwrap();
            rows.iter().map(|row| row.get::<String, _>(0)).collect()
        })
    }

    /// Every table of ours with its columns: the name, and whether it is a number or a text.
    async fn tables(&mut self) -> BTreeMap<String, BTreeMap<String, String>> {
        let query = match self {
            Record::Sqlite(_) => {
                "SELECT m.name || ' ' || c.name || ' ' || lower(c.type) FROM sqlite_master m, pragma_table_info(m.name) c
                WHERE m.type = 'table' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND m.name NOT LIKE 'sqlite%'"
            }
            Record::Postgres(_) => {
                "SELECT table_name || ' ' || column_name || ' ' || replace(data_type, 'bigint', 'integer')
                FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'"
            }
        };
        let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for line in self.texts(query.to_owned()).await {
            let mut words = line.split(' ').map(str::to_owned);
            let (table, column) = (words.next().unwrap(), words.next().unwrap());
            let kind = words.next().unwrap();
            tables.entry(table).or_default().insert(column, kind);
        }
        tables
    }

    async fn indexes(&mut self) -> BTreeSet<String> {
        let query = match self {
            Record::Sqlite(_) => {
                "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            }
            Record::Postgres(_) => {
                "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public'
                AND indexname NOT LIKE '%\\_pkey' AND indexname NOT LIKE '%\\_key'"
            }
        };
        self.texts(query.to_owned()).await.into_iter().collect()
    }

    /// Everything that is recorded in these tables and columns, row by row.
    async fn rows(
        &mut self,
        tables: &BTreeMap<String, BTreeMap<String, String>>,
    ) -> BTreeMap<String, Vec<String>> {
        let mut rows = BTreeMap::new();
        for (table, columns) in tables {
            let columns: Vec<String> = columns
                .keys()
                .map(|column| format!("COALESCE(CAST({column} AS TEXT), '(none)')"))
                .collect();
            // What a change of the tables says about itself is no record.
            let not = if table == "counter" {
                " WHERE name <> 'oldest_reader'"
            } else {
                ""
            };
            let query = format!("SELECT {} FROM {table}{not}", columns.join(" || '¦' || "));
            let mut found = self.texts(query).await;
            found.sort();
            rows.insert(table.clone(), found);
        }
        rows
    }
}

/// A record in which most things happened once, with the bot away.
async fn something_of_everything() -> World {
    let checklists = "[checklists]\npreset = \"web-app\"\n";
    let mut world = World::set_up(&format!("{checklists}{ROLES}"), FRONTEND).await;
    world.maya().says("/rollback note error rate 6 %").await;
    world.maya().says("/rollback incident open P1").await;
    let message = world.slack.says("U0SAM", CHANNEL, "carts are empty").await;
    let ts = message.ts.unwrap();
    world.slack.reacts("U0MAYA", CHANNEL, &ts, "pushpin").await;
    world.with_a_card().await;
    world.maya().says("/rollback action add page earlier").await;
    world
        .maya()
        .says("/rollback update initiated: we roll back")
        .await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(400)).await;
    world
        .ana()
        .says("/rollback freeze frontend because of the sale")
        .await;
    // Taking the tables back forgets the mark: it is on a release that nothing leads to, so that
    // the open plan stays what it is.
    world
        .ana()
        .says("/rollback bad frontend v211 because it is slow")
        .await;
    world.maya().says("/rollback ready frontend").await;
    world.maya().says("/rollback reviewed frontend").await;
    world.maya().says("/rollback frontend because again").await;
    world.settle().await;
    world.slack.take_all();
    let now = world.clock.now();
    let process = Process {
        id: "one".into(),
        host: "rollback-1".into(),
        pid: 7,
        version: "0.1.0".into(),
        started_at: now,
        seen_at: now,
        reload: None,
    };
    let db = &world.app().engine.db;
    store::processes::begin(db, &process).await.unwrap();
    let ends_at = now + Duration::from_secs(3_600);
    let maya = Person::new("U0MAYA", "maya");
    let session = store::sessions::open(db, "a-secret-of-a-browser", &maya, now, ends_at);
    session.await.unwrap();
    world.stops().await;
    world
}

#[tokio::test]
async fn every_change_of_the_tables_can_be_taken_back_and_made_again() {
    let mut world = something_of_everything().await;
    let mut record = Record::open(world.database()).await;
    let changes = record.changes().await;
    let all = record.tables().await;
    let numbers: BTreeSet<i64> = changes.iter().map(|change| change.version).collect();
    let numbers: Vec<i64> = numbers.into_iter().rev().collect();
    for (number, before) in numbers.iter().zip(&numbers[1..]) {
        let was = record.tables().await;
        let had = record.rows(&was).await;
        on!(&mut record, c => changes.undo(c, *before).await).unwrap();
        let left = record.tables().await;
        // Whatever is left is as it was; what else there was is gone with its columns.
        for (table, columns) in &left {
            for (column, kind) in columns {
                assert_eq!(
                    was[table].get(column),
                    Some(kind),
                    "{number}: {table}.{column}"
                );
            }
        }
        let still = record.rows(&left).await;
        let was_there = record_of(&had, &was, &left);
        assert_eq!(
            still, was_there,
            "taking {number} back changed something else"
        );
        let count = (still["rollback"].len(), still["timeline"].len() > 15);
        assert_eq!(count, (2, true), "{number}: {still:?}");
    }
    let first = record.tables().await;
    let kept = record.rows(&first).await;
    on!(&mut record, c => changes.run(c).await).unwrap();
    assert_eq!(record.tables().await, all);
    assert_eq!(record.rows(&first).await, kept);
    drop(record);
    // The bot goes on with it.
    world.starts().await;
    world.maya().says("/rollback status RB-1").await;
    world.settle().await;
    let status = world.maya().sees();
    assert!(status.contains("VERIFIED"), "{status}");
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 2);
    world.slack.take_all();
}

/// Of rows with these columns, what they are with fewer.
fn record_of(
    had: &BTreeMap<String, Vec<String>>,
    was: &BTreeMap<String, BTreeMap<String, String>>,
    left: &BTreeMap<String, BTreeMap<String, String>>,
) -> BTreeMap<String, Vec<String>> {
    let fewer = |(table, columns): (&String, &BTreeMap<String, String>)| {
        let stays: Vec<bool> = was[table]
            .keys()
            .map(|name| columns.contains_key(name))
            .collect();
        let cut = |row: &String| {
            // A sign that nothing here writes.
            match stays.iter().all(|stays| *stays) {
                true => row.clone(),
                false => {
                    let cells = row.split('¦').zip(&stays);
                    let left: Vec<&str> = cells
                        .filter(|(_, stays)| **stays)
                        .map(|(cell, _)| cell)
                        .collect();
                    left.join("¦")
                }
            }
        };
        let mut rows: Vec<String> = had[table].iter().map(cut).collect();
        rows.sort();
        (table.clone(), rows)
    };
    left.iter().map(fewer).collect()
}

/// A change that only adds, as a version to come may make it.
async fn a_later_version_adds(record: &mut Record) {
    let mut changes: Vec<Migration> = record.changes().await.iter().cloned().collect();
    changes.push(Migration::new(
        9_001,
        "later".into(),
        MigrationType::Simple,
        "ALTER TABLE rollback ADD COLUMN later TEXT;
        ALTER TABLE timeline ADD COLUMN later TEXT;
        ALTER TABLE step ADD COLUMN later TEXT;
        ALTER TABLE message ADD COLUMN later TEXT;
        CREATE TABLE later (name TEXT PRIMARY KEY);
        CREATE INDEX later_rollback ON rollback (later);"
            .into_sql_str(),
        false,
    ));
    let later = Migrator::with_migrations(changes);
    on!(record, c => later.run(c).await).unwrap();
}

#[tokio::test]
async fn an_older_version_works_on_tables_to_which_a_newer_one_has_added() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.stops().await;
    let mut record = Record::open(world.database()).await;
    a_later_version_adds(&mut record).await;
    // The newer one has left something that this one does not know how to do.
    record
        .execute("INSERT INTO step (kind, key, payload, due_at, later) VALUES ('later', 'x', '{\"kind\":\"later\"}', 9000000000000000, 'x')")
        .await;
    drop(record);
    world.starts().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(400)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world.slack.take_all();
}

#[tokio::test]
async fn tables_that_a_newer_version_has_turned_around_are_refused() {
    let mut world = World::new().await;
    world.stops().await;
    let mut record = Record::open(world.database()).await;
    record
        .execute("UPDATE counter SET value = 9001 WHERE name = 'oldest_reader'")
        .await;
    let error = Db::open(world.database()).await.unwrap_err().to_string();
    let known = record
        .changes()
        .await
        .iter()
        .map(|change| change.version)
        .max();
    let error = error.replace(&format!("knows {}", known.unwrap()), "knows …");
    assert_snapshot!(error, @"a newer rollback-bot has changed the tables in a way that this one cannot work with (change 9001; this one knows …). Start the newer one again, or restore the backup that was made before it");
    record
        .execute("UPDATE counter SET value = 2 WHERE name = 'oldest_reader'")
        .await;
    drop(record);
    world.starts().await;
}

#[tokio::test]
async fn both_databases_have_the_same_tables() {
    if std::env::var("STORIES_DATABASE_URL").is_err() {
        return;
    }
    let world = World::new().await;
    let mut postgres = Record::open(world.database()).await;
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/bot.db", directory.path().display());
    Db::open(&url).await.unwrap().close().await;
    let mut sqlite = Record::open(&url).await;
    assert_eq!(sqlite.tables().await, postgres.tables().await);
    assert_eq!(sqlite.indexes().await, postgres.indexes().await);
    assert!(sqlite.tables().await.len() >= 10);
}

#[tokio::test]
async fn nobody_waits_for_ever_for_their_turn_to_change_the_tables() {
    if std::env::var("STORIES_DATABASE_URL").is_err() {
        // One file serves one process, and its lock is not waited for.
        return;
    }
    let mut world = World::new().await;
    world.stops().await;
    let mut other = PgConnection::connect(world.database()).await.unwrap();
    other.lock().await.unwrap();
    // An address with settings of its own keeps them: this one does not wait for half a minute.
    let hasty = format!("{}?options=-c%20lock_timeout%3D200ms", world.database());
    let error = Db::open(&hasty).await.unwrap_err().to_string();
    assert_snapshot!(error.replace(&place(world.database()), "here"), @"the tables of the Postgres database at here are held by somebody else for longer than 30 s: another rollback-bot that is just being started, or somebody who works on them by hand. Nothing was changed; start again when that is over");
    other.unlock().await.unwrap();
    Db::open(&hasty).await.unwrap().close().await;
    world.starts().await;
}

/// An address without who and how.
fn place(url: &str) -> String {
    url.split_once('@').unwrap().1.to_owned()
}

#[tokio::test]
async fn connections_that_were_closed_meanwhile_are_replaced() {
    let world = World::new().await;
    let Db::Postgres(pool) = &world.app().engine.db else {
        return;
    };
    let (own,): (String,) = sqlx::query_as("SHOW statement_timeout")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(own, "10s");
    let mut other = PgConnection::connect(world.database()).await.unwrap();
    for _ in 0..3 {
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .execute(&mut other)
        .await
        .unwrap();
        let answer = world.maya().says("/rollback note all is well").await;
        assert!(answer.body.contains("Noted"), "{}", answer.body);
        let answer = world.maya().says("/rollback status").await;
        assert!(
            answer.body.contains("No rollback is open"),
            "{}",
            answer.body
        );
    }
    world.slack.take_all();
}
