//! How fast it answers, beside a handler that does nothing but check the signature.
//!
//! ```text
//! cargo run --release --example bench                        # a temporary SQLite file
//! BENCH_DATABASE_URL=postgres://… cargo run --release --example bench
//! ```
//!
//! Each server is a process of its own, on loopback, driven by the same client over keep-alive
//! connections with correctly signed requests. What counts are the ratios: the absolute numbers
//! are those of the machine, on which the client and the simulated Slack run too.
//! `bench note status` measures only the loads whose names begin so.

use anyhow::{Context, ensure};
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use rollback_bot::{App, CurrentApp, clock::Clock, config::Config, handlers::sign, serve::Serving};
use rollback_domain::grammar::RESERVED;
use rollback_simulation::{Options, Person, Slack};
use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    os::unix::fs::symlink,
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// What both servers check.
const SECRET: &str = "a-signing-secret-of-the-simulation";
/// How many connections are kept busy in the closed loop.
const CONNECTIONS: usize = 128;
/// How long each closed loop is measured.
const MEASURED: Duration = Duration::from_secs(5);
/// How long it is driven before.
const WARM_UP: Duration = Duration::from_secs(1);
/// How many requests a second the open loop sends.
const RATE: u32 = 200;
/// How many services can be proposed for.
const SERVICES: usize = 200;
/// How many rollbacks are timed from the click to the platform.
const CLICKS: usize = 10;
/// Where they are asked for.
const CHANNEL: &str = "C0INC";

/// What is asked of a server, again and again.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    /// `{n}` is another number every time.
    text: &'static str,
    /// What is in the answer.
    says: &'static str,
}

/// How many proposals that open a rollback are measured at a time, and how often.
const OPENED: usize = 2_000;
const ROUNDS: usize = 4;

const LOADS: [Load; 5] = [
    Load {
        name: "help, nothing is read",
        text: "help",
        says: "propose a rollback",
    },
    Load {
        name: "status, read only",
        text: "status",
        says: "rollback",
    },
    Load {
        name: "board, read only",
        text: "",
        says: "Services",
    },
    Load {
        name: "note, durable",
        text: "note error rate is {n}",
        says: "Noted for",
    },
    Load {
        name: "proposal, mostly refused",
        text: "shop{s} because error rate is {n}",
        says: "RB-",
    },
];

/// What came of one loop.
struct Measured {
    per_second: f64,
    p50: Duration,
    p99: Duration,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rollback_bot::http_client()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // The servers are this program, started again.
    match arguments.first().map(String::as_str) {
        Some("serve-bare") => serve_bare().await,
        Some("serve-bot") => serve_bot(Path::new(&arguments[1])).await,
        Some("serve-answers") => serve_answers(Path::new(&arguments[1])).await,
        _ => measure(&arguments).await,
    }
}

async fn measure(only: &[String]) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let slack = Slack::start(Options {
        people: vec![
            Person::member("U0MAYA", "maya"),
            Person::member("U0SAM", "sam"),
        ],
        channels: vec![(CHANNEL.into(), "incidents".into())],
        signing_secret: SECRET.into(),
        ..Options::default()
    })
    .await?;
    let database = match std::env::var("BENCH_DATABASE_URL") {
        Ok(url) => url,
        Err(_) => format!("sqlite://{}/bench.db", directory.path().display()),
    };
    let place = match database.starts_with("sqlite") {
        true => "SQLite, synchronous=FULL",
        false => "Postgres",
    };
    let settings = directory.path().join("rollback-bot.toml");
    fs::write(&settings, config(&slack, directory.path())?)?;
    let arguments = ["serve-bot".as_ref(), settings.as_os_str()];
    let bare = Server::start(&["serve-bare".as_ref()], &database).await?;
    let bot = Server::start(&arguments, &database).await?;

    slack.connect(&format!("http://{}", bot.address));
    let took = clicks(&slack, directory.path()).await?;
    println!(
        "from the click to the platform: {:.1} ms in the middle of {CLICKS}, {:.1} ms at most",
        took.p50.as_secs_f64() * 1e3,
        took.p99.as_secs_f64() * 1e3
    );

    println!(
        "{CONNECTIONS} connections, {} s each; client and servers on {} cores; {place}\n",
        MEASURED.as_secs(),
        std::thread::available_parallelism()?
    );
    println!(
        "{:<28} {:>10} {:>7} {:>9} {:>9}   open loop at {RATE}/s: p50, p99, of bare",
        "closed loop", "req/s", "of bare", "p50", "p99"
    );
    let nothing = Load {
        says: "",
        ..LOADS[0]
    };
    let reference = closed(bare.address, nothing).await?;
    let waited = open(bare.address, nothing).await?;
    line(
        "bare axum, signature only",
        &reference,
        &reference,
        &waited,
        &waited,
    );
    let wanted =
        |load: &str| only.is_empty() || only.iter().any(|name| load.starts_with(name.as_str()));
    for load in LOADS.into_iter().filter(|load| wanted(load.name)) {
        let measured = closed(bot.address, load).await?;
        let paced = open(bot.address, load).await?;
        line(load.name, &measured, &reference, &paced, &waited);
    }
    println!(
        "\nresident memory {} MiB after {} requests",
        bot.resident_mib(),
        SENT.load(Ordering::Relaxed)
    );
    bot.ends().await?;
    if wanted("opened") {
        let opened = opened(&slack, directory.path(), &database).await?;
        println!(
            "proposals that open a rollback, {} at a time: {:.0} a second, {:.2} of bare, p50 {:.2} ms, p99 {:.2} ms",
            OPENED,
            opened.per_second,
            opened.per_second / reference.per_second,
            opened.p50.as_secs_f64() * 1e3,
            opened.p99.as_secs_f64() * 1e3,
        );
    }

    let again = Instant::now();
    let bot = Server::start(&arguments, &database).await?;
    println!(
        "ready {:.1} ms after the program was started, on the existing database",
        again.elapsed().as_secs_f64() * 1e3
    );
    bot.ends().await
}

