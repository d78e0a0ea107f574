//! A small cluster of Kubernetes with one workload: its templates, their revisions and its
//! rollouts, over real HTTP. The real kubectl takes it for a cluster.

use crate::api::{Answered, Api, Asked};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex};

/// What its API is called with.
pub const TOKEN: &str = "eyJ-token-of-the-cluster-of-the-stories";
/// Where the workload is.
pub const NAMESPACE: &str = "production";
/// What it is called.
pub const NAME: &str = "shop";
/// How many pods it has.
const PODS: i64 = 3;

/// What a clock shows.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a change of the template meets instead of a rollout.
#[derive(Clone, Debug)]
pub enum Meets {
    /// This answer, and nothing is done.
    Answer(Answered),
    /// It is done, and the answer never arrives.
    DoneAndCut,
    /// Somebody else deploys this image at the same moment, and is first.
    Deploy(String),
}

struct State {
    now: Now,
    /// `Deployment`, `StatefulSet`, `DaemonSet` or `Rollout`.
    kind: &'static str,
    object: Value,
    /// Its ReplicaSets or ControllerRevisions, oldest first.
    revisions: Vec<Value>,
    version: i64,
    is_observed: bool,
    /// How many pods serve the template, how many have it and are not ready, and how many have
    /// another one.
    serving: i64,
    broken: i64,
    older: i64,
    /// Whether new pods never become ready.
    is_stuck: bool,
    /// What rights the account has not: a verb and a resource.
    denied: Vec<(String, String)>,
    asked: usize,
    next: Option<Meets>,
    all: Option<Answered>,
    /// What is shown as the reason of its progress.
    shown: Option<String>,
    deadline: Option<Timestamp>,
    /// Of a Rollout: the hash of its stable template, whether its update was aborted, and whether
    /// it was promoted past its steps.
    stable: String,
    is_aborted: bool,
    is_promoted: bool,
    /// Another token than [`TOKEN`].
    token: String,
}

/// Where it listens, and what it holds.
pub struct Kubernetes {
    api: Api,
    state: Arc<Mutex<State>>,
}

