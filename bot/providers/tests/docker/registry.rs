//! What a real engine cannot be made to show here: registries, an engine of long ago, and what an
//! attempt that was cut off has left.

use crate::{
    driver::{Driven, connect},
    fake::{Engine, PASSWORD, Trouble, digest, id},
};
use rollback_domain::{
    grammar::Target,
    platform::{Production, ProviderError},
    rollback::State,
};
use serde_json::json;
use tempfile::TempDir;

fn section(engine: &Engine) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    format!(
        "provider = \"docker\"\nhost = \"{}\"\ncontainer = \"shop\"\n\
         registry_user = \"bot\"\nregistry_password = \"env:REGISTRY_PASSWORD\"",
        engine.host()
    )
}

/// RB-41 has gone to v212, and then the engine has lost the image of v213.
async fn pruned() -> (Engine, TempDir, Driven) {
    let engine = Engine::start().await;
    let place = tempfile::tempdir().unwrap();
    let target = Target::Named("v212".into());
    let section = section(&engine);
    let back = Driven::plan(&section, place.path(), 41, target);
    let mut back = back.await.unwrap();
    back.run().await;
    assert_eq!(engine.serves("shop").as_deref(), Some("v212"));
    engine.change(|inside| inside.images.remove(&id("v213")));
    (engine, place, back)
}

/// RB-42 undoes RB-41.
async fn undo(engine: &Engine, place: &TempDir, back: &Driven) -> Driven {
    let target = Target::Id(id("v213"));
    let undone = Some(back.rollback());
    let section = section(engine);
    let planned = Driven::plan_undo(&section, place.path(), 42, target, undone);
    let driven = planned.await.unwrap();
    assert_eq!(
        driven.rollback().plan.as_ref().unwrap().steps[0],
        "pull the image"
    );
    driven
}

#[tokio::test]
async fn an_image_that_is_gone_is_pulled_by_its_digest() {
    let (engine, place, back) = pruned().await;
    engine.change(|inside| inside.registry.insert(digest("v213"), Ok("v213".into())));
    let mut undo = undo(&engine, &place, &back).await;
    undo.run().await;
    assert_eq!(undo.rollback().state, State::Serving { n: 1, m: 1 });
    assert_eq!(engine.serves("shop").as_deref(), Some("v213"));
    let asked = engine
        .requests()
        .into_iter()
        .filter(|asked| asked.path.contains("/images/create"));
    assert_eq!(asked.count(), 1);
    assert!(
        !serde_json::to_string(undo.rollback())
            .unwrap()
            .contains(PASSWORD)
    );
}

#[tokio::test]
async fn what_a_registry_does_not_give_changes_nothing() {
    for (given, part) in [
        (Some(Ok("v9".to_owned())), "another image"),
        (
            Some(Err("denied: requested access".to_owned())),
            "registry_password",
        ),
        (None, "does not have"),
    ] {
        let (engine, place, back) = pruned().await;
        engine.change(|inside| {
            inside
                .registry
                .extend(given.map(|given| (digest("v213"), given)))
        });
        let mut undo = undo(&engine, &place, &back).await;
        undo.run().await;
        match &undo.rollback().state {
            State::Failed {
                why,
                production: Production::AsBefore,
            } => {
                assert!(why.contains(part), "{part:?} is not in: {why}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(engine.serves("shop").as_deref(), Some("v212"));
        assert_eq!(
            engine.change(|inside| inside.containers.len()),
            2,
            "nothing was made"
        );
    }
}

#[tokio::test]
async fn a_registry_that_is_too_busy_is_asked_later() {
    let (engine, place, back) = pruned().await;
    let said = Err("toomanyrequests: You have reached your pull rate limit".to_owned());
    engine.change(|inside| inside.registry.insert(digest("v213"), said));
    let undo = undo(&engine, &place, &back).await;
    let order = undo.rollback().order(None).unwrap();
    match connect(&section(&engine)).act(&order).await {
        Err(ProviderError::Busy { why, .. }) => {
            assert!(
                why.contains("too many requests") && why.contains("pull rate limit"),
                "{why}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(engine.serves("shop").as_deref(), Some("v212"));
}

#[tokio::test]
async fn an_engine_of_long_ago_is_refused() {
    let engine = Engine::start().await;
    engine.change(|inside| inside.api = "1.24".into());
    let why = connect(&section(&engine))
        .check()
        .await
        .unwrap_err()
        .to_string();
    assert!(why.contains("is too old") && why.contains("19.03"), "{why}");
}

#[tokio::test]
async fn what_an_attempt_that_was_cut_off_left_is_removed() {
    let engine = Engine::start().await;
    engine.change(|inside| {
        let labels = json!({ "rollback-bot.container": "shop", "rollback-bot.rollback": "RB-40" });
        let reference = "registry.example.com/shop:v212";
        inside.create(
            "shop-RB-40",
            &json!({ "Image": reference, "Labels": labels }),
        );
        // Somebody else's, whatever it is called.
        inside.create("shop-RB-39", &json!({ "Image": reference }));
    });
    let provider = connect(&section(&engine));
    let survey = provider
        .survey(&rollback_domain::platform::About::default())
        .await
        .unwrap();
    let under_way = survey.in_flight.unwrap();
    assert!(
        under_way.contains("shop-RB-40 is left of a rollback"),
        "{under_way}"
    );
    let place = tempfile::tempdir().unwrap();
    let target = Target::Named("v212".into());
    let mut back = Driven::plan(&section(&engine), place.path(), 41, target)
        .await
        .unwrap();
    back.run().await;
    let names = engine.change(|inside| {
        let names = inside
            .containers
            .values()
            .map(|one| one["Name"].as_str().unwrap().to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    });
    assert_eq!(names, ["/shop", "/shop-RB-39", "/shop-before-RB-41"]);
}

/// The new container is made and its answer never arrives: the one that looks goes on with it.
#[tokio::test]
async fn a_container_whose_answer_was_cut_is_not_made_again() {
    let engine = Engine::start().await;
    let place = tempfile::tempdir().unwrap();
    let target = Target::Named("v212".into());
    let mut back = Driven::plan(&section(&engine), place.path(), 41, target)
        .await
        .unwrap();
    engine.trouble(Some(Trouble::DoneAndCut));
    back.run().await;
    assert_eq!(back.rollback().state, State::Serving { n: 1, m: 1 });
    assert_eq!(engine.change(|inside| inside.asked), 4);
}
