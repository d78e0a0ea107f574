//! `frontend to v212 because …`: a proposal. It has no word of its own; it starts with a service.

use std::fmt;

use super::{Listing, RESERVED, Spec, Takes, Verb};
use crate::grammar::{
    misread::{Misread, excerpt},
    reasons::{Because, is_nearly_because, reason},
    subjects::{ServiceRef, rollback_named},
    targets::{Target, is_previous},
    words::{Words, bare},
};

/// Proposes a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Propose {
    /// The service to roll back.
    pub service: ServiceRef,
    /// What to go back to; the previous good release if nothing was named.
    pub target: Target,
    /// Why, in the person's own words; `None` if they gave no reason.
    pub because: Option<String>,
}

pub(super) const SPEC: Spec = Spec {
    words: &[],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`frontend@production to prev because checkout 500s`",
        meaning: "propose a rollback\n    `to prev` (if left out), `to v212`, an id, a sha, or what was live then: `to @02:40`, `to @-45m`",
    },
    help: &[],
};

impl Propose {
    /// Reads a request that starts with the word of no verb.
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let first = words.next();
        let word = first.map(bare).unwrap_or_default().to_ascii_lowercase();
        if let Some(rest) = after_the_name_of_the_command(&word, &words) {
            return Err(Misread::TrailingWords {
                words: rest.to_owned(),
                suggestions: vec![excerpt(rest)],
            });
        }
        refuse_what_is_no_service(&word, &words)?;
        let meant = Verb::nearest(&word);
        let next = words.peek().map(bare);
        if meant.is_some() && next.and_then(rollback_named).is_some() {
            return Err(Misread::UnknownVerb { word, meant });
        }
        let rest = words.rest;
        Propose::read(Verb::Propose, first, words).map_err(|misread| match (misread, meant) {
            (
                Misread::TrailingWords {
                    words,
                    mut suggestions,
                },
                Some(verb),
            ) => {
                suggestions.push(in_place_of_misspelled(verb, rest));
                Misread::TrailingWords { words, suggestions }
            }
            (misread, _) => misread,
        })
    }

    /// Reads a service, a target and a reason, of which only the service is needed. `first` is the
    /// word that names the service.
    pub(super) fn read(
        verb: Verb,
        first: Option<&str>,
        mut words: Words<'_>,
    ) -> Result<Self, Misread> {
        let service = ServiceRef::parse(verb, first)?;
        let mut target = None;
        if words.peek().is_some_and(is_to) && words.reason().is_none() {
            words.next();
            if words.marked_reason().is_some() {
                return Err(Misread::MissingTarget);
            }
            target = Some(match words.quoted() {
                Some(name) => Target::quoted(name)?,
                None => Target::parse(words.next().ok_or(Misread::MissingTarget)?)?,
            });
        }
        let because = reason(words, |words| {
            suggestions(verb, &service, target.as_ref(), words)
        })?;
        Ok(Propose {
            service,
            target: target.unwrap_or(Target::Previous),
            because,
        })
    }
}

/// What follows where the command's own name is written once more: `roll back frontend`.
fn after_the_name_of_the_command<'a>(word: &str, words: &Words<'a>) -> Option<&'a str> {
    let mut after = words.clone();
    let is_named = word == "roll" && bare(after.next()?).eq_ignore_ascii_case("back");
    (is_named && !after.at_end()).then_some(after.rest)
}

/// Refuses a first word that cannot have been meant as a service.
fn refuse_what_is_no_service(word: &str, words: &Words<'_>) -> Result<(), Misread> {
    let unknown = |meant| Misread::UnknownVerb {
        word: word.to_owned(),
        meant,
    };
    match word {
        "ok" | "yes" if words.at_end() => Err(Misread::MissingNumber {
            verb: Verb::Approve,
        }),
        "ok" | "yes" => Err(unknown(Some(Verb::Approve))),
        "no" => Err(unknown(Some(Verb::Deny))),
        "to" | "because" => Err(Misread::MissingService {
            verb: Verb::Propose,
        }),
        _ if RESERVED.contains(&word) => Err(unknown(None)),
        _ => match rollback_named(word) {
            Some(rollback) => Err(Misread::MissingVerb { rollback }),
            None => Ok(()),
        },
    }
}

