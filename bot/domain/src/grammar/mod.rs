//! The words of `/rollback …`: one parser for the slash command, a mention and the command line.
//!
//! ```text
//! request = ""                                          the board
//!         | service [ "to" target ] [ reason ]          propose
//!         | verb …                                      see `help`
//! service = name [ "@" environment ]
//! target  = "prev" | version | id | sha | "@" moment    "what was live then"
//! moment  = "-" n ( "s" | "m" | "h" ) | HH:MM[:SS] | 2026-01-21T02:40Z
//! reason  = "because" text | "-" text | a quoted text
//! ```
//!
//! [`parse`] tidies the text first, so that what a phone or Slack made of it does not matter, and
//! reads what is left strictly: a word that does not fit is a [`Misread`] with a suggestion in it,
//! and a suggestion is never carried out. Every [`Request`] prints as a text that reads as the
//! same request again.
//!
//! A verb is one file in [`verbs`], and one line in the table there.

pub mod fields;
mod misread;
mod moments;
mod outcomes;
mod reasons;
mod subjects;
mod targets;
pub mod verbs;
mod words;

#[cfg(test)]
mod samples;

pub use misread::Misread;
pub use moments::{Day, Moment, When};
pub use subjects::{About, IncidentRef, ServiceRef, is_name};
pub use targets::Target;
pub(crate) use targets::as_typed;
#[doc(inline)]
pub use verbs::{
    Assignee, ChecklistStep, Due, ExportFormat, RESERVED, Request, ReviewAnswer, Verb, help,
};
pub use words::nearest;

use words::{Words, bare};

/// The most characters of everything in a request that is not its reason or note.
const LONGEST_COMMAND: usize = 500;

/// Reads one request.
///
/// Before that the text is tidied: Slack's `&amp;`, `&lt;`, `&gt;` and links become what people
/// saw; typographic quotes, dashes and spaces become plain ones; control characters and invisible
/// marks go; runs of space become one.
///
/// A text that begins with somebody's name is addressed to them and is nobody's command; see
/// [`parse_mention`] for the bot's own name.
///
/// ```
/// use rollback_domain::grammar::{Request, parse, verbs::Approve};
/// use rollback_domain::identity::RollbackId;
///
/// let request = parse("Approve rb-41, — “the carts are empty”")?;
/// let rollback = RollbackId::new(41);
/// let approve = Approve { rollback, because: Some("the carts are empty".into()) };
/// assert_eq!(request, Request::Approve(approve));
/// assert_eq!(request.to_string(), "approve RB-41 because the carts are empty");
/// assert!(parse("aprove RB-41").is_err());
/// assert!(parse("<@U0SAM> approve RB-41").is_err());
/// # Ok::<(), rollback_domain::grammar::Misread>(())
/// ```
pub fn parse(text: &str) -> Result<Request, Misread> {
    parse_mention(text, |_| false)
}

/// Reads one request that may begin with a mention of the bot. `is_own` says of a Slack id whether
/// it is the bot's.
pub fn parse_mention(text: &str, is_own: impl Fn(&str) -> bool) -> Result<Request, Misread> {
    let text = words::tidy(text);
    let text = words::without_own_mention(&text, is_own);
    if words::is_addressed(text) {
        return Err(Misread::ForSomebodyElse);
    }
    let characters = text.chars().count();
    if characters > reasons::LONGEST_TEXT + LONGEST_COMMAND {
        return Err(Misread::TooLong { characters });
    }
    let mut words = Words::new(text);
    let verb = match words.peek().map(bare) {
        None => Verb::Board,
        Some(word) => match Verb::named(word) {
            None => Verb::Propose,
            Some(verb) => {
                words.next();
                verb
            }
        },
    };
    verb.parse(words)
}

/// The text as Slack sends it, with people, groups and channels by their names: `<@U0SAM|sam>` is
/// `@sam`, and so is `<@U0SAM>` where `name` knows what the person of this id is called. Whom the
/// text is addressed to stays as it is.
pub fn with_names(text: &str, name: impl Fn(&str) -> Option<String>) -> String {
    let (addressed, rest) = text.split_at(words::address(text));
    let labelled = words::with_labels(rest, name);
    // Who gets a role or an action is told by the id: several people may have one name.
    let assignee = verbs::assignee(&labelled).or_else(|| verbs::owner(&labelled));
    let (kept, rest) = match assignee {
        Some(at) => {
            let end = labelled[at..].find('>').map_or(at, |end| at + end + 1);
            labelled.split_at(end)
        }
        None => ("", labelled.as_str()),
    };
    format!("{addressed}{kept}{}", words::with_names(rest))
}

/// What a message of a channel says, as one plain line: people, groups, channels and links as they
/// are read, without what cannot be seen. What is longer than a note may be is cut.
pub fn message_text(text: &str, name: impl Fn(&str) -> Option<String>) -> String {
    let named = words::with_names(&words::with_labels(text, name));
    let line = words::tidy(&named);
    match line.char_indices().nth(reasons::LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        samples::{any_words, verb_words},
        *,
    };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn any_text_is_answered(text in prop_oneof![any_words(), any::<String>()]) {
            match parse(&text) {
                Ok(request) => prop_assert_eq!(parse(&request.to_string()), Ok(request)),
                Err(misread) => {
                    let sentence = misread.to_string();
                    prop_assert!(sentence.starts_with("Nothing was ") && sentence.ends_with(['.', '?']));
                    prop_assert!(sentence.chars().count() < 400);
                }
            }
        }

        /// What one mistyped letter makes of a verb is another verb only where
        /// `verbs::tests::no_letter_makes_another_verb` allows it.
        #[test]
        fn a_near_miss_never_acts(
            word in proptest::sample::select([verb_words(), vec!["ok", "yes", "no"]].concat()),
            place in any::<proptest::sample::Index>(),
            other in "[a-zA-Z0-9@._-]",
            change in 0..4,
            tail in proptest::sample::select(vec![
                " RB-41", " 41", " #41 because x", " RB-41 - x", " RB-41 justified because x",
                " RB-41 done because x", " frontend", " frontend@production because x",
            ]),
        ) {
            let mut letters: Vec<char> = word.chars().collect();
            let at = place.index(letters.len());
            let other = other.chars().next().expect("one letter");
            match change {
                0 => letters[at] = other,
                1 => letters.insert(at, other),
                2 => { letters.remove(at); }
                _ => letters.swap(at, (at + 1) % word.len()),
            }
            let mistyped: String = letters.into_iter().collect();
            prop_assume!(Verb::named(bare(&mistyped)).is_none());
            let read = parse(&format!("{mistyped}{tail}"));
            prop_assert!(
                matches!(read, Err(_) | Ok(Request::Propose(_))),
                "{} became {:?}", mistyped, read
            );
        }

        #[test]
        fn a_suggestion_is_never_carried_out(word in "[a-z]{1,12}", tail in " (RB-)?[1-9][0-9]{0,3}") {
            prop_assume!(Verb::named(&word).is_none());
            let text = format!("{word}{tail}");
            prop_assert!(parse(&text).is_err());
        }
    }
}
