//! Where a rollback is: by the template that the workload has, and by its rollout.

use super::cluster::Read;
use crate::json::text;
use rollback_domain::{
    platform::{Order, Production, Progress},
    release::{Pin, Surface},
};

/// Reads where a rollback is.
pub(super) fn progress(order: &Order, read: &Read) -> Progress {
    let Read {
        workload,
        revisions,
    } = read;
    let to = &order.plan.to;
    let live = revisions.live(workload);
    if live.is_some_and(|live| to.is(live)) {
        return rolling(order, read);
    }
    let served_before = |live: &str| {
        let from = order.plan.from.as_ref();
        from.is_some_and(|from| from.is(live))
    };
    let was_accepted = text(&order.memory, "accepted").is_some();
    let name = &workload.name;
    match live {
        None => Progress::Serving {
            surfaces: vec![Surface {
                name: name.clone(),
                live: None,
            }],
            pin: Pin::NotNeeded,
            said: format!("{name} has a template that Kubernetes has not kept yet"),
        },
        Some(live) if served_before(live) && !was_accepted => Progress::NotAsked {
            why: format!("{name} still has the template of {}", from_label(order)),
        },
        Some(live) => Progress::Failed {
            why: format!(
                "somebody or something gave {name} another template after the rollback: it is to run {live} now. Find out what deployed (kubectl rollout history {name}), then ask for a new plan."
            ),
            production: match served_before(live) {
                true => Production::AsBefore,
                false => Production::Changed,
            },
        },
    }
}

/// How people call what served before.
fn from_label(order: &Order) -> &str {
    let from = order.plan.from.as_ref();
    from.map_or("what served before", |from| from.label())
}

/// The workload has the template of the target: how many of its pods serve it?
fn rolling(order: &Order, read: &Read) -> Progress {
    let workload = &read.workload;
    let (name, to) = (&workload.name, &order.plan.to);
    let rollout = workload.rollout();
    let surfaces = rollout.surfaces(name, &to.id);
    // What the rollout of the bad release was found to be is not about this one.
    let is_stale = rollout.deadline.as_deref() == text(&order.memory, "deadline");
    if rollout.deadline.is_none() || is_stale || !rollout.is_observed || rollout.is_complete() {
        return Progress::Serving {
            surfaces,
            pin: Pin::NotNeeded,
            said: rollout.clause(),
        };
    }
    let failed: Vec<String> = surfaces
        .iter()
        .filter(|surface| surface.live.is_none())
        .map(|surface| surface.name.clone())
        .collect();
    match failed.len() < surfaces.len() {
        true => Progress::Partial { surfaces, failed },
        false => Progress::Failed {
            why: format!(
                "the rollout of {name} made no progress within its deadline (ProgressDeadlineExceeded): {}. Look with kubectl describe {name} at why its pods do not become ready.",
                rollout.clause()
            ),
            production: Production::Changed,
        },
    }
}