/// The request with `verb` that a misspelled word and the `rest` after it may have meant.
fn in_place_of_misspelled(verb: Verb, rest: &str) -> String {
    match verb.spec().takes {
        Takes::Nothing => verb.to_string(),
        Takes::Rollback => format!("{verb} RB-…"),
        Takes::Other => excerpt(&format!("{verb} {rest}")),
    }
}

/// The requests that `frontend production` and its like may have meant.
fn suggestions(
    verb: Verb,
    service: &ServiceRef,
    target: Option<&Target>,
    words: &Words<'_>,
) -> Vec<String> {
    let prefix = verb.prefix();
    let to = target.map_or(String::new(), |target| format!(" to {target}"));
    let mut after = words.clone();
    let word = bare(after.next().unwrap_or_default());
    if is_nearly_because(word) && !after.at_end() {
        return vec![format!("{prefix}{service}{to} because {}", after.rest)];
    }
    let goes_on = after.peek().is_some_and(is_to) || after.reason().is_some();
    let rest = if goes_on {
        format!(" {}", after.rest)
    } else {
        String::new()
    };

    let mut suggestions = Vec::new();
    if is_previous(word) || word.contains(|c: char| c.is_ascii_digit()) {
        if target.is_none()
            && let Ok(target) = Target::parse(word)
        {
            suggestions.push(format!("{prefix}{service} to {target}{rest}"));
        }
    } else if (goes_on || after.at_end())
        && let Some(service) = service.in_environment(words)
    {
        suggestions.push(format!("{prefix}{service}{to}{rest}"));
    }
    if !goes_on {
        suggestions.push(format!("{prefix}{service}{to} because {}", words.rest));
    }
    suggestions
}

fn is_to(word: &str) -> bool {
    bare(word).eq_ignore_ascii_case("to")
}

