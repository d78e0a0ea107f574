//! `rollback-bot reload`: has the bot that is at work on this machine read its configuration again,
//! and says what came of it.

use crate::{
    clock::Clock,
    config::Database,
    serve::host,
    store::{
        beside::Beside,
        processes::{Process, Reload},
    },
    terminal,
};
use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::{collections::BTreeSet, fs, process::ExitCode, time::Duration};
use tokio::time::{Instant, sleep};

/// How long a process may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Signals every process of this machine that serves the record, or only the one of this number, and
/// prints what each of them made of it. Exit code 1 if one refused.
pub async fn run(database: &Database, pid: Option<i32>) -> anyhow::Result<ExitCode> {
    let mut record = Beside::open(database.url.expose()).await?;
    let here = processes_here(record.processes(Clock::real().now()).await?, pid)?;
    for process in &here {
        signal(process)?;
    }
    let mut code = ExitCode::SUCCESS;
    for process in here {
        let reload = outcome(&mut record, &process).await?;
        if reload.refused {
            code = ExitCode::FAILURE;
        }
        print(&process, &reload);
    }
    Ok(code)
}

/// Those of this machine; a sentence with the next step if there is none.
pub(super) fn processes_here(all: Vec<Process>, pid: Option<i32>) -> anyhow::Result<Vec<Process>> {
    let host = host();
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|process| process.host == host);
    let is_meant = |process: &Process| pid.is_none_or(|pid| process.pid == pid);
    let here: Vec<Process> = here.into_iter().filter(is_meant).collect();
    if !here.is_empty() {
        return Ok(here);
    }
    if let Some(pid) = pid {
        bail!("process {pid} on {host} does not serve this record; without --pid it is looked for");
    }
    let hosts: BTreeSet<String> = elsewhere.into_iter().map(|process| process.host).collect();
    if hosts.is_empty() {
        bail!(
            "no bot is at work on this record: `rollback-bot serve` starts one, with the configuration as it is then"
        );
    }
    let hosts: Vec<String> = hosts.into_iter().collect();
    bail!(
        "no bot on {host} is at work on this record, only on {}: run this there, each reads a file of its own",
        hosts.join(", ")
    )
}

/// Sends SIGHUP, unless the number is another program's by now: that would end by it.
fn signal(process: &Process) -> anyhow::Result<()> {
    let number = process.pid;
    if let Ok(command) = fs::read_to_string(format!("/proc/{number}/comm"))
        && !command.starts_with("rollback-bot")
    {
        bail!(
            "process {number} is {} and not the bot, which has ended without saying so; start it again",
            command.trim()
        );
    }
    let pid = Pid::from_raw(number).context("the record has no number of the process")?;
    kill_process(pid, Signal::HUP).with_context(|| {
        format!("process {number} cannot be signalled; run this as the user of the bot, or as root")
    })
}

/// Waits for another outcome than the one it had.
async fn outcome(record: &mut Beside, process: &Process) -> anyhow::Result<Reload> {
    let until = Instant::now() + ANSWERS_WITHIN;
    while Instant::now() < until {
        sleep(LOOK_EVERY).await;
        let now = record.processes(Clock::real().now()).await?;
        let now = now.into_iter().find(|other| other.id == process.id);
        let Some(now) = now else {
            bail!("process {} has ended; its log says why", process.pid);
        };
        if let Some(reload) = now
            .reload
            .filter(|reload| Some(reload) != process.reload.as_ref())
        {
            return Ok(reload);
        }
    }
    bail!(
        "process {} has not said within {} seconds what came of it; its log does",
        process.pid,
        ANSWERS_WITHIN.as_secs()
    )
}

fn print(process: &Process, reload: &Reload) {
    let outcome = match reload.refused {
        true => "refused; the old configuration holds",
        false => "the new configuration holds",
    };
    terminal::line(format!("process {}: {outcome}", process.pid));
    for line in &reload.lines {
        terminal::line(format!("  {line}"));
    }
}