impl Kubernetes {
    /// Starts one with a workload of this kind that runs this image.
    pub async fn start(kind: &'static str, now: Now, image: &str) -> Kubernetes {
        let labels = json!({"app": NAME});
        let mut spec = json!({
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"creationTimestamp": null, "labels": labels},
                "spec": {"containers": [{
                    "name": NAME, "image": "none", "resources": {},
                    "envFrom": [{"configMapRef": {"name": "shop-settings"}}],
                    "env": [{"name": "DATABASE_URL", "valueFrom":
                        {"secretKeyRef": {"name": "shop-database", "key": "url"}}}],
                }]},
            },
        });
        if kind != "DaemonSet" {
            spec["replicas"] = json!(PODS);
        }
        if kind == "Deployment" {
            spec["progressDeadlineSeconds"] = json!(600);
            spec["strategy"] = json!({"type": "RollingUpdate"});
        } else if kind == "Rollout" {
            let steps = json!([{"setWeight": 30}, {"pause": {}}, {"setWeight": 60}]);
            spec["strategy"] = json!({"canary": {"steps": steps}});
        } else {
            spec["updateStrategy"] = json!({"type": "RollingUpdate"});
        }
        let object = json!({
            "apiVersion": api_version(kind), "kind": kind, "spec": spec,
            "metadata": {
                "name": NAME, "namespace": NAMESPACE, "uid": "0b6c1f3e-shop", "generation": 1,
                "creationTimestamp": seconds(now()), "labels": labels, "annotations": {},
            },
        });
        let state = State {
            now,
            kind,
            object,
            revisions: vec![],
            version: 1,
            is_observed: true,
            serving: 0,
            broken: 0,
            older: 0,
            is_stuck: false,
            denied: vec![],
            asked: 0,
            next: None,
            all: None,
            shown: None,
            deadline: None,
            stable: String::new(),
            is_aborted: false,
            is_promoted: true,
            token: TOKEN.into(),
        };
        let state = Arc::new(Mutex::new(state));
        state.lock().unwrap().deploy(image, None);
        let answering = state.clone();
        let api = Api::start(move |asked| answering.lock().unwrap().answer(asked)).await;
        Kubernetes { api, state }
    }

    /// Its time is this one from now on.
    pub fn follows(&self, now: Now) {
        self.change(|state| state.now = now);
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    /// The address of its API.
    pub fn url(&self) -> String {
        self.api.url.clone()
    }

    /// Deploys an image, which serves at once; `cause` is what changed.
    pub fn deploy(&self, image: &str, cause: Option<&str>) {
        self.change(|state| state.deploy(image, cause));
    }

    /// Deploys an image whose pods never become ready, and the time for that is over.
    pub fn deploy_broken(&self, image: &str) {
        self.change(|state| {
            state.set_image(image, None);
            state.is_observed = true;
            state.broken = 1;
            state.deadline = Some((state.now)());
        });
    }

    /// Updates a Rollout to an image, which waits at its second step for somebody to promote it.
    pub fn begins_an_update(&self, image: &str) {
        self.change(|state| {
            state.set_image(image, None);
            state.is_promoted = false;
            state.finish();
        });
    }

    /// From now on no update waits at a step, or each does until it is promoted.
    pub fn promotes(&self, is_promoted: bool) {
        self.change(|state| state.is_promoted = is_promoted);
    }

    /// An analysis fails: the update of a Rollout is aborted.
    pub fn aborts(&self) {
        self.change(|state| {
            state.is_aborted = true;
            state.finish();
        });
    }

    /// Whether the update of a Rollout was aborted.
    pub fn is_aborted(&self) -> bool {
        self.change(|state| state.is_aborted)
    }

    /// Somebody restarts the pods, as `kubectl rollout restart` does it.
    pub fn restart(&self) {
        self.change(|state| {
            let at = (state.now)().to_string();
            let metadata = &mut state.object["spec"]["template"]["metadata"];
            metadata["annotations"]["kubectl.kubernetes.io/restartedAt"] = json!(at);
            state.begin();
            state.finish();
        });
    }

    /// Changes the workload as somebody else might, without a rollout.
    pub fn edit(&self, edit: impl FnOnce(&mut Value)) {
        self.change(|state| {
            edit(&mut state.object);
            state.touch();
        });
    }

    /// New pods never become ready from now on; the time for that is over at once.
    pub fn gets_stuck(&self) {
        self.change(|state| state.is_stuck = true);
    }

    /// The image that its template has.
    pub fn image(&self) -> String {
        self.change(|state| image_of(&state.object["spec"]["template"]))
    }

    /// The template that it has.
    pub fn template(&self) -> Value {
        self.change(|state| state.object["spec"]["template"].clone())
    }

    /// The workload.
    pub fn object(&self) -> Value {
        self.change(|state| state.whole())
    }

    /// What serves, as people call it: the tag of its image. After an abort that is the stable one.
    pub fn live(&self) -> String {
        let image = self.change(|state| {
            let mut revisions = state.revisions.iter().map(kept_template);
            let stable = revisions.find(|template| hash(template) == state.stable);
            let template = state.object["spec"]["template"].clone();
            image_of(&stable.filter(|_| state.is_aborted).unwrap_or(template))
        });
        image.rsplit(':').next().unwrap_or_default().to_owned()
    }

    /// How many changes of the template it was asked for, done or not.
    pub fn patches_asked(&self) -> usize {
        self.change(|state| state.asked)
    }

    /// The next change meets this.
    pub fn next_meets(&self, what: Meets) {
        self.change(|state| state.next = Some(what));
    }

    /// Every request meets this; `None`: it answers again as it does.
    pub fn all_meet(&self, what: Option<Answered>) {
        self.change(|state| state.all = what);
    }

    /// The account has not the right to do this.
    pub fn denies(&self, verb: &str, resource: &str) {
        self.change(|state| state.denied.push((verb.into(), resource.into())));
    }

    /// Shows this as the reason of its progress.
    pub fn shows(&self, reason: Option<&str>) {
        self.change(|state| state.shown = reason.map(str::to_owned));
    }

    /// Takes only this token from now on.
    pub fn takes(&self, token: &str) {
        self.change(|state| state.token = token.into());
    }

    /// Keeps the newest revisions only, so many.
    pub fn keeps(&self, count: usize) {
        self.change(|state| {
            let too_many = state.revisions.len().saturating_sub(count);
            state.revisions.drain(..too_many);
        });
    }

    /// Lets what is under way come to its end.
    pub fn finish(&self) {
        self.change(State::finish);
    }

    /// The most bytes of one answer that were taken.
    pub fn most_sent(&self) -> usize {
        self.api.most_sent()
    }
}

