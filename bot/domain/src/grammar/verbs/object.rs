//! `object RB-41 because …`: says what speaks against a rollback.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    reasons::{Because, required, rollback_and_reason},
    words::Words,
};
use crate::identity::RollbackId;

/// Says what speaks against a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Object {
    /// The number of the rollback.
    pub rollback: RollbackId,
    /// What speaks against it, in the person's own words.
    pub because: String,
}

pub(super) const SPEC: Spec = Spec {
    words: &["object"],
    takes: Takes::Rollback,
    needs_reason: true,
    listing: Listing::Line {
        examples: "`object RB-41 because sales end at noon`",
        meaning: "speak against it",
    },
    help: &[
        "`object RB-41 because sales end at noon`: say what speaks against it. The reason is needed.",
        "Use it when you know something that the approvers may not know.",
    ],
};

impl Object {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        let (rollback, because) = rollback_and_reason(Verb::Object, words)?;
        let because = required(Verb::Object, rollback.to_string(), because)?;
        Ok(Object { rollback, because })
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Object { rollback, because } = self;
        let because = Because(Some(because));
        write!(f, "{} {rollback}{because}", Verb::Object)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_id, any_required_reason, misreads, no_number, no_reason, reads, trailing},
    };

    pub fn any() -> impl Strategy<Value = Object> {
        (any_id(), any_required_reason())
            .prop_map(|(rollback, because)| Object { rollback, because })
    }

    fn object(rollback: u64, because: &str) -> Request {
        Request::Object(Object {
            rollback: RollbackId::new(rollback),
            because: because.into(),
        })
    }

    #[test]
    fn objecting() {
        reads([
            (
                "object RB-41 because sales end at noon",
                object(41, "sales end at noon"),
            ),
            ("OBJECT 41 - wait", object(41, "wait")),
            ("object #41 “not now”", object(41, "not now")),
            ("object RB-41 because 🔥", object(41, "🔥")),
            (
                "object RB-41 because a &lt; b &amp;amp; c",
                object(41, "a < b &amp; c"),
            ),
        ]);
        let no_reason = || no_reason(Verb::Object, "RB-41");
        misreads([
            ("object", no_number(Verb::Object)),
            ("object RB-41", no_reason()),
            ("object 41.", no_reason()),
            ("object RB-41 because", no_reason()),
            ("object RB-41 because …", no_reason()),
            ("object RB-41 “…”", no_reason()),
            ("object RB-41 - ?!", no_reason()),
            (
                "object RB-41 too risky",
                trailing("too risky", &["object RB-41 because too risky"]),
            ),
            ("object RB-41 RB-42", trailing("RB-42", &[])),
        ]);
    }
}
