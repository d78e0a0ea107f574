//! The Homes of people in Slack: who has one, and when what it shows may be another thing.

use crate::store::{Tx, homes, jobs};
use jiff::Timestamp;
use rollback_domain::{
    job::{Job, Notification},
    people::home_of,
    rollback::Message,
};
use std::time::Duration;

/// How long a change waits for others before Homes are drawn anew: together they are one publication.
const TOGETHER: Duration = Duration::from_secs(1);

/// A change of what is known of somebody's Home.
#[derive(Clone, Debug, PartialEq)]
pub struct HomeChange {
    /// The Slack id of the person.
    pub person: String,
    /// What is changed.
    pub what: HomeFact,
}

/// What is changed of somebody's Home.
#[derive(Clone, Debug, PartialEq)]
pub enum HomeFact {
    /// Slack shows this now.
    Published {
        /// The SHA-256 of what it shows; `None`: it has to be published again.
        digest: Option<String>,
        /// What Slack calls that state of it; `None`: it is not known.
        hash: Option<String>,
    },
    /// It is not kept up to date any more.
    Forgotten,
    /// They are told this there.
    Answered(Message),
}

/// Stores a change of what is known of somebody's Home.
pub(super) async fn change(tx: &mut Tx, change: &HomeChange, now: Timestamp) -> sqlx::Result<()> {
    let HomeChange { person, what } = change;
    match what {
        HomeFact::Published { digest, hash } => {
            homes::published(tx, person, digest.as_deref(), hash.as_deref()).await
        }
        HomeFact::Forgotten => homes::forget(tx, person).await,
        HomeFact::Answered(message) => answer(tx, person, message, now).await.map(drop),
    }
}

/// Has every Home drawn anew. It comes last in the transaction that changes what they show, so that
/// everybody locks these rows after all others.
pub(super) async fn refresh(tx: &mut Tx, now: Timestamp) -> sqlx::Result<()> {
    let soon = now.checked_add(TOGETHER).unwrap_or(now);
    let people = homes::people(tx).await?.into_iter();
    let homes: Vec<_> = people.map(|person| (Job::Home { person }, soon)).collect();
    jobs::poke(tx, &homes).await
}

/// Tells somebody something in their Home, if that is where it is to be told; `false`: it is not, or
/// they have none.
pub(super) async fn tell(
    tx: &mut Tx,
    notification: &Notification,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let address = notification.reply_to.as_deref();
    match address.and_then(home_of) {
        Some(person) => answer(tx, person, &notification.message, now).await,
        None => Ok(false),
    }
}

async fn answer(
    tx: &mut Tx,
    person: &str,
    message: &Message,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let is_answered = homes::answer(tx, person, message, now).await?;
    if is_answered {
        let home = Job::Home {
            person: person.to_owned(),
        };
        jobs::poke(tx, &[(home, now)]).await?;
    }
    Ok(is_answered)
}
