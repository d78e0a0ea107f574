//! Asking without Slack, from a terminal: the same words, sent to the bot with a token.

pub mod offline;
pub mod token;

use crate::{
    api::{
        ApproveRequest, EndRequest, PlanView, Progress, ProposeRequest, RollbackResponse,
        StatusRequest, TimelineRequest, TimelineView,
    },
    clock::Clock,
    http_client,
    slack::blocks::cut,
    store::tokens,
};
use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use reqwest::{Client, StatusCode};
use rollback_domain::grammar::{self, About, Request, Target, verbs};
use serde::{Serialize, de::DeserializeOwned};
use std::{env, process::ExitCode, time::Duration};
use url::Url;

/// Where the token is taken from: never from an argument, which everybody on the machine can read.
pub const TOKEN: &str = "ROLLBACK_BOT_TOKEN";
/// Where the bot is taken to be.
const SERVER: &str = "http://127.0.0.1:3000";
/// How long one answer may take: longer than the bot waits.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// How often it is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often in a row the bot may not answer before that is the end of it.
const PATIENCE: u32 = 60;

/// What can be asked of a bot that is at work.
#[derive(Debug, Subcommand)]
pub enum Remote {
    /// Propose a rollback, as in Slack: `propose frontend to v212 because checkout 500s`.
    Propose {
        /// The words, as in Slack.
        #[arg(required = true)]
        words: Vec<String>,
        /// Which bot.
        #[command(flatten)]
        bot: Bot,
    },
    /// Approve the plan that was shown, and follow it: `approve RB-1 --plan 9f3a because …`.
    Approve {
        /// The words, as in Slack.
        #[arg(required = true)]
        words: Vec<String>,
        /// The hash of the plan that was shown.
        #[arg(long)]
        plan: Option<String>,
        /// A caution that was seen, by its name; once for each.
        #[arg(long)]
        tick: Vec<String>,
        /// The target, where it has to be typed.
        #[arg(long)]
        typed: Option<String>,
        /// Which bot.
        #[command(flatten)]
        bot: Bot,
    },
    /// Deny a proposal: `deny RB-1 because …`.
    Deny {
        /// The words, as in Slack.
        #[arg(required = true)]
        words: Vec<String>,
        /// Which bot.
        #[command(flatten)]
        bot: Bot,
    },
    /// Stop a rollback before the platform is asked: `stop RB-1 because …`.
    Stop {
        /// The words, as in Slack.
        #[arg(required = true)]
        words: Vec<String>,
        /// Which bot.
        #[command(flatten)]
        bot: Bot,
    },
    /// Show where things stand: `status`, `status RB-1`, `status frontend`.
    Status {
        /// The words, as in Slack.
        words: Vec<String>,
        /// Which bot.
        #[command(flatten)]
        bot: Bot,
    },
    /// Show what happened in the channel.
    Timeline {
        /// Which bot.
        #[command(flatten)]
        bot: Bot,
    },
}

/// Which bot is asked, and how its answer is shown. The token is taken from ROLLBACK_BOT_TOKEN.
#[derive(Clone, Debug, Args)]
pub struct Bot {
    /// Where the bot listens.
    #[arg(long, env = "ROLLBACK_BOT_SERVER", default_value = SERVER)]
    server: Url,
    /// The Slack channel, by id, in which it is shown and recorded. Without it, the configured one.
    #[arg(long)]
    channel: Option<String>,
    /// Print what the bot answered, for machines.
    #[arg(long)]
    json: bool,
}

