//! The program as people start it, and what its commands print.

use super::{FRONTEND, ROLES, World, vercel};
use rollback_bot::serve::host;
use rollback_simulation::Slack;
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, path::Path, process::Stdio, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// What its configuration reads from the environment.
const SECRETS: [(&str, &str); 2] = [
    ("SIGNING_SECRET", "a-secret-of-the-simulation"),
    ("BOT_TOKEN", "xoxb-simulation"),
];

/// The program, at work on a record of its own.
pub struct Program {
    directory: TempDir,
    settings: String,
    address: String,
    process: Child,
}

impl Program {
    /// Starts it in a world, with `frontend` on its Vercel.
    pub async fn starts(world: &World) -> Program {
        Program::starts_with(world, &world.slack, "").await
    }

    /// The same in another workspace, and with more in the configuration.
    pub async fn starts_with(world: &World, slack: &Slack, more: &str) -> Program {
        let directory = tempfile::tempdir().unwrap();
        let services = FRONTEND
            .replace("{vercel}", world.vercel.api_url().as_str())
            .replace("{site}", &world.site.url())
            .replace("env:VERCEL_TOKEN", "file:token");
        let settings = format!(
            r#"
[server]
listen = "127.0.0.1:0"
public_url = "https://rollback.example.com"
[database]
url = "sqlite://rollback-bot.db"
[slack]
signing_secret = "env:SIGNING_SECRET"
bot_token = "env:BOT_TOKEN"
api_url = "{}"
{ROLES}{services}{more}"#,
            slack.api_url()
        );
        fs::write(directory.path().join("token"), vercel::TOKEN).unwrap();
        fs::write(directory.path().join("rollback-bot.toml"), &settings).unwrap();
        let mut process = program(&directory, &["serve"])
            .envs(SECRETS)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next_line().await.unwrap().unwrap();
            if let Some((_, address)) = line.split_once("listening address=") {
                break address.split_whitespace().next().unwrap().to_owned();
            }
        };
        // Nobody reads the rest, and a full pipe would hold the program up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Program {
            directory,
            settings,
            address,
            process,
        }
    }

    /// Where it works.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The configuration with which it was started.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// It is told to end, and does.
    pub async fn ends(&mut self) {
        let pid = i32::try_from(self.process.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
        let ended = timeout(Duration::from_secs(20), self.process.wait());
        assert!(ended.await.unwrap().unwrap().success());
    }

    /// What `rollback-bot reload` says of another file; this one has no secret in its environment.
    pub async fn reloads(&self, settings: &str) -> String {
        fs::write(self.directory.path().join("rollback-bot.toml"), settings).unwrap();
        self.runs(&["reload"]).await
    }

    /// What a command prints, without the number of the process and without this machine, and its
    /// exit code.
    pub async fn runs(&self, arguments: &[&str]) -> String {
        self.printed(program(&self.directory, arguments)).await
    }

    /// The same where the secrets are in the environment.
    pub async fn runs_with_secrets(&self, arguments: &[&str]) -> String {
        let mut program = program(&self.directory, arguments);
        program.envs(SECRETS);
        self.printed(program).await
    }

    async fn printed(&self, mut program: Command) -> String {
        let output = program.output().await.unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8(told).unwrap();
        let pid = self.process.id().unwrap_or_default().to_string();
        let told = told.replace(&format!("process {pid}"), "process PID");
        let told = told
            .replace(&host(), "HOST")
            .replace(&format!("bot {pid}"), "bot PID");
        format!("{told}exit code {}", output.status.code().unwrap())
    }
}

fn program(directory: &TempDir, arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rollback-bot"));
    program
        .args(arguments)
        .env_clear()
        .current_dir(directory.path());
    program
}
