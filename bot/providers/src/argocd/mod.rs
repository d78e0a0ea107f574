//! Argo CD: the syncs of an application, and syncing it to what an earlier one deployed.
//!
//! A rollback of Argo CD is a sync to the revisions and sources of an entry of the application's
//! history. It is refused while automated sync is on, and git still has the release that is left,
//! so automated sync is switched off before. What it was is kept by the application itself, in an
//! annotation, and is put back by unpin.

mod answers;
mod api;
mod application;
mod history;
mod progress;
mod settings;

use crate::{
    Provider,
    rest::{Rest, Setting},
    web_token::expiry,
};
use answers::judge_rollback;
use api::CHECKING;
use application::{Application, hold, let_go};
use async_trait::async_trait;
use jiff::Timestamp;
use progress::progress;
use reqwest::{Client, Method};
use rollback_domain::{
    platform::{About, DryRun, Effects, Holds, Order, Progress, ProviderError, Receipt, Timing},
    release::{Pin, Release, Surface, Survey, Way},
};
use serde_json::{Value, json};
pub use settings::{ArgoCdSettings, KIND};
use std::fmt;

/// One application of Argo CD.
#[derive(Clone)]
pub struct ArgoCd {
    http: Client,
    settings: ArgoCdSettings,
}

impl fmt::Debug for ArgoCd {
    /// The settings print no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ArgoCd").field(&self.settings).finish()
    }
}

impl ArgoCd {
    /// An application that is asked with this client, which should follow no redirects. Nothing is
    /// asked yet.
    pub fn new(http: Client, settings: ArgoCdSettings) -> Self {
        Self { http, settings }
    }

    /// What going this way does, with automated sync set like this.
    fn effects_of(&self, way: Way, pin: Pin) -> Effects {
        // The same while it is held off by us: an approval is for what is said here. Argo CD wants
        // it off whichever way the application is taken.
        let holds = match pin {
            Pin::NotNeeded => Holds::Not,
            Pin::On | Pin::Off | Pin::Unknown => Holds::OnRequest,
        };
        let after = match (holds, way) {
            (Holds::OnRequest | Holds::ByItself, Way::Back) => {
                Some("automated sync is OFF until unpinned; git still has what is left")
            }
            (Holds::OnRequest | Holds::ByItself, Way::Forward) => {
                Some("automated sync is OFF until unpinned")
            }
            (Holds::Not, Way::Back) => {
                Some("git still has what is left; the next sync brings it back")
            }
            (Holds::Not, Way::Forward) => None,
        };
        let mut leaves = vec!["git".into(), "database".into(), "volumes".into()];
        if !self.settings.prune {
            leaves.push("resources that were added since".into());
        }
        Effects {
            platform: "Argo CD".into(),
            restores: vec!["manifests".into(), "Helm and Kustomize parameters".into()],
            leaves,
            after: after.map(str::to_owned),
            holds,
            undoable: true,
            class: KIND.class,
            timing: Timing::default(),
            outage: None,
        }
    }

    /// Changes the application so that automated sync is `to`; gives what was read back, as a
    /// clause.
    async fn set_automatic(
        &self,
        rest: &Rest,
        before: &Application,
        to: Pin,
        change: &Value,
    ) -> Result<String, ProviderError> {
        let look = format!("the sync policy of {} in Argo CD", before.name);
        let setting = Setting::automatic_deploys(to, look);
        if before.pin() == to {
            return Ok(setting.already());
        }
        let mut body = self.body();
        body["patch"] = json!(change.to_string());
        body["patchType"] = json!("merge");
        let answered = rest.set(&setting, &self.path(&[]), &body).await?;
        let now = self.application(rest).await.map(|now| now.pin() == to);
        rest.read_back(&setting, &answered, now)
    }
}

/// Why an application is not to be rolled back at all.
fn check_changeable(app: &Application) -> Result<(), ProviderError> {
    app.refusal()
        .map_or(Ok(()), |why| Err(ProviderError::Refused(why)))
}

#[async_trait]
impl Provider for ArgoCd {
    /// Both ways the same: the application is synced to an entry of its history.
    fn effects(&self, way: Way) -> Effects {
        self.effects_of(way, Pin::Off)
    }

    async fn survey(&self, _about: &About) -> Result<Survey, ProviderError> {
        let rest = self.rest()?;
        let app = self.application(&rest).await?;
        let history = app.history();
        let messages = self.messages(&rest, &history).await;
        Ok(Survey {
            candidates: history.candidates(&messages),
            surfaces: vec![Surface {
                name: app.name.clone(),
                live: history.live().map(str::to_owned),
            }],
            production: Some(format!("argocd {}", app.uid())),
            pin: app.pin(),
            before_pin: app.before_pin(),
            in_flight: app.under_way().or_else(|| app.failed_since(&history)),
            memory: json!({
                "newest": history.newest(),
                "operation": app.operation().and_then(|operation| operation.started),
            }),
            ..Survey::default()
        })
    }

