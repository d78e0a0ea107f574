//! What was measured for the matrix, beside what people say.

use serde::{Deserialize, Serialize};

use super::{Percent, Symptoms};
use crate::proof::{Number, Reading};

/// A number that rows of the matrix are about and that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The share of requests that fail.
    ErrorRate,
    /// The share of users who are affected.
    Users,
    /// By how much answers are slower than before what is live was deployed.
    Slower,
}

impl Measure {
    /// Every measure, as it is written in a configuration.
    pub const NAMED: [(&str, Measure); 3] = [
        ("error_rate", Measure::ErrorRate),
        ("users", Measure::Users),
        ("slower", Measure::Slower),
    ];

    /// How much it is, as a clause: *6 % of requests fail*.
    pub fn clause(self, percent: Percent) -> String {
        match self {
            Measure::ErrorRate => format!("{percent} % of requests fail"),
            Measure::Users => format!("{percent} % of users are affected"),
            Measure::Slower => format!("answers are {percent} % slower than before"),
        }
    }

    /// What it is a number of.
    fn noun(self) -> &'static str {
        match self {
            Measure::ErrorRate => "the share of requests that fail",
            Measure::Users => "the share of users who are affected",
            Measure::Slower => "how much slower answers are",
        }
    }

    fn of(self, symptoms: &mut Symptoms) -> &mut Option<Percent> {
        match self {
            Measure::ErrorRate => &mut symptoms.error_rate,
            Measure::Users => &mut symptoms.users,
            Measure::Slower => &mut symptoms.slower,
        }
    }
}

/// What a check gave at one moment that the matrix asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What it measures.
    pub measure: Measure,
    /// The name of the check.
    pub check: String,
    /// What it gave.
    pub reading: Reading,
}

/// One number for the matrix, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    measure: Measure,
    check: String,
    percent: Result<Percent, String>,
}

impl Measurement {
    /// What samples of now and of before the deploy tell; `before` is empty where it is not known
    /// when what is live was deployed.
    pub fn all(now: &[Sample], before: &[Sample]) -> Vec<Measurement> {
        let of = |sample: &Sample| Measurement {
            measure: sample.measure,
            check: sample.check.clone(),
            percent: match sample.measure {
                Measure::ErrorRate | Measure::Users => share(&sample.reading),
                Measure::Slower => slower(&sample.reading, earlier(sample, before)),
            },
        };
        now.iter().map(of).collect()
    }

    /// What was measured, as a clause: *6.1 % of requests fail (error rate)*. `named` is what people
    /// say of the same.
    fn clause(&self, named: Option<Percent>) -> String {
        let Measurement {
            measure,
            check,
            percent,
        } = self;
        match (percent, named) {
            (Err(why), _) => format!("{} is not known: {why} ({check})", measure.noun()),
            (Ok(percent), Some(named)) if contradict(*percent, named) => format!(
                "{} ({check}), and not {named} %: the higher one counts",
                measure.clause(*percent)
            ),
            (Ok(percent), _) => format!("{} ({check})", measure.clause(*percent)),
        }
    }
}

/// Adds to what people say what was measured; what was measured, a clause each. Where both are
/// known the higher one counts, so that neither hides what is urgent.
pub fn add_measured(symptoms: &mut Symptoms, measurements: &[Measurement]) -> Vec<String> {
    let mut clauses = vec![];
    for measurement in measurements {
        let known = measurement.measure.of(symptoms);
        clauses.push(measurement.clause(*known));
        if let Ok(percent) = measurement.percent {
            *known = Some(known.map_or(percent, |named| named.max(percent)));
        }
    }
    clauses
}

/// What speaks against the release called `live` as the cause, as a clause: as many requests, or
/// nearly as many, failed before it was there. `None`: they did not, or it cannot be told.
pub fn failed_before(live: &str, now: &[Sample], before: &[Sample]) -> Option<String> {
    let sample = now
        .iter()
        .find(|sample| sample.measure == Measure::ErrorRate)?;
    let now = share(&sample.reading).ok()?;
    let before = share(earlier(sample, before)?).ok()?;
    // Half as many is what people would call the same trouble; a stray error is not.
    let is_same = before.hundredths() >= now.hundredths().div_ceil(2) && before >= NOTICEABLE;
    is_same.then(|| {
        format!(
            "{before} % of requests failed before {live} went live ({})",
            sample.check
        )
    })
}

/// What fewer requests than this fail for is not taken for an incident.
const NOTICEABLE: Percent = Percent(10);

/// What the same check gave before.
fn earlier<'a>(sample: &Sample, before: &'a [Sample]) -> Option<&'a Reading> {
    let mut before = before.iter();
    let earlier = before.find(|earlier| earlier.check == sample.check)?;
    Some(&earlier.reading)
}

/// Whether two numbers of the same tell different things: they are more than a fifth apart.
fn contradict(one: Percent, other: Percent) -> bool {
    let (low, high) = (one.min(other), one.max(other));
    (high.hundredths() - low.hundredths()) * 5 > high.hundredths()
}

/// A number, or why there is none.
fn number(reading: &Reading) -> Result<Number, String> {
    match reading {
        Reading::Number(number) => Ok(*number),
        Reading::NoData => Err("no data".into()),
        Reading::Unknown(why) => Err(why.clone()),
    }
}

