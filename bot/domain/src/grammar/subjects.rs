//! What a request is about: one rollback by its number, or a service.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::identity::{IncidentId, RollbackId};

use super::{
    misread::Misread,
    verbs::{RESERVED, Verb},
    words::{Words, bare},
};

/// The most characters a service or an environment may have.
const LONGEST_NAME: usize = 63;

/// A service, and where: `frontend` or `frontend@production`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceRef {
    /// The service, in lower case.
    pub service: String,
    /// The environment, in lower case; `None` if it was left out.
    pub environment: Option<String>,
}

/// A rollback or a service: what people ask about, and what an emergency run is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// One rollback, by its number.
    Rollback(RollbackId),
    /// Everything about one service.
    Service(ServiceRef),
}

/// An incident: what is exported, and what a post-mortem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IncidentRef {
    /// By its number.
    Incident(IncidentId),
    /// By the number of a rollback that belongs to it.
    Rollback(RollbackId),
}

impl IncidentRef {
    /// The incident that `INC-12`, `inc-12`, `RB-41` and `41` name.
    pub(super) fn named(word: &str) -> Option<Self> {
        let incident = match word.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("inc-") => Some(&word[4..]),
            _ => None,
        };
        match incident {
            Some(number) if number.bytes().all(|b| b.is_ascii_digit()) => {
                let number = number.parse().ok().filter(|number| *number > 0);
                number.map(|number| IncidentRef::Incident(IncidentId::new(number)))
            }
            Some(_) => None,
            None => rollback_named(word).map(IncidentRef::Rollback),
        }
    }
}

impl fmt::Display for IncidentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IncidentRef::Incident(incident) => write!(f, "{incident}"),
            IncidentRef::Rollback(rollback) => write!(f, "{rollback}"),
        }
    }
}

impl ServiceRef {
    /// Reads the word that names the service of a verb.
    pub(super) fn parse(verb: Verb, word: Option<&str>) -> Result<Self, Misread> {
        let word = bare(word.ok_or(Misread::MissingService { verb })?).to_ascii_lowercase();
        let (service, environment) = match word.split_once('@') {
            Some((service, environment)) => (service, Some(environment)),
            None => (word.as_str(), None),
        };
        if matches!(service, "to" | "because") && environment.is_none() {
            return Err(Misread::MissingService { verb });
        }
        if RESERVED.contains(&service) {
            return Err(Misread::Reserved {
                word: service.to_owned(),
            });
        }
        if !is_name(service) || environment.is_some_and(|environment| !is_name(environment)) {
            return Err(Misread::NotAName { word });
        }
        Ok(ServiceRef {
            service: service.to_owned(),
            environment: environment.map(str::to_owned),
        })
    }

    /// The same service in the environment that the next word may name; `None` if it has one
    /// already or the word cannot be one.
    pub(super) fn in_environment(&self, words: &Words<'_>) -> Option<ServiceRef> {
        let word = bare(words.peek()?).to_ascii_lowercase();
        let environment = word.strip_prefix('@').unwrap_or(&word);
        let fits =
            self.environment.is_none() && is_name(environment) && !RESERVED.contains(&environment);
        fits.then(|| ServiceRef {
            service: self.service.clone(),
            environment: Some(environment.to_owned()),
        })
    }
}

impl About {
    /// Reads the word that names the rollback or the service of a verb.
    pub(super) fn parse(verb: Verb, word: &str) -> Result<Self, Misread> {
        let word = bare(word);
        if let Some(rollback) = rollback_named(word) {
            return Ok(About::Rollback(rollback));
        }
        if digits(word).is_some() {
            return Err(Misread::BadNumber {
                verb,
                word: word.to_owned(),
            });
        }
        ServiceRef::parse(verb, Some(word)).map(About::Service)
    }

    /// Reads the rollback or the service that a verb cannot do without.
    pub(super) fn required(verb: Verb, words: &mut Words<'_>) -> Result<Self, Misread> {
        if words.marked_reason().is_some() {
            return Err(Misread::MissingAbout { verb });
        }
        let word = words.next().ok_or(Misread::MissingAbout { verb })?;
        About::parse(verb, word)
    }

    /// The service, if it is about one.
    pub(super) fn service(&self) -> Option<&ServiceRef> {
        match self {
            About::Rollback(_) => None,
            About::Service(service) => Some(service),
        }
    }
}

/// Reads the number of the rollback that a verb is about.
pub(super) fn required_number(verb: Verb, words: &mut Words<'_>) -> Result<RollbackId, Misread> {
    if words.marked_reason().is_some() {
        return Err(Misread::MissingNumber { verb });
    }
    let word = bare(words.next().ok_or(Misread::MissingNumber { verb })?);
    rollback_named(word).ok_or_else(|| Misread::BadNumber {
        verb,
        word: word.to_owned(),
    })
}

