//! What is left to do: rows that are committed with the change that caused them.

use crate::{
    grammar::{About, ReviewAnswer},
    people::Person,
    plan::{Aim, PlanHash},
    refusal::Source,
    rollback::{Act, Page, Spoken},
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
        /// The message that was clicked, if one was: it must be the rollback's own.
        #[serde(default)]
        clicked: Option<String>,
        id: String,
    },
    /// Tell somebody that their click does not fit, and record it.
    Forged {
        by: Person,
        source: Source,
        channel: String,
        reply_to: Option<String>,
        what: String,
        id: String,
    },
    /// Read who a person is, then let them act on a service.
    Tend {
        service: String,
        environment: String,
        by: Person,
        source: Source,
        channel: String,
        thread: Option<String>,
        reply_to: Option<String>,
        tend: Tend,
        id: String,
    },
    /// Bring the message about a broken glass to the present state.
    Glass { rollback: u64 },
    /// Ask for the review of a broken glass, until it is answered.
    Review { rollback: u64 },
    /// Page somebody.
    Page { rollback: u64, page: Page },
    /// Read who is in a source of roles, for the cards.
    Roster { source: crate::authority::Source },
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
        /// The rollback under whose card it is said, if it is.
        #[serde(default)]
        under: Option<u64>,
        spoken: Spoken,
        id: String,
    },
    /// Tell a channel what it missed while Slack took nothing.
    Late { channel: String },
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
    /// Open a form.
    Modal {
        #[serde(default)]
        form: Form,
        /// Where they are told what is to be told before the form is there.
        #[serde(default)]
        reply_to: Option<String>,
        rollback: u64,
        hash: PlanHash,
        person: Person,
        channel: String,
        trigger: String,
        clicked_at: Timestamp,
        /// What they have said already, to begin with.
        #[serde(default)]
        said: Option<String>,
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
    /// Read what those are to Slack who have a token.
    Standings,
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
    /// Who may approve now.
    Who {
        /// A rollback, or a service.
        about: About,
    },
    /// Why they themselves may, or may not, approve a rollback.
    Why {
        /// The rollback.
        rollback: u64,
    },
}

/// What a person wants done to a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tend", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Tend {
    /// Let automatic deploys flow again.
    Unpin { because: Option<String> },
    /// Say that nothing should be changed.
    Freeze { because: String },
    /// Take that back.
    Unfreeze { because: Option<String> },
}

/// A form that is opened for one person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", content = "answer", rename_all = "snake_case")]
pub enum Form {
    /// Another target.
    #[default]
    Target,
    /// An approval that takes more than a click.
    Approve,
    /// An objection.
    Object,
    /// An emergency.
    BreakGlass,
    /// What is thought of an emergency.
    Review(ReviewAnswer),
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
            Step::Late { .. } => "late",
            Step::Export { .. } => "export",
            Step::Modal { .. } => "modal",
            Step::Show { .. } => "show",
            Step::Survey { .. } => "survey",
            Step::Forged { .. } => "forged",
            Step::Tend { .. } => "tend",
            Step::Glass { .. } => "glass",
            Step::Review { .. } => "review",
            Step::Page { .. } => "page",
            Step::Roster { .. } => "roster",
            Step::Standings => "standings",
        }
    }

    /// Every kind that this version can do; others are left to newer replicas.
    pub const KINDS: [&'static str; 18] = [
        "drive",
        "act",
        "card",
        "outcome",
        "tell",
        "post",
        "export",
        "modal",
        "show",
        "survey",
        "forged",
        "tend",
        "glass",
        "review",
        "page",
        "roster",
        "late",
        "standings",
    ];

    /// What it is about: with the kind, the row's identity.
    pub fn key(&self) -> String {
        match self {
            Step::Drive { rollback }
            | Step::Card { rollback }
            | Step::Outcome { rollback }
            | Step::Glass { rollback }
            | Step::Review { rollback } => format!("RB-{rollback}"),
            Step::Page { page, .. } => match page {
                Page::Trigger { key, .. } => format!("trigger:{key}"),
                Page::Resolve { key } => format!("resolve:{key}"),
            },
            Step::Roster { source } => source.to_string(),
            Step::Late { channel } => channel.clone(),
            Step::Act { id, .. }
            | Step::Forged { id, .. }
            | Step::Tend { id, .. }
            | Step::Tell { id, .. }
            | Step::Post { id, .. }
            | Step::Export { id, .. }
            | Step::Modal { id, .. }
            | Step::Show { id, .. } => id.clone(),
            Step::Survey {
                service,
                environment,
            } => format!("{service}@{environment}"),
            Step::Standings => "all".into(),
        }
    }
}
