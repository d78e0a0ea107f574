//! What is counted, for Prometheus.
//!
//! What happens is counted where it happens. What is waiting is read from the record when somebody
//! asks, at most once a second; while the record does not answer, nothing is claimed about it.

use crate::{
    engine::{Engine, Error},
    store::{
        Db,
        overview::{EmergencyRuns, Overview},
    },
};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use rollback_domain::{
    identity::ServiceKey,
    job::Job,
    platform::ProviderError,
    readiness::{Level, ServiceFacts},
    rollback::{State, StateKind},
};
use std::{
    sync::{
        Arc, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Mutex;

/// What was stored by a clock that was ahead: the clock itself when it was set, a budget of calls,
/// when a job is due, a moment of a rollback.
const MOMENTS: [&str; 4] = ["clock", "pace", "job", "rollback"];

/// What became of an alert that was sent here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertOutcome {
    /// It fires.
    Firing,
    /// It has ended.
    Resolved,
    /// It is about no service that is known, and no channel is there for it.
    Unmapped,
    /// The request was not proven, too old, too large, or not readable.
    Refused,
}

impl AlertOutcome {
    fn name(self) -> &'static str {
        match self {
            AlertOutcome::Firing => "firing",
            AlertOutcome::Resolved => "resolved",
            AlertOutcome::Unmapped => "unmapped",
            AlertOutcome::Refused => "refused",
        }
    }
}

/// How a connection of Socket Mode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketEnd {
    /// It never was one.
    NotOpened,
    /// It was replaced by another one, as Slack asked.
    Replaced,
    /// It broke, or Slack closed it without asking for another one first.
    Broken,
    /// The bot was told to stop.
    Stopped,
}

impl SocketEnd {
    const ALL: [SocketEnd; 4] = [
        SocketEnd::NotOpened,
        SocketEnd::Replaced,
        SocketEnd::Broken,
        SocketEnd::Stopped,
    ];

    fn name(self) -> &'static str {
        match self {
            SocketEnd::NotOpened => "not_opened",
            SocketEnd::Replaced => "replaced",
            SocketEnd::Broken => "broken",
            SocketEnd::Stopped => "stopped",
        }
    }
}

type Timed<L> = Family<L, Histogram, fn() -> Histogram>;

/// The counters, shared.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    answers: Timed<Answered>,
    rejected: Counter,
    too_much: Family<Whose, Counter>,
    jobs: Family<Done, Counter>,
    leases_lost: Family<Kind, Counter>,
    moments_corrected: Family<Kind, Counter>,
    errors: Family<Cause, Counter>,
    platforms: Timed<Called>,
    slack: Timed<Method>,
    slack_waits: Counter<f64, AtomicU64>,
    slack_pacing: Family<Paced, Counter>,
    pages: Family<Outcome, Counter>,
    alerts: Family<Sent, Counter>,
    worker: Gauge,
    worker_stopped: Arc<AtomicBool>,
    socket: Socket,
    inputs: Gauge,
    connections: Family<Pool, Gauge>,
    idle: Family<Pool, Gauge>,
    record: Record,
    /// When the record was asked last.
    asked: Arc<Mutex<Option<Timestamp>>>,
}

/// Connections of Socket Mode; nothing is counted where Slack sends requests.
#[derive(Clone, Default)]
struct Socket {
    open: Family<Alone, Gauge>,
    ended: Family<Cause, Counter>,
    /// Why none is open, as a clause, while none is.
    why_not: Arc<std::sync::Mutex<Option<String>>>,
}

/// What is read from the record.
#[derive(Clone, Default)]
struct Record {
    up: Gauge,
    waiting: Family<Kind, Gauge>,
    overdue: Family<Kind, Gauge>,
    failing: Family<Kind, Gauge>,
    open: Family<InState, Gauge>,
    unknown_age: Family<Alone, Gauge<f64, AtomicU64>>,
    break_glass: Family<Period, Gauge>,
    reviews: Family<Alone, Gauge>,
    readiness: Family<OfLine, Gauge>,
    readiness_read: Family<OfService, Gauge>,
}

