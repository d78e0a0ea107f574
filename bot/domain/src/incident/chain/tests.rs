//! Tests of the rules next door.

use super::*;
use crate::incident::{Actor, IncidentFact, TimelineEvent};
use crate::people::Person;
use crate::refusal::Source;
use proptest::{prelude::*, sample::Index};

const INCIDENT: IncidentId = IncidentId::new(12);

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(1_773_457_920 + n).unwrap_or_default()
}

fn note(text: &str, at: Timestamp) -> Map<String, Value> {
    let who = Actor::Person(Person::new("U0MAYA", "maya"));
    let fact = IncidentFact::Note { text: text.into() };
    let event = TimelineEvent::new(at, who, Source::Command, None, fact);
    match serde_json::to_value(event) {
        Ok(Value::Object(event)) => event,
        other => panic!("{other:?}"),
    }
}

/// A timeline with these notes, of which the first so many are from before, and its head.
fn timeline(notes: &[&str], from_before: usize) -> (Vec<ChainedEvent>, Option<Head>) {
    let mut chain = Chain::new(INCIDENT, Head::start());
    let mut events = vec![];
    for (n, text) in (1..).zip(notes) {
        let (at, seq) = (second(n), n);
        let event = note(text, at);
        let document = canonical(&event);
        let previous = match events.len() < from_before {
            true => {
                chain.append_from_before(&document, at);
                None
            }
            false => Some(chain.append(&document, at)),
        };
        events.push(ChainedEvent {
            seq,
            recorded_at: at,
            previous,
            event,
        });
    }
    let head = (events.len() > from_before).then(|| chain.head().clone());
    (events, head)
}

fn check(events: &[ChainedEvent], head: Option<&Head>, counted: i64) -> Result<Unbroken, Break> {
    let mut check = Check::new(INCIDENT, head.cloned());
    for event in events {
        check.next(event)?;
    }
    check.end(counted)
}

const NOTES: [&str; 6] = [
    "error rate 6 %",
    "error rate 6 %",
    "\"tax\" \\ \u{1b}[31m",
    "é 😀 | <b>",
    "",
    "back to normal",
];

#[test]
fn keys_are_sorted_at_every_depth() {
    let value = serde_json::json!({"b": {"z": 1, "a": [{"y": 1, "x": 2}]}, "a": null});
    let Value::Object(object) = value else {
        panic!("an object")
    };
    assert_eq!(
        canonical(&object),
        r#"{"a":null,"b":{"a":[{"x":2,"y":1}],"z":1}}"#
    );
}

