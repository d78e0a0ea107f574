//! The row that says that this process serves the record.

use crate::{
    App,
    store::{
        processes::{self, Process, Reload, SAID_EVERY},
        tokens::random,
    },
};
use std::{convert::Infallible, process};
use tokio::time::sleep;

/// That this process is in the list of those that serve the record.
pub(super) struct Listed {
    app: App,
    id: String,
}

impl Listed {
    /// Lists this process.
    pub(super) async fn begin(app: App) -> anyhow::Result<Listed> {
        let id = random(8)?;
        let now = app.engine.clock.now();
        let process = Process {
            id: id.clone(),
            host: host(),
            pid: i32::try_from(process::id())?,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: now,
            seen_at: now,
            reload: None,
        };
        processes::begin(&app.engine.db, &process).await?;
        Ok(Listed { app, id })
    }

    /// Says again and again that it is there.
    pub(super) async fn go_on(&self) -> Infallible {
        loop {
            sleep(SAID_EVERY).await;
            let now = self.app.engine.clock.now();
            if let Err(error) = processes::seen(&self.app.engine.db, &self.id, now).await {
                tracing::debug!(%error, "the record could not be told that this process is there");
            }
        }
    }

    /// Stores what came of a reload.
    pub(super) async fn reloaded(&self, reload: &Reload) {
        if let Err(error) = processes::reloaded(&self.app.engine.db, &self.id, reload).await {
            tracing::warn!(%error, "what came of the reload could not be stored; it is in this log");
        }
    }

    /// Takes this process from the list.
    pub(super) async fn end(self) {
        if let Err(error) = processes::end(&self.app.engine.db, &self.id).await {
            tracing::debug!(%error, "this process stays listed for a moment");
        }
    }
}

/// The name of this machine, or of this container.
pub fn host() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}
