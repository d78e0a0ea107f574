//! What operators see: log lines, numbers, alerts, traces. No secret in any of them.

use crate::support::{
    FRONTEND, ROLES, World,
    logs::{self, Watch},
    vercel,
};
use insta::assert_snapshot;
use rollback_bot::{
    http_client,
    telemetry::{self, Format},
};
#[cfg(feature = "otlp")]
use rollback_domain::identity::RollbackId;
use std::{
    collections::BTreeSet,
    io::{self, Write},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt};

/// Lines, as they are written.
#[derive(Default)]
struct Lines(Mutex<Vec<u8>>);

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn json(&self) -> Vec<serde_json::Value> {
        let bytes = self.0.lock().unwrap();
        let lines = std::str::from_utf8(&bytes).unwrap().lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

async fn metrics(world: &World) -> String {
    let answer = http_client()
        .unwrap()
        .get(format!("{}/metrics", world.base()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// The samples whose names begin so, without those that count nothing.
fn samples(text: &str, prefix: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| line.starts_with(prefix) && !line.ends_with(" 0"));
    let mut lines: Vec<&str> = lines.collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[tokio::test]
async fn everything_between_the_click_and_the_outcome_is_found_by_its_number() {
    let lines = Arc::new(Lines::default());
    let seeing = tracing_subscriber::registry()
        .with(EnvFilter::new("warn,rollback_bot=debug"))
        .with(telemetry::lines(Format::Json, false, lines.clone()));
    let mut world = World::new().await;
    let guard = tracing::subscriber::set_default(seeing);
    world.vercel.moves_at_once(true);
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    drop(guard);
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    let mut told = vec![];
    for line in lines.json() {
        let spans = line["spans"].as_array().unwrap();
        let of = |name: &str| spans.iter().find_map(|span| span[name].as_str());
        // Roles and the board are read for nobody in particular.
        if matches!(of("kind"), Some("survey" | "roster" | "membership")) {
            continue;
        }
        told.push(format!(
            "{} {} {}: {}",
            of("rollback").unwrap_or("-"),
            of("incident").unwrap_or("-"),
            of("kind").or(of("verb")).unwrap_or("-"),
            line["message"].as_str().unwrap()
        ));
    }
    assert!(
        told.iter().all(|line| line.starts_with("RB-1 ")),
        "{told:#?}"
    );
    // What is done at once is told in any order.
    told.sort();
    told.dedup();
    assert_snapshot!(told.join("\n"), @"
    RB-1 - approve: taken
    RB-1 - propose: answered
    RB-1 - propose: opened
    RB-1 - propose: taken
    RB-1 INC-1 act: done
    RB-1 INC-1 act: moved
    RB-1 INC-1 card: done
    RB-1 INC-1 drive: asked the platform
    RB-1 INC-1 drive: done
    RB-1 INC-1 drive: moved
    RB-1 INC-1 outcome: done
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn a_step_and_the_request_that_left_it_have_one_key() {
    let lines = Arc::new(Lines::default());
    let seeing = tracing_subscriber::registry()
        .with(EnvFilter::new("warn,rollback_bot=debug"))
        .with(telemetry::lines(Format::Json, false, lines.clone()));
    let mut world = World::new().await;
    let guard = tracing::subscriber::set_default(seeing);
    world.maya().says("/rollback plan frontend").await;
    world.settle().await;
    drop(guard);
    let keys: BTreeSet<String> = lines
        .json()
        .iter()
        .flat_map(|line| line["spans"].as_array().unwrap())
        // Who she is, is read for whatever she asks next.
        .filter(|span| span["kind"] != "membership")
        .filter_map(|span| span["key"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with('#')), "{keys:?}");
    world.slack.take_all();
}

#[tokio::test]
async fn a_secret_that_is_logged_is_found() {
    let world = World::new().await;
    assert!(logs::watch().lines() > 0, "nothing is looked through");
    drop(world);
    let watch = Arc::new(Watch::default());
    let seeing = tracing_subscriber::registry().with(logs::layer(watch.clone()));
    tracing::subscriber::with_default(seeing, || {
        tracing::trace!(target: "rollback_bot::slack", "nothing to hide");
        assert_eq!(watch.found(), Vec::<String>::new());
        tracing::trace!(target: "rollback_bot::slack", token = vercel::TOKEN, "hello");
        let span = tracing::trace_span!(target: "rollback_bot::slack", "at", key = "13A1.T0ACME");
        span.in_scope(|| tracing::trace!(target: "rollback_bot::slack", "once more"));
    });
    let found = watch.found();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("Vercel's token: "), "{found:?}");
    assert!(
        found[1].starts_with("a trigger id of Slack's: "),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_rollback_is_counted_on_its_way() {
    let mut world = World::by_requests(ROLES, FRONTEND).await;
    world.vercel.moves_at_once(true);
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    let text = metrics(&world).await;
    assert_snapshot!(samples(&text, "rollback_bot_rollbacks_open"), @r#"rollback_bot_rollbacks_open{state="proposed"} 1"#);
    assert_snapshot!(samples(&text, "rollback_bot_steps_waiting"), @r#"
    rollback_bot_steps_waiting{kind="drive"} 1
    rollback_bot_steps_waiting{kind="standings"} 1
    rollback_bot_steps_waiting{kind="survey"} 1
    "#);
    world.maya().says("/rollback rollback everything").await;
    world.maya().says("/rollback status RB-77").await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    let text = metrics(&world).await;
    assert_snapshot!(samples(&text, "rollback_bot_answer_seconds_count"), @r#"
    rollback_bot_answer_seconds_count{input="click",verb="approve",status="answered"} 1
    rollback_bot_answer_seconds_count{input="command",verb="misread",status="misread"} 1
    rollback_bot_answer_seconds_count{input="command",verb="propose",status="answered"} 1
    rollback_bot_answer_seconds_count{input="command",verb="status",status="refused"} 1
    "#);
    assert_snapshot!(samples(&text, "rollback_bot_provider_call_seconds_count"), @r#"
    rollback_bot_provider_call_seconds_count{platform="Vercel",operation="dry_run",outcome="ok"} 2
    rollback_bot_provider_call_seconds_count{platform="Vercel",operation="observe",outcome="ok"} 2
    rollback_bot_provider_call_seconds_count{platform="Vercel",operation="roll_back",outcome="ok"} 1
    rollback_bot_provider_call_seconds_count{platform="Vercel",operation="survey",outcome="ok"} 5
    "#);
    assert_snapshot!(samples(&text, "rollback_bot_slack_call_seconds_count"), @r#"
    rollback_bot_slack_call_seconds_count{method="auth.test",outcome="ok"} 1
    rollback_bot_slack_call_seconds_count{method="bots.info",outcome="ok"} 1
    rollback_bot_slack_call_seconds_count{method="chat.postMessage",outcome="ok"} 2
    rollback_bot_slack_call_seconds_count{method="chat.update",outcome="ok"} 2
    rollback_bot_slack_call_seconds_count{method="users.info",outcome="ok"} 3
    "#);
    assert_snapshot!(samples(&text, "rollback_bot_steps_total"), @r#"
    rollback_bot_steps_total{kind="act",outcome="done"} 1
    rollback_bot_steps_total{kind="card",outcome="done"} 8
    rollback_bot_steps_total{kind="drive",outcome="done"} 7
    rollback_bot_steps_total{kind="membership",outcome="done"} 1
    rollback_bot_steps_total{kind="outcome",outcome="done"} 1
    rollback_bot_steps_total{kind="standings",outcome="done"} 1
    rollback_bot_steps_total{kind="survey",outcome="done"} 3
    "#);
    assert_snapshot!(samples(&text, "rollback_bot_rollbacks_open"), @r#"rollback_bot_rollbacks_open{state="watching"} 1"#);
    assert_snapshot!(samples(&text, "rollback_bot_errors_total"), @"");
    assert!(text.contains("\nrollback_bot_database_up 1\n"), "{text}");
    assert!(text.contains("\nrollback_bot_worker_up 1\n"), "{text}");
    world.slack.take_all();
}

#[tokio::test]
async fn what_is_late_fails_or_is_unknown_is_seen() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.break_after_accepting();
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.vercel.fail_reads(503);
    world.passes(Duration::from_secs(20 * 60)).await;
    let text = metrics(&world).await;
    assert_snapshot!(samples(&text, "rollback_bot_rollbacks_open"), @r#"rollback_bot_rollbacks_open{state="unknown"} 1"#);
    assert_snapshot!(samples(&text, "rollback_bot_unknown_age_seconds"), @"rollback_bot_unknown_age_seconds 1202.0");
    assert_snapshot!(samples(&text, "rollback_bot_steps_failing"), @r#"
    rollback_bot_steps_failing{kind="drive"} 1
    rollback_bot_steps_failing{kind="survey"} 1
    "#);
    assert_snapshot!(samples(&text, "rollback_bot_steps_late"), @"");
    // Nobody does anything for two minutes.
    world.clock.advance(Duration::from_secs(120));
    let text = metrics(&world).await;
    assert_snapshot!(samples(&text, "rollback_bot_steps_late"), @r#"
    rollback_bot_steps_late{kind="drive"} 1
    rollback_bot_steps_late{kind="standings"} 1
    rollback_bot_steps_late{kind="survey"} 1
    "#);
    world.slack.take_all();
}

#[tokio::test]
async fn slack_that_asks_to_wait_is_counted() {
    let mut world = World::new().await;
    world.slack.fault(
        rollback_simulation::Fault::RateLimited { retry_after: 30 },
        Some("chat.postMessage"),
        Some(1),
    );
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.passes(Duration::from_secs(40)).await;
    let text = metrics(&world).await;
    assert_snapshot!(samples(&text, "rollback_bot_slack_wait_seconds_total"), @"rollback_bot_slack_wait_seconds_total 30.0");
    world.slack.take_all();
}

#[tokio::test]
async fn a_database_that_is_away_does_not_hide_the_rest() {
    let world = World::new().await;
    let text = metrics(&world).await;
    assert!(text.contains("\nrollback_bot_database_up 1\n"), "{text}");
    assert!(text.contains("rollback_bot_rollbacks_open{"), "{text}");
    world.app().engine.db.close().await;
    // What was read within the last second is told again.
    let text = metrics(&world).await;
    assert!(text.contains("\nrollback_bot_database_up 1\n"), "{text}");
    world.clock.advance(Duration::from_secs(1));
    let text = metrics(&world).await;
    assert!(text.contains("\nrollback_bot_database_up 0\n"), "{text}");
    assert!(text.contains("\nrollback_bot_worker_up 1\n"), "{text}");
    assert!(!text.contains("rollback_bot_rollbacks_open{"), "{text}");
}

#[tokio::test]
async fn every_number_that_an_alert_needs_is_there() {
    let rules = include_str!("../deploy/prometheus-rules.yml");
    let mut world = World::new().await;
    world.with_a_card().await;
    // What there is once somebody has asked for it.
    world.maya().says("/rollback ready frontend").await;
    world.settle().await;
    // What there is by one door only.
    let by_socket = World::by_socket(ROLES, FRONTEND).await;
    let text = metrics(&world).await + &metrics(&by_socket).await;
    let mut needed = BTreeSet::new();
    for (at, _) in rules.match_indices("rollback_bot_") {
        let rest = &rules[at..];
        let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        needed.insert(&rest[..end.unwrap_or(rest.len())]);
    }
    assert!(needed.len() > 10, "{needed:?}");
    for name in needed {
        let base = ["_bucket", "_count", "_sum"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
        let described = [name, base]
            .iter()
            .any(|name| text.contains(&format!("\n# TYPE {name} ")));
        assert!(described, "no metric is called {name}");
    }
    world.slack.take_all();
}

#[test]
fn how_lines_are_written_is_said_or_refused() {
    let run = |format: &str, filter: &str| {
        Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
            .args(["manifest", "--public-url", "https://rollback.example.com"])
            .env("LOG_FORMAT", format)
            .env("RUST_LOG", filter)
            .output()
            .unwrap()
    };
    assert!(run("json", "info").status.success());
    assert!(run("", "").status.success());
    let refused = run("yaml", "");
    assert_eq!(refused.status.code(), Some(2));
    assert_snapshot!(String::from_utf8(refused.stderr).unwrap(), @"rollback-bot: LOG_FORMAT is neither text nor json");
    let refused = run("text", "rollback_bot=loud");
    assert_eq!(refused.status.code(), Some(2));
    assert_snapshot!(String::from_utf8(refused.stderr).unwrap(), @r#"rollback-bot: RUST_LOG cannot be read (error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5); for example warn,rollback_bot=info"#);
}

/// A collector of traces, and one rollback that goes through it.
mod collector {
    use super::*;
    use crate::tampering::Record;
    use axum::{Router, body::Bytes, routing::post};
    use rollback_bot::telemetry::otlp;
    use std::{
        io::BufRead,
        process::Stdio,
        sync::mpsc::{self, Receiver},
    };

    /// What of a span is looked at here.
    #[derive(Debug)]
    struct Sent {
        trace: String,
        id: String,
        parent: String,
        name: String,
        /// The attributes that are texts, as `key=value`.
        says: BTreeSet<String>,
    }

    /// The fields of a protobuf message that are messages, texts or bytes.
    fn fields(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
        let mut found = vec![];
        let number = |bytes: &mut &[u8]| {
            let (mut value, mut shift) = (0_u64, 0);
            loop {
                let byte = bytes[0];
                *bytes = &bytes[1..];
                value |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    return value;
                }
            }
        };
        while !bytes.is_empty() {
            let tag = number(&mut bytes);
            let length = match tag & 7 {
                0 => {
                    number(&mut bytes);
                    continue;
                }
                1 => 8,
                2 => usize::try_from(number(&mut bytes)).unwrap(),
                5 => 4,
                other => panic!("no such wire type: {other}"),
            };
            let (field, rest) = bytes.split_at(length);
            if tag & 7 == 2 {
                found.push((tag >> 3, field));
            }
            bytes = rest;
        }
        found
    }

    fn all<'a>(bytes: &'a [u8], path: &[u64]) -> Vec<&'a [u8]> {
        let Some((first, rest)) = path.split_first() else {
            return vec![bytes];
        };
        let found = fields(bytes).into_iter().filter(|(at, _)| at == first);
        found.flat_map(|(_, field)| all(field, rest)).collect()
    }

    fn spans(export: &[u8]) -> Vec<Sent> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let hex = |span: &[u8], at| all(span, &[at]).first().map(hex::encode);
        // resource_spans, scope_spans, spans
        let spans = all(export, &[1, 2, 2]).into_iter().map(|span| Sent {
            trace: hex(span, 1).unwrap(),
            id: hex(span, 2).unwrap(),
            parent: hex(span, 4).unwrap_or_default(),
            name: text(all(span, &[5])[0]),
            says: all(span, &[9])
                .into_iter()
                .filter_map(|attribute| {
                    let value = *all(attribute, &[2, 1]).first()?;
                    Some(format!("{}={}", text(all(attribute, &[1])[0]), text(value)))
                })
                .collect(),
        });
        spans.collect()
    }

    /// Listens, and gives its address and what it is sent.
    async fn collector() -> (String, Receiver<Bytes>) {
        let (sent, received) = mpsc::channel();
        let take = move |body: Bytes| {
            sent.send(body).unwrap();
            async {}
        };
        let routes = Router::new().route("/v1/traces", post(take));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        (address, received)
    }

    #[tokio::test]
    async fn a_rollback_is_one_trace_from_the_command_to_the_end() {
        let (address, received) = collector().await;
        let mut world = World::new().await;
        // One collector is told by all worlds of a process: none of the others comes as far.
        let mut record = Record::open(&world).await;
        record
            .execute("UPDATE counter SET value = 4710 WHERE name = 'rollback'")
            .await;
        let (shipping, layer) = otlp::start(Some(&format!("{address}/v1/traces"))).unwrap();
        let seeing = tracing_subscriber::registry()
            .with(EnvFilter::new("rollback_bot=info"))
            .with(layer);
        let guard = tracing::subscriber::set_default(seeing);
        world.vercel.moves_at_once(true);
        world
            .maya()
            .says("/rollback frontend because checkout 500s")
            .await;
        world.settle().await;
        // Another process goes on with it.
        world.stops().await;
        world.starts().await;
        world.sam().clicks("Approve").await;
        world.passes(Duration::from_secs(600)).await;
        drop(guard);
        shipping.close().await;
        assert_eq!(world.rollback(4711).await.state.name(), "closed");
        let sent: Vec<Sent> = received.try_iter().flat_map(|body| spans(&body)).collect();
        let (trace, whole) = otlp::ids_here(RollbackId::new(4711));
        let (trace, whole) = (trace.to_string(), whole.to_string());
        let ours = |span: &&Sent| span.says.contains("rollback=RB-4711");
        assert!(sent.iter().filter(ours).count() > 10, "{sent:#?}");
        for span in sent.iter().filter(ours) {
            assert_eq!(span.trace, trace, "{span:#?}");
            match span.name.as_str() {
                "rollback" => {
                    assert_eq!((&span.id, span.parent.as_str()), (&whole, ""));
                    for said in ["outcome=VERIFIED", "service=frontend", "incident=INC-1"] {
                        assert!(span.says.contains(said), "{span:#?}");
                    }
                }
                _ => assert_eq!(span.parent, whole, "{span:#?}"),
            }
        }
        let names: BTreeSet<&str> = sent
            .iter()
            .filter(|span| span.trace == trace)
            .map(|span| span.name.as_str())
            .collect();
        assert_eq!(
            names.into_iter().collect::<Vec<_>>(),
            ["job", "platform", "request", "rollback", "slack"]
        );
        let whole = sent.iter().filter(ours);
        let once = whole.filter(|span| span.name == "rollback").count();
        assert_eq!(once, 1);
        world.slack.take_all();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_process_that_is_told_to_end_sends_what_is_left() {
        let (address, received) = collector().await;
        let mut program = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
            .args(["demo", "--port", "0"])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &address)
            // Nothing by itself, only at the end.
            .env("OTEL_BSP_SCHEDULE_DELAY", "3600000")
            .env("RUST_LOG", "rollback_bot=debug")
            .env("LOG_FORMAT", "json")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = io::BufReader::new(program.stderr.take().unwrap()).lines();
        for line in lines {
            let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            if line["message"] == "done" {
                break;
            }
        }
        assert_eq!(received.try_iter().count(), 0);
        let told = Command::new("kill").arg(program.id().to_string()).status();
        assert!(told.unwrap().success());
        assert!(program.wait().unwrap().success());
        let sent: Vec<Sent> = received.try_iter().flat_map(|body| spans(&body)).collect();
        assert!(sent.iter().any(|span| span.name == "job"), "{sent:#?}");
    }
}
