//! Serving: listeners, connections of Socket Mode and the worker, started and ended together.

mod listed;
mod seats;

pub use listed::host;

use crate::{
    App, CurrentApp, clock::Clock, config::Config, handlers, metrics::Metrics, reload::reload,
    socket, worker,
};
use anyhow::Context;
use axum::{
    Router,
    body::{Body, HttpBody},
    http::Request,
};
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use listed::Listed;
use rollback_settings::Mistakes;
use seats::{Received, Seat, Seats};
use std::{convert::Infallible, future::pending, net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// How many connections there are at once. When more come, those that are idle make room.
const CONNECTIONS_AT_MOST: u32 = 512;
/// How long a connection may take to send the head of a request, and may wait between two.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// How long a connection is used. A client that does not read its answers holds it no longer.
const CONNECTION_LIVES: Duration = Duration::from_secs(300);
/// How long what was begun may take, on a connection too: a little more than the worker takes.
const ENDS_WITHIN: Duration = Duration::from_millis(8_500);
/// How long the database may take to be closed: all of it within ten seconds.
const CLOSES_WITHIN: Duration = Duration::from_secs(1);

/// A server that runs until it is told to stop.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens; `None`: nowhere, as Socket Mode allows.
    pub address: Option<SocketAddr>,
    /// Where it listens for operators; `None`: where everybody is.
    pub operators_address: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    web: JoinHandle<()>,
    socket: JoinHandle<()>,
    work: JoinHandle<()>,
}

/// Listens on an address that `key` of the configuration names, if it names one.
async fn bind(listen: Option<SocketAddr>, key: &str) -> anyhow::Result<Option<TcpListener>> {
    let Some(listen) = listen else {
        return Ok(None);
    };
    let listener = TcpListener::bind(listen).await.with_context(|| match listen.port() {
        0 => format!("cannot listen on {listen}"),
        port => format!("cannot listen on {listen}: is another program using port {port}? `{key}` sets another one"),
    })?;
    Ok(Some(listener))
}

/// Answers connections of a listener, if there is one, until told to stop.
async fn listen_where(listener: Option<TcpListener>, routes: Router, stop: watch::Receiver<bool>) {
    if let Some(listener) = listener {
        listen(listener, routes, stop).await;
    }
}

fn address_of(listener: Option<&TcpListener>) -> anyhow::Result<Option<SocketAddr>> {
    let address = listener.map(TcpListener::local_addr).transpose();
    address.context("a listener has no address")
}

/// Says so when the worker has ended.
struct Ends(Metrics);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.worker_stopped();
    }
}

impl Serving {
    /// Opens everything and begins to listen.
    pub async fn start(config: Config, clock: Clock) -> anyhow::Result<(CurrentApp, Serving)> {
        // The ports first: a second server is refused before it touches the database.
        let listener = bind(config.server.listen, "server.listen").await?;
        let operators_address = config.server.operators_address;
        let for_operators = bind(operators_address, "server.operators_address").await?;
        let current = CurrentApp::new(App::start(config, clock).await?);
        let serving = Serving::on(current.clone(), listener, for_operators)?;
        Ok((current, serving))
    }

    /// Serves the current app on listeners that are bound already: everybody's and the operators', as far as
    /// there are any. Each has connections of its own: who floods the one does not reach the other.
    pub fn on(
        current: CurrentApp,
        listener: Option<TcpListener>,
        for_operators: Option<TcpListener>,
    ) -> anyhow::Result<Serving> {
        let address = address_of(listener.as_ref())?;
        let operators_address = address_of(for_operators.as_ref())?;
        let (stop, stopped) = watch::channel(false);
        let public = listen_where(listener, handlers::routes(current.clone()), stopped.clone());
        let routes = handlers::operators_routes(current.clone());
        let operators = listen_where(for_operators, routes, stopped.clone());
        let connected = socket::run(current.clone(), stopped.clone());
        let socket = tokio::spawn(async move {
            if let Err(error) = connected.await {
                tracing::error!("no connection to Slack can be opened: {error:#}");
            }
        });
        let web = tokio::spawn(async move {
            tokio::join!(public, operators);
        });
        let work = tokio::spawn(async move {
            // Dropped however the worker ends, by a panic too.
            let _ends = Ends(current.app().metrics.clone());
            worker::run(current, stopped).await;
        });
        Ok(Serving {
            address,
            operators_address,
            stop,
            web,
            socket,
            work,
        })
    }

