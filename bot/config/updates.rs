//! `[updates]`: who may tell customers something, which channels are told, and how often.

use super::{DAY, Declared, MINUTE, channels};
use rollback_domain::incident::Severity;
use rollback_settings::{Repeats, Section, Value, did_you_mean, duration, text};
use std::{collections::BTreeMap, time::Duration};

/// How others are told of incidents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Updates {
    /// The roles whose members may publish an update for customers; empty: every full member may.
    pub publish: Vec<String>,
    /// The channels, by id, that get updates for the team, besides that of the incident.
    pub internal: Vec<String>,
    /// The channels, by id, that get updates for customers, besides that of the incident.
    pub external: Vec<String>,
    /// How long after an update, or after the severity was set, the next one is due.
    pub every: BTreeMap<Severity, Duration>,
}

impl Updates {
    /// The channels that get an update besides that of the incident.
    pub fn linked(&self, is_external: bool) -> &[String] {
        match is_external {
            true => &self.external,
            false => &self.internal,
        }
    }
}

pub(super) fn updates(section: &Section<'_>, there: &Declared<'_>) -> Updates {
    let role = |value: &Value| {
        let role = text(value)?;
        if there.roles.contains(&role.as_str()) {
            return Ok(role);
        }
        let otherwise = format!("write one of {}", there.roles.join(", "));
        Err(format!(
            "there is no role {role:?}; {}",
            did_you_mean(&role, &there.roles).unwrap_or(otherwise)
        ))
    };
    let publish = section.optional_list("publish", "\"comms\"", Repeats::Refused, role);
    let internal = channels(section, "internal");
    let external = channels(section, "external");
    let every = section.section("every").map(|every| {
        let of = |severity: &Severity| {
            let key = severity.to_string().to_ascii_lowercase();
            Some((*severity, every.optional(&key, duration(MINUTE..=DAY))?))
        };
        let read = Severity::ALL.iter().filter_map(of).collect();
        every.done();
        read
    });
    section.done();
    Updates {
        publish: publish.unwrap_or_default(),
        internal,
        external,
        every: every.unwrap_or_default(),
    }
}
