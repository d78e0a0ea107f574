//! Tests of the rules next door.

use super::*;
use crate::identity::IncidentId;
use jiff::SignedDuration;

fn night() -> Timestamp {
    Timestamp::from_second(1_773_457_920).unwrap_or_default()
}

fn minutes(n: i64) -> Timestamp {
    night() + SignedDuration::from_mins(n)
}

fn incident() -> Incident {
    Incident {
        id: IncidentId::new(12),
        channel: "C1".into(),
        opened_at: night(),
        last_at: night(),
        course: Course::default(),
    }
}

fn p(severity: Severity) -> NamedSeverity {
    NamedSeverity {
        severity,
        name: None,
    }
}

/// The incident after a change at a minute, or why there is none.
fn after(incident: &Incident, change: &IncidentChange, minute: i64) -> Result<Incident, String> {
    let (course, facts) = incident
        .change(change, minutes(minute))
        .map_err(|refusal| refusal.draw(&crate::refusal::Plain))?;
    assert!(!facts.is_empty());
    Ok(Incident {
        course,
        ..incident.clone()
    })
}

fn status(status: IncidentStatus) -> IncidentChange {
    IncidentChange::Status {
        status,
        because: None,
    }
}

fn time(milestone: Milestone, minute: i64) -> IncidentChange {
    IncidentChange::Time {
        milestone,
        at: minutes(minute),
        because: "the graph shows it".into(),
    }
}

#[test]
fn the_status_goes_on_until_it_is_resolved() {
    let mut now = incident();
    for (n, next) in (1..).zip([
        IncidentStatus::Identified,
        IncidentStatus::Monitoring,
        IncidentStatus::Investigating,
        IncidentStatus::Resolved,
    ]) {
        now = after(&now, &status(next), n).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(now.course.status, next);
        assert_eq!(
            after(&now, &status(next), n),
            Err(format!("INC-12 is {next} already. Nothing was changed."))
        );
    }
    assert_eq!(now.course.times[&Milestone::Resolved], minutes(4));
    let back = after(&now, &status(IncidentStatus::Monitoring), 5);
    insta::assert_snapshot!(back.err().unwrap_or_default(), @"INC-12 is resolved. `/rollback incident reopen because …` reopens it. Nothing was changed.");
    let reopen = IncidentChange::Reopen {
        because: "it is back".into(),
    };
    let open = after(&now, &reopen, 6).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(open.course.status, IncidentStatus::Investigating);
    assert!(open.course.times.is_empty());
    assert_eq!(
        after(&open, &reopen, 7),
        Err("INC-12 is open. Nothing was changed.".into())
    );
}

#[test]
fn what_is_so_already_changes_nothing() {
    let declare = IncidentChange::Declare {
        severity: Some(p(Severity::P2)),
        because: None,
    };
    let declared = after(&incident(), &declare, 1).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(declared.course.severity, Some(p(Severity::P2)));
    let lead = IncidentChange::Assign {
        role: IncidentRole::Lead,
        person: Person::new("U0SAM", "sam"),
    };
    let led = after(&declared, &lead, 2).unwrap_or_else(|why| panic!("{why}"));
    let severity = IncidentChange::Severity {
        severity: p(Severity::P2),
        because: None,
    };
    for (change, told) in [
        (
            declare,
            "INC-12 is open in this channel already. `/rollback incident` shows it. Nothing was changed.",
        ),
        (lead, "INC-12 has that lead already. Nothing was changed."),
        (severity, "INC-12 is P2 already. Nothing was changed."),
    ] {
        assert_eq!(after(&led, &change, 3), Err(told.into()));
    }
}

#[test]
fn times_fit_to_each_other() {
    let mut now = incident();
    for (milestone, minute) in [
        (Milestone::Started, -20),
        (Milestone::Detected, -5),
        (Milestone::Reported, -8),
        (Milestone::Mitigated, 10),
        (Milestone::Resolved, 30),
        // What was said is corrected.
        (Milestone::Started, -10),
        (Milestone::Mitigated, 12),
    ] {
        now = after(&now, &time(milestone, minute), 40).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(now.course.times[&milestone], minutes(minute));
    }
    for (milestone, minute) in [
        (Milestone::Started, -7),
        (Milestone::Detected, -11),
        (Milestone::Reported, 31),
        (Milestone::Resolved, 11),
    ] {
        let refused = after(&now, &time(milestone, minute), 40);
        assert!(
            refused.is_err_and(|why| why.contains(" would be ")),
            "{milestone}"
        );
    }
    let future = after(&now, &time(Milestone::Resolved, 41), 40);
    insta::assert_snapshot!(future.err().unwrap_or_default(), @"2026-03-14 03:53:00 UTC is still to come. Check the times: `/rollback incident` shows them. Nothing was changed.");
}
