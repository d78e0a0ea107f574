//! `freeze frontend because …`: requests a hold on a service.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    reasons::{Because, required, service_and_reason},
    subjects::ServiceRef,
    words::Words,
};

/// Requests a hold: that nothing be changed on a service. Approvers can still approve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Freeze {
    /// The service.
    pub service: ServiceRef,
    /// Why, in the person's own words.
    pub because: String,
}

pub(super) const SPEC: Spec = Spec {
    words: &["freeze", "lock"],
    takes: Takes::Other,
    needs_reason: true,
    listing: Listing::Line {
        examples: "`freeze frontend because we migrate`",
        meaning: "request a hold, shown on every card; approvers can still approve",
    },
    help: &[
        "`freeze frontend because we migrate`: request a hold until `unfreeze frontend`. The reason is needed.",
        "Every card shows it and every approval records it; approvers can still approve.",
        "With several environments say which: `freeze frontend@production because we migrate`. `lock` is the same.",
    ],
};

impl Freeze {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        let (service, because) = service_and_reason(Verb::Freeze, words)?;
        let because = required(Verb::Freeze, service.to_string(), because)?;
        Ok(Freeze { service, because })
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Freeze { service, because } = self;
        let because = Because(Some(because));
        write!(f, "{} {service}{because}", Verb::Freeze)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{
            any_required_reason, any_service, at, misreads, no_reason, no_service, reads, trailing,
        },
    };

    pub fn any() -> impl Strategy<Value = Freeze> {
        (any_service(), any_required_reason())
            .prop_map(|(service, because)| Freeze { service, because })
    }

    fn freeze(service: &str, because: &str) -> Request {
        Request::Freeze(Freeze {
            service: at(service),
            because: because.into(),
        })
    }

    #[test]
    fn freezing() {
        reads([
            (
                "freeze frontend because we migrate",
                freeze("frontend", "we migrate"),
            ),
            (
                "lock frontend@production — we migrate",
                freeze("frontend@production", "we migrate"),
            ),
        ]);
        misreads([
            ("freeze", no_service(Verb::Freeze)),
            ("lock because x", no_service(Verb::Freeze)),
            ("freeze frontend", no_reason(Verb::Freeze, "frontend")),
            (
                "lock frontend@production because ...",
                no_reason(Verb::Freeze, "frontend@production"),
            ),
            (
                "freeze frontend production",
                trailing(
                    "production",
                    &[
                        "freeze frontend@production because …",
                        "freeze frontend because production",
                    ],
                ),
            ),
        ]);
    }
}
