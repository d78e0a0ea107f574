//! A file that is proposed to a repository on GitHub by a pull request.
//!
//! Everything is read before it is written: a branch, a file or a pull request that an earlier
//! attempt has left is found, and used again. Nothing is written to the default branch.

use super::GitHub;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use reqwest::{Method, header::HeaderMap};
use rollback_domain::platform::ProviderError;
use rollback_http::{Lost, cut, one_line, retry_after, send};
use rollback_providers::github::HEADERS;
use serde_json::{Value, json};
use std::time::Duration;

/// How long one request may take, from connecting to the last byte.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes: a file comes back with it.
const ANSWER_AT_MOST: usize = 8 << 20;
/// How much of GitHub's own words goes into a sentence, in characters.
const QUOTED_AT_MOST: usize = 200;

/// What is proposed.
#[derive(Clone, Copy, Debug)]
pub struct ProposedFile<'a> {
    /// The repository, `owner/name`.
    pub repository: &'a str,
    /// The branch that is made for it.
    pub branch: &'a str,
    /// Where the file is in the repository.
    pub path: &'a str,
    /// What is in it.
    pub content: &'a [u8],
    /// The title of the pull request, and the message of the commit.
    pub title: &'a str,
    /// The text of the pull request, in Markdown.
    pub text: &'a str,
}

/// Why it is not proposed, as a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotProposed {
    /// It may be tried again.
    Later {
        /// What happened.
        why: String,
        /// How long GitHub wants to be left alone; `None`: it does not say.
        after: Option<Duration>,
    },
    /// It will never be taken like this.
    Refused(String),
}

fn later(why: impl Into<String>) -> NotProposed {
    NotProposed::Later {
        why: why.into(),
        after: None,
    }
}

impl GitHub {
    /// Opens the pull request that proposes a file, or brings the one that is open up to date.
    /// Gives its address.
    pub async fn propose(&self, file: &ProposedFile<'_>) -> Result<String, NotProposed> {
        let repository = self.read(file, &[], &[]).await?;
        let Some(repository) = repository else {
            return Err(NotProposed::Refused(format!(
                "GitHub knows no repository {}, or github.token may not read it",
                file.repository
            )));
        };
        let base = repository["default_branch"].as_str().unwrap_or("main");
        self.make_branch(file, base).await?;
        self.write(file).await?;
        self.open(file, base).await
    }

    async fn make_branch(&self, file: &ProposedFile<'_>, base: &str) -> Result<(), NotProposed> {
        let ours = ["git", "ref", "heads", file.branch];
        if self.read(file, &ours, &[]).await?.is_some() {
            return Ok(());
        }
        let head = self.read(file, &["git", "ref", "heads", base], &[]).await?;
        let head = head.unwrap_or_default();
        let Some(sha) = head["object"]["sha"].as_str() else {
            return Err(NotProposed::Refused(format!(
                "{} has no branch {base} yet: make a first commit there",
                file.repository
            )));
        };
        let body = json!({ "ref": format!("refs/heads/{}", file.branch), "sha": sha });
        let answer = self
            .call(file, Method::POST, &["git", "refs"], &[], Some(&body))
            .await?;
        match answer.status {
            201 => Ok(()),
            // Somebody was faster.
            422 if answer.words().contains("already exists") => Ok(()),
            _ => Err(answer.refused("make a branch", file)),
        }
    }

    async fn write(&self, file: &ProposedFile<'_>) -> Result<(), NotProposed> {
        let path: Vec<&str> = ["contents"]
            .into_iter()
            .chain(file.path.split('/'))
            .collect();
        let there = self.read(file, &path, &[("ref", file.branch)]).await?;
        let content = BASE64.encode(file.content);
        let is_there = there.as_ref().is_some_and(|there| {
            let kept = there["content"].as_str().unwrap_or_default();
            kept.split_whitespace().collect::<String>() == content
        });
        if is_there {
            return Ok(());
        }
        let mut body = json!({
            "message": file.title, "content": content, "branch": file.branch,
        });
        if let Some(sha) = there.as_ref().and_then(|there| there["sha"].as_str()) {
            body["sha"] = json!(sha);
        }
        let answer = self
            .call(file, Method::PUT, &path, &[], Some(&body))
            .await?;
        match answer.status {
            200 | 201 => Ok(()),
            // The branch has moved since it was read.
            409 => Err(later("the branch moved meanwhile")),
            _ => Err(answer.refused("write the file", file)),
        }
    }

