//! `kind = "command"`: a program of this machine's, which passes when it ends with exit code 0.
//!
//! It is run without a shell, with nothing of the bot's own secrets in its environment, in a process
//! group of its own that is killed when its time is over.

use super::{Outcome, Probe, page::Sent};
use async_trait::async_trait;
use reqwest::Client;
use rollback_providers::process::{NotDone, run_to_end};
use rollback_settings::{Repeats, Secret, Section, text};
use std::{ffi::OsString, path::Path, sync::Arc, time::Duration};

/// How many letters of what a program says are repeated to people.
const QUOTED_AT_MOST: usize = 200;

/// A program, and what it finds in its environment.
#[derive(Debug)]
struct CommandCheck {
    /// The program, then each argument for itself.
    command: Vec<String>,
    environment: Vec<(String, Secret)>,
    /// What must not be repeated to anybody.
    hidden: Sent,
}

/// Reads its section.
pub(super) fn read(section: &Section<'_>, _is_watched: bool) -> Option<Arc<dyn Probe>> {
    let command = section.list(
        "command",
        "\"/usr/local/bin/smoke-test\"",
        Repeats::Allowed,
        text,
    );
    let variables = section.section("environment")?;
    let mut environment = vec![];
    let mut secrets = vec![];
    for name in variables.keys() {
        let mut letters = name.chars();
        if !letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            variables.mistake(
                name,
                "is no name of a variable; use letters, digits and \"_\"",
            );
            continue;
        }
        let value = variables.optional(name, |value| {
            let written = text(value)?;
            match written.starts_with("env:") || written.starts_with("file:") {
                true => {
                    let secret = section.secret(value)?;
                    secrets.push(secret.clone());
                    Ok(secret)
                }
                false => Ok(Secret::new(written)),
            }
        });
        environment.extend(value.map(|value| (name.to_owned(), value)));
    }
    Some(Arc::new(CommandCheck {
        command: command?,
        environment,
        hidden: Sent::of(vec![], secrets),
    }))
}

#[async_trait]
impl Probe for CommandCheck {
    async fn probe(&self, _http: &Client, within: Duration) -> Outcome {
        let environment = self.environment.iter();
        let environment: Vec<(String, OsString)> = environment
            .map(|(name, value)| (name.clone(), OsString::from(value.expose())))
            .collect();
        let quote = |why: &str| self.hidden.quote(why, QUOTED_AT_MOST);
        match run_to_end(&self.command, &environment, within).await {
            Ok(_) => Outcome::Passed,
            Err(NotDone::NotStarted(why)) => Outcome::Wrong(quote(&why)),
            Err(NotDone::Ended(why)) => Outcome::Failed(format!("fails ({})", quote(&why))),
        }
    }

    fn is_read(&self) -> bool {
        false
    }

    fn missing(&self) -> Option<String> {
        let program = self.command.first()?;
        let is_missing = program.contains('/') && !Path::new(program).is_file();
        is_missing.then(|| format!("there is no program {program} on this machine"))
    }
}
