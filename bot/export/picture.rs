//! The picture of an incident: how long each rollback waited for people, the platform and the proof.

use crate::messages::{Lane, Mark, Span, Strip, StripRun, readable, stamp};
use jiff::Timestamp;
use rollback_domain::{
    proof::{Verdict, spell},
    rollback::{Asked, Rollback, State},
};
use std::time::Duration;

/// The rollbacks of an incident on one axis, from its beginning to its end; `None`: it has none.
pub fn strip(drawn: &[Rollback], from: Timestamp, to: Timestamp, now: Timestamp) -> Option<Strip> {
    if drawn.is_empty() {
        return None;
    }
    let axis = Axis::new(from, to);
    let runs = drawn.iter().map(|rollback| {
        let (began, ended) = (began(rollback, now), concluded(rollback, now));
        StripRun {
            id: rollback.id.to_string(),
            tone: tone(rollback),
            left: axis.place(began),
            right: axis.place(ended),
            words: format!(
                "{} {}: {}",
                rollback.id,
                readable(&rollback.service.to_string()),
                rollback.word()
            ),
        }
    });
    Some(Strip {
        from: stamp(axis.from),
        to: stamp(axis.to),
        took: spell(between(axis.from, axis.to)),
        runs: runs.collect(),
    })
}

/// One rollback, from the command to the verdict.
pub fn lane(rollback: &Rollback, now: Timestamp) -> Lane {
    let (began, ended) = (began(rollback, now), concluded(rollback, now));
    let goal = rollback.target_time;
    let goal_at = goal.and_then(|goal| began.checked_add(goal).ok());
    let asked = rollback.waiting.asked.iter();
    let last = asked.clone().map(|asked| asked.at).chain(goal_at).max();
    let axis = Axis::new(began, ended.max(last.unwrap_or(ended)));
    let mut marks: Vec<Mark> = asked.map(|asked| asked_mark(asked, &axis)).collect();
    marks.extend(goal.zip(goal_at).map(|(goal, at)| Mark {
        kind: "goal",
        left: axis.place(at),
        words: format!("goal {}", spell(goal)),
    }));
    Lane {
        id: rollback.id.to_string(),
        service: readable(&rollback.service.to_string()),
        from: readable(rollback.from_label()),
        to: readable(rollback.to_label()),
        status: rollback.word(),
        tone: tone(rollback),
        requester: readable(
            &rollback
                .requester
                .with_agent(rollback.requester.name.clone()),
        ),
        because: rollback
            .because
            .as_deref()
            .map(readable)
            .unwrap_or_default(),
        began: stamp(began),
        ended: stamp(ended),
        took: spell(between(began, ended)),
        goal: judged(rollback),
        spans: spans(rollback, &axis, ended),
        marks,
    }
}

/// The parts of a rollback's time, each until the next one begins.
fn spans(rollback: &Rollback, axis: &Axis, ended: Timestamp) -> Vec<Span> {
    let times = &rollback.times;
    let parts = [
        ("planning", "reading the platform", times.commanded),
        ("people", "waiting for people", times.proposed),
        ("platform", "the platform", times.approved),
        ("proof", "proof from outside", times.serving),
    ];
    let mut spans = vec![];
    for (at, (kind, name, begins)) in parts.iter().enumerate() {
        let Some(begins) = *begins else { continue };
        let next = parts[at + 1..].iter().find_map(|(_, _, begins)| *begins);
        let ends = next.unwrap_or(ended).max(begins);
        spans.push(Span {
            kind,
            left: axis.place(begins),
            width: axis.width(begins, ends),
            name,
            took: spell(between(begins, ends)),
        });
    }
    spans
}

fn asked_mark(asked: &Asked, axis: &Axis) -> Mark {
    let people = match asked.people.len() {
        0 => None,
        1 => Some("1 person".to_owned()),
        n => Some(format!("{n} people")),
    };
    let whom: Vec<String> = people
        .into_iter()
        .chain(asked.else_.as_deref().map(readable))
        .collect();
    Mark {
        kind: "asked",
        left: axis.place(asked.at),
        words: format!(
            "{} asked {}",
            asked.at.strftime("%H:%M:%S"),
            whom.join(" and ")
        ),
    }
}

/// How it did against its goal; empty where it has none, or never served.
fn judged(rollback: &Rollback) -> String {
    let took = rollback.times.to_serving();
    let took = took.and_then(|took| Duration::try_from(took).ok());
    match (took, rollback.target_time) {
        (Some(took), Some(goal)) => format!(
            "{} to live, goal {}: {}",
            spell(took),
            spell(goal),
            if took <= goal { "met" } else { "missed" }
        ),
        (None, _) | (_, None) => String::new(),
    }
}

fn began(rollback: &Rollback, now: Timestamp) -> Timestamp {
    rollback.times.commanded.unwrap_or(now)
}

/// When its verdict was drawn, or it ended without one; now, while neither is so.
fn concluded(rollback: &Rollback, now: Timestamp) -> Timestamp {
    let times = &rollback.times;
    times.proven.or(times.ended).unwrap_or(now)
}

/// How a rollback ended, as a colour: `good`, `bad`, or `open`.
pub fn tone(rollback: &Rollback) -> &'static str {
    let verdict = rollback.proof.verdict;
    match &rollback.state {
        State::Watching { .. } | State::Closed => match (&rollback.proof.drifted, verdict) {
            (None, Some(Verdict::Verified)) => "good",
            (None, Some(Verdict::Unproven) | None) => "open",
            (Some(_), _) | (None, Some(Verdict::StillFailing | Verdict::WrongVersion)) => "bad",
        },
        State::Failed { .. } | State::Partial { .. } | State::Unknown { .. } => "bad",
        State::Planning
        | State::Blocked { .. }
        | State::Proposed { .. }
        | State::Approved { .. }
        | State::Executing { .. }
        | State::WaitingForPeople { .. }
        | State::Accepted { .. }
        | State::Serving { .. }
        | State::Resolved { .. }
        | State::Denied { .. }
        | State::Cancelled { .. }
        | State::Expired { .. }
        | State::Superseded { .. } => "open",
    }
}

/// An axis of time, whose places are percentages of its length.
struct Axis {
    from: Timestamp,
    to: Timestamp,
}

impl Axis {
    fn new(from: Timestamp, to: Timestamp) -> Self {
        Axis {
            from,
            to: to.max(from),
        }
    }

    fn share(&self, at: Timestamp) -> f64 {
        let whole = between(self.from, self.to).as_secs_f64();
        match whole > 0.0 {
            true => (between(self.from, at).as_secs_f64() / whole * 100.0).clamp(0.0, 100.0),
            false => 0.0,
        }
    }

    fn place(&self, at: Timestamp) -> String {
        format!("{:.2}%", self.share(at))
    }

    fn width(&self, from: Timestamp, to: Timestamp) -> String {
        format!("{:.2}%", self.share(to) - self.share(from))
    }
}

/// How long it is from one moment to a later one.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
