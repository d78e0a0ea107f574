//! What Render's answers to a rollback mean, status by status.

use crate::{json::text, rest::Answer};
use rollback_domain::platform::{ProviderError, Receipt};
use rollback_http::{cut, one_line};
use serde_json::{Map, Value, json};

/// What tells whether something was done.
pub(super) const CHECKING: &str = "its deploys";

/// What the answer to the request to roll back to `target` means; `memory` is what the rollback
/// remembers so far.
pub(super) fn judge_rollback(
    answer: &Answer,
    target: &str,
    memory: &Value,
) -> Result<Receipt, ProviderError> {
    let quoted = answer.quoted();
    let refused = |why: String| Err(ProviderError::Refused(why));
    if answer.is_success() {
        return accepted(answer, memory);
    }
    if let Some(error) = answer.unmoved(CHECKING) {
        return Err(error);
    }
    match answer.status {
        404 | 410 => refused(format!(
            "Render no longer has the deploy {target}, or not of this service ({quoted}). Ask for a new plan and choose another release."
        )),
        400 => refused(format!(
            "Render cannot go back to {target} ({quoted}). It keeps the builds of a fixed number of deploys only: ask for a new plan and choose a newer release, or deploy the commit of {target} anew."
        )),
        409 => refused(format!(
            "Render cannot go back to {target} as things are ({quoted}). Look at what is under way on dashboard.render.com, then ask for a new plan."
        )),
        _ => refused(format!(
            "Render would not go back to {target} ({quoted}). Ask for a new plan and choose another release."
        )),
    }
}

/// The new deploy that Render made, by whose id it is found again.
fn accepted(answer: &Answer, memory: &Value) -> Result<Receipt, ProviderError> {
    let Some(deploy) = text(&answer.body, "id") else {
        return Err(ProviderError::Unanswered(format!(
            "Render was asked, and its answer ({}) names no deploy. I'm checking its deploys and won't send the request again.",
            answer.status
        )));
    };
    let deploy = cut(&one_line(deploy), 100);
    let mut memory: Map<String, Value> = memory.as_object().cloned().unwrap_or_default();
    memory.insert("deploy".into(), json!(deploy));
    Ok(Receipt {
        said: format!("deploy {deploy} created"),
        memory: Value::Object(memory),
        ..Receipt::default()
    })
}
