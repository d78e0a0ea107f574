//! `doctor`: what is missing for the bot to do its work.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{misread::Misread, subjects::expect_end, words::Words};

/// Looks at everything that the configuration names, and shows what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Doctor;

pub(super) const SPEC: Spec = Spec {
    words: &["doctor"],
    takes: Takes::Nothing,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`doctor`",
        meaning: "what is missing for me to work, and what to do about it",
    },
    help: &[
        "`doctor`: tries tokens, scopes, channels, roles, platforms and checks, and shows you alone what is missing, with the next step. Nothing is changed.",
    ],
};

impl Doctor {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        expect_end(Verb::Doctor, None, &words)?;
        Ok(Doctor)
    }
}

impl fmt::Display for Doctor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Verb::Doctor)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{misreads, reads, trailing},
    };

    pub fn any() -> impl Strategy<Value = Doctor> {
        Just(Doctor)
    }

    #[test]
    fn asking_what_is_missing() {
        reads([
            ("doctor", Request::Doctor(Doctor)),
            ("doctor?", Request::Doctor(Doctor)),
        ]);
        misreads([("doctor frontend", trailing("frontend", &[]))]);
    }
}
