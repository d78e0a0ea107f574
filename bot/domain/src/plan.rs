//! A plan: what would be done, what it restores, leaves and un-ships, and the hash an approval is bound to.

use crate::{
    grammar::Target,
    history::History,
    identity::{RollbackId, ServiceKey},
    platform::{DryRun, Effects, RestorePoint, Task},
    refusal::Refusal,
    release::{Candidate, Pin, RecoveryWindow, Release, Surface, Survey, TargetKind, Way},
    risk::{Caution, Risk, RiskRules},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{fmt, time::Duration};

/// The releases that production loses, newest first, or why that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unships {
    /// These.
    Known(Vec<Release>),
    /// Everything that was written after this moment.
    After(Timestamp),
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
    /// What is done, in order, each as a short clause. Empty: one request does all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// What people should know of this target, each as a short clause: "312 rows change".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// What there is to go back to if it goes wrong, as far as it was there before approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_point: Option<RestorePoint>,
    /// What people do by hand meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
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
    pub undoes: Option<RollbackId>,
    /// Which flag, table or variable of the service; `None`: the service as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
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
    /// Draws the plan for `aim`, or says why there is none. What the platform says of this very
    /// target is added by [`Plan::with_dry_run`].
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
        let chooser = Chooser {
            survey,
            from: from.as_ref(),
            live_at,
            history,
            way: aim.way(),
        };
        let chosen = chooser.choose(aim, now)?;
        chooser.admit(&chosen)?;
        let to = chosen.target.release.clone();
        let (unships, served_until) = chooser.loses(&chosen);
        let cautions = cautions(&to, from.as_ref(), served_until, history, risks, now);
        Ok(Plan {
            way: aim.way(),
            chosen: match aim.undoes {
                Some(id) => format!("undo of {id}"),
                None => chosen.how,
            },
            served_until,
            unships,
            effects: effects.clone(),
            surfaces: survey.surfaces.clone(),
            pin: survey.pin,
            in_flight: survey.in_flight.clone(),
            risk: risks.weigh(effects.class, &cautions),
            cautions,
            steps: vec![],
            details: vec![],
            restore_point: None,
            tasks: vec![],
            memory: survey.memory.clone(),
            read_at: now,
            from,
            to,
        })
    }

    /// The same plan with what the platform says of its target, and the class that follows.
    pub fn with_dry_run(mut self, dry_run: DryRun, risks: &RiskRules) -> Plan {
        let DryRun {
            effects,
            warnings,
            steps,
            details,
            restore_point,
            tasks,
        } = dry_run;
        self.cautions.extend(warnings);
        self.risk = risks.weigh(effects.class, &self.cautions);
        self.effects = effects;
        self.steps = steps;
        self.details = details;
        self.restore_point = restore_point;
        self.tasks = tasks;
        self
    }

    /// What an approval is bound to: everything that matters, nothing that merely ages.
    pub fn hash(&self, service: &ServiceKey) -> PlanHash {
        let mut surfaces: Vec<_> = self
            .surfaces
            .iter()
            .map(|surface| (&surface.name, &surface.live))
            .collect();
        surfaces.sort();
        let cautions: Vec<&str> = self.cautions.iter().map(Caution::name).collect();
        // serde_json's own map may keep insertion order if another crate asks for it, so the
        // keys are written here in the order in which they are hashed.
        let mut canonical: Vec<(&str, serde_json::Value)> = vec![
            ("after", json!(self.effects.after)),
            ("cautions", json!(cautions)),
            ("environment", json!(service.environment)),
            ("from", json!(self.from.as_ref().map(|from| &from.id))),
            ("leaves", json!(self.effects.leaves)),
            ("pin", json!(self.pin)),
            ("platform", json!(self.effects.platform)),
            ("restores", json!(self.effects.restores)),
            ("risk", json!(self.risk)),
            ("service", json!(service.name)),
            ("surfaces", json!(surfaces)),
            ("to", json!(self.to.id)),
            ("unships", self.unships.canonical()),
            ("way", json!(self.way)),
        ];
        canonical.extend(self.of_this_target());
        let canonical = serde_json::to_string(&canonical).unwrap_or_default();
        PlanHash(hex::encode(&Sha256::digest(canonical.as_bytes())[..8]))
    }

    /// What the dry run gave for this target, as it is hashed. A plan of one step without details
    /// keeps the hash that it had before plans could have several.
    fn of_this_target(&self) -> Vec<(&'static str, serde_json::Value)> {
        let mut said = vec![];
        if !self.steps.is_empty() {
            said.push(("steps", json!(self.steps)));
        }
        if !self.details.is_empty() {
            said.push(("details", json!(self.details)));
        }
        if let Some(point) = &self.restore_point {
            said.push(("restore_point", json!(point.id)));
        }
        if !self.tasks.is_empty() {
            let tasks: Vec<_> = self
                .tasks
                .iter()
                .map(|task| (&task.id, &task.text, &task.role))
                .collect();
            said.push(("tasks", json!(tasks)));
        }
        if let Some(outage) = &self.effects.outage {
            said.push(("outage", json!(outage)));
        }
        said
    }
}

