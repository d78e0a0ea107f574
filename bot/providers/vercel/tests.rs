//! Tests of the rules next door.

use super::*;
use rollback_domain::{
    grammar::Target,
    people::Person,
    plan::{Aim, Plan},
    refusal::Source,
    rollback::Proposal,
};

fn project(last: Value) -> Value {
    json!({
        "id": "prj_1", "name": "frontend", "autoAssignCustomDomains": true,
        "lastAliasRequest": last,
        "targets": {"production": {"id": "dpl_c",
            "alias": ["shop.example.com", "www.example.com", "frontend-git-main-acme.vercel.app"],
            "automaticAliases": ["frontend-git-main-acme.vercel.app"]}}
    })
}

fn deployment(id: &str, created: i64) -> Value {
    json!({
        "uid": id, "created": created, "createdAt": created, "readyState": "READY",
        "readySubstate": "PROMOTED", "aliasAssigned": created + 500, "isRollbackCandidate": true,
        "creator": {"uid": "u1", "username": "sam"},
        "meta": {"githubCommitSha": "9c7e2f4aa11b", "githubCommitMessage": "Fix cart\n\nlong"}
    })
}

fn with(mut deployment: Value, change: Value) -> Value {
    for (key, value) in change.as_object().unwrap() {
        deployment[key] = value.clone();
    }
    deployment
}

fn page(deployments: &[Value], more: bool) -> Page {
    Page {
        deployments: deployments.to_vec(),
        more,
    }
}

fn surveyed(listed: &[Value], offered: &[Value], live: &Value) -> Survey {
    let project = Project::of(&project(Value::Null)).unwrap();
    let pages = Pages {
        listed: page(listed, false),
        older: None,
        offered: page(offered, false),
    };
    survey(
        &project,
        pages,
        vec![
            ("shop.example.com".into(), Some(live.clone())),
            ("www.example.com".into(), None),
        ],
        None,
    )
}

fn rollback(memory: Value) -> Rollback {
    let (mut rollback, _) = Proposal {
        channel: "C1".into(),
        service: "frontend".into(),
        environment: "production".into(),
        requester: Person::new("U1", "sam"),
        because: Some("checkout is down".into()),
        aim: Aim {
            part: None,
            target: Target::Previous,
            utc_offset: 0,
            undoes: None,
        },
        source: Source::Bot,
        commanded: "2026-03-01T02:40:00Z".parse().unwrap(),
        target_time: None,
        reply_to: None,
        replaces: None,
        waiting: rollback_domain::rollback::Waiting::default(),
        turns: vec![],
    }
    .open(41, 1);
    rollback.memory = memory;
    rollback
}

