//! Reads rollback runbooks and finds what in them would go wrong: commands that do not exist or do
//! something else, commands that destroy, checks that look at the wrong thing, numbers that
//! contradict each other, and parts that are missing.
//!
//! [`RULES`] is the table of what is looked for. [`lint`] looks for all of it in one runbook.

mod configuration;
mod numbers;
mod page;
mod report;
mod rules;
mod runbook;
mod sarif;
mod shell;
mod source;
mod sql;
mod suggest;

pub use configuration::{Covered, Service, covered, services};
pub use page::page;
pub use report::{File, Piece, Style, json, text};
pub use rules::{Group, RULES, Rule, Severity};
pub use sarif::sarif;
pub use source::{AT_MOST, Place, Unreadable, text_of};
pub use suggest::suggest;

use rules::Search;
use runbook::{Runbook, is_warning, sentence};
use source::whole_characters;
use std::ops::Range;

/// How many findings of one rule are told in one file.
const OF_A_RULE_AT_MOST: usize = 50;

/// Something in a runbook that would go wrong.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was looked for.
    pub rule: &'static Rule,
    /// Where it begins.
    pub start: Place,
    /// Where it ends, behind its last character.
    pub end: Place,
    /// The line on which it begins.
    pub excerpt: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// The services of the configuration that do it instead: `/rollback frontend@production`.
    pub instead: Vec<String>,
}

/// A place where a rule found something, before it is told.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) place: Range<usize>,
    /// What the sentence of the rule names.
    pub(crate) names: String,
}

/// Looks for everything in one runbook. The findings are in the order of the file.
pub fn lint(text: &str, services: &[Service]) -> Vec<Finding> {
    let runbook = Runbook::read(text);
    let mut findings: Vec<(usize, Finding)> = Vec::new();
    for rule in RULES.iter().copied().flatten() {
        let mut spots = spots(&runbook, rule);
        spots.sort_by_key(|spot| (spot.place.start, spot.place.end));
        spots.dedup_by_key(|spot| spot.place.clone());
        for spot in spots.into_iter().take(OF_A_RULE_AT_MOST) {
            let place = whole_characters(&runbook.text, &spot.place);
            let finding = Finding {
                rule,
                start: runbook.lines.place(&runbook.text, place.start),
                end: runbook.lines.place(&runbook.text, place.end),
                excerpt: runbook.lines.text(&runbook.text, place.start).to_owned(),
                message: rule.sentence.replace("{}", &spot.names),
                instead: configuration::instead(services, rule.platform, text),
            };
            findings.push((place.start, finding));
        }
    }
    findings.sort_by_key(|(start, _)| *start);
    findings.into_iter().map(|(_, finding)| finding).collect()
}

/// Where a rule finds something.
fn spots(runbook: &Runbook, rule: &Rule) -> Vec<Spot> {
    match rule.search {
        Search::Command(is_wrong) => {
            let commands = runbook.commands().filter(|(_, typed)| !typed.is_warned_of);
            let wrong = commands.filter(|(_, typed)| is_wrong(&typed.command));
            wrong
                .map(|(_, typed)| Spot {
                    place: typed.place.clone(),
                    names: typed.command.typed(),
                })
                .collect()
        }
        Search::Statement(is_wrong) => {
            let statements = runbook.blocks.iter().flat_map(|block| &block.statements);
            let wrong = statements
                .filter(|(statement, _, is_warned_of)| !is_warned_of && is_wrong(statement));
            wrong
                .map(|(_, place, _)| Spot {
                    place: place.clone(),
                    names: first_line(&runbook.text[place.clone()]),
                })
                .collect()
        }
        Search::Text(pattern) => in_text(runbook, &shell::pattern(pattern)),
        Search::Runbook(find) => find(runbook),
    }
}

/// Where a pattern stands in passages and comments, but for sentences that warn of it.
fn in_text(runbook: &Runbook, pattern: &regex::Regex) -> Vec<Spot> {
    let passages = runbook.passages.iter().flat_map(|passage| {
        let text = passage.text();
        let found = pattern.find_iter(text);
        let told = found.filter(move |found| !is_warning(sentence(text, &found.range())));
        told.map(|found| Spot {
            place: passage.extract.place(&found.range()),
            names: found.as_str().to_owned(),
        })
    });
    let comments = runbook.blocks.iter().flat_map(|block| {
        block.comments.iter().flat_map(move |comment| {
            let text = block.extract.text.get(comment.clone()).unwrap_or_default();
            let found = pattern.find_iter(text).filter(move |_| !is_warning(text));
            found.map(move |found| Spot {
                place: block
                    .extract
                    .place(&(found.start() + comment.start..found.end() + comment.start)),
                names: found.as_str().to_owned(),
            })
        })
    });
    passages.chain(comments).collect()
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}
