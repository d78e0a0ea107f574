//! What is left to do: rows that are committed with the change that caused them.

use crate::{
    drill::Quarter,
    grammar::{About, ExportFormat, ReviewAnswer},
    identity::{IncidentId, RollbackId, ServiceKey},
    incident::{CapturedMessage, IncidentRole},
    matrix::Symptoms,
    people::{Addressee, Person},
    plan::{Aim, PlanHash},
    refusal::Source,
    rollback::{Act, Message, Page},
    update::UpdateKind,
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
    Advance { rollback: RollbackId },
    /// Read who a person is to Slack, then let them act.
    Act(ActRequest),
    /// Tell somebody that their click does not fit, and record it.
    #[serde(rename = "forged")]
    #[strum(serialize = "forged")]
    RejectForged(ForgedClick),
    /// Read who a person is, then let them act on a service.
    #[serde(rename = "tend")]
    #[strum(serialize = "tend")]
    ServiceAction(ServiceRequest),
    /// Bring the message about an emergency run to the present state.
    #[serde(rename = "glass")]
    #[strum(serialize = "glass")]
    BreakGlassMessage { rollback: RollbackId },
    /// Ask for the review of an emergency run, until it is answered.
    #[serde(rename = "review")]
    #[strum(serialize = "review")]
    RequestReview { rollback: RollbackId },
    /// Let automatic deploys go live again that were held off for a rollback which changed nothing.
    TakePinBack { rollback: RollbackId },
    /// Page somebody.
    Page { rollback: RollbackId, page: Page },
    /// Read who is in a source of roles, for the cards.
    #[serde(rename = "roster")]
    #[strum(serialize = "roster")]
    RefreshRoster { source: crate::authority::Source },
    /// Remind people of a drill of a service.
    RemindDrill {
        #[serde(flatten)]
        service: ServiceKey,
    },
    /// Tell owners what they have to review, once a month.
    RemindReviews,
    /// Upload the report of the drills of a quarter.
    DrillReport(DrillReportRequest),
    /// Run the command that breaks the environment of a drill, once.
    MakeFault { rollback: RollbackId },
    /// Bring the card to the present state.
    Card { rollback: RollbackId },
    /// Tell the channel how it ended.
    #[serde(rename = "outcome")]
    #[strum(serialize = "outcome")]
    AnnounceOutcome { rollback: RollbackId },
    /// Tell those whose changes a rollback took out of production, once.
    TellAuthors { rollback: RollbackId },
    /// Tell one person something.
    #[serde(rename = "tell")]
    #[strum(serialize = "tell")]
    Notify(Notification),
    /// Say something where everybody sees it.
    Post(Post),
    /// Post the messages that a channel missed while Slack took nothing.
    #[serde(rename = "late")]
    #[strum(serialize = "late")]
    Backfill { channel: String },
    /// Upload an incident's timeline.
    Export(ExportRequest),
    /// Open a form.
    #[serde(rename = "modal")]
    #[strum(serialize = "modal")]
    OpenForm(OpenForm),
    /// Read the platform for one person: a plan or the list of releases.
    #[serde(rename = "show")]
    #[strum(serialize = "show")]
    Query(QueryRequest),
    /// Look at everything that the configuration names, for one person.
    Examine(ExamineRequest),
    /// Read the platform for the board.
    Survey {
        #[serde(flatten)]
        service: ServiceKey,
    },
    /// Read everything that a rollback of a service would read, and tell what has turned bad.
    Canary {
        #[serde(flatten)]
        service: ServiceKey,
    },
    /// Read what every rollback needs, whatever it is of, and tell what has turned bad.
    CanaryOfBot,
    /// Read what those are to Slack who have a token.
    #[serde(rename = "standings")]
    #[strum(serialize = "standings")]
    RefreshMemberships,
    /// Read what one person is to Slack.
    #[serde(rename = "membership")]
    #[strum(serialize = "membership")]
    ReadMembership { person: Person },
    /// Read who a person is, then run what they asked for.
    Request(DeferredRequest),
    /// Look whether production has changed since a rollback was closed, and tell it.
    LookAfter { rollback: RollbackId },
    /// Look at a rollback from outside again, long after it was verified.
    LookAgain { rollback: RollbackId },
    /// Put a message into the timeline of its channel.
    Capture(CaptureRequest),
    /// Bring the checklist of a rollback, below its card, to the present state.
    Checklist { rollback: RollbackId },
    /// Remind the owner of an action.
    RemindAction {
        /// The number of the action.
        action: i64,
        /// Which of its reminders it is, from 0.
        reminder: u32,
    },
    /// Open the form of an update, with a draft in it.
    UpdateForm(UpdateFormRequest),
    /// Show an update to somebody as it would appear.
    PreviewUpdate(PreviewRequest),
    /// Read who a person is, then let them publish an update.
    PublishUpdate(PublishRequest),
    /// Bring an update in a channel to what was published last.
    PostUpdate {
        /// The number of the first update.
        update: i64,
        /// The channel.
        channel: String,
    },
    /// Send what was published of an incident to a place outside of Slack, in order.
    SendNotice {
        /// The name that the configuration has for the place.
        to: String,
        /// The incident.
        incident: IncidentId,
    },
    /// Remind somebody that the next update is due.
    RemindUpdate {
        /// The incident.
        incident: IncidentId,
        /// When it is due.
        due: Timestamp,
        /// The role of the person.
        role: IncidentRole,
    },
    /// Propose the draft of a post-mortem to the repository that keeps them.
    ProposePostMortem(PostMortemRequest),
    /// Remind the lead of an incident that it was to be mitigated by now.
    RemindMitigation {
        /// The incident.
        incident: IncidentId,
        /// Until when it was to be mitigated.
        due: Timestamp,
    },
    /// Remind those who decide that what the matrix said of a service was to be decided by now.
    RemindDecision {
        /// The incident.
        incident: IncidentId,
        /// The service.
        #[serde(flatten)]
        service: ServiceKey,
        /// Until when it was to be decided.
        due: Timestamp,
    },
}

