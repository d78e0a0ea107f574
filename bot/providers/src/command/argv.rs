//! A command: a program and its arguments, without a shell.

use crate::{
    configured::{
        call::{Accepted, Call, Connection, Purpose, Sources},
        fields::{Misfit, document_of_output},
        template::{Names, Template, Values},
    },
    process::{End, Ended, Keep, Program, last_words, run},
};
use async_trait::async_trait;
use rollback_domain::platform::ProviderError;
use rollback_settings::{Repeats, Section, Value as Setting, number, text, wrong_type};
use serde_json::Value;
use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The most bytes that are read of what a command prints.
const OUTPUT_AT_MOST: usize = 4 * 1024 * 1024;
/// Programs that read an argument as commands of their own.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "busybox"];
/// Programs that hand their arguments to a shell on another machine.
const REMOTE_SHELLS: [&str; 2] = ["ssh", "mosh"];
/// Placeholders that people write.
const WRITTEN_BY_PEOPLE: [&str; 2] = ["because", "by"];
/// A command as it can be written.
const EXAMPLE: &str = "\"kamal\", \"rollback\", \"{id}\"";

/// A program and its arguments.
#[derive(Clone, Debug)]
pub(super) struct Argv(Vec<Template>);

/// What all commands of a service have in common.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    /// Where they run; `None`: where the bot does.
    directory: Option<PathBuf>,
    /// The variables of the bot's environment that they get besides the usual ones.
    environment: Vec<String>,
    /// Exit codes that mean that nothing was done, and will not be.
    refused: Vec<i32>,
    /// Exit codes that mean that nothing was done, and may be later.
    busy: Vec<i32>,
}

#[async_trait]
impl Call for Argv {
    type Shared = Shared;

    const KEY: &'static str = "run";

    fn shared(sources: Sources<'_>, _names: &Names) -> Option<Shared> {
        let codes = |key: &'static str, default: &[i32]| {
            let section = sources.of(key);
            let codes =
                section.any_list(key, "75", Repeats::Refused, |value| number(value, 1..=255));
            codes.unwrap_or_else(|| default.to_vec())
        };
        let own = sources.own;
        let directory = own.optional("directory", |value| {
            let path = PathBuf::from(text(value)?);
            match path.is_absolute() {
                true => Ok(path),
                false => Err(format!("{path:?} is not absolute; begin it with /")),
            }
        });
        let environment = own.any_list("environment", "\"KUBECONFIG\"", Repeats::Refused, text);
        Some(Shared {
            directory,
            environment: environment.unwrap_or_default(),
            refused: codes("refused", &[]),
            // EX_TEMPFAIL of sysexits.h.
            busy: codes("busy", &[75]),
        })
    }

    fn read(section: &Section<'_>, names: &Names) -> Option<Self> {
        section.required(Self::KEY, &format!("[{EXAMPLE}]"), |value| {
            Self::parse(value, names)
        })
    }

    fn read_short(value: &Setting, names: &Names) -> Option<Result<Self, String>> {
        Some(Self::parse(value, names))
    }

    fn document(body: &str) -> Result<Value, Misfit> {
        document_of_output(body)
    }

    async fn send(
        &self,
        connection: Connection<'_, Shared>,
        purpose: Purpose<'_>,
    ) -> Result<Accepted, ProviderError> {
        let command = self
            .filled(connection.values)
            .map_err(|unfilled| ProviderError::Refused(unfilled.sentence(connection.platform)))?;
        let secrets = connection.values.secrets();
        let secrets = secrets.map(|(name, secret)| (name.to_owned(), secret.expose().into()));
        let inherited = connection.shared.environment.iter();
        let inherited = inherited.filter_map(|name| Some((name.clone(), env::var_os(name)?)));
        let environment: Vec<(String, OsString)> = inherited.chain(secrets).collect();
        let ended = run(Program {
            command: &command,
            directory: connection.shared.directory.as_deref(),
            environment: &environment,
            within: connection.within,
            keep: Keep::AllUpTo(OUTPUT_AT_MOST),
        })
        .await;
        let program = command.first().map(String::as_str).unwrap_or_default();
        judge(program, &ended, &connection, purpose)
    }

    fn identity(&self, shared: &Shared, values: &Values) -> String {
        let arguments = self.0.iter().map(|argument| argument.partly_filled(values));
        let arguments: Vec<String> = arguments.collect();
        format!("{:?} {arguments:?}", shared.directory)
    }

    fn lacks(&self, shared: &Shared, values: &Values) -> Option<String> {
        if let Some(directory) = shared.directory.as_deref().filter(|path| !path.is_dir()) {
            return Some(format!(
                "the directory {} is not there; make it, or correct directory in the configuration",
                directory.display()
            ));
        }
        let program = self
            .0
            .first()?
            .fill(values, |value, _| Ok(value.to_owned()));
        let program = program.ok()?;
        match find(&program, shared.directory.as_deref()) {
            Found::Yes => None,
            Found::NotExecutable(path) => Some(format!(
                "{} may not be executed by this process; chmod +x it",
                path.display()
            )),
            Found::No if program.contains('/') => Some(format!(
                "{program} is not there; install it, or correct the path"
            )),
            Found::No => Some(format!(
                "{program} is not in any directory of PATH; install it on this machine, or write its whole path"
            )),
        }
    }
}

