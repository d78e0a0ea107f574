//! What is read of GitHub's API.

use super::{
    GitHub,
    runs::{Run, Runs},
};
use crate::{
    json::text,
    rest::{Access, Answer, Api, Rest},
};
use jiff::Timestamp;
use reqwest::{Method, header::HeaderMap};
use rollback_domain::platform::ProviderError;
use rollback_http::{Lost, wait_until};
use serde_json::{Value, json};
use std::time::Duration;

/// What goes with every request to GitHub.
pub const HEADERS: &[(&str, &str)] = &[
    ("accept", "application/vnd.github+json"),
    ("x-github-api-version", "2022-11-28"),
    ("user-agent", "rollback-bot"),
];

/// GitHub's API.
pub(super) const API: Api = Api {
    name: "GitHub",
    usual_url: "https://api.github.com",
    settings: "repository, workflow, branch and api_url",
    access: "Give the token, or the App, access to the repository and the permissions that docs/platforms.md lists, and set it in the configuration.",
    within: Duration::from_secs(10),
    headers: HEADERS,
    words: |body| {
        let first = &body["errors"][0];
        let error = text(first, "message").or_else(|| first.as_str());
        error.or_else(|| text(body, "message"))
    },
    wait: limited_until,
    amend: amended,
};
/// How many rows are read at once: the most that GitHub gives.
const ROWS: &str = "100";
/// How long GitHub wants to be left alone after too much in too short a time, when it does not
/// say: a minute.
const SECONDARY_WAIT: Duration = Duration::from_secs(60);

/// How long GitHub takes no more requests: until the hour's are there again, or after too many in
/// too short a time.
fn limited_until(headers: &HeaderMap, body: &Value) -> Option<Duration> {
    let header = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    if header("x-ratelimit-remaining") == Some(0) {
        let reset = Timestamp::from_second(header("x-ratelimit-reset")?).ok()?;
        return wait_until(headers, reset);
    }
    let message = text(body, "message").unwrap_or_default();
    message
        .contains("secondary rate limit")
        .then_some(SECONDARY_WAIT)
}

/// The status and the body as other APIs would have them: too many requests are 429, whichever of
/// its limits was met, and a refusal names the permission that it misses.
fn amended(status: u16, headers: &HeaderMap, mut body: Value) -> (u16, Value) {
    if status != 403 {
        return (status, body);
    }
    let message = text(&body, "message").unwrap_or_default().to_owned();
    let is_spent = headers
        .get("x-ratelimit-remaining")
        .is_some_and(|left| left == "0");
    if is_spent || headers.contains_key("retry-after") || message.contains("rate limit") {
        return (429, body);
    }
    let wanted = headers
        .get("x-accepted-github-permissions")
        .and_then(|wanted| wanted.to_str().ok());
    if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) {
        body["message"] = json!(format!("{message}; it needs {wanted}"));
    }
    (status, body)
}

/// A commit, as far as it matters here.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) sha: String,
    pub(super) tree: String,
    pub(super) parent: Option<String>,
    pub(super) message: String,
    pub(super) author: Option<String>,
    pub(super) made: Option<Timestamp>,
}

impl Commit {
    /// Reads one of a list, or one by itself; `None` when it has no id or no tree.
    pub(super) fn of(commit: &Value) -> Option<Self> {
        let inner = if commit["commit"].is_object() {
            &commit["commit"]
        } else {
            commit
        };
        let message = text(inner, "message").unwrap_or_default();
        let author = text(&commit["author"], "login").or_else(|| text(&inner["author"], "name"));
        Some(Self {
            sha: text(commit, "sha")?.to_owned(),
            tree: text(&inner["tree"], "sha")?.to_owned(),
            parent: text(&commit["parents"][0], "sha").map(str::to_owned),
            message: message.lines().next().unwrap_or_default().to_owned(),
            author: author.map(str::to_owned),
            made: crate::json::written_moment(&inner["author"], "date"),
        })
    }
}

impl GitHub {
    /// The API, with a token that works now.
    async fn rest(&self) -> Result<Rest, ProviderError> {
        let settings = &self.settings;
        let token = settings
            .credentials
            .token(&self.http, &settings.api_url)
            .await?;
        Ok(Rest::new(
            self.http.clone(),
            &API,
            settings.api_url.clone(),
            Access::Bearer(token),
        ))
    }

