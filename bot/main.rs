//! The command line.

#![warn(clippy::print_stdout, clippy::print_stderr)]

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use rollback_bot::{
    check,
    cli::{self, Mistaken, Remote, lint, offline, token, verify},
    config::{Config, Database, Delivery, Server, public_url_of},
    manifest, serve,
    store::backup,
    telemetry::{LogSettings, SHOWN, SHOWN_IN_DEMO},
    terminal,
};
use rollback_domain::{grammar::RESERVED, identity::IncidentId};
use rollback_providers::overview;
use rollback_settings::Mistakes;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Takes production back to a version that worked, from a Slack channel.
#[derive(Debug, Parser)]
#[command(name = "rollback-bot", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// What it is called in completions.
const PROGRAM: &str = "rollback-bot";

#[derive(Debug, Subcommand)]
enum Command {
    /// Listen to Slack and do what is due.
    Serve {
        /// The configuration.
        #[arg(long, default_value = "rollback-bot.toml")]
        config: PathBuf,
    },
    /// Show the whole story in a browser, without any account.
    Demo {
        /// Where the page listens (loopback only).
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// A team of one: the requester also approves.
        #[arg(long)]
        solo: bool,
    },
    /// Report every mistake in the configuration, and stop. Exit code 2 if there is one.
    Check {
        /// The configuration.
        #[arg(long, default_value = "rollback-bot.toml")]
        config: PathBuf,
        /// Also try the tokens: reads from Slack and every platform, changes nothing.
        #[arg(long)]
        online: bool,
    },
    /// Print what completes commands in a shell: `source <(rollback-bot completions bash)`.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page: `rollback-bot man | man -l -`.
    Man {
        /// Write it into this directory instead, and a page for each command.
        #[arg(long, value_name = "DIRECTORY")]
        to: Option<PathBuf>,
    },
    /// Ask five questions, and write a configuration and the manifest of a Slack app. Flags answer
    /// them where nobody is there to. No secret is asked for or written.
    Init(cli::init::Init),
    /// Say what is missing, and what to do about it: scopes, channels, roles, tokens, platforms,
    /// checks, the record, the clock, a reload that was refused. Changes nothing. Exit code 1 if
    /// something does not work, 2 if the configuration cannot be used.
    Doctor {
        /// The configuration.
        #[arg(long, default_value = "rollback-bot.toml")]
        config: PathBuf,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Ask the bot that is at work on this machine whether it is ready, for whatever looks after its
    /// container. Exit code 1 if it is not. Of the configuration only `server` is read, or
    /// `database.url` where nothing listens.
    Health {
        /// The configuration.
        #[arg(long, default_value = "rollback-bot.toml")]
        config: PathBuf,
    },
    /// Have the bot that is at work on this machine read its configuration again, and say what
    /// changed or why it was refused. SIGHUP does the same. Exit code 1 if it was refused. Of the
    /// configuration only `database.url` is read here.
    Reload {
        /// The configuration.
        #[arg(long, default_value = "rollback-bot.toml")]
        config: PathBuf,
        /// The process, where several serve the record; otherwise all of this machine.
        #[arg(long)]
        pid: Option<i32>,
    },
    /// Copy the record into a new file, while the bot goes on (SQLite). Of the configuration only
    /// `database.url` is read: no secret is needed.
    Backup {
        /// The configuration.
        #[arg(long, default_value = "rollback-bot.toml")]
        config: PathBuf,
        /// The file to make; it must not be there yet.
        #[arg(long)]
        to: PathBuf,
    },
    /// Check that no entry of a timeline was changed, removed, inserted or moved since it was
    /// recorded. Exit code 1 if one was; the first break is named.
    Verify {
        /// An exported timeline (JSON), exactly as it was downloaded.
        #[arg(required_unless_present = "incident", conflicts_with = "incident")]
        file: Option<PathBuf>,
        /// The incident in the record: INC-12.
        #[arg(long)]
        incident: Option<IncidentId>,
        /// The configuration. Only `database.url` is read, and only for --incident.
        #[arg(long, default_value = "rollback-bot.toml")]
        config: PathBuf,
    },
    #[command(flatten)]
    Remote(Remote),
    /// Run one rollback while no server is at work: proposes it, has it approved by tokens, and
    /// sees it through.
    Run {
        /// The configuration.
        #[arg(long, default_value = "rollback-bot.toml")]
        config: PathBuf,
        #[command(flatten)]
        offline: offline::Offline,
    },
    /// Make, list and revoke tokens, by which people can act while Slack is down.
    Token {
        /// The configuration.
        #[arg(long, global = true, default_value = "rollback-bot.toml")]
        config: PathBuf,
        #[command(subcommand)]
        command: token::TokenCommand,
    },
    /// Read rollback runbooks, and say what in them would go wrong. Exit code 1 if there is
    /// something, 2 if a file could not be read.
    Lint(lint::Lint),
    /// List every provider and preset: what it restores, leaves, holds off and needs.
    Providers,
    /// Print the Slack app manifest: for `public_url`, or for Socket Mode if the configuration has
    /// `slack.app_token`; with signing in if it has `[web]`.
    Manifest {
        /// The configuration.
        #[arg(long, default_value = "rollback-bot.toml")]
        config: PathBuf,
        /// Use this address instead of the configuration's: no configuration is needed then.
        #[arg(long, value_parser = public_url_of)]
        public_url: Option<url::Url>,
        /// For Socket Mode, without a public address: no configuration is needed then.
        #[arg(long, conflicts_with = "public_url")]
        socket: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    // Before anything can make a TLS connection: two providers in one process panic later.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = Arguments::parse();
    // The demo tells its story on the same terminal.
    let shown = match matches!(arguments.command, Command::Demo { .. }) {
        true => SHOWN_IN_DEMO,
        false => SHOWN,
    };
    let shipping = match LogSettings::from_env(&env, shown) {
        Ok(shown) => shown.start(),
        Err(mistake) => {
            terminal::error(format!("rollback-bot: {mistake}"));
            return ExitCode::from(2);
        }
    };
    let ended = match shipping {
        Ok(shipping) => {
            let ended = run(arguments.command).await;
            shipping.close().await;
            ended
        }
        Err(error) => Err(error),
    };
    ended.unwrap_or_else(|error| {
        terminal::error(format!("rollback-bot: {error:#}"));
        match error.is::<Mistaken>() {
            true => ExitCode::from(2),
            false => ExitCode::FAILURE,
        }
    })
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve { config } => match load(&config) {
            Ok(first) => serve::serve(first, || Config::load(&config, &env, &RESERVED)).await?,
            Err(code) => return Ok(code),
        },
        Command::Demo { port, solo } => demo(port, solo).await?,
        Command::Check { config, online } => match load(&config) {
            Ok(config) => {
                if check::check(&config, online).await? > 0 {
                    return Ok(ExitCode::from(2));
                }
            }
            Err(code) => return Ok(code),
        },
        Command::Completions { shell } => terminal::bytes(completions(shell)?.as_bytes()),
        Command::Man { to } => cli::man::run(Arguments::command(), to.as_deref())?,
        Command::Init(arguments) => return cli::init::run(arguments),
        Command::Doctor { config, json } => return cli::doctor::run(&config, &env, json).await,
        Command::Health { config } => return health(&config).await,
        Command::Reload { config, pid } => {
            let database = match Database::load(&config, &env) {
                Ok(database) => database,
                Err(mistakes) => return Ok(unusable(&config, &mistakes)),
            };
            return cli::reload::run(&database, pid).await;
        }
        Command::Backup { config, to } => {
            let database = match Database::load(&config, &env) {
                Ok(database) => database,
                Err(mistakes) => return Ok(unusable(&config, &mistakes)),
            };
            let copied = backup::backup(database.url.expose(), &to).await?;
            terminal::line(format!(
                "{}: {} rollbacks, {} timeline entries, {} bytes; read through, and whole",
                to.display(),
                copied.rollbacks,
                copied.entries,
                copied.bytes
            ));
        }
        Command::Verify {
            file,
            incident,
            config,
        } => {
            if let Some(file) = file {
                return verify::verify_file(&file);
            }
            let database = match Database::load(&config, &env) {
                Ok(database) => database,
                Err(mistakes) => return Ok(unusable(&config, &mistakes)),
            };
            if let Some(incident) = incident {
                return verify::verify_record(database.url.expose(), incident).await;
            }
        }
        Command::Remote(remote) => return cli::run(remote).await,
        Command::Run { config, offline } => match load(&config) {
            Ok(config) => return offline::run(config, offline).await,
            Err(code) => return Ok(code),
        },
        Command::Token { config, command } => match load(&config) {
            Ok(config) => token::run(&config, command).await?,
            Err(code) => return Ok(code),
        },
        Command::Lint(arguments) => return lint::run(&arguments),
        Command::Providers => terminal::line(overview::text()),
        Command::Manifest {
            config,
            public_url,
            socket,
        } => {
            let manifest = match (public_url, socket) {
                (Some(public_url), _) => manifest::manifest(Some(&public_url)),
                (None, true) => manifest::manifest(None),
                (None, false) => match load(&config) {
                    Ok(config) => manifest_of(&config),
                    Err(code) => return Ok(code),
                },
            };
            terminal::json(&manifest)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "demo")]
use rollback_bot::demo::demo;

/// Says how a build with the demo is made; this one is for production.
#[cfg(not(feature = "demo"))]
async fn demo(_: u16, _: bool) -> anyhow::Result<()> {
    anyhow::bail!(
        "this build is for production, the demo is not in it; in the sources, `cargo run --release -- demo` builds and shows it"
    )
}

/// What completes commands in a shell.
fn completions(shell: Shell) -> anyhow::Result<String> {
    let mut text = vec![];
    clap_complete::generate(shell, &mut Arguments::command(), PROGRAM, &mut text);
    // clap_complete 4.6 writes a program with a hyphen in its name in two ways for bash, by which the
    // flags of its commands are never found.
    Ok(String::from_utf8(text)?.replace("rollback__subcmd__bot", "rollback__bot"))
}

/// Asks the bot of this configuration whether it is ready.
async fn health(config: &Path) -> anyhow::Result<ExitCode> {
    let listening = match Server::load(config, &env) {
        Ok(server) => server.operators_address.or(server.listen),
        Err(mistakes) => return Ok(unusable(config, &mistakes)),
    };
    if let Some(address) = listening {
        return cli::health::ask(address).await;
    }
    match Database::load(config, &env) {
        Ok(database) => cli::health::look_up(&database).await,
        Err(mistakes) => Ok(unusable(config, &mistakes)),
    }
}

/// The configuration, or every mistake in it at once.
fn load(path: &Path) -> Result<Config, ExitCode> {
    Config::load(path, &env, &RESERVED).map_err(|mistakes| unusable(path, &mistakes))
}

/// The manifest for the bot of this configuration.
fn manifest_of(config: &Config) -> serde_json::Value {
    let public_url = match config.slack.delivery {
        Delivery::Requests { .. } => config.server.public_url.as_ref(),
        Delivery::SocketMode { .. } => None,
    };
    let manifest = manifest::manifest(public_url);
    match &config.web {
        Some(web) => manifest::with_sign_in(manifest, &web.redirect_url()),
        None => manifest,
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn unusable(path: &Path, mistakes: &Mistakes) -> ExitCode {
    terminal::error(format!(
        "rollback-bot: {} cannot be used:\n{mistakes}",
        path.display()
    ));
    ExitCode::from(2)
}
