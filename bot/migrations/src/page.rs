//! The table of what is said about migrations, for docs/migrations.md.

use crate::{Verdict, judge};
use std::fmt::Write as _;

/// A migration with the verdict that is expected.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    group: String,
    name: String,
    verdict: String,
    sql: String,
}

#[derive(serde::Deserialize)]
struct Corpus {
    case: Vec<Case>,
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Safe => "safe",
        Verdict::Unknown => "unknown",
        Verdict::Caution => "caution",
    }
}

fn corpus() -> Vec<Case> {
    toml::from_str::<Corpus>(include_str!("../corpus.toml"))
        .expect("the corpus is TOML")
        .case
}

#[test]
fn every_migration_of_the_corpus_gets_its_verdict() {
    let cases = corpus();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let changes = judge(&[case.sql.as_str()]).concat();
        let verdict = word(Verdict::of(&changes));
        if verdict != case.verdict {
            wrong.push(format!("{}: {verdict}, because {changes:#?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn page() -> String {
    let mut page = include_str!("page.md").to_owned();
    let mut group = String::new();
    for case in corpus() {
        if group != case.group {
            let _ = write!(
                page,
                "\n## {}\n\n| a migration | verdict | what is said |\n|---|---|---|\n",
                case.group
            );
            group.clone_from(&case.group);
        }
        let mut changes = judge(&[case.sql.as_str()]).concat();
        changes.sort_by_key(|change| std::cmp::Reverse(change.effect));
        let said = changes.first().map_or_else(
            || "nothing is changed".to_owned(),
            |change| format!("`{}`: {}", change.statement.replace('|', "\\|"), change.why),
        );
        let _ = writeln!(
            page,
            "| {} | {} | {said} |",
            case.name,
            case.verdict.to_uppercase()
        );
    }
    page
}

#[test]
fn the_page_is_what_the_corpus_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/migrations.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).expect("docs/migrations.md can be written");
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == page,
        "docs/migrations.md is out of date: UPDATE_DOCS=1 cargo test -p rollback-migrations page"
    );
}
