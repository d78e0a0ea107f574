//! Saying things in Slack: late if Slack is down, never twice, and the last state last.

use super::{
    after_failure,
    export::{self, Unwritten},
    later, membership, tried_for,
};
use crate::{
    App,
    crash::{self, Point},
    engine::{Error, SideEffects, refused},
    slack::{Failure, Words, blocks, card},
    store::{
        jobs::{Lease, Next},
        messages::{self, Sent},
        replies::{self, Reply},
        rollbacks,
        undelivered::{self, Change, Missed, What},
    },
    telemetry,
};
use rollback_domain::{
    incident::{Actor, Kind, TimelineEvent},
    job::{Format, Job},
    people::{Membership, Person},
    refusal::{Refusal, Source},
    rollback::{Message, Rollback, State},
};
use std::time::Duration;

/// A message is edited at most so often.
const EDIT_EVERY: Duration = Duration::from_secs(2);
/// A card that somebody deleted is posted again after so long.
const POST_AGAIN: Duration = Duration::from_secs(1);
/// What could not be said for so long is not said any more as if it happened now.
pub(super) const LATE_AFTER: Duration = Duration::from_secs(60);
/// How long one person is tried to be told: what was true an hour ago is not worth saying any more.
const TELL_WITHIN: Duration = Duration::from_secs(15 * 60);

/// How often a file is tried, a minute apart, that the disk does not take.
const EXPORT_TRIES: i64 = 10;

/// Brings the card to the present state: posts it once, then edits it.
pub(super) async fn card(app: &App, lease: &Lease, id: u64) -> Result<(), Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    };
    let key = card_key(id);
    let sent = messages::get(&app.engine.db, &key).await?;
    // Without a plan there is nothing to decide on; the requester is told alone.
    if rollback.plan.is_none() || sent.revision >= rollback.revision {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    }
    let authority = app.authority(&rollback).await?;
    let mut words = card::card(&rollback, authority.as_ref(), app.engine.clock.now());
    if matches!(rollback.state, State::Proposed { .. }) {
        match app.templates.proposed(&rollback) {
            Ok(text) => words.text = text,
            Err(error) => tracing::error!(id, %error, "the proposal could not be rendered"),
        }
    }
    put(app, lease, &rollback, &key, None, words, sent).await
}

/// Tells the channel how it ended, once.
pub(super) async fn outcome(app: &App, lease: &Lease, id: u64) -> Result<(), Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    };
    // One message for each way it turned out.
    let key = format!("RB-{id}:outcome:{}", rollback.word());
    let sent = messages::get(&app.engine.db, &key).await?;
    if sent.ts.is_some() {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    }
    let words = match app.templates.outcome(&rollback) {
        Ok(words) => words,
        Err(error) => {
            // Rendered at start-up, so only a value can be at fault: the card still tells it.
            tracing::error!(id, %error, "the outcome could not be rendered");
            return app
                .engine
                .end(lease, Next::Done, SideEffects::default())
                .await;
        }
    };
    if is_missed(app, lease, &rollback.channel).await? {
        return miss(app, lease, &rollback.channel, &key, Some(words.text)).await;
    }
    put(app, lease, &rollback, &key, None, words, sent).await
}

/// Whether something is too late to be said by itself, or has to stand behind what is.
async fn is_missed(app: &App, lease: &Lease, channel: &str) -> Result<bool, Error> {
    let late = lease.failed && tried_for(app, lease) > LATE_AFTER;
    Ok(late || undelivered::any(&app.engine.db, channel).await?)
}

/// Leaves what a job was to say to the one message that tells what a channel has missed.
async fn miss(
    app: &App,
    lease: &Lease,
    channel: &str,
    key: &str,
    text: Option<String>,
) -> Result<(), Error> {
    let undelivered = Missed {
        key: key.to_owned(),
        at: lease.wanted_at,
        tried: lease.attempt > 1,
        batch: None,
        what: What {
            job: lease.job.clone(),
            text,
        },
    };
    let effects = SideEffects {
        undelivered: Some((channel.to_owned(), Change::More(Box::new(undelivered)))),
        ..SideEffects::default()
    };
    app.engine.end(lease, Next::Done, effects).await
}

