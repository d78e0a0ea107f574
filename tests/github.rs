//! What production loses, as the repository tells it.

use crate::{
    api::{Answered, Api, Asked},
    support::{FRONTEND, GITHUB_TOKEN, World},
};
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

fn commit(sha: &str, parents: &[&str], message: &str) -> Value {
    let parents: Vec<Value> = parents.iter().map(|sha| json!({"sha": sha})).collect();
    json!({"sha": sha, "parents": parents, "author": {"login": "kim"}, "commit": {"message": message}})
}

/// v214 came with two pull requests, of which one was squashed, and with a commit of its own.
fn answer(asked: &Asked) -> Answered {
    assert!(asked.is_by(GITHUB_TOKEN));
    match asked.line().as_str() {
        "GET /repos/acme/shop/compare/3c4d5e6f7a8...a1b2c3d4e5f" => Answered::Json(
            200,
            json!({
                "status": "ahead", "total_commits": 4,
                "html_url": "https://github.com/acme/shop/compare/3c4d5e6f7a8...a1b2c3d4e5f",
                "commits": [
                    commit("b1", &["3c4d5e6f7a8"], "Round prices (#811)"),
                    commit("b2", &["b1"], "wip"),
                    commit("b3", &["b1", "b2"], "Merge pull request #812 from acme/expiry\n\nsession expiry"),
                    commit("a1b2c3d4e5f", &["b3"], "checkout: new <tax> engine"),
                ],
            }),
        ),
        "POST /graphql" => {
            let query = asked.body["query"].as_str().unwrap();
            assert!(query.contains("p811: pullRequest(number: 811)"), "{query}");
            assert_eq!(
                asked.body["variables"],
                json!({"owner": "acme", "name": "shop"})
            );
            let pull = |title: &str, author: &str, label: &str| json!({"title": title, "author": {"login": author}, "labels": {"nodes": [{"name": label}]}});
            Answered::Json(
                200,
                json!({"data": {"repository": {
                    "p811": pull("Round prices", "lee", "feature"),
                    "p812": pull("Session expiry", "sam", "type: bug"),
                }}}),
            )
        }
        other => panic!("nobody knows {other}"),
    }
}

/// A world in which `frontend` is built from `acme/shop`.
async fn world(handler: impl FnMut(&Asked) -> Answered + Send + 'static) -> (World, Arc<Api>) {
    let api = Arc::new(Api::start(handler).await);
    let service = FRONTEND.replace(
        "provider = \"vercel\"",
        "provider = \"vercel\"\ngithub = \"acme/shop\"",
    );
    let settings = format!(
        "{service}\n[github]\ntoken = \"env:GITHUB_TOKEN\"\napi_url = \"{}\"\n",
        api.url
    );
    let world = World::with(&settings).await;
    world.vercel.moves_at_once(true);
    (world, api)
}

/// What the card says of it.
fn lost(seen: &str) -> String {
    let line = seen
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("You lose"));
    line.unwrap_or_else(|| panic!("{seen}")).to_owned()
}

#[tokio::test]
async fn the_card_counts_the_changes_and_the_thread_lists_them() {
    let (mut world, api) = world(answer).await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    world.passes(Duration::from_secs(5)).await;
    let seen = world.channel();
    assert_snapshot!(lost(&seen), @r#"You lose  3 changes: #812 "Session expiry", a1b2c3d "checkout: new <tax> engine", #811 "Round prices"; one looks like a fix"#);
    let thread: Vec<&str> = seen
        .lines()
        .skip_while(|line| !line.contains("removes"))
        .collect();
    assert_snapshot!(thread.join("\n"), @r#"
    |   Going back to v213 removes 3 changes from frontend (production); one looks like a fix:
    |   • looks like a fix: #812 "Session expiry" by sam
    |   • a1b2c3d "checkout: new <tax> engine" by kim
    |   • #811 "Round prices" by lee
    "#);
    // They are read for the card, and not once more before the platform is asked.
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(120)).await;
    assert_eq!(world.vercel.production(), "v213");
    assert_eq!(api.asked().len(), 2);
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn what_github_does_not_tell_is_not_known_and_keeps_nobody_waiting() {
    for (answer, told) in [
        (
            Answered::Json(404, json!({"message": "Not Found"})),
            "GitHub knows no such commits in acme/shop, or github.token may not read it",
        ),
        (
            Answered::Json(401, json!({"message": "Bad credentials"})),
            "GitHub says that github.token may not read acme/shop (401 Unauthorized)",
        ),
        (Answered::Wait(429, 60), "GitHub is rate-limiting this bot"),
        (
            Answered::Json(502, Value::Null),
            "GitHub answers 502 Bad Gateway",
        ),
        (
            Answered::Page,
            "GitHub's answer cannot be used: it is not JSON",
        ),
        (Answered::Cut, "GitHub did not answer: the connection broke"),
        (
            Answered::Json(
                200,
                json!({"status": "behind", "total_commits": 0, "commits": []}),
            ),
            "in acme/shop v213 comes after v214",
        ),
    ] {
        let (mut world, api) = world(move |_| answer.clone()).await;
        world
            .maya()
            .says("/rollback frontend because checkout 500s")
            .await;
        world.settle().await;
        let seen = world.channel();
        assert_eq!(
            lost(&seen),
            format!(
                "You lose  1 change: v214 \"checkout: new tax engine\"; the changes in it are not known: {told}"
            )
        );
        assert_eq!(api.asked().len(), 1);
        world.sam().clicks("Approve").await;
        world.passes(Duration::from_secs(120)).await;
        assert_eq!(world.vercel.production(), "v213");
        world.passes(Duration::from_secs(400)).await;
        world.slack.take_all();
    }
}

#[tokio::test]
async fn a_repository_that_nothing_reads_is_a_mistake() {
    let world = World::new().await;
    let service = |repository: &str| {
        format!(
            "[services.shop.local]\nprovider = \"releases\"\npath = \"/srv/shop\"\n\
             approve = [\"oncall\"]\ngithub = \"{repository}\""
        )
    };
    let mistake = world.reads_settings(&service("acme/shop")).unwrap_err();
    assert!(
        mistake.contains("services.shop.local.github: is there, and [github] is not"),
        "{mistake}"
    );
    let mistake = world
        .reads_settings(&service("https://github.com/acme/shop"))
        .unwrap_err();
    assert!(
        mistake.contains("is not a repository; write \"owner/name\""),
        "{mistake}"
    );
}
