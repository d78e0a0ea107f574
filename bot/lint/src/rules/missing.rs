//! Parts that a runbook needs.

use super::{Group, Rule, Search, Severity};
use crate::{
    Spot,
    runbook::{Kind, Passage, Runbook},
    shell::pattern,
};
use regex::Regex;
use std::sync::LazyLock;

const GROUP: Group = Group::Missing;

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "no-authority",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "Who may decide that it is rolled back",
        sentence: "Nothing says who may decide to roll back.",
        next_step: "Add a section that names the roles that may, and what holds when none of them answers.",
        source: "In an incident nobody acts who is not sure to be allowed to",
        wrong: "# Rollback\n\nRoll back.",
        right: "# Rollback\n\nWhoever is on call may decide to roll back.",
        search: Search::Runbook(|runbook| {
            static AUTHORITY: LazyLock<Regex> = LazyLock::new(|| {
                pattern(
                    r"(?i)\b(authori[sz]\w*|authority|approv\w*|who can|who may|may (decide|trigger|roll)|can trigger|allowed to|permission to|decides?|decision maker)\b",
                )
            });
            missing(runbook, &AUTHORITY)
        }),
    },
    Rule {
        id: "no-verification",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "How it is known that the rollback worked",
        sentence: "Nothing says how to see that the rollback worked.",
        next_step: "Add what to look at, where, and what it has to show, first of all the version that is served.",
        source: "A platform answers that it accepted, not that users have it",
        wrong: "# Rollback\n\nRoll back.",
        right: "# Rollback\n\nRoll back, and verify that /version.json shows the commit.",
        search: Search::Runbook(|runbook| {
            static VERIFICATION: LazyLock<Regex> = LazyLock::new(|| {
                pattern(
                    r"(?i)\b(verif\w*|validat\w*|health ?checks?|smoke tests?|confirm that|check that)\b|/health",
                )
            });
            missing(runbook, &VERIFICATION)
        }),
    },
    Rule {
        id: "no-way-forward",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "How the rollback is undone",
        sentence: "Nothing says how to undo the rollback: how the newer version comes back, and who lets deploys go live again.",
        next_step: "Add how to go forward again, and what holds automatic deploys off until then.",
        source: "vercel.com/docs/instant-rollback: after a rollback no push goes live until somebody undoes it",
        wrong: "# Rollback\n\nRoll back.",
        right: "# Rollback\n\nTo undo the rollback, promote the newer deployment.",
        search: Search::Runbook(|runbook| {
            static FORWARD: LazyLock<Regex> = LazyLock::new(|| {
                pattern(
                    r"(?i)\bundo(ing|ne)?\b|\broll(ing)?[ -]?forward\b|\b(go|going|come|comes|goes) forward\b|\bforward again\b|\bre-?enable\b.{0,20}\bdeploy|\bunpin\b|\bunlock\b.{0,20}\bdeploy",
                )
            });
            missing(runbook, &FORWARD)
        }),
    },
    Rule {
        id: "no-communication",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "Who is told",
        sentence: "Nothing says who is told, where, and when.",
        next_step: "Add the channel, the status page, and when the next update is due.",
        source: "People who are not told start a second rollback",
        wrong: "# Rollback\n\nRoll back.",
        right: "# Rollback\n\nTell #incidents before and after, and update the status page.",
        search: Search::Runbook(|runbook| {
            static COMMUNICATION: LazyLock<Regex> = LazyLock::new(|| {
                pattern(
                    r"(?i)\b(notif\w+|communicat\w+|announc\w+|status page|inform\w*|tell|post (in|to)|slack channel|stakeholders?)\b",
                )
            });
            missing(runbook, &COMMUNICATION)
        }),
    },
    Rule {
        id: "contact-missing",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "Contacts that were never filled in: `[TBD]`, `[Phone]`",
        sentence: "\"{}\" was never filled in: nobody can be reached by it.",
        next_step: "Write the schedule or the group that always has somebody in it, and how it is reached.",
        source: "The runbook itself",
        wrong: "## Emergency contacts\n\n- On call: [TBD]",
        right: "## Emergency contacts\n\n- On call: @oncall in #incidents, or page \"shop\" in PagerDuty",
        search: Search::Runbook(contact_missing),
    },
    Rule {
        id: "open-fence",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "A code block that nothing closes",
        sentence: "The code block is never closed: all that follows is code, and nobody sees the steps in it.",
        next_step: "Close it with the same marks on a line of their own.",
        source: "spec.commonmark.org, fenced code blocks",
        wrong: "```sh\nls\n\n## Verification",
        right: "```sh\nls\n```\n\n## Verification",
        search: Search::Runbook(|runbook| {
            let place = runbook.open_fence.clone();
            let spot = place.map(|place| Spot {
                place,
                names: String::new(),
            });
            spot.into_iter().collect()
        }),
    },
];

/// One finding at the title, when nothing in the runbook matches.
fn missing(runbook: &Runbook, part: &Regex) -> Vec<Spot> {
    if runbook.names(part) {
        return Vec::new();
    }
    let title = runbook.passages.first();
    let place = title.map_or(0..0, |title| title.extract.place(&(0..title.text().len())));
    vec![Spot {
        place,
        names: String::new(),
    }]
}

fn contact_missing(runbook: &Runbook) -> Vec<Spot> {
    static CONTACTS: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?i)\b(contacts?|escalation|on-?call|who to call)\b"));
    static OPEN: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)\[(tbd|todo|name|phone|e-?mail|contact( info)?|set in [a-z ]+|slack[a-z/ ]*|your [a-z ]+)\]|\b(TBD|TODO)\b",
        )
    });
    let is_about = |passage: &&Passage| {
        let path = &runbook.sections[passage.section].path;
        !matches!(passage.kind, Kind::Heading(_))
            && path
                .iter()
                .skip(1)
                .any(|heading| CONTACTS.is_match(heading))
            || path
                .last()
                .is_some_and(|heading| CONTACTS.is_match(heading))
    };
    let passages = runbook.passages.iter().filter(is_about);
    passages
        .filter_map(|passage| {
            let found = OPEN.find(passage.text())?;
            Some(Spot {
                place: passage.extract.place(&found.range()),
                names: found.as_str().to_owned(),
            })
        })
        .collect()
}
