//! Spans for a collector (OTLP over HTTP, protobuf). One rollback is one trace.
//!
//! Its work crosses processes as rows, so what its spans have in common is not carried along but
//! derived: every replica makes the same trace id of the bot's address and the rollback's number.
//! The span that holds the others, from the command to the end, is made when the rollback ends.

use async_trait::async_trait;
use opentelemetry::{
    Context, KeyValue, global,
    trace::{
        Event, Span as _, SpanBuilder, SpanContext, SpanId, Status, TraceContextExt, TraceFlags,
        TraceId, TraceState, Tracer, TracerProvider,
    },
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{IdGenerator, RandomIdGenerator, SdkTracer, SdkTracerProvider},
};
use rollback_domain::identity::RollbackId;
use rollback_domain::rollback::{Rollback, State};
use sha2::{Digest, Sha256};
use std::{cell::Cell, sync::OnceLock, time::Duration};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::registry::LookupSpan;

/// Who tells. The collector can sort by it.
const NAME: &str = "rollback-bot";
/// How long one delivery may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is read of a collector, in bytes.
const ANSWER_AT_MOST: usize = 1 << 20;

static HERE: OnceLock<String> = OnceLock::new();

/// The address that all replicas of this bot have; the first one counts.
pub fn set_instance(address: &str) {
    let _ = HERE.set(address.to_owned());
}

/// The trace of a rollback, and the span in it that holds the others.
pub fn ids(address: &str, rollback: RollbackId) -> (TraceId, SpanId) {
    let hash = Sha256::digest(format!("{address} {rollback}"));
    let (mut trace, mut span) = ([0; 16], [0; 8]);
    trace.copy_from_slice(&hash[..16]);
    span.copy_from_slice(&hash[16..24]);
    (TraceId::from_bytes(trace), SpanId::from_bytes(span))
}

/// The same for a rollback of this bot.
pub fn ids_here(rollback: RollbackId) -> (TraceId, SpanId) {
    ids(HERE.get().map_or("", String::as_str), rollback)
}

/// Spans on their way to the collector.
#[derive(Debug)]
pub struct Shipping(Option<SdkTracerProvider>);

impl Shipping {
    /// Sends what is left. Gives up after five seconds: a collector that is away does not keep the
    /// process from ending.
    pub async fn close(self) {
        let Some(provider) = self.0 else {
            return;
        };
        // It waits on its thread for ours, on which the deliveries run.
        let closed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(TIMEOUT));
        if let Ok(Err(error)) = closed.await {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

/// Sends to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) names; to
/// none, if neither is set. Headers, time-outs and sampling follow OpenTelemetry's variables too.
pub fn start_from_env<S>() -> anyhow::Result<(Shipping, Option<OpenTelemetryLayer<S, SdkTracer>>)>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let is_set = |name| std::env::var(name).is_ok_and(|value| !value.trim().is_empty());
    if !is_set("OTEL_EXPORTER_OTLP_ENDPOINT") && !is_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
        return Ok((Shipping(None), None));
    }
    let (shipping, layer) = start(None)?;
    Ok((shipping, Some(layer)))
}

/// Sends to `endpoint` (`http://collector:4318/v1/traces`), or to what the environment says.
pub fn start<S>(
    endpoint: Option<&str>,
) -> anyhow::Result<(Shipping, OpenTelemetryLayer<S, SdkTracer>)>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let client = Client {
        http: crate::http_client()?,
        on: tokio::runtime::Handle::current(),
    };
    let mut exporter = SpanExporter::builder().with_http().with_http_client(client);
    if let Some(endpoint) = endpoint {
        exporter = exporter.with_endpoint(endpoint);
    }
    let mut resource = Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name(NAME);
    }
    let provider = SdkTracerProvider::builder()
        .with_id_generator(Ids::default())
        .with_resource(resource.build())
        .with_batch_exporter(exporter.build()?)
        .build();
    global::set_tracer_provider(provider.clone());
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(NAME))
        .with_location(false)
        .with_threads(false)
        // Begun when it ends, so that what is learnt on the way still says where it belongs.
        .with_context_activation(false);
    Ok((Shipping(Some(provider)), layer))
}

/// Our HTTP client, from threads that are none of tokio's.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    on: tokio::runtime::Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let http = self.http.clone();
        let sent = self.on.spawn(async move {
            let request = reqwest::RequestBuilder::from_parts(http, request);
            let answer = rollback_http::send(request, TIMEOUT).await?;
            let status = answer.status();
            let mut response = Response::new(Bytes::from(answer.body(ANSWER_AT_MOST).await?));
            *response.status_mut() = status;
            Ok::<_, HttpError>(response)
        });
        Ok(sent.await??)
    }
}

thread_local! {
    /// What the next span that is made on this thread is to be called, if that is settled.
    static NEXT: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Random ids, but for the span that holds the others.
#[derive(Debug, Default)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        match NEXT.get() {
            Some((trace, _)) => trace,
            None => self.0.new_trace_id(),
        }
    }

    fn new_span_id(&self) -> SpanId {
        match NEXT.get() {
            Some((_, span)) => span,
            None => self.0.new_span_id(),
        }
    }
}

/// Puts a span into the trace of a rollback.
pub fn belongs(span: &Span, rollback: RollbackId) {
    if span.is_disabled() {
        return;
    }
    let (trace, whole) = ids_here(rollback);
    let parent = SpanContext::new(
        trace,
        whole,
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    // Without a collector there is nothing to put it into.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent));
}

/// Makes the span of a rollback that has ended, with what happened in it and when.
pub fn whole(rollback: &Rollback) {
    let times = &rollback.times;
    let (Some(began), Some(ended)) = (times.commanded, times.ended) else {
        return;
    };
    let happened = [
        ("proposed", times.proposed),
        ("approved", times.approved),
        ("asked", times.asked),
        ("accepted", times.accepted),
        ("serving", times.serving),
        ("proven", times.proven),
    ];
    let events = happened
        .into_iter()
        .filter_map(|(name, at)| Some(Event::new(name, at?.into(), vec![], 0)));
    let builder = SpanBuilder::from_name("rollback")
        .with_start_time(began)
        .with_events(events.collect())
        .with_attributes([
            KeyValue::new("rollback", rollback.id.to_string()),
            KeyValue::new("incident", rollback.incident.to_string()),
            KeyValue::new("service", rollback.service.name.clone()),
            KeyValue::new("environment", rollback.service.environment.clone()),
            KeyValue::new("state", rollback.state.name()),
            KeyValue::new("outcome", rollback.word()),
        ]);
    let tracer = global::tracer(NAME);
    NEXT.set(Some(ids_here(rollback.id)));
    let mut span = tracer.build_with_context(builder, &Context::new());
    NEXT.set(None);
    if matches!(rollback.state, State::Failed { .. } | State::Partial { .. }) {
        span.set_status(Status::error(rollback.state.name()));
    }
    span.end_with_timestamp(ended.into());
}
