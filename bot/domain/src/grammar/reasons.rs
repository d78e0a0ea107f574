//! Reasons: `because checkout 500s`, `- checkout 500s` or `"checkout 500s"` at the end of a request.

use std::fmt;

use crate::identity::RollbackId;

use super::{
    misread::{Misread, excerpt},
    subjects::{About, ServiceRef, required_number, rollback_named},
    verbs::Verb,
    words::{Literal, Words, bare, is_punctuation, nearest, unwrapped},
};

/// The most characters a reason or a note may have.
pub(super) const LONGEST_TEXT: usize = 3_000;

/// Reads the number of a rollback, and perhaps a reason: `RB-41 because …`.
pub(super) fn rollback_and_reason(
    verb: Verb,
    mut words: Words<'_>,
) -> Result<(RollbackId, Option<String>), Misread> {
    let rollback = required_number(verb, &mut words)?;
    let because = reason_after(verb, &About::Rollback(rollback), words)?;
    Ok((rollback, because))
}

/// Reads a service, and perhaps a reason: `frontend because …`.
pub(super) fn service_and_reason(
    verb: Verb,
    mut words: Words<'_>,
) -> Result<(ServiceRef, Option<String>), Misread> {
    let word = match words.marked_reason() {
        Some(_) => None,
        None => words.next(),
    };
    let service = ServiceRef::parse(verb, word)?;
    let because = reason_after(verb, &About::Service(service.clone()), words)?;
    Ok((service, because))
}

/// Reads the reason after what a verb is about.
pub(super) fn reason_after(
    verb: Verb,
    about: &About,
    words: Words<'_>,
) -> Result<Option<String>, Misread> {
    reason(words, |words| {
        let next = words.peek().map(bare);
        if next.and_then(rollback_named).is_some() {
            return Vec::new();
        }
        let mut after = words.clone();
        let word = after.next().map(bare).unwrap_or_default();
        if is_nearly_because(word) && !after.at_end() {
            return vec![format!("{verb} {about} because {}", after.rest)];
        }
        let goes_on = after.reason().is_some();
        let mut suggestions = Vec::new();
        if let Some(service) = about
            .service()
            .and_then(|service| service.in_environment(words))
        {
            suggestions.push(if goes_on {
                format!("{verb} {service} {}", after.rest)
            } else if verb.needs_reason() {
                format!("{verb} {service} because …")
            } else {
                format!("{verb} {service}")
            });
        }
        if suggestions.is_empty() || !goes_on {
            suggestions.push(format!("{verb} {about} because {}", words.rest));
        }
        suggestions
    })
}

/// Whether a word is `because`, misspelled.
pub(super) fn is_nearly_because(word: &str) -> bool {
    ["because", "cause", "bc", "cuz"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(word))
        || nearest(word, ["because"]).is_some()
}