impl State {
    fn resource(&self) -> String {
        format!("{}s", self.kind.to_ascii_lowercase())
    }

    fn touch(&mut self) {
        self.version += 1;
        self.object["metadata"]["resourceVersion"] = json!(self.version.to_string());
    }

    fn deploy(&mut self, image: &str, cause: Option<&str>) {
        self.set_image(image, cause);
        self.finish();
    }

    fn set_image(&mut self, image: &str, cause: Option<&str>) {
        self.object["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        if let Some(cause) = cause {
            self.object["metadata"]["annotations"]["kubernetes.io/change-cause"] = json!(cause);
        }
        self.begin();
    }

    /// The template is another one: its controller has not seen it yet.
    fn begin(&mut self) {
        let generation = self.object["metadata"]["generation"].as_i64().unwrap();
        self.object["metadata"]["generation"] = json!(generation + 1);
        self.touch();
        self.keep_revision();
        self.is_observed = false;
        self.older = PODS;
        (self.serving, self.broken) = (0, 0);
        self.is_aborted = false;
    }

    /// Whether the template is the stable one of a Rollout.
    fn is_stable(&self) -> bool {
        self.stable == hash(&self.object["spec"]["template"])
    }

    /// Finds the revision of the template, or makes it: it is the newest from now on.
    fn keep_revision(&mut self) {
        let template = self.object["spec"]["template"].clone();
        let newest = self.revisions.iter().map(number).max().unwrap_or(0) + 1;
        let place = self
            .revisions
            .iter()
            .position(|revision| kept_template(revision) == template);
        let annotation = match self.kind {
            "Deployment" => Some("deployment.kubernetes.io/revision"),
            "Rollout" => Some("rollout.argoproj.io/revision"),
            _ => None,
        };
        let place = place.unwrap_or_else(|| {
            self.revisions.push(self.new_revision(&template));
            self.revisions.len() - 1
        });
        let revision = &mut self.revisions[place];
        let cause = &self.object["metadata"]["annotations"]["kubernetes.io/change-cause"];
        if !cause.is_null() {
            revision["metadata"]["annotations"]["kubernetes.io/change-cause"] = cause.clone();
        }
        match annotation {
            Some(annotation) => {
                let number = json!(newest.to_string());
                revision["metadata"]["annotations"][annotation] = number.clone();
                self.object["metadata"]["annotations"][annotation] = number;
            }
            None => revision["revision"] = json!(newest),
        }
    }

