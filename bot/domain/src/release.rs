//! What a platform can serve, and what it serves now.

use crate::grammar::as_typed;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What kind of thing a target is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A release: a deployment, a release directory, an image.
    #[default]
    Release,
    /// A moment in a [`RecoveryWindow`]; its id is the moment in RFC 3339.
    Moment,
    /// An earlier value of a setting or a flag.
    Setting,
    /// A version of a schema.
    Schema,
}

impl TargetKind {
    fn is_release(&self) -> bool {
        *self == TargetKind::Release
    }
}

/// Whether a platform still has what it takes to serve a release again, where it tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// The platform does not tell.
    #[default]
    Unknown,
    /// It has it until then.
    Until(Timestamp),
    /// It has removed it; why, as a clause: "the retention policy removed it".
    Gone(String),
}

impl Kept {
    fn is_unknown(&self) -> bool {
        *self == Kept::Unknown
    }
}

/// Something a platform can serve: a deployment, a release directory, an image digest; or what
/// else production can be taken to ([`TargetKind`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The platform's own id: what is asked for, and what approvals are bound to. It names the
    /// content and not an event: where a platform makes a copy of a release in order to serve it
    /// again, the copy's id is in `also`.
    pub id: String,
    /// The ids of its copies on the platform.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// What kind of target it is.
    #[serde(default, skip_serializing_if = "TargetKind::is_release")]
    pub kind: TargetKind,
    /// A name people gave it, for example `v212`.
    pub version: Option<String>,
    /// The commit it was built from.
    pub sha: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When production began to serve it, where the platform tells: the first time or the last,
    /// as it keeps that. [`Runs`](crate::history::Runs) knows more.
    pub live_since: Option<Timestamp>,
    /// Whether the platform says that production served it, even if not when.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_served: bool,
    /// Who made it, as the platform names them. Somebody else may have put it live.
    pub by: Option<String>,
    /// What changed, in its author's words.
    pub message: Option<String>,
    /// Whether it can be served again, where the platform tells.
    #[serde(default, skip_serializing_if = "Kept::is_unknown")]
    pub kept: Kept,
}

impl Release {
    /// A release of which nothing but its id is known.
    pub fn unknown(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            also: vec![],
            kind: TargetKind::Release,
            version: None,
            sha: None,
            created_at: None,
            live_since: None,
            has_served: false,
            by: None,
            message: None,
            kept: Kept::Unknown,
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

    /// Whether a platform that names `id` means this release: it, or a copy of it.
    pub fn is(&self, id: &str) -> bool {
        self.id == id || self.also.iter().any(|copy| copy == id)
    }

    /// Whether `name` is one of its own names: id, the id of a copy, version, or a sha of at least
    /// seven digits.
    pub fn is_called(&self, name: &str) -> bool {
        let name = name.trim();
        self.is(name)
            || self.has_version(name)
            || self.sha.as_deref().is_some_and(|sha| {
                name.len() >= 7
                    && sha.len() >= name.len()
                    && sha.as_bytes()[..name.len()].eq_ignore_ascii_case(name.as_bytes())
            })
    }

    /// Whether the platform says that production served it.
    pub fn served(&self) -> bool {
        self.has_served || self.live_since.is_some()
    }

    /// Whether `name` is its version, in capitals or not.
    pub fn has_version(&self, name: &str) -> bool {
        let version = self.version.as_deref();
        version.is_some_and(|version| version.eq_ignore_ascii_case(name))
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pin {
    /// The platform has no automatic deploys to hold off.
    NotNeeded,
    /// Held off, read back from the platform.
    On,
    /// Not held off.
    Off,
    /// The platform did not say.
    #[default]
    Unknown,
}

/// Places where production is seen and that were not looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unseen {
    /// How many.
    pub count: usize,
    /// The names of some of them.
    pub examples: Vec<String>,
    /// Why not, as a clause.
    pub why: String,
}

impl Unseen {
    /// As a clause: "530 more were not looked at (a.example.com, …): Vercel answers 403".
    pub fn clause(&self) -> String {
        let more = match self.count > self.examples.len() {
            true => ", …",
            false => "",
        };
        format!(
            "{} more {} not looked at ({}{more}): {}",
            self.count,
            if self.count == 1 { "was" } else { "were" },
            self.examples.join(", "),
            self.why
        )
    }
}

/// The time to any moment of which a platform can restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryWindow {
    /// The earliest moment.
    pub from: Timestamp,
    /// The latest moment.
    pub to: Timestamp,
}

impl RecoveryWindow {
    /// Whether `moment` can be restored to.
    pub fn has(&self, moment: Timestamp) -> bool {
        self.from <= moment && moment <= self.to
    }
}

/// Everything a provider read from its platform to make a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// What can be served, newest first.
    pub candidates: Vec<Candidate>,
    /// What serves now, place by place.
    pub surfaces: Vec<Surface>,
    /// The places that were not looked at. Nothing is claimed of them. `None`: there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<Unseen>,
    /// What the platform itself calls the production that was read, whatever name the
    /// configuration has for it. Two services with the same one are one production. `None`: the
    /// platform has no such name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<String>,
    /// Whether automatic deploys are held off.
    pub pin: Pin,
    /// Something that is under way on the platform right now, as a clause.
    pub in_flight: Option<String>,
    /// The time to any moment of which production can be taken, where the platform has that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<RecoveryWindow>,
    /// How automatic deploys are set now: what [`Holds::OnRequest`](crate::platform::Holds) has to
    /// put back when they are let go live again. Null where nothing has to be remembered.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub before_pin: serde_json::Value,
    /// What the provider wants to find again in the stored rollback (for example its last job).
    #[serde(default)]
    pub memory: serde_json::Value,
}