/// The form of an update that a person has asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateFormRequest {
    /// The incident that the update is about.
    pub incident: IncidentId,
    /// What is drafted.
    pub draft: UpdateDraft,
    /// Who asked for it.
    pub person: Person,
    /// The channel in which they did.
    pub channel: String,
    /// The thread in which they did; `None`: in the channel.
    pub thread: Option<String>,
    /// The address at which they are told what is to be told; `None`: in the channel.
    pub reply_to: Option<String>,
    /// What Slack wants back to open a form, good for three seconds; `None`: none can be opened,
    /// and the draft is shown as it is.
    pub trigger: Option<String>,
    /// When they asked.
    pub asked_at: Timestamp,
    /// The key by which it is opened once, and the form's id at Slack.
    pub id: String,
}

/// What a form of an update begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateDraft {
    /// What the record knows, for an update of this kind; `None`: of the kind that fits.
    OfKind(Option<UpdateKind>),
    /// What the person has written, which needs no form.
    Written {
        /// The kind of the update.
        kind: UpdateKind,
        /// What it says.
        text: String,
    },
    /// What the update with this number says.
    Of(i64),
}

/// An update that somebody wants to see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreviewRequest {
    /// Its number.
    pub update: i64,
    /// The Slack id of the person.
    pub person: String,
    /// The channel.
    pub channel: String,
    /// The thread in the channel; `None`: the channel itself.
    pub thread: Option<String>,
    /// The address at which they are shown it; `None`: in the channel.
    pub reply_to: Option<String>,
    /// The key by which it is shown once.
    pub id: String,
}

/// An update that a person publishes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishRequest {
    /// Its number.
    pub update: i64,
    /// Who publishes it.
    pub by: Person,
    /// Where it came from.
    pub source: Source,
    /// The channel in which they do.
    pub channel: String,
    /// The address at which they are told what comes of it; `None`: in the channel.
    pub reply_to: Option<String>,
    /// The key by which it is done once.
    pub id: String,
}

