//! The words of updates and exports: one context type per template, everything escaped.
//!
//! The templates are compiled in; an operator's directory may override each by name. All are
//! rendered from a sample at start-up, so a mistake in one is found before it is needed.

mod documents;
mod drills;
mod group;
mod updates;

pub(crate) use documents::Named;
pub use documents::{
    ActionLine, ChecklistLines, Lane, Line, Mark, Names, PartShare, PostMortem, RollbackStory,
    ServiceStatsView, Span, StatsBar, StatsPicture, Strip, StripRun, Timeline, TimelinePage, cell,
    readable,
};
pub use updates::{UpdateFacts, UpdateRollback};

use crate::slack::{
    Words,
    blocks::{fit_text, inline, mention, section},
};
use anyhow::Context;
use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, value::Serde};
use rollback_domain::{
    drill::{Drill, watermarked},
    people::Person,
    plan::Unships,
    platform::Holds,
    proof::{Round, Verdict, spell},
    refusal::list,
    release::{Pin, TargetKind, Way},
    rollback::{Rollback, State},
    update::UpdateKind,
};
use serde::Serialize;
use std::{fs, io, path::Path, sync::Arc, time::Duration};

/// Every template, by the name under which it may be overridden.
const TEMPLATES: [(&str, &str); 6] = [
    (
        "proposed.md.j2",
        include_str!("../templates/proposed.md.j2"),
    ),
    (
        "executed.md.j2",
        include_str!("../templates/executed.md.j2"),
    ),
    ("failed.md.j2", include_str!("../templates/failed.md.j2")),
    (
        documents::TIMELINE_MD,
        include_str!("../templates/timeline.md.j2"),
    ),
    (
        documents::TIMELINE_HTML,
        include_str!("../templates/timeline.html.j2"),
    ),
    (
        documents::POST_MORTEM,
        include_str!("../templates/postmortem.md.j2"),
    ),
];

/// The pages that people read in a browser, and what they share with the export. They are part of the
/// program: nothing overrides them.
const PAGES: [(&str, &str); 11] = [
    ("style.css", STYLE),
    ("strip.html.j2", include_str!("../templates/strip.html.j2")),
    ("lane.html.j2", include_str!("../templates/lane.html.j2")),
    (
        "service-stats.html.j2",
        include_str!("../templates/service-stats.html.j2"),
    ),
    ("web.html.j2", include_str!("../templates/web.html.j2")),
    (
        "web-parts.html.j2",
        include_str!("../templates/web-parts.html.j2"),
    ),
    (
        "web-board.html.j2",
        include_str!("../templates/web-board.html.j2"),
    ),
    (
        "web-rollback.html.j2",
        include_str!("../templates/web-rollback.html.j2"),
    ),
    (
        "web-incident.html.j2",
        include_str!("../templates/web-incident.html.j2"),
    ),
    (
        "web-stats.html.j2",
        include_str!("../templates/web-stats.html.j2"),
    ),
    (
        "web-message.html.j2",
        include_str!("../templates/web-message.html.j2"),
    ),
];

/// How the pages and the export look.
pub const STYLE: &str = include_str!("../templates/style.css");

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
    pub headline: String,
    pub serving: String,
    pub deploys: String,
    pub defect: String,
    pub next: String,
    pub requester_mention: String,
    pub approver_mention: String,
}

/// Who asked for it, a person or an agent, and whether they did so outside of Slack.
fn requester(rollback: &Rollback, name: &impl Fn(&Person) -> String) -> String {
    let requester = &rollback.requester;
    by_door(requester.with_agent(name(requester)), rollback.out_of_band)
}

/// Who let it run: the approvers, or the person who started the emergency run.
fn approver(rollback: &Rollback, name: &impl Fn(&Person) -> String) -> String {
    if let Some(run) = &rollback.break_glass
        && run.spent.is_none()
    {
        return format!("run by {} as an emergency", name(&run.by));
    }
    let approvals = rollback.approvals.iter();
    if approvals.clone().any(|approval| approval.unopposed) {
        return "started by itself, nobody objected".into();
    }
    let approvers: Vec<String> = approvals
        .map(|approval| by_door(name(&approval.by), approval.out_of_band))
        .collect();
    match approvers.is_empty() {
        true => "approved by nobody".into(),
        false => format!("approved by {}", list(&approvers, "and")),
    }
}

