//! How big the program is, how long it takes to be ready, and what it holds in memory while
//! nothing is asked of it, with every service of the example configuration.
//!
//! ```text
//! cargo build --release
//! cargo run --release --example footprint                     # of target/release/rollback-bot
//! cargo run --release --example footprint -- /usr/bin/rollback-bot
//! ```
//!
//! Nothing of what the example names is reached: Slack is a port on which nobody listens, and the
//! secrets are none.

use anyhow::{Context, ensure};
use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const EXAMPLE: &str = include_str!("../rollback-bot.example.toml");
/// How often it is started.
const STARTS: usize = 11;
/// How long it may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// How long nothing is asked of it before its memory is read.
const IDLE: Duration = Duration::from_secs(30);

fn main() -> anyhow::Result<()> {
    let program = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "target/release/rollback-bot".into());
    let size = fs::metadata(&program).with_context(|| format!("{program} cannot be read"))?;
    println!("size    {:>7.1} MiB", mib(size.len()));
    let mut took = vec![];
    for start in 1..=STARTS {
        let place = tempfile::tempdir()?;
        let began = Instant::now();
        let mut running = Running::start(Path::new(&program), place.path())?;
        running.becomes_ready(began)?;
        took.push(began.elapsed());
        if start == STARTS {
            thread::sleep(IDLE);
            println!("memory  {:>7.1} MiB", mib(running.resident()?));
        }
    }
    took.sort();
    println!(
        "start   {:>7.1} ms (from {:.1} to {:.1}, on a new SQLite file)",
        milliseconds(took[STARTS / 2]),
        milliseconds(took[0]),
        milliseconds(took[STARTS - 1])
    );
    Ok(())
}

/// The program, which is ended with this.
struct Running {
    process: Child,
    address: SocketAddr,
}

impl Running {
    fn start(program: &Path, place: &Path) -> anyhow::Result<Running> {
        // The port is free again as soon as this is dropped.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let settings = EXAMPLE
            .replace("127.0.0.1:3000", &address.to_string())
            .replace(
                "sqlite://rollback-bot.db",
                &format!("sqlite://{}/rollback-bot.db", place.display()),
            )
            .replace(
                "#api_url = \"https://slack.com/api\"",
                "api_url = \"http://127.0.0.1:1/api\"",
            );
        let config = place.join("rollback-bot.toml");
        fs::write(&config, settings)?;
        let process = Command::new(program)
            .arg("serve")
            .arg("--config")
            .arg(config)
            .env_clear()
            .envs(secrets())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Running { process, address })
    }

    fn becomes_ready(&mut self, began: Instant) -> anyhow::Result<()> {
        while !is_ready(self.address) {
            if let Some(status) = self.process.try_wait()? {
                anyhow::bail!("it ended with {status}; try it with check");
            }
            ensure!(began.elapsed() < READY_WITHIN, "it does not become ready");
            thread::sleep(Duration::from_micros(500));
        }
        Ok(())
    }

    /// What it holds in memory, in bytes.
    fn resident(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.context("the system does not tell")?.trim();
        Ok(kib.trim_end_matches(" kB").parse::<u64>()? * 1024)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A value for every secret that the example takes from the environment.
fn secrets() -> BTreeMap<&'static str, &'static str> {
    let lines = EXAMPLE.lines().filter(|line| !line.starts_with('#'));
    let quoted = lines.flat_map(|line| line.split('"'));
    let names = quoted.filter_map(|text| text.strip_prefix("env:"));
    names
        .map(|name| {
            let value = match name {
                "SLACK_SIGNING_SECRET" => "0123456789abcdef0123456789abcdef",
                "SLACK_BOT_TOKEN" => "xoxb-of-a-measurement",
                "DOCKER_CA" | "DOCKER_CERT" => "-----BEGIN CERTIFICATE-----",
                "DOCKER_KEY" => "-----BEGIN PRIVATE KEY-----",
                _ => "a-secret-of-a-measurement",
            };
            (name, value)
        })
        .collect()
}

fn is_ready(address: SocketAddr) -> bool {
    let answer = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(READY_WITHIN))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: bot\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    answer().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