    async fn open(&self, file: &ProposedFile<'_>, base: &str) -> Result<String, NotProposed> {
        let owner = file.repository.split('/').next().unwrap_or_default();
        let head = format!("{owner}:{}", file.branch);
        let query = [("state", "open"), ("head", head.as_str())];
        let open = self.read(file, &["pulls"], &query).await?;
        let mut open = open
            .iter()
            .flat_map(|open| open.as_array().into_iter().flatten());
        let link = |pull: &Value| {
            let link = pull["html_url"].as_str().unwrap_or_default();
            cut(&one_line(link), 300)
        };
        if let Some(pull) = open.find(|pull| pull["head"]["ref"] == file.branch) {
            return Ok(link(pull));
        }
        let body = json!({
            "title": file.title, "body": file.text, "head": file.branch, "base": base,
        });
        let answer = self
            .call(file, Method::POST, &["pulls"], &[], Some(&body))
            .await?;
        match answer.status {
            201 => Ok(link(&answer.body)),
            _ => Err(answer.refused("open a pull request", file)),
        }
    }

    /// Reads something of the repository; `None`: it is not there.
    async fn read(
        &self,
        file: &ProposedFile<'_>,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, NotProposed> {
        let answer = self.call(file, Method::GET, path, query, None).await?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            404 => Ok(None),
            _ => Err(answer.refused("show what is there", file)),
        }
    }

    /// Sends one request; an answer that says *not now* is none.
    async fn call(
        &self,
        file: &ProposedFile<'_>,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, NotProposed> {
        let token = self.credentials.token(&self.http, &self.api_url).await;
        let token = token.map_err(|error| {
            let why = error.to_string().trim_end_matches('.').to_owned();
            match error {
                ProviderError::Refused(_) => NotProposed::Refused(why),
                ProviderError::Busy { .. } | ProviderError::Unanswered(_) => later(why),
            }
        })?;
        let unsent = || NotProposed::Refused("GitHub cannot be asked: check [github]".into());
        let mut url = self.api_url.clone();
        url.path_segments_mut()
            .map_err(|()| unsent())?
            .pop_if_empty()
            .push("repos")
            .extend(file.repository.split('/'))
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url).bearer_auth(token.expose());
        let request = HEADERS.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = send(request, TIMEOUT).await.map_err(|lost| match lost {
            Lost::Unsent => unsent(),
            lost => later(format!("GitHub did not answer: {lost}")),
        })?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.body(ANSWER_AT_MOST).await.unwrap_or_default();
        let answer = Answer {
            status,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        };
        match status {
            429 => Err(answer.limited(&headers)),
            403 if is_limited(&headers, &answer) => Err(answer.limited(&headers)),
            408 | 500.. => Err(later(format!("GitHub answers {status}"))),
            _ => Ok(answer),
        }
    }
}

/// Whether it is one of GitHub's limits, which it answers like a missing permission.
fn is_limited(headers: &HeaderMap, answer: &Answer) -> bool {
    let is_spent = headers
        .get("x-ratelimit-remaining")
        .is_some_and(|left| left == "0");
    is_spent || headers.contains_key("retry-after") || answer.words().contains("rate limit")
}

/// What came back, as far as it has to be judged.
struct Answer {
    status: u16,
    /// Null when it cannot be read.
    body: Value,
}

impl Answer {
    fn words(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    fn limited(&self, headers: &HeaderMap) -> NotProposed {
        NotProposed::Later {
            why: "GitHub is rate-limiting this bot".into(),
            after: retry_after(headers),
        }
    }

    fn refused(&self, wish: &str, file: &ProposedFile<'_>) -> NotProposed {
        let status = self.status;
        let words = cut(&one_line(self.words()), QUOTED_AT_MOST);
        let quoted = match words.as_str() {
            "" => status.to_string(),
            words => format!("{status}: {}", words.trim_end_matches('.')),
        };
        NotProposed::Refused(format!(
            "GitHub would not {wish} in {} ({quoted}); github.token needs to write contents and pull requests there",
            file.repository
        ))
    }
}