fn surface(name: &str, live: &str) -> Surface {
    Surface {
        name: name.into(),
        live: Some(live.into()),
    }
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
    let survey = survey(&project, pages, behind, None);
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
    let survey = survey(&project, Pages::default(), vec![], None);
    assert_eq!(
        survey.in_flight.as_deref(),
        Some("a promote to dpl_x of 2026-03-01 02:41:07 UTC is in-progress")
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
fn every_status_becomes_the_right_trouble() {
    let none = HeaderMap::new();
    let said = |message: &str| json!({"error": {"code": "x", "message": message}});
    let judged = |status, message: &str| judge(Way::Back, status, &none, &said(message), "v212");
    assert_eq!(judged(201, "").unwrap().said, "job accepted");
    let already =
        "The provided deploymentId (dpl_x) is already the current production deployment. (409)";
    assert!(judged(409, already).is_ok());
    for (status, message, part) in [
        (400, "Bad", "would not roll back to v212 (400: Bad)"),
        (401, "No", "token is expired or lacks access (401: No)"),
        (402, "", "Hobby plan (402)"),
        (
            400,
            "To roll back further than the previous production deployment, upgrade to pro",
            "Hobby plan",
        ),
        (403, "Not authorized.", "(403: Not authorized). Create"),
        (404, "Gone", "no longer has the deployment v212"),
        (409, "Conflict", "as things are (409: Conflict)"),
        (410, "", "no longer has"),
        (422, "Odd\nline", "(422: Odd line)"),
        (308, "", "a redirect"),
    ] {
        match judged(status, message) {
            Err(ProviderError::Refused(why)) => {
                assert!(why.contains(part), "{status}: {why}");
                assert!(why.starts_with("Vercel"), "{why}");
            }
            other => panic!("{status}: {other:?}"),
        }
    }
    let promoted = |status, message: &str| {
        judge(Way::Forward, status, &none, &said(message), "v213").map(|receipt| receipt.said)
    };
    assert_eq!(promoted(201, ""), Ok("job accepted".into()));
    assert_eq!(
        promoted(202, ""),
        Ok("job queued behind the rolling release that is under way".into())
    );
    assert!(promoted(409, already).is_ok());
    for (status, message, part) in [
        (400, "Bad", "would not promote v213 (400: Bad). Look at"),
        (402, "", "before it promotes v213 (402)"),
        (409, "Conflict", "cannot promote v213 as things are"),
        (410, "Gone", "no longer has the deployment v213"),
        (422, "Odd", "would not promote v213 (422: Odd)"),
    ] {
        match promoted(status, message) {
            Err(ProviderError::Refused(why)) => assert!(why.contains(part), "{status}: {why}"),
            other => panic!("{status}: {other:?}"),
        }
    }
    for status in [408, 500, 502, 503, 504, 599] {
        assert!(matches!(
            judged(status, ""),
            Err(ProviderError::Unanswered(_))
        ));
        assert!(matches!(
            promoted(status, ""),
            Err(ProviderError::Unanswered(_))
        ));
        assert!(matches!(
            unread("it", status, &none, &Value::Null),
            ProviderError::Busy { .. }
        ));
    }
    assert!(matches!(judged(429, ""), Err(ProviderError::Busy { .. })));
    assert!(matches!(
        unread("it", 429, &none, &Value::Null),
        ProviderError::Busy { .. }
    ));
    assert!(matches!(
        unread("it", 403, &none, &Value::Null),
        ProviderError::Refused(_)
    ));
}

#[test]
fn a_refused_change_of_the_project_says_what_to_look_at() {
    let none = HeaderMap::new();
    let said = json!({"error": {"code": "x", "message": "No."}});
    for (status, part) in [
        (400, "of the project frontend go live (400: No)"),
        (401, "token is expired or lacks access"),
        (402, "paid plan or a paid bill"),
        (403, "token is expired or lacks access"),
        (409, "(409: No)"),
    ] {
        match unset("frontend", status, &none, &said) {
            ProviderError::Refused(why) => assert!(why.contains(part), "{status}: {why}"),
            other => panic!("{status}: {other:?}"),
        }
    }
    let later = HeaderMap::from_iter([("retry-after".parse().unwrap(), "3".parse().unwrap())]);
    match unset("frontend", 429, &later, &said) {
        ProviderError::Busy { retry_after, .. } => assert_eq!(retry_after, Some(3_000)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn waits_are_read_in_every_form_they_come_in() {
    let headers = |pairs: &[(&'static str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        headers
    };
    let date = ("date", "Sun, 01 Mar 2026 02:41:07 GMT");
    let limit = json!({"error": {"limit": {"reset": 1_772_332_872}}});
    assert_eq!(
        wait(&headers(&[("retry-after", "7")]), &Value::Null),
        Some(7_000)
    );
    assert_eq!(
        wait(
            &headers(&[date, ("retry-after", "Sun, 01 Mar 2026 02:41:19 GMT")]),
            &Value::Null
        ),
        Some(12_000)
    );
    assert_eq!(wait(&headers(&[date]), &limit), Some(5_000));
    assert_eq!(
        wait(&headers(&[]), &limit),
        None,
        "without their clock there is no duration"
    );
    assert_eq!(
        wait(&headers(&[("retry-after", "-3")]), &Value::Null),
        Some(0)
    );
    assert_eq!(
        wait(&headers(&[("retry-after", "soon")]), &Value::Null),
        None
    );
}

#[test]
fn the_description_is_one_line_that_fits() {
    let mut rollback = rollback(Value::Null);
    assert_eq!(description(&rollback), "RB-41 @sam: checkout is down");
    rollback.because = Some("a\n\tb ".to_owned() + &"🛒".repeat(300));
    let long = description(&rollback);
    assert!(long.starts_with("RB-41 @sam: a b 🛒"));
    assert!(long.ends_with('…'));
    assert!(long.encode_utf16().count() <= 250);
    rollback.because = None;
    assert_eq!(description(&rollback), "RB-41 @sam");
}

#[test]
fn only_a_newer_request_to_the_same_target_is_ours() {
    let request = |status: &str, at: i64| json!({"type": "rollback", "toDeploymentId": "dpl_b", "jobStatus": status, "requestedAt": at});
    let before = [
        surface("shop.example.com", "dpl_c"),
        surface("www.example.com", "dpl_c"),
    ];
    let half = [
        surface("shop.example.com", "dpl_b"),
        surface("www.example.com", "dpl_c"),
    ];
    let all = [
        surface("shop.example.com", "dpl_b"),
        surface("www.example.com", "dpl_b"),
    ];
    let read = |request: Value, memory: Value, now: &[Surface]| {
        let project = Project::of(&project(request)).unwrap();
        stand(
            &project,
            &rollback(memory),
            Way::Back,
            "dpl_b",
            &before,
            now,
        )
    };
    let none = json!({"last_alias_request": null});
    let serving = |said: &str| Stand::Serving(said.into());
    assert_eq!(
        read(request("pending", 5), none.clone(), &before),
        serving("job pending")
    );
    assert_eq!(
        read(request("in-progress", 5), none.clone(), &half),
        serving("job in progress")
    );
    assert_eq!(
        read(request("succeeded", 5), none.clone(), &all),
        serving("job succeeded")
    );
    assert_eq!(
        read(request("paused", 5), none.clone(), &half),
        serving("job in a state this bot does not know (paused)")
    );
    assert_eq!(
        read(request("failed", 5), none.clone(), &half),
        Stand::JobFailed
    );
    assert_eq!(
        read(request("skipped", 5), none.clone(), &half),
        Stand::Skipped
    );
    assert!(matches!(
        read(request("skipped", 5), none.clone(), &all),
        Stand::Serving(_)
    ));
    // The same request as before asking, whatever it says, is an older one.
    let seen = json!({"last_alias_request": 5});
    assert!(matches!(
        read(request("succeeded", 5), seen.clone(), &before),
        Stand::NotAsked(_)
    ));
    assert!(matches!(
        read(request("failed", 6), seen.clone(), &before),
        Stand::JobFailed
    ));
    assert!(matches!(
        read(request("succeeded", 5), seen.clone(), &all),
        Stand::Serving(_)
    ));
    assert!(matches!(
        read(request("succeeded", 5), seen, &half),
        Stand::Serving(_)
    ));
    assert!(matches!(
        read(Value::Null, none.clone(), &before),
        Stand::NotAsked(_)
    ));
    // A rollback and a promotion to the same deployment are two things.
    let promoted = |request: Value, memory: Value| {
        let project = Project::of(&project(request)).unwrap();
        stand(
            &project,
            &rollback(memory),
            Way::Forward,
            "dpl_b",
            &before,
            &before,
        )
    };
    let promote = with(request("pending", 6), json!({"type": "promote"}));
    assert_eq!(
        promoted(promote.clone(), json!({"last_alias_request": 5})),
        serving("job pending")
    );
    assert!(matches!(
        promoted(promote.clone(), json!({"last_alias_request": 6})),
        Stand::NotAsked(_)
    ));
    assert!(matches!(
        promoted(request("pending", 6), none.clone()),
        Stand::NotAsked(_)
    ));
    assert!(matches!(
        read(promote, none.clone(), &before),
        Stand::NotAsked(_)
    ));
    // Nothing remembered and never asked: nobody's.
    assert!(matches!(
        read(request("pending", 5), Value::Null, &before),
        Stand::NotAsked(_)
    ));
}

#[test]
fn a_failed_job_is_partial_only_if_something_moved() {
    let half = vec![
        surface("shop.example.com", "dpl_b"),
        surface("www.example.com", "dpl_c"),
    ];
    let failed = failed_aliases(&json!({"aliases": [
        {"alias": {"alias": "www.example.com"}, "id": "a", "status": "failed"},
        {"alias": "old.example.com", "id": "b", "status": "failed"},
        {"alias": "fine.example.com", "id": "c", "status": "completed"}
    ]}));
    assert_eq!(failed, ["www.example.com", "old.example.com"]);
    assert_eq!(
        ended_badly(Way::Back, "dpl_b", half.clone(), failed.clone()),
        Progress::Partial {
            surfaces: half.clone(),
            failed
        }
    );
    for (way, part) in [
        (Way::Back, "the rollback job failed"),
        (Way::Forward, "the promote job failed"),
    ] {
        match ended_badly(way, "dpl_z", half.clone(), vec![]) {
            Progress::Failed { why, .. } => assert!(why.contains(part), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_request_without_a_connection_was_not_sent() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url: Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(listener);
    let vercel = Vercel::new(
        reqwest::Client::new(),
        url,
        "prj_1",
        None,
        "secret-of-the-test",
    );
    assert!(!format!("{vercel:?}").contains("secret"));
    let unpinned = vercel.unpin().await;
    assert!(
        matches!(unpinned, Err(ProviderError::Busy { .. })),
        "{unpinned:?}"
    );
    let (back, forward) = (vercel.effects(Way::Back), vercel.effects(Way::Forward));
    assert_eq!((back.holds, forward.holds), (Holds::ByItself, Holds::Not));
    assert_eq!(
        forward.after.as_deref(),
        Some("automatic deploys go live again")
    );
    let live = deployment("dpl_d", 4_000);
    let survey = surveyed(&[live.clone(), deployment("dpl_c", 3_000)], &[], &live);
    let aim = Aim {
        part: None,
        target: Target::Previous,
        utc_offset: 0,
        undoes: None,
    };
    let now = "2026-03-01T02:41:00Z".parse().unwrap();
    let mut rollback = rollback(Value::Null);
    rollback.plan = Some(
        Plan::draw(
            rollback_domain::plan::Basis {
                survey: &survey,
                effects: &vercel.effects(Way::Back),
                history: &rollback_domain::history::History::default(),
                risks: &rollback_domain::risk::RiskRules::default(),
            },
            &aim,
            now,
        )
        .unwrap(),
    );
    let asked = vercel.roll_back(&rollback).await;
    assert!(
        matches!(asked, Err(ProviderError::Busy { .. })),
        "{asked:?}"
    );
    rollback.plan.as_mut().unwrap().to.id = "..".into();
    let asked = vercel.roll_back(&rollback).await;
    assert!(matches!(asked, Err(ProviderError::Refused(_))), "{asked:?}");
}
