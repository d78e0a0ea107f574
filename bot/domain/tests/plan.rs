//! Plans forward: what is drawn when a rollback is undone.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

use jiff::Timestamp;
use rollback_domain::{
    grammar::Target,
    history::{History, Past},
    identity::{RollbackId, ServiceKey},
    plan::{Aim, Basis, Plan, Unships},
    platform::Effects,
    refusal::Refusal,
    release::{Candidate, Pin, Release, Surface, Survey, Way},
    risk::{Caution, Risk, RiskRules},
};

fn now() -> Timestamp {
    "2026-03-14T03:12:00Z".parse().unwrap()
}

/// v214 to v211, all of which have served, with one of them live.
fn survey(live: &str) -> Survey {
    Survey {
        before_pin: serde_json::Value::Null,
        window: None,
        candidates: ["v214", "v213", "v212", "v211"]
            .map(|id| Candidate {
                release: Release {
                    version: Some(id.into()),
                    live_since: Some(now()),
                    ..Release::unknown(id)
                },
                barred: None,
                barred_forward: None,
            })
            .into(),
        surfaces: vec![Surface {
            name: "shop.example.com".into(),
            live: Some(live.into()),
        }],
        pin: Pin::On,
        in_flight: None,
        memory: serde_json::Value::Null,
    }
}

fn draw(survey: &Survey, to: &str, undoes: Option<RollbackId>) -> Result<Plan, Refusal> {
    draw_after(&History::default(), survey, to, undoes)
}

fn draw_after(
    history: &History,
    survey: &Survey,
    to: &str,
    undoes: Option<RollbackId>,
) -> Result<Plan, Refusal> {
    let effects = Effects {
        outage: None,
        timing: rollback_domain::platform::Timing::default(),
        platform: "Vercel".into(),
        restores: vec!["code".into()],
        leaves: vec!["database".into()],
        after: None,
        holds: rollback_domain::platform::Holds::Not,
        undoable: true,
        class: Risk::Code,
    };
    let aim = Aim {
        part: None,
        target: Target::Named(to.into()),
        utc_offset: 0,
        undoes,
    };
    let basis = Basis {
        survey,
        effects: &effects,
        history,
        risks: &RiskRules::default(),
    };
    Plan::draw(basis, &aim, now())
}

#[test]
fn an_undo_goes_to_a_newer_release_and_loses_none() {
    let survey = survey("v212");
    let refused = draw(&survey, "v213", None);
    assert!(
        matches!(refused, Err(Refusal::TargetNotEligible { .. })),
        "{refused:?}"
    );
    let plan = draw(&survey, "v213", Some(RollbackId::new(41))).unwrap();
    assert_eq!((plan.way, plan.to.label()), (Way::Forward, "v213"));
    assert_eq!(plan.chosen, "undo of RB-41");
    assert_eq!(plan.unships, Unships::Known(vec![]));
    assert_eq!(plan.risk, Risk::Code);
    // It is where production is already.
    let refused = draw(&survey, "v212", Some(RollbackId::new(41)));
    assert!(
        matches!(refused, Err(Refusal::TargetIsLive { .. })),
        "{refused:?}"
    );
}

#[test]
fn an_undo_that_turns_out_to_go_back_says_what_is_lost() {
    let plan = draw(&survey("v214"), "v212", Some(RollbackId::new(41))).unwrap();
    assert_eq!(
        (plan.way, plan.chosen.as_str()),
        (Way::Forward, "undo of RB-41")
    );
    let Unships::Known(lost) = &plan.unships else {
        panic!("{:?}", plan.unships)
    };
    assert_eq!(
        lost.iter().map(Release::label).collect::<Vec<_>>(),
        ["v214", "v213"]
    );
    let mut unlisted = survey("v999");
    unlisted.candidates.truncate(3);
    let plan = draw(&unlisted, "v212", Some(RollbackId::new(41))).unwrap();
    assert!(matches!(plan.unships, Unships::Unknown(_)));
}

#[test]
fn each_way_has_its_own_bar() {
    let mut survey = survey("v212");
    survey.candidates[1].barred = Some("it is not offered".into());
    assert!(draw(&survey, "v213", Some(RollbackId::new(41))).is_ok());
    survey.candidates[1].barred_forward = Some("it was deleted".into());
    match draw(&survey, "v213", Some(RollbackId::new(41))) {
        Err(Refusal::TargetNotEligible { why, .. }) => assert_eq!(why, "it was deleted"),
        other => panic!("{other:?}"),
    }
    survey.candidates[3].barred_forward = Some("it was deleted".into());
    assert!(draw(&survey, "v211", None).is_ok());
}

#[test]
fn an_undo_goes_to_what_a_rollback_left_and_says_so() {
    let history = History(vec![Past {
        id: RollbackId::new(41),
        way: Way::Back,
        left: Some("v214".into()),
        to: "v0".into(),
        at: now(),
    }]);
    let plan = draw_after(&history, &survey("v213"), "v214", Some(RollbackId::new(41))).unwrap();
    assert_eq!(plan.risk, Risk::Caution);
    assert_eq!(
        plan.cautions,
        [Caution::OnceBad {
            rollback: RollbackId::new(41),
            at: now()
        }]
    );
}

#[test]
fn an_approval_is_for_one_way() {
    let back = draw(&survey("v214"), "v212", None).unwrap();
    let forward = draw(&survey("v214"), "v212", Some(RollbackId::new(41))).unwrap();
    let hash = |plan: &Plan| plan.hash(&ServiceKey::new("frontend", "production"));
    assert_ne!(hash(&back), hash(&forward));
    // What was stored before there were two ways went back.
    let mut stored = serde_json::to_value(&back).unwrap();
    stored.as_object_mut().unwrap().remove("way").unwrap();
    assert_eq!(serde_json::from_value::<Plan>(stored).unwrap(), back);
    let aim: Aim =
        serde_json::from_value(serde_json::json!({"target": Target::Previous, "utc_offset": 0}))
            .unwrap();
    assert_eq!((aim.undoes, aim.way()), (None, Way::Back));
}
