//! A small API with deploys, of which one is published: restoring one is a job, and holding
//! automatic deploys off is a lock, which is the plan's last step.

use crate::{
    api::{Answered, Api, Asked},
    rig::{Applies, Misbehaviour, Rig},
};
use async_trait::async_trait;
use serde_json::json;
use std::sync::{Arc, Mutex};

const TOKEN: &str = "http-token-77aa";

#[derive(Default)]
struct Deploys {
    live: String,
    /// What is being restored.
    job: Option<String>,
    is_locked: bool,
    asked: usize,
    /// What the next change meets.
    next: Option<Misbehaviour>,
    /// What every answer is.
    all: Option<Misbehaviour>,
    is_unknown: bool,
}

impl Deploys {
    fn answer(&mut self, asked: &Asked) -> Answered {
        match self.all {
            Some(Misbehaviour::Html) => return Answered::Page,
            Some(Misbehaviour::Endless) => return Answered::Endless,
            Some(_) | None => {}
        }
        if !asked.is_by(TOKEN) {
            let body =
                json!({"message": format!("bad token {:?}", asked.headers.get("authorization"))});
            return Answered::Json(401, body);
        }
        let path: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
        match (asked.method.as_str(), path.as_slice()) {
            ("GET", ["v1", "sites", "shop", "deploys?limit=100"]) => {
                Answered::Json(200, self.list())
            }
            ("GET", ["v1", "sites", "shop"]) => Answered::Json(200, self.site()),
            ("POST", ["v1", "sites", "shop", "deploys", id, "restore"]) => self.restore(id),
            ("GET", ["v1", "jobs", id]) => {
                let state = match (self.is_unknown, &self.job) {
                    (true, _) => "resting",
                    (false, Some(_)) => "running",
                    (false, None) => "done",
                };
                Answered::Json(200, json!({"id": id, "state": state}))
            }
            ("POST", ["v1", "deploys", "v212", "lock"]) => {
                self.asked += 1;
                self.is_locked = true;
                Answered::Json(200, json!({}))
            }
            ("POST", ["v1", "deploys", _, "unlock"]) => {
                self.is_locked = false;
                Answered::Json(200, json!({}))
            }
            _ => Answered::Json(404, json!({"message": format!("no {}", asked.line())})),
        }
    }

    fn list(&self) -> serde_json::Value {
        let deploy = |id: &str| json!({"id": id, "state": "ready", "published_at": "2026-03-01T00:00:00Z", "title": TOKEN});
        json!({ "deploys": [deploy("v213"), deploy("v212")] })
    }

    fn site(&self) -> serde_json::Value {
        let job = self.job.as_ref().map(|id| format!("restoring {id}"));
        json!({"published": {"id": self.live, "locked": self.is_locked}, "job": job})
    }

    fn restore(&mut self, id: &str) -> Answered {
        self.asked += 1;
        let answer = match self.next.take() {
            Some(Misbehaviour::TooManyRequests) => return Answered::Wait(429, 7),
            Some(Misbehaviour::CutAndNotDone) => return Answered::Cut,
            Some(_) => Answered::Cut,
            None => Answered::Json(202, json!({"job": {"id": 9}})),
        };
        self.job = Some(id.to_owned());
        answer
    }
}

struct HttpRig {
    deploys: Arc<Mutex<Deploys>>,
    api: Api,
}

/// v212 and v213, of which the last serves.
pub async fn start() -> Box<dyn Rig> {
    let deploys = Arc::new(Mutex::new(Deploys {
        live: "v213".into(),
        ..Deploys::default()
    }));
    let answering = deploys.clone();
    let api = Api::start(move |asked| answering.lock().unwrap().answer(asked)).await;
    Box::new(HttpRig { deploys, api })
}

impl HttpRig {
    fn section(&self, site: &str, token: &str, published: &str) -> String {
        format!(
            "provider = \"http\"\nplatform = \"Sites\"\napi_url = \"{}/v1\"\n\
             restores = [\"files\"]\nleaves = [\"forms\"]\nholds = \"after\"\n\
             secrets = {{ token = \"env:{token}\" }}\n\
             headers = {{ authorization = \"Bearer {{token}}\" }}\n\
             [list]\npath = \"/sites/{site}/deploys\"\nquery = {{ limit = \"100\" }}\nrows = \"/deploys\"\n\
             live_since = \"/published_at\"\nmessage = \"/title\"\n\
             eligible = {{ \"/state\" = \"ready\" }}\n\
             [live]\npath = \"/sites/{site}\"\nid = \"{published}\"\nin_flight = {{ \"/job\" = \"*\" }}\n\
             [roll_back]\nmethod = \"POST\"\npath = \"/sites/{site}/deploys/{{id}}/restore\"\njob = \"/job/id\"\n\
             [observe]\npath = \"/jobs/{{job}}\"\nstate = \"/state\"\nfailed = [\"failed\"]\n\
             [pinned]\nat = \"/published/locked\"\non = true\n\
             [pin]\nmethod = \"POST\"\npath = \"/deploys/{{live}}/lock\"\n\
             [unpin]\nmethod = \"POST\"\npath = \"/deploys/{{live}}/unlock\"\n",
            self.api.url
        )
    }
}

#[async_trait]
impl Rig for HttpRig {
    fn settings(&self) -> String {
        self.section("shop", "SITES_TOKEN", "/published/id")
    }

    fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        vec![("SITES_TOKEN", TOKEN)]
    }

    fn mistakes(&self) -> Vec<(String, &'static str)> {
        vec![
            (self.section("shop", "WRONG", "/published/id"), "token"),
            (
                self.section("blog", "SITES_TOKEN", "/published/id"),
                "no GET /v1/sites/blog",
            ),
            (
                self.section("shop", "SITES_TOKEN", "/published_deploy/id"),
                "expected what serves at /published_deploy/id",
            ),
        ]
    }

    fn earlier(&self) -> &'static str {
        "v212"
    }

    fn live(&self) -> String {
        self.deploys.lock().unwrap().live.clone()
    }

    fn asked(&self) -> usize {
        self.deploys.lock().unwrap().asked
    }

    fn finish(&self) {
        let mut deploys = self.deploys.lock().unwrap();
        if let Some(id) = deploys.job.take() {
            deploys.live = id;
        }
    }

    fn misbehave(&self, how: Misbehaviour) -> Applies {
        let mut deploys = self.deploys.lock().unwrap();
        match how {
            Misbehaviour::TooManyRequests
            | Misbehaviour::DoneAndCut
            | Misbehaviour::CutAndNotDone => deploys.next = Some(how),
            Misbehaviour::UnknownState => deploys.is_unknown = true,
            Misbehaviour::Html | Misbehaviour::Endless => deploys.all = Some(how),
        }
        Applies::Yes
    }

    fn behave(&self) {
        let mut deploys = self.deploys.lock().unwrap();
        deploys.next = None;
        deploys.all = None;
        deploys.is_unknown = false;
    }

    fn largest_answer_taken(&self) -> usize {
        self.api.most_sent()
    }
}
