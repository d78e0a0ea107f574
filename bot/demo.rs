//! The demo: the real server, a simulated Slack and a real little shop, all on loopback.
//!
//! Nothing is written outside a temporary directory, which is removed at the end. There is a person
//! for each kind of authority; with `--solo` there is one person with all of it.

use crate::{
    App, CurrentApp,
    clock::Clock,
    config::Config,
    serve::{Serving, ended},
    terminal,
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

/// What a release answers on its health page.
const WELL: &str = "{\"ok\":true}\n";
/// The shop's releases, oldest first.
const SHOP: [(&str, &str); 4] = [
    ("v211", WELL),
    ("v212", WELL),
    ("v213", WELL),
    ("v214", "{\"ok\":false,\"error\":\"tax engine\"}\n"),
];
/// The releases of `orders`, oldest first.
const ORDERS: [(&str, &str); 3] = [
    ("v7", WELL),
    ("v8", WELL),
    ("v9", "{\"ok\":false,\"error\":\"totals off by a cent\"}\n"),
];

/// The releases on staging, where drills act, oldest first.
const STAGING: [(&str, &str); 2] = [("v212", WELL), ("v213", WELL)];
/// What breaks it.
const BREAK_STAGING: &str = include_str!("demo-break-staging.sh");

/// The releases of `api`, which a script deploys, oldest first.
const API: [(&str, &str); 3] = [
    ("v88", WELL),
    ("v89", WELL),
    ("v90", "{\"ok\":false,\"error\":\"the index is empty\"}\n"),
];
/// That script.
const DEPLOYCTL: &str = include_str!("demo-deployctl.sh");

/// Who plays in it.
#[derive(Clone, Copy)]
enum Cast {
    Team,
    Solo,
}

impl Cast {
    fn people(self) -> Vec<Person> {
        let person =
            |id, name, real_name, title| Person::member(id, name).named(real_name).titled(title);
        match self {
            Cast::Team => vec![
                person("U0MAYA", "maya", "Maya", "engineer: may propose"),
                person("U0SAM", "sam", "Sam", "on call: may approve"),
                person("U0ANA", "ana", "Ana", "lead: may approve"),
                person("U0KIM", "kim", "Kim", "data owner: may approve"),
                person(
                    "U0TOM",
                    "tom",
                    "Tom",
                    "engineer: may run it in an emergency",
                ),
                person("U0GUS", "gus", "Gus", "guest: may not act").guest(),
            ],
            Cast::Solo => vec![person("U0MAYA", "maya", "Maya", "owner: may approve")],
        }
    }

    fn settings(self) -> &'static str {
        match self {
            Cast::Team => include_str!("demo.toml"),
            Cast::Solo => include_str!("demo-solo.toml"),
        }
    }

    /// What the page offers to be typed.
    fn suggestions(self) -> Vec<String> {
        let mut suggestions = vec!["/rollback frontend because checkout 500s"];
        if let Cast::Team = self {
            suggestions.push("/rollback orders because totals are wrong");
            suggestions.push("/rollback api because search finds nothing");
            suggestions.push("/rollback full because nothing works");
            suggestions.push("/rollback drill shop");
        }
        suggestions.extend(["/rollback", "/rollback why RB-1", "/rollback help"]);
        suggestions.into_iter().map(str::to_owned).collect()
    }

    fn story(self) -> &'static str {
        match self {
            Cast::Team => {
                "  1. The shop on the right is broken: its newest release, v214, cannot take orders.
  2. As maya, type  /rollback frontend because checkout 500s
  3. Switch to sam, who is on call, click  Approve…  and, in Slack's question,  Roll back now
  4. Watch the card prove it, and the shop come back.

Then try:

  Why?         /rollback why RB-1  as anybody, best while its card waits.
  Undo         Undo…  on the card. It is proposed like anything else; the shop breaks again.
  Object       As tom,  ⋯ → Object…  on a card that waits for its approval.
  Emergency    As tom,  ⋯ → Emergency run…  on such a card. Ana answers the review.
  Two people   /rollback orders because totals are wrong  then kim and sam type the target:
               the last order on the right is a cent too much until they do.
  The record   📌 on a message, while a rollback is open, puts it into the timeline;
               /rollback update  drafts what the team is told, and Publish sends it;
               /rollback export html  and  /rollback postmortem  write the rest.
  A script     /rollback api because search finds nothing  is done by a script of one's own.
  A group      /rollback full because nothing works  takes api and frontend back, in order.
  A drill      /rollback drill shop  breaks the shop on staging and makes DR-1, beside RB-1;
               /rollback drill report  writes what was drilled.
"
            }
            Cast::Solo => {
                "  1. The shop on the right is broken: its newest release, v214, cannot take orders.
  2. You are maya, a team of one: type  /rollback frontend because checkout 500s
  3. Click  Approve…  and, in Slack's question,  Roll back now
  4. Watch the card prove it, and the shop come back.

Then try:

  Why?    /rollback why RB-1  while its card waits: why you may approve your own.
  Undo    Undo…  on the card. It is proposed like anything else; the shop breaks again.
  Freeze  /rollback freeze frontend because the fix is on its way  and then propose.
"
            }
        }
    }
}

