//! Requests and texts for the tests of the grammar.

use crate::identity::{IncidentId, RollbackId};
use jiff::Timestamp;
use proptest::prelude::*;

use super::{
    About, Day, IncidentRef, Misread, Moment, Request, ServiceRef, Target, Verb, When, is_name,
    moments, parse, reasons,
    verbs::{Propose, RESERVED},
    words::{self, Words},
};

/// Each text is read as the request beside it, which prints as a text that is read as itself.
pub(super) fn reads(table: impl IntoIterator<Item = (&'static str, Request)>) {
    for (text, request) in table {
        assert_eq!(parse(text), Ok(request.clone()), "{text:?}");
        assert_eq!(
            parse(&request.to_string()),
            Ok(request),
            "printed, from {text:?}"
        );
    }
}

/// Each text is not understood, for the cause beside it.
pub(super) fn misreads(table: impl IntoIterator<Item = (&'static str, Misread)>) {
    for (text, misread) in table {
        assert_eq!(parse(text), Err(misread), "{text:?}");
    }
}

pub(super) fn at(service: &str) -> ServiceRef {
    service.parse().expect("a service")
}

/// A reason; none if it is empty.
pub(super) fn because(reason: &str) -> Option<String> {
    Some(reason.to_owned()).filter(|reason| !reason.is_empty())
}

pub(super) fn propose(service: &str, target: Target, reason: &str) -> Request {
    Request::Propose(Propose {
        service: at(service),
        target,
        because: because(reason),
    })
}

pub(super) fn named(name: &str) -> Target {
    Target::Named(name.into())
}

pub(super) fn ago(seconds: i64) -> Moment {
    Moment::Ago { seconds }
}

pub(super) fn clock(hour: u8, minute: u8, second: u8) -> Moment {
    Moment::Clock {
        hour,
        minute,
        second,
    }
}

pub(super) fn instant(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

pub(super) fn unknown(word: &str, meant: Option<Verb>) -> Misread {
    Misread::UnknownVerb {
        word: word.into(),
        meant,
    }
}

pub(super) fn no_number(verb: Verb) -> Misread {
    Misread::MissingNumber { verb }
}

pub(super) fn bad_number(verb: Verb, word: &str) -> Misread {
    Misread::BadNumber {
        verb,
        word: word.into(),
    }
}

pub(super) fn no_service(verb: Verb) -> Misread {
    Misread::MissingService { verb }
}

pub(super) fn not_a_name(word: &str) -> Misread {
    Misread::NotAName { word: word.into() }
}

pub(super) fn reserved(word: &str) -> Misread {
    Misread::Reserved { word: word.into() }
}

pub(super) fn no_reason(verb: Verb, beginning: &str) -> Misread {
    Misread::MissingReason {
        verb,
        beginning: beginning.into(),
    }
}

pub(super) fn trailing(words: &str, suggestions: &[&str]) -> Misread {
    Misread::TrailingWords {
        words: words.into(),
        suggestions: suggestions.iter().map(|text| (*text).to_owned()).collect(),
    }
}

fn any_name() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9._-]{0,62}".prop_filter("a name", |name| is_name(name))
}

pub(super) fn any_service() -> impl Strategy<Value = ServiceRef> {
    (any_name(), proptest::option::of(any_name()))
        .prop_filter("not reserved", |(service, _)| {
            !RESERVED.contains(&service.as_str())
        })
        .prop_map(|(service, environment)| ServiceRef {
            service,
            environment,
        })
}

pub(super) fn any_id() -> impl Strategy<Value = RollbackId> {
    (1..=RollbackId::LAST, any::<bool>()).prop_map(|(number, is_drill)| match is_drill {
        true => RollbackId::drill(number),
        false => RollbackId::new(number),
    })
}

pub(super) fn any_incident() -> impl Strategy<Value = IncidentRef> {
    prop_oneof![
        (1..=i64::MAX).prop_map(|number| IncidentRef::Incident(IncidentId::new(number))),
        any_id().prop_map(IncidentRef::Rollback),
    ]
}

pub(super) fn any_about() -> impl Strategy<Value = About> {
    prop_oneof![
        any_id().prop_map(About::Rollback),
        any_service().prop_map(About::Service)
    ]
}

pub(super) fn any_moment() -> impl Strategy<Value = Moment> {
    prop_oneof![
        (0..=moments::LONGEST_AGO).prop_map(ago),
        (0..24_u8, 0..60_u8, 0..60_u8)
            .prop_map(|(hour, minute, second)| clock(hour, minute, second)),
        (0..4_102_444_800_i64, 0..1_000_000_000_i32).prop_map(|(second, nanosecond)| {
            Moment::Exact(Timestamp::new(second, nanosecond).expect("in range"))
        }),
    ]
}

pub(super) fn any_when() -> impl Strategy<Value = When> {
    let date = (1970..2100_i16, 1..=12_i8, 1..=28_i8)
        .prop_map(|(year, month, day)| Day::Date(jiff::civil::date(year, month, day)));
    let day = prop_oneof![Just(Day::Yesterday), date];
    prop_oneof![
        any_moment().prop_map(When::Moment),
        (day, 0..24_u8, 0..60_u8, 0..60_u8).prop_map(|(day, hour, minute, second)| When::OnDay {
            day,
            hour,
            minute,
            second
        }),
    ]
}

pub(super) fn any_target() -> impl Strategy<Value = Target> {
    prop_oneof![
        Just(Target::Previous),
        any_moment().prop_map(Target::At),
        "[A-Za-z0-9][A-Za-z0-9._/:@+~=-]{0,40}[A-Za-z0-9]"
            .prop_filter("a name", |name| Target::parse(name) == Ok(named(name)))
            .prop_filter("no reason", |name| {
                Words::new(name).marked_reason().is_none()
            })
            .prop_map(Target::Named),
    ]
}

/// Every word that a verb can be called by.
pub(super) fn verb_words() -> Vec<&'static str> {
    let is_verb = |word: &&str| Verb::named(word).is_some();
    RESERVED.iter().copied().filter(is_verb).collect()
}

