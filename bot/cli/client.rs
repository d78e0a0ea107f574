//! A bot that is at work, reached over HTTP with a token.

use super::{MISTAKEN, TOKEN, mistaken};
use crate::{
    api::{
        PlanView, Progress, ReadinessView, RollbackResponse, ServiceReadiness, StatusRequest,
        TimelineRequest, TimelineView,
    },
    clock::Clock,
    http_client,
    slack::blocks::cut,
    store::tokens,
    terminal::{self, cell, shell_word},
};
use anyhow::{Context, anyhow};
use clap::Args;
use reqwest::{RequestBuilder, Response, StatusCode};
use rollback_domain::{grammar::ServiceRef, identity::RollbackId};
use serde::{Serialize, de::DeserializeOwned};
use std::{env, fs::File, io::Write, path::Path, process::ExitCode, time::Duration};
use url::Url;

/// Where the bot listens unless another address is named.
const SERVER: &str = "http://127.0.0.1:3000";
/// How long one answer may take: longer than the bot waits.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// How long a file may take.
const FILE_WITHIN: Duration = Duration::from_secs(600);
/// How often a rollback is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often in a row the bot may not answer before that is the end of it.
const PATIENCE: u32 = 60;

/// Which bot is asked, and how its answer is shown. The token is taken from ROLLBACK_BOT_TOKEN.
#[derive(Clone, Debug, Args)]
pub struct Bot {
    /// Where the bot listens.
    #[arg(long, env = "ROLLBACK_BOT_SERVER", default_value = SERVER)]
    server: Url,
    /// The Slack channel, by id, in which it is shown and recorded. Without it, the configured one.
    #[arg(long)]
    pub(super) channel: Option<String>,
    /// Print what the bot answered, for machines.
    #[arg(long)]
    json: bool,
}

/// A bot, and a token for it.
pub(super) struct Client {
    http: reqwest::Client,
    token: String,
    pub(super) bot: Bot,
}

impl Client {
    /// Takes the token from the environment, and warns where it would be sent in the clear.
    pub(super) fn new(bot: Bot) -> anyhow::Result<Client> {
        let token = env::var(TOKEN).unwrap_or_default();
        if token.trim().is_empty() {
            return Err(mistaken(format!(
                "{TOKEN} is not set: `rollback-bot token create`, where the bot runs, makes a token"
            )));
        }
        let local = matches!(
            bot.server.host_str(),
            Some("localhost" | "127.0.0.1" | "[::1]")
        );
        if bot.server.scheme() != "https" && !local {
            terminal::error(format!(
                "rollback-bot: {} is not encrypted; anybody who listens in between learns the token",
                bot.server
            ));
        }
        Ok(Client {
            http: http_client()?,
            token: token.trim().to_owned(),
            bot,
        })
    }

