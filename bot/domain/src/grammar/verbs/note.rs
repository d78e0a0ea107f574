//! `note -5m paged the team`: an entry in the timeline.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    moments::{Moment, is_like_a_moment},
    reasons,
    words::{Literal, Words, bare},
};

/// Writes something into the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Note {
    /// When it happened; `None` for now.
    pub at: Option<Moment>,
    /// What happened, in the person's own words.
    pub text: String,
}

pub(super) const SPEC: Spec = Spec {
    words: &["note"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`note checkout is back`, `note -5m paged the team`",
        meaning: "write into the timeline",
    },
    help: &[
        "`note checkout is back`: write into the timeline.",
        "If it happened earlier, say when: `note -5m paged the team`, `note 03:07 rates fell`.",
    ],
};

impl Note {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let at = match words.peek() {
            Some(word) if is_like_a_moment(word) => {
                words.next();
                Some(Moment::parse(bare(word).trim_start_matches('@'))?)
            }
            _ => None,
        };
        let text = reasons::text(words.rest)?;
        if text.is_empty() {
            Err(empty())
        } else {
            Ok(Note { at, text })
        }
    }
}

fn empty() -> Misread {
    Misread::BadArgument {
        verb: Verb::Note,
        sentence: "Nothing was noted, because the note is empty: write, for example, `note -5m checkout is slow`.".into(),
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Note { at, text } = self;
        let (note, literal) = (Verb::Note, Literal(text));
        match at {
            Some(at) => write!(f, "{note} {at} {literal}"),
            // A dash keeps the first word from being read as the time of the note.
            None if text.split(' ').next().is_some_and(is_like_a_moment) => {
                write!(f, "{note} - {literal}")
            }
            None => write!(f, "{note} {literal}"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{ago, any_moment, any_text, clock, misreads, reads},
    };

    pub fn any() -> impl Strategy<Value = Note> {
        (proptest::option::of(any_moment()), any_text())
            .prop_filter("not empty", |(_, text)| !text.is_empty())
            .prop_map(|(at, text)| Note { at, text })
    }

    #[test]
    fn noting() {
        let note = |at, text: &str| {
            Request::Note(Note {
                at,
                text: text.into(),
            })
        };
        reads([
            ("note Checkout is back", note(None, "Checkout is back")),
            ("note “Checkout is back”", note(None, "Checkout is back")),
            ("note: because of v214", note(None, "because of v214")),
            ("note -5m paged", note(Some(ago(300)), "paged")),
            ("note −90s: paged", note(Some(ago(90)), "paged")),
            (
                "note 03:07 rates fell",
                note(Some(clock(3, 7, 0)), "rates fell"),
            ),
            (
                "note @03:07, rates fell",
                note(Some(clock(3, 7, 0)), "rates fell"),
            ),
            ("note \"-5 pods\"", note(None, "-5 pods")),
            ("note - 03:07 was quiet", note(None, "03:07 was quiet")),
            ("note <@U1> did it", note(None, "<@U1> did it")),
        ]);
        let moment = |word: &str| Misread::BadMoment { word: word.into() };
        misreads([
            ("note", empty()),
            ("note -5m", empty()),
            ("note \"\"", empty()),
            ("note -5x pods", moment("-5x")),
            (
                "note -99999999999999999999h pods",
                moment("-99999999999999999999h"),
            ),
            ("note 3:7 pods", moment("3:7")),
            ("note 2026-01-21 pods", moment("2026-01-21")),
        ]);
    }
}
