//! `unpin frontend`: lets automatic deploys flow again.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    reasons::{Because, service_and_reason},
    subjects::ServiceRef,
    words::Words,
};

/// Lets automatic deploys of a service flow again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unpin {
    /// The service.
    pub service: ServiceRef,
    /// Why, in the person's own words; `None` if they gave no reason.
    pub because: Option<String>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["unpin"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::SameLine {
        examples: "`unpin frontend`",
        meaning: "; let them flow again",
    },
    help: &[
        "`unpin frontend because v215 has the fix`: let its automatic deploys flow again. The reason may be left out.",
        "With several environments say which: `unpin frontend@production`.",
    ],
};

impl Unpin {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        let (service, because) = service_and_reason(Verb::Unpin, words)?;
        Ok(Unpin { service, because })
    }
}

impl fmt::Display for Unpin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unpin { service, because } = self;
        let because = Because(because.as_deref());
        write!(f, "{} {service}{because}", Verb::Unpin)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{
            any_reason, any_service, at, because, misreads, no_service, not_a_name, reads,
            reserved, trailing,
        },
    };

    pub fn any() -> impl Strategy<Value = Unpin> {
        (any_service(), any_reason()).prop_map(|(service, because)| Unpin { service, because })
    }

    fn unpin(service: &str, reason: &str) -> Request {
        Request::Unpin(Unpin {
            service: at(service),
            because: because(reason),
        })
    }

    #[test]
    fn unpinning() {
        reads([
            ("unpin frontend", unpin("frontend", "")),
            (
                "unpin frontend@production “v215 has the fix”",
                unpin("frontend@production", "v215 has the fix"),
            ),
        ]);
        misreads([
            ("unpin", no_service(Verb::Unpin)),
            ("unpin because x", no_service(Verb::Unpin)),
            ("unpin RB-41", not_a_name("rb-41")),
            ("unpin pins", reserved("pins")),
            (
                "unpin frontend production",
                trailing(
                    "production",
                    &[
                        "unpin frontend@production",
                        "unpin frontend because production",
                    ],
                ),
            ),
            (
                "unpin frontend production - x",
                trailing("production - x", &["unpin frontend@production - x"]),
            ),
            (
                "unpin frontend@production it is over",
                trailing(
                    "it is over",
                    &["unpin frontend@production because it is over"],
                ),
            ),
            ("unpin frontend RB-41", trailing("RB-41", &[])),
        ]);
    }
}