    /// Sends a request. Gives the answer; or, when the request is not accepted, the exit code for
    /// that, with the reason printed.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        verb: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<Result<T, ExitCode>> {
        let (status, body) = self.post(verb, body).await?;
        if status.is_success() {
            return Ok(Ok(serde_json::from_value(body)?));
        }
        Ok(Err(self.refused(status, body)?))
    }

    /// Prints why a request is not accepted, and gives the exit code for that.
    fn refused(&self, status: StatusCode, body: serde_json::Value) -> anyhow::Result<ExitCode> {
        let response: RollbackResponse = serde_json::from_value(body)
            .with_context(|| format!("the bot answered {status}, and not in its own words"))?;
        match self.bot.json {
            true => terminal::json(&response)?,
            false => terminal::error(format!("rollback-bot: {}", response.text)),
        }
        Ok(match status {
            StatusCode::BAD_REQUEST => ExitCode::from(MISTAKEN),
            _ => ExitCode::FAILURE,
        })
    }

    /// Sends a request. Gives the status and the body of the answer.
    pub(super) async fn post(
        &self,
        verb: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<(StatusCode, serde_json::Value)> {
        let request = self.request(verb, body)?.timeout(ANSWERS_WITHIN);
        self.read(self.sent(request).await?).await
    }

    fn request(&self, verb: &str, body: &impl Serialize) -> anyhow::Result<RequestBuilder> {
        let server = self.bot.server.as_str().trim_end_matches('/');
        Ok(self
            .http
            .post(format!("{server}/api/v1/{verb}"))
            .bearer_auth(&self.token)
            .header("idempotency-key", tokens::random(16)?)
            .json(body))
    }

    async fn sent(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let server = self.bot.server.as_str().trim_end_matches('/');
        request
            .send()
            .await
            .map_err(|error| match error.is_connect() {
                true => anyhow!(
                    "no bot answers at {server}. `--server` names another address; if it does not run at all, `rollback-bot run --offline` does without it"
                ),
                false => anyhow!(
                    "the bot at {server} did not answer; it is not known whether this was taken: `rollback-bot status` tells"
                ),
            })
    }

    async fn read(&self, answer: Response) -> anyhow::Result<(StatusCode, serde_json::Value)> {
        let status = answer.status();
        let server = &self.bot.server;
        let body = answer
            .json()
            .await
            .with_context(|| format!("{server} answered {status}, and not as a bot does"))?;
        Ok((status, body))
    }

    /// Writes the timeline that is asked for into a new file, or prints it, as it comes.
    pub(super) async fn file(
        &self,
        path: &str,
        request: &impl Serialize,
        to: Option<&Path>,
    ) -> anyhow::Result<ExitCode> {
        let request = self.request(path, request)?;
        let mut answer = self.sent(request.timeout(FILE_WITHIN)).await?;
        if !answer.status().is_success() {
            let (status, body) = self.read(answer).await?;
            return self.refused(status, body);
        }
        let mut file = to.map(new_file).transpose()?;
        while let Some(part) = answer.chunk().await.context("the file was cut off")? {
            match &mut file {
                Some(file) => file
                    .write_all(&part)
                    .context("the file cannot be written")?,
                None => terminal::bytes(&part),
            }
        }
        if let Some(path) = to {
            terminal::line(path.display());
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Prints whether services could be rolled back now, and gives the exit code: 0 if all could.
    pub(super) async fn ready(&self, service: Option<&ServiceRef>) -> anyhow::Result<ExitCode> {
        let server = self.bot.server.as_str().trim_end_matches('/');
        let request = self.http.get(format!("{server}/api/v1/readiness"));
        let request = match service {
            Some(service) => request.query(&[("service", service.to_string())]),
            None => request,
        };
        let request = request.bearer_auth(&self.token).timeout(ANSWERS_WITHIN);
        let (status, body) = self.read(self.sent(request).await?).await?;
        if !status.is_success() {
            return self.refused(status, body);
        }
        let view: ReadinessView = serde_json::from_value(body)?;
        match self.bot.json {
            true => terminal::json(&view)?,
            false => view
                .text
                .lines()
                .for_each(|line| terminal::line(cell(line))),
        }
        let could = |one: &ServiceReadiness| matches!(one.level.as_str(), "ready" | "attention");
        Ok(match view.services.iter().all(could) {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    async fn status(&self, id: &str) -> anyhow::Result<RollbackResponse> {
        let request = StatusRequest {
            about: Some(id.to_owned()),
            channel: self.bot.channel.clone(),
        };
        let (_, body) = self.post("status", &request).await?;
        Ok(serde_json::from_value(body)?)
    }

    /// Prints an answer.
    pub(super) fn print(&self, response: &RollbackResponse) -> anyhow::Result<()> {
        match self.bot.json {
            true => terminal::json(response)?,
            false => terminal::line(&response.text),
        }
        Ok(())
    }

    /// Prints the command that approves the plan of the answer, after what it is for.
    pub(super) fn print_approval(&self, response: &RollbackResponse, purpose: &str) {
        if let (false, Some(command)) = (self.bot.json, self.approval(response)) {
            terminal::line(format!("\n{purpose}:\n  {command}"));
        }
    }

    /// The command that approves the plan of the answer; `None` if no plan waits for that.
    fn approval(&self, response: &RollbackResponse) -> Option<String> {
        let (id, plan) = (response.rollback.as_ref()?, response.plan.as_ref()?);
        if response.state.as_deref() != Some("PROPOSED") {
            return None;
        }
        let mut command = format!(
            "rollback-bot approve {} --plan {}{}",
            shell_word(id),
            shell_word(&plan.short),
            confirmation(plan)
        );
        let server = self.bot.server.as_str().trim_end_matches('/');
        if server != SERVER && env::var_os("ROLLBACK_BOT_SERVER").is_none() {
            command.push_str(&format!(" --server {}", shell_word(server)));
        }
        if let Some(channel) = &self.bot.channel {
            command.push_str(&format!(" --channel {}", shell_word(channel)));
        }
        Some(command)
    }

    /// Waits until a proposal has its plan, or is refused.
    pub(super) async fn until_planned(
        &self,
        mut response: RollbackResponse,
    ) -> anyhow::Result<RollbackResponse> {
        while matches!(
            response.state.as_deref(),
            None | Some("READING THE PLATFORM")
        ) {
            let (Some(id), None) = (&response.rollback, &response.refused) else {
                break;
            };
            tokio::time::sleep(LOOK_EVERY).await;
            response = self.status(id).await?;
        }
        Ok(response)
    }

    /// Prints how far a rollback is until nothing is to be waited for.
    pub(super) async fn follow(
        &self,
        rollback: RollbackId,
        first: RollbackResponse,
    ) -> anyhow::Result<ExitCode> {
        let id = rollback.to_string();
        let mut response = first;
        let mut printed = String::new();
        let mut failures = 0;
        loop {
            let line = response.text.lines().next().unwrap_or_default().to_owned();
            if !self.bot.json && line != printed {
                let now = Clock::real().now();
                let line = cut(&line, 400);
                terminal::line(format!("{}  {line}", now.strftime("%H:%M:%S")));
                printed = line;
            }
            // Somebody else's yes is still missing: this one counts, and is waited for no longer.
            let waits = response.state.as_deref() == Some("PROPOSED");
            let ended = response
                .outcome
                .filter(|outcome| *outcome != Progress::Open);
            if waits || ended.is_some() {
                if self.bot.json {
                    self.print(&response)?;
                } else if waits {
                    terminal::line(&response.text);
                }
                return Ok(match (waits, ended) {
                    (true, _) | (false, Some(Progress::Done)) => ExitCode::SUCCESS,
                    (false, _) => ExitCode::FAILURE,
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
            match self.status(&id).await {
                Ok(next) => (response, failures) = (next, 0),
                Err(error) if failures >= PATIENCE => return Err(error),
                Err(_) => failures += 1,
            }
        }
    }

    /// The whole timeline of the channel, page by page.
    pub(super) async fn timeline(&self) -> anyhow::Result<ExitCode> {
        let mut request = TimelineRequest {
            after: 0,
            channel: self.bot.channel.clone(),
        };
        let mut whole: Option<TimelineView> = None;
        loop {
            let page: TimelineView = match self.send("timeline", &request).await? {
                Ok(page) => page,
                Err(code) => return Ok(code),
            };
            let last = page.entries.last().map(|entry| entry.seq);
            match &mut whole {
                None => whole = Some(page),
                Some(whole) => whole.entries.extend(page.entries),
            }
            match last {
                Some(seq) => request.after = seq,
                None => break,
            }
        }
        let Some(timeline) = whole else {
            return Ok(ExitCode::FAILURE);
        };
        match self.bot.json {
            true => terminal::json(&timeline)?,
            false => print_timeline(&timeline),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn new_file(path: &Path) -> anyhow::Result<File> {
    File::create_new(path).with_context(|| format!("{} cannot be made", path.display()))
}

/// Prints a timeline.
fn print_timeline(timeline: &TimelineView) {
    for line in timeline_lines(timeline) {
        terminal::line(line);
    }
}

/// A timeline, a line for each entry whatever people wrote in it.
pub(super) fn timeline_lines(timeline: &TimelineView) -> Vec<String> {
    let first = format!("{}: {} entries", timeline.incident, timeline.count);
    let entries = timeline.entries.iter().map(|entry| {
        let id = entry
            .rollback
            .as_ref()
            .map_or_else(String::new, |id| format!("{id} "));
        cell(&format!(
            "{}  {id}{} {} ({}): {}",
            entry.at, entry.who, entry.kind, entry.source, entry.text
        ))
    });
    [first].into_iter().chain(entries).collect()
}

/// What an approval of this plan has to carry besides its hash, as arguments.
fn confirmation(plan: &PlanView) -> String {
    let ticks = plan.cautions.keys().filter(|_| plan.ticks);
    let mut arguments: String = ticks
        .map(|name| format!(" --tick {}", shell_word(name)))
        .collect();
    if plan.typed {
        // With a =, so that a name that begins with - is no other argument.
        arguments.push_str(&format!(" --typed={}", shell_word(&plan.to)));
    }
    arguments
}
