//! The presets of `http`, against APIs that answer as the platforms' own do.

use crate::{
    api::{Answered, Api, Asked},
    run::{Run, TOKEN, connect, live, survey},
};
use rollback_domain::{
    platform::{Production, Progress, ProviderError},
    release::Pin,
};
use rollback_providers::Provider;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A platform's state, and a service on it.
struct World<S> {
    state: Arc<Mutex<S>>,
    api: Api,
    provider: Arc<dyn Provider>,
}

impl<S: Send + 'static> World<S> {
    /// A platform that answers whoever has the token.
    async fn start(
        preset: &str,
        variables: &str,
        state: S,
        answer: impl Fn(&mut S, &Asked) -> Answered + Send + 'static,
    ) -> World<S> {
        let state = Arc::new(Mutex::new(state));
        let of_api = state.clone();
        let api = Api::start(move |asked| match asked.is_by(TOKEN) {
            true => answer(&mut of_api.lock().unwrap(), asked),
            false => Answered::Json(401, json!({"message": "Unauthorized"})),
        })
        .await;
        let provider = connect(&format!(
            "provider = \"http\"\npreset = \"{preset}\"\napi_url = {:?}\ntoken = \"env:TOKEN\"\n{variables}",
            api.url
        ));
        World {
            state,
            api,
            provider,
        }
    }

    /// The requests that changed something, line by line.
    fn changes(&self) -> Vec<String> {
        let asked = self.api.asked().into_iter();
        asked
            .filter(|asked| asked.method != "GET")
            .map(|asked| asked.line())
            .collect()
    }

    fn last_body(&self) -> Value {
        let asked = self.api.asked().into_iter();
        asked
            .rev()
            .find(|asked| asked.method != "GET")
            .unwrap()
            .body
    }
}

fn unknown(asked: &Asked) -> Answered {
    Answered::Json(
        404,
        json!({"message": format!("Not found: {}", asked.line())}),
    )
}

#[tokio::test]
async fn netlify_restores_a_deploy_and_locks_it_afterwards() {
    let answer = |state: &mut (String, bool), asked: &Asked| {
        let deploy = |id: &str, state: &str, context: &str| {
            json!({"id": id, "state": state, "context": context, "title": "faster search",
                   "commit_ref": format!("{id}{id}"), "created_at": "2026-03-12T02:41:00.000Z",
                   "published_at": "2026-03-12T02:42:00.000Z", "branch": "main", "locked": false})
        };
        match asked.line().as_str() {
            "GET /sites/s1/deploys?per_page=100" => Answered::Json(
                200,
                json!([
                    deploy("d4", "error", "production"),
                    deploy("d3", "ready", "production"),
                    deploy("d2", "ready", "deploy-preview"),
                    deploy("d1", "ready", "production"),
                ]),
            ),
            "GET /sites/s1" => Answered::Json(
                200,
                json!({"id": "s1", "published_deploy": {"id": state.0, "locked": state.1}}),
            ),
            "POST /sites/s1/deploys/d1/restore" => {
                state.0 = "d1".into();
                Answered::Json(201, deploy("d1", "ready", "production"))
            }
            "POST /deploys/d1/lock" => {
                state.1 = true;
                Answered::Json(200, json!({}))
            }
            "POST /deploys/d1/unlock" => {
                state.1 = false;
                Answered::Json(200, json!({}))
            }
            _ => unknown(asked),
        }
    };
    let world = World::start("netlify", "site = \"s1\"", ("d3".to_owned(), false), answer).await;
    let read = survey(&*world.provider).await;
    let names: Vec<_> = read
        .candidates
        .iter()
        .map(|known| known.release.id.as_str())
        .collect();
    assert_eq!(names, ["d4", "d3", "d1"]);
    assert_eq!(
        read.candidates[0].barred.as_deref(),
        Some("its state is error")
    );
    let mut run = Run::to(&*world.provider, "d1").await;
    assert_eq!(
        run.order.plan.steps,
        ["go to d1d1", "hold automatic deploys off"]
    );
    assert_eq!(run.finish().await, Pin::On);
    assert_eq!(
        world.changes(),
        ["POST /sites/s1/deploys/d1/restore", "POST /deploys/d1/lock"]
    );
    world.provider.unpin(&Value::Null).await.unwrap();
    assert_eq!(survey(&*world.provider).await.pin, Pin::Off);
}

