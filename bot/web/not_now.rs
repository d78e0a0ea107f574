//! Why somebody is shown nothing.

use crate::slack::Failure;
use rollback_domain::refusal::Refusal;

/// Why somebody is shown nothing.
#[derive(Debug)]
pub enum NotNow {
    /// They are not signed in, or not any more.
    SignedOut,
    /// They may not read here: a sentence.
    Refused(String),
    /// They read too much.
    TooMuch,
    /// It cannot be told whether they may: a sentence.
    Busy(String),
}

impl NotNow {
    /// Slack does not say who may read.
    pub fn slack(failure: &Failure) -> Self {
        NotNow::Busy(format!(
            "I can't check right now whether you may read this: {failure}. Nothing is shown until I can. Reload in a moment; `rollback-bot status` works while Slack is not answering."
        ))
    }

    /// The database does not answer.
    pub fn record_is_silent() -> Self {
        let why = "the database does not answer".into();
        NotNow::Busy(Refusal::Busy { why }.to_string())
    }
}

impl From<sqlx::Error> for NotNow {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "a page could not be read from the record");
        NotNow::record_is_silent()
    }
}
