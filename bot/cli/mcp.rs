//! The verbs of an agent as tools of the Model Context Protocol, over standard input and output.
//!
//! Each call becomes a request to the API of a running bot, with the agent's token: there is one gate,
//! and it is there. Standard output carries the protocol and nothing else.

use super::{
    TOKEN,
    client::{Bot, Client},
    lines::BoundedLines,
    mistaken,
};
use crate::{
    api::{
        NoteRequest, PlanRequest, ProposeRequest, RollbackResponse, StatusRequest, TimelineRequest,
        TimelineView,
    },
    store::tokens,
};
use anyhow::Context;
use reqwest::StatusCode;
use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
        JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
        Tool, ToolAnnotations,
    },
    service::RequestContext,
};
use rollback_domain::grammar;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{env, process::ExitCode};

/// The longest message that is read, in bytes.
const MESSAGE_AT_MOST: usize = 256 * 1024;

/// What the server says of itself.
const INSTRUCTIONS: &str = "Rollback Bot takes production back to a version that worked. You may propose a rollback, look at plans, the status and the timeline, and write notes. You cannot approve, deny, stop or undo anything: people approve, in Slack. A proposal changes nothing until a person approves it.";

/// Answers a client until it closes standard input.
pub(super) async fn run(bot: Bot) -> anyhow::Result<ExitCode> {
    let token = env::var(TOKEN).unwrap_or_default();
    if !token.trim().is_empty() && !tokens::is_of_agent(token.trim()) {
        return Err(mistaken(format!(
            "{TOKEN} has the token of a person, with which an agent could approve: `rollback-bot token create --agent NAME`, where the bot runs, makes one for an agent"
        )));
    }
    let server = Server {
        client: Client::new(bot)?,
    };
    let input = BoundedLines::new(tokio::io::stdin(), MESSAGE_AT_MOST);
    let running = server
        .serve((input, tokio::io::stdout()))
        .await
        .context("the client did not begin as the Model Context Protocol wants it")?;
    running.waiting().await?;
    Ok(ExitCode::SUCCESS)
}

/// One of the tools.
#[derive(Clone, Copy)]
enum Verb {
    Propose,
    Plan,
    Status,
    Timeline,
    Note,
}

impl Verb {
    const ALL: [Verb; 5] = [
        Verb::Propose,
        Verb::Plan,
        Verb::Status,
        Verb::Timeline,
        Verb::Note,
    ];

    fn name(self) -> &'static str {
        match self {
            Verb::Propose => "propose",
            Verb::Plan => "plan",
            Verb::Status => "status",
            Verb::Timeline => "timeline",
            Verb::Note => "note",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Verb::Propose => {
                "Propose to take a service back to an earlier release. It changes nothing: people see the proposal in Slack, with your evidence and who is responsible for you, and only a person can approve it. Say why, and name one to five links that show it."
            }
            Verb::Plan => {
                "Show what a rollback of a service would do: what is live, what it would go back to, what would be lost and what stays. Nothing is proposed."
            }
            Verb::Status => {
                "Show where a rollback stands, the last one of a service, or everything that is open. Ask again to see whether a person has approved your proposal."
            }
            Verb::Timeline => {
                "Read what happened in the incident of the channel, oldest first, at most 200 entries at once."
            }
            Verb::Note => {
                "Write into the timeline of the channel's incident. People see that an agent wrote it."
            }
        }
    }

    /// The JSON schema of its arguments: those of the request that it becomes.
    fn arguments(self) -> Value {
        let text = |description: &str| json!({ "type": "string", "description": description });
        let service = text(
            "The service, with its environment if it has several: frontend, frontend@production",
        );
        let to = text(
            "The release to go back to, or a moment (@-45m, @02:40 UTC). Without it, the previous release that worked",
        );
        let channel = text("The Slack channel, by id. Without it, the configured one");
        let (properties, required) = match self {
            Verb::Propose => (
                json!({
                    "service": service, "to": to, "because": text("Why, in a sentence for people"),
                    "evidence": {
                        "type": "array", "minItems": 1, "maxItems": 5,
                        "items": { "type": "string", "maxLength": 500, "pattern": "^https://" },
                        "description": "Links that show why: dashboards, traces, deploys",
                    },
                    "channel": channel,
                }),
                json!(["service", "because", "evidence"]),
            ),
            Verb::Plan => (
                json!({ "service": service, "to": to, "channel": channel }),
                json!(["service"]),
            ),
            Verb::Status => (
                json!({
                    "about": text("A rollback (RB-41) or a service. Without it, everything that is open"),
                    "channel": channel,
                }),
                json!([]),
            ),
            Verb::Timeline => (
                json!({
                    "after": { "type": "integer", "minimum": 0, "description": "Only entries after this one" },
                    "channel": channel,
                }),
                json!([]),
            ),
            Verb::Note => (
                json!({
                    "text": text("What happened"),
                    "at": text("When it happened: -5m, 03:07. Without it, now"),
                    "channel": channel,
                }),
                json!(["text"]),
            ),
        };
        json!({
            "type": "object", "properties": properties, "required": required,
            "additionalProperties": false,
        })
    }

    fn tool(self) -> Tool {
        let only_reads = match self {
            Verb::Plan | Verb::Status | Verb::Timeline => true,
            Verb::Propose | Verb::Note => false,
        };
        let schema = self.arguments().as_object().cloned().unwrap_or_default();
        let hints = ToolAnnotations::new()
            .read_only(only_reads)
            .destructive(false);
        Tool::new(self.name(), self.description(), schema).with_annotations(hints)
    }
}

