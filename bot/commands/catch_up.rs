//! `catchup`, `catchup INC-12`: where an incident stands, in at most ten lines, for somebody who
//! comes late.

use super::{
    Answer, Context, Result, find,
    incident::called,
    reads::{Read, share},
};
use crate::{
    App, permalinks,
    slack::{
        blocks::{Mrkdwn, inline, inline_mrkdwn},
        card::{self, listed},
    },
    store::{actions, checklists, rollbacks, timelines},
};
use jiff::Timestamp;
use rollback_domain::{
    checklist::Checklist,
    grammar::{IncidentRef, Request, verbs::CatchUp},
    identity::IncidentId,
    incident::{CourseFact, Fact, Incident, IncidentFact, IncidentRole, Milestone, TimelineEvent},
    post_mortem::Field,
    refusal::{Refusal, list},
    release::Pin,
    rollback::{Rollback, State},
};
use std::collections::BTreeSet;

/// How many rollbacks have a line of their own, the latest ones.
const ROLLBACKS_AT_MOST: usize = 3;
/// How many notes are shown, the latest ones.
const NOTES_AT_MOST: usize = 3;
/// Among how many first entries its declaration is looked for.
const DECLARED_WITHIN: i64 = 100;

pub(super) async fn run(app: &App, context: &Context, request: CatchUp) -> Result {
    let channel = context.channel.clone();
    let about = request.about;
    let read = Read::in_channel(Request::CatchUp(request), &channel);
    let perform = move |app| catch_up(app, channel.clone(), about);
    Ok(share(app, read, perform).await)
}

async fn catch_up(app: App, channel: String, about: Option<IncidentRef>) -> Result {
    let (db, now) = (&app.engine.db, app.engine.clock.now());
    let id = find::incident(&app, &channel, about).await?;
    let found = timelines::find(db, id).await?;
    let incident = found.ok_or(Refusal::UnknownIncident { id })?;
    let rollbacks = rollbacks::of_incident(db, id).await?;
    let notes = timelines::last_notes(db, id).await?;
    let issue = issue(&app, id, &notes, &rollbacks).await?;
    let mut lines = vec![
        title(&incident, &issue),
        since(&incident, now),
        roles(&incident),
    ];
    lines.extend(done(&rollbacks));
    lines.push(open(&app, id, &rollbacks, now).await?);
    let mut last: Vec<String> = notes
        .iter()
        .take(NOTES_AT_MOST)
        .map(|note| {
            format!(
                "{} {}: {}",
                listed(note.at, now),
                inline(&note.who.to_string(), 80),
                inline_mrkdwn(&note.clause(&Mrkdwn), 200)
            )
        })
        .collect();
    last.reverse();
    lines.extend(last);
    let told = permalinks::linked(&app, &lines.join("\n")).await?;
    Ok(Answer::private(id.marks(&told)))
}

/// What the problem is, in the words of the person who described it last; `None`: nobody has.
async fn issue(
    app: &App,
    id: IncidentId,
    notes: &[TimelineEvent],
    rollbacks: &[Rollback],
) -> Result<Option<String>> {
    let said = notes.iter().find_map(|note| match &note.fact {
        Fact::Incident(IncidentFact::Note { text }) => match Field::of(text) {
            Some((Field::Issue, issue)) => Some(issue.to_owned()),
            Some(_) | None => None,
        },
        Fact::Incident(_)
        | Fact::Course(_)
        | Fact::Capture(_)
        | Fact::Action(_)
        | Fact::Update(_)
        | Fact::Checklist(_)
        | Fact::People(_)
        | Fact::Waiting(_)
        | Fact::Running(_)
        | Fact::Proof(_)
        | Fact::Prose { .. } => None,
    });
    if said.is_some() {
        return Ok(said);
    }
    let first = timelines::entries(&app.engine.db, id, 0, DECLARED_WITHIN).await?;
    let declared = first.into_iter().find_map(|entry| match entry.event.fact {
        Fact::Course(CourseFact::Declared { because }) => because,
        Fact::Course(_)
        | Fact::Incident(_)
        | Fact::Capture(_)
        | Fact::Action(_)
        | Fact::Update(_)
        | Fact::Checklist(_)
        | Fact::People(_)
        | Fact::Waiting(_)
        | Fact::Running(_)
        | Fact::Proof(_)
        | Fact::Prose { .. } => None,
    });
    let asked_for = || rollbacks.iter().find_map(|one| one.because.clone());
    Ok(declared.or_else(asked_for))
}

