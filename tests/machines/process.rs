//! The harness: the program as a process, with everything around it and the real time.
//!
//! [`World`] is what does not die: Slack, Vercel, PagerDuty, the site, the database, and a front
//! that hands each request of Slack's to a bot that lives, in turn. [`Bot`] is one process. Several
//! may run on one Postgres. Whatever was started is killed when it is dropped.

use crate::{
    pagerduty::{self, PagerDuty},
    site::Site,
    vercel::{self, Vercel},
};
use axum::{Router, body::Bytes, extract::State, http::Request};
use reqwest::StatusCode;
use rollback_bot::{
    clock::Clock,
    store::{Db, jobs, memberships, rollbacks, timelines},
};
use rollback_domain::{
    identity::{IncidentId, RollbackId},
    incident::Entry,
    people::{Membership, Person as Known},
    rollback::Rollback,
};
use rollback_simulation::{Options, Person, Slack};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{
    Connection, Executor, PgConnection,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
    time::sleep,
};

/// The channel everything happens in.
pub const CHANNEL: &str = "C0SHOP";
/// What Slack signs with.
pub const SECRET: &str = "a-signing-secret-of-the-simulation";
/// How long a bot may take to be ready, on a machine that has much else to do.
pub const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// How often something that cannot be waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// The database a story runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// A file in the world's directory.
    Sqlite,
    /// A fresh database on the server that `STORIES_DATABASE_URL` names.
    Postgres,
}

impl On {
    /// SQLite, and Postgres if there is one.
    pub fn all() -> Vec<On> {
        match std::env::var("STORIES_DATABASE_URL") {
            Ok(_) => vec![On::Sqlite, On::Postgres],
            Err(_) => vec![On::Sqlite],
        }
    }

    /// How many connections all worlds on it may have together.
    pub async fn connections(self) -> usize {
        let Ok(server) = std::env::var("STORIES_DATABASE_URL") else {
            return usize::MAX;
        };
        match self {
            On::Sqlite => usize::MAX,
            On::Postgres => {
                let mut connection = PgConnection::connect(&server).await.unwrap();
                let most = "SHOW max_connections";
                let (most,): (String,) = sqlx::query_as(most)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap();
                most.parse().unwrap()
            }
        }
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            On::Sqlite => "SQLite",
            On::Postgres => "Postgres",
        })
    }
}

/// Everything around the bots.
pub struct World {
    /// The workspace.
    pub slack: Slack,
    /// The platform: `frontend` is on v214 and can go back to v213. It moves at once.
    pub vercel: Arc<Vercel>,
    /// Who is paged.
    pub pagerduty: PagerDuty,
    /// The database.
    pub on: On,
    /// The program that is started.
    pub program: &'static str,
    front: Arc<Front>,
    directory: TempDir,
    server: Option<String>,
    database: String,
    logs: Mutex<Vec<Log>>,
}

/// What a process says on its standard error, as it says it.
type Log = Arc<Mutex<String>>;

/// How a bot is started.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The crash point it is to die at: `name` or `name:n`.
    pub crash_at: Option<String>,
    /// What it is started through: a program and its arguments.
    pub through: Vec<String>,
    /// What is otherwise in its environment.
    pub env: Vec<(String, String)>,
}

/// One process of the program.
pub struct Bot {
    child: Child,
    log: Log,
    front: Arc<Front>,
}

impl World {
    /// A workspace, a platform and an empty database. Nothing is started yet.
    pub async fn new(on: On) -> World {
        World::with(on, SERVICES).await
    }

    /// The same with other roles and services.
    pub async fn with(on: On, settings: &str) -> World {
        World::at(on, std::env::var("STORIES_DATABASE_URL").ok(), settings).await
    }

