//! Vercel: its production deployments, what every production domain serves, Instant Rollback, and
//! the promotion that undoes one.
//!
//! The request to roll back or to promote is sent once and never repeated here. A refusal is
//! final, a request that certainly did not leave is [`Trouble::Busy`], and everything in between
//! is [`Trouble::Unanswered`]. What serves is always read domain by domain: neither the newest
//! deployment nor the job's own word says what people get.

use super::Provider;
use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::{Method, Response, header::HeaderMap};
use rollback_domain::{
    plan::Plan,
    platform::{Effects, Holds, Production, Progress, ProviderError, Receipt, Timing},
    release::{Candidate, Pin, Release, Surface, Survey, TargetKind, Way},
    rollback::Rollback,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};
use url::Url;

/// How long one call may take, from connecting to the last byte.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes read of an answer.
const BODY_AT_MOST: usize = 8 * 1024 * 1024;
/// Production deployments read at once, so that what lies between live and target is complete.
const LISTED: &str = "100";
/// Rollback candidates and failed aliases read at once.
const OFFERED: &str = "20";
/// The most domains that are read one by one.
const DOMAINS_AT_MOST: usize = 50;
/// How many domains are read at the same time.
const LANES: usize = 4;
/// The longest description Vercel stores with a rollback.
const DESCRIPTION_AT_MOST: usize = 250;
/// The longest wait that is taken over from Vercel, in milliseconds.
const WAIT_AT_MOST: i64 = 60 * 60 * 1000;
/// How far our clock and Vercel's may be apart, when nothing better than a clock is there.
const SKEW: Duration = Duration::from_secs(120);

/// One Vercel project.
#[derive(Clone)]
pub struct Vercel {
    /// The client all calls are made with; it should follow no redirects.
    pub http: reqwest::Client,
    /// Where the API is, usually `https://api.vercel.com`.
    pub api_url: Url,
    /// The project's id (`prj_…`) or name.
    pub project: String,
    /// The team that owns it: an id (`team_…`) or a slug. Without, the token's own account is meant.
    pub team: Option<String>,
    token: String,
}

impl fmt::Debug for Vercel {
    /// Everything but the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vercel")
            .field("api_url", &self.api_url.as_str())
            .field("project", &self.project)
            .field("team", &self.team)
            .finish_non_exhaustive()
    }
}

impl Vercel {
    /// A project behind an API, with the token its calls are made with. Nothing is asked yet.
    pub fn new(
        http: reqwest::Client,
        api_url: Url,
        project: impl Into<String>,
        team: Option<String>,
        token: impl Into<String>,
    ) -> Self {
        Self {
            http,
            api_url,
            project: project.into(),
            team: team.filter(|team| !team.trim().is_empty()),
            token: token.into(),
        }
    }

    /// One call. `Err` means that there is no answer to judge.
    async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Response, Lost> {
        let mut url = self.api_url.clone();
        {
            let mut segments = url.path_segments_mut().map_err(|()| {
                Lost::Unsent("Vercel's api_url is no web address. Set it to https://api.vercel.com in the configuration.".into())
            })?;
            segments.pop_if_empty().extend(path);
        }
        {
            let mut pairs = url.query_pairs_mut();
            pairs.extend_pairs(query);
            if let Some(team) = &self.team {
                let name = if team.starts_with("team_") {
                    "teamId"
                } else {
                    "slug"
                };
                pairs.append_pair(name, team);
            }
        }
        if url.query() == Some("") {
            url.set_query(None);
        }
        let mut request = self
            .http
            .request(method, url.clone())
            .bearer_auth(self.token.trim())
            .timeout(CALL_TIMEOUT);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        // A client that follows redirects turns a request to change something into a read.
        if *answer.url() != url {
            return Err(Lost::Silent(
                "it was sent on to another address; check api_url in the configuration".into(),
            ));
        }
        Ok(answer)
    }

