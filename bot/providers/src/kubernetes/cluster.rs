//! The calls to a cluster's API: reads, which may always be repeated, and the one change.

use super::{
    Kubernetes,
    revision::Revisions,
    settings::{Ca, Cluster, KubernetesSettings, Login},
    workload::{APPS, Kind, Workload},
};
use crate::{
    json::{flag, text},
    rest::{Access, Answer, Api, Rest, as_answered},
};
use reqwest::{Certificate, Client, Identity, Method};
use rollback_domain::platform::ProviderError;
use rollback_http::{Lost, cause};
use rollback_settings::Secret;
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};

/// The API of a cluster.
pub(super) const API: Api = Api {
    name: "Kubernetes",
    usual_url: "the server of the kubeconfig",
    settings: "namespace and the name of the workload",
    access: "Check the kubeconfig or the service account; rollback-bot check --online names each right that its Role lacks.",
    within: Duration::from_secs(10),
    headers: &[("accept", "application/json")],
    words: |body| match text(body, "kind")? {
        "Status" => Some(text(body, "message").unwrap_or_default()),
        _ => Some(""),
    },
    wait: |_, _| None,
    amend: as_answered,
};
/// What tells whether something was done.
pub(super) const CHECKING: &str = "the workload";

/// A cluster that can be asked, with the certificates and the token of now.
pub(super) struct Session<'a> {
    rest: Rest,
    settings: &'a KubernetesSettings,
}

/// A workload with the templates that are kept of it.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) workload: Workload,
    pub(super) revisions: Revisions,
}

impl Kubernetes {
    /// Reads what the cluster is entered with. Nothing is asked yet.
    pub(super) fn open(&self) -> Result<Session<'_>, ProviderError> {
        let cluster = &self.settings.cluster;
        let access = match &cluster.login {
            Login::Token(token) => Access::Bearer(token.clone()),
            Login::TokenFile(path) => Access::Bearer(file(path, "token")?),
            Login::Certificate { .. } => Access::Certificate,
        };
        let http = match (&cluster.ca, &cluster.login) {
            (Ca::Public, Login::Token(_) | Login::TokenFile(_)) => self.http.clone(),
            (_, _) => client(cluster)?,
        };
        Ok(Session {
            rest: Rest::new(http, &API, cluster.server.clone(), access),
            settings: &self.settings,
        })
    }
}

/// A client with the certificates of this cluster only.
fn client(cluster: &Cluster) -> Result<Client, ProviderError> {
    let wrong = |which: &str, error: &reqwest::Error| {
        ProviderError::Refused(format!(
            "Kubernetes was not asked: {which} cannot be used ({}). Check the kubeconfig or the service account.",
            cause(error)
        ))
    };
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .pool_max_idle_per_host(0);
    let ca = match &cluster.ca {
        Ca::Public => None,
        Ca::Inline(ca) => Some(ca.clone()),
        // What is asked without TLS, on this machine, needs none.
        Ca::File(_) if cluster.server.scheme() == "http" => None,
        Ca::File(path) => Some(file(path, "certificate authority")?),
    };
    if let Some(ca) = ca {
        let ca = Certificate::from_pem_bundle(ca.expose().as_bytes())
            .map_err(|error| wrong("the certificate authority", &error))?;
        builder = builder.tls_certs_only(ca);
    }
    if let Login::Certificate { cert, key } = &cluster.login {
        let both = format!("{}\n{}", cert.expose(), key.expose());
        let identity = Identity::from_pem(both.as_bytes())
            .map_err(|error| wrong("the client certificate with its key", &error))?;
        builder = builder.identity(identity);
    }
    let client = builder.build();
    client.map_err(|error| wrong("the certificates", &error))
}

/// What is in a small file, which may be another one each time.
fn file(path: &Path, what: &str) -> Result<Secret, ProviderError> {
    let read = fs::read_to_string(path).map_err(|error| {
        ProviderError::Refused(format!(
            "Kubernetes was not asked: the {what} in {} cannot be read ({}). Run this bot in a pod with a service account, or set kubeconfig.",
            path.display(),
            error.kind()
        ))
    })?;
    Ok(Secret::new(read.trim()))
}

