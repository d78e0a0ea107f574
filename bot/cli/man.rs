//! `rollback-bot man`: the manual pages, of the program and of each of its commands.

use crate::{clock::Clock, terminal};
use clap::Command;
use clap_mangen::Man;
use jiff::Timestamp;
use std::{env, fs, path::Path};

/// What says, in seconds, which day stands on the pages: those of a release are the same whenever they
/// are made.
const DATE: &str = "SOURCE_DATE_EPOCH";

/// Prints the page of the program, or writes it and one for each command into a directory.
pub fn run(program: Command, to: Option<&Path>) -> anyhow::Result<()> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let Some(directory) = to else {
        let mut text = vec![];
        page(program).render(&mut text)?;
        terminal::bytes(&text);
        return Ok(());
    };
    fs::create_dir_all(directory)?;
    let mut left = vec![program];
    while let Some(command) = left.pop() {
        let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
        left.extend(shown.cloned());
        page(command).generate_to(directory)?;
    }
    Ok(())
}

/// A page with a date, the program's version and the name of the manual: what is left out here is
/// taken for what comes after it.
fn page(command: Command) -> Man {
    let named = env::var(DATE).ok().and_then(|seconds| seconds.parse().ok());
    let at = named.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let date = at
        .unwrap_or_else(|| Clock::real().now())
        .strftime("%Y-%m-%d");
    Man::new(command)
        .date(date.to_string())
        .source(concat!("rollback-bot ", env!("CARGO_PKG_VERSION")))
        .manual("Rollback Bot")
}
