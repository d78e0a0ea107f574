//! The page about the linter: docs/lint.md.

use crate::rules::{Group, RULES};
use std::fmt::Write as _;

/// What the page says before the rules.
const BEFORE: &str = include_str!("page.md");

/// The whole page.
pub fn page() -> String {
    let mut page = BEFORE.to_owned();
    for group in Group::ALL {
        let _ = write!(page, "\n## {}\n", group.title());
        let rules = RULES.iter().copied().flatten();
        for rule in rules.filter(|rule| rule.group == group) {
            let _ = write!(page, "\n### `{}`\n\n| | |\n|---|---|\n", rule.id);
            for (aspect, text) in [
                ("severity", rule.severity.name()),
                ("looks for", rule.looks_for),
                ("says", &rule.sentence.replace("{}", "…")),
                ("next", rule.next_step),
                ("known from", rule.source),
            ] {
                let _ = writeln!(page, "| {aspect} | {} |", text.replace('|', "\\|"));
            }
            let _ = write!(
                page,
                "\n````markdown\n{}\n````\n\nPut right:\n\n````markdown\n{}\n````\n",
                rule.wrong, rule.right
            );
        }
    }
    page
}
