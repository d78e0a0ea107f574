//! A small Render: the deploys of one service, its events and its settings, over real HTTP.

use crate::api::{Answered, Api, Asked};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What its API is called with.
pub const TOKEN: &str = "rnd_token-of-the-render-of-the-stories";
/// Its only service.
pub const SERVICE: &str = "srv-c1k2m3";

/// What a clock shows.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a request for a rollback meets instead of a deploy.
#[derive(Clone, Debug)]
pub enum Meets {
    /// This answer, and nothing is done.
    Answer(Answered),
    /// It is done, and the answer never arrives.
    DoneAndCut,
}

#[derive(Clone)]
struct Deploy {
    id: String,
    commit: Value,
    image: Value,
    status: String,
    /// The deploy that it is a copy of.
    copy_of: Option<String>,
    created: Timestamp,
    finished: Option<Timestamp>,
}

struct State {
    now: Now,
    /// Oldest first.
    deploys: Vec<Deploy>,
    automatic: String,
    is_suspended: bool,
    runs_an_image: bool,
    asked: usize,
    next: Option<Meets>,
    all: Option<Answered>,
    /// How the next rollback ends.
    ending: String,
    /// What is shown instead of a deploy's state on the way.
    shown: Option<String>,
    answered: Vec<(Asked, u16, Value)>,
}

/// Where it listens, and what it holds.
pub struct Render {
    api: Api,
    state: Arc<Mutex<State>>,
}

impl Render {
    /// Starts one without deploys.
    pub async fn start(now: Now) -> Render {
        let state = Arc::new(Mutex::new(State {
            now,
            deploys: vec![],
            automatic: "yes".into(),
            is_suspended: false,
            runs_an_image: false,
            asked: 0,
            next: None,
            all: None,
            ending: "live".into(),
            shown: None,
            answered: vec![],
        }));
        let answering = state.clone();
        let api = Api::start(move |asked| answering.lock().unwrap().answer(asked)).await;
        Render { api, state }
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
        format!("{}/v1", self.api.url)
    }

    /// Deploys a commit, which serves at once.
    pub fn deploy(&self, commit: &str, message: &str) {
        self.change(|state| {
            let commit = json!({"id": commit, "message": message, "createdAt": (state.now)()});
            state.add(commit, Value::Null, None, "live");
        });
    }

    /// Deploys an image, which serves at once.
    pub fn deploy_image(&self, image: &str, digest: &str) {
        self.change(|state| {
            state.runs_an_image = true;
            let image = json!({"ref": image, "sha": digest});
            state.add(Value::Null, image, None, "live");
        });
    }

    /// Somebody pushes a commit: it is deployed when automatic deploys are on.
    pub fn push(&self, commit: &str, message: &str) {
        if self.automatic() == "yes" {
            self.deploy(commit, message);
        }
    }

    /// The build of a commit that never served.
    pub fn deploy_ends(&self, commit: &str, status: &str) {
        self.change(|state| state.add(json!({"id": commit}), Value::Null, None, status));
    }

    /// What serves, as people call it: the first digits of its commit.
    pub fn live(&self) -> String {
        self.change(|state| {
            let live = state.deploys.iter().find(|deploy| deploy.status == "live");
            let commit = live.and_then(|live| live.commit["id"].as_str());
            commit.map_or_else(String::new, |commit| commit[..7].to_owned())
        })
    }

    /// The ids of all deploys, oldest first.
    pub fn deploys(&self) -> Vec<String> {
        self.change(|state| {
            state
                .deploys
                .iter()
                .map(|deploy| deploy.id.clone())
                .collect()
        })
    }

    /// `yes` or `no`.
    pub fn automatic(&self) -> String {
        self.change(|state| state.automatic.clone())
    }

    /// Somebody suspends the service.
    pub fn suspend(&self) {
        self.change(|state| state.is_suspended = true);
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

    /// Every request with its answer, in order.
    pub fn answered(&self) -> Vec<(Asked, u16, Value)> {
        self.change(|state| state.answered.clone())
    }
}

impl State {
    fn add(&mut self, commit: Value, image: Value, copy_of: Option<String>, status: &str) {
        let now = (self.now)();
        let deploy = Deploy {
            id: format!("dep-{}", self.deploys.len() + 1),
            commit,
            image,
            status: "created".into(),
            copy_of,
            created: now,
            finished: None,
        };
        self.deploys.push(deploy);
        if status != "created" {
            self.end_last(status);
        }
    }

    /// The last deploy ends in this state.
    fn end_last(&mut self, status: &str) {
        let now = (self.now)();
        if status == "live" {
            for deploy in &mut self.deploys {
                if deploy.status == "live" {
                    deploy.status = "deactivated".into();
                }
            }
        }
        let last = self.deploys.last_mut().unwrap();
        last.status = status.into();
        last.finished = Some(now);
    }

