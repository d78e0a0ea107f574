//! Reads what is live of a service whose alerts fire, and what the decision matrix says of it; where
//! a rule wants it, an agent proposes going back. A repetition reads again, and what was proposed is
//! not proposed again: the proposal has a key.

use super::Begun;
use crate::{
    App,
    answer::Answer,
    commands::{self, Context, agent},
    engine::{AlertReading, Ended, Error, RecordedEvent},
    store::{alerts, jobs::Lease, rollbacks, timelines},
    worker::planning,
};
use jiff::Timestamp;
use rollback_domain::{
    alert::{AlertAdvice, AlertGroup, LiveRelease},
    grammar::{Request, ServiceRef, Target, verbs::Propose},
    history::Runs,
    identity::ServiceKey,
    incident::{Actor, Incident, IncidentFact, TimelineEvent},
    matrix::{Age, Facts, against, assess},
    people::Person,
    proof::spell,
    refusal::Source,
};
use std::time::Duration;

pub(super) fn run<'a>(app: &'a App, _: &'a Lease, group: i64) -> Begun<'a> {
    Box::pin(perform(app, group))
}

async fn perform(app: &App, id: i64) -> Result<Ended, Error> {
    let db = &app.engine.db;
    let Some(mut group) = alerts::get(db, id).await? else {
        return Ok(Ended::done());
    };
    let Some(incident) = timelines::find(db, group.incident).await? else {
        return Ok(Ended::done());
    };
    let Some(service) = group.service.clone() else {
        return Ok(Ended::done());
    };
    let live = live(app, &service).await?;
    let now = app.engine.clock.now();
    let assessed = advice(app, &group, &service, &incident, &live, now);
    let (advice, fact) = assessed.unzip();
    group.advice.clone_from(&advice);
    let proposal = match group.proposer(!app.config.matrix.is_empty()) {
        Some(agent) => Some(propose(app, &group, &service, &incident, agent).await?),
        None => None,
    };
    let ended = Ended::done().with(AlertReading {
        group: id,
        live,
        advice,
        proposal,
    });
    Ok(match fact {
        Some(fact) => ended.with(RecordedEvent::Incident {
            incident: incident.id,
            event: TimelineEvent::new(now, Actor::Bot, Source::Bot, None, fact),
        }),
        None => ended,
    })
}

/// What is live of a service and since when, as its platform says.
async fn live(app: &App, service: &ServiceKey) -> Result<LiveRelease, Error> {
    let unread = |why: String| LiveRelease {
        label: None,
        since: None,
        unread: Some(why),
    };
    let settings = app.config.service(service);
    let provider = settings.and_then(|settings| app.provider(settings));
    let Some(provider) = provider else {
        return Ok(unread("it is not in the configuration any more".into()));
    };
    let about = planning::about_service(app, service).await?;
    let survey = match provider.survey(&about).await {
        Ok(survey) => survey,
        Err(error) => return Ok(unread(error.to_string())),
    };
    let now = app.engine.clock.now();
    let history = rollbacks::history(&app.engine.db, service).await?;
    let live = survey.live();
    let runs = Runs::of(&survey, &history, now);
    let run = live.as_ref().and_then(|live| runs.ran(live).run().cloned());
    Ok(LiveRelease {
        label: live.map(|live| live.label().to_owned()),
        since: run.map(|run| run.since),
        unread: None,
    })
}

/// What the matrix says, with the same for the timeline; `None`: there is no matrix.
fn advice(
    app: &App,
    group: &AlertGroup,
    service: &ServiceKey,
    incident: &Incident,
    live: &LiveRelease,
    now: Timestamp,
) -> Option<(AlertAdvice, IncidentFact)> {
    let rows = &app.config.matrix;
    if rows.is_empty() {
        return None;
    }
    let age = live.since.map(|since| now.duration_since(since));
    let age = age.and_then(|age| u64::try_from(age.as_secs()).ok());
    let mut symptoms = group.wishes.symptoms.clone();
    // What people have said of the incident comes before what a rule takes it for.
    let severity = incident.course.severity.as_ref();
    symptoms.severity = severity.map(|named| named.severity).or(symptoms.severity);
    let mut known = symptoms.clauses();
    if let (Some(label), Some(age)) = (&live.label, age) {
        let age = spell(Duration::from_secs(age));
        known.push(format!("{label} has been live for {age}"));
    }
    let facts = Facts {
        symptoms,
        since_deploy: age.map(Age),
    };
    let assessment = assess(rows, &service.name, &facts);
    let row = assessment.decided.filter(|_| assessment.is_settled());
    let against = match &live.label {
        Some(label) => against(label, live.since, Some(group.began_at), now),
        None => vec!["it is not known what is live".to_owned()],
    };
    let sentence = match row {
        Some(row) => format!("{} Row \"{}\".", row.sentence(), row.name),
        None => format!(
            "not decided, too little is known: `/rollback assess {}` says what is missing.",
            service.typed()
        ),
    };
    let fact = IncidentFact::Assessed {
        service: service.clone(),
        known,
        advice: row.map(|row| row.advice),
        row: row.map(|row| row.name.clone()),
        against: against.clone(),
    };
    let advice = AlertAdvice {
        advice: row.map(|row| row.advice),
        sentence,
        against,
    };
    Some((advice, fact))
}

/// Has an agent propose going back. Says what came of it.
async fn propose(
    app: &App,
    group: &AlertGroup,
    service: &ServiceKey,
    incident: &Incident,
    agent: &str,
) -> Result<String, Error> {
    let person = Person::new("", "").responsible_for(agent);
    let person = match agent::owner(app, &person).await? {
        Ok(person) => person,
        Err(refusal) => return Ok(format!("Nothing was proposed: {refusal}")),
    };
    let by = person.called();
    let request = Request::Propose(Propose {
        service: ServiceRef {
            service: service.name.clone(),
            environment: Some(service.environment.clone()),
        },
        target: Target::Previous,
        because: Some(group.because()),
    });
    let key = format!("alert:{}:propose:{}", group.id, group.again);
    let channel = incident.channel.clone();
    let context = Context::new(key, person, channel, Source::OutOfBand);
    Ok(match commands::run(app, &context, request).await {
        Answer::Queued { rollback, .. } => format!("{rollback} was proposed by {by}."),
        Answer::Refused(refusal) => format!("Nothing was proposed: {refusal}"),
        Answer::Declined {
            rollback: Some(open),
            ..
        } => format!("Nothing was proposed, because {open} is there."),
        Answer::Declined { rollback: None, .. }
        | Answer::Received
        | Answer::Private(_)
        | Answer::Shared(_)
        | Answer::Public(_)
        | Answer::Choose { .. } => "Nothing was proposed.".to_owned(),
    })
}