/// Pieces that mean something to the grammar, and anything else.
pub(super) fn any_words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "\\PC{0,12}".boxed(),
        1 => any::<String>().boxed(),
        2 => proptest::sample::select(verb_words()).prop_map(str::to_owned).boxed(),
        3 => proptest::sample::select(vec![
            "RB-41", "#7", "41", "frontend", "@production", "to", "prev", "because", "because:",
            "-", "—", "\"", "'", "“x y”", "''", "\"\"", ":", ".", "?", "&amp;", "&lt;", "&amp;lt;",
            "&", "<", ">", "<https://x.io|y z>", "<http://", "<@U1>", "<@U1|sam>", "-5m", "@02:40",
            "03:07", "yesterday", "edit", "all", "md", "justified", "should have waited", "policy_too_strict", "not done", "…",
            "\0", "\u{200f}", "\u{a0}", "`",
        ]).prop_map(str::to_owned).boxed(),
    ];
    (proptest::collection::vec(piece, 0..8), any::<bool>())
        .prop_map(|(pieces, spaced)| pieces.join(if spaced { " " } else { "" }))
}

/// A note or a reason as it is read, perhaps empty.
pub(super) fn any_text() -> impl Strategy<Value = String> {
    any_words().prop_map(|text| words::unwrapped(&words::tidy(&text)))
}

pub(super) fn any_reason() -> impl Strategy<Value = Option<String>> {
    any_text().prop_map(|text| because(&text))
}

/// A reason for a verb that is refused without one.
pub(super) fn any_required_reason() -> impl Strategy<Value = String> {
    any_text().prop_filter("has content", |text| reasons::has_content(text))
}
