//! `who RB-41`, `who frontend`: who may approve now.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    subjects::{About, expect_end},
    words::Words,
};

/// Shows who may approve now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Who {
    /// The rollback that would be approved, or the service whose rollbacks would be.
    pub about: About,
}

pub(super) const SPEC: Spec = Spec {
    words: &["who"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`who RB-41`",
        meaning: "who may approve now",
    },
    help: &[
        "`who RB-41`, `who frontend`: who may approve it now.",
        "With several environments say which: `who frontend@production`.",
    ],
};

impl Who {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let about = About::required(Verb::Who, &mut words)?;
        expect_end(Verb::Who, about.service(), &words)?;
        Ok(Who { about })
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Verb::Who, self.about)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_about, at, bad_number, misreads, reads, trailing},
    };
    use crate::identity::RollbackId;

    pub fn any() -> impl Strategy<Value = Who> {
        any_about().prop_map(|about| Who { about })
    }

    #[test]
    fn asking_who() {
        let about = |about| Request::Who(Who { about });
        let service = |name| about(About::Service(at(name)));
        reads([
            ("who RB-41?", about(About::Rollback(RollbackId::new(41)))),
            ("who #41 ?", about(About::Rollback(RollbackId::new(41)))),
            ("who frontend", service("frontend")),
            ("WHO Frontend@Production?", service("frontend@production")),
        ]);
        misreads([
            ("who", Misread::MissingAbout { verb: Verb::Who }),
            ("who?", Misread::MissingAbout { verb: Verb::Who }),
            (
                "who rb-99999999999999999999",
                bad_number(Verb::Who, "rb-99999999999999999999"),
            ),
            (
                "who frontend production",
                trailing("production", &["who frontend@production"]),
            ),
            ("who RB-41 frontend", trailing("frontend", &[])),
        ]);
    }
}
