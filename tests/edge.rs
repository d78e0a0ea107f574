//! What a stranger, an unlucky network and Slack itself can send.

use crate::support::{CHANNEL, FRONTEND, IN_TIME, ROLES, SECRET, World};
use rollback_bot::handlers::{BODY_AT_MOST, sign};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn status(world: &World, path: &str, body: &[u8], headers: &[(&str, &str)]) -> u16 {
    let mut request = rollback_bot::http_client()
        .unwrap()
        .post(format!("{}{path}", world.base()))
        .body(body.to_vec());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status().as_u16()
}

async fn signed(world: &World, path: &str, body: &[u8]) -> u16 {
    let stamp = world.clock.now().as_second().to_string();
    let signature = sign(SECRET, &stamp, body);
    status(
        world,
        path,
        body,
        &[
            ("x-slack-signature", &signature),
            ("x-slack-request-timestamp", &stamp),
        ],
    )
    .await
}

#[tokio::test]
async fn what_is_not_signed_is_not_heard() {
    let world = World::by_requests(ROLES, FRONTEND).await;
    let now = world.clock.now().as_second();
    let body = b"command=%2Frollback&text=frontend&user_id=U0MAYA&channel_id=C0SHOP&trigger_id=1.2";
    for path in ["/slack/commands", "/slack/interactions", "/slack/events"] {
        for (stamp, secret) in [
            (now - 301, SECRET),
            (now + 301, SECRET),
            (now, "another-secret"),
            (0, SECRET),
        ] {
            let stamp = stamp.to_string();
            let signature = sign(secret, &stamp, body);
            let headers = [
                ("x-slack-signature", signature.as_str()),
                ("x-slack-request-timestamp", stamp.as_str()),
            ];
            assert_eq!(
                status(&world, path, body, &headers).await,
                401,
                "{path} {stamp} {secret}"
            );
        }
        assert_eq!(status(&world, path, body, &[]).await, 401);
        assert_eq!(
            status(&world, path, body, &[("x-slack-signature", "v0=00")]).await,
            401
        );
        assert_eq!(
            status(&world, path, body, &[("x-slack-request-timestamp", "0")]).await,
            401
        );
        assert_eq!(
            status(&world, path, b"\xff\xfe", &[("x-slack-signature", "é")]).await,
            401
        );
        assert_eq!(signed(&world, path, body).await, 200);
    }
    world.slack.take_all();
}

#[tokio::test]
async fn a_secret_that_is_being_rotated_in_works_already() {
    let world = World::by_requests(ROLES, FRONTEND).await;
    let stamp = world.clock.now().as_second().to_string();
    let body = b"text=help&user_id=U0MAYA&channel_id=C0SHOP&trigger_id=1.2";
    let signature = sign("the-next-secret", &stamp, body);
    let headers = [
        ("x-slack-signature", signature.as_str()),
        ("x-slack-request-timestamp", stamp.as_str()),
    ];
    assert_eq!(status(&world, "/slack/commands", body, &headers).await, 200);
}

