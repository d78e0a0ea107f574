//! What a deployment is, and which are of the same image: Railway makes a new deployment of an old
//! image in order to serve it again.

use crate::json::{flag, text, written_moment};
use jiff::Timestamp;
use rollback_domain::release::{Candidate, Kept, Release};
use rollback_http::{cut, one_line};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How far along a deployment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It runs, or sleeps until somebody comes.
    Running,
    /// It ran, and was taken down.
    Removed,
    /// It ran, and fell over.
    Crashed,
    /// It is on its way; Railway's word for how far.
    UnderWay(String),
    /// It ended without ever serving, as a clause.
    Failed(&'static str),
    /// Railway's word, which is new.
    Unknown(String),
}

impl Status {
    fn of(deployment: &Value) -> Self {
        match text(deployment, "status").unwrap_or("unknown") {
            "SUCCESS" | "SLEEPING" => Status::Running,
            "REMOVED" | "REMOVING" => Status::Removed,
            "CRASHED" => Status::Crashed,
            status @ ("BUILDING" | "DEPLOYING" | "INITIALIZING" | "NEEDS_APPROVAL" | "QUEUED"
            | "WAITING") => Status::UnderWay(status.to_lowercase().replace('_', " ")),
            "FAILED" => Status::Failed("its build or its start failed"),
            "SKIPPED" => Status::Failed("it was skipped"),
            // It is not in the published schema, and is answered all the same.
            "CANCELLED" => Status::Failed("it was cancelled"),
            other => Status::Unknown(cut(&one_line(other), 40)),
        }
    }

    fn has_served(&self) -> bool {
        match self {
            Status::Running | Status::Removed => true,
            Status::Crashed | Status::UnderWay(_) | Status::Failed(_) | Status::Unknown(_) => false,
        }
    }

    /// Why it cannot be gone to, which Railway says of it, as a clause.
    fn barred(&self) -> String {
        match self {
            Status::Running | Status::Removed => "Railway no longer keeps its image".into(),
            Status::Crashed => "it crashed, and Railway no longer keeps its image".into(),
            Status::UnderWay(status) => format!("it is still being deployed ({status})"),
            Status::Failed(why) => (*why).to_owned(),
            Status::Unknown(status) => format!("Railway calls its state {status}"),
        }
    }
}

/// One deployment, as Railway lists it.
#[derive(Clone, Debug)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) created: Option<Timestamp>,
    can_roll_back: bool,
    /// The digest of its image; `None`: it has none yet.
    pub(super) digest: Option<String>,
    pub(super) commit: Option<String>,
    /// The first line of the commit's message.
    message: Option<String>,
    by: Option<String>,
    /// What was pulled, where it is no build of a commit.
    image: Option<String>,
}

impl Deployment {
    /// Reads it; `None` when it has no id.
    pub(super) fn of(deployment: &Value) -> Option<Self> {
        let meta = &deployment["meta"];
        let short = |key: &str, at_most: usize| {
            let line = text(meta, key)?.lines().next()?;
            Some(cut(&one_line(line), at_most)).filter(|line| !line.is_empty())
        };
        Some(Self {
            id: cut(&one_line(text(deployment, "id")?), 100),
            status: Status::of(deployment),
            created: written_moment(deployment, "createdAt"),
            can_roll_back: flag(deployment, "canRollback"),
            digest: short("imageDigest", 80),
            commit: short("commitHash", 64),
            message: short("commitMessage", 200),
            by: short("commitAuthor", 60),
            image: short("image", 200),
        })
    }

    /// Whether it is known to have the same image.
    fn is_alike(&self, other: &Deployment) -> bool {
        self.digest.is_some() && self.digest == other.digest
    }

    /// The tag of its image, where it says something.
    fn version(&self) -> Option<String> {
        let name = self
            .image
            .as_deref()?
            .split('@')
            .next()?
            .rsplit('/')
            .next()?;
        let (_, tag) = name.split_once(':')?;
        (tag != "latest").then(|| cut(tag, 60))
    }
}

/// What was read of a service.
#[derive(Debug, Default)]
pub(super) struct Deployments {
    /// Newest first.
    pub(super) all: Vec<Deployment>,
    /// The ids of those that Railway calls active.
    pub(super) active: Vec<String>,
    /// Its domain, or its name where it has none.
    pub(super) surface: String,
}

