//! A small Railway: the deployments of one service and its automatic deploys, over real HTTP.

use crate::api::{Answered, Api, Asked};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A project token.
pub const TOKEN: &str = "token-of-the-railway-of-the-stories";
/// Its only service.
pub const SERVICE: &str = "5e2f0000-aaaa-4bbb-8ccc-000000000001";

/// What a clock shows.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a request for a rollback meets instead of a deployment.
#[derive(Clone, Debug)]
pub enum Meets {
    /// This answer, and nothing is done.
    Answer(Answered),
    /// It is done, and the answer never arrives.
    DoneAndCut,
}

#[derive(Clone)]
struct Deployment {
    id: String,
    meta: Value,
    status: String,
    can_roll_back: bool,
    created: Timestamp,
}

struct State {
    now: Now,
    /// Oldest first.
    deployments: Vec<Deployment>,
    is_automatic: bool,
    asked: usize,
    next: Option<Meets>,
    all: Option<Answered>,
    /// How the next rollback ends.
    ending: String,
    /// What is shown instead of a deployment's state on the way.
    shown: Option<String>,
}

/// Where it listens, and what it holds.
pub struct Railway {
    api: Api,
    state: Arc<Mutex<State>>,
}

impl Railway {
    /// Starts one without deployments.
    pub async fn start(now: Now) -> Railway {
        let state = Arc::new(Mutex::new(State {
            now,
            deployments: vec![],
            is_automatic: true,
            asked: 0,
            next: None,
            all: None,
            ending: "SUCCESS".into(),
            shown: None,
        }));
        let answering = state.clone();
        let api = Api::start(move |asked| answering.lock().unwrap().answer(asked)).await;
        Railway { api, state }
    }

    /// Its time is this one from now on.
    pub fn follows(&self, now: Now) {
        self.change(|state| state.now = now);
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    /// The address of its API.
    pub fn api_url(&self) -> String {
        format!("{}/graphql/v2", self.api.url)
    }

    /// Deploys a commit, which serves at once.
    pub fn deploy(&self, commit: &str, message: &str) {
        self.change(|state| {
            state.add(json!({
                "commitHash": commit, "commitMessage": message, "commitAuthor": "kim",
                "imageDigest": format!("sha256:of-{commit}"), "branch": "main",
            }));
            state.end_last("SUCCESS");
        });
    }

    /// Somebody pushes a commit: it is deployed when automatic deploys are on.
    pub fn push(&self, commit: &str, message: &str) {
        if self.is_automatic() {
            self.deploy(commit, message);
        }
    }

    /// The image of the deployment with this number is deleted.
    pub fn forgets(&self, number: usize) {
        self.change(|state| state.deployments[number - 1].can_roll_back = false);
    }

    /// What serves, as people call it: the first digits of its commit.
    pub fn live(&self) -> String {
        self.change(|state| {
            let live = state
                .deployments
                .iter()
                .rev()
                .find(|one| one.status == "SUCCESS");
            let commit = live.and_then(|live| live.meta["commitHash"].as_str());
            commit.map_or_else(String::new, |commit| commit[..7].to_owned())
        })
    }

    /// Whether it deploys what is pushed.
    pub fn is_automatic(&self) -> bool {
        self.change(|state| state.is_automatic)
    }

    /// How many rollbacks it was asked for, done or not.
    pub fn rollbacks_asked(&self) -> usize {
        self.change(|state| state.asked)
    }

    /// The next request for a rollback meets this.
    pub fn next_meets(&self, what: Meets) {
        self.change(|state| state.next = Some(what));
    }

    /// Every request meets this; `None`: it answers again as it does.
    pub fn all_meet(&self, what: Option<Answered>) {
        self.change(|state| state.all = what);
    }

    /// The next rollback ends in this state.
    pub fn rollback_ends(&self, status: &str) {
        self.change(|state| state.ending = status.into());
    }

    /// Shows this instead of the states on the way.
    pub fn shows(&self, status: Option<&str>) {
        self.change(|state| state.shown = status.map(str::to_owned));
    }

    /// Lets what is under way come to its end.
    pub fn finish(&self) {
        self.change(|state| {
            state.advance();
            state.advance();
        });
    }

    /// The most bytes of one answer that were taken.
    pub fn most_sent(&self) -> usize {
        self.api.most_sent()
    }

    /// Every document that was sent, with its variables.
    pub fn sent(&self) -> Vec<Value> {
        let asked = self.api.asked().into_iter();
        asked.map(|asked| asked.body).collect()
    }
}

impl State {
    fn add(&mut self, meta: Value) {
        let now = (self.now)();
        self.deployments.push(Deployment {
            id: format!("d{}", self.deployments.len() + 1),
            meta,
            status: "INITIALIZING".into(),
            can_roll_back: false,
            created: now,
        });
    }

