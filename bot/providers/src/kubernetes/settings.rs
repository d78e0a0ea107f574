//! What a service says about its workload, and about the cluster that runs it.

use super::{Kubernetes, kubeconfig, workload::Kind as WorkloadKind};
use crate::{
    Provider,
    registry::{Documentation, Kind, ProviderSettings},
    rest::check_address,
};
use reqwest::Client;
use rollback_domain::risk::Risk;
use rollback_settings::{Secret, Section, Value, text};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use url::Url;

/// Workloads of a Kubernetes cluster, as the registry knows them.
pub const KIND: Kind = Kind {
    name: "kubernetes",
    class: Risk::Code,
    documentation: Documentation {
        restores: "The pod template: images, commands, environment, probes, resources and what it mounts.",
        leaves: "Database, volumes, ConfigMaps and Secrets (as they are today), replicas and autoscaling, Services and Ingresses.",
        pins: "Nothing is held off: a cluster does not know what deploys to it, and the next `kubectl apply` replaces the template.",
        needs: "A kubeconfig, or the service account of the bot's own pod, with a Role that may `get` and `patch` the workload and `list` its ReplicaSets (or ControllerRevisions); for a Rollout that Argo CD, Flux or Helm owns also `patch` its `status`.",
        takes: "As long as the workload's rollout: its strategy, probes and images decide.",
        proven: "A fake cluster that keeps templates, revisions and rollouts, and that the real kubectl accepts: it judges what is there before and after a rollback.",
        traps: &[
            "A workload that Argo CD, a HelmRelease of Flux or Helm owns is refused with the provider to use instead: `argocd`, or `command` with the preset `flux` or `helm`. One of a Kustomization of Flux or of an operator is refused with what to change instead.",
            "A Rollout of Argo Rollouts gets its earlier template too (an undo), and goes through its steps again unless that ends an update that is under way. One that somebody else owns can only be aborted, while an update is under way.",
            "Kubernetes does not tell which template ever served: unless the bot's own record knows, or pods of it still run, the card says so.",
            "Only templates that are kept can be gone to: `revisionHistoryLimit`, usually the last ten.",
            "ConfigMaps and Secrets that a template names have today's content. The card names them.",
            "A StatefulSet whose new pod never becomes ready may wait for that pod to be deleted by hand, also after its template went back.",
            "A paused Deployment, one that is scaled to 0, and an update strategy of OnDelete or with a partition are refused.",
        ],
    },
    read: |section| Some(Arc::new(KubernetesSettings::read(section)?)),
};

/// Where a pod finds its service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Where a pod finds its cluster.
const IN_CLUSTER: &str = "https://kubernetes.default.svc";

/// The workload of one service.
#[derive(Clone, Debug)]
pub struct KubernetesSettings {
    pub(super) kind: WorkloadKind,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) cluster: Cluster,
}

/// A cluster, and how it is entered.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    /// Where its API is.
    pub(super) server: Url,
    /// The certificate authority of its API, as PEM.
    pub(super) ca: Ca,
    pub(super) login: Login,
}

/// The certificate authority of a cluster.
#[derive(Clone, Debug)]
pub(super) enum Ca {
    /// One that is known everywhere.
    Public,
    /// This one, as PEM.
    Inline(Secret),
    /// The one in this file, which is read each time.
    File(PathBuf),
}

/// As whom a cluster is asked.
#[derive(Clone, Debug)]
pub(super) enum Login {
    Token(Secret),
    /// The token in this file, which is replaced from time to time and read each time.
    TokenFile(PathBuf),
    /// A client certificate with its key, as PEM.
    Certificate {
        cert: Secret,
        key: Secret,
    },
}

impl KubernetesSettings {
    /// Reads them; `None` when there is a mistake in them.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        let workload = workload(section);
        let namespace = section.required("namespace", "\"production\"", name);
        let cluster = cluster(section);
        let (kind, name) = workload?;
        Some(Self {
            kind,
            name,
            namespace: namespace?,
            cluster: cluster?,
        })
    }
}

/// Which workload it is; `None` when there is a mistake in it.
fn workload(section: &Section<'_>) -> Option<(WorkloadKind, String)> {
    let read = |kind: WorkloadKind| {
        let key = kind.key();
        let is_written = section.get(key).is_some();
        (kind, key, is_written, section.optional(key, name))
    };
    let all = WorkloadKind::ALL.map(read);
    let mut written = all.iter().filter(|(_, _, is_written, _)| *is_written);
    match (written.next(), written.next()) {
        (None, _) => {
            section.mistake(
                "deployment",
                "is missing; write deployment = \"shop\", or statefulset, daemonset or rollout",
            );
            None
        }
        (Some((_, first, _, _)), Some((_, second, _, _))) => {
            section.mistake(
                second,
                format!("stands beside {first}; leave one of them out"),
            );
            None
        }
        (Some((kind, _, _, name)), None) => Some((*kind, name.clone()?)),
    }
}

/// The cluster: of a kubeconfig, or the one that the bot runs in.
fn cluster(section: &Section<'_>) -> Option<Cluster> {
    let context = section.optional("context", text);
    let account = section.optional("service_account", directory);
    let server = section.url_or("api_url", IN_CLUSTER);
    let Some(written) = section.get("kubeconfig") else {
        if section.get("context").is_some() {
            section.mistake("context", "is one of a kubeconfig, and there is none");
        }
        if section.get("service_account").is_some() && account.is_none() {
            return None;
        }
        let account = account.unwrap_or_else(|| SERVICE_ACCOUNT.into());
        let server = server?;
        if let Err(problem) = check_address(&server) {
            section.mistake("api_url", problem);
            return None;
        }
        return Some(Cluster {
            server,
            ca: Ca::File(account.join("ca.crt")),
            login: Login::TokenFile(account.join("token")),
        });
    };
    for key in ["service_account", "api_url"] {
        if section.get(key).is_some() {
            section.mistake(key, "stands beside kubeconfig, which has it; leave it out");
        }
    }
    let cluster = kubeconfig::read(section, written, context.as_deref());
    let cluster = cluster.map_err(|problem| section.mistake("kubeconfig", problem));
    cluster.ok()
}

fn directory(value: &Value) -> Result<PathBuf, String> {
    let path = text(value)?;
    match Path::new(&path).is_absolute() {
        true => Ok(path.into()),
        false => Err(format!("{path:?} is not absolute; begin it with \"/\"")),
    }
}

/// A name as Kubernetes takes it.
fn name(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    let fits = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter)
    };
    let ends = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_name = name.chars().all(fits) && name.starts_with(ends) && name.ends_with(ends);
    match is_name && name.len() <= 253 {
        true => Ok(name),
        false => Err(format!(
            "{name:?} is no name that Kubernetes takes: a-z, 0-9, and \"-\" and \".\" between them"
        )),
    }
}

impl ProviderSettings for KubernetesSettings {
    fn identity(&self) -> String {
        let Self {
            kind,
            name,
            namespace,
            cluster,
        } = self;
        format!("{} {namespace} {} {name}", cluster.server, kind.key())
    }

    fn connect(&self, http: &Client) -> Arc<dyn Provider> {
        Arc::new(Kubernetes::new(http.clone(), self.clone()))
    }
}

#[cfg(test)]
mod tests;