    /// The same on a Postgres of one's own, if a `server` is given.
    pub async fn at(on: On, server: Option<String>, settings: &str) -> World {
        let _ = rollback_bot::http_client();
        // What is deployed has a past: the platform's clock comes from three days ago.
        let behind = Arc::new(AtomicI64::new(3 * 86_400));
        let time = {
            let (clock, behind) = (Clock::real(), behind.clone());
            Arc::new(move || {
                let behind = behind.load(Ordering::Relaxed).unsigned_abs();
                clock
                    .now()
                    .checked_sub(Duration::from_secs(behind))
                    .unwrap()
            })
        };
        let vercel = Arc::new(Vercel::start(time).await);
        vercel.deploy("v212", "9f8e7d6c5b4", "faster search", "kim");
        behind.store(2 * 86_400, Ordering::Relaxed);
        vercel.deploy("v213", "3c4d5e6f7a8", "session expiry", "lee");
        behind.store(1_800, Ordering::Relaxed);
        vercel.deploy("v214", "a1b2c3d4e5f", "checkout: new tax engine", "kim");
        behind.store(0, Ordering::Relaxed);
        vercel.moves_at_once(true);
        let slack = Slack::start(Options {
            people: vec![
                Person::member("U0MAYA", "maya"),
                Person::member("U0SAM", "sam"),
                Person::member("U0ANA", "ana"),
                Person::member("U0TOM", "tom"),
            ],
            ..Options::default()
        })
        .await
        .unwrap();
        slack.changes_group_quietly("S0ONCALL", &["U0SAM"]);
        let site = {
            let vercel = vercel.clone();
            Site::start(move || vercel.production()).await
        };
        let pagerduty = PagerDuty::start().await;
        let front = Front::start().await;
        slack.connect(&front.base());
        let directory = tempfile::tempdir().unwrap();
        let database = database(on, server.as_deref(), directory.path()).await;
        let settings = HEAD.to_owned() + settings;
        let settings = settings
            .replace("{slack}", &slack.api_url())
            .replace("{pagerduty}", pagerduty.api_url().as_str())
            .replace("{vercel}", vercel.api_url().as_str())
            .replace("{site}", &site.url());
        std::fs::write(directory.path().join("rollback-bot.toml"), settings).unwrap();
        World {
            slack,
            vercel,
            pagerduty,
            on,
            program: env!("CARGO_BIN_EXE_rollback-bot"),
            front,
            directory,
            server,
            database,
            logs: Mutex::default(),
        }
    }

    /// A bot starts on whatever the database holds, and is ready when this returns.
    pub async fn starts(&self) -> Bot {
        let bot = self.spawns(&Start::default());
        assert!(
            bot.ready(STARTS_WITHIN).await,
            "the bot did not start:\n{}",
            bot.log()
        );
        self.is_used_by_the_team().await;
        bot
    }

    /// On PostgreSQL, the bot knows of the team that they are full members: they have used it before.
    async fn is_used_by_the_team(&self) {
        let record = self.record().await;
        // A file of SQLite is the bot's alone, and can only be read beside it.
        let Db::Postgres(_) = record.db() else {
            return;
        };
        let mut tx = record.db().begin().await.unwrap();
        let now = Clock::real().now();
        for (id, name) in [
            ("U0MAYA", "maya"),
            ("U0SAM", "sam"),
            ("U0ANA", "ana"),
            ("U0TOM", "tom"),
        ] {
            let person = Known::new(id, name);
            memberships::record(&mut tx, &person, &Membership::Member, None, now)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// A bot is started, and may still come to nothing.
    pub fn spawns(&self, start: &Start) -> Bot {
        let program = [self.program];
        let mut words = start.through.iter().map(String::as_str).chain(program);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .args(["serve", "--config", "rollback-bot.toml"])
            .current_dir(self.directory.path())
            .env_clear()
            .envs(
                ["PATH"]
                    .into_iter()
                    .filter_map(|name| Some((name, std::env::var(name).ok()?))),
            )
            .envs([
                ("DATABASE_URL", self.database.as_str()),
                ("SIGNING_SECRET", SECRET),
                ("BOT_TOKEN", "xoxb-simulation"),
                ("VERCEL_TOKEN", vercel::TOKEN),
                ("PAGERDUTY_ROUTING_KEY", pagerduty::ROUTING_KEY),
                ("NO_COLOR", "1"),
            ])
            .envs(start.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(point) = &start.crash_at {
            command.env("ROLLBACK_BOT_CRASH_AT", point);
        }
        let mut child = command.spawn().unwrap();
        let log = Log::default();
        self.logs.lock().unwrap().push(log.clone());
        let (told, front) = (log.clone(), self.front.clone());
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let id = child.id().unwrap();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some((_, rest)) = line.split_once("listening address=") {
                    let address = rest
                        .split_whitespace()
                        .next()
                        .and_then(|it| it.parse().ok());
                    front.add(id, address.unwrap());
                }
                let mut told = told.lock().unwrap();
                told.push_str(&line);
                told.push('\n');
            }
        });
        Bot {
            child,
            log,
            front: self.front.clone(),
        }
    }

