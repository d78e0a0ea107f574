//! What is read of Argo CD's API.

use super::{ArgoCd, application::Application, history::History};
use crate::{
    json::text,
    rest::{Access, Api, Rest, as_answered},
};
use reqwest::{Certificate, Client, redirect::Policy};
use rollback_domain::platform::ProviderError;
use rollback_http::{cause, cut, one_line};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use tokio::task::JoinSet;

/// Argo CD's API.
pub(super) const API: Api = Api {
    name: "Argo CD",
    usual_url: "the address of its web page",
    settings: "application and api_url",
    access: "It answers so about an application that it does not have, too. Check application and namespace in the configuration, and that the token's account may get, sync and update the application.",
    // A change of the sync policy is checked against the manifests first.
    within: Duration::from_secs(30),
    headers: &[],
    words: |body| {
        let message = text(body, "message").or_else(|| text(body, "error"));
        let is_known = ["metadata", "canSync", "value"];
        let is_known = is_known.iter().any(|key| body.get(key).is_some());
        message.or(is_known.then_some(""))
    },
    wait: |_, _| None,
    amend: as_answered,
};
/// What tells whether something was done.
pub(super) const CHECKING: &str = "its syncs";
/// How many commits are read for what they say.
const MESSAGES_AT_MOST: usize = 10;

/// What a commit says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    /// The first line of its message.
    pub(super) message: Option<String>,
    pub(super) author: Option<String>,
}

impl ArgoCd {
    /// The API, with the certificate authority that the settings name.
    pub(super) fn rest(&self) -> Result<Rest, ProviderError> {
        let settings = &self.settings;
        let http = match &settings.ca {
            None => self.http.clone(),
            Some(ca) => {
                let client = Certificate::from_pem_bundle(ca.expose().as_bytes()).and_then(|ca| {
                    Client::builder()
                        .redirect(Policy::none())
                        .connect_timeout(Duration::from_secs(5))
                        .pool_max_idle_per_host(0)
                        .tls_certs_only(ca)
                        .build()
                });
                client.map_err(|error| {
                    ProviderError::Refused(format!(
                        "Argo CD was not asked: its certificate authority cannot be used ({}). Check ca in the configuration.",
                        cause(&error)
                    ))
                })?
            }
        };
        let access = Access::Bearer(settings.token.clone());
        Ok(Rest::new(http, &API, settings.api_url.clone(), access))
    }

    /// A path below the application.
    pub(super) fn path<'a>(&'a self, below: &[&'a str]) -> Vec<&'a str> {
        let app = self.settings.application.as_str();
        [&["api", "v1", "applications", app], below].concat()
    }

    /// What a request about the application says in any case.
    pub(super) fn body(&self) -> Value {
        let mut body = json!({ "name": self.settings.application });
        if let Some(namespace) = &self.settings.namespace {
            body["appNamespace"] = json!(namespace);
        }
        body
    }

    fn query(&self) -> Vec<(&str, &str)> {
        let namespace = self.settings.namespace.as_deref();
        namespace
            .map(|namespace| ("appNamespace", namespace))
            .into_iter()
            .collect()
    }

    /// The application with its state.
    pub(super) async fn application(&self, rest: &Rest) -> Result<Application, ProviderError> {
        self.read_application(rest, &self.query()).await
    }

    /// The same, compared with what git has now and not some minutes ago.
    pub(super) async fn refreshed(&self, rest: &Rest) -> Result<Application, ProviderError> {
        let query = [self.query(), vec![("refresh", "normal")]].concat();
        self.read_application(rest, &query).await
    }

    async fn read_application(
        &self,
        rest: &Rest,
        query: &[(&str, &str)],
    ) -> Result<Application, ProviderError> {
        let name = &self.settings.application;
        let what = format!("the application {name}");
        let object = rest.read(&what, &self.path(&[]), query).await?;
        let Some(object) = object else {
            return Err(ProviderError::Refused(format!(
                "Argo CD has no application {name} (404). Look with argocd app list, then check application and namespace in the configuration."
            )));
        };
        Application::of(name, object).ok_or_else(|| ProviderError::Busy {
            why: format!(
                "Argo CD's answer about {what} is not what was asked for. If this stays, check api_url in the configuration."
            ),
            retry_after: None,
        })
    }

    /// The sync window that keeps syncs by hand out now, as people see it in Argo CD.
    pub(super) async fn closed_window(&self, rest: &Rest) -> Result<Option<String>, ProviderError> {
        let (what, path) = ("its sync windows", self.path(&["syncwindows"]));
        let windows = rest.read(what, &path, &self.query()).await?;
        let windows = windows.unwrap_or_default();
        if windows["canSync"] != json!(false) {
            return Ok(None);
        }
        let active = windows["activeWindows"].as_array().into_iter().flatten();
        let shown = active.filter_map(|window| {
            let part = |key| text(window, key);
            Some(format!(
                "{} {} for {}",
                part("kind")?,
                part("schedule")?,
                part("duration")?
            ))
        });
        let shown = shown.collect::<Vec<_>>().join(", ");
        Ok(Some(match shown.is_empty() {
            true => "none that lets syncs in is open".to_owned(),
            false => cut(&one_line(&shown), 200),
        }))
    }

    /// What this bot has to do with the application and may not: `sync`.
    pub(super) async fn missing_rights(
        &self,
        rest: &Rest,
        object: &[&str],
    ) -> Result<Vec<&'static str>, ProviderError> {
        let mut missing = vec![];
        for action in ["get", "sync", "update"] {
            let call = ["api", "v1", "account", "can-i", "applications", action];
            let path = [&call, object].concat();
            let answer = rest.read("this bot's rights", &path, &[]).await?;
            let answer = answer.unwrap_or_default();
            if text(&answer, "value") != Some("yes") {
                missing.push(action);
            }
        }
        Ok(missing)
    }

    /// What the commits of the releases say, by the id of the release. One that cannot be read
    /// is left out: nothing depends on it.
    pub(super) async fn messages(
        &self,
        rest: &Rest,
        history: &History,
    ) -> BTreeMap<String, Message> {
        let mut reads = JoinSet::new();
        for (release, commit) in history.commits().into_iter().take(MESSAGES_AT_MOST) {
            let (provider, rest) = (self.clone(), rest.clone());
            reads.spawn(async move {
                let path = provider.path(&["revisions", &commit.revision, "metadata"]);
                let mut query = provider.query();
                let place = commit
                    .place
                    .map(|(index, id)| (index.to_string(), id.to_string()));
                if let Some((index, id)) = &place {
                    query.extend([("sourceIndex", index.as_str()), ("versionId", id.as_str())]);
                }
                let read = rest.read("a commit", &path, &query).await;
                (release, read.ok().flatten().unwrap_or_default())
            });
        }
        let read = reads.join_all().await;
        let messages = read.into_iter().map(|(release, commit)| {
            let line = text(&commit, "message").and_then(|message| message.lines().next());
            let author = text(&commit, "author").map(|author| {
                let name = author.split(" <").next().unwrap_or(author);
                cut(&one_line(name), 60)
            });
            let message = line.map(|line| cut(&one_line(line), 200));
            (release, Message { message, author })
        });
        messages.collect()
    }
}
