//! Looking at a service from outside: which version answers, and whether it works.
//!
//! Each kind of check has a file: what its section of the configuration has, and how it is looked
//! at. What a look means is decided in the domain.

mod command;
mod fingerprint;
mod flow;
mod http;
mod number;
mod page;
mod prometheus;
mod sql;

pub use fingerprint::{Fingerprint, FingerprintAt};

use async_trait::async_trait;
use jiff::Timestamp;
use number::NumberRule;
use reqwest::Client;
use rollback_domain::{
    matrix::{Measure, Sample},
    proof::{Baseline, CheckResult, Criterion, Importance, Reading, Round, Unit},
};
use rollback_settings::{Section, Value, choice, duration, text};
use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};
use tokio::task::JoinSet;

/// Every kind of check.
const KINDS: &[Kind] = &[
    Kind::named_by_itself("http", http::read),
    Kind::named("flow", "checkout", flow::read),
    Kind::named("prometheus", "error rate", prometheus::read),
    Kind::named("sql", "orders", sql::read),
    Kind::named("command", "smoke test", command::read),
];

/// How long a check may take where nothing else is configured.
const WITHIN: Duration = Duration::from_secs(10);
/// How long the measurements before a rollback, and for the matrix, may take: people wait for them.
const BASELINE_WITHIN: Duration = Duration::from_secs(3);
/// The longest name of a check.
const NAME_AT_MOST: usize = 60;

/// A kind of check.
struct Kind {
    /// What is written after `kind`.
    word: &'static str,
    /// What one could be called, where the configuration has to name it; `None`: it has a name.
    example: Option<&'static str>,
    /// Reads its section, and whether it is only watched.
    read: fn(&Section<'_>, bool) -> Option<Arc<dyn Probe>>,
}

impl Kind {
    const fn named_by_itself(
        word: &'static str,
        read: fn(&Section<'_>, bool) -> Option<Arc<dyn Probe>>,
    ) -> Self {
        Self {
            word,
            example: None,
            read,
        }
    }

    const fn named(
        word: &'static str,
        example: &'static str,
        read: fn(&Section<'_>, bool) -> Option<Arc<dyn Probe>>,
    ) -> Self {
        Self {
            word,
            example: Some(example),
            read,
        }
    }
}

/// One look at the world. It judges nothing: what a number or a silence means is decided in the
/// domain.
#[async_trait]
trait Probe: Debug + Send + Sync {
    /// Looks once, within so long.
    async fn probe(&self, http: &Client, within: Duration) -> Outcome;

    /// Looks at what was so at a moment before, within so long.
    async fn probe_at(&self, _http: &Client, _within: Duration, _at: Timestamp) -> Outcome {
        Outcome::Away("what was so at a moment before cannot be asked".into())
    }

    /// What its number counts and must be; `None`: it measures none.
    fn rule(&self) -> Option<&NumberRule> {
        None
    }

    /// What it is called where the configuration gives it no name.
    fn name(&self) -> Option<String> {
        None
    }

    /// Whether it changes nothing.
    fn is_read(&self) -> bool {
        true
    }

    /// What it needs and is not there, as a clause, as far as that is told without trying it.
    fn missing(&self) -> Option<String> {
        None
    }

    /// What to do where it gives no data, as the end of a sentence; empty: nothing is known.
    fn why_no_data(&self) -> &'static str {
        ""
    }

    /// Whether what it fails at is there, so that it is no mistake of the configuration.
    async fn leads_somewhere(&self, _http: &Client, _within: Duration) -> bool {
        true
    }
}

/// What one look has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// It is as it must be.
    Passed,
    /// It is not; what was seen instead, as a clause.
    Failed(String),
    /// It was measured, and there may be no number.
    Measured(Reading),
    /// It can never be told as it is configured, for this reason, as a clause.
    Wrong(String),
    /// It cannot be told now, for this reason, as a clause.
    Away(String),
}

impl Outcome {
    fn of(looked: Result<(), String>) -> Self {
        match looked {
            Ok(()) => Outcome::Passed,
            Err(problem) => Outcome::Failed(problem),
        }
    }

