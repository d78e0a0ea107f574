//! What is read of Vercel's API.

use super::{Vercel, deployment::id_of, project::Project, survey::Page};
use crate::{
    json::{millis, text},
    rest::{Api, as_answered},
};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use rollback_domain::{
    platform::ProviderError,
    release::{Surface, Way},
};
use rollback_http::{cut, one_line, wait_until};
use serde_json::Value;
use std::time::Duration;

/// Vercel's API.
pub(super) const API: Api = Api {
    name: "Vercel",
    usual_url: "https://api.vercel.com",
    settings: "project, team and api_url",
    access: "Create a new one at vercel.com/account/settings/tokens and set it in the configuration; check that team names the project's team.",
    within: Duration::from_secs(10),
    headers: &[],
    words: |body| {
        let error = &body["error"];
        text(error, "code").map(|_| text(error, "message").unwrap_or_default())
    },
    wait: |headers, body| {
        let end = limit_ends(headers, body)?;
        wait_until(headers, Timestamp::from_millisecond(end).ok()?)
    },
    amend: as_answered,
};
/// Production deployments read at once, so that what lies between live and target is complete.
const LISTED: &str = "100";
/// Rollback candidates and failed aliases read at once.
const OFFERED: &str = "20";
/// How many domains are read at the same time.
const LANES: usize = 8;

/// What was read of the domains of a project.
#[derive(Debug, Default)]
pub(super) struct Domains {
    /// The deployment behind each, in their order; `None`: Vercel has none.
    pub(super) behind: Vec<(String, Option<Value>)>,
    /// Those that Vercel would not show, and why.
    pub(super) refused: Vec<(String, String)>,
}

impl Vercel {
    /// The project, as far as it matters here.
    pub(super) async fn project(&self) -> Result<Project, ProviderError> {
        let project = self
            .rest
            .read(
                &format!("the project {}", self.settings.project),
                &["v9", "projects", &self.settings.project],
                // Without it the last alias request may be missing.
                &[("rollbackInfo", "true")],
            )
            .await?;
        match project.as_ref().and_then(Project::of) {
            Some(project) => Ok(project),
            None if project.is_some() => Err(ProviderError::Busy {
                why: "Vercel's answer about the project has no id. If this stays, check api_url in the configuration.".into(),
                retry_after: None,
            }),
            None => Err(ProviderError::Refused(self.no_project())),
        }
    }

    /// When the token expires; `None`: never, or the token may not read that.
    pub(super) async fn token_ends(&self) -> Result<Option<Timestamp>, ProviderError> {
        let path = ["v5", "user", "tokens", "current"];
        let read = self.rest.read("the token", &path, &[]).await;
        let at = match &read {
            Ok(Some(answer)) => millis(&answer["token"], "expiresAt"),
            Ok(None) | Err(ProviderError::Refused(_)) => None,
            Err(error) => return Err(error.clone()),
        };
        Ok(at.and_then(|at| Timestamp::from_millisecond(at).ok()))
    }

    fn no_project(&self) -> String {
        match &self.settings.team {
            Some(team) => format!(
                "Vercel knows no project {} in the team {team} (404). Check project and team in the configuration.",
                self.settings.project
            ),
            None => format!(
                "Vercel knows no project {} in the token's own account (404). Check project in the configuration, and set team if a team owns it.",
                self.settings.project
            ),
        }
    }

    /// Production deployments, newest first, and whether there are more.
    pub(super) async fn deployments(
        &self,
        project: &str,
        until: Option<&str>,
        offered_only: bool,
    ) -> Result<Page, ProviderError> {
        let mut query = vec![("projectId", project), ("target", "production")];
        if offered_only {
            query.extend([
                ("state", "READY"),
                ("rollbackCandidate", "true"),
                ("limit", OFFERED),
            ]);
        } else {
            query.push(("limit", LISTED));
        }
        query.extend(until.map(|until| ("until", until)));
        let page = self
            .rest
            .read("the deployments", &["v6", "deployments"], &query)
            .await?
            .ok_or_else(|| ProviderError::Refused(self.no_project()))?;
        Ok(Page {
            more: millis(&page["pagination"], "next").is_some(),
            deployments: match page {
                Value::Object(mut page) => match page.remove("deployments") {
                    Some(Value::Array(deployments)) => deployments,
                    _ => vec![],
                },
                _ => vec![],
            },
        })
    }