/// Refuses words that are left when a request is complete. Where it was about a service, the next
/// word may have been meant as its environment.
pub(super) fn expect_end(
    verb: Verb,
    service: Option<&ServiceRef>,
    words: &Words<'_>,
) -> Result<(), Misread> {
    if words.at_end() {
        return Ok(());
    }
    let suggestion = service
        .and_then(|service| service.in_environment(words))
        .map(|service| format!("{verb} {service}"));
    Err(Misread::TrailingWords {
        words: words.rest.to_owned(),
        suggestions: suggestion.into_iter().collect(),
    })
}

/// Whether a service or an environment can be called so: `[a-z0-9][a-z0-9._-]*`, at most 63, not
/// ending in a full stop, and not to be mistaken for the number of a rollback. [`RESERVED`] words
/// pass: an environment may have them.
pub fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
        && !name.ends_with('.')
        && digits(name).is_none()
}

/// The rollback that `RB-41`, `rb-41`, `#41` and `41` name, or the drill that `DR-7` and `dr-7` name.
pub(super) fn rollback_named(word: &str) -> Option<RollbackId> {
    let word = word
        .strip_prefix('#')
        .filter(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
        .unwrap_or(word);
    let is_possible = |number: &u64| (1..=RollbackId::LAST).contains(number);
    let number = digits(word)?.parse().ok().filter(is_possible)?;
    Some(match is_drill(word) {
        true => RollbackId::drill(number),
        false => RollbackId::new(number),
    })
}

fn is_drill(word: &str) -> bool {
    let prefix = word.get(..3);
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("dr-"))
}

/// The digits of what can only be the number of a rollback, even if it is too big for one.
fn digits(word: &str) -> Option<&str> {
    let digits = match word.get(..3) {
        Some(prefix) if prefix.eq_ignore_ascii_case("rb-") || is_drill(word) => &word[3..],
        _ => word,
    };
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

impl fmt::Display for ServiceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.service)?;
        match &self.environment {
            Some(environment) => write!(f, "@{environment}"),
            None => Ok(()),
        }
    }
}

impl FromStr for ServiceRef {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        let word = Some(text.trim()).filter(|text| !text.is_empty());
        ServiceRef::parse(Verb::Propose, word)
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            About::Rollback(number) => write!(f, "{number}"),
            About::Service(service) => write!(f, "{service}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::samples::at;

    #[test]
    fn names() {
        for name in [
            "a",
            "9lives",
            "front-end_2.eu",
            "rb",
            "rb-",
            "rb-4a",
            &"a".repeat(63),
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "A",
            "-a",
            ".a",
            "a.",
            "a b",
            "é",
            "41",
            "rb-41",
            "a@b",
            &"a".repeat(64),
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn the_number_of_a_rollback() {
        for word in ["RB-41", "rb-41", "#41", "41"] {
            assert_eq!(rollback_named(word), Some(RollbackId::new(41)), "{word}");
        }
        for word in [
            "RB-0",
            "0",
            "#RB-41",
            "+41",
            "41a",
            "RB",
            "",
            "99999999999999999999",
        ] {
            assert_eq!(rollback_named(word), None, "{word}");
        }
    }

    #[test]
    fn a_rollback_or_a_service() {
        let about = |word| About::parse(Verb::Status, word);
        assert_eq!(about("rb-41?"), Ok(About::Rollback(RollbackId::new(41))));
        assert_eq!(
            about("`Frontend@Production`"),
            Ok(About::Service(at("frontend@production")))
        );
        assert_eq!(
            about("rb-99999999999999999999"),
            Err(Misread::BadNumber {
                verb: Verb::Status,
                word: "rb-99999999999999999999".into()
            })
        );
        assert_eq!(
            about("drill@production"),
            Err(Misread::Reserved {
                word: "drill".into()
            })
        );
    }

    #[test]
    fn what_cannot_be_a_service() {
        for word in [
            "frönt",
            "frontend@",
            "a@b@c",
            "???",
            "🔥",
            "\u{212a}afka",
            "41",
        ] {
            let not_a_name = Misread::NotAName {
                word: bare(word).to_owned(),
            };
            assert_eq!(word.parse::<ServiceRef>(), Err(not_a_name), "{word}");
        }
        for word in ["", "to", "because"] {
            let missing = Misread::MissingService {
                verb: Verb::Propose,
            };
            assert_eq!(word.parse::<ServiceRef>(), Err(missing), "{word}");
        }
    }
}
