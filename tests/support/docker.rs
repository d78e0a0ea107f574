//! A small Docker engine: containers, images, and a registry that it pulls from.

use crate::api::{Answered, Api, Asked};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// What stands in the environment of every container, and is nobody's business.
pub const SECRET: &str = "container-secret-4c1f";
/// What a registry wants of who asks it.
pub const PASSWORD: &str = "registry-password-9d02";

/// How it misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The next change is too much for now.
    TooManyRequests,
    /// The next change is done, and its answer is cut.
    DoneAndCut,
    /// The next change is neither done nor answered.
    CutAndNotDone,
    /// Containers are in a state that has no name yet.
    UnknownState,
    /// Every answer is a page for people.
    Html,
    /// Every answer has a hundred megabytes.
    Endless,
}

/// Everything in the engine.
#[derive(Default)]
pub struct Inside {
    /// By id.
    pub containers: BTreeMap<String, Value>,
    /// By id.
    pub images: BTreeMap<String, Value>,
    /// What the registry gives for a digest: an image, or what it says instead.
    pub registry: BTreeMap<String, Result<String, String>>,
    /// Which version of the API it speaks.
    pub api: String,
    /// How many steps were asked for: creating, stopping, naming and starting.
    pub asked: usize,
    trouble: Option<Trouble>,
}

/// An engine that listens.
#[derive(Clone)]
pub struct Engine {
    inside: Arc<Mutex<Inside>>,
    api: Api,
}

/// The id of an image, or of a container.
pub fn id(name: &str) -> String {
    let digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits:0<64}")
}

/// How the registry calls an image.
pub fn digest(name: &str) -> String {
    format!("registry.example.com/shop@{}", id(&format!("d{name}")))
}

impl Engine {
    /// Starts one with `shop` on v213, and v212 beside it.
    pub async fn start() -> Engine {
        let inside = Arc::new(Mutex::new(Inside {
            api: "1.41".into(),
            ..Inside::default()
        }));
        let answering = inside.clone();
        let api = Api::start(move |asked| answering.lock().unwrap().answer(asked)).await;
        let engine = Engine { inside, api };
        engine.change(|inside| {
            inside.build("v212", 1_772_000_000);
            inside.build("v213", 1_772_100_000);
            let made = inside.create(
                "shop",
                &json!({ "Image": "registry.example.com/shop:v213" }),
            );
            inside.set_state(&made, "running");
        });
        engine
    }

    /// Where it listens: `tcp://127.0.0.1:40000`.
    pub fn host(&self) -> String {
        self.api.url.replace("http://", "tcp://")
    }

