//! The words of updates and exports: one context type per template, everything escaped.
//!
//! The templates are compiled in; an operator's directory may override each by name. All are
//! rendered from a sample at start-up, so a mistake in one is found before it is needed.

use crate::slack::{
    Words,
    blocks::{cut, inline, section},
};
use anyhow::Context;
use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context, value::Serde};
use rollback_domain::{
    incident::Entry,
    plan::Unships,
    platform::Holds,
    proof::spell,
    refusal::{Tone, list},
    release::{Pin, Survey},
    rollback::{Rollback, State},
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

/// Every template, by the name under which it may be overridden.
const TEMPLATES: [(&str, &str); 4] = [
    (
        "proposed.md.j2",
        include_str!("../templates/proposed.md.j2"),
    ),
    (
        "executed.md.j2",
        include_str!("../templates/executed.md.j2"),
    ),
    ("failed.md.j2", include_str!("../templates/failed.md.j2")),
    (TIMELINE, include_str!("../templates/timeline.md.j2")),
];
const TIMELINE: &str = "timeline.md.j2";

/// The templates, ready to be rendered.
#[derive(Clone, Debug)]
pub struct Templates(Arc<Environment<'static>>);

/// What an update about a rollback may say. Everything is escaped for Slack already.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct Update {
    pub id: String,
    pub service: String,
    pub environment: String,
    pub platform: String,
    pub status: String,
    pub sentence: String,
    pub from: String,
    pub to: String,
    pub because: String,
    pub requester: String,
    pub approver: String,
    pub commanded_at: String,
    pub serving_at: String,
    pub serving: String,
    pub served: String,
    pub checks: String,
    pub took: String,
    pub waited: String,
    pub goal: Option<String>,
    pub judged: String,
    pub undoes: Option<String>,
    pub unships: String,
    pub leaves: String,
    pub after: Option<String>,
}

/// What a timeline export says.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "docs/operations.md lists what each holds")]
pub struct Timeline {
    pub incident: String,
    pub channel: String,
    pub exported_at: String,
    pub count: usize,
    /// A list of [`Line`]s.
    pub entries: Value,
}

/// What people are called, by their id.
pub type Names = BTreeMap<String, String>;

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
    pub text: String,
}

/// What production serves, by the names of the releases.
fn serving(rollback: &Rollback, survey: Option<&Survey>) -> String {
    let label = |id: &str| {
        let known = rollback.label_of(id);
        match survey.filter(|_| known == id) {
            Some(survey) => survey.release(id).label().to_owned(),
            None => known,
        }
    };
    let serves = rollback.serves(label);
    let words = match rollback.proof.drifted {
        Some(_) => serves,
        None => format!("{serves}, as last read"),
    };
    inline(&words, 300)
}

/// What is different afterwards: of automatic deploys, what was read last and not what was planned.
fn afterwards(rollback: &Rollback) -> Option<String> {
    let effects = &rollback.plan.as_ref()?.effects;
    match (effects.holds, rollback.pin) {
        (Holds::Not, _) | (_, Pin::On | Pin::NotNeeded) => {
            effects.after.as_ref().map(|after| inline(after, 200))
        }
        (Holds::ByItself | Holds::OnRequest, Pin::Off) => {
            Some("automatic deploys are ON: the next one goes live".into())
        }
        (Holds::ByItself | Holds::OnRequest, Pin::Unknown) => {
            Some("it is not known whether automatic deploys are off".into())
        }
    }
}

/// Who let it run: the approvers, or the person who started the emergency run.
fn approver(approvers: Vec<String>, broke: Option<String>) -> String {
    match (approvers.is_empty(), broke) {
        (_, Some(by)) => format!("nobody: emergency run by {by}"),
        (true, None) => "nobody".into(),
        (false, None) => list(&approvers, "and"),
    }
}

