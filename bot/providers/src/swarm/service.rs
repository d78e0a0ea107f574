//! A service as a manager of the swarm shows it: its spec, the one before, and its last update.

use super::template::Template;
use crate::json::{text, written_moment};
use jiff::Timestamp;
use rollback_http::{cut, one_line};
use serde_json::Value;
use std::time::Duration;

/// How long Swarm watches a task when the service does not say it.
const MONITOR: Duration = Duration::from_secs(5);
/// How long a task normally needs to be replaced, besides being watched.
const REPLACE: Duration = Duration::from_secs(30);
/// The label with the name of the stack that a service was deployed by.
const STACK: &str = "com.docker.stack.namespace";

/// A service.
#[derive(Clone, Debug)]
pub(super) struct Service(pub(super) Value);

/// How many tasks a service has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// So many.
    Replicated(u64),
    /// One on each node.
    Global,
    /// Tasks that run to their end.
    Job,
}

/// What Swarm does when tasks of a new spec fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnFailure {
    /// It stops where it is.
    Pause,
    /// It goes on with the next task.
    Continue,
    /// It goes back by itself.
    Rollback,
}

/// The last update of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) state: UpdateState,
    /// When it began, as Swarm writes it. Going back by itself does not change it.
    pub(super) started_at: String,
    /// What Swarm says of it, on one line.
    pub(super) message: String,
}

/// Where an update is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UpdateState {
    Updating,
    Paused,
    Completed,
    RollbackStarted,
    RollbackPaused,
    RollbackCompleted,
    /// One that has no name here yet.
    Unknown(String),
}

impl UpdateState {
    fn read(written: &str) -> Self {
        match written {
            "updating" => UpdateState::Updating,
            "paused" => UpdateState::Paused,
            "completed" => UpdateState::Completed,
            "rollback_started" => UpdateState::RollbackStarted,
            "rollback_paused" => UpdateState::RollbackPaused,
            "rollback_completed" => UpdateState::RollbackCompleted,
            other => UpdateState::Unknown(cut(&one_line(other), 40)),
        }
    }
}

impl Service {
    fn spec(&self) -> &Value {
        &self.0["Spec"]
    }

    pub(super) fn id(&self) -> &str {
        text(&self.0, "ID").unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        text(self.spec(), "Name").unwrap_or_default()
    }

    /// The number of its last change, which the next one has to name.
    pub(super) fn version(&self) -> u64 {
        self.0["Version"]["Index"].as_u64().unwrap_or_default()
    }