impl Argv {
    fn parse(value: &Setting, names: &Names) -> Result<Self, String> {
        let Setting::Array(arguments) = value else {
            return Err(match value {
                Setting::String(_) => format!(
                    "is one text, but no shell takes it apart; write the program and each argument for themselves: [{EXAMPLE}]"
                ),
                other => wrong_type(other, &format!("a list: [{EXAMPLE}]")),
            });
        };
        // Secrets are in the environment; an argument can be read by every user of the machine.
        let names = Names {
            texts: names.texts.clone(),
            secrets: vec![],
        };
        let read = arguments.iter().map(|argument| match argument {
            Setting::String(argument) => Template::parse(argument, &names),
            other => Err(wrong_type(other, "text in quotes")),
        });
        let arguments: Vec<Template> = read.collect::<Result<_, String>>()?;
        let Some(program) = arguments.first() else {
            return Err(format!(
                "is empty; write the program to run first: [{EXAMPLE}]"
            ));
        };
        let program = program.partly_filled(&Values::default());
        if program.trim().is_empty() {
            return Err("begins with nothing; write the program to run first".to_owned());
        }
        refuse_scripts(&program, &arguments)?;
        Ok(Self(arguments))
    }

    fn filled(
        &self,
        values: &Values,
    ) -> Result<Vec<String>, crate::configured::template::Unfilled> {
        let arguments = self.0.iter();
        arguments
            .map(|argument| argument.fill(values, write))
            .collect()
    }
}

/// A value as it stands in an argument. One that begins an argument must not look like an option.
fn write(value: &str, begins: bool) -> Result<String, String> {
    if value.contains('\0') {
        return Err("has a character that no argument can have".to_owned());
    }
    match begins && value.starts_with('-') {
        // A reason may begin with what it likes.
        true if value.contains(' ') => Ok(format!(" {value}")),
        true => Err(format!("would be read as an option ({value:?})")),
        false => Ok(value.to_owned()),
    }
}

/// A shell must not read as commands what others wrote.
fn refuse_scripts(program: &str, arguments: &[Template]) -> Result<(), String> {
    let name = Path::new(program)
        .file_name()
        .map(|name| name.to_string_lossy());
    let name = name.unwrap_or_default();
    let is_option = |argument: &Template| {
        let argument = argument.partly_filled(&Values::default());
        argument.starts_with('-') && !argument.starts_with("--") && argument.contains('c')
    };
    if SHELLS.contains(&&*name)
        && let Some(at) = arguments.iter().position(is_option)
        && let Some(filled) = arguments
            .get(at + 1)
            .and_then(|script| script.placeholders().next())
    {
        return Err(format!(
            "would have a shell read {{{filled}}} as a command; hand it over as an argument: [\"sh\", \"-c\", \"deploy \\\"$1\\\"\", \"sh\", \"{{{filled}}}\"]"
        ));
    }
    let written = arguments.iter().flat_map(Template::placeholders);
    let mut written = written.filter(|filled| WRITTEN_BY_PEOPLE.contains(filled));
    if REMOTE_SHELLS.contains(&&*name)
        && let Some(filled) = written.next()
    {
        return Err(format!(
            "would have a shell of another machine read {{{filled}}}, which people write; leave it out"
        ));
    }
    Ok(())
}

