//! What is recorded: facts, each with the data that an exporter needs.
//!
//! A fact has no words. `words.rs` beside it draws each as a clause; an exporter that wants other
//! words draws its own. The JSON of a fact is stored and exported: a name in it never changes its
//! meaning, and what is added has a default.

use super::{
    ActionFact, CapturedMessage, ChecklistFact, IncidentRole, IncidentStatus, Kind, Milestone,
    NamedSeverity,
};
use crate::{
    aftermath::MovedHow,
    grammar::{ReviewAnswer, Target},
    identity::{IncidentId, RollbackId, ServiceKey},
    matrix::Advice,
    people::Person,
    plan::PlanHash,
    platform::Production,
    proof::{Baseline, Round, StageResult, StagesEnd, Verdict},
    refusal::{Refusal, Tone},
    release::{Unseen, Way},
    risk::Risk,
    rollback::{Freeze, Message},
    update::UpdateKind,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact {
    /// To the incident, or around it.
    Incident(IncidentFact),
    /// People decided something about the incident.
    Course(CourseFact),
    /// Somebody put a message into the timeline, or something became of it.
    Capture(CaptureFact),
    /// Others were told of the incident.
    Update(UpdateFact),
    /// Something happened to what is to be done after the incident.
    Action(ActionFact),
    /// Somebody did something to the checklist of a rollback.
    Checklist(ChecklistFact),
    /// Somebody decided something about a rollback.
    People(PeopleFact),
    /// While a plan was made and an approval waited for.
    Waiting(WaitingFact),
    /// The platform was asked, and how it went on.
    Running(RunningFact),
    /// What was seen once it served, and how it ended.
    Proof(ProofFact),
    /// What an older version recorded in words, or a newer one as a fact that is not known here.
    #[serde(skip)]
    Prose {
        /// What kind of thing it was.
        kind: Kind,
        /// The clause that was recorded.
        text: String,
    },
}

/// Something that happened to an incident, or around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum IncidentFact {
    /// It began.
    IncidentOpened {
        /// `INC-7`.
        incident: IncidentId,
    },
    /// Somebody noted something.
    Note {
        /// In their words.
        text: String,
    },
    /// Somebody corrected a note of theirs. It happened when that did.
    NoteCorrected {
        /// The place of the note in the timeline.
        note: i64,
        /// What it should have said, in their words.
        text: String,
    },
    /// Somebody wanted something that was refused.
    Refused {
        /// What they tried, as a verb with its object: `approve`, `unpin frontend (production)`.
        verb: String,
        /// The code of the refusal.
        code: String,
        /// What they were told.
        sentence: Sentence,
    },
    /// Somebody asked that nothing be changed on a service.
    Frozen {
        /// The service.
        #[serde(flatten)]
        service: ServiceKey,
        /// Why, in their words.
        because: String,
    },
    /// Somebody took that back.
    Unfrozen {
        /// The service.
        #[serde(flatten)]
        service: ServiceKey,
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// The decision matrix was read, for somebody or by itself.
    Assessed {
        /// The service that may be the cause.
        #[serde(flatten)]
        service: ServiceKey,
        /// What was known, a clause each; empty: nothing.
        known: Vec<String>,
        /// What was measured, a clause each; empty: nothing is.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        measured: Vec<String>,
        /// What the matrix advises; `None`: no row fits, or too little was known.
        advice: Option<Advice>,
        /// The row that decided, by its name; `None` where there is no advice.
        row: Option<String>,
        /// Until when that is to be decided; `None`: the row names no time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decide_by: Option<Timestamp>,
        /// What speaks against going back, a clause each; empty: nothing that is known.
        against: Vec<String>,
    },
    /// The time is over that a row of the matrix leaves, and nothing was decided.
    DecisionDue {
        /// The service that may be the cause.
        #[serde(flatten)]
        service: ServiceKey,
        /// What the matrix advises.
        advice: Advice,
        /// Until when that was to be decided.
        due: Timestamp,
    },
    /// Somebody marked a release as bad.
    MarkedBad {
        /// The service.
        #[serde(flatten)]
        service: ServiceKey,
        /// The id of the release.
        release: String,
        /// How people recognise it.
        label: String,
        /// Why, in their words.
        because: String,
    },
    /// Somebody decided that a release is not bad.
    MarkedGood {
        /// The service.
        #[serde(flatten)]
        service: ServiceKey,
        /// The id of the release.
        release: String,
        /// How people recognise it.
        label: String,
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// Somebody let automatic deploys go on.
    Unpinned {
        /// The service.
        #[serde(flatten)]
        service: ServiceKey,
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
        /// What the platform answered.
        answer: String,
    },
    /// PagerDuty is to page somebody.
    Paging {
        /// What the page says.
        summary: String,
    },
    /// PagerDuty took a page later than it was to be sent.
    PageTaken {
        /// When it was to be sent.
        due: Timestamp,
    },
    /// PagerDuty does not take a page, so nobody was paged.
    PageRefused {
        /// What PagerDuty says.
        why: String,
    },
    /// PagerDuty does not take a page back.
    PageNotResolved {
        /// What PagerDuty says.
        why: String,
    },
    /// The timeline was uploaded as a file.
    Exported {
        /// The name of the file.
        file: String,
        /// How many entries are in it.
        entries: usize,
        /// Its size.
        bytes: u64,
    },
    /// The draft of the post-mortem was proposed to the repository that keeps them.
    PostMortemProposed {
        /// Where the file is in the repository.
        file: String,
        /// The address of the pull request.
        link: String,
    },
    /// Slack does not take the timeline as a file.
    ExportRefused {
        /// The name of the file.
        file: String,
        /// Slack's error code.
        code: String,
    },
    /// People could not be told something in a channel, neither openly nor alone.
    Unreached {
        /// Their Slack ids.
        people: Vec<String>,
        /// The Slack id of the channel.
        channel: String,
        /// Slack's error code, or what else was in the way.
        code: String,
        /// What was done instead.
        instead: Instead,
    },
}

/// Something that people decided about the incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CourseFact {
    /// People manage it from now on.
    Declared {
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// Somebody said how severe it is.
    SeveritySet {
        /// How severe it is, with its name at that time.
        #[serde(flatten)]
        severity: NamedSeverity,
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// Somebody got a role in it.
    RoleAssigned {
        /// The role.
        role: IncidentRole,
        /// The Slack id of who got it.
        person: String,
    },
    /// Somebody said where the work on it stands.
    StatusChanged {
        /// Where it stood before.
        from: IncidentStatus,
        /// Where it stands.
        to: IncidentStatus,
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// Somebody said that it is not over after all.
    IncidentReopened {
        /// Why, in their words.
        because: String,
    },
    /// Somebody said when something happened.
    TimeSet {
        /// What happened.
        milestone: Milestone,
        /// When.
        at: Timestamp,
        /// How they know, in their words.
        because: String,
    },
    /// Somebody said what it is called elsewhere.
    Linked {
        /// The ticket, or the incident of a pager.
        reference: String,
    },
    /// Somebody took that back.
    Unlinked {
        /// The ticket, or the incident of a pager.
        reference: String,
    },
    /// It goes on in another channel.
    IncidentMoved {
        /// The Slack id of the channel in which it was.
        from: String,
        /// The Slack id of the channel in which it goes on.
        to: String,
    },
    /// The time is over within which it was to be mitigated.
    DeadlinePassed {
        /// How severe it is, with its name at that time.
        #[serde(flatten)]
        severity: NamedSeverity,
        /// Until when it was to be mitigated.
        due: Timestamp,
        /// The Slack id of who was reminded; `None`: nobody leads it.
        person: Option<String>,
    },
}

/// What became of a message that somebody put into the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CaptureFact {
    /// Somebody put a message into the timeline. It happened when the message was written.
    Captured(CapturedMessage),
    /// Nobody holds a captured message in the timeline any more.
    CaptureWithdrawn(CapturedMessage),
    /// A captured message was edited: this is what it says since.
    CaptureRevised(CapturedMessage),
    /// A captured message was deleted from the channel; this is what it said last.
    CaptureDeleted(CapturedMessage),
}

/// What is done when somebody cannot be reached in their channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instead {
    /// They are named in another channel.
    Channel {
        /// Its Slack id.
        channel: String,
    },
    /// PagerDuty is to page somebody.
    Page,
    /// Nothing: no other way is configured.
    Nothing,
}

/// Others were told of an incident, or are to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum UpdateFact {
    /// Somebody published an update.
    UpdatePublished {
        /// Its number.
        update: i64,
        /// What it says, and to whom.
        update_kind: UpdateKind,
        /// The number of the update that it takes the place of; `None`: it is a new one.
        corrects: Option<i64>,
        /// What it is about.
        title: String,
        /// What it says, with when the next one is promised.
        text: String,
        /// The Slack channels, by id, that get it.
        channels: Vec<String>,
        /// The places outside of Slack that get it, as they are called in the configuration.
        #[serde(default)]
        outside: Vec<String>,
        /// Why it says *resolved* although a rollback is not verified; `None`: nobody said.
        because: Option<String>,
    },
    /// A place outside of Slack took an update.
    NoticeTaken {
        /// The number of the update.
        update: i64,
        /// What the place is called in the configuration.
        place: String,
        /// The id of the incident there.
        id: String,
        /// The address for people; `None`: there is none.
        link: Option<String>,
    },
    /// A place outside of Slack does not take an update.
    NoticeRefused {
        /// The number of the update.
        update: i64,
        /// What the place is called in the configuration.
        place: String,
        /// What happened and what to do.
        why: String,
    },
    /// The next update was due, and somebody was reminded.
    UpdateReminded {
        /// When it was due.
        due: Timestamp,
        /// The Slack user id of the person; `None`: nobody has the role.
        person: Option<String>,
    },
}

/// Something that somebody decided about a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PeopleFact {
    /// They asked for a rollback, or for another one to be undone.
    Requested {
        /// The service.
        #[serde(flatten)]
        service: ServiceKey,
        /// What to go to, as it was typed.
        target: Target,
        /// The rollback to be undone; `None`: this is not an undo.
        undoes: Option<RollbackId>,
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
        /// The rollback of the group that it is a part of; `None`: it is of its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part_of: Option<RollbackId>,
    },
    /// They approved a plan.
    Approved(Approved),
    /// Their own plan started, because nobody objected in time.
    StartedUnopposed {
        /// The plan; `None`: it was never drawn.
        plan: Option<PlanHash>,
        /// The roles by which they may.
        roles: Vec<String>,
    },
    /// They took their approval back.
    Withdrawn {
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// They spoke against it.
    Objected {
        /// Why, in their words.
        because: String,
    },
    /// They had it run without an approval.
    BreakGlass {
        /// The plan; `None`: it was never drawn.
        plan: Option<PlanHash>,
        /// Why it could not wait, in their words.
        because: String,
        /// When the review of it is due.
        review_due: Timestamp,
    },
    /// They reviewed that.
    Reviewed {
        /// Which of the three answers.
        answer: ReviewAnswer,
        /// Why, in their words.
        because: String,
    },
    /// They signed a manual task off.
    SignedOff {
        /// The id of the task.
        task: String,
        /// Whether it is done; otherwise it cannot be.
        done: bool,
        /// What they did, in their words; `None`: they left no note.
        note: Option<String>,
    },
    /// They said how it ended, because the platform never confirmed it.
    Resolved {
        /// Whether the platform did what it was asked for.
        done: bool,
        /// How they know, in their words.
        because: String,
    },
    /// They denied it.
    Denied {
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// They took it back before the platform was asked.
    Cancelled {
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// They stopped a group that was running: its next stage does not begin.
    GroupStopped {
        /// The members that are not run.
        not_run: Vec<String>,
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// They chose another target.
    Retargeted {
        /// The target, as they named it.
        to: String,
    },
}

/// Something that happened while a plan was made and an approval waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum WaitingFact {
    /// There is a plan, on a card.
    Planned {
        /// The release it leaves; `None`: the platform does not say what is live.
        from: Option<String>,
        /// The release it goes to.
        to: String,
        /// How much can go wrong.
        risk: Risk,
        /// The plan.
        plan: PlanHash,
    },
    /// There is no plan, or none any more.
    Blocked {
        /// The code of the refusal.
        code: String,
        /// What the person who asked was told.
        sentence: Sentence,
    },
    /// Those who may approve were reminded.
    Reminded {
        /// The rollback that waits.
        rollback: RollbackId,
        /// How long it has waited, in seconds.
        waited_seconds: u64,
        /// The Slack ids of those who were asked.
        asked: Vec<String>,
    },
    /// Others were asked for the approval.
    Escalated {
        /// The rollback that waits.
        rollback: RollbackId,
        /// How long it has waited, in seconds.
        waited_seconds: u64,
        /// What the approval is for.
        change: ProposedChange,
        /// The Slack ids of those who were asked.
        asked: Vec<String>,
        /// Whether PagerDuty was asked to page somebody.
        paged: bool,
    },
    /// The review of a rollback that ran without an approval was asked for again.
    ReviewReminded {
        /// When it is or was due.
        due: Timestamp,
        /// Whether that was over.
        overdue: bool,
    },
    /// The plan does not start by itself.
    WindowEnded {
        /// Why not.
        why: NotStarted,
    },
    /// The card was not kept open, because no fresh plan could be made.
    NotKeptOpen {
        /// Why not.
        why: String,
    },
    /// The approvals do not count any more, and the card waits again.
    Reopened {
        /// Why.
        why: Reopening,
    },
    /// The platform was read again, and nothing that matters has changed.
    Rechecked {
        /// Until when the plan is open from now on; `None`: it goes on at once.
        open_until: Option<Timestamp>,
    },
    /// Nothing was run, because something has changed since the card was made.
    Superseded {
        /// What has changed.
        moved: Moved,
    },
    /// The plan's time is over.
    Expired {
        /// What was missing.
        lacking: Lacking,
    },
}

/// Something that happened while the platform was asked and did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RunningFact {
    /// The platform is being asked.
    Executing {
        /// The platform.
        platform: String,
        /// The release it leaves.
        from: String,
        /// The release it goes to.
        to: String,
    },
    /// A stage of a group begins.
    StageBegun {
        /// Its number, from 1.
        stage: usize,
        /// How many stages there are.
        stages: usize,
        /// The names of the members that run in it.
        members: Vec<String>,
    },
    /// Nothing more of a group is run, or its members stand otherwise than when that was so.
    GroupEnded {
        /// How many members are verified.
        verified: usize,
        /// How many there are, without those that were left out.
        members: usize,
        /// The others, each as a clause: `frontend not run`.
        others: Vec<String>,
    },
    /// The environment of a drill is being broken by a command.
    FaultBegun {
        /// The program.
        program: String,
    },
    /// It is broken.
    FaultMade {
        /// What the command printed last; empty: nothing.
        said: String,
    },
    /// The command has not broken it, or it is not known whether it has.
    FaultFailed {
        /// Why, as a clause.
        why: String,
    },
    /// A drill did everything but ask the platform.
    Rehearsed {
        /// The platform.
        platform: String,
        /// The release that it would have left.
        from: String,
        /// The release that it would have gone to.
        to: String,
        /// What it would have been asked for, in order.
        steps: Vec<String>,
    },
    /// A drill ended for a rollback of the same production.
    GaveWay {
        /// The rollback.
        to: RollbackId,
    },
    /// The platform has taken the request.
    Accepted {
        /// What it answered.
        answer: String,
    },
    /// The platform refused the request.
    PlatformRefused {
        /// What it answered.
        why: String,
    },
    /// The platform has not taken the request yet.
    PlatformBusy {
        /// What it answered.
        why: String,
    },
    /// The platform did not answer.
    Unanswered {
        /// How that was seen.
        why: String,
    },
    /// The process that asked the platform is gone, and the answer with it.
    AnswerLost {
        /// The platform.
        platform: String,
        /// When it was asked.
        asked_at: Timestamp,
    },
    /// The platform answered after its answer was given up.
    AnsweredLate {
        /// What it answered.
        answer: String,
    },
    /// The platform is being asked for the next step.
    StepExecuting {
        /// The platform.
        platform: String,
        /// The step: `step 2/5: stop the old container`, `putting back: start it again`.
        step: String,
    },
    /// The platform was looked at, and the next step is safe.
    StepReady {
        /// What it reports.
        answer: String,
        /// The name of the next step.
        next: String,
    },
    /// The platform wants more steps than anybody planned, and is not asked for another one.
    TooManySteps {
        /// The platform.
        platform: String,
        /// How many it was asked for.
        asks: u32,
        /// The name of the next one.
        next: String,
    },
    /// It cannot go on before people have done something.
    PeopleNeeded {
        /// What the platform reports.
        answer: String,
        /// The ids of the tasks that are open.
        tasks: Vec<String>,
    },
    /// Automatic deploys are held off.
    Pinned {
        /// What the platform answered when it was asked for that; `None`: it was seen to be so.
        answer: Option<String>,
    },
    /// Automatic deploys go live again while the rollback is watched.
    PinLost,
    /// Somebody put the reminder off that automatic deploys are held off.
    PinSnoozed {
        /// Until when.
        until: Timestamp,
    },
    /// Every surface serves the target.
    Serving {
        /// The target.
        to: String,
        /// How many surfaces serve it.
        n: usize,
        /// How many there are.
        m: usize,
    },
    /// The platform is at it.
    Progress {
        /// What it calls that.
        answer: String,
        /// The target.
        to: String,
        /// How many surfaces serve it.
        n: usize,
        /// How many there are.
        m: usize,
    },
    /// Some surfaces do not serve the target after so long that they are given up.
    GaveUp {
        /// The target.
        to: String,
        /// How many surfaces serve it.
        n: usize,
        /// How many there are.
        m: usize,
        /// How long was waited, in seconds.
        after_seconds: u64,
        /// The surfaces that do not serve it.
        missing: Vec<String>,
    },
    /// The platform could not move some surfaces.
    Partial {
        /// The target.
        to: String,
        /// How many surfaces serve it.
        n: usize,
        /// How many there are.
        m: usize,
        /// The surfaces that do not serve it.
        missing: Vec<String>,
    },
    /// The platform reports that it did not work.
    Failed {
        /// What it reports.
        why: String,
        /// How production was left.
        production: Production,
    },
    /// Nothing on the platform shows that it was ever asked.
    NeverTookEffect {
        /// How that was seen.
        why: String,
        /// How production was left.
        production: Production,
    },
    /// Nothing was changed, so automatic deploys go on as before.
    PinTakenBack {
        /// What the platform answered.
        answer: String,
    },
    /// Nothing was changed, and automatic deploys are still held off.
    PinStays {
        /// What the platform answered.
        why: String,
    },
}

/// Something that was seen once a rollback served, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ProofFact {
    /// Surfaces left the target again while it was watched.
    Drifted {
        /// The surfaces.
        surfaces: Vec<String>,
    },
    /// Production serves another release after it was closed, and no rollback from here did that.
    MovedAfterwards {
        /// The release, as people recognise it.
        to: String,
        /// Why that matters.
        because: MovedHow,
    },
    /// The platform is about to remove the release that production was taken back to.
    TargetExpires {
        /// The release, as people recognise it.
        target: String,
        /// When.
        until: Timestamp,
    },
    /// The platform has removed the release that production was taken back to.
    TargetGone {
        /// The release, as people recognise it.
        target: String,
        /// Why, as a clause.
        why: String,
    },
    /// It was measured what there is to compare with, before production was changed.
    Measured {
        /// What each check measured.
        baselines: Vec<Baseline>,
    },
    /// It was looked at from outside, and seen to be other than before.
    Checked {
        /// What was seen.
        round: Round,
    },
    /// What was seen from outside allows a conclusion.
    Concluded {
        /// The conclusion.
        verdict: Verdict,
        /// The target.
        to: String,
        /// Which way production was taken.
        way: Way,
        /// What was seen last; `None`: nothing was looked at.
        round: Option<Round>,
        /// The places that were not looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unseen: Option<Unseen>,
    },
    /// It was looked at from outside again, long after it was verified.
    LookedAgain {
        /// How long after, in seconds.
        after_seconds: u64,
        /// What came of it.
        result: StageResult,
        /// What was seen.
        round: Round,
    },
    /// It is not looked at again.
    StagesEnded {
        /// Why.
        because: StagesEnd,
    },
    /// It is over.
    Closed {
        /// The conclusion it ends with; `None`: there is none.
        verdict: Option<Verdict>,
        /// The later rollback of the service; `None`: it is not why this one ends.
        replaced_by: Option<RollbackId>,
    },
}

/// Somebody's approval, with what they saw and confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// The plan; `None`: it was never drawn.
    pub plan: Option<PlanHash>,
    /// The roles by which they may.
    pub roles: Vec<String>,
    /// The cautions that they ticked, as clauses.
    pub seeing: Vec<String>,
    /// The target that they typed; `None`: that was not wanted.
    pub typed: Option<String>,
    /// Why, in their words; `None`: they gave no reason.
    pub because: Option<String>,
    /// The freeze that was on the service; `None`: there was none.
    pub frozen: Option<Freeze>,
}

