//! Tests of the rules next door.

use super::*;

fn number(value: f64) -> Number {
    Number::new(value).unwrap()
}

fn criterion(limit: Limit) -> Criterion {
    Criterion {
        name: "error rate".into(),
        importance: Importance::Must,
        unit: Unit::Ratio,
        limit: Some(limit),
    }
}

fn baseline(reading: Reading) -> Baseline {
    Baseline {
        check: "error rate".into(),
        unit: Unit::Ratio,
        reading,
        at: "2026-03-14T03:12:00Z".parse().unwrap(),
    }
}

/// What is judged of a number, as people read it.
fn judged(limit: Limit, before: f64, now: f64) -> String {
    let before = baseline(Reading::Number(number(before)));
    let result = criterion(limit).judge(&Reading::Number(number(now)), Some(&before));
    let passes = match result.problem {
        None => "passes",
        Some(_) => "fails",
    };
    format!("{passes}: {}", result.clause().unwrap())
}

#[test]
fn a_number_is_judged_against_its_threshold_and_what_it_was() {
    let half = number(0.5);
    let rows = [
        judged(Limit::Below(number(0.001)), 0.072, 0.0005),
        judged(Limit::Below(number(0.001)), 0.072, 0.069),
        judged(Limit::Below(number(0.001)), 0.072, 0.001),
        judged(Limit::Below(number(0.001)), 0.072, 0.0010001),
        judged(Limit::Below(number(0.001)), 0.072 - 1e-15, 0.072 + 1e-15),
        judged(Limit::Above(number(0.99)), 0.9, 0.995),
        judged(Limit::Above(number(0.99)), 0.9, 0.9),
        judged(Limit::FallsTo(half), 0.072, 0.036),
        judged(Limit::FallsTo(half), 0.072, 0.037),
        judged(Limit::RisesTo(half), 0.9, 0.45),
        judged(Limit::RisesTo(half), 0.9, 0.44),
        judged(Limit::StaysWithin(number(0.02)), 0.5, 0.51),
        judged(Limit::StaysWithin(number(0.02)), 0.5, 0.48),
        judged(Limit::StaysWithin(number(0.02)), 0.5, 0.52),
        judged(Limit::FallsTo(half), 0.0, 0.0),
        judged(Limit::FallsTo(half), 0.0, 0.001),
    ];
    insta::assert_snapshot!(rows.join("\n"), @"
    passes: error rate 0.05 % (before 7.2 %, threshold 0.1 %)
    fails: error rate 6.9 % (before 7.2 %, threshold 0.1 %) is too high
    fails: error rate 0.1 % (before 7.2 %, threshold 0.1 %) is too high
    fails: error rate 0.10001 % (before 7.2 %, threshold 0.1 %) is too high
    fails: error rate 7.2 % (before 7.2 %, threshold 0.1 %) is too high
    passes: error rate 99.5 % (before 90 %, threshold 99 %)
    fails: error rate 90 % (before 90 %, threshold 99 %) is too low
    passes: error rate 3.6 % (before 7.2 %, threshold 3.6 %)
    fails: error rate 3.7 % (before 7.2 %, threshold 3.6 %) is too high
    passes: error rate 45 % (before 90 %, threshold 45 %)
    fails: error rate 44 % (before 90 %, threshold 45 %) is too low
    passes: error rate 51 % (before 50 %, threshold ±2 %)
    fails: error rate 48 % (before 50 %, threshold ±2 %) is too low
    fails: error rate 52 % (before 50 %, threshold ±2 %) is too high
    passes: error rate 0 % (before 0 %, threshold 0 %)
    fails: error rate 0.1 % (before 0 %, threshold 0 %) is too high
    ");
}

#[test]
fn what_is_not_known_neither_passes_nor_fails() {
    let unknown = |limit, now: Reading, before: Option<Reading>| {
        let before = before.map(baseline);
        let result = criterion(limit).judge(&now, before.as_ref());
        assert!(result.is_unknown);
        assert!(result.problem.is_some());
        result.clause().unwrap()
    };
    let (below, falls) = (Limit::Below(number(0.001)), Limit::FallsTo(number(0.5)));
    let now = || Reading::Number(number(0.0005));
    let away = || Reading::Unknown("Prometheus is not answering".into());
    let rows = [
        unknown(below, Reading::NoData, Some(now())),
        unknown(below, away(), None),
        unknown(falls, now(), None),
        unknown(falls, now(), Some(Reading::NoData)),
        unknown(falls, now(), Some(away())),
    ];
    insta::assert_snapshot!(rows.join("\n"), @"
    error rate not known: no data
    error rate not known: Prometheus is not answering
    error rate not known: nothing was measured before to compare with
    error rate not known: nothing to compare with (before: no data)
    error rate not known: nothing to compare with (before: not known, Prometheus is not answering)
    ");
    // A threshold needs no baseline.
    let result = criterion(below).judge(&now(), None);
    assert_eq!(result.problem, None);
    insta::assert_snapshot!(result.clause().unwrap(), @"error rate 0.05 % (before not known, threshold 0.1 %)");
}

#[test]
fn a_number_is_finite_and_is_read_back_as_it_was_written() {
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e16] {
        assert_eq!(Number::new(wrong), None);
    }
    for value in [0.0, -0.0, 0.1 + 0.2, 1.0 / 3.0, 5e-324, -12.5, 1e15] {
        let stored = serde_json::to_string(&number(value)).unwrap();
        assert_eq!(
            serde_json::from_str::<Number>(&stored).unwrap(),
            number(value)
        );
    }
    assert!(serde_json::from_str::<Number>("\"NaN\"").is_err());
}

#[test]
fn a_number_is_read_with_its_unit() {
    let readable = |unit: Unit, value: f64| unit.spell(number(value), 3);
    let rows = [
        readable(Unit::Ratio, 0.072),
        readable(Unit::Ratio, 1.0),
        readable(Unit::Count, 0.0),
        readable(Unit::Count, 1_234_567.0),
        readable(Unit::Count, 999.96),
        readable(Unit::Count, -0.012345),
        readable(Unit::Count, 0.000_000_012),
        readable(Unit::Named("ms".into()), 180.25),
    ];
    insta::assert_snapshot!(rows.join("\n"), @"
    7.2 %
    100 %
    0
    1234567
    1000
    -0.0123
    1.20e-8
    180 ms
    ");
}
