//! Every way of saying no: a code, a sentence, and the next legal step.

use crate::drill::watermarked;
use crate::grammar::Target;
use crate::identity::{IncidentId, RollbackId, ServiceKey};
use crate::platform::ProviderError;
use crate::risk::Risk;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why something was not done. The person who asked always gets it as an answer.
#[derive(Clone, Debug, PartialEq, Eq, strum::EnumCount, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the sentence of each is its documentation")]
pub enum Refusal {
    UnknownService {
        name: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    WhichEnvironment {
        service: String,
        named: Option<String>,
        known: Vec<String>,
    },
    IsGroup {
        group: String,
        members: Vec<String>,
    },
    DrillOnProduction {
        service: ServiceKey,
        /// The service that has the same production, and is not for drills.
        same_as: ServiceKey,
    },
    WrongChannel {
        service: ServiceKey,
        channels: Vec<String>,
    },
    UnknownRollback {
        id: RollbackId,
    },
    UnknownTarget {
        service: ServiceKey,
        target: String,
        known: Vec<String>,
    },
    WhichTarget {
        name: String,
        /// The ids of the releases that are called so, and when each was made.
        known: Vec<(String, Option<Timestamp>)>,
    },
    TargetIsLive {
        service: ServiceKey,
        target: String,
        instead: Option<String>,
    },
    TargetNotEligible {
        service: ServiceKey,
        target: String,
        why: String,
        instead: Option<String>,
    },
    NoEligibleTarget {
        service: ServiceKey,
        why: String,
    },
    LiveUnknown {
        service: ServiceKey,
    },
    PlatformTrouble {
        why: String,
        /// Whether the platform will say the same a minute later.
        is_final: bool,
    },
    NotUnpinned {
        service: ServiceKey,
        /// What the platform answered, as a sentence.
        why: String,
    },
    OnlyMoments {
        service: ServiceKey,
        /// Between which moments, as a phrase.
        between: String,
    },
    AlreadyOpen {
        id: RollbackId,
        /// The service whose rollback is open.
        service: ServiceKey,
        /// The service that was asked for, where that is another name of the same production.
        asked_for: Option<Box<ServiceKey>>,
        word: String,
        stoppable: bool,
    },
    Overtaken {
        id: RollbackId,
        service: ServiceKey,
    },
    PlanExpired {
        id: RollbackId,
        read_at: Timestamp,
        expired_at: Timestamp,
    },
    OldCard {
        id: RollbackId,
    },
    AlreadyUnderWay {
        id: RollbackId,
        word: String,
        approved: Option<(String, Timestamp)>,
    },
    AlreadyEnded {
        id: RollbackId,
        word: String,
        at: Timestamp,
    },
    TooLateToStop {
        id: RollbackId,
        platform: String,
        asked_at: Timestamp,
    },
    NotAuthorised {
        roles: Vec<String>,
        people: Vec<String>,
    },
    OwnRequest {
        /// The class of the plan; `None`: it is about the review of an emergency run.
        risk: Option<Risk>,
        /// The agent that asked, for which they are responsible; `None`: they did it themselves.
        agent: Option<String>,
        people: Vec<String>,
    },
    AgentMayNot {
        agent: String,
        /// The Slack id of the person who is responsible for it.
        responsible: String,
    },
    NotAMember {
        what: &'static str,
    },
    AuthorityUnreadable {
        what: String,
        why: String,
        people: Vec<String>,
        break_glass: bool,
    },
    AlreadySo {
        what: String,
    },
    Unconfirmed {
        what: String,
    },
    NoBreakGlass {
        risk: Risk,
        people: Vec<String>,
        /// Why too few others would see it, as a clause; `None`: the rule allows none at all.
        unseen: Option<String>,
    },
    Flapping {
        service: String,
        turns: Vec<String>,
        undoes: Option<RollbackId>,
    },
    KnownBad {
        service: ServiceKey,
        target: String,
        /// What makes it bad, as a clause.
        why: String,
    },
    CannotUndo {
        id: RollbackId,
        service: ServiceKey,
        why: String,
    },
    Forged {
        what: String,
    },
    NoIncident,
    IncidentResolved {
        id: IncidentId,
    },
    IncidentTime {
        why: String,
    },
    NoReference {
        id: IncidentId,
    },
    ResolvedTooEarly {
        id: RollbackId,
        /// How it stands.
        word: String,
    },
    UnknownIncident {
        id: IncidentId,
    },
    TokenRefused {
        why: String,
    },
    TooMuch {
        whose: Flood,
        per_minute: u32,
        /// In seconds.
        wait: u64,
    },
    Busy {
        why: String,
    },
}

/// Who sends more than is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Flood {
    /// One person, by commands, mentions and clicks.
    Person,
    /// All the people of one channel, by commands and mentions.
    Channel,
}

