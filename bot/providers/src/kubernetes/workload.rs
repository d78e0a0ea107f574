//! A workload as its cluster shows it: what it is to run, who owns it, and how far its rollout is.

use crate::json::{flag, text};
use rollback_domain::release::Surface;
use rollback_http::{cut, one_line};
use serde_json::Value;

/// How many pods are told apart. Of more, only the workload as a whole is a surface.
const PODS_AT_MOST: i64 = 300;

/// The group and the version of the API that has what every cluster has.
pub(super) const APPS: [&str; 2] = ["apps", "v1"];

/// What kinds of workload there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    /// Of Argo Rollouts.
    Rollout,
}

impl Kind {
    pub(super) const ALL: [Kind; 4] = [
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::Rollout,
    ];

    /// What the configuration and kubectl call it.
    pub(super) fn key(self) -> &'static str {
        match self {
            Kind::Deployment => "deployment",
            Kind::StatefulSet => "statefulset",
            Kind::DaemonSet => "daemonset",
            Kind::Rollout => "rollout",
        }
    }

    /// The group and the version of the API that has it.
    pub(super) fn api(self) -> [&'static str; 2] {
        match self {
            Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => APPS,
            Kind::Rollout => ["argoproj.io", "v1alpha1"],
        }
    }

    /// The resource of the API.
    pub(super) fn resource(self) -> &'static str {
        match self {
            Kind::Deployment => "deployments",
            Kind::StatefulSet => "statefulsets",
            Kind::DaemonSet => "daemonsets",
            Kind::Rollout => "rollouts",
        }
    }

    /// The resource that keeps its earlier templates.
    pub(super) fn revisions(self) -> &'static str {
        match self {
            Kind::Deployment | Kind::Rollout => "replicasets",
            Kind::StatefulSet | Kind::DaemonSet => "controllerrevisions",
        }
    }
}

/// A workload, as it was read.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) kind: Kind,
    /// `deployment/shop`.
    pub(super) name: String,
    pub(super) object: Value,
}

impl Workload {
    pub(super) fn uid(&self) -> &str {
        text(&self.object["metadata"], "uid").unwrap_or_default()
    }

