//! What has been proven from outside: which version answers, and whether it works.

mod measure;
mod stages;

pub use measure::{Baseline, Criterion, Limit, Measured, Number, Reading, Unit};
pub use stages::{StageResult, StageRule, StageTold, Stages, StagesEnd};

use crate::release::{Release, Unseen, Way};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One look from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// What the fingerprint said, when one is configured: the version that answered, or why not.
    /// Of several addresses, what the first one said that does not name the target.
    pub version: Option<Result<String, String>>,
    /// What each address of the fingerprint said, where it has several; otherwise empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<Instance>,
    /// Every configured check, in order.
    pub checks: Vec<CheckResult>,
}

/// What one of several addresses said of the version that answers there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The address.
    pub url: String,
    /// The version that answered, or why not.
    pub version: Result<String, String>,
    /// Whether that is the target.
    #[serde(default)]
    pub is_target: bool,
}

/// How one check went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// What was checked: `GET https://shop.example.com/api/health`, `error rate`.
    pub name: String,
    /// `None`: it passed. Otherwise what was seen instead: "answered 500".
    pub problem: Option<String>,
    /// How much depends on it.
    #[serde(default, skip_serializing_if = "Importance::is_must")]
    pub importance: Importance,
    /// Whether it could not be told if it passes; the problem says why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unknown: bool,
    /// The number that it measured; `None`: it measures none, or could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
}

/// How much depends on a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    /// Nothing is verified unless it passes.
    #[default]
    Must,
    /// The verdict does not depend on it, and people are told when it does not pass.
    Should,
    /// People are shown what it sees.
    Watch,
}

impl Importance {
    fn is_must(&self) -> bool {
        *self == Importance::Must
    }
}

/// What one look says about the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// It answers, and everything passes that must.
    Good,
    /// Something else answers, or something fails that must pass.
    Bad,
    /// Nothing is wrong as far as it can be told, and not everything can.
    Undecided,
}

/// What all looks together have shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The last look.
    pub last: Option<Round>,
    /// How many looks in a row were good.
    pub streak: u32,
    /// How many looks in a row were not.
    #[serde(default)]
    pub failing: u32,
    /// The text of the look on which the conclusion was drawn; `None`: there is no conclusion yet.
    #[serde(default, rename = "seen")]
    pub evidence: Option<String>,
    /// The same without the numbers, which are others in each look; `None`: there is no conclusion
    /// yet, or it was drawn by an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concluded_on: Option<String>,
    /// How many looks there were.
    pub rounds: u32,
    /// The conclusion, once there is one.
    pub verdict: Option<Verdict>,
    /// Whether it was ever concluded that the target passes its checks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed: bool,
    /// The surfaces that left the target again while it was watched.
    pub drifted: Option<Vec<String>>,
    /// The places that were not looked at, of which nothing can be proven. `None`: there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<Unseen>,
    /// The checks that could not tell whether they pass when the conclusion was drawn, each as a
    /// clause: `error rate: no data`. Empty: the conclusion does not depend on one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unproven_by: Vec<String>,
}

/// The conclusion. Green is only for the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The target answers from outside, and works.
    Verified,
    /// The platform says it serves and checks pass; nothing tells which version answered.
    Unproven,
    /// The target serves, and checks still fail.
    StillFailing,
    /// The platform says it serves, and another version answers.
    WrongVersion,
}

impl Proof {
    /// Takes a round in. Gives whether it differs from the one before, in more than its numbers.
    pub fn take(&mut self, mut round: Round, target: Option<&Release>) -> bool {
        round.compare_with(target);
        let meaning = round.meaning(target);
        self.rounds += 1;
        (self.streak, self.failing) = match meaning {
            Meaning::Good => (self.streak + 1, 0),
            Meaning::Bad => (0, self.failing + 1),
            // It speaks neither for the target nor against it.
            Meaning::Undecided => (0, 0),
        };
        let differs = self.last.as_ref().map(Round::outline) != Some(round.outline());
        self.last = Some(round);
        differs
    }

