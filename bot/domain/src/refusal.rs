//! Every way of saying no: a code, a sentence, and the next legal step.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why something was not done. Whoever asked is always told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the sentence of each is its documentation")]
pub enum Refusal {
    UnknownService {
        name: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    UnknownEnvironment {
        service: String,
        name: String,
        known: Vec<String>,
    },
    AmbiguousEnvironment {
        service: String,
        environments: Vec<String>,
    },
    UnknownRollback {
        id: u64,
    },
    UnknownTarget {
        target: String,
        known: Vec<String>,
    },
    TargetIsLive {
        target: String,
        instead: Option<String>,
    },
    TargetIsNewer {
        target: String,
        live: String,
        instead: Option<String>,
    },
    TargetNotEligible {
        target: String,
        why: String,
        instead: Option<String>,
    },
    NoEligibleTarget {
        why: String,
    },
    LiveUnknown,
    PlatformTrouble {
        why: String,
    },
    AlreadyOpen {
        id: u64,
        service: String,
        environment: String,
        word: String,
        stoppable: bool,
    },
    PlanExpired {
        id: u64,
        read_at: Timestamp,
        expired_at: Timestamp,
    },
    OldCard {
        id: u64,
    },
    StillPlanning {
        id: u64,
    },
    AlreadyApproved {
        id: u64,
        by: String,
        at: Timestamp,
    },
    AlreadyEnded {
        id: u64,
        word: String,
        at: Timestamp,
    },
    AlreadyRunning {
        id: u64,
        word: String,
    },
    TooLateToStop {
        id: u64,
        platform: String,
        asked_at: Timestamp,
    },
    NotAuthorised {
        roles: Vec<String>,
        people: Vec<String>,
    },
    OwnRequest {
        people: Vec<String>,
    },
    NotYours {
        id: u64,
        people: Vec<String>,
    },
    NotAMember {
        what: &'static str,
    },
    AuthorityUnreadable {
        why: String,
    },
    SameTarget {
        id: u64,
        target: String,
    },
    NoIncident,
    Busy {
        why: String,
    },
}

/// How a sentence is spoken: what a person or a piece of somebody's text looks like in it.
pub trait Voice {
    /// A person, by Slack id.
    fn person(&self, id: &str) -> String;
    /// Text that somebody or something else wrote.
    fn text(&self, text: &str) -> String;
}

/// For records, logs and terminals.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Voice for Plain {
    fn person(&self, id: &str) -> String {
        format!("@{id}")
    }
    fn text(&self, text: &str) -> String {
        text.to_owned()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(&Plain))
    }
}

