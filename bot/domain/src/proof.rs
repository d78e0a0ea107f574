//! What has been proven from outside: which version answers, and whether it works.

use crate::release::{Release, Unseen, Way};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One look from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// What the fingerprint said, when one is configured: the version that answered, or why not.
    pub version: Option<Result<String, String>>,
    /// Every configured check, in order.
    pub checks: Vec<CheckResult>,
}

/// How one check went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// What was checked: `GET https://shop.example.com/api/health`.
    pub name: String,
    /// `None`: it passed. Otherwise what was seen instead: "answered 500".
    pub problem: Option<String>,
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
    /// Takes a round in. Gives whether it differs from the one before.
    pub fn take(&mut self, round: Round, target: Option<&Release>) -> bool {
        let good = round.checks.iter().all(|check| check.problem.is_none())
            && match &round.version {
                None => true,
                Some(Ok(version)) => target.is_some_and(|target| target.is_called(version)),
                Some(Err(_)) => false,
            };
        self.rounds += 1;
        (self.streak, self.failing) = match good {
            true => (self.streak + 1, 0),
            false => (0, self.failing + 1),
        };
        let differs = self.last.as_ref() != Some(&round);
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
        self.passed |= good;
        self.verdict = Some(match (is_target, good) {
            (Some(true), true) if self.unseen.is_some() => Verdict::Unproven,
            (Some(true), true) => Verdict::Verified,
            (Some(false), _) => Verdict::WrongVersion,
            // Configured and never read: the outside has proven nothing.
            (None, _) if fingerprint => Verdict::WrongVersion,
            (None, true) => Verdict::Unproven,
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
        let last = self.last.as_ref()?.text();
        (self.evidence.as_ref()? != &last).then_some(last)
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
    /// What was seen, as a clause.
    pub fn text(&self) -> String {
        let mut parts = vec![];
        match &self.version {
            Some(Ok(version)) => parts.push(format!("version {version} answers")),
            Some(Err(why)) => parts.push(format!("version not read: {why}")),
            None => {}
        }
        let failing: Vec<String> = self
            .checks
            .iter()
            .filter_map(|check| Some(format!("{} {}", check.name, check.problem.as_ref()?)))
            .collect();
        match (self.checks.len(), failing.as_slice()) {
            (0, _) => parts.push("no checks configured".into()),
            (n, []) => parts.push(format!("{n}/{n} checks pass")),
            (n, failing) => parts.push(format!(
                "{}/{n} checks pass: {}",
                n - failing.len(),
                failing.join("; ")
            )),
        }
        parts.join(", ")
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