impl Survey {
    /// The places of the candidates that may be meant by a name that was typed: the one whose id
    /// it is, else all that are called so.
    pub fn called(&self, name: &str) -> Vec<usize> {
        let name = name.trim();
        let releases = || {
            let candidates = self.candidates.iter().enumerate();
            candidates.map(|(at, candidate)| (at, &candidate.release))
        };
        // An id names one thing, whatever else is called so.
        if let Some((at, _)) = releases().find(|(_, release)| release.is(name)) {
            return vec![at];
        }
        let mut named: Vec<usize> = releases()
            .filter(|(_, release)| release.is_called(name))
            .map(|(at, _)| at)
            .collect();
        if named.is_empty() {
            // What is typed reaches us with plain dashes and quotes, and single blanks.
            let is_typed = |release: &Release| {
                let version = release.version.as_deref().map(as_typed);
                as_typed(&release.id) == name || version.as_deref() == Some(name)
            };
            let typed = releases().filter(|(_, release)| is_typed(release));
            named = typed.map(|(at, _)| at).collect();
        }
        // `v1` is not `V1`, where both are there.
        let release = |at: &usize| &self.candidates[*at].release;
        let is_exact = |at: &usize| release(at).version.as_deref() == Some(name);
        if named.iter().any(is_exact) {
            named.retain(|at| is_exact(at) || !release(at).has_version(name));
        }
        named
    }

    /// The release with this id, even when only its id is known.
    pub fn release(&self, id: &str) -> Release {
        self.candidates
            .iter()
            .find(|candidate| candidate.release.is(id))
            .map(|candidate| candidate.release.clone())
            .unwrap_or_else(|| Release::unknown(id))
    }

    /// The release that most surfaces serve; the first named one on a tie. Copies of a release
    /// count as that release.
    pub fn live(&self) -> Option<Release> {
        self.most_served(|_| true)
    }

    /// What most of those surfaces serve that do not serve `release`.
    pub fn live_besides(&self, release: &Release) -> Option<Release> {
        self.most_served(|other| other.id != release.id)
    }

    fn most_served(&self, counts: impl Fn(&Release) -> bool) -> Option<Release> {
        let served: Vec<Release> = self
            .surfaces
            .iter()
            .filter_map(|surface| Some(self.release(surface.live.as_deref()?)))
            .filter(counts)
            .collect();
        let mut best: Option<(&Release, usize)> = None;
        for release in &served {
            let n = served.iter().filter(|other| other.id == release.id).count();
            if best.is_none_or(|(_, most)| n > most) {
                best = Some((release, n));
            }
        }
        best.map(|(release, _)| release.clone())
    }

    /// Takes the versions from releases whose version is the id of another one: the person who reads that
    /// name means the one whose id it is.
    #[must_use]
    pub fn without_borrowed_names(mut self) -> Self {
        let ids: Vec<Release> = self
            .candidates
            .iter()
            .map(|candidate| Release {
                also: candidate.release.also.clone(),
                ..Release::unknown(candidate.release.id.clone())
            })
            .collect();
        for candidate in &mut self.candidates {
            let release = &mut candidate.release;
            let is_borrowed = |version: &String| {
                let mut others = ids.iter().filter(|other| other.id != release.id);
                others.any(|other| other.is(version))
            };
            if release.version.as_ref().is_some_and(is_borrowed) {
                release.version = None;
            }
        }
        self
    }
}
