//! Puts a message into the timeline of its channel, once it is read who wants it and what it says.
//! A repetition finds it there.

use crate::{
    App,
    commands::captures,
    engine::{Ended, Error, RecordedCapture},
    slack::{Failure, action::moment_of},
    store::{jobs::Lease, memberships},
    worker::{last_known::membership, retry::after_slack},
};
use rollback_domain::{
    incident::{Actor, CaptureChange, CapturedBy, CapturedMessage},
    job::{CaptureRequest, Job, Notification},
    people::{Membership, Person},
    refusal::Refusal,
    rollback::Message,
};
use std::time::Duration;

/// How long a full member captures on what was last read of them.
const MEMBER_FOR: Duration = Duration::from_secs(24 * 3_600);

pub(super) async fn run(
    app: &App,
    lease: &Lease,
    request: &CaptureRequest,
) -> Result<Ended, Error> {
    let now = app.engine.clock.now();
    let person = match member(app, &request.person).await? {
        Ok(Ok(person)) => person,
        Ok(Err(refusal)) => return Ok(told(request, Message::from(&refusal), now)),
        Err(failure) => return Ok(unread(app, lease, request, &failure)),
    };
    if !captures::has_incident(app, &request.channel).await? {
        let none = "No incident goes on in this channel, so nothing was added to a timeline. `/rollback incident open` starts one.";
        return Ok(told(request, Message::Text(none.into()), now));
    }
    let message = match &request.message {
        Some(message) => message.clone(),
        None => match app.slack.message(&request.channel, &request.ts).await {
            Ok(Some(found)) => captures::read(app, &request.channel, &request.ts, &found),
            // It was deleted since.
            Ok(None) => return Ok(Ended::done()),
            Err(failure) => return Ok(unread(app, lease, request, &failure)),
        },
    };
    let added = "Added to the timeline of this channel: `/rollback timeline` shows it.";
    let ended = told(request, Message::Text(added.into()), now);
    Ok(ended.with(capture(request, person, message, now)))
}

fn capture(
    request: &CaptureRequest,
    person: Person,
    message: CapturedMessage,
    now: jiff::Timestamp,
) -> RecordedCapture {
    let pin = CapturedBy {
        person: person.id.clone(),
        by: request.by.clone(),
    };
    RecordedCapture {
        channel: request.channel.clone(),
        ts: request.ts.clone(),
        // Slack's clock may be ahead of ours.
        at: moment_of(&request.ts).unwrap_or(now).min(now),
        who: Actor::Person(person),
        change: CaptureChange::Pinned { pin, message },
    }
}

/// A full member with the name that they have, or why they are none.
async fn member(
    app: &App,
    person: &Person,
) -> Result<Result<Result<Person, Refusal>, Failure>, Error> {
    let now = app.engine.clock.now();
    let known = memberships::last_known(&app.engine.db, &person.id).await?;
    if let Some((Membership::Member, person, at)) = known
        && Duration::try_from(now.duration_since(at)).unwrap_or_default() <= MEMBER_FOR
    {
        return Ok(Ok(Ok(person)));
    }
    Ok(match membership(app, person).await {
        Ok((membership, person)) => Ok(membership.admit().map(|()| person)),
        Err(failure) => Err(failure),
    })
}

/// How the job ends when Slack does not say who it is, or what the message says.
fn unread(app: &App, lease: &Lease, request: &CaptureRequest, failure: &Failure) -> Ended {
    let Failure::Never(code) = failure else {
        return after_slack(app, lease, failure).into();
    };
    tracing::warn!(
        channel = request.channel,
        code,
        "a message could not be captured"
    );
    let message = format!("The message could not be added to the timeline: Slack says {code}.");
    told(request, Message::Text(message), app.engine.clock.now())
}

/// Ends the job, and tells the person who used the shortcut what came of it. A reaction is not
/// answered.
fn told(request: &CaptureRequest, message: Message, now: jiff::Timestamp) -> Ended {
    let Some(reply_to) = &request.reply_to else {
        return Ended::done();
    };
    let notification = Job::Notify(Notification {
        channel: request.channel.clone(),
        person: request.person.id.clone(),
        thread: None,
        reply_to: Some(reply_to.clone()),
        message,
        otherwise: None,
        id: format!("told:{}", request.id),
    });
    Ended::done().then(notification, now)
}
