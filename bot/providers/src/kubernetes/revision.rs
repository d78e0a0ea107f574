//! The earlier templates of a workload: its ReplicaSets, or its ControllerRevisions.
//!
//! A release is a template, and its id the hash that the cluster gives it. The number of a revision
//! is no id: it changes when the same template is rolled out again. A restart
//! (`kubectl rollout restart`) makes a template that differs by a time only: it is the same release.

use super::{
    update::Update,
    workload::{Kind, Workload},
};
use crate::json::{flag, text, written_moment};
use jiff::Timestamp;
use rollback_domain::release::{Candidate, Release};
use rollback_http::{cut, one_line};
use serde_json::Value;

/// The hash of a template, as pods and ReplicaSets have it.
const TEMPLATE_HASH: &str = "pod-template-hash";
/// The same of a Rollout's ReplicaSets.
const ROLLOUT_HASH: &str = "rollouts-pod-template-hash";
/// The same of a ControllerRevision.
const REVISION_HASH: &str = "controller.kubernetes.io/hash";
/// When somebody restarted the pods of a template.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";
/// What changed, in the words of whoever deployed it.
pub(super) const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
/// The place of a ReplicaSet among the revisions of its Deployment.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// The same among those of its Rollout.
const ROLLOUT_REVISION: &str = "rollout.argoproj.io/revision";

/// One template that is kept.
#[derive(Clone, Debug)]
pub(super) struct Revision {
    /// The hash of the template.
    pub(super) hash: String,
    /// What a workload has to be given to have it.
    pub(super) template: Value,
    /// What changed, in the words of whoever deployed it.
    pub(super) cause: Option<String>,
    number: i64,
    created: Option<Timestamp>,
    /// Whether pods of it are available now.
    has_pods: bool,
}

impl Revision {
    /// Reads one; `None` when it is not of this workload, or has no hash.
    fn of(object: &Value, workload: &Workload) -> Option<Self> {
        let metadata = &object["metadata"];
        let owners = metadata["ownerReferences"].as_array();
        let mut owners = owners.into_iter().flatten();
        let is_owner =
            |owner: &Value| flag(owner, "controller") && text(owner, "uid") == Some(workload.uid());
        if !owners.any(is_owner) {
            return None;
        }
        let written = |annotation| {
            let number = text(&metadata["annotations"], annotation);
            number.and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        let (label, template, number) = match workload.kind {
            Kind::Deployment => (
                TEMPLATE_HASH,
                &object["spec"]["template"],
                written(REVISION),
            ),
            Kind::Rollout => (
                ROLLOUT_HASH,
                &object["spec"]["template"],
                written(ROLLOUT_REVISION),
            ),
            Kind::StatefulSet | Kind::DaemonSet => (
                REVISION_HASH,
                &object["data"]["spec"]["template"],
                object["revision"].as_i64().unwrap_or(0),
            ),
        };
        let hash = text(&metadata["labels"], label)?;
        let cause = text(&metadata["annotations"], CHANGE_CAUSE);
        Some(Self {
            hash: cut(&one_line(hash), 63),
            template: plain(template)?,
            cause: cause.map(str::to_owned),
            number,
            created: written_moment(metadata, "creationTimestamp"),
            has_pods: object["status"]["availableReplicas"].as_i64() > Some(0),
        })
    }
}

/// A template without what a cluster adds to the ones that it keeps; `None`: it is none.
fn plain(template: &Value) -> Option<Value> {
    let mut template = template.clone();
    template.as_object_mut()?.remove("$patch");
    let labels = template.pointer_mut("/metadata/labels");
    if let Some(labels) = labels.and_then(Value::as_object_mut) {
        labels.remove(TEMPLATE_HASH);
        labels.remove(ROLLOUT_HASH);
    }
    template["spec"].is_object().then_some(template)
}

/// The same without when its pods were restarted, and without what one version of a cluster writes
/// and another leaves out.
fn content(template: &Value) -> Option<Value> {
    let mut template = plain(template)?;
    let annotations = template.pointer_mut("/metadata/annotations");
    if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
        annotations.remove(RESTARTED);
    }
    if let Some(metadata) = template["metadata"].as_object_mut() {
        let is_empty = |value: &Value| {
            value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
        };
        metadata.retain(|_, value| !is_empty(value));
    }
    Some(template)
}

/// The templates that are kept of a workload.
#[derive(Debug)]
pub(super) struct Revisions {
    /// A release each, newest first; in it its revisions, oldest first: the first one made it.
    releases: Vec<Vec<Revision>>,
}

impl Revisions {
    /// Reads a list of ReplicaSets or ControllerRevisions.
    pub(super) fn of(list: &Value, workload: &Workload) -> Self {
        let objects = list["items"].as_array().into_iter().flatten();
        let all = objects.filter_map(|object| Revision::of(object, workload));
        let mut all: Vec<Revision> = all.collect();
        all.sort_by_key(|revision| (revision.created, revision.number));
        let mut releases: Vec<(Option<Value>, Vec<Revision>)> = vec![];
        for revision in all {
            let content = content(&revision.template);
            match releases.iter_mut().find(|(other, _)| *other == content) {
                Some((_, revisions)) => revisions.push(revision),
                None => releases.push((content, vec![revision])),
            }
        }
        let newest_first = releases.into_iter().rev();
        Self {
            releases: newest_first.map(|(_, revisions)| revisions).collect(),
        }
    }