    /// Draws the conclusion.
    pub fn conclude(&mut self, fingerprint: bool, good: bool, target: Option<&Release>) {
        let version = self.last.as_ref().and_then(|last| last.version.as_ref());
        let is_target = match version {
            Some(Ok(version)) => Some(target.is_some_and(|target| target.is_called(version))),
            Some(Err(_)) => Some(false),
            None => None,
        };
        self.evidence = self.last.as_ref().map(Round::text);
        self.concluded_on = self.last.as_ref().map(Round::outline);
        self.passed |= good;
        self.unproven_by = match good {
            true => vec![],
            false => self.last.as_ref().map_or_else(Vec::new, Round::unproven_by),
        };
        self.verdict = Some(match (is_target, good) {
            (Some(true), true) if self.unseen.is_some() => Verdict::Unproven,
            (Some(true), true) => Verdict::Verified,
            (Some(false), _) => Verdict::WrongVersion,
            // Configured and never read: the outside has proven nothing.
            (None, _) if fingerprint => Verdict::WrongVersion,
            (None, true) => Verdict::Unproven,
            (Some(true) | None, false) if !self.unproven_by.is_empty() => Verdict::Unproven,
            (Some(true) | None, false) => Verdict::StillFailing,
        });
    }

    /// The card's word for it.
    pub fn word(&self) -> &'static str {
        match (&self.drifted, self.verdict) {
            (Some(_), _) => "DRIFTED",
            (None, Some(Verdict::Verified)) => "VERIFIED",
            (None, Some(Verdict::Unproven)) | (None, None) => "SERVING, UNPROVEN",
            (None, Some(Verdict::StillFailing)) => "SERVING, STILL FAILING",
            (None, Some(Verdict::WrongVersion)) => "SERVING, NOT VERIFIED",
        }
    }

    /// What was seen last, as a clause, where it is something else than the conclusion is drawn
    /// from; `None`: it is the same, or nothing was concluded.
    pub fn seen_since(&self) -> Option<String> {
        let last = self.last.as_ref()?;
        let is_same = match &self.concluded_on {
            Some(outline) => *outline == last.outline(),
            None => *self.evidence.as_ref()? == last.text(),
        };
        (!is_same).then(|| last.text())
    }

    /// The conclusion as a sentence people act on.
    pub fn sentence(&self, target: &str, way: Way) -> String {
        if let Some(drifted) = &self.drifted {
            let named = drifted
                .iter()
                .take(3)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            let more = match drifted.len() {
                n if n > 3 => format!(" and {} more", n - 3),
                _ => String::new(),
            };
            return format!("Someone changed production: {named}{more} no longer on {target}.");
        }
        match self.verdict {
            Some(Verdict::Verified) if self.seen_since().is_some() => {
                format!("{target} answered from outside and passed its checks.")
            }
            Some(Verdict::Verified) => {
                format!("{target} answers from outside and passes its checks.")
            }
            Some(Verdict::Unproven) if !self.unproven_by.is_empty() => format!(
                "{target} is live, and that it works is not proven by {}. Check by hand.",
                self.unproven_by.join("; ")
            ),
            Some(Verdict::Unproven) | None if self.unseen.is_some() => {
                let unseen = self.unseen.as_ref().map(Unseen::clause).unwrap_or_default();
                format!("{target} is live where I looked, but {unseen}. Check by hand.")
            }
            Some(Verdict::Unproven) | None => {
                match self.last.as_ref().is_some_and(|last| !last.checks.is_empty()) {
                    true => "Checks pass, but no version fingerprint is configured, so I cannot tell which version answered.".into(),
                    false => "Only the platform says so: neither a version fingerprint nor a check is configured.".into(),
                }
            }
            Some(Verdict::StillFailing) => match way {
                _ if self.passed => format!(
                    "{target} passed its checks before and fails them now. Look for what else has changed: a dependency, the database, a flag."
                ),
                Way::Back => format!(
                    "{target} is live and checks still fail. The rollback worked, so the problem is probably elsewhere."
                ),
                Way::Forward => format!("{target} is live again and its checks fail."),
            },
            Some(Verdict::WrongVersion) => {
                if let (Some(evidence), Some(_)) = (&self.evidence, self.seen_since()) {
                    return format!(
                        "The platform says {target} is live, but that was not seen from outside in time ({evidence})."
                    );
                }
                if let Some(last) = &self.last
                    && let Some(instances) = last.instances_clause()
                {
                    return format!(
                        "The platform says {target} is live, but from outside it is {instances}. Check what has not been replaced there, and the cache or CDN."
                    );
                }
                match self.last.as_ref().and_then(|last| last.version.clone()) {
                    Some(Ok(version)) => format!(
                        "The platform says {target} is live, but users still get {version}. Check the cache or CDN."
                    ),
                    Some(Err(why)) => format!(
                        "The platform says {target} is live, but its version cannot be read from outside: {why}."
                    ),
                    None => format!(
                        "The platform says {target} is live; that could not be proven in time."
                    ),
                }
            }
        }
    }
}

