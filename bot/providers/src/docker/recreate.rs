//! The same container on another image: what it is made from, and whether anything got lost.
//!
//! Everything comes from what the engine itself shows of the old container, as it is, so that a
//! setting which nobody here knows is kept, too. What the old image had put into the configuration
//! is taken out of it, because the new image brings its own.

use super::container::{CONTAINER, Container, IMAGE, LABELS, ROLLBACK, short};
use crate::docker_api::plain;
use rollback_domain::identity::RollbackId;
use serde_json::{Map, Value, json};

/// What an image can put into the configuration of a container as a whole.
const OF_THE_IMAGE: [&str; 7] = [
    "Cmd",
    "Entrypoint",
    "Healthcheck",
    "OnBuild",
    "Shell",
    "StopSignal",
    "WorkingDir",
];
/// The same, key by key.
const OF_THE_IMAGE_BY_KEY: [&str; 3] = ["ExposedPorts", "Labels", "Volumes"];
/// What is configured of a network that a container is in. The rest is what it got there.
const OF_A_NETWORK: [&str; 4] = ["IPAMConfig", "Links", "DriverOpts", "GwPriority"];
/// From this version of the API on, a container is created in all of its networks, and shows the
/// hardware address that it was given.
const ALL_NETWORKS: (u32, u32) = (1, 44);

/// What the new container is made of.
#[derive(Debug)]
pub(super) struct Recipe<'a> {
    pub(super) old: &'a Container,
    /// The configuration of the old image; null when the image is not there any more.
    pub(super) old_image: &'a Value,
    /// The id of the new image.
    pub(super) image: &'a str,
    /// How the new image is named: by its digest in the registry, else by its id.
    pub(super) reference: &'a str,
    /// The configuration of the new image.
    pub(super) new_image: &'a Value,
    /// The restart policy that the old container had before the rollback.
    pub(super) restart: &'a Value,
    pub(super) rollback: RollbackId,
    /// The name that it gets in the end.
    pub(super) name: &'a str,
    /// The version of the API.
    pub(super) api: (u32, u32),
}

