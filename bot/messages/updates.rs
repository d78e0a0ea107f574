//! What the record knows for an update, and the text that a template makes of it.

use super::Templates;
use rollback_domain::update::{TEXT_AT_MOST, UpdateKind, plain_lines};
use serde::Serialize;

/// Every template of an update, by its kind.
pub(super) const TEMPLATES: [(&str, &str); 8] = [
    (
        "update-initiated.txt.j2",
        include_str!("../../templates/update-initiated.txt.j2"),
    ),
    (
        "update-in-progress.txt.j2",
        include_str!("../../templates/update-in-progress.txt.j2"),
    ),
    (
        "update-executed.txt.j2",
        include_str!("../../templates/update-executed.txt.j2"),
    ),
    (
        "update-failed.txt.j2",
        include_str!("../../templates/update-failed.txt.j2"),
    ),
    (
        "update-investigating.txt.j2",
        include_str!("../../templates/update-investigating.txt.j2"),
    ),
    (
        "update-identified.txt.j2",
        include_str!("../../templates/update-identified.txt.j2"),
    ),
    (
        "update-monitoring.txt.j2",
        include_str!("../../templates/update-monitoring.txt.j2"),
    ),
    (
        "update-resolved.txt.j2",
        include_str!("../../templates/update-resolved.txt.j2"),
    ),
];

/// What the draft of an update may say: plain text, each of it on one line.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct UpdateFacts {
    pub incident: String,
    pub issue: String,
    pub systems: String,
    pub severity: String,
    pub impact: String,
    pub users: String,
    pub since: String,
    pub status: String,
    pub doing: String,
    pub eta: String,
    pub error_rate: String,
    pub root_cause: String,
    pub next_steps: String,
    pub fix_planned: String,
    pub contact: String,
    pub post_mortem: String,
    pub post_mortem_promise: String,
    /// What stands where a rollback would.
    pub nothing: String,
    pub rollbacks: Vec<UpdateRollback>,
}

/// What the draft of an update may say of a rollback.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct UpdateRollback {
    pub id: String,
    pub service: String,
    pub from: String,
    pub to: String,
    pub because: String,
    pub status: String,
    pub conclusion: String,
    pub executed_at: String,
    pub checks: String,
    pub steps: String,
    pub restore_point: String,
}

impl Templates {
    /// The draft of an update, no longer than an update may be.
    pub fn status_update(&self, kind: UpdateKind, facts: &UpdateFacts) -> anyhow::Result<String> {
        let text = self.render(&format!("update-{}.txt.j2", kind.name()), facts)?;
        let text = plain_lines(&text);
        Ok(match text.chars().count() <= TEXT_AT_MOST {
            true => text,
            false => text.chars().take(TEXT_AT_MOST - 1).chain(['…']).collect(),
        })
    }
}

impl UpdateFacts {
    pub(super) fn sample() -> Self {
        let text = || "sample".to_owned();
        UpdateFacts {
            incident: "INC-1".into(),
            issue: text(),
            systems: text(),
            severity: text(),
            impact: text(),
            users: text(),
            since: text(),
            status: text(),
            doing: text(),
            eta: text(),
            error_rate: text(),
            root_cause: text(),
            next_steps: text(),
            fix_planned: text(),
            contact: text(),
            post_mortem: text(),
            post_mortem_promise: text(),
            nothing: text(),
            rollbacks: vec![UpdateRollback {
                id: "RB-1".into(),
                service: text(),
                from: text(),
                to: text(),
                because: text(),
                status: text(),
                conclusion: text(),
                executed_at: text(),
                checks: text(),
                steps: text(),
                restore_point: text(),
            }],
        }
    }
}
