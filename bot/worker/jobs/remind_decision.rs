//! Reminds people that the time is over which a row of the decision matrix leaves, once, unless
//! something was decided meanwhile. The post has a key of its own, so that a repetition posts nothing.

use super::Begun;
use crate::{
    App,
    engine::{Ended, Error, RecordedEvent},
    roster,
    store::{rollbacks, timelines},
};
use jiff::Timestamp;
use rollback_domain::{
    authority::Case,
    identity::{IncidentId, RollbackId, ServiceKey},
    incident::{
        Actor, Fact, Incident, IncidentFact, IncidentRole, IncidentState, Kind, TimelineEvent,
    },
    job::{Job, Post, WhenRefused},
    matrix::Advice,
    people::Addressee,
    refusal::{Source, list},
    rollback::{Message, Rollback, State},
};
use std::time::Duration;

/// How many of those who may approve are named.
const NAMED_AT_MOST: usize = 5;
/// How far back the assessment is looked for: no row leaves more time.
const WITHIN_AT_MOST: Duration = Duration::from_secs(8 * 86_400);

pub(super) fn run<'a>(
    app: &'a App,
    incident: IncidentId,
    service: &'a ServiceKey,
    due: Timestamp,
) -> Begun<'a> {
    Box::pin(perform(app, incident, service, due))
}

async fn perform(
    app: &App,
    id: IncidentId,
    service: &ServiceKey,
    due: Timestamp,
) -> Result<Ended, Error> {
    let db = &app.engine.db;
    let now = app.engine.clock.now();
    let incident = timelines::find(db, id).await?;
    let Some(incident) = incident.filter(|one| one.state(now) == IncidentState::Open) else {
        return Ok(Ended::done());
    };
    let Some((assessed_at, advice)) = last_assessed(app, &incident, service, due).await? else {
        return Ok(Ended::done());
    };
    let rollbacks = rollbacks::of_incident(db, id).await?;
    let about: Vec<&Rollback> = rollbacks.iter().filter(|one| one.is_of(service)).collect();
    if about.iter().any(|one| one.is_decided_since(assessed_at)) {
        return Ok(Ended::done());
    }
    let open = about
        .into_iter()
        .find(|one| matches!(one.state, State::Proposed { .. }));
    let approvers = approvers(app, service, open, now).await?;
    let post = post(
        &incident,
        service,
        advice,
        due,
        open.map(|open| open.id),
        &approvers,
    );
    let fact = IncidentFact::DecisionDue {
        service: service.clone(),
        advice,
        due,
    };
    let rollback = open.map(|open| open.id);
    let event = TimelineEvent::new(now, Actor::Bot, Source::Bot, rollback, fact);
    Ok(Ended::done()
        .with(RecordedEvent::Incident {
            incident: id,
            event,
        })
        .then(Job::Post(post), now))
}

/// When the service was assessed so that it was to be decided by `due`, and what was advised; `None`:
/// it was assessed again since.
async fn last_assessed(
    app: &App,
    incident: &Incident,
    service: &ServiceKey,
    due: Timestamp,
) -> Result<Option<(Timestamp, Advice)>, Error> {
    let since = due.checked_sub(WITHIN_AT_MOST).unwrap_or(due);
    let db = &app.engine.db;
    let recorded = timelines::recorded_since(db, &incident.channel, Kind::Assessed, since).await?;
    let of_service = recorded.into_iter().filter_map(|event| match event.fact {
        Fact::Incident(IncidentFact::Assessed {
            service: assessed,
            advice,
            decide_by,
            ..
        }) if assessed == *service => Some((event.at, advice, decide_by)),
        _ => None,
    });
    let last = of_service.max_by_key(|(at, ..)| *at);
    Ok(last.and_then(|(at, advice, decide_by)| {
        advice
            .filter(|_| decide_by == Some(due))
            .map(|advice| (at, advice))
    }))
}

/// The Slack ids of some who could approve the proposal, or one if there were one.
async fn approvers(
    app: &App,
    service: &ServiceKey,
    open: Option<&Rollback>,
    now: Timestamp,
) -> Result<Vec<String>, Error> {
    let Some(policy) = app.policy_of(service) else {
        return Ok(vec![]);
    };
    let roster = roster::last_known(app, &app.config.roles_of(&policy.rules)).await?;
    let risk = app
        .config
        .service(service)
        .map(|service| service.ordinary());
    let case = match (open, risk) {
        (Some(open), _) => open.case(&policy, &roster),
        (None, Some(risk)) => Case {
            rollback: None,
            risk,
            rule: policy.rules.of(risk),
            requester: None,
            approvals: &[],
            roster: &roster,
        },
        (None, None) => return Ok(vec![]),
    };
    let people = case.could_approve(now).into_iter().map(|(id, _)| id);
    Ok(people.take(NAMED_AT_MOST).collect())
}

fn post(
    incident: &Incident,
    service: &ServiceKey,
    advice: Advice,
    due: Timestamp,
    open: Option<RollbackId>,
    approvers: &[String],
) -> Post {
    let id = incident.id;
    let lead = incident.course.roles.get(&IncidentRole::Lead);
    let lead = lead.map(|person| person.id.clone());
    let message = Message::naming(|tone| {
        let who: Vec<String> = approvers.iter().map(|id| tone.person(id)).collect();
        let who = match who.is_empty() {
            true => "somebody who may approve it".to_owned(),
            false => list(&who, "or"),
        };
        let decides = match &lead {
            Some(lead) => format!("{} leads {id}.", tone.person(lead)),
            None => format!("Nobody leads {id} (`/rollback incident lead me`)."),
        };
        let next = match open {
            Some(open) => format!("{open} waits for {who}."),
            None => format!(
                "`/rollback {} because …` proposes going back, for {who} to approve; `/rollback incident resolved now because …` if it is over.",
                tone.text(&service.typed())
            ),
        };
        format!(
            "{}: the decision matrix says \"{}\", which was to be decided by {}, and nothing is decided. {decides} {next}",
            tone.text(&service.to_string()),
            advice.sentence(),
            due.strftime("%H:%M UTC")
        )
    });
    let people = lead.into_iter().chain(approvers.iter().cloned());
    Post {
        channel: incident.channel.clone(),
        thread: None,
        under: None,
        message,
        button: None,
        when_refused: WhenRefused::TellAlone {
            rollback: open,
            people: people
                .map(|person| Addressee {
                    person,
                    reply_to: None,
                })
                .collect(),
        },
        id: format!("decide-by:{id}:{}:{}", service.typed(), due.as_second()),
    }
}