impl Deployments {
    /// Reads the answer; `None` when it has no such service.
    pub(super) fn of(answer: &Value) -> Option<Self> {
        let instance = answer.get("serviceInstance")?;
        let rows = answer["deployments"]["edges"].as_array()?;
        let nodes = rows.iter().map(|row| &row["node"]);
        let mut all: Vec<Deployment> = nodes.filter_map(Deployment::of).collect();
        all.sort_by_key(|deployment| std::cmp::Reverse(deployment.created));
        let active = instance["activeDeployments"]
            .as_array()
            .into_iter()
            .flatten();
        let domain = |kind: &str| text(&instance["domains"][kind][0], "domain");
        let name = domain("customDomains").or_else(|| domain("serviceDomains"));
        let name = name.or_else(|| text(instance, "serviceName"))?;
        Some(Self {
            active: active
                .filter_map(|deployment| text(deployment, "id").map(str::to_owned))
                .collect(),
            surface: cut(&one_line(name), 80),
            all,
        })
    }

    /// The id of the release that this deployment serves: the oldest of the same image.
    pub(super) fn original<'a>(&'a self, id: &'a str) -> &'a str {
        let this = self.all.iter().find(|deployment| deployment.id == id);
        let oldest = this.and_then(|this| {
            let mut oldest_first = self.all.iter().rev();
            oldest_first.find(|other| other.id == id || other.is_alike(this))
        });
        oldest.map_or(id, |oldest| &oldest.id)
    }

    /// The one that serves, or fell over while it did.
    pub(super) fn live(&self) -> Option<&Deployment> {
        let active = || {
            let all = self.all.iter();
            all.filter(|deployment| self.active.contains(&deployment.id))
        };
        active()
            .find(|deployment| deployment.status == Status::Running)
            .or_else(|| active().find(|deployment| deployment.status == Status::Crashed))
    }

    /// The newest that is on its way.
    pub(super) fn under_way(&self) -> Option<&Deployment> {
        let mut all = self.all.iter();
        all.find(|deployment| matches!(deployment.status, Status::UnderWay(_)))
    }

    /// Every image once, newest first, with its copies.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let mut seen = BTreeSet::new();
        let oldest_first = self.all.iter().rev();
        let mut originals: Vec<&str> = oldest_first
            .map(|deployment| self.original(&deployment.id))
            .filter(|id| seen.insert(*id))
            .collect();
        originals.reverse();
        originals.into_iter().map(|id| self.candidate(id)).collect()
    }

    fn candidate(&self, id: &str) -> Candidate {
        let own: Vec<&Deployment> = self
            .all
            .iter()
            .filter(|deployment| self.original(&deployment.id) == id)
            .collect();
        let first = own.last();
        let is_running = own.iter().any(|one| one.status == Status::Running);
        let served = own.iter().filter(|one| one.status.has_served());
        let has_served = served.clone().count() > 0;
        let is_kept = own.iter().any(|one| one.can_roll_back) || is_running;
        let barred = match is_kept {
            true => None,
            false => first.map(|first| first.status.barred()),
        };
        let release = Release {
            kept: match &barred {
                Some(why) if has_served => Kept::Gone(why.clone()),
                Some(_) | None => Kept::Unknown,
            },
            also: own
                .iter()
                .filter(|one| one.id != id)
                .map(|one| one.id.clone())
                .collect(),
            version: first.and_then(|first| first.version()),
            sha: first.and_then(|first| first.commit.clone()),
            created_at: first.and_then(|first| first.created),
            // Railway tells when one was made, which is minutes before it served.
            live_since: served.filter_map(|one| one.created).max(),
            has_served,
            by: first.and_then(|first| first.by.clone()),
            message: first.and_then(|first| first.message.clone()),
            ..Release::unknown(id)
        };
        Candidate {
            release,
            barred_forward: barred.clone(),
            barred,
        }
    }

    /// The digest of a release's image.
    pub(super) fn digest(&self, release: &Release) -> Option<String> {
        let mut own = self.all.iter().filter(|one| release.is(&one.id));
        own.find_map(|one| one.digest.clone())
    }

    /// The deployment that is asked for in order to serve a release again, by the release's id,
    /// where only a copy of it is kept.
    pub(super) fn copies_to_ask_for(&self) -> BTreeMap<String, String> {
        let mut copies = BTreeMap::new();
        for candidate in self.candidates() {
            let release = candidate.release;
            let kept = |id: &str| {
                let mut all = self.all.iter();
                all.any(|one| one.id == id && one.can_roll_back)
            };
            if !kept(&release.id)
                && let Some(copy) = release.also.iter().find(|copy| kept(copy))
            {
                copies.insert(release.id.clone(), copy.clone());
            }
        }
        copies
    }
}