/// What the end of a command means.
fn judge(
    program: &str,
    ended: &Ended,
    connection: &Connection<'_, Shared>,
    purpose: Purpose<'_>,
) -> Result<Accepted, ProviderError> {
    let hide = |text: &[u8]| {
        connection
            .values
            .hide_secrets(&String::from_utf8_lossy(text))
    };
    let words = connection
        .values
        .hide_secrets(&ended.last_words())
        .replace('<', "‹");
    let words = words.trim_end_matches('.');
    let said = |end: String| match words {
        "" => end,
        words => format!("{end}: {words}"),
    };
    let shared = connection.shared;
    let seconds = connection.within.as_secs_f64();
    let end = match &ended.end {
        End::Code(0) => {
            let body = hide(&ended.printed);
            return Ok(Accepted {
                outcome: match last_words(body.lines().last().unwrap_or_default()) {
                    line if line.is_empty() => format!("{program} ended with exit 0"),
                    line => format!(
                        "{program} ended with exit 0: {}",
                        rollback_http::cut(&line, 120)
                    ),
                },
                body,
            });
        }
        End::NotStarted(error) => {
            return Err(ProviderError::Refused(format!(
                "{}: {program} could not be started ({error}), so nothing was done. Install it on this machine, or write its whole path in the configuration.",
                connection.platform
            )));
        }
        End::Code(code) if shared.busy.contains(code) => {
            return Err(ProviderError::Busy {
                why: format!(
                    "{}: {program} is busy ({}).",
                    connection.platform,
                    said(format!("exit {code}"))
                ),
                retry_after: None,
            });
        }
        End::Code(code) if shared.refused.contains(code) => {
            return Err(ProviderError::Refused(format!(
                "{}: {program} refuses ({}). Look at what it says, then ask for a new plan.",
                connection.platform,
                said(format!("exit {code}"))
            )));
        }
        End::Code(code) => said(format!("exit {code}")),
        End::Signal => said("stopped by a signal".to_owned()),
        End::Lost(error) => format!("its end could not be read, {error}"),
        End::TimedOut => said(format!("no end after {seconds} s, killed")),
        End::PrintedTooMuch => format!("it printed more than {} MiB", OUTPUT_AT_MOST >> 20),
    };
    Err(uncertain(program, &ended.end, &end, connection, purpose))
}

/// What an end means that says nothing certain, described as a clause.
fn uncertain(
    program: &str,
    end: &End,
    clause: &str,
    connection: &Connection<'_, Shared>,
    purpose: Purpose<'_>,
) -> ProviderError {
    let platform = connection.platform;
    match purpose {
        Purpose::Change(what) => ProviderError::Unanswered(format!(
            "{platform}: {program} was run to {what}, and its end says nothing certain ({clause}). I'm checking what serves and won't run it again."
        )),
        Purpose::Read(what) => match end {
            End::TimedOut | End::Signal | End::Lost(_) => ProviderError::Busy {
                why: format!("{platform}: {program} does not tell {what} ({clause})."),
                retry_after: None,
            },
            End::Code(_) | End::NotStarted(_) | End::PrintedTooMuch => {
                ProviderError::Refused(format!(
                    "{platform}: {program} does not tell {what} ({clause}). Run it by hand as the bot's user, and correct the command."
                ))
            }
        },
    }
}

/// Whether a program can be run.
enum Found {
    Yes,
    NotExecutable(PathBuf),
    No,
}

/// Looks for a program as the system would.
fn find(program: &str, directory: Option<&Path>) -> Found {
    let paths: Vec<PathBuf> = match program.contains('/') {
        true => vec![directory.unwrap_or(Path::new("")).join(program)],
        false => {
            let path = env::var_os("PATH").unwrap_or_default();
            env::split_paths(&path)
                .map(|directory| directory.join(program))
                .collect()
        }
    };
    let mut found = Found::No;
    for path in paths {
        match fs::metadata(&path) {
            Ok(file) if file.is_file() && file.permissions().mode() & 0o111 != 0 => {
                return Found::Yes;
            }
            Ok(file) if file.is_file() => found = Found::NotExecutable(path),
            Ok(_) | Err(_) => {}
        }
    }
    found
}