/// What an approval would let happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedChange {
    /// The rollback that is undone; `None`: this is not an undo.
    pub undoes: Option<RollbackId>,
    /// The service.
    #[serde(flatten)]
    pub service: ServiceKey,
    /// The release it leaves.
    pub from: String,
    /// The release it goes to.
    pub to: String,
}

/// Why a plan does not start by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotStarted {
    /// The configuration has no objection window any more.
    NotConfigured,
    /// Nothing confirms any more that the requester has the authority.
    AuthorityUnconfirmed {
        /// The requester.
        requester: Person,
    },
    /// The plan ended before its window did.
    PlanEnded,
    /// The service was frozen.
    Frozen,
    /// Somebody has spoken against the same change before.
    Objected,
    /// Too few others could see it.
    Unseen {
        /// Why, as a clause.
        why: String,
    },
}

/// Why approvals do not count any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reopening {
    /// An approver has lost the role.
    ApprovalsLapsed,
    /// The platform could not be read again.
    Unreadable {
        /// Why not.
        why: String,
    },
}

/// What has changed between the card and now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moved {
    /// There was no plan to compare with.
    NoPlan,
    /// Another release is live.
    Live {
        /// What was live; `None`: the platform did not say.
        from: Option<String>,
        /// What is live; `None`: the platform does not say.
        to: Option<String>,
    },
    /// The same aim leads to another release.
    Target {
        /// What it led to.
        from: String,
        /// What it leads to.
        to: String,
    },
    /// The target has another version, commit or content.
    Content {
        /// The target, as people call it now.
        to: String,
    },
    /// The surfaces serve something else.
    Surfaces,
    /// Automatic deploys were switched on or off.
    Pin,
    /// What the plan restores or removes.
    Effects,
}

