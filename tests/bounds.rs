//! What is bounded: what one person can send, what a stranger can hold, how long a big record
//! takes, how large a file gets.

use crate::support::{CHANNEL, FRONTEND, ROLES, World};
use insta::assert_snapshot;
use rollback_bot::{
    http_client,
    store::{Db, timelines},
};
use rollback_domain::{
    grammar::ExportFormat,
    identity::IncidentId,
    job::{Document, ExportRequest, Job},
    people::Person,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Row};
use std::{fmt::Write, fs, path::Path, time::Duration};

/// Says something so often at once, and gives the last answer.
async fn says_again_and_again(world: &World, person: &str, times: usize, text: &str) -> String {
    let mut last = String::new();
    for _ in 0..times {
        let answer = world.slack.says(person, CHANNEL, text).await;
        assert!(answer.is_ok(), "{}: {}", answer.status, answer.body);
        last = answer.json().unwrap()["text"].as_str().unwrap().to_owned();
    }
    last
}

async fn metric(world: &World, line: &str) -> bool {
    let address = format!("{}/metrics", world.base());
    let answer = http_client().unwrap().get(address).send().await.unwrap();
    answer.text().await.unwrap().lines().any(|one| one == line)
}

#[tokio::test]
async fn whoever_floods_waits_and_nobody_else_does() {
    let mut world = World::new().await;
    let last = says_again_and_again(&world, "U0MAYA", 20, "/rollback note flood").await;
    assert!(last.contains("Noted"), "{last}");
    let last = says_again_and_again(&world, "U0MAYA", 30, "/rollback note flood").await;
    assert_snapshot!(last, @"Too many commands (60 a minute). That one was ignored; retry in 1 s.");
    // What was refused is nowhere; a mention neither, of which Slack would not show an answer.
    world
        .slack
        .says("U0MAYA", CHANNEL, "<@UBOT> note and on")
        .await;
    world.settle().await;
    let record = world.record().await;
    assert_eq!(record.matches("note: flood").count(), 20);
    assert!(!record.contains("and on"), "{record}");
    assert!(metric(&world, "rollback_bot_too_much_total{whose=\"person\"} 31").await);
    // Sam is answered as ever, and Maya when she has waited as long as she was told.
    let sams = says_again_and_again(&world, "U0SAM", 1, "/rollback note calm").await;
    assert!(sams.contains("Noted"), "{sams}");
    world.clock.advance(Duration::from_secs(1));
    let mayas = says_again_and_again(&world, "U0MAYA", 1, "/rollback note one").await;
    assert!(mayas.contains("Noted"), "{mayas}");
    world.slack.take_all();
}

