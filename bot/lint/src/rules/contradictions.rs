//! Numbers that cannot both be true.

use super::{Group, Rule, Search, Severity};
use crate::{Spot, numbers, runbook::Runbook};

const GROUP: Group = Group::Contradiction;

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "longer-than-its-target",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "A way that takes longer than the target for what it takes back",
        sentence: "{}.",
        next_step: "Say when this way is allowed although it is too slow, or change the target.",
        source: "The runbook itself",
        wrong: "## Time targets\n\n- Application rollback: <5 minutes\n\n## Application\n\n### By git\n\nTime: 8-10 minutes",
        right: "## Time targets\n\n- Application rollback: <10 minutes\n\n## Application\n\n### By git\n\nTime: 8-10 minutes",
        search: Search::Runbook(longer_than_its_target),
    },
    Rule {
        id: "nothing-is-decided",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "A gap between the threshold for a rollback and the one for leaving it",
        sentence: "{}.",
        next_step: "Let one begin where the other ends, or say who decides in between.",
        source: "The runbook itself",
        wrong: "**Roll back if:**\n- Error rate >1%\n\n**Do not roll back:**\n- Error rate <0.1%",
        right: "**Roll back if:**\n- Error rate >1%\n\n**Do not roll back:**\n- Error rate <1%",
        search: Search::Runbook(nothing_is_decided),
    },
    Rule {
        id: "thresholds-differ",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "Two thresholds for the same decision",
        sentence: "{}.",
        next_step: "Keep one of them, and name the place where it stands at the other.",
        source: "The runbook itself",
        wrong: "**Roll back if:**\n- Error rate >1%\n\n## Summary\n\n**Roll back immediately:**\n- Error rate >10%",
        right: "**Roll back if:**\n- Error rate >1%\n\n## Summary\n\n**Roll back immediately:**\n- Error rate >1%",
        search: Search::Runbook(thresholds_differ),
    },
];

fn line(runbook: &Runbook, at: usize) -> usize {
    runbook.lines.index(at.min(runbook.text.len())) + 1
}

fn longer_than_its_target(runbook: &Runbook) -> Vec<Spot> {
    let times = numbers::times(runbook);
    let over = numbers::over_target(&times)
        .into_iter()
        .map(|(time, target)| Spot {
            place: time.place.clone(),
            names: format!(
                "This takes {}, and the target for {} is {} (line {})",
                time.written,
                target.component.name(),
                target.written,
                line(runbook, target.place.start),
            ),
        });
    over.collect()
}

fn nothing_is_decided(runbook: &Runbook) -> Vec<Spot> {
    let thresholds = numbers::thresholds(runbook);
    let gaps = numbers::gaps(&thresholds).into_iter().map(|(acted, left)| Spot {
        place: acted.place.clone(),
        names: format!(
            "{} decides something at {}, and leaves it at {} (line {}): in between nothing is decided",
            capitalized(acted.metric.name()),
            acted.written,
            left.written,
            line(runbook, left.place.start),
        ),
    });
    gaps.collect()
}

fn thresholds_differ(runbook: &Runbook) -> Vec<Spot> {
    let thresholds = numbers::thresholds(runbook);
    let differing = numbers::differing(&thresholds)
        .into_iter()
        .map(|(second, first)| Spot {
            place: second.place.clone(),
            names: format!(
                "{} is a reason to roll back at {} here and at {} on line {}",
                capitalized(second.metric.name()),
                second.written,
                first.written,
                line(runbook, first.place.start),
            ),
        });
    differing.collect()
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
