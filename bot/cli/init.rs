//! `rollback-bot init`: a few questions, and a configuration and a manifest that pass `check`.
//!
//! Each answer is put into the configuration, which is then read as the bot reads it: a mistake in
//! what was answered is said, and the question comes again. Which keys a platform needs is known
//! from the same mistakes, so no provider is named here. Secrets are never asked for: the files name
//! environment variables, and what has to be exported is printed.

use super::Mistaken;
use crate::{
    config::{Config, public_url_of},
    manifest::manifest,
    terminal,
};
use anyhow::{Context, bail};
use clap::Args;
use rollback_domain::grammar::RESERVED;
use rollback_settings::{Mistake, Mistakes, SecretKind, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};
use url::Url;

/// How a key that is not there is told.
const MISSING: &str = "is missing; write ";
/// What stands for the secrets of the files while they are tried.
const PLACEHOLDERS: [(&str, &str); 4] = [
    ("SLACK_BOT_TOKEN", "xoxb-000000000000-000000000000-000000"),
    ("SLACK_APP_TOKEN", "xapp-1-A00000000-000000000000-000000"),
    ("SLACK_SIGNING_SECRET", "00000000000000000000000000000000"),
    ("DATABASE_URL", "postgres://rollback@localhost/rollback"),
];
const PLACEHOLDER: &str = "a-placeholder-while-it-is-tried";

/// The answers that are known before, and where the files go.
#[derive(Debug, Args)]
pub struct Init {
    /// The configuration to write.
    #[arg(long, default_value = "rollback-bot.toml")]
    config: PathBuf,
    /// The manifest of the Slack app to write.
    #[arg(long, default_value = "slack-app-manifest.json")]
    manifest: PathBuf,
    /// How Slack reaches the bot: `socket` (no public address is needed), or an https address.
    #[arg(long)]
    slack: Option<String>,
    /// Where rollbacks are recorded: sqlite://rollback-bot.db, or env:DATABASE_URL for Postgres.
    #[arg(long)]
    database: Option<String>,
    /// What can be rolled back: frontend, or frontend@staging.
    #[arg(long)]
    service: Option<String>,
    /// Where it runs, as `rollback-bot providers` calls it: vercel, docker, kubernetes.
    #[arg(long)]
    provider: Option<String>,
    /// A key of the platform: project=prj_123. Once for each.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Who may approve: member ids (U…) or one user group (S…), with commas.
    #[arg(long)]
    approvers: Option<String>,
    /// Overwrite the files if they are there.
    #[arg(long)]
    force: bool,
}

/// Asks, writes both files, and says what comes next. Exit code 1 if a file is there that may not be
/// overwritten.
pub fn run(init: Init) -> anyhow::Result<ExitCode> {
    for path in [&init.config, &init.manifest] {
        if path.exists() && !init.force && !may_overwrite(path)? {
            terminal::error(format!(
                "rollback-bot: {} is there already, and nothing was written; --force overwrites it, --config and --manifest name other files",
                path.display()
            ));
            return Ok(ExitCode::FAILURE);
        }
    }
    let draft = asked(&init)?;
    let text = draft.text();
    if let Err(mistakes) = draft.read() {
        bail!("this configuration would not load, so nothing was written:\n{mistakes}");
    }
    let json = serde_json::to_string_pretty(&manifest(draft.public_url.as_ref()))?;
    write_whole(&init.config, &text)?;
    write_whole(&init.manifest, &(json + "\n"))?;
    say_what_comes_next(&init, &draft);
    Ok(ExitCode::SUCCESS)
}

