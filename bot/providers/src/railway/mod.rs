//! Railway: the deployments of a service, and going back to the image of an earlier one.
//!
//! Railway serves an earlier image again by making a new deployment of it, and its answer names
//! none: the new one is found again by its image among what is newer. Automatic deploys are not
//! held off by it, so they are switched off before.

mod answers;
mod api;
mod deployment;
mod progress;
mod settings;

use crate::{
    Provider,
    json::{flag, text},
    rest::{Access, Rest, Setting},
};
use answers::{CHECKING, judge_rollback};
use api::{API, API_OF_AN_ACCOUNT, AUTOMATIC, ROLLBACK, SET_AUTOMATIC, SURVEY};
use async_trait::async_trait;
use deployment::Deployments;
use progress::{newest, progress};
use reqwest::Client;
use rollback_domain::{
    platform::{About, DryRun, Effects, Holds, Order, Progress, ProviderError, Receipt, Timing},
    release::{Pin, Release, Surface, Survey, Way},
};
use serde_json::{Value, json};
pub use settings::{KIND, RailwaySettings, TokenKind};
use std::fmt;

/// How many deployments are read at once.
const LISTED: u32 = 100;

/// One service on Railway.
#[derive(Clone)]
pub struct Railway {
    rest: Rest,
    settings: RailwaySettings,
}

impl fmt::Debug for Railway {
    /// The settings print no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Railway").field(&self.settings).finish()
    }
}

impl Railway {
    /// A service that is asked with this client, which should follow no redirects. Nothing is
    /// asked yet.
    pub fn new(http: Client, settings: RailwaySettings) -> Self {
        let token = settings.token.clone();
        let (api, access) = match settings.token_kind {
            TokenKind::Project => (&API, Access::Header("Project-Access-Token", token)),
            TokenKind::Account => (&API_OF_AN_ACCOUNT, Access::Bearer(token)),
        };
        let rest = Rest::new(http, api, settings.api_url.clone(), access);
        Self { rest, settings }
    }

    /// The deployments, and which of them serves.
    async fn deployments(&self) -> Result<Deployments, ProviderError> {
        let RailwaySettings {
            project,
            environment,
            service,
            ..
        } = &self.settings;
        let variables = json!({
            "input": {
                "projectId": project,
                "environmentId": environment,
                "serviceId": service,
                // A removed one can be gone back to.
                "includeDeleted": true,
            },
            "first": LISTED,
            "environment": environment,
            "service": service,
        });
        let what = format!("the service {service}");
        let answer = self.read(&what, SURVEY, &variables).await?;
        Deployments::of(&answer).ok_or_else(|| ProviderError::Busy {
            why: "Railway's answer about the service has no deployments. If this stays, check api_url in the configuration.".into(),
            retry_after: None,
        })
    }

    /// Whether automatic deploys are held off; a token that may not read it does not know.
    async fn pin_state(&self) -> Result<Pin, ProviderError> {
        let variables = json!({
            "project": self.settings.project,
            "environment": self.settings.environment,
            "service": self.settings.service,
        });
        let what = "whether automatic deploys are on";
        let answer = match self.read(what, AUTOMATIC, &variables).await {
            Ok(answer) => answer,
            Err(ProviderError::Refused(_)) => return Ok(Pin::Unknown),
            Err(error) => return Err(error),
        };
        let state = &answer["serviceInstanceAutoDeployStatus"];
        Ok(match state.get("enabled").and_then(Value::as_bool) {
            Some(true) => Pin::Off,
            Some(false) if flag(state, "canEnable") => Pin::On,
            // There is no repository that could deploy by itself.
            Some(false) => Pin::NotNeeded,
            None => Pin::Unknown,
        })
    }