    /// Reads something; `None` when Vercel does not know it (404). May always be repeated.
    async fn read(
        &self,
        what: &str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, ProviderError> {
        let answer = match self.call(Method::GET, path, query, None).await {
            Ok(answer) => answer,
            Err(Lost::Unsent(why)) => return Err(ProviderError::Refused(why)),
            Err(Lost::Unreachable(why) | Lost::Silent(why)) => {
                return Err(ProviderError::Busy {
                    why: format!("Vercel could not be asked for {what}: {why}. It is read again."),
                    retry_after: None,
                });
            }
        };
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let body = match body_of(answer).await {
            Ok(body) => body,
            Err(why) if status == 200 => {
                return Err(ProviderError::Busy {
                    why: format!(
                        "Vercel's answer about {what} broke off: {why}. It is read again."
                    ),
                    retry_after: None,
                });
            }
            Err(_) => vec![],
        };
        if status == 200 {
            return serde_json::from_slice(&body)
                .map(Some)
                .map_err(|_| ProviderError::Busy {
                    why: format!("Vercel's answer about {what} is not JSON. It is read again; if this stays, check api_url in the configuration."),
                    retry_after: None,
                });
        }
        let error: Value = serde_json::from_slice(&body).unwrap_or_default();
        match status {
            404 => Ok(None),
            _ => Err(unread(what, status, &headers, &error)),
        }
    }

    async fn project(&self) -> Result<Project, ProviderError> {
        let project = self
            .read(
                &format!("the project {}", self.project),
                &["v9", "projects", &self.project],
                // Without it the last alias request may be missing.
                &[("rollbackInfo", "true")],
            )
            .await?;
        match project.as_ref().and_then(Project::of) {
            Some(project) => Ok(project),
            None if project.is_some() => Err(ProviderError::Busy {
                why: "Vercel's answer about the project has no id. It is read again; if this stays, check api_url in the configuration.".into(),
                retry_after: None,
            }),
            None => Err(ProviderError::Refused(self.no_project())),
        }
    }

    fn no_project(&self) -> String {
        match &self.team {
            Some(team) => format!(
                "Vercel knows no project {} in the team {team} (404). Check project and team in the configuration.",
                self.project
            ),
            None => format!(
                "Vercel knows no project {} in the token's own account (404). Check project in the configuration, and set team if a team owns it.",
                self.project
            ),
        }
    }

    /// Production deployments, newest first, and whether there are more.
    async fn deployments(
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
    /// A name that went to another project has nothing here.
    async fn behind(
        &self,
        project: &str,
        names: &[String],
    ) -> Result<Vec<(String, Option<Value>)>, ProviderError> {
        let lane = |at: usize| async move {
            let mut read = vec![];
            for (index, name) in names.iter().enumerate().skip(at).step_by(LANES) {
                let what = format!("the deployment behind {name}");
                let deployment = self.read(&what, &["v13", "deployments", name], &[]).await?;
                let deployment = deployment.filter(|deployment| {
                    text(deployment, "projectId").is_none_or(|owner| owner == project)
                });
                read.push((index, name.clone(), deployment));
            }
            Ok::<_, ProviderError>(read)
        };
        let (a, b, c, d) = tokio::try_join!(lane(0), lane(1), lane(2), lane(3))?;
        let mut read: Vec<_> = [a, b, c, d].into_iter().flatten().collect();
        read.sort_by_key(|(index, ..)| *index);
        Ok(read
            .into_iter()
            .map(|(_, name, deployment)| (name, deployment))
            .collect())
    }

    /// Whether traffic is being shifted step by step right now, as a clause.
    async fn rolling(&self, project: &Project) -> Result<Option<String>, ProviderError> {
        if !project.rolling {
            return Ok(None);
        }
        let read = self
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
    async fn unmoved(&self, project: &str, way: Way) -> Result<Vec<String>, ProviderError> {
        let path = match way {
            Way::Back => ["v9", "projects", project, "rollback", "aliases"],
            Way::Forward => ["v1", "projects", project, "promote", "aliases"],
        };
        let read = self
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

    /// Where a rollback stands, by what the project says and what every domain of its plan serves.
    async fn stands(
        &self,
        rollback: &Rollback,
        plan: &Plan,
    ) -> Result<(Project, Vec<Surface>, Stand), ProviderError> {
        let project = self.project().await?;
        let names: Vec<String> = if plan.surfaces.is_empty() {
            project.domains.clone()
        } else {
            plan.surfaces
                .iter()
                .map(|surface| surface.name.clone())
                .collect()
        };
        let surfaces = self.surfaces(&project.id, &names).await?;
        let stand = stand(
            &project,
            rollback,
            plan.way,
            &plan.to.id,
            &plan.surfaces,
            &surfaces,
        );
        Ok((project, surfaces, stand))
    }

    /// What every name serves; a name Vercel has no deployment for serves `None`.
    async fn surfaces(
        &self,
        project: &str,
        names: &[String],
    ) -> Result<Vec<Surface>, ProviderError> {
        Ok(self
            .behind(project, names)
            .await?
            .into_iter()
            .map(|(name, deployment)| Surface {
                live: deployment.as_ref().and_then(id_of).map(str::to_owned),
                name,
            })
            .collect())
    }
}

#[async_trait]
impl Provider for Vercel {
    /// Neither way builds anything, so what a build holds comes with it. A rollback stops the
    /// automatic assignment of the production domains, a promotion starts it again.
    fn effects(&self, way: Way) -> Effects {
        let (after, holds) = match way {
            Way::Back => ("automatic deploys stay OFF until unpinned", Holds::ByItself),
            Way::Forward => ("automatic deploys go live again", Holds::Not),
        };
        Effects {
            timing: Timing::default(),
            outage: None,
            platform: "Vercel".into(),
            restores: vec![
                "code".into(),
                "cron jobs of the target's vercel.json".into(),
                "env values baked into the build".into(),
            ],
            leaves: vec![
                "database".into(),
                "today's env settings".into(),
                "flags".into(),
                "storage".into(),
            ],
            after: Some(after.into()),
            holds,
            undoable: true,
            class: rollback_domain::risk::Risk::Code,
        }
    }

    async fn survey(&self) -> Result<Survey, ProviderError> {
        let project = self.project().await?;
        let (listed, offered, rolling, behind) = tokio::try_join!(
            self.deployments(&project.id, None, false),
            self.deployments(&project.id, None, true),
            self.rolling(&project),
            self.behind(&project.id, &project.domains),
        )?;
        let mut pages = Pages {
            listed,
            offered,
            ..Pages::default()
        };
        // After an earlier rollback the live one may be older than the whole first page.
        if let Some(created) = pages.live_beyond(&behind) {
            let until = (created + 1).to_string();
            let (older, older_offered) = tokio::try_join!(
                self.deployments(&project.id, Some(&until), false),
                self.deployments(&project.id, Some(&until), true),
            )?;
            pages.older = Some(older);
            pages.offered.deployments.extend(older_offered.deployments);
        }
        Ok(survey(&project, pages, behind, rolling))
    }

    async fn roll_back(&self, rollback: &Rollback) -> Result<Receipt, ProviderError> {
        let Some(plan) = &rollback.plan else {
            return Err(ProviderError::Refused(
                "Vercel was not asked: this rollback has no plan. Ask for a new one.".into(),
            ));
        };
        let target = plan.to.id.as_str();
        let plain = |id: &str| {
            !id.is_empty()
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        };
        if !plain(target) {
            return Err(ProviderError::Refused(format!(
                "Vercel was not asked: {target:?} is not the id of a deployment. Ask for a new plan."
            )));
        }
        // The path takes the id only, and the configuration may have the name.
        let project = match text(&rollback.memory, "project_id") {
            Some(id) if plain(id) => id.to_owned(),
            _ if self.project.starts_with("prj_") => self.project.clone(),
            _ => self.project().await?.id,
        };
        let description = description(rollback);
        let (path, query) = match plan.way {
            Way::Back => (
                ["v1", "projects", &project, "rollback", target],
                vec![("description", description.as_str())],
            ),
            // It takes no reason.
            Way::Forward => (["v10", "projects", &project, "promote", target], vec![]),
        };
        let answer = self
            .call(Method::POST, &path, &query, Some(&json!({})))
            .await;
        match answer {
            Ok(answer) => {
                let status = answer.status();
                let headers = answer.headers().clone();
                // The status has been said; a body that breaks off takes nothing of it back.
                let error: Value = if status.is_success() {
                    Value::Null
                } else {
                    let body = body_of(answer).await.unwrap_or_default();
                    serde_json::from_slice(&body).unwrap_or_default()
                };
                judge(plan.way, status.as_u16(), &headers, &error, plan.to.label())
            }
            Err(Lost::Unsent(why)) => Err(ProviderError::Refused(why)),
            Err(Lost::Unreachable(why)) => Err(ProviderError::Busy {
                why: format!(
                    "Vercel was not reached, so nothing was asked: {why}. It is tried again; if this stays, check the bot's way to {}.",
                    self.api_url.host_str().unwrap_or("the API")
                ),
                retry_after: None,
            }),
            Err(Lost::Silent(why)) => Err(ProviderError::Unanswered(format!(
                "Vercel was asked and gave no answer: {why}. What the domains serve is read back; nothing is asked twice."
            ))),
        }
    }

    async fn observe(&self, rollback: &Rollback) -> Result<Progress, ProviderError> {
        let Some(plan) = &rollback.plan else {
            return Ok(Progress::NotAsked {
                why: "the rollback has no plan".into(),
            });
        };
        let (mut project, mut surfaces, mut stand) = self.stands(rollback, plan).await?;
        // A promotion waits for a rolling release to end and may not be shown before that.
        if plan.way == Way::Forward && project.rolling && matches!(stand, Stand::NotAsked(_)) {
            match self.rolling(&project).await? {
                Some(rolling) => {
                    stand = Stand::Serving(format!("no promote job is shown yet, and {rolling}"));
                }
                // It may have ended, and the promotion begun, between the two readings.
                None => (project, surfaces, stand) = self.stands(rollback, plan).await?,
            }
        }
        match stand {
            Stand::Serving(said) => Ok(Progress::Serving {
                surfaces,
                pin: project.pin,
                said,
            }),
            Stand::JobFailed => {
                let failed = self.unmoved(&project.id, plan.way).await?;
                Ok(ended_badly(plan.way, &plan.to.id, surfaces, failed))
            }
            Stand::Skipped => Ok(Progress::Failed {
                production: Production::Unknown,
                why: format!(
                    "Vercel skipped the {} job and has not moved every domain. Look at the project's deployments on vercel.com, then ask for a new plan.",
                    job(plan.way)
                ),
            }),
            Stand::NotAsked(why) => Ok(Progress::NotAsked { why }),
        }
    }

    /// What is set is the switch that a rollback turns off: the automatic assignment of the
    /// production domains. No domain moves by it, it counts for the next build.
    async fn unpin(&self) -> Result<String, ProviderError> {
        let project = self.project().await?;
        if project.pin == Pin::Off {
            return Ok(
                "automatic deploys were not held off (read back), nothing was changed".into(),
            );
        }
        let set = self
            .call(
                Method::PATCH,
                &["v9", "projects", &project.id],
                &[],
                Some(&json!({ "autoAssignCustomDomains": true })),
            )
            .await;
        // What was heard may be less than what was done: what is read back counts.
        let heard = match set {
            Ok(answer) if answer.status().is_success() => "took it".to_owned(),
            Ok(answer) => {
                let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
                let body = body_of(answer).await.unwrap_or_default();
                let error: Value = serde_json::from_slice(&body).unwrap_or_default();
                match status {
                    408 | 500.. => format!("broke off ({})", spoken(status, &error)),
                    _ => return Err(unset(&project.name, status, &headers, &error)),
                }
            }
            Err(Lost::Unsent(why)) => return Err(ProviderError::Refused(why)),
            Err(Lost::Unreachable(why)) => {
                return Err(ProviderError::Busy {
                    why: format!(
                        "Vercel was not reached, so nothing was changed: {why}. It is tried again; if this stays, check the bot's way to {}.",
                        self.api_url.host_str().unwrap_or("the API")
                    ),
                    retry_after: None,
                });
            }
            Err(Lost::Silent(why)) => format!("gave no answer ({why})"),
        };
        match self.project().await {
            Ok(now) if now.pin == Pin::Off => {
                Ok("automatic deploys go live again (read back)".into())
            }
            Ok(_) => Err(ProviderError::Busy {
                why: format!(
                    "Vercel was asked to let automatic deploys go live, {heard}, and does not show that they do. It is asked again; if this stays, look at the settings of the project {} on vercel.com.",
                    project.name
                ),
                retry_after: None,
            }),
            Err(error) => Err(ProviderError::Unanswered(format!(
                "Vercel was asked to let automatic deploys go live and {heard}. Whether they do was not read back: {error}"
            ))),
        }
    }

    async fn check(&self) -> Result<String, ProviderError> {
        let project = self.project().await?;
        match project.domains.len() {
            0 => Err(ProviderError::Refused(format!(
                "Vercel shows no production domain for the project {}. Deploy it to production once, or check project in the configuration.",
                project.name
            ))),
            1 => Ok(format!(
                "project {} ({}) readable, 1 production domain",
                project.name, project.id
            )),
            n => Ok(format!(
                "project {} ({}) readable, {n} production domains",
                project.name, project.id
            )),
        }
    }
}

/// Why there is no answer: what decides whether something may have been done.
enum Lost {
    /// The request could not be made; the sentence says what to change.
    Unsent(String),
    /// There was no connection, so it was not sent.
    Unreachable(String),
    /// It may have been sent.
    Silent(String),
}

impl From<reqwest::Error> for Lost {
    fn from(error: reqwest::Error) -> Self {
        if error.is_builder() {
            return Lost::Unsent("Vercel's token or api_url has characters that cannot be sent. Set them anew in the configuration.".into());
        }
        let (connecting, late) = (error.is_connect(), error.is_timeout());
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let cause = clean(&cause.to_string(), 200);
        match (connecting, late) {
            (true, _) => Lost::Unreachable(format!("no connection ({cause})")),
            (false, true) => {
                Lost::Silent(format!("nothing came within {} s", CALL_TIMEOUT.as_secs()))
            }
            (false, false) => Lost::Silent(format!("the connection broke ({cause})")),
        }
    }
}

/// The body of an answer, as far as it is sane.
async fn body_of(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = vec![];
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > BODY_AT_MOST => {
                return Err(format!(
                    "it is larger than {} MiB",
                    BODY_AT_MOST / 1024 / 1024
                ));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => {
                return Err(format!("it took more than {} s", CALL_TIMEOUT.as_secs()));
            }
            Err(_) => return Err("the connection broke".into()),
        }
    }
}

/// What a refused read means.
fn unread(what: &str, status: u16, headers: &HeaderMap, error: &Value) -> ProviderError {
    match status {
        401 | 403 => ProviderError::Refused(no_access(status, error)),
        402 => ProviderError::Refused(format!(
            "Vercel wants a paid plan or a paid bill before it shows {what} ({}). Look at vercel.com/account/billing.",
            spoken(status, error)
        )),
        408 | 429 | 500.. => ProviderError::Busy {
            why: match status {
                429 => format!(
                    "Vercel answers too many requests ({}). It is read again later.",
                    spoken(status, error)
                ),
                _ => format!(
                    "Vercel has trouble of its own ({}). It is read again.",
                    spoken(status, error)
                ),
            },
            retry_after: wait(headers, error),
        },
        _ => ProviderError::Refused(format!(
            "Vercel would not show {what} ({}). Check project, team and api_url in the configuration.",
            spoken(status, error)
        )),
    }
}

/// What Vercel calls the job that moves the domains this way.
fn job(way: Way) -> &'static str {
    match way {
        Way::Back => "rollback",
        Way::Forward => "promote",
    }
}

/// What the answer to the request to roll back or to promote means.
fn judge(
    way: Way,
    status: u16,
    headers: &HeaderMap,
    error: &Value,
    target: &str,
) -> Result<Receipt, ProviderError> {
    let message = text(&error["error"], "message")
        .unwrap_or_default()
        .to_lowercase();
    let receipt = |said: String| Receipt {
        next: None,
        restore_point: None,
        said,
        memory: Value::Null,
    };
    let said = spoken(status, error);
    let (verb, next) = match way {
        Way::Back => (
            "roll back to",
            "Ask for a new plan and choose another release.",
        ),
        Way::Forward => (
            "promote",
            "Look at the deployment on vercel.com, then ask for a new plan.",
        ),
    };
    match status {
        // It waits for a rolling release to end.
        202 if way == Way::Forward => Ok(receipt(
            "job queued behind the rolling release that is under way".into(),
        )),
        200..=299 => Ok(receipt("job accepted".into())),
        409 if message.contains("already the current production deployment") => Ok(receipt(
            format!("it already was the current production deployment ({said})"),
        )),
        429 => Err(ProviderError::Busy {
            why: format!(
                "Vercel answers too many requests and has done nothing ({said}). It is asked again later."
            ),
            retry_after: wait(headers, error),
        }),
        402 if way == Way::Forward => Err(ProviderError::Refused(format!(
            "Vercel wants a paid plan or a paid bill before it promotes {target} ({said}). Look at vercel.com/account/billing, then ask for a new plan."
        ))),
        _ if status == 402 || (status < 500 && message.contains("upgrade to pro")) => {
            Err(ProviderError::Refused(format!(
                "Vercel goes back only to the deployment right before the live one on the Hobby plan ({said}). Choose that one, or upgrade the plan at vercel.com/account/billing."
            )))
        }
        // A gateway may have lost the answer of something that did happen.
        408 | 500.. => Err(ProviderError::Unanswered(format!(
            "Vercel broke off while it was asked ({said}). What the domains serve is read back; nothing is asked twice."
        ))),
        401 | 403 => Err(ProviderError::Refused(no_access(status, error))),
        404 | 410 => Err(ProviderError::Refused(format!(
            "Vercel no longer has the deployment {target}, or not in this project ({said}). {next}"
        ))),
        409 => Err(ProviderError::Refused(format!(
            "Vercel cannot {verb} {target} as things are ({said}). Look at what is under way in the project on vercel.com, then ask for a new plan."
        ))),
        300..=399 => Err(ProviderError::Refused(format!(
            "Vercel's API is not where it was asked ({said}, a redirect). Check api_url in the configuration."
        ))),
        _ => Err(ProviderError::Refused(format!(
            "Vercel would not {verb} {target} ({said}). {next}"
        ))),
    }
}

/// What a refused change of the project means.
fn unset(project: &str, status: u16, headers: &HeaderMap, error: &Value) -> ProviderError {
    let said = spoken(status, error);
    match status {
        401 | 403 => ProviderError::Refused(no_access(status, error)),
        402 => ProviderError::Refused(format!(
            "Vercel wants a paid plan or a paid bill before it changes the project {project} ({said}). Look at vercel.com/account/billing."
        )),
        429 => ProviderError::Busy {
            why: format!(
                "Vercel answers too many requests and has changed nothing ({said}). It is asked again later."
            ),
            retry_after: wait(headers, error),
        },
        _ => ProviderError::Refused(format!(
            "Vercel would not let automatic deploys of the project {project} go live ({said}). Look at its settings on vercel.com, and check project, team and api_url in the configuration."
        )),
    }
}

fn no_access(status: u16, error: &Value) -> String {
    format!(
        "Vercel says the token is expired or lacks access ({}). Create a new one at vercel.com/account/settings/tokens and set it in the configuration; check that team names the project's team.",
        spoken(status, error)
    )
}

/// The status and Vercel's own words: `403: Not authorized`.
fn spoken(status: u16, error: &Value) -> String {
    match text(&error["error"], "message").map(|message| clean(message, 200)) {
        Some(message) if !message.is_empty() => {
            format!("{status}: {}", message.trim_end_matches(['.', ' ']))
        }
        _ => status.to_string(),
    }
}

/// How long Vercel wants us to wait, in milliseconds: `Retry-After`, else the end of the limit.
///
/// A moment is turned into a duration with the answer's own `Date`, so that no clock of ours counts.
fn wait(headers: &HeaderMap, error: &Value) -> Option<u64> {
    let header = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let moment = |text: &str| {
        jiff::fmt::rfc2822::parse(text)
            .ok()
            .map(|at| at.timestamp().as_millisecond())
    };
    let now = header("date").and_then(moment);
    let until = |at: i64| now.map(|now| at - now);
    let wait = header("retry-after")
        .and_then(|text| match text.parse::<f64>() {
            Ok(seconds) => Some((seconds * 1000.0) as i64),
            Err(_) => moment(text).and_then(until),
        })
        .or_else(|| {
            let limit = &error["error"]["limit"];
            let limit = if limit.is_object() {
                limit
            } else {
                &error["limit"]
            };
            let at = millis(limit, "resetMs")
                .or_else(|| Some(millis(limit, "reset")?.saturating_mul(1000)))
                .or_else(|| {
                    Some(
                        header("x-ratelimit-reset")?
                            .parse::<i64>()
                            .ok()?
                            .saturating_mul(1000),
                    )
                })?;
            until(at)
        })?;
    u64::try_from(wait.clamp(0, WAIT_AT_MOST)).ok()
}

/// What goes into Vercel's own history: `RB-41 @sam: checkout is down`.
fn description(rollback: &Rollback) -> String {
    let because = match &rollback.because {
        Some(because) => format!(": {because}"),
        None => String::new(),
    };
    clean(
        &format!("RB-{} @{}{because}", rollback.id, rollback.requester.name),
        DESCRIPTION_AT_MOST,
    )
}

/// One line without control characters, of at most `most` characters as JavaScript counts them.
fn clean(text: &str, most: usize) -> String {
    let text: String = text
        .split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    if text.encode_utf16().count() <= most {
        return text;
    }
    let mut left = most.saturating_sub(1);
    let mut cut: String = text
        .chars()
        .take_while(|c| {
            let fits = c.len_utf16() <= left;
            left = left.saturating_sub(c.len_utf16());
            fits
        })
        .collect();
    cut.push('…');
    cut
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value
        .get(key)?
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// A number of milliseconds; Vercel's numbers are JavaScript's and may come with a fraction.
fn millis(value: &Value, key: &str) -> Option<i64> {
    let number = value.get(key)?;
    number
        .as_i64()
        .or_else(|| number.as_f64().map(|number| number as i64))
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool) == Some(true)
}

fn moment(value: &Value, key: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(millis(value, key)?).ok()
}

/// `uid` in the list, `id` everywhere else.
fn id_of(deployment: &Value) -> Option<&str> {
    text(deployment, "uid").or_else(|| text(deployment, "id"))
}

fn created(deployment: &Value) -> Option<i64> {
    millis(deployment, "createdAt").or_else(|| millis(deployment, "created"))
}

/// What a rollback needs of a project.
#[derive(Debug)]
struct Project {
    id: String,
    name: String,
    domains: Vec<String>,
    pin: Pin,
    last: Option<AliasRequest>,
    /// Whether rolling releases are configured; not whether one is under way.
    rolling: bool,
}

impl Project {
    fn of(project: &Value) -> Option<Self> {
        let id = text(project, "id")?.to_owned();
        Some(Self {
            name: text(project, "name").unwrap_or(&id).to_owned(),
            domains: domains(project),
            pin: match project
                .get("autoAssignCustomDomains")
                .and_then(Value::as_bool)
            {
                Some(false) => Pin::On,
                Some(true) => Pin::Off,
                None => Pin::Unknown,
            },
            last: project.get("lastAliasRequest").and_then(AliasRequest::of),
            rolling: project
                .get("rollingRelease")
                .is_some_and(|configured| !configured.is_null()),
            id,
        })
    }
}

/// The production domains. The ones Vercel makes for branches and teams follow the newest build
/// and not production, so they only count when there is nothing else.
fn domains(project: &Value) -> Vec<String> {
    let names = |deployment: &Value, automatic_too: bool| -> Vec<String> {
        let list = |key: &str| -> Vec<&str> {
            deployment[key]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect()
        };
        let automatic = list("automaticAliases");
        list("alias")
            .into_iter()
            .filter(|name| automatic_too || !automatic.contains(name))
            .map(str::to_owned)
            .collect()
    };
    let live = &project["targets"]["production"];
    let mut found = names(live, false);
    if found.is_empty() {
        // While deploys are held off, the target may be a build that serves nothing yet.
        found = project["latestDeployments"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|deployment| text(deployment, "target") == Some("production"))
            .flat_map(|deployment| names(deployment, false))
            .collect();
    }
    if found.is_empty() {
        found = names(live, true);
    }
    let mut seen = BTreeSet::new();
    found.retain(|name| seen.insert(name.clone()));
    if found.len() > DOMAINS_AT_MOST {
        // The ones people type matter more than the ones Vercel gave.
        found.sort_by_key(|name| name.ends_with(".vercel.app"));
        found.truncate(DOMAINS_AT_MOST);
    }
    found
}

/// The last time domains were asked to move, by a rollback or a promotion, by anybody.
#[derive(Debug)]
struct AliasRequest {
    kind: String,
    to: String,
    status: String,
    requested_at: i64,
}

impl AliasRequest {
    fn of(request: &Value) -> Option<Self> {
        Some(Self {
            kind: text(request, "type")?.to_owned(),
            to: text(request, "toDeploymentId")?.to_owned(),
            status: text(request, "jobStatus").unwrap_or("unknown").to_owned(),
            requested_at: millis(request, "requestedAt")?,
        })
    }

    fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "succeeded" | "failed" | "skipped")
    }

