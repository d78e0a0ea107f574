//! `rollback-bot doctor`: prints what is missing, each with what to do about it.

use crate::{
    config::{Config, Database},
    doctor,
    findings::{Findings, Level},
    terminal::{self, cell},
};
use rollback_domain::grammar::RESERVED;
use rollback_settings::Env;
use serde_json::json;
use std::{path::Path, process::ExitCode};

/// The exit code of a configuration that cannot be used.
const UNUSABLE: u8 = 2;

/// Looks at everything, prints it for people or as JSON, and gives the exit code: 0 nothing is
/// missing, 1 something does not work, 2 the configuration cannot be used.
pub async fn run(path: &Path, env: Env<'_>, is_json: bool) -> anyhow::Result<ExitCode> {
    let (findings, of_mistakes) = match Config::load(path, env, &RESERVED) {
        Ok(config) => (doctor::examine(&config).await?, ExitCode::FAILURE),
        Err(mistakes) => {
            let database = Database::load(path, env).ok();
            let findings = doctor::examine_unusable(&mistakes, database.as_ref()).await;
            (findings, ExitCode::from(UNUSABLE))
        }
    };
    match is_json {
        true => terminal::json(&json!({
            "mistakes": findings.mistakes(),
            "findings": findings.0,
        }))?,
        false => print(&findings),
    }
    Ok(match findings.mistakes() {
        0 => ExitCode::SUCCESS,
        _ => of_mistakes,
    })
}

fn print(findings: &Findings) {
    for finding in &findings.0 {
        let style = match finding.level {
            Level::Ok => "32",
            Level::Note => "33",
            Level::Mistake => "31",
        };
        let kind = format!("{:<10}", finding.level.name());
        let text = cell(&format!("{}: {}", finding.key, finding.sentence));
        terminal::styled([(style, kind.as_str()), ("", text.as_str()), ("", "\n")]);
        if let Some(next) = &finding.next {
            terminal::line(format!("          → {}", cell(next)));
        }
    }
    terminal::line(match findings.mistakes() {
        0 => "\nnothing is missing".to_owned(),
        1 => "\n1 thing does not work".to_owned(),
        n => format!("\n{n} things do not work"),
    });
}