impl Templates {
    /// Reads the defaults and what `overrides` has in their place, and renders each once.
    pub fn load(overrides: Option<&Path>) -> anyhow::Result<Self> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Values are escaped for where they go (mrkdwn, a Markdown table), not for HTML.
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        for (name, default) in TEMPLATES {
            let source = match overrides.map(|directory| directory.join(name)) {
                Some(path) if path.exists() => fs::read_to_string(&path)
                    .with_context(|| format!("the template {} cannot be read", path.display()))?,
                _ => default.to_owned(),
            };
            environment
                .add_template_owned(name, source)
                .with_context(|| format!("the template {name} is not well formed"))?;
        }
        if let Some(directory) = overrides {
            known_only(directory)?;
        }
        let templates = Self(Arc::new(environment));
        for name in ["proposed.md.j2", "executed.md.j2", "failed.md.j2"] {
            templates.render(name, &Update::sample())?;
        }
        templates.timeline(Timeline::sample(), io::sink())?;
        Ok(templates)
    }

    fn render(&self, name: &str, context: &impl Serialize) -> anyhow::Result<String> {
        self.0
            .get_template(name)
            .and_then(|template| template.render(Value::from(Serde(context))))
            .with_context(|| format!("the template {name} cannot be rendered"))
    }

    /// A proposal in words, for notifications and screen readers.
    pub fn proposed(&self, rollback: &Rollback) -> anyhow::Result<String> {
        let text = self.render("proposed.md.j2", &Update::of(rollback))?;
        Ok(cut(text.trim(), 3900))
    }

    /// What the channel hears when a rollback is over, good or bad. `survey` is what the platform
    /// showed last: it knows how releases are called that the plan does not have.
    pub fn outcome(&self, rollback: &Rollback, survey: Option<&Survey>) -> anyhow::Result<Words> {
        let name = match rollback.state {
            State::Failed { .. } | State::Partial { .. } | State::Resolved { .. } => "failed.md.j2",
            _ if rollback.proof.drifted.is_some() => "failed.md.j2",
            _ => "executed.md.j2",
        };
        let mut update = Update::of(rollback);
        update.serving = serving(rollback, survey);
        self.update(name, &update)
    }

    fn update(&self, name: &str, update: &Update) -> anyhow::Result<Words> {
        let text = self.render(name, update)?;
        Ok(Words {
            text: cut(&text, 3900),
            blocks: vec![section(&text)],
        })
    }

    /// Writes an incident's timeline for people, an entry at a time.
    pub fn timeline(&self, timeline: Timeline, out: impl Write) -> anyhow::Result<()> {
        let Timeline {
            incident,
            channel,
            exported_at,
            count,
            entries,
        } = timeline;
        let context = context! { incident, channel, exported_at, count, entries };
        self.0
            .get_template(TIMELINE)
            .and_then(|template| template.render_captured_to(context, out))
            .with_context(|| format!("the template {TIMELINE} cannot be rendered"))?;
        Ok(())
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

fn known_only(directory: &Path) -> anyhow::Result<()> {
    let listed = fs::read_dir(directory)
        .with_context(|| format!("templates.directory {} cannot be read", directory.display()))?;
    for file in listed {
        let name = file?.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".j2") && !TEMPLATES.iter().any(|(known, _)| *known == name) {
            let known = TEMPLATES.map(|(name, _)| name.to_owned());
            anyhow::bail!(
                "templates.directory has {name}, which overrides nothing; it may have {}",
                list(&known, "and")
            );
        }
    }
    Ok(())
}

