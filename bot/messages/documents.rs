//! What is written into files: the contexts of their templates, and text that stays text there.

use super::{Templates, stamp};
use anyhow::Context;
use jiff::Timestamp;
use minijinja::{Value, context, value::Serde};
use rollback_domain::{
    action::ActionItem,
    checklist::Checklist,
    incident::{Entry, Kind},
    post_mortem::Field,
    refusal::Tone,
};
use rollback_http::is_invisible;
use serde::Serialize;
use std::{collections::BTreeMap, io::Write};

pub(super) const TIMELINE_MD: &str = "timeline.md.j2";
pub(super) const TIMELINE_HTML: &str = "timeline.html.j2";
pub(super) const POST_MORTEM: &str = "postmortem.md.j2";

/// What people are called, by their id.
pub type Names = BTreeMap<String, String>;

/// What a timeline export says.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct Timeline {
    /// What stands before the title: `DRILL · ` where it is one, else nothing.
    pub mark: String,
    pub incident: String,
    pub channel: String,
    pub exported_at: String,
    pub count: usize,
    /// A list of [`Line`]s.
    pub entries: Value,
    pub actions: Vec<ActionLine>,
    pub checklists: Vec<ChecklistLines>,
    pub head: String,
}

/// What the page says: a timeline, with its picture.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct TimelinePage {
    pub timeline: Timeline,
    /// The incident as a whole; `None`: it has no rollbacks.
    pub strip: Option<Strip>,
    pub lanes: Vec<Lane>,
    /// How many rollbacks are not drawn.
    pub undrawn: usize,
    /// How far back `stats` goes.
    pub days: u64,
    /// How its services were rolled back in so many days; empty: none was, or it is a drill.
    pub stats: Vec<ServiceStatsView>,
}

/// How the rollbacks of a service went. What is not known is empty.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct ServiceStatsView {
    pub service: String,
    pub requested: usize,
    pub run: usize,
    pub verified: usize,
    pub unproven: usize,
    pub failed: usize,
    pub emergencies: usize,
    pub median: String,
    pub worst: String,
    pub met: String,
    pub in_time: String,
    pub picture: Option<StatsPicture>,
    pub parts: Vec<PartShare>,
    pub is_pinned: bool,
}

/// How long each rollback of a service took. Places are percentages of the picture.
#[derive(Clone, Debug, Serialize)]
pub struct StatsPicture {
    /// The same in words.
    pub words: String,
    /// The height of the goal, from the top; `None`: there is none.
    pub goal: Option<String>,
    /// One for each rollback, the earliest first.
    pub bars: Vec<StatsBar>,
}

/// One rollback in the picture of a service.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub struct StatsBar {
    pub left: String,
    pub width: String,
    pub top: String,
    pub height: String,
    pub tone: &'static str,
    pub words: String,
}

/// How much of the time one part takes. Places are percentages of the whole.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub struct PartShare {
    pub kind: &'static str,
    pub name: &'static str,
    pub left: String,
    pub width: String,
    pub took: String,
}

/// One line of a timeline export.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct Line {
    pub seq: i64,
    pub at: String,
    pub recorded_at: String,
    pub who: String,
    pub source: String,
    pub rollback: String,
    pub kind: String,
    pub routine: bool,
    pub text: String,
}

/// What is to be done after an incident.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct ActionLine {
    pub number: i64,
    pub text: String,
    pub owner: String,
    pub due: String,
    pub done: String,
}

/// The checklist of a rollback.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct ChecklistLines {
    pub rollback: String,
    pub items: Vec<ItemLine>,
}

/// One item of a checklist.
#[derive(Clone, Debug, Serialize)]
pub struct ItemLine {
    pub number: usize,
    pub phase: String,
    pub text: String,
    pub state: &'static str,
    pub who: String,
    pub at: String,
    pub because: String,
}

/// The rollbacks of an incident on one axis of time. Places are percentages of the width.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct Strip {
    pub from: String,
    pub to: String,
    pub took: String,
    pub runs: Vec<StripRun>,
}