#[tokio::test]
async fn a_noisy_channel_keeps_nobody_from_approving() {
    let quiet = format!("{ROLES}[limits]\nchannel_per_minute = 12\n");
    let mut world = World::set_up(&quiet, FRONTEND).await;
    world.with_a_card().await;
    says_again_and_again(&world, "U0TOM", 3, "/rollback help").await;
    let last = says_again_and_again(&world, "U0KIM", 1, "/rollback help").await;
    assert_snapshot!(last, @"Too many commands in this channel (12 a minute). That one was ignored; retry in 5 s.");
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    // Another channel has a budget of its own.
    let elsewhere = world
        .slack
        .says("U0KIM", "C0GENERAL", "/rollback help")
        .await;
    assert!(elsewhere.body.contains("propose"), "{}", elsewhere.body);
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn clicks_that_are_too_many_are_not_taken_and_told_once() {
    let mut world = World::by_requests(ROLES, FRONTEND).await;
    world.with_a_card().await;
    says_again_and_again(&world, "U0SAM", 20, "/rollback help").await;
    world.slack.take_all();
    for _ in 0..10 {
        let clicked = world.slack.clicks("U0SAM", "Approve").await.unwrap();
        // Slack shows a sign beside the button.
        assert_eq!(clicked.status, 429);
    }
    world.settle().await;
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): Too many commands (60 a minute). That one was ignored; retry in 1 s.");
    // A second later one click counts again.
    world.clock.advance(Duration::from_secs(1));
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_form_stays_open_while_its_person_sends_too_much() {
    let mut world = World::by_requests(ROLES, FRONTEND).await;
    world.with_a_card().await;
    world.ana().clicks("Change version…").await;
    world.settle().await;
    world.slack.chooses("U0ANA", "v212").await.unwrap();
    says_again_and_again(&world, "U0ANA", 20, "/rollback help").await;
    let saved = world.slack.submits("U0ANA").await.unwrap();
    assert_eq!(saved.status, 429);
    assert!(world.slack.open_view("U0ANA").is_some());
    world.settle().await;
    assert!(world.ana().sees().contains("retry in 1 s"));
    world.clock.advance(Duration::from_secs(1));
    assert!(world.slack.submits("U0ANA").await.unwrap().is_ok());
    world.settle().await;
    assert_eq!(world.rollback(2).await.to_label(), "v212");
    world.slack.take_all();
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let world = World::by_requests(ROLES, FRONTEND).await;
    let address = world.base().trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /slack/commands HTTP/1.1\r\nhost: {address}\r\ncontent-length: 100\r\nx-slack-signature: v0=00\r\nx-slack-request-timestamp: 1\r\n\r\nonly some of it"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // From here on nothing but this request goes on, and time runs to whatever is next.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let mut answer = [0; 64];
    let n = stream.read(&mut answer).await.unwrap();
    tokio::time::resume();
    let answer = String::from_utf8_lossy(&answer[..n]);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(began.elapsed().as_secs(), 5);
    assert!(metric(&world, "rollback_bot_unheard_requests_total 1").await);
}

/// How much is recorded in a big record.
const ENTRIES: usize = 100_000;
const ROLLBACKS: usize = 10_000;

/// A record like after some years: many rollbacks of many services, an incident with half of all
/// entries, one message or more for each, what was left to do, and what was taken lately.
async fn years_pass(db: &Db) {
    let numbers = |n: usize| {
        format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})")
    };
    let half = ENTRIES / 2;
    for statement in [
        format!(
            "INSERT INTO incident (id, channel, opened_at, last_at, last_seq)
            {} SELECT 100 + i, 'C' || (i % 50), i, i, 50 FROM n",
            numbers(half / 50)
        ),
        format!(
            "INSERT INTO rollback (id, revision, incident, service, environment, state, holds, doc)
            {} SELECT 100 + i, 9, 101, 'shop' || (i % 20), 'production', 'closed', 0, doc
            FROM n, rollback WHERE id = 1",
            numbers(ROLLBACKS)
        ),
        // The first entry of the story, once more for each.
        format!(
            "INSERT INTO timeline (incident, seq, rollback, kind, at, recorded_at, doc)
            {} SELECT 101 + i / 50, 1 + i % 50, NULL, 'note', at + i, recorded_at + i, doc
            FROM n, timeline WHERE incident = 1 AND seq = 1 AND i < {half}",
            numbers(half)
        ),
        format!(
            "INSERT INTO timeline (incident, seq, rollback, kind, at, recorded_at, doc)
            {} SELECT 1, last_seq + i, NULL, 'note', at + i, recorded_at + i, doc
            FROM n, timeline, incident WHERE incident = 1 AND seq = 1 AND id = 1",
            numbers(half)
        ),
        format!("UPDATE incident SET last_seq = last_seq + {half} WHERE id = 1"),
        format!(
            "INSERT INTO message (key, channel, ts, sent, sent_at)
            {} SELECT 'RB-' || (100 + i / 4) || CASE i % 4 WHEN 0 THEN ':card' ELSE ':said:' || i END,
                'C' || (i % 50), '1773457920.' || i, 9, i FROM n",
            numbers(4 * ROLLBACKS)
        ),
        format!(
            "INSERT INTO inbox (key, answer, received_at) {} SELECT 'command:' || i, 'null', i FROM n",
            numbers(ENTRIES)
        ),
        format!(
            "INSERT INTO step (kind, key, payload, due_at)
            {} SELECT CASE i % 500 WHEN 0 THEN 'review' ELSE 'tell' END, 'RB-' || (100 + i), 'null',
                9000000000000000 + i FROM n",
            numbers(ROLLBACKS)
        ),
    ] {
        execute(db, statement).await;
    }
    execute(db, "ANALYZE".into()).await;
}

