//! Whole runbooks, and what is found in them.

#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be read has failed"
)]

use boon::{Compiler, Schemas};
use rollback_lint::{File, RULES, covered, lint, page, sarif, services, suggest, text};
use std::{collections::BTreeSet, env, fs, path::Path};

const STOREFRONT: &str = include_str!("runbooks/storefront.md");
const BACKEND: &str = include_str!("runbooks/backend.md");
const CORRECT: &str = include_str!("../../../docs/runbook.md");

const CONFIGURATION: &str = r#"
[services.storefront.production]
provider = "vercel"
project = "storefront"
token = "env:VERCEL_TOKEN"

[services.api.production]
provider = "railway"
"#;

fn file(name: &str, runbook: &str) -> File {
    let services = services(CONFIGURATION).unwrap();
    File {
        name: name.to_owned(),
        findings: Ok(lint(runbook, &services)),
        covered: covered(runbook, &services),
    }
}

fn shown(files: &[File]) -> String {
    text(files).into_iter().map(|piece| piece.text).collect()
}

/// The rules that find something, each once.
fn rules_of(runbook: &str) -> BTreeSet<&'static str> {
    lint(runbook, &[])
        .iter()
        .map(|finding| finding.rule.id)
        .collect()
}

#[test]
fn what_is_wrong_in_two_runbooks_is_found() {
    let files = [
        file("storefront.md", STOREFRONT),
        file("backend.md", BACKEND),
    ];
    insta::assert_snapshot!(shown(&files));
}

#[test]
fn the_two_runbooks_have_every_mistake_there_is() {
    let mut found = rules_of(STOREFRONT);
    found.extend(rules_of(BACKEND));
    let all = RULES.iter().copied().flatten().map(|rule| rule.id);
    let elsewhere = ["no-verification", "no-communication", "thresholds-differ"];
    let missed: Vec<&str> = all
        .filter(|id| !found.contains(id) && !elsewhere.contains(id))
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn nothing_is_found_in_a_correct_runbook() {
    let files = [file("runbook.md", CORRECT)];
    assert_eq!(
        shown(&files),
        "by the bot  runbook.md rolls back on vercel by hand (line 42). \
         The bot does it: /rollback storefront@production because …\n\n\
         Nothing was found in 1 runbook.\n"
    );
}

#[test]
fn line_ends_of_windows_change_nothing() {
    for runbook in [STOREFRONT, BACKEND, CORRECT] {
        let told = |text: &str| -> Vec<(usize, usize, String)> {
            let findings = lint(text, &[]);
            let told = findings.into_iter();
            told.map(|f| (f.start.line, f.start.column, f.message))
                .collect()
        };
        assert_eq!(told(&runbook.replace('\n', "\r\n")), told(runbook));
    }
}

#[test]
fn what_is_written_for_code_hosts_keeps_to_sarif() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sarif.schema.json");
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    let index = compiler
        .compile(schema.to_str().unwrap(), &mut schemas)
        .unwrap();
    let unread = File {
        name: "a b.md".to_owned(),
        findings: Err("is not there".to_owned()),
        covered: Vec::new(),
    };
    let report = sarif(&[
        file("storefront.md", STOREFRONT),
        file("backend.md", BACKEND),
        unread,
    ]);
    if let Err(error) = schemas.validate(&report, index) {
        panic!("{error:#}");
    }
    let run = &report["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 40);
    for result in results {
        let number = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(
            run["tool"]["driver"]["rules"][number]["id"],
            result["ruleId"]
        );
        let region = &result["locations"][0]["physicalLocation"]["region"];
        let place = |line: &str, column: &str| (region[line].as_u64(), region[column].as_u64());
        assert!(place("startLine", "startColumn") <= place("endLine", "endColumn"));
    }
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn a_draft_of_the_configuration_names_where_it_is_from() {
    insta::assert_snapshot!(suggest(&[
        ("storefront.md", STOREFRONT),
        ("backend.md", BACKEND)
    ]));
}

#[test]
fn the_page_of_the_linter_is_as_the_rules_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lint.md");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/lint.md is not what the rules say; UPDATE_DOCS=1 cargo test -p rollback-lint page writes it anew"
    );
}
