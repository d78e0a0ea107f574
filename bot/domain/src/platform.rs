//! What a provider says before it acts, what it is told, and what it answers.
//!
//! A plan may have several steps. The engine commits before and after each of them, so that after
//! a crash it is always known which step was asked for; the provider looks and says whether the
//! next one is safe.

use crate::{
    identity::RollbackId,
    people::Person,
    plan::Plan,
    release::{Pin, Release, Surface, Way},
    risk::{Caution, Risk},
};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use std::time::Duration;

/// What a provider does to production: facts of the platform that need no network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    /// The platform's name for people: `Vercel`.
    pub platform: String,
    /// What comes back with the target.
    pub restores: Vec<String>,
    /// What stays as it is today.
    pub leaves: Vec<String>,
    /// What is different afterwards, for example that automatic deploys stay off.
    pub after: Option<String>,
    /// How automatic deploys are held off, so that they do not bring the bad release back. Older
    /// records have a yes or no under `pins`.
    #[serde(alias = "pins", deserialize_with = "holds_or_pins")]
    pub holds: Holds,
    /// Whether it can be undone by going forward again; a data restore can not.
    pub undoable: bool,
    /// How much an ordinary rollback can break here.
    pub class: Risk,
    /// How long things normally take here.
    #[serde(default, skip_serializing_if = "Timing::is_default")]
    pub timing: Timing,
    /// What users will notice meanwhile, as a clause: "the project is offline". `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage: Option<String>,
}

/// How automatic deploys are held off while an earlier release serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// The platform holds them off by itself when it goes back.
    ByItself,
    /// They have to be held off before the first step, by a call of its own.
    OnRequest,
    /// They are not held off: there are none, or nothing can hold them off from here.
    Not,
}

/// Reads [`Holds`], or the boolean that older versions stored.
fn holds_or_pins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Holds, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Holds(Holds),
        Pins(bool),
    }
    Ok(match Stored::deserialize(deserializer)? {
        Stored::Holds(holds) => holds,
        Stored::Pins(true) => Holds::ByItself,
        Stored::Pins(false) => Holds::Not,
    })
}

/// How long a platform normally takes, so that forty minutes of restoring are not `Unknown`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// From asking to serving, at most. After that the rollback is partial or unknown.
    pub serve_within: Duration,
    /// How long a request may leave no trace before it counts as never received.
    pub trace_within: Duration,
    /// How often it is looked at; `None`: soon at first, and in the end each `check_every` of the
    /// service.
    pub look_every: Option<Duration>,
}

impl Timing {
    /// Whether nothing about it is special.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How long a platform that is busy is left alone when it names no time.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// The shortest time that a busy platform is left alone, at first; it doubles with each time.
const BUSY_WAIT_AT_LEAST: Duration = Duration::from_secs(1);
/// The longest time that a busy platform is left alone, whatever it names: production waits.
pub const BUSY_WAIT_AT_MOST: Duration = Duration::from_secs(60);

/// How long a platform that is busy is left alone: as long as it names (in milliseconds), within
/// bounds, and longer the more `times` in a row it was busy before.
pub fn busy_wait(named: Option<u64>, times: u32) -> Duration {
    let at_least = BUSY_WAIT_AT_LEAST * 2_u32.pow(times.min(5));
    let named = named.map_or(BUSY_WAIT, Duration::from_millis);
    named.max(at_least).min(BUSY_WAIT_AT_MOST)
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            serve_within: Duration::from_secs(15 * 60),
            trace_within: Duration::from_secs(60),
            look_every: None,
        }
    }
}

/// What is asked about, where reading needs to know it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// Which way production would be taken.
    pub way: Way,
    /// Which flag, table or variable of the service; `None`: the service as a whole.
    pub part: Option<String>,
    /// The rollback that would be undone, if it is an undo.
    pub undoes: Option<Undone>,
    /// The latest rollback of the service, if it ended with only a part moved.
    pub unfinished: Option<Unfinished>,
}

/// A rollback that ended with only a part moved, with what its provider remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfinished {
    /// Its number.
    pub rollback: RollbackId,
    /// The id of the release it left; `None`: that was not known.
    pub left: Option<String>,
    /// The id of the release it went to.
    pub to: String,
    /// What its provider remembered.
    pub memory: serde_json::Value,
}

/// A rollback that is undone, with what it left to go back to.
#[derive(Clone, Debug, PartialEq)]
pub struct Undone {
    /// Its number.
    pub rollback: RollbackId,
    /// The release that it left; `None`: it was not known what was live.
    pub left: Option<Release>,
    /// What its provider remembered.
    pub memory: serde_json::Value,
    /// What it kept before it changed anything.
    pub restore_point: Option<RestorePoint>,
}

/// Something that can be gone back to, kept before anything is changed: a backup, a renamed
/// container, the rows or the values of before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePoint {
    /// How the platform calls it.
    pub id: String,
    /// What it is, as a clause: "backup of 02:55, 1.2 GB".
    pub what: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Until when it is kept; `None`: not known.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// What was looked at to know that it is whole, by name: size, checksum, row counts. Never a
    /// secret.
    #[serde(default)]
    pub proof: Vec<(String, String)>,
}