/// What was missing when a plan's time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lacking {
    /// Nothing but the time to run it.
    Time,
    /// Some of the approvals.
    SomeApprovals,
    /// Every approval.
    EveryApproval,
}

/// What somebody was told: text, and the people that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sentence(pub Vec<Part>);

/// A part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Part {
    /// Words.
    Text(String),
    /// A person.
    Person {
        /// The Slack user id.
        person: String,
    },
}

impl From<&Refusal> for Sentence {
    fn from(refusal: &Refusal) -> Self {
        /// Puts people between characters that nobody can type.
        struct Marked;
        impl Tone for Marked {
            fn person(&self, id: &str) -> String {
                format!("\u{1}{}\u{1}", Message::unmarked(id))
            }
            fn text(&self, text: &str) -> String {
                Message::unmarked(text)
            }
        }
        let marked = refusal.draw(&Marked);
        // Every second piece is a person.
        let pieces = marked.split('\u{1}').enumerate();
        Sentence(
            pieces
                .filter(|(_, piece)| !piece.is_empty())
                .map(|(n, piece)| match n % 2 {
                    0 => Part::Text(piece.to_owned()),
                    _ => Part::Person {
                        person: piece.to_owned(),
                    },
                })
                .collect(),
        )
    }
}

impl Fact {
    /// A refusal of what somebody tried, as a fact.
    pub fn refused(verb: impl Into<String>, refusal: &Refusal) -> Self {
        Fact::Incident(IncidentFact::Refused {
            verb: verb.into(),
            code: refusal.code().to_owned(),
            sentence: Sentence::from(refusal),
        })
    }

