//! Tests of the rules next door.

use super::*;

fn night() -> Timestamp {
    Timestamp::from_second(1_773_457_920).unwrap_or_default()
}

/// The incident whose last entry was written down at [`night`].
fn latest() -> Incident {
    Incident {
        id: IncidentId::new(7),
        channel: "C1".into(),
        opened_at: night() - SignedDuration::from_hours(30),
        last_at: night(),
        course: Course::default(),
    }
}

fn after(wait: SignedDuration, opening: Opening) -> Placement {
    decide(Some(&latest()), opening, night() + wait)
}

#[test]
fn twelve_hours_of_silence_end_it_and_not_a_moment_less() {
    let twelve = SignedDuration::from_hours(12);
    let almost = twelve - SignedDuration::from_micros(1);
    for (wait, state, decision) in [
        (
            SignedDuration::ZERO,
            IncidentState::Open,
            Placement::Incident(IncidentId::new(7)),
        ),
        (
            almost,
            IncidentState::Open,
            Placement::Incident(IncidentId::new(7)),
        ),
        (twelve, IncidentState::Silent, Placement::NewIncident),
        (twelve * 100, IncidentState::Silent, Placement::NewIncident),
    ] {
        assert_eq!(latest().state(night() + wait), state, "{wait}");
        assert_eq!(after(wait, Opening::IfNeeded), decision, "{wait}");
    }
}

#[test]
fn silence_counts_from_the_last_entry_and_not_from_the_first() {
    let incident = Incident {
        opened_at: night() - SignedDuration::from_hours(1_000),
        ..latest()
    };
    let now = night() + SignedDuration::from_hours(11);
    assert_eq!(
        decide(Some(&incident), Opening::IfNeeded, now),
        Placement::Incident(IncidentId::new(7))
    );
}

#[test]
fn a_clock_that_goes_back_ends_nothing() {
    for back in [1, 12, 24 * 365] {
        let wait = SignedDuration::from_hours(-back);
        assert_eq!(
            after(wait, Opening::IfNeeded),
            Placement::Incident(IncidentId::new(7))
        );
        assert_eq!(
            after(wait, Opening::Never),
            Placement::Incident(IncidentId::new(7))
        );
    }
    assert_eq!(
        decide(Some(&latest()), Opening::IfNeeded, Timestamp::MIN),
        Placement::Incident(IncidentId::new(7))
    );
}

#[test]
fn what_opens_nothing_is_left_out_where_nothing_is_open() {
    let long = SignedDuration::from_hours(13);
    assert_eq!(after(long, Opening::Never), Placement::Nowhere);
    assert_eq!(decide(None, Opening::Never, night()), Placement::Nowhere);
    assert_eq!(
        decide(None, Opening::IfNeeded, night()),
        Placement::NewIncident
    );
}

#[test]
fn an_incident_begins_open_with_one_entry_of_the_bots_that_says_so() {
    let (incident, event) = Incident::open(IncidentId::new(12), "C1", night());
    assert_eq!(
        (incident.id, incident.channel.as_str()),
        (IncidentId::new(12), "C1")
    );
    assert_eq!((incident.opened_at, incident.last_at), (night(), night()));
    assert_eq!(incident.state(night()), IncidentState::Open);
    assert_eq!(
        (event.at, &event.who, event.rollback),
        (night(), &Actor::Bot, None)
    );
    assert_eq!(event.text(), "opened INC-12 in this channel");
}

/// The latest incident, managed by people, with this status.
fn managed(status: IncidentStatus) -> Incident {
    let course = Course {
        managed: true,
        status,
        ..Course::default()
    };
    Incident { course, ..latest() }
}

#[test]
fn what_people_manage_is_open_until_they_resolve_it() {
    let week = night() + SignedDuration::from_hours(24 * 7);
    let open = managed(IncidentStatus::Monitoring);
    for opening in [Opening::IfNeeded, Opening::UnlessResolved, Opening::Never] {
        assert_eq!(
            decide(Some(&open), opening, week),
            Placement::Incident(open.id)
        );
    }
}

#[test]
fn what_is_said_of_a_resolved_one_belongs_to_it_and_what_is_begun_does_not() {
    let resolved = managed(IncidentStatus::Resolved);
    let soon = night() + SignedDuration::from_hours(1);
    let decided = |opening, now| decide(Some(&resolved), opening, now);
    assert_eq!(decided(Opening::IfNeeded, soon), Placement::NewIncident);
    for opening in [Opening::UnlessResolved, Opening::Never] {
        assert_eq!(decided(opening, soon), Placement::Incident(resolved.id));
    }
    let later = night() + SignedDuration::from_hours(12);
    assert_eq!(
        decided(Opening::UnlessResolved, later),
        Placement::NewIncident
    );
    assert_eq!(decided(Opening::Never, later), Placement::Nowhere);
}