    /// The last deployment ends in this state.
    fn end_last(&mut self, status: &str) {
        if status == "SUCCESS" {
            for deployment in &mut self.deployments {
                if deployment.status == "SUCCESS" {
                    deployment.status = "REMOVED".into();
                    deployment.can_roll_back = true;
                }
            }
        }
        let last = self.deployments.last_mut().unwrap();
        last.status = status.into();
    }

    /// What is under way goes one stage on.
    fn advance(&mut self) {
        match self.deployments.last().map(|last| last.status.as_str()) {
            Some("INITIALIZING") => {
                self.deployments.last_mut().unwrap().status = "DEPLOYING".into()
            }
            Some("DEPLOYING") => {
                let ending = self.ending.clone();
                self.end_last(&ending);
            }
            Some(_) | None => {}
        }
    }

    fn answer(&mut self, asked: &Asked) -> Answered {
        if let Some(answer) = &self.all {
            return answer.clone();
        }
        let is_ours = asked
            .headers
            .get("project-access-token")
            .map(String::as_str)
            == Some(TOKEN);
        if !is_ours {
            return error("Project Token not found");
        }
        let variables = &asked.body["variables"];
        match asked.body["operationName"].as_str().unwrap() {
            "Survey" if variables["service"] != SERVICE => error("ServiceInstance not found"),
            "Survey" => {
                let answer = self.survey();
                self.advance();
                answer
            }
            "Automatic" => data(json!({"serviceInstanceAutoDeployStatus": {
                "enabled": self.is_automatic, "canEnable": true,
            }})),
            "SetAutomatic" => {
                self.is_automatic = variables["input"]["enabled"].as_bool().unwrap();
                data(json!({"serviceInstanceAutoDeployUpdate": {"enabled": self.is_automatic}}))
            }
            "Rollback" => self.roll_back(variables["id"].as_str().unwrap()),
            other => panic!("nobody knows {other}"),
        }
    }

    fn roll_back(&mut self, id: &str) -> Answered {
        self.asked += 1;
        let meets = self.next.take();
        if let Some(Meets::Answer(answer)) = meets {
            return answer;
        }
        let target = self.deployments.iter().find(|one| one.id == id).cloned();
        let Some(target) = target.filter(|target| target.can_roll_back) else {
            return error("Deployment can not be rolled back");
        };
        self.add(target.meta);
        match meets {
            Some(_) => Answered::Cut,
            None => data(json!({"deploymentRollback": true})),
        }
    }

    fn survey(&self) -> Answered {
        let newest_first = self.deployments.iter().rev();
        let edges = newest_first.map(|one| {
            let is_under_way = matches!(one.status.as_str(), "INITIALIZING" | "DEPLOYING");
            let shown = self.shown.as_ref().filter(|_| is_under_way);
            json!({"node": {
                "id": one.id, "status": shown.unwrap_or(&one.status), "createdAt": one.created,
                "canRollback": one.can_roll_back, "meta": one.meta,
            }})
        });
        let active = self
            .deployments
            .iter()
            .filter(|one| one.status == "SUCCESS");
        data(json!({
            "deployments": {"edges": edges.collect::<Value>()},
            "serviceInstance": {
                "serviceName": "api",
                "activeDeployments": active.map(|one| json!({"id": one.id})).collect::<Value>(),
                "domains": {"customDomains": [], "serviceDomains": [{"domain": "api.up.railway.app"}]},
            },
        }))
    }
}

fn data(data: Value) -> Answered {
    Answered::Json(200, json!({ "data": data }))
}

/// A refusal, as Railway answers it: with the status 200.
pub fn error(message: &str) -> Answered {
    Answered::Json(200, json!({"data": null, "errors": [{"message": message}]}))
}
