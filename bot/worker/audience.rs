//! Reads who can see what is done to a rollback without an approval.

use crate::{App, slack::Failure};
use rollback_domain::{audience::Audience, policy::Policy, risk::Risk, rollback::Rollback};
use std::time::Duration;
use tokio::time::timeout;

/// How long Slack may take to say who is in a channel.
const ANSWERS_WITHIN: Duration = Duration::from_secs(4);

/// Who is in the channel of a rollback, and in those in which it is announced.
pub(super) async fn read(app: &App, rollback: &Rollback, policy: &Policy, risk: Risk) -> Audience {
    let mut channels = vec![rollback.channel.as_str()];
    channels.extend(policy.announce.of(risk));
    let (mut there, mut unread) = (vec![], None);
    for channel in channels {
        let read = timeout(ANSWERS_WITHIN, app.slack.channel_members(channel)).await;
        let read = read.unwrap_or_else(|_| {
            let why = format!("no answer within {} s", ANSWERS_WITHIN.as_secs());
            Err(Failure::Lost(why))
        });
        match read {
            Ok(members) => there.extend(members),
            Err(failure) => unread = Some(failure.to_string()),
        }
    }
    match unread {
        Some(why) if there.is_empty() => Audience::Unreadable(why),
        Some(_) | None => Audience::Members(there),
    }
}

/// Nobody: where nothing rests on being seen.
pub(super) fn none() -> Audience {
    Audience::Members(vec![])
}
