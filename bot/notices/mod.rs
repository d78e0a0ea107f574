//! Places outside of Slack where updates for customers are published: a status page, or a program
//! that takes them.
//!
//! Each is a [`Notices`] with a file of its own. It keeps nothing between calls: what it calls an
//! incident is stored with the update that it took.

pub mod statuspage;
pub mod webhook;

use async_trait::async_trait;
use jiff::Timestamp;
use rollback_domain::{
    identity::{IncidentId, ServiceKey},
    incident::Severity,
    update::{NoticePlace, UpdateKind},
};
use rollback_http::{Lost, cut, one_line};
use std::time::Duration;

/// How long one request may take, from connecting to the last byte.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const ANSWER_AT_MOST: usize = 4 << 20;
/// How much of their own words goes into a sentence, in characters.
const SAID_AT_MOST: usize = 200;

/// An update as it is sent.
#[derive(Clone, Debug)]
pub struct Notice<'a> {
    /// What nobody else calls an update: the host of the bot, the incident and the number.
    pub key: &'a str,
    /// What nobody else calls the incident.
    pub incident_key: &'a str,
    /// The incident.
    pub incident: IncidentId,
    /// The number of the update.
    pub number: i64,
    /// What it says.
    pub kind: UpdateKind,
    /// What it is about.
    pub title: &'a str,
    /// The text.
    pub body: String,
    /// How severe the incident is; `None`: nobody has said.
    pub severity: Option<Severity>,
    /// The services of the incident's rollbacks.
    pub services: &'a [ServiceKey],
    /// Who published it.
    pub by: &'a str,
    /// When they did.
    pub published_at: Timestamp,
    /// Where the updates of this incident before it are; `None`: it is the first one there.
    pub place: Option<&'a NoticePlace>,
    /// Where the update is that it takes the place of; `None`: it is a new one.
    pub corrects: Option<&'a NoticePlace>,
    /// Whether it may be there already, because an answer was lost.
    pub may_be_there: bool,
}

/// Why an update is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// It will never be taken like this.
    #[error("{why}")]
    Refused {
        /// What happened and what to do, as a sentence without its full stop.
        why: String,
        /// Whether what the updates before made of it is not there any more, so that the next one
        /// begins anew.
        is_gone: bool,
    },
    /// It may be sent again.
    #[error("{why}")]
    Later {
        /// What happened and what to do, as a sentence without its full stop.
        why: String,
        /// What they want us to wait; `None`: they do not say.
        after: Option<Duration>,
    },
}

impl NoticeError {
    fn refused(why: impl Into<String>) -> Self {
        NoticeError::Refused {
            why: why.into(),
            is_gone: false,
        }
    }

    fn later(why: impl Into<String>) -> Self {
        NoticeError::Later {
            why: why.into(),
            after: None,
        }
    }
}

/// A place where updates are published.
#[async_trait]
pub trait Notices: Send + Sync {
    /// What happens there, after its name, as a clause: *subscribers are notified*.
    fn effect(&self) -> &'static str;

    /// Tries what it is configured with, without publishing anything, and says what works.
    async fn check(&self) -> Result<String, NoticeError>;

    /// How many requests sending this takes at most, at no more than one a second.
    fn requests(&self, notice: &Notice<'_>) -> u32;

    /// Publishes an update, or finds that it is there already.
    async fn send(&self, notice: &Notice<'_>) -> Result<NoticePlace, NoticeError>;
}

/// Why there is no answer. `key` is the section of the configuration.
fn unanswered(key: &str, lost: &Lost) -> NoticeError {
    match lost {
        Lost::Unsent => NoticeError::refused(format!(
            "its address or its secret cannot be sent; look at {key}"
        )),
        Lost::Unreachable { .. } => NoticeError::later(format!("it cannot be reached: {lost}")),
        Lost::Silent(_) => NoticeError::later(format!(
            "its answer was lost ({lost}); it is looked for before it is sent again"
        )),
    }
}

/// Somebody's words, to end a sentence with, without the secret they were asked with.
fn quoted(words: &str, secret: &str) -> String {
    let words = one_line(words);
    match (words.is_empty(), secret.is_empty()) {
        (true, _) => String::new(),
        (false, true) => format!(": {}", cut(&words, SAID_AT_MOST)),
        (false, false) => format!(": {}", cut(&words.replace(secret, "…"), SAID_AT_MOST)),
    }
}
