//! Everything that is logged while stories run, looked through for secrets.

use super::{
    ALERTS_TOKEN, CLIENT_SECRET, RAILWAY_WEBHOOK, SECRET, VERCEL_WEBHOOK, argocd, docker, github,
    kubernetes, notices, pagerduty, prometheus, railway, render, swarm, vercel,
};
use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, registry::LookupSpan};

/// The password of a database that wants none.
pub const DATABASE_PASSWORD: &str = "a-password-of-the-database";

/// What must never be in a line: one line here for each. Some are what all of a kind have in
/// common.
const SECRETS: &[(&str, &str)] = &[
    ("Slack's signing secret", SECRET),
    ("Slack's next signing secret", "the-next-secret"),
    ("a bot token of Slack's", "xoxb-"),
    ("an app token of Slack's", "xapp-"),
    ("an address of Socket Mode", "ticket="),
    ("Slack's client secret", CLIENT_SECRET),
    ("the code of a sign-in", "code-of-a-sign-in"),
    ("an id_token", "eyJ"),
    ("Vercel's token", vercel::TOKEN),
    ("Statuspage's key", notices::TOKEN),
    ("Prometheus's token", prometheus::TOKEN),
    ("Alertmanager's token", ALERTS_TOKEN),
    ("the secret of a webhook", notices::SECRET),
    ("Render's token", render::TOKEN),
    ("Railway's token", railway::TOKEN),
    ("the token of a service account", kubernetes::TOKEN),
    ("Argo CD's token", argocd::TOKEN),
    ("the password of a registry of images", docker::PASSWORD),
    ("what stands in a container's environment", docker::SECRET),
    (
        "what stands in the environment of a swarm's task",
        swarm::SECRET,
    ),
    ("the secret of Vercel's webhooks", VERCEL_WEBHOOK),
    ("the address of Railway's webhooks", RAILWAY_WEBHOOK),
    ("GitHub's token", github::TOKEN),
    ("PagerDuty's token", pagerduty::TOKEN),
    ("PagerDuty's routing key", pagerduty::ROUTING_KEY),
    ("the database's password", DATABASE_PASSWORD),
    ("an API token of ours", "rbt_"),
    ("a token of an agent", "rba_"),
    ("a trigger id of Slack's", ".T0ACME"),
    ("an address to answer to", "/respond/"),
    ("an address to upload to", "/upload/"),
];

/// Our own crates say everything that they could, libraries what their `debug` has. The texts of
/// statements are left out: they have no values in them, and are most of all lines.
const LEVELS: &str = "rollback_bot=trace,rollback_domain=trace,rollback_simulation=trace,\
    rollback_http=trace,rollback_providers=trace,rollback_settings=trace,reqwest=debug,hyper=debug,hyper_util=debug,rustls=debug,h2=debug,sqlx=debug,sqlx::query=info";

/// Looks through lines as they are written, and keeps those that have a secret.
#[derive(Debug, Default)]
pub struct Watch {
    lines: AtomicUsize,
    found: Mutex<Vec<String>>,
    /// The password of the server that the stories run on, if it has one.
    password: Option<String>,
}

impl Watch {
    /// The lines with a secret since the last time somebody asked, and which secret it is.
    pub fn found(&self) -> Vec<String> {
        std::mem::take(&mut self.found.lock().unwrap())
    }

    /// How many lines there were.
    pub fn lines(&self) -> usize {
        self.lines.load(Ordering::Relaxed)
    }
}

impl Write for &Watch {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(line);
        let password = self.password.as_deref();
        let secrets = SECRETS
            .iter()
            .copied()
            .chain(password.map(|password| ("the server's password", password)));
        for (name, secret) in secrets {
            if text.contains(secret) {
                let mut found = self.found.lock().unwrap();
                if found.len() < 10 {
                    found.push(format!("{name}: {}", text.trim_end()));
                }
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A layer that writes every line into `watch`.
pub fn layer<S>(watch: Arc<Watch>) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_thread_names(true)
        .with_writer(watch)
        .with_filter(EnvFilter::new(LEVELS))
        .boxed()
}

/// The one that sees the whole run.
pub fn watch() -> &'static Watch {
    static WATCH: OnceLock<Arc<Watch>> = OnceLock::new();
    WATCH.get_or_init(|| {
        let server = std::env::var("STORIES_DATABASE_URL").ok();
        let password = server.and_then(|server| {
            let server = url::Url::parse(&server).ok()?;
            server.password().map(str::to_owned)
        });
        let watch = Arc::new(Watch {
            password,
            ..Watch::default()
        });
        let seeing = tracing_subscriber::registry().with(layer(watch.clone()));
        tracing::subscriber::set_global_default(seeing).unwrap();
        watch
    })
}
