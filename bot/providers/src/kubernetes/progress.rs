//! Where a rollback is: by the template that the workload has, and by its rollout.

use super::{cluster::Read, update::Update};
use crate::json::text;
use rollback_domain::{
    platform::{Order, Production, Progress, Task},
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
    if let Some(update) = Update::of(workload)
        && let Some(progress) = updating(order, read, update)
    {
        return progress;
    }
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

/// Where a Rollout is that has the template of the target, or serves it again after an abort;
/// `None`: it does neither.
fn updating(order: &Order, read: &Read, update: Update<'_>) -> Option<Progress> {
    let Read {
        workload,
        revisions,
    } = read;
    let (name, to) = (&workload.name, &order.plan.to);
    let rollout = workload.rollout();
    let is_target = |hash: &str| revisions.release_with(hash).is_some_and(|id| to.is(id));
    let has_it = update.current().is_some_and(is_target);
    let is_live = revisions.live(workload).is_some_and(|live| to.is(live));
    if rollout.is_observed && update.is_aborted() && has_it {
        return Some(Progress::Failed {
            why: format!(
                "the update of {name} to {} was aborted: {}. Look with kubectl argo rollouts get rollout {} at why, then ask for a new plan.",
                to.label(),
                update.clause(),
                workload.plain_name()
            ),
            production: Production::AsBefore,
        });
    }
    if !is_live {
        return None;
    }
    let serving = |is_served: bool, said: String| Progress::Serving {
        surfaces: vec![Surface {
            name: name.clone(),
            live: is_served.then(|| to.id.clone()),
        }],
        pin: Pin::NotNeeded,
        said,
    };
    if !rollout.is_observed {
        return Some(serving(false, rollout.clause()));
    }
    // What the update to the bad release was found to be is not about this one.
    let is_stale = rollout.deadline.as_deref() == text(&order.memory, "deadline");
    if rollout.deadline.is_some() && !is_stale && !update.serves(&rollout, is_target) {
        return Some(Progress::Failed {
            why: format!(
                "the update of {name} made no progress within its deadline (ProgressDeadlineExceeded): {}. Look with kubectl argo rollouts get rollout {} at why its pods do not become ready.",
                update.clause(),
                workload.plain_name()
            ),
            production: Production::Changed,
        });
    }
    Some(match update.waits_for_people() {
        Some(said) if !update.is_aborted() => Progress::PeopleNeeded {
            tasks: vec![Task {
                id: "promote".into(),
                text: format!(
                    "Promote {name} to {}, or all of its steps at once: kubectl argo rollouts promote {} --full.",
                    to.label(),
                    workload.plain_name()
                ),
                link: None,
                role: None,
                needs_note: false,
                signed: None,
            }],
            said,
        },
        Some(_) | None => serving(update.serves(&rollout, is_target), update.clause()),
    })
}
