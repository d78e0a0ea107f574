//! Where a rollback is: by what the service is to run, by what Swarm says of its update, and by its
//! tasks.

use super::{
    Read,
    service::{Update, UpdateState},
    tasks::{Count, last_error},
};
use crate::json::text;
use rollback_domain::{
    platform::{Order, Production, Progress},
    release::{Pin, Surface},
};

/// Reads where a rollback is.
pub(super) fn progress(order: &Order, read: &Read) -> Progress {
    let live = read.service.template().id();
    if order.plan.to.is(&live) {
        return going(order, read);
    }
    let served_before = order.plan.from.as_ref().is_some_and(|from| from.is(&live));
    if !served_before {
        return Progress::Failed {
            why: format!(
                "somebody gave {} another spec after the rollback: it is to run {} now. Find out who deployed, then ask for a new plan.",
                read.service.name(),
                read.label(&live)
            ),
            production: Production::Changed,
        };
    }
    let update = read.service.update();
    // An update that was there before the rollback says nothing of it.
    let update = update.filter(|update| Some(update.started_at.as_str()) != began(order));
    went_back(order, read, update.as_ref())
}

/// When the update began that was the last one before the rollback, as Swarm writes it.
fn began(order: &Order) -> Option<&str> {
    text(&order.memory, "update")
}

/// How many tasks serve the target, and as a clause.
fn count(order: &Order, read: &Read) -> (Count, Vec<Surface>, String) {
    let (service, to) = (&read.service, &order.plan.to);
    let count = Count::of(service, &read.tasks, &to.id, read.now);
    let mut clause = format!(
        "{} of {} tasks run {}",
        count.serving,
        count.all,
        to.label()
    );
    if let Some(error) = last_error(&read.tasks, &to.id) {
        clause.push_str(&format!(", one has failed: {error}"));
    }
    (count, count.surfaces(service.name(), &to.id), clause)
}

/// The service is to run the target.
fn going(order: &Order, read: &Read) -> Progress {
    let (count, surfaces, clause) = count(order, read);
    let serving = |surfaces, said| Progress::Serving {
        surfaces,
        pin: Pin::NotNeeded,
        said,
    };
    let Some(update) = read.service.update() else {
        return serving(surfaces, clause);
    };
    match update.state {
        UpdateState::Completed | UpdateState::RollbackCompleted => {
            serving(surfaces, format!("the update is completed: {clause}"))
        }
        UpdateState::Updating | UpdateState::RollbackStarted => {
            serving(surfaces, format!("Swarm updates: {clause}"))
        }
        UpdateState::Unknown(state) => serving(
            surfaces,
            format!("Swarm calls the update {state}: {clause}"),
        ),
        UpdateState::Paused | UpdateState::RollbackPaused => {
            let failed: Vec<String> = surfaces
                .iter()
                .filter(|surface| surface.live.is_none())
                .map(|surface| surface.name.clone())
                .collect();
            if failed.is_empty() {
                return serving(surfaces, format!("the update is paused: {clause}"));
            }
            if count.serving > 0 && failed.len() < surfaces.len() {
                return Progress::Partial { surfaces, failed };
            }
            let name = read.service.name();
            Progress::Failed {
                why: format!(
                    "Swarm has paused the update ({}): {clause}. Look with docker service ps --no-trunc {name} at why they do not run.",
                    update.message
                ),
                production: Production::Changed,
            }
        }
    }
}

/// The service is to run what it did before the rollback. `update` is one that began since.
fn went_back(order: &Order, read: &Read, update: Option<&Update>) -> Progress {
    let name = read.service.name();
    let from = order.plan.from.as_ref();
    let from = from.map_or("what served before", |from| from.label());
    let was_accepted = text(&order.memory, "accepted").is_some();
    let who = match read.service.previous() {
        None => "Swarm",
        // Swarm forgets the spec that it went back from by itself.
        Some(_) => "somebody",
    };
    let why = last_error(&read.tasks, &order.plan.to.id);
    let why = why.map_or(String::new(), |error| {
        format!(", after a task had failed: {error}")
    });
    match update.map(|update| &update.state) {
        Some(UpdateState::RollbackStarted) => {
            let (_, surfaces, _) = count(order, read);
            Progress::Serving {
                surfaces,
                pin: Pin::NotNeeded,
                said: format!("{who} takes {name} back to {from}{why}"),
            }
        }
        Some(UpdateState::RollbackPaused) => Progress::Failed {
            why: format!(
                "{who} began to take {name} back to {from}{why}, and Swarm has paused that. Look with docker service ps --no-trunc {name} at what runs."
            ),
            production: Production::Changed,
        },
        Some(UpdateState::RollbackCompleted) => Progress::Failed {
            why: format!("{who} has taken {name} back to {from}{why}"),
            production: Production::AsBefore,
        },
        Some(
            UpdateState::Updating
            | UpdateState::Paused
            | UpdateState::Completed
            | UpdateState::Unknown(_),
        )
        | None
            if was_accepted =>
        {
            Progress::Failed {
                why: format!(
                    "somebody gave {name} the spec of {from} again after the rollback. Find out who deployed, then ask for a new plan."
                ),
                production: Production::AsBefore,
            }
        }
        Some(
            UpdateState::Updating
            | UpdateState::Paused
            | UpdateState::Completed
            | UpdateState::Unknown(_),
        )
        | None => Progress::NotAsked {
            why: format!("{name} is still to run {from}"),
        },
    }
}
