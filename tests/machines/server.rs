//! A PostgreSQL of one's own, that may be stopped and started: what the stories do to it would
//! disturb everybody else on a shared one.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A server in a temporary directory. It ends when it is dropped.
pub struct Server {
    bin: PathBuf,
    directory: TempDir,
    port: u16,
}

impl Server {
    /// Starts one, if PostgreSQL is installed. Otherwise it says that the `story` is skipped, and
    /// why; where `CI` is set, that is a failure.
    pub async fn starts(story: &str) -> Option<Server> {
        let Some(bin) = newest() else {
            let why =
                "PostgreSQL is not installed (no initdb in /usr/lib/postgresql/*/bin or PATH)";
            assert!(std::env::var("CI").is_err(), "{story} cannot run: {why}");
            println!("{story}: skipped, {why}");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        if rustix::process::geteuid().is_root() {
            let given = Command::new("chown")
                .arg("postgres:")
                .arg(directory.path())
                .status();
            assert!(given.unwrap().success());
        }
        let mut server = Server {
            bin,
            directory,
            port: 0,
        };
        let arguments = [
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ];
        let made = server.runs("initdb", &arguments).await;
        assert!(made, "initdb failed: {}", server.said());
        for _ in 0..8 {
            // Free a moment ago; somebody else may have it by now.
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            server.port = free.local_addr().unwrap().port();
            drop(free);
            if server.begins().await {
                return Some(server);
            }
        }
        panic!("PostgreSQL did not start: {}", server.said());
    }

    /// Where its first database is.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// It runs, and takes connections when this returns; `false`: it does not.
    pub async fn begins(&self) -> bool {
        let options = format!(
            "-h 127.0.0.1 -p {} -k {} -c fsync=on -c max_connections=400 -c shared_buffers=64MB",
            self.port,
            self.directory.path().display()
        );
        let log = self.directory.path().join("log").display().to_string();
        let wait = [
            "--wait",
            "--timeout=60",
            "--log",
            &log,
            "--options",
            &options,
            "start",
        ];
        self.runs("pg_ctl", &wait).await
    }

    /// It ends: `fast` breaks every connection off, `immediate` is as if the power had failed.
    pub async fn ends(&self, mode: &str) {
        let arguments = ["--wait", "--timeout=60", "--mode", mode, "stop"];
        let ended = self.runs("pg_ctl", &arguments).await;
        assert!(ended, "PostgreSQL did not stop: {}", self.said());
    }

    async fn runs(&self, program: &str, arguments: &[&str]) -> bool {
        let command = self.command(program, arguments);
        let done = tokio::process::Command::from(command).status().await;
        done.unwrap().success()
    }

    /// One of its programs, to be run on the cluster: by another user if this one is root.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let program = self.bin.join(program);
        let mut command = match rustix::process::geteuid().is_root() {
            true => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        command
            .arg("--pgdata")
            .arg(self.directory.path().join("data"))
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            // What is started keeps them, so nobody could wait for their end.
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let arguments = ["--wait", "--timeout=20", "--mode", "immediate", "stop"];
        let _ = self.command("pg_ctl", &arguments).status();
    }
}

/// Where the newest one is.
fn newest() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let debian = debian
        .filter_map(|version| {
            let version = version.ok()?;
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").exists())
        .max();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let elsewhere = std::env::split_paths(&path)
        .map(|directory| directory.join("initdb"))
        .filter_map(|initdb| std::fs::canonicalize(initdb).ok())
        .find_map(|initdb| initdb.parent().map(Path::to_owned));
    debian.map(|(_, bin)| bin).or(elsewhere)
}
