//! One connection, from hello to its end: what comes is run, and acknowledged when it is stored.

use super::{
    frame::{Frame, meaning},
    opening::Socket,
};
use crate::{
    CurrentApp,
    handlers::{Envelope, receive_envelope},
    metrics::SocketEnd,
};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::{
    sync::{oneshot, watch},
    task::JoinSet,
    time::{Instant, interval, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{Error, Message};

/// How many envelopes are run at once. Each takes two seconds at most; the next ones wait unread.
const AT_ONCE: usize = 256;
/// How often Slack is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(10);
/// After how long without a sign of life a connection counts as broken.
const SILENT_AT_MOST: Duration = Duration::from_secs(30);
/// How long something may take to be sent.
const SENT_WITHIN: Duration = Duration::from_secs(5);
/// For how long a connection that was replaced is still read. Slack closes it, ten seconds after
/// its warning; what it sent until then would otherwise be lost.
const READ_ON_FOR: Duration = Duration::from_secs(30);
/// After how long a connection that brought nothing counts as one that worked.
const WORKS_AFTER: Duration = Duration::from_secs(10);

/// How a connection is about to end, or has ended: another one is needed.
#[derive(Debug)]
pub(super) struct Ending {
    /// Whether it was of use: envelopes came, or it lasted. Otherwise the next one waits longer.
    pub worked: bool,
    /// Whether Slack asked for another one while this one goes on.
    pub by: SocketEnd,
}

/// A connection on which Slack has said hello.
pub(super) struct Connection {
    current: CurrentApp,
    socket: Socket,
    opened: Instant,
    heard: Instant,
    has_brought: bool,
    /// Taken when it is told that another connection is needed.
    ending: Option<oneshot::Sender<Ending>>,
    running: JoinSet<Option<String>>,
}

/// How the connection itself ended.
struct Ended {
    by: SocketEnd,
    why: String,
}

impl Ended {
    fn broken(why: impl Into<String>) -> Self {
        Self {
            by: SocketEnd::Broken,
            why: why.into(),
        }
    }
}

/// Why a connection may close.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// There is another one.
    Replaced,
    /// The bot is told to stop.
    Stopped,
}

impl From<Leave> for Ended {
    fn from(leave: Leave) -> Self {
        let (by, why) = match leave {
            Leave::Replaced => (SocketEnd::Replaced, "there is another one"),
            Leave::Stopped => (SocketEnd::Stopped, "the bot is told to stop"),
        };
        let why = why.to_owned();
        Self { by, why }
    }
}

impl Connection {
    pub(super) fn new(
        current: CurrentApp,
        socket: Socket,
        ending: oneshot::Sender<Ending>,
    ) -> Self {
        current.app().metrics.socket_opened();
        let now = Instant::now();
        Self {
            current,
            socket,
            opened: now,
            heard: now,
            has_brought: false,
            ending: Some(ending),
            running: JoinSet::new(),
        }
    }

    /// Serves the connection until it ends; once `replaced` is dropped there is another one, and
    /// this one may close.
    pub(super) async fn serve(
        mut self,
        replaced: oneshot::Receiver<()>,
        stop: watch::Receiver<bool>,
    ) {
        let ended = self.until_it_ends(replaced, stop).await;
        // What is being run goes on to its end; Slack delivers it again, and it is one input.
        self.running.detach_all();
        let Ended { by, why } = ended;
        match by {
            SocketEnd::Replaced | SocketEnd::Stopped => {
                tracing::info!(why, "a connection to Slack is closed");
            }
            SocketEnd::Broken | SocketEnd::NotOpened => {
                tracing::warn!(why, "a connection to Slack is lost");
            }
        }
        self.current.app().metrics.socket_closed(by, &why);
        self.tell_ending(by);
    }

    async fn until_it_ends(
        &mut self,
        mut replaced: oneshot::Receiver<()>,
        mut stop: watch::Receiver<bool>,
    ) -> Ended {
        let mut ping = interval(PING_EVERY);
        // When it closes, and why it may.
        let mut closes: Option<(Instant, Leave)> = None;
        loop {
            let leave = closes.map(|(_, leave)| leave);
            let closes_at = closes.map_or_else(Instant::now, |(at, _)| at);
            tokio::select! {
                message = self.socket.next(), if self.running.len() < AT_ONCE => {
                    if let Err(ended) = self.read(message) {
                        return leave.map_or(ended, Ended::from);
                    }
                }
                Some(done) = self.running.join_next() => {
                    // A task that panicked is not acknowledged.
                    if let Ok(Some(acknowledgement)) = done
                        && let Err(ended) = self.send(Message::text(acknowledgement)).await
                    {
                        return ended;
                    }
                }
                _ = ping.tick() => {
                    if let Err(ended) = self.ping().await {
                        return ended;
                    }
                }
                _ = &mut replaced, if leave.is_none() => {
                    closes = Some((Instant::now() + READ_ON_FOR, Leave::Replaced));
                }
                () = stopped(&mut stop), if leave != Some(Leave::Stopped) => {
                    closes = Some((Instant::now(), Leave::Stopped));
                }
                // Not before everything that came is acknowledged.
                () = sleep_until(closes_at), if self.running.is_empty() && leave.is_some() => {
                    let _ = timeout(SENT_WITHIN, self.socket.close(None)).await;
                    return leave.map_or_else(|| Ended::broken("it closed"), Ended::from);
                }
            }
        }
    }

    /// Reads what came, and begins to run it.
    fn read(&mut self, message: Option<Result<Message, Error>>) -> Result<(), Ended> {
        self.heard = Instant::now();
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(
                Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_),
            )) => return Ok(()),
            Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed)) | None => {
                return Err(Ended::broken("Slack closed it"));
            }
            Some(Err(error)) => return Err(Ended::broken(format!("it broke: {error}"))),
        };
        match Frame::read(&text) {
            Frame::Envelope(envelope) => self.begin(*envelope),
            Frame::Disconnect { reason } => {
                tracing::info!(reason, "{}", meaning(&reason));
                self.tell_ending(SocketEnd::Replaced);
            }
            Frame::Hello { .. } | Frame::Unknown => {}
        }
        Ok(())
    }

    fn begin(&mut self, envelope: Envelope) {
        self.has_brought = true;
        self.running
            .spawn(receive_envelope(self.current.app(), envelope));
    }

    /// Asks Slack whether it is still there; that it is may be seen by anything that comes.
    async fn ping(&mut self) -> Result<(), Ended> {
        if self.heard.elapsed() > SILENT_AT_MOST {
            return Err(Ended::broken("Slack has been silent for half a minute"));
        }
        self.send(Message::Ping("".into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Ended> {
        match timeout(SENT_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Ended::broken(format!("it broke: {error}"))),
            Err(_) => Err(Ended::broken("Slack takes nothing any more")),
        }
    }

    /// Says, once, that another connection is needed.
    fn tell_ending(&mut self, by: SocketEnd) {
        let worked = self.has_brought || self.opened.elapsed() >= WORKS_AFTER;
        if let Some(ending) = self.ending.take() {
            // Nobody who waits is left when the bot stops.
            let _ = ending.send(Ending { worked, by });
        }
    }
}

/// Waits until the bot is told to stop, or nobody is left who could tell.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
