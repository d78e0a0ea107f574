//! What a job leads to besides the change of a rollback: stored with the job's end.

use super::{
    AlertReading, HomeChange, KeptPromise, RecordedCapture, RecordedTick, UpdateChange, actions,
    captures, checklists, enqueue, homes, incidents, updates,
};
use crate::store::{
    Tx, marks, messages, readiness,
    replies::{self, Reply},
    rollbacks, rosters, timelines, undelivered,
};
use jiff::Timestamp;
use rollback_domain::{
    authority::{Found, Source},
    canary::Told,
    history::Mark,
    identity::{IncidentId, ServiceKey},
    incident::{Actor, Fact, Opening, TimelineEvent},
    job::Job,
    readiness::ServiceFacts,
    refusal,
    release::Survey,
    rollback::{Freeze, Rollback},
};

/// What a job leads to besides the change of a rollback.
#[derive(Clone, Debug, Default)]
pub struct SideEffects {
    /// The change of a channel's undelivered messages.
    pub undelivered: Option<UndeliveredChange>,
    /// What a platform served.
    pub survey: Option<RecordedSurvey>,
    /// What was read to tell whether a service could be rolled back.
    pub readiness: Option<Box<ServiceFacts>>,
    /// What people were told by the canary.
    pub told: Option<RecordedTold>,
    /// A freeze that is put on a service, or taken off.
    pub freeze: Option<FreezeChange>,
    /// What somebody decided of a release.
    pub mark: Option<MarkChange>,
    /// What else goes into a timeline.
    pub event: Option<RecordedEvent>,
    /// What becomes of a captured message.
    pub capture: Option<RecordedCapture>,
    /// What becomes of an update.
    pub update: Option<Box<UpdateChange>>,
    /// What was read of the service of alerts that fire.
    pub alerts: Option<Box<AlertReading>>,
    /// What ticks items of checklists.
    pub tick: Option<RecordedTick>,
    /// A promise that is kept by the draft of a post-mortem.
    pub kept: Option<KeptPromise>,
    /// What each source of roles said, in the order of the sources.
    pub rosters: Vec<(Source, Found)>,
    /// What is said to an address of our own.
    pub reply: Option<AddressedReply>,
    /// What is changed of somebody's Home.
    pub home: Option<HomeChange>,
    /// What else is to be done, and when.
    pub jobs: Vec<(Job, Timestamp)>,
    /// What Slack has now.
    pub sent: Vec<SentMessage>,
    /// The key of a message that was edited, or may have been. If the lease turns out to be lost,
    /// the new holder may have edited it earlier, to what is true now: it is edited again.
    pub edited: Option<String>,
}

/// A message as Slack has it now.
#[derive(Clone, Debug, PartialEq)]
pub struct SentMessage {
    /// The key under which it is sent once.
    pub key: String,
    /// The channel it is in.
    pub channel: String,
    /// Where it is, and what it shows.
    pub sent: messages::Sent,
}

/// A change of a channel's undelivered messages.
#[derive(Clone, Debug, PartialEq)]
pub struct UndeliveredChange {
    /// The channel.
    pub channel: String,
    /// The change.
    pub change: undelivered::Change,
}

/// What a platform served when it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedSurvey {
    /// The service.
    pub service: ServiceKey,
    /// What was read.
    pub survey: Survey,
}

/// What people were told by the canary.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedTold {
    /// Of which service; `None`: of the bot itself.
    pub service: Option<ServiceKey>,
    /// What they were told, and not yet the end of.
    pub told: Told,
}

/// A freeze that is put on a service, or taken off.
#[derive(Clone, Debug, PartialEq)]
pub struct FreezeChange {
    /// The service.
    pub service: ServiceKey,
    /// The freeze; `None`: it is taken off.
    pub freeze: Option<Freeze>,
}

/// What somebody decided of a release.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkChange {
    /// The service.
    pub service: ServiceKey,
    /// What was decided.
    pub mark: Mark,
}

/// An entry for a timeline.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordedEvent {
    /// For the timeline of an incident that is known.
    Incident {
        /// The incident.
        incident: IncidentId,
        /// The entry.
        event: TimelineEvent,
    },
    /// For the timeline of a channel's incident, which is opened if none goes on.
    Channel {
        /// The channel.
        channel: String,
        /// The entry.
        event: TimelineEvent,
    },
    /// For the timeline of a channel's incident if one goes on: it opens none.
    OpenIncident {
        /// The channel.
        channel: String,
        /// The entry.
        event: TimelineEvent,
        /// The key under which it is recorded once; `None`: each time.
        once: Option<String>,
    },
}