#[tokio::test]
async fn probes_are_answered() {
    let world = World::by_requests(ROLES, FRONTEND).await;
    assert_eq!(
        status(&world, "/slack/commands", b"ssl_check=1&token=x", &[]).await,
        200
    );
    assert_eq!(
        signed(&world, "/slack/commands", b"ssl_check=1&token=x").await,
        200
    );
    let stamp = world.clock.now().as_second().to_string();
    let body = br#"{"type":"url_verification","challenge":"abc","token":"x"}"#;
    let answer = rollback_bot::http_client()
        .unwrap()
        .post(format!("{}/slack/events", world.base()))
        .header("x-slack-signature", sign(SECRET, &stamp, body))
        .header("x-slack-request-timestamp", &stamp)
        .body(body.to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.text().await.unwrap(), r#"{"challenge":"abc"}"#);
    assert_eq!(status(&world, "/slack/events", body, &[]).await, 401);
}

/// Shapes of what Slack sends: org-wide installs, missing and unknown fields, unknown types.
const SHAPES: [(&str, &str); 14] = [
    (
        "/slack/interactions",
        r#"{"type":"block_actions","team":null,"enterprise":{"id":"E1","name":"Acme"},"is_enterprise_install":true,"user":{"id":"W1","username":"kim"},"actions":[{"action_id":"a","value":"b"}]}"#,
    ),
    (
        "/slack/interactions",
        r#"{"type":"block_actions","user":{"id":"U1"},"actions":[]}"#,
    ),
    (
        "/slack/interactions",
        r#"{"type":"block_actions","user":{"id":"U1","name":null},"actions":[{"type":"static_select","selected_option":null}],"message":{"metadata":{"event_type":"x","event_payload":{"n":1}}}}"#,
    ),
    (
        "/slack/interactions",
        r#"{"type":"view_submission","team":null,"user":{"id":"U1"},"view":{"id":"V1","callback_id":"retarget","private_metadata":"not json","state":{"values":{}}}}"#,
    ),
    (
        "/slack/interactions",
        r#"{"type":"view_submission","user":{"id":"U1"},"view":{"callback_id":"another"}}"#,
    ),
    (
        "/slack/interactions",
        r#"{"type":"view_closed","user":{"id":"U1"},"is_cleared":false}"#,
    ),
    (
        "/slack/interactions",
        r#"{"type":"shortcut","callback_id":"x","user":{"id":"U1"}}"#,
    ),
    (
        "/slack/interactions",
        r#"{"type":"message_action","callback_id":"x","user":{"id":"U1"}}"#,
    ),
    (
        "/slack/interactions",
        r#"{"type":"something_new","user":{"id":"U1"}}"#,
    ),
    (
        "/slack/events",
        r#"{"type":"event_callback","authorizations":[{"team_id":null}],"event":{"type":"team_access_granted"},"event_id":"Ev1"}"#,
    ),
    (
        "/slack/events",
        r#"{"type":"event_callback","event":{"type":"app_mention"},"event_id":"Ev2"}"#,
    ),
    (
        "/slack/events",
        r#"{"type":"event_callback","event":{"type":"app_mention","bot_id":"B1","user":"U1","channel":"C1","text":"<@UBOT> frontend"},"event_id":"Ev3"}"#,
    ),
    (
        "/slack/events",
        r#"{"type":"app_rate_limited","minute_rate_limited":1}"#,
    ),
    ("/slack/events", r#"[1, 2, 3]"#),
];

#[tokio::test]
async fn everything_slack_sends_is_received() {
    let mut world = World::by_requests(ROLES, FRONTEND).await;
    for (path, json) in SHAPES {
        let body = match path {
            "/slack/interactions" => form_urlencoded::Serializer::new(String::new())
                .append_pair("payload", json)
                .finish(),
            _ => json.to_owned(),
        };
        assert_eq!(signed(&world, path, body.as_bytes()).await, 200, "{json}");
    }
    for body in [&b""[..], b"payload=", b"payload=%00", b"%%%", b"text=x"] {
        for path in ["/slack/commands", "/slack/interactions", "/slack/events"] {
            assert_eq!(signed(&world, path, body).await, 200, "{path} {body:?}");
        }
    }
    world.settle().await;
    assert_eq!(world.channel(), "");
}

#[tokio::test]
async fn a_huge_body_is_refused_before_it_is_sent() {
    let world = World::by_requests(ROLES, FRONTEND).await;
    let address = world.base().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /slack/commands HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\nx-slack-signature: v0=00\r\nx-slack-request-timestamp: 1\r\n\r\n",
        64 * 1024 * 1024
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Not a byte of the body is sent, and the answer is there.
    let mut answer = [0; 64];
    let n = stream.read(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer[..n]).starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let world = World::by_requests(ROLES, FRONTEND).await;
    let address = world.base().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /slack/commands HTTP/1.1\r\nhost: {address}\r\ntransfer-encoding: chunked\r\nx-slack-signature: v0=00\r\nx-slack-request-timestamp: 1\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut sent = 0;
    while sent < 64 * 1024 * 1024 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
        sent += 0x10000;
    }
    // What the two ends buffer is all that ever left; the server read no further than its limit.
    assert!(
        sent < 16 * 1024 * 1024,
        "sent {sent} of a body that is refused at {BODY_AT_MOST}"
    );
}

#[tokio::test]
async fn what_is_delivered_twice_happens_once() {
    let mut world = World::by_requests(ROLES, FRONTEND).await;
    let first = world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    let second = world.slack.redeliver_last().await;
    assert_eq!(first.body, second.body);
    world.settle().await;
    world.sam().clicks("Approve").await;
    assert!(world.slack.redeliver_last().await.is_ok());
    world.settle().await;
    assert!(world.slack.redeliver_last().await.is_ok());
    world.settle().await;
    world
        .slack
        .says("U0MAYA", CHANNEL, "<@UBOT> note hello")
        .await;
    world.slack.redeliver_last().await;
    world.passes(Duration::from_secs(10)).await;
    let record = world.record().await;
    assert_eq!(record.matches("approved plan").count(), 1);
    assert_eq!(record.matches("note: hello").count(), 1);
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn operators_see_whether_it_works() {
    let world = World::by_requests(ROLES, FRONTEND).await;
    world.maya().says("/rollback help").await;
    let get = async |path: &str| {
        let answer = rollback_bot::http_client()
            .unwrap()
            .get(format!("{}{path}", world.base()))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/healthz").await, (200, "alive\n".into()));
    assert_eq!(get("/readyz").await, (200, "ready\n".into()));
    let (_, metrics) = get("/metrics").await;
    assert!(
        metrics.contains("rollback_bot_answer_seconds_count{input=\"command\",verb=\"help\",status=\"answered\"} 1"),
        "{metrics}"
    );
    world.slack.take_all();
    let began = Instant::now();
    assert_eq!(get("/nothing").await.0, 404);
    assert!(began.elapsed() < IN_TIME);
}
