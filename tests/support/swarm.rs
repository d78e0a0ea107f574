//! A small manager of a Docker swarm with one service: its spec and the one before, its versions,
//! its tasks and the states of its updates, in the shapes that a real one (Docker 20.10) shows.

use crate::api::{Answered, Api, Asked};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// What stands in the environment of every task, and is nobody's business.
pub const SECRET: &str = "task-secret-7b3e";
/// What the service is called.
pub const NAME: &str = "acme_shop";
/// Its id, and that of the swarm.
const ID: &str = "iiwkv6jt72khr3jzatux1z4de";
const CLUSTER: &str = "stj73u12q25llhvo346w1p25v";

/// What a clock shows.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the next update meets.
#[derive(Clone, Debug)]
pub enum Meets {
    /// This answer, and nothing is done.
    Answer(Answered),
    /// It is done, and the answer never arrives.
    DoneAndCut,
    /// Somebody else deploys this version at the same moment, and is first.
    Deploy(String),
    /// Swarm itself changes the service at the same moment.
    Count,
}

struct Inside {
    now: Now,
    service: Value,
    /// Oldest first.
    tasks: Vec<Value>,
    /// What the manager's node is: `active` and a manager, or not.
    node: (&'static str, bool),
    asked: usize,
    next: Option<Meets>,
    all: Option<Answered>,
    /// What is shown as the state of its update.
    shown: Option<&'static str>,
}

/// Where it listens, and what it holds.
#[derive(Clone)]
pub struct Swarm {
    api: Api,
    inside: Arc<Mutex<Inside>>,
}

/// The reference of an image: by its tag and its digest.
pub fn image(version: &str) -> String {
    let digits: String = version.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("registry.example.com/acme/shop:{version}@sha256:{digits:0<64}")
}

impl Swarm {
    /// Starts one whose service has two tasks of this version.
    pub async fn start(now: Now, version: &str) -> Swarm {
        let service = json!({
            "ID": ID,
            "Version": { "Index": 12 },
            "CreatedAt": now().to_string(),
            "Spec": {
                "Name": NAME,
                "Labels": {},
                "TaskTemplate": {
                    "ContainerSpec": {
                        "Image": image(version),
                        "Env": [format!("TOKEN={SECRET}")],
                        "Init": false,
                        "DNSConfig": {},
                        "Isolation": "default",
                    },
                    "Resources": { "Limits": {}, "Reservations": {} },
                    "Placement": {},
                    "ForceUpdate": 0,
                    "Runtime": "container",
                },
                "Mode": { "Replicated": { "Replicas": 2 } },
                "EndpointSpec": { "Mode": "vip", "Ports": [{ "TargetPort": 80, "PublishedPort": 8080 }] },
            },
        });
        let mut inside = Inside {
            now,
            service,
            tasks: vec![],
            node: ("active", true),
            asked: 0,
            next: None,
            all: None,
            shown: None,
        };
        inside.replace(2);
        let inside = Arc::new(Mutex::new(inside));
        let answering = inside.clone();
        let api = Api::start(move |asked| answering.lock().unwrap().answer(asked)).await;
        Swarm { api, inside }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inside) -> T) -> T {
        change(&mut self.inside.lock().unwrap())
    }

    /// Where it listens: `tcp://127.0.0.1:40000`.
    pub fn host(&self) -> String {
        self.api.url.replace("http://", "tcp://")
    }

    /// Its time is this one from now on.
    pub fn follows(&self, now: Now) {
        self.change(|inside| inside.now = now);
    }

    /// Somebody deploys this version, and all tasks run it at once.
    pub fn deploy(&self, version: &str) {
        self.change(|inside| {
            inside.deploy(version);
            inside.finish();
        });
    }

    /// Somebody deploys a version whose first task fails, and Swarm has done what the service says
    /// of that.
    pub fn deploy_failing(&self, version: &str, error: &str) {
        self.change(|inside| {
            inside.deploy(version);
            inside.fail(error);
            inside.finish();
        });
    }

    /// Somebody changes the spec, which counts as an update.
    pub fn edit(&self, edit: impl FnOnce(&mut Value)) {
        self.change(|inside| {
            let mut spec = inside.service["Spec"].clone();
            edit(&mut spec);
            inside.update(spec);
            inside.finish();
        });
    }

    /// Somebody takes it back by `docker service rollback`.
    pub fn rolled_back_by_hand(&self) {
        self.change(|inside| {
            let before = inside.service["PreviousSpec"].clone();
            inside.update(before);
            inside.set_state("rollback_started", "manually requested rollback");
            inside.finish();
        });
    }

    /// The next tasks, so many, run what the service is to run.
    pub fn replace(&self, count: usize) {
        self.change(|inside| inside.replace(count));
    }