impl Unships {
    /// As it is hashed.
    fn canonical(&self) -> serde_json::Value {
        match self {
            Unships::Known(releases) => {
                json!(
                    releases
                        .iter()
                        .map(|release| &release.id)
                        .collect::<Vec<_>>()
                )
            }
            Unships::After(moment) => json!([format!("after {moment}")]),
            Unships::Unknown(_) => json!(["unknown"]),
        }
    }
}

/// What is unusual about going to a release.
fn cautions(
    to: &Release,
    from: Option<&Release>,
    served_until: Option<Timestamp>,
    history: &History,
    risks: &RiskRules,
    now: Timestamp,
) -> Vec<Caution> {
    let mut cautions = vec![];
    let is_release = match to.kind {
        TargetKind::Release => true,
        TargetKind::Moment | TargetKind::Setting | TargetKind::Schema => false,
    };
    if is_release && to.live_since.is_none() {
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
    cautions
}

fn position(candidates: &[Candidate], id: &str) -> Option<usize> {
    candidates
        .iter()
        .position(|candidate| candidate.release.is(id))
}

/// What is chosen from.
struct Chooser<'a> {
    survey: &'a Survey,
    from: Option<&'a Release>,
    /// The place of the live release among the candidates.
    live_at: Option<usize>,
    history: &'a History,
    way: Way,
}

/// A target, and how it was chosen.
struct Chosen {
    target: Candidate,
    /// Its place among the candidates; `None`: it is a moment.
    at: Option<usize>,
    /// As a clause: "previous known good".
    how: String,
}

