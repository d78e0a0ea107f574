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
    worker::{
        assessing::{self, Weighed},
        planning,
    },
};
use jiff::Timestamp;
use rollback_domain::{
    alert::{AlertAdvice, AlertGroup, LiveRelease},
    grammar::{Request, ServiceRef, Target, verbs::Propose},
    history::Runs,
    identity::ServiceKey,
    incident::{Actor, Incident, IncidentFact, Milestone, TimelineEvent},
    job::Job,
    people::Person,
    refusal::Source,
};

/// What the matrix says of a service whose alerts fire.
struct Advised {
    advice: AlertAdvice,
    /// The same for the timeline.
    fact: IncidentFact,
    /// The job that reminds of it in time, and when; `None`: its row names no time.
    reminder: Option<(Job, Timestamp)>,
}

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
    let advised = advice(app, &group, &service, &incident).await?;
    group.advice = advised.as_ref().map(|advised| advised.advice.clone());
    let proposal = match group.proposer(!app.config.matrix.is_empty()) {
        Some(agent) => Some(propose(app, &group, &service, &incident, agent).await?),
        None => None,
    };
    let ended = Ended::done().with(AlertReading {
        group: id,
        live,
        advice: group.advice,
        proposal,
    });
    let Some(Advised { fact, reminder, .. }) = advised else {
        return Ok(ended);
    };
    let ended = ended.with(RecordedEvent::Incident {
        incident: incident.id,
        event: TimelineEvent::new(now, Actor::Bot, Source::Bot, None, fact),
    });
    Ok(match reminder {
        Some((job, due)) => ended.then(job, due),
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

/// What the matrix says, with the entry for the timeline and the job that reminds of it in time;
/// `None`: there is no matrix.
async fn advice(
    app: &App,
    group: &AlertGroup,
    service: &ServiceKey,
    incident: &Incident,
) -> Result<Option<Advised>, Error> {
    // What people have said of the incident comes before what a rule and an alert take it for.
    let mut incident = incident.clone();
    let times = &mut incident.course.times;
    times.entry(Milestone::Started).or_insert(group.began_at);
    let mut symptoms = group.wishes.symptoms.clone();
    if incident.course.severity.is_some() {
        symptoms.severity = None;
    }
    let weighed = assessing::assess(app, service, &symptoms, Some(&incident)).await?;
    Ok(weighed.map(
        |Weighed {
             assessed,
             assessment,
         }| {
            let sentence = match assessment.advice() {
                Some(row) => format!("{} Row \"{}\".", row.sentence(), row.name),
                None => format!(
                    "not decided, too little is known: `/rollback assess {}` says what is missing.",
                    service.typed()
                ),
            };
            Advised {
                fact: assessed.fact(service),
                reminder: assessing::reminder(service, &incident, &assessed),
                advice: AlertAdvice {
                    advice: assessed.advice,
                    sentence,
                    measured: assessed.measured,
                    against: assessed.against,
                },
            }
        },
    ))
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
