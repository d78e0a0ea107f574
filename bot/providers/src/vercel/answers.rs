//! What Vercel's answers to a rollback and to a promotion mean, status by status.

use crate::{json::text, rest::Answer};
use rollback_domain::{
    platform::{ProviderError, Receipt},
    release::Way,
};

/// What tells whether something was done.
pub(super) const CHECKING: &str = "each domain";

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
    let message = text(&answer.body["error"], "message").unwrap_or_default();
    let message = message.to_lowercase();
    let is_hobby_limit = matches!(answer.status, 400..=403) && message.contains("upgrade to pro");
    match answer.status {
        // It waits for a rolling release to end.
        202 if way == Way::Forward => Ok(receipt(
            "job queued behind the rolling release that is under way",
        )),
        200..=299 => Ok(receipt("job accepted")),
        409 if message.contains("already the current production deployment") => Ok(receipt(
            &format!("it says that this is the current deployment already ({quoted})"),
        )),
        402 if way == Way::Forward => refused(format!(
            "Vercel wants a paid plan or a paid bill before it promotes {target} ({quoted}). Look at vercel.com/account/billing, then ask for a new plan."
        )),
        status if status == 402 || is_hobby_limit => refused(format!(
            "Vercel goes back only to the deployment right before the live one on the Hobby plan ({quoted}). Choose that one, or upgrade the plan at vercel.com/account/billing."
        )),
        status => Err(answer.unmoved(CHECKING).unwrap_or_else(|| {
            ProviderError::Refused(match status {
                404 | 410 => format!(
                    "Vercel no longer has the deployment {target}, or not in this project ({quoted}). {next}"
                ),
                409 => format!(
                    "Vercel cannot {verb} {target} as things are ({quoted}). Look at what is under way in the project on vercel.com, then ask for a new plan."
                ),
                _ => format!("Vercel would not {verb} {target} ({quoted}). {next}"),
            })
        })),
    }
}

fn receipt(clause: &str) -> Receipt {
    Receipt {
        said: clause.to_owned(),
        ..Receipt::default()
    }
}
