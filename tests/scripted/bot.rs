//! The bot with the scripted providers in it, as a program: what `tests/machines` kills between
//! their steps. Never in what is released: it needs the feature `crash-points`.

#[path = "provider.rs"]
mod provider;
#[path = "seen.rs"]
mod seen;

use rollback_bot::{
    config::Config,
    serve,
    telemetry::{LogSettings, SHOWN},
};
use rollback_domain::grammar::RESERVED;
use std::{path::Path, process::ExitCode};

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    rollback_providers::registry::add(&[&provider::STEPS, &provider::WINDOW]);
    let env = |name: &str| std::env::var(name).ok();
    let shown = LogSettings::from_env(&env, SHOWN).expect("LOG_FORMAT and RUST_LOG can be read");
    let _shipping = shown.start().expect("lines can be written");
    let read = || Config::load(Path::new("rollback-bot.toml"), &env, &RESERVED);
    match read() {
        Ok(config) => match serve::serve(config, read).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        },
        Err(mistakes) => {
            eprintln!("{mistakes}");
            ExitCode::FAILURE
        }
    }
}
