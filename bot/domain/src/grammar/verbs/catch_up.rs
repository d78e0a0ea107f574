//! `catchup`, `catchup INC-12`: what somebody has to know who comes late.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::{Misread, excerpt},
    subjects::{IncidentRef, expect_end},
    words::{Words, bare},
};

/// Tells one person in a few lines where an incident stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CatchUp {
    /// The incident; `None`: the latest one of the channel.
    pub about: Option<IncidentRef>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["catchup", "catch-up"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`catchup`",
        meaning: "where the incident stands, in ten lines, only for you",
    },
    help: &[
        "`catchup`: what happened, since when, who leads, what was done and what is open, in ten lines that only you see.",
        "`catchup INC-12`: of another incident of this channel; a rollback's number does as well.",
    ],
};

impl CatchUp {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let Some(word) = words.next().map(bare) else {
            return Ok(CatchUp { about: None });
        };
        let about = IncidentRef::named(word).ok_or_else(|| no_incident(word))?;
        expect_end(Verb::CatchUp, None, &words)?;
        Ok(CatchUp { about: Some(about) })
    }
}

fn no_incident(word: &str) -> Misread {
    Misread::BadArgument {
        verb: Verb::CatchUp,
        sentence: format!(
            "Nothing was run, because \"{}\" is not the number of an incident or a rollback: write `catchup`, or `catchup INC-12`.",
            excerpt(word)
        ),
    }
}

impl fmt::Display for CatchUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Verb::CatchUp)?;
        match self.about {
            Some(about) => write!(f, " {about}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        grammar::{
            Request,
            samples::{any_incident, misreads, reads, trailing},
        },
        identity::{IncidentId, RollbackId},
    };

    pub fn any() -> impl Strategy<Value = CatchUp> {
        proptest::option::of(any_incident()).prop_map(|about| CatchUp { about })
    }

    #[test]
    fn catching_up() {
        let catch_up = |about| Request::CatchUp(CatchUp { about });
        let incident = Some(IncidentRef::Incident(IncidentId::new(12)));
        let rollback = Some(IncidentRef::Rollback(RollbackId::new(41)));
        reads([
            ("catchup", catch_up(None)),
            ("Catch-Up.", catch_up(None)),
            ("catchup inc-12", catch_up(incident)),
            ("catchup RB-41", catch_up(rollback)),
        ]);
        misreads([
            ("catchup me", no_incident("me")),
            ("catchup INC-12 please", trailing("please", &[])),
        ]);
    }
}
