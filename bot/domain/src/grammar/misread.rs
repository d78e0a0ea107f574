//! Why a text was not understood.

use super::{reasons::LONGEST_TEXT, targets::Target, verbs::Verb};
use crate::identity::RollbackId;

/// Why a text was not understood: one sentence for the person who wrote it, ending with what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misread {
    /// A word is kept for a verb, or looks like one, and is none.
    #[error(
        "Nothing was run: \"{}\" is not a command. {}",
        excerpt(word),
        meant.map_or("`/rollback help` lists them.".to_owned(), |verb| format!("Did you mean `{verb}`?"))
    )]
    UnknownVerb {
        /// The word.
        word: String,
        /// The verb it may have meant; `None` if no verb is near.
        meant: Option<Verb>,
    },
    /// The text begins with somebody's name: it is a message to them, and nobody's command.
    #[error(
        "Nothing was run: that message begins with somebody's name. To run it yourself, send it without the name."
    )]
    ForSomebodyElse,
    /// The request is about a service and names none.
    #[error("Nothing was run, because no service was named: write, for example, `{}`.", example(*verb))]
    MissingService {
        /// The verb that needs it.
        verb: Verb,
    },
    /// The verb is about one rollback and its number is not there.
    #[error(
        "Nothing was run, because `{verb}` needs to know which rollback: write `{verb} RB-` and its number."
    )]
    MissingNumber {
        /// The verb that needs it.
        verb: Verb,
    },
    /// Something stands where the number of a rollback should.
    #[error(
        "Nothing was run, because \"{}\" is not the number of a rollback: write `{verb} RB-` and its number.",
        excerpt(word)
    )]
    BadNumber {
        /// The verb that needs it.
        verb: Verb,
        /// The word in its place.
        word: String,
    },
    /// The verb is about a rollback or a service, and neither is there.
    #[error(
        "Nothing was run, because `{verb}` needs to know which rollback or service: write, for example, `{verb} RB-41` or `{verb} frontend`."
    )]
    MissingAbout {
        /// The verb that needs it.
        verb: Verb,
    },
    /// The verb needs a reason, and there is none.
    #[error(
        "Nothing was run, because `{verb}` needs a reason: write, for example, `{verb} {beginning} because …`."
    )]
    MissingReason {
        /// The verb that needs it.
        verb: Verb,
        /// The request between its verb and where the reason should be.
        beginning: String,
    },
    /// A verb needs something of its own that is not there, or is not what it should be.
    #[error("{sentence}")]
    BadArgument {
        /// The verb that needs it.
        verb: Verb,
        /// The verb's own sentence about it, whole.
        sentence: String,
    },
    /// A rollback is named, and not what to do with it.
    #[error(
        "Nothing was run, because I was not told what to do with {rollback}: write, for example, `status {rollback}`."
    )]
    MissingVerb {
        /// The rollback's number.
        rollback: RollbackId,
    },
    /// The word cannot be the name of a service or an environment.
    #[error(
        "Nothing was run, because \"{}\" cannot be the name of a service: write it like `frontend` or `frontend@production`, or ask for `help`.",
        excerpt(word)
    )]
    NotAName {
        /// The word.
        word: String,
    },
    /// A word of the grammar stands where the name of a service should.
    #[error(
        "Nothing was run, because \"{}\" is a word of my own and never a service: name a service, or ask for `help`.",
        excerpt(word)
    )]
    Reserved {
        /// The word.
        word: String,
    },
    /// Nothing follows `to`.
    #[error(
        "Nothing was run, because nothing followed `to`: write `to prev`, `to v212` or `to @02:40`."
    )]
    MissingTarget,
    /// The word after `to` cannot be a release.
    #[error(
        "Nothing was run, because \"{}\" cannot be a release: write {}.",
        excerpt(word),
        suggestion.as_ref().map_or(
            "`to prev`, `to v212` or `to @02:40`, and a name with blanks or signs in quotes".to_owned(),
            |target| format!("`to {target}`, or `to \"{}\"` if that is its name", excerpt(word))
        )
    )]
    NotATarget {
        /// The word.
        word: String,
        /// The target it may have meant; `None` if it is near none.
        suggestion: Option<Target>,
    },
    /// The word looks like a time and is none.
    #[error(
        "Nothing was run, because \"{}\" is not a time I can read: write -45m, 02:40, 02:40:10 or 2026-01-21T02:40Z.",
        excerpt(word)
    )]
    BadMoment {
        /// The word.
        word: String,
    },
    /// The text is longer than a reason or a note may be.
    #[error(
        "Nothing was run, because that is {characters} characters and I read at most {LONGEST_TEXT}: say it shorter and link to the rest."
    )]
    TooLong {
        /// Its length in characters.
        characters: usize,
    },
    /// Words are left after the request ended.
    #[error(
        "Nothing was run, because I don't understand \"{}\": {}.",
        excerpt(words),
        choice(suggestions)
    )]
    TrailingWords {
        /// The words that are left.
        words: String,
        /// Whole requests that may have been meant.
        suggestions: Vec<String>,
    },
}