/// One rollback on the axis of its incident.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct StripRun {
    pub id: String,
    pub tone: &'static str,
    pub left: String,
    pub right: String,
    pub words: String,
}

/// One rollback on an axis of its own, from the command to the verdict.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct Lane {
    pub id: String,
    pub service: String,
    pub from: String,
    pub to: String,
    pub status: String,
    pub tone: &'static str,
    pub requester: String,
    pub because: String,
    pub began: String,
    pub ended: String,
    pub took: String,
    pub goal: String,
    pub spans: Vec<Span>,
    pub marks: Vec<Mark>,
}

/// A part of a rollback's time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct Span {
    pub kind: &'static str,
    pub left: String,
    pub width: String,
    pub name: &'static str,
    pub took: String,
}

/// A moment of a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct Mark {
    pub kind: &'static str,
    pub left: String,
    pub words: String,
}

/// What the draft of a post-mortem says. Everything is escaped for Markdown already.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct PostMortem {
    pub timeline: Timeline,
    pub issue: String,
    pub date: String,
    pub duration: String,
    pub status: String,
    pub systems: String,
    pub references: String,
    pub first_at: String,
    /// What was said of each field, or that it is not recorded.
    pub said: BTreeMap<Field, String>,
    pub rollbacks: Vec<RollbackStory>,
    pub undrawn: usize,
}

/// One rollback in a post-mortem.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct RollbackStory {
    pub id: String,
    pub service: String,
    pub from: String,
    pub to: String,
    pub status: String,
    pub requester: String,
    pub because: String,
    pub approver: String,
    pub deployed_at: String,
    pub commanded_at: String,
    pub proposed_at: String,
    pub approved_at: String,
    pub serving_at: String,
    pub proven_at: String,
    pub until_commanded: String,
    pub until_proposed: String,
    pub until_approved: String,
    pub until_serving: String,
    pub until_proven: String,
    pub took: String,
    pub removes: String,
    pub leaves: String,
    pub restores: String,
    pub restore_point: String,
    pub steps: String,
    pub checks: String,
}

impl Templates {
    /// Writes an incident's timeline as Markdown, an entry at a time.
    pub fn timeline(&self, timeline: Timeline, out: impl Write) -> anyhow::Result<()> {
        self.write(TIMELINE_MD, timeline.context(), out)
    }

    /// Writes an incident's timeline as a page, an entry at a time.
    pub fn timeline_page(&self, page: TimelinePage, out: impl Write) -> anyhow::Result<()> {
        let TimelinePage {
            timeline,
            strip,
            lanes,
            undrawn,
            days,
            stats,
        } = page;
        let strip = strip.map(|strip| Value::from(Serde(&strip)));
        let lanes: Vec<Value> = lanes.iter().map(|lane| Value::from(Serde(lane))).collect();
        let stats = Value::from(Serde(&stats));
        let picture = context! { strip, lanes, undrawn, days, stats };
        let context = context! { ..timeline.context(), ..picture };
        self.write(TIMELINE_HTML, context, out)
    }

    /// Writes the draft of a post-mortem.
    pub fn post_mortem(&self, post_mortem: PostMortem, out: impl Write) -> anyhow::Result<()> {
        let PostMortem {
            timeline,
            issue,
            date,
            duration,
            status,
            systems,
            references,
            first_at,
            said,
            rollbacks,
            undrawn,
        } = post_mortem;
        let said = Value::from(Serde(&said));
        let rollbacks = Value::from(Serde(&rollbacks));
        let draft = context! {
            issue, date, duration, status, systems, references, first_at, said, rollbacks, undrawn
        };
        self.write(POST_MORTEM, context! { ..timeline.context(), ..draft }, out)
    }

    fn write(&self, name: &str, context: Value, out: impl Write) -> anyhow::Result<()> {
        self.0
            .get_template(name)
            .and_then(|template| template.render_captured_to(context, out))
            .with_context(|| format!("the template {name} cannot be rendered"))?;
        Ok(())
    }
}

