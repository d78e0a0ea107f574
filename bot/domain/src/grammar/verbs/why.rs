//! `why RB-41`: whether the person may approve a rollback, and why.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    subjects::{expect_end, required_number},
    words::Words,
};
use crate::identity::RollbackId;

/// Shows why the person may approve a rollback, or may not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Why {
    /// The number of the rollback.
    pub rollback: RollbackId,
}

pub(super) const SPEC: Spec = Spec {
    words: &["why"],
    takes: Takes::Rollback,
    needs_reason: false,
    listing: Listing::SameLine {
        examples: "`why RB-41`",
        meaning: ", whether you may",
    },
    help: &["`why RB-41`: why you may approve it, or why you may not."],
};

impl Why {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let rollback = required_number(Verb::Why, &mut words)?;
        expect_end(Verb::Why, None, &words)?;
        Ok(Why { rollback })
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Verb::Why, self.rollback)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_id, bad_number, misreads, no_number, reads, trailing},
    };

    pub fn any() -> impl Strategy<Value = Why> {
        any_id().prop_map(|rollback| Why { rollback })
    }

    #[test]
    fn asking_why() {
        let why = |rollback| Request::Why(Why { rollback });
        reads([
            ("why RB-41", why(RollbackId::new(41))),
            ("why 41?", why(RollbackId::new(41))),
        ]);
        misreads([
            ("why", no_number(Verb::Why)),
            ("why because", no_number(Verb::Why)),
            ("why not", bad_number(Verb::Why, "not")),
            ("why RB-41 not", trailing("not", &[])),
        ]);
    }
}
