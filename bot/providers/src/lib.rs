//! The platforms: what each can serve, what it serves, and how it is asked to go back, or forward
//! again.
//!
//! [`Provider`] is all the rest of the bot knows of a platform. An implementation keeps nothing
//! between calls: what it wants to find again it puts into the rollback (`memory`), because the
//! process that reads back may not be the one that asked.

pub mod registry;
pub mod releases;
pub mod vercel;

use async_trait::async_trait;
use rollback_domain::{
    platform::{Effects, Progress, ProviderError, Receipt},
    release::{Survey, Way},
    rollback::Rollback,
};

/// One service on one platform.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What going this way does here, from what is known of the platform without asking it.
    fn effects(&self, way: Way) -> Effects;

    /// Reads what can be served and what serves now. Changes nothing.
    async fn survey(&self) -> Result<Survey, ProviderError>;

    /// Asks the platform to serve the plan's target, the plan's way. The only call that changes
    /// production; the engine has stored that it is made, and makes it once.
    async fn roll_back(&self, rollback: &Rollback) -> Result<Receipt, ProviderError>;

    /// Reads where a rollback that was asked for stands. Changes nothing.
    async fn observe(&self, rollback: &Rollback) -> Result<Progress, ProviderError>;

    /// Lets automatic deploys go live again. Changes nothing that serves now. Safe to repeat, so
    /// after any trouble but a refusal it may be asked again. Gives what was read back, as a clause.
    async fn unpin(&self) -> Result<String, ProviderError>;

    /// Tries the credentials and settings: what works, as a clause, or what does not.
    async fn check(&self) -> Result<String, ProviderError>;
}
