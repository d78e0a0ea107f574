//! Whether a new deploy of a service should wait, and why: what a pipeline asks before it deploys.

use crate::{
    history::{Bad, History},
    identity::IncidentId,
    release::{Pin, Release, Survey},
    rollback::{Freeze, Rollback},
};
use std::fmt;

/// Why a deploy should wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A rollback of the service is open.
    RollbackOpen {
        /// Its number and state: "RB-41 is PROPOSED".
        rollback: String,
    },
    /// Somebody asked that nothing be changed.
    Frozen(Freeze),
    /// Automatic deploys are held off, so that what a rollback left does not come back.
    Pinned {
        /// The rollback that did it: "by RB-41"; `None`: none of ours did.
        by: Option<String>,
    },
    /// The release is known to be bad.
    KnownBad {
        /// How people recognise it.
        release: String,
        /// Why, as a clause: "left as bad by RB-41".
        why: String,
    },
    /// People manage an incident in which the service was rolled back, and it is not resolved.
    IncidentOpen(IncidentId),
}

impl Hold {
    /// Its stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Hold::RollbackOpen { .. } => "rollback_open",
            Hold::Frozen(_) => "frozen",
            Hold::Pinned { .. } => "pinned",
            Hold::KnownBad { .. } => "known_bad",
            Hold::IncidentOpen(_) => "incident_open",
        }
    }
}

impl fmt::Display for Hold {
    /// One sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hold::RollbackOpen { rollback } => write!(f, "{rollback}."),
            Hold::Frozen(freeze) => write!(
                f,
                "{} asked to hold changes: \"{}\".",
                freeze.by.name, freeze.because
            ),
            Hold::Pinned { by: Some(by) } => write!(f, "Automatic deploys are held off {by}."),
            Hold::Pinned { by: None } => write!(f, "Automatic deploys are held off."),
            Hold::KnownBad { release, why } => write!(f, "{release} was {why}."),
            Hold::IncidentOpen(incident) => write!(f, "{incident} is not resolved."),
        }
    }
}

/// What is known of a service when somebody wants to deploy it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The rollback that is open.
    pub open: Option<&'a Rollback>,
    /// The request that nothing be changed.
    pub frozen: Option<&'a Freeze>,
    /// What the platform served when it was last read.
    pub survey: Option<&'a Survey>,
    /// Its rollbacks, and which releases are marked.
    pub history: &'a History,
    /// The last rollback that its platform was asked for.
    pub latest: Option<&'a Rollback>,
    /// The incident of its last rollback, if people manage it and it is not resolved.
    pub incident: Option<IncidentId>,
}

impl Known<'_> {
    /// Why a deploy of `release` should wait, most pressing first; empty: nothing is known that
    /// speaks against it. `release` is a version, an id or a sha; `None`: it is not known yet.
    pub fn holds(&self, release: Option<&str>) -> Vec<Hold> {
        let mut holds = vec![];
        if let Some(open) = self.open {
            holds.push(Hold::RollbackOpen {
                rollback: format!("{} is {}", open.id, open.word()),
            });
        }
        if let Some(frozen) = self.frozen {
            holds.push(Hold::Frozen(frozen.clone()));
        }
        if self.survey.is_some_and(|survey| survey.pin == Pin::On) {
            let ours = self.latest.filter(|latest| latest.pin == Pin::On);
            holds.push(Hold::Pinned {
                by: ours.map(|latest| format!("by {}", latest.id)),
            });
        }
        holds.extend(release.and_then(|release| self.known_bad(release)));
        if let Some(incident) = self.incident {
            holds.push(Hold::IncidentOpen(incident));
        }
        holds
    }

    /// Whether any release that is called so is bad. The same commit may have been built twice.
    fn known_bad(&self, name: &str) -> Option<Hold> {
        let bad = |bad: Bad<'_>, release: &str| Hold::KnownBad {
            release: release.to_owned(),
            why: bad.clause(),
        };
        let candidates = self.survey.iter().flat_map(|survey| &survey.candidates);
        let listed = candidates
            .map(|candidate| &candidate.release)
            .filter(|release| release.is_called(name))
            .find_map(|release| Some(bad(self.history.bad(release)?, release.label())));
        // One that the platform does not list any more is still known by its id.
        listed.or_else(|| {
            let gone = Release::unknown(name.trim());
            Some(bad(self.history.bad(&gone)?, name.trim()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{history::Mark, people::Person, release::Candidate};
    use jiff::Timestamp;

    fn mark(release: &str) -> Mark {
        Mark {
            release: release.into(),
            is_bad: true,
            by: Person::new("U0MAYA", "maya"),
            because: Some("it loses carts".into()),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn sentences(known: Known<'_>, release: Option<&str>) -> Vec<String> {
        let holds = known.holds(release);
        holds.iter().map(Hold::to_string).collect()
    }

    #[test]
    fn a_release_is_held_by_every_name_it_has() {
        let history = History {
            rollbacks: vec![],
            marks: vec![mark("dpl_9"), mark("dpl_gone")],
        };
        let release = Release {
            version: Some("v9".into()),
            sha: Some("a1b2c3d4e5f6".into()),
            ..Release::unknown("dpl_9")
        };
        let survey = Survey {
            candidates: vec![Candidate {
                release,
                barred: None,
                barred_forward: None,
            }],
            ..Survey::default()
        };
        let known = Known {
            open: None,
            frozen: None,
            survey: Some(&survey),
            history: &history,
            latest: None,
            incident: None,
        };
        let why = ["v9 was marked bad by maya: \"it loses carts\"."];
        for name in ["v9", "dpl_9", "a1b2c3d", "A1B2C3D4E5F6"] {
            assert_eq!(sentences(known, Some(name)), why, "{name}");
        }
        assert_eq!(
            sentences(known, Some("dpl_gone")),
            ["dpl_gone was marked bad by maya: \"it loses carts\"."]
        );
        for name in ["v10", "a1b2c3", ""] {
            assert_eq!(sentences(known, Some(name)), [""; 0], "{name}");
        }
        assert_eq!(sentences(known, None), [""; 0]);
    }

    #[test]
    fn everything_that_holds_a_deploy_is_named() {
        let freeze = Freeze {
            by: Person::new("U0ANA", "ana"),
            because: "we migrate".into(),
            at: Timestamp::UNIX_EPOCH,
        };
        let survey = Survey {
            pin: Pin::On,
            ..Survey::default()
        };
        let known = Known {
            open: None,
            frozen: Some(&freeze),
            survey: Some(&survey),
            history: &History::default(),
            latest: None,
            incident: Some(IncidentId::new(12)),
        };
        assert_eq!(
            sentences(known, Some("v9")),
            [
                "ana asked to hold changes: \"we migrate\".",
                "Automatic deploys are held off.",
                "INC-12 is not resolved."
            ]
        );
    }
}
