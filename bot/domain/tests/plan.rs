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
        ..Survey::default()
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
        service: &ServiceKey::new("frontend", "production"),
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
    let history = History::from(vec![Past::asked(
        RollbackId::new(41),
        Way::Back,
        Some("v214".into()),
        "v0".into(),
        now(),
    )]);
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

/// `survey` with other names for its releases: id, version, commit.
fn named(live: &str, names: &[(&str, &str, &str)]) -> Survey {
    let survey = survey(live);
    let candidates = survey.candidates.iter().zip(names);
    Survey {
        candidates: candidates
            .map(|(candidate, (id, version, sha))| Candidate {
                release: Release {
                    id: (*id).into(),
                    version: Some((*version).into()),
                    sha: Some((*sha).into()),
                    ..candidate.release.clone()
                },
                ..candidate.clone()
            })
            .collect(),
        ..survey
    }
}

#[test]
fn an_id_is_that_release_whatever_others_are_called() {
    let survey = named(
        "dpl_c",
        &[
            ("dpl_c", "v214", "ccccccc1"),
            ("dpl_b", "dpl_a", "bbbbbbb1"),
            ("dpl_a", "v212", "aaaaaaa1"),
        ],
    );
    assert_eq!(draw(&survey, "dpl_a", None).unwrap().to.id, "dpl_a");
    // And the other one does not look like it.
    let survey = survey.without_borrowed_names();
    assert_eq!(survey.release("dpl_b").label(), "bbbbbbb");
    assert_eq!(survey.release("dpl_a").label(), "v212");
}

