//! `action add "…" @owner due friday`, `action list`, `action done 3`: what is to be done afterwards.

use std::fmt;

use jiff::civil::{Date, Weekday};

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::{Misread, excerpt},
    reasons,
    subjects::expect_end,
    words::{Literal, Words, bare},
};

/// Adds an action item, lists those of the channel, or says that one is done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Adds one.
    Add {
        /// The Slack id of the person who is to do it; `None`: nobody is named.
        owner: Option<String>,
        /// Until when; `None`: it is not said.
        due: Option<Due>,
        /// What is to be done.
        text: String,
    },
    /// Lists those of the channel.
    List,
    /// Says that the one with this number is done.
    Done {
        /// The number.
        number: i64,
    },
}

/// A day as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Due {
    /// A date.
    On(Date),
    /// The next such day.
    Next(Weekday),
    /// The day on which it is said.
    Today,
    /// The day after.
    Tomorrow,
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

pub(super) const SPEC: Spec = Spec {
    words: &["action"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`action add \"test empty carts\" due friday`, `action list`, `action done 3`",
        meaning: "what is to be done afterwards; its owner is reminded",
    },
    help: &[
        "`action add \"test empty carts\" due friday`: add an action to the channel's latest incident. Mention its owner before or after the day; both may be left out. A day is a weekday, today, tomorrow or 2026-03-20, in UTC.",
        "`action list`: the actions of this channel. `action done 3`: say that one is done.",
    ],
};

impl Action {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let part = words.peek().map(bare).unwrap_or_default();
        match part.to_ascii_lowercase().as_str() {
            "" => Ok(Action::List),
            "list" => {
                words.next();
                expect_end(Verb::Action, None, &words)?;
                Ok(Action::List)
            }
            "done" => {
                words.next();
                let word = words.next().map(bare).unwrap_or_default();
                let number = word.trim_start_matches('#').parse().ok();
                let number = number.filter(|number| *number > 0);
                expect_end(Verb::Action, None, &words)?;
                Ok(Action::Done {
                    number: number.ok_or_else(|| no_number(word))?,
                })
            }
            "add" => {
                words.next();
                add(words)
            }
            _ => Err(unknown_part(part)),
        }
    }
}

/// Reads `@owner due friday - text` or `"text" @owner due friday`.
fn add(mut words: Words<'_>) -> Result<Action, Misread> {
    let (mut owner, mut due) = (None, None);
    let mut quoted = words.clone();
    let text = match quoted.quoted() {
        Some(text) if takes_owner_and_due(&mut quoted, &mut owner, &mut due)?.at_end() => {
            reasons::text(text)?
        }
        Some(_) | None => {
            (owner, due) = (None, None);
            takes_owner_and_due(&mut words, &mut owner, &mut due)?;
            reasons::text(words.rest)?
        }
    };
    match text.is_empty() {
        true => Err(empty()),
        false => Ok(Action::Add { owner, due, text }),
    }
}

/// Reads an owner and a day, in either order, as far as they stand here.
fn takes_owner_and_due<'a, 'w>(
    words: &'a mut Words<'w>,
    owner: &mut Option<String>,
    due: &mut Option<Due>,
) -> Result<&'a Words<'w>, Misread> {
    while let Some(word) = words.peek() {
        if owner.is_none()
            && let Some((id, rest)) = mention(words.rest)
        {
            *owner = Some(id.to_owned());
            words.rest = rest;
        } else if due.is_none() && bare(word).eq_ignore_ascii_case("due") {
            words.next();
            let word = words.next().map(bare).unwrap_or_default();
            *due = Some(Due::named(word).ok_or_else(|| no_day(word))?);
        } else {
            break;
        }
    }
    Ok(words)
}

/// The Slack id of the person who is mentioned here, and what follows.
fn mention(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix("<@")?;
    let (inside, rest) = inside.split_once('>')?;
    let id = inside.split('|').next()?;
    let is_id = id.len() >= 2 && id.starts_with(['U', 'W']);
    let fits = is_id
        && id
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    fits.then(|| (id, rest.trim_start_matches([' ', ',', '.', ':'])))
}

/// Where the owner of an action is mentioned in a text as Slack sends it; `None`: it adds no action
/// with an owner.
pub(in crate::grammar) fn owner(text: &str) -> Option<usize> {
    let mut words = Words::new(text);
    let is_action = words.next().map(bare).and_then(Verb::named) == Some(Verb::Action);
    let is_added = words
        .next()
        .map(bare)
        .map(str::to_ascii_lowercase)
        .as_deref()
        == Some("add");
    if !is_action || !is_added {
        return None;
    }
    let start = text.trim_end().len() - words.rest.len();
    text.match_indices("<@").map(|(at, _)| at).find(|at| {
        let before = text.get(start..*at).unwrap_or_default().trim_end();
        // Behind the day there may be the owner as well.
        let before = match before.rsplit_once(' ') {
            Some((before, _)) if is_due(before) => &before[..before.len() - "due".len()],
            None | Some(_) => before,
        };
        let before = before.trim_end();
        before.is_empty() || before.ends_with(['"', '”', '“', '\'', '’', '`'])
    })
}

fn is_due(text: &str) -> bool {
    let last = text.rsplit(' ').next().unwrap_or_default();
    last.eq_ignore_ascii_case("due")
}

impl Due {
    fn named(word: &str) -> Option<Due> {
        let word = word.to_ascii_lowercase();
        match word.as_str() {
            "today" => Some(Due::Today),
            "tomorrow" => Some(Due::Tomorrow),
            word => {
                let weekday = WEEKDAYS
                    .iter()
                    .find(|(name, _)| *name == word || (word.len() == 3 && name.starts_with(word)));
                match weekday {
                    Some((_, weekday)) => Some(Due::Next(*weekday)),
                    None => word.parse().ok().map(Due::On),
                }
            }
        }
    }
}

