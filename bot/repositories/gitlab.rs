//! GitLab: commits and merge requests between two commits.

use super::{
    Commit, Host, PULLS_AT_MOST, Pull, commit, describe, first_parents,
    migrations::{ChangeKind, ChangedFile, added_text},
    short,
};
use reqwest::Client;
use rollback_domain::{
    changes::{Change, Lost},
    release::Release,
};
use rollback_http::{cut, one_line};
use rollback_settings::Secret;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

const HOST: Host = Host {
    name: "GitLab",
    token: "gitlab.token",
};

/// GitLab, as the bot asks it.
#[derive(Clone, Debug)]
pub struct GitLab {
    http: Client,
    api_url: Url,
    token: Secret,
}

impl GitLab {
    /// GitLab at this address, `https://gitlab.com/api/v4` or `https://HOST/api/v4`.
    pub fn new(http: Client, api_url: Url, token: Secret) -> Self {
        Self {
            http,
            api_url,
            token,
        }
    }

    /// What is lost in `project` (`group/name`), or why that is not known, as a clause.
    pub(super) async fn lost(
        &self,
        project: &str,
        from: &Release,
        to: &Release,
    ) -> Result<Lost, String> {
        let compared = self.compared(project, from, to).await?;
        let commits = compared["commits"].as_array().into_iter().flatten();
        let mut changes = changes(commits, commit(from)?);
        let requests = self.merge_requests(project, &changes).await;
        describe(&mut changes, &requests);
        let link = compared["web_url"].as_str().unwrap_or_default();
        Ok(Lost::of(changes, 0, cut(&one_line(link), 300)))
    }

    /// The files that differ between `to` and the later `from`, or why they are not known, as a
    /// clause (GitLab's REST API, "Compare branches, tags, or commits").
    pub(super) async fn files(
        &self,
        project: &str,
        from: &Release,
        to: &Release,
    ) -> Result<Vec<ChangedFile>, String> {
        let compared = self.compared(project, from, to).await?;
        if compared["compare_timeout"] == true {
            return Err("GitLab could not compare so many files".into());
        }
        let files = compared["diffs"].as_array();
        let files = files.ok_or("GitLab's answer has no files")?;
        Ok(files.iter().filter_map(changed_file).collect())
    }

    /// What lies between two releases.
    async fn compared(&self, project: &str, from: &Release, to: &Release) -> Result<Value, String> {
        let (live, target) = (commit(from)?, commit(to)?);
        let query = [("from", target), ("to", live)];
        let compared = self
            .ask(project, &["repository", "compare"], &query)
            .await?;
        let commits = compared["commits"].as_array();
        let commits = commits.ok_or("GitLab's answer has no commits")?;
        if commits.is_empty() && live != target {
            return Err(format!(
                "in {project} {} does not come before {}",
                to.label(),
                from.label()
            ));
        }
        Ok(compared)
    }

    /// What these merge requests say of themselves. What is not answered is left out: commits say
    /// nearly the same.
    async fn merge_requests(&self, project: &str, changes: &[Change]) -> BTreeMap<u64, Pull> {
        let numbers = changes.iter().filter_map(|change| change.number);
        let numbers: BTreeSet<u64> = numbers.take(PULLS_AT_MOST).collect();
        if numbers.is_empty() {
            return BTreeMap::new();
        }
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        let wanted = numbers.iter().map(|number| ("iids[]", number.as_str()));
        let query: Vec<_> = wanted.chain([("per_page", "100")]).collect();
        let answer = self.ask(project, &["merge_requests"], &query).await;
        let answer = answer.unwrap_or_default();
        let requests = answer.as_array().into_iter().flatten();
        requests
            .filter_map(|request| {
                let labels = request["labels"].as_array().into_iter().flatten();
                let pull = Pull {
                    title: short(request["title"].as_str()?),
                    author: request["author"]["username"].as_str().map(short),
                    labels: labels
                        .filter_map(|label| label.as_str().map(str::to_owned))
                        .collect(),
                };
                Some((request["iid"].as_u64()?, pull))
            })
            .collect()
    }

    /// The answer to one request about a project, or why there is none, as a clause.
    async fn ask(
        &self,
        project: &str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, String> {
        let mut url = self.api_url.clone();
        url.path_segments_mut()
            .map_err(|()| "gitlab.api_url is no address".to_owned())?
            .pop_if_empty()
            .extend(["projects", project])
            .extend(path);
        url.query_pairs_mut().extend_pairs(query);
        let request = self.http.get(url).bearer_auth(self.token.expose());
        HOST.ask(request, project).await
    }
}

fn changed_file(file: &Value) -> Option<ChangedFile> {
    let is = |what: &str| file[what] == true;
    let kind = if is("new_file") {
        let is_whole = !is("collapsed") && !is("too_large");
        let difference = file["diff"].as_str().filter(|_| is_whole);
        ChangeKind::Added(difference.map(added_text))
    } else if is("deleted_file") {
        ChangeKind::Removed
    } else {
        ChangeKind::Changed
    };
    Some(ChangedFile {
        path: file["new_path"].as_str()?.to_owned(),
        kind,
    })
}

/// The changes that these commits bring, newest first. They come in no promised order.
fn changes<'a>(commits: impl Iterator<Item = &'a Value>, live: &str) -> Vec<Change> {
    let commits: Vec<Commit<'_>> = commits.filter_map(read).collect();
    let head = commits.iter().find(|commit| commit.sha.starts_with(live));
    let followed = first_parents(&commits, head);
    followed
        .into_iter()
        .map(|commit| commit.change(merge_request, true))
        .collect()
}

fn read(commit: &Value) -> Option<Commit<'_>> {
    Some(Commit {
        sha: commit["id"].as_str()?,
        parent: commit["parent_ids"][0].as_str(),
        message: commit["message"].as_str().unwrap_or_default(),
        author: commit["author_name"].as_str(),
        email: commit["author_email"].as_str(),
    })
}

/// The merge request that a commit's message names, and its title.
fn merge_request(message: &str) -> (Option<u64>, &str) {
    let mut lines = message.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let named = lines
        .iter()
        .find_map(|line| line.strip_prefix("See merge request "));
    let number = named.and_then(|named| named.rsplit_once('!')?.1.parse().ok());
    if number.is_some() {
        let own = lines
            .first()
            .copied()
            .filter(|line| !line.starts_with("See merge request "));
        let is_merge = first.starts_with("Merge branch '");
        return (number, own.filter(|_| is_merge).unwrap_or(first));
    }
    let squashed = first
        .strip_suffix(')')
        .and_then(|first| first.rsplit_once(" (!"));
    match squashed.and_then(|(title, number)| Some((title, number.parse().ok()?))) {
        Some((title, number)) => (Some(number), title),
        None => (None, first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_names_its_request() {
        let merge = "Merge branch 'expiry' into 'main'\n\nSession expiry\n\nSee merge request acme/shop!812";
        assert_eq!(merge_request(merge), (Some(812), "Session expiry"));
        assert_eq!(
            merge_request("Round prices\n\nSee merge request acme/web/shop!811"),
            (Some(811), "Round prices")
        );
        assert_eq!(merge_request("Cart (!7)"), (Some(7), "Cart"));
        assert_eq!(merge_request("Tax engine (#9)"), (None, "Tax engine (#9)"));
    }
}
