//! The world a story happens in: Slack, platforms, people and a clock, all over real HTTP.

pub mod alertmanager;
#[expect(dead_code, reason = "the tests of the provider use the rest")]
pub mod argocd;
#[expect(dead_code, reason = "the tests of the provider use the rest")]
pub mod docker;
#[expect(dead_code, reason = "the tests of the provider use the rest")]
pub mod docker_engine;
#[expect(dead_code, reason = "the tests of the provider use the rest")]
pub mod github;
#[expect(dead_code, reason = "the tests of the provider use the rest")]
pub mod kubernetes;
pub mod logs;
mod messages;
pub mod notices;
pub mod pagerduty;
pub mod program;
pub mod prometheus;
#[expect(dead_code, reason = "the tests of the provider use the rest")]
pub mod railway;
#[expect(dead_code, reason = "the tests of the provider use the rest")]
pub mod render;
pub mod shop_database;
pub mod site;
pub mod socket;
#[expect(dead_code, reason = "the contract uses the rest")]
pub mod swarm;
pub mod vercel;

use jiff::Timestamp;
use notices::Notices;
use pagerduty::PagerDuty;
use rollback_bot::{
    App, CurrentApp, clock::Clock, config::Config, handlers, reload::reload, serve, store, worker,
};
use rollback_domain::{
    grammar::RESERVED,
    identity::{IncidentId, RollbackId},
    people::{Membership, Person, Zone},
    rollback::Rollback,
};
use rollback_settings::Mistakes;
use rollback_simulation::{Answer, Options, Person as Member, Slack};
use site::Site;
use socket::SocketMode;
use std::{
    io::Write,
    os::unix::fs::OpenOptionsExt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::{OnceCell, watch},
    task::JoinHandle,
};
use vercel::Vercel;

/// How long a story lets an answer take that Slack waits three seconds for. The bot keeps those by
/// limits of its own, each tested beside the limit; on a machine that is busy with other stories a
/// limit passes later. What these stories are about would take fifteen seconds, or for ever.
pub const IN_TIME: Duration = Duration::from_secs(10);
/// The channel most stories happen in.
pub const CHANNEL: &str = "C0SHOP";
/// What Vercel signs its webhooks with.
pub const VERCEL_WEBHOOK: &str = "a-client-secret-of-vercels";
/// The last part of the address at which Railway's webhooks are taken.
pub const RAILWAY_WEBHOOK: &str = "railway-5f0c1e7d9a3b2468ace013579bdf";
/// What Alertmanager sends with its alerts.
pub const ALERTS_TOKEN: &str = "a-token-of-alertmanager-5f0c1e7d";
/// What Slack signs with.
pub const SECRET: &str = "a-signing-secret-of-the-simulation";
/// What the bot proves itself with to Slack when people sign in.
pub const CLIENT_SECRET: &str = "a-client-secret-of-the-simulation";

/// Everything around the bot, and the bot.
pub struct World {
    /// The workspace.
    pub slack: Slack,
    /// The platform.
    pub vercel: Arc<Vercel>,
    /// The service as its customers see it.
    pub site: Site,
    /// Who is on call, and who was paged.
    pub pagerduty: PagerDuty,
    /// The status page, and a program that takes updates.
    pub notices: Notices,
    /// Slack's end of Socket Mode, in stories that come by that door.
    pub socket: Option<SocketMode>,
    /// The time, which the story moves.
    pub clock: Clock,
    _dir: TempDir,
    bot: Option<Bot>,
    settings: String,
    left_over: Vec<String>,
}

/// How what people do comes to the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Requests,
    Socket,
}

impl Door {
    /// The door of most stories: `STORIES_DOOR=socket` has them come by Socket Mode.
    fn of_stories() -> Self {
        match std::env::var("STORIES_DOOR").as_deref() {
            Ok("socket") => Door::Socket,
            Ok(other) => panic!("STORIES_DOOR is {other:?}; the only other door is \"socket\""),
            Err(_) => Door::Requests,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Door::Requests => {
                r#"signing_secret = ["env:SIGNING_SECRET_NEW", "env:SIGNING_SECRET"]"#
            }
            Door::Socket => r#"app_token = "env:APP_TOKEN""#,
        }
    }
}

struct Bot {
    current: CurrentApp,
    app: App,
    base: String,
    listening: JoinHandle<()>,
    connecting: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

/// A person who acts.
pub struct Acting<'a> {
    world: &'a World,
    id: &'static str,
}

