//! `rollback-bot lint`: reads runbooks, and says what in them would go wrong.

use super::mistaken;
use crate::terminal;
use clap::{Args, ValueEnum};
use rollback_lint::{AT_MOST, File, Service, Style, covered, lint, services, suggest, text_of};
use std::{
    fs,
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The exit code when a file could not be read.
const NOT_READ: u8 = 2;

/// Which runbooks, and how they are told about.
#[derive(Debug, Args)]
pub struct Lint {
    /// The runbooks, in Markdown.
    #[arg(required = true)]
    runbooks: Vec<PathBuf>,
    /// A configuration, whose services are named where they do it instead. No secret is read.
    #[arg(long)]
    config: Option<PathBuf>,
    /// How what was found is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Write a draft of the configuration that the runbooks imply, instead of what was found.
    #[arg(long, conflicts_with_all = ["format", "config"])]
    suggest: bool,
}

/// How what was found is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for people.
    Human,
    /// JSON.
    Json,
    /// SARIF 2.1.0, which code hosts show beside the lines.
    Sarif,
}

/// Reads the runbooks, prints what was found, and gives the exit code: 0 nothing, 1 something, 2 a
/// file could not be read.
pub fn run(arguments: &Lint) -> anyhow::Result<ExitCode> {
    let services = match &arguments.config {
        Some(config) => configured(config)?,
        None => Vec::new(),
    };
    let read: Vec<(String, Result<String, String>)> = arguments
        .runbooks
        .iter()
        .map(|path| (path.display().to_string(), read(path)))
        .collect();
    if arguments.suggest {
        return Ok(print_draft(&read));
    }
    let files: Vec<File> = read
        .into_iter()
        .map(|(name, text)| File {
            name,
            covered: text
                .as_ref()
                .map_or_else(|_| Vec::new(), |text| covered(text, &services)),
            findings: text.map(|text| lint(&text, &services)),
        })
        .collect();
    match arguments.format {
        Format::Human => {
            let pieces = rollback_lint::text(&files);
            let pieces = pieces
                .iter()
                .map(|piece| (codes(piece.style), piece.text.as_str()));
            terminal::styled(pieces);
        }
        Format::Json => terminal::json(&rollback_lint::json(&files))?,
        Format::Sarif => terminal::json(&rollback_lint::sarif(&files))?,
    }
    let is_read = files.iter().all(|file| file.findings.is_ok());
    let is_clean = files
        .iter()
        .all(|file| file.findings.as_ref().is_ok_and(Vec::is_empty));
    Ok(match (is_read, is_clean) {
        (false, _) => ExitCode::from(NOT_READ),
        (true, false) => ExitCode::FAILURE,
        (true, true) => ExitCode::SUCCESS,
    })
}

/// Prints the draft of what could be read.
fn print_draft(read: &[(String, Result<String, String>)]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    let mut files = Vec::new();
    for (name, text) in read {
        match text {
            Ok(text) => files.push((name.as_str(), text.as_str())),
            Err(why) => {
                terminal::error(format!("rollback-bot: {name} {why}"));
                code = ExitCode::from(NOT_READ);
            }
        }
    }
    if !files.is_empty() {
        terminal::line(suggest(&files).trim_end());
    }
    code
}

/// The text of a runbook, or why there is none.
fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| {
        // A file that never ends is too large, too.
        file.take(AT_MOST as u64 + 1).read_to_end(&mut bytes)
    });
    match read {
        Ok(_) => text_of(&bytes)
            .map(str::to_owned)
            .map_err(|why| why.to_string()),
        Err(error) => Err(unread(&error)),
    }
}

fn unread(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "is not there; name a runbook in Markdown".to_owned(),
        ErrorKind::IsADirectory => "is a directory; name the runbooks in it".to_owned(),
        ErrorKind::PermissionDenied => "may not be read by this user".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

fn configured(path: &Path) -> anyhow::Result<Vec<Service>> {
    let name = path.display();
    let text = read(path).map_err(|why| mistaken(format!("{name} {why}")))?;
    services(&text).map_err(|why| mistaken(format!("{name} {why}")))
}

/// A style, as the numbers that terminals know.
fn codes(style: Style) -> &'static str {
    match style {
        Style::Plain => "",
        Style::Strong => "1",
        Style::Error => "1;31",
        Style::Warning => "1;33",
        Style::Note => "1;36",
        Style::Faint => "2",
    }
}
