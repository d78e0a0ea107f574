//! A plan: what would be done, what it restores, leaves and un-ships, and the hash an approval is bound to.

use crate::{
    grammar::{Moment, Target},
    refusal::Refusal,
    release::{Candidate, Nature, Pin, Release, Surface, Survey},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// How much can go wrong; decides who must say yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// A flag off, nothing else changes.
    Toggle,
    /// Code only, and the target served production before.
    Code,
    /// Something about it is not known.
    Caution,
    /// Data is restored or changed.
    Data,
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Risk::Toggle => "toggle",
            Risk::Code => "code",
            Risk::Caution => "caution",
            Risk::Data => "data",
        })
    }
}

/// The releases that production loses, newest first, or why that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unships {
    /// These.
    Known(Vec<Release>),
    /// Not known, and why.
    Unknown(String),
}

/// The first hex digits of a plan's SHA-256 over its canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanHash(pub String);

impl fmt::Display for PlanHash {
    /// The four digits people see.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..4).unwrap_or(&self.0))
    }
}

/// What would be done. Everything here is shown on the card before anybody approves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What serves now; `None` when the platform could not say.
    pub from: Option<Release>,
    /// What would serve.
    pub to: Release,
    /// How the target was chosen, as a clause: "previous known good".
    pub chosen: String,
    /// When the target stopped serving, where that can be told.
    pub served_until: Option<Timestamp>,
    /// What production loses.
    pub unships: Unships,
    /// What the platform does, from its provider.
    pub nature: Nature,
    /// Every surface and what it serves now.
    pub surfaces: Vec<Surface>,
    /// Whether automatic deploys are held off already.
    pub pin: Pin,
    /// Something under way on the platform.
    pub in_flight: Option<String>,
    /// How much can go wrong.
    pub risk: Risk,
    /// What the provider remembers from reading, for reading back later. Not part of the hash.
    #[serde(default)]
    pub memory: serde_json::Value,
    /// When the platform was read. Not part of the hash.
    pub read_at: Timestamp,
}

/// What a person wants, with what is needed to understand it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aim {
    /// The target as it was typed.
    pub target: Target,
    /// The person's offset from UTC in seconds, for `@02:40`.
    pub utc_offset: i32,
}

impl Plan {
    /// Draws the plan for `aim` from what was read, or says why there is none.
    pub fn draw(
        survey: &Survey,
        nature: &Nature,
        aim: &Aim,
        now: Timestamp,
    ) -> Result<Plan, Refusal> {
        let from = survey.live();
        let live_at = from
            .as_ref()
            .and_then(|live| position(&survey.candidates, &live.id));
        let (to_at, chosen) = choose(survey, from.as_ref(), live_at, aim, now)?;
        let target = &survey.candidates[to_at];
        let to = target.release.clone();

        let everywhere = !survey.surfaces.is_empty()
            && survey
                .surfaces
                .iter()
                .all(|surface| surface.live.as_deref() == Some(to.id.as_str()));
        if everywhere {
            return Err(Refusal::TargetIsLive {
                target: to.label().to_owned(),
                instead: suggestion(&survey.candidates, live_at),
            });
        }
        if live_at.is_some_and(|live_at| to_at < live_at) {
            return Err(Refusal::TargetIsNewer {
                target: to.label().to_owned(),
                live: from.as_ref().map_or("?", |live| live.label()).to_owned(),
                instead: suggestion(&survey.candidates, live_at),
            });
        }
        if let Some(why) = &target.barred {
            return Err(Refusal::TargetNotEligible {
                target: to.label().to_owned(),
                why: why.clone(),
                instead: suggestion(&survey.candidates, live_at),
            });
        }

        let unships = match live_at {
            Some(live_at) => Unships::Known(
                survey.candidates[live_at..to_at]
                    .iter()
                    .filter(|candidate| {
                        candidate.release.live_since.is_some() || candidate.barred.is_none()
                    })
                    .map(|candidate| candidate.release.clone())
                    .collect(),
            ),
            None => {
                Unships::Unknown("the live release is not among the ones the platform lists".into())
            }
        };
        let served_until = survey.candidates[..to_at]
            .iter()
            .rev()
            .find_map(|later| later.release.live_since);
        let known_good = to.live_since.is_some();
        let risk = match (nature.touches_data, known_good && from.is_some()) {
            (true, _) => Risk::Data,
            (false, true) => Risk::Code,
            (false, false) => Risk::Caution,
        };
        Ok(Plan {
            from,
            chosen,
            served_until: served_until.filter(|_| known_good),
            unships,
            nature: nature.clone(),
            surfaces: survey.surfaces.clone(),
            pin: survey.pin,
            in_flight: survey.in_flight.clone(),
            risk,
            memory: survey.memory.clone(),
            read_at: now,
            to,
        })
    }

