//! Tests of the rules next door.

use super::*;

fn message(text: &str) -> CapturedMessage {
    CapturedMessage {
        channel: "C1".into(),
        ts: "1773457920.000100".into(),
        author: MessageAuthor::Person("U0SAM".into()),
        text: text.into(),
        files: vec![],
        link: None,
        comment: None,
    }
}

fn pin(person: &str, by: &str) -> CapturedBy {
    CapturedBy {
        person: person.into(),
        by: by.into(),
    }
}

fn pinned(person: &str, by: &str, text: &str) -> CaptureChange {
    CaptureChange::Pinned {
        pin: pin(person, by),
        message: message(text),
        is_remark: false,
    }
}

fn edited(text: &str) -> CaptureChange {
    CaptureChange::Edited {
        text: text.into(),
        files: vec![],
    }
}

/// What is recorded of these changes, one after the other.
fn recorded(changes: Vec<CaptureChange>) -> Vec<Option<CaptureFact>> {
    let mut known: Option<Capture> = None;
    let mut facts = vec![];
    for change in changes {
        facts.push(match Capture::change(known.as_ref(), change) {
            Some((now, fact)) => {
                known = Some(now);
                fact
            }
            None => None,
        });
    }
    facts
}

#[test]
fn a_message_is_captured_once_however_many_pin_it_and_withdrawn_by_the_last() {
    let unpinned = |person, by| CaptureChange::Unpinned {
        pin: pin(person, by),
    };
    let facts = recorded(vec![
        pinned("U0MAYA", "pushpin", "down"),
        pinned("U0MAYA", "pushpin", "down"),
        pinned("U0MAYA", "stopwatch", "down"),
        pinned("U0SAM", "pushpin", "down"),
        unpinned("U0MAYA", "pushpin"),
        unpinned("U0MAYA", "pushpin"),
        unpinned("U0SAM", "pushpin"),
        unpinned("U0MAYA", "stopwatch"),
        pinned("U0ANA", "pushpin", "down again"),
    ]);
    let captured = |text| Some(CaptureFact::Captured(message(text)));
    let withdrawn = Some(CaptureFact::CaptureWithdrawn(message("down")));
    assert_eq!(facts[0], captured("down"));
    assert!(facts[1..7].iter().all(Option::is_none), "{facts:?}");
    assert_eq!(facts[7..], [withdrawn, captured("down again")]);
}

#[test]
fn what_becomes_of_a_captured_message_is_recorded_as_long_as_it_is_held() {
    let facts = recorded(vec![
        edited("nobody has captured it"),
        CaptureChange::Deleted,
        pinned("U0MAYA", "pushpin", "down"),
        // An unfurled link changes a message, and not what it says.
        edited("down"),
        edited("down since 02:55"),
        CaptureChange::Deleted,
        edited("it is gone"),
        CaptureChange::Deleted,
    ]);
    let said = |facts: &[Option<CaptureFact>]| {
        let known = facts.iter().flatten();
        known.cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        said(&facts),
        [
            CaptureFact::Captured(message("down")),
            CaptureFact::CaptureRevised(message("down since 02:55")),
            CaptureFact::CaptureDeleted(message("down since 02:55")),
        ]
    );
}
