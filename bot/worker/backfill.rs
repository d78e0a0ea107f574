//! What a channel missed while Slack took nothing: told in one message, in order, marked as late.
//!
//! First the message is fixed in the record: its key, and what it tells. Then what it tells is
//! looked for, if it was tried by itself, and the message if it was tried; what is not there is
//! posted. What joins meanwhile is told by it if it was not posted yet, and otherwise said as usual.

use super::{
    after_failure, later,
    say::{LATE_AFTER, card_key, sure},
    tried_for,
};
use crate::{
    App,
    engine::{Error, SideEffects},
    slack::{
        Failure,
        backfill::{self, Line},
        blocks::{escape, inline, mention, render_message},
    },
    store::{
        jobs::{Lease, Next},
        messages, rollbacks,
        undelivered::{self, Change, Missed},
    },
};
use rollback_domain::{
    job::Job,
    rollback::{BreakGlass, Message, State},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How many people are asked for by name at most, so that nobody is pinged for what is over.
const NAMED_AT_MOST: usize = 20;
/// How often a channel is tried that Slack refuses, and for how long.
const REFUSED_EVERY: Duration = Duration::from_secs(60);
const REFUSED_WITHIN: Duration = Duration::from_secs(3_600);

/// Tells a channel what it has missed: one thing at a time, each of which is stored.
pub(super) async fn backfill(app: &App, lease: &Lease, channel: &str) -> Result<(), Error> {
    let rows = undelivered::of(&app.engine.db, channel).await?;
    let now = app.engine.clock.now();
    let end = async |next: Next, change: Change| {
        let effects = SideEffects {
            undelivered: Some((channel.to_owned(), change)),
            ..SideEffects::default()
        };
        app.engine.end(lease, next, effects).await
    };
    let Some(first) = rows.first() else {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    };
    let gathered = Change::Gathered(format!(
        "late:{channel}:{}:{}",
        first.at.as_microsecond(),
        rows.len()
    ));
    let (batch, joined): (Vec<&Missed>, Vec<&Missed>) =
        rows.iter().partition(|row| row.batch.is_some());
    let Some(key) = batch.iter().find_map(|row| row.batch.clone()) else {
        let age = Duration::try_from(now.duration_since(first.at)).unwrap_or_default();
        return match age < LATE_AFTER {
            // They joined what has been told by now, and are not late themselves.
            true => end(Next::Done, Change::Told(BTreeMap::new())).await,
            false => end(Next::At(now), gathered).await,
        };
    };
    // Said after all: only Slack's answer was lost. One place after the other, so that a limit of
    // Slack's in between loses nothing.
    if let Some(tried) = batch.iter().find(|row| row.tried) {
        let thread = thread(app, &tried.what.job).await?;
        let found = match app.slack.keys(channel, thread.as_deref()).await {
            // A thread whose card was deleted has nothing in it.
            Err(Failure::Never(code)) if code == "thread_not_found" => Ok(BTreeMap::new()),
            found => found,
        };
        let found = match found {
            Ok(found) => found,
            Err(failure) => return fail(app, lease, channel, &batch, failure).await,
        };
        let mut keys = vec![];
        for row in batch.iter().filter(|row| row.tried) {
            if self::thread(app, &row.what.job).await? == thread {
                keys.push(row.key.clone());
            }
        }
        return end(Next::At(now), Change::Looked { keys, found }).await;
    }
    if lease.attempt > 1 {
        match app.slack.find(channel, None, &key).await {
            Ok(Some(ts)) => return end(Next::Done, Change::Told(all(&batch, Some(&ts)))).await,
            Ok(None) => {}
            Err(failure) => return fail(app, lease, channel, &batch, failure).await,
        }
    }
    // It was not posted: it can tell what has joined since as well.
    if !joined.is_empty() {
        return end(Next::At(now), gathered).await;
    }
    let lines = match lines(app, &batch).await? {
        Ok(lines) => lines,
        Err(failure) => return fail(app, lease, channel, &batch, failure).await,
    };
    let words = backfill::message(&lines, now);
    let posted = match sure(lease) {
        Ok(()) => app.slack.post(channel, None, &words, &key).await,
        Err(failure) => Err(failure),
    };
    match posted {
        Ok(ts) => end(Next::Done, Change::Told(all(&batch, Some(&ts)))).await,
        Err(failure) => fail(app, lease, channel, &batch, failure).await,
    }
}

/// All of these, told by the message that is there; or by none.
fn all(rows: &[&Missed], ts: Option<&String>) -> BTreeMap<String, Option<String>> {
    rows.iter()
        .map(|row| (row.key.clone(), ts.cloned()))
        .collect()
}

/// It was not told: it is tried again, but not for ever in a channel that Slack refuses.
async fn fail(
    app: &App,
    lease: &Lease,
    channel: &str,
    batch: &[&Missed],
    failure: Failure,
) -> Result<(), Error> {
    let mut effects = SideEffects::default();
    let next = match failure {
        Failure::Never(code) if tried_for(app, lease) > REFUSED_WITHIN => {
            let n = batch.len();
            tracing::error!(
                channel,
                code,
                n,
                "what was missed is not told; the timeline has it"
            );
            effects.undelivered = Some((channel.to_owned(), Change::Told(all(batch, None))));
            Next::Done
        }
        Failure::Never(code) => Next::Retry(later(app, REFUSED_EVERY), code),
        failure => after_failure(app, lease, &failure),
    };
    app.engine.end(lease, next, effects).await
}

/// The thread in which something was to be said; none: in the channel.
async fn thread(app: &App, job: &Job) -> sqlx::Result<Option<String>> {
    match job {
        Job::Post {
            under: Some(rollback),
            ..
        } => Ok(messages::get(&app.engine.db, &card_key(*rollback))
            .await?
            .ts),
        Job::Post { thread, .. } => Ok(thread.clone()),
        _ => Ok(None),
    }
}

/// What is told of each. Whoever was to be asked for something is asked now if it is still wanted:
/// by the newest reminder and the newest rung of the ladder. Everybody else is named, not pinged.
async fn lines(app: &App, rows: &[&Missed]) -> Result<Result<Vec<Line>, Failure>, Error> {
    // For each rollback the newest of each way of asking.
    let mut newest: BTreeMap<(u64, PendingRequest), &str> = BTreeMap::new();
    for row in rows {
        if let Some(asks) = PendingRequest::of(&row.key) {
            newest.insert(asks, &row.key);
        }
    }
    let mut pings: BTreeSet<&str> = BTreeSet::new();
    for ((id, ask), key) in newest {
        if ask.is_wanted(app, id).await? {
            pings.insert(key);
        }
    }
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    let mut lines = vec![];
    for row in rows {
        let text = match (&row.what.text, &row.what.job) {
            (Some(text), _) => text.clone(),
            (None, Job::Post { message, .. }) if pings.contains(row.key.as_str()) => {
                render_message(message, mention)
            }
            (None, Job::Post { message, .. }) => {
                let people = match message {
                    Message::Naming(_, people) | Message::Refused(_, _, people) => {
                        people.as_slice()
                    }
                    Message::Text(_) | Message::Mrkdwn(_) => &[],
                };
                for id in people {
                    if names.contains_key(id.as_str()) || names.len() >= NAMED_AT_MOST {
                        continue;
                    }
                    let name = match app.slack.membership(id, None).await {
                        Ok((_, name)) => name,
                        Err(Failure::Never(_)) => None,
                        Err(failure) => return Ok(Err(failure)),
                    };
                    if let Some(name) = name {
                        names.insert(id, format!("@{}", inline(&name, 80)));
                    }
                }
                let named = |id: &str| names.get(id).cloned().unwrap_or("somebody".into());
                render_message(message, named)
            }
            (None, job) => escape(&format!("{} {}", job.kind(), job.key())),
        };
        lines.push(Line { at: row.at, text });
    }
    Ok(Ok(lines))
}

/// How people were to be asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PendingRequest {
    Reminder,
    Escalation,
    Review,
}

impl PendingRequest {
    /// What a post with this key asks for, and of which rollback.
    fn of(key: &str) -> Option<(u64, PendingRequest)> {
        let (id, about) = key.strip_prefix("RB-")?.split_once(':')?;
        let ask = match about.split(':').next()? {
            "reminder" => PendingRequest::Reminder,
            "escalation" => PendingRequest::Escalation,
            "review" => PendingRequest::Review,
            _ => return None,
        };
        Some((id.parse().ok()?, ask))
    }

    /// Whether that is still to be answered.
    async fn is_wanted(self, app: &App, id: u64) -> sqlx::Result<bool> {
        let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
            return Ok(false);
        };
        Ok(match self {
            PendingRequest::Reminder | PendingRequest::Escalation => {
                matches!(rollback.state, State::Proposed { .. })
            }
            PendingRequest::Review => rollback
                .break_glass
                .as_ref()
                .is_some_and(BreakGlass::wants_review),
        })
    }
}