impl Timeline {
    fn context(self) -> Value {
        let Timeline {
            mark,
            incident,
            channel,
            exported_at,
            count,
            entries,
            actions,
            checklists,
            head,
        } = self;
        let actions = Value::from(Serde(&actions));
        let checklists = Value::from(Serde(&checklists));
        context! { mark, incident, channel, exported_at, count, entries, actions, checklists, head }
    }

    pub(super) fn sample() -> Self {
        let line = Line {
            seq: 1,
            at: stamp(Timestamp::UNIX_EPOCH),
            recorded_at: stamp(Timestamp::UNIX_EPOCH),
            who: "@maya".into(),
            source: "command".into(),
            rollback: "RB-1 ".into(),
            kind: "requested".into(),
            routine: false,
            text: "sample".into(),
        };
        Self {
            mark: String::new(),
            incident: "INC-1".into(),
            channel: "C1".into(),
            exported_at: stamp(Timestamp::UNIX_EPOCH),
            count: 1,
            entries: Value::from(vec![Value::from(Serde(&line))]),
            actions: vec![ActionLine {
                number: 1,
                text: "sample".into(),
                owner: "@maya".into(),
                due: "2026-03-20".into(),
                done: String::new(),
            }],
            checklists: vec![ChecklistLines {
                rollback: "RB-1".into(),
                items: vec![ItemLine {
                    number: 1,
                    phase: "Before".into(),
                    text: "sample".into(),
                    state: "open",
                    who: String::new(),
                    at: String::new(),
                    because: String::new(),
                }],
            }],
            head: "entry 1, 00".into(),
        }
    }
}

impl TimelinePage {
    pub(super) fn sample() -> Self {
        let text = || "sample".to_owned();
        Self {
            timeline: Timeline::sample(),
            strip: Some(Strip {
                from: text(),
                to: text(),
                took: text(),
                runs: vec![StripRun {
                    id: "RB-1".into(),
                    tone: "good",
                    left: "0%".into(),
                    right: "50%".into(),
                    words: text(),
                }],
            }),
            lanes: vec![Lane {
                id: "RB-1".into(),
                service: text(),
                from: text(),
                to: text(),
                status: text(),
                tone: "good",
                requester: text(),
                because: text(),
                began: text(),
                ended: text(),
                took: text(),
                goal: text(),
                spans: vec![Span {
                    kind: "people",
                    left: "0%".into(),
                    width: "50%".into(),
                    name: "sample",
                    took: text(),
                }],
                marks: vec![Mark {
                    kind: "goal",
                    left: "50%".into(),
                    words: text(),
                }],
            }],
            undrawn: 0,
            days: 90,
            stats: vec![ServiceStatsView::sample()],
        }
    }
}

impl ServiceStatsView {
    fn sample() -> Self {
        let text = || "sample".to_owned();
        Self {
            service: text(),
            requested: 1,
            run: 1,
            verified: 1,
            unproven: 0,
            failed: 0,
            emergencies: 0,
            median: text(),
            worst: text(),
            met: text(),
            in_time: text(),
            picture: Some(StatsPicture {
                words: text(),
                goal: Some("50%".into()),
                bars: vec![StatsBar {
                    left: "0%".into(),
                    width: "10%".into(),
                    top: "50%".into(),
                    height: "50%".into(),
                    tone: "good",
                    words: text(),
                }],
            }),
            parts: vec![PartShare {
                kind: "people",
                name: "sample",
                left: "0%".into(),
                width: "50%".into(),
                took: text(),
            }],
            is_pinned: false,
        }
    }
}

impl PostMortem {
    pub(super) fn sample() -> Self {
        let text = || "sample".to_owned();
        Self {
            timeline: Timeline::sample(),
            issue: text(),
            date: text(),
            duration: text(),
            status: text(),
            systems: text(),
            references: text(),
            first_at: text(),
            said: Field::ALL.iter().map(|field| (*field, text())).collect(),
            rollbacks: vec![RollbackStory::default()],
            undrawn: 0,
        }
    }
}