/// Reads the rest of a request as a reason; `None` if nothing is left. Words that are no reason
/// are refused, with whole requests that may have been meant.
pub(super) fn reason(
    words: Words<'_>,
    suggestions: impl FnOnce(&Words<'_>) -> Vec<String>,
) -> Result<Option<String>, Misread> {
    match words.reason() {
        Some(reason) => {
            let reason = text(reason)?;
            Ok(Some(reason).filter(|reason| !reason.is_empty()))
        }
        None if words.at_end() => Ok(None),
        None => Err(Misread::TrailingWords {
            words: words.rest.to_owned(),
            suggestions: suggestions(&words).iter().map(|s| excerpt(s)).collect(),
        }),
    }
}

/// A reason or a note without what stands around it. One that is too long is refused.
pub(super) fn text(words: &str) -> Result<String, Misread> {
    let text = unwrapped(words);
    let characters = text.chars().count();
    if characters > LONGEST_TEXT {
        Err(Misread::TooLong { characters })
    } else {
        Ok(text)
    }
}

/// The reason of a verb that is refused without one. `beginning` is the request so far, without
/// its verb.
pub(super) fn required(
    verb: Verb,
    beginning: String,
    reason: Option<String>,
) -> Result<String, Misread> {
    reason
        .filter(|reason| has_content(reason))
        .ok_or(Misread::MissingReason { verb, beginning })
}

/// Whether a reason is more than the `…` of an example.
pub(super) fn has_content(reason: &str) -> bool {
    reason
        .chars()
        .any(|c| c.is_alphanumeric() || !(c.is_ascii() || is_punctuation(c)))
}

/// Prints ` because …`, or nothing where there is no reason.
pub(super) struct Because<'a>(pub(super) Option<&'a str>);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(reason) => write!(f, " because {}", Literal(reason)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::{
        parse,
        samples::{propose, reads},
        targets::Target,
    };

    #[test]
    fn a_reason() {
        for text in [
            "frontend because checkout 500s",
            "frontend BECAUSE checkout 500s",
            "frontend because: checkout 500s",
            "frontend because:checkout 500s",
            "frontend because \"checkout 500s\"",
            "frontend because “checkout 500s”",
            "frontend because “checkout 500s”.",
            "frontend because ‘checkout 500s’",
            "frontend because - checkout 500s",
            "frontend - checkout 500s",
            "frontend -- checkout 500s",
            "frontend — checkout 500s",
            "frontend – \"checkout 500s\"",
            "frontend \"checkout 500s\"",
            "frontend \"checkout 500s\".",
            "frontend 'checkout 500s'",
            "frontend to prev «checkout  500s»",
            "frontend\u{a0}because\ncheckout\t500s",
            "front\u{200b}end because checkout\0 500s\u{202e}",
        ] {
            assert_eq!(
                parse(text),
                Ok(propose("frontend", Target::Previous, "checkout 500s")),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_reason_stays_as_it_was_meant() {
        let because = |because| propose("frontend", Target::Previous, because);
        reads([
            ("frontend because", because("")),
            ("frontend because \"\"", because("")),
            ("frontend —", because("")),
            (
                "frontend because The BIG one, to v212!",
                because("The BIG one, to v212!"),
            ),
            (
                "frontend because \"a\" and \"b\"",
                because("\"a\" and \"b\""),
            ),
            ("frontend because it’s down", because("it's down")),
            ("frontend 'it’s down'", because("it's down")),
            (
                "frontend because :fire: everywhere",
                because(":fire: everywhere"),
            ),
            (
                "frontend because a &lt; b &amp;&amp; c",
                because("a < b && c"),
            ),
            (
                "frontend because &amp;lt; &lt;https://x.io|y&gt;",
                because("&lt; <https://x.io|y>"),
            ),
            (
                "frontend because <@U123> and <@U1|sam> in <#C1|ops>",
                because("<@U123> and <@U1|sam> in <#C1|ops>"),
            ),
            (
                "frontend because <https://x.io/a?b=1&amp;c=2>",
                because("https://x.io/a?b=1&c=2"),
            ),
            ("frontend because <https://x.io/|x.io>", because("x.io")),
            (
                "frontend because see <https://x.io/1|the graph>",
                because("see the graph (https://x.io/1)"),
            ),
            ("frontend because <mailto:a@x.io|a@x.io>", because("a@x.io")),
            ("frontend because <https://x.io", because("<https://x.io")),
            ("frontend because 🔥🔥 קופה נפלה", because("🔥🔥 קופה נפלה")),
        ]);
    }

    #[test]
    fn a_reason_has_content() {
        for reason in ["x", "41", "🔥", "- é"] {
            assert!(has_content(reason), "{reason}");
        }
        for reason in ["", "…", "...", "- ?!", "\"\"", "؟"] {
            assert!(!has_content(reason), "{reason}");
        }
    }

    #[test]
    fn too_much_text() {
        let long = "é".repeat(LONGEST_TEXT);
        assert!(parse(&format!("frontend because {long}")).is_ok());
        for text in [
            format!("frontend because {long}é"),
            format!("note {long}é"),
            format!("note {}", "long ".repeat(2_000)),
            "🔥".repeat(10_000),
        ] {
            assert!(matches!(parse(&text), Err(Misread::TooLong { .. })));
        }
        assert!(parse(&format!("status{}", " \0".repeat(10_000))).is_ok());
    }
}
