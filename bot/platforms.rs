//! Every call to a platform, timed and counted, in one place; and no release keeps a version that
//! is another one's id.

use crate::metrics::Metrics;
use async_trait::async_trait;
use jiff::Timestamp;
use rollback_domain::{
    platform::{About, DryRun, Effects, Order, Progress, ProviderError, Receipt},
    release::{Release, Survey, Way},
};
use rollback_providers::Provider;
use serde_json::Value;
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

    async fn survey(&self, about: &About) -> Result<Survey, ProviderError> {
        let survey = self.time("survey", self.of.survey(about)).await?;
        Ok(survey.without_borrowed_names())
    }

    async fn dry_run(
        &self,
        survey: &Survey,
        to: &Release,
        about: &About,
    ) -> Result<DryRun, ProviderError> {
        self.time("dry_run", self.of.dry_run(survey, to, about))
            .await
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        self.time("roll_back", self.of.act(order)).await
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        self.time("observe", self.of.observe(order)).await
    }

    async fn pin(&self) -> Result<String, ProviderError> {
        self.time("pin", self.of.pin()).await
    }

    async fn unpin(&self, before: &Value) -> Result<String, ProviderError> {
        self.time("unpin", self.of.unpin(before)).await
    }

    async fn check(&self) -> Result<String, ProviderError> {
        self.of.check().await
    }

    async fn credentials_end(&self) -> Result<Option<Timestamp>, ProviderError> {
        self.of.credentials_end().await
    }
}