    /// All tasks do, and the update is completed.
    pub fn finish(&self) {
        self.change(Inside::finish);
    }

    /// The next task does not start, and Swarm does what the service says of that.
    pub fn fail(&self, error: &str) {
        self.change(|inside| inside.fail(error));
    }

    /// It goes back by itself, and pauses in the midst of that.
    pub fn pause_going_back(&self) {
        self.change(|inside| inside.set_state("rollback_paused", "rollback paused"));
    }

    /// What the node is from now on: its state, and whether it is a manager.
    pub fn set_node(&self, state: &'static str, is_manager: bool) {
        self.change(|inside| inside.node = (state, is_manager));
    }

    /// What the next update meets.
    pub fn next_meets(&self, meets: Meets) {
        self.change(|inside| inside.next = Some(meets));
    }

    /// What every request meets; `None`: what it should.
    pub fn all_meet(&self, answer: Option<Answered>) {
        self.change(|inside| inside.all = answer);
    }

    /// What is shown as the state of its update; `None`: what it is.
    pub fn shows(&self, state: Option<&'static str>) {
        self.change(|inside| inside.shown = state);
    }

    /// The version that runs; `v1 and v2` while some tasks have another one.
    pub fn live(&self) -> String {
        self.change(|inside| {
            let running = inside.running();
            let mut versions: Vec<String> = running.map(|task| version_of(&task["Spec"])).collect();
            versions.sort();
            versions.dedup();
            versions.join(" and ")
        })
    }

    /// The spec of the service.
    pub fn spec(&self) -> Value {
        self.change(|inside| inside.service["Spec"].clone())
    }

    /// How many updates were asked for, done or not.
    pub fn asked(&self) -> usize {
        self.change(|inside| inside.asked)
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Asked> {
        self.api.asked()
    }

    /// The most bytes of one answer that were taken.
    pub fn most_sent(&self) -> usize {
        self.api.most_sent()
    }
}

fn version_of(template: &Value) -> String {
    let image = template["ContainerSpec"]["Image"].as_str().unwrap();
    let tagged = image.split('@').next().unwrap();
    tagged.rsplit(':').next().unwrap().to_owned()
}

impl Inside {
    fn running(&self) -> impl Iterator<Item = &Value> {
        let tasks = self.tasks.iter();
        tasks.filter(|task| task["Status"]["State"] == "running")
    }

    fn replicas(&self) -> u64 {
        let replicated = &self.service["Spec"]["Mode"]["Replicated"];
        replicated["Replicas"].as_u64().unwrap_or(2)
    }

    fn deploy(&mut self, version: &str) {
        let mut spec = self.service["Spec"].clone();
        spec["TaskTemplate"]["ContainerSpec"]["Image"] = json!(image(version));
        self.update(spec);
    }

    fn count(&mut self) {
        let index = self.service["Version"]["Index"].as_u64().unwrap();
        self.service["Version"]["Index"] = json!(index + 1);
    }

    fn update(&mut self, spec: Value) {
        self.count();
        self.service["PreviousSpec"] = self.service["Spec"].take();
        self.service["Spec"] = spec;
        // No two updates of a real one begin in the same nanosecond.
        let index = self.service["Version"]["Index"].as_u64().unwrap();
        let began = (self.now)() + std::time::Duration::from_nanos(index);
        self.service["UpdateStatus"] = json!({ "StartedAt": began.to_string() });
        self.set_state("updating", "update in progress");
    }

    fn set_state(&mut self, state: &str, message: &str) {
        self.count();
        let status = &mut self.service["UpdateStatus"];
        status["State"] = json!(state);
        status["Message"] = json!(message);
        if state.ends_with("completed") {
            status["CompletedAt"] = json!((self.now)().to_string());
        }
    }

    /// Whether a task of this place runs what the service is to run.
    fn is_replaced(&self, slot: u64) -> bool {
        // A task shows nothing of its runtime.
        let mut template = self.service["Spec"]["TaskTemplate"].clone();
        template.as_object_mut().unwrap().remove("Runtime");
        self.running()
            .any(|task| task["Slot"] == slot && task["Spec"] == template)
    }

    /// The first place whose task is still to be replaced.
    fn next_slot(&self) -> Option<u64> {
        (1..=self.replicas()).find(|slot| !self.is_replaced(*slot))
    }

