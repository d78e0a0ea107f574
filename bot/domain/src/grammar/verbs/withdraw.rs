//! `withdraw RB-41`: takes back the person's own approval.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    reasons::{Because, rollback_and_reason},
    words::Words,
};
use crate::identity::RollbackId;

/// Takes back the person's own approval of a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Withdraw {
    /// The number of the rollback.
    pub rollback: RollbackId,
    /// Why, in the person's own words; `None` if they gave no reason.
    pub because: Option<String>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["withdraw"],
    takes: Takes::Rollback,
    needs_reason: false,
    listing: Listing::SameLine {
        examples: "`withdraw RB-41`",
        meaning: ", or take your own approval back",
    },
    help: &[
        "`withdraw RB-41 because rates recovered`: take your own approval back. The reason may be left out.",
        "To end the rollback for everybody, `deny RB-41` or `stop RB-41`.",
    ],
};

impl Withdraw {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        let (rollback, because) = rollback_and_reason(Verb::Withdraw, words)?;
        Ok(Withdraw { rollback, because })
    }
}

impl fmt::Display for Withdraw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Withdraw { rollback, because } = self;
        let because = Because(because.as_deref());
        write!(f, "{} {rollback}{because}", Verb::Withdraw)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_id, any_reason, because, misreads, no_number, reads, unknown},
    };

    pub fn any() -> impl Strategy<Value = Withdraw> {
        (any_id(), any_reason()).prop_map(|(rollback, because)| Withdraw { rollback, because })
    }

    fn withdraw(rollback: u64, reason: &str) -> Request {
        Request::Withdraw(Withdraw {
            rollback: RollbackId::new(rollback),
            because: because(reason),
        })
    }

    #[test]
    fn withdrawing() {
        reads([
            ("withdraw RB-41", withdraw(41, "")),
            (
                "Withdraw RB-41, because rates recovered",
                withdraw(41, "rates recovered"),
            ),
        ]);
        misreads([
            ("withdraw", no_number(Verb::Withdraw)),
            ("widthraw RB-41", unknown("widthraw", Some(Verb::Withdraw))),
        ]);
    }
}