    /// As a clause: "a promote to dpl_x of 02:41:07 UTC is in-progress".
    fn clause(&self) -> String {
        let at = Timestamp::from_millisecond(self.requested_at)
            .map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
            .unwrap_or_else(|_| "an unknown time".into());
        format!(
            "a {} to {} of {at} is {}",
            clean(&self.kind, 40),
            clean(&self.to, 60),
            clean(&self.status, 40)
        )
    }

    /// Whether it can only be the request of this rollback.
    fn is_of(&self, rollback: &Rollback, way: Way, target: &str) -> bool {
        if self.kind != job(way) || self.to != target {
            return false;
        }
        match rollback.memory.get("last_alias_request") {
            // Both moments are Vercel's: no clock of ours is compared.
            Some(Value::Null) => true,
            Some(_) => millis(&rollback.memory, "last_alias_request")
                .is_some_and(|before| self.requested_at > before),
            None => rollback.times.asked.is_some_and(|asked| {
                let skew = i64::try_from(SKEW.as_millis()).unwrap_or_default();
                self.requested_at >= asked.as_millisecond() - skew
            }),
        }
    }
}

/// One answer of the list of deployments.
#[derive(Debug, Default)]
struct Page {
    deployments: Vec<Value>,
    more: bool,
}

/// All deployments that were read.
#[derive(Debug, Default)]
struct Pages {
    listed: Page,
    /// From the live one on, when the first page ends before it.
    older: Option<Page>,
    offered: Page,
}

