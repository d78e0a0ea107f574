//! `action add "…"`, `action list`, `action done 3`: what is to be done after an incident.

use super::{Answer, Context, Result, find};
use crate::{
    App,
    engine::{Outcome, Submission},
    slack::blocks::{inline, mention},
    store::actions,
};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use rollback_domain::{
    action::{ActionItem, Deadline, next_weekday},
    grammar::{Due, verbs::Action},
};

/// How many open actions a message lists; the post-mortem has all of them.
const LISTED_AT_MOST: usize = 20;

pub(super) async fn run(app: &App, context: &Context, request: Action) -> Result {
    match request {
        Action::Add { owner, due, text } => {
            let incident = find::incident(app, &context.channel, None).await?;
            let now = app.engine.clock.now();
            let item = ActionItem {
                // The engine numbers it.
                number: 0,
                incident,
                channel: context.channel.clone(),
                text,
                owner,
                due: due.and_then(|due| day(due, now)).map(Deadline::On),
                added_by: context.person.clone(),
                added_at: now,
                done: None,
                promise: None,
            };
            let submission = Submission::AddAction {
                action: item,
                source: context.source,
            };
            taken(app, context, submission).await
        }
        Action::Done { number } => {
            let submission = Submission::FinishAction {
                number,
                channel: context.channel.clone(),
                by: context.person.clone(),
                source: context.source,
            };
            taken(app, context, submission).await
        }
        Action::List => list(app, context).await,
    }
}

async fn taken(app: &App, context: &Context, submission: Submission) -> Result {
    Ok(match app.engine.take(&context.key, submission).await? {
        Outcome::ActionChanged { action, changed } => {
            let (line, number) = (line(&action, app.engine.clock.now()), action.number);
            let text = match (changed, &action.done) {
                (true, None) => format!(
                    "Added to {}: {line} `/rollback action done {number}` when it is done.",
                    action.incident
                ),
                (true, Some(_)) => format!("Done: {line}"),
                (false, Some(_)) => format!("Nothing was changed, it was done already: {line}"),
                (false, None) => {
                    format!("Nothing was changed, the incident was reopened: {line}")
                }
            };
            Answer::private(action.incident.marks(&text))
        }
        Outcome::NoAction { number } => Answer::private(format!(
            "There is no action {number} in this channel. `/rollback action list` shows them. Nothing was changed."
        )),
        outcome => Answer::from(outcome),
    })
}

async fn list(app: &App, context: &Context) -> Result {
    let all = actions::of_channel(&app.engine.db, &context.channel).await?;
    let now = app.engine.clock.now();
    let open: Vec<&ActionItem> = all.iter().rev().filter(|item| item.is_open()).collect();
    if open.is_empty() {
        return Ok(Answer::private(
            "No action is open in this channel. `/rollback action add \"…\" @owner due friday` adds one.",
        ));
    }
    let mut lines: Vec<String> = open
        .iter()
        .take(LISTED_AT_MOST)
        .map(|item| line(item, now))
        .collect();
    if open.len() > LISTED_AT_MOST {
        let more = open.len() - LISTED_AT_MOST;
        lines.push(format!(
            "and {more} more; `/rollback postmortem` has all of them."
        ));
    }
    Ok(Answer::private(lines.join("\n")))
}

/// One action in one line.
pub(super) fn line(item: &ActionItem, now: Timestamp) -> String {
    let owner = match &item.owner {
        Some(owner) => mention(owner),
        None => "nobody".into(),
    };
    let due = match (&item.done, item.due) {
        (Some(done), _) => format!("done by @{}", inline(&done.by.name, 80)),
        (None, _) if !item.is_open() => "dropped".into(),
        (None, Some(_)) => item.due_clause(now),
        (None, None) => "no day".into(),
    };
    format!(
        "*{}* {} · {owner} · {due}.",
        item.number,
        inline(&item.text, 300)
    )
}

/// One action of somebody in one line: what it is, until when, and how to say that it is done.
pub fn line_of(item: &ActionItem, now: Timestamp) -> String {
    format!(
        "*{}* {} · {} · {}: `/rollback action done {}` in {}",
        item.number,
        inline(&item.text, 300),
        item.due_clause(now),
        item.incident,
        item.number,
        mention(&item.channel)
    )
}

/// The day that is meant, in UTC; `None`: the calendar has no such day.
fn day(due: Due, now: Timestamp) -> Option<Date> {
    let today = now.to_zoned(TimeZone::UTC).date();
    match due {
        Due::On(date) => Some(date),
        Due::Today => Some(today),
        Due::Tomorrow => today.checked_add(1.day()).ok(),
        Due::Next(weekday) => next_weekday(weekday, now),
    }
}
