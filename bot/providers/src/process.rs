//! A program of this machine's that is run to its end: without a shell, in a process group of its
//! own, for so long at most, and with as much of its output as is wanted.

use rollback_http::one_line;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{ffi::OsString, future::poll_fn, io, path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncRead, ReadBuf},
    process::Command,
    time::{Instant, sleep, sleep_until},
};

/// How long output may keep coming after the program itself has ended.
const LAST_OUTPUT: Duration = Duration::from_millis(300);
/// How much of what a program complains is kept, in bytes, from the end.
const COMPLAINTS_AT_MOST: usize = 2 * 1024;
/// How much of an output goes into a sentence, in characters.
const WORDS_AT_MOST: usize = 300;
/// What every program finds in its environment, where the bot has it. No secrets.
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

/// A program and its arguments, and how they are run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program<'a> {
    /// The program, then each argument for itself.
    pub(crate) command: &'a [String],
    /// Where it runs; `None`: where the bot does.
    pub(crate) directory: Option<&'a Path>,
    /// What it finds in its environment besides what every program does.
    pub(crate) environment: &'a [(String, OsString)],
    /// How long it may take before it is killed with everything that it started.
    pub(crate) within: Duration,
    /// What is kept of what it prints.
    pub(crate) keep: Keep,
}

/// What is kept of what a program prints, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The last so many.
    End(usize),
    /// All of it; a program that prints more is killed.
    AllUpTo(usize),
}

/// How a program ended.
#[derive(Debug)]
pub(crate) enum End {
    /// By itself, with this exit code.
    Code(i32),
    /// By a signal.
    Signal,
    /// It was never started.
    NotStarted(io::Error),
    /// It was killed, because its time was over.
    TimedOut,
    /// It was killed, because it printed more than is kept.
    PrintedTooMuch,
    /// It was started, and how it ended cannot be read.
    Lost(io::Error),
}

/// How a program ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    /// What is kept of its output.
    pub(crate) printed: Vec<u8>,
    /// The end of what it complained.
    pub(crate) complained: Vec<u8>,
}

impl Ended {
    /// Its last words on one line: what it complained, else what it printed. Empty without any.
    pub(crate) fn last_words(&self) -> String {
        let texts = [&self.complained, &self.printed].into_iter();
        let mut words = texts.map(|text| last_words(&String::from_utf8_lossy(text)));
        words.find(|words| !words.is_empty()).unwrap_or_default()
    }
}

/// The end of a text, on one line.
pub(crate) fn last_words(text: &str) -> String {
    let line = one_line(text);
    let skip = line.chars().count().saturating_sub(WORDS_AT_MOST);
    match skip {
        0 => line,
        skip => format!("…{}", line.chars().skip(skip).collect::<String>()),
    }
}