    fn path<'a>(&'a self, below: &[&'a str]) -> Vec<&'a str> {
        [&["repos", &self.settings.owner, &self.settings.name], below].concat()
    }

    /// Reads something of the repository; `None` when GitHub does not know it, or does not show it.
    pub(super) async fn read(
        &self,
        what: &str,
        below: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, ProviderError> {
        self.rest()
            .await?
            .read(what, &self.path(below), query)
            .await
    }

    /// A header of GitHub's answer about the repository; `None` when it has no such header.
    pub(super) async fn header_of_repository(
        &self,
        name: &str,
    ) -> Result<Option<String>, ProviderError> {
        Ok(self.rest().await?.header(&self.path(&[]), name).await)
    }

    /// Asks for a change, once. Whether it was done is then looked up in `checking`.
    pub(super) async fn change(
        &self,
        method: Method,
        below: &[&str],
        body: &Value,
        checking: &str,
    ) -> Result<Answer, ProviderError> {
        let rest = self.rest().await?;
        let answer = rest.change(method, &self.path(below), &[], body).await;
        let answer = answer.map_err(|lost| rest.unanswered(&lost, checking))?;
        match answer.unmoved(checking) {
            Some(error) if !answer.is_success() => Err(error),
            Some(_) | None => Ok(answer),
        }
    }

    /// Switches a workflow on or off, once; `Err` means that there is no answer to judge.
    pub(super) async fn switch(
        &self,
        workflow: &str,
        to: &str,
    ) -> Result<(Rest, Result<Answer, Lost>), ProviderError> {
        let rest = self.rest().await?;
        let path = self.path(&["actions", "workflows", workflow, to]);
        let answer = rest.change(Method::PUT, &path, &[], &json!({})).await;
        Ok((rest, answer))
    }

    /// What is wrong where GitHub answers 404, which it also does where it does not want to tell.
    pub(super) fn not_found(&self, what: &str) -> ProviderError {
        ProviderError::Refused(format!(
            "GitHub knows no {what} in {}, or the token may not read it. Check repository, workflow and branch in the configuration, and that the token has the repository.",
            self.settings.repository()
        ))
    }

    /// A workflow: whether it is switched on.
    pub(super) async fn is_active(&self, file: &str) -> Result<bool, ProviderError> {
        let what = format!("workflow {file}");
        let workflow = self
            .read(&what, &["actions", "workflows", file], &[])
            .await?;
        let workflow = workflow.ok_or_else(|| self.not_found(&what))?;
        Ok(text(&workflow, "state") == Some("active"))
    }

    /// The runs of the workflows that deploy.
    pub(super) async fn runs(&self) -> Result<Runs, ProviderError> {
        let files = [
            Some(&self.settings.workflow),
            self.settings.deploys.as_ref(),
        ];
        let mut answers = vec![];
        for file in files.into_iter().flatten() {
            let what = format!("workflow {file}");
            let below = ["actions", "workflows", file, "runs"];
            let answer = self
                .read(
                    &format!("the runs of {file}"),
                    &below,
                    &[("per_page", ROWS)],
                )
                .await?;
            answers.push(answer.ok_or_else(|| self.not_found(&what))?);
        }
        Runs::of(&answers).ok_or_else(|| unusable("the runs"))
    }

    /// The environments that a run waits for people in.
    pub(super) async fn waits_in(&self, run: &Run) -> Result<Vec<String>, ProviderError> {
        let id = run.id.to_string();
        let below = ["actions", "runs", &id, "pending_deployments"];
        let pending = self
            .read("what the run waits for", &below, &[])
            .await?
            .unwrap_or_default();
        let environments = pending.as_array().into_iter().flatten();
        Ok(environments
            .filter_map(|pending| text(&pending["environment"], "name").map(str::to_owned))
            .collect())
    }

    /// The commits of the branch, newest first: what was merged comes as its merge.
    pub(super) async fn commits(&self) -> Result<Vec<Commit>, ProviderError> {
        let branch = &self.settings.branch;
        let query = [("sha", branch.as_str()), ("per_page", ROWS)];
        let listed = self
            .read(&format!("the commits of {branch}"), &["commits"], &query)
            .await?;
        let listed = listed.ok_or_else(|| self.not_found(&format!("branch {branch}")))?;
        let listed = listed.as_array().ok_or_else(|| unusable("the commits"))?;
        let all: Vec<Commit> = listed.iter().filter_map(Commit::of).collect();
        let mut commits: Vec<Commit> = vec![];
        let mut next = all.first().cloned();
        while let Some(commit) = next {
            next = commit
                .parent
                .as_ref()
                .and_then(|parent| all.iter().find(|other| other.sha == *parent))
                .cloned();
            commits.push(commit);
            // Whatever is answered, this ends.
            if commits.len() > all.len() {
                break;
            }
        }
        Ok(commits)
    }

    /// The commit that a branch or a tag is at (`heads/main`); `None`: there is no such.
    pub(super) async fn reference(&self, name: &str) -> Result<Option<String>, ProviderError> {
        let below: Vec<&str> = ["git", "ref"].into_iter().chain(name.split('/')).collect();
        let answer = self.read(name, &below, &[]).await?;
        Ok(answer.and_then(|answer| text(&answer["object"], "sha").map(str::to_owned)))
    }

    /// The tree of a commit; `None`: there is no such commit.
    pub(super) async fn tree(&self, sha: &str) -> Result<Option<String>, ProviderError> {
        let commit = self.read("a commit", &["git", "commits", sha], &[]).await?;
        Ok(commit
            .as_ref()
            .and_then(Commit::of)
            .map(|commit| commit.tree))
    }
}

fn unusable(what: &str) -> ProviderError {
    ProviderError::Busy {
        why: format!(
            "GitHub's answer about {what} cannot be used. If this stays, check api_url in the configuration."
        ),
        retry_after: None,
    }
}
