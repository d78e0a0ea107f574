//! What is read becomes one survey.

use super::{deployment, project, surface, with};
use crate::vercel::{
    api::{Domains, rolling_release},
    project::{Project, domains},
    survey::{Page, Pages, survey},
};
use jiff::Timestamp;
use rollback_domain::release::{Pin, Survey, Way};
use serde_json::{Value, json};

fn page(deployments: &[Value], more: bool) -> Page {
    Page {
        deployments: deployments.to_vec(),
        more,
    }
}

pub(super) fn surveyed(listed: &[Value], offered: &[Value], live: &Value) -> Survey {
    let project = Project::of(&project(Value::Null)).unwrap();
    let pages = Pages {
        listed: page(listed, false),
        older: None,
        offered: page(offered, false),
    };
    survey(
        &project,
        &pages,
        &Domains {
            behind: vec![
                ("shop.example.com".into(), Some(live.clone())),
                ("www.example.com".into(), None),
            ],
            ..Domains::default()
        },
        None,
    )
}

#[test]
fn the_survey_names_releases_and_says_why_others_are_barred() {
    let live = deployment("dpl_d", 4_000);
    let survey = surveyed(
        &[
            with(
                deployment("dpl_g", 7_000),
                json!({"readyState": "BUILDING", "isRollbackCandidate": false}),
            ),
            with(
                deployment("dpl_f", 6_000),
                json!({"readyState": "ERROR", "isRollbackCandidate": null}),
            ),
            with(
                deployment("dpl_e", 5_000),
                json!({"readySubstate": "STAGED", "isRollbackCandidate": false}),
            ),
            with(live.clone(), json!({"isRollbackCandidate": false})),
            with(
                deployment("dpl_c", 3_000),
                json!({"isRollbackCandidate": null}),
            ),
            with(
                deployment("dpl_b", 2_000),
                json!({"isRollbackCandidate": false, "aliasAssigned": true, "ready": 2_700}),
            ),
            with(
                deployment("dpl_a", 1_000),
                json!({"deleted": 9_000, "meta": {"version": "v1"}}),
            ),
        ],
        &[deployment("dpl_c", 3_000)],
        &live,
    );
    let said: Vec<_> = survey
        .candidates
        .iter()
        .map(|candidate| {
            let why = candidate.barred.as_deref().unwrap_or("eligible");
            (candidate.release.id.as_str(), why)
        })
        .collect();
    assert_eq!(
        said,
        [
            ("dpl_g", "it is still being built"),
            ("dpl_f", "its build failed"),
            ("dpl_e", "it never served production (STAGED)"),
            ("dpl_d", "it serves production now"),
            ("dpl_c", "eligible"),
            ("dpl_b", "Vercel does not offer it for instant rollback"),
            ("dpl_a", "it was deleted"),
        ]
    );
    let c = &survey.candidates[4].release;
    assert_eq!(c.label(), "9c7e2f4");
    assert_eq!(c.message.as_deref(), Some("Fix cart"));
    assert_eq!(c.by.as_deref(), Some("sam"));
    assert_eq!(c.live_since, Timestamp::from_millisecond(3_500).ok());
    assert_eq!(survey.candidates[2].release.live_since, None);
    let b = &survey.candidates[5].release;
    assert_eq!(b.live_since, Timestamp::from_millisecond(2_700).ok());
    assert_eq!(survey.candidates[6].release.label(), "v1");
    assert_eq!(survey.pin, Pin::Off);
    assert_eq!(
        survey.in_flight.as_deref(),
        Some("a production deployment (9c7e2f4) is being built")
    );
    assert_eq!(
        survey.memory,
        json!({"last_alias_request": null, "project_id": "prj_1"})
    );
    // A redirect serves nothing itself; a branch's name does not follow production.
    assert_eq!(survey.surfaces, [surface("shop.example.com", "dpl_d")]);
}

#[test]
fn what_has_served_can_be_gone_forward_to_offered_or_not() {
    let live = deployment("dpl_a", 1_000);
    let unoffered = |id: &str, change: Value| {
        let deployment = with(deployment(id, 2_000), json!({"isRollbackCandidate": false}));
        with(deployment, change)
    };
    let survey = surveyed(
        &[
            unoffered("dpl_1", json!({})),
            unoffered("dpl_2", json!({"target": "production"})),
            unoffered("dpl_3", json!({"target": null})),
            unoffered("dpl_4", json!({"readySubstate": "STAGED"})),
            unoffered("dpl_5", json!({"readySubstate": "ROLLING"})),
            unoffered("dpl_6", json!({"readySubstate": null})),
            unoffered(
                "dpl_7",
                json!({"readySubstate": null, "aliasAssigned": null}),
            ),
            unoffered("dpl_8", json!({"readyState": "ERROR"})),
            unoffered("dpl_9", json!({"softDeletedByRetention": true})),
            live.clone(),
        ],
        &[],
        &live,
    );
    let said: Vec<_> = survey
        .candidates
        .iter()
        .map(|candidate| candidate.why_not(Way::Forward).unwrap_or("eligible"))
        .collect();
    assert_eq!(
        said,
        [
            "eligible",
            "eligible",
            "it was not built for production, and would be built anew",
            "it never served production (STAGED)",
            "it is being rolled out step by step (ROLLING)",
            "eligible",
            "Vercel does not say that it ever served production",
            "its build failed",
            "the retention policy removed it",
            "eligible",
        ]
    );
    // For going back each of them stays what it was.
    let eligible = survey
        .candidates
        .iter()
        .filter(|candidate| candidate.why_not(Way::Back).is_none());
    assert_eq!(eligible.count(), 1);
}

