//! What somebody has to look at from time to time, because it goes stale by itself: the section of a
//! service, who is in a role, whom to call, the decision matrix. And when somebody last did.

use crate::{identity::ServiceKey, people::Person, proof::spell};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, time::Duration};

/// What is reviewed from time to time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Procedure {
    /// How a service is rolled back.
    Service(ServiceKey),
    /// Who is in a role.
    Role(String),
    /// Who helps with what.
    Contacts,
    /// The decision matrix.
    Matrix,
}

impl Procedure {
    /// As people type it, and as it is stored: `frontend@production`, `role oncall`, `contacts`.
    pub fn typed(&self) -> String {
        match self {
            Procedure::Service(service) => service.typed(),
            Procedure::Role(role) => format!("role {role}"),
            Procedure::Contacts => "contacts".into(),
            Procedure::Matrix => "matrix".into(),
        }
    }
}

impl fmt::Display for Procedure {
    /// How it stands in a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Procedure::Service(service) => write!(f, "{service}"),
            Procedure::Role(role) => write!(f, "the role {role}"),
            Procedure::Contacts => f.write_str("the contacts"),
            Procedure::Matrix => f.write_str("the decision matrix"),
        }
    }
}

/// Who reviewed something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastReview {
    /// Who.
    pub by: Person,
    /// When.
    pub at: Timestamp,
}

/// The last review of everything that was ever reviewed, by how people type its name.
pub type LastReviews = BTreeMap<String, LastReview>;

/// When something was reviewed, and for how long that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewDate {
    /// The last review; `None`: there was none.
    pub last: Option<LastReview>,
    /// For how long a review holds.
    pub every: Duration,
}

impl ReviewDate {
    /// When the next review is due; `None`: at once, because there was none.
    pub fn due(&self) -> Option<Timestamp> {
        let last = self.last.as_ref()?;
        Some(last.at.checked_add(self.every).unwrap_or(last.at))
    }

    /// Whether a review is due at this moment.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due().is_none_or(|due| due <= now)
    }

    /// As a clause: "reviewed by @kim on 2026-01-02; the next review is due on 2026-04-02".
    pub fn clause(&self, now: Timestamp) -> String {
        let (Some(last), Some(due)) = (&self.last, self.due()) else {
            return format!(
                "never reviewed; a review is due every {}",
                spell(self.every)
            );
        };
        let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
        let when = match due <= now {
            true => "was",
            false => "is",
        };
        format!(
            "reviewed by @{} on {}; the next review {when} due on {}",
            last.by.name,
            day(last.at),
            day(due)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_review_holds_for_as_long_as_is_set() {
        let date = ReviewDate {
            last: Some(LastReview {
                by: Person::new("U0KIM", "kim"),
                at: at("2026-01-02T10:00:00Z"),
            }),
            every: Duration::from_secs(90 * 86_400),
        };
        let before = at("2026-04-02T09:59:59Z");
        assert!(!date.is_due(before));
        assert_eq!(
            date.clause(before),
            "reviewed by @kim on 2026-01-02; the next review is due on 2026-04-02"
        );
        let then = at("2026-04-02T10:00:00Z");
        assert!(date.is_due(then));
        assert!(date.clause(then).ends_with("was due on 2026-04-02"));
    }

    #[test]
    fn what_nobody_has_reviewed_is_due_at_once() {
        let date = ReviewDate {
            last: None,
            every: Duration::from_secs(90 * 86_400),
        };
        let now = at("2026-04-02T10:00:00Z");
        assert!(date.is_due(now));
        assert_eq!(
            date.clause(now),
            "never reviewed; a review is due every 90 d"
        );
    }
}
