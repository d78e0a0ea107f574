//! `drill frontend@staging`, `drill note …`: opens a rollback that is practised, or writes into the
//! record of one. A drill goes the way of every rollback.

use super::{
    Answer, Context, Failure, Result,
    export::Attachment,
    find::{self, Proposable},
    gate, propose,
    zone::WallClock,
};
use crate::{
    App,
    config::Service,
    engine::{Outcome, Submission},
    export::{Written, extension},
    roster,
    slack::{Words, blocks::inline},
    store::{actions, memberships, messages, rollbacks, timelines},
};
use jiff::Timestamp;
use rollback_domain::{
    drill::{self, A_DAY, DrillFacts, DrillSchedule, DrilledOnce, Fault, Quarter, watermarked},
    grammar::{
        ExportFormat, Request, ServiceRef,
        verbs::{Drill, Propose},
    },
    identity::{IncidentId, RollbackId, ServiceKey},
    incident::{Actor, IncidentFact, TimelineEvent},
    job::{DrillReportRequest, Job},
    people::Person,
    refusal::{Refusal, list},
    rollback::Rollback,
};
use std::collections::BTreeSet;

pub(super) async fn run(app: &App, context: &Context, request: Drill) -> Result {
    match request {
        Drill::Begin(proposal) => begin(app, context, proposal).await,
        Drill::Calendar => calendar(app).await,
        Drill::Report { quarter } => report(app, context, quarter).await,
        Drill::Note { drill, text } => note(app, context, drill, text).await,
    }
}

async fn begin(app: &App, context: &Context, request: Propose) -> Result {
    let service = meant(app, &request.service)?;
    let is_by_the_wall = propose::is_by_the_wall(&request.target);
    let zone = match WallClock::of(app, context, is_by_the_wall).await? {
        WallClock::Known(zone) => zone,
        WallClock::Unread => {
            let request = Request::Drill(Drill::Begin(request));
            return gate::read_first(app, context, &request).await;
        }
    };
    let aim = propose::aim(request.target, zone.as_ref());
    let fault = service
        .drills
        .fault
        .as_ref()
        .and_then(|command| command.first());
    let drill = drill::Drill {
        acts: service.drills.acts,
        fault: fault.map(|program| Fault {
            program: program.clone(),
            begun: None,
            ended: None,
        }),
    };
    let proposable = Proposable::Service(service);
    propose::open(app, context, proposable, aim, request.because, Some(drill)).await
}

/// The service that is meant: where no environment is named, the one that is for drills.
fn meant<'a>(app: &'a App, name: &ServiceRef) -> Result<&'a Service> {
    let for_drills: Vec<&Service> = app
        .config
        .environments(&name.service)
        .into_iter()
        .filter(|service| service.drills.acts)
        .collect();
    match (&name.environment, for_drills.as_slice()) {
        (None, [only]) => Ok(only),
        (_, _) => find::service(app, name).map_err(Failure::from),
    }
}

/// Writes into the record of a drill.
async fn note(app: &App, context: &Context, drill: Option<RollbackId>, text: String) -> Result {
    let Some((drill, record)) = drilled(app, context, drill).await? else {
        return Ok(Answer::private(
            "There is no drill in this channel. `/rollback drill` and a service begins one. Nothing was noted.",
        ));
    };
    let now = app.engine.clock.now();
    let who = Actor::Person(context.person.clone());
    let fact = IncidentFact::Note { text: text.clone() };
    let event = TimelineEvent::new(now, who, context.source, Some(drill), fact);
    let submission = Submission::Append {
        incident: record,
        event,
    };
    match app.engine.take(&context.key, submission).await? {
        Outcome::Queued => {}
        outcome => return Ok(Answer::from(outcome)),
    }
    let noted = format!(
        "Noted in {drill} by @{}: \"{}\" `/rollback action add \"…\"` in this channel makes an action of it.",
        inline(&context.person.name, 80),
        inline(&text, 500)
    );
    let noted = Words::plain(watermarked(drill, &noted));
    Ok(match context.answers_in_channel() {
        true => Answer::Public(noted),
        false => Answer::Private(noted),
    })
}