fn by_door(name: String, out_of_band: bool) -> String {
    match out_of_band {
        true => format!("{name} (from the CLI / API)"),
        false => name,
    }
}

fn platform(rollback: &Rollback) -> &str {
    let plan = rollback.plan.as_ref();
    plan.map_or("the platform", |plan| plan.effects.platform.as_str())
}

/// How a rollback ended, as far as people have to be told.
enum Ending<'a> {
    Failed(&'a str),
    Partial(usize, usize, &'a [String]),
    Resolved(bool, &'a Person, &'a str),
    /// A drill did everything but ask the platform.
    Rehearsed,
    /// Somebody else changed production afterwards.
    Drifted,
    /// It serves, and this is what the proof says.
    Concluded(Option<Verdict>),
}

impl Ending<'_> {
    fn of(rollback: &Rollback) -> Ending<'_> {
        match &rollback.state {
            State::Failed { why, .. } => Ending::Failed(why),
            State::Partial { n, m, failed } => Ending::Partial(*n, *m, failed),
            State::Resolved { done, by, because } => Ending::Resolved(*done, by, because),
            State::Rehearsed => Ending::Rehearsed,
            State::Planning
            | State::Blocked { .. }
            | State::Proposed { .. }
            | State::Approved { .. }
            | State::Executing { .. }
            | State::WaitingForPeople { .. }
            | State::Accepted { .. }
            | State::Serving { .. }
            | State::Unknown { .. }
            | State::Watching { .. }
            | State::Closed
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => match rollback.proof.drifted {
                Some(_) => Ending::Drifted,
                None => Ending::Concluded(rollback.proof.verdict),
            },
        }
    }

    fn template(&self) -> &'static str {
        match self {
            Ending::Failed(_) | Ending::Partial(..) | Ending::Resolved(..) | Ending::Drifted => {
                "failed.md.j2"
            }
            Ending::Rehearsed | Ending::Concluded(_) => "executed.md.j2",
        }
    }
}

/// What an ending means, where its headline does not say it.
fn sentence(rollback: &Rollback) -> String {
    match Ending::of(rollback) {
        Ending::Failed(why) => why.to_owned(),
        Ending::Partial(_, _, failed) => {
            format!("Not moved: {}. Traffic may be split.", list(failed, "and"))
        }
        Ending::Resolved(done, by, because) => {
            let outcome = if done { "done" } else { "not done" };
            format!("@{} says that it is {outcome}: \"{because}\".", by.name)
        }
        Ending::Rehearsed => format!(
            "{} would have been asked for {} → {}.",
            platform(rollback),
            rollback.from_label(),
            rollback.to_label()
        ),
        Ending::Concluded(Some(Verdict::Verified)) => String::new(),
        Ending::Drifted
        | Ending::Concluded(
            Some(Verdict::Unproven | Verdict::StillFailing | Verdict::WrongVersion) | None,
        ) => rollback.conclusion(),
    }
}

/// How it ended, as the first thing to read.
fn headline(rollback: &Rollback) -> String {
    let service = inline(&rollback.service.to_string(), 160);
    let to = inline(rollback.to_label(), 80);
    let back = match rollback.aim.way() {
        Way::Back if is_moment(rollback) => format!("{service} is restored to {to}"),
        Way::Back => format!("{service} is back on {to}"),
        Way::Forward => format!("{service} is on {to} again"),
    };
    match Ending::of(rollback) {
        Ending::Failed(_) => format!("⚠️ {service}: going to {to} failed"),
        Ending::Partial(n, m, _) => format!("⚠️ {service} is only partly on {to}: {n} of {m}"),
        Ending::Resolved(true, by, _) => {
            format!("{service}: done, says @{}", inline(&by.name, 80))
        }
        Ending::Resolved(false, by, _) => {
            format!("⚠️ {service}: not done, says @{}", inline(&by.name, 80))
        }
        Ending::Rehearsed => format!("✅ {service}: practised, and nothing was asked or changed"),
        Ending::Drifted => format!("⚠️ {service} is no longer on {to}"),
        Ending::Concluded(Some(Verdict::Verified)) => format!("✅ {back}"),
        Ending::Concluded(Some(Verdict::Unproven) | None) => {
            format!("⚠️ {back}, not proven from outside")
        }
        Ending::Concluded(Some(Verdict::StillFailing)) if rollback.proof.passed => {
            format!("⚠️ {service}: checks on {to} fail again")
        }
        Ending::Concluded(Some(Verdict::StillFailing)) => format!("⚠️ {back}, checks still fail"),
        Ending::Concluded(Some(Verdict::WrongVersion)) => {
            format!("⚠️ {service}: {to} is not what users get")
        }
    }
}

