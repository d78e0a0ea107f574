//! Installs the program as README.md says, in a root directory in which nothing else is but the
//! certificates of public authorities, up to the first rollback; once by Socket Mode, and once with a public address. Prints how long it took.
//!
//! ```text
//! cargo build --example first_rollback
//! sudo target/debug/examples/first_rollback target/x86_64-unknown-linux-musl/release/rollback-bot 200
//! ```
//!
//! The number is how many milliseconds a person takes for a key; without it nobody waits. Slack and
//! Vercel are small ones on loopback, outside of that directory. Only root may change the root
//! directory of a program. `scripts/try-release` runs it.

use anyhow::{Context, bail, ensure};
use rollback_simulation::{Options, Slack};
use rustix::{
    fs::{Mode, OFlags, open},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use site::Site;
use socket::SocketMode;
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use vercel::Vercel;

#[path = "../tests/support/site.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the stories use the rest")]
mod site;
#[path = "../tests/support/socket.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the stories use the rest")]
mod socket;
#[path = "../tests/support/vercel.rs"]
#[expect(dead_code, unused_imports, reason = "the stories use the rest")]
mod vercel;

/// The certificates of public authorities, below the root directory.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";
/// The channel of the incident.
const CHANNEL: &str = "C0SHOP";
/// How long something may take that somebody waits for.
const WITHIN: Duration = Duration::from_secs(60);
/// How long an end may take.
const ENDS_WITHIN: Duration = Duration::from_secs(15);
/// What a person may need from the first question to the proof.
const GOAL: Duration = Duration::from_secs(300);

/// How Slack reaches the bot.
#[derive(Clone, Copy, Debug)]
enum Door {
    Socket,
    Address,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().context("which program? Name its file")?;
    let key = arguments.next().map_or(Ok(0), |text| text.parse())?;
    ensure!(
        rustix::process::geteuid().is_root(),
        "only root may change the root directory of a program: run this with sudo"
    );
    for door in [Door::Socket, Door::Address] {
        let began = Instant::now();
        let world = World::start(Duration::from_millis(key)).await?;
        let place = world.place(Path::new(&program))?;
        world.installs(&place, door).await?;
        let took = began.elapsed();
        println!(
            "{door:?}: {:.1} s, of {} s\n",
            took.as_secs_f64(),
            GOAL.as_secs()
        );
        ensure!(took < GOAL, "it took too long");
    }
    Ok(())
}

/// Everything around the bot, and the person who installs it.
struct World {
    slack: Slack,
    vercel: Arc<Vercel>,
    site: Site,
    /// How long a person takes for a key.
    key: Duration,
}

impl World {
    /// A workspace, and a shop that is broken since its last deploy.
    async fn start(key: Duration) -> anyhow::Result<World> {
        rollback_bot::http_client()?;
        let slack = Slack::start(Options {
            people: vec![
                rollback_simulation::Person::member("U0MAYA", "maya"),
                rollback_simulation::Person::member("U0SAM", "sam"),
                rollback_simulation::Person::member("U0ANA", "ana"),
            ],
            ..Options::default()
        })
        .await?;
        // What is deployed has a past.
        let ago = Arc::new(AtomicU64::new(2 * 86_400));
        let time = {
            let (clock, ago) = (rollback_bot::clock::Clock::real(), ago.clone());
            move || {
                let ago = Duration::from_secs(ago.load(Ordering::Relaxed));
                clock.now().checked_sub(ago).unwrap_or_default()
            }
        };
        let vercel = Arc::new(Vercel::start(Arc::new(time)).await);
        vercel.deploy("v213", "3c4d5e6f7a8", "session expiry", "lee");
        ago.store(1_800, Ordering::Relaxed);
        vercel.deploy("v214", "a1b2c3d4e5f", "checkout: new tax engine", "kim");
        ago.store(0, Ordering::Relaxed);
        vercel.moves_at_once(true);
        let site = {
            let vercel = vercel.clone();
            Site::start(move || vercel.production()).await
        };
        Ok(World {
            slack,
            vercel,
            site,
            key,
        })
    }

    /// A root directory with the program in it and the certificates that it does not start without,
    /// and nothing else.
    fn place(&self, program: &Path) -> anyhow::Result<Place> {
        let root = tempfile::tempdir()?;
        let to = root.path().join("rollback-bot");
        fs::copy(program, to).with_context(|| format!("{} cannot be read", program.display()))?;
        let certificates = root.path().join(CERTIFICATES);
        fs::create_dir_all(certificates.with_file_name(""))?;
        fs::copy(Path::new("/").join(CERTIFICATES), certificates)
            .with_context(|| format!("/{CERTIFICATES} cannot be read"))?;
        Ok(Place { root })
    }

    /// From the file of the program to a rollback that is proven.
    async fn installs(&self, place: &Place, door: Door) -> anyhow::Result<()> {
        println!(
            "$ rollback-bot --version\n{}",
            place.prints(&["--version"], &[]).await?
        );
        self.answers_questions(place, door)?;
        let address = self.edits(place)?;
        let socket = match door {
            Door::Socket => {
                let socket = SocketMode::start(&self.slack).await;
                self.slack.connect(socket.relay());
                Some(socket)
            }
            Door::Address => {
                self.slack.connect(&format!("http://{address}"));
                None
            }
        };
        let secrets = [
            ("SLACK_APP_TOKEN", Options::default().app_token),
            ("SLACK_BOT_TOKEN", Options::default().bot_token),
            ("SLACK_SIGNING_SECRET", Options::default().signing_secret),
            ("VERCEL_TOKEN", vercel::TOKEN.to_owned()),
        ];
        for verb in ["doctor", "check"] {
            println!(
                "$ rollback-bot {verb}\n{}",
                place.prints(&[verb], &secrets).await?
            );
        }
        println!("$ rollback-bot serve");
        let mut bot = place
            .command(&["serve"], &secrets)
            .kill_on_drop(true)
            .spawn()?;
        let health = async {
            while place.prints(&["health"], &[]).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if let Some(socket) = &socket {
                socket.has_a_connection().await;
            }
        };
        tokio::time::timeout(WITHIN, health)
            .await
            .context("it is not ready")?;
        self.takes_the_shop_back().await?;
        println!("{}", self.slack.channel(CHANNEL));
        ends(&mut bot).await?;
        let socket_violations = socket.map_or_else(Vec::new, |socket| socket.violations());
        let violations = [
            self.slack.violations(),
            self.vercel.violations(),
            socket_violations,
        ];
        ensure!(violations.iter().all(Vec::is_empty), "{violations:?}");
        Ok(())
    }

    /// The five questions, at a terminal.
    fn answers_questions(&self, place: &Place, door: Door) -> anyhow::Result<()> {
        let flags = ["init", "--set", &format!("team={}", vercel::TEAM_ID)];
        let mut terminal = Terminal::runs(place, &flags)?;
        let answers = [
            (
                "How does Slack reach",
                match door {
                    Door::Socket => "",
                    Door::Address => "https://rollback.example.com",
                },
            ),
            ("What do you want", ""),
            ("Where does it run?", "vercel"),
            ("project, for example", vercel::PROJECT_ID),
            ("Who may approve?", "U0SAM, U0ANA"),
            ("Where are rollbacks recorded?", ""),
        ];
        for (question, answer) in answers {
            let asked = terminal.asks()?;
            ensure!(asked.contains(question), "instead of {question:?}: {asked}");
            self.types(answer);
            terminal.typed(answer)?;
        }
        terminal.ends()?;
        println!("$ rollback-bot {}\n{}", flags.join(" "), terminal.shown);
        Ok(())
    }

    /// Adds what README.md says to add, the fingerprint and a check, and where these small Slack and Vercel are.
    /// Gives the address at which the bot will listen, if it does.
    fn edits(&self, place: &Place) -> anyhow::Result<String> {
        let path = place.root.path().join("rollback-bot.toml");
        let written = fs::read_to_string(&path)?;
        let added = format!(
            "\n[services.frontend.production.fingerprint]\nurl = \"{site}/version.json\"\njson = \"/version\"\n",
            site = self.site.url()
        );
        self.types(&added);
        // The port is free again as soon as this is dropped.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let settings = written
            .replace("127.0.0.1:3000", &address)
            .replace(
                "[slack]\n",
                &format!("[slack]\napi_url = \"{}\"\n", self.slack.api_url()),
            )
            .replace(
                "team = ",
                &format!("api_url = \"{}\"\nteam = ", self.vercel.api_url()),
            );
        fs::write(path, settings + &added)?;
        Ok(address)
    }

    /// Maya asks, Sam approves, and it is proven.
    async fn takes_the_shop_back(&self) -> anyhow::Result<()> {
        let command = "/rollback frontend because checkout 500s";
        self.types(command);
        let answer = self.slack.says("U0MAYA", CHANNEL, command).await;
        ensure!(answer.is_ok(), "{}", answer.body);
        let seen = self.slack.shows(CHANNEL, "Approve", WITHIN).await;
        seen.map_err(|why| anyhow::anyhow!("{why:?}"))?;
        let clicked = self.slack.clicks("U0SAM", "Approve").await;
        clicked.map_err(|why| anyhow::anyhow!("{why:?}"))?;
        let seen = self.slack.shows(CHANNEL, "RB-1 VERIFIED", WITHIN).await;
        seen.map_err(|why| anyhow::anyhow!("{why:?}"))?;
        ensure!(
            self.vercel.production() == "v213",
            "{} is live",
            self.vercel.production()
        );
        Ok(())
    }

    /// A person types, and ends the line.
    fn types(&self, text: &str) {
        thread::sleep(self.key * u32::try_from(text.chars().count() + 1).unwrap_or(u32::MAX));
    }
}

/// A root directory in which the program is.
struct Place {
    root: TempDir,
}

impl Place {
    fn command(&self, arguments: &[&str], secrets: &[(&str, String)]) -> Command {
        let mut command = Command::new("chroot");
        command
            .arg(self.root.path())
            .arg("/rollback-bot")
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(secrets.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// What it prints, if it succeeds.
    async fn prints(
        &self,
        arguments: &[&str],
        secrets: &[(&str, String)],
    ) -> anyhow::Result<String> {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(arguments, secrets).output().await?;
        let printed = String::from_utf8([stdout, stderr].concat())?;
        ensure!(
            status.success(),
            "{arguments:?} ended with {status}:\n{printed}"
        );
        Ok(printed)
    }
}

/// The program at a terminal of its own.
struct Terminal {
    process: std::process::Child,
    screen: File,
    /// Everything that was shown.
    shown: String,
}

impl Terminal {
    fn runs(place: &Place, arguments: &[&str]) -> anyhow::Result<Terminal> {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&screen)?;
        unlockpt(&screen)?;
        let end = ptsname(&screen, vec![])?;
        let end = File::from(open(end, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?);
        let process = place
            .command(arguments, &[])
            .into_std()
            .stdin(end.try_clone()?)
            .stdout(end.try_clone()?)
            .stderr(end)
            .spawn()?;
        Ok(Terminal {
            process,
            screen: screen.into(),
            shown: String::new(),
        })
    }

    /// Waits for the next question, and gives what was shown since the last answer.
    fn asks(&mut self) -> anyhow::Result<String> {
        let mut shown = vec![];
        while !shown.ends_with(b": ") {
            let mut part = [0; 1_024];
            let count = self.screen.read(&mut part).unwrap_or(0);
            if count == 0 {
                bail!(
                    "it ended instead of asking: {}",
                    String::from_utf8_lossy(&shown)
                );
            }
            shown.extend_from_slice(&part[..count]);
        }
        let shown = String::from_utf8(shown)?;
        self.shown += &shown;
        Ok(shown)
    }

    fn typed(&mut self, answer: &str) -> anyhow::Result<()> {
        Ok(write!(self.screen, "{answer}\r")?)
    }

    /// Reads the rest; fails if the program did.
    fn ends(&mut self) -> anyhow::Result<()> {
        let mut rest = vec![];
        // A terminal whose other end is closed is an error to whoever reads it.
        let _ = self.screen.read_to_end(&mut rest);
        self.shown += &String::from_utf8(rest)?;
        let status = self.process.wait()?;
        ensure!(status.success(), "it ended with {status}:\n{}", self.shown);
        Ok(())
    }
}

/// Tells it to end, and waits until it has.
async fn ends(bot: &mut Child) -> anyhow::Result<()> {
    let pid = bot.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    kill_process(pid.context("it has ended by itself")?, Signal::TERM)?;
    let ended = tokio::time::timeout(ENDS_WITHIN, bot.wait()).await;
    let status = ended.context("it does not end")??;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}
