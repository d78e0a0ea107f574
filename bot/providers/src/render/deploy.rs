//! What a deploy is, and which deploys are copies of which: Render makes a new deploy of an old
//! build in order to serve it again.

use crate::json::{text, written_moment};
use jiff::Timestamp;
use rollback_domain::release::{Candidate, Release};
use rollback_http::{cut, one_line};
use serde_json::Value;
use std::collections::BTreeMap;

/// How far along a deploy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It serves now.
    Live,
    /// It served, and another one took over.
    Deactivated,
    /// It is on its way; Render's word for how far.
    UnderWay(String),
    /// It ended without ever serving, as a clause.
    Failed(&'static str),
    /// Render's word, which is new.
    Unknown(String),
}

impl Status {
    fn of(deploy: &Value) -> Self {
        match text(deploy, "status").unwrap_or("unknown") {
            "live" => Status::Live,
            "deactivated" => Status::Deactivated,
            status @ ("created"
            | "queued"
            | "build_in_progress"
            | "pre_deploy_in_progress"
            | "update_in_progress") => Status::UnderWay(status.to_owned()),
            "build_failed" => Status::Failed("its build failed"),
            "pre_deploy_failed" => Status::Failed("its pre-deploy command failed"),
            "update_failed" => Status::Failed("it did not become healthy"),
            "canceled" => Status::Failed("it was cancelled"),
            other => Status::Unknown(cut(&one_line(other), 40)),
        }
    }

    fn has_served(&self) -> bool {
        match self {
            Status::Live | Status::Deactivated => true,
            Status::UnderWay(_) | Status::Failed(_) | Status::Unknown(_) => false,
        }
    }

    /// Why its build cannot be served again, as a clause; `None`: it can.
    fn barred(&self) -> Option<String> {
        match self {
            Status::Live | Status::Deactivated => None,
            Status::UnderWay(status) => Some(format!("it is still being deployed ({status})")),
            Status::Failed(why) => Some((*why).to_owned()),
            Status::Unknown(status) => Some(format!("Render calls its state {status}")),
        }
    }
}

/// One deploy, as Render lists it.
#[derive(Clone, Debug)]
pub(super) struct Deploy {
    pub(super) id: String,
    pub(super) status: Status,
    /// Whether it is a copy of an earlier one.
    pub(super) is_rollback: bool,
    pub(super) created: Option<Timestamp>,
    /// When it had ended: a deploy that served began to then.
    finished: Option<Timestamp>,
    /// The commit it was built from, or the digest of its image.
    pub(super) content: Option<String>,
    /// The first line of the commit's message.
    message: Option<String>,
    /// What was pulled, where it is no build of a commit.
    pub(super) image: Option<String>,
}

impl Deploy {
    /// Reads it; `None` when it has no id.
    pub(super) fn of(deploy: &Value) -> Option<Self> {
        let (commit, image) = (&deploy["commit"], &deploy["image"]);
        let digest = text(image, "sha").map(|digest| digest.trim_start_matches("sha256:"));
        let content = text(commit, "id").or(digest);
        let message = text(commit, "message").and_then(|message| message.lines().next());
        Some(Self {
            id: cut(&one_line(text(deploy, "id")?), 100),
            status: Status::of(deploy),
            is_rollback: text(deploy, "trigger") == Some("rollback"),
            created: written_moment(deploy, "createdAt"),
            finished: written_moment(deploy, "finishedAt"),
            content: content.map(|content| cut(&one_line(content), 64)),
            message: message
                .map(|line| cut(&one_line(line), 200))
                .filter(|line| !line.is_empty()),
            image: text(image, "ref").map(|image| cut(&one_line(image), 200)),
        })
    }

    /// The tag of its image, where it says something.
    fn version(&self) -> Option<String> {
        let image = self.image.as_deref()?;
        let name = image.split('@').next()?.rsplit('/').next()?;
        let (_, tag) = name.split_once(':')?;
        (tag != "latest").then(|| cut(tag, 60))
    }
}