/// What production serves where that is not the target, as last read; empty if it does.
fn serving(rollback: &Rollback) -> String {
    let (n, m) = rollback.served();
    if rollback.state == State::Rehearsed || n == m && m > 0 {
        return String::new();
    }
    let from = inline(rollback.from_label(), 80);
    match (m, rollback.is_as_before()) {
        (0, _) => "What production serves is not known.".into(),
        (_, true) => match Ending::of(rollback) {
            Ending::Drifted => format!("{from} is live again, as last read."),
            Ending::Resolved(true, ..) => {
                format!("I could not confirm it: my last reading showed {from}.")
            }
            Ending::Failed(_)
            | Ending::Partial(..)
            | Ending::Rehearsed
            | Ending::Resolved(false, ..)
            | Ending::Concluded(_) => format!("{from} is still live, as last read."),
        },
        (_, false) => {
            let serves = rollback.serves(|id| rollback.label_of(id));
            format!("Production serves {}, as last read.", inline(&serves, 300))
        }
    }
}

/// Whether automatic deploys would change production again, as last read; empty where they cannot.
fn deploys(rollback: &Rollback) -> String {
    let holds = rollback.plan.as_ref().map(|plan| plan.effects.holds);
    if holds.is_none_or(|holds| holds == Holds::Not) || rollback.times.accepted.is_none() {
        return String::new();
    }
    if rollback.gives_hold_back() {
        return "I'm setting automatic deploys back to what they were, because nothing was changed. If that fails, I'll say so here.".into();
    }
    match rollback.pin {
        Pin::On => format!(
            "Automatic deploys are off until `/rollback unpin {}`.",
            rollback.service.typed()
        ),
        Pin::Off => "Automatic deploys are ON: the next one goes live.".into(),
        Pin::Unknown => {
            "I could not read whether automatic deploys are off: `/rollback pins` shows it after the next look."
                .into()
        }
        Pin::NotNeeded => String::new(),
    }
}

/// What is still wrong although it worked.
fn defect(rollback: &Rollback) -> String {
    if let Some(drill) = &rollback.drill {
        return defect_of_drill(rollback, drill);
    }
    if rollback.proof.drifted.is_some() {
        return String::new();
    }
    let verdict = rollback.proof.verdict;
    let from = inline(rollback.from_label(), 80);
    match (rollback.aim.undoes, verdict) {
        (Some(undone), Some(Verdict::StillFailing | Verdict::WrongVersion)) => {
            format!("The problem {undone} was for may be back.")
        }
        (Some(undone), _) => format!(
            "{} is live again, so the problem {undone} was for may be back.",
            inline(rollback.to_label(), 80)
        ),
        (None, Some(Verdict::Verified | Verdict::Unproven) | None) if is_moment(rollback) => {
            let to = inline(rollback.to_label(), 80);
            format!("The data is as of {to}: what was written later is gone.")
        }
        (None, Some(Verdict::Verified | Verdict::Unproven) | None) => format!(
            "This doesn't fix the bug. If {from} caused it, deploying {from} again brings it back."
        ),
        (None, Some(Verdict::StillFailing | Verdict::WrongVersion)) => String::new(),
    }
}

/// What a drill leaves behind.
fn defect_of_drill(rollback: &Rollback, drill: &Drill) -> String {
    let id = rollback.id;
    match drill.acts && rollback.times.accepted.is_some() {
        true => format!(
            "{} was really changed by this drill, and is in no history of rollbacks for it. `/rollback undo {id}` proposes to return to {}, as a drill too. What was learned: `/rollback drill note …`.",
            inline(&rollback.service.to_string(), 160),
            inline(rollback.from_label(), 80)
        ),
        false => "What was learned: `/rollback drill note …`.".into(),
    }
}

/// Whether it has restored a moment, not a release.
fn is_moment(rollback: &Rollback) -> bool {
    let plan = rollback.plan.as_ref();
    plan.is_some_and(|plan| plan.to.kind == TargetKind::Moment)
}

