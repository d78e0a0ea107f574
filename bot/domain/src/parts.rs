//! Where the time goes between the beginning of the trouble and the verdict.

use crate::{
    incident::{Incident, Milestone},
    rollback::Times,
};
use jiff::Timestamp;
use std::{collections::BTreeMap, time::Duration};
use strum::VariantArray;

/// A part of the time from the beginning of the trouble to the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, VariantArray)]
pub enum Part {
    /// Until somebody or something noticed it.
    Noticing,
    /// From there until somebody asked for the rollback.
    Deciding,
    /// Until the last approval.
    People,
    /// Until the platform served the target; reading it for the card included.
    Platform,
    /// Until the verdict.
    Proof,
}

impl Part {
    /// Every part, in the order of time.
    pub const ALL: &'static [Part] = Self::VARIANTS;

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Part::Noticing => "noticing",
            Part::Deciding => "deciding",
            Part::People => "waiting for people",
            Part::Platform => "the platform",
            Part::Proof => "proof",
        }
    }

    /// Its name in one word, for a class of a page.
    pub fn key(self) -> &'static str {
        match self {
            Part::Noticing => "noticing",
            Part::Deciding => "deciding",
            Part::People => "people",
            Part::Platform => "platform",
            Part::Proof => "proof",
        }
    }
}

/// How long each part of a rollback took, as far as that is known. `incident` is the one that it
/// belongs to.
pub fn parts(times: &Times, incident: Option<&Incident>) -> BTreeMap<Part, Duration> {
    let noticed = incident.and_then(|incident| noticed(incident, times));
    let started = incident.and_then(|incident| milestone(incident, Milestone::Started));
    let reading = between(times.commanded, times.proposed).unwrap_or_default();
    let each = [
        (Part::Noticing, between(started, noticed)),
        (Part::Deciding, between(noticed, times.commanded)),
        (Part::People, between(times.proposed, times.approved)),
        (
            Part::Platform,
            between(times.approved, times.serving).map(|served| served + reading),
        ),
        (Part::Proof, between(times.serving, times.proven)),
    ];
    let known = each.into_iter();
    known
        .filter_map(|(part, took)| Some((part, took?)))
        .collect()
}

/// When an incident was noticed: as somebody says it, else when it was opened before the rollback was
/// asked for. One that the rollback itself opened says nothing.
pub fn noticed(incident: &Incident, times: &Times) -> Option<Timestamp> {
    let named = milestone(incident, Milestone::Detected);
    let named = named.or_else(|| milestone(incident, Milestone::Reported));
    let opened = Some(incident.opened_at).filter(|opened| Some(*opened) < times.commanded);
    named.or(opened)
}

fn milestone(incident: &Incident, milestone: Milestone) -> Option<Timestamp> {
    incident.course.times.get(&milestone).copied()
}

/// From one moment to a later one; `None`: one is not known, or the later one came before.
fn between(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<Duration> {
    Duration::try_from(to?.duration_since(from?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{identity::IncidentId, incident::Course};

    fn at(text: &str) -> Timestamp {
        format!("2026-03-14T03:{text}Z").parse().expect(text)
    }

    fn times() -> Times {
        Times {
            commanded: Some(at("12:00")),
            proposed: Some(at("12:02")),
            approved: Some(at("14:02")),
            asked: Some(at("14:03")),
            accepted: Some(at("14:04")),
            serving: Some(at("14:22")),
            proven: Some(at("15:22")),
            ended: None,
        }
    }

    fn incident(opened: &str, named: &[(Milestone, &str)]) -> Incident {
        Incident {
            id: IncidentId::new(1),
            channel: "C1".into(),
            opened_at: at(opened),
            last_at: at(opened),
            course: Course {
                times: named.iter().map(|(one, text)| (*one, at(text))).collect(),
                ..Course::default()
            },
        }
    }

    fn spelled(incident: Option<&Incident>) -> Vec<(&'static str, u64)> {
        let parts = parts(&times(), incident);
        parts
            .iter()
            .map(|(part, took)| (part.key(), took.as_secs()))
            .collect()
    }

    #[test]
    fn the_time_is_split_as_far_as_it_is_known() {
        let known = [("people", 120), ("platform", 22), ("proof", 60)];
        assert_eq!(spelled(None), known);
        // An incident that the rollback opened was noticed at a moment that nobody has said.
        assert_eq!(spelled(Some(&incident("12:00", &[]))), known);
        assert_eq!(spelled(Some(&incident("10:00", &[])))[0], ("deciding", 120));
        let named = [
            (Milestone::Started, "02:00"),
            (Milestone::Reported, "07:00"),
        ];
        assert_eq!(
            spelled(Some(&incident("10:00", &named)))[..2],
            [("noticing", 300), ("deciding", 300)]
        );
    }
}