/// What going to one target means, read from the platform before approval and once more before
/// anything is done.
#[derive(Clone, Debug, PartialEq)]
pub struct DryRun {
    /// What it does for this target.
    pub effects: Effects,
    /// What is unusual about this target: always [`Caution::Platform`].
    pub warnings: Vec<Caution>,
    /// What would be done, in order, each as a short clause: "stop the old container". Empty: one
    /// request does all of it.
    pub steps: Vec<String>,
    /// What people should know before they approve, each as a short clause: "312 rows change".
    /// They are part of the plan's hash, so nothing that changes by itself belongs here.
    pub details: Vec<String>,
    /// What there is to go back to already; one that is made by a step comes in its receipt.
    pub restore_point: Option<RestorePoint>,
    /// What people have to do by hand meanwhile.
    pub tasks: Vec<Task>,
    /// The identity of what is in the target, where its id can come to mean something else. It is
    /// part of the plan's hash. `None`: the id is enough.
    pub content: Option<String>,
}

impl DryRun {
    /// What a provider knows without looking: one request, nothing unusual.
    pub fn of(effects: Effects) -> Self {
        Self {
            effects,
            warnings: vec![],
            steps: vec![],
            details: vec![],
            restore_point: None,
            tasks: vec![],
            content: None,
        }
    }
}

/// Something that people do by hand as a part of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// A short name without spaces, by which it is signed off: `merge-pr`.
    pub id: String,
    /// What is to be done, as a sentence.
    pub text: String,
    /// Where it is done.
    #[serde(default)]
    pub link: Option<String>,
    /// The role whose members may sign it off; `None`: anybody who could approve the plan.
    #[serde(default)]
    pub role: Option<String>,
    /// Whether a note is wanted with the signature.
    #[serde(default)]
    pub needs_note: bool,
    /// Who signed it off.
    #[serde(default)]
    pub signed: Option<SignOff>,
}

impl Task {
    /// Whether somebody said that it is done.
    pub fn is_done(&self) -> bool {
        self.signed.as_ref().is_some_and(|signed| signed.done)
    }
}

/// A signature under a manual task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOff {
    /// Who signed.
    pub by: Person,
    /// When.
    pub at: Timestamp,
    /// Whether it was done; otherwise they say that it could not be done.
    pub done: bool,
    /// Their note.
    #[serde(default)]
    pub note: Option<String>,
}

/// What a provider is told when it is to act or to look: all of it is stored, so another process
/// can go on with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The number of the rollback: `RB-41`.
    pub rollback: RollbackId,
    /// What was approved.
    pub plan: Plan,
    /// What the provider wanted to find again.
    pub memory: serde_json::Value,
    /// Which step is asked for, from 0; while looking, which was asked for last.
    pub step: u32,
    /// When the platform was first asked; `None` only before that.
    pub asked_at: Option<Timestamp>,
    /// Why, in the words of the requester.
    pub reason: Option<String>,
    /// Who wanted it.
    pub by: Person,
    /// The manual tasks, with their signatures.
    pub tasks: Vec<Task>,
    /// What it undoes, if it is an undo.
    pub undoes: Option<Undone>,
}

/// The step that comes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// Its place, from 0. A place past the plan's steps is one of putting back.
    pub number: u32,
    /// What it does, as a short clause: "start the new container".
    pub name: String,
}

/// What the platform answered when it was asked for a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What it said, as a clause for the record: "job accepted".
    pub said: String,
    /// What the provider wants to find again when it looks: a job id, a new deployment id. Null
    /// keeps what was there. Never a secret.
    #[serde(default)]
    pub memory: serde_json::Value,
    /// The step that may be asked for at once; `None`: it is looked at now.
    #[serde(default)]
    pub next: Option<NextStep>,
    /// What this step kept to go back to.
    #[serde(default)]
    pub restore_point: Option<RestorePoint>,
}

/// Where a rollback that was asked for stands on the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// The platform is working: how many of its surfaces serve the target.
    Serving {
        /// The surfaces as they are.
        surfaces: Vec<Surface>,
        /// Whether automatic deploys are held off.
        pin: Pin,
        /// What the platform calls this stage, as a clause.
        said: String,
    },
    /// It was looked at: the last step is done, or certainly was not, and this one may be asked.
    StepReady {
        /// The step.
        next: NextStep,
        /// What was seen, as a clause.
        said: String,
        /// What the provider wants to find again; null keeps what was there.
        memory: serde_json::Value,
    },
    /// It cannot go on before people have done something.
    PeopleNeeded {
        /// What they have to do; those that are known already keep their signatures.
        tasks: Vec<Task>,
        /// What is waited for, as a clause.
        said: String,
    },
    /// The platform has ended with some surfaces not moved.
    Partial {
        /// The surfaces as they are.
        surfaces: Vec<Surface>,
        /// The names of the ones it could not move.
        failed: Vec<String>,
    },
    /// The platform has ended and says that it did not work.
    Failed {
        /// What it said.
        why: String,
        /// What that means for production.
        #[serde(default)]
        production: Production,
    },
    /// The platform shows no trace of the request: production is where it was.
    NotAsked {
        /// What was read instead.
        why: String,
    },
}

/// What a failure left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Production {
    /// Production is as it was before, or was put back to that.
    AsBefore,
    /// Production is not as it was, and not as it was wanted.
    Changed,
    /// It was not said.
    #[default]
    Unknown,
}

/// Why a provider could not do what was asked, and what may be done about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ProviderError {
    /// The platform said no, and will say no again: a sentence with the next step.
    #[error("{0}")]
    Refused(String),
    /// Certainly nothing was done; it may be asked again, after so many milliseconds if it said so.
    #[error("{why}")]
    Busy {
        /// What happened.
        why: String,
        /// What the platform wants us to wait, in milliseconds.
        retry_after: Option<u64>,
    },
    /// It is not known whether the request arrived: never ask again, look.
    #[error("{0}")]
    Unanswered(String),
}
