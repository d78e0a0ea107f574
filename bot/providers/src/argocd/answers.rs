//! What Argo CD's answers to a rollback mean.

use super::{api::CHECKING, application::Application, gone};
use crate::{json::text, rest::Answer};
use rollback_domain::{
    platform::{ProviderError, Receipt},
    release::Release,
};
use serde_json::{Map, Value, json};

/// What the answer to the request to go back to the sync `id`, which is of the release `to`, means;
/// `memory` is what the rollback remembers so far.
pub(super) fn judge_rollback(
    answer: &Answer,
    app: &Application,
    to: &Release,
    id: i64,
    memory: &Value,
) -> Result<Receipt, ProviderError> {
    let (name, quoted) = (&app.name, answer.quoted());
    let refused = |why: String| Err(ProviderError::Refused(why));
    if answer.is_success() {
        return accepted(answer, name, id, memory);
    }
    // The status of these depends on the version of Argo CD; the words do not.
    let words = text(&answer.body, "message").or_else(|| text(&answer.body, "error"));
    let says = |part: &str| words.is_some_and(|words| words.contains(part));
    if says("another operation is already in progress") {
        return Err(answer.busy(format!(
            "Argo CD is syncing {name} already, and has done nothing ({quoted}). It is asked again when that has ended; argocd app terminate-op {name} ends it."
        )));
    }
    if says("when auto-sync is enabled") {
        return refused(format!(
            "Somebody or something switched automated sync of {name} on again after it was held off, so Argo CD did nothing ({quoted}). Find out what writes its sync policy, then ask for a new plan."
        ));
    }
    if says("does not have deployment with id") {
        return Err(gone(app, to));
    }
    match answer.status {
        403 if answer.is_the_platforms() => refused(format!(
            "Argo CD does not let this bot roll {name} back ({quoted}). rollback-bot check --online names each right that the token's account lacks."
        )),
        409 => Err(answer.busy(format!(
            "{name} was changed at this very moment, and Argo CD has done nothing ({quoted})."
        ))),
        _ => Err(answer.unmoved(CHECKING).unwrap_or_else(|| {
            ProviderError::Refused(format!(
                "Argo CD would not go back to {} ({quoted}). Look with argocd app get {name}, then ask for a new plan.",
                to.label()
            ))
        })),
    }
}

fn accepted(
    answer: &Answer,
    name: &str,
    id: i64,
    memory: &Value,
) -> Result<Receipt, ProviderError> {
    if text(&answer.body["metadata"], "name").is_none() {
        return Err(ProviderError::Unanswered(format!(
            "Argo CD was asked, and its answer ({}) is no application. I'm checking {CHECKING} and won't send the request again.",
            answer.status
        )));
    }
    let mut memory: Map<String, Value> = memory.as_object().cloned().unwrap_or_default();
    memory.insert("accepted".into(), json!(id));
    Ok(Receipt {
        said: format!("{name} is synced to what sync {id} of its history deployed"),
        memory: Value::Object(memory),
        ..Receipt::default()
    })
}