    fn new_revision(&self, template: &Value) -> Value {
        let hash = hash(template);
        let label = match self.kind {
            "Deployment" => "pod-template-hash",
            "Rollout" => "rollouts-pod-template-hash",
            _ => "controller.kubernetes.io/hash",
        };
        let has_sets = matches!(self.kind, "Deployment" | "Rollout");
        let mut labels = self.object["spec"]["selector"]["matchLabels"].clone();
        labels[label] = json!(hash);
        let metadata = json!({
            "name": format!("{NAME}-{hash}"), "namespace": NAMESPACE, "uid": format!("uid-{hash}"),
            "creationTimestamp": seconds((self.now)()), "labels": labels, "annotations": {},
            "ownerReferences": [{
                "apiVersion": api_version(self.kind), "kind": self.kind, "name": NAME,
                "uid": self.object["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
            }],
        });
        let mut template = template.clone();
        if has_sets {
            template["metadata"]["labels"][label] = json!(hash);
            return json!({
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata,
                "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
                "status": {"replicas": 0},
            });
        }
        template["$patch"] = json!("replace");
        json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata,
            "data": {"spec": {"template": template}}, "revision": 0,
        })
    }

    /// What is under way goes one stage on: it is observed, then pod by pod is replaced.
    fn advance(&mut self) {
        if !self.is_observed {
            self.is_observed = true;
        } else if self.is_stuck && self.older > 0 {
            self.broken = 1;
            self.deadline = Some((self.now)());
        } else if self.is_aborted {
            (self.serving, self.older) = (0, PODS);
        } else if self.older > 0 && !self.waits_at_a_step() {
            self.older -= 1;
            self.serving += 1;
            self.deadline = None;
        }
        if self.older == 0 {
            self.stable = hash(&self.object["spec"]["template"]);
        }
    }

    /// Whether the update of a Rollout waits for somebody to promote it.
    fn waits_at_a_step(&self) -> bool {
        let is_update = self.kind == "Rollout" && !self.is_aborted && !self.is_stable();
        is_update && !self.is_promoted && self.serving == 1
    }

    /// What Argo Rollouts shows of a Rollout besides its pods.
    fn update(&self) -> Value {
        let waits = self.waits_at_a_step();
        let (phase, message) = match (self.is_aborted, waits, self.older) {
            (true, _, _) => ("Degraded", "RolloutAborted: Rollout aborted update"),
            (false, true, _) => ("Paused", "CanaryPauseStep"),
            (false, false, 0) => ("Healthy", ""),
            (false, false, _) => ("Progressing", "more replicas need to be updated"),
        };
        let phase = self.shown.as_deref().unwrap_or(phase);
        let mut update = json!({
            "phase": phase, "message": message, "abort": self.is_aborted,
            "stableRS": self.stable, "currentPodHash": hash(&self.object["spec"]["template"]),
            "currentStepIndex": if waits { 1 } else if self.older == 0 { 3 } else { 0 },
        });
        if waits {
            update["pauseConditions"] =
                json!([{"reason": "CanaryPauseStep", "startTime": "2026-03-14T00:00:00Z"}]);
        }
        update
    }

    fn finish(&mut self) {
        for _ in 0..=PODS {
            self.advance();
        }
    }

    /// The workload with its status.
    fn whole(&self) -> Value {
        let mut object = self.object.clone();
        let generation = object["metadata"]["generation"].as_i64().unwrap();
        let observed = generation - i64::from(!self.is_observed);
        let all = self.serving + self.broken + self.older;
        let updated = match self.is_observed {
            true => self.serving + self.broken,
            false => PODS,
        };
        let available = self.serving + self.older;
        object["status"] = match self.kind {
            "DaemonSet" => json!({
                "observedGeneration": observed, "desiredNumberScheduled": PODS,
                "currentNumberScheduled": all, "updatedNumberScheduled": updated,
                "numberAvailable": available, "numberReady": available, "numberMisscheduled": 0,
            }),
            "StatefulSet" => {
                let newest = self
                    .revisions
                    .iter()
                    .max_by_key(|revision| number(revision));
                json!({
                    "observedGeneration": observed, "replicas": all, "updatedReplicas": updated,
                    "readyReplicas": available, "availableReplicas": available,
                    "currentReplicas": self.older,
                    "updateRevision": newest.map(|newest| newest["metadata"]["name"].clone()),
                    "currentRevision": newest.map(|newest| newest["metadata"]["name"].clone()),
                })
            }
            "Rollout" => {
                let mut status = self.update();
                status["observedGeneration"] = json!(observed.to_string());
                for (key, count) in [
                    ("replicas", all),
                    ("updatedReplicas", updated),
                    ("readyReplicas", available),
                    ("availableReplicas", available),
                ] {
                    status[key] = json!(count);
                }
                status
            }
            _ => json!({
                "observedGeneration": observed, "replicas": all, "updatedReplicas": updated,
                "readyReplicas": available, "availableReplicas": available,
                "conditions": [self.condition()],
            }),
        };
        object
    }

    fn condition(&self) -> Value {
        let (status, reason, at) = match (self.deadline, &self.shown) {
            (_, Some(shown)) => ("Unknown", shown.as_str(), (self.now)()),
            (Some(at), None) => ("False", "ProgressDeadlineExceeded", at),
            (None, None) if self.older > 0 => ("True", "ReplicaSetUpdated", (self.now)()),
            (None, None) => ("True", "NewReplicaSetAvailable", (self.now)()),
        };
        json!({
            "type": "Progressing", "status": status, "reason": reason,
            "lastUpdateTime": seconds(at), "lastTransitionTime": seconds(at),
        })
    }

    fn answer(&mut self, asked: &Asked) -> Answered {
        if let Some(answer) = &self.all {
            return answer.clone();
        }
        if !asked.is_by(&self.token.clone()) {
            return status(401, "Unauthorized", "Unauthorized");
        }
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        if let Some(discovered) = discovery(path) {
            return Answered::Json(200, discovered);
        }
        if path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" {
            return self.review(asked);
        }
        let ours = format!("/apis/{}/namespaces/{NAMESPACE}/", api_version(self.kind));
        let apps = format!("/apis/apps/v1/namespaces/{NAMESPACE}/");
        let rest = path
            .strip_prefix(&ours)
            .or_else(|| path.strip_prefix(&apps));
        let Some(rest) = rest else {
            return status(
                404,
                "NotFound",
                "the server could not find the requested resource",
            );
        };
        let (rest, part) = match rest.strip_suffix("/status") {
            Some(rest) => (rest, Some("status")),
            None => (rest, None),
        };
        let (resource, name) = match rest.split_once('/') {
            Some((resource, name)) => (resource, Some(name)),
            None => (rest, None),
        };
        let verb = match (asked.method.as_str(), name) {
            ("PATCH", _) => "patch",
            (_, Some(_)) => "get",
            (_, None) => "list",
        };
        if self.is_denied(verb, resource) {
            let what = format!(
                "{resource}.apps is forbidden: User \"system:serviceaccount:{NAMESPACE}:bot\" cannot {verb} resource \"{resource}\" in API group \"apps\" in the namespace \"{NAMESPACE}\""
            );
            return status(403, "Forbidden", &what);
        }
        let is_ours = resource == self.resource();
        match (asked.method.as_str(), name) {
            ("GET", Some(NAME)) if is_ours => {
                let answer = Answered::Json(200, self.whole());
                self.advance();
                answer
            }
            ("PATCH", Some(NAME)) if is_ours => self.patch(asked, query, part),
            ("GET", None) if is_ours && query.contains("watch=") => {
                Answered::Json(200, json!({"type": "ADDED", "object": self.whole()}))
            }
            ("GET", None) if is_ours => self.list(self.kind, vec![self.whole()]),
            ("GET", None) if resource == "replicasets" => self.list("ReplicaSet", self.counted()),
            ("GET", None) if resource == "controllerrevisions" => {
                self.list("ControllerRevision", self.revisions.clone())
            }
            (_, Some(name)) => status(
                404,
                "NotFound",
                &format!("{resource}.apps \"{name}\" not found"),
            ),
            (_, None) => status(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            ),
        }
    }

    fn is_denied(&self, verb: &str, resource: &str) -> bool {
        let mut denied = self.denied.iter();
        denied.any(|(denied, of)| denied == verb && of == resource)
    }

    fn list(&self, kind: &str, items: Vec<Value>) -> Answered {
        let version = self.version.to_string();
        Answered::Json(
            200,
            json!({
                "apiVersion": "apps/v1", "kind": format!("{kind}List"),
                "metadata": {"resourceVersion": version}, "items": items,
            }),
        )
    }

    /// The ReplicaSets with how many pods of each are available.
    fn counted(&self) -> Vec<Value> {
        let mut revisions = self.revisions.clone();
        let mut by_age: Vec<usize> = (0..revisions.len()).collect();
        by_age.sort_by_key(|at| std::cmp::Reverse(number(&revisions[*at])));
        for (at, pods) in by_age.into_iter().zip([self.serving, self.older]) {
            revisions[at]["spec"]["replicas"] = json!(pods);
            revisions[at]["status"] = json!({"replicas": pods, "availableReplicas": pods});
        }
        revisions
    }

    fn review(&self, asked: &Asked) -> Answered {
        let wanted = &asked.body["spec"]["resourceAttributes"];
        let is_denied = self.is_denied(
            wanted["verb"].as_str().unwrap_or_default(),
            wanted["resource"].as_str().unwrap_or_default(),
        );
        let group = match wanted["resource"] == "rollouts" {
            true => "argoproj.io",
            false => "apps",
        };
        let is_here = wanted["namespace"] == NAMESPACE && wanted["group"] == group;
        let mut review = asked.body.clone();
        review["status"] = json!({"allowed": is_here && !is_denied});
        Answered::Json(201, review)
    }

    fn patch(&mut self, asked: &Asked, query: &str, part: Option<&str>) -> Answered {
        let is_dry = query.contains("dryRun=All");
        let mut meets = None;
        if !is_dry {
            self.asked += 1;
            meets = self.next.take();
        }
        match &meets {
            Some(Meets::Answer(answer)) => return answer.clone(),
            Some(Meets::Deploy(image)) => self.deploy(&image.clone(), None),
            Some(Meets::DoneAndCut) | None => {}
        }
        let kind = asked.headers.get("content-type").map(String::as_str);
        if kind != Some("application/json-patch+json") {
            return status(
                415,
                "UnsupportedMediaType",
                "only JSON patches are known here",
            );
        }
        let before = self.object.clone();
        let mut after = match part {
            Some(_) => self.whole(),
            None => before.clone(),
        };
        for step in asked.body.as_array().into_iter().flatten() {
            if applied(&mut after, step).is_none() {
                let why = "the server rejected our request due to an error in our request";
                return status(422, "Invalid", why);
            }
        }
        if is_dry {
            return Answered::Json(200, after);
        }
        match part {
            // Of what is patched there, only the status is taken.
            Some(_) => self.is_aborted = after["status"]["abort"] == json!(true),
            None => self.object = after,
        }
        if before["spec"] == self.object["spec"] {
            self.touch();
        } else {
            self.begin();
        }
        match meets {
            Some(Meets::DoneAndCut) => Answered::Cut,
            Some(Meets::Answer(_) | Meets::Deploy(_)) | None => Answered::Json(200, self.whole()),
        }
    }
}