#[tokio::test]
async fn a_lock_that_is_refused_is_told_and_the_rollback_stands() {
    let answer = |live: &mut String, asked: &Asked| match asked.method.as_str() {
        "GET" if asked.path.contains("deploys") => Answered::Json(
            200,
            json!([{"id": "d3", "state": "ready", "context": "production"}, {"id": "d1", "state": "ready", "context": "production"}]),
        ),
        "GET" => Answered::Json(
            200,
            json!({"published_deploy": {"id": *live, "locked": false}}),
        ),
        _ if asked.path.ends_with("/restore") => {
            *live = "d1".into();
            Answered::Json(201, json!({}))
        }
        _ => Answered::Json(403, json!({"message": "Forbidden"})),
    };
    let world = World::start("netlify", "site = \"s1\"", "d3".to_owned(), answer).await;
    let mut run = Run::to(&*world.provider, "d1").await;
    assert_eq!(run.finish().await, Pin::Off);
    assert!(
        run.order
            .memory
            .to_string()
            .contains("could not be held off")
    );
}

#[tokio::test]
async fn coolify_goes_to_an_image_that_is_still_there() {
    let answer = |state: &mut (String, &'static str), asked: &Asked| {
        let image = |tag: &str, day: u32| json!({"tag": tag, "created_at": format!("2026-03-{day}T02:41:00Z"), "is_current": state.0 == tag});
        match asked.line().as_str() {
            "GET /api/v1/applications/a1/rollback-images" => Answered::Json(
                200,
                json!({"images": [image("aaa111", 12), image("bbb222", 14)]}),
            ),
            "POST /api/v1/applications/a1/rollback" => {
                state.0 = asked.body["commit"].as_str().unwrap().to_owned();
                Answered::Json(202, json!({"deployment_uuid": "dep1", "message": "queued"}))
            }
            "GET /api/v1/deployments/dep1" => Answered::Json(200, json!({"status": state.1})),
            _ => unknown(asked),
        }
    };
    let start = ("bbb222".to_owned(), "in_progress");
    let world = World::start("coolify", "application = \"a1\"", start, answer).await;
    assert_eq!(live(&*world.provider).await, "bbb222");
    Run::to(&*world.provider, "aaa111").await.finish().await;
    assert_eq!(world.last_body(), json!({"commit": "aaa111"}));
    // A deployment that is not shown any more hides nothing.
    world.state.lock().unwrap().0 = "bbb222".into();
    let mut run = Run::to(&*world.provider, "aaa111").await;
    run.ask().await.unwrap();
    run.order.memory["job"] = json!("forgotten");
    assert_eq!(run.look_until_it_serves().await, Pin::NotNeeded);
    // A deployment that fails ends it.
    world.state.lock().unwrap().0 = "bbb222".into();
    let mut run = Run::to(&*world.provider, "aaa111").await;
    run.ask().await.unwrap();
    *world.state.lock().unwrap() = ("bbb222".into(), "failed");
    assert_eq!(
        run.look().await,
        Progress::Failed {
            why: "Coolify says failed".into(),
            production: Production::AsBefore
        }
    );
}

#[tokio::test]
async fn digitalocean_makes_a_copy_and_pins_by_itself() {
    #[derive(Default)]
    struct App {
        active: String,
        in_progress: bool,
        pinned: bool,
        tells_origin: bool,
    }
    let answer = |app: &mut App, asked: &Asked| {
        let deployment = |id: &str, phase: &str, origin: Option<&str>| {
            json!({"id": id, "phase": phase, "cause": "commit pushed", "cloned_from": origin,
                   "created_at": "2026-03-12T02:41:00Z", "services": [{"name": "web", "source_commit_hash": format!("{id}cafe")}]})
        };
        match asked.line().as_str() {
            "GET /v2/apps/a1/deployments?per_page=100" => {
                let mut all = vec![
                    deployment("d3", "ACTIVE", None),
                    deployment("d2", "ERROR", None),
                    deployment("d1", "SUPERSEDED", None),
                ];
                if app.pinned {
                    all.insert(
                        0,
                        deployment("d4", "ACTIVE", app.tells_origin.then_some("d1")),
                    );
                }
                Answered::Json(200, json!({"deployments": all}))
            }
            "GET /v2/apps/a1" => {
                let in_progress = app
                    .in_progress
                    .then(|| json!({"id": "d4", "phase": "DEPLOYING"}));
                let pinned = app.pinned.then(|| json!({"id": "d4"}));
                let active = json!({"id": app.active});
                Answered::Json(
                    200,
                    json!({"app": {"active_deployment": active, "in_progress_deployment": in_progress, "pinned_deployment": pinned}}),
                )
            }
            "POST /v2/apps/a1/rollback" => {
                app.in_progress = true;
                app.pinned = true;
                Answered::Json(
                    200,
                    json!({"deployment": deployment("d4", "PENDING_DEPLOY", None)}),
                )
            }
            "GET /v2/apps/a1/deployments/d4" => {
                app.in_progress = false;
                app.active = "d4".into();
                Answered::Json(
                    200,
                    json!({"deployment": deployment("d4", "DEPLOYING", None)}),
                )
            }
            "POST /v2/apps/a1/rollback/commit" => {
                app.pinned = false;
                Answered::Json(200, json!({}))
            }
            _ => unknown(asked),
        }
    };
    for tells_origin in [true, false] {
        let app = App {
            active: "d3".into(),
            tells_origin,
            ..App::default()
        };
        let world = World::start("digitalocean", "app = \"a1\"", app, answer).await;
        let mut run = Run::to(&*world.provider, "d1").await;
        assert_eq!(run.finish().await, Pin::On);
        assert_eq!(
            world.last_body(),
            json!({"deployment_id": "d1", "skip_pin": false})
        );
        if tells_origin {
            assert_eq!(survey(&*world.provider).await.live().unwrap().id, "d1");
        }
        let said = world.provider.unpin(&Value::Null).await.unwrap();
        assert_eq!(said, "automatic deploys go live again (read back)");
    }
}