/// What to do after a rollback that did not do what it should; empty where it did.
fn next(rollback: &Rollback) -> String {
    let service = rollback.service.typed();
    let platform = inline(platform(rollback), 80);
    if rollback.drill.is_some() {
        return String::new();
    }
    match Ending::of(rollback) {
        Ending::Drifted => format!(
            "`/rollback list {service}` shows what is live; `{}` goes there again.",
            inline(&rollback.command_again(), 200)
        ),
        Ending::Concluded(Some(Verdict::StillFailing)) => match rollback.aim.undoes {
            Some(_) => format!("To go back: `/rollback {service} because …`."),
            None => format!(
                "To try the one before: `/rollback {service} because …`. To return to {}: `/rollback undo {}`.",
                inline(rollback.from_label(), 80),
                rollback.id
            ),
        },
        Ending::Rehearsed | Ending::Concluded(Some(Verdict::Verified | Verdict::Unproven)) => {
            String::new()
        }
        Ending::Resolved(true, ..) => {
            format!("`/rollback list {service}` shows what {platform} has.")
        }
        Ending::Failed(_)
        | Ending::Partial(..)
        | Ending::Resolved(false, ..)
        | Ending::Concluded(_) => format!(
            "Retry with `{}`, or roll back in {platform} and log it with `/rollback note`.",
            inline(&rollback.command_again(), 200)
        ),
    }
}

/// What a plan takes out of production, in words.
fn lost(unships: &Unships) -> String {
    match unships {
        Unships::Known(releases) if releases.is_empty() => "nothing that ran".into(),
        Unships::Known(releases) => {
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
        Unships::After(moment) => {
            format!("what was written after {}", moment.strftime("%H:%M:%S UTC"))
        }
        Unships::Unknown(_) => "what is not known".into(),
    }
}

impl Templates {
    /// Reads the defaults and what `overrides` has in their place, and renders each once.
    pub fn load(overrides: Option<&Path>) -> anyhow::Result<Self> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Values are escaped for mrkdwn and Markdown before they come here; for HTML here.
        environment.set_auto_escape_callback(|name| match name.ends_with(".html.j2") {
            true => AutoEscape::Html,
            false => AutoEscape::None,
        });
        for (name, default) in TEMPLATES
            .into_iter()
            .chain(updates::TEMPLATES)
            .chain(drills::TEMPLATES)
        {
            let source = match overrides.map(|directory| directory.join(name)) {
                Some(path) if path.exists() => fs::read_to_string(&path)
                    .with_context(|| format!("the template {} cannot be read", path.display()))?,
                _ => default.to_owned(),
            };
            environment
                .add_template_owned(name, source)
                .with_context(|| format!("the template {name} is not well formed"))?;
        }
        for (name, source) in PAGES {
            environment
                .add_template(name, source)
                .with_context(|| format!("the template {name} is not well formed"))?;
        }
        if let Some(directory) = overrides {
            known_only(directory)?;
        }
        let templates = Self(Arc::new(environment));
        for name in ["proposed.md.j2", "executed.md.j2", "failed.md.j2"] {
            templates.render(name, &Update::sample())?;
        }
        for kind in UpdateKind::ALL {
            templates.status_update(*kind, &UpdateFacts::sample())?;
        }
        templates.timeline(Timeline::sample(), io::sink())?;
        templates.timeline_page(TimelinePage::sample(), io::sink())?;
        templates.post_mortem(PostMortem::sample(), io::sink())?;
        templates.try_drills()?;
        Ok(templates)
    }

    fn render(&self, name: &str, context: &impl Serialize) -> anyhow::Result<String> {
        self.0
            .get_template(name)
            .and_then(|template| template.render(Value::from(Serde(context))))
            .with_context(|| format!("the template {name} cannot be rendered"))
    }

    /// A page that people read in a browser, by the name of its template.
    pub fn page(&self, name: &str, context: Value) -> anyhow::Result<String> {
        self.0
            .get_template(name)
            .and_then(|template| template.render(context))
            .with_context(|| format!("the page {name} cannot be rendered"))
    }

    /// A proposal in words, for notifications and screen readers.
    pub fn proposed(&self, rollback: &Rollback) -> anyhow::Result<String> {
        let text = self.render("proposed.md.j2", &Update::of(rollback))?;
        Ok(fit_text(&watermarked(rollback.id, text.trim())))
    }

    /// What the channel hears when a rollback is over, good or bad.
    pub fn outcome(&self, rollback: &Rollback) -> anyhow::Result<Words> {
        let words = self.update(Ending::of(rollback).template(), &Update::of(rollback))?;
        Ok(words.about(rollback.id))
    }

    /// The same when it is told late: nobody is pinged for what is over.
    pub fn late_outcome(&self, rollback: &Rollback) -> anyhow::Result<Words> {
        let update = Update::of(rollback);
        let update = Update {
            requester_mention: update.requester.clone(),
            approver_mention: update.approver.clone(),
            ..update
        };
        let words = self.update(Ending::of(rollback).template(), &update)?;
        Ok(words.about(rollback.id))
    }

    fn update(&self, name: &str, update: &Update) -> anyhow::Result<Words> {
        let text = self.render(name, update)?;
        Ok(Words {
            text: fit_text(&text),
            blocks: vec![section(&text)],
        })
    }
}

