//! Sends what was published of an incident to a place outside of Slack: in order, one update each
//! time. Where an answer was lost the place is asked for the update before it is sent again.

use super::Begun;
use crate::{
    App,
    engine::{Ended, Error, UpdateChange},
    notices::{Notice, NoticeError},
    store::{jobs::Lease, pace, rollbacks, timelines, updates},
    worker::{
        retry::{backoff, is_late, later, tried_for},
        rollback_message::ensure_held,
    },
};
use jiff::Timestamp;
use rollback_domain::{
    identity::{IncidentId, ServiceKey},
    incident::Incident,
    job::{Job, Notification, Post, WhenRefused},
    rollback::Message,
    update::{Delivery, NoticePlace, StatusUpdate, next_for},
};
use std::time::Duration;

/// How many requests a place takes at most: one in this time, measured over a minute.
const REQUEST_EVERY: Duration = Duration::from_secs(1);
/// How long an update is tried: what was true then is not news any more.
const SEND_WITHIN: Duration = Duration::from_secs(24 * 3_600);

pub(super) fn run<'a>(app: &'a App, lease: &'a Lease, to: &'a str, id: IncidentId) -> Begun<'a> {
    Box::pin(perform(app, lease, to, id))
}

async fn perform(app: &App, lease: &Lease, to: &str, id: IncidentId) -> Result<Ended, Error> {
    let db = &app.engine.db;
    let published = updates::published(db, id).await?;
    let (Some((update, place)), Some(incident)) =
        (next_for(to, &published), timelines::find(db, id).await?)
    else {
        return Ok(Ended::done());
    };
    let Some(notices) = app.notices.get(to) else {
        let why = format!("there is no notices.{to} in the configuration any more");
        return Ok(refused(app, update, to, why, false));
    };
    let corrects = update
        .corrects
        .and_then(|first| there(&published, first, to));
    let rollbacks = rollbacks::of_incident(db, id).await?;
    let services: Vec<ServiceKey> = rollbacks.into_iter().map(|one| one.service).collect();
    let keys = Keys::of(app, &incident, update);
    let notice = keys.notice(&incident, update, &services, place, corrects, lease);
    let now = app.engine.clock.now();
    let wait = REQUEST_EVERY * notices.requests(&notice);
    if let Err(at) = pace::take(db, &format!("notices:{to}"), wait, Duration::ZERO, now).await? {
        return Ok(Ended::wait(at));
    }
    if let Err(failure) = ensure_held(lease) {
        return Ok(Ended::retry(
            backoff(app, lease.attempt),
            failure.to_string(),
        ));
    }
    match notices.send(&notice).await {
        Ok(there) => Ok(taken(app, lease, update, to, there)),
        Err(NoticeError::Refused { why, is_gone }) => Ok(refused(app, update, to, why, is_gone)),
        Err(NoticeError::Later { why, .. }) if tried_for(app, lease) > SEND_WITHIN => {
            let why = format!("{why}; it was tried for a day");
            Ok(refused(app, update, to, why, false))
        }
        Err(NoticeError::Later { why, after }) => Ok(waits(app, lease, update, to, why, after)),
    }
}

/// What nobody else calls an incident, and an update of it.
struct Keys {
    incident: String,
    update: String,
}

impl Keys {
    fn of(app: &App, incident: &Incident, update: &StatusUpdate) -> Self {
        let host = app.config.instance();
        let incident = format!("{host}/{}", incident.id);
        Keys {
            update: format!("{incident}/{}", update.number),
            incident,
        }
    }

    fn notice<'a>(
        &'a self,
        incident: &Incident,
        update: &'a StatusUpdate,
        services: &'a [ServiceKey],
        place: Option<&'a NoticePlace>,
        corrects: Option<&'a NoticePlace>,
        lease: &Lease,
    ) -> Notice<'a> {
        let published = update.published.as_ref();
        Notice {
            key: &self.update,
            incident_key: &self.incident,
            incident: incident.id,
            number: update.number,
            kind: update.kind,
            title: &update.title,
            body: update.body(),
            severity: incident
                .course
                .severity
                .as_ref()
                .map(|named| named.severity),
            services,
            by: published.map_or("", |published| &published.by.name),
            published_at: published.map_or(update.drafted_at, |published| published.at),
            place,
            corrects,
            may_be_there: lease.attempt > 1,
        }
    }
}

