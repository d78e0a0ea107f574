//! What Railway's answers mean. It is GraphQL: a refusal comes with the status 200 and `errors`.

use super::progress::accepted;
use crate::{
    json::{flag, text},
    rest::Answer,
};
use rollback_domain::platform::{ProviderError, Receipt};
use serde_json::Value;

/// What tells whether something was done.
pub(super) const CHECKING: &str = "its deployments";

/// The status that says what this answer means.
pub(super) fn meaning(answer: &Answer) -> u16 {
    let error = &answer.body["errors"][0];
    let message = text(error, "message").unwrap_or_default().to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let is_internal = text(&error["extensions"], "code") == Some("INTERNAL_SERVER_ERROR");
    match answer.status {
        status @ (401 | 403 | 408 | 429 | 500..) => status,
        _ if has(&["rate limit", "too many requests"]) => 429,
        _ if has(&["not authorized", "token not found", "two factor"]) => 403,
        _ if is_internal || has(&["problem processing request", "timed out"]) => 500,
        status @ 300..=399 => status,
        // It is something in between that answers.
        _ if !answer.is_the_platforms() => 502,
        200 if error.is_null() => 200,
        _ => 400,
    }
}

/// What the answer to the request to go back to `target` means; `memory` is what the rollback
/// remembers so far.
pub(super) fn judge_rollback(
    answer: &Answer,
    target: &str,
    memory: &Value,
) -> Result<Receipt, ProviderError> {
    if answer.is_success() && flag(&answer.body["data"], "deploymentRollback") {
        return Ok(Receipt {
            said: "rollback accepted".into(),
            memory: accepted(memory),
            ..Receipt::default()
        });
    }
    Err(answer.unmoved(CHECKING).unwrap_or_else(|| {
        ProviderError::Refused(format!(
            "Railway would not go back to {target} ({}). Ask for a new plan and choose another release.",
            answer.quoted()
        ))
    }))
}