impl Round {
    /// Marks which addresses name the target. Where there are several, what answers is the target
    /// only if every one names it.
    fn compare_with(&mut self, target: Option<&Release>) {
        for instance in &mut self.instances {
            instance.is_target = match (&instance.version, target) {
                (Ok(version), Some(target)) => target.is_called(version),
                (Ok(_) | Err(_), _) => false,
            };
        }
        let another = self.instances.iter().find(|instance| !instance.is_target);
        if let Some(instance) = another.or(self.instances.first()) {
            self.version = Some(instance.version.clone());
        }
    }

    /// What it says about the target.
    fn meaning(&self, target: Option<&Release>) -> Meaning {
        let is_target = match &self.version {
            None => true,
            Some(Ok(version)) => target.is_some_and(|target| target.is_called(version)),
            Some(Err(_)) => false,
        };
        let mut musts = self
            .checks
            .iter()
            .filter(|check| check.importance.is_must());
        match is_target && !musts.clone().any(CheckResult::has_failed) {
            false => Meaning::Bad,
            true if musts.any(|check| check.is_unknown) => Meaning::Undecided,
            true => Meaning::Good,
        }
    }

    /// The checks that must pass and could not be made, each as a clause, where none that could
    /// be made has failed; otherwise empty.
    pub fn unproven_by(&self) -> Vec<String> {
        let mut musts = self
            .checks
            .iter()
            .filter(|check| check.importance.is_must());
        match musts.clone().any(CheckResult::has_failed) {
            true => vec![],
            false => musts
                .by_ref()
                .filter_map(CheckResult::why_unknown)
                .collect(),
        }
    }

    /// What was seen, as a clause.
    pub fn text(&self) -> String {
        self.clause(CheckResult::clause)
    }

    /// What was measured, as a clause; `None`: nothing was.
    pub fn numbers(&self) -> Option<String> {
        let measured = self.checks.iter().filter(|check| check.measured.is_some());
        let clauses: Vec<String> = measured.filter_map(CheckResult::clause).collect();
        (!clauses.is_empty()).then(|| clauses.join("; "))
    }

    /// The same without numbers, by which two looks are compared.
    fn outline(&self) -> String {
        self.clause(CheckResult::outline)
    }

