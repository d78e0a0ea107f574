//! What a rollback needs of a service, and how its automatic deploys are set.

use crate::json::text;
use rollback_domain::release::Pin;
use rollback_http::{cut, one_line};
use serde_json::{Value, json};
use url::Url;

/// A service on Render.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) id: String,
    pub(super) name: String,
    /// Its address, or its name where it has none.
    pub(super) surface: String,
    pub(super) pin: Pin,
    /// How automatic deploys are set, for setting them so again.
    pub(super) automatic: Value,
    /// By whom or what it was suspended, as a clause; `None`: it was not.
    pub(super) suspended: Option<String>,
}

impl Service {
    /// Reads it; `None` when it has no id.
    pub(super) fn of(service: &Value) -> Option<Self> {
        let id = text(service, "id")?.to_owned();
        let name = cut(&one_line(text(service, "name").unwrap_or(&id)), 80);
        let url = text(&service["serviceDetails"], "url").and_then(|url| url.parse::<Url>().ok());
        let host = url.and_then(|url| url.host_str().map(str::to_owned));
        // What runs an image has no commits that could be deployed by themselves.
        let has_commits = text(service, "repo").is_some() || text(service, "imagePath").is_none();
        let pin = match (has_commits, text(service, "autoDeploy")) {
            (false, _) => Pin::NotNeeded,
            (true, Some("no")) => Pin::On,
            (true, Some("yes")) => Pin::Off,
            (true, _) => Pin::Unknown,
        };
        Some(Self {
            surface: host.unwrap_or_else(|| name.clone()),
            pin,
            automatic: automatic(service),
            suspended: suspended(service),
            name,
            id,
        })
    }
}

/// How automatic deploys are set: `autoDeployTrigger`, where Render tells it, also says whether the
/// commit's checks are waited for.
fn automatic(service: &Value) -> Value {
    let mut automatic = json!({ "autoDeploy": text(service, "autoDeploy") });
    if let Some(trigger) = text(service, "autoDeployTrigger") {
        automatic["autoDeployTrigger"] = json!(trigger);
    }
    automatic
}

fn suspended(service: &Value) -> Option<String> {
    if text(service, "suspended") != Some("suspended") {
        return None;
    }
    let by: Vec<&str> = service["suspenders"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    Some(match by.as_slice() {
        [] => "the service is suspended".to_owned(),
        by => format!(
            "the service is suspended (by {})",
            cut(&one_line(&by.join(", ")), 60)
        ),
    })
}

/// The change that lets automatic deploys go live, as they were set `before`.
pub(super) fn let_go(before: &Value) -> Value {
    let mut change = json!({ "autoDeploy": "yes" });
    if text(before, "autoDeployTrigger") == Some("checksPass") {
        change["autoDeployTrigger"] = json!("checksPass");
    }
    change
}