impl Chooser<'_> {
    fn choose(&self, aim: &Aim, now: Timestamp) -> Result<Chosen, Refusal> {
        match &aim.target {
            Target::Previous => self.previous(),
            Target::Named(name) => self.named(name),
            Target::At(moment) => self.at_moment(moment.resolve(now, aim.utc_offset)),
        }
    }

    /// Refuses a target that production may not be taken to.
    fn admit(&self, chosen: &Chosen) -> Result<(), Refusal> {
        let to = &chosen.target.release;
        let surfaces = &self.survey.surfaces;
        let is_live = |surface: &Surface| surface.live.as_deref().is_some_and(|live| to.is(live));
        if !surfaces.is_empty() && surfaces.iter().all(is_live) {
            return Err(Refusal::TargetIsLive {
                target: to.label().to_owned(),
                instead: self.suggestion(),
            });
        }
        let is_newer = match (chosen.at, self.live_at) {
            (Some(to_at), Some(live_at)) => to_at < live_at,
            _ => false,
        };
        let why = match self.way {
            Way::Back if is_newer => Some(format!(
                "it is newer than {}, which is live: that would be a deploy, not a rollback",
                self.from.map_or("?", |live| live.label())
            )),
            way => chosen.target.why_not(way).map(str::to_owned),
        };
        match why {
            Some(why) => Err(Refusal::TargetNotEligible {
                target: to.label().to_owned(),
                why,
                instead: self.suggestion(),
            }),
            None => Ok(()),
        }
    }

    /// What production loses, and when the target stopped serving.
    fn loses(&self, chosen: &Chosen) -> (Unships, Option<Timestamp>) {
        let Some(to_at) = chosen.at else {
            let moment = chosen.target.release.live_since;
            let unships = match moment {
                Some(moment) => Unships::After(moment),
                None => Unships::Unknown("the moment is not known".into()),
            };
            return (unships, None);
        };
        let candidates = &self.survey.candidates;
        let unships = match self.live_at {
            Some(live_at) if to_at < live_at => Unships::Known(vec![]),
            Some(live_at) => Unships::Known(
                candidates[live_at..to_at]
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
        let served_until = candidates[..to_at]
            .iter()
            .rev()
            .find_map(|later| later.release.live_since)
            .filter(|_| chosen.target.release.live_since.is_some());
        (unships, served_until)
    }

    fn at(&self, at: usize, how: impl Into<String>) -> Chosen {
        Chosen {
            target: self.survey.candidates[at].clone(),
            at: Some(at),
            how: how.into(),
        }
    }

    /// The index of the release that is taken when nobody names one. The release that the rollback
    /// to what is live now moved away from is bad, wherever the platform lists it.
    fn previous_at(&self) -> Option<usize> {
        let candidates = &self.survey.candidates;
        let start = self.live_at.map_or(0, |at| at + 1);
        let just_left = self.from.and_then(|live| self.history.left_for(live));
        let is_eligible = |at: &usize| {
            let candidate = &candidates[*at];
            candidate.barred.is_none() && just_left.is_none_or(|left| !candidate.release.is(left))
        };
        (start..candidates.len())
            .find(|at| is_eligible(at) && candidates[*at].release.live_since.is_some())
            .or_else(|| (start..candidates.len()).find(is_eligible))
    }

    fn suggestion(&self) -> Option<String> {
        let at = self.previous_at()?;
        Some(self.survey.candidates[at].release.label().to_owned())
    }

    fn previous(&self) -> Result<Chosen, Refusal> {
        let candidates = &self.survey.candidates;
        if candidates.is_empty()
            && let Some(window) = self.survey.window
        {
            return Err(Refusal::NoEligibleTarget {
                why: format!(
                    "nothing is listed here, only moments: name one {}, as in `to @02:40`",
                    between(window)
                ),
            });
        }
        // Without knowing what serves now, "previous" would be a guess.
        if self.from.is_none() {
            return Err(Refusal::LiveUnknown);
        }
        let Some(at) = self.previous_at() else {
            return Err(Refusal::NoEligibleTarget {
                why: candidates
                    .iter()
                    .skip(self.live_at.map_or(0, |at| at + 1))
                    .find_map(|candidate| {
                        let why = candidate.barred.as_ref()?;
                        Some(format!("{}: {why}", candidate.release.label()))
                    })
                    .unwrap_or_else(|| "the platform lists nothing older".into()),
            });
        };
        Ok(match candidates[at].release.live_since {
            Some(_) => self.at(at, "previous known good"),
            None => self.at(
                at,
                "previous release, it is not known whether it ever served",
            ),
        })
    }

    fn named(&self, name: &str) -> Result<Chosen, Refusal> {
        let candidates = &self.survey.candidates;
        let named: Vec<usize> = (0..candidates.len())
            .filter(|at| candidates[*at].release.is_called(name))
            .collect();
        match named.as_slice() {
            [] => Err(Refusal::UnknownTarget {
                target: name.to_owned(),
                known: candidates
                    .iter()
                    .skip(self.live_at.map_or(0, |at| at + 1))
                    .filter(|candidate| candidate.barred.is_none())
                    .take(3)
                    .map(|candidate| candidate.release.label().to_owned())
                    .collect(),
            }),
            // The same commit may have been deployed twice: the newest eligible one is meant.
            [only] => Ok(self.at(*only, "named")),
            [first, ..] => {
                let at = named
                    .iter()
                    .copied()
                    .find(|at| candidates[*at].why_not(self.way).is_none())
                    .unwrap_or(*first);
                Ok(self.at(
                    at,
                    format!("named; the newest of {} with that name", named.len()),
                ))
            }
        }
    }

    /// What was live then, or the moment itself where the platform restores moments.
    fn at_moment(&self, then: Timestamp) -> Result<Chosen, Refusal> {
        let written = then.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        if let Some(window) = self.survey.window {
            if !window.has(then) {
                return Err(Refusal::UnknownTarget {
                    target: written,
                    known: vec![format!("any moment {}", between(window))],
                });
            }
            let release = Release {
                kind: TargetKind::Moment,
                version: Some(written),
                live_since: Some(then),
                ..Release::unknown(then.to_string())
            };
            return Ok(Chosen {
                target: Candidate {
                    release,
                    barred: None,
                    barred_forward: None,
                },
                at: None,
                how: "named".into(),
            });
        }
        let candidates = &self.survey.candidates;
        let at = (0..candidates.len()).find(|at| {
            candidates[*at]
                .release
                .live_since
                .is_some_and(|since| since <= then)
        });
        match at {
            Some(at) => Ok(self.at(at, format!("was live at {}", then.strftime("%H:%M:%S UTC")))),
            None => Err(Refusal::UnknownTarget {
                target: format!("whatever was live at {written}"),
                known: vec![],
            }),
        }
    }
}

/// A window, as a phrase: "from … to …".
fn between(window: RecoveryWindow) -> String {
    format!(
        "from {} to {}",
        window.from.strftime("%Y-%m-%d %H:%M:%S UTC"),
        window.to.strftime("%Y-%m-%d %H:%M:%S UTC")
    )
}
