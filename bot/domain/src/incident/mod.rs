//! An incident: the story of one channel, and the timeline in which it is recorded.
//!
//! [`decide`] says whether what happens in a channel belongs to its latest incident or begins
//! another one. It reads no clock and takes no number: the engine does both, and stores what comes
//! of it.

mod afterwards;
mod alerts;
mod capture;
pub mod chain;
mod course;
mod event;
mod fact;
#[cfg(test)]
mod tests;
mod words;

pub use afterwards::{ActionFact, ChecklistFact, NamedAction};
pub use alerts::{AlertFact, ordinal};
pub use capture::{
    AttachedFile, Capture, CaptureChange, CapturedBy, CapturedMessage, MessageAuthor,
    PROPOSE_SHORTCUT, SHORTCUT,
};
pub use course::{
    Course, CourseRules, IncidentChange, IncidentRole, IncidentStatus, Milestone, NamedSeverity,
    Severity,
};
pub use event::{Actor, Entry, Evidence, Kind, TimelineEvent};
pub use fact::{
    Approved, CaptureFact, CourseFact, Fact, IncidentFact, Instead, Lacking, Moved, NotStarted,
    Part, PeopleFact, ProofFact, ProposedChange, Reopening, RunningFact, Sentence, UpdateFact,
    WaitingFact,
};
pub use words::naming;

use crate::identity::IncidentId;
use crate::refusal::Source;
use jiff::{SignedDuration, Timestamp};

/// How long a channel has to be silent until its incident is over.
///
/// Not everybody declares the beginning or the end of an incident at three in the morning. Twelve hours
/// are longer than a night and a shift, in which people come back to what happened; what happens
/// in the channel after that is most likely something else.
pub const SILENT_AFTER: SignedDuration = SignedDuration::from_hours(12);

/// The story of one channel, from its first entry until the channel is silent for long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// `INC-7`.
    pub id: IncidentId,
    /// The Slack channel.
    pub channel: String,
    /// When its first entry was written down.
    pub opened_at: Timestamp,
    /// When the last entry was written down that is part of it.
    pub last_at: Timestamp,
    /// What people have decided about it.
    pub course: Course,
}

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentState {
    /// What happens in its channel belongs to it.
    Open,
    /// People resolved it: what is said of it still belongs to it, and what is begun does not.
    Resolved,
    /// Its channel was silent for [`SILENT_AFTER`], and nobody manages it.
    Silent,
}

/// Whether something that happens in a channel is reason enough to open an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It opens one if none is open: a rollback, an act on a service.
    IfNeeded,
    /// It opens one if none is open, and is about one that was resolved a while ago: a note.
    UnlessResolved,
    /// It is recorded only while one is open: a refusal elsewhere, an answer that came late.
    Never,
}

/// Where something that happens in a channel is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In the timeline of the open incident with this id.
    Incident(IncidentId),
    /// In the timeline of the one that [`Incident::open`] begins.
    NewIncident,
    /// It is not recorded.
    Nowhere,
}

/// Says where something is recorded that happens at `now` in a channel whose latest incident this is.
pub fn decide(latest: Option<&Incident>, opening: Opening, now: Timestamp) -> Placement {
    match latest.map(|latest| (latest.id, latest.state(now))) {
        Some((id, IncidentState::Open)) => Placement::Incident(id),
        Some((id, IncidentState::Resolved)) => match opening {
            Opening::IfNeeded => Placement::NewIncident,
            Opening::UnlessResolved | Opening::Never => Placement::Incident(id),
        },
        Some((_, IncidentState::Silent)) | None => match opening {
            Opening::IfNeeded | Opening::UnlessResolved => Placement::NewIncident,
            Opening::Never => Placement::Nowhere,
        },
    }
}

impl Incident {
    /// An incident that begins now, and the first entry of its timeline.
    pub fn open(id: IncidentId, channel: &str, now: Timestamp) -> (Incident, TimelineEvent) {
        let incident = Incident {
            id,
            channel: channel.to_owned(),
            opened_at: now,
            last_at: now,
            course: Course::default(),
        };
        let fact = IncidentFact::IncidentOpened { incident: id };
        let event = TimelineEvent::new(now, Actor::Bot, Source::Bot, None, fact);
        (incident, event)
    }

    /// Where it stands at `now`. A clock that went back ends nothing.
    pub fn state(&self, now: Timestamp) -> IncidentState {
        let is_resolved = self.course.status == IncidentStatus::Resolved;
        let is_silent = now.duration_since(self.last_at) >= SILENT_AFTER;
        match (is_resolved, is_silent) {
            (false, true) if self.course.managed => IncidentState::Open,
            (_, true) => IncidentState::Silent,
            (true, false) => IncidentState::Resolved,
            (false, false) => IncidentState::Open,
        }
    }
}