impl Pages {
    /// When the oldest live deployment was made, if the list does not reach it.
    fn live_beyond(&self, behind: &[(String, Option<Value>)]) -> Option<i64> {
        if !self.listed.more {
            return None;
        }
        behind
            .iter()
            .filter_map(|(_, deployment)| deployment.as_ref())
            .filter(|live| {
                !self
                    .listed
                    .deployments
                    .iter()
                    .any(|listed| id_of(listed) == id_of(live))
            })
            .filter_map(created)
            // From the newest of them on, all are covered.
            .max()
    }
}

/// Puts together what was read.
fn survey(
    project: &Project,
    pages: Pages,
    behind: Vec<(String, Option<Value>)>,
    rolling: Option<String>,
) -> Survey {
    let mut surfaces: Vec<Surface> = behind
        .iter()
        .map(|(name, deployment)| Surface {
            name: name.clone(),
            live: deployment.as_ref().and_then(id_of).map(str::to_owned),
        })
        .collect();
    // A domain without a deployment only redirects: nothing can be moved there.
    if surfaces.iter().any(|surface| surface.live.is_some()) {
        surfaces.retain(|surface| surface.live.is_some());
    }
    let live: BTreeSet<&str> = surfaces
        .iter()
        .filter_map(|surface| surface.live.as_deref())
        .collect();
    let offered: BTreeSet<String> = pages
        .offered
        .deployments
        .iter()
        .filter_map(id_of)
        .map(str::to_owned)
        .collect();

    // What was deployed between two releases must be complete, so nothing is taken from beyond
    // the end of the list.
    let last = pages.older.as_ref().unwrap_or(&pages.listed);
    let end = last
        .more
        .then(|| last.deployments.iter().filter_map(created).min())
        .flatten();
    let beyond = |deployment: &Value| {
        end.is_some_and(|end| created(deployment).is_some_and(|created| created < end))
    };
    let mut known: BTreeMap<&str, &Value> = BTreeMap::new();
    let older = pages.older.iter().flat_map(|page| &page.deployments);
    for deployment in pages.listed.deployments.iter().chain(older) {
        if let Some(id) = id_of(deployment) {
            known.entry(id).or_insert(deployment);
        }
    }
    for deployment in &pages.offered.deployments {
        if let Some(id) = id_of(deployment).filter(|_| !beyond(deployment)) {
            known.entry(id).or_insert(deployment);
        }
    }
    for deployment in behind
        .iter()
        .filter_map(|(_, deployment)| deployment.as_ref())
    {
        if let Some(id) = id_of(deployment) {
            known.entry(id).or_insert(deployment);
        }
    }
    let mut known: Vec<&Value> = known.into_values().collect();
    known.sort_by_key(|deployment| {
        (
            std::cmp::Reverse(created(deployment)),
            id_of(deployment).map(str::to_owned),
        )
    });

    let in_flight = project
        .last
        .as_ref()
        .filter(|last| !last.has_ended())
        .map(AliasRequest::clause)
        .or(rolling)
        .or_else(|| {
            known
                .iter()
                .find(|deployment| is_building(deployment))
                .map(|deployment| {
                    format!(
                        "a production deployment ({}) is being built",
                        release(deployment).label()
                    )
                })
        });
    Survey {
        before_pin: Value::Null,
        window: None,
        candidates: known
            .into_iter()
            .map(|deployment| Candidate {
                release: release(deployment),
                barred: barred(deployment, &offered, &live),
                barred_forward: barred_forward(deployment),
            })
            .collect(),
        pin: project.pin,
        in_flight,
        memory: json!({
            "last_alias_request": project.last.as_ref().map(|last| last.requested_at),
            "project_id": project.id,
        }),
        surfaces,
    }
}