impl RecordedEvent {
    /// What the bot did for a rollback, in the timeline of its incident.
    pub fn of(rollback: &Rollback, now: Timestamp, fact: impl Into<Fact>) -> Self {
        let id = Some(rollback.id);
        RecordedEvent::Incident {
            incident: rollback.incident,
            event: TimelineEvent::new(now, Actor::Bot, refusal::Source::Bot, id, fact),
        }
    }
}

/// Something that is said to an address of our own.
#[derive(Clone, Debug, PartialEq)]
pub struct AddressedReply {
    /// The address.
    pub address: String,
    /// What is said.
    pub reply: Reply,
}

impl SideEffects {
    /// Adds what another part of the same job leads to. Where both have something, the later one
    /// counts.
    pub(super) fn add(&mut self, later: SideEffects) {
        let SideEffects {
            undelivered,
            survey,
            readiness,
            told,
            freeze,
            mark,
            event,
            capture,
            update,
            alerts,
            tick,
            kept,
            rosters,
            reply,
            home,
            jobs,
            sent,
            edited,
        } = later;
        self.undelivered = undelivered.or(self.undelivered.take());
        self.survey = survey.or(self.survey.take());
        self.readiness = readiness.or(self.readiness.take());
        self.told = told.or(self.told.take());
        self.freeze = freeze.or(self.freeze.take());
        self.mark = mark.or(self.mark.take());
        self.event = event.or(self.event.take());
        self.capture = capture.or(self.capture.take());
        self.update = update.or(self.update.take());
        self.alerts = alerts.or(self.alerts.take());
        self.tick = tick.or(self.tick.take());
        self.kept = kept.or(self.kept.take());
        self.rosters.extend(rosters);
        self.reply = reply.or(self.reply.take());
        self.home = home.or(self.home.take());
        self.jobs.extend(jobs);
        self.sent.extend(sent);
        self.edited = edited.or(self.edited.take());
    }

    /// Stores all but [`SideEffects::sent`], which depends on how the lease ends. Gives that back.
    pub(super) async fn write(self, tx: &mut Tx, now: Timestamp) -> sqlx::Result<Vec<SentMessage>> {
        let SideEffects {
            undelivered,
            survey,
            readiness,
            told,
            freeze,
            mark,
            event,
            capture,
            update,
            alerts,
            tick,
            kept,
            rosters,
            reply,
            home,
            mut jobs,
            sent,
            edited: _,
        } = self;
        let mut changes_homes = kept.is_some() || freeze.is_some();
        if let Some(UndeliveredChange { channel, change }) = &undelivered {
            undelivered::change(tx, channel, change, now).await?;
        }
        if let Some(read) = &survey {
            changes_homes |= rollbacks::record_survey(tx, &read.service, &read.survey, now).await?;
        }
        if let Some(facts) = &readiness {
            readiness::record(tx, facts).await?;
        }
        if let Some(RecordedTold { service, told }) = &told {
            readiness::record_told(tx, service.as_ref(), told).await?;
        }
        if let Some(change) = &freeze {
            let freeze = change.freeze.as_ref();
            rosters::freeze(tx, &change.service, freeze).await?;
        }
        if let Some(change) = &mark {
            marks::put(tx, &change.service, &change.mark).await?;
        }
        // Before the timeline, as where people change these: everybody locks in one order.
        if let Some(tick) = &tick {
            let ticked = checklists::tick(tx, tick, now).await?;
            jobs.extend(ticked.into_iter().map(|job| (job, now)));
        }
        if let Some(reading) = &alerts {
            let shown = super::alerts::read(tx, reading).await?;
            jobs.extend(shown.into_iter().map(|job| (job, now)));
        }
        let kept = match &kept {
            Some(kept) => actions::keep(tx, kept, now).await?,
            None => vec![],
        };
        match event {
            Some(RecordedEvent::Incident { incident, event }) => {
                timelines::append(tx, &[(incident, event)], now).await?;
            }
            Some(RecordedEvent::Channel { channel, event }) => {
                let incident = incidents::opened(tx, &channel, now).await?;
                timelines::append(tx, &[(incident.id, event)], now).await?;
            }
            Some(RecordedEvent::OpenIncident {
                channel,
                event,
                once,
            }) => {
                if is_first(tx, once.as_deref(), now).await?
                    && let Some(incident) =
                        incidents::placed(tx, &channel, Opening::Never, now).await?
                {
                    timelines::append(tx, &[(incident.id, event)], now).await?;
                }
            }
            None => {}
        }
        if let Some(capture) = &capture {
            let event = captures::change(tx, capture, now).await?;
            timelines::append(tx, event.as_slice(), now).await?;
        }
        if let Some(change) = &update {
            let changed = updates::change(tx, change, now).await?;
            timelines::append(tx, &changed.events, now).await?;
            enqueue(tx, &changed.jobs, now).await?;
        }
        timelines::append(tx, &kept, now).await?;
        // After the timeline, in the order of the sources: everybody locks these rows in one order.
        for (source, found) in &rosters {
            changes_homes |= rosters::record(tx, source, found, now).await?;
        }
        if let Some(AddressedReply { address, reply }) = &reply {
            replies::put(tx, address, reply, now).await?;
        }
        enqueue(tx, &jobs, now).await?;
        if let Some(change) = &home {
            homes::change(tx, change, now).await?;
        }
        if changes_homes {
            homes::refresh(tx, now).await?;
        }
        Ok(sent)
    }
}

