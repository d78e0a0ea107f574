//! Updates: drafting one, and publishing one, each in the transaction of what leads to it.

use super::refused;
use crate::store::{Tx, rollbacks, timelines, updates};
use jiff::Timestamp;
use rollback_domain::{
    identity::IncidentId,
    incident::{Actor, Incident, IncidentRole, TimelineEvent, UpdateFact},
    job::{Job, Notification, PreviewRequest},
    people::Person,
    refusal::{Refusal, Source},
    rollback::Message,
    update::{Delivery, Published, StatusUpdate},
};
use std::pin::Pin;

/// A change of the updates.
#[derive(Clone, Debug, PartialEq)]
pub enum UpdateChange {
    /// One is drafted.
    Draft(Box<NewUpdate>),
    /// One is published.
    Publish(Box<Publication>),
    /// A place outside of Slack took one, or does not take it.
    Deliver {
        /// The number of the update.
        update: i64,
        /// What the place is called in the configuration.
        place: String,
        /// What came of it.
        delivery: Delivery,
    },
}

/// An update that is drafted: it gets the next number.
#[derive(Clone, Debug, PartialEq)]
pub struct NewUpdate {
    /// The update.
    pub update: StatusUpdate,
    /// How it is shown to the person who drafted it.
    pub preview: PreviewRequest,
}

/// Somebody who may publish an update does so.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// The number of the update.
    pub update: i64,
    /// Who publishes it.
    pub by: Person,
    /// Where it came from.
    pub source: Source,
    /// The channel in which they do.
    pub channel: String,
    /// The address at which they are told what comes of it; `None`: in the channel.
    pub reply_to: Option<String>,
    /// The Slack channels, by id, that get it; those of the first one count where it takes the
    /// place of another.
    pub channels: Vec<String>,
    /// The places outside of Slack that get it, as they are called in the configuration.
    pub outside: Vec<String>,
    /// The key under which it is done once.
    pub id: String,
}

/// What a change leads to.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub(super) events: Vec<(IncidentId, TimelineEvent)>,
    pub(super) jobs: Vec<(Job, Timestamp)>,
}

/// Stores a change. Gives what is to be recorded, and to be done. It is kept off the stack of the
/// jobs that change none.
pub(super) fn change<'a>(
    tx: &'a mut Tx,
    change: &'a UpdateChange,
    now: Timestamp,
) -> Pin<Box<dyn Future<Output = sqlx::Result<Changed>> + Send + 'a>> {
    Box::pin(changed(tx, change, now))
}

async fn changed(tx: &mut Tx, change: &UpdateChange, now: Timestamp) -> sqlx::Result<Changed> {
    match change {
        UpdateChange::Draft(new) => {
            let job = draft(tx, new).await?;
            Ok(Changed {
                events: vec![],
                jobs: vec![(job, now)],
            })
        }
        UpdateChange::Publish(publication) => publish(tx, publication, now).await,
        UpdateChange::Deliver {
            update,
            place,
            delivery,
        } => deliver(tx, *update, place, delivery, now).await,
    }
}

/// Stores a draft with the next number, and has it shown to the person who drafted it.
pub(super) async fn draft(tx: &mut Tx, new: &NewUpdate) -> sqlx::Result<Job> {
    let number = updates::next_number(tx).await?;
    let update = StatusUpdate {
        number,
        ..new.update.clone()
    };
    updates::insert(tx, &update).await?;
    Ok(Job::PreviewUpdate(PreviewRequest {
        update: number,
        ..new.preview.clone()
    }))
}

async fn publish(tx: &mut Tx, publication: &Publication, now: Timestamp) -> sqlx::Result<Changed> {
    let number = publication.update;
    let found = updates::find(tx, number).await?;
    let Some(found) = found.filter(|update| update.channel == publication.channel) else {
        let sentence = format!(
            "There is no update {number} in this channel. Nothing was published. `/rollback update` drafts one."
        );
        return Ok(publication.told(Message::Text(sentence), now));
    };
    // The incident before its updates: everybody locks in this order.
    let incident = timelines::lock(tx, found.incident).await?;
    let mut update = updates::lock(tx, number).await?.unwrap_or(found);
    if let Some(published) = update.published.clone() {
        return again(tx, publication, &mut update, &published, now).await;
    }
    let rollbacks = rollbacks::of_incident_in(tx, incident.id).await?;
    if let Some(refusal) = update.why_not(&rollbacks) {
        return Ok(publication.refused(incident.id, &refusal, now));
    }
    let first = match update.corrects {
        Some(first) => updates::find(tx, first).await?,
        None => None,
    };
    let channels = first.and_then(|first| Some(first.published?.channels));
    let published = Published {
        by: publication.by.clone(),
        at: now,
        channels: channels.unwrap_or_else(|| publication.channels.clone()),
    };
    let outside = publication.outside.iter().cloned();
    update.outside = outside.map(|place| (place, Delivery::Waiting)).collect();
    // A correction that promises nothing leaves what was promised since.
    if update.corrects.is_none() || update.next_at.is_some() {
        promise(tx, &incident, update.next_at).await?;
    }
    let mut jobs = deliveries(&update, &published, now);
    if let Some(due) = update.next_at {
        let incident = incident.id;
        let role = IncidentRole::Communications;
        jobs.push((
            Job::RemindUpdate {
                incident,
                due,
                role,
            },
            due,
        ));
    }
    let fact = UpdateFact::UpdatePublished {
        update: number,
        update_kind: update.kind,
        corrects: update.corrects,
        title: update.title.clone(),
        text: update.body(),
        channels: published.channels.clone(),
        outside: publication.outside.clone(),
        because: update.because.clone(),
    };
    let who = Actor::Person(publication.by.clone());
    let event = TimelineEvent::new(now, who, publication.source, None, fact);
    let update = StatusUpdate {
        published: Some(published),
        ..update
    };
    updates::save(tx, &update).await?;
    Ok(Changed {
        events: vec![(incident.id, event)],
        jobs,
    })
}