fn state(deployment: &Value) -> &str {
    text(deployment, "readyState")
        .or_else(|| text(deployment, "state"))
        .unwrap_or("unknown")
}

fn is_building(deployment: &Value) -> bool {
    matches!(
        state(deployment),
        "BUILDING" | "QUEUED" | "INITIALIZING" | "ANALYZING" | "DEPLOYING"
    )
}

fn release(deployment: &Value) -> Release {
    let meta = &deployment["meta"];
    let of_git = |what: &str| {
        ["github", "gitlab", "bitbucket"]
            .iter()
            .find_map(|host| text(meta, &format!("{host}{what}")))
    };
    let substate = text(deployment, "readySubstate");
    let assigned = moment(deployment, "aliasAssigned")
        .or_else(|| moment(deployment, "aliasAssignedAt"))
        .or_else(|| moment(deployment, "ready").filter(|_| substate == Some("PROMOTED")));
    Release {
        also: vec![],
        kind: TargetKind::Release,
        id: id_of(deployment).unwrap_or_default().to_owned(),
        version: text(meta, "version").map(|version| clean(version, 60)),
        sha: of_git("CommitSha").map(|sha| clean(sha, 64)),
        created_at: created(deployment).and_then(|at| Timestamp::from_millisecond(at).ok()),
        // A staged one may have had names of its own, but never production's.
        live_since: assigned.filter(|_| {
            state(deployment) == "READY" && matches!(substate, None | Some("PROMOTED"))
        }),
        by: ["username", "githubLogin", "gitlabLogin"]
            .iter()
            .find_map(|key| text(&deployment["creator"], key))
            .map(|by| clean(by, 60)),
        message: of_git("CommitMessage")
            .and_then(|message| message.lines().next())
            .map(|line| clean(line, 200))
            .filter(|line| !line.is_empty()),
    }
}

