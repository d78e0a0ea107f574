//! What becomes of one container, step by step, on a real engine.

use crate::{
    driver::{Driven, connect},
    engine::RealEngine,
    witness::{everything, start_shop},
};
use reqwest::Method;
use rollback_domain::{
    grammar::Target,
    platform::{About, Production, ProviderError},
    rollback::State,
};
use serde_json::{Value, json};

const SHOP: &str = "container = \"shop\"\nsettle = \"1s\"";

fn named(name: &str) -> Target {
    Target::Named(name.into())
}

/// Plans a rollback to a tag and runs it to its end.
async fn goes_to(engine: &RealEngine, number: u64, tag: &str) -> Driven {
    let place = engine.directory("moves");
    let mut driven = Driven::plan(&engine.section(SHOP), &place, number, named(tag))
        .await
        .unwrap();
    driven.run().await;
    driven
}

/// A container with nothing special, so that the image's own health check counts.
async fn start_plain(engine: &RealEngine, image: &str, more: Value) {
    let mut settings =
        json!({ "Image": image, "StopSignal": "SIGKILL", "HostConfig": { "NetworkMode": "host" } });
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    engine.run("shop", settings).await;
}

fn running(containers: &[(String, bool)]) -> Vec<&str> {
    let running = containers.iter().filter(|(_, runs)| *runs);
    running.map(|(name, _)| name.as_str()).collect()
}

fn failed_as_before(driven: &Driven) -> &str {
    match &driven.rollback().state {
        State::Failed {
            why,
            production: Production::AsBefore,
        } => why,
        state => panic!("{state:?}"),
    }
}

pub async fn a_container_keeps_everything_but_its_image(engine: &RealEngine) {
    start_shop(engine, "shop:v2").await;
    let before = engine.inspect("shop").await;
    let driven = goes_to(engine, 41, "v1").await;
    assert_eq!(driven.rollback().state, State::Serving { n: 1, m: 1 });
    let after = engine.inspect("shop").await;
    assert_eq!(after["Image"], engine.image("shop:v1").await);
    assert_eq!(everything(&after), everything(&before));
    // What the image brings comes with it, and an anonymous volume is the same one.
    let variables = after["Config"]["Env"].to_string();
    assert!(
        variables.contains("BUILT_IN=v1") && !variables.contains("BUILT_IN=v2"),
        "{variables}"
    );
    assert_eq!(after["Config"]["Labels"]["rollback-bot.rollback"], "RB-41");
    let kept = engine.inspect("shop-before-RB-41").await;
    assert_eq!(kept["Id"], before["Id"]);
    assert_eq!(kept["HostConfig"]["RestartPolicy"]["Name"], "no");
    assert_eq!(running(&engine.containers().await), ["shop"]);
    let point = driven.rollback().restore_point.clone().unwrap();
    assert_eq!(point.id, "shop-before-RB-41");
    assert!(
        !serde_json::to_string(driven.rollback())
            .unwrap()
            .contains("hunter2")
    );
}

pub async fn an_undo_goes_forward_again(engine: &RealEngine) {
    let place = engine.directory("moves");
    let undone = Driven::load(&place);
    let left = undone
        .rollback()
        .plan
        .as_ref()
        .unwrap()
        .from
        .clone()
        .unwrap();
    let has = everything(&engine.inspect("shop").await);
    let section = engine.section(SHOP);
    let target = Target::Id(left.id.clone());
    let undo = Driven::plan_undo(&section, &place, 42, target, Some(undone.rollback()));
    let mut undo = undo.await.unwrap();
    undo.run().await;
    assert_eq!(undo.rollback().state, State::Serving { n: 1, m: 1 });
    let shop = engine.inspect("shop").await;
    assert_eq!((&shop["Image"], everything(&shop)), (&json!(left.id), has));
    // One old container is enough.
    let names: Vec<String> = engine
        .containers()
        .await
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["shop", "shop-before-RB-42"]);
    engine.clear().await;
}

pub async fn what_does_not_start_is_put_back(engine: &RealEngine) {
    start_shop(engine, "shop:v2").await;
    let before = engine.inspect("shop").await;
    let driven = goes_to(engine, 43, "ends").await;
    let why = failed_as_before(&driven);
    assert!(why.contains("with 7"), "{why}");
    let after = engine.inspect("shop").await;
    assert_eq!(
        (&after["Id"], everything(&after)),
        (&before["Id"], everything(&before))
    );
    assert_eq!(engine.containers().await, [("shop".to_owned(), true)]);
    engine.clear().await;
}

pub async fn what_is_unhealthy_is_put_back(engine: &RealEngine) {
    start_plain(engine, "shop:v2", json!({})).await;
    let before = engine.inspect("shop").await;
    let driven = goes_to(engine, 44, "ill").await;
    let why = failed_as_before(&driven);
    assert!(why.contains("unhealthy"), "{why}");
    assert_eq!(engine.inspect("shop").await["Id"], before["Id"]);
    assert_eq!(engine.containers().await, [("shop".to_owned(), true)]);
    engine.clear().await;
}

