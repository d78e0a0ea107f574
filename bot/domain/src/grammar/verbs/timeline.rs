//! `timeline`: what happened in the channel, in order.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{misread::Misread, subjects::expect_end, words::Words};

/// Shows the timeline of the channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Timeline;

pub(super) const SPEC: Spec = Spec {
    words: &["timeline", "tl"],
    takes: Takes::Nothing,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`timeline`",
        meaning: "read it",
    },
    help: &["`timeline`: what happened here, in order. `tl` is the same."],
};

impl Timeline {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        expect_end(Verb::Timeline, None, &words)?;
        Ok(Timeline)
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Verb::Timeline)
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

    pub fn any() -> impl Strategy<Value = Timeline> {
        Just(Timeline)
    }

    #[test]
    fn asking_for_the_timeline() {
        reads([
            ("timeline", Request::Timeline(Timeline)),
            ("tl", Request::Timeline(Timeline)),
        ]);
        misreads([("timeline --all", trailing("--all", &[]))]);
    }
}
