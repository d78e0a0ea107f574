//! `[incidents]`: what severities are called and mean, who is told, what is captured and promised.

use super::{DAY, Declared, HOUR, MINUTE, channels, promises, values::role_name};
use rollback_domain::{
    action::PromiseRule,
    incident::{CourseRules, NamedSeverity, Severity},
};
use rollback_settings::{Repeats, Section, Value, choice, duration, flag, one_of, text};
use std::{collections::BTreeMap, time::Duration};

/// Where a reference stands in the address of one.
const PLACE: &str = "{reference}";

/// A severity of a preset: what it is called, and how soon it is to be mitigated.
type Line = (Severity, &'static str, Option<Duration>);

/// Four severities, of which three have a time.
const PLATFORM: &[Line] = &[
    (Severity::P1, "critical", Some(Duration::from_secs(15 * 60))),
    (Severity::P2, "high", Some(HOUR)),
    (Severity::P3, "medium", Some(Duration::from_secs(4 * 3_600))),
    (Severity::P4, "low", None),
];
/// Three severities; the first has the time that going back with everything may take.
const FRONTEND_BACKEND: &[Line] = &[
    (Severity::P1, "critical", Some(Duration::from_secs(20 * 60))),
    (Severity::P2, "high", None),
    (Severity::P3, "medium", None),
];
/// Three severities, which people weigh.
const BUSINESS_APP: &[Line] = &[
    (Severity::P1, "critical", None),
    (Severity::P2, "high", None),
    (Severity::P3, "medium", None),
];

/// Every preset, by its name.
const PRESETS: [(&str, &[Line]); 3] = [
    ("platform", PLATFORM),
    ("business-app", BUSINESS_APP),
    ("frontend-backend", FRONTEND_BACKEND),
];

/// How incidents are handled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incidents {
    /// What each severity is called, as far as it has a name.
    pub severities: BTreeMap<Severity, String>,
    /// Who is told when an incident gets a severity, as far as somebody is.
    pub told: BTreeMap<Severity, Told>,
    /// Until when each is to be mitigated, and what is wanted before one is resolved.
    pub rules: CourseRules,
    /// What incidents are called elsewhere.
    pub references: References,
    /// The names of the reactions that put a message into the timeline; empty: none does.
    pub reactions: Vec<String>,
    /// Whether such a reaction opens an incident in a channel where none goes on.
    pub reactions_open_incidents: bool,
    /// What is promised whenever an incident is resolved; empty: nothing is.
    pub promises: Vec<PromiseRule>,
    /// After what time a severe incident is told that it began right after a deploy; `None`: never.
    pub nudge_after: Option<Duration>,
}

/// What incidents are called elsewhere: tickets, incidents of a pager.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Where one is, with `{reference}` in it; `None`: that is not known.
    pub url: Option<String>,
    /// Whether a rollback is approved only if its incident has one.
    pub to_approve: bool,
}

impl References {
    /// The address of one; `None`: it is none itself, and where they are is not known.
    pub fn address(&self, reference: &str) -> Option<String> {
        let is_address = reference.starts_with("https://") || reference.starts_with("http://");
        match is_address {
            true => Some(reference.to_owned()),
            false => {
                let encoded: String =
                    form_urlencoded::byte_serialize(reference.as_bytes()).collect();
                let url = self.url.as_ref()?;
                Some(url.replace(PLACE, &encoded))
            }
        }
    }
}

/// Who is told when an incident gets a severity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The roles whose members are mentioned in the channel of the incident.
    pub roles: Vec<String>,
    /// The channels, by id, in which it is told too.
    pub channels: Vec<String>,
}

impl Incidents {
    /// A severity with its name.
    pub fn named(&self, severity: Severity) -> NamedSeverity {
        NamedSeverity {
            severity,
            name: self.severities.get(&severity).cloned(),
        }
    }
}

/// After what time a severe incident is told that it began right after a deploy.
const NUDGE_AFTER: Duration = Duration::from_secs(10 * 60);
/// The reactions that put a message into the timeline, unless others are configured: 📌 and ⏱️.
const REACTIONS: [&str; 2] = ["pushpin", "stopwatch"];

