//! A service of a Docker swarm: how it gets an earlier spec task by task, what Swarm does by itself
//! meanwhile, and what people are told where it cannot be done.

use crate::support::{
    World, dawn,
    docker_engine::RealEngine,
    site::Site,
    swarm::{Meets, NAME, Swarm},
};
use insta::assert_snapshot;
use reqwest::Method;
use rollback_bot::clock::Clock;
use rollback_domain::proof::Verdict;
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    sync::Arc,
    time::Duration,
};

const MINUTE: Duration = Duration::from_secs(60);

/// What stands in a section besides where the manager is.
const SHOP: &str = r#"
approve = ["oncall"]
[services.shop.production.fingerprint]
url = "{local}/version.json"
json = "/version"
"#;

/// A world in which the service runs the third of three versions on two tasks.
async fn world() -> (World, Swarm) {
    let clock = Clock::fixed(dawn().checked_sub(Duration::from_secs(50 * 3_600)).unwrap());
    let before = clock.clone();
    let swarm = Swarm::start(Arc::new(move || before.now()), "v211").await;
    for (version, minutes) in [("v212", 41 * 60), ("v213", 8 * 60 + 29)] {
        clock.advance(Duration::from_secs(minutes * 60));
        swarm.deploy(version);
    }
    let serving = swarm.clone();
    let site = Site::start(move || serving.live()).await;
    let mut world = World::with(&format!(
        "[services.shop.production]\nprovider = \"swarm\"\nhost = \"{}\"\nservice = \"{NAME}\"{}",
        swarm.host(),
        SHOP.replace("{local}", &site.url())
    ))
    .await;
    world.site = site;
    let time = world.clock.clone();
    swarm.follows(Arc::new(move || time.now()));
    (world, swarm)
}

/// maya wants it back.
async fn proposes(world: &mut World) -> String {
    world.maya().says("/rollback shop because 500s").await;
    world.settle().await;
    world.channel()
}

async fn approves(world: &mut World) {
    world.sam().clicks("Approve").await;
    world.settle().await;
}

/// sam accepts everything that is unusual, each of which begins like this, and approves.
async fn approves_warned(world: &mut World, warnings: &[&str]) {
    approves(world).await;
    for warning in warnings {
        world.slack.chooses("U0SAM", warning).await.unwrap();
    }
    assert!(world.slack.submits("U0SAM").await.unwrap().is_ok());
}

