//! What the decision matrix says of a service, and what speaks against going back. It advises and
//! changes nothing; where an incident goes on, it is recorded with what it was based on.

use super::{NotShown, releases};
use crate::{
    App,
    engine::{Error, RecordedEvent},
    slack::{
        Words,
        blocks::{context, escape, fit_text, header, inline, section},
    },
    store::{jobs::Lease, rollbacks, timelines},
    worker::planning::{self, NoPlan, Planning},
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::Target,
    history::Runs,
    identity::ServiceKey,
    incident::{Actor, Incident, IncidentFact, IncidentState, Milestone, TimelineEvent},
    job::QueryRequest,
    matrix::{Age, Assessment, Facts, Question, Row, Symptoms, against, assess as read_matrix},
    plan::Aim,
    proof::spell,
    refusal::{Refusal, Source, list},
};
use std::time::Duration;

/// How many rows are shown at most of those that more would have to be known for.
const OPEN_AT_MOST: usize = 5;

/// What one service is assessed by, besides the matrix.
struct Seen {
    facts: Facts,
    /// What is live, as people recognise it; `None`: the platform did not say.
    live: Option<String>,
    /// What speaks against going back, a clause each.
    against: Vec<String>,
}

/// What the matrix says, as one person sees it, with the entry for the timeline.
pub(super) async fn assess(
    app: &App,
    lease: &Lease,
    request: &QueryRequest,
    symptoms: &Symptoms,
) -> Result<Result<(Words, Option<RecordedEvent>), NotShown>, Error> {
    let service = &request.service;
    let rows = &app.config.matrix;
    if rows.is_empty() {
        return Ok(Err(NotShown::Unavailable(
            "There is no decision matrix: write `[matrix]` with a `preset` or rows of your own into the configuration. docs/deciding.md has the presets.",
        )));
    }
    let now = app.engine.clock.now();
    let incident = timelines::latest(&app.engine.db, &request.channel).await?;
    let incident = incident.filter(|incident| incident.state(now) == IncidentState::Open);
    let seen = match look(app, lease, service, symptoms, incident.as_ref(), now).await? {
        Ok(seen) => seen,
        Err(not_shown) => return Ok(Err(not_shown)),
    };
    let assessment = read_matrix(rows, &service.name, &seen.facts);
    let words = words(service, &seen, &assessment, incident.as_ref());
    let event = incident.is_some().then(|| RecordedEvent::OpenIncident {
        channel: request.channel.clone(),
        event: event(request, &seen, &assessment, now),
        once: Some(format!("assessed:{}", request.id)),
    });
    Ok(Ok((words, event)))
}

/// Reads what the matrix does not say.
async fn look(
    app: &App,
    lease: &Lease,
    service: &ServiceKey,
    symptoms: &Symptoms,
    incident: Option<&Incident>,
    now: Timestamp,
) -> Result<Result<Seen, NotShown>, Error> {
    let mut facts = Facts {
        symptoms: symptoms.clone(),
        since_deploy: None,
    };
    let course = incident.map(|incident| &incident.course);
    if facts.symptoms.severity.is_none() {
        let severity = course.and_then(|course| course.severity.as_ref());
        facts.symptoms.severity = severity.map(|severity| severity.severity);
    }
    let began = course.and_then(|course| course.times.get(&Milestone::Started).copied());
    let aim = Aim {
        target: Target::Previous,
        utc_offset: 0,
        undoes: None,
        part: None,
    };
    let about = planning::about(app, service, &aim).await?;
    let (settings, provider, survey) = match releases::read(app, lease, service, &about).await {
        Ok(read) => read,
        // The matrix can be read without the platform, and the person hears what is missing.
        Err(NotShown::Refused(refusal)) => {
            return Ok(Ok(Seen {
                facts,
                live: None,
                against: vec![format!(
                    "what is live could not be read ({})",
                    clause(&refusal)
                )],
            }));
        }
        Err(not_shown) => return Ok(Err(not_shown)),
    };
    let history = rollbacks::history(&app.engine.db, service).await?;
    let runs = Runs::of(&survey, &history, now);
    let live = survey.live();
    let run = live.as_ref().and_then(|live| runs.ran(live).run().cloned());
    let live_since = run.map(|run| run.since);
    let age = live_since.and_then(|since| u64::try_from(now.duration_since(since).as_secs()).ok());
    facts.since_deploy = age.map(Age);
    let mut speaks_against = match &live {
        Some(live) => against(live.label(), live_since, began, now),
        None => vec!["it is not known what is live".to_owned()],
    };
    let planning = Planning {
        app,
        service,
        provider: provider.as_ref(),
        about: &about,
        aim: &aim,
        survey: &survey,
        history: &history,
        risks: &app.policy(settings).risks,
    };
    match planning.plan(now).await {
        Ok(plan) => {
            let cautions = plan.cautions.iter();
            speaks_against.extend(cautions.map(|caution| caution.draw(plan.to.label(), now)));
        }
        Err(NoPlan::Refused(refusal)) => speaks_against.push(clause(&refusal)),
        Err(NoPlan::Unreadable(error)) => speaks_against.push(clause(&Refusal::from(error))),
    }
    Ok(Ok(Seen {
        facts,
        live: live.map(|live| live.label().to_owned()),
        against: speaks_against,
    }))
}

