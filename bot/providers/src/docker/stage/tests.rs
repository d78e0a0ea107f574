use super::*;
use crate::docker::steps::Steps;
use serde_json::{Value, json};

/// A container of this name in a state.
fn container(id: &str, name: &str, status: &str) -> Container {
    let is_up = matches!(status, "running" | "restarting");
    Container(json!({
        "Id": id,
        "Name": format!("/{name}"),
        "RestartCount": 0,
        "State": { "Status": status, "Running": is_up, "StartedAt": "2026-03-01T02:40:00Z" },
        "HostConfig": { "RestartPolicy": { "Name": "always", "MaximumRetryCount": 0 } },
    }))
}

fn with(container: Container, pointer: &str, value: Value) -> Option<Container> {
    let mut inside = container.0;
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    inside.pointer_mut(parent).unwrap()[key] = value;
    Some(Container(inside))
}

fn wanted() -> Wanted {
    Wanted::of("shop", &container("old", "shop", "running"), None)
}

/// Where it stands after `step`, as if the engine's clock showed so many seconds after the start.
fn stage(old: Option<Container>, new: Option<Container>, step: u32, seconds: i64) -> Stage {
    let is_named = |one: &&Container| one.name() == "shop";
    let named = old.iter().chain(&new).find(is_named).cloned();
    let scene = Scene {
        named,
        old,
        new,
        lost: vec![],
    };
    scene.stage(&wanted(), &Steps::new(false, false), step, after(seconds))
}

fn after(seconds: i64) -> Settle {
    let started: Timestamp = "2026-03-01T02:40:00Z".parse().unwrap();
    Settle {
        needed: Duration::from_secs(5),
        now: Some(started + SignedDuration::from_secs(seconds)),
    }
}

fn old(name: &str, status: &str) -> Option<Container> {
    Some(container("old", name, status))
}

fn new(name: &str, status: &str) -> Option<Container> {
    Some(container("new", name, status))
}

#[test]
fn every_point_at_which_it_can_be_cut_off_is_known() {
    const KEPT: &str = "shop-before-RB-41";
    const BESIDE: &str = "shop-RB-41";
    for (old, new, stands) in [
        (old("shop", "running"), None, Stage::Untouched),
        (
            old("shop", "running"),
            new(BESIDE, "created"),
            Stage::Created,
        ),
        (
            old("shop", "exited"),
            new(BESIDE, "created"),
            Stage::Stopped,
        ),
        (old(KEPT, "exited"), new(BESIDE, "created"), Stage::Stopped),
        (old(KEPT, "exited"), new("shop", "created"), Stage::Renamed),
        (old(KEPT, "exited"), new("shop", "running"), Stage::Serving),
        (None, new(BESIDE, "created"), Stage::Stopped),
        (None, new("shop", "running"), Stage::Serving),
    ] {
        assert_eq!(
            stage(old.clone(), new.clone(), 0, 60),
            stands,
            "{old:?} {new:?}"
        );
    }
}

#[test]
fn what_cannot_go_on_is_put_back() {
    const KEPT: &str = "shop-before-RB-41";
    let failed_start = with(
        container("new", "shop", "created"),
        "/State/Error",
        json!("port is already allocated"),
    );
    let unhealthy = with(
        container("new", "shop", "running"),
        "/State/Health",
        json!({ "Status": "unhealthy" }),
    );
    let ends_again_and_again = with(
        container("new", "shop", "restarting"),
        "/RestartCount",
        json!(3),
    );
    for (old, new, part) in [
        (
            old(KEPT, "exited"),
            failed_start,
            "port is already allocated",
        ),
        (old(KEPT, "exited"), unhealthy, "unhealthy"),
        (old(KEPT, "exited"), ends_again_and_again, "ended 3 times"),
        (old(KEPT, "exited"), new("shop", "exited"), "exited with 0"),
        (
            old(KEPT, "running"),
            new("shop", "running"),
            "started shop-before-RB-41 again",
        ),
        (
            old("mine", "running"),
            new("shop-RB-41", "created"),
            "renamed shop to mine",
        ),
        (
            old("shop", "running"),
            new("shop-RB-41", "running"),
            "started shop-RB-41",
        ),
        (old(KEPT, "exited"), None, "the new container is gone"),
    ] {
        match stage(old, new, 2, 60) {
            Stage::Broken(why) => assert!(why.contains(part), "{part:?} is not in: {why}"),
            other => panic!("{part}: {other:?}"),
        }
    }
}

#[test]
fn putting_back_ends_when_the_old_one_is_as_it_was() {
    let put_back = Steps::new(false, false).count();
    assert_eq!(
        stage(old("shop", "running"), None, put_back, 60),
        Stage::PutBack
    );
    assert_eq!(stage(old("shop", "running"), None, 3, 60), Stage::PutBack);
    let without_policy = with(
        container("old", "shop", "running"),
        "/HostConfig/RestartPolicy",
        json!({ "Name": "no" }),
    );
    for (old, new) in [
        (without_policy, None),
        (old("shop", "exited"), None),
        (old("shop", "running"), new("shop-RB-41", "created")),
    ] {
        let stands = stage(old, new, put_back, 60);
        assert!(matches!(stands, Stage::Broken(_)), "{stands:?}");
    }
}

#[test]
fn where_nothing_is_safe_nothing_is_done() {
    let other = Scene {
        named: Some(container("other", "shop", "running")),
        old: old("shop-before-RB-41", "exited"),
        new: new("shop-RB-41", "created"),
        lost: vec![],
    };
    let stands = [
        other.stage(&wanted(), &Steps::new(false, false), 2, after(60)),
        stage(None, None, 2, 60),
        stage(None, new("shop", "exited"), 3, 60),
        stage(old("mine", "running"), None, 0, 60),
    ];
    for (stands, part) in stands.iter().zip([
        "another container by now (other)",
        "shop is gone",
        "the old one is gone",
        "renamed shop to mine",
    ]) {
        match stands {
            Stage::Lost { why, .. } => assert!(why.contains(part), "{part:?} is not in: {why}"),
            other => panic!("{part}: {other:?}"),
        }
    }
}

#[test]
fn a_container_has_to_run_for_a_while_or_to_be_healthy() {
    let kept = || old("shop-before-RB-41", "exited");
    let health = |status: &str| {
        let health = json!({ "Status": status });
        with(container("new", "shop", "running"), "/State/Health", health)
    };
    let starting = |stage: Stage| matches!(stage, Stage::Starting(_));
    assert!(starting(stage(kept(), new("shop", "running"), 3, 4)));
    assert_eq!(stage(kept(), new("shop", "running"), 3, 5), Stage::Serving);
    assert!(starting(stage(kept(), health("starting"), 3, 60)));
    assert_eq!(stage(kept(), health("healthy"), 3, 0), Stage::Serving);
    assert!(starting(stage(kept(), new("shop", "dreaming"), 3, 60)));
}

#[test]
fn one_that_did_not_run_before_need_not_run_when_it_is_put_back() {
    let ended = container("old", "shop", "exited");
    let wanted = Wanted::of("shop", &ended, None);
    let scene = Scene {
        named: Some(ended.clone()),
        old: Some(ended),
        new: None,
        lost: vec![],
    };
    let steps = Steps::new(false, false);
    let put_back = steps.count();
    assert_eq!(
        scene.stage(&wanted, &steps, put_back, after(60)),
        Stage::PutBack
    );
    let beside = Scene {
        new: new("shop-RB-41", "created"),
        ..scene
    };
    assert_eq!(beside.stage(&wanted, &steps, 0, after(60)), Stage::Stopped);
}
