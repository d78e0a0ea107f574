//! Statuspage by Atlassian: one incident of theirs for each of ours, and an update in it for each
//! update.
//!
//! Their incident carries our keys in its metadata, by which it is found when an answer was lost.

use super::{ANSWER_AT_MOST, Notice, NoticeError, Notices, TIMEOUT, quoted, unanswered};
use async_trait::async_trait;
use reqwest::{
    Client, Method, StatusCode,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use rollback_domain::{
    incident::Severity,
    update::{NoticePlace, UpdateKind},
};
use rollback_http::{Unread, cut, retry_after};
use rollback_settings::Secret;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fmt, time::Duration};
use url::Url;

/// The longest name that an incident may have there, in characters.
const NAME_AT_MOST: usize = 255;
/// The longest body that an update may have there, in characters.
const BODY_AT_MOST: usize = 25_000;
/// What they count requests in.
const WINDOW: Duration = Duration::from_secs(60);
/// What our part of an incident's metadata is called.
const OURS: &str = "rollback_bot";

/// How a component is that an incident affects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are Statuspage's")]
pub enum ComponentStatus {
    DegradedPerformance,
    #[default]
    PartialOutage,
    MajorOutage,
}

impl ComponentStatus {
    /// Every one.
    pub const ALL: [ComponentStatus; 3] = [
        ComponentStatus::DegradedPerformance,
        ComponentStatus::PartialOutage,
        ComponentStatus::MajorOutage,
    ];

    /// What Statuspage calls it.
    pub fn name(self) -> &'static str {
        match self {
            ComponentStatus::DegradedPerformance => "degraded_performance",
            ComponentStatus::PartialOutage => "partial_outage",
            ComponentStatus::MajorOutage => "major_outage",
        }
    }
}

/// A page, and how it is written to.
#[derive(Clone, Debug)]
pub struct StatuspageSettings {
    /// What it is called in the configuration.
    pub name: String,
    /// The id of the page.
    pub page: String,
    /// The API without a path: `https://api.statuspage.io/v1`.
    pub api_url: Url,
    /// What the API is called with.
    pub token: Secret,
    /// Whether subscribers are told of each update.
    pub deliver_notifications: bool,
    /// The id of the component of each service that has one.
    pub components: BTreeMap<String, String>,
    /// How a component is while an incident affects it.
    pub affected: ComponentStatus,
}

/// A page of Statuspage.
pub struct Statuspage {
    http: Client,
    settings: StatuspageSettings,
}

impl fmt::Debug for Statuspage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statuspage")
            .field("name", &self.settings.name)
            .field("page", &self.settings.page)
            .finish_non_exhaustive()
    }
}

/// An incident as far as it is read.
#[derive(Deserialize)]
struct Incident {
    id: String,
    #[serde(default)]
    shortlink: Option<String>,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    incident_updates: Vec<IncidentUpdate>,
}

#[derive(Deserialize)]
struct IncidentUpdate {
    id: String,
}

impl Incident {
    fn ours(&self, key: &str) -> Option<&str> {
        self.metadata[OURS][key].as_str()
    }

    /// Where its newest update is.
    fn place(self) -> NoticePlace {
        NoticePlace {
            update: self.incident_updates.into_iter().next().map(|one| one.id),
            incident: self.id,
            link: self.shortlink.filter(|link| link.starts_with("http")),
        }
    }
}

impl Statuspage {
    /// A client for a page.
    pub fn new(http: Client, settings: StatuspageSettings) -> Self {
        Self { http, settings }
    }

    /// The name of a section or a key of the configuration, for sentences.
    fn key(&self, key: &str) -> String {
        format!("notices.{}{key}", self.settings.name)
    }

