//! `note -5m paged the team`, `note edit it was 6 %`: an entry in the timeline, or a correction of one.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    moments::When,
    reasons,
    words::{Literal, Words, bare},
};

/// Writes something into the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Note {
    /// When it happened; `None` for now.
    pub at: Option<When>,
    /// What happened, in the person's own words.
    pub text: String,
    /// Whether it corrects the last note of the same person, which happened when that did.
    pub is_correction: bool,
}

/// The word that begins a correction.
const EDIT: &str = "edit";

pub(super) const SPEC: Spec = Spec {
    words: &["note"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`note checkout is back`, `note -5m paged the team`, `note edit it was 6 %`",
        meaning: "write into the timeline, or correct your last note",
    },
    help: &[
        "`note checkout is back`: write into the timeline.",
        "If it happened earlier, say when: `note -5m paged the team`, `note 03:07 rates fell`, `note yesterday 23:50 rates rose`, `note 2026-03-13 23:50 rates rose`. The time is that of your own zone in Slack.",
        "`note edit it was 6 %`: a correction of your last note, which stays as it was.",
    ],
};

impl Note {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let is_correction = words.peek().is_some_and(is_edit);
        let at = match is_correction {
            true => {
                words.next();
                None
            }
            false => When::read(&mut words).transpose()?,
        };
        let text = reasons::text(words.rest)?;
        if text.is_empty() {
            Err(empty())
        } else {
            Ok(Note {
                at,
                text,
                is_correction,
            })
        }
    }
}

fn is_edit(word: &str) -> bool {
    bare(word).eq_ignore_ascii_case(EDIT)
}

fn empty() -> Misread {
    Misread::BadArgument {
        verb: Verb::Note,
        sentence: "Nothing was noted, because the note is empty: write, for example, `note -5m checkout is slow`.".into(),
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Note {
            at,
            text,
            is_correction,
        } = self;
        let (note, literal) = (Verb::Note, Literal(text));
        let mut words = Words::new(text);
        match at {
            _ if *is_correction => write!(f, "{note} {EDIT} {literal}"),
            Some(at) => write!(f, "{note} {at} {literal}"),
            // A dash keeps the first word from being read as the time of the note.
            None if words.peek().is_some_and(is_edit) || When::read(&mut words).is_some() => {
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
        Day, Moment, Request,
        samples::{ago, any_text, any_when, clock, misreads, reads},
    };

    pub fn any() -> impl Strategy<Value = Note> {
        let not_a_correction = (proptest::option::of(any_when()), any_text(), Just(false));
        let correction = (Just(None), any_text(), Just(true));
        prop_oneof![3 => not_a_correction.boxed(), 1 => correction.boxed()]
            .prop_filter("not empty", |(_, text, _)| !text.is_empty())
            .prop_map(|(at, text, is_correction)| Note {
                at,
                text,
                is_correction,
            })
    }

    #[test]
    fn noting() {
        let note = |at: Option<Moment>, text: &str| {
            Request::Note(Note {
                at: at.map(When::Moment),
                text: text.into(),
                is_correction: false,
            })
        };
        let correction = Request::Note(Note {
            at: None,
            text: "it was 6 %".into(),
            is_correction: true,
        });
        let yesterday = Request::Note(Note {
            at: Some(When::OnDay {
                day: Day::Yesterday,
                hour: 23,
                minute: 50,
                second: 0,
            }),
            text: "rates rose".into(),
            is_correction: false,
        });
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
            ("note edit it was 6 %", correction.clone()),
            ("note Edit: it was 6 %", correction),
            ("note - edit was slow", note(None, "edit was slow")),
            ("note yesterday 23:50 rates rose", yesterday.clone()),
            ("note @yesterday 23:50, rates rose", yesterday),
            (
                "note yesterday was quiet",
                note(None, "yesterday was quiet"),
            ),
        ]);
        let moment = |word: &str| Misread::BadMoment { word: word.into() };
        misreads([
            ("note", empty()),
            ("note -5m", empty()),
            ("note \"\"", empty()),
            ("note edit", empty()),
            ("note yesterday 23:50", empty()),
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
