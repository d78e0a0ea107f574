//! The real Alertmanager, where the machine has one: it sends what a real Prometheus finds to the
//! bot.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The names that its program has: on Debian, and as it is published.
const PROGRAMS: [&str; 2] = ["prometheus-alertmanager", "alertmanager"];

/// The real Alertmanager, which waits for nothing.
pub struct RealAlertmanager {
    process: Child,
    _dir: TempDir,
}

/// An address at which one can be started.
pub async fn free_address() -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    free.local_addr().unwrap()
}

/// Its program; `None`: there is none on this machine.
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let programs = PROGRAMS.iter();
    programs
        .flat_map(|name| dirs.iter().map(move |dir| dir.join(name)))
        .find(|program| program.is_file())
}

impl RealAlertmanager {
    /// Starts one that sends to an address with a token.
    pub fn start(program: &PathBuf, listen: SocketAddr, to: &str, token: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = dir.path().join("alertmanager.yml");
        let text = format!(
            "route: {{receiver: bot, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}\nreceivers: [{{name: bot, webhook_configs: [{{url: \"{to}\", http_config: {{authorization: {{credentials: {token}}}}}}}]}}]\n"
        );
        std::fs::write(&settings, text).unwrap();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let process = Command::new(program)
            .arg(format!("--config.file={}", settings.display()))
            .arg(format!(
                "--storage.path={}",
                dir.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={listen}"))
            // Alone: it waits for no others.
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { process, _dir: dir }
    }
}

impl Drop for RealAlertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