const DAYS_BEFORE: Duration = Duration::from_secs(3 * 86_400);

/// When every story begins.
pub fn dawn() -> Timestamp {
    "2026-03-14T03:12:00Z".parse().unwrap()
}

/// A line of the channel without the size of a file, and without the number of its entries where
/// the file was made when a rollback closed: another job of that moment may have been first.
fn without_sizes(line: &str) -> String {
    if let Some(file) = line.trim_start_matches([' ', '|']).strip_prefix("[file ")
        && let Some((name, _)) = file.split_once(' ')
    {
        return line.replace(file, &format!("{name}]"));
    }
    match line.split_once(" closed: ") {
        Some((before, entries)) if before.contains(", exported when ") => {
            let after = entries.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before} closed: …{after}")
        }
        Some(_) | None => line.to_owned(),
    }
}

impl World {
    /// A workspace, a platform with `frontend` on v214, and the bot.
    pub async fn new() -> World {
        World::with(FRONTEND).await
    }

    /// The same with other services than `frontend`.
    pub async fn with(services: &str) -> World {
        World::set_up(ROLES, services).await
    }

    /// The same by signed requests, for what is about them.
    pub async fn by_requests(roles: &str, services: &str) -> World {
        World::behind(Door::Requests, roles, services).await
    }

    /// The same by Socket Mode, for what is about that.
    pub async fn by_socket(roles: &str, services: &str) -> World {
        World::behind(Door::Socket, roles, services).await
    }

    /// The same with other roles, and other sections besides.
    pub async fn set_up(roles: &str, services: &str) -> World {
        World::behind(Door::of_stories(), roles, services).await
    }

    async fn behind(door: Door, roles: &str, services: &str) -> World {
        let _ = rollback_bot::http_client();
        logs::watch();
        // Three days before dawn, so that what is deployed has a past.
        let clock = Clock::fixed(dawn().checked_sub(DAYS_BEFORE).unwrap());
        let time: Arc<dyn Fn() -> Timestamp + Send + Sync> = {
            let clock = clock.clone();
            Arc::new(move || clock.now())
        };
        let slack = Slack::start(Options {
            clock: time.clone(),
            people: vec![
                Member::member("U0MAYA", "maya"),
                Member::member("U0SAM", "sam"),
                Member::member("U0ANA", "ana"),
                Member::member("U0TOM", "tom"),
                Member::member("U0KIM", "kim"),
                Member::member("U0GUS", "gus").guest(),
                Member::member("U0UNA", "una").single_channel_guest(),
                Member::member("U0EVE", "eve").stranger(),
                Member::member("U0BOT2", "deploybot").bot(),
                Member::member("U0OLD", "oleg"),
            ],
            channels: vec![
                (CHANNEL.into(), "shop-incidents".into()),
                ("C0OPS".into(), "ops".into()),
            ],
            ..Options::default()
        })
        .await
        .unwrap();
        let vercel = Arc::new(Vercel::start(time.clone()).await);
        vercel.deploy("v211", "1111111aaaa", "winter sale banner", "kim");
        clock.advance(Duration::from_secs(24 * 3_600));
        vercel.deploy("v212", "9f8e7d6c5b4", "faster search", "kim");
        clock.advance(Duration::from_secs(41 * 3_600));
        vercel.deploy("v213", "3c4d5e6f7a8", "session expiry", "lee");
        clock.advance(DAYS_BEFORE - Duration::from_secs(65 * 3_600 + 31 * 60));
        vercel.deploy("v214", "a1b2c3d4e5f", "checkout: new tax engine", "kim");
        clock.advance(Duration::from_secs(31 * 60));
        let site = {
            let vercel = vercel.clone();
            Site::start(move || vercel.production()).await
        };
        let pagerduty = PagerDuty::start().await;
        let notices = Notices::start(time).await;
        let socket = match door {
            Door::Requests => None,
            Door::Socket => Some(SocketMode::start(&slack).await),
        };
        let dir = tempfile::tempdir().unwrap();
        let database = database(&dir).await;
        let settings = format!(
            r#"
[server]
listen = "127.0.0.1:0"
public_url = "https://rollback.example.com"
[database]
url = "env:DATABASE_URL"
[slack]
{door}
bot_token = "env:BOT_TOKEN"
api_url = "{slack}"
# database: {database}
{canary}
{roles}
{services}
"#,
            slack = slack.api_url(),
            // Only stories about it have it: it reads by itself.
            canary = match roles.contains("[canary]") {
                true => "",
                false => "[canary]\nenabled = false",
            },
            door = door.key(),
            roles = roles
                .replace("{pagerduty}", pagerduty.api_url().as_str())
                .replace("{statuspage}", &notices.api_url()),
            services = services
                .replace("{vercel}", vercel.api_url().as_str())
                .replace("{site}", &site.url())
                .replace("{dir}", &dir.path().display().to_string()),
        );
        let mut world = World {
            slack,
            vercel,
            site,
            pagerduty,
            notices,
            socket,
            clock,
            _dir: dir,
            bot: None,
            settings,
            left_over: vec![],
        };
        world.starts().await;
        world.is_used_by_the_team().await;
        world.settle().await;
        world
    }

