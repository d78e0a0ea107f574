//! The fingerprint: which release answers from outside.

use super::page::{Page, Request, Sent, addresses};
use reqwest::Client;
use rollback_domain::proof::Instance;
use rollback_settings::{Section, header, pointer, text};
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinSet;
use url::Url;

/// How long the fingerprint may take.
const WITHIN: Duration = Duration::from_secs(10);
/// How many letters of a version are kept.
const VERSION_AT_MOST: usize = 200;

/// How to see from outside which release answers.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    urls: Vec<Url>,
    sent: Sent,
    /// Where in an answer the release is named.
    pub at: FingerprintAt,
}

/// Where in an answer a release is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FingerprintAt {
    /// In the response header of this name.
    Header(String),
    /// In the JSON body, at this pointer (RFC 6901).
    Json(String),
    /// In the HTML body, in the `content` of the `<meta>` with this name.
    Meta(String),
}

impl Fingerprint {
    /// Reads a section `[…fingerprint]`.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        let urls = addresses(section, "https://shop.example.com/version.json");
        let sent = Sent::read(section);
        let given: Vec<&str> = ["json", "header", "meta"]
            .into_iter()
            .filter(|key| section.get(key).is_some())
            .collect();
        let at = [
            section.optional("json", pointer).map(FingerprintAt::Json),
            section
                .optional("header", header)
                .map(FingerprintAt::Header),
            section.optional("meta", text).map(FingerprintAt::Meta),
        ];
        match given[..] {
            [] => section.mistake_here(
                "does not say where the answer names the release; write one of json = \"/sha\", \
                 header = \"x-release\", meta = \"release\"",
            ),
            [_] => {}
            [..] => section.mistake_here(format!(
                "names the release in {} places; keep one of {}",
                given.len(),
                given.join(", ")
            )),
        }
        section.done();
        Some(Self {
            urls: urls?,
            sent: sent?,
            at: at.into_iter().flatten().next()?,
        })
    }

    /// Its first address.
    pub fn url(&self) -> Option<&Url> {
        self.urls.first()
    }

    /// What every address says, in their order, asked at once.
    pub(super) async fn look(&self, http: &Client) -> Vec<Instance> {
        let mut looking = JoinSet::new();
        for (place, url) in self.urls.iter().cloned().enumerate() {
            let (fingerprint, http) = (self.clone(), http.clone());
            looking.spawn(async move { (place, fingerprint.look_at(&http, &url).await) });
        }
        // One that does not come back has named nothing.
        let instances = self.urls.iter().map(|url| Instance {
            url: url.to_string(),
            version: Err(format!("{url} could not be looked at")),
            is_target: false,
        });
        let mut instances: Vec<Instance> = instances.collect();
        while let Some(looked) = looking.join_next().await {
            if let Ok((place, version)) = looked {
                instances[place].version = version;
            }
        }
        instances
    }

    async fn look_at(&self, http: &Client, url: &Url) -> Result<String, String> {
        let request = Request::get(self.sent.clone());
        let page = request.send(http, url, WITHIN).await?;
        if !(200..300).contains(&page.status) {
            return Err(format!("{url} answered {}", page.status));
        }
        let version = self.at.find(&page, url)?;
        match version.trim() {
            "" => Err(format!("{url} gives an empty version")),
            version => {
                let version = self.sent.hide(version);
                Ok(version.chars().take(VERSION_AT_MOST).collect())
            }
        }
    }
}

impl FingerprintAt {
    fn find(&self, page: &Page, url: &Url) -> Result<String, String> {
        match self {
            FingerprintAt::Header(name) => page
                .header(name)
                .ok_or_else(|| format!("{url} has no header {name}")),
            FingerprintAt::Json(pointer) => match page.json()?.pointer(pointer) {
                Some(Value::String(text)) => Ok(text.clone()),
                Some(Value::Number(number)) => Ok(number.to_string()),
                _ => Err(format!("{url} has nothing at {pointer}")),
            },
            FingerprintAt::Meta(name) => meta(&page.text(), name)
                .ok_or_else(|| format!("{url} has no <meta name=\"{name}\">")),
        }
    }
}

/// The content of `<meta name="…" content="…">`, whatever the order and quotes of its attributes.
fn meta(html: &str, name: &str) -> Option<String> {
    let lower = html.to_ascii_lowercase();
    let mut from = 0;
    while let Some(start) = lower[from..].find("<meta").map(|at| from + at) {
        let end = start + lower[start..].find('>')?;
        let tag = &html[start..end];
        if attribute(tag, "name").is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return attribute(tag, "content");
        }
        from = end;
    }
    None
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let lower = tag.to_ascii_lowercase();
    let mut from = 0;
    loop {
        let at = from + lower[from..].find(name)?;
        let before = lower[..at]
            .chars()
            .next_back()
            .is_some_and(char::is_whitespace);
        let rest = tag[at + name.len()..].trim_start();
        if let (true, Some(value)) = (before, rest.strip_prefix('=')) {
            let value = value.trim_start();
            let quote = value.chars().next()?;
            return match quote {
                '"' | '\'' => value[1..].split(quote).next().map(str::to_owned),
                _ => value
                    .split(|c: char| c.is_whitespace() || c == '/')
                    .next()
                    .map(str::to_owned),
            };
        }
        from = at + name.len();
    }
}

#[cfg(test)]
mod tests;
