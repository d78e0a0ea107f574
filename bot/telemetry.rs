//! What can be seen of the work: log lines, and the spans that tell what each line is about.
//!
//! A request has one span and a job has one. Both carry the number of the rollback as soon as it
//! is known, so that everything between a click and its outcome is found by `RB-41`. With the
//! feature `otlp` the same spans are sent to a collector, where one rollback is one trace.

#[cfg(feature = "otlp")]
pub mod otlp;

use rollback_domain::{identity::RollbackId, job::Job, rollback::Rollback};
use sha2::{Digest, Sha256};
use std::{
    borrow::Cow,
    cell::Cell,
    fmt,
    io::{self, IsTerminal, Write},
};
use tracing::{Instrument, Span, Subscriber, field};
#[cfg(not(feature = "otlp"))]
use tracing_subscriber::layer::Identity;
use tracing_subscriber::{
    EnvFilter, Layer, fmt::MakeWriter, layer::SubscriberExt, registry::LookupSpan,
    util::SubscriberInitExt,
};

/// What is shown unless `RUST_LOG` says otherwise. Libraries at `debug` and `trace` may show
/// addresses, and what is in them; no level of our own shows a secret.
pub const SHOWN: &str = "warn,rollback_bot=info";
/// The same for the demo, whose terminal has its story on it.
pub const SHOWN_IN_DEMO: &str = "error";
/// The longest line, in bytes. What is longer was written by somebody else.
const LINE_AT_MOST: usize = 8 * 1024;
/// How much of each value is kept in a line that is too long, in bytes.
const VALUE_AT_MOST: usize = 1024;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is shown, and how.
#[derive(Debug)]
pub struct LogSettings {
    format: Format,
    filter: EnvFilter,
}

impl LogSettings {
    /// As `LOG_FORMAT` and `RUST_LOG` say it, or else `shown`; a sentence when they cannot be followed.
    pub fn from_env(env: &dyn Fn(&str) -> Option<String>, shown: &str) -> Result<Self, String> {
        let format = match env("LOG_FORMAT").as_deref() {
            None | Some("" | "text") => Format::Text,
            Some("json") => Format::Json,
            Some(_) => return Err("LOG_FORMAT is neither text nor json".into()),
        };
        let wanted = env("RUST_LOG").filter(|wanted| !wanted.trim().is_empty());
        let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or(shown))
            .map_err(|error| format!("RUST_LOG cannot be read ({error}); for example {SHOWN}"))?;
        Ok(Self { format, filter })
    }

    /// Shows it from here on, on stderr and at the collector, until what it gives is closed.
    pub fn start(self) -> anyhow::Result<Shipping> {
        #[cfg(feature = "otlp")]
        let (shipping, spans) = otlp::start_from_env()?;
        #[cfg(not(feature = "otlp"))]
        let (shipping, spans) = (Shipping, Identity::new());
        tracing_subscriber::registry()
            .with(self.filter)
            .with(lines(self.format, io::stderr().is_terminal(), io::stderr))
            .with(spans)
            .try_init()?;
        Ok(shipping)
    }
}

/// Spans on their way to the collector; nothing, without the feature `otlp`.
#[cfg(not(feature = "otlp"))]
#[derive(Debug)]
pub struct Shipping;

#[cfg(not(feature = "otlp"))]
impl Shipping {
    /// Sends what is left.
    pub async fn close(self) {}
}

#[cfg(feature = "otlp")]
pub use otlp::Shipping;

/// Lines in a format, none of them much longer than 8 KiB, into what `to` makes.
pub fn lines<S, M>(format: Format, in_colour: bool, to: M) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    M: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let to = Bounded { format, to };
    match format {
        Format::Text => tracing_subscriber::fmt::layer()
            .with_ansi(in_colour)
            .with_writer(to)
            .boxed(),
        Format::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_writer(to)
            .boxed(),
    }
}

