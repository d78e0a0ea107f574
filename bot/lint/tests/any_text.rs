//! Whatever text is read, nothing panics, every place is inside of it, and it does not take long.

#![expect(
    clippy::unwrap_used,
    reason = "a report that cannot be written has failed"
)]

use proptest::{collection::vec, prelude::*, sample::select};
use rollback_lint::{File, covered, json, lint, sarif, services, suggest, text, text_of};
use std::time::{Duration, Instant};

const RUNBOOKS: [&str; 3] = [
    include_str!("runbooks/storefront.md"),
    include_str!("runbooks/backend.md"),
    include_str!("../../../docs/runbook.md"),
];

/// Parts that something begins or ends with.
const PARTS: [&str; 40] = [
    "```sh\n",
    "```sql\n",
    "\n```\n",
    "~~~",
    "`",
    "$(",
    ")",
    "'",
    "\"",
    "<<EOF\n",
    "EOF\n",
    "<id>",
    "\\\n",
    "\\",
    "| a | b |\n|---|---|\n",
    "|",
    "> ",
    "- ",
    "1. ",
    "# ",
    "\r\n",
    "\u{feff}",
    "é",
    "🔄",
    "\t",
    "    ",
    "&amp;",
    "<!--",
    "[x](",
    "**",
    "% ",
    "<0.1%",
    ">1%",
    "5-10 minutes",
    "--",
    "$$",
    "/*",
    "vercel rollback ",
    "DROP TABLE x CASCADE;",
    "docker stop a; docker run --name a b:latest",
];

/// Runs everything over a text, and checks what has to hold for each.
fn read(runbook: &str) {
    let services = services("[services.a.b]\nprovider = \"vercel\"\nproject = \"shop\"").unwrap();
    let findings = lint(runbook, &services);
    let lines: Vec<&str> = runbook.split('\n').collect();
    for finding in &findings {
        assert!(finding.start <= finding.end, "{finding:?}");
        let width = |line: usize| lines[line - 1].chars().count() + 1;
        assert!(
            finding.start.column <= width(finding.start.line),
            "{finding:?}"
        );
        assert!(finding.end.column <= width(finding.end.line), "{finding:?}");
    }
    let files = [File {
        name: "a.md".to_owned(),
        covered: covered(runbook, &services),
        findings: Ok(findings),
    }];
    let _ = text(&files);
    serde_json::to_string(&json(&files)).unwrap();
    let _ = sarif(&files);
    toml::from_str::<toml::Table>(&suggest(&[("a.md", runbook)])).unwrap();
}

/// A runbook in which parts were put, doubled and taken out.
fn mutated() -> impl Strategy<Value = String> {
    let change = (
        any::<prop::sample::Index>(),
        select(PARTS.to_vec()),
        0..60_usize,
    );
    (select(RUNBOOKS.to_vec()), vec(change, 1..12)).prop_map(|(runbook, changes)| {
        let mut letters: Vec<char> = runbook.chars().collect();
        for (place, part, length) in changes {
            let start = place.index(letters.len() + 1);
            let end = (start + length).min(letters.len());
            letters.splice(start..end, part.chars());
        }
        letters.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_runbook_that_was_changed_at_random_is_read(runbook in mutated()) {
        read(&runbook);
    }

    #[test]
    fn parts_in_any_order_are_read(parts in vec(select(PARTS.to_vec()), 0..60)) {
        read(&parts.concat());
    }

    #[test]
    fn bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        if let Ok(runbook) = text_of(&bytes) {
            read(runbook);
        }
    }
}

/// What grows faster than the file would take minutes here.
#[test]
fn large_files_do_not_take_long() {
    for part in PARTS {
        let runbook = part.repeat(60_000 / part.len());
        let begun = Instant::now();
        for language in ["", "```sh\n", "```sql\n"] {
            let _ = lint(&format!("{language}{runbook}"), &[]);
        }
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(30), "{part:?} took {took:?}");
    }
}
