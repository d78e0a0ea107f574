//! `timeline`, `timeline all`: what happened in the channel, in the order in which it happened.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    subjects::expect_end,
    words::{Words, bare},
};

/// Shows the timeline of the channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Timeline {
    /// Whether routine entries are shown too.
    pub all: bool,
}

pub(super) const SPEC: Spec = Spec {
    words: &["timeline", "tl"],
    takes: Takes::Nothing,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`timeline`",
        meaning: "read it",
    },
    help: &[
        "`timeline`: what happened here, in the order in which it happened. `tl` is the same.",
        "`timeline all`: also what is routine, such as refusals.",
    ],
};

impl Timeline {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let next = words.peek().map(bare);
        let all = next.is_some_and(|word| word.eq_ignore_ascii_case("all"));
        if all {
            words.next();
        }
        expect_end(Verb::Timeline, None, &words)?;
        Ok(Timeline { all })
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.all {
            true => write!(f, "{} all", Verb::Timeline),
            false => write!(f, "{}", Verb::Timeline),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::{bool::ANY as any_bool, prelude::*};

    use super::*;
    use crate::grammar::{
        Request,
        samples::{misreads, reads, trailing},
    };

    pub fn any() -> impl Strategy<Value = Timeline> {
        any_bool.prop_map(|all| Timeline { all })
    }

    #[test]
    fn asking_for_the_timeline() {
        let timeline = |all| Request::Timeline(Timeline { all });
        reads([
            ("timeline", timeline(false)),
            ("tl", timeline(false)),
            ("timeline ALL.", timeline(true)),
        ]);
        misreads([
            ("timeline --all", trailing("--all", &[])),
            ("timeline all of it", trailing("of it", &[])),
        ]);
    }
}