/// Asks everything that the flags do not say.
fn asked(init: &Init) -> anyhow::Result<Draft> {
    let mut draft = Draft::default();
    let set = init.set.iter().map(|text| {
        let wrong = || {
            Mistaken(format!(
                "{text:?} is not KEY=VALUE, as in --set project=prj_123"
            ))
        };
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        Ok((key.trim().to_owned(), value.trim().to_owned()))
    });
    let set: BTreeMap<String, String> = set.collect::<Result<_, Mistaken>>()?;
    Question {
        text: "How does Slack reach the bot? `socket` needs no public address; otherwise its https address",
        default: Some("socket"),
        flag: "--slack",
    }
    .ask(init.slack.as_deref(), |answer| {
        draft.public_url = match answer {
            "socket" => None,
            address => Some(
                public_url_of(address).map_err(|why| format!("{why}, or write socket"))?,
            ),
        };
        Ok(())
    })?;
    Question {
        text: "What do you want to be able to roll back? Its name, or name@environment",
        default: Some("frontend"),
        flag: "--service",
    }
    .ask(init.service.as_deref(), |answer| {
        let (name, environment) = answer.split_once('@').unwrap_or((answer, "production"));
        draft.service = (name.to_owned(), environment.to_owned());
        draft.accepts(&["services"])
    })?;
    let provider = draft.missing("provider").unwrap_or_default();
    Question {
        text: &format!("Where does it run? {}", provider.replace('"', "")),
        default: None,
        flag: "--provider",
    }
    .ask(init.provider.as_deref(), |answer| {
        draft.set("provider", answer)
    })?;
    platform(&mut draft, set)?;
    Question {
        text: "Who may approve? Slack member ids (U…, from people's profiles), or a user group (S…)",
        default: None,
        flag: "--approvers",
    }
    .ask(init.approvers.as_deref(), |answer| {
        let ids = answer.split([',', ' ']).filter(|id| !id.is_empty());
        draft.approvers = ids.map(str::to_owned).collect();
        draft.accepts(&["roles"])
    })?;
    Question {
        text: "Where are rollbacks recorded? env:DATABASE_URL is a Postgres",
        default: Some("sqlite://rollback-bot.db"),
        flag: "--database",
    }
    .ask(init.database.as_deref(), |answer| {
        draft.database = Some(answer.to_owned());
        draft.accepts(&["database"])
    })?;
    Ok(draft)
}

/// Asks for each key that the platform needs. What it calls by the name of a variable is a secret, and
/// is not asked for.
fn platform(draft: &mut Draft, mut set: BTreeMap<String, String>) -> anyhow::Result<()> {
    for (key, value) in std::mem::take(&mut set) {
        draft.set(&key, &value).map_err(Mistaken)?;
    }
    while let Some(mistake) = draft.mistake_of_platform() {
        let key = mistake
            .key
            .rsplit('.')
            .next()
            .unwrap_or_default()
            .to_owned();
        let example = mistake.problem.strip_prefix(MISSING);
        let example = example.and_then(|rest| rest.strip_prefix(&format!("{key} = ")));
        match example {
            Some(secret) if secret.starts_with("\"env:") => {
                let name = secret.trim_matches('"').to_owned();
                draft.set(&key, &name).map_err(Mistaken)?;
            }
            Some(example) => {
                let text = format!("{key}, for example {example}");
                let flag = format!("--set {key}=…");
                let question = Question {
                    text: &text,
                    default: None,
                    flag: &flag,
                };
                question.ask(None, |answer| draft.set(&key, answer))?;
            }
            // One of several keys, which the sentence names.
            None => {
                let text = format!("{}. Write one as key = value", mistake.problem);
                let question = Question {
                    text: &text,
                    default: None,
                    flag: "--set KEY=VALUE",
                };
                question.ask(None, |answer| {
                    let (key, value) = answer.split_once('=').ok_or("that is not key = value")?;
                    draft.set(key.trim(), value.trim().trim_matches('"'))
                })?;
            }
        }
    }
    Ok(())
}

/// Something that is asked.
struct Question<'a> {
    text: &'a str,
    default: Option<&'a str>,
    /// The flag that answers it.
    flag: &'a str,
}

impl Question<'_> {
    /// Asks until `take` accepts the answer; says what is wrong with the others. A flag is not asked
    /// again: it is a mistake.
    fn ask(
        &self,
        flagged: Option<&str>,
        mut take: impl FnMut(&str) -> Result<(), String>,
    ) -> anyhow::Result<()> {
        if let Some(answer) = flagged {
            let taken = no_secret(answer).and_then(|()| take(answer));
            return taken.map_err(|why| Mistaken(format!("{}: {why}", self.flag)).into());
        }
        loop {
            let default = self
                .default
                .map_or_else(String::new, |one| format!(" [{one}]"));
            let Some(answer) = typed(&format!("{}{default}: ", self.text))? else {
                return Err(Mistaken(format!(
                    "nobody answers: {}; {} says it, and nothing was written",
                    self.text, self.flag
                ))
                .into());
            };
            let answer = match (answer.as_str(), self.default) {
                ("", Some(default)) => default,
                ("", None) => {
                    terminal::line("  There is no answer yet.");
                    continue;
                }
                (answer, _) => answer,
            };
            match no_secret(answer).and_then(|()| take(answer)) {
                Ok(()) => return Ok(()),
                Err(why) => terminal::line(format!("  {why}")),
            }
        }
    }
}

