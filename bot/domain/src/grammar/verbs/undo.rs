//! `undo RB-41`: proposes to return to the release that a rollback replaced.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    reasons::{Because, rollback_and_reason},
    words::Words,
};
use crate::identity::RollbackId;

/// Proposes to return to the release that a rollback replaced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Undo {
    /// The number of the rollback.
    pub rollback: RollbackId,
    /// Why, in the person's own words; `None` if they gave no reason.
    pub because: Option<String>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["undo"],
    takes: Takes::Rollback,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`undo RB-41`",
        meaning: "propose to return to the version it replaced",
    },
    help: &[
        "`undo RB-41 because v215 has the fix`: propose to return to the version that RB-41 replaced. The reason may be left out.",
        "It is a proposal like any other: its card says what it needs to run.",
    ],
};

impl Undo {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        let (rollback, because) = rollback_and_reason(Verb::Undo, words)?;
        Ok(Undo { rollback, because })
    }
}

impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Undo { rollback, because } = self;
        let because = Because(because.as_deref());
        write!(f, "{} {rollback}{because}", Verb::Undo)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_id, any_reason, bad_number, because, misreads, no_number, reads},
    };

    pub fn any() -> impl Strategy<Value = Undo> {
        (any_id(), any_reason()).prop_map(|(rollback, because)| Undo { rollback, because })
    }

    fn undo(rollback: u64, reason: &str) -> Request {
        Request::Undo(Undo {
            rollback: RollbackId::new(rollback),
            because: because(reason),
        })
    }

    #[test]
    fn undoing() {
        reads([
            ("undo RB-41", undo(41, "")),
            (
                "Undo: rb-41 — v215 has the fix",
                undo(41, "v215 has the fix"),
            ),
            ("undo 41 because", undo(41, "")),
        ]);
        misreads([
            ("undo", no_number(Verb::Undo)),
            ("undo because x", no_number(Verb::Undo)),
            ("undo frontend", bad_number(Verb::Undo, "frontend")),
        ]);
    }
}