/// Why nothing can be made to serve it, as a clause; `None` when it is there and was built.
fn unfit(deployment: &Value) -> Option<String> {
    let at = |key: &str| millis(deployment, key);
    if flag(deployment, "softDeletedByRetention") {
        return Some("the retention policy removed it".into());
    }
    let deleted =
        at("deleted").is_some_and(|deleted| at("undeleted").is_none_or(|un| un < deleted));
    match state(deployment) {
        _ if deleted => Some("it was deleted".into()),
        "DELETED" => Some("it was deleted".into()),
        "ERROR" => Some("its build failed".into()),
        "CANCELED" => Some("its build was cancelled".into()),
        "READY" => None,
        _ if is_building(deployment) => Some("it is still being built".into()),
        other => Some(format!("Vercel calls its state {}", clean(other, 40))),
    }
}

/// Why it cannot have served production, as a clause, where Vercel says so.
fn unserved(deployment: &Value) -> Option<String> {
    match text(deployment, "readySubstate") {
        Some("STAGED") => Some("it never served production (STAGED)".into()),
        Some("ROLLING") => Some("it is being rolled out step by step (ROLLING)".into()),
        _ => None,
    }
}

/// Why production may not go back to it, as a clause; `None` when it may.
fn barred(deployment: &Value, offered: &BTreeSet<String>, live: &BTreeSet<&str>) -> Option<String> {
    if let Some(why) = unfit(deployment) {
        return Some(why);
    }
    let id = id_of(deployment).unwrap_or_default();
    if flag(deployment, "isRollbackCandidate") || offered.contains(id) {
        return None;
    }
    unserved(deployment).or_else(|| {
        Some(match live.contains(id) {
            true => "it serves production now".into(),
            false => "Vercel does not offer it for instant rollback".into(),
        })
    })
}

