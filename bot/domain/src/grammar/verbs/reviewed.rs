//! `reviewed frontend`, `reviewed role oncall`: what somebody has looked at, and still holds.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    subjects::{ServiceRef, expect_end},
    words::{Words, bare},
};

/// Sets the date of a review.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordReview {
    /// What was reviewed; `None`: what is due is shown, and nothing is set.
    pub subject: Option<ReviewSubject>,
}

/// What people say that they have reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReviewSubject {
    /// A service.
    Service(ServiceRef),
    /// A role, by its name.
    Role(String),
    /// Who helps with what.
    Contacts,
    /// The decision matrix.
    Matrix,
}

/// The word before the name of a role.
const ROLE: &str = "role";
/// The word for the contacts, which no service is called.
const CONTACTS: &str = "contacts";
/// The word for the decision matrix. A service of this name is written with its environment.
const MATRIX: &str = "matrix";

pub(super) const SPEC: Spec = Spec {
    words: &["reviewed"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`reviewed frontend`, `reviewed`",
        meaning: "say that its settings still hold; see what is due",
    },
    help: &[
        "`reviewed frontend`: you have looked at its section in the configuration, and it holds. It is recorded who and when.",
        "`reviewed role oncall`, `reviewed contacts`, `reviewed matrix`: the same for those.",
        "`reviewed`: what was reviewed when, and what is due.",
    ],
};

impl RecordReview {
    pub(in crate::grammar) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let Some(first) = words.next() else {
            return Ok(RecordReview { subject: None });
        };
        let subject = match bare(first).to_ascii_lowercase().as_str() {
            ROLE => match words.next().map(bare).filter(|name| !name.is_empty()) {
                Some(name) => ReviewSubject::Role(name.to_owned()),
                None => return Err(no_role()),
            },
            CONTACTS => ReviewSubject::Contacts,
            MATRIX => ReviewSubject::Matrix,
            _ => ReviewSubject::Service(ServiceRef::parse(Verb::RecordReview, Some(first))?),
        };
        let service = match &subject {
            ReviewSubject::Service(service) => Some(service),
            ReviewSubject::Role(_) | ReviewSubject::Contacts | ReviewSubject::Matrix => None,
        };
        expect_end(Verb::RecordReview, service, &words)?;
        Ok(RecordReview {
            subject: Some(subject),
        })
    }
}

fn no_role() -> Misread {
    Misread::BadArgument {
        verb: Verb::RecordReview,
        sentence: "Nothing was recorded, because no role is named: write, for example, `reviewed role oncall`.".into(),
    }
}

impl fmt::Display for ReviewSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReviewSubject::Service(service) => write!(f, "{service}"),
            ReviewSubject::Role(name) => write!(f, "{ROLE} {name}"),
            ReviewSubject::Contacts => f.write_str(CONTACTS),
            ReviewSubject::Matrix => f.write_str(MATRIX),
        }
    }
}

impl fmt::Display for RecordReview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Some(subject) => write!(f, "{} {subject}", Verb::RecordReview),
            None => write!(f, "{}", Verb::RecordReview),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_service, at, misreads, not_a_name, reads, trailing},
    };

    pub fn any() -> impl Strategy<Value = RecordReview> {
        let service = any_service().prop_filter("a word of its own", |service| {
            let word = service.service.as_str();
            service.environment.is_some() || ![ROLE, CONTACTS, MATRIX].contains(&word)
        });
        let subject = prop_oneof![
            service.prop_map(ReviewSubject::Service),
            "[a-z][a-z0-9-]{0,10}[a-z0-9]".prop_map(ReviewSubject::Role),
            Just(ReviewSubject::Contacts),
            Just(ReviewSubject::Matrix),
        ];
        proptest::option::of(subject).prop_map(|subject| RecordReview { subject })
    }

    #[test]
    fn saying_that_something_was_reviewed() {
        let reviewed = |subject| Request::RecordReview(RecordReview { subject });
        let service = |name| reviewed(Some(ReviewSubject::Service(at(name))));
        reads([
            ("reviewed", reviewed(None)),
            ("reviewed frontend", service("frontend")),
            (
                "Reviewed frontend@production",
                service("frontend@production"),
            ),
            ("reviewed matrix@production", service("matrix@production")),
            ("reviewed Matrix", reviewed(Some(ReviewSubject::Matrix))),
            ("reviewed contacts", reviewed(Some(ReviewSubject::Contacts))),
            (
                "reviewed role oncall",
                reviewed(Some(ReviewSubject::Role("oncall".into()))),
            ),
        ]);
        misreads([
            ("reviewed role", no_role()),
            ("reviewed RB-41", not_a_name("rb-41")),
            (
                "reviewed frontend production",
                trailing("production", &["reviewed frontend@production"]),
            ),
        ]);
    }
}
