//! Giving a workload an earlier template, so that whatever changed meanwhile is not overwritten.

use super::{
    cluster::{CHECKING, Read, Session},
    revision::{CHANGE_CAUSE, Revision},
    workload::Workload,
};
use crate::rest::Answer;
use rollback_domain::platform::ProviderError;
use rollback_http::Lost;
use serde_json::{Value, json};

/// The change to this revision: only of this very workload, and only while its template is the one
/// that was read. A concurrent deploy makes it fail as a whole; what scales the workload does not.
pub(super) fn patch(workload: &Workload, to: &Revision) -> Value {
    let mut patch = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": workload.uid()}),
        json!({"op": "test", "path": "/spec/template", "value": workload.template()}),
        json!({"op": "replace", "path": "/spec/template", "value": to.template}),
    ];
    // The cluster copies it to the revision: without this, the earlier release would be called by
    // what the bad one changed.
    let path = format!("/metadata/annotations/{}", CHANGE_CAUSE.replace('/', "~1"));
    match (&to.cause, workload.annotation(CHANGE_CAUSE)) {
        (Some(cause), Some(_)) => {
            patch.push(json!({"op": "replace", "path": path, "value": cause}));
        }
        (None, Some(_)) => patch.push(json!({"op": "remove", "path": path})),
        (_, None) => {}
    }
    Value::Array(patch)
}

/// The change that aborts the update of a Rollout: only of the one that was read.
pub(super) fn abort(workload: &Workload) -> Value {
    json!([
        {"op": "test", "path": "/metadata/uid", "value": workload.uid()},
        {"op": "test", "path": "/spec/template", "value": workload.template()},
        {"op": "add", "path": "/status/abort", "value": true},
    ])
}

/// What the answer to the change means; `Ok` when it was taken. `target` is how people call the
/// release.
pub(super) async fn judge(
    answer: Result<Answer, Lost>,
    session: &Session<'_>,
    read: &Read,
    target: &str,
) -> Result<(), ProviderError> {
    let name = &read.workload.name;
    let answer = answer.map_err(|lost| session.unanswered(&lost))?;
    if answer.is_success() {
        return match answer.is_the_platforms() {
            true => Ok(()),
            false => Err(ProviderError::Unanswered(format!(
                "Something answered {}, and it is not Kubernetes. I'm checking {CHECKING} and won't send the request again.",
                answer.status
            ))),
        };
    }
    let quoted = answer.quoted();
    let refused = |why: String| Err(ProviderError::Refused(why));
    match answer.status {
        // The words are the same whatever was wrong with the patch, so it is read what changed.
        409 | 422 if has_changed(session, read).await => refused(format!(
            "Somebody changed {name} at this very moment ({quoted}), so nothing was done. Ask for a new plan."
        )),
        409 => Err(answer.busy(format!(
            "{name} changed while it was patched ({quoted}), and nothing was done."
        ))),
        403 if answer.is_the_platforms() => refused(format!(
            "Kubernetes does not let this bot change {name} ({quoted}). rollback-bot check --online names each right that its Role lacks."
        )),
        404 if answer.is_the_platforms() => refused(format!(
            "{name} is not there any more ({quoted}), so nothing was done."
        )),
        status => match answer.unmoved(CHECKING) {
            // Whoever answers a change in plain words has not made it, unless something between
            // lost the answer.
            Some(error) => Err(error),
            None if status < 500 => refused(format!(
                "Kubernetes would not give {name} the template of {target} ({quoted}). Look with kubectl describe {name}, then choose another release."
            )),
            None => Err(ProviderError::Unanswered(format!(
                "Kubernetes answered the request with an error ({quoted}). I'm checking {CHECKING} and won't send the request again."
            ))),
        },
    }
}

/// Whether the workload has another template now than when it was read.
async fn has_changed(session: &Session<'_>, read: &Read) -> bool {
    let now = session.read().await;
    now.is_ok_and(|now| {
        now.workload.uid() != read.workload.uid()
            || now.workload.template() != read.workload.template()
    })
}