/// One step of a JSON patch; `None`: it does not hold, or does not fit.
fn applied(object: &mut Value, step: &Value) -> Option<()> {
    let path = step["path"].as_str()?;
    let (parent, key) = path.rsplit_once('/')?;
    let key = key.replace("~1", "/").replace("~0", "~");
    let parent: &mut Map<String, Value> = object.pointer_mut(parent)?.as_object_mut()?;
    match step["op"].as_str()? {
        "test" => (parent.get(&key) == step.get("value")).then_some(()),
        "replace" => {
            *parent.get_mut(&key)? = step["value"].clone();
            Some(())
        }
        "add" => {
            parent.insert(key, step["value"].clone());
            Some(())
        }
        "remove" => parent.remove(&key).map(drop),
        _ => None,
    }
}

/// The API that has a kind of workload.
fn api_version(kind: &str) -> &'static str {
    match kind {
        "Rollout" => "argoproj.io/v1alpha1",
        _ => "apps/v1",
    }
}

fn image_of(template: &Value) -> String {
    let image = template["spec"]["containers"][0]["image"].as_str();
    image.unwrap_or_default().to_owned()
}

fn number(revision: &Value) -> i64 {
    let annotations = &revision["metadata"]["annotations"];
    let [deployment, rollout] = ["deployment.kubernetes.io", "rollout.argoproj.io"];
    let of = |owner: &str| annotations[format!("{owner}/revision")].as_str();
    let written = of(deployment).or(of(rollout));
    let written = written.and_then(|number| number.parse().ok());
    written.or(revision["revision"].as_i64()).unwrap_or(0)
}