/// The kept container had the policy to be started whenever the engine is.
pub async fn an_engine_that_starts_again_starts_no_second_one(engine: &RealEngine) {
    start_shop(engine, "shop:v2").await;
    goes_to(engine, 45, "v1").await;
    engine.start_again().await;
    let containers = engine.containers().await;
    assert_eq!(running(&containers), ["shop"]);
    assert_eq!(containers.len(), 2, "{containers:?}");
    engine.clear().await;
}

/// The sentence with which a provider refuses.
fn refused<T: std::fmt::Debug>(answer: Result<T, ProviderError>) -> String {
    match answer {
        Err(ProviderError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

pub async fn bad_input_changes_nothing(engine: &RealEngine) {
    let place = engine.directory("moves");
    let section = engine.section(SHOP);
    let provider = connect(&section);
    let survey = async || provider.survey(&About::default()).await;
    let why = refused(survey().await);
    assert!(why.contains("There is no container named shop"), "{why}");

    start_shop(engine, "shop:v2").await;
    let has = everything(&engine.inspect("shop").await);
    // The image goes after the plan was made.
    let driven = Driven::plan(&section, &place, 46, named("v1"))
        .await
        .unwrap();
    let mut order = driven.rollback().order(None).unwrap();
    let image = engine.image("shop:v1").await;
    order.plan.to.id = image.replace(&image[7..], &"0".repeat(64));
    let why = refused(provider.act(&order).await);
    assert!(
        why.contains("The image of v1 was removed from this engine"),
        "{why}"
    );

    // Somebody renames it between the plan and the request.
    let driven = Driven::plan(&section, &place, 47, named("v1"))
        .await
        .unwrap();
    let order = driven.rollback().order(None).unwrap();
    engine
        .ask(Method::POST, "containers/shop/rename?name=mine", None)
        .await;
    let why = refused(provider.act(&order).await);
    assert!(why.contains("somebody has renamed shop to mine"), "{why}");
    let why = refused(survey().await);
    assert!(why.contains("There are mine."), "{why}");
    engine
        .ask(Method::POST, "containers/mine/rename?name=shop", None)
        .await;

    // Somebody else's container stands where the new one would.
    let settings = json!({ "Image": "shop:v1", "HostConfig": { "NetworkMode": "none" } });
    engine.run("shop-RB-47", settings).await;
    let why = refused(provider.act(&order).await);
    assert!(why.contains("would not create shop-RB-47 (409"), "{why}");
    engine
        .ask(Method::DELETE, "containers/shop-RB-47?force=1", None)
        .await;
    assert_eq!(everything(&engine.inspect("shop").await), has);
    assert_eq!(engine.containers().await, [("shop".to_owned(), true)]);
    engine.clear().await;

    let removes_itself = json!({ "HostConfig": { "NetworkMode": "host", "AutoRemove": true } });
    start_plain(engine, "shop:v2", removes_itself).await;
    let why = refused(provider.check().await);
    assert!(why.contains("--rm"), "{why}");
    engine.clear().await;

    let nowhere =
        "provider = \"docker\"\nhost = \"unix:///nowhere/docker.sock\"\ncontainer = \"shop\"";
    let why = refused(connect(nowhere).check().await);
    assert!(why.contains("/nowhere/docker.sock is not there"), "{why}");
}

pub async fn an_engine_elsewhere_is_asked_over_tls(engine: &RealEngine) {
    start_plain(engine, "shop:v2", json!({})).await;
    let section = engine.section_over_tls("client", SHOP);
    let place = engine.directory("moves");
    let mut driven = Driven::plan(&section, &place, 49, named("v1"))
        .await
        .unwrap();
    driven.run().await;
    assert_eq!(driven.rollback().state, State::Serving { n: 1, m: 1 });
    // The engine's own certificate is none for those who ask.
    let stranger = connect(&engine.section_over_tls("engine", SHOP));
    let why = stranger.check().await.unwrap_err().to_string();
    assert!(why.contains("Docker"), "{why}");
    engine.clear().await;
}

pub async fn a_compose_service_leaves_nothing_behind(engine: &RealEngine) {
    let labels = json!({
        "com.docker.compose.project": "acme",
        "com.docker.compose.service": "shop",
        "com.docker.compose.container-number": "1",
        "com.docker.compose.oneoff": "False",
    });
    start_plain(engine, "shop:v2", json!({ "Labels": labels })).await;
    engine
        .ask(
            Method::POST,
            "containers/shop/rename?name=acme-shop-1",
            None,
        )
        .await;
    let section =
        engine.section("compose_project = \"acme\"\ncompose_service = \"shop\"\nsettle = \"0s\"");
    let place = engine.directory("moves");
    let mut driven = Driven::plan(&section, &place, 48, named("v1"))
        .await
        .unwrap();
    assert_eq!(driven.rollback().plan.as_ref().unwrap().steps.len(), 5);
    driven.run().await;
    assert_eq!(driven.rollback().state, State::Serving { n: 1, m: 1 });
    assert_eq!(
        engine.containers().await,
        [("acme-shop-1".to_owned(), true)]
    );
    let shop = engine.inspect("acme-shop-1").await;
    assert_eq!(
        shop["Config"]["Labels"]["com.docker.compose.service"],
        "shop"
    );
    assert_eq!(shop["Image"], engine.image("shop:v1").await);
    engine.clear().await;
}