/// Posts or edits one message of a rollback.
pub(super) async fn put(
    app: &App,
    lease: &Lease,
    rollback: &Rollback,
    key: &str,
    thread: Option<&str>,
    words: Words,
    sent: Sent,
) -> Result<(), Error> {
    telemetry::record_incident(rollback);
    let channel = &rollback.channel;
    let now = app.engine.clock.now();
    let soonest = sent.at.checked_add(EDIT_EVERY).unwrap_or(now);
    if sent.ts.is_some() && now < soonest {
        let next = Next::Wait(soonest);
        return app.engine.end(lease, next, SideEffects::default()).await;
    }
    let (before, after) = crash::around(&lease.job, sent.ts.is_some());
    crash::point(before);
    let result = match &sent.ts {
        Some(ts) => match edit(app, lease, channel, ts, &words).await {
            Ok(()) => Ok(Posted::Now(ts.clone())),
            Err(failure) => Err(failure),
        },
        None => post_once(app, lease, channel, thread, &words, key).await,
    };
    crash::point(after);
    match result {
        Ok(posted) => {
            // What an earlier attempt posted shows what was true then.
            let (ts, revision, next) = match posted {
                Posted::Now(ts) => (ts, rollback.revision, Next::Done),
                Posted::Before(ts) => (ts, 0, Next::At(later(app, EDIT_EVERY))),
            };
            let now = Sent {
                ts: Some(ts),
                revision,
                at: now,
            };
            let effects = SideEffects {
                sent: Some((key.to_owned(), channel.clone(), now)),
                ..SideEffects::default()
            };
            let ended = app.engine.end(lease, next, effects).await;
            if sent.ts.is_some() {
                invalidate(app, lease, key, &ended).await?;
            }
            ended?;
            crash::point(match lease.job {
                Job::AnnounceOutcome { .. } => Point::OutcomeStored,
                _ => Point::CardStored,
            });
            Ok(())
        }
        Err(Failure::Never(code)) if sent.ts.is_none() && !rollback.state.is_ended() => {
            // Perhaps somebody invites the bot: the card is tried again, the requester told once.
            let mut effects = SideEffects::default();
            if key == card_key(rollback.id)
                && lease.attempt == 1
                && matches!(code.as_str(), "not_in_channel" | "channel_not_found")
            {
                let tell = Job::Notify {
                    channel: channel.clone(),
                    person: rollback.requester.id.clone(),
                    thread: None,
                    reply_to: rollback.reply_to.clone(),
                    message: Message::Text(format!(
                        "I cannot post the card of RB-{} here (Slack says {code}). Invite me with /invite @rollback and it appears.",
                        rollback.id
                    )),
                    id: format!("RB-{}:cannot-post", rollback.id),
                };
                effects.jobs.push((tell, now));
            }
            app.engine
                .end(
                    lease,
                    Next::Retry(later(app, Duration::from_secs(15)), code),
                    effects,
                )
                .await
        }
        // Somebody deleted it: it is posted again, as the newest message.
        Err(Failure::Never(code)) if code == "message_not_found" && !rollback.state.is_ended() => {
            let gone = Sent {
                ts: None,
                revision: 0,
                at: now,
            };
            let effects = SideEffects {
                sent: Some((key.to_owned(), channel.clone(), gone)),
                ..SideEffects::default()
            };
            app.engine
                .end(lease, Next::At(later(app, POST_AGAIN)), effects)
                .await
        }
        Err(Failure::Never(code)) => {
            tracing::warn!(key, code, "Slack will not take this message");
            app.engine
                .end(lease, Next::Done, SideEffects::default())
                .await
        }
        Err(failure) => {
            let next = after_failure(app, lease, &failure);
            let ended = app.engine.end(lease, next, SideEffects::default()).await;
            // It may be edited all the same.
            if sent.ts.is_some() && matches!(failure, Failure::Lost(_)) {
                invalidate(app, lease, key, &ended).await?;
            }
            ended
        }
    }
}

/// What was edited by somebody who had lost the job is brought right again.
async fn invalidate(
    app: &App,
    lease: &Lease,
    key: &str,
    ended: &Result<(), Error>,
) -> Result<(), Error> {
    if matches!(ended, Err(Error::Fenced)) {
        tracing::warn!(key, "edited after somebody else had the job; done again");
        app.engine.invalidate(key, &lease.job).await?;
    }
    Ok(())
}

