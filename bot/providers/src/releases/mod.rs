//! Release directories on this machine: `current` is a link, and going back or forward again is
//! pointing it elsewhere.
//!
//! The link is replaced by a rename, so at every moment it leads to one whole release or the
//! other. What can refuse does so before the rename; after it nothing is an error any more, only
//! something to report, because production has moved. The layout is Capistrano's:
//! `<path>/releases/<name>`, `<path>/current`, and if there is one `<path>/revisions.log`.

mod content;
mod disk;
mod link;
mod names;
mod restart;
mod settings;

use crate::Provider;
use async_trait::async_trait;
use disk::{CURRENT, Current, may_write, read, whoami};
use link::switch;
use restart::restart;
use rollback_domain::{
    platform::{
        About, DryRun, Effects, Holds, Order, Production, Progress, ProviderError, Receipt, Timing,
        Unfinished,
    },
    release::{Pin, Release, Surface, Survey, Way},
};
use serde_json::{Value, json};
pub use settings::KIND;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::task::spawn_blocking;

/// The surface that is the process which must start again to serve what the link leads to.
const RESTART: &str = "restart";

/// One application that is deployed as directories.
#[derive(Clone, Debug)]
pub struct Releases {
    /// The directory that holds `releases` and `current`.
    pub path: PathBuf,
    /// A program and its arguments that make the application serve what `current` leads to.
    /// There is no shell in between.
    pub restart: Option<Vec<String>>,
    /// How long that may take before it is stopped.
    pub restart_timeout: Duration,
}

#[async_trait]
impl Provider for Releases {
    /// Both ways the same: the link is moved, and a deploy moves it like any other time.
    fn effects(&self, _way: Way) -> Effects {
        Effects {
            platform: "Releases".into(),
            restores: vec!["the files of the release directory".into()],
            leaves: vec![
                "database".into(),
                "environment".into(),
                "shared files".into(),
            ],
            after: Some("the next deploy replaces it".into()),
            holds: Holds::Not,
            undoable: true,
            class: KIND.class,
            timing: Timing::default(),
            outage: None,
        }
    }

    async fn survey(&self, about: &About) -> Result<Survey, ProviderError> {
        let path = self.path.clone();
        let mut survey = off_the_runtime(move || read(&path)).await?;
        if let Some(unfinished) = about.unfinished.as_ref().filter(|_| self.has_restart()) {
            add_restart(&mut survey, unfinished);
        }
        Ok(survey)
    }

    /// The name of a directory says nothing of what is in it.
    async fn dry_run(
        &self,
        survey: &Survey,
        to: &Release,
        about: &About,
    ) -> Result<DryRun, ProviderError> {
        let is_current = |surface: &Surface| {
            surface.name == CURRENT && surface.live.as_deref() == Some(to.id.as_str())
        };
        // What is served may be written to by who serves it; it is not switched to anyway.
        let content = match survey.surfaces.iter().any(is_current) {
            true => None,
            false => {
                let (path, name) = (self.path.clone(), to.id.clone());
                Some(off_the_runtime(move || read_content(&path, &name)).await?)
            }
        };
        Ok(DryRun {
            content,
            ..DryRun::of(self.effects(about.way))
        })
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let plan = &order.plan;
        let (path, target, id) = (self.path.clone(), plan.to.id.clone(), order.rollback);
        let switched = match spawn_blocking(move || switch(&path, &target, id)).await {
            Ok(switched) => switched?,
            Err(_) => {
                return Err(ProviderError::Unanswered(
                    "Releases: the switch broke off in the middle. Where `current` leads is read back; nothing is switched twice.".into(),
                ));
            }
        };
        let Some(command) = self.restart.as_deref().filter(|args| !args.is_empty()) else {
            return Ok(Receipt {
                said: switched,
                ..Receipt::default()
            });
        };
        Ok(
            match restart(command, &self.path, self.restart_timeout).await {
                Ok(()) => Receipt {
                    said: format!("{switched}; the restart command succeeded"),
                    memory: json!({ "restarted": true }),
                    ..Receipt::default()
                },
                Err(why) => Receipt {
                    said: format!("{switched}; the restart command failed: {why}"),
                    memory: json!({ "restart_failed": why }),
                    ..Receipt::default()
                },
            },
        )
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        let plan = &order.plan;
        let path = self.path.clone();
        let current = off_the_runtime(move || Current::read(&path)).await?;
        let before = plan
            .surfaces
            .iter()
            .find(|surface| surface.name == CURRENT)
            .and_then(|surface| surface.live.clone());
        Ok(read_progress(
            &current,
            &plan.to.id,
            before.as_deref(),
            self.has_restart().then_some(&order.memory),
        ))
    }

