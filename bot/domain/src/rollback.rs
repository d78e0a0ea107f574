//! One rollback: what is known of it, the states it can be in, and the commands it understands.
//!
//! [`crate::decide`] is the only way from one state to the next.

use crate::{
    people::{Person, Standing},
    plan::{Aim, Plan, PlanHash},
    proof::{Proof, Round},
    refusal::{Refusal, Source},
    release::{Pin, Progress, Receipt, Release, Surface, Survey, Trouble},
    timeline::{Actor, Happening, Kind},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One attempt to take a service back to an earlier release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// `RB-{id}`.
    pub id: u64,
    /// Raised by every change; a save that finds another one has lost.
    pub revision: i64,
    /// The incident whose timeline it writes to.
    pub incident: i64,
    /// The Slack channel it was asked for in.
    pub channel: String,
    /// What is rolled back.
    pub service: String,
    /// Where.
    pub environment: String,
    /// Who asked.
    pub requester: Person,
    /// Why, in their words.
    pub because: Option<String>,
    /// What they want.
    pub aim: Aim,
    /// What would be done, once it is known.
    pub plan: Option<Plan>,
    /// What an approval is bound to.
    pub hash: Option<PlanHash>,
    /// Where it stands.
    pub state: State,
    /// Who said yes, and by which role.
    pub approved: Option<Approval>,
    /// The moments that are measured.
    pub times: Times,
    /// What the platform served when last read.
    pub surfaces: Vec<Surface>,
    /// Whether automatic deploys were held off when last read.
    pub pin: Pin,
    /// What the platform called it when last read.
    pub said: Option<String>,
    /// What the provider wants to find again.
    pub memory: serde_json::Value,
    /// What has been proven from outside.
    pub proof: Proof,
    /// The card it replaced, and the one that replaced it.
    pub replaces: Option<u64>,
    /// The goal from the command to serving, from the configuration when it was asked for.
    pub target_time: Option<Duration>,
    /// How to answer the requester alone, while Slack allows it (30 minutes).
    pub reply_to: Option<String>,
}

/// Somebody's yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: Person,
    /// By which role.
    pub role: String,
    /// When.
    pub at: Timestamp,
}

/// The moments from which the time target is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the moment of its name")]
pub struct Times {
    pub commanded: Option<Timestamp>,
    pub proposed: Option<Timestamp>,
    pub approved: Option<Timestamp>,
    pub asked: Option<Timestamp>,
    pub accepted: Option<Timestamp>,
    pub serving: Option<Timestamp>,
    pub proven: Option<Timestamp>,
    pub ended: Option<Timestamp>,
}

impl Times {
    /// From the command to serving.
    pub fn to_serving(&self) -> Option<SignedDuration> {
        Some(self.serving?.duration_since(self.commanded?))
    }

    /// The part of it in which people were waited for.
    pub fn waiting(&self) -> Option<SignedDuration> {
        Some(self.approved?.duration_since(self.proposed?))
    }
}

/// Where a rollback stands, with what is known there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum State {
    /// The platform is being read; there is no card yet.
    Planning,
    /// There was no plan to propose.
    Blocked { why: String },
    /// The card is open.
    Proposed { expires_at: Timestamp },
    /// Somebody said yes; the platform is read again before anything is done.
    Approved { expires_at: Timestamp },
    /// Being asked since then. If nobody stores an answer it becomes [`State::Unknown`].
    Executing { asked_at: Timestamp },
    /// The platform has taken the request.
    Accepted { at: Timestamp },
    /// So many surfaces serve the target.
    Serving { n: usize, m: usize },
    /// It is not known whether the platform did it; it is read back and never asked again.
    Unknown { since: Timestamp, why: String },
    /// It serves; the proof is as good as it got, and it is kept in sight.
    Watching { until: Timestamp },
    /// Ended with what [`Rollback::proof`] says.
    Closed,
    /// Ended: the platform said no, or that it did not work.
    Failed { why: String },
    /// Ended with some surfaces not moved.
    Partial {
        n: usize,
        m: usize,
        failed: Vec<String>,
    },
    /// Ended by somebody with authority.
    Denied { by: Person, because: Option<String> },
    /// Ended by whoever asked, or somebody with authority.
    Cancelled { by: Person, because: Option<String> },
    /// Ended by the clock.
    Expired { at: Timestamp },
    /// Ended because another card took its place.
    Superseded { why: String },
}

