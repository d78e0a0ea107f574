//! `unfreeze frontend`: takes a hold request back.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    reasons::{Because, service_and_reason},
    subjects::ServiceRef,
    words::Words,
};

/// Takes a hold request back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unfreeze {
    /// The service.
    pub service: ServiceRef,
    /// Why, in the person's own words; `None` if they gave no reason.
    pub because: Option<String>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["unfreeze", "unlock"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::SameLine {
        examples: "`unfreeze frontend`",
        meaning: "",
    },
    help: &[
        "`unfreeze frontend because we migrated`: take the hold request back. The reason may be left out.",
        "`unlock` is the same.",
    ],
};

impl Unfreeze {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        let (service, because) = service_and_reason(Verb::Unfreeze, words)?;
        Ok(Unfreeze { service, because })
    }
}

impl fmt::Display for Unfreeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unfreeze { service, because } = self;
        let because = Because(because.as_deref());
        write!(f, "{} {service}{because}", Verb::Unfreeze)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_reason, any_service, at, because, misreads, no_service, reads},
    };

    pub fn any() -> impl Strategy<Value = Unfreeze> {
        (any_service(), any_reason()).prop_map(|(service, because)| Unfreeze { service, because })
    }

    fn unfreeze(service: &str, reason: &str) -> Request {
        Request::Unfreeze(Unfreeze {
            service: at(service),
            because: because(reason),
        })
    }

    #[test]
    fn unfreezing() {
        reads([
            ("unfreeze frontend", unfreeze("frontend", "")),
            (
                "Unlock frontend, because: we migrated",
                unfreeze("frontend", "we migrated"),
            ),
        ]);
        misreads([("unfreeze - x", no_service(Verb::Unfreeze))]);
    }
}
