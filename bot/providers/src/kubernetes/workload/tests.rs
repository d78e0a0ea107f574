//! Tests of how a cluster's counts are read.

use super::*;
use serde_json::json;

fn workload(kind: Kind, spec: Value, status: Value) -> Workload {
    Workload {
        kind,
        name: format!("{}/shop", kind.key()),
        object: json!({"metadata": {"generation": 2}, "spec": spec, "status": status}),
    }
}

/// A Deployment that wants four pods: how many there are, have the template, and are available.
fn counts(replicas: i64, updated: i64, available: i64) -> Rollout {
    workload(
        Kind::Deployment,
        json!({"replicas": 4}),
        json!({
            "observedGeneration": 2, "replicas": replicas, "updatedReplicas": updated,
            "availableReplicas": available,
        }),
    )
    .rollout()
}

#[test]
fn a_pod_serves_the_template_only_where_that_is_certain() {
    for (replicas, updated, available, serving) in [
        (4, 4, 4, 4),
        // A fifth one is there meanwhile, and not ready.
        (5, 1, 4, 0),
        (5, 1, 5, 1),
        // Which ones are not available, is not said.
        (4, 2, 3, 1),
        (4, 4, 1, 1),
        (4, 0, 4, 0),
        (0, 0, 0, 0),
    ] {
        let rollout = counts(replicas, updated, available);
        assert_eq!(rollout.serving(), serving, "{rollout:?}");
        let is_complete = serving == 4 && replicas == 4;
        assert_eq!(rollout.is_complete(), is_complete, "{rollout:?}");
        let surfaces = rollout.surfaces("deployment/shop", "abc");
        assert_eq!(surfaces.len() as i64, replicas.max(4));
        let live = surfaces.iter().filter(|pod| pod.live.is_some()).count();
        assert_eq!(live as i64, serving);
    }
}

#[test]
fn counts_of_an_earlier_template_say_nothing() {
    let status = json!({
        "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2,
    });
    let rollout = workload(Kind::Deployment, json!({"replicas": 2}), status).rollout();
    assert!(!rollout.is_complete());
    assert_eq!(rollout.serving(), 0);
}

#[test]
fn a_number_of_pods_that_nobody_runs_is_one_surface() {
    let spec = json!({"replicas": 2_000_000_000});
    let rollout = workload(Kind::Deployment, spec, json!({"observedGeneration": 2})).rollout();
    let surfaces = rollout.surfaces("deployment/shop", "abc");
    assert_eq!(surfaces.len(), 1);
    assert_eq!(surfaces[0].live, None);
}

#[test]
fn older_clusters_count_only_which_pods_of_a_stateful_set_are_ready() {
    let status = json!({
        "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2,
    });
    let old = workload(Kind::StatefulSet, json!({"replicas": 2}), status);
    assert!(old.rollout().is_complete());
}

#[test]
fn its_own_objects_are_found_by_all_of_its_selector() {
    let spec = json!({"selector": {
        "matchLabels": {"app": "shop", "tier": "web"},
        "matchExpressions": [
            {"key": "track", "operator": "In", "values": ["stable", "canary"]},
            {"key": "zone", "operator": "NotIn", "values": ["us"]},
            {"key": "live", "operator": "Exists"},
            {"key": "old", "operator": "DoesNotExist"},
        ],
    }});
    assert_eq!(
        workload(Kind::Deployment, spec, json!({})).selector(),
        "app=shop,tier=web,track in (stable,canary),zone notin (us),live,!old"
    );
}
