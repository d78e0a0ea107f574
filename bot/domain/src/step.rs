//! What is left to do: rows that are committed with the change that caused them.

use crate::{
    people::Person,
    plan::{Aim, PlanHash},
    refusal::Source,
    rollback::{Act, Spoken},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that must happen, and must not happen twice at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Step {
    /// Do what the rollback's state asks for next.
    Drive { rollback: u64 },
    /// Read who a person is to Slack, then let them act.
    Act {
        rollback: u64,
        by: Person,
        source: Source,
        channel: String,
        reply_to: Option<String>,
        act: Act,
        id: String,
    },
    /// Bring the card to the present state.
    Card { rollback: u64 },
    /// Tell the channel how it ended.
    Outcome { rollback: u64 },
    /// Tell one person something.
    Tell {
        channel: String,
        person: String,
        thread: Option<String>,
        reply_to: Option<String>,
        spoken: Spoken,
        id: String,
    },
    /// Say something where everybody sees it.
    Post {
        channel: String,
        thread: Option<String>,
        spoken: Spoken,
        id: String,
    },
    /// Upload an incident's timeline.
    Export {
        incident: i64,
        format: Format,
        channel: String,
        rollback: Option<u64>,
        thread: Option<String>,
        asked_by: Option<Person>,
        id: String,
    },
    /// Open the modal in which the target is changed.
    Modal {
        rollback: u64,
        hash: PlanHash,
        person: Person,
        channel: String,
        trigger: String,
        clicked_at: Timestamp,
        id: String,
    },
    /// Read the platform for one person: a plan or the list of releases.
    Show {
        show: Show,
        service: String,
        environment: String,
        person: Person,
        channel: String,
        thread: Option<String>,
        reply_to: Option<String>,
        id: String,
    },
    /// Read the platform for the board.
    Survey {
        service: String,
        environment: String,
    },
}

/// What a person wants to see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Show {
    /// The plan for this aim.
    Plan {
        /// What the plan should aim at.
        aim: Aim,
    },
    /// The last releases.
    List,
}

/// How a timeline is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For people.
    Markdown,
    /// For machines.
    Json,
}

impl Step {
    /// The kind, as it is stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Step::Drive { .. } => "drive",
            Step::Act { .. } => "act",
            Step::Card { .. } => "card",
            Step::Outcome { .. } => "outcome",
            Step::Tell { .. } => "tell",
            Step::Post { .. } => "post",
            Step::Export { .. } => "export",
            Step::Modal { .. } => "modal",
            Step::Show { .. } => "show",
            Step::Survey { .. } => "survey",
        }
    }

    /// Every kind that this version can do; others are left to newer replicas.
    pub const KINDS: [&'static str; 10] = [
        "drive", "act", "card", "outcome", "tell", "post", "export", "modal", "show", "survey",
    ];

    /// What it is about: with the kind, the row's identity.
    pub fn key(&self) -> String {
        match self {
            Step::Drive { rollback } | Step::Card { rollback } | Step::Outcome { rollback } => {
                format!("RB-{rollback}")
            }
            Step::Act { id, .. }
            | Step::Tell { id, .. }
            | Step::Post { id, .. }
            | Step::Export { id, .. }
            | Step::Modal { id, .. }
            | Step::Show { id, .. } => id.clone(),
            Step::Survey {
                service,
                environment,
            } => format!("{service}@{environment}"),
        }
    }
}
