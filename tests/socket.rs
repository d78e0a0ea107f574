//! Socket Mode: the same inputs by another door, over connections that end at any time.

use crate::faults::hold_the_database;
use crate::support::{
    CHANNEL, FRONTEND, ROLES, World,
    socket::{APP_TOKEN, Envelope, Outcome, SocketMode, unpacked},
};
use insta::assert_snapshot;
use rollback_bot::{clock::Clock, http_client, serve::Serving, store};
use rollback_domain::identity::IncidentId;
use rollback_simulation::{Fault, Options, Slack};
use serde_json::json;
use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

fn socket(world: &World) -> SocketMode {
    world.socket.clone().unwrap()
}

/// A mention, as Slack would send it for the first time.
fn mention(ts: &str, text: &str) -> Envelope {
    let event = json!({
        "type": "app_mention", "user": "U0MAYA", "text": text, "ts": ts, "channel": CHANNEL,
        "event_ts": ts, "team": "T0ACME",
    });
    Envelope {
        kind: "events_api",
        payload: json!({
            "type": "event_callback", "team_id": "T0ACME", "api_app_id": "A0ROLLBACK",
            "event": event, "event_id": format!("Ev{ts}"),
        }),
        retry: None,
    }
}

/// The same, sent again.
fn again(envelope: &Envelope) -> Envelope {
    Envelope {
        retry: Some((1, "timeout".into())),
        ..envelope.clone()
    }
}