/// Cuts lines that are too long. Each line is one write.
struct Bounded<M> {
    format: Format,
    to: M,
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Bounded<M> {
    type Writer = Bounded<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Bounded {
            format: self.format,
            to: self.to.make_writer(),
        }
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.to.write_all(&bounded(self.format, line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn bounded(format: Format, line: &[u8]) -> Cow<'_, [u8]> {
    if line.len() <= LINE_AT_MOST {
        return Cow::Borrowed(line);
    }
    let text = String::from_utf8_lossy(line);
    let cut = |text: &str, at_most| format!("{}… ({} bytes)", start(text, at_most), text.len());
    let whole = match format {
        Format::Text => Err(()),
        Format::Json => serde_json::from_str::<serde_json::Value>(&text).map_err(drop),
    };
    let mut line = match whole {
        // A part of an object is none: its values are cut instead.
        Ok(mut whole) => {
            shorten(&mut whole, &|text| cut(text, VALUE_AT_MOST));
            whole.to_string()
        }
        Err(()) => cut(text.trim_end(), LINE_AT_MOST),
    };
    line.push('\n');
    Cow::Owned(line.into_bytes())
}

fn shorten(value: &mut serde_json::Value, cut: &dyn Fn(&str) -> String) {
    match value {
        serde_json::Value::String(text) if text.len() > VALUE_AT_MOST => *text = cut(text),
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| shorten(value, cut)),
        serde_json::Value::Object(values) => {
            values.values_mut().for_each(|value| shorten(value, cut));
        }
        _ => {}
    }
}

/// The first bytes of a text, as many as are whole characters.
fn start(text: &str, at_most: usize) -> &str {
    &text[..text.floor_char_boundary(at_most)]
}

/// Tells apart the rollbacks of this bot and of others that tell the same collector: by the
/// address, or without one the Slack app, that all its replicas have.
pub fn set_instance(address: &str) {
    #[cfg(feature = "otlp")]
    otlp::set_instance(address);
    #[cfg(not(feature = "otlp"))]
    let _ = address;
}

/// The span of something that a person or Slack sent: how it came (`command`, `click`, `form`,
/// `mention`, `event`), who sent it and where. The rest is added when it is known.
pub fn request(input: &'static str, person: &str, channel: &str) -> Span {
    tracing::info_span!(
        "request",
        input,
        person,
        channel,
        verb = field::Empty,
        key = field::Empty,
        rollback = field::Empty
    )
}

/// Adds the key by which the present request is recognised. Jobs that it leaves carry the same.
pub fn record_key(key: &str) {
    Span::current().record("key", field::display(Key(key)));
}

/// Adds what the present request wants.
pub fn record_verb(verb: &'static str) {
    Span::current().record("verb", verb);
}

/// Adds that the present request or job is about a rollback.
pub fn record_rollback(rollback: RollbackId) {
    let span = Span::current();
    span.record("rollback", field::display(rollback));
    #[cfg(feature = "otlp")]
    otlp::belongs(&span, rollback);
}

/// The span of a job. [`record_incident`] adds the incident once the rollback has been read.
pub fn job(job: &Job, attempt: i64) -> Span {
    let key = job.key();
    let span = tracing::info_span!(
        "job",
        kind = job.kind(),
        key = %Key(&key),
        attempt ,
        rollback = field::Empty,
        incident = field::Empty
    );
    if !span.is_disabled()
        && let Some(rollback) = job.rollback().or_else(|| in_key(&key))
    {
        span.in_scope(|| record_rollback(rollback));
    }
    span
}

tokio::task_local! {
    /// Whether the incident of a job is in its span: what is recorded twice is shown twice.
    static HAS_INCIDENT: Cell<bool>;
}

/// Does a job in its span.
pub fn within<F: Future>(span: Span, job: F) -> impl Future<Output = F::Output> {
    HAS_INCIDENT.scope(Cell::new(false), job).instrument(span)
}

/// Adds the incident of the rollback that the present job is about.
pub fn record_incident(rollback: &Rollback) {
    let first = HAS_INCIDENT.try_with(|has| !has.replace(true));
    if first.unwrap_or(false) {
        let id = rollback.incident;
        Span::current().record("incident", field::display(id));
    }
}

/// Tells the collector of a rollback that has ended: one span, from the command to the end.
pub fn record_end(rollback: &Rollback) {
    #[cfg(feature = "otlp")]
    otlp::whole(rollback);
    #[cfg(not(feature = "otlp"))]
    let _ = rollback;
}

/// The rollback that a key names first.
fn in_key(key: &str) -> Option<RollbackId> {
    key.split(':').find_map(|part| part.parse().ok())
}

/// A key as it may be shown. What the bot made itself is shown as it is; what came with a request
/// holds Slack's trigger, which opens forms, and is shown as a hash of it.
struct Key<'a>(&'a str);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const OURS: [&str; 6] = [
            "RB-",
            "trigger:RB-",
            "resolve:RB-",
            "DR-",
            "trigger:DR-",
            "resolve:DR-",
        ];
        // What is left behind by an input has its key, and a word before it.
        const BEFORE: [&str; 3] = ["answer:", "refused:", "note:"];
        let mut key = self.0;
        while let Some(rest) = BEFORE.iter().find_map(|word| key.strip_prefix(word)) {
            f.write_str(&key[..key.len() - rest.len()])?;
            key = rest;
        }
        let named = !key.contains(':') || OURS.iter().any(|ours| key.starts_with(ours));
        match named {
            true => f.write_str(start(key, 200)),
            false => {
                let hash = Sha256::digest(key.as_bytes());
                write!(f, "#{}", hex::encode(&hash[..6]))
            }
        }
    }
}

#[cfg(test)]
mod tests;
