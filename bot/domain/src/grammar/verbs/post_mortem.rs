//! `postmortem`, `postmortem root cause: …`: the draft of a post-mortem, and what only people know.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::{
    grammar::{
        misread::{Misread, excerpt},
        reasons,
        subjects::IncidentRef,
        words::{Literal, Words, bare},
    },
    post_mortem::Field,
};

/// Writes the draft of a post-mortem, or fills one of its fields.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PostMortem {
    /// The incident it is about; `None`: the latest one of the channel.
    pub about: Option<IncidentRef>,
    /// The field to fill, with what is said; `None`: the draft is written.
    pub said: Option<(Field, String)>,
}

pub(super) const SPEC: Spec = Spec {
    words: &["postmortem", "pm"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`postmortem`, `postmortem root cause: tax engine`",
        meaning: "draft it from the record; add what only you know",
    },
    help: &[
        "`postmortem`, `postmortem INC-12`: a draft from the record, as a file. What nobody said is marked in it. `pm` is the same.",
        "`postmortem root cause: the tax engine divides by zero`, `postmortem INC-12 impact: no payments`: fill a field.",
        "The fields: issue, summary, severity, lead, status, started, noticed by, detected, decided, impact, users affected, revenue, downtime, eta, resolution, error rate, data, root cause, testing, gates, team told, users told, stakeholders told, lesson, prevention, procedure, next steps, fix design, fix tests, fix planned, fix approved.",
    ],
};

impl PostMortem {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let about = words.peek().and_then(|word| IncidentRef::named(bare(word)));
        if about.is_some() {
            words.next();
        }
        if words.at_end() {
            return Ok(PostMortem { about, said: None });
        }
        let text = reasons::text(words.rest)?;
        match Field::of(&text) {
            Some((field, said)) => Ok(PostMortem {
                about,
                said: Some((field, said.to_owned())),
            }),
            None => Err(unknown_field(&text)),
        }
    }
}

fn unknown_field(text: &str) -> Misread {
    Misread::BadArgument {
        verb: Verb::PostMortem,
        sentence: format!(
            "Nothing was run, because \"{}\" does not begin with a field of a post-mortem and say something of it: write, for example, `postmortem root cause: the tax engine`. `help postmortem` lists the fields.",
            excerpt(text)
        ),
    }
}

impl fmt::Display for PostMortem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Verb::PostMortem)?;
        if let Some(about) = self.about {
            write!(f, " {about}")?;
        }
        if let Some((field, text)) = &self.said {
            let text = format!("{}: {text}", field.name());
            write!(f, " {}", Literal(&text))?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        grammar::{
            Request,
            samples::{any_incident, any_text, misreads, reads},
        },
        identity::{IncidentId, RollbackId},
    };

    pub fn any() -> impl Strategy<Value = PostMortem> {
        let field = proptest::sample::select(Field::ALL);
        let text = any_text().prop_filter("not empty", |text| !text.trim().is_empty());
        let text = text.prop_map(|text| text.trim().to_owned());
        (
            proptest::option::of(any_incident()),
            proptest::option::of((field, text)),
        )
            .prop_map(|(about, said)| PostMortem { about, said })
    }

    #[test]
    fn help_lists_every_field() {
        let fields: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
        assert_eq!(SPEC.help[2], format!("The fields: {}.", fields.join(", ")));
    }

    #[test]
    fn drafting_and_filling() {
        let draft = |about| Request::PostMortem(PostMortem { about, said: None });
        let fill = |about, field, text: &str| {
            Request::PostMortem(PostMortem {
                about,
                said: Some((field, text.into())),
            })
        };
        let incident = Some(IncidentRef::Incident(IncidentId::new(12)));
        let rollback = Some(IncidentRef::Rollback(RollbackId::new(41)));
        reads([
            ("postmortem", draft(None)),
            ("pm INC-12", draft(incident)),
            ("postmortem RB-41.", draft(rollback)),
            (
                "postmortem root cause: the tax engine",
                fill(None, Field::RootCause, "the tax engine"),
            ),
            (
                "pm inc-12 Users affected: 412 of 9,000",
                fill(incident, Field::Users, "412 of 9,000"),
            ),
        ]);
        misreads([
            ("postmortem frontend", unknown_field("frontend")),
            ("postmortem root cause:", unknown_field("root cause:")),
            ("postmortem fields:", unknown_field("fields:")),
        ]);
    }
}