async fn execute(db: &Db, statement: String) {
    let shown = statement.clone();
    let done = match db {
        Db::Sqlite { write, .. } => sqlx::query(AssertSqlSafe(statement))
            .execute(write)
            .await
            .map(drop),
        Db::Postgres(pool) => sqlx::query(AssertSqlSafe(statement))
            .execute(pool)
            .await
            .map(drop),
    };
    done.unwrap_or_else(|error| panic!("{shown}: {error}"));
}

/// Every statement of `bot/store`, by its file and name, as its source has it.
fn statements() -> Vec<(String, String)> {
    /// What is asked once, at the start or by hand: it may read everything.
    const ONCE: [&str; 3] = [
        "\"SELECT sqlite_version()\"",
        "\"SELECT 1\"",
        "\"UPDATE step SET lease_until = NULL\"",
    ];
    let mut found = vec![];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bot/store");
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // One asks a server about itself, one copies the whole record for an operator, one only locks.
        if path.is_dir() || ["address", "backup", "presence"].contains(&name.as_str()) {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for query in ["sqlx::query(", "sqlx::query_as("] {
            for (at, _) in source.match_indices(query) {
                let asked = source[at + query.len()..].trim_start();
                assert!(
                    asked.starts_with(|first: char| first.is_ascii_uppercase())
                        || ONCE.iter().any(|once| asked.starts_with(once)),
                    "{name}: {asked:.60} is no constant, so its plan is not looked at"
                );
            }
        }
        for (at, _) in source.match_indices("const ") {
            let rest = &source[at + "const ".len()..];
            let Some((constant, rest)) = rest.split_once(": &str =") else {
                continue;
            };
            let Some((text, _)) = rest.trim_start()[1..].split_once("\";") else {
                continue;
            };
            let verb = text.split_whitespace().next().unwrap_or_default();
            let is_sql = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&verb);
            if is_sql && constant.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
                let name = format!("{name}::{constant}");
                let text = text.replace("\\\n", "\n") + rest_of(&name);
                found.push((name, text));
            }
        }
    }
    found.sort();
    found
}

/// What is built behind the beginning of a statement about several rows, for one of them.
fn rest_of(name: &str) -> &'static str {
    match name {
        "messages::ANSWERS" => "('command:1')",
        "messages::TAKE" => "VALUES ('command:0', 'null', 1)",
        "timelines::LATEST" => "'C1' ORDER BY id DESC LIMIT 1) AS of_one",
        "timelines::TAKE_SEQS" => {
            "VALUES (1, 1, 1, 1)) AS more WHERE incident.id = more.column1 RETURNING incident.id, incident.last_seq, incident.written_at, incident.head, incident.head_seq"
        }
        "timelines::APPEND" => "VALUES (1, 0, 1, 'note', 1, 1, '{}', '')",
        "timelines::MOVE_HEADS" => "VALUES (1, '', 1)) AS moved WHERE incident.id = moved.column1",
        "rollbacks::INSERT" => "VALUES (0, 1, 1, 'shop', 'production', 'planning', 1, '{}', NULL)",
        "rollbacks::OPEN_AMONG" => "(VALUES ('shop1', 'production'))",
        "rollbacks::THIS" => {
            "'shop1' AND environment = 'production' ORDER BY id DESC LIMIT 50) AS of_one"
        }
        "jobs::WAKE" => "1 WHERE due_at > 2 AND kind IN ('drive')",
        "jobs::POKE" => {
            "VALUES ('drive', 'RB-0', '{}', 1, 1, 1) ON CONFLICT (kind, key) DO UPDATE SET signal = step.signal + 1"
        }
        _ => "",
    }
}

/// The types of what a statement is given, where they do not follow from it.
fn types(name: &str) -> &'static str {
    match name {
        "pace::TAKE" => "(text, bigint, bigint, bigint)",
        "pace::BEGIN_ANEW" => "(text, bigint)",
        "jobs::REARM" => "(text, text, bigint, bigint, bigint)",
        _ => "",
    }
}

/// What a statement is given, where its plan depends on that: most jobs are not due, and few are
/// reviews.
fn given(name: &str) -> Option<&'static str> {
    match name {
        "jobs::CLAIM_POSTGRES" => {
            Some("(30000000, 1773457920000000, 16, ARRAY['drive', 'card'], true)")
        }
        "jobs::COUNT" => Some("('review')"),
        _ => None,
    }
}

