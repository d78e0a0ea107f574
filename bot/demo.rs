//! The demo: the real server, a simulated Slack and a real little shop, all on loopback.
//!
//! Nothing is written outside a temporary directory, which is removed at the end.

use crate::{
    clock::Clock,
    config::Config,
    serve::{Serving, ended},
};
use anyhow::Context;
use axum::{
    Router,
    extract::State,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{Html, IntoResponse},
    routing::get,
};
use rollback_domain::grammar::RESERVED;
use rollback_simulation::{Options, Person, Slack};
use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;

/// The shop's releases, oldest first, and whether they work.
const RELEASES: [(&str, bool); 4] = [
    ("v211", true),
    ("v212", true),
    ("v213", true),
    ("v214", false),
];

/// A demo that is up.
pub struct Demo {
    /// The page to open.
    pub page: String,
    /// The workspace, for acting in it.
    pub slack: Slack,
    /// Where the shop is.
    pub shop: String,
    app: crate::App,
    serving: Serving,
    _directory: tempfile::TempDir,
}

/// Shows the story until Ctrl-C.
pub async fn demo(port: u16) -> anyhow::Result<()> {
    let demo = Demo::start(port).await?;
    println!("Rollback Bot demo: open {}", demo.page);
    println!();
    println!("  1. The shop on the right is broken: its newest release, v214, cannot take orders.");
    println!("  2. As maya, type  /rollback frontend because checkout 500s");
    println!("  3. Switch to sam, who is on call, and click  Approve & roll back…");
    println!("  4. Watch the card prove it, and the shop come back.");
    println!();
    println!("Nothing here reaches the internet. Ctrl-C ends it and removes everything.");
    ended().await;
    demo.stop().await;
    Ok(())
}

impl Demo {
    /// Starts everything; the page listens on `port`, the rest wherever there is room.
    pub async fn start(port: u16) -> anyhow::Result<Demo> {
        // So that the client can be made before anything else is.
        crate::http_client()?;
        let directory = tempfile::Builder::new()
            .prefix("rollback-bot-demo-")
            .tempdir()?;
        let shop_path = directory.path().join("shop");
        open_shop(&shop_path).context("the demo's shop could not be written")?;
        let shop = serve_shop(shop_path.clone()).await?;
        let listen = SocketAddr::from(([127, 0, 0, 1], port));
        let slack = Slack::start(Options {
            listen,
            people: vec![
                Person::member("U0MAYA", "maya").named("Maya").titled("engineer: may propose"),
                Person::member("U0SAM", "sam").named("Sam").titled("on call: may approve"),
                Person::member("U0ANA", "ana").named("Ana").titled("lead: may approve"),
                Person::member("U0TOM", "tom").named("Tom").titled("engineer: may propose"),
                Person::member("U0GUS", "gus").named("Gus").titled("guest: may not act").guest(),
            ],
            channels: vec![("C0INC".into(), "incident-checkout".into())],
            side: Some(("the shop, as customers see it".into(), shop.clone())),
            ..Options::default()
        })
        .await
        .with_context(|| format!("the demo's page cannot listen on {listen}: is another program using the port? `demo --port 0` takes any free one"))?;
        let text = include_str!("demo.toml")
            .replace("{slack}", &slack.api_url())
            .replace(
                "{database}",
                &format!("sqlite://{}", directory.path().join("demo.db").display()),
            )
            .replace("{path}", &shop_path.display().to_string())
            .replace("{shop}", &shop);
        let secrets = |name: &str| match name {
            "SLACK_SIGNING_SECRET" => Some(Options::default().signing_secret),
            "SLACK_BOT_TOKEN" => Some(Options::default().bot_token),
            _ => None,
        };
        let nothing = |_: &Path| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
        let config = Config::parse(&text, &secrets, &nothing, RESERVED)
            .map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
        let (app, serving) = Serving::start(config, Clock::real()).await?;
        slack.connect(&format!("http://{}", serving.address));
        Ok(Demo {
            page: slack.page_url(),
            slack,
            shop,
            app,
            serving,
            _directory: directory,
        })
    }

    /// Ends everything.
    pub async fn stop(self) {
        let Demo { app, serving, .. } = self;
        serving.stop(&app).await;
    }
}

fn open_shop(path: &Path) -> std::io::Result<()> {
    for (n, (name, works)) in (0..).zip(RELEASES) {
        let release = path.join("releases").join(name);
        fs::create_dir_all(&release)?;
        fs::write(
            release.join("version.json"),
            format!("{{\"version\":\"{name}\"}}\n"),
        )?;
        fs::write(release.join("works"), if works { "yes\n" } else { "no\n" })?;
        // Releases are listed by age, so each must be older than the next.
        let age = Duration::from_secs(60 * (31 + 60 * 20 * (RELEASES.len() as u64 - 1 - n)));
        let made = Clock::real().now().checked_sub(age).unwrap_or_default();
        fs::File::open(&release)?.set_modified(made.into())?;
    }
    symlink("releases/v214", path.join("current"))
}

async fn serve_shop(path: PathBuf) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("the demo's shop cannot listen")?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/", get(window))
        .route("/version.json", get(version))
        .route("/api/health", get(health))
        .with_state(Arc::new(path.join("current")));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(format!("http://{address}"))
}

async fn file(current: &Path, name: &str) -> String {
    tokio::fs::read_to_string(current.join(name))
        .await
        .unwrap_or_default()
}

async fn version(State(current): State<Arc<PathBuf>>) -> impl IntoResponse {
    (
        [
            (CONTENT_TYPE, "application/json"),
            (CACHE_CONTROL, "no-store"),
        ],
        file(&current, "version.json").await,
    )
}

async fn health(State(current): State<Arc<PathBuf>>) -> impl IntoResponse {
    match file(&current, "works").await.trim() {
        "yes" => (StatusCode::OK, "{\"ok\":true}\n"),
        _ => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "{\"ok\":false,\"error\":\"tax engine\"}\n",
        ),
    }
}

async fn window(State(current): State<Arc<PathBuf>>) -> impl IntoResponse {
    let works = file(&current, "works").await.trim() == "yes";
    let version = tokio::fs::read_link(current.as_path())
        .await
        .unwrap_or_default();
    let version = version
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let (class, line, button) = match works {
        true => ("well", "Free delivery from 40 €", "Check out"),
        false => (
            "ill",
            "500 · Something went wrong at checkout",
            "Cannot take your order",
        ),
    };
    let page = include_str!("demo.html")
        .replace("{class}", class)
        .replace("{line}", line)
        .replace("{button}", button)
        .replace("{version}", &version);
    ([(CACHE_CONTROL, "no-store")], Html(page))
}
