//! Looking at a service from outside: which version answers, and whether it works.

use crate::config::{Check, FingerprintAt, Service};
use reqwest::Client;
use rollback_domain::proof::{CheckResult, Round};
use rollback_http::{Lost, Silence, json, send};
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinSet;
use url::Url;

/// The largest page that is read, in bytes.
const PAGE_AT_MOST: usize = 1 << 20;
/// How long the fingerprint may take.
const FINGERPRINT_WITHIN: Duration = Duration::from_secs(10);

/// One round: the fingerprint and every check, all at once, each with a time limit of its own.
pub async fn look(http: &Client, service: &Service) -> Round {
    let version = async {
        let fingerprint = service.fingerprint.as_ref()?;
        Some(read_version(http, &fingerprint.url, &fingerprint.at).await)
    };
    let (version, checks) = tokio::join!(version, try_all(http, &service.verify));
    Round { version, checks }
}

/// Makes every check at once; what they saw, in their order.
async fn try_all(http: &Client, checks: &[Check]) -> Vec<CheckResult> {
    let mut looking = JoinSet::new();
    for (place, check) in checks.iter().cloned().enumerate() {
        let http = http.clone();
        looking.spawn(async move { (place, try_check(&http, &check).await.err()) });
    }
    // One that does not come back was not seen to be good.
    let mut problems = vec![Some("could not be checked".to_owned()); checks.len()];
    while let Some(looked) = looking.join_next().await {
        if let Ok((place, problem)) = looked {
            problems[place] = problem;
        }
    }
    let seen = checks.iter().zip(problems);
    seen.map(|(check, problem)| CheckResult {
        name: format!("GET {}", check.url),
        problem,
    })
    .collect()
}

async fn read_version(http: &Client, url: &Url, at: &FingerprintAt) -> Result<String, String> {
    let page = fetch(http, url, FINGERPRINT_WITHIN).await?;
    if !(200..300).contains(&page.status) {
        return Err(format!("{url} answered {}", page.status));
    }
    let version = match at {
        FingerprintAt::Header(name) => page
            .header(name)
            .ok_or_else(|| format!("{url} has no header {name}"))?,
        FingerprintAt::Json(pointer) => match page.json()?.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return Err(format!("{url} has nothing at {pointer}")),
        },
        FingerprintAt::Meta(name) => meta(&page.text(), name)
            .ok_or_else(|| format!("{url} has no <meta name=\"{name}\">"))?,
    };
    match version.trim() {
        "" => Err(format!("{url} gives an empty version")),
        version => Ok(version.chars().take(200).collect()),
    }
}

async fn try_check(http: &Client, check: &Check) -> Result<(), String> {
    let page = fetch(http, &check.url, check.within).await?;
    if page.status != check.status {
        return Err(format!(
            "answered {} instead of {}",
            page.status, check.status
        ));
    }
    if let Some((pointer, wanted)) = &check.json {
        let found = match page.json()?.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => return Err(format!("has nothing at {pointer}")),
        };
        if found != *wanted {
            return Err(format!(
                "has {} at {pointer} instead of {wanted}",
                found.chars().take(80).collect::<String>()
            ));
        }
    }
    if let Some(wanted) = &check.contains
        && !page.text().contains(wanted.as_str())
    {
        return Err(format!("does not contain \"{wanted}\""));
    }
    Ok(())
}

struct Page {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Page {
    fn header(&self, name: &str) -> Option<String> {
        Some(self.headers.get(name)?.to_str().ok()?.to_owned())
    }
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    fn json(&self) -> Result<Value, String> {
        json(&self.body).map_err(|_| "did not answer with JSON".to_owned())
    }
}

async fn fetch(http: &Client, url: &Url, within: Duration) -> Result<Page, String> {
    // A cache in front would prove the past.
    let request = http.get(url.clone()).header("cache-control", "no-cache");
    let answer = send(request, within).await.map_err(no_answer)?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer
        .start_of_body(PAGE_AT_MOST)
        .await
        .map_err(no_answer)?;
    Ok(Page {
        status,
        headers,
        body,
    })
}

/// The status that a page answers with, or why there is no answer.
pub async fn status(http: &Client, check: &Check) -> Result<u16, String> {
    Ok(fetch(http, &check.url, check.within).await?.status)
}

fn no_answer(lost: Lost) -> String {
    match lost {
        Lost::Silent(Silence::TimedOut(within)) => {
            format!("did not answer within {} s", within.as_secs_f32())
        }
        lost => lost.to_string(),
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