/// Whether nothing was recorded under the key before; from now on something was.
pub(super) async fn is_first(tx: &mut Tx, key: Option<&str>, now: Timestamp) -> sqlx::Result<bool> {
    let Some(key) = key else {
        return Ok(true);
    };
    if messages::answers(tx, &[key]).await?.contains_key(key) {
        return Ok(false);
    }
    messages::take(tx, &[(key.to_owned(), "null".to_owned())], now).await?;
    Ok(true)
}

impl From<SentMessage> for SideEffects {
    fn from(sent: SentMessage) -> Self {
        SideEffects {
            sent: vec![sent],
            ..SideEffects::default()
        }
    }
}

impl From<UndeliveredChange> for SideEffects {
    fn from(change: UndeliveredChange) -> Self {
        SideEffects {
            undelivered: Some(change),
            ..SideEffects::default()
        }
    }
}

impl From<RecordedSurvey> for SideEffects {
    fn from(survey: RecordedSurvey) -> Self {
        SideEffects {
            survey: Some(survey),
            ..SideEffects::default()
        }
    }
}

impl From<ServiceFacts> for SideEffects {
    fn from(facts: ServiceFacts) -> Self {
        SideEffects {
            readiness: Some(Box::new(facts)),
            ..SideEffects::default()
        }
    }
}

impl From<RecordedTold> for SideEffects {
    fn from(told: RecordedTold) -> Self {
        SideEffects {
            told: Some(told),
            ..SideEffects::default()
        }
    }
}

impl From<FreezeChange> for SideEffects {
    fn from(change: FreezeChange) -> Self {
        SideEffects {
            freeze: Some(change),
            ..SideEffects::default()
        }
    }
}

impl From<MarkChange> for SideEffects {
    fn from(change: MarkChange) -> Self {
        SideEffects {
            mark: Some(change),
            ..SideEffects::default()
        }
    }
}

impl From<RecordedEvent> for SideEffects {
    fn from(event: RecordedEvent) -> Self {
        SideEffects {
            event: Some(event),
            ..SideEffects::default()
        }
    }
}

impl From<RecordedCapture> for SideEffects {
    fn from(capture: RecordedCapture) -> Self {
        SideEffects {
            capture: Some(capture),
            ..SideEffects::default()
        }
    }
}

impl From<UpdateChange> for SideEffects {
    fn from(change: UpdateChange) -> Self {
        SideEffects {
            update: Some(Box::new(change)),
            ..SideEffects::default()
        }
    }
}

impl From<RecordedTick> for SideEffects {
    fn from(tick: RecordedTick) -> Self {
        SideEffects {
            tick: Some(tick),
            ..SideEffects::default()
        }
    }
}

impl From<AlertReading> for SideEffects {
    fn from(reading: AlertReading) -> Self {
        SideEffects {
            alerts: Some(Box::new(reading)),
            ..SideEffects::default()
        }
    }
}

impl From<KeptPromise> for SideEffects {
    fn from(kept: KeptPromise) -> Self {
        SideEffects {
            kept: Some(kept),
            ..SideEffects::default()
        }
    }
}

impl From<HomeChange> for SideEffects {
    fn from(change: HomeChange) -> Self {
        SideEffects {
            home: Some(change),
            ..SideEffects::default()
        }
    }
}

impl From<AddressedReply> for SideEffects {
    fn from(reply: AddressedReply) -> Self {
        SideEffects {
            reply: Some(reply),
            ..SideEffects::default()
        }
    }
}
