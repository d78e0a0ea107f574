//! `status`, `status RB-41`, `status frontend`: where things stand.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    subjects::{About, expect_end},
    words::Words,
};

/// Shows where things stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    /// The rollback or the service that is shown; `None` for everything that is open.
    pub about: Option<About>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["status"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`status`, `status RB-41`, `status frontend`",
        meaning: "where it stands",
    },
    help: &[
        "`status`: everything that is open.",
        "`status RB-41`, `status frontend`: one rollback, or one service.",
        "It also says how old that knowledge is.",
    ],
};

impl Status {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let about = match words.next() {
            Some(word) => Some(About::parse(Verb::Status, word)?),
            None => None,
        };
        let service = about.as_ref().and_then(About::service);
        expect_end(Verb::Status, service, &words)?;
        Ok(Status { about })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.about {
            Some(about) => write!(f, "{} {about}", Verb::Status),
            None => write!(f, "{}", Verb::Status),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{any_about, at, bad_number, misreads, reads, trailing},
    };
    use crate::identity::RollbackId;

    pub fn any() -> impl Strategy<Value = Status> {
        proptest::option::of(any_about()).prop_map(|about| Status { about })
    }

    #[test]
    fn asking_for_the_status() {
        let status = |about| Request::Status(Status { about });
        reads([
            ("status", status(None)),
            ("status?", status(None)),
            ("status ?", status(None)),
            (
                "status rb–41?",
                status(Some(About::Rollback(RollbackId::new(41)))),
            ),
            (
                "status frontend",
                status(Some(About::Service(at("frontend")))),
            ),
        ]);
        misreads([
            (
                "status rb-99999999999999999999",
                bad_number(Verb::Status, "rb-99999999999999999999"),
            ),
            (
                "status frontend production",
                trailing("production", &["status frontend@production"]),
            ),
        ]);
    }
}
