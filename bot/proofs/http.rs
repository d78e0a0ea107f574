//! `kind = "http"`: a page at one address, or at several, and what its answer must be.

use super::page::{Expected, Request, addresses};
use reqwest::{Client, Method};
use rollback_settings::Section;
use std::time::Duration;
use tokio::task::JoinSet;
use url::Url;

/// A page to ask for, and what its answer must be at every address.
#[derive(Clone, Debug)]
pub struct HttpCheck {
    urls: Vec<Url>,
    request: Request,
    expected: Expected,
}

impl HttpCheck {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let urls = addresses(section, "https://shop.example.com/api/health");
        let request = Request::read(section);
        let expected = Expected::read(section);
        let request = request?;
        if request.method == Method::HEAD
            && (expected.json.is_some() || expected.contains.is_some())
        {
            section.mistake("method", "HEAD has no body to look into; write \"GET\"");
        }
        Some(Self {
            urls: urls?,
            request,
            expected,
        })
    }

    /// What it is called where the configuration gives it no name.
    pub(super) fn name(&self) -> String {
        let method = &self.request.method;
        match self.urls.as_slice() {
            [] => method.to_string(),
            [url] => format!("{method} {url}"),
            [first, others @ ..] => format!("{method} {first} and {} more", others.len()),
        }
    }

    /// Whether it changes nothing.
    pub(super) fn is_read(&self) -> bool {
        self.request.is_read()
    }

    /// Asks every address at once. What was seen instead, as a clause.
    pub(super) async fn look(&self, http: &Client, within: Duration) -> Result<(), String> {
        if let [url] = self.urls.as_slice() {
            return self.look_at(http, url, within).await;
        }
        let mut looking = JoinSet::new();
        for (place, url) in self.urls.iter().cloned().enumerate() {
            let (check, http) = (self.clone(), http.clone());
            looking.spawn(async move {
                let problem = check.look_at(&http, &url, within).await.err();
                (place, problem.map(|problem| format!("{url} {problem}")))
            });
        }
        let mut problems: Vec<(usize, String)> = vec![];
        let mut passed = 0;
        while let Some(looked) = looking.join_next().await {
            match looked {
                Ok((_, None)) => passed += 1,
                Ok((place, Some(problem))) => problems.push((place, problem)),
                // One that does not come back was not seen to be good.
                Err(_) => problems.push((self.urls.len(), "one could not be checked".to_owned())),
            }
        }
        problems.sort();
        let Some((_, first)) = problems.first() else {
            return Ok(());
        };
        let more = match problems.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        Err(format!(
            "passes at {passed}/{}: {first}{more}",
            self.urls.len()
        ))
    }

    async fn look_at(&self, http: &Client, url: &Url, within: Duration) -> Result<(), String> {
        let page = self.request.send(http, url, within).await?;
        self.expected.compare(&page, &self.request.sent)
    }

    /// Whether something is at each address: it answers as it must, or fails by itself.
    pub(super) async fn leads_somewhere(&self, http: &Client, within: Duration) -> bool {
        for url in &self.urls {
            match self.request.send(http, url, within).await {
                Ok(page) if page.status >= 500 || page.status == self.expected.status => {}
                Ok(_) | Err(_) => return false,
            }
        }
        true
    }
}