    /// What its tasks are to be made of.
    pub(super) fn template(&self) -> Template<'_> {
        Template(&self.spec()["TaskTemplate"])
    }

    /// What they were made of before its last change; `None`: Swarm does not keep it, because that
    /// was the first one, or it went back by itself.
    pub(super) fn previous(&self) -> Option<Template<'_>> {
        let template = self.0.get("PreviousSpec")?.get("TaskTemplate")?;
        template.is_object().then_some(Template(template))
    }

    /// All of its spec, with tasks that are made of this.
    pub(super) fn spec_with(&self, template: Template<'_>) -> Value {
        let mut spec = self.spec().clone();
        spec["TaskTemplate"] = template.0.clone();
        spec
    }

    /// Whether another one has the same spec.
    pub(super) fn has_spec_of(&self, other: &Service) -> bool {
        self.spec() == other.spec()
    }

    /// Its last update; `None`: nothing was updated since it was created or only scaled.
    pub(super) fn update(&self) -> Option<Update> {
        let update = &self.0["UpdateStatus"];
        let state = UpdateState::read(text(update, "State")?);
        Some(Update {
            state,
            started_at: text(update, "StartedAt").unwrap_or_default().to_owned(),
            message: cut(&one_line(text(update, "Message").unwrap_or_default()), 200),
        })
    }

    /// When its last update began, as Swarm writes it.
    pub(super) fn update_began(&self) -> Option<String> {
        self.update().map(|update| update.started_at)
    }

    /// When it went back by itself to what it is to run now; `None`: it did not, or somebody has
    /// changed it since. Who goes back by hand leaves the other spec as the previous one.
    pub(super) fn went_back_by_itself(&self) -> Option<Timestamp> {
        let has_gone_back = self
            .update()
            .is_some_and(|update| update.state == UpdateState::RollbackCompleted);
        match has_gone_back && self.previous().is_none() {
            true => written_moment(&self.0["UpdateStatus"], "CompletedAt"),
            false => None,
        }
    }

    pub(super) fn mode(&self) -> Mode {
        let mode = &self.spec()["Mode"];
        if let Some(replicated) = mode.get("Replicated") {
            return Mode::Replicated(replicated["Replicas"].as_u64().unwrap_or(1));
        }
        match mode.get("Global").is_some() {
            true => Mode::Global,
            false => Mode::Job,
        }
    }

    /// The stack that it was deployed by.
    pub(super) fn stack(&self) -> Option<String> {
        let stack = text(&self.spec()["Labels"], STACK)?;
        Some(cut(&one_line(stack), 80))
    }

    fn update_config(&self) -> &Value {
        &self.spec()["UpdateConfig"]
    }

    pub(super) fn on_failure(&self) -> OnFailure {
        match text(self.update_config(), "FailureAction") {
            Some("continue") => OnFailure::Continue,
            Some("rollback") => OnFailure::Rollback,
            Some(_) | None => OnFailure::Pause,
        }
    }

    /// Whether a task ends before the one that replaces it starts.
    pub(super) fn stops_first(&self) -> bool {
        text(self.update_config(), "Order") != Some("start-first")
    }

    /// How long Swarm watches each new task.
    pub(super) fn monitor(&self) -> Duration {
        let nanos = self.update_config()["Monitor"].as_u64();
        match nanos.filter(|nanos| *nanos > 0) {
            Some(nanos) => Duration::from_nanos(nanos),
            None => MONITOR,
        }
    }

    /// How long replacing so many tasks normally takes.
    pub(super) fn update_takes(&self, tasks: u64) -> Duration {
        let config = self.update_config();
        let at_once = match config["Parallelism"].as_u64() {
            Some(0) => tasks.max(1),
            Some(count) => count,
            None => 1,
        };
        let delay = Duration::from_nanos(config["Delay"].as_u64().unwrap_or(0));
        let rounds = u32::try_from(tasks.div_ceil(at_once)).unwrap_or(u32::MAX);
        (delay.saturating_add(self.monitor()).saturating_add(REPLACE)).saturating_mul(rounds)
    }

    /// Why another spec would do nothing, or something else, as a sentence; `None`: it would.
    pub(super) fn refusal(&self) -> Option<String> {
        let name = self.name();
        if !self.template().is_container() {
            return Some(format!(
                "The tasks of {name} are no containers, and only those can be taken back. Change it by hand with docker service update."
            ));
        }
        match self.mode() {
            Mode::Job => Some(format!(
                "The service {name} is a job, which runs to its end: with another spec Swarm would run it once more. Change it by hand with docker service update."
            )),
            Mode::Replicated(0) => Some(format!(
                "The service {name} runs no tasks (it is scaled to 0), so going back would show nothing. Scale it up with docker service scale {name}=1, then ask again."
            )),
            Mode::Replicated(_) | Mode::Global => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(spec: Value) -> Service {
        Service(json!({ "ID": "s1", "Version": { "Index": 12 }, "Spec": spec }))
    }

    #[test]
    fn nothing_of_a_spec_is_lost_but_what_its_tasks_are_made_of() {
        let spec = json!({
            "Name": "shop",
            "Labels": { "team": "web" },
            "TaskTemplate": { "ContainerSpec": { "Image": "shop:v2" } },
            "Mode": { "Replicated": { "Replicas": 3 } },
            "UpdateConfig": { "Parallelism": 2 },
            "EndpointSpec": { "Ports": [{ "TargetPort": 80 }] },
            "SomethingNew": { "of": "a later version" },
        });
        let earlier = json!({ "ContainerSpec": { "Image": "shop:v1", "Env": ["A=1"] } });
        let mut expected = spec.clone();
        expected["TaskTemplate"] = earlier.clone();
        assert_eq!(service(spec).spec_with(Template(&earlier)), expected);
    }

    #[test]
    fn a_service_whose_tasks_nobody_sees_is_refused() {
        let container = json!({ "ContainerSpec": { "Image": "shop:v1" } });
        for (mode, template, part) in [
            (
                json!({ "Replicated": { "Replicas": 0 } }),
                &container,
                Some("docker service scale shop=1"),
            ),
            (json!({ "ReplicatedJob": {} }), &container, Some("is a job")),
            (json!({ "GlobalJob": {} }), &container, Some("is a job")),
            (
                json!({ "Global": {} }),
                &json!({ "PluginSpec": {} }),
                Some("no containers"),
            ),
            (json!({ "Global": {} }), &container, None),
            (json!({ "Replicated": {} }), &container, None),
        ] {
            let spec = json!({ "Name": "shop", "Mode": mode, "TaskTemplate": template });
            let refusal = service(spec).refusal();
            match part {
                None => assert_eq!(refusal, None),
                Some(part) => assert!(refusal.as_ref().unwrap().contains(part), "{refusal:?}"),
            }
        }
    }

    #[test]
    fn an_update_takes_as_long_as_its_rounds() {
        let second = 1_000_000_000_u64;
        let mut spec = json!({ "UpdateConfig": { "Parallelism": 2, "Delay": 10 * second, "Monitor": 20 * second } });
        let takes = |spec: &Value| service(spec.clone()).update_takes(5).as_secs();
        assert_eq!(takes(&spec), 3 * 60);
        spec["UpdateConfig"]["Parallelism"] = json!(0);
        assert_eq!(takes(&spec), 60);
        assert_eq!(takes(&json!({})), 5 * 35);
    }
}