/// Runs a program to its end, or until it is killed.
pub(crate) async fn run(program: Program<'_>) -> Ended {
    let not_started = |error| Ended {
        end: End::NotStarted(error),
        printed: vec![],
        complained: vec![],
    };
    let Some((name, arguments)) = program.command.split_first() else {
        return not_started(io::ErrorKind::InvalidInput.into());
    };
    let base = ENVIRONMENT.iter().copied();
    let base = base.filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut command = Command::new(name);
    command
        .args(arguments)
        .env_clear()
        .envs(base)
        .envs(program.environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        // What it starts is killed with it.
        .process_group(0);
    if let Some(directory) = program.directory {
        command.current_dir(directory);
    }
    match command.spawn() {
        Ok(child) => watch(child, program).await,
        Err(error) => not_started(error),
    }
}

/// The most bytes that are kept of what a program of the team's own prints.
const PRINTED_AT_MOST: usize = 4 * 1024;

/// Why a program has not done what it should, as a clause.
#[derive(Debug, PartialEq, Eq)]
pub enum NotDone {
    /// It was never started.
    NotStarted(String),
    /// It ended otherwise, or was killed.
    Ended(String),
}

impl NotDone {
    /// The clause.
    pub fn why(self) -> String {
        match self {
            NotDone::NotStarted(why) | NotDone::Ended(why) => why,
        }
    }
}

/// Runs a program that the configuration names to its end, without a shell, with nothing in its
/// environment but this besides what every program finds there, and for so long at most. Gives its
/// last words.
pub async fn run_to_end(
    command: &[String],
    environment: &[(String, OsString)],
    within: Duration,
) -> Result<String, NotDone> {
    let ended = run(Program {
        command,
        directory: None,
        environment,
        within,
        keep: Keep::End(PRINTED_AT_MOST),
    })
    .await;
    let words = ended.last_words().replace('<', "‹");
    let said = |end: String| match words.as_str() {
        "" => end,
        words => format!("{end}: {words}"),
    };
    Err(NotDone::Ended(match ended.end {
        End::Code(0) => return Ok(words),
        End::Code(code) => said(format!("exit {code}")),
        End::Signal => said("stopped by a signal".to_owned()),
        End::NotStarted(error) => {
            let why = format!("it could not be started ({error})");
            return Err(NotDone::NotStarted(why));
        }
        End::TimedOut => said(format!("no end after {} s, killed", within.as_secs_f32())),
        End::PrintedTooMuch => "it printed too much".to_owned(),
        End::Lost(error) => format!("its end could not be read, {error}"),
    }))
}

/// Takes what a program prints until it has ended.
async fn watch(mut child: tokio::process::Child, program: Program<'_>) -> Ended {
    let mut group = Group(child.id());
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let mut printed = Kept::new(program.keep);
    let mut complained = Kept::new(Keep::End(COMPLAINTS_AT_MOST));
    let mut ended = None;
    let deadline = Instant::now() + program.within;
    // What it left behind may hold its output open for ever; it is not waited for.
    while ended.is_none() || stdout.is_some() || stderr.is_some() {
        tokio::select! {
            more = next(&mut stdout), if stdout.is_some() => printed.take(more, &mut stdout),
            more = next(&mut stderr), if stderr.is_some() => complained.take(more, &mut stderr),
            status = child.wait(), if ended.is_none() => ended = Some(status),
            () = sleep(LAST_OUTPUT), if ended.is_some() => break,
            () = sleep_until(deadline) => break,
        }
        if printed.is_too_much {
            break;
        }
    }
    let end = match ended {
        _ if printed.is_too_much => End::PrintedTooMuch,
        Some(Ok(status)) => status.code().map_or(End::Signal, End::Code),
        Some(Err(error)) => End::Lost(error),
        None => End::TimedOut,
    };
    match end {
        // What it left running was meant to stay.
        End::Code(_) | End::Signal => group.0 = None,
        End::NotStarted(_) | End::TimedOut | End::PrintedTooMuch | End::Lost(_) => {
            drop(group);
            let _ = child.kill().await;
        }
    }
    Ended {
        end,
        printed: printed.bytes,
        complained: complained.bytes,
    }
}

/// The processes of a program that has not ended: killed together when this is dropped.
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
    let mut space = [0; 8 * 1024];
    let mut buffer = ReadBuf::new(&mut space);
    poll_fn(|context| std::pin::Pin::new(&mut *reader).poll_read(context, &mut buffer))
        .await
        .ok()?;
    let read = buffer.filled();
    (!read.is_empty()).then(|| read.to_vec())
}

/// What is kept of an output of any length.
struct Kept {
    keep: Keep,
    bytes: Vec<u8>,
    is_too_much: bool,
}

impl Kept {
    fn new(keep: Keep) -> Self {
        Self {
            keep,
            bytes: vec![],
            is_too_much: false,
        }
    }

    fn take<R>(&mut self, more: Option<Vec<u8>>, from: &mut Option<R>) {
        let Some(more) = more else {
            *from = None;
            return;
        };
        self.bytes.extend_from_slice(&more);
        match self.keep {
            Keep::End(at_most) => {
                let too_many = self.bytes.len().saturating_sub(at_most);
                self.bytes.drain(..too_many);
            }
            Keep::AllUpTo(at_most) if self.bytes.len() > at_most => {
                self.bytes.truncate(at_most);
                self.is_too_much = true;
            }
            Keep::AllUpTo(_) => {}
        }
    }
}