impl ActionLine {
    /// An action with people by their names, and every text as `written` has it.
    pub fn of(action: &ActionItem, names: &Names, written: fn(&str) -> String) -> Self {
        let owner = action.owner.as_ref();
        let done = action.done.as_ref();
        Self {
            number: action.number,
            text: written(&action.text),
            owner: owner.map_or_else(String::new, |id| written(&Named(names).person(id))),
            due: action.due.map(|due| due.to_string()).unwrap_or_default(),
            done: match (done, action.is_open()) {
                (Some(done), _) => format!("{} @{}", stamp(done.at), written(&done.by.name)),
                (None, true) => String::new(),
                (None, false) => "dropped: the incident was reopened".into(),
            },
        }
    }
}

impl ChecklistLines {
    /// A checklist with every text as `written` has it.
    pub fn of(list: &Checklist, written: fn(&str) -> String) -> Self {
        let items = list.numbered().map(|(number, item)| {
            let tick = item.tick.as_ref();
            let by = tick.and_then(|tick| tick.by.as_ref());
            let because = tick.and_then(|tick| tick.because.as_deref());
            ItemLine {
                number,
                phase: item.phase.to_string(),
                text: written(&item.text),
                state: match tick {
                    None => "open",
                    Some(tick) if tick.skipped => "left out",
                    Some(_) => "done",
                },
                who: match (tick, by) {
                    (None, _) => String::new(),
                    (Some(_), Some(by)) => format!("@{}", written(&by.name)),
                    (Some(_), None) => "rollback-bot".into(),
                },
                at: tick.map(|tick| stamp(tick.at)).unwrap_or_default(),
                because: because.map(written).unwrap_or_default(),
            }
        });
        Self {
            rollback: list.rollback.to_string(),
            items: items.collect(),
        }
    }
}

impl Line {
    /// An entry with people by their names, and every text as `written` has it.
    pub fn of(entry: &Entry, names: &Names, written: fn(&str) -> String) -> Self {
        let event = &entry.event;
        let source = serde_json::to_value(event.source).unwrap_or_default();
        Self {
            seq: entry.seq,
            at: stamp(event.at),
            recorded_at: stamp(entry.recorded_at),
            who: written(&event.who.to_string()),
            source: source.as_str().unwrap_or_default().to_owned(),
            rollback: event
                .rollback
                .map(|id| format!("{id} "))
                .unwrap_or_default(),
            kind: event.kind().to_string(),
            routine: is_routine(event.kind()),
            text: written(&event.clause(&Named(names))),
        }
    }
}

/// How sentences look where people are called by their names, as far as these are known.
#[derive(Debug)]
pub(crate) struct Named<'a>(pub(crate) &'a Names);

impl Tone for Named<'_> {
    fn person(&self, id: &str) -> String {
        format!("@{}", self.0.get(id).map_or(id, String::as_str))
    }
    fn text(&self, text: &str) -> String {
        text.to_owned()
    }
}

/// Whether an entry says nothing that others need who were not there.
fn is_routine(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Progress | Kind::Checked | Kind::Rechecked | Kind::Exported | Kind::Refused
    )
}

/// Text that stays inside its cell of a Markdown table and is nothing but text there.
pub fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in readable(text).chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' => safe.extend(['\\', c]),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '\n' => safe.push(' '),
            c => safe.push(c),
        }
    }
    match safe.chars().any(is_right_to_left) {
        // Written from right to left, and everything around it as ever.
        true => format!("\u{2068}{safe}\u{2069}"),
        false => safe,
    }
}

/// Text without what cannot be read: control characters are spaces, and nothing is left that hides
/// or turns around what others see. Line breaks stay.
pub fn readable(text: &str) -> String {
    let visible = text.chars().filter(|letter| !is_invisible(*letter));
    visible
        .map(|letter| match letter {
            '\n' => letter,
            letter if letter.is_control() => ' ',
            letter => letter,
        })
        .collect()
}

/// Whether a letter is of a script that is written from right to left.
fn is_right_to_left(letter: char) -> bool {
    matches!(
        letter,
        '\u{590}'..='\u{8ff}'
            | '\u{fb1d}'..='\u{fdff}'
            | '\u{fe70}'..='\u{fefc}'
            | '\u{10800}'..='\u{10fff}'
            | '\u{1e800}'..='\u{1efff}'
    )
}

#[cfg(test)]
mod tests;