/// `INC-12: P1 (shop down), identified: checkout 500s`.
fn title(incident: &Incident, issue: &Option<String>) -> String {
    let severity = match &incident.course.severity {
        Some(severity) => inline(&severity.to_string(), 80),
        None => "no severity".to_owned(),
    };
    let issue = match issue {
        Some(issue) => inline(issue, 200),
        None => "nobody has said what the problem is".to_owned(),
    };
    format!(
        "*{}*: {severity}, {}: {issue}",
        incident.id, incident.course.status
    )
}

/// Since when it goes on, and until when it did.
fn since(incident: &Incident, now: Timestamp) -> String {
    let times = &incident.course.times;
    let opened = format!("opened {}", listed(incident.opened_at, now));
    let others = Milestone::ALL.iter().filter_map(|milestone| {
        let at = times.get(milestone)?;
        Some(format!("{milestone} {}", listed(*at, now)))
    });
    let mitigate_by = incident.course.mitigate_by;
    let mitigate_by = mitigate_by.map(|by| format!("to be mitigated by {}", listed(by, now)));
    std::iter::once(opened)
        .chain(others)
        .chain(mitigate_by)
        .collect::<Vec<_>>()
        .join(" · ")
}

/// Who does what in it.
fn roles(incident: &Incident) -> String {
    let roles = &incident.course.roles;
    if roles.is_empty() {
        return "Nobody leads it: `/rollback incident lead me`".to_owned();
    }
    let roles = IncidentRole::ALL.iter().map(|role| {
        let person = roles.get(role).map(called);
        format!("{role}: {}", person.unwrap_or_else(|| "nobody".to_owned()))
    });
    roles.collect::<Vec<_>>().join(" · ")
}

/// What was done: the latest rollbacks, a line each, with how many more there are.
fn done(rollbacks: &[Rollback]) -> Vec<String> {
    if rollbacks.is_empty() {
        return vec!["No rollback was asked for.".to_owned()];
    }
    let earlier = rollbacks.len().saturating_sub(ROLLBACKS_AT_MOST);
    let mut lines: Vec<String> = rollbacks[earlier..].iter().map(card::line).collect();
    if let (Some(first), 1..) = (lines.first_mut(), earlier) {
        first.push_str(&format!(" · {earlier} more before it"));
    }
    lines
}

/// What is open: approvals that are waited for, automatic deploys that are held off, actions.
async fn open(app: &App, id: IncidentId, rollbacks: &[Rollback], now: Timestamp) -> Result<String> {
    let db = &app.engine.db;
    let waiting = rollbacks
        .iter()
        .filter_map(|rollback| match rollback.state {
            State::Proposed { expires_at } => Some(format!(
                "{} waits for an approval until {}",
                rollback.id,
                listed(expires_at, now)
            )),
            State::WaitingForPeople { .. } => Some(format!("{} waits for people", rollback.id)),
            State::Planning
            | State::Blocked { .. }
            | State::Approved { .. }
            | State::Executing { .. }
            | State::Accepted { .. }
            | State::Serving { .. }
            | State::Unknown { .. }
            | State::Watching { .. }
            | State::Closed
            | State::Failed { .. }
            | State::Partial { .. }
            | State::Rehearsed
            | State::Resolved { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => None,
        });
    let mut open: Vec<String> = waiting.collect();
    let services: BTreeSet<_> = rollbacks.iter().map(|rollback| &rollback.service).collect();
    let snapshots = rollbacks::snapshots(db).await?;
    let pinned: Vec<String> = snapshots
        .iter()
        .filter(|(service, survey, _)| survey.pin == Pin::On && services.contains(service))
        .map(|(service, ..)| inline(&service.to_string(), 160))
        .collect();
    if !pinned.is_empty() {
        let pinned = list(&pinned, "and");
        open.push(format!("automatic deploys of {pinned} are off"));
    }
    let actions = actions::of_incident(db, id).await?;
    match actions.iter().filter(|action| action.is_open()).count() {
        0 => {}
        1 => open.push("1 action (`/rollback action list`)".to_owned()),
        n => open.push(format!("{n} actions (`/rollback action list`)")),
    }
    let lists = checklists::of_incident(db, id).await?;
    match lists.iter().map(Checklist::open).sum::<usize>() {
        0 => {}
        1 => open.push("1 checklist item (`/rollback checklist`)".to_owned()),
        n => open.push(format!("{n} checklist items (`/rollback checklist`)")),
    }
    Ok(match open.is_empty() {
        true => "Open: nothing that I know of".to_owned(),
        false => format!("Open: {}", open.join(" · ")),
    })
}
