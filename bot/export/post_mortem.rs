//! The draft of a post-mortem: what the record knows, what people said, and where nobody said
//! anything.

use super::pages::{Overview, Said};
use crate::messages::{PostMortem, RollbackStory, Timeline, cell, stamp};
use jiff::Timestamp;
use rollback_domain::{
    identity::IncidentId,
    incident::{Course, IncidentRole, Milestone},
    people::Person,
    plan::Unships,
    post_mortem::Field,
    proof::{Round, spell},
    refusal::list,
    rollback::Rollback,
};
use std::{collections::BTreeMap, time::Duration};

/// How long the name of a file is at most, besides its date.
const SLUG_AT_MOST: usize = 40;

/// What stands where nobody said anything.
fn gap(what: &str) -> String {
    format!("*Not recorded: {what}*")
}

/// The draft for an incident with this timeline and these rollbacks.
pub(super) fn draft(
    timeline: Timeline,
    overview: &Overview,
    course: &Course,
    rollbacks: &[Rollback],
    undrawn: usize,
    now: Timestamp,
) -> PostMortem {
    let first_at = overview.first_at.unwrap_or(now);
    let last_at = rollbacks
        .iter()
        .filter_map(|rollback| rollback.times.proven);
    let duration = match last_at.max() {
        Some(last) => format!(
            "{} – {}: {} from the first entry to the last verdict",
            stamp(first_at),
            stamp(last),
            spell(between(first_at, last))
        ),
        None => gap("when it was over; no rollback was proven"),
    };
    let mut systems: Vec<String> = rollbacks
        .iter()
        .map(|rollback| cell(&rollback.service.to_string()))
        .collect();
    systems.dedup();
    let states = rollbacks
        .iter()
        .map(|rollback| format!("{} {}", rollback.id, rollback.word()));
    let status = said_of(Field::Status, overview, course);
    PostMortem {
        timeline,
        issue: cell(&issue(overview, rollbacks).unwrap_or_else(|| "an incident".into())),
        date: first_at.strftime("%Y-%m-%d").to_string(),
        duration,
        status: [status]
            .into_iter()
            .chain(states)
            .collect::<Vec<_>>()
            .join(" · "),
        systems: match systems.is_empty() {
            true => gap("what was affected"),
            false => list(&systems, "and"),
        },
        references: match course.references.is_empty() {
            true => gap("which ticket it has"),
            false => cell(&course.references.join(", ")),
        },
        first_at: stamp(first_at),
        said: said(overview, course),
        rollbacks: rollbacks
            .iter()
            .map(|rollback| story(rollback, first_at))
            .collect(),
        undrawn,
    }
}

