//! What is told of a group when it is over: numbers first, and each member that is not verified.

use super::{Ending, Update};
use crate::slack::{blocks::inline, card};
use rollback_domain::{group::GroupPlan, platform::Holds, rollback::Rollback};

/// The update about a group, with the words that are for several services.
pub(super) fn update(rollback: &Rollback, group: &GroupPlan, update: Update) -> Update {
    let service = inline(&rollback.service.to_string(), 160);
    let counted = inline(&rollback.members_counted(), 600);
    let icon = match rollback.members_unverified().is_empty() {
        true => "✅",
        false => "⚠️",
    };
    let stopped = rollback.halted.as_ref();
    let stopped = stopped.map(|one| format!(", stopped by @{}", inline(&one.by.name, 80)));
    let holds = group
        .planned()
        .any(|(_, plan)| plan.effects.holds != Holds::Not);
    Update {
        headline: format!("{icon} {service}: {counted}{}", stopped.unwrap_or_default()),
        checks: "each has its own verdict".into(),
        sentence: notes(rollback),
        serving: String::new(),
        deploys: match holds {
            true => "`/rollback pins` shows where automatic deploys are off.".into(),
            false => String::new(),
        },
        defect: match Ending::of(rollback) {
            Ending::Concluded(_) if rollback.aim.undoes.is_none() => {
                "This doesn't fix the bug. If a release that they left caused it, deploying that one again brings it back.".into()
            }
            Ending::Concluded(_) => update.defect,
            Ending::Failed(_)
            | Ending::Partial(..)
            | Ending::Resolved(..)
            | Ending::Rehearsed
            | Ending::Drifted => String::new(),
        },
        next: card::next_of_group(rollback),
        ..update
    }
}

/// What is to be known of the members, a line each.
fn notes(rollback: &Rollback) -> String {
    let members = rollback.members.iter();
    let lines: Vec<String> = members
        .map(|member| {
            let id = member.rollback.map(|id| format!(" ({id})"));
            let note = member.note.as_deref();
            let note = note.map(|note| format!(": {}", inline(note, 200)));
            format!(
                "• {}{} {}{}",
                inline(&member.service.name, 80),
                id.unwrap_or_default(),
                inline(&member.word, 40),
                note.unwrap_or_default()
            )
        })
        .collect();
    lines.join("\n")
}
