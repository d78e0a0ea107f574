//! What can be gone to: the images of the repository that the engine has, and which of them are
//! known to have run under the container's name.

use super::container::{CONTAINER, Container, kept_by, short};
use crate::docker_api::{Image, repository, tag};
use jiff::Timestamp;
use rollback_domain::{
    platform::Undone,
    release::{Candidate, Kept, Release},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The most images that are listed.
const LISTED_AT_MOST: usize = 200;
/// A container in the list of all.
#[derive(Clone, Debug)]
pub(super) struct Row<'a>(pub(super) &'a Value);

impl<'a> Row<'a> {
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        let names = self.0["Names"].as_array().into_iter().flatten();
        let names = names.filter_map(Value::as_str);
        // A link gives a container a name below another one's.
        names
            .map(|name| name.trim_start_matches('/'))
            .filter(|name| !name.contains('/'))
    }

    pub(super) fn label(&self, name: &str) -> Option<&'a str> {
        self.0["Labels"][name].as_str()
    }

    pub(super) fn id(&self) -> &'a str {
        self.0["Id"].as_str().unwrap_or_default()
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(
            self.0["State"].as_str(),
            Some("running" | "restarting" | "paused")
        )
    }

    fn image(&self) -> &'a str {
        self.0["ImageID"].as_str().unwrap_or_default()
    }

    fn created_at(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.0["Created"].as_i64()?).ok()
    }

    /// Whether it has, or had, this name: now, or before a rollback renamed it.
    fn served_as(&self, name: &str) -> bool {
        let was_started = self.0["State"].as_str() != Some("created");
        let is_named = self
            .names()
            .any(|one| one == name || kept_by(one, name).is_some());
        was_started && (is_named || self.label(CONTAINER) == Some(name))
    }
}

/// The repository of an image that is named by nothing but its id.
pub(super) fn repository_of(images: &Value, id: &str) -> Option<String> {
    let mut images = images.as_array().into_iter().flatten().map(Image::new);
    let image = images.find(|image| image.id() == id)?;
    let tags = image.references("RepoTags");
    let mut all = tags.chain(image.references("RepoDigests"));
    all.find_map(repository).map(str::to_owned)
}

/// How the registry calls an image of the repository, as the list of all images has it.
pub(super) fn digest(images: &Value, id: &str, wanted: &str) -> Option<String> {
    let mut images = images.as_array().into_iter().flatten().map(Image::new);
    let image = images.find(|image| image.id() == id)?;
    image.digest(wanted).map(str::to_owned)
}

/// What can be gone to, newest first, and how a registry calls those that have to be fetched.
pub(super) fn candidates(
    images: &Value,
    containers: &Value,
    name: &str,
    repository: &str,
    undoes: Option<&Undone>,
) -> (Vec<Candidate>, BTreeMap<String, String>) {
    let mut served: BTreeMap<&str, Option<Timestamp>> = BTreeMap::new();
    for row in containers.as_array().into_iter().flatten().map(Row) {
        if row.served_as(name) {
            let since = served.entry(row.image()).or_default();
            *since = (*since).max(row.created_at());
        }
    }
    let all = images.as_array().into_iter().flatten().map(Image::new);
    let mut listed: Vec<Image<'_>> = all
        .filter(|image| image.is_of(repository) || served.contains_key(image.id()))
        .collect();
    // The engine lists the newest first; those without a time keep their places.
    listed.sort_by_key(|image| std::cmp::Reverse(image.created_at()));
    listed.truncate(LISTED_AT_MOST);
    let mut candidates: Vec<Candidate> = listed
        .iter()
        .map(|image| {
            let since = served.get(image.id());
            let version = image
                .tag(repository)
                .or_else(|| image.label("org.opencontainers.image.version"))
                .unwrap_or_else(|| short(image.id()));
            free(Release {
                version: Some(version.to_owned()),
                sha: image.sha(),
                created_at: image.created_at(),
                live_since: since.copied().flatten(),
                has_served: since.is_some(),
                ..Release::unknown(image.id())
            })
        })
        .collect();
    let mut pulls = BTreeMap::new();
    if let Some((left, digest)) = undoes.and_then(left_by)
        && !candidates
            .iter()
            .any(|candidate| candidate.release.id == left)
    {
        let known = undoes.and_then(|undone| undone.left.clone());
        let known = known.filter(|known| known.is(left));
        let mut gone = free(Release {
            has_served: true,
            ..known.unwrap_or_else(|| Release {
                version: Some(short(left).to_owned()),
                ..Release::unknown(left)
            })
        });
        match digest {
            Some(digest) => {
                pulls.insert(left.to_owned(), digest.to_owned());
            }
            None => {
                let why = "the engine has removed its image, and it came from no registry";
                gone.barred = Some(why.into());
                gone.barred_forward = Some(why.into());
            }
        }
        candidates.insert(0, gone);
    }
    (candidates, pulls)
}

/// The image that runs and that the engine has removed meanwhile; `None`: the engine has it.
pub(super) fn removed(images: &Value, running: &Container) -> Option<Candidate> {
    let mut images = images.as_array().into_iter().flatten().map(Image::new);
    if images.any(|image| image.id() == running.image()) {
        return None;
    }
    let why = "the engine has removed its image".to_owned();
    let release = Release {
        version: tag(running.reference()).map(str::to_owned),
        has_served: true,
        kept: Kept::Gone(why.clone()),
        ..Release::unknown(running.image())
    };
    Some(Candidate {
        release,
        barred: Some(why.clone()),
        barred_forward: Some(why),
    })
}

fn free(release: Release) -> Candidate {
    Candidate {
        release,
        barred: None,
        barred_forward: None,
    }
}

/// The image that a rollback left, and how a registry calls it.
fn left_by(undone: &Undone) -> Option<(&str, Option<&str>)> {
    let image = undone.memory["image"].as_str()?;
    Some((image, undone.memory["digest"].as_str()))
}

#[cfg(test)]
mod tests;
