//! A container of a Docker engine: how it is recreated on an earlier image, and what people are
//! told where that cannot be done.

use crate::support::{
    World,
    docker::{Engine, digest, id},
    docker_engine::RealEngine,
    site::Site,
};
use insta::assert_snapshot;
use rollback_domain::proof::Verdict;
use serde_json::json;
use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

const MINUTE: Duration = Duration::from_secs(60);

/// What stands in a section besides where the engine is.
const SHOP: &str = r#"
container = "shop"
settle = "0s"
approve = ["oncall"]
[services.shop.production.fingerprint]
url = "{local}/version.json"
json = "/version"
"#;

fn section(engine: &Engine, more: &str) -> String {
    format!(
        "[services.shop.production]\nprovider = \"docker\"\nhost = \"{}\"\n\
         registry_user = \"bot\"\nregistry_password = \"env:REGISTRY_PASSWORD\"{more}",
        engine.host()
    )
}

/// A world in which the container `shop` runs v213.
pub async fn world() -> (World, Engine) {
    let engine = Engine::start().await;
    let serving = engine.clone();
    let site = Site::start(move || serving.serves("shop").unwrap_or_default()).await;
    let settings = section(&engine, &SHOP.replace("{local}", &site.url()));
    let mut world = World::with(&settings).await;
    world.site = site;
    (world, engine)
}

/// maya wants it back.
pub async fn proposes(world: &mut World) {
    world.maya().says("/rollback shop because 500s").await;
    world.settle().await;
    world.maya().sees();
}

/// sam accepts what is unusual about the target, which begins like this, and approves.
pub async fn approves(world: &mut World, target: &str) {
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.slack.chooses("U0SAM", target).await.unwrap();
    world.slack.submits("U0SAM").await.unwrap();
}

/// maya wants back what RB-1 left.
async fn undoes(world: &mut World) {
    world
        .maya()
        .says("/rollback undo RB-1 because it was not that")
        .await;
    world.settle().await;
    world.maya().sees();
}

/// The names of all containers, and what each of them runs.
fn containers(engine: &Engine) -> Vec<String> {
    engine.change(|inside| {
        let mut all: Vec<String> = inside
            .containers
            .values()
            .map(|one| {
                let name = one["Name"].as_str().unwrap().trim_start_matches('/');
                let image = &inside.images.get(one["Image"].as_str().unwrap());
                let tag = image.map_or("no image", |image| image["tag"].as_str().unwrap());
                format!("{name} {tag} {}", one["State"]["Status"].as_str().unwrap())
            })
            .collect();
        all.sort();
        all
    })
}

#[tokio::test]
async fn a_container_is_recreated_on_an_earlier_image_and_forward_again() {
    let (mut world, engine) = world().await;
    proposes(&mut world).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot:
      Roll back shop to v212?
      500s · @maya, 03:12:00 UTC
      Live now `v213` 9c7e2f4, since 2026-02-28 17:33 UTC (13 d)
      Go back to `v212` 9c7e2f4, made 2026-02-25 06:13 UTC, never seen live · previous release, it is not known whether it ever served
      ⚠️ Caution  v212 is not known to have served production
      You lose  1 change: v213
      Changes  the image, the command and environment built into it
      Stays  database · volumes · the container's own environment, mounts, networks and ports
      Outage  expected: requests fail for seconds while the container is replaced
      Steps  1. create the new container beside shop · 2. stop shop · 3. give the new container the name shop · 4. start the new container
      After  the next deploy replaces the container
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall), not @maya · expires 03:22:00 UTC · RB-1 · production · caution · plan `598e`
    ");
    approves(&mut world, "v2").await;
    world.passes(MINUTE).await;
    assert_eq!(
        containers(&engine),
        ["shop v212 running", "shop-before-RB-1 v213 exited"]
    );
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  shop (production)
      v213 → v212 · @maya · "500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Docker: the new container is up
      ✅ Live 03:12:00 UTC 1/1 on v212
      ✅ Verified 03:12:02 UTC version v212 answers, no checks configured
      v212 answers from outside and passes its checks.
      Command to live: 0 s, of which 0 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ shop (production) is back on v212 (RB-1) · @maya, approved by @sam
      version v212 answers, no checks configured · took 0 s, of which 0 s waiting for approval
      This doesn't fix the bug. If v213 caused it, deploying v213 again brings it back.
    "#);
    undoes(&mut world).await;
    world.slack.take_all();
    approves(&mut world, "v213").await;
    world.passes(MINUTE).await;
    assert_eq!(
        containers(&engine),
        ["shop v213 running", "shop-before-RB-2 v212 exited"]
    );
    world.passes(20 * MINUTE).await;
    world.slack.take_all();
}

/// What goes wrong between the card and the approval, and what people are told then.
#[tokio::test]
async fn what_changes_on_the_engine_after_the_card_is_told_and_nothing_is_changed() {
    for (what, told) in [
        (
            "pruned",
            "v212 is not on Docker any more. There is no release of shop",
        ),
        (
            "renamed",
            "There is no container named shop. There are mine.",
        ),
        (
            "too old",
            "is too old: it speaks API 1.24, and 1.40 is needed.",
        ),
    ] {
        let (mut world, engine) = world().await;
        proposes(&mut world).await;
        world.slack.take_all();
        engine.change(|inside| match what {
            "pruned" => drop(inside.images.remove(&id("v212"))),
            "renamed" => {
                let shop = inside.find("shop").unwrap()["Id"].clone();
                let shop = inside.containers.get_mut(shop.as_str().unwrap()).unwrap();
                shop["Name"] = json!("/mine");
            }
            _ => inside.api = "1.24".into(),
        });
        let before = containers(&engine);
        approves(&mut world, "v2").await;
        world.passes(20 * MINUTE).await;
        let seen = world.channel();
        assert!(seen.contains(told), "{what}: {seen}");
        assert_eq!(containers(&engine), before, "{what}");
        assert_eq!(engine.change(|inside| inside.asked), 0, "{what}");
        world.slack.take_all();
    }
}