impl Refusal {
    /// The code, stable across versions: `PLAN_EXPIRED`.
    pub fn code(&self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value["code"].as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The sentence and the next step.
    pub fn say(&self, voice: &dyn Voice) -> String {
        let text = |text: &str| voice.text(text);
        let people = |ids: &[String]| {
            list(
                &ids.iter().map(|id| voice.person(id)).collect::<Vec<_>>(),
                "or",
            )
        };
        let or_else = |instead: &Option<String>| match instead {
            Some(instead) => format!(" `to {}` would be possible.", text(instead)),
            None => " Nothing older is eligible.".to_owned(),
        };
        match self {
            Refusal::UnknownService { name, nearest: Some(nearest), .. } => {
                format!("No service or command \"{}\". Did you mean {}? Nothing was run.", text(name), text(nearest))
            }
            Refusal::UnknownService { name, nearest: None, known } => format!(
                "No service or command \"{}\". Services: {}. `/rollback help` lists the commands. Nothing was run.",
                text(name),
                text(&known.join(", "))
            ),
            Refusal::UnknownEnvironment { service, name, known } => format!(
                "{} has no environment \"{}\"; it has {}. Nothing was run.",
                text(service), text(name), text(&list(known, "and"))
            ),
            Refusal::AmbiguousEnvironment { service, environments } => format!(
                "{} runs in {}: say which, for example `/rollback {}@{}`. Nothing was run.",
                text(service),
                text(&list(environments, "and")),
                text(service),
                text(environments.first().map_or("production", |first| first))
            ),
            Refusal::UnknownRollback { id } => {
                format!("There is no RB-{id}. `/rollback status` lists the ones that are open.")
            }
            Refusal::UnknownTarget { target, known } if known.is_empty() => format!(
                "No release \"{}\" is known to the platform. `/rollback list` shows the releases. Nothing was run.",
                text(target)
            ),
            Refusal::UnknownTarget { target, known } => format!(
                "No release \"{}\". Eligible: {}; `/rollback list` shows more. Nothing was run.",
                text(target), text(&list(known, "and"))
            ),
            Refusal::TargetIsLive { target, instead } => {
                format!("{} is what production serves already. Nothing was run.{}", text(target), or_else(instead))
            }
            Refusal::TargetIsNewer { target, live, instead } => format!(
                "{} is newer than {}, which is live: that would be a deploy, not a rollback. Nothing was run.{}",
                text(target), text(live), or_else(instead)
            ),
            Refusal::TargetNotEligible { target, why, instead } => {
                format!("{} cannot be rolled back to: {}. Nothing was run.{}", text(target), text(why), or_else(instead))
            }
            Refusal::NoEligibleTarget { why } => format!(
                "There is no release to go back to ({}). Deploy a fix forward, or name a release with `to`. Nothing was run.",
                text(why)
            ),
            Refusal::LiveUnknown => "The platform does not say what is live, so \"previous\" would be a guess. Name the release with `to`; `/rollback list` shows them. Nothing was run.".into(),
            Refusal::PlatformTrouble { why } => format!("{} Nothing was run.", sentence(&text(why))),
            Refusal::AlreadyOpen { id, service, environment, word, stoppable } => format!(
                "RB-{id} is already open for {} ({}): {}. {} Nothing was run.",
                text(service),
                text(environment),
                word.to_lowercase(),
                match stoppable {
                    true => format!("Use its card, or stop it first with `/rollback stop RB-{id}`."),
                    false => "The platform was asked already: its card shows where it stands.".into(),
                }
            ),
            Refusal::PlanExpired { id, read_at, expired_at } => format!(
                "The card of RB-{id} is from {} and expired at {}. Nothing was run. Propose again for a fresh plan.",
                clock(read_at), clock(expired_at)
            ),
            Refusal::OldCard { id } => format!(
                "That button belongs to an older plan of RB-{id}. Nothing was run. Use the newest card."
            ),
            Refusal::StillPlanning { id } => format!(
                "RB-{id} is still reading the platform. Nothing was run. Its card appears in a moment."
            ),
            Refusal::AlreadyApproved { id, by, at } => format!(
                "RB-{id} was already approved by @{} at {}. Nothing more was run.", text(by), clock(at)
            ),
            Refusal::AlreadyEnded { id, word, at } => format!(
                "RB-{id} ended at {}: {}. Nothing was run. Propose again if it is still needed.", clock(at), word.to_lowercase()
            ),
            Refusal::AlreadyRunning { id, word } => format!(
                "RB-{id} is already under way: {}. Nothing more was run.", word.to_lowercase()
            ),
            Refusal::TooLateToStop { id, platform, asked_at } => format!(
                "RB-{id} cannot be stopped any more: {} was asked at {} and cannot take it back. Nothing else will be asked; its card shows where it stands.",
                text(platform), clock(asked_at)
            ),
            Refusal::NotAuthorised { roles, people: ids } => format!(
                "This needs somebody with the role {}, and you do not have it. {} Nothing was run.",
                text(&list(roles, "or")), can(&people(ids))
            ),
            Refusal::OwnRequest { people: ids } => format!(
                "You asked for this one, so somebody else has to approve it. {} Nothing was run.",
                can(&people(ids))
            ),
            Refusal::NotYours { id, people: ids } => format!(
                "Only whoever asked for RB-{id}, or somebody with authority, can take it back. {} Nothing was changed.",
                can(&people(ids))
            ),
            Refusal::NotAMember { what } => format!(
                "Only full members of this workspace can use /rollback, and you are {what}. Ask somebody on the team. Nothing was run."
            ),
            Refusal::AuthorityUnreadable { why } => format!(
                "Slack could not tell me who you are ({}). Nothing is approved on old data. Try again in a moment. Nothing was run.",
                text(why)
            ),
            Refusal::SameTarget { id, target } => format!(
                "RB-{id} aims at {} already. Nothing was changed.",
                text(target)
            ),
            Refusal::NoIncident => "Nothing has happened in this channel yet, so there is no timeline. A rollback or `/rollback note` starts one.".into(),
            Refusal::Busy { why } => format!(
                "{} It is not certain whether this was taken: `/rollback status` tells.",
                sentence(&text(why))
            ),
        }
    }
}

/// Where a request or a click came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A slash command.
    Command,
    /// A mention in a message or thread.
    Mention,
    /// A button on a card.
    Button,
    /// A modal that was saved.
    Modal,
    /// The bot's own steps.
    Bot,
    /// What a platform answered.
    Platform,
    /// What was seen from outside.
    Check,
}

fn can(people: &str) -> String {
    match people {
        "" => "Nobody else is listed: see `approve` and `[roles]` in the configuration.".into(),
        people => format!("{people} can."),
    }
}

fn clock(at: &Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}

/// `a, b and c`.
pub fn list(items: &[String], joint: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} {joint} {last}", most.join(", ")),
    }
}

/// Begins with a capital and ends with a full stop.
pub fn sentence(text: &str) -> String {
    let mut characters = text.trim_end_matches('.').chars();
    match characters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), characters.as_str()),
        None => String::new(),
    }
}
