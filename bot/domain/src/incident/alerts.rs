//! What is recorded of alerts: that they fire, and that they have ended.

use super::Kind;
use crate::{identity::ServiceKey, proof::spell, refusal::Tone};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Something that the alerts of a service did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AlertFact {
    /// One fires.
    AlertFired {
        /// The service; `None`: no rule says which.
        service: Option<ServiceKey>,
        /// The sender, as the configuration calls it.
        from: String,
        /// What it is called.
        title: String,
        /// What it says besides; `None`: nothing.
        description: Option<String>,
        /// When it began, as the sender says; `None`: the sender does not say.
        since: Option<Timestamp>,
    },
    /// More fire than are recorded one by one: the others are counted.
    AlertsCounted {
        /// The service; `None`: no rule says which.
        service: Option<ServiceKey>,
        /// How many are recorded.
        recorded: usize,
    },
    /// After all of them had ended, one fires again.
    AlertsFireAgain {
        /// The service; `None`: no rule says which.
        service: Option<ServiceKey>,
        /// What it is called.
        title: String,
        /// How often that was so in this incident.
        times: u32,
    },
    /// The incident began right after a deploy, and people were told so.
    DeploySuspected {
        /// The service.
        service: ServiceKey,
        /// The release, as people recognise it.
        release: String,
        /// When it went live.
        live_since: Timestamp,
        /// When the incident began.
        began: Timestamp,
    },
    /// The last one that fired has ended.
    AlertsResolved {
        /// The service; `None`: no rule says which.
        service: Option<ServiceKey>,
        /// What it is called.
        title: String,
        /// How many there were that are told apart.
        alerts: usize,
        /// How many more were counted.
        untracked: u64,
        /// When the first of them began.
        began: Timestamp,
        /// When the last of them ended.
        ended: Timestamp,
    },
}

impl AlertFact {
    pub(super) fn kind(&self) -> Kind {
        match self {
            AlertFact::AlertFired { .. }
            | AlertFact::AlertsCounted { .. }
            | AlertFact::AlertsFireAgain { .. }
            | AlertFact::AlertsResolved { .. } => Kind::Alert,
            AlertFact::DeploySuspected { .. } => Kind::Reminded,
        }
    }

    pub(super) fn clause(&self, tone: &dyn Tone) -> String {
        let of = |service: &Option<ServiceKey>| match service {
            Some(service) => format!(" of {}", tone.text(&service.to_string())),
            None => " of a service that no rule names".to_owned(),
        };
        let clock = |at: &Timestamp| at.strftime("%H:%M:%S UTC").to_string();
        match self {
            AlertFact::AlertFired {
                service,
                from: _,
                title,
                description,
                since,
            } => {
                let since = since
                    .as_ref()
                    .map(|since| format!(", since {}", clock(since)));
                let description = description.as_ref();
                let description =
                    description.map(|description| format!(": \"{}\"", tone.words(description)));
                format!(
                    "alert \"{}\"{} fires{}{}",
                    tone.words(title),
                    of(service),
                    since.unwrap_or_default(),
                    description.unwrap_or_default()
                )
            }
            AlertFact::AlertsCounted { service, recorded } => format!(
                "more alerts{} fire than the {recorded} that are recorded: the others are counted in their message",
                of(service)
            ),
            AlertFact::AlertsFireAgain {
                service,
                title,
                times,
            } => format!(
                "alert \"{}\"{} fires again (the {} time)",
                tone.words(title),
                of(service),
                ordinal(*times + 1)
            ),
            AlertFact::DeploySuspected {
                service,
                release,
                live_since,
                began,
            } => format!(
                "reminded that {} of {} went live {} before it began",
                tone.text(release),
                tone.text(&service.to_string()),
                spell(began.duration_since(*live_since).unsigned_abs())
            ),
            AlertFact::AlertsResolved {
                service,
                title,
                alerts,
                untracked,
                began,
                ended,
            } => {
                let which = match (alerts, untracked) {
                    (1, 0) => format!("alert \"{}\"{}", tone.words(title), of(service)),
                    (alerts, 0) => format!("all {alerts} alerts{}", of(service)),
                    (alerts, more) => format!(
                        "all {alerts} alerts{} that are told apart (of about {more} more that is not known)",
                        of(service)
                    ),
                };
                let lasted = spell(ended.duration_since(*began).unsigned_abs());
                format!("{which} ended at {}, after {lasted}", clock(ended))
            }
        }
    }
}

/// `1st`, `2nd`, `3rd`, `4th`.
pub fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}