/// Speaks to a client on one side, and to a running bot on the other.
struct Server {
    client: Client,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(
                "rollback-bot",
                env!("CARGO_PKG_VERSION"),
            ))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = Verb::ALL.into_iter().map(Verb::tool).collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.as_ref();
        let Some(verb) = Verb::ALL.into_iter().find(|verb| verb.name() == name) else {
            // The bot refuses what only people may do, and has it recorded.
            if grammar::Verb::named(name).is_some() {
                return Ok(self.refused(name).await.into());
            }
            let tools = Verb::ALL.map(Verb::name).join(", ");
            return Err(ErrorData::invalid_params(
                format!(
                    "There is no such tool; there are {tools}. What only people may do, people do in Slack."
                ),
                None,
            ));
        };
        let arguments = request.arguments.unwrap_or_default();
        Ok(self.call(verb, arguments).await.into())
    }
}

impl Server {
    async fn call(&self, verb: Verb, arguments: JsonObject) -> CallToolResult {
        let answered = match verb {
            Verb::Propose => self.send::<ProposeRequest>(verb, arguments).await,
            Verb::Plan => self.send::<PlanRequest>(verb, arguments).await,
            Verb::Status => self.send::<StatusRequest>(verb, arguments).await,
            Verb::Timeline => self.send::<TimelineRequest>(verb, arguments).await,
            Verb::Note => self.send::<NoteRequest>(verb, arguments).await,
        };
        let (status, body) = match answered {
            Ok(answered) => answered,
            Err(why) => return CallToolResult::error(vec![ContentBlock::text(why)]),
        };
        result(status, words(verb, &body), body)
    }

    /// Has the bot refuse what only people may do.
    async fn refused(&self, word: &str) -> CallToolResult {
        let body = match &self.client.bot.channel {
            Some(channel) => json!({ "channel": channel }),
            None => json!({}),
        };
        match self.client.post(word, &body).await {
            Ok((status, body)) => result(status, response(&body), body),
            Err(error) => CallToolResult::error(vec![ContentBlock::text(format!("{error:#}"))]),
        }
    }

    /// Sends the arguments as the request of the API; otherwise why that was not possible, as a
    /// sentence.
    async fn send<T: DeserializeOwned + Serialize>(
        &self,
        verb: Verb,
        arguments: JsonObject,
    ) -> Result<(StatusCode, Value), String> {
        let request: T = serde_json::from_value(Value::Object(arguments)).map_err(|error| {
            format!("The arguments are not understood: {error}. Nothing was run; the tool's schema has them all.")
        })?;
        let mut body = serde_json::to_value(request).map_err(|error| error.to_string())?;
        if let (Some(channel), None) = (&self.client.bot.channel, body.get("channel")) {
            body["channel"] = json!(channel);
        }
        let answered = self.client.post(verb.name(), &body).await;
        answered.map_err(|error| format!("{error:#}"))
    }
}

/// The result of a tool: in words, and as the bot answered.
fn result(status: StatusCode, text: String, body: Value) -> CallToolResult {
    let refused = !status.is_success() || !body["refused"].is_null();
    let content = vec![ContentBlock::text(text)];
    let mut result = match refused {
        true => CallToolResult::error(content),
        false => CallToolResult::success(content),
    };
    result.structured_content = Some(body);
    result
}

/// What came of it, in words.
fn words(verb: Verb, body: &Value) -> String {
    match verb {
        Verb::Timeline => match TimelineView::deserialize(body) {
            Ok(timeline) => super::client::timeline_lines(&timeline).join("\n"),
            Err(_) => response(body),
        },
        Verb::Propose | Verb::Plan | Verb::Status | Verb::Note => response(body),
    }
}

fn response(body: &Value) -> String {
    RollbackResponse::deserialize(body).map_or_else(
        |_| "The bot answered in words that this version does not know; the structured content has them.".into(),
        |response| response.text,
    )
}
