//! GitHub: commits and pull requests between two commits.

use super::{
    Commit, Host, PULLS_AT_MOST, Pull, commit, describe, first_parents,
    migrations::{ChangeKind, ChangedFile, added_text},
    short,
};
use reqwest::{Client, RequestBuilder};
use rollback_domain::{
    changes::{Change, Lost},
    release::Release,
};
use rollback_http::{cut, one_line};
use rollback_providers::github::{Credentials, HEADERS};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

const HOST: Host = Host {
    name: "GitHub",
    token: "github.token",
};

/// GitHub, as the bot asks it.
#[derive(Clone, Debug)]
pub struct GitHub {
    pub(super) http: Client,
    pub(super) api_url: Url,
    pub(super) credentials: Credentials,
}

impl GitHub {
    /// GitHub at this address, `https://api.github.com` or `https://HOST/api/v3`.
    pub fn new(http: Client, api_url: Url, credentials: Credentials) -> Self {
        Self {
            http,
            api_url,
            credentials,
        }
    }

    /// What is lost in `repository` (`owner/name`), or why that is not known, as a clause.
    pub(super) async fn lost(
        &self,
        repository: &str,
        from: &Release,
        to: &Release,
    ) -> Result<Lost, String> {
        let compared = self.compared(repository, from, to).await?;
        let commits = compared["commits"].as_array();
        let commits = commits.ok_or("GitHub's answer has no commits")?;
        let total = compared["total_commits"].as_u64().unwrap_or_default();
        let unread = total.saturating_sub(commits.len() as u64);
        let mut changes = changes(commits);
        let pulls = self.pulls(repository, &changes).await;
        describe(&mut changes, &pulls);
        let link = compared["html_url"].as_str().unwrap_or_default();
        Ok(Lost::of(changes, unread, cut(&one_line(link), 300)))
    }

    /// The files that differ between `to` and the later `from`, or why they are not known, as a
    /// clause. GitHub tells at most 300 (REST API, "Compare two commits").
    pub(super) async fn files(
        &self,
        repository: &str,
        from: &Release,
        to: &Release,
    ) -> Result<Vec<ChangedFile>, String> {
        let compared = self.compared(repository, from, to).await?;
        if compared["status"] == "diverged" {
            return Err(format!(
                "in {repository} {} is not an ancestor of {}",
                to.label(),
                from.label()
            ));
        }
        let files = compared["files"].as_array();
        let files = files.ok_or("GitHub's answer has no files")?;
        if files.len() >= FILES_AT_MOST {
            return Err(format!(
                "GitHub tells no more than {FILES_AT_MOST} files that differ, and there may be more"
            ));
        }
        Ok(files.iter().filter_map(changed_file).collect())
    }

    /// What lies between two releases.
    async fn compared(
        &self,
        repository: &str,
        from: &Release,
        to: &Release,
    ) -> Result<Value, String> {
        let (live, target) = (commit(from)?, commit(to)?);
        let range = format!("{target}...{live}");
        let mut url = self.api_url.clone();
        url.path_segments_mut()
            .map_err(|()| "github.api_url is no address".to_owned())?
            .pop_if_empty()
            .push("repos")
            .extend(repository.split('/'))
            .extend(["compare", &range]);
        let compared = self.ask(self.http.get(url), repository).await?;
        if compared["status"] == "behind" {
            return Err(format!(
                "in {repository} {} comes after {}",
                to.label(),
                from.label()
            ));
        }
        Ok(compared)
    }

    /// What these pull requests say of themselves. What is not answered is left out: commits say
    /// nearly the same.
    async fn pulls(&self, repository: &str, changes: &[Change]) -> BTreeMap<u64, Pull> {
        let numbers = changes.iter().filter_map(|change| change.number);
        let numbers: BTreeSet<u64> = numbers.take(PULLS_AT_MOST).collect();
        let (Some((owner, name)), false) = (repository.split_once('/'), numbers.is_empty()) else {
            return BTreeMap::new();
        };
        let fields: Vec<String> = numbers
            .iter()
            .map(|number| {
                format!(
                    "p{number}: pullRequest(number: {number}) {{ title author {{ login }} labels(first: 20) {{ nodes {{ name }} }} }}"
                )
            })
            .collect();
        let query = format!(
            "query($owner: String!, $name: String!) {{ repository(owner: $owner, name: $name) {{ {} }} }}",
            fields.join(" ")
        );
        let body = json!({ "query": query, "variables": { "owner": owner, "name": name } });
        let request = self.http.post(self.graphql_url()).json(&body);
        let answer = self.ask(request, repository).await.unwrap_or_default();
        let found = &answer["data"]["repository"];
        numbers
            .into_iter()
            .filter_map(|number| {
                let pull = &found[format!("p{number}")];
                let labels = pull["labels"]["nodes"].as_array().into_iter().flatten();
                Some((
                    number,
                    Pull {
                        title: short(pull["title"].as_str()?),
                        author: pull["author"]["login"].as_str().map(short),
                        labels: labels
                            .filter_map(|label| label["name"].as_str().map(str::to_owned))
                            .collect(),
                    },
                ))
            })
            .collect()
    }

