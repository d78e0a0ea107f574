//! Looking at a service from outside: which version answers, and whether it works.
//!
//! Each kind of check has a file: what its section of the configuration has, and how it is looked
//! at. What a look means is decided in the domain.

mod fingerprint;
mod flow;
mod http;
mod page;
mod prometheus;

pub use fingerprint::{Fingerprint, FingerprintAt};

use flow::FlowCheck;
use http::HttpCheck;
use jiff::Timestamp;
use prometheus::{Answered, PrometheusCheck};
use reqwest::Client;
use rollback_domain::{
    matrix::{Measure, Sample},
    proof::{Baseline, CheckResult, Criterion, Importance, Reading, Round, Unit},
};
use rollback_settings::{Section, Value, choice, duration, text};
use std::{collections::BTreeMap, time::Duration};
use tokio::task::JoinSet;

/// How long a check may take where nothing else is configured.
const WITHIN: Duration = Duration::from_secs(10);
/// How long the measurements before a rollback, and for the matrix, may take: people wait for them.
const BASELINE_WITHIN: Duration = Duration::from_secs(3);
/// The longest name of a check.
const NAME_AT_MOST: usize = 60;

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
    pub kind: Kind,
}

/// What a check looks at.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A page.
    Http(HttpCheck),
    /// A short list of requests.
    Flow(FlowCheck),
    /// A number of Prometheus.
    Prometheus(PrometheusCheck),
}

/// What can be written after `kind`.
#[derive(Clone, Copy)]
enum KindName {
    Http,
    Flow,
    Prometheus,
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
        const KINDS: [(&str, KindName); 3] = [
            ("http", KindName::Http),
            ("flow", KindName::Flow),
            ("prometheus", KindName::Prometheus),
        ];
        let kind = section.required("kind", "\"http\"", |value| choice(value, &KINDS))?;
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
        let (kind, name) = match kind {
            KindName::Http => {
                let name = section.optional("name", name);
                let check = HttpCheck::read(section);
                let name = name.or(check.as_ref().map(HttpCheck::name));
                (check.map(Kind::Http), name)
            }
            KindName::Flow => {
                let name = section.required("name", "\"checkout\"", name);
                (FlowCheck::read(section).map(Kind::Flow), name)
            }
            KindName::Prometheus => {
                let name = section.required("name", "\"error rate\"", name);
                let check = PrometheusCheck::read(section, importance == Importance::Watch);
                (check.map(Kind::Prometheus), name)
            }
        };
        section.done();
        let check = Self {
            name: name?,
            importance,
            within,
            matrix,
            kind: kind?,
        };
        if let Some(problem) = check.why_not_for_the_matrix() {
            section.mistake("matrix", problem);
            return None;
        }
        Some(check)
    }

    /// Why its number is not one that the matrix can take, as a clause; `None`: it is.
    fn why_not_for_the_matrix(&self) -> Option<&'static str> {
        match (self.matrix?, &self.kind) {
            (_, Kind::Http(_) | Kind::Flow(_)) => Some("is for checks that measure a number"),
            (Measure::ErrorRate | Measure::Users, Kind::Prometheus(check))
                if check.unit != Unit::Ratio =>
            {
                Some("needs a part of one; write unit = \"ratio\" beside it")
            }
            (Measure::ErrorRate | Measure::Users | Measure::Slower, Kind::Prometheus(_)) => None,
        }
    }

    /// Looks once; `baselines` are what was measured before production was changed.
    async fn look(&self, http: &Client, baselines: &[Baseline]) -> CheckResult {
        match &self.kind {
            Kind::Http(check) => CheckResult {
                problem: check.look(http, self.within).await.err(),
                ..self.not_looked_at()
            },
            Kind::Flow(check) => CheckResult {
                problem: check.look(http, self.within).await.err(),
                ..self.not_looked_at()
            },
            Kind::Prometheus(check) => {
                let reading = check.ask(http, self.within).await.reading();
                let mut baselines = baselines.iter();
                let baseline = baselines.find(|baseline| baseline.check == self.name);
                self.criterion(check).judge(&reading, baseline)
            }
        }
    }

    /// Whether it gives a number.
    fn measures(&self) -> bool {
        match self.kind {
            Kind::Http(_) | Kind::Flow(_) => false,
            Kind::Prometheus(_) => true,
        }
    }

    /// What is measured before a rollback; `None`: it does not measure.
    async fn measure(&self, http: &Client, at: Timestamp) -> Option<Baseline> {
        match &self.kind {
            Kind::Http(_) | Kind::Flow(_) => None,
            Kind::Prometheus(check) => {
                let within = self.within.min(BASELINE_WITHIN);
                Some(Baseline {
                    check: self.name.clone(),
                    unit: check.unit.clone(),
                    reading: check.ask(http, within).await.reading(),
                    at,
                })
            }
        }
    }

    /// What it gives at a moment, or gives now, for the matrix; `None`: that takes nothing of it.
    async fn sample(&self, http: &Client, at: Option<Timestamp>) -> Option<Sample> {
        let within = self.within.min(BASELINE_WITHIN);
        match &self.kind {
            Kind::Http(_) | Kind::Flow(_) => None,
            Kind::Prometheus(check) => Some(Sample {
                measure: self.matrix?,
                check: self.name.clone(),
                reading: check.ask_at(http, within, at).await.reading(),
            }),
        }
    }

    fn criterion(&self, check: &PrometheusCheck) -> Criterion {
        Criterion {
            name: self.name.clone(),
            importance: self.importance,
            unit: check.unit.clone(),
            limit: check.limit,
        }
    }

    fn not_looked_at(&self) -> CheckResult {
        CheckResult {
            importance: self.importance,
            ..CheckResult::passed(self.name.clone())
        }
    }

    /// Tries it without changing anything.
    pub async fn try_out(&self, http: &Client) -> Tried {
        match &self.kind {
            Kind::Http(check) if !check.is_read() => Tried::Untried,
            Kind::Flow(check) if !check.is_read() => Tried::Untried,
            Kind::Flow(check) => match check.look(http, self.within).await {
                Ok(()) => Tried::Works("answers as it must".into()),
                Err(problem) => Tried::Fails(format!("{problem}: it fails right now")),
            },
            Kind::Http(check) => match check.look(http, self.within).await {
                Ok(()) => Tried::Works("answers as it must".into()),
                // A service that fails now may be what a rollback is for; an address that leads
                // nowhere is a mistake.
                Err(problem) => match check.leads_somewhere(http, self.within).await {
                    true => Tried::Fails(format!("{problem}: it fails right now")),
                    false => Tried::Wrong(problem),
                },
            },
            Kind::Prometheus(check) => match check.ask(http, self.within).await {
                Answered::Wrong(why) | Answered::Away(why) => Tried::Wrong(why),
                Answered::Measured(reading) => {
                    let result = self.criterion(check).judge(&reading, None);
                    match reading {
                        Reading::Number(_) => Tried::Works(match &result.measured {
                            Some(measured) => format!("is {} now", measured.now_clause()),
                            None => "is measured".into(),
                        }),
                        Reading::NoData => Tried::Unsure(
                            "gives no data right now, which never counts as healthy; an error rate without errors needs `or vector(0)`".into(),
                        ),
                        Reading::Unknown(why) => Tried::Unsure(format!("{why}: not known right now")),
                    }
                }
            },
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
    let checks = checks.iter().filter(|check| check.measures());
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
