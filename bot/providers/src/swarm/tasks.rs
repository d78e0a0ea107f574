//! The tasks of a service: how many of them certainly serve what they are to be made of.

use super::{
    service::{Mode, Service, UpdateState},
    template::Template,
};
use crate::json::{text, written_moment};
use jiff::Timestamp;
use rollback_domain::release::Surface;
use rollback_http::{cut, one_line};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How many tasks are told apart. Of more, only the service as a whole is a surface.
const TASKS_AT_MOST: usize = 300;

/// A task, as a manager lists it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task<'a>(&'a Value);

impl<'a> Task<'a> {
    pub(super) fn template(&self) -> Template<'a> {
        Template(&self.0["Spec"])
    }

    /// The place that it fills: a number, or a node where there is one on each.
    fn place(&self, mode: Mode) -> String {
        match mode {
            Mode::Global => text(self.0, "NodeID").unwrap_or_default().to_owned(),
            Mode::Replicated(_) | Mode::Job => self.0["Slot"].to_string(),
        }
    }

    fn state(&self) -> &'a str {
        text(&self.0["Status"], "State").unwrap_or_default()
    }

    fn is_running(&self) -> bool {
        self.state() == "running"
    }

    /// Whether Swarm wants it to run.
    fn is_wanted(&self) -> bool {
        matches!(text(self.0, "DesiredState"), Some("ready" | "running"))
    }

    /// Since when it is in its state.
    fn since(&self) -> Option<Timestamp> {
        written_moment(&self.0["Status"], "Timestamp")
    }

    pub(super) fn created_at(&self) -> Option<Timestamp> {
        written_moment(self.0, "CreatedAt")
    }

    /// Whether it runs, or ran until it was told to end.
    pub(super) fn has_run(&self) -> bool {
        let has_container = text(&self.0["Status"]["ContainerStatus"], "ContainerID").is_some();
        has_container && matches!(self.state(), "running" | "shutdown" | "complete" | "remove")
    }

    /// Whether it could not even be started.
    pub(super) fn is_rejected(&self) -> bool {
        self.state() == "rejected"
    }

    /// Why it does not run, as Swarm says it, on one line; `None`: nothing went wrong.
    pub(super) fn error(&self) -> Option<String> {
        let error = text(&self.0["Status"], "Err")?;
        let error = cut(&one_line(error), 160);
        matches!(self.state(), "failed" | "rejected").then_some(error)
    }
}

/// The tasks of a list.
pub(super) fn tasks(listed: &Value) -> impl Iterator<Item = Task<'_>> {
    listed.as_array().into_iter().flatten().map(Task)
}

/// How many tasks serve one thing, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) serving: usize,
    pub(super) all: usize,
}

impl Count {
    /// Counts those that certainly serve what has this id, at this time on the manager's clock: they
    /// run, nothing else runs in their places, and while Swarm updates, they have run for as long as
    /// it watches them.
    pub(super) fn of(service: &Service, listed: &Value, id: &str, now: Option<Timestamp>) -> Self {
        let mode = service.mode();
        let places = places(mode, listed);
        let is_watched = service.update().is_some_and(|update| match update.state {
            UpdateState::Updating | UpdateState::RollbackStarted | UpdateState::Unknown(_) => true,
            UpdateState::Paused
            | UpdateState::Completed
            | UpdateState::RollbackPaused
            | UpdateState::RollbackCompleted => false,
        });
        let has_lasted = |task: &Task<'_>| match (is_watched, now, task.since()) {
            (false, _, _) => true,
            (true, Some(now), Some(since)) => now >= since + service.monitor(),
            (true, _, _) => false,
        };
        let mut running: BTreeMap<String, Vec<Task<'_>>> = BTreeMap::new();
        for task in tasks(listed).filter(Task::is_running) {
            running.entry(task.place(mode)).or_default().push(task);
        }
        let serves = |place: &&String| {
            running.get(*place).is_some_and(|tasks| {
                let mut tasks = tasks.iter();
                tasks.all(|task| task.template().id() == id && has_lasted(task))
            })
        };
        Self {
            serving: places.iter().filter(serves).count(),
            all: places.len(),
        }
    }

    /// Every task as a surface: those that serve, then those of which that is not known. `name` is
    /// that of the service.
    pub(super) fn surfaces(&self, name: &str, id: &str) -> Vec<Surface> {
        let live = |serves: bool| serves.then(|| id.to_owned());
        if self.all == 0 || self.all > TASKS_AT_MOST {
            return vec![Surface {
                name: name.to_owned(),
                live: live(self.all > 0 && self.serving == self.all),
            }];
        }
        (1..=self.all)
            .map(|task| Surface {
                name: format!("task {task}"),
                live: live(task <= self.serving),
            })
            .collect()
    }
}

