//! A small Argo CD with one application: its history, operations, sync policy and health, over
//! real HTTP.

use crate::api::{Answered, Api, Asked};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// What its API is called with.
pub const TOKEN: &str = "eyJ-token-of-the-argo-cd-of-the-stories";
/// Its only application.
pub const NAME: &str = "shop";
const PROJECT: &str = "acme";
const REPOSITORY: &str = "https://github.com/acme/deploy";

/// What a clock shows.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a request for a rollback meets instead of a sync.
#[derive(Clone, Debug)]
pub enum Meets {
    /// This answer, and nothing is done.
    Answer(Answered),
    /// It is done, and the answer never arrives.
    DoneAndCut,
}

struct State {
    now: Now,
    app: Value,
    /// What the commits say, by their revision.
    commits: BTreeMap<String, String>,
    /// The sources of git as they are now, with their revisions.
    head: Value,
    /// What the account may not do.
    denied: Vec<&'static str>,
    /// Whether syncs by hand are let in.
    can_sync: bool,
    asked: usize,
    next: Option<Meets>,
    all: Option<Answered>,
    /// How the next operation ends, and whether it has applied anything by then.
    ending: (&'static str, bool),
    /// How the application is when a sync has settled.
    settles: &'static str,
    /// What is shown instead of the phase of what is under way.
    shown: Option<String>,
    answered: Vec<(Asked, u16, Value)>,
}

/// Where it listens, and what it holds.
pub struct ArgoCd {
    api: Api,
    state: Arc<Mutex<State>>,
}

impl ArgoCd {
    /// Starts one whose application was never synced, and is synced by itself.
    pub async fn start(now: Now) -> ArgoCd {
        let source = json!({"repoURL": REPOSITORY, "path": "shop", "targetRevision": "main"});
        let app = json!({
            "metadata": {
                "name": NAME, "namespace": "argocd", "uid": "5d1f7a3e-shop",
                "creationTimestamp": seconds(now()), "annotations": {"team": "shop"},
            },
            "spec": {
                "project": PROJECT, "source": source,
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
                "syncPolicy": {
                    "automated": {"prune": true, "selfHeal": true},
                    "syncOptions": ["CreateNamespace=true"],
                },
            },
            "status": {
                "history": [], "health": {"status": "Healthy"}, "sync": {"status": "Synced"},
                "resources": [{"group": "apps", "kind": "Deployment", "name": NAME}],
            },
        });
        let state = State {
            now,
            app,
            commits: BTreeMap::new(),
            head: Value::Null,
            denied: vec![],
            can_sync: true,
            asked: 0,
            next: None,
            all: None,
            ending: ("Succeeded", true),
            settles: "Healthy",
            shown: None,
            answered: vec![],
        };
        let state = Arc::new(Mutex::new(state));
        let answering = state.clone();
        let api = Api::start(move |asked| answering.lock().unwrap().answer(asked)).await;
        ArgoCd { api, state }
    }