/// A release of Heroku's, as its schema says.
fn release(
    version: u32,
    slug: Option<&str>,
    status: &str,
    current: bool,
    description: &str,
) -> Value {
    json!({"id": format!("r{version}"), "version": version, "slug": slug.map(|id| json!({"id": id})),
           "status": status, "current": current, "description": description,
           "user": {"email": "kim@example.com"}, "created_at": format!("2026-03-1{version}T02:41:00Z")})
}

#[tokio::test]
async fn herokus_releases_of_one_slug_are_one_and_its_newest_is_gone_to() {
    let answer = |state: &mut (Vec<Value>, &'static str), asked: &Asked| match asked.line().as_str()
    {
        "GET /apps/shop/releases" => {
            assert_eq!(asked.headers["range"], "version ..; order=desc, max=100");
            assert_eq!(
                asked.headers["accept"],
                "application/vnd.heroku+json; version=3"
            );
            Answered::Json(206, json!(state.0))
        }
        "POST /apps/shop/releases" => {
            for release in &mut state.0 {
                release["current"] = json!(false);
            }
            state.0.insert(
                0,
                release(5, Some("A"), "succeeded", true, "Rollback to v3"),
            );
            Answered::Json(
                201,
                release(5, Some("A"), "pending", false, "Rollback to v3"),
            )
        }
        "GET /apps/shop/releases/r5" => Answered::Json(200, json!({"id": "r5", "status": state.1})),
        _ => unknown(asked),
    };
    let releases = vec![
        release(4, Some("B"), "succeeded", true, "Deploy b"),
        release(3, Some("A"), "succeeded", false, "Set TAX_URL config vars"),
        release(2, Some("A"), "succeeded", false, "Deploy a"),
        release(1, None, "succeeded", false, "Initial release"),
    ];
    let world = World::start("heroku", "app = \"shop\"", (releases, "pending"), answer).await;
    let read = survey(&*world.provider).await;
    let names: Vec<_> = read
        .candidates
        .iter()
        .map(|known| known.release.label())
        .collect();
    assert_eq!(names, ["v4", "v3"]);
    Run::to(&*world.provider, "v3").await.finish().await;
    assert_eq!(world.last_body(), json!({"release": "r3"}));
    // v5 is the slug of v3, at its place: v4 is newer than what serves.
    let after = survey(&*world.provider).await;
    let names: Vec<_> = after
        .candidates
        .iter()
        .map(|known| known.release.label())
        .collect();
    assert_eq!(names, ["v4", "v5"]);
    assert_eq!(after.live().unwrap().id, "A");
}

#[tokio::test]
async fn a_release_phase_that_fails_leaves_production_as_before() {
    let answer = |_: &mut (), asked: &Asked| match asked.line().as_str() {
        "GET /apps/shop/releases" => Answered::Json(
            200,
            json!([
                release(3, Some("B"), "succeeded", true, "Deploy b"),
                release(2, Some("A"), "succeeded", false, "Deploy a"),
            ]),
        ),
        "GET /apps/shop/releases/r4" => Answered::Json(200, json!({"status": "failed"})),
        _ => Answered::Json(201, json!({"id": "r4"})),
    };
    let world = World::start("heroku", "app = \"shop\"", (), answer).await;
    let mut run = Run::to(&*world.provider, "v2").await;
    run.ask().await.unwrap();
    let Progress::Failed { why, production } = run.look().await else {
        panic!("it failed");
    };
    assert_eq!(
        (why.as_str(), production),
        ("Heroku says failed", Production::AsBefore)
    );
}

#[tokio::test]
async fn workers_go_back_to_one_version_and_split_traffic_is_a_surface_each() {
    let answer = |live: &mut Vec<(&'static str, u32)>, asked: &Asked| {
        let version = |id: &str, number: u32| {
            json!({"id": id, "number": number, "metadata": {"created_on": "2026-03-12T02:41:00.1Z", "author_email": "kim@example.com", "source": "wrangler"},
                   "annotations": {"workers/message": "faster search"}})
        };
        match asked.line().as_str() {
            "GET /accounts/acc/workers/scripts/shop/versions?deployable=true" => Answered::Json(
                200,
                json!({"success": true, "result": {"items": [version("b", 8), version("a", 7)]}}),
            ),
            "GET /accounts/acc/workers/scripts/shop/deployments" => {
                let versions = live
                    .iter()
                    .map(|(id, share)| json!({"version_id": id, "percentage": share}));
                let versions: Vec<Value> = versions.collect();
                Answered::Json(
                    200,
                    json!({"result": {"deployments": [{"id": "x", "versions": versions}, {"id": "y", "versions": []}]}}),
                )
            }
            "POST /accounts/acc/workers/scripts/shop/deployments" if live.len() == 1 => {
                Answered::Json(
                    400,
                    json!({"success": false, "errors": [{"code": 10220, "message": "Secrets were changed since"}]}),
                )
            }
            "POST /accounts/acc/workers/scripts/shop/deployments" => {
                *live = vec![("a", 100)];
                Answered::Json(200, json!({"success": true, "result": {"id": "z"}}))
            }
            _ => unknown(asked),
        }
    };
    let variables = "account = \"acc\"\nscript = \"shop\"";
    let world = World::start(
        "cloudflare-workers",
        variables,
        vec![("b", 90), ("a", 10)],
        answer,
    )
    .await;
    let read = survey(&*world.provider).await;
    assert_eq!(read.surfaces[0].name, "traffic in %: 90");
    assert_eq!(
        read.candidates[1].release.message.as_deref(),
        Some("faster search")
    );
    Run::to(&*world.provider, "v7").await.finish().await;
    let body = world.last_body();
    assert_eq!(
        body["versions"],
        json!([{"version_id": "a", "percentage": 100}])
    );
    assert_eq!(
        body["annotations"]["workers/message"],
        "RB-41: checkout \"500s\"; rm -rf /"
    );
    // Changed secrets want consent that nobody gave here.
    *world.state.lock().unwrap() = vec![("b", 100)];
    let refused = Run::to(&*world.provider, "v7").await.ask().await;
    assert!(
        matches!(&refused, Err(ProviderError::Refused(why)) if why.contains("Secrets were changed since")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn pages_are_held_off_before_they_go_back() {
    let answer = |state: &mut (String, Option<bool>), asked: &Asked| {
        let deployment = |id: &str, environment: &str, status: &str| {
            json!({"id": id, "short_id": format!("s-{id}"), "environment": environment, "created_on": "2026-03-12T02:41:00.1Z",
                   "latest_stage": {"name": "deploy", "status": status},
                   "deployment_trigger": {"metadata": {"commit_hash": "cafe123", "commit_message": "faster search"}}})
        };
        match asked.line().as_str() {
            "GET /accounts/acc/pages/projects/shop/deployments?env=production" => Answered::Json(
                200,
                json!({"result": [deployment("p3", "production", "success"), deployment("p2", "production", "failure"), deployment("p1", "production", "success")]}),
            ),
            "GET /accounts/acc/pages/projects/shop" => {
                let source = state.1.map(|enabled| json!({"type": "github", "config": {"production_deployments_enabled": enabled}}));
                Answered::Json(
                    200,
                    json!({"result": {"canonical_deployment": {"id": state.0}, "source": source}}),
                )
            }
            "PATCH /accounts/acc/pages/projects/shop" => {
                state.1 =
                    asked.body["source"]["config"]["production_deployments_enabled"].as_bool();
                Answered::Json(200, json!({"success": true}))
            }
            "POST /accounts/acc/pages/projects/shop/deployments/p1/rollback" => {
                state.0 = "p1".into();
                Answered::Json(
                    200,
                    json!({"result": deployment("p1", "production", "success")}),
                )
            }
            _ => unknown(asked),
        }
    };
    let variables = "account = \"acc\"\nproject = \"shop\"";
    let start = ("p3".to_owned(), Some(true));
    let world = World::start("cloudflare-pages", variables, start, answer).await;
    assert_eq!(survey(&*world.provider).await.pin, Pin::Off);
    assert_eq!(
        Run::to(&*world.provider, "s-p1").await.finish().await,
        Pin::On
    );
    assert_eq!(
        world.changes(),
        [
            "PATCH /accounts/acc/pages/projects/shop",
            "POST /accounts/acc/pages/projects/shop/deployments/p1/rollback"
        ]
    );
    world.provider.unpin(&Value::Null).await.unwrap();
    assert_eq!(world.state.lock().unwrap().1, Some(true));
    // What is uploaded directly has nothing to hold off, and nobody claims that it is.
    world.state.lock().unwrap().1 = None;
    assert_eq!(survey(&*world.provider).await.pin, Pin::Unknown);
}