    /// What is under way goes one stage on.
    fn advance(&mut self) {
        match self.deploys.last().map(|last| last.status.as_str()) {
            Some("created") => {
                self.deploys.last_mut().unwrap().status = "update_in_progress".into();
            }
            Some("update_in_progress") => {
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
        let answer = match asked.is_by(TOKEN) {
            true => self.answer_to_ours(asked),
            false => error(401, "Unauthorized"),
        };
        if let Answered::Json(status, body) = &answer {
            self.answered.push((asked.clone(), *status, body.clone()));
        }
        answer
    }

    fn answer_to_ours(&mut self, asked: &Asked) -> Answered {
        let service = format!("/v1/services/{SERVICE}");
        let Some(rest) = asked.path.strip_prefix(&service) else {
            return error(404, "not found: service");
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        match (asked.method.as_str(), path) {
            ("GET", "") => Answered::Json(200, self.service()),
            ("PATCH", "") => {
                if let Some(automatic) = asked.body["autoDeploy"].as_str() {
                    self.automatic = automatic.to_owned();
                }
                Answered::Json(200, self.service())
            }
            ("GET", "/deploys") => {
                let answer = self.list(query);
                self.advance();
                answer
            }
            ("GET", "/events") => Answered::Json(200, self.events()),
            ("POST", "/rollback") => self.roll_back(asked),
            ("GET", path) => match path.strip_prefix("/deploys/") {
                Some(id) => match self.deploys.iter().find(|deploy| deploy.id == id) {
                    Some(deploy) => Answered::Json(200, self.shown(deploy)),
                    None => error(404, "not found: deploy"),
                },
                None => error(404, "not found"),
            },
            _ => error(404, "not found"),
        }
    }

    fn roll_back(&mut self, asked: &Asked) -> Answered {
        self.asked += 1;
        let meets = self.next.take();
        if let Some(Meets::Answer(answer)) = meets {
            return answer;
        }
        let id = asked.body["deployId"].as_str().unwrap_or_default();
        let target = self.deploys.iter().find(|deploy| deploy.id == id).cloned();
        let Some(target) = target else {
            return error(404, "not found: deploy");
        };
        self.add(target.commit, target.image, Some(target.id), "created");
        match meets {
            Some(_) => Answered::Cut,
            None => Answered::Json(201, self.shown(self.deploys.last().unwrap())),
        }
    }

    /// One row of the list after the one that the cursor names, newest first.
    fn list(&self, query: &str) -> Answered {
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let limit = value("limit").and_then(|limit| limit.parse().ok());
        let newest_first = self.deploys.iter().rev();
        let rows = newest_first
            .skip_while(|deploy| value("cursor").is_some_and(|cursor| cursor != deploy.id))
            .skip(usize::from(value("cursor").is_some()))
            .take(limit.unwrap_or(20))
            .map(|deploy| json!({"deploy": self.shown(deploy), "cursor": deploy.id}));
        Answered::Json(200, rows.collect())
    }

    fn shown(&self, deploy: &Deploy) -> Value {
        let is_under_way = deploy.finished.is_none();
        let shown = self.shown.as_deref().filter(|_| is_under_way);
        let mut shown = json!({
            "id": deploy.id,
            "status": shown.unwrap_or(&deploy.status),
            "trigger": if deploy.copy_of.is_some() { "rollback" } else { "new_commit" },
            "createdAt": deploy.created,
            "updatedAt": deploy.created,
        });
        for (key, value) in [
            ("commit", deploy.commit.clone()),
            ("image", deploy.image.clone()),
            ("finishedAt", json!(deploy.finished)),
        ] {
            if !value.is_null() {
                shown[key] = value;
            }
        }
        shown
    }

    fn events(&self) -> Value {
        let copies = self.deploys.iter().rev();
        let copies = copies.filter_map(|deploy| Some((deploy, deploy.copy_of.as_ref()?)));
        let row = |(deploy, of): (&Deploy, &String)| {
            let trigger = json!({
                "firstBuild": false, "envUpdated": false, "manual": false,
                "deployedByRender": false, "clearCache": false, "rollback": true,
                "rollbackTargetDeployId": of,
            });
            json!({"cursor": deploy.id, "event": {
                "id": format!("evt-{}", deploy.id), "serviceId": SERVICE, "timestamp": deploy.created,
                "type": "deploy_started",
                "details": {"deployId": deploy.id, "trigger": trigger},
            }})
        };
        copies.map(row).collect()
    }

    fn service(&self) -> Value {
        let mut service = json!({
            "id": SERVICE, "name": "api", "ownerId": "tea-1", "type": "web_service", "slug": "api",
            "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z",
            "dashboardUrl": format!("https://dashboard.render.com/web/{SERVICE}"),
            "autoDeploy": self.automatic, "notifyOnFail": "default", "rootDir": "",
            "suspended": if self.is_suspended { "suspended" } else { "not_suspended" },
            "suspenders": if self.is_suspended { json!(["billing"]) } else { json!([]) },
            "serviceDetails": {"url": "https://api-x1.onrender.com"},
        });
        match self.runs_an_image {
            true => service["imagePath"] = json!("docker.io/acme/api"),
            false => service["repo"] = json!("https://github.com/acme/api"),
        }
        service
    }
}

fn error(status: u16, message: &str) -> Answered {
    Answered::Json(status, json!({"id": "req-1", "message": message}))
}