    pub(super) fn template(&self) -> &Value {
        &self.object["spec"]["template"]
    }

    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        text(&self.object["metadata"]["annotations"], name)
    }

    fn label(&self, name: &str) -> Option<&str> {
        text(&self.object["metadata"]["labels"], name)
    }

    /// Which objects are its own: as the API reads it in `labelSelector`.
    pub(super) fn selector(&self) -> String {
        let selector = &self.object["spec"]["selector"];
        let labels = selector["matchLabels"].as_object().into_iter().flatten();
        let equal = labels.filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
        let expressions = selector["matchExpressions"].as_array();
        let expressions = expressions.into_iter().flatten().filter_map(|expression| {
            let key = text(expression, "key")?;
            let values = expression["values"].as_array().into_iter().flatten();
            let values: Vec<&str> = values.filter_map(Value::as_str).collect();
            let values = values.join(",");
            Some(match text(expression, "operator")? {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "Exists" => key.to_owned(),
                "DoesNotExist" => format!("!{key}"),
                // Whose objects they are is checked besides.
                _ => return None,
            })
        });
        equal.chain(expressions).collect::<Vec<_>>().join(",")
    }

    /// Who would put its own template back, and where to roll back instead, as a sentence; `None`:
    /// nobody that it shows.
    pub(super) fn owner(&self) -> Option<String> {
        let name = &self.name;
        let owners = self.object["metadata"]["ownerReferences"].as_array();
        let mut owners = owners.into_iter().flatten();
        if let Some(owner) = owners.find(|owner| flag(owner, "controller")) {
            let kind = text(owner, "kind").unwrap_or("owner");
            let owner = named(text(owner, "name").unwrap_or_default());
            return Some(format!(
                "{name} belongs to the {} {owner}, whose operator would put its own template back. Change {owner} instead, or describe how with provider = \"command\".",
                named(kind)
            ));
        }
        let tracked = self.annotation("argocd.argoproj.io/tracking-id");
        let tracked = tracked.and_then(|id| id.split(':').next());
        if let Some(app) = tracked.or_else(|| self.label("argocd.argoproj.io/instance")) {
            let app = named(app);
            return Some(format!(
                "{name} belongs to the application {app} of Argo CD, which would put its own template back. Use provider = \"argocd\" with application = \"{app}\" instead."
            ));
        }
        if let Some(release) = self.label("helm.toolkit.fluxcd.io/name") {
            return Some(format!(
                "{name} belongs to the HelmRelease {} of Flux, which would put its own template back. Use provider = \"command\" with preset = \"flux\" instead.",
                named(release)
            ));
        }
        if let Some(kustomization) = self.label("kustomize.toolkit.fluxcd.io/name") {
            return Some(format!(
                "{name} belongs to the Kustomization {} of Flux, which would put its own template back. Revert the commit in its repository instead.",
                named(kustomization)
            ));
        }
        if self.is_of_helm() {
            let release = self.annotation("meta.helm.sh/release-name");
            let release = release.map_or("of Helm".into(), |release| {
                format!("the release {} of Helm", named(release))
            });
            return Some(format!(
                "{name} belongs to {release}, whose history would not know of it. Use provider = \"command\" with preset = \"helm\" instead."
            ));
        }
        None
    }

    fn is_of_helm(&self) -> bool {
        self.annotation("meta.helm.sh/release-name").is_some()
            || self.label("app.kubernetes.io/managed-by") == Some("Helm")
    }

    /// Who else is said to manage it, where nothing tells whether that puts templates back.
    pub(super) fn managed_by(&self) -> Option<String> {
        const ONCE: [&str; 5] = ["kubectl", "kustomize", "skaffold", "terraform", "pulumi"];
        let owner = self.label("app.kubernetes.io/managed-by")?;
        let is_known = ONCE.iter().any(|tool| tool.eq_ignore_ascii_case(owner));
        (!is_known).then(|| named(owner))
    }

    /// Why its template cannot be changed to any effect, as a sentence; `None`: it can.
    pub(super) fn refusal(&self) -> Option<String> {
        let (name, spec) = (&self.name, &self.object["spec"]);
        if text(&self.object["metadata"], "deletionTimestamp").is_some() {
            return Some(format!("{name} is being deleted, so nothing was done."));
        }
        if flag(spec, "paused") {
            let resume = match self.kind {
                Kind::Rollout => format!("argo rollouts promote {}", self.plain_name()),
                Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => {
                    format!("rollout resume {name}")
                }
            };
            return Some(format!(
                "The rollouts of {name} are paused, so going back would change no pod. Resume them with kubectl {resume}, then ask again."
            ));
        }
        if self.rollout().desired == 0 {
            return Some(format!(
                "{name} runs no pods (it is scaled to 0, or no node takes one), so going back would show nothing. Scale it up, then ask again."
            ));
        }
        let strategy = &spec["updateStrategy"];
        if text(strategy, "type") == Some("OnDelete") {
            return Some(format!(
                "{name} replaces a pod only when somebody deletes it (updateStrategy OnDelete), so going back would change no pod. Set RollingUpdate, or roll back by hand."
            ));
        }
        let partition = strategy["rollingUpdate"]["partition"].as_i64().unwrap_or(0);
        (partition > 0).then(|| {
            format!(
                "{name} updates only its pods from {partition} on (partition), so going back would leave the others. Set the partition to 0, or roll back by hand."
            )
        })
    }

    /// Its name without its kind.
    pub(super) fn plain_name(&self) -> &str {
        self.name.split('/').next_back().unwrap_or(&self.name)
    }

    /// Whether all pods are stopped before new ones start.
    pub(super) fn is_recreated(&self) -> bool {
        text(&self.object["spec"]["strategy"], "type") == Some("Recreate")
    }

    /// How far its rollout is.
    pub(super) fn rollout(&self) -> Rollout {
        let (spec, status) = (&self.object["spec"], &self.object["status"]);
        let number = |of: &Value, key: &str| of[key].as_i64().unwrap_or(0).max(0);
        let [replicas, updated, available] = match self.kind {
            Kind::Deployment | Kind::Rollout => {
                ["replicas", "updatedReplicas", "availableReplicas"]
            }
            // Older clusters do not count which are available.
            Kind::StatefulSet if status["availableReplicas"].is_null() => {
                ["replicas", "updatedReplicas", "readyReplicas"]
            }
            Kind::StatefulSet => ["replicas", "updatedReplicas", "availableReplicas"],
            Kind::DaemonSet => [
                "currentNumberScheduled",
                "updatedNumberScheduled",
                "numberAvailable",
            ],
        }
        .map(|key| number(status, key));
        let desired = match self.kind {
            Kind::Deployment | Kind::StatefulSet | Kind::Rollout => {
                spec["replicas"].as_i64().unwrap_or(1).max(0)
            }
            Kind::DaemonSet => number(status, "desiredNumberScheduled"),
        };
        let generation = number(&self.object["metadata"], "generation");
        // A Rollout writes it as a text.
        let observed = text(status, "observedGeneration").and_then(|text| text.parse().ok());
        let observed = observed.unwrap_or_else(|| number(status, "observedGeneration"));
        Rollout {
            is_observed: observed >= generation,
            desired,
            replicas,
            updated,
            available,
            deadline: self.deadline(),
        }
    }

    /// When it was found that the rollout makes no progress any more, as the cluster writes it.
    pub(super) fn deadline(&self) -> Option<String> {
        let conditions = self.object["status"]["conditions"].as_array();
        let mut conditions = conditions.into_iter().flatten();
        let exceeded = conditions.find(|condition| {
            text(condition, "type") == Some("Progressing")
                && text(condition, "reason") == Some("ProgressDeadlineExceeded")
        })?;
        let at = text(exceeded, "lastUpdateTime").unwrap_or_default();
        Some(at.to_owned())
    }
}

