//! What the project and its domains say of a rollback.

use super::{order, project, rollback, surface, with};
use crate::vercel::{
    api::failed_aliases,
    progress::{Reading, ended_badly, read_progress},
    project::Project,
};
use rollback_domain::{
    platform::Progress,
    release::{Surface, Way},
};
use serde_json::{Value, json};

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
    let read_going = |way: Way, request: Value, memory: Value, now: &[Surface]| {
        let project = Project::of(&project(request)).unwrap();
        let mut order = order(&rollback(memory));
        order.plan.way = way;
        order.plan.surfaces = before.to_vec();
        assert_eq!(order.plan.to.id, "dpl_b");
        read_progress(&project, &order, now)
    };
    let read = |request: Value, memory: Value, now: &[Surface]| {
        read_going(Way::Back, request, memory, now)
    };
    let none = json!({"last_alias_request": null});
    let serving = |said: &str| Reading::Serving(said.into());
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
        Reading::JobFailed
    );
    assert_eq!(
        read(request("skipped", 5), none.clone(), &half),
        Reading::JobSkipped
    );
    assert!(matches!(
        read(request("skipped", 5), none.clone(), &all),
        Reading::Serving(_)
    ));
    // The same request as before asking, whatever it says, is an older one.
    let seen = json!({"last_alias_request": 5});
    assert!(matches!(
        read(request("succeeded", 5), seen.clone(), &before),
        Reading::NotAsked(_)
    ));
    assert!(matches!(
        read(request("failed", 6), seen.clone(), &before),
        Reading::JobFailed
    ));
    assert!(matches!(
        read(request("succeeded", 5), seen.clone(), &all),
        Reading::Serving(_)
    ));
    assert!(matches!(
        read(request("succeeded", 5), seen, &half),
        Reading::Serving(_)
    ));
    assert!(matches!(
        read(Value::Null, none.clone(), &before),
        Reading::NotAsked(_)
    ));
    // A rollback and a promotion to the same deployment are two things.
    let promoted =
        |request: Value, memory: Value| read_going(Way::Forward, request, memory, &before);
    let promote = with(request("pending", 6), json!({"type": "promote"}));
    assert_eq!(
        promoted(promote.clone(), json!({"last_alias_request": 5})),
        serving("job pending")
    );
    assert!(matches!(
        promoted(promote.clone(), json!({"last_alias_request": 6})),
        Reading::NotAsked(_)
    ));
    assert!(matches!(
        promoted(request("pending", 6), none.clone()),
        Reading::NotAsked(_)
    ));
    assert!(matches!(
        read(promote, none.clone(), &before),
        Reading::NotAsked(_)
    ));
    // Nothing remembered and never asked: nobody's.
    assert!(matches!(
        read(request("pending", 5), Value::Null, &before),
        Reading::NotAsked(_)
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
