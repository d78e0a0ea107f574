//! What people decide about an incident: how severe it is, where it stands, who does what in it,
//! and when what happened.
//!
//! Roles in an incident give no authority, and what becomes of a rollback changes nothing here: a
//! verified rollback leaves the defect, and people resolve the incident.

use super::{CourseFact, Incident, IncidentState};
use crate::{people::Person, refusal::Refusal};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, time::Duration};
use strum::{Display, EnumString, VariantArray};

/// How severe an incident is, from [`Severity::P1`] down.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(ascii_case_insensitive)]
pub enum Severity {
    /// The most severe.
    P1,
    /// Severe.
    P2,
    /// Of limited effect.
    P3,
    /// The least severe.
    P4,
}

/// A severity with what the configuration calls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedSeverity {
    /// Which one.
    pub severity: Severity,
    /// Its name; `None`: it has none.
    pub name: Option<String>,
}

impl Severity {
    /// Every severity, the most severe first.
    pub const ALL: &'static [Severity] = Self::VARIANTS;
}

impl IncidentRole {
    /// Every role.
    pub const ALL: &'static [IncidentRole] = Self::VARIANTS;
}

impl Milestone {
    /// Every milestone, in the order in which they mostly happen.
    pub const ALL: &'static [Milestone] = Self::VARIANTS;
}

impl fmt::Display for NamedSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} ({name})", self.severity),
            None => write!(f, "{}", self.severity),
        }
    }
}

/// Where the work on an incident stands.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
pub enum IncidentStatus {
    /// The cause is not known.
    #[default]
    Investigating,
    /// The cause is known.
    Identified,
    /// Something was done about it, and it is watched whether that holds.
    Monitoring,
    /// It is over.
    Resolved,
}

/// What somebody does in an incident. It gives no authority.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
pub enum IncidentRole {
    /// Decides what is done, and owns the defect.
    Lead,
    /// Tells everybody else.
    #[strum(to_string = "communications", serialize = "comms")]
    Communications,
    /// Writes down what happens.
    Scribe,
}

/// A moment in the course of an incident.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
pub enum Milestone {
    /// The defect began to have an effect.
    Started,
    /// Somebody or something noticed it.
    Detected,
    /// Somebody was told.
    Reported,
    /// It had no effect on users any more.
    Mitigated,
    /// It was over.
    Resolved,
}

/// What was decided about an incident so far; it is stored with the incident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Whether people manage it: then silence does not end it, and only resolving it does.
    #[serde(default)]
    pub managed: bool,
    /// How severe it is; `None`: nobody has said.
    #[serde(default)]
    pub severity: Option<NamedSeverity>,
    /// Where the work on it stands.
    #[serde(default)]
    pub status: IncidentStatus,
    /// Who does what in it.
    #[serde(default)]
    pub roles: BTreeMap<IncidentRole, Person>,
    /// When what happened, as far as somebody has said it.
    #[serde(default)]
    pub times: BTreeMap<Milestone, Timestamp>,
    /// When the next update is due; `None`: none is promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_due: Option<Timestamp>,
    /// Until when it is to be mitigated, as severe as it is; `None`: there is no such time, or it
    /// is mitigated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mitigate_by: Option<Timestamp>,
    /// What it is called elsewhere: tickets, incidents of a pager, each as it was typed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
}

/// How many references an incident has at most.
pub const REFERENCES_AT_MOST: usize = 10;