    /// Whether there is a bot that Slack could reach.
    pub fn listens(&self) -> bool {
        !self.front.bots.lock().unwrap().is_empty()
    }

    /// Where each bot listens that Slack could reach.
    pub fn bases(&self) -> Vec<String> {
        let bots = self.front.bots.lock().unwrap();
        bots.iter().map(|(_, at)| format!("http://{at}")).collect()
    }

    /// What every process has said so far, one after the other.
    pub fn logs(&self) -> String {
        let logs = self.logs.lock().unwrap();
        let logs: Vec<String> = logs.iter().map(|log| log.lock().unwrap().clone()).collect();
        logs.join("── the next process ──\n")
    }

    /// The directory with the configuration and, on SQLite, the database `bot.db`.
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// The record, as anybody may read it while bots write.
    pub async fn record(&self) -> Record {
        Record(match self.on {
            On::Sqlite => {
                let path = self.directory.path().join("bot.db");
                let options = SqliteConnectOptions::new().filename(&path).read_only(true);
                let pool = SqlitePoolOptions::new()
                    .max_connections(1)
                    .connect_lazy_with(options.busy_timeout(Duration::from_secs(5)));
                Db::Sqlite {
                    write: pool.clone(),
                    read: pool,
                    lock: Arc::new(std::fs::File::open(self.directory.path()).unwrap()),
                }
            }
            On::Postgres => Db::Postgres(
                PgPoolOptions::new()
                    .max_connections(1)
                    .connect(&self.database)
                    .await
                    .unwrap(),
            ),
        })
    }

    /// What was broken of the promises that the bot makes to Slack and the platforms.
    pub fn violations(&self) -> Vec<String> {
        let mut violations = self.slack.violations();
        violations.extend(self.vercel.violations());
        violations.extend(self.pagerduty.violations());
        violations
    }

    /// The end: its database goes away. A world that is only dropped leaves it for whoever looks
    /// for what went wrong.
    pub async fn ends(&self) {
        if self.on == On::Postgres {
            let server = self.server.clone().unwrap();
            let name = self.database.rsplit('/').next().unwrap();
            let mut connection = PgConnection::connect(&server).await.unwrap();
            let drop = format!("DROP DATABASE {name} WITH (FORCE)");
            connection.execute(sqlx::AssertSqlSafe(drop)).await.unwrap();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}\n{}", self.slack.channel(CHANNEL), self.logs());
        }
    }
}

impl Bot {
    /// Where it listens, once it does.
    pub fn base(&self) -> Option<String> {
        let address = self.front.of(self.child.id()?)?;
        Some(format!("http://{address}"))
    }

    /// Everything it has said so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until it is ready; `false`: it ended, or is not.
    pub async fn ready(&self, within: Duration) -> bool {
        let began = Instant::now();
        while began.elapsed() < within {
            if let Some(pid) = self.pid()
                && rustix::process::test_kill_process(pid).is_err()
            {
                return false;
            }
            if self.log().contains("crash point ") {
                return false;
            }
            if let Some((StatusCode::OK, _)) = self.asks("/readyz").await {
                return true;
            }
            sleep(LOOK_EVERY).await;
        }
        false
    }

    /// What this very bot answers to a GET, if it answers.
    pub async fn asks(&self, path: &str) -> Option<(StatusCode, String)> {
        let url = format!("{}{path}", self.base()?);
        let answer = self.front.http.get(url).send().await.ok()?;
        let status = answer.status();
        Some((status, answer.text().await.ok()?))
    }

