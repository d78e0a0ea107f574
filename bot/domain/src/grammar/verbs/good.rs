//! `good frontend v214`: takes the mark `bad` off a release.

use std::fmt;

use super::{
    Listing, Spec, Takes, Verb,
    bad::{marked, of},
};
use crate::grammar::{misread::Misread, reasons::Because, subjects::ServiceRef, words::Words};

/// Takes the mark off a release, also one that a rollback left.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MarkGood {
    /// The service; `None`: the one that the channel is about.
    pub service: Option<ServiceRef>,
    /// The release, as it was written: a version, an id or a sha.
    pub release: String,
    /// Why, in the person's own words; `None` if they gave no reason.
    pub because: Option<String>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["good"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::SameLine {
        examples: "`good frontend v214`",
        meaning: "",
    },
    help: &[
        "`good frontend v214 because the tax table is fixed`: take the mark off a release that a rollback left or somebody marked. The reason may be left out.",
        "That is for those who may approve. It says nothing of whether the release works.",
    ],
};

impl MarkGood {
    pub(super) fn parse(words: Words<'_>) -> Result<Self, Misread> {
        let (service, release, because) = marked(Verb::MarkGood, words)?;
        Ok(MarkGood {
            service,
            release,
            because,
        })
    }
}

impl fmt::Display for MarkGood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = of(self.service.as_ref(), &self.release);
        let because = Because(self.because.as_deref());
        write!(f, "{} {about}{because}", Verb::MarkGood)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::{super::bad, *};
    use crate::grammar::{
        Request,
        samples::{any_reason, at, because, misreads, no_service, reads},
    };

    pub fn any() -> impl Strategy<Value = MarkGood> {
        (bad::tests::any_about(), any_reason()).prop_map(|((service, release), because)| MarkGood {
            service,
            release,
            because,
        })
    }

    fn good(service: Option<&str>, release: &str, reason: &str) -> Request {
        Request::MarkGood(MarkGood {
            service: service.map(at),
            release: release.into(),
            because: because(reason),
        })
    }

    #[test]
    fn taking_the_mark_off() {
        reads([
            ("good frontend v214", good(Some("frontend"), "v214", "")),
            (
                "good v214, because: it was the tax table",
                good(None, "v214", "it was the tax table"),
            ),
        ]);
        misreads([("good - x", no_service(Verb::MarkGood))]);
    }
}
