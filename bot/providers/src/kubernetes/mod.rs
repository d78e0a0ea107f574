//! Kubernetes: a Deployment, a StatefulSet, a DaemonSet or a Rollout of Argo Rollouts, and giving it
//! an earlier pod template.
//!
//! A cluster has no call to roll back: as kubectl does it, the workload is given the template of
//! one of its ReplicaSets or ControllerRevisions by a JSON patch. The patch tests the template that
//! was read before, so a deploy at the same moment makes it fail and is never overwritten. What
//! serves is then told by the rollout, pod by pod.

mod change;
mod cluster;
mod kubeconfig;
mod progress;
mod revision;
mod settings;
mod template;
mod update;
mod workload;

use crate::{Provider, web_token::expiry};
use async_trait::async_trait;
use change::Change;
use cluster::Read;
use jiff::Timestamp;
use progress::progress;
use reqwest::Client;
use rollback_domain::{
    platform::{About, DryRun, Effects, Holds, Order, Progress, ProviderError, Receipt, Timing},
    release::{Pin, Release, Surface, Survey, Way},
    risk::{Caution, Risk},
};
use serde_json::{Value, json};
use settings::Login;
pub use settings::{KIND, KubernetesSettings};
use std::{fmt, time::Duration};
use update::Update;

/// How long a workload may take beyond its own deadline before it counts as stuck.
const AFTER_DEADLINE: Duration = Duration::from_secs(120);
/// How many names a sentence has.
const NAMED_AT_MOST: usize = 6;

/// One workload of a cluster.
#[derive(Clone)]
pub struct Kubernetes {
    http: Client,
    settings: KubernetesSettings,
}

impl fmt::Debug for Kubernetes {
    /// The settings print no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kubernetes").field(&self.settings).finish()
    }
}

impl Kubernetes {
    /// A workload of the cluster that the settings name. Nothing is asked yet.
    pub fn new(http: Client, settings: KubernetesSettings) -> Self {
        Self { http, settings }
    }
}

fn effects() -> Effects {
    Effects {
        platform: "Kubernetes".into(),
        restores: vec![
            "image".into(),
            "command".into(),
            "the env, probes and resources of its pod template".into(),
        ],
        leaves: vec![
            "database".into(),
            "volumes".into(),
            "ConfigMaps and Secrets".into(),
            "replicas".into(),
        ],
        after: Some("the next deploy replaces it".into()),
        holds: Holds::Not,
        undoable: true,
        class: KIND.class,
        timing: Timing::default(),
        outage: None,
    }
}

/// What is unusual about the rollout right now, as a clause.
fn under_way(read: &Read) -> Option<String> {
    if let Some(update) = Update::of(&read.workload) {
        let aborted = "its update was aborted, and its template is the new one still";
        return match (update.is_aborted(), update.is_under_way()) {
            (true, _) => Some(aborted.into()),
            (false, true) => Some(format!("an update is under way: {}", update.clause())),
            (false, false) => None,
        };
    }
    let rollout = read.workload.rollout();
    match (&rollout.deadline, rollout.is_complete()) {
        (_, true) => None,
        (Some(_), false) => Some(format!(
            "its last rollout made no progress within its deadline: {}",
            rollout.clause()
        )),
        (None, false) => Some(format!("a rollout is under way: {}", rollout.clause())),
    }
}

#[async_trait]
impl Provider for Kubernetes {
    /// Both ways the same: the workload is given another template.
    fn effects(&self, _way: Way) -> Effects {
        effects()
    }

    async fn survey(&self, _about: &About) -> Result<Survey, ProviderError> {
        let read = self.open()?.read().await?;
        let Read {
            workload,
            revisions,
        } = &read;
        Ok(Survey {
            candidates: revisions.candidates(),
            // One surface: how many pods there are changes by itself, and a plan is for what is to
            // run.
            surfaces: vec![Surface {
                name: workload.name.clone(),
                live: revisions.live(workload).map(str::to_owned),
            }],
            production: Some(format!("kubernetes {}", workload.uid())),
            pin: Pin::NotNeeded,
            in_flight: under_way(&read),
            memory: json!({ "deadline": workload.deadline() }),
            ..Survey::default()
        })
    }

