//! How fast it answers, beside a handler that does nothing but check the signature.
//!
//! ```text
//! cargo run --release --example bench                        # a temporary SQLite file
//! BENCH_DATABASE_URL=postgres://… cargo run --release --example bench
//! ```
//!
//! Both servers run in this process, on loopback, and are driven by the same client over
//! keep-alive connections with correctly signed requests. What counts are the ratios: the
//! absolute numbers are those of the machine, client included.

use anyhow::Context;
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use rollback_bot::{clock::Clock, config::Config, handlers::sign, serve::Serving};
use rollback_domain::grammar::RESERVED;
use rollback_simulation::{Options, Slack};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// What both servers check.
const SECRET: &str = "a-signing-secret-of-the-simulation";
/// How many connections are kept busy in the closed loop.
const CONNECTIONS: usize = 64;
/// How long each closed loop is measured.
const MEASURED: Duration = Duration::from_secs(5);
/// How long it is driven before.
const WARM_UP: Duration = Duration::from_secs(1);
/// How many requests a second the open loop sends.
const RATE: u32 = 200;
/// How many services can be proposed for.
const SERVICES: usize = 200;

/// What is asked of a server, again and again.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    /// `{n}` is another number every time.
    text: &'static str,
}

const LOADS: [Load; 5] = [
    Load {
        name: "help, nothing is read",
        text: "help",
    },
    Load {
        name: "status, read only",
        text: "status",
    },
    Load {
        name: "board, read only",
        text: "",
    },
    Load {
        name: "note, durable",
        text: "note error rate is {n}",
    },
    Load {
        name: "proposal, durable",
        text: "shop{s} because error rate is {n}",
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
    let bare = bare().await?;
    let directory = tempfile::tempdir()?;
    let slack = Slack::start(Options::default()).await?;
    let database = match std::env::var("BENCH_DATABASE_URL") {
        Ok(url) => url,
        Err(_) => format!("sqlite://{}/bench.db", directory.path().display()),
    };
    let place = if database.starts_with("sqlite") {
        "SQLite, synchronous=FULL"
    } else {
        "Postgres"
    };
    let config = config(&slack, &database, directory.path())?;
    let (app, serving) = Serving::start(config.clone(), Clock::real()).await?;
    let bot = serving.address;

    println!(
        "{CONNECTIONS} connections, {} s each; client and servers on {} cores; {place}\n",
        MEASURED.as_secs(),
        std::thread::available_parallelism()?
    );
    println!(
        "{:<28} {:>10} {:>7} {:>9} {:>9}   open loop at {RATE}/s: p50, p99, of bare",
        "closed loop", "req/s", "of bare", "p50", "p99"
    );
    let reference = closed(bare, LOADS[0]).await?;
    let waited = open(bare, LOADS[0]).await?;
    line(
        "bare axum, signature only",
        &reference,
        &reference,
        &waited,
        &waited,
    );
    for load in LOADS {
        let measured = closed(bot, load).await?;
        let paced = open(bot, load).await?;
        line(load.name, &measured, &reference, &paced, &waited);
    }
    println!(
        "\nresident memory {} MiB after {} requests",
        resident_mib(),
        SENT.load(Ordering::Relaxed)
    );
    serving.stop(&app).await;

    let again = Instant::now();
    let (app, serving) = Serving::start(config, Clock::real()).await?;
    println!(
        "ready on the existing database in {:.1} ms",
        again.elapsed().as_secs_f64() * 1e3
    );
    serving.stop(&app).await;
    Ok(())
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
async fn bare() -> anyhow::Result<SocketAddr> {
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
    let address = listener.local_addr()?;
    let routes = Router::new().route("/slack/commands", post(check));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

fn config(slack: &Slack, database: &str, directory: &std::path::Path) -> anyhow::Result<Config> {
    let mut text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1\"\n\
         [database]\nurl = \"env:DATABASE_URL\"\n\
         [slack]\nsigning_secret = \"env:SECRET\"\nbot_token = \"env:TOKEN\"\napi_url = \"{}\"\nteam = \"T0ACME\"\n\
         [roles.oncall]\nmembers = [\"U0SAM\", \"U0ANA\"]\n",
        slack.api_url()
    );
    for n in 0..SERVICES {
        write!(
            text,
            "[services.shop{n}.production]\nprovider = \"releases\"\npath = \"{}/shop{n}\"\napprove = [\"oncall\"]\n",
            directory.display()
        )?;
    }
    let database = database.to_owned();
    let secrets = move |name: &str| match name {
        "DATABASE_URL" => Some(database.clone()),
        "SECRET" => Some(SECRET.to_owned()),
        "TOKEN" => Some(Options::default().bot_token),
        _ => None,
    };
    let no_files = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
    Config::parse(&text, &secrets, &no_files, RESERVED)
        .map_err(|mistakes| anyhow::anyhow!("{mistakes}"))
}

static SENT: AtomicU64 = AtomicU64::new(0);

/// The next request, signed.
fn request(load: Load) -> Vec<u8> {
    let n = SENT.fetch_add(1, Ordering::Relaxed);
    let text = load
        .text
        .replace("{n}", &n.to_string())
        .replace("{s}", &(n as usize % SERVICES).to_string());
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("command", "/rollback")
        .append_pair("text", &text)
        .append_pair("user_id", "U0MAYA")
        .append_pair("user_name", "maya")
        .append_pair("team_id", "T0ACME")
        .append_pair("channel_id", &format!("C{:03}", n % 50))
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
async fn ask(stream: &mut TcpStream, buffer: &mut Vec<u8>, load: Load) -> anyhow::Result<()> {
    stream.write_all(&request(load)).await?;
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
                ask(&mut stream, &mut buffer, load).await?;
                if began >= begins {
                    took.push(began.elapsed());
                }
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
            ask(&mut stream, &mut Vec::with_capacity(4096), load).await?;
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

/// What this process holds in memory, where the system tells.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let pages: BTreeMap<&str, &str> = status
        .lines()
        .filter_map(|line| line.split_once(':'))
        .collect();
    pages
        .get("VmRSS")
        .and_then(|size| size.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map_or(0, |kib| kib / 1024)
}