    /// What is wanted of an incident: its status, its text, its components.
    fn wanted(&self, notice: &Notice<'_>) -> Value {
        let mut incident = json!({
            "name": cut(notice.title, NAME_AT_MOST),
            "status": notice.kind.name(),
            "body": cut(&notice.body, BODY_AT_MOST),
            "deliver_notifications": self.settings.deliver_notifications,
            "metadata": { OURS: { "incident": notice.incident_key, "update": notice.key } },
        });
        if let Some(severity) = notice.severity {
            incident["impact_override"] = json!(impact(severity));
        }
        let components: Map<String, Value> = notice
            .services
            .iter()
            .filter_map(|service| self.settings.components.get(&service.name))
            .map(|component| {
                let status = match notice.kind {
                    UpdateKind::Resolved => "operational",
                    UpdateKind::Initiated
                    | UpdateKind::InProgress
                    | UpdateKind::Executed
                    | UpdateKind::Failed
                    | UpdateKind::Investigating
                    | UpdateKind::Identified
                    | UpdateKind::Monitoring => self.settings.affected.name(),
                };
                (component.clone(), json!(status))
            })
            .collect();
        if !components.is_empty() {
            let ids: Vec<&String> = components.keys().collect();
            incident["component_ids"] = json!(ids);
            incident["components"] = Value::Object(components);
        }
        json!({ "incident": incident })
    }

    /// The incident as it is there: the one that is known, or the one with our key.
    async fn find(&self, notice: &Notice<'_>) -> Result<Option<Incident>, NoticeError> {
        if let Some(place) = notice.place {
            let path = ["incidents", &place.incident];
            return self.call(Method::GET, &path, None).await.map(Some);
        }
        // A first update that says *resolved* leaves nothing unresolved.
        let path: &[&str] = match notice.kind {
            UpdateKind::Resolved => &["incidents"],
            UpdateKind::Initiated
            | UpdateKind::InProgress
            | UpdateKind::Executed
            | UpdateKind::Failed
            | UpdateKind::Investigating
            | UpdateKind::Identified
            | UpdateKind::Monitoring => &["incidents", "unresolved"],
        };
        let all: Vec<Incident> = self.call(Method::GET, path, None).await?;
        Ok(all
            .into_iter()
            .find(|incident| incident.ours("incident") == Some(notice.incident_key)))
    }

    async fn call<T: for<'de> Deserialize<'de>>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<T, NoticeError> {
        let (status, headers, body) = self.answer(method, path, body).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| self.unreadable());
        }
        Err(self.problem(status, &headers, &body, path))
    }

    async fn answer(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), NoticeError> {
        let mut url = self.settings.api_url.clone();
        let no_address =
            || NoticeError::refused(format!("{} is no web address", self.key(".api_url")));
        url.path_segments_mut()
            .map_err(|()| no_address())?
            .pop_if_empty()
            .extend(["pages", &self.settings.page])
            .extend(path);
        let proof = format!("OAuth {}", self.settings.token.expose().trim());
        let mut proof = HeaderValue::try_from(proof).map_err(|_| {
            let key = self.key(".token");
            NoticeError::refused(format!("{key} has characters that cannot be sent"))
        })?;
        proof.set_sensitive(true);
        let mut request = self.http.request(method, url).header(AUTHORIZATION, proof);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = rollback_http::send(request, TIMEOUT).await;
        let answer = answer.map_err(|lost| unanswered(&self.key(""), &lost))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        match answer.body(ANSWER_AT_MOST).await {
            Ok(body) => Ok((status, headers, body)),
            Err(Unread::Lost(lost)) => Err(unanswered(&self.key(""), &lost)),
            Err(Unread::TooLarge { .. }) => Err(self.unreadable()),
        }
    }

    /// An answer that is not the API's: a page of something in between.
    fn unreadable(&self) -> NoticeError {
        NoticeError::later(format!(
            "it answered with something that is not Statuspage's (a page of a proxy?); look at {}",
            self.key(".api_url")
        ))
    }

    /// What an answer that is no success means, and what to do.
    fn problem(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        path: &[&str],
    ) -> NoticeError {
        let code = status.as_u16();
        let said = said(body, self.settings.token.expose());
        match code {
            401 | 403 => NoticeError::refused(format!(
                "Statuspage refused the key ({code}): put one that may write to the page into {}, and start me again",
                self.key(".token")
            )),
            404 if path.len() > 1 && path != ["incidents", "unresolved"] => NoticeError::Refused {
                why: "its incident is not on the page any more (404): publish it again to begin a new one".into(),
                is_gone: true,
            },
            404 => NoticeError::refused(format!(
                "Statuspage does not know the page {} (404): look at {}",
                self.settings.page,
                self.key(".page")
            )),
            420 | 429 => NoticeError::Later {
                why: format!("Statuspage takes no more requests for now ({code}); it is sent when it does"),
                after: Some(retry_after(headers).unwrap_or(WINDOW)),
            },
            408 | 500..=599 => NoticeError::later(format!("Statuspage answered {code}; it is sent when it works again")),
            300..=399 => NoticeError::refused(format!(
                "it answered with another address ({code}): look at {}",
                self.key(".api_url")
            )),
            _ => NoticeError::refused(format!("Statuspage refused it ({code}){said}")),
        }
    }
}