/// The deploys of a service, newest first, and what each is a copy of.
#[derive(Debug, Default)]
pub(super) struct Deploys {
    pub(super) all: Vec<Deploy>,
    /// The id of the deploy that was built, by the id of its copy.
    originals: BTreeMap<String, String>,
}

impl Deploys {
    /// Puts them together; `targets` has what each copy was made of, by the copy's id, as far as
    /// Render's events tell.
    pub(super) fn new(all: Vec<Deploy>, targets: &BTreeMap<String, String>) -> Self {
        let mut originals = BTreeMap::<String, String>::new();
        for (at, deploy) in all.iter().enumerate().rev() {
            if !deploy.is_rollback {
                continue;
            }
            // Where no event says it: the last one before it that served the same.
            let alike = || {
                let older = all[at + 1..].iter();
                let mut alike = older.filter(|older| {
                    older.status.has_served()
                        && older.content.is_some()
                        && older.content == deploy.content
                });
                alike.next().map(|older| older.id.clone())
            };
            if let Some(target) = targets.get(&deploy.id).cloned().or_else(alike) {
                // A copy of a copy has the build of the first.
                let original = originals.get(&target).cloned().unwrap_or(target);
                originals.insert(deploy.id.clone(), original);
            }
        }
        Self { all, originals }
    }

    /// The id of the deploy whose build this one serves.
    pub(super) fn original<'a>(&'a self, id: &'a str) -> &'a str {
        self.originals.get(id).map_or(id, String::as_str)
    }

    /// The one that serves now.
    pub(super) fn live(&self) -> Option<&Deploy> {
        self.all.iter().find(|deploy| deploy.status == Status::Live)
    }

    /// The newest that is on its way.
    pub(super) fn under_way(&self) -> Option<&Deploy> {
        let mut all = self.all.iter();
        all.find(|deploy| matches!(deploy.status, Status::UnderWay(_)))
    }

    /// Every build once, newest first, with its copies.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let mut seen = std::collections::BTreeSet::new();
        let mut candidates: Vec<(Option<Timestamp>, Candidate)> = vec![];
        for deploy in &self.all {
            let id = self.original(&deploy.id);
            if seen.insert(id) {
                candidates.push(self.candidate(id));
            }
        }
        // A copy is newer than what it is a copy of, which keeps its place.
        candidates.sort_by_key(|(built, _)| std::cmp::Reverse(*built));
        candidates
            .into_iter()
            .map(|(_, candidate)| candidate)
            .collect()
    }

    /// One build, and when it was made.
    fn candidate(&self, id: &str) -> (Option<Timestamp>, Candidate) {
        let own: Vec<&Deploy> = self
            .all
            .iter()
            .filter(|deploy| self.original(&deploy.id) == id)
            .collect();
        // What was built may be older than the list.
        let built = own.iter().find(|deploy| deploy.id == id).or(own.last());
        let served = own.iter().filter(|deploy| deploy.status.has_served());
        let live_since = served.clone().filter_map(|deploy| deploy.finished).max();
        let has_served = served.count() > 0;
        let created_at = built.and_then(|built| built.created);
        let release = Release {
            also: own
                .iter()
                .filter(|deploy| deploy.id != id)
                .map(|deploy| deploy.id.clone())
                .collect(),
            version: built.and_then(|built| built.version()),
            sha: built.and_then(|built| built.content.clone()),
            created_at,
            live_since,
            has_served,
            message: built.and_then(|built| built.message.clone()),
            ..Release::unknown(id)
        };
        let barred = match has_served {
            true => None,
            false => built.and_then(|built| built.status.barred()),
        };
        let candidate = Candidate {
            release,
            barred_forward: barred.clone(),
            barred,
        };
        (created_at, candidate)
    }
}
