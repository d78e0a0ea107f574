//! Reading the decision matrix for a service: from what people say, what its platform says and what
//! its checks measure. It advises, and changes nothing.

use super::planning::{self, NoPlan, Planning};
use crate::{App, config::Service, engine::Error, proofs, store::rollbacks};
use jiff::Timestamp;
use rollback_domain::{
    grammar::Target,
    history::Runs,
    identity::ServiceKey,
    incident::{Incident, Milestone},
    job::Job,
    matrix::{
        Age, Assessed, Assessment, Facts, Measurement, Sample, Symptoms, add_measured, against,
        assess as read_matrix, failed_before,
    },
    plan::{Aim, Plan},
    proof::spell,
    refusal::Refusal,
    release::Survey,
};
use std::time::Duration;

/// How long before a deploy it is measured what was so before it: the ranges of queries end then.
const BEFORE_THE_DEPLOY: Duration = Duration::from_secs(60);

/// What the matrix says of a service, with the rows that say it.
pub(super) struct Weighed<'a> {
    /// What it says, as it is recorded and shown.
    pub(super) assessed: Assessed,
    /// The rows that fit and those that could.
    pub(super) assessment: Assessment<'a>,
}

/// What is live of a service.
#[derive(Default)]
struct Live {
    /// How people recognise it; `None`: the platform did not say.
    label: Option<String>,
    /// When it went live; `None`: the platform does not say.
    since: Option<Timestamp>,
    /// What is unusual about going back, a clause each.
    against: Vec<String>,
}

/// Assesses a service, whether or not somebody has proposed to roll it back. `named` is what people
/// or an alert say of it, and `incident` the one that goes on. The platform is read and every measure
/// asked at the same time; what does not answer is not known. `None`: there is no matrix, or no such
/// service.
///
/// What it gives is recorded as [`Assessed::fact`], with [`reminder`] among the jobs of the same
/// transaction, and shown as `slack::card::advice` draws it in one line.
pub(super) async fn assess<'a>(
    app: &'a App,
    service: &ServiceKey,
    named: &Symptoms,
    incident: Option<&Incident>,
) -> Result<Option<Weighed<'a>>, Error> {
    let Some(settings) = app.config.service(service) else {
        return Ok(None);
    };
    if app.config.matrix.is_empty() {
        return Ok(None);
    }
    let began = incident.and_then(began);
    let (live, now) = tokio::join!(
        live(app, settings, began),
        proofs::for_the_matrix(&app.http, &settings.verify, None),
    );
    let live = live?;
    let before = before_the_deploy(app, settings, live.since).await;
    Ok(Some(weigh(
        app,
        service,
        named,
        incident,
        live,
        [&now, &before],
    )))
}

/// The job that reminds of an assessment in time, and when it is due; `None`: its row names no time.
pub(super) fn reminder(
    service: &ServiceKey,
    incident: &Incident,
    assessed: &Assessed,
) -> Option<(Job, Timestamp)> {
    let due = assessed.decide_by?;
    let job = Job::RemindDecision {
        incident: incident.id,
        service: service.clone(),
        due,
    };
    Some((job, due))
}

/// What every measure gave before what is live was deployed; empty: it is not known when that was.
async fn before_the_deploy(app: &App, settings: &Service, since: Option<Timestamp>) -> Vec<Sample> {
    let before = since.and_then(|since| since.checked_sub(BEFORE_THE_DEPLOY).ok());
    match before {
        Some(_) => proofs::for_the_matrix(&app.http, &settings.verify, before).await,
        None => vec![],
    }
}

/// When an incident began to have an effect, where somebody has said so.
fn began(incident: &Incident) -> Option<Timestamp> {
    incident.course.times.get(&Milestone::Started).copied()
}

