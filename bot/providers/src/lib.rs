//! The platforms: what each can serve, what it serves, and how it is asked to go back, or forward
//! again.
//!
//! [`Provider`] is all the rest of the bot knows of a platform. An implementation keeps nothing
//! between calls: what it wants to find again it puts into the rollback (`memory`), because the
//! process that reads back may not be the one that asked.

pub mod configured;
mod docker_api;
mod json;
pub mod overview;
pub mod process;
pub mod registry;
mod rest;
mod web_token;

// Every provider, a line each, in the order in which people are told of them.
registry::providers! {
    vercel,
    releases,
    render,
    railway,
    docker,
    swarm,
    kubernetes,
    argocd,
    github,
    command,
    http_api,
}

use async_trait::async_trait;
use jiff::Timestamp;
use rollback_domain::{
    platform::{About, DryRun, Effects, Order, Progress, ProviderError, Receipt},
    release::{Release, Survey, Way},
};
use serde_json::Value;

/// One service on one platform.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What going this way does here: facts of the platform, without asking it.
    fn effects(&self, way: Way) -> Effects;

    /// Reads what can be served and what serves now. Changes nothing.
    async fn survey(&self, about: &About) -> Result<Survey, ProviderError>;

    /// Reads what going to `to` means for this very target: warnings, steps, details, a restore
    /// point, manual tasks. Changes nothing. It is read again before anything is done, and what
    /// it says is a part of what was approved.
    async fn dry_run(
        &self,
        survey: &Survey,
        to: &Release,
        about: &About,
    ) -> Result<DryRun, ProviderError> {
        let _ = (survey, to);
        Ok(DryRun::of(self.effects(about.way)))
    }

    /// Asks the platform for the step `order.step`, in at most a minute: what takes longer is a job
    /// whose handle is in the receipt's memory. The only call that changes what serves; the engine
    /// has stored that it is made, and makes it once. The receipt says whether another step may
    /// follow at once.
    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError>;

    /// Looks where a rollback that was asked for stands, also after a crash in the middle of a
    /// step: whether the next step is safe, people are needed, or it failed and what that left.
    /// Changes nothing.
    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError>;

    /// Holds automatic deploys off, where [`Effects::holds`] says that it has to be asked for.
    /// Changes nothing that serves now. Safe to repeat. Gives what was read back, as a clause.
    async fn pin(&self) -> Result<String, ProviderError> {
        Err(ProviderError::Refused(
            "Automatic deploys cannot be held off from here.".into(),
        ))
    }

    /// Lets automatic deploys go live again, as they were set `before` they were held off
    /// ([`Survey::before_pin`]; null when that is not known). Changes nothing that serves now. Safe
    /// to repeat, so after any error but a refusal it may be asked again. Gives what was read back,
    /// as a clause.
    async fn unpin(&self, before: &Value) -> Result<String, ProviderError>;

    /// Tries the credentials and settings: what works, as a clause, or what does not. Changes
    /// nothing.
    async fn check(&self) -> Result<String, ProviderError>;

    /// Reads when the credentials stop working; `None`: that is not told. Changes nothing.
    async fn credentials_end(&self) -> Result<Option<Timestamp>, ProviderError> {
        Ok(None)
    }
}
