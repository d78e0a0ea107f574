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

use crate::{
    Provider,
    rest::{Access, Rest, Setting},
};
use answers::{CHECKING, judge_rollback};
use api::API;
use async_trait::async_trait;
use progress::progress;
use reqwest::{Client, Method};
use rollback_domain::{
    platform::{About, DryRun, Effects, Holds, Order, Progress, ProviderError, Receipt, Timing},
    release::{Pin, Release, Surface, Survey, Way},
    risk::{Caution, Risk},
};
use serde_json::{Value, json};
use service::{Service, let_go};
pub use settings::{KIND, RenderSettings};
use std::fmt;

/// One service on Render.
#[derive(Clone)]
pub struct Render {
    rest: Rest,
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
        let access = Access::Bearer(settings.token.clone());
        let rest = Rest::new(http, &API, settings.api_url.clone(), access);
        Self { rest, settings }
    }

    /// Sets automatic deploys with this change, so that they are `to`; gives what was read back,
    /// as a clause.
    async fn set_automatic(&self, to: Pin, change: &Value) -> Result<String, ProviderError> {
        let before = self.service().await?;
        let look = format!("the settings of {} on dashboard.render.com", before.name);
        let setting = Setting::automatic_deploys(to, look);
        if before.pin == to {
            return Ok(setting.already());
        }
        let answered = self.rest.set(&setting, &self.path(&[]), change).await?;
        let now = self.service().await.map(|now| now.pin == to);
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
        let path = self.path(&["rollback"]);
        match self.rest.change(Method::POST, &path, &[], &body).await {
            Ok(answer) => judge_rollback(&answer, to.label(), &order.memory),
            Err(lost) => Err(self.rest.unanswered(&lost, CHECKING)),
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