    /// The team has used the bot yesterday evening: it knows who is a full member, and nothing that
    /// is young enough to act on.
    async fn is_used_by_the_team(&self) {
        let evening = dawn().checked_sub(Duration::from_secs(13 * 3_600)).unwrap();
        let mut tx = self.app().engine.db.begin().await.unwrap();
        let utc = Zone {
            name: "Etc/UTC".into(),
            utc_offset: 0,
        };
        for (id, name) in [
            ("U0MAYA", "maya"),
            ("U0SAM", "sam"),
            ("U0ANA", "ana"),
            ("U0TOM", "tom"),
            ("U0KIM", "kim"),
        ] {
            let person = Person::new(id, name);
            store::memberships::record(&mut tx, &person, &Membership::Member, Some(&utc), evening)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// The configuration file the bot was started with.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// The bot starts, on whatever the database holds.
    pub async fn starts(&mut self) {
        self.starts_by(self.clock.clone()).await;
    }

    /// The same on a machine with a clock of its own.
    pub async fn starts_by(&mut self, clock: Clock) {
        let app = App::start(self.config(), clock).await.unwrap();
        let current = CurrentApp::new(app.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let routes = handlers::routes(current.clone());
        let listening = tokio::spawn(async move {
            let (_never, stop) = watch::channel(false);
            serve::listen(listener, routes, stop).await;
        });
        let (stop, stopped) = watch::channel(false);
        let connecting = tokio::spawn({
            let connected = rollback_bot::socket::run(current.clone(), stopped);
            async move { connected.await.unwrap() }
        });
        match &self.socket {
            None => self.slack.connect(&base),
            Some(socket) => {
                self.slack.connect(socket.relay());
                socket.has_connections(2).await;
            }
        }
        self.bot = Some(Bot {
            current,
            app,
            base,
            listening,
            connecting,
            stop,
        });
    }

    /// Another replica, where several share a database.
    pub async fn another(&self) -> Option<App> {
        self.another_by(self.clock.clone()).await
    }

    /// The same on a machine with a clock of its own.
    pub async fn another_by(&self, clock: Clock) -> Option<App> {
        match &self.app().engine.db {
            store::Db::Sqlite { .. } => None,
            store::Db::Postgres(_) => {
                let started = App::start(self.config(), clock).await;
                Some(started.unwrap())
            }
        }
    }

    /// The bot starts again with this in its configuration in place of that.
    pub async fn reconfigures(&mut self, that: &str, this: &str) {
        assert!(self.settings.contains(that), "{that}");
        self.settings = self.settings.replace(that, this);
        self.stops().await;
        self.starts().await;
        self.leases_end().await;
    }

    /// The bot that goes on reads its configuration again, with this in it in place of that. Gives
    /// what came of it.
    pub async fn reloads(&mut self, that: &str, this: &str) -> String {
        assert!(self.settings.contains(that), "{that}");
        self.reads_again(&self.settings.replace(that, this)).await
    }

    /// The same with a whole other file.
    pub async fn reads_again(&mut self, settings: &str) -> String {
        let read = self.reads(settings, self.database());
        let bot = self.bot.as_mut().unwrap();
        let came_of_it = reload(&bot.current, read).await;
        bot.app = bot.current.app();
        if !came_of_it.refused {
            self.settings = settings.to_owned();
        }
        came_of_it.lines.join("\n")
    }

    /// What is wrong with the configuration if this is added to it.
    pub fn reads_settings(&self, more: &str) -> Result<(), String> {
        let settings = format!("{}\n{more}", self.settings);
        self.parsed(&settings).map(drop)
    }

    fn config(&self) -> Config {
        self.parsed(&self.settings)
            .unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    fn parsed(&self, settings: &str) -> Result<Config, String> {
        let read = self.reads(settings, self.database());
        read.map_err(|mistakes| mistakes.to_string())
    }

    /// The configuration of another bot in the same world, with a database of its own.
    pub fn reads(&self, settings: &str, database: &str) -> Result<Config, Mistakes> {
        let database = database.to_owned();
        let hook = self.notices.hook_url();
        let env = move |name: &str| match name {
            "DATABASE_URL" => Some(database.clone()),
            "SIGNING_SECRET" => Some(SECRET.into()),
            "SIGNING_SECRET_NEW" => Some("the-next-secret".into()),
            "BOT_TOKEN" => Some("xoxb-simulation".into()),
            "APP_TOKEN" => Some(socket::APP_TOKEN.into()),
            "SLACK_CLIENT_SECRET" => Some(CLIENT_SECRET.into()),
            "VERCEL_TOKEN" => Some(vercel::TOKEN.into()),
            "RENDER_API_KEY" => Some(render::TOKEN.into()),
            "RAILWAY_TOKEN" => Some(railway::TOKEN.into()),
            "ARGOCD_TOKEN" => Some(argocd::TOKEN.into()),
            "VERCEL_WEBHOOK_SECRET" => Some(VERCEL_WEBHOOK.into()),
            "RAILWAY_WEBHOOK_SECRET" => Some(RAILWAY_WEBHOOK.into()),
            "REGISTRY_PASSWORD" => Some(docker::PASSWORD.into()),
            "GITHUB_TOKEN" => Some(github::TOKEN.into()),
            "ALERTS_TOKEN" => Some(ALERTS_TOKEN.into()),
            "SENTRY_SECRET" => Some("a-client-secret-of-sentrys-integration".into()),
            "PROMETHEUS_TOKEN" => Some(prometheus::TOKEN.into()),
            "PAGERDUTY_TOKEN" => Some(pagerduty::TOKEN.into()),
            "STATUSPAGE_TOKEN" => Some(notices::TOKEN.into()),
            "NOTICES_URL" => Some(hook.clone()),
            "NOTICES_SECRET" => Some(notices::SECRET.into()),
            "PAGERDUTY_ROUTING_KEY" => Some(pagerduty::ROUTING_KEY.into()),
            _ => None,
        };
        let read = |path: &std::path::Path| std::fs::read_to_string(path);
        Config::parse(settings, &env, &read, &RESERVED)
    }

    /// The process ends, with whatever it had in memory.
    pub async fn stops(&mut self) {
        if let Some(bot) = self.bot.take() {
            bot.listening.abort();
            bot.connecting.abort();
            let _ = bot.listening.await;
            let _ = bot.connecting.await;
            bot.app.engine.db.close().await;
        }
    }

    /// The process is told to end, and gives up its connections in good order.
    pub async fn ends(&mut self) {
        if let Some(bot) = self.bot.take() {
            let _ = bot.stop.send(true);
            let _ = bot.connecting.await;
            bot.listening.abort();
            let _ = bot.listening.await;
            bot.app.engine.db.close().await;
        }
    }

    /// The leases of a process that died end. SQLite frees them at the start, under its lock.
    pub async fn leases_end(&self) {
        if let store::Db::Postgres(pool) = &self.app().engine.db {
            sqlx::query("UPDATE step SET lease_until = 0 WHERE lease_until IS NOT NULL")
                .execute(pool)
                .await
                .unwrap();
        }
    }

    /// The bot, for what a story cannot see from outside.
    pub fn app(&self) -> &App {
        &self.bot.as_ref().unwrap().app
    }

    /// Where the bot listens.
    pub fn base(&self) -> &str {
        &self.bot.as_ref().unwrap().base
    }

    /// The address of the database.
    pub fn database(&self) -> &str {
        let mut lines = self.settings.lines();
        lines
            .find_map(|line| line.strip_prefix("# database: "))
            .unwrap()
    }

    /// Does everything that is due, and what follows within two seconds: pacing, not waiting.
    pub async fn settle(&mut self) {
        for _ in 0..500 {
            if worker::run_due(self.app()).await > 0 {
                continue;
            }
            let Some(soon) = self.next_due().await else {
                break;
            };
            let wait =
                Duration::try_from(soon.duration_since(self.clock.now())).unwrap_or_default();
            if wait > Duration::from_secs(2) {
                break;
            }
            self.clock.advance(wait.max(Duration::from_micros(1)));
        }
        self.note_left_over().await;
    }

    /// Time passes, and what falls due in it is done at its moment.
    pub async fn passes(&mut self, time: Duration) {
        let end = self.clock.now().checked_add(time).unwrap();
        for _ in 0..5_000 {
            if worker::run_due(self.app()).await > 0 {
                continue;
            }
            match self.next_due().await {
                Some(due) if due <= end => {
                    let wait = Duration::try_from(due.duration_since(self.clock.now()))
                        .unwrap_or_default();
                    self.clock.advance(wait.max(Duration::from_micros(1)));
                }
                _ => break,
            }
        }
        let rest = Duration::try_from(end.duration_since(self.clock.now())).unwrap_or_default();
        self.clock.advance(rest);
        while worker::run_due(self.app()).await > 0 {}
        self.note_left_over().await;
    }

    async fn next_due(&self) -> Option<Timestamp> {
        let waiting = store::jobs::waiting(&self.app().engine.db).await.unwrap();
        waiting
            .into_iter()
            .find(|(kind, ..)| !["survey", "roster", "standings"].contains(&kind.as_str()))
            .map(|(_, _, at, _)| at)
    }

    async fn note_left_over(&mut self) {
        let now = self.clock.now();
        let waiting = store::jobs::waiting(&self.app().engine.db).await.unwrap();
        self.left_over = waiting
            .into_iter()
            .filter(|(_, _, at, _)| *at <= now)
            .map(|(kind, key, _, error)| format!("{kind} {key} {error:?}"))
            .collect();
    }

    /// What is new in the channel, for everybody.
    pub fn channel(&self) -> String {
        let seen = self.slack.take_new(CHANNEL);
        // The port is another one every time.
        let seen = seen.replace(&self.site.url(), "https://shop.example.com");
        let lines = seen.lines().map(without_sizes);
        lines.collect::<Vec<_>>().join("\n")
    }

    /// A rollback, as it is stored.
    pub async fn rollback(&self, id: u64) -> Rollback {
        store::rollbacks::get(&self.app().engine.db, RollbackId::new(id))
            .await
            .unwrap()
            .unwrap()
    }

    /// An incident's timeline: kind and text, one line each.
    pub async fn record(&self) -> String {
        let entries =
            store::timelines::entries(&self.app().engine.db, IncidentId::new(1), 0, 1_000)
                .await
                .unwrap();
        for (at, entry) in (1..).zip(&entries) {
            assert_eq!(entry.seq, at, "the timeline has no holes");
        }
        let lines = entries.iter().map(|entry| {
            let event = &entry.event;
            format!("{} {}: {}", event.who, event.kind(), event.text())
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Asks for frontend, lets the card appear, and takes what was said so far.
    pub async fn with_a_card(&mut self) {
        self.maya()
            .says("/rollback frontend because checkout 500s")
            .await;
        self.settle().await;
        self.slack.take_all();
    }

    /// Who asks.
    pub fn maya(&self) -> Acting<'_> {
        Acting {
            world: self,
            id: "U0MAYA",
        }
    }
    /// On call.
    pub fn sam(&self) -> Acting<'_> {
        Acting {
            world: self,
            id: "U0SAM",
        }
    }
    /// Lead.
    pub fn ana(&self) -> Acting<'_> {
        Acting {
            world: self,
            id: "U0ANA",
        }
    }
    /// An engineer without a role.
    pub fn tom(&self) -> Acting<'_> {
        Acting {
            world: self,
            id: "U0TOM",
        }
    }
    /// Somebody by their Slack id.
    pub fn somebody(&self, id: &'static str) -> Acting<'_> {
        Acting { world: self, id }
    }
    /// A guest.
    pub fn gus(&self) -> Acting<'_> {
        Acting {
            world: self,
            id: "U0GUS",
        }
    }
}

impl Acting<'_> {
    /// Types something into the channel.
    pub async fn says(&self, text: &str) -> Answer {
        let answer = self.world.slack.says(self.id, CHANNEL, text).await;
        assert!(answer.is_ok(), "{}: {}", answer.status, answer.body);
        answer
    }

    /// Clicks the newest button with this label.
    pub async fn clicks(&self, label: &str) {
        let answer = self.world.slack.clicks(self.id, label).await.unwrap();
        assert!(answer.is_ok(), "{}: {}", answer.status, answer.body);
    }

    /// Clicks a button that the card no longer has.
    pub async fn clicks_an_old(&self, label: &str) {
        let answer = self.world.slack.clicks_stale(self.id, label).await.unwrap();
        assert!(answer.is_ok(), "{}: {}", answer.status, answer.body);
    }

    /// What only they see, since they last looked.
    pub fn sees(&self) -> String {
        self.world.slack.take_ephemerals(self.id)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        messages::keep(&self.slack, &self.site.url());
        assert_eq!(
            logs::watch().found(),
            Vec::<String>::new(),
            "a secret was logged, by the thread that is named"
        );
        assert_eq!(
            self.slack.violations(),
            Vec::<String>::new(),
            "Slack's limits were broken"
        );
        if let Some(socket) = &self.socket {
            assert_eq!(
                socket.violations(),
                Vec::<String>::new(),
                "Slack was told something on a connection that it does not know"
            );
        }
        assert_eq!(
            self.notices.violations(),
            Vec::<String>::new(),
            "Statuspage was asked what it does not know"
        );
        assert_eq!(
            self.vercel.violations(),
            Vec::<String>::new(),
            "Vercel was asked something it does not know"
        );
        assert_eq!(
            self.pagerduty.violations(),
            Vec::<String>::new(),
            "PagerDuty was asked something it does not know"
        );
        assert_eq!(
            self.slack.unread(),
            "",
            "something was said that nobody read"
        );
        assert_eq!(self.left_over, Vec::<String>::new(), "jobs were left over");
    }
}

/// The roles of most stories.
pub const ROLES: &str = r#"
[roles.oncall]
members = ["U0SAM"]
[roles.lead]
members = ["U0ANA"]
"#;

/// `frontend` on Vercel, with a fingerprint and a health check.
pub const FRONTEND: &str = r#"
[services.frontend.production]
provider = "vercel"
project = "prj_2WkFZr3TqUoXcB7mNvL9sHdYeA4g"
team = "team_nLlpyC6REAqxydlFKbrMDlud"
token = "env:VERCEL_TOKEN"
api_url = "{vercel}"
approve = ["oncall", "lead"]
target_time = "2m"
[services.frontend.production.fingerprint]
url = "{site}/version.json"
json = "/version"
[[services.frontend.production.verify]]
kind = "http"
url = "{site}/api/health"
"#;

/// A database of its own, in which the tables are: a copy of a SQLite file, or on the Postgres that
/// `STORIES_DATABASE_URL` names. Making the tables anew would take as long as many a story; how
/// they are made is what tests/upgrades.rs is about.
async fn database(dir: &TempDir) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let Ok(server) = std::env::var("STORIES_DATABASE_URL") else {
        static TABLES: OnceCell<Vec<u8>> = OnceCell::const_new();
        let tables = TABLES.get_or_init(|| async {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("tables.db");
            make_tables(&format!("sqlite://{}", file.display())).await;
            std::fs::read(file).unwrap()
        });
        let file = dir.path().join("bot.db");
        // As the bot makes it: for nobody else to read.
        let private = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file);
        private.unwrap().write_all(tables.await).unwrap();
        return format!("sqlite://{}", file.display());
    };
    static TABLES: OnceCell<String> = OnceCell::const_new();
    let tables = TABLES.get_or_init(|| async {
        let name = format!("tables_{}", std::process::id());
        create_database(&server, &name).await;
        make_tables(&database_on(&server, &name)).await;
        name
    });
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("story_{}_{number}", std::process::id());
    create_database(&server, &format!("{name} TEMPLATE {}", tables.await)).await;
    database_on(&server, &name)
}

/// Makes the tables, as the bot does when it starts.
async fn make_tables(url: &str) {
    store::Db::open(url).await.unwrap().close().await;
}

/// `name` is followed by what `CREATE DATABASE` says besides.
async fn create_database(server: &str, name: &str) {
    use sqlx::{Connection, Executor, PgConnection};
    let mut connection = PgConnection::connect(server).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    connection.execute(create).await.unwrap();
    connection.close().await.unwrap();
}

/// The address of another database on the same server.
fn database_on(server: &str, name: &str) -> String {
    let mut url = url::Url::parse(server).unwrap();
    url.set_path(name);
    // A server that wants none takes any.
    if url.password().is_none() {
        url.set_password(Some(logs::DATABASE_PASSWORD)).unwrap();
    }
    url.to_string()
}
