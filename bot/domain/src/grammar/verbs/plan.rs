//! `plan frontend to v212`: what a rollback would do.

use std::fmt;

use super::{Listing, Propose, Spec, Takes, Verb};
use crate::grammar::{misread::Misread, words::Words};

/// Shows what a rollback would do, to the person alone, and proposes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// The rollback that is not proposed.
    pub proposal: Propose,
}

pub(super) const SPEC: Spec = Spec {
    words: &["plan"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`plan frontend`",
        meaning: "the same, only for you; nothing is proposed",
    },
    help: &[
        "`plan frontend to v212`: what a rollback would do, restore, leave and need.",
        "Only you see it and nothing is proposed. Targets are written as in a proposal:",
        "`to prev`, `to v212`, an id, a sha, `to @02:40`, `to @-45m`.",
    ],
};

impl Plan {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let service = match words.marked_reason() {
            Some(_) => None,
            None => words.next(),
        };
        let proposal = Propose::read(Verb::Plan, service, words)?;
        Ok(Plan { proposal })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Verb::Plan, self.proposal)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request, Target,
        samples::{at, because, misreads, named, no_service, reads, reserved},
        verbs::propose,
    };

    pub fn any() -> impl Strategy<Value = Plan> {
        propose::tests::any().prop_map(|proposal| Plan { proposal })
    }

    fn plan(target: Target, reason: &str) -> Request {
        Request::Plan(Plan {
            proposal: Propose {
                service: at("frontend"),
                target,
                because: because(reason),
            },
        })
    }

    #[test]
    fn planning() {
        reads([
            ("plan frontend", plan(Target::Previous, "")),
            ("plan \"frontend\"", plan(Target::Previous, "")),
            (
                "PLAN frontend to v2 - why not",
                plan(named("v2"), "why not"),
            ),
        ]);
        misreads([
            ("plan", no_service(Verb::Plan)),
            ("plan because x", no_service(Verb::Plan)),
            ("plan drill@production", reserved("drill")),
        ]);
    }
}
