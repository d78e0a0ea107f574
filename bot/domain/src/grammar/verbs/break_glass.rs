//! `breakglass RB-41`: an emergency run, when no approver can be reached.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    reasons::{Because, reason_after},
    subjects::About,
    words::Words,
};

/// Runs a rollback without those who may approve it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BreakGlass {
    /// The rollback that cannot wait, or the service that needs one.
    pub about: About,
    /// Why, in the person's own words; `None` if they gave no reason.
    pub because: Option<String>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["breakglass", "break-glass"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`breakglass RB-41`",
        meaning: "emergency run, when no approver can be reached and it cannot wait; explained and reviewed afterwards",
    },
    help: &[
        "`breakglass RB-41`, `breakglass frontend`: an emergency run, when no approver can be reached and it cannot wait.",
        "It opens a form that asks why; then the open rollback runs at once, everybody is told, and it is reviewed: `help review`.",
        "`break-glass` is the same. Plans that change data cannot be run so.",
    ],
};

impl BreakGlass {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let about = About::required(Verb::BreakGlass, &mut words)?;
        let because = reason_after(Verb::BreakGlass, &about, words)?;
        Ok(BreakGlass { about, because })
    }
}

impl fmt::Display for BreakGlass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BreakGlass { about, because } = self;
        let because = Because(because.as_deref());
        write!(f, "{} {about}{because}", Verb::BreakGlass)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_about, any_reason, at, bad_number, because, misreads, reads, trailing},
    };
    use crate::identity::RollbackId;

    pub fn any() -> impl Strategy<Value = BreakGlass> {
        (any_about(), any_reason()).prop_map(|(about, because)| BreakGlass { about, because })
    }

    fn break_glass(about: About, reason: &str) -> Request {
        Request::BreakGlass(BreakGlass {
            about,
            because: because(reason),
        })
    }

    #[test]
    fn breaking_glass() {
        let service = |name| About::Service(at(name));
        reads([
            (
                "breakglass RB-41",
                break_glass(About::Rollback(RollbackId::new(41)), ""),
            ),
            (
                "Break‑Glass rb-41 because checkout is down",
                break_glass(About::Rollback(RollbackId::new(41)), "checkout is down"),
            ),
            (
                "breakglass frontend@production - fire",
                break_glass(service("frontend@production"), "fire"),
            ),
            ("break-glass frontend", break_glass(service("frontend"), "")),
        ]);
        let missing = || Misread::MissingAbout {
            verb: Verb::BreakGlass,
        };
        misreads([
            ("break-glass because fire", missing()),
            ("breakglass - frontend", missing()),
            ("breakglass RB-0", bad_number(Verb::BreakGlass, "RB-0")),
            (
                "breakglass frontend to v212",
                trailing("to v212", &["breakglass frontend because to v212"]),
            ),
        ]);
    }
}
