//! The times and thresholds that a runbook names.

use crate::{
    runbook::{Kind, Runbook},
    shell::pattern,
};
use regex::Regex;
use std::{ops::Range, sync::LazyLock};

/// What a time is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Component {
    /// What browsers load, or the application where both are one.
    Frontend,
    /// What answers requests.
    Backend,
    /// Both of them.
    Application,
    /// The database.
    Database,
    /// Configuration and environment variables.
    Settings,
    /// A feature flag.
    Flag,
    /// Everything together.
    System,
}

impl Component {
    fn of(text: &str) -> Option<Self> {
        static WORDS: LazyLock<[(Regex, Component); 7]> = LazyLock::new(|| {
            [
                (r"(?i)\b(full|whole|entire) system\b", Component::System),
                (r"(?i)\b(feature )?flags?\b", Component::Flag),
                (
                    r"(?i)\benvironment variables?\b|\bconfiguration\b",
                    Component::Settings,
                ),
                (r"(?i)\b(database|db|migrations?)\b", Component::Database),
                (r"(?i)\b(front-?end|website)\b", Component::Frontend),
                (r"(?i)\b(back-?end|api)\b", Component::Backend),
                (r"(?i)\b(application|app|code)\b", Component::Application),
            ]
            .map(|(words, component)| (pattern(words), component))
        });
        let found = WORDS.iter().find(|(words, _)| words.is_match(text));
        found.map(|(_, component)| *component)
    }

    /// Whether what holds for the other holds for this one too.
    pub(crate) fn is_part_of(self, other: Component) -> bool {
        let is_code = matches!(self, Component::Frontend | Component::Backend);
        self == other || (is_code && other == Component::Application)
    }

    /// What it is called in a sentence.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Component::Frontend => "the frontend",
            Component::Backend => "the backend",
            Component::Application => "the application",
            Component::Database => "the database",
            Component::Settings => "the configuration",
            Component::Flag => "a flag",
            Component::System => "the whole system",
        }
    }
}

/// A time that a rollback may take, or takes.
#[derive(Clone, Debug)]
pub(crate) struct Time {
    pub(crate) component: Component,
    /// Whether it is what it should take.
    pub(crate) is_target: bool,
    /// In seconds: at most.
    pub(crate) seconds: u32,
    /// As it is written.
    pub(crate) written: String,
    pub(crate) place: Range<usize>,
}

/// Every time of a rollback of something.
pub(crate) fn times(runbook: &Runbook) -> Vec<Time> {
    static TIME: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)(?:[<≤]\s*|under |within )?(\d{1,4})(?:\s*[-–]\s*(\d{1,4}))?\s*(seconds?|secs?|minutes?|mins?|hours?)\b",
        )
    });
    static TAKES: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?i)^(?:\W*)(time|timeline|duration|time to roll ?back)\s*:|\btakes\b")
    });
    static TARGET: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b(targets?|goals?)\b"));
    let mut times = Vec::new();
    let mut is_matrix = false;
    for passage in &runbook.passages {
        let text = passage.text();
        let section = &runbook.sections[passage.section];
        if passage.kind == Kind::Row {
            static HEAD: LazyLock<Regex> = LazyLock::new(|| {
                pattern(r"(?i)(^|\| )([a-z ]*\btime( limit)?|timeline|duration)( \||$)")
            });
            let has_time = TIME.is_match(text);
            is_matrix = HEAD.is_match(text) || (is_matrix && has_time);
        } else {
            is_matrix = false;
        }
        let in_targets =
            TARGET.is_match(section.heading()) && !matches!(passage.kind, Kind::Heading(_));
        let takes = TAKES.is_match(text);
        let Some(found) = TIME.captures(text) else {
            continue;
        };
        let by_words = Component::of(text);
        let is_target = in_targets || TARGET.is_match(text) || is_matrix;
        let component = match (is_target, takes) {
            (true, _) => by_words,
            // The innermost heading that names something.
            (false, true) => section
                .path
                .iter()
                .rev()
                .find_map(|heading| Component::of(heading)),
            (false, false) => None,
        };
        let Some(component) = component else { continue };
        let number = |at: usize| {
            found
                .get(at)
                .and_then(|part| part.as_str().parse::<u32>().ok())
        };
        let unit = match found[3].to_ascii_lowercase().as_bytes().first() {
            Some(b's') => 1,
            Some(b'm') => 60,
            _ => 3600,
        };
        times.push(Time {
            component,
            is_target,
            seconds: number(2).or(number(1)).unwrap_or_default() * unit,
            written: found[0].trim().to_owned(),
            place: passage
                .extract
                .place(&found.get(0).map_or(0..0, |all| all.range())),
        });
    }
    times
}

/// The times that are longer than the longest target for the same thing, each with that target.
pub(crate) fn over_target(times: &[Time]) -> Vec<(&Time, &Time)> {
    let taken = times.iter().filter(|time| !time.is_target);
    let over = taken.filter_map(|time| {
        let targets = times
            .iter()
            .filter(|target| target.is_target && time.component.is_part_of(target.component));
        let longest = targets.max_by_key(|target| target.seconds)?;
        (time.seconds > longest.seconds).then_some((time, longest))
    });
    over.collect()
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// The part of requests that fail.
    Errors,
    /// The part of users whom it concerns.
    Users,
    /// How much slower it is.
    Slowness,
}

impl Metric {
    /// What it is called in a sentence.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Metric::Errors => "the error rate",
            Metric::Users => "the users affected",
            Metric::Slowness => "the slowdown",
        }
    }
}

