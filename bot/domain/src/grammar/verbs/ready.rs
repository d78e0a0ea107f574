//! `ready`, `ready frontend`: whether a service could be rolled back now.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    subjects::{ServiceRef, expect_end},
    words::Words,
};

/// Shows whether services could be rolled back now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ready {
    /// The service, which is read for it; `None`: every service, as it was last read.
    pub service: Option<ServiceRef>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["ready"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`ready`, `ready frontend`",
        meaning: "whether it could be rolled back now: token, target, approvers, checks",
    },
    help: &[
        "`ready frontend`: reads all that a rollback would read, changes nothing, and says what is missing.",
        "`ready`: every service, as it was last read.",
        "With several environments say which: `ready frontend@production`.",
    ],
};

impl Ready {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let service = match words.next() {
            Some(word) => Some(ServiceRef::parse(Verb::Ready, Some(word))?),
            None => None,
        };
        expect_end(Verb::Ready, service.as_ref(), &words)?;
        Ok(Ready { service })
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Some(service) => write!(f, "{} {service}", Verb::Ready),
            None => write!(f, "{}", Verb::Ready),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_service, at, misreads, no_service, not_a_name, reads, trailing},
    };

    pub fn any() -> impl Strategy<Value = Ready> {
        proptest::option::of(any_service()).prop_map(|service| Ready { service })
    }

    #[test]
    fn asking_whether_it_is_ready() {
        let ready = |service: Option<&str>| {
            Request::Ready(Ready {
                service: service.map(at),
            })
        };
        reads([
            ("ready", ready(None)),
            ("ready?", ready(None)),
            ("ready frontend", ready(Some("frontend"))),
            (
                "ready frontend@production",
                ready(Some("frontend@production")),
            ),
        ]);
        misreads([
            (
                "ready frontend production",
                trailing("production", &["ready frontend@production"]),
            ),
            ("ready RB-41", not_a_name("rb-41")),
            ("ready because", no_service(Verb::Ready)),
        ]);
    }
}