/// What reads a table from end to end, or sorts what it has read: a line for each.
async fn slow_plans(db: &Db) -> String {
    /// One row for each change of the tables, service, role, source of roles, budget, counter, process,
    /// or person with a token, for what such a person asked within two days, or for a session of four hours.
    const SMALL: [&str; 14] = [
        "_sqlx_migrations",
        "sight",
        "frozen",
        "roster",
        "counter",
        "pace",
        "missed",
        "process",
        "readiness",
        "review",
        "token",
        "standing",
        "reply",
        "web_session",
    ];
    /// These read the last ones by their number, and stop.
    const LAST: [&str; 2] = ["rollbacks::RECENT", "timelines::RECENT"];
    /// What these sort or read twice is what an index gave them: what is open or was asked for since
    /// a moment, or ten thousand jobs at most; and the rows of a statement about several, which it
    /// brings along itself.
    const BROUGHT: [&str; 8] = [
        "rollbacks::UNFINISHED",
        "rollbacks::REQUESTED",
        "overview::OPEN",
        "overview::STEPS",
        "rollbacks::OPEN_AMONG",
        "timelines::TAKE_SEQS",
        "timelines::MOVE_HEADS",
        "messages::PLACE",
    ];
    /// These have only what is open or left to do, in the order in which it is wanted.
    const SHORT: [&str; 3] = ["rollback_open", "one_open_rollback", "step_due"];
    /// What these find with one look.
    const MEANT: [(&str, &str); 1] = [("messages::PLACE", "message_place")];
    let is_there = |statement: &str| statements().iter().any(|(name, _)| name == statement);
    assert!(MEANT.iter().all(|(statement, _)| is_there(statement)));
    let mut slow = String::new();
    for (name, text) in statements() {
        let only_postgres = ["FOR UPDATE", "::bigint", "pg_notify"]
            .iter()
            .any(|word| text.contains(word));
        let plan: Vec<String> = match db {
            Db::Sqlite { .. } if only_postgres => continue,
            Db::Sqlite { write, .. } => {
                let explain = format!("EXPLAIN QUERY PLAN {text}");
                let rows = sqlx::query(AssertSqlSafe(explain)).fetch_all(write).await;
                let rows = rows.unwrap_or_else(|error| panic!("{name}: {error}"));
                rows.iter()
                    .map(|row| row.get::<String, _>("detail"))
                    .collect()
            }
            Db::Postgres(_) if name.ends_with("_SQLITE") => continue,
            Db::Postgres(pool) => {
                let parameters = (1..20)
                    .take_while(|n| text.contains(&format!("${n}")))
                    .count();
                let nothing = match parameters {
                    0 => String::new(),
                    n => format!("({})", vec!["NULL"; n].join(", ")),
                };
                let (mode, with) = match given(&name) {
                    Some(values) => ("force_custom_plan", values),
                    None => ("force_generic_plan", nothing.as_str()),
                };
                let mut connection = pool.acquire().await.unwrap();
                for statement in [
                    // Whether an index could serve it, not what the planner makes of a sample.
                    "SET enable_seqscan = off".to_owned(),
                    format!("SET plan_cache_mode = {mode}"),
                    format!("PREPARE looked_at {} AS {text}", types(&name)),
                ] {
                    sqlx::raw_sql(AssertSqlSafe(statement))
                        .execute(&mut *connection)
                        .await
                        .unwrap_or_else(|error| panic!("{name}: {error}"));
                }
                let explain = format!("EXPLAIN EXECUTE looked_at{with}");
                let rows = sqlx::raw_sql(AssertSqlSafe(explain))
                    .fetch_all(&mut *connection)
                    .await
                    .unwrap();
                sqlx::raw_sql("DEALLOCATE looked_at")
                    .execute(&mut *connection)
                    .await
                    .unwrap();
                rows.iter().map(|row| row.get::<String, _>(0)).collect()
            }
        };
        let small = SMALL
            .iter()
            .any(|table| text.split_whitespace().any(|word| word == *table));
        // Others would read all of a channel, which grows for years.
        let meant = MEANT.iter().find(|(statement, _)| name == *statement);
        if let Some((_, index)) = meant
            && !plan.iter().any(|line| line.contains(index))
        {
            writeln!(slow, "{name} without {index}: {plan:?}").unwrap();
        }
        for line in plan {
            let line = line.trim_start_matches([' ', '-', '>']);
            let scans = line.starts_with("SCAN ") || line.contains("Seq Scan on ");
            let stops = LAST.contains(&name.as_str()) && line.starts_with("SCAN ");
            let whole = scans && !stops && !SHORT.iter().any(|index| line.contains(index));
            let brought = BROUGHT.contains(&name.as_str()) && !line.contains("Seq Scan on ") && {
                let of = [
                    "SCAN CONSTANT",
                    "SCAN more",
                    "SCAN moved",
                    "SCAN due",
                    "USE TEMP",
                    "Sort ",
                ];
                of.iter().any(|start| line.starts_with(start))
            };
            let sorts = line.starts_with("USE TEMP B-TREE") || line.starts_with("Sort ");
            if !small && !brought && (whole || sorts) {
                writeln!(slow, "{name}: {line}").unwrap();
            }
        }
    }
    slow
}

