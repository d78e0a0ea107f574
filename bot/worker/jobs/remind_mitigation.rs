//! Reminds the lead of an incident that it was to be mitigated by now, once. The post has a key of
//! its own, so that a repetition posts nothing.

use super::Begun;
use crate::{
    App,
    engine::{Ended, Error, RecordedEvent},
    store::timelines,
};
use jiff::Timestamp;
use rollback_domain::{
    identity::IncidentId,
    incident::{
        Actor, CourseFact, Incident, IncidentRole, IncidentState, NamedSeverity, TimelineEvent,
    },
    job::{Job, Post, WhenRefused},
    people::Addressee,
    refusal::Source,
    rollback::Message,
};

pub(super) fn run<'a>(app: &'a App, id: IncidentId, due: Timestamp) -> Begun<'a> {
    Box::pin(perform(app, id, due))
}

async fn perform(app: &App, id: IncidentId, due: Timestamp) -> Result<Ended, Error> {
    let Some(incident) = timelines::find(&app.engine.db, id).await? else {
        return Ok(Ended::done());
    };
    let now = app.engine.clock.now();
    let course = &incident.course;
    // It is mitigated meanwhile, or of another severity, or over.
    let is_open = incident.state(now) == IncidentState::Open;
    let (Some(severity), true) = (&course.severity, is_open && course.mitigate_by == Some(due))
    else {
        return Ok(Ended::done());
    };
    let lead = course.roles.get(&IncidentRole::Lead);
    let lead = lead.map(|person| person.id.clone());
    let fact = CourseFact::DeadlinePassed {
        severity: severity.clone(),
        due,
        person: lead.clone(),
    };
    let event = TimelineEvent::new(now, Actor::Bot, Source::Bot, None, fact);
    let post = Job::Post(post(&incident, severity, due, lead));
    Ok(Ended::done()
        .with(RecordedEvent::Incident {
            incident: id,
            event,
        })
        .then(post, now))
}

fn post(
    incident: &Incident,
    severity: &NamedSeverity,
    due: Timestamp,
    lead: Option<String>,
) -> Post {
    let people: Vec<String> = lead.into_iter().collect();
    let to_lead = people.clone();
    let id = incident.id;
    let message = Message::naming(|tone| {
        let whom = match to_lead.first() {
            Some(lead) => format!("{}, ", tone.person(lead)),
            None => "Nobody leads this incident (`/rollback incident lead me`): ".to_owned(),
        };
        format!(
            "{whom}{id} is {} and was to be mitigated by {}, and nobody has said that it is. `/rollback incident mitigated now because …` if it is, `/rollback incident severity …` if it is less severe.",
            tone.text(&severity.to_string()),
            due.strftime("%H:%M UTC")
        )
    });
    Post {
        channel: incident.channel.clone(),
        thread: None,
        under: None,
        message,
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
        id: format!("mitigate-by:{id}:{}", due.as_second()),
    }
}
