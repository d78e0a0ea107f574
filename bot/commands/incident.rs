//! `incident`, `incident open P1`, `incident lead @sam`, …: shows the incident of the channel, and
//! records what people decide about it.

use super::{
    Answer, Context, Result,
    gate::{self, Passage},
    zone::{self, WallClock},
};
use crate::{
    App,
    engine::{NewCourse, Outcome, Submission, ToldPeople},
    permalinks, roster,
    slack::{
        Words,
        action::with_button,
        blocks::{self, context as footer, escape, fit_text, header, inline, mention, section},
        card::listed,
    },
    store::{actions, rollbacks, timelines},
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::{Assignee, Request, Verb, verbs::ManageIncident},
    incident::{Incident, IncidentChange, IncidentRole, IncidentState, Milestone},
    job::PostButton,
    people::Person,
    refusal::Refusal,
};
use std::time::Duration;

/// How many people are mentioned when an incident gets a severity.
const TOLD_AT_MOST: usize = 20;

pub(super) async fn run(app: &App, context: &Context, request: ManageIncident) -> Result {
    let now = app.engine.clock.now();
    let is_by_the_wall = matches!(&request, ManageIncident::Time { at, .. } if at.is_by_the_wall());
    let zone = match WallClock::of(app, context, is_by_the_wall).await? {
        WallClock::Known(zone) => zone,
        WallClock::Unread => {
            let request = Request::ManageIncident(request);
            return gate::read_first(app, context, &request).await;
        }
    };
    let incidents = &app.config.incidents;
    let change = match request {
        ManageIncident::Show => return show(app, context).await,
        ManageIncident::Open { severity, because } => IncidentChange::Declare {
            severity: severity.map(|severity| incidents.named(severity)),
            because,
        },
        ManageIncident::Severity { severity, because } => IncidentChange::Severity {
            severity: incidents.named(severity),
            because,
        },
        ManageIncident::Assign { role, assignee } => IncidentChange::Assign {
            role,
            person: person(app, context, assignee),
        },
        ManageIncident::Status { status, because } => IncidentChange::Status { status, because },
        ManageIncident::Time {
            milestone,
            at,
            because,
        } => IncidentChange::Time {
            milestone,
            at: at.resolve(now, zone::offset(zone.as_ref())),
            because,
        },
        ManageIncident::Reopen { because } => IncidentChange::Reopen { because },
        ManageIncident::Link { reference } => IncidentChange::Link { reference },
        ManageIncident::Unlink { reference } => IncidentChange::Unlink { reference },
        ManageIncident::Move { to, name: _ } => IncidentChange::Move { to },
    };
    let told = told(app, &change).await?;
    // Everybody sees the answer to a command. Where the input cannot be answered in the channel at
    // once, a job echoes it.
    let answers_in_channel = context.answers_in_channel();
    let submission = Submission::ChangeIncident(NewCourse {
        channel: context.channel.clone(),
        by: context.person.clone(),
        source: context.source,
        update_every: update_every(app, &change),
        change,
        rules: incidents.rules.clone(),
        promises: incidents.promises.clone(),
        told,
        nudge_after: incidents.nudge_after,
        echo: (!answers_in_channel).then(|| context.thread.clone()),
    });
    Ok(match app.engine.take(&context.key, submission).await? {
        Outcome::IncidentChanged { message, resolved } if answers_in_channel => {
            let text = blocks::message(&message);
            Answer::Public(match resolved {
                Some(incident) => with_button(&text, &PostButton::PostMortem(incident)),
                None => Words::plain(text),
            })
        }
        outcome => Answer::from(outcome),
    })
}

/// How often others are told of an incident as severe as it becomes.
fn update_every(app: &App, change: &IncidentChange) -> Option<Duration> {
    let severity = match change {
        IncidentChange::Declare { severity, .. } => severity.as_ref()?,
        IncidentChange::Severity { severity, .. } => severity,
        IncidentChange::Assign { .. }
        | IncidentChange::Status { .. }
        | IncidentChange::Time { .. }
        | IncidentChange::Reopen { .. }
        | IncidentChange::Link { .. }
        | IncidentChange::Unlink { .. }
        | IncidentChange::Move { .. } => return None,
    };
    app.config.updates.every.get(&severity.severity).copied()
}

/// Who is told if a change sets a severity, by what was last read of their roles.
async fn told(app: &App, change: &IncidentChange) -> Result<ToldPeople> {
    let severity = match change {
        IncidentChange::Declare { severity, .. } => severity.as_ref(),
        IncidentChange::Severity { severity, .. } => Some(severity),
        IncidentChange::Assign { .. }
        | IncidentChange::Status { .. }
        | IncidentChange::Time { .. }
        | IncidentChange::Reopen { .. }
        | IncidentChange::Link { .. }
        | IncidentChange::Unlink { .. }
        | IncidentChange::Move { .. } => None,
    };
    let told = severity.and_then(|named| app.config.incidents.told.get(&named.severity));
    let Some(told) = told else {
        return Ok(ToldPeople::default());
    };
    let roles: Vec<&str> = told.roles.iter().map(String::as_str).collect();
    let roster = roster::last_known(app, &roles).await?;
    let mut people: Vec<String> = vec![];
    for id in roles.iter().flat_map(|role| roster.members(role)) {
        if people.len() < TOLD_AT_MOST && !people.iter().any(|known| known == id) {
            people.push(id.to_owned());
        }
    }
    Ok(ToldPeople {
        people,
        channels: told.channels.clone(),
    })
}

