//! What Vercel's answers mean, status by status.

use crate::json::{millis, text};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use rollback_domain::{
    platform::{ProviderError, Receipt},
    release::Way,
};
use rollback_http::{cut, one_line, retry_after, wait_until};
use serde_json::Value;

/// How much of Vercel's own words goes into a sentence, in characters.
const QUOTED_AT_MOST: usize = 200;

/// What came back to a request, as far as it has to be judged.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// What Vercel says is wrong; null when nothing is, or when it cannot be read.
    pub(super) error: Value,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether something in between may have lost the answer to a request that was done.
    pub(super) fn broke_off(&self) -> bool {
        matches!(self.status, 408 | 500..)
    }

    /// Whether Vercel itself says what is wrong, and not something in between.
    pub(super) fn is_vercels(&self) -> bool {
        text(&self.error["error"], "code").is_some()
    }

    /// The status and Vercel's own words: `403: Not authorized`.
    pub(super) fn quoted(&self) -> String {
        let message = text(&self.error["error"], "message").unwrap_or_default();
        match cut(&one_line(message), QUOTED_AT_MOST) {
            message if message.is_empty() => self.status.to_string(),
            message => format!("{}: {}", self.status, message.trim_end_matches(['.', ' '])),
        }
    }

    fn busy(&self, why: String) -> ProviderError {
        ProviderError::Busy {
            why,
            retry_after: self.wait(),
        }
    }

    fn no_access(&self) -> ProviderError {
        ProviderError::Refused(format!(
            "Vercel says the token is expired or lacks access ({}). Create a new one at vercel.com/account/settings/tokens and set it in the configuration; check that team names the project's team.",
            self.quoted()
        ))
    }

    /// How long Vercel wants us to wait, in milliseconds: `Retry-After`, else the end of the limit.
    pub(super) fn wait(&self) -> Option<u64> {
        let wait = retry_after(&self.headers).or_else(|| {
            let reset = Timestamp::from_millisecond(self.limit_ends()?).ok()?;
            wait_until(&self.headers, reset)
        })?;
        u64::try_from(wait.as_millis()).ok()
    }

    /// When the limit on requests ends, in milliseconds of Vercel's clock.
    fn limit_ends(&self) -> Option<i64> {
        let inner = &self.error["error"]["limit"];
        let limit = match inner.is_object() {
            true => inner,
            false => &self.error["limit"],
        };
        let header = || {
            let value = self.headers.get("x-ratelimit-reset")?;
            value.to_str().ok()?.trim().parse().ok()
        };
        millis(limit, "resetMs").or_else(|| {
            let seconds: i64 = millis(limit, "reset").or_else(header)?;
            Some(seconds.saturating_mul(1000))
        })
    }
}

/// What a refused read of `what` means.
pub(super) fn judge_read(what: &str, answer: &Answer) -> ProviderError {
    let quoted = answer.quoted();
    match answer.status {
        401 | 403 => answer.no_access(),
        402 => ProviderError::Refused(format!(
            "Vercel wants a paid plan or a paid bill before it shows {what} ({quoted}). Look at vercel.com/account/billing."
        )),
        404 => ProviderError::Refused(format!(
            "Something answered 404 about {what}, and it is not Vercel. Check api_url in the configuration, and what stands between this bot and Vercel."
        )),
        429 => answer.busy(format!("Vercel is rate-limiting this bot ({quoted}).")),
        408 | 500.. => answer.busy(format!("Vercel answers with an error ({quoted}).")),
        _ => ProviderError::Refused(format!(
            "Vercel would not show {what} ({quoted}). Check project, team and api_url in the configuration."
        )),
    }
}

/// What the answer to the request to roll back or to promote means.
pub(super) fn judge_move(
    way: Way,
    answer: &Answer,
    target: &str,
) -> Result<Receipt, ProviderError> {
    let quoted = answer.quoted();
    let refused = |why: String| Err(ProviderError::Refused(why));
    let (verb, next) = match way {
        Way::Back => (
            "roll back to",
            "Ask for a new plan and choose another release.",
        ),
        Way::Forward => (
            "promote",
            "Look at the deployment on vercel.com, then ask for a new plan.",
        ),
    };
    let message = text(&answer.error["error"], "message").unwrap_or_default();
    let message = message.to_lowercase();
    let is_hobby_limit = answer.status < 500 && message.contains("upgrade to pro");
    match answer.status {
        // It waits for a rolling release to end.
        202 if way == Way::Forward => Ok(receipt(
            "job queued behind the rolling release that is under way",
        )),
        200..=299 => Ok(receipt("job accepted")),
        409 if message.contains("already the current production deployment") => Ok(receipt(
            &format!("it says that this is the current deployment already ({quoted})"),
        )),
        429 => Err(answer.busy(format!(
            "Vercel is rate-limiting this bot and has done nothing ({quoted})."
        ))),
        402 if way == Way::Forward => refused(format!(
            "Vercel wants a paid plan or a paid bill before it promotes {target} ({quoted}). Look at vercel.com/account/billing, then ask for a new plan."
        )),
        status if status == 402 || is_hobby_limit => refused(format!(
            "Vercel goes back only to the deployment right before the live one on the Hobby plan ({quoted}). Choose that one, or upgrade the plan at vercel.com/account/billing."
        )),
        _ if answer.broke_off() => Err(ProviderError::Unanswered(format!(
            "Vercel answered the request with an error ({quoted}). I'm checking each domain and won't send the request again."
        ))),
        401 | 403 => Err(answer.no_access()),
        404 | 410 if !answer.is_vercels() => Err(ProviderError::Unanswered(format!(
            "Something answered {}, and it is not Vercel, so it is not known whether Vercel was asked. What the domains serve is read back; nothing is asked twice. Check api_url in the configuration.",
            answer.status
        ))),
        404 | 410 => refused(format!(
            "Vercel no longer has the deployment {target}, or not in this project ({quoted}). {next}"
        )),
        409 => refused(format!(
            "Vercel cannot {verb} {target} as things are ({quoted}). Look at what is under way in the project on vercel.com, then ask for a new plan."
        )),
        300..=399 => refused(format!(
            "Vercel's API is not where it was asked ({quoted}, a redirect). Check api_url in the configuration."
        )),
        _ => refused(format!(
            "Vercel would not {verb} {target} ({quoted}). {next}"
        )),
    }
}

fn receipt(clause: &str) -> Receipt {
    Receipt {
        said: clause.to_owned(),
        ..Receipt::default()
    }
}

/// What a refused change of the project's settings means.
pub(super) fn judge_setting(project: &str, answer: &Answer) -> ProviderError {
    let quoted = answer.quoted();
    match answer.status {
        401 | 403 => answer.no_access(),
        402 => ProviderError::Refused(format!(
            "Vercel wants a paid plan or a paid bill before it changes the project {project} ({quoted}). Look at vercel.com/account/billing."
        )),
        429 => answer.busy(format!(
            "Vercel answers too many requests and has changed nothing ({quoted}). It is asked again later."
        )),
        _ => ProviderError::Refused(format!(
            "Vercel would not let automatic deploys of the project {project} go live ({quoted}). Look at its settings on vercel.com, and check project, team and api_url in the configuration."
        )),
    }
}