/// The template of a revision, as the workload had it.
fn kept_template(revision: &Value) -> Value {
    let kept = match revision["kind"].as_str() {
        Some("ReplicaSet") => &revision["spec"]["template"],
        _ => &revision["data"]["spec"]["template"],
    };
    let mut template = kept.clone();
    template.as_object_mut().unwrap().remove("$patch");
    let labels = template["metadata"]["labels"].as_object_mut().unwrap();
    labels.remove("pod-template-hash");
    labels.remove("rollouts-pod-template-hash");
    template
}

/// A short name for what is in a template (FNV-1a).
fn hash(template: &Value) -> String {
    let bytes = template.to_string().into_bytes();
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    format!("{hash:08x}")
}

/// A moment as a cluster writes it, to the second.
fn seconds(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap().to_string()
}

/// What a client reads to find out what there is.
fn discovery(path: &str) -> Option<Value> {
    let resource = |name: &str, kind: &str, short: &str| {
        json!({
            "name": name, "singularName": kind.to_ascii_lowercase(), "namespaced": true,
            "kind": kind, "shortNames": [short], "categories": ["all"],
            "verbs": ["get", "list", "patch", "watch"],
        })
    };
    let apps = json!({"groupVersion": "apps/v1", "version": "v1"});
    Some(match path {
        "/version" => json!({"major": "1", "minor": "32", "gitVersion": "v1.32.4"}),
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
        "/api/v1" => json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": []}),
        "/apis" => json!({
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": [{"name": "apps", "versions": [apps], "preferredVersion": apps}],
        }),
        "/apis/apps/v1" => json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "apps/v1",
            "resources": [
                resource("deployments", "Deployment", "deploy"),
                resource("statefulsets", "StatefulSet", "sts"),
                resource("daemonsets", "DaemonSet", "ds"),
                resource("replicasets", "ReplicaSet", "rs"),
                resource("controllerrevisions", "ControllerRevision", "cr"),
            ],
        }),
        _ => return None,
    })
}

fn status(code: u16, reason: &str, message: &str) -> Answered {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "reason": reason, "message": message, "code": code,
    });
    Answered::Json(code, status)
}
