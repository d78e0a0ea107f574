//! Tests of the rules next door.

use super::*;
use crate::release::Release;

fn target() -> Release {
    serde_json::from_value(serde_json::json!({ "id": "v212", "version": "v212" })).unwrap()
}

fn failed(name: &str, problem: &str) -> CheckResult {
    CheckResult {
        problem: Some(problem.into()),
        ..CheckResult::passed(name.into())
    }
}

fn with(importance: Importance, check: CheckResult) -> CheckResult {
    CheckResult {
        importance,
        ..check
    }
}

fn round(version: &str, checks: Vec<CheckResult>) -> Round {
    Round {
        version: Some(Ok(version.into())),
        instances: vec![],
        checks,
    }
}

/// What one round is taken for, and the verdict if it is the last before the time is over.
fn taken(round: Round) -> String {
    let mut proof = Proof::default();
    proof.take(round, Some(&target()));
    let good = proof.streak > 0;
    let meaning = match (good, proof.failing > 0) {
        (true, _) => "good",
        (false, true) => "bad",
        (false, false) => "undecided",
    };
    proof.conclude(true, good, Some(&target()));
    let text = proof.last.as_ref().map(Round::text).unwrap_or_default();
    format!(
        "{meaning} · {} · {text}\n  {}",
        proof.word(),
        proof.sentence("v212", Way::Back)
    )
}

#[test]
fn a_round_means_what_the_checks_that_must_pass_say() {
    let passed = || CheckResult::passed("health".into());
    let broken = || failed("search", "answered 500");
    let away = || CheckResult::passed("error rate".into()).unknown("no data");
    let rows = [
        taken(round("v212", vec![passed()])),
        taken(round("v212", vec![passed(), broken()])),
        taken(round("v212", vec![passed(), away()])),
        taken(round("v212", vec![broken(), away()])),
        taken(round("v213", vec![away()])),
        taken(round(
            "v212",
            vec![passed(), with(Importance::Should, broken())],
        )),
        taken(round(
            "v212",
            vec![passed(), with(Importance::Should, away())],
        )),
        taken(round("v212", vec![with(Importance::Watch, broken())])),
    ];
    insta::assert_snapshot!(rows.join("\n"), @"
    good · VERIFIED · version v212 answers, 1/1 checks pass
      v212 answers from outside and passes its checks.
    bad · SERVING, STILL FAILING · version v212 answers, 1/2 checks pass: search answered 500
      v212 is live and checks still fail. The rollback worked, so the problem is probably elsewhere.
    undecided · SERVING, UNPROVEN · version v212 answers, 1/2 checks pass: error rate not known: no data
      v212 is live, and that it works is not proven by error rate: no data. Check by hand.
    bad · SERVING, STILL FAILING · version v212 answers, 0/2 checks pass: search answered 500; error rate not known: no data
      v212 is live and checks still fail. The rollback worked, so the problem is probably elsewhere.
    bad · SERVING, NOT VERIFIED · version v213 answers, 0/1 checks pass: error rate not known: no data
      The platform says v212 is live, but users still get v213. Check the cache or CDN.
    good · VERIFIED · version v212 answers, 1/1 checks pass, should: search answered 500
      v212 answers from outside and passes its checks.
    good · VERIFIED · version v212 answers, 1/1 checks pass, should: error rate not known: no data
      v212 answers from outside and passes its checks.
    good · VERIFIED · version v212 answers, no check has to pass, watched: search answered 500
      v212 answers from outside and passes its checks.
    ");
}

#[test]
fn every_address_has_to_name_the_target() {
    let answers = |versions: &[Result<&str, &str>]| {
        let instances = versions.iter().enumerate().map(|(n, version)| Instance {
            url: format!("https://{n}.example.com/"),
            version: version.map(str::to_owned).map_err(str::to_owned),
            is_target: false,
        });
        taken(Round {
            version: None,
            instances: instances.collect(),
            checks: vec![],
        })
    };
    let rows = [
        answers(&[Ok("v212"), Ok("v212")]),
        answers(&[Ok("v212"), Ok("v212"), Ok("v212"), Ok("v213")]),
        answers(&[
            Ok("v213"),
            Ok("v213"),
            Err("https://2.example.com/ answered 500"),
        ]),
        answers(&[Ok("v212"), Err("https://1.example.com/ answered 500")]),
    ];
    insta::assert_snapshot!(rows.join("\n"), @"
    good · VERIFIED · version v212 answers at all 2 addresses, no checks configured
      v212 answers from outside and passes its checks.
    bad · SERVING, NOT VERIFIED · serving 3/4, https://3.example.com/ answers v213, no checks configured
      The platform says v212 is live, but from outside it is serving 3/4, https://3.example.com/ answers v213. Check what has not been replaced there, and the cache or CDN.
    bad · SERVING, NOT VERIFIED · serving 0/3, https://0.example.com/ answers v213 (and 2 more), no checks configured
      The platform says v212 is live, but from outside it is serving 0/3, https://0.example.com/ answers v213 (and 2 more). Check what has not been replaced there, and the cache or CDN.
    bad · SERVING, NOT VERIFIED · serving 1/2, version not read: https://1.example.com/ answered 500, no checks configured
      The platform says v212 is live, but from outside it is serving 1/2, version not read: https://1.example.com/ answered 500. Check what has not been replaced there, and the cache or CDN.
    ");
}

#[test]
fn another_number_is_no_news_and_another_answer_is() {
    let measured = |now: f64| {
        let criterion = Criterion {
            name: "error rate".into(),
            importance: Importance::Must,
            unit: Unit::Ratio,
            limit: Some(Limit::Below(Number::new(0.001).unwrap())),
        };
        let reading = Reading::Number(Number::new(now).unwrap());
        round("v212", vec![criterion.judge(&reading, None)])
    };
    let mut proof = Proof::default();
    assert!(proof.take(measured(0.0004), Some(&target())));
    proof.conclude(true, true, Some(&target()));
    assert!(!proof.take(measured(0.0005), Some(&target())));
    assert_eq!(proof.seen_since(), None);
    assert!(proof.take(measured(0.06), Some(&target())));
    insta::assert_snapshot!(proof.seen_since().unwrap(), @"version v212 answers, 0/1 checks pass: error rate 6 % (before not known, threshold 0.1 %) is too high");
}

#[test]
fn a_round_of_an_earlier_version_is_read() {
    let stored = r#"{"version":{"Ok":"v212"},"checks":[{"name":"GET /","problem":null}]}"#;
    let read: Round = serde_json::from_str(stored).unwrap();
    assert_eq!(
        read,
        round("v212", vec![CheckResult::passed("GET /".into())])
    );
    assert_eq!(serde_json::to_string(&read).unwrap(), stored);
}
