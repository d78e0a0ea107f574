//! The history of an application: what each of its syncs deployed.
//!
//! A release is the revisions of all its sources together with how they are set: the parameters of
//! Helm and Kustomize, which an image updater changes without a commit. Every sync gets a number of
//! its own, and a rollback one more; those numbers are copies of the release.

use super::api::Message;
use crate::json::{text, written_moment};
use jiff::Timestamp;
use rollback_domain::release::{Candidate, Release};
use rollback_http::{cut, one_line};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt::Write};

/// How many bytes of the hash of a release are its id.
const ID_BYTES: usize = 6;

/// One sync that is kept.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its number: what a rollback is asked for by.
    pub(super) id: i64,
    content: String,
    /// The revision of each source, with the source.
    sources: Vec<(String, Value)>,
    deployed: Option<Timestamp>,
    by: Option<String>,
}

/// A commit of a release.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) revision: String,
    /// Which source it is of, and the number of a sync to it; `None`: there is one source only.
    pub(super) place: Option<(usize, i64)>,
}

/// The revisions and the sources of a sync, one for one.
fn sources(sync: &Value) -> Vec<(String, Value)> {
    let listed = sync["sources"].as_array().filter(|all| !all.is_empty());
    let revision = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(listed) = listed {
        let revisions = &sync["revisions"];
        let all = listed.iter().enumerate();
        return all
            .map(|(at, source)| (revision(&revisions[at]), source.clone()))
            .collect();
    }
    // One of several sources has an empty one beside them.
    match text(&sync["source"], "repoURL") {
        Some(_) => vec![(revision(&sync["revision"]), sync["source"].clone())],
        None => vec![],
    }
}

/// The id of what a sync deploys; `None`: it names no source or no revision.
pub(super) fn content(sync: &Value) -> Option<String> {
    content_of(&sources(sync))
}

fn content_of(sources: &[(String, Value)]) -> Option<String> {
    let has_revision = |(revision, source): &(String, Value)| {
        // What only names a repository for others may have none.
        !revision.is_empty() || text(source, "ref").is_some()
    };
    if sources.is_empty() || !sources.iter().all(has_revision) {
        return None;
    }
    let plain = sources.iter().map(|(revision, source)| {
        let mut source = source.clone();
        // A branch or a range: the revision is what it meant.
        if let Some(source) = source.as_object_mut() {
            source.remove("targetRevision");
        }
        json!([revision, source])
    });
    let written = plain.collect::<Value>().to_string();
    let hash = Sha256::digest(written.as_bytes());
    Some(hash[..ID_BYTES].iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    }))
}

impl Entry {
    /// Reads one; `None` when it cannot be gone to.
    fn of(entry: &Value) -> Option<Self> {
        let sources = sources(entry);
        let by = &entry["initiatedBy"];
        let by = match by["automated"] == json!(true) {
            true => Some("automated sync".to_owned()),
            false => text(by, "username").map(|name| cut(&one_line(name), 60)),
        };
        Some(Self {
            id: entry["id"].as_i64()?,
            content: content_of(&sources)?,
            sources,
            deployed: written_moment(entry, "deployedAt"),
            by,
        })
    }

    /// The first commit among its revisions, and which source it is of.
    fn commit(&self) -> Option<Commit> {
        let mut sources = self.sources.iter().enumerate();
        let (at, (revision, _)) = sources.find(|(_, (revision, source))| {
            text(source, "chart").is_none() && is_commit(revision)
        })?;
        Some(Commit {
            revision: revision.clone(),
            place: (self.sources.len() > 1).then_some((at, self.id)),
        })
    }

    /// What people call it besides the commit: the version of a chart, the tag that is set for an
    /// image, or the revisions of all sources together.
    fn version(&self) -> Option<String> {
        if let [(revision, source)] = self.sources.as_slice() {
            let chart = text(source, "chart").map(|_| revision.clone());
            let plain = || (!is_commit(revision)).then(|| revision.clone());
            let version = image_tag(source).or(chart).or_else(plain)?;
            return Some(cut(&one_line(&version), 60));
        }
        let all = self.sources.iter().map(|(revision, _)| short(revision));
        let all: Vec<String> = all.filter(|revision| !revision.is_empty()).collect();
        Some(all.join("+"))
    }
}

/// A revision as people call it: the first digits of a commit.
pub(super) fn short(revision: &str) -> String {
    match is_commit(revision) {
        true => revision[..7].to_owned(),
        false => cut(&one_line(revision), 30),
    }
}

