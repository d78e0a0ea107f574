//! A plan: what would be done, what it restores, leaves and un-ships, and the hash an approval is bound to.

use crate::{
    changes::LostChanges,
    grammar::Target,
    group::GroupPlan,
    history::{Bad, History, Ran, Runs, TrackRecord},
    identity::{RollbackId, ServiceKey},
    migrations::MigrationReading,
    platform::{DryRun, Effects, RestorePoint, Task},
    proof::Baseline,
    refusal::Refusal,
    release::{Candidate, Pin, RecoveryWindow, Release, Surface, Survey, TargetKind, Unseen, Way},
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
    /// How the target was chosen, as a clause: "previous release, ran before".
    pub chosen: String,
    /// Since when `from` is live, and by what.
    #[serde(default)]
    pub from_ran: Ran,
    /// When the target served last, and by what.
    #[serde(default)]
    pub to_ran: Ran,
    /// What production loses.
    pub unships: Unships,
    /// The changes in that, where the service names its repository. Not part of the hash: both
    /// ends of the range are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_changes: Option<LostChanges>,
    /// What the checks measured when the plan was made. Not part of the hash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<Baseline>,
    /// What the platform does, from its provider.
    #[serde(rename = "nature")]
    pub effects: Effects,
    /// Every surface and what it serves now.
    pub surfaces: Vec<Surface>,
    /// The places that were not looked at, and of which nothing can be claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<Unseen>,
    /// What the platform itself calls the production that is changed. Not part of the hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<String>,
    /// The identity of what is in the target, where an id can come to mean something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
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
    /// The plans of the members, if it is a group's; `None`: it is the plan of one service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupPlan>,
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
    /// The service that it is for.
    pub service: &'a ServiceKey,
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
            service,
            survey,
            effects,
            history,
            risks,
        } = basis;
        let live = survey.live();
        let live_at = live
            .as_ref()
            .and_then(|live| position(&survey.candidates, &live.id));
        let runs = Runs::of(survey, history, now);
        let chooser = Chooser {
            survey,
            live: live.as_ref(),
            live_at,
            history,
            runs: &runs,
            way: aim.way(),
        };
        let chosen = chooser.choose(service, aim, now)?;
        chooser.admit(service, &chosen)?;
        let to = chosen.target.release.clone();
        // Where most of production serves the target already, what is left is moved from the rest.
        let from = match &live {
            Some(live) if live.is(&to.id) => {
                survey.live_besides(&to).or_else(|| Some(live.clone()))
            }
            Some(_) | None => live.clone(),
        };
        let unships = chooser.loses(&chosen, from.as_ref());
        let to_ran = runs.ran(&to);
        let cautions = cautions(&to, from.as_ref(), &to_ran, history, risks, now);
        Ok(Plan {
            way: aim.way(),
            chosen: match aim.undoes {
                Some(id) => format!("undo of {id}"),
                None => chosen.how,
            },
            from_ran: from.as_ref().map(|from| runs.ran(from)).unwrap_or_default(),
            to_ran,
            unships,
            lost_changes: None,
            baselines: vec![],
            effects: effects.clone(),
            surfaces: survey.surfaces.clone(),
            unseen: survey.unseen.clone(),
            production: survey.production.clone(),
            content: None,
            pin: survey.pin,
            in_flight: survey.in_flight.clone(),
            risk: risks.weigh(effects.class, &cautions),
            cautions,
            steps: vec![],
            details: vec![],
            restore_point: None,
            tasks: vec![],
            group: None,
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
            content,
        } = dry_run;
        self.cautions.extend(warnings);
        self.risk = risks.weigh(effects.class, &self.cautions);
        self.effects = effects;
        self.steps = steps;
        self.details = details;
        self.restore_point = restore_point;
        self.tasks = tasks;
        self.content = content;
        self
    }

    /// The same plan with what the migrations since its target mean, and the class that follows.
    pub fn with_migrations(mut self, reading: MigrationReading, risks: &RiskRules) -> Plan {
        self.cautions.extend(reading.caution);
        self.details.extend(reading.details);
        self.risk = risks.weigh(self.effects.class, &self.cautions);
        self
    }

    /// Refuses to go back to a release that is known to be bad where nobody says why.
    pub fn needs_reason(&self, service: &ServiceKey, because: Option<&str>) -> Option<Refusal> {
        let bad = self.cautions.iter().find(|caution| match caution {
            Caution::OnceBad { .. } | Caution::MarkedBad { .. } => true,
            Caution::NeverServed
            | Caution::LiveUnknown
            | Caution::Old { .. }
            | Caution::Platform { .. }
            | Caution::Migrations { .. }
            | Caution::MigrationsUnknown { .. }
            | Caution::Marked { .. } => false,
        })?;
        let is_unexplained = self.way == Way::Back && because.is_none();
        is_unexplained.then(|| Refusal::KnownBad {
            service: service.clone(),
            target: self.to.label().to_owned(),
            why: bad.draw(self.to.label(), self.read_at),
        })
    }

    /// The release that is taken when nobody names one; `None`: there is none.
    pub fn previous(survey: &Survey, history: &History, now: Timestamp) -> Option<Release> {
        let runs = Runs::of(survey, history, now);
        let live = survey.live()?;
        let chooser = Chooser::back(survey, Some(&live), history, &runs);
        let at = chooser.previous_at()?;
        Some(survey.candidates[at].release.clone())
    }

    /// Why production may not be taken back to each of the candidates, in their order, as a
    /// clause; `None`: it may.
    pub fn why_not_back(survey: &Survey, history: &History, now: Timestamp) -> Vec<Option<String>> {
        let runs = Runs::of(survey, history, now);
        let live = survey.live();
        let chooser = Chooser::back(survey, live.as_ref(), history, &runs);
        (0..survey.candidates.len())
            .map(|at| chooser.why_not(&chooser.at(at, "")))
            .collect()
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

    /// What the dry run gave for this target, as it is hashed. Empty parts are left out.
    fn of_this_target(&self) -> Vec<(&'static str, serde_json::Value)> {
        let mut said = vec![];
        // The same id may come to mean something else: a directory is written to, a version is
        // given to another release.
        said.push(("to_version", json!(self.to.version)));
        said.push(("to_sha", json!(self.to.sha)));
        if let Some(content) = &self.content {
            said.push(("content", json!(content)));
        }
        if let Some(unseen) = &self.unseen {
            said.push(("unseen", json!([unseen.count, unseen.examples.len()])));
        }
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
        if let Some(group) = &self.group {
            said.push(("group", group.canonical()));
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
    ran: &Ran,
    history: &History,
    risks: &RiskRules,
    now: Timestamp,
) -> Vec<Caution> {
    let mut cautions = vec![];
    let is_release = match to.kind {
        TargetKind::Release => true,
        TargetKind::Moment | TargetKind::Setting | TargetKind::Schema => false,
    };
    let served = *ran != Ran::Never || to.served();
    if is_release && !served {
        cautions.push(Caution::NeverServed);
    }
    if from.is_none() {
        cautions.push(Caution::LiveUnknown);
    }
    let run = ran.run();
    let last = run
        .and_then(|run| run.until)
        .or(run.map(|run| run.since))
        .or(to.live_since)
        .or(to.created_at);
    if let Some(since) = last
        && Duration::try_from(now.duration_since(since)).unwrap_or_default() > risks.old_after
    {
        cautions.push(Caution::Old { since });
    }
    match history.bad(to) {
        Some(Bad::Left(past)) => cautions.push(Caution::OnceBad {
            rollback: past.id,
            at: past.at,
        }),
        Some(Bad::Marked(mark)) => cautions.push(Caution::MarkedBad {
            by: mark.by.name.clone(),
            because: mark.because.clone(),
            at: mark.at,
        }),
        None => {}
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
    /// What most of production serves.
    live: Option<&'a Release>,
    /// The place of the live release among the candidates.
    live_at: Option<usize>,
    history: &'a History,
    runs: &'a Runs,
    way: Way,
}

/// A target, and how it was chosen.
struct Chosen {
    target: Candidate,
    /// Its place among the candidates; `None`: it is a moment.
    at: Option<usize>,
    /// As a clause: "previous release, ran before".
    how: String,
}

impl<'a> Chooser<'a> {
    /// What could be gone back to.
    fn back(
        survey: &'a Survey,
        live: Option<&'a Release>,
        history: &'a History,
        runs: &'a Runs,
    ) -> Self {
        Chooser {
            survey,
            live,
            live_at: live.and_then(|live| position(&survey.candidates, &live.id)),
            history,
            runs,
            way: Way::Back,
        }
    }
}

impl Chooser<'_> {
    fn choose(&self, service: &ServiceKey, aim: &Aim, now: Timestamp) -> Result<Chosen, Refusal> {
        match &aim.target {
            Target::Previous => self.previous(service),
            Target::Named(name) => self.named(service, name),
            Target::Id(id) => match position(&self.survey.candidates, id) {
                Some(at) => Ok(self.at(at, "named")),
                None => Err(self.unknown(service, id)),
            },
            Target::At(moment) => self.at_moment(service, moment.resolve(now, aim.utc_offset)),
        }
    }

    /// Refuses a target that production may not be taken to.
    fn admit(&self, service: &ServiceKey, chosen: &Chosen) -> Result<(), Refusal> {
        let to = &chosen.target.release;
        if self.is_live_everywhere(to) {
            return Err(Refusal::TargetIsLive {
                service: service.clone(),
                target: to.label().to_owned(),
                instead: self.suggestion(),
            });
        }
        match self.why_not(chosen) {
            Some(why) => Err(Refusal::TargetNotEligible {
                service: service.clone(),
                target: to.label().to_owned(),
                why,
                instead: self.suggestion(),
            }),
            None => Ok(()),
        }
    }

    fn is_live_everywhere(&self, release: &Release) -> bool {
        let surfaces = &self.survey.surfaces;
        let is_live = |surface: &Surface| {
            let live = surface.live.as_deref();
            live.is_some_and(|live| release.is(live))
        };
        !surfaces.is_empty() && surfaces.iter().all(is_live)
    }

    /// Why production may not be taken there, as a clause; `None`: it may.
    fn why_not(&self, chosen: &Chosen) -> Option<String> {
        let both = chosen.at.zip(self.live_at);
        let is_newer = both.is_some_and(|(to_at, live_at)| to_at < live_at);
        match self.way {
            Way::Back if self.is_live_everywhere(&chosen.target.release) => {
                Some("it is live".into())
            }
            Way::Back if is_newer => Some(format!(
                "it is newer than {}, which is live: that would be a deploy, not a rollback",
                self.live.map_or("?", |live| live.label())
            )),
            way => chosen.target.why_not(way).map(str::to_owned),
        }
    }

    /// What production loses that serves `from`.
    fn loses(&self, chosen: &Chosen, from: Option<&Release>) -> Unships {
        let Some(to_at) = chosen.at else {
            return match chosen.target.release.live_since {
                Some(moment) => Unships::After(moment),
                None => Unships::Unknown("the moment is not known".into()),
            };
        };
        let candidates = &self.survey.candidates;
        match from.and_then(|from| position(candidates, &from.id)) {
            Some(from_at) if to_at < from_at => Unships::Known(vec![]),
            Some(from_at) => Unships::Known(
                candidates[from_at..to_at]
                    .iter()
                    .filter(|candidate| candidate.release.served() || candidate.barred.is_none())
                    .map(|candidate| candidate.release.clone())
                    .collect(),
            ),
            None => {
                Unships::Unknown("the live release is not among the ones the platform lists".into())
            }
        }
    }

    fn at(&self, at: usize, how: impl Into<String>) -> Chosen {
        Chosen {
            target: self.survey.candidates[at].clone(),
            at: Some(at),
            how: how.into(),
        }
    }

    /// The releases that are older than what is live, by their places.
    fn older(&self) -> std::ops::Range<usize> {
        self.live_at.map_or(0, |at| at + 1)..self.survey.candidates.len()
    }

    /// The place of the release that is taken when nobody names one: never one that a rollback
    /// left as bad, or somebody marked, unless production was taken to it since.
    fn previous_at(&self) -> Option<usize> {
        if let Some(at) = self.unfinished_at() {
            return Some(at);
        }
        let candidates = &self.survey.candidates;
        let is_eligible = |at: &usize| {
            let candidate = &candidates[*at];
            candidate.barred.is_none() && self.history.bad(&candidate.release).is_none()
        };
        let ran = |at: &usize| self.history.track_record(&candidates[*at].release);
        self.older()
            .find(|at| is_eligible(at) && ran(at) != TrackRecord::Unknown)
            .or_else(|| self.older().find(is_eligible))
    }

    /// The place of the target of the latest rollback, if that has not moved all of production.
    fn unfinished_at(&self) -> Option<usize> {
        let past = self.history.unfinished()?;
        let at = position(&self.survey.candidates, &past.to)?;
        let candidate = &self.survey.candidates[at];
        let serves = |surface: &Surface| {
            let live = surface.live.as_deref();
            live.is_some_and(|live| candidate.release.is(live))
        };
        let has_moved_some = self.survey.surfaces.iter().any(serves);
        let is_open = has_moved_some && !self.is_live_everywhere(&candidate.release);
        (is_open && past.way == Way::Back && candidate.barred.is_none()).then_some(at)
    }

    fn suggestion(&self) -> Option<String> {
        let at = self.previous_at()?;
        Some(self.survey.candidates[at].release.label().to_owned())
    }

    fn previous(&self, service: &ServiceKey) -> Result<Chosen, Refusal> {
        let candidates = &self.survey.candidates;
        if candidates.is_empty()
            && let Some(window) = self.survey.window
        {
            return Err(Refusal::OnlyMoments {
                service: service.clone(),
                between: between(window),
            });
        }
        // Without knowing what serves now, "previous" would be a guess.
        if self.live.is_none() {
            return Err(Refusal::LiveUnknown {
                service: service.clone(),
            });
        }
        let Some(at) = self.previous_at() else {
            return Err(Refusal::NoEligibleTarget {
                service: service.clone(),
                why: self.why_no_previous(),
            });
        };
        if self.unfinished_at() == Some(at)
            && let Some(past) = self.history.unfinished()
        {
            return Ok(self.at(
                at,
                format!("the rest of {}, which moved only a part", past.id),
            ));
        }
        let record = self.history.track_record(&candidates[at].release);
        Ok(match record.clause() {
            Some(record) => self.at(at, format!("previous release, {record}")),
            None => self.at(
                at,
                "previous release, it is not known whether it ever served",
            ),
        })
    }

    /// Why there is no previous release, as a clause.
    fn why_no_previous(&self) -> String {
        let why = self.older().find_map(|at| {
            let candidate = &self.survey.candidates[at];
            let label = candidate.release.label();
            match (&candidate.barred, self.history.bad(&candidate.release)) {
                (Some(why), _) => Some(format!("{label}: {why}")),
                (None, Some(bad)) => Some(format!(
                    "{label} was {}. To go there all the same, name it: `to {} because …`",
                    bad.clause(),
                    Target::Named(label.to_owned())
                )),
                (None, None) => None,
            }
        });
        why.unwrap_or_else(|| "the platform lists nothing older".into())
    }

    fn unknown(&self, service: &ServiceKey, name: &str) -> Refusal {
        let candidates = &self.survey.candidates;
        Refusal::UnknownTarget {
            service: service.clone(),
            target: name.to_owned(),
            known: self
                .older()
                .filter(|at| candidates[*at].barred.is_none())
                .take(3)
                .map(|at| candidates[at].release.label().to_owned())
                .collect(),
        }
    }

    /// The release of this id, or the only one that can be meant by this name.
    fn named(&self, service: &ServiceKey, name: &str) -> Result<Chosen, Refusal> {
        let candidates = &self.survey.candidates;
        let named = self.survey.called(name);
        let possible: Vec<usize> = named
            .iter()
            .copied()
            .filter(|at| self.why_not(&self.at(*at, "")).is_none())
            .collect();
        match (named.as_slice(), possible.as_slice()) {
            ([], _) => Err(self.unknown(service, name)),
            ([only], _) => Ok(self.at(*only, "named")),
            ([first, ..], []) => Ok(self.at(*first, "named")),
            ([..], [only]) => Ok(self.at(
                *only,
                format!("named; the only one of {} that is possible", named.len()),
            )),
            ([..], [..]) => Err(Refusal::WhichTarget {
                name: name.to_owned(),
                known: possible
                    .iter()
                    .map(|at| &candidates[*at].release)
                    .map(|release| (release.id.clone(), release.created_at))
                    .collect(),
            }),
        }
    }

    /// What was live then, or the moment itself where the platform restores moments.
    fn at_moment(&self, service: &ServiceKey, then: Timestamp) -> Result<Chosen, Refusal> {
        let written = then.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        if let Some(window) = self.survey.window {
            if !window.has(then) {
                return Err(Refusal::UnknownTarget {
                    service: service.clone(),
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
        let was_live = self.runs.at(then);
        match was_live.and_then(|id| position(&self.survey.candidates, id)) {
            Some(at) => Ok(self.at(at, format!("was live at {}", then.strftime("%H:%M:%S UTC")))),
            None => Err(Refusal::UnknownTarget {
                service: service.clone(),
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
