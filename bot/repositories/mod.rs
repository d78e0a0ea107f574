//! The hosts of repositories: which changes are between two commits, and a file that is proposed.
//!
//! They are asked for changes while a plan is made, within a few seconds: what they do not answer is
//! not known, and keeps no plan from being made. Nothing is changed there but by a pull request.

mod github;
mod gitlab;
mod migrations;
mod proposed_file;

pub use github::GitHub;
pub use gitlab::GitLab;
pub use migrations::MigrationReadings;
pub use proposed_file::{NotProposed, ProposedFile};
use reqwest::{RequestBuilder, StatusCode};
use rollback_domain::{
    changes::{Change, LostChanges, Repository, names_an_incident, reads_like_a_fix},
    release::Release,
};
use rollback_http::{Lost as NoAnswer, cut, json, one_line, send};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// How long one request may take, from connecting to the last byte. Two are made.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The largest answer that is read, in bytes.
const ANSWER_AT_MOST: usize = 8 << 20;
/// How many pull requests, or merge requests, are asked for their titles and labels.
const PULLS_AT_MOST: usize = 50;
/// How much of a title is kept, in characters.
const TITLE_AT_MOST: usize = 100;

/// The hosts that the configuration has.
#[derive(Clone, Debug)]
pub struct Repositories {
    /// GitHub; `None`: it is not configured.
    pub github: Option<GitHub>,
    /// GitLab; `None`: it is not configured.
    pub gitlab: Option<GitLab>,
    /// What was read of migrations before.
    pub kept: MigrationReadings,
}

impl Repositories {
    /// What production loses that goes from one release to an earlier one; `None`: the host is not
    /// configured.
    pub async fn lost(
        &self,
        repository: &Repository,
        from: &Release,
        to: &Release,
    ) -> Option<LostChanges> {
        let read = match repository {
            Repository::GitHub(name) => self.github.as_ref()?.lost(name, from, to).await,
            Repository::GitLab(name) => self.gitlab.as_ref()?.lost(name, from, to).await,
        };
        Some(match read {
            Ok(lost) => LostChanges::Known(lost),
            Err(why) => LostChanges::Unknown(why),
        })
    }
}

/// A host, as sentences name it.
struct Host {
    /// `GitHub`.
    name: &'static str,
    /// Where its token stands in the configuration: `github.token`.
    token: &'static str,
}

impl Host {
    /// The answer to one request, or why there is none, as a clause.
    async fn ask(&self, request: RequestBuilder, repository: &str) -> Result<Value, String> {
        let Host { name, token } = self;
        let answer = match send(request, TIMEOUT).await {
            Ok(answer) => answer,
            Err(NoAnswer::Unsent) => return Err(format!("{name} cannot be asked: check {token}")),
            Err(lost) => return Err(format!("{name} did not answer: {lost}")),
        };
        let status = answer.status();
        let is_limited = answer
            .headers()
            .get("x-ratelimit-remaining")
            .is_some_and(|left| left == "0");
        Err(match status {
            StatusCode::OK => {
                let body = answer.body(ANSWER_AT_MOST).await;
                let body = body.map_err(|why| format!("{name}'s answer broke off: {why}"))?;
                return json(&body).map_err(|why| format!("{name}'s answer cannot be used: {why}"));
            }
            StatusCode::NOT_FOUND => {
                format!("{name} knows no such commits in {repository}, or {token} may not read it")
            }
            StatusCode::TOO_MANY_REQUESTS => format!("{name} is rate-limiting this bot"),
            StatusCode::FORBIDDEN if is_limited => format!("{name} is rate-limiting this bot"),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                format!("{name} says that {token} may not read {repository} ({status})")
            }
            status => format!("{name} answers {status}"),
        })
    }
}

/// What a pull request, or a merge request, says of itself.
struct Pull {
    title: String,
    author: Option<String>,
    labels: Vec<String>,
}

/// Puts into changes what their pull requests say of themselves.
fn describe(changes: &mut [Change], pulls: &BTreeMap<u64, Pull>) {
    for change in changes {
        if let Some(pull) = change.number.and_then(|number| pulls.get(&number)) {
            change.is_fix |= reads_like_a_fix(&pull.title)
                || pull.labels.iter().any(|label| reads_like_a_fix(label));
            change.title.clone_from(&pull.title);
            if pull.author.is_some() && pull.author != change.author {
                // The address is of whoever merged or committed it.
                change.email = None;
                change.author.clone_from(&pull.author);
            }
        }
    }
}

/// One commit, as every host shows it.
struct Commit<'a> {
    sha: &'a str,
    /// The first of its parents.
    parent: Option<&'a str>,
    message: &'a str,
    author: Option<&'a str>,
    email: Option<&'a str>,
}

impl Commit<'_> {
    /// The change that it brings; `request` reads the request and its title out of its message.
    fn change(&self, request: fn(&str) -> (Option<u64>, &str), is_merge_request: bool) -> Change {
        let (number, title) = request(self.message);
        let reads_mail = |email: &&str| email.contains('@') && !email.contains("noreply");
        Change {
            sha: cut(&one_line(self.sha), 64),
            number,
            is_merge_request: is_merge_request && number.is_some(),
            title: short(title),
            author: self.author.map(short),
            email: self
                .email
                .filter(reads_mail)
                .map(|email| cut(&one_line(email), 200)),
            is_fix: reads_like_a_fix(title) || names_an_incident(self.message),
        }
    }
}

/// From the commit `head` back by first parents, newest first: a merge brings what was merged.
fn first_parents<'a>(
    commits: &'a [Commit<'a>],
    head: Option<&'a Commit<'a>>,
) -> Vec<&'a Commit<'a>> {
    let by_sha: BTreeMap<&str, &Commit<'_>> =
        commits.iter().map(|commit| (commit.sha, commit)).collect();
    let mut at = head;
    let mut followed = vec![];
    while let Some(commit) = at {
        followed.push(commit);
        at = commit
            .parent
            .and_then(|parent| by_sha.get(parent).copied())
            // Whatever is answered, this ends.
            .filter(|_| followed.len() < commits.len());
    }
    followed
}

/// The commit of a release, if that is what its sha is.
fn commit(release: &Release) -> Result<&str, String> {
    let sha = release.sha.as_deref().filter(|sha| {
        (7..=40).contains(&sha.len()) && sha.bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    sha.ok_or_else(|| format!("{} names no commit", release.label()))
}

fn short(text: &str) -> String {
    cut(&one_line(text), TITLE_AT_MOST)
}