fn is_commit(revision: &str) -> bool {
    (7..=64).contains(&revision.len()) && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The tag of the one image that a source sets, as an image updater writes it.
fn image_tag(source: &Value) -> Option<String> {
    let images = source["kustomize"]["images"].as_array();
    if let Some([image]) = images.map(Vec::as_slice) {
        let name = image.as_str()?.split('@').next()?.rsplit('/').next()?;
        return name.split_once(':').map(|(_, tag)| tag.to_owned());
    }
    let parameters = source["helm"]["parameters"].as_array()?;
    let is_tag = |parameter: &&Value| {
        let name = text(parameter, "name").unwrap_or_default();
        name == "tag" || name.ends_with(".tag")
    };
    let mut tags = parameters.iter().filter(is_tag);
    match (tags.next(), tags.next()) {
        (Some(tag), None) => text(tag, "value").map(str::to_owned),
        _ => None,
    }
}

/// The syncs of an application that are kept.
#[derive(Debug)]
pub(super) struct History {
    /// A release each, newest first; in it its syncs, oldest first.
    releases: Vec<Vec<Entry>>,
    /// The number of the newest sync.
    newest: Option<i64>,
    /// The id of what it deployed.
    live: Option<String>,
}

impl History {
    /// Reads the list of an application.
    pub(super) fn of(list: &Value) -> Self {
        let entries = list.as_array().into_iter().flatten();
        let mut entries: Vec<Entry> = entries.filter_map(Entry::of).collect();
        entries.sort_by_key(|entry| entry.id);
        let newest = entries.last().map(|entry| entry.id);
        let live = entries.last().map(|entry| entry.content.clone());
        let mut releases: Vec<Vec<Entry>> = vec![];
        for entry in entries {
            let is_alike = |release: &&mut Vec<Entry>| release[0].content == entry.content;
            match releases.iter_mut().find(is_alike) {
                Some(release) => release.push(entry),
                None => releases.push(vec![entry]),
            }
        }
        releases.reverse();
        Self {
            releases,
            newest,
            live,
        }
    }

    /// The id of the release that was synced last.
    pub(super) fn live(&self) -> Option<&str> {
        self.live.as_deref()
    }

    /// The number of the newest sync.
    pub(super) fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// How many releases there are.
    pub(super) fn count(&self) -> usize {
        self.releases.len()
    }

    /// Whether this is the id of a release that was synced.
    pub(super) fn has(&self, content: &str) -> bool {
        let mut releases = self.releases.iter();
        releases.any(|syncs| syncs[0].content == content)
    }

    /// The newest sync to a release: the one that is kept longest.
    pub(super) fn entry_of(&self, release: &Release) -> Option<&Entry> {
        let mut releases = self.releases.iter();
        releases.find(|syncs| release.is(&syncs[0].content))?.last()
    }

    /// The commit of each release that has one, by the release's id, newest first.
    pub(super) fn commits(&self) -> Vec<(String, Commit)> {
        let newest = self.releases.iter().filter_map(|syncs| syncs.last());
        newest
            .filter_map(|entry| Some((entry.content.clone(), entry.commit()?)))
            .collect()
    }

    /// Every release, newest first.
    pub(super) fn candidates(&self, messages: &BTreeMap<String, Message>) -> Vec<Candidate> {
        let versions: Vec<Option<String>> = self
            .releases
            .iter()
            .map(|syncs| syncs[0].version())
            .collect();
        // What several have names none of them.
        let is_own = |version: &String| {
            let same = versions.iter().flatten().filter(|other| *other == version);
            same.count() == 1
        };
        let candidates = self.releases.iter().zip(&versions);
        candidates
            .filter_map(|(syncs, version)| {
                let (first, last) = (syncs.first()?, syncs.last()?);
                let message = messages.get(&first.content).cloned().unwrap_or_default();
                let release = Release {
                    also: syncs.iter().map(|sync| sync.id.to_string()).collect(),
                    version: version.clone().filter(is_own),
                    sha: first.commit().map(|commit| commit.revision),
                    created_at: first.deployed,
                    live_since: last.deployed,
                    has_served: true,
                    by: message.author.or_else(|| first.by.clone()),
                    message: message.message,
                    ..Release::unknown(first.content.clone())
                };
                Some(Candidate {
                    release,
                    barred: None,
                    barred_forward: None,
                })
            })
            .collect()
    }
}