#[tokio::test]
async fn a_service_goes_back_task_by_task_and_forward_again() {
    let (mut world, swarm) = world().await;
    swarm.edit(|spec| {
        spec["Labels"] = json!({ "team": "web", "com.docker.stack.namespace": "acme" })
    });
    let card = proposes(&mut world).await;
    assert_snapshot!(card, @"
    Rollback Bot (only visible to @maya): RB-1: finding a version of shop (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Roll back shop to v212?
      500s · @maya, 03:12:00 UTC
      Live now `v213`, since 02:41:00 UTC (31 m)
      Go back to `v212`, ran 8 h 29 m until 02:41:00 UTC · previous release, ran before
      You lose  1 change: v213
      Changes  image, command, the environment, mounts and limits of its tasks
      Stays  database · volumes · the content of secrets and configs · replicas · published ports
      Details  if a task fails, Swarm stops half-way (failure action pause) · it belongs to the stack acme: the next docker stack deploy acme gives it what its file says
      After  the next docker service update or docker stack deploy replaces it
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `ba37`
    ");
    let before = swarm.spec();
    approves(&mut world).await;
    world.passes(Duration::from_secs(10)).await;
    swarm.replace(1);
    world.passes(Duration::from_secs(10)).await;
    swarm.finish();
    world.passes(MINUTE).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  shop (production)
      v213 → v212 · @maya · "500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Docker Swarm: the update is completed: 2 of 2 tasks run v212
      ✅ Live 03:12:32 UTC 2/2 on v212
      ✅ Verified 03:12:34 UTC version v212 answers, no checks configured
      v212 answers from outside and passes its checks.
      Command to live: 32 s, of which 0 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ shop (production) is back on v212 (RB-1) · @maya, approved by @sam
      version v212 answers, no checks configured · took 32 s, of which 0 s waiting for approval
      This doesn't fix the bug. If v213 caused it, deploying v213 again brings it back.
    "#);
    let record = world.record().await;
    assert!(record.contains("1/2"), "{record}");
    let mut after = swarm.spec();
    after["TaskTemplate"] = before["TaskTemplate"].clone();
    assert_eq!(
        (after, swarm.live(), swarm.asked()),
        (before, "v212".into(), 1)
    );
    world
        .maya()
        .says("/rollback undo RB-1 because it was not that")
        .await;
    world.settle().await;
    world.slack.take_all();
    approves_warned(&mut world, &["v213"]).await;
    world.passes(Duration::from_secs(10)).await;
    swarm.finish();
    world.passes(20 * MINUTE).await;
    assert_eq!((swarm.live(), swarm.asked()), ("v213".into(), 2));
    world.slack.take_all();
}

/// The failure action of the service decides what Swarm does with a task that does not start.
#[tokio::test]
async fn what_swarm_does_by_itself_when_a_task_fails_is_told_as_that() {
    let error = "No such image: registry.example.com/acme/shop:v212";
    for (action, on_card, told) in [
        (
            "rollback",
            "Swarm itself takes it back to what serves now",
            [
                "RB-1 FAILED",
                "Swarm has taken acme_shop back to v213, after a task had failed: No such image",
            ],
        ),
        (
            "pause",
            "if a task fails, Swarm stops half-way",
            ["RB-1 PARTIAL", "1/2"],
        ),
    ] {
        let (mut world, swarm) = world().await;
        swarm.edit(|spec| spec["UpdateConfig"] = json!({ "FailureAction": action }));
        let card = proposes(&mut world).await;
        assert!(card.contains(on_card), "{card}");
        approves(&mut world).await;
        world.passes(Duration::from_secs(10)).await;
        swarm.replace(1);
        swarm.fail(error);
        world.passes(Duration::from_secs(10)).await;
        if action == "rollback" {
            let record = world.record().await;
            assert!(
                record.contains("Swarm takes acme_shop back to v213"),
                "{record}"
            );
            swarm.finish();
        }
        world.passes(MINUTE).await;
        let seen = world.channel();
        for part in told {
            assert!(seen.contains(part), "{action}: {part:?} is not in: {seen}");
        }
        world.passes(20 * MINUTE).await;
        world.slack.take_all();
    }
}

#[tokio::test]
async fn swarm_that_pauses_while_it_goes_back_by_itself_has_changed_production() {
    let (mut world, swarm) = world().await;
    swarm.edit(|spec| spec["UpdateConfig"] = json!({ "FailureAction": "rollback" }));
    proposes(&mut world).await;
    approves(&mut world).await;
    swarm.replace(1);
    swarm.fail("task: non-zero exit (7)");
    swarm.pause_going_back();
    world.passes(MINUTE).await;
    let seen = world.channel();
    for part in [
        "FAILED",
        "Production serves something unknown",
        "docker service ps --no-trunc acme_shop",
    ] {
        assert!(seen.contains(part), "{part:?} is not in: {seen}");
    }
    world.passes(20 * MINUTE).await;
    world.slack.take_all();
}

/// The next deploy after v213 failed, and Swarm took it back before anybody typed a command.
#[tokio::test]
async fn a_service_that_swarm_has_taken_back_already_is_warned_of() {
    let (mut world, swarm) = world().await;
    swarm.edit(|spec| spec["UpdateConfig"] = json!({ "FailureAction": "rollback" }));
    swarm.deploy_failing("v214", "task: non-zero exit (1)");
    let card = proposes(&mut world).await;
    assert!(
        card.contains(
            "the last update failed, and Swarm has gone back to v213 by itself at 03:12:00 UTC"
        ),
        "{card}"
    );
    world.passes(20 * MINUTE).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_service_update_at_the_same_moment_is_refused_and_not_overwritten() {
    let (mut world, swarm) = world().await;
    proposes(&mut world).await;
    swarm.next_meets(Meets::Deploy("v214".into()));
    approves(&mut world).await;
    world.passes(MINUTE).await;
    let seen = world.channel();
    assert!(
        seen.contains("Somebody changed acme_shop at the same moment (update out of sequence), and that is not overwritten."),
        "{seen}"
    );
    assert_eq!((swarm.live(), swarm.asked()), ("v214".into(), 1));
    world.passes(20 * MINUTE).await;
    world.slack.take_all();
}

/// Swarm counts the version up, too, and then the same may be asked once more.
#[tokio::test]
async fn a_version_that_swarm_itself_has_counted_up_is_asked_for_again() {
    let (mut world, swarm) = world().await;
    proposes(&mut world).await;
    swarm.next_meets(Meets::Count);
    approves(&mut world).await;
    world.passes(Duration::from_secs(30)).await;
    swarm.finish();
    world.passes(20 * MINUTE).await;
    assert_eq!((swarm.live(), swarm.asked()), ("v212".into(), 2));
    world.slack.take_all();
}

#[tokio::test]
async fn a_service_that_cannot_be_taken_back_has_its_reason() {
    for (what, told) in [
        (
            "a worker",
            "is a worker of its swarm, and only a manager shows services. Set host to a manager.",
        ),
        (
            "no swarm",
            "is in no swarm that works (its state there is inactive).",
        ),
        (
            "another name",
            "There is no service named acme_shop. There are shop.",
        ),
        (
            "scaled to 0",
            "The service acme_shop runs no tasks (it is scaled to 0), so going back would show nothing.",
        ),
        (
            "a job",
            "The service acme_shop is a job, which runs to its end",
        ),
    ] {
        let (mut world, swarm) = world().await;
        match what {
            "a worker" => swarm.set_node("active", false),
            "no swarm" => swarm.set_node("inactive", false),
            "another name" => swarm.edit(|spec| spec["Name"] = json!("shop")),
            "scaled to 0" => {
                swarm.edit(|spec| spec["Mode"] = json!({ "Replicated": { "Replicas": 0 } }))
            }
            _ => swarm.edit(|spec| spec["Mode"] = json!({ "ReplicatedJob": {} })),
        }
        let seen = proposes(&mut world).await;
        assert!(seen.contains(told), "{what}: {seen}");
        assert_eq!(swarm.asked(), 0);
        world.passes(20 * MINUTE).await;
        world.slack.take_all();
    }
}

/// What the tasks of a real swarm run: the tag of their image, if all have the same one.
fn serves(socket: &Path) -> String {
    let mut engine = UnixStream::connect(socket).unwrap();
    engine
        .write_all(b"GET /containers/json HTTP/1.0\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    engine.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let running: Vec<Value> = serde_json::from_str(body).unwrap();
    let mut tags: Vec<&str> = running
        .iter()
        .filter_map(|container| container["Image"].as_str()?.strip_prefix("shop:"))
        .collect();
    tags.dedup();
    match tags.as_slice() {
        [tag] => (*tag).to_owned(),
        _ => String::new(),
    }
}

/// Waits until the tasks of a real swarm run this.
async fn runs(socket: &Path, tag: &str) {
    for _ in 0..300 {
        if serves(socket) == tag {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{tag} does not run");
}

/// A real swarm takes real time, and the story's passes with it.
async fn verifies(world: &mut World, rollback: u64) {
    for _ in 0..300 {
        world.passes(Duration::from_secs(1)).await;
        if world.rollback(rollback).await.proof.verdict == Some(Verdict::Verified) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{}", world.record().await);
}

/// The same on a swarm that the story starts for itself, where the machine lets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_engine_with_a_swarm_goes_back_and_forward_again() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let engine = match RealEngine::start().await {
        Ok(engine) => engine,
        Err(why) => {
            println!("NOT PROVEN ON A REAL ENGINE: {why}");
            return;
        }
    };
    if let Err(why) = engine.make_swarm().await {
        println!("NOT PROVEN ON A REAL SWARM: {why}");
        return;
    }
    let second = 1_000_000_000_u64;
    let mut spec = json!({
        "Name": NAME,
        "TaskTemplate": {
            "ContainerSpec": { "Image": "shop:v2", "Env": ["MODE=live"], "StopSignal": "SIGKILL" },
            "Networks": [{ "Target": "host" }],
        },
        "Mode": { "Replicated": { "Replicas": 2 } },
        "UpdateConfig": { "Parallelism": 0, "Monitor": second },
    });
    let made = engine
        .ask(Method::POST, "services/create", Some(spec.clone()))
        .await;
    let service = format!("services/{}", made["ID"].as_str().unwrap());
    let socket = engine.socket();
    runs(&socket, "v2").await;
    spec["TaskTemplate"]["ContainerSpec"]["Image"] = json!("shop:v3");
    let version = engine.get(&service).await.unwrap()["Version"]["Index"].clone();
    let update = format!("{service}/update?version={version}");
    engine.ask(Method::POST, &update, Some(spec)).await;
    runs(&socket, "v3").await;
    let site = Site::start(move || serves(&socket)).await;
    let more = format!(
        "service = \"{NAME}\"{}",
        SHOP.replace("{local}", &site.url())
    );
    let settings = engine.swarm_section(&more);
    let mut world = World::with(&format!("[services.shop.production]\n{settings}")).await;
    world.site = site;
    let card = proposes(&mut world).await;
    for line in [
        "Roll back shop to v2?",
        "its image is named without a digest: shop:v2",
    ] {
        assert!(card.contains(line), "{line:?} is not in: {card}");
    }
    approves_warned(&mut world, &["its image is named without a digest"]).await;
    verifies(&mut world, 1).await;
    let seen = world.channel();
    assert!(seen.contains("2/2 on v2"), "{seen}");
    world
        .maya()
        .says("/rollback undo RB-1 because it was not that")
        .await;
    world.settle().await;
    world.maya().sees();
    approves_warned(&mut world, &["v3", "its image is named without a digest"]).await;
    verifies(&mut world, 2).await;
    let spec = engine.get(&service).await.unwrap()["Spec"].clone();
    let container = &spec["TaskTemplate"]["ContainerSpec"];
    assert_eq!(container["Env"], json!(["MODE=live"]));
    assert_eq!(spec["Mode"]["Replicated"]["Replicas"], 2);
    world.passes(20 * MINUTE).await;
    world.slack.take_all();
}