/// What a person and a piece of somebody's text look like in a sentence.
pub trait Tone {
    /// A person or a channel, by Slack id.
    fn person(&self, id: &str) -> String;
    /// Text that is not all ours: names, platforms' answers, sentences with such in them.
    fn text(&self, text: &str) -> String;
    /// What a person wrote, as it is quoted.
    fn words(&self, words: &str) -> String {
        self.text(words)
    }
}

/// A name as it can be typed after `to`.
fn typed(name: &str) -> String {
    Target::Named(name.to_owned()).to_string()
}

/// A release by its id, with when it was made.
fn made((id, at): &(String, Option<Timestamp>)) -> String {
    match at {
        Some(at) => format!("{id} (made {})", at.strftime("%Y-%m-%d %H:%M UTC")),
        None => id.clone(),
    }
}

/// For records, logs and terminals.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Tone for Plain {
    fn person(&self, id: &str) -> String {
        match id.starts_with(['C', 'G', 'D']) {
            true => format!("#{id}"),
            false => format!("@{id}"),
        }
    }
    fn text(&self, text: &str) -> String {
        text.to_owned()
    }
}

impl From<ProviderError> for Refusal {
    /// Why the platform could not be read, or said no.
    fn from(error: ProviderError) -> Self {
        Refusal::PlatformTrouble {
            why: error.to_string(),
            is_final: match error {
                ProviderError::Refused(_) => true,
                ProviderError::Busy { .. } | ProviderError::Unanswered(_) => false,
            },
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.draw(&Plain))
    }
}

