//! A container as the engine shows it, and the names that a rollback gives.

use jiff::Timestamp;
use rollback_domain::identity::RollbackId;
use rollback_http::{cut, one_line};
use serde_json::Value;

/// The label with the number of the rollback that made a container.
pub(super) const ROLLBACK: &str = "rollback-bot.rollback";
/// The label with the name for which a container was made.
pub(super) const CONTAINER: &str = "rollback-bot.container";
/// The label with the reference of the image that the container was deployed with, before a
/// rollback named it by its digest.
pub(super) const IMAGE: &str = "rollback-bot.image";
/// Every label of ours.
pub(super) const LABELS: [&str; 3] = [ROLLBACK, CONTAINER, IMAGE];

/// A container, as `inspect` shows it.
#[derive(Clone, Debug)]
pub(super) struct Container(pub(super) Value);

impl Container {
    fn text(&self, pointer: &str) -> &str {
        self.0
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn flag(&self, pointer: &str) -> bool {
        self.0.pointer(pointer).and_then(Value::as_bool) == Some(true)
    }

    pub(super) fn id(&self) -> &str {
        self.text("/Id")
    }

    /// Its name, without the slash that the engine puts before it.
    pub(super) fn name(&self) -> &str {
        self.text("/Name").trim_start_matches('/')
    }

    /// The id of its image: what is in it.
    pub(super) fn image(&self) -> &str {
        self.text("/Image")
    }

    /// The reference of the image that it was deployed with: `registry.example.com/shop:v212`.
    pub(super) fn reference(&self) -> &str {
        self.label(IMAGE)
            .unwrap_or_else(|| self.text("/Config/Image"))
    }

    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.0["Config"]["Labels"][name].as_str()
    }

    /// Whether a process of it runs, or is about to again.
    pub(super) fn is_up(&self) -> bool {
        self.flag("/State/Running") || self.flag("/State/Restarting")
    }

    pub(super) fn status(&self) -> &str {
        self.text("/State/Status")
    }

    /// What the health check says; `None`: there is none.
    pub(super) fn health(&self) -> Option<&str> {
        match self.text("/State/Health/Status") {
            "" | "none" => None,
            health => Some(health),
        }
    }

    pub(super) fn exit_code(&self) -> i64 {
        let code = self.0.pointer("/State/ExitCode");
        code.and_then(Value::as_i64).unwrap_or(0)
    }

    /// What the engine says went wrong when it was started, on one line.
    pub(super) fn error(&self) -> Option<String> {
        let error = cut(&one_line(self.text("/State/Error")), 200);
        (!error.is_empty()).then_some(error)
    }

    pub(super) fn restarts(&self) -> i64 {
        self.0["RestartCount"].as_i64().unwrap_or(0)
    }

    pub(super) fn started_at(&self) -> Option<Timestamp> {
        self.text("/State/StartedAt").parse().ok()
    }

    pub(super) fn restart_policy(&self) -> &Value {
        &self.0["HostConfig"]["RestartPolicy"]
    }

    /// Whether stopping it removes it.
    pub(super) fn removes_itself(&self) -> bool {
        self.flag("/HostConfig/AutoRemove")
    }

    pub(super) fn is_of_compose(&self) -> bool {
        self.label("com.docker.compose.service").is_some()
    }

    /// Who else keeps it as it is, and would put it back, for people.
    pub(super) fn owner(&self) -> Option<String> {
        if let Some(service) = self.label("com.docker.swarm.service.name") {
            return Some(format!("the swarm service {service}"));
        }
        let pod = self.label("io.kubernetes.pod.name")?;
        Some(format!("the Kubernetes pod {pod}"))
    }

    /// How it ended, or stands, as a clause: "exited with 137, out of memory".
    pub(super) fn state(&self) -> String {
        let status = match self.status() {
            "" => "in no known state",
            status => status,
        };
        let mut state = match status {
            "exited" | "dead" => format!("{status} with {}", self.exit_code()),
            status => cut(&one_line(status), 40),
        };
        if self.flag("/State/OOMKilled") {
            state.push_str(", out of memory");
        }
        if let Some(error) = self.error() {
            state.push_str(&format!(": {error}"));
        }
        state
    }
}

/// Whether two restart policies do the same. None at all is called `no`, or nothing.
pub(super) fn is_same_policy(one: &Value, other: &Value) -> bool {
    let parts = |policy: &Value| {
        let name = policy["Name"].as_str().filter(|name| !name.is_empty());
        let retries = policy["MaximumRetryCount"].as_i64().unwrap_or(0);
        (name.unwrap_or("no").to_owned(), retries)
    };
    parts(one) == parts(other)
}

/// The first twelve digits of an id, as `docker ps` shows it.
pub(super) fn short(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..12).unwrap_or(digits)
}

/// The name of a new container until it gets its own: `shop-RB-41`.
pub(super) fn beside(name: &str, rollback: RollbackId) -> String {
    format!("{name}-{rollback}")
}

/// The name of the old container from when it has lost its own: `shop-before-RB-41`.
pub(super) fn kept(name: &str, rollback: RollbackId) -> String {
    format!("{name}-before-{rollback}")
}

/// The name for which a container was renamed or made by a rollback, if it was.
pub(super) fn base_name(name: &str) -> Option<&str> {
    let (base, number) = name.rsplit_once("-RB-")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let base = base.strip_suffix("-before").unwrap_or(base);
    is_number.then_some(base)
}

/// Whether a name is that of a container which a rollback has made and not put in place.
pub(super) fn is_beside(name: &str, of: &str) -> bool {
    base_name(name) == Some(of) && kept_by(name, of).is_none()
}

/// The number of the rollback that has kept a container under this name.
pub(super) fn kept_by(name: &str, of: &str) -> Option<u64> {
    let number = name.strip_prefix(of)?.strip_prefix("-before-RB-")?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ours_lead_back_to_the_name() {
        let id = RollbackId::new(41);
        for (name, base) in [
            (beside("shop", id), Some("shop")),
            (kept("shop", id), Some("shop")),
            ("shop".into(), None),
            ("shop-before-lunch".into(), None),
            ("shop-RB-".into(), None),
            ("shop-RB-x".into(), None),
        ] {
            assert_eq!(base_name(&name), base, "{name}");
        }
    }
}