/// A message that somebody wants in the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaptureRequest {
    /// The channel of the message.
    pub channel: String,
    /// The message's id within the channel.
    pub ts: String,
    /// Who wants it.
    pub person: Person,
    /// The name of their reaction, or of the shortcut.
    pub by: String,
    /// The message; `None`: it is to be read.
    pub message: Option<CapturedMessage>,
    /// When it happened, as they say; `None`: when the message was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What they say of it; `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The form in which they are asked for both first; `None`: they are not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<FormTrigger>,
    /// The address at which they are told what comes of it; `None`: they are not told.
    pub reply_to: Option<String>,
    /// The key under which it is done once.
    pub id: String,
}

/// The draft of a post-mortem that is to be proposed to the repository that keeps them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PostMortemRequest {
    /// The incident.
    pub incident: IncidentId,
    /// The channel in which the draft was uploaded.
    pub channel: String,
    /// The thread there; `None`: in the channel.
    pub thread: Option<String>,
    /// Who asked for the draft; `None`: nobody did.
    pub asked_by: Option<Person>,
    /// The key by which it is done once.
    pub id: String,
}

/// The report of the drills of a quarter that somebody asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrillReportRequest {
    /// The quarter.
    pub quarter: Quarter,
    /// The channel in which it is uploaded.
    pub channel: String,
    /// The thread there; `None`: in the channel.
    pub thread: Option<String>,
    /// The key by which it is done once.
    pub id: String,
}

/// What opens a form for somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FormTrigger {
    /// What Slack wants back, good for three seconds.
    pub trigger: String,
    /// When they asked for the form.
    pub asked_at: Timestamp,
}

/// A request that is run once it is read who its person is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeferredRequest {
    /// The request, as it prints and is read again.
    pub text: String,
    /// What the person points to: addresses that begin with `https://`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// Who asks.
    pub person: Person,
    /// Where it came from.
    pub source: Source,
    /// The channel in which they ask.
    pub channel: String,
    /// The thread in which they ask; `None`: in the channel.
    pub thread: Option<String>,
    /// The address at which they are answered; `None`: in the channel or thread.
    pub reply_to: Option<String>,
    /// What Slack wants back to open a form; `None`: none can be opened.
    pub trigger: Option<String>,
    /// The key under which the request is taken once.
    pub id: String,
}

/// What a person does to a rollback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActRequest {
    /// The rollback's number.
    pub rollback: RollbackId,
    /// Who acts.
    pub by: Person,
    /// Where it came from.
    pub source: Source,
    /// The channel in which they act.
    pub channel: String,
    /// The address at which they are told what comes of it; `None`: in the channel.
    pub reply_to: Option<String>,
    /// What they do.
    pub act: Act,
    /// The key by which it is done once.
    pub id: String,
}

/// A click that cannot have come from a message of ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForgedClick {
    /// Who sent it.
    pub by: Person,
    /// Where it came from.
    pub source: Source,
    /// The channel it came from.
    pub channel: String,
    /// The address at which they are told so; `None`: in the channel.
    pub reply_to: Option<String>,
    /// What does not fit, as a clause.
    pub what: String,
    /// The key by which it is recorded once.
    pub id: String,
}

/// What a person does to a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceRequest {
    /// The service.
    #[serde(flatten)]
    pub service: ServiceKey,
    /// Who acts.
    pub by: Person,
    /// Where it came from.
    pub source: Source,
    /// The channel in which they act.
    pub channel: String,
    /// The thread in which they act; `None`: in the channel.
    pub thread: Option<String>,
    /// The address at which they are told what comes of it; `None`: in the channel or thread.
    pub reply_to: Option<String>,
    /// What they do.
    #[serde(rename = "tend")]
    pub action: ServiceAction,
    /// The key by which it is done once.
    pub id: String,
}