#[test]
fn two_releases_of_one_name_are_a_question() {
    let mut survey = named(
        "dpl_d",
        &[
            ("dpl_d", "v214", "ddddddd1"),
            ("dpl_c", "v213", "ccccccc1"),
            ("dpl_b", "v213", "bbbbbbb1"),
            ("dpl_a", "V213", "bbbbbbb1"),
        ],
    );
    let asked = |survey: &Survey, name: &str| match draw(survey, name, None) {
        Err(Refusal::WhichTarget { known, .. }) => {
            known.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(asked(&survey, "v213"), ["dpl_c", "dpl_b"]);
    assert_eq!(asked(&survey, "bbbbbbb"), ["dpl_b", "dpl_a"]);
    // What is called exactly so is meant, and an id names one.
    assert_eq!(draw(&survey, "V213", None).unwrap().to.id, "dpl_a");
    assert_eq!(draw(&survey, "dpl_b", None).unwrap().to.id, "dpl_b");
    // There is nothing to ask where only one of them can be meant.
    survey.candidates[1].barred = Some("its build failed".into());
    assert_eq!(draw(&survey, "v213", None).unwrap().to.id, "dpl_b");
}

#[test]
fn what_was_chosen_by_its_id_is_not_looked_for_among_names() {
    let survey = named("dpl_c", &[("dpl_c", "v214", "c"), ("dpl_b", "dpl_x", "b")]);
    let history = History::default();
    let effects = draw(&survey, "dpl_b", None).unwrap().effects;
    let basis = Basis {
        service: &ServiceKey::new("frontend", "production"),
        survey: &survey,
        effects: &effects,
        history: &history,
        risks: &RiskRules::default(),
    };
    let aim = Aim {
        target: Target::Id("dpl_x".into()),
        utc_offset: 0,
        undoes: None,
        part: None,
    };
    let refused = Plan::draw(basis, &aim, now());
    assert!(
        matches!(refused, Err(Refusal::UnknownTarget { .. })),
        "{refused:?}"
    );
}

#[test]
fn an_approval_is_for_what_the_target_is() {
    let hash = |plan: &Plan| plan.hash(&ServiceKey::new("frontend", "production"));
    let plan = draw(&survey("v214"), "v212", None).unwrap();
    let mut renamed = plan.clone();
    renamed.to.version = Some("v212-hotfix".into());
    let mut rebuilt = plan.clone();
    rebuilt.to.sha = Some("ccccccc".into());
    let rewritten = Plan {
        content: Some("5d41402a".into()),
        ..plan.clone()
    };
    let mut hashes = [&plan, &renamed, &rebuilt, &rewritten].map(hash).to_vec();
    hashes.sort_by(|a, b| a.0.cmp(&b.0));
    hashes.dedup();
    assert_eq!(hashes.len(), 4, "{hashes:?}");
}

/// A rollback that left `left` for `to`, and moved it.
fn moved(id: u64, left: &str, to: &str) -> Past {
    let id = RollbackId::new(id);
    Past {
        served: Some(now()),
        ..Past::asked(id, Way::Back, Some(left.into()), to.into(), now())
    }
}

#[test]
fn previous_is_never_what_a_rollback_left_as_bad() {
    // v213 was rolled back as broken, to v212, and v214 was deployed then.
    let history = History::from(vec![moved(7, "v213", "v212")]);
    let previous = |history: &History| {
        let survey = survey("v214");
        let effects = draw(&survey, "v212", None).unwrap().effects;
        let basis = Basis {
            service: &ServiceKey::new("frontend", "production"),
            survey: &survey,
            effects: &effects,
            history,
            risks: &RiskRules::default(),
        };
        let aim = Aim {
            target: Target::Previous,
            utc_offset: 0,
            undoes: None,
            part: None,
        };
        Plan::draw(basis, &aim, now()).map(|plan| (plan.to.id, plan.chosen))
    };
    let ran = |id: &str| (id.to_owned(), "previous release, ran before".to_owned());
    assert_eq!(previous(&history), Ok(ran("v212")));
    assert_eq!(previous(&History::default()), Ok(ran("v213")));
    // Where nothing else is left, it is said what was passed over, and how to have it.
    let all = ["v213", "v212", "v211"].map(|left| moved(7, left, "v210"));
    match previous(&History::from(all.to_vec())) {
        Err(Refusal::NoEligibleTarget { why, .. }) => {
            assert!(why.contains("v213 was left as bad by RB-7"), "{why}");
            assert!(why.contains("`to v213 because …`"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    // Good is what was verified.
    let verified = Past {
        is_verified: true,
        ..moved(7, "v213", "v212")
    };
    let (_, chosen) = previous(&History::from(vec![verified])).unwrap();
    assert_eq!(chosen, "previous release, verified by RB-7");
}

#[test]
fn what_a_partial_rollback_has_not_moved_is_asked_for_again() {
    let mut survey = survey("v213");
    survey.surfaces.push(Surface {
        name: "www.example.com".into(),
        live: Some("v213".into()),
    });
    survey.surfaces.push(Surface {
        name: "de.example.com".into(),
        live: Some("v214".into()),
    });
    let history = History::from(vec![Past {
        is_partial: true,
        ..moved(1, "v214", "v213")
    }]);
    for target in ["v213", "prev"] {
        let target = match target {
            "prev" => Target::Previous,
            name => Target::Named(name.into()),
        };
        let basis = Basis {
            service: &ServiceKey::new("frontend", "production"),
            survey: &survey,
            effects: &draw(&survey, "v212", None).unwrap().effects,
            history: &history,
            risks: &RiskRules::default(),
        };
        let aim = Aim {
            target,
            utc_offset: 0,
            undoes: None,
            part: None,
        };
        let plan = Plan::draw(basis, &aim, now()).unwrap();
        assert_eq!(
            (plan.to.id.as_str(), plan.from.unwrap().id.as_str()),
            ("v213", "v214")
        );
        match plan.unships {
            Unships::Known(lost) => assert_eq!(lost[0].id, "v214"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_said_to_be_possible_is_possible() {
    let survey = survey("v213");
    let why_not = Plan::why_not_back(&survey, &History::default(), now());
    for (candidate, why) in survey.candidates.iter().zip(&why_not) {
        let drawn = draw(&survey, &candidate.release.id, None);
        assert_eq!(
            drawn.is_ok(),
            why.is_none(),
            "{}: {why:?}",
            candidate.release.id
        );
    }
    assert!(
        why_not[0].as_ref().unwrap().contains("newer"),
        "{why_not:?}"
    );
}