async fn get(world: &World, path: &str) -> (u16, String) {
    let request = http_client()
        .unwrap()
        .get(format!("{}{path}", world.base()));
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Asks whether the bot is ready until it says so.
async fn says_about_being_ready(world: &World, what: &str) -> String {
    let asking = async {
        loop {
            let (status, said) = get(world, "/readyz").await;
            if said.contains(what) {
                return format!("{status} {said}");
            }
        }
    };
    let said = tokio::time::timeout(Duration::from_secs(20), asking).await;
    said.unwrap_or_else(|_| panic!("it never says {what:?}"))
}

#[tokio::test]
async fn a_release_is_rolled_back_from_the_command_to_the_verdict() {
    let mut world = World::by_socket(ROLES, FRONTEND).await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): RB-1: finding a version of frontend (production) to go back to. Nothing has changed yet: its card says what it needs.");
    world.settle().await;
    assert!(world.channel().contains("Roll back frontend to v213?"));
    // A form that is not complete stays open, and says why; that is in the acknowledgement.
    world.sam().clicks("Deny").await;
    world.settle().await;
    world.slack.types("U0SAM", "\u{200b}").unwrap();
    let answer = world.slack.submits("U0SAM").await.unwrap();
    assert_snapshot!(answer.body, @r#"{"errors":{"because":"Say it in a few words."},"response_action":"errors"}"#);
    // A mention is answered by a message.
    let asked = "<@UBOT> who frontend";
    world.slack.says("U0MAYA", CHANNEL, asked).await;
    world.settle().await;
    assert!(world.maya().sees().contains("@sam"));
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.vercel.advance_to(8);
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(world.vercel.production(), "v213");
    assert!(world.channel().contains("✅ RB-1 VERIFIED"));
    world.passes(Duration::from_secs(360)).await;
    world.slack.take_all();
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    // Nobody is listened to for what Slack would send.
    let request = http_client()
        .unwrap()
        .post(format!("{}/slack/commands", world.base()));
    assert_eq!(request.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_same_input_by_both_doors_is_one_input() {
    let mut world = World::by_socket(ROLES, FRONTEND).await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    let noted = "<@UBOT> note by the first door";
    world.slack.says("U0MAYA", CHANNEL, noted).await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    let by_socket = world.slack.deliveries();
    assert_eq!(by_socket.len(), 3);
    let record = world.record().await;
    let socket = socket(&world);

    // The team gets an address, and everything is sent there once more.
    world.socket = None;
    world
        .reconfigures(
            "app_token = \"env:APP_TOKEN\"",
            "signing_secret = \"env:SIGNING_SECRET\"",
        )
        .await;
    for delivery in &by_socket {
        let headers = world.slack.sign(&delivery.body);
        let answer = world
            .slack
            .raw(&delivery.path, delivery.body.clone(), &headers)
            .await;
        assert!(answer.is_ok(), "{}: {}", answer.status, answer.body);
    }
    world.settle().await;
    // That a button was clicked twice is written down, as it is by one door.
    let twice = "the same click arrived again";
    let recorded = world.record().await;
    let others = recorded.lines().filter(|line| !line.contains(twice));
    assert_eq!(others.collect::<Vec<_>>().join("\n"), record);
    let noted = "<@UBOT> note by the second door";
    world.slack.says("U0MAYA", CHANNEL, noted).await;
    world.settle().await;
    let record = world.record().await;
    assert!(record.contains("note: by the second door"), "{record}");
    let by_request = world.slack.deliveries().split_off(by_socket.len());

    // And back.
    world.socket = Some(socket.clone());
    world
        .reconfigures(
            "signing_secret = \"env:SIGNING_SECRET\"",
            "app_token = \"env:APP_TOKEN\"",
        )
        .await;
    for delivery in &by_request {
        let (kind, payload) = unpacked(&delivery.path, &delivery.body).unwrap();
        let envelope = Envelope {
            kind,
            payload,
            retry: None,
        };
        let outcome = socket.send(&envelope).await;
        assert!(matches!(outcome, Outcome::Acknowledged(_)), "{outcome:?}");
    }
    world.settle().await;
    assert_eq!(world.record().await, record);
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
    world.vercel.abandon();
}

#[tokio::test]
async fn an_envelope_is_acknowledged_only_when_it_is_stored() {
    let mut world = World::by_socket(ROLES, FRONTEND).await;
    let socket = socket(&world);
    let envelope = mention("1773457920.000100", "<@UBOT> note the database is slow");
    // The record takes nothing: whoever has its one place for writing keeps it.
    let held = hold_the_database(&world).await;
    assert_eq!(socket.send(&envelope).await, Outcome::Unacknowledged);
    drop(held);
    let sent_again = socket.send(&again(&envelope)).await;
    assert_eq!(sent_again, Outcome::Acknowledged(None));
    // Nobody knows by then that it was stored at the second time, or the first.
    let sent_again = socket.send(&again(&envelope)).await;
    assert_eq!(sent_again, Outcome::Acknowledged(None));
    world.settle().await;
    let record = world.record().await;
    assert_eq!(record.matches("note: the database is slow").count(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn what_was_sent_on_a_connection_that_breaks_is_sent_again_and_done_once() {
    let mut world = World::by_socket(ROLES, FRONTEND).await;
    let socket = socket(&world);
    for n in 0..10 {
        let envelope = mention(&format!("1773457920.0001{n:02}"), "<@UBOT> note once each");
        let breaking = socket.oldest();
        // Whichever comes first, the acknowledgement or the end.
        let (first, ()) = tokio::join!(socket.send(&envelope), async { socket.breaks(breaking) });
        if first != Outcome::Acknowledged(None) {
            socket.has_opened(socket.opened()).await;
        }
        let second = socket.send(&again(&envelope)).await;
        assert_eq!(second, Outcome::Acknowledged(None));
        socket.has_connections(2).await;
    }
    world.settle().await;
    let record = world.record().await;
    assert_eq!(record.matches("note: once each").count(), 10, "{record}");
    world.slack.take_all();
}

#[tokio::test]
async fn a_connection_is_replaced_before_it_closes() {
    let mut world = World::by_socket(ROLES, FRONTEND).await;
    let socket = socket(&world);
    for (n, reason) in ["warning", "refresh_requested"].into_iter().enumerate() {
        // It was of use before: nobody waits until there is another one.
        for m in 0..2 {
            let envelope = mention(&format!("1773457920.0{n}{m}000"), "<@UBOT> note before");
            assert_eq!(socket.send(&envelope).await, Outcome::Acknowledged(None));
        }
        let old = socket.oldest();
        socket.disconnects(old, reason);
        socket.has_connections(3).await;
        assert_eq!(socket.oldest(), old, "it waits for Slack to close it");
        // Slack may still send something on each of the three.
        for m in 2..5 {
            let envelope = mention(&format!("1773457920.0{n}{m}000"), "<@UBOT> note during");
            assert_eq!(socket.send(&envelope).await, Outcome::Acknowledged(None));
        }
        socket.closes(old);
        socket.has_connections(2).await;
    }
    assert_eq!(socket.opened(), 4);
    assert_eq!(socket.pongs(), 4, "pings are answered");
    world.settle().await;
    let record = world.record().await;
    assert_eq!(record.matches("note: before").count(), 4);
    assert_eq!(record.matches("note: during").count(), 6);
    world.slack.take_all();
    let (_, metrics) = get(&world, "/metrics").await;
    let of_sockets = metrics.lines().filter(|line| line.contains("_socket_"));
    let samples: BTreeSet<&str> = of_sockets.filter(|line| !line.starts_with('#')).collect();
    assert_snapshot!(samples.into_iter().collect::<Vec<_>>().join("\n"), @r#"
    rollback_bot_socket_connections 2
    rollback_bot_socket_connections_ended_total{cause="broken"} 0
    rollback_bot_socket_connections_ended_total{cause="not_opened"} 0
    rollback_bot_socket_connections_ended_total{cause="replaced"} 2
    rollback_bot_socket_connections_ended_total{cause="stopped"} 0
    "#);
}

#[tokio::test]
async fn what_came_while_nothing_ran_is_done_when_it_runs_again() {
    let mut world = World::by_socket(ROLES, FRONTEND).await;
    let socket = socket(&world);
    let envelope = mention("1773457920.000100", "<@UBOT> note before the restart");
    assert_eq!(socket.send(&envelope).await, Outcome::Acknowledged(None));
    world.ends().await;
    assert_eq!(socket.connections(), 0, "it gave up its connections");
    let missed = mention("1773457920.000200", "<@UBOT> note during the restart");
    assert_eq!(socket.send(&missed).await, Outcome::Unsent);
    world.starts().await;
    world.leases_end().await;
    for envelope in [&envelope, &missed] {
        let outcome = socket.send(&again(envelope)).await;
        assert_eq!(outcome, Outcome::Acknowledged(None));
    }
    world.settle().await;
    let record = world.record().await;
    assert_eq!(record.matches("note: before the restart").count(), 1);
    assert_eq!(record.matches("note: during the restart").count(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn what_nobody_knows_is_acknowledged() {
    let world = World::by_socket(ROLES, FRONTEND).await;
    let socket = socket(&world);
    for (kind, payload) in [
        ("slash_commands", json!("text")),
        ("slash_commands", json!(null)),
        ("interactive", json!([1, 2])),
        (
            "interactive",
            json!({ "type": "something_new", "user": { "id": "U1" } }),
        ),
        ("events_api", json!(null)),
        ("events_api", json!({ "type": "app_rate_limited" })),
        ("something_new", json!({ "text": "frontend" })),
    ] {
        let envelope = Envelope {
            kind,
            payload: payload.clone(),
            retry: None,
        };
        let outcome = socket.send(&envelope).await;
        assert_eq!(outcome, Outcome::Acknowledged(None), "{kind} {payload}");
    }
    assert_eq!(socket.opened(), 2, "no connection ended because of it");
}

#[tokio::test]
async fn whoever_looks_whether_it_is_ready_is_told_why_slack_cannot_reach_it() {
    let world = World::by_socket(ROLES, FRONTEND).await;
    let socket = socket(&world);
    assert_snapshot!(says_about_being_ready(&world, "ready").await, @"200 ready");
    let method = Some("apps.connections.open");
    world
        .slack
        .fault(Fault::Refuses("account_inactive"), method, None);
    for connection in socket.all() {
        socket.breaks(connection);
    }
    socket.has_connections(0).await;
    assert_snapshot!(says_about_being_ready(&world, "account_inactive").await, @"503 Slack cannot reach this bot, no connection of Socket Mode is open: Slack says account_inactive");
    world.slack.heal();
    socket.has_connections(2).await;
    assert_snapshot!(says_about_being_ready(&world, "ready").await, @"200 ready");

    // Slack asks to wait, and names how long.
    world
        .slack
        .fault(Fault::RateLimited { retry_after: 2 }, method, Some(1));
    let opened = socket.opened();
    socket.breaks(socket.oldest());
    socket.has_opened(opened + 1).await;
    // Somebody has switched Socket Mode off, and on again.
    for connection in socket.all() {
        socket.disconnects(connection, "link_disabled");
        socket.closes(connection);
    }
    socket.has_opened(opened + 3).await;
    socket.has_connections(2).await;
    world.slack.take_all();
}

#[tokio::test]
async fn nothing_has_to_listen() {
    let world = World::by_socket(ROLES, FRONTEND).await;
    let socket = socket(&world);
    let directory = tempfile::tempdir().unwrap();
    let settings = world
        .settings()
        .replace("listen = \"127.0.0.1:0\"\n", "")
        .replace("public_url = \"https://rollback.example.com\"\n", "");
    let database = format!("sqlite://{}/bot.db", directory.path().display());
    let config = world.reads(&settings, &database).unwrap();
    let (app, serving) = Serving::start(config, Clock::real()).await.unwrap();
    assert_eq!((serving.address, serving.operators_address), (None, None));
    socket.has_connections(4).await;
    serving.stop(&app).await;
    socket.has_connections(2).await;
}

/// A proxy for what is not encrypted, and how many connections went through it.
async fn proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move {
                let mut head = [0; 256];
                let read = stream.peek(&mut head).await.unwrap();
                let line = String::from_utf8_lossy(&head[..read]).into_owned();
                // GET http://127.0.0.1:4000/link/?ticket=…
                let host = line.split('/').nth(2).unwrap_or_default();
                let mut other = TcpStream::connect(host).await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                let _ = copy_bidirectional(&mut stream, &mut other).await;
            });
        }
    });
    (address, count)
}

#[tokio::test]
async fn connections_go_through_the_proxy() {
    let world = World::by_socket(ROLES, FRONTEND).await;
    let socket = socket(&world);
    let (proxy, through) = proxy().await;
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    fs::write(&config, world.settings()).unwrap();
    let database = format!("sqlite://{}/bot.db", directory.path().display());
    let process = tokio::process::Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .args(["serve", "--config", config.to_str().unwrap()])
        .env_clear()
        .envs([
            ("DATABASE_URL", database.as_str()),
            ("APP_TOKEN", APP_TOKEN),
            ("BOT_TOKEN", "xoxb-simulation"),
            ("VERCEL_TOKEN", crate::support::vercel::TOKEN),
            ("HTTP_PROXY", proxy.as_str()),
        ])
        .kill_on_drop(true)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    socket.has_connections(4).await;
    // Two connections, and what was asked for before them.
    assert!(through.load(Ordering::Relaxed) > 2);
    drop(process);
    socket.has_connections(2).await;
    world.slack.take_all();
}

/// What `check --online` says about the app token, with this one and these answers of Slack's.
async fn checked(slack: &Slack, world: &World, app_token: &str) -> String {
    checked_of(slack, world, app_token, "slack.app_token").await
}

/// The same about this key.
async fn checked_of(slack: &Slack, world: &World, app_token: &str, key: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    let (ours, other) = (world.slack.api_url(), slack.api_url());
    fs::write(&config, world.settings().replace(&ours, &other)).unwrap();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .args(["check", "--online", "--config", config.to_str().unwrap()])
        .env_clear()
        .envs([
            ("DATABASE_URL", "sqlite://unused.db"),
            ("APP_TOKEN", app_token),
            ("BOT_TOKEN", "xoxb-simulation"),
            ("VERCEL_TOKEN", crate::support::vercel::TOKEN),
        ])
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let of_the_key = told
        .lines()
        .filter(|line| line.contains(&format!(" {key}:")));
    of_the_key.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_app_token_that_will_not_do_is_told_what_it_lacks() {
    let world = World::by_socket(ROLES, FRONTEND).await;
    let of_app = async |app_id: &str| {
        let options = Options {
            app_id: app_id.into(),
            ..Options::default()
        };
        let slack = Slack::start(options).await.unwrap();
        slack.set_socket(|| "wss://wss-primary.slack.com/link/?ticket=1".into());
        slack
    };
    let slack = of_app("A0ROLLBACK").await;
    assert_snapshot!(checked(&slack, &world, APP_TOKEN).await, @"ok        slack.app_token: opens connections");
    let listener = checked_of(&slack, &world, APP_TOKEN, "server.listen").await;
    assert_snapshot!(listener, @"note      server.listen: 127.0.0.1:0 is listened on, and Slack sends nothing there: it comes by Socket Mode");
    let unknown = "xapp-1-A0ROLLBACK-1-revoked";
    assert_snapshot!(checked(&slack, &world, unknown).await, @"mistake   slack.app_token: Slack says invalid_auth: the token is not one of this Slack, or it was revoked; make one under Basic Information, App-Level Tokens");
    let method = Some("apps.connections.open");
    slack.fault(Fault::Refuses("missing_scope"), method, Some(1));
    assert_snapshot!(checked(&slack, &world, APP_TOKEN).await, @"mistake   slack.app_token: Slack says missing_scope: the token lacks the scope connections:write; make one that has it under Basic Information, App-Level Tokens");
    // Both tokens work, and are of two apps in one workspace.
    let slack = of_app("A0STAGING").await;
    assert_snapshot!(checked(&slack, &world, APP_TOKEN).await, @"
    ok        slack.app_token: opens connections
    mistake   slack.app_token: is of the Slack app A0ROLLBACK, and slack.bot_token is of A0STAGING: what people type would come by one app and be answered by another; take both tokens from the same app
    ");
}

/// How many envelopes are sent while connections end, and after how many one ends.
const ENVELOPES: usize = 10_000;
const ONE_ENDS_AFTER: usize = 250;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_envelopes_are_each_done_once_whatever_connections_do() {
    const LIMITS: &str = "[limits]\nperson_per_minute = 100000\nchannel_per_minute = 1000000\n";
    let world = World::by_socket(ROLES, &format!("{FRONTEND}{LIMITS}")).await;
    let socket = socket(&world);
    let next = Arc::new(AtomicUsize::new(0));
    let sent_again = Arc::new(AtomicUsize::new(0));
    let mut senders = JoinSet::new();
    for _ in 0..64 {
        let (socket, next, sent_again) = (socket.clone(), next.clone(), sent_again.clone());
        senders.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= ENVELOPES {
                    return;
                }
                if n % ONE_ENDS_AFTER == ONE_ENDS_AFTER / 2 {
                    end_one(&socket, n / ONE_ENDS_AFTER).await;
                }
                let envelope = command(n);
                // While there is no connection, Slack keeps it.
                while !matches!(socket.send(&envelope).await, Outcome::Acknowledged(Some(_))) {
                    sent_again.fetch_add(1, Ordering::Relaxed);
                    socket.has_a_connection().await;
                }
            }
        });
    }
    senders.join_all().await;
    let sent_again = sent_again.load(Ordering::Relaxed);
    assert!(sent_again > 0, "nothing was lost on the way");
    assert!(socket.opened() > ENVELOPES / ONE_ENDS_AFTER / 2);

    let mut noted = Vec::new();
    loop {
        let from = noted.len();
        let db = &world.app().engine.db;
        let from = i64::try_from(from).unwrap();
        let page = store::timelines::entries(db, IncidentId::new(1), from, 1_000).await;
        let page = page.unwrap();
        if page.is_empty() {
            break;
        }
        noted.extend(page.into_iter().map(|entry| entry.event.text()));
    }
    noted.retain(|text| text.contains("n-"));
    let different: BTreeSet<&String> = noted.iter().collect();
    assert_eq!((noted.len(), different.len()), (ENVELOPES, ENVELOPES));
    world.slack.take_all();
}

/// Ends a connection, in one of the ways in which they end.
async fn end_one(socket: &SocketMode, way: usize) {
    socket.has_a_connection().await;
    let connection = socket.oldest();
    match way % 4 {
        0 => socket.breaks(connection),
        1 => socket.closes(connection),
        2 => socket.disconnects(connection, "warning"),
        _ => {
            socket.disconnects(connection, "refresh_requested");
            socket.closes(connection);
        }
    }
}

fn command(n: usize) -> Envelope {
    Envelope {
        kind: "slash_commands",
        payload: json!({
            "command": "/rollback", "text": format!("note n-{n:05}"), "user_id": "U0MAYA",
            "user_name": "maya", "channel_id": CHANNEL, "channel_name": "shop-incidents",
            "team_id": "T0ACME", "api_app_id": "A0ROLLBACK", "trigger_id": format!("13.{n}.abc"),
        }),
        retry: None,
    }
}
