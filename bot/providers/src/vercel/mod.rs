//! Vercel: its production deployments, what every production domain serves, Instant Rollback, and
//! the promotion that undoes one.
//!
//! The request to roll back or to promote is sent once and never repeated here. A refusal is
//! final, a request that certainly did not leave is [`ProviderError::Busy`], and everything in between
//! is [`ProviderError::Unanswered`]. What serves is always read domain by domain: neither the newest
//! deployment nor the job's own word says what people get.

mod answers;
mod api;
mod deployment;
mod progress;
mod project;
mod settings;
mod survey;

use crate::{
    Provider,
    json::text,
    rest::{Access, Rest, Setting},
};
use answers::{CHECKING, judge_move};
use api::API;
use async_trait::async_trait;
use jiff::Timestamp;
use progress::{Reading, ended_badly, read_progress};
use project::{Project, job};
use reqwest::{Client, Method};
use rollback_domain::{
    platform::{
        About, Effects, Holds, Order, Production, Progress, ProviderError, Receipt, Timing,
    },
    release::{Pin, Surface, Survey, Way},
};
use rollback_http::{cut_utf16, one_line};
use serde_json::{Value, json};
pub use settings::{KIND, VercelSettings};
use std::fmt;
use survey::{Pages, survey};

/// The longest description Vercel stores with a rollback.
const DESCRIPTION_AT_MOST: usize = 250;

/// One Vercel project.
#[derive(Clone)]
pub struct Vercel {
    rest: Rest,
    settings: VercelSettings,
}

impl fmt::Debug for Vercel {
    /// The settings print no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Vercel").field(&self.settings).finish()
    }
}

impl Vercel {
    /// A project that is asked with this client, which should follow no redirects. Nothing is
    /// asked yet.
    pub fn new(http: Client, settings: VercelSettings) -> Self {
        let access = Access::Bearer(settings.token.clone());
        let rest = Rest::new(http, &API, settings.api_url.clone(), access);
        let rest = match settings.team.clone() {
            Some(id) if id.starts_with("team_") => rest.with_query("teamId", id),
            Some(slug) => rest.with_query("slug", slug),
            None => rest,
        };
        Self { rest, settings }
    }

    /// Reads where a rollback is, by what the project says and what every domain of its plan serves.
    async fn read_progress(
        &self,
        order: &Order,
    ) -> Result<(Project, Vec<Surface>, Reading), ProviderError> {
        let project = self.project().await?;
        let planned = order.plan.surfaces.iter();
        let names: Vec<String> = match order.plan.surfaces.is_empty() {
            true => project.domains.clone(),
            false => planned.map(|surface| surface.name.clone()).collect(),
        };
        let surfaces = self.surfaces(&project.id, &names).await?;
        let reading = read_progress(&project, order, &surfaces);
        Ok((project, surfaces, reading))
    }
}

#[async_trait]
impl Provider for Vercel {
    /// Neither way builds anything, so what a build holds comes with it. A rollback stops the
    /// automatic assignment of the production domains, a promotion starts it again.
    fn effects(&self, way: Way) -> Effects {
        let (after, holds) = match way {
            Way::Back => ("automatic deploys are OFF until unpinned", Holds::ByItself),
            Way::Forward => ("automatic deploys go live again", Holds::Not),
        };
        Effects {
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
            class: KIND.class,
            timing: Timing::default(),
            outage: None,
        }
    }