impl Refusal {
    /// The code, stable across versions: `PLAN_EXPIRED`.
    pub fn code(&self) -> &'static str {
        self.into()
    }

    /// When it is said, as a clause. Every refusal has to have one, for `docs/refusals.md`.
    pub fn when(&self) -> &'static str {
        match self {
            Refusal::UnknownService { .. } => {
                "the first word is neither a service of the configuration nor a command"
            }
            Refusal::WhichEnvironment { .. } => {
                "the service runs in several environments and none was named, or one that it does not have"
            }
            Refusal::IsGroup { .. } => {
                "a group is named where one service has to be, or with the name of a release"
            }
            Refusal::DrillOnProduction { .. } => {
                "a drill would act on what its platform calls the production of another service"
            }
            Refusal::WrongChannel { .. } => {
                "the service has `channels`, and it is proposed in another one"
            }
            Refusal::UnknownRollback { .. } => "a number is named that no rollback has",
            Refusal::UnknownTarget { .. } => "the platform lists no release of that name or time",
            Refusal::WhichTarget { .. } => "several releases have that name, and each is possible",
            Refusal::TargetIsLive { .. } => "the target serves everywhere already",
            Refusal::TargetNotEligible { .. } => {
                "the target exists, but production may not be taken to it"
            }
            Refusal::NoEligibleTarget { .. } => {
                "no target was named and nothing older may be gone back to"
            }
            Refusal::LiveUnknown { .. } => {
                "no target was named and the platform does not say what is live"
            }
            Refusal::PlatformTrouble { .. } => "the platform could not be read, or said no",
            Refusal::NotUnpinned { .. } => {
                "the platform did not let automatic deploys go live again"
            }
            Refusal::OnlyMoments { .. } => "no moment was named, and the platform restores moments",
            Refusal::AlreadyOpen { .. } => {
                "the service, or the same production under another name, has a rollback that is open or under way"
            }
            Refusal::Overtaken { .. } => {
                "what was asked for is run late, and another rollback has changed the service since"
            }
            Refusal::PlanExpired { .. } => "the plan is older than it may be",
            Refusal::OldCard { .. } => "the button carries another plan than the one that is open",
            Refusal::AlreadyUnderWay { .. } => {
                "it has gone on, and that cannot be done to it any more"
            }
            Refusal::AlreadyEnded { .. } => "it has ended",
            Refusal::TooLateToStop { .. } => {
                "it is to be stopped and the platform was asked already"
            }
            Refusal::NotAuthorised { .. } => "none of the roles that count is theirs",
            Refusal::OwnRequest { .. } => {
                "they asked for it, or started its emergency run, and the rule wants someone else"
            }
            Refusal::AgentMayNot { .. } => "an agent asks for something that only people may do",
            Refusal::NotAMember { .. } => "they are not a full member of the workspace",
            Refusal::AuthorityUnreadable { .. } => {
                "Slack, or the source of a role that would decide it, does not answer"
            }
            Refusal::AlreadySo { .. } => {
                "it is so already, or there is nothing that could be changed"
            }
            Refusal::Unconfirmed { .. } => {
                "more is wanted than a click: ticks, the typed target, a reason"
            }
            Refusal::NoBreakGlass { .. } => {
                "an emergency run is asked for and the rule of the plan's class does not allow one, or nobody else would see it"
            }
            Refusal::Flapping { .. } => {
                "it would be the second change of direction within 30 minutes and has no reason"
            }
            Refusal::KnownBad { .. } => {
                "a rollback left the target as bad, or somebody marked it, and there is no reason for going back to it"
            }
            Refusal::CannotUndo { .. } => "there is nothing to go forward to, or no way to do it",
            Refusal::Forged { .. } => {
                "a click names something that is not on the message it came from"
            }
            Refusal::NoIncident => "a timeline is asked for where nothing was ever recorded",
            Refusal::IncidentResolved { .. } => {
                "the status of a resolved incident is to change without reopening it"
            }
            Refusal::ResolvedTooEarly { .. } => {
                "an update says *resolved* while a rollback of the incident is not verified, and no reason was given"
            }
            Refusal::IncidentTime { .. } => {
                "a time of an incident is in the future, or does not fit to another one"
            }
            Refusal::NoReference { .. } => {
                "an incident without a ticket is to be resolved, or a rollback of it approved, and the configuration wants one first"
            }
            Refusal::UnknownIncident { .. } => {
                "an incident is named that does not exist, or that is another channel's"
            }
            Refusal::TokenRefused { .. } => {
                "something is asked for from the CLI or the API without a valid token"
            }
            Refusal::TooMuch { .. } => {
                "one person or one channel sends more in a minute than `[limits]` has"
            }
            Refusal::Busy { .. } => "the database does not answer in time",
        }
    }

    /// The drill that the sentence tells of; `None`: it tells of none.
    pub fn drill(&self) -> Option<RollbackId> {
        let drill = match self {
            Refusal::UnknownRollback { id }
            | Refusal::AlreadyOpen { id, .. }
            | Refusal::Overtaken { id, .. }
            | Refusal::PlanExpired { id, .. }
            | Refusal::OldCard { id }
            | Refusal::AlreadyUnderWay { id, .. }
            | Refusal::AlreadyEnded { id, .. }
            | Refusal::TooLateToStop { id, .. }
            | Refusal::CannotUndo { id, .. }
            | Refusal::ResolvedTooEarly { id, .. } => Some(*id),
            Refusal::IncidentResolved { id }
            | Refusal::NoReference { id }
            | Refusal::UnknownIncident { id } => id.drill(),
            Refusal::Flapping { undoes, .. } => *undoes,
            Refusal::UnknownService { .. }
            | Refusal::WhichEnvironment { .. }
            | Refusal::IsGroup { .. }
            | Refusal::DrillOnProduction { .. }
            | Refusal::WrongChannel { .. }
            | Refusal::UnknownTarget { .. }
            | Refusal::WhichTarget { .. }
            | Refusal::TargetIsLive { .. }
            | Refusal::TargetNotEligible { .. }
            | Refusal::NoEligibleTarget { .. }
            | Refusal::LiveUnknown { .. }
            | Refusal::PlatformTrouble { .. }
            | Refusal::NotUnpinned { .. }
            | Refusal::OnlyMoments { .. }
            | Refusal::NotAuthorised { .. }
            | Refusal::OwnRequest { .. }
            | Refusal::AgentMayNot { .. }
            | Refusal::NotAMember { .. }
            | Refusal::AuthorityUnreadable { .. }
            | Refusal::AlreadySo { .. }
            | Refusal::Unconfirmed { .. }
            | Refusal::NoBreakGlass { .. }
            | Refusal::KnownBad { .. }
            | Refusal::Forged { .. }
            | Refusal::NoIncident
            | Refusal::IncidentTime { .. }
            | Refusal::TokenRefused { .. }
            | Refusal::TooMuch { .. }
            | Refusal::Busy { .. } => None,
        };
        drill.filter(|id| id.is_drill())
    }

    /// The sentence and the next step. One that tells of a drill says that first.
    pub fn draw(&self, tone: &dyn Tone) -> String {
        let sentence = self.sentence(tone);
        match self.drill() {
            Some(drill) => watermarked(drill, &sentence).into_owned(),
            None => sentence,
        }
    }

    fn sentence(&self, tone: &dyn Tone) -> String {
        let text = |text: &str| tone.text(text);
        let people = |ids: &[String]| {
            list_few(
                &ids.iter().map(|id| tone.person(id)).collect::<Vec<_>>(),
                "or",
            )
        };
        let or_else = |service: &ServiceKey, instead: &Option<String>| match instead {
            Some(instead) => format!(
                " Possible: `/rollback {} to {} because …`.",
                text(&service.typed()),
                text(&typed(instead))
            ),
            None => " No older release can be gone back to: deploy a fix forward.".to_owned(),
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
            Refusal::WhichEnvironment { service, named: Some(name), known } => format!(
                "{} has no environment \"{}\"; it has {}. For example `/rollback {}@{}`. Nothing was run.",
                text(service),
                text(name),
                text(&list(known, "and")),
                text(service),
                text(known.first().map_or("production", |first| first))
            ),
            Refusal::WhichEnvironment { service, named: None, known } => format!(
                "{} runs in {}: say which, for example `/rollback {}@{}`. Nothing was run.",
                text(service),
                text(&list(known, "and")),
                text(service),
                text(known.first().map_or("production", |first| first))
            ),
            Refusal::IsGroup { group, members } => format!(
                "{0} is a group of {1}, and each of them has releases of its own: name one of them. `/rollback {0} because …` takes all of them back to their previous releases, and with a time instead of a release to what was live then. Nothing was run.",
                text(group),
                text(&list(members, "and"))
            ),
            Refusal::DrillOnProduction { service, same_as } => format!(
                "{} is the same production as {}: a drill would really act there. Nothing was run. Take `drill = true` off it, then `/rollback drill {}` does everything but that.",
                text(&service.to_string()),
                text(&same_as.to_string()),
                text(&same_as.typed())
            ),
            Refusal::WrongChannel { service, channels } => format!(
                "{} can be proposed only in {}. Nothing was run. Send the same command there.",
                text(&service.to_string()),
                people(channels)
            ),
            Refusal::UnknownRollback { id } => {
                format!("There is no {id}. `/rollback status` lists the ones that are open.")
            }
            Refusal::UnknownTarget { service, target, known } if known.is_empty() => format!(
                "The platform knows no release \"{}\" of {}. `/rollback list {}` shows the releases. Nothing was run.",
                text(target), text(&service.to_string()), text(&service.typed())
            ),
            Refusal::UnknownTarget { service, target, known } => format!(
                "{} has no release \"{}\". You can go to {}; `/rollback list {}` shows more. Nothing was run.",
                text(&service.to_string()), text(target), text(&list(known, "and")), text(&service.typed())
            ),
            Refusal::WhichTarget { name, known } => format!(
                "{} releases are called {}: {}. Nothing was run. Name one by its id: `to {}`.",
                known.len(),
                text(name),
                text(&list(&known.iter().map(made).collect::<Vec<_>>(), "and")),
                text(&known.first().map_or("…".to_owned(), |(id, _)| typed(id)))
            ),
            Refusal::TargetIsLive { service, target, instead } => {
                format!("{} is live already. Nothing was run.{}", text(target), or_else(service, instead))
            }
            Refusal::TargetNotEligible { service, target, why, instead } => {
                format!("You can't go to {}: {}. Nothing was run.{}", text(target), text(why), or_else(service, instead))
            }
            Refusal::NoEligibleTarget { service, why } => format!(
                "There is no release of {} to go back to: {}. Deploy a fix forward, or name a release with `to`; `/rollback list {}` shows them. Nothing was run.",
                text(&service.to_string()), text(why), text(&service.typed())
            ),
            Refusal::LiveUnknown { service } => format!(
                "The platform does not say what {} serves now, so \"previous\" would be a guess. Name the release with `to`; `/rollback list {}` shows them. Nothing was run.",
                text(&service.to_string()), text(&service.typed())
            ),
            Refusal::PlatformTrouble { why, is_final } => format!(
                "{} Nothing was run. {}f it can't wait, roll back on the platform itself.",
                sentence(&text(why)),
                if *is_final { "I" } else { "Try again in a minute; i" }
            ),
            Refusal::NotUnpinned { service, why } => format!(
                "Automatic deploys of {} are as they were, as far as I know: {} Try `/rollback unpin {}` again, or turn them on in the platform's settings.",
                text(&service.to_string()),
                sentence(&text(why)),
                text(&service.typed())
            ),
            Refusal::OnlyMoments { service, between } => format!(
                "{} has no releases to go back to, only moments. Name one {between}: `/rollback {} to @02:40 because …`. Nothing was run.",
                text(&service.to_string()),
                text(&service.typed())
            ),
            Refusal::Overtaken { id, service } => format!(
                "{id} has changed {} since you asked for this. Nothing was run. If it is still needed: `/rollback {} because …`.",
                text(&service.to_string()), text(&service.typed())
            ),
            Refusal::AlreadyOpen { id, service, asked_for, word, stoppable } => format!(
                "{id} is already open for {}: {}.{} {} Nothing was run.",
                text(&service.to_string()),
                word.to_lowercase(),
                match asked_for {
                    Some(asked_for) => format!(
                        " {} is the same production under another name.",
                        text(&asked_for.to_string())
                    ),
                    None => String::new(),
                },
                match stoppable {
                    true if word == "READING THE PLATFORM" => format!("Its card appears in a moment; `/rollback stop {id}` stops it."),
                    true => format!("Use its card, or stop it first with `/rollback stop {id}`."),
                    false => "The platform was asked already: `/rollback status` shows where it stands.".into(),
                }
            ),
            Refusal::PlanExpired { id, read_at, expired_at } => format!(
                "The card of {id} is from {} and expired at {}. Nothing was run. Propose it again.",
                clock(read_at), clock(expired_at)
            ),
            Refusal::OldCard { id } => format!(
                "That button belongs to an older plan of {id}. Nothing was run. Use the newest card."
            ),
            Refusal::AlreadyUnderWay { id, word, approved: Some((by, at)) } => format!(
                "{id} was already approved by @{} at {}; it is now: {}. Nothing more was run. `/rollback status {id}` shows where it stands.",
                text(by), clock(at), word.to_lowercase()
            ),
            Refusal::AlreadyUnderWay { id, word, approved: None } => format!(
                "{id} is under way already: {}. Nothing more was run. `/rollback status {id}` shows where it stands.", word.to_lowercase()
            ),
            Refusal::AlreadyEnded { id, word, at } => format!(
                "{id} has already ended ({}, {}), so this did nothing. {}",
                word.to_lowercase(),
                clock(at),
                match word.as_str() {
                    "SUPERSEDED" => "Use the card that took its place.",
                    _ => "Propose again if it is still needed.",
                }
            ),
            Refusal::TooLateToStop { id, platform, asked_at } => format!(
                "{id} cannot be stopped any more: {} was asked at {} and cannot take it back. Nothing else will be asked; its card shows where it stands.",
                text(platform), clock(asked_at)
            ),
            Refusal::NotAuthorised { roles, people: ids } => format!(
                "This needs somebody with the role {}, and you do not have it. {} Nothing was run.",
                text(&list(roles, "or")), can(&people(ids))
            ),
            Refusal::OwnRequest { risk: Some(risk), agent, people: ids } => format!(
                "{} requested this, so someone else must approve it (class {risk}). {} Nothing was run.",
                match agent {
                    Some(agent) => format!("Your agent {}", text(agent)),
                    None => "You".into(),
                },
                can(&people(ids))
            ),
            Refusal::OwnRequest { risk: None, people: ids, .. } => format!(
                "You ran this as an emergency, so someone else must review it. {} Nothing was changed.",
                can(&people(ids))
            ),
            Refusal::AgentMayNot { agent, responsible } => format!(
                "Agents propose and people approve: the agent {} may propose, plan, note, and read the status and the timeline, and nothing else. Nothing was run. Ask {}, who is responsible for it.",
                text(agent),
                tone.person(responsible)
            ),
            Refusal::NotAMember { what } => format!(
                "Only full members of this workspace can use /rollback, and you are {what}. Ask someone on the team. Nothing was run."
            ),
            Refusal::AuthorityUnreadable { what, why, people: ids, break_glass } => {
                let others = match people(ids).as_str() {
                    "" => String::new(),
                    people => format!(" Or ask {people}."),
                };
                let emergency = match break_glass {
                    true => " If it can't wait: *Emergency run…* in the card's menu.",
                    false => "",
                };
                format!(
                    "I can't check your permission: {} could not be read ({}). Try again in a moment.{others}{emergency} Nothing was run.",
                    text(what), text(why)
                )
            }
            Refusal::AlreadySo { what } => format!("{} Nothing was changed.", text(what)),
            Refusal::Unconfirmed { what } => format!("{} Nothing was run.", text(what)),
            Refusal::NoBreakGlass { people: ids, unseen: Some(why), .. } => format!(
                "An emergency run has to be seen by others, and {}. {} Nothing was run.",
                text(why),
                match people(ids).as_str() {
                    "" => can(""),
                    people => format!("Invite {people} to this channel and try again, or ask them to approve it."),
                }
            ),
            Refusal::NoBreakGlass { risk, people: ids, unseen: None } => format!(
                "Emergency runs are off for {risk} rollbacks. {} Nothing was run.",
                match people(ids).as_str() {
                    "" => can(""),
                    people => format!("{people} can approve."),
                }
            ),
            Refusal::Flapping { service, turns, undoes } => format!(
                "{} was switched before within 30 minutes ({}). Add a reason: {}. Nothing was run.",
                text(service),
                text(&list(turns, "and")),
                match undoes {
                    Some(id) => format!("`/rollback undo {id} because …`"),
                    None => "the same command with `because …`".into(),
                }
            ),
            Refusal::KnownBad { service, target, why } => format!(
                "{}. To go back to {} all the same, say why: `/rollback {} to {} because …`. Nothing was run.",
                text(why),
                text(target),
                text(&service.typed()),
                text(&Target::Named(target.clone()).to_string())
            ),
            Refusal::CannotUndo { id, service, why } => format!(
                "{id} can't be undone: {}. `/rollback list {}` shows the releases. Nothing was run.",
                text(why), text(&service.typed())
            ),
            Refusal::Forged { what } => format!(
                "That button isn't valid, so I ignored it: {}. It was logged. Use the latest card. Nothing was run.", text(what)
            ),
            Refusal::NoIncident => "Nothing has happened in this channel yet, so there is no incident. A rollback, `/rollback incident open` or `/rollback note` starts one.".into(),
            Refusal::IncidentResolved { id } => format!(
                "{id} is resolved. `/rollback incident reopen because …` reopens it. Nothing was changed."
            ),
            Refusal::ResolvedTooEarly { id, word } => format!(
                "{id} is {}, not VERIFIED, so customers cannot be told yet that it is resolved. `/rollback update monitoring` says what is true; if it is resolved all the same, `/rollback update resolved` asks you why. Nothing was published, and the draft is kept.",
                text(word)
            ),
            Refusal::IncidentTime { why } => format!(
                "{} Check the times: `/rollback incident` shows them. Nothing was changed.",
                text(why)
            ),
            Refusal::NoReference { id } => format!(
                "{id} has no ticket, and this team wants one first: `/rollback incident link SHOP-123` in its channel, or the address of one. Then do the same again. Nothing was changed."
            ),
            Refusal::UnknownIncident { id } => format!(
                "There is no {id} in this channel. `/rollback timeline` names the latest one; what was recorded in another channel is shown only there."
            ),
            Refusal::TokenRefused { why } => format!(
                "Your token is not valid: {}. `rollback-bot token create`, where the bot runs, makes another one. Nothing was run.",
                text(why)
            ),
            Refusal::TooMuch { whose, per_minute, wait } => format!(
                "Too many commands{} ({per_minute} a minute). That one was ignored; retry in {wait} s.",
                match whose {
                    Flood::Person => "",
                    Flood::Channel => " in this channel",
                }
            ),
            Refusal::Busy { why } => format!(
                "{} This may or may not have been saved. Check `/rollback status` before repeating it.",
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
    /// A message or thread: a mention in it, a reaction to it, an edit of it.
    Mention,
    /// A button on a card.
    Button,
    /// A modal that was saved.
    Modal,
    /// The API or a terminal, with a token: nothing of Slack's.
    OutOfBand,
    /// The bot's own steps.
    Bot,
    /// What a platform answered.
    Platform,
    /// What was seen from outside.
    Check,
}

fn can(people: &str) -> String {
    match people {
        "" => "I know of nobody else who can: `/rollback contacts` says who can help.".into(),
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

/// How many names one sentence has at most: who reads it at night asks the first of them.
const NAMED_AT_MOST: usize = 5;

/// `a, b, c, d, e and 7 more`: a handful of names, and how many there are besides.
pub fn list_few(items: &[String], joint: &str) -> String {
    // "And one more" would be no shorter than the name.
    if items.len() <= NAMED_AT_MOST + 1 {
        return list(items, joint);
    }
    let (named, rest) = items.split_at(NAMED_AT_MOST);
    format!("{} {joint} {} more", named.join(", "), rest.len())
}

/// Begins with a capital and ends with a full stop.
pub fn sentence(text: &str) -> String {
    let mut characters = text.trim_end_matches('.').chars();
    match characters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), characters.as_str()),
        None => String::new(),
    }
}