    /// Sends it a signal: KILL, TERM, STOP, CONT.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            kill_process(pid, signal).unwrap();
        }
    }

    /// Nothing is handed to it any more, as by a load balancer that has noticed that it hangs.
    pub fn set_aside(&self) {
        self.front.remove(self.child.id());
    }

    /// Its process is gone, from one moment to the next.
    pub async fn kill(&mut self) {
        self.front.remove(self.child.id());
        self.child.kill().await.unwrap();
    }

    /// Waits until the process is gone, however that comes.
    pub async fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        let id = self.child.id();
        let ended = tokio::time::timeout(within, self.child.wait()).await;
        let status = ended.ok()?.unwrap();
        self.front.remove(id);
        Some(status)
    }

    /// Its process, while it lives.
    pub fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()?).ok()?)
    }
}

/// The record, read from outside. Closed when it is dropped.
pub struct Record(Db);

impl Record {
    /// A rollback as it is stored, if it is there and the database can be read.
    pub async fn rollback(&self, id: u64) -> Option<Rollback> {
        rollbacks::get(&self.0, RollbackId::new(id)).await.ok()?
    }

    /// The timeline of the first incident.
    pub async fn timeline(&self) -> Vec<Entry> {
        timelines::entries(&self.0, IncidentId::new(1), 0, 1_000)
            .await
            .unwrap()
    }

    /// What is left to do besides what comes again for ever: `kind key error`, and whether it is
    /// due by now.
    pub async fn left(&self) -> Vec<(String, bool)> {
        let now = Clock::real().now();
        let waiting = jobs::waiting(&self.0).await.unwrap_or_default();
        waiting
            .into_iter()
            .filter(|(kind, ..)| !["survey", "roster", "standings"].contains(&kind.as_str()))
            .map(|(kind, key, at, error)| {
                let error = error.map(|error| format!(" ({error})")).unwrap_or_default();
                (format!("{kind} {key}{error}"), at <= now)
            })
            .collect()
    }

    /// The record itself, for what is not here.
    pub fn db(&self) -> &Db {
        &self.0
    }
}

/// Waits until something is so; tells whether it came so.
pub async fn until(within: Duration, mut is_so: impl AsyncFnMut() -> bool) -> bool {
    let began = Instant::now();
    loop {
        if is_so().await {
            return true;
        }
        if began.elapsed() > within {
            return false;
        }
        sleep(LOOK_EVERY).await;
    }
}

/// What stands in front of the bots: a request goes to one that takes connections, in turn; if the
/// connection breaks, whoever sent it is told so, and nothing is sent twice.
struct Front {
    address: SocketAddr,
    http: reqwest::Client,
    bots: Mutex<Vec<(u32, SocketAddr)>>,
    turn: AtomicUsize,
}

impl Front {
    async fn start() -> Arc<Front> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = Arc::new(Front {
            address: listener.local_addr().unwrap(),
            // A connection for each request, so that none is found dead.
            http: reqwest::Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .timeout(Duration::from_secs(5))
                .build()
                .unwrap(),
            bots: Mutex::default(),
            turn: AtomicUsize::new(0),
        });
        let routes = Router::new().fallback(hand_on).with_state(front.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        front
    }

    fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    fn add(&self, id: u32, address: SocketAddr) {
        self.bots.lock().unwrap().push((id, address));
    }

    fn remove(&self, id: Option<u32>) {
        let mut bots = self.bots.lock().unwrap();
        bots.retain(|(bot, _)| Some(*bot) != id);
    }

    fn of(&self, id: u32) -> Option<SocketAddr> {
        let bots = self.bots.lock().unwrap();
        bots.iter()
            .find(|(bot, _)| *bot == id)
            .map(|(_, address)| *address)
    }

    fn in_turn(&self) -> Vec<SocketAddr> {
        let mut bots: Vec<_> = self
            .bots
            .lock()
            .unwrap()
            .iter()
            .map(|(_, at)| *at)
            .collect();
        if !bots.is_empty() {
            let first = self.turn.fetch_add(1, Ordering::Relaxed) % bots.len();
            bots.rotate_left(first);
        }
        bots
    }
}