/// A server in a process of its own.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts it, and waits until it is ready.
    async fn start(arguments: &[&std::ffi::OsStr], database: &str) -> anyhow::Result<Server> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .env("DATABASE_URL", database)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().context("it has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        let address = line
            .trim()
            .parse()
            .with_context(|| format!("the server did not start: {line}"))?;
        Ok(Server { process, address })
    }

    /// What it holds in memory, where the system tells.
    fn resident_mib(&self) -> u64 {
        let Some(id) = self.process.id() else {
            return 0;
        };
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|size| size.trim().trim_end_matches(" kB").parse::<u64>().ok())
            .map_or(0, |kib| kib / 1024)
    }

    /// Ends it as it is ended everywhere: SIGTERM.
    async fn ends(mut self) -> anyhow::Result<()> {
        let id = self.process.id().context("it has ended already")?;
        Command::new("kill").arg(id.to_string()).status().await?;
        self.process.wait().await?;
        Ok(())
    }
}

fn load(settings: &Path) -> anyhow::Result<Config> {
    let secrets = |name: &str| match name {
        "SECRET" => Some(SECRET.to_owned()),
        "TOKEN" => Some(Options::default().bot_token),
        name => std::env::var(name).ok(),
    };
    Config::load(settings, &secrets, &RESERVED).map_err(|mistakes| anyhow::anyhow!("{mistakes}"))
}

/// A replica that answers, and leaves the work to others.
async fn serve_answers(settings: &Path) -> anyhow::Result<()> {
    let app = App::start(load(settings)?, Clock::real()).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(
        listener,
        rollback_bot::handlers::routes(CurrentApp::new(app)),
    )
    .await?;
    Ok(())
}

async fn serve_bot(settings: &Path) -> anyhow::Result<()> {
    let (app, serving) = Serving::start(load(settings)?, Clock::real()).await?;
    println!("{}", serving.address.context("nothing listens")?);
    rollback_bot::serve::ended().await;
    serving.stop(&app).await;
    Ok(())
}

