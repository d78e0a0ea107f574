//! Moments that a clock stored which was ahead.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;
#[path = "support/there.rs"]
mod there;

use jiff::{SignedDuration, Timestamp};
use rollback_domain::{
    decide::decide,
    moment::is_impossible,
    plan::Plan,
    policy::{Policy, Preset},
    risk::Risk,
    rollback::{Command, Rollback, State},
};
use std::time::Duration;
use support::{asked, night, person, plan, policy, roster, silent};
use there::everybody_there;

fn at(seconds: i64) -> Timestamp {
    night()
        .checked_add(SignedDuration::from_secs(seconds))
        .unwrap()
}

fn team() -> Policy {
    policy(Preset::SmallTeam)
}

/// A card that was made at this moment.
fn proposed(now: Timestamp, policy: &Policy) -> Rollback {
    let plan: Plan = plan(Risk::Code, ["v214", "v214"]);
    let command = Command::Planned {
        objections: vec![],
        audience: everybody_there(),
        plan: Box::new(plan),
        requester: person("U0MAYA"),
        last_known: None,
        roster: Box::new(roster(&[("oncall", &["U0MAYA", "U0SAM"])])),
        frozen: None,
    };
    decide(&asked(), command, policy, now).unwrap().rollback
}

#[test]
fn a_moment_that_its_kind_allows_is_left_alone() {
    let mut rollback = proposed(night(), &team());
    let before = rollback.clone();
    for seconds in [0, 1, 599, 600, 86_400] {
        assert!(!rollback.correct_moments(at(seconds), &team()));
    }
    // Clocks differ by a little.
    assert!(!rollback.correct_moments(at(-9), &team()));
    assert_eq!(rollback, before);
}

#[test]
fn a_card_of_tomorrow_ends_now_and_is_waited_for_from_now_on() {
    for ahead in [120, 3_600, 86_400] {
        let mut rollback = proposed(at(ahead), &team());
        assert!(rollback.correct_moments(night(), &team()), "{ahead}");
        assert_eq!(
            rollback.state,
            State::Proposed {
                expires_at: night()
            }
        );
        assert_eq!(rollback.plan_until, Some(night()));
        assert_eq!(rollback.waiting.since, Some(night()));
        assert!(!rollback.correct_moments(night(), &team()));
        // It ends by the clock that is right.
        let ended = decide(&rollback, Command::Expire, &team(), night()).unwrap();
        assert!(matches!(ended.rollback.state, State::Expired { .. }));
    }
}

#[test]
fn somebody_is_reminded_by_the_clock_that_is_right() {
    let policy = Policy {
        remind: vec![Duration::from_secs(60)],
        ..team()
    };
    let mut rollback = proposed(at(86_400), &policy);
    assert!(rollback.correct_moments(night(), &policy));
    let waited = Command::Waited {
        roster: Box::new(silent(&["oncall"])),
    };
    let decision = decide(&rollback, waited, &policy, at(60)).unwrap();
    assert_eq!(decision.rollback.waiting.reminded, 1);
}

#[test]
fn an_objection_window_of_tomorrow_begins_anew() {
    let window = Duration::from_secs(60);
    let policy = Policy {
        objection_window: Some(window),
        ..policy(Preset::SmallTeam)
    };
    let mut rollback = proposed(at(86_400), &policy);
    assert!(rollback.waiting.window_ends.is_some());
    assert!(rollback.correct_moments(night(), &policy));
    assert_eq!(rollback.waiting.window_ends, Some(at(60)));
}

#[test]
fn what_was_asked_tomorrow_was_asked_now() {
    let mut rollback = proposed(night(), &team());
    rollback.state = State::Unknown {
        since: at(86_400),
        why: "the answer was lost".into(),
    };
    rollback.asked_last = Some(at(86_400));
    let decision = decide(&rollback, Command::ClockSet, &team(), night()).unwrap();
    assert_eq!(decision.rollback.asked_last, Some(night()));
    assert!(matches!(
        decision.rollback.state,
        State::Unknown { since, .. } if since == night()
    ));
    assert_eq!(decision.drive_at, Some(night()));
}

#[test]
fn no_moment_and_no_bound_overflows() {
    assert!(is_impossible(
        Timestamp::MAX,
        Timestamp::MIN,
        Duration::ZERO
    ));
    assert!(!is_impossible(
        Timestamp::MIN,
        Timestamp::MAX,
        Duration::ZERO
    ));
    assert!(!is_impossible(
        Timestamp::MAX,
        Timestamp::MIN,
        Duration::MAX
    ));
}