fn misread(sentence: String) -> Misread {
    Misread::BadArgument {
        verb: Verb::Action,
        sentence,
    }
}

fn unknown_part(word: &str) -> Misread {
    misread(format!(
        "Nothing was run, because \"{}\" is nothing that can be done with actions: write `action add \"…\"`, `action list` or `action done 3`.",
        excerpt(word)
    ))
}

fn no_number(word: &str) -> Misread {
    misread(format!(
        "Nothing was changed, because \"{}\" is not the number of an action: `action list` shows them; write, for example, `action done 3`.",
        excerpt(word)
    ))
}

fn no_day(word: &str) -> Misread {
    misread(format!(
        "Nothing was added, because \"{}\" is not a day: write a weekday, `today`, `tomorrow` or a date like 2026-03-20 after `due`.",
        excerpt(word)
    ))
}

fn empty() -> Misread {
    misread("Nothing was added, because it does not say what is to be done: write, for example, `action add \"test empty carts\" due friday`.".into())
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = Verb::Action;
        match self {
            Action::List => write!(f, "{action} list"),
            Action::Done { number } => write!(f, "{action} done {number}"),
            Action::Add { owner, due, text } => {
                write!(f, "{action} add")?;
                if let Some(owner) = owner {
                    write!(f, " <@{owner}>")?;
                }
                if let Some(due) = due {
                    write!(f, " due {due}")?;
                }
                // A dash keeps the first words from being read as something else.
                write!(f, " - {}", Literal(text))
            }
        }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Due::On(date) => write!(f, "{date}"),
            Due::Today => f.write_str("today"),
            Due::Tomorrow => f.write_str("tomorrow"),
            Due::Next(weekday) => {
                let named = WEEKDAYS.iter().find(|(_, day)| day == weekday);
                f.write_str(named.map_or("", |(name, _)| *name))
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_text, misreads, reads},
    };

    fn any_due() -> impl Strategy<Value = Due> {
        prop_oneof![
            Just(Due::Today),
            Just(Due::Tomorrow),
            proptest::sample::select(&WEEKDAYS[..]).prop_map(|(_, day)| Due::Next(day)),
            Just(Due::On(jiff::civil::date(2026, 3, 20))),
        ]
    }

    pub fn any() -> impl Strategy<Value = Action> {
        let owner = proptest::option::of("U[A-Z0-9]{3,9}");
        let text = any_text().prop_filter("not empty", |text| !text.is_empty());
        prop_oneof![
            Just(Action::List),
            (1..=i64::MAX).prop_map(|number| Action::Done { number }),
            (owner, proptest::option::of(any_due()), text)
                .prop_map(|(owner, due, text)| Action::Add { owner, due, text }),
        ]
    }

    #[test]
    fn the_owner_is_told_by_the_id() {
        for text in [
            "action add <@U0SAM|sam> due friday - ask <@U1|tom>",
            "action add due friday <@U0SAM|sam> - ask <@U1|tom>",
            "action add \"ask tom\" <@U0SAM|sam> due friday",
            "action add “ask tom” due friday <@U0SAM>",
        ] {
            let at = owner(text).unwrap_or_default();
            assert!(text[at..].starts_with("<@U0SAM"), "{text}");
            let read = crate::grammar::parse(&crate::grammar::with_names(text, |_| None));
            let Ok(Request::Action(Action::Add { owner, due, text })) = read else {
                panic!("{read:?}")
            };
            assert_eq!(owner.as_deref(), Some("U0SAM"));
            assert_eq!(due, Some(Due::Next(Weekday::Friday)));
            assert!(text.ends_with("tom"), "{text}");
        }
        for text in ["action add ask <@U1|tom>", "note \"x\" <@U1|tom>"] {
            assert_eq!(owner(text), None, "{text}");
        }
    }

    #[test]
    fn adding_listing_and_doing() {
        let add = |owner: Option<&str>, due, text: &str| {
            Request::Action(Action::Add {
                owner: owner.map(str::to_owned),
                due,
                text: text.into(),
            })
        };
        let friday = Some(Due::Next(Weekday::Friday));
        reads([
            ("action", Request::Action(Action::List)),
            ("action list", Request::Action(Action::List)),
            ("action done 3", Request::Action(Action::Done { number: 3 })),
            (
                "action done #3.",
                Request::Action(Action::Done { number: 3 }),
            ),
            (
                "action add \"test empty carts\" <@U0SAM> due friday",
                add(Some("U0SAM"), friday, "test empty carts"),
            ),
            (
                "action add “test empty carts” due Fri <@U0SAM|sam>",
                add(Some("U0SAM"), friday, "test empty carts"),
            ),
            (
                "action add <@U0SAM> due 2026-03-20 - page earlier",
                add(
                    Some("U0SAM"),
                    Some(Due::On(jiff::civil::date(2026, 3, 20))),
                    "page earlier",
                ),
            ),
            ("action add page earlier", add(None, None, "page earlier")),
            (
                "action add \"a\" and \"b\" of it",
                add(None, None, "\"a\" and \"b\" of it"),
            ),
        ]);
        misreads([
            ("action add", empty()),
            ("action add due friday", empty()),
            ("action add \"x\" due soon", no_day("soon")),
            ("action done", no_number("")),
            ("action done three", no_number("three")),
            ("action undo 3", unknown_part("undo")),
        ]);
    }
}