/// What a refusal says, without what to do about it.
fn clause(refusal: &Refusal) -> String {
    let sentence = refusal.to_string();
    let first = sentence.split_once(". ").map(|(first, _)| first);
    first.unwrap_or(&sentence).trim_end_matches('.').to_owned()
}

/// Everything that was known, a clause each.
fn known(seen: &Seen) -> Vec<String> {
    let mut known = seen.facts.symptoms.clauses();
    if let (Some(live), Some(Age(seconds))) = (&seen.live, seen.facts.since_deploy) {
        let age = spell(Duration::from_secs(seconds));
        known.push(format!("{live} has been live for {age}"));
    }
    known
}

/// The row whose advice counts: the one that decides, unless something more urgent is open.
fn advice<'a>(assessment: &Assessment<'a>) -> Option<&'a Row> {
    assessment.decided.filter(|_| assessment.is_settled())
}

fn event(
    request: &QueryRequest,
    seen: &Seen,
    assessment: &Assessment<'_>,
    now: Timestamp,
) -> TimelineEvent {
    let row = advice(assessment);
    let fact = IncidentFact::Assessed {
        service: request.service.clone(),
        known: known(seen),
        advice: row.map(|row| row.advice),
        row: row.map(|row| row.name.clone()),
        against: seen.against.clone(),
    };
    let by = Actor::Person(request.person.clone());
    TimelineEvent::new(now, by, Source::Command, None, fact)
}

fn words(
    service: &ServiceKey,
    seen: &Seen,
    assessment: &Assessment<'_>,
    incident: Option<&Incident>,
) -> Words {
    let title = format!("Assessment of {service}");
    let mut lines = vec![head(assessment)];
    lines.extend(severity(assessment, incident));
    lines.extend(assessment.also.iter().map(|row| {
        let name = inline(&row.name, 160);
        format!("Also fits: *{name}*: {}", row.sentence())
    }));
    lines.extend(open(assessment));
    let known = match known(seen) {
        known if known.is_empty() => "nothing".to_owned(),
        known => escape(&list(&known, "and")),
    };
    lines.push(format!("*Known*: {known}."));
    if !seen.against.is_empty() {
        let against: Vec<String> = seen.against.iter().map(|one| inline(one, 300)).collect();
        lines.push(format!("*Against going back*: {}.", against.join("; ")));
    }
    let body = lines.join("\n");
    let next = format!(
        "Only you see this, and it is advice: `/rollback {} because …` proposes going back.",
        inline(&service.typed(), 160)
    );
    Words {
        text: fit_text(&format!("{title}. {body}")),
        blocks: vec![header(&title), section(&body), context(&next)],
    }
}

/// What to do, in bold, and which row says so.
fn head(assessment: &Assessment<'_>) -> String {
    match (advice(assessment), assessment.decided) {
        (Some(row), _) => {
            let mut line = format!("*{}*", row.sentence());
            line.push_str(&format!(" Row \"{}\"", inline(&row.name, 160)));
            match row.when.clause() {
                Some(clause) => line.push_str(&format!(": {}.", inline(&clause, 400))),
                None => line.push_str(": nothing before it fits."),
            }
            if let Some(note) = &row.note {
                line.push_str(&format!(" {}", inline(note, 160)));
            }
            line
        }
        (None, Some(row)) => format!(
            "*Not decided*: too little is known. So far only \"{}\" fits: {}",
            inline(&row.name, 160),
            row.sentence()
        ),
        (None, None) if assessment.open.is_empty() => {
            "*Not decided*: no row of the matrix fits.".to_owned()
        }
        (None, None) => "*Not decided*: too little is known.".to_owned(),
    }
}

/// Says where the matrix takes the incident for more or less severe than people do.
fn severity(assessment: &Assessment<'_>, incident: Option<&Incident>) -> Option<String> {
    let severity = advice(assessment)?.severity?;
    let current = incident?
        .course
        .severity
        .as_ref()
        .map(|named| named.severity);
    let is = match current {
        Some(current) if current == severity => return None,
        Some(current) => format!("the incident is {current}"),
        None => "the incident has no severity".to_owned(),
    };
    Some(format!(
        "The matrix calls this {severity}, and {is}: `/rollback incident severity {severity}`."
    ))
}

/// What more would have to be known, and how to say it.
fn open(assessment: &Assessment<'_>) -> Vec<String> {
    let mut lines = vec![];
    let open = assessment.open.iter().take(OPEN_AT_MOST);
    lines.extend(open.filter_map(|(row, _)| {
        let clause = row.when.clause()?;
        let sentence = row.sentence();
        Some(format!("If {}: {sentence}", inline(&clause, 400)))
    }));
    let more = assessment.open.len().saturating_sub(OPEN_AT_MOST);
    if more > 0 {
        lines.push(format!("{more} more rows could fit."));
    }
    let questions = assessment.questions();
    let examples = questions.into_iter().filter_map(Question::example);
    let examples: Vec<&str> = examples.collect();
    if !examples.is_empty() {
        lines.push(format!(
            "Say what you know behind the service: `{}`.",
            examples.join(" ")
        ));
    }
    lines
}
