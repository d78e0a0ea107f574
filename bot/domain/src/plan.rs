//! A plan: what would be done, what it restores, leaves and un-ships, and the hash an approval is bound to.

use crate::{
    grammar::{Moment, Target},
    history::History,
    refusal::Refusal,
    release::{Candidate, Effects, Pin, Release, Surface, Survey, Way},
    risk::{Caution, Risk, RiskRules},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, time::Duration};

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
    /// Which way production is taken.
    #[serde(default)]
    pub way: Way,
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
    #[serde(rename = "nature")]
    pub effects: Effects,
    /// Every surface and what it serves now.
    pub surfaces: Vec<Surface>,
    /// Whether automatic deploys are held off already.
    pub pin: Pin,
    /// Something under way on the platform.
    pub in_flight: Option<String>,
    /// How much can go wrong.
    pub risk: Risk,
    /// What is unusual about it.
    #[serde(default)]
    pub cautions: Vec<Caution>,
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
    /// The number of the rollback that it undoes, if it undoes one.
    #[serde(default)]
    pub undoes: Option<u64>,
}

impl Aim {
    /// Forward if it undoes a rollback, back otherwise.
    pub fn way(&self) -> Way {
        match self.undoes {
            Some(_) => Way::Forward,
            None => Way::Back,
        }
    }
}

/// What a plan is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// What was read from the platform.
    pub survey: &'a Survey,
    /// What the provider says of going [that way](Aim::way).
    pub effects: &'a Effects,
    /// What was done to the service before.
    pub history: &'a History,
    /// Which class it gets.
    pub risks: &'a RiskRules,
}

impl Plan {
    /// Draws the plan for `aim`, or says why there is none.
    pub fn draw(basis: Basis<'_>, aim: &Aim, now: Timestamp) -> Result<Plan, Refusal> {
        let Basis {
            survey,
            effects,
            history,
            risks,
        } = basis;
        let from = survey.live();
        let live_at = from
            .as_ref()
            .and_then(|live| position(&survey.candidates, &live.id));
        let way = aim.way();
        let (to_at, chosen) = choose(survey, from.as_ref(), live_at, aim, now)?;
        let chosen = match aim.undoes {
            Some(id) => format!("undo of RB-{id}"),
            None => chosen,
        };
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
        if way == Way::Back && live_at.is_some_and(|live_at| to_at < live_at) {
            return Err(Refusal::TargetNotEligible {
                target: to.label().to_owned(),
                why: format!(
                    "it is newer than {}, which is live: that would be a deploy, not a rollback",
                    from.as_ref().map_or("?", |live| live.label())
                ),
                instead: suggestion(&survey.candidates, live_at),
            });
        }
        if let Some(why) = target.why_not(way) {
            return Err(Refusal::TargetNotEligible {
                target: to.label().to_owned(),
                why: why.to_owned(),
                instead: suggestion(&survey.candidates, live_at),
            });
        }

        let unships = match live_at {
            Some(live_at) if to_at < live_at => Unships::Known(vec![]),
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
        let served_until = served_until.filter(|_| known_good);
        let mut cautions = vec![];
        if !known_good {
            cautions.push(Caution::NeverServed);
        }
        if from.is_none() {
            cautions.push(Caution::LiveUnknown);
        }
        let last = served_until.or(to.began());
        if let Some(since) = last
            && Duration::try_from(now.duration_since(since)).unwrap_or_default() > risks.old_after
        {
            cautions.push(Caution::Old { since });
        }
        if let Some(past) = history.left(&to.id) {
            cautions.push(Caution::OnceBad {
                rollback: past.id,
                at: past.at,
            });
        }
        if let Some(class) = risks.ordinary
            && class >= Risk::Caution
        {
            cautions.push(Caution::Marked { class });
        }
        let risk = risks.weigh(effects.class, &cautions);
        Ok(Plan {
            way,
            from,
            chosen,
            served_until,
            unships,
            effects: effects.clone(),
            surfaces: survey.surfaces.clone(),
            pin: survey.pin,
            in_flight: survey.in_flight.clone(),
            risk,
            cautions,
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
            ("after", &self.effects.after),
            (
                "cautions",
                self.cautions.iter().map(Caution::name).collect::<Vec<_>>(),
            ),
            ("environment", environment),
            ("from", self.from.as_ref().map(|from| &from.id)),
            ("leaves", &self.effects.leaves),
            ("pin", self.pin),
            ("platform", &self.effects.platform),
            ("restores", &self.effects.restores),
            ("risk", self.risk),
            ("service", service),
            ("surfaces", surfaces),
            ("to", &self.to.id),
            ("unships", unships),
            ("way", self.way),
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
                        .find(|at| candidates[*at].why_not(aim.way()).is_none())
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
