//! Which incident something belongs to: the domain decides, and the number is taken here.

use super::ToldPeople;
use crate::store::{
    Tx,
    rollbacks::{hold_numbers, next_id},
    timelines,
};
use jiff::Timestamp;
use rollback_domain::identity::IncidentId;
use rollback_domain::incident::{
    self, Course, CourseFact, Fact, Incident, IncidentRole, IncidentState, IncidentStatus,
    NamedSeverity, Opening, Placement,
};
use rollback_domain::job::{Post, WhenRefused};
use rollback_domain::people::{Addressee, Person, Zone};
use rollback_domain::refusal::{Refusal, list};
use rollback_domain::rollback::Message;
use std::collections::BTreeSet;

/// The channel's open incident; opened, with its first entry, if there is none.
pub(super) async fn opened(tx: &mut Tx, channel: &str, now: Timestamp) -> sqlx::Result<Incident> {
    if let Some(incident) = placed(tx, channel, Opening::IfNeeded, now).await? {
        return Ok(incident);
    }
    hold_numbers(tx).await?;
    // The counter's row is ours now: its holder before us may have opened one just now. Only then
    // is a number taken, or it would be missing.
    if let Some(incident) = placed(tx, channel, Opening::IfNeeded, now).await? {
        return Ok(incident);
    }
    let id = next_id(tx, "incident").await?;
    let (incident, event) = Incident::open(IncidentId::new(id), channel, now);
    timelines::open(tx, &incident).await?;
    timelines::append(tx, &[(IncidentId::new(id), event)], now).await?;
    Ok(incident)
}

/// The channel's incident in which something is recorded; `None`: there is none for it.
pub(super) async fn placed(
    tx: &mut Tx,
    channel: &str,
    opening: Opening,
    now: Timestamp,
) -> sqlx::Result<Option<Incident>> {
    let mut latest = timelines::latest_of(tx, &BTreeSet::from([channel])).await?;
    let latest = latest.remove(channel);
    Ok(match incident::decide(latest.as_ref(), opening, now) {
        Placement::Incident(_) => latest,
        Placement::NewIncident | Placement::Nowhere => None,
    })
}

/// The record to which something belongs that is said in a channel: the incident that goes on
/// there, else the drill; `None`: neither does.
pub(super) async fn going_on(
    tx: &mut Tx,
    channel: &str,
    now: Timestamp,
) -> sqlx::Result<Option<IncidentId>> {
    if let Some(incident) = placed(tx, channel, Opening::Never, now).await? {
        return Ok(Some(incident.id));
    }
    let drill = timelines::latest_drill_in(tx, channel).await?;
    let drill = drill.filter(|drill| drill.state(now) != IncidentState::Silent);
    Ok(drill.map(|drill| drill.id))
}

/// The line by which a note is echoed, in plain text. A time that was meant by the clock of a zone
/// is shown by it. `by` is who noted it, as they are to be named.
pub fn noted(
    at: Timestamp,
    recorded_at: Timestamp,
    zone: Option<&Zone>,
    corrects: Option<i64>,
    by: &str,
) -> String {
    let time = |at: Timestamp| at.strftime("%H:%M:%S UTC").to_string();
    let recorded = time(recorded_at);
    if let Some(note) = corrects {
        return format!(
            "Corrected at {recorded} by {by}: entry {note} stays, and this is beside it."
        );
    }
    match (at == recorded_at, zone) {
        (true, _) => format!("Noted at {recorded} by {by}."),
        (false, Some(zone)) if zone.utc_offset != 0 => format!(
            "Noted for {} ({}, recorded {recorded}) by {by}.",
            zone.show(at),
            time(at)
        ),
        (false, _) if at.strftime("%F").to_string() != recorded_at.strftime("%F").to_string() => {
            let at = at.strftime("%Y-%m-%d %H:%M:%S UTC");
            format!("Noted for {at} (recorded {recorded}) by {by}.")
        }
        (false, _) => format!("Noted for {} (recorded {recorded}) by {by}.", time(at)),
    }
}

/// The refusal of a correction of nothing.
pub(super) fn nothing_noted(incident: IncidentId) -> Refusal {
    Refusal::AlreadySo {
        what: format!(
            "You have noted nothing in {incident} that could be corrected: write a note, `/rollback note …`."
        ),
    }
}

