//! Containers of a Docker engine: a rollback recreates one on an image that it ran before.
//!
//! The new container is made beside the old one, of what the engine shows of the old one, and
//! compared with it while the old one still serves. Then the old one is stopped and renamed, and
//! the new one gets its name and is started. Until the new one is up, everything can be put back:
//! the old container is whole, only stopped. Where it stands is read from the names and the labels
//! of both (`stage.rs`), so a step that was cut off is seen, and may be asked for again.

mod container;
mod engine;
mod images;
mod pull;
mod recreate;
mod recreation;
mod settings;
mod stage;
mod steps;
mod survey;

use crate::Provider;
use async_trait::async_trait;
use engine::Engine;
use pull::Pulls;
use rollback_domain::{
    platform::{About, DryRun, Effects, Holds, Order, Progress, ProviderError, Receipt, Timing},
    release::{Pin, Release, Survey, Way},
};
use serde_json::Value;
pub use settings::{DockerSettings, KIND};
use steps::{Steps, Wanted};

/// One container.
#[derive(Clone, Debug)]
pub struct Docker {
    settings: DockerSettings,
    engine: Engine,
    pulls: Pulls,
}

impl Docker {
    /// A container of the engine that the settings name. Nothing is asked yet.
    pub fn new(settings: DockerSettings) -> Self {
        Self {
            engine: Engine::new(&settings),
            settings,
            pulls: Pulls::default(),
        }
    }
}

#[async_trait]
impl Provider for Docker {
    /// Both ways the same: the container is recreated on another image.
    fn effects(&self, _way: Way) -> Effects {
        Effects {
            platform: "Docker".into(),
            restores: vec![
                "the image".into(),
                "the command and environment built into it".into(),
            ],
            leaves: vec![
                "database".into(),
                "volumes".into(),
                "the container's own environment, mounts, networks and ports".into(),
            ],
            after: Some("the next deploy replaces the container".into()),
            holds: Holds::Not,
            undoable: true,
            class: KIND.class,
            timing: Timing::default(),
            outage: Some("requests fail for seconds while the container is replaced".into()),
        }
    }

    async fn survey(&self, about: &About) -> Result<Survey, ProviderError> {
        let session = self.engine.open().await?;
        let found = self.find(&session).await?;
        Ok(self.read(&session, &found, about).await?)
    }

    async fn dry_run(
        &self,
        survey: &Survey,
        to: &Release,
        about: &About,
    ) -> Result<DryRun, ProviderError> {
        let session = self.engine.open().await?;
        let container = self.find(&session).await?.container;
        survey::check_replaceable(&container)?;
        let wanted = Wanted::read(&survey.memory)?;
        let pulled = wanted.pulls.get(&to.id);
        let steps = Steps::new(pulled.is_some(), container.is_of_compose());
        let mut details = vec![];
        if let Some(pulled) = pulled {
            details.push(format!(
                "its image is not on this engine any more: {pulled} is pulled"
            ));
        }
        if self.image(&session, container.image()).await?.is_none() {
            details
                .push("the image that runs was removed: its command and environment stay".into());
        }
        Ok(DryRun {
            steps: steps.names(&wanted.name),
            details,
            ..DryRun::of(self.effects(about.way))
        })
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let wanted = Wanted::read(&order.memory)?;
        let session = self.engine.open().await;
        let session = session.map_err(engine::Unread::before_a_change)?;
        self.recreation(&session, order, wanted)
            .await
            .map_err(engine::Unread::before_a_change)?
            .act()
            .await
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        let wanted = Wanted::read(&order.memory)?;
        let session = self.engine.open().await?;
        let recreation = self.recreation(&session, order, wanted).await?;
        recreation.progress().await
    }

    async fn unpin(&self, _before: &Value) -> Result<String, ProviderError> {
        Err(ProviderError::Refused(
            "Docker: nothing is pinned, an engine holds no deploys off. The next deploy replaces the container as it always does.".into(),
        ))
    }

    async fn check(&self) -> Result<String, ProviderError> {
        let session = self.engine.open().await?;
        let found = self.find(&session).await?;
        survey::check_replaceable(&found.container)?;
        let survey = self.read(&session, &found, &About::default()).await?;
        let live = survey.live();
        Ok(format!(
            "container {} of Docker {} is {} and has {}, {} images can be gone to",
            found.name,
            session.release,
            found.container.state(),
            live.as_ref().map_or("no image", Release::label),
            survey.candidates.len()
        ))
    }
}

/// Nothing holds deploys off here.
const PIN: Pin = Pin::NotNeeded;