/// The places that tasks fill.
fn places(mode: Mode, listed: &Value) -> BTreeSet<String> {
    match mode {
        Mode::Replicated(replicas) => (1..=replicas).map(|slot| slot.to_string()).collect(),
        Mode::Global => tasks(listed)
            .filter(|task| task.is_wanted())
            .map(|task| task.place(mode))
            .collect(),
        Mode::Job => BTreeSet::new(),
    }
}

/// What went wrong with the newest task of this id that failed, on one line.
pub(super) fn last_error(listed: &Value, id: &str) -> Option<String> {
    let failed = tasks(listed).filter(|task| task.error().is_some() && task.template().id() == id);
    failed.max_by_key(Task::created_at)?.error()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(mode: Value, state: Option<&str>) -> Service {
        Service(json!({
            "Spec": { "Mode": mode, "UpdateConfig": { "Monitor": 10_000_000_000_u64 } },
            "UpdateStatus": state.map(|state| json!({ "State": state })),
        }))
    }

    fn task(slot: u64, image: &str, state: &str, wanted: &str) -> Value {
        json!({
            "Slot": slot,
            "NodeID": format!("n{slot}"),
            "DesiredState": wanted,
            "CreatedAt": "2026-03-14T03:00:00Z",
            "Status": { "State": state, "Timestamp": "2026-03-14T03:00:05Z" },
            "Spec": { "ContainerSpec": { "Image": image } },
        })
    }

    fn count(service: &Service, listed: &Value, now: &str) -> (usize, usize) {
        let id = Template(&json!({ "ContainerSpec": { "Image": "shop:v1" } })).id();
        let count = Count::of(service, listed, &id, now.parse().ok());
        (count.serving, count.all)
    }

    const LATER: &str = "2026-03-14T03:01:00Z";

    #[test]
    fn a_place_serves_when_nothing_else_runs_there() {
        let listed = json!([
            task(1, "shop:v1", "running", "running"),
            task(1, "shop:v2", "shutdown", "shutdown"),
            task(2, "shop:v1", "running", "running"),
            task(2, "shop:v2", "running", "shutdown"),
            task(3, "shop:v1", "starting", "running"),
            task(4, "shop:v1", "rejected", "ready"),
            task(5, "shop:v1", "dreaming", "running"),
        ]);
        let replicated = service(
            json!({ "Replicated": { "Replicas": 6 } }),
            Some("completed"),
        );
        assert_eq!(count(&replicated, &listed, LATER), (1, 6));
        // One on each node that is to have one.
        let global = service(json!({ "Global": {} }), Some("completed"));
        assert_eq!(count(&global, &listed, LATER), (1, 5));
    }

    #[test]
    fn while_swarm_updates_a_task_counts_when_it_was_watched_long_enough() {
        let listed = json!([task(1, "shop:v1", "running", "running")]);
        let one = json!({ "Replicated": { "Replicas": 1 } });
        for (state, now, serving) in [
            (Some("updating"), "2026-03-14T03:00:14Z", 0),
            (Some("updating"), "2026-03-14T03:00:15Z", 1),
            (Some("rollback_started"), "2026-03-14T03:00:14Z", 0),
            (Some("dreaming"), "2026-03-14T03:00:14Z", 0),
            (Some("completed"), "2026-03-14T03:00:06Z", 1),
            (None, "2026-03-14T03:00:06Z", 1),
        ] {
            let service = service(one.clone(), state);
            assert_eq!(
                count(&service, &listed, now),
                (serving, 1),
                "{state:?} {now}"
            );
        }
    }

    #[test]
    fn many_tasks_are_one_surface() {
        let surfaces = |serving, all| Count { serving, all }.surfaces("shop", "v1");
        assert_eq!(surfaces(2, 3).len(), 3);
        let named = surfaces(300, 301);
        assert_eq!((named.len(), named[0].live.as_deref()), (1, None));
        assert_eq!(surfaces(301, 301)[0].live.as_deref(), Some("v1"));
        assert_eq!(surfaces(0, 0)[0].live, None);
    }
}
