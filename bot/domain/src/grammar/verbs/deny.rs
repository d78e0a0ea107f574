//! `deny RB-41`: says no to a rollback.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    reasons::{Because, rollback_and_reason},
    words::Words,
};
use crate::identity::RollbackId;

/// Says no to a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deny {
    /// The number of the rollback.
    pub rollback: RollbackId,
    /// Why, in the person's own words; `None` if they gave no reason.
    pub because: Option<String>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["deny"],
    takes: Takes::Rollback,
    needs_reason: false,
    listing: Listing::SameLine {
        examples: "`deny RB-41 because too risky`",
        meaning: "",
    },
    help: &[
        "`deny RB-41 because a fix is on its way`: say no, as the button does. The reason may be left out.",
    ],
};

impl Deny {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        let (rollback, because) = rollback_and_reason(Verb::Deny, words)?;
        Ok(Deny { rollback, because })
    }
}

impl fmt::Display for Deny {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Deny { rollback, because } = self;
        let because = Because(because.as_deref());
        write!(f, "{} {rollback}{because}", Verb::Deny)
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

    pub fn any() -> impl Strategy<Value = Deny> {
        (any_id(), any_reason()).prop_map(|(rollback, because)| Deny { rollback, because })
    }

    fn deny(rollback: u64, reason: &str) -> Request {
        Request::Deny(Deny {
            rollback: RollbackId::new(rollback),
            because: because(reason),
        })
    }

    #[test]
    fn denying() {
        reads([
            ("deny RB-41", deny(41, "")),
            ("deny RB-41 'no'", deny(41, "no")),
        ]);
        misreads([
            ("deny", no_number(Verb::Deny)),
            ("deny +41", bad_number(Verb::Deny, "+41")),
        ]);
    }
}