async fn hand_on(
    State(front): State<Arc<Front>>,
    request: Request<axum::body::Body>,
) -> (StatusCode, Bytes) {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    for address in front.in_turn() {
        let mut headers = parts.headers.clone();
        headers.remove("host");
        headers.remove("content-length");
        let sent = front
            .http
            .request(
                parts.method.clone(),
                format!("http://{address}{}", parts.uri),
            )
            .headers(headers)
            .body(body.clone())
            .send()
            .await;
        match sent {
            Ok(answer) => {
                let status = answer.status();
                return match answer.bytes().await {
                    Ok(bytes) => (status, bytes),
                    Err(_) => (StatusCode::BAD_GATEWAY, Bytes::new()),
                };
            }
            // It took nothing: the next one may.
            Err(error) if error.is_connect() => {}
            Err(_) => return (StatusCode::BAD_GATEWAY, Bytes::new()),
        }
    }
    (StatusCode::SERVICE_UNAVAILABLE, Bytes::new())
}

/// A database of its own.
async fn database(on: On, server: Option<&str>, directory: &Path) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    if on == On::Sqlite {
        return format!("sqlite://{}/bot.db", directory.display());
    }
    let server = server.unwrap();
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("machine_{}_{n}", std::process::id());
    let mut connection = PgConnection::connect(server).await.unwrap();
    connection
        .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .unwrap();
    let mut url = url::Url::parse(server).unwrap();
    url.set_path(&name);
    url.to_string()
}

const HEAD: &str = r#"
[server]
listen = "127.0.0.1:0"
public_url = "https://rollback.example.com"
[database]
url = "env:DATABASE_URL"
[slack]
signing_secret = "env:SIGNING_SECRET"
bot_token = "env:BOT_TOKEN"
api_url = "{slack}"
[pagerduty]
routing_key = "env:PAGERDUTY_ROUTING_KEY"
api_url = "{pagerduty}"
events_url = "{pagerduty}"
# It begins a minute after a start, and a world ends when nothing is left to do soon.
[canary]
enabled = false
"#;

/// `frontend` on Vercel, with short times: a whole rollback takes about four seconds. sam is on
/// call by a user group, ana is lead by a list, and nobody is reminded.
pub const SERVICES: &str = r#"
# Everybody is a few people here.
[limits]
person_per_minute = 100000
channel_per_minute = 100000
[policy]
remind = []
[roles.oncall]
slack_usergroup = "S0ONCALL"
[roles.lead]
members = ["U0ANA"]
[services.frontend.production]
provider = "vercel"
project = "prj_2WkFZr3TqUoXcB7mNvL9sHdYeA4g"
team = "team_nLlpyC6REAqxydlFKbrMDlud"
token = "env:VERCEL_TOKEN"
api_url = "{vercel}"
approve = ["oncall", "lead"]
passes = 2
check_every = "200ms"
prove_within = "30s"
watch = "1s"
[services.frontend.production.fingerprint]
url = "{site}/version.json"
json = "/version"
[[services.frontend.production.verify]]
kind = "http"
url = "{site}/api/health"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_lives_answers() {
    if !On::all().contains(&On::Postgres) {
        println!("skipped: several bots need Postgres");
        return;
    }
    let world = World::new(On::Postgres).await;
    let (mut one, two) = (world.starts().await, world.starts().await);
    let answered = async || {
        let mut answered = 0;
        for _ in 0..6 {
            let board = world.slack.says("U0MAYA", CHANNEL, "/rollback").await;
            answered += usize::from(board.is_ok());
        }
        answered
    };
    assert_eq!(answered().await, 6);
    one.kill().await;
    assert_eq!(answered().await, 6);
    assert!(one.base().is_none() && two.base().is_some());
    // One that stands still takes connections and says nothing: Slack gives up.
    two.signal(Signal::STOP);
    let board = world.slack.says("U0MAYA", CHANNEL, "/rollback").await;
    assert!(!board.is_ok(), "{}", board.body);
    two.signal(Signal::CONT);
    assert_eq!(answered().await, 6);
    world.ends().await;
}