fn known_only(directory: &Path) -> anyhow::Result<()> {
    let listed = fs::read_dir(directory)
        .with_context(|| format!("templates.directory {} cannot be read", directory.display()))?;
    for file in listed {
        let name = file?.file_name();
        let name = name.to_string_lossy();
        let mut every = TEMPLATES.iter().chain(&updates::TEMPLATES);
        if name.ends_with(".j2") && !every.any(|(known, _)| *known == name) {
            let every = TEMPLATES.iter().chain(&updates::TEMPLATES);
            let known: Vec<String> = every.map(|(name, _)| (*name).to_owned()).collect();
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
        let times = &rollback.times;
        let (n, m) = rollback.served();
        let took = times
            .to_serving()
            .and_then(|took| Duration::try_from(took).ok());
        let waited = times
            .waiting()
            .and_then(|waited| Duration::try_from(waited).ok());
        // Where nobody approved, nobody was waited for either.
        let waited = waited.filter(|_| !rollback.approvals.is_empty());
        let name = |person: &Person| format!("@{}", inline(&person.name, 80));
        let pinged = |person: &Person| mention(&person.id);
        let update = Self {
            id: rollback.id.to_string(),
            service: inline(&rollback.service.name, 80),
            environment: inline(&rollback.service.environment, 80),
            platform: inline(platform(rollback), 80),
            status: rollback.word(),
            sentence: inline(&sentence(rollback), 600),
            from: inline(rollback.from_label(), 80),
            to: inline(rollback.to_label(), 80),
            because: inline(
                rollback.because.as_deref().unwrap_or("no reason was given"),
                300,
            ),
            requester: requester(rollback, &name),
            approver: approver(rollback, &name),
            commanded_at: times.commanded.map(stamp).unwrap_or_default(),
            serving_at: times.serving.map_or_else(|| "not yet".into(), stamp),
            served: match rollback.state {
                State::Resolved { .. } => format!("{n}/{m} as last read"),
                _ => format!("{n}/{m}"),
            },
            checks: inline(
                &rollback
                    .proof
                    .last
                    .as_ref()
                    .map_or_else(|| "nothing was checked from outside".into(), Round::text),
                400,
            ),
            took: took.map(spell).unwrap_or_default(),
            waited: waited.map(spell).unwrap_or_default(),
            goal: rollback.target_time.filter(|_| took.is_some()).map(spell),
            judged: match (took, rollback.target_time) {
                (Some(took), Some(goal)) if took <= goal => "met".into(),
                (Some(_), Some(_)) => "missed".into(),
                (None, _) | (_, None) => String::new(),
            },
            undoes: rollback.aim.undoes.map(|id| id.to_string()),
            unships: plan.map_or_else(|| "unknown".into(), |plan| lost(&plan.unships)),
            leaves: plan.map_or_else(String::new, |plan| {
                inline(&plan.effects.leaves.join(", "), 300)
            }),
            after: plan
                .and_then(|plan| plan.effects.after.as_ref())
                .map(|after| inline(after, 200)),
            headline: headline(rollback),
            serving: serving(rollback),
            deploys: deploys(rollback),
            defect: defect(rollback),
            next: next(rollback),
            requester_mention: requester(rollback, &pinged),
            approver_mention: approver(rollback, &pinged),
        };
        match rollback.group() {
            Some(group) => group::update(rollback, group, update),
            None => update,
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
            headline: text(),
            serving: text(),
            deploys: text(),
            defect: text(),
            next: text(),
            requester_mention: text(),
            approver_mention: text(),
        }
    }
}

/// A moment with its date, for records.
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