/// Why production may not go forward to it, as a clause; `None` when it may.
///
/// Vercel promotes any finished production deployment without building it, a rollback candidate
/// or not. Here it must have served as well: forward means to what a rollback left.
fn barred_forward(deployment: &Value) -> Option<String> {
    if let Some(why) = unfit(deployment).or_else(|| unserved(deployment)) {
        return Some(why);
    }
    // The list has only production's own; what a domain was pointed at by hand may be another.
    let target = deployment.get("target");
    if target.is_some_and(|target| target.as_str() != Some("production")) {
        return Some("it was not built for production, and would be built anew".into());
    }
    let promoted = text(deployment, "readySubstate") == Some("PROMOTED");
    let served = promoted || release(deployment).live_since.is_some();
    (!served).then(|| "Vercel does not say that it ever served production".into())
}

fn rolling_release(answer: &Value) -> Option<String> {
    let rolling = answer.get("rollingRelease")?;
    let active = text(rolling, "state") == Some("ACTIVE");
    let label = ["name", "id"]
        .iter()
        .find_map(|key| text(&rolling["canaryDeployment"], key))
        .unwrap_or("a newer deployment");
    active.then(|| format!("a rolling release to {} is under way", clean(label, 80)))
}

/// Names of failed aliases, in either of the two shapes Vercel uses.
fn failed_aliases(answer: &Value) -> Vec<String> {
    answer["aliases"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| text(entry, "status").is_none_or(|status| status == "failed"))
        .filter_map(|entry| text(entry, "alias").or_else(|| text(&entry["alias"], "alias")))
        .map(|name| clean(name, 260))
        .collect()
}

