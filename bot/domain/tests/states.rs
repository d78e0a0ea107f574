//! Every state of a rollback: its name, as it is stored, and what it means for others.

use rollback_domain::rollback::{State, StateKind};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a state means: it keeps others from opening a rollback of the same service, production is
/// kept in sight, or nothing more happens.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Holds,
    Watches,
    Ended,
}
use Phase::{Ended, Holds, Watches};

/// Each state as it is stored.
const STORED: &[(&str, Phase, &str)] = &[
    ("planning", Holds, r#"{"state":"planning"}"#),
    (
        "blocked",
        Ended,
        r#"{"state":"blocked","why":"nothing older"}"#,
    ),
    (
        "proposed",
        Holds,
        r#"{"state":"proposed","expires_at":"2026-03-14T03:14:00Z"}"#,
    ),
    (
        "approved",
        Holds,
        r#"{"state":"approved","expires_at":"2026-03-14T03:14:00Z"}"#,
    ),
    (
        "executing",
        Holds,
        r#"{"state":"executing","asked_at":"2026-03-14T03:02:00Z"}"#,
    ),
    (
        "waiting_for_people",
        Holds,
        r#"{"state":"waiting_for_people","since":"2026-03-14T03:02:00Z"}"#,
    ),
    (
        "accepted",
        Holds,
        r#"{"state":"accepted","at":"2026-03-14T03:02:00Z"}"#,
    ),
    ("serving", Holds, r#"{"state":"serving","n":1,"m":2}"#),
    (
        "unknown",
        Holds,
        r#"{"state":"unknown","since":"2026-03-14T03:02:00Z","why":"it timed out"}"#,
    ),
    (
        "watching",
        Watches,
        r#"{"state":"watching","until":"2026-03-14T03:32:00Z"}"#,
    ),
    ("closed", Ended, r#"{"state":"closed"}"#),
    ("failed", Ended, r#"{"state":"failed","why":"no"}"#),
    (
        "partial",
        Ended,
        r#"{"state":"partial","n":1,"m":2,"failed":["www.example.com"]}"#,
    ),
    ("rehearsed", Ended, r#"{"state":"rehearsed"}"#),
    (
        "resolved",
        Ended,
        r#"{"state":"resolved","done":true,"by":{"id":"U1","name":"sam"},"because":"I looked"}"#,
    ),
    (
        "denied",
        Ended,
        r#"{"state":"denied","by":{"id":"U1","name":"sam"},"because":null}"#,
    ),
    (
        "cancelled",
        Ended,
        r#"{"state":"cancelled","by":{"id":"U1","name":"sam"},"because":null}"#,
    ),
    (
        "expired",
        Ended,
        r#"{"state":"expired","at":"2026-03-14T03:14:00Z"}"#,
    ),
    (
        "superseded",
        Ended,
        r#"{"state":"superseded","why":"another target"}"#,
    ),
];

#[test]
fn each_state_is_read_and_stored_as_before() {
    for (name, _, stored) in STORED {
        let stored: Value = serde_json::from_str(stored).unwrap();
        let state: State = serde_json::from_value(stored.clone())
            .unwrap_or_else(|error| panic!("{name} cannot be read: {error}"));
        assert_eq!(state.name(), *name);
        assert_eq!(stored["state"], *name);
        assert_eq!(serde_json::to_value(&state).unwrap(), stored, "{name}");
    }
}

#[test]
fn each_state_holds_its_service_or_watches_or_has_ended() {
    for (name, phase, stored) in STORED {
        let state: State = serde_json::from_str(stored).unwrap();
        let found = match (state.holds(), state.is_ended()) {
            (true, false) => Holds,
            (false, false) => Watches,
            (false, true) => Ended,
            (true, true) => panic!("{name} has ended and holds its service"),
        };
        assert_eq!(found, *phase, "{name}");
    }
}

#[test]
fn no_state_is_left_out_here() {
    let here: BTreeSet<&str> = STORED.iter().map(|(name, ..)| *name).collect();
    let every: BTreeSet<&str> = StateKind::ALL.iter().map(|state| state.name()).collect();
    assert_eq!(here, every);
}
