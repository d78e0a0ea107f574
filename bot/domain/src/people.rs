//! People: who they are to Slack, and who may say yes.

use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// A person as the record knows them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Person {
    /// The Slack user id.
    pub id: String,
    /// The name they had when they acted.
    pub name: String,
}

impl Person {
    /// A person by id and name.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
        }
    }
}

/// What Slack says a person is, read when they act (`users.info`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A full member of this workspace.
    Member,
    /// Somebody who may not act here, and what they are: "a guest".
    Outsider(&'static str),
    /// Slack could not be asked; why.
    Unreadable(String),
}

impl Standing {
    /// A member, or the refusal. Anybody else, and everybody when it cannot be read, is refused.
    pub fn admit(&self) -> Result<(), Refusal> {
        match self {
            Standing::Member => Ok(()),
            Standing::Outsider(what) => Err(Refusal::NotAMember { what }),
            Standing::Unreadable(why) => Err(Refusal::AuthorityUnreadable { why: why.clone() }),
        }
    }
}

/// What a service asks for, from the configuration of this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The roles that may approve, with their members' Slack ids.
    pub approvers: BTreeMap<String, Vec<String>>,
    /// Whether the requester's own approval counts.
    pub requester_may_approve: bool,
    /// How long a plan may be approved.
    pub plan_ttl: Duration,
    /// How fast the service should serve the target again after the command.
    pub target_time: Option<Duration>,
    /// How many rounds in a row must pass before the release is proven.
    pub passes: u32,
    /// How long after serving the proof may take.
    pub prove_within: Duration,
    /// How long it is watched after the proof.
    pub watch: Duration,
    /// How often the platform and the outside are looked at.
    pub check_every: Duration,
    /// Whether the outside tells which version answered.
    pub fingerprint: bool,
}

impl Policy {
    /// The role by which `person` may approve a rollback that `requester` asked for.
    pub fn may_approve(&self, person: &Person, requester: &Person) -> Result<String, Refusal> {
        let Some(role) = self.role_of(&person.id) else {
            return Err(Refusal::NotAuthorised {
                roles: self.approvers.keys().cloned().collect(),
                people: self.people_but(&requester.id),
            });
        };
        if person.id == requester.id && !self.requester_may_approve {
            return Err(Refusal::OwnRequest {
                people: self.people_but(&requester.id),
            });
        }
        Ok(role.to_owned())
    }

    /// The first role that lists this person.
    pub fn role_of(&self, id: &str) -> Option<&str> {
        self.approvers
            .iter()
            .find(|(_, members)| members.iter().any(|member| member == id))
            .map(|(role, _)| role.as_str())
    }

    /// Everybody whose approval would count, with the role, in the order of the configuration.
    pub fn could_approve(&self, requester: &str) -> Vec<(String, String)> {
        let mut people: Vec<(String, String)> = vec![];
        for (role, members) in &self.approvers {
            for member in members {
                let counts = self.requester_may_approve || member != requester;
                if counts && !people.iter().any(|(id, _)| id == member) {
                    people.push((member.clone(), role.clone()));
                }
            }
        }
        people
    }

    fn people_but(&self, requester: &str) -> Vec<String> {
        self.could_approve(requester)
            .into_iter()
            .map(|(id, _)| id)
            .filter(|id| id != requester)
            .collect()
    }
}
