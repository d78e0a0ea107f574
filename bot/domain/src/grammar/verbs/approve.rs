//! `approve RB-41`: says yes to a rollback.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    reasons::{Because, rollback_and_reason},
    words::Words,
};
use crate::identity::RollbackId;

/// Says yes to a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Approve {
    /// The number of the rollback.
    pub rollback: RollbackId,
    /// Why, in the person's own words; `None` if they gave no reason.
    pub because: Option<String>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["approve"],
    takes: Takes::Rollback,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`approve RB-41`",
        meaning: "decide on a rollback",
    },
    help: &[
        "`approve RB-41 because rates confirm it`: say yes, as the button does. The reason may be left out.",
        "Only somebody with authority over the service can; the number is always needed.",
    ],
};

impl Approve {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        let (rollback, because) = rollback_and_reason(Verb::Approve, words)?;
        Ok(Approve { rollback, because })
    }
}

impl fmt::Display for Approve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Approve { rollback, because } = self;
        let because = Because(because.as_deref());
        write!(f, "{} {rollback}{because}", Verb::Approve)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_id, any_reason, bad_number, because, misreads, no_number, reads, trailing},
    };

    pub fn any() -> impl Strategy<Value = Approve> {
        (any_id(), any_reason()).prop_map(|(rollback, because)| Approve { rollback, because })
    }

    fn approve(rollback: u64, reason: &str) -> Request {
        Request::Approve(Approve {
            rollback: RollbackId::new(rollback),
            because: because(reason),
        })
    }

    #[test]
    fn approving() {
        reads([
            ("approve RB-41", approve(41, "")),
            ("Approve: rb-41,", approve(41, "")),
            ("approve 41", approve(41, "")),
            ("approve #41", approve(41, "")),
            (
                "approve RB-41 — Rates confirm it",
                approve(41, "Rates confirm it"),
            ),
        ]);
        misreads([
            ("approve", no_number(Verb::Approve)),
            ("approve because it is late", no_number(Verb::Approve)),
            ("approve frontend", bad_number(Verb::Approve, "frontend")),
            ("approve RB 41", bad_number(Verb::Approve, "RB")),
            ("approve RB-0", bad_number(Verb::Approve, "RB-0")),
            ("approve 41a", bad_number(Verb::Approve, "41a")),
            ("approve RB-41 RB-42", trailing("RB-42", &[])),
            (
                "approve RB-41 looks good",
                trailing("looks good", &["approve RB-41 because looks good"]),
            ),
        ]);
    }
}
