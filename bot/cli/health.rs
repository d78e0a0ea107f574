//! `rollback-bot health`: whether the bot on this machine is ready, for whatever looks after a
//! container in which there is no other program to ask with.

use super::reload::processes_here;
use crate::{
    clock::Clock,
    config::Database,
    store::beside::Beside,
    terminal::{self, cell},
};
use anyhow::{Context, anyhow};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long the bot may take to answer: most of what asks for health gives up after five seconds.
const ANSWERS_WITHIN: Duration = Duration::from_secs(4);
/// How much of an answer is read, in bytes.
const READ_AT_MOST: u64 = 4_096;

/// Asks the bot that listens there whether it is ready, and prints its answer. Exit code 1 if it is
/// not.
pub async fn ask(listening: SocketAddr) -> anyhow::Result<ExitCode> {
    let address = reached_at(listening);
    let answer = timeout(ANSWERS_WITHIN, answer(address)).await;
    let seconds = ANSWERS_WITHIN.as_secs();
    let answer = answer
        .map_err(|_| anyhow!("the bot at {address} did not answer within {seconds} seconds"))?
        .with_context(|| format!("no bot answers at {address}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let body = cell(body.trim());
    if head.split(' ').nth(1) == Some("200") {
        terminal::line(body);
        return Ok(ExitCode::SUCCESS);
    }
    terminal::error(format!("rollback-bot: not ready: {body}"));
    Ok(ExitCode::FAILURE)
}

/// Looks in the record for the bot of this machine, where nothing listens. Fails if there is none.
pub async fn look_up(database: &Database) -> anyhow::Result<ExitCode> {
    let mut record = Beside::open(database.url.expose()).await?;
    for process in processes_here(record.processes(Clock::real().now()).await?, None)? {
        terminal::line(format!(
            "process {} is at work on the record; whether Slack reaches it would be answered at server.listen",
            process.pid
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Where somebody is reached who listens there: at loopback if that is everywhere.
fn reached_at(listening: SocketAddr) -> SocketAddr {
    let loopback: IpAddr = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(loopback, listening.port())
}

/// What it answers, head and body: by a connection of its own, which no proxy and no certificate is in
/// the way of.
async fn answer(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: rollback-bot\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = vec![];
    stream.take(READ_AT_MOST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