impl fmt::Display for Propose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.service)?;
        if self.target != Target::Previous {
            write!(f, " to {}", self.target)?;
        }
        write!(f, "{}", Because(self.because.as_deref()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Moment, parse,
        samples::{
            ago, any_reason, any_service, any_target, clock, instant, misreads, named, no_number,
            no_service, not_a_name, propose, reads, trailing, unknown,
        },
    };
    use crate::identity::RollbackId;

    pub fn any() -> impl Strategy<Value = Propose> {
        (any_service(), any_target(), any_reason()).prop_map(|(service, target, because)| Propose {
            service,
            target,
            because,
        })
    }

    #[test]
    fn proposing() {
        let prev = || Target::Previous;
        reads([
            ("frontend", propose("frontend", prev(), "")),
            ("FrontEnd.", propose("frontend", prev(), "")),
            ("frontend?", propose("frontend", prev(), "")),
            ("`frontend`", propose("frontend", prev(), "")),
            (
                "frontend@Production",
                propose("frontend@production", prev(), ""),
            ),
            ("frontend to prev", propose("frontend", prev(), "")),
            ("frontend TO Previous, ", propose("frontend", prev(), "")),
            ("frontend to v212", propose("frontend", named("v212"), "")),
            (
                "frontend to `v2.1.4`.",
                propose("frontend", named("v2.1.4"), ""),
            ),
            (
                "frontend to dpl_AbC",
                propose("frontend", named("dpl_AbC"), ""),
            ),
            (
                "frontend to 9f8e7d6",
                propose("frontend", named("9f8e7d6"), ""),
            ),
            (
                "api to ghcr.io/a/b@sha256:0f",
                propose("api", named("ghcr.io/a/b@sha256:0f"), ""),
            ),
            (
                "frontend to @02:40",
                propose("frontend", Target::At(clock(2, 40, 0)), ""),
            ),
            (
                "frontend to @2:40:10",
                propose("frontend", Target::At(clock(2, 40, 10)), ""),
            ),
            (
                "frontend to @-45m",
                propose("frontend", Target::At(ago(2700)), ""),
            ),
            (
                "frontend to @–2h",
                propose("frontend", Target::At(ago(7200)), ""),
            ),
            (
                "frontend to @2026-01-21T02:40Z",
                propose(
                    "frontend",
                    Target::At(Moment::Exact(instant("2026-01-21T02:40:00Z"))),
                    "",
                ),
            ),
            (
                "frontend to @2026-01-21T02:40:10+02:00 because x",
                propose(
                    "frontend",
                    Target::At(Moment::Exact(instant("2026-01-21T00:40:10Z"))),
                    "x",
                ),
            ),
            ("shop.example.com", propose("shop.example.com", prev(), "")),
            (
                "<http://shop.example.com|shop.example.com>",
                propose("shop.example.com", prev(), ""),
            ),
            ("aprove", propose("aprove", prev(), "")),
        ]);
    }

    #[test]
    fn a_first_word_that_is_no_service() {
        misreads([
            ("forward RB-41", unknown("forward", None)),
            ("rollback frontend", unknown("rollback", None)),
            ("aprove RB-41", unknown("aprove", Some(Verb::Approve))),
            ("\"approve RB-41", unknown("\"approve", Some(Verb::Approve))),
            ("ok RB-41", unknown("ok", Some(Verb::Approve))),
            ("yes 41", unknown("yes", Some(Verb::Approve))),
            ("no", unknown("no", Some(Verb::Deny))),
            ("ok", no_number(Verb::Approve)),
            ("yes!", no_number(Verb::Approve)),
            (
                "RB-41",
                Misread::MissingVerb {
                    rollback: RollbackId::new(41),
                },
            ),
            (
                "#41 approve",
                Misread::MissingVerb {
                    rollback: RollbackId::new(41),
                },
            ),
            ("to v212", no_service(Verb::Propose)),
            ("because x", no_service(Verb::Propose)),
            ("frönt", not_a_name("frönt")),
            ("frontend@", not_a_name("frontend@")),
        ]);
    }

    #[test]
    fn words_that_are_kept_for_later_are_refused() {
        for word in crate::grammar::verbs::PLANNED {
            for text in [
                (*word).to_owned(),
                format!("{word} frontend because x"),
                format!("help {word}"),
            ] {
                assert_eq!(parse(&text), Err(unknown(word, None)), "{text}");
            }
        }
    }

    #[test]
    fn a_target_that_is_none() {
        let not_a_target = |word: &str, suggestion| Misread::NotATarget {
            word: word.into(),
            suggestion,
        };
        let moment = |word: &str| Misread::BadMoment { word: word.into() };
        misreads([
            ("frontend to", Misread::MissingTarget),
            ("frontend to because x", Misread::MissingTarget),
            (
                "frontend to 02:40",
                not_a_target("02:40", Some(Target::At(clock(2, 40, 0)))),
            ),
            ("frontend to ☃", not_a_target("☃", None)),
            ("frontend to \"a", not_a_target("\"a", None)),
            ("frontend to @25:00", moment("25:00")),
            ("frontend to @2026-01-21T02:40", moment("2026-01-21T02:40")),
        ]);
    }

    #[test]
    fn words_that_are_left_have_a_suggestion() {
        misreads([
            (
                "frontend production",
                trailing(
                    "production",
                    &["frontend@production", "frontend because production"],
                ),
            ),
            (
                "frontend @production",
                trailing(
                    "@production",
                    &["frontend@production", "frontend because @production"],
                ),
            ),
            (
                "frontend production to v2",
                trailing("production to v2", &["frontend@production to v2"]),
            ),
            (
                "frontend to v2 production - x",
                trailing("production - x", &["frontend@production to v2 - x"]),
            ),
            (
                "frontend v212 because x",
                trailing("v212 because x", &["frontend to v212 because x"]),
            ),
            (
                "frontend @02:40",
                trailing("@02:40", &["frontend to @02:40", "frontend because @02:40"]),
            ),
            (
                "lst api",
                trailing("api", &["lst@api", "lst because api", "list api"]),
            ),
            (
                "objct frontend",
                trailing(
                    "frontend",
                    &["objct@frontend", "objct because frontend", "object RB-…"],
                ),
            ),
            (
                "pinss frontend",
                trailing(
                    "frontend",
                    &["pinss@frontend", "pinss because frontend", "pins"],
                ),
            ),
        ]);
    }
}
