//! Posts the messages that a channel missed as one message, in order, marked as late.
//!
//! 1. The key and the contents of the message are stored.
//! 2. Slack is searched for what was tried before: parts that were posted alone, and the message.
//! 3. The rest is posted.
//!
//! What is missed meanwhile joins the message as long as it was not posted.

use crate::{
    App,
    engine::{Ended, Error, UndeliveredChange},
    permalinks,
    slack::{
        Failure,
        backfill::{self, Line},
        blocks::{escape, inline, mention, render_message},
        content::is_about_content,
    },
    store::{
        jobs::Lease,
        rollbacks,
        undelivered::{self, Change, Undelivered},
    },
    worker::{
        plainer::{acceptable, try_plainer},
        retry::{LATE_AFTER, after_slack, later, tried_for},
        rollback_message::{card_ts, ensure_held},
        ways_round::Refused,
    },
};
use rollback_domain::{
    identity::RollbackId,
    job::{Job, Post, WhenRefused},
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

/// A channel's undelivered messages, and the one message that delivers them.
struct Batch<'a> {
    app: &'a App,
    lease: &'a Lease,
    channel: &'a str,
    /// What is in the message.
    rows: Vec<&'a Undelivered>,
    /// The key of the message.
    key: String,
}

/// Delivers what a channel has missed, one stored step at a time.
pub(super) async fn run(app: &App, lease: &Lease, channel: &str) -> Result<Ended, Error> {
    let undelivered = undelivered::of(&app.engine.db, channel).await?;
    let now = app.engine.clock.now();
    let Some(first) = undelivered.first() else {
        return Ok(Ended::done());
    };
    let gathered = || {
        let key = format!(
            "late:{channel}:{}:{}",
            first.at.as_microsecond(),
            undelivered.len()
        );
        Ended::at(now).with(change(channel, Change::Gathered(key)))
    };
    let (rows, joined): (Vec<&Undelivered>, Vec<&Undelivered>) =
        undelivered.iter().partition(|row| row.batch.is_some());
    let Some(key) = rows.iter().find_map(|row| row.batch.clone()) else {
        let age = Duration::try_from(now.duration_since(first.at)).unwrap_or_default();
        return Ok(match age < LATE_AFTER {
            // They waited behind a message that is posted by now, and are not late themselves.
            true => Ended::done().with(change(channel, Change::Delivered(BTreeMap::new()))),
            false => gathered(),
        });
    };
    let batch = Batch {
        app,
        lease,
        channel,
        rows,
        key,
    };
    // Said after all: only Slack's answer was lost. One place after the other, so that a limit of
    // Slack's in between loses nothing.
    if let Some(tried) = batch.rows.iter().find(|row| row.tried) {
        return batch.look_for(tried).await;
    }
    if lease.attempt > 1 {
        match app.slack.find(channel, None, &batch.key).await {
            Ok(Some(ts)) => return Ok(batch.delivered(&ts)),
            Ok(None) => {}
            Err(failure) => return batch.failed(failure).await,
        }
    }
    // It was not posted: it can deliver what has joined since as well.
    if !joined.is_empty() {
        return Ok(gathered());
    }
    batch.post().await
}

fn change(channel: &str, change: Change) -> UndeliveredChange {
    UndeliveredChange {
        channel: channel.to_owned(),
        change,
    }
}

