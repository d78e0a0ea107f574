//! `assess frontend payments errors 6%`: what the team has agreed to do in such a case.

use std::{collections::BTreeSet, fmt};

use super::{Listing, Spec, Takes, Verb};
use crate::{
    grammar::{
        misread::Misread,
        subjects::ServiceRef,
        words::{Words, bare},
    },
    incident::Severity,
    matrix::{Percent, Symptom, Symptoms},
};

/// Reads the decision matrix for what is known of a service. Advises, and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Assess {
    /// The service that may be the cause.
    pub service: ServiceRef,
    /// What the person says of it; may be empty.
    pub symptoms: Symptoms,
}

pub(super) const SPEC: Spec = Spec {
    words: &["assess"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`assess frontend payments errors 6%`",
        meaning: "what your decision matrix says; nothing is proposed",
    },
    help: &[
        "`assess frontend`: what your decision matrix advises, and what speaks against going back.",
        "Say what you know: `assess frontend login payments errors 6% users 20% slower 50% no workaround`.",
        "Of what is broken it knows: `down`, `crash`, `database`, `login`, `payments`, `workflow`, `bug`, `feature`, `flag`, `minor`, `cosmetic`, `api`, `slow`, `data`, `migration`, `security`; `nothing` says that none of these is.",
    ],
};

/// The word that says that nothing is broken.
const NOTHING: &str = "nothing";

impl Assess {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let service = ServiceRef::parse(Verb::Assess, words.next())?;
        let mut symptoms = Symptoms::default();
        while let Some(word) = words.next() {
            read(word, &mut words, &mut symptoms)?;
        }
        Ok(Assess { service, symptoms })
    }
}

/// Reads what begins with a word.
fn read(word: &str, words: &mut Words<'_>, symptoms: &mut Symptoms) -> Result<(), Misread> {
    let plain = bare(word).to_ascii_lowercase();
    let mut broken = |symptom: Option<Symptom>| {
        symptoms
            .broken
            .get_or_insert_with(BTreeSet::new)
            .extend(symptom);
    };
    match plain.as_str() {
        // What only joins two others.
        "" | "and" => {}
        NOTHING => broken(None),
        "errors" | "error" => symptoms.error_rate = Some(percent(word, words)?),
        "users" => symptoms.users = Some(percent(word, words)?),
        "slower" => symptoms.slower = Some(percent(word, words)?),
        "workaround" => symptoms.workaround = Some(true),
        "no" => match words.next().map(bare) {
            Some(what) if what.eq_ignore_ascii_case("workaround") => {
                symptoms.workaround = Some(false);
            }
            _ => return Err(not_known("no")),
        },
        plain => match (plain.parse::<Symptom>(), plain.parse::<Severity>()) {
            (Ok(symptom), _) => broken(Some(symptom)),
            (_, Ok(severity)) => symptoms.severity = Some(severity),
            (Err(_), Err(_)) => return Err(not_known(plain)),
        },
    }
    Ok(())
}

/// The share behind a word, with its sign or without.
fn percent(word: &str, words: &mut Words<'_>) -> Result<Percent, Misread> {
    let number = words.next().map(bare).unwrap_or_default();
    let percent = number.parse().map_err(|()| Misread::BadArgument {
        verb: Verb::Assess,
        sentence: format!(
            "Nothing was assessed, because a share in percent belongs behind `{word}`: write, for example, `{word} 6%`.",
            word = bare(word)
        ),
    })?;
    if words.peek().is_some_and(|next| bare(next) == "%") {
        words.next();
    }
    Ok(percent)
}

fn not_known(word: &str) -> Misread {
    let word: String = word.chars().take(40).collect();
    Misread::BadArgument {
        verb: Verb::Assess,
        sentence: format!(
            "Nothing was assessed, because `{word}` is not something it knows: write, for example, `assess frontend payments errors 6%`; `help assess` has all of it."
        ),
    }
}

