//! Render: the deploys of a service, and going back to the build of an earlier one.
//!
//! Render serves an earlier build again by making a new deploy of it, which is found by its own
//! id. That new deploy is a copy, and the release is still the one that was built first. The API
//! does not hold automatic deploys off when it rolls back, so `autoDeploy` is set before.

mod answers;
mod api;
mod deploy;
mod progress;
mod service;
mod settings;

use crate::Provider;
use answers::{judge_rollback, judge_setting};
use api::{clause, unsent};
use async_trait::async_trait;
use progress::progress;
use reqwest::{Client, Method};
use rollback_domain::{
    platform::{About, DryRun, Effects, Holds, Order, Progress, ProviderError, Receipt, Timing},
    release::{Pin, Release, Surface, Survey, Way},
    risk::{Caution, Risk},
};
use rollback_http::Lost;
use serde_json::{Value, json};
use service::{Service, let_go};
pub use settings::{KIND, RenderSettings};
use std::fmt;

/// One service on Render.
#[derive(Clone)]
pub struct Render {
    http: Client,
    settings: RenderSettings,
}

impl fmt::Debug for Render {
    /// The settings print no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Render").field(&self.settings).finish()
    }
}

impl Render {
    /// A service that is asked with this client, which should follow no redirects. Nothing is
    /// asked yet.
    pub fn new(http: Client, settings: RenderSettings) -> Self {
        Self { http, settings }
    }

    /// Why nothing was `done` that was asked for: there was no connection.
    fn not_reached(&self, done: &str, lost: &Lost) -> ProviderError {
        ProviderError::Busy {
            why: format!(
                "Render was not reached, so nothing was {done}: {}. It is tried again; if this stays, check the bot's way to {}.",
                clause(lost),
                self.settings.api_url.host_str().unwrap_or("the API")
            ),
            retry_after: None,
        }
    }