/// Asks, prints the answer, and gives the exit code: 0 done, 1 refused or failed, 2 not understood.
pub async fn ask(remote: Remote) -> anyhow::Result<ExitCode> {
    match remote {
        Remote::Propose { words, bot } => {
            let (Request::Propose(proposal), asking) = ready("", &words, bot)? else {
                return Ok(usage("that is no proposal: `propose frontend because …`"));
            };
            let propose = ProposeRequest {
                service: proposal.service.to_string(),
                to: (proposal.target != Target::Previous).then(|| proposal.target.to_string()),
                because: proposal.because,
                channel: asking.bot.channel.clone(),
            };
            let said = match asking.said("propose", &propose).await? {
                Ok(said) => asking.until_planned(said).await?,
                Err(code) => return Ok(code),
            };
            asking.shows(&said);
            if let (false, Some(command)) = (asking.bot.json, asking.approval(&said)) {
                println!("\nAn approver types:\n  {command}");
            }
            Ok(code(&said))
        }
        Remote::Approve {
            words,
            plan,
            tick,
            typed,
            bot,
        } => {
            let (Request::Approve(verbs::Approve { rollback, because }), asking) =
                ready("approve", &words, bot)?
            else {
                return Ok(usage("`approve RB-1 --plan 9f3a`"));
            };
            let approve = ApproveRequest {
                rollback: format!("RB-{rollback}"),
                plan,
                because,
                ticks: tick,
                typed,
                channel: asking.bot.channel.clone(),
            };
            let said = match asking.said("approve", &approve).await? {
                Ok(said) => said,
                Err(code) => return Ok(code),
            };
            if said.refused.is_some() {
                asking.shows(&said);
                if let (false, Some(command)) = (asking.bot.json, asking.approval(&said)) {
                    println!("\nTo approve it:\n  {command}");
                }
                return Ok(code(&said));
            }
            asking.follow(rollback, said).await
        }
        Remote::Deny { words, bot } => {
            let (Request::Deny(verbs::Deny { rollback, because }), asking) =
                ready("deny", &words, bot)?
            else {
                return Ok(usage("`deny RB-1 because …`"));
            };
            asking.ends("deny", rollback, because).await
        }
        Remote::Stop { words, bot } => {
            let (Request::Stop(verbs::Stop { rollback, because }), asking) =
                ready("stop", &words, bot)?
            else {
                return Ok(usage("`stop RB-1 because …`"));
            };
            asking.ends("stop", rollback, because).await
        }
        Remote::Status { words, bot } => {
            let (Request::Status(verbs::Status { about }), asking) = ready("status", &words, bot)?
            else {
                return Ok(usage("`status`, `status RB-1` or `status frontend`"));
            };
            let look = StatusRequest {
                about: about.as_ref().map(About::to_string),
                channel: asking.bot.channel.clone(),
            };
            let said = match asking.said("status", &look).await? {
                Ok(said) => said,
                Err(code) => return Ok(code),
            };
            asking.shows(&said);
            Ok(code(&said))
        }
        Remote::Timeline { bot } => {
            let (_, asking) = ready("timeline", &[], bot)?;
            asking.timeline().await
        }
    }
}

/// The exit code of a mistake in the words.
const MISTAKEN: u8 = 2;

fn usage(how: &str) -> ExitCode {
    eprintln!("rollback-bot: write it like this: {how}");
    ExitCode::from(MISTAKEN)
}

/// What an answer is as an exit code.
fn code(said: &RollbackResponse) -> ExitCode {
    match said.refused {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
    }
}

/// The words as a request, and somebody who can be asked.
fn ready(verb: &str, words: &[String], bot: Bot) -> anyhow::Result<(Request, Asking)> {
    let request = grammar::parse(format!("{verb} {}", words.join(" ")).trim()).map_err(mistaken)?;
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
        eprintln!(
            "rollback-bot: {} is not encrypted; anybody who listens in between learns the token",
            bot.server
        );
    }
    let asking = Asking {
        http: http_client()?,
        token: token.trim().to_owned(),
        bot,
    };
    Ok((request, asking))
}

/// A mistake in what was typed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Mistaken(String);

fn mistaken(why: impl ToString) -> anyhow::Error {
    Mistaken(why.to_string()).into()
}

/// A bot, and a token for it.
struct Asking {
    http: Client,
    token: String,
    bot: Bot,
}

