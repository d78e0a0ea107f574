//! `stop RB-41`: stops a rollback.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    reasons::{Because, rollback_and_reason},
    words::Words,
};
use crate::identity::RollbackId;

/// Stops a rollback, before it runs or where that is still possible.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stop {
    /// The number of the rollback.
    pub rollback: RollbackId,
    /// Why, in the person's own words; `None` if they gave no reason.
    pub because: Option<String>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["stop", "cancel"],
    takes: Takes::Rollback,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`stop RB-41`",
        meaning: "cancel it while that is possible",
    },
    help: &[
        "`stop RB-41`: cancel it before it runs, or stop it where that is still possible. `cancel` is the same.",
        "What was already done stays done, and the card shows it.",
    ],
};

impl Stop {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        let (rollback, because) = rollback_and_reason(Verb::Stop, words)?;
        Ok(Stop { rollback, because })
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stop { rollback, because } = self;
        let because = Because(because.as_deref());
        write!(f, "{} {rollback}{because}", Verb::Stop)
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

    pub fn any() -> impl Strategy<Value = Stop> {
        (any_id(), any_reason()).prop_map(|(rollback, because)| Stop { rollback, because })
    }

    fn stop(rollback: u64, reason: &str) -> Request {
        Request::Stop(Stop {
            rollback: RollbackId::new(rollback),
            because: because(reason),
        })
    }

    #[test]
    fn stopping() {
        reads([
            ("stop RB-41", stop(41, "")),
            ("cancel 41 because fixed", stop(41, "fixed")),
        ]);
        misreads([
            ("cancel", no_number(Verb::Stop)),
            (
                "stop 99999999999999999999",
                bad_number(Verb::Stop, "99999999999999999999"),
            ),
        ]);
    }
}