    /// What an approval is bound to: everything that matters, nothing that merely ages.
    pub fn hash(&self, service: &str, environment: &str) -> PlanHash {
        let unships = match &self.unships {
            Unships::Known(releases) => {
                releases.iter().map(|release| release.id.as_str()).collect()
            }
            Unships::Unknown(_) => vec!["unknown"],
        };
        let mut surfaces: Vec<_> = self
            .surfaces
            .iter()
            .map(|surface| (&surface.name, &surface.live))
            .collect();
        surfaces.sort();
        // serde_json's own map may keep insertion order if another crate asks for it, so the
        // keys are written here in the order in which they are hashed.
        let canonical = serde_json::to_string(&(
            ("after", &self.nature.after),
            ("environment", environment),
            ("from", self.from.as_ref().map(|from| &from.id)),
            ("leaves", &self.nature.leaves),
            ("pin", self.pin),
            ("platform", &self.nature.platform),
            ("restores", &self.nature.restores),
            ("risk", self.risk),
            ("service", service),
            ("surfaces", surfaces),
            ("to", &self.to.id),
            ("unships", unships),
        ))
        .unwrap_or_default();
        PlanHash(hex::encode(&Sha256::digest(canonical.as_bytes())[..8]))
    }
}

fn position(candidates: &[Candidate], id: &str) -> Option<usize> {
    candidates
        .iter()
        .position(|candidate| candidate.release.id == id)
}

/// The release that would be taken if nobody named one.
fn previous(candidates: &[Candidate], live_at: Option<usize>) -> Option<usize> {
    let start = live_at.map_or(0, |at| at + 1);
    let eligible = |at: &usize| candidates[*at].barred.is_none();
    (start..candidates.len())
        .find(|at| eligible(at) && candidates[*at].release.live_since.is_some())
        .or_else(|| (start..candidates.len()).find(eligible))
}

fn suggestion(candidates: &[Candidate], live_at: Option<usize>) -> Option<String> {
    previous(candidates, live_at).map(|at| candidates[at].release.label().to_owned())
}

fn choose(
    survey: &Survey,
    from: Option<&Release>,
    live_at: Option<usize>,
    aim: &Aim,
    now: Timestamp,
) -> Result<(usize, String), Refusal> {
    let candidates = &survey.candidates;
    match &aim.target {
        Target::Previous => {
            // Without knowing what serves now, "previous" would be a guess.
            if from.is_none() {
                return Err(Refusal::LiveUnknown);
            }
            let Some(at) = previous(candidates, live_at) else {
                return Err(Refusal::NoEligibleTarget {
                    why: candidates
                        .iter()
                        .skip(live_at.map_or(0, |at| at + 1))
                        .find_map(|candidate| {
                            let why = candidate.barred.as_ref()?;
                            Some(format!("{}: {why}", candidate.release.label()))
                        })
                        .unwrap_or_else(|| "the platform lists nothing older".into()),
                });
            };
            let chosen = match candidates[at].release.live_since {
                Some(_) => "previous known good",
                None => "previous release, it is not known whether it ever served",
            };
            Ok((at, chosen.to_owned()))
        }
        Target::Named(name) => {
            let named: Vec<usize> = (0..candidates.len())
                .filter(|at| candidates[*at].release.is_called(name))
                .collect();
            match named.as_slice() {
                [] => Err(Refusal::UnknownTarget {
                    target: name.clone(),
                    known: candidates
                        .iter()
                        .skip(live_at.map_or(0, |at| at + 1))
                        .filter(|candidate| candidate.barred.is_none())
                        .take(3)
                        .map(|candidate| candidate.release.label().to_owned())
                        .collect(),
                }),
                // The same commit may have been deployed twice: the newest eligible one is meant.
                [only] => Ok((*only, "named".to_owned())),
                [first, ..] => {
                    let at = named
                        .iter()
                        .copied()
                        .find(|at| candidates[*at].barred.is_none())
                        .unwrap_or(*first);
                    Ok((
                        at,
                        format!("named; the newest of {} with that name", named.len()),
                    ))
                }
            }
        }
        Target::At(moment) => {
            let then = moment.resolve(now, aim.utc_offset);
            let at = (0..candidates.len()).find(|at| {
                candidates[*at]
                    .release
                    .live_since
                    .is_some_and(|since| since <= then)
            });
            match at {
                Some(at) => Ok((at, format!("was live at {}", then.strftime("%H:%M:%S UTC")))),
                None => Err(Refusal::UnknownTarget {
                    target: match moment {
                        Moment::Exact(_) | Moment::Clock { .. } | Moment::Ago { .. } => {
                            format!(
                                "whatever was live at {}",
                                then.strftime("%Y-%m-%d %H:%M:%S UTC")
                            )
                        }
                    },
                    known: vec![],
                }),
            }
        }
    }
}