impl Update {
    /// What is known of a rollback now.
    pub fn of(rollback: &Rollback) -> Self {
        let plan = rollback.plan.as_ref();
        let person = |name: &str| format!("@{}", inline(name, 80));
        let by_band = |name: &str, out_of_band: bool| match out_of_band {
            true => format!("{} (from the CLI / API)", person(name)),
            false => person(name),
        };
        let (n, m) = rollback.served();
        let took = rollback
            .times
            .to_serving()
            .and_then(|took| Duration::try_from(took).ok());
        let waited = rollback
            .times
            .waiting()
            .and_then(|waited| Duration::try_from(waited).ok());
        Self {
            id: rollback.id.to_string(),
            service: inline(&rollback.service.name, 80),
            environment: inline(&rollback.service.environment, 80),
            platform: inline(
                plan.map_or("the platform", |plan| &plan.effects.platform),
                80,
            ),
            status: rollback.word(),
            sentence: inline(
                &match &rollback.state {
                    State::Failed { why, .. } => why.clone(),
                    State::Partial { failed, .. } => {
                        format!(
                            "could not move {}; traffic may be split",
                            list(failed, "and")
                        )
                    }
                    State::Resolved { done, by, because } => format!(
                        "@{} says that it is {}: \"{because}\"",
                        by.name,
                        if *done { "done" } else { "not done" }
                    ),
                    _ => rollback.conclusion(),
                },
                600,
            ),
            from: inline(rollback.from_label(), 80),
            to: inline(rollback.to_label(), 80),
            because: inline(
                rollback.because.as_deref().unwrap_or("no reason was given"),
                300,
            ),
            requester: by_band(&rollback.requester.name, rollback.out_of_band),
            approver: approver(
                rollback
                    .approvals
                    .iter()
                    .map(|approval| by_band(&approval.by.name, approval.out_of_band))
                    .collect(),
                rollback
                    .break_glass
                    .as_ref()
                    .filter(|break_glass| break_glass.spent.is_none())
                    .map(|break_glass| person(&break_glass.by.name)),
            ),
            commanded_at: rollback.times.commanded.map(stamp).unwrap_or_default(),
            serving_at: rollback
                .times
                .serving
                .map_or_else(|| "not yet".into(), stamp),
            serving: serving(rollback, None),
            served: match rollback.state {
                State::Resolved { .. } => format!("{n}/{m} as last read"),
                _ => format!("{n}/{m}"),
            },
            checks: inline(
                &rollback
                    .proof
                    .last
                    .as_ref()
                    .map_or_else(|| "nothing".into(), rollback_domain::proof::Round::text),
                400,
            ),
            took: took.map_or_else(
                || "not serving".into(),
                |took| format!("command → serving {}", spell(took)),
            ),
            waited: waited.map_or_else(|| "0 s".into(), spell),
            goal: rollback.target_time.filter(|_| took.is_some()).map(spell),
            judged: match (took, rollback.target_time) {
                (Some(took), Some(goal)) if took <= goal => "met".into(),
                (Some(_), Some(_)) => "missed".into(),
                _ => String::new(),
            },
            undoes: rollback.aim.undoes.map(|id| id.to_string()),
            unships: match plan.map(|plan| &plan.unships) {
                Some(Unships::Known(releases)) if releases.is_empty() => {
                    "nothing that served".into()
                }
                Some(Unships::Known(releases)) => {
                    let named: Vec<String> = releases
                        .iter()
                        .take(5)
                        .map(|release| inline(release.label(), 60))
                        .collect();
                    match releases.len() {
                        n if n > 5 => format!("{} and {} more", named.join(", "), n - 5),
                        _ => list(&named, "and"),
                    }
                }
                Some(Unships::After(moment)) => {
                    format!("what was written after {}", moment.strftime("%H:%M:%S UTC"))
                }
                Some(Unships::Unknown(_)) | None => "unknown".into(),
            },
            leaves: plan.map_or_else(String::new, |plan| {
                inline(&plan.effects.leaves.join(", "), 300)
            }),
            after: afterwards(rollback),
        }
    }

    fn sample() -> Self {
        let text = || "sample".to_owned();
        Self {
            id: "RB-1".into(),
            service: text(),
            environment: text(),
            platform: text(),
            status: text(),
            sentence: text(),
            from: text(),
            to: text(),
            because: text(),
            requester: text(),
            approver: text(),
            commanded_at: text(),
            serving_at: text(),
            serving: text(),
            served: text(),
            checks: text(),
            took: text(),
            waited: text(),
            goal: Some(text()),
            judged: text(),
            undoes: Some("RB-1".into()),
            unships: text(),
            leaves: text(),
            after: Some(text()),
        }
    }
}

impl Timeline {
    fn sample() -> Self {
        let line = Line {
            seq: 1,
            at: stamp(Timestamp::UNIX_EPOCH),
            recorded_at: stamp(Timestamp::UNIX_EPOCH),
            who: "@maya".into(),
            source: "command".into(),
            rollback: "RB-1 ".into(),
            kind: "requested".into(),
            text: "sample".into(),
        };
        Self {
            incident: "INC-1".into(),
            channel: "C1".into(),
            exported_at: stamp(Timestamp::UNIX_EPOCH),
            count: 1,
            entries: Value::from(vec![Value::from(Serde(&line))]),
        }
    }
}

impl Line {
    /// An entry as the template has it, with people by their names.
    pub fn of(entry: &Entry, names: &Names) -> Self {
        let event = &entry.event;
        let source = serde_json::to_value(event.source).unwrap_or_default();
        Self {
            seq: entry.seq,
            at: stamp(event.at),
            recorded_at: stamp(entry.recorded_at),
            who: cell(&event.who.to_string()),
            source: source.as_str().unwrap_or_default().to_owned(),
            rollback: event
                .rollback
                .map(|id| format!("{id} "))
                .unwrap_or_default(),
            kind: event.kind().to_string(),
            text: cell(&event.clause(&Named(names))),
        }
    }
}

/// Text that stays inside its cell of a Markdown table and is nothing but text there.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' => safe.extend(['\\', c]),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// A moment with its date, for records.
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