#[test]
fn a_live_deployment_beyond_the_list_is_found_and_nothing_is_taken_from_the_gap() {
    let live = with(
        deployment("dpl_old", 1_000),
        json!({"uid": null, "id": "dpl_old"}),
    );
    let behind = vec![("shop.example.com".to_owned(), Some(live))];
    let mut pages = Pages {
        listed: page(&[deployment("dpl_new", 9_000)], true),
        older: None,
        offered: page(&[deployment("dpl_older", 500)], false),
    };
    assert_eq!(pages.live_beyond(&behind), Some(1_000));
    pages.older = Some(page(
        &[deployment("dpl_old", 1_000), deployment("dpl_mid", 800)],
        true,
    ));
    let project = Project::of(&project(Value::Null)).unwrap();
    let survey = survey(
        &project,
        &pages,
        &Domains {
            behind,
            ..Domains::default()
        },
        None,
    );
    let ids: Vec<_> = survey
        .candidates
        .iter()
        .map(|candidate| candidate.release.id.as_str())
        .collect();
    assert_eq!(ids, ["dpl_new", "dpl_old", "dpl_mid"]);
    assert_eq!(survey.live().unwrap().id, "dpl_old");
}

#[test]
fn what_is_under_way_is_said() {
    let request = json!({"type": "promote", "toDeploymentId": "dpl_x", "jobStatus": "in-progress", "requestedAt": 1_772_332_867_000_i64});
    let project = Project::of(&project(request)).unwrap();
    let survey = survey(&project, &Pages::default(), &Domains::default(), None);
    assert_eq!(
        survey.in_flight.as_deref(),
        Some("a promote to dpl_x, requested at 2026-03-01 02:41:07 UTC, is in-progress")
    );
    assert_eq!(
        rolling_release(
            &json!({"rollingRelease": {"state": "ACTIVE", "canaryDeployment": {"id": "dpl_y"}}})
        )
        .as_deref(),
        Some("a rolling release to dpl_y is under way")
    );
    assert_eq!(rolling_release(&json!({"rollingRelease": null})), None);
}

#[test]
fn domains_survive_a_target_that_serves_nothing() {
    let mut pinned = project(Value::Null);
    pinned["targets"]["production"]["alias"] = json!(["frontend-git-main-acme.vercel.app"]);
    pinned["latestDeployments"] = json!([
        {"target": null, "alias": ["preview.example.com"]},
        {"target": "production", "alias": ["shop.example.com", "shop.example.com"]}
    ]);
    assert_eq!(domains(&pinned), ["shop.example.com"]);
    pinned["latestDeployments"] = json!([]);
    assert_eq!(domains(&pinned), ["frontend-git-main-acme.vercel.app"]);
    assert_eq!(domains(&json!({"id": "prj_1"})), Vec::<String>::new());
}

#[test]
fn the_commit_of_a_deployment_from_the_cli_is_read() {
    let meta =
        json!({"gitCommitSha": "5e6f7a8b9c0d", "gitCommitMessage": "Fix cart", "gitDirty": "1"});
    let deployed = with(deployment("dpl_x", 1_000), json!({ "meta": meta }));
    let survey = surveyed(std::slice::from_ref(&deployed), &[], &deployed);
    let release = survey.release("dpl_x");
    assert_eq!(release.sha.as_deref(), Some("5e6f7a8b9c0d"));
    assert_eq!(release.message.as_deref(), Some("Fix cart"));
    assert!(release.is_called("5e6f7a8"));
}

#[test]
fn what_is_not_looked_at_is_counted_and_named() {
    let named: Vec<String> = (0..260).map(|n| format!("shop-{n}.example.com")).collect();
    let project = Project::of(&json!({
        "id": "prj_1", "targets": {"production": {"id": "dpl_c", "alias": named}}
    }))
    .unwrap();
    assert_eq!((project.domains.len(), project.left_out.len()), (250, 10));
    let domains = Domains {
        behind: vec![],
        refused: vec![("de.example.com".into(), "403: Not authorized".into())],
    };
    let unseen = survey(&project, &Pages::default(), &domains, None).unseen;
    let unseen = unseen.unwrap();
    assert_eq!(
        (unseen.count, unseen.examples[0].as_str()),
        (11, "de.example.com")
    );
}
