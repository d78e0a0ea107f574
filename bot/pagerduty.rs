//! PagerDuty: who is on call, and what somebody is paged for.
//!
//! Two services with a key each. The REST API (`pagerduty.token`) says who is on call; the Events
//! API v2 (`pagerduty.routing_key`) takes pages. Nothing is kept between calls.

use reqwest::{
    Client, RequestBuilder, StatusCode,
    header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue},
};
use rollback_http::{Lost, Unread, cut, one_line, retry_after, wait_in};
use rollback_settings::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fmt, time::Duration};
use url::Url;

/// How long one request may take, from connecting to the last byte.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The largest answer that is read, in bytes.
const ANSWER_AT_MOST: usize = 1 << 20;
/// How many rows a page is asked to have: the most that PagerDuty gives.
const PAGE: u64 = 100;
/// How many pages are read of one list.
const PAGES_AT_MOST: usize = 10;
/// The longest summary that PagerDuty takes, in characters.
const SUMMARY_AT_MOST: usize = 1024;
/// How much of PagerDuty's own words goes into a sentence, in characters.
const SAID_AT_MOST: usize = 200;
/// The version of the REST API that is spoken here.
const VERSION: &str = "application/vnd.pagerduty+json;version=2";

/// PagerDuty, as the bot talks to it.
#[derive(Clone)]
pub struct PagerDuty {
    http: Client,
    api_url: Url,
    events_url: Url,
    token: Option<Secret>,
    routing_key: Option<Secret>,
    within: Duration,
}

impl fmt::Debug for PagerDuty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PagerDuty")
            .field("api_url", &self.api_url.as_str())
            .field("events_url", &self.events_url.as_str())
            .finish_non_exhaustive()
    }
}

/// Whose turn is asked for, by PagerDuty's id (`P…`, the last part of the address of its page).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnCall {
    /// The people whom a schedule names. PagerDuty lists a schedule only where an escalation policy uses
    /// it, with the level at which it does.
    Schedule(String),
    /// The people whom an escalation policy calls first.
    EscalationPolicy(String),
}

impl OnCall {
    /// The id, and the parameter that filters by it.
    fn filter(&self) -> (&'static str, &str) {
        match self {
            OnCall::Schedule(id) => ("schedule_ids[]", id),
            OnCall::EscalationPolicy(id) => ("escalation_policy_ids[]", id),
        }
    }
}

impl fmt::Display for OnCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OnCall::Schedule(id) => write!(f, "the schedule {id}"),
            OnCall::EscalationPolicy(id) => write!(f, "the escalation policy {id}"),
        }
    }
}

/// Somebody who is on call, as PagerDuty knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCallPerson {
    /// What PagerDuty calls them. Not escaped.
    pub name: String,
    /// Their e-mail address, if PagerDuty shows it.
    pub email: Option<String>,
}

/// Why PagerDuty did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PagerDutyError {
    /// It will never work like this: a sentence.
    #[error("{0}")]
    Never(String),
    /// It may be tried again; after so long, if PagerDuty said so.
    #[error("{why}")]
    Later {
        /// What happened.
        why: String,
        /// What PagerDuty wants us to wait.
        after: Option<Duration>,
    },
}

#[derive(Deserialize)]
struct Page {
    oncalls: Vec<Row>,
    #[serde(default)]
    more: bool,
    limit: Option<u64>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    escalation_level: u64,
    user: Option<User>,
    schedule: Option<Reference>,
    escalation_policy: Option<Reference>,
}

#[derive(Deserialize)]
struct User {
    id: String,
    summary: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
struct Reference {
    id: String,
}

impl Row {
    /// Whether this row is called first for what was asked.
    fn is_first_of(&self, of: &OnCall) -> bool {
        let (about, id) = match of {
            OnCall::Schedule(id) => (&self.schedule, id),
            OnCall::EscalationPolicy(id) => (&self.escalation_policy, id),
        };
        // If the filter got lost on the way, PagerDuty lists everybody who is on call for
        // anything, and they would all count.
        self.escalation_level == 1 && about.as_ref().is_some_and(|about| about.id == *id)
    }
}

impl PagerDuty {
    /// A client for `api_url` (`https://api.pagerduty.com`) and `events_url`
    /// (`https://events.pagerduty.com`). Without `token` nobody can be asked for, without
    /// `routing_key` nobody can be paged.
    pub fn new(
        http: Client,
        api_url: Url,
        events_url: Url,
        token: Option<Secret>,
        routing_key: Option<Secret>,
    ) -> Self {
        Self {
            http,
            api_url,
            events_url,
            token,
            routing_key,
            within: TIMEOUT,
        }
    }

