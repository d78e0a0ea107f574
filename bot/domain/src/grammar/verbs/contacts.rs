//! `contacts`, `contacts frontend`: whom to reach.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    subjects::{ServiceRef, expect_end},
    words::Words,
};

/// Shows whom to reach.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Contacts {
    /// The service whose contacts are shown; `None` for those of everything.
    pub service: Option<ServiceRef>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["contacts"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::SameLine {
        examples: "`contacts frontend`",
        meaning: ", and whom to reach",
    },
    help: &[
        "`contacts`: whom to reach. `contacts frontend`: whom for one service.",
        "With several environments say which: `contacts frontend@production`.",
    ],
};

impl Contacts {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let service = match words.next() {
            Some(word) => Some(ServiceRef::parse(Verb::Contacts, Some(word))?),
            None => None,
        };
        expect_end(Verb::Contacts, service.as_ref(), &words)?;
        Ok(Contacts { service })
    }
}

impl fmt::Display for Contacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Some(service) => write!(f, "{} {service}", Verb::Contacts),
            None => write!(f, "{}", Verb::Contacts),
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

    pub fn any() -> impl Strategy<Value = Contacts> {
        proptest::option::of(any_service()).prop_map(|service| Contacts { service })
    }

    #[test]
    fn asking_for_contacts() {
        let contacts = |service: Option<&str>| {
            Request::Contacts(Contacts {
                service: service.map(at),
            })
        };
        reads([
            ("contacts", contacts(None)),
            ("contacts?", contacts(None)),
            ("contacts frontend", contacts(Some("frontend"))),
            (
                "contacts frontend@production",
                contacts(Some("frontend@production")),
            ),
        ]);
        misreads([
            (
                "contacts frontend production",
                trailing("production", &["contacts frontend@production"]),
            ),
            ("contacts RB-41", not_a_name("rb-41")),
            ("contacts because", no_service(Verb::Contacts)),
        ]);
    }
}