/// Sends an update that is published where it has not arrived.
async fn again(
    tx: &mut Tx,
    publication: &Publication,
    update: &mut StatusUpdate,
    published: &Published,
    now: Timestamp,
) -> sqlx::Result<Changed> {
    for delivery in update.outside.values_mut() {
        *delivery = delivery.again();
    }
    updates::save(tx, update).await?;
    let sentence = format!(
        "Update {} was published by @{} at {}. It is sent again only where it has not arrived.",
        update.number,
        published.by.name,
        published.at.strftime("%Y-%m-%d %H:%M UTC")
    );
    let mut changed = publication.told(Message::Text(sentence), now);
    changed.jobs.extend(deliveries(update, published, now));
    Ok(changed)
}

/// Stores what came of sending an update to a place outside of Slack.
async fn deliver(
    tx: &mut Tx,
    number: i64,
    place: &str,
    delivery: &Delivery,
    now: Timestamp,
) -> sqlx::Result<Changed> {
    let Some(found) = updates::find(tx, number).await? else {
        return Ok(Changed::default());
    };
    timelines::lock(tx, found.incident).await?;
    let mut update = updates::lock(tx, number).await?.unwrap_or(found);
    update.outside.insert(place.to_owned(), delivery.clone());
    updates::save(tx, &update).await?;
    let place = place.to_owned();
    let fact = match delivery {
        Delivery::Waiting | Delivery::WaitingAnew => return Ok(Changed::default()),
        Delivery::Taken(there) => UpdateFact::NoticeTaken {
            update: number,
            place,
            id: there.incident.clone(),
            link: there.link.clone(),
        },
        Delivery::Refused { why, .. } => UpdateFact::NoticeRefused {
            update: number,
            place,
            why: why.clone(),
        },
    };
    let event = TimelineEvent::new(now, Actor::Bot, Source::Bot, None, fact);
    Ok(Changed {
        events: vec![(update.incident, event)],
        jobs: vec![],
    })
}

/// Stores when the next update of an incident is due.
async fn promise(tx: &mut Tx, incident: &Incident, due: Option<Timestamp>) -> sqlx::Result<()> {
    let mut course = incident.course.clone();
    course.update_due = due;
    timelines::set_course(tx, incident.id, &course).await
}

/// The jobs that bring an update to where it is published.
fn deliveries(
    update: &StatusUpdate,
    published: &Published,
    now: Timestamp,
) -> Vec<(Job, Timestamp)> {
    let posts = published.channels.iter().map(|channel| Job::PostUpdate {
        update: update.root(),
        channel: channel.clone(),
    });
    let waiting = update
        .outside
        .iter()
        .filter(|(_, delivery)| delivery.is_waiting());
    let notices = waiting.map(|(place, _)| Job::SendNotice {
        to: place.clone(),
        incident: update.incident,
    });
    posts.chain(notices).map(|job| (job, now)).collect()
}

impl Publication {
    /// The person who wanted to publish it is told something.
    fn told(&self, message: Message, now: Timestamp) -> Changed {
        let notification = Job::Notify(Notification {
            channel: self.channel.clone(),
            person: self.by.id.clone(),
            thread: None,
            reply_to: self.reply_to.clone(),
            message,
            otherwise: None,
            id: format!("published:{}", self.id),
        });
        Changed {
            events: vec![],
            jobs: vec![(notification, now)],
        }
    }

    /// They are told no, which is recorded too.
    fn refused(&self, incident: IncidentId, refusal: &Refusal, now: Timestamp) -> Changed {
        let verb = format!("publish update {}", self.update);
        let event = refused(&self.by, self.source, &verb, refusal, None, now);
        Changed {
            events: vec![(incident, event)],
            ..self.told(Message::from(refusal), now)
        }
    }
}
