//! What a service says about its directories.

use super::{Releases, disk};
use crate::{
    Provider,
    registry::{Documentation, Kind, ProviderSettings},
};
use reqwest::Client;
use rollback_domain::risk::Risk;
use rollback_settings::{Repeats, Section, Value, duration, text, wrong_type};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// Release directories, as the registry knows them.
pub const KIND: Kind = Kind {
    name: "releases",
    class: Risk::Code,
    documentation: Documentation {
        restores: "The files of the release directory.",
        leaves: "Database, environment and shared files.",
        pins: "Nothing is held off: the next deploy moves the link like any other time.",
        needs: "Write access to the directory that holds `releases` and `current`, on this machine.",
        takes: "The rename takes no time, the restart command as long as it takes.",
        proven: "Real directories, links and processes.",
        traps: &[
            "Until the restart has succeeded the process serves what it did before: PARTIAL 1/2.",
        ],
    },
    read: |section| Some(Arc::new(Releases::read(section)?)),
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// A command as it can be written.
const RESTART: &str = "\"systemctl\", \"restart\", \"shop\"";

impl Releases {
    /// Reads what a service says about it; `None` when there is a mistake in it.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        let path = section.required("path", "\"/srv/shop\"", |value| {
            let path = PathBuf::from(text(value)?);
            if !path.is_absolute() {
                return Err(format!("{path:?} is not absolute; begin it with /"));
            }
            Ok(path)
        });
        let restart = restart(section);
        let restart_timeout = section.or("restart_timeout", MINUTE, duration(SECOND..=HOUR));
        Some(Self {
            path: path?,
            restart: restart?,
            restart_timeout,
        })
    }
}

/// The outer `None`: there is a mistake in it.
fn restart(section: &Section<'_>) -> Option<Option<Vec<String>>> {
    let restart = match section.get("restart") {
        None => Some(None),
        Some(Value::String(_)) => {
            section.mistake(
                "restart",
                format!(
                    "is one text, but no shell takes it apart; write the program and each argument \
                     for themselves: restart = [{RESTART}]"
                ),
            );
            None
        }
        Some(_) => section
            .list("restart", RESTART, Repeats::Allowed, |value| match value {
                Value::String(argument) => Ok(argument.clone()),
                other => Err(wrong_type(other, "text in quotes")),
            })
            .map(Some),
    };
    if let Some(Some(command)) = &restart
        && command.first().is_some_and(String::is_empty)
    {
        section.mistake(
            "restart",
            "begins with nothing; write the program to run first",
        );
    }
    restart
}

impl ProviderSettings for Releases {
    fn identity(&self) -> String {
        format!("{:?}", disk::canonical(&self.path))
    }

    fn connect(&self, _http: &Client) -> Arc<dyn Provider> {
        Arc::new(self.clone())
    }
}
