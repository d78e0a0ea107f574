//! `help`, `help approve`: how to write all this.

use std::fmt;

use super::{Listing, RESERVED, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    subjects::expect_end,
    words::{Words, bare},
};

/// Explains everything, or one verb.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Help {
    /// The verb that is explained; `None` for a list of all.
    pub verb: Option<Verb>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["help"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`help approve`",
        meaning: "more about one of them",
    },
    help: &["`help`: everything I understand. `help approve`: one verb."],
};

impl Help {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let verb = words.next().map(verb).transpose()?;
        expect_end(Verb::Help, None, &words)?;
        Ok(Help { verb })
    }
}

fn verb(word: &str) -> Result<Verb, Misread> {
    let word = bare(word).to_ascii_lowercase();
    match Verb::named(&word) {
        Some(verb) => Ok(verb),
        None if RESERVED.contains(&word.as_str()) => {
            Err(Misread::UnknownVerb { word, meant: None })
        }
        None => Err(Misread::UnknownVerb {
            meant: Verb::nearest(&word),
            word,
        }),
    }
}

/// Explains all verbs in a line each, or one verb, for Slack and terminals alike. The board and a
/// proposal are explained by the list.
pub fn help(verb: Option<Verb>) -> String {
    match verb.map(|verb| verb.spec().help) {
        None | Some([]) => list(),
        Some(lines) => lines.join("\n"),
    }
}

/// Verbs that share a line have all their examples first, then all they mean.
fn list() -> String {
    let mut lines: Vec<(String, String)> = Vec::new();
    for verb in Verb::ALL {
        match verb.spec().listing {
            Listing::Sentence(sentence) => lines.push((sentence.to_owned(), String::new())),
            Listing::Line { examples, meaning } => {
                lines.push((examples.to_owned(), format!(": {meaning}")));
            }
            Listing::SameLine { examples, meaning } => {
                if let Some((line_examples, line_meaning)) = lines.last_mut() {
                    line_examples.push_str(", ");
                    line_examples.push_str(examples);
                    line_meaning.push_str(meaning);
                }
            }
        }
    }
    let lines: Vec<String> = lines
        .into_iter()
        .map(|(examples, meaning)| examples + &meaning)
        .collect();
    lines.join("\n")
}

impl fmt::Display for Help {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verb {
            Some(verb) => write!(f, "{} {verb}", Verb::Help),
            None => write!(f, "{}", Verb::Help),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{misreads, reads, unknown},
    };

    pub fn any() -> impl Strategy<Value = Help> {
        let verbs: Vec<Verb> = Verb::ALL
            .iter()
            .copied()
            .filter(|verb| verb.word().is_some())
            .collect();
        proptest::option::of(proptest::sample::select(verbs)).prop_map(|verb| Help { verb })
    }

    #[test]
    fn asking_for_help() {
        let about = |verb| Request::Help(Help { verb });
        reads([
            ("help", about(None)),
            ("help Approve", about(Some(Verb::Approve))),
            ("help cancel", about(Some(Verb::Stop))),
            ("help lock", about(Some(Verb::Freeze))),
            ("help break-glass", about(Some(Verb::BreakGlass))),
        ]);
        misreads([
            ("help forward", unknown("forward", None)),
            ("help aprove", unknown("aprove", Some(Verb::Approve))),
        ]);
    }

    #[test]
    fn verbs_share_a_line() {
        let list = help(None);
        let pins =
            "`pins`, `unpin frontend`: where automatic deploys are held off; let them flow again";
        assert!(list.lines().any(|line| line == pins), "{list}");
    }
}
