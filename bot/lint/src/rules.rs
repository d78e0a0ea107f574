//! The table of what is looked for: one rule is one entry.

mod commands;
mod contradictions;
mod data;
mod missing;
mod verification;

use crate::{Spot, runbook::Runbook, shell::Command, sql::Statement};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It might not be meant.
    Note,
    /// It goes wrong sooner or later.
    Warning,
    /// It does not do what is written, or destroys something.
    Error,
}

impl Severity {
    /// Its name: `error`. SARIF has the same three.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// What kind of mistake a rule finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// A command or a button that does not exist, or does something else.
    DoesSomethingElse,
    /// What destroys data, history or what serves.
    Destroys,
    /// A check that looks at the wrong thing, or too early.
    Verification,
    /// Numbers that cannot both be true.
    Contradiction,
    /// A part that a runbook needs.
    Missing,
}

impl Group {
    /// All of them, in the order of the page.
    pub const ALL: [Group; 5] = [
        Group::DoesSomethingElse,
        Group::Destroys,
        Group::Verification,
        Group::Contradiction,
        Group::Missing,
    ];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Group::DoesSomethingElse => "Does not exist, or does something else",
            Group::Destroys => "Destroys",
            Group::Verification => "Checks the wrong thing",
            Group::Contradiction => "Contradicts itself",
            Group::Missing => "Is missing",
        }
    }
}

/// Something that is looked for.
#[derive(Debug)]
pub struct Rule {
    /// Its name, which never changes: `railway-rollback`.
    pub id: &'static str,
    /// What kind of mistake it is.
    pub group: Group,
    /// How bad it is.
    pub severity: Severity,
    /// The provider or preset that does it instead, by its name in a configuration.
    pub platform: Option<&'static str>,
    /// What is looked for, as the page says it.
    pub looks_for: &'static str,
    /// What is wrong, to the reader of the runbook; `{}` is what was found.
    pub sentence: &'static str,
    /// What to do instead.
    pub next_step: &'static str,
    /// Where it is known from.
    pub source: &'static str,
    /// The shortest runbook in which it is found.
    pub wrong: &'static str,
    /// The same, put right.
    pub right: &'static str,
    pub(crate) search: Search,
}

/// How a rule looks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Search {
    /// At each command by itself.
    Command(fn(&Command) -> bool),
    /// At each statement of SQL by itself.
    Statement(fn(&Statement) -> bool),
    /// For a pattern in passages and comments.
    Text(&'static str),
    /// At everything.
    Runbook(fn(&Runbook) -> Vec<Spot>),
}

/// Every rule, group by group.
pub const RULES: [&[Rule]; 5] = [
    commands::RULES,
    data::RULES,
    verification::RULES,
    contradictions::RULES,
    missing::RULES,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_finds_its_example_and_not_the_one_that_is_put_right() {
        let found = |text: &str, rule: &Rule| lint(text, &[]).iter().any(|f| f.rule.id == rule.id);
        for rule in RULES.iter().copied().flatten() {
            assert!(
                found(rule.wrong, rule),
                "{} does not find {}",
                rule.id,
                rule.wrong
            );
            assert!(!found(rule.right, rule), "{} finds {}", rule.id, rule.right);
        }
    }

    #[test]
    fn every_rule_has_a_name_of_its_own_and_whole_sentences() {
        let mut ids = BTreeSet::new();
        for rule in RULES.iter().copied().flatten() {
            assert!(ids.insert(rule.id), "{} is there twice", rule.id);
            assert!(rule.sentence.ends_with('.'), "{}", rule.id);
            assert!(rule.next_step.ends_with('.'), "{}", rule.id);
            assert!(
                !rule.source.is_empty() && !rule.looks_for.is_empty(),
                "{}",
                rule.id
            );
            assert!(rule.sentence.matches("{}").count() <= 1, "{}", rule.id);
        }
    }
}
