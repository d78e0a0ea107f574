//! `review RB-41 justified because …`: what somebody thinks of an emergency run, afterwards.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::{Misread, excerpt},
    reasons::{Because, reason, required},
    subjects::required_number,
    words::{Words, bare},
};
use crate::identity::RollbackId;

/// Records afterwards whether an emergency run was right.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Review {
    /// The number of the rollback.
    pub rollback: RollbackId,
    /// The person's judgement.
    pub answer: ReviewAnswer,
    /// Why, in the person's own words.
    pub because: String,
}

/// The judgement of the person who reviews an emergency run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewAnswer {
    /// It was right not to wait.
    Justified,
    /// Somebody who may approve should have been waited for.
    ShouldHaveWaited,
    /// It should not have been necessary: who may approve should be changed.
    PolicyTooStrict,
}

pub(super) const SPEC: Spec = Spec {
    words: &["review"],
    takes: Takes::Rollback,
    needs_reason: true,
    listing: Listing::Line {
        examples: "`review RB-41 justified because carts were lost`",
        meaning: "say afterwards whether the emergency run was right",
    },
    help: &[
        "`review RB-41 justified because carts were lost`: say whether the emergency run was right. The reason is needed.",
        "The other answers are `should-have-waited` and `policy-too-strict`, with spaces if you like.",
    ],
};

impl Review {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let rollback = required_number(Verb::Review, &mut words)?;
        let answer = answer(&mut words)?;
        let beginning = format!("{rollback} {}", answer.name());
        let because = reason(words, |words| {
            vec![format!(
                "{} {beginning} because {}",
                Verb::Review,
                words.rest
            )]
        })?;
        let because = required(Verb::Review, beginning, because)?;
        Ok(Review {
            rollback,
            answer,
            because,
        })
    }
}

/// Reads the answer, in one word or in several.
fn answer(words: &mut Words<'_>) -> Result<ReviewAnswer, Misread> {
    let mut after = words.clone();
    let mut text = "";
    while after.marked_reason().is_none() && after.next().is_some() {
        let length = words.rest.len() - after.rest.len();
        text = bare(words.rest.get(..length).unwrap_or_default().trim_end());
        if let Some(answer) = ReviewAnswer::named(text) {
            *words = after;
            return Ok(answer);
        }
    }
    Err(no_answer(text))
}

/// Refuses `text`, which is empty if nothing stands where the answer should.
fn no_answer(text: &str) -> Misread {
    let cause = if text.is_empty() {
        "`review` needs an answer".to_owned()
    } else {
        format!("\"{}\" is not an answer to a review", excerpt(text))
    };
    let [first, second, third] = ReviewAnswer::ALL.map(ReviewAnswer::name);
    Misread::BadArgument {
        verb: Verb::Review,
        sentence: format!(
            "Nothing was run, because {cause}: choose `{first}`, `{second}` or `{third}`, and say why."
        ),
    }
}

impl ReviewAnswer {
    /// Every answer.
    pub const ALL: [ReviewAnswer; 3] = [
        ReviewAnswer::Justified,
        ReviewAnswer::ShouldHaveWaited,
        ReviewAnswer::PolicyTooStrict,
    ];

    /// The answer in one word, as a request has it.
    pub fn name(self) -> &'static str {
        match self {
            ReviewAnswer::Justified => "justified",
            ReviewAnswer::ShouldHaveWaited => "should-have-waited",
            ReviewAnswer::PolicyTooStrict => "policy-too-strict",
        }
    }

    /// The answer that is written so, in any case, with hyphens, underscores or spaces.
    pub fn named(words: &str) -> Option<ReviewAnswer> {
        let word = words.to_ascii_lowercase().replace([' ', '_'], "-");
        ReviewAnswer::ALL
            .into_iter()
            .find(|answer| answer.name() == word)
    }
}

impl fmt::Display for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Review {
            rollback,
            answer,
            because,
        } = self;
        let because = Because(Some(because));
        write!(f, "{} {rollback} {}{because}", Verb::Review, answer.name())
    }
}

