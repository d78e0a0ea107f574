//! Puts a message into the timeline of its channel, once it is read who wants it and what it says.
//! A repetition finds it there.

use crate::{
    App,
    commands::captures,
    config::Service,
    engine::{Ended, Error, RecordedCapture},
    slack::{
        self, Failure, Words,
        action::{Action, moment_of},
        blocks::{actions, cut, inline, section},
        capture::About,
    },
    store::{jobs::Lease, memberships},
    worker::{last_known::membership, recipient::Recipient, retry::after_slack},
};
use rollback_domain::{
    grammar::{ServiceRef, Target, verbs::Propose},
    incident::{Actor, CaptureChange, CapturedBy, CapturedMessage, PROPOSE_SHORTCUT, SHORTCUT},
    job::{CaptureRequest, Job, Notification},
    people::{Membership, Person},
    refusal::Refusal,
    rollback::Message,
};
use std::time::Duration;

/// How much of a message becomes the reason of a proposal, in characters.
const REASON_AT_MOST: usize = 300;
/// How many services have a button.
const CHOICES_AT_MOST: usize = 10;
/// Slack forgets what a shortcut brought after three seconds.
const TRIGGER_LIVES: Duration = Duration::from_secs(3);
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
    if request.by == PROPOSE_SHORTCUT {
        return propose(app, lease, request, person).await;
    }
    let opens = request.by != SHORTCUT && app.config.incidents.reactions_open_incidents;
    let record = captures::record_of(app, &request.channel).await?;
    if !opens && record.is_none() {
        let none = "No incident goes on in this channel, so nothing was added to a timeline. `/rollback incident open` starts one.";
        return Ok(told(request, Message::Text(none.into()), now));
    }
    if opened(app, lease, request).await {
        return Ok(Ended::done());
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
    let at = match request.at {
        Some(at) => {
            let zone = memberships::zone(&app.engine.db, &request.person.id).await?;
            let at = match zone {
                Some(zone) if zone.utc_offset != 0 => zone.show(at),
                Some(_) | None => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            };
            format!(", for {at}")
        }
        None => String::new(),
    };
    let added =
        format!("Added to the timeline of this channel{at}: `/rollback timeline` shows it.");
    let added = record.map_or(added.clone(), |record| record.marks(&added));
    let ended = told(request, Message::Text(added), now);
    let capture = RecordedCapture {
        opens,
        ..capture(request, person, message, now)
    };
    Ok(ended.with(capture))
}

/// Whether the person has the form open in which they say more of the message, or had it before:
/// then it may be saved by now. Where it cannot be opened the message is captured as it is.
async fn opened(app: &App, lease: &Lease, request: &CaptureRequest) -> bool {
    let (Some(form), Some(message)) = (&request.form, &request.message) else {
        return false;
    };
    if lease.attempt > 1 {
        return true;
    }
    let age = app.engine.clock.now().duration_since(form.asked_at);
    if Duration::try_from(age).unwrap_or_default() >= TRIGGER_LIVES {
        return false;
    }
    let about = About {
        person: request.person.id.clone(),
        channel: request.channel.clone(),
        ts: request.ts.clone(),
        reply_to: request.reply_to.clone(),
    };
    let view = slack::capture::form(&about, &request.id, message);
    match app.slack.open_view(&form.trigger, &view).await {
        Ok(()) => true,
        Err(failure) => {
            tracing::warn!(%failure, "the form for a message could not be opened");
            false
        }
    }
}

/// Lets the person choose what is proposed because of a message. Where an incident goes on, the
/// message is evidence from then on.
async fn propose(
    app: &App,
    lease: &Lease,
    request: &CaptureRequest,
    person: Person,
) -> Result<Ended, Error> {
    let Some(message) = &request.message else {
        return Ok(Ended::done());
    };
    let words = choice(app, &request.channel, message);
    let recipient = Recipient {
        channel: &request.channel,
        person: &request.person.id,
        thread: None,
        reply_to: request.reply_to.as_deref(),
    };
    let ended = recipient.notify(app, lease, &words).await?;
    Ok(match captures::record_of(app, &request.channel).await? {
        Some(_) => {
            let now = app.engine.clock.now();
            ended.with(capture(request, person, message.clone(), now))
        }
        None => ended,
    })
}

/// A button for each service that can be proposed in a channel; the reason is what the message says.
fn choice(app: &App, channel: &str, message: &CapturedMessage) -> Words {
    let because = cut(&message.text, REASON_AT_MOST);
    let services = app.config.services.iter();
    let here: Vec<&Service> = services
        .filter(|service| service.is_proposed_in(channel))
        .collect();
    let buttons: Vec<_> = here
        .iter()
        .take(CHOICES_AT_MOST)
        .map(|service| {
            let proposal = Propose {
                service: ServiceRef {
                    service: service.key.name.clone(),
                    environment: Some(service.key.environment.clone()),
                },
                target: Target::Previous,
                because: Some(because.clone()).filter(|because| !because.is_empty()),
            };
            Action::Propose(proposal).button(&service.key.typed())
        })
        .collect();
    let mut sentence = match because.as_str() {
        "" => "Which service should go back?".to_owned(),
        because => format!(
            "Which service should go back, because \"{}\"?",
            inline(because, REASON_AT_MOST)
        ),
    };
    if buttons.is_empty() {
        return Words::plain("No service can be proposed in this channel. Nothing was run.");
    }
    if buttons.len() < here.len() {
        sentence.push_str(&format!(
            " {} of the {} have a button here; `/rollback <service> because …` is for all.",
            buttons.len(),
            here.len()
        ));
    }
    Words {
        blocks: vec![section(&sentence), actions("propose", buttons)],
        text: sentence,
    }
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
    let message = CapturedMessage {
        comment: request.comment.clone(),
        ..message
    };
    let is_remark = request.at.is_some() || request.comment.is_some();
    let written = moment_of(&request.ts).unwrap_or(now);
    RecordedCapture {
        channel: request.channel.clone(),
        ts: request.ts.clone(),
        // Slack's clock may be ahead of ours.
        at: request.at.unwrap_or(written).min(now),
        who: Actor::Person(person),
        change: CaptureChange::Pinned {
            pin,
            message,
            is_remark,
        },
        opens: false,
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