    /// Stops listening, ends what was begun within ten seconds, and gives back what is left.
    pub async fn stop(self, current: &CurrentApp) {
        let app = current.app();
        let _ = self.stop.send(true);
        app.engine.bell.notify_one();
        let ended = timeout(ENDS_WITHIN, async {
            let _ = self.web.await;
            let _ = self.socket.await;
            let _ = self.work.await;
        });
        if ended.await.is_err() {
            tracing::warn!(
                "not everything ended in time; what was left is done after the next start"
            );
        }
        // A connection that does not come back is no reason to stay.
        let _ = timeout(CLOSES_WITHIN, app.engine.db.close()).await;
    }
}

/// Answers connections until told to stop (or until nobody is left who could tell), and ends
/// when what was under way then has ended.
///
/// Strangers can reach this: connections are so many at most, live so long at most, and send the
/// head of each request in time or end. Bodies have a limit of their own, in size and in time. When
/// all places are taken, the connection that has kept the bot waiting longest makes room: the person who
/// only holds connections keeps nobody out.
pub async fn listen(listener: TcpListener, routes: Router, stop: watch::Receiver<bool>) {
    listen_to(CONNECTIONS_AT_MOST, listener, routes, stop).await;
}

async fn listen_to(
    connections: u32,
    listener: TcpListener,
    routes: Router,
    mut stop: watch::Receiver<bool>,
) {
    let seats = Seats::new(connections);
    loop {
        let next = async {
            let accepted = listener.accept().await;
            (accepted, seats.take().await)
        };
        let (accepted, (seat, place)) = tokio::select! {
            next = next => next,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (routes, stop) = (routes.clone(), stop.clone());
                tokio::spawn(async move {
                    talk(stream, routes, seat, stop).await;
                    drop(place);
                });
            }
            // No file descriptor is left, for example: that passes, or somebody reads it here.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(500)).await;
            }
        }
    }
    drop(listener);
    // All places are free: every connection has ended.
    let _ = seats.room.acquire_many(connections).await;
}

async fn talk(stream: TcpStream, routes: Router, seat: Seat, mut stop: watch::Receiver<bool>) {
    // An answer is one small write; nothing is gained by waiting for more.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN);
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(|request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        if body.is_end_stream() {
            seat.works();
        }
        let seat = seat.clone();
        let body = Body::new(Received {
            body,
            seat: seat.clone(),
        });
        let answer = routes.call(Request::from_parts(head, body));
        async move {
            let answer = answer.await;
            seat.waits();
            answer
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // How it ends is the other side's business, and nobody's to read in a log.
    tokio::select! {
        _ = connection.as_mut() => return,
        // It has asked for nothing that is not answered: it ends at once, for somebody waits.
        () = seat.leave() => return,
        _ = stop.wait_for(|stop| *stop) => {}
        () = sleep(CONNECTION_LIVES) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(ENDS_WITHIN, connection).await;
}

/// Serves until the process is told to end. `read` reads the configuration again, each time that the
/// process gets SIGHUP.
pub async fn serve(
    config: Config,
    read: impl Fn() -> Result<Config, Mistakes>,
) -> anyhow::Result<()> {
    // Before anything else: without somebody who waits for it, the signal ends the process.
    let mut hangups = signal(SignalKind::hangup()).context("SIGHUP cannot be waited for")?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let (current, serving) = Serving::start(config, Clock::real()).await?;
    let app = current.app();
    let listed = Listed::begin(app.clone()).await?;
    let services = app.config.services.len();
    match serving.address {
        Some(address) => tracing::info!(%address, services, "listening"),
        None => tracing::info!(services, "started; nothing listens"),
    }
    if let Some(address) = serving.operators_address {
        tracing::info!(%address, "listening for operators");
    }
    let reloading = async {
        while hangups.recv().await.is_some() {
            listed.reloaded(&reload(&current, read()).await).await;
        }
        pending::<Infallible>().await
    };
    tokio::select! {
        () = ended() => {}
        never = listed.go_on() => match never {},
        never = reloading => match never {},
    }
    tracing::info!("stopping");
    listed.end().await;
    serving.stop(&current).await;
    Ok(())
}

/// Waits until the process is told to end: SIGTERM or Ctrl-C.
pub async fn ended() {
    if let Ok(mut terminate) = signal(SignalKind::terminate()) {
        tokio::select! {
            _ = terminate.recv() => return,
            _ = tokio::signal::ctrl_c() => return,
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests;