/// A part of one as a share.
fn share(reading: &Reading) -> Result<Percent, String> {
    let part = number(reading)?.value();
    match (0.0..=1.0).contains(&part) {
        true => Ok(percent(part)),
        false => Err(format!(
            "the query gives {part}, which is not a part of one"
        )),
    }
}

/// By how much one is more than the other.
fn slower(now: &Reading, before: Option<&Reading>) -> Result<Percent, String> {
    let now = number(now)?.value();
    let Some(before) = before else {
        return Err("when what is live was deployed is not known".into());
    };
    let before = number(before).map_err(|why| format!("before the deploy: {why}"))?;
    match before.value() > 0.0 {
        true => Ok(percent((now / before.value() - 1.0).max(0.0))),
        false => Err("nothing was measured before the deploy to compare with".into()),
    }
}

/// A part of one in hundredths of a percent, as far as they go.
fn percent(part: f64) -> Percent {
    let hundredths = (part * 10_000.0)
        .round()
        .clamp(0.0, f64::from(Percent::MAX.hundredths()));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, and within what a share can be"
    )]
    let hundredths = hundredths as u32;
    Percent::of_hundredths(hundredths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(measure: Measure, check: &str, value: f64) -> Sample {
        Sample {
            measure,
            check: check.into(),
            reading: Reading::Number(Number::new(value).expect("a number")),
        }
    }

    fn silent(measure: Measure, reading: Reading) -> Sample {
        Sample {
            measure,
            check: "error rate".into(),
            reading,
        }
    }

    fn errors(value: f64) -> Sample {
        sample(Measure::ErrorRate, "error rate", value)
    }

    fn p95(value: f64) -> Sample {
        sample(Measure::Slower, "p95", value)
    }

    fn named(error_rate: Option<&str>) -> Symptoms {
        Symptoms {
            error_rate: error_rate.map(|rate| rate.parse().expect(rate)),
            ..Symptoms::default()
        }
    }

    fn added(symptoms: &mut Symptoms, now: &[Sample], before: &[Sample]) -> Vec<String> {
        add_measured(symptoms, &Measurement::all(now, before))
    }

    #[test]
    fn what_is_measured_fills_what_nobody_has_said() {
        let mut symptoms = named(None);
        let now = [errors(0.0613), p95(0.9)];
        assert_eq!(
            added(&mut symptoms, &now, &[p95(0.6)]),
            [
                "6.13 % of requests fail (error rate)",
                "answers are 50 % slower than before (p95)",
            ]
        );
        assert_eq!(symptoms.error_rate, "6.13".parse().ok());
        assert_eq!(symptoms.slower, "50".parse().ok());
    }

    #[test]
    fn the_higher_of_two_counts_and_both_are_shown() {
        for (said, measured, clause, counts) in [
            (
                "6",
                0.002,
                "0.2 % of requests fail (error rate), and not 6 %: the higher one counts",
                "6",
            ),
            (
                "6",
                0.12,
                "12 % of requests fail (error rate), and not 6 %: the higher one counts",
                "12",
            ),
            ("6", 0.058, "5.8 % of requests fail (error rate)", "6"),
        ] {
            let mut symptoms = named(Some(said));
            assert_eq!(added(&mut symptoms, &[errors(measured)], &[]), [clause]);
            assert_eq!(symptoms.error_rate, counts.parse().ok());
        }
    }

    #[test]
    fn what_is_not_measured_is_not_known_and_never_zero() {
        for (now, clause) in [
            (
                silent(Measure::ErrorRate, Reading::NoData),
                "the share of requests that fail is not known: no data (error rate)",
            ),
            (
                silent(Measure::Users, Reading::Unknown("NaN".into())),
                "the share of users who are affected is not known: NaN (error rate)",
            ),
            (
                errors(7.2),
                "the share of requests that fail is not known: the query gives 7.2, which is not a part of one (error rate)",
            ),
            (
                p95(0.9),
                "how much slower answers are is not known: when what is live was deployed is not known (p95)",
            ),
        ] {
            let mut symptoms = named(None);
            assert_eq!(added(&mut symptoms, &[now], &[]), [clause]);
            assert!(symptoms.is_empty());
        }
        let mut symptoms = named(None);
        let before = [Sample {
            reading: Reading::NoData,
            ..p95(0.0)
        }];
        assert_eq!(
            added(&mut symptoms, &[p95(0.9)], &before),
            ["how much slower answers are is not known: before the deploy: no data (p95)"]
        );
        // What has become quicker is not slower.
        added(&mut symptoms, &[p95(0.3)], &[p95(0.6)]);
        assert_eq!(symptoms.slower, "0".parse().ok());
    }

    #[test]
    fn errors_of_before_speak_against_the_deploy() {
        let failed = |now, before| failed_before("v214", &[errors(now)], &[errors(before)]);
        assert_eq!(
            failed(0.06, 0.05).as_deref(),
            Some("5 % of requests failed before v214 went live (error rate)")
        );
        assert_eq!(failed(0.06, 0.02), None);
        assert_eq!(failed(0.0005, 0.0005), None, "hardly any");
        assert_eq!(failed_before("v214", &[errors(0.06)], &[]), None);
    }
}
