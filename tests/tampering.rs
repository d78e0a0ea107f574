//! Timelines that are changed behind the bot's back: `verify` names the first break.

use crate::support::World;
use insta::assert_snapshot;
use rollback_bot::{
    cli::verify::check_file,
    store::{beside::Beside, verify::verify},
};
use rollback_domain::identity::IncidentId;
use sqlx::{AssertSqlSafe, Row};
use std::{fs, process::Command, time::Duration};

/// The record, as somebody reaches it who is not the bot.
pub struct Record(Beside);

impl Record {
    pub async fn open(world: &World) -> Record {
        Record(Beside::open(world.database()).await.unwrap())
    }

    pub async fn execute(&mut self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        match &mut self.0 {
            Beside::Sqlite(c) => sqlx::raw_sql(statement).execute(c).await.map(drop),
            Beside::Postgres(c) => sqlx::raw_sql(statement).execute(c).await.map(drop),
        }
        .unwrap();
    }

    /// The texts of a column of INC-1's timeline, by place.
    async fn column(&mut self, column: &str) -> Vec<String> {
        let query = AssertSqlSafe(format!(
            "SELECT {column} FROM timeline WHERE incident = 1 ORDER BY seq"
        ));
        match &mut self.0 {
            Beside::Sqlite(c) => {
                let rows = sqlx::raw_sql(query).fetch_all(c).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            Beside::Postgres(c) => {
                let rows = sqlx::raw_sql(query).fetch_all(c).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    /// How INC-1 is broken, or that it is not.
    async fn verified(&mut self) -> String {
        match verify(&mut self.0, IncidentId::new(1)).await.unwrap() {
            Some(Ok(unbroken)) => format!("unbroken: {} entries", unbroken.entries),
            Some(Err(broken)) => broken.to_string(),
            None => "no such incident".into(),
        }
    }

    /// Keeps the record as it is now, to come back to it.
    async fn keep(&mut self) {
        self.execute("CREATE TABLE kept AS SELECT * FROM timeline")
            .await;
        self.execute("CREATE TABLE kept_head AS SELECT id, last_seq, head, head_seq FROM incident")
            .await;
    }

    async fn come_back(&mut self) {
        self.execute("DELETE FROM timeline; INSERT INTO timeline SELECT * FROM kept; UPDATE incident SET last_seq = kept_head.last_seq, head = kept_head.head, head_seq = kept_head.head_seq FROM kept_head WHERE kept_head.id = incident.id")
            .await;
    }

    /// Does this behind the bot's back, and holds that it is found.
    async fn finds(&mut self, statement: &str) {
        self.execute(statement).await;
        let verified = self.verified().await;
        assert!(!verified.starts_with("unbroken"), "{statement}");
        self.come_back().await;
    }
}

/// A rollback from the note before it until it is verified.
async fn a_night() -> World {
    let mut world = World::new().await;
    world
        .maya()
        .says("/rollback note error rate 6 % | é 😀")
        .await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
    world
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The text with another letter at this place.
fn with_another_letter(text: &str, place: usize) -> String {
    let change = |(n, letter): (usize, char)| match (n == place, letter) {
        (true, '0') => '1',
        (true, _) => '0',
        (false, letter) => letter,
    };
    text.chars().enumerate().map(change).collect()
}

#[tokio::test]
async fn every_change_of_a_single_letter_is_found() {
    let world = a_night().await;
    let mut record = Record::open(&world).await;
    record.keep().await;
    for (column, step) in [("doc", 41), ("previous", 13), ("kind", 5)] {
        let texts = record.column(column).await;
        assert!(texts.len() > 12, "{texts:?}");
        for (n, text) in (1_usize..).zip(&texts) {
            // Every letter of one, and of the others a few, each time others.
            let step = if n == 5 { 1 } else { step };
            for place in ((n * 7) % step..text.chars().count()).step_by(step) {
                let changed = quoted(&with_another_letter(text, place));
                let statement = format!(
                    "UPDATE timeline SET {column} = {changed} WHERE incident = 1 AND seq = {n}"
                );
                record.finds(&statement).await;
            }
        }
    }
    assert!(record.verified().await.starts_with("unbroken"));
}

#[tokio::test]
async fn every_other_number_is_found_and_every_hash_that_is_taken_away() {
    let world = a_night().await;
    let mut record = Record::open(&world).await;
    record.keep().await;
    let entries = record.column("doc").await.len();
    for n in 1..=entries {
        for change in [
            "seq = seq + 100",
            "seq = 0",
            "at = at + 1",
            "recorded_at = recorded_at - 1",
            "rollback = COALESCE(rollback, 0) + 1",
            "previous = NULL",
            "previous = ''",
            "doc = doc || ' '",
            "doc = '[]'",
            "doc = ''",
        ] {
            let statement =
                format!("UPDATE timeline SET {change} WHERE incident = 1 AND seq = {n}");
            record.finds(&statement).await;
        }
    }
    for change in [
        "last_seq = last_seq + 1",
        "last_seq = last_seq - 1",
        "head_seq = head_seq + 1",
        "head_seq = head_seq - 1",
        "head_seq = 0",
        "head_seq = NULL",
        "head = NULL",
        "head = ''",
        "head = upper(head)",
    ] {
        let statement = format!("UPDATE incident SET {change} WHERE id = 1");
        record.finds(&statement).await;
    }
    assert!(record.verified().await.starts_with("unbroken"));
}

#[tokio::test]
async fn every_removal_insertion_and_swap_is_found() {
    const ALL: &str = "incident, seq, rollback, kind, at, recorded_at, doc, previous";
    let world = a_night().await;
    let mut record = Record::open(&world).await;
    record.keep().await;
    let last = record.column("doc").await.len();
    for n in 1..=last {
        let removed = format!("DELETE FROM timeline WHERE incident = 1 AND seq = {n}");
        record.finds(&removed).await;
        // Nor does it help to close the gap.
        let closed = format!(
            "{removed}; UPDATE timeline SET seq = -seq WHERE seq > {n}; UPDATE timeline SET seq = -seq - 1 WHERE seq < 0; UPDATE incident SET last_seq = last_seq - 1, head_seq = head_seq - 1"
        );
        record.finds(&closed).await;
        let copied = ALL.replace("seq", "12345");
        let inserted = format!(
            "UPDATE timeline SET seq = -seq WHERE seq > {n}; UPDATE timeline SET seq = -seq + 1 WHERE seq < 0; INSERT INTO timeline ({ALL}) SELECT {copied} FROM kept WHERE incident = 1 AND seq = {n}; UPDATE timeline SET seq = {n} + 1 WHERE seq = 12345; UPDATE incident SET last_seq = last_seq + 1, head_seq = head_seq + 1"
        );
        record.finds(&inserted).await;
        for other in n + 1..=last {
            let swapped = format!(
                "UPDATE timeline SET seq = 12345 WHERE seq = {n}; UPDATE timeline SET seq = {n} WHERE seq = {other}; UPDATE timeline SET seq = {other} WHERE seq = 12345"
            );
            record.finds(&swapped).await;
        }
    }
    assert!(record.verified().await.starts_with("unbroken"));
}

/// What `rollback-bot verify` prints, and its exit code.
fn told(world: &World, arguments: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    fs::write(&config, "[database]\nurl = \"env:DATABASE_URL\"\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .arg("verify")
        .args(arguments)
        .args(["--config", config.to_str().unwrap()])
        .env_clear()
        .env("DATABASE_URL", world.database())
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8(printed).unwrap();
    format!("{} {printed}", output.status.code().unwrap())
}

/// A text with every hash cut out.
fn without_hashes(text: &str) -> String {
    let is_hash = |word: &str| {
        let word = word.trim_end_matches([',', '.', ':']);
        word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let words = text.split(' ').map(|word| match is_hash(word.trim()) {
        true => "…",
        false => word,
    });
    words.collect::<Vec<&str>>().join(" ").trim().to_owned()
}

#[tokio::test]
async fn an_operator_verifies_an_incident_while_the_bot_goes_on() {
    let world = a_night().await;
    let mut record = Record::open(&world).await;
    let entries = record.column("doc").await.len();
    let unbroken = told(&world, &["--incident", "INC-1"]);
    assert!(
        unbroken.starts_with(&format!(
            "0 INC-1 is unbroken: {entries} entries. The head is entry {entries}, "
        )),
        "{unbroken}"
    );
    record
        .execute(
            "UPDATE timeline SET doc = replace(doc, 'error rate 6', 'error rate 1') WHERE seq = 2",
        )
        .await;
    assert_snapshot!(without_hashes(&told(&world, &["--incident", "INC-1"])), @"1 INC-1 is BROKEN: entry 3 carries the hash … for the entry before it, whose hash is … now: entry 2 was changed, removed, inserted or moved, or the hash was changed.");
    assert_snapshot!(told(&world, &["--incident", "INC-7"]), @"1 rollback-bot: there is no INC-7 in this record");
    assert_snapshot!(told(&world, &["--incident", "seven"]), @"
    2 error: invalid value 'seven' for '--incident <INCIDENT>': not the number of an incident, such as INC-12

    For more information, try '--help'.
    ");
}

/// An older version, which knows no hashes, notes something.
async fn an_older_version_notes(record: &mut Record, text: &str) {
    record
        .execute(&format!(
            "INSERT INTO timeline (incident, seq, kind, at, recorded_at, doc)
            SELECT id, last_seq + 1, 'note', last_at, last_at,
                '{{\"at\":\"2026-03-14T03:12:00Z\",\"who\":\"bot\",\"source\":\"bot\",\"kind\":\"note\",\"text\":\"{text}\",\"rollback\":null}}'
            FROM incident WHERE id = 1;
            UPDATE incident SET last_seq = last_seq + 1 WHERE id = 1"
        ))
        .await;
}

#[tokio::test]
async fn what_older_versions_recorded_is_from_before_and_vouched_for_since() {
    let mut world = World::new().await;
    world.maya().says("/rollback note it begins").await;
    world.settle().await;
    let mut record = Record::open(&world).await;
    // As after the change of the tables, before anything is recorded.
    record
        .execute(
            "UPDATE timeline SET previous = NULL; UPDATE incident SET head = NULL, head_seq = NULL",
        )
        .await;
    assert_snapshot!(told(&world, &["--incident", "INC-1"]), @"0 INC-1 has no hashes to check: 2 entries. 2 of them are from before: an older version recorded them without hashes. Nothing vouches for the last 2 until the next entry is recorded.");
    world.maya().says("/rollback note error rate 6 %").await;
    assert_snapshot!(without_hashes(&told(&world, &["--incident", "INC-1"])), @"0 INC-1 is unbroken: 3 entries. 2 of them are from before: an older version recorded them without hashes, and they are vouched for since the first entry after them. The head is entry 3, …");
    // One that still runs beside this one.
    an_older_version_notes(&mut record, "from beside").await;
    assert_snapshot!(without_hashes(&told(&world, &["--incident", "INC-1"])), @"0 INC-1 is unbroken: 4 entries. 3 of them are from before: an older version recorded them without hashes. Nothing vouches for the last one until the next entry is recorded. The head is entry 3, …");
    world.maya().says("/rollback note back to normal").await;
    assert_snapshot!(without_hashes(&told(&world, &["--incident", "INC-1"])), @"0 INC-1 is unbroken: 5 entries. 3 of them are from before: an older version recorded them without hashes, and they are vouched for since the first entry after them. The head is entry 5, …");
    record.keep().await;
    for seq in 1..=5 {
        let statement = format!(
            "UPDATE timeline SET doc = replace(doc, 't', 'd') WHERE incident = 1 AND seq = {seq}"
        );
        record.finds(&statement).await;
    }
    world.slack.take_all();
}

#[tokio::test]
async fn an_exported_timeline_is_verified_without_the_record() {
    let mut world = a_night().await;
    world.maya().says("/rollback export json").await;
    world.settle().await;
    world.slack.take_all();
    let text = String::from_utf8(world.slack.files().last().unwrap().bytes.clone()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("timeline.json");
    let name = file.to_str().unwrap().to_owned();
    let told_of = |text: &str| {
        fs::write(&file, text).unwrap();
        told(&world, &[&name]).replace(&directory.path().display().to_string(), "")
    };
    assert!(
        told_of(&text).starts_with("0 INC-1 is unbroken: "),
        "{}",
        told_of(&text)
    );
    assert_snapshot!(without_hashes(&told_of(&text.replace("error rate 6", "error rate 1"))), @"1 INC-1 is BROKEN: entry 3 carries the hash … for the entry before it, whose hash is … now: entry 2 was changed, removed, inserted or moved, or the hash was changed.");
    assert_snapshot!(told_of(&text.replace("  \"channel\"", " \"channel\"")), @"1 rollback-bot: /timeline.json is not a timeline in JSON as `/rollback export json` makes it, or it was changed: line 3 is spelled in another way");
    assert_snapshot!(told_of("[]"), @"1 rollback-bot: /timeline.json is not a timeline in JSON as `/rollback export json` makes it, or it was changed: invalid length 0, expected struct Exported with 3 elements");
    assert_snapshot!(told_of("no json"), @"1 rollback-bot: /timeline.json is not a timeline in JSON as `/rollback export json` makes it, or it was changed: it is not JSON: expected ident at line 1 column 2");
}

#[tokio::test]
async fn every_letter_of_an_export_is_vouched_for() {
    let mut world = a_night().await;
    world.maya().says("/rollback export json").await;
    world.settle().await;
    world.slack.take_all();
    let text = String::from_utf8(world.slack.files().last().unwrap().bytes.clone()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("timeline.json");
    let is_vouched_for = |text: &str| {
        fs::write(&file, text).unwrap();
        matches!(check_file(&file), Ok((_, Ok(_))))
    };
    assert!(is_vouched_for(&text));
    let letters = text.chars().count();
    for place in (0..letters).step_by(3) {
        let changed = with_another_letter(&text, place);
        assert!(!is_vouched_for(&changed), "{changed}");
    }
    let lines: Vec<&str> = text.lines().collect();
    for n in 0..lines.len() {
        let mut removed = lines.clone();
        removed.remove(n);
        assert!(!is_vouched_for(&removed.join("\n")), "{}", lines[n]);
        let mut twice = lines.clone();
        twice.insert(n, lines[n]);
        assert!(!is_vouched_for(&twice.join("\n")), "{}", lines[n]);
    }
}

#[tokio::test]
async fn of_other_formats_the_head_is_told() {
    let mut world = a_night().await;
    let directory = tempfile::tempdir().unwrap();
    let mut told_of = vec![];
    for format in ["md", "csv", "html"] {
        world.clock.advance(Duration::from_secs(2));
        world
            .maya()
            .says(&format!("/rollback export {format}"))
            .await;
        world.settle().await;
        let file = directory.path().join(format!("timeline.{format}"));
        fs::write(&file, &world.slack.files().last().unwrap().bytes).unwrap();
        let said = told(&world, &[file.to_str().unwrap()]);
        let said = said.replace(&directory.path().display().to_string(), "");
        assert!(said.starts_with("1 "), "{said}");
        told_of.push(without_hashes(&said));
    }
    assert_snapshot!(told_of.join("\n"), @"
    1 rollback-bot: /timeline.md has no hashes of its entries, only the head of its chain: entry 14, … `rollback-bot verify --incident` prints the head of the record, and an export in JSON with this head can be checked entry by entry
    1 rollback-bot: /timeline.csv has no hashes of its entries, only the head of its chain: entry 15, … `rollback-bot verify --incident` prints the head of the record, and an export in JSON with this head can be checked entry by entry
    1 rollback-bot: /timeline.html has no hashes of its entries, only the head of its chain: entry 16, … `rollback-bot verify --incident` prints the head of the record, and an export in JSON with this head can be checked entry by entry
    ");
    world.slack.take_all();
}