impl Recipe<'_> {
    /// The body of the request that creates it.
    pub(super) fn body(&self) -> Value {
        let mut config = own_config(self.old, self.old_image);
        config.insert("Image".into(), json!(self.reference));
        let labels = config.entry("Labels").or_insert_with(|| json!({}));
        labels[ROLLBACK] = json!(self.rollback.to_string());
        labels[CONTAINER] = json!(self.name);
        labels[IMAGE] = json!(self.old.reference());
        let first = self.first_networks();
        let mut body = Value::Object(config);
        body["HostConfig"] = self.host_config();
        if !first.is_empty() {
            body["NetworkingConfig"] = json!({ "EndpointsConfig": first });
        }
        body
    }

    fn host_config(&self) -> Value {
        let mut host = self.old.0["HostConfig"].clone();
        host["RestartPolicy"] = self.restart.clone();
        let links = strings(&host["Links"]);
        if !links.is_empty() {
            host["Links"] = links.iter().map(|link| link_as_asked(link)).collect();
        }
        // A volume without a name of its own is found again by the one that the engine gave it.
        let mut binds = strings(&host["Binds"]);
        for mount in array(&self.old.0["Mounts"]) {
            let place = mount["Destination"].as_str().unwrap_or_default();
            let (Some("volume"), Some(volume)) = (mount["Type"].as_str(), mount["Name"].as_str())
            else {
                continue;
            };
            let asked = array_mut(&mut host["Mounts"])
                .iter_mut()
                .find(|asked| asked["Target"] == place);
            if let Some(asked) = asked {
                if asked["Source"].as_str().is_none_or(str::is_empty) {
                    asked["Source"] = json!(volume);
                }
            } else if !binds.iter().any(|bind| bind_place(bind) == place) {
                let mode = match mount["RW"].as_bool() {
                    Some(false) => ":ro",
                    _ => "",
                };
                binds.push(format!("{volume}:{place}{mode}"));
            }
        }
        if !binds.is_empty() {
            host["Binds"] = json!(binds);
        }
        host
    }

    /// The networks in which it is created.
    fn first_networks(&self) -> Map<String, Value> {
        let mut networks = self.networks();
        if self.api < ALL_NETWORKS {
            let primary = self.primary();
            networks.retain(|name, _| *name == primary);
        }
        networks
    }

    /// The networks that it is connected to afterwards, because the engine takes one at first.
    pub(super) fn other_networks(&self) -> Map<String, Value> {
        let mut networks = self.networks();
        if self.api >= ALL_NETWORKS {
            return Map::new();
        }
        let primary = self.primary();
        networks.retain(|name, _| *name != primary);
        networks
    }

    /// The name of the network that its mode names, by name or by id.
    fn primary(&self) -> String {
        let mode = match self.old.0["HostConfig"]["NetworkMode"].as_str() {
            None | Some("" | "default") => "bridge",
            Some(mode) => mode,
        };
        let networks = self.old.0["NetworkSettings"]["Networks"].as_object();
        let by_id = networks
            .into_iter()
            .flatten()
            .find(|(_, network)| network["NetworkID"] == mode);
        by_id.map_or_else(|| mode.to_owned(), |(name, _)| name.clone())
    }

    /// What is configured of each network. A container that has somebody else's has none.
    fn networks(&self) -> Map<String, Value> {
        let mode = self.old.0["HostConfig"]["NetworkMode"].as_str();
        if mode
            .is_some_and(|mode| matches!(mode, "host" | "none") || mode.starts_with("container:"))
        {
            return Map::new();
        }
        let mut networks = networks(self.old);
        if self.api >= ALL_NETWORKS {
            for (name, network) in &mut networks {
                let address = &self.old.0["NetworkSettings"]["Networks"][name]["MacAddress"];
                if address.as_str().is_some_and(|address| !address.is_empty()) {
                    network["MacAddress"] = address.clone();
                }
            }
        }
        networks
    }

    /// What the new container has lost of the old one, each by its name. It has to be nothing.
    pub(super) fn lost(&self, new: &Container) -> Vec<String> {
        let mut lost = vec![];
        if new.image() != self.image {
            lost.push("the image".into());
        }
        let (before, after) = (
            own_config(self.old, self.old_image),
            own_config(new, self.new_image),
        );
        for key in differing(&before, &after) {
            // The name of the machine is that of whose network it has.
            if key != "Image" && key != "Hostname" {
                lost.push(format!("Config.{key}"));
            }
        }
        let wanted = plain(&in_one_order(self.host_config()));
        let got = plain(&in_one_order(new.0["HostConfig"].clone()));
        if let (Value::Object(wanted), Value::Object(got)) = (wanted, got) {
            for key in differing(&wanted, &got) {
                lost.push(format!("HostConfig.{key}"));
            }
        }
        let mounts = mounts(new);
        for mount in self::mounts(self.old) {
            if !mounts.contains(&mount) {
                lost.push(format!("the mount at {}", mount.1));
            }
        }
        let connected = networks(new);
        for (name, network) in self.networks() {
            let mut network = network;
            if let Value::Object(network) = &mut network {
                network.remove("MacAddress");
            }
            let is_kept = connected.get(&name).is_some_and(|now| keeps(&network, now));
            if !is_kept {
                lost.push(format!("the network {name}"));
            }
        }
        lost
    }
}