    /// Reads whether syncs are let in now, and whether the target is kept.
    async fn dry_run(
        &self,
        _survey: &Survey,
        to: &Release,
        about: &About,
    ) -> Result<DryRun, ProviderError> {
        let rest = self.rest()?;
        let app = self.application(&rest).await?;
        check_changeable(&app)?;
        if app.history().entry_of(to).is_none() {
            return Err(gone(&app, to));
        }
        if let Some(window) = self.closed_window(&rest).await? {
            return Err(ProviderError::Refused(format!(
                "A sync window of its project keeps syncs of {} out now ({window}). Let manual syncs in there (argocd proj windows enable-manual-sync), or wait until it is over.",
                app.name
            )));
        }
        Ok(DryRun::of(self.effects_of(about.way, app.pin())))
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let rest = self.rest()?;
        let app = self.application(&rest).await?;
        check_changeable(&app)?;
        if let Some(operation) = app.under_way() {
            return Err(ProviderError::Busy {
                why: format!(
                    "Nothing was asked of Argo CD, because {operation}. It is asked when that has ended; argocd app terminate-op {} ends it.",
                    app.name
                ),
                retry_after: None,
            });
        }
        let history = app.history();
        let (to, live) = (&order.plan.to, history.live());
        let is_as_planned = match (&order.plan.from, live) {
            (Some(from), Some(live)) => from.is(live),
            (None, None) => true,
            (_, _) => false,
        };
        if !is_as_planned {
            return Err(ProviderError::Refused(format!(
                "{} was synced since this was approved: its last sync is {} now. Nothing was done; ask for a new plan.",
                app.name,
                history
                    .newest()
                    .map_or("none".to_owned(), |id| id.to_string())
            )));
        }
        let entry = history.entry_of(to).ok_or_else(|| gone(&app, to))?;
        let mut body = self.body();
        body["id"] = json!(entry.id);
        body["prune"] = json!(self.settings.prune);
        body["dryRun"] = json!(false);
        let path = self.path(&["rollback"]);
        match rest.change(Method::POST, &path, &[], &body).await {
            Ok(answer) => judge_rollback(&answer, &app, to, entry.id, &order.memory),
            Err(lost) => Err(rest.unanswered(&lost, CHECKING)),
        }
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        let rest = self.rest()?;
        let app = self.application(&rest).await?;
        Ok(progress(order, &app, self.settings.wait_for_health))
    }

    async fn pin(&self) -> Result<String, ProviderError> {
        let rest = self.rest()?;
        let app = self.application(&rest).await?;
        match app.automated() {
            Some(automated) => {
                let change = hold(automated);
                self.set_automatic(&rest, &app, Pin::On, &change).await
            }
            // Somebody switched it off meanwhile, and switches it on again.
            None => Ok("automated sync is off already (read back), nothing was changed".into()),
        }
    }

    async fn unpin(&self, before: &Value) -> Result<String, ProviderError> {
        let rest = self.rest()?;
        let app = self.refreshed(&rest).await?;
        if let (None, Some(why)) = (app.automated(), app.brings_back()) {
            return Err(ProviderError::Refused(why));
        }
        match (app.automated(), let_go(before, &app)) {
            (None, None) => Err(ProviderError::Refused(format!(
                "Argo CD: nothing is pinned, {} is synced by hand.",
                app.name
            ))),
            (Some(_), None) => {
                Ok("automatic deploys go live already (read back), nothing was changed".into())
            }
            (_, Some(change)) => {
                let said = self.set_automatic(&rest, &app, Pin::Off, &change).await?;
                Ok(match app.unsynced() {
                    Some(revision) => format!("{said}; git has {revision}, which is synced now"),
                    None => said,
                })
            }
        }
    }

    async fn check(&self) -> Result<String, ProviderError> {
        let rest = self.rest()?;
        let app = self.application(&rest).await?;
        let object = app.rights_object(self.settings.namespace.as_deref());
        let missing = self.missing_rights(&rest, &object).await?;
        if !missing.is_empty() {
            let missing = missing.join(", nor ");
            let object = object.join("/");
            return Err(ProviderError::Refused(format!(
                "The account of this token may not {missing} the application {object} in Argo CD. Allow it in argocd-rbac-cm: p, ROLE, applications, ACTION, {object}, allow."
            )));
        }
        check_changeable(&app)?;
        let automated = match app.pin() {
            Pin::Off => "automated sync is on",
            Pin::On => "automated sync is held off by a rollback",
            Pin::NotNeeded | Pin::Unknown => "it is synced by hand",
        };
        Ok(format!(
            "application {} readable and changeable, {} releases, {automated}",
            app.name,
            app.history().count()
        ))
    }

    async fn credentials_end(&self) -> Result<Option<Timestamp>, ProviderError> {
        Ok(expiry(&self.settings.token))
    }
}

/// Why a release cannot be gone to.
fn gone(app: &Application, to: &Release) -> ProviderError {
    ProviderError::Refused(format!(
        "Argo CD has no sync of {} to {} in its history any more (revisionHistoryLimit). Choose another release, or revert the commit in its repository.",
        app.name,
        to.label()
    ))
}