#[async_trait]
impl Notices for Statuspage {
    fn effect(&self) -> &'static str {
        match self.settings.deliver_notifications {
            true => "its subscribers are notified",
            false => "its subscribers are not notified",
        }
    }

    async fn check(&self) -> Result<String, NoticeError> {
        let page: Value = self.call(Method::GET, &[], None).await?;
        let name = page["name"].as_str().unwrap_or(&self.settings.page);
        Ok(format!(
            "Statuspage takes the key for the page {}; {}",
            cut(name, NAME_AT_MOST),
            self.effect()
        ))
    }

    fn requests(&self, notice: &Notice<'_>) -> u32 {
        match notice.may_be_there {
            true => 2,
            false => 1,
        }
    }

    async fn send(&self, notice: &Notice<'_>) -> Result<NoticePlace, NoticeError> {
        // The same edit again is the same, and tells nobody twice.
        if let Some(NoticePlace {
            incident,
            update: Some(update),
            ..
        }) = notice.corrects
        {
            let body = cut(&notice.body, BODY_AT_MOST);
            let body =
                json!({ "incident_update": { "body": body, "deliver_notifications": false } });
            let path = ["incidents", incident, "incident_updates", update];
            let _: Value = self.call(Method::PATCH, &path, Some(&body)).await?;
            return Ok(notice.corrects.cloned().unwrap_or_default());
        }
        let mut known = notice.place.map(|place| place.incident.clone());
        if notice.may_be_there
            && let Some(found) = self.find(notice).await?
        {
            if found.ours("update") == Some(notice.key) {
                return Ok(found.place());
            }
            known = Some(found.id);
        }
        let body = self.wanted(notice);
        let incident: Incident = match &known {
            Some(id) => {
                let path = ["incidents", id];
                self.call(Method::PATCH, &path, Some(&body)).await?
            }
            None => self.call(Method::POST, &["incidents"], Some(&body)).await?,
        };
        Ok(incident.place())
    }
}

/// What customers are told of how severe it is.
fn impact(severity: Severity) -> &'static str {
    match severity {
        Severity::P1 => "critical",
        Severity::P2 => "major",
        Severity::P3 => "minor",
        Severity::P4 => "none",
    }
}

/// What Statuspage says is wrong, to end a sentence with.
fn said(body: &[u8], secret: &str) -> String {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return String::new();
    };
    let words = match &answer["error"] {
        Value::String(words) => words.clone(),
        Value::Array(all) => {
            let words: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
            words.join("; ")
        }
        _ => answer["message"].as_str().unwrap_or_default().to_owned(),
    };
    quoted(&words, secret)
}