impl State {
    /// Its one word for indexes, logs and snapshots.
    pub fn name(&self) -> &'static str {
        match self {
            State::Planning => "planning",
            State::Blocked { .. } => "blocked",
            State::Proposed { .. } => "proposed",
            State::Approved { .. } => "approved",
            State::Executing { .. } => "executing",
            State::Accepted { .. } => "accepted",
            State::Serving { .. } => "serving",
            State::Unknown { .. } => "unknown",
            State::Watching { .. } => "watching",
            State::Closed => "closed",
            State::Failed { .. } => "failed",
            State::Partial { .. } => "partial",
            State::Denied { .. } => "denied",
            State::Cancelled { .. } => "cancelled",
            State::Expired { .. } => "expired",
            State::Superseded { .. } => "superseded",
        }
    }

    /// Whether it keeps others from opening a rollback of the same service and environment.
    pub fn holds(&self) -> bool {
        match self {
            State::Planning
            | State::Proposed { .. }
            | State::Approved { .. }
            | State::Executing { .. }
            | State::Accepted { .. }
            | State::Serving { .. }
            | State::Unknown { .. } => true,
            State::Watching { .. } => false,
            _ => false,
        }
    }

    /// Whether nothing more will happen to it.
    pub fn is_ended(&self) -> bool {
        !self.holds() && !matches!(self, State::Watching { .. })
    }
}

impl Rollback {
    /// The state in capitals, as cards and refusals say it: `SERVING 7/8`, `VERIFIED`.
    pub fn word(&self) -> String {
        match &self.state {
            State::Planning => "READING THE PLATFORM".into(),
            State::Blocked { .. } => "BLOCKED".into(),
            State::Proposed { .. } => "PROPOSED".into(),
            State::Approved { .. } => "APPROVED".into(),
            State::Executing { .. } => "ASKING".into(),
            State::Accepted { .. } => "ACCEPTED".into(),
            State::Serving { n, m } => format!("SERVING {n}/{m}"),
            State::Unknown { .. } => "UNKNOWN".into(),
            State::Watching { .. } | State::Closed => self.proof.word().into(),
            State::Failed { .. } => "FAILED".into(),
            State::Partial { n, m, .. } => format!("PARTIAL {n}/{m}"),
            State::Denied { .. } => "DENIED".into(),
            State::Cancelled { .. } => "CANCELLED".into(),
            State::Expired { .. } => "EXPIRED".into(),
            State::Superseded { .. } => "SUPERSEDED".into(),
        }
    }

    /// How many surfaces serve the target, of how many.
    pub fn served(&self) -> (usize, usize) {
        let to = self.plan.as_ref().map(|plan| plan.to.id.as_str());
        let n = self
            .surfaces
            .iter()
            .filter(|surface| to.is_some() && surface.live.as_deref() == to)
            .count();
        (n, self.surfaces.len())
    }

    /// The release it leaves, as people call it.
    pub fn from_label(&self) -> &str {
        self.plan
            .as_ref()
            .and_then(|plan| plan.from.as_ref())
            .map_or("unknown", Release::label)
    }

    /// The release it goes to, as people call it.
    pub fn to_label(&self) -> &str {
        self.plan.as_ref().map_or("unknown", |plan| plan.to.label())
    }

    /// The names of the surfaces that do not serve the target yet.
    pub fn waiting_for(&self) -> Vec<String> {
        let to = self.plan.as_ref().map(|plan| plan.to.id.as_str());
        self.surfaces
            .iter()
            .filter(|surface| surface.live.as_deref() != to)
            .map(|surface| surface.name.clone())
            .collect()
    }
}

/// A request that opens a rollback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the rollback")]
pub struct Proposal {
    pub channel: String,
    pub service: String,
    pub environment: String,
    pub requester: Person,
    pub because: Option<String>,
    pub aim: Aim,
    pub source: Source,
    pub commanded: Timestamp,
    pub target_time: Option<Duration>,
    pub reply_to: Option<String>,
    pub replaces: Option<u64>,
}

