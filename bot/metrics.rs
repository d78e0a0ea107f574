//! What is counted, for Prometheus.

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The counters, shared.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    answers: Family<Verb, Histogram, fn() -> Histogram>,
    unheard: Counter,
    steps: Family<Did, Counter>,
    platform: Family<Did, Counter>,
    slack: Family<Did, Counter>,
    pages: Family<Did, Counter>,
    glass: Family<Period, Gauge>,
    reviews: Gauge,
    worker_stopped: Arc<AtomicBool>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Verb {
    verb: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Period {
    days: String,
}

/// How often something was run without an approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GlassCount {
    /// In the last thirty days.
    pub lately: i64,
    /// In the thirty days before them.
    pub before: i64,
    /// Reviews that are still to be answered.
    pub open: i64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Did {
    what: String,
    ok: String,
}

impl Did {
    fn new(what: &str, ok: bool) -> Self {
        Self {
            what: what.to_owned(),
            ok: ok.to_string(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("rollback_bot");
        let buckets: fn() -> Histogram = || {
            Histogram::new([
                0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
            ])
        };
        let answers = Family::new_with_constructor(buckets);
        let (unheard, steps, platform, slack, pages) = (
            Counter::default(),
            Family::default(),
            Family::default(),
            Family::default(),
            Family::default(),
        );
        let (glass, reviews) = (Family::default(), Gauge::default());
        registry.register(
            "pages",
            "Events sent to PagerDuty, by outcome",
            Family::clone(&pages),
        );
        registry.register(
            "break_glass",
            "Rollbacks that were run without an approval, by how many days ago",
            Family::clone(&glass),
        );
        registry.register(
            "break_glass_reviews_open",
            "Reviews of broken glasses that nobody has answered yet",
            reviews.clone(),
        );
        registry.register(
            "answer_seconds",
            "Time to answer a command, by verb",
            answers.clone(),
        );
        registry.register(
            "unheard_requests",
            "Requests refused for their signature, time or size",
            unheard.clone(),
        );
        registry.register("steps", "Steps done, by kind and outcome", steps.clone());
        registry.register(
            "platform_rollbacks",
            "Rollbacks asked of platforms, by platform and outcome",
            platform.clone(),
        );
        registry.register(
            "slack_calls",
            "Messages sent to Slack, by method and outcome",
            slack.clone(),
        );
        Self {
            registry: Arc::new(registry),
            answers,
            unheard,
            steps,
            platform,
            slack,
            pages,
            glass,
            reviews,
            worker_stopped: Arc::default(),
        }
    }
}

impl Metrics {
    /// A command was answered.
    pub fn answered(&self, verb: &str, took: Duration) {
        self.answers
            .get_or_create(&Verb {
                verb: verb.to_owned(),
            })
            .observe(took.as_secs_f64());
    }
    /// A request was not listened to.
    pub fn unheard(&self) {
        self.unheard.inc();
    }
    /// A step was done.
    pub fn step(&self, kind: &str, ok: bool) {
        self.steps.get_or_create(&Did::new(kind, ok)).inc();
    }
    /// A platform was asked to roll back.
    pub fn asked(&self, platform: &str, ok: bool) {
        self.platform.get_or_create(&Did::new(platform, ok)).inc();
    }
    /// Slack was sent something.
    pub fn slack(&self, method: &str, ok: bool) {
        self.slack.get_or_create(&Did::new(method, ok)).inc();
    }
    /// PagerDuty was told something.
    pub fn paged(&self, ok: bool) {
        self.pages.get_or_create(&Did::new("page", ok)).inc();
    }

    /// How often the glass was broken in the last thirty days and in the thirty before them, and
    /// how many reviews are still to be answered.
    pub fn glass(&self, glass: GlassCount) {
        let of = |period: &str| {
            self.glass.get_or_create(&Period {
                days: period.to_owned(),
            })
        };
        of("0-30").set(glass.lately);
        of("30-60").set(glass.before);
        self.reviews.set(glass.open);
    }

    /// The worker has ended.
    pub fn worker_stopped(&self) {
        self.worker_stopped.store(true, Ordering::Relaxed);
    }
    /// Whether the worker goes on.
    pub fn worker_lives(&self) -> bool {
        !self.worker_stopped.load(Ordering::Relaxed)
    }
    /// Everything, as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}
