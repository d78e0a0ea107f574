//! Serving: the listener and the worker, started and ended together.

use crate::{App, clock::Clock, config::Config, handlers, metrics::Metrics, worker};
use anyhow::Context;
use std::{net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

/// A server that runs until it is told to stop.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    web: JoinHandle<std::io::Result<()>>,
    work: JoinHandle<()>,
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
    pub async fn start(config: Config, clock: Clock) -> anyhow::Result<(App, Serving)> {
        let listen = config.server.listen;
        // The port first: a second server is refused before it touches the database.
        let listener = TcpListener::bind(listen).await.with_context(|| match listen.port() {
            0 => format!("cannot listen on {listen}"),
            port => format!("cannot listen on {listen}: is another program using port {port}? `server.listen` sets another one"),
        })?;
        let app = App::start(config, clock).await?;
        let serving = Serving::on(app.clone(), listener)?;
        Ok((app, serving))
    }

    /// Serves `app` on a listener that is bound already.
    pub fn on(app: App, listener: TcpListener) -> anyhow::Result<Serving> {
        let address = listener
            .local_addr()
            .context("the listener has no address")?;
        let (stop, stopped) = watch::channel(false);
        let mut web_stopped = stopped.clone();
        let routes = handlers::routes(app.clone());
        let web = tokio::spawn(async move {
            axum::serve(listener, routes)
                .with_graceful_shutdown(async move {
                    // Told to stop, or nobody is left who could tell.
                    let _ = web_stopped.wait_for(|stop| *stop).await;
                })
                .await
        });
        let work = tokio::spawn(async move {
            // Dropped however the worker ends, by a panic too.
            let _ends = Ends(app.metrics.clone());
            worker::run(app, stopped).await;
        });
        Ok(Serving {
            address,
            stop,
            web,
            work,
        })
    }

    /// Stops listening, ends what was begun within ten seconds, and gives back what is left.
    pub async fn stop(self, app: &App) {
        let _ = self.stop.send(true);
        app.engine.bell.notify_one();
        let ended = timeout(Duration::from_secs(10), async {
            let _ = self.web.await;
            let _ = self.work.await;
        });
        if ended.await.is_err() {
            tracing::warn!(
                "not everything ended in time; what was left is done after the next start"
            );
        }
        app.engine.db.close().await;
    }
}

/// Serves until the process is told to end.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let (app, serving) = Serving::start(config, Clock::real()).await?;
    tracing::info!(address = %serving.address, services = app.config.services.len(), "listening");
    ended().await;
    tracing::info!("stopping");
    serving.stop(&app).await;
    Ok(())
}

/// Waits until the process is told to end: SIGTERM or Ctrl-C.
pub async fn ended() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = tokio::signal::ctrl_c() => return,
            }
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