/// What is read from the record when somebody asks for metrics.
#[derive(Debug, Default)]
pub struct Recorded {
    /// What there is to do.
    pub overview: Overview,
    /// How often rollbacks were run without an approval.
    pub emergency_runs: EmergencyRuns,
    /// What was last read of every service that is configured.
    pub readiness: Vec<ServiceFacts>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    input: &'static str,
    verb: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Done {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Cause {
    cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Called {
    platform: String,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Method {
    method: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Paced {
    method: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Whose {
    whose: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Sent {
    sender: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InState {
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfService {
    service: String,
    environment: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfLine {
    service: String,
    environment: String,
    line: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Pool {
    pool: &'static str,
}

/// No label: a value that can be absent all the same.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Alone {}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Period {
    days: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Build {
    version: &'static str,
    database: &'static str,
}

/// How long the record is not asked again after it was asked.
const ASK_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// For what Slack waits three seconds for.
fn answering() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0,
    ])
}

/// For what is asked over the network.
fn calling() -> Histogram {
    Histogram::new([
        0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    ])
}

const OUTCOMES: [&str; 2] = ["done", "failed"];

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("rollback_bot");
        let metrics = Self {
            registry: Arc::default(),
            answers: Family::new_with_constructor(answering),
            rejected: Counter::default(),
            jobs: Family::default(),
            leases_lost: Family::default(),
            moments_corrected: Family::default(),
            errors: Family::default(),
            platforms: Family::new_with_constructor(calling),
            slack: Family::new_with_constructor(calling),
            slack_waits: Counter::default(),
            slack_pacing: Family::default(),
            too_much: Family::default(),
            pages: Family::default(),
            alerts: Family::default(),
            worker: Gauge::default(),
            worker_stopped: Arc::default(),
            socket: Socket::default(),
            inputs: Gauge::default(),
            connections: Family::default(),
            idle: Family::default(),
            record: Record::default(),
            asked: Arc::default(),
        };
        metrics.register(&mut registry);
        // What is rare begins at nothing: a first one that appears as 1 has not increased.
        for &kind in Job::KINDS {
            for outcome in OUTCOMES {
                drop(metrics.jobs.get_or_create(&Done { kind, outcome }));
            }
            let kind = kind.to_owned();
            drop(metrics.leases_lost.get_or_create(&Kind { kind }));
        }
        for kind in MOMENTS {
            let kind = kind.to_owned();
            drop(metrics.moments_corrected.get_or_create(&Kind { kind }));
        }
        for cause in [NO_CONNECTION, DATABASE, OVERLOADED, RACED] {
            drop(metrics.errors.get_or_create(&Cause { cause }));
        }
        for outcome in OUTCOMES {
            drop(metrics.pages.get_or_create(&Outcome { outcome }));
        }
        Self {
            registry: Arc::new(registry),
            ..metrics
        }
    }
}

impl Metrics {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "answer_seconds",
            "Time to answer Slack, by how it came (command, click, form, mention, event), verb and status",
            self.answers.clone(),
        );
        registry.register(
            "unheard_requests",
            "Requests refused for their signature, time or size",
            self.rejected.clone(),
        );
        registry.register(
            "steps",
            "Steps that were done or failed, by kind",
            self.jobs.clone(),
        );
        registry.register(
            "leases_lost",
            "Steps whose lease was lost to another worker while they were being done, by kind",
            self.leases_lost.clone(),
        );
        registry.register(
            "moments_corrected",
            "Stored moments that lay further ahead than they can and were treated as now, by kind",
            self.moments_corrected.clone(),
        );
        registry.register(
            "errors",
            "Inputs and jobs that could not be stored, by cause",
            self.errors.clone(),
        );
        registry.register(
            "provider_call_seconds",
            "Time of calls to platforms, by platform, operation and outcome",
            self.platforms.clone(),
        );
        registry.register(
            "slack_call_seconds",
            "Time of calls to Slack, by method and outcome",
            self.slack.clone(),
        );
        registry.register(
            "slack_wait_seconds",
            "How long Slack asked to wait because of too many calls",
            self.slack_waits.clone(),
        );
        registry.register(
            "too_much",
            "Commands, mentions and clicks not taken because of [limits]",
            Family::clone(&self.too_much),
        );
        registry.register(
            "slack_pacing",
            "Calls to Slack that had to wait for a budget, by method",
            Family::clone(&self.slack_pacing),
        );
        registry.register(
            "pages",
            "Events sent to PagerDuty, by outcome",
            self.pages.clone(),
        );
        registry.register(
            "alerts",
            "Alerts that were received, by sender and by what became of them",
            self.alerts.clone(),
        );
        registry.register(
            "worker_up",
            "Whether the worker goes on",
            self.worker.clone(),
        );
        registry.register(
            "socket_connections",
            "Connections of Socket Mode that are open to Slack",
            self.socket.open.clone(),
        );
        registry.register(
            "socket_connections_ended",
            "Connections of Socket Mode that could not be opened or have ended, by cause",
            self.socket.ended.clone(),
        );
        registry.register(
            "inputs_waiting",
            "Inputs that wait for the next transaction",
            self.inputs.clone(),
        );
        registry.register(
            "database_connections",
            "Connections to the database that are open, by pool",
            self.connections.clone(),
        );
        registry.register(
            "database_connections_idle",
            "Connections to the database that nobody uses, by pool",
            self.idle.clone(),
        );
        self.record.register(registry);
    }

    /// Something from Slack was answered: how it came, what it wanted, what it got.
    pub fn answered(
        &self,
        input: &'static str,
        verb: &'static str,
        status: &'static str,
        took: Duration,
    ) {
        let answered = Answered {
            input,
            verb,
            status,
        };
        self.answers
            .get_or_create(&answered)
            .observe(took.as_secs_f64());
    }

    /// Counts a request that was rejected for its signature, its token, its time or its size.
    pub fn rejected(&self) {
        self.rejected.inc();
    }

    /// Counts an alert of a sender that is configured.
    pub fn alert(&self, sender: &str, outcome: AlertOutcome) {
        let sent = Sent {
            sender: sender.to_owned(),
            outcome: outcome.name(),
        };
        self.alerts.get_or_create(&sent).inc();
    }

    /// Something was not taken, because a `person` or a `channel` sent too much.
    pub fn too_much(&self, whose: &str) {
        let whose = whose.to_owned();
        self.too_much.get_or_create(&Whose { whose }).inc();
    }

    /// A job was done, or was not.
    pub fn job(&self, kind: &'static str, done: &Result<(), Error>) {
        let outcome = match done {
            Ok(()) => "done",
            Err(Error::Fenced) => return self.lease_lost(kind),
            Err(error) => {
                self.failed(error);
                "failed"
            }
        };
        self.jobs.get_or_create(&Done { kind, outcome }).inc();
    }

    /// The lease of a job was lost while it was being done.
    pub fn lease_lost(&self, kind: &'static str) {
        let kind = kind.to_owned();
        self.leases_lost.get_or_create(&Kind { kind }).inc();
    }

    /// A stored moment lay further ahead than its kind can, and was treated as now: one of
    /// `MOMENTS`.
    pub fn moment_corrected(&self, kind: &str) {
        let kind = kind.to_owned();
        self.moments_corrected.get_or_create(&Kind { kind }).inc();
    }

    /// Something could not be stored or read.
    pub fn failed(&self, error: &Error) {
        let cause = match error {
            Error::Database(sqlx::Error::PoolTimedOut) => NO_CONNECTION,
            Error::Database(_) => DATABASE,
            Error::Overloaded => OVERLOADED,
            Error::Raced => RACED,
            // Counted by kind: it is no failure of anything.
            Error::Fenced => return,
        };
        self.errors.get_or_create(&Cause { cause }).inc();
    }

    /// A platform was called.
    pub fn platform<T>(
        &self,
        platform: &str,
        operation: &'static str,
        answer: &Result<T, ProviderError>,
        took: Duration,
    ) {
        let outcome = match answer {
            Ok(_) => "ok",
            Err(ProviderError::Refused(_)) => "refused",
            Err(ProviderError::Busy { .. }) => "busy",
            Err(ProviderError::Unanswered(_)) => "unanswered",
        };
        let called = Called {
            platform: platform.to_owned(),
            operation,
            outcome,
        };
        self.platforms
            .get_or_create(&called)
            .observe(took.as_secs_f64());
    }

    /// Slack was called.
    pub fn slack(&self, method: &'static str, outcome: &'static str, took: Duration) {
        self.slack
            .get_or_create(&Method { method, outcome })
            .observe(took.as_secs_f64());
    }
    /// A call to Slack had to wait for a budget.
    pub fn slack_paced(&self, method: &str) {
        let method = method.to_owned();
        self.slack_pacing.get_or_create(&Paced { method }).inc();
    }

    /// Slack asked to wait.
    pub fn slack_waits(&self, wait: Duration) {
        self.slack_waits.inc_by(wait.as_secs_f64());
    }

    /// PagerDuty was told something.
    pub fn paged(&self, ok: bool) {
        let outcome = if ok { "done" } else { "failed" };
        self.pages.get_or_create(&Outcome { outcome }).inc();
    }

    /// The worker has ended.
    pub fn worker_stopped(&self) {
        self.worker_stopped.store(true, Ordering::Relaxed);
    }

    /// Whether the worker goes on.
    pub fn worker_lives(&self) -> bool {
        !self.worker_stopped.load(Ordering::Relaxed)
    }

    /// Slack reaches this bot by Socket Mode only, and no connection is open yet.
    pub fn socket_begins(&self) {
        self.socket.open.get_or_create(&Alone {}).set(0);
        for cause in SocketEnd::ALL {
            let cause = cause.name();
            drop(self.socket.ended.get_or_create(&Cause { cause }));
        }
        *self.why_not() = Some("the first one is being opened".into());
    }

    /// A connection of Socket Mode is open.
    pub fn socket_opened(&self) {
        let mut why_not = self.why_not();
        self.socket.open.get_or_create(&Alone {}).inc();
        *why_not = None;
    }

    /// A connection of Socket Mode has ended that was open.
    pub fn socket_closed(&self, cause: SocketEnd, why: &str) {
        let mut why_not = self.why_not();
        if self.socket.open.get_or_create(&Alone {}).dec() == 1 {
            *why_not = Some(why.to_owned());
        }
        self.socket_ended(cause);
    }

    /// A connection of Socket Mode could not be opened.
    pub fn socket_failed(&self, why: &str) {
        let mut why_not = self.why_not();
        if why_not.is_some() {
            *why_not = Some(why.to_owned());
        }
        self.socket_ended(SocketEnd::NotOpened);
    }

    fn socket_ended(&self, cause: SocketEnd) {
        let cause = cause.name();
        self.socket.ended.get_or_create(&Cause { cause }).inc();
    }

    /// Why Slack cannot reach this bot, as a clause; `None`: it can, or sends requests.
    pub fn why_not_connected(&self) -> Option<String> {
        self.why_not().clone()
    }

    fn why_not(&self) -> MutexGuard<'_, Option<String>> {
        let why_not = self.socket.why_not.lock();
        why_not.unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything, as Prometheus reads it; never fails. `read` asks the record, and is only used
    /// when that is longer ago than a second; none means that it does not answer.
    pub async fn text(
        &self,
        engine: &Engine,
        read: impl Future<Output = Option<Recorded>>,
    ) -> String {
        self.worker.set(self.worker_lives().into());
        self.inputs
            .set(i64::try_from(engine.waiting()).unwrap_or(i64::MAX));
        for (pool, connections, idle) in engine.db.pools() {
            let (connections, idle) = (i64::from(connections), i64::try_from(idle));
            self.connections
                .get_or_create(&Pool { pool })
                .set(connections);
            self.idle
                .get_or_create(&Pool { pool })
                .set(idle.unwrap_or(i64::MAX));
        }
        let now = engine.clock.now();
        // Kept until the text is written: nobody reads what is half replaced.
        let mut asked = self.asked.lock().await;
        if asked.is_none_or(|at| now.duration_since(at).abs() >= ASK_EVERY) {
            let read = read.await;
            self.record.clear();
            if let Some(read) = &read {
                self.record.fill(&read.overview, read.emergency_runs, now);
                self.record.fill_readiness(&read.readiness, now);
            }
            self.record.up.set(read.is_some().into());
            *asked = Some(now);
        }
        let build = build(&engine.db);
        let mut text = String::new();
        match encode(&mut text, &self.registry).and_then(|()| encode(&mut text, &build)) {
            Ok(()) => classic(&text),
            Err(_) => String::new(),
        }
    }
}

const NO_CONNECTION: &str = "no_connection";
const DATABASE: &str = "database";
const OVERLOADED: &str = "overloaded";
const RACED: &str = "raced";

/// What runs here.
fn build(db: &Db) -> Registry {
    let mut registry = Registry::with_prefix("rollback_bot");
    let build = Family::<Build, Gauge>::default();
    let database = match db {
        Db::Sqlite { .. } => "sqlite",
        Db::Postgres(_) => "postgres",
    };
    build
        .get_or_create(&Build {
            version: env!("CARGO_PKG_VERSION"),
            database,
        })
        .set(1);
    registry.register("build_info", "What runs here; always 1", build);
    registry
}

impl Record {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "database_up",
            "Whether the record answered when it was asked last",
            self.up.clone(),
        );
        registry.register(
            "steps_waiting",
            "Steps that are left to do, now or later, by kind",
            self.waiting.clone(),
        );
        registry.register(
            "steps_late",
            "Steps that are due for more than 30 seconds, by kind",
            self.overdue.clone(),
        );
        registry.register(
            "steps_failing",
            "Steps that got nowhere the last time, by kind",
            self.failing.clone(),
        );
        registry.register(
            "rollbacks_open",
            "Rollbacks that have not ended, by state",
            self.open.clone(),
        );
        registry.register(
            "unknown_age_seconds",
            "How long the oldest rollback that is UNKNOWN is so, or 0",
            self.unknown_age.clone(),
        );
        registry.register(
            "break_glass",
            "Rollbacks that were run without an approval, by how many days ago",
            self.break_glass.clone(),
        );
        registry.register(
            "break_glass_reviews_open",
            "Reviews of emergency runs that nobody has answered yet",
            self.reviews.clone(),
        );
        registry.register(
            "readiness",
            "Whether a service could be rolled back, by what that needs: 0 ready, 1 needs attention, 2 not known, 3 not ready",
            self.readiness.clone(),
        );
        registry.register(
            "readiness_read_timestamp_seconds",
            "When it was last read whether a service could be rolled back",
            self.readiness_read.clone(),
        );
    }

    fn clear(&self) {
        self.waiting.clear();
        self.overdue.clear();
        self.failing.clear();
        self.open.clear();
        self.unknown_age.clear();
        self.break_glass.clear();
        self.reviews.clear();
        self.readiness.clear();
        self.readiness_read.clear();
    }

    fn fill_readiness(&self, readiness: &[ServiceFacts], now: Timestamp) {
        for facts in readiness {
            let ServiceKey { name, environment } = &facts.service;
            for line in facts.lines(now) {
                let label = OfLine {
                    service: name.clone(),
                    environment: environment.clone(),
                    line: line.subject.name(),
                };
                let value = match line.level {
                    Level::Ready => 0,
                    Level::Attention => 1,
                    Level::NotKnown => 2,
                    Level::NotReady => 3,
                };
                self.readiness.get_or_create(&label).set(value);
            }
            let label = OfService {
                service: name.clone(),
                environment: environment.clone(),
            };
            let read_at = facts.read_at.as_second();
            self.readiness_read.get_or_create(&label).set(read_at);
        }
    }

    fn fill(&self, overview: &Overview, runs: EmergencyRuns, now: Timestamp) {
        for &kind in Job::KINDS {
            let kind = Kind {
                kind: kind.to_owned(),
            };
            for gauge in [&self.waiting, &self.overdue, &self.failing] {
                drop(gauge.get_or_create(&kind));
            }
        }
        for jobs in &overview.jobs {
            let kind = Kind {
                kind: jobs.kind.clone(),
            };
            self.waiting.get_or_create(&kind).set(jobs.waiting);
            self.overdue.get_or_create(&kind).set(jobs.overdue);
            self.failing.get_or_create(&kind).set(jobs.failing);
        }
        for state in StateKind::ALL.iter().filter(|state| !state.is_ended()) {
            let state = state.name().to_owned();
            drop(self.open.get_or_create(&InState { state }));
        }
        for (state, n) in &overview.open {
            let state = state.clone();
            self.open.get_or_create(&InState { state }).set(*n);
        }
        let since = overview.unknown.iter().filter_map(|rollback| {
            let State::Unknown { since, .. } = rollback.state else {
                return None;
            };
            Some(now.duration_since(since).as_secs_f64().max(0.0))
        });
        self.unknown_age
            .get_or_create(&Alone {})
            .set(since.fold(0.0, f64::max));
        for (days, n) in [
            ("0-30", runs.last_30_days),
            ("30-60", runs.previous_30_days),
        ] {
            self.break_glass.get_or_create(&Period { days }).set(n);
        }
        self.reviews.get_or_create(&Alone {}).set(runs.open_reviews);
    }
}

/// OpenMetrics, as it is encoded, in the older format that every Prometheus reads without being
/// asked: there, a counter is described by the name that its samples have.
fn classic(text: &str) -> String {
    let mut counters: Vec<&str> = vec![];
    for line in text.lines() {
        if let Some(name) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.strip_suffix(" counter"))
        {
            counters.push(name);
        }
    }
    let mut classic = String::with_capacity(text.len() + 256);
    for line in text.lines().filter(|line| *line != "# EOF") {
        let described = ["# HELP ", "# TYPE "].iter().find_map(|mark| {
            let (name, rest) = line.strip_prefix(mark)?.split_once(' ')?;
            counters.contains(&name).then_some((mark, name, rest))
        });
        match described {
            Some((mark, name, rest)) => {
                classic.push_str(&format!("{mark}{name}_total {rest}"));
            }
            // Of one that has no labels.
            None => classic.push_str(&line.replacen("{} ", " ", 1)),
        }
        classic.push('\n');
    }
    classic
}

#[cfg(test)]
mod tests;