    /// The deployment behind each of these names, some at a time, in their order.
    ///
    /// A name that went to another project has nothing here. One that the token may not read is no
    /// reason not to read the others; if it may read none, the token is to blame.
    pub(super) async fn behind(
        &self,
        project: &str,
        names: &[String],
    ) -> Result<Domains, ProviderError> {
        let lane = |at: usize| async move {
            let mut read = vec![];
            for (index, name) in names.iter().enumerate().skip(at).step_by(LANES) {
                let what = format!("the deployment behind {name}");
                let is_ours = |deployment: &Value| {
                    text(deployment, "projectId").is_none_or(|owner| owner == project)
                };
                let deployment = self
                    .rest
                    .read(&what, &["v13", "deployments", name], &[])
                    .await;
                let deployment = match deployment {
                    Ok(deployment) => Ok(deployment.filter(is_ours)),
                    Err(ProviderError::Refused(why)) => Err(why),
                    Err(error) => return Err(error),
                };
                read.push((index, name.clone(), deployment));
            }
            Ok::<_, ProviderError>(read)
        };
        let (a, b, c, d, e, f, g, h) = tokio::try_join!(
            lane(0),
            lane(1),
            lane(2),
            lane(3),
            lane(4),
            lane(5),
            lane(6),
            lane(7)
        )?;
        let mut read: Vec<_> = [a, b, c, d, e, f, g, h].into_iter().flatten().collect();
        read.sort_by_key(|(index, ..)| *index);
        let mut domains = Domains::default();
        for (_, name, deployment) in read {
            match deployment {
                Ok(deployment) => domains.behind.push((name, deployment)),
                Err(why) => domains.refused.push((name, why)),
            }
        }
        match (domains.behind.is_empty(), domains.refused.first()) {
            (true, Some((_, why))) => Err(ProviderError::Refused(why.clone())),
            (true, None) | (false, _) => Ok(domains),
        }
    }

    /// Whether traffic is being shifted step by step right now, as a clause.
    pub(super) async fn rolling(&self, project: &Project) -> Result<Option<String>, ProviderError> {
        if !project.rolling {
            return Ok(None);
        }
        let read = self
            .rest
            .read(
                "the rolling release",
                &["v1", "projects", &project.id, "rolling-release"],
                &[("state", "ACTIVE")],
            )
            .await;
        match read {
            Ok(Some(answer)) => Ok(rolling_release(&answer)),
            Ok(None) => Ok(None),
            Err(ProviderError::Refused(_)) => Ok(Some(
                "a rolling release may be under way: this token may not read it".into(),
            )),
            Err(error) => Err(error),
        }
    }

    /// The names Vercel could not move, after a job that failed.
    pub(super) async fn unmoved(
        &self,
        project: &str,
        way: Way,
    ) -> Result<Vec<String>, ProviderError> {
        let path = match way {
            Way::Back => ["v9", "projects", project, "rollback", "aliases"],
            Way::Forward => ["v1", "projects", project, "promote", "aliases"],
        };
        let read = self
            .rest
            .read(
                "the domains that failed",
                &path,
                &[("failedOnly", "true"), ("limit", OFFERED)],
            )
            .await;
        match read {
            Ok(Some(answer)) => Ok(failed_aliases(&answer)),
            // For a rollback it is not in the published API. What the domains serve says the same.
            Ok(None) | Err(ProviderError::Refused(_)) => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    /// What every name serves, in their order; a name Vercel has no deployment for, or does not
    /// show, serves `None`.
    pub(super) async fn surfaces(
        &self,
        project: &str,
        names: &[String],
    ) -> Result<Vec<Surface>, ProviderError> {
        let domains = self.behind(project, names).await?;
        let live = |name: &String| {
            let mut behind = domains.behind.iter();
            let (_, deployment) = behind.find(|(read, _)| read == name)?;
            deployment.as_ref().and_then(id_of).map(str::to_owned)
        };
        Ok(names
            .iter()
            .map(|name| Surface {
                live: live(name),
                name: name.clone(),
            })
            .collect())
    }
}

/// When the limit on requests ends, in milliseconds of Vercel's clock.
fn limit_ends(headers: &HeaderMap, body: &Value) -> Option<i64> {
    let inner = &body["error"]["limit"];
    let limit = match inner.is_object() {
        true => inner,
        false => &body["limit"],
    };
    let header = || {
        let value = headers.get("x-ratelimit-reset")?;
        value.to_str().ok()?.trim().parse().ok()
    };
    millis(limit, "resetMs").or_else(|| {
        let seconds: i64 = millis(limit, "reset").or_else(header)?;
        Some(seconds.saturating_mul(1000))
    })
}

/// What is being rolled out step by step, as a clause.
pub(super) fn rolling_release(answer: &Value) -> Option<String> {
    let rolling = answer.get("rollingRelease")?;
    let active = text(rolling, "state") == Some("ACTIVE");
    let label = ["name", "id"]
        .iter()
        .find_map(|key| text(&rolling["canaryDeployment"], key))
        .unwrap_or("a newer deployment");
    active.then(|| {
        format!(
            "a rolling release to {} is under way",
            cut(&one_line(label), 80)
        )
    })
}

/// Names of failed aliases, in either of the two shapes Vercel uses.
pub(super) fn failed_aliases(answer: &Value) -> Vec<String> {
    answer["aliases"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| text(entry, "status").is_none_or(|status| status == "failed"))
        .filter_map(|entry| text(entry, "alias").or_else(|| text(&entry["alias"], "alias")))
        .map(|name| cut(&one_line(name), 260))
        .collect()
}
