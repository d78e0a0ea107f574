//! The calls to Render's API: reads, which may always be repeated, and changes, which are sent once.

use super::{
    Render,
    answers::{Answer, judge_read},
    deploy::{Deploy, Deploys},
    service::Service,
};
use crate::json::{flag, text};
use reqwest::Method;
use rollback_domain::platform::ProviderError;
use rollback_http::{Lost, Silence, json, send};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// How long one call may take, from connecting to the last byte.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes read of an answer. Parsed, they may take twenty times as much.
const BODY_AT_MOST: usize = 8 * 1024 * 1024;
/// How many rows are read at once: the most that Render gives.
const ROWS: &str = "100";
/// How many pages of deploys are read to find the one that serves.
const PAGES_AT_MOST: usize = 3;

impl Render {
    /// Sends one call; `Err` means that there is no answer to judge.
    async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<rollback_http::Answer, Lost> {
        let mut url = self.settings.api_url.clone();
        url.path_segments_mut()
            .map_err(|()| Lost::Unsent)?
            .pop_if_empty()
            .extend(["services", &self.settings.service])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self
            .http
            .request(method, url)
            .bearer_auth(self.settings.token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        send(request, CALL_TIMEOUT).await
    }

    /// Reads something of the service; `None` when Render does not know it (404).
    async fn read(
        &self,
        what: &str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, ProviderError> {
        let busy = |why: String| ProviderError::Busy {
            why,
            retry_after: None,
        };
        let answer = match self.call(Method::GET, path, query, None).await {
            Ok(answer) => answer,
            Err(Lost::Unsent) => return Err(unsent()),
            Err(lost @ (Lost::Unreachable { .. } | Lost::Silent(_))) => {
                return Err(busy(format!(
                    "Render could not be asked for {what}: {}.",
                    clause(&lost)
                )));
            }
        };
        if answer.status() == 200 {
            let body = answer.body(BODY_AT_MOST).await.map_err(|unread| {
                busy(format!(
                    "Render's answer about {what} broke off: {unread:#}."
                ))
            })?;
            return json(&body).map(Some).map_err(|why| {
                busy(format!(
                    "Render's answer about {what} cannot be used: {why}. If this stays, check api_url in the configuration."
                ))
            });
        }
        let answer = Answer::of(answer).await;
        match answer.status {
            404 if answer.is_renders() => Ok(None),
            _ => Err(judge_read(what, &answer)),
        }
    }

    /// Asks for a change, once.
    pub(super) async fn change(
        &self,
        method: Method,
        path: &[&str],
        body: &Value,
    ) -> Result<Answer, Lost> {
        let answer = self.call(method, path, &[], Some(body)).await?;
        Ok(Answer::of(answer).await)
    }

    /// The service, as far as it matters here.
    pub(super) async fn service(&self) -> Result<Service, ProviderError> {
        let id = &self.settings.service;
        let service = self.read(&format!("the service {id}"), &[], &[]).await?;
        match service.as_ref().map(Service::of) {
            Some(Some(service)) => Ok(service),
            Some(None) => Err(ProviderError::Busy {
                why: "Render's answer about the service has no id. If this stays, check api_url in the configuration.".into(),
                retry_after: None,
            }),
            None => Err(ProviderError::Refused(self.no_service())),
        }
    }

    fn no_service(&self) -> String {
        format!(
            "Render knows no service {} in the workspaces of this token (404). Check service in the configuration, and whose token it is.",
            self.settings.service
        )
    }

    /// The deploys, newest first, with what each copy is a copy of: at least until the one that
    /// serves is among them, within bounds.
    pub(super) async fn deploys(&self) -> Result<Deploys, ProviderError> {
        let mut all: Vec<Deploy> = vec![];
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_AT_MOST {
            let mut query = vec![("limit", ROWS)];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = self.read("the deploys", &["deploys"], &query).await?;
            let page = page.ok_or_else(|| ProviderError::Refused(self.no_service()))?;
            let Some(rows) = page.as_array() else {
                return Err(ProviderError::Busy {
                    why: "Render's answer about the deploys is no list. If this stays, check api_url in the configuration.".into(),
                    retry_after: None,
                });
            };
            all.extend(rows.iter().filter_map(|row| Deploy::of(&row["deploy"])));
            let last = rows.last().and_then(|row| text(row, "cursor"));
            cursor = last.map(str::to_owned);
            let is_whole = rows.len().to_string() != ROWS || cursor.is_none();
            if is_whole || Deploys::new(all.clone(), &BTreeMap::new()).live().is_some() {
                break;
            }
        }
        let targets = match all.iter().any(|deploy| deploy.is_rollback) {
            true => self.targets().await?,
            false => BTreeMap::new(),
        };
        Ok(Deploys::new(all, &targets))
    }

    /// What each copy was made of, by the copy's id, as far as the events reach.
    async fn targets(&self) -> Result<BTreeMap<String, String>, ProviderError> {
        let query = [("type", "deploy_started"), ("limit", ROWS)];
        let events = match self.read("the events", &["events"], &query).await {
            Ok(events) => events.unwrap_or_default(),
            // The content of a copy says nearly the same.
            Err(ProviderError::Refused(_)) => return Ok(BTreeMap::new()),
            Err(error) => return Err(error),
        };
        let target = |row: &Value| {
            let details = &row["event"]["details"];
            let trigger = &details["trigger"];
            let is_rollback = flag(trigger, "rollback");
            let (copy, of) = (
                text(details, "deployId")?,
                text(trigger, "rollbackTargetDeployId")?,
            );
            is_rollback.then(|| (copy.to_owned(), of.to_owned()))
        };
        let rows = events.as_array().into_iter().flatten();
        Ok(rows.filter_map(target).collect())
    }

    /// One deploy; `None`: Render has it no more.
    pub(super) async fn deploy(&self, id: &str) -> Result<Option<Deploy>, ProviderError> {
        let what = format!("the deploy {id}");
        let deploy = self.read(&what, &["deploys", id], &[]).await?;
        Ok(deploy.as_ref().and_then(Deploy::of))
    }
}

/// What is to be done when a request could not be made at all.
pub(super) fn unsent() -> ProviderError {
    ProviderError::Refused("Render's token or api_url cannot be sent as they are. Set them anew in the configuration; api_url is usually https://api.render.com/v1.".into())
}

/// Why there is no answer, as a clause.
pub(super) fn clause(lost: &Lost) -> String {
    match lost {
        Lost::Silent(Silence::SentOn) => format!("{lost}; check api_url in the configuration"),
        lost => format!("{lost:#}"),
    }
}