impl fmt::Display for ReviewAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReviewAnswer::Justified => "justified",
            ReviewAnswer::ShouldHaveWaited => "should have waited",
            ReviewAnswer::PolicyTooStrict => "policy too strict",
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::{
        ReviewAnswer::{Justified, PolicyTooStrict, ShouldHaveWaited},
        *,
    };
    use crate::grammar::{
        Request, parse,
        samples::{
            any_id, any_required_reason, bad_number, misreads, no_number, no_reason, reads,
            trailing,
        },
    };

    pub fn any() -> impl Strategy<Value = Review> {
        (
            any_id(),
            proptest::sample::select(ReviewAnswer::ALL.to_vec()),
            any_required_reason(),
        )
            .prop_map(|(rollback, answer, because)| Review {
                rollback,
                answer,
                because,
            })
    }

    fn review(rollback: u64, answer: ReviewAnswer, because: &str) -> Request {
        Request::Review(Review {
            rollback: RollbackId::new(rollback),
            answer,
            because: because.into(),
        })
    }

    #[test]
    fn reviewing() {
        reads([
            (
                "review RB-41 justified because carts were lost",
                review(41, Justified, "carts were lost"),
            ),
            (
                "Review 41: JUSTIFIED - carts were lost",
                review(41, Justified, "carts were lost"),
            ),
            (
                "review RB-41 “justified”, “carts were lost”",
                review(41, Justified, "carts were lost"),
            ),
        ]);
        for text in [
            "should-have-waited",
            "should have waited",
            "should_have_waited",
            "Should‑have waited,",
            "“should have waited”",
            "`should-have-waited`:",
        ] {
            assert_eq!(
                parse(&format!("review RB-41 {text} because sam was awake")),
                Ok(review(41, ShouldHaveWaited, "sam was awake")),
                "{text}"
            );
        }
        for text in [
            "policy-too-strict",
            "policy too strict",
            "Policy_too_strict",
        ] {
            assert_eq!(
                parse(&format!("review RB-41 {text} - it was night")),
                Ok(review(41, PolicyTooStrict, "it was night")),
                "{text}"
            );
        }
        misreads([
            ("review justified", bad_number(Verb::Review, "justified")),
            ("review because x", no_number(Verb::Review)),
            (
                "review RB-41 justified",
                no_reason(Verb::Review, "RB-41 justified"),
            ),
            (
                "review RB-41 Should have waited because …",
                no_reason(Verb::Review, "RB-41 should-have-waited"),
            ),
            (
                "review RB-41 justified it was night",
                trailing(
                    "it was night",
                    &["review RB-41 justified because it was night"],
                ),
            ),
            ("review RB-41", no_answer("")),
            ("review RB-41 because x", no_answer("")),
            ("review RB-41 \"\" because x", no_answer("")),
            ("review RB-41 fine because x", no_answer("fine")),
            ("review RB-41 “it was fine”", no_answer("it was fine")),
            (
                "review RB-41 should have because x",
                no_answer("should have"),
            ),
        ]);
    }

    #[test]
    fn an_answer_has_a_name() {
        for answer in ReviewAnswer::ALL {
            assert_eq!(ReviewAnswer::named(answer.name()), Some(answer));
            assert_eq!(ReviewAnswer::named(&answer.to_string()), Some(answer));
        }
        assert_eq!(
            review(41, ShouldHaveWaited, "x").to_string(),
            "review RB-41 should-have-waited because x"
        );
        assert_eq!(ShouldHaveWaited.to_string(), "should have waited");
        assert_eq!(
            serde_json::to_string(&PolicyTooStrict).expect("it has a JSON form"),
            "\"policy_too_strict\""
        );
        assert_eq!(
            no_answer("").to_string(),
            "Nothing was run, because `review` needs an answer: choose `justified`, `should-have-waited` or `policy-too-strict`, and say why."
        );
        assert_eq!(
            no_answer("meh").to_string(),
            "Nothing was run, because \"meh\" is not an answer to a review: choose `justified`, `should-have-waited` or `policy-too-strict`, and say why."
        );
    }
}
