//! `update`, `update monitoring`, `update monitoring: …`, `update 7`: what others are told.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::{
    grammar::{
        misread::{Misread, excerpt},
        reasons,
        subjects::expect_end,
        words::{Literal, Words, bare, nearest},
    },
    update::UpdateKind,
};

/// Drafts an update of the channel's incident, or shows one again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DraftUpdate {
    /// Drafts one.
    Draft {
        /// Its kind; `None`: the one for the team that fits how the rollback stands.
        kind: Option<UpdateKind>,
        /// What it says; `None`: it is drafted from the record, and can be edited.
        text: Option<String>,
    },
    /// Shows one that was drafted before.
    Show {
        /// Its number.
        number: i64,
    },
}

pub(super) const SPEC: Spec = Spec {
    words: &["update"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`update`, `update monitoring`",
        meaning: "draft an update from the record, for the team or for customers",
    },
    help: &[
        "`update`: a form with a draft from the record. Nothing is sent before you click *Publish* below the preview.",
        "For the team: `update initiated`, `update in-progress`, `update executed`, `update failed`. For customers: `update investigating`, `update identified`, `update monitoring`, `update resolved`.",
        "`update monitoring: an earlier version is in place`: the same in your own words, without a form.",
        "`update 7`: shows update 7 again, to publish it, to send it where it was refused, or to correct it.",
    ],
};

impl DraftUpdate {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let Some(word) = words.next() else {
            return Ok(DraftUpdate::Draft {
                kind: None,
                text: None,
            });
        };
        let word = bare(word);
        if let Some(number) = number(word) {
            expect_end(Verb::DraftUpdate, None, &words)?;
            return Ok(DraftUpdate::Show { number });
        }
        let Some(kind) = UpdateKind::named(word) else {
            return Err(unknown_kind(word));
        };
        let text = reasons::text(words.rest)?;
        Ok(DraftUpdate::Draft {
            kind: Some(kind),
            text: Some(text).filter(|text| !text.is_empty()),
        })
    }
}

fn number(word: &str) -> Option<i64> {
    let digits = word.strip_prefix('#').unwrap_or(word);
    let number = digits.parse().ok()?;
    (number > 0 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

fn unknown_kind(word: &str) -> Misread {
    let names = UpdateKind::ALL.iter().map(|kind| kind.name());
    let sentence = match nearest(word, names.clone()) {
        Some(meant) => format!(
            "Nothing was drafted, because there is no update \"{}\". Did you mean `update {meant}`?",
            excerpt(word)
        ),
        None => format!(
            "Nothing was drafted, because there is no update \"{}\". Write `update` alone, or one of {}.",
            excerpt(word),
            names.collect::<Vec<_>>().join(", ")
        ),
    };
    Misread::BadArgument {
        verb: Verb::DraftUpdate,
        sentence,
    }
}

impl fmt::Display for DraftUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = Verb::DraftUpdate;
        match self {
            DraftUpdate::Draft { kind: None, .. } => write!(f, "{verb}"),
            DraftUpdate::Draft {
                kind: Some(kind),
                text: None,
            } => write!(f, "{verb} {}", kind.name()),
            DraftUpdate::Draft {
                kind: Some(kind),
                text: Some(text),
            } => write!(f, "{verb} {}: {}", kind.name(), Literal(text)),
            DraftUpdate::Show { number } => write!(f, "{verb} {number}"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_text, misreads, reads, trailing},
    };

    pub fn any() -> impl Strategy<Value = DraftUpdate> {
        let kind = proptest::sample::select(UpdateKind::ALL);
        let text = any_text().prop_filter("not empty", |text| !text.is_empty());
        prop_oneof![
            Just(DraftUpdate::Draft {
                kind: None,
                text: None
            }),
            (kind, proptest::option::of(text)).prop_map(|(kind, text)| DraftUpdate::Draft {
                kind: Some(kind),
                text
            }),
            (1..i64::MAX).prop_map(|number| DraftUpdate::Show { number }),
        ]
    }

    fn draft(kind: UpdateKind, text: Option<&str>) -> Request {
        Request::DraftUpdate(DraftUpdate::Draft {
            kind: Some(kind),
            text: text.map(str::to_owned),
        })
    }

    #[test]
    fn drafting_and_showing() {
        let alone = DraftUpdate::Draft {
            kind: None,
            text: None,
        };
        reads([
            ("update", Request::DraftUpdate(alone)),
            ("update Resolved.", draft(UpdateKind::Resolved, None)),
            ("update in_progress", draft(UpdateKind::InProgress, None)),
            (
                "update monitoring: an earlier version is in place",
                draft(
                    UpdateKind::Monitoring,
                    Some("an earlier version is in place"),
                ),
            ),
            (
                "update 7",
                Request::DraftUpdate(DraftUpdate::Show { number: 7 }),
            ),
            (
                "update #7",
                Request::DraftUpdate(DraftUpdate::Show { number: 7 }),
            ),
        ]);
    }

    #[test]
    fn what_is_no_update() {
        misreads([
            ("update frontend", unknown_kind("frontend")),
            ("update resolvd", unknown_kind("resolvd")),
            ("update 0", unknown_kind("0")),
            ("update 7 now", trailing("now", &[])),
        ]);
        assert!(
            unknown_kind("resolvd")
                .to_string()
                .contains("Did you mean `update resolved`?")
        );
    }
}
