//! `checklist`, `checklist done 3`, `checklist skip 3 because …`: the checklist of a rollback.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::{
    grammar::{
        misread::{Misread, excerpt},
        reasons::{Because, has_content, reason},
        subjects::rollback_named,
        words::{Words, bare},
    },
    identity::RollbackId,
};

/// Shows the checklist of a rollback, or ticks one of its items.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Checklist {
    /// The rollback; `None`: the latest one of the channel that has a checklist.
    pub rollback: Option<RollbackId>,
    /// What is done with it.
    pub step: ChecklistStep,
}

/// What is done with a checklist.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ChecklistStep {
    /// It is shown.
    Show,
    /// An item is done.
    Done {
        /// Its number, from 1.
        item: usize,
        /// What shows it, in their words; `None`: they gave nothing.
        because: Option<String>,
    },
    /// An item is left out.
    Skip {
        /// Its number, from 1.
        item: usize,
        /// Why, in their words.
        because: String,
    },
}

pub(super) const SPEC: Spec = Spec {
    words: &["checklist"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`checklist`, `checklist done 3`",
        meaning: "what is to be looked at before, during and after a rollback",
    },
    help: &[
        "`checklist`, `checklist RB-41`: the checklist of the channel's latest rollback, or of another one. What I see myself is ticked with its evidence.",
        "`checklist done 3`, `checklist done 3 - 0.05 %`: tick an item, with what shows it. `checklist skip 3 - not ours`: leave it out.",
    ],
};

impl Checklist {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let rollback = words.peek().and_then(|word| rollback_named(bare(word)));
        if rollback.is_some() {
            words.next();
        }
        let part = words.next().map(bare).unwrap_or_default();
        let step = match part.to_ascii_lowercase().as_str() {
            "" => ChecklistStep::Show,
            "done" => {
                let item = number(&mut words, "done")?;
                let because = because(words)?;
                ChecklistStep::Done { item, because }
            }
            "skip" => {
                let item = number(&mut words, "skip")?;
                let because = because(words)?.filter(|because| has_content(because));
                ChecklistStep::Skip {
                    item,
                    because: because.ok_or_else(|| no_reason(item))?,
                }
            }
            _ => return Err(unknown_part(part)),
        };
        Ok(Checklist { rollback, step })
    }
}

/// Reads the number of an item.
fn number(words: &mut Words<'_>, part: &str) -> Result<usize, Misread> {
    let word = words.next().map(bare).unwrap_or_default();
    let number = word.trim_start_matches('#').parse().ok();
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| no_number(word, part))
}

fn because(words: Words<'_>) -> Result<Option<String>, Misread> {
    reason(words, |_| vec![])
}

fn misread(sentence: String) -> Misread {
    Misread::BadArgument {
        verb: Verb::Checklist,
        sentence,
    }
}

fn unknown_part(word: &str) -> Misread {
    misread(format!(
        "Nothing was changed, because \"{}\" is nothing that can be done with a checklist: write `checklist`, `checklist done 3` or `checklist skip 3 because …`.",
        excerpt(word)
    ))
}

fn no_number(word: &str, part: &str) -> Misread {
    misread(format!(
        "Nothing was changed, because \"{}\" is not the number of an item: `checklist` shows them; write, for example, `checklist {part} 3`.",
        excerpt(word)
    ))
}

fn no_reason(item: usize) -> Misread {
    misread(format!(
        "Nothing was changed, because it does not say why: write, for example, `checklist skip {item} because it is not ours`."
    ))
}

impl fmt::Display for Checklist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Verb::Checklist)?;
        if let Some(rollback) = self.rollback {
            write!(f, " {rollback}")?;
        }
        match &self.step {
            ChecklistStep::Show => Ok(()),
            ChecklistStep::Done { item, because } => {
                write!(f, " done {item}{}", Because(because.as_deref()))
            }
            ChecklistStep::Skip { item, because } => {
                write!(f, " skip {item}{}", Because(Some(because)))
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_id, any_reason, any_required_reason, misreads, reads},
    };

    pub fn any() -> impl Strategy<Value = Checklist> {
        let item = 1..1_000usize;
        let step = prop_oneof![
            Just(ChecklistStep::Show),
            (item.clone(), any_reason())
                .prop_map(|(item, because)| ChecklistStep::Done { item, because }),
            (item, any_required_reason())
                .prop_map(|(item, because)| ChecklistStep::Skip { item, because }),
        ];
        (proptest::option::of(any_id()), step)
            .prop_map(|(rollback, step)| Checklist { rollback, step })
    }

    #[test]
    fn showing_and_ticking() {
        let of = |rollback: Option<u64>, step| {
            let rollback = rollback.map(RollbackId::new);
            Request::Checklist(Checklist { rollback, step })
        };
        let done = |because: Option<&str>| ChecklistStep::Done {
            item: 3,
            because: because.map(str::to_owned),
        };
        let skip = |because: &str| ChecklistStep::Skip {
            item: 3,
            because: because.into(),
        };
        reads([
            ("checklist", of(None, ChecklistStep::Show)),
            ("checklist RB-41", of(Some(41), ChecklistStep::Show)),
            ("checklist done #3.", of(None, done(None))),
            ("checklist done 3 - 0.05 %", of(None, done(Some("0.05 %")))),
            ("checklist rb-41 DONE 3", of(Some(41), done(None))),
            (
                "checklist skip 3 because it is not ours",
                of(None, skip("it is not ours")),
            ),
        ]);
        misreads([
            ("checklist tick 3", unknown_part("tick")),
            ("checklist done", no_number("", "done")),
            ("checklist done three", no_number("three", "done")),
            ("checklist skip 0 because x", no_number("0", "skip")),
            ("checklist skip 3", no_reason(3)),
            ("checklist skip 3 because …", no_reason(3)),
        ]);
    }
}
