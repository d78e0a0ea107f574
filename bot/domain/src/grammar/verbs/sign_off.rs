//! `signoff RB-41 merge-pr done`: a manual task of a plan is done, said by a person.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    outcomes::{name, outcome},
    reasons::{Because, reason},
    subjects::{is_name, required_number},
    words::{Words, bare},
};
use crate::identity::RollbackId;

/// Signs a manual task of a plan off.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignOff {
    /// The number of the rollback.
    pub rollback: RollbackId,
    /// The task, by its short name.
    pub task: String,
    /// Whether it was done; otherwise it cannot be done.
    pub done: bool,
    /// A note, in the person's own words; `None` if they wrote none.
    pub because: Option<String>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["signoff", "sign-off"],
    takes: Takes::Rollback,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`signoff RB-41 merge-pr done`",
        meaning: "say that a manual task of the plan is done",
    },
    help: &[
        "`signoff RB-41 merge-pr done because #913 is merged`: a manual task that the rollback waits for is done. Some tasks want the note.",
        "`signoff RB-41 merge-pr not-done because the branch is locked`: it cannot be done.",
        "Only somebody with the role of the task can; the card names it.",
    ],
};

impl SignOff {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let rollback = required_number(Verb::SignOff, &mut words)?;
        let task = match words.marked_reason() {
            Some(_) => None,
            None => words.next().map(|word| bare(word).to_ascii_lowercase()),
        };
        let Some(task) = task.filter(|task| is_name(task)) else {
            return Err(no_task(rollback));
        };
        let done = outcome(&mut words).ok_or_else(|| no_outcome(rollback, &task))?;
        let because = reason(words, |words| {
            vec![format!(
                "{} {rollback} {task} {} because {}",
                Verb::SignOff,
                name(done),
                words.rest
            )]
        })?;
        Ok(SignOff {
            rollback,
            task,
            done,
            because,
        })
    }
}

fn no_task(rollback: RollbackId) -> Misread {
    Misread::BadArgument {
        verb: Verb::SignOff,
        sentence: format!(
            "Nothing was signed, because `signoff` needs the short name of the task: write `signoff {rollback} merge-pr done`. `status {rollback}` shows the tasks."
        ),
    }
}

fn no_outcome(rollback: RollbackId, task: &str) -> Misread {
    Misread::BadArgument {
        verb: Verb::SignOff,
        sentence: format!(
            "Nothing was signed, because `signoff` needs to know whether it was done: write `signoff {rollback} {task} done` or `signoff {rollback} {task} not-done because …`."
        ),
    }
}

impl fmt::Display for SignOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SignOff {
            rollback,
            task,
            done,
            because,
        } = self;
        let because = Because(because.as_deref());
        write!(
            f,
            "{} {rollback} {task} {}{because}",
            Verb::SignOff,
            name(*done)
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_id, any_reason, bad_number, because, misreads, no_number, reads, trailing},
    };

    pub fn any() -> impl Strategy<Value = SignOff> {
        let task = "[a-z][a-z0-9-]{0,8}[a-z0-9]".prop_filter("a name", |task| is_name(task));
        (any_id(), task, proptest::bool::ANY, any_reason()).prop_map(
            |(rollback, task, done, because)| SignOff {
                rollback,
                task,
                done,
                because,
            },
        )
    }

    #[test]
    fn signing_off() {
        let sign_off = |done, because| {
            Request::SignOff(SignOff {
                rollback: RollbackId::new(41),
                task: "merge-pr".into(),
                done,
                because,
            })
        };
        reads([
            ("signoff RB-41 merge-pr done", sign_off(true, None)),
            ("Sign-off 41 Merge-PR: DONE", sign_off(true, None)),
            (
                "signoff RB-41 merge-pr done because #913 is merged",
                sign_off(true, because("#913 is merged")),
            ),
            (
                "signoff RB-41 merge-pr not done - it is locked",
                sign_off(false, because("it is locked")),
            ),
        ]);
        misreads([
            ("signoff because fire", no_number(Verb::SignOff)),
            ("signoff merge-pr", bad_number(Verb::SignOff, "merge-pr")),
            ("signoff RB-41", no_task(RollbackId::new(41))),
            ("signoff RB-41 because x", no_task(RollbackId::new(41))),
            (
                "signoff RB-41 merge-pr",
                no_outcome(RollbackId::new(41), "merge-pr"),
            ),
            (
                "signoff RB-41 merge-pr maybe",
                no_outcome(RollbackId::new(41), "merge-pr"),
            ),
            (
                "signoff RB-41 merge-pr done it is merged",
                trailing(
                    "it is merged",
                    &["signoff RB-41 merge-pr done because it is merged"],
                ),
            ),
        ]);
    }
}
