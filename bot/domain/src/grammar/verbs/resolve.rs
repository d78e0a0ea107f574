//! `resolve RB-41 done because …`: how a rollback ended, said by a person.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    outcomes::{name, outcome},
    reasons::{Because, reason, required},
    subjects::required_number,
    words::Words,
};
use crate::identity::RollbackId;

/// Records how a rollback ended that is UNKNOWN because the platform does not say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resolve {
    /// The number of the rollback.
    pub rollback: RollbackId,
    /// Whether production serves the target.
    pub done: bool,
    /// How the person knows, in their own words.
    pub because: String,
}

pub(super) const SPEC: Spec = Spec {
    words: &["resolve"],
    takes: Takes::Rollback,
    needs_reason: true,
    listing: Listing::SameLine {
        examples: "`resolve RB-41 done because I see it live`",
        meaning: "; record how it ended when the platform does not say",
    },
    help: &[
        "`resolve RB-41 not-done because Vercel shows no job`: record how it ended, while it is UNKNOWN. The reason is needed.",
        "`resolve RB-41 done because I see it live` says that production serves the target. The platform is not asked; the service is free again.",
        "Only somebody with authority over the service can.",
    ],
};

impl Resolve {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let rollback = required_number(Verb::Resolve, &mut words)?;
        let done = outcome(&mut words).ok_or_else(|| no_outcome(rollback))?;
        let beginning = format!("{rollback} {}", name(done));
        let because = reason(words, |words| {
            vec![format!(
                "{} {beginning} because {}",
                Verb::Resolve,
                words.rest
            )]
        })?;
        let because = required(Verb::Resolve, beginning, because)?;
        Ok(Resolve {
            rollback,
            done,
            because,
        })
    }
}

fn no_outcome(rollback: RollbackId) -> Misread {
    Misread::BadArgument {
        verb: Verb::Resolve,
        sentence: format!(
            "Nothing was run, because `resolve` needs to know how it ended: write `resolve {rollback} done because …` or `resolve {rollback} not-done because …`."
        ),
    }
}

impl fmt::Display for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Resolve {
            rollback,
            done,
            because,
        } = self;
        let because = Because(Some(because));
        write!(f, "{} {rollback} {}{because}", Verb::Resolve, name(*done))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{
            any_id, any_required_reason, bad_number, misreads, no_number, no_reason, reads,
            trailing,
        },
    };

    pub fn any() -> impl Strategy<Value = Resolve> {
        (any_id(), proptest::bool::ANY, any_required_reason()).prop_map(
            |(rollback, done, because)| Resolve {
                rollback,
                done,
                because,
            },
        )
    }

    #[test]
    fn resolving() {
        let resolve = |done, because: &str| {
            Request::Resolve(Resolve {
                rollback: RollbackId::new(41),
                done,
                because: because.into(),
            })
        };
        reads([
            (
                "resolve RB-41 done because I see it live",
                resolve(true, "I see it live"),
            ),
            ("Resolve 41: DONE - I see it", resolve(true, "I see it")),
            ("resolve RB-41 not-done “no job”", resolve(false, "no job")),
            ("resolve RB-41 not done - no job", resolve(false, "no job")),
            ("resolve RB-41 not_done - no job", resolve(false, "no job")),
            ("resolve RB-41 undone - no job", resolve(false, "no job")),
        ]);
        misreads([
            ("resolve because fire", no_number(Verb::Resolve)),
            ("resolve done", bad_number(Verb::Resolve, "done")),
            ("resolve RB-41", no_outcome(RollbackId::new(41))),
            ("resolve RB-41 maybe", no_outcome(RollbackId::new(41))),
            ("resolve RB-41 not", no_outcome(RollbackId::new(41))),
            ("resolve RB-41 because x", no_outcome(RollbackId::new(41))),
            ("resolve RB-41 done", no_reason(Verb::Resolve, "RB-41 done")),
            (
                "resolve RB-41 not done",
                no_reason(Verb::Resolve, "RB-41 not-done"),
            ),
            (
                "resolve RB-41 done I see it",
                trailing("I see it", &["resolve RB-41 done because I see it"]),
            ),
        ]);
    }
}