/// A demo that is up.
pub struct Demo {
    /// The page to open.
    pub page: String,
    /// The workspace, for acting in it.
    pub slack: Slack,
    /// Where the shop is.
    pub shop: String,
    app: CurrentApp,
    serving: Serving,
    _directory: tempfile::TempDir,
}

/// Shows the story until Ctrl-C; `solo`: with a team of one.
pub async fn demo(port: u16, solo: bool) -> anyhow::Result<()> {
    let cast = match solo {
        true => Cast::Solo,
        false => Cast::Team,
    };
    let demo = Demo::open(port, cast).await?;
    terminal::line(format!("Rollback Bot demo: open {}\n", demo.page));
    terminal::line(cast.story());
    terminal::line("Nothing here reaches the internet. Ctrl-C ends it and removes everything.");
    ended().await;
    demo.stop().await;
    Ok(())
}

impl Demo {
    /// Starts everything; the page listens on `port`, the rest wherever there is room.
    pub async fn start(port: u16) -> anyhow::Result<Demo> {
        Demo::open(port, Cast::Team).await
    }

    /// The same with a team of one.
    pub async fn start_solo(port: u16) -> anyhow::Result<Demo> {
        Demo::open(port, Cast::Solo).await
    }

    async fn open(port: u16, cast: Cast) -> anyhow::Result<Demo> {
        // So that the client can be made before anything else is.
        crate::http_client()?;
        let directory = tempfile::Builder::new()
            .prefix("rollback-bot-demo-")
            .tempdir()?;
        let paths = ["shop", "orders", "api"].map(|name| directory.path().join(name));
        let [shop_path, orders_path, api_path] = &paths;
        let staging_path = directory.path().join("staging");
        deploy(shop_path, &SHOP)
            .and_then(|()| deploy(orders_path, &ORDERS))
            .and_then(|()| deploy(api_path, &API))
            .and_then(|()| fs::write(api_path.join("deployctl.sh"), DEPLOYCTL))
            .and_then(|()| deploy(&staging_path, &STAGING))
            .and_then(|()| fs::write(staging_path.join("break.sh"), BREAK_STAGING))
            .context("the demo's releases could not be written")?;
        let shop = serve(&paths, &staging_path).await?;
        let listen = SocketAddr::from(([127, 0, 0, 1], port));
        let slack = Slack::start(Options {
            listen,
            people: cast.people(),
            channels: vec![("C0INC".into(), "incident-checkout".into())],
            side: Some(("the shop, as customers see it".into(), shop.clone())),
            suggestions: cast.suggestions(),
            ..Options::default()
        })
        .await
        .with_context(|| format!("the demo's page cannot listen on {listen}: is another program using the port? `demo --port 0` takes any free one"))?;
        // It was there before the bot, so nobody tells the bot of it.
        slack.changes_group_quietly("S0ONCALL", &["U0SAM"]);
        // Before the configuration, which names it: the cards lead to pages there.
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("the demo's bot cannot listen")?;
        let address = listener.local_addr()?;
        let text = cast
            .settings()
            .replace("{slack}", &slack.api_url())
            .replace("{bot}", &format!("http://{address}"))
            .replace(
                "{database}",
                &format!("sqlite://{}", directory.path().join("demo.db").display()),
            )
            .replace("{shop_path}", &shop_path.display().to_string())
            .replace("{orders_path}", &orders_path.display().to_string())
            .replace("{api_path}", &api_path.display().to_string())
            .replace("{staging_path}", &staging_path.display().to_string())
            .replace("{shop}", &shop);
        let secrets = |name: &str| match name {
            "SLACK_SIGNING_SECRET" => Some(Options::default().signing_secret),
            "SLACK_BOT_TOKEN" => Some(Options::default().bot_token),
            "SLACK_CLIENT_SECRET" => Some(Options::default().client_secret),
            _ => None,
        };
        let nothing = |_: &Path| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
        let config = Config::parse(&text, &secrets, &nothing, &RESERVED)
            .map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
        let app = CurrentApp::new(App::start(config, Clock::real()).await?);
        let serving = Serving::on(app.clone(), Some(listener), None)?;
        slack.connect(&format!("http://{address}"));
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

/// Writes releases, oldest first, and makes the newest the current one.
fn deploy(path: &Path, releases: &[(&str, &str)]) -> std::io::Result<()> {
    for (&(name, health), newer) in releases.iter().zip((0..releases.len() as u64).rev()) {
        let release = path.join("releases").join(name);
        fs::create_dir_all(&release)?;
        fs::write(
            release.join("version.json"),
            format!("{{\"version\":\"{name}\"}}\n"),
        )?;
        fs::write(release.join("health.json"), health)?;
        // Releases are listed by age, so each must be older than the next.
        let age = Duration::from_secs(60 * (31 + 60 * 20 * newer));
        let made = Clock::real().now().checked_sub(age).unwrap_or_default();
        fs::write(release.join("made_at"), made.to_string())?;
        fs::File::open(&release)?.set_modified(made.into())?;
        if newer == 0 {
            symlink(Path::new("releases").join(name), path.join("current"))?;
        }
    }
    Ok(())
}

/// Serves whatever is current: the shop with its window, below `/orders` and `/search` the other
/// services, and below `/staging` what has no window.
async fn serve(paths: &[PathBuf; 3], staging: &Path) -> anyhow::Result<String> {
    let [shop, orders, api] = paths;
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("the demo's shop cannot listen")?;
    let address = listener.local_addr()?;
    let service = |path: &Path| {
        Router::new()
            .route("/version.json", get(version))
            .route("/api/health", get(health))
            .with_state(Arc::new(path.join("current")))
    };
    let all = Arc::new(paths.clone().map(|path| path.join("current")));
    let windows = Router::new()
        .route("/", get(window))
        .route("/orders", get(window))
        .route("/search", get(window))
        .with_state(all);
    let routes = service(shop)
        .nest("/orders", service(orders))
        .nest("/search", service(api))
        .nest("/staging", service(staging))
        .merge(windows);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(format!("http://{address}"))
}

async fn file(current: &Path, name: &str) -> String {
    tokio::fs::read_to_string(current.join(name))
        .await
        .unwrap_or_default()
}

fn json(status: StatusCode, body: String) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body)
}