/// Reads what is live, and what speaks against going back from it.
async fn live(app: &App, settings: &Service, began: Option<Timestamp>) -> Result<Live, Error> {
    let service = &settings.key;
    let unread = |why: &Refusal| Live {
        against: vec![format!("what is live could not be read ({})", clause(why))],
        ..Live::default()
    };
    let aim = Aim {
        target: Target::Previous,
        utc_offset: 0,
        undoes: None,
        part: None,
    };
    let about = planning::about(app, service, &aim).await?;
    let Some(provider) = app.provider(settings) else {
        return Ok(Live::default());
    };
    let survey: Survey = match provider.survey(&about).await {
        Ok(survey) => survey,
        // The matrix can be read without the platform, and people hear what is missing.
        Err(error) => return Ok(unread(&error.into())),
    };
    let now = app.engine.clock.now();
    let history = rollbacks::history(&app.engine.db, service).await?;
    let live = survey.live();
    let runs = Runs::of(&survey, &history, now);
    let run = live.as_ref().and_then(|live| runs.ran(live).run().cloned());
    let since = run.map(|run| run.since);
    let label = live.map(|live| live.label().to_owned());
    let mut against = times_against(label.as_deref(), since, began, now);
    let planning = Planning {
        service,
        provider: provider.as_ref(),
        about: &about,
        aim: &aim,
        survey: &survey,
        history: &history,
        risks: &app.policy(settings).risks,
    };
    match planning.plan(now).await {
        Ok(plan) => against.extend(cautions(&plan, now)),
        Err(NoPlan::Refused(refusal)) => against.push(clause(&refusal)),
        Err(NoPlan::Unreadable(error)) => against.push(clause(&Refusal::from(error))),
    }
    Ok(Live {
        label,
        since,
        against,
    })
}

/// What speaks against going back from what is live, by its age.
fn times_against(
    live: Option<&str>,
    since: Option<Timestamp>,
    began: Option<Timestamp>,
    now: Timestamp,
) -> Vec<String> {
    match live {
        Some(live) => against(live, since, began, now),
        None => vec!["it is not known what is live".to_owned()],
    }
}

/// What is unusual about a plan.
fn cautions(plan: &Plan, now: Timestamp) -> impl Iterator<Item = String> {
    let cautions = plan.cautions.iter();
    cautions.map(move |caution| caution.draw(plan.to.label(), now))
}

/// What a refusal says, without what to do about it.
fn clause(refusal: &Refusal) -> String {
    let sentence = refusal.to_string();
    let first = sentence.split_once(". ").map(|(first, _)| first);
    first.unwrap_or(&sentence).trim_end_matches('.').to_owned()
}

/// Reads the matrix with everything that is known. `samples`: of now, and of before the deploy.
fn weigh<'a>(
    app: &'a App,
    service: &ServiceKey,
    named: &Symptoms,
    incident: Option<&Incident>,
    live: Live,
    [now, before]: [&[Sample]; 2],
) -> Weighed<'a> {
    let at = app.engine.clock.now();
    let age = |since| u64::try_from(at.duration_since(since).as_secs()).ok();
    let age = live.since.and_then(age);
    let mut symptoms = named.clone();
    if symptoms.severity.is_none() {
        let severity = incident.and_then(|incident| incident.course.severity.as_ref());
        symptoms.severity = severity.map(|severity| severity.severity);
    }
    let mut known = symptoms.clauses();
    if let (Some(live), Some(age)) = (&live.label, age) {
        let age = spell(Duration::from_secs(age));
        known.push(format!("{live} has been live for {age}"));
    }
    let measured = add_measured(&mut symptoms, &Measurement::all(now, before));
    let mut against = live.against;
    if let Some(live) = &live.label {
        against.extend(failed_before(live, now, before));
    }
    let facts = Facts {
        symptoms,
        since_deploy: age.map(Age),
    };
    let assessment = read_matrix(&app.config.matrix, &service.name, &facts);
    let row = assessment.advice();
    let within = row.and_then(|row| row.within);
    Weighed {
        assessed: Assessed {
            at,
            known,
            measured,
            advice: row.map(|row| row.advice),
            row: row.map(|row| row.name.clone()),
            decide_by: within.and_then(|within| at.checked_add(within).ok()),
            against,
            is_open: !assessment.questions().is_empty(),
        },
        assessment,
    }
}