    /// Switches automatic deploys, so that they are `to`; gives what was read back, as a clause.
    async fn set_automatic(&self, to: Pin) -> Result<String, ProviderError> {
        let look = "the settings of the service on railway.com".to_owned();
        let setting = Setting::automatic_deploys(to, look);
        if self.pin_state().await? == to {
            return Ok(setting.already());
        }
        let input = json!({ "input": {
            "enabled": to != Pin::On,
            "projectId": self.settings.project,
            "environmentId": self.settings.environment,
            "serviceId": self.settings.service,
        }});
        let answered = match self.send(SET_AUTOMATIC, &input).await {
            Ok(answer) => answer.set(&setting)?,
            Err(lost) => self.rest.not_set(&lost)?,
        };
        let now = self.pin_state().await.map(|now| now == to);
        self.rest.read_back(&setting, &answered, now)
    }
}

/// What going this way does, with automatic deploys set like this.
fn effects(way: Way, pin: Pin) -> Effects {
    // The same while they are held off by us: an approval is for what is said here.
    let (holds, after) = match (way, pin) {
        (Way::Forward, _) | (Way::Back, Pin::NotNeeded) => (Holds::Not, None),
        (Way::Back, Pin::On | Pin::Off | Pin::Unknown) => (
            Holds::OnRequest,
            Some("automatic deploys are OFF until unpinned"),
        ),
    };
    Effects {
        platform: "Railway".into(),
        restores: vec!["image".into(), "the service's variables of then".into()],
        leaves: vec![
            "database".into(),
            "volumes".into(),
            "domains".into(),
            "other services".into(),
        ],
        after: after.map(str::to_owned),
        holds,
        undoable: true,
        class: KIND.class,
        timing: Timing::default(),
        outage: None,
    }
}

#[async_trait]
impl Provider for Railway {
    /// The image of an earlier deployment comes with its variables. Going forward again is the
    /// same call.
    fn effects(&self, way: Way) -> Effects {
        effects(way, Pin::Off)
    }

    async fn survey(&self, _about: &About) -> Result<Survey, ProviderError> {
        let (deployments, pin) = tokio::try_join!(self.deployments(), self.pin_state())?;
        let live = deployments.live();
        Ok(Survey {
            candidates: deployments.candidates(),
            surfaces: vec![Surface {
                name: deployments.surface.clone(),
                live: live.map(|live| deployments.original(&live.id).to_owned()),
            }],
            pin,
            before_pin: json!({ "enabled": pin == Pin::Off }),
            in_flight: deployments
                .under_way()
                .map(|deployment| format!("deployment {} is under way", deployment.id)),
            memory: json!({
                "newest": newest(&deployments),
                "ask": deployments.copies_to_ask_for(),
            }),
            production: Some(format!(
                "railway {} {}",
                self.settings.environment, self.settings.service
            )),
            ..Survey::default()
        })
    }

    /// Reads the target once more: its image is what is approved.
    async fn dry_run(
        &self,
        survey: &Survey,
        to: &Release,
        about: &About,
    ) -> Result<DryRun, ProviderError> {
        let deployments = self.deployments().await?;
        Ok(DryRun {
            content: deployments.digest(to),
            ..DryRun::of(effects(about.way, survey.pin))
        })
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let to = &order.plan.to;
        // What is kept of a release may be a copy of it.
        let id = text(&order.memory["ask"], &to.id).unwrap_or(&to.id);
        match self.send(ROLLBACK, &json!({ "id": id })).await {
            Ok(answer) => judge_rollback(&answer, to.label(), &order.memory),
            Err(lost) => Err(self.rest.unanswered(&lost, CHECKING)),
        }
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        let (deployments, pin) = tokio::try_join!(self.deployments(), self.pin_state())?;
        Ok(progress(order, pin, &deployments))
    }

    async fn pin(&self) -> Result<String, ProviderError> {
        self.set_automatic(Pin::On).await
    }

    async fn unpin(&self, _before: &Value) -> Result<String, ProviderError> {
        self.set_automatic(Pin::Off).await
    }

    async fn check(&self) -> Result<String, ProviderError> {
        let (deployments, pin) = tokio::try_join!(self.deployments(), self.pin_state())?;
        let count = deployments.candidates().len();
        let surface = &deployments.surface;
        Ok(match pin {
            Pin::Unknown => format!(
                "{surface} readable, {count} releases; this token may not read whether automatic deploys are on"
            ),
            Pin::On | Pin::Off | Pin::NotNeeded => format!("{surface} readable, {count} releases"),
        })
    }
}