async fn version(State(current): State<Arc<PathBuf>>) -> impl IntoResponse {
    json(StatusCode::OK, file(&current, "version.json").await)
}

async fn health(State(current): State<Arc<PathBuf>>) -> impl IntoResponse {
    let health = file(&current, "health.json").await;
    let status = match health == WELL {
        true => StatusCode::OK,
        false => StatusCode::INTERNAL_SERVER_ERROR,
    };
    json(status, health)
}

/// Whether a service works, and the release that it serves.
async fn served(current: &Path) -> (bool, String) {
    let works = file(current, "health.json").await == WELL;
    let target = tokio::fs::read_link(current).await.unwrap_or_default();
    let release = target.file_name().unwrap_or_default();
    (works, release.to_string_lossy().into_owned())
}

async fn window(State(all): State<Arc<[PathBuf; 3]>>) -> impl IntoResponse {
    let [shop, orders, api] = all.as_ref();
    let ((works, version), (orders_work, orders_version)) =
        (served(shop).await, served(orders).await);
    let (api_works, api_version) = served(api).await;
    let (api_class, api_line) = match api_works {
        true => ("well", "Search: 212 things found"),
        false => ("ill", "Search: nothing found"),
    };
    let (orders_class, orders_line) = match orders_work {
        true => ("well", "Your last order: 80 €"),
        false => ("ill", "Your last order: 80.01 €, which is a cent too much"),
    };
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
        .replace("{orders_class}", orders_class)
        .replace("{orders_line}", orders_line)
        .replace("{orders_version}", &orders_version)
        .replace("{api_class}", api_class)
        .replace("{api_line}", api_line)
        .replace("{api_version}", &api_version)
        .replace("{version}", &version);
    ([(CACHE_CONTROL, "no-store")], Html(page))
}