impl Batch<'_> {
    /// Searches Slack for messages that were tried in the same place as this one.
    async fn look_for(&self, tried: &Undelivered) -> Result<Ended, Error> {
        let app = self.app;
        let place = thread(app, &tried.what.job).await?;
        let found = match app.slack.keys(self.channel, place.as_deref()).await {
            Ok(found) => found,
            // A thread whose card was deleted has nothing in it.
            Err(Failure::Never(code)) if code == "thread_not_found" => BTreeMap::new(),
            Err(failure) => return self.failed(failure).await,
        };
        let mut keys = vec![];
        for row in self.rows.iter().filter(|row| row.tried) {
            if thread(app, &row.what.job).await? == place {
                keys.push(row.key.clone());
            }
        }
        let looked = Change::Looked { keys, found };
        Ok(Ended::at(app.engine.clock.now()).with(change(self.channel, looked)))
    }

    /// Posts the message.
    async fn post(&self) -> Result<Ended, Error> {
        let app = self.app;
        let lines = match lines(app, &self.rows).await? {
            Ok(lines) => lines,
            Err(failure) => return self.failed(failure).await,
        };
        let words = backfill::message(&lines, app.engine.clock.now());
        if let Err(failure) = ensure_held(self.lease) {
            return self.failed(failure).await;
        }
        let acceptable = acceptable(app, self.lease, &self.key, &words).await?;
        match app
            .slack
            .post(self.channel, None, &acceptable, &self.key)
            .await
        {
            Ok(ts) => Ok(self.delivered(&ts)),
            Err(Failure::Never(code)) if is_about_content(&code) && acceptable == words => {
                Ok(try_plainer(app, self.channel, &self.key, code))
            }
            Err(failure) => self.failed(failure).await,
        }
    }

    /// The message is there: all of them are delivered.
    fn delivered(&self, ts: &str) -> Ended {
        Ended::done().with(change(self.channel, Change::Delivered(self.all(Some(ts)))))
    }

    /// The message could not be posted: tries again, but not for ever in a channel that Slack
    /// refuses. Those whom it concerns are told alone, each once.
    async fn failed(&self, failure: Failure) -> Result<Ended, Error> {
        let (app, lease) = (self.app, self.lease);
        let code = match failure {
            Failure::Never(code) => code,
            failure @ (Failure::Later { .. } | Failure::TooSoon { .. } | Failure::Lost(_)) => {
                return Ok(after_slack(app, lease, &failure).into());
            }
        };
        let mut jobs = vec![];
        for row in &self.rows {
            jobs.extend(self.tell_alone(row, &code).await?);
        }
        let ended = match tried_for(app, lease) > REFUSED_WITHIN {
            true => {
                let (channel, n) = (self.channel, self.rows.len());
                tracing::error!(
                    channel,
                    code,
                    n,
                    "missed messages are given up; the timeline has them"
                );
                Ended::done().with(change(channel, Change::Delivered(self.all(None))))
            }
            false => Ended::retry(later(app, REFUSED_EVERY), code),
        };
        let now = app.engine.clock.now();
        let jobs = jobs.into_iter();
        Ok(jobs.fold(ended, |ended, job| ended.then(job, now)))
    }

    /// The jobs that tell those alone whom one of the messages concerns.
    async fn tell_alone(&self, row: &Undelivered, code: &str) -> Result<Vec<Job>, Error> {
        let (text, rollback, people) = match (&row.what.job, &row.what.text) {
            (Job::Post(post), _) => match &post.when_refused {
                WhenRefused::TellAlone { rollback, people } => {
                    let text = render_message(&post.message, mention);
                    (text, *rollback, people.clone())
                }
                WhenRefused::Log | WhenRefused::TellElsewhere { .. } => return Ok(vec![]),
            },
            (Job::AnnounceOutcome { rollback }, Some(text)) => {
                let found = rollbacks::get(&self.app.engine.db, *rollback).await?;
                let people = found.map(|found| found.concerned()).unwrap_or_default();
                (text.clone(), Some(*rollback), people)
            }
            // Nothing else is left to the backfill.
            _ => return Ok(vec![]),
        };
        let refused = Refused {
            channel: self.channel,
            text: &text,
            rollback,
            key: &row.key,
        };
        Ok(refused.tell_alone(&people, code))
    }

    /// The keys of all, with the `ts` of the message that delivers them; `None`: none does.
    fn all(&self, ts: Option<&str>) -> BTreeMap<String, Option<String>> {
        let rows = self.rows.iter();
        rows.map(|row| (row.key.clone(), ts.map(str::to_owned)))
            .collect()
    }
}

/// The thread in which something was to be posted; `None`: in the channel.
async fn thread(app: &App, job: &Job) -> sqlx::Result<Option<String>> {
    let Job::Post(Post { under, thread, .. }) = job else {
        return Ok(None);
    };
    match under {
        Some(rollback) => card_ts(app, *rollback).await,
        None => Ok(thread.clone()),
    }
}