/// What somebody wants to decide about an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncidentChange {
    /// People manage it from now on.
    Declare {
        /// How severe it is; `None`: they do not say.
        severity: Option<NamedSeverity>,
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// It is so severe.
    Severity {
        /// How severe it is.
        severity: NamedSeverity,
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// Somebody gets a role in it.
    Assign {
        /// The role.
        role: IncidentRole,
        /// Who gets it.
        person: Person,
    },
    /// The work on it stands there.
    Status {
        /// Where.
        status: IncidentStatus,
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// Something happened at that time.
    Time {
        /// What.
        milestone: Milestone,
        /// When.
        at: Timestamp,
        /// How they know, in their words.
        because: String,
    },
    /// It is not over after all.
    Reopen {
        /// Why, in their words.
        because: String,
    },
    /// It is called so elsewhere.
    Link {
        /// A ticket, an incident of a pager: a key or an address.
        reference: String,
    },
    /// It is not called so elsewhere.
    Unlink {
        /// The reference that is taken back.
        reference: String,
    },
    /// It goes on in another channel.
    Move {
        /// The Slack id of that channel.
        to: String,
    },
}

impl IncidentChange {
    /// The channel in which the incident goes on by this; `None`: it stays where it is.
    pub fn moves_to(&self) -> Option<&str> {
        match self {
            IncidentChange::Move { to } => Some(to),
            IncidentChange::Declare { .. }
            | IncidentChange::Severity { .. }
            | IncidentChange::Assign { .. }
            | IncidentChange::Status { .. }
            | IncidentChange::Time { .. }
            | IncidentChange::Reopen { .. }
            | IncidentChange::Link { .. }
            | IncidentChange::Unlink { .. } => None,
        }
    }
}

/// What the configuration wants of incidents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CourseRules {
    /// How long after it got this severity an incident is to be mitigated.
    pub mitigate_within: BTreeMap<Severity, Duration>,
    /// Whether it is resolved only if it has a reference.
    pub reference_to_resolve: bool,
}

impl Incident {
    /// Decides what a change makes of the incident's course, with what is to be recorded of it.
    pub fn change(
        &self,
        change: &IncidentChange,
        rules: &CourseRules,
        now: Timestamp,
    ) -> Result<(Course, Vec<CourseFact>), Refusal> {
        let mut course = self.course.clone();
        let facts = match change {
            IncidentChange::Declare { severity, because } => {
                if course.managed {
                    return Err(self
                        .is_so("is open in this channel already. `/rollback incident` shows it."));
                }
                let mut facts = vec![CourseFact::Declared {
                    because: because.clone(),
                }];
                if let Some(severity) = severity {
                    facts.extend(course.set_severity(severity, None));
                }
                course.managed = true;
                facts
            }
            IncidentChange::Severity { severity, because } => {
                course.managed = true;
                let fact = course.set_severity(severity, because.clone());
                vec![fact.ok_or_else(|| self.is_so(&format!("is {} already.", severity.severity)))?]
            }
            IncidentChange::Assign { role, person } => {
                course.managed = true;
                let before = course.roles.insert(*role, person.clone());
                if before.is_some_and(|before| before.id == person.id) {
                    return Err(self.is_so(&format!("has that {role} already.")));
                }
                vec![CourseFact::RoleAssigned {
                    role: *role,
                    person: person.id.clone(),
                }]
            }
            IncidentChange::Status { status, because } => {
                let is_end = *status == IncidentStatus::Resolved;
                if is_end && rules.reference_to_resolve && course.references.is_empty() {
                    return Err(Refusal::NoReference { id: self.id });
                }
                course.managed = true;
                vec![self.set_status(&mut course, *status, because.clone(), now)?]
            }
            IncidentChange::Time {
                milestone,
                at,
                because,
            } => {
                course.set_time(*milestone, *at, now)?;
                vec![CourseFact::TimeSet {
                    milestone: *milestone,
                    at: *at,
                    because: because.clone(),
                }]
            }
            IncidentChange::Reopen { because } => {
                if course.status != IncidentStatus::Resolved {
                    return Err(self.is_so("is open."));
                }
                course.managed = true;
                course.status = IncidentStatus::Investigating;
                course.times.remove(&Milestone::Resolved);
                vec![CourseFact::IncidentReopened {
                    because: because.clone(),
                }]
            }
            IncidentChange::Link { reference } => {
                if course.references.contains(reference) {
                    return Err(self.is_so(&format!("is linked to {reference} already.")));
                }
                if course.references.len() == REFERENCES_AT_MOST {
                    return Err(self.is_so(&format!(
                        "has {REFERENCES_AT_MOST} references already: take one back with `/rollback incident unlink …`."
                    )));
                }
                course.references.push(reference.clone());
                vec![CourseFact::Linked {
                    reference: reference.clone(),
                }]
            }
            IncidentChange::Unlink { reference } => {
                let linked = course.references.len();
                course.references.retain(|known| known != reference);
                if course.references.len() == linked {
                    return Err(self.is_so(&format!("is not linked to {reference}.")));
                }
                vec![CourseFact::Unlinked {
                    reference: reference.clone(),
                }]
            }
            IncidentChange::Move { to } => {
                if self.channel == *to {
                    return Err(self.is_so("is in this channel already."));
                }
                course.managed = true;
                vec![CourseFact::IncidentMoved {
                    from: self.channel.clone(),
                    to: to.clone(),
                }]
            }
        };
        course.set_deadline(&self.course, &rules.mitigate_within, now);
        Ok((course, facts))
    }

    /// Why it cannot go on in a channel whose latest incident is another one.
    pub fn why_not_beside(&self, there: &Incident, now: Timestamp) -> Option<Refusal> {
        let what = match there.state(now) {
            IncidentState::Open => format!(
                "{} cannot go there, because {} is open in that channel: resolve it first, or choose another channel.",
                self.id, there.id
            ),
            // What is recorded in a channel belongs to its latest incident.
            IncidentState::Resolved | IncidentState::Silent if there.id > self.id => format!(
                "{} cannot go there, because {} came after it in that channel: choose a channel of its own.",
                self.id, there.id
            ),
            IncidentState::Resolved | IncidentState::Silent => return None,
        };
        Some(Refusal::AlreadySo { what })
    }

    /// A refusal of what would change nothing; `clause` goes on after the incident's number.
    fn is_so(&self, clause: &str) -> Refusal {
        Refusal::AlreadySo {
            what: format!("{} {clause}", self.id),
        }
    }

    fn set_status(
        &self,
        course: &mut Course,
        status: IncidentStatus,
        because: Option<String>,
        now: Timestamp,
    ) -> Result<CourseFact, Refusal> {
        let from = course.status;
        if from == status {
            return Err(self.is_so(&format!("is {status} already.")));
        }
        if from == IncidentStatus::Resolved {
            return Err(Refusal::IncidentResolved { id: self.id });
        }
        course.status = status;
        if status == IncidentStatus::Resolved {
            course.times.entry(Milestone::Resolved).or_insert(now);
            course.update_due = None;
        }
        Ok(CourseFact::StatusChanged {
            from,
            to: status,
            because,
        })
    }
}

impl Course {
    /// Promises the next update in so long, unless one is due earlier; when it is due, if that is
    /// new.
    pub fn promise_update(&mut self, within: Duration, now: Timestamp) -> Option<Timestamp> {
        let due = now.checked_add(within).ok()?;
        let is_new = self.status != IncidentStatus::Resolved
            && self
                .update_due
                .is_none_or(|before| due < before || before <= now);
        is_new.then(|| {
            self.update_due = Some(due);
            due
        })
    }

    /// Whether it has no effect on users any more, as far as somebody has said.
    pub fn is_mitigated(&self) -> bool {
        let is_over = matches!(
            self.status,
            IncidentStatus::Monitoring | IncidentStatus::Resolved
        );
        is_over || self.times.contains_key(&Milestone::Mitigated)
    }

    /// Sets until when it is to be mitigated, if that follows from what has changed.
    fn set_deadline(
        &mut self,
        before: &Course,
        within: &BTreeMap<Severity, Duration>,
        now: Timestamp,
    ) {
        let severity = |course: &Course| course.severity.as_ref().map(|named| named.severity);
        if self.is_mitigated() {
            self.mitigate_by = None;
        } else if before.is_mitigated() || severity(before) != severity(self) {
            let within = severity(self).and_then(|severity| within.get(&severity));
            self.mitigate_by = within.and_then(|within| now.checked_add(*within).ok());
        }
    }

    /// Sets the severity; `None`: it is that one already.
    fn set_severity(
        &mut self,
        severity: &NamedSeverity,
        because: Option<String>,
    ) -> Option<CourseFact> {
        let before = self.severity.replace(severity.clone());
        if before.is_some_and(|before| before.severity == severity.severity) {
            return None;
        }
        Some(CourseFact::SeveritySet {
            severity: severity.clone(),
            because,
        })
    }

    /// Sets when something happened, if that fits to what is known: nothing was before the start,
    /// and nothing after the end.
    fn set_time(
        &mut self,
        milestone: Milestone,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let not = |why: String| Err(Refusal::IncidentTime { why });
        let time = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        if at > now {
            return not(format!("{} is still to come.", time(at)));
        }
        for (other, then) in self.times.iter().filter(|(other, _)| **other != milestone) {
            let is_first = milestone == Milestone::Started || *other == Milestone::Resolved;
            let is_last = milestone == Milestone::Resolved || *other == Milestone::Started;
            let where_it_would_be = match (is_first && at > *then, is_last && at < *then) {
                (true, _) => "after",
                (false, true) => "before",
                (false, false) => continue,
            };
            return not(format!(
                "{milestone} at {} would be {where_it_would_be} {other} at {}.",
                time(at),
                time(*then)
            ));
        }
        self.times.insert(milestone, at);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
