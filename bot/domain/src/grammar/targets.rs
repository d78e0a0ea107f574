//! What a rollback goes back to: `prev`, `v212`, an id, a sha, `@02:40`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    misread::Misread,
    moments::{Moment, is_like_a_moment},
    words::{bare, plain_line},
};

/// The most characters the name of a release may have.
const LONGEST_TARGET: usize = 200;

/// What to go back to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The previous release that no rollback left as bad.
    Previous,
    /// A version, an id or a sha, exactly as it was written.
    Named(String),
    /// The id of a release, which was chosen and not typed.
    Id(String),
    /// Whatever was live at a moment.
    At(Moment),
}

impl Target {
    /// Reads the word after `to`.
    pub(super) fn parse(word: &str) -> Result<Self, Misread> {
        let word = bare(word);
        let not_a_target = |suggestion| {
            Err(Misread::NotATarget {
                word: word.to_owned(),
                suggestion,
            })
        };
        if let Some(moment) = word.strip_prefix('@') {
            return Moment::parse(moment).map(Target::At);
        }
        if is_previous(word) {
            return Ok(Target::Previous);
        }
        if is_like_a_moment(word) {
            return not_a_target(Moment::parse(word).ok().map(Target::At));
        }
        let is_plain = |c: char| c.is_alphanumeric() || "._-:/@+~=#".contains(c);
        let fits = word.len() <= LONGEST_TARGET
            && word.starts_with(char::is_alphanumeric)
            && word.chars().all(is_plain);
        if fits {
            Ok(Target::Named(word.to_owned()))
        } else {
            not_a_target(None)
        }
    }
}

impl Target {
    /// Reads what stands in quotes after `to`: a name as it is, whatever is in it.
    pub(super) fn quoted(name: &str) -> Result<Self, Misread> {
        match Target::parse(name) {
            Ok(target @ (Target::Previous | Target::At(_))) => Ok(target),
            Ok(Target::Named(_) | Target::Id(_)) | Err(_)
                if (1..=LONGEST_TARGET).contains(&name.len())
                    && !name.contains(char::is_control) =>
            {
                Ok(Target::Named(name.to_owned()))
            }
            Ok(Target::Named(_) | Target::Id(_)) | Err(_) => Err(Misread::NotATarget {
                word: name.to_owned(),
                suggestion: None,
            }),
        }
    }
}

/// A name as [`plain_line`] leaves it: what somebody types who means it.
pub(crate) fn as_typed(name: &str) -> String {
    plain_line(name)
}

/// Whether a word is `prev` or `previous`.
pub(super) fn is_previous(word: &str) -> bool {
    word.eq_ignore_ascii_case("prev") || word.eq_ignore_ascii_case("previous")
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Previous => f.write_str("prev"),
            Target::Named(name) | Target::Id(name) => {
                let is_plain = Target::parse(name) == Ok(Target::Named(name.clone()));
                let quote = ['"', '\'', '`']
                    .into_iter()
                    .find(|quote| !name.contains(*quote));
                match quote.filter(|_| !is_plain) {
                    Some(quote) => write!(f, "{quote}{name}{quote}"),
                    None => f.write_str(name),
                }
            }
            Target::At(moment) => write!(f, "@{moment}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::samples::{ago, clock, named};

    #[test]
    fn a_target_is_read() {
        for (word, target) in [
            ("prev", Target::Previous),
            ("Previous,", Target::Previous),
            ("v212", named("v212")),
            ("`v2.1.4`.", named("v2.1.4")),
            ("dpl_AbC", named("dpl_AbC")),
            ("ghcr.io/a/b@sha256:0f", named("ghcr.io/a/b@sha256:0f")),
            ("@2:40:10", Target::At(clock(2, 40, 10))),
            ("@-45m", Target::At(ago(2700))),
            ("1.0~beta", named("1.0~beta")),
            ("prüfung-7", named("prüfung-7")),
            ("build#42", named("build#42")),
        ] {
            assert_eq!(Target::parse(word), Ok(target.clone()), "{word}");
            assert_eq!(Target::parse(&target.to_string()), Ok(target), "{word}");
        }
    }

    #[test]
    fn a_name_in_quotes_is_that_name() {
        for name in [
            "2026-03-14",
            "release 7",
            "-rc1",
            "#42",
            "☃",
            "it's \"that\"",
        ] {
            assert_eq!(Target::quoted(name), Ok(named(name)), "{name}");
            let request = format!("frontend to {}", named(name));
            assert_eq!(
                crate::grammar::parse(&request),
                Ok(crate::grammar::samples::propose(
                    "frontend",
                    named(name),
                    ""
                )),
                "{request}"
            );
        }
        assert_eq!(Target::quoted("prev"), Ok(Target::Previous));
        assert_eq!(Target::quoted("@2:40"), Ok(Target::At(clock(2, 40, 0))));
    }

    #[test]
    fn what_cannot_be_a_release() {
        for (word, suggestion) in [
            ("02:40", Some(Target::At(clock(2, 40, 0)))),
            ("-45m", Some(Target::At(ago(2700)))),
            ("25:00", None),
            ("☃", None),
            (&"v".repeat(201), None),
        ] {
            let not_a_target = Misread::NotATarget {
                word: word.into(),
                suggestion,
            };
            assert_eq!(Target::parse(word), Err(not_a_target), "{word}");
        }
        assert_eq!(
            Target::parse("@monday"),
            Err(Misread::BadMoment {
                word: "monday".into()
            })
        );
    }
}