/// The text of each. People who were to be asked for something are asked now if it is still wanted:
/// by the newest reminder and the newest step of the escalation. Everybody else is named, not
/// pinged.
async fn lines(app: &App, rows: &[&Undelivered]) -> Result<Result<Vec<Line>, Failure>, Error> {
    let pings = pings(app, rows).await?;
    let mut names = BTreeMap::new();
    let mut lines = vec![];
    for row in rows {
        let text = match (&row.what.text, &row.what.job) {
            (Some(text), _) => text.clone(),
            (None, Job::Post(Post { message, .. })) if pings.contains(row.key.as_str()) => {
                permalinks::linked(app, &render_message(message, mention)).await?
            }
            (None, Job::Post(Post { message, .. })) => {
                if let Err(failure) = read_names(app, message, &mut names).await {
                    return Ok(Err(failure));
                }
                let named = |id: &str| names.get(id).cloned().unwrap_or("somebody".into());
                permalinks::linked(app, &render_message(message, named)).await?
            }
            (None, job) => escape(&format!("{} {}", job.kind(), job.key())),
        };
        lines.push(Line { at: row.at, text });
    }
    Ok(Ok(lines))
}

/// The keys of those that ask people for something that is still wanted: for each rollback the
/// newest of each way of asking.
async fn pings<'a>(app: &App, rows: &[&'a Undelivered]) -> Result<BTreeSet<&'a str>, Error> {
    let mut newest: BTreeMap<(RollbackId, PendingRequest), &str> = BTreeMap::new();
    for row in rows {
        if let Some(request) = PendingRequest::of(&row.key) {
            newest.insert(request, &row.key);
        }
    }
    let mut pings = BTreeSet::new();
    for ((id, request), key) in newest {
        if request.is_wanted(app, id).await? {
            pings.insert(key);
        }
    }
    Ok(pings)
}

/// Reads what those are called whom a message names, by their id.
async fn read_names(
    app: &App,
    message: &Message,
    names: &mut BTreeMap<String, String>,
) -> Result<(), Failure> {
    let people = match message {
        Message::Naming(_, people) | Message::Refused(_, _, people) => people.as_slice(),
        Message::Text(_) | Message::Mrkdwn(_) => &[],
    };
    for id in people {
        if names.contains_key(id) || names.len() >= NAMED_AT_MOST {
            continue;
        }
        let name = match app.slack.membership(id, None).await {
            Ok(user) => user.name,
            Err(Failure::Never(_)) => None,
            Err(failure) => return Err(failure),
        };
        if let Some(name) = name {
            names.insert(id.clone(), format!("@{}", inline(&name, 80)));
        }
    }
    Ok(())
}

/// How people were to be asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PendingRequest {
    Reminder,
    Escalation,
    Review,
    /// Not a request: a turn or an ending that those whom it concerns have not seen.
    Turn,
}

impl PendingRequest {
    /// What a post with this key asks for, and of which rollback.
    fn of(key: &str) -> Option<(RollbackId, PendingRequest)> {
        let (id, about) = key.split_once(':')?;
        let ask = match about.split(':').next()? {
            "reminder" => PendingRequest::Reminder,
            "escalation" => PendingRequest::Escalation,
            "review" => PendingRequest::Review,
            "objection" | "withdrawn" | "open-again" | "window-ended" | "superseded"
            | "retargeted" | "not-retargeted" | "no-new-plan" | "denied" | "cancelled"
            | "expired" | "blocked" => PendingRequest::Turn,
            _ => return None,
        };
        Some((id.parse().ok()?, ask))
    }

    /// Whether that is still to be answered.
    async fn is_wanted(self, app: &App, id: RollbackId) -> sqlx::Result<bool> {
        let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
            return Ok(false);
        };
        Ok(match self {
            PendingRequest::Reminder | PendingRequest::Escalation => {
                matches!(rollback.state, State::Proposed { .. })
            }
            PendingRequest::Turn => true,
            PendingRequest::Review => rollback
                .break_glass
                .as_ref()
                .is_some_and(BreakGlass::wants_review),
        })
    }
}
