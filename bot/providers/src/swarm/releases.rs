//! What can be gone to: what the tasks of the service were made of, as Swarm still has it.

use super::{
    Read,
    service::UpdateState,
    tasks::{Task, tasks},
    template::Template,
};
use crate::docker_api::Image;
use jiff::Timestamp;
use rollback_domain::release::{Candidate, Release};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many digits of a digest name an image that has no tag.
const DIGITS: usize = 12;
/// How many letters tell apart what has the same tag.
const APART: usize = 4;

/// One thing that the tasks of the service are, or were, made of.
struct Known<'a> {
    template: Template<'a>,
    /// When the first task of it was made that Swarm still has; `None`: it has none.
    first: Option<Timestamp>,
    /// When its image was built, where the manager has the image.
    built: Option<Timestamp>,
    has_run: bool,
    /// Why none of its tasks could be started; `None`: it is not known that none could.
    never_started: Option<String>,
}

/// All of them, newest first.
pub(super) struct Releases<'a> {
    known: Vec<Known<'a>>,
    /// The images that the manager has, as they are listed.
    images: &'a Value,
}

impl<'a> Releases<'a> {
    /// What the service has, had before its last change, and what its tasks have.
    pub(super) fn of(read: &'a Read) -> Self {
        let mut known: BTreeMap<String, Known<'a>> = BTreeMap::new();
        let mut by_id: BTreeMap<String, Vec<Task<'a>>> = BTreeMap::new();
        for task in tasks(&read.tasks) {
            by_id.entry(task.template().id()).or_default().push(task);
        }
        // The service itself shows all of a spec, so it goes before its tasks.
        let of_service = [Some(read.service.template()), read.service.previous()];
        let of_tasks = by_id.values().map(|tasks| tasks[0].template());
        for template in of_service.into_iter().flatten().chain(of_tasks) {
            let id = template.id();
            let tasks = by_id.get(&id).map_or(&[][..], Vec::as_slice);
            known
                .entry(id)
                .or_insert_with(|| Known::new(template, tasks, &read.images));
        }
        let mut known: Vec<Known<'a>> = known.into_values().collect();
        let live = read.service.template().id();
        let live_first = known
            .iter()
            .find(|one| one.template.id() == live)
            .and_then(|one| one.first);
        let was_rolled_back = read.service.update().is_some_and(|update| {
            matches!(
                update.state,
                UpdateState::RollbackStarted
                    | UpdateState::RollbackPaused
                    | UpdateState::RollbackCompleted
            )
        });
        // What has no task any more is the spec before the last change: older than what serves,
        // unless somebody has gone back from it.
        let made = |one: &Known<'_>| match (one.first, was_rolled_back) {
            (Some(first), _) => (Some(first), true),
            (None, false) => (live_first, false),
            (None, true) => (Some(Timestamp::MAX), true),
        };
        let all_built = known.iter().all(|one| one.built.is_some());
        known.sort_by_key(|one| std::cmp::Reverse((one.built.filter(|_| all_built), made(one))));
        Self {
            known,
            images: &read.images,
        }
    }

    /// What a release is made of; `None`: Swarm has it no more.
    pub(super) fn template(&self, release: &Release) -> Option<Template<'a>> {
        let mut templates = self.known.iter().map(|one| one.template);
        templates.find(|template| release.is(&template.id()))
    }

    pub(super) fn candidates(&self) -> Vec<Candidate> {
        self.known.iter().map(|one| self.candidate(one)).collect()
    }

    fn candidate(&self, one: &Known<'a>) -> Candidate {
        let image = image_of(self.images, &one.template);
        let name = name(&one.template, image.as_ref());
        let mut alike = self.known.iter().map(|other| &other.template);
        let is_shared = alike.any(|other| {
            other.id() != one.template.id()
                && name == self::name(other, image_of(self.images, other).as_ref())
        });
        let version = match is_shared {
            true => format!("{name}-{}", &one.template.settings()[..APART]),
            false => name,
        };
        let why = one
            .never_started
            .as_ref()
            .map(|error| format!("none of its tasks ever started: {error}"));
        Candidate {
            release: Release {
                version: Some(version),
                sha: image.and_then(|image| image.sha()),
                created_at: one.built.or(one.first),
                live_since: one.first.filter(|_| one.has_run),
                has_served: one.has_run,
                ..Release::unknown(one.template.id())
            },
            barred: why.clone(),
            barred_forward: why,
        }
    }
}