/// Refuses what looks like a secret: it would stand in a file.
fn no_secret(answer: &str) -> Result<(), String> {
    match SecretKind::of(answer) {
        None | Some(SecretKind::WebAddress) => Ok(()),
        Some(kind) => Err(format!(
            "That looks like {}. Secrets do not belong here: the files name environment variables.",
            kind.description()
        )),
    }
}

/// A line of the person at the terminal, or of what is piped in; `None`: there is no more.
fn typed(question: &str) -> io::Result<Option<String>> {
    terminal::question(question);
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line)?;
    if !line.ends_with('\n') || !io::IsTerminal::is_terminal(&io::stdin()) {
        terminal::line("");
    }
    Ok((read > 0).then(|| line.trim().to_owned()))
}

fn may_overwrite(path: &Path) -> io::Result<bool> {
    let question = format!("{} is there already. Overwrite it? [no]: ", path.display());
    let answer = typed(&question)?.unwrap_or_default();
    Ok(["y", "yes"].contains(&answer.to_ascii_lowercase().as_str()))
}

/// A configuration that is being asked for.
#[derive(Debug, Default)]
struct Draft {
    public_url: Option<Url>,
    database: Option<String>,
    service: (String, String),
    /// The keys of the service's platform, `provider` among them.
    platform: BTreeMap<String, String>,
    approvers: Vec<String>,
}

impl Draft {
    /// The file as it is by now.
    fn text(&self) -> String {
        let quoted = |text: &str| Value::String(text.to_owned()).to_string();
        let mut text = "# Written by `rollback-bot init`; rollback-bot.example.toml has every key with its default.\n\
             # No secret is in this file: \"env:NAME\" is what the environment variable NAME holds.\n"
            .to_owned();
        if let Some(url) = &self.public_url {
            let url = quoted(url.as_str().trim_end_matches('/'));
            text += &format!("\n[server]\nlisten = \"127.0.0.1:3000\"\npublic_url = {url}\n");
        }
        let database = self
            .database
            .as_deref()
            .unwrap_or("sqlite://rollback-bot.db");
        text += &format!("\n[database]\nurl = {}\n", quoted(database));
        text += match self.public_url {
            Some(_) => "\n[slack]\nsigning_secret = \"env:SLACK_SIGNING_SECRET\"\n",
            None => "\n[slack]\napp_token = \"env:SLACK_APP_TOKEN\"\n",
        };
        text += "bot_token = \"env:SLACK_BOT_TOKEN\"\n";
        if let [only] = &self.approvers[..]
            && !only.starts_with('S')
        {
            text += "\n# One person asks and approves. With a second one, \"small-team\".\n[policy]\npreset = \"solo\"\n";
        }
        let (groups, members): (Vec<&String>, Vec<&String>) =
            self.approvers.iter().partition(|id| id.starts_with('S'));
        text += "\n[roles.approvers]\n";
        if let Some(group) = groups.first() {
            text += &format!("slack_usergroup = {}\n", quoted(group));
        }
        if !members.is_empty() {
            let members: Vec<String> = members.into_iter().map(|id| quoted(id)).collect();
            text += &format!("members = [{}]\n", members.join(", "));
        }
        let (name, environment) = &self.service;
        text += &format!("\n[services.{}.{}]\n", key(name), key(environment));
        let (provider, rest): (Vec<_>, Vec<_>) = self
            .platform
            .iter()
            .partition(|(key, _)| *key == "provider");
        for (name, value) in provider.into_iter().chain(rest) {
            text += &format!("{} = {}\n", key(name), quoted(value));
        }
        text + "approve = [\"approvers\"]\n"
    }

    /// Reads it as the bot would.
    fn read(&self) -> Result<Config, Mistakes> {
        let env = |name: &str| {
            let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
            Some(known.map_or(PLACEHOLDER, |(_, value)| value).to_owned())
        };
        let files = |path: &Path| fs::read_to_string(path);
        Config::parse(&self.text(), &env, &files, &RESERVED)
    }

