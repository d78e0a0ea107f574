//! An agent that speaks the Model Context Protocol: `rollback-bot mcp` over standard input and
//! output, with a running bot behind it.

use crate::{
    agents::{LINK, token, world},
    support::World,
};
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// A client of the protocol, with the server that it has started.
struct Client {
    server: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
    sent: u64,
}

fn server(base: &str, token: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollback-bot"));
    command
        .args(["mcp", "--server", base])
        .env_clear()
        .env("ROLLBACK_BOT_TOKEN", token)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl Client {
    fn starts(base: &str, token: &str) -> Client {
        let mut server = server(base, token).spawn().unwrap();
        Client {
            to: server.stdin.take().unwrap(),
            from: BufReader::new(server.stdout.take().unwrap()).lines(),
            server,
            sent: 0,
        }
    }

    async fn begins(world: &mut World, token: &str) -> Client {
        let mut client = Client::starts(world.base(), token);
        client.greets(world).await;
        client
    }

    /// Agrees with the server on the version of the protocol.
    async fn greets(&mut self, world: &mut World) {
        let hello = json!({
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": "story", "version": "1" },
        });
        let answer = self.asks(world, "initialize", hello).await;
        assert_eq!(answer["result"]["serverInfo"]["name"], "rollback-bot");
        let begun = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        self.sends(&begun).await;
    }

    async fn sends(&mut self, message: &Value) {
        self.to
            .write_all(format!("{message}\n").as_bytes())
            .await
            .unwrap();
    }

    /// Sends a request, and has the bot do what is due until it is answered.
    async fn asks(&mut self, world: &mut World, method: &str, params: Value) -> Value {
        self.sent += 1;
        let id = self.sent;
        self.sends(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .await;
        let line = loop {
            world.settle().await;
            tokio::select! {
                line = self.from.next_line() => break line.unwrap().unwrap(),
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        };
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    async fn calls(&mut self, world: &mut World, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.asks(world, "tools/call", params).await
    }

    /// Calls a tool, and gives whether it failed, and its words.
    async fn told(&mut self, world: &mut World, tool: &str, arguments: Value) -> String {
        let answer = self.calls(world, tool, arguments).await;
        let result = &answer["result"];
        let text = result["content"][0]["text"].as_str().unwrap();
        let first = text.lines().next().unwrap();
        format!("{} {first}", result["isError"])
    }
}

#[tokio::test]
async fn an_agent_proposes_through_its_tools_and_a_person_approves() {
    let mut world = world().await;
    let token = token(&world).await;
    let mut client = Client::begins(&mut world, &token).await;
    let tools = client.asks(&mut world, "tools/list", json!({})).await;
    let tools = tools["result"]["tools"].as_array().unwrap().clone();
    let names: Vec<&str> = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["propose", "plan", "status", "timeline", "note"]);
    assert!(
        tools[0]["description"]
            .as_str()
            .unwrap()
            .contains("only a person can approve it")
    );
    let mut told = vec![];
    for (tool, arguments) in [
        ("status", json!({})),
        ("plan", json!({ "service": "frontend" })),
        ("note", json!({ "text": "error rate is 6 %" })),
        (
            "propose",
            json!({ "service": "frontend", "because": "error rate is 6 %", "evidence": [LINK] }),
        ),
        ("status", json!({ "about": "RB-1" })),
        ("timeline", json!({})),
    ] {
        told.push(client.told(&mut world, tool, arguments).await);
    }
    assert_snapshot!(told.join("\n"), @"
    false No rollback is open.
    false Plan for frontend (production): v214 to v213. Nothing is proposed.
    false It is in the timeline.
    false RB-1 PROPOSED · frontend (production) · v214 → v213 · by agent deploy-watch (responsible: @tom) · last change 03:12:00 UTC
    false RB-1 PROPOSED · frontend (production) · v214 → v213 · by agent deploy-watch (responsible: @tom) · last change 03:12:00 UTC
    false INC-1: 4 entries
    ");
    let answer = client
        .calls(&mut world, "status", json!({ "about": "RB-1" }))
        .await;
    let structured = &answer["result"]["structuredContent"];
    assert_eq!(structured["agent"]["name"], "deploy-watch");
    assert_eq!(structured["state"], "PROPOSED");
    world.settle().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(20)).await;
    assert_snapshot!(client.told(&mut world, "status", json!({ "about": "RB-1" })).await, @"false ✅ RB-1 VERIFIED  frontend (production), v214 → v213. v213 answers from outside and passes its checks.");
    drop(client.to);
    assert!(client.server.wait().await.unwrap().success());
    world.passes(Duration::from_secs(600)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn what_goes_wrong_is_a_sentence_with_the_next_step() {
    let mut world = world().await;
    let token = token(&world).await;
    let mut client = Client::begins(&mut world, &token).await;
    let mut told = vec![];
    for (tool, arguments) in [
        ("propose", json!({ "service": "frontend", "evidence": [] })),
        (
            "propose",
            json!({ "service": "frontned", "evidence": [LINK] }),
        ),
        ("plan", json!({ "service": 7 })),
        ("status", json!({ "about": "RB-9" })),
        ("note", json!({ "text": "x".repeat(70_000) })),
        ("note", json!({ "text": "a", "approve": true })),
    ] {
        told.push(client.told(&mut world, tool, arguments).await);
    }
    let unknown = client.calls(&mut world, "deploy", json!({})).await;
    told.push(unknown["error"].to_string());
    let unknown = client
        .asks(&mut world, "resources/read", json!({ "uri": "a:b" }))
        .await;
    told.push(unknown["error"]["code"].to_string());
    assert_snapshot!(told.join("\n"), @r#"
    true An agent says what its proposal rests on: name one to five links as `evidence`, like ["https://grafana.example.com/d/errors"]. Nothing was run.
    true No service or command "frontned". Did you mean frontend? Nothing was run.
    true The arguments are not understood: invalid type: integer `7`, expected a string. Nothing was run; the tool's schema has them all.
    true There is no RB-9. `/rollback status` lists the ones that are open.
    true The body is larger than 65536 bytes, or took too long. Nothing was run.
    true The arguments are not understood: unknown field `approve`, expected one of `text`, `at`, `channel`. Nothing was run; the tool's schema has them all.
    {"code":-32602,"message":"There is no such tool; there are propose, plan, status, timeline, note. What only people may do, people do in Slack."}
    -32601
    "#);
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn what_only_people_may_do_is_no_tool_and_is_refused_by_the_bot() {
    let mut world = world().await;
    let token = token(&world).await;
    let mut client = Client::begins(&mut world, &token).await;
    client
        .told(&mut world, "note", json!({ "text": "error rate is 6 %" }))
        .await;
    let told = client
        .told(&mut world, "approve", json!({ "rollback": "RB-1" }))
        .await;
    assert!(
        told.starts_with("true Agents propose and people approve"),
        "{told}"
    );
    world.settle().await;
    assert!(
        world
            .record()
            .await
            .contains("tried `approve` and was refused (AGENT_MAY_NOT)")
    );
    assert!(world.slack.channel("D0TOM").contains("tried `approve`"));
    world.slack.take_all();
}

#[tokio::test]
async fn without_a_bot_an_agent_is_told_where_none_answers() {
    let mut world = world().await;
    let token = token(&world).await;
    let mut client = Client::starts("http://127.0.0.1:1", &token);
    client.greets(&mut world).await;
    let gone = client.told(&mut world, "status", json!({})).await;
    assert!(
        gone.starts_with("true no bot answers at http://127.0.0.1:1"),
        "{gone}"
    );
}

#[tokio::test]
async fn the_token_of_a_person_is_no_agents() {
    let world = world().await;
    let sam = crate::out_of_band::token(&world, "U0SAM", "sam").await;
    let output = server(world.base(), &sam).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stdout, b"");
    assert_snapshot!(String::from_utf8_lossy(&output.stderr), @"rollback-bot: ROLLBACK_BOT_TOKEN has the token of a person, with which an agent could approve: `rollback-bot token create --agent NAME`, where the bot runs, makes one for an agent");
}

/// Where the packages of the protocol's own client in Python are.
const PACKAGES: &str = "MCP_CLIENT";

#[tokio::test]
async fn a_real_client_of_the_protocol_proposes() {
    let Ok(packages) = std::env::var(PACKAGES) else {
        println!(
            "NOT PROVEN: {PACKAGES} does not name a directory with the package mcp in it (pip install --target DIRECTORY mcp)"
        );
        return;
    };
    let mut world = world().await;
    let token = token(&world).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/mcp_client.py");
    let mut client = Command::new("python3")
        .arg(script)
        .args([env!("CARGO_BIN_EXE_rollback-bot"), world.base(), LINK])
        .env("PYTHONPATH", packages)
        .env("ROLLBACK_BOT_TOKEN", token)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    while client.try_wait().unwrap().is_none() {
        world.settle().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let output = client.wait_with_output().await.unwrap();
    assert!(output.status.success());
    assert_snapshot!(String::from_utf8_lossy(&output.stdout), @"
    propose, plan, status, timeline, note
    PROPOSED False
    ALREADY_OPEN True
    ");
    let requester = world.rollback(1).await.requester;
    assert_eq!(requester.called(), "agent deploy-watch (responsible: @tom)");
    world.settle().await;
    world.slack.take_all();
}