    async fn unpin(&self, _before: &Value) -> Result<String, ProviderError> {
        Err(ProviderError::Refused(
            "Releases: nothing is pinned, this platform holds no deploys off. The next deploy goes live as it always does."
                .into(),
        ))
    }

    async fn check(&self) -> Result<String, ProviderError> {
        let path = self.path.clone();
        off_the_runtime(move || {
            let survey = read(&path)?;
            if let Some(why) = survey.in_flight {
                return Err(ProviderError::Refused(format!(
                    "Releases: {why}. Deploy once, or set path to the directory that holds releases and current."
                )));
            }
            if may_write(&path) == Some(false) {
                return Err(ProviderError::Refused(format!(
                    "Releases: {} does not look writable for this process{}. Give its user write access to that directory, not to what is below.",
                    path.display(),
                    whoami()
                )));
            }
            let live = survey.surfaces.into_iter().find_map(|surface| surface.live);
            Ok(format!(
                "{} readable, current leads to {}, {} releases",
                path.display(),
                live.as_deref().unwrap_or("nothing"),
                survey.candidates.len()
            ))
        })
        .await
    }
}

impl Releases {
    fn has_restart(&self) -> bool {
        self.restart.as_ref().is_some_and(|args| !args.is_empty())
    }
}

/// Adds the process whose restart failed: the link leads to the target of that rollback, and the
/// process still has what it had before.
fn add_restart(survey: &mut Survey, unfinished: &Unfinished) {
    let leads_there = |surface: &Surface| surface.live.as_deref() == Some(unfinished.to.as_str());
    if survey.surfaces.iter().all(leads_there) {
        let restart = Surface {
            name: RESTART.into(),
            live: unfinished.left.clone(),
        };
        // What is served counts before what the link says.
        survey.surfaces.insert(0, restart);
    }
}

/// The identity of what is in a release.
fn read_content(path: &Path, name: &str) -> Result<String, ProviderError> {
    let release = disk::canonical_releases(path)?.join(name);
    content::content(&release).map_err(|error| disk::refused("read", &release, &error))
}

/// Reading the disk, where waiting for it holds nobody up.
async fn off_the_runtime<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    spawn_blocking(read).await.unwrap_or_else(|_| {
        Err(ProviderError::Busy {
            why: "Releases: reading the disk broke off.".into(),
            retry_after: None,
        })
    })
}

/// Reads where a rollback is, by the link and the stored end of the restart.
fn read_progress(
    current: &Current,
    target: &str,
    before: Option<&str>,
    restart: Option<&Value>,
) -> Progress {
    let said = current.clause();
    if current.live.as_deref() != Some(target) {
        return if current.live.as_deref() == before {
            Progress::NotAsked {
                why: format!("still, {said}"),
            }
        } else {
            Progress::Failed {
                production: Production::Unknown,
                why: format!(
                    "it was pointed elsewhere since: {said}. Find out who deployed, then ask for a new plan."
                ),
            }
        };
    }
    let mut surfaces = vec![current.surface()];
    let Some(memory) = restart else {
        return Progress::Serving {
            surfaces,
            pin: Pin::NotNeeded,
            said,
        };
    };
    let restarted = memory.get("restarted").and_then(Value::as_bool) == Some(true);
    surfaces.push(Surface {
        name: RESTART.into(),
        live: restarted.then(|| target.to_owned()),
    });
    if restarted {
        return Progress::Serving {
            surfaces,
            pin: Pin::NotNeeded,
            said,
        };
    }
    let why = memory
        .get("restart_failed")
        .and_then(Value::as_str)
        .unwrap_or("it is not known whether it ran; run it by hand");
    Progress::Partial {
        surfaces,
        failed: vec![format!("restart command: {why}")],
    }
}

#[cfg(test)]
mod tests;