/// What the project and its domains say together.
#[derive(Debug, PartialEq, Eq)]
enum Stand {
    Serving(String),
    JobFailed,
    Skipped,
    NotAsked(String),
}

fn stand(
    project: &Project,
    rollback: &Rollback,
    way: Way,
    target: &str,
    before: &[Surface],
    now: &[Surface],
) -> Stand {
    let serves = |surface: &Surface| surface.live.as_deref() == Some(target);
    let everywhere = !now.is_empty() && now.iter().all(serves);
    let ours = project
        .last
        .as_ref()
        .filter(|last| last.is_of(rollback, way, target));
    if let Some(ours) = ours {
        return match ours.status.as_str() {
            "failed" if everywhere => {
                Stand::Serving("Vercel calls the job failed, yet every domain serves it".into())
            }
            "failed" => Stand::JobFailed,
            "skipped" if everywhere => Stand::Serving("job skipped, every domain serves it".into()),
            "skipped" => Stand::Skipped,
            "succeeded" => Stand::Serving("job succeeded".into()),
            "pending" => Stand::Serving("job pending".into()),
            "in-progress" => Stand::Serving("job in progress".into()),
            other => Stand::Serving(format!(
                "job in a state this bot does not know ({})",
                clean(other, 40)
            )),
        };
    }
    let has_moved = |surface: &Surface| {
        serves(surface)
            && !before
                .iter()
                .any(|before| before.name == surface.name && serves(before))
    };
    let last = match &project.last {
        Some(last) => format!(
            "the last request Vercel shows is not this one: {}",
            last.clause()
        ),
        None => "Vercel shows no request to move domains".into(),
    };
    if everywhere {
        Stand::Serving(format!("every domain serves it, but {last}"))
    } else if now.iter().any(has_moved) {
        Stand::Serving(format!("some domains serve it, but {last}"))
    } else {
        Stand::NotAsked(format!("no domain has moved, and {last}"))
    }
}

/// How a failed job ended: partly, or not at all.
fn ended_badly(
    way: Way,
    target: &str,
    surfaces: Vec<Surface>,
    mut failed: Vec<String>,
) -> Progress {
    let serves = |surface: &&Surface| surface.live.as_deref() == Some(target);
    let moved = surfaces.iter().filter(serves).count();
    for surface in surfaces.iter().filter(|surface| !serves(surface)) {
        if !failed.contains(&surface.name) {
            failed.push(surface.name.clone());
        }
    }
    if moved > 0 {
        return Progress::Partial { surfaces, failed };
    }
    Progress::Failed {
        production: Production::Unknown,
        why: format!(
            "Vercel says the {} job failed and no domain has moved ({}). Look at the project's domains on vercel.com, then ask for a new plan.",
            job(way),
            failed.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests;