#[test]
fn a_hash_is_the_same_in_every_version() {
    let (events, head) = timeline(&["error rate 6 %"], 0);
    insta::assert_snapshot!(canonical(&events[0].event), @r#"{"at":"2026-03-14T03:12:01Z","fact":{"text":"error rate 6 %","type":"note"},"kind":"note","rollback":null,"source":"command","text":"error rate 6 %","who":{"person":{"id":"U0MAYA","name":"maya"}}}"#);
    insta::assert_snapshot!(head.map(|head| head.hash.0).unwrap_or_default(), @"887aee02a8aa158ac0f0b8b440d8fc7e055b6a44cb2c503f548ba035f6bc5fb4");
}

#[test]
fn a_timeline_as_it_was_written_is_unbroken() {
    let (events, head) = timeline(&NOTES, 0);
    let unbroken = Unbroken {
        entries: 6,
        from_before: 0,
        head: head.clone(),
    };
    assert_eq!(check(&events, head.as_ref(), 6), Ok(unbroken));
    assert_eq!(check(&[], None, 0).map(|unbroken| unbroken.entries), Ok(0));
}

#[test]
fn what_older_versions_wrote_is_vouched_for_from_the_first_hash_on() {
    for from_before in 1..=6 {
        let (events, head) = timeline(&NOTES, from_before);
        let unbroken = check(&events, head.as_ref(), 6).unwrap_or_else(|broken| panic!("{broken}"));
        assert_eq!(unbroken.from_before, from_before as i64);
        let behind = if from_before == 6 { 6 } else { 0 };
        assert_eq!(unbroken.behind_head(), behind);
        if from_before < 6 {
            let mut changed = events.clone();
            changed[0].event.insert("text".into(), "nothing".into());
            let broken = check(&changed, head.as_ref(), 6).expect_err("it was changed");
            assert!(matches!(broken, Break::Previous { .. }), "{broken}");
        }
    }
}

#[test]
fn what_an_older_version_added_is_behind_the_head_until_the_next_hash() {
    let (mut events, head) = timeline(&NOTES, 0);
    events.push(ChainedEvent {
        seq: 7,
        recorded_at: second(7),
        previous: None,
        event: note("by an older version", second(7)),
    });
    let unbroken = check(&events, head.as_ref(), 7).unwrap_or_else(|broken| panic!("{broken}"));
    assert_eq!((unbroken.behind_head(), unbroken.from_before), (1, 1));
}

#[test]
fn the_first_break_is_named() {
    let (events, head) = timeline(&NOTES, 0);
    let tell = |events: &[ChainedEvent], head: Option<&Head>, counted| {
        let broken = check(events, head, counted).expect_err("it is broken");
        broken.to_string()
    };
    let mut changed = events.clone();
    changed[2].event.insert("text".into(), "nothing".into());
    let hash = |n: usize| {
        events[n]
            .previous
            .as_ref()
            .map(EventHash::to_string)
            .unwrap_or_default()
    };
    let named = tell(&changed, head.as_ref(), 6).replace(&hash(3), "…");
    assert!(
        named.starts_with("entry 4 carries the hash … for the entry before it, whose hash is "),
        "{named}"
    );
    assert!(
        named.ends_with(
            " now: entry 3 was changed, removed, inserted or moved, or the hash was changed"
        ),
        "{named}"
    );
    let mut removed = events.clone();
    removed.remove(2);
    insta::assert_snapshot!(tell(&removed, head.as_ref(), 6), @"entry 4 stands where entry 3 belongs: one was removed, inserted or moved");
    insta::assert_snapshot!(tell(&events[..5], head.as_ref(), 6), @"there are 5 entries, and 6 were counted: some were removed or inserted at the end, or the count was changed");
    insta::assert_snapshot!(tell(&events, None, 6), @"entry 1 stands behind the head, which is entry 0: the head was changed, or the entry was inserted");
    let mut last = events.clone();
    last[5].event.insert("text".into(), "nothing".into());
    let named = tell(&last, head.as_ref(), 6);
    assert!(
        named.starts_with("entry 6 is the head with the hash "),
        "{named}"
    );
}

/// A timeline in a file: an event on each line, then the head.
fn written(events: &[ChainedEvent], head: Option<&Head>) -> String {
    let mut lines: Vec<String> = events
        .iter()
        .filter_map(|event| serde_json::to_string(event).ok())
        .collect();
    lines.push(serde_json::to_string(&head).unwrap_or_default());
    lines.join("\n")
}

/// Reads it; `None`: it cannot be read.
fn read(text: &str) -> Option<(Vec<ChainedEvent>, Option<Head>)> {
    let mut lines: Vec<&str> = text.lines().collect();
    let head = serde_json::from_str(lines.pop()?).ok()?;
    let events: Result<Vec<ChainedEvent>, _> =
        lines.into_iter().map(serde_json::from_str).collect();
    Some((events.ok()?, head))
}

proptest! {
    #[test]
    fn every_changed_byte_is_found(
        from_before in 0..6_usize,
        place: Index,
        byte: u8,
    ) {
        let (events, head) = timeline(&NOTES, from_before);
        let text = written(&events, head.as_ref());
        let mut bytes = text.clone().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let changed = String::from_utf8(bytes).ok().and_then(|text| read(&text));
        // Another spelling of the same is no change: `\u001b` and `\u001B`.
        if let Some((found, now)) = changed && (&found, &now) != (&events, &head) {
            prop_assert!(check(&found, now.as_ref(), 6).is_err());
        }
    }

    #[test]
    fn every_removed_event_is_found(from_before in 0..6_usize, place: Index) {
        let (mut events, head) = timeline(&NOTES, from_before);
        events.remove(place.index(6));
        prop_assert!(check(&events, head.as_ref(), 6).is_err());
        // Nor does it help to close the gap.
        for (seq, event) in (1..).zip(&mut events) {
            event.seq = seq;
        }
        prop_assert!(check(&events, head.as_ref(), 5).is_err());
    }

    #[test]
    fn every_inserted_event_is_found(from_before in 0..6_usize, place in 0..=6_usize, copied: Index) {
        let (mut events, head) = timeline(&NOTES, from_before);
        let event = events[copied.index(6)].clone();
        events.insert(place, event);
        prop_assert!(check(&events, head.as_ref(), 6).is_err());
        for (seq, event) in (1..).zip(&mut events) {
            event.seq = seq;
        }
        // At the end it is one that no hash vouches for, if it carries none itself.
        let at_end = place == 6 && events[6].previous.is_none();
        match check(&events, head.as_ref(), 7) {
            Ok(unbroken) => prop_assert!(at_end && unbroken.behind_head() == 1),
            Err(_) => prop_assert!(!at_end),
        }
    }

    #[test]
    fn every_swap_is_found(from_before in 0..6_usize, one: Index, other: Index) {
        let (mut events, head) = timeline(&NOTES, from_before);
        let (one, other) = (one.index(6), other.index(6));
        prop_assume!(one != other);
        events.swap(one, other);
        prop_assert!(check(&events, head.as_ref(), 6).is_err());
        for (seq, event) in (1..).zip(&mut events) {
            event.seq = seq;
        }
        prop_assert!(check(&events, head.as_ref(), 6).is_err());
    }
}
