//! The report of the drills of a quarter, as Markdown and as a page.

use super::{Templates, cell, readable};
use jiff::Timestamp;
use rollback_domain::{
    drill::{DrillFacts, DrillSchedule, DrilledOnce, Parts, Quarter},
    identity::ServiceKey,
    incident::{Actor, Fact, IncidentFact, TimelineEvent},
    people::Person,
    proof::spell,
    rollback::Rollback,
};
use serde::Serialize;
use std::time::Duration;

/// The template of the report as Markdown.
pub(super) const MARKDOWN: &str = "drills.md.j2";
/// The template of the report as a page.
pub(super) const PAGE: &str = "drills.html.j2";
/// The templates of the report, by the name under which each may be overridden.
pub(super) const TEMPLATES: [(&str, &str); 2] = [
    (MARKDOWN, include_str!("../../templates/drills.md.j2")),
    (PAGE, include_str!("../../templates/drills.html.j2")),
];

#[derive(Serialize)]
struct Report {
    quarter: String,
    made_at: String,
    drills: Vec<DrillLine>,
    notes: Vec<NoteLine>,
    actions: Vec<ActionRow>,
    schedules: Vec<ScheduleLine>,
    never: Vec<String>,
}

#[derive(Serialize)]
struct DrillLine {
    id: String,
    service: String,
    how: &'static str,
    at: String,
    status: String,
    people: String,
    deciding: String,
    waiting: String,
    platform: String,
    proof: String,
    whole: String,
    goal: String,
    tone: &'static str,
    judged: &'static str,
}

#[derive(Serialize)]
struct NoteLine {
    id: String,
    who: String,
    text: String,
}

#[derive(Serialize)]
struct ActionRow {
    id: String,
    number: i64,
    text: String,
    state: String,
    tone: &'static str,
}

#[derive(Serialize)]
struct ScheduleLine {
    service: String,
    last: String,
    next: String,
    missed: String,
}

fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn took(part: Option<Duration>) -> String {
    part.map_or_else(|| "–".into(), spell)
}

impl Report {
    fn of(facts: &DrillFacts, written: fn(&str) -> String) -> Report {
        let drills = facts.drills.iter();
        Report {
            quarter: facts.quarter.to_string(),
            made_at: stamp(facts.now),
            drills: drills
                .clone()
                .map(|one| DrillLine::of(&one.drill, written))
                .collect(),
            notes: drills.clone().flat_map(|one| notes(one, written)).collect(),
            actions: drills
                .flat_map(|one| actions(one, facts.now, written))
                .collect(),
            schedules: facts
                .schedules
                .iter()
                .map(|(service, schedule)| ScheduleLine {
                    service: written(&service.to_string()),
                    last: schedule.last.map_or_else(
                        || "never".into(),
                        |(drill, at)| format!("{drill}, {}", stamp(at)),
                    ),
                    next: schedule.next.map_or_else(|| "–".into(), stamp),
                    missed: schedule.missed.map_or_else(|| "–".into(), stamp),
                })
                .collect(),
            never: facts.never.iter().map(|name| written(name)).collect(),
        }
    }
}

impl DrillLine {
    fn of(drill: &Rollback, written: fn(&str) -> String) -> DrillLine {
        let Parts {
            deciding,
            people,
            platform,
            proof,
            whole,
        } = drill.parts();
        let goal = drill.goal();
        let (tone, judged) = match whole {
            Some(whole) if whole <= goal => ("good", "within"),
            Some(_) => ("bad", "over"),
            None => ("open", "not reached"),
        };
        let who: Vec<String> = drill
            .took_part()
            .into_iter()
            .map(|person: &Person| format!("@{}", person.name))
            .collect();
        DrillLine {
            id: drill.id.to_string(),
            service: written(&drill.service.to_string()),
            how: match drill.drill.as_ref().is_some_and(|drill| drill.acts) {
                true => "acts",
                false => "dry run",
            },
            at: drill.times.commanded.map_or_else(String::new, stamp),
            status: written(&drill.word()),
            people: written(&who.join(", ")),
            deciding: took(deciding),
            waiting: took(people),
            platform: took(platform),
            proof: took(proof),
            whole: took(whole),
            goal: spell(goal),
            tone,
            judged,
        }
    }
}

fn notes(one: &DrilledOnce, written: fn(&str) -> String) -> Vec<NoteLine> {
    let mut notes: Vec<&TimelineEvent> = one.notes.iter().collect();
    notes.sort_by_key(|note| note.at);
    let lines = notes.into_iter().filter_map(|note| {
        let Fact::Incident(IncidentFact::Note { text } | IncidentFact::NoteCorrected { text, .. }) =
            &note.fact
        else {
            return None;
        };
        let who = match &note.who {
            Actor::Person(person) => format!("@{}", person.name),
            Actor::Bot | Actor::Platform(_) => note.who.to_string(),
        };
        Some(NoteLine {
            id: one.drill.id.to_string(),
            who: written(&who),
            text: written(text),
        })
    });
    lines.collect()
}

fn actions(one: &DrilledOnce, now: Timestamp, written: fn(&str) -> String) -> Vec<ActionRow> {
    let rows = one.actions.iter().map(|action| {
        let is_open = action.is_open();
        let is_overdue = is_open && action.due_clause(now).starts_with("was due");
        ActionRow {
            id: one.drill.id.to_string(),
            number: action.number,
            text: written(&action.text),
            state: match is_open {
                true => written(&action.due_clause(now)),
                false => "done".into(),
            },
            tone: match (is_open, is_overdue) {
                (false, _) => "good",
                (true, true) => "bad",
                (true, false) => "open",
            },
        }
    });
    rows.collect()
}

impl Templates {
    /// The report as Markdown.
    pub fn drills_in_markdown(&self, facts: &DrillFacts) -> anyhow::Result<String> {
        self.render(MARKDOWN, &Report::of(facts, cell))
    }

    /// The report as a page.
    pub fn drills_as_page(&self, facts: &DrillFacts) -> anyhow::Result<String> {
        self.render(PAGE, &Report::of(facts, readable))
    }

    /// Renders the report once, so that a mistake in it is found before it is needed.
    pub(super) fn try_drills(&self) -> anyhow::Result<()> {
        let now = Timestamp::UNIX_EPOCH;
        let facts = DrillFacts {
            quarter: Quarter::of(now),
            now,
            drills: vec![],
            schedules: vec![(
                ServiceKey::new("sample", "sample"),
                DrillSchedule::default(),
            )],
            never: vec!["sample".into()],
        };
        self.drills_in_markdown(&facts)?;
        self.drills_as_page(&facts).map(drop)
    }
}