    /// Its time is this one from now on.
    pub fn follows(&self, now: Now) {
        self.change(|state| state.now = now);
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    /// The address of its web page.
    pub fn url(&self) -> String {
        self.api.url.clone()
    }

    /// Somebody pushes a commit, and it is synced at once, by itself or by hand.
    pub fn deploy(&self, commit: &str, message: &str) {
        self.change(|state| {
            state.push(commit, message);
            state.sync_head("maya");
            state.finish();
        });
    }

    /// The same with a source that is set like this.
    pub fn deploy_set(&self, commit: &str, change: impl FnOnce(&mut Value)) {
        self.change(|state| change(&mut state.app["spec"]["source"]));
        self.deploy(commit, "Change a parameter");
    }

    /// Syncs a chart together with values of git.
    pub fn deploy_chart(&self, version: &str, commit: &str) {
        self.change(|state| {
            state
                .commits
                .insert(commit.into(), "Change the values".into());
            let sources = json!([
                {"repoURL": "https://charts.example.com", "chart": "shop", "targetRevision": "1.*"},
                {"repoURL": REPOSITORY, "targetRevision": "main", "ref": "values"},
            ]);
            state.app["spec"]["sources"] = sources.clone();
            state.app["spec"]["source"] = json!({"repoURL": ""});
            state.head = json!({
                "revision": "", "source": {"repoURL": ""},
                "revisions": [version, commit], "sources": sources,
            });
            state.sync_head("maya");
            state.finish();
        });
    }

    /// Somebody pushes a commit: it is synced when automated sync is on.
    pub fn push(&self, commit: &str, message: &str) {
        self.change(|state| {
            state.push(commit, message);
            state.reconcile();
            state.finish();
        });
    }

    /// A sync by hand begins, and is not over yet.
    pub fn begins_a_sync(&self) {
        self.change(|state| {
            state.sync_head("maya");
            state.advance();
        });
    }

    /// Changes the application as somebody else might.
    pub fn edit(&self, edit: impl FnOnce(&mut Value)) {
        self.change(|state| edit(&mut state.app));
    }

    /// The application.
    pub fn application(&self) -> Value {
        self.change(|state| state.app.clone())
    }

    /// How automated sync is set; null when it is off.
    pub fn automated(&self) -> Value {
        self.change(|state| state.app["spec"]["syncPolicy"]["automated"].clone())
    }

    /// What was synced last, as people call it: the first digits of its commit.
    pub fn live(&self) -> String {
        self.change(|state| {
            let history = state.app["status"]["history"].as_array().unwrap();
            let revision = history.last().and_then(|last| last["revision"].as_str());
            revision.map_or_else(String::new, |revision| revision[..7].to_owned())
        })
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

    /// The next operation ends in this phase, having applied something or nothing.
    pub fn sync_ends(&self, phase: &'static str, has_applied: bool) {
        self.change(|state| state.ending = (phase, has_applied));
    }

    /// The application is like this when a sync has settled.
    pub fn settles_as(&self, health: &'static str) {
        self.change(|state| state.settles = health);
    }

    /// The account may not do this: `sync`.
    pub fn denies(&self, action: &'static str) {
        self.change(|state| state.denied.push(action));
    }

    /// A sync window keeps syncs by hand out.
    pub fn closes_its_window(&self) {
        self.change(|state| state.can_sync = false);
    }

    /// Keeps only the newest syncs in its history, so many.
    pub fn keeps(&self, count: usize) {
        self.change(|state| {
            let history = state.app["status"]["history"].as_array_mut().unwrap();
            let too_many = history.len().saturating_sub(count);
            history.drain(..too_many);
        });
    }

    /// Shows this instead of the phase of what is under way.
    pub fn shows(&self, phase: Option<&str>) {
        self.change(|state| state.shown = phase.map(str::to_owned));
    }

    /// Lets what is under way come to its end.
    pub fn finish(&self) {
        self.change(State::finish);
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
    fn push(&mut self, commit: &str, message: &str) {
        self.commits.insert(commit.into(), message.into());
        let source = self.app["spec"]["source"].clone();
        self.head = json!({"revision": commit, "source": source});
    }

    /// An operation that syncs to what git has.
    fn sync_head(&mut self, by: &str) {
        let mut sync = self.head.clone();
        // The source is the application's own, and does not stand in it.
        let sync_only = sync.as_object_mut().unwrap();
        sync_only.remove("source");
        sync_only.remove("sources");
        let by = match by {
            "" => json!({"automated": true}),
            by => json!({"username": by}),
        };
        self.app["operation"] = json!({"sync": sync, "initiatedBy": by});
        let status = self.app["status"].as_object_mut().unwrap();
        status.remove("operationState");
    }

    /// What the controller does by itself: it compares with git, and syncs if it may.
    fn reconcile(&mut self) {
        let history = self.app["status"]["history"].as_array().unwrap();
        let live = history.last().cloned().unwrap_or_default();
        let is_synced = live["revision"] == self.head["revision"]
            && live["revisions"] == self.head["revisions"];
        let status = if is_synced { "Synced" } else { "OutOfSync" };
        self.app["status"]["sync"] = json!({"status": status, "revision": self.head["revision"]});
        let automated = &self.app["spec"]["syncPolicy"]["automated"];
        let is_automated = automated.is_object() && automated["enabled"] != json!(false);
        if is_automated && !is_synced && self.app["operation"].is_null() {
            self.sync_head("");
        }
    }

    /// What is under way goes one stage on: it begins, ends, and then the application settles.
    fn advance(&mut self) {
        let now = seconds((self.now)());
        let state = self.app["status"]["operationState"].clone();
        if self.app["operation"].is_object() {
            if state["startedAt"].is_null() {
                self.app["status"]["operationState"] = json!({
                    "operation": self.app["operation"], "phase": "Running", "startedAt": now,
                    "message": "waiting for healthy state of apps/Deployment/shop",
                });
                return;
            }
            self.end(&now);
        } else if self.app["status"]["health"]["status"] == "Progressing" {
            self.app["status"]["health"] = json!({"status": self.settles});
        }
    }

    fn end(&mut self, now: &str) {
        let (phase, has_applied) = std::mem::replace(&mut self.ending, ("Succeeded", true));
        let operation = self.app["operation"].clone();
        let sync = &operation["sync"];
        let asked = |key: &str| match sync[key].is_null() {
            true => self.head[key].clone(),
            false => sync[key].clone(),
        };
        let mut result = json!({"revision": asked("revision"), "source": asked("source")});
        if asked("sources").is_array() {
            result["revisions"] = asked("revisions");
            result["sources"] = asked("sources");
        }
        let mut state = self.app["status"]["operationState"].clone();
        state["phase"] = json!(phase);
        state["finishedAt"] = json!(now);
        state["syncResult"] = result.clone();
        if has_applied {
            state["syncResult"]["resources"] = json!([{
                "group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop",
                "name": NAME, "status": "Synced", "message": "deployment.apps/shop configured",
            }]);
        }
        state["message"] = json!(match phase {
            "Succeeded" => "successfully synced (all tasks run)",
            _ => "one or more objects failed to apply",
        });
        self.app["status"]["operationState"] = state;
        self.app.as_object_mut().unwrap().remove("operation");
        self.app["status"]["reconciledAt"] = json!(now);
        if phase == "Succeeded" {
            let history = self.app["status"]["history"].as_array_mut().unwrap();
            let id = history
                .last()
                .map_or(0, |last| last["id"].as_i64().unwrap() + 1);
            result["id"] = json!(id);
            result["deployedAt"] = json!(now);
            result["deployStartedAt"] = json!(now);
            result["initiatedBy"] = operation["initiatedBy"].clone();
            history.push(result);
            self.app["status"]["health"] = json!({"status": "Progressing"});
        }
        self.reconcile();
    }

    fn finish(&mut self) {
        for _ in 0..6 {
            self.advance();
        }
    }

    fn answer(&mut self, asked: &Asked) -> Answered {
        if let Some(answer) = &self.all {
            return answer.clone();
        }
        let answer = match asked.is_by(TOKEN) {
            true => self.answer_to_ours(asked),
            false => error(401, 16, "invalid session: token signature is invalid"),
        };
        if let Answered::Json(status, body) = &answer {
            self.answered.push((asked.clone(), *status, body.clone()));
        }
        answer
    }

    fn answer_to_ours(&mut self, asked: &Asked) -> Answered {
        let path = asked.path.split('?').next().unwrap();
        let Some(path) = path.strip_prefix("/api/v1/") else {
            return error(404, 5, "Not Found");
        };
        if let Some(right) = path.strip_prefix("account/can-i/applications/") {
            let (action, _) = right.split_once('/').unwrap();
            let may =
                !self.denied.contains(&action) && right.ends_with(&format!("{PROJECT}/{NAME}"));
            return Answered::Json(200, json!({"value": if may { "yes" } else { "no" }}));
        }
        let below = path.strip_prefix(&format!("applications/{NAME}"));
        // It does not tell who has no right to know whether there is one.
        let below = below.filter(|below| below.is_empty() || below.starts_with('/'));
        let Some(below) = below else {
            return error(403, 7, "permission denied");
        };
        let action = match (asked.method.as_str(), below) {
            ("PATCH", _) => "update",
            ("POST", _) => "sync",
            (_, _) => "get",
        };
        if self.denied.contains(&action) {
            let why = format!(
                "permission denied: applications, {action}, {PROJECT}/{NAME}, sub: rollback-bot, iat: 2026-01-01T00:00:00Z"
            );
            return error(403, 7, &why);
        }
        match (asked.method.as_str(), below) {
            ("GET", "") => {
                let answer = Answered::Json(200, self.shown());
                self.advance();
                answer
            }
            ("PATCH", "") => self.patch(asked),
            ("GET", "/syncwindows") => Answered::Json(200, self.windows()),
            ("POST", "/rollback") => self.roll_back(asked),
            ("GET", below) => self.commit(below),
            (_, _) => error(501, 12, "Method Not Allowed"),
        }
    }

    fn shown(&self) -> Value {
        let mut app = self.app.clone();
        if let Some(shown) = &self.shown
            && app["status"]["operationState"]["phase"] == "Running"
        {
            app["status"]["operationState"]["phase"] = json!(shown);
        }
        app
    }

    fn windows(&self) -> Value {
        let closed = json!([{
            "kind": "deny", "schedule": "0 22 * * *", "duration": "8h", "manualSync": false,
        }]);
        let windows = if self.can_sync { json!([]) } else { closed };
        json!({"canSync": self.can_sync, "activeWindows": windows, "assignedWindows": windows})
    }

    fn commit(&self, below: &str) -> Answered {
        let revision = below.strip_prefix("/revisions/");
        let revision = revision.and_then(|rest| rest.strip_suffix("/metadata"));
        match revision.and_then(|revision| self.commits.get(revision)) {
            Some(message) => Answered::Json(
                200,
                json!({
                    "author": "Ana Lima <ana@acme.example>", "date": "2026-03-13T00:00:00Z",
                    "message": message, "signatureInfo": "",
                }),
            ),
            None => error(500, 2, "unable to resolve git revision"),
        }
    }

    fn patch(&mut self, asked: &Asked) -> Answered {
        if asked.body["patchType"] != "merge" {
            return error(400, 3, "Patch type '' is not supported");
        }
        let patch = asked.body["patch"].as_str().unwrap_or_default();
        let Ok(patch) = serde_json::from_str::<Value>(patch) else {
            return error(400, 3, "the patch is no JSON");
        };
        // What is not metadata or spec is not taken over.
        for part in ["metadata", "spec"] {
            merge(&mut self.app[part], &patch[part]);
        }
        let answer = Answered::Json(200, self.app.clone());
        self.reconcile();
        answer
    }

    fn roll_back(&mut self, asked: &Asked) -> Answered {
        self.asked += 1;
        let meets = self.next.take();
        if let Some(Meets::Answer(answer)) = meets {
            return answer;
        }
        let automated = &self.app["spec"]["syncPolicy"]["automated"];
        if automated.is_object() && automated["enabled"] != json!(false) {
            return error(
                400,
                9,
                "rollback cannot be initiated when auto-sync is enabled",
            );
        }
        let history = self.app["status"]["history"].as_array().unwrap();
        let entry = history.iter().find(|entry| entry["id"] == asked.body["id"]);
        let Some(entry) = entry.cloned() else {
            let why = format!(
                "application argocd/{NAME} does not have deployment with id {}",
                asked.body["id"]
            );
            return error(400, 3, &why);
        };
        if self.app["operation"].is_object() {
            return error(
                400,
                9,
                "error setting app operation: another operation is already in progress",
            );
        }
        let mut sync = json!({
            "revision": entry["revision"], "source": entry["source"],
            "prune": asked.body["prune"], "syncStrategy": {"apply": {}},
        });
        if entry["sources"].is_array() {
            sync["revisions"] = entry["revisions"].clone();
            sync["sources"] = entry["sources"].clone();
        }
        self.app["operation"] = json!({"sync": sync, "initiatedBy": {"username": "rollback-bot"}});
        self.app["status"]
            .as_object_mut()
            .unwrap()
            .remove("operationState");
        match meets {
            Some(_) => Answered::Cut,
            None => Answered::Json(200, self.app.clone()),
        }
    }
}

/// A JSON merge patch (RFC 7396).
fn merge(into: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        if !patch.is_null() {
            *into = patch.clone();
        }
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let object = into.as_object_mut().unwrap();
    for (key, value) in patch {
        match value {
            Value::Null => {
                object.remove(key);
            }
            value => merge(object.entry(key).or_insert(Value::Null), value),
        }
    }
}

/// A moment as Kubernetes writes it, to the second.
fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap().to_string()
}

fn error(status: u16, code: u16, message: &str) -> Answered {
    Answered::Json(
        status,
        json!({"error": message, "code": code, "message": message}),
    )
}
