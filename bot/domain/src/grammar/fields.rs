//! The fields of a request that a program or a form fills in. Each is read by itself, so that no
//! field can say what belongs into another.

use crate::identity::RollbackId;

use super::{
    misread::Misread,
    moments::When,
    reasons,
    subjects::{About, IncidentRef, ServiceRef, rollback_named},
    targets::Target,
    verbs::{ExportFormat, RecordReview, ReviewSubject, Verb, format_named},
    words::{Words, bare, plain_line},
};

/// Reads a service, with its environment if it was named: `frontend@production`.
pub fn service_field(field: &str) -> Result<ServiceRef, Misread> {
    ServiceRef::parse(Verb::Propose, word(field).as_deref())
}

/// Reads the rollback that a verb is about: `RB-41`.
pub fn rollback_field(verb: Verb, field: &str) -> Result<RollbackId, Misread> {
    let word = word(field).ok_or(Misread::MissingNumber { verb })?;
    let word = bare(&word);
    rollback_named(word).ok_or_else(|| Misread::BadNumber {
        verb,
        word: word.to_owned(),
    })
}

/// Reads the rollback or the service that a verb is about; `None` if the field is empty.
pub fn about_field(verb: Verb, field: &str) -> Result<Option<About>, Misread> {
    let word = word(field);
    word.map(|word| About::parse(verb, &word)).transpose()
}

/// Reads the incident that a verb is about, by its number or by one of its rollbacks; `None` if the
/// field is empty.
pub fn incident_field(verb: Verb, field: &str) -> Result<Option<IncidentRef>, Misread> {
    let Some(word) = word(field) else {
        return Ok(None);
    };
    let word = bare(&word);
    match IncidentRef::named(word) {
        Some(incident) => Ok(Some(incident)),
        None => Err(Misread::BadNumber {
            verb,
            word: word.to_owned(),
        }),
    }
}

/// Reads the format of an export; Markdown if the field is empty.
pub fn format_field(field: &str) -> Result<ExportFormat, Misread> {
    word(field).map_or(Ok(ExportFormat::default()), |word| format_named(&word))
}

/// Reads when something happened: `-5m`, `03:07`, `yesterday 23:50`; `None` if the field is empty.
pub fn time_field(field: &str) -> Result<Option<When>, Misread> {
    let line = plain_line(field);
    let mut words = Words::new(&line);
    if words.at_end() {
        return Ok(None);
    }
    let bad = || Misread::BadMoment {
        word: line.trim().to_owned(),
    };
    let when = When::read(&mut words).unwrap_or_else(|| Err(bad()))?;
    match words.at_end() {
        true => Ok(Some(when)),
        false => Err(bad()),
    }
}

/// Reads what to go back to: `prev`, `v212`, `@-45m`.
pub fn target_field(field: &str) -> Result<Target, Misread> {
    let field = word(field).ok_or(Misread::MissingTarget)?;
    let mut words = Words::new(&field);
    match words.quoted() {
        Some(name) if words.at_end() => Target::quoted(name),
        Some(_) | None => Target::parse(&field),
    }
}

/// Reads what was reviewed: `frontend`, `role oncall`, `contacts`, `matrix`; `None` if the field is
/// empty.
pub fn review_field(field: &str) -> Result<Option<ReviewSubject>, Misread> {
    let line = plain_line(field);
    RecordReview::parse(Words::new(&line)).map(|review| review.subject)
}

/// Reads a reason on one line, without the quotes around it; `None` if it is empty. Nothing in it
/// is taken for markup of Slack's.
pub fn reason_field(field: &str) -> Result<Option<String>, Misread> {
    let reason = reasons::text(&plain_line(field))?;
    Ok(Some(reason).filter(|reason| !reason.is_empty()))
}

/// Reads a reason that cannot be left out; `None` if it is empty, or only the `…` of an example.
pub fn required_reason_field(field: &str) -> Result<Option<String>, Misread> {
    Ok(reason_field(field)?.filter(|reason| reasons::has_content(reason)))
}

/// The field as a typed text is cleaned; `None` if nothing is left of it.
fn word(field: &str) -> Option<String> {
    Some(plain_line(field)).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_words_are() {
        let frontend = ServiceRef {
            service: "frontend".into(),
            environment: Some("production".into()),
        };
        assert_eq!(service_field(" Frontend@production "), Ok(frontend.clone()));
        assert_eq!(rollback_field(Verb::Deny, "rb-41"), Ok(RollbackId::new(41)));
        assert_eq!(
            about_field(Verb::Status, "RB-41"),
            Ok(Some(About::Rollback(RollbackId::new(41))))
        );
        assert_eq!(
            about_field(Verb::Status, "frontend@production"),
            Ok(Some(About::Service(frontend)))
        );
        assert_eq!(about_field(Verb::Status, " "), Ok(None));
        assert_eq!(target_field("v212"), Ok(Target::Named("v212".into())));
        assert_eq!(target_field("prev"), Ok(Target::Previous));
        assert_eq!(
            reason_field(" “a” &amp; b\n<https://x.io|y> "),
            Ok(Some("\"a\" &amp; b <https://x.io|y>".into()))
        );
        assert_eq!(
            reason_field("\"checkout 500s\""),
            Ok(Some("checkout 500s".into()))
        );
        assert_eq!(reason_field(" \"\" "), Ok(None));
        assert_eq!(
            reason_field("a\u{1b}[31m\u{202e}b\u{7}\r\n*RB-1 VERIFIED*"),
            Ok(Some("a[31mb *RB-1 VERIFIED*".into()))
        );
        assert_eq!(required_reason_field("\u{200b}…\n"), Ok(None));
        assert_eq!(required_reason_field(" x "), Ok(Some("x".into())));
    }

    #[test]
    fn no_field_says_what_belongs_into_another() {
        for field in [
            "frontend to dpl_x because smuggled",
            "frontend@production to dpl_x",
            "frontend because x",
            "frontend\nto dpl_x",
            "approve RB-1",
            "plan frontend",
        ] {
            assert!(service_field(field).is_err(), "{field}");
        }
        for field in ["RB-41 because x", "RB-41 RB-42", "frontend", ""] {
            assert!(rollback_field(Verb::Deny, field).is_err(), "{field}");
        }
        for field in ["RB-41 please", "frontend to v212", "status"] {
            assert!(about_field(Verb::Status, field).is_err(), "{field}");
        }
        for field in ["v212 because x", "prev to v212", "02:40", ""] {
            assert!(target_field(field).is_err(), "{field}");
        }
    }

    #[test]
    fn a_reason_is_no_longer_than_a_typed_one() {
        let long = "x".repeat(3_001);
        assert_eq!(
            reason_field(&long),
            Err(Misread::TooLong { characters: 3_001 })
        );
    }
}