    /// Who is on call now at the first level, each person once, in PagerDuty's order
    /// (`GET /oncalls`). Nobody is an empty list. Reads at most ten pages of a hundred rows; a
    /// longer list is [`PagerDutyError::Never`].
    pub async fn on_call(&self, of: &OnCall) -> Result<Vec<OnCallPerson>, PagerDutyError> {
        let token = needed(self.token.as_ref(), "pagerduty.token")?;
        let (mut ids, mut people) = (BTreeSet::new(), vec![]);
        let mut offset = 0_u64;
        for _ in 0..PAGES_AT_MOST {
            let page = self.page(token, of, offset).await?;
            let first = page.oncalls.into_iter().filter(|row| row.is_first_of(of));
            for user in first.filter_map(|row| row.user) {
                if ids.insert(user.id.clone()) {
                    people.push(person(user));
                }
            }
            if !page.more {
                return Ok(people);
            }
            // PagerDuty may give fewer than it was asked for, and says so.
            let step = page.limit.filter(|limit| *limit > 0).unwrap_or(PAGE);
            offset = offset.saturating_add(step);
        }
        Err(PagerDutyError::Never(format!(
            "PagerDuty's list for {of} is longer than {PAGES_AT_MOST} pages of {PAGE}"
        )))
    }

    async fn page(&self, token: &str, of: &OnCall, offset: u64) -> Result<Page, PagerDutyError> {
        let mut url = below(&self.api_url, &["oncalls"], "pagerduty.api_url")?;
        let (filter, id) = of.filter();
        url.query_pairs_mut()
            .append_pair(filter, id)
            .append_pair("earliest", "true")
            .append_pair("include[]", "users")
            .append_pair("limit", &PAGE.to_string())
            .append_pair("offset", &offset.to_string());
        let mut proof = HeaderValue::try_from(format!("Token token={token}")).map_err(|_| {
            PagerDutyError::Never("pagerduty.token has characters that cannot be sent".into())
        })?;
        proof.set_sensitive(true);
        let request = self
            .http
            .get(url)
            .header(ACCEPT, VERSION)
            .header(AUTHORIZATION, proof);
        let (status, body) = self.send(request).await?;
        match status.as_u16() {
            200 => serde_json::from_slice(&body).map_err(|_| unreadable()),
            401 => Err(PagerDutyError::Never(
                "PagerDuty refused the token (401)".into(),
            )),
            403 => Err(PagerDutyError::Never(
                "PagerDuty does not let this token see who is on call (403)".into(),
            )),
            code => Err(PagerDutyError::Never(format!(
                "PagerDuty answered {code}{}",
                said(&body, token)
            ))),
        }
    }

    /// Pages somebody, critically (`POST /v2/enqueue`, `trigger`). The same `dedup_key` again,
    /// before it is resolved, goes to the same alert, so this may be repeated.
    ///
    /// A `summary` of more than 1024 characters is cut. `details` is an object that is shown with
    /// the alert; `link` is an address and what it is called.
    pub async fn trigger(
        &self,
        dedup_key: &str,
        summary: &str,
        details: Value,
        link: Option<(&str, &str)>,
    ) -> Result<(), PagerDutyError> {
        let mut event = json!({
            "event_action": "trigger",
            "dedup_key": dedup_key,
            "payload": {
                "summary": cut(summary, SUMMARY_AT_MOST),
                "source": "rollback-bot",
                "severity": "critical",
                "custom_details": details,
            },
        });
        if let Some((href, text)) = link {
            event["links"] = json!([{ "href": href, "text": text }]);
        }
        self.enqueue(event).await
    }