/// What is done at a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Roll back.
    RollBack,
    /// Think about it.
    Consider,
    /// Leave it.
    Leave,
}

/// A threshold of a decision, in hundredths of a percent.
#[derive(Clone, Debug)]
pub(crate) struct Threshold {
    pub(crate) metric: Metric,
    pub(crate) decision: Decision,
    /// From here on; `None`: from nothing on.
    pub(crate) from: Option<u32>,
    /// Up to here; `None`: without an end.
    pub(crate) to: Option<u32>,
    /// As it is written.
    pub(crate) written: String,
    pub(crate) place: Range<usize>,
}

/// Every threshold by which it is decided whether to roll back.
pub(crate) fn thresholds(runbook: &Runbook) -> Vec<Threshold> {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)(<|>|≤|≥|under |below |over |above |more than |less than )?\s*(\d{1,3}(?:\.\d{1,2})?)\s*(?:[-–]\s*(\d{1,3}(?:\.\d{1,2})?)\s*)?%",
        )
    });
    static METRICS: LazyLock<[(Regex, Metric); 3]> = LazyLock::new(|| {
        [
            (r"(?i)\berror rate|requests fail", Metric::Errors),
            (r"(?i)\bof (all )?users|users affected", Metric::Users),
            (r"(?i)performance degrad|latency|slower", Metric::Slowness),
        ]
        .map(|(words, metric)| (pattern(words), metric))
    });
    let mut thresholds = Vec::new();
    let mut before = String::new();
    for passage in &runbook.passages {
        let text = passage.text();
        if matches!(passage.kind, Kind::Paragraph | Kind::Heading(_)) {
            text.clone_into(&mut before);
        }
        let Some((_, metric)) = METRICS.iter().find(|(words, _)| words.is_match(text)) else {
            continue;
        };
        let heading = runbook.sections[passage.section].heading();
        let decision = match passage.kind {
            Kind::Item { .. } => decision(&before).or_else(|| decision(heading)),
            Kind::Row => decision(text),
            Kind::Paragraph => decision(text).or_else(|| decision(heading)),
            Kind::Heading(_) => None,
        };
        let (Some(decision), Some(found)) = (decision, NUMBER.captures(text)) else {
            continue;
        };
        let sign = found.get(1).map_or("", |sign| sign.as_str().trim());
        let is_upper =
            ["<", "≤", "under", "below", "less than"].contains(&sign.to_ascii_lowercase().as_str());
        let (first, second) = (hundredths(&found[2]), found.get(3));
        let (from, to) = match (is_upper, second) {
            (true, _) => (None, Some(first)),
            (false, Some(second)) => (Some(first), Some(hundredths(second.as_str()))),
            (false, None) if sign.is_empty() => continue,
            (false, None) => (Some(first), None),
        };
        thresholds.push(Threshold {
            metric: *metric,
            decision,
            from,
            to,
            written: found[0].trim().to_owned(),
            place: passage
                .extract
                .place(&found.get(0).map_or(0..0, |all| all.range())),
        });
    }
    thresholds
}

/// The thresholds between which nothing is decided: the lowest from which something is done, and the
/// highest up to which nothing is.
pub(crate) fn gaps(thresholds: &[Threshold]) -> Vec<(&Threshold, &Threshold)> {
    let metrics = [Metric::Errors, Metric::Users, Metric::Slowness];
    let gaps = metrics.iter().filter_map(|metric| {
        let of_metric = || {
            thresholds
                .iter()
                .filter(|threshold| threshold.metric == *metric)
        };
        let acted = of_metric().filter(|threshold| threshold.decision != Decision::Leave);
        let lowest = acted
            .filter(|threshold| threshold.from.is_some())
            .min_by_key(|t| t.from)?;
        let left = of_metric().filter(|threshold| threshold.decision == Decision::Leave);
        let highest = left
            .filter(|threshold| threshold.to.is_some())
            .max_by_key(|t| t.to)?;
        (lowest.from > highest.to).then_some((lowest, highest))
    });
    gaps.collect()
}

/// The thresholds of a rollback that differ from the first one of the same metric, each with that.
pub(crate) fn differing(thresholds: &[Threshold]) -> Vec<(&Threshold, &Threshold)> {
    let decides = |threshold: &&Threshold| {
        threshold.decision == Decision::RollBack && threshold.from.is_some()
    };
    let differing = thresholds.iter().filter(decides).filter_map(|threshold| {
        let mut same = thresholds
            .iter()
            .filter(decides)
            .filter(|t| t.metric == threshold.metric);
        let first = same.next()?;
        (first.from != threshold.from).then_some((threshold, first))
    });
    differing.collect()
}

fn hundredths(number: &str) -> u32 {
    let number: f64 = number.parse().unwrap_or_default();
    (number * 100.0).round() as u32
}

/// What a heading, or a row, decides.
fn decision(text: &str) -> Option<Decision> {
    static WORDS: LazyLock<[(Regex, Decision); 3]> = LazyLock::new(|| {
        [
            (r"(?i)\b(do not|don['’]t|never|no)\b[^.]*\broll ?back|❌ ?no\b|leave it", Decision::Leave),
            (r"(?i)\b(consider|assess|maybe|monitor)\b", Decision::Consider),
            (r"(?i)\b(immediate(ly)?|roll ?back (required|when|if)|when to roll ?back|must roll ?back|roll back at once)\b|✅ ?yes", Decision::RollBack),
        ]
        .map(|(words, decision)| (pattern(words), decision))
    });
    let found = WORDS.iter().find(|(words, _)| words.is_match(text));
    found.map(|(_, decision)| *decision)
}