impl fmt::Display for Assess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Assess { service, symptoms } = self;
        write!(f, "{} {service}", Verb::Assess)?;
        let words = typed(symptoms);
        match words.is_empty() {
            true => Ok(()),
            false => write!(f, " {}", words.join(" ")),
        }
    }
}

/// What was said, as it is typed.
fn typed(symptoms: &Symptoms) -> Vec<String> {
    let Symptoms {
        severity,
        broken,
        error_rate,
        users,
        slower,
        workaround,
    } = symptoms;
    let mut words = vec![];
    words.extend(severity.map(|severity| severity.to_string()));
    match broken {
        Some(broken) if broken.is_empty() => words.push(NOTHING.to_owned()),
        Some(broken) => words.extend(broken.iter().map(|symptom| symptom.word().to_owned())),
        None => {}
    }
    words.extend(error_rate.map(|rate| format!("errors {rate}%")));
    words.extend(users.map(|users| format!("users {users}%")));
    words.extend(slower.map(|slower| format!("slower {slower}%")));
    words.extend(workaround.map(|there_is| match there_is {
        true => "workaround".to_owned(),
        false => "no workaround".to_owned(),
    }));
    words
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_service, at, misreads, reads},
    };

    fn any_percent() -> impl Strategy<Value = Percent> {
        (0..=1_000_000_u32).prop_map(Percent::of_hundredths)
    }

    fn any_symptoms() -> impl Strategy<Value = Symptoms> {
        let severity = proptest::sample::select(Severity::ALL);
        let broken = proptest::sample::subsequence(Symptom::ALL, 0..4);
        let maybe = || proptest::option::of(any_percent());
        (
            proptest::option::of(severity),
            proptest::option::of(broken),
            [maybe(), maybe(), maybe()],
            proptest::option::of(proptest::bool::ANY),
        )
            .prop_map(
                |(severity, broken, [error_rate, users, slower], workaround)| Symptoms {
                    severity,
                    broken: broken.map(|broken| broken.into_iter().collect()),
                    error_rate,
                    users,
                    slower,
                    workaround,
                },
            )
    }

    pub fn any() -> impl Strategy<Value = Assess> {
        (any_service(), any_symptoms()).prop_map(|(service, symptoms)| Assess { service, symptoms })
    }

    #[test]
    fn assessing() {
        let assess = |symptoms| {
            Request::Assess(Assess {
                service: at("frontend"),
                symptoms,
            })
        };
        let broken = |symptoms: &[Symptom]| Some(symptoms.iter().copied().collect());
        let percent = |text: &str| Some(text.parse().expect("a share"));
        reads([
            ("assess frontend", assess(Symptoms::default())),
            (
                "assess frontend payments, auth and errors 6 %, p1",
                assess(Symptoms {
                    severity: Some(Severity::P1),
                    broken: broken(&[Symptom::Payments, Symptom::Login]),
                    error_rate: percent("6"),
                    ..Symptoms::default()
                }),
            ),
            (
                "Assess Frontend: nothing users 0.5% slower 200% no workaround",
                assess(Symptoms {
                    broken: broken(&[]),
                    users: percent("0.5"),
                    slower: percent("200"),
                    workaround: Some(false),
                    ..Symptoms::default()
                }),
            ),
            (
                "assess frontend workaround",
                assess(Symptoms {
                    workaround: Some(true),
                    ..Symptoms::default()
                }),
            ),
        ]);
        let share = |word: &str| Misread::BadArgument {
            verb: Verb::Assess,
            sentence: format!(
                "Nothing was assessed, because a share in percent belongs behind `{word}`: write, for example, `{word} 6%`."
            ),
        };
        misreads([
            ("assess", Misread::MissingService { verb: Verb::Assess }),
            ("assess frontend errors", share("errors")),
            ("assess frontend errors many", share("errors")),
            ("assess frontend users -3%", share("users")),
            ("assess frontend slower 1000000%", share("slower")),
            ("assess frontend broken", not_known("broken")),
            ("assess frontend no errors", not_known("no")),
        ]);
    }
}
