//! Socket Mode: connections that the bot opens to Slack, over which Slack sends what it would
//! otherwise send as requests. Each is replaced by another one before it closes.

mod connection;
mod frame;
mod opening;
mod pause;

use crate::{CurrentApp, config::Delivery, http_client, metrics::SocketEnd, slack::Slack};
use connection::{Connection, Ending};
use opening::Opener;
use std::time::Duration;
use tokio::{
    sync::{oneshot, watch},
    task::JoinSet,
    time::sleep,
};

/// How many connections a process keeps. When one breaks without a warning, Slack has the other.
/// Slack lets an app have ten, those of all replicas and those that are about to close included.
const CONNECTIONS: usize = 2;

/// Keeps connections open until told to stop. Does nothing where Slack sends requests.
/// The token by which they are opened is the one that the process was started with.
pub async fn run(current: CurrentApp, stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let app = current.app();
    let Delivery::SocketMode { app_token } = &app.config.slack.delivery else {
        return Ok(());
    };
    app.metrics.socket_begins();
    let slack = Slack::new(
        app.http.clone(),
        &app.config.slack.api_url,
        app_token.expose(),
    );
    let opener = Opener {
        slack: slack.counted(app.metrics.clone()),
        http: http_client::websocket_client()?,
    };
    // Those in a set end with it: nobody is left with a connection that nobody keeps.
    let mut kept = JoinSet::new();
    for _ in 0..CONNECTIONS {
        kept.spawn(keep(current.clone(), opener.clone(), stop.clone()));
    }
    while let Some(ended) = kept.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a connection to Slack is not kept any more");
        }
    }
    Ok(())
}

/// Keeps one connection open: the next one is opened before the last one closes.
async fn keep(current: CurrentApp, opener: Opener, stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut failures = 0;
    // Dropped when there is another one, which lets the last one close.
    let mut replaced: Option<oneshot::Sender<()>> = None;
    while let Some(opened) = unless_stopped(&stop, opener.open()).await {
        let pause = match opened {
            Ok(opened) => {
                let (ending, ended) = oneshot::channel();
                let (sender, receiver) = oneshot::channel();
                let connection = Connection::new(current.clone(), opened, ending);
                connections.spawn(connection.serve(receiver, stop.clone()));
                replaced.replace(sender);
                let Some(ending) = unless_stopped(&stop, ended).await else {
                    break;
                };
                match ending {
                    Ok(Ending {
                        worked: true,
                        by: SocketEnd::Replaced,
                    }) => {
                        failures = 0;
                        continue;
                    }
                    Ok(Ending { worked: true, .. }) => failures = 0,
                    Ok(Ending { worked: false, .. }) | Err(_) => failures += 1,
                }
                pause::before(failures)
            }
            Err(not_opened) => {
                tracing::warn!(
                    why = not_opened.why,
                    "no connection to Slack could be opened"
                );
                current.app().metrics.socket_failed(&not_opened.why);
                failures += 1;
                pause::before(failures).max(not_opened.after.unwrap_or(Duration::ZERO))
            }
        };
        // What has ended is let go.
        while connections.try_join_next().is_some() {}
        if unless_stopped(&stop, sleep(pause)).await.is_none() {
            break;
        }
    }
    while connections.join_next().await.is_some() {}
}

/// What it comes to, or `None` when told to stop before.
async fn unless_stopped<T>(
    stop: &watch::Receiver<bool>,
    waiting: impl Future<Output = T>,
) -> Option<T> {
    let mut stop = stop.clone();
    tokio::select! {
        biased;
        // Nobody is left who could tell: that is the end as well.
        _ = stop.wait_for(|stop| *stop) => None,
        value = waiting => Some(value),
    }
}
