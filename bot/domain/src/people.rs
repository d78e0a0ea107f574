//! People, and who they are to Slack.

use crate::refusal::Refusal;
use jiff::{Timestamp, tz::Offset};
use serde::{Deserialize, Serialize};

/// A person as the record knows them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Person {
    /// The Slack user id.
    pub id: String,
    /// The name they had when they acted.
    pub name: String,
    /// The agent that acts, for which the person is responsible; `None`: the person acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Box<str>>,
}

impl Person {
    /// A person by id and name.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            agent: None,
        }
    }

    /// An agent of this name, for which the person is responsible.
    pub fn responsible_for(self, agent: impl Into<Box<str>>) -> Self {
        Self {
            agent: Some(agent.into()),
            ..self
        }
    }

    /// Who acts, in a sentence in which the person is written as `person`.
    pub fn with_agent(&self, person: String) -> String {
        match &self.agent {
            Some(agent) => format!("agent {agent} (responsible: {person})"),
            None => person,
        }
    }

    /// The person or the agent, by name: `@sam`, `agent deploy-watch (responsible: @sam)`.
    pub fn called(&self) -> String {
        self.with_agent(format!("@{}", self.name))
    }

    /// A full member, or an agent of one; otherwise the refusal.
    pub fn admit(&self, membership: &Membership) -> Result<(), Refusal> {
        match (&self.agent, membership) {
            (Some(agent), Membership::Outsider(what)) => Err(Refusal::TokenRefused {
                why: format!(
                    "@{}, who is responsible for the agent {agent}, is {what}; name somebody else in [agents.{agent}]",
                    self.name
                ),
            }),
            (Some(_) | None, membership) => membership.admit(),
        }
    }
}

/// The time zone of a person, as Slack has it for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Its name: `Europe/Berlin`.
    pub name: String,
    /// How far its clocks were ahead of UTC when that was read, in seconds.
    pub utc_offset: i32,
}

impl Zone {
    /// A moment as the clocks of the zone show it, with the date and the name of the zone.
    pub fn show(&self, at: Timestamp) -> String {
        let offset = Offset::from_seconds(self.utc_offset).unwrap_or(Offset::UTC);
        let on_the_wall = offset.to_datetime(at);
        format!(
            "{} {}",
            on_the_wall.strftime("%Y-%m-%d %H:%M:%S"),
            self.name
        )
    }
}

/// What Slack says a person is, read when they act (`users.info`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// A full member of this workspace.
    Member,
    /// Somebody who may not act here, and what they are: "a guest".
    Outsider(&'static str),
    /// Slack could not be asked; why.
    Unreadable(String),
}

impl Membership {
    /// A member, or the refusal. Anybody else, and everybody when it cannot be read, is refused.
    pub fn admit(&self) -> Result<(), Refusal> {
        match self {
            Membership::Member => Ok(()),
            Membership::Outsider(what) => Err(Refusal::NotAMember { what }),
            Membership::Unreadable(why) => Err(Refusal::AuthorityUnreadable {
                what: "Slack".into(),
                why: why.clone(),
                people: vec![],
                break_glass: false,
            }),
        }
    }
}

/// What an address begins with at which somebody reads the answer in their Home in Slack.
const HOME: &str = "home:";

/// The address of somebody's Home. What answers a click there is shown there; it calls nobody.
pub fn home_address(person: &str) -> String {
    format!("{HOME}{person}")
}

/// Whose Home an address is; `None`: it is another address.
pub fn home_of(address: &str) -> Option<&str> {
    address.strip_prefix(HOME)
}

/// Somebody who is to be told something, and how to reach them alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addressee {
    /// Their Slack id.
    pub person: String,
    /// The address that came with what they did last; `None`: none came.
    pub reply_to: Option<String>,
}