impl Asking {
    async fn post(
        &self,
        verb: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<(StatusCode, serde_json::Value)> {
        let server = self.bot.server.as_str().trim_end_matches('/');
        let answer = self
            .http
            .post(format!("{server}/api/v1/{verb}"))
            .bearer_auth(&self.token)
            .header("idempotency-key", tokens::random(16)?)
            .timeout(ANSWERS_WITHIN)
            .json(body)
            .send()
            .await
            .map_err(|error| match error.is_connect() {
                true => anyhow!(
                    "no bot answers at {server}. `--server` names another address; if it does not run at all, `rollback-bot run --offline` does without it"
                ),
                false => anyhow!(
                    "the bot at {server} did not answer; it is not known whether this was taken: `rollback-bot status` tells"
                ),
            })?;
        let status = answer.status();
        let body = answer
            .json()
            .await
            .with_context(|| format!("{server} answered {status}, and not as a bot does"))?;
        Ok((status, body))
    }

    /// What the bot says; or, when it does not take the request as it is, what that ends with.
    async fn said(
        &self,
        verb: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<Result<RollbackResponse, ExitCode>> {
        self.get(verb, body).await
    }

    async fn get<T: DeserializeOwned>(
        &self,
        verb: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<Result<T, ExitCode>> {
        let (status, body) = self.post(verb, body).await?;
        if status.is_success() {
            return Ok(Ok(serde_json::from_value(body)?));
        }
        let said: RollbackResponse = serde_json::from_value(body)
            .with_context(|| format!("the bot answered {status}, and not in its own words"))?;
        match self.bot.json {
            true => println!("{}", serde_json::to_string_pretty(&said)?),
            false => eprintln!("rollback-bot: {}", said.text),
        }
        Ok(Err(match status {
            StatusCode::BAD_REQUEST => ExitCode::from(MISTAKEN),
            _ => ExitCode::FAILURE,
        }))
    }

    fn shows(&self, said: &RollbackResponse) {
        match self.bot.json {
            true => println!("{}", serde_json::to_string_pretty(said).unwrap_or_default()),
            false => println!("{}", said.text),
        }
    }

    /// The command that approves the plan that was shown.
    fn approval(&self, said: &RollbackResponse) -> Option<String> {
        let (id, plan) = (said.rollback.as_ref()?, said.plan.as_ref()?);
        if said.state.as_deref() != Some("PROPOSED") {
            return None;
        }
        let mut command = format!(
            "rollback-bot approve {id} --plan {}{}",
            plan.short,
            by_hand(plan)
        );
        let server = self.bot.server.as_str().trim_end_matches('/');
        if server != SERVER && env::var_os("ROLLBACK_BOT_SERVER").is_none() {
            command.push_str(&format!(" --server {server}"));
        }
        if let Some(channel) = &self.bot.channel {
            command.push_str(&format!(" --channel {channel}"));
        }
        Some(command)
    }

    async fn status(&self, id: &str) -> anyhow::Result<RollbackResponse> {
        let look = StatusRequest {
            about: Some(id.to_owned()),
            channel: self.bot.channel.clone(),
        };
        let (_, body) = self.post("status", &look).await?;
        Ok(serde_json::from_value(body)?)
    }

    /// Waits until a proposal that was taken has its plan.
    async fn until_planned(&self, said: RollbackResponse) -> anyhow::Result<RollbackResponse> {
        let mut said = said;
        while said.state.is_none() || said.state.as_deref() == Some("READING THE PLATFORM") {
            let (Some(id), None) = (said.rollback.clone(), &said.refused) else {
                break;
            };
            tokio::time::sleep(LOOK_EVERY).await;
            said = self.status(&id).await?;
        }
        Ok(said)
    }

    /// Prints how far it is until nothing is to be waited for.
    async fn follow(&self, rollback: u64, first: RollbackResponse) -> anyhow::Result<ExitCode> {
        let id = format!("RB-{rollback}");
        let mut said = first;
        let mut shown = String::new();
        let mut silent = 0;
        loop {
            let text = said.text.lines().next().unwrap_or_default().to_owned();
            if !self.bot.json && text != shown {
                let now = Clock::real().now();
                println!("{}  {}", now.strftime("%H:%M:%S"), cut(&text, 400));
                shown = text;
            }
            // Somebody else's yes is still missing: this one counts, and is waited for no longer.
            let waits = said.state.as_deref() == Some("PROPOSED");
            let open = said.outcome.is_none_or(|outcome| outcome == Progress::Open);
            if waits || !open {
                if self.bot.json {
                    self.shows(&said);
                } else if waits {
                    println!("{}", said.text);
                }
                return Ok(match (waits, said.outcome) {
                    (true, _) | (false, Some(Progress::Done)) => ExitCode::SUCCESS,
                    (false, _) => ExitCode::FAILURE,
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
            match self.status(&id).await {
                Ok(next) => (said, silent) = (next, 0),
                Err(error) if silent >= PATIENCE => return Err(error),
                Err(_) => silent += 1,
            }
        }
    }

    async fn ends(
        &self,
        verb: &str,
        rollback: u64,
        because: Option<String>,
    ) -> anyhow::Result<ExitCode> {
        let end = EndRequest {
            rollback: format!("RB-{rollback}"),
            because,
            channel: self.bot.channel.clone(),
        };
        Ok(match self.said(verb, &end).await? {
            Ok(said) => {
                self.shows(&said);
                code(&said)
            }
            Err(code) => code,
        })
    }

    async fn timeline(&self) -> anyhow::Result<ExitCode> {
        let mut read = TimelineRequest {
            after: 0,
            channel: self.bot.channel.clone(),
        };
        let mut whole: Option<TimelineView> = None;
        loop {
            let page: TimelineView = match self.get("timeline", &read).await? {
                Ok(page) => page,
                Err(code) => return Ok(code),
            };
            let last = page.entries.last().map(|entry| entry.seq);
            match &mut whole {
                None => whole = Some(page),
                Some(whole) => whole.entries.extend(page.entries),
            }
            match last {
                Some(seq) => read.after = seq,
                None => break,
            }
        }
        let Some(story) = whole else {
            return Ok(ExitCode::FAILURE);
        };
        if self.bot.json {
            println!("{}", serde_json::to_string_pretty(&story)?);
            return Ok(ExitCode::SUCCESS);
        }
        println!("{}: {} entries", story.incident, story.count);
        for entry in story.entries {
            let id = entry
                .rollback
                .map_or_else(String::new, |id| format!("{id} "));
            println!(
                "{}  {id}{} {} ({}): {}",
                entry.at, entry.who, entry.kind, entry.source, entry.text
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What an approval of this plan has to carry besides its hash, as arguments.
fn by_hand(plan: &PlanView) -> String {
    let ticks = plan.cautions.keys().filter(|_| plan.ticks);
    let mut arguments: String = ticks.map(|name| format!(" --tick {name}")).collect();
    if plan.typed {
        arguments.push_str(&format!(" --typed {}", plan.to));
    }
    arguments
}
