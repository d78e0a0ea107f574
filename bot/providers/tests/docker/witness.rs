//! Who sees from outside what the engine runs, and what a container has.

use crate::engine::RealEngine;
use reqwest::Client;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tokio::task::JoinHandle;

/// Follows what the engine tells of containers with the label `serves`, and counts how many run at
/// the same time.
pub struct Witness {
    seen: Arc<Mutex<Seen>>,
    following: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    running: BTreeSet<String>,
    most: usize,
    starts: usize,
}

impl Witness {
    /// Begins to look. What runs already has to be told.
    pub async fn begin(socket: PathBuf, running: &str) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        seen.lock().unwrap().running.insert(running.to_owned());
        let client = Client::builder().unix_socket(socket).build().unwrap();
        let mut url = url::Url::parse("http://docker/events").unwrap();
        let filters =
            json!({ "type": ["container"], "label": ["serves"], "event": ["start", "die"] });
        url.query_pairs_mut()
            .append_pair("filters", &filters.to_string());
        let mut events = client.get(url).send().await.unwrap();
        let shared = seen.clone();
        let following = tokio::spawn(async move {
            let mut text = vec![];
            while let Ok(Some(piece)) = events.chunk().await {
                text.extend_from_slice(&piece);
                while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = text.drain(..=end).collect();
                    let event: Value = serde_json::from_slice(&line).unwrap();
                    shared.lock().unwrap().take(&event);
                }
            }
        });
        Self { seen, following }
    }

    /// The most that ran at the same time, and how often one was started.
    pub fn seen(&self) -> (usize, usize) {
        let seen = self.seen.lock().unwrap();
        (seen.most, seen.starts)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Seen {
    fn take(&mut self, event: &Value) {
        let id = event["Actor"]["ID"].as_str().unwrap().to_owned();
        if event["Action"] == "start" {
            self.running.insert(id);
            self.starts += 1;
        } else {
            self.running.remove(&id);
        }
        self.most = self.most.max(self.running.len());
    }
}

/// What a container has, without what is another one's each time: its ids, its state, its files on
/// the machine, where it got to in its networks, its image with what that brings, and our labels.
pub fn everything(container: &Value) -> Value {
    let mut all = container.clone();
    let id = all["Id"].as_str().unwrap().to_owned();
    for key in [
        "Id",
        "Created",
        "State",
        "Image",
        "ResolvConfPath",
        "HostnamePath",
        "HostsPath",
        "LogPath",
        "RestartCount",
        "ExecIDs",
        "GraphDriver",
    ] {
        all.as_object_mut().unwrap().remove(key);
    }
    let config = all["Config"].as_object_mut().unwrap();
    config.remove("Image");
    if config["Hostname"]
        .as_str()
        .is_some_and(|name| id.starts_with(name))
    {
        config.remove("Hostname");
    }
    config["Labels"].as_object_mut().unwrap().retain(|name, _| {
        !name.starts_with("rollback-bot.") && !name.starts_with("org.opencontainers.")
    });
    let variables = config["Env"].as_array_mut().unwrap();
    variables.retain(|one| !one.as_str().unwrap().starts_with("BUILT_IN="));
    // A volume is a mount, whether it was asked for with a name or got one.
    sort(&mut all["Mounts"], |mount| mount["Destination"].to_string());
    for mount in all["Mounts"].as_array_mut().unwrap() {
        mount.as_object_mut().unwrap().remove("Mode");
    }
    all["HostConfig"].as_object_mut().unwrap().remove("Binds");
    let networks = all["NetworkSettings"]["Networks"].take();
    let mut networks = networks.as_object().unwrap().clone();
    for network in networks.values_mut() {
        let aliases = network["Aliases"].as_array().cloned().unwrap_or_default();
        let mut aliases: Vec<Value> = aliases
            .into_iter()
            .filter(|alias| !id.starts_with(alias.as_str().unwrap()))
            .collect();
        aliases.sort_by_key(ToString::to_string);
        let address = network["IPAMConfig"]["IPv4Address"].clone();
        *network = json!({ "aliases": aliases, "address": address });
    }
    all["NetworkSettings"] = json!(networks);
    all
}

fn sort(values: &mut Value, key: impl Fn(&Value) -> String) {
    values
        .as_array_mut()
        .unwrap()
        .sort_by_key(|value| key(value));
}

/// A container that has something of everything: networks with aliases and an address, ports,
/// mounts of every kind, limits, capabilities, a user's labels and variables, a restart policy.
pub async fn start_shop(engine: &RealEngine, image: &str) -> String {
    for (name, subnet) in [("front", "10.213.0.0/24"), ("back", "10.213.1.0/24")] {
        if engine.get(&format!("networks/{name}")).await.is_none() {
            let ipam = json!({ "Config": [{ "Subnet": subnet }] });
            let body = json!({ "Name": name, "Driver": "bridge", "IPAM": ipam });
            engine
                .ask(reqwest::Method::POST, "networks/create", Some(body))
                .await;
        }
    }
    let files = engine.directory("files").display().to_string();
    let settings = json!({
        "Image": image,
        "Env": ["DATABASE_URL=postgres://shop:hunter2@db/shop", "MODE=live"],
        "Labels": { "serves": "shop", "team": "web" },
        "ExposedPorts": { "80/tcp": {} },
        "StopSignal": "SIGKILL",
        "User": "1000:1000",
        "Domainname": "example.com",
        "Volumes": { "/cache": {} },
        "Healthcheck": { "Test": ["NONE"] },
        "HostConfig": {
            "Binds": [format!("{files}:/files:ro")],
            "Mounts": [{ "Type": "volume", "Source": "uploads", "Target": "/uploads" }],
            "NetworkMode": "front",
            "PortBindings": { "80/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "18099" }] },
            "RestartPolicy": { "Name": "always" },
            "CapAdd": ["NET_ADMIN"],
            "CapDrop": ["MKNOD"],
            "Dns": ["10.0.0.53"],
            "ExtraHosts": ["legacy:10.9.8.7"],
            "ReadonlyRootfs": true,
            "Tmpfs": { "/tmp": "size=1m" },
            "LogConfig": { "Type": "json-file", "Config": { "max-size": "1m" } },
            "Memory": 64 << 20,
            "PidsLimit": 50,
            "Ulimits": [{ "Name": "nofile", "Soft": 1000, "Hard": 2000 }],
            "Sysctls": { "net.ipv4.ip_unprivileged_port_start": "0" },
            "OomScoreAdj": 100,
            "Init": false,
        },
        "NetworkingConfig": { "EndpointsConfig": {
            "front": { "Aliases": ["shop", "www"], "IPAMConfig": { "IPv4Address": "10.213.0.77" } },
        } },
    });
    let path = "containers/create?name=shop";
    let made = engine
        .ask(reqwest::Method::POST, path, Some(settings))
        .await;
    let endpoint =
        json!({ "Container": "shop", "EndpointConfig": { "Aliases": ["shop-internal"] } });
    engine
        .ask(
            reqwest::Method::POST,
            "networks/back/connect",
            Some(endpoint),
        )
        .await;
    engine
        .ask(reqwest::Method::POST, "containers/shop/start", None)
        .await;
    made["Id"].as_str().unwrap().to_owned()
}