    async fn survey(&self, _about: &About) -> Result<Survey, ProviderError> {
        let project = self.project().await?;
        let (listed, offered, rolling, domains) = tokio::try_join!(
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
        if let Some(created) = pages.live_beyond(&domains.behind) {
            let until = (created + 1).to_string();
            let (older, older_offered) = tokio::try_join!(
                self.deployments(&project.id, Some(&until), false),
                self.deployments(&project.id, Some(&until), true),
            )?;
            pages.older = Some(older);
            pages.offered.deployments.extend(older_offered.deployments);
        }
        Ok(survey(&project, &pages, &domains, rolling))
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let plan = &order.plan;
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
        let project = match text(&order.memory, "project_id") {
            Some(id) if plain(id) => id.to_owned(),
            _ if self.settings.project.starts_with("prj_") => self.settings.project.clone(),
            _ => self.project().await?.id,
        };
        let description = description(order);
        let (path, query) = match plan.way {
            Way::Back => (
                ["v1", "projects", &project, "rollback", target],
                vec![("description", description.as_str())],
            ),
            // It takes no reason.
            Way::Forward => (["v10", "projects", &project, "promote", target], vec![]),
        };
        let body = json!({});
        match self.rest.change(Method::POST, &path, &query, &body).await {
            Ok(answer) => judge_move(plan.way, &answer, plan.to.label()),
            Err(lost) => Err(self.rest.unanswered(&lost, CHECKING)),
        }
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        let plan = &order.plan;
        let (mut project, mut surfaces, mut reading) = self.read_progress(order).await?;
        // A promotion waits for a rolling release to end and may not be shown before that.
        if plan.way == Way::Forward && project.rolling && matches!(reading, Reading::NotAsked(_)) {
            match self.rolling(&project).await? {
                Some(rolling) => {
                    reading =
                        Reading::Serving(format!("no promote job is shown yet, and {rolling}"));
                }
                // It may have ended, and the promotion begun, between the two readings.
                None => (project, surfaces, reading) = self.read_progress(order).await?,
            }
        }
        match reading {
            Reading::Serving(said) => Ok(Progress::Serving {
                surfaces,
                pin: project.pin,
                said,
            }),
            Reading::JobFailed => {
                let failed = self.unmoved(&project.id, plan.way).await?;
                Ok(ended_badly(plan.way, &plan.to.id, surfaces, failed))
            }
            Reading::JobSkipped => Ok(Progress::Failed {
                production: Production::Unknown,
                why: format!(
                    "Vercel skipped the {} job and has not moved every domain. Look at the project's deployments on vercel.com, then ask for a new plan.",
                    job(plan.way)
                ),
            }),
            Reading::NotAsked(why) => Ok(Progress::NotAsked { why }),
        }
    }

    /// What is set is the switch that a rollback turns off: the automatic assignment of the
    /// production domains. No domain moves by it, it counts for the next build.
    async fn unpin(&self, _before: &Value) -> Result<String, ProviderError> {
        let project = self.project().await?;
        if project.pin == Pin::Off {
            return Ok("automatic deploys were not held off, nothing was changed".into());
        }
        let look = format!("the settings of the project {} on vercel.com", project.name);
        let setting = Setting::automatic_deploys(Pin::Off, look);
        let path = ["v9", "projects", &project.id];
        let change = json!({ "autoAssignCustomDomains": true });
        let answered = self.rest.set(&setting, &path, &change).await?;
        let now = self.project().await.map(|now| now.pin == Pin::Off);
        self.rest.read_back(&setting, &answered, now)
    }

    async fn check(&self) -> Result<String, ProviderError> {
        let project = self.project().await?;
        match project.domains.len() + project.left_out.len() {
            0 => Err(ProviderError::Refused(format!(
                "Vercel shows no production domain for the project {}. Deploy it to production once, or check project in the configuration.",
                project.name
            ))),
            1 => Ok(format!(
                "project {} ({}) readable, 1 production domain",
                project.name, project.id
            )),
            n if project.left_out.is_empty() => Ok(format!(
                "project {} ({}) readable, {n} production domains",
                project.name, project.id
            )),
            n => Ok(format!(
                "project {} ({}) readable, {n} production domains, of which {} are looked at: a rollback of it is never called VERIFIED",
                project.name,
                project.id,
                project.domains.len()
            )),
        }
    }

    async fn credentials_end(&self) -> Result<Option<Timestamp>, ProviderError> {
        self.token_ends().await
    }
}

/// What goes into Vercel's own history: `RB-41 @sam: checkout is down`.
fn description(order: &Order) -> String {
    let because = match &order.reason {
        Some(because) => format!(": {because}"),
        None => String::new(),
    };
    let description = format!("{} {}{because}", order.rollback, order.by.called());
    cut_utf16(&one_line(&description), DESCRIPTION_AT_MOST)
}

#[cfg(test)]
mod tests;
