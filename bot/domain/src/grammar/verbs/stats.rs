//! `stats`, `stats frontend`: how rollbacks went in the last ninety days.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    subjects::{ServiceRef, expect_end},
    words::Words,
};

/// Shows how rollbacks went in the last ninety days.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stats {
    /// The service; `None`: every service.
    pub service: Option<ServiceRef>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["stats", "statistics"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`stats`, `stats frontend`",
        meaning: "how rollbacks went in the last 90 days, and where the time went",
    },
    help: &[
        "`stats`: for each service how long rollbacks took, how many met their goal, and where the time went.",
        "`stats frontend`: the same for one service. Drills do not count.",
    ],
};

impl Stats {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let service = match words.next() {
            Some(word) => Some(ServiceRef::parse(Verb::Stats, Some(word))?),
            None => None,
        };
        expect_end(Verb::Stats, service.as_ref(), &words)?;
        Ok(Stats { service })
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Some(service) => write!(f, "{} {service}", Verb::Stats),
            None => write!(f, "{}", Verb::Stats),
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

    pub fn any() -> impl Strategy<Value = Stats> {
        proptest::option::of(any_service()).prop_map(|service| Stats { service })
    }

    #[test]
    fn asking_how_rollbacks_went() {
        let stats = |service: Option<&str>| {
            Request::Stats(Stats {
                service: service.map(at),
            })
        };
        reads([
            ("stats", stats(None)),
            ("statistics", stats(None)),
            ("stats frontend", stats(Some("frontend"))),
            (
                "stats frontend@production",
                stats(Some("frontend@production")),
            ),
        ]);
        misreads([
            (
                "stats frontend production",
                trailing("production", &["stats frontend@production"]),
            ),
            ("stats RB-41", not_a_name("rb-41")),
            ("stats because", no_service(Verb::Stats)),
        ]);
    }
}