/// What was configured for a container, without what its image brings and without our labels.
fn own_config(container: &Container, image: &Value) -> Map<String, Value> {
    let mut config = container.0["Config"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    for key in OF_THE_IMAGE {
        if !image[key].is_null() && config.get(key) == Some(&image[key]) {
            config.remove(key);
        }
    }
    // With an entry point of one's own the image's command does not count.
    if config.get("Cmd").is_some_and(Value::is_null) && !config.contains_key("Entrypoint") {
        config.remove("Cmd");
    }
    if !image["User"].is_null() && config.get("User") == Some(&image["User"]) {
        config.remove("User");
    }
    for key in OF_THE_IMAGE_BY_KEY {
        let brought = image[key].as_object();
        if let Some(Value::Object(entries)) = config.get_mut(key) {
            entries.retain(|name, value| brought.and_then(|all| all.get(name)) != Some(value));
        }
    }
    let brought = strings(&image["Env"]);
    if let Some(Value::Array(variables)) = config.get_mut("Env") {
        variables.retain(|variable| {
            !brought
                .iter()
                .any(|brought| variable.as_str() == Some(brought))
        });
    }
    if let Some(Value::Object(labels)) = config.get_mut("Labels") {
        labels.retain(|name, _| !LABELS.contains(&name.as_str()));
    }
    let given = config.get("Hostname").and_then(Value::as_str);
    if given.is_some_and(|name| name == short(container.id()) || !has_own_hostname(container)) {
        config.remove("Hostname");
    }
    config
}

/// Whether a name of the machine can be set: not where it has the network of somebody else.
fn has_own_hostname(container: &Container) -> bool {
    let host = &container.0["HostConfig"];
    let is = |key: &str, prefix: &str| {
        host[key]
            .as_str()
            .is_some_and(|mode| mode.starts_with(prefix))
    };
    !is("NetworkMode", "container:") && !is("NetworkMode", "host") && !is("UTSMode", "host")
}

/// What is configured of each network that a container is in.
fn networks(container: &Container) -> Map<String, Value> {
    let networks = container.0["NetworkSettings"]["Networks"].as_object();
    let networks = networks.into_iter().flatten().map(|(name, network)| {
        let mut configured = Map::new();
        for key in OF_A_NETWORK {
            if !plain(&network[key]).is_null() {
                configured.insert(key.into(), network[key].clone());
            }
        }
        // The engine adds the id by itself.
        let mut aliases = strings(&network["Aliases"]);
        aliases.retain(|alias| alias != short(container.id()));
        if !aliases.is_empty() {
            aliases.sort();
            configured.insert("Aliases".into(), json!(aliases));
        }
        (name.clone(), Value::Object(configured))
    });
    networks.collect()
}

/// What is mounted: what, where, and whether it can be written to.
fn mounts(container: &Container) -> Vec<(String, String, bool)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mounts = array(&container.0["Mounts"]).iter().map(|mount| {
        let source = match mount["Type"].as_str() {
            Some("volume") => text(&mount["Name"]),
            _ => text(&mount["Source"]),
        };
        let writable = mount["RW"].as_bool() != Some(false);
        (source, text(&mount["Destination"]), writable)
    });
    mounts.collect()
}

/// The keys of what was before that are not the same afterwards. What is more afterwards, as the
/// engine fills in what nobody had set, is no loss.
fn differing(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let is_kept = |key: &String, value: &Value| {
        let after = after.get(key).map_or(Value::Null, plain);
        keeps(&plain(value), &after)
    };
    let lost = before.iter().filter(|(key, value)| !is_kept(key, value));
    lost.map(|(key, _)| key.clone()).collect()
}

/// Whether all of a value is still there.
fn keeps(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Null, _) => true,
        (Value::Object(before), Value::Object(after)) => before
            .iter()
            .all(|(key, value)| after.get(key).is_some_and(|after| keeps(value, after))),
        (before, after) => before == after,
    }
}

/// The settings whose order means nothing, in one order; links as they are asked for.
fn in_one_order(mut host: Value) -> Value {
    let links = strings(&host["Links"]);
    let links = links.iter().map(|link| link_as_asked(link)).collect();
    for (key, mut values) in [("Links", links), ("Binds", strings(&host["Binds"]))] {
        values.sort();
        host[key] = json!(values);
    }
    host
}

/// A link as it is asked for, `db:database`; the engine shows it as `/db:/shop/database`.
fn link_as_asked(link: &str) -> String {
    match link.split_once(':') {
        Some((other, alias)) => format!(
            "{}:{}",
            other.trim_start_matches('/'),
            alias.rsplit('/').next().unwrap_or(alias)
        ),
        None => link.to_owned(),
    }
}

/// Where a bind is mounted: the second part of `source:place:mode`.
fn bind_place(bind: &str) -> &str {
    bind.split(':').nth(1).unwrap_or(bind)
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn array_mut(value: &mut Value) -> &mut [Value] {
    value.as_array_mut().map_or(&mut [], Vec::as_mut_slice)
}

fn strings(value: &Value) -> Vec<String> {
    let texts = array(value).iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
