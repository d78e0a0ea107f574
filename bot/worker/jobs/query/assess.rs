//! What the decision matrix says of a service, and what speaks against going back. It advises and
//! changes nothing; where an incident goes on, it is recorded with what it was based on.

use super::{NOT_CONFIGURED, NotShown};
use crate::{
    App,
    engine::{Ended, Error, RecordedEvent},
    slack::{
        Words,
        blocks::{context, escape, fit_text, header, inline, section},
    },
    store::{jobs::Lease, timelines},
    worker::{
        assessing::{self, Weighed},
        recipient::Recipient,
    },
};
use rollback_domain::{
    identity::ServiceKey,
    incident::{Actor, Incident, IncidentState, TimelineEvent},
    job::QueryRequest,
    matrix::{Assessment, Question, Symptoms},
    refusal::{Source, list},
};

/// How many rows are shown at most of those that more would have to be known for.
const OPEN_AT_MOST: usize = 5;

/// Tells one person what the matrix says. Where an incident goes on it is recorded, and the time
/// that it leaves begins.
pub(super) async fn assess(
    app: &App,
    lease: &Lease,
    request: &QueryRequest,
    symptoms: &Symptoms,
    recipient: Recipient<'_>,
) -> Result<Result<Ended, NotShown>, Error> {
    let service = &request.service;
    if app.config.matrix.is_empty() {
        return Ok(Err(NotShown::Unavailable(
            "There is no decision matrix: write `[matrix]` with a `preset` or rows of your own into the configuration. docs/deciding.md has the presets.",
        )));
    }
    let now = app.engine.clock.now();
    let incident = timelines::latest(&app.engine.db, &request.channel).await?;
    let incident = incident.filter(|incident| incident.state(now) == IncidentState::Open);
    let Some(weighed) = assessing::assess(app, service, symptoms, incident.as_ref()).await? else {
        return Ok(Err(NOT_CONFIGURED));
    };
    let words = words(service, &weighed, incident.as_ref());
    let mut ended = recipient.notify(app, lease, &words).await?;
    if let Some(incident) = &incident {
        let fact = weighed.assessed.fact(service);
        let by = Actor::Person(request.person.clone());
        ended = ended.with(RecordedEvent::OpenIncident {
            channel: request.channel.clone(),
            event: TimelineEvent::new(weighed.assessed.at, by, Source::Command, None, fact),
            once: Some(format!("assessed:{}", request.id)),
        });
        if let Some((job, due)) = assessing::reminder(service, incident, &weighed.assessed) {
            ended = ended.then(job, due);
        }
    }
    Ok(Ok(ended))
}

fn words(service: &ServiceKey, weighed: &Weighed<'_>, incident: Option<&Incident>) -> Words {
    let Weighed {
        assessed,
        assessment,
    } = weighed;
    let title = format!("Assessment of {service}");
    let mut lines = vec![head(assessment)];
    lines.extend(severity(assessment, incident));
    lines.extend(assessment.also.iter().map(|row| {
        let name = inline(&row.name, 160);
        format!("Also fits: *{name}*: {}", row.sentence())
    }));
    lines.extend(open(assessment));
    let known = match assessed.known.as_slice() {
        [] => "nothing".to_owned(),
        known => escape(&list(known, "and")),
    };
    lines.push(format!("*Known*: {known}."));
    let texts =
        |texts: &[String]| -> Vec<String> { texts.iter().map(|one| inline(one, 300)).collect() };
    if !assessed.measured.is_empty() {
        let measured = texts(&assessed.measured);
        lines.push(format!("*Measured*: {}.", measured.join("; ")));
    }
    if !assessed.against.is_empty() {
        let against = texts(&assessed.against);
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
    match (assessment.advice(), assessment.decided) {
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
    let severity = assessment.advice()?.severity?;
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
