//! The workspace is held against a tiny app that records what it is sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::{Fault, Options, Person, Slack};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

type Received = Arc<Mutex<Vec<String>>>;

struct Scene {
    slack: Slack,
    now: Arc<Mutex<Timestamp>>,
    received: Received,
    answer: Arc<Mutex<String>>,
}

impl Scene {
    async fn new() -> Self {
        let now = Arc::new(Mutex::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let clock = now.clone();
        let slack = Slack::start(Options {
            clock: Arc::new(move || *clock.lock().unwrap()),
            people: vec![
                Person::member("U0MAYA", "maya"),
                Person::member("U0SAM", "sam").titled("on call"),
            ],
            ..Options::default()
        })
        .await
        .unwrap();
        let (received, answer) = (Received::default(), Arc::new(Mutex::new(String::new())));
        let app = Router::new()
            .route("/slack/{door}", post(hear))
            .with_state((received.clone(), answer.clone()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        slack.connect(&format!("http://{}", listener.local_addr().unwrap()));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            slack,
            now,
            received,
            answer,
        }
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        let body = self
            .try_call(method, params)
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        serde_json::from_str(&body).unwrap()
    }

    async fn try_call(&self, method: &str, params: Value) -> reqwest::Result<reqwest::Response> {
        reqwest::Client::builder()
            .no_proxy()
            .build()?
            .post(format!("{}/{method}", self.slack.api_url()))
            .bearer_auth("xoxb-simulation")
            .header("content-type", "application/json; charset=utf-8")
            .body(params.to_string())
            .send()
            .await
    }

    fn form(&self) -> std::collections::HashMap<String, String> {
        let body = self.received.lock().unwrap().last().unwrap().clone();
        form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect()
    }

    fn payload(&self) -> Value {
        serde_json::from_str(&self.form()["payload"]).unwrap()
    }
}

async fn hear(
    State((received, answer)): State<(Received, Arc<Mutex<String>>)>,
    body: String,
) -> String {
    received.lock().unwrap().push(body);
    answer.lock().unwrap().clone()
}

fn card() -> Value {
    json!({
        "channel": "C0SHOP", "text": "Roll back frontend?",
        "metadata": { "event_type": "rollback", "event_payload": { "id": 7 } },
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": "Roll back frontend?" } },
            { "type": "section", "text": { "type": "mrkdwn",
                "text": "<@U0MAYA> says *checkout 500s* in <#C0SHOP>, `v42` since <!date^1800000000^{time}|08:00 UTC>" } },
            { "type": "section", "fields": [
                { "type": "mrkdwn", "text": "*Now*\nv42" }, { "type": "mrkdwn", "text": "*Then*\nv41" } ] },
            { "type": "divider" },
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": "reason: &lt;!channel&gt; <!channel>" }] },
            { "type": "actions", "elements": [
                { "type": "button", "action_id": "change", "text": { "type": "plain_text", "text": "Change target…" } },
                { "type": "button", "action_id": "approve", "value": "op1", "style": "danger",
                  "text": { "type": "plain_text", "text": "Approve &amp; roll back…" } },
                { "type": "overflow", "action_id": "more", "options": [
                    { "text": { "type": "plain_text", "text": "Cancel" }, "value": "cancel" } ] },
            ] },
        ],
    })
}

#[tokio::test]
async fn a_command_arrives_as_slack_sends_it_and_its_answer_is_shown() {
    let scene = Scene::new().await;
    *scene.answer.lock().unwrap() = json!({ "text": "Looking &amp; thinking" }).to_string();
    let answer = scene
        .slack
        .says(
            "U0MAYA",
            "C0SHOP",
            "/rollback frontend because <b> & @channel @sam",
        )
        .await;
    assert!(answer.is_ok());
    let form = scene.form();
    assert_eq!(form["command"], "/rollback");
    assert_eq!(
        form["text"],
        "frontend because &lt;b&gt; &amp; <!channel> <@U0SAM>"
    );
    assert_eq!(form["channel_name"], "shop-incidents");
    assert_eq!(
        scene.slack.ephemerals("U0MAYA"),
        "Rollback Bot (only visible to @maya): Looking & thinking\n"
    );
    assert_eq!(scene.slack.ephemerals("U0SAM"), "");
    assert_eq!(scene.slack.channel("C0SHOP"), "");
    assert!(scene.slack.unread().contains("Looking"));
    scene.slack.take_ephemerals("U0MAYA");
    assert_eq!(scene.slack.unread(), "");
}

#[tokio::test]
async fn a_card_reads_as_people_read_it() {
    let scene = Scene::new().await;
    let posted = scene.call("chat.postMessage", card()).await;
    assert_eq!(posted["ok"], true, "{posted}");
    let reply = json!({ "channel": "C0SHOP", "thread_ts": posted["ts"], "text": "Started" });
    scene.call("chat.postMessage", reply).await;
    assert_eq!(
        scene.slack.channel("C0SHOP"),
        "Rollback Bot:\n\
         \x20 Roll back frontend?\n\
         \x20 @maya says checkout 500s in #shop-incidents, `v42` since 08:00 UTC\n\
         \x20 Now v42\n\
         \x20 Then v41\n\
         \x20 ---\n\
         \x20 reason: <!channel> @channel (PING!)\n\
         \x20 [ Change target… ] [ Approve & roll back… ] [ ⋯ Cancel ]\n\
         \x20 | Rollback Bot: Started\n"
    );
    scene.slack.take_new("C0SHOP");
    let later = json!({ "channel": "C0SHOP", "thread_ts": posted["ts"], "text": "Done" });
    scene.call("chat.postMessage", later).await;
    assert_eq!(
        scene.slack.take_new("C0SHOP"),
        "in the thread of \"Roll back frontend?\":\n  | Rollback Bot: Done\n"
    );
}

#[tokio::test]
async fn a_click_carries_the_message_and_a_stale_one_what_it_said_then() {
    let scene = Scene::new().await;
    let ts = scene.call("chat.postMessage", card()).await["ts"].clone();
    scene.slack.clicks("U0SAM", "Approve & roll").await.unwrap();
    let payload = scene.payload();
    assert_eq!(payload["actions"][0]["value"], "op1");
    assert_eq!(payload["user"]["name"], "sam");
    assert_eq!(payload["container"]["message_ts"], ts);
    assert_eq!(payload["message"]["metadata"]["event_payload"]["id"], 7);
    scene.slack.clicks("U0SAM", "Cancel").await.unwrap();
    assert_eq!(
        scene.payload()["actions"][0]["selected_option"]["value"],
        "cancel"
    );

    let update = json!({ "channel": "C0SHOP", "ts": ts, "text": "Done", "blocks": [] });
    assert_eq!(scene.call("chat.update", update).await["ok"], true);
    assert!(scene.slack.clicks("U0SAM", "Approve").await.is_err());
    scene.slack.clicks_stale("U0SAM", "Approve").await.unwrap();
    assert_eq!(scene.payload()["message"]["text"], "Roll back frontend?");
    assert_eq!(
        scene.slack.channel("C0SHOP"),
        "Rollback Bot (edited): Done\n"
    );
    assert_eq!(scene.slack.messages("C0SHOP")[0].revisions.len(), 2);
}

fn modal() -> Value {
    let options = json!([
        { "text": { "type": "plain_text", "text": "v41" }, "value": "41" },
        { "text": { "type": "plain_text", "text": "v40" }, "value": "40" },
    ]);
    json!({
        "type": "modal", "callback_id": "change", "title": { "type": "plain_text", "text": "Change target" },
        "submit": { "type": "plain_text", "text": "Save" },
        "blocks": [
            { "type": "input", "block_id": "to", "label": { "type": "plain_text", "text": "Version" },
              "element": { "type": "radio_buttons", "action_id": "v", "options": options } },
            { "type": "input", "block_id": "why", "label": { "type": "plain_text", "text": "Reason" },
              "element": { "type": "plain_text_input", "action_id": "r" } },
        ],
    })
}

#[tokio::test]
async fn a_trigger_opens_one_modal_within_three_seconds() {
    let scene = Scene::new().await;
    scene.slack.says("U0MAYA", "C0SHOP", "/rollback").await;
    let trigger = scene.form()["trigger_id"].clone();
    let open = json!({ "trigger_id": trigger, "view": modal() });
    assert_eq!(scene.call("views.open", open.clone()).await["ok"], true);
    assert_eq!(
        scene.call("views.open", open).await["error"],
        "exchanged_trigger_id"
    );
    let unknown = json!({ "trigger_id": "made.up", "view": modal() });
    assert_eq!(
        scene.call("views.open", unknown).await["error"],
        "invalid_trigger_id"
    );

    scene.slack.says("U0MAYA", "C0SHOP", "/rollback").await;
    let expired = json!({ "trigger_id": scene.form()["trigger_id"], "view": modal() });
    *scene.now.lock().unwrap() += SignedDuration::from_secs(4);
    assert_eq!(
        scene.call("views.open", expired).await["error"],
        "expired_trigger_id"
    );
}

#[tokio::test]
async fn a_modal_is_filled_in_objected_to_and_closed() {
    let scene = Scene::new().await;
    scene.slack.says("U0MAYA", "C0SHOP", "/rollback").await;
    let open = json!({ "trigger_id": scene.form()["trigger_id"], "view": modal() });
    let view = scene.call("views.open", open).await["view"].clone();
    assert!(scene.slack.submits("U0MAYA").await.is_err());
    scene.slack.chooses("U0MAYA", "v40").await.unwrap();
    scene.slack.types("U0MAYA", "slow").unwrap();
    *scene.answer.lock().unwrap() =
        json!({ "response_action": "errors", "errors": { "why": "Say more." } }).to_string();
    scene.slack.submits("U0MAYA").await.unwrap();
    let values = scene.payload()["view"]["state"]["values"].clone();
    assert_eq!(values["to"]["v"]["selected_option"]["value"], "40");
    assert_eq!(values["why"]["r"]["value"], "slow");
    assert_eq!(
        scene.slack.view("U0MAYA"),
        "== Change target ==\nVersion:\n  ( ) v41\n  (x) v40\nReason: [slow]\n! Say more.\n[ Close ] [ Save ]\n"
    );
    let stale = json!({ "view_id": view["id"], "hash": "old", "view": modal() });
    assert_eq!(
        scene.call("views.update", stale).await["error"],
        "hash_conflict"
    );
    scene.answer.lock().unwrap().clear();
    scene.slack.submits("U0MAYA").await.unwrap();
    assert!(scene.slack.open_view("U0MAYA").is_none());
}

#[tokio::test]
async fn what_block_kit_forbids_is_refused_and_remembered() {
    let scene = Scene::new().await;
    let too_long = json!({ "channel": "C0SHOP", "text": "x", "blocks": [
        { "type": "header", "text": { "type": "plain_text", "text": "h".repeat(151) } } ] });
    assert_eq!(
        scene.call("chat.postMessage", too_long).await["error"],
        "invalid_blocks"
    );
    assert_eq!(scene.slack.violations().len(), 1);
    assert_eq!(scene.slack.channel("C0SHOP"), "");
}

#[tokio::test]
async fn a_response_url_works_five_times() {
    let scene = Scene::new().await;
    scene.slack.says("U0MAYA", "C0SHOP", "/rollback").await;
    let url = scene.form()["response_url"].clone();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for time in 1..=6 {
        let body = json!({ "text": format!("answer {time}") }).to_string();
        let status = client.post(&url).body(body).send().await.unwrap().status();
        assert_eq!(status.as_u16(), if time == 6 { 404 } else { 200 });
    }
}

#[tokio::test]
async fn faults_hit_and_heal() {
    let scene = Scene::new().await;
    let hello = || json!({ "channel": "C0SHOP", "text": "hello" });
    scene
        .slack
        .fault(Fault::LoseAnswer, Some("chat.postMessage"), Some(1));
    assert!(scene.try_call("chat.postMessage", hello()).await.is_err());
    assert_eq!(scene.slack.messages("C0SHOP").len(), 1);
    scene
        .slack
        .set_fault(Some(Fault::RateLimited { retry_after: 7 }));
    let limited = scene.try_call("chat.postMessage", hello()).await.unwrap();
    assert_eq!(limited.status().as_u16(), 429);
    assert_eq!(limited.headers()["retry-after"], "7");
    scene.slack.set_fault(Some(Fault::Outage));
    assert_eq!(
        scene
            .try_call("auth.test", json!({}))
            .await
            .unwrap()
            .status()
            .as_u16(),
        503
    );
    scene.slack.set_fault(Some(Fault::Reset));
    assert!(scene.try_call("auth.test", json!({})).await.is_err());
    scene.slack.set_fault(Some(Fault::Hang));
    let hanging = scene.try_call("auth.test", json!({}));
    assert!(
        tokio::time::timeout(Duration::from_millis(200), hanging)
            .await
            .is_err()
    );
    scene.slack.heal();
    assert_eq!(scene.call("auth.test", json!({})).await["user_id"], "UBOT");
    assert_eq!(scene.slack.calls().len(), 6);
}

#[tokio::test]
async fn what_is_called_before_retry_after_is_over_is_remembered() {
    let scene = Scene::new().await;
    let hello = |channel: &str| json!({ "channel": channel, "text": "hello" });
    scene.slack.add_channel("C0OPS", "ops");
    let limited = Fault::RateLimited { retry_after: 7 };
    scene
        .slack
        .fault(limited, Some("chat.postMessage"), Some(1));
    let post = async |channel: &str| {
        scene
            .try_call("chat.postMessage", hello(channel))
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(post("C0SHOP").await, 429);
    // In another channel, and in the same moment.
    assert_eq!(post("C0OPS").await, 200);
    assert_eq!(post("C0SHOP").await, 200);
    assert_eq!(scene.slack.violations(), Vec::<String>::new());
    *scene.now.lock().unwrap() += SignedDuration::from_secs(6);
    post("C0SHOP").await;
    assert_eq!(
        scene.slack.violations(),
        ["chat.postMessage in C0SHOP: called 1.0 s before Retry-After was over"]
    );
    *scene.now.lock().unwrap() += SignedDuration::from_secs(1);
    post("C0SHOP").await;
    assert_eq!(scene.slack.violations().len(), 1);
}

#[tokio::test]
async fn a_file_gets_into_a_thread_in_three_steps() {
    let scene = Scene::new().await;
    let ts = scene.call("chat.postMessage", card()).await["ts"].clone();
    let asked = json!({ "filename": "report.md", "length": 5 });
    let place = scene.call("files.getUploadURLExternal", asked).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = client
        .post(place["upload_url"].as_str().unwrap())
        .body("hello")
        .send()
        .await;
    assert_eq!(sent.unwrap().text().await.unwrap(), "OK - 5");
    let share = json!({ "files": [{ "id": place["file_id"], "title": "Report" }],
        "channel_id": "C0SHOP", "thread_ts": ts, "initial_comment": "All of it" });
    assert_eq!(
        scene.call("files.completeUploadExternal", share).await["ok"],
        true
    );
    let seen = scene.slack.channel("C0SHOP");
    assert!(
        seen.ends_with("  | Rollback Bot:\n  |   All of it\n  |   [file report.md 5 bytes]\n"),
        "{seen}"
    );
    assert_eq!(scene.slack.files()[0].bytes, b"hello");
}

#[tokio::test]
async fn a_mention_reaches_the_app_as_an_event_and_again_as_a_retry() {
    let scene = Scene::new().await;
    scene
        .slack
        .says("U0MAYA", "C0SHOP", "@rollback status")
        .await;
    scene.slack.redeliver_last().await;
    let received = scene.received.lock().unwrap().clone();
    assert_eq!(received[0], received[1]);
    let event: Value = serde_json::from_str(&received[0]).unwrap();
    assert_eq!(event["event"]["text"], "<@UBOT> status");
    assert_eq!(scene.slack.channel("C0SHOP"), "maya: @rollback status\n");
}

#[tokio::test]
async fn the_page_answers_only_on_loopback_and_only_to_itself() {
    let scene = Scene::new().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = scene.slack.page_url();
    let state = client
        .get(format!("{page}state?person=U0SAM"))
        .send()
        .await
        .unwrap();
    let state: Value = serde_json::from_str(&state.text().await.unwrap()).unwrap();
    assert_eq!(state["me"], "U0SAM");
    let foreign = client
        .get(&page)
        .header("host", "evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status().as_u16(), 421);
    let act = json!({ "do": "says", "person": "U0SAM", "channel": "C0SHOP", "text": "hi" });
    let send = |origin: &str| {
        client
            .post(format!("{page}act"))
            .header("origin", origin)
            .header("content-type", "application/json")
            .body(act.to_string())
            .send()
    };
    assert_eq!(
        send("http://evil.example").await.unwrap().status().as_u16(),
        403
    );
    assert_eq!(
        send(page.trim_end_matches('/'))
            .await
            .unwrap()
            .status()
            .as_u16(),
        200
    );
    assert_eq!(scene.slack.channel("C0SHOP"), "sam: hi\n");
}

#[tokio::test]
async fn a_group_changes_and_the_app_is_told_what_changed() {
    let scene = Scene::new().await;
    scene
        .slack
        .changes_group_quietly("S0ONCALL", &["U0MAYA", "U0SAM"]);
    *scene.now.lock().unwrap() += SignedDuration::from_secs(60);
    let answer = scene
        .slack
        .sets_group("S0ONCALL", &["U0SAM", "U0ANA"])
        .await;
    assert!(answer.is_ok());
    let received = scene.received.lock().unwrap().clone();
    assert_eq!(received.len(), 1);
    let envelope: Value = serde_json::from_str(&received[0]).unwrap();
    assert_eq!(envelope["type"], "event_callback");
    assert_eq!(envelope["team_id"], "T0ACME");
    let mut event = envelope["event"].clone();
    assert!(event["event_ts"].take().is_string());
    assert_eq!(
        event,
        json!({
            "type": "subteam_members_changed", "subteam_id": "S0ONCALL", "team_id": "T0ACME",
            "date_previous_update": 1_800_000_000, "date_update": 1_800_000_060,
            "added_users": ["U0ANA"], "added_users_count": 1,
            "removed_users": ["U0MAYA"], "removed_users_count": 1, "event_ts": null,
        })
    );
    let asked = json!({ "usergroup": "S0ONCALL" });
    assert_eq!(
        scene.call("usergroups.users.list", asked).await["users"],
        json!(["U0SAM", "U0ANA"])
    );
    // in another order they are the same people
    let same = scene
        .slack
        .sets_group("S0ONCALL", &["U0ANA", "U0SAM"])
        .await;
    assert!(same.is_ok());
    assert_eq!(scene.received.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_quiet_change_is_only_seen_by_asking() {
    let scene = Scene::new().await;
    scene.slack.changes_group_quietly("S0ONCALL", &["U0SAM"]);
    scene.slack.changes_group_quietly("S0ONCALL", &["U0MAYA"]);
    assert_eq!(scene.received.lock().unwrap().len(), 0);
    let asked = json!({ "usergroup": "S0ONCALL" });
    assert_eq!(
        scene.call("usergroups.users.list", asked).await["users"],
        json!(["U0MAYA"])
    );
}

#[tokio::test]
async fn who_is_deactivated_is_known_and_gone() {
    let scene = Scene::new().await;
    scene
        .slack
        .changes_group_quietly("S0ONCALL", &["U0MAYA", "U0SAM"]);
    scene.slack.deactivates("U0SAM");
    let sam = scene.call("users.info", json!({ "user": "U0SAM" })).await;
    assert_eq!(sam["user"]["deleted"], true);
    let by_email = json!({ "email": "sam@acme.example" });
    assert_eq!(
        scene.call("users.lookupByEmail", by_email).await["error"],
        "users_not_found"
    );
    let asked = json!({ "usergroup": "S0ONCALL" });
    assert_eq!(
        scene.call("usergroups.users.list", asked).await["users"],
        json!(["U0MAYA"])
    );
}