/// Where the update with this number, or the last one in its place, is.
fn there<'a>(published: &'a [StatusUpdate], root: i64, to: &str) -> Option<&'a NoticePlace> {
    let mut same = published.iter().filter(|update| update.root() == root);
    same.find_map(|update| match update.outside.get(to)? {
        Delivery::Taken(there) => Some(there),
        Delivery::Waiting | Delivery::WaitingAnew | Delivery::Refused { .. } => None,
    })
}

/// It is there: the person who published it is told where. The next one is looked for.
fn taken(app: &App, lease: &Lease, update: &StatusUpdate, to: &str, there: NoticePlace) -> Ended {
    let number = update.number;
    let link = there.link.as_ref().map(|link| format!(": {link}"));
    let link = link.unwrap_or_default();
    let message = match is_late(app, lease) {
        true => Message::Text(format!("Update {number} is on {to} now, late{link}.")),
        false => Message::Text(format!("Update {number} is on {to}{link}.")),
    };
    let id = format!("update:{number}:{to}:taken");
    let told = match (&update.published, is_late(app, lease)) {
        (Some(published), false) => Job::Notify(Notification {
            channel: update.channel.clone(),
            person: published.by.id.clone(),
            thread: None,
            reply_to: None,
            message,
            otherwise: None,
            id,
        }),
        (_, _) => post(update, message, id),
    };
    ended(app, number, to, Delivery::Taken(there)).then(told, app.engine.clock.now())
}

/// It will not be taken: the channel is told what to do. The next one is looked for.
fn refused(app: &App, update: &StatusUpdate, to: &str, why: String, is_gone: bool) -> Ended {
    let number = update.number;
    tracing::warn!(number, to, why, "an update was refused");
    let message = Message::Text(format!(
        "Update {number} is not on {to}: {why}. It is kept: `/rollback update {number}` and *Send where it is missing* sends it again."
    ));
    let now = app.engine.clock.now();
    // The person who sends it again is told again.
    let id = format!("update:{number}:{to}:refused:{}", now.as_microsecond());
    let told = post(update, message, id);
    ended(app, number, to, Delivery::Refused { why, is_gone }).then(told, now)
}

/// It is sent again. The channel is told so once, when that takes long.
fn waits(
    app: &App,
    lease: &Lease,
    update: &StatusUpdate,
    to: &str,
    why: String,
    after: Option<Duration>,
) -> Ended {
    let number = update.number;
    let soonest = backoff(app, lease.attempt);
    let at = after.map_or(soonest, |after| later(app, after).max(soonest));
    let ended = Ended::retry(at, why.clone());
    if !is_late(app, lease) {
        return ended;
    }
    let message = Message::Text(format!(
        "Update {number} is not on {to} yet: {why}. It is kept and sent in order as soon as that works. Nothing else waits for it."
    ));
    let told = post(update, message, format!("update:{number}:{to}:waits"));
    ended.then(told, app.engine.clock.now())
}

/// Stores what came of it, and looks for the next one.
fn ended(app: &App, update: i64, place: &str, delivery: Delivery) -> Ended {
    let now: Timestamp = app.engine.clock.now();
    let place = place.to_owned();
    Ended::at(now).with(UpdateChange::Deliver {
        update,
        place,
        delivery,
    })
}

fn post(update: &StatusUpdate, message: Message, id: String) -> Job {
    Job::Post(Post {
        channel: update.channel.clone(),
        thread: None,
        under: None,
        message,
        button: None,
        when_refused: WhenRefused::Log,
        id,
    })
}