    fn mistakes(&self) -> Vec<Mistake> {
        self.read()
            .err()
            .map_or_else(Vec::new, |mistakes| mistakes.0)
    }

    /// Whether what was answered below one of these keys is right; otherwise what is wrong with it.
    fn accepts(&self, keys: &[&str]) -> Result<(), String> {
        let is_wrong = |mistake: &&Mistake| {
            let is_of = keys.iter().any(|key| mistake.key.starts_with(key));
            is_of && !mistake.problem.starts_with(MISSING) && !self.is_of_platform(mistake)
        };
        let mistakes = self.mistakes();
        match mistakes.iter().find(is_wrong) {
            Some(mistake) => Err(mistake.to_string()),
            None => Ok(()),
        }
    }

    /// Whether it is about the section of the service itself, as when one of several keys is missing.
    fn is_of_platform(&self, mistake: &Mistake) -> bool {
        mistake.key == self.section()
    }

    fn section(&self) -> String {
        format!("services.{}.{}", self.service.0, self.service.1)
    }

    /// Sets a key of the platform, unless the value is wrong.
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let before = self.platform.insert(key.to_owned(), value.to_owned());
        let accepted = self.accepts(&[&format!("{}.{key}", self.section())]);
        if accepted.is_err() {
            match before {
                Some(before) => self.platform.insert(key.to_owned(), before),
                None => self.platform.remove(key),
            };
        }
        accepted
    }

    /// The first mistake in the service's section.
    fn mistake_of_platform(&self) -> Option<Mistake> {
        let section = self.section();
        let mut mistakes = self.mistakes().into_iter();
        mistakes.find(|mistake| mistake.key.starts_with(&section))
    }

    /// What may be written for a key of the service that is missing.
    fn missing(&self, key: &str) -> Option<String> {
        let path = format!("{}.{key}", self.section());
        let mistake = self
            .mistakes()
            .into_iter()
            .find(|mistake| mistake.key == path)?;
        let example = mistake
            .problem
            .strip_prefix(&format!("{MISSING}{key} = "))?;
        Some(example.to_owned())
    }

    /// The environment variables that it names, sorted.
    fn variables(&self) -> BTreeSet<String> {
        let text = self.text();
        let named = text.lines().filter(|line| !line.starts_with('#'));
        let named = named.filter_map(|line| line.split_once("\"env:")?.1.split_once('"'));
        named.map(|(name, _)| name.to_owned()).collect()
    }
}

/// A part of a key as TOML has it.
fn key(part: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    match !part.is_empty() && part.chars().all(is_bare) {
        true => part.to_owned(),
        false => Value::String(part.to_owned()).to_string(),
    }
}

/// Writes a file whole or not at all.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let shown = path.display();
    let mut file = tempfile::NamedTempFile::new_in(directory)
        .with_context(|| format!("{shown} cannot be written: is its directory there?"))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("{shown} cannot be written"))?;
    file.persist(path)
        .with_context(|| format!("{shown} cannot be written"))?;
    Ok(())
}

/// Where a secret comes from, where that is the same for everybody.
fn whence(variable: &str) -> &'static str {
    match variable {
        "SLACK_BOT_TOKEN" => "   # xoxb-…: OAuth & Permissions, after the installation",
        "SLACK_APP_TOKEN" => {
            "   # xapp-…: Basic Information, App-Level Tokens, with connections:write"
        }
        "SLACK_SIGNING_SECRET" => "   # Basic Information",
        _ => "",
    }
}

fn say_what_comes_next(init: &Init, draft: &Draft) {
    let (config, manifest) = (init.config.display(), init.manifest.display());
    let variables = draft.variables();
    let exports = variables
        .iter()
        .map(|name| format!("     export {name}=…{}", whence(name)));
    let exports: Vec<String> = exports.collect();
    let exports = exports.join("\n");
    terminal::line(format!(
        "Wrote {config} and {manifest}. No secret is in them.\n\n\
         1. https://api.slack.com/apps → Create New App → From a manifest: paste {manifest}, and install it.\n\
         2. Export the secrets that {config} names:\n{exports}\n\
         3. rollback-bot doctor --config {config}\n\
         4. rollback-bot serve --config {config}\n\
         5. In Slack: /invite @rollback, then /rollback"
    ));
}
