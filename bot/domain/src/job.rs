//! What is left to do: rows that are committed with the change that caused them.

use crate::{
    grammar::{About, ReviewAnswer},
    people::Person,
    plan::{Aim, PlanHash},
    refusal::Source,
    rollback::{Act, Message, Page},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that must happen, and must not happen twice at once.
///
/// Adding a kind: its variant here, with its key; its file in `bot/worker/jobs/`; and its line in
/// `perform` there. A variant that has got a better name since it was first stored keeps the kind
/// that is stored.
#[derive(
    Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr, strum::VariantNames,
)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Job {
    /// Do what the rollback's state asks for next.
    #[serde(rename = "drive")]
    #[strum(serialize = "drive")]
    Advance { rollback: u64 },
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
    #[serde(rename = "forged")]
    #[strum(serialize = "forged")]
    RejectForged {
        by: Person,
        source: Source,
        channel: String,
        reply_to: Option<String>,
        what: String,
        id: String,
    },
    /// Read who a person is, then let them act on a service.
    #[serde(rename = "tend")]
    #[strum(serialize = "tend")]
    ServiceAction {
        service: String,
        environment: String,
        by: Person,
        source: Source,
        channel: String,
        thread: Option<String>,
        reply_to: Option<String>,
        #[serde(rename = "tend")]
        action: ServiceAction,
        id: String,
    },
    /// Bring the message about an emergency run to the present state.
    #[serde(rename = "glass")]
    #[strum(serialize = "glass")]
    BreakGlassMessage { rollback: u64 },
    /// Ask for the review of an emergency run, until it is answered.
    #[serde(rename = "review")]
    #[strum(serialize = "review")]
    RequestReview { rollback: u64 },
    /// Let automatic deploys go live again that were held off for a rollback which changed nothing.
    TakePinBack { rollback: u64 },
    /// Page somebody.
    Page { rollback: u64, page: Page },
    /// Read who is in a source of roles, for the cards.
    #[serde(rename = "roster")]
    #[strum(serialize = "roster")]
    RefreshRoster { source: crate::authority::Source },
    /// Bring the card to the present state.
    Card { rollback: u64 },
    /// Tell the channel how it ended.
    #[serde(rename = "outcome")]
    #[strum(serialize = "outcome")]
    AnnounceOutcome { rollback: u64 },
    /// Tell one person something.
    #[serde(rename = "tell")]
    #[strum(serialize = "tell")]
    Notify {
        channel: String,
        person: String,
        thread: Option<String>,
        reply_to: Option<String>,
        #[serde(rename = "spoken")]
        message: Message,
        id: String,
    },
    /// Say something where everybody sees it.
    Post {
        channel: String,
        thread: Option<String>,
        /// The rollback under whose card it is said, if it is.
        #[serde(default)]
        under: Option<u64>,
        #[serde(rename = "spoken")]
        message: Message,
        id: String,
    },
    /// Post the messages that a channel missed while Slack took nothing.
    #[serde(rename = "late")]
    #[strum(serialize = "late")]
    Backfill { channel: String },
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
    #[serde(rename = "show")]
    #[strum(serialize = "show")]
    Query {
        #[serde(rename = "show")]
        query: Query,
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
    #[serde(rename = "standings")]
    #[strum(serialize = "standings")]
    RefreshMemberships,
}

/// What a person wants to see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Query {
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
pub enum ServiceAction {
    /// Let automatic deploys flow again.
    Unpin { because: Option<String> },
    /// Say that nothing should be changed.
    Freeze { because: String },
    /// Take that back.
    Unfreeze { because: Option<String> },
}

impl ServiceAction {
    /// The verb that asks for it.
    pub fn verb(&self) -> &'static str {
        match self {
            ServiceAction::Unpin { .. } => "unpin",
            ServiceAction::Freeze { .. } => "freeze",
            ServiceAction::Unfreeze { .. } => "unfreeze",
        }
    }
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

impl Job {
    /// Every kind that this version can do, as it is stored; others are left to newer replicas.
    pub const KINDS: &'static [&'static str] = <Job as strum::VariantNames>::VARIANTS;

    /// The kind, as it is stored.
    pub fn kind(&self) -> &'static str {
        self.into()
    }

    /// The rollback that it is about; `None`: it is about none, or only its key names it.
    pub fn rollback(&self) -> Option<u64> {
        match self {
            Job::Advance { rollback }
            | Job::Act { rollback, .. }
            | Job::BreakGlassMessage { rollback }
            | Job::RequestReview { rollback }
            | Job::TakePinBack { rollback }
            | Job::Page { rollback, .. }
            | Job::Card { rollback }
            | Job::AnnounceOutcome { rollback }
            | Job::Modal { rollback, .. } => Some(*rollback),
            Job::Post { under, .. } => *under,
            Job::Export { rollback, .. } => *rollback,
            Job::Query { query, .. } => match query {
                Query::Why { rollback }
                | Query::Who {
                    about: About::Rollback(rollback),
                } => Some(*rollback),
                Query::Who {
                    about: About::Service(_),
                }
                | Query::Plan { .. }
                | Query::List => None,
            },
            Job::RejectForged { .. }
            | Job::ServiceAction { .. }
            | Job::RefreshRoster { .. }
            | Job::Notify { .. }
            | Job::Backfill { .. }
            | Job::Survey { .. }
            | Job::RefreshMemberships => None,
        }
    }

    /// What it is about: with the kind, the row's identity.
    pub fn key(&self) -> String {
        match self {
            Job::Advance { rollback }
            | Job::Card { rollback }
            | Job::AnnounceOutcome { rollback }
            | Job::BreakGlassMessage { rollback }
            | Job::TakePinBack { rollback }
            | Job::RequestReview { rollback } => format!("RB-{rollback}"),
            Job::Page { page, .. } => match page {
                Page::Trigger { key, .. } => format!("trigger:{key}"),
                Page::Resolve { key } => format!("resolve:{key}"),
            },
            Job::RefreshRoster { source } => source.to_string(),
            Job::Backfill { channel } => channel.clone(),
            Job::Act { id, .. }
            | Job::RejectForged { id, .. }
            | Job::ServiceAction { id, .. }
            | Job::Notify { id, .. }
            | Job::Post { id, .. }
            | Job::Export { id, .. }
            | Job::Modal { id, .. }
            | Job::Query { id, .. } => id.clone(),
            Job::Survey {
                service,
                environment,
            } => format!("{service}@{environment}"),
            Job::RefreshMemberships => "all".into(),
        }
    }
}
