//! Opens the form that asks somebody what the decision matrix wants to know and nothing measures.

use super::open_form::not_opened;
use crate::{
    App,
    engine::{Ended, Error},
    slack::{
        Failure, Words,
        assess::{self, About},
    },
    store::{jobs::Lease, timelines},
    worker::recipient::Recipient,
};
use rollback_domain::{
    incident::IncidentState,
    job::AssessFormRequest,
    matrix::{Facts, Measure, Question, Symptoms, assess as read_matrix},
};
use std::{collections::BTreeSet, time::Duration};

/// Slack forgets what a command or a click brought after three seconds.
const TRIGGER_LIVES: Duration = Duration::from_secs(3);

pub(super) async fn run(
    app: &App,
    lease: &Lease,
    request: &AssessFormRequest,
) -> Result<Ended, Error> {
    // A second attempt finds it open, and perhaps saved by now, or Slack's trigger gone.
    if lease.attempt > 1 {
        return Ok(Ended::done());
    }
    let questions = questions(app, request).await?;
    let opened = match questions.is_empty() {
        true => Err("There is nothing more that your decision matrix asks.".to_owned()),
        false => open(app, request, &questions).await,
    };
    match (opened, request.rollback) {
        (Ok(()), _) => Ok(Ended::done()),
        // A command is answered all the same, with how to say it in words.
        (Err(_), None) => Ok(Ended::done()),
        (Err(why), Some(_)) => {
            let recipient = Recipient {
                channel: &request.channel,
                person: &request.person.id,
                thread: request.thread.as_deref(),
                reply_to: request.reply_to.as_deref(),
            };
            recipient.notify(app, lease, &Words::plain(why)).await
        }
    }
}

/// What the matrix wants to know and only people can say.
async fn questions(app: &App, request: &AssessFormRequest) -> Result<BTreeSet<Question>, Error> {
    let now = app.engine.clock.now();
    let incident = timelines::latest(&app.engine.db, &request.channel).await?;
    let incident = incident.filter(|incident| incident.state(now) == IncidentState::Open);
    let severity = incident.and_then(|incident| incident.course.severity);
    let facts = Facts {
        symptoms: Symptoms {
            severity: severity.map(|severity| severity.severity),
            ..Symptoms::default()
        },
        since_deploy: None,
    };
    let mut questions = read_matrix(&app.config.matrix, &request.service.name, &facts).questions();
    questions.remove(&Question::SinceDeploy);
    Ok(questions)
}

/// Opens the form; otherwise why it is not open, for the person.
async fn open(
    app: &App,
    request: &AssessFormRequest,
    questions: &BTreeSet<Question>,
) -> Result<(), String> {
    let about = About {
        service: request.service.clone(),
        rollback: request.rollback,
        person: request.person.id.clone(),
        channel: request.channel.clone(),
        thread: request.thread.clone(),
        reply_to: request.reply_to.clone(),
    };
    let service = app.config.service(&request.service);
    let checks = service.map_or(&[][..], |service| &service.verify);
    let measured: BTreeSet<Measure> = checks.iter().filter_map(|check| check.matrix).collect();
    let view = assess::form(&about, &request.id, questions, &measured);
    let age = app.engine.clock.now().duration_since(request.form.asked_at);
    let opened = match Duration::try_from(age).unwrap_or_default() < TRIGGER_LIVES {
        true => app.slack.open_view(&request.form.trigger, &view).await,
        false => Err(Failure::Never("expired_trigger_id".into())),
    };
    opened.map_err(|failure| {
        tracing::warn!(%failure, "the form of an assessment could not be opened");
        not_opened(&failure)
    })
}
