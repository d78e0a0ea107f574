//! The runs of workflows: which commit each deployed, what serves, and how far one is.

use crate::json::{text, written_moment};
use jiff::Timestamp;
use rollback_domain::release::{Candidate, Release};
use rollback_http::{cut, one_line};
use serde_json::Value;
use std::collections::BTreeSet;

/// How far along a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It ended and worked.
    Succeeded,
    /// It ended otherwise; GitHub's word for how.
    Ended(String),
    /// People have to let it go on.
    Waiting,
    /// It is on its way; GitHub's word for how far.
    UnderWay(String),
}

impl Status {
    fn of(run: &Value) -> Self {
        let word = |key: &str| cut(&one_line(text(run, key).unwrap_or("unknown")), 40);
        match text(run, "status") {
            Some("completed") => match text(run, "conclusion") {
                Some("success") => Status::Succeeded,
                _ => Status::Ended(word("conclusion")),
            },
            Some("waiting" | "action_required") => Status::Waiting,
            _ => Status::UnderWay(word("status")),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        match self {
            Status::Succeeded | Status::Ended(_) => true,
            Status::Waiting | Status::UnderWay(_) => false,
        }
    }
}

/// One run, as GitHub lists it.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Later runs have larger ones.
    pub(super) id: u64,
    pub(super) status: Status,
    pub(super) event: String,
    /// The commit that it was started on.
    pub(super) head: String,
    /// The branch, or the tag, that it was started on.
    pub(super) branch: String,
    /// What its `run-name` made.
    pub(super) title: String,
    pub(super) link: String,
    created: Option<Timestamp>,
    updated: Option<Timestamp>,
    by: Option<String>,
    message: Option<String>,
}

impl Run {
    /// Reads it; `None` when it has no id or no commit.
    fn of(run: &Value) -> Option<Self> {
        let line = |value: &Value, key: &str, at_most| {
            text(value, key).map(|line| cut(&one_line(line), at_most))
        };
        let message =
            text(&run["head_commit"], "message").and_then(|message| message.lines().next());
        Some(Self {
            id: run["id"].as_u64()?,
            status: Status::of(run),
            event: line(run, "event", 40).unwrap_or_default(),
            head: line(run, "head_sha", 64)?,
            branch: line(run, "head_branch", 200).unwrap_or_default(),
            title: line(run, "display_title", 300).unwrap_or_default(),
            link: line(run, "html_url", 300).unwrap_or_default(),
            created: written_moment(run, "created_at"),
            updated: written_moment(run, "updated_at"),
            by: line(&run["actor"], "login", 60),
            message: message.map(|line| cut(&one_line(line), 200)),
        })
    }

    pub(super) fn is_dispatched(&self) -> bool {
        self.event == "workflow_dispatch"
    }

    /// The commit that it deploys: the one that its name has, where it was dispatched, else the
    /// one that it was started on.
    pub(super) fn deploys(&self) -> &str {
        let named = self.words().find(|word| is_commit(word));
        named.filter(|_| self.is_dispatched()).unwrap_or(&self.head)
    }

    /// Whether its name has this word.
    pub(super) fn names(&self, word: &str) -> bool {
        self.words().any(|other| other == word)
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        let is_of_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        self.title.split(move |letter| !is_of_word(letter))
    }
}

/// Whether a text is the whole id of a commit.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The runs of the workflows that deploy, newest first.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<Run>);

impl Runs {
    /// Reads the answers about one workflow each.
    pub(super) fn of(answers: &[Value]) -> Option<Self> {
        let mut runs = vec![];
        for answer in answers {
            runs.extend(
                answer["workflow_runs"]
                    .as_array()?
                    .iter()
                    .filter_map(Run::of),
            );
        }
        runs.sort_by_key(|run| std::cmp::Reverse(run.id));
        Some(Self(runs))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Run> {
        self.0.iter()
    }

    /// The id of the newest; 0: there is none.
    pub(super) fn newest(&self) -> u64 {
        self.0.first().map_or(0, |run| run.id)
    }

    pub(super) fn with_id(&self, id: u64) -> Option<&Run> {
        self.0.iter().find(|run| run.id == id)
    }

    /// The run that deployed what serves: of those that worked, the one that ended last.
    pub(super) fn live(&self) -> Option<&Run> {
        let worked = self.0.iter().filter(|run| run.status == Status::Succeeded);
        worked.max_by_key(|run| (run.updated, run.id))
    }

    /// The newest that has not ended, as a clause.
    pub(super) fn in_flight(&self) -> Option<String> {
        let run = self.0.iter().find(|run| !run.status.has_ended())?;
        Some(format!("run {} has not ended", run.id))
    }

    /// When this commit was deployed last, by a run that worked.
    pub(super) fn deployed(&self, commit: &str) -> Option<Option<Timestamp>> {
        let mut worked = self.0.iter().filter(|run| run.status == Status::Succeeded);
        let run = worked.find(|run| run.deploys() == commit)?;
        Some(run.updated)
    }

    /// Every commit once, newest first.
    pub(super) fn candidates(&self, tag: Option<&str>) -> Vec<Candidate> {
        let mut seen = BTreeSet::new();
        let commits = self
            .0
            .iter()
            .map(Run::deploys)
            .filter(|commit| seen.insert(*commit));
        // Going back starts a new run of an old commit, which keeps its place.
        let first = |commit: &str| self.0.iter().rfind(|run| run.deploys() == commit);
        let mut commits: Vec<&str> = commits.collect();
        commits.sort_by_key(|commit| std::cmp::Reverse(first(commit).map(|run| run.id)));
        let candidates = commits.into_iter();
        candidates
            .map(|commit| self.candidate(commit, tag))
            .collect()
    }

    fn candidate(&self, commit: &str, tag: Option<&str>) -> Candidate {
        let own = || self.0.iter().filter(|run| run.deploys() == commit);
        // The run of the push knows its author, which the run of a rollback does not.
        let oldest = own().next_back();
        let first = own().rfind(|run| run.head == commit).or(oldest);
        let of_push = first.filter(|run| run.head == commit);
        let deployed = self.deployed(commit);
        let version = of_push.map(|run| run.branch.as_str());
        let version = version.filter(|name| is_version(name) && Some(*name) != tag);
        let barred = match deployed {
            Some(_) => None,
            None => Some("no run that deployed it has succeeded".to_owned()),
        };
        Candidate {
            release: Release {
                version: version.map(|version| cut(version, 60)),
                sha: Some(commit.to_owned()),
                created_at: own().filter_map(|run| run.created).min(),
                live_since: deployed.flatten(),
                has_served: deployed.is_some(),
                by: of_push.and_then(|run| run.by.clone()),
                message: of_push.and_then(|run| run.message.clone()),
                ..Release::unknown(commit)
            },
            barred_forward: barred.clone(),
            barred,
        }
    }
}

/// Whether the name of a branch or a tag reads as a version: `v214`, `2.1.0`.
fn is_version(name: &str) -> bool {
    let number = name.strip_prefix('v').unwrap_or(name);
    number.starts_with(|digit: char| digit.is_ascii_digit()) && !is_commit(name)
}