    /// Whether it is shown only where all entries are asked for: it changed nothing.
    pub fn is_routine(&self) -> bool {
        match self {
            Fact::Incident(IncidentFact::Refused { .. })
            | Fact::Waiting(WaitingFact::Rechecked { .. }) => true,
            Fact::Prose { kind, .. } => matches!(kind, Kind::Refused | Kind::Rechecked),
            Fact::Incident(_)
            | Fact::Course(_)
            | Fact::Capture(_)
            | Fact::Update(_)
            | Fact::Action(_)
            | Fact::Checklist(_)
            | Fact::People(_)
            | Fact::Waiting(_)
            | Fact::Running(_)
            | Fact::Proof(_) => false,
        }
    }

    /// Whether it is part of the incident itself. What is to be done afterwards is not: it keeps no
    /// incident open, however long it takes.
    pub fn is_part_of_the_incident(&self) -> bool {
        match self {
            Fact::Action(_) | Fact::Checklist(_) => false,
            Fact::Incident(_)
            | Fact::Course(_)
            | Fact::Capture(_)
            | Fact::Update(_)
            | Fact::People(_)
            | Fact::Waiting(_)
            | Fact::Running(_)
            | Fact::Proof(_)
            | Fact::Prose { .. } => true,
        }
    }

    /// What kind of thing it is; stored beside it, for finding and counting.
    pub fn kind(&self) -> Kind {
        match self {
            Fact::Incident(fact) => fact.kind(),
            Fact::Course(fact) => fact.kind(),
            Fact::Capture(fact) => fact.kind(),
            Fact::Update(fact) => fact.kind(),
            Fact::Action(fact) => fact.kind(),
            Fact::Checklist(_) => Kind::Checklist,
            Fact::People(fact) => fact.kind(),
            Fact::Waiting(fact) => fact.kind(),
            Fact::Running(fact) => fact.kind(),
            Fact::Proof(fact) => fact.kind(),
            Fact::Prose { kind, .. } => *kind,
        }
    }
}

