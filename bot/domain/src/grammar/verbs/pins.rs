//! `pins`: where automatic deploys are off.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{misread::Misread, subjects::expect_end, words::Words};

/// Shows where automatic deploys are off.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pins;

pub(super) const SPEC: Spec = Spec {
    words: &["pins"],
    takes: Takes::Nothing,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`pins`",
        meaning: "where automatic deploys are held off",
    },
    help: &[
        "`pins`: where automatic deploys are held off, so that a bad release does not come back by itself.",
        "`unpin frontend` lets them flow again.",
    ],
};

impl Pins {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        expect_end(Verb::Pins, None, &words)?;
        Ok(Pins)
    }
}

impl fmt::Display for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Verb::Pins)
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

    pub fn any() -> impl Strategy<Value = Pins> {
        Just(Pins)
    }

    #[test]
    fn asking_for_pins() {
        reads([
            ("pins", Request::Pins(Pins)),
            ("Pins.", Request::Pins(Pins)),
        ]);
        misreads([("pins frontend", trailing("frontend", &[]))]);
    }
}
