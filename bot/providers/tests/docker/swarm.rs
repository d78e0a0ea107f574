//! What becomes of a service of a real swarm, and of the process that asks for it.

use crate::{
    driver::{Driven, connect},
    engine::RealEngine,
    killed::{Chance, ends, lives_for, number},
};
use reqwest::Method;
use rollback_domain::{
    grammar::Target,
    platform::{Production, ProviderError},
    rollback::State,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How many rollbacks there are by a process that is killed, unless `DOCKER_RECREATIONS` says it.
const ROLLBACKS: u64 = 3;
/// The longest that a process lives before it is killed, in milliseconds: longer than a request and
/// the first looks take.
const LIVES_AT_MOST: u64 = 600;
const SECOND: u64 = 1_000_000_000;

/// A service that has something of everything.
fn everything(image: &str, secret: &Value, config: &Value) -> Value {
    let file = |name: &str| json!({ "Name": name, "UID": "0", "GID": "0", "Mode": 292 });
    json!({
        "Name": "shop",
        "Labels": { "team": "web", "com.docker.stack.namespace": "acme" },
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": image,
                "Labels": { "serves": "shop" },
                "Env": ["DATABASE_URL=postgres://shop:hunter2@db/shop", "MODE=live"],
                "StopSignal": "SIGKILL",
                "User": "1000:1000",
                "Hosts": ["10.9.8.7 legacy"],
                "CapabilityAdd": ["CAP_NET_ADMIN"],
                "ReadOnly": true,
                "Mounts": [
                    { "Type": "volume", "Source": "uploads", "Target": "/uploads" },
                    { "Type": "tmpfs", "Target": "/tmp", "TmpfsOptions": { "SizeBytes": 1 << 20 } },
                ],
                "Secrets": [{ "SecretID": secret, "SecretName": "key", "File": file("key") }],
                "Configs": [{ "ConfigID": config, "ConfigName": "settings", "File": file("/settings") }],
            },
            "Resources": { "Limits": { "MemoryBytes": 64 << 20, "Pids": 50 } },
            "RestartPolicy": { "Condition": "any", "Delay": SECOND / 2 },
            "Placement": { "Constraints": ["node.role==manager"] },
            "LogDriver": { "Name": "json-file", "Options": { "max-size": "1m" } },
            "Networks": [{ "Target": "host" }],
        },
        "Mode": { "Replicated": { "Replicas": 2 } },
        "UpdateConfig": { "Parallelism": 0, "Monitor": SECOND, "FailureAction": "rollback", "Order": "start-first" },
        "RollbackConfig": { "Parallelism": 0, "Monitor": SECOND, "Order": "stop-first" },
        "EndpointSpec": { "Mode": "dnsrr" },
    })
}

/// A service with nothing special.
fn plain(image: &str, mode: Value) -> Value {
    json!({
        "Name": "shop",
        "TaskTemplate": {
            "ContainerSpec": { "Image": image, "StopSignal": "SIGKILL" },
            "RestartPolicy": { "Condition": "any", "Delay": SECOND / 2 },
            "Networks": [{ "Target": "host" }],
        },
        "Mode": mode,
        "UpdateConfig": { "Parallelism": 1, "Monitor": SECOND },
        "RollbackConfig": { "Parallelism": 0, "Monitor": SECOND },
    })
}

async fn service(engine: &RealEngine) -> Value {
    engine.get("services/shop").await.unwrap()
}

/// Deploys a spec by hand, and waits until it runs.
async fn deploy(engine: &RealEngine, spec: &Value) {
    match engine.get("services/shop").await {
        None => {
            engine
                .ask(Method::POST, "services/create", Some(spec.clone()))
                .await;
        }
        Some(_) => update(engine, spec).await,
    }
    settled(engine).await;
}

/// Updates the service by hand.
async fn update(engine: &RealEngine, spec: &Value) {
    let version = &service(engine).await["Version"]["Index"];
    let path = format!("services/shop/update?version={version}");
    engine.ask(Method::POST, &path, Some(spec.clone())).await;
}

