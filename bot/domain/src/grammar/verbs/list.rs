//! `list frontend`: the last releases of a service.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    subjects::{ServiceRef, expect_end},
    words::Words,
};

/// Shows the last releases of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct List {
    /// The service whose releases are shown.
    pub service: ServiceRef,
}

pub(super) const SPEC: Spec = Spec {
    words: &["list"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`list frontend`",
        meaning: "the last releases, good and bad",
    },
    help: &[
        "`list frontend`: its last releases, good and bad, newest first.",
        "With several environments say which: `list frontend@production`.",
    ],
};

impl List {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let service = ServiceRef::parse(Verb::List, words.next())?;
        expect_end(Verb::List, Some(&service), &words)?;
        Ok(List { service })
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Verb::List, self.service)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_service, at, misreads, no_service, not_a_name, reads, reserved, trailing},
    };

    pub fn any() -> impl Strategy<Value = List> {
        any_service().prop_map(|service| List { service })
    }

    #[test]
    fn listing_releases() {
        let list = |service| {
            Request::List(List {
                service: at(service),
            })
        };
        reads([
            ("list frontend", list("frontend")),
            ("list frontend@staging", list("frontend@staging")),
        ]);
        misreads([
            ("list", no_service(Verb::List)),
            ("list 41", not_a_name("41")),
            ("list status", reserved("status")),
            (
                "list frontend production",
                trailing("production", &["list frontend@production"]),
            ),
        ]);
    }
}
