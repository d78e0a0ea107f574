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

fn rules() -> CourseRules {
    CourseRules {
        mitigate_within: BTreeMap::from([
            (Severity::P1, Duration::from_secs(15 * 60)),
            (Severity::P2, Duration::from_secs(60 * 60)),
        ]),
        reference_to_resolve: false,
    }
}

/// The incident after a change at a minute, or why there is none.
fn after(incident: &Incident, change: &IncidentChange, minute: i64) -> Result<Incident, String> {
    let (course, facts) = incident
        .change(change, &rules(), minutes(minute))
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

#[test]
fn an_incident_is_to_be_mitigated_as_soon_as_its_severity_wants() {
    let severity = |severity| IncidentChange::Severity {
        severity: p(severity),
        because: None,
    };
    let due = |incident: &Incident| incident.course.mitigate_by;
    let p2 = after(&incident(), &severity(Severity::P2), 0).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(due(&p2), Some(minutes(60)));
    // It counts from when it became so severe, and goes on where something else changes.
    let next = |before: &Incident, change: &IncidentChange, minute| {
        after(before, change, minute).unwrap_or_else(|why| panic!("{why}"))
    };
    let p1 = next(&p2, &severity(Severity::P1), 20);
    assert_eq!(due(&p1), Some(minutes(35)));
    let identified = next(&p1, &status(IncidentStatus::Identified), 25);
    assert_eq!(due(&identified), Some(minutes(35)));
    let p3 = next(&p1, &severity(Severity::P3), 25);
    assert_eq!(due(&p3), None);
    for change in [
        time(Milestone::Mitigated, 24),
        status(IncidentStatus::Monitoring),
        status(IncidentStatus::Resolved),
    ] {
        assert_eq!(due(&next(&identified, &change, 30)), None, "{change:?}");
    }
    let resolved = next(&p1, &status(IncidentStatus::Resolved), 30);
    let because = "it is back".to_owned();
    let reopened = next(&resolved, &IncidentChange::Reopen { because }, 40);
    assert_eq!(due(&reopened), Some(minutes(55)));
}

#[test]
fn it_is_linked_to_what_it_is_called_elsewhere() {
    let link = |reference: String| IncidentChange::Link { reference };
    let unlink = |reference: &str| IncidentChange::Unlink {
        reference: reference.into(),
    };
    let wants_one = CourseRules {
        reference_to_resolve: true,
        ..rules()
    };
    let resolve = status(IncidentStatus::Resolved);
    let refused = incident().change(&resolve, &wants_one, minutes(1));
    assert!(matches!(refused, Err(Refusal::NoReference { .. })));
    let mut linked = incident();
    for n in 1..=REFERENCES_AT_MOST {
        linked =
            after(&linked, &link(format!("SHOP-{n}")), 1).unwrap_or_else(|why| panic!("{why}"));
    }
    assert!(linked.change(&resolve, &wants_one, minutes(2)).is_ok());
    let why = |change: &IncidentChange| after(&linked, change, 2).err().unwrap_or_default();
    insta::assert_snapshot!(why(&link("SHOP-3".into())), @"INC-12 is linked to SHOP-3 already. Nothing was changed.");
    insta::assert_snapshot!(why(&link("SHOP-11".into())), @"INC-12 has 10 references already: take one back with `/rollback incident unlink …`. Nothing was changed.");
    insta::assert_snapshot!(why(&unlink("SHOP-11")), @"INC-12 is not linked to SHOP-11. Nothing was changed.");
    let unlinked = after(&linked, &unlink("SHOP-3"), 2).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(unlinked.course.references.len(), REFERENCES_AT_MOST - 1);
}

#[test]
fn it_goes_on_only_in_a_channel_where_it_is_the_latest() {
    let there = |id, course| Incident {
        id: IncidentId::new(id),
        channel: "C2".into(),
        course,
        ..incident()
    };
    let resolved = || Course {
        status: IncidentStatus::Resolved,
        ..Course::default()
    };
    let why = |there: &Incident| {
        let refusal = incident().why_not_beside(there, minutes(1));
        refusal.map(|refusal| refusal.draw(&crate::refusal::Plain))
    };
    insta::assert_snapshot!(why(&there(3, Course::default())).unwrap_or_default(), @"INC-12 cannot go there, because INC-3 is open in that channel: resolve it first, or choose another channel. Nothing was changed.");
    insta::assert_snapshot!(why(&there(13, resolved())).unwrap_or_default(), @"INC-12 cannot go there, because INC-13 came after it in that channel: choose a channel of its own. Nothing was changed.");
    assert_eq!(why(&there(3, resolved())), None);
    let here = IncidentChange::Move { to: "C1".into() };
    insta::assert_snapshot!(after(&incident(), &here, 1).err().unwrap_or_default(), @"INC-12 is in this channel already. Nothing was changed.");
}