/// Something that one person is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The channel in which only they see it.
    pub channel: String,
    /// Their Slack id.
    pub person: String,
    /// The thread in the channel; `None`: the channel itself.
    pub thread: Option<String>,
    /// The address that came with what they did, which is tried first; `None`: none came.
    pub reply_to: Option<String>,
    /// What they are told.
    #[serde(rename = "spoken")]
    pub message: Message,
    /// What is done when they cannot be told alone; `None`: it is logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Otherwise>,
    /// The key by which it is told once.
    pub id: String,
}

/// How somebody is told who cannot be told alone: in other channels, else by a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Otherwise {
    /// The rollback it is about; `None`: it is about none, so nobody is paged.
    pub rollback: Option<RollbackId>,
    /// The Slack ids of everybody it concerns, who are named together.
    pub people: Vec<String>,
    /// The key under which all of them are told elsewhere once.
    pub key: String,
}

/// What is done when Slack does not take a post.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "then", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum WhenRefused {
    /// It is logged.
    #[default]
    Log,
    /// Those whom it concerns are told alone.
    TellAlone {
        rollback: Option<RollbackId>,
        people: Vec<Addressee>,
    },
    /// It was posted here because another channel was closed: the next of these channels is tried,
    /// and when none is left somebody is paged.
    TellElsewhere {
        otherwise: Otherwise,
        channels: Vec<String>,
    },
}

impl WhenRefused {
    fn is_log(&self) -> bool {
        *self == WhenRefused::Log
    }
}

/// Something that everybody in a channel sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// The channel.
    pub channel: String,
    /// The thread in the channel; `None`: the channel itself, or the card's.
    pub thread: Option<String>,
    /// The rollback in whose card's thread it is posted; `None`: see `thread`.
    #[serde(default)]
    pub under: Option<RollbackId>,
    /// What is posted.
    #[serde(rename = "spoken")]
    pub message: Message,
    /// The button below it; `None`: it has none.
    #[serde(flatten)]
    pub button: Option<PostButton>,
    /// What is done when Slack does not take it.
    #[serde(default, skip_serializing_if = "WhenRefused::is_log")]
    pub when_refused: WhenRefused,
    /// The key by which it is posted once.
    pub id: String,
}

/// What a click below a message does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostButton {
    /// Drafts the post-mortem of this incident.
    PostMortem(IncidentId),
    /// Puts the reminder of this service's pin off for two days.
    SnoozePin(ServiceKey),
}

/// A document about an incident that is uploaded as a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportRequest {
    /// The incident's number.
    pub incident: IncidentId,
    /// What the file is.
    #[serde(default, skip_serializing_if = "Document::is_timeline")]
    pub document: Document,
    /// How the file is written.
    pub format: ExportFormat,
    /// The channel it is uploaded to.
    pub channel: String,
    /// The rollback that has ended and under whose card it is uploaded; `None`: somebody asked.
    pub rollback: Option<RollbackId>,
    /// The thread in which it was asked for; `None`: under the card of `rollback`, or in the channel.
    pub thread: Option<String>,
    /// Who asked for it; `None`: nobody did.
    pub asked_by: Option<Person>,
    /// The address at which they are told that it failed; `None`: in the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The key by which it is uploaded once.
    pub id: String,
}

/// What a file about an incident is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Document {
    /// Its timeline.
    #[default]
    Timeline,
    /// The draft of its post-mortem, always in Markdown.
    PostMortem,
}

impl Document {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
    fn is_timeline(&self) -> bool {
        *self == Document::Timeline
    }
}

/// A form that a person has asked for by a click.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenForm {
    /// Which form.
    #[serde(default)]
    pub form: Form,
    /// The address at which they are told what is to be told before the form is there; `None`: in
    /// the channel.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// The rollback's number.
    pub rollback: RollbackId,
    /// The plan that they saw.
    pub hash: PlanHash,
    /// Who clicked.
    pub person: Person,
    /// The channel in which they clicked.
    pub channel: String,
    /// What Slack wants back to open a form: good for three seconds.
    pub trigger: String,
    /// When they clicked.
    pub clicked_at: Timestamp,
    /// What they have said already, to begin with; `None`: nothing.
    #[serde(default)]
    pub said: Option<String>,
    /// The key by which it is opened once, and the form's id at Slack.
    pub id: String,
}