/// Somebody else's name, on one line.
fn named(name: &str) -> String {
    cut(&one_line(name), 80)
}

/// How far a rollout is, as the cluster counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rollout {
    /// Whether the counts are of the template as it is now.
    pub(super) is_observed: bool,
    /// How many pods there should be.
    pub(super) desired: i64,
    /// How many there are.
    pub(super) replicas: i64,
    /// How many of them have the template.
    pub(super) updated: i64,
    /// How many pods are available, of whatever template.
    pub(super) available: i64,
    /// When it was found to make no progress; `None`: it was not.
    pub(super) deadline: Option<String>,
}

impl Rollout {
    /// How many pods certainly serve the template: those that are available and none of the others.
    fn serving(&self) -> i64 {
        let others = (self.replicas - self.updated).max(0);
        match self.is_observed {
            true => (self.available - others).clamp(0, self.updated),
            false => 0,
        }
    }

    /// How many pods there are or should be.
    fn all(&self) -> i64 {
        self.desired.max(self.replicas)
    }

    /// Whether every pod serves the template.
    pub(super) fn is_complete(&self) -> bool {
        self.desired > 0 && self.serving() == self.all()
    }

    /// Every pod as a surface: those that serve the template, then those of which that is not
    /// known. `name` is that of the workload.
    pub(super) fn surfaces(&self, name: &str, template: &str) -> Vec<Surface> {
        let live = |serves: bool| serves.then(|| template.to_owned());
        if self.all() == 0 || self.all() > PODS_AT_MOST {
            return vec![Surface {
                name: name.to_owned(),
                live: live(self.is_complete()),
            }];
        }
        let pods = 1..=self.all();
        pods.map(|pod| Surface {
            name: format!("pod {pod}"),
            live: live(pod <= self.serving()),
        })
        .collect()
    }

    /// What the cluster says of it, as a clause.
    pub(super) fn clause(&self) -> String {
        let Self {
            desired,
            replicas,
            updated,
            available,
            ..
        } = self;
        if !self.is_observed {
            return "the cluster has not begun with the new template yet".into();
        }
        let old = (replicas - updated).max(0);
        match (self.is_complete(), old) {
            (true, _) => format!("all {desired} pods have it and are available"),
            (false, 0) => {
                format!("{updated} of {desired} pods have it, {available} pods are available")
            }
            (false, old) => format!(
                "{updated} of {desired} pods have it, {old} older ones are left, {available} pods are available"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