/// From the click of an approver to the platform that is asked: a link that is moved.
async fn clicks(slack: &Slack, directory: &Path) -> anyhow::Result<Measured> {
    let patience = Duration::from_secs(20);
    let mut took = vec![];
    for n in 0..CLICKS {
        let said = slack
            .says("U0MAYA", CHANNEL, &format!("/rollback moves{n}"))
            .await;
        ensure!(said.is_ok(), "{}: {}", said.status, said.body);
        slack
            .shows(CHANNEL, &format!("Roll back moves{n} to"), patience)
            .await
            .map_err(|error| anyhow::anyhow!("{error} {}", slack.ephemerals("U0MAYA")))?;
        let current = directory.join(format!("moves{n}/current"));
        let before = fs::read_link(&current)?;
        let clicked = Instant::now();
        let approves = slack.clone();
        let click = tokio::spawn(async move { approves.clicks("U0SAM", "Approve").await });
        while fs::read_link(&current)? == before {
            ensure!(clicked.elapsed() < patience, "moves{n} was not rolled back");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        took.push(clicked.elapsed());
        click.await??;
    }
    Ok(measured(took, patience))
}

fn line(name: &str, measured: &Measured, bare: &Measured, paced: &Measured, bare_paced: &Measured) {
    let ms = |took: Duration| format!("{:.2} ms", took.as_secs_f64() * 1e3);
    println!(
        "{name:<28} {:>10.0} {:>7.2} {:>9} {:>9}   {:>9} {:>9} {:>5.1}×",
        measured.per_second,
        measured.per_second / bare.per_second,
        ms(measured.p50),
        ms(measured.p99),
        ms(paced.p50),
        ms(paced.p99),
        paced.p99.as_secs_f64() / bare_paced.p99.as_secs_f64(),
    );
}

/// A handler that checks the signature as the bot does, and remembers nothing.
async fn serve_bare() -> anyhow::Result<()> {
    async fn check(headers: HeaderMap, body: Bytes) -> StatusCode {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(at), Some(given)) = (
            header("x-slack-request-timestamp"),
            header("x-slack-signature"),
        ) else {
            return StatusCode::UNAUTHORIZED;
        };
        match sign(SECRET, at, &body) == given {
            true => StatusCode::OK,
            false => StatusCode::UNAUTHORIZED,
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let routes = Router::new().route("/slack/commands", post(check));
    axum::serve(listener, routes).await?;
    Ok(())
}

fn config(slack: &Slack, directory: &Path) -> anyhow::Result<String> {
    let mut text = head(slack);
    for n in 0..SERVICES {
        // Nothing is there: a proposal comes to nothing, and the next one may be opened.
        service(
            &mut text,
            &directory.join(format!("shop{n}")),
            &format!("shop{n}"),
        )?;
    }
    for n in 0..CLICKS {
        let path = directory.join(format!("moves{n}"));
        service(&mut text, &path, &format!("moves{n}"))?;
        for (release, age) in [("v1", 7_200), ("v2", 600)] {
            let release = path.join("releases").join(release);
            fs::create_dir_all(&release)?;
            fs::write(release.join("version"), "")?;
            // Releases are listed by age.
            let made = Clock::real().now().checked_sub(Duration::from_secs(age))?;
            fs::File::open(&release)?.set_modified(made.into())?;
        }
        symlink("releases/v2", path.join("current"))?;
    }
    Ok(text)
}

fn head(slack: &Slack) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1\"\n\
         [database]\nurl = \"env:DATABASE_URL\"\n\
         [slack]\nsigning_secret = \"env:SECRET\"\nbot_token = \"env:TOKEN\"\napi_url = \"{}\"\nteam = \"T0ACME\"\n\
         # Far above what people send.\n[limits]\nperson_per_minute = 100000\nchannel_per_minute = 1000000\n\
         [roles.oncall]\nmembers = [\"U0SAM\"]\n",
        slack.api_url()
    )
}

fn service(text: &mut String, path: &Path, name: &str) -> std::fmt::Result {
    writeln!(
        text,
        "[services.{name}.production]\nprovider = \"releases\"\npath = \"{}\"\napprove = [\"oncall\"]",
        path.display()
    )
}

/// Proposals that each open a rollback, answered by a replica that does nothing else: a service
/// can be proposed for once, and what follows takes far longer than its answer.
async fn opened(slack: &Slack, directory: &Path, database: &str) -> anyhow::Result<Measured> {
    let (mut took, mut over) = (vec![], Duration::ZERO);
    for round in 0..ROUNDS {
        let mut text = head(slack);
        for n in 0..OPENED {
            let name = format!("fresh{round}n{n}");
            service(&mut text, &directory.join(&name), &name)?;
        }
        let settings = directory.join("answers.toml");
        fs::write(&settings, text)?;
        let arguments = ["serve-answers".as_ref(), settings.as_os_str()];
        let bot = Server::start(&arguments, database).await?;
        let began = Instant::now();
        let all = propose_all(bot.address, round).await?;
        // The first round warms everything up.
        if round > 0 {
            over += began.elapsed();
            took.extend(all);
        }
        bot.ends().await?;
    }
    Ok(measured(took, over))
}

async fn propose_all(address: SocketAddr, round: usize) -> anyhow::Result<Vec<Duration>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut busy = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let next = next.clone();
        busy.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (mut buffer, mut took) = (Vec::with_capacity(4096), vec![]);
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= OPENED {
                    return anyhow::Ok(took);
                }
                let text = format!("fresh{round}n{n} because error rate is {n}");
                let began = Instant::now();
                ask(&mut stream, &mut buffer, &text).await?;
                took.push(began.elapsed());
                ensure!(
                    is_in(": finding", &buffer),
                    "nothing was opened: {}",
                    String::from_utf8_lossy(&buffer)
                );
            }
        });
    }
    let mut took = vec![];
    while let Some(done) = busy.join_next().await {
        took.extend(done??);
    }
    Ok(took)
}

