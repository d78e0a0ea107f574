//! `drill frontend@staging`, `drill note …`: practising a rollback, and what was learned by it.

use std::fmt;

use super::{Listing, Propose, Spec, Takes, Verb};
use crate::{
    drill::Quarter,
    grammar::{
        misread::{Misread, excerpt},
        reasons,
        subjects::{expect_end, rollback_named},
        words::{Literal, Words, bare},
    },
    identity::RollbackId,
};

/// Practises a rollback, or notes what was learned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Drill {
    /// Begins one.
    Begin(Propose),
    /// Shows which are due, and who has never drilled.
    Calendar,
    /// Uploads the report of a quarter.
    Report {
        /// The quarter; `None`: the one that goes on.
        quarter: Option<Quarter>,
    },
    /// Writes into the record of one.
    Note {
        /// The drill; `None`: the latest one of the channel.
        drill: Option<RollbackId>,
        /// What was learned, in the person's own words.
        text: String,
    },
}

/// The word that asks for a report.
const REPORT: &str = "report";
/// The word that begins a note.
const NOTE: &str = "note";

pub(super) const SPEC: Spec = Spec {
    words: &["drill"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`drill frontend@staging`, `drill note nobody knew who approves`, `drill`, `drill report`",
        meaning: "practise a rollback, note what was learned, see what is due",
    },
    help: &[
        "`drill frontend@staging`: the same plan, the same card and the same approvals. It acts only in an environment that the configuration names for drills; anywhere else it ends before the platform is asked.",
        "`drill frontend to v212 because it is the last friday`: a target and a reason, as in a rollback.",
        "`drill note DR-7 nobody knew who approves`: write into the record of a drill; without its number, of the channel's latest one. `drill`: which are due, which were missed, and who has never drilled. `drill report 2026-Q4`: the report of a quarter, as files.",
    ],
};

impl Drill {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let part = words.peek().map(bare).unwrap_or_default();
        if part.eq_ignore_ascii_case(NOTE) {
            words.next();
            return note(words);
        }
        if part.eq_ignore_ascii_case(REPORT) {
            words.next();
            return report(words);
        }
        let Some(first) = words.next() else {
            return Ok(Drill::Calendar);
        };
        Propose::read(Verb::Drill, Some(first), words).map(Drill::Begin)
    }
}

fn report(mut words: Words<'_>) -> Result<Drill, Misread> {
    let quarter = match words.next().map(bare) {
        None => None,
        Some(word) => Some(word.parse().map_err(|_| no_quarter(word))?),
    };
    expect_end(Verb::Drill, None, &words)?;
    Ok(Drill::Report { quarter })
}

fn no_quarter(word: &str) -> Misread {
    Misread::BadArgument {
        verb: Verb::Drill,
        sentence: format!(
            "Nothing was run, because \"{}\" is not a quarter: write `drill report`, or `drill report 2026-Q4`.",
            excerpt(word)
        ),
    }
}

fn note(mut words: Words<'_>) -> Result<Drill, Misread> {
    let named = words.peek().map(bare).and_then(rollback_named);
    let drill = named.filter(|named| named.is_drill());
    if drill.is_some() {
        words.next();
    }
    let text = reasons::text(words.rest)?;
    match text.is_empty() {
        true => Err(empty()),
        false => Ok(Drill::Note { drill, text }),
    }
}

fn empty() -> Misread {
    Misread::BadArgument {
        verb: Verb::Drill,
        sentence: "Nothing was noted, because the note is empty: write, for example, `drill note nobody knew who approves`.".into(),
    }
}

impl fmt::Display for Drill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = Verb::Drill;
        match self {
            Drill::Calendar => write!(f, "{verb}"),
            Drill::Report { quarter: None } => write!(f, "{verb} {REPORT}"),
            Drill::Report {
                quarter: Some(quarter),
            } => write!(f, "{verb} {REPORT} {quarter}"),
            Drill::Begin(proposal) => write!(f, "{verb} {proposal}"),
            Drill::Note {
                drill: Some(drill),
                text,
            } => write!(f, "{verb} {NOTE} {drill} {}", Literal(text)),
            Drill::Note { drill: None, text } => {
                let first = Words::new(text).peek().map(bare).and_then(rollback_named);
                match first.is_some_and(RollbackId::is_drill) {
                    // A dash keeps the first word from being read as the drill.
                    true => write!(f, "{verb} {NOTE} - {}", Literal(text)),
                    false => write!(f, "{verb} {NOTE} {}", Literal(text)),
                }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request, Target,
        samples::{any_text, misreads, propose, reads},
    };

    pub fn any() -> impl Strategy<Value = Drill> {
        let drill = proptest::option::of((1..=RollbackId::LAST).prop_map(RollbackId::drill));
        let note = (drill, any_text())
            .prop_filter("not empty", |(_, text)| !text.is_empty())
            .prop_map(|(drill, text)| Drill::Note { drill, text });
        let begin = super::super::propose::tests::any();
        let quarter = proptest::option::of((1..=4, 2000..2100));
        let report = quarter.prop_map(|quarter| Drill::Report {
            quarter: quarter.and_then(|(quarter, year)| format!("{year}-Q{quarter}").parse().ok()),
        });
        prop_oneof![
            begin.prop_map(Drill::Begin),
            Just(Drill::Calendar),
            report,
            note
        ]
    }

    fn begin(request: Request) -> Request {
        match request {
            Request::Propose(proposal) => Request::Drill(Drill::Begin(proposal)),
            other => other,
        }
    }

    fn noted(drill: Option<u64>, text: &str) -> Request {
        Request::Drill(Drill::Note {
            drill: drill.map(RollbackId::drill),
            text: text.into(),
        })
    }

    #[test]
    fn drilling() {
        reads([
            (
                "drill frontend@staging",
                begin(propose("frontend@staging", Target::Previous, "")),
            ),
            (
                "Drill frontend to prev because it is friday",
                begin(propose("frontend", Target::Previous, "it is friday")),
            ),
            (
                "drill note nobody knew who approves",
                noted(None, "nobody knew who approves"),
            ),
            ("drill note dr-7 nobody knew", noted(Some(7), "nobody knew")),
            ("drill", Request::Drill(Drill::Calendar)),
            (
                "drill report 2026-q4",
                Request::Drill(Drill::Report {
                    quarter: "2026-Q4".parse().ok(),
                }),
            ),
            (
                "drill note RB-7 was the same",
                noted(None, "RB-7 was the same"),
            ),
        ]);
        misreads([
            ("drill report monday", no_quarter("monday")),
            ("drill note", empty()),
            ("drill note DR-7", empty()),
        ]);
    }
}