impl<'a> Known<'a> {
    fn new(template: Template<'a>, tasks: &[Task<'a>], images: &Value) -> Self {
        let never_started = match tasks.iter().all(Task::is_rejected) {
            true => tasks.iter().find_map(Task::error),
            false => None,
        };
        Self {
            template,
            first: tasks.iter().filter_map(Task::created_at).min(),
            built: image_of(images, &template).and_then(|image| image.created_at()),
            has_run: tasks.iter().any(Task::has_run),
            never_started,
        }
    }
}

/// The image of a template, if the manager has it.
fn image_of<'i>(images: &'i Value, template: &Template<'_>) -> Option<Image<'i>> {
    let mut images = images.as_array().into_iter().flatten().map(Image::new);
    let (reference, digest) = (template.image(), template.digest());
    images.find(|image| match digest {
        Some(digest) => image
            .references("RepoDigests")
            .any(|one| one.split_once('@').is_some_and(|(_, one)| one == digest)),
        None => image.references("RepoTags").any(|tag| tag == reference),
    })
}

/// How people call what has this template: the tag of its image, else the version that is written
/// on the image, else the digest.
fn name(template: &Template<'_>, image: Option<&Image<'_>>) -> String {
    let written = || image.and_then(|image| image.label("org.opencontainers.image.version"));
    let digest = || {
        let digest = template.digest()?.split_once(':')?.1;
        digest.get(..DIGITS)
    };
    let name = template.tag().or_else(written).or_else(digest);
    name.unwrap_or(template.image()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{super::service::Service, *};
    use serde_json::json;

    fn template(image: &str, env: &str) -> Value {
        json!({ "ContainerSpec": { "Image": image, "Env": [env] } })
    }

    fn task(template: Value, minute: u32, state: &str) -> Value {
        json!({
            "CreatedAt": format!("2026-03-14T03:{minute:02}:00Z"),
            "Slot": 1,
            "Status": {
                "State": state,
                "Err": (state == "rejected").then_some("No such image: shop:none"),
                "ContainerStatus": { "ContainerID": if state == "rejected" { "" } else { "c1" } },
            },
            "Spec": template,
        })
    }

    fn read(spec: Value, previous: Value, state: &str, tasks: Value) -> Read {
        Read {
            service: Service(json!({
                "Spec": { "Name": "shop", "TaskTemplate": spec },
                "PreviousSpec": { "TaskTemplate": previous },
                "UpdateStatus": { "State": state },
            })),
            tasks,
            images: json!([]),
            cluster: "c1".into(),
            now: None,
        }
    }

    fn listed(read: &Read) -> Vec<(String, bool, bool)> {
        let candidates = Releases::of(read).candidates();
        let candidates = candidates.iter().map(|candidate| {
            let release = &candidate.release;
            (
                release.label().to_owned(),
                release.has_served,
                candidate.barred.is_some(),
            )
        });
        candidates.collect()
    }

    #[test]
    fn what_the_service_and_its_tasks_were_made_of_can_be_gone_to() {
        let (v1, v2) = (template("shop:v1", "A=1"), template("shop:v2", "A=1"));
        let tasks = json!([
            task(v2.clone(), 20, "running"),
            task(template("shop:none", "A=1"), 10, "rejected"),
            task(template("shop:v0", "A=1"), 0, "shutdown"),
        ]);
        let all = read(v2, v1, "completed", tasks);
        let all = listed(&all);
        let all: Vec<_> = all
            .iter()
            .map(|(name, ran, barred)| (name.as_str(), *ran, *barred))
            .collect();
        assert_eq!(
            all,
            [
                ("v2", true, false),
                ("v1", false, false),
                ("none", false, true),
                ("v0", true, false),
            ]
        );
    }

    #[test]
    fn what_somebody_has_gone_back_from_is_not_older_than_what_serves() {
        let (v1, v2) = (template("shop:v1", "A=1"), template("shop:v2", "A=1"));
        let tasks = json!([task(v1.clone(), 20, "running")]);
        let back = read(v1, v2, "rollback_completed", tasks);
        assert_eq!(listed(&back)[0].0, "v2");
    }

    #[test]
    fn one_image_with_other_settings_is_another_release() {
        let (now, before) = (template("shop:v1", "A=2"), template("shop:v1", "A=1"));
        let tasks = json!([
            task(now.clone(), 20, "running"),
            task(before.clone(), 10, "shutdown")
        ]);
        let both = read(now.clone(), before.clone(), "completed", tasks);
        let names: Vec<String> = listed(&both).into_iter().map(|(name, ..)| name).collect();
        let apart = |template: &Value| format!("v1-{}", &Template(template).settings()[..APART]);
        assert_eq!(names, [apart(&now), apart(&before)]);
    }
}