/// Where a message is, and who posted it.
enum Posted {
    /// This attempt.
    Now(String),
    /// An earlier one, whose answer was lost.
    Before(String),
}

/// Whether it may be said: not by a process that stood still while somebody else said something
/// newer.
pub(super) fn sure(lease: &Lease) -> Result<(), Failure> {
    match lease.is_sure() {
        true => Ok(()),
        false => Err(Failure::Later {
            why: "the bot stood still, and somebody else may be at it".into(),
            after: None,
        }),
    }
}

async fn edit(
    app: &App,
    lease: &Lease,
    channel: &str,
    ts: &str,
    words: &Words,
) -> Result<(), Failure> {
    sure(lease)?;
    crash::point(Point::CardEditing);
    app.slack.update(channel, ts, words).await
}

/// Posts, unless an earlier attempt did and only its answer was lost.
async fn post_once(
    app: &App,
    lease: &Lease,
    channel: &str,
    thread: Option<&str>,
    words: &Words,
    key: &str,
) -> Result<Posted, Failure> {
    if lease.attempt > 1
        && let Some(ts) = app.slack.find(channel, thread, key).await?
    {
        return Ok(Posted::Before(ts));
    }
    sure(lease)?;
    let ts = app.slack.post(channel, thread, words, key).await?;
    Ok(Posted::Now(ts))
}

/// Tells one person something: by the address that came with what they did, else in the channel.
pub(super) async fn tell(app: &App, lease: &Lease) -> Result<(), Error> {
    let Job::Notify {
        channel,
        person,
        thread,
        reply_to,
        message,
        ..
    } = &lease.job
    else {
        return Ok(());
    };
    let words = Words::plain(blocks::message(message));
    whisper(
        app,
        lease,
        channel,
        person,
        thread.as_deref(),
        reply_to.as_deref(),
        &words,
    )
    .await
}

/// Somebody, and where they are to be told something that only they see.
#[derive(Clone, Copy, Debug)]
pub(super) struct To<'a> {
    pub(super) channel: &'a str,
    pub(super) person: &'a Person,
    pub(super) thread: Option<&'a str>,
    pub(super) reply_to: Option<&'a str>,
}

/// Tells one person no, writes that into the channel's timeline, and ends the job.
pub(super) async fn refuse(
    app: &App,
    lease: &Lease,
    to: To<'_>,
    source: Source,
    verb: &str,
    refusal: &Refusal,
) -> Result<(), Error> {
    let now = app.engine.clock.now();
    let tell = Job::Notify {
        channel: to.channel.to_owned(),
        person: to.person.id.clone(),
        thread: to.thread.map(str::to_owned),
        reply_to: to.reply_to.map(str::to_owned),
        message: Message::from(refusal),
        id: format!("refused:{}:{}", lease.job.kind(), lease.job.key()),
    };
    let event = refused(to.person, source, verb, refusal, None, now);
    let effects = SideEffects {
        recorded: Some((to.channel.to_owned(), event)),
        jobs: vec![(tell, now)],
        ..SideEffects::default()
    };
    app.engine.end(lease, Next::Done, effects).await
}

/// Says something to one person and ends the job.
pub(super) async fn whisper(
    app: &App,
    lease: &Lease,
    channel: &str,
    person: &str,
    thread: Option<&str>,
    reply_to: Option<&str>,
    words: &Words,
) -> Result<(), Error> {
    if let Some(address) = reply_to.filter(|address| replies::is_ours(address))
        && replies::get(&app.engine.db, address).await?.is_none()
    {
        let reply = Reply {
            text: blocks::plainly(&words.text),
            ..Reply::default()
        };
        let effects = SideEffects {
            reply: Some((address.to_owned(), reply)),
            ..SideEffects::default()
        };
        return app.engine.end(lease, Next::Done, effects).await;
    }
    if lease.failed && tried_for(app, lease) > TELL_WITHIN {
        tracing::warn!(person, "somebody could not be told in time");
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    }
    let mut result = Err(Failure::Never("no_response_url".into()));
    if let Some(reply_to) = reply_to.filter(|address| !replies::is_ours(address)) {
        result = app.slack.reply(reply_to, words).await;
    }
    // The address ends after 30 minutes or five uses; the channel does not.
    if matches!(result, Err(Failure::Never(_))) {
        result = app.slack.tell(channel, person, thread, words).await;
    }
    let next = match result {
        Ok(()) => Next::Done,
        Err(Failure::Never(code)) => {
            tracing::warn!(person, code, "somebody could not be told");
            Next::Done
        }
        Err(failure) => after_failure(app, lease, &failure),
    };
    app.engine.end(lease, next, SideEffects::default()).await
}