#[tokio::test]
async fn nothing_reads_a_big_record_from_end_to_end() {
    let mut world = World::new().await;
    world.with_a_card().await;
    years_pass(&world.app().engine.db).await;
    assert!(statements().len() > 30, "{:?}", statements());
    let slow = slow_plans(&world.app().engine.db).await;
    assert!(slow.is_empty(), "{slow}");
}

#[tokio::test]
async fn after_years_everything_is_answered_as_ever() {
    let mut world = World::new().await;
    world.with_a_card().await;
    years_pass(&world.app().engine.db).await;
    let answer = world.maya().says("/rollback").await;
    assert!(answer.body.contains("RB-1> PROPOSED"), "{}", answer.body);
    let answer = world.maya().says("/rollback status").await;
    assert!(answer.body.contains("RB-1> PROPOSED"), "{}", answer.body);
    let answer = world.maya().says("/rollback timeline").await;
    assert!(
        answer.body.contains("last 15 of 50003 entries"),
        "{}",
        answer.body
    );
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(400)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    // What was taken long ago is forgotten, a part of it at a time.
    let (kept,): (i64,) = {
        let query = "SELECT count(*) FROM inbox";
        match &world.app().engine.db {
            Db::Sqlite { read, .. } => sqlx::query_as(query).fetch_one(read).await.unwrap(),
            Db::Postgres(pool) => sqlx::query_as(query).fetch_one(pool).await.unwrap(),
        }
    };
    assert!((20_000..=90_010).contains(&kept), "{kept}");
    // What is closed is exported, all of it.
    let file = &world.slack.files()[0];
    let text = String::from_utf8_lossy(&file.bytes);
    assert!(text.lines().count() > 50_000);
    let mut last = text.lines().rev().filter(|line| !line.is_empty());
    assert!(last.next().unwrap().starts_with("Head of the chain: "));
    assert!(last.next().unwrap().contains("**closed**"));
    world.slack.take_all();
}

/// What the timeline of the first incident would be as JSON, made in one piece.
async fn in_one_piece(world: &World) -> String {
    let db = &world.app().engine.db;
    let entries = timelines::chained(db, IncidentId::new(1), 0, 1_000_000)
        .await
        .unwrap();
    let end = timelines::end(db, IncidentId::new(1)).await.unwrap();
    let text = serde_json::to_string_pretty(&json!({
        "incident": "INC-1",
        "actions": [],
        "checklists": [],
        "channel": CHANNEL,
        "exported_at": world.clock.now(),
        "entries": entries,
        "format": "rollback-bot/timeline",
        "head": end.head,
        "rollbacks": [],
        "version": 1,
        "whole": "",
    }))
    .unwrap();
    let before = text.strip_suffix("\"\"\n}").unwrap();
    let whole = hex::encode(Sha256::digest(before));
    format!("{before}\"{whole}\"\n}}")
}

/// So many more entries in the first incident, each by somebody else of fifty, that name people.
async fn much_is_noted(db: &Db, n: usize) {
    let text = "@U0SOME7 said: \\\"| error rate\\\" *is* ".to_owned();
    for statement in [
        format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})
            INSERT INTO timeline (incident, seq, rollback, kind, at, recorded_at, doc)
            SELECT 1, last_seq + i, NULL, 'note', 1773457920000000 + i, 1773457920000000 + i,
                '{{\"at\":\"2026-03-14T03:12:00Z\",\"who\":{{\"person\":{{\"id\":\"U0SOME' || (i % 50) || '\",\"name\":\"somebody' || (i % 50) || '\"}}}},'
                || '\"source\":\"command\",\"kind\":\"note\",\"text\":\"{text}' || i || ' of them\",\"rollback\":null}}'
            FROM n, incident WHERE id = 1"
        ),
        format!("UPDATE incident SET last_seq = last_seq + {n} WHERE id = 1"),
    ] {
        execute(db, statement).await;
    }
}