    fn add_task(&mut self, slot: u64, state: &str, error: Option<&str>) {
        for task in self.tasks.iter_mut().filter(|task| task["Slot"] == slot) {
            task["DesiredState"] = json!("shutdown");
            if task["Status"]["State"] == "running" {
                task["Status"]["State"] = json!("shutdown");
            }
        }
        let now = (self.now)().to_string();
        let mut template = self.service["Spec"]["TaskTemplate"].clone();
        template.as_object_mut().unwrap().remove("Runtime");
        let container = if error.is_none() { "8ff1faebd163" } else { "" };
        self.tasks.push(json!({
            "ID": format!("task{}", self.tasks.len()),
            "CreatedAt": now,
            "Spec": template,
            "ServiceID": ID,
            "Slot": slot,
            "NodeID": format!("node{slot}"),
            "Status": {
                "Timestamp": now,
                "State": state,
                "Err": error,
                "ContainerStatus": { "ContainerID": container },
            },
            "DesiredState": "running",
        }));
    }

    fn replace(&mut self, count: usize) {
        for _ in 0..count {
            let Some(slot) = self.next_slot() else {
                return;
            };
            self.add_task(slot, "running", None);
        }
    }

    fn finish(&mut self) {
        self.replace(usize::MAX);
        let state = self.service["UpdateStatus"]["State"].as_str();
        match state {
            Some("updating") => self.set_state("completed", "update completed"),
            Some("rollback_started") => self.set_state("rollback_completed", "rollback completed"),
            _ => {}
        }
    }

    fn fail(&mut self, error: &str) {
        let slot = self.next_slot().unwrap();
        self.add_task(slot, "rejected", Some(error));
        let why = format!("due to failure or early termination of task task{slot}");
        match self.service["Spec"]["UpdateConfig"]["FailureAction"].as_str() {
            Some("rollback") => {
                let before = self.service.as_object_mut().unwrap().remove("PreviousSpec");
                self.service["Spec"] = before.unwrap();
                self.set_state("rollback_started", &format!("update rolled back {why}"));
            }
            Some("continue") => {}
            _ => self.set_state("paused", &format!("update paused {why}")),
        }
    }

    fn answer(&mut self, asked: &Asked) -> Answered {
        if let Some(answer) = &self.all {
            return answer.clone();
        }
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let mut path: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        if path[0].starts_with("v1.") {
            path.remove(0);
        }
        let query: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let filters: Value = query.get("filters").map_or(Value::Null, |filters| {
            serde_json::from_str(filters).unwrap()
        });
        match (asked.method.as_str(), path.as_slice()) {
            ("GET", ["version"]) => {
                let date =
                    jiff::fmt::rfc2822::to_string(&(self.now)().to_zoned(jiff::tz::TimeZone::UTC));
                let version = json!({ "ApiVersion": "1.41", "Version": "20.10.24" });
                Answered::Headed(200, vec![("date", date.unwrap())], version)
            }
            ("GET", ["info"]) => self.info(),
            ("GET", ["images", "json"]) => Answered::Json(200, json!([])),
            ("GET", ["services"]) => self.services(&filters["name"][0]),
            ("GET", ["tasks"]) => {
                assert_eq!(filters["service"][0], ID);
                Answered::Json(200, json!(self.tasks))
            }
            ("POST", ["services", ID, "update"]) => {
                self.meet_update(&query["version"], &asked.body)
            }
            _ => Answered::Json(
                404,
                json!({ "message": format!("no such thing: {path:?}") }),
            ),
        }
    }

    fn info(&self) -> Answered {
        let (state, is_manager) = self.node;
        let mut swarm = json!({ "LocalNodeState": state, "ControlAvailable": is_manager });
        if is_manager {
            swarm["Cluster"] = json!({ "ID": CLUSTER });
        }
        Answered::Json(200, json!({ "ID": "ABCD:EFGH", "Swarm": swarm }))
    }

    fn services(&self, name: &Value) -> Answered {
        let is_wanted = name.as_str().is_none_or(|name| NAME.starts_with(name));
        let mut service = self.service.clone();
        if let Some(state) = self.shown {
            service["UpdateStatus"]["State"] = json!(state);
        }
        Answered::Json(
            200,
            if is_wanted {
                json!([service])
            } else {
                json!([])
            },
        )
    }

    /// Counts an update, and does it unless something goes wrong.
    fn meet_update(&mut self, version: &str, spec: &Value) -> Answered {
        self.asked += 1;
        let meets = self.next.take();
        match &meets {
            Some(Meets::Answer(answer)) => return answer.clone(),
            Some(Meets::Deploy(version)) => {
                let version = version.clone();
                self.deploy(&version);
                self.finish();
            }
            Some(Meets::Count) => self.count(),
            Some(Meets::DoneAndCut) | None => {}
        }
        if self.service["Version"]["Index"].as_u64() != version.parse().ok() {
            let message = "rpc error: code = Unknown desc = update out of sequence";
            return Answered::Json(500, json!({ "message": message }));
        }
        self.update(spec.clone());
        match meets {
            Some(Meets::DoneAndCut) => Answered::Cut,
            Some(_) | None => Answered::Json(200, json!({ "Warnings": null })),
        }
    }
}