/// The images of the tasks that run.
async fn running(engine: &RealEngine) -> Vec<String> {
    let tasks = engine.get("tasks").await.unwrap();
    let running =
        tasks.as_array().unwrap().iter().filter(|task| {
            task["Status"]["State"] == "running" && task["DesiredState"] == "running"
        });
    let mut images: Vec<String> = running
        .map(|task| {
            task["Spec"]["ContainerSpec"]["Image"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    images.sort();
    images
}

/// Waits until Swarm is done with the service.
async fn settled(engine: &RealEngine) {
    let began = Instant::now();
    loop {
        let service = service(engine).await;
        let state = service["UpdateStatus"]["State"].as_str();
        let is_done = !matches!(state, Some("updating" | "rollback_started"));
        let image = &service["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"];
        let tasks = running(engine).await;
        let is_running = !tasks.is_empty() && tasks.iter().all(|one| one == image);
        if is_done && is_running {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{service} {tasks:?}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn remove(engine: &RealEngine) {
    engine.ask(Method::DELETE, "services/shop", None).await;
    let began = Instant::now();
    while engine.get("tasks").await.unwrap() != json!([]) || !engine.containers().await.is_empty() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "something is left"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn section(engine: &RealEngine) -> String {
    engine.swarm_section("service = \"shop\"")
}

/// Plans a rollback to a tag.
async fn planned(engine: &RealEngine, number: u64, tag: &str) -> Driven {
    let place = engine.directory("swarm");
    let section = section(engine);
    let planned = Driven::plan(&section, &place, number, Target::Named(tag.into()));
    planned.await.unwrap()
}

/// The same, and runs it to its end.
async fn goes_to(engine: &RealEngine, number: u64, tag: &str) -> Driven {
    let mut driven = planned(engine, number, tag).await;
    driven.run().await;
    driven
}

/// A secret or a config of the swarm.
async fn stored(engine: &RealEngine, path: &str, name: &str) -> Value {
    let content = json!({ "Name": name, "Data": "aHVudGVyMg==" });
    engine.ask(Method::POST, path, Some(content)).await["ID"].clone()
}

pub async fn a_service_keeps_everything_but_what_its_tasks_are_made_of(engine: &RealEngine) {
    let secret = stored(engine, "secrets/create", "key").await;
    let config = stored(engine, "configs/create", "settings").await;
    deploy(engine, &everything("shop:v1", &secret, &config)).await;
    let first = service(engine).await["Spec"].clone();
    let mut second = first.clone();
    second["TaskTemplate"]["ContainerSpec"]["Image"] = json!("shop:v2");
    second["TaskTemplate"]["ContainerSpec"]["Env"] = json!(["MODE=broken"]);
    deploy(engine, &second).await;
    // What somebody changes besides stays as it is.
    second["Labels"]["team"] = json!("shop");
    second["Mode"]["Replicated"]["Replicas"] = json!(3);
    deploy(engine, &second).await;
    let driven = goes_to(engine, 51, "v1").await;
    assert_eq!(driven.rollback().state, State::Serving { n: 3, m: 3 });
    let mut expected = second;
    expected["TaskTemplate"] = first["TaskTemplate"].clone();
    let now = service(engine).await["Spec"].clone();
    // What a task was made of is shown without its runtime, and without it is a container, too.
    assert_eq!(without_runtime(now), without_runtime(expected));
    assert_eq!(running(engine).await, ["shop:v1"; 3]);
    let record = serde_json::to_string(driven.rollback()).unwrap();
    assert!(!record.contains("hunter2"), "{record}");
    let said = connect(&section(engine)).check().await.unwrap();
    for part in ["3 of 3 tasks run v1", "stack acme", "without a digest"] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

fn without_runtime(mut spec: Value) -> Value {
    let template = spec["TaskTemplate"].as_object_mut().unwrap();
    template.remove("Runtime");
    spec
}

pub async fn an_undo_goes_forward_again(engine: &RealEngine) {
    let place = engine.directory("swarm");
    let undone = Driven::load(&place);
    let left = undone.rollback().plan.as_ref().unwrap().from.clone();
    let target = Target::Id(left.unwrap().id);
    let section = section(engine);
    let undo = Driven::plan_undo(&section, &place, 52, target, Some(undone.rollback()));
    let mut undo = undo.await.unwrap();
    undo.run().await;
    assert_eq!(undo.rollback().state, State::Serving { n: 3, m: 3 });
    let spec = service(engine).await["Spec"].clone();
    let container = &spec["TaskTemplate"]["ContainerSpec"];
    assert_eq!(container["Image"], "shop:v2");
    assert_eq!(container["Env"], json!(["MODE=broken"]));
    remove(engine).await;
}

pub async fn somebody_elses_update_is_not_overwritten(engine: &RealEngine) {
    let replicas = json!({ "Replicated": { "Replicas": 1 } });
    deploy(engine, &plain("shop:v1", replicas.clone())).await;
    deploy(engine, &plain("shop:v2", replicas.clone())).await;
    let order = planned(engine, 53, "v1")
        .await
        .rollback()
        .order(None)
        .unwrap();
    update(engine, &plain("shop:v3", replicas.clone())).await;
    let refused = connect(&section(engine)).act(&order).await;
    let Err(ProviderError::Refused(why)) = refused else {
        panic!("{refused:?}")
    };
    assert!(why.contains("Somebody gave shop another spec"), "{why}");
    settled(engine).await;
    assert_eq!(running(engine).await, ["shop:v3"]);
    // What the provider looks for when the version is an old one.
    let old = reqwest::Client::builder()
        .unix_socket(engine.socket())
        .build()
        .unwrap();
    let old = old.post("http://docker/services/shop/update?version=1");
    let answer = old.json(&plain("shop:v1", replicas)).send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, 500);
    assert!(text.contains("update out of sequence"), "{text}");
    remove(engine).await;
}

/// The image of the target has lost its name on the node, so no task of it starts.
pub async fn what_swarm_does_by_itself_is_told(engine: &RealEngine) {
    let replicas = json!({ "Replicated": { "Replicas": 2 } });
    for (number, action) in [(54, "rollback"), (55, "pause")] {
        let mut spec = plain("shop:v1", replicas.clone());
        spec["UpdateConfig"]["FailureAction"] = json!(action);
        deploy(engine, &spec).await;
        spec["TaskTemplate"]["ContainerSpec"]["Image"] = json!("shop:v2");
        deploy(engine, &spec).await;
        let mut driven = planned(engine, number, "v1").await;
        let tag = "images/shop:v1/tag?repo=shop&tag=aside";
        engine.ask(Method::POST, tag, None).await;
        engine.ask(Method::DELETE, "images/shop:v1", None).await;
        driven.run().await;
        let tag = "images/shop:aside/tag?repo=shop&tag=v1";
        engine.ask(Method::POST, tag, None).await;
        engine.ask(Method::DELETE, "images/shop:aside", None).await;
        let State::Failed { why, production } = &driven.rollback().state else {
            panic!("{action}: {:?}", driven.rollback().state)
        };
        assert!(why.contains("No such image: shop:v1"), "{action}: {why}");
        match action {
            "rollback" => {
                assert!(why.contains("Swarm has taken shop back to v2"), "{why}");
                assert_eq!(*production, Production::AsBefore);
                assert_eq!(running(engine).await, ["shop:v2"; 2]);
            }
            _ => {
                assert!(why.contains("Swarm has paused the update"), "{why}");
                assert_eq!(*production, Production::Changed);
            }
        }
        remove(engine).await;
    }
}

pub async fn a_service_with_a_task_on_each_node(engine: &RealEngine) {
    for tag in ["v1", "v2"] {
        deploy(
            engine,
            &plain(&format!("shop:{tag}"), json!({ "Global": {} })),
        )
        .await;
    }
    let driven = goes_to(engine, 56, "v1").await;
    assert_eq!(driven.rollback().state, State::Serving { n: 1, m: 1 });
    assert_eq!(running(engine).await, ["shop:v1"]);
    remove(engine).await;
}

/// However often the process that asks is killed, the service ends with one of both templates,
/// everything else of its spec and all of its tasks.
pub async fn killed_at_random(engine: &RealEngine) {
    let (count, seed) = (
        number("DOCKER_RECREATIONS", ROLLBACKS),
        number("DOCKER_SEED", 41),
    );
    let began = Instant::now();
    let mut chance = Chance::new(seed);
    let mut spec = plain("shop:v1", json!({ "Replicated": { "Replicas": 2 } }));
    spec["UpdateConfig"]["Parallelism"] = json!(0);
    for tag in ["v1", "v2"] {
        spec["TaskTemplate"]["ContainerSpec"]["Image"] = json!(format!("shop:{tag}"));
        deploy(engine, &spec).await;
    }
    let has = without_image(&service(engine).await);
    let place = engine.directory("killed");
    let (mut kills, mut served, mut not_asked) = (0, 0, 0);
    for at in 1..=count {
        let live = running(engine).await[0].clone();
        let what = format!("rollback {at} from {live} with seed {seed}");
        let section = section(engine);
        match live.as_str() {
            "shop:v2" => {
                let target = Target::Named("v1".into());
                Driven::plan(&section, &place, 2_000 + at, target)
                    .await
                    .unwrap();
            }
            _ => {
                // What is newer is gone to by undoing the last one.
                let undone = Driven::load(&place);
                let left = undone.rollback().plan.as_ref().unwrap().from.clone();
                let target = Target::Id(left.unwrap().id);
                let undo = Driven::plan_undo(
                    &section,
                    &place,
                    2_000 + at,
                    target,
                    Some(undone.rollback()),
                );
                undo.await.unwrap();
            }
        }
        for _ in 0..=chance.below(3) {
            kills += u32::from(lives_for(&place, chance.below(LIVES_AT_MOST)));
        }
        ends(&place);
        let ended = Driven::load(&place);
        settled(engine).await;
        let now = running(engine).await;
        match ended.rollback().state.clone() {
            State::Serving { n: 2, m: 2 } => {
                served += 1;
                assert_ne!(now[0], live, "{what}");
            }
            State::Failed {
                production: Production::AsBefore,
                ..
            } => {
                not_asked += 1;
                assert_eq!(now[0], live, "{what}");
                if live != "shop:v2" {
                    // An undo that never began: undoing it would lead to what is live already.
                    deploy(engine, &spec).await;
                }
            }
            state => panic!("{what}: {state:?}"),
        }
        assert_eq!(now.len(), 2, "{what}: {now:?}");
        assert_eq!(now[0], now[1], "{what}");
        assert_eq!(
            without_image(&service(engine).await),
            has,
            "{what}: something was lost"
        );
    }
    println!(
        "{count} rollbacks of a service, seed {seed}: {kills} kills, {served} served the target, {not_asked} had not begun; nothing was lost; {} s",
        began.elapsed().as_secs()
    );
    remove(engine).await;
}

fn without_image(service: &Value) -> Value {
    let mut spec = without_runtime(service["Spec"].clone());
    spec["TaskTemplate"]["ContainerSpec"]
        .as_object_mut()
        .unwrap()
        .remove("Image");
    spec
}
