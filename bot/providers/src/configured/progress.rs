//! Where a rollback is, by what serves and by what the platform says of the request.

use super::{PIN_STEP, Reading, settings::JOB};
use rollback_domain::{
    platform::{NextStep, Order, Production, Progress},
    release::{Candidate, Pin, Surface},
};
use serde_json::Value;

/// What was looked at.
pub(super) struct Look<'a> {
    /// The platform's name.
    pub(super) platform: &'a str,
    /// What the platform says of the request, and whether that means that it failed.
    pub(super) state: Option<(String, bool)>,
    /// Whether holding automatic deploys off is the plan's last step.
    pub(super) pins_last: bool,
    pub(super) reading: Reading,
}

/// Reads where a rollback is.
pub(super) fn progress(order: &Order, look: Look<'_>) -> Progress {
    let Look {
        platform,
        state,
        pins_last,
        reading,
    } = look;
    let Reading {
        mut surfaces,
        in_flight,
        candidates,
        pin,
        ..
    } = reading;
    let to = &order.plan.to;
    recognise_target(order, &mut surfaces);
    let on_target = |surface: &&Surface| surface.live.as_deref() == Some(to.id.as_str());
    let count = surfaces.iter().filter(on_target).count();
    let live = live_of(&surfaces, &candidates);
    let said = state.as_ref().map(|(said, _)| said.clone());
    let said = said.or_else(|| in_flight.clone());
    let said = said.unwrap_or_else(|| match count {
        0 => format!("{live} still serves"),
        _ => format!("{} serves", to.label()),
    });
    if count > 0 && count == surfaces.len() {
        let was_refused = order.memory.get("pin_refused").is_some();
        return match pins_last && pin != Pin::On && !was_refused {
            true => pin_ready(said),
            false => Progress::Serving {
                surfaces,
                pin,
                said,
            },
        };
    }
    let is_as_before = is_as_before(order, &surfaces);
    if let Some((why, true)) = state {
        return Progress::Failed {
            why: format!("{platform} says {why}"),
            production: match is_as_before {
                true => Production::AsBefore,
                false => Production::Unknown,
            },
        };
    }
    let was_accepted = order.memory.get("accepted").is_some();
    if is_as_before && !was_accepted && in_flight.is_none() {
        return Progress::NotAsked {
            why: format!("{platform} still serves {live}"),
        };
    }
    let elsewhere = elsewhere(order, &surfaces, &candidates);
    if let Some(elsewhere) = elsewhere.filter(|_| count == 0 && in_flight.is_none()) {
        return Progress::Failed {
            why: format!(
                "production was moved elsewhere since: {elsewhere} serves. Find out who deployed, then ask for a new plan."
            ),
            production: Production::Unknown,
        };
    }
    Progress::Serving {
        surfaces,
        pin,
        said,
    }
}

/// The target serves, and automatic deploys are to be held off.
fn pin_ready(said: String) -> Progress {
    Progress::StepReady {
        next: NextStep {
            number: PIN_STEP,
            name: "hold automatic deploys off".into(),
        },
        said,
        memory: Value::Null,
    }
}

/// Gives the target's own id to every surface that serves it. A copy that was not there yet when
/// the plan was drawn is known by the list of now, or is what the platform answered when it was
/// asked.
fn recognise_target(order: &Order, surfaces: &mut [Surface]) {
    let to = &order.plan.to;
    let job = order.memory.get(JOB).and_then(Value::as_str);
    for surface in surfaces {
        let is_target = |live: &str| to.is(live) || job == Some(live);
        if surface.live.as_deref().is_some_and(is_target) {
            surface.live = Some(to.id.clone());
        }
    }
}

/// A listed release that serves now, and neither did before nor is the target.
fn elsewhere(order: &Order, surfaces: &[Surface], candidates: &[Candidate]) -> Option<String> {
    surfaces.iter().find_map(|surface| {
        let live = surface.live.as_deref()?;
        let known = candidates.iter().find(|known| known.release.is(live))?;
        let mut before = order.plan.surfaces.iter();
        let was_there = before.any(|before| before.live.as_deref() == Some(live));
        let is_new = !was_there && !order.plan.to.is(live);
        is_new.then(|| known.release.label().to_owned())
    })
}

/// Whether every surface serves what it served when the plan was drawn.
fn is_as_before(order: &Order, now: &[Surface]) -> bool {
    let planned = &order.plan.surfaces;
    now.len() == planned.len()
        && now.iter().all(|surface| {
            planned
                .iter()
                .any(|before| before.name == surface.name && before.live == surface.live)
        })
}

/// What serves, as people call it.
fn live_of(surfaces: &[Surface], candidates: &[Candidate]) -> String {
    let label = |live: &str| {
        let known = candidates.iter().find(|known| known.release.is(live));
        known.map_or(live, |known| known.release.label()).to_owned()
    };
    let names = surfaces
        .iter()
        .filter_map(|surface| surface.live.as_deref());
    let mut names: Vec<String> = names.map(label).collect();
    names.dedup();
    match names.as_slice() {
        [] => "what it served before".to_owned(),
        names => names.join(", "),
    }
}
