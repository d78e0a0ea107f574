//! Reminds somebody that the next update is due: the person who communicates, and then the lead. Each
//! reminder is a post with a key of its own, so that a repetition posts nothing.

use super::Begun;
use crate::{
    App,
    engine::{Ended, Error, RecordedEvent},
    store::timelines,
    worker::retry::later,
};
use jiff::Timestamp;
use rollback_domain::{
    identity::IncidentId,
    incident::{Actor, Incident, IncidentRole, IncidentState, TimelineEvent, UpdateFact},
    job::{Job, Post, WhenRefused},
    people::Addressee,
    refusal::Source,
    rollback::Message,
};
use std::time::Duration;

/// How long after the person who communicates the lead is reminded.
const LEAD_AFTER: Duration = Duration::from_secs(5 * 60);

pub(super) fn run<'a>(
    app: &'a App,
    id: IncidentId,
    due: Timestamp,
    role: IncidentRole,
) -> Begun<'a> {
    Box::pin(perform(app, id, due, role))
}

async fn perform(
    app: &App,
    id: IncidentId,
    due: Timestamp,
    role: IncidentRole,
) -> Result<Ended, Error> {
    let Some(incident) = timelines::find(&app.engine.db, id).await? else {
        return Ok(Ended::done());
    };
    let now = app.engine.clock.now();
    // Another update was published meanwhile, or the incident is over.
    let is_open = incident.state(now) == IncidentState::Open;
    if incident.course.update_due != Some(due) || !is_open {
        return Ok(Ended::done());
    }
    let in_role = |role| {
        let person = incident.course.roles.get(&role);
        person.map(|person| person.id.clone())
    };
    let communicates = in_role(IncidentRole::Communications);
    let lead = in_role(IncidentRole::Lead).filter(|lead| Some(lead) != communicates.as_ref());
    let (person, is_last) = match (role, communicates, lead) {
        (IncidentRole::Communications, Some(person), lead) => (Some(person), lead.is_none()),
        (_, _, lead) => (lead, true),
    };
    let fact = UpdateFact::UpdateReminded {
        due,
        person: person.clone(),
    };
    let event = TimelineEvent::new(now, Actor::Bot, Source::Bot, None, fact);
    let ended = Ended::done()
        .with(RecordedEvent::Incident {
            incident: id,
            event,
        })
        .then(Job::Post(post(&incident, due, role, person)), now);
    Ok(match is_last {
        true => ended,
        false => {
            let next = Job::RemindUpdate {
                incident: id,
                due,
                role: IncidentRole::Lead,
            };
            ended.then(next, later(app, LEAD_AFTER))
        }
    })
}

fn post(incident: &Incident, due: Timestamp, role: IncidentRole, person: Option<String>) -> Post {
    let whom = match &person {
        Some(_) => format!("{}, the", Message::whom(0)),
        None => "Nobody communicates in this incident and nobody leads it, and the".to_owned(),
    };
    let next = match &person {
        Some(_) => "`/rollback update` drafts it.",
        None => "`/rollback incident comms me` takes it on, `/rollback update` drafts it.",
    };
    let sentence = format!(
        "{whom} next update of {} was due at {}. {next}",
        incident.id,
        due.strftime("%H:%M UTC")
    );
    let people: Vec<String> = person.into_iter().collect();
    Post {
        channel: incident.channel.clone(),
        thread: None,
        under: None,
        message: Message::Naming(sentence, people.clone()),
        button: None,
        when_refused: WhenRefused::TellAlone {
            rollback: None,
            people: people
                .into_iter()
                .map(|person| Addressee {
                    person,
                    reply_to: None,
                })
                .collect(),
        },
        id: format!("update-due:{}:{}:{role}", incident.id, due.as_second()),
    }
}