/// The drill that is meant and its record: the channel's latest one if none is named. `None`: there
/// is none.
async fn drilled(
    app: &App,
    context: &Context,
    named: Option<RollbackId>,
) -> Result<Option<(RollbackId, IncidentId)>> {
    let db = &app.engine.db;
    let Some(named) = named else {
        let latest = timelines::latest_drill(db, &context.channel).await?;
        let latest = latest.map(|latest| latest.id);
        return Ok(latest.and_then(|latest| Some((latest.drill()?, latest))));
    };
    let found = find::rollback(app, named).await?;
    match found.channel == context.channel {
        true => Ok(Some((named, found.incident))),
        // What was noted in another channel, perhaps a private one, stays there.
        false => Err(Refusal::UnknownRollback { id: named }.into()),
    }
}

/// A reminder of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reminder {
    /// It is in a week.
    WeekBefore,
    /// It is tomorrow.
    DayBefore,
    /// It was not held.
    Missed,
}

/// The key under which people are reminded of the drill of that moment, once.
pub fn reminder_key(service: &ServiceKey, at: Timestamp, reminder: Reminder) -> String {
    let which = match reminder {
        Reminder::WeekBefore => "week",
        Reminder::DayBefore => "day",
        Reminder::Missed => "missed",
    };
    format!("drill:{}:{}:{which}", service.typed(), at.as_second())
}

/// When a service was drilled last, when it is next, and which day was missed.
pub async fn schedule(app: &App, service: &Service) -> sqlx::Result<DrillSchedule> {
    let db = &app.engine.db;
    let now = app.engine.clock.now();
    let drills = rollbacks::drills_of(db, &service.key).await?;
    let calendar = service.drills.calendar.as_ref();
    let due = now.checked_sub(A_DAY).ok();
    let due = due.and_then(|until| calendar?.last(until));
    let is_known = match due {
        Some(due) => {
            let key = reminder_key(&service.key, due, Reminder::DayBefore);
            messages::get(db, &key).await?.ts.is_some()
        }
        None => false,
    };
    Ok(DrillSchedule::of(calendar, &drills, |_| is_known, now))
}

/// The schedule of each service for which a day is set.
async fn schedules(app: &App) -> sqlx::Result<Vec<(ServiceKey, DrillSchedule)>> {
    let mut schedules = vec![];
    for service in &app.config.services {
        if service.drills.calendar.is_some() {
            schedules.push((service.key.clone(), schedule(app, service).await?));
        }
    }
    Ok(schedules)
}

/// Those who could approve for these services, as far as it is known, and have never taken part in a
/// drill.
pub async fn never_drilled(app: &App, services: &[&Service]) -> sqlx::Result<Vec<Person>> {
    let db = &app.engine.db;
    let drills = rollbacks::drills(db).await?;
    let took_part: BTreeSet<&str> = drills
        .iter()
        .filter(|drill| drill.was_practised())
        .flat_map(Rollback::took_part)
        .map(|person| person.id.as_str())
        .collect();
    let roles: BTreeSet<&str> = services
        .iter()
        .flat_map(|service| service.rules.of(service.ordinary()).eligible())
        .collect();
    let roles: Vec<&str> = roles.into_iter().collect();
    let roster = roster::last_known(app, &roles).await?;
    let people: BTreeSet<&str> = roles.iter().flat_map(|role| roster.members(role)).collect();
    let mut never = vec![];
    for id in people.into_iter().filter(|id| !took_part.contains(id)) {
        let known = memberships::last_known(db, id).await?;
        never.push(known.map_or_else(|| Person::new(id, id), |(_, person, _)| person));
    }
    Ok(never)
}