/// Who gets a role.
fn person(app: &App, context: &Context, assignee: Assignee) -> Person {
    match assignee {
        Assignee::Asker => context.person.clone(),
        Assignee::Mentioned { id, name } => {
            let name = name.or_else(|| app.names.of(&id));
            Person::new(id.clone(), name.unwrap_or(id))
        }
    }
}

/// Shows the incident to people who may read the timeline of the channel.
async fn show(app: &App, context: &Context) -> Result {
    if context.deferred.is_some() {
        let roster = roster::last_known(app, &app.config.every_role()).await?;
        gate::may_read(app, Verb::Timeline, &context.person.id, &roster)?;
    } else if let Passage::Unread = gate::admit(app, context, Verb::Timeline).await? {
        let request = Request::ManageIncident(ManageIncident::Show);
        return gate::read_first(app, context, &request).await;
    }
    let db = &app.engine.db;
    let Some(incident) = timelines::latest(db, &context.channel).await? else {
        return Err(Refusal::NoIncident.into());
    };
    Ok(Answer::Private(summary(app, &incident).await?))
}

/// Where an incident stands, for those who may read in its channel.
pub async fn summary(app: &App, incident: &Incident) -> Result<Words> {
    let (db, now) = (&app.engine.db, app.engine.clock.now());
    let mut sections = vec![people_and_times(incident, now)];
    if !incident.course.references.is_empty() {
        sections.push(format!("Linked to {}", linked(app, incident)));
    }
    let rollbacks = rollbacks::of_incident(db, incident.id).await?;
    let lines = rollbacks
        .iter()
        .filter(|rollback| rollback.channel == incident.channel)
        .map(|rollback| {
            let service = inline(&rollback.service.to_string(), 160);
            format!("{} {}  {service}", rollback.id, rollback.word())
        });
    let lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        sections.push(permalinks::linked(app, &lines.join("\n")).await?);
    }
    let promises = actions::of_incident(db, incident.id).await?;
    let promises: Vec<String> = promises
        .iter()
        .filter(|action| action.promise.is_some() && action.is_open())
        .map(|action| super::action::line(action, now))
        .collect();
    if !promises.is_empty() {
        sections.push(format!("Promised:\n{}", promises.join("\n")));
    }
    let title = title(app, incident);
    let mut shown = vec![header(&title)];
    shown.extend(sections.iter().map(|text| section(text)));
    shown.push(footer(next(app, incident)));
    Ok(Words {
        text: fit_text(&format!("{}\n{}", escape(&title), sections.join("\n"))),
        blocks: shown,
    })
}

/// `INC-12: P1 (shop down), identified`.
fn title(app: &App, incident: &Incident) -> String {
    let course = &incident.course;
    let severity = match &course.severity {
        Some(severity) => severity.to_string(),
        None => "no severity".to_owned(),
    };
    match incident.state(app.engine.clock.now()) {
        IncidentState::Open | IncidentState::Resolved => {
            format!("{}: {severity}, {}", incident.id, course.status)
        }
        IncidentState::Silent => format!("{}: {severity}, {}, over", incident.id, course.status),
    }
}

/// Who does what in it, and when what happened. What nobody has said is named.
fn people_and_times(incident: &Incident, now: Timestamp) -> String {
    let course = &incident.course;
    let roles = IncidentRole::ALL.iter().map(|role| {
        let person = course.roles.get(role).map(called);
        format!("{role}: {}", person.unwrap_or_else(|| "nobody".to_owned()))
    });
    let times = Milestone::ALL.iter().map(|milestone| {
        let at = course.times.get(milestone).map(|at| listed(*at, now));
        format!(
            "{milestone}: {}",
            at.unwrap_or_else(|| "not recorded".to_owned())
        )
    });
    let (roles, times): (Vec<String>, Vec<String>) = (roles.collect(), times.collect());
    let next_update = course
        .update_due
        .map(|due| format!(" · next update due: {}", listed(due, now)));
    let mitigate_by = course
        .mitigate_by
        .map(|by| format!(" · to be mitigated by: {}", listed(by, now)));
    format!(
        "{}\nopened: {} · {}{}{}",
        roles.join(" · "),
        listed(incident.opened_at, now),
        times.join(" · "),
        mitigate_by.unwrap_or_default(),
        next_update.unwrap_or_default()
    )
}

/// What it is called elsewhere, each with its address if that is known.
fn linked(app: &App, incident: &Incident) -> String {
    let references = incident.course.references.iter();
    let linked = references.map(|reference| {
        let shown = inline(reference, 200);
        match app.config.incidents.references.address(reference) {
            Some(address) => format!("<{}|{shown}>", escape(&address.replace('|', "%7C"))),
            None => shown,
        }
    });
    linked.collect::<Vec<_>>().join(", ")
}

/// How somebody is named who has a role in an incident.
pub(super) fn called(person: &Person) -> String {
    match person.name == person.id {
        // A mention tells no name.
        true => mention(&person.id),
        false => inline(&format!("@{}", person.name), 80),
    }
}

fn next(app: &App, incident: &Incident) -> &'static str {
    match incident.state(app.engine.clock.now()) {
        IncidentState::Open if incident.course.managed => {
            "It stays open until `/rollback incident resolve because …`: a verified rollback leaves the defect. `/rollback help incident` shows what can be recorded."
        }
        IncidentState::Open => {
            "Nobody has declared it: it is over after twelve silent hours. `/rollback incident open P1` declares it."
        }
        IncidentState::Resolved | IncidentState::Silent => {
            "`/rollback incident reopen because …` opens it again; `/rollback incident open` begins another one."
        }
    }
}
