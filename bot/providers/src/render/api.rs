//! What is read of Render's API.

use super::{
    Render,
    deploy::{Deploy, Deploys},
    service::Service,
};
use crate::{
    json::{flag, text},
    rest::{Api, as_answered},
};
use rollback_domain::platform::ProviderError;
use rollback_http::wait_in;
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// Render's API.
pub(super) const API: Api = Api {
    name: "Render",
    usual_url: "https://api.render.com/v1",
    settings: "service and api_url",
    access: "Create an API key at dashboard.render.com under Account Settings, as a member of the service's workspace, and set it in the configuration.",
    within: Duration::from_secs(10),
    headers: &[],
    words: |body| {
        let message = text(body, "message");
        message.or_else(|| text(body, "id").map(|_| ""))
    },
    // It is documented as a moment, and its example is a number of seconds.
    wait: |headers, _| wait_in(headers, "ratelimit-reset"),
    amend: as_answered,
};
/// How many rows are read at once: the most that Render gives.
const ROWS: &str = "100";
/// How many pages of deploys are read to find the one that serves.
const PAGES_AT_MOST: usize = 3;

impl Render {
    /// A path below the service.
    pub(super) fn path<'a>(&'a self, below: &[&'a str]) -> Vec<&'a str> {
        [&["services", &self.settings.service], below].concat()
    }

    /// Reads something of the service; `None` when Render does not know it.
    async fn read(
        &self,
        what: &str,
        below: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, ProviderError> {
        self.rest.read(what, &self.path(below), query).await
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