/// The beginning of what somebody wrote, fit to stand inside a sentence.
pub(super) fn excerpt(words: &str) -> String {
    const LONGEST: usize = 60;
    let words = words.replace('`', "'");
    match words.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words,
    }
}

/// A whole request of the verb about a service.
fn example(verb: Verb) -> String {
    let because = if verb.needs_reason() {
        " because …"
    } else {
        ""
    };
    format!("{}frontend{because}", verb.prefix())
}

fn choice(suggestions: &[String]) -> String {
    if suggestions.is_empty() {
        return "leave it out and send the rest again".to_owned();
    }
    let requests: Vec<String> = suggestions
        .iter()
        .map(|request| format!("`{request}`"))
        .collect();
    format!("write {}", requests.join(" or "))
}

#[cfg(test)]
mod tests {
    use crate::grammar::parse;

    #[test]
    fn a_misread_is_one_sentence_for_a_person() {
        for (text, sentence) in [
            (
                "forward RB-41",
                "Nothing was run: \"forward\" is not a command. `/rollback help` lists them.",
            ),
            (
                "aprove RB-41",
                "Nothing was run: \"aprove\" is not a command. Did you mean `approve`?",
            ),
            (
                "approve",
                "Nothing was run, because `approve` needs to know which rollback: write `approve RB-` and its number.",
            ),
            (
                "plan",
                "Nothing was run, because no service was named: write, for example, `plan frontend`.",
            ),
            (
                "to v212",
                "Nothing was run, because no service was named: write, for example, `frontend`.",
            ),
            (
                "freeze",
                "Nothing was run, because no service was named: write, for example, `freeze frontend because …`.",
            ),
            (
                "who",
                "Nothing was run, because `who` needs to know which rollback or service: write, for example, `who RB-41` or `who frontend`.",
            ),
            (
                "object RB-41",
                "Nothing was run, because `object` needs a reason: write, for example, `object RB-41 because …`.",
            ),
            (
                "review RB-41 justified",
                "Nothing was run, because `review` needs a reason: write, for example, `review RB-41 justified because …`.",
            ),
            (
                "frontend to 2:40",
                "Nothing was run, because \"2:40\" cannot be a release: write `to @02:40`, or `to \"2:40\"` if that is its name.",
            ),
            (
                "frontend production",
                "Nothing was run, because I don't understand \"production\": write `frontend@production` or `frontend because production`.",
            ),
            (
                "frontend becuase checkout 500s",
                "Nothing was run, because I don't understand \"becuase checkout 500s\": write `frontend because checkout 500s`.",
            ),
            (
                "approve RB-41 becuase rates confirm it",
                "Nothing was run, because I don't understand \"becuase rates confirm it\": write `approve RB-41 because rates confirm it`.",
            ),
            (
                "frontend checkout 500s",
                "Nothing was run, because I don't understand \"checkout 500s\": write `frontend because checkout 500s`.",
            ),
            (
                "roll back frontend because checkout 500s",
                "Nothing was run, because I don't understand \"frontend because checkout 500s\": write `frontend because checkout 500s`.",
            ),
            (
                "<@U0SAM> approve RB-41 because <@U0BOT> waits for you",
                "Nothing was run: that message begins with somebody's name. To run it yourself, send it without the name.",
            ),
            (
                "timeline --all",
                "Nothing was run, because I don't understand \"--all\": leave it out and send the rest again.",
            ),
        ] {
            assert_eq!(
                parse(text).map_err(|misread| misread.to_string()),
                Err(sentence.to_owned())
            );
        }
    }
}
