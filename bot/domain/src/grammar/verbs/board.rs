//! Nothing at all: the board.

use std::fmt;

use super::{Listing, Spec, Takes};
use crate::grammar::{misread::Misread, words::Words};

/// Shows every service and what is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Board;

pub(super) const SPEC: Spec = Spec {
    words: &[],
    takes: Takes::Nothing,
    needs_reason: false,
    listing: Listing::Sentence(
        "/rollback alone lists the services. A proposal changes nothing: its card says what it needs to run.",
    ),
    help: &[],
};

impl Board {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        if words.rest.is_empty() {
            Ok(Board)
        } else {
            Err(Misread::NotAName {
                word: words.rest.to_owned(),
            })
        }
    }
}

impl fmt::Display for Board {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{Request, parse, samples::misreads};

    pub(in crate::grammar) fn any() -> impl Strategy<Value = Board> {
        Just(Board)
    }

    #[test]
    fn nothing_is_the_board() {
        for text in ["", "  ", "\n\t", "\0", "\u{200b}\u{200f}"] {
            assert_eq!(parse(text), Ok(Request::Board(Board)), "{text:?}");
        }
        misreads([("???", Misread::NotAName { word: "???".into() })]);
    }
}