/// RB-1 has gone to v212, and then the engine has lost the image of v213: an undo has to pull it.
#[tokio::test]
async fn what_a_registry_does_not_give_is_told_and_nothing_is_changed() {
    for (given, told) in [
        (
            Some(Ok("v9".to_owned())),
            "The registry gave another image for",
        ),
        (None, "its registry does not have"),
        (
            Some(Err(
                "toomanyrequests: You have reached your pull rate limit".to_owned(),
            )),
            "The registry answers too many requests",
        ),
        (
            Some(Err("denied: requested access to the resource".to_owned())),
            "set registry_user and registry_password",
        ),
    ] {
        let (mut world, engine) = world().await;
        proposes(&mut world).await;
        approves(&mut world, "v2").await;
        world.passes(20 * MINUTE).await;
        world.slack.take_all();
        engine.change(|inside| {
            inside.images.remove(&id("v213"));
            inside
                .registry
                .extend(given.map(|given| (digest("v213"), given)));
        });
        let before = containers(&engine);
        undoes(&mut world).await;
        let card = world.channel();
        assert!(card.contains("Steps  1. pull the image · 2."), "{card}");
        approves(&mut world, "v213").await;
        world.passes(2 * MINUTE).await;
        let seen = world.channel();
        assert!(seen.contains(told), "{told}: {seen}");
        world.passes(40 * MINUTE).await;
        assert_eq!(containers(&engine), before, "{told}");
        world.slack.take_all();
    }
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_told_where_it_was_looked_for() {
    let mut world = World::with(
        "[services.shop.production]\nprovider = \"docker\"\nhost = \"unix:///nowhere/docker.sock\"\n\
         container = \"shop\"\napprove = [\"oncall\"]",
    )
    .await;
    world.sam().says("/rollback shop because 500s").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @sam): RB-1: finding a version of shop (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot (only visible to @sam): /nowhere/docker.sock is not there. Start Docker on this machine, or set host to where its engine listens. Nothing was run. If it can't wait, roll back on the platform itself.
    ");
}

/// What the shop of a real engine runs, by what its image has built in; empty while it does not.
fn serves(socket: &Path) -> String {
    let mut engine = UnixStream::connect(socket).unwrap();
    engine
        .write_all(b"GET /containers/shop/json HTTP/1.0\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    engine.read_to_string(&mut answer).unwrap();
    let runs = answer.contains("\"Running\":true");
    let built_in = answer.split("BUILT_IN=").nth(1).filter(|_| runs);
    let built_in = built_in.and_then(|rest| rest.split('"').next());
    built_in.unwrap_or_default().to_owned()
}

/// A real engine takes real time, and the story's passes with it.
async fn verifies(world: &mut World, rollback: u64) {
    for _ in 0..120 {
        world.passes(Duration::from_secs(1)).await;
        if world.rollback(rollback).await.proof.verdict == Some(Verdict::Verified) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{}", world.record().await);
}

/// The same on an engine that the story starts for itself, where the machine lets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_engine_goes_back_and_forward_again() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let engine = match RealEngine::start().await {
        Ok(engine) => engine,
        Err(why) => {
            println!("NOT PROVEN ON A REAL ENGINE: {why}");
            return;
        }
    };
    let shop = json!({
        "Image": "shop:v3",
        "Env": ["MODE=live"],
        "StopSignal": "SIGKILL",
        "HostConfig": { "NetworkMode": "host", "RestartPolicy": { "Name": "always" } },
    });
    engine.run("shop", shop).await;
    let socket = engine.socket();
    let site = Site::start(move || serves(&socket)).await;
    let settings = engine.section(&SHOP.replace("{local}", &site.url()));
    let mut world = World::with(&format!("[services.shop.production]\n{settings}")).await;
    world.site = site;
    proposes(&mut world).await;
    let card = world.channel();
    for line in [
        "Roll back shop to v2?",
        "create the new container beside shop",
    ] {
        assert!(card.contains(line), "{line:?} is not in: {card}");
    }
    approves(&mut world, "v2").await;
    verifies(&mut world, 1).await;
    let shop = engine.inspect("shop").await;
    assert_eq!(shop["Image"], engine.image("shop:v2").await);
    assert_eq!(shop["HostConfig"]["RestartPolicy"]["Name"], "always");
    assert!(shop["Config"]["Env"].to_string().contains("MODE=live"));
    undoes(&mut world).await;
    approves(&mut world, "v3").await;
    verifies(&mut world, 2).await;
    assert_eq!(
        engine.containers().await,
        [
            ("shop".to_owned(), true),
            ("shop-before-RB-2".to_owned(), false)
        ]
    );
    engine.clear().await;
    world.passes(20 * MINUTE).await;
    world.slack.take_all();
}