/// What the report of a quarter is made of.
pub async fn facts(app: &App, quarter: Quarter) -> sqlx::Result<DrillFacts> {
    let db = &app.engine.db;
    let mut drills = vec![];
    for drill in rollbacks::drills(db).await?.into_iter().rev() {
        if quarter.has(&drill) {
            drills.push(DrilledOnce {
                notes: timelines::last_notes(db, drill.incident).await?,
                actions: actions::of_incident(db, drill.incident).await?,
                drill,
            });
        }
    }
    let every: Vec<&Service> = app.config.services.iter().collect();
    let never = never_drilled(app, &every).await?;
    Ok(DrillFacts {
        quarter,
        now: app.engine.clock.now(),
        drills,
        schedules: schedules(app).await?,
        never: never
            .into_iter()
            .map(|person| format!("@{}", person.name))
            .collect(),
    })
}

/// The report of a quarter as a file for somebody who waits for it; otherwise why there is none, as
/// a clause.
pub async fn report_file(
    app: &App,
    quarter: Quarter,
    format: ExportFormat,
) -> sqlx::Result<std::result::Result<Attachment, String>> {
    let facts = facts(app, quarter).await?;
    let text = match format {
        ExportFormat::Html => app.templates.drills_as_page(&facts),
        ExportFormat::Markdown | ExportFormat::Json | ExportFormat::Csv => {
            app.templates.drills_in_markdown(&facts)
        }
    };
    let written = text.and_then(|text| Ok(Written::text(&text)?));
    Ok(match written {
        Ok(written) => Ok(Attachment {
            name: format!("DRILL-{quarter}.{}", extension(format)),
            written,
        }),
        Err(error) => {
            tracing::error!(%error, "the report of drills could not be written");
            Err("the report of drills could not be rendered".into())
        }
    })
}

/// Tells one person which drills are due, which were missed, and who has never drilled.
async fn calendar(app: &App) -> Result {
    let mut lines = vec![];
    for (service, schedule) in schedules(app).await? {
        let last = match schedule.last {
            Some((drill, at)) => format!("last {drill}, {}", stamp(at)),
            None => "never drilled".to_owned(),
        };
        let next = schedule.next.map(|at| format!(" · next {}", stamp(at)));
        let missed = schedule
            .missed
            .map(|at| format!(" · *missed* {}", stamp(at)));
        lines.push(format!(
            "DRILL · *{}*: {last}{}{}",
            inline(&service.to_string(), 160),
            next.unwrap_or_default(),
            missed.unwrap_or_default()
        ));
    }
    if lines.is_empty() {
        lines.push("DRILL · No service has `drills` in the configuration, so no day is set. `/rollback drill` and a service begins one now.".to_owned());
    }
    let every: Vec<&Service> = app.config.services.iter().collect();
    let never: Vec<String> = never_drilled(app, &every)
        .await?
        .into_iter()
        .map(|person| format!("@{}", inline(&person.name, 80)))
        .collect();
    if !never.is_empty() {
        lines.push(format!("Never drilled so far: {}.", list(&never, "and")));
    }
    Ok(Answer::private(lines.join("\n")))
}

fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Has the report of a quarter uploaded where it is asked for.
async fn report(app: &App, context: &Context, quarter: Option<Quarter>) -> Result {
    let quarter = quarter.unwrap_or_else(|| Quarter::of(app.engine.clock.now()));
    let job = Job::DrillReport(DrillReportRequest {
        quarter,
        channel: context.channel.clone(),
        thread: context.thread.clone(),
        id: context.key.clone(),
    });
    let submission = Submission::Enqueue(job);
    Ok(match app.engine.take(&context.key, submission).await? {
        Outcome::Queued => Answer::private(format!(
            "DRILL · Writing the report of {quarter}. I'll post two files in {}.",
            super::export::place(context)
        )),
        outcome => Answer::from(outcome),
    })
}