/// Says something where everybody sees it.
pub(super) async fn post(app: &App, lease: &Lease) -> Result<(), Error> {
    let Job::Post {
        channel,
        thread,
        under,
        message,
        id,
    } = &lease.job
    else {
        return Ok(());
    };
    if is_missed(app, lease, channel).await? {
        return miss(app, lease, channel, id, None).await;
    }
    let now = app.engine.clock.now();
    let thread = match under {
        Some(rollback) => {
            messages::get(&app.engine.db, &card_key(*rollback))
                .await?
                .ts
        }
        None => thread.clone(),
    };
    if under.is_some() && thread.is_none() && lease.attempt < 10 {
        let next = Next::Retry(
            later(app, Duration::from_secs(5)),
            "the card is not posted yet".into(),
        );
        return app.engine.end(lease, next, SideEffects::default()).await;
    }
    let words = Words::plain(blocks::message(message));
    crash::point(Point::PostUnposted);
    let posted = post_once(app, lease, channel, thread.as_deref(), &words, id).await;
    crash::point(Point::PostPosted);
    match posted {
        Ok(Posted::Now(ts) | Posted::Before(ts)) => {
            let sent = Sent {
                ts: Some(ts),
                revision: 1,
                at: now,
            };
            let effects = SideEffects {
                sent: Some((id.clone(), channel.clone(), sent)),
                ..SideEffects::default()
            };
            app.engine.end(lease, Next::Done, effects).await
        }
        Err(Failure::Never(code)) => {
            tracing::warn!(channel, code, "a post was refused by Slack");
            app.engine
                .end(lease, Next::Done, SideEffects::default())
                .await
        }
        Err(failure) => {
            app.engine
                .end(
                    lease,
                    after_failure(app, lease, &failure),
                    SideEffects::default(),
                )
                .await
        }
    }
}