    /// Looks at it, or changes it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Inside) -> T) -> T {
        change(&mut self.inside.lock().unwrap())
    }

    /// Makes it misbehave.
    pub fn trouble(&self, trouble: Option<Trouble>) {
        self.inside.lock().unwrap().trouble = trouble;
    }

    /// The tag of the image of a running container of this name.
    pub fn serves(&self, name: &str) -> Option<String> {
        let inside = self.inside.lock().unwrap();
        let container = inside.find(name)?;
        let image = &inside.images[container["Image"].as_str()?];
        let runs = container["State"]["Running"] == true;
        runs.then(|| image["tag"].as_str().unwrap().to_owned())
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

impl Inside {
    /// Builds an image.
    pub fn build(&mut self, tag: &str, created: i64) {
        let image = json!({
            "Id": id(tag),
            "tag": tag,
            "Created": created,
            "RepoTags": [format!("registry.example.com/shop:{tag}")],
            "RepoDigests": [digest(tag)],
            "Labels": { "org.opencontainers.image.revision": "9c7e2f4aa11b" },
            "Config": { "Env": [format!("BUILT_IN={tag}")], "Cmd": ["serve"], "Labels": null },
        });
        self.images.insert(id(tag), image);
    }

    /// A container by its name or its id.
    pub fn find(&self, name: &str) -> Option<&Value> {
        self.containers.get(name).or_else(|| {
            let wanted = format!("/{name}");
            self.containers.values().find(|one| one["Name"] == wanted)
        })
    }

    /// An image by its id, its tag or its digest.
    fn image(&self, name: &str) -> Option<&Value> {
        self.images.values().find(|image| {
            let is = |reference: &Value| *reference == name;
            image["Id"] == name
                || image["tag"] == name
                || image["RepoTags"].as_array().unwrap().iter().any(is)
                || image["RepoDigests"].as_array().unwrap().iter().any(is)
        })
    }

    /// Creates a container of what is asked for, and gives its id.
    pub fn create(&mut self, name: &str, asked: &Value) -> String {
        let made = id(&format!("{name}{}", self.containers.len()));
        let image = self
            .image(asked["Image"].as_str().unwrap())
            .unwrap()
            .clone();
        let mut config = asked.clone();
        let mut variables = asked["Env"].as_array().cloned().unwrap_or_default();
        if variables.is_empty() {
            variables.push(json!(format!("TOKEN={SECRET}")));
        }
        variables.extend(image["Config"]["Env"].as_array().unwrap().clone());
        config["Env"] = json!(variables);
        if asked["Cmd"].is_null() {
            config["Cmd"] = image["Config"]["Cmd"].clone();
        }
        let mut host = asked["HostConfig"].clone();
        if host["RestartPolicy"].is_null() {
            host = json!({ "NetworkMode": "bridge", "RestartPolicy": { "Name": "always", "MaximumRetryCount": 0 } });
        }
        config["HostConfig"].take();
        let container = json!({
            "Id": made,
            "Name": format!("/{name}"),
            "Created": "2026-03-01T02:40:00Z",
            "Image": image["Id"],
            "RestartCount": 0,
            "State": { "Status": "created", "Running": false, "ExitCode": 0, "Error": "" },
            "Config": config,
            "HostConfig": host,
            "Mounts": [],
            "NetworkSettings": { "Networks": { "bridge": { "Aliases": null } } },
        });
        self.containers.insert(made.clone(), container);
        made
    }

    /// Puts a container into a state.
    pub fn set_state(&mut self, id: &str, status: &str) {
        let state = &mut self.containers.get_mut(id).unwrap()["State"];
        state["Status"] = json!(status);
        state["Running"] = json!(status == "running");
        if status == "running" {
            state["StartedAt"] = json!("2026-03-01T02:40:01Z");
        }
    }

    fn answer(&mut self, asked: &Asked) -> Answered {
        match self.trouble {
            Some(Trouble::Html) => return Answered::Page,
            Some(Trouble::Endless) => return Answered::Endless,
            Some(_) | None => {}
        }
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let path = path
            .replace("%3A", ":")
            .replace("%2F", "/")
            .replace("%40", "@");
        let mut path: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        if path[0].starts_with("v1.") {
            path.remove(0);
        }
        let query: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let name = query.get("name").cloned().unwrap_or_default();
        match asked.method.as_str() {
            "GET" => self.show(&path),
            _ if path == ["images", "create"] => self.pull(&query["fromImage"], asked),
            _ => self.meet_change(&path, &name, &asked.body),
        }
    }

    fn show(&self, path: &[&str]) -> Answered {
        let found = match path {
            ["version"] => Some(json!({ "ApiVersion": self.api, "Version": "20.10.24" })),
            ["info"] => Some(json!({ "ID": "ABCD:EFGH" })),
            ["containers", "json"] => Some(self.containers.values().map(row).collect()),
            ["images", "json"] => {
                let mut images: Vec<&Value> = self.images.values().collect();
                images.sort_by_key(|image| -image["Created"].as_i64().unwrap());
                Some(json!(images))
            }
            ["containers", name, "json"] => self.find(name).map(|found| {
                let mut found = found.clone();
                if self.trouble == Some(Trouble::UnknownState) {
                    found["State"]["Status"] = json!("dreaming");
                }
                found
            }),
            ["images", name, "json"] => self.image(name).cloned(),
            _ => None,
        };
        found.map_or_else(
            || missing(&path.join("/")),
            |found| Answered::Json(200, found),
        )
    }

    fn pull(&mut self, digest: &str, asked: &Asked) -> Answered {
        if !asked.headers.contains_key("x-registry-auth") {
            return Answered::Json(200, json!({ "error": "denied: who asks?" }));
        }
        match self.registry.get(digest) {
            Some(Ok(tag)) => {
                let tag = tag.clone();
                self.build(&tag, 1_772_000_000);
                Answered::Json(200, json!({ "status": "Downloaded" }))
            }
            Some(Err(said)) => Answered::Json(200, json!({ "error": said })),
            None => Answered::Json(404, json!({ "message": "manifest unknown" })),
        }
    }

    /// Counts a change, and does it unless something goes wrong.
    fn meet_change(&mut self, path: &[&str], name: &str, body: &Value) -> Answered {
        let is_step = match path {
            ["containers", "create"] | ["containers", _, "start" | "stop"] => true,
            ["containers", _, "rename"] => name == "shop",
            _ => false,
        };
        self.asked += usize::from(is_step);
        let trouble = self
            .trouble
            .filter(|trouble| *trouble != Trouble::UnknownState);
        if trouble.is_some() {
            self.trouble = None;
        }
        match trouble {
            Some(Trouble::TooManyRequests) => return Answered::Wait(429, 7),
            Some(Trouble::CutAndNotDone) => return Answered::Cut,
            Some(_) | None => {}
        }
        let answer = self.done(path, name, body);
        match trouble {
            Some(_) => Answered::Cut,
            None => answer,
        }
    }

    fn done(&mut self, path: &[&str], name: &str, body: &Value) -> Answered {
        if let ["containers", "create"] = path {
            if self.find(name).is_some() {
                return Answered::Json(409, json!({ "message": "the name is in use" }));
            }
            let made = self.create(name, body);
            return Answered::Json(201, json!({ "Id": made }));
        }
        let ["containers", which, rest @ ..] = path else {
            return missing(&path.join("/"));
        };
        let Some(found) = self.find(which) else {
            return missing(which);
        };
        let found = found["Id"].as_str().unwrap().to_owned();
        match rest {
            [] => {
                self.containers.remove(&found);
            }
            ["start"] => self.set_state(&found, "running"),
            ["stop"] => self.set_state(&found, "exited"),
            ["rename"] if self.find(name).is_some() => {
                return Answered::Json(409, json!({ "message": "the name is in use" }));
            }
            ["rename"] => {
                self.containers.get_mut(&found).unwrap()["Name"] = json!(format!("/{name}"));
            }
            ["update"] => {
                let host = &mut self.containers.get_mut(&found).unwrap()["HostConfig"];
                host["RestartPolicy"] = body["RestartPolicy"].clone();
            }
            _ => return missing(&path.join("/")),
        }
        Answered::Json(200, json!({}))
    }
}

/// A container in the list of all.
fn row(container: &Value) -> Value {
    json!({
        "Id": container["Id"],
        "Names": [container["Name"]],
        "ImageID": container["Image"],
        "Labels": container["Config"]["Labels"],
        "State": container["State"]["Status"],
        "Created": 1_772_300_000,
    })
}

fn missing(what: &str) -> Answered {
    Answered::Json(404, json!({ "message": format!("no such thing: {what}") }))
}