    /// Ends what was triggered with this `dedup_key` (`POST /v2/enqueue`, `resolve`). May be
    /// repeated.
    pub async fn resolve(&self, dedup_key: &str) -> Result<(), PagerDutyError> {
        self.enqueue(json!({ "event_action": "resolve", "dedup_key": dedup_key }))
            .await
    }

    async fn enqueue(&self, mut event: Value) -> Result<(), PagerDutyError> {
        let key = needed(self.routing_key.as_ref(), "pagerduty.routing_key")?;
        let url = below(&self.events_url, &["v2", "enqueue"], "pagerduty.events_url")?;
        event["routing_key"] = json!(key);
        let (status, body) = self.send(self.http.post(url).json(&event)).await?;
        if status.is_success() {
            let taken = serde_json::from_slice::<Value>(&body)
                .is_ok_and(|answer| answer["status"] == "success");
            // A page of something in between is no promise that anybody is paged.
            return taken.then_some(()).ok_or_else(unreadable);
        }
        Err(PagerDutyError::Never(format!(
            "PagerDuty refused the event ({}){}",
            status.as_u16(),
            said(&body, key)
        )))
    }

    /// The status and body of an answer that will not be another one later.
    async fn send(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), PagerDutyError> {
        let answer = rollback_http::send(request, self.within).await;
        let answer = answer.map_err(|lost| unanswered(&lost))?;
        let status = answer.status();
        if status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::REQUEST_TIMEOUT
            || status.is_server_error()
        {
            return Err(PagerDutyError::Later {
                why: format!("PagerDuty answered {}", status.as_u16()),
                after: wait(answer.headers()),
            });
        }
        match answer.body(ANSWER_AT_MOST).await {
            Ok(body) => Ok((status, body)),
            Err(Unread::Lost(lost)) => Err(unanswered(&lost)),
            Err(too_large @ Unread::TooLarge { .. }) => Err(PagerDutyError::Never(format!(
                "PagerDuty's answer could not be read: {too_large}"
            ))),
        }
    }
}

fn needed<'a>(secret: Option<&'a Secret>, name: &str) -> Result<&'a str, PagerDutyError> {
    secret
        .map(|secret| secret.expose().trim())
        .ok_or_else(|| PagerDutyError::Never(format!("{name} is not configured")))
}

fn below(base: &Url, path: &[&str], name: &str) -> Result<Url, PagerDutyError> {
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| PagerDutyError::Never(format!("{name} is no web address")))?
        .pop_if_empty()
        .extend(path);
    Ok(url)
}

fn person(user: User) -> OnCallPerson {
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    OnCallPerson {
        name: given(user.summary).unwrap_or(user.id),
        email: given(user.email).map(|email| email.trim().to_owned()),
    }
}

/// No answer. An event that arrived all the same does no harm when it is sent again.
fn unanswered(lost: &Lost) -> PagerDutyError {
    match lost {
        Lost::Unsent => PagerDutyError::Never(
            "pagerduty.api_url or pagerduty.events_url is no web address".into(),
        ),
        Lost::Unreachable { .. } | Lost::Silent(_) => PagerDutyError::Later {
            why: format!("PagerDuty did not answer: {lost}"),
            after: None,
        },
    }
}

fn unreadable() -> PagerDutyError {
    PagerDutyError::Later {
        why: "PagerDuty's answer could not be read".into(),
        after: None,
    }
}

/// The wait that an answer asks for. The REST API says it in a header of its own.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    retry_after(headers).or_else(|| wait_in(headers, "ratelimit-reset"))
}

/// What PagerDuty says is wrong, to end a sentence with, without the key it was asked with.
fn said(body: &[u8], secret: &str) -> String {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return String::new();
    };
    // The REST API wraps it, the Events API does not.
    let error = answer.get("error").unwrap_or(&answer);
    let reasons = error["errors"].as_array().into_iter().flatten();
    let words: Vec<_> = std::iter::once(&error["message"])
        .chain(reasons)
        .filter_map(Value::as_str)
        .collect();
    match one_line(&words.join(" ")) {
        words if words.is_empty() => words,
        words if secret.is_empty() => format!(": {}", cut(&words, SAID_AT_MOST)),
        words => format!(": {}", cut(&words.replace(secret, "…"), SAID_AT_MOST)),
    }
}

#[cfg(test)]
mod tests;