/// Uploads a timeline: into the thread it was asked for in, else under the card.
pub(super) async fn export(app: &App, lease: &Lease) -> Result<(), Error> {
    let Job::Export {
        incident,
        format,
        channel,
        rollback,
        thread,
        asked_by,
        id,
    } = &lease.job
    else {
        return Ok(());
    };
    if let Some(person) = asked_by {
        let membership = match membership(app, person).await {
            Ok((membership, _)) => membership,
            Err(Failure::Never(code)) => Membership::Unreadable(code),
            Err(failure) => {
                return app
                    .engine
                    .end(
                        lease,
                        after_failure(app, lease, &failure),
                        SideEffects::default(),
                    )
                    .await;
            }
        };
        if let Err(refusal) = membership.admit() {
            let to = To {
                channel,
                person,
                thread: thread.as_deref(),
                reply_to: None,
            };
            return refuse(app, lease, to, Source::Command, "export", &refusal).await;
        }
    }
    let card = match rollback {
        Some(id) => messages::get(&app.engine.db, &card_key(*id)).await?.ts,
        None => messages::latest_card(&app.engine.db, channel).await?,
    };
    if rollback.is_some() && card.is_none() && lease.attempt < 10 {
        let next = Next::Retry(
            later(app, Duration::from_secs(5)),
            "the card is not posted yet".into(),
        );
        return app.engine.end(lease, next, SideEffects::default()).await;
    }
    let thread = thread.clone().or(card);
    let now = app.engine.clock.now();
    // A later file about the same rollback has another name, so that each is uploaded; and so has
    // each that was asked for by hand.
    let reviewed = if id.ends_with(":reviewed") {
        "-reviewed"
    } else {
        ""
    };
    let about = match rollback {
        Some(id) => format!("-RB-{id}{reviewed}"),
        None => lease.wanted_at.strftime("-%Y%m%dT%H%M%SZ").to_string(),
    };
    let extension = match format {
        Format::Markdown => "md",
        Format::Json => "json",
    };
    let name = format!("INC-{incident}{about}-timeline.{extension}");
    let written = match export::write(app, *incident, channel, *format, now).await {
        Ok(written) => written,
        Err(Unwritten::Database(error)) => return Err(error.into()),
        Err(unwritten) => {
            return not_written(app, lease, *incident, unwritten, channel, asked_by.as_ref()).await;
        }
    };
    let (entries, size) = (written.entries, written.bytes);
    let comment = match rollback {
        Some(id) if !reviewed.is_empty() => format!(
            "Timeline of INC-{incident} with the review of RB-{id}: {} entries.",
            entries
        ),
        Some(id) => format!(
            "Timeline of INC-{incident}, exported when RB-{id} closed: {} entries.",
            entries
        ),
        None => format!("Timeline of INC-{incident}: {} entries.", entries),
    };
    // Not being able to look for it is no reason to upload it again.
    let found = match lease.attempt > 1 {
        true => {
            let thread = thread.as_deref();
            app.slack.find_file(channel, thread, &name).await
        }
        false => Ok(false),
    };
    let uploaded = match found {
        Ok(true) => Ok(()),
        Err(failure) => Err(failure),
        Ok(false) => match sure(lease) {
            Ok(()) => {
                app.slack
                    .upload(
                        channel,
                        thread.as_deref(),
                        &name,
                        written.file,
                        size,
                        &comment,
                    )
                    .await
            }
            Err(failure) => Err(failure),
        },
    };
    match uploaded {
        Ok(()) => {
            let event = TimelineEvent {
                at: now,
                who: asked_by.clone().map_or(Actor::Bot, Actor::Person),
                source: Source::Bot,
                kind: Kind::Exported,
                text: format!("exported {name}, {} entries, {size} bytes", entries),
                rollback: *rollback,
            };
            let effects = SideEffects {
                event: Some((*incident, event)),
                ..SideEffects::default()
            };
            app.engine.end(lease, Next::Done, effects).await?;
            crash::point(Point::ExportStored);
            Ok(())
        }
        Err(Failure::Never(code)) => {
            tracing::warn!(channel, code, "Slack will not take the export");
            app.engine
                .end(lease, Next::Done, SideEffects::default())
                .await
        }
        Err(failure) => {
            app.engine
                .end(
                    lease,
                    after_failure(app, lease, &failure),
                    SideEffects::default(),
                )
                .await
        }
    }
}

/// What becomes of a timeline that cannot be put into a file.
async fn not_written(
    app: &App,
    lease: &Lease,
    incident: i64,
    unwritten: Unwritten,
    channel: &str,
    asked_by: Option<&Person>,
) -> Result<(), Error> {
    tracing::error!(incident, %unwritten, "a timeline could not be exported");
    // The disk may have room again; a template and a size stay as they are.
    if matches!(unwritten, Unwritten::Disk(_)) && lease.attempt < EXPORT_TRIES {
        let next = Next::Retry(later(app, Duration::from_secs(60)), unwritten.to_string());
        return app.engine.end(lease, next, SideEffects::default()).await;
    }
    let tell = asked_by.map(|person| Job::Notify {
        channel: channel.to_owned(),
        person: person.id.clone(),
        thread: None,
        reply_to: None,
        message: Message::Text(format!(
            "The timeline of INC-{incident} could not be put into a file: {unwritten}. Nothing was uploaded. Whoever runs me finds it in the log; the entries are in the database, in the table `timeline`."
        )),
        id: format!("unwritten:{}", lease.job.key()),
    });
    let now = app.engine.clock.now();
    let effects = SideEffects {
        jobs: tell.map(|tell| (tell, now)).into_iter().collect(),
        ..SideEffects::default()
    };
    app.engine.end(lease, Next::Done, effects).await
}

/// The card's message.
pub(super) fn card_key(id: u64) -> String {
    format!("RB-{id}:card")
}
