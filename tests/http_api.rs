//! A platform with an API of its own, of which the configuration says how it is asked.

use crate::{
    api::{Answered, Api, Asked},
    support::{World, site::Site},
};
use insta::assert_snapshot;
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// What Vercel's token is, too: the log is looked through for it.
const TOKEN: &str = crate::support::vercel::TOKEN;

struct Sites {
    live: String,
    is_locked: bool,
    /// How often a job is looked at before it is done.
    looks: u32,
    job: Option<String>,
    /// What the next request for a change meets.
    next: Option<Answered>,
}

impl Sites {
    fn answer(&mut self, asked: &Asked) -> Answered {
        if !asked.is_by(TOKEN) {
            return Answered::Json(401, json!({"message": "Who are you?"}));
        }
        match asked.line().as_str() {
            "GET /v1/sites/docs/deploys" => {
                let deploy = |id: &str, at: &str| json!({"id": id, "state": "ready", "published_at": at, "author": "kim"});
                Answered::Json(
                    200,
                    json!([
                        deploy("v214", "2026-03-14T02:42:00Z"),
                        deploy("v213", "2026-03-13T20:12:00Z"),
                        deploy("v212", "2026-03-12T03:12:00Z"),
                    ]),
                )
            }
            "GET /v1/sites/docs" => Answered::Json(
                200,
                json!({"published": {"id": self.live, "locked": self.is_locked}}),
            ),
            "POST /v1/sites/docs/deploys/v213/restore" => {
                if let Some(answer) = self.next.take() {
                    return answer;
                }
                self.job = Some("v213".into());
                Answered::Json(202, json!({"job": {"id": 7}}))
            }
            "GET /v1/jobs/7" => {
                self.looks = self.looks.saturating_sub(1);
                if self.looks > 0 {
                    return Answered::Json(200, json!({"state": "copying"}));
                }
                if let Some(id) = self.job.take() {
                    self.live = id;
                }
                Answered::Json(200, json!({"state": "done"}))
            }
            "POST /v1/deploys/v213/lock" => {
                self.is_locked = true;
                Answered::Json(200, json!({}))
            }
            "POST /v1/deploys/v213/unlock" => {
                self.is_locked = false;
                Answered::Json(200, json!({}))
            }
            other => panic!("nobody knows {other}"),
        }
    }
}

const SERVICE: &str = r#"
[services.docs.production]
provider = "http"
platform = "Sites"
api_url = "{api}/v1"
headers = { authorization = "Bearer {token}" }
secrets = { token = "env:VERCEL_TOKEN" }
restores = ["the files"]
leaves = ["forms"]
after = "the deploy stays locked until unpinned"
holds = "after"
approve = ["oncall"]
requester_may_approve = true
[services.docs.production.list]
path = "/sites/docs/deploys"
id = "/id"
live_since = "/published_at"
by = "/author"
eligible = { "/state" = "ready" }
[services.docs.production.live]
path = "/sites/docs"
id = "/published/id"
[services.docs.production.roll_back]
method = "POST"
path = "/sites/docs/deploys/{id}/restore"
job = "/job/id"
[services.docs.production.observe]
path = "/jobs/{job}"
state = "/state"
failed = ["failed"]
[services.docs.production.pin]
method = "POST"
path = "/deploys/{live}/lock"
[services.docs.production.unpin]
method = "POST"
path = "/deploys/{live}/unlock"
[services.docs.production.pinned]
at = "/published/locked"
on = true
[services.docs.production.fingerprint]
url = "{local}/version.json"
json = "/version"
"#;

/// A world in which `docs` serves v214, and the platform's state.
async fn world() -> (World, Arc<Mutex<Sites>>, Api) {
    let sites = Arc::new(Mutex::new(Sites {
        live: "v214".into(),
        is_locked: false,
        looks: 3,
        job: None,
        next: None,
    }));
    let answering = sites.clone();
    let api = Api::start(move |asked| answering.lock().unwrap().answer(asked)).await;
    let serving = sites.clone();
    let site = Site::start(move || serving.lock().unwrap().live.clone()).await;
    let settings = SERVICE
        .replace("{api}", &api.url)
        .replace("{local}", &site.url());
    let mut world = World::with(&settings).await;
    world.site = site;
    (world, sites, api)
}

/// How often it was asked to change something.
fn changes(api: &Api) -> Vec<String> {
    let asked = api.asked().into_iter();
    asked
        .filter(|asked| asked.method != "GET")
        .map(|asked| asked.line())
        .collect()
}

#[tokio::test]
async fn an_api_takes_production_back_and_is_held_off_afterwards() {
    let (mut world, sites, api) = world().await;
    world
        .sam()
        .says("/rollback docs because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @sam): RB-1: finding a version of docs (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Roll back docs to v213?
      checkout 500s · @sam, 03:12:00 UTC
      Live now `v214`, since 02:42:00 UTC (30 m) kim
      Go back to `v213`, ran 6 h 30 m until 02:42:00 UTC · previous release, ran before kim
      You lose  1 change: v214
      Changes  the files
      Stays  forms
      Steps  1. go to v213 · 2. hold automatic deploys off
      After  the deploy stays locked until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) · expires 03:22:00 UTC · RB-1 · production · code · plan `7677`
    ");
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(
        changes(&api),
        [
            "POST /v1/sites/docs/deploys/v213/restore",
            "POST /v1/deploys/v213/lock"
        ]
    );
    assert!(sites.lock().unwrap().is_locked);
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  docs (production)
      v214 → v213 · @sam · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by Sites: done
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:20 UTC 1/1 on v213
      ✅ Verified 03:12:22 UTC version v213 answers, no checks configured
      v213 answers from outside and passes its checks.
      Command to live: 20 s, of which 20 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ docs (production) is back on v213 (RB-1) · @sam, approved by @sam
      version v213 answers, no checks configured · took 20 s, of which 20 s waiting for approval
      Automatic deploys are off until `/rollback unpin docs@production`.
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);
    world.sam().says("/rollback unpin docs").await;
    world.passes(Duration::from_secs(5)).await;
    assert!(!sites.lock().unwrap().is_locked);
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn an_answer_that_was_lost_is_looked_for_and_the_request_is_not_repeated() {
    let (mut world, sites, api) = world().await;
    sites.lock().unwrap().next = Some(Answered::Cut);
    world
        .sam()
        .says("/rollback docs because checkout 500s")
        .await;
    world.settle().await;
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(150)).await;
    assert_eq!(changes(&api).len(), 1);
    let record = world.record().await;
    assert!(record.contains("gave no answer"), "{record}");
    assert!(
        record.contains("the platform never started it: Sites still serves v214"),
        "{record}"
    );
    world.slack.take_all();
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_told_with_what_was_expected() {
    let (mut world, sites, api) = world().await;
    sites.lock().unwrap().next = Some(Answered::Json(200, json!({"queued": "maybe"})));
    world
        .sam()
        .says("/rollback docs because checkout 500s")
        .await;
    world.settle().await;
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(150)).await;
    assert_eq!(changes(&api).len(), 1);
    let record = world.record().await;
    let told = "expected the request's own id at /job/id, seen: {\"queued\":\"maybe\"}";
    assert!(record.contains(told), "{record}");
    world.slack.take_all();
}