/// Somebody wants to see what is missing for the bot to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExamineRequest {
    /// Who asks.
    pub person: Person,
    /// The channel in which they ask.
    pub channel: String,
    /// The thread in which they ask; `None`: in the channel.
    pub thread: Option<String>,
    /// The address at which they are answered; `None`: in the channel or thread.
    pub reply_to: Option<String>,
    /// The key by which it is answered once.
    pub id: String,
}

/// Something that one person wants to see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryRequest {
    /// What they want to see.
    #[serde(rename = "show")]
    pub query: Query,
    /// The service it is about.
    #[serde(flatten)]
    pub service: ServiceKey,
    /// Who asks.
    pub person: Person,
    /// The channel in which they ask.
    pub channel: String,
    /// The thread in which they ask; `None`: in the channel.
    pub thread: Option<String>,
    /// The address at which they are answered; `None`: in the channel or thread.
    pub reply_to: Option<String>,
    /// The key by which it is answered once.
    pub id: String,
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
    /// What the decision matrix says.
    Assess {
        /// What the person says of the incident.
        symptoms: Symptoms,
    },
    /// Whether it could be rolled back now.
    Ready,
    /// Who may approve now.
    Who {
        /// A rollback, or a service.
        about: About,
    },
    /// Why they themselves may, or may not, approve a rollback.
    Why {
        /// The rollback.
        rollback: RollbackId,
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
    /// Put the reminder of its pin off.
    SnoozePin { hours: u32 },
    /// Mark a release as bad. `release` is as it was typed.
    MarkBad { release: String, because: String },
    /// Take the mark off a release. `release` is as it was typed.
    MarkGood {
        release: String,
        because: Option<String>,
    },
}

impl ServiceAction {
    /// The verb that asks for it.
    pub fn verb(&self) -> &'static str {
        match self {
            ServiceAction::Unpin { .. } => "unpin",
            ServiceAction::Freeze { .. } => "freeze",
            ServiceAction::Unfreeze { .. } => "unfreeze",
            ServiceAction::MarkBad { .. } => "bad",
            ServiceAction::MarkGood { .. } => "good",
            ServiceAction::SnoozePin { .. } => "pins snooze",
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
    /// A no, with a reason.
    Deny,
    /// An objection.
    Object,
    /// An emergency.
    BreakGlass,
    /// What is thought of an emergency.
    Review(ReviewAnswer),
}

impl Job {
    /// Every kind that this version can do, as it is stored; others are left to newer replicas.
    pub const KINDS: &'static [&'static str] = <Job as strum::VariantNames>::VARIANTS;