    /// The id of the release that the workload is to run; `None`: its cluster has not kept the
    /// template yet. After an abort that is the stable one.
    pub(super) fn live(&self, workload: &Workload) -> Option<&str> {
        let update = Update::of(workload).filter(|_| workload.rollout().is_observed);
        if let Some(update) = update.filter(Update::is_aborted) {
            return self.release_with(update.stable()?);
        }
        let wanted = content(workload.template());
        let has_it = |revisions: &&Vec<Revision>| {
            let mut revisions = revisions.iter();
            revisions.any(|revision| content(&revision.template) == wanted)
        };
        let by_content = self.releases.iter().find(has_it);
        // A newer version of the cluster may show the same template with another default.
        let numbered = |annotation| {
            let number = workload.annotation(annotation)?.parse::<i64>().ok()?;
            self.with(|revision| revision.number == number)
        };
        let by_number = || {
            workload.rollout().is_observed.then_some(())?;
            match workload.kind {
                Kind::Deployment => numbered(REVISION),
                Kind::Rollout => numbered(ROLLOUT_REVISION),
                Kind::StatefulSet => {
                    let name = text(&workload.object["status"], "updateRevision")?;
                    self.with(|revision| name.ends_with(&format!("-{}", revision.hash)))
                }
                Kind::DaemonSet => {
                    let all = self.releases.iter().flatten();
                    let newest = all.map(|revision| revision.number).max()?;
                    self.with(|revision| revision.number == newest)
                }
            }
        };
        id(by_content.or_else(by_number)?)
    }

    fn with(&self, is_meant: impl Fn(&Revision) -> bool) -> Option<&Vec<Revision>> {
        let mut releases = self.releases.iter();
        releases.find(|revisions| revisions.iter().any(&is_meant))
    }

    /// The id of the release that has this template, by its hash.
    pub(super) fn release_with(&self, hash: &str) -> Option<&str> {
        id(self.with(|revision| revision.hash == hash)?)
    }

    /// The revision whose template a release stands for: the one that was made last.
    pub(super) fn of_release(&self, release: &Release) -> Option<&Revision> {
        let revisions = self.with(|revision| release.is(&revision.hash))?;
        revisions.last()
    }

    /// Every release, newest first. `container` is the one whose image names it; `None`: the first.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let releases = self.releases.iter();
        let candidates = releases.filter_map(|revisions| {
            Some(Candidate {
                release: release(revisions)?,
                barred: None,
                barred_forward: None,
            })
        });
        candidates.collect()
    }
}

/// The id of a release: the hash of the revision that made it.
fn id(revisions: &[Revision]) -> Option<&str> {
    revisions.first().map(|revision| revision.hash.as_str())
}

fn release(revisions: &[Revision]) -> Option<Release> {
    let (first, copies) = revisions.split_first()?;
    let last = revisions.last()?;
    let image = Image::of(main_image(&last.template).unwrap_or_default());
    let message = last
        .cause
        .as_deref()
        .map(|cause| cut(&one_line(cause), 200));
    Some(Release {
        also: copies.iter().map(|copy| copy.hash.clone()).collect(),
        version: image.version,
        sha: image.sha,
        created_at: first.created,
        has_served: revisions.iter().any(|revision| revision.has_pods),
        message: message.filter(|cause| !cause.is_empty()),
        ..Release::unknown(first.hash.clone())
    })
}

/// The image of the container that a template is about.
fn main_image(template: &Value) -> Option<&str> {
    let named = text(
        &template["metadata"]["annotations"],
        "kubectl.kubernetes.io/default-container",
    );
    let containers = template["spec"]["containers"].as_array()?;
    let named = containers
        .iter()
        .find(|container| named.is_some() && text(container, "name") == named);
    text(named.or(containers.first())?, "image")
}

/// What an image says of the release that it is.
struct Image {
    version: Option<String>,
    /// The commit, if its tag is one; else its digest.
    sha: Option<String>,
}

impl Image {
    fn of(reference: &str) -> Self {
        let (name, digest) = match reference.split_once('@') {
            Some((name, digest)) => (name, digest.strip_prefix("sha256:")),
            None => (reference, None),
        };
        let last = name.rsplit('/').next().unwrap_or_default();
        let tag = last.split_once(':').map(|(_, tag)| cut(tag, 60));
        let tag = tag.filter(|tag| tag != "latest" && !tag.is_empty());
        let digest = digest.map(|digest| cut(&one_line(digest), 64));
        match tag {
            Some(tag) if is_commit(&tag) => Self {
                version: None,
                sha: Some(tag),
            },
            tag => Self {
                version: tag,
                sha: digest,
            },
        }
    }
}

/// Whether a tag looks like a commit, and not like a number or a date.
fn is_commit(tag: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (7..=40).contains(&tag.len())
        && tag.bytes().all(is_hex)
        && tag.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// The names of what a template reads and that has today's content, by kind: `ConfigMap shop`.
pub(super) fn read_today(template: &Value) -> Vec<String> {
    let mut found = vec![];
    let spec = &template["spec"];
    let list = |of: &Value, key: &str| of[key].as_array().cloned().unwrap_or_default();
    let mut add = |kind: &str, name: Option<&str>| {
        if let Some(name) = name {
            found.push(format!("{kind} {}", cut(&one_line(name), 60)));
        }
    };
    for key in ["initContainers", "containers"] {
        for container in list(spec, key) {
            for source in list(&container, "envFrom") {
                add("ConfigMap", text(&source["configMapRef"], "name"));
                add("Secret", text(&source["secretRef"], "name"));
            }
            for variable in list(&container, "env") {
                let source = &variable["valueFrom"];
                add("ConfigMap", text(&source["configMapKeyRef"], "name"));
                add("Secret", text(&source["secretKeyRef"], "name"));
            }
        }
    }
    for volume in list(spec, "volumes") {
        add("ConfigMap", text(&volume["configMap"], "name"));
        add("Secret", text(&volume["secret"], "secretName"));
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests;
