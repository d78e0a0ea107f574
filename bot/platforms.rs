//! Every call to a platform, timed and counted, in one place.

use crate::metrics::Metrics;
use async_trait::async_trait;
use rollback_domain::{
    platform::{Effects, Progress, ProviderError, Receipt},
    release::{Survey, Way},
    rollback::Rollback,
};
use rollback_providers::Provider;
use std::{sync::Arc, time::Instant};
use tracing::Instrument;

/// A provider whose calls are counted.
pub struct Timed {
    of: Arc<dyn Provider>,
    platform: String,
    metrics: Metrics,
}

impl Timed {
    /// Counts the calls to `of`.
    pub fn new(of: Arc<dyn Provider>, metrics: Metrics) -> Self {
        Self {
            platform: of.effects(Way::Back).platform,
            of,
            metrics,
        }
    }

    async fn time<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let span = tracing::info_span!("platform", platform = self.platform, operation);
        let began = Instant::now();
        let answer = call.instrument(span).await;
        let took = began.elapsed();
        self.metrics
            .platform(&self.platform, operation, &answer, took);
        answer
    }
}

#[async_trait]
impl Provider for Timed {
    fn effects(&self, way: Way) -> Effects {
        self.of.effects(way)
    }

    async fn survey(&self) -> Result<Survey, ProviderError> {
        self.time("survey", self.of.survey()).await
    }

    async fn roll_back(&self, rollback: &Rollback) -> Result<Receipt, ProviderError> {
        self.time("roll_back", self.of.roll_back(rollback)).await
    }

    async fn observe(&self, rollback: &Rollback) -> Result<Progress, ProviderError> {
        self.time("observe", self.of.observe(rollback)).await
    }

    async fn unpin(&self) -> Result<String, ProviderError> {
        self.time("unpin", self.of.unpin()).await
    }

    async fn check(&self) -> Result<String, ProviderError> {
        self.of.check().await
    }
}
