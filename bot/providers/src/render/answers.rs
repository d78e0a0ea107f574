//! What Render's answers mean, status by status.

use crate::json::text;
use reqwest::header::HeaderMap;
use rollback_domain::platform::{ProviderError, Receipt};
use rollback_http::{cut, one_line, retry_after, wait_in};
use serde_json::{Map, Value, json};

/// How much of Render's own words goes into a sentence, in characters.
const QUOTED_AT_MOST: usize = 200;
/// The most bytes read of an answer to a change, or of one that is no success.
const BODY_AT_MOST: usize = 64 * 1024;

/// What came back to a request, as far as it has to be judged.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    /// Null when it cannot be read.
    body: Value,
}

impl Answer {
    /// What is left of an answer when it is judged. The status has been told by now: a body that
    /// breaks off, or that is no JSON, takes nothing of it back.
    pub(super) async fn of(answer: rollback_http::Answer) -> Self {
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let body = answer.body(BODY_AT_MOST).await.unwrap_or_default();
        Self {
            status,
            headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether something in between may have lost the answer to a request that was done.
    pub(super) fn broke_off(&self) -> bool {
        matches!(self.status, 408 | 500..)
    }

    /// Whether Render itself answers, and not something in between.
    pub(super) fn is_renders(&self) -> bool {
        text(&self.body, "message").is_some() || text(&self.body, "id").is_some()
    }

    /// The status and Render's own words: `403: forbidden`.
    pub(super) fn quoted(&self) -> String {
        let message = text(&self.body, "message").unwrap_or_default();
        match cut(&one_line(message), QUOTED_AT_MOST) {
            message if message.is_empty() => self.status.to_string(),
            message => format!("{}: {}", self.status, message.trim_end_matches(['.', ' '])),
        }
    }

    pub(super) fn busy(&self, why: String) -> ProviderError {
        let wait = retry_after(&self.headers);
        // It is documented as a moment, and its example is a number of seconds.
        let wait = wait.or_else(|| wait_in(&self.headers, "ratelimit-reset"));
        ProviderError::Busy {
            why,
            retry_after: wait.and_then(|wait| u64::try_from(wait.as_millis()).ok()),
        }
    }

    fn no_access(&self) -> ProviderError {
        ProviderError::Refused(format!(
            "Render says the token is unknown or lacks access ({}). Create an API key at dashboard.render.com under Account Settings, as a member of the service's workspace, and set it in the configuration.",
            self.quoted()
        ))
    }
}

/// What a refused read of `what` means.
pub(super) fn judge_read(what: &str, answer: &Answer) -> ProviderError {
    let quoted = answer.quoted();
    match answer.status {
        401 | 403 => answer.no_access(),
        404 => ProviderError::Refused(format!(
            "Something answered 404 about {what}, and it is not Render. Check api_url in the configuration, and what stands between this bot and Render."
        )),
        429 => answer.busy(format!("Render is rate-limiting this bot ({quoted}).")),
        408 | 500.. => answer.busy(format!("Render answers with an error ({quoted}).")),
        _ => ProviderError::Refused(format!(
            "Render would not show {what} ({quoted}). Check service and api_url in the configuration."
        )),
    }
}

/// What the answer to the request to roll back to `target` means; `memory` is what the rollback
/// remembers so far.
pub(super) fn judge_rollback(
    answer: &Answer,
    target: &str,
    memory: &Value,
) -> Result<Receipt, ProviderError> {
    let quoted = answer.quoted();
    let refused = |why: String| Err(ProviderError::Refused(why));
    match answer.status {
        200..=299 => accepted(answer, memory),
        429 => Err(answer.busy(format!(
            "Render is rate-limiting this bot and has done nothing ({quoted})."
        ))),
        _ if answer.broke_off() => Err(ProviderError::Unanswered(format!(
            "Render answered the request with an error ({quoted}). I'm checking its deploys and won't send the request again."
        ))),
        401 | 403 => Err(answer.no_access()),
        404 | 410 if !answer.is_renders() => Err(ProviderError::Unanswered(format!(
            "Something answered {}, and it is not Render, so it is not known whether Render was asked. I'm checking its deploys and won't send the request again. Check api_url in the configuration.",
            answer.status
        ))),
        404 | 410 => refused(format!(
            "Render no longer has the deploy {target}, or not of this service ({quoted}). Ask for a new plan and choose another release."
        )),
        400 => refused(format!(
            "Render cannot go back to {target} ({quoted}). It keeps the builds of a fixed number of deploys only: ask for a new plan and choose a newer release, or deploy the commit of {target} anew."
        )),
        409 => refused(format!(
            "Render cannot go back to {target} as things are ({quoted}). Look at what is under way on dashboard.render.com, then ask for a new plan."
        )),
        300..=399 => refused(format!(
            "Render's API is not where it was asked ({quoted}, a redirect). Check api_url in the configuration."
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

/// What a refused change of `autoDeploy` means.
pub(super) fn judge_setting(service: &str, answer: &Answer) -> ProviderError {
    let quoted = answer.quoted();
    match answer.status {
        401 | 403 => answer.no_access(),
        402 => ProviderError::Refused(format!(
            "Render wants a paid plan or a paid bill before it changes {service} ({quoted}). Look at dashboard.render.com/billing."
        )),
        429 => answer.busy(format!(
            "Render is rate-limiting this bot and has changed nothing ({quoted})."
        )),
        _ => ProviderError::Refused(format!(
            "Render would not change the automatic deploys of {service} ({quoted}). Look at its settings on dashboard.render.com, and check service and api_url in the configuration."
        )),
    }
}
