//! Tests of the rules next door.

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_773_457_920_000 + millis).unwrap()
}

fn limits(person_per_minute: u32, channel_per_minute: u32) -> Limits {
    Limits::new(&Settings {
        person_per_minute,
        channel_per_minute,
    })
}

fn waits(taken: Result<(), TooMuch>) -> Option<(u128, bool)> {
    taken
        .err()
        .map(|over| (over.wait.as_millis(), over.first_in_a_minute))
}

#[test]
fn a_third_at_once_then_evenly() {
    let limits = limits(60, 300);
    for n in 0..20 {
        assert_eq!(limits.admit_click("U1", at(n)), Ok(()), "{n}");
    }
    // The twenty took twenty seconds of budget, of which 20 ms are there again.
    assert_eq!(waits(limits.admit_click("U1", at(20))), Some((980, true)));
    assert_eq!(waits(limits.admit_click("U1", at(520))), Some((480, false)));
    // What was refused cost nothing: waiting as long as was said is enough.
    assert_eq!(limits.admit_click("U1", at(1_000)), Ok(()));
    assert_eq!(
        waits(limits.admit_click("U1", at(1_000))),
        Some((1_000, false))
    );
    assert_eq!(
        limits.admit_click("U2", at(1_000)),
        Ok(()),
        "nobody else waits"
    );
}

#[test]
fn a_minute_later_all_of_it_is_there_again() {
    let limits = limits(3, 3);
    assert_eq!(limits.admit_click("U1", at(0)), Ok(()));
    assert_eq!(waits(limits.admit_click("U1", at(0))), Some((20_000, true)));
    assert_eq!(limits.admit_click("U1", at(60_000)), Ok(()));
    // A clock that goes back a little gives nobody more, and locks nobody out for long.
    assert_eq!(
        waits(limits.admit_click("U1", at(59_000))),
        Some((21_000, false))
    );
    // They are told again after a minute.
    assert_eq!(
        waits(limits.admit_click("U1", at(60_000))),
        Some((20_000, true))
    );
}

#[test]
fn a_noisy_channel_keeps_nobody_from_clicking() {
    let limits = limits(60, 3);
    assert_eq!(limits.admit_message("U1", "C1", at(0)), Ok(()));
    let over = limits.admit_message("U2", "C1", at(0)).unwrap_err();
    assert_eq!((over.whose(), over.first_in_a_minute), ("channel", true));
    assert_eq!(limits.admit_click("U2", at(0)), Ok(()));
    assert_eq!(limits.admit_message("U2", "C2", at(0)), Ok(()));
}

#[test]
fn a_flood_uses_up_only_its_senders_budget() {
    let limits = limits(6, 300);
    let taken = (0..1_000).filter(|_| limits.admit_message("U1", "C1", at(0)).is_ok());
    assert_eq!(taken.count(), 2);
    // Of the channel's hundred at once, ninety-eight are left.
    let taken = (0..200).filter(|n| limits.admit_message(&format!("U9{n}"), "C1", at(0)).is_ok());
    assert_eq!(taken.count(), 98);
}

#[test]
fn the_sentence_says_how_long_rounded_up() {
    let limits = limits(60, 300);
    let over = std::iter::repeat_with(|| limits.admit_click("U1", at(0)))
        .find_map(Result::err)
        .unwrap();
    assert_eq!(
        over.refusal().to_string(),
        "Too many commands (60 a minute). That one was ignored; retry in 1 s."
    );
}

#[test]
fn what_is_remembered_is_bounded() {
    let limits = limits(60, 300);
    let full = |limits: &Limits| limits.people.budgets.lock().unwrap().len();
    // Somebody who floods is not forgotten for those who come by once.
    while limits.admit_click("U1", at(0)).is_ok() {}
    for n in 0..3 * KEYS_AT_MOST {
        assert_eq!(limits.admit_click(&format!("U{n}-once"), at(0)), Ok(()));
        assert!(full(&limits) <= KEYS_AT_MOST);
    }
    assert!(limits.admit_click("U1", at(0)).is_err());
    // Those whose budget is full again are no longer remembered.
    for n in 0..KEYS_AT_MOST {
        assert_eq!(
            limits.admit_click(&format!("U{n}-later"), at(100_000)),
            Ok(())
        );
    }
    assert!(full(&limits) <= KEYS_AT_MOST);
}
