//! The command that makes the application serve what the link leads to.

use rollback_http::one_line;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{future::poll_fn, path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncRead, ReadBuf},
    process::Command,
    time::{Instant, sleep, sleep_until},
};

/// The most that is kept of what a restart command prints, and of what it complains, from the end:
/// together 4 KiB.
const OUTPUT_AT_MOST: usize = 2 * 1024;
/// How much of that goes into a sentence, in characters.
const WORDS_AT_MOST: usize = 300;
/// How long output may keep coming after the restart command itself has ended.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// What a restart command finds in its environment, where the bot has it. No secrets.
const ENVIRONMENT: [&str; 10] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "USER",
    "LOGNAME",
    "TZ",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// Runs the restart command to its end. `Err`: what went wrong, as a clause.
pub(super) async fn restart(
    command: &[String],
    path: &Path,
    within: Duration,
) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(path)
        .env_clear()
        .envs(
            ENVIRONMENT
                .iter()
                .filter_map(|name| Some((*name, std::env::var_os(name)?))),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        // What it starts is stopped with it.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("{program} could not be started ({error})"))?;
    let mut group = Group(child.id());
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let (mut printed, mut complained) = (Tail::default(), Tail::default());
    let mut ended = None;
    let deadline = Instant::now() + within;
    loop {
        // What it left behind may hold its output open for ever; it is not waited for.
        if ended.is_some() && stdout.is_none() && stderr.is_none() {
            break;
        }
        tokio::select! {
            more = next(&mut stdout), if stdout.is_some() => printed.take(more, &mut stdout),
            more = next(&mut stderr), if stderr.is_some() => complained.take(more, &mut stderr),
            status = child.wait(), if ended.is_none() => ended = Some(status),
            () = sleep(LAST_WORDS), if ended.is_some() => break,
            () = sleep_until(deadline) => break,
        }
    }
    if ended.is_some() {
        // What it left running was meant to stay.
        group.0 = None;
    }
    let output = [complained.words(), printed.words()]
        .into_iter()
        .find(|words| !words.is_empty())
        .map(|words| format!(": {words}"))
        .unwrap_or_default();
    match ended {
        Some(Ok(status)) if status.success() => Ok(()),
        Some(Ok(status)) => Err(match status.code() {
            Some(code) => format!("exit {code}{output}"),
            None => format!("stopped by a signal{output}"),
        }),
        Some(Err(error)) => Err(format!("its end could not be read ({error})")),
        None => {
            drop(group);
            let _ = child.kill().await;
            Err(format!(
                "no end after {} s, stopped{output}",
                within.as_secs_f64()
            ))
        }
    }
}

/// The processes of a command that has not ended: killed together when this is dropped.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let id = self.0.and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(Pid::from_raw) {
            // It may have ended by itself in this moment.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

/// The next piece of output; `None` at its end.
async fn next(from: &mut Option<impl AsyncRead + Unpin>) -> Option<Vec<u8>> {
    let reader = from.as_mut()?;
    let mut space = [0; 1024];
    let mut buffer = ReadBuf::new(&mut space);
    poll_fn(|context| std::pin::Pin::new(&mut *reader).poll_read(context, &mut buffer))
        .await
        .ok()?;
    let read = buffer.filled();
    (!read.is_empty()).then(|| read.to_vec())
}

/// The end of an output of any length.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn take<R>(&mut self, more: Option<Vec<u8>>, from: &mut Option<R>) {
        match more {
            Some(more) => {
                self.0.extend_from_slice(&more);
                let too_many = self.0.len().saturating_sub(OUTPUT_AT_MOST);
                self.0.drain(..too_many);
            }
            None => *from = None,
        }
    }

    /// Its last words, on one line.
    fn words(&self) -> String {
        let line = one_line(&String::from_utf8_lossy(&self.0));
        let skip = line.chars().count().saturating_sub(WORDS_AT_MOST);
        if skip == 0 {
            return line;
        }
        format!("…{}", line.chars().skip(skip).collect::<String>())
    }
}