/// What everybody is told when people have changed an incident; `promises` is how many things are
/// promised if it is resolved by that.
pub(super) fn changed(
    id: IncidentId,
    by: &Person,
    facts: &[CourseFact],
    course: &Course,
    promises: usize,
) -> Message {
    let promised = match promises {
        0 => String::new(),
        1 => " A promise runs from now on: `/rollback action list` shows it.".to_owned(),
        n => format!(" {n} promises run from now on: `/rollback action list` shows them."),
    };
    let next = match facts.last() {
        Some(CourseFact::StatusChanged {
            to: IncidentStatus::Resolved,
            ..
        }) => format!(
            " The timeline follows as a file.{promised} `/rollback incident reopen because …` opens it again."
        ),
        Some(CourseFact::Declared { .. } | CourseFact::SeveritySet { .. })
            if !course.roles.contains_key(&IncidentRole::Lead) =>
        {
            " Nobody leads it yet: `/rollback incident lead me`.".to_owned()
        }
        Some(CourseFact::IncidentMoved { .. }) => {
            " What is recorded in this channel from now on belongs to another incident.".to_owned()
        }
        Some(_) | None => String::new(),
    };
    Message::naming(|tone| {
        let clauses = facts
            .iter()
            .map(|fact| Fact::from(fact.clone()).clause(tone));
        let clauses: Vec<String> = clauses.collect();
        let deadline = match (facts.last(), course.mitigate_by) {
            (Some(CourseFact::Declared { .. } | CourseFact::SeveritySet { .. }), Some(by)) => {
                format!(" It is to be mitigated by {}.", by.strftime("%H:%M UTC"))
            }
            (Some(_) | None, _) => String::new(),
        };
        format!(
            "{id}: {} {}.{deadline}{next}",
            tone.person(&by.id),
            list(&clauses, "and")
        )
    })
}

/// What tells a channel that an incident goes on in it.
pub(super) fn moved(incident: &Incident, to: &str, by: &Person) -> Post {
    let id = incident.id;
    let course = &incident.course;
    let severity = course.severity.as_ref();
    let message = Message::naming(|tone| {
        let severity = severity.map(|severity| format!("{}, ", tone.text(&severity.to_string())));
        format!(
            "{id} ({}{}) goes on in this channel: {} moved it from {}. `/rollback catchup` shows where it stands, `/rollback timeline` what was recorded so far.",
            severity.unwrap_or_default(),
            course.status,
            tone.person(&by.id),
            tone.person(&incident.channel)
        )
    });
    Post {
        channel: to.to_owned(),
        thread: None,
        under: None,
        message,
        button: None,
        when_refused: WhenRefused::TellAlone {
            rollback: None,
            people: vec![Addressee {
                person: by.id.clone(),
                reply_to: None,
            }],
        },
        id: format!("moved:{id}:{}:{to}", incident.channel),
    }
}

/// What tells those who are to be told of a severity, once for each incident, severity and channel.
pub(super) fn severity_posts(
    id: IncidentId,
    channel: &str,
    by: &Person,
    severity: &NamedSeverity,
    told: &ToldPeople,
) -> Vec<Post> {
    let post = |to: &str, message| Post {
        channel: to.to_owned(),
        thread: None,
        under: None,
        message,
        button: None,
        when_refused: WhenRefused::Log,
        id: format!("severity:{id}:{}:{to}", severity.severity),
    };
    let mut posts = vec![];
    if !told.people.is_empty() {
        let message = Message::naming(|tone| {
            let people: Vec<String> = told.people.iter().map(|id| tone.person(id)).collect();
            format!(
                "{}: {id} is {}. `/rollback catchup` shows where it stands.",
                list(&people, "and"),
                tone.text(&severity.to_string())
            )
        });
        posts.push(post(channel, message));
    }
    for to in told.channels.iter().filter(|to| *to != channel) {
        let message = Message::naming(|tone| {
            format!(
                "{id} in {} is {}, says {}.",
                tone.person(channel),
                tone.text(&severity.to_string()),
                tone.person(&by.id)
            )
        });
        posts.push(post(to, message));
    }
    posts
}
