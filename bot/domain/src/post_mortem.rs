//! What only people can say about an incident: the fields of a post-mortem, and the notes that fill
//! them.
//!
//! A note that begins with the name of a field and a colon is that field: `root cause: the tax
//! engine divides by zero`. Nothing else fills one, so what nobody said stays a gap.

use serde::Serialize;
use strum::VariantArray;

/// A field of a post-mortem that the record cannot know by itself.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is what its gap says")]
pub enum Field {
    Issue,
    Summary,
    Severity,
    Lead,
    Status,
    Started,
    NoticedBy,
    Detected,
    Decided,
    Impact,
    Users,
    Revenue,
    Downtime,
    Eta,
    Resolution,
    ErrorRate,
    Data,
    RootCause,
    Testing,
    Gates,
    TeamTold,
    UsersTold,
    StakeholdersTold,
    Lesson,
    Prevention,
    Procedure,
    NextSteps,
    FixDesign,
    FixTests,
    FixPlanned,
    FixApproved,
}

impl Field {
    /// Every field, in the order of the document.
    pub const ALL: &'static [Field] = <Field as VariantArray>::VARIANTS;

    /// Its name, as a note begins with it.
    pub fn name(self) -> &'static str {
        match self {
            Field::Issue => "issue",
            Field::Summary => "summary",
            Field::Severity => "severity",
            Field::Lead => "lead",
            Field::Status => "status",
            Field::Started => "started",
            Field::NoticedBy => "noticed by",
            Field::Detected => "detected",
            Field::Decided => "decided",
            Field::Impact => "impact",
            Field::Users => "users affected",
            Field::Revenue => "revenue",
            Field::Downtime => "downtime",
            Field::Eta => "eta",
            Field::Resolution => "resolution",
            Field::ErrorRate => "error rate",
            Field::Data => "data",
            Field::RootCause => "root cause",
            Field::Testing => "testing",
            Field::Gates => "gates",
            Field::TeamTold => "team told",
            Field::UsersTold => "users told",
            Field::StakeholdersTold => "stakeholders told",
            Field::Lesson => "lesson",
            Field::Prevention => "prevention",
            Field::Procedure => "procedure",
            Field::NextSteps => "next steps",
            Field::FixDesign => "fix design",
            Field::FixTests => "fix tests",
            Field::FixPlanned => "fix planned",
            Field::FixApproved => "fix approved",
        }
    }

    /// What is missing while nobody has said it, as the end of "Not recorded: …".
    pub fn gap(self) -> &'static str {
        match self {
            Field::Issue => "what the problem is, in a few words",
            Field::Summary => "what happened, in one or two sentences",
            Field::Severity => "how severe it was",
            Field::Lead => "who led, and whom to ask",
            Field::Status => "whether it is stable, monitored or still investigated",
            Field::Started => "when the problem began for users",
            Field::NoticedBy => "who noticed first",
            Field::Detected => "when and how it was noticed",
            Field::Decided => "when and why it was decided to roll back",
            Field::Impact => "what users could not do",
            Field::Users => "how many users were affected",
            Field::Revenue => "what it cost",
            Field::Downtime => "how long users could not work",
            Field::Eta => "when it was expected to be over",
            Field::Resolution => "what else resolved it",
            Field::ErrorRate => "whether the error rate is back to normal",
            Field::Data => "whether data was lost or has to be repaired",
            Field::RootCause => "why it happened",
            Field::Testing => "why no test found it",
            Field::Gates => "why nothing before production stopped it",
            Field::TeamTold => "when and where the team was told",
            Field::UsersTold => {
                "what users were told, and when: investigating, identified, resolved"
            }
            Field::StakeholdersTold => "which stakeholders were told",
            Field::Lesson => "what was learned",
            Field::Prevention => "what will keep it from happening again",
            Field::Procedure => "what changes in the procedure",
            Field::NextSteps => "what happens next",
            Field::FixDesign => "how the fix is designed now",
            Field::FixTests => "which tests are added for it",
            Field::FixPlanned => "when the fix is deployed",
            Field::FixApproved => "who allows the next attempt",
        }
    }

    /// The field that a note is, and what it says; `None`: it is a note like any other.
    pub fn of(note: &str) -> Option<(Field, &str)> {
        let (name, text) = note.split_once(':')?;
        let (name, text) = (name.trim(), text.trim());
        let field = Field::ALL
            .iter()
            .find(|field| field.name().eq_ignore_ascii_case(name))?;
        (!text.is_empty()).then_some((*field, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_note_that_begins_with_a_field_is_that_field() {
        assert_eq!(
            Field::of("Root cause: a division by zero: in the tax engine"),
            Some((Field::RootCause, "a division by zero: in the tax engine"))
        );
        assert_eq!(
            Field::of("users affected : 412"),
            Some((Field::Users, "412"))
        );
        for note in [
            "root cause",
            "root cause: ",
            "the root cause: x",
            ": x",
            "03:07 it is back",
        ] {
            assert_eq!(Field::of(note), None, "{note}");
        }
    }

    #[test]
    fn no_two_fields_are_called_the_same() {
        let names: BTreeSet<&str> = Field::ALL.iter().map(|field| field.name()).collect();
        let gaps: BTreeSet<&str> = Field::ALL.iter().map(|field| field.gap()).collect();
        assert_eq!(names.len(), Field::ALL.len());
        assert_eq!(gaps.len(), Field::ALL.len());
        for field in Field::ALL {
            let note = format!("{}: x", field.name());
            assert_eq!(Field::of(&note), Some((*field, "x")));
        }
    }
}