    /// Sets automatic deploys with this change, so that they are `to`; gives what was read back,
    /// as a clause.
    async fn set_automatic(&self, to: Pin, change: &Value) -> Result<String, ProviderError> {
        let (wish, done) = match to {
            Pin::On => (
                "hold automatic deploys off",
                "automatic deploys are held off",
            ),
            Pin::Off | Pin::NotNeeded | Pin::Unknown => (
                "let automatic deploys go live",
                "automatic deploys go live again",
            ),
        };
        let before = self.service().await?;
        if before.pin == to {
            return Ok(format!("{done} already (read back), nothing was changed"));
        }
        let set = self.change(Method::PATCH, &[], change).await;
        // What was answered may be less than what was done: what is read back counts.
        let answered = match set {
            Ok(answer) if answer.is_success() => "took it".to_owned(),
            Ok(answer) if answer.broke_off() => format!("broke off ({})", answer.quoted()),
            Ok(answer) => return Err(judge_setting(&before.name, &answer)),
            Err(Lost::Unsent) => return Err(unsent()),
            Err(lost @ Lost::Unreachable { .. }) => return Err(self.not_reached("changed", &lost)),
            Err(lost @ Lost::Silent(_)) => format!("gave no answer ({})", clause(&lost)),
        };
        match self.service().await {
            Ok(now) if now.pin == to => Ok(format!("{done} (read back)")),
            Ok(_) => Err(ProviderError::Busy {
                why: format!(
                    "Render was asked to {wish}, {answered}, and does not show it. It is asked again; if this stays, look at the settings of {} on dashboard.render.com.",
                    before.name
                ),
                retry_after: None,
            }),
            Err(error) => Err(ProviderError::Unanswered(format!(
                "Render was asked to {wish} and {answered}. It was not read back: {error}"
            ))),
        }
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
        platform: "Render".into(),
        restores: vec![
            "build".into(),
            "start command".into(),
            "instance count".into(),
            "the service's own env of then".into(),
        ],
        leaves: vec![
            "database".into(),
            "disks".into(),
            "env groups".into(),
            "domains".into(),
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
impl Provider for Render {
    /// The build of an earlier deploy comes with the settings that were deployed with it. Going
    /// forward again is the same call.
    fn effects(&self, way: Way) -> Effects {
        effects(way, Pin::Off)
    }

    async fn survey(&self, _about: &About) -> Result<Survey, ProviderError> {
        let (service, deploys) = tokio::try_join!(self.service(), self.deploys())?;
        let mut candidates = deploys.candidates();
        if let Some(why) = &service.suspended {
            for candidate in &mut candidates {
                let why = format!("{why}; resume it on dashboard.render.com first");
                candidate.barred = Some(why.clone());
                candidate.barred_forward = Some(why);
            }
        }
        let live = deploys.live().map(|live| deploys.original(&live.id));
        let newest = deploys.all.iter().filter_map(|deploy| deploy.created).max();
        Ok(Survey {
            candidates,
            surfaces: vec![Surface {
                name: service.surface,
                live: live.map(str::to_owned),
            }],
            pin: service.pin,
            before_pin: service.automatic,
            in_flight: deploys
                .under_way()
                .map(|deploy| format!("deploy {} is under way", deploy.id)),
            memory: json!({ "newest": newest }),
            production: Some(format!("render {}", service.id)),
            ..Survey::default()
        })
    }

    /// Reads the target once more: an image is known by its digest, and a tag is pulled again.
    async fn dry_run(
        &self,
        survey: &Survey,
        to: &Release,
        about: &About,
    ) -> Result<DryRun, ProviderError> {
        let Some(deploy) = self.deploy(&to.id).await? else {
            return Err(ProviderError::Refused(format!(
                "Render no longer has the deploy {}. Choose another release.",
                to.label()
            )));
        };
        let tag = deploy.image.as_deref().filter(|image| !image.contains('@'));
        let warning = tag.map(|image| Caution::Platform {
            name: "image_tag".into(),
            text: format!("Render pulls {image} again, which may be another image by now"),
            class: Risk::Caution,
        });
        Ok(DryRun {
            warnings: warning.into_iter().collect(),
            content: deploy.content,
            ..DryRun::of(effects(about.way, survey.pin))
        })
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let to = &order.plan.to;
        let body = json!({ "deployId": to.id });
        match self.change(Method::POST, &["rollback"], &body).await {
            Ok(answer) => judge_rollback(&answer, to.label(), &order.memory),
            Err(Lost::Unsent) => Err(unsent()),
            Err(lost @ Lost::Unreachable { .. }) => Err(self.not_reached("asked", &lost)),
            Err(lost @ Lost::Silent(_)) => Err(ProviderError::Unanswered(format!(
                "Render was asked and gave no answer: {}. I'm checking its deploys and won't send the request again.",
                clause(&lost)
            ))),
        }
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        let (service, deploys) = tokio::try_join!(self.service(), self.deploys())?;
        Ok(progress(order, &service, &deploys))
    }

    async fn pin(&self) -> Result<String, ProviderError> {
        let change = json!({ "autoDeploy": "no" });
        self.set_automatic(Pin::On, &change).await
    }

    async fn unpin(&self, before: &Value) -> Result<String, ProviderError> {
        self.set_automatic(Pin::Off, &let_go(before)).await
    }

    async fn check(&self) -> Result<String, ProviderError> {
        let (service, deploys) = tokio::try_join!(self.service(), self.deploys())?;
        let Service { name, id, .. } = &service;
        let readable = format!("service {name} ({id}) readable");
        Ok(match (&service.suspended, deploys.live()) {
            (Some(why), _) => format!("{readable}, but nothing can be rolled back: {why}"),
            (None, None) => format!("{readable}, no deploy of it is live"),
            (None, Some(_)) => format!("{readable}, {} releases", deploys.candidates().len()),
        })
    }
}