    /// What is known of a number after it; `None`: it is about none.
    fn reading(self) -> Option<Reading> {
        match self {
            Outcome::Measured(reading) => Some(reading),
            Outcome::Wrong(why) | Outcome::Away(why) | Outcome::Failed(why) => {
                Some(Reading::Unknown(why))
            }
            Outcome::Passed => None,
        }
    }
}

/// Something that must, should or may be seen of a service.
#[derive(Clone, Debug)]
pub struct Check {
    /// What people call it.
    pub name: String,
    /// How much depends on it.
    pub importance: Importance,
    /// How long it may take.
    pub within: Duration,
    /// What the decision matrix takes its number for; `None`: nothing.
    pub matrix: Option<Measure>,
    /// What is looked at.
    probe: Arc<dyn Probe>,
}

/// Reads every section `[[…verify]]`.
pub fn read(sections: &[Section<'_>]) -> Option<Vec<Check>> {
    let checks: Vec<Option<Check>> = sections.iter().map(Check::read).collect();
    // What was measured before is found again by its name.
    let mut names: BTreeMap<&str, &Section<'_>> = BTreeMap::new();
    for (section, check) in sections.iter().zip(&checks) {
        if let Some(check) = check
            && section.get("name").is_some()
            && let Some(first) = names.insert(&check.name, section)
        {
            let problem = format!("is the name of {} too; give it another one", first.path());
            section.mistake("name", problem);
        }
    }
    let mut measures: BTreeMap<Measure, &Section<'_>> = BTreeMap::new();
    for (section, check) in sections.iter().zip(&checks) {
        if let Some(measure) = check.as_ref().and_then(|check| check.matrix)
            && let Some(first) = measures.insert(measure, section)
        {
            let problem = format!("is measured by {} already; keep one", first.path());
            section.mistake("matrix", problem);
        }
    }
    checks.into_iter().collect()
}

impl Check {
    fn read(section: &Section<'_>) -> Option<Self> {
        let kinds: Vec<(&'static str, &Kind)> =
            KINDS.iter().map(|kind| (kind.word, kind)).collect();
        let kind = section.required("kind", "\"http\"", |value| choice(value, &kinds))?;
        let matrix = section.optional("matrix", |value| choice(value, &Measure::NAMED));
        let importance = section.or("require", Importance::Must, |value| {
            choice(
                value,
                &[
                    ("must", Importance::Must),
                    ("should", Importance::Should),
                    ("watch", Importance::Watch),
                ],
            )
        });
        let within = section.or(
            "within",
            WITHIN,
            duration(Duration::from_millis(100)..=Duration::from_secs(60)),
        );
        let called = match kind.example {
            Some(example) => section.required("name", &format!("{example:?}"), name),
            None => section.optional("name", name),
        };
        let probe = (kind.read)(section, importance == Importance::Watch);
        section.done();
        let probe = probe?;
        if let Some(problem) = why_not_for_the_matrix(matrix, probe.as_ref()) {
            section.mistake("matrix", problem);
            return None;
        }
        Some(Self {
            name: called.or_else(|| probe.name())?,
            importance,
            within,
            matrix,
            probe,
        })
    }

    /// Looks once; `baselines` are what was measured before production was changed.
    async fn look(&self, http: &Client, baselines: &[Baseline]) -> CheckResult {
        let outcome = self.probe.probe(http, self.within).await;
        match (outcome, self.criterion()) {
            (Outcome::Passed, _) => self.not_looked_at(),
            (Outcome::Failed(problem), _) => CheckResult {
                problem: Some(problem),
                ..self.not_looked_at()
            },
            (Outcome::Measured(reading), Some(criterion)) => {
                let mut baselines = baselines.iter();
                let baseline = baselines.find(|baseline| baseline.check == self.name);
                criterion.judge(&reading, baseline)
            }
            (Outcome::Measured(_), None) => self.not_looked_at(),
            (Outcome::Wrong(why) | Outcome::Away(why), _) => self.not_looked_at().unknown(&why),
        }
    }

    /// What is measured before a rollback; `None`: it does not measure.
    async fn measure(&self, http: &Client, at: Timestamp) -> Option<Baseline> {
        let rule = self.probe.rule()?;
        let within = self.within.min(BASELINE_WITHIN);
        let outcome = self.probe.probe(http, within).await;
        Some(Baseline {
            check: self.name.clone(),
            unit: rule.unit.clone(),
            reading: outcome.reading()?,
            at,
        })
    }

    /// What it gives at a moment, or gives now, for the matrix; `None`: that takes nothing of it.
    async fn sample(&self, http: &Client, at: Option<Timestamp>) -> Option<Sample> {
        let within = self.within.min(BASELINE_WITHIN);
        let measure = self.matrix?;
        let outcome = match at {
            Some(at) => self.probe.probe_at(http, within, at).await,
            None => self.probe.probe(http, within).await,
        };
        Some(Sample {
            measure,
            check: self.name.clone(),
            reading: outcome.reading()?,
        })
    }

    /// What its number must be; `None`: it measures none.
    fn criterion(&self) -> Option<Criterion> {
        let rule = self.probe.rule()?;
        Some(Criterion {
            name: self.name.clone(),
            importance: self.importance,
            unit: rule.unit.clone(),
            limit: rule.limit,
        })
    }

    fn not_looked_at(&self) -> CheckResult {
        CheckResult {
            importance: self.importance,
            ..CheckResult::passed(self.name.clone())
        }
    }

    /// Tries it without changing anything.
    pub async fn try_out(&self, http: &Client) -> Tried {
        if !self.probe.is_read() {
            return match self.probe.missing() {
                Some(why) => Tried::Wrong(why),
                None => Tried::Untried,
            };
        }
        match self.probe.probe(http, self.within).await {
            Outcome::Passed => Tried::Works("answers as it must".into()),
            // A service that fails now may be what a rollback is for; an address that leads nowhere
            // is a mistake.
            Outcome::Failed(problem) => match self.probe.leads_somewhere(http, self.within).await {
                true => Tried::Fails(format!("{problem}: it fails right now")),
                false => Tried::Wrong(problem),
            },
            Outcome::Wrong(why) | Outcome::Away(why) => Tried::Wrong(why),
            Outcome::Measured(Reading::NoData) => Tried::Unsure(format!(
                "gives no data right now, which never counts as healthy{}",
                self.probe.why_no_data()
            )),
            Outcome::Measured(Reading::Unknown(why)) => {
                Tried::Unsure(format!("{why}: not known right now"))
            }
            Outcome::Measured(reading @ Reading::Number(_)) => {
                let judged = self
                    .criterion()
                    .map(|criterion| criterion.judge(&reading, None));
                let measured = judged.and_then(|result| result.measured);
                Tried::Works(match measured {
                    Some(measured) => format!("is {} now", measured.now_clause()),
                    None => "is measured".into(),
                })
            }
        }
    }
}

/// What trying a check has shown, as a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It works.
    Works(String),
    /// It does not pass now, which may be what a rollback is for.
    Fails(String),
    /// It cannot be told now.
    Unsure(String),
    /// It was not tried, because that could change something.
    Untried,
    /// It can never work as it is configured.
    Wrong(String),
}

/// One round: the fingerprint and every check, all at once, each with a time limit of its own.
pub async fn look(
    http: &Client,
    fingerprint: Option<&Fingerprint>,
    checks: &[Check],
    baselines: &[Baseline],
) -> Round {
    let instances = async {
        match fingerprint {
            Some(fingerprint) => fingerprint.look(http).await,
            None => vec![],
        }
    };
    let (mut instances, checks) = tokio::join!(instances, look_at_all(http, checks, baselines));
    let version = instances.first().map(|first| first.version.clone());
    if let [_] = instances.as_slice() {
        instances.clear();
    }
    Round {
        version,
        instances,
        checks,
    }
}

/// Makes every check at once; what they saw, in their order.
async fn look_at_all(http: &Client, checks: &[Check], baselines: &[Baseline]) -> Vec<CheckResult> {
    let mut looking = JoinSet::new();
    for (place, check) in checks.iter().cloned().enumerate() {
        let (http, baselines) = (http.clone(), baselines.to_vec());
        looking.spawn(async move { (place, check.look(&http, &baselines).await) });
    }
    // One that does not come back was not seen to be good.
    let results = checks.iter().map(|check| CheckResult {
        problem: Some("could not be checked".to_owned()),
        ..check.not_looked_at()
    });
    let mut results: Vec<CheckResult> = results.collect();
    while let Some(looked) = looking.join_next().await {
        if let Ok((place, result)) = looked {
            results[place] = result;
        }
    }
    results
}

/// What every check that measures says now, all asked at once. It is what a rollback is compared
/// with; what does not answer soon is not known, and keeps nobody waiting.
pub async fn measure(http: &Client, checks: &[Check], at: Timestamp) -> Vec<Baseline> {
    let mut measuring = JoinSet::new();
    let checks = checks.iter().filter(|check| check.probe.rule().is_some());
    for (place, check) in checks.cloned().enumerate() {
        let http = http.clone();
        measuring.spawn(async move { (place, check.measure(&http, at).await) });
    }
    let mut measured = vec![];
    while let Some(one) = measuring.join_next().await {
        if let Ok((place, Some(baseline))) = one {
            measured.push((place, baseline));
        }
    }
    measured.sort_by_key(|(place, _)| *place);
    measured.into_iter().map(|(_, baseline)| baseline).collect()
}

/// What every check that the matrix takes a number from gives at a moment, or now; all asked at once,
/// and what does not answer soon is not known.
pub async fn for_the_matrix(http: &Client, checks: &[Check], at: Option<Timestamp>) -> Vec<Sample> {
    let mut asking = JoinSet::new();
    for (place, check) in checks.iter().enumerate() {
        if check.matrix.is_some() {
            let (http, check) = (http.clone(), check.clone());
            asking.spawn(async move { (place, check.sample(&http, at).await) });
        }
    }
    let mut samples = BTreeMap::new();
    while let Some(asked) = asking.join_next().await {
        if let Ok((place, Some(sample))) = asked {
            samples.insert(place, sample);
        }
    }
    samples.into_values().collect()
}

/// Why a number is not one that the matrix can take for this, as a clause; `None`: it is.
fn why_not_for_the_matrix(measure: Option<Measure>, probe: &dyn Probe) -> Option<&'static str> {
    match (measure?, probe.rule()) {
        (_, None) => Some("is for checks that measure a number"),
        (Measure::ErrorRate | Measure::Users, Some(rule)) if rule.unit != Unit::Ratio => {
            Some("needs a part of one; write unit = \"ratio\" beside it")
        }
        (Measure::ErrorRate | Measure::Users | Measure::Slower, Some(_)) => None,
    }
}

/// The name of a check, which stands in every sentence about it.
fn name(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    match name.chars().count() > NAME_AT_MOST || name.contains(char::is_control) {
        true => Err(format!(
            "is no name; write at most {NAME_AT_MOST} letters on one line"
        )),
        false => Ok(name),
    }
}

#[cfg(test)]
mod tests;