    /// Where GraphQL is: beside the REST API.
    fn graphql_url(&self) -> Url {
        let mut url = self.api_url.clone();
        let path = url.path().trim_end_matches('/').trim_end_matches("/v3");
        let path = format!("{path}/graphql");
        url.set_path(&path);
        url
    }

    /// The answer to one request, or why there is none, as a clause.
    async fn ask(&self, request: RequestBuilder, repository: &str) -> Result<Value, String> {
        let token = self.credentials.token(&self.http, &self.api_url).await;
        let token = token.map_err(|error| error.to_string().trim_end_matches('.').to_owned())?;
        let request = HEADERS.iter().fold(
            request.bearer_auth(token.expose()),
            |request, (name, value)| request.header(*name, *value),
        );
        HOST.ask(request, repository).await
    }
}

/// How many files GitHub tells of one comparison.
const FILES_AT_MOST: usize = 300;

fn changed_file(file: &Value) -> Option<ChangedFile> {
    Some(ChangedFile {
        path: file["filename"].as_str()?.to_owned(),
        kind: match file["status"].as_str()? {
            "added" => ChangeKind::Added(file["patch"].as_str().map(added_text)),
            "removed" => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        },
    })
}

/// The changes that these commits bring, newest first.
fn changes(commits: &[Value]) -> Vec<Change> {
    let commits: Vec<Commit<'_>> = commits.iter().filter_map(read).collect();
    // They come oldest first.
    let followed = first_parents(&commits, commits.last());
    followed
        .into_iter()
        .map(|commit| commit.change(pull_request, false))
        .collect()
}

fn read(commit: &Value) -> Option<Commit<'_>> {
    let made = &commit["commit"]["author"];
    Some(Commit {
        sha: commit["sha"].as_str()?,
        parent: commit["parents"][0]["sha"].as_str(),
        message: commit["commit"]["message"].as_str().unwrap_or_default(),
        author: commit["author"]["login"]
            .as_str()
            .or_else(|| made["name"].as_str()),
        email: made["email"].as_str(),
    })
}

/// The pull request that a commit's message names, and its title.
fn pull_request(message: &str) -> (Option<u64>, &str) {
    let mut lines = message.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    if let Some(rest) = first.strip_prefix("Merge pull request #") {
        let number = rest
            .split(' ')
            .next()
            .and_then(|number| number.parse().ok());
        let title = lines.find(|line| !line.is_empty()).unwrap_or(first);
        return (number, title);
    }
    let squashed = first
        .strip_suffix(')')
        .and_then(|first| first.rsplit_once(" (#"));
    match squashed.and_then(|(title, number)| Some((title, number.parse().ok()?))) {
        Some((title, number)) => (Some(number), title),
        None => (None, first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(sha: &str, parents: &[&str], message: &str) -> Value {
        let parents: Vec<Value> = parents.iter().map(|sha| json!({"sha": sha})).collect();
        json!({"sha": sha, "parents": parents, "commit": {"message": message, "author": {"name": "lee"}}})
    }

    #[test]
    fn what_was_merged_comes_with_its_merge() {
        let commits = [
            commit("a", &["base"], "Faster search (#811)"),
            commit("b", &["a"], "wip"),
            commit("c", &["b"], "wip again"),
            commit(
                "d",
                &["a", "c"],
                "Merge pull request #812 from acme/session\n\nSession expiry\n\nSee INC-7",
            ),
            commit("e", &["d"], "Tax engine"),
        ];
        let seen: Vec<(String, String, bool)> = changes(&commits)
            .into_iter()
            .map(|change| (change.label(), change.title, change.is_fix))
            .collect();
        assert_eq!(
            seen,
            [
                ("e".into(), "Tax engine".into(), false),
                ("#812".into(), "Session expiry".into(), true),
                ("#811".into(), "Faster search".into(), false),
            ]
        );
        // An answer that leads in a circle ends all the same.
        let circle = [commit("a", &["b"], "A"), commit("b", &["a"], "B")];
        assert_eq!(changes(&circle).len(), 2);
    }

    #[test]
    fn graphql_is_beside_the_api() {
        let at = |url: &str| {
            let github = GitHub::new(
                Client::new(),
                url.parse().unwrap(),
                Credentials::Token(rollback_settings::Secret::new("t")),
            );
            github.graphql_url().to_string()
        };
        let _ = crate::http_client();
        assert_eq!(
            at("https://api.github.com"),
            "https://api.github.com/graphql"
        );
        assert_eq!(
            at("https://git.example.com/api/v3"),
            "https://git.example.com/api/graphql"
        );
    }
}
