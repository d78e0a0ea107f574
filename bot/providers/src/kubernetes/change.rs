//! How a workload is changed: it gets an earlier template, or, as a Rollout whose template somebody
//! else writes, its update is aborted.

use super::{
    cluster::{Read, Session},
    gone,
    revision::Revision,
    template,
    update::Update,
    workload::Workload,
};
use crate::rest::Answer;
use rollback_domain::{platform::ProviderError, release::Release};
use rollback_http::Lost;

/// How a workload goes to an earlier template.
pub(super) enum Change<'a> {
    /// It is given the template of this revision.
    Template {
        revision: &'a Revision,
        /// Whether that is the stable one, and an update to another is under way.
        ends_update: bool,
    },
    /// Its update is aborted, so that this revision, the stable one, serves again. The template
    /// stays, which whoever owns it would put back.
    Abort { revision: &'a Revision },
}

impl<'a> Change<'a> {
    /// How this one goes to a release, or why it does not.
    pub(super) fn to(read: &'a Read, to: &Release) -> Result<Self, ProviderError> {
        let refused = |why: String| Err(ProviderError::Refused(why));
        let Read {
            workload,
            revisions,
        } = read;
        if let Some(why) = workload.refusal() {
            return refused(why);
        }
        let update = Update::of(workload);
        let is_target = |hash: Option<&str>| {
            let id = hash.and_then(|hash| revisions.release_with(hash));
            id.is_some_and(|id| to.is(id))
        };
        let ends_update =
            update.is_some_and(|update| update.is_under_way() && is_target(update.stable()));
        let revision = revisions.of_release(to);
        match (workload.owner(), revision) {
            (Some(_), Some(revision)) if ends_update => return Ok(Change::Abort { revision }),
            (Some(why), _) => return refused(why),
            (None, _) => {}
        }
        if update.is_some_and(|update| update.is_aborted() && is_target(update.current())) {
            return refused(format!(
                "The update of {} to {} was aborted, and it has that template still. To go on with it: kubectl argo rollouts retry rollout {}.",
                workload.name,
                to.label(),
                workload.plain_name()
            ));
        }
        let revision = revision.ok_or_else(|| gone(to))?;
        Ok(Change::Template {
            revision,
            ends_update,
        })
    }

    /// The template that serves afterwards.
    pub(super) fn revision(&self) -> &'a Revision {
        match self {
            Change::Template { revision, .. } | Change::Abort { revision } => revision,
        }
    }

    /// Asks for it, once; with `dry_run` only whether it would be taken.
    pub(super) async fn send(
        &self,
        session: &Session<'_>,
        workload: &Workload,
        dry_run: bool,
    ) -> Result<Answer, Lost> {
        match self {
            Change::Template { revision, .. } => {
                let patch = template::patch(workload, revision);
                session.patch(&patch, None, dry_run).await
            }
            Change::Abort { .. } => {
                let patch = template::abort(workload);
                session.patch(&patch, Some("status"), dry_run).await
            }
        }
    }

    /// What people should know of it where the workload is a Rollout.
    pub(super) fn details(&self, workload: &Workload) -> Vec<String> {
        let Some(update) = Update::of(workload) else {
            return vec![];
        };
        match (self, update.steps()) {
            (Change::Abort { .. }, _) => vec![
                "it aborts the update that is under way: the stable template serves again, and that cannot be undone from here".into(),
            ],
            (Change::Template { ends_update: true, .. }, _) => vec![
                "it ends the update that is under way, without its steps, and takes its template back".into(),
            ],
            (Change::Template { .. }, 0) => vec![],
            (Change::Template { .. }, steps) => vec![format!(
                "it goes through the {steps} steps of its strategy, and waits for people where they do, unless its rollbackWindow has it"
            )],
        }
    }
}