    fn clause(&self, of: fn(&CheckResult) -> Option<String>) -> String {
        let mut parts = vec![];
        match (self.instances_clause(), &self.version) {
            (Some(instances), _) => parts.push(instances),
            (None, Some(Ok(version))) if !self.instances.is_empty() => {
                let count = self.instances.len();
                parts.push(format!(
                    "version {version} answers at all {count} addresses"
                ));
            }
            (None, Some(Ok(version))) => parts.push(format!("version {version} answers")),
            (None, Some(Err(why))) => parts.push(format!("version not read: {why}")),
            (None, None) => {}
        }
        let of_importance = |importance| {
            let checks = self.checks.iter();
            checks.filter(move |check| check.importance == importance)
        };
        let clauses = |importance| {
            let clauses: Vec<String> = of_importance(importance).filter_map(of).collect();
            clauses.join("; ")
        };
        let musts = of_importance(Importance::Must);
        let passing = musts
            .clone()
            .filter(|check| check.problem.is_none())
            .count();
        match (musts.count(), clauses(Importance::Must).as_str()) {
            (0, _) if self.checks.is_empty() => parts.push("no checks configured".into()),
            (0, _) => parts.push("no check has to pass".into()),
            (n, "") => parts.push(format!("{passing}/{n} checks pass")),
            (n, clauses) => parts.push(format!("{passing}/{n} checks pass: {clauses}")),
        }
        for (label, importance) in [
            ("should", Importance::Should),
            ("watched", Importance::Watch),
        ] {
            let clauses = clauses(importance);
            if !clauses.is_empty() {
                parts.push(format!("{label}: {clauses}"));
            }
        }
        parts.join(", ")
    }

    /// How many of several addresses serve the target, and what the first of the others said;
    /// `None`: there are not several, or all of them do.
    fn instances_clause(&self) -> Option<String> {
        let another = self.instances.iter().find(|instance| !instance.is_target)?;
        let (n, m) = (self.instances.iter(), self.instances.len());
        let n = n.filter(|instance| instance.is_target).count();
        let what = match &another.version {
            Ok(version) => format!("{} answers {version}", another.url),
            Err(why) if why.contains(&another.url) => format!("version not read: {why}"),
            Err(why) => format!("version not read: {} {why}", another.url),
        };
        let more = match m - n {
            1 => String::new(),
            others => format!(" (and {} more)", others - 1),
        };
        Some(format!("serving {n}/{m}, {what}{more}"))
    }
}

impl CheckResult {
    /// One that passed, and must.
    pub fn passed(name: String) -> Self {
        Self {
            name,
            problem: None,
            importance: Importance::Must,
            is_unknown: false,
            measured: None,
        }
    }

    /// The same, where it could not be told whether it passes, for this reason.
    pub fn unknown(self, why: &str) -> Self {
        Self {
            problem: Some(why.to_owned()),
            is_unknown: true,
            ..self
        }
    }

    fn has_failed(&self) -> bool {
        self.problem.is_some() && !self.is_unknown
    }

    /// Why it is not known whether it passes; `None`: it is.
    fn why_unknown(&self) -> Option<String> {
        let why = self.problem.as_ref().filter(|_| self.is_unknown)?;
        Some(format!("{}: {why}", self.name))
    }

    /// What it saw, if that is more than that it passed.
    fn clause(&self) -> Option<String> {
        let measured = self.measured.as_ref().map(|measured| measured.clause());
        match (measured, &self.problem) {
            (_, Some(why)) if self.is_unknown => Some(format!("{} not known: {why}", self.name)),
            (Some(measured), Some(problem)) => Some(format!("{} {measured} {problem}", self.name)),
            (Some(measured), None) => Some(format!("{} {measured}", self.name)),
            (None, Some(problem)) => Some(format!("{} {problem}", self.name)),
            (None, None) => None,
        }
    }

    fn outline(&self) -> Option<String> {
        Self {
            measured: None,
            ..self.clone()
        }
        .clause()
    }
}

/// A duration as people say it: `1 m 19 s`, `2 h 5 m`, `41 h`, `3 d`.
pub fn spell(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 if seconds.is_multiple_of(60) => format!("{} m", seconds / 60),
        60..3_600 => format!("{} m {} s", seconds / 60, seconds % 60),
        3_600..172_800 if (seconds / 60).is_multiple_of(60) => format!("{} h", seconds / 3_600),
        3_600..172_800 => format!("{} h {} m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