impl Session<'_> {
    /// The path of one kind of thing in the namespace.
    fn path<'a>(&'a self, [group, version]: [&'a str; 2], resource: &'a str) -> Vec<&'a str> {
        let namespace = self.settings.namespace.as_str();
        vec!["apis", group, version, "namespaces", namespace, resource]
    }

    /// The path of the workload.
    fn workload_path(&self) -> Vec<&str> {
        let KubernetesSettings { kind, name, .. } = self.settings;
        let mut path = self.path(kind.api(), kind.resource());
        path.push(name);
        path
    }

    /// The workload, and what it could be taken back to.
    pub(super) async fn read(&self) -> Result<Read, ProviderError> {
        let workload = self.workload().await?;
        let resource = workload.kind.revisions();
        let selector = workload.selector();
        let query = [("labelSelector", selector.as_str())];
        let what = format!("the {resource} of {}", workload.name);
        let list = self
            .rest
            .read(&what, &self.path(APPS, resource), &query)
            .await?;
        let list = list.filter(|list| list["items"].is_array());
        let Some(list) = list else {
            return Err(odd(&what));
        };
        Ok(Read {
            revisions: Revisions::of(&list, &workload),
            workload,
        })
    }

    async fn workload(&self) -> Result<Workload, ProviderError> {
        let KubernetesSettings {
            kind,
            name,
            namespace,
            ..
        } = self.settings;
        let called = format!("{}/{name}", kind.key());
        let object = self.rest.read(&called, &self.workload_path(), &[]).await?;
        let Some(object) = object else {
            return Err(ProviderError::Refused(format!(
                "There is no {called} in the namespace {namespace}. Look with kubectl get {} --namespace {namespace}, then check {} and namespace in the configuration.",
                kind.resource(),
                kind.key()
            )));
        };
        let workload = Workload {
            kind: *kind,
            name: called,
            object,
        };
        let source = &workload.object["spec"]["workloadRef"];
        if let (Kind::Rollout, Some(source)) = (kind, text(source, "name")) {
            return Err(ProviderError::Refused(format!(
                "{} takes its template from {source} (workloadRef), so giving it another one would do nothing. Give it a template of its own, or roll {source} back.",
                workload.name
            )));
        }
        match workload.uid().is_empty() || !workload.template().is_object() {
            true => Err(odd(&workload.name)),
            false => Ok(workload),
        }
    }

    /// Asks for a change of the workload by a JSON patch, once; with `dry_run` only whether it would
    /// be taken. `part` is the part of it that has a path of its own, if it is one.
    pub(super) async fn patch(
        &self,
        patch: &Value,
        part: Option<&str>,
        dry_run: bool,
    ) -> Result<Answer, Lost> {
        let mut path = self.workload_path();
        path.extend(part);
        let mut query = vec![("fieldManager", "rollback-bot")];
        if dry_run {
            query.push(("dryRun", "All"));
        }
        self.rest.patch(&path, &query, patch).await
    }

    /// What it means that there is no answer to the change.
    pub(super) fn unanswered(&self, lost: &Lost) -> ProviderError {
        self.rest.unanswered(lost, CHECKING)
    }

    /// The rights that this bot needs here and has not: `patch deployments`.
    pub(super) async fn missing_rights(&self) -> Result<Vec<String>, ProviderError> {
        let KubernetesSettings { kind, name, .. } = self.settings;
        let [group, _] = kind.api();
        let needed = [
            ("get", group, kind.resource(), Some(name.as_str())),
            ("patch", group, kind.resource(), Some(name.as_str())),
            ("list", APPS[0], kind.revisions(), None),
        ];
        let mut missing = vec![];
        for (verb, group, resource, name) in needed {
            if !self.may(verb, group, resource, name).await? {
                missing.push(format!("{verb} {resource} (apiGroup {group})"));
            }
        }
        Ok(missing)
    }

    async fn may(
        &self,
        verb: &str,
        group: &str,
        resource: &str,
        name: Option<&str>,
    ) -> Result<bool, ProviderError> {
        let path = [
            "apis",
            "authorization.k8s.io",
            "v1",
            "selfsubjectaccessreviews",
        ];
        let mut attributes = json!({
            "namespace": self.settings.namespace, "verb": verb, "group": group, "resource": resource,
        });
        if let Some(name) = name {
            attributes["name"] = json!(name);
        }
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": attributes },
        });
        let what = "this bot's rights";
        let answer = self.rest.change(Method::POST, &path, &[], &review).await;
        let answer = answer.map_err(|lost| self.rest.not_read(what, &lost))?;
        if !answer.is_success() {
            return Err(answer.unread(what));
        }
        match answer.body["status"]["allowed"].is_boolean() {
            true => Ok(flag(&answer.body["status"], "allowed")),
            false => Err(odd(what)),
        }
    }
}

/// An answer that is not one of a cluster.
fn odd(what: &str) -> ProviderError {
    ProviderError::Busy {
        why: format!(
            "Kubernetes' answer about {what} is not what was asked for. If this stays, check the server of the kubeconfig."
        ),
        retry_after: None,
    }
}