#[tokio::test]
async fn a_file_of_many_pages_is_what_one_piece_would_be() {
    let mut world = World::new().await;
    world.maya().says("/rollback note it begins").await;
    for more in [0, 997, 1, 1, 1_700] {
        if more > 0 {
            much_is_noted(&world.app().engine.db, more).await;
        }
        let wanted = in_one_piece(&world).await;
        world.maya().says("/rollback export json").await;
        world.settle().await;
        let files = world.slack.files();
        assert_eq!(
            String::from_utf8_lossy(&files.last().unwrap().bytes),
            wanted
        );
        world.clock.advance(Duration::from_secs(10));
    }
    world.maya().says("/rollback export md").await;
    world.settle().await;
    let files = world.slack.files();
    let text = String::from_utf8_lossy(&files.last().unwrap().bytes).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    // Each export is an entry too.
    assert_snapshot!(lines[..10].join("\n"), @r#"
    # INC-1: timeline

    Channel C0SHOP · 2706 entries · exported 2026-03-14 03:12:50 UTC · all times UTC

    | # | happened | recorded | who | from | what |
    |---|---|---|---|---|---|
    | 1 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | rollback-bot | bot | **incident opened** opened INC-1 in this channel |
    | 2 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | @maya | command | **note** it begins |
    | 3 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | @maya | bot | **exported** exported INC-1-20260314T031200Z-timeline.json, 2 entries, 1306 bytes |
    | 4 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | @somebody1 | command | **note** @somebody7 said: "\| error rate" \*is\* 1 of them |
    "#);
    assert_snapshot!(lines[lines.len() - 4..lines.len() - 2].join("\n"), @r#"
    | 2705 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | @somebody0 | command | **note** @somebody7 said: "\| error rate" \*is\* 1700 of them |
    | 2706 | 2026-03-14 03:12:40 UTC | 2026-03-14 03:12:40 UTC | @maya | bot | **exported** exported INC-1-20260314T031240Z-timeline.json, 2705 entries, 1003130 bytes |
    "#);
    for (place, line) in (1..).zip(&lines[6..lines.len() - 2]) {
        assert!(line.starts_with(&format!("| {place} | ")), "{line}");
    }
    world.slack.take_all();
}

#[tokio::test]
async fn a_template_of_ones_own_has_a_list_as_ever() {
    let templates = tempfile::tempdir().unwrap();
    fs::write(
        templates.path().join("timeline.md.j2"),
        "{{ entries | length }} of {{ count }}, first {{ entries[0].kind }}, last {{ entries[-1].text }} {{ (entries | last).seq }}\n\
         {% for entry in entries if entry.kind == 'note' %}{{ loop.index }}{{ ';' if loop.last else ',' }}{% endfor %}\n\
         {% for entry in entries[2:4] %}{{ entry.who }} {% endfor %}{% for one in entries | batch(2000) %}{{ one | length }} {% endfor %}",
    )
    .unwrap();
    let own = format!(
        "{ROLES}[templates]\ndirectory = \"{}\"\n",
        templates.path().display()
    );
    let mut world = World::set_up(&own, FRONTEND).await;
    world.maya().says("/rollback note it begins").await;
    much_is_noted(&world.app().engine.db, 2_500).await;
    world.maya().says("/rollback export md").await;
    world.settle().await;
    let text = String::from_utf8(world.slack.files()[0].bytes.clone()).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let (notes, rest) = rest.split_once('\n').unwrap();
    assert_snapshot!(first, @r#"2502 of 2502, first incident opened, last @somebody7 said: "\| error rate" \*is\* 2500 of them 2502"#);
    assert!(notes.starts_with("1,2,3,") && notes.ends_with(",2500,2501;"));
    assert_snapshot!(rest, @"@somebody1 @somebody2 2000 502");
    world.slack.take_all();
}

#[tokio::test]
async fn whoever_asked_for_a_file_that_cannot_be_written_is_told() {
    let templates = tempfile::tempdir().unwrap();
    fs::write(
        templates.path().join("timeline.md.j2"),
        "{% if count > 1 %}{{ entries[2000].text }}{% endif %}",
    )
    .unwrap();
    let own = format!(
        "{ROLES}[templates]\ndirectory = \"{}\"\n",
        templates.path().display()
    );
    let mut world = World::set_up(&own, FRONTEND).await;
    world.maya().says("/rollback note it begins").await;
    world.maya().says("/rollback export md").await;
    world.settle().await;
    assert!(world.slack.files().is_empty());
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): Writing the timeline. I'll post the file in this channel.
    Rollback Bot (only visible to @maya): I couldn't write the timeline of INC-1 into a file: the template timeline.md.j2 cannot be rendered: undefined value: `entries[2000]` is undefined (in timeline.md.j2:1). Nothing was uploaded, and nothing is lost: `/rollback timeline` shows the last entries. Tell the people who run me.
    ");
    world.slack.take_all();
}

/// The most memory that a process ever had, in KiB.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hundred_thousand_entries_take_no_more_memory_than_a_thousand() {
    let mut world = World::new().await;
    world.maya().says("/rollback note it begins").await;
    world.settle().await;
    let mut peaks = vec![];
    for (more, format) in [
        (1_000, ExportFormat::Markdown),
        (0, ExportFormat::Json),
        (0, ExportFormat::Csv),
        (0, ExportFormat::Html),
        (ENTRIES, ExportFormat::Markdown),
        (0, ExportFormat::Json),
        (0, ExportFormat::Csv),
        (0, ExportFormat::Html),
    ] {
        if more > 0 {
            much_is_noted(&world.app().engine.db, more).await;
        }
        let job = Job::Export(ExportRequest {
            incident: IncidentId::new(1),
            document: Document::Timeline,
            format,
            channel: CHANNEL.into(),
            rollback: None,
            thread: None,
            asked_by: Some(Person::new("U0MAYA", "maya")),
            reply_to: None,
            id: format!("measured:{}", peaks.len()),
        });
        world.app().engine.enqueue(&[job]).await.unwrap();
        let database = world.database().to_owned();
        world.stops().await;
        peaks.push(exported_by_a_process_of_its_own(&world, &database, peaks.len()).await);
        world.starts().await;
    }
    let sizes: Vec<usize> = world
        .slack
        .files()
        .iter()
        .map(|file| file.bytes.len())
        .collect();
    assert!(sizes[4] > 10_000_000 && sizes[5] > 20_000_000, "{sizes:?}");
    assert!(sizes[6] > 10_000_000 && sizes[7] > 20_000_000, "{sizes:?}");
    // All of it in one piece would be at least as much as the file again.
    for (small, big) in [(0, 4), (1, 5), (2, 6), (3, 7)] {
        assert!(
            peaks[big] < peaks[small] + 16 * 1024,
            "{peaks:?} KiB for {sizes:?} bytes"
        );
    }
    world.slack.take_all();
}

/// Lets the program do what is left to do until there is one more file, and gives its peak.
async fn exported_by_a_process_of_its_own(world: &World, database: &str, files: usize) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    fs::write(&config, world.settings()).unwrap();
    let mut process = tokio::process::Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .args(["serve", "--config", config.to_str().unwrap()])
        .env_clear()
        .envs([
            ("DATABASE_URL", database),
            ("SIGNING_SECRET", "the-signing-secret"),
            ("SIGNING_SECRET_NEW", "the-next-secret"),
            ("APP_TOKEN", crate::support::socket::APP_TOKEN),
            ("BOT_TOKEN", "xoxb-simulation"),
            ("VERCEL_TOKEN", crate::support::vercel::TOKEN),
        ])
        .env("RUST_LOG", "error")
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let shared = |slack: &rollback_simulation::Slack| {
        let files = slack.files();
        files.iter().filter(|file| file.channel.is_some()).count()
    };
    let there = |slack: &rollback_simulation::Slack| shared(slack) > files;
    assert!(world.slack.until(Duration::from_secs(120), there).await);
    let id = process.id().unwrap();
    let peak = peak(id);
    let asked = tokio::process::Command::new("kill")
        .arg(id.to_string())
        .status()
        .await;
    assert!(asked.unwrap().success());
    assert!(process.wait().await.unwrap().success());
    peak
}