    /// Asks the cluster whether it would take the change: its own dry run, which changes nothing.
    async fn dry_run(
        &self,
        _survey: &Survey,
        to: &Release,
        _about: &About,
    ) -> Result<DryRun, ProviderError> {
        let session = self.open()?;
        let read = session.read().await?;
        let workload = &read.workload;
        let change = Change::to(&read, to)?;
        let answer = change.send(&session, workload, true).await;
        // A webhook that cannot do dry runs says nothing of the change.
        let is_unsupported = matches!(&answer, Ok(answer) if answer.status == 400
            && answer.quoted().to_lowercase().contains("dry run"));
        if !is_unsupported {
            template::judge(answer, &session, &read, to.label())
                .await
                .map_err(nothing_sent)?;
        }
        let today = revision::read_today(&change.revision().template);
        let mut details = change.details(workload);
        if !today.is_empty() {
            let more = if today.len() > NAMED_AT_MOST {
                ", …"
            } else {
                ""
            };
            let named = today[..today.len().min(NAMED_AT_MOST)].join(", ");
            details.push(format!("it reads {named}{more} as they are today"));
        }
        let warning = workload.managed_by().map(|owner| Caution::Platform {
            name: "managed_by".into(),
            text: format!(
                "it is labelled as managed by {owner}, which may put its own template back"
            ),
            class: Risk::Caution,
        });
        let mut effects = effects();
        if let Change::Abort { .. } = change {
            // Going on with an update that was aborted is not ours to do.
            effects.undoable = false;
            effects.after =
                Some("the new template stays in the Rollout until its owner changes it".into());
        }
        if workload.is_recreated() {
            effects.outage = Some("all pods are stopped before the earlier ones start".into());
        }
        let deadline = workload.object["spec"]["progressDeadlineSeconds"].as_u64();
        if let Some(deadline) = deadline.filter(|deadline| *deadline < 24 * 3_600) {
            let serve_within = Duration::from_secs(deadline) + AFTER_DEADLINE;
            effects.timing.serve_within = serve_within.max(effects.timing.serve_within);
        }
        Ok(DryRun {
            warnings: warning.into_iter().collect(),
            details,
            ..DryRun::of(effects)
        })
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let session = self.open()?;
        let read = session.read().await?;
        let to = &order.plan.to;
        let change = Change::to(&read, to)?;
        let Read {
            workload,
            revisions,
        } = &read;
        let live = revisions.live(workload);
        let is_as_planned = match (&order.plan.from, live) {
            (Some(from), Some(live)) => from.is(live),
            (None, None) => true,
            (_, _) => false,
        };
        if !is_as_planned {
            return Err(ProviderError::Refused(format!(
                "Somebody gave {} another template since this was approved: it is to run {} now. Nothing was done; ask for a new plan.",
                workload.name,
                live.unwrap_or("a new one")
            )));
        }
        let answer = change.send(&session, workload, false).await;
        template::judge(answer, &session, &read, to.label()).await?;
        let hash = &change.revision().hash;
        Ok(Receipt {
            said: match change {
                Change::Template { .. } => format!("{} has the template {hash}", workload.name),
                Change::Abort { .. } => format!("the update of {} is aborted", workload.name),
            },
            memory: json!({ "accepted": hash, "deadline": workload.deadline() }),
            ..Receipt::default()
        })
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        let read = self.open()?.read().await?;
        Ok(progress(order, &read))
    }

    async fn unpin(&self, _before: &Value) -> Result<String, ProviderError> {
        Err(ProviderError::Refused(
            "Kubernetes: nothing is pinned, a cluster holds no deploys off. The next deploy replaces the template as it always does.".into(),
        ))
    }

    async fn check(&self) -> Result<String, ProviderError> {
        let session = self.open()?;
        let missing = session.missing_rights().await?;
        if !missing.is_empty() {
            return Err(ProviderError::Refused(format!(
                "This bot's account may not {} in the namespace {}. Add that to its Role.",
                missing.join(", nor "),
                self.settings.namespace
            )));
        }
        let read = session.read().await?;
        let workload = &read.workload;
        let is_rollout = Update::of(workload).is_some();
        let owned = match workload.refusal().or_else(|| workload.owner()) {
            None => "",
            // The update of a Rollout can be aborted all the same.
            Some(_) if is_rollout && workload.refusal().is_none() => {
                "; somebody else owns its template, so only an update that is under way can be aborted"
            }
            Some(why) => return Err(ProviderError::Refused(why)),
        };
        let releases = read.revisions.candidates().len();
        let state = Update::of(workload)
            .map_or_else(|| workload.rollout().clause(), |update| update.clause());
        Ok(format!(
            "{} readable and changeable, {releases} templates are kept: {state}{owned}",
            workload.name
        ))
    }

    async fn credentials_end(&self) -> Result<Option<Timestamp>, ProviderError> {
        Ok(match &self.settings.cluster.login {
            Login::Token(token) => expiry(token),
            // It is replaced from time to time, and read each time.
            Login::TokenFile(_) | Login::Certificate { .. } => None,
        })
    }
}

/// Why a release cannot be gone to.
fn gone(to: &Release) -> ProviderError {
    ProviderError::Refused(format!(
        "Kubernetes has not kept the template of {} (revisionHistoryLimit). Choose another release, or deploy it anew.",
        to.label()
    ))
}

/// The same error about something that changes nothing, and may be asked again.
fn nothing_sent(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::Unanswered(why) => ProviderError::Busy {
            why,
            retry_after: None,
        },
        ProviderError::Refused(_) | ProviderError::Busy { .. } => error,
    }
}