/// What the file is called: its date and its issue.
pub(super) fn file_name(overview: &Overview, rollbacks: &[Rollback], now: Timestamp) -> String {
    let date = overview.first_at.unwrap_or(now).strftime("%Y-%m-%d");
    let issue = issue(overview, rollbacks).unwrap_or_default();
    let letters = issue.chars().map(|letter| match letter {
        letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
        _ => ' ',
    });
    let words: String = letters.collect();
    let mut slug = String::new();
    for word in words.split_whitespace() {
        if slug.len() + word.len() >= SLUG_AT_MOST {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(word);
    }
    match slug.is_empty() {
        true => format!("{date}-rollback.md"),
        false => format!("{date}-rollback-{slug}.md"),
    }
}

/// What the file is called where it is kept: an issue can be called otherwise in the next draft, and
/// two incidents of one day can have the same one.
pub(super) fn kept_name(overview: &Overview, incident: IncidentId, now: Timestamp) -> String {
    let date = overview.first_at.unwrap_or(now).strftime("%Y-%m-%d");
    let incident = incident.to_string().to_ascii_lowercase();
    format!("{date}-rollback-{incident}.md")
}

/// How many fields nobody has filled. The issue is what the first rollback was asked for, if nobody
/// called it otherwise.
pub(super) fn gaps(overview: &Overview, course: &Course, rollbacks: &[Rollback]) -> usize {
    let is_filled = |field: &&Field| match field {
        Field::Issue => issue(overview, rollbacks).is_some(),
        field => overview.fields.contains_key(field) || decided(**field, course).is_some(),
    };
    Field::ALL.len() - Field::ALL.iter().filter(is_filled).count()
}

/// The problem in a few words, as somebody called it or as the first rollback was asked for.
pub(super) fn issue(overview: &Overview, rollbacks: &[Rollback]) -> Option<String> {
    let said = overview.fields.get(&Field::Issue);
    let said = said.and_then(|said| Some(said.last()?.text.clone()));
    said.or_else(|| {
        rollbacks
            .iter()
            .find_map(|rollback| rollback.because.clone())
    })
}

/// What is known of each field, or that nothing is.
fn said(overview: &Overview, course: &Course) -> BTreeMap<Field, String> {
    let said = |field: &Field| (*field, said_of(*field, overview, course));
    Field::ALL.iter().map(said).collect()
}

/// What people decided of a field and said of it, or that they did neither.
fn said_of(field: Field, overview: &Overview, course: &Course) -> String {
    let said = overview.fields.get(&field).map(|said| said_text(said));
    let known: Vec<String> = decided(field, course).into_iter().chain(said).collect();
    match known.is_empty() {
        true => gap(field.gap()),
        false => known.join("; "),
    }
}

/// What people decided of a field with `/rollback incident`.
fn decided(field: Field, course: &Course) -> Option<String> {
    let at = |milestone| course.times.get(&milestone).copied().map(stamp);
    match field {
        Field::Severity => course
            .severity
            .as_ref()
            .map(|named| cell(&named.to_string())),
        Field::Lead => course.roles.get(&IncidentRole::Lead).map(called),
        Field::Status => course.managed.then(|| course.status.to_string()),
        Field::Started => at(Milestone::Started),
        Field::Detected => at(Milestone::Detected),
        Field::Resolution => at(Milestone::Resolved).map(|at| format!("resolved {at}")),
        Field::Issue
        | Field::Summary
        | Field::NoticedBy
        | Field::Decided
        | Field::Impact
        | Field::Users
        | Field::Revenue
        | Field::Downtime
        | Field::Eta
        | Field::ErrorRate
        | Field::Data
        | Field::RootCause
        | Field::Testing
        | Field::Gates
        | Field::TeamTold
        | Field::UsersTold
        | Field::StakeholdersTold
        | Field::Lesson
        | Field::Prevention
        | Field::Procedure
        | Field::NextSteps
        | Field::FixDesign
        | Field::FixTests
        | Field::FixPlanned
        | Field::FixApproved => None,
    }
}

fn said_text(said: &[Said]) -> String {
    let said: Vec<String> = said
        .iter()
        .map(|said| {
            // In quotes, so that no line begins with what somebody said.
            format!(
                "\"{}\" ({}, {})",
                cell(&said.text),
                cell(&said.who),
                said.at.strftime("%Y-%m-%d %H:%M UTC")
            )
        })
        .collect();
    said.join("; ")
}

fn story(rollback: &Rollback, first_at: Timestamp) -> RollbackStory {
    let (times, plan) = (&rollback.times, rollback.plan.as_ref());
    let deployed = plan.and_then(|plan| Some(plan.from_ran.run()?.since));
    let moment = |at: Option<Timestamp>, what: &str| at.map_or_else(|| gap(what), stamp);
    let after = |from: Option<Timestamp>, to: Option<Timestamp>| {
        from.zip(to)
            .map(|(from, to)| spell(between(from, to)))
            .unwrap_or_default()
    };
    let words = |words: &[String], what: &str| match words.is_empty() {
        true => gap(what),
        false => cell(&list(words, "and")),
    };
    RollbackStory {
        id: rollback.id.to_string(),
        service: cell(&rollback.service.to_string()),
        from: cell(rollback.from_label()),
        to: cell(rollback.to_label()),
        status: rollback.word(),
        requester: called(&rollback.requester),
        because: match &rollback.because {
            Some(because) => format!("\"{}\"", cell(because)),
            None => gap("why it was asked for"),
        },
        approver: approver(rollback),
        deployed_at: moment(deployed, "when the deployment went live"),
        commanded_at: moment(times.commanded, "when it was asked for"),
        proposed_at: moment(times.proposed, "when there was a plan"),
        approved_at: moment(times.approved, "when it was decided"),
        serving_at: moment(times.serving, "when it was live"),
        proven_at: moment(times.proven, "when it was proven"),
        until_commanded: match deployed {
            Some(_) => after(deployed, times.commanded),
            None => after(Some(first_at), times.commanded),
        },
        until_proposed: after(times.commanded, times.proposed),
        until_approved: after(times.proposed, times.approved),
        until_serving: after(times.approved, times.serving),
        until_proven: after(times.serving, times.proven),
        took: took(rollback),
        removes: plan.map_or_else(|| gap("what was removed"), |plan| removes(&plan.unships)),
        leaves: words(
            plan.map_or(&[], |plan| &plan.effects.leaves),
            "what was left as it was",
        ),
        restores: words(
            plan.map_or(&[], |plan| &plan.effects.restores),
            "what came back",
        ),
        restore_point: match &rollback.restore_point {
            Some(point) => format!("{}, of {}", cell(&point.what), stamp(point.made_at)),
            None => "none was kept".into(),
        },
        steps: steps(rollback),
        checks: match rollback.proof.last.as_ref().map(Round::text) {
            Some(checks) => cell(&checks),
            None => gap("what was seen from outside"),
        },
    }
}

fn called(person: &Person) -> String {
    cell(&person.called())
}

/// Who let it run.
fn approver(rollback: &Rollback) -> String {
    if let Some(run) = &rollback.break_glass
        && run.spent.is_none()
    {
        return format!("emergency run by {}", called(&run.by));
    }
    let approvers: Vec<String> = rollback
        .approvals
        .iter()
        .map(|approval| called(&approval.by))
        .collect();
    match approvers.is_empty() {
        true => "approved by nobody".into(),
        false => format!("approved by {}", list(&approvers, "and")),
    }
}

fn took(rollback: &Rollback) -> String {
    let took = rollback.times.to_serving();
    let Some(took) = took.and_then(|took| Duration::try_from(took).ok()) else {
        return gap("how long it took; it never served");
    };
    match rollback.target_time {
        Some(goal) => format!(
            "{} (goal {}: {})",
            spell(took),
            spell(goal),
            if took <= goal { "met" } else { "missed" }
        ),
        None => spell(took),
    }
}

fn removes(unships: &Unships) -> String {
    match unships {
        Unships::Known(releases) if releases.is_empty() => "nothing that ran".into(),
        Unships::Known(releases) => {
            let releases: Vec<String> = releases
                .iter()
                .map(|release| match &release.message {
                    Some(message) => format!("{} \"{message}\"", release.label()),
                    None => release.label().to_owned(),
                })
                .collect();
            cell(&list(&releases, "and"))
        }
        Unships::After(moment) => format!("what was written after {}", stamp(*moment)),
        Unships::Unknown(why) => gap(&format!("what was removed; {}", cell(why))),
    }
}

/// What the platform did, step by step where it took several.
fn steps(rollback: &Rollback) -> String {
    match &rollback.plan {
        Some(plan) if plan.steps.is_empty() => {
            format!("one request to {}", cell(&plan.effects.platform))
        }
        Some(plan) => cell(&plan.steps.join("; ")),
        None => gap("what was done"),
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
