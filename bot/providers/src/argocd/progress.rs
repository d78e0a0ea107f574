//! Where a rollback is, by its own sync, by the history and by the health of the application.

use super::application::{Application, Operation, Phase, after_colon};
use crate::json::text;
use rollback_domain::{
    platform::{Order, Production, Progress},
    release::Surface,
};

/// The sync that this rollback made: one to its target that was not there when it was planned.
fn own(order: &Order, app: &Application) -> Option<Operation> {
    let before = text(&order.memory, "operation");
    app.operation().filter(|operation| {
        let content = operation.content.as_deref();
        let is_new = operation.started.is_none() || operation.started.as_deref() != before;
        is_new && content.is_some_and(|content| order.plan.to.is(content))
    })
}

/// Reads where a rollback is. `waits` is whether it serves only when the application is healthy.
pub(super) fn progress(order: &Order, app: &Application, waits: bool) -> Progress {
    let plan = &order.plan;
    let history = app.history();
    let live = history.live();
    let is_target = live.is_some_and(|live| plan.to.is(live));
    let serving = |live: Option<&str>, said: String| Progress::Serving {
        surfaces: vec![Surface {
            name: app.name.clone(),
            live: live.map(str::to_owned),
        }],
        pin: app.pin(),
        said,
    };
    let own = own(order, app);
    let name = &app.name;
    match own {
        Some(Operation {
            phase: Phase::UnderWay(word),
            message,
            ..
        }) => serving(
            live.filter(|_| !is_target),
            format!("the sync of {name} is {word}{}", after_colon(&message)),
        ),
        Some(
            ref operation @ Operation {
                phase: Phase::Failed,
                ..
            },
        ) => failed(operation, app),
        Some(Operation {
            phase: Phase::Succeeded,
            ..
        })
        | None
            if is_target =>
        {
            synced(order, app, waits)
        }
        Some(Operation {
            phase: Phase::Succeeded,
            ..
        }) if !is_replaced(order, app) => serving(
            live,
            format!("{name} is synced, and its history does not have it yet"),
        ),
        Some(_) | None => not_there(order, app),
    }
}

/// Whether the history has a sync of this rollback, and a newer one after it; or one to something
/// else than what served when it was planned.
fn is_replaced(order: &Order, app: &Application) -> bool {
    let history = app.history();
    let before = order.memory["newest"].as_i64();
    let is_newer = history.newest() > before;
    let is_from = |live: &str| {
        let from = order.plan.from.as_ref();
        from.is_some_and(|from| from.is(live))
    };
    let own = history.entry_of(&order.plan.to);
    let was_synced = own.is_some_and(|own| Some(own.id) > before);
    is_newer && (was_synced || !history.live().is_some_and(is_from))
}

/// Something else than the target was synced last, and no sync to the target is under way.
fn not_there(order: &Order, app: &Application) -> Progress {
    let history = app.history();
    let (name, to) = (&app.name, order.plan.to.label());
    let from = order.plan.from.as_ref();
    let from_label = from.map_or("what served before", |from| from.label());
    let is_from = history
        .live()
        .is_some_and(|live| from.is_some_and(|from| from.is(live)));
    if is_replaced(order, app) {
        return Progress::Failed {
            why: format!(
                "{name} was synced to something else after the rollback: {} serves. Find out who synced it (argocd app history {name}), then ask for a new plan.",
                match is_from {
                    true => from_label.to_owned(),
                    false => history
                        .newest()
                        .map_or("something else".into(), |id| format!("sync {id}")),
                }
            ),
            production: match is_from {
                true => Production::AsBefore,
                false => Production::Changed,
            },
        };
    }
    match order.memory["accepted"].is_i64() {
        true => Progress::Serving {
            surfaces: vec![Surface {
                name: name.clone(),
                live: history.live().map(str::to_owned),
            }],
            pin: app.pin(),
            said: "Argo CD does not show its sync yet".into(),
        },
        false => Progress::NotAsked {
            why: format!(
                "Argo CD shows no sync of {name} to {to}, and {from_label} was synced last"
            ),
        },
    }
}

/// The sync of this rollback failed.
fn failed(operation: &Operation, app: &Application) -> Progress {
    let name = &app.name;
    Progress::Failed {
        why: format!(
            "the sync of {name} failed{}. Look with argocd app get {name} at what is wrong, then ask for a new plan.",
            after_colon(&operation.message)
        ),
        production: match operation.has_applied {
            true => Production::Unknown,
            false => Production::AsBefore,
        },
    }
}

/// The target was synced last: is the application up?
fn synced(order: &Order, app: &Application, waits: bool) -> Progress {
    let to = &order.plan.to;
    let (serves, said) = match app.health() {
        None => (
            false,
            "it is synced, and its health was not read since".to_owned(),
        ),
        Some((health, words)) => (
            health == "Healthy",
            format!("it is synced and {health}{}", after_colon(&words)),
        ),
    };
    Progress::Serving {
        surfaces: vec![Surface {
            name: app.name.clone(),
            live: (serves || !waits).then(|| to.id.clone()),
        }],
        pin: app.pin(),
        said,
    }
}