static SENT: AtomicU64 = AtomicU64::new(0);

/// The next request, signed.
fn request(text: &str) -> Vec<u8> {
    let n = SENT.fetch_add(1, Ordering::Relaxed);
    let text = text
        .replace("{n}", &n.to_string())
        .replace("{s}", &(n as usize % SERVICES).to_string());
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("command", "/rollback")
        .append_pair("text", &text)
        .append_pair("user_id", &format!("U{:03}", n % 500))
        .append_pair("user_name", "maya")
        .append_pair("team_id", "T0ACME")
        .append_pair("channel_id", &format!("C{:03}", n % 10))
        .append_pair("trigger_id", &format!("13345224609.{n}"))
        .append_pair("response_url", "http://127.0.0.1:9/never")
        .finish();
    let at = Clock::real().now().as_second().to_string();
    let signature = sign(SECRET, &at, body.as_bytes());
    format!(
        "POST /slack/commands HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         x-slack-request-timestamp: {at}\r\nx-slack-signature: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One request over a kept connection; anything but 200 is an error.
async fn ask(stream: &mut TcpStream, buffer: &mut Vec<u8>, text: &str) -> anyhow::Result<()> {
    stream.write_all(&request(text)).await?;
    buffer.clear();
    loop {
        let head = buffer.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(head) = head {
            let text = std::str::from_utf8(&buffer[..head])?;
            if !text.starts_with("HTTP/1.1 200") {
                anyhow::bail!("answered {text:.60}");
            }
            let length: usize = text
                .lines()
                .find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse().ok())?
                })
                .context("no content-length")?;
            if buffer.len() >= head + 4 + length {
                return Ok(());
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            anyhow::bail!("the connection was closed");
        }
    }
}

fn is_in(text: &str, answer: &[u8]) -> bool {
    text.is_empty()
        || answer
            .windows(text.len())
            .any(|some| some == text.as_bytes())
}

/// As many requests as the connections carry.
async fn closed(address: SocketAddr, load: Load) -> anyhow::Result<Measured> {
    let begins = Instant::now() + WARM_UP;
    let ends = begins + MEASURED;
    let mut busy = JoinSet::new();
    for _ in 0..CONNECTIONS {
        busy.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (mut buffer, mut took) = (Vec::with_capacity(4096), vec![]);
            while Instant::now() < ends {
                let began = Instant::now();
                ask(&mut stream, &mut buffer, load.text).await?;
                if began >= begins {
                    took.push(began.elapsed());
                }
                // Now and again: whether it is the answer that is measured.
                ensure!(
                    took.len() % 256 != 1 || is_in(load.says, &buffer),
                    "{}: {}",
                    load.name,
                    String::from_utf8_lossy(&buffer)
                );
            }
            anyhow::Ok(took)
        });
    }
    let mut took = vec![];
    while let Some(done) = busy.join_next().await {
        took.extend(done??);
    }
    Ok(measured(took, MEASURED))
}

/// So many requests a second, whatever the answers do; each waits from when it was to be sent.
async fn open(address: SocketAddr, load: Load) -> anyhow::Result<Measured> {
    let mut idle: Vec<TcpStream> = vec![];
    let mut clock = interval(Duration::from_secs(1) / RATE);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut busy: JoinSet<anyhow::Result<(TcpStream, Duration)>> = JoinSet::new();
    let mut took = vec![];
    for _ in 0..RATE * u32::try_from(MEASURED.as_secs())? {
        let due: Instant = clock.tick().await.into();
        while let Some(done) = busy.try_join_next() {
            let (stream, waited) = done??;
            idle.push(stream);
            took.push(waited);
        }
        let stream = match idle.pop() {
            Some(stream) => stream,
            None => TcpStream::connect(address).await?,
        };
        busy.spawn(async move {
            let mut stream = stream;
            stream.set_nodelay(true)?;
            ask(&mut stream, &mut Vec::with_capacity(4096), load.text).await?;
            Ok((stream, due.elapsed()))
        });
    }
    while let Some(done) = busy.join_next().await {
        took.push(done??.1);
    }
    Ok(measured(took, MEASURED))
}

fn measured(mut took: Vec<Duration>, over: Duration) -> Measured {
    took.sort_unstable();
    let at = |share: f64| {
        let index = (took.len() as f64 * share) as usize;
        took.get(index.min(took.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    };
    Measured {
        per_second: took.len() as f64 / over.as_secs_f64(),
        p50: at(0.5),
        p99: at(0.99),
    }
}