impl IncidentFact {
    fn kind(&self) -> Kind {
        match self {
            IncidentFact::IncidentOpened { .. } => Kind::IncidentOpened,
            IncidentFact::Note { .. } | IncidentFact::NoteCorrected { .. } => Kind::Note,
            IncidentFact::Refused { .. } => Kind::Refused,
            IncidentFact::Frozen { .. } => Kind::Frozen,
            IncidentFact::Unfrozen { .. } => Kind::Unfrozen,
            IncidentFact::Assessed { .. } => Kind::Assessed,
            IncidentFact::DecisionDue { .. } => Kind::Reminded,
            IncidentFact::MarkedBad { .. } | IncidentFact::MarkedGood { .. } => Kind::Marked,
            IncidentFact::Unpinned { .. } => Kind::Unpinned,
            IncidentFact::Paging { .. }
            | IncidentFact::PageTaken { .. }
            | IncidentFact::PageRefused { .. }
            | IncidentFact::PageNotResolved { .. } => Kind::Paged,
            IncidentFact::Exported { .. } | IncidentFact::PostMortemProposed { .. } => {
                Kind::Exported
            }
            IncidentFact::ExportRefused { .. } => Kind::Refused,
            IncidentFact::Unreached { .. } => Kind::Unreached,
        }
    }
}