pub(super) fn incidents(section: &Section<'_>, there: &Declared<'_>) -> Incidents {
    let names = PRESETS.map(|(name, _)| name);
    let preset = section.optional("preset", |value| one_of(&text(value)?, &names));
    let preset = PRESETS.iter().find(|(name, _)| Some(*name) == preset);
    let preset = preset.map_or(&[][..], |(_, severities)| severities);
    let severities = written(section, "severity").map(|names| {
        let named = |severity: &Severity| {
            let name = names.optional(&severity.to_string().to_ascii_lowercase(), severity_name)?;
            Some((*severity, name))
        };
        let severities = Severity::ALL.iter().filter_map(named).collect();
        names.done();
        severities
    });
    let told = section.section("told").map(|severities| {
        let told = |severity: &Severity| {
            let key = severity.to_string().to_ascii_lowercase();
            severities.get(&key)?;
            Some((*severity, told(&severities.section(&key)?, there)))
        };
        let told = Severity::ALL.iter().filter_map(told).collect();
        severities.done();
        told
    });
    let within = written(section, "mitigate_within").map(|within| {
        let of = |severity: &Severity| {
            let key = severity.to_string().to_ascii_lowercase();
            Some((
                *severity,
                within.optional(&key, duration(MINUTE..=30 * DAY))?,
            ))
        };
        let read: BTreeMap<_, _> = Severity::ALL.iter().filter_map(of).collect();
        within.done();
        read
    });
    let wanted = section.section("references");
    let (references, reference_to_resolve) =
        wanted.map(|wanted| references(&wanted)).unwrap_or_default();
    let reactions = section.any_list("reactions", "\"pushpin\"", Repeats::Refused, reaction);
    let opens = section.or("reactions_open_incidents", false, flag);
    let nudge_after = section.or("nudge_after", NUDGE_AFTER, duration(Duration::ZERO..=DAY));
    let promises = match section.get("promises") {
        None => Some(promises::usual()),
        Some(_) => section.sections("promises").and_then(|promises| {
            let promises: Vec<_> = promises.iter().map(promises::promise).collect();
            promises.into_iter().collect()
        }),
    };
    section.done();
    // What is written takes the place of what the preset has there.
    let names = preset
        .iter()
        .map(|(severity, name, _)| (*severity, (*name).to_owned()));
    let times = preset
        .iter()
        .filter_map(|(severity, _, within)| Some((*severity, (*within)?)));
    Incidents {
        severities: severities.unwrap_or_else(|| names.collect()),
        rules: CourseRules {
            mitigate_within: within.unwrap_or_else(|| times.collect()),
            reference_to_resolve,
        },
        references,
        told: told.unwrap_or_default(),
        reactions: reactions.unwrap_or_else(|| REACTIONS.map(str::to_owned).to_vec()),
        reactions_open_incidents: opens,
        promises: promises.unwrap_or_default(),
        nudge_after: (!nudge_after.is_zero()).then_some(nudge_after),
    }
}

/// A section that somebody has written; `None`: what the preset has counts.
fn written<'a>(section: &Section<'a>, key: &str) -> Option<Section<'a>> {
    section.get(key)?;
    section.section(key)
}

/// What `[incidents.references]` says: of them, and whether one is needed to resolve an incident.
fn references(section: &Section<'_>) -> (References, bool) {
    let url = section.optional("url", |value| {
        let url = text(value)?;
        match url.starts_with("https://") && url.contains(PLACE) {
            true => Ok(url),
            false => Err(format!(
                "is no address with {PLACE} in it; write, for example, \"https://tickets.example.com/{PLACE}\""
            )),
        }
    });
    let needed = section.optional_list("needed_to", "\"resolve\"", Repeats::Refused, |value| {
        choice(
            value,
            &[("approve", Step::Approve), ("resolve", Step::Resolve)],
        )
    });
    section.done();
    let needed = needed.unwrap_or_default();
    let references = References {
        url,
        to_approve: needed.contains(&Step::Approve),
    };
    (references, needed.contains(&Step::Resolve))
}

/// A step for which an incident may need a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Approve,
    Resolve,
}

/// Who is told of one severity.
fn told(section: &Section<'_>, there: &Declared<'_>) -> Told {
    let roles = section.optional_list("roles", "\"lead\"", Repeats::Refused, |value| {
        role_name(value, &there.roles)
    });
    let told = Told {
        roles: roles.unwrap_or_default(),
        channels: channels(section, "channels"),
    };
    section.done();
    told
}

/// What a reaction is called in Slack.
fn reaction(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_+-'".contains(c);
    match !name.is_empty() && name.len() <= 100 && name.chars().all(fits) {
        true => Ok(name),
        false => {
            Err("is not the name of a reaction; write it without colons, as \"pushpin\"".to_owned())
        }
    }
}

/// A name that fits into every sentence in which it stands.
fn severity_name(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    match name.chars().count() {
        1..=60 => Ok(name),
        _ => Err("is too long or empty; write 1 to 60 characters".to_owned()),
    }
}
