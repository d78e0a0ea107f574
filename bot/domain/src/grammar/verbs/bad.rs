//! `bad frontend v214 because …`: marks a release, so that nobody goes to it unawares.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    reasons::{Because, reason, required},
    subjects::ServiceRef,
    targets::Target,
    words::Words,
};

/// Marks a release as bad: it is never the previous one, and going to it needs a reason.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MarkBad {
    /// The service; `None`: the one that the channel is about.
    pub service: Option<ServiceRef>,
    /// The release, as it was written: a version, an id or a sha.
    pub release: String,
    /// Why, in the person's own words.
    pub because: String,
}

pub(super) const SPEC: Spec = Spec {
    words: &["bad"],
    takes: Takes::Other,
    needs_reason: true,
    listing: Listing::Line {
        examples: "`bad frontend v214 because it loses carts`",
        meaning: "mark a release: going to it needs a reason",
    },
    help: &[
        "`bad frontend v214 because it loses carts`: mark a release as bad. The reason is needed.",
        "It is then never the previous one, every list says so, and going to it needs a tick and a reason. What a rollback left is bad without that.",
        "`bad v214 because it loses carts` is about the service that was rolled back in this channel, or the only one there is. `good frontend v214` takes the mark off.",
    ],
};

impl MarkBad {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        let (service, release, because) = marked(Verb::MarkBad, words)?;
        let beginning = of(service.as_ref(), &release);
        let because = required(Verb::MarkBad, beginning, because)?;
        Ok(MarkBad {
            service,
            release,
            because,
        })
    }
}

impl fmt::Display for MarkBad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = of(self.service.as_ref(), &self.release);
        let because = Because(Some(&self.because));
        write!(f, "{} {about}{because}", Verb::MarkBad)
    }
}

/// What a mark is about, as it is typed.
pub(super) fn of(service: Option<&ServiceRef>, release: &str) -> String {
    let release = Target::Named(release.to_owned());
    match service {
        Some(service) => format!("{service} {release}"),
        None => release.to_string(),
    }
}

/// Reads perhaps a service, a release, and perhaps a reason.
pub(super) fn marked(
    verb: Verb,
    mut words: Words<'_>,
) -> Result<(Option<ServiceRef>, String, Option<String>), Misread> {
    let first = match words.marked_reason() {
        Some(_) => None,
        None => words.next(),
    };
    let first = first.ok_or(Misread::MissingService { verb })?;
    let (service, release) = match words.at_end() || words.reason().is_some() {
        true => (None, first),
        false => {
            let service = ServiceRef::parse(verb, Some(first))?;
            (Some(service), words.next().unwrap_or_default())
        }
    };
    let release = match Target::parse(release)? {
        Target::Named(name) | Target::Id(name) => name,
        Target::Previous | Target::At(_) => {
            return Err(Misread::BadArgument {
                verb,
                sentence: format!(
                    "Nothing was run, because `{verb}` needs the release by its name: write, for example, `{verb} frontend v214 because …`."
                ),
            });
        }
    };
    let about = of(service.as_ref(), &release);
    let because = reason(words, |words| {
        vec![format!("{verb} {about} because {}", words.rest)]
    })?;
    Ok((service, release, because))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::{option, prelude::*};

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_required_reason, any_service, at, misreads, no_reason, no_service, reads},
    };

    pub fn any_about() -> impl Strategy<Value = (Option<ServiceRef>, String)> {
        (option::of(any_service()), "v[0-9]{1,4}")
    }

    pub fn any() -> impl Strategy<Value = MarkBad> {
        (any_about(), any_required_reason()).prop_map(|((service, release), because)| MarkBad {
            service,
            release,
            because,
        })
    }

    fn bad(service: Option<&str>, release: &str, because: &str) -> Request {
        Request::MarkBad(MarkBad {
            service: service.map(at),
            release: release.into(),
            because: because.into(),
        })
    }

    #[test]
    fn marking() {
        reads([
            (
                "bad frontend v214 because it loses carts",
                bad(Some("frontend"), "v214", "it loses carts"),
            ),
            (
                "Bad frontend@production `v214`, because: it loses carts",
                bad(Some("frontend@production"), "v214", "it loses carts"),
            ),
            (
                "bad v214 \"it loses carts\"",
                bad(None, "v214", "it loses carts"),
            ),
        ]);
        misreads([
            ("bad", no_service(Verb::MarkBad)),
            ("bad because x", no_service(Verb::MarkBad)),
            (
                "bad frontend v214",
                no_reason(Verb::MarkBad, "frontend v214"),
            ),
            ("bad v214", no_reason(Verb::MarkBad, "v214")),
        ]);
        let Err(previous) = crate::grammar::parse("bad frontend prev because x") else {
            panic!("which one is meant is for a person to see");
        };
        assert!(previous.to_string().contains("by its name"), "{previous}");
    }
}
