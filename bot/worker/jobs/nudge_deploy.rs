//! Tells a severe incident that it began right after a deploy, while nobody has proposed going back:
//! once, by a post of a fixed key.

use super::Begun;
use crate::{
    App,
    engine::{Ended, Error, RecordedEvent},
    store::{alerts, rollbacks, timelines},
};
use jiff::Timestamp;
use rollback_domain::{
    alert::{AlertGroup, is_neighbour, is_severe},
    history::Runs,
    identity::{IncidentId, ServiceKey},
    incident::{
        Actor, AlertFact, Incident, IncidentState, IncidentStatus, Milestone, TimelineEvent,
    },
    job::{Job, Post, PostButton, WhenRefused},
    proof::spell,
    refusal::Source,
    rollback::Message,
};

/// A release that went live right before an incident began.
struct Suspect {
    service: ServiceKey,
    release: String,
    live_since: Timestamp,
    began: Timestamp,
}

pub(super) fn run(app: &App, id: IncidentId) -> Begun<'_> {
    Box::pin(perform(app, id))
}

async fn perform(app: &App, id: IncidentId) -> Result<Ended, Error> {
    let db = &app.engine.db;
    let Some(incident) = timelines::find(db, id).await? else {
        return Ok(Ended::done());
    };
    let now = app.engine.clock.now();
    let groups = alerts::of_incident(db, id).await?;
    let named = incident.course.severity.as_ref();
    let of_alerts = groups
        .iter()
        .filter_map(|group| group.wishes.severity)
        .min();
    let severity = named.map(|named| named.severity).or(of_alerts);
    let is_going_on = incident.state(now) == IncidentState::Open
        && match incident.course.status {
            IncidentStatus::Investigating | IncidentStatus::Identified => true,
            IncidentStatus::Monitoring | IncidentStatus::Resolved => false,
        };
    let Some(severity) = severity.filter(|severity| is_going_on && is_severe(*severity)) else {
        return Ok(Ended::done());
    };
    let proposed = rollbacks::of_incident(db, id).await?;
    if proposed.iter().any(|rollback| !rollback.id.is_drill()) {
        return Ok(Ended::done());
    }
    let Some(suspect) = suspect(app, &incident, &groups, now).await? else {
        return Ok(Ended::done());
    };
    let age = spell(now.duration_since(incident.opened_at).unsigned_abs());
    let before = spell(
        suspect
            .began
            .duration_since(suspect.live_since)
            .unsigned_abs(),
    );
    let text = format!(
        "{id} is {severity} and {age} old, and nobody has proposed going back. {} of {} went live {before} before it began: `/rollback assess {}` says what speaks for going back and against it.",
        suspect.release,
        suspect.service,
        suspect.service.typed(),
    );
    let post = Post {
        channel: incident.channel.clone(),
        thread: None,
        under: None,
        message: Message::Text(text),
        button: Some(PostButton::Propose(suspect.service.clone())),
        when_refused: WhenRefused::Log,
        id: format!("nudge:{id}"),
    };
    let fact = AlertFact::DeploySuspected {
        service: suspect.service,
        release: suspect.release,
        live_since: suspect.live_since,
        began: suspect.began,
    };
    Ok(Ended::done()
        .with(RecordedEvent::OpenIncident {
            channel: incident.channel,
            event: TimelineEvent::new(now, Actor::Bot, Source::Bot, None, fact),
            once: Some(format!("nudge:{id}")),
        })
        .then(Job::Post(post), now))
}

/// The release that went live last before the incident began, of the services it is about: those
/// whose alerts fire in it, and those that are rolled back in its channel.
async fn suspect(
    app: &App,
    incident: &Incident,
    groups: &[AlertGroup],
    now: Timestamp,
) -> Result<Option<Suspect>, Error> {
    let started = incident.course.times.get(&Milestone::Started).copied();
    let mut found: Option<Suspect> = None;
    for service in &app.config.services {
        let mut groups = groups.iter();
        let group = groups.find(|group| group.service.as_ref() == Some(&service.key));
        if group.is_none() && !service.channels.contains(&incident.channel) {
            continue;
        }
        let db = &app.engine.db;
        let Some((survey, _)) = rollbacks::snapshot(db, &service.key).await? else {
            continue;
        };
        let history = rollbacks::history(db, &service.key).await?;
        let runs = Runs::of(&survey, &history, now);
        let live = survey.live();
        let run = live.as_ref().and_then(|live| runs.ran(live).run().cloned());
        let (Some(live), Some(run)) = (live, run) else {
            continue;
        };
        let of_alerts = group.map(|group| group.began_at);
        let began = started.or(of_alerts).unwrap_or(incident.opened_at);
        let is_later = found
            .as_ref()
            .is_none_or(|other| other.live_since < run.since);
        if is_neighbour(run.since, began) && is_later {
            found = Some(Suspect {
                service: service.key.clone(),
                release: live.label().to_owned(),
                live_since: run.since,
                began,
            });
        }
    }
    Ok(found)
}