    /// The kind, as it is stored.
    pub fn kind(&self) -> &'static str {
        self.into()
    }

    /// The rollback that it is about; `None`: it is about none, or only its key names it.
    pub fn rollback(&self) -> Option<RollbackId> {
        match self {
            Job::Advance { rollback }
            | Job::BreakGlassMessage { rollback }
            | Job::RequestReview { rollback }
            | Job::TakePinBack { rollback }
            | Job::Page { rollback, .. }
            | Job::Card { rollback }
            | Job::AnnounceOutcome { rollback }
            | Job::TellAuthors { rollback }
            | Job::LookAfter { rollback }
            | Job::LookAgain { rollback }
            | Job::MakeFault { rollback }
            | Job::Checklist { rollback } => Some(*rollback),
            Job::Act(request) => Some(request.rollback),
            Job::OpenForm(request) => Some(request.rollback),
            Job::Post(post) => post.under,
            Job::Export(request) => request.rollback,
            Job::Query(request) => match &request.query {
                Query::Why { rollback }
                | Query::Who {
                    about: About::Rollback(rollback),
                } => Some(*rollback),
                Query::Who {
                    about: About::Service(_),
                }
                | Query::Plan { .. }
                | Query::List
                | Query::Assess { .. }
                | Query::Ready => None,
            },
            Job::RejectForged(_)
            | Job::ServiceAction(_)
            | Job::RefreshRoster { .. }
            | Job::Notify(_)
            | Job::Backfill { .. }
            | Job::Examine(_)
            | Job::Survey { .. }
            | Job::Canary { .. }
            | Job::CanaryOfBot
            | Job::RefreshMemberships
            | Job::ReadMembership { .. }
            | Job::Request(_)
            | Job::Capture(_)
            | Job::UpdateForm(_)
            | Job::PreviewUpdate(_)
            | Job::PublishUpdate(_)
            | Job::PostUpdate { .. }
            | Job::SendNotice { .. }
            | Job::RemindUpdate { .. }
            | Job::RemindMitigation { .. }
            | Job::RemindDecision { .. }
            | Job::ProposePostMortem(_)
            | Job::RemindDrill { .. }
            | Job::RemindReviews
            | Job::DrillReport(_)
            | Job::RemindAction { .. } => None,
        }
    }

    /// What it is about: with the kind, the row's identity.
    pub fn key(&self) -> String {
        match self {
            Job::Advance { rollback }
            | Job::Card { rollback }
            | Job::Checklist { rollback }
            | Job::AnnounceOutcome { rollback }
            | Job::TellAuthors { rollback }
            | Job::BreakGlassMessage { rollback }
            | Job::RequestReview { rollback }
            | Job::TakePinBack { rollback }
            | Job::LookAfter { rollback }
            | Job::LookAgain { rollback }
            | Job::MakeFault { rollback } => rollback.to_string(),
            Job::Page { page, .. } => match page {
                Page::Trigger { key, .. } => format!("trigger:{key}"),
                Page::Resolve { key } => format!("resolve:{key}"),
            },
            Job::RefreshRoster { source } => source.to_string(),
            Job::Backfill { channel } => channel.clone(),
            Job::Act(ActRequest { id, .. })
            | Job::RejectForged(ForgedClick { id, .. })
            | Job::ServiceAction(ServiceRequest { id, .. })
            | Job::Notify(Notification { id, .. })
            | Job::Post(Post { id, .. })
            | Job::Export(ExportRequest { id, .. })
            | Job::OpenForm(OpenForm { id, .. })
            | Job::Query(QueryRequest { id, .. })
            | Job::Examine(ExamineRequest { id, .. })
            | Job::Request(DeferredRequest { id, .. })
            | Job::Capture(CaptureRequest { id, .. })
            | Job::ProposePostMortem(PostMortemRequest { id, .. })
            | Job::UpdateForm(UpdateFormRequest { id, .. })
            | Job::PreviewUpdate(PreviewRequest { id, .. })
            | Job::PublishUpdate(PublishRequest { id, .. }) => id.clone(),
            Job::PostUpdate { update, channel } => format!("{update}:{channel}"),
            Job::SendNotice { to, incident } => format!("{to}:{incident}"),
            Job::RemindUpdate {
                incident,
                due,
                role,
            } => format!("{incident}:{}:{role}", due.as_second()),
            Job::RemindMitigation { incident, due } => format!("{incident}:{}", due.as_second()),
            Job::RemindDecision {
                incident,
                service,
                due,
            } => format!("{incident}:{}:{}", service.typed(), due.as_second()),
            Job::RemindAction { action, reminder } => format!("{action}:{reminder}"),
            Job::Survey { service } | Job::RemindDrill { service } | Job::Canary { service } => {
                service.typed()
            }
            Job::DrillReport(request) => request.id.clone(),
            Job::RefreshMemberships | Job::CanaryOfBot | Job::RemindReviews => "all".into(),
            Job::ReadMembership { person } => person.id.clone(),
        }
    }
}
