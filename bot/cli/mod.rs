//! The command line where Slack is away: the same words, sent to a bot that is at work with a token,
//! or run without one.

mod client;
pub mod doctor;
pub mod health;
pub mod init;
mod lines;
pub mod lint;
pub mod man;
mod mcp;
pub mod offline;
pub mod reload;
pub mod token;
pub mod verify;

use crate::{
    api::{
        ApproveRequest, DrillReportRequest, EndRequest, ExportRequest, NoteRequest, PlanRequest,
        ProposeRequest, ReviewRequest, RollbackResponse, StatusRequest,
    },
    terminal,
};
use clap::Subcommand;
use client::{Bot, Client};
use rollback_domain::grammar::{
    self, About, Request, Target,
    verbs::{Approve, Deny, Drill, Export, Note, Plan, Propose, Ready, RecordReview, Status, Stop},
};
use rollback_domain::identity::RollbackId;
use serde::Serialize;
use std::{path::PathBuf, process::ExitCode};

pub use crate::store::tokens::TOKEN;

/// The exit code of a mistake in the words.
const MISTAKEN: u8 = 2;

/// What can be asked of a bot that is at work.
#[derive(Debug, Subcommand)]
pub enum Remote {
    /// Propose a rollback, as in Slack: `propose frontend to v212 because checkout 500s`.
    Propose {
        /// The words, as in Slack.
        #[arg(required = true)]
        words: Vec<String>,
        /// A link that shows that it is needed; once for each, five at most. An agent names one.
        #[arg(long, value_name = "URL")]
        evidence: Vec<String>,
        /// Which bot.
        #[command(flatten)]
        bot: Bot,
    },
    /// Show what a rollback would do, and propose nothing: `plan frontend to v212`.
    Plan {
        /// The words, as in Slack.
        #[arg(required = true)]
        words: Vec<String>,
        /// Which bot.
        #[command(flatten)]
        bot: Bot,
    },
    /// Write into the timeline of the channel: `note -- -5m paged the team`.
    Note {
        /// The words, as in Slack.
        #[arg(required = true)]
        words: Vec<String>,
        /// Which bot.
        #[command(flatten)]
        bot: Bot,
    },
    /// Say that what is configured was looked at, and still holds: `reviewed frontend`, `reviewed
    /// role oncall`. Alone it shows what was reviewed when.
    Reviewed {
        /// The words, as in Slack.
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
    /// Show whether services could be rolled back now: `ready`, `ready frontend`. The exit code is 0
    /// if nothing speaks against it.
    Ready {
        /// The words, as in Slack.
        words: Vec<String>,
        /// Which bot.
        #[command(flatten)]
        bot: Bot,
    },
    /// Write a timeline into a file: `export`, `export RB-1 html --to night.html`.
    Export {
        /// The words, as in Slack.
        words: Vec<String>,
        /// The file to make; it must not be there yet. Without it, standard output.
        #[arg(long)]
        to: Option<PathBuf>,
        /// Which bot.
        #[command(flatten)]
        bot: Bot,
    },
    /// Write the report of the drills of a quarter into a file: `drill report`, `drill report
    /// 2026-Q4 --format html --to drills.html`.
    Drill {
        /// The words, as in Slack.
        #[arg(required = true)]
        words: Vec<String>,
        /// `md` or `html`.
        #[arg(long, default_value = "md")]
        format: String,
        /// The file to make; it must not be there yet. Without it, standard output.
        #[arg(long)]
        to: Option<PathBuf>,
        /// Which bot.
        #[command(flatten)]
        bot: Bot,
    },
    /// Serve an agent: what it may do, as tools of the Model Context Protocol over standard input and
    /// output.
    Mcp {
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

/// Sends a request, prints the answer, and gives the exit code: 0 done, 1 refused or failed, 2 not
/// understood.
pub async fn run(remote: Remote) -> anyhow::Result<ExitCode> {
    match remote {
        Remote::Propose {
            words,
            evidence,
            bot,
        } => propose(&words, evidence, bot).await,
        Remote::Plan { words, bot } => {
            let Request::Plan(Plan { proposal }) = parse("plan", &words)? else {
                return Ok(usage("`plan frontend to v212`"));
            };
            let request = PlanRequest {
                service: proposal.service.to_string(),
                to: target(&proposal),
                channel: bot.channel.clone(),
            };
            answered("plan", &request, bot).await
        }
        Remote::Note { words, bot } => {
            let Request::Note(Note {
                at,
                text,
                is_correction: false,
            }) = parse("note", &words)?
            else {
                return Ok(usage(
                    "`note checkout is slow`; a note is corrected in Slack",
                ));
            };
            let request = NoteRequest {
                text,
                at: at.map(|at| at.to_string()),
                channel: bot.channel.clone(),
            };
            answered("note", &request, bot).await
        }
        Remote::Reviewed { words, bot } => {
            let Request::RecordReview(RecordReview { subject }) = parse("reviewed", &words)? else {
                return Ok(usage("`reviewed frontend`"));
            };
            let request = ReviewRequest {
                subject: subject.map(|subject| subject.to_string()),
                channel: bot.channel.clone(),
            };
            answered("reviewed", &request, bot).await
        }
        Remote::Approve {
            words,
            plan,
            tick,
            typed,
            bot,
        } => {
            let Request::Approve(Approve { rollback, because }) = parse("approve", &words)? else {
                return Ok(usage("`approve RB-1 --plan 9f3a`"));
            };
            let request = ApproveRequest {
                rollback: rollback.to_string(),
                plan,
                because,
                ticks: tick,
                typed,
                channel: bot.channel.clone(),
            };
            approve(rollback, request, bot).await
        }
        Remote::Deny { words, bot } => {
            let Request::Deny(Deny { rollback, because }) = parse("deny", &words)? else {
                return Ok(usage("`deny RB-1 because …`"));
            };
            end("deny", rollback, because, bot).await
        }
        Remote::Stop { words, bot } => {
            let Request::Stop(Stop { rollback, because }) = parse("stop", &words)? else {
                return Ok(usage("`stop RB-1 because …`"));
            };
            end("stop", rollback, because, bot).await
        }
        Remote::Status { words, bot } => {
            let Request::Status(Status { about }) = parse("status", &words)? else {
                return Ok(usage("`status`, `status RB-1` or `status frontend`"));
            };
            let request = StatusRequest {
                about: about.as_ref().map(About::to_string),
                channel: bot.channel.clone(),
            };
            answered("status", &request, bot).await
        }
        Remote::Ready { words, bot } => {
            let Request::Ready(Ready { service }) = parse("ready", &words)? else {
                return Ok(usage("`ready` or `ready frontend`"));
            };
            Client::new(bot)?.ready(service.as_ref()).await
        }
        Remote::Export { words, to, bot } => {
            let Request::Export(Export { about, format }) = parse("export", &words)? else {
                return Ok(usage("`export`, `export RB-1 html`"));
            };
            let request = ExportRequest {
                about: about.map(|about| about.to_string()),
                format: Some(format.to_string()),
                channel: bot.channel.clone(),
            };
            let client = Client::new(bot)?;
            client.file("export", &request, to.as_deref()).await
        }
        Remote::Drill {
            words,
            format,
            to,
            bot,
        } => {
            let Request::Drill(Drill::Report { quarter }) = parse("drill", &words)? else {
                return Ok(usage(
                    "`drill report 2026-Q4`; everything else about drills is in Slack",
                ));
            };
            let request = DrillReportRequest {
                quarter: quarter.map(|quarter| quarter.to_string()),
                format: Some(format),
                channel: bot.channel.clone(),
            };
            let client = Client::new(bot)?;
            client.file("drill/report", &request, to.as_deref()).await
        }
        Remote::Mcp { bot } => mcp::run(bot).await,
        Remote::Timeline { bot } => Client::new(bot)?.timeline().await,
    }
}

/// Sends a request, and prints the answer.
async fn answered(verb: &str, request: &impl Serialize, bot: Bot) -> anyhow::Result<ExitCode> {
    let client = Client::new(bot)?;
    Ok(match client.send(verb, request).await? {
        Ok(response) => printed(&client, &response)?,
        Err(code) => code,
    })
}

/// The target that a proposal names; `None`: the previous one.
fn target(proposal: &Propose) -> Option<String> {
    (proposal.target != Target::Previous).then(|| proposal.target.to_string())
}

async fn propose(words: &[String], evidence: Vec<String>, bot: Bot) -> anyhow::Result<ExitCode> {
    let Request::Propose(proposal) = parse("", words)? else {
        return Ok(usage("that is no proposal: `propose frontend because …`"));
    };
    let request = ProposeRequest {
        service: proposal.service.to_string(),
        to: target(&proposal),
        because: proposal.because,
        evidence,
        channel: bot.channel.clone(),
    };
    let client = Client::new(bot)?;
    let response = match client.send("propose", &request).await? {
        Ok(response) => client.until_planned(response).await?,
        Err(code) => return Ok(code),
    };
    let code = printed(&client, &response)?;
    client.print_approval(&response, "An approver types");
    Ok(code)
}

/// Approves the plan, and follows the rollback.
async fn approve(
    rollback: RollbackId,
    request: ApproveRequest,
    bot: Bot,
) -> anyhow::Result<ExitCode> {
    let client = Client::new(bot)?;
    let response: RollbackResponse = match client.send("approve", &request).await? {
        Ok(response) => response,
        Err(code) => return Ok(code),
    };
    if response.refused.is_none() {
        return client.follow(rollback, response).await;
    }
    let code = printed(&client, &response)?;
    client.print_approval(&response, "To approve it");
    Ok(code)
}

/// Denies or stops a rollback.
async fn end(
    verb: &str,
    rollback: RollbackId,
    because: Option<String>,
    bot: Bot,
) -> anyhow::Result<ExitCode> {
    let request = EndRequest {
        rollback: rollback.to_string(),
        because,
        channel: bot.channel.clone(),
    };
    answered(verb, &request, bot).await
}

/// Prints an answer, and gives its exit code.
fn printed(client: &Client, response: &RollbackResponse) -> anyhow::Result<ExitCode> {
    client.print(response)?;
    Ok(match response.refused {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
    })
}

/// Reads the words after a verb of the command line.
fn parse(verb: &str, words: &[String]) -> anyhow::Result<Request> {
    let text = format!("{verb} {}", words.join(" "));
    grammar::parse(text.trim()).map_err(mistaken)
}

fn usage(example: &str) -> ExitCode {
    terminal::error(format!("rollback-bot: usage: {example}"));
    ExitCode::from(MISTAKEN)
}

/// A mistake in what was typed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Mistaken(pub String);

fn mistaken(why: impl ToString) -> anyhow::Error {
    Mistaken(why.to_string()).into()
}