impl CourseFact {
    fn kind(&self) -> Kind {
        match self {
            CourseFact::Declared { .. } => Kind::IncidentOpened,
            CourseFact::SeveritySet { .. } => Kind::Severity,
            CourseFact::RoleAssigned { .. } => Kind::Role,
            CourseFact::StatusChanged { .. } | CourseFact::IncidentReopened { .. } => Kind::Status,
            CourseFact::TimeSet { .. } => Kind::TimeSet,
            CourseFact::Linked { .. } | CourseFact::Unlinked { .. } => Kind::Linked,
            CourseFact::IncidentMoved { .. } => Kind::IncidentMoved,
            CourseFact::DeadlinePassed { .. } => Kind::Reminded,
        }
    }
}

impl CaptureFact {
    fn kind(&self) -> Kind {
        match self {
            CaptureFact::Captured(_) => Kind::Captured,
            CaptureFact::CaptureWithdrawn(_) => Kind::CaptureWithdrawn,
            CaptureFact::CaptureRevised(_) => Kind::CaptureRevised,
            CaptureFact::CaptureDeleted(_) => Kind::CaptureDeleted,
        }
    }
}

impl UpdateFact {
    fn kind(&self) -> Kind {
        match self {
            UpdateFact::UpdatePublished { .. }
            | UpdateFact::NoticeTaken { .. }
            | UpdateFact::NoticeRefused { .. } => Kind::Update,
            UpdateFact::UpdateReminded { .. } => Kind::Reminded,
        }
    }
}

