//! What a platform can serve, what it serves now, and what it says when asked.

use crate::risk::Risk;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Something a platform can serve: a deployment, a release directory, an image digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The platform's own id: what is asked for, and what approvals are bound to.
    pub id: String,
    /// A name people gave it, for example `v212`.
    pub version: Option<String>,
    /// The commit it was built from.
    pub sha: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When production first served it, where the platform tells.
    pub live_since: Option<Timestamp>,
    /// Who made it, as the platform names them.
    pub by: Option<String>,
    /// What changed, in its author's words.
    pub message: Option<String>,
}

impl Release {
    /// A release of which nothing but its id is known.
    pub fn unknown(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            version: None,
            sha: None,
            created_at: None,
            live_since: None,
            by: None,
            message: None,
        }
    }

    /// How people recognise it: its version, else the first seven of its sha, else its id.
    pub fn label(&self) -> &str {
        match (&self.version, &self.sha) {
            (Some(version), _) => version,
            (None, Some(sha)) => sha.get(..7).unwrap_or(sha),
            (None, None) => &self.id,
        }
    }

    /// Whether `name` is one of its own names: id, version, or a sha of at least seven digits.
    pub fn is_called(&self, name: &str) -> bool {
        let name = name.trim();
        self.id == name
            || self
                .version
                .as_deref()
                .is_some_and(|version| version.eq_ignore_ascii_case(name))
            || self.sha.as_deref().is_some_and(|sha| {
                name.len() >= 7
                    && sha.len() >= name.len()
                    && sha.as_bytes()[..name.len()].eq_ignore_ascii_case(name.as_bytes())
            })
    }

    /// When it counts as having begun: in production, else made.
    pub fn began(&self) -> Option<Timestamp> {
        self.live_since.or(self.created_at)
    }
}

/// Which way production is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// To a release that served before what is live.
    #[default]
    Back,
    /// Forward again, to what a rollback left.
    Forward,
}

/// A release as a target: may production go to it, and if not, why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The release.
    pub release: Release,
    /// Why production may not go back to it, as a clause: "it never served production". `None`:
    /// eligible.
    pub barred: Option<String>,
    /// Why production may not go forward to it, as a clause. A platform may ask for less here: a
    /// release that a rollback left need not be one that can be gone back to.
    #[serde(default)]
    pub barred_forward: Option<String>,
}

impl Candidate {
    /// Why production may not be taken to it this way, as a clause; `None` when it may.
    pub fn why_not(&self, way: Way) -> Option<&str> {
        match way {
            Way::Back => self.barred.as_deref(),
            Way::Forward => self.barred_forward.as_deref(),
        }
    }
}

/// One place where production is seen: a domain, a symlink, a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surface {
    /// Its name, for example `shop.example.com`.
    pub name: String,
    /// The id of the release it serves; `None` when the platform could not say.
    pub live: Option<String>,
}

/// Whether automatic deploys are held off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pin {
    /// The platform has no automatic deploys to hold off.
    NotNeeded,
    /// Held off, read back from the platform.
    On,
    /// Not held off.
    Off,
    /// The platform did not say.
    Unknown,
}

/// Everything a provider read from its platform to make a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// What can be served, newest first.
    pub candidates: Vec<Candidate>,
    /// What serves now, place by place.
    pub surfaces: Vec<Surface>,
    /// Whether automatic deploys are held off.
    pub pin: Pin,
    /// Something that is under way on the platform right now, as a clause.
    pub in_flight: Option<String>,
    /// What the provider wants to find again in the stored rollback (for example its last job).
    #[serde(default)]
    pub memory: serde_json::Value,
}

impl Survey {
    /// The release with this id, even when only its id is known.
    pub fn release(&self, id: &str) -> Release {
        self.candidates
            .iter()
            .find(|candidate| candidate.release.id == id)
            .map(|candidate| candidate.release.clone())
            .unwrap_or_else(|| Release::unknown(id))
    }

    /// The release that most surfaces serve; the first named one on a tie.
    pub fn live(&self) -> Option<Release> {
        let mut best: Option<(&str, usize)> = None;
        for surface in &self.surfaces {
            let Some(id) = surface.live.as_deref() else {
                continue;
            };
            let n = self
                .surfaces
                .iter()
                .filter(|other| other.live.as_deref() == Some(id))
                .count();
            if best.is_none_or(|(_, most)| n > most) {
                best = Some((id, n));
            }
        }
        best.map(|(id, _)| self.release(id))
    }
}

/// What a provider does to production, said before it is asked: facts of the platform, no network.
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
    /// Whether going there holds automatic deploys off by itself.
    pub pins: bool,
    /// Whether it can be undone by going forward again; a data restore can not.
    pub undoable: bool,
    /// How much an ordinary rollback can break here.
    pub class: Risk,
}

/// What the platform answered when it was asked to serve another release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What it said, as a clause for the record: "job accepted".
    pub said: String,
    /// What the provider wants to find again when it reads back: a job id, a new deployment id.
    #[serde(default)]
    pub memory: serde_json::Value,
}

/// Where a rollback that was asked for stands on the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// The platform is at it: how many of its surfaces serve the target.
    Serving {
        /// The surfaces as they are.
        surfaces: Vec<Surface>,
        /// Whether automatic deploys are held off.
        pin: Pin,
        /// What the platform calls this stage, as a clause.
        said: String,
    },
    /// The platform has ended with some surfaces not moved; their names.
    Partial {
        /// The surfaces as they are.
        surfaces: Vec<Surface>,
        /// The ones it could not move.
        failed: Vec<String>,
    },
    /// The platform has ended and says that it did not work.
    Failed {
        /// What it said.
        why: String,
    },
    /// The platform shows no trace of the request: production is where it was.
    NotAsked {
        /// What was read instead.
        why: String,
    },
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
    /// It is not known whether the request arrived: never ask again, read back.
    #[error("{0}")]
    Unanswered(String),
}
