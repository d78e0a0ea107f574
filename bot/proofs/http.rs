//! `kind = "http"`: a page at one address, or at several, and what its answer must be.

use super::{
    Outcome, Probe,
    page::{Expected, Request, addresses},
};
use async_trait::async_trait;
use reqwest::{Client, Method};
use rollback_settings::Section;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;
use url::Url;

/// A page to ask for, and what its answer must be at every address.
#[derive(Clone, Debug)]
struct HttpCheck {
    urls: Vec<Url>,
    request: Request,
    expected: Expected,
}

/// Reads its section.
pub(super) fn read(section: &Section<'_>, _is_watched: bool) -> Option<Arc<dyn Probe>> {
    let urls = addresses(section, "https://shop.example.com/api/health");
    let request = Request::read(section);
    let expected = Expected::read(section);
    let request = request?;
    if request.method == Method::HEAD && (expected.json.is_some() || expected.contains.is_some()) {
        section.mistake("method", "HEAD has no body to look into; write \"GET\"");
    }
    Some(Arc::new(HttpCheck {
        urls: urls?,
        request,
        expected,
    }))
}

#[async_trait]
impl Probe for HttpCheck {
    async fn probe(&self, http: &Client, within: Duration) -> Outcome {
        Outcome::of(self.look(http, within).await)
    }

    fn name(&self) -> Option<String> {
        let method = &self.request.method;
        Some(match self.urls.as_slice() {
            [] => method.to_string(),
            [url] => format!("{method} {url}"),
            [first, others @ ..] => format!("{method} {first} and {} more", others.len()),
        })
    }

    fn is_read(&self) -> bool {
        self.request.is_read()
    }

    async fn leads_somewhere(&self, http: &Client, within: Duration) -> bool {
        for url in &self.urls {
            match self.request.send(http, url, within).await {
                Ok(page) if page.status >= 500 || page.status == self.expected.status => {}
                Ok(_) | Err(_) => return false,
            }
        }
        true
    }
}

impl HttpCheck {
    /// Asks every address at once. What was seen instead, as a clause.
    async fn look(&self, http: &Client, within: Duration) -> Result<(), String> {
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
}