impl Proposal {
    /// The rollback it opens.
    pub fn open(self, id: u64, incident: i64) -> (Rollback, Happening) {
        let aim = match &self.aim.target {
            crate::grammar::Target::Previous => "the previous known good".to_owned(),
            crate::grammar::Target::Named(name) => name.clone(),
            crate::grammar::Target::At(_) => "what was live at a time".to_owned(),
        };
        let because = match &self.because {
            Some(because) => format!(", because \"{because}\""),
            None => String::new(),
        };
        let happening = Happening {
            at: self.commanded,
            who: Actor::Person(self.requester.clone()),
            source: self.source,
            kind: Kind::Requested,
            text: format!(
                "asked to roll back {} ({}) to {aim}{because}",
                self.service, self.environment
            ),
            rollback: Some(id),
        };
        let rollback = Rollback {
            id,
            revision: 1,
            incident,
            channel: self.channel,
            service: self.service,
            environment: self.environment,
            requester: self.requester,
            because: self.because,
            aim: self.aim,
            plan: None,
            hash: None,
            state: State::Planning,
            approved: None,
            times: Times {
                commanded: Some(self.commanded),
                ..Times::default()
            },
            surfaces: vec![],
            pin: Pin::Unknown,
            said: None,
            memory: serde_json::Value::Null,
            proof: Proof::default(),
            replaces: self.replaces,
            target_time: self.target_time,
            reply_to: self.reply_to,
        };
        (rollback, happening)
    }
}

/// What a person wants done to a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Act {
    /// Say yes to the plan with this hash; to the one that is open when typed without.
    Approve { hash: Option<PlanHash> },
    /// Say no.
    Deny { because: Option<String> },
    /// Take it back, or stop it before the platform is asked.
    Stop { because: Option<String> },
    /// Put a card with another target in its place.
    Retarget { hash: Option<PlanHash>, to: String },
}

impl Act {
    /// As a clause for the record: "tried to approve".
    pub fn verb(&self) -> &'static str {
        match self {
            Act::Approve { .. } => "approve",
            Act::Deny { .. } => "deny",
            Act::Stop { .. } => "stop",
            Act::Retarget { .. } => "change the target of",
        }
    }
}

/// Everything that can happen to a rollback.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Command {
    /// A person acts; what Slack says they are was read for this.
    Person {
        by: Person,
        standing: Standing,
        source: Source,
        reply_to: Option<String>,
        act: Act,
    },
    /// The platform was read for the first time.
    Planned { plan: Box<Plan>, requester: Person },
    /// There is no plan, and why.
    CannotPlan { refusal: Refusal },
    /// The clock passed the plan's end.
    Expire,
    /// The platform was read again after the yes.
    Rechecked {
        survey: Box<Survey>,
        plan: Result<Box<Plan>, Refusal>,
    },
    /// It could not be read again.
    RecheckFailed { why: String },
    /// The platform answered, or did not.
    Answered { answer: Result<Receipt, Trouble> },
    /// The process that asked is gone.
    LostTrack,
    /// The platform was read back.
    Observed { progress: Progress },
    /// It was looked at from outside, after the platform said it serves.
    Probed {
        round: Round,
        seen: Option<(Vec<Surface>, Pin)>,
    },
    /// The watch is over, or another rollback of the service has taken over.
    Close { replaced_by: Option<u64> },
}

/// What a command leads to. The engine stores all of it in one transaction, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The rollback as it is now.
    pub rollback: Rollback,
    /// What happened.
    pub happenings: Vec<Happening>,
    /// When it wants to be driven on; `None`: it waits for somebody or has ended.
    pub drive_at: Option<Timestamp>,
    /// What people have to be told.
    pub says: Vec<Say>,
    /// A rollback that takes its place.
    pub opens: Option<Proposal>,
}

/// Something to be said, left behind as a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Say {
    /// Bring the card to the present state.
    Card,
    /// Tell one person something.
    Tell {
        person: String,
        reply_to: Option<String>,
        spoken: Spoken,
    },
    /// Tell the channel how it ended, once.
    Outcome,
    /// Put the timeline into the thread.
    Export,
}

/// What somebody is told, stored until it is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spoken {
    /// A sentence in plain text, escaped when it is said.
    Text(String),
    /// Words that are mrkdwn already, escaped by whoever wrote them.
    Mrkdwn(String),
    /// A sentence with the people it names, in their order: `{0}` stands for the first.
    Naming(String, Vec<String>),
}

impl From<&Refusal> for Spoken {
    fn from(refusal: &Refusal) -> Self {
        struct Gather(std::cell::RefCell<Vec<String>>);
        impl crate::refusal::Voice for Gather {
            fn person(&self, id: &str) -> String {
                let mut people = self.0.borrow_mut();
                people.push(id.to_owned());
                format!("\u{1}{}\u{1}", people.len() - 1)
            }
            fn text(&self, text: &str) -> String {
                text.replace('\u{1}', "")
            }
        }
        let gather = Gather(std::cell::RefCell::default());
        let sentence = refusal.say(&gather);
        match gather.0.into_inner() {
            people if people.is_empty() => Spoken::Text(sentence),
            people => Spoken::Naming(sentence, people),
        }
    }
}
