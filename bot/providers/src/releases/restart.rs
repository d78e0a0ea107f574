//! The command that makes the application serve what the link leads to.

use crate::process::{End, Keep, Program, run};
use std::{path::Path, time::Duration};

/// The most that is kept of what a restart command prints, from the end.
const OUTPUT_AT_MOST: usize = 2 * 1024;

/// Runs the restart command to its end. `Err`: what went wrong, as a clause.
pub(super) async fn restart(
    command: &[String],
    path: &Path,
    within: Duration,
) -> Result<(), String> {
    let Some(program) = command.first() else {
        return Ok(());
    };
    let ended = run(Program {
        command,
        directory: Some(path),
        environment: &[],
        within,
        keep: Keep::End(OUTPUT_AT_MOST),
    })
    .await;
    let output = match ended.last_words() {
        words if words.is_empty() => words,
        words => format!(": {words}"),
    };
    match ended.end {
        End::Code(0) => Ok(()),
        End::Code(code) => Err(format!("exit {code}{output}")),
        End::Signal => Err(format!("stopped by a signal{output}")),
        End::NotStarted(error) => Err(format!("{program} could not be started ({error})")),
        End::Lost(error) => Err(format!("its end could not be read ({error})")),
        End::TimedOut | End::PrintedTooMuch => Err(format!(
            "no end after {} s, stopped{output}",
            within.as_secs_f64()
        )),
    }
}