impl PeopleFact {
    fn kind(&self) -> Kind {
        match self {
            PeopleFact::Requested { .. } => Kind::Requested,
            PeopleFact::Approved(_) | PeopleFact::StartedUnopposed { .. } => Kind::Approved,
            PeopleFact::Withdrawn { .. } => Kind::Withdrawn,
            PeopleFact::Objected { .. } => Kind::Objected,
            PeopleFact::BreakGlass { .. } => Kind::BreakGlass,
            PeopleFact::Reviewed { .. } => Kind::Reviewed,
            PeopleFact::SignedOff { .. } => Kind::SignedOff,
            PeopleFact::Resolved { .. } => Kind::Resolved,
            PeopleFact::Denied { .. } => Kind::Denied,
            PeopleFact::Cancelled { .. } | PeopleFact::GroupStopped { .. } => Kind::Cancelled,
            PeopleFact::Retargeted { .. } => Kind::Superseded,
        }
    }
}

impl WaitingFact {
    /// A refusal that leaves no plan, as a fact.
    pub fn blocked(refusal: &Refusal) -> Self {
        WaitingFact::Blocked {
            code: refusal.code().to_owned(),
            sentence: Sentence::from(refusal),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            WaitingFact::Planned { .. } => Kind::Planned,
            WaitingFact::Blocked { .. } => Kind::Blocked,
            WaitingFact::Reminded { .. } | WaitingFact::ReviewReminded { .. } => Kind::Reminded,
            WaitingFact::Escalated { .. } => Kind::Escalated,
            WaitingFact::WindowEnded { .. }
            | WaitingFact::NotKeptOpen { .. }
            | WaitingFact::Reopened { .. } => Kind::Refused,
            WaitingFact::Rechecked { .. } => Kind::Rechecked,
            WaitingFact::Superseded { .. } => Kind::Superseded,
            WaitingFact::Expired { .. } => Kind::Expired,
        }
    }
}

impl RunningFact {
    fn kind(&self) -> Kind {
        match self {
            RunningFact::Executing { .. }
            | RunningFact::StepExecuting { .. }
            | RunningFact::StageBegun { .. } => Kind::Executing,
            RunningFact::GroupEnded { others, .. } if others.is_empty() => Kind::Verified,
            RunningFact::GroupEnded { .. } => Kind::Partial,
            RunningFact::Accepted { .. } => Kind::Accepted,
            RunningFact::PlatformRefused { .. }
            | RunningFact::Failed { .. }
            | RunningFact::NeverTookEffect { .. }
            | RunningFact::PinStays { .. } => Kind::Failed,
            RunningFact::PlatformBusy { .. }
            | RunningFact::AnsweredLate { .. }
            | RunningFact::StepReady { .. }
            | RunningFact::Progress { .. } => Kind::Progress,
            RunningFact::FaultBegun { .. }
            | RunningFact::FaultMade { .. }
            | RunningFact::FaultFailed { .. }
            | RunningFact::Rehearsed { .. }
            | RunningFact::GaveWay { .. } => Kind::Drill,
            RunningFact::Unanswered { .. }
            | RunningFact::AnswerLost { .. }
            | RunningFact::TooManySteps { .. } => Kind::Unanswered,
            RunningFact::PeopleNeeded { .. } => Kind::PeopleNeeded,
            RunningFact::Pinned { .. } | RunningFact::PinSnoozed { .. } => Kind::Pinned,
            RunningFact::Serving { .. } => Kind::Serving,
            RunningFact::GaveUp { .. } | RunningFact::Partial { .. } => Kind::Partial,
            RunningFact::PinTakenBack { .. } | RunningFact::PinLost => Kind::Unpinned,
        }
    }
}

impl ProofFact {
    fn kind(&self) -> Kind {
        match self {
            ProofFact::Drifted { .. }
            | ProofFact::MovedAfterwards { .. }
            | ProofFact::TargetExpires { .. }
            | ProofFact::TargetGone { .. } => Kind::Drifted,
            ProofFact::Checked { .. }
            | ProofFact::Measured { .. }
            | ProofFact::StagesEnded { .. } => Kind::Checked,
            ProofFact::LookedAgain { result, .. } => match result {
                StageResult::Stable => Kind::Checked,
                StageResult::Failed => Kind::StillFailing,
                StageResult::Unproven => Kind::Unproven,
            },
            ProofFact::Concluded { verdict, .. } => match verdict {
                Verdict::Verified => Kind::Verified,
                Verdict::StillFailing => Kind::StillFailing,
                Verdict::Unproven | Verdict::WrongVersion => Kind::Unproven,
            },
            ProofFact::Closed { .. } => Kind::Closed,
        }
    }
}

impl From<IncidentFact> for Fact {
    fn from(fact: IncidentFact) -> Self {
        Fact::Incident(fact)
    }
}

impl From<CourseFact> for Fact {
    fn from(fact: CourseFact) -> Self {
        Fact::Course(fact)
    }
}

impl From<CaptureFact> for Fact {
    fn from(fact: CaptureFact) -> Self {
        Fact::Capture(fact)
    }
}

impl From<UpdateFact> for Fact {
    fn from(fact: UpdateFact) -> Self {
        Fact::Update(fact)
    }
}

impl From<ActionFact> for Fact {
    fn from(fact: ActionFact) -> Self {
        Fact::Action(fact)
    }
}

impl From<ChecklistFact> for Fact {
    fn from(fact: ChecklistFact) -> Self {
        Fact::Checklist(fact)
    }
}

impl From<PeopleFact> for Fact {
    fn from(fact: PeopleFact) -> Self {
        Fact::People(fact)
    }
}

impl From<WaitingFact> for Fact {
    fn from(fact: WaitingFact) -> Self {
        Fact::Waiting(fact)
    }
}

impl From<RunningFact> for Fact {
    fn from(fact: RunningFact) -> Self {
        Fact::Running(fact)
    }
}

impl From<ProofFact> for Fact {
    fn from(fact: ProofFact) -> Self {
        Fact::Proof(fact)
    }
}
